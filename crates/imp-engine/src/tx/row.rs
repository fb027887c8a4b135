//! The rows that an incident has: as it is now, what is measured of it, and, for one that is new, its facts.

use super::json;
use crate::measure;
use crate::store::{Conn, StoreError, Val, insert};
use imp_core::event::Fact;
use imp_core::{Incident, Process};
use std::sync::LazyLock;

/// The columns of an incident's row, in the order of [`values`].
const COLUMNS: [&str; 14] = [
    "ref",
    "status",
    "category",
    "severity",
    "service",
    "team",
    "private",
    "title",
    "opened_at",
    "changed_at",
    "ticket",
    "channel",
    "state",
    "sought",
];
/// What stays as it was when the incident was opened.
const KEPT: [&str; 2] = ["ref", "opened_at"];

/// The statement that writes an incident's row.
static WRITE: LazyLock<String> = LazyLock::new(|| {
    let places: Vec<String> = (1..=COLUMNS.len()).map(|n| format!("?{n}")).collect();
    let changes = COLUMNS.iter().filter(|c| !KEPT.contains(c));
    let set: Vec<String> = changes.map(|c| format!("{c} = excluded.{c}")).collect();
    format!(
        "insert into incident ({}) values ({}) on conflict (ref) do update set {}",
        COLUMNS.join(", "),
        places.join(", "),
        set.join(", ")
    )
});

/// What stands in an incident's row.
fn values(i: &Incident, process: &Process) -> Result<Vec<Val>, StoreError> {
    Ok(vec![
        i.reference.0.into(),
        i.status.as_str().into(),
        process.category(&i.status).word().into(),
        i.severity.as_str().into(),
        i.service.as_ref().map(|s| s.alias.as_str()).into(),
        i.team.as_ref().map(|t| t.alias.as_str()).into(),
        i.private.into(),
        i.title.as_str().into(),
        i.opened_at.0.into(),
        i.changed_at.0.into(),
        i.links.ticket.as_ref().map(|t| t.key.as_str()).into(),
        i.links.channel.as_ref().map(|c| c.id.as_str()).into(),
        json(i)?.into(),
        crate::sought::beside(&i.title).into(),
    ])
}

/// Writes an incident's rows: as it is now, and what is measured of it.
pub fn save(conn: &mut dyn Conn, i: &Incident, process: &Process) -> Result<(), StoreError> {
    conn.run(&WRITE, &values(i, process)?)?;
    measure::save(conn, i, process)
}

/// An incident that is new to the store, as all of its rows.
#[derive(Debug)]
pub struct Laid {
    facts: Vec<Vec<Val>>,
    row: Vec<Val>,
    measured: Vec<Val>,
}

/// Makes an incident of its facts, and of that the rows that keep it.
///
/// # Errors
/// Where the facts make no incident.
pub fn lay(facts: &[Fact], process: &Process) -> Result<Laid, StoreError> {
    let fold = |i, fact: &Fact| Incident::evolve(i, fact, process);
    let incident = facts.iter().fold(None, fold);
    let i = incident.ok_or_else(|| StoreError("facts of an incident that was never opened".into()))?;
    let fact = |f: &Fact| Ok(vec![i.reference.0.into(), f.n.into(), f.at.0.into(), json(f)?.into()]);
    Ok(Laid {
        facts: facts.iter().map(fact).collect::<Result<_, StoreError>>()?,
        row: values(&i, process)?,
        measured: measure::values(&i, process)?,
    })
}

/// Writes incidents that are new to the store, many with one statement.
///
/// # Errors
/// What the store says.
pub fn save_new(conn: &mut dyn Conn, all: Vec<Laid>) -> Result<(), StoreError> {
    let (mut facts, mut rows, mut measured) = (Vec::new(), Vec::new(), Vec::new());
    for laid in all {
        facts.extend(laid.facts);
        rows.push(laid.row);
        measured.push(laid.measured);
    }
    insert(conn, "journal", &["ref", "n", "at", "fact"], facts)?;
    insert(conn, "incident", &COLUMNS, rows)?;
    measure::save_new(conn, measured)
}
