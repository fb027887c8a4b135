//! Plays every path of a process: what can be reached, and from where a finished status can be.

use super::Category;
use super::check::{Draft, DraftMove};
use std::collections::BTreeSet;

/// What playing has shown.
pub(super) struct Played<'a> {
    /// Statuses in which an incident can come to stand, from an alert or from a declaration.
    pub(super) reached: BTreeSet<&'a str>,
    /// Statuses from which a finished one can be reached with answers that a person can always give.
    pub(super) ends: BTreeSet<&'a str>,
}

/// Plays all paths at once: a text can always be given (the form asks for it again where it was forgotten), but another
/// open incident need not be there, so a way that needs one is not counted as a way out.
pub(super) fn play<'a>(d: &'a Draft<'a>) -> Played<'a> {
    let first = |c| d.statuses.iter().find(|s| s.category == Some(c)).map(|s| s.id.text);
    let mut reached: BTreeSet<&str> = [Category::Triage, Category::Active]
        .into_iter()
        .filter_map(first)
        .collect();
    grow(&mut reached, |reached| {
        let open = d
            .moves
            .iter()
            .filter(|m| m.from.iter().any(|f| reached.contains(f.meant)));
        open.filter_map(|m| m.to.as_ref().map(|t| t.meant)).collect()
    });
    let can_always = |m: &DraftMove| !m.requires.iter().any(|f| d.kinds.get(f.meant) == Some(&"incident"));
    let done = d.statuses.iter().filter(|s| s.category == Some(Category::Done));
    let mut ends: BTreeSet<&str> = done.map(|s| s.id.text).collect();
    grow(&mut ends, |ends| {
        let back = d.moves.iter().filter(|m| can_always(m));
        let back = back.filter(|m| m.to.as_ref().is_some_and(|t| ends.contains(t.meant)));
        back.flat_map(|m| m.from.iter().map(|f| f.meant)).collect()
    });
    Played { reached, ends }
}

/// Adds until nothing is new.
fn grow<'a>(set: &mut BTreeSet<&'a str>, more: impl Fn(&BTreeSet<&'a str>) -> Vec<&'a str>) {
    loop {
        let before = set.len();
        let new = more(set);
        set.extend(new);
        if set.len() == before {
            return;
        }
    }
}

impl<'a> Played<'a> {
    /// Statuses in which people get stuck.
    pub(super) fn stuck(&self, d: &'a Draft<'a>) -> impl Iterator<Item = &'a str> {
        let open = d
            .statuses
            .iter()
            .filter(|s| s.category.is_some_and(|c| c != Category::Done));
        open.map(|s| s.id.text).filter(|id| !self.ends.contains(id))
    }
}

/// Whether a status in which people are stuck is where they end: everything stuck that it leads to leads back to it.
pub(super) fn is_the_trap(d: &Draft, played: &Played, id: &str) -> bool {
    let from = |id| {
        let mut seen: BTreeSet<&str> = BTreeSet::from([id]);
        grow(&mut seen, |seen| {
            let out = d.moves.iter().filter(|m| m.from.iter().any(|f| seen.contains(f.meant)));
            out.filter_map(|m| m.to.as_ref().map(|t| t.meant)).collect()
        });
        seen
    };
    played
        .stuck(d)
        .filter(|o| from(id).contains(o))
        .all(|o| from(o).contains(id))
}
