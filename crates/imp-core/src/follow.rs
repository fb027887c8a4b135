//! Which process an incident follows: the edition that it began with, and the overlays of its team, tier and country. Pure.

use crate::catalogue::Catalogue;
use crate::event::{Event, ServiceName, TeamName};
use crate::process::{Category, Process};
use crate::refusal::{Kind, Refusal};
use crate::{Facts, Incident, words};
use std::collections::BTreeMap;

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
    })
}

/// Whether it follows another edition than the one in force.
pub fn is_behind(i: &Incident, in_force: &Process) -> bool {
    !i.edition.is_empty() && i.edition != in_force.edition
}

/// Where an incident would stand in another edition of the process, in which its own status may not be: its own, else
/// those of the same category.
pub fn places<'a>(i: &Incident, own: &Process, other: &'a Process) -> Vec<&'a str> {
    if let Some(s) = other.status(&i.status) {
        return vec![s.id.as_str()];
    }
    let here = own.category(&i.status);
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
