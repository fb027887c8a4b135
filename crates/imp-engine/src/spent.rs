//! What was spent of the vendors' limits, written down, so that a restart does not begin them anew.

use crate::desk::Desk;
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

    /// Whether it was written down a moment ago.
    pub fn is_fresh(&self, now: Instant) -> bool {
        self.at.is_some_and(|at| now.saturating_duration_since(at) < EVERY)
    }

    /// Writes it down, where anything was spent since. Where that fails, it is still to be done.
    pub async fn keep(&mut self, desk: &Desk, ports: &Ports) {
        if !self.is_behind(ports) {
            return;
        }
        let count = total(ports);
        let all = limits(ports).map(|l| (l.vendor().to_owned(), l.spent()));
        let page: ByVendor = all.filter(|(_, spent)| !spent.is_empty()).collect();
        let name = format!("{SHEET} {}", desk.replica);
        self.at = Some(Instant::now());
        match desk.note(&name, serde_json::json!(page)).await {
            Ok(()) => self.count = count,
            Err(e) => tracing::warn!(error = %e, "what was spent of the vendors' limits could not be written down"),
        }
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

/// What was spent by everybody up to now, each page with how many milliseconds ago it was written. Pages of which nothing
/// counts any more are cleared away.
///
/// # Errors
/// What the store says.
pub fn read(conn: &mut dyn Conn, now: At) -> Result<Vec<(u64, ByVendor)>, StoreError> {
    let like = format!("{SHEET} %");
    let rows = conn.rows("select name, at, body from sheet where name like ?1", &[like.into()])?;
    let mut out = Vec::new();
    for row in &rows {
        let ago = u64::try_from(now.since(At(row.int(1)))).unwrap_or(0);
        match serde_json::from_str::<ByVendor>(row.text(2)) {
            Ok(page) if page.values().flatten().any(|s| counts(s, ago)) => out.push((ago, page)),
            Ok(_) | Err(_) => drop(conn.run("delete from sheet where name = ?1", &[row.text(0).into()])?),
        }
    }
    Ok(out)
}

/// Whether anything of it still counts, so long after it was written down.
fn counts(s: &Spent, ago_ms: u64) -> bool {
    let latest = s.ages.last().map(|age| age.saturating_add(ago_ms));
    s.patience > ago_ms || latest.is_some_and(|age| age < s.lasts)
}
