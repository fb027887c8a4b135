//! The engine in a world that fails in every way, from a seed: people and alerts wish at random, two replicas work on one
//! store, vendors do the work and lose the answer, replicas die or freeze in the middle, clocks jump, the store goes away.
//! When the failing stops, everything promised is true, once, and nothing is owed.
//!
//! `SEEDS=10000 FIRST=1` in the environment make it long; a failure names its seed, and `SEEDS=1 FIRST=thatseed` is it again.

use crate::world::{Memory, World, drawing, learnt, number, watched};
use arc_swap::ArcSwap;
use imp_core::alert::Alert;
use imp_core::catalogue::{Service, Team};
use imp_core::effect::Capability;
use imp_core::person::Who;
use imp_core::port::{Order, Outcome, Pause};
use imp_core::{Actor, At, Catalogue, Command, Directory, Envelope, Incident, Process, Ref, Role};
use imp_engine::{Clock, Conn, Desk, House, Lease, Row, Store, StoreError, SubmitError, Val, read};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// Seeds of the ordinary suite.
const SEEDS: u64 = 300;
/// What happens in one story before the failing stops.
const STEPS: u64 = 90;
/// Effects claimed at a time, by capability.
const SLOTS: usize = 4;
/// Rounds in which everything must be done once nothing fails any more.
const ROUNDS: usize = 400;
/// Milliseconds of a round: more than the longest pause, less than the time of any question.
const ROUND_MS: i64 = 20_000;
/// A replica that could not put off its leases for so long stops what it has under way (`runner.rs`).
const LET_GO_MS: i64 = 6_000;
/// What is not due for so long is a timer that is meant to wait (an archive after a week).
const HORIZON_MS: i64 = 86_400_000;

/// Versions of the process that come into force in turn: in the second `identified` is called otherwise, and in the third
/// what is called `resolved` is still being worked on.
static EDITIONS: LazyLock<[Process; 3]> = LazyLock::new(|| {
    let built_in = imp_core::process::BUILT_IN;
    let second = built_in.replace("\"identified\"", "\"found\"");
    let third = built_in
        .replace("\"resolved\"", "\"fixed\"")
        .replace("\"monitoring\"", "\"resolved\"");
    [built_in, &second, &third].map(|text| Process::parse(text).unwrap_or_else(|f| panic!("{f}")))
});

/// SplitMix64: the same seed, the same story.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn once_in(&mut self, n: u64) -> bool {
        self.roll(n) == 0
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let n = u64::try_from(of.len()).ok().filter(|n| *n > 0)?;
        of.get(usize::try_from(self.roll(n)).unwrap_or(0))
    }
}

/// The time as one replica sees it: the world's, and how far its own clock is off.
struct Crooked {
    world: Arc<AtomicI64>,
    off: AtomicI64,
}

impl Clock for Crooked {
    fn now(&self) -> At {
        At(self.world.load(Ordering::SeqCst) + self.off.load(Ordering::SeqCst))
    }
}

/// What goes wrong with the store at the next transaction.
const WELL: u8 = 0;
const AWAY: u8 = 1;
const NOT_KEPT: u8 = 2;
const KEPT_UNHEARD: u8 = 3;

/// A connection that fails when it is told to. Two replicas share it, and take turns by transactions, as replicas do on a
/// server.
struct Shaky {
    inner: Arc<Mutex<Box<dyn Conn>>>,
    next: Arc<AtomicU8>,
    world: Arc<AtomicI64>,
    /// Whether this replica's transaction is open: what it rolls back late must not be another's.
    open: bool,
}

fn fault(what: &str) -> StoreError {
    StoreError(what.into())
}

impl Shaky {
    fn inner(&self) -> MutexGuard<'_, Box<dyn Conn>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Conn for Shaky {
    fn run(&mut self, sql: &str, args: &[Val]) -> Result<usize, StoreError> {
        self.inner().run(sql, args)
    }

