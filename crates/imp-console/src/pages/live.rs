//! Changes as they happen: the reference of each incident that changed, for pages that show it. A browser that was cut
//! off says what it heard last, and hears what it missed.

use super::Visitor;
use crate::App;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use imp_core::Ref;
use imp_engine::{Change, Desk};
use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Changes that are remembered for those who were cut off, and that a slow listener may lag behind.
const REMEMBERED: usize = 1024;

/// A change with its number.
#[derive(Debug, Clone)]
struct Numbered {
    n: u64,
    reference: Ref,
}

/// Numbers the changes of this process, once for all who listen.
#[derive(Debug)]
pub struct Hub {
    /// Tells this process's numbers from another's.
    epoch: String,
    news: broadcast::Sender<Numbered>,
    past: Arc<Mutex<VecDeque<Numbered>>>,
}

impl Hub {
    /// Begins to listen to a desk; inside a runtime only.
    pub fn on(desk: &Desk) -> Hub {
        let (news, _) = broadcast::channel(REMEMBERED);
        let past: Arc<Mutex<VecDeque<Numbered>>> = Arc::default();
        let (mut changes, told, kept) = (desk.changes(), news.clone(), past.clone());
        tokio::spawn(async move {
            let mut n = 0;
            loop {
                let reference = match changes.recv().await {
                    Ok(Change { reference, .. }) => reference,
                    // A number that nobody has: whoever resumes over it looks for themselves.
                    Err(RecvError::Lagged(missed)) => {
                        n += missed;
                        kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
                        continue;
                    }
                    Err(RecvError::Closed) => return,
                };
                n += 1;
                let one = Numbered { n, reference };
                let mut past = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if past.len() == REMEMBERED {
                    past.pop_front();
                }
                past.push_back(one.clone());
                // Sent under the lock, so that nobody falls between what is past and what is news.
                let _ = told.send(one);
            }
        });
        Hub {
            epoch: crate::secret()[..12].to_owned(),
            news,
            past,
        }
    }

    /// News from now on, and what somebody missed who heard `last`; `None`: it is not known any more what that was.
    fn listen(&self, last: Option<&str>) -> (broadcast::Receiver<Numbered>, Option<VecDeque<Numbered>>) {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let news = self.news.subscribe();
        let Some(last) = last else {
            return (news, Some(VecDeque::new()));
        };
        let heard = last
            .strip_prefix(&self.epoch)
            .and_then(|n| n.strip_prefix('-')?.parse::<u64>().ok());
        let missed = heard.and_then(|heard| {
            let whole = past.back().is_none_or(|b| b.n <= heard) || past.front().is_some_and(|f| f.n <= heard + 1);
            whole.then(|| past.iter().filter(|c| c.n > heard).cloned().collect())
        });
        (news, missed)
    }
}

/// The stream.
pub async fn stream(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok());
    let (news, missed) = app.live.listen(last);
    let lost = missed.is_none();
    let begun = (news, missed.unwrap_or_default(), lost, BTreeSet::new(), app, caller);
    let events = stream::unfold(begun, async |(mut news, mut missed, lost, mut told, app, caller)| {
        if lost {
            // Too much has happened meanwhile, or IMP was started anew: the page looks for itself.
            return Some((
                Ok(Event::default().data("many")),
                (news, missed, false, told, app, caller),
            ));
        }
        loop {
            let next = match missed.pop_front() {
                Some(c) => Ok(c),
                None => news.recv().await,
            };
            let event = match next {
                Ok(Numbered { n, reference }) => {
                    let found = app.desk.incident(reference).await.ok().flatten();
                    let Some(i) = found.filter(|i| caller.sees(i)) else {
                        continue;
                    };
                    // Once for each of these streams: that it was followed is written down, not every word of it.
                    if i.private && told.insert(reference) {
                        let one = std::iter::once(i.as_ref());
                        if crate::witness::looked(&app, &caller, one, "followed live")
                            .await
                            .is_err()
                        {
                            told.remove(&reference);
                            continue;
                        }
                    }
                    Event::default()
                        .id(format!("{}-{n}", app.live.epoch))
                        .data(reference.to_string())
                }
                // Too slow to hear of each: the page looks for itself.
                Err(RecvError::Lagged(_)) => Event::default().data("many"),
                Err(RecvError::Closed) => return None,
            };
            return Some((Ok(event), (news, missed, false, told, app, caller)));
        }
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}
