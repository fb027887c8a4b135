//! What an incident says of itself: its title, its summary, its service and how bad it is. Pure.

use crate::command::Envelope;
use crate::decide::{line, needs_open, service_named, severity_named, team_of};
use crate::event::Event;
use crate::person::{Actor, Door};
use crate::process::Category;
use crate::refusal::Refusal;
use crate::summons::{invitees, summon};
use crate::{Facts, Incident, follow, words};
use std::collections::BTreeMap;

/// Changes what is given.
pub(crate) fn edit(
    i: &Incident,
    [title, summary, severity, service]: [Option<&str>; 4],
    envelope: &Envelope,
    facts: &Facts,
) -> Result<Vec<Event>, Refusal> {
    let over = facts.process.category(&i.status) == Category::Done;
    if over && through_slack(&envelope.by) {
        needs_open(i, facts)?;
    }
    let mut out = Vec::new();
    if let Some(t) = title {
        let title = line("title", t, "in a few words what is wrong")?;
        if title != i.title {
            out.push(Event::Retitled { title });
        }
    }
    if let Some(s) = summary {
        let summary = words::text(s);
        if summary != i.summary {
            out.push(Event::Summarised { summary });
        }
    }
    let mut team = i.team.clone();
    let mut now = i.service.clone();
    if let Some(s) = service {
        let service = service_named(s, facts)?;
        if i.service.as_ref() != Some(&service) {
            team = facts
                .catalogue
                .service(&service.alias)
                .and_then(|s| team_of(s, facts.catalogue));
            now = Some(service.clone());
            out.push(Event::ServiceChanged {
                service,
                team: team.clone(),
            });
        }
    }
    let moved = now != i.service;
    let relaid = moved
        .then(|| follow::relaid(i, now.as_ref(), team.as_ref(), facts))
        .flatten();
    let laid = match &relaid {
        Some(Event::ProcessTaken { overlays, .. }) => facts.process.with(overlays),
        Some(_) | None => std::borrow::Cow::Borrowed(facts.process),
    };
    let facts = &Facts {
        process: &laid,
        ..*facts
    };
    out.extend(relaid);
    let mut to = i.severity.clone();
    if let Some(s) = severity {
        to = severity_named(s, facts)?;
        if to != i.severity {
            out.push(Event::SeverityChanged {
                from: i.severity.clone(),
                to: to.clone(),
            });
        }
    }
    let wider = out
        .iter()
        .any(|e| matches!(e, Event::ServiceChanged { .. } | Event::SeverityChanged { .. }));
    if wider && i.confirmed && !i.private && !over {
        summon(
            &mut out,
            i.members.clone(),
            invitees(&to, now.as_ref(), team.as_ref(), facts),
        );
    }
    Ok(out)
}

/// The questions about the impact that were answered.
pub(crate) fn answered(answers: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let said = answers.iter().filter(|(_, a)| !a.trim().is_empty());
    said.map(|(q, a)| (q.trim().to_owned(), a.trim().to_owned())).collect()
}

/// The severity that these answers mean.
pub(crate) fn rated(answers: &BTreeMap<String, String>, facts: &Facts) -> Result<String, Refusal> {
    let rated = facts.process.rated(answers);
    rated.map_err(|(field, why)| Refusal::field(&field, why))
}

/// The answers about the impact, and the severity that follows from them.
pub(crate) fn rate(
    i: &Incident,
    answers: &BTreeMap<String, String>,
    envelope: &Envelope,
    facts: &Facts,
) -> Result<Vec<Event>, Refusal> {
    let given = answered(answers);
    let to = rated(&given, facts)?;
    let edited = edit(i, [None, None, Some(&to), None], envelope, facts)?;
    let rated = (i.impact != given).then_some(Event::Rated { answers: given });
    Ok(rated.into_iter().chain(edited).collect())
}

/// Whether it came by a button, a form or a word in Slack. What is finished is put right only where one has looked it up:
/// in the console, by the API, in the ticket. A card of long ago, or a slip in the wrong channel, changes nothing.
fn through_slack(by: &Actor) -> bool {
    match by {
        Actor::Person { door, .. } => match door {
            Door::Slack => true,
            Door::Rest | Door::Console => false,
        },
        Actor::Token { .. } | Actor::Source { .. } | Actor::Jira { .. } | Actor::Imp => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Team;
    use crate::command::Command;
    use crate::event::TeamName;
    use crate::person::Who;
    use crate::{At, Catalogue, Directory, Process, Ref, Role, decide, event::Fact};
    use std::collections::BTreeSet;

    /// Declares one that is over, and gives what a wish then makes of it.
    fn edited(by: Actor, severity: &str) -> Result<Vec<Event>, String> {
        let process = Process::built_in();
        let manager = Some(Who::slack("U7"));
        let team = Team {
            alias: "payments".into(),
            manager,
            ..Team::default()
        };
        let catalogue = Catalogue {
            teams: vec![team],
            ..Catalogue::default()
        };
        let facts = Facts {
            process: &process,
            in_force: &process,
            catalogue: &catalogue,
            directory: &Directory::default(),
            next: Ref(1),
            other: None,
            can: &BTreeSet::new(),
            now: At(1),
            subscriptions: &Default::default(),
            catalogue_comes: false,
        };
        let opened = Event::Opened {
            reference: Ref(1),
            title: "Cards fail".into(),
            summary: String::new(),
            severity: "SEV3".into(),
            status: "investigating".into(),
            service: None,
            team: Some(TeamName {
                alias: "payments".into(),
                ..TeamName::default()
            }),
            private: false,
            process: process.version.clone(),
            edition: String::new(),
            overlays: Vec::new(),
        };
        let moved = Event::Moved {
            from: "review".into(),
            to: "closed".into(),
            fields: BTreeMap::new(),
        };
        let facts_of_it: Vec<Fact> = [opened, Event::Confirmed, moved]
            .into_iter()
            .zip(1..)
            .map(|(event, n)| Fact {
                n,
                at: At(1),
                by: Actor::Imp,
                event,
            })
            .collect();
        let i = Incident::fold(&facts_of_it, |_| &process).expect("it was opened");
        let command = Command::Edit {
            title: None,
            summary: None,
            severity: Some(severity.into()),
            service: None,
        };
        let envelope = Envelope {
            id: String::new(),
            by,
            role: Role::Admin,
            at: At(1),
            about: Some(Ref(1)),
            command,
        };
        decide(Some(&i), &envelope, &facts).map_err(|r| r.message)
    }

    #[test]
    fn what_is_finished_is_put_right_without_calling_anybody_and_not_from_slack() {
        let ada = |door| Actor::Person {
            who: Who::slack("U1"),
            door,
        };
        for by in [ada(Door::Rest), ada(Door::Console), Actor::Token { name: "ci".into() }] {
            let events = edited(by, "SEV1").expect("it is put right");
            assert!(
                matches!(events.as_slice(), [Event::SeverityChanged { .. }]),
                "{events:?}"
            );
        }
        let refused = edited(ada(Door::Slack), "SEV1").expect_err("it is finished");
        assert!(refused.contains("is finished"), "{refused}");
    }
}
