//! The desk: the one place where wishes become facts. A thread of its own takes what has come in, decides all of it in
//! one transaction, and answers once that is on disk (group commit).

use crate::clock::Clock;
use crate::store::{Conn, Store, StoreError, Val};
use crate::tx;
use arc_swap::ArcSwap;
use imp_core::effect::Capability;
use imp_core::port::{Order, Outcome};
use imp_core::{Catalogue, Directory, Envelope, Incident, Process, Ref, Refusal};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use tokio::sync::{Notify, broadcast, oneshot};

/// Jobs that may wait at the desk. Beyond it callers are told to come back: an alert source then sends again.
const QUEUE: usize = 4096;
/// Jobs decided in one transaction: enough to share a disk flush among many, few enough to answer within milliseconds.
const BATCH: usize = 256;
/// Changes that a slow listener may lag behind before it has to look for itself.
const CHANGES: usize = 1024;

/// What the whole house knows besides incidents; replaced as a whole when it changes.
#[derive(Debug)]
pub struct House {
    /// The process in force.
    pub process: ArcSwap<Process>,
    /// The catalogue as last seen.
    pub catalogue: ArcSwap<Catalogue>,
    /// People as last seen.
    pub directory: ArcSwap<Directory>,
    /// What IMP is connected to.
    pub can: BTreeSet<Capability>,
    /// Whether a catalogue is configured to be read.
    pub reads_catalogue: bool,
}

/// An incident has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub reference: Ref,
    /// How many facts it has now.
    pub version: u64,
}

/// The answer to a wish that was granted.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The incident as it is now; none where the wish concerned none (an alert that resolves and that nobody knows).
    pub incident: Option<Arc<Incident>>,
    /// Whether anything changed.
    pub changed: bool,
    /// Whether this very wish had been granted before.
    pub repeated: bool,
}

/// Why a wish was not granted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// A person can mend it.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// Too much is waiting; come back in a second.
    #[error("too much is waiting; try again in a second")]
    Busy,
    /// The store does not work.
    #[error("the store does not work: {0}")]
    Broken(#[from] StoreError),
}

/// Effects that may be performed now.
#[derive(Debug, Default)]
pub struct Claims {
    /// Identifier of each and the order to perform.
    pub orders: Vec<(i64, Order)>,
    /// When the next one that waits for its time comes due.
    pub next_due: Option<imp_core::At>,
}

/// How many effects of a capability may be claimed.
pub type Slots = Vec<(Capability, usize)>;

/// A closure that the desk runs in its transaction.
type WriteFn = Box<dyn FnOnce(&mut dyn Conn) -> Result<(), StoreError> + Send>;

enum Job {
    Submit(Box<Envelope>, oneshot::Sender<Result<Receipt, SubmitError>>),
    Claim(Slots, oneshot::Sender<Result<Claims, SubmitError>>),
    Settle(i64, Outcome, oneshot::Sender<Result<(), SubmitError>>),
    Write(WriteFn, oneshot::Sender<Result<(), SubmitError>>),
}

/// A handle on the desk; cheap to clone. The thread ends when the last one is gone.
#[derive(Clone)]
pub struct Desk {
    jobs: SyncSender<Job>,
    /// The store, to read from.
    pub store: Store,
    /// What the house knows.
    pub house: Arc<House>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Woken when there may be effects to perform.
    pub work: Arc<Notify>,
    changes: broadcast::Sender<Change>,
}

