//! The one place where the time is read.

use imp_core::At;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> At;
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
