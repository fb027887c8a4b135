//! The one place where the time is read.

use imp_core::At;
use std::time::Duration;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> At;

    /// Now, as everybody else has it: what comes from outside with a time of its own is measured by this.
    fn outside(&self) -> At {
        self.now()
    }

    /// How long somebody waits until this clock has gone on by so much.
    fn takes(&self, time: Duration) -> Duration {
        time
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock's own file")]
    fn now(&self) -> At {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        At(since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// A clock that runs faster than the machine's from the moment at which it is made: for trials, in which an hour shall
/// not take an hour.
#[derive(Debug, Clone, Copy)]
pub struct SwiftClock {
    since: At,
    speed: u32,
}

impl SwiftClock {
    /// So many times as fast, from now on.
    pub fn from_now(speed: u32) -> SwiftClock {
        SwiftClock {
            since: SystemClock.now(),
            speed: speed.max(1),
        }
    }
}

impl Clock for SwiftClock {
    fn now(&self) -> At {
        let passed = SystemClock.now().since(self.since);
        self.since.plus(passed.saturating_mul(i64::from(self.speed)))
    }

    fn outside(&self) -> At {
        SystemClock.now()
    }

    fn takes(&self, time: Duration) -> Duration {
        time / self.speed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swift_clock_begins_now_and_runs_as_fast_as_it_is_told_to() {
        let clock = SwiftClock {
            since: SystemClock.now().plus(-1_000),
            speed: 60,
        };
        let passed = clock.now().since(clock.since);
        assert!((60_000..120_000).contains(&passed), "a second is a minute: {passed}");
        assert_eq!(clock.takes(Duration::from_secs(60)), Duration::from_secs(1));
        assert!(SwiftClock::from_now(60).now().since(SystemClock.now()) < 60_000);
    }
}
