//! Whether an earlier try of a deed may have worked although its answer was lost, so that the next one looks first.

use crate::http::Fault;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Deeds that are remembered; those in doubt are few at a time, so this is only reached when much has gone wrong.
const DEEDS_MAX: usize = 10_000;

/// What is known of the tries of deeds, in memory; what a restart forgets counts as in doubt.
#[derive(Debug, Default)]
pub struct Doubt {
    deeds: Mutex<HashMap<String, State>>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// No try so far can have worked.
    Undone,
    /// A try is on its way. Whoever finds this later was called off before it heard how that went.
    Sent,
    /// A try may have worked; when it was first looked for in vain.
    InDoubt { looked: Option<Instant> },
}

/// What to do when a deed was looked for and not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotFound {
    /// The vendor's search lags behind what was created: look again after so many milliseconds.
    LookAgain(i64),
    /// It has been looked for long enough: it does not exist.
    Create,
}

impl Doubt {
    /// Nothing known.
    pub fn new() -> Doubt {
        Doubt::default()
    }

    /// Whether this try must look before it creates.
    pub fn must_look(&self, deed: &str, tried: u32) -> bool {
        let deeds = self.deeds.lock().unwrap_or_else(PoisonError::into_inner);
        match deeds.get(deed) {
            Some(State::Undone) => false,
            Some(State::Sent | State::InDoubt { .. }) => true,
            None => tried > 0,
        }
    }

    /// Takes note that a create is about to be sent. From here on it may have worked, also where nobody waits for the
    /// answer: the runner calls off what takes longer than a minute, and calls of twenty seconds add up to that.
    pub fn sending(&self, deed: &str) {
        let mut deeds = self.deeds.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut deeds);
        match deeds.get(deed) {
            Some(State::InDoubt { .. }) => {}
            None | Some(State::Undone | State::Sent) => drop(deeds.insert(deed.to_owned(), State::Sent)),
        }
    }

    /// Takes note that a create has failed.
    pub fn failed(&self, deed: &str, fault: &Fault) {
        let mut deeds = self.deeds.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut deeds);
        match (deeds.get(deed), fault.is_undone()) {
            (None | Some(State::Undone | State::Sent), true) => deeds.insert(deed.to_owned(), State::Undone),
            (Some(State::InDoubt { .. }), true) => None,
            (_, false) => deeds.insert(deed.to_owned(), State::InDoubt { looked: None }),
        };
    }

    /// Takes note that it is done.
    pub fn done(&self, deed: &str) {
        self.deeds.lock().unwrap_or_else(PoisonError::into_inner).remove(deed);
    }

    /// Takes note that it was looked for in vain, where a search may lag behind by `lag`.
    pub fn not_found(&self, deed: &str, lag: Duration, now: Instant) -> NotFound {
        let mut deeds = self.deeds.lock().unwrap_or_else(PoisonError::into_inner);
        let first = match deeds.get(deed) {
            Some(State::InDoubt { looked: Some(first) }) => *first,
            Some(State::InDoubt { looked: None } | State::Undone | State::Sent) | None => now,
        };
        if now.saturating_duration_since(first) >= lag {
            deeds.insert(deed.to_owned(), State::Undone);
            return NotFound::Create;
        }
        deeds.insert(deed.to_owned(), State::InDoubt { looked: Some(first) });
        /// How many looks fit into the lag.
        const LOOKS: u32 = 3;
        NotFound::LookAgain(
            i64::try_from((lag / LOOKS).as_millis())
                .unwrap_or(i64::MAX)
                .saturating_add(1),
        )
    }
}

/// What is forgotten counts as in doubt wherever a deed was tried, so forgetting is safe.
fn make_room(deeds: &mut HashMap<String, State>) {
    if deeds.len() >= DEEDS_MAX {
        deeds.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(undone: bool) -> Fault {
        Fault::Later {
            status: None,
            after_ms: None,
            why: "lost".into(),
            undone,
        }
    }

    #[test]
    fn only_what_may_have_worked_is_looked_for() {
        let d = Doubt::new();
        assert!(!d.must_look("a", 0));
        assert!(d.must_look("a", 1), "after a restart nothing is certain");
        d.failed("b", &lost(true));
        assert!(!d.must_look("b", 1), "there was no connection");
        d.failed("b", &lost(false));
        d.failed("b", &lost(true));
        assert!(d.must_look("b", 3), "the second try may have worked");
    }

    #[test]
    fn a_create_that_was_called_off_is_looked_for() {
        let d = Doubt::new();
        d.failed("a", &lost(true));
        d.sending("a");
        assert!(d.must_look("a", 1), "nobody heard how it went");
        d.failed("a", &lost(true));
        assert!(!d.must_look("a", 1), "it was heard that nothing was done");
        d.sending("a");
        d.failed("a", &lost(false));
        d.sending("a");
        d.failed("a", &lost(true));
        assert!(d.must_look("a", 4), "the try before may have worked");
    }

    #[test]
    fn a_search_that_lags_is_asked_again_before_it_is_believed() {
        let (d, t0, lag) = (Doubt::new(), Instant::now(), Duration::from_secs(6));
        assert_eq!(d.not_found("a", lag, t0), NotFound::LookAgain(2001));
        assert_eq!(
            d.not_found("a", lag, t0 + Duration::from_secs(3)),
            NotFound::LookAgain(2001)
        );
        assert_eq!(d.not_found("a", lag, t0 + lag), NotFound::Create);
        assert!(!d.must_look("a", 1));
        d.failed("a", &lost(false));
        assert_eq!(
            d.not_found("a", lag, t0 + 2 * lag),
            NotFound::LookAgain(2001),
            "a new try is a new doubt"
        );
    }
}
