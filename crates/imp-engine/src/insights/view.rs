//! What a page of numbers shows: each chart's figures, from the rows that a question picked.

use super::order;
use super::pick::{hour, is_open_at, weekday};
use super::table::{NOBODY, Table, UNKNOWN};
use super::{By, DAY_MS, Group, Parts, Picker, Question, sum_up, whole};
use imp_core::metric::{Class, METRICS, Summary, summary_of_sorted};
use imp_core::{At, Catalogue};
use std::collections::HashMap;

/// Steps on an axis of time: more are too narrow to point at.
const STEPS: i64 = 62;
/// The measurements that are gathered for each team.
pub const TEAM_LENGTHS: [&str; 3] = ["mtta_s", "mttm_s", "mttr_s"];
/// Days of the calendar: a year and the week that it begins in.
const CALENDAR: i64 = 371;
/// The first incident that is known lies in this part of the period before, else that was not lived through here.
const FIRST_SHARE: i64 = 4;
/// The hours of a night, in UTC: from this one …
const NIGHT_FROM: u8 = 22;
/// … until before this one.
const NIGHT_UNTIL: u8 = 7;

/// How time is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Days.
    Day,
    /// Weeks from Monday on.
    Week,
    /// Months.
    Month,
}

impl Step {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Step::Day => "day",
            Step::Week => "week",
            Step::Month => "month",
        }
    }

    /// The coarsest that shows a range in enough detail.
    pub fn of(from: At, until: At) -> Step {
        match until.since(from) / DAY_MS {
            n if n <= STEPS => Step::Day,
            n if n <= 7 * STEPS => Step::Week,
            _ => Step::Month,
        }
    }

    /// The beginning of the step in which a time lies.
    fn floor(self, at: At) -> At {
        let day = at.0.div_euclid(DAY_MS);
        match self {
            Step::Day => At(day * DAY_MS),
            Step::Week => At((day - i64::from(weekday(at.0))) * DAY_MS),
            Step::Month => {
                let (y, m, _) = at.date();
                At::of_date(y, m, 1)
            }
        }
    }

    fn next(self, at: At) -> At {
        match self {
            Step::Day => at.plus(DAY_MS),
            Step::Week => at.plus(7 * DAY_MS),
            Step::Month => {
                let (y, m, _) = at.date();
                At::of_date(y, m + 1, 1)
            }
        }
    }
}

/// A step of time and what happened in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// From here on, as far as it lies in the range.
    pub from: At,
    /// Until before here.
    pub until: At,
    /// Incidents by severity, in the order of [`View::severities`].
    pub counts: Vec<usize>,
    /// How many were open at its end.
    pub open: usize,
}

/// A name and how many there are of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// Its name; none: not known.
    pub name: Option<String>,
    /// How many.
    pub n: usize,
}

/// How long incidents stood in a status.
#[derive(Debug, Clone, PartialEq)]
pub struct Stay {
    /// The status.
    pub status: String,
    /// What those lengths say.
    pub summary: Summary,
    /// All of them together, in seconds.
    pub total_s: f64,
}

/// How often somebody was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// Who.
    pub name: String,
    /// In how many incidents and alerts, false alarms among them.
    pub asked: usize,
    /// How many of these at night.
    pub at_night: usize,
}

/// Follow-ups of an age that are not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// At least so many days old.
    pub from_days: i64,
    /// Less than so many; none: however old.
    pub until_days: Option<i64>,
    /// How many.
    pub n: usize,
    /// How many of them are past their day.
    pub late: usize,
    /// In how many incidents.
    pub incidents: usize,
}

/// The ages, in days, at which follow-ups are told apart.
pub const AGES: [i64; 4] = [0, 7, 30, 90];

/// A bar of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bin {
    /// At least so long, in milliseconds.
    pub from_ms: i64,
    /// Shorter than this.
    pub until_ms: i64,
    /// How many.
    pub n: usize,
}

/// The edges of a distribution's bars, in seconds. Lengths are compared by how many times longer one is, so each bar is
/// about half as long again as the one before.
pub const EDGES_S: [i64; 27] = [
    0, 30, 60, 90, 120, 180, 240, 360, 480, 720, 1080, 1500, 2100, 2700, 3600, 5400, 7200, 10_800, 14_400, 21_600,
    32_400, 43_200, 86_400, 172_800, 432_000, 1_209_600, 2_592_000,
];
/// Bars of a distribution: where lengths differ more, each bar takes in two.
const BINS: usize = 14;

