//! What the public is told, and whose the public incident is once its own is merged into another. Pure.

use crate::command::Command;
use crate::decide::{body, needs_open, next};
use crate::effect::Capability;
use crate::event::Event;
use crate::refusal::{Kind, Refusal};
use crate::{Facts, Incident, Ref, words};

/// Tells the public something.
pub(crate) fn publish(
    i: &Incident,
    title: &str,
    text: &str,
    components: &[String],
    facts: &Facts,
) -> Result<Vec<Event>, Refusal> {
    needs_open(i, facts)?;
    if !facts.can.contains(&Capability::Page) {
        return Err(Refusal::new(
            Kind::Conflict,
            "No status page is connected; add [statuspage] to the configuration.",
        ));
    }
    if i.private {
        return Err(Refusal::new(
            Kind::Conflict,
            format!("{} is private; nothing of it goes to the public.", i.reference),
        ));
    }
    let title = words::title(title);
    let title = if title.is_empty() {
        i.public.last().map_or(&i.title, |p| &p.title).clone()
    } else {
        title
    };
    Ok(vec![Event::PagePosted {
        n: next(i.public.last().map(|p| p.n)),
        title,
        body: body("body", text, "the message")?,
        components: components.iter().map(|c| words::cut(c, 100)).collect(),
    }])
}

/// What tells the incident into which one was merged that the public incident is its own from now on.
pub fn hand_on(i: &Incident, into: Ref) -> Option<(Ref, Command)> {
    let (id, url) = i.links.page.clone()?;
    let last = i.public.last();
    let mut components: Vec<String> = Vec::new();
    for c in i.public.iter().flat_map(|p| &p.components) {
        if !components.contains(c) {
            components.push(c.clone());
        }
    }
    let command = Command::TakePage {
        from: i.reference,
        id,
        url,
        title: last.map_or_else(|| i.title.clone(), |p| p.title.clone()),
        body: last.map(|p| p.body.clone()).unwrap_or_default(),
        components,
    };
    Some((into, command))
}

/// Takes over the public incident of one that was merged into this one. Where there is one already, or where nothing goes
/// to the public, a person has to see to it.
pub(crate) fn take(i: &Incident, from: Ref, [id, url, title, body]: [&String; 4], components: &[String]) -> Vec<Event> {
    match &i.links.page {
        Some((mine, _)) if mine == id => Vec::new(),
        _ if i.pages_left.iter().any(|(f, _)| *f == from) => Vec::new(),
        None if !i.private => vec![Event::PageTaken {
            from,
            id: id.clone(),
            url: url.clone(),
            title: title.clone(),
            body: body.clone(),
            components: components.to_vec(),
        }],
        Some(_) | None => vec![Event::PageLeft { from, url: url.clone() }],
    }
}
