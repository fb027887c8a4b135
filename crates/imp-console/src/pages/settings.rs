//! How IMP is set up: what it is connected to, what `imp check` says, who may do what, who is signed in.

use super::deed::{Sent, fields};
use super::process::Broken;
use super::{Frame, Visitor, draw, moment, sorry};
use crate::caller::{Caller, owner_of};
use crate::problem::Problem;
use crate::{App, Finding};
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use imp_core::rights::{Right, TABLE};
use imp_engine::{audit, identity, session};
use serde::Deserialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the page is asked.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// Given: the vendors are asked now, as `imp check` does.
    check: Option<String>,
}

struct Row {
    digest: String,
    name: String,
    role: &'static str,
    since: (String, String),
    seen: (String, String),
    origin: String,
    own: bool,
}

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    frame: Frame,
    settings: Vec<(String, Vec<(String, String)>)>,
    findings: Option<Vec<Finding>>,
    /// What is wrong with the process's file, and the version that goes on.
    broken: Option<Broken>,
    version: String,
    rights: Vec<(&'static str, &'static str)>,
    sessions: Option<Vec<Row>>,
    /// Whether those are everybody's; else their own.
    everybodys: bool,
    /// Whether they may open a private incident that they are not in.
    may_break_glass: bool,
}

async fn sessions(app: &App, caller: &Caller) -> Result<Option<Vec<Row>>, Problem> {
    let everybodys = caller.must(Right::Sessions).is_ok();
    if !everybodys && caller.session.is_none() {
        return Ok(None);
    }
    let now = app.desk.clock.now();
    let all = app.desk.store.read(session::all).await?;
    let row = |s: session::Session| Row {
        own: caller.session.as_ref() == Some(&s.digest),
        digest: s.digest,
        name: s.name,
        role: s.role.word(),
        since: (s.made_at.rfc3339(), moment(s.made_at)),
        seen: (s.seen_at.rfc3339(), moment(s.seen_at)),
        origin: s.origin,
    };
    let theirs = |s: &session::Session| !s.is_over(now) && (everybodys || owner_of(s) == caller.name);
    Ok(Some(all.into_iter().filter(theirs).map(row).collect()))
}

/// The page.
pub async fn show(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let checks = wanted.is_ok_and(|Query(w)| w.check.is_some());
    let findings = match checks {
        true => Some(app.setup.check().await),
        false => None,
    };
    let sessions = match sessions(&app, &caller).await {
        Ok(s) => s,
        Err(p) => return sorry(&caller, p),
    };
    let broken = match Broken::now(&app).await {
        Ok(b) => b,
        Err(e) => return sorry(&caller, e.into()),
    };
    draw(&Page {
        frame: Frame::new(&caller, "settings", ""),
        broken,
        version: app.desk.house.process.load().version.clone(),
        settings: app.setup.settings(),
        findings,
        rights: TABLE
            .iter()
            .filter(|(r, _, _)| *r != Right::Machine)
            .map(|(_, role, words)| (*words, role.word()))
            .collect(),
        everybodys: caller.must(Right::Sessions).is_ok(),
        may_break_glass: caller.must(Right::BreakGlass).is_ok() && caller.actor.who().is_some(),
        sessions,
    })
}

/// Ends a session: one's own, or, where one may, somebody else's.
pub async fn end(State(app): State<Arc<App>>, Visitor(caller): Visitor, Path(digest): Path<String>) -> Response {
    let wanted = digest.clone();
    let found = match app.desk.store.read(move |c| session::find(c, &wanted)).await {
        Ok(found) => found,
        Err(e) => return sorry(&caller, e.into()),
    };
    let own = found.as_ref().is_some_and(|s| owner_of(s) == caller.name);
    if let Err(p) = caller.must(Right::Sessions)
        && !own
    {
        return sorry(&caller, p);
    }
    let Some(found) = found else {
        return sorry(&caller, Problem::not_found("That session is over already."));
    };
    let of = serde_json::json!({"of": found.name});
    let deed = crate::witness::deed(&caller, app.desk.clock.now(), "end_session", None, of);
    let ended = app.desk.write(move |c| {
        session::end(c, &digest)?;
        audit::write(c, deed)
    });
    match ended.await {
        Ok(()) => Redirect::to("/settings").into_response(),
        Err(e) => sorry(&caller, e.into()),
    }
}

/// Lets go of an address that is somebody else's at the provider from now on; who was in by it is out.
pub async fn let_go(State(app): State<Arc<App>>, Visitor(caller): Visitor, form: Sent) -> Response {
    let f = match caller.must(Right::Sessions).and_then(|()| fields(form)) {
        Ok(f) => f,
        Err(p) => return sorry(&caller, p),
    };
    let given = f.get("email").map(String::as_str).unwrap_or_default();
    let email = imp_core::words::title(given).to_lowercase();
    let of = serde_json::json!({"said": {"email": email}});
    let deed = crate::witness::deed(&caller, app.desk.clock.now(), "let_go_of_address", None, of);
    let there = Arc::new(AtomicBool::new(false));
    let found = there.clone();
    let written = app.desk.write(move |c| {
        // Both, whichever is there: a session may outlive what is known of its address.
        let known = identity::let_go(c, &email)?;
        let ended = session::end_of(c, &email)?;
        if !known && ended == 0 {
            return Ok(());
        }
        found.store(true, Ordering::SeqCst);
        audit::write(c, deed)
    });
    match written.await {
        Ok(()) if there.load(Ordering::SeqCst) => Redirect::to("/settings").into_response(),
        Ok(()) => sorry(&caller, Problem::not_found("Nobody has signed in with that address.")),
        Err(e) => sorry(&caller, e.into()),
    }
}
