//! Telling the public: a page of its own, so that nobody does it by the way. It proposes what Slack's form proposes.

use super::deed::{Fields, Sent, fields, wish};
use super::{Frame, Visitor, draw, sorry};
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use imp_core::effect::Capability;
use imp_core::public::propose;
use imp_core::rights::Right;
use imp_core::{Command, Incident};
use std::sync::Arc;

/// What the names of the boxes begin with that choose a component.
const COMPONENT: &str = "component.";

struct Choice {
    id: String,
    name: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "public.html")]
struct Page {
    frame: Frame,
    reference: String,
    name: String,
    status: String,
    title: String,
    text: String,
    components: Vec<Choice>,
    key: String,
    told: Vec<(String, String)>,
    error: String,
}

/// The form.
pub async fn form(State(app): State<Arc<App>>, Visitor(caller): Visitor, Path(name): Path<String>) -> Response {
    let found = crate::api::find(&app, &caller, &name).await;
    match found.and_then(|i| caller.must_about(&i, Right::Publish).map(|()| i)) {
        Ok(i) => page(&app, &caller, &i, None).await,
        Err(p) => sorry(&caller, p),
    }
}

async fn page(app: &App, caller: &Caller, i: &Incident, tried: Option<(Problem, Fields)>) -> Response {
    let process = app.desk.house.process_of(i);
    let all = match app.desk.house.can.contains(&Capability::Page) {
        true => app.setup.components().await,
        false => Vec::new(),
    };
    let proposal = propose(i, &process, &all);
    let (error, code) = match &tried {
        Some((p, _)) => (
            p.detail.clone(),
            StatusCode::from_u16(p.status).unwrap_or(StatusCode::CONFLICT),
        ),
        None => (String::new(), StatusCode::OK),
    };
    let wrote = tried.map(|(_, f)| f);
    let word = |field: &str, otherwise: &str| match &wrote {
        Some(f) => f.get(field).cloned().unwrap_or_default(),
        None => otherwise.to_owned(),
    };
    let chosen = |id: &String| match &wrote {
        Some(f) => f.contains_key(&format!("{COMPONENT}{id}")),
        None => proposal.components.contains(id),
    };
    let page = Page {
        frame: Frame::new(caller, "incidents", ""),
        reference: i.reference.to_string(),
        name: i.title.clone(),
        status: process.status(&i.status).map_or(i.status.clone(), |s| s.label.clone()),
        title: word("title", &proposal.title),
        text: word("text", proposal.text),
        components: all
            .iter()
            .map(|(id, name)| Choice {
                id: id.clone(),
                name: name.clone(),
                chosen: chosen(id),
            })
            .collect(),
        key: format!("{}-{}-public", i.reference, i.version),
        told: i
            .public
            .iter()
            .rev()
            .map(|p| (p.title.clone(), p.body.clone()))
            .collect(),
        error,
    };
    (code, draw(&page)).into_response()
}

/// Tells the public what the form says.
pub async fn send(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Path(name): Path<String>,
    form: Sent,
) -> Response {
    let f = match fields(form) {
        Ok(f) => f,
        Err(p) => return sorry(&caller, p),
    };
    let i = match crate::api::find(&app, &caller, &name).await {
        Ok(i) => i,
        Err(p) => return sorry(&caller, p),
    };
    let get = |k: &str| f.get(k).cloned().unwrap_or_default();
    let chosen = f.keys().filter_map(|k| k.strip_prefix(COMPONENT));
    let components: Vec<String> = chosen.map(str::to_owned).collect();
    if let Err(p) = caller.must_about(&i, Right::Publish) {
        return sorry(&caller, p);
    }
    if let Err(p) = crate::public::known(&app, &i, &components).await {
        return page(&app, &caller, &i, Some((p, f))).await;
    }
    let command = Command::Publish {
        title: get("title"),
        body: get("text"),
        components,
    };
    match wish(&app, &caller, &get("key"), Some(&i), None, command).await {
        Ok(_) => Redirect::to(&format!("/incidents/{}", i.reference)).into_response(),
        Err(p) => page(&app, &caller, &i, Some((p, f))).await,
    }
}
