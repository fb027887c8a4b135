//! The charts of the page, each with the table behind it; what both say comes from the same figures.

use super::address::{Asked, day};
use super::metric;
use crate::chart::{self, Bar, Column, length};
use imp_core::compare::RANKED;
use imp_core::metric::METRICS;
use imp_core::{At, Catalogue, Process, words};
use imp_engine::insights::view::{self, Bucket, Count, Owed, Step, TEAM_LENGTHS, View};
use imp_engine::insights::{DAY_MS, Group};

/// Bars of a chart; the table behind it has the rest.
const BARS: usize = 12;
/// Months as an axis names them.
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// The days of a week.
const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// A chart and its table.
pub struct Chart {
    /// What it is about.
    pub id: &'static str,
    /// The question that it answers.
    pub title: String,
    /// What is to be known about it.
    pub note: String,
    /// The drawing.
    pub svg: String,
    /// The columns of the table.
    pub head: Vec<String>,
    /// Its rows: words, and where they lead if anywhere.
    pub rows: Vec<Vec<(String, Option<String>)>>,
    /// Whether it wants the whole width.
    pub wide: bool,
}

/// A team and its numbers.
pub struct TeamRow {
    /// Its name.
    pub name: String,
    /// Its own page of numbers.
    pub page: String,
    /// Incidents and where they are.
    pub incidents: (usize, String),
    /// False alarms and where they are.
    pub declined: (usize, String),
    /// Median and nine tenths of a measurement, and on how many they rest.
    pub lengths: Vec<(String, String, usize)>,
}

fn list(asked: &Asked, more: &[(&str, String)]) -> String {
    asked.address("/insights/incidents", more)
}

fn cell(text: impl Into<String>) -> (String, Option<String>) {
    (text.into(), None)
}

fn link(n: usize, href: String) -> (String, Option<String>) {
    (n.to_string(), Some(href).filter(|_| n > 0))
}

/// The charts, in the order of the page.
pub fn charts(asked: &Asked, view: &View, process: &Process, catalogue: &Catalogue) -> Vec<Chart> {
    let mut out = vec![over_time(asked, view), open(asked, view)];
    for name in ["mttr_s", "mtta_s"] {
        out.extend(spread(asked, view, name));
    }
    out.push(services(asked, view, catalogue));
    out.extend(causes(asked, view));
    out.push(calendar(asked, view));
    out.push(clock(asked, view));
    out.extend(stays(asked, view, process));
    out.extend(loads(asked, view));
    out.extend(owed(asked, view));
    out
}

/// The name of a step of time.
fn step_name(bucket: &Bucket, step: Step) -> String {
    let (y, m, d) = bucket.from.date();
    let month = usize::try_from(m - 1)
        .ok()
        .and_then(|m| MONTHS.get(m))
        .copied()
        .unwrap_or_default();
    match step {
        Step::Day | Step::Week => format!("{d} {month}"),
        Step::Month => format!("{month} {y}"),
    }
}

fn over_time(asked: &Asked, view: &View) -> Chart {
    let within = |b: &Bucket, severity: Option<&String>| {
        let more: Vec<(&str, String)> = severity.map(|s| ("severity", s.clone())).into_iter().collect();
        asked.between("/insights/incidents", b.from, b.until, &more)
    };
    let column = |b: &Bucket| Column {
        name: step_name(b, view.step),
        layers: b
            .counts
            .iter()
            .zip(&view.severities)
            .map(|(n, s)| (*n, Some(within(b, Some(s)))))
            .collect(),
    };
    let columns: Vec<Column> = view.buckets.iter().map(column).collect();
    let row = |b: &Bucket| {
        let mut row = vec![cell(format!("{} to {}", day(b.from), day(b.until.plus(-1))))];
        let each = b.counts.iter().zip(&view.severities);
        row.extend(each.map(|(n, s)| link(*n, within(b, Some(s)))));
        row.push(link(b.counts.iter().sum(), within(b, None)));
        row
    };
    let mut head = vec![format!("Each {}", view.step.word())];
    head.extend(view.severities.iter().cloned());
    head.push("All".to_owned());
    Chart {
        id: "over-time",
        title: format!("How many each {}?", view.step.word()),
        note: "Incidents by the day of their detection, the gravest at the bottom.".to_owned(),
        svg: chart::columns("Incidents over time by severity", &view.severities, &columns),
        head,
        rows: view.buckets.iter().map(row).collect(),
        wide: false,
    }
}

