//! What can be measured about an incident: from one point to another, and what a number of such lengths say together.

use crate::process::Category;
use crate::{Actor, At, Incident, Process};

/// A point in the life of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// It began to hurt: the earliest time that an alert of it gives, or what was brought in with it.
    Started,
    /// IMP, or whoever was there before it, knew of it.
    Detected,
    /// It was written down as an incident, by an alert or a person.
    Declared,
    /// Somebody was first asked whether it is real.
    Asked,
    /// It was known to be real: confirmed, or declared by a person.
    Real,
    /// Somebody answered that it is real.
    Acknowledged,
    /// Its channel was there.
    Channel,
    /// Somebody took command.
    Command,
    /// The first update was written.
    FirstUpdate,
    /// The public was first told.
    FirstPublic,
    /// A repair was in place: it entered `monitoring`.
    Mitigated,
    /// It was over for users: it entered a status of the category `after`, for the last time.
    Resolved,
    /// Its review was written.
    Reviewed,
    /// It was finished.
    Closed,
}

impl Point {
    /// All of them, in order.
    pub const ALL: [Point; 14] = [
        Point::Started,
        Point::Detected,
        Point::Declared,
        Point::Asked,
        Point::Real,
        Point::Acknowledged,
        Point::Channel,
        Point::Command,
        Point::FirstUpdate,
        Point::FirstPublic,
        Point::Mitigated,
        Point::Resolved,
        Point::Reviewed,
        Point::Closed,
    ];

    /// Its name: `started`.
    pub fn word(self) -> &'static str {
        match self {
            Point::Started => "started",
            Point::Detected => "detected",
            Point::Declared => "declared",
            Point::Asked => "asked",
            Point::Real => "known to be real",
            Point::Acknowledged => "acknowledged",
            Point::Channel => "channel open",
            Point::Command => "command taken",
            Point::FirstUpdate => "first update",
            Point::FirstPublic => "first public post",
            Point::Mitigated => "mitigated",
            Point::Resolved => "resolved",
            Point::Reviewed => "review written",
            Point::Closed => "closed",
        }
    }

    /// When exactly that is, for people who want to know.
    pub fn meaning(self) -> &'static str {
        match self {
            Point::Started => "the earliest time that its alerts give as their beginning",
            Point::Detected => "the alert reached IMP, or a person declared it",
            Point::Declared => "it was opened in IMP",
            Point::Asked => "IMP asked the first person whether it is real",
            Point::Real => "somebody confirmed the alert, or a person declared it",
            Point::Acknowledged => "somebody confirmed that the alert is real",
            Point::Channel => "Slack had its channel",
            Point::Command => "somebody first became commander",
            Point::FirstUpdate => "the first update was written",
            Point::FirstPublic => "the status page first told of it",
            Point::Mitigated => "it last entered monitoring",
            Point::Resolved => "it last entered resolved",
            Point::Reviewed => "its review was first written",
            Point::Closed => "it was closed",
        }
    }
}

/// A measurement: how long from one point to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name wherever it is published; the unit is seconds.
    pub name: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// From here.
    pub from: Point,
    /// To here.
    pub to: Point,
    /// Goes up when what it means changes.
    pub version: u32,
}

impl Metric {
    /// The measurement with this name.
    pub fn named(name: &str) -> Option<(usize, &'static Metric)> {
        METRICS.iter().enumerate().find(|(_, m)| m.name == name)
    }

    /// How it is worked out: `resolved − detected`.
    pub fn formula(&self) -> String {
        format!("{} − {}", self.to.word(), self.from.word())
    }
}

/// How many measurements there are.
pub const COUNT: usize = 13;

const fn metric(name: &'static str, label: &'static str, from: Point, to: Point) -> Metric {
    Metric {
        name,
        label,
        from,
        to,
        version: 1,
    }
}

/// The measurements, in the order in which they are stored and shown.
pub const METRICS: [Metric; COUNT] = [
    metric("mttd_s", "time to detect", Point::Started, Point::Detected),
    metric("mtta_s", "time to acknowledge", Point::Detected, Point::Acknowledged),
    metric("mttm_s", "time to mitigate", Point::Detected, Point::Mitigated),
    metric("mttr_s", "time to resolve", Point::Detected, Point::Resolved),
    metric("impact_s", "length of the impact", Point::Started, Point::Resolved),
    metric("declare_s", "time to declare", Point::Started, Point::Declared),
    metric("ask_s", "time until somebody is asked", Point::Declared, Point::Asked),
    metric(
        "channel_s",
        "time until there is a channel",
        Point::Real,
        Point::Channel,
    ),
    metric("command_s", "time until somebody commands", Point::Real, Point::Command),
    metric(
        "first_update_s",
        "time to the first update",
        Point::Detected,
        Point::FirstUpdate,
    ),
    metric(
        "first_public_s",
        "time to the first public post",
        Point::Detected,
        Point::FirstPublic,
    ),
    metric("review_s", "time to the review", Point::Resolved, Point::Reviewed),
    metric("close_s", "time to close", Point::Resolved, Point::Closed),
];

