//! What the public is told, and whose the public incident is once its own is merged into another. Pure.

use crate::command::Command;
use crate::decide::{body, needs_open, next};
use crate::effect::Capability;
use crate::event::Event;
use crate::process::Category;
use crate::refusal::{Kind, Refusal};
use crate::{Facts, Incident, Process, Ref, words};
use serde::{Deserialize, Serialize};

/// What a form proposes to say to the public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The public title.
    pub title: String,
    /// What users should know; empty once the public has read what is said of this status.
    pub text: &'static str,
    /// Identifiers of the components, of those that there are.
    pub components: Vec<String>,
}

/// What a form proposes; `components` of the page are identifier and name.
pub fn propose(i: &Incident, process: &Process, components: &[(String, String)]) -> Proposal {
    let last = i.public.last();
    // What an alert is called is for engineers; the public reads which part has a problem.
    let title = match (last, &i.service) {
        (Some(p), _) => p.title.clone(),
        (None, Some(s)) if s.known && !i.alerts.is_empty() => format!("Problems with {}", s.name),
        (None, _) => i.title.clone(),
    };
    // Once the public has read what is said of this status, the words are the person's own.
    let text = match last {
        Some(p) if p.status == i.status => "",
        Some(_) | None => draft(process, &i.status),
    };
    // Those that were named last; before, the one that bears the service's name.
    let service = i.service.as_ref().map(|s| words::key(&s.name));
    let named = |(id, name): &&(String, String)| match last {
        Some(p) => p.components.contains(id),
        None => service.as_ref().is_some_and(|s| words::key(name) == *s),
    };
    let all = components.iter().filter(named).map(|(id, _)| id.clone());
    Proposal {
        title,
        text,
        components: match last {
            Some(_) => all.collect(),
            None => all.take(1).collect(),
        },
    }
}

/// What the public may read of a status: the statuses that Statuspage has words for, else by category.
fn draft(process: &Process, status: &str) -> &'static str {
    match (status, process.category(status)) {
        ("identified", _) => "We know the cause of the problem and are repairing it. We will say more within the hour.",
        ("monitoring", _) => "The problem is repaired. We are watching whether it stays so.",
        (_, Category::Triage | Category::Active) => "We are investigating a problem. We will say more within the hour.",
        (_, Category::After | Category::Done) => "The problem is solved. We are sorry for the trouble.",
    }
}

/// In what the public incident differs from the incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differs {
    /// What it says: `Resolved`, or `Checkout is operational`.
    pub shows: String,
    /// What it would say.
    pub wants: String,
}

/// The public incident was looked at: what is new is a fact.
pub(crate) fn seen(i: &Incident, differs: Option<&Differs>) -> Vec<Event> {
    let known = i.page_differs.as_ref().map(|(d, _)| d);
    match (known, differs) {
        (None, None) => Vec::new(),
        (Some(k), Some(d)) if k == d => Vec::new(),
        (_, Some(d)) if i.links.page.is_some() => vec![Event::PageDiffers { differs: d.clone() }],
        (Some(_), None) => vec![Event::PageAgrees],
        (_, Some(_)) => Vec::new(),
    }
}

/// Somebody has it put right.
pub(crate) fn mend(i: &Incident) -> Result<Vec<Event>, Refusal> {
    match (&i.links.page, &i.page_differs) {
        (Some(_), Some(_)) => Ok(vec![Event::PageMended]),
        (Some(_), None) => Ok(Vec::new()),
        (None, _) => Err(Refusal::new(
            Kind::Conflict,
            format!("Nothing of {} is on the status page.", i.reference),
        )),
    }
}

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
