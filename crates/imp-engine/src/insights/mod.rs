//! Numbers over many incidents: counted, grouped and summed up from the narrow rows alone.

pub mod people;
mod pick;
mod table;
pub mod view;

pub use pick::{Became, Filter, Picker, Slice, measured};
pub use table::{Table, UNKNOWN};

use crate::measure::{INVALID, PENDING};
use crate::store::{Conn, Store, StoreError};
use imp_core::metric::{self, COUNT, Class, Summary};
use imp_core::{At, Catalogue, words};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

/// Private incidents enter a total in blocks of so many, so that no difference of two totals tells about fewer.
pub const PRIVATE_BLOCK: usize = 5;

/// By what incidents are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The team's alias.
    Team,
    /// The service's alias.
    Service,
    /// The severity.
    Severity,
    /// The team's tag `country`.
    Country,
    /// The team's tag `brand`.
    Brand,
    /// The service's tier.
    Tier,
    /// The cause, as people wrote it.
    Cause,
    /// The month in UTC: `2026-11`.
    Month,
    /// The Monday of the week in UTC: `2026-11-23`.
    Week,
    /// The day in UTC: `2026-11-24`.
    Day,
}

impl By {
    /// All of them.
    pub const ALL: [By; 10] = [
        By::Team,
        By::Service,
        By::Severity,
        By::Country,
        By::Brand,
        By::Tier,
        By::Cause,
        By::Month,
        By::Week,
        By::Day,
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            By::Team => "team",
            By::Service => "service",
            By::Severity => "severity",
            By::Country => "country",
            By::Brand => "brand",
            By::Tier => "tier",
            By::Cause => "cause",
            By::Month => "month",
            By::Week => "week",
            By::Day => "day",
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// From this time on; none: from the beginning.
    pub from: Option<At>,
    /// Before this time; none: until now.
    pub until: Option<At>,
    /// Only these.
    pub filter: Filter,
    /// Grouped by these.
    pub by: Vec<By>,
}

/// A day.
pub const DAY_MS: i64 = 86_400_000;

impl Question {
    /// Reads a question as people ask it: dates that are both included, and words with commas between them.
    ///
    /// # Errors
    /// A sentence that says what is allowed.
    pub fn read(from: Option<&str>, to: Option<&str>, by: Option<&str>) -> Result<Question, String> {
        let given = |t: Option<&str>| t.map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
        let day = |name: &str, text: Option<&str>| -> Result<Option<At>, String> {
            let Some(text) = given(text) else { return Ok(None) };
            let at = (text.len() == 10)
                .then(|| At::parse(&format!("{text}T00:00:00Z")))
                .flatten();
            at.map(Some)
                .ok_or_else(|| format!("{name} is a date such as 2026-11-22, not {:?}.", words::cut(&text, 40)))
        };
        let (from, last) = (day("from", from)?, day("to", to)?);
        if let (Some(from), Some(last)) = (from, last)
            && last < from
        {
            return Err("to lies before from; both dates are included.".to_owned());
        }
        let mut out = Question {
            from,
            until: last.map(|at| at.plus(DAY_MS)),
            filter: Filter::default(),
            by: Vec::new(),
        };
        let by = given(by).unwrap_or_else(|| By::Team.word().to_owned());
        for word in by.split(',').map(str::trim) {
            let one = By::ALL.into_iter().find(|b| b.word() == word).ok_or_else(|| {
                let all: Vec<&str> = By::ALL.iter().map(|b| b.word()).collect();
                format!(
                    "by is one or several, with commas, of {}; not {:?}.",
                    all.join(", "),
                    words::cut(word, 40)
                )
            })?;
            if !out.by.contains(&one) {
                out.by.push(one);
            }
        }
        Ok(out)
    }
}

/// One measurement over a group.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Number {
    /// What its recorded lengths say; none where there are none.
    pub summary: Option<Summary>,
    /// How many may still come.
    pub pending: usize,
    /// How many were left out since their times run backwards.
    pub invalid: usize,
}

/// A group of incidents.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// What they have in common, one for each word of the question.
    pub key: Vec<Option<String>>,
    /// How many incidents.
    pub incidents: usize,
    /// How many of them were brought in from elsewhere.
    pub back_filled: usize,
    /// How many of them were opened again after they had been resolved.
    pub reopened: usize,
    /// How many times of theirs somebody put right.
    pub corrected: usize,
    /// False alarms, which are no incidents.
    pub declined: usize,
    /// Those that were merged into others, which count instead.
    pub merged: usize,
    /// Those of which nobody has said yet whether they are real.
    pub triage: usize,
    /// Drills and tests, which are no incidents.
    pub tests: usize,
    /// Updates that were due, over those that are over and whose severity asks for updates.
    pub updates_due: usize,
    /// How many of them were late.
    pub updates_late: usize,
    /// The measurements, in the order of `METRICS`.
    pub numbers: [Number; COUNT],
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The groups, by their keys; what has none comes last. Private incidents are in none of them.
    pub groups: Vec<Group>,
    /// All of them together, and the private ones as far as they may be told.
    pub total: Group,
    /// How many private ones are in the total.
    pub private: usize,
}

/// Counts and lengths while they are gathered.
#[derive(Debug)]
pub struct Tally {
    /// Whose lengths are gathered.
    keep: [bool; COUNT],
    classes: [usize; Class::ALL.len()],
    back_filled: usize,
    reopened: usize,
    corrected: usize,
    updates: (usize, usize),
    lengths: [Vec<i64>; COUNT],
    pending: [usize; COUNT],
    invalid: [usize; COUNT],
}

impl Default for Tally {
    fn default() -> Tally {
        Tally::keeping(&[true; COUNT])
    }
}