/// Everything that a page shows.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// The range that is shown.
    pub from: At,
    /// Until before here.
    pub until: At,
    /// All of it.
    pub group: Group,
    /// The severities that occur, in their order.
    pub severities: Vec<String>,
    /// How time is cut.
    pub step: Step,
    /// Over time.
    pub buckets: Vec<Bucket>,
    /// Incidents of each day, from [`View::calendar_from`] on.
    pub calendar: Vec<usize>,
    /// The first day of the calendar, a Monday.
    pub calendar_from: At,
    /// By weekday, Monday first, and hour.
    pub clock: [[usize; 24]; 7],
    /// By service, most first.
    pub services: Vec<Count>,
    /// By cause, most first.
    pub causes: Vec<Count>,
    /// Each team's numbers, by its name; of the lengths only [`TEAM_LENGTHS`].
    pub teams: Vec<Group>,
    /// Time in each status, where most was spent first.
    pub stays: Vec<Stay>,
    /// Who was asked how often, most first.
    pub loads: Vec<Load>,
    /// Follow-ups that are not done now, by their age; as many as [`AGES`].
    pub owed: Vec<Owed>,
    /// The lengths of each measurement, sorted, in milliseconds.
    pub lengths: Vec<Vec<i64>>,
}

/// Gathers what a page shows; `question` has both ends.
pub fn view(table: &Table, question: &Question, catalogue: &Catalogue, now: At) -> View {
    let picker = Picker::new(table, question, catalogue);
    let all = picker.rows();
    let rows: Vec<u32> = all
        .iter()
        .copied()
        .filter(|r| table.class_of(*r) == Class::Incident)
        .collect();
    let (from, until) = (question.from.unwrap_or(now), question.until.unwrap_or(now));
    let (group, lengths) = whole(table, &all);
    let severities = severities(table, &rows);
    let step = Step::of(from, until);
    let calendar_from = Step::Week.floor(At((until.0 - CALENDAR * DAY_MS).max(from.0)));
    View {
        from,
        until,
        group,
        buckets: buckets(&picker, table, &rows, &severities, step, (from, until), now),
        severities: severities.iter().map(|n| name(table, *n).unwrap_or_default()).collect(),
        step,
        calendar: calendar(table, &rows, calendar_from, until),
        calendar_from,
        clock: clock(table, &rows),
        services: counted(table, &rows, &table.service),
        causes: counted(table, &rows, &table.cause),
        teams: teams(&picker, table, &all),
        stays: stays(table, &rows),
        loads: loads(table, &all),
        owed: owed(table, &rows, now),
        lengths,
    }
}

fn name(table: &Table, n: u32) -> Option<String> {
    table.names.text(n).map(|t| t.to_string())
}

fn severities(table: &Table, rows: &[u32]) -> Vec<u32> {
    let mut seen: Vec<u32> = Vec::new();
    for row in rows {
        let s = table.severity[*row as usize];
        if !seen.contains(&s) {
            seen.push(s);
        }
    }
    seen.sort_by_key(|n| name(table, *n));
    seen
}

/// Where steps of time end, and for each day the step in which it begins, so that a time finds its own at once.
struct Edges {
    ends: Vec<i64>,
    first_day: i64,
    by_day: Vec<usize>,
}

impl Edges {
    fn of(buckets: &[Bucket]) -> Edges {
        let ends: Vec<i64> = buckets.iter().map(|b| b.until.0).collect();
        let first_day = buckets.first().map_or(0, |b| b.from.0.div_euclid(DAY_MS));
        let last_day = ends.last().map_or(first_day, |end| end.div_euclid(DAY_MS));
        let begins = |day: i64| ends.partition_point(|end| *end <= day * DAY_MS);
        Edges {
            by_day: (first_day..=last_day).map(begins).collect(),
            first_day,
            ends,
        }
    }

    /// The first step that ends after a time; as many as there are where none does.
    fn place(&self, at: i64) -> usize {
        let day = usize::try_from(at.div_euclid(DAY_MS) - self.first_day);
        let mut place = match day {
            Ok(day) => self.by_day.get(day).copied().unwrap_or(self.ends.len()),
            Err(_) => 0,
        };
        while self.ends.get(place).is_some_and(|end| *end <= at) {
            place += 1;
        }
        place
    }
}

