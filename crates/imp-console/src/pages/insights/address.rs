//! What an address of the numbers says: which range, which incidents, and which part of them.

use imp_core::At;
use imp_core::metric::{Class, METRICS};
use imp_engine::insights::{self, Became, DAY_MS, Question, Slice};
use serde::Deserialize;

/// Days that a page shows where nothing is said.
const USUAL_DAYS: i64 = 90;
/// The longest range in days: ten years.
const DAYS_MAX: i64 = 3653;
/// Ranges that are offered, in days.
pub const RANGES: [(i64, &str); 5] = [
    (7, "7 days"),
    (30, "30 days"),
    (90, "90 days"),
    (182, "6 months"),
    (365, "12 months"),
];

/// The words of an address, as they came.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Words {
    from: String,
    to: String,
    days: String,
    team: String,
    service: String,
    tier: String,
    country: String,
    brand: String,
    severity: String,
    cause: String,
    origin: String,
    compare: String,
    class: String,
    weekday: String,
    hour: String,
    metric: String,
    became: String,
    least_s: String,
    below_s: String,
    asked: String,
    reopened: String,
    stood: String,
    open_at: String,
    owes: String,
    without: String,
}

/// What they mean.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Range and filter.
    pub question: Question,
    /// The part of it.
    pub slice: Slice,
    /// Whether the period before is looked at too.
    pub compare: bool,
    /// The preset that the range is, in days.
    pub days: Option<i64>,
}

fn some(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|t| !t.is_empty())
}

/// A word of an address with everything hidden that has a meaning there.
pub fn part(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b if b.is_ascii_alphanumeric() || b"-_.".contains(&b) => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect()
}

/// Ages in days as an address writes them, `7-30` or `90-`, in milliseconds, and from when they are counted.
fn ages(text: &str, now: At) -> Option<(i64, i64, At)> {
    let days = |t: &str| t.parse::<i64>().ok().filter(|d| (0..=DAYS_MAX).contains(d));
    let (from, until) = text.split_once('-')?;
    let until = match until {
        "" => i64::MAX,
        until => days(until)? * DAY_MS,
    };
    Some((days(from)? * DAY_MS, until, now))
}

/// A day as an address and people write it.
pub fn day(at: At) -> String {
    at.rfc3339().chars().take(10).collect()
}

impl Words {
    /// Reads them.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what is allowed.
    pub fn read(&self, now: At) -> Result<Asked, String> {
        let today = At(now.0.div_euclid(DAY_MS) * DAY_MS);
        let tomorrow = today.plus(DAY_MS);
        let mut question = Question::read(Some(&self.from), Some(&self.to), None)?;
        question.by.clear();
        let given = some(&self.days)
            .map(|d| d.parse::<i64>().ok().filter(|d| (1..=DAYS_MAX).contains(d)))
            .map(|d| d.ok_or(format!("days is a number from 1 to {DAYS_MAX}.")));
        let given = given.transpose()?;
        let days = match (question.from, question.until) {
            (None, None) => {
                let days = given.unwrap_or(USUAL_DAYS);
                question.from = Some(tomorrow.plus(-days * DAY_MS));
                question.until = Some(tomorrow);
                Some(days)
            }
            (Some(from), None) => {
                question.until = Some(tomorrow.max(from.plus(DAY_MS)));
                None
            }
            (None, Some(until)) => {
                question.from = Some(until.plus(-given.unwrap_or(USUAL_DAYS) * DAY_MS));
                None
            }
            (Some(_), Some(_)) => None,
        };
        if let (Some(from), Some(until)) = (question.from, question.until)
            && until.since(from) > DAYS_MAX * DAY_MS
        {
            return Err("A range is at most ten years long.".to_owned());
        }
        for (name, value) in self.filters() {
            question.filter.set(name, value.trim())?;
        }
        Ok(Asked {
            question,
            slice: self.slice(now)?,
            compare: self.compare != "none",
            days,
        })
    }

