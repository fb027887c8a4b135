//! What pages and the API read. Statements stand here beside the shapes they fill.

use crate::sought;
use crate::store::{Conn, Row, StoreError, Val};
use imp_core::effect::{JOURNAL_KEY, What};
use imp_core::event::Fact;
use imp_core::port::{Ledger, Waiting};
use imp_core::react::JOURNAL_LAG_MS;
use imp_core::{At, Incident, Ref, words};

pub use crate::tx::load;

/// Which incidents to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// With this status.
    pub status: Option<String>,
    /// In any of these categories (`triage`, `active`, `after`, `done`).
    pub categories: Vec<String>,
    /// With this severity.
    pub severity: Option<String>,
    /// Of this service, by alias.
    pub service: Option<String>,
    /// Of this team, by alias.
    pub team: Option<String>,
    /// With these words in the title, or this reference or ticket.
    pub words: Option<String>,
}

/// A page of incidents, newest first, before the reference `before`; private ones are included, and the caller leaves
/// out those that the reader may not see.
///
/// # Errors
/// What the store says.
pub fn incidents(
    conn: &mut dyn Conn,
    filter: &Filter,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<Incident>, StoreError> {
    let mut wanted = String::new();
    let mut args: Vec<Val> = vec![before.map_or(Val::Int(i64::MAX), Val::from)];
    let mut also = |column: &str, value: &str| {
        args.push(value.into());
        wanted.push_str(&format!(" and {column} = ?{}", args.len()));
    };
    for (column, value) in [
        ("status", &filter.status),
        ("severity", &filter.severity),
        ("service", &filter.service),
        ("team", &filter.team),
    ] {
        if let Some(v) = value {
            also(column, v);
        }
    }
    if let Some(w) = filter.words.as_deref().map(str::trim).filter(|w| !w.is_empty()) {
        let hidden = words::folded(w)
            .replace('\\', "\\\\")
            .replace('%', "\\%")
            .replace('_', "\\_");
        args.push(format!("%{hidden}%").into());
        args.push(Ref::parse(w).map_or(-1, |r| i64::try_from(r.0).unwrap_or(-1)).into());
        args.push(w.to_uppercase().into());
        let n = args.len();
        wanted.push_str(&format!(
            " and ({} like ?{} escape '\\' or ref = ?{} or ticket = ?{n})",
            sought::COLUMN,
            n - 2,
            n - 1
        ));
    }
    // What is filtered by these is found in an index that holds all of them: rows are large, and there are many.
    let how = match wanted.is_empty() {
        true => String::new(),
        false => conn.by_index("incident_list"),
    };
    if !filter.categories.is_empty() {
        let places: Vec<String> = filter
            .categories
            .iter()
            .map(|c| {
                args.push(c.as_str().into());
                format!("?{}", args.len())
            })
            .collect();
        wanted.push_str(&format!(" and category in ({})", places.join(", ")));
    }
    args.push(Val::Int(i64::try_from(limit).unwrap_or(i64::MAX)));
    let sql = format!(
        "select state from incident where ref in (select ref from incident{how} where ref < ?1{wanted} order by ref desc limit ?{})
         order by ref desc",
        args.len()
    );
    conn.rows(&sql, &args)?.iter().map(told).collect()
}

/// Incidents with follow-ups that are not done, newest first.
///
/// # Errors
/// What the store says.
pub fn owing(conn: &mut dyn Conn, limit: usize) -> Result<Vec<Incident>, StoreError> {
    let most = Val::Int(i64::try_from(limit).unwrap_or(i64::MAX));
    let sql = "select state from incident where ref in (select ref from measure where owed is not null order by ref desc limit ?1)
               order by ref desc";
    conn.rows(sql, &[most])?.iter().map(told).collect()
}

fn told(row: &Row) -> Result<Incident, StoreError> {
    serde_json::from_str(row.text(0)).map_err(|e| StoreError(e.to_string()))
}

/// The incident with this reference or Jira key.
///
/// # Errors
/// What the store says.
pub fn find(conn: &mut dyn Conn, name: &str) -> Result<Option<Incident>, StoreError> {
    if let Some(r) = Ref::parse(name) {
        return load(conn, r);
    }
    by_column(conn, "ticket", &name.trim().to_uppercase())
}

/// The incident of a wish that was granted before, by the wish's identifier.
///
/// # Errors
/// What the store says.
pub fn granted(conn: &mut dyn Conn, id: &str) -> Result<Option<Ref>, StoreError> {
    let rows = conn.rows("select ref from envelope where id = ?1", &[id.into()])?;
    Ok(rows.first().and_then(|r| r.maybe_int(0)).map(|r| Ref(r.unsigned_abs())))
}

/// The incident whose channel this is, by Slack's identifier.
///
/// # Errors
/// What the store says.
pub fn of_channel(conn: &mut dyn Conn, channel: &str) -> Result<Option<Incident>, StoreError> {
    by_column(conn, "channel", channel)
}

/// The incident of this ticket.
///
/// # Errors
/// What the store says.
pub fn of_ticket(conn: &mut dyn Conn, key: &str) -> Result<Option<Incident>, StoreError> {
    by_column(conn, "ticket", key)
}

/// Where an incident was announced last, by Slack's identifier of the channel; none where none of the last few was.
///
/// # Errors
/// What the store says.
pub fn announced_at(conn: &mut dyn Conn) -> Result<Option<String>, StoreError> {
    let rows = conn.rows("select state from incident order by ref desc limit 20", &[])?;
    for row in &rows {
        if let Some((channel, _)) = told(row)?.links.announcement {
            return Ok(Some(channel));
        }
    }
    Ok(None)
}

/// Whether any incident has a ticket.
///
/// # Errors
/// What the store says.
pub fn any_ticket(conn: &mut dyn Conn) -> Result<bool, StoreError> {
    let rows = conn.rows("select 1 from incident where ticket is not null limit 1", &[])?;
    Ok(!rows.is_empty())
}

fn by_column(conn: &mut dyn Conn, column: &str, value: &str) -> Result<Option<Incident>, StoreError> {
    let rows = conn.rows(
        &format!("select ref from incident where {column} = ?1 order by ref desc limit 1"),
        &[value.into()],
    )?;
    rows.first()
        .map_or(Ok(None), |r| load(conn, Ref(r.int(0).unsigned_abs())))
}

/// Facts of an incident after number `after`, oldest first.
///
/// # Errors
/// What the store says.
pub fn journal(conn: &mut dyn Conn, r: Ref, after: u64, limit: usize) -> Result<Vec<Fact>, StoreError> {
    let rows = conn.rows(
        "select fact from journal where ref = ?1 and n > ?2 order by n limit ?3",
        &[
            r.0.into(),
            after.into(),
            Val::Int(i64::try_from(limit).unwrap_or(i64::MAX)),
        ],
    )?;
    rows.iter()
        .map(|row| serde_json::from_str(row.text(0)).map_err(|e| StoreError(e.to_string())))
        .collect()
}

/// Something that is or was owed to a vendor.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// Whose it is.
    #[serde(rename = "ref")]
    pub reference: Ref,
    /// Its key within the incident.
    pub key: String,
    /// What it is, in words.
    pub what: String,
    /// To which kind of vendor.
    pub capability: String,
    /// `pending`, `failed` or `done`.
    pub state: String,
    /// How often it was tried.
    pub tried: i64,
    /// Why it did not work the last time.
    pub fault: Option<String>,
    /// Since when it is owed (RFC 3339).
    pub since: String,
    /// When it will be tried next (RFC 3339), while it is pending.
    pub due: Option<String>,
}

