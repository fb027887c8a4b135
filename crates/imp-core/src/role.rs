//! Roles: given, offered with a hand-over, accepted, and noticed when their holder leaves. At every moment a role has one
//! holder at most. Pure.

use crate::command::Envelope;
use crate::decide::{needs_open, with_allowed};
use crate::effect::Capability;
use crate::event::Event;
use crate::person::{Actor, Door, Who};
use crate::process::Role;
use crate::refusal::{Kind, Refusal};
use crate::{Facts, Incident, whom, words};

/// Gives a role. Where nobody holds it, where a person takes it for themselves, and where a program says so, that holds
/// at once. Where somebody else holds it, it is offered: whoever holds it keeps it until the other accepts.
pub(crate) fn assign(
    i: &Incident,
    role: &str,
    who: &Who,
    envelope: &Envelope,
    facts: &Facts,
) -> Result<Vec<Event>, Refusal> {
    needs_open(i, facts)?;
    let role = known(role, facts)?;
    let who = somebody(who, facts)?;
    let before = i.roles.get(&role.id).cloned();
    if before.as_ref().is_some_and(|b| b.is(&who)) {
        // Whoever holds it keeps it; what was offered meanwhile is off.
        return Ok(withdrawn(i, &role.id));
    }
    match before {
        Some(_) if is_offered(&who, envelope, facts) => Ok(offer(i, role, who)),
        before => Ok(vec![Event::RoleTaken {
            role: role.id.clone(),
            who,
            before,
        }]),
    }
}

/// Whether the other has to accept first: a person gives it to another person, who can be asked.
fn is_offered(who: &Who, envelope: &Envelope, facts: &Facts) -> bool {
    let by_hand = match &envelope.by {
        Actor::Person { who: by, door } => !by.is(who) && matches!(door, Door::Slack | Door::Console),
        Actor::Token { .. } | Actor::Source { .. } | Actor::Jira { .. } | Actor::Imp => false,
    };
    by_hand && who.slack.is_some() && facts.can.contains(&Capability::Chat)
}

fn offer(i: &Incident, role: &Role, who: Who) -> Vec<Event> {
    if i.offers.get(&role.id).is_some_and(|o| o.to.is(&who)) {
        return Vec::new();
    }
    // Whoever is asked has to see what it is about.
    let joined = (i.private && !i.has_member(&who)).then(|| Event::Joined { who: who.clone() });
    let offered = Event::RoleOffered {
        n: i.offered + 1,
        role: role.id.clone(),
        who,
    };
    joined.into_iter().chain([offered]).collect()
}

fn withdrawn(i: &Incident, role: &str) -> Vec<Event> {
    let open = i.offers.get(role).map(|o| Event::RoleRefused {
        role: role.to_owned(),
        who: o.to.clone(),
    });
    open.into_iter().collect()
}

/// Accepts an offered role: from now on it has changed hands.
pub(crate) fn accept(i: &Incident, role: &str, envelope: &Envelope, facts: &Facts) -> Result<Vec<Event>, Refusal> {
    needs_open(i, facts)?;
    let role = known(role, facts)?;
    let me = asked(envelope, facts)?;
    let holder = i.roles.get(&role.id);
    if holder.is_some_and(|h| h.is(&me)) {
        return Ok(Vec::new());
    }
    if i.offers.get(&role.id).is_none_or(|o| !o.to.is(&me)) {
        return Err(gone(i, role, facts));
    }
    Ok(vec![Event::RoleTaken {
        role: role.id.clone(),
        who: me,
        before: holder.cloned(),
    }])
}

/// Refuses an offered role, or takes the offer back: its holder keeps it.
pub(crate) fn refuse(i: &Incident, role: &str, envelope: &Envelope, facts: &Facts) -> Result<Vec<Event>, Refusal> {
    let role = known(role, facts)?;
    let me = asked(envelope, facts)?;
    let mine = |o: &&crate::incident::Offer| {
        o.to.is(&me) || o.by.who().is_some_and(|b| b.is(&me)) || i.roles.get(&role.id).is_some_and(|h| h.is(&me))
    };
    match i.offers.get(&role.id).filter(mine) {
        Some(_) => Ok(withdrawn(i, &role.id)),
        None => Err(gone(i, role, facts)),
    }
}

/// Somebody left the channel: noticed where they hold a role, or a task that is not done.
pub(crate) fn left(i: &Incident, who: &Who, facts: &Facts) -> Vec<Event> {
    let who = facts.directory.complete(who);
    let roles: Vec<String> = i
        .roles
        .iter()
        .filter(|(_, h)| h.is(&who))
        .map(|(r, _)| r.clone())
        .collect();
    let mine = i
        .tasks
        .iter()
        .filter(|t| !t.done && t.assignee.as_ref().is_some_and(|a| a.is(&who)));
    let tasks: Vec<u32> = mine.map(|t| t.n).collect();
    let over = facts.process.category(&i.status) == crate::process::Category::Done;
    match over || (roles.is_empty() && tasks.is_empty()) {
        true => Vec::new(),
        false => vec![Event::LeftWithDuties { who, roles, tasks }],
    }
}

