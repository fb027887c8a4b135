//! Who did what, from where, and who looked at what is private: written once, each entry bound to the one before by a
//! hash, so that whoever changes or removes one is found out.

use crate::desk::Given;
use crate::store::{Conn, Row, StoreError, Val};
use crate::tx::{self, Granted, Seen};
use imp_core::refusal::Kind;
use imp_core::{Actor, At, Command, Door, Envelope, Incident, Ref, Refusal};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// What the first entry is bound to.
const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// The longest detail that is kept, in characters: texts are in the journal, this says which.
const TEXT_MAX: usize = 300;

/// Something that is to be written down.
#[derive(Debug, Clone)]
pub struct Deed {
    /// When.
    pub at: At,
    /// Who: a person's name and address, a token's name.
    pub who: String,
    /// As what.
    pub role: String,
    /// By which door: `slack`, `console`, `rest`, `jira`, `cli`.
    pub door: String,
    /// From where: a network address.
    pub origin: String,
    /// What: `move`, `look`, `sign_in` …
    pub what: String,
    /// About which incident.
    pub about: Option<Ref>,
    /// Whether that is private.
    pub private: bool,
    /// Before and after, and whatever else says what it was.
    pub detail: Value,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its number, from 1, without a gap.
    pub n: u64,
    /// When.
    pub at: At,
    /// Who.
    pub who: String,
    /// As what.
    pub role: String,
    /// By which door.
    pub door: String,
    /// From where.
    pub origin: String,
    /// What.
    pub what: String,
    /// About which incident.
    pub about: Option<Ref>,
    /// Whether that is private.
    pub private: bool,
    /// Before and after, as JSON.
    pub detail: String,
    /// What binds it to the entry before.
    pub hash: String,
}

