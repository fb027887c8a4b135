//! What people do on an incident's page: a form in, a redirect back; what was wrong stands on the page they came from.

use super::{Visitor, incident, sorry};
use crate::App;
use crate::api::shapes::who;
use crate::caller::Caller;
use crate::problem::Problem;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use imp_core::{Command, Envelope, Incident, Ref};
use imp_engine::{Given, Receipt};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Answers of a form, by field.
pub type Fields = BTreeMap<String, String>;

/// A form as axum reads it.
pub type Sent = Result<Form<Fields>, FormRejection>;

/// The answers.
///
/// # Errors
/// Where it is no form.
pub fn fields(form: Sent) -> Result<Fields, Problem> {
    form.map(|Form(f)| f).map_err(|e| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "That is too much",
            "The form holds more than is kept; go back and write less.",
        ),
        _ => Problem::bad(e.body_text()),
    })
}

/// The wish's identifier: the form's key makes a double click one wish; forms without one are wishes of their own.
pub fn wish_id(caller: &Caller, key: &str) -> String {
    match key.is_empty() {
        true => String::new(),
        false => format!("console:{}:{}", caller.name, imp_core::words::cut(key, 100)),
    }
}

/// A wish by a form; `about` is the incident as the page found it.
///
/// # Errors
/// What the desk says.
pub async fn wish(
    app: &App,
    caller: &Caller,
    key: &str,
    about: Option<&Incident>,
    words: Option<String>,
    command: Command,
) -> Result<Receipt, Problem> {
    let envelope = Envelope {
        id: wish_id(caller, key),
        by: caller.actor.clone(),
        role: about.map_or(caller.role, |i| caller.role_for(i)),
        at: app.desk.clock.now(),
        about: about.map(|i| i.reference),
        command,
    };
    let origin = caller.origin.strip_prefix("console ").unwrap_or(&caller.origin);
    let given = Given {
        origin: format!("console {origin}"),
        version: None,
        words,
    };
    Ok(app.desk.submit_given(envelope, given).await?)
}

/// Answers to fields, where a list has a box for each choice, named `field.choice`.
fn gathered(form: Fields) -> Fields {
    let mut out = Fields::new();
    for (name, value) in form {
        match name.split_once('.') {
            None => drop(out.insert(name, value)),
            Some((field, choice)) => {
                let answer = out.entry(field.to_owned()).or_default();
                if !answer.is_empty() {
                    answer.push_str(", ");
                }
                answer.push_str(choice);
            }
        }
    }
    out
}

/// What a form asks for; `None`: there is no such form.
fn command(deed: &str, mut f: Fields) -> Option<Result<Command, Problem>> {
    let mut take = |name: &str| f.remove(name).unwrap_or_default();
    let some = |text: String| Some(text).filter(|t| !t.trim().is_empty());
    let number = |text: String| text.parse::<u32>().map_err(|_| Problem::bad("The number is missing."));
    Some(Ok(match deed {
        "move" => Command::Move {
            to: take("to"),
            fields: gathered(f),
        },
        "conflict" => Command::Settle {
            follow: take("choose") == "follow",
            fields: gathered(f),
        },
        "update" => Command::Post { text: take("text") },
        "role" => Command::Assign {
            role: take("role"),
            who: who(&take("user")),
        },
        "accept" => Command::Accept { role: take("role") },
        "refuse" => Command::Refuse { role: take("role") },
        "task" => Command::AddTask {
            text: take("text"),
            assignee: some(take("assignee")).map(|w| who(&w)),
        },
        "done" => match number(take("n")) {
            Ok(n) => Command::FinishTask { n },
            Err(p) => return Some(Err(p)),
        },
        "follow-up-done" => match number(take("n")) {
            Ok(n) => Command::FinishFollowUp { n },
            Err(p) => return Some(Err(p)),
        },
        "follow-up" => Command::AddFollowUp {
            text: take("text"),
            owner: some(take("owner")).map(|w| who(&w)),
            due: some(take("due")),
        },
        "edit" => Command::Edit {
            title: some(take("title")),
            summary: Some(take("summary")),
            severity: None,
            service: some(take("service")),
        },
        "impact" => Command::Rate {
            answers: f.into_iter().filter(|(_, answer)| !answer.is_empty()).collect(),
        },
        "decide" => Command::Propose { text: take("text") },
        "object" => match number(take("n")) {
            Ok(n) => Command::Object { n, why: take("why") },
            Err(p) => return Some(Err(p)),
        },
        "decided" => match number(take("n")) {
            Ok(n) => Command::Decide { n },
            Err(p) => return Some(Err(p)),
        },
        "page" => Command::MendPage,
        // The page's script gives the moment as it is in the reader's zone; without it, it is UTC.
        "time" => {
            let at = take("at");
            let at = if at.len() == "2026-11-24T09:30".len() {
                format!("{at}:00Z")
            } else {
                at
            };
            match imp_core::At::parse(&at) {
                Some(to) => Command::CorrectTime {
                    moment: take("moment"),
                    to,
                    why: take("why"),
                },
                None => return Some(Err(Problem::bad("When was it? Write the moment as 2026-11-24T09:30."))),
            }
        }
        "process" => Command::TakeProcess {
            status: some(take("status")),
        },
        "severity" => Command::Edit {
            title: None,
            summary: None,
            severity: some(take("severity")),
            service: None,
        },
        "review" => Command::WriteReview { text: take("text") },
        "note" => Command::Note {
            text: take("text"),
            ts: None,
        },
        "follow" => Command::Subscribe {
            who: who(&take("user")),
        },
        "unfollow" => Command::Unsubscribe {
            who: who(&take("user")),
        },
        "join" => Command::Join {
            who: who(&take("user")),
        },
        "retry" => Command::Retry { key: take("step") },
        "skip" => Command::Skip {
            key: take("step"),
            why: take("why"),
        },
        _ => return None,
    }))
}