    fn each(
        &mut self,
        sql: &str,
        args: &[Val],
        each: &mut dyn FnMut(Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.inner().each(sql, args, each)
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        if self
            .next
            .compare_exchange(AWAY, WELL, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
        {
            return Err(fault("the store is away"));
        }
        self.inner().begin()?;
        self.open = true;
        Ok(())
    }

    fn snapshot(&mut self) -> Result<(), StoreError> {
        self.inner().snapshot()
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        match self.next.swap(WELL, Ordering::SeqCst) {
            NOT_KEPT => {
                self.rollback();
                Err(fault("the connection broke before the commit"))
            }
            KEPT_UNHEARD => {
                self.open = false;
                self.inner().commit()?;
                Err(fault("the connection broke after the commit"))
            }
            _ => {
                self.open = false;
                self.inner().commit()
            }
        }
    }

    fn rollback(&mut self) {
        if std::mem::take(&mut self.open) {
            self.inner().rollback();
        }
    }

    fn lease_time(&mut self, _: At) -> Result<At, StoreError> {
        Ok(At(self.world.load(Ordering::SeqCst)))
    }

    fn sole_writer(&self) -> bool {
        false
    }

    fn serial(&self) -> &'static str {
        self.inner().serial()
    }

    fn by_index(&self, index: &str) -> String {
        self.inner().by_index(index)
    }

    fn renumber(&mut self, table: &str, column: &str) -> Result<(), StoreError> {
        self.inner().renumber(table, column)
    }
}

/// A replica: a desk, and what its hands have under way.
struct Replica {
    desk: Desk,
    clock: Arc<Crooked>,
    memory: Memory,
    under_way: Vec<(Lease, Order)>,
    /// When it last put off its leases, by the world's time.
    renewed: i64,
}

struct Sim {
    seed: u64,
    dice: Dice,
    store: Store,
    conn: Arc<Mutex<Box<dyn Conn>>>,
    next: Arc<AtomicU8>,
    time: Arc<AtomicI64>,
    house: Arc<House>,
    world: World,
    replicas: Vec<Replica>,
    /// What a frozen replica still holds, and will settle long after it was taken from it.
    ghosts: Vec<(usize, Lease, Order)>,
    wishes: u64,
    /// Texts of updates that were granted for certain, and of those that nobody knows of.
    promised: BTreeMap<String, Ref>,
    doubtful: BTreeSet<String>,
    repeats: Vec<Envelope>,
    _place: crate::place::Place,
}

fn house() -> House {
    let who = |email: &str| Who {
        email: Some(email.into()),
        ..Who::default()
    };
    let service = |alias: &str| Service {
        alias: alias.into(),
        aliases: vec![alias.into()],
        name: alias.into(),
        team: Some("crew".into()),
        on_call: vec![who("ada@example.com"), who("ben@example.com")],
        ..Service::default()
    };
    House {
        process: ArcSwap::from_pointee(Process::built_in()),
        versions: Default::default(),
        subscriptions: Default::default(),
        catalogue: ArcSwap::from_pointee(Catalogue {
            as_of: Some(At(0)),
            services: vec![service("pay"), service("search")],
            teams: vec![Team {
                alias: "crew".into(),
                name: "Crew".into(),
                ..Team::default()
            }],
        }),
        directory: ArcSwap::from_pointee(Directory::default()),
        can: Capability::ALL.into(),
        reads_catalogue: true,
        memory: Default::default(),
    }
}

impl Sim {
    fn new(seed: u64, on: crate::place::On) -> Sim {
        let place = crate::place::Place::new(on);
        let (store, mut conn) = Store::open(&place.url).expect("a store");
        if on == crate::place::On::Sqlite {
            // The machine itself does not fail in this story, so nothing has to reach the disk.
            conn.run("pragma synchronous = off", &[]).expect("said");
        }
        let mut sim = Sim {
            seed,
            dice: Dice(seed),
            store,
            conn: Arc::new(Mutex::new(conn)),
            next: Arc::new(AtomicU8::new(WELL)),
            time: Arc::new(AtomicI64::new(1_700_000_000_000)),
            house: Arc::new(house()),
            world: World::default(),
            replicas: Vec::new(),
            ghosts: Vec::new(),
            wishes: 0,
            promised: BTreeMap::new(),
            doubtful: BTreeSet::new(),
            repeats: Vec::new(),
            _place: place,
        };
        for _ in 0..2 {
            let replica = sim.replica();
            sim.replicas.push(replica);
        }
        sim
    }

