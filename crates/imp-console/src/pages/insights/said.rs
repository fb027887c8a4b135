//! Numbers in words: beside each how many it rests on, how they are spread, and whether it changed.

use super::address::Asked;
use super::{Before, metric};
use crate::chart::length;
use imp_core::compare::{self, Change, LEAST, Verdict};
use imp_core::metric::METRICS;
use imp_engine::insights::view::View;
use imp_engine::insights::{Group, Number};

/// A number at the top.
pub struct Tile {
    /// What it is.
    pub label: &'static str,
    /// How it is worked out.
    pub formula: String,
    /// The number.
    pub value: String,
    /// Where its incidents are.
    pub href: String,
    /// What it rests on, and how it is spread.
    pub note: String,
    /// What became of it since the period before.
    pub change: String,
    /// `better`, `worse` or `same`.
    pub tone: &'static str,
}

/// A row of the table of all measurements.
pub struct Measure {
    /// What it is.
    pub label: &'static str,
    /// Its name in the API.
    pub name: &'static str,
    /// How it is worked out.
    pub formula: String,
    /// Which version of it.
    pub version: u32,
    /// A quarter, the median, three quarters, nine tenths.
    pub lengths: [String; 4],
    /// Recorded, pending, not known, invalid: how many and where they are.
    pub counts: [(usize, String); 4],
}

/// Four measurements that most people look for.
const FIRST: [(&str, &str); 4] = [
    ("mttd_s", "Time to detect"),
    ("mtta_s", "Time to acknowledge"),
    ("mttm_s", "Time to mitigate"),
    ("mttr_s", "Time to resolve"),
];

/// The numbers at the top.
pub fn tiles(asked: &Asked, view: &View, before: Option<&Before>) -> Vec<Tile> {
    let mut out = vec![incidents(asked, view, before)];
    out.extend(
        FIRST
            .iter()
            .map(|(name, label)| how_long(asked, view, before, name, label)),
    );
    out.extend([false_alarms(asked, view, before), reviews(asked, view), updates(view)]);
    out
}

fn list(asked: &Asked, more: &[(&str, String)]) -> String {
    asked.address("/insights/incidents", more)
}

fn nothing_to_compare(before: Option<&Before>, n: usize) -> String {
    match before {
        None => String::new(),
        Some(_) if n < LEAST => format!("Too few to compare: fewer than {LEAST}"),
        Some(_) => format!("Too few before to compare: fewer than {LEAST}"),
    }
}

fn percent(ratio: f64) -> String {
    match ratio {
        r if r >= 10.0 => format!("× {r:.0}"),
        r => format!("{:+.0} %", (r - 1.0) * 100.0).replace('-', "−"),
    }
}

fn between(low: f64, high: f64) -> String {
    match high {
        h if h.is_infinite() => format!("at least {}", percent(low)),
        h => format!("{} to {}", percent(low), percent(h)),
    }
}

fn count_change(change: &Change, more: &str, less: &str) -> String {
    let interval = between(change.low, change.high);
    let was = change.was;
    match change.verdict(1.0) {
        Verdict::Same => format!("No distinguishable change; {was:.0} before ({interval})"),
        Verdict::More => format!("{more} than before: {was:.0} then ({interval})"),
        Verdict::Less => format!("{less} than before: {was:.0} then ({interval})"),
    }
}

fn tone(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::More => "worse",
        Verdict::Less => "better",
        Verdict::Same => "same",
    }
}

fn count_of(view: &View, before: Option<&Before>, of: fn(&Group) -> usize) -> Option<Change> {
    let (from, until, group, _) = before?;
    compare::counts(
        of(group),
        until.since(*from),
        of(&view.group),
        view.until.since(view.from),
    )
}

fn incidents(asked: &Asked, view: &View, before: Option<&Before>) -> Tile {
    let g = &view.group;
    let change = count_of(view, before, |g| g.incidents);
    Tile {
        label: "Incidents",
        formula: "found to be real; duplicates count once".to_owned(),
        value: g.incidents.to_string(),
        href: list(asked, &[]),
        note: {
            let opened = match g.reopened {
                0 => "none was opened again".to_owned(),
                n => format!("{n} of them opened again"),
            };
            match g.corrected {
                0 => opened,
                1 => format!("{opened}; 1 time corrected"),
                n => format!("{opened}; {n} times corrected"),
            }
        },
        change: change.as_ref().map_or_else(
            || nothing_to_compare(before, g.incidents),
            |c| count_change(c, "More", "Fewer"),
        ),
        tone: change.map_or("same", |c| tone(c.verdict(1.0))),
    }
}