    fn filters(&self) -> [(&'static str, &String); 8] {
        [
            ("team", &self.team),
            ("service", &self.service),
            ("tier", &self.tier),
            ("country", &self.country),
            ("brand", &self.brand),
            ("severity", &self.severity),
            ("cause", &self.cause),
            ("origin", &self.origin),
        ]
    }

    fn slice(&self, now: At) -> Result<Slice, String> {
        let number = |name: &str, text: &str, most: i64| match some(text) {
            None => Ok(None),
            Some(t) => t
                .parse::<i64>()
                .ok()
                .filter(|n| (0..=most).contains(n))
                .map(Some)
                .ok_or_else(|| format!("{name} is a number from 0 to {most}.")),
        };
        let small = |n: Option<i64>| n.and_then(|n| u8::try_from(n).ok());
        let most = i64::MAX / 1000;
        let (least, below) = (
            number("least_s", &self.least_s, most)?,
            number("below_s", &self.below_s, most)?,
        );
        let measured = match some(&self.metric) {
            None => None,
            Some(name) => {
                let read = insights::measured(&name, &self.became, least.map(|s| s * 1000), below.map(|s| s * 1000));
                let names: Vec<&str> = METRICS.iter().map(|m| m.name).collect();
                Some(read.ok_or_else(|| {
                    format!(
                        "metric is one of {}, and became one of recorded, pending, unknown, invalid.",
                        names.join(", ")
                    )
                })?)
            }
        };
        Ok(Slice {
            class: match self.class.as_str() {
                "" | "incident" => None,
                "declined" => Some(Class::Declined),
                "merged" => Some(Class::Merged),
                "triage" => Some(Class::Triage),
                "test" => Some(Class::Test),
                _ => return Err("class is incident, declined, merged, triage or test.".to_owned()),
            },
            weekday: small(number("weekday", &self.weekday, 6)?),
            hour: small(number("hour", &self.hour, 23)?),
            measured,
            asked: some(&self.asked),
            reopened: !self.reopened.is_empty(),
            stood: some(&self.stood),
            open_at: match some(&self.open_at) {
                None => None,
                Some(day) => Question::read(None, Some(&day), None)?.until,
            },
            owes: match some(&self.owes) {
                None => None,
                Some(text) => Some(ages(&text, now).ok_or("owes is an age in days, such as 7-30 or 90-.")?),
            },
            no_service: self.without == "service",
            no_cause: self.without == "cause",
        })
    }
}

impl Asked {
    /// The range.
    pub fn range(&self) -> (At, At) {
        (
            self.question.from.unwrap_or_default(),
            self.question.until.unwrap_or_default(),
        )
    }

    /// The address of the same incidents under `path`, with the range as dates, and with `more`.
    pub fn address(&self, path: &str, more: &[(&str, String)]) -> String {
        let (from, until) = self.range();
        self.between(path, from, until, more)
    }

    /// The same over another range.
    pub fn between(&self, path: &str, from: At, until: At, more: &[(&str, String)]) -> String {
        let mut words = vec![("from", day(from)), ("to", day(until.plus(-1)))];
        let filter = &self.question.filter;
        for (name, text) in filter.texts() {
            if let Some(text) = text.as_ref().filter(|_| more.iter().all(|(n, _)| *n != name)) {
                words.push((name, text.clone()));
            }
        }
        if let Some(brought) = filter.back_filled {
            words.push(("origin", if brought { "imported" } else { "lived" }.to_owned()));
        }
        words.extend(more.iter().cloned());
        let words: Vec<String> = words.iter().map(|(n, t)| format!("{n}={}", part(t))).collect();
        format!("{path}?{}", words.join("&"))
    }

    /// The same over a preset range.
    pub fn preset(&self, days: i64) -> String {
        let mut words = vec![format!("days={days}")];
        for (name, text) in self.question.filter.texts() {
            words.extend(text.as_ref().map(|t| format!("{name}={}", part(t))));
        }
        format!("/insights?{}", words.join("&"))
    }

    /// In words: which incidents these are.
    pub fn words(&self) -> Vec<String> {
        let (from, until) = self.range();
        let s = &self.slice;
        let mut out = Vec::new();
        match s.open_at {
            Some(end) => out.push(format!("open at the end of {}", day(end.plus(-1)))),
            None => out.push(format!("from {} to {}", day(from), day(until.plus(-1)))),
        }
        for (name, text) in self.question.filter.texts() {
            out.extend(text.as_ref().map(|t| format!("{name} {t}")));
        }
        match self.question.filter.back_filled {
            Some(true) => out.push("imported".to_owned()),
            Some(false) => out.push("lived through here".to_owned()),
            None => {}
        }
        let days = [
            "Mondays",
            "Tuesdays",
            "Wednesdays",
            "Thursdays",
            "Fridays",
            "Saturdays",
            "Sundays",
        ];
        if let Some(day) = s.weekday.and_then(|d| days.get(usize::from(d))) {
            out.push(format!("on {day}"));
        }
        if let Some(hour) = s.hour {
            out.push(format!("detected between {hour:02}:00 and {hour:02}:59 UTC"));
        }
        if let Some((m, became)) = s.measured {
            let label = METRICS[m].label;
            out.push(match became {
                Became::Recorded(0, i64::MAX) => format!("{label} recorded"),
                Became::Recorded(from, i64::MAX) => {
                    format!("{label} {} or longer", crate::chart::length(from as f64 / 1000.0))
                }
                Became::Recorded(from, until) => format!(
                    "{label} from {} to less than {}",
                    crate::chart::length(from as f64 / 1000.0),
                    crate::chart::length(until as f64 / 1000.0)
                ),
                Became::Pending => format!("{label} may still come"),
                Became::NotApplicable => format!("{label} not known"),
                Became::Invalid => format!("{label} runs backwards"),
            });
        }
        out.extend(s.asked.as_ref().map(|who| format!("{who} was asked")));
        out.extend(s.stood.as_ref().map(|status| format!("stood in {status}")));
        out.extend(s.owes.map(|(from, until, _)| match until {
            i64::MAX => format!("owe a follow-up of {} days or more", from / DAY_MS),
            until => format!("owe a follow-up of {} to {} days", from / DAY_MS, until / DAY_MS),
        }));
        out.extend(s.reopened.then(|| "opened again".to_owned()));
        out.extend(s.no_service.then(|| "without a service".to_owned()));
        out.extend(s.no_cause.then(|| "without a cause".to_owned()));
        out
    }
}