fn buckets(
    picker: &Picker<'_>,
    table: &Table,
    rows: &[u32],
    severities: &[u32],
    step: Step,
    (from, until): (At, At),
    now: At,
) -> Vec<Bucket> {
    let mut out: Vec<Bucket> = Vec::new();
    let mut begin = step.floor(from);
    while begin < until {
        let end = step.next(begin);
        out.push(Bucket {
            from: At(begin.0.max(from.0)),
            until: At(end.0.min(until.0)),
            counts: vec![0; severities.len()],
            open: 0,
        });
        begin = end;
    }
    let edges = Edges::of(&out);
    let places: Vec<usize> = rows.iter().map(|r| edges.place(table.at[*r as usize])).collect();
    for (row, place) in rows.iter().zip(places) {
        let which = severities.iter().position(|s| *s == table.severity[*row as usize]);
        if let (Some(bucket), Some(s)) = (out.get_mut(place), which) {
            bucket.counts[s] += 1;
        }
    }
    // An incident is open at the ends of all steps from its beginning to before its end.
    let mut steps = vec![0_i64; out.len() + 1];
    for row in picker.ever().filter(|r| table.class_of(*r) == Class::Incident) {
        let n = row as usize;
        let first = edges.place(table.at[n]);
        let last = match table.over[n] {
            UNKNOWN => out.len(),
            over => edges.place(over),
        };
        if table.at[n] != UNKNOWN && first < last {
            steps[first] += 1;
            steps[last] -= 1;
        }
    }
    let mut open = 0;
    for (bucket, change) in out.iter_mut().zip(&steps) {
        open += change;
        bucket.open = usize::try_from(open).unwrap_or(0);
    }
    debug_assert!(out.last().is_none_or(|b| {
        let ends = |r: &u32| table.class_of(*r) == Class::Incident && is_open_at(table, *r, b.until.0);
        b.open == picker.ever().filter(ends).count()
    }));
    // Nothing is known of what has not come yet.
    out.retain(|b| b.from <= now);
    out
}

fn calendar(table: &Table, rows: &[u32], from: At, until: At) -> Vec<usize> {
    let days = usize::try_from(until.since(from).div_euclid(DAY_MS)).unwrap_or(0);
    let mut out = vec![0; days];
    for row in rows {
        let day = (table.at[*row as usize] - from.0).div_euclid(DAY_MS);
        if let Some(n) = usize::try_from(day).ok().and_then(|d| out.get_mut(d)) {
            *n += 1;
        }
    }
    out
}

fn clock(table: &Table, rows: &[u32]) -> [[usize; 24]; 7] {
    let mut out = [[0; 24]; 7];
    for row in rows {
        let at = table.at[*row as usize];
        if at != UNKNOWN {
            out[usize::from(weekday(at))][usize::from(hour(at))] += 1;
        }
    }
    out
}

fn counted(table: &Table, rows: &[u32], column: &[u32]) -> Vec<Count> {
    let mut counts = vec![0_usize; table.names.len()];
    rows.iter().for_each(|row| counts[column[*row as usize] as usize] += 1);
    let some = counts.into_iter().enumerate().filter(|(_, n)| *n > 0);
    let mut out: Vec<Count> = some
        .map(|(i, n)| Count {
            name: name(table, u32::try_from(i).unwrap_or(NOBODY)),
            n,
        })
        .collect();
    out.sort_by(|a, b| b.n.cmp(&a.n).then(a.name.cmp(&b.name)));
    out
}

fn teams(picker: &Picker<'_>, table: &Table, all: &[u32]) -> Vec<Group> {
    let keep = METRICS.map(|m| TEAM_LENGTHS.contains(&m.name));
    let (keys, of) = picker.parts(&[By::Team], all);
    let parts = Parts {
        rows: all,
        of: &of,
        n: keys.len(),
    };
    let (mut out, _) = sum_up(table, parts, &keep);
    out.iter_mut().zip(keys).for_each(|(group, key)| group.key = key);
    out.sort_by(|a, b| a.key[0].is_none().cmp(&b.key[0].is_none()).then(a.key.cmp(&b.key)));
    out
}

fn stays(table: &Table, rows: &[u32]) -> Vec<Stay> {
    let stood = table.stays.iter().zip(order::stood(table, rows));
    let mut out: Vec<Stay> = stood
        .filter_map(|((status, _), ms)| {
            let total_s = ms.iter().map(|n| i128::from(*n)).sum::<i128>() as f64 / 1000.0;
            Some(Stay {
                status: name(table, status)?,
                summary: summary_of_sorted(&ms)?,
                total_s,
            })
        })
        .collect();
    out.sort_by(|a, b| b.total_s.total_cmp(&a.total_s).then(a.status.cmp(&b.status)));
    out
}

