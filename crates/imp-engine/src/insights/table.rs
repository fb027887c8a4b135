//! The narrow rows at hand, column by column, so that a question over a million incidents reads nothing from the store.

use super::leaf;
use super::order::Orders;
use super::quick::QuickMap;
use crate::measure::LENGTHS;
use crate::store::{Conn, Row, StoreError, Val};
use imp_core::metric::{COUNT, Class};
use imp_core::{At, Ref};
use std::collections::HashMap;
use std::sync::Arc;

/// A time that is not known.
pub const UNKNOWN: i64 = i64::MIN;
/// What stands where a text is missing; the first of the names.
pub const NOBODY: u32 = 0;
/// The columns before the lengths.
const COLUMNS: &str = "ref, at, over_at, class, finished, private, case when back_filled is null then 0 else 1 end, severity, service, team, cause, reopened, updates_due, updates_late, stays, calls, owed, corrected, stamp";
/// The first of the columns that hold lengths.
const FIRST_LENGTH: usize = 19;
/// A length that is not known, and will not be.
pub const MISSING: i64 = -3;

/// Texts, each kept once.
#[derive(Debug)]
pub struct Names {
    all: Vec<Arc<str>>,
    known: HashMap<Arc<str>, u32>,
}

impl Names {
    fn new() -> Names {
        let empty: Arc<str> = Arc::from("");
        Names {
            all: vec![empty.clone()],
            known: HashMap::from([(empty, NOBODY)]),
        }
    }

    pub(super) fn keep(&mut self, text: &str) -> u32 {
        if let Some(n) = self.known.get(text) {
            return *n;
        }
        let n = u32::try_from(self.all.len()).unwrap_or(NOBODY);
        let text: Arc<str> = Arc::from(text);
        self.all.push(text.clone());
        self.known.insert(text, n);
        n
    }

    /// The number of a text, if any row has it.
    pub fn find(&self, text: &str) -> Option<u32> {
        self.known.get(text).copied()
    }

    /// The text of a number; none of what is missing.
    pub fn text(&self, n: u32) -> Option<&Arc<str>> {
        self.all.get(n as usize).filter(|t| !t.is_empty())
    }

    /// All of them, by their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        self.all.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none but the empty one.
    pub fn is_empty(&self) -> bool {
        self.all.len() <= 1
    }
}

/// What happened at one row more than once: a name and a number each.
pub type Pairs = Box<[(u32, i64)]>;

/// How long rows stood in each status that they have left: a column for each status, as far as its last row.
#[derive(Debug, Default)]
pub struct Stays {
    status: Vec<u32>,
    ms: Vec<Vec<i64>>,
}

impl Stays {
    /// Each status and its column, in which [`MISSING`] stands for never.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[i64])> {
        self.status.iter().copied().zip(self.ms.iter().map(Vec::as_slice))
    }

    /// Whether a row stood in a status.
    pub fn stood(&self, status: u32, row: u32) -> bool {
        let mut its = self.iter().filter(|(s, _)| *s == status);
        its.any(|(_, ms)| ms.get(row as usize).is_some_and(|ms| *ms != MISSING))
    }

    fn column(&mut self, status: u32) -> &mut Vec<i64> {
        let place = self.status.iter().position(|s| *s == status);
        let place = place.unwrap_or_else(|| {
            self.status.push(status);
            self.ms.push(Vec::new());
            self.ms.len() - 1
        });
        &mut self.ms[place]
    }

    /// A whole column.
    pub(super) fn put(&mut self, status: u32, column: Vec<i64>) {
        *self.column(status) = column;
    }

    fn lay(&mut self, place: usize, stays: &Pairs) {
        let old = self.ms.iter_mut().filter_map(|column| column.get_mut(place));
        old.for_each(|ms| *ms = MISSING);
        for (status, ms) in stays {
            let column = self.column(*status);
            if column.len() <= place {
                column.resize(place + 1, MISSING);
            }
            column[place] = *ms;
        }
    }

    /// Adds what stands below, of which the first row is this one.
    fn append(&mut self, first: usize, below: &Stays, names: &[u32]) {
        for (status, ms) in below.iter() {
            let column = self.column(names[status as usize]);
            column.resize(first, MISSING);
            column.extend(ms);
        }
    }
}