impl Entry {
    fn bound_to(&self, before: &str) -> String {
        let content = json!([
            self.n,
            self.at.0,
            self.who,
            self.role,
            self.door,
            self.origin,
            self.what,
            self.about.map(|r| r.0),
            self.private,
            self.detail
        ]);
        let mut hash = Sha256::new();
        hash.update(before.as_bytes());
        hash.update(content.to_string().as_bytes());
        hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// Writes an entry. Only inside the desk's transaction, so that no two take the same number.
///
/// # Errors
/// What the store says.
pub fn write(conn: &mut dyn Conn, deed: Deed) -> Result<(), StoreError> {
    let rows = conn.rows("select n, hash from audit order by n desc limit 1", &[])?;
    let (last, before) = rows.first().map_or((0, BEGINNING), |r| (r.int(0), r.text(1)));
    let mut entry = Entry {
        n: last.unsigned_abs() + 1,
        at: deed.at,
        who: kept(&deed.who),
        role: deed.role,
        door: deed.door,
        origin: kept(&deed.origin),
        what: deed.what,
        about: deed.about,
        private: deed.private,
        detail: deed.detail.to_string(),
        hash: String::new(),
    };
    entry.hash = entry.bound_to(before);
    conn.run(
        "insert into audit (n, at, who, role, door, origin, what, ref, private, detail, hash)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        &[
            entry.n.into(),
            entry.at.0.into(),
            entry.who.into(),
            entry.role.into(),
            entry.door.into(),
            entry.origin.into(),
            entry.what.into(),
            entry.about.map(|r| r.0).into(),
            entry.private.into(),
            entry.detail.into(),
            entry.hash.into(),
        ],
    )?;
    Ok(())
}

/// One line, so that no name can look like another entry.
fn kept(text: &str) -> String {
    imp_core::words::cut(&imp_core::words::title(text), TEXT_MAX)
}

/// Grants or refuses a wish as the desk does, and writes down what somebody changed by it. What IMP's own hands and
/// alert sources report is in the journal alone: nobody decided it.
///
/// # Errors
/// What the store says.
pub fn submit(
    conn: &mut dyn Conn,
    seen: &Seen,
    envelope: &Envelope,
    given: &Given,
) -> Result<Result<Granted, Refusal>, StoreError> {
    let before = match envelope.about {
        Some(r) => tx::at_hand(conn, seen, r)?,
        None => None,
    };
    if let Some(i) = &before
        && (given.version.is_some_and(|v| v != i.version)
            || given.words.as_ref().is_some_and(|w| *w != print_of_words(i)))
        && imp_core::rights::may_see(i, &envelope.by, envelope.role)
        && !was_granted(conn, &envelope.id)?
    {
        let message = format!(
            "{} has changed since you looked; it is version {} now. Look again, and then say it again.",
            i.reference, i.version
        );
        return Ok(Err(Refusal::new(Kind::Changed, message)));
    }
    let granted = match tx::submit(conn, seen, envelope)? {
        Ok(g) => g,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let (true, Some(after), Some(door)) = (
        granted.receipt.changed,
        granted.receipt.incident.as_deref(),
        door_of(&envelope.by, given),
    ) {
        let mut detail = said(&envelope.command);
        detail.extend(difference(before.as_deref(), after));
        let deed = Deed {
            at: envelope.at,
            who: name_of(&envelope.by),
            role: envelope.role.word().to_owned(),
            door: door.to_owned(),
            origin: given
                .origin
                .strip_prefix("console ")
                .unwrap_or(&given.origin)
                .to_owned(),
            what: word_of(&envelope.command),
            about: Some(after.reference),
            private: after.private,
            detail: Value::Object(detail),
        };
        write(conn, deed)?;
    }
    Ok(Ok(granted))
}

/// A print of what people write about an incident. What IMP's hands learn of it in between changes its version, and not
/// this.
pub fn print_of_words(i: &Incident) -> String {
    let service = i.service.as_ref().map(|s| &s.alias);
    let words = json!([i.title, i.summary, service, i.review]).to_string();
    Sha256::digest(words.as_bytes())
        .iter()
        .take(8)
        .map(|b| format!("{b:02x}"))
        .collect()
}

fn was_granted(conn: &mut dyn Conn, id: &str) -> Result<bool, StoreError> {
    Ok(!id.is_empty()
        && !conn
            .rows("select 1 from envelope where id = ?1", &[id.into()])?
            .is_empty())
}

fn door_of(by: &Actor, given: &Given) -> Option<&'static str> {
    match by {
        Actor::Person { door: Door::Slack, .. } => Some("slack"),
        Actor::Person {
            door: Door::Console, ..
        } => Some("console"),
        Actor::Person { door: Door::Rest, .. } => Some("rest"),
        Actor::Token { .. } if given.origin.starts_with("console ") => Some("console"),
        Actor::Token { .. } => Some("rest"),
        Actor::Jira { .. } => Some("jira"),
        Actor::Source { .. } | Actor::Imp => None,
    }
}

/// A person's name and address, so that two of one name are told apart.
pub fn name_of(by: &Actor) -> String {
    let Some(who) = by.who() else { return by.label() };
    let known = [who.email.as_deref(), who.slack.as_deref()];
    match known.iter().flatten().find(|k| **k != who.label()) {
        Some(k) => format!("{} <{k}>", by.label()),
        None => by.label(),
    }
}

/// The command's name: `move`, `post`, `add_task` …
pub fn word_of(command: &Command) -> String {
    let value = serde_json::to_value(command).unwrap_or_default();
    value["command"].as_str().unwrap_or("wish").to_owned()
}

/// What the command says, its texts cut short.
fn said(command: &Command) -> Map<String, Value> {
    let mut value = serde_json::to_value(command).unwrap_or_default();
    let Some(said) = value.as_object_mut() else {
        return Map::new();
    };
    said.remove("command");
    said.retain(|_, v| !v.is_null());
    for v in said.values_mut() {
        if let Value::String(s) = v {
            *s = imp_core::words::cut(s, TEXT_MAX);
        }
    }
    match said.is_empty() {
        true => Map::new(),
        false => Map::from_iter([("said".to_owned(), Value::Object(std::mem::take(said)))]),
    }
}

/// What an incident says of itself before and after.
fn difference(before: Option<&Incident>, after: &Incident) -> Map<String, Value> {
    let sides = |i: &Incident| {
        let roles: Map<String, Value> = i.roles.iter().map(|(k, w)| (k.clone(), json!(w.label()))).collect();
        [
            ("title", json!(i.title)),
            ("summary", json!(imp_core::words::cut(&i.summary, TEXT_MAX))),
            ("status", json!(i.status)),
            ("severity", json!(i.severity)),
            ("service", json!(i.service.as_ref().map(|s| &s.alias))),
            ("team", json!(i.team.as_ref().map(|t| &t.alias))),
            ("roles", Value::Object(roles)),
            ("members", json!(i.members.len())),
        ]
    };
    let new = sides(after);
    let old = before.map(sides);
    let (mut was, mut is) = (Map::new(), Map::new());
    for (at, (name, value)) in new.into_iter().enumerate() {
        let past = old.as_ref().map_or(&Value::Null, |o| &o[at].1);
        if *past != value {
            was.insert(name.to_owned(), past.clone());
            is.insert(name.to_owned(), value);
        }
    }
    let mut out = Map::new();
    if before.is_some() && !was.is_empty() {
        out.insert("before".to_owned(), Value::Object(was));
    }
    if !is.is_empty() {
        out.insert("after".to_owned(), Value::Object(is));
    }
    out
}

fn read(row: &Row) -> Entry {
    Entry {
        n: row.int(0).unsigned_abs(),
        at: At(row.int(1)),
        who: row.text(2).to_owned(),
        role: row.text(3).to_owned(),
        door: row.text(4).to_owned(),
        origin: row.text(5).to_owned(),
        what: row.text(6).to_owned(),
        about: row.maybe_int(7).map(|r| Ref(r.unsigned_abs())),
        private: row.int(8) != 0,
        detail: row.text(9).to_owned(),
        hash: row.text(10).to_owned(),
    }
}

const COLUMNS: &str = "n, at, who, role, door, origin, what, ref, private, detail, hash";

/// A page of entries, newest first, before number `before`; about one incident, where that is named.
///
/// # Errors
/// What the store says.
pub fn entries(
    conn: &mut dyn Conn,
    about: Option<Ref>,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<Entry>, StoreError> {
    let limit = Val::Int(i64::try_from(limit).unwrap_or(i64::MAX));
    let before = before.map_or(Val::Int(i64::MAX), Val::from);
    let rows = match about {
        Some(r) => conn.rows(
            &format!("select {COLUMNS} from audit where ref = ?1 and n < ?2 order by n desc limit ?3"),
            &[r.0.into(), before, limit],
        )?,
        None => conn.rows(
            &format!("select {COLUMNS} from audit where n < ?1 order by n desc limit ?2"),
            &[before, limit],
        )?,
    };
    Ok(rows.iter().map(read).collect())
}

/// What a walk through all entries has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Entries looked at.
    pub entries: u64,
    /// The hash of the last one. Written down elsewhere, it shows later that nothing was cut off the end.
    pub last: String,
    /// What is wrong, the first first; none: nothing was changed.
    pub faults: Vec<String>,
}

/// Looks at every entry: whether its number follows, and whether it is what it was when the next one was written.
///
/// # Errors
/// What the store says.
pub fn verify(conn: &mut dyn Conn) -> Result<Verdict, StoreError> {
    /// One broken link says it; a thousand say no more.
    const FAULTS: usize = 20;
    let mut verdict = Verdict {
        last: BEGINNING.to_owned(),
        ..Verdict::default()
    };
    let mut due = 1;
    conn.each(&format!("select {COLUMNS} from audit order by n"), &[], &mut |row| {
        let entry = read(&row);
        verdict.entries += 1;
        if verdict.faults.len() < FAULTS {
            if entry.n != due {
                verdict.faults.push(format!("entry {due} is missing"));
            } else if entry.bound_to(&verdict.last) != entry.hash {
                verdict
                    .faults
                    .push(format!("entry {} was changed, or the one before it", entry.n));
            }
        }
        due = entry.n + 1;
        verdict.last = entry.hash;
        Ok(())
    })?;
    Ok(verdict)
}

/// Whether an entry with this hash is there.
///
/// # Errors
/// What the store says.
pub fn holds(conn: &mut dyn Conn, hash: &str) -> Result<bool, StoreError> {
    let rows = conn.rows("select 1 from audit where hash = ?1 limit 1", &[hash.trim().into()])?;
    Ok(!rows.is_empty())
}
