//! Times that were written down wrongly, put right by a person: who, why and what was there before stay. Pure.

use crate::command::Envelope;
use crate::decide::line;
use crate::event::Event;
use crate::metric::{self, Point};
use crate::person::Actor;
use crate::refusal::{Kind, Refusal};
use crate::{At, Facts, Incident, Process, words};
use serde::{Deserialize, Serialize};

/// The points whose time people can put right: those that numbers are made of and that nobody's press of a button proves.
pub const POINTS: [Point; 5] = [
    Point::Started,
    Point::Detected,
    Point::Acknowledged,
    Point::Mitigated,
    Point::Resolved,
];

/// How long before it was written down an incident can have begun, at most: what somebody finds after half a year began
/// then as far as anybody can tell, and a year that was mistyped is farther away.
const BEGUN_BEFORE_DAYS: i64 = 180;

/// A time that was put right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Which: `resolved`.
    pub moment: String,
    /// What it was before.
    pub was: Option<At>,
    /// What it is.
    pub is: At,
    /// Why.
    pub why: String,
    /// Who put it right.
    pub by: Actor,
    /// When they did.
    pub at: At,
}

impl Correction {
    /// From what it was to what it is.
    pub(crate) fn of(moment: &str, (was, is): (Option<At>, At), why: &str, by: &Actor, at: At) -> Correction {
        Correction {
            moment: moment.to_owned(),
            was,
            is,
            why: why.to_owned(),
            by: by.clone(),
            at,
        }
    }
}

/// What somebody can put right of an incident, with what it is now: the name, and the time if one is known.
pub fn correctable(i: &Incident, process: &Process) -> Vec<(Point, Option<At>)> {
    let all = POINTS.iter().map(|p| (*p, metric::point(i, process, *p)));
    all.filter(|(p, at)| at.is_some() || may_be_added(i, process, *p))
        .collect()
}

/// When it began, and when a repair was in place, may be known although nothing here saw it.
fn may_be_added(i: &Incident, process: &Process, point: Point) -> bool {
    match point {
        Point::Started => true,
        Point::Mitigated => metric::point(i, process, Point::Resolved).is_some(),
        _ => false,
    }
}

/// Puts a time right.
pub(crate) fn correct(
    i: &Incident,
    moment: &str,
    to: At,
    why: &str,
    envelope: &Envelope,
    facts: &Facts,
) -> Result<Vec<Event>, Refusal> {
    let named = moment.trim();
    let named = named.strip_suffix("_at").unwrap_or(named);
    let Some(point) = POINTS.into_iter().find(|p| p.word().eq_ignore_ascii_case(named)) else {
        let all: Vec<String> = POINTS.iter().map(|p| p.word().to_owned()).collect();
        let message = format!(
            "There is no time {:?} to put right; there are {}.",
            words::cut(moment, 40),
            words::list(&all)
        );
        return Err(Refusal::field("moment", message));
    };
    let was = metric::point(i, facts.process, point);
    if was.is_none() && !may_be_added(i, facts.process, point) {
        let message = format!(
            "{} was never {}, so there is no time to put right.",
            i.reference,
            point.word()
        );
        return Err(Refusal {
            kind: Kind::Conflict,
            ..Refusal::field("moment", message)
        });
    }
    let why = line("why", why, "why it was wrong")?;
    if to > envelope.at {
        return Err(Refusal::field(
            "at",
            "That is in the future; give a time that has been.",
        ));
    }
    if was == Some(to) {
        return Ok(Vec::new());
    }
    let first = POINTS.iter().filter_map(|p| metric::point(i, facts.process, *p));
    let first = first.chain([i.opened_at]).min().unwrap_or(i.opened_at);
    let earliest = first.plus(-BEGUN_BEFORE_DAYS * 86_400_000);
    if to < earliest {
        let message = format!(
            "Nothing of {} can have been more than {BEGUN_BEFORE_DAYS} days before all that is known of it; give a time after {}.",
            i.reference,
            earliest.rfc3339()
        );
        return Err(Refusal::field("at", message));
    }
    in_order(i, facts.process, point, to)?;
    Ok(vec![Event::TimeCorrected {
        moment: point.word().to_owned(),
        was,
        is: to,
        why,
    }])
}

/// A time may not run past those that come after it, nor behind those that come before.
fn in_order(i: &Incident, process: &Process, point: Point, to: At) -> Result<(), Refusal> {
    let place = |p: Point| POINTS.iter().position(|o| *o == p);
    for (other, at) in POINTS.iter().filter_map(|p| Some((*p, metric::point(i, process, *p)?))) {
        // Whether a repair was in place before or after somebody acknowledged says nothing.
        let apart = [Point::Acknowledged, Point::Mitigated];
        if other == point || (apart.contains(&other) && apart.contains(&point)) {
            continue;
        }
        let wrong = match place(other) < place(point) {
            true if to < at => Some("before"),
            false if to > at => Some("after"),
            true | false => None,
        };
        if let Some(side) = wrong {
            let message = format!(
                "It cannot be {} {side} it was {} ({}); put that right first, if it is wrong.",
                point.word(),
                other.word(),
                at.rfc3339()
            );
            return Err(Refusal::field("at", message));
        }
    }
    Ok(())
}
