//! The runner: takes effects from the desk, has the ports perform them, brings back how it went.

use crate::desk::{Desk, SubmitError};
use imp_core::effect::Capability;
use imp_core::port::{Order, Outcome, Port};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

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
    busy: BTreeMap<Capability, usize>,
    failures: BTreeMap<Capability, u32>,
}

impl Runner {
    /// A runner with these hands.
    pub fn new(desk: Desk, ports: BTreeMap<Capability, Arc<dyn Port>>) -> Runner {
        Runner {
            desk,
            ports,
            flying: JoinSet::new(),
            busy: BTreeMap::new(),
            failures: BTreeMap::new(),
        }
    }

    /// Runs until `stop` is done, then waits for what is in flight to come home (at most `grace`).
    pub async fn run(mut self, stop: impl Future<Output = ()>, grace: Duration) {
        tokio::pin!(stop);
        loop {
            let rest = match self.step().await {
                Progress::Started(_) => Duration::ZERO,
                Progress::Idle(Some(ms)) => Duration::from_millis(ms.unsigned_abs()).min(REST),
                Progress::Idle(None) => REST,
            };
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(home) = self.flying.join_next(), if !self.flying.is_empty() => self.came_home(home),
                () = self.desk.work.notified() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
        let _ = tokio::time::timeout(grace, async {
            while let Some(home) = self.flying.join_next().await {
                self.came_home(home);
            }
        })
        .await;
    }

    /// Takes what may be performed now and starts it.
    pub async fn step(&mut self) -> Progress {
        let slots = self.ports.keys().map(|c| (*c, self.free(*c))).collect();
        let claims = match self.desk.claim(slots).await {
            Ok(c) => c,
            Err(SubmitError::Busy) => return Progress::Idle(Some(20)),
            Err(e) => {
                tracing::error!(error = %e, "no effects could be taken");
                return Progress::Idle(None);
            }
        };
        let n = claims.orders.len();
        for (id, order) in claims.orders {
            let capability = order.what.capability();
            let Some(port) = self.ports.get(&capability).cloned() else {
                continue;
            };
            *self.busy.entry(capability).or_default() += 1;
            let desk = self.desk.clone();
            self.flying.spawn(async move {
                let outcome = perform(port, order).await;
                let health = match &outcome {
                    Outcome::Later { .. } => Health::Failing,
                    Outcome::Done(_) | Outcome::Never { .. } => Health::Well,
                    Outcome::Wait { .. } => Health::Unknown,
                };
                settle(&desk, id, outcome).await;
                (capability, health)
            });
        }
        match n {
            0 => Progress::Idle(claims.next_due.map(|at| at.since(self.desk.clock.now()).max(1))),
            n => Progress::Started(n),
        }
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.flying.is_empty()
    }

    /// Waits for one effect in flight to come home, if there is one.
    pub async fn land(&mut self) {
        if let Some(home) = self.flying.join_next().await {
            self.came_home(home);
        }
    }

    fn free(&self, capability: Capability) -> usize {
        let ailing = self.failures.get(&capability).is_some_and(|n| *n >= AILING_AFTER);
        let most = if ailing { PROBE } else { IN_FLIGHT };
        most.saturating_sub(self.busy.get(&capability).copied().unwrap_or(0))
    }

    fn came_home(&mut self, home: Result<(Capability, Health), tokio::task::JoinError>) {
        let (capability, health) = match home {
            Ok(h) => h,
            Err(e) => {
                tracing::error!(error = %e, "an effect was lost on its way home");
                return;
            }
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

/// Performs one effect. A port that panics or takes too long has failed like any vendor.
async fn perform(port: Arc<dyn Port>, order: Order) -> Outcome {
    let later = |why: &str| Outcome::Later {
        after_ms: None,
        why: why.into(),
    };
    let attempt = tokio::spawn(async move { tokio::time::timeout(PERFORM_LIMIT, port.perform(order)).await });
    match attempt.await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => later("no answer within a minute"),
        Err(_) => later("our own code failed; see the log"),
    }
}

/// Keeps how it went, however long the store is away.
async fn settle(desk: &Desk, id: i64, outcome: Outcome) {
    while let Err(e) = desk.settle(id, outcome.clone()).await {
        tracing::error!(id, error = %e, "how an effect went could not be kept; trying again");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
