//! Working hours: zones, times and days that can be read, and that leave somebody a time to hear anything.

use super::{Draft, Entry, Look, nearest};
use crate::process::hours::{Clock, Holiday, Zone};
use std::collections::BTreeMap;

/// What is wrong with `[[hours]]`.
pub(super) fn hours(look: &mut Look, d: &Draft) {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for e in Entry::all(d.root, "hours") {
        zone(look, &e);
        times(look, &e);
        for w in e.words("holidays") {
            if let Err(why) = Holiday::try_from(w.text.to_owned()) {
                look.on(&w, why);
            }
        }
        if e.table.contains_key("days") && e.words("days").is_empty() {
            look.on(
                &e.place(),
                "nobody ever works in these hours: days is empty; name at least one",
            );
        }
        let country = e.word("country");
        let key = country.as_ref().map_or(String::new(), |w| w.text.to_lowercase());
        match seen.get(&key) {
            Some(first) => {
                let whose = match &country {
                    Some(w) => format!("{:?}", w.text),
                    None => "all other countries".to_owned(),
                };
                let place = country.unwrap_or_else(|| e.place());
                look.on(&place, format!("{first} has the hours of {whose} already; remove one"));
            }
            None => drop(seen.insert(key, e.path.clone())),
        }
    }
}

/// The key `zone` of an entry names one that is known.
pub(super) fn zone(look: &mut Look, e: &Entry) {
    if let Some(w) = e.word("zone")
        && Zone::try_from(w.text.to_owned()).is_err()
    {
        let names = Zone::names();
        let near = nearest(w.text, names.iter().map(String::as_str));
        look.on(&w, format!("there is no time zone {:?}{near}", w.text));
    }
}

fn times(look: &mut Look, e: &Entry) {
    let mut read = |key: &str| {
        let w = e.word(key)?;
        match Clock::try_from(w.text.to_owned()) {
            Ok(c) => Some((c, w)),
            Err(why) => {
                look.on(&w, why);
                None
            }
        }
    };
    if let (Some((from, _)), Some((to, w))) = (read("from"), read("to"))
        && from >= to
    {
        look.on(&w, "the day ends before it begins; `to` must be later than `from`");
    }
}
