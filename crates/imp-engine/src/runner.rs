//! The runner: takes effects from the desk, has the ports perform them, brings back how it went.

use crate::desk::{Desk, SubmitError};
use crate::lease::{LEASE_MS, Lease, RENEW_MS};
use crate::spent::{self, Ledger};
use imp_core::effect::{Capability, What};
use imp_core::port::{Order, Outcome, Pause, Port, SPANS};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tracing::{Instrument as _, Span};

/// Calls in flight to one kind of vendor: enough to set up several incidents at once, few enough not to be a burst.
const IN_FLIGHT: usize = 32;
/// Calls in flight to one that keeps failing: one, to see whether it is back.
const PROBE: usize = 1;
/// Failures in a row after which a vendor counts as ailing.
const AILING_AFTER: u32 = 8;
/// The longest that one effect may take, all its calls together.
const PERFORM_LIMIT: Duration = Duration::from_secs(60);
/// How long the runner rests when nothing tells it to look: only a safety net.
const REST: Duration = Duration::from_secs(5);
/// How often leases are put off, and, where there are other replicas, how often it is looked what they left behind.
const RENEW: Duration = Duration::from_millis(RENEW_MS);
/// When leases could not be put off for so long, the work is let go before another replica takes it up.
const LET_GO: Duration = Duration::from_millis(LEASE_MS.unsigned_abs() - RENEW_MS);
/// How soon a store that is away is asked again, in milliseconds.
const AWAY_MS: i64 = 500;
/// How long giving leases back may take at the end.
const FAREWELL: Duration = Duration::from_millis(500);

/// What a step of the runner did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It started this many effects.
    Started(usize),
    /// There was nothing to start; the next comes due in this many milliseconds, if any waits.
    Idle(Option<i64>),
}

/// What an effect has shown of its vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Well,
    Failing,
    Unknown,
}

/// Performs effects.
pub struct Runner {
    desk: Desk,
    ports: BTreeMap<Capability, Arc<dyn Port>>,
    flying: JoinSet<(Capability, Health)>,
    leases: HashMap<Id, Lease>,
    /// When leases were last put off.
    renewed: Instant,
    /// Changes when what is under way is to be let go.
    let_go: watch::Sender<()>,
    busy: BTreeMap<Capability, usize>,
    failures: BTreeMap<Capability, u32>,
    /// Among how many replicas the vendors' limits are shared.
    replicas: u32,
    /// What of the vendors' limits was spent, as far as it is written down.
    ledger: Ledger,
}

impl Runner {
    /// A runner with these hands.
    pub fn new(desk: Desk, ports: BTreeMap<Capability, Arc<dyn Port>>) -> Runner {
        for limits in spent::limits(&ports) {
            if desk.resumes {
                limits.resumes();
            }
            for (ago_ms, page) in desk.spent.iter() {
                page.get(limits.vendor())
                    .into_iter()
                    .for_each(|s| limits.knows(s, *ago_ms));
            }
        }
        Runner {
            desk,
            ports,
            flying: JoinSet::new(),
            leases: HashMap::new(),
            renewed: Instant::now(),
            let_go: watch::Sender::new(()),
            busy: BTreeMap::new(),
            failures: BTreeMap::new(),
            replicas: 1,
            ledger: Ledger::default(),
        }
    }

