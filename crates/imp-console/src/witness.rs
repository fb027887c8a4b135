//! What is written into the audit log for a caller, and what of it a caller may read.

use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use imp_core::rights::Right;
use imp_core::{At, Incident, Ref};
use imp_engine::audit::{self, Deed, Entry};
use std::collections::BTreeMap;

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
) -> Result<(Vec<Entry>, Option<u64>), Problem> {
    caller.must(Right::Audit)?;
    let all = app
        .desk
        .store
        .read(move |c| audit::entries(c, about, before, limit))
        .await?;
    let next = all.last().filter(|_| all.len() == limit).map(|e| e.n);
    let mut known: BTreeMap<Ref, bool> = BTreeMap::new();
    let mut seen = Vec::new();
    for e in all {
        let sees = match e.about {
            Some(r) => match known.get(&r) {
                Some(s) => *s,
                None => {
                    let sees = app.desk.incident(r).await?.is_some_and(|i| caller.sees(&i));
                    known.insert(r, sees);
                    sees
                }
            },
            None => true,
        };
        if sees {
            seen.push(e);
        }
    }
    Ok((seen, next))
}
