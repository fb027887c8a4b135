//! PostgreSQL, the store that several replicas share.

use super::address::Address;
use super::apart;
use super::conn::{Conn, Row, StoreError, Val};
use imp_core::At;
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::{IsNull, ToSql, Type};
use postgres::{Client, Statement};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The advisory lock that every writing transaction takes: with it replicas write one after the other. Any number, but
/// the same for ever; these are the letters `imp`.
const WRITE_LOCK: i64 = 0x69_6d_70;
/// The advisory lock that everybody shares who writes: who holds it is there. The server takes it from whoever is gone.
/// The letters `who`.
const PRESENT: i64 = 0x77_68_6f;
/// Statements kept prepared in one connection: more than we have, but for searches, which are put together.
const PREPARED: usize = 256;
/// First pause after the server could not be reached; it doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// The longest pause: a server that is back is noticed within this.
const PAUSE_MOST: Duration = Duration::from_secs(2);
/// What a session that writes is told. A replica that freezes in a transaction loses it, and with it the lock; a commit is
/// on disk before it is answered, whatever the server's own setting.
const WRITER: &str = "set idle_in_transaction_session_timeout = '5s'; set lock_timeout = '15s'; set statement_timeout = '30s'; \
    set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3; \
    select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'";
/// What a session that reads is told: no page may take longer.
const READER: &str = "set statement_timeout = '30s'; set default_transaction_read_only = on";
/// What a session that copies everything is told: a copy takes as long as it takes.
const COPIER: &str = "set statement_timeout = 0; set default_transaction_read_only = on";

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The desk's: the one that writes.
    Write,
    /// A page's.
    Read,
    /// A backup's.
    Copy,
}

impl Purpose {
    fn settings(self) -> &'static str {
        match self {
            Purpose::Write => WRITER,
            Purpose::Read => READER,
            Purpose::Copy => COPIER,
        }
    }
}

/// A server, and whether it could be reached the last time.
pub struct Server {
    address: Address,
    gate: Mutex<Gate>,
}

/// While a server is away, it is not asked again before a pause is over, however many want something of it.
#[derive(Default)]
struct Gate {
    away: Option<Away>,
    /// It was reached once: who serves already goes on when it is back.
    reached: bool,
}

struct Away {
    until: Instant,
    pause: Duration,
    why: StoreError,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Server").field(&self.address.shown).finish()
    }
}

impl Server {
    /// A server; nothing is asked of it yet.
    pub fn new(address: Address) -> Server {
        Server {
            address,
            gate: Mutex::default(),
        }
    }

    /// Its address, without the password.
    pub fn shown(&self) -> &str {
        &self.address.shown
    }

    /// A connection.
    ///
    /// # Errors
    /// Why the server cannot be reached, or does not let us in.
    pub fn connect(self: &Arc<Server>, purpose: Purpose) -> Result<Postgres, StoreError> {
        let client = self.session(purpose)?;
        Ok(Postgres {
            server: self.clone(),
            purpose,
            client: Some(client),
            prepared: HashMap::new(),
            open: false,
        })
    }

    fn session(&self, purpose: Purpose) -> Result<Client, StoreError> {
        let gate = || self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(away) = &gate().away
            && Instant::now() < away.until
        {
            return Err(away.why.clone());
        }
        let made = apart(|| self.dial(purpose));
        let mut gate = gate();
        match made {
            Ok(client) => {
                gate.reached = true;
                if gate.away.take().is_some() {
                    tracing::info!(store = self.shown(), "the store is back");
                }
                Ok(client)
            }
            Err(StoreError(mut why)) => {
                if gate.reached {
                    why.push_str("; IMP goes on by itself once it can");
                }
                let why = StoreError(why);
                let pause = gate
                    .away
                    .as_ref()
                    .map_or(PAUSE_FIRST, |a| (a.pause * 2).min(PAUSE_MOST));
                gate.away = Some(Away {
                    until: Instant::now() + pause,
                    pause,
                    why: why.clone(),
                });
                Err(why)
            }
        }
    }

