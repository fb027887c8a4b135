//! Which rows a question is about, and what they have in common. Pages and the lists behind their numbers choose by the
//! same code, so that a number is always the length of its list.

use super::quick::QuickMap;
use super::table::{NOBODY, Table, UNKNOWN};
use super::{By, DAY_MS, PRIVATE_BLOCK, Question};
use crate::measure::{INVALID, PENDING};
use imp_core::metric::{Class, Metric};
use imp_core::{At, Catalogue};
use std::collections::HashMap;

/// Only incidents that have all of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// The team's alias.
    pub team: Option<String>,
    /// The service's alias.
    pub service: Option<String>,
    /// The service's tier.
    pub tier: Option<String>,
    /// The team's country.
    pub country: Option<String>,
    /// The team's brand.
    pub brand: Option<String>,
    /// The severity.
    pub severity: Option<String>,
    /// The cause.
    pub cause: Option<String>,
    /// Only those that were lived here (false) or brought in (true).
    pub back_filled: Option<bool>,
}

impl Filter {
    /// The texts, under their names.
    pub fn texts(&self) -> [(&'static str, &Option<String>); 7] {
        [
            ("team", &self.team),
            ("service", &self.service),
            ("tier", &self.tier),
            ("country", &self.country),
            ("brand", &self.brand),
            ("severity", &self.severity),
            ("cause", &self.cause),
        ]
    }

    /// Sets one by its name, as people write it.
    ///
    /// # Errors
    /// A sentence that says which there are.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let value = Some(value.to_owned()).filter(|v| !v.is_empty());
        match name {
            "team" => self.team = value,
            "service" => self.service = value,
            "tier" => self.tier = value,
            "country" => self.country = value,
            "brand" => self.brand = value,
            "severity" => self.severity = value,
            "cause" => self.cause = value,
            "origin" => {
                self.back_filled = match value.as_deref() {
                    None => None,
                    Some("lived") => Some(false),
                    Some("imported") => Some(true),
                    Some(_) => return Err("origin is lived or imported.".to_owned()),
                };
            }
            _ => {
                let all = Filter::default().texts().map(|(name, _)| name).join(", ");
                return Err(format!("a filter is one of {all}, origin; not {name:?}."));
            }
        }
        Ok(())
    }

    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        *self == Filter::default()
    }
}

/// A part of what a question is about: what stands behind one number of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slice {
    /// What they are to the numbers; incidents where it is left out.
    pub class: Option<Class>,
    /// Detected on this day of the week, Monday being 0.
    pub weekday: Option<u8>,
    /// Detected in this hour of the day, in UTC.
    pub hour: Option<u8>,
    /// By what became of a measurement.
    pub measured: Option<(usize, Became)>,
    /// Somebody of this name was asked.
    pub asked: Option<String>,
    /// They owe a follow-up whose age is at least so many milliseconds and less than that, at this time.
    pub owes: Option<(i64, i64, At)>,
    /// They were opened again.
    pub reopened: bool,
    /// They stood in this status, and have left it.
    pub stood: Option<String>,
    /// They were open at the end of this day; the range is then not looked at.
    pub open_at: Option<At>,
    /// They have no service.
    pub no_service: bool,
    /// They have no cause.
    pub no_cause: bool,
}

/// What became of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    /// Recorded, and at least so long and shorter than that, in milliseconds.
    Recorded(i64, i64),
    /// It may still come.
    Pending,
    /// It is not known and will not be.
    NotApplicable,
    /// The times run backwards.
    Invalid,
}

impl Became {
    /// Whether a stored length became this.
    pub fn fits(self, ms: i64) -> bool {
        match self {
            Became::Recorded(from, until) => ms >= 0 && ms >= from && ms < until,
            Became::Pending => ms == PENDING,
            Became::Invalid => ms == INVALID,
            Became::NotApplicable => ms < 0 && ms != PENDING && ms != INVALID,
        }
    }
}

/// Chooses rows of a table.
#[derive(Debug)]
pub struct Picker<'a> {
    table: &'a Table,
    question: &'a Question,
    country: Vec<u32>,
    brand: Vec<u32>,
    tier: Vec<u32>,
    words: Vec<String>,
    wanted: Vec<(By, Option<u32>)>,
}

/// The Monday of a day, both counted from 1970-01-01.
fn monday(day: i64) -> i64 {
    day - (day + 3).rem_euclid(7)
}