fn loads(table: &Table, all: &[u32]) -> Vec<Load> {
    let mut counts: HashMap<u32, (usize, usize)> = HashMap::new();
    // Whoever was asked by a drill was not woken by anything.
    for row in all.iter().filter(|r| table.class_of(**r) != Class::Test) {
        let mut once: Vec<u32> = Vec::new();
        for (who, at) in &table.calls[*row as usize] {
            if once.contains(who) {
                continue;
            }
            once.push(*who);
            let count = counts.entry(*who).or_default();
            count.0 += 1;
            count.1 += usize::from(!(NIGHT_UNTIL..NIGHT_FROM).contains(&hour(*at)));
        }
    }
    let mut out: Vec<Load> = counts
        .into_iter()
        .filter_map(|(who, (asked, at_night))| {
            Some(Load {
                name: name(table, who)?,
                asked,
                at_night,
            })
        })
        .collect();
    out.sort_by(|a, b| b.asked.cmp(&a.asked).then(a.name.cmp(&b.name)));
    out
}

fn owed(table: &Table, rows: &[u32], now: At) -> Vec<Owed> {
    let today: String = now.rfc3339().chars().take(10).collect();
    let owing: Vec<u32> = rows
        .iter()
        .copied()
        .filter(|r| !table.owed[*r as usize].is_empty())
        .collect();
    let ends = AGES.iter().skip(1).copied().map(Some).chain([None]);
    let one = |(from_days, until_days): (&i64, Option<i64>)| {
        let mut out = Owed {
            from_days: *from_days,
            until_days,
            n: 0,
            late: 0,
            incidents: 0,
        };
        for row in &owing {
            let mut here = 0;
            for (due, since) in &table.owed[*row as usize] {
                let days = now.0.saturating_sub(*since).max(0) / DAY_MS;
                if days < *from_days || until_days.is_some_and(|until| days >= until) {
                    continue;
                }
                here += 1;
                // Days are written so that they are in the order of their letters.
                let due = table.names.text(*due);
                out.late += usize::from(due.is_some_and(|due| !due.is_empty() && due.as_ref() < today.as_str()));
            }
            out.n += here;
            out.incidents += usize::from(here > 0);
        }
        out
    };
    AGES.iter().zip(ends).map(one).collect()
}

/// Sorted lengths as the bars of a distribution, from the first that has any to the last.
pub fn bins(sorted: &[i64]) -> Vec<Bin> {
    let edges = EDGES_S.iter().map(|s| s * 1000);
    let ends = edges.clone().skip(1).chain([i64::MAX]);
    let all: Vec<Bin> = edges
        .zip(ends)
        .map(|(from_ms, until_ms)| Bin {
            from_ms,
            until_ms,
            n: sorted.partition_point(|ms| *ms < until_ms) - sorted.partition_point(|ms| *ms < from_ms),
        })
        .collect();
    let first = all.iter().position(|b| b.n > 0).unwrap_or(0);
    let last = all.iter().rposition(|b| b.n > 0).map_or(0, |n| n + 1);
    let mut out: Vec<Bin> = all.into_iter().take(last).skip(first).collect();
    while out.len() > BINS {
        let pair = |two: &[Bin]| Bin {
            from_ms: two[0].from_ms,
            until_ms: two.last().map_or(two[0].until_ms, |b| b.until_ms),
            n: two.iter().map(|b| b.n).sum(),
        };
        out = out.chunks(2).map(pair).collect();
    }
    out
}

/// The period before, of the same length; none where nothing is known of its beginning.
pub fn before(table: &Table, question: &Question) -> Option<Question> {
    let known = table.at.iter().copied().filter(|at| *at != UNKNOWN).min()?;
    let (from, until) = (question.from?, question.until?);
    let begin = from.plus(-until.since(from));
    (known < begin.0.saturating_add(until.since(from) / FIRST_SHARE)).then(|| Question {
        from: Some(begin),
        until: Some(from),
        filter: question.filter.clone(),
        by: Vec::<By>::new(),
    })
}

/// Numbers and sorted lengths of a period, for a comparison.
pub fn period(table: &Table, question: &Question, catalogue: &Catalogue) -> (Group, Vec<Vec<i64>>) {
    let rows = Picker::new(table, question, catalogue).rows();
    whole(table, &rows)
}
