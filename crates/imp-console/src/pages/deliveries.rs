//! What is owed to the vendors.

use super::{Frame, Visitor, draw, sorry};
use crate::App;
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use imp_core::rights;
use imp_engine::read;
use serde::Deserialize;
use std::sync::Arc;

/// Deliveries on the page.
const PAGE: usize = 200;
const STATES: [&str; 3] = ["pending", "failed", "done"];

/// Which deliveries.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    state: String,
}

struct Line {
    reference: String,
    key: String,
    what: String,
    since: String,
    since_words: String,
    tried: i64,
    fault: String,
}

#[derive(Template)]
#[template(path = "deliveries.html")]
struct Page {
    frame: Frame,
    states: [&'static str; 3],
    state: &'static str,
    rows: Vec<Line>,
}

/// The page.
pub async fn list(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let wanted = wanted.map(|Query(w)| w.state).unwrap_or_default();
    let state = STATES.into_iter().find(|s| *s == wanted).unwrap_or(STATES[0]);
    let now = app.desk.clock.now();
    let (actor, role) = (caller.actor.clone(), caller.role);
    let found = app.desk.store.read(move |c| {
        let mut out = Vec::new();
        for d in read::deliveries(c, state, None, now, PAGE)? {
            if read::load(c, d.reference)?.is_some_and(|i| rights::may_see(&i, &actor, role)) {
                out.push(d);
            }
        }
        Ok(out)
    });
    let found = match found.await {
        Ok(f) => f,
        Err(e) => return sorry(&caller, e.into()),
    };
    let line = |d: read::Delivery| Line {
        reference: d.reference.to_string(),
        key: d.key,
        what: d.what,
        since_words: format!("{} {}", &d.since[..10], &d.since[11..16]),
        since: d.since,
        tried: d.tried,
        fault: d.fault.unwrap_or_default(),
    };
    draw(&Page {
        frame: Frame::new(&caller, "deliveries", "all"),
        states: STATES,
        state,
        rows: found.into_iter().map(line).collect(),
    })
}
