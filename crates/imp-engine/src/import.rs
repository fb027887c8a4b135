//! History from elsewhere: incidents that were lived through in another place are brought in, each once, and nobody is told.

use crate::audit::{self, Deed};
use crate::desk::House;
use crate::insights::{halves, leaf};
use crate::measure;
use crate::store::{Conn, StoreError, Val, known};
use crate::tx::{self, row};
use imp_core::event::{Event, Fact, ServiceName, TeamName};
use imp_core::process::Category;
use imp_core::{Actor, At, Catalogue, Incident, Process, Ref, words};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::mpsc::sync_channel;

/// The highest reference that is kept as it was given: beyond it the next one given out would soon be unreadable.
pub const REF_MAX: u64 = 1_000_000_000;
/// Rows that are laid out together while those before are written, and how many of such lots wait.
const LAID: usize = 1_000;
const LAID_AHEAD: usize = 2;
/// The longest key that is kept as it is.
const KEY_MAX: usize = 200;

/// An incident of former days, as a file or a call tells of it. Times are RFC 3339; each may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// What was wrong.
    pub title: Option<String>,
    /// The reference that it shall keep, `IMP-42`, if nothing else has it.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// How bad it was; the process's usual one where it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Where it stands; where it is missing, `resolved` if that is the last time there is, else closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// What was affected: an alias or a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Who owned it; the service's team where it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When it was noticed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detected_at: Option<String>,
    /// When somebody took it up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<String>,
    /// When a repair was in place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mitigated_at: Option<String>,
    /// When it was over for users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<String>,
    /// When it was finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<String>,
    /// The source's own identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl Told {
    /// The columns, by the names that they have in a file.
    pub const COLUMNS: [&str; 14] = [
        "title",
        "ref",
        "severity",
        "status",
        "service",
        "team",
        "summary",
        "started_at",
        "detected_at",
        "acknowledged_at",
        "mitigated_at",
        "resolved_at",
        "closed_at",
        "key",
    ];

    /// Sets a column by its name.
    pub fn set(&mut self, column: &str, value: String) {
        let place = match column {
            "title" => &mut self.title,
            "ref" => &mut self.reference,
            "severity" => &mut self.severity,
            "status" => &mut self.status,
            "service" => &mut self.service,
            "team" => &mut self.team,
            "summary" => &mut self.summary,
            "started_at" => &mut self.started_at,
            "detected_at" => &mut self.detected_at,
            "acknowledged_at" => &mut self.acknowledged_at,
            "mitigated_at" => &mut self.mitigated_at,
            "resolved_at" => &mut self.resolved_at,
            "closed_at" => &mut self.closed_at,
            "key" => &mut self.key,
            _ => return,
        };
        *place = Some(value);
    }

    /// A column by its name.
    pub fn get(&self, column: &str) -> Option<&str> {
        let place = match column {
            "title" => &self.title,
            "ref" => &self.reference,
            "severity" => &self.severity,
            "status" => &self.status,
            "service" => &self.service,
            "team" => &self.team,
            "summary" => &self.summary,
            "started_at" => &self.started_at,
            "detected_at" => &self.detected_at,
            "acknowledged_at" => &self.acknowledged_at,
            "mitigated_at" => &self.mitigated_at,
            "resolved_at" => &self.resolved_at,
            "closed_at" => &self.closed_at,
            "key" => &self.key,
            _ => return None,
        };
        place.as_deref()
    }

    fn times(&self) -> [(&'static str, &Option<String>); 6] {
        [
            ("started", &self.started_at),
            ("detected", &self.detected_at),
            ("acknowledged", &self.acknowledged_at),
            ("mitigated", &self.mitigated_at),
            ("resolved", &self.resolved_at),
            ("closed", &self.closed_at),
        ]
    }

    /// The reference that it wants to keep, if that is one of IMP's.
    pub fn wants(&self) -> Option<Ref> {
        self.reference.as_deref().and_then(Ref::parse)
    }
}

fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|t| !t.is_empty())
}

/// A row that can be brought in.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// What makes it the same row again.
    pub identity: String,
    wants: Option<Ref>,
    opened: Event,
    times: BTreeMap<String, At>,
}

/// Reads a row by what the process and the catalogue know.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn understand(told: &Told, process: &Process, catalogue: &Catalogue) -> Result<Past, String> {
    let quoted = |text: &str| format!("{:?}", words::cut(text, 40));
    let title = words::title(told.title.as_deref().unwrap_or_default());
    if title.is_empty() {
        return Err("title is missing".to_owned());
    }
    let mut times = BTreeMap::new();
    for (name, text) in told.times() {
        if let Some(text) = given(text) {
            let at = At::parse(text)
                .ok_or_else(|| format!("{name}_at: {} is not a time such as 2026-11-22T17:54:41Z", quoted(text)))?;
            times.insert(name.to_owned(), at);
        }
    }
    let severity = match given(&told.severity) {
        None => process.severity_default.declared.clone(),
        Some(s) => process.severity(s).map(|s| s.id.clone()).ok_or_else(|| {
            let all: Vec<&str> = process.severities.iter().map(|s| s.id.as_str()).collect();
            format!("severity: {} is none of {}", quoted(s), all.join(", "))
        })?,
    };
    let over = match (times.contains_key("resolved"), times.contains_key("closed")) {
        (true, false) => process.first(Category::After),
        (true, true) | (false, true) | (false, false) => None,
    };
    let status = match given(&told.status) {
        Some(s) => process.status(s).ok_or_else(|| {
            let all: Vec<&str> = process.statuses.iter().map(|s| s.id.as_str()).collect();
            format!("status: {} is none of {}", quoted(s), all.join(", "))
        })?,
        None => over
            .or_else(|| process.status("closed"))
            .or_else(|| process.first(Category::Done))
            .ok_or("status is missing, and the process has none that is finished")?,
    };
    let service = given(&told.service).map(|s| match catalogue.service(s) {
        Some(known) => ServiceName {
            alias: known.alias.clone(),
            name: known.name.clone(),
            known: true,
        },
        None => ServiceName {
            alias: words::title(s),
            name: words::title(s),
            known: false,
        },
    });
    let of_service = service.as_ref().and_then(|s| catalogue.service(&s.alias)?.team.clone());
    let team = given(&told.team)
        .map(str::to_owned)
        .or(of_service)
        .map(|t| match catalogue.team(&t) {
            Some(known) => TeamName {
                alias: known.alias.clone(),
                name: known.name.clone(),
                ..TeamName::default()
            },
            None => TeamName {
                alias: words::title(&t),
                name: words::title(&t),
                ..TeamName::default()
            },
        });
    let wants = told.wants();
    if wants.is_some_and(|r| r.0 > REF_MAX) {
        return Err(format!("ref: references go up to IMP-{REF_MAX}"));
    }
    Ok(Past {
        identity: identity(told, &title, &times),
        wants,
        opened: Event::Opened {
            reference: Ref(0),
            title,
            summary: words::text(told.summary.as_deref().unwrap_or_default()),
            severity,
            status: status.id.clone(),
            service,
            team,
            private: false,
            process: process.version.clone(),
            edition: String::new(),
            overlays: Vec::new(),
        },
        times,
    })
}

/// Reads many rows.
pub fn understand_all(told: &[&Told], process: &Process, catalogue: &Catalogue) -> Vec<Result<Past, String>> {
    halves::each(told.to_vec(), |t| understand(t, process, catalogue))
}

/// Before the reference in the key of an incident that another IMP lived through.
const LIVED: &str = "imp:";