/// What is planned for later than this is a plan, not a debt.
const PLAN_MS: i64 = 60_000;
/// What is owed, of all effects: `?1` is the end of plans, `?2` the key of the journal in the ticket, `?3` now, `?4` for how
/// long that journal lags on purpose.
const OWED: &str = "select id, ref, key, what, capability, state, tried, fault, made_at, due_at from effect
    where capability <> 'desk' and (tried > 0 or state <> 'pending' or due_at < ?1)
    and (key <> ?2 or tried > 0 or state <> 'pending' or due_at <= ?3 or due_at - made_at < ?4)";

fn plans(now: At) -> Vec<Val> {
    vec![
        now.plus(PLAN_MS).0.into(),
        JOURNAL_KEY.into(),
        now.0.into(),
        JOURNAL_LAG_MS.into(),
    ]
}

/// Incidents for which something is still to be written on the public page.
///
/// # Errors
/// What the store says.
pub fn owes_page(conn: &mut dyn Conn) -> Result<std::collections::BTreeSet<Ref>, StoreError> {
    let rows = conn.rows(
        "select distinct ref from effect where capability = 'page' and state in ('pending', 'running')",
        &[],
    )?;
    Ok(rows.iter().map(|r| Ref(r.int(0).unsigned_abs())).collect())
}

