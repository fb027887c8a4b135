//! Vendors' rate limits, kept before a call is made rather than after it was refused.

use crate::http::PATIENCE_MAX_MS;
use imp_core::port::{Limits, Spent};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How much longer than the vendor's a window of ours is: calls take unequally long to arrive, so two that leave a
/// second apart may arrive closer together.
const MARGIN: Duration = Duration::from_millis(100);
/// Windows up to this long count as full right after a start in the middle of work: what was called in them before is not
/// known. What was called in longer ones, a minute's, is written down now and then (see [`Spent`]).
const UNKNOWN_UP_TO: Duration = Duration::from_secs(2);
/// How many keys are remembered before those that hold nothing are forgotten: a key per channel adds up over months.
const KEYS_MAX: usize = 1024;

/// So many calls in a window that slides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Calls.
    pub calls: u32,
    /// Within this time, whenever it begins.
    pub window: Duration,
    /// How many of the calls only urgent ones may use.
    pub reserve: u32,
}

impl Limit {
    /// So many calls a minute, a fifth of them kept for urgent ones.
    pub const fn a_minute(calls: u32) -> Limit {
        Limit {
            calls,
            window: Duration::from_secs(60),
            reserve: calls / 5,
        }
    }

    /// So many calls a second; nothing is kept back, because the next second is near.
    pub const fn a_second(calls: u32) -> Limit {
        Limit {
            calls,
            window: Duration::from_secs(1),
            reserve: 0,
        }
    }

    /// One part of it, where so many keep it together: fewer calls, and where there are fewer calls than parts, one call
    /// in a longer window. Over time the parts are never more than the whole; where each part is a single call, several
    /// replicas may make theirs in the same moment, and the vendor's `Retry-After` tells the one that was too much.
    fn part(self, of: u32) -> Limit {
        let of = of.max(1);
        let calls = self.calls / of;
        match calls {
            0 => Limit {
                calls: 1,
                window: self.window * of / self.calls.max(1),
                reserve: 0,
            },
            _ => Limit {
                calls,
                window: self.window,
                reserve: self.reserve / of,
            },
        }
    }
}

/// Whether a call may use the part of the window that is kept back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody waits for it.
    Urgent,
    /// It may wait for the next window.
    Usual,
}

/// What has been spent, by key; shared by everything that calls one vendor.
#[derive(Debug, Default)]
pub struct Budget {
    vendor: &'static str,
    windows: Mutex<HashMap<String, Window>>,
    /// Among how many the limits are shared; 0 as 1.
    shared_by: AtomicU32,
    /// Grows with every pause, and with every call that a restart must not forget.
    count: AtomicU64,
    /// When this process began to call while calls were made that it knows nothing of.
    resumed: Mutex<Option<Instant>>,
}

#[derive(Debug, Default)]
struct Window {
    /// When the calls left that still count, oldest first.
    taken: VecDeque<Instant>,
    /// How many of them, the oldest, this process did not make: others have written those down.
    others: usize,
    /// How long a call counts.
    lasts: Duration,
    /// Nothing leaves before this: the vendor asked for patience.
    paused_until: Option<Instant>,
}

impl Window {
    fn forget(&mut self, now: Instant) {
        let lasts = self.lasts;
        while self
            .taken
            .front()
            .is_some_and(|t| now.saturating_duration_since(*t) >= lasts)
        {
            self.taken.pop_front();
            self.others = self.others.saturating_sub(1);
        }
        if self.paused_until.is_some_and(|t| t <= now) {
            self.paused_until = None;
        }
    }

    fn holds_nothing(&self) -> bool {
        self.taken.is_empty() && self.paused_until.is_none()
    }

    /// What a restart must not forget of it: the calls made here, of a window that is longer than that takes, and the
    /// vendor's pause.
    fn spent(&self, key: &str, now: Instant) -> Option<Spent> {
        let long = self.lasts > UNKNOWN_UP_TO + MARGIN;
        let ages = self
            .taken
            .iter()
            .skip(self.others)
            .filter(|_| long)
            .map(|t| millis(now.saturating_duration_since(*t)));
        let spent = Spent {
            key: key.to_owned(),
            ages: ages.collect(),
            lasts: millis(self.lasts),
            patience: self
                .paused_until
                .map_or(0, |t| millis(t.saturating_duration_since(now))),
        };
        (!spent.ages.is_empty() || spent.patience > 0).then_some(spent)
    }
}

