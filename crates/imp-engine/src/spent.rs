//! What was spent of the vendors' limits, written down, so that a restart does not begin them anew.

use crate::desk::keep_sheet;
use crate::store::{Conn, StoreError};
use imp_core::At;
use imp_core::port::{Limits, Port, Spent};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it is written down at most: what was called after the last time is not known after a kill.
pub const EVERY: Duration = Duration::from_millis(250);
/// The first word of the sheets; the second is the replica that spent.
const SHEET: &str = "spent";
/// Older sheets say nothing any more: the longest patience that is taken from a vendor is a day.
const FORGOTTEN_MS: i64 = 25 * 3_600_000;

/// By vendor.
pub type ByVendor = BTreeMap<String, Vec<Spent>>;

/// Remembers what of it was written down.
#[derive(Debug, Default)]
pub struct Ledger {
    count: u64,
    at: Option<Instant>,
}

impl Ledger {
    /// Whether anything was spent that is not written down.
    pub fn is_behind(&self, ports: &Ports) -> bool {
        total(ports) != self.count
    }

    /// What is to be written down now: nothing where nothing was spent since, or where it was done a moment ago.
    pub fn page(&mut self, ports: &Ports, now: Instant) -> Option<ByVendor> {
        let lately = self.at.is_some_and(|at| now.saturating_duration_since(at) < EVERY);
        if lately || !self.is_behind(ports) {
            return None;
        }
        self.count = total(ports);
        self.at = Some(now);
        let all = limits(ports).map(|l| (l.vendor().to_owned(), l.spent()));
        Some(all.filter(|(_, spent)| !spent.is_empty()).collect())
    }
}

/// Hands, by what they do.
type Ports = BTreeMap<imp_core::effect::Capability, Arc<dyn Port>>;

/// The limits that these hands keep, each once.
pub fn limits(ports: &Ports) -> impl Iterator<Item = &dyn Limits> {
    let by_vendor: BTreeMap<&str, &dyn Limits> = ports
        .values()
        .filter_map(|port| port.limits())
        .map(|l| (l.vendor(), l))
        .collect();
    by_vendor.into_values()
}

fn total(ports: &Ports) -> u64 {
    limits(ports).map(Limits::count).sum()
}

/// Writes down what a replica has spent.
///
/// # Errors
/// What the store says.
pub fn keep(conn: &mut dyn Conn, replica: &str, page: &ByVendor, now: At) -> Result<(), StoreError> {
    let name = format!("{SHEET} {replica}");
    if conn.sole_writer() {
        // Earlier runs are over, and what they spent stands on this page too, as far as it still counts.
        conn.run(
            "delete from sheet where name like ?1 and name <> ?2",
            &[format!("{SHEET} %").into(), name.as_str().into()],
        )?;
    }
    keep_sheet(conn, &name, now, page)
}

/// What was spent by everybody up to now, each page with how many milliseconds ago it was written. What has no meaning any
/// more is cleared away.
///
/// # Errors
/// What the store says.
pub fn read(conn: &mut dyn Conn, now: At) -> Result<Vec<(u64, ByVendor)>, StoreError> {
    let like = format!("{SHEET} %");
    conn.run(
        "delete from sheet where name like ?1 and at < ?2",
        &[like.as_str().into(), now.plus(-FORGOTTEN_MS).0.into()],
    )?;
    let rows = conn.rows("select at, body from sheet where name like ?1", &[like.as_str().into()])?;
    let page = |row: &crate::store::Row| {
        let ago = u64::try_from(now.since(At(row.int(0)))).unwrap_or(0);
        Some((ago, serde_json::from_str(row.text(1)).ok()?))
    };
    Ok(rows.iter().filter_map(page).collect())
}
