//! Several wishes that stand or fall as one: a form that takes two moves, a review with its follow-up. Pure.

use crate::Incident;
use crate::command::{Command, Envelope};
use crate::decide::{Facts, granted};
use crate::event::{Event, Fact};
use crate::refusal::{Kind, Refusal};

impl Command {
    /// One wish of several: the only one as it is, more of them together.
    pub fn of(mut wishes: Vec<Command>) -> Command {
        match wishes.len() {
            1 => wishes.remove(0),
            _ => Command::Together { wishes },
        }
    }
}

/// Each wish is decided on the incident as those before it leave it; one refusal refuses all.
pub(crate) fn decide_all(
    i: &Incident,
    wishes: &[Command],
    envelope: &Envelope,
    facts: &Facts,
) -> Result<Vec<Event>, Refusal> {
    let mut now = i.clone();
    let mut out = Vec::new();
    for wish in wishes {
        if matches!(
            wish,
            Command::Together { .. } | Command::Declare { .. } | Command::Alert(_)
        ) {
            let message = "Only wishes about one incident can be made together.";
            return Err(Refusal::new(Kind::Conflict, message));
        }
        let one = Envelope {
            command: wish.clone(),
            ..envelope.clone()
        };
        for event in granted(Some(&now), &one, facts)? {
            let fact = Fact {
                n: now.version + 1,
                at: envelope.at,
                by: envelope.by.clone(),
                event,
            };
            if let Some(next) = Incident::evolve(Some(now.clone()), &fact, facts.process) {
                now = next;
            }
            out.push(fact.event);
        }
    }
    Ok(out)
}