fn open(asked: &Asked, view: &View) -> Chart {
    let at_end = |b: &Bucket| list(asked, &[("open_at", day(b.until.plus(-1)))]);
    let steps: Vec<(String, usize, String)> = view
        .buckets
        .iter()
        .map(|b| (step_name(b, view.step), b.open, at_end(b)))
        .collect();
    Chart {
        id: "open",
        title: "How many were open at once?".to_owned(),
        note: format!(
            "Incidents that had begun and were not over at the end of each {}.",
            view.step.word()
        ),
        svg: chart::steps("Open incidents over time", &steps),
        head: vec![format!("End of {}", view.step.word()), "Open".to_owned()],
        rows: view
            .buckets
            .iter()
            .map(|b| vec![cell(day(b.until.plus(-1))), link(b.open, at_end(b))])
            .collect(),
        wide: false,
    }
}

fn spread(asked: &Asked, view: &View, name: &'static str) -> Option<Chart> {
    let m = metric(name);
    let summary = view.group.numbers[m].summary?;
    let bars = view::bins(&view.lengths[m]);
    let href = |from_ms: i64, until_ms: i64| {
        let mut more = vec![("metric", name.to_owned()), ("least_s", (from_ms / 1000).to_string())];
        if until_ms != i64::MAX {
            more.push(("below_s", (until_ms / 1000).to_string()));
        }
        list(asked, &more)
    };
    let drawn: Vec<chart::Lengths> = bars
        .iter()
        .map(|b| (b.from_ms, b.until_ms, b.n, href(b.from_ms, b.until_ms)))
        .collect();
    let mark = |name: &str, s: f64| chart::Mark {
        name: format!("{name} {}", length(s)),
        ms: s * 1000.0,
    };
    let marks = [mark("median", summary.p50), mark("nine in ten within", summary.p90)];
    let label = METRICS[m].label;
    Some(Chart {
        id: name,
        title: format!("How long: {label}"),
        note: format!(
            "{}, n = {} of {}. The bars grow: each is about half as long again as the one before.",
            METRICS[m].formula(),
            summary.n,
            view.group.incidents
        ),
        svg: chart::lengths(&format!("Distribution of the {label}"), &drawn, &marks),
        head: vec!["From".to_owned(), "To less than".to_owned(), "Incidents".to_owned()],
        rows: bars
            .iter()
            .map(|b| {
                let until = match b.until_ms {
                    i64::MAX => "–".to_owned(),
                    ms => length(ms as f64 / 1000.0),
                };
                vec![
                    cell(length(b.from_ms as f64 / 1000.0)),
                    cell(until),
                    link(b.n, href(b.from_ms, b.until_ms)),
                ]
            })
            .collect(),
        wide: false,
    })
}

/// The first of a list of counts as bars.
fn most(all: &[(String, usize, String)]) -> Vec<Bar> {
    let total = all.iter().map(|(_, n, _)| n).sum::<usize>().max(1);
    let share = |n: usize| format!("{:.0} %", 100.0 * n as f64 / total as f64);
    let mut sum = 0;
    let one = |(name, n, href): &(String, usize, String)| {
        sum += n;
        Bar {
            label: name.clone(),
            note: n.to_string(),
            value: *n,
            part: 0,
            sum: share(sum),
            href: Some(href.clone()),
        }
    };
    all.iter().take(BARS).map(one).collect()
}

fn named(
    asked: &Asked,
    counts: &[Count],
    what: &'static str,
    name: impl Fn(&str) -> String,
) -> Vec<(String, usize, String)> {
    let one = |c: &Count| match &c.name {
        Some(n) => (name(n), c.n, list(asked, &[(what, n.clone())])),
        None => (format!("no {what}"), c.n, list(asked, &[("without", what.to_owned())])),
    };
    counts.iter().map(one).collect()
}

fn counts_chart(id: &'static str, title: &str, note: &str, what: &str, all: &[(String, usize, String)]) -> Chart {
    let rest: usize = all.iter().skip(BARS).map(|(_, n, _)| n).sum();
    let more = match all.len().saturating_sub(BARS) {
        0 => String::new(),
        others => format!(" {others} others have {rest} together; they are in the table."),
    };
    Chart {
        id,
        title: title.to_owned(),
        note: format!("{note}{more}"),
        svg: chart::bars(title, &most(all)),
        head: vec![what.to_owned(), "Incidents".to_owned()],
        rows: all
            .iter()
            .map(|(name, n, href)| vec![cell(name.clone()), link(*n, href.clone())])
            .collect(),
        wide: false,
    }
}

