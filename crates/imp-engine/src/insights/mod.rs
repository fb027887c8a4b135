//! Numbers over many incidents: counted, grouped and summed up from the narrow rows alone.

pub(crate) mod halves;
pub mod leaf;
mod order;
pub mod people;
mod pick;
mod quick;
mod table;
pub mod view;

pub use order::{Came, Parts};
pub use pick::{Became, Filter, Picker, Slice, measured};
pub use table::{Table, UNKNOWN};

use crate::store::{Conn, Store, StoreError};
use imp_core::metric::{self, COUNT, Class, Summary};
use imp_core::{At, Catalogue, words};
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
#[derive(Debug, Clone, PartialEq, Default)]
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

/// Sums up each part of some rows, and hands over the lengths that it was made of; of measurements that are not kept
/// there are none.
pub fn sum_up(table: &Table, parts: Parts<'_>, keep: &[bool; COUNT]) -> (Vec<Group>, Vec<Came>) {
    let mut groups: Vec<Group> = (0..parts.n).map(|_| Group::default()).collect();
    let (mut rows, mut of) = (Vec::with_capacity(parts.rows.len()), Vec::with_capacity(parts.of.len()));
    for (row, part) in parts.rows.iter().zip(parts.of) {
        let (n, group) = (*row as usize, &mut groups[*part as usize]);
        match table.class_of(*row) {
            Class::Incident => {}
            Class::Declined => group.declined += 1,
            Class::Merged => group.merged += 1,
            Class::Triage => group.triage += 1,
            Class::Test => group.tests += 1,
        }
        if table.class_of(*row) != Class::Incident {
            continue;
        }
        rows.push(*row);
        of.push(*part);
        group.incidents += 1;
        group.back_filled += usize::from(table.back_filled[n]);
        group.reopened += usize::from(table.reopened[n] > 0);
        group.corrected += table.corrected[n] as usize;
        let (due, late) = table.updates[n];
        group.updates_due += due as usize;
        group.updates_late += late as usize;
    }
    let incidents = Parts {
        rows: &rows,
        of: &of,
        n: parts.n,
    };
    let came = order::came(table, incidents, keep);
    for (m, came) in came.iter().enumerate() {
        for (part, group) in groups.iter_mut().enumerate() {
            group.numbers[m] = Number {
                summary: metric::summary_of_sorted(&came.sorted[part]),
                pending: came.pending[part],
                invalid: came.invalid[part],
            };
        }
    }
    (groups, came)
}

/// All of some rows as one group, and their sorted lengths.
pub fn whole(table: &Table, rows: &[u32]) -> (Group, Vec<Vec<i64>>) {
    let parts = Parts {
        rows,
        of: &vec![0; rows.len()],
        n: 1,
    };
    let (groups, came) = sum_up(table, parts, &[true; COUNT]);
    let lengths = came.into_iter().flat_map(|came| came.sorted).collect();
    (groups.into_iter().next().unwrap_or_default(), lengths)
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
    let mut rows = picker.rows();
    let (keys, of) = picker.parts(&question.by, &rows);
    let parts = Parts {
        rows: &rows,
        of: &of,
        n: keys.len(),
    };
    let (mut groups, _) = sum_up(table, parts, &[true; COUNT]);
    groups.iter_mut().zip(keys).for_each(|(group, key)| group.key = key);
    // What has no key comes last, and the others in their order.
    let place = |g: &Group| g.key.iter().map(|k| (k.is_none(), k.clone())).collect::<Vec<_>>();
    groups.sort_by_cached_key(place);
    let private = picker.private();
    rows.extend(&private);
    Report {
        groups,
        total: whole(table, &rows).0,
        private: private.len(),
    }
}