/// By what an incident is known where it comes from: the key that it was brought in with, or that of this IMP. `None`
/// where title and times are all that tells it from others.
pub fn source_key(i: &Incident) -> Option<String> {
    match &i.back_filled {
        None => Some(format!("{LIVED}{}:{}", i.reference, i.opened_at.0)),
        Some(identity) => identity.strip_prefix("key:").map(str::to_owned),
    }
}

/// The incident of this very IMP that was lived through under this key.
fn lived_here(conn: &mut dyn Conn, identity: &str) -> Result<Option<Ref>, StoreError> {
    let known = identity.strip_prefix("key:").and_then(|key| key.strip_prefix(LIVED));
    let known = known.and_then(|key| key.split_once(':'));
    let Some((Some(r), Ok(opened))) = known.map(|(r, at)| (Ref::parse(r), at.parse::<i64>())) else {
        return Ok(None);
    };
    let rows = conn.rows(
        "select 1 from incident i join measure m on m.ref = i.ref
         where i.ref = ?1 and i.opened_at = ?2 and m.back_filled is null",
        &[r.0.into(), opened.into()],
    )?;
    Ok((!rows.is_empty()).then_some(r))
}

/// The source's key, else a print of title and times.
fn identity(told: &Told, title: &str, times: &BTreeMap<String, At>) -> String {
    let print = |text: &str| hex::encode(&Sha256::digest(text.as_bytes())[..16]);
    match given(&told.key) {
        Some(key) if key.len() <= KEY_MAX => format!("key:{key}"),
        Some(key) => format!("long:{}", print(key)),
        None => {
            let times: Vec<String> = times.iter().map(|(name, at)| format!("{name}={}", at.0)).collect();
            format!("row:{}", print(&format!("{title}\n{}", times.join("\n"))))
        }
    }
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It was brought in.
    New(Ref),
    /// It was brought in before, and stays as it is.
    There(Ref),
}

/// Writes into the audit log how many rows were given and how many of them were new; where none was, nothing changed.
///
/// # Errors
/// What the store says.
pub fn witness(conn: &mut dyn Conn, deed: Deed, kept: &[Kept]) -> Result<(), StoreError> {
    let new = kept.iter().filter(|k| matches!(k, Kept::New(_))).count();
    let detail = serde_json::json!({"said": {"rows": kept.len(), "new": new}});
    match new {
        0 => Ok(()),
        _ => audit::write(conn, Deed { detail, ..deed }),
    }
}

/// Whether a row is there already.
///
/// # Errors
/// What the store says.
pub fn find(conn: &mut dyn Conn, identity: &str) -> Result<Option<Ref>, StoreError> {
    let rows = conn.rows("select ref from measure where back_filled = ?1", &[identity.into()])?;
    match rows.first() {
        Some(r) => Ok(Some(Ref(r.int(0).unsigned_abs()))),
        None => lived_here(conn, identity),
    }
}

/// Brings rows in, inside the caller's transaction. Numbers of their own begin above `above`, so that those which other
/// rows of the file want to keep stay free.
///
/// # Errors
/// What the store says.
pub fn keep(
    conn: &mut dyn Conn,
    house: &House,
    by: &Actor,
    now: At,
    rows: &[Past],
    above: u64,
) -> Result<Vec<Kept>, StoreError> {
    let process = house.process.load_full();
    let mut desk = Reception::of(conn, rows, above)?;
    let kept: Vec<Kept> = rows.iter().map(|past| desk.place(past)).collect();
    let new = rows.iter().zip(&kept).filter_map(|(past, kept)| match kept {
        Kept::New(r) => Some((past, *r)),
        Kept::There(_) => None,
    });
    let new: Vec<(&Past, Ref)> = new.collect();
    std::thread::scope(|s| {
        let (send, laid) = sync_channel(LAID_AHEAD);
        let lay = |(past, r): &(&Past, Ref)| row::lay(&past.facts(*r, by, now), &process);
        let new = &new;
        s.spawn(move || {
            let lots = new.chunks(LAID).map(|some| some.iter().map(lay).collect());
            // Nobody takes them any more where one could not be written.
            lots.map(|lot| send.send(lot)).find(Result::is_err)
        });
        laid.iter()
            .try_for_each(|lot: Result<_, StoreError>| row::save_new(conn, lot?))
    })?;
    Ok(kept)
}