impl Tally {
    /// One that gathers the lengths of some measurements only.
    pub fn keeping(keep: &[bool; COUNT]) -> Tally {
        Tally {
            keep: *keep,
            classes: [0; Class::ALL.len()],
            back_filled: 0,
            reopened: 0,
            corrected: 0,
            updates: (0, 0),
            lengths: std::array::from_fn(|_| Vec::new()),
            pending: [0; COUNT],
            invalid: [0; COUNT],
        }
    }

    /// Takes in a row.
    pub fn add(&mut self, table: &Table, row: u32) {
        let n = row as usize;
        let class = usize::from(table.class[n]).min(Class::ALL.len() - 1);
        self.classes[class] += 1;
        if Class::ALL[class] != Class::Incident {
            return;
        }
        self.back_filled += usize::from(table.back_filled[n]);
        self.reopened += usize::from(table.reopened[n] > 0);
        self.corrected += table.corrected[n] as usize;
        let (due, late) = table.updates[n];
        self.updates.0 += due as usize;
        self.updates.1 += late as usize;
        for (m, column) in table.lengths.iter().enumerate() {
            match column[n] {
                INVALID => self.invalid[m] += 1,
                PENDING => self.pending[m] += 1,
                ms if ms >= 0 && self.keep[m] => self.lengths[m].push(ms),
                _ => {}
            }
        }
    }

    fn join(&mut self, other: &Tally) {
        self.back_filled += other.back_filled;
        self.reopened += other.reopened;
        self.corrected += other.corrected;
        self.updates.0 += other.updates.0;
        self.updates.1 += other.updates.1;
        (0..self.classes.len()).for_each(|n| self.classes[n] += other.classes[n]);
        for n in 0..COUNT {
            self.pending[n] += other.pending[n];
            self.invalid[n] += other.invalid[n];
            self.lengths[n].extend(&other.lengths[n]);
        }
    }

    /// Sums up.
    pub fn group(mut self, key: Vec<Option<String>>) -> Group {
        let count = |class: Class| {
            self.classes
                .iter()
                .zip(Class::ALL)
                .find(|(_, c)| *c == class)
                .map_or(0, |(n, _)| *n)
        };
        let (incidents, declined, merged, triage, tests) = (
            count(Class::Incident),
            count(Class::Declined),
            count(Class::Merged),
            count(Class::Triage),
            count(Class::Test),
        );
        let mut numbers = [Number::default(); COUNT];
        for (n, number) in numbers.iter_mut().enumerate() {
            *number = Number {
                summary: metric::summary(&mut self.lengths[n]),
                pending: self.pending[n],
                invalid: self.invalid[n],
            };
        }
        Group {
            key,
            incidents,
            back_filled: self.back_filled,
            reopened: self.reopened,
            corrected: self.corrected,
            declined,
            merged,
            triage,
            tests,
            updates_due: self.updates.0,
            updates_late: self.updates.1,
            numbers,
        }
    }
}

/// The rows at hand, for whoever asks often: kept current by asking the store for what is new.
#[derive(Debug, Clone, Default)]
pub struct Figures(Arc<RwLock<Table>>);

impl Figures {
    /// Looks at the rows as they are in the store now.
    ///
    /// # Errors
    /// What the store says.
    pub async fn look<T, F>(&self, store: &Store, look: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Table) -> T + Send + 'static,
    {
        let table = self.0.clone();
        store
            .read(move |conn| {
                let newest = Table::newest(conn)?;
                {
                    let kept = table.read().unwrap_or_else(PoisonError::into_inner);
                    if kept.stamp() >= newest {
                        return Ok(look(&kept));
                    }
                }
                let mut kept = table.write().unwrap_or_else(PoisonError::into_inner);
                kept.catch_up(conn)?;
                drop(kept);
                Ok(look(&table.read().unwrap_or_else(PoisonError::into_inner)))
            })
            .await
    }
}

/// Answers a question from the store itself. Countries, brands and tiers are those of the catalogue as it is now.
///
/// # Errors
/// What the store says.
pub fn answer(conn: &mut dyn Conn, question: &Question, catalogue: &Catalogue) -> Result<Report, StoreError> {
    let table = Table::of_range(conn, question.from, question.until)?;
    Ok(report(&table, question, catalogue))
}

/// Answers a question from rows at hand.
pub fn report(table: &Table, question: &Question, catalogue: &Catalogue) -> Report {
    let picker = Picker::new(table, question, catalogue);
    let mut tallies: HashMap<Vec<i64>, Tally> = HashMap::new();
    let mut total = Tally::default();
    let mut key: Vec<i64> = Vec::new();
    for row in picker.rows() {
        key.clear();
        key.extend(question.by.iter().map(|by| picker.key(*by, row)));
        match tallies.get_mut(&key) {
            Some(tally) => tally.add(table, row),
            None => tallies.entry(key.clone()).or_default().add(table, row),
        }
    }
    // What has no key comes last, and the others in their order.
    let mut sorted: BTreeMap<Vec<(bool, Option<String>)>, Tally> = BTreeMap::new();
    for (key, tally) in tallies {
        total.join(&tally);
        let words = key.iter().zip(&question.by).map(|(n, by)| picker.word(*by, *n));
        let words = words.map(|k| (k.is_none(), k)).collect();
        match sorted.entry(words) {
            Entry::Vacant(place) => drop(place.insert(tally)),
            Entry::Occupied(mut there) => there.get_mut().join(&tally),
        }
    }
    let private = picker.private();
    private.iter().for_each(|row| total.add(table, *row));
    Report {
        groups: sorted
            .into_iter()
            .map(|(key, tally)| tally.group(key.into_iter().map(|(_, k)| k).collect()))
            .collect(),
        total: total.group(Vec::new()),
        private: private.len(),
    }
}
