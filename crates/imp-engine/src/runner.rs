//! The runner: takes effects from the desk, has the ports perform them, brings back how it went.

use crate::desk::{Desk, SubmitError};
use imp_core::effect::Capability;
use imp_core::port::{Outcome, Port};
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

/// Performs effects.
pub struct Runner {
    desk: Desk,
    ports: BTreeMap<Capability, Arc<dyn Port>>,
    flying: JoinSet<(i64, Capability, Outcome)>,
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
                Some(home) = self.flying.join_next(), if !self.flying.is_empty() => self.bring_home(home).await,
                () = self.desk.work.notified() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
        let _ = tokio::time::timeout(grace, async {
            while let Some(home) = self.flying.join_next().await {
                self.bring_home(home).await;
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
            self.flying.spawn(async move {
                let attempt =
                    tokio::spawn(async move { tokio::time::timeout(PERFORM_LIMIT, port.perform(order)).await });
                let outcome = match attempt.await {
                    Ok(Ok(outcome)) => outcome,
                    Ok(Err(_)) => Outcome::Later {
                        after_ms: None,
                        why: "no answer within a minute".into(),
                    },
                    Err(_) => Outcome::Later {
                        after_ms: None,
                        why: "our own code failed; see the log".into(),
                    },
                };
                (id, capability, outcome)
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
            self.bring_home(home).await;
        }
    }

    fn free(&self, capability: Capability) -> usize {
        let ailing = self.failures.get(&capability).is_some_and(|n| *n >= AILING_AFTER);
        let most = if ailing { PROBE } else { IN_FLIGHT };
        most.saturating_sub(self.busy.get(&capability).copied().unwrap_or(0))
    }

    async fn bring_home(&mut self, home: Result<(i64, Capability, Outcome), tokio::task::JoinError>) {
        let (id, capability, outcome) = match home {
            Ok(h) => h,
            Err(e) => {
                tracing::error!(error = %e, "an effect was lost on its way home");
                return;
            }
        };
        if let Some(n) = self.busy.get_mut(&capability) {
            *n = n.saturating_sub(1);
        }
        match &outcome {
            Outcome::Later { .. } => *self.failures.entry(capability).or_default() += 1,
            Outcome::Done(_) | Outcome::Never { .. } => drop(self.failures.remove(&capability)),
            Outcome::Wait { .. } => {}
        }
        while let Err(e) = self.desk.settle(id, outcome.clone()).await {
            match e {
                SubmitError::Busy => tokio::time::sleep(Duration::from_millis(20)).await,
                other => {
                    // The effect stays marked as being tried and is taken up again at the next start.
                    tracing::error!(id, error = %other, "how an effect went could not be kept; trying again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}
