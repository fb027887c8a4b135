//! Who is signed in to the console: sessions that end by themselves, or when somebody ends them.

use crate::store::{Conn, Row, StoreError};
use imp_core::{At, Role, Who};
use std::collections::BTreeMap;

/// A session ends after this, whatever happens: a working day with its night watch.
pub const LASTS_MS: i64 = 12 * 3_600_000;
/// And after this without anybody having been there.
pub const IDLE_MS: i64 = 4 * 3_600_000;
/// How often it is noted that somebody is there: it need not be known to the second.
const NOTED_MS: i64 = 60_000;

/// A session. Its secret is nowhere: what is kept is its digest, of which no cookie can be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// The digest of its secret, in hexadecimal.
    pub digest: String,
    /// What to call who is signed in.
    pub name: String,
    /// The person; none where an API token signed in.
    pub who: Option<Who>,
    /// What they may do everywhere.
    pub role: Role,
    /// What they may do for teams, by alias, where that is more.
    pub teams: BTreeMap<String, Role>,
    /// When it began.
    pub made_at: At,
    /// When somebody was last there.
    pub seen_at: At,
    /// When it ends at the latest.
    pub ends_at: At,
    /// From where.
    pub origin: String,
}

impl Session {
    /// Whether it has ended by itself.
    pub fn is_over(&self, now: At) -> bool {
        now >= self.ends_at || now.since(self.seen_at) >= IDLE_MS
    }

    /// Whether it is time to note that somebody is there.
    pub fn is_worth_noting(&self, now: At) -> bool {
        now.since(self.seen_at) >= NOTED_MS
    }
}

fn json(e: serde_json::Error) -> StoreError {
    StoreError(e.to_string())
}

/// Keeps a new session, and forgets those that are over.
///
/// # Errors
/// What the store says.
pub fn begin(conn: &mut dyn Conn, s: &Session) -> Result<(), StoreError> {
    conn.run(
        "delete from session where ends_at <= ?1 or seen_at <= ?2",
        &[s.made_at.0.into(), s.made_at.plus(-IDLE_MS).0.into()],
    )?;
    let who = s.who.as_ref().map(serde_json::to_string).transpose().map_err(json)?;
    conn.run(
        "insert into session (digest, name, who, role, teams, made_at, seen_at, ends_at, origin)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        &[
            s.digest.as_str().into(),
            s.name.as_str().into(),
            who.into(),
            s.role.word().into(),
            serde_json::to_string(&s.teams).map_err(json)?.into(),
            s.made_at.0.into(),
            s.seen_at.0.into(),
            s.ends_at.0.into(),
            s.origin.as_str().into(),
        ],
    )?;
    Ok(())
}

/// Notes that somebody is there.
///
/// # Errors
/// What the store says.
pub fn seen(conn: &mut dyn Conn, digest: &str, now: At) -> Result<(), StoreError> {
    conn.run(
        "update session set seen_at = ?2 where digest = ?1 and seen_at < ?2",
        &[digest.into(), now.0.into()],
    )?;
    Ok(())
}

/// Ends a session.
///
/// # Errors
/// What the store says.
pub fn end(conn: &mut dyn Conn, digest: &str) -> Result<(), StoreError> {
    conn.run("delete from session where digest = ?1", &[digest.into()])?;
    Ok(())
}

/// Ends every session of the person with this e-mail address, however it is written; how many there were.
///
/// # Errors
/// What the store says.
pub fn end_of(conn: &mut dyn Conn, email: &str) -> Result<usize, StoreError> {
    let theirs = |s: &Session| {
        let of = s.who.as_ref().and_then(|w| w.email.as_deref());
        of.is_some_and(|e| e.to_lowercase() == email.to_lowercase())
    };
    let all: Vec<Session> = all(conn)?.into_iter().filter(theirs).collect();
    all.iter().try_for_each(|s| end(conn, &s.digest))?;
    Ok(all.len())
}

const COLUMNS: &str = "digest, name, who, role, teams, made_at, seen_at, ends_at, origin";

fn read(row: &Row) -> Result<Session, StoreError> {
    Ok(Session {
        digest: row.text(0).to_owned(),
        name: row.text(1).to_owned(),
        who: row.maybe(2).map(serde_json::from_str).transpose().map_err(json)?,
        role: Role::parse(row.text(3)).ok_or_else(|| StoreError("a session of no known role".into()))?,
        teams: serde_json::from_str(row.text(4)).map_err(json)?,
        made_at: At(row.int(5)),
        seen_at: At(row.int(6)),
        ends_at: At(row.int(7)),
        origin: row.text(8).to_owned(),
    })
}

/// The session of this digest.
///
/// # Errors
/// What the store says.
pub fn find(conn: &mut dyn Conn, digest: &str) -> Result<Option<Session>, StoreError> {
    let sql = format!("select {COLUMNS} from session where digest = ?1");
    conn.rows(&sql, &[digest.into()])?.first().map(read).transpose()
}

/// All sessions, the newest first.
///
/// # Errors
/// What the store says.
pub fn all(conn: &mut dyn Conn) -> Result<Vec<Session>, StoreError> {
    let sql = format!("select {COLUMNS} from session order by made_at desc");
    conn.rows(&sql, &[])?.iter().map(read).collect()
}
