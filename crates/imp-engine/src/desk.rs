//! The desk: the one place where wishes become facts. A thread of its own takes what has come in, decides all of it in
//! one transaction, and answers once that is on disk (group commit).

use crate::clock::Clock;
use crate::inbox::{Inbox, NotTaken, Outbox, Queue, inbox};
use crate::insights::Figures;
use crate::lease::{self, Lease, Me};
use crate::shelf::Shelf;
use crate::store::{Conn, Store, StoreError, Val, apart};
use crate::{audit, measure, read, spent, tx, versions};
use arc_swap::ArcSwap;
use imp_core::audience::Subscriptions;
use imp_core::effect::{Capability, Effect};
use imp_core::port::{Order, Outcome, SPANS};
use imp_core::{Catalogue, Directory, Envelope, Incident, Process, Ref, Refusal};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, broadcast, oneshot};
use tracing::Span;

/// For how long jobs join a transaction: long enough to share a disk flush among many, short enough that whoever comes
/// next is answered within milliseconds.
const BATCH: Duration = Duration::from_millis(6);
/// Incidents kept for readers, at some ten kilobytes each.
const RECENT: usize = 128;
/// The sheet that says up to which incident they came out of a backup.
pub const RESTORED: &str = "restored";
/// Changes that a slow listener may lag behind before it has to look for itself.
const CHANGES: usize = 1024;

/// What the whole house knows besides incidents; replaced as a whole when it changes.
#[derive(Debug)]
pub struct House {
    /// The process in force.
    pub process: ArcSwap<Process>,
    /// Its other editions, which incidents that began with them still follow.
    pub versions: crate::versions::Versions,
    /// The catalogue as last seen.
    pub catalogue: ArcSwap<Catalogue>,
    /// People as last seen.
    pub directory: ArcSwap<Directory>,
    /// Who follows which service.
    pub subscriptions: ArcSwap<Subscriptions>,
    /// What IMP is connected to.
    pub can: BTreeSet<Capability>,
    /// Whether a catalogue is configured to be read.
    pub reads_catalogue: bool,
    /// What earlier incidents were like.
    pub memory: crate::memory::Memory,
}

/// An incident has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub reference: Ref,
    /// How many facts it has now.
    pub version: u64,
}

/// What is known of a wish besides its envelope.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// From where it came: an address, for the audit log.
    pub origin: String,
    /// Which version of the incident whoever wishes has seen; where it has changed since, the wish is refused.
    pub version: Option<u64>,
    /// What its words were when whoever wishes looked (see [`audit::print_of_words`]); where people have changed them
    /// since, the wish is refused.
    pub words: Option<String>,
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
    /// The lease of each and the order to perform.
    pub orders: Vec<(Lease, Order)>,
    /// When the next one that waits for its time comes due.
    pub next_due: Option<imp_core::At>,
    /// How many replicas there are, this one included.
    pub replicas: u32,
}

/// How many effects of a capability may be claimed.
pub type Slots = Vec<(Capability, usize)>;

/// A wish of several that was granted or refused.
pub type Granted = Result<Receipt, Refusal>;

/// A closure that the desk runs in its transaction; what it leaves is run once that is on disk.
type WriteFn = Box<dyn FnOnce(&mut dyn Conn) -> Result<Option<KeptFn>, StoreError> + Send>;

/// What the house knows once a transaction is on disk, and not before.
type KeptFn = Box<dyn FnOnce() + Send>;

enum Job {
    Submit(
        Box<(Envelope, Given)>,
        Span,
        oneshot::Sender<Result<Receipt, SubmitError>>,
    ),
    Report(
        Vec<(Envelope, Span)>,
        oneshot::Sender<Result<Vec<Granted>, SubmitError>>,
    ),
    Claim(Slots, Vec<Lease>, oneshot::Sender<Result<Claims, SubmitError>>),
    Settle(Box<Lease>, Outcome, oneshot::Sender<Result<(), SubmitError>>),
    GiveBack(Vec<Lease>, oneshot::Sender<Result<(), SubmitError>>),
    Order(Vec<Effect>, oneshot::Sender<Result<(), SubmitError>>),
    Write(WriteFn, oneshot::Sender<Result<(), SubmitError>>),
    Note(String, serde_json::Value, oneshot::Sender<Result<(), SubmitError>>),
}