impl<'a> Picker<'a> {
    /// Makes ready for a question.
    pub fn new(table: &'a Table, question: &'a Question, catalogue: &Catalogue) -> Picker<'a> {
        let mut words = vec![String::new()];
        let mut known: HashMap<String, u32> = HashMap::new();
        let mut word = |text: &str| {
            *known.entry(text.to_owned()).or_insert_with(|| {
                words.push(text.to_owned());
                u32::try_from(words.len() - 1).unwrap_or(NOBODY)
            })
        };
        let mut tags = |name: &str| {
            let mut out = vec![NOBODY; table.names.len()];
            for team in &catalogue.teams {
                let tag = team.tags.iter().find(|(k, _)| k == name);
                if let (Some(n), Some((_, value))) = (table.names.find(&team.alias), tag) {
                    out[n as usize] = word(value);
                }
            }
            out
        };
        let (country, brand) = (tags("country"), tags("brand"));
        let mut tier = vec![NOBODY; table.names.len()];
        for service in &catalogue.services {
            if let (Some(n), Some(value)) = (table.names.find(&service.alias), &service.tier) {
                tier[n as usize] = word(value);
            }
        }
        let of_words = [By::Country, By::Brand, By::Tier];
        let wanted = question.filter.texts().into_iter().filter_map(|(name, text)| {
            let by = By::ALL.into_iter().find(|b| b.word() == name)?;
            let text = text.as_deref()?;
            let n = match of_words.contains(&by) {
                true => known.get(text).copied(),
                false => table.names.find(text),
            };
            Some((by, n.filter(|n| *n != NOBODY)))
        });
        let wanted = wanted.collect();
        Picker {
            table,
            question,
            country,
            brand,
            tier,
            words,
            wanted,
        }
    }

    fn number(&self, by: By, n: usize) -> u32 {
        let t = self.table;
        match by {
            By::Severity => t.severity[n],
            By::Service => t.service[n],
            By::Team => t.team[n],
            By::Cause => t.cause[n],
            By::Tier => self.tier[t.service[n] as usize],
            By::Country => self.country[t.team[n] as usize],
            By::Brand => self.brand[t.team[n] as usize],
            By::Month | By::Week | By::Day => NOBODY,
        }
    }

    /// By what a row is grouped, as a number; see [`Picker::word`].
    pub fn key(&self, by: By, row: u32) -> i64 {
        let at = self.table.at[row as usize];
        let day = at.div_euclid(DAY_MS);
        match by {
            By::Month if at != UNKNOWN => {
                let (y, m, _) = At(at).date();
                At::of_date(y, m, 1).0
            }
            By::Week if at != UNKNOWN => monday(day) * DAY_MS,
            By::Day if at != UNKNOWN => day * DAY_MS,
            By::Month | By::Week | By::Day => UNKNOWN,
            By::Team | By::Service | By::Severity | By::Country | By::Brand | By::Tier | By::Cause => {
                i64::from(self.number(by, row as usize))
            }
        }
    }

    /// What a key is called; none where it is not known.
    pub fn word(&self, by: By, key: i64) -> Option<String> {
        let date = |letters: usize| (key != UNKNOWN).then(|| At(key).rfc3339().chars().take(letters).collect());
        let n = usize::try_from(key).unwrap_or(0);
        match by {
            By::Month => date(7),
            By::Week | By::Day => date(10),
            By::Country | By::Brand | By::Tier => self.words.get(n).filter(|w| !w.is_empty()).cloned(),
            By::Team | By::Service | By::Severity | By::Cause => {
                let text = self.table.names.text(u32::try_from(n).unwrap_or(NOBODY));
                text.map(|t| t.to_string())
            }
        }
    }

    /// Tells rows apart by what they are grouped by: each part's key, and the part of each row.
    pub fn parts(&self, by: &[By], rows: &[u32]) -> (Vec<Vec<Option<String>>>, Vec<u32>) {
        let mut of = vec![0_u32; rows.len()];
        let mut keys: Vec<Vec<Option<String>>> = vec![Vec::new()];
        for by in by {
            // By the part so far and the number: two numbers may have the same word.
            let mut by_number: QuickMap<(u32, i64), u32> = QuickMap::default();
            let mut by_word: HashMap<(u32, Option<String>), u32> = HashMap::new();
            let mut next: Vec<Vec<Option<String>>> = Vec::new();
            for (row, of) in rows.iter().zip(&mut of) {
                let (part, number) = (*of, self.key(*by, *row));
                *of = *by_number.entry((part, number)).or_insert_with(|| {
                    let word = self.word(*by, number);
                    *by_word.entry((part, word.clone())).or_insert_with(|| {
                        let mut key = keys[part as usize].clone();
                        key.push(word);
                        next.push(key);
                        u32::try_from(next.len() - 1).unwrap_or(u32::MAX)
                    })
                });
            }
            keys = next;
        }
        (keys, of)
    }

    fn within(&self, at: i64) -> bool {
        let q = self.question;
        q.from.is_none_or(|from| at >= from.0) && q.until.is_none_or(|until| at < until.0 && at != UNKNOWN)
    }

    fn passes(&self, n: usize) -> bool {
        let origin = self.question.filter.back_filled;
        origin.is_none_or(|wanted| self.table.back_filled[n] == wanted)
            && self
                .wanted
                .iter()
                .all(|(by, wanted)| Some(self.number(*by, n)) == *wanted)
    }

    /// The rows of the question, of all classes and in the order of the table; no private ones.
    pub fn rows(&self) -> Vec<u32> {
        let t = self.table;
        let fits = |n: &usize| !t.private[*n] && self.within(t.at[*n]) && self.passes(*n);
        (0..t.len())
            .filter(fits)
            .filter_map(|n| u32::try_from(n).ok())
            .collect()
    }

    /// The rows that pass the filter, whatever their time; no private ones.
    pub fn ever(&self) -> impl Iterator<Item = u32> {
        let t = self.table;
        let fits = |n: &usize| !t.private[*n] && self.passes(*n);
        (0..t.len()).filter(fits).filter_map(|n| u32::try_from(n).ok())
    }

    /// The private incidents that may enter a total: blocks of neighbours, whole and finished. Which ones form a block
    /// depends on nothing that is asked, so whatever is subtracted from what, whole blocks remain. A filter would tell
    /// what all of a block have in common, so with one there are none.
    pub fn private(&self) -> Vec<u32> {
        if !self.question.filter.is_empty() {
            return Vec::new();
        }
        let t = self.table;
        let all = (0..t.len()).filter(|n| t.private[*n]);
        let mut all: Vec<u32> = all.filter_map(|n| u32::try_from(n).ok()).collect();
        all.sort_unstable_by_key(|n| t.refs[*n as usize]);
        let (blocks, _) = all.as_chunks::<PRIVATE_BLOCK>();
        let whole = |block: &&[u32; PRIVATE_BLOCK]| {
            let one = |n: &u32| t.finished[*n as usize] && self.within(t.at[*n as usize]);
            block.iter().all(one)
        };
        blocks.iter().filter(whole).flatten().copied().collect()
    }

    /// The rows behind one number.
    pub fn slice(&self, slice: &Slice) -> Vec<u32> {
        let t = self.table;
        let asked = slice.asked.as_deref().map(|name| t.names.find(name));
        let stood = slice.stood.as_deref().map(|name| t.names.find(name));
        let fits = |row: &u32| {
            let n = *row as usize;
            let at = t.at[n];
            t.class_of(*row) == slice.class.unwrap_or(Class::Incident)
                && slice.weekday.is_none_or(|d| at != UNKNOWN && weekday(at) == d)
                && slice.hour.is_none_or(|h| at != UNKNOWN && hour(at) == h)
                && slice.measured.is_none_or(|(m, became)| became.fits(t.lengths[m][n]))
                && asked.is_none_or(|who| t.calls[n].iter().any(|(name, _)| Some(*name) == who))
                && slice.owes.is_none_or(|(from_ms, until_ms, now)| {
                    let age = |since: &i64| now.0.saturating_sub(*since);
                    t.owed[n]
                        .iter()
                        .any(|(_, since)| (from_ms..until_ms).contains(&age(since)))
                })
                && stood.is_none_or(|s| s.is_some_and(|s| t.stays.stood(s, *row)))
                && (!slice.reopened || t.reopened[n] > 0)
                && (!slice.no_service || t.service[n] == NOBODY)
                && (!slice.no_cause || t.cause[n] == NOBODY)
        };
        match slice.open_at {
            Some(end) => {
                let open = |row: &u32| is_open_at(t, *row, end.0);
                self.ever().filter(open).filter(fits).collect()
            }
            None => self.rows().into_iter().filter(fits).collect(),
        }
    }
}

