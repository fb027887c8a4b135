//! Declaring an incident: the form, and what it does.

use super::deed::{Fields, Sent, fields, wish, wish_id};
use super::{Frame, Visitor, draw, sorry};
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use imp_core::Command;
use imp_core::hint::Hint;
use imp_engine::{Receipt, read};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "declare.html")]
struct Declare {
    frame: Frame,
    key: String,
    error: String,
    title: String,
    summary: String,
    service: String,
    severity: String,
    severities: Vec<(String, String)>,
    impact: Vec<Question>,
    services: Vec<(String, String)>,
    /// What is open and may be the same: reference, title, why.
    open: Vec<(String, String, String)>,
    /// Who would join one of those.
    me: String,
}

/// A question about the impact.
struct Question {
    id: String,
    label: String,
    /// Id, words, and whether it was chosen.
    answers: Vec<(String, String, bool)>,
}

impl Question {
    fn of(q: &imp_core::process::Impact, chosen: &str) -> Question {
        let answer = |a: &imp_core::process::ImpactAnswer| (a.id.clone(), a.label.clone(), a.id == chosen);
        Question {
            id: q.id.clone(),
            label: q.label.clone(),
            answers: q.answers.iter().map(answer).collect(),
        }
    }
}

fn declaring(app: &App, caller: &Caller, f: &Fields, tried: Option<Problem>, open: Vec<Hint>) -> Response {
    let process = app.desk.house.process.load();
    let catalogue = app.desk.house.catalogue.load();
    let get = |k: &str| f.get(k).cloned().unwrap_or_default();
    let severity = Some(get("severity"))
        .filter(|s| !s.is_empty())
        .unwrap_or_else(|| process.severity_default.declared.clone());
    let fine = match open.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::CONFLICT,
    };
    let code = tried.as_ref().map_or(fine, |p| {
        StatusCode::from_u16(p.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY)
    });
    let me = caller.actor.who();
    let error = tried.map(|p| p.detail).unwrap_or_default();
    let page = Declare {
        frame: Frame::new(caller, "", ""),
        key: format!("declare-{}", app.desk.clock.now().0),
        error,
        title: get("title"),
        summary: get("summary"),
        service: get("service"),
        severity,
        severities: process
            .severities
            .iter()
            .map(|s| (s.id.clone(), format!("{}: {}", s.label, s.meaning)))
            .collect(),
        impact: process
            .impact
            .iter()
            .map(|q| Question::of(q, &get(&format!("impact.{}", q.id))))
            .collect(),
        services: catalogue
            .services
            .iter()
            .map(|s| (s.alias.clone(), s.name.clone()))
            .collect(),
        open: open
            .into_iter()
            .map(|h| (h.reference.to_string(), h.title, h.why))
            .collect(),
        me: me
            .and_then(|w| w.email.clone().or_else(|| w.slack.clone()))
            .unwrap_or_default(),
    };
    (code, draw(&page)).into_response()
}

/// The form.
pub async fn form(State(app): State<Arc<App>>, Visitor(caller): Visitor) -> Response {
    declaring(&app, &caller, &Fields::new(), None, Vec::new())
}

/// What is open on the service that was named, or beside it; nothing where somebody has said that theirs is another one.
fn beside(app: &App, f: &Fields) -> Vec<Hint> {
    let get = |k: &str| f.get(k).map_or("", |v| v.trim());
    if get("different") == "true" || get("service").is_empty() || get("title").is_empty() {
        return Vec::new();
    }
    let house = &app.desk.house;
    let mut open = house
        .memory
        .at_the_door(Some(get("service")), get("title"), None, &house.catalogue.load());
    if !open.iter().any(|h| h.kind.stops_at_the_door()) {
        open.clear();
    }
    open
}

/// Declares an incident.
pub async fn declare(State(app): State<Arc<App>>, Visitor(caller): Visitor, form: Sent) -> Response {
    let f = match fields(form) {
        Ok(f) => f,
        Err(p) => return sorry(&caller, p),
    };
    let get = |k: &str| f.get(k).cloned().unwrap_or_default();
    let some = |k: &str| Some(get(k)).filter(|s| !s.trim().is_empty());
    // A form that was sent twice is one incident, and not the other one beside it.
    let id = wish_id(&caller, &get("key"));
    let before = app.desk.store.read(move |c| read::granted(c, &id)).await;
    let open = match before {
        Ok(Some(_)) => Vec::new(),
        Ok(None) | Err(_) => beside(&app, &f),
    };
    if !open.is_empty() {
        return declaring(&app, &caller, &f, None, open);
    }
    let command = Command::Declare {
        title: get("title"),
        summary: get("summary"),
        severity: some("severity"),
        service: some("service"),
        team: None,
        private: get("private") == "true",
        members: Vec::new(),
        impact: f
            .iter()
            .filter_map(|(k, v)| Some((k.strip_prefix("impact.")?.to_owned(), v.clone())))
            .collect(),
    };
    match wish(&app, &caller, &get("key"), None, None, command).await {
        Ok(Receipt { incident: Some(i), .. }) => Redirect::to(&format!("/incidents/{}", i.reference)).into_response(),
        Ok(_) => Redirect::to("/").into_response(),
        Err(p) => declaring(&app, &caller, &f, Some(p), Vec::new()),
    }
}
