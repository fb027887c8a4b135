//! A day on which the vendors do not answer: a hundred thousand deliveries wait. How long the start takes with them,
//! whether people still are answered at once, what memory it costs, and how fast they are done once it is over.

use crate::stage::{Stage, percentile, rss_mib};
use arc_swap::ArcSwap;
use imp_core::effect::{Capability, Rank};
use imp_core::event::Link;
use imp_core::port::Boxed;
use imp_core::{Actor, Catalogue, Command, Directory, Envelope, Order, Outcome, Port, Process, Ref, Role};
use imp_engine::{Desk, House, Runner, Store, SystemClock};
use imp_practice::faults::{Fault, Rule, Vendor};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Incidents that were open when the vendors went away, and updates to each since then: each is owed to the channel, one
/// after the other, and to the ticket.
const INCIDENTS: u64 = 400;
const UPDATES: u64 = 120;
/// Incidents declared since then: each owes a handful of things of every rank.
const NEW: u64 = 1_500;
/// Wishes that are under way at a time while the backlog is made.
const AT_ONCE: usize = 64;
/// Incidents declared and updated one after the other to take the time.
const PEOPLE: usize = 200;
/// The vendors as the demo has them.
const CAN: [Capability; 5] = [
    Capability::Chat,
    Capability::Record,
    Capability::Page,
    Capability::Bridge,
    Capability::Catalogue,
];
/// How long draining is watched.
const WATCHED: Duration = Duration::from_secs(120);

/// What was measured.
pub struct Measured {
    /// Deliveries that waited.
    pub waiting: usize,
    /// Seconds until ready.
    pub ready: f64,
    /// The 99th percentile of seconds until a wish was answered.
    pub answered: f64,
    /// Memory, in MiB.
    pub rss: f64,
    /// Deliveries done a second once the vendors answer at once.
    pub drained_per_s: f64,
    /// Whether none was begun while a more urgent one of the same vendor waited.
    pub in_order: bool,
}

fn house() -> Arc<House> {
    Arc::new(House {
        process: ArcSwap::from_pointee(Process::built_in()),
        catalogue: ArcSwap::from_pointee(Catalogue::default()),
        directory: ArcSwap::from_pointee(Directory::default()),
        can: BTreeSet::from(CAN),
        reads_catalogue: false,
        memory: Default::default(),
        versions: Default::default(),
        subscriptions: Default::default(),
    })
}

fn open(url: &str) -> Result<Desk, String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let (store, conn) = Store::open(url).map_err(|e| text(&e))?;
    Desk::start(store, conn, house(), Arc::new(SystemClock)).map_err(|e| text(&e))
}

async fn wish(desk: &Desk, by: Actor, about: Option<Ref>, command: Command) -> Result<Ref, String> {
    let envelope = Envelope {
        id: String::new(),
        by,
        role: Role::Admin,
        at: desk.clock.now(),
        about,
        command,
    };
    let receipt = desk.submit(envelope).await.map_err(|e| e.to_string())?;
    receipt
        .incident
        .map(|i| i.reference)
        .ok_or_else(|| "no incident".into())
}

fn declare(title: String) -> Command {
    Command::Declare {
        title,
        summary: String::new(),
        severity: None,
        impact: Default::default(),
        service: None,
        team: None,
        private: false,
        members: vec![],
    }
}

/// All set up, as if the vendors had answered so far.
fn set_up(n: u64) -> Vec<Link> {
    vec![
        Link::Channel {
            id: format!("C{n}"),
            name: format!("inc-{n}"),
            url: String::new(),
        },
        Link::Card { ts: "1.1".into() },
        Link::Ticket {
            key: format!("INC-{n}"),
            id: n.to_string(),
            url: String::new(),
        },
    ]
}

/// Fills an empty store; nobody performs anything.
async fn fill(url: &str) -> Result<usize, String> {
    let desk = open(url)?;
    let person = || Actor::Token { name: "people".into() };
    let numbers: Vec<u64> = (0..INCIDENTS + NEW).collect();
    let mut all = Vec::new();
    for some in numbers.chunks(AT_ONCE) {
        let declared = some
            .iter()
            .map(|n| wish(&desk, person(), None, declare(format!("Incident {n}"))));
        for r in futures_util::future::join_all(declared).await {
            all.push(r?);
        }
    }
    let open_ones: Vec<Ref> = all.into_iter().take(usize::try_from(INCIDENTS).unwrap_or(0)).collect();
    for some in open_ones.chunks(AT_ONCE) {
        let learnt = some.iter().map(|r| {
            let (key, links) = ("chat.channel".to_owned(), set_up(r.0));
            wish(&desk, Actor::Imp, Some(*r), Command::Learn { key, links })
        });
        for done in futures_util::future::join_all(learnt).await {
            done?;
        }
    }
    let posts: Vec<(Ref, String)> = (0..UPDATES)
        .flat_map(|u| {
            let text = format!("Update {u}: we look into it and tell more soon.");
            open_ones.iter().map(move |r| (*r, text.clone()))
        })
        .collect();
    for some in posts.chunks(AT_ONCE) {
        let all = some.iter().map(|(r, text)| {
            let text = text.clone();
            wish(&desk, person(), Some(*r), Command::Post { text })
        });
        for done in futures_util::future::join_all(all).await {
            done?;
        }
    }
    let sql = "select count(*) from effect where state = 'pending' and capability <> 'desk'";
    let rows = desk.store.read(|c| c.rows(sql, &[])).await.map_err(|e| e.to_string())?;
    Ok(rows.first().map_or(0, |r| usize::try_from(r.int(0)).unwrap_or(0)))
}