/// A handle on the desk; cheap to clone. The thread ends when the last one is gone.
#[derive(Clone)]
pub struct Desk {
    jobs: Arc<Inbox<Job>>,
    /// The store, to read from.
    pub store: Store,
    /// What the house knows.
    pub house: Arc<House>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What numbers are made of, at hand.
    pub figures: Figures,
    /// Whether somebody was at work a moment before: an earlier run that was cut off, or another replica.
    pub(crate) resumes: bool,
    /// What was spent of the vendors' limits before, with how many milliseconds ago that was written down.
    pub(crate) spent: Arc<Vec<(u64, spent::ByVendor)>>,
    /// The name of this replica.
    pub(crate) replica: Arc<str>,
    /// Woken when the catalogue should be read now: something new is in it.
    pub catalogue_wanted: Arc<Notify>,
    /// Woken when there may be effects to perform.
    pub work: Arc<Notify>,
    changes: broadcast::Sender<Change>,
    recent: Arc<Recent>,
}

/// Incidents that have just changed, as they are on disk: what most readers ask for. Kept only where nobody else writes.
#[derive(Debug, Default)]
struct Recent(RwLock<HashMap<u64, Arc<Incident>>>);

impl Recent {
    fn find(&self, fits: impl Fn(&Incident) -> bool) -> Option<Arc<Incident>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.values().find(|i| fits(i)).cloned()
    }

    fn get(&self, r: Ref) -> Option<Arc<Incident>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&r.0).cloned()
    }

    fn put(&self, changed: &[Change], shelf: &Shelf) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() > RECENT {
            known.clear();
        }
        for c in changed {
            match shelf.get(c.reference) {
                Some(i) => known.insert(c.reference.0, i),
                None => known.remove(&c.reference.0),
            };
        }
    }

    fn forget(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
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
        if conn.sole_writer() {
            // Nobody else can be performing them.
            conn.begin()?;
            lease::take_up_all(conn.as_mut(), clock.now())?;
            conn.commit()?;
        }
        apart(|| {
            versions::keep(conn.as_mut(), &house.process.load(), clock.now())?;
            house.know_all(conn.as_mut())?;
            house.know_subscriptions(conn.as_mut())?;
            measure::refresh(conn.as_mut(), &house)
        })?;
        let resumes = apart(|| lease::in_the_middle(conn.as_mut(), clock.now()))?;
        let restored = apart(|| sheet::<u64>(conn.as_mut(), RESTORED))?;
        let spent = apart(|| spent::read(conn.as_mut(), clock.now()))?;
        let me = Me::new(Ref(restored.unwrap_or(0)));
        let (jobs, outbox) = inbox();
        let (changes, _) = broadcast::channel(CHANGES);
        let work = Arc::new(Notify::new());
        let recent = Arc::new(Recent::default());
        let desk = Desk {
            jobs: Arc::new(jobs),
            store,
            house: house.clone(),
            clock: clock.clone(),
            figures: Figures::default(),
            catalogue_wanted: Arc::default(),
            resumes,
            spent: Arc::new(spent),
            replica: me.name.as_str().into(),
            work: work.clone(),
            changes: changes.clone(),
            recent: recent.clone(),
        };
        let told = Told { work, changes, recent };
        std::thread::Builder::new()
            .name("desk".into())
            .spawn(move || attend(&outbox, conn.as_mut(), &house, clock.as_ref(), &told, &me))
            .map_err(|e| StoreError(e.to_string()))?;
        Ok(desk)
    }

    /// Listens to changes from now on.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// The incident as it is.
    ///
    /// # Errors
    /// What the store says.
    pub async fn incident(&self, r: Ref) -> Result<Option<Arc<Incident>>, StoreError> {
        if let Some(i) = self.recent.get(r) {
            return Ok(Some(i));
        }
        Ok(self.store.read(move |c| read::load(c, r)).await?.map(Arc::new))
    }

    /// The incident whose channel this is, by Slack's identifier.
    ///
    /// # Errors
    /// What the store says.
    pub async fn incident_of_channel(&self, channel: &str) -> Result<Option<Arc<Incident>>, StoreError> {
        let is_its = |i: &Incident| i.links.channel.as_ref().is_some_and(|c| c.id == channel);
        if let Some(i) = self.recent.find(is_its) {
            return Ok(Some(i));
        }
        let channel = channel.to_owned();
        let found = self.store.read(move |c| read::of_channel(c, &channel)).await?;
        Ok(found.map(Arc::new))
    }

    /// Other replicas have changed something: whoever listens hears of it, and there may be something to perform.
    pub fn others_changed(&self, changes: Vec<Change>) {
        for c in changes {
            let _ = self.changes.send(c);
        }
        self.work.notify_one();
    }

    /// Why a wish about an incident would be refused as things stand. Nothing is written.
    pub fn refusal(&self, incident: &Incident, envelope: &Envelope) -> Option<Refusal> {
        tx::refusal(&self.house, incident, envelope)
    }

    /// Hands in a wish; answers once the facts are on disk.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit(&self, envelope: Envelope) -> Result<Receipt, SubmitError> {
        self.submit_given(envelope, Given::default()).await
    }

    /// Hands in a wish of which more is known.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit_given(&self, envelope: Envelope, given: Given) -> Result<Receipt, SubmitError> {
        let span = wish(&envelope);
        self.ask(Queue::People, |answer| {
            Job::Submit(Box::new((envelope, given)), span, answer)
        })
        .await
    }

    /// Hands in what a system reports, and in how many bytes it came; all of it or nothing. Answers once the facts are on
    /// disk.
    ///
    /// # Errors
    /// See [`SubmitError`]; what is refused stands in the answer, by its place.
    pub async fn report(&self, envelopes: Vec<Envelope>, bytes: usize) -> Result<Vec<Granted>, SubmitError> {
        let wishes = envelopes
            .into_iter()
            .map(|e| (wish(&e), e))
            .map(|(span, e)| (e, span))
            .collect();
        self.ask_weighty(Queue::Alerts, bytes, |answer| Job::Report(wishes, answer))
            .await
    }

    /// Takes effects to perform, and puts off the leases of those that are under way.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn claim(&self, slots: Slots, under_way: Vec<Lease>) -> Result<Claims, SubmitError> {
        self.ask(Queue::Hands, |answer| Job::Claim(slots, under_way, answer))
            .await
    }

    /// Gives back effects that will not be performed after all.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn give_back(&self, leases: Vec<Lease>) -> Result<(), SubmitError> {
        self.ask(Queue::Hands, |answer| Job::GiveBack(leases, answer)).await
    }

    /// Reports how an effect went.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn settle(&self, lease: Lease, outcome: Outcome) -> Result<(), SubmitError> {
        self.ask(Queue::Hands, |answer| Job::Settle(Box::new(lease), outcome, answer))
            .await
    }

    /// Orders something that is owed for no incident. A deed that was ever ordered, by whichever replica, is not ordered
    /// again.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn order(&self, effects: Vec<Effect>) -> Result<(), SubmitError> {
        self.ask(Queue::Hands, |answer| Job::Order(effects, answer)).await
    }

    /// Takes another process into force: it is kept first, since incidents will begin with it.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn put_in_force(&self, process: Process) -> Result<(), SubmitError> {
        let (new, now) = (process.clone(), self.clock.now());
        self.write(move |conn| versions::keep(conn, &new, now)).await?;
        self.house.put_in_force(process);
        Ok(())
    }

    /// Writes something that is not an incident (the catalogue as last seen, a due date).
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn write<F>(&self, f: F) -> Result<(), SubmitError>
    where
        F: FnOnce(&mut dyn Conn) -> Result<(), StoreError> + Send + 'static,
    {
        let write: WriteFn = Box::new(|conn| f(conn).map(|()| None));
        self.ask(Queue::Hands, |answer| Job::Write(write, answer)).await
    }

    /// Writes something of which the house shall know, and has it known once it is on disk: what was rolled back never
    /// was.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn write_then<T, F, K>(&self, f: F, kept: K) -> Result<(), SubmitError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Conn) -> Result<T, StoreError> + Send + 'static,
        K: FnOnce(T) + Send + 'static,
    {
        let write: WriteFn = Box::new(|conn| {
            let new = f(conn)?;
            Ok(Some(Box::new(move || kept(new))))
        });
        self.ask(Queue::Hands, |answer| Job::Write(write, answer)).await
    }

    /// Writes a small note to disk and back: whether wishes would be kept. The journal does not grow by it, and nothing
    /// else is touched.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn probe(&self) -> Result<(), SubmitError> {
        self.note("ready", serde_json::Value::Null).await
    }

    /// Keeps a sheet of which nobody here reads: nothing at hand is forgotten, and nobody is woken.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub(crate) async fn note(&self, name: &str, body: serde_json::Value) -> Result<(), SubmitError> {
        let name = name.to_owned();
        self.ask(Queue::Hands, |answer| Job::Note(name, body, answer)).await
    }

    async fn ask<T>(
        &self,
        queue: Queue,
        job: impl FnOnce(oneshot::Sender<Result<T, SubmitError>>) -> Job,
    ) -> Result<T, SubmitError> {
        self.ask_weighty(queue, 0, job).await
    }

    async fn ask_weighty<T>(
        &self,
        queue: Queue,
        bytes: usize,
        job: impl FnOnce(oneshot::Sender<Result<T, SubmitError>>) -> Job,
    ) -> Result<T, SubmitError> {
        let (answer, answered) = oneshot::channel();
        match self.jobs.hand_in(queue, bytes, job(answer)) {
            Ok(()) => {}
            Err(NotTaken::Full) => return Err(SubmitError::Busy),
            Err(NotTaken::Closed) => return Err(StoreError("the desk has closed".into()).into()),
        }
        answered
            .await
            .unwrap_or_else(|_| Err(StoreError("the desk has closed".into()).into()))
    }
}