/// Does what the form says.
pub async fn perform(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Path((name, deed)): Path<(String, String)>,
    form: Sent,
) -> Response {
    let mut f = match fields(form) {
        Ok(f) => f,
        Err(p) => return sorry(&caller, p),
    };
    let found = match crate::api::find(&app, &caller, &name).await {
        Ok(i) => i,
        Err(p) => return sorry(&caller, p),
    };
    let key = f.remove("key").unwrap_or_default();
    let words = f.remove("words");
    let kept = f.clone();
    let command = match command(&deed, f) {
        Some(Ok(c)) => c,
        Some(Err(p)) => return incident::page(&app, &caller, &name, Some((p, deed, kept))).await,
        None => return sorry(&caller, Problem::not_found("There is no such form.")),
    };
    match wish(&app, &caller, &key, Some(&found), words, command).await {
        Ok(_) => back(found.reference),
        Err(p) => incident::page(&app, &caller, &name, Some((p, deed, kept))).await,
    }
}

/// A form's address that is opened by itself, since what was wrong with the form stood there, leads to the incident.
pub async fn back_to_it(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Path((name, _)): Path<(String, String)>,
) -> Response {
    match crate::api::find(&app, &caller, &name).await {
        Ok(i) => back(i.reference),
        Err(p) => sorry(&caller, p),
    }
}

/// Opens a private incident without being in it.
pub async fn break_glass(State(app): State<Arc<App>>, Visitor(caller): Visitor, form: Sent) -> Response {
    let f = match fields(form) {
        Ok(f) => f,
        Err(p) => return sorry(&caller, p),
    };
    let get = |k: &str| f.get(k).cloned().unwrap_or_default();
    let about = Ref::parse(get("incident").trim()).unwrap_or(Ref(0));
    let role = match app.desk.incident(about).await {
        Ok(found) => found.map_or(caller.role, |i| caller.role_for(&i)),
        Err(e) => return sorry(&caller, e.into()),
    };
    let envelope = Envelope {
        id: String::new(),
        by: caller.actor.clone(),
        role,
        at: app.desk.clock.now(),
        about: Some(about),
        command: Command::BreakGlass { why: get("why") },
    };
    let given = Given {
        origin: caller.origin.clone(),
        ..Given::default()
    };
    match app.desk.submit_given(envelope, given).await {
        Ok(Receipt { incident: Some(i), .. }) => back(i.reference),
        Ok(_) => Redirect::to("/settings").into_response(),
        Err(e) => sorry(&caller, e.into()),
    }
}

fn back(r: Ref) -> Response {
    Redirect::to(&format!("/incidents/{r}")).into_response()
}
