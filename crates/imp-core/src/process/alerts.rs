//! What an alert meets before anybody is asked: routes that say whose it is, maintenance windows in which nobody is
//! asked, and schedules that know who is on call where the catalogue does not. Pure, and right across clock changes.

use super::hours::{Clock, Day, Zone};
use crate::person::Who;
use crate::{Alert, At};
use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What alerts are meant: each of these labels has one of these values. `source`, `severity`, `service` and `title` are
/// what IMP read; anything else is a label. `*` stands for any letters, and the case does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Matching(pub BTreeMap<String, String>);

impl Matching {
    /// Whether an alert is meant.
    pub fn takes(&self, alert: &Alert) -> bool {
        self.0.iter().all(|(label, pattern)| {
            let any = |value: &str| pattern.split('|').any(|p| like(p.trim(), value));
            match label.as_str() {
                "source" => any(&alert.source),
                "severity" => any(alert.severity.as_deref().unwrap_or_default()),
                "title" => any(&alert.title),
                "service" => alert.service_hints.iter().any(|h| any(h)),
                other => alert.labels.iter().any(|(n, v)| n == other && any(v)),
            }
        })
    }
}

/// Whether a text is like a pattern, in which `*` stands for any letters; whatever the case.
fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// Whose an alert is, and how bad, where its labels alone do not say so. The first that takes it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// What people call it.
    pub id: String,
    /// Which alerts.
    #[serde(rename = "match", default)]
    pub matching: Matching,
    /// The service: an alias or name of the catalogue.
    #[serde(default)]
    pub service: Option<String>,
    /// The team, whosever the service is.
    #[serde(default)]
    pub team: Option<String>,
    /// How bad it is.
    #[serde(default)]
    pub severity: Option<String>,
    /// The maintenance window into which it falls while that is open.
    #[serde(default)]
    pub window: Option<String>,
}

/// A time in which alerts are written down and nobody is asked: once, or every week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// What people call it.
    pub id: String,
    /// Why, for whoever reads the timeline.
    pub reason: String,
    /// Which alerts, besides those that a route sends here.
    #[serde(rename = "match", default)]
    pub matching: Option<Matching>,
    /// Where it is that time.
    pub zone: Zone,
    /// Once, from this moment there: `2026-12-01T02:00`.
    #[serde(default)]
    pub begins: Option<Moment>,
    /// Once, until this moment there.
    #[serde(default)]
    pub ends: Option<Moment>,
    /// Every week, on these days.
    #[serde(default)]
    pub days: Vec<Day>,
    /// Every week, from this time of the day.
    #[serde(default)]
    pub from: Option<Clock>,
    /// Every week, until this time; where it is earlier than `from`, on the next day.
    #[serde(default)]
    pub to: Option<Clock>,
}

/// A day and a time somewhere: `2026-12-01T02:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment(pub(super) DateTime);

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Moment, String> {
        let read = || {
            let (day, time) = text.split_once(['T', ' '])?;
            let day: Date = Some(day).filter(|d| d.len() == 10)?.parse().ok()?;
            let time = Clock::try_from(time.to_owned()).ok()?;
            Some(Moment(day.to_datetime(time.0)))
        };
        read().ok_or_else(|| format!("{text:?} is no day with a time; write it as \"2026-12-01T02:00\""))
    }
}

impl From<Moment> for String {
    fn from(m: Moment) -> String {
        format!("{}T{}", m.0.date(), String::from(Clock(m.0.time())))
    }
}

impl Window {
    /// Until when it is open, where it is open at this moment.
    pub fn open_until(&self, at: At) -> Option<At> {
        if let (Some(begins), Some(ends)) = (self.begins, self.ends) {
            let there = |m: Moment| self.zone.at(m.0.date(), m.0.time());
            return Some(there(ends)?).filter(|end| there(begins).is_some_and(|b| b <= at) && at < *end);
        }
        let (from, to) = (self.from?, self.to?);
        let (today, _) = self.zone.civil(at)?;
        // One that goes over midnight began yesterday.
        [today.yesterday().ok(), Some(today)]
            .into_iter()
            .flatten()
            .find_map(|day| {
                let last = if to <= from { day.tomorrow().ok()? } else { day };
                let (begin, end) = (self.zone.at(day, from.0)?, self.zone.at(last, to.0)?);
                (self.days.contains(&Day::of(day.weekday())) && begin <= at && at < end).then_some(end)
            })
    }
}

/// Who takes turns at being on call where the catalogue knows nobody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// What people call it.
    pub id: String,
    /// Aliases of the teams for whose services it holds; empty: for all.
    #[serde(default)]
    pub teams: Vec<String>,
    /// Where it is that time.
    pub zone: Zone,
    /// E-mail addresses or Slack identifiers, in the order of their turns.
    pub people: Vec<String>,
    /// When the first one's first turn begins: `2026-11-02T09:00`.
    pub begins: Moment,
    /// How many days a turn lasts.
    pub turn_days: u32,
}

