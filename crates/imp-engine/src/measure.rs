//! The narrow row beside each incident's: what numbers are made of, so that no page of them reads an incident's JSON.

use crate::desk::{House, keep_sheet, sheet};
use crate::store::{Conn, StoreError, Val, insert};
use imp_core::event::Target;
use imp_core::metric::{self, Class, METRICS, Measured};
use imp_core::process::Category;
use imp_core::{At, Incident, Process, words};
use std::sync::LazyLock;

/// What is stored where the times run backwards; a length that counts is never negative.
pub const INVALID: i64 = -1;
/// What is stored where the second point may still come; where it will not, nothing is stored.
pub const PENDING: i64 = -2;
/// The columns that hold lengths, in the order of `METRICS`.
pub const LENGTHS: [&str; metric::COUNT] = [
    "detect_ms",
    "acknowledge_ms",
    "mitigate_ms",
    "resolve_ms",
    "impact_ms",
    "declare_ms",
    "ask_ms",
    "channel_ms",
    "command_ms",
    "first_update_ms",
    "first_public_ms",
    "review_ms",
    "close_ms",
];
/// The other columns but for the stamp.
const COLUMNS: [&str; 18] = [
    "ref",
    "at",
    "over_at",
    "class",
    "finished",
    "private",
    "back_filled",
    "severity",
    "service",
    "team",
    "cause",
    "reopened",
    "updates_due",
    "updates_late",
    "stays",
    "calls",
    "owed",
    "corrected",
];
/// The answer of the process's field of this name is an incident's cause, as far as this many characters.
const CAUSE: (&str, usize) = ("cause", 120);
/// The sheet that says by which rules all rows were last measured.
const RULES: &str = "measure";
/// Goes up whenever a formula in `imp-core/src/metric.rs` changes: every row is then measured anew at the next start.
const FORMULAS: u32 = 5;
/// Incidents that are read at a time, at some ten kilobytes each.
const AT_A_TIME: i64 = 500;

/// The statement that writes a row. Whatever is written gets the next stamp, so that who keeps rows at hand asks only for
/// what is new; those who write do so one after the other.
static WRITE: LazyLock<String> = LazyLock::new(|| {
    let columns: Vec<&str> = COLUMNS.iter().chain(&LENGTHS).copied().collect();
    let places: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
    let set: Vec<String> = columns[1..].iter().map(|c| format!("{c} = excluded.{c}")).collect();
    format!(
        "insert into measure ({}, stamp) values ({}, (select coalesce(max(stamp), 0) + 1 from measure))
         on conflict (ref) do update set {}, stamp = excluded.stamp",
        columns.join(", "),
        places.join(", "),
        set.join(", ")
    )
});

/// What stands in an incident's row, but for the stamp.
pub(crate) fn values(i: &Incident, process: &Process) -> Result<Vec<Val>, StoreError> {
    let class = metric::class(i, process);
    let class = Class::ALL.iter().position(|c| *c == class).unwrap_or(0);
    let updates = metric::updates(i, process);
    let cause = i
        .fields
        .get(CAUSE.0)
        .map(|c| words::cut(words::title(c).as_str(), CAUSE.1));
    let mut args: Vec<Val> = vec![
        i.reference.0.into(),
        metric::when(i, process).map(|at| at.0).into(),
        metric::over(i, process).map(|at| at.0).into(),
        Val::Int(i64::try_from(class).unwrap_or(0)),
        matches!(process.category(&i.status), Category::After | Category::Done).into(),
        i.private.into(),
        i.back_filled.as_deref().into(),
        i.severity.as_str().into(),
        i.service.as_ref().map(|s| s.alias.as_str()).into(),
        i.team.as_ref().map(|t| t.alias.as_str()).into(),
        cause.filter(|c| !c.is_empty()).into(),
        Val::Int(i64::from(i.reopened)),
        updates.map(|(due, _)| due).into(),
        updates.map(|(_, late)| late).into(),
        some_json(metric::stays(i).iter().collect::<Vec<_>>())?,
        some_json(calls(i))?,
        some_json(owed(i))?,
        Val::Int(i64::try_from(i.corrected.len()).unwrap_or(0)),
    ];
    args.extend(METRICS.iter().map(|m| match metric::measure(i, process, m) {
        Measured::Recorded(ms) => Val::Int(ms),
        Measured::Invalid => Val::Int(INVALID),
        Measured::Pending => Val::Int(PENDING),
        Measured::NotApplicable => Val::Null,
    }));
    Ok(args)
}