fn services(asked: &Asked, view: &View, catalogue: &Catalogue) -> Chart {
    let name = |alias: &str| catalogue.service(alias).map_or(alias.to_owned(), |s| s.name.clone());
    counts_chart(
        "services",
        "Which services have most of them?",
        "The first few usually have most; that is where work pays.",
        "Service",
        &named(asked, &view.services, "service", name),
    )
}

fn causes(asked: &Asked, view: &View) -> Option<Chart> {
    view.causes.iter().find(|c| c.name.is_some())?;
    Some(counts_chart(
        "causes",
        "What are the causes?",
        "As people answered the process's question for the cause.",
        "Cause",
        &named(asked, &view.causes, "cause", str::to_owned),
    ))
}

fn calendar(asked: &Asked, view: &View) -> Chart {
    let at = |n: usize| At(view.calendar_from.0 + i64::try_from(n).unwrap_or(0) * DAY_MS);
    let on = |at: At| asked.between("/insights/incidents", at, at.plus(DAY_MS), &[]);
    let days = view.calendar.iter().enumerate();
    let days: Vec<chart::Day> = days.map(|(n, count)| (day(at(n)), *count, on(at(n)))).collect();
    let mut months = Vec::new();
    for week in 0..days.len().div_ceil(7) {
        let (_, m, d) = at(week * 7).date();
        if week == 0 || d <= 7 {
            let name = usize::try_from(m - 1).ok().and_then(|m| MONTHS.get(m)).copied();
            months.push((week, name.unwrap_or_default().to_owned()));
        }
    }
    Chart {
        id: "calendar",
        title: "On which days?".to_owned(),
        note: "Each square is a day, each column a week; the stronger its colour, the more. At most the last year of the range."
            .to_owned(),
        svg: chart::calendar("Incidents of each day", &days, &months),
        head: vec!["Day".to_owned(), "Incidents".to_owned()],
        rows: days
            .iter()
            .filter(|(_, n, _)| *n > 0)
            .map(|(day, n, href)| vec![cell(day.clone()), link(*n, href.clone())])
            .collect(),
        wide: false,
    }
}

fn clock(asked: &Asked, view: &View) -> Chart {
    let href = |d: usize, h: usize| list(asked, &[("weekday", d.to_string()), ("hour", h.to_string())]);
    let mut head = vec!["Hour (UTC)".to_owned()];
    head.extend(DAYS.map(str::to_owned));
    let row = |h: usize| {
        let mut row = vec![cell(format!("{h:02}:00"))];
        row.extend((0..7).map(|d| link(view.clock[d][h], href(d, h))));
        row
    };
    Chart {
        id: "clock",
        title: "At which hours of the week?".to_owned(),
        note: "By the hour of the detection, in UTC.".to_owned(),
        svg: chart::clock("Incidents by weekday and hour", &view.clock, &href),
        head,
        rows: (0..24).map(row).collect(),
        wide: false,
    }
}

fn stays(asked: &Asked, view: &View, process: &Process) -> Option<Chart> {
    // In the order of the process: it is read as a way.
    let place = |id: &str| process.statuses.iter().position(|s| s.id == id);
    let mut all: Vec<_> = view.stays.iter().collect();
    all.sort_by_key(|s| place(&s.status).unwrap_or(usize::MAX));
    let label = |id: &str| process.status(id).map_or(id.to_owned(), |s| s.label.clone());
    let href = |id: &str| list(asked, &[("stood", id.to_owned())]);
    let bars: Vec<Bar> = all
        .iter()
        .map(|s| Bar {
            label: label(&s.status),
            note: format!("median {}", length(s.summary.p50)),
            value: s.total_s as usize,
            part: 0,
            sum: String::new(),
            href: Some(href(&s.status)),
        })
        .collect();
    (!all.is_empty()).then(|| Chart {
        id: "stays",
        title: "Where does the time go?".to_owned(),
        note: "The bars are all time together in each status that was left again, in the order of the process."
            .to_owned(),
        svg: chart::bars("Time in each status", &bars),
        head: ["Status", "Incidents", "Median", "Nine in ten within", "Together"]
            .map(str::to_owned)
            .to_vec(),
        rows: all
            .iter()
            .map(|s| {
                vec![
                    cell(label(&s.status)),
                    link(s.summary.n, href(&s.status)),
                    cell(length(s.summary.p50)),
                    cell(length(s.summary.p90)),
                    cell(length(s.total_s)),
                ]
            })
            .collect(),
        wide: false,
    })
}

