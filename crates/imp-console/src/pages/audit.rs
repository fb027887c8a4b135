//! The audit log: who did what, from where, and who looked at what is private.

use super::{Frame, Visitor, draw, moment, sorry};
use crate::App;
use crate::problem::Problem;
use crate::witness::visible;
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use imp_engine::audit::Entry;
use serde::Deserialize;
use std::sync::Arc;

/// Entries on a page.
const PAGE: usize = 100;

/// Which entries.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    about: String,
    before: String,
}

struct Line {
    n: u64,
    at: String,
    time: String,
    who: String,
    role: String,
    door: String,
    origin: String,
    what: String,
    about: String,
    changes: Vec<String>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    frame: Frame,
    about: String,
    rows: Vec<Line>,
    next: Option<String>,
}

/// The page.
pub async fn show(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let w = match wanted {
        Ok(Query(w)) => w,
        Err(e) => return sorry(&caller, Problem::bad(e.body_text())),
    };
    let about = match w.about.trim() {
        "" => None,
        name => match crate::api::find(&app, &caller, name).await {
            Ok(i) => Some(i.reference),
            Err(p) => return sorry(&caller, p),
        },
    };
    let found = visible(&app, &caller, about, w.before.parse().ok(), PAGE).await;
    let (entries, next) = match found {
        Ok(f) => f,
        Err(p) => return sorry(&caller, p),
    };
    let about = about.map(|r| r.to_string()).unwrap_or_default();
    draw(&Page {
        frame: Frame::new(&caller, "audit", ""),
        next: next.map(|n| format!("/audit?about={about}&before={n}")),
        about,
        rows: entries.into_iter().map(line).collect(),
    })
}

fn line(e: Entry) -> Line {
    Line {
        n: e.n,
        at: e.at.rfc3339(),
        time: moment(e.at),
        changes: changes(&e.detail),
        who: e.who,
        role: e.role,
        door: e.door,
        origin: e.origin,
        what: e.what.replace('_', " "),
        about: e.about.map(|r| r.to_string()).unwrap_or_default(),
    }
}

/// Before and after as people read them.
fn changes(detail: &str) -> Vec<String> {
    let value: serde_json::Value = serde_json::from_str(detail).unwrap_or_default();
    let shown = |v: &serde_json::Value| match v {
        serde_json::Value::String(s) => s.clone(),
        serde_json::Value::Null => "nothing".to_owned(),
        other => other.to_string(),
    };
    let mut out = Vec::new();
    for (name, now) in value["after"].as_object().into_iter().flatten() {
        out.push(match value["before"].get(name) {
            Some(was) => format!("{name}: {} → {}", shown(was), shown(now)),
            None => format!("{name}: {}", shown(now)),
        });
    }
    if out.is_empty() {
        let said = value["said"].as_object().into_iter().flatten();
        out.extend(said.map(|(k, v)| format!("{k}: {}", shown(v))));
        out.extend(value["how"].as_str().map(str::to_owned));
        out.extend(value["by"].as_str().map(|b| format!("by {b}")));
    }
    out
}