    /// Runs until `stop` is done, then waits for what is in flight to come home (at most `grace`), and gives back what
    /// does not.
    pub async fn run(mut self, stop: impl Future<Output = ()>, grace: Duration) {
        tokio::pin!(stop);
        let longest = if self.desk.store.is_shared() { RENEW } else { REST };
        loop {
            let rest = match self.step().await {
                Progress::Started(_) => Duration::ZERO,
                Progress::Idle(Some(ms)) => {
                    let wait = Duration::from_millis(ms.unsigned_abs());
                    self.desk.clock.takes(wait).min(longest)
                }
                Progress::Idle(None) => longest,
            };
            let rest = match self.ledger.is_behind(&self.ports) {
                true => rest.min(spent::EVERY),
                false => rest,
            };
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(home) = self.flying.join_next_with_id(), if !self.flying.is_empty() => self.came_home(home),
                () = self.desk.work.notified() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
        let _ = tokio::time::timeout(grace, async {
            while let Some(home) = self.flying.join_next_with_id().await {
                self.came_home(home);
            }
        })
        .await;
        self.flying.shutdown().await;
        let _ = tokio::time::timeout(FAREWELL, self.ledger.keep(&self.desk, &self.ports)).await;
        let left: Vec<Lease> = self.leases.into_values().collect();
        if !left.is_empty() {
            // Where the store does not answer any more, the leases run out by themselves.
            let _ = tokio::time::timeout(FAREWELL, self.desk.give_back(left)).await;
        }
    }

    /// Takes what may be performed now and starts it.
    pub async fn step(&mut self) -> Progress {
        if !self.ledger.is_fresh(Instant::now()) {
            self.ledger.keep(&self.desk, &self.ports).await;
        }
        let slots = self.ports.keys().map(|c| (*c, self.free(*c))).collect();
        let renews = self.desk.store.is_shared() && self.renewed.elapsed() >= RENEW;
        let asked = Instant::now();
        let under_way: Vec<Lease> = match renews {
            true => self.leases.values().cloned().collect(),
            false => Vec::new(),
        };
        let claims = match self.desk.claim(slots, under_way).await {
            Ok(c) => c,
            Err(SubmitError::Busy) => return Progress::Idle(Some(20)),
            Err(e) => {
                tracing::error!(error = %e, "no effects could be taken");
                self.let_go_in_time();
                return Progress::Idle(Some(AWAY_MS));
            }
        };
        if renews || self.leases.is_empty() {
            self.renewed = asked;
        }
        self.share(claims.replicas);
        let n = claims.orders.len();
        for (lease, mut order) in claims.orders {
            let capability = order.what.capability();
            let Some(port) = self.ports.get(&capability).cloned() else {
                continue;
            };
            *self.busy.entry(capability).or_default() += 1;
            let desk = self.desk.clone();
            if order.others_wrote {
                port.forget(&order.incident);
            }
            if matches!(order.what, What::Card | What::Ask { .. } | What::Questions) {
                order.hints = Arc::new(desk.house.memory.hints(&order.incident, &order.catalogue));
            }
            let mut let_go = self.let_go.subscribe();
            let held = lease.clone();
            let span = span_of(&order);
            let flight = self.flying.spawn(async move {
                let outcome = tokio::select! {
                    outcome = perform(port, order, span.clone()) => outcome,
                    _ = let_go.changed() => return (capability, Health::Unknown),
                };
                span.record("outcome", outcome.word());
                drop(span);
                let health = match &outcome {
                    Outcome::Later { .. } => Health::Failing,
                    Outcome::Done(_) | Outcome::Never { .. } => Health::Well,
                    Outcome::Wait { .. } => Health::Unknown,
                };
                settle(&desk, &lease, outcome).await;
                (capability, health)
            });
            self.leases.insert(flight.id(), held);
        }
        match n {
            0 => Progress::Idle(claims.next_due.map(|at| at.since(self.desk.clock.now()).max(1))),
            n => Progress::Started(n),
        }
    }

    /// The vendors' limits are for all replicas together: each takes its part.
    fn share(&mut self, replicas: u32) {
        if replicas == self.replicas {
            return;
        }
        tracing::info!(replicas, "the vendors' limits are shared among the replicas");
        self.replicas = replicas;
        for limits in spent::limits(&self.ports) {
            limits.share(replicas);
            limits.resumes();
        }
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.flying.is_empty()
    }

    /// Waits for one effect in flight to come home, if there is one.
    pub async fn land(&mut self) {
        if let Some(home) = self.flying.join_next_with_id().await {
            self.came_home(home);
        }
    }

    /// Another replica will take up what this one holds: it stops before. What is done already and only waits to be kept
    /// goes on waiting.
    fn let_go_in_time(&mut self) {
        if self.desk.store.is_shared() && !self.flying.is_empty() && self.renewed.elapsed() >= LET_GO {
            tracing::warn!("what is under way is let go: the store is away, and the leases run out");
            self.let_go.send_replace(());
        }
    }

    fn free(&self, capability: Capability) -> usize {
        let ailing = self.failures.get(&capability).is_some_and(|n| *n >= AILING_AFTER);
        let most = if ailing { PROBE } else { IN_FLIGHT };
        most.saturating_sub(self.busy.get(&capability).copied().unwrap_or(0))
    }

    fn came_home(&mut self, home: Result<(Id, (Capability, Health)), JoinError>) {
        let (flight, home) = match home {
            Ok((flight, home)) => (flight, Some(home)),
            Err(e) => {
                tracing::error!(error = %e, "an effect was lost on its way home");
                (e.id(), None)
            }
        };
        let lease = self.leases.remove(&flight);
        let lost = || lease.map(|l| (l.what.capability(), Health::Unknown));
        let Some((capability, health)) = home.or_else(lost) else {
            return;
        };
        if let Some(n) = self.busy.get_mut(&capability) {
            *n = n.saturating_sub(1);
        }
        match health {
            Health::Failing => *self.failures.entry(capability).or_default() += 1,
            Health::Well => drop(self.failures.remove(&capability)),
            Health::Unknown => {}
        }
    }
}

/// The span of one try.
fn span_of(order: &Order) -> Span {
    tracing::trace_span!(
        target: SPANS,
        "try",
        effect = order.key,
        tried = order.tried,
        incident = order.incident.reference.0,
        opened_at = order.incident.opened_at.0,
        outcome = tracing::field::Empty,
    )
}

/// Performs one effect. A port that panics or takes too long has failed like any vendor.
async fn perform(port: Arc<dyn Port>, order: Order, span: Span) -> Outcome {
    let later = |why: &str| Outcome::Later {
        pause: Pause::BackOff,
        why: why.into(),
    };
    // A set of one: it ends when whoever waits for it ends, and a panic in it does not end them.
    let mut attempt = JoinSet::new();
    let tried = async move { tokio::time::timeout(PERFORM_LIMIT, port.perform(order)).await };
    attempt.spawn(tried.instrument(span));
    match attempt.join_next().await {
        Some(Ok(Ok(outcome))) => outcome,
        Some(Ok(Err(_))) => later("no answer within a minute"),
        Some(Err(_)) | None => later("our own code failed; see the log"),
    }
}

/// Keeps how it went, however long the store is away.
async fn settle(desk: &Desk, lease: &Lease, outcome: Outcome) {
    while let Err(e) = desk.settle(lease.clone(), outcome.clone()).await {
        tracing::error!(id = lease.id, error = %e, "how an effect went could not be kept; trying again");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
