//! The engine with a world that fails on purpose: nothing is lost, done twice, or tried for ever.

#[macro_use]
mod place;
mod backlog;
mod keeping;
mod numbers;
mod searching;
mod simulation;
mod tls;
mod versions;
mod world;

use arc_swap::ArcSwap;
use imp_core::effect::Capability;
use imp_core::event::Link;
use imp_core::port::{Boxed, Limits, Order, Outcome, Pause, Port, Spent};
use imp_core::{Actor, At, Catalogue, Command, Directory, Envelope, Incident, Process, Role};
use imp_engine::{Clock, Desk, House, Progress, Runner, Store, SubmitError, read};
use place::{On, Place};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a replica that is gone has left behind is taken up within this.
const TAKEN_UP: Duration = Duration::from_secs(15);
/// Between two looks at something that is awaited.
const POLL: Duration = Duration::from_millis(50);

/// A clock that moves when it is told to.
#[derive(Default)]
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> At {
        At(self.0.load(Ordering::SeqCst))
    }
}

/// A record that answers as it is told, and counts.
struct Record {
    answers: Mutex<BTreeMap<String, Vec<Outcome>>>,
    calls: Mutex<Vec<(String, u32)>>,
    /// Among how many it was told to share its limits, the last time; 0 while it was not told.
    shared_by: AtomicU32,
    /// What counts against its limits.
    spent: Mutex<Vec<Spent>>,
}

impl Port for Record {
    fn perform(&self, order: Order) -> Boxed<'_, Outcome> {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((order.key.clone(), order.tried));
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let told = answers
            .get_mut(&order.key)
            .filter(|a| !a.is_empty())
            .map(|a| a.remove(0));
        let usual = match order.key.as_str() {
            "record.ticket" => Outcome::Done(vec![Link::Ticket {
                key: "INC-1".into(),
                id: "1".into(),
                url: "https://jira.example/INC-1".into(),
            }]),
            _ => Outcome::Done(vec![]),
        };
        let outcome = told.unwrap_or(usual);
        Box::pin(async move { outcome })
    }

    fn limits(&self) -> Option<&dyn Limits> {
        Some(self)
    }
}

impl Limits for Record {
    fn vendor(&self) -> &'static str {
        "Jira"
    }

    fn share(&self, replicas: u32) {
        self.shared_by.store(replicas, Ordering::SeqCst);
    }

    fn resumes(&self) {}

    fn count(&self) -> u64 {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    fn spent(&self) -> Vec<Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn knows(&self, spent: &[Spent], ago_ms: u64) {
        let aged = spent.iter().map(|s| Spent {
            ages: s.ages.iter().map(|a| a + ago_ms).collect(),
            ..s.clone()
        });
        self.spent.lock().unwrap_or_else(PoisonError::into_inner).extend(aged);
    }
}

/// A desk over a store, a runner, and the record.
struct Stage {
    desk: Desk,
    runner: Runner,
    record: Arc<Record>,
    clock: Arc<HandClock>,
    place: Arc<Place>,
}

impl Stage {
    fn new(on: On) -> Stage {
        Stage::over(Arc::new(Place::new(on)), Arc::new(HandClock::default()))
    }

    fn over(place: Arc<Place>, clock: Arc<HandClock>) -> Stage {
        let (store, conn) = Store::open(&place.url).expect("a store");
        let house = Arc::new(House {
            process: ArcSwap::from_pointee(Process::built_in()),
            versions: Default::default(),
            subscriptions: Default::default(),
            catalogue: ArcSwap::from_pointee(Catalogue::default()),
            directory: ArcSwap::from_pointee(Directory::default()),
            can: [Capability::Record].into(),
            reads_catalogue: false,
            memory: Default::default(),
        });
        let desk = Desk::start(store, conn, house, clock.clone()).expect("a desk");
        let record = Arc::new(Record {
            answers: Mutex::default(),
            calls: Mutex::default(),
            shared_by: AtomicU32::new(0),
            spent: Mutex::default(),
        });
        let port: Arc<dyn Port> = record.clone();
        let runner = Runner::new(desk.clone(), BTreeMap::from([(Capability::Record, port)]));
        Stage {
            desk,
            runner,
            record,
            clock,
            place,
        }
    }

