//! What somebody is told who has a role now: what it means, and how things stand, so that a hand-over loses nothing.

use super::card::{Message, View};
use super::mrkdwn::{actions, button, context, escape, link, moment, person, quote, section};
use imp_core::person::Who;

/// Tasks and updates that are named; the rest stands in the channel.
const NAMED: usize = 5;

/// The message. None where somebody else has the role by now, or the process no longer knows it.
pub fn message(v: &View, role: &str, who: &Who) -> Option<Message> {
    let i = v.incident;
    let role = v.process.role(role)?;
    if !i.roles.get(&role.id).is_some_and(|now| now.is(who)) {
        return None;
    }
    let text = format!("You are {} of {} now", escape(&role.label), i.reference);
    let mut blocks = vec![section(&format!(
        ":handshake: *{text}:* {}\n{}",
        quote(&i.title, 150),
        escape(&role.instructions)
    ))];
    blocks.push(section(&standing(v).join("\n")));
    let reference = i.reference.to_string();
    let mut buttons = vec![button("incident.update", "Write an update", &reference, None)];
    buttons.push(button(
        &format!("incident.role.{}", role.id),
        "Give it to somebody else",
        &reference,
        None,
    ));
    blocks.extend(actions("brief", buttons));
    let place = i
        .links
        .channel
        .as_ref()
        .map(|c| format!("<#{}> · ", c.id))
        .unwrap_or_default();
    let page = link(&format!("{}/incidents/{reference}", v.public_url), "open in IMP");
    blocks.push(context(&format!("{place}{page}")));
    Some(Message { text, blocks })
}

/// How things stand, a line each.
fn standing(v: &View) -> Vec<String> {
    let i = v.incident;
    let label = |id: &str| v.process.status(id).map_or(id.to_owned(), |s| s.label.clone());
    let mut out = vec![format!(
        "*{}*, {}, since {}",
        escape(&label(&i.status)),
        escape(&i.severity),
        moment(i.status_since)
    )];
    for (id, holder) in &i.roles {
        let name = v.process.role(id).map_or(id.as_str(), |r| r.label.as_str());
        out.push(format!("{}: {}", escape(name), person(holder)));
    }
    let facts = ["cause", "resolution"].iter().filter_map(|f| i.fields.get(*f));
    out.extend(facts.map(|t| format!("Known: {}", quote(t, 300))));
    if let Some(u) = i.updates.last() {
        out.push(format!("Last update, {}: {}", moment(u.at), quote(&u.text, 300)));
    }
    let next = imp_core::nudge::watched(i, v.process).into_iter().next();
    out.extend(next.map(|o| format!("Due {}: {}", moment(o.due), escape(&o.nudge.text))));
    let open: Vec<String> = i
        .tasks
        .iter()
        .filter(|t| !t.done)
        .map(|t| {
            let by = t
                .assignee
                .as_ref()
                .map(|w| format!(" ({})", person(w)))
                .unwrap_or_default();
            format!("•  {}{by}", quote(&t.text, 150))
        })
        .collect();
    if !open.is_empty() {
        out.push(format!("Open tasks, {}:", open.len()));
        out.extend(open.into_iter().take(NAMED));
    }
    if i.public.is_empty() {
        out.push("The public has been told nothing.".to_owned());
    } else if let Some(p) = i.public.last() {
        out.push(format!(
            "The public was told, {}: {}",
            moment(p.at),
            quote(&p.body, 200)
        ));
    }
    out
}
