//! What somebody is told who has a role now: what it means, and how things stand, so that a hand-over loses nothing.

use super::card::{Message, View};
use super::mrkdwn::{actions, button, context, escape, house, link, moment, person, quote, section};
use imp_core::person::Who;
use serde_json::Value;

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
        house(&role.instructions)
    ))];
    blocks.extend(first_steps(role));
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

/// What whoever has the role does first, and where they look.
fn first_steps(role: &imp_core::process::Role) -> Option<Value> {
    let mut lines: Vec<String> = role.guidance.iter().map(|g| format!("•  {}", house(g))).collect();
    let look: Vec<String> = role.references.iter().map(|r| link(&r.url, &r.label)).collect();
    if !look.is_empty() {
        lines.push(format!("Where to look: {}", look.join("  ·  ")));
    }
    (!lines.is_empty()).then(|| section(&lines.join("\n")))
}

/// The offer of a role that somebody else holds: all that is needed to take it over, and the two answers. None where it
/// was answered, or offered to somebody else, meanwhile.
pub fn offer(v: &View, n: u32, role: &str, who: &Who) -> Option<Message> {
    let i = v.incident;
    let role = v.process.role(role)?;
    let open = i.offers.get(&role.id).filter(|o| o.n == n && o.to.is(who))?;
    let text = format!("You are offered {} of {}", escape(&role.label), i.reference);
    let by = match open.by.who() {
        Some(w) => person(w),
        None => escape(&open.by.label()),
    };
    let holder = i.roles.get(&role.id).map_or("Nobody".to_owned(), person);
    let mut blocks = vec![section(&format!(
        ":handshake: *{text}* by {by}: {}\n{holder} has it until you accept. {}",
        quote(&i.title, 150),
        house(&role.instructions)
    ))];
    blocks.extend(first_steps(role));
    blocks.push(section(&standing(v).join("\n")));
    let reference = i.reference.to_string();
    let buttons = vec![
        button(
            &format!("role.accept.{}", role.id),
            "Accept",
            &reference,
            Some("primary"),
        ),
        button(&format!("role.refuse.{}", role.id), "Not now", &reference, None),
    ];
    blocks.extend(actions("offer", buttons));
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

/// Somebody has left the channel who still holds something. None where that is no longer so.
pub fn departure(v: &View, who: &Who, roles: &[String], tasks: &[u32]) -> Option<Message> {
    let i = v.incident;
    let held = roles.iter().filter(|r| i.roles.get(*r).is_some_and(|h| h.is(who)));
    let held: Vec<&imp_core::process::Role> = held.filter_map(|r| v.process.role(r)).collect();
    let left = i.tasks.iter().filter(|t| tasks.contains(&t.n) && !t.done);
    let left: Vec<String> = left.map(|t| format!("•  {}", quote(&t.text, 150))).collect();
    if held.is_empty() && left.is_empty() {
        return None;
    }
    let labels: Vec<String> = held.iter().map(|r| escape(&r.label)).collect();
    let mut line = format!(":door: {} has left this channel", person(who));
    if !labels.is_empty() {
        line.push_str(&format!(" and is still {}", imp_core::words::list(&labels)));
    }
    line.push_str(". Who goes on?");
    if !left.is_empty() {
        line.push_str(&format!("\nTheir open tasks:\n{}", left.join("\n")));
    }
    let reference = i.reference.to_string();
    let take = |r: &&imp_core::process::Role| {
        let label = match r.id.as_str() {
            "commander" => "Take command".to_owned(),
            _ => format!("Give {}", r.label),
        };
        button(&format!("incident.role.{}", r.id), &label, &reference, None)
    };
    let mut blocks = vec![section(&line)];
    blocks.extend(actions("departure", held.iter().take(4).map(take).collect()));
    Some(Message {
        text: format!("{} has left the channel of {}", who.label(), i.reference),
        blocks,
    })
}

/// Decisions that whoever takes over reads.
const DECISIONS: usize = 3;

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
    out.extend(super::decision::taken(v, DECISIONS));
    if let Some(u) = i.updates.last() {
        out.push(format!("Last update, {}: {}", moment(u.at), quote(&u.text, 300)));
    }
    let next = imp_core::nudge::watched(i, v.process).into_iter().next();
    out.extend(next.map(|o| format!("Due {}: {}", moment(o.due), house(&o.nudge.text))));
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