    fn answers(&self, key: &str, outcomes: Vec<Outcome>) {
        self.record
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key.into(), outcomes);
    }

    fn calls(&self, key: &str) -> usize {
        self.record
            .calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .filter(|(k, _)| k == key)
            .count()
    }

    async fn wish(&self, id: &str, about: Option<u64>, command: Command) -> Result<Arc<Incident>, SubmitError> {
        let by = Actor::Token { name: "test".into() };
        let about = about.map(imp_core::Ref);
        let envelope = Envelope {
            id: id.into(),
            by,
            role: Role::Admin,
            at: self.clock.now(),
            about,
            command,
        };
        self.desk
            .submit(envelope)
            .await
            .map(|r| r.incident.expect("an incident"))
    }

    async fn declares(&self, id: &str, title: &str) -> Arc<Incident> {
        self.wish(id, None, declare(title)).await.expect("declared")
    }

    /// Steps until nothing is due; how many effects were started.
    async fn runs(&mut self) -> usize {
        let mut started = 0;
        loop {
            match self.runner.step().await {
                Progress::Started(n) => started += n,
                Progress::Idle(_) if self.runner.is_empty() => return started,
                Progress::Idle(_) => {}
            }
            self.runner.land().await;
            assert!(started < 200, "something is done again and again");
        }
    }

    async fn incident(&self, n: u64) -> Incident {
        let found = self
            .desk
            .store
            .read(move |c| read::load(c, imp_core::Ref(n)))
            .await
            .expect("read");
        found.expect("there")
    }
}

fn declare(title: &str) -> Command {
    Command::Declare {
        title: title.into(),
        summary: String::new(),
        severity: None,
        service: None,
        team: None,
        private: false,
        members: vec![],
        impact: Default::default(),
    }
}

fn no() -> Outcome {
    Outcome::Never {
        why: "Jira's workflow offers no such move".into(),
    }
}

both! {
    what_fails_for_good_is_told_once_and_tried_again_only_when_asked,
    one_wish_delivered_twice_is_one_incident_and_a_key_is_not_used_for_another,
    what_failed_for_now_is_tried_again_later_and_knows_that_it_was_tried,
    what_was_being_tried_when_the_process_died_is_taken_up_by_the_next,
    the_row_is_the_fold_of_the_journal,
    a_decision_is_not_taken_once_its_incident_has_ended,
    a_journal_that_lags_on_purpose_is_owed_when_its_time_comes_and_at_once_after_peoples_words,
}

async fn what_fails_for_good_is_told_once_and_tried_again_only_when_asked(on: On) {
    let mut s = Stage::new(on);
    s.answers("record.status", vec![no(), no(), no()]);
    s.declares("", "Payments fail").await;
    s.runs().await;
    assert_eq!(
        s.calls("record.status"),
        1,
        "a refusal for good is not asked again by itself"
    );
    assert_eq!(s.incident(1).await.failed.len(), 1);
    // The incident moves on: the mirror is tried once more, and its failure is no second piece of news.
    s.wish(
        "",
        Some(1),
        Command::Move {
            to: "identified".into(),
            fields: BTreeMap::new(),
        },
    )
    .await
    .expect("moved");
    s.runs().await;
    assert_eq!((s.calls("record.status"), s.incident(1).await.failed.len()), (2, 1));
    // A person has it tried again, and it still fails; then it works.
    s.wish(
        "",
        Some(1),
        Command::Retry {
            key: "record.status".into(),
        },
    )
    .await
    .expect("retried");
    s.runs().await;
    assert_eq!((s.calls("record.status"), s.incident(1).await.failed.len()), (3, 1));
    s.answers("record.status", vec![]);
    s.wish(
        "",
        Some(1),
        Command::Move {
            to: "monitoring".into(),
            fields: BTreeMap::new(),
        },
    )
    .await
    .expect("moved");
    s.runs().await;
    assert!(
        s.incident(1).await.failed.is_empty(),
        "what works again is no longer shown as failed"
    );
}

