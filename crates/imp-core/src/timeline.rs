//! What is said in the channel and kept: pinned, or marked with an emoji of the process; edits and deletions are followed,
//! and what was said before stays in the story. Pure.

use crate::decide::body;
use crate::event::{Event, Link};
use crate::person::Who;
use crate::record::print;
use crate::{Facts, Incident, Refusal, words};

/// Messages that an incident keeps at most: more than anybody marks, and each is remembered.
const KEPT_MAX: usize = 500;

/// Keeps something. A message that is kept already is kept once.
pub(crate) fn note(i: &Incident, text: &str, ts: Option<&str>) -> Result<Vec<Event>, Refusal> {
    let text = body("text", text, "what is to be kept")?;
    if ts.is_some_and(|ts| matches!(i.kept.get(ts), Some(Some(_)))) {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Noted {
        text,
        ts: ts.map(str::to_owned),
        who: None,
    }])
}

/// Somebody marked a message: with an emoji of the process it is to be kept.
pub(crate) fn mark(i: &Incident, ts: &str, emoji: &str, facts: &Facts) -> Vec<Event> {
    // A skin tone is no other emoji: `thumbsup::skin-tone-2`.
    let plain = emoji.split("::").next().unwrap_or_default();
    let agreed = facts.process.timeline.emoji.iter().any(|e| e == plain);
    let full = i.kept.len() >= KEPT_MAX;
    match agreed && !full && !ts.is_empty() && !i.kept.contains_key(ts) {
        true => vec![Event::Marked { ts: words::cut(ts, 40) }],
        false => Vec::new(),
    }
}

/// A message was edited: said where it is kept, and says something else now.
pub(crate) fn reword(i: &Incident, ts: &str, text: &str) -> Vec<Event> {
    let text = words::text(text);
    match i.kept.get(ts) {
        Some(Some(before)) if *before != print(&text) && !text.is_empty() => vec![Event::NoteChanged {
            ts: ts.to_owned(),
            text,
        }],
        // What is still to be read will be read as it is then.
        Some(Some(_) | None) | None => Vec::new(),
    }
}

/// A message was deleted.
pub(crate) fn unsay(i: &Incident, ts: &str) -> Vec<Event> {
    match i.kept.get(ts) {
        Some(Some(_)) => vec![Event::NoteRemoved { ts: ts.to_owned() }],
        Some(None) | None => Vec::new(),
    }
}

/// What a hand has learnt, as a fact: words that were read are a note.
pub(crate) fn learnt(i: &Incident, link: &Link, facts: &Facts) -> Event {
    match link {
        Link::Said { ts, text, user } if matches!(i.kept.get(ts), Some(None)) => {
            let text = words::text(text);
            match text.is_empty() {
                true => Event::Linked { what: link.clone() },
                false => Event::Noted {
                    text,
                    ts: Some(ts.clone()),
                    who: user.as_ref().map(|u| facts.directory.complete(&Who::slack(u))),
                },
            }
        }
        other => Event::Linked { what: other.clone() },
    }
}
