//! The narrow rows in packed blocks, so that a start reads some dozens of long rows instead of a million short ones.
//!
//! A block holds the incidents whose references lie in one stretch, column by column. What is in it may be old: whoever
//! loads blocks asks for the rows with a newer stamp afterwards, as after any other look.

use super::halves;
use super::table::{MISSING, Pairs, Table};
use crate::desk::{Desk, SubmitError};
use crate::store::{Conn, StoreError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use imp_core::metric::COUNT;
use std::time::Duration;

/// References in a block: some hundred kilobytes, so that a change rewrites little, and a million are sixty.
const BLOCK: i64 = 16_384;
/// The row that says how blocks are written, and up to which stamp all of them together are complete.
const HEAD: i64 = -1;
/// Goes up when the way in which a block is written changes.
const FORMAT: u32 = 2;
/// So many writes may stand outside of the blocks: to read them one by one takes a fraction of a second.
pub const LOOSE_MAX: i64 = 20_000;
/// How often is looked whether much was written.
const EVERY: Duration = Duration::from_mins(10);
/// Blocks that are unpacked at a time, on two threads: more would only take more memory.
const AT_A_TIME: i64 = 8;

/// How blocks are written by this version.
fn format() -> String {
    format!("{FORMAT}:{COUNT}")
}

/// Up to which stamp the blocks are complete; 0 where there are none that this version reads.
fn head(conn: &mut dyn Conn) -> Result<i64, StoreError> {
    let rows = conn.rows("select stamp, body from leaf where block = ?1", &[HEAD.into()])?;
    Ok(rows.first().filter(|r| r.text(1) == format()).map_or(0, |r| r.int(0)))
}

/// Has the rows at hand from the start on, and packs them beside all other work, for ever.
pub async fn keep(desk: Desk) {
    loop {
        let packed = async {
            desk.figures.look(&desk.store, |_| ()).await?;
            pack_beside(&desk, LOOSE_MAX).await
        };
        if let Err(e) = packed.await {
            tracing::warn!(error = %e, "the rows of the numbers could not be packed");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Packs what was written since the last time, where that is more than `loose` rows. Blocks are made where others read, and
/// each is written by itself, so that nobody who writes waits for more than one.
///
/// # Errors
/// What the store says.
pub async fn pack_beside(desk: &Desk, loose: i64) -> Result<(), SubmitError> {
    let Some(due) = desk.store.read(move |conn| Due::of(conn, loose)).await? else {
        return Ok(());
    };
    for n in due.blocks {
        let block = desk.store.read(move |conn| Block::of(conn, n)).await?;
        desk.write(move |conn: &mut dyn Conn| block.put(conn)).await?;
    }
    let head = Block::head(due.newest);
    desk.write(move |conn: &mut dyn Conn| head.put(conn)).await
}

/// The same at once, inside the caller's transaction.
///
/// # Errors
/// What the store says.
pub fn pack(conn: &mut dyn Conn, loose: i64) -> Result<(), StoreError> {
    let Some(due) = Due::of(conn, loose)? else {
        return Ok(());
    };
    for n in due.blocks {
        Block::of(conn, n)?.put(conn)?;
    }
    Block::head(due.newest).put(conn)
}

/// What is to be packed: the blocks with rows that were written since the last time, and the stamp up to which they will
/// then be complete.
struct Due {
    newest: i64,
    blocks: Vec<i64>,
}

impl Due {
    fn of(conn: &mut dyn Conn, loose: i64) -> Result<Option<Due>, StoreError> {
        let (packed, newest) = (head(conn)?, Table::newest(conn)?);
        if newest - packed <= loose {
            return Ok(None);
        }
        let changed = conn.rows(
            "select distinct ref / ?1 from measure where stamp > ?2",
            &[BLOCK.into(), packed.into()],
        )?;
        let blocks = changed.iter().map(|r| r.int(0)).collect();
        Ok(Some(Due { newest, blocks }))
    }
}

/// A row of `leaf`.
struct Block {
    n: i64,
    /// All that was written up to it is in here.
    stamp: i64,
    body: String,
}

impl Block {
    fn of(conn: &mut dyn Conn, n: i64) -> Result<Block, StoreError> {
        // Before the rows: what is written meanwhile is in here too, and is asked for once more.
        let stamp = Table::newest(conn)?;
        let body = BASE64.encode(written(&Table::of_refs(conn, n * BLOCK, (n + 1) * BLOCK)?));
        Ok(Block { n, stamp, body })
    }

    fn head(stamp: i64) -> Block {
        let body = format();
        Block { n: HEAD, stamp, body }
    }

    /// Writes it, unless another replica has meanwhile written a newer one.
    fn put(&self, conn: &mut dyn Conn) -> Result<(), StoreError> {
        conn.run(
            "insert into leaf (block, stamp, body) values (?1, ?2, ?3)
             on conflict (block) do update set stamp = excluded.stamp, body = excluded.body
             where leaf.stamp <= excluded.stamp",
            &[self.n.into(), self.stamp.into(), self.body.as_str().into()],
        )?;
        Ok(())
    }
}

/// The rows of all blocks; an empty table where there are none, or one cannot be read.
///
/// # Errors
/// What the store says.
pub fn load(conn: &mut dyn Conn) -> Result<Table, StoreError> {
    // Before the blocks: one that is written meanwhile holds newer rows, which are then asked for once more.
    let packed = head(conn)?;
    let mut table = Table::default();
    if packed == 0 {
        return Ok(table);
    }
    let mut after = HEAD;
    loop {
        let bodies = conn.rows(
            "select block, body from leaf where block > ?1 order by block limit ?2",
            &[after.into(), AT_A_TIME.into()],
        )?;
        let Some(last) = bodies.last() else { break };
        after = last.int(0);
        let unpack = |body: &str| BASE64.decode(body).ok().and_then(|bytes| read(&bytes));
        let blocks = halves::each(bodies.iter().map(|r| r.text(1)).collect(), unpack);
        for block in blocks {
            if block.and_then(|block| table.append(block)).is_none() {
                return Ok(Table::default());
            }
        }
    }
    table.is_as_of(packed);
    Ok(table)
}

/// A table as bytes: its names, then column for column.
fn written(table: &Table) -> Vec<u8> {
    let mut pen = Pen(Vec::new());
    pen.length(table.names.len());
    for name in table.names.iter() {
        pen.length(name.len());
        pen.0.extend(name.as_bytes());
    }
    let n = table.len();
    pen.length(n);
    let before = std::iter::once(&0).chain(&table.refs);
    pen.column(table.refs.iter().zip(before).map(|(r, before)| r - before));
    pen.column(table.at.iter().copied());
    // When it was over is a length too, and so it is short.
    pen.column(
        table
            .over
            .iter()
            .zip(&table.at)
            .map(|(over, at)| over.wrapping_sub(*at)),
    );
    pen.column(table.class.iter().map(|n| i64::from(*n)));
    for flags in [&table.finished, &table.private, &table.back_filled] {
        pen.column(flags.iter().map(|flag| i64::from(*flag)));
    }
    let names = [&table.severity, &table.service, &table.team, &table.cause];
    for column in names.into_iter().chain([&table.reopened, &table.corrected]) {
        pen.column(column.iter().map(|n| i64::from(*n)));
    }
    pen.column(table.updates.iter().map(|(due, _)| i64::from(*due)));
    pen.column(table.updates.iter().map(|(_, late)| i64::from(*late)));
    for pairs in [&table.calls, &table.owed] {
        pen.pairs(pairs);
    }
    for column in &table.lengths {
        pen.column(column.iter().copied());
    }
    pen.length(table.stays.iter().count());
    for (status, column) in table.stays.iter() {
        pen.int(i64::from(status));
        let never = std::iter::repeat(MISSING);
        pen.column(column.iter().copied().chain(never).take(n));
    }
    pen.0
}

/// The table that bytes hold; `None` where they make no sense.
fn read(bytes: &[u8]) -> Option<Table> {
    let mut eye = Eye(bytes);
    let mut table = Table::default();
    for _ in 0..eye.length()? {
        let n = eye.length()?;
        table.names.keep(std::str::from_utf8(eye.bytes(n)?).ok()?);
    }
    let (n, names) = (eye.length()?, table.names.len());
    if n > usize::try_from(BLOCK).unwrap_or(0) {
        return None;
    }
    let mut sum = 0_i64;
    for step in eye.column(n)? {
        sum = sum.checked_add(step)?;
        table.refs.push(sum);
    }
    table.at = eye.column(n)?;
    let over = eye.column(n)?.into_iter().zip(&table.at);
    table.over = over.map(|(length, at)| at.wrapping_add(length)).collect();
    table.class = small(eye.column(n)?)?;
    for flags in [&mut table.finished, &mut table.private, &mut table.back_filled] {
        *flags = eye.column(n)?.into_iter().map(|flag| flag != 0).collect();
    }
    for column in [
        &mut table.severity,
        &mut table.service,
        &mut table.team,
        &mut table.cause,
    ] {
        *column = small(eye.column(n)?)?;
        column.iter().all(|name| (*name as usize) < names).then_some(())?;
    }
    table.reopened = small(eye.column(n)?)?;
    table.corrected = small(eye.column(n)?)?;
    let due: Vec<u32> = small(eye.column(n)?)?;
    table.updates = due.into_iter().zip(small(eye.column(n)?)?).collect();
    for pairs in [&mut table.calls, &mut table.owed] {
        *pairs = eye.pairs(n, names)?;
    }
    for column in &mut table.lengths {
        *column = eye.column(n)?;
    }
    for _ in 0..eye.length()? {
        let status = eye.int().and_then(|n| u32::try_from(n).ok())?;
        ((status as usize) < names).then_some(())?;
        table.stays.put(status, eye.column(n)?);
    }
    eye.0.is_empty().then_some(table)
}

/// Numbers of which none is too large.
fn small<T: TryFrom<i64>>(column: Vec<i64>) -> Option<Vec<T>> {
    column.into_iter().map(|n| T::try_from(n).ok()).collect()
}

/// Stands before a column in which all are the same, which stands there once …
const SAME: u8 = 0;
/// … and before one in which each has its own.
const EACH: u8 = 1;

/// Writes numbers, small ones in few bytes.
struct Pen(Vec<u8>);

impl Pen {
    fn int(&mut self, n: i64) {
        // The sign comes last, so that what is little below nought is short too.
        let mut rest = ((n << 1) ^ (n >> 63)).cast_unsigned();
        while rest >= 0x80 {
            self.0.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.0.push(rest as u8);
    }

    fn length(&mut self, n: usize) {
        self.int(i64::try_from(n).unwrap_or(i64::MAX));
    }

    fn column(&mut self, column: impl Iterator<Item = i64> + Clone) {
        let first = column.clone().next().unwrap_or(0);
        if column.clone().all(|n| n == first) {
            self.0.push(SAME);
            self.int(first);
        } else {
            self.0.push(EACH);
            column.for_each(|n| self.int(n));
        }
    }

    fn pairs(&mut self, column: &[Pairs]) {
        let length = |pairs: &Pairs| i64::try_from(pairs.len()).unwrap_or(i64::MAX);
        self.column(column.iter().map(length));
        for (name, n) in column.iter().flatten() {
            self.int(i64::from(*name));
            self.int(*n);
        }
    }
}

/// Reads what a [`Pen`] wrote, in the same order.
struct Eye<'a>(&'a [u8]);

impl Eye<'_> {
    fn int(&mut self) -> Option<i64> {
        let mut out = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            out |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some((out >> 1).cast_signed() ^ -(out & 1).cast_signed());
            }
        }
        None
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.int()?).ok()
    }

    fn bytes(&mut self, n: usize) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn column(&mut self, n: usize) -> Option<Vec<i64>> {
        match self.bytes(1)? {
            [SAME] => Some(vec![self.int()?; n]),
            [EACH] => (0..n).map(|_| self.int()).collect(),
            _ => None,
        }
    }

    fn pairs(&mut self, n: usize, names: usize) -> Option<Vec<Pairs>> {
        let lengths = self.column(n)?;
        let mut one = || {
            let name = self.int().and_then(|n| u32::try_from(n).ok())?;
            Some(((name as usize) < names).then_some(name)?).zip(self.int())
        };
        let all = lengths.into_iter().map(|n| (0..n).map(|_| one()).collect());
        all.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_it_was_written() {
        for n in [0, 1, -1, -3, 63, 64, -65, 1_800_000_000_000, i64::MAX, i64::MIN] {
            let mut pen = Pen(Vec::new());
            pen.int(n);
            let mut eye = Eye(&pen.0);
            assert_eq!((eye.int(), eye.0.len()), (Some(n), 0), "{n}");
        }
        assert_eq!(Eye(&[0x80]).int(), None, "cut off");
        assert_eq!(Eye(&[0xff; 12]).int(), None, "too long");
    }
}
