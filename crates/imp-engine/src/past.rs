//! A past that was never lived here: wishes of former days go through the same law into an empty journal, each at its
//! own time, and nothing of it is owed to any vendor.

use crate::desk::House;
use crate::lease::Me;
use crate::shelf::Shelf;
use crate::store::{Conn, StoreError};
use crate::tx::{self, Seen};
use imp_core::{At, Envelope, Ref, Refusal};

/// Why a past cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// The law refuses one of its wishes: whoever wrote it made a mistake.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The house is connected to vendors, who would be told.
    #[error("a past is told by a house that is connected to nothing")]
    Connected,
    /// The store does not work.
    #[error("the store does not work: {0}")]
    Broken(#[from] StoreError),
}

/// Keeps `wishes`, oldest first, as they would have been kept then, timers included, up to `now`. All of it is one
/// transaction. Where anything has happened already, nothing is done.
///
/// # Errors
/// See [`PastError`].
pub fn live_through(conn: &mut dyn Conn, house: &House, wishes: &[Envelope], now: At) -> Result<(), PastError> {
    if !house.can.is_empty() {
        return Err(PastError::Connected);
    }
    if !conn.rows("select 1 from journal limit 1", &[])?.is_empty() {
        return Ok(());
    }
    conn.begin()?;
    let lived = live(conn, house, wishes, now);
    match lived {
        Ok(()) => Ok(conn.commit()?),
        Err(e) => {
            conn.rollback();
            Err(e)
        }
    }
}

fn live(conn: &mut dyn Conn, house: &House, wishes: &[Envelope], now: At) -> Result<(), PastError> {
    let (shelf, me) = (Shelf::default(), Me::new(Ref(0)));
    let seen = |now: At| Seen {
        house,
        now,
        shelf: &shelf,
        me: &me,
    };
    let mut due = None;
    for wish in wishes {
        due = timers_until(conn, &seen, due, wish.at)?;
        let granted = tx::submit(conn, &seen(wish.at), wish)?.map_err(|r| PastError::Refused(Box::new(r)))?;
        if granted.effects {
            due = tx::claim(conn, &seen(wish.at), &Vec::new(), &[])?.0.next_due;
        }
        tx::catch_up(conn, house, &shelf)?;
    }
    timers_until(conn, &seen, due, now)?;
    Ok(tx::catch_up(conn, house, &shelf)?)
}

/// Carries out the timers that come due before `until`, each when it does; gives when the next one will.
fn timers_until<'a>(
    conn: &mut dyn Conn,
    seen: &impl Fn(At) -> Seen<'a>,
    mut due: Option<At>,
    until: At,
) -> Result<Option<At>, PastError> {
    while let Some(at) = due.filter(|at| *at <= until) {
        due = tx::claim(conn, &seen(at), &Vec::new(), &[])?.0.next_due;
    }
    Ok(due)
}