/// All rows, or those of a range.
#[derive(Debug)]
pub struct Table {
    /// The texts.
    pub names: Names,
    /// Its reference.
    pub refs: Vec<i64>,
    /// When it was detected, else when it began; [`UNKNOWN`] where neither is known.
    pub at: Vec<i64>,
    /// When it was over; [`UNKNOWN`] while it is open.
    pub over: Vec<i64>,
    /// What it is to the numbers, as a place in `Class::ALL`.
    pub class: Vec<u8>,
    /// Whether nothing more will happen to it.
    pub finished: Vec<bool>,
    /// Whether only its members may see it.
    pub private: Vec<bool>,
    /// Whether it was brought in from elsewhere.
    pub back_filled: Vec<bool>,
    /// Its severity.
    pub severity: Vec<u32>,
    /// Its service's alias.
    pub service: Vec<u32>,
    /// Its team's alias.
    pub team: Vec<u32>,
    /// Its cause.
    pub cause: Vec<u32>,
    /// How often it was opened again.
    pub reopened: Vec<u32>,
    /// How many updates were due, and how many of them were late.
    pub updates: Vec<(u32, u32)>,
    /// How long it stood in each status that it has left.
    pub stays: Stays,
    /// Who was asked, and when.
    pub calls: Vec<Pairs>,
    /// Follow-ups that are not done: the day on which each is due, and since when it is owed.
    pub owed: Vec<Pairs>,
    /// How many of its times somebody put right.
    pub corrected: Vec<u32>,
    /// The measurements, in the order of `METRICS`; see `measure::INVALID`, `measure::PENDING`, [`MISSING`].
    pub lengths: [Vec<i64>; COUNT],
    pub(super) orders: Orders,
    place: QuickMap<i64, u32>,
    stamp: i64,
}

impl Default for Table {
    fn default() -> Table {
        Table {
            names: Names::new(),
            refs: Vec::new(),
            at: Vec::new(),
            over: Vec::new(),
            class: Vec::new(),
            finished: Vec::new(),
            private: Vec::new(),
            back_filled: Vec::new(),
            severity: Vec::new(),
            service: Vec::new(),
            team: Vec::new(),
            cause: Vec::new(),
            reopened: Vec::new(),
            updates: Vec::new(),
            stays: Stays::default(),
            calls: Vec::new(),
            owed: Vec::new(),
            corrected: Vec::new(),
            lengths: std::array::from_fn(|_| Vec::new()),
            orders: Orders::default(),
            place: QuickMap::default(),
            stamp: 0,
        }
    }
}

/// Puts a value at a place, which is at most the next new one.
fn put<T>(column: &mut Vec<T>, place: usize, value: T) {
    match column.get_mut(place) {
        Some(old) => *old = value,
        None => column.push(value),
    }
}

