//! What people changed on the page: each public incident compared with the incident that it is of, and which components
//! it has now.

use super::port::{components, status};
use super::{Components, NAME, Statuspage, wire};
use crate::http::Fault;
use imp_core::port::{Boxed, PageSource, Shown};
use imp_core::public::Differs;
use imp_core::{Incident, Process, words};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Public incidents that are asked for one by one in a look: those that are over are in no short list, and Statuspage takes
/// one call a second.
const ONE_BY_ONE: usize = 5;

impl PageSource for Statuspage {
    fn look(&self, incidents: Vec<(Arc<Incident>, Arc<Process>)>) -> Boxed<'_, Result<Shown, String>> {
        Box::pin(async move { self.compare(&incidents).await.map_err(|f| f.why()) })
    }
}

/// How old the list of components is at most where somebody is refused by it: the page takes one request a second, and
/// the list may have been read with the last.
const NOW: Duration = Duration::from_secs(2);

impl Statuspage {
    /// The page's components as they are now: by this list somebody may be refused.
    ///
    /// # Errors
    /// When they cannot be read now.
    pub async fn components_now(&self) -> Result<Components, Fault> {
        let mut cached = self.components.lock().await;
        if let Some((_, list)) = cached.as_ref().filter(|(at, _)| at.elapsed() < NOW) {
            return Ok(list.clone());
        }
        let list = match self.read_components().await {
            // This second is another's; the next one is ours.
            Err(Fault::Wait { after_ms }) => {
                tokio::time::sleep(Duration::from_millis(after_ms.unsigned_abs())).await;
                self.read_components().await?
            }
            read => read?,
        };
        *cached = Some((Instant::now(), list.clone()));
        Ok(list)
    }

    async fn compare(&self, incidents: &[(Arc<Incident>, Arc<Process>)]) -> Result<Shown, Fault> {
        if incidents.is_empty() {
            return Ok(Vec::new());
        }
        let unresolved: Vec<wire::Incident> = self.patiently("/incidents/unresolved").await?;
        let (mut out, mut alone) = (Vec::new(), Vec::new());
        for (i, process) in incidents {
            let Some((id, _)) = &i.links.page else { continue };
            if let Some(seen) = unresolved.iter().find(|u| u.id == *id) {
                self.see(seen);
                out.push((i.reference, differs(i, process, seen)));
            } else if status(process, &i.status) != "resolved" || i.page_differs.is_some() {
                alone.push((id, i, process));
            }
        }
        for at in in_turn(&self.turn, alone.len()) {
            let Some((id, i, process)) = alone.get(at) else {
                continue;
            };
            match self.patiently::<wire::Incident>(&format!("/incidents/{id}")).await {
                Ok(seen) => {
                    self.see(&seen);
                    out.push((i.reference, differs(i, process, &seen)));
                }
                Err(Fault::Refused { status: 404, .. }) => out.push((i.reference, Some(gone(i, process)))),
                Err(fault) => return Err(fault),
            }
        }
        Ok(out)
    }

    /// Asks, and waits for its turn.
    pub(super) async fn patiently<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        /// More turns than anybody takes before it.
        const TURNS: usize = 20;
        let mut last = None;
        for _ in 0..TURNS {
            match self.call(self.http.get(&self.url(path))).await {
                Ok(answer) => return answer.json(NAME),
                Err(Fault::Wait { after_ms }) => {
                    let pause = std::time::Duration::from_millis(after_ms.max(1).unsigned_abs());
                    tokio::time::sleep(pause).await;
                    last = Some(Fault::Wait { after_ms });
                }
                Err(fault) => return Err(fault),
            }
        }
        Err(last.unwrap_or(Fault::Wait { after_ms: 1000 }))
    }
}

/// Whose turn it is, of so many: each has one, however many there are.
fn in_turn(turn: &AtomicUsize, of: usize) -> impl Iterator<Item = usize> {
    let first = turn.fetch_add(ONE_BY_ONE.min(of), Ordering::Relaxed);
    (0..of.min(ONE_BY_ONE)).map(move |n| first.wrapping_add(n) % of)
}

/// In what a public incident differs from what it would say.
fn differs(i: &Incident, process: &Process, seen: &wire::Incident) -> Option<Differs> {
    let wanted = status(process, &i.status);
    if seen.status != wanted && !(seen.status == "postmortem" && wanted == "resolved") {
        return Some(Differs {
            shows: word(&seen.status),
            wants: word(wanted),
        });
    }
    let wanted = components(process, i, &i.status);
    let there = seen.components.iter().flatten();
    let other: Vec<&wire::Component> = there
        .filter(|c| wanted.get(&c.id).is_some_and(|w| *w != c.status))
        .collect();
    let first = other.first()?;
    let say = |how: &str| format!("{} {}", first.name, how.replace('_', " "));
    Some(Differs {
        shows: say(&first.status),
        wants: say(wanted.get(&first.id).copied().unwrap_or_default()),
    })
}

/// It was deleted over there.
fn gone(i: &Incident, process: &Process) -> Differs {
    Differs {
        shows: "nothing of it: it was deleted there".to_owned(),
        wants: word(status(process, &i.status)),
    }
}

/// Statuspage's word as people read it.
fn word(status: &str) -> String {
    let mut letters = status.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    words::cut(&format!("{first}{}", letters.as_str()).replace('_', " "), 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn however_many_differ_each_is_looked_at_in_turn() {
        let turn = AtomicUsize::new(0);
        let looks: Vec<Vec<usize>> = (0..3).map(|_| in_turn(&turn, 12).collect()).collect();
        assert!(looks.iter().all(|l| l.len() == ONE_BY_ONE));
        let seen: BTreeSet<usize> = looks.concat().into_iter().collect();
        assert_eq!(seen.len(), 12, "{looks:?}");
        assert_eq!(in_turn(&turn, 2).count(), 2);
        assert_eq!(in_turn(&turn, 0).count(), 0);
    }
}
