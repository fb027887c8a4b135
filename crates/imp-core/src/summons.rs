//! Whom a triage asks, one after the other, and whom an incident invites by itself. Pure.

use crate::Incident;
use crate::decide::Facts;
use crate::event::{Event, ServiceName, Target, TeamName};
use crate::person::Who;
use crate::process::Invitee;

/// Whom a triage asks, one after the other; the announcement channel is always the last.
pub fn path(service: Option<&ServiceName>, team: Option<&TeamName>, facts: &Facts) -> Vec<Target> {
    let service = service.and_then(|s| facts.catalogue.service(&s.alias));
    let team = team.and_then(|t| facts.catalogue.team(&t.alias));
    let mut out: Vec<Target> = Vec::new();
    let mut add = |t: Target| {
        if !out.contains(&t) {
            out.push(t);
        }
    };
    for step in &facts.process.escalation.path {
        match step {
            Invitee::OnCall => service
                .iter()
                .flat_map(|s| &s.on_call)
                .for_each(|w| add(Target::Person(facts.directory.complete(w)))),
            Invitee::TeamChannel => team
                .and_then(|t| t.channel.clone())
                .into_iter()
                .for_each(|c| add(Target::Channel(c))),
            Invitee::Manager => team
                .and_then(|t| t.manager.as_ref())
                .iter()
                .for_each(|w| add(Target::Person(facts.directory.complete(w)))),
            Invitee::Team => team
                .iter()
                .flat_map(|t| &t.members)
                .for_each(|w| add(Target::Person(facts.directory.complete(w)))),
        }
    }
    add(Target::Announcements);
    out
}

pub(crate) fn ask_next(i: &Incident, because: String, facts: &Facts) -> Vec<Event> {
    let asked: Vec<&Target> = i.questions.iter().map(|q| &q.whom).collect();
    let already = |t: &Target| {
        asked.iter().any(|a| match (a, t) {
            (Target::Person(a), Target::Person(b)) => a.is(b),
            (a, b) => *a == b,
        })
    };
    let whom = path(i.service.as_ref(), i.team.as_ref(), facts)
        .into_iter()
        .find(|t| !already(t));
    let level = i.questions.iter().map(|q| q.level + 1).max().unwrap_or(0);
    whom.map(|whom| Event::Asked {
        n: i.questions.last().map_or(1, |q| q.n + 1),
        level,
        whom,
        because: Some(because),
    })
    .into_iter()
    .collect()
}

/// What to call somebody who is asked.
pub fn target_label(target: &Target) -> String {
    match target {
        Target::Person(w) => w.label().to_owned(),
        Target::Channel(c) => format!("#{c}"),
        Target::Announcements => "the announcement channel".to_owned(),
    }
}

pub(crate) fn invitees(
    severity: &str,
    service: Option<&ServiceName>,
    team: Option<&TeamName>,
    facts: &Facts,
) -> Vec<Who> {
    let service = service.and_then(|s| facts.catalogue.service(&s.alias));
    let team = team.and_then(|t| facts.catalogue.team(&t.alias));
    let mut out = Vec::new();
    for invitee in facts
        .process
        .severity(severity)
        .map(|s| s.invite.as_slice())
        .unwrap_or_default()
    {
        match invitee {
            Invitee::OnCall => out.extend(service.iter().flat_map(|s| &s.on_call).cloned()),
            Invitee::Team => out.extend(team.iter().flat_map(|t| &t.members).cloned()),
            Invitee::Manager => out.extend(team.iter().filter_map(|t| t.manager.clone())),
            Invitee::TeamChannel => {}
        }
    }
    out.iter().map(|w| facts.directory.complete(w)).collect()
}

pub(crate) fn summon(out: &mut Vec<Event>, mut here: Vec<Who>, who: Vec<Who>) {
    let mut new: Vec<Who> = Vec::new();
    for w in who {
        if !here.iter().any(|h| h.is(&w)) {
            here.push(w.clone());
            new.push(w);
        }
    }
    if !new.is_empty() {
        out.push(Event::Summoned { who: new });
    }
}