/// Waits until the last desk has let go of a store.
async fn let_go(url: &str) {
    loop {
        match Store::open(url) {
            // All of it into the one file.
            Ok((store, _conn)) if store.gather().is_ok() => return,
            Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// A vendor that answers at once, and remembers in which order it was asked.
#[derive(Default)]
struct Prompt {
    asked: Mutex<Vec<(Ref, String, Rank)>>,
    n: AtomicUsize,
}

impl Port for Prompt {
    fn perform(&self, order: Order) -> Boxed<'_, Outcome> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push((
            order.incident.reference,
            order.key,
            order.what.rank(),
        ));
        self.n.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Outcome::Done(vec![]) })
    }
}

/// Does all that waits in a store; how many in a second, and whether in order: of what waited from the beginning nothing
/// that is only nice to have is begun before the last that is urgent.
async fn drain(url: &str, waiting: usize) -> Result<(f64, bool), String> {
    let desk = open(url)?;
    let sql = "select ref, key from effect where state = 'pending'";
    let rows = desk.store.read(|c| c.rows(sql, &[])).await.map_err(|e| e.to_string())?;
    let first: BTreeSet<(u64, String)> = rows
        .iter()
        .map(|r| (r.int(0).unsigned_abs(), r.text(1).to_owned()))
        .collect();
    let hands: BTreeMap<Capability, Arc<Prompt>> = CAN.into_iter().map(|c| (c, Arc::default())).collect();
    let ports = hands.iter().map(|(c, p)| (*c, p.clone() as Arc<dyn Port>)).collect();
    let done = || hands.values().map(|p| p.n.load(Ordering::SeqCst)).sum::<usize>();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let began = Instant::now();
    let running =
        tokio::spawn(Runner::new(desk, ports).run(async move { drop(stopped.await) }, Duration::from_secs(1)));
    while done() < waiting && began.elapsed() < WATCHED {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let per_second = done() as f64 / began.elapsed().as_secs_f64();
    let _ = stop.send(());
    let _ = running.await;
    let in_order = hands.values().all(|p| {
        let asked = p.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = asked.iter().filter(|(r, key, _)| first.contains(&(r.0, key.clone())));
        let ranks: Vec<Rank> = asked.map(|(_, _, rank)| *rank).collect();
        let last_urgent = ranks.iter().rposition(|r| *r == Rank::Urgent).unwrap_or(0);
        let first_cosmetic = ranks.iter().position(|r| *r == Rank::Cosmetic).unwrap_or(usize::MAX);
        last_urgent <= first_cosmetic
    });
    Ok((per_second, in_order))
}

/// Makes the backlog, serves it while Slack and Jira are down, and drains a copy of it.
pub async fn measure(binary: &str, folder: &Path) -> Result<Measured, String> {
    // Made in memory where that is possible: thousands of flushes of a disk would take the longest.
    let quick = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let quick = quick.map_err(|e| e.to_string())?;
    let made = quick.path().join("imp.db");
    let url = format!("sqlite://{}", made.display());
    let waiting = fill(&url).await?;
    let_go(&url).await;
    let copy = folder.join("copy");
    std::fs::create_dir_all(&copy).map_err(|e| e.to_string())?;
    for place in [folder, copy.as_path()] {
        std::fs::copy(&made, place.join("imp.db")).map_err(|e| e.to_string())?;
    }
    let down: Vec<Rule> = Vendor::ALL.into_iter().map(|v| Rule::new(v, Fault::Down)).collect();
    let stage = Stage::among(binary, folder, down).await?;
    let mut took = Vec::new();
    for n in 0..PEOPLE {
        let began = Instant::now();
        let reference = stage.declare(&format!("Now {n}"), "payments-api").await?;
        took.push(began.elapsed().as_secs_f64());
        took.push(stage.command(&reference, &format!("update number {n}")).await?);
    }
    let (ready, rss) = (stage.ready, rss_mib(stage.pid)?);
    drop(stage);
    let (drained_per_s, in_order) = drain(&format!("sqlite://{}/imp.db", copy.display()), waiting).await?;
    Ok(Measured {
        waiting,
        ready,
        answered: percentile(&mut took, 0.99),
        rss,
        drained_per_s,
        in_order,
    })
}