/// What is there already, of that which some rows could be or want; and which reference comes next.
struct Reception {
    there: HashMap<String, Ref>,
    taken: HashSet<Ref>,
    highest: u64,
    above: u64,
}

impl Reception {
    fn of(conn: &mut dyn Conn, rows: &[Past], above: u64) -> Result<Reception, StoreError> {
        let reference = |n: i64| Ref(n.unsigned_abs());
        let identities: Vec<Val> = rows.iter().map(|past| past.identity.as_str().into()).collect();
        let found = known(
            conn,
            "select back_filled, ref from measure where back_filled in",
            &identities,
        )?;
        let mut there: HashMap<String, Ref> = found
            .iter()
            .map(|r| (r.text(0).to_owned(), reference(r.int(1))))
            .collect();
        for past in rows {
            if !there.contains_key(&past.identity)
                && let Some(r) = lived_here(conn, &past.identity)?
            {
                there.insert(past.identity.clone(), r);
            }
        }
        let wanted: Vec<Val> = rows.iter().filter_map(|past| past.wants).map(|r| r.0.into()).collect();
        let taken = known(conn, "select ref from incident where ref in", &wanted)?;
        Ok(Reception {
            there,
            taken: taken.iter().map(|r| reference(r.int(0))).collect(),
            highest: tx::next_ref(conn)?.0.saturating_sub(1),
            above: above.min(REF_MAX),
        })
    }

    /// Where a row goes; after it the next one is placed.
    fn place(&mut self, past: &Past) -> Kept {
        if let Some(r) = self.there.get(&past.identity) {
            return Kept::There(*r);
        }
        let reference = match past.wants {
            Some(r) if !self.taken.contains(&r) => r,
            // One that is far beyond what was ever given out would use the numbers up.
            Some(_) | None => Ref(self.highest.max(self.above).saturating_add(1)),
        };
        self.there.insert(past.identity.clone(), reference);
        self.taken.insert(reference);
        self.highest = self.highest.max(reference.0);
        Kept::New(reference)
    }
}

impl Past {
    /// What happened, as the journal tells it.
    fn facts(&self, reference: Ref, by: &Actor, now: At) -> [Fact; 2] {
        let mut opened = self.opened.clone();
        if let Event::Opened { reference: r, .. } = &mut opened {
            *r = reference;
        }
        let begun = ["detected", "started"].iter().find_map(|name| self.times.get(*name));
        let begun = begun.or_else(|| self.times.values().min()).copied().unwrap_or(now);
        let told = Event::BackFilled {
            key: self.identity.clone(),
            moments: self.times.clone(),
        };
        let fact = |n, at, event| Fact {
            n,
            at,
            by: by.clone(),
            event,
        };
        [fact(1, begun, opened), fact(2, now, told)]
    }
}

/// Makes a store ready for [`keep`] where no desk has done so.
///
/// # Errors
/// What the store says.
pub fn prepare(conn: &mut dyn Conn, house: &House) -> Result<(), StoreError> {
    conn.much_to_write()?;
    house.know_all(conn)?;
    measure::refresh(conn, house)
}

/// Packs what was brought in, so that the next start has it at hand, and waits until all of it is on disk.
///
/// # Errors
/// What the store says; then it is packed at the next start.
pub fn finish(conn: &mut dyn Conn) -> Result<(), StoreError> {
    conn.begin()?;
    let packed = match leaf::pack(conn, leaf::LOOSE_MAX) {
        Ok(()) => conn.commit(),
        Err(e) => {
            conn.rollback();
            Err(e)
        }
    };
    conn.much_was_written().and(packed)
}
