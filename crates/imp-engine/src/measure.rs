//! The narrow row beside each incident's: what numbers are made of, so that no page of them reads an incident's JSON.

use crate::desk::{keep_sheet, sheet};
use crate::store::{Conn, StoreError, Val};
use imp_core::metric::{self, Class, METRICS, Measured};
use imp_core::process::Category;
use imp_core::{At, Incident, Process};

/// What is stored where the times run backwards; a length that counts is never negative.
pub const INVALID: i64 = -1;
/// The sheet that says by which rules all rows were last measured.
const RULES: &str = "measure";
/// Goes up whenever a formula in `imp-core/src/metric.rs` changes: every row is then measured anew at the next start.
const FORMULAS: u32 = 1;
/// Incidents that are read at a time, at some ten kilobytes each.
const AT_A_TIME: i64 = 500;

/// Writes an incident's row.
///
/// # Errors
/// What the store says.
pub fn save(conn: &mut dyn Conn, i: &Incident, process: &Process) -> Result<(), StoreError> {
    let class = metric::class(i, process);
    let class = Class::ALL.iter().position(|c| *c == class).unwrap_or(0);
    let mut args: Vec<Val> = vec![
        i.reference.0.into(),
        metric::when(i, process).map(|at| at.0).into(),
        Val::Int(i64::try_from(class).unwrap_or(0)),
        matches!(process.category(&i.status), Category::After | Category::Done).into(),
        i.private.into(),
        i.back_filled.as_deref().into(),
        i.severity.as_str().into(),
        i.service.as_ref().map(|s| s.alias.as_str()).into(),
        i.team.as_ref().map(|t| t.alias.as_str()).into(),
    ];
    args.extend(METRICS.iter().map(|m| match metric::measure(i, process, m) {
        Measured::Recorded(ms) => Val::Int(ms),
        Measured::Invalid => Val::Int(INVALID),
        Measured::Pending | Measured::NotApplicable => Val::Null,
    }));
    conn.run(
        "insert into measure (ref, at, class, finished, private, back_filled, severity, service, team,
         detect_ms, acknowledge_ms, mitigate_ms, resolve_ms)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         on conflict (ref) do update set at = excluded.at, class = excluded.class, finished = excluded.finished,
         private = excluded.private, back_filled = excluded.back_filled, severity = excluded.severity,
         service = excluded.service, team = excluded.team, detect_ms = excluded.detect_ms,
         acknowledge_ms = excluded.acknowledge_ms, mitigate_ms = excluded.mitigate_ms, resolve_ms = excluded.resolve_ms",
        &args,
    )?;
    Ok(())
}

/// Measures every incident anew where that was done by other rules: after an upgrade, a restore, or a change of the
/// process's statuses. One transaction; of several replicas one does it.
///
/// # Errors
/// What the store says; then nothing was changed.
pub fn refresh(conn: &mut dyn Conn, process: &Process) -> Result<(), StoreError> {
    let statuses: Vec<(&str, Category)> = process.statuses.iter().map(|s| (s.id.as_str(), s.category)).collect();
    let rules = serde_json::to_string(&(FORMULAS, statuses)).map_err(|e| StoreError(e.to_string()))?;
    if sheet::<String>(conn, RULES)?.as_deref() == Some(rules.as_str()) {
        return Ok(());
    }
    conn.begin()?;
    match anew(conn, process, &rules) {
        Ok(()) => conn.commit(),
        Err(e) => {
            conn.rollback();
            Err(e)
        }
    }
}

fn anew(conn: &mut dyn Conn, process: &Process, rules: &String) -> Result<(), StoreError> {
    if sheet::<String>(conn, RULES)?.as_ref() == Some(rules) {
        return Ok(());
    }
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
                Ok(i) => save(conn, &i, process)?,
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
