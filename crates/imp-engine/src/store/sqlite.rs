//! SQLite, the store where one process runs.

use super::conn::{Conn, Row, StoreError, Val};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql, params_from_iter};
use std::time::Duration;

/// How long a statement waits for a lock: readers never hold one for long, and nobody else writes.
const BUSY: Duration = Duration::from_secs(5);
/// Statements kept prepared in one connection: more than we have.
const PREPARED: usize = 128;

/// One connection.
#[derive(Debug)]
pub struct Sqlite {
    conn: Connection,
}

impl From<rusqlite::Error> for StoreError {
    fn from(e: rusqlite::Error) -> StoreError {
        StoreError(e.to_string())
    }
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
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(BUSY)?;
        conn.set_prepared_statement_cache_capacity(PREPARED);
        if write {
            // FULL: what was acknowledged survives a power cut. WAL: readers do not wait for the writer.
            conn.execute_batch("pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -8000;")?;
        } else {
            conn.execute_batch("pragma cache_size = -2000;")?;
        }
        Ok(Sqlite { conn })
    }
}

impl Conn for Sqlite {
    fn run(&mut self, sql: &str, args: &[Val]) -> Result<usize, StoreError> {
        let mut statement = self.conn.prepare_cached(sql)?;
        if statement.column_count() > 0 {
            let mut rows = statement.query(params_from_iter(args))?;
            let mut n = 0;
            while rows.next()?.is_some() {
                n += 1;
            }
            return Ok(n);
        }
        Ok(statement.execute(params_from_iter(args))?)
    }

    fn rows(&mut self, sql: &str, args: &[Val]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(args))?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            let mut values = Vec::with_capacity(columns);
            for i in 0..columns {
                values.push(match row.get_ref(i)? {
                    ValueRef::Null => Val::Null,
                    ValueRef::Integer(n) => Val::Int(n),
                    ValueRef::Real(f) => Val::Int(f as i64),
                    ValueRef::Text(t) | ValueRef::Blob(t) => Val::Text(String::from_utf8_lossy(t).into_owned()),
                });
            }
            out.push(Row(values));
        }
        Ok(out)
    }

    fn sole_writer(&self) -> bool {
        // A lock file keeps every other process out.
        true
    }

    fn serial(&self) -> &'static str {
        "integer primary key autoincrement"
    }
}