/// An answer that waits for the commit.
type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Who is told what a transaction brought.
struct Told {
    work: Arc<Notify>,
    changes: broadcast::Sender<Change>,
    recent: Arc<Recent>,
}

fn attend(jobs: &Outbox<Job>, conn: &mut dyn Conn, house: &House, clock: &dyn Clock, told: &Told, me: &Me) {
    let shelf = Shelf::default();
    // The clock may have been set back while nobody was here to see it.
    let mut latest = tx::last_moment(conn).map_or(clock.now(), |at| at.max(clock.now()));
    while let Some((queue, first)) = jobs.first() {
        let mut batch = Batch::default();
        let began = Instant::now();
        let mut next = Some(first);
        let back = latest.since(clock.now());
        latest = clock.now();
        let mut broken = conn.begin().and_then(|()| tx::clock_went_back(conn, back)).err();
        while broken.is_none()
            && let Some(job) = next.take()
        {
            let seen = tx::Seen {
                house,
                now: clock.now(),
                shelf: &shelf,
                me,
            };
            broken = attend_safely(job, conn, &seen, &mut batch).err();
            // What comes after a fault of the store gets a transaction of its own.
            if broken.is_none() && began.elapsed() < BATCH {
                next = jobs.next(queue);
            }
        }
        let ended = match broken {
            None => tx::catch_up(conn, house, &shelf).and_then(|()| conn.commit()),
            Some(e) => Err(e),
        };
        if let Err(e) = &ended {
            tracing::error!(error = %e, "the store does not work; nothing of this batch was kept");
            conn.rollback();
            shelf.forget();
            me.lost_touch();
            if let Some(job) = next {
                refuse(job, e);
            }
        } else {
            if batch.past_the_desk {
                told.recent.forget();
            } else if conn.sole_writer() {
                told.recent.put(&batch.changed, &shelf);
            }
            shelf.kept(conn.sole_writer());
            batch.kept.drain(..).for_each(|kept| kept());
        }
        drop(batch.wishes);
        for reply in batch.replies {
            reply(ended.clone());
        }
        if ended.is_ok() {
            for c in batch.changed {
                let _ = told.changes.send(c);
            }
            if batch.wake {
                told.work.notify_one();
            }
        }
    }
}

