//! The list of all incidents: its filters live in the address, and it can be carried away.

use super::views::Views;
use super::{Frame, Row, Visitor, draw, sorry};
use crate::App;
use crate::filters::{Asked, escaped, offered, understand};
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use imp_engine::read;
use serde::Deserialize;
use std::sync::Arc;

/// Incidents on a page.
const PAGE: usize = 50;

/// Which incidents.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    q: String,
    status: String,
    severity: String,
    service: String,
    team: String,
    before: String,
    /// Of the export: `csv` or `json`.
    pub format: String,
}

impl Wanted {
    fn is_bare(&self) -> bool {
        [&self.q, &self.status, &self.severity, &self.service, &self.team]
            .iter()
            .all(|s| s.is_empty())
    }

    /// What it asks for.
    pub fn asked(&self) -> Asked {
        Asked {
            status: self.status.clone(),
            severity: self.severity.clone(),
            service: self.service.clone(),
            team: self.team.clone(),
            q: self.q.clone(),
        }
    }

    /// The same filters under another address.
    fn address(&self, page: &str) -> String {
        let parts = [
            ("q", &self.q),
            ("status", &self.status),
            ("severity", &self.severity),
            ("service", &self.service),
            ("team", &self.team),
        ];
        let given = parts.iter().filter(|(_, v)| !v.is_empty());
        let query: Vec<String> = given.map(|(k, v)| format!("{k}={}", escaped(v))).collect();
        format!("{page}?{}", query.join("&"))
    }
}

#[derive(Template)]
#[template(path = "incidents.html")]
struct List {
    frame: Frame,
    rows: Vec<Row>,
    next: Option<String>,
    export: String,
    faults: Vec<String>,
    views: Views,
    w: Wanted,
    statuses: Vec<(String, String)>,
    severities: Vec<(String, String)>,
    services: Vec<(String, String)>,
    teams: Vec<(String, String)>,
}

/// The list.
pub async fn list(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let (w, strange) = match wanted {
        Ok(Query(w)) => (w, None),
        Err(e) => (Wanted::default(), Some(e.body_text())),
    };
    let (filter, mut faults) = match understand(&app, &w.asked()).await {
        Ok(f) => f,
        Err(e) => return sorry(&caller, e.into()),
    };
    let before = match w.before.parse::<u64>() {
        Ok(n) => Some(n),
        Err(_) if w.before.is_empty() => None,
        Err(_) => {
            faults.push("The page that you asked for is none; begin with the first.".to_owned());
            None
        }
    };
    faults.extend(strange.map(|s| format!("The address has something that no filter is called: {s}.")));
    let found = match faults.is_empty() {
        true => {
            app.desk
                .store
                .read(move |c| read::incidents(c, &filter, before, PAGE))
                .await
        }
        false => Ok(Vec::new()),
    };
    let found = match found {
        Ok(f) => f,
        Err(e) => return sorry(&caller, e.into()),
    };
    let now = app.desk.clock.now();
    let catalogue = app.desk.house.catalogue.load();
    let last = found.last().filter(|_| found.len() == PAGE).map(|i| i.reference.0);
    let seen = match crate::witness::shown(&app, &caller, &found, "listed").await {
        Ok(s) => s,
        Err(p) => return sorry(&caller, p),
    };
    let address = w.address("");
    let views = match Views::on(&app, &caller, "incidents", &address).await {
        Ok(v) => v,
        Err(p) => return sorry(&caller, p),
    };
    let code = match faults.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::BAD_REQUEST,
    };
    let page = List {
        frame: Frame::new(&caller, "incidents", "all"),
        rows: seen
            .into_iter()
            .map(|i| Row::of(i, &app.desk.house.process_of(i), now))
            .collect(),
        next: last.map(|before| format!("{}&before={before}", w.address("/incidents"))),
        export: w.address("/incidents/export"),
        faults,
        views,
        statuses: offered(&app, &w.status, |p| {
            let all = p.statuses.iter();
            all.map(|s| (s.id.clone(), s.label.clone())).collect()
        }),
        severities: offered(&app, &w.severity, |p| {
            let all = p.severities.iter();
            all.map(|s| (s.id.clone(), s.id.clone())).collect()
        }),
        services: catalogue
            .services
            .iter()
            .map(|s| (s.alias.clone(), s.name.clone()))
            .collect(),
        teams: catalogue
            .teams
            .iter()
            .map(|t| (t.alias.clone(), t.name.clone()))
            .collect(),
        w,
    };
    (code, draw(&page)).into_response()
}
