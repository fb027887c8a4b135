//! When digests are due, in the organisation's own time zone. Pure: the time is handed in.

use imp_core::At;
use imp_core::effect::Stretch;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A digest that could not be sent in time is still news for so long; later the next one is near.
const NEWS_FOR_MS: i64 = 24 * 3_600_000;

/// When digests are sent.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// By whose clock.
    pub zone: TimeZone,
    /// The day of the weekly one; none: there is none.
    pub weekly: Option<Weekday>,
    /// Whether there is one on the first of each month.
    pub monthly: bool,
    /// At which full hour.
    pub hour: i8,
}

/// What a digest looks back on: whole days, the first and the last included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// How long.
    pub stretch: Stretch,
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
}

/// The periods whose digests are due now and are still news. Asked again, it says the same, so that whoever remembers
/// which were ordered orders each once.
pub fn due(s: &Schedule, now: At) -> Vec<Period> {
    let Ok(stamp) = Timestamp::from_millisecond(now.0) else {
        return Vec::new();
    };
    let today = stamp.to_zoned(s.zone.clone()).date();
    let weekly = s.weekly.and_then(|day| {
        let back =
            (i32::from(today.weekday().to_monday_zero_offset()) - i32::from(day.to_monday_zero_offset())).rem_euclid(7);
        let sent = today.checked_sub(back.days()).ok()?;
        // The last whole week from Monday to Sunday, whichever day it is told on.
        let monday = sent
            .checked_sub(i32::from(sent.weekday().to_monday_zero_offset()).days())
            .ok()?;
        let period = Period {
            stretch: Stretch::Week,
            from: monday.checked_sub(7.days()).ok()?,
            to: monday.yesterday().ok()?,
        };
        is_news(s, sent, now).then_some(period)
    });
    let monthly = s.monthly.then(|| today.first_of_month()).and_then(|sent| {
        let to = sent.yesterday().ok()?;
        let period = Period {
            stretch: Stretch::Month,
            from: to.first_of_month(),
            to,
        };
        is_news(s, sent, now).then_some(period)
    });
    weekly.into_iter().chain(monthly).collect()
}

/// Whether the hour has come on the day of sending, and not long ago. An hour that a clock change leaves out comes when
/// the clock has gone on; one that it brings twice counts the first time.
fn is_news(s: &Schedule, sent: Date, now: At) -> bool {
    let Ok(hour) = sent.at(s.hour, 0, 0, 0).to_zoned(s.zone.clone()) else {
        return false;
    };
    let since = now.0 - hour.timestamp().as_millisecond();
    (0..NEWS_FOR_MS).contains(&since)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(zone: &str, hour: i8, now: &str) -> Vec<String> {
        let s = Schedule {
            zone: TimeZone::get(zone).expect("a zone"),
            weekly: Some(Weekday::Monday),
            monthly: true,
            hour,
        };
        let all = due(&s, At::parse(now).expect("a time"));
        all.iter()
            .map(|p| format!("{} {} {}", p.stretch.word(), p.from, p.to))
            .collect()
    }

    #[test]
    fn a_digest_is_due_from_its_hour_on_for_a_day() {
        let week = ["week 2026-11-16 2026-11-22"];
        assert!(told("Europe/Lisbon", 9, "2026-11-23T08:59:59Z").is_empty());
        assert_eq!(told("Europe/Lisbon", 9, "2026-11-23T09:00:00Z"), week);
        assert_eq!(told("Europe/Lisbon", 9, "2026-11-24T08:59:59Z"), week);
        assert!(told("Europe/Lisbon", 9, "2026-11-24T09:00:00Z").is_empty());
        // In Warsaw it is nine an hour earlier, and in Auckland it is Monday while it is Sunday here.
        assert_eq!(told("Europe/Warsaw", 9, "2026-11-23T08:00:00Z"), week);
        assert_eq!(told("Pacific/Auckland", 9, "2026-11-22T20:00:00Z"), week);
    }

    #[test]
    fn the_first_of_a_month_looks_back_on_the_month_before() {
        assert_eq!(told("UTC", 9, "2026-12-01T09:30:00Z"), ["month 2026-11-01 2026-11-30"]);
        // A leap day is a day of its month.
        assert_eq!(told("UTC", 9, "2028-03-01T10:00:00Z"), ["month 2028-02-01 2028-02-29"]);
        // A Monday that is the first of a month has both.
        let both = ["week 2027-01-25 2027-01-31", "month 2027-01-01 2027-01-31"];
        assert_eq!(told("UTC", 9, "2027-02-01T09:00:00Z"), both);
    }

    #[test]
    fn an_hour_that_the_clock_leaves_out_or_brings_twice_is_one_hour() {
        // In Lisbon the clock goes from one to two on 28 March 2027, a Sunday.
        let s = |hour| Schedule {
            zone: TimeZone::get("Europe/Lisbon").expect("a zone"),
            weekly: Some(Weekday::Sunday),
            monthly: false,
            hour,
        };
        let at = |t: &str| At::parse(t).expect("a time");
        assert!(due(&s(1), at("2027-03-28T00:59:59Z")).is_empty());
        assert_eq!(due(&s(1), at("2027-03-28T01:00:00Z")).len(), 1);
        // On a Sunday the last whole week is the one before.
        assert_eq!(due(&s(1), at("2027-03-28T01:00:00Z"))[0].to.to_string(), "2027-03-21");
        // And back from two to one on 31 October 2027: both ones tell the same period.
        let first = due(&s(1), at("2027-10-31T00:00:00Z"));
        assert_eq!((first.len(), &first), (1, &due(&s(1), at("2027-10-31T01:30:00Z"))));
    }
}
