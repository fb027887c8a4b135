//! Whether an earlier try of a deed may have worked although its answer was lost, so that the next one looks first.

use crate::http::Fault;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Deeds that are remembered; those in doubt are few at a time, so this is only reached when much has gone wrong.
const DEEDS_MAX: usize = 10_000;

/// What is known of the tries of deeds, in memory. It holds only for the tries of this process: what a restart forgot, and
/// what another replica tried in between (the number of tries tells), counts as in doubt.
#[derive(Debug, Default)]
pub struct Doubt {
    deeds: Mutex<HashMap<String, Known>>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    /// How often it had been tried before the last try that was made here.
    tried: u32,
    /// Whether that try ended with a fault that was looked at.
    ended: bool,
    state: State,
}

impl Known {
    /// Nothing is known from here of a deed that was tried so often.
    fn afresh(tried: u32) -> Known {
        let state = match tried {
            0 => State::Undone,
            _ => State::InDoubt { looked: None },
        };
        Known {
            tried,
            ended: false,
            state,
        }
    }
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
        let mut deeds = self.deeds.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut deeds);
        let known = deeds.entry(deed.to_owned()).or_insert_with(|| Known::afresh(tried));
        // A try that only waited for a limit of ours is not counted, and created nothing.
        let of_ours = tried == known.tried || (known.ended && tried == known.tried + 1);
        *known = match of_ours {
            true => Known {
                tried,
                ended: false,
                ..*known
            },
            false => Known::afresh(tried),
        };
        match known.state {
            State::Undone => false,
            State::Sent | State::InDoubt { .. } => true,
        }
    }

    /// Takes note that a create is about to be sent. From here on it may have worked, also where nobody waits for the
    /// answer: the runner calls off what takes longer than a minute, and calls of twenty seconds add up to that.
    pub fn sending(&self, deed: &str) {
        let mut deeds = self.deeds.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut deeds);
        let known = deeds.entry(deed.to_owned()).or_insert_with(|| Known::afresh(0));
        match known.state {
            State::InDoubt { .. } => {}
            State::Undone | State::Sent => known.state = State::Sent,
        }
    }

    /// Takes note that a create has failed.
    pub fn failed(&self, deed: &str, fault: &Fault) {
        let mut deeds = self.deeds.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut deeds);
        let known = deeds.entry(deed.to_owned()).or_insert_with(|| Known::afresh(0));
        known.ended = true;
        known.state = match (known.state, fault.is_undone()) {
            (State::Undone | State::Sent, true) => State::Undone,
            (State::InDoubt { looked }, true) => State::InDoubt { looked },
            (_, false) => State::InDoubt { looked: None },
        };
    }

    /// Takes note that it is done.
    pub fn done(&self, deed: &str) {
        self.deeds.lock().unwrap_or_else(PoisonError::into_inner).remove(deed);
    }

    /// Takes note that it was looked for in vain, where a search may lag behind by `lag`.
    pub fn not_found(&self, deed: &str, lag: Duration, now: Instant) -> NotFound {
        let mut deeds = self.deeds.lock().unwrap_or_else(PoisonError::into_inner);
        let known = deeds.entry(deed.to_owned()).or_insert_with(|| Known::afresh(0));
        let first = match known.state {
            State::InDoubt { looked: Some(first) } => first,
            State::InDoubt { looked: None } | State::Undone | State::Sent => now,
        };
        if now.saturating_duration_since(first) >= lag {
            known.state = State::Undone;
            return NotFound::Create;
        }
        known.state = State::InDoubt { looked: Some(first) };
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
fn make_room(deeds: &mut HashMap<String, Known>) {
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
        let restarted = Doubt::new();
        assert!(restarted.must_look("a", 1), "after a restart nothing is certain");
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
        assert!(d.must_look("a", 1));
        assert_eq!(d.not_found("a", lag, t0), NotFound::LookAgain(2001));
        assert_eq!(
            d.not_found("a", lag, t0 + Duration::from_secs(3)),
            NotFound::LookAgain(2001)
        );
        assert_eq!(d.not_found("a", lag, t0 + lag), NotFound::Create);
        assert!(!d.must_look("a", 1));
        d.failed("a", &lost(false));
        assert!(d.must_look("a", 2));
        assert_eq!(
            d.not_found("a", lag, t0 + 2 * lag),
            NotFound::LookAgain(2001),
            "a new try is a new doubt"
        );
    }

    #[test]
    fn what_another_replica_tried_in_between_is_in_doubt() {
        let d = Doubt::new();
        assert!(!d.must_look("a", 0));
        d.failed("a", &lost(true));
        assert!(d.must_look("a", 2), "somebody else's try may have worked");
        // A try that never came home may have worked, too.
        assert!(!d.must_look("b", 0));
        assert!(d.must_look("b", 1));
    }

    #[test]
    fn two_replicas_that_look_in_turn_come_to_an_end() {
        let (a, b, t0, lag) = (Doubt::new(), Doubt::new(), Instant::now(), Duration::from_secs(6));
        let mut steps = [&a, &b, &a, &b, &a].into_iter().zip((0..).step_by(2));
        let created = steps.any(|(who, second)| {
            who.must_look("x", 1) && who.not_found("x", lag, t0 + Duration::from_secs(second)) == NotFound::Create
        });
        assert!(created);
    }
}
