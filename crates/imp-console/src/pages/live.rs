//! Changes as they happen: the reference of each incident that changed, for pages that show it.

use super::Visitor;
use crate::App;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use imp_core::rights;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;

/// The stream.
pub async fn stream(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = app.desk.changes();
    let events = stream::unfold((changes, app, caller), async |(mut changes, app, caller)| {
        loop {
            let data = match changes.recv().await {
                Ok(change) => {
                    let r = change.reference;
                    let found = app.desk.incident(r).await.ok().flatten();
                    if !found.is_some_and(|i| rights::may_see(&i, &caller.actor, caller.role)) {
                        continue;
                    }
                    r.to_string()
                }
                // Too slow to hear of each: the page looks for itself.
                Err(RecvError::Lagged(_)) => "many".to_owned(),
                Err(RecvError::Closed) => return None,
            };
            return Some((Ok(Event::default().data(data)), (changes, app, caller)));
        }
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}
