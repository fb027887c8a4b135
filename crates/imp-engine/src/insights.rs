//! Numbers over many incidents: counted, grouped and summed up from the narrow rows alone.

use crate::measure::INVALID;
use crate::store::{Conn, Row, StoreError, Val};
use imp_core::metric::{self, COUNT, Class, METRICS, Summary};
use imp_core::{At, Catalogue};
use std::collections::{BTreeMap, HashMap};

/// Private incidents enter a total in blocks of so many, so that no difference of two totals tells about fewer.
pub const PRIVATE_BLOCK: usize = 5;
/// The columns that everything is made of.
const COLUMNS: &str = "ref, at, class, finished, case when back_filled is null then 0 else 1 end, severity, service, team, detect_ms, acknowledge_ms, mitigate_ms, resolve_ms";
/// The first of the columns that hold lengths.
const FIRST_LENGTH: usize = 8;

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
    /// The month in UTC: `2026-11`.
    Month,
}

impl By {
    /// All of them.
    pub const ALL: [By; 7] = [
        By::Team,
        By::Service,
        By::Severity,
        By::Country,
        By::Brand,
        By::Tier,
        By::Month,
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
            By::Month => "month",
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
    /// Grouped by these.
    pub by: Vec<By>,
}

const DAY_MS: i64 = 86_400_000;

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
            at.map(Some).ok_or_else(|| {
                format!(
                    "{name} is a date such as 2026-11-22, not {:?}.",
                    imp_core::words::cut(&text, 40)
                )
            })
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
            by: Vec::new(),
        };
        let by = given(by).unwrap_or_else(|| By::Team.word().to_owned());
        for word in by.split(',').map(str::trim) {
            let one = By::ALL.into_iter().find(|b| b.word() == word).ok_or_else(|| {
                let all: Vec<&str> = By::ALL.iter().map(|b| b.word()).collect();
                format!(
                    "by is one or several, with commas, of {}; not {:?}.",
                    all.join(", "),
                    imp_core::words::cut(word, 40)
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
    /// False alarms, which are no incidents.
    pub declined: usize,
    /// Those that were merged into others, which count instead.
    pub merged: usize,
    /// Those of which nobody has said yet whether they are real.
    pub triage: usize,
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
}

#[derive(Debug, Default)]
struct Tally {
    classes: [usize; Class::ALL.len()],
    back_filled: usize,
    lengths: [Vec<i64>; COUNT],
    invalid: [usize; COUNT],
}

impl Tally {
    fn add(&mut self, row: &Row) {
        let class = usize::try_from(row.int(2)).unwrap_or(0).min(Class::ALL.len() - 1);
        self.classes[class] += 1;
        if Class::ALL[class] != Class::Incident {
            return;
        }
        self.back_filled += usize::from(row.int(4) != 0);
        for n in 0..METRICS.len() {
            match row.maybe_int(FIRST_LENGTH + n) {
                Some(INVALID) => self.invalid[n] += 1,
                Some(ms) => self.lengths[n].push(ms),
                None => {}
            }
        }
    }

    fn join(&mut self, other: &Tally) {
        self.back_filled += other.back_filled;
        (0..self.classes.len()).for_each(|n| self.classes[n] += other.classes[n]);
        for n in 0..COUNT {
            self.invalid[n] += other.invalid[n];
            self.lengths[n].extend(&other.lengths[n]);
        }
    }

    fn group(mut self, key: Vec<Option<String>>) -> Group {
        let count = |class: Class| {
            self.classes
                .iter()
                .zip(Class::ALL)
                .find(|(_, c)| *c == class)
                .map_or(0, |(n, _)| *n)
        };
        let (incidents, declined, merged, triage) = (
            count(Class::Incident),
            count(Class::Declined),
            count(Class::Merged),
            count(Class::Triage),
        );
        let mut numbers = [Number::default(); COUNT];
        for (n, number) in numbers.iter_mut().enumerate() {
            *number = Number {
                summary: metric::summary(&mut self.lengths[n]),
                invalid: self.invalid[n],
            };
        }
        Group {
            key,
            incidents,
            back_filled: self.back_filled,
            declined,
            merged,
            triage,
            numbers,
        }
    }
}

/// What the catalogue says of teams and services, at hand for a million rows.
struct Tags {
    country: HashMap<String, String>,
    brand: HashMap<String, String>,
    tier: HashMap<String, String>,
}

impl Tags {
    fn of(catalogue: &Catalogue) -> Tags {
        let tag = |name: &str| -> HashMap<String, String> {
            let of = |tags: &[(String, String)]| tags.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone());
            catalogue
                .teams
                .iter()
                .filter_map(|t| Some((t.alias.clone(), of(&t.tags)?)))
                .collect()
        };
        Tags {
            country: tag("country"),
            brand: tag("brand"),
            tier: catalogue
                .services
                .iter()
                .filter_map(|s| Some((s.alias.clone(), s.tier.clone()?)))
                .collect(),
        }
    }

    fn key(&self, by: By, row: &Row) -> Option<String> {
        match by {
            By::Severity => row.maybe(5).map(str::to_owned),
            By::Service => row.maybe(6).map(str::to_owned),
            By::Team => row.maybe(7).map(str::to_owned),
            By::Tier => self.tier.get(row.maybe(6)?).cloned(),
            By::Country => self.country.get(row.maybe(7)?).cloned(),
            By::Brand => self.brand.get(row.maybe(7)?).cloned(),
            By::Month => row.maybe_int(1).map(|at| At(at).rfc3339().chars().take(7).collect()),
        }
    }
}

/// Answers a question. Countries, brands and tiers are those of the catalogue as it is now.
///
/// # Errors
/// What the store says.
pub fn answer(conn: &mut dyn Conn, question: &Question, catalogue: &Catalogue) -> Result<Report, StoreError> {
    let tags = Tags::of(catalogue);
    let mut sql = format!("select {COLUMNS} from measure where private = 0");
    let mut args: Vec<Val> = Vec::new();
    for (bound, sign) in [(question.from, ">="), (question.until, "<")] {
        if let Some(at) = bound {
            args.push(at.0.into());
            sql.push_str(&format!(" and at {sign} ?{}", args.len()));
        }
    }
    let mut tallies: HashMap<Vec<Option<String>>, Tally> = HashMap::new();
    conn.each(&sql, &args, &mut |row| {
        let key: Vec<Option<String>> = question.by.iter().map(|by| tags.key(*by, &row)).collect();
        tallies.entry(key).or_default().add(&row);
        Ok(())
    })?;
    let mut total = private(conn, question)?;
    // What has no key comes last, and the others in their order.
    let mut sorted: BTreeMap<Vec<(bool, Option<String>)>, Tally> = BTreeMap::new();
    for (key, tally) in tallies {
        total.join(&tally);
        sorted.insert(key.into_iter().map(|k| (k.is_none(), k)).collect(), tally);
    }
    Ok(Report {
        groups: sorted
            .into_iter()
            .map(|(key, tally)| tally.group(key.into_iter().map(|(_, k)| k).collect()))
            .collect(),
        total: total.group(Vec::new()),
    })
}

/// The private incidents that may enter a total: blocks of neighbours, whole and finished. Which ones form a block depends
/// on nothing that is asked, so whatever is subtracted from what, whole blocks remain.
fn private(conn: &mut dyn Conn, question: &Question) -> Result<Tally, StoreError> {
    let rows = conn.rows(
        &format!("select {COLUMNS} from measure where private = 1 order by ref"),
        &[],
    )?;
    let within = |row: &Row| {
        let at = row.maybe_int(1);
        question.from.is_none_or(|from| at.is_some_and(|at| at >= from.0))
            && question.until.is_none_or(|until| at.is_some_and(|at| at < until.0))
    };
    let mut tally = Tally::default();
    let (blocks, _) = rows.as_chunks::<PRIVATE_BLOCK>();
    for block in blocks {
        if block.iter().all(|row| row.int(3) != 0 && within(row)) {
            block.iter().for_each(|row| tally.add(row));
        }
    }
    Ok(tally)
}
