//! What was read in channels to look for messages of ours, so that many that are in doubt take one look together.
//!
//! After a restart every message that was on its way is looked for, and Slack lets a channel's history be read fifty times
//! a minute. A message that a reading shows is there. That it is not there, a reading says only where everything that may
//! have been sent before it had long ended, and nothing was sent since: else each looks for itself.

use serde_json::Value;
use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Channels whose reading is kept. More are not in doubt at a time.
const PLACES_MAX: usize = 200;

/// How long a reading serves: people delete messages, too.
const SERVES: Duration = Duration::from_secs(10);
/// How long what was sent may take to arrive, after whoever sent it is gone or has given up.
const ARRIVES: Duration = Duration::from_secs(5);

/// The readings of this process.
#[derive(Debug)]
pub(super) struct Readings {
    places: Mutex<HashMap<String, Arc<Place>>>,
    /// What was sent where the address is a name or a person, so that the channel is not known.
    anywhere: Arc<Sent>,
    began: Instant,
    /// Others post with the same account, unseen from here.
    others_write: AtomicBool,
}

/// What was sent to an address, from here.
#[derive(Debug)]
struct Sent {
    /// Grows when a message is sent, and again when that has ended, however it ended.
    count: AtomicU64,
    /// When it grew last; at first, when this process began: the one before it may have sent until then.
    last: Mutex<Instant>,
}

impl Sent {
    fn since(began: Instant) -> Sent {
        Sent {
            count: AtomicU64::new(0),
            last: Mutex::new(began),
        }
    }

    fn grow(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    fn has_arrived(&self, now: Instant) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        now.saturating_duration_since(last) >= ARRIVES
    }
}

#[derive(Debug)]
struct Place {
    sent: Arc<Sent>,
    /// One look at a time: whoever comes meanwhile waits for what it finds.
    kept: tokio::sync::Mutex<Option<Reading>>,
}

#[derive(Debug)]
struct Reading {
    since: Instant,
    at: Moment,
    /// Whether everything sent before it had arrived.
    whole: bool,
    ours: HashMap<Mark, String>,
}

/// How often had been sent, here and to addresses that may be here.
type Moment = (u64, u64);

/// The incident's reference and the order's key, as a message of ours bears them.
pub(super) type Mark = (String, String);

/// Ends with what is sent: dropped, too, where that is called off.
pub(super) struct Sending(Arc<Sent>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.grow();
    }
}

impl Readings {
    /// Nothing was read, and this process began just now.
    pub(super) fn new(began: Instant) -> Readings {
        Readings {
            places: Mutex::default(),
            anywhere: Arc::new(Sent::since(began)),
            began,
            others_write: AtomicBool::new(false),
        }
    }

    /// No reading serves twice from now on: other replicas post with the same account.
    pub(super) fn others_write(&self) {
        self.others_write.store(true, Ordering::SeqCst);
    }

    /// To be held while a message is sent to this address: a reading of before says nothing of it.
    pub(super) fn sending(&self, address: &str) -> Sending {
        let is_channel = super::mrkdwn::is_id(address) && address.starts_with(['C', 'G', 'D']);
        let sent = match is_channel {
            true => self.place(address).sent.clone(),
            false => self.anywhere.clone(),
        };
        sent.grow();
        Sending(sent)
    }

    /// Where our message with this mark stands in a channel, if it does. `read` reads the channel's last messages, and is
    /// only called where no reading serves. `now` is the time.
    ///
    /// # Errors
    /// What `read` says.
    pub(super) async fn find<E>(
        &self,
        channel: &str,
        mark: &Mark,
        now: Instant,
        read: impl Future<Output = Result<Value, E>>,
    ) -> Result<Option<String>, E> {
        let place = self.place(channel);
        let mut kept = place.kept.lock().await;
        let at = self.moment(&place);
        if let Some(r) = kept
            .as_ref()
            .filter(|r| now.saturating_duration_since(r.since) < SERVES)
        {
            let there = r.ours.get(mark);
            let serves = r.whole && r.at == at && !self.others_write.load(Ordering::SeqCst);
            if there.is_some() || serves {
                return Ok(there.cloned());
            }
        }
        let whole = place.sent.has_arrived(now) && self.anywhere.has_arrived(now);
        let ours = marks(&read.await?);
        let found = ours.get(mark).cloned();
        *kept = Some(Reading {
            since: now,
            at,
            whole,
            ours,
        });
        Ok(found)
    }

    fn moment(&self, place: &Place) -> Moment {
        (
            place.sent.count.load(Ordering::SeqCst),
            self.anywhere.count.load(Ordering::SeqCst),
        )
    }

    fn place(&self, channel: &str) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= PLACES_MAX && !places.contains_key(channel) {
            // What is held by somebody still counts.
            places.retain(|_, p| Arc::strong_count(p) > 1 || Arc::strong_count(&p.sent) > 1);
            // What was sent to those that are forgotten counts as sent just now.
            self.anywhere.grow();
        }
        let anew = || {
            Arc::new(Place {
                sent: Arc::new(Sent::since(self.began)),
                kept: tokio::sync::Mutex::default(),
            })
        };
        places.entry(channel.to_owned()).or_insert_with(anew).clone()
    }
}

