//! Which process an incident follows: the edition that it began with, and the overlays of its team, tier and country. Pure.

use crate::catalogue::Catalogue;
use crate::event::{Event, ServiceName, TeamName};
use crate::metric::{self, Point};
use crate::process::{Category, Process};
use crate::refusal::{Kind, Refusal};
use crate::{At, Facts, Incident, words};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The points that a process's statuses decide: what was reached by the ones of before stays reached.
const KEPT: [Point; 2] = [Point::Mitigated, Point::Resolved];

/// What an incident had reached when it was moved to another version of the process.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reached {
    /// When, by the point's word.
    points: BTreeMap<String, At>,
    /// The status to which the move goes that belongs to this, until it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

impl Reached {
    /// Whether it began with the version that it follows, or had reached nothing by others.
    pub fn is_nothing(&self) -> bool {
        self.points.is_empty() && self.to.is_none()
    }

    /// When a point was reached by an earlier version.
    pub fn at(&self, point: Point) -> Option<At> {
        self.points.get(point.word()).copied()
    }
}

/// It follows another version from now on. Other overlays alone change nothing of what was reached.
pub(crate) fn taken(i: &mut Incident, to: Option<&String>, before: &BTreeMap<String, At>) {
    i.reached.to = to.cloned();
    i.reached.points.extend(before.iter().map(|(k, v)| (k.clone(), *v)));
}

/// It moves. Whether that belongs to another version of the process, and is neither progress nor a step back; who really
/// goes back to work has not reached what came after.
pub(crate) fn arrives(i: &mut Incident, to: &str, process: &Process) -> bool {
    let belongs = i.reached.to.take().is_some_and(|t| t == to);
    if !belongs && process.category(to) == Category::Active {
        i.reached.points.clear();
    }
    belongs
}

/// The overlays that hold once the service or the team is another; nothing where they are the same.
pub(crate) fn relaid(
    i: &Incident,
    service: Option<&ServiceName>,
    team: Option<&TeamName>,
    facts: &Facts,
) -> Option<Event> {
    let overlays = facts.process.overlays_of(service, team, facts.catalogue);
    (overlays != i.overlays).then(|| Event::ProcessTaken {
        version: i.process.clone(),
        edition: i.edition.clone(),
        overlays,
        to: None,
        before: BTreeMap::new(),
    })
}

/// Whether it follows another edition than the one in force.
pub fn is_behind(i: &Incident, in_force: &Process) -> bool {
    !i.edition.is_empty() && i.edition != in_force.edition
}

/// The version in force, where the incident follows another and whoever works on it would notice: where what can be done,
/// is asked, told or reminded of differs. Routes, windows, schedules and working hours are today's for all.
pub fn newer(i: &Incident, own: &Process, in_force: &Process) -> Option<String> {
    if !is_behind(i, in_force) || own.category(&i.status) == Category::Done {
        return None;
    }
    let felt = |p: &Process| {
        let people = (&p.statuses, &p.moves, &p.fields, &p.severities, &p.roles, &p.impact);
        serde_json::to_value((people, &p.steps, &p.nudges, &p.nudging)).ok()
    };
    (felt(own) != felt(&in_force.with(&i.overlays))).then(|| in_force.version.clone())
}

/// Where an incident would stand in another edition of the process: in its own status, else in one of the same category.
/// What is called the same there and is of another category is another status.
pub fn places<'a>(i: &Incident, own: &Process, other: &'a Process) -> Vec<&'a str> {
    let here = own.category(&i.status);
    if let Some(s) = other.status(&i.status).filter(|s| s.category == here) {
        return vec![s.id.as_str()];
    }
    let alike = other.statuses.iter().filter(|s| s.category == here);
    alike.map(|s| s.id.as_str()).collect()
}

/// It follows the process in force from now on.
pub(crate) fn take(i: &Incident, status: Option<&str>, facts: &Facts) -> Result<Vec<Event>, Refusal> {
    let (own, new) = (facts.process, facts.in_force);
    if own.category(&i.status) == Category::Done {
        let message = format!(
            "{} is finished; it keeps the version of the process that it ended with.",
            i.reference
        );
        return Err(Refusal::new(Kind::Conflict, message));
    }
    let overlays = overlays_now(i, new, facts.catalogue);
    if i.edition == new.edition && i.overlays == overlays {
        return Ok(Vec::new());
    }
    let places = places(i, own, new);
    let status = status.map(str::trim).filter(|s| !s.is_empty());
    let to = match (places.as_slice(), status) {
        ([only], None) => *only,
        // What it is called by is there, and means something else: whoever moves it need not know that.
        ([first, ..], None) if new.status(&i.status).is_some() => *first,
        (all, Some(s)) if all.contains(&s) => s,
        (all, given) => {
            let all: Vec<String> = all.iter().map(|s| (*s).to_owned()).collect();
            let known = match all.is_empty() {
                true => "it has none of the same category".to_owned(),
                false => format!("it can stand in {}", words::list(&all)),
            };
            let message = match given {
                Some(s) => format!(
                    "In version {} of the process {} cannot stand in {:?}; {known}.",
                    new.version,
                    i.reference,
                    words::cut(s, 40)
                ),
                None => format!(
                    "Version {} of the process has no status {:?}, in which {} stands; say which it takes there: {known}.",
                    new.version, i.status, i.reference
                ),
            };
            return Err(Refusal {
                kind: Kind::Conflict,
                ..Refusal::field("status", message)
            });
        }
    };
    let mut out = vec![Event::ProcessTaken {
        version: new.version.clone(),
        edition: new.edition.clone(),
        overlays,
        to: Some(to.to_owned()).filter(|to| *to != i.status),
        before: KEPT
            .into_iter()
            .filter_map(|p| Some((p.word().to_owned(), metric::point(i, own, p)?)))
            .collect(),
    }];
    if to != i.status {
        out.push(Event::Moved {
            from: i.status.clone(),
            to: to.to_owned(),
            fields: BTreeMap::new(),
        });
    }
    out.extend(severity_there(i, own, new));
    Ok(out)
}

fn overlays_now(i: &Incident, process: &Process, catalogue: &Catalogue) -> Vec<String> {
    process.overlays_of(i.service.as_ref(), i.team.as_ref(), catalogue)
}

/// A severity that is no longer there becomes the one at its place, so that it is not taken lightly by accident.
fn severity_there(i: &Incident, own: &Process, new: &Process) -> Option<Event> {
    if new.severity(&i.severity).is_some() {
        return None;
    }
    let place = own.severities.iter().position(|s| s.id == i.severity).unwrap_or(0);
    let to = new.severities.get(place).or(new.severities.last())?;
    Some(Event::SeverityChanged {
        from: i.severity.clone(),
        to: to.id.clone(),
    })
}
