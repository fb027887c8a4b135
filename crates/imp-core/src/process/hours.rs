//! Working hours and holidays by country, and time zones: when it is day for the people whom a reminder would reach. Pure:
//! the zones' rules are compiled in, nothing asks the machine.

use crate::At;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// Days that are looked through for one on which somebody works: more than a year of holidays is a slip of the pen.
const LOOK_AHEAD_DAYS: i64 = 400;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone by its name: `Europe/Lisbon`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(name: String) -> Result<Zone, String> {
        match ZONES.get(name.trim()) {
            Ok(zone) => Ok(Zone {
                name: name.trim().to_owned(),
                zone,
            }),
            Err(_) => Err(format!(
                "there is no time zone {name:?}; write for example \"Europe/Lisbon\""
            )),
        }
    }
}

impl From<Zone> for String {
    fn from(z: Zone) -> String {
        z.name
    }
}

impl Zone {
    /// The moment at which it is this time of this day there. A time that a clock change leaves out is the one an hour
    /// later; of one that comes twice it is the first.
    pub(super) fn at(&self, day: Date, time: Time) -> Option<At> {
        let there = day.to_datetime(time).to_zoned(self.zone.clone()).ok()?;
        Some(At(there.timestamp().as_millisecond()))
    }

    /// The day and the time there.
    pub(super) fn civil(&self, at: At) -> Option<(Date, Time)> {
        let stamp = jiff::Timestamp::from_millisecond(at.0).ok()?;
        let there = stamp.to_zoned(self.zone.clone());
        Some((there.date(), there.time()))
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All that are known, for whoever misspelt one.
    pub(super) fn names() -> Vec<String> {
        ZONES.available().map(|z| z.as_str().to_owned()).collect()
    }
}

/// A time of day: `09:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Clock(pub(super) Time);

impl TryFrom<String> for Clock {
    type Error = String;

    fn try_from(text: String) -> Result<Clock, String> {
        let read = || {
            let (h, m) = text.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2)?;
            Time::new(h.parse().ok()?, m.parse().ok()?, 0, 0).ok()
        };
        read()
            .map(Clock)
            .ok_or_else(|| format!("{text:?} is no time of day; write it as \"09:00\""))
    }
}

impl From<Clock> for String {
    fn from(c: Clock) -> String {
        format!("{:02}:{:02}", c.0.hour(), c.0.minute())
    }
}

/// A day on which nobody works: `2026-12-24`, or each year on `12-25`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Holiday {
    /// On one day.
    Once(Date),
    /// Every year: month and day.
    Yearly(i8, i8),
}

impl TryFrom<String> for Holiday {
    type Error = String;

    fn try_from(text: String) -> Result<Holiday, String> {
        let date = |text: &str| match text.len() {
            10 => text.parse::<Date>().ok(),
            _ => None,
        };
        // A leap year has every day that any year has.
        let yearly = |text: &str| match text.len() {
            5 => date(&format!("2024-{text}")),
            _ => None,
        };
        date(&text)
            .map(Holiday::Once)
            .or_else(|| yearly(&text).map(|d| Holiday::Yearly(d.month(), d.day())))
            .ok_or_else(|| format!("{text:?} is no day; write \"2026-12-24\", or \"12-25\" for every year"))
    }
}

impl From<Holiday> for String {
    fn from(h: Holiday) -> String {
        match h {
            Holiday::Once(d) => d.to_string(),
            Holiday::Yearly(month, day) => format!("{month:02}-{day:02}"),
        }
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Day {
    pub(super) fn of(day: Weekday) -> Day {
        match day {
            Weekday::Monday => Day::Mon,
            Weekday::Tuesday => Day::Tue,
            Weekday::Wednesday => Day::Wed,
            Weekday::Thursday => Day::Thu,
            Weekday::Friday => Day::Fri,
            Weekday::Saturday => Day::Sat,
            Weekday::Sunday => Day::Sun,
        }
    }
}

/// When people of a country work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// The country, as teams' tag `country` has it; none: all that have no hours of their own.
    #[serde(default)]
    pub country: Option<String>,
    /// Where it is that time.
    pub zone: Zone,
    /// On which days.
    pub days: Vec<Day>,
    /// From when.
    pub from: Clock,
    /// Until when.
    pub to: Clock,
    /// Days on which nobody works.
    #[serde(default)]
    pub holidays: Vec<Holiday>,
}

impl Hours {
    fn works_on(&self, day: Date) -> bool {
        let off = |h: &Holiday| match h {
            Holiday::Once(d) => *d == day,
            Holiday::Yearly(month, d) => day.month() == *month && day.day() == *d,
        };
        self.days.contains(&Day::of(day.weekday())) && !self.holidays.iter().any(off)
    }