impl Table {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.refs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.refs.is_empty()
    }

    /// Where an incident's row is.
    pub fn row_of(&self, r: Ref) -> Option<u32> {
        i64::try_from(r.0).ok().and_then(|r| self.place.get(&r)).copied()
    }

    /// What an incident is to the numbers.
    pub fn class_of(&self, row: u32) -> Class {
        let n = usize::from(self.class[row as usize]);
        Class::ALL.get(n).copied().unwrap_or(Class::Incident)
    }

    /// The stamp of the latest row that is here.
    pub fn stamp(&self) -> i64 {
        self.stamp
    }

    /// The stamp of the latest row that there is.
    ///
    /// # Errors
    /// What the store says.
    pub fn newest(conn: &mut dyn Conn) -> Result<i64, StoreError> {
        let rows = conn.rows("select max(stamp) from measure", &[])?;
        Ok(rows.first().map_or(0, |r| r.int(0)))
    }

    /// Takes in what was written since the last time.
    ///
    /// # Errors
    /// What the store says.
    pub fn catch_up(&mut self, conn: &mut dyn Conn) -> Result<(), StoreError> {
        if self.stamp == 0 {
            *self = leaf::load(conn)?;
        }
        match self.stamp {
            // In the order in which they lie there; all or none, since the last stamp then says nothing of the others.
            0 => {
                let mut all = Table::default();
                all.read(conn, "", &[])?;
                *self = all;
            }
            since => self.read(conn, "where stamp > ?1 order by stamp", &[since.into()])?,
        }
        self.mend();
        Ok(())
    }

    /// The rows of a range, and all private ones: what one question needs.
    ///
    /// # Errors
    /// What the store says.
    pub fn of_range(conn: &mut dyn Conn, from: Option<At>, until: Option<At>) -> Result<Table, StoreError> {
        let mut table = Table::default();
        let mut within: Vec<String> = Vec::new();
        let mut args: Vec<Val> = Vec::new();
        for (bound, sign) in [(from, ">="), (until, "<")] {
            if let Some(at) = bound {
                args.push(at.0.into());
                within.push(format!("at {sign} ?{}", args.len()));
            }
        }
        match within.is_empty() {
            true => table.read(conn, "", &[])?,
            false => {
                table.read(conn, &format!("where {}", within.join(" and ")), &args)?;
                table.read(conn, "where private = 1", &[])?;
            }
        }
        Ok(table)
    }

    fn read(&mut self, conn: &mut dyn Conn, rest: &str, args: &[Val]) -> Result<(), StoreError> {
        let sql = format!("select {COLUMNS}, {} from measure {rest}", LENGTHS.join(", "));
        conn.each(&sql, args, &mut |row| {
            self.take(&row);
            Ok(())
        })
    }

    fn take(&mut self, row: &Row) {
        let small = |n: i64| u32::try_from(n).unwrap_or(0);
        let names = &mut self.names;
        let line = Line {
            reference: row.int(0),
            at: row.maybe_int(1).unwrap_or(UNKNOWN),
            over: row.maybe_int(2).unwrap_or(UNKNOWN),
            class: u8::try_from(row.int(3)).unwrap_or(0),
            finished: row.int(4) != 0,
            private: row.int(5) != 0,
            back_filled: row.int(6) != 0,
            severity: names.keep(row.text(7)),
            service: names.keep(row.text(8)),
            team: names.keep(row.text(9)),
            cause: names.keep(row.text(10)),
            reopened: small(row.int(11)),
            updates: (small(row.int(12)), small(row.int(13))),
            stays: pairs(names, row.maybe(14)),
            calls: pairs(names, row.maybe(15)),
            owed: pairs(names, row.maybe(16)),
            corrected: small(row.int(17)),
            lengths: std::array::from_fn(|n| row.maybe_int(FIRST_LENGTH + n).unwrap_or(MISSING)),
        };
        self.stamp = self.stamp.max(row.int(18));
        self.lay(line);
    }

    /// Puts a line where its incident's row is, or at the end.
    pub(super) fn lay(&mut self, line: Line) {
        let new = u32::try_from(self.refs.len()).unwrap_or(u32::MAX);
        let place = *self.place.entry(line.reference).or_insert(new);
        let at = place as usize;
        put(&mut self.refs, at, line.reference);
        put(&mut self.at, at, line.at);
        put(&mut self.over, at, line.over);
        put(&mut self.class, at, line.class);
        put(&mut self.finished, at, line.finished);
        put(&mut self.private, at, line.private);
        put(&mut self.back_filled, at, line.back_filled);
        put(&mut self.severity, at, line.severity);
        put(&mut self.service, at, line.service);
        put(&mut self.team, at, line.team);
        put(&mut self.cause, at, line.cause);
        put(&mut self.reopened, at, line.reopened);
        put(&mut self.updates, at, line.updates);
        self.stays.lay(at, &line.stays);
        put(&mut self.calls, at, line.calls);
        put(&mut self.owed, at, line.owed);
        put(&mut self.corrected, at, line.corrected);
        for (column, ms) in self.lengths.iter_mut().zip(line.lengths) {
            put(column, at, ms);
        }
        self.orders.moves(place);
    }

    /// Each column of lengths: the measurements, and after them the statuses.
    pub(super) fn columns(&self) -> impl Iterator<Item = &[i64]> {
        let measured = self.lengths.iter().map(Vec::as_slice);
        measured.chain(self.stays.iter().map(|(_, ms)| ms))
    }

    /// Puts the lengths in their order again, where many have moved.
    pub(super) fn mend(&mut self) {
        let mut orders = std::mem::take(&mut self.orders);
        orders.mend(&self.columns().collect::<Vec<_>>());
        self.orders = orders;
    }

    /// Adds the rows of a table of other incidents; none of them where one is here already.
    pub(super) fn append(&mut self, other: Table) -> Option<()> {
        let first = self.len();
        let new = u32::try_from(first).ok()?..;
        for (reference, place) in other.refs.iter().zip(new) {
            if self.place.insert(*reference, place).is_some() {
                return None;
            }
        }
        let names: Vec<u32> = other.names.iter().map(|name| self.names.keep(name)).collect();
        let named = |column: Vec<u32>| column.into_iter().map(|n| names[n as usize]);
        let pairs = |mut column: Vec<Pairs>| {
            let all = column.iter_mut().flatten();
            all.for_each(|(name, _)| *name = names[*name as usize]);
            column
        };
        self.stays.append(first, &other.stays, &names);
        self.refs.extend(other.refs);
        self.at.extend(other.at);
        self.over.extend(other.over);
        self.class.extend(other.class);
        self.finished.extend(other.finished);
        self.private.extend(other.private);
        self.back_filled.extend(other.back_filled);
        self.severity.extend(named(other.severity));
        self.service.extend(named(other.service));
        self.team.extend(named(other.team));
        self.cause.extend(named(other.cause));
        self.reopened.extend(other.reopened);
        self.updates.extend(other.updates);
        self.calls.extend(pairs(other.calls));
        self.owed.extend(pairs(other.owed));
        self.corrected.extend(other.corrected);
        for (mine, its) in self.lengths.iter_mut().zip(other.lengths) {
            mine.extend(its);
        }
        self.orders.move_to(self.refs.len());
        Some(())
    }

    /// All that was written up to this stamp is here.
    pub(super) fn is_as_of(&mut self, stamp: i64) {
        self.stamp = stamp;
    }

    /// The rows of the incidents from one reference to before another.
    ///
    /// # Errors
    /// What the store says.
    pub(super) fn of_refs(conn: &mut dyn Conn, from: i64, until: i64) -> Result<Table, StoreError> {
        let mut table = Table::default();
        table.read(
            conn,
            "where ref >= ?1 and ref < ?2 order by ref",
            &[from.into(), until.into()],
        )?;
        Ok(table)
    }
}

/// One row on its way in or out: the columns of [`Table`], once each.
#[derive(Debug)]
pub(super) struct Line {
    pub reference: i64,
    pub at: i64,
    pub over: i64,
    pub class: u8,
    pub finished: bool,
    pub private: bool,
    pub back_filled: bool,
    pub severity: u32,
    pub service: u32,
    pub team: u32,
    pub cause: u32,
    pub reopened: u32,
    pub updates: (u32, u32),
    pub stays: Pairs,
    pub calls: Pairs,
    pub owed: Pairs,
    pub corrected: u32,
    pub lengths: [i64; COUNT],
}

fn pairs(names: &mut Names, text: Option<&str>) -> Pairs {
    let Some(text) = text else { return Pairs::default() };
    let read: Vec<(String, i64)> = serde_json::from_str(text).unwrap_or_default();
    read.iter().map(|(name, n)| (names.keep(name), *n)).collect()
}