fn known<'a>(role: &str, facts: &Facts<'a>) -> Result<&'a Role, Refusal> {
    facts.process.role(role).ok_or_else(|| {
        let all: Vec<String> = facts.process.roles.iter().map(|r| r.id.clone()).collect();
        Refusal::field(
            "role",
            format!(
                "There is no role {:?}; there are {}.",
                words::cut(role, 40),
                words::list(&all)
            ),
        )
    })
}

fn somebody(who: &Who, facts: &Facts) -> Result<Who, Refusal> {
    let who = whom::person(who, "user", facts)?;
    let mails = facts.directory.people.iter().any(|p| p.email.is_some());
    if who.slack.is_none() && mails {
        // Slack itself names people by their identifier; an address that it does not know is a slip of somebody's pen.
        let given = who.email.as_deref().unwrap_or_default();
        return Err(Refusal::field(
            "user",
            format!("Nobody in Slack has the address {}.", words::cut(given, 80)),
        ));
    }
    Ok(who)
}

/// The person who answers an offer.
fn asked(envelope: &Envelope, facts: &Facts) -> Result<Who, Refusal> {
    envelope.by.who().map(|w| facts.directory.complete(w)).ok_or_else(|| {
        Refusal::new(
            Kind::Forbidden,
            "Only the person to whom a role is offered can answer; give it by POST …/roles instead.",
        )
    })
}