async fn one_wish_delivered_twice_is_one_incident_and_a_key_is_not_used_for_another(on: On) {
    let s = Stage::new(on);
    let first = s.declares("key-1", "Search is slow").await;
    let again = s.declares("key-1", "Search is slow").await;
    assert_eq!(first.reference, again.reference);
    let other = s.wish("key-1", None, declare("Something else")).await;
    assert!(matches!(other, Err(SubmitError::Refused(r)) if r.kind == imp_core::refusal::Kind::KeyReused));
}

async fn what_failed_for_now_is_tried_again_later_and_knows_that_it_was_tried(on: On) {
    let mut s = Stage::new(on);
    s.answers(
        "record.ticket",
        vec![Outcome::Later {
            pause: Pause::BackOff,
            why: "no answer".into(),
        }],
    );
    s.declares("", "Login is blank").await;
    s.runs().await;
    assert_eq!(s.calls("record.ticket"), 1);
    s.clock.0.fetch_add(60_000, Ordering::SeqCst);
    s.runs().await;
    let calls = s.record.calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let tickets: Vec<u32> = calls
        .iter()
        .filter(|(k, _)| k == "record.ticket")
        .map(|(_, tried)| *tried)
        .collect();
    assert_eq!(tickets, [0, 1], "the second try knows that the first may have worked");
    assert!(s.incident(1).await.links.ticket.is_some());
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_nothing_wait_longer() {
    const HOUR_MS: i64 = 3_600_000;
    let mut s = Stage::new(On::Sqlite);
    s.clock.0.store(10 * HOUR_MS, Ordering::SeqCst);
    let later = || Outcome::Later {
        pause: Pause::BackOff,
        why: "503".into(),
    };
    s.answers("record.ticket", vec![later(), later()]);
    s.declares("", "The clock is wrong").await;
    s.runs().await;
    assert_eq!(s.calls("record.ticket"), 1);
    s.clock.0.fetch_sub(HOUR_MS, Ordering::SeqCst);
    s.runs().await;
    s.clock.0.fetch_add(20_000, Ordering::SeqCst);
    s.runs().await;
    assert_eq!(
        s.calls("record.ticket"),
        2,
        "it does not wait for the hour to come back"
    );
    // And while nobody was here to see it.
    let (place, clock) = (s.place.clone(), s.clock.clone());
    drop(s);
    clock.0.fetch_sub(5 * HOUR_MS, Ordering::SeqCst);
    let mut next = Stage::over(place, clock);
    next.runs().await;
    next.clock.0.fetch_add(60_000, Ordering::SeqCst);
    next.runs().await;
    assert!(next.incident(1).await.links.ticket.is_some());
}

async fn proposes(s: &Stage, text: &str) {
    let text = text.to_owned();
    s.wish("", Some(1), Command::Propose { text }).await.expect("proposed");
}

fn taken(i: &Incident) -> Vec<bool> {
    i.decisions.iter().map(|d| d.taken.is_some()).collect()
}

async fn a_decision_is_not_taken_once_its_incident_has_ended(on: On) {
    let mut s = Stage::new(on);
    let within = Process::built_in().timing.object_within.0;
    s.declares("", "Payments fail").await;
    s.declares("", "Cards fail").await;
    proposes(&s, "We roll back").await;
    s.clock.0.fetch_add(within, Ordering::SeqCst);
    s.runs().await;
    assert_eq!(taken(&s.incident(1).await), [true], "while it goes on");
    proposes(&s, "We fail over").await;
    let merged = Command::Move {
        to: "merged".into(),
        fields: BTreeMap::from([("into".to_owned(), "IMP-2".to_owned())]),
    };
    s.wish("", Some(1), merged).await.expect("merged");
    s.clock.0.fetch_add(within, Ordering::SeqCst);
    s.runs().await;
    assert_eq!(
        taken(&s.incident(1).await),
        [true, false],
        "nobody works by it any more"
    );
}

#[tokio::test]
async fn a_decision_is_taken_in_its_time_though_the_clock_was_set_back() {
    const HOUR_MS: i64 = 3_600_000;
    let mut s = Stage::new(On::Sqlite);
    let within = Process::built_in().timing.object_within.0;
    s.clock.0.store(10 * HOUR_MS, Ordering::SeqCst);
    s.declares("", "The clock is wrong").await;
    proposes(&s, "We roll back").await;
    s.runs().await;
    s.clock.0.fetch_sub(HOUR_MS, Ordering::SeqCst);
    s.runs().await;
    s.clock.0.fetch_add(within - 1_000, Ordering::SeqCst);
    s.runs().await;
    assert_eq!(taken(&s.incident(1).await), [false], "somebody may still object");
    s.clock.0.fetch_add(2_000, Ordering::SeqCst);
    s.runs().await;
    assert_eq!(taken(&s.incident(1).await), [true]);
}

async fn what_was_being_tried_when_the_process_died_is_taken_up_by_the_next(on: On) {
    let s = Stage::new(on);
    s.declares("", "Chat is down").await;
    let claimed = s
        .desk
        .claim(vec![(Capability::Record, 8)], vec![])
        .await
        .expect("claimed");
    assert_eq!(claimed.orders.len(), 1);
    let (place, clock) = (s.place.clone(), s.clock.clone());
    // It dies here: nothing of the claim is ever settled.
    drop(s);
    let mut next = Stage::over(place, clock);
    // Where others could be performing it, its lease runs out first.
    let began = std::time::Instant::now();
    while next.runs().await == 0 {
        assert!(began.elapsed() < TAKEN_UP, "nobody takes it up");
        tokio::time::sleep(POLL).await;
    }
    let calls = next.record.calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(
        calls.first(),
        Some(&("record.ticket".to_owned(), 1)),
        "it looks before it creates"
    );
}

async fn a_journal_that_lags_on_purpose_is_owed_when_its_time_comes_and_at_once_after_peoples_words(on: On) {
    let mut s = Stage::new(on);
    s.declares("", "Payments fail").await;
    s.runs().await;
    let owed = async |s: &Stage| {
        let now = s.clock.now();
        let read = move |c: &mut dyn imp_engine::Conn| read::deliveries(c, "pending", None, now, 100);
        let all = s.desk.store.read(read).await.expect("read");
        all.into_iter().map(|d| d.key).collect::<Vec<_>>()
    };
    // All is set up; only the journal follows, when nobody waits any more.
    for ms in [0, 6_000, 3_900] {
        s.clock.0.fetch_add(ms, Ordering::SeqCst);
        assert!(owed(&s).await.is_empty(), "{:?}", owed(&s).await);
        assert_eq!((s.runs().await, s.calls("record.journal")), (0, 0));
    }
    s.clock.0.fetch_add(200, Ordering::SeqCst);
    assert_eq!(owed(&s).await, ["record.journal"]);
    s.runs().await;
    assert_eq!((owed(&s).await.len(), s.calls("record.journal")), (0, 1));
    let said = Command::Post {
        text: "Rolled back".into(),
    };
    s.wish("", Some(1), said).await.expect("posted");
    s.runs().await;
    assert_eq!(
        owed(&s).await,
        ["record.journal"],
        "whoever waits until nothing is owed knows that Jira has heard it"
    );
}

async fn the_row_is_the_fold_of_the_journal(on: On) {
    let mut s = Stage::new(on);
    s.declares("", "Ads do not load").await;
    s.runs().await;
    for to in ["identified", "monitoring"] {
        s.wish(
            "",
            Some(1),
            Command::Move {
                to: to.into(),
                fields: BTreeMap::new(),
            },
        )
        .await
        .expect("moved");
    }
    s.wish(
        "",
        Some(1),
        Command::Post {
            text: "Rolled back".into(),
        },
    )
    .await
    .expect("posted");
    s.runs().await;
    let facts = s
        .desk
        .store
        .read(|c| read::journal(c, imp_core::Ref(1), 0, 1000))
        .await
        .expect("read");
    assert_eq!(
        Incident::fold(&facts, |_| Process::built_in()),
        Some(s.incident(1).await)
    );
}

#[test]
fn a_second_process_on_one_file_is_refused_with_a_sentence() {
    let s = Stage::new(On::Sqlite);
    let refusal = Store::open(&s.place.url)
        .err()
        .map(|e| e.to_string())
        .unwrap_or_default();
    assert!(refusal.contains("is in use by another imp process"), "{refusal}");
}
