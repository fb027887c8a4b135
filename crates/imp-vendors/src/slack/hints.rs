//! What is worth knowing beside it: other incidents, perhaps the same, perhaps the cause, or what helped the last time;
//! and how old the catalogue is.

use super::card::View;
use super::mrkdwn::{actions, as_it_was, button, context, italic, link, moment, quote, told};
use imp_core::hint::{Hint, Kind};
use imp_core::process::Category;
use serde_json::Value;

/// On the card, while it is worked on: each with the reason for which it is named, and what can be done about it.
pub fn of_card(v: &View) -> Vec<Value> {
    if v.hints.is_empty() || v.process.category(&v.incident.status) != Category::Active {
        return Vec::new();
    }
    let lines: Vec<String> = v.hints.iter().map(|h| line(v, h)).collect();
    let mut out = vec![told(&format!("*Worth a look*\n{}", lines.join("\n")))];
    let reference = v.incident.reference.to_string();
    let mut buttons = Vec::new();
    if let Some(h) = v.hints.iter().find(|h| h.kind == Kind::SameService) {
        buttons.push(button(
            &format!("hint.same.{}", h.reference),
            &format!("Same as {}", h.reference),
            &reference,
            None,
        ));
        buttons.push(button(
            &format!("hint.join.{}", h.reference),
            &format!("Join {}", h.reference),
            &reference,
            None,
        ));
    }
    let others: Vec<String> = v.hints.iter().map(|h| h.reference.to_string()).collect();
    buttons.push(button(
        &format!("hint.dismiss.{}", others.join(".")),
        "Not helpful",
        &reference,
        None,
    ));
    out.extend(actions("hints", buttons));
    out
}

/// In the question whether an alert is real: whoever was asked may not be on call any more.
pub fn of_question(v: &View) -> Vec<Value> {
    let lines: Vec<String> = v.hints.iter().map(|h| line(v, h)).collect();
    let others = (!lines.is_empty()).then(|| context(&lines.join("\n")));
    let old = v.catalogue.last_known(v.now).map(|at| context(&as_it_was(at)));
    others.into_iter().chain(old).collect()
}

fn line(v: &View, h: &Hint) -> String {
    let name = link(
        &format!("{}/incidents/{}", v.public_url, h.reference),
        &h.reference.to_string(),
    );
    let title = quote(&h.title, 100);
    let why = italic(&format!("({})", h.why));
    match &h.kind {
        Kind::SameService | Kind::Neighbour | Kind::SameWords => format!(":link: {name} {title} {why}"),
        Kind::Recurs { follow_up, at } => format!(
            ":repeat: *It is back:* {name} {title}, {} {why}. Its follow-up {} was closed and did not hold.",
            moment(*at),
            quote(&format!("\u{201c}{follow_up}\u{201d}"), 164)
        ),
        Kind::Past { fixed, by, at } => {
            let fixed = fixed
                .as_ref()
                .map(|f| format!(" What helped: {}", quote(f, 160)))
                .unwrap_or_default();
            let by = by
                .as_ref()
                .map(|b| format!(", led by {}", quote(b, 60)))
                .unwrap_or_default();
            format!(":books: {name} {title}, {}{by} {why}.{fixed}", moment(*at))
        }
    }
}