impl Budget {
    /// Nothing spent yet of this vendor's.
    pub fn new(vendor: &'static str) -> Budget {
        Budget {
            vendor,
            ..Budget::default()
        }
    }

    fn resumes_at(&self, now: Instant) {
        *self.resumed.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    fn spent_at(&self, now: Instant) -> Vec<Spent> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Spent> = windows
            .iter_mut()
            .filter_map(|(key, w)| {
                w.forget(now);
                w.spent(key, now)
            })
            .collect();
        all.sort_by(|a, b| a.key.cmp(&b.key));
        all
    }

    fn knows_at(&self, spent: &[Spent], ago_ms: u64, now: Instant) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        for s in spent {
            // More than is taken from a vendor was written by nobody.
            let most = PATIENCE_MAX_MS.unsigned_abs();
            let patience = Duration::from_millis(s.patience.saturating_sub(ago_ms).min(most));
            let w = windows.entry(s.key.clone()).or_default();
            w.lasts = Duration::from_millis(s.lasts);
            let earlier = s
                .ages
                .iter()
                .filter_map(|age| now.checked_sub(Duration::from_millis(age.saturating_add(ago_ms))));
            let mine = w.taken.len();
            w.taken.extend(earlier);
            w.others += w.taken.len() - mine;
            w.taken.make_contiguous().sort_unstable();
            w.paused_until = w.paused_until.max(Some(now + patience));
            w.forget(now);
        }
    }

    /// A window that nothing is known of; `theirs` is how long the vendor's own is.
    fn begun(&self, limit: Limit, theirs: Duration, now: Instant) -> Window {
        let lasts = limit.window + MARGIN;
        let resumed = *self.resumed.lock().unwrap_or_else(PoisonError::into_inner);
        let full = resumed.filter(|at| theirs <= UNKNOWN_UP_TO && now.saturating_duration_since(*at) < lasts);
        let calls = usize::try_from(limit.calls).unwrap_or(usize::MAX);
        Window {
            taken: full.into_iter().flat_map(|at| std::iter::repeat_n(at, calls)).collect(),
            others: full.map_or(0, |_| calls),
            lasts,
            paused_until: None,
        }
    }

    fn own(&self, limit: Limit) -> Limit {
        limit.part(self.shared_by.load(Ordering::Relaxed))
    }

    /// Takes one call, or says how many milliseconds to wait before asking again. A key must always come with the same
    /// limit.
    ///
    /// # Errors
    /// The wait, at least one millisecond, when the window is full or paused; then nothing was taken.
    pub fn take(&self, key: &str, limit: Limit, urgency: Urgency, now: Instant) -> Result<(), i64> {
        let (limit, theirs) = (self.own(limit), limit.window);
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= KEYS_MAX && !windows.contains_key(key) {
            windows.retain(|_, w| {
                w.forget(now);
                !w.holds_nothing()
            });
        }
        let w = windows
            .entry(key.to_owned())
            .or_insert_with(|| self.begun(limit, theirs, now));
        w.lasts = limit.window + MARGIN;
        w.forget(now);
        if let Some(until) = w.paused_until {
            return Err(wait_ms(until, now));
        }
        let most = match urgency {
            Urgency::Urgent => limit.calls,
            Urgency::Usual => limit.calls.saturating_sub(limit.reserve),
        };
        let most = usize::try_from(most.max(1)).unwrap_or(usize::MAX);
        if w.taken.len() < most {
            w.taken.push_back(now);
            if theirs > UNKNOWN_UP_TO {
                self.count.fetch_add(1, Ordering::Relaxed);
            }
            return Ok(());
        }
        // Room comes when so many of the oldest have left that fewer than `most` remain.
        let last_to_leave = w.taken.get(w.taken.len() - most).copied().unwrap_or(now);
        Err(wait_ms(last_to_leave + w.lasts, now))
    }

    /// Whether a call could be taken now; takes none.
    pub fn room(&self, key: &str, limit: Limit, urgency: Urgency, now: Instant) -> bool {
        let limit = self.own(limit);
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(w) = windows.get_mut(key) else { return true };
        w.forget(now);
        let reserve = if urgency == Urgency::Urgent { 0 } else { limit.reserve };
        w.paused_until.is_none()
            && w.taken.len() < usize::try_from(limit.calls.saturating_sub(reserve)).unwrap_or(usize::MAX)
    }

    /// Lets nothing with this key leave for so long, because the vendor said so.
    pub fn pause(&self, key: &str, for_ms: i64, now: Instant) {
        let until = now + Duration::from_millis(u64::try_from(for_ms).unwrap_or(0));
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let w = windows.entry(key.to_owned()).or_default();
        w.paused_until = w.paused_until.max(Some(until));
        self.count.fetch_add(1, Ordering::Relaxed);
    }
}