fn loads(asked: &Asked, view: &View) -> Option<Chart> {
    let bars: Vec<Bar> = view
        .loads
        .iter()
        .take(BARS)
        .map(|l| Bar {
            label: l.name.clone(),
            note: match l.at_night {
                0 => l.asked.to_string(),
                n => format!("{}, {n} at night", l.asked),
            },
            value: l.asked,
            part: l.at_night,
            sum: String::new(),
            href: Some(list(asked, &[("asked", l.name.clone())])),
        })
        .collect();
    (!bars.is_empty()).then(|| Chart {
        id: "loads",
        title: "Who is asked?".to_owned(),
        note: "How many alerts asked each person, false alarms among them; the marked part at night, from 22:00 to 07:00 UTC. A name leads to those that were real.".to_owned(),
        svg: chart::bars("Alerts by the person who was asked", &bars),
        head: ["Person", "Asked", "At night"].map(str::to_owned).to_vec(),
        rows: view
            .loads
            .iter()
            .map(|l| vec![cell(l.name.clone()), cell(l.asked.to_string()), cell(l.at_night.to_string())])
            .collect(),
        wide: false,
    })
}

fn owed(asked: &Asked, view: &View) -> Option<Chart> {
    let name = |o: &Owed| match (o.from_days, o.until_days) {
        (0, Some(until)) => format!("less than {until} days"),
        (from, Some(until)) => format!("{from} to {} days", until - 1),
        (from, None) => format!("{from} days or more"),
    };
    let href = |o: &Owed| {
        let until = o.until_days.map(|d| d.to_string()).unwrap_or_default();
        list(asked, &[("owes", format!("{}-{until}", o.from_days))])
    };
    let bars: Vec<Bar> = view
        .owed
        .iter()
        .map(|o| Bar {
            label: name(o),
            note: match o.late {
                0 => o.n.to_string(),
                late => format!("{}, {late} late", o.n),
            },
            value: o.n,
            part: o.late,
            sum: String::new(),
            href: Some(href(o)),
        })
        .collect();
    view.owed.iter().any(|o| o.n > 0).then(|| Chart {
        id: "owed",
        title: "How old are the follow-ups that are not done?".to_owned(),
        note: "Of the incidents of this range, as of now; the marked part is past the day that was agreed. A bar leads to the incidents that owe them.".to_owned(),
        svg: chart::bars("Open follow-ups by their age", &bars),
        head: ["Age", "Follow-ups", "Past their day", "Incidents"].map(str::to_owned).to_vec(),
        rows: view
            .owed
            .iter()
            .map(|o| vec![cell(name(o)), cell(o.n.to_string()), cell(o.late.to_string()), link(o.incidents, href(o))])
            .collect(),
        wide: false,
    })
}

/// Teams in the order of their incidents, and apart from them those that have too few for a comparison.
pub fn teams(asked: &Asked, view: &View, catalogue: &Catalogue) -> (Vec<TeamRow>, Vec<TeamRow>) {
    let row = |g: &Group| {
        let alias = g.key.first().cloned().flatten();
        let name = alias.as_ref().map_or("No team".to_owned(), |a| {
            words::cut(&catalogue.team(a).map_or(a.clone(), |t| t.name.clone()), 60)
        });
        let own: Vec<(&str, String)> = alias.map(|a| ("team", a)).into_iter().collect();
        let with = |more: (&'static str, &str)| {
            let mut own = own.clone();
            own.push((more.0, more.1.to_owned()));
            list(asked, &own)
        };
        TeamRow {
            name,
            page: asked.address("/insights", &own),
            incidents: (g.incidents, list(asked, &own)),
            declined: (g.declined, with(("class", "declined"))),
            lengths: TEAM_LENGTHS
                .map(|m| match g.numbers[metric(m)].summary {
                    Some(s) => (length(s.p50), length(s.p90), s.n),
                    None => ("–".to_owned(), "–".to_owned(), 0),
                })
                .to_vec(),
        }
    };
    let named = view.teams.iter().filter(|g| g.key.first().is_some_and(Option::is_some));
    let (mut many, few): (Vec<&Group>, Vec<&Group>) = named.partition(|g| g.incidents >= RANKED);
    many.sort_by_key(|g| std::cmp::Reverse(g.incidents));
    (many.into_iter().map(row).collect(), few.into_iter().map(row).collect())
}
