//! A copy of everything that a store remembers, in a form that any store of this or a later version takes: one line a
//! row, a checksum at the end. It also moves an installation from one kind of store to the other.

use crate::desk::{RESTORED, keep_sheet};
use crate::store::{Conn, Row, StoreError, Val};
use crate::{birth, lane, measure, sought};
use imp_core::At;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::io::{self, BufRead, Read, Write};

/// The form of the file. A later one says another number.
const FORMAT: u32 = 2;
/// The longest line that is believed: an incident's row with everything in it is a hundredth of that.
const LINE_MOST: u64 = 64 * 1024 * 1024;
/// After so many rows it is said how far it has come.
const REPORT_EVERY: u64 = 10_000;

/// What is copied: each table, its columns, and their order. What is left out means nothing elsewhere (who performs what,
/// what is measured) or should not be there (who is signed in).
const TABLES: [(&str, &[&str], &str); 11] = [
    ("journal", &["seq", "ref", "n", "at", "fact"], "seq"),
    (
        "incident",
        &[
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
        ],
        "ref",
    ),
    (
        "effect",
        &[
            "id",
            "ref",
            "key",
            "lane",
            "capability",
            "rank",
            "state",
            "due_at",
            "held",
            "made_at",
            "done_at",
            "tried",
            "failures",
            "fault",
            "fault_at",
            "what",
        ],
        "id",
    ),
    (
        "alert_group",
        &["source", "key", "ref", "firing", "changed_at"],
        "source, key",
    ),
    ("envelope", &["id", "at", "ref", "print"], "id"),
    ("sheet", &["name", "at", "body"], "name"),
    (
        "process_version",
        &["edition", "name", "version", "kept_at", "source"],
        "edition",
    ),
    (
        "picture",
        &["ref", "file", "ts", "name", "kind", "kept_at", "bytes"],
        "ref, file",
    ),
    ("saved_view", &["id", "owner", "page", "name", "query", "made_at"], "id"),
    (
        "audit",
        &[
            "n", "at", "who", "role", "door", "origin", "what", "ref", "private", "detail", "hash",
        ],
        "n",
    ),
    (
        "birth",
        &[
            "id",
            "wish",
            "service",
            "template",
            "phase",
            "by_whom",
            "begun_at",
            "changed_at",
            "run",
            "files",
            "holder",
            "held_until",
        ],
        "id",
    ),
];

