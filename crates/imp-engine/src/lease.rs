//! Who performs what: every effect that is under way belongs to one replica, until a time that it puts off again and
//! again. What is not put off any more is taken up by another.

use crate::lane;
use crate::store::{Conn, StoreError};
use crate::tx::Seen;
use imp_core::effect::{Capability, What};
use imp_core::{At, Ref};
use std::cell::Cell;
use std::hash::{BuildHasher, Hasher, RandomState};

/// How long a lease lasts. A replica that is gone is noticed after this; a pause of the machine, of the network or of the
/// store that is shorter costs nobody a lease.
pub const LEASE_MS: i64 = 8_000;
/// How often a lease is put off: three times may fail before it is lost.
pub const RENEW_MS: u64 = 2_000;

/// What was written down less long ago was written down a moment ago. Vendors are called within seconds of a fact.
const A_MOMENT_MS: i64 = 10_000;
/// How often the lanes are lined up anew where others write.
const LINE_UP_MS: i64 = 300_000;

/// A replica: one run of the program.
#[derive(Debug)]
pub struct Me {
    /// Its name, different at each start.
    pub name: String,
    /// Since when it has been in touch with the store without a break, by the store's time.
    in_touch: Cell<Option<At>>,
    /// Incidents up to this one came out of a backup: what was done for them after it was made is not known here.
    restored: Ref,
    /// How many replicas there were when they were last counted, and when that was.
    replicas: Cell<(u32, Option<At>)>,
    /// When the lanes were last lined up.
    lined_up: Cell<Option<At>>,
}

impl Me {
    /// A name that nobody else has. Incidents up to `restored` came out of a backup.
    pub fn new(restored: Ref) -> Me {
        let chance = RandomState::new().build_hasher().finish();
        Me {
            name: format!("{:x}-{chance:016x}", std::process::id()),
            in_touch: Cell::new(None),
            restored,
            replicas: Cell::new((1, None)),
            lined_up: Cell::new(None),
        }
    }

    /// How often an effect counts as tried: once at least where it may have been done in a time that is forgotten, so that
    /// it is looked for first.
    pub fn tried(&self, r: Ref, tried: u32) -> u32 {
        if r <= self.restored { tried.max(1) } else { tried }
    }

    /// How many replicas there are, this one included.
    pub fn replicas(&self) -> u32 {
        self.replicas.get().0
    }

    /// The store could not be used.
    pub fn lost_touch(&self) {
        self.in_touch.set(None);
    }
}

/// An effect that this replica performs.
#[derive(Debug, Clone)]
pub struct Lease {
    /// The effect's number.
    pub id: i64,
    /// How often it was claimed, by anybody: a settlement counts only while nobody has claimed it again.
    pub fence: i64,
    /// Whose it is.
    pub reference: Ref,
    /// What it is.
    pub what: What,
}

/// Puts off the leases of what is under way here, and takes up what others have left behind. Until when a lease that is
/// taken now lasts.
pub fn tend(conn: &mut dyn Conn, seen: &Seen, under_way: &[Lease]) -> Result<At, StoreError> {
    let now = conn.lease_time(seen.now)?;
    let until = now.plus(LEASE_MS);
    if conn.sole_writer() {
        // One process has the file to itself: what it performs is its own for as long as it runs.
        return Ok(until);
    }
    let lined_up = seen.me.lined_up.get();
    if lined_up.is_none_or(|at| now.since(at).abs() >= LINE_UP_MS) {
        // While replicas are replaced by a newer version, those of the old one do not know of it.
        lane::line_up(conn)?;
        seen.me.lined_up.set(Some(now));
    }
    let (_, counted) = seen.me.replicas.get();
    if counted.is_none_or(|at| now.since(at).unsigned_abs() >= RENEW_MS) {
        seen.me.replicas.set((conn.replicas()?, Some(now)));
    }
    if !under_way.is_empty() {
        let numbers: Vec<String> = under_way.iter().map(|l| l.id.to_string()).collect();
        // Put together with its numbers, so that no statement is kept prepared for each list of them.
        let sql = format!(
            "update effect set lease_until = {} where state = 'running' and holder = '{}' and id in ({})",
            until.0,
            seen.me.name,
            numbers.join(", ")
        );
        conn.run(&sql, &[])?;
    }
    let since = seen.me.in_touch.get().unwrap_or(now);
    seen.me.in_touch.set(Some(since));
    // When the store was away, nobody could put off anything. Everybody gets the time to do so first.
    if now.since(since) >= LEASE_MS {
        take_up(conn, seen, now)?;
    }
    Ok(until)
}