/// What a transaction leaves to be done once it is kept.
#[derive(Default)]
struct Batch {
    replies: Vec<Reply>,
    changed: Vec<Change>,
    wake: bool,
    /// Somebody wrote by SQL, perhaps into incidents.
    past_the_desk: bool,
    kept: Vec<KeptFn>,
    /// The spans of the wishes, which end when these are on disk.
    wishes: Vec<Span>,
}

/// A job that fails undoes itself and leaves the others alone; a panic of our own code is such a failure. An error means
/// that not even that was possible.
fn attend_safely(job: Job, conn: &mut dyn Conn, seen: &tx::Seen, batch: &mut Batch) -> Result<(), StoreError> {
    let step = |conn: &mut dyn Conn, sql: &str| conn.run(sql, &[]).map(|_| ());
    seen.shelf.begin();
    let attempt = step(conn, "savepoint job").and_then(|()| {
        let one = || attend_one(job, conn, seen, batch);
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(one));
        done.unwrap_or_else(|_| Err(StoreError("IMP's own code failed; see the log".into())))
    });
    match attempt {
        Ok(()) => step(conn, "release job"),
        Err(e) => {
            tracing::error!(error = %e, "a job could not be done");
            seen.shelf.undo();
            step(conn, "rollback to job").and_then(|()| step(conn, "release job"))
        }
    }
}

