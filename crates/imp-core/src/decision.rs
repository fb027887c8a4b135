//! Decisions in the open: somebody proposes, whoever has a strong objection says so, and silence is consent. Pure.

use crate::command::Envelope;
use crate::decide::{line, needs_open, next};
use crate::event::Event;
use crate::person::Actor;
use crate::process::Category;
use crate::refusal::{Kind, Refusal};
use crate::{At, Facts, Incident};
use serde::{Deserialize, Serialize};

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Number, from 1.
    pub n: u32,
    /// What is to be done.
    pub text: String,
    /// Who proposed it.
    pub by: Actor,
    /// When.
    pub at: At,
    /// Until when objections are waited for.
    pub until: At,
    /// Who objects, and why.
    pub objections: Vec<Objection>,
    /// Since when it is decided, and by whom: by IMP where nobody objected in time.
    pub taken: Option<(At, Actor)>,
}

/// A strong objection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objection {
    /// Who.
    pub by: Actor,
    /// Why.
    pub why: String,
    /// When.
    pub at: At,
}

/// What of a decision is said in the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum Part {
    /// It is proposed: any strong objection?
    Proposed,
    /// Somebody objects.
    Objected {
        /// Which objection, from 0.
        k: u32,
    },
    /// It is decided.
    Taken,
}

impl Part {
    /// As a part of a key.
    pub fn key(self) -> String {
        match self {
            Part::Proposed => "proposed".into(),
            Part::Objected { k } => format!("objected.{k}"),
            Part::Taken => "taken".into(),
        }
    }
}

impl Decision {
    /// One that waits for objections.
    pub(crate) fn proposed(n: u32, text: &str, by: &Actor, at: At, until: At) -> Decision {
        Decision {
            n,
            text: text.to_owned(),
            by: by.clone(),
            at,
            until,
            objections: Vec::new(),
            taken: None,
        }
    }
}

/// Takes note of an objection.
pub(crate) fn objected(all: &mut [Decision], n: u32, why: &str, by: &Actor, at: At) {
    for d in all.iter_mut().filter(|d| d.n == n) {
        d.objections.push(Objection {
            by: by.clone(),
            why: why.to_owned(),
            at,
        });
    }
}

/// Takes note of what was decided.
pub(crate) fn taken(all: &mut [Decision], n: u32, by: &Actor, at: At) {
    for d in all.iter_mut().filter(|d| d.n == n) {
        d.taken = Some((at, by.clone()));
    }
}

/// Proposes one.
pub(crate) fn propose(i: &Incident, text: &str, envelope: &Envelope, facts: &Facts) -> Result<Vec<Event>, Refusal> {
    needs_open(i, facts)?;
    Ok(vec![Event::DecisionProposed {
        n: next(i.decisions.last().map(|d| d.n)),
        text: line("text", text, "what is to be decided")?,
        until: envelope.at.plus(facts.process.timing.object_within.0),
    }])
}

/// Objects to one.
pub(crate) fn object(i: &Incident, n: u32, why: &str, facts: &Facts) -> Result<Vec<Event>, Refusal> {
    needs_open(i, facts)?;
    open(i, n)?;
    Ok(vec![Event::Objected {
        n,
        why: line("why", why, "why not")?,
    }])
}

/// Decides it now, whatever was objected.
pub(crate) fn take(i: &Incident, n: u32, facts: &Facts) -> Result<Vec<Event>, Refusal> {
    needs_open(i, facts)?;
    open(i, n)?;
    Ok(vec![Event::DecisionTaken { n }])
}

/// The time for objections is over: without one it is decided, unless the incident has ended meanwhile.
///
/// When that is, the timer alone says: it comes due once, and where the clock was set back it came due earlier by the clock
/// than was written down.
pub(crate) fn over(i: &Incident, n: u32, facts: &Facts) -> Vec<Event> {
    if facts.process.category(&i.status) == Category::Done {
        return Vec::new();
    }
    let due = |d: &&Decision| d.n == n && d.taken.is_none() && d.objections.is_empty();
    match i.decisions.iter().find(due) {
        Some(_) => vec![Event::DecisionTaken { n }],
        None => Vec::new(),
    }
}

fn open(i: &Incident, n: u32) -> Result<(), Refusal> {
    match i.decisions.iter().find(|d| d.n == n) {
        Some(d) if d.taken.is_none() => Ok(()),
        Some(d) => Err(Refusal::new(
            Kind::Conflict,
            format!("Decision {n} of {} is taken already: {}", i.reference, d.text),
        )),
        None => Err(Refusal::field("n", format!("{} has no decision {n}.", i.reference))),
    }
}