fn how_long(asked: &Asked, view: &View, before: Option<&Before>, name: &'static str, label: &'static str) -> Tile {
    let m = metric(name);
    let number = &view.group.numbers[m];
    let n = number.summary.map_or(0, |s| s.n);
    let change = before.and_then(|(_, _, _, lengths)| compare::medians(&lengths[m], &view.lengths[m]));
    Tile {
        label,
        formula: format!("median of {}", METRICS[m].formula()),
        value: number.summary.map_or("–".to_owned(), |s| length(s.p50)),
        href: list(asked, &[("metric", name.to_owned())]),
        note: match number.summary {
            None => "known of no incident".to_owned(),
            Some(s) => format!(
                "n = {n} of {}; half between {} and {}, nine in ten within {}",
                view.group.incidents,
                length(s.p25),
                length(s.p75),
                length(s.p90)
            ),
        },
        change: match &change {
            None => nothing_to_compare(before, n),
            Some(c) => length_change(c),
        },
        tone: change.map_or("same", |c| tone(c.verdict(0.0))),
    }
}

fn length_change(change: &Change) -> String {
    let signed = |s: f64| match s {
        s if s < 0.0 => format!("−{}", length(-s)),
        s => format!("+{}", length(s)),
    };
    let was = length(change.was);
    let interval = format!("{} to {}", signed(change.low), signed(change.high));
    match change.verdict(0.0) {
        Verdict::Same => format!("No distinguishable change; {was} before ({interval})"),
        Verdict::More => format!("Longer than before: {was} then ({interval})"),
        Verdict::Less => format!("Shorter than before: {was} then ({interval})"),
    }
}

fn false_alarms(asked: &Asked, view: &View, before: Option<&Before>) -> Tile {
    let g = &view.group;
    let change = count_of(view, before, |g| g.declined);
    let answered = g.declined + g.incidents + g.merged;
    Tile {
        label: "False alarms",
        formula: "declined; they are in no other number".to_owned(),
        value: g.declined.to_string(),
        href: list(asked, &[("class", "declined".to_owned())]),
        note: match answered {
            0 => "nothing was answered".to_owned(),
            n => format!(
                "{:.0} % of {n} that were answered",
                100.0 * g.declined as f64 / n as f64
            ),
        },
        change: change.as_ref().map_or_else(
            || nothing_to_compare(before, g.declined),
            |c| count_change(c, "More", "Fewer"),
        ),
        tone: change.map_or("same", |c| tone(c.verdict(1.0))),
    }
}

fn share(part: usize, all: usize) -> String {
    match all {
        0 => "–".to_owned(),
        all => format!("{:.0} %", 100.0 * part as f64 / all as f64),
    }
}

fn reviews(asked: &Asked, view: &View) -> Tile {
    let n = &view.group.numbers;
    let resolved = |number: &Number| number.summary.map_or(0, |s| s.n) + number.invalid;
    let (written, over) = (resolved(&n[metric("review_s")]), resolved(&n[metric("mttr_s")]));
    Tile {
        label: "Reviewed",
        formula: "review written ÷ resolved".to_owned(),
        value: share(written.min(over), over),
        href: list(asked, &[("metric", "review_s".to_owned())]),
        note: format!("{written} written, of {over} resolved"),
        change: String::new(),
        tone: "same",
    }
}

fn updates(view: &View) -> Tile {
    let (due, late) = (view.group.updates_due, view.group.updates_late);
    Tile {
        label: "Updates on time",
        formula: "stretches without an update that were no longer than the severity allows".to_owned(),
        value: share(due - late.min(due), due),
        href: String::new(),
        note: match due {
            0 => "no severity here asks for updates".to_owned(),
            due => format!("{late} of {due} stretches were too long"),
        },
        change: String::new(),
        tone: "same",
    }
}

/// All measurements, with what each rests on.
pub fn measures(asked: &Asked, view: &View) -> Vec<Measure> {
    let one = |(i, m): (usize, &imp_core::metric::Metric)| {
        let number = &view.group.numbers[i];
        let n = number.summary.map_or(0, |s| s.n);
        let known = n + number.pending + number.invalid;
        let became = |b: &str| list(asked, &[("metric", m.name.to_owned()), ("became", b.to_owned())]);
        let said = |of: fn(&imp_core::metric::Summary) -> f64| {
            number.summary.as_ref().map_or("–".to_owned(), |s| length(of(s)))
        };
        Measure {
            label: m.label,
            name: m.name,
            formula: m.formula(),
            version: m.version,
            lengths: [said(|s| s.p25), said(|s| s.p50), said(|s| s.p75), said(|s| s.p90)],
            counts: [
                (n, became("recorded")),
                (number.pending, became("pending")),
                (view.group.incidents.saturating_sub(known), became("unknown")),
                (number.invalid, became("invalid")),
            ],
        }
    };
    METRICS.iter().enumerate().map(one).collect()
}
