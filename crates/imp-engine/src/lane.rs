//! Lanes: within one incident, effects of one lane are done one at a time, in order. What stands behind another is marked
//! so, and looking for what may be done costs the same however much waits for its turn.

use crate::store::{Conn, StoreError};
use imp_core::Ref;

/// Whether an effect would stand behind another, as an expression: `?1` is the incident, `?3` the lane.
pub const STANDS_BEHIND: &str = "case when exists (select 1 from effect b where b.ref = ?1 and b.lane = ?3
     and b.state in ('pending', 'running')) then 1 else 0 end";

/// Something has left a lane: the next may be done.
///
/// # Errors
/// What the store says.
pub fn move_up(conn: &mut dyn Conn, r: Ref, lane: &str) -> Result<(), StoreError> {
    conn.run(
        "update effect set behind = 0 where state = 'pending' and behind = 1 and id =
         (select min(b.id) from effect b where b.ref = ?1 and b.lane = ?2 and b.state in ('pending', 'running'))",
        &[r.0.into(), lane.into()],
    )?;
    Ok(())
}

/// Something has come back into a lane, before what was ordered after it.
///
/// # Errors
/// What the store says.
pub fn come_back(conn: &mut dyn Conn, r: Ref, key: &str) -> Result<(), StoreError> {
    conn.run(
        "update effect set behind = case when exists (select 1 from effect b where b.ref = effect.ref
         and b.lane = effect.lane and b.id < effect.id and b.state in ('pending', 'running')) then 1 else 0 end
         where ref = ?1 and state = 'pending' and lane in (select c.lane from effect c where c.ref = ?1 and c.key = ?2)",
        &[r.0.into(), key.into()],
    )?;
    Ok(())
}

/// Lines up everything anew: rows came from elsewhere, or another version of IMP may have been at work on them.
///
/// # Errors
/// What the store says.
pub fn line_up(conn: &mut dyn Conn) -> Result<(), StoreError> {
    const BEFORE: &str =
        "(select 1 from effect b where b.ref = effect.ref and b.lane = effect.lane and b.id < effect.id
         and b.state in ('pending', 'running'))";
    for (is, shall, exists) in [(1, 0, "not exists"), (0, 1, "exists")] {
        let sql = format!(
            "update effect set behind = {shall} where state = 'pending' and behind = {is} and {exists} {BEFORE}"
        );
        conn.run(&sql, &[])?;
    }
    Ok(())
}