/// The messages of ours in an answer of `conversations.history`, each with where it stands. Of two with one mark, which
/// cannot be, the newer.
fn marks(history: &Value) -> HashMap<Mark, String> {
    let all = history["messages"].as_array().into_iter().flatten().rev();
    all.filter_map(|m| {
        let p = &m["metadata"]["event_payload"];
        let mark = (p["ref"].as_str()?.to_owned(), p["key"].as_str()?.to_owned());
        Some((mark, m["ts"].as_str()?.to_owned()))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::convert::Infallible;
    use std::sync::atomic::AtomicUsize;

    /// A channel that shows what was posted in it, and counts how often it is read.
    #[derive(Default)]
    struct Channel {
        posted: Mutex<Vec<(String, String)>>,
        read: AtomicUsize,
    }

    impl Channel {
        fn post(&self, key: &str) {
            let mut posted = self.posted.lock().expect("nobody panicked");
            let ts = posted.len().to_string();
            posted.push((key.to_owned(), ts));
        }

        async fn read(&self) -> Result<Value, Infallible> {
            self.read.fetch_add(1, Ordering::SeqCst);
            let posted = self.posted.lock().expect("nobody panicked");
            let ours = |(key, ts): &(String, String)| json!({"ts": ts, "metadata": {"event_payload": {"ref": "IMP-1", "key": key}}});
            Ok(json!({"messages": posted.iter().rev().map(ours).collect::<Vec<_>>()}))
        }

        async fn find(&self, readings: &Readings, key: &str) -> Option<String> {
            self.find_at(readings, key, Instant::now()).await
        }

        async fn find_at(&self, readings: &Readings, key: &str, now: Instant) -> Option<String> {
            let mark = ("IMP-1".to_owned(), key.to_owned());
            let Ok(found) = readings.find("C1", &mark, now, self.read()).await;
            found
        }

        fn times_read(&self) -> usize {
            self.read.load(Ordering::SeqCst)
        }
    }

    fn long_ago() -> Instant {
        Instant::now()
            .checked_sub(2 * ARRIVES)
            .expect("the machine runs for longer")
    }

    #[tokio::test]
    async fn what_the_process_before_sent_may_still_arrive() {
        let (readings, channel) = (Readings::new(Instant::now()), Channel::default());
        channel.post("update.1");
        assert_eq!(channel.find(&readings, "update.1").await.as_deref(), Some("0"));
        assert_eq!(channel.find(&readings, "update.2").await, None);
        channel.post("update.2");
        assert_eq!(channel.find(&readings, "update.2").await.as_deref(), Some("1"));
        // What is there is there: for that nothing is read again.
        assert_eq!(channel.find(&readings, "update.1").await.as_deref(), Some("0"));
        assert_eq!(channel.times_read(), 3);
    }

    #[tokio::test]
    async fn messages_in_doubt_are_looked_for_together() {
        let (readings, channel) = (Readings::new(long_ago()), Channel::default());
        channel.post("update.1");
        channel.post("update.2");
        assert_eq!(channel.find(&readings, "update.1").await.as_deref(), Some("0"));
        assert_eq!(channel.find(&readings, "update.2").await.as_deref(), Some("1"));
        assert_eq!(channel.find(&readings, "update.3").await, None);
        assert_eq!(channel.times_read(), 1);
    }

    #[tokio::test]
    async fn an_old_reading_says_nothing() {
        let (readings, channel) = (Readings::new(long_ago()), Channel::default());
        channel.post("update.1");
        assert!(channel.find(&readings, "update.1").await.is_some());
        channel.posted.lock().expect("nobody panicked").clear();
        let later = Instant::now() + SERVES;
        assert_eq!(channel.find_at(&readings, "update.1", later).await, None);
    }

    #[tokio::test]
    async fn what_was_sent_since_is_looked_for_anew() {
        for address in ["C1", "incidents", "U1"] {
            let (readings, channel) = (Readings::new(long_ago()), Channel::default());
            assert_eq!(channel.find(&readings, "update.1").await, None);
            let sending = readings.sending(address);
            // Another look, while it is on its way.
            assert_eq!(channel.find(&readings, "update.2").await, None);
            channel.post("update.1");
            drop(sending);
            assert_eq!(
                channel.find(&readings, "update.1").await.as_deref(),
                Some("0"),
                "{address}"
            );
        }
    }

    #[tokio::test]
    async fn where_others_post_each_looks_for_itself() {
        let (readings, channel) = (Readings::new(long_ago()), Channel::default());
        readings.others_write();
        assert_eq!(channel.find(&readings, "update.1").await, None);
        channel.post("update.1");
        assert_eq!(channel.find(&readings, "update.1").await.as_deref(), Some("0"));
    }
}