    fn dial(&self, purpose: Purpose) -> Result<Client, StoreError> {
        let away = |e: &postgres::Error| {
            let e = said(e);
            StoreError(format!("PostgreSQL at {} cannot be used: {e}", self.shown()))
        };
        let mut client = self.address.dial().map_err(|e| away(&e))?;
        client.batch_execute(purpose.settings()).map_err(|e| away(&e))?;
        if purpose == Purpose::Write {
            let here = format!("select pg_advisory_lock_shared({PRESENT})");
            client.batch_execute(&here).map_err(|e| away(&e))?;
        }
        Ok(client)
    }
}

/// One connection, made anew when it broke.
pub struct Postgres {
    server: Arc<Server>,
    purpose: Purpose,
    client: Option<Client>,
    prepared: HashMap<String, Statement>,
    /// Whether a transaction is under way. One that broke cannot be taken up in a new connection.
    open: bool,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // To end a session blocks, which a thread that runs other tasks must not.
        if let Some(client) = self.client.take() {
            let _ = std::thread::Builder::new().spawn(move || drop(client));
        }
    }
}

impl Postgres {
    /// The connection, made anew where it broke outside of a transaction.
    fn live(&mut self) -> Result<&mut Client, StoreError> {
        if self.client.as_ref().is_none_or(Client::is_closed) {
            if self.open {
                return Err(StoreError("the connection to PostgreSQL broke in a transaction".into()));
            }
            self.client = None;
            self.prepared.clear();
            self.client = Some(self.server.session(self.purpose)?);
        }
        self.client
            .as_mut()
            .ok_or_else(|| StoreError("there is no connection to PostgreSQL".into()))
    }

    fn statement(&mut self, sql: &str) -> Result<Statement, StoreError> {
        self.live()?;
        if let Some(s) = self.prepared.get(sql) {
            return Ok(s.clone());
        }
        let client = self.live()?;
        let made = client.prepare(&numbered(sql)).map_err(|e| trouble(&e))?;
        if self.prepared.len() >= PREPARED {
            self.prepared.clear();
        }
        self.prepared.insert(sql.to_owned(), made.clone());
        Ok(made)
    }

    fn plain(&mut self, sql: &str) -> Result<(), StoreError> {
        self.live()?.batch_execute(sql).map_err(|e| trouble(&e))
    }

    fn ask(
        &mut self,
        sql: &str,
        args: &[Val],
        each: &mut dyn FnMut(Row) -> Result<(), StoreError>,
    ) -> Result<(), Asked> {
        let early = |why: StoreError| Asked { why, rows: 0 };
        let statement = self.statement(sql).map_err(early)?;
        let client = self.live().map_err(early)?;
        let mut n = 0;
        let failed = |e: postgres::Error, rows| Asked { why: trouble(&e), rows };
        let mut rows = client.query_raw(&statement, args).map_err(|e| failed(e, 0))?;
        while let Some(row) = rows.next().map_err(|e| failed(e, n))? {
            n += 1;
            let row = read(&row).map_err(|e| failed(e, n))?;
            each(row).map_err(|why| Asked { why, rows: n })?;
        }
        Ok(())
    }

    fn is_broken(&self) -> bool {
        self.client.as_ref().is_none_or(Client::is_closed)
    }
}

/// A question that failed, and how many rows had been handed over by then.
struct Asked {
    why: StoreError,
    rows: usize,
}

impl Conn for Postgres {
    fn run(&mut self, sql: &str, args: &[Val]) -> Result<usize, StoreError> {
        if args.is_empty() {
            return self.plain(sql).map(|()| 0);
        }
        let statement = self.statement(sql)?;
        let args: Vec<&(dyn ToSql + Sync)> = args.iter().map(|a| a as &(dyn ToSql + Sync)).collect();
        let touched = self.live()?.execute(&statement, &args).map_err(|e| trouble(&e))?;
        Ok(usize::try_from(touched).unwrap_or(usize::MAX))
    }