fn take_up(conn: &mut dyn Conn, seen: &Seen, now: At) -> Result<(), StoreError> {
    let left = conn.rows(
        "select id, ref, key, holder from effect where state = 'running' and lease_until < ?1",
        &[now.0.into()],
    )?;
    for row in &left {
        tracing::warn!(reference = %Ref(row.int(1).unsigned_abs()), key = row.text(2), holder = row.text(3), "taken up: its holder is gone");
        put_back(conn, row.int(0), seen.now)?;
    }
    Ok(())
}

/// Gives back what is under way here; whoever takes it knows that it was tried.
pub fn give_back(conn: &mut dyn Conn, seen: &Seen, leases: &[Lease]) -> Result<(), StoreError> {
    for lease in leases {
        let mine = conn.rows(
            "select 1 from effect where id = ?1 and state = 'running' and holder = ?2 and fence = ?3",
            &[lease.id.into(), seen.me.name.as_str().into(), lease.fence.into()],
        )?;
        if !mine.is_empty() {
            put_back(conn, lease.id, seen.now)?;
        }
    }
    Ok(())
}

/// What was being tried knows that it was, and will look before it does anything again; a mirror that was ordered
/// meanwhile does not, and gives way.
fn put_back(conn: &mut dyn Conn, id: i64, now: At) -> Result<(), StoreError> {
    conn.run(
        "delete from effect where state = 'pending' and exists
         (select 1 from effect w where w.id = ?1 and w.ref = effect.ref and w.key = effect.key)",
        &[id.into()],
    )?;
    conn.run(
        "update effect set state = 'pending', holder = null, due_at = ?2 where id = ?1",
        &[id.into(), now.0.into()],
    )?;
    Ok(())
}

/// Takes up everything that was under way when the one process that had the file ended.
pub fn take_up_all(conn: &mut dyn Conn, now: At) -> Result<(), StoreError> {
    let left = conn.rows("select id from effect where state = 'running'", &[])?;
    left.iter().try_for_each(|row| put_back(conn, row.int(0), now))?;
    lane::line_up(conn)
}

/// Whether somebody was at work a moment ago: an earlier run that was cut off, or another replica.
pub fn in_the_middle(conn: &mut dyn Conn, now: At) -> Result<bool, StoreError> {
    let last = conn.rows("select at from journal order by seq desc limit 1", &[])?;
    Ok(last
        .first()
        .is_some_and(|row| now.since(At(row.int(0))).abs() < A_MOMENT_MS))
}

/// Whether another replica has been at work for an incident at a vendor since this one was; from now on it is this one.
/// Then what this one remembers to have written there says nothing any more.
pub fn others_wrote(conn: &mut dyn Conn, seen: &Seen, r: Ref, at: Capability) -> Result<bool, StoreError> {
    if conn.sole_writer() {
        // What a process remembers is as old as itself, and nobody else writes.
        return Ok(false);
    }
    let last = conn.rows(
        "select who from hand where ref = ?1 and capability = ?2",
        &[r.0.into(), at.word().into()],
    )?;
    if last.first().is_some_and(|row| row.text(0) == seen.me.name) {
        return Ok(false);
    }
    // Before the first there was nobody.
    let others = !last.is_empty();
    conn.run(
        "insert into hand (ref, capability, who) values (?1, ?2, ?3)
         on conflict (ref, capability) do update set who = excluded.who",
        &[r.0.into(), at.word().into(), seen.me.name.as_str().into()],
    )?;
    Ok(others)
}

/// Nobody knows any more what was written last for an incident at a vendor.
pub fn nobody_knows(conn: &mut dyn Conn, r: Ref, at: Capability) -> Result<(), StoreError> {
    conn.run(
        "update hand set who = '' where ref = ?1 and capability = ?2",
        &[r.0.into(), at.word().into()],
    )
    .map(|_| ())
}

/// Nobody knows any more what was written last for an incident anywhere.
pub fn forget(conn: &mut dyn Conn, r: Ref) -> Result<(), StoreError> {
    conn.run("update hand set who = '' where ref = ?1", &[r.0.into()])
        .map(|_| ())
}
