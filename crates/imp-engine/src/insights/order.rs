//! Lengths in their order, kept beside the rows: no question sorts a million of them again.

use super::halves;
use super::table::Table;
use crate::measure::{INVALID, PENDING};
use imp_core::metric::COUNT;

/// When so many rows differ from what the orders say, these are made anew: until then each answer puts them in …
const MOVED_MIN: usize = 4_096;
/// … and at least one row in so many, since to make them anew takes the longer, the more rows there are.
const MOVED_SHARE: usize = 64;
/// Bits of a length that are sorted by at a time: as many heaps as a processor has at hand.
const DIGIT: u32 = 11;

/// Rows told apart: which part each of them belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The rows.
    pub rows: &'a [u32],
    /// For each of them its part.
    pub of: &'a [u32],
    /// How many parts there are.
    pub n: usize,
}

/// What a measurement came to in each part.
#[derive(Debug, Clone, Default)]
pub struct Came {
    /// The recorded lengths, sorted.
    pub sorted: Vec<Vec<i64>>,
    /// How many may still come.
    pub pending: Vec<usize>,
    /// How many run backwards.
    pub invalid: Vec<usize>,
}

impl Came {
    fn nothing(parts: usize) -> Came {
        Came {
            sorted: vec![Vec::new(); parts],
            pending: vec![0; parts],
            invalid: vec![0; parts],
        }
    }

    fn take(&mut self, part: usize, ms: i64) {
        match ms {
            INVALID => self.invalid[part] += 1,
            PENDING => self.pending[part] += 1,
            ms if ms >= 0 => self.sorted[part].push(ms),
            _ => {}
        }
    }
}

/// Places in an order, told in that order however they were put in.
struct Places {
    bits: Vec<u64>,
    /// Which of those are not 0.
    some: Vec<u64>,
}

impl Places {
    fn below(n: usize) -> Places {
        let words = n.div_ceil(64);
        Places {
            bits: vec![0; words],
            some: vec![0; words.div_ceil(64)],
        }
    }

    fn put(&mut self, n: usize) {
        self.bits[n / 64] |= 1 << (n % 64);
        self.some[n / 4096] |= 1 << (n / 64 % 64);
    }

    /// Tells all of them, and forgets them.
    fn drain(&mut self, mut each: impl FnMut(usize)) {
        let bits = &mut self.bits;
        for (n, some) in self.some.iter_mut().enumerate() {
            ones(std::mem::take(some), n * 64, |word| {
                ones(std::mem::take(&mut bits[word]), word * 64, &mut each);
            });
        }
    }
}

/// Which bits of a word are set, counted from `first`.
fn ones(mut word: u64, first: usize, mut each: impl FnMut(usize)) {
    while word != 0 {
        each(first + word.trailing_zeros() as usize);
        word &= word - 1;
    }
}

/// All that is known of one measurement: its recorded lengths, sorted, and for every row its place among them.
#[derive(Debug, Default)]
struct Order {
    ms: Vec<i64>,
    place: Vec<u32>,
}

impl Order {
    /// Stands for the place of what will not be known …
    const NOTHING: u32 = u32::MAX;
    /// … of what may still come …
    const PENDING: u32 = u32::MAX - 1;
    /// … and of what runs backwards.
    const INVALID: u32 = u32::MAX - 2;

    fn of(column: &[i64]) -> Order {
        let mut place: Vec<u32> = Vec::with_capacity(column.len());
        let mut recorded = Vec::with_capacity(column.len());
        for (ms, row) in column.iter().zip(0..) {
            place.push(match *ms {
                PENDING => Order::PENDING,
                INVALID => Order::INVALID,
                _ => Order::NOTHING,
            });
            if let Ok(ms) = u64::try_from(*ms) {
                recorded.push((ms, row));
            }
        }
        let sorted = by_length(recorded);
        for ((_, row), n) in sorted.iter().zip(0..) {
            place[*row as usize] = n;
        }
        Order {
            ms: sorted.iter().map(|(ms, _)| ms.cast_signed()).collect(),
            place,
        }
    }

    /// Adds what some rows came to in a part.
    fn tell(&self, rows: &[u32], part: usize, keep: bool, places: &mut Places, came: &mut Came) {
        for row in rows {
            match self.place.get(*row as usize) {
                None | Some(&Order::NOTHING) => {}
                Some(&Order::PENDING) => came.pending[part] += 1,
                Some(&Order::INVALID) => came.invalid[part] += 1,
                Some(n) if keep => places.put(*n as usize),
                Some(_) => {}
            }
        }
        let sorted = &mut came.sorted[part];
        if keep {
            sorted.reserve(rows.len());
        }
        places.drain(|n| sorted.push(self.ms[n]));
    }
}