    /// The first moment from this one on at which people work; this one where they do, or where they never would.
    fn next(&self, at: At) -> At {
        let Some((mut day, _)) = self.zone.civil(at) else {
            return at;
        };
        for _ in 0..LOOK_AHEAD_DAYS {
            let bounds = (self.zone.at(day, self.from.0), self.zone.at(day, self.to.0));
            if let (true, (Some(from), Some(to))) = (self.works_on(day), bounds)
                && at < to
            {
                return at.max(from);
            }
            match day.tomorrow() {
                Ok(next) => day = next,
                Err(_) => return at,
            }
        }
        at
    }
}

/// The first moment from this one on at which people of a country work.
pub fn working(hours: &[Hours], country: Option<&str>, at: At) -> At {
    let own = hours.iter().find(|h| match (&h.country, country) {
        (Some(c), Some(here)) => c.eq_ignore_ascii_case(here),
        (Some(_), None) | (None, _) => false,
    });
    let any = || hours.iter().find(|h| h.country.is_none());
    own.or_else(any).map_or(at, |h| h.next(at))
}

/// Whether people of a country work at a moment. Where the process says no hours for them, only nights (from 22:00 to 07:00)
/// and weekends, in UTC, are their own.
pub fn is_working(hours: &[Hours], country: Option<&str>, at: At) -> bool {
    let said = hours.iter().any(|h| match (&h.country, country) {
        (Some(c), Some(here)) => c.eq_ignore_ascii_case(here),
        (None, _) => true,
        (Some(_), None) => false,
    });
    if said {
        return working(hours, country, at) == at;
    }
    let utc = jiff::Timestamp::from_millisecond(at.0).map(|t| t.to_zoned(TimeZone::UTC));
    let by_day = |d: Weekday| !matches!(d, Weekday::Saturday | Weekday::Sunday);
    utc.is_ok_and(|t| by_day(t.weekday()) && (7..22).contains(&t.hour()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(text: &str) -> Vec<Hours> {
        #[derive(Deserialize)]
        struct File {
            hours: Vec<Hours>,
        }
        toml::from_str::<File>(text).expect("hours").hours
    }

    const LISBON: &str = r#"
[[hours]]
country = "PT"
zone = "Europe/Lisbon"
days = ["mon", "tue", "wed", "thu", "fri"]
from = "09:00"
to = "18:00"
holidays = ["12-25", "2026-12-08"]
"#;

    #[test]
    fn who_is_at_work_hears_it_at_once_and_who_is_not_when_they_come() {
        let pt = hours(LISBON);
        for (at, heard) in [
            ("2026-11-24T10:00:00Z", "2026-11-24T10:00:00.000Z"),
            ("2026-11-24T03:00:00Z", "2026-11-24T09:00:00.000Z"),
            ("2026-11-24T18:00:00Z", "2026-11-25T09:00:00.000Z"),
            // A Friday evening, and a Friday that is a holiday before a weekend.
            ("2026-11-27T20:00:00Z", "2026-11-30T09:00:00.000Z"),
            ("2026-12-25T10:00:00Z", "2026-12-28T09:00:00.000Z"),
            ("2026-12-07T20:00:00Z", "2026-12-09T09:00:00.000Z"),
        ] {
            let got = working(&pt, Some("pt"), At::parse(at).expect("a moment"));
            assert_eq!(got.rfc3339(), heard, "{at}");
        }
    }

    #[test]
    fn a_country_works_as_its_hours_say_and_by_day_where_nothing_is_said() {
        let works = |country, at: &str| is_working(&hours(LISBON), country, At::parse(at).expect("a moment"));
        assert!(works(Some("PT"), "2026-11-24T17:59:00Z") && !works(Some("PT"), "2026-11-24T18:00:00Z"));
        assert!(!works(Some("PT"), "2026-12-08T10:00:00Z"), "a holiday");
        assert!(works(Some("PL"), "2026-11-24T21:59:00Z") && !works(None, "2026-11-24T22:00:00Z"));
        assert!(!works(Some("PL"), "2026-11-28T12:00:00Z"), "a Saturday");
    }

    #[test]
    fn nine_oclock_is_nine_oclock_on_both_sides_of_a_clock_change() {
        let pt = hours(LISBON);
        // Clocks went back on Sunday 25 October 2026, and go forward on Sunday 28 March 2027.
        for (at, heard) in [
            ("2026-10-23T20:00:00Z", "2026-10-26T09:00:00.000Z"),
            ("2026-10-22T20:00:00Z", "2026-10-23T08:00:00.000Z"),
            ("2027-03-26T20:00:00Z", "2027-03-29T08:00:00.000Z"),
        ] {
            let got = working(&pt, Some("PT"), At::parse(at).expect("a moment"));
            assert_eq!(got.rfc3339(), heard, "{at}");
        }
        // Half past two does not exist on the day on which two becomes three; it is half past three then.
        let berlin = Zone::try_from("Europe/Berlin".to_owned()).expect("a zone");
        let gap = berlin.at("2027-03-28".parse().expect("a day"), Time::constant(2, 30, 0, 0));
        assert_eq!(gap.expect("a moment").rfc3339(), "2027-03-28T01:30:00.000Z");
    }

    #[test]
    fn a_country_without_hours_of_its_own_has_those_of_all_or_none() {
        let at = At::parse("2026-11-24T03:00:00Z").expect("a moment");
        assert_eq!(working(&hours(LISBON), Some("PL"), at), at);
        let all = hours(&LISBON.replacen("country = \"PT\"\n", "", 1));
        assert_eq!(working(&all, Some("PL"), at).rfc3339(), "2026-11-24T09:00:00.000Z");
        // Nobody ever works: it is heard at once rather than never.
        let never = hours(&LISBON.replacen("[\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]", "[]", 1));
        assert_eq!(working(&never, Some("PT"), at), at);
    }
}
