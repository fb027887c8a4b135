//! The editions of the process: each is kept, so that an incident goes on by the one that it began with.

use crate::desk::House;
use crate::store::{Conn, StoreError};
use imp_core::{At, Incident, Process};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Editions with overlays on them that are kept at hand: as many as there are teams with their own in a large house.
const LAID_MAX: usize = 256;

/// An edition, the one in force with what is today's, and the overlays on it.
type Laid = (String, String, Vec<String>);

/// Editions at hand, by their prints. The one in force is not among them.
#[derive(Debug, Default)]
pub struct Versions {
    /// By edition; nothing where it cannot be read any more, which is said once.
    kept: RwLock<HashMap<String, Option<Arc<Process>>>>,
    laid: RwLock<HashMap<Laid, Arc<Process>>>,
}

/// An edition that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    /// Its print.
    pub edition: String,
    /// What people call the process.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Since when it is known.
    pub kept_at: At,
}

impl House {
    /// The process that an incident follows, with its overlays. Where its edition is not at hand (the store was lost and
    /// built anew from Jira), it is the one in force.
    pub fn process_of(&self, i: &Incident) -> Arc<Process> {
        let in_force = self.process.load_full();
        let own = match i.edition.is_empty() || i.edition == in_force.edition {
            true => None,
            false => self.versions.get(&i.edition),
        };
        match own {
            None if i.overlays.is_empty() => in_force,
            None => self.versions.laid_on(&in_force, &i.overlays, &in_force),
            Some(own) => self.versions.laid_on(&own, &i.overlays, &in_force),
        }
    }

    /// The process by which the next fact of an incident is judged: its own, or the one in force where it is yet to open.
    pub fn process_then(&self, i: Option<&Incident>) -> Arc<Process> {
        i.map_or_else(|| self.process.load_full(), |i| self.process_of(i))
    }

    /// Takes another process into force. The one of before is kept first, so that at no moment an incident that follows
    /// it finds it nowhere. What is laid on others is laid anew, since a part of it is today's.
    pub fn put_in_force(&self, process: Process) {
        let before = self.process.load_full();
        if !before.edition.is_empty() {
            let mut kept = self.versions.kept.write().unwrap_or_else(PoisonError::into_inner);
            kept.entry(before.edition.clone()).or_insert(Some(before));
        }
        self.process.store(Arc::new(process));
        self.versions
            .laid
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Every edition at hand: the one in force first, then those that incidents may still follow.
    pub fn editions(&self) -> Vec<Arc<Process>> {
        let in_force = self.process.load_full();
        let kept = self.versions.kept.read().unwrap_or_else(PoisonError::into_inner);
        let others = kept.values().flatten().filter(|p| p.edition != in_force.edition);
        let others: Vec<Arc<Process>> = others.cloned().collect();
        std::iter::once(in_force).chain(others).collect()
    }

    /// Sees to it that an edition is at hand which another replica may have kept.
    ///
    /// # Errors
    /// What the store says.
    pub fn know(&self, conn: &mut dyn Conn, i: &Incident) -> Result<(), StoreError> {
        let known = i.edition.is_empty() || i.edition == self.process.load().edition || self.versions.has(&i.edition);
        if known {
            return Ok(());
        }
        self.read_one(conn, &i.edition)
    }

    /// Takes up all editions that are kept.
    ///
    /// # Errors
    /// What the store says.
    pub fn know_all(&self, conn: &mut dyn Conn) -> Result<(), StoreError> {
        for row in &conn.rows("select edition from process_version", &[])? {
            if !self.versions.has(row.text(0)) {
                self.read_one(conn, row.text(0))?;
            }
        }
        Ok(())
    }

    fn read_one(&self, conn: &mut dyn Conn, edition: &str) -> Result<(), StoreError> {
        let rows = conn.rows(
            "select source from process_version where edition = ?1",
            &[edition.into()],
        )?;
        if let Some(row) = rows.first() {
            self.take_up(edition, row.text(0));
        }
        Ok(())
    }

    fn take_up(&self, edition: &str, source: &str) {
        let read = match Process::kept(source) {
            Ok(mut process) => {
                edition.clone_into(&mut process.edition);
                Some(Arc::new(process))
            }
            Err(e) => {
                tracing::error!(
                    edition,
                    error = e,
                    "an edition of the process cannot be read any more; its incidents follow the one in force"
                );
                None
            }
        };
        let mut kept = self.versions.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.insert(edition.to_owned(), read);
    }
}

impl Versions {
    fn get(&self, edition: &str) -> Option<Arc<Process>> {
        self.kept
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(edition)
            .cloned()
            .flatten()
    }

    /// Whether it was read, or found unreadable.
    fn has(&self, edition: &str) -> bool {
        self.kept
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(edition)
    }

    /// An edition with overlays on it, and with what is a matter of today whatever was agreed on then: who is on call, when
    /// people work, which maintenance goes on, and who is the last resort.
    fn laid_on(&self, base: &Arc<Process>, overlays: &[String], today: &Process) -> Arc<Process> {
        let key = (base.edition.clone(), today.edition.clone(), overlays.to_vec());
        if let Some(known) = self.laid.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return known.clone();
        }
        let mut laid = base.with(overlays).into_owned();
        laid.routes.clone_from(&today.routes);
        laid.windows.clone_from(&today.windows);
        laid.schedules.clone_from(&today.schedules);
        laid.hours.clone_from(&today.hours);
        laid.escalation
            .default_responder
            .clone_from(&today.escalation.default_responder);
        let laid = Arc::new(laid);
        let mut all = self.laid.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= LAID_MAX {
            all.clear();
        }
        all.insert(key, laid.clone());
        laid
    }
}

/// Keeps an edition, once.
///
/// # Errors
/// What the store says.
pub fn keep(conn: &mut dyn Conn, process: &Process, now: At) -> Result<(), StoreError> {
    if process.edition.is_empty() {
        return Ok(());
    }
    conn.run(
        "insert into process_version (edition, name, version, kept_at, source) values (?1, ?2, ?3, ?4, ?5)
         on conflict (edition) do nothing",
        &[
            process.edition.as_str().into(),
            process.name.as_str().into(),
            process.version.as_str().into(),
            now.0.into(),
            (&*process.source).into(),
        ],
    )
    .map(drop)
}

/// All editions that are kept, the latest first.
///
/// # Errors
/// What the store says.
pub fn list(conn: &mut dyn Conn) -> Result<Vec<Edition>, StoreError> {
    let rows = conn.rows(
        "select edition, name, version, kept_at from process_version order by kept_at desc, edition",
        &[],
    )?;
    let read = |row: &crate::store::Row| Edition {
        edition: row.text(0).to_owned(),
        name: row.text(1).to_owned(),
        version: row.text(2).to_owned(),
        kept_at: At(row.int(3)),
    };
    Ok(rows.iter().map(read).collect())
}
