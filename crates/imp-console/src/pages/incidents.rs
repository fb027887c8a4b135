//! What is happening now, and the list of all incidents.

use super::{Frame, Row, Visitor, draw, sorry};
use crate::App;
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use imp_core::{Incident, rights};
use imp_engine::read::{self, Filter};
use serde::Deserialize;
use std::sync::Arc;

/// Incidents on a page.
const PAGE: usize = 50;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    waiting: Vec<Row>,
    open: Vec<Row>,
    after: Vec<Row>,
}

/// What is happening now.
pub async fn overview(State(app): State<Arc<App>>, Visitor(caller): Visitor) -> Response {
    let filter = Filter {
        categories: ["triage", "active", "after"].map(str::to_owned).to_vec(),
        ..Filter::default()
    };
    let found = match app
        .desk
        .store
        .read(move |c| read::incidents(c, &filter, None, PAGE * 2))
        .await
    {
        Ok(f) => f,
        Err(e) => return sorry(&caller, e.into()),
    };
    let (process, now) = (app.desk.house.process.load(), app.desk.clock.now());
    let seen: Vec<&Incident> = found
        .iter()
        .filter(|i| rights::may_see(i, &caller.actor, caller.role))
        .collect();
    let rows = |category: &str| {
        let some = seen.iter().filter(|i| process.category(&i.status).word() == category);
        let mut rows: Vec<Row> = some.map(|i| Row::of(i, &process, now)).collect();
        rows.sort_by(|a, b| a.severity.cmp(&b.severity).then(b.since.cmp(&a.since)));
        rows
    };
    draw(&Overview {
        frame: Frame::new(&caller, "overview", "all"),
        waiting: rows("triage"),
        open: rows("active"),
        after: rows("after"),
    })
}

/// Which incidents.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    q: String,
    status: String,
    severity: String,
    before: Option<u64>,
}

#[derive(Template)]
#[template(path = "incidents.html")]
struct List {
    frame: Frame,
    rows: Vec<Row>,
    next: Option<String>,
    q: String,
    status: String,
    severity: String,
    statuses: Vec<(String, String)>,
    severities: Vec<String>,
}

/// The list; its filters live in the address.
pub async fn list(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let Query(w) = wanted.unwrap_or_default();
    let some = |s: &String| Some(s.clone()).filter(|s| !s.is_empty());
    let filter = Filter {
        status: some(&w.status),
        severity: some(&w.severity),
        words: some(&w.q),
        ..Filter::default()
    };
    let found = match app
        .desk
        .store
        .read(move |c| read::incidents(c, &filter, w.before, PAGE))
        .await
    {
        Ok(f) => f,
        Err(e) => return sorry(&caller, e.into()),
    };
    let (process, now) = (app.desk.house.process.load(), app.desk.clock.now());
    let next = (found.len() == PAGE)
        .then(|| found.last().map(|i| i.reference.0))
        .flatten()
        .map(|before| {
            let part = |s: &str| {
                s.bytes()
                    .map(|b| {
                        if b.is_ascii_alphanumeric() {
                            char::from(b).to_string()
                        } else {
                            format!("%{b:02X}")
                        }
                    })
                    .collect::<String>()
            };
            format!(
                "/incidents?q={}&status={}&severity={}&before={before}",
                part(&w.q),
                part(&w.status),
                part(&w.severity)
            )
        });
    let seen = found.iter().filter(|i| rights::may_see(i, &caller.actor, caller.role));
    draw(&List {
        frame: Frame::new(&caller, "incidents", "all"),
        rows: seen.map(|i| Row::of(i, &process, now)).collect(),
        next,
        statuses: process
            .statuses
            .iter()
            .map(|s| (s.id.clone(), s.label.clone()))
            .collect(),
        severities: process.severities.iter().map(|s| s.id.clone()).collect(),
        q: w.q,
        status: w.status,
        severity: w.severity,
    })
}