/// There is no such offer to this person: who has the role says why.
fn gone(i: &Incident, role: &Role, facts: &Facts) -> Refusal {
    let now = match i.roles.get(&role.id) {
        Some(h) => format!("{} has it", h.label()),
        None => "nobody has it".to_owned(),
    };
    let message = format!(
        "{} of {} is not offered to you, or no longer; {now}.",
        role.label, i.reference
    );
    with_allowed(Refusal::new(Kind::Conflict, message), i, facts.process)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Fact;
    use crate::{At, Catalogue, Command, Directory, Process, Ref, decide};
    use std::collections::BTreeSet;

    /// One incident, and people who press buttons.
    struct Table {
        process: Process,
        can: BTreeSet<Capability>,
        incident: Option<Incident>,
    }

    impl Table {
        fn laid() -> Table {
            let mut table = Table {
                process: Process::built_in(),
                can: BTreeSet::from([Capability::Chat]),
                incident: None,
            };
            let declare = Command::Declare {
                title: "Cards fail".into(),
                summary: String::new(),
                severity: None,
                service: None,
                team: None,
                private: false,
                members: Vec::new(),
                impact: Default::default(),
            };
            table.does("U1", Door::Slack, declare).expect("it is declared");
            table
        }

        fn does(&mut self, user: &str, door: Door, command: Command) -> Result<usize, String> {
            let by = Actor::Person {
                who: Who::slack(user),
                door,
            };
            self.by(by, command)
        }

        fn by(&mut self, by: Actor, command: Command) -> Result<usize, String> {
            let envelope = Envelope {
                id: String::new(),
                by: by.clone(),
                role: crate::Role::Admin,
                at: At(1),
                about: Some(Ref(1)),
                command,
            };
            let facts = Facts {
                process: &self.process,
                in_force: &self.process,
                catalogue: &Catalogue::default(),
                directory: &Directory::default(),
                next: Ref(1),
                other: None,
                can: &self.can,
                now: At(1),
                subscriptions: &Default::default(),
                catalogue_comes: false,
            };
            let events = decide(self.incident.as_ref(), &envelope, &facts).map_err(|r| r.message)?;
            let count = events.len();
            for event in events {
                let n = self.incident.as_ref().map_or(0, |i| i.version) + 1;
                let fact = Fact {
                    n,
                    at: At(1),
                    by: by.clone(),
                    event,
                };
                self.incident = Incident::evolve(self.incident.take(), &fact, &self.process);
            }
            Ok(count)
        }

        fn commander(&self) -> Option<String> {
            let i = self.incident.as_ref()?;
            i.roles.get("commander").and_then(|w| w.slack.clone())
        }

        fn offered(&self) -> Option<String> {
            let i = self.incident.as_ref()?;
            i.offers.get("commander").and_then(|o| o.to.slack.clone())
        }
    }

    fn give(whom: &str) -> Command {
        Command::Assign {
            role: "commander".into(),
            who: Who::slack(whom),
        }
    }

    fn accept() -> Command {
        Command::Accept {
            role: "commander".into(),
        }
    }

    #[test]
    fn a_role_that_nobody_holds_is_given_at_once_and_one_that_somebody_holds_is_offered() {
        let mut t = Table::laid();
        assert_eq!(t.does("U1", Door::Slack, give("U2")), Ok(1));
        assert_eq!((t.commander().as_deref(), t.offered()), (Some("U2"), None));
        assert_eq!(t.does("U2", Door::Slack, give("U3")), Ok(1));
        assert_eq!(
            (t.commander().as_deref(), t.offered().as_deref()),
            (Some("U2"), Some("U3"))
        );
        // Offered again it is the same offer.
        assert_eq!(t.does("U2", Door::Slack, give("U3")), Ok(0));
        assert_eq!(t.does("U3", Door::Slack, accept()), Ok(1));
        assert_eq!((t.commander().as_deref(), t.offered()), (Some("U3"), None));
        // A second click changes nothing.
        assert_eq!(t.does("U3", Door::Slack, accept()), Ok(0));
    }

    #[test]
    fn whoever_takes_it_themselves_and_programs_need_no_consent() {
        let mut t = Table::laid();
        t.does("U1", Door::Slack, give("U2")).expect("given");
        assert_eq!(t.does("U3", Door::Slack, give("U3")), Ok(1));
        assert_eq!(t.commander().as_deref(), Some("U3"));
        t.does("U1", Door::Rest, give("U4")).expect("given");
        assert_eq!(t.commander().as_deref(), Some("U4"));
        let token = Actor::Token { name: "ci".into() };
        t.by(token, give("U5")).expect("given");
        assert_eq!(t.commander().as_deref(), Some("U5"));
    }

    #[test]
    fn an_offer_that_is_answered_too_late_or_by_somebody_else_is_refused_and_says_who_has_it() {
        let mut t = Table::laid();
        t.does("U1", Door::Slack, give("U2")).expect("given");
        t.does("U2", Door::Slack, give("U3")).expect("offered");
        let no = t.does("U4", Door::Slack, accept()).expect_err("it is not theirs");
        assert!(no.contains("U2 has it"), "{no}");
        // Offered to somebody else meanwhile: the first comes too late.
        t.does("U2", Door::Console, give("U5")).expect("offered");
        assert!(t.does("U3", Door::Slack, accept()).is_err());
        let refuse = Command::Refuse {
            role: "commander".into(),
        };
        assert_eq!(t.does("U5", Door::Slack, refuse), Ok(1));
        assert_eq!((t.commander().as_deref(), t.offered()), (Some("U2"), None));
    }

    #[test]
    fn nobody_passes_for_a_person_who_could_not_be_one() {
        let mut t = Table::laid();
        let text = || "Roll back".to_owned();
        for no in ["!channel", "C0123", "ada", ""] {
            let who = || Who::slack(no);
            let wishes = [
                give(no),
                Command::Join { who: who() },
                Command::Subscribe { who: who() },
                Command::AddTask {
                    text: text(),
                    assignee: Some(who()),
                },
                Command::AddFollowUp {
                    text: text(),
                    owner: Some(who()),
                    due: None,
                },
            ];
            for wish in wishes {
                let refused = t.does("U1", Door::Rest, wish.clone()).expect_err("that is nobody");
                assert!(refused.contains("e-mail address"), "{wish:?}: {refused}");
            }
        }
        // Two who are somebody.
        assert_eq!(t.does("U1", Door::Rest, Command::Join { who: Who::slack("U2") }), Ok(1));
        let assignee = Some(Who::email("ada@acme.com"));
        assert_eq!(
            t.does("U1", Door::Rest, Command::AddTask { text: text(), assignee }),
            Ok(1)
        );
    }

    #[test]
    fn leaving_is_noticed_only_with_a_role_or_an_open_task() {
        let mut t = Table::laid();
        let leave = |u: &str| Command::Leave { who: Who::slack(u) };
        assert_eq!(t.by(Actor::Imp, leave("U1")), Ok(0));
        t.does("U1", Door::Slack, give("U1")).expect("given");
        assert_eq!(t.by(Actor::Imp, leave("U1")), Ok(1));
        let task = Command::AddTask {
            text: "Roll back".into(),
            assignee: Some(Who::slack("U2")),
        };
        t.does("U1", Door::Slack, task).expect("added");
        assert_eq!(t.by(Actor::Imp, leave("U2")), Ok(1));
        t.does("U1", Door::Slack, Command::FinishTask { n: 1 }).expect("done");
        assert_eq!(t.by(Actor::Imp, leave("U2")), Ok(0));
    }
}
