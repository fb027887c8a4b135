//! The status page on the card: where somebody changed it there, it is said, with the button that puts it right.

use super::card::View;
use super::mrkdwn::{actions, button, escape, moment, section};
use serde_json::Value;

/// That the public incident says something else.
pub fn of_card(v: &View) -> Vec<Value> {
    let Some((differs, since)) = &v.incident.page_differs else {
        return Vec::new();
    };
    let mut out = vec![section(&format!(
        ":warning: *The status page says {}*, and would say {}. Somebody changed it there; seen {}.",
        escape(&differs.shows),
        escape(&differs.wants),
        moment(*since)
    ))];
    let reference = v.incident.reference.to_string();
    out.extend(actions(
        "page",
        vec![button(
            "incident.page.mend",
            "Put the page right",
            &reference,
            Some("primary"),
        )],
    ));
    out
}