/// A page of deliveries in a state, before number `before`, newest first. Timers are not deliveries, and neither is
/// what is not due for more than a minute (a channel that will be archived next week), nor the journal in a ticket while
/// it lags on purpose behind what IMP's own hands reported: whoever waits until nothing is owed would wait for one
/// incident's journal after the other's.
///
/// # Errors
/// What the store says.
pub fn deliveries(
    conn: &mut dyn Conn,
    state: &str,
    before: Option<i64>,
    now: At,
    limit: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let mut args = plans(now);
    args.extend([
        Val::Int(before.unwrap_or(i64::MAX)),
        state.into(),
        if state == "pending" {
            "running".into()
        } else {
            state.into()
        },
        Val::Int(i64::try_from(limit).unwrap_or(i64::MAX)),
    ]);
    let sql = format!("{OWED} and id < ?5 and state in (?6, ?7) order by id desc limit ?8");
    Ok(conn.rows(&sql, &args)?.iter().map(owed).collect())
}

/// What an incident still waits for, and what of it has failed, newest first.
///
/// # Errors
/// What the store says.
pub fn deliveries_of(conn: &mut dyn Conn, r: Ref, now: At) -> Result<Vec<Delivery>, StoreError> {
    let mut args = plans(now);
    args.push(r.0.into());
    let sql = format!("{OWED} and ref = ?5 and state in ('pending', 'running', 'failed') order by id desc");
    Ok(conn.rows(&sql, &args)?.iter().map(owed).collect())
}

fn owed(row: &Row) -> Delivery {
    let state = match row.text(5) {
        "running" => "pending",
        state => state,
    };
    Delivery {
        id: row.int(0),
        reference: Ref(row.int(1).unsigned_abs()),
        key: row.text(2).to_owned(),
        what: serde_json::from_str::<What>(row.text(3))
            .map(|w| w.words())
            .unwrap_or_default(),
        capability: row.text(4).to_owned(),
        state: state.to_owned(),
        tried: row.int(6),
        fault: row.maybe(7).map(str::to_owned),
        since: At(row.int(8)).rfc3339(),
        due: (state == "pending").then(|| At(row.int(9)).rfc3339()),
    }
}

/// All that is known of an incident: its facts, and the deeds that are done.
///
/// # Errors
/// What the store says.
pub fn ledger(conn: &mut dyn Conn, r: Ref) -> Result<Ledger, StoreError> {
    let rows = conn.rows(
        "select key from effect where ref = ?1 and state = 'done' and capability <> 'desk' order by id",
        &[r.0.into()],
    )?;
    Ok(Ledger {
        facts: journal(conn, r, 0, usize::MAX)?,
        done: rows.iter().map(|row| row.text(0).to_owned()).collect(),
    })
}

/// What of an incident is being tried again and again, for its card.
///
/// # Errors
/// What the store says.
pub fn waiting(conn: &mut dyn Conn, r: Ref) -> Result<Vec<Waiting>, StoreError> {
    let rows = conn.rows(
        "select key, what, fault, made_at from effect
         where ref = ?1 and state in ('pending', 'running') and fault is not null and failures >= ?2 order by id",
        &[r.0.into(), crate::tx::NEWS_AFTER.into()],
    )?;
    let read = |row: &Row| {
        let what: What = serde_json::from_str(row.text(1)).ok()?;
        let (key, why) = (row.text(0).to_owned(), row.text(2).to_owned());
        Some(Waiting {
            key,
            words: what.words(),
            why,
            since: At(row.int(3)),
        })
    };
    Ok(rows.iter().filter_map(read).collect())
}

/// Reference and key of a delivery, and whether it has failed.
///
/// # Errors
/// What the store says.
pub fn delivery(conn: &mut dyn Conn, id: i64) -> Result<Option<(Ref, String, String)>, StoreError> {
    let rows = conn.rows(
        "select ref, key, state from effect where id = ?1 and capability <> 'desk'",
        &[id.into()],
    )?;
    Ok(rows
        .first()
        .map(|r| (Ref(r.int(0).unsigned_abs()), r.text(1).to_owned(), r.text(2).to_owned())))
}

/// How many there are of each kind, for the metrics.
///
/// # Errors
/// What the store says.
pub fn counts(conn: &mut dyn Conn) -> Result<Vec<(String, String, i64)>, StoreError> {
    let mut out = Vec::new();
    for row in conn.rows("select category, count(*) from incident group by category", &[])? {
        out.push(("incidents".to_owned(), row.text(0).to_owned(), row.int(1)));
    }
    for row in conn.rows(
        "select state, count(*) from effect where capability <> 'desk' group by state",
        &[],
    )? {
        out.push(("deliveries".to_owned(), row.text(0).to_owned(), row.int(1)));
    }
    Ok(out)
}
