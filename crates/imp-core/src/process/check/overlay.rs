//! Overlays: each holds for somebody, names what is there, adds or tightens, and leaves everybody a way out.

use super::{Draft, DraftMove, Entry, Look, Word, near, nearest};
use crate::moment::Span;
use crate::process::play;
use std::collections::BTreeSet;

/// What is wrong with `[[overlay]]`.
pub(super) fn overlays(look: &mut Look, d: &Draft) {
    for o in Entry::all(d.root, "overlay") {
        if !["team", "tier", "country"].iter().any(|k| o.table.contains_key(*k)) {
            look.on(
                &o.place(),
                "it holds for nobody; name a team, a tier or a country (all that are named have to fit)",
            );
        }
        let draft = Overlaid::of(&o, d);
        own_names(look, d, &o);
        moves(look, d, &o, &draft);
        severities(look, d, &o);
        statuses(look, d, &o);
        roles(look, d, &o);
        nudges(look, d, &o);
        escalation(look, d, &o);
        if let Some(t) = o.one_of("timing") {
            let base = Entry::one(d.root, "timing").and_then(|e| e.word("answer_within"));
            shorter(look, t.word("answer_within"), base, "the process");
        }
        super::alerts::answers(look, d, &o.inner("impact"));
        stuck(look, d, &o, &draft);
    }
}

/// The moves as they are with the overlay on them.
struct Overlaid<'a> {
    moves: Vec<DraftMove<'a>>,
    own: Vec<&'a str>,
}

impl<'a> Overlaid<'a> {
    fn of(o: &Entry<'a>, d: &Draft<'a>) -> Overlaid<'a> {
        let own: Vec<&str> = o
            .inner("field")
            .iter()
            .filter_map(|e| Some(e.word("id")?.text))
            .collect();
        let mut moves = d.moves.clone();
        for more in o.inner("move") {
            let Some(to) = more.word("to") else { continue };
            let from = more.words("from");
            for m in moves.iter_mut().filter(|m| m.leads_to(to.text)) {
                if from.is_empty() || m.from.iter().any(|f| from.iter().any(|w| w.text == f.text)) {
                    m.requires.extend(more.words("requires"));
                }
            }
        }
        Overlaid { moves, own }
    }
}

/// Who can stand where with the overlay, and cannot without it, gets stuck because of it.
fn stuck(look: &mut Look, d: &Draft, o: &Entry, draft: &Overlaid) {
    let mut kinds = d.kinds.clone();
    for f in o.inner("field") {
        if let (Some(id), Some(kind)) = (f.word("id"), f.word("kind")) {
            kinds.entry(id.text).or_insert(kind.text);
        }
    }
    let with = Draft {
        statuses: d.statuses.clone(),
        moves: draft.moves.clone(),
        kinds,
        root: d.root,
    };
    let before: BTreeSet<&str> = play::play(d).stuck(d).collect();
    let played = play::play(&with);
    let new: Vec<String> = played
        .stuck(&with)
        .filter(|s| !before.contains(s))
        .map(str::to_owned)
        .collect();
    if !new.is_empty() {
        let message = format!(
            "with it nobody in {} ever finishes: a move there would need another incident, and there need not be one",
            crate::words::list(&new)
        );
        look.on(&o.place(), message);
    }
}

/// Fields, questions and reminders of its own have names of their own.
fn own_names(look: &mut Look, d: &Draft, o: &Entry) {
    for kind in ["field", "impact"] {
        let base = ids(&Entry::all(d.root, kind));
        let mut seen: Vec<&str> = Vec::new();
        for w in o.inner(kind).iter().filter_map(|e| e.word("id")) {
            if base.contains(&w.text) {
                look.on(
                    &w,
                    format!(
                        "the process has {:?} already, and an overlay cannot change it; choose another id",
                        w.text
                    ),
                );
            }
            if seen.contains(&w.text) {
                look.on(
                    &w,
                    format!("{:?} is in this overlay already; rename or remove one", w.text),
                );
            }
            seen.push(w.text);
        }
    }
    for e in o.inner("field") {
        for w in e.words("forget_on") {
            super::status_known(look, d, &w);
        }
        super::field::choices(look, &e);
    }
}

