//! Declaring an incident: the form, and what it does.

use super::deed::{Fields, Sent, fields, wish};
use super::{Frame, Visitor, draw, sorry};
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use imp_core::Command;
use imp_engine::Receipt;
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
    services: Vec<(String, String)>,
}

fn declaring(app: &App, caller: &Caller, f: &Fields, tried: Option<Problem>) -> Response {
    let process = app.desk.house.process.load();
    let catalogue = app.desk.house.catalogue.load();
    let get = |k: &str| f.get(k).cloned().unwrap_or_default();
    let severity = Some(get("severity"))
        .filter(|s| !s.is_empty())
        .unwrap_or_else(|| process.severity_default.declared.clone());
    let code = tried.as_ref().map_or(StatusCode::OK, |p| {
        StatusCode::from_u16(p.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY)
    });
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
        services: catalogue
            .services
            .iter()
            .map(|s| (s.alias.clone(), s.name.clone()))
            .collect(),
    };
    (code, draw(&page)).into_response()
}

/// The form.
pub async fn form(State(app): State<Arc<App>>, Visitor(caller): Visitor) -> Response {
    declaring(&app, &caller, &Fields::new(), None)
}

/// Declares an incident.
pub async fn declare(State(app): State<Arc<App>>, Visitor(caller): Visitor, form: Sent) -> Response {
    let f = match fields(form) {
        Ok(f) => f,
        Err(p) => return sorry(&caller, p),
    };
    let get = |k: &str| f.get(k).cloned().unwrap_or_default();
    let some = |k: &str| Some(get(k)).filter(|s| !s.trim().is_empty());
    let command = Command::Declare {
        title: get("title"),
        summary: get("summary"),
        severity: some("severity"),
        service: some("service"),
        team: None,
        private: get("private") == "true",
        members: Vec::new(),
    };
    match wish(&app, &caller, &get("key"), None, None, command).await {
        Ok(Receipt { incident: Some(i), .. }) => Redirect::to(&format!("/incidents/{}", i.reference)).into_response(),
        Ok(_) => Redirect::to("/").into_response(),
        Err(p) => declaring(&app, &caller, &f, Some(p)),
    }
}
