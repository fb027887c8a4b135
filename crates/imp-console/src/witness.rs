//! What is written into the audit log for a caller, and what of it a caller may read.

use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use imp_core::rights::Right;
use imp_core::{At, Incident, Ref};
use imp_engine::audit::{self, Deed};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// Something that a caller did, to be written down.
pub fn deed(caller: &Caller, at: At, what: &str, about: Option<&Incident>, detail: serde_json::Value) -> Deed {
    let (door, origin) = match caller.origin.strip_prefix("console ") {
        Some(origin) => ("console", origin),
        None if caller.origin == "slack" => ("slack", "slack"),
        None => ("rest", caller.origin.as_str()),
    };
    Deed {
        at,
        who: audit::name_of(&caller.actor),
        role: caller.role.word().to_owned(),
        door: door.to_owned(),
        origin: origin.to_owned(),
        what: what.to_owned(),
        about: about.map(|i| i.reference),
        private: about.is_some_and(|i| i.private),
        detail,
    }
}

/// Writes down that somebody looks at private incidents. Without the entry there is no look.
///
/// # Errors
/// What the store says.
pub async fn looked<'a>(
    app: &App,
    caller: &Caller,
    incidents: impl Iterator<Item = &'a Incident>,
    how: &str,
) -> Result<(), Problem> {
    let (now, detail) = (app.desk.clock.now(), serde_json::json!({"how": how}));
    let deeds: Vec<Deed> = incidents
        .filter(|i| i.private)
        .map(|i| deed(caller, now, "look", Some(i), detail.clone()))
        .collect();
    if deeds.is_empty() {
        return Ok(());
    }
    Ok(app
        .desk
        .write(move |c| deeds.into_iter().try_for_each(|d| audit::write(c, d)))
        .await?)
}

/// Of these incidents those that the caller may see; which private ones are among them is written down. Without the
/// entry there is no look.
///
/// # Errors
/// What the store says.
pub async fn shown<'a>(
    app: &App,
    caller: &Caller,
    all: &'a [Incident],
    how: &str,
) -> Result<Vec<&'a Incident>, Problem> {
    let seen: Vec<&Incident> = all.iter().filter(|i| caller.sees(i)).collect();
    looked(app, caller, seen.iter().copied(), how).await?;
    Ok(seen)
}

/// Of things that belong to incidents those that the caller may see, with the same written down; what belongs to none is
/// everybody's to see.
///
/// # Errors
/// What the store says.
pub async fn theirs<T>(
    app: &App,
    caller: &Caller,
    all: Vec<T>,
    of: impl Fn(&T) -> Option<Ref>,
    how: &str,
) -> Result<Vec<T>, Problem> {
    let mut known: BTreeMap<Ref, Option<Arc<Incident>>> = BTreeMap::new();
    for r in all.iter().filter_map(&of) {
        if let Entry::Vacant(place) = known.entry(r) {
            place.insert(app.desk.incident(r).await?.filter(|i| caller.sees(i)));
        }
    }
    looked(app, caller, known.values().flatten().map(AsRef::as_ref), how).await?;
    let sees = |t: &T| of(t).is_none_or(|r| known.get(&r).is_some_and(Option::is_some));
    Ok(all.into_iter().filter(sees).collect())
}

/// Entries that a caller may see: what is about a private incident is for those who see that.
///
/// # Errors
/// Where they may see none of it, or what the store says.
pub async fn visible(
    app: &App,
    caller: &Caller,
    about: Option<Ref>,
    before: Option<u64>,
    limit: usize,
) -> Result<(Vec<audit::Entry>, Option<u64>), Problem> {
    caller.must(Right::Audit)?;
    let all = app
        .desk
        .store
        .read(move |c| audit::entries(c, about, before, limit))
        .await?;
    let next = all.last().filter(|_| all.len() == limit).map(|e| e.n);
    let seen = theirs(app, caller, all, |e| e.about, "its audit log read").await?;
    Ok((seen, next))
}