impl Desk {
    /// Starts the desk on a store just opened. Effects that were being tried when the process last ended are taken up
    /// again.
    ///
    /// # Errors
    /// Where the store cannot be written, or no thread started.
    pub fn start(
        store: Store,
        mut conn: Box<dyn Conn>,
        house: Arc<House>,
        clock: Arc<dyn Clock>,
    ) -> Result<Desk, StoreError> {
        let now = clock.now();
        // What was being tried knows that it was, and will look before it does anything again; a mirror that was ordered
        // meanwhile does not, and gives way.
        conn.run(
            "delete from effect where state = 'pending' and exists
             (select 1 from effect w where w.ref = effect.ref and w.key = effect.key and w.state = 'running')",
            &[],
        )?;
        conn.run(
            "update effect set state = 'pending', due_at = ?1 where state = 'running'",
            &[now.0.into()],
        )?;
        let (jobs, inbox) = sync_channel(QUEUE);
        let (changes, _) = broadcast::channel(CHANGES);
        let work = Arc::new(Notify::new());
        let desk = Desk {
            jobs,
            store,
            house: house.clone(),
            clock: clock.clone(),
            work: work.clone(),
            changes: changes.clone(),
        };
        std::thread::Builder::new()
            .name("desk".into())
            .spawn(move || attend(&inbox, conn.as_mut(), &house, clock.as_ref(), &work, &changes))
            .map_err(|e| StoreError(e.to_string()))?;
        Ok(desk)
    }

    /// Listens to changes from now on.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Hands in a wish; answers once the facts are on disk.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit(&self, envelope: Envelope) -> Result<Receipt, SubmitError> {
        self.ask(|answer| Job::Submit(Box::new(envelope), answer)).await
    }

    /// Takes effects to perform.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn claim(&self, slots: Slots) -> Result<Claims, SubmitError> {
        self.ask(|answer| Job::Claim(slots, answer)).await
    }

    /// Reports how an effect went.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn settle(&self, id: i64, outcome: Outcome) -> Result<(), SubmitError> {
        self.ask(|answer| Job::Settle(id, outcome, answer)).await
    }

    /// Writes something that is not an incident (the catalogue as last seen, a due date).
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn write<F>(&self, f: F) -> Result<(), SubmitError>
    where
        F: FnOnce(&mut dyn Conn) -> Result<(), StoreError> + Send + 'static,
    {
        self.ask(|answer| Job::Write(Box::new(f), answer)).await
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<Result<T, SubmitError>>) -> Job) -> Result<T, SubmitError> {
        let (answer, answered) = oneshot::channel();
        match self.jobs.try_send(job(answer)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(SubmitError::Busy),
            Err(TrySendError::Disconnected(_)) => return Err(StoreError("the desk has closed".into()).into()),
        }
        answered
            .await
            .unwrap_or_else(|_| Err(StoreError("the desk has closed".into()).into()))
    }
}

/// An answer that waits for the commit.
type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

fn attend(
    inbox: &Receiver<Job>,
    conn: &mut dyn Conn,
    house: &House,
    clock: &dyn Clock,
    work: &Notify,
    changes: &broadcast::Sender<Change>,
) {
    while let Ok(first) = inbox.recv() {
        let mut batch = vec![first];
        batch.extend(inbox.try_iter().take(BATCH - 1));
        let mut changed: Vec<Change> = Vec::new();
        let mut wake = false;
        let mut replies: Vec<Reply> = Vec::new();
        let begun = conn.run("begin immediate", &[]);
        let mut broken = begun.err();
        for job in batch {
            if let Some(e) = &broken {
                refuse(job, e);
                continue;
            }
            let seen = tx::Seen {
                house,
                now: clock.now(),
            };
            // A job that fails undoes itself and leaves the others alone; a panic of our own code is such a failure.
            let step = |conn: &mut dyn Conn, sql: &str| conn.run(sql, &[]).map(|_| ());
            let attempt = step(conn, "savepoint job").and_then(|()| {
                let one = || attend_one(job, conn, &seen, &mut changed, &mut wake, &mut replies);
                let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(one));
                done.unwrap_or_else(|_| Err(StoreError("IMP's own code failed; see the log".into())))
            });
            let undone = match attempt {
                Ok(()) => step(conn, "release job"),
                Err(e) => {
                    tracing::error!(error = %e, "a job could not be done");
                    step(conn, "rollback to job").and_then(|()| step(conn, "release job"))
                }
            };
            broken = undone.err();
        }
        let ended = match broken {
            None => conn.run("commit", &[]).map(|_| ()),
            Some(e) => Err(e),
        };
        if let Err(e) = &ended {
            tracing::error!(error = %e, "the store does not work; nothing of this batch was kept");
            let _ = conn.run("rollback", &[]);
        }
        for reply in replies {
            reply(ended.clone());
        }
        if ended.is_ok() {
            for c in changed {
                let _ = changes.send(c);
            }
            if wake {
                work.notify_one();
            }
        }
    }
}