    fn replica(&self) -> Replica {
        let clock = Arc::new(Crooked {
            world: self.time.clone(),
            off: AtomicI64::new(0),
        });
        let start = || {
            let conn = Shaky {
                inner: self.conn.clone(),
                next: self.next.clone(),
                world: self.time.clone(),
                open: false,
            };
            Desk::start(self.store.clone(), Box::new(conn), self.house.clone(), clock.clone())
        };
        Replica {
            // Where the store is away just then, it is started once more.
            desk: start().or_else(|_| start()).expect("a desk"),
            clock,
            memory: Memory::default(),
            under_way: Vec::new(),
            renewed: self.time.load(Ordering::SeqCst),
        }
    }

    fn any(&mut self) -> usize {
        usize::try_from(self.dice.roll(self.replicas.len() as u64)).unwrap_or(0)
    }

    async fn incidents(&self) -> Vec<Incident> {
        let filter = read::Filter::default();
        let found = self
            .store
            .read(move |c| read::incidents(c, &filter, None, 10_000))
            .await;
        found.expect("read")
    }

    // ---- what happens

    async fn step(&mut self) {
        match self.dice.roll(21) {
            0..=5 => self.wish().await,
            6 => self.repeat().await,
            7..=13 => self.work().await,
            14 | 15 => {
                let by = i64::try_from(self.dice.roll(30_000)).unwrap_or(0);
                self.time.fetch_add(by, Ordering::SeqCst);
            }
            20 => {
                let process = self.dice.pick(&*EDITIONS).cloned().expect("there are some");
                let r = self.any();
                // Where the store is away, the one of before goes on.
                let _ = self.replicas[r].desk.put_in_force(process).await;
            }
            16 => self.kill(),
            17 => self.freeze(),
            18 => {
                let off = i64::try_from(self.dice.roll(240_000)).unwrap_or(0) - 120_000;
                let r = self.any();
                self.replicas[r].clock.off.store(off, Ordering::SeqCst);
            }
            _ => {
                let next = [AWAY, NOT_KEPT, KEPT_UNHEARD];
                let fault = *self.dice.pick(&next).unwrap_or(&AWAY);
                self.next.store(fault, Ordering::SeqCst);
            }
        }
    }

    /// A replica dies: what it had under way is neither done nor kept, or done and not kept.
    fn kill(&mut self) {
        let r = self.any();
        self.let_go(r);
        let fresh = self.replica();
        let dead = std::mem::replace(&mut self.replicas[r], fresh);
        let mut memory = dead.memory;
        for (_, order) in dead.under_way {
            if self.dice.once_in(2) {
                self.world.perform(&order, &mut memory);
            }
        }
    }

    /// A replica stands still for longer than a lease, with work in its hands that it finishes afterwards.
    fn freeze(&mut self) {
        let r = self.any();
        self.let_go(r);
        for (lease, order) in std::mem::take(&mut self.replicas[r].under_way) {
            // What it was about to write may have arrived before it froze; it never writes after its lease has run out.
            if self.dice.once_in(2) {
                self.world.perform(&order, &mut self.replicas[r].memory);
                self.ghosts.push((r, lease, order));
            }
        }
    }

