//! What is owed to the vendors, and what people may do about it.

use super::{Frame, Visitor, draw, moment, sorry};
use crate::App;
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use imp_core::Ref;
use imp_core::effect::Capability;
use imp_engine::read;
use serde::Deserialize;
use std::sync::Arc;

/// Deliveries on the page.
const PAGE: usize = 200;
const STATES: [&str; 3] = ["pending", "failed", "done"];

/// Which deliveries.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    state: String,
    before: String,
}

struct Line {
    id: i64,
    reference: String,
    key: String,
    what: String,
    vendor: String,
    since: String,
    since_words: String,
    tried: i64,
    fault: String,
    due: String,
}

#[derive(Template)]
#[template(path = "deliveries.html")]
struct Page {
    frame: Frame,
    states: [&'static str; 3],
    state: &'static str,
    fault: String,
    rows: Vec<Line>,
    next: Option<i64>,
}

/// The page.
pub async fn list(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let (wanted, mut fault) = match wanted {
        Ok(Query(w)) => (w, String::new()),
        Err(e) => (Wanted::default(), e.body_text()),
    };
    let known = STATES.into_iter().find(|s| *s == wanted.state);
    if known.is_none() && !wanted.state.is_empty() {
        let word = imp_core::words::cut(&wanted.state, 40);
        fault = format!("There is no state {word:?}. There are: {}.", STATES.join(", "));
    }
    let state = known.unwrap_or(STATES[0]);
    let (now, before) = (app.desk.clock.now(), wanted.before.parse().ok());
    let read = app
        .desk
        .store
        .read(move |c| read::deliveries(c, state, before, now, PAGE));
    let all = match read.await {
        Ok(all) => all,
        Err(e) => return sorry(&caller, e.into()),
    };
    let next = all.last().filter(|_| all.len() == PAGE).map(|d| d.id);
    let found = match crate::api::visible_deliveries(&app, &caller, all).await {
        Ok(f) => f,
        Err(p) => return sorry(&caller, p),
    };
    let line = |d: read::Delivery| Line {
        id: d.id,
        reference: match d.reference {
            Ref::HOUSE => String::new(),
            r => r.to_string(),
        },
        key: d.key,
        what: d.what,
        vendor: Capability::of(&d.capability).map_or(d.capability, |c| c.vendor().to_owned()),
        since_words: imp_core::At::parse(&d.since).map(moment).unwrap_or_default(),
        since: d.since,
        tried: d.tried,
        fault: d.fault.unwrap_or_default(),
        due: d.due.unwrap_or_default(),
    };
    let code = match fault.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::BAD_REQUEST,
    };
    let page = Page {
        frame: Frame::new(&caller, "deliveries", "all"),
        states: STATES,
        state,
        rows: match fault.is_empty() {
            true => found.into_iter().map(line).collect(),
            false => Vec::new(),
        },
        fault,
        next,
    };
    (code, draw(&page)).into_response()
}

/// Tries a delivery again now, whether it has failed or waits for its time.
pub async fn retry(State(app): State<Arc<App>>, Visitor(caller): Visitor, Path(id): Path<String>) -> Response {
    match crate::api::retry(&app, &caller, &id, &HeaderMap::new()).await {
        Ok(Ref::HOUSE) => Redirect::to("/deliveries").into_response(),
        Ok(r) => Redirect::to(&format!("/incidents/{r}")).into_response(),
        Err(p) => sorry(&caller, p),
    }
}
