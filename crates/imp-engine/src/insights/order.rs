//! Lengths in their order, kept beside the rows: no question sorts a million of them again.

use super::table::Table;
use crate::halves;
use crate::measure::{INVALID, PENDING};
use imp_core::metric::COUNT;

/// A row that is in no part.
const NOWHERE: u32 = u32::MAX;
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

/// All that is known of one measurement, by its length; what came to nothing is left out.
type Order = Vec<(i64, u32)>;

/// Each measurement in its order, and the rows that have moved since.
#[derive(Debug)]
pub struct Orders {
    all: [Order; COUNT],
    moved: Vec<u32>,
    is_moved: Vec<bool>,
}

impl Default for Orders {
    fn default() -> Orders {
        Orders {
            all: std::array::from_fn(|_| Order::new()),
            moved: Vec::new(),
            is_moved: Vec::new(),
        }
    }
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

    /// Takes in what has moved, once it is much. What was in order stays so, and a stable sort sees that.
    pub fn mend(&mut self, lengths: &[Vec<i64>; COUNT]) {
        if self.moved.len() < MOVED_MAX {
            return;
        }
        let (moved, is_moved) = (&self.moved, &self.is_moved);
        halves::each(self.all.iter_mut().zip(lengths).collect(), |(order, column)| {
            order.retain(|(_, row)| !is_moved[*row as usize]);
            let fresh = moved.iter().map(|row| (column[*row as usize], *row));
            order.extend(fresh.filter(|(ms, _)| *ms >= 0 || matches!(*ms, INVALID | PENDING)));
            order.sort();
        });
        self.moved.drain(..).for_each(|row| self.is_moved[row as usize] = false);
    }
}

/// What each measurement came to in each part; of those that are not kept there are no lengths.
pub fn came(table: &Table, parts: Parts<'_>, keep: &[bool; COUNT]) -> Vec<Came> {
    if parts.rows.len() < table.len() / FEW {
        return (0..COUNT).map(|m| on_the_spot(table, parts, m)).collect();
    }
    let orders = &table.orders;
    let mut part = vec![NOWHERE; table.len()];
    let (mut rows, mut of) = (Vec::new(), Vec::new());
    for (row, its) in parts.rows.iter().zip(parts.of) {
        if orders.is_moved[*row as usize] {
            rows.push(*row);
            of.push(*its);
        } else {
            part[*row as usize] = *its;
        }
    }
    let moved = Parts {
        rows: &rows,
        of: &of,
        n: parts.n,
    };
    halves::each((0..COUNT).collect(), |m| {
        let mut came = on_the_spot(table, moved, m);
        let moved: Vec<usize> = came.sorted.iter().map(Vec::len).collect();
        let order = &orders.all[m];
        let known = match keep[m] {
            true => order.len(),
            // What is not recorded comes first.
            false => order.partition_point(|(ms, _)| *ms < 0),
        };
        for (ms, row) in &order[..known] {
            let its = part[*row as usize];
            if its != NOWHERE {
                came.take(its as usize, *ms);
            }
        }
        // Two runs, each in order: a stable sort only merges them.
        let both = came.sorted.iter_mut().zip(moved).filter(|(_, moved)| *moved > 0);
        both.for_each(|(all, _)| all.sort());
        came
    })
}

/// What a measurement came to in each part, its lengths sorted now.
fn on_the_spot(table: &Table, parts: Parts<'_>, m: usize) -> Came {
    let mut out = Came::nothing(parts.n);
    for (row, part) in parts.rows.iter().zip(parts.of) {
        out.take(*part as usize, table.lengths[m][*row as usize]);
    }
    out.sorted.iter_mut().for_each(|all| all.sort_unstable());
    out
}
