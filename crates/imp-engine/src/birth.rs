//! New services on their way: the runs of the Shaper, as text that only the Shaper reads, and who is at work on each.

use crate::store::{Conn, Row, StoreError};
use imp_core::At;

/// How long a run belongs to whoever works on it without a word of theirs: longer than the longest call and the longest
/// pause after one.
pub const HELD_MS: i64 = 90_000;

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Birth {
    /// Its name.
    pub id: String,
    /// The call that asked for it, where the call has a key.
    pub wish: Option<String>,
    /// The service.
    pub service: String,
    /// Its template.
    pub template: String,
    /// `going`, `done`, `failed`, `undoing`, `undone`.
    pub phase: String,
    /// Who asked for it.
    pub by: String,
    /// When.
    pub begun_at: At,
    /// When it last changed.
    pub changed_at: At,
    /// The run, as the Shaper writes it.
    pub run: String,
}

const COLUMNS: &str = "id, wish, service, template, phase, by_whom, begun_at, changed_at, run";

fn read(row: &Row) -> Birth {
    Birth {
        id: row.text(0).to_owned(),
        wish: row.maybe(1).map(str::to_owned),
        service: row.text(2).to_owned(),
        template: row.text(3).to_owned(),
        phase: row.text(4).to_owned(),
        by: row.text(5).to_owned(),
        begun_at: At(row.int(6)),
        changed_at: At(row.int(7)),
        run: row.text(8).to_owned(),
    }
}

/// Keeps a new run with its files. One that was asked for by the same call is not kept twice.
///
/// # Errors
/// What the store says.
pub fn begin(conn: &mut dyn Conn, b: &Birth, files: &str) -> Result<(), StoreError> {
    conn.run(
        "insert into birth (id, wish, service, template, phase, by_whom, begun_at, changed_at, run, files, holder, held_until)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, '', 0) on conflict (wish) do nothing",
        &[
            b.id.as_str().into(),
            b.wish.clone().into(),
            b.service.as_str().into(),
            b.template.as_str().into(),
            b.phase.as_str().into(),
            b.by.as_str().into(),
            b.begun_at.0.into(),
            b.changed_at.0.into(),
            b.run.as_str().into(),
            files.into(),
        ],
    )?;
    Ok(())
}

/// Takes a run that waits for somebody; false where another is at work on it.
///
/// # Errors
/// What the store says.
pub fn take(conn: &mut dyn Conn, id: &str, holder: &str, now: At) -> Result<bool, StoreError> {
    let taken = conn.run(
        "update birth set holder = ?2, held_until = ?3 where id = ?1 and phase in ('going', 'undoing') and held_until < ?4",
        &[id.into(), holder.into(), now.plus(HELD_MS).0.into(), now.0.into()],
    )?;
    Ok(taken == 1)
}

/// Keeps what whoever works on a run has done; false where it belongs to another by now.
///
/// # Errors
/// What the store says.
pub fn keep(conn: &mut dyn Conn, id: &str, holder: &str, phase: &str, run: &str, now: At) -> Result<bool, StoreError> {
    let open = matches!(phase, "going" | "undoing");
    let until = if open { now.plus(HELD_MS).0 } else { 0 };
    let kept = conn.run(
        "update birth set phase = ?3, run = ?4, changed_at = ?5, held_until = ?6 where id = ?1 and holder = ?2",
        &[
            id.into(),
            holder.into(),
            phase.into(),
            run.into(),
            now.0.into(),
            until.into(),
        ],
    )?;
    Ok(kept == 1)
}

/// Has a run that nobody works on go another way; false where somebody works on it or it has changed since.
///
/// # Errors
/// What the store says.
pub fn turn(conn: &mut dyn Conn, was: &Birth, phase: &str, run: &str, now: At) -> Result<bool, StoreError> {
    let turned = conn.run(
        "update birth set phase = ?2, run = ?3, changed_at = ?4, held_until = 0 where id = ?1 and run = ?5 and held_until < ?4",
        &[was.id.as_str().into(), phase.into(), run.into(), now.0.into(), was.run.as_str().into()],
    )?;
    Ok(turned == 1)
}

/// Nobody else can be at work on anything: this process is alone with the store and has just begun.
///
/// # Errors
/// What the store says.
pub fn let_go(conn: &mut dyn Conn) -> Result<(), StoreError> {
    conn.run("update birth set held_until = 0 where held_until > 0", &[])?;
    Ok(())
}

/// The runs that wait for somebody.
///
/// # Errors
/// What the store says.
pub fn waiting(conn: &mut dyn Conn, now: At) -> Result<Vec<Birth>, StoreError> {
    let sql = format!(
        "select {COLUMNS} from birth where phase in ('going', 'undoing') and held_until < ?1 order by begun_at limit 8"
    );
    Ok(conn.rows(&sql, &[now.0.into()])?.iter().map(read).collect())
}

/// A run.
///
/// # Errors
/// What the store says.
pub fn find(conn: &mut dyn Conn, id: &str) -> Result<Option<Birth>, StoreError> {
    let sql = format!("select {COLUMNS} from birth where id = ?1");
    Ok(conn.rows(&sql, &[id.into()])?.first().map(read))
}

/// The run that a call asked for.
///
/// # Errors
/// What the store says.
pub fn of_wish(conn: &mut dyn Conn, wish: &str) -> Result<Option<Birth>, StoreError> {
    let sql = format!("select {COLUMNS} from birth where wish = ?1");
    Ok(conn.rows(&sql, &[wish.into()])?.first().map(read))
}

/// The files of a run.
///
/// # Errors
/// What the store says.
pub fn files(conn: &mut dyn Conn, id: &str) -> Result<Option<String>, StoreError> {
    let rows = conn.rows("select files from birth where id = ?1", &[id.into()])?;
    Ok(rows.first().map(|r| r.text(0).to_owned()))
}

/// A page of runs, the newest first, from the `skip`th on.
///
/// # Errors
/// What the store says.
pub fn all(conn: &mut dyn Conn, skip: u64, limit: usize) -> Result<Vec<Birth>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let sql = format!("select {COLUMNS} from birth order by begun_at desc, id limit ?1 offset ?2");
    Ok(conn
        .rows(&sql, &[limit.into(), skip.into()])?
        .iter()
        .map(read)
        .collect())
}