    async fn wish(&mut self) {
        self.wishes += 1;
        let n = self.wishes;
        let all = self.incidents().await;
        let open: Vec<&Incident> = all.iter().filter(|i| i.merged_into.is_none()).collect();
        let about = self.dice.pick(&open).map(|i| (i.reference, (*i).clone()));
        let text = format!("update {n} of {}", self.seed);
        let (about, command) = match (self.dice.roll(13), about) {
            (0 | 1, _) | (_, None) => (None, declare(&format!("Incident {n}"))),
            (2 | 3, _) => (None, self.alert()),
            (4 | 5, Some((r, i))) => (Some(r), self.a_move(&i)),
            (12, Some((r, i))) => (Some(r), self.a_newer_process(&i)),
            (6, Some((r, _))) => (
                Some(r),
                Command::Assign {
                    role: "commander".into(),
                    who: Who {
                        email: Some(format!("person{}@example.com", n % 3)),
                        ..Who::default()
                    },
                },
            ),
            (7, Some((r, _))) => (
                Some(r),
                Command::Edit {
                    title: Some(format!("Title {}", n % 2)),
                    summary: None,
                    severity: None,
                    service: None,
                },
            ),
            (8, Some((r, _))) => (
                Some(r),
                Command::AddTask {
                    text: format!("task {n}"),
                    assignee: None,
                },
            ),
            (_, Some((r, _))) => (Some(r), Command::Post { text }),
        };
        let by = Actor::Person {
            who: Who {
                email: Some("ada@example.com".into()),
                ..Who::default()
            },
            door: imp_core::person::Door::Slack,
        };
        let replica = self.any();
        let envelope = Envelope {
            id: format!("wish-{n}"),
            by,
            role: Role::Admin,
            at: self.replicas[replica].clock.now(),
            about,
            command,
        };
        self.submit(replica, &envelope).await;
        self.repeats.push(envelope);
    }

    async fn submit(&mut self, replica: usize, envelope: &Envelope) {
        let answer = self.replicas[replica].desk.submit(envelope.clone()).await;
        let Command::Post { text } = &envelope.command else {
            return;
        };
        match (answer, envelope.about) {
            (Ok(_), Some(r)) => {
                self.doubtful.remove(text);
                self.promised.insert(text.clone(), r);
            }
            // What was kept unheard would have been found by its id; a refusal says that it was not kept.
            (Err(SubmitError::Refused(_)), _) => drop(self.doubtful.remove(text)),
            (Err(SubmitError::Broken(_)), _) if !self.promised.contains_key(text) => {
                self.doubtful.insert(text.clone());
            }
            _ => {}
        }
    }

    /// Slack delivers again, a script calls again: the same wish, at any replica.
    async fn repeat(&mut self) {
        let n = usize::try_from(self.dice.roll(self.repeats.len().max(1) as u64)).unwrap_or(0);
        if let Some(envelope) = self.repeats.get(n).cloned() {
            let replica = self.any();
            self.submit(replica, &envelope).await;
        }
    }

    fn a_newer_process(&mut self, i: &Incident) -> Command {
        let (own, new) = (self.house.process_of(i), self.house.process.load_full());
        let places = imp_core::follow::places(i, &own, &new);
        Command::TakeProcess {
            status: self.dice.pick(&places).map(|s| (*s).to_owned()),
        }
    }

    fn a_move(&mut self, i: &Incident) -> Command {
        let process = self.house.process_of(i);
        let moves: Vec<String> = process.moves_from(&i.status).map(|m| m.to.clone()).collect();
        let to = self.dice.pick(&moves).cloned().unwrap_or_else(|| "closed".into());
        let answers = ["reason", "resolution", "cause", "review", "learnt", "lessons"];
        Command::Move {
            to,
            fields: answers
                .into_iter()
                .map(|f| (f.to_owned(), "because".to_owned()))
                .collect(),
        }
    }

