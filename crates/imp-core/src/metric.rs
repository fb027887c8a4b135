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
    /// Somebody answered that it is real.
    Acknowledged,
    /// A repair was in place: it entered `monitoring`.
    Mitigated,
    /// It was over for users: it entered a status of the category `after`, for the last time.
    Resolved,
}

impl Point {
    /// All of them, in order.
    pub const ALL: [Point; 5] = [
        Point::Started,
        Point::Detected,
        Point::Acknowledged,
        Point::Mitigated,
        Point::Resolved,
    ];

    /// Its name among an incident's moments: `started`.
    pub fn word(self) -> &'static str {
        match self {
            Point::Started => "started",
            Point::Detected => "detected",
            Point::Acknowledged => "acknowledged",
            Point::Mitigated => "mitigated",
            Point::Resolved => "resolved",
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
}

/// How many measurements there are.
pub const COUNT: usize = 4;

/// The measurements, in the order in which they are stored and shown.
pub const METRICS: [Metric; COUNT] = [
    Metric {
        name: "mttd_s",
        label: "time to detect",
        from: Point::Started,
        to: Point::Detected,
    },
    Metric {
        name: "mtta_s",
        label: "time to acknowledge",
        from: Point::Detected,
        to: Point::Acknowledged,
    },
    Metric {
        name: "mttm_s",
        label: "time to mitigate",
        from: Point::Detected,
        to: Point::Mitigated,
    },
    Metric {
        name: "mttr_s",
        label: "time to resolve",
        from: Point::Detected,
        to: Point::Resolved,
    },
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
}

impl Class {
    /// All of them; the place of each is the number under which it is stored.
    pub const ALL: [Class; 4] = [Class::Incident, Class::Triage, Class::Declined, Class::Merged];
}

/// What an incident is to the numbers.
pub fn class(i: &Incident, process: &Process) -> Class {
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
    let known = |name: &str| i.moments.get(name).copied();
    let lived_here = i.back_filled.is_none();
    match point {
        Point::Started => known("started").or_else(|| i.alerts.iter().filter_map(|a| a.alert.since).min()),
        Point::Detected if lived_here => Some(i.opened_at),
        Point::Detected => known("detected"),
        // Whoever declares an incident was asked by nobody, so there is nothing to acknowledge.
        Point::Acknowledged => known("acknowledged").or_else(|| match &i.opened_by {
            Actor::Source { .. } => known("confirmed"),
            Actor::Person { .. } | Actor::Token { .. } | Actor::Jira { .. } | Actor::Imp => None,
        }),
        Point::Mitigated => still(i, process, known("monitoring").or_else(|| known("mitigated"))),
        Point::Resolved => {
            let after = process.statuses.iter().filter(|s| s.category == Category::After);
            still(
                i,
                process,
                known("resolved").or_else(|| after.filter_map(|s| known(&s.id)).min()),
            )
        }
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
        (Some(_), None) if process.category(&i.status).is_open() => Measured::Pending,
        (Some(_) | None, None) | (None, Some(_)) => Measured::NotApplicable,
    }
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
    /// Half of them are at most this long.
    pub p50: f64,
    /// Nine tenths of them are at most this long.
    pub p90: f64,
}

/// Sums up lengths in milliseconds; `None` where there are none. Sorts them.
pub fn summary(ms: &mut [i64]) -> Option<Summary> {
    if ms.is_empty() {
        return None;
    }
    ms.sort_unstable();
    // In whole milliseconds, so that the order of the incidents does not matter.
    let sum: i128 = ms.iter().map(|v| i128::from(*v)).sum();
    Some(Summary {
        n: ms.len(),
        mean: sum as f64 / (1000.0 * ms.len() as f64),
        p50: percentile(ms, 0.5),
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