/// What a measurement came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// So many milliseconds.
    Recorded(i64),
    /// The second point may still come.
    Pending,
    /// One of the points is not known and will not be.
    NotApplicable,
    /// The times run backwards.
    Invalid,
}

/// What an incident is to the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// An incident: it counts.
    Incident,
    /// Not known yet whether it is one.
    Triage,
    /// A false alarm.
    Declined,
    /// The same as another, which counts.
    Merged,
    /// A drill or a test: nothing was wrong.
    Test,
}

/// The label of an alert that says that nothing is wrong: `drill`, `test`, or whatever else it is for.
pub const EXERCISE: &str = "imp_exercise";

impl Class {
    /// All of them; the place of each is the number under which it is stored.
    pub const ALL: [Class; 5] = [
        Class::Incident,
        Class::Triage,
        Class::Declined,
        Class::Merged,
        Class::Test,
    ];
}

/// Whether an alert opened it and all of its alerts say that they are an exercise: one real alert among them makes it
/// real, and so does a person who declared it, whatever was merged into it later.
pub fn is_exercise(i: &Incident) -> bool {
    all_say(i, |value| !matches!(value, "" | "false" | "no"))
}

/// Whether it only shows that alerts arrive: nobody has to answer it, and nobody else is asked.
pub fn is_test(i: &Incident) -> bool {
    all_say(i, |value| value == "test")
}

/// Whether an alert opened it, and the label of each of its alerts says so.
fn all_say(i: &Incident, so: impl Fn(&str) -> bool) -> bool {
    let said = |(name, value): &(String, String)| name == EXERCISE && so(value.trim());
    let by_alert = matches!(i.opened_by, Actor::Source { .. });
    by_alert && !i.alerts.is_empty() && i.alerts.iter().all(|a| a.alert.labels.iter().any(said))
}

/// What an incident is to the numbers.
pub fn class(i: &Incident, process: &Process) -> Class {
    if is_exercise(i) {
        return Class::Test;
    }
    match process.category(&i.status) {
        Category::Triage => Class::Triage,
        Category::Active | Category::After => Class::Incident,
        Category::Done if i.merged_into.is_some() || i.status == "merged" => Class::Merged,
        Category::Done if i.status == "declined" || (!i.confirmed && i.back_filled.is_none()) => Class::Declined,
        Category::Done => Class::Incident,
    }
}

/// When an incident came to a point; `None` where that is not known, or is true no longer since it was re-opened.
pub fn point(i: &Incident, process: &Process, point: Point) -> Option<At> {
    // What a person has put right holds.
    if let Some(at) = i.corrected.get(point.word()) {
        return Some(*at);
    }
    if let Some(at) = i.reached.at(point) {
        return Some(at);
    }
    let known = |name: &str| i.moments.get(name).copied();
    let lived_here = i.back_filled.is_none();
    let by_alert = match &i.opened_by {
        Actor::Source { .. } => true,
        Actor::Person { .. } | Actor::Token { .. } | Actor::Jira { .. } | Actor::Imp => false,
    };
    match point {
        Point::Started => known("started").or_else(|| i.alerts.iter().filter_map(|a| a.alert.since).min()),
        Point::Detected if lived_here => Some(i.opened_at),
        Point::Detected => known("detected"),
        Point::Declared => Some(i.opened_at).filter(|_| lived_here),
        Point::Asked => i.questions.iter().map(|q| q.at).min(),
        Point::Real if by_alert => known("confirmed"),
        Point::Real => Some(i.opened_at).filter(|_| lived_here),
        // Whoever declares an incident was asked by nobody, so there is nothing to acknowledge.
        Point::Acknowledged => known("acknowledged").or_else(|| known("confirmed").filter(|_| by_alert)),
        Point::Channel => known("channel_opened"),
        Point::Command => known("command_taken"),
        Point::FirstUpdate => known("first_update"),
        Point::FirstPublic => known("first_public"),
        Point::Mitigated => still(i, process, known("monitoring").or_else(|| known("mitigated"))),
        Point::Resolved => {
            let of = |category| process.statuses.iter().filter(move |s| s.category == category);
            // A status of that name may be another here, and an incident may have been there by an earlier version.
            let is_after = process
                .status("resolved")
                .is_some_and(|s| s.category == Category::After);
            let named = known("resolved").filter(|_| !lived_here || is_after);
            let at_work = of(Category::Active).filter_map(|s| known(&s.id)).max();
            let entered = of(Category::After).filter_map(|s| known(&s.id));
            let last = entered.filter(|at| at_work.is_none_or(|work| *at >= work)).min();
            still(i, process, named.or(last))
        }
        Point::Reviewed => known("review_written"),
        Point::Closed => known("closed").filter(|_| process.category(&i.status) == Category::Done),
    }
}

/// What was reached stays reached unless the incident went back to work after it.
fn still(i: &Incident, process: &Process, at: Option<At>) -> Option<At> {
    let at_work = process.category(&i.status).is_open() && i.status != "monitoring";
    at.filter(|at| !at_work || i.status_since <= *at)
}

