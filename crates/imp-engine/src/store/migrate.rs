//! Migrations: what brings any former store up to date. One that has been released is never edited.

use super::conn::{Conn, StoreError, Val};
use super::{OpenError, broken};
use crate::sought;

/// Migrations, in the order in which they run, which is the order in which they came into the program: a store's version is
/// how many of these it has run, so that a new one goes to the end. The number in a file's name was only given to whoever
/// wrote it, so that two people did not take the same one; it says nothing of the order.
const MIGRATIONS: [&str; 19] = [
    include_str!("../../migrations/0001_begin.sql"),
    include_str!("../../migrations/0002_due_by_rank.sql"),
    include_str!("../../migrations/0003_replicas.sql"),
    include_str!("../../migrations/0004_measure.sql"),
    include_str!("../../migrations/0030_measure_more.sql"),
    include_str!("../../migrations/0010_audit.sql"),
    include_str!("../../migrations/0011_session.sql"),
    include_str!("../../migrations/0020_birth.sql"),
    include_str!("../../migrations/0031_measure_owed.sql"),
    include_str!("../../migrations/0039_saved_view.sql"),
    include_str!("../../migrations/0040_incident_list.sql"),
    include_str!("../../migrations/0035_process_version.sql"),
    include_str!("../../migrations/0032_lane.sql"),
    include_str!("../../migrations/0033_sought.sql"),
    include_str!("../../migrations/0034_sought_list.sql"),
    include_str!("../../migrations/0050_picture.sql"),
    include_str!("../../migrations/0051_measure_corrected.sql"),
    include_str!("../../migrations/0052_leaf.sql"),
    include_str!("../../migrations/0053_next.sql"),
];

/// After this step the new column is filled, which SQL alone cannot do.
const SOUGHT: i64 = 14;

/// The newest schema that this binary knows.
pub const KNOWN: i64 = MIGRATIONS.len() as i64;

/// Every step, oldest first; `{serial}` stands for the kind of a numbered column.
pub fn all() -> &'static [&'static str] {
    &MIGRATIONS
}

/// Brings a store up to date, all steps in one transaction. Of several replicas that start at once one does it, and the
/// others wait and find it done.
///
/// # Errors
/// Where the store is newer than this binary, or does not do what it should; then nothing of it was changed.
pub fn run(conn: &mut dyn Conn, path: &str) -> Result<(), OpenError> {
    to(conn, path, KNOWN)
}

fn to(conn: &mut dyn Conn, path: &str, version: i64) -> Result<(), OpenError> {
    let failed = |e: StoreError| broken(path, e);
    conn.begin().map_err(failed)?;
    match steps(conn, path, version) {
        Ok(()) => conn.commit().map_err(failed),
        Err(e) => {
            conn.rollback();
            Err(e)
        }
    }
}

fn steps(conn: &mut dyn Conn, path: &str, version: i64) -> Result<(), OpenError> {
    let failed = |e: StoreError| broken(path, e);
    conn.run(
        "create table if not exists schema_version (version bigint not null)",
        &[],
    )
    .map_err(failed)?;
    let found = version_of(conn).map_err(failed)?;
    if found > KNOWN {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known: KNOWN,
        });
    }
    if !conn.sole_writer() {
        // A migration takes as long as it takes.
        conn.run("set local statement_timeout = 0", &[]).map_err(failed)?;
    }
    for (n, sql) in (1..=version).zip(MIGRATIONS).skip(usize::try_from(found).unwrap_or(0)) {
        let sql = sql.replace("{serial}", conn.serial());
        for statement in sql.split(';').map(str::trim).filter(|s| !s.is_empty()) {
            conn.run(statement, &[]).map_err(failed)?;
        }
        if n == SOUGHT {
            sought::fill(conn).map_err(failed)?;
        }
        conn.run("insert into schema_version (version) values (?1)", &[Val::from(n)])
            .map_err(failed)?;
    }
    Ok(())
}

/// Says whether a store that is only to be read has the schema of this binary.
///
/// # Errors
/// Where it has another.
pub fn is_current(conn: &mut dyn Conn, path: &str) -> Result<(), OpenError> {
    let found = version_of(conn).map_err(|e| broken(path, e))?;
    let (path, known) = (path.to_owned(), KNOWN);
    match found.cmp(&known) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(OpenError::Newer { path, found, known }),
        std::cmp::Ordering::Less => Err(OpenError::Older { path, found, known }),
    }
}

fn version_of(conn: &mut dyn Conn) -> Result<i64, StoreError> {
    let rows = conn.rows("select coalesce(max(version), 0) from schema_version", &[])?;
    Ok(rows.first().map_or(0, |r| r.int(0)))
}