fn ids<'a>(all: &[Entry<'a>]) -> Vec<&'a str> {
    all.iter().filter_map(|e| Some(e.word("id")?.text)).collect()
}

fn moves(look: &mut Look, d: &Draft, o: &Entry, draft: &Overlaid) {
    for m in o.inner("move") {
        let Some(to) = m.word("to") else { continue };
        let from = m.words("from");
        let known = |id: &str| d.statuses.iter().any(|s| s.id.text == id);
        from.iter().for_each(|w| super::status_known(look, d, w));
        super::status_known(look, d, &to);
        if !known(to.text) || from.iter().any(|w| !known(w.text)) {
            continue;
        }
        for f in &from {
            if !d.moves.iter().any(|b| b.leaves(f.text) && b.leads_to(to.text)) {
                look.on(
                    f,
                    format!(
                        "it loosens the process: there is no move from {:?} to {:?}, and an overlay opens no new way",
                        f.text, to.text
                    ),
                );
            }
        }
        if from.is_empty() && !d.moves.iter().any(|b| b.leads_to(to.text)) {
            look.on(&to, format!("no move leads to {:?}", to.text));
        }
        for (key, needs) in [("requires", true), ("asks", false)] {
            for w in m.words(key) {
                if !d.kinds.contains_key(w.text) && !draft.own.contains(&w.text) {
                    let near = nearest(w.text, d.kinds.keys().copied().chain(draft.own.iter().copied()));
                    look.on(
                        &w,
                        format!("there is no [[field]] or [[overlay.field]] {:?}{near}", w.text),
                    );
                }
                let hit =
                    |b: &&DraftMove| b.leads_to(to.text) && (from.is_empty() || from.iter().any(|f| b.leaves(f.text)));
                let needed = d
                    .moves
                    .iter()
                    .filter(hit)
                    .any(|b| b.requires.iter().any(|r| r.text == w.text));
                if !needs && needed {
                    look.on(
                        &w,
                        format!(
                            "it loosens the process: the move needs {:?}, and an overlay cannot make that an offer; remove it",
                            w.text
                        ),
                    );
                }
            }
        }
    }
}

/// What of the process an entry means.
fn base_of<'a>(d: &Draft<'a>, kind: &str, id: &str) -> Option<Entry<'a>> {
    let mut all = Entry::all(d.root, kind).into_iter();
    all.find(|e| e.word("id").is_some_and(|w| w.text == id))
}

fn statuses(look: &mut Look, d: &Draft, o: &Entry) {
    for s in o.inner("status") {
        let Some(id) = s.word("id") else { continue };
        if base_of(d, "status", id.text).is_none() {
            let known: Vec<&str> = d.statuses.iter().map(|s| s.id.text).collect();
            let near = near(id.text, &known).map_or(String::new(), |n| format!("; the nearest known is {n:?}"));
            look.on(
                &id,
                format!(
                    "there is no status {:?}, and an overlay opens no new one{near}",
                    id.text
                ),
            );
        }
    }
}

fn severities(look: &mut Look, d: &Draft, o: &Entry) {
    let all = Entry::all(d.root, "severity");
    let known = ids(&all);
    let there = |look: &mut Look, w: &Word| {
        let there = known.contains(&w.text);
        if !there {
            let near = nearest(w.text, known.iter().copied());
            look.on(w, format!("there is no severity {:?}{near}", w.text));
        }
        there
    };
    for s in o.inner("severity") {
        let Some(id) = s.word("id") else { continue };
        if there(look, &id) {
            let base = base_of(d, "severity", id.text).and_then(|b| b.word("update_every"));
            shorter(look, s.word("update_every"), base, id.text);
        }
    }
    let Some(default) = o.one_of("severity_default") else {
        return;
    };
    let base = Entry::one(d.root, "severity_default");
    for key in ["declared", "alert"] {
        let Some(w) = default.word(key).filter(|w| there(look, w)) else {
            continue;
        };
        let place = |id: &str| known.iter().position(|k| *k == id);
        if let Some(b) = base.as_ref().and_then(|b| b.word(key))
            && place(b.text) < place(w.text)
        {
            look.on(
                &w,
                format!(
                    "it loosens the process, where that is {} and so worse; name a worse one or remove it",
                    b.text
                ),
            );
        }
    }
}