/// Why a copy cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store does not do what it should.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The file cannot be read or written.
    #[error("{0}")]
    File(#[from] io::Error),
    /// It is not a whole, unaltered copy of ours.
    #[error("line {line}: {why}; nothing was restored")]
    Unsound {
        /// Where.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// It comes from a version that is newer than this one.
    #[error("it was made by a newer version of imp ({0}); install that version, then restore; nothing was restored")]
    Newer(String),
    /// There is something in the store already.
    #[error("the store is not empty (table {0}); restore into a new one; nothing was restored")]
    NotEmpty(&'static str),
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    imp: String,
    format: u32,
    schema: i64,
    made_at: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct TableLine {
    table: String,
    columns: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct End {
    rows: u64,
    sha256: String,
}

/// Copies everything, as it is at one moment, whoever writes meanwhile. `progress` is told the rows so far. How many there
/// were.
///
/// # Errors
/// See [`BackupError`].
pub fn write(
    conn: &mut dyn Conn,
    now: At,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, BackupError> {
    conn.snapshot()?;
    let written = copy_out(conn, now, out, progress);
    conn.rollback();
    written
}

fn copy_out(
    conn: &mut dyn Conn,
    now: At,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, BackupError> {
    let mut out = Hashing {
        out,
        hash: Sha256::new(),
    };
    let schema = crate::store::SCHEMA;
    line(
        &mut out,
        &Head {
            imp: "backup".into(),
            format: FORMAT,
            schema,
            made_at: now.rfc3339(),
        },
    )?;
    let mut rows = 0;
    for (table, columns, order) in TABLES {
        line(
            &mut out,
            &TableLine {
                table: table.into(),
                columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            },
        )?;
        let mut failed = None;
        let sql = format!("select {} from {table} order by {order}", columns.join(", "));
        let read = conn.each(&sql, &[], &mut |row| {
            rows += 1;
            if rows % REPORT_EVERY == 0 {
                progress(rows);
            }
            let values: Vec<Value> = row.0.into_iter().map(to_json).collect();
            line(&mut out, &values).map_err(|e| {
                let why = StoreError(e.to_string());
                failed = Some(e);
                why
            })
        });
        match failed {
            Some(e) => return Err(e.into()),
            None => read?,
        }
    }
    let sha256 = hex::encode(out.hash.clone().finalize());
    line(&mut out, &End { rows, sha256 })?;
    out.out.flush()?;
    Ok(rows)
}

struct Hashing<'a> {
    out: &'a mut dyn Write,
    hash: Sha256,
}

fn line<T: Serialize>(out: &mut Hashing, value: &T) -> io::Result<()> {
    let mut text = serde_json::to_string(value)?;
    text.push('\n');
    out.hash.update(text.as_bytes());
    out.out.write_all(text.as_bytes())
}

fn to_json(v: Val) -> Value {
    match v {
        Val::Null => Value::Null,
        Val::Int(n) => Value::from(n),
        Val::Text(s) => Value::String(s),
    }
}

/// Reads a copy from its beginning to its end, and says whether it is whole and unaltered; how many rows it has.
///
/// # Errors
/// See [`BackupError`].
pub fn verify(from: &mut dyn BufRead) -> Result<u64, BackupError> {
    walk(from, &mut |_, _, _| Ok(()))
}

/// Fills an empty store from a copy, all of it or nothing. What was under way when the copy was made is owed again. What is
/// owed, now or later, for the incidents in it may have been done since: it is looked for before it is done. How many rows
/// there were.
///
/// # Errors
/// See [`BackupError`].
pub fn restore(conn: &mut dyn Conn, from: &mut dyn BufRead, progress: &mut dyn FnMut(u64)) -> Result<u64, BackupError> {
    conn.begin()?;
    let filled = fill(conn, from, progress);
    match filled {
        Ok(rows) => {
            conn.commit()?;
            Ok(rows)
        }
        Err(e) => {
            conn.rollback();
            Err(e)
        }
    }
}

fn fill(conn: &mut dyn Conn, from: &mut dyn BufRead, progress: &mut dyn FnMut(u64)) -> Result<u64, BackupError> {
    for (table, _, _) in TABLES {
        if !conn.rows(&format!("select 1 from {table} limit 1"), &[])?.is_empty() {
            return Err(BackupError::NotEmpty(table));
        }
    }
    let mut n = 0;
    let rows = walk(from, &mut |table, columns, row| {
        let places: Vec<String> = (1..=columns.len()).map(|i| format!("?{i}")).collect();
        let sql = format!(
            "insert into {table} ({}) values ({})",
            columns.join(", "),
            places.join(", ")
        );
        conn.run(&sql, &row.0)?;
        n += 1;
        if n % REPORT_EVERY == 0 {
            progress(n);
        }
        Ok(())
    })?;
    for sql in [
        "delete from effect where state = 'pending' and exists
         (select 1 from effect w where w.ref = effect.ref and w.key = effect.key and w.state = 'running')",
        "update effect set state = 'pending' where state = 'running'",
    ] {
        conn.run(sql, &[])?;
    }
    let last = conn.rows("select coalesce(max(ref), 0) from incident", &[])?;
    let last = last.first().map_or(0, |r| r.int(0));
    keep_sheet(conn, RESTORED, At(0), &last)?;
    measure::is_stale(conn)?;
    birth::let_go(conn)?;
    lane::line_up(conn)?;
    sought::fill(conn)?;
    conn.renumber("journal", "seq")?;
    conn.renumber("effect", "id")?;
    Ok(rows)
}

/// What is done with each row: its table, the columns, the values.
type Each<'a> = dyn FnMut(&'static str, &[&'static str], Row) -> Result<(), BackupError> + 'a;

/// Goes through a copy; what it says at its end is compared with what was read.
fn walk(from: &mut dyn BufRead, each: &mut Each<'_>) -> Result<u64, BackupError> {
    let mut hash = Sha256::new();
    let mut number = 0;
    let mut rows = 0;
    let mut text = Vec::new();
    let mut table: Option<(&'static str, Vec<&'static str>)> = None;
    loop {
        number += 1;
        let unsound = |why: &str| BackupError::Unsound {
            line: number,
            why: why.to_owned(),
        };
        text.clear();
        Read::take(&mut *from, LINE_MOST).read_until(b'\n', &mut text)?;
        if text.last() != Some(&b'\n') {
            return Err(unsound("the file ends too early, so it is not whole"));
        }
        let value: Value = serde_json::from_slice(&text).map_err(|_| unsound("this is no line of a copy by imp"))?;
        if number == 1 {
            let head: Head = serde_json::from_value(value).map_err(|_| unsound("this is no copy by `imp backup`"))?;
            if head.format > FORMAT || head.schema > crate::store::SCHEMA {
                return Err(BackupError::Newer(format!(
                    "format {}, schema {}",
                    head.format, head.schema
                )));
            }
        } else if let Value::Array(values) = value {
            let (name, columns) = table.as_ref().ok_or_else(|| unsound("a row of no table"))?;
            if values.len() != columns.len() {
                return Err(unsound("a row with another number of columns than its table"));
            }
            let row = values.into_iter().map(from_json).collect::<Option<Vec<Val>>>();
            rows += 1;
            each(
                name,
                columns,
                Row(row.ok_or_else(|| unsound("a row with a value of no kind that we keep"))?),
            )?;
        } else if value.get("table").is_some() {
            let said: TableLine = serde_json::from_value(value).map_err(|_| unsound("a table that cannot be read"))?;
            table = Some(known(&said).ok_or_else(|| unsound("a table or a column that this version does not know"))?);
        } else {
            let end: End = serde_json::from_value(value).map_err(|_| unsound("this is no line of a copy by imp"))?;
            if end.sha256 != hex::encode(hash.finalize()) || end.rows != rows {
                return Err(unsound("the checksum does not fit: the file was altered or damaged"));
            }
            let mut more = [0];
            if from.read(&mut more)? > 0 {
                return Err(unsound("something stands after the end"));
            }
            return Ok(rows);
        }
        hash.update(&text);
    }
}

/// A table by the names that we have for it and its columns: nothing of the file itself becomes part of a statement.
fn known(said: &TableLine) -> Option<(&'static str, Vec<&'static str>)> {
    let (table, columns, _) = TABLES.iter().find(|(name, _, _)| *name == said.table)?;
    let of = |c: &String| columns.iter().find(|k| *k == c).copied();
    Some((table, said.columns.iter().map(of).collect::<Option<Vec<_>>>()?))
}

fn from_json(v: Value) -> Option<Val> {
    match v {
        Value::Null => Some(Val::Null),
        Value::Number(n) => n.as_i64().map(Val::Int),
        Value::String(s) => Some(Val::Text(s)),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