/// The span of a wish, from when it is handed in until it is on disk.
fn wish(envelope: &Envelope) -> Span {
    tracing::trace_span!(
        target: SPANS,
        "wish",
        command = audit::word_of(&envelope.command),
        incident = tracing::field::Empty,
        opened_at = tracing::field::Empty,
        opens = tracing::field::Empty,
        refused = tracing::field::Empty,
    )
}

/// Decides a wish within its span, and tells the span which incident it was about.
fn traced(
    span: Span,
    batch: &mut Batch,
    decide: impl FnOnce() -> Result<Result<tx::Granted, Refusal>, StoreError>,
) -> Result<Result<tx::Granted, Refusal>, StoreError> {
    let deciding = tracing::trace_span!(target: SPANS, parent: &span, "decide");
    let out = deciding.in_scope(decide);
    match &out {
        Ok(Ok(granted)) => {
            span.record("opens", granted.opened);
            if let Some(i) = &granted.receipt.incident {
                span.record("incident", i.reference.0);
                span.record("opened_at", i.opened_at.0);
            }
        }
        Ok(Err(_)) => drop(span.record("refused", true)),
        Err(_) => {}
    }
    batch.wishes.push(span);
    out
}

fn attend_one(job: Job, conn: &mut dyn Conn, seen: &tx::Seen, batch: &mut Batch) -> Result<(), StoreError> {
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
        Job::Submit(wish, span, answer) => {
            let out =
                traced(span, batch, || audit::submit(conn, seen, &wish.0, &wish.1)).map(|granted| match granted {
                    Ok(g) => {
                        batch.wake |= g.effects;
                        batch.changed.extend(g.changes);
                        Ok(g.receipt)
                    }
                    Err(refusal) => Err(SubmitError::Refused(Box::new(refusal))),
                });
            later(out, answer, &mut batch.replies)
        }
        Job::Report(envelopes, answer) => {
            let one = |(envelope, span): (Envelope, Span)| {
                Ok(traced(span, batch, || tx::submit(conn, seen, &envelope))?.map(|g| {
                    batch.wake |= g.effects;
                    batch.changed.extend(g.changes);
                    g.receipt
                }))
            };
            let out = envelopes
                .into_iter()
                .map(one)
                .collect::<Result<Vec<Granted>, StoreError>>();
            later(out.map(Ok), answer, &mut batch.replies)
        }
        Job::Claim(slots, under_way, answer) => {
            let out = tx::claim(conn, seen, &slots, &under_way).map(|(claims, moved)| {
                batch.wake |= !moved.is_empty();
                batch.changed.extend(moved);
                Ok(claims)
            });
            later(out, answer, &mut batch.replies)
        }
        Job::GiveBack(leases, answer) => {
            let out = lease::give_back(conn, seen, &leases).map(Ok);
            later(out, answer, &mut batch.replies)
        }
        Job::Settle(lease, outcome, answer) => {
            let out = tx::settle(conn, seen, &lease, &outcome).map(|moved| {
                batch.wake = true;
                batch.changed.extend(moved);
                Ok(())
            });
            later(out, answer, &mut batch.replies)
        }
        Job::Order(effects, answer) => {
            let out = tx::order_of_house(conn, seen, &effects).map(Ok);
            batch.wake = true;
            later(out, answer, &mut batch.replies)
        }
        Job::Write(f, answer) => {
            // It may read rows and write past the desk, so the rows come first and what is at hand is put away.
            let out = tx::catch_up(conn, seen.house, seen.shelf).and_then(|()| f(conn));
            let out = out.map(|kept| {
                seen.shelf.forget();
                batch.past_the_desk = true;
                batch.kept.extend(kept);
                Ok(())
            });
            batch.wake = true;
            later(out, answer, &mut batch.replies)
        }
        Job::Note(name, body, answer) => {
            let out = keep_sheet(conn, &name, seen.now, &body);
            later(out.map(Ok), answer, &mut batch.replies)
        }
    }
}

fn refuse(job: Job, e: &StoreError) {
    let e = || SubmitError::from(e.clone());
    match job {
        Job::Submit(_, _, answer) => drop(answer.send(Err(e()))),
        Job::Report(_, answer) => drop(answer.send(Err(e()))),
        Job::Claim(_, _, answer) => drop(answer.send(Err(e()))),
        Job::GiveBack(_, answer) => drop(answer.send(Err(e()))),
        Job::Settle(_, _, answer) => drop(answer.send(Err(e()))),
        Job::Order(_, answer) => drop(answer.send(Err(e()))),
        Job::Write(_, answer) => drop(answer.send(Err(e()))),
        Job::Note(_, _, answer) => drop(answer.send(Err(e()))),
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
