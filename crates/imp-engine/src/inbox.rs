//! What waits at the desk, in three queues, so that a person who waits for an answer never stands behind a storm of
//! alerts or behind our own housekeeping.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Jobs that may wait in the queue of people, and in that of alerts. Beyond it callers are told to come back: an alert
/// source then sends again.
const QUEUE: usize = 4096;
/// Bytes that may wait in one queue, as they came in: what a few thousand large bodies may cost in memory.
const BYTES: usize = 64 * 1024 * 1024;

/// Who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// Somebody who wants an answer now.
    People,
    /// Systems that tell us something.
    Alerts,
    /// Our own hands. They are few at a time by themselves, so that they are never turned away.
    Hands,
}

/// In turns, beginning with people.
const TURNS: [Queue; 3] = [Queue::People, Queue::Alerts, Queue::Hands];

#[derive(Debug)]
struct Waiting<T> {
    queues: [Line<T>; 3],
    /// Whose turn is next.
    turn: usize,
    closed: bool,
}

/// One queue.
#[derive(Debug)]
struct Line<T> {
    /// Each job with the bytes that it came in.
    jobs: VecDeque<(usize, T)>,
    bytes: usize,
}

impl<T> Line<T> {
    fn new() -> Line<T> {
        Line {
            jobs: VecDeque::new(),
            bytes: 0,
        }
    }

    /// One large job alone is always taken.
    fn has_room(&self, bytes: usize) -> bool {
        self.jobs.is_empty() || (self.jobs.len() < QUEUE && self.bytes.saturating_add(bytes) <= BYTES)
    }

    fn put(&mut self, bytes: usize, job: T) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.jobs.push_back((bytes, job));
    }

    fn take(&mut self) -> Option<T> {
        let (bytes, job) = self.jobs.pop_front()?;
        self.bytes = self.bytes.saturating_sub(bytes);
        Some(job)
    }
}

#[derive(Debug)]
struct Shared<T> {
    waiting: Mutex<Waiting<T>>,
    arrived: Condvar,
}

impl<T> Shared<T> {
    /// A panic elsewhere cannot leave the queues half-changed: each change is one call.
    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where jobs are handed in.
#[derive(Debug)]
pub struct Inbox<T>(Arc<Shared<T>>);

/// Where the desk takes them.
#[derive(Debug)]
pub struct Outbox<T>(Arc<Shared<T>>);

/// Why a job was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// Too many wait.
    Full,
    /// Nobody attends any more.
    Closed,
}

/// An inbox and its other end.
pub fn inbox<T>() -> (Inbox<T>, Outbox<T>) {
    let shared = Arc::new(Shared {
        waiting: Mutex::new(Waiting {
            queues: [Line::new(), Line::new(), Line::new()],
            turn: 0,
            closed: false,
        }),
        arrived: Condvar::new(),
    });
    (Inbox(shared.clone()), Outbox(shared))
}

impl<T> Inbox<T> {
    /// Hands in a job that came in so many bytes; none where they are few.
    ///
    /// # Errors
    /// Where it was not taken.
    pub fn hand_in(&self, queue: Queue, bytes: usize, job: T) -> Result<(), NotTaken> {
        let mut waiting = self.0.waiting();
        if waiting.closed {
            return Err(NotTaken::Closed);
        }
        let q = &mut waiting.queues[queue as usize];
        if queue != Queue::Hands && !q.has_room(bytes) {
            return Err(NotTaken::Full);
        }
        q.put(bytes, job);
        drop(waiting);
        self.0.arrived.notify_one();
        Ok(())
    }
}

impl<T> Drop for Inbox<T> {
    fn drop(&mut self) {
        self.0.waiting().closed = true;
        self.0.arrived.notify_one();
    }
}

impl<T> Outbox<T> {
    /// Waits for a job, and says from whose queue it is: the first of those whose turn it is. None when no job can come
    /// any more.
    pub fn first(&self) -> Option<(Queue, T)> {
        let mut waiting = self.0.waiting();
        loop {
            for step in 0..TURNS.len() {
                let at = (waiting.turn + step) % TURNS.len();
                if let Some(job) = waiting.queues[at].take() {
                    waiting.turn = (at + 1) % TURNS.len();
                    return Some((TURNS[at], job));
                }
            }
            if waiting.closed {
                return None;
            }
            waiting = self.0.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next of the same queue, if one waits.
    pub fn next(&self, queue: Queue) -> Option<T> {
        self.0.waiting().queues[queue as usize].take()
    }
}

impl<T> Drop for Outbox<T> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting();
        waiting.closed = true;
        // Whoever waits for an answer hears that there will be none.
        waiting.queues.iter_mut().for_each(|q| q.jobs.clear());
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES, NotTaken, QUEUE, Queue, inbox};

    #[test]
    fn each_queue_has_its_turn() {
        let (inbox, outbox) = inbox();
        for n in 0..2 {
            inbox.hand_in(Queue::Hands, 0, format!("hand {n}")).expect("taken");
            inbox.hand_in(Queue::Alerts, 0, format!("alert {n}")).expect("taken");
        }
        inbox.hand_in(Queue::People, 0, "ada".to_owned()).expect("taken");
        let mut taken = Vec::new();
        for n in 0..6 {
            if n == 1 {
                inbox.hand_in(Queue::People, 0, "ben".to_owned()).expect("taken");
            }
            taken.extend(outbox.first().map(|(_, job)| job));
        }
        assert_eq!(taken, ["ada", "alert 0", "hand 0", "ben", "alert 1", "hand 1"]);
        drop(inbox);
        assert_eq!(outbox.first(), None);
    }

    #[test]
    fn a_full_queue_turns_callers_away_but_never_our_own_hands() {
        let (inbox, outbox) = inbox();
        for n in 0..QUEUE {
            inbox.hand_in(Queue::Alerts, 0, n).expect("taken");
        }
        assert_eq!(inbox.hand_in(Queue::Alerts, 0, 0), Err(NotTaken::Full));
        assert_eq!(inbox.hand_in(Queue::People, 0, 0), Ok(()));
        for n in 0..=QUEUE {
            assert_eq!(inbox.hand_in(Queue::Hands, 0, n), Ok(()));
        }
        drop(outbox);
        assert_eq!(inbox.hand_in(Queue::Hands, 0, 0), Err(NotTaken::Closed));
    }

    #[test]
    fn a_queue_is_full_by_what_it_weighs_as_well() {
        let (inbox, outbox) = inbox();
        assert_eq!(inbox.hand_in(Queue::Alerts, BYTES * 2, 1), Ok(()), "one alone is taken");
        assert_eq!(inbox.hand_in(Queue::Alerts, 1, 2), Err(NotTaken::Full));
        assert_eq!(outbox.next(Queue::Alerts), Some(1));
        assert_eq!(inbox.hand_in(Queue::Alerts, BYTES, 3), Ok(()));
        assert_eq!(inbox.hand_in(Queue::Alerts, 1, 4), Err(NotTaken::Full));
        assert_eq!(
            inbox.hand_in(Queue::People, 1, 5),
            Ok(()),
            "people do not wait behind it"
        );
    }
}