/// The day of the week in UTC, Monday being 0.
pub fn weekday(at: i64) -> u8 {
    u8::try_from((at.div_euclid(DAY_MS) + 3).rem_euclid(7)).unwrap_or(0)
}

/// The hour of the day in UTC.
pub fn hour(at: i64) -> u8 {
    u8::try_from(at.rem_euclid(DAY_MS) / 3_600_000).unwrap_or(0)
}

/// Whether an incident had begun and was not over just before a moment.
pub fn is_open_at(t: &Table, row: u32, end: i64) -> bool {
    let n = row as usize;
    let (at, over) = (t.at[n], t.over[n]);
    at != UNKNOWN && at < end && (over == UNKNOWN || over >= end)
}

/// Reads what a part of a page's address says of a measurement: its name, and `pending`, `invalid`, `unknown`, or nothing.
pub fn measured(name: &str, became: &str, from_ms: Option<i64>, until_ms: Option<i64>) -> Option<(usize, Became)> {
    let (n, _) = Metric::named(name)?;
    let became = match became {
        "pending" => Became::Pending,
        "invalid" => Became::Invalid,
        "unknown" => Became::NotApplicable,
        "" | "recorded" => Became::Recorded(from_ms.unwrap_or(0), until_ms.unwrap_or(i64::MAX)),
        _ => return None,
    };
    Some((n, became))
}