    fn alert(&mut self) -> Command {
        let key = self.dice.roll(6);
        Command::Alert(Box::new(Alert {
            source: "generic".into(),
            key: format!("alert-{key}"),
            firing: !self.dice.once_in(3),
            title: format!("Alert {key}"),
            detail: None,
            severity: None,
            service_hints: vec![if key.is_multiple_of(2) { "pay" } else { "search" }.into()],
            since: None,
            told_at: None,
            count: 1,
            links: vec![],
            labels: vec![],
        }))
    }

    // ---- hands

    async fn work(&mut self) {
        let r = self.any();
        if !self.claim(r).await {
            return;
        }
        let held = std::mem::take(&mut self.replicas[r].under_way);
        for (lease, order) in held {
            match self.dice.roll(10) {
                // It goes on for a while.
                0 => self.replicas[r].under_way.push((lease, order)),
                n => self.finish(r, lease, &order, n).await,
            }
        }
        // Somebody comes back from the cold, and says how it went.
        if self.dice.once_in(3)
            && let Some((r, lease, order)) = self.ghosts.pop()
        {
            let links = learnt(&order);
            let _ = self.replicas[r].desk.settle(lease, Outcome::Done(links)).await;
        }
    }

    async fn finish(&mut self, r: usize, lease: Lease, order: &Order, fate: u64) {
        let later = |why: &str| Outcome::Later {
            pause: Pause::BackOff,
            why: why.into(),
        };
        let outcome = match fate {
            1 => later("503"),
            2 => {
                // The work is done and the answer lost.
                self.world.perform(order, &mut self.replicas[r].memory);
                later("the answer was lost")
            }
            3 => Outcome::Wait { after_ms: 700 },
            _ => Outcome::Done(self.world.perform(order, &mut self.replicas[r].memory)),
        };
        // A settlement that is not kept is told again, as the runner does; unless the replica dies first.
        for _ in 0..3 {
            if self.replicas[r]
                .desk
                .settle(lease.clone(), outcome.clone())
                .await
                .is_ok()
            {
                return;
            }
        }
    }

    /// The runner stops what it could not put off in time, before somebody else takes it up.
    fn let_go(&mut self, r: usize) {
        if self.time.load(Ordering::SeqCst) - self.replicas[r].renewed >= LET_GO_MS {
            self.replicas[r].under_way.clear();
        }
    }

    /// Takes what is due; whether the store was there.
    async fn claim(&mut self, r: usize) -> bool {
        let slots = Capability::ALL.into_iter().filter(|c| *c != Capability::Desk);
        let slots = slots.map(|c| (c, SLOTS)).collect();
        self.let_go(r);
        let now = self.time.load(Ordering::SeqCst);
        let held = self.replicas[r].under_way.iter().map(|(l, _)| l.clone()).collect();
        match self.replicas[r].desk.claim(slots, held).await {
            Ok(claims) => {
                self.replicas[r].renewed = now;
                self.replicas[r].under_way.extend(claims.orders);
            }
            Err(_) => return false,
        }
        true
    }

    // ---- the end

    /// Nothing fails any more: both replicas work until nothing is owed.
    async fn calm(&mut self) {
        self.next.store(WELL, Ordering::SeqCst);
        for r in &self.replicas {
            r.clock.off.store(0, Ordering::SeqCst);
        }
        while let Some((r, lease, order)) = self.ghosts.pop() {
            let links = learnt(&order);
            let _ = self.replicas[r].desk.settle(lease, Outcome::Done(links)).await;
        }
        // Who was not answered asks again.
        for envelope in self.repeats.clone() {
            if let Command::Post { text } = &envelope.command
                && self.doubtful.contains(text)
            {
                self.submit(0, &envelope).await;
            }
        }
        for _ in 0..ROUNDS {
            let mut busy = false;
            for r in 0..self.replicas.len() {
                self.claim(r).await;
                let held = std::mem::take(&mut self.replicas[r].under_way);
                busy |= !held.is_empty();
                for (lease, order) in held {
                    self.finish(r, lease, &order, 9).await;
                }
            }
            if !busy && self.owed().await == 0 {
                return;
            }
            self.time.fetch_add(ROUND_MS, Ordering::SeqCst);
        }
        panic!("seed {}: something waits for ever", self.seed);
    }

