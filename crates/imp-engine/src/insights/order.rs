//! Lengths in their order, kept beside the rows: no question sorts a million of them again.

use super::halves;
use super::table::Table;
use crate::measure::{INVALID, PENDING};
use imp_core::metric::COUNT;

/// Where the rows asked for are fewer than one in so many, their lengths are sorted rather than looked for in the order.
const FEW: usize = 16;
/// When so many rows differ from what the orders say, these are mended: until then each answer puts them in.
const MOVED_MAX: usize = 4_096;

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

/// All that is known of one measurement, by its length: what is recorded comes last, and what came to nothing is left out.
#[derive(Debug, Default)]
struct Order {
    ms: Vec<i64>,
    row: Vec<u32>,
}

impl Order {
    /// Takes in what has moved. What was in order stays so, and a stable sort sees that.
    fn mend(&mut self, column: &[i64], moved: &[u32], is_moved: &[bool]) {
        let old = std::mem::take(self);
        let mut both: Vec<(i64, u32)> = old.ms.into_iter().zip(old.row).collect();
        both.retain(|(_, row)| !is_moved[*row as usize]);
        let fresh = moved.iter().map(|row| (column[*row as usize], *row));
        both.extend(fresh.filter(|(ms, _)| *ms >= 0 || matches!(*ms, INVALID | PENDING)));
        both.sort();
        (self.ms, self.row) = both.into_iter().unzip();
    }

    /// Adds what some rows came to; `part` says for every row of the table where it belongs.
    fn tell<P: Place>(&self, part: &[P], keep: bool, came: &mut Came) {
        let recorded = self.ms.partition_point(|ms| *ms < 0);
        let place = |row: &u32| part[*row as usize].place();
        for (ms, row) in self.ms.iter().zip(&self.row).take(recorded) {
            if let Some(part) = place(row) {
                came.take(part, *ms);
            }
        }
        if !keep {
            return;
        }
        for (ms, row) in self.ms[recorded..].iter().zip(&self.row[recorded..]) {
            if let Some(part) = place(row) {
                came.sorted[part].push(*ms);
            }
        }
    }
}

/// The part of a row in as few bytes as will do: all rows are looked up in no order, which is quick in a small place only.
trait Place: Copy + Send + Sync + TryFrom<u32> {
    /// A row that is in no part.
    const NOWHERE: Self;

    /// Which part it is.
    fn place(self) -> Option<usize>;
}

macro_rules! places {
    ($($kind:ty),*) => {
        $(impl Place for $kind {
            const NOWHERE: Self = <$kind>::MAX;

            fn place(self) -> Option<usize> {
                (self != Self::NOWHERE).then_some(self as usize)
            }
        })*
    };
}

places!(u8, u16, u32);

/// Each measurement in its order, and the rows that have moved since.
#[derive(Debug, Default)]
pub struct Orders {
    all: [Order; COUNT],
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

    /// Takes in what has moved, once it is much.
    pub fn mend(&mut self, lengths: &[Vec<i64>; COUNT]) {
        if self.moved.len() < MOVED_MAX {
            return;
        }
        let (moved, is_moved) = (&self.moved, &self.is_moved);
        halves::each(self.all.iter_mut().zip(lengths).collect(), |(order, column)| {
            order.mend(column, moved, is_moved);
        });
        self.moved.drain(..).for_each(|row| self.is_moved[row as usize] = false);
    }
}

/// What each measurement came to in each part; of those that are not kept there are no lengths.
pub fn came(table: &Table, parts: Parts<'_>, keep: &[bool; COUNT]) -> Vec<Came> {
    if parts.rows.len() < table.len() / FEW {
        return (0..COUNT).map(|m| on_the_spot(table, parts, m, keep[m])).collect();
    }
    match u32::try_from(parts.n).unwrap_or(u32::MAX) {
        n if n < u32::from(u8::MAX) => by_order::<u8>(table, parts, keep),
        n if n < u32::from(u16::MAX) => by_order::<u16>(table, parts, keep),
        _ => by_order::<u32>(table, parts, keep),
    }
}

fn by_order<P: Place>(table: &Table, parts: Parts<'_>, keep: &[bool; COUNT]) -> Vec<Came> {
    let orders = &table.orders;
    let mut part = vec![P::NOWHERE; table.len()];
    let mut sizes = vec![0; parts.n];
    let (mut rows, mut of) = (Vec::new(), Vec::new());
    for (row, its) in parts.rows.iter().zip(parts.of) {
        if orders.is_moved[*row as usize] {
            rows.push(*row);
            of.push(*its);
        } else {
            part[*row as usize] = P::try_from(*its).unwrap_or(P::NOWHERE);
            sizes[*its as usize] += 1;
        }
    }
    let moved = Parts {
        rows: &rows,
        of: &of,
        n: parts.n,
    };
    halves::each((0..COUNT).collect(), |m| {
        let mut came = on_the_spot(table, moved, m, keep[m]);
        let moved: Vec<usize> = came.sorted.iter().map(Vec::len).collect();
        let order = &orders.all[m];
        if keep[m] && order.ms.len() >= parts.rows.len() {
            came.sorted.iter_mut().zip(&sizes).for_each(|(all, n)| all.reserve(*n));
        }
        order.tell(&part, keep[m], &mut came);
        // Two runs, each in order: a stable sort only merges them.
        let both = came.sorted.iter_mut().zip(moved).filter(|(_, moved)| *moved > 0);
        both.for_each(|(all, _)| all.sort());
        came
    })
}

/// What a measurement came to in each part, its lengths sorted now.
fn on_the_spot(table: &Table, parts: Parts<'_>, m: usize, keep: bool) -> Came {
    let mut out = Came::nothing(parts.n);
    for (row, part) in parts.rows.iter().zip(parts.of) {
        out.take(*part as usize, table.lengths[m][*row as usize]);
    }
    match keep {
        true => out.sorted.iter_mut().for_each(|all| all.sort_unstable()),
        false => out.sorted.iter_mut().for_each(Vec::clear),
    }
    out
}