/// Sorts rows by their lengths, a digit after the other from the last on: comparing a million takes several times as long.
fn by_length(mut all: Vec<(u64, u32)>) -> Vec<(u64, u32)> {
    let highest = all.iter().fold(0, |high, (ms, _)| high | ms);
    let mut other = vec![(0, 0); all.len()];
    for shift in (0..u64::BITS - highest.leading_zeros()).step_by(DIGIT as usize) {
        let digit = |ms: u64| (ms >> shift) as usize & ((1 << DIGIT) - 1);
        let mut next = [0_usize; 1 << DIGIT];
        all.iter().for_each(|(ms, _)| next[digit(*ms)] += 1);
        let mut sum = 0;
        for n in &mut next {
            sum += std::mem::replace(n, sum);
        }
        for one in &all {
            let place = &mut next[digit(one.0)];
            other[*place] = *one;
            *place += 1;
        }
        std::mem::swap(&mut all, &mut other);
    }
    all
}

/// Each measurement in its order, and the rows that have moved since.
#[derive(Debug, Default)]
pub struct Orders {
    /// In the order of the table's columns; none yet of a status in which only rows stood that have moved.
    all: Vec<Order>,
    moved: Vec<u32>,
    is_moved: Vec<bool>,
}

impl Orders {
    /// A row is new, or has changed.
    pub fn moves(&mut self, row: u32) {
        let n = row as usize;
        if self.is_moved.len() <= n {
            self.is_moved.resize(n + 1, false);
        }
        if !std::mem::replace(&mut self.is_moved[n], true) {
            self.moved.push(row);
        }
    }

    /// All rows up to so many that were not there are new.
    pub fn move_to(&mut self, len: usize) {
        let new = self.is_moved.len()..len;
        self.moved.extend(new.filter_map(|n| u32::try_from(n).ok()));
        self.is_moved.resize(len, true);
    }

    /// Takes in what has moved, once it is much.
    pub fn mend(&mut self, columns: &[&[i64]]) {
        if self.moved.len() < MOVED_MIN.max(self.is_moved.len() / MOVED_SHARE) {
            return;
        }
        self.all = halves::each(columns.to_vec(), Order::of);
        self.moved.drain(..).for_each(|row| self.is_moved[row as usize] = false);
    }
}

/// What each measurement came to in each part; of those that are not kept there are no lengths.
pub fn came(table: &Table, parts: Parts<'_>, keep: &[bool; COUNT]) -> Vec<Came> {
    let columns = table.columns().take(COUNT).zip(keep.iter().copied());
    tell(table, parts, columns.enumerate().collect())
}

/// How long some rows stood in each status, sorted, in the order of the table's statuses.
pub fn stood(table: &Table, rows: &[u32]) -> Vec<Vec<i64>> {
    let parts = Parts {
        rows,
        of: &vec![0; rows.len()],
        n: 1,
    };
    let columns = table.columns().map(|column| (column, true)).enumerate().skip(COUNT);
    let told = tell(table, parts, columns.collect());
    told.into_iter().flat_map(|came| came.sorted).collect()
}

/// What some columns, each with its place and whether it is kept, came to in each part.
fn tell(table: &Table, parts: Parts<'_>, columns: Vec<(usize, (&[i64], bool))>) -> Vec<Came> {
    let orders = &table.orders;
    let both = || parts.rows.iter().zip(parts.of);
    let is_moved = |row: u32| orders.is_moved[row as usize];
    let (rows, of): (Vec<u32>, Vec<u32>) = both().filter(|(row, _)| is_moved(**row)).unzip();
    let moved = Parts {
        rows: &rows,
        of: &of,
        n: parts.n,
    };
    let still = Heaps::of(parts.n, both().filter(|(row, _)| !is_moved(**row)));
    let never = Order::default();
    halves::each(columns, |(n, (column, keep))| {
        let mut came = on_the_spot(column, moved, keep);
        let order = orders.all.get(n).unwrap_or(&never);
        let mut places = Places::below(order.ms.len());
        for (part, rows) in still.iter().enumerate() {
            let moved = came.sorted[part].len();
            order.tell(rows, part, keep, &mut places, &mut came);
            if moved > 0 {
                // Two runs, each in order: a stable sort only merges them.
                came.sorted[part].sort();
            }
        }
        came
    })
}