    async fn owed(&self) -> i64 {
        let soon = self.time.load(Ordering::SeqCst) + HORIZON_MS;
        let sql = "select count(*) from effect where state = 'running' or (state = 'pending' and due_at < ?1)";
        let rows = self
            .store
            .read(move |c| c.rows(sql, &[soon.into()]))
            .await
            .expect("read");
        rows.first().map_or(0, |r| r.int(0))
    }

    async fn judge(&self) {
        let seed = self.seed;
        let all = self.incidents().await;
        let house = self.house.clone();
        self.store.read(move |c| house.know_all(c)).await.expect("read");
        for i in &all {
            let r = i.reference;
            let facts = self
                .store
                .read(move |c| read::journal(c, r, 0, 100_000))
                .await
                .expect("read");
            assert_eq!(
                Incident::fold(&facts, |i| self.house.process_then(i)).as_ref(),
                Some(i),
                "seed {seed}: row and journal of {r} differ"
            );
            for what in watched(i) {
                let shown = self.world.shown.get(&(r.0, what.key()));
                let meant = drawing(&what, i);
                assert_eq!(
                    shown,
                    Some(&meant),
                    "seed {seed}: {r} {} shows something else",
                    what.key()
                );
            }
            if i.confirmed {
                assert!(
                    i.links.channel.is_some() && i.links.ticket.is_some(),
                    "seed {seed}: {r} was not set up"
                );
            }
            let mut texts: Vec<&str> = i.updates.iter().map(|u| u.text.as_str()).collect();
            texts.sort_unstable();
            texts.dedup();
            assert_eq!(
                texts.len(),
                i.updates.len(),
                "seed {seed}: an update of {r} was granted twice"
            );
        }
        for (text, r) in &self.promised {
            let kept = all
                .iter()
                .find(|i| i.reference == *r)
                .is_some_and(|i| i.updates.iter().any(|u| u.text == *text));
            assert!(kept, "seed {seed}: {text:?} of {r} was promised and is not there");
        }
        assert!(self.doubtful.is_empty(), "seed {seed}: {:?}", self.doubtful);
        for ((r, key), times) in &self.world.made {
            assert_eq!(*times, 1, "seed {seed}: {key} of IMP-{r} was done {times} times");
        }
        for ((r, lane), keys) in &self.world.lanes {
            let updates: Vec<u64> = keys
                .iter()
                .filter(|k| k.starts_with("chat.update."))
                .map(|k| number(k))
                .collect();
            assert!(updates.is_sorted(), "seed {seed}: IMP-{r} {lane}: {updates:?}");
        }
    }
}

fn declare(title: &str) -> Command {
    Command::Declare {
        title: title.into(),
        summary: String::new(),
        severity: None,
        service: Some("pay".into()),
        team: None,
        private: false,
        members: vec![],
        impact: Default::default(),
    }
}

fn number_of(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(usual)
}

/// Plays `seeds` stories; `half` 0 or 1 of them where two cores share the work.
async fn play(on: crate::place::On, seeds: u64, half: u64) {
    let first = number_of("FIRST", 1);
    let seeds = number_of("SEEDS", seeds);
    let (mut writes, mut incidents) = (0, 0);
    for seed in (first..first + seeds).filter(|s| s % 2 == half) {
        let mut sim = Sim::new(seed, on);
        for _ in 0..STEPS {
            sim.step().await;
        }
        sim.calm().await;
        sim.judge().await;
        writes += sim.world.writes;
        incidents += sim.incidents().await.len();
    }
    eprintln!(
        "half {half} of {seeds} seeds from {first}: {incidents} incidents, {writes} writes to vendors, no violation"
    );
}

#[tokio::test]
async fn whatever_fails_everything_promised_is_true_once_even() {
    play(crate::place::On::Sqlite, SEEDS, 0).await;
}

#[tokio::test]
async fn whatever_fails_everything_promised_is_true_once_odd() {
    play(crate::place::On::Sqlite, SEEDS, 1).await;
}

#[tokio::test]
async fn whatever_fails_on_postgres_too() {
    play(crate::place::On::Postgres, SEEDS / 30, 0).await;
}

#[tokio::test]
async fn the_same_seed_is_the_same_story() {
    let mut stories = Vec::new();
    for _ in 0..2 {
        let mut sim = Sim::new(1171, crate::place::On::Sqlite);
        for _ in 0..STEPS {
            sim.step().await;
        }
        stories.push((sim.world.writes, sim.time.load(Ordering::SeqCst), sim.incidents().await));
    }
    assert!(stories[0] == stories[1], "a seed that fails could not be played again");
}

#[tokio::test]
async fn who_follows_a_service_is_known_once_it_is_on_disk_and_not_before() {
    let sim = Sim::new(1, crate::place::On::Sqlite);
    let desk = &sim.replicas[0].desk;
    let ada = Who {
        email: Some("ada@example.com".into()),
        ..Who::default()
    };
    let deed = || imp_engine::audit::Deed {
        at: At(1),
        who: "Ada".into(),
        role: "responder".into(),
        door: "rest".into(),
        origin: String::new(),
        what: "follow_service".into(),
        about: None,
        private: false,
        detail: serde_json::json!({"said": {"service": "pay"}}),
    };
    let follow = async || desk.follow_service("pay", &ada, deed()).await;
    let known = || sim.house.subscriptions.load().of("pay").len();
    let written = async || {
        let all = sim.store.read(|c| imp_engine::audit::entries(c, None, None, 10)).await;
        all.expect("read").len()
    };
    sim.next.store(NOT_KEPT, Ordering::SeqCst);
    assert!(follow().await.is_err());
    assert_eq!((known(), written().await), (0, 0), "what was not kept never was");
    follow().await.expect("kept");
    follow().await.expect("she does already");
    assert_eq!((known(), written().await), (1, 1), "what changed is written down, once");
    desk.unfollow_service("pay", &ada, deed()).await.expect("kept");
    assert_eq!((known(), written().await), (0, 2));
}

#[tokio::test]
async fn each_broken_process_file_is_told_of_once_and_a_whole_one_where_it_was_broken() {
    let sim = Sim::new(1, crate::place::On::Sqlite);
    let (desk, other) = (&sim.replicas[0].desk, &sim.replicas[1].desk);
    let told = async || {
        let sql = "select count(*) from effect where ref = 0 and key like 'chat.process_file.%'";
        let rows = sim.store.read(move |c| c.rows(sql, &[])).await.expect("read");
        rows[0].int(0)
    };
    let fault = ["process.toml:1:1: name: it is missing".to_owned()];
    desk.process_file_is_whole(&[]).await.expect("kept");
    assert_eq!(told().await, 0, "it was never broken");
    for _ in 0..2 {
        desk.process_file_broke("version 2", &fault, &[]).await.expect("kept");
        other.process_file_broke("version 2", &fault, &[]).await.expect("kept");
    }
    assert_eq!(told().await, 1, "one version, whoever sees it, however often");
    other.process_file_broke("version 3", &fault, &[]).await.expect("kept");
    assert_eq!(told().await, 2, "another one");
    for desk in [desk, other, desk] {
        desk.process_file_is_whole(&[]).await.expect("kept");
    }
    assert_eq!(told().await, 3, "it is whole again");
    desk.process_file_broke("version 2", &fault, &[]).await.expect("kept");
    assert_eq!(told().await, 4, "it is broken as it was before");
    let found = sim.store.read(imp_engine::process_file::broken).await.expect("read");
    assert_eq!(found.expect("it is broken").faults, fault);
}