/// Writes an incident's row.
///
/// # Errors
/// What the store says.
pub fn save(conn: &mut dyn Conn, i: &Incident, process: &Process) -> Result<(), StoreError> {
    conn.run(&WRITE, &values(i, process)?).map(drop)
}

/// Writes the rows of incidents that have none.
pub(crate) fn save_new(conn: &mut dyn Conn, mut rows: Vec<Vec<Val>>) -> Result<(), StoreError> {
    let columns: Vec<&str> = COLUMNS.iter().chain(&LENGTHS).chain(&["stamp"]).copied().collect();
    let newest = conn.rows("select coalesce(max(stamp), 0) from measure", &[])?;
    let stamps = newest.first().map_or(0, |r| r.int(0)) + 1..;
    rows.iter_mut()
        .zip(stamps)
        .for_each(|(row, stamp)| row.push(stamp.into()));
    insert(conn, "measure", &columns, rows)
}

/// A list as it is stored; nothing where it is empty, as it is for most incidents.
fn some_json<T: serde::Serialize>(list: Vec<T>) -> Result<Val, StoreError> {
    if list.is_empty() {
        return Ok(Val::Null);
    }
    serde_json::to_string(&list)
        .map(Val::Text)
        .map_err(|e| StoreError(e.to_string()))
}

/// Follow-ups that are not done: by which day each is due (empty where it has none), and since when it is owed. Where an
/// earlier version did not keep that, it is since the incident was resolved.
fn owed(i: &Incident) -> Vec<(&str, i64)> {
    let resolved = i.moments.get("resolved").copied().unwrap_or(i.opened_at);
    let open = i.follow_ups.iter().filter(|f| !f.done);
    open.map(|f| (f.due.as_deref().unwrap_or_default(), f.added.unwrap_or(resolved).0))
        .collect()
}

/// Who was asked by name, and when.
fn calls(i: &Incident) -> Vec<(&str, i64)> {
    let asked = i.questions.iter().filter_map(|q| match &q.whom {
        Target::Person(who) => Some((who.label(), q.at.0)),
        Target::Channel(_) | Target::Announcements => None,
    });
    asked.collect()
}

/// Measures every incident anew where that was done by other rules (after an upgrade, a restore, or a change of the
/// process's statuses). One transaction; of several replicas one does it.
///
/// # Errors
/// What the store says; then nothing was changed.
pub fn refresh(conn: &mut dyn Conn, house: &House) -> Result<(), StoreError> {
    let process = house.process.load_full();
    let statuses: Vec<(&str, Category)> = process.statuses.iter().map(|s| (s.id.as_str(), s.category)).collect();
    let rules = serde_json::to_string(&(FORMULAS, statuses)).map_err(|e| StoreError(e.to_string()))?;
    conn.begin()?;
    let measured = anew(conn, house, &rules);
    match measured {
        Ok(()) => conn.commit(),
        Err(e) => {
            conn.rollback();
            Err(e)
        }
    }
}

fn anew(conn: &mut dyn Conn, house: &House, rules: &String) -> Result<(), StoreError> {
    if sheet::<String>(conn, RULES)?.as_ref() == Some(rules) {
        return Ok(());
    }
    conn.run("delete from leaf", &[])?;
    let mut after = 0;
    loop {
        let rows = conn.rows(
            "select ref, state from incident where ref > ?1 order by ref limit ?2",
            &[after.into(), AT_A_TIME.into()],
        )?;
        let Some(last) = rows.last() else { break };
        after = last.int(0);
        for row in &rows {
            match serde_json::from_str::<Incident>(row.text(1)) {
                Ok(i) => save(conn, &i, &house.process_of(&i))?,
                Err(e) => {
                    tracing::error!(incident = row.int(0), error = %e, "an incident that cannot be read is not measured")
                }
            }
        }
    }
    keep_sheet(conn, RULES, At(0), rules)
}

/// The rows have to be measured anew: their incidents were written past them.
///
/// # Errors
/// What the store says.
pub fn is_stale(conn: &mut dyn Conn) -> Result<(), StoreError> {
    conn.run("delete from sheet where name = ?1", &[RULES.into()]).map(drop)
}
