//! What moves may ask, and what may be chosen there.

use super::{Draft, Entry, Look};
use crate::words;

/// What moves may ask.
pub(super) fn fields(look: &mut Look, d: &Draft) {
    for e in Entry::all(d.root, "field") {
        for w in e.words("forget_on") {
            super::status_known(look, d, &w);
        }
        if let (Some(id), Some(kind)) = (e.word("id"), e.word("kind"))
            && id.text == "into"
            && kind.text != "incident"
        {
            look.on(
                &kind,
                "the field into names the incident that this one is merged into; its kind is \"incident\"",
            );
        }
        choices(look, &e);
    }
}

/// A list to choose from has something to choose, and nothing that an answer could not name.
pub(super) fn choices(look: &mut Look, e: &Entry) {
    let (all, kind) = (e.words("choices"), e.word("kind"));
    let Some(kind) = kind else { return };
    match (kind.text == "choices", all.first()) {
        (true, None) => look.on(&kind, "there is nothing to choose from; add choices = [\"…\", \"…\"]"),
        (false, Some(first)) => look.on(
            first,
            format!(
                "a field of the kind {:?} has no choices; write kind = \"choices\", or remove them",
                kind.text
            ),
        ),
        _ => {}
    }
    let mut seen: Vec<String> = Vec::new();
    for w in &all {
        if w.text.contains(',') {
            look.on(
                w,
                "an answer has commas between the choices, so none can have one itself; write it without",
            );
        }
        let folded = words::folded(w.text);
        if seen.contains(&folded) {
            look.on(w, format!("{:?} is in this list already; remove one", w.text));
        }
        seen.push(folded);
    }
}
