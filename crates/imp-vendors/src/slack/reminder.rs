//! A reminder of something overdue: what it says, what mends it, and how to have peace.

use super::card::{Message, View};
use super::mrkdwn::{actions, button, context, house, link, moment, quote, section};
use imp_core::event::Listener;
use imp_core::nudge::Overdue;
use imp_core::process::Watch;
use serde_json::Value;

/// The message. None where the process no longer has this reminder, or nothing is overdue any more.
pub fn message(v: &View, nudge: &str, to: &Listener) -> Option<Message> {
    let i = v.incident;
    let late = imp_core::nudge::overdue(i, v.process, v.now);
    let o = late.iter().find(|o| o.nudge.id == nudge)?;
    let reference = i.reference.to_string();
    let words = house(&o.nudge.text);
    let mut blocks = vec![section(&match to {
        Listener::Channel => format!(":bell: {words}"),
        Listener::Person(_) | Listener::Nobody => {
            format!(":bell: *{}* {}\n{words}", i.reference, quote(&i.title, 150))
        }
    })];
    let mut buttons: Vec<Value> = mend(v, o).into_iter().collect();
    buttons.push(button(&format!("nudge.snooze.{nudge}"), "Later", &reference, None));
    buttons.push(button(
        &format!("nudge.dismiss.{nudge}"),
        "Not needed",
        &reference,
        None,
    ));
    blocks.extend(actions("nudge", buttons));
    let place = i
        .links
        .channel
        .as_ref()
        .filter(|c| *to != Listener::Channel && !c.archived)
        .map(|c| format!(" · <#{}>", c.id))
        .unwrap_or_default();
    blocks.push(context(&format!(
        "due since {} · {}{place}",
        moment(o.due),
        link(&format!("{}/incidents/{reference}", v.public_url), "open in IMP")
    )));
    Some(Message {
        text: format!("{}: {words}", i.reference),
        blocks,
    })
}

/// The button that mends it.
fn mend(v: &View, o: &Overdue) -> Option<Value> {
    let reference = v.incident.reference.to_string();
    let (action, label) = match o.nudge.when {
        Watch::NoCommander => ("incident.role.commander".to_owned(), "Take command"),
        Watch::NoUpdate => ("incident.update".to_owned(), "Write an update"),
        Watch::NoPublicPost => ("incident.statuspage".to_owned(), "Update the status page"),
        Watch::PageDiffers => ("incident.page.mend".to_owned(), "Put the page right"),
        Watch::ReviewWaits => ("incident.review".to_owned(), "Write the review"),
        Watch::FollowUpLate => {
            let late = v.incident.follow_ups.iter().filter(|f| !f.done && f.due.is_some());
            let first = late.min_by(|a, b| a.due.cmp(&b.due))?;
            (format!("follow_up.done.{}", first.n), "It is done")
        }
    };
    Some(button(&action, label, &reference, Some("primary")))
}

/// What is overdue, for the card: a line each.
pub fn lines(v: &View) -> Vec<String> {
    imp_core::nudge::overdue(v.incident, v.process, v.now)
        .iter()
        // What the card says anyway, with its button.
        .filter(|o| !matches!(o.nudge.when, Watch::NoCommander | Watch::PageDiffers))
        .map(|o| format!(":bell: *Overdue since {}.* {}", moment(o.due), house(&o.nudge.text)))
        .collect()
}
