//! Routes, windows and schedules: each takes something, leads somewhere that is there, and has times that can be read.

use super::calendar::zone;
use super::{Draft, Entry, Look, Word, nearest};
use crate::process::alerts::Moment;
use crate::process::hours::Clock;

/// What is wrong with `[[route]]`, `[[window]]` and `[[schedule]]`.
pub(super) fn alerts(look: &mut Look, d: &Draft) {
    routes(look, d);
    windows(look, d);
    for e in Entry::all(d.root, "schedule") {
        zone(look, &e);
        moment(look, &e, "begins");
        if e.table.contains_key("people") && e.words("people").is_empty() {
            look.on(&e.place(), "nobody is on call: people is empty; name at least one");
        }
    }
}

fn routes(look: &mut Look, d: &Draft) {
    let severities = Entry::all(d.root, "severity");
    let severities: Vec<&str> = severities.iter().filter_map(|e| Some(e.word("id")?.text)).collect();
    let windows = Entry::all(d.root, "window");
    let windows: Vec<&str> = windows.iter().filter_map(|e| Some(e.word("id")?.text)).collect();
    let all = Entry::all(d.root, "route");
    for (n, e) in all.iter().enumerate() {
        let known = |look: &mut Look, key: &str, all: &[&str], what: &str| {
            if let Some(w) = e.word(key)
                && !all.contains(&w.text)
            {
                let near = nearest(w.text, all.iter().copied());
                look.on(&w, format!("there is no {what} {:?}{near}", w.text));
            }
        };
        known(look, "severity", &severities, "severity");
        known(look, "window", &windows, "window");
        if matches_all(e) && n + 1 < all.len() {
            look.on(
                &e.place(),
                "it takes every alert, so those below never do; say what it matches, or make it the last",
            );
        }
        if !["service", "team", "severity", "window"]
            .iter()
            .any(|k| e.table.contains_key(*k))
        {
            look.on(
                &e.place(),
                "it changes nothing; say a service, a team, a severity or a window",
            );
        }
    }
}

/// What is wrong with `[[impact]]`.
pub(super) fn impact(look: &mut Look, d: &Draft) {
    answers(look, d, &Entry::all(d.root, "impact"));
}

/// Each answer of these questions means a severity that is there, and is there once.
pub(super) fn answers(look: &mut Look, d: &Draft, questions: &[Entry]) {
    let severities = Entry::all(d.root, "severity");
    let severities: Vec<&str> = severities.iter().filter_map(|e| Some(e.word("id")?.text)).collect();
    for e in questions {
        let answers = e.inner("answer");
        if answers.is_empty() && e.table.contains_key("answer") {
            look.on(
                &e.place(),
                "nothing can be answered; write at least one [[impact.answer]]",
            );
        }
        let mut seen: Vec<&str> = Vec::new();
        for a in &answers {
            if let Some(w) = a.word("severity")
                && !severities.contains(&w.text)
            {
                let near = nearest(w.text, severities.iter().copied());
                look.on(&w, format!("there is no severity {:?}{near}", w.text));
            }
            if let Some(w) = a.word("id") {
                if seen.contains(&w.text) {
                    look.on(
                        &w,
                        format!(
                            "{:?} is an answer to this question already; rename or remove one",
                            w.text
                        ),
                    );
                }
                seen.push(w.text);
            }
        }
    }
}

fn matches_all(e: &Entry) -> bool {
    let labels = e.table.get("match").and_then(|m| m.get_ref().as_table());
    labels.is_none_or(|l| l.is_empty())
}

fn windows(look: &mut Look, d: &Draft) {
    let sent: Vec<String> = Entry::all(d.root, "route")
        .iter()
        .filter_map(|r| r.word("window").map(|w| w.text.to_owned()))
        .collect();
    for e in Entry::all(d.root, "window") {
        zone(look, &e);
        let (begins, ends) = (moment(look, &e, "begins"), moment(look, &e, "ends"));
        let (from, to) = (clock(look, &e, "from"), clock(look, &e, "to"));
        let has = |k: &str| e.table.contains_key(k);
        let once = has("begins") || has("ends");
        let weekly = has("days") || has("from") || has("to");
        let whole = match (once, weekly) {
            (true, false) => has("begins") && has("ends"),
            (false, true) => has("from") && has("to") && !e.words("days").is_empty(),
            (true, true) | (false, false) => false,
        };
        if !whole {
            look.on(
                &e.place(),
                "when is it? Say begins and ends for once, or days, from and to for every week",
            );
        }
        if let (Some((b, _)), Some((e, w))) = (begins, ends)
            && e <= b
        {
            look.on(&w, "it ends before it begins");
        }
        if let (Some((f, _)), Some((t, w))) = (from, to)
            && f == t
        {
            look.on(&w, "it ends when it begins; from and to must differ");
        }
        let id = e.word("id").map_or("", |w| w.text);
        if matches_all(&e) && !sent.iter().any(|s| s == id) {
            look.on(
                &e.place(),
                "no alert ever falls into it: say what it matches, or name it in a route",
            );
        }
    }
}

fn moment<'a>(look: &mut Look, e: &Entry<'a>, key: &str) -> Option<(Moment, Word<'a>)> {
    let w = e.word(key)?;
    match Moment::try_from(w.text.to_owned()) {
        Ok(m) => Some((m, w)),
        Err(why) => {
            look.on(&w, why);
            None
        }
    }
}

fn clock<'a>(look: &mut Look, e: &Entry<'a>, key: &str) -> Option<(Clock, Word<'a>)> {
    let w = e.word(key)?;
    match Clock::try_from(w.text.to_owned()) {
        Ok(c) => Some((c, w)),
        Err(why) => {
            look.on(&w, why);
            None
        }
    }
}
