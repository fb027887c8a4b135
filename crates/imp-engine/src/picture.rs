//! Pictures of messages that stand on the timeline: a copy of each, so that the story can be read when Slack no longer has
//! them.

use crate::store::{Conn, Row, StoreError};
use imp_core::{At, Ref};

/// Pictures of one incident at most: more than anybody marks, at a few megabytes each.
const KEPT_MAX: usize = 100;

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Slack's identifier of the file.
    pub file: String,
    /// The message that it belongs to.
    pub ts: String,
    /// What people call it.
    pub name: String,
    /// Its kind, as its bytes say: `image/png`.
    pub kind: String,
    /// The picture, in base64, which both stores and a backup hold as it is.
    pub bytes: String,
}

/// Keeps pictures of an incident, each once.
///
/// # Errors
/// What the store says.
pub fn keep(conn: &mut dyn Conn, r: Ref, all: &[Picture], now: At) -> Result<(), StoreError> {
    let there = of(conn, r)?.len();
    for p in all.iter().take(KEPT_MAX.saturating_sub(there)) {
        conn.run(
            "insert into picture (ref, file, ts, name, kind, kept_at, bytes) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             on conflict (ref, file) do nothing",
            &[
                r.0.into(),
                p.file.as_str().into(),
                p.ts.as_str().into(),
                p.name.as_str().into(),
                p.kind.as_str().into(),
                now.0.into(),
                p.bytes.as_str().into(),
            ],
        )?;
    }
    Ok(())
}

/// The pictures of an incident, without their bytes, in the order in which they were kept.
///
/// # Errors
/// What the store says.
pub fn of(conn: &mut dyn Conn, r: Ref) -> Result<Vec<Picture>, StoreError> {
    let sql = "select file, ts, name, kind, '' from picture where ref = ?1 order by kept_at, file";
    Ok(conn.rows(sql, &[r.0.into()])?.iter().map(read).collect())
}

/// One of them, with its bytes.
///
/// # Errors
/// What the store says.
pub fn one(conn: &mut dyn Conn, r: Ref, file: &str) -> Result<Option<Picture>, StoreError> {
    let sql = "select file, ts, name, kind, bytes from picture where ref = ?1 and file = ?2";
    Ok(conn.rows(sql, &[r.0.into(), file.into()])?.first().map(read))
}

fn read(row: &Row) -> Picture {
    Picture {
        file: row.text(0).to_owned(),
        ts: row.text(1).to_owned(),
        name: row.text(2).to_owned(),
        kind: row.text(3).to_owned(),
        bytes: row.text(4).to_owned(),
    }
}
