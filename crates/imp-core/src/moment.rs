//! Points in time and lengths of time, handed in from outside and never read from a clock here.

use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct At(pub i64);

impl At {
    /// This point, later by `ms` milliseconds.
    pub fn plus(self, ms: i64) -> At {
        At(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to here; negative where it lies later.
    pub fn since(self, earlier: At) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// RFC 3339 in UTC with milliseconds: `2026-11-22T03:00:00.000Z`.
    pub fn rfc3339(self) -> String {
        let (y, m, d) = civil(self.0.div_euclid(DAY_MS));
        let t = self.0.rem_euclid(DAY_MS);
        format!(
            "{y:04}-{m:02}-{d:02}T{:02}:{:02}:{:02}.{:03}Z",
            t / 3_600_000,
            t / 60_000 % 60,
            t / 1000 % 60,
            t % 1000
        )
    }

    /// The day in UTC as `20261122`, for names of channels.
    pub fn day(self) -> String {
        let (y, m, d) = civil(self.0.div_euclid(DAY_MS));
        format!("{y:04}{m:02}{d:02}")
    }

    /// Year, month and day in UTC.
    pub fn date(self) -> (i64, i64, i64) {
        civil(self.0.div_euclid(DAY_MS))
    }

    /// The beginning of a day in UTC; months beyond the twelfth are those of the next year.
    pub fn of_date(year: i64, month: i64, day: i64) -> At {
        let (year, month) = (year + (month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1);
        At(days(year, month, day) * DAY_MS)
    }

    /// Reads RFC 3339 (`2026-11-22T03:00:00Z`, with fractions and offsets); `None` where the text is not that.
    pub fn parse(text: &str) -> Option<At> {
        let b = text.as_bytes();
        if !text.is_ascii() || b.len() < 20 || b[4] != b'-' || b[7] != b'-' || !matches!(b[10], b'T' | b't' | b' ') {
            return None;
        }
        let n = |r: std::ops::Range<usize>| text.get(r).and_then(|s| s.parse::<i64>().ok());
        let (y, mo, d) = (n(0..4)?, n(5..7)?, n(8..10)?);
        let (h, mi, s) = (n(11..13)?, n(14..16)?, n(17..19)?);
        if !(1..=12).contains(&mo)
            || d < 1
            || civil(days(y, mo, d)) != (y, mo, d)
            || h > 23
            || mi > 59
            || s > 60
            || b[13] != b':'
        {
            return None;
        }
        let mut rest = &text[19..];
        let mut ms = 0;
        if let Some(frac) = rest.strip_prefix('.') {
            let digits = frac.bytes().take_while(u8::is_ascii_digit).count();
            let mut scale = 100;
            for c in frac.bytes().take(digits.min(3)) {
                ms += i64::from(c - b'0') * scale;
                scale /= 10;
            }
            rest = &frac[digits..];
        }
        let offset = match rest {
            "Z" | "z" => 0,
            o if o.len() == 6 && o.starts_with(['+', '-']) && o.as_bytes()[3] == b':' => {
                let sign = if o.starts_with('-') { -1 } else { 1 };
                let digits: String = o[1..].chars().filter(char::is_ascii_digit).collect();
                sign * (digits.get(0..2)?.parse::<i64>().ok()? * 60 + digits.get(2..4)?.parse::<i64>().ok()?)
            }
            _ => return None,
        };
        Some(At(days(y, mo, d) * DAY_MS
            + h * 3_600_000
            + (mi - offset) * 60_000
            + s * 1000
            + ms))
    }
}

const DAY_MS: i64 = 86_400_000;

/// Year, month and day of a day counted from 1970-01-01 (the proleptic Gregorian calendar).
fn civil(day: i64) -> (i64, i64, i64) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (
        yoe + era * 400 + i64::from(month <= 2),
        month,
        doy - (153 * mp + 2) / 5 + 1,
    )
}

/// The day counted from 1970-01-01 of a calendar date.
fn days(y: i64, m: i64, d: i64) -> i64 {
    let y = if m <= 2 { y - 1 } else { y };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (if m > 2 { m - 3 } else { m + 9 }) + 2) / 5 + d - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// A length of time in milliseconds, written `90s`, `10m`, `4h`, `7d` in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub i64);

impl TryFrom<String> for Span {
    type Error = String;
    fn try_from(s: String) -> Result<Self, String> {
        let unit = match s.chars().last() {
            Some('s') => 1000,
            Some('m') => 60_000,
            Some('h') => 3_600_000,
            Some('d') => DAY_MS,
            _ => return Err(format!("{s:?} is not a length of time; write 90s, 10m, 4h or 7d")),
        };
        let n: i64 = s[..s.len() - 1]
            .parse()
            .map_err(|_| format!("{s:?} is not a length of time; write 90s, 10m, 4h or 7d"))?;
        n.checked_mul(unit)
            .filter(|ms| *ms >= 0)
            .map(Span)
            .ok_or_else(|| format!("{s:?} is out of range"))
    }
}

impl From<Span> for String {
    fn from(s: Span) -> String {
        match s.0 {
            n if n % DAY_MS == 0 && n > 0 => format!("{}d", n / DAY_MS),
            n if n % 3_600_000 == 0 && n > 0 => format!("{}h", n / 3_600_000),
            n if n % 60_000 == 0 && n > 0 => format!("{}m", n / 60_000),
            n => format!("{}s", n / 1000),
        }
    }
}

impl Span {
    /// In words: `7 days`, `10 minutes`.
    pub fn words(self) -> String {
        let (n, unit) = match self.0 {
            n if n >= DAY_MS => (n / DAY_MS, "day"),
            n if n >= 3_600_000 => (n / 3_600_000, "hour"),
            n if n >= 60_000 => (n / 60_000, "minute"),
            n => (n / 1000, "second"),
        };
        format!("{n} {unit}{}", if n == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_back() {
        for text in [
            "2026-11-22T17:54:41.000Z",
            "2024-02-29T23:59:59.999Z",
            "1970-01-01T00:00:00.000Z",
        ] {
            assert_eq!(At::parse(text).map(At::rfc3339).as_deref(), Some(text));
        }
        assert_eq!(
            At::parse("2026-01-01T01:30:00+01:30").map(At::rfc3339).as_deref(),
            Some("2026-01-01T00:00:00.000Z")
        );
        for bad in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "२०२६-01-01T00:00:00Z",
        ] {
            assert_eq!(At::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn lengths_are_read_with_their_unit() {
        assert_eq!(Span::try_from("10m".to_owned()), Ok(Span(600_000)));
        assert!(Span::try_from("ten minutes".to_owned()).is_err());
        assert_eq!(Span(600_000).words(), "10 minutes");
        assert_eq!(Span(DAY_MS).words(), "1 day");
    }
}
