//! How much one caller may ask: enough for any script, too little to take the machine from everybody else.

use crate::problem::Problem;
use imp_core::At;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Calls in a minute that one caller may make, where the configuration does not say.
pub const PER_MINUTE: u32 = 240_000;
/// Wrong tokens in a minute that one address may try: nobody guesses a token in this life, and the log stays readable.
const GUESSES: u32 = 60;
/// The window, in milliseconds.
const WINDOW_MS: i64 = 60_000;
/// Callers that are counted apart; beyond, counting begins anew.
const CALLERS: usize = 10_000;

/// Counts by caller.
#[derive(Debug)]
pub struct Limits {
    per_minute: u32,
    calls: Mutex<HashMap<String, (i64, u32)>>,
    guesses: Mutex<HashMap<String, (i64, u32)>>,
}

/// Where a caller stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Calls in a minute.
    pub limit: u32,
    /// Calls left in this one.
    pub left: u32,
    /// Seconds until the next begins.
    pub reset_s: i64,
    /// Whether this call is one too many.
    pub too_many: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::new(PER_MINUTE)
    }
}

impl Limits {
    /// So many calls a minute.
    pub fn new(per_minute: u32) -> Limits {
        Limits {
            per_minute,
            calls: Mutex::default(),
            guesses: Mutex::default(),
        }
    }

    /// Counts a call.
    pub fn call(&self, name: &str, now: At) -> Standing {
        count(&self.calls, name, now, self.per_minute)
    }

    /// Counts a wrong token.
    ///
    /// # Errors
    /// Where it is one too many.
    pub fn guess(&self, origin: &str, now: At) -> Result<(), Problem> {
        let standing = count(&self.guesses, origin, now, GUESSES);
        match standing.too_many {
            false => Ok(()),
            true => Err(Problem::too_many(standing.reset_s)),
        }
    }
}

fn count(all: &Mutex<HashMap<String, (i64, u32)>>, name: &str, now: At, limit: u32) -> Standing {
    let window = now.0.div_euclid(WINDOW_MS);
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if all.len() >= CALLERS && !all.contains_key(name) {
        all.clear();
    }
    let (of, n) = all.entry(name.to_owned()).or_insert((window, 0));
    if *of != window {
        (*of, *n) = (window, 0);
    }
    *n = n.saturating_add(1);
    Standing {
        limit,
        left: limit.saturating_sub(*n),
        reset_s: ((window + 1) * WINDOW_MS - now.0 + 999) / 1000,
        too_many: *n > limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_a_minute_of_their_own() {
        let limits = Limits::new(2);
        let at = At(120_000);
        assert_eq!((limits.call("a", at).left, limits.call("a", at).left), (1, 0));
        assert!(limits.call("a", at).too_many && !limits.call("b", at).too_many);
        assert_eq!(limits.call("a", at.plus(59_000)).reset_s, 1);
        assert!(!limits.call("a", at.plus(60_000)).too_many);
    }
}