impl Schedule {
    /// Who is on call. Turns change at the same time of the day, whatever clocks do in between.
    pub fn on_call(&self, at: At) -> Option<Who> {
        let (day, time) = self.zone.civil(at)?;
        let first = self.begins.0;
        let mut days = i64::from(first.date().until(day).ok()?.get_days());
        if time < first.time() {
            days -= 1;
        }
        let turn = i64::from(self.turn_days.max(1));
        let people = i64::try_from(self.people.len()).ok().filter(|n| *n > 0)?;
        let n = usize::try_from(days.div_euclid(turn).rem_euclid(people)).ok()?;
        let who = self.people.get(n).filter(|_| days >= 0)?;
        Some(match who.contains('@') {
            true => Who::email(who.trim()),
            false => Who::slack(who.trim()),
        })
    }
}

impl super::Process {
    /// The route that takes an alert.
    pub fn route(&self, alert: &Alert) -> Option<&Route> {
        self.routes.iter().find(|r| r.matching.takes(alert))
    }

    /// The window into which an alert falls now, and until when that is open; of several the one that lasts longest.
    pub fn window(&self, alert: &Alert, at: At) -> Option<(&Window, At)> {
        let sent = self.route(alert).and_then(|r| r.window.as_deref());
        self.windows
            .iter()
            .filter(|w| sent == Some(w.id.as_str()) || w.matching.as_ref().is_some_and(|m| m.takes(alert)))
            .filter_map(|w| Some((w, w.open_until(at)?)))
            .max_by_key(|(_, until)| *until)
    }

    /// Who is on call for a team by the schedules, the first first.
    pub fn scheduled(&self, team: Option<&str>, at: At) -> impl Iterator<Item = Who> {
        let ours = move |s: &&Schedule| {
            let named = |t: &str| s.teams.iter().any(|x| x.eq_ignore_ascii_case(t));
            s.teams.is_empty() || team.is_some_and(named)
        };
        self.schedules.iter().filter(ours).filter_map(move |s| s.on_call(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        window: Vec<Window>,
        #[serde(default)]
        schedule: Vec<Schedule>,
    }

    fn at(text: &str) -> At {
        At::parse(text).expect("a moment")
    }

    #[test]
    fn patterns_take_what_they_look_like() {
        for (pattern, text, takes) in [
            ("staging", "Staging", true),
            ("pay*", "payments-api", true),
            ("*-api", "payments-api", true),
            ("p*s-*", "payments-api", true),
            ("*", "", true),
            ("pay", "payments-api", false),
            ("*api*x", "payments-api", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(like(pattern, text), takes, "{pattern} {text}");
        }
    }

    #[test]
    fn a_window_over_midnight_is_open_on_both_days_and_shorter_or_longer_when_clocks_change() {
        let file: File = toml::from_str(
            r#"
[[window]]
id = "backup"
reason = "Backup"
zone = "Europe/Lisbon"
days = ["sat"]
from = "23:00"
to = "04:00"
"#,
        )
        .expect("windows");
        let w = &file.window[0];
        let open = |t: &str| w.open_until(at(t)).map(|e| e.rfc3339());
        assert_eq!(open("2026-11-21T22:59:00Z"), None);
        assert_eq!(
            open("2026-11-21T23:00:00Z").as_deref(),
            Some("2026-11-22T04:00:00.000Z")
        );
        assert_eq!(
            open("2026-11-22T03:59:00Z").as_deref(),
            Some("2026-11-22T04:00:00.000Z")
        );
        assert_eq!(open("2026-11-22T04:00:00Z"), None);
        assert_eq!(open("2026-11-22T23:30:00Z"), None);
        // In the night to 25 October 2026 an hour comes twice: 23:00 there is 22:00 in UTC, and 04:00 is 04:00.
        assert_eq!(
            open("2026-10-24T22:00:00Z").as_deref(),
            Some("2026-10-25T04:00:00.000Z")
        );
        // In the night to 28 March 2027 one is left out.
        assert_eq!(
            open("2027-03-27T23:00:00Z").as_deref(),
            Some("2027-03-28T03:00:00.000Z")
        );
    }

    #[test]
    fn turns_change_at_nine_there_on_both_sides_of_a_clock_change() {
        let file: File = toml::from_str(
            r#"
[[schedule]]
id = "platform"
zone = "Europe/Lisbon"
people = ["ada@acme.com", "U2"]
begins = "2026-10-19T09:00"
turn_days = 7
"#,
        )
        .expect("schedules");
        let who = |t: &str| {
            let w = file.schedule[0].on_call(at(t));
            w.map(|w| w.label().to_owned())
        };
        assert_eq!(who("2026-10-19T07:59:00Z"), None, "before the first turn nobody is");
        assert_eq!(who("2026-10-19T08:00:00Z").as_deref(), Some("ada@acme.com"));
        // Clocks went back on the 25th: nine there is nine in UTC now.
        assert_eq!(who("2026-10-26T08:30:00Z").as_deref(), Some("ada@acme.com"));
        assert_eq!(who("2026-10-26T09:00:00Z").as_deref(), Some("U2"));
        assert_eq!(who("2026-11-02T09:00:00Z").as_deref(), Some("ada@acme.com"));
    }
}