/// Measures an incident.
pub fn measure(i: &Incident, process: &Process, metric: &Metric) -> Measured {
    match (point(i, process, metric.from), point(i, process, metric.to)) {
        (Some(from), Some(to)) if to < from => Measured::Invalid,
        (Some(from), Some(to)) => Measured::Recorded(to.since(from)),
        (Some(_), None) if may_come(i, process, metric.to) => Measured::Pending,
        (Some(_) | None, None) | (None, Some(_)) => Measured::NotApplicable,
    }
}

/// Whether a point may still be reached: while there is work at it, or, of a review and an end, until it is finished.
fn may_come(i: &Incident, process: &Process, point: Point) -> bool {
    match (point, process.category(&i.status)) {
        (_, Category::Triage | Category::Active) => true,
        (Point::Reviewed | Point::Closed, Category::After) => true,
        (_, Category::After | Category::Done) => false,
    }
}

/// How many updates were due while it was worked on, and how many of them came too late: one at most so long after the
/// other as the severity says, the first after the detection, the last before it was resolved. `None` where the severity
/// asks for none, or it is not over.
pub fn updates(i: &Incident, process: &Process) -> Option<(i64, i64)> {
    let every = process.severity(&i.severity)?.update_every?.0.max(1);
    let (begin, end) = (point(i, process, Point::Detected)?, point(i, process, Point::Resolved)?);
    if i.back_filled.is_some() {
        return None;
    }
    let mut last = begin;
    let (mut due, mut late) = (0, 0);
    let within = i.updates.iter().map(|u| u.at).filter(|at| *at <= end);
    for at in within.chain([end]) {
        // A gap that is no longer than allowed asks for nothing more at its end.
        let gap = at.since(last);
        due += 1;
        late += i64::from(gap > every);
        last = at;
    }
    Some((due, late))
}

/// When it stopped to be open: resolved, else closed, declined or merged; `None` while it is open. Of one that was brought
/// in without such a time: the last that is known of it.
pub fn over(i: &Incident, process: &Process) -> Option<At> {
    let last = || match &i.back_filled {
        Some(_) => i.moments.values().max().copied().unwrap_or(i.opened_at),
        None => i.status_since,
    };
    match process.category(&i.status) {
        Category::Triage | Category::Active => None,
        Category::After | Category::Done => point(i, process, Point::Resolved)
            .or_else(|| point(i, process, Point::Closed))
            .or_else(|| Some(last())),
    }
}

/// How long it stood in each status that it has left, in milliseconds.
pub fn stays(i: &Incident) -> &std::collections::BTreeMap<String, i64> {
    &i.spent
}

/// The time under which an incident is found: detected, else started.
pub fn when(i: &Incident, process: &Process) -> Option<At> {
    point(i, process, Point::Detected).or_else(|| point(i, process, Point::Started))
}

/// What a number of lengths say together, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// How many there are.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// A quarter of them are at most this long.
    pub p25: f64,
    /// Half of them are at most this long.
    pub p50: f64,
    /// Three quarters of them are at most this long.
    pub p75: f64,
    /// Nine tenths of them are at most this long.
    pub p90: f64,
}

/// Sums up lengths in milliseconds; `None` where there are none. Sorts them.
pub fn summary(ms: &mut [i64]) -> Option<Summary> {
    ms.sort_unstable();
    summary_of_sorted(ms)
}

/// Sums up lengths in milliseconds that are sorted already.
pub fn summary_of_sorted(ms: &[i64]) -> Option<Summary> {
    if ms.is_empty() {
        return None;
    }
    // In whole milliseconds, so that the order of the incidents does not matter.
    let sum: i128 = ms.iter().map(|v| i128::from(*v)).sum();
    Some(Summary {
        n: ms.len(),
        mean: sum as f64 / (1000.0 * ms.len() as f64),
        p25: percentile(ms, 0.25),
        p50: percentile(ms, 0.5),
        p75: percentile(ms, 0.75),
        p90: percentile(ms, 0.9),
    })
}

/// The percentile with linear interpolation between the two nearest (numpy's default), in seconds.
fn percentile(sorted: &[i64], q: f64) -> f64 {
    let seconds = |i: usize| sorted.get(i).map_or(0.0, |ms| *ms as f64 / 1000.0);
    let place = q * (sorted.len() - 1) as f64;
    let below = place.floor();
    let share = place - below;
    let (a, b) = (
        seconds(below as usize),
        seconds((below as usize + 1).min(sorted.len() - 1)),
    );
    // From the nearer end, so that equal ends give exactly that.
    if share < 0.5 {
        a + (b - a) * share
    } else {
        b - (b - a) * (1.0 - share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_lies_between_the_two_nearest() {
        let mut ms = [4000, 1000, 3000, 2000];
        let s = summary(&mut ms).expect("there are some");
        assert_eq!((s.n, s.mean, s.p50), (4, 2.5, 2.5));
        assert!((s.p90 - 3.7).abs() < 1e-12, "{}", s.p90);
        assert_eq!(
            summary(&mut [7000]).map(|s| (s.mean, s.p50, s.p90)),
            Some((7.0, 7.0, 7.0))
        );
        assert_eq!(summary(&mut []), None);
    }
}