fn attend_one(
    job: Job,
    conn: &mut dyn Conn,
    seen: &tx::Seen,
    changed: &mut Vec<Change>,
    wake: &mut bool,
    replies: &mut Vec<Reply>,
) -> Result<(), StoreError> {
    /// Keeps the answer until the commit; on a fault of the store the asker hears of it at once.
    fn later<T: Send + 'static>(
        out: Result<Result<T, SubmitError>, StoreError>,
        answer: oneshot::Sender<Result<T, SubmitError>>,
        replies: &mut Vec<Reply>,
    ) -> Result<(), StoreError> {
        match out {
            Ok(value) => {
                replies.push(Box::new(move |ended| {
                    let _ = answer.send(ended.map_err(SubmitError::from).and(value));
                }));
                Ok(())
            }
            Err(e) => {
                let _ = answer.send(Err(e.clone().into()));
                Err(e)
            }
        }
    }
    match job {
        Job::Submit(envelope, answer) => {
            let out = tx::submit(conn, seen, &envelope).map(|granted| match granted {
                Ok(g) => {
                    *wake |= g.effects;
                    changed.extend(g.changes);
                    Ok(g.receipt)
                }
                Err(refusal) => Err(SubmitError::Refused(Box::new(refusal))),
            });
            later(out, answer, replies)
        }
        Job::Claim(slots, answer) => {
            let out = tx::claim(conn, seen, &slots).map(|(claims, moved)| {
                *wake |= !moved.is_empty();
                changed.extend(moved);
                Ok(claims)
            });
            later(out, answer, replies)
        }
        Job::Settle(id, outcome, answer) => {
            let out = tx::settle(conn, seen, id, &outcome).map(|moved| {
                *wake = true;
                changed.extend(moved);
                Ok(())
            });
            later(out, answer, replies)
        }
        Job::Write(f, answer) => {
            let out = f(conn).map(Ok);
            *wake = true;
            later(out, answer, replies)
        }
    }
}

fn refuse(job: Job, e: &StoreError) {
    let e = || SubmitError::from(e.clone());
    match job {
        Job::Submit(_, answer) => drop(answer.send(Err(e()))),
        Job::Claim(_, answer) => drop(answer.send(Err(e()))),
        Job::Settle(_, _, answer) => drop(answer.send(Err(e()))),
        Job::Write(_, answer) => drop(answer.send(Err(e()))),
    }
}

/// A sheet (the catalogue, the directory) as it was last kept.
///
/// # Errors
/// What the store says.
pub fn sheet<T: serde::de::DeserializeOwned>(conn: &mut dyn Conn, name: &str) -> Result<Option<T>, StoreError> {
    let rows = conn.rows("select body from sheet where name = ?1", &[name.into()])?;
    Ok(rows.first().and_then(|r| serde_json::from_str(r.text(0)).ok()))
}

/// Keeps a sheet.
///
/// # Errors
/// What the store says.
pub fn keep_sheet<T: serde::Serialize>(
    conn: &mut dyn Conn,
    name: &str,
    at: imp_core::At,
    sheet: &T,
) -> Result<(), StoreError> {
    let body = serde_json::to_string(sheet).map_err(|e| StoreError(e.to_string()))?;
    conn.run(
        "insert into sheet (name, at, body) values (?1, ?2, ?3)
         on conflict (name) do update set at = excluded.at, body = excluded.body",
        &[name.into(), at.0.into(), Val::from(body)],
    )?;
    Ok(())
}
