//! Titles as they are searched: capital and small letters of every script are one, which not every store can do itself.

use crate::store::{Conn, StoreError, Val};
use imp_core::words;

/// What a title is searched by, in SQL. Titles of ASCII letters alone need nothing more than the store's own `lower`.
pub const COLUMN: &str = "coalesce(sought, lower(title))";
/// Titles looked at in one step, so that a large store is not held in memory.
const STEP: i64 = 10_000;

/// What is kept beside a title: the title folded, where the store's own `lower` does not do.
pub fn beside(title: &str) -> Option<String> {
    (!title.is_ascii()).then(|| words::folded(title))
}

/// Keeps it for every incident that has none yet: of a former version, or of a backup.
///
/// # Errors
/// What the store says.
pub fn fill(conn: &mut dyn Conn) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        let mut folded: Vec<(i64, String)> = Vec::new();
        let (begun_at, mut seen) = (after, 0);
        let sql = "select ref, title from incident where ref > ?1 order by ref limit ?2";
        conn.each(sql, &[begun_at.into(), STEP.into()], &mut |row| {
            (after, seen) = (row.int(0), seen + 1);
            folded.extend(beside(row.text(1)).map(|f| (row.int(0), f)));
            Ok(())
        })?;
        for (r, text) in folded {
            conn.run(
                "update incident set sought = ?2 where ref = ?1",
                &[Val::Int(r), text.into()],
            )?;
        }
        if seen < STEP {
            return Ok(());
        }
    }
}
