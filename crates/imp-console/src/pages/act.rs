//! What people do on pages: forms in, a redirect back; what was wrong stands on the page they came from.

use super::{Frame, Visitor, draw, incident, sorry};
use crate::App;
use crate::caller::{Caller, SESSION_COOKIE};
use crate::problem::Problem;
use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use imp_core::{Command, Envelope, Ref};
use imp_engine::Receipt;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

type Fields = Result<Form<BTreeMap<String, String>>, FormRejection>;

fn fields(form: Fields) -> Result<BTreeMap<String, String>, Problem> {
    form.map(|Form(f)| f).map_err(|e| Problem::bad(e.body_text()))
}

async fn wish(app: &App, caller: &Caller, key: &str, about: Option<Ref>, command: Command) -> Result<Receipt, Problem> {
    // The form's key makes a double click one wish; forms without one are wishes of their own.
    let id = if key.is_empty() {
        String::new()
    } else {
        format!("console:{}:{}", caller.name, imp_core::words::cut(key, 100))
    };
    let envelope = Envelope {
        id,
        by: caller.actor.clone(),
        role: caller.role,
        at: app.desk.clock.now(),
        about,
        command,
    };
    Ok(app.desk.submit(envelope).await?)
}

async fn on_incident(app: &App, caller: &Caller, name: &str, key: &str, command: Command) -> Response {
    let found = match crate::api::find(app, caller, name).await {
        Ok(i) => i,
        Err(p) => return sorry(caller, p),
    };
    match wish(app, caller, key, Some(found.reference), command).await {
        Ok(_) => Redirect::to(&format!("/incidents/{}", found.reference)).into_response(),
        Err(p) => incident::page(app, caller, name, p.detail).await,
    }
}

/// Moves an incident.
pub async fn change_status(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Path(name): Path<String>,
    form: Fields,
) -> Response {
    let mut f = match fields(form) {
        Ok(f) => f,
        Err(p) => return sorry(&caller, p),
    };
    let (to, key) = (f.remove("to").unwrap_or_default(), f.remove("key").unwrap_or_default());
    on_incident(&app, &caller, &name, &key, Command::Move { to, fields: f }).await
}

/// Settles what Jira and the incident do not agree on.
pub async fn settle(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Path(name): Path<String>,
    form: Fields,
) -> Response {
    let mut f = match fields(form) {
        Ok(f) => f,
        Err(p) => return sorry(&caller, p),
    };
    let key = f.remove("key").unwrap_or_default();
    let follow = f.remove("choose").as_deref() == Some("follow");
    on_incident(&app, &caller, &name, &key, Command::Settle { follow, fields: f }).await
}

/// Writes an update.
pub async fn update(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Path(name): Path<String>,
    form: Fields,
) -> Response {
    match fields(form) {
        Ok(mut f) => {
            let (text, key) = (
                f.remove("text").unwrap_or_default(),
                f.remove("key").unwrap_or_default(),
            );
            on_incident(&app, &caller, &name, &key, Command::Post { text }).await
        }
        Err(p) => sorry(&caller, p),
    }
}

/// Tries a failed step again.
pub async fn retry(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Path(name): Path<String>,
    form: Fields,
) -> Response {
    match fields(form) {
        Ok(mut f) => {
            on_incident(
                &app,
                &caller,
                &name,
                "",
                Command::Retry {
                    key: f.remove("step").unwrap_or_default(),
                },
            )
            .await
        }
        Err(p) => sorry(&caller, p),
    }
}

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

fn declaring(app: &App, caller: &Caller, f: &BTreeMap<String, String>, error: String) -> Response {
    let process = app.desk.house.process.load();
    let catalogue = app.desk.house.catalogue.load();
    let get = |k: &str| f.get(k).cloned().unwrap_or_default();
    let severity = Some(get("severity"))
        .filter(|s| !s.is_empty())
        .unwrap_or_else(|| process.severity_default.declared.clone());
    let code = if error.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
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
    declaring(&app, &caller, &BTreeMap::new(), String::new())
}

/// Declares an incident.
pub async fn declare(State(app): State<Arc<App>>, Visitor(caller): Visitor, form: Fields) -> Response {
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
    match wish(&app, &caller, &get("key"), None, command).await {
        Ok(Receipt { incident: Some(i), .. }) => Redirect::to(&format!("/incidents/{}", i.reference)).into_response(),
        Ok(_) => Redirect::to("/").into_response(),
        Err(p) => declaring(&app, &caller, &f, p.detail),
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    error: String,
}

/// The token that somebody signs in with.
#[derive(Debug, Deserialize)]
pub struct Credentials {
    #[serde(default)]
    token: String,
}

/// The form.
pub async fn sign_in_form() -> Response {
    draw(&SignIn { error: String::new() })
}

/// Signs in.
pub async fn sign_in(State(app): State<Arc<App>>, form: Result<Form<Credentials>, FormRejection>) -> Response {
    let token = form.map(|Form(c)| c.token).unwrap_or_default();
    let Some(found) = app.doors.token(token.trim()) else {
        let page = SignIn {
            error: "The configuration knows no such token.".into(),
        };
        return (StatusCode::UNAUTHORIZED, draw(&page)).into_response();
    };
    let secure = if app.public_url.starts_with("https://") {
        "; Secure"
    } else {
        ""
    };
    let cookie = format!(
        "{SESSION_COOKIE}={}; Path=/; HttpOnly; SameSite=Lax{secure}",
        found.session()
    );
    let mut response = Redirect::to("/").into_response();
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

/// Signs out: the browser forgets the session. A visitor only, so that no other site can do it.
pub async fn sign_out(_: Visitor) -> Response {
    let cookie = format!("{SESSION_COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    let mut response = Redirect::to("/sign-in").into_response();
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}
