//! The narrow rows in packed blocks, so that a start reads some dozens of long rows instead of a million short ones.
//!
//! A block holds the incidents whose references lie in one stretch. What is in it may be old: whoever loads blocks asks for
//! the rows with a newer stamp afterwards, as after any other look.

use super::table::{Line, Pairs, Table};
use crate::store::{Conn, StoreError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use imp_core::metric::COUNT;

/// References in a block: some hundred kilobytes, so that a change rewrites little, and a million are sixty.
const BLOCK: i64 = 16_384;
/// The row that says how blocks are written, and up to which stamp all of them together are complete.
const HEAD: i64 = -1;
/// Goes up when the way in which a block is written changes.
const FORMAT: u32 = 1;
/// So many writes may stand outside of the blocks: to read them one by one takes a fraction of a second.
pub const LOOSE_MAX: i64 = 20_000;

/// How blocks are written by this version.
fn format() -> String {
    format!("{FORMAT}:{COUNT}")
}

/// Up to which stamp the blocks are complete; 0 where there are none that this version reads.
fn head(conn: &mut dyn Conn) -> Result<i64, StoreError> {
    let rows = conn.rows("select stamp, body from leaf where block = ?1", &[HEAD.into()])?;
    Ok(rows.first().filter(|r| r.text(1) == format()).map_or(0, |r| r.int(0)))
}

/// Packs what was written since the last time, where that is more than `loose` rows; inside the caller's transaction.
///
/// # Errors
/// What the store says.
pub fn pack(conn: &mut dyn Conn, loose: i64) -> Result<(), StoreError> {
    let (packed, newest) = (head(conn)?, Table::newest(conn)?);
    if newest - packed <= loose {
        return Ok(());
    }
    if packed == 0 {
        conn.run("delete from leaf", &[])?;
    }
    let changed = conn.rows(
        "select distinct ref / ?1 from measure where stamp > ?2",
        &[BLOCK.into(), packed.into()],
    )?;
    for block in changed.iter().map(|r| r.int(0)) {
        let body = BASE64.encode(written(&Table::of_refs(conn, block * BLOCK, (block + 1) * BLOCK)?));
        put(conn, block, newest, body)?;
    }
    put(conn, HEAD, newest, format())
}

fn put(conn: &mut dyn Conn, block: i64, stamp: i64, body: String) -> Result<(), StoreError> {
    conn.run(
        "insert into leaf (block, stamp, body) values (?1, ?2, ?3)
         on conflict (block) do update set stamp = excluded.stamp, body = excluded.body",
        &[block.into(), stamp.into(), body.into()],
    )?;
    Ok(())
}

/// The rows of all blocks; an empty table where there are none, or one cannot be read.
///
/// # Errors
/// What the store says.
pub fn load(conn: &mut dyn Conn) -> Result<Table, StoreError> {
    // Before the blocks: one that is written meanwhile holds newer rows, which are then asked for once more.
    let packed = head(conn)?;
    let mut table = Table::default();
    let mut whole = packed > 0;
    if whole {
        conn.each(
            "select body from leaf where block >= 0 order by block",
            &[],
            &mut |row| {
                let bytes = BASE64.decode(row.text(0)).unwrap_or_default();
                whole &= read(&bytes, &mut table).is_some();
                Ok(())
            },
        )?;
    }
    if !whole {
        return Ok(Table::default());
    }
    table.is_as_of(packed);
    Ok(table)
}

/// A table as bytes: its names, then row for row.
fn written(table: &Table) -> Vec<u8> {
    let mut pen = Pen(Vec::new());
    pen.length(table.names.len());
    for name in table.names.iter() {
        pen.length(name.len());
        pen.0.extend(name.as_bytes());
    }
    pen.length(table.len());
    for n in 0..table.len() {
        pen.line(&table.line(n));
    }
    pen.0
}

/// Adds what bytes hold to a table; `None` where they make no sense.
fn read(bytes: &[u8], table: &mut Table) -> Option<()> {
    let mut eye = Eye(bytes);
    let mut names = Vec::new();
    for _ in 0..eye.length()? {
        let n = eye.length()?;
        names.push(table.names.keep(std::str::from_utf8(eye.bytes(n)?).ok()?));
    }
    for _ in 0..eye.length()? {
        let line = eye.line(&names)?;
        table.lay(line);
    }
    eye.0.is_empty().then_some(())
}

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

    fn pairs(&mut self, pairs: &Pairs) {
        self.length(pairs.len());
        for (name, n) in pairs {
            self.int(i64::from(*name));
            self.int(*n);
        }
    }

    fn line(&mut self, line: &Line) {
        let flags = [line.finished, line.private, line.back_filled];
        let flags = flags.iter().rev().fold(0, |all, flag| all << 1 | i64::from(*flag));
        self.int(line.reference);
        self.int(line.at);
        self.int(line.over);
        self.int(i64::from(line.class));
        self.int(flags);
        let counts = [line.reopened, line.updates.0, line.updates.1, line.corrected];
        for n in [line.severity, line.service, line.team, line.cause]
            .iter()
            .chain(&counts)
        {
            self.int(i64::from(*n));
        }
        for pairs in [&line.stays, &line.calls, &line.owed] {
            self.pairs(pairs);
        }
        line.lengths.iter().for_each(|ms| self.int(*ms));
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

    fn small<T: TryFrom<i64>>(&mut self) -> Option<T> {
        T::try_from(self.int()?).ok()
    }

    fn bytes(&mut self, n: usize) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn name(&mut self, names: &[u32]) -> Option<u32> {
        names.get(self.length()?).copied()
    }

    fn pairs(&mut self, names: &[u32]) -> Option<Pairs> {
        match self.length()? {
            0 => Some(Pairs::default()),
            n => (0..n).map(|_| Some((self.name(names)?, self.int()?))).collect(),
        }
    }

    fn line(&mut self, names: &[u32]) -> Option<Line> {
        let (reference, at, over, class, flags) = (self.int()?, self.int()?, self.int()?, self.small()?, self.int()?);
        let (severity, service, team, cause) = (
            self.name(names)?,
            self.name(names)?,
            self.name(names)?,
            self.name(names)?,
        );
        let (reopened, updates) = (self.small()?, (self.small()?, self.small()?));
        let corrected = self.small()?;
        let (stays, calls, owed) = (self.pairs(names)?, self.pairs(names)?, self.pairs(names)?);
        let mut lengths = [0; COUNT];
        for ms in &mut lengths {
            *ms = self.int()?;
        }
        Some(Line {
            reference,
            at,
            over,
            class,
            finished: flags & 1 != 0,
            private: flags & 2 != 0,
            back_filled: flags & 4 != 0,
            severity,
            service,
            team,
            cause,
            reopened,
            updates,
            stays,
            calls,
            owed,
            corrected,
            lengths,
        })
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