    fn each(
        &mut self,
        sql: &str,
        args: &[Val],
        each: &mut dyn FnMut(Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match self.ask(sql, args, each) {
            Ok(()) => Ok(()),
            // It broke while nobody used it, and only now is that seen.
            Err(e) if e.rows == 0 && !self.open && self.is_broken() => self.ask(sql, args, each).map_err(|e| e.why),
            Err(e) => Err(e.why),
        }
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        // One round trip for both.
        let begin = format!("begin; select pg_advisory_xact_lock({WRITE_LOCK})");
        self.open = false;
        let mut begun = self.plain(&begin);
        if begun.is_err() && self.is_broken() {
            begun = self.plain(&begin);
        }
        self.open = begun.is_ok();
        if begun.is_err() && !self.is_broken() {
            self.rollback();
        }
        begun
    }

    fn snapshot(&mut self) -> Result<(), StoreError> {
        self.open = false;
        let begin = "begin isolation level repeatable read, read only";
        let mut begun = self.plain(begin);
        if begun.is_err() && self.is_broken() {
            begun = self.plain(begin);
        }
        self.open = begun.is_ok();
        begun
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let ended = self.plain("commit");
        self.open = false;
        ended
    }

    fn rollback(&mut self) {
        self.open = false;
        if !self.is_broken() && self.plain("rollback").is_err() {
            // Whatever is wrong with it, a new one begins afresh.
            self.client = None;
        }
    }

    fn lease_time(&mut self, _house: At) -> Result<At, StoreError> {
        let rows = self.rows("select (extract(epoch from clock_timestamp()) * 1000)::bigint", &[])?;
        Ok(At(rows.first().map_or(0, |r| r.int(0))))
    }

    fn sole_writer(&self) -> bool {
        false
    }

    fn replicas(&mut self) -> Result<u32, StoreError> {
        let sql = format!(
            "select count(*) from pg_locks where locktype = 'advisory' and classid = 0 and objid = {PRESENT} and granted
             and database = (select oid from pg_database where datname = current_database())"
        );
        let rows = self.rows(&sql, &[])?;
        Ok(rows.first().map_or(1, |r| u32::try_from(r.int(0)).unwrap_or(1)).max(1))
    }

    fn serial(&self) -> &'static str {
        "bigint generated by default as identity primary key"
    }

    fn by_index(&self, _index: &str) -> String {
        String::new()
    }

    fn renumber(&mut self, table: &str, column: &str) -> Result<(), StoreError> {
        let sql = format!(
            "select setval(pg_get_serial_sequence('{table}', '{column}'), (select coalesce(max({column}), 0) + 1 from {table}), false)"
        );
        self.plain(&sql)
    }
}

/// `?1` is `$1` here. A question mark in a literal stands in none of our statements.
fn numbered(sql: &str) -> String {
    sql.replace('?', "$")
}

impl ToSql for Val {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut postgres::types::private::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match (self, ty) {
            (Val::Null, _) => Ok(IsNull::Yes),
            (Val::Int(n), &Type::INT4) => i32::try_from(*n)?.to_sql(ty, out),
            (Val::Int(n), _) => n.to_sql(&Type::INT8, out),
            // PostgreSQL keeps no NUL in a text.
            (Val::Text(s), _) if s.contains('\0') => s.replace('\0', "\u{fffd}").to_sql(&Type::TEXT, out),
            (Val::Text(s), _) => s.to_sql(&Type::TEXT, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(
            *ty,
            Type::INT8 | Type::INT4 | Type::TEXT | Type::VARCHAR | Type::UNKNOWN
        )
    }

    postgres::types::to_sql_checked!();
}

fn read(row: &postgres::Row) -> Result<Row, postgres::Error> {
    let mut out = Vec::with_capacity(row.len());
    for (i, column) in row.columns().iter().enumerate() {
        out.push(match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(i)?.into(),
            Type::INT4 => row.try_get::<_, Option<i32>>(i)?.map(i64::from).into(),
            _ => row.try_get::<_, Option<String>>(i)?.into(),
        });
    }
    Ok(Row(out))
}

fn trouble(e: &postgres::Error) -> StoreError {
    StoreError(format!("PostgreSQL: {}", said(e)))
}

/// What the server or the system said, without the library's wrapping.
fn said(e: &postgres::Error) -> String {
    match e.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => {
            let mut words = e.to_string();
            let mut source = std::error::Error::source(e);
            while let Some(s) = source {
                let s2 = s.to_string();
                if !words.contains(&s2) {
                    words = format!("{words}: {s2}");
                }
                source = s.source();
            }
            words
        }
    }
}
