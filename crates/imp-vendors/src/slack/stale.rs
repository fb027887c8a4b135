//! What stands in Slack longer than it holds: messages that offer nothing any more, and buttons of older cards that belong
//! to where an incident no longer stands.

use super::card::View;
use super::mrkdwn::escape;
use super::{brief, decision, reminder};
use imp_core::effect::What;
use imp_core::incident::Incident;
use imp_core::process::{Category, Process};

/// What stands in the place of a message's buttons once they mean nothing any more. `None` while they do what they say.
pub(super) fn over(v: &View, what: &What) -> Option<String> {
    let i = v.incident;
    if let What::Remind { nudge, to, .. } = what
        && reminder::message(v, nudge, to).is_some()
    {
        // A follow-up is late after its incident is over, too.
        return None;
    }
    if v.process.category(&i.status) == Category::Done {
        return Some(match i.merged_into {
            Some(into) => format!("{} was merged into {into} and goes on there.", i.reference),
            None => format!(
                "{} is {} by now; this is how it stood.",
                i.reference,
                escape(v.process.label(&i.status))
            ),
        });
    }
    if let What::Offer { n, role, who } = what
        && brief::offer(v, *n, role, who).is_none()
    {
        let accepted = i.roles.get(role).is_some_and(|holder| holder.is(who));
        let words = match accepted {
            true => "It is accepted.",
            false => "This is not offered any more.",
        };
        return Some(words.to_owned());
    }
    if let What::Decision { n, .. } = what
        && decision::is_taken(v, *n)
    {
        return Some("It is decided by now.".to_owned());
    }
    None
}

/// Whether a button belongs to what can be done there.
pub(super) fn belongs(action_id: &str, category: Category) -> bool {
    match action_id {
        "incident.update" => matches!(category, Category::Active | Category::After),
        "incident.review" => category == Category::After,
        "incident.severity" | "incident.task" | "incident.statuspage" => category == Category::Active,
        role if role.starts_with("incident.role.") => category == Category::Active,
        _ => true,
    }
}

/// Why a button of an older card means nothing any more, or not yet. `None` where it does what it says.
pub fn not_now(action_id: &str, i: &Incident, process: &Process) -> Option<String> {
    let category = process.category(&i.status);
    if belongs(action_id, category) {
        return None;
    }
    let status = process.label(&i.status);
    let advice = match category {
        Category::Triage => "say first whether it is real".to_owned(),
        Category::Active | Category::After => "its card shows what can be done there".to_owned(),
        Category::Done => i.merged_into.map_or_else(
            || "it is over, and its card shows what can still be done".to_owned(),
            |into| format!("it goes on as {into}"),
        ),
    };
    Some(format!(
        "This button does nothing while {} is {}: {advice}.",
        i.reference,
        escape(status)
    ))
}