fn roles(look: &mut Look, d: &Draft, o: &Entry) {
    for r in o.inner("role") {
        let Some(id) = r.word("id") else { continue };
        let own = base_of(d, "role", id.text).is_none();
        for key in ["label", "instructions"] {
            match (own, r.word(key)) {
                (false, Some(w)) => look.on(
                    &w,
                    format!("the process has the role {:?}, and an overlay cannot change its {key}; remove it, or add guidance", id.text),
                ),
                (true, None) => look.on(
                    &id,
                    format!("the process has no role {:?}; one of the overlay's own needs {key}", id.text),
                ),
                (true, Some(_)) | (false, None) => {}
            }
        }
    }
}

fn nudges(look: &mut Look, d: &Draft, o: &Entry) {
    for n in o.inner("nudge") {
        let Some(id) = n.word("id") else { continue };
        let Some(base) = base_of(d, "nudge", id.text) else {
            for key in ["when", "after", "text", "ladder", "again"] {
                if !n.table.contains_key(key) {
                    look.on(
                        &id,
                        format!(
                            "the process has no reminder {:?}; one of the overlay's own needs {key}",
                            id.text
                        ),
                    );
                }
            }
            continue;
        };
        for key in ["when", "text"] {
            if let Some(w) = n.word(key) {
                look.on(
                    &w,
                    format!(
                        "an overlay cannot change what the reminder {:?} says or watches; remove it",
                        id.text
                    ),
                );
            }
        }
        for key in ["after", "again"] {
            shorter(look, n.word(key), base.word(key), id.text);
        }
        kept(look, &n, "ladder", &base.words("ladder"));
        if let Some(w) = n.word("outside_hours")
            && w.text == "wait"
            && base.word("outside_hours").is_some_and(|b| b.text == "tell")
        {
            look.on(
                &w,
                format!(
                    "it loosens the process, where the reminder {:?} does not wait; remove it",
                    id.text
                ),
            );
        }
    }
}

fn escalation(look: &mut Look, d: &Draft, o: &Entry) {
    if let (Some(more), Some(base)) = (o.one_of("escalation"), Entry::one(d.root, "escalation")) {
        kept(look, &more, "path", &base.words("path"));
    }
}

/// A list that is written anew has everything of the process's, in its order.
fn kept(look: &mut Look, e: &Entry, key: &str, base: &[Word]) {
    let new = e.words(key);
    let Some(first) = new.first() else { return };
    let mut rest = new.iter();
    if let Some(gone) = base.iter().find(|b| !rest.any(|w| w.text == b.text)) {
        let all: Vec<String> = base.iter().map(|b| b.text.to_owned()).collect();
        look.on(
            first,
            format!(
                "it loosens the process: {:?} is missing or out of its turn; the {key} must have {}, in this order",
                gone.text,
                crate::words::list(&all)
            ),
        );
    }
}

/// A length of time may only be shorter than the process's.
fn shorter(look: &mut Look, new: Option<Word>, base: Option<Word>, whose: &str) {
    let read = |w: &Word| Span::try_from(w.text.to_owned()).ok();
    if let (Some(w), Some(b)) = (new, base)
        && let (Some(new), Some(old)) = (read(&w), read(&b))
        && new > old
    {
        look.on(
            &w,
            format!("it loosens {whose}, where it is {}; write less, or remove it", b.text),
        );
    }
}