/// Rows with each part's together.
struct Heaps {
    rows: Vec<u32>,
    /// Where each part ends among them.
    ends: Vec<usize>,
}

impl Heaps {
    fn of<'a>(n: usize, all: impl Iterator<Item = (&'a u32, &'a u32)> + Clone) -> Heaps {
        let mut ends = vec![0; n];
        all.clone().for_each(|(_, part)| ends[*part as usize] += 1);
        let mut sum = 0;
        for n in &mut ends {
            sum += std::mem::replace(n, sum);
        }
        let mut rows = vec![0; sum];
        for (row, part) in all {
            let next = &mut ends[*part as usize];
            rows[*next] = *row;
            *next += 1;
        }
        Heaps { rows, ends }
    }

    fn iter(&self) -> impl Iterator<Item = &[u32]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| &self.rows[begin..*end])
    }
}

/// What a measurement came to in each part, its lengths sorted now.
fn on_the_spot(column: &[i64], parts: Parts<'_>, keep: bool) -> Came {
    let mut out = Came::nothing(parts.n);
    for (row, part) in parts.rows.iter().zip(parts.of) {
        if let Some(ms) = column.get(*row as usize) {
            out.take(*part as usize, *ms);
        }
    }
    match keep {
        true => out.sorted.iter_mut().for_each(|all| all.sort_unstable()),
        false => out.sorted.iter_mut().for_each(Vec::clear),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::table::{Line, MISSING, Pairs};
    use super::*;

    /// A row whose lengths are what is said of each measurement.
    fn line(reference: i64, length: impl Fn(i64) -> i64) -> Line {
        Line {
            reference,
            at: 0,
            over: 0,
            class: 0,
            finished: true,
            private: false,
            back_filled: false,
            severity: 0,
            service: 0,
            team: 0,
            cause: 0,
            reopened: 0,
            updates: (0, 0),
            stays: stays(reference, &length),
            calls: Pairs::default(),
            owed: Pairs::default(),
            corrected: 0,
            lengths: std::array::from_fn(|m| length(i64::try_from(m).unwrap_or(0))),
        }
    }

    /// It stood in one status for as long as the first measurement says, and some of them in another.
    fn stays(reference: i64, length: impl Fn(i64) -> i64) -> Pairs {
        let other = (reference % 3 == 0).then_some((2, reference));
        [(1, length(0).max(0))].into_iter().chain(other).collect()
    }

    /// Lengths as they come: many alike, some huge, some that are none.
    fn length(n: i64, m: i64) -> i64 {
        match (n * 7919 + m) % 23 {
            0 => INVALID,
            1 => PENDING,
            2 => MISSING,
            3 => (n * 104_729 * (m + 1)) % 9_000_000_000_000,
            4 => i64::MAX,
            _ => (n * 31 + m) % 977 * 1000,
        }
    }

    #[test]
    fn what_is_told_by_the_order_is_what_sorting_tells() {
        let mut table = Table::default();
        (0..9_000).for_each(|n| table.lay(line(n, |m| length(n, m))));
        table.mend();
        assert!(table.orders.moved.is_empty(), "all are in order");
        for n in (0..9_500).step_by(7) {
            table.lay(line(n, |m| length(n + 5, m)));
        }
        assert!(!table.orders.moved.is_empty(), "some have moved since");
        let every = |step: usize| -> Vec<u32> { (0..9_000).step_by(step).collect() };
        for rows in [every(1), every(3), every(700), Vec::new()] {
            let sorted = table.stays.iter().map(|(_, column)| {
                let mut all: Vec<i64> = rows.iter().map(|row| column[*row as usize]).collect();
                all.retain(|ms| *ms != MISSING);
                all.sort_unstable();
                all
            });
            assert_eq!(stood(&table, &rows), sorted.collect::<Vec<_>>());
            for n in [1_u32, 2, 300] {
                let of: Vec<u32> = rows.iter().map(|row| row * 13 % n).collect();
                let parts = Parts {
                    rows: &rows,
                    of: &of,
                    n: n as usize,
                };
                let mut keep = [true; COUNT];
                keep[4] = false;
                let told = came(&table, parts, &keep);
                for (m, told) in told.iter().enumerate() {
                    let sorted = on_the_spot(&table.lengths[m], parts, keep[m]);
                    assert_eq!(
                        told.sorted,
                        sorted.sorted,
                        "measurement {m} of {} rows in {n}",
                        rows.len()
                    );
                    assert_eq!((&told.pending, &told.invalid), (&sorted.pending, &sorted.invalid));
                }
            }
        }
    }
}
