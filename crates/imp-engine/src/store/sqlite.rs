//! SQLite, the store where one process runs.

use super::conn::{Conn, Row, StoreError, Val};
use imp_core::At;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, params_from_iter};
use std::sync::Arc;
use std::time::Duration;

/// How long a statement waits for a lock: readers never hold one for long, and nobody else writes.
const BUSY: Duration = Duration::from_secs(5);
/// Where much is written at once: pages of the indexes stay in 128 MiB of memory from one transaction to the next, and the
/// log is taken over into the file once it has 256 MiB. The disk is waited for only then: a power cut may take the last
/// transactions, and never a part of one.
const MUCH: &str = "pragma cache_size = -131072; pragma wal_autocheckpoint = 65536; pragma synchronous = normal;";
/// After it: what stands in the log is taken over, and is on disk.
const MUCH_DONE: &str = "pragma synchronous = full; pragma wal_checkpoint(truncate);";
/// Statements kept prepared in one connection: more than we have.
const PREPARED: usize = 128;

/// One connection.
#[derive(Debug)]
pub struct Sqlite {
    conn: Connection,
    path: Arc<str>,
}

impl ToSql for Val {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Val::Null => ToSqlOutput::Owned(Value::Null),
            Val::Int(n) => ToSqlOutput::Owned(Value::Integer(*n)),
            Val::Text(s) => ToSqlOutput::Borrowed(ValueRef::Text(s.as_bytes())),
        })
    }
}

impl Sqlite {
    /// Opens a file, to write (made where it is not there) or only to read.
    pub fn open(path: &str, write: bool) -> Result<Sqlite, StoreError> {
        let flags = if write {
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX
        } else {
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX
        };
        let settings = if write {
            // FULL: what was acknowledged survives a power cut. WAL: readers do not wait for the writer.
            "pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -8000;"
        } else {
            "pragma cache_size = -2000;"
        };
        let made = Connection::open_with_flags(path, flags).and_then(|conn| {
            conn.busy_timeout(BUSY)?;
            conn.set_prepared_statement_cache_capacity(PREPARED);
            conn.execute_batch(settings)?;
            Ok(conn)
        });
        Ok(Sqlite {
            conn: made.map_err(|e| trouble(path, &e))?,
            path: path.into(),
        })
    }
}

impl Conn for Sqlite {
    fn run(&mut self, sql: &str, args: &[Val]) -> Result<usize, StoreError> {
        let path = self.path.clone();
        let failed = |e| trouble(&path, &e);
        let mut statement = self.conn.prepare_cached(sql).map_err(failed)?;
        if statement.column_count() > 0 {
            let mut rows = statement.query(params_from_iter(args)).map_err(failed)?;
            let mut n = 0;
            while rows.next().map_err(failed)?.is_some() {
                n += 1;
            }
            return Ok(n);
        }
        statement.execute(params_from_iter(args)).map_err(failed)
    }

    fn each(
        &mut self,
        sql: &str,
        args: &[Val],
        each: &mut dyn FnMut(Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let path = self.path.clone();
        let failed = |e| trouble(&path, &e);
        let mut statement = self.conn.prepare_cached(sql).map_err(failed)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(args)).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let mut values = Vec::with_capacity(columns);
            for i in 0..columns {
                values.push(match row.get_ref(i).map_err(failed)? {
                    ValueRef::Null => Val::Null,
                    ValueRef::Integer(n) => Val::Int(n),
                    ValueRef::Real(f) => Val::Int(f as i64),
                    ValueRef::Text(t) | ValueRef::Blob(t) => Val::Text(String::from_utf8_lossy(t).into_owned()),
                });
            }
            each(Row(values))?;
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        self.run("begin immediate", &[]).map(|_| ())
    }

    fn snapshot(&mut self) -> Result<(), StoreError> {
        self.run("begin", &[]).map(|_| ())
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.run("commit", &[]).map(|_| ())
    }

    fn rollback(&mut self) {
        // Where a fault has ended the transaction already there is nothing to roll back.
        let _ = self.run("rollback", &[]);
    }

    fn lease_time(&mut self, house: At) -> Result<At, StoreError> {
        Ok(house)
    }

    fn much_to_write(&mut self) -> Result<(), StoreError> {
        let path = self.path.clone();
        self.conn.execute_batch(MUCH).map_err(|e| trouble(&path, &e))
    }

    fn much_was_written(&mut self) -> Result<(), StoreError> {
        let path = self.path.clone();
        self.conn.execute_batch(MUCH_DONE).map_err(|e| trouble(&path, &e))
    }

    fn sole_writer(&self) -> bool {
        // A lock file keeps every other process out.
        true
    }

    fn serial(&self) -> &'static str {
        "integer primary key autoincrement"
    }

    fn by_index(&self, index: &str) -> String {
        format!(" indexed by {index}")
    }

    fn renumber(&mut self, _table: &str, _column: &str) -> Result<(), StoreError> {
        // SQLite takes note of the highest number by itself.
        Ok(())
    }
}

/// What SQLite says, and what to do about it.
fn trouble(path: &str, e: &rusqlite::Error) -> StoreError {
    let advice = match e.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            "the file is damaged. Stop imp, put the file aside, and restore the last backup into a new one (imp restore), or rebuild it from Jira (imp rebuild)"
        }
        Some(ErrorCode::DiskFull) => {
            "the disk is full. Make room; IMP goes on by itself, and nothing that was acknowledged is lost"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            "it must be a file that imp may read and write, in a folder that it may write to"
        }
        Some(_) | None => return StoreError(format!("{path}: {e}")),
    };
    StoreError(format!("{path}: {advice} ({e})"))
}