impl Limits for Budget {
    fn vendor(&self) -> &'static str {
        self.vendor
    }

    fn share(&self, replicas: u32) {
        self.shared_by.store(replicas, Ordering::Relaxed);
    }

    fn resumes(&self) {
        self.resumes_at(Instant::now());
    }

    fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn spent(&self) -> Vec<Spent> {
        self.spent_at(Instant::now())
    }

    fn knows(&self, spent: &[Spent], ago_ms: u64) {
        self.knows_at(spent, ago_ms, Instant::now());
    }
}

fn millis(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}

fn wait_ms(until: Instant, now: Instant) -> i64 {
    let wait = until.saturating_duration_since(now);
    i64::try_from(wait.as_millis()).unwrap_or(i64::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn no_window_ever_holds_more_than_the_limit() {
        let (b, t0, limit) = (
            Budget::new("Slack"),
            Instant::now(),
            Limit {
                calls: 5,
                window: Duration::from_secs(1),
                reserve: 0,
            },
        );
        let mut went = Vec::new();
        for ms in (0..10_000).step_by(7) {
            if b.take("k", limit, Urgency::Usual, at(t0, ms)).is_ok() {
                went.push(ms);
            }
        }
        assert!(went.windows(6).all(|w| w[5] - w[0] >= 1000), "{went:?}");
        assert!(went.len() >= 40, "and it is used well: {}", went.len());
    }

    #[test]
    fn after_a_start_in_the_middle_of_work_the_second_counts_as_spent_and_the_minute_does_not() {
        let (b, t0) = (Budget::new("Slack"), Instant::now());
        b.resumes_at(t0);
        let wait = b
            .take("channel", Limit::a_second(1), Urgency::Urgent, at(t0, 100))
            .expect_err("full");
        assert!((1000..=1001).contains(&wait), "{wait}");
        assert_eq!(
            b.take("method", Limit::a_minute(20), Urgency::Usual, at(t0, 100)),
            Ok(())
        );
        assert_eq!(
            b.take("channel", Limit::a_second(1), Urgency::Urgent, at(t0, 1101)),
            Ok(())
        );
        assert_eq!(
            b.take("another", Limit::a_second(1), Urgency::Urgent, at(t0, 1102)),
            Ok(())
        );
    }

    #[test]
    fn a_restart_forgets_neither_the_minute_nor_the_vendors_pause() {
        let (before, after, t0) = (Budget::new("Slack"), Budget::new("Slack"), Instant::now());
        let t1 = at(t0, 30_000);
        let takes = |b: &Budget, now| {
            (0..50)
                .filter(|_| b.take("method", Limit::a_minute(20), Urgency::Urgent, now).is_ok())
                .count()
        };
        assert_eq!(takes(&before, t0), 20);
        assert_eq!(before.take("channel", Limit::a_second(1), Urgency::Urgent, t0), Ok(()));
        before.pause("paused", 45_000, t0);
        let written = before.spent_at(at(t0, 400));
        assert_eq!(
            written.iter().map(|s| s.key.as_str()).collect::<Vec<_>>(),
            ["method", "paused"],
            "what is over before a restart is not written down"
        );
        after.knows_at(&written, 29_600, t1);
        let nonsense = Spent {
            key: "nonsense".into(),
            ages: vec![u64::MAX],
            lasts: 60_000,
            patience: u64::MAX,
        };
        let other = Budget::new("Slack");
        other.knows_at(&[nonsense], 1, t1);
        let wait = other.take("nonsense", Limit::a_minute(20), Urgency::Urgent, t1);
        assert!(wait.is_err_and(|ms| ms <= 24 * 3_600_000 + 1), "{wait:?}");
        assert_eq!(takes(&after, t1), 0);
        let wait = after.take("paused", Limit::a_minute(20), Urgency::Urgent, t1);
        assert!(wait.is_err_and(|ms| (15_000..15_100).contains(&ms)), "{wait:?}");
        let own = after.spent_at(t1);
        assert_eq!(
            own.iter().map(|s| (s.key.as_str(), s.ages.len())).collect::<Vec<_>>(),
            [("paused", 0)],
            "what others have written down is not written down again"
        );
        assert_eq!(takes(&after, at(t0, 59_000)), 0);
        assert_eq!(
            takes(&after, at(t0, 60_200)),
            20,
            "and then it is as if nothing had happened"
        );
    }

    #[test]
    fn the_wait_that_is_told_is_enough_and_not_much_more() {
        let (b, t0, limit) = (Budget::new("Slack"), Instant::now(), Limit::a_second(1));
        assert_eq!(b.take("k", limit, Urgency::Usual, t0), Ok(()));
        let wait = b.take("k", limit, Urgency::Usual, at(t0, 400)).expect_err("full");
        assert!((600..=750).contains(&wait), "{wait}");
        assert_eq!(
            b.take("k", limit, Urgency::Usual, at(t0, 400 + wait.unsigned_abs())),
            Ok(())
        );
    }

    #[test]
    fn a_share_is_kept_for_what_is_urgent() {
        let (b, t0, limit) = (Budget::new("Slack"), Instant::now(), Limit::a_minute(20));
        let usual = (0..20)
            .filter(|_| b.take("k", limit, Urgency::Usual, t0).is_ok())
            .count();
        let urgent = (0..20)
            .filter(|_| b.take("k", limit, Urgency::Urgent, t0).is_ok())
            .count();
        assert_eq!((usual, urgent), (16, 4));
        let wait = b.take("k", limit, Urgency::Usual, t0).expect_err("full");
        assert_eq!(b.take("k", limit, Urgency::Usual, at(t0, wait.unsigned_abs())), Ok(()));
    }

    #[test]
    fn what_several_take_together_is_never_more_than_the_limit_and_nobody_starves() {
        let limits = [
            (Limit::a_second(1), 1_000),
            (
                Limit {
                    calls: 5,
                    window: Duration::from_secs(1),
                    reserve: 0,
                },
                1_000,
            ),
            (Limit::a_minute(19), 60_000),
        ];
        for (limit, window_ms) in limits {
            for replicas in 1..=7_u32 {
                let budgets: Vec<Budget> = (0..replicas).map(|_| Budget::new("Slack")).collect();
                budgets.iter().for_each(|b| b.share(replicas));
                let (t0, mut went, mut each) = (Instant::now(), Vec::new(), vec![0; budgets.len()]);
                for ms in (0..20 * window_ms).step_by(13) {
                    for (b, n) in budgets.iter().zip(&mut each) {
                        if b.take("k", limit, Urgency::Urgent, at(t0, ms)).is_ok() {
                            went.push(ms);
                            *n += 1;
                        }
                    }
                }
                // Where there are more replicas than calls, two may call in the same moment, and then wait the longer.
                let most = limit.calls.max(replicas) as usize;
                let crowded = went.windows(most + 1).find(|w| w[most] - w[0] < window_ms);
                assert!(crowded.is_none(), "{replicas} replicas, {limit:?}: {crowded:?}");
                let rate = went.len() as u64 / 20;
                assert!(
                    rate <= u64::from(limit.calls),
                    "{replicas} replicas, {limit:?}: {rate} in a window"
                );
                assert!(each.iter().all(|n| *n > 0), "{replicas} replicas, {limit:?}: {each:?}");
            }
        }
        // Whoever is alone again has all of it.
        let (b, t0) = (Budget::new("Slack"), Instant::now());
        b.share(2);
        let takes = |ms| {
            (0..40)
                .filter(|_| b.take("k", Limit::a_minute(19), Urgency::Urgent, at(t0, ms)).is_ok())
                .count()
        };
        assert_eq!(takes(0), 9);
        b.share(1);
        assert_eq!(takes(1), 10);
    }

    #[test]
    fn keys_do_not_hinder_each_other_and_a_pause_holds() {
        let (b, t0, limit) = (Budget::new("Slack"), Instant::now(), Limit::a_second(1));
        b.pause("a", 5_000, t0);
        assert!(
            b.take("a", limit, Urgency::Urgent, at(t0, 4_000))
                .is_err_and(|w| w >= 1_000)
        );
        assert_eq!(b.take("b", limit, Urgency::Usual, t0), Ok(()));
        assert_eq!(b.take("a", limit, Urgency::Usual, at(t0, 5_001)), Ok(()));
    }
}
