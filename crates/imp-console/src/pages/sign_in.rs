//! Coming in and going out: at the identity provider, or with a token; a session is a row that can be ended.

use super::{Visitor, draw};
use crate::App;
use crate::caller::{SESSION_COOKIE, cookie_name, digest_of, origin_of, same_site, session_of};
use crate::problem::Problem;
use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, RequestExt as _};
use imp_core::{Role, Who};
use imp_engine::audit::{self, Deed};
use imp_engine::identity::{self, Subject};
use imp_engine::session::{self, LASTS_MS, Session};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page {
    title: String,
    error: String,
    provider: Option<String>,
    tokens: bool,
    to: String,
}

/// The token that somebody signs in with.
#[derive(Debug, Deserialize)]
struct Credentials {
    #[serde(default)]
    token: String,
    #[serde(default)]
    to: String,
}

/// Where somebody wants to go after signing in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wish {
    /// A path of ours.
    pub to: String,
}

/// A path of our own, whatever was given: never another site, never another scheme, never a line of a header.
pub fn inside(to: &str) -> &str {
    let ours = to.starts_with('/')
        && !to.starts_with("//")
        && to.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
        && !to.starts_with("/sign-");
    if ours { to } else { "/" }
}

/// The way in, for somebody who is not in and wanted to look at a page.
pub fn to(parts: &Parts) -> Response {
    let wanted = parts.uri.path_and_query().map_or("/", |p| p.as_str());
    let wanted = if parts.method == Method::GET {
        inside(wanted)
    } else {
        "/"
    };
    let way = match wanted {
        "/" => "/sign-in".to_owned(),
        to => format!("/sign-in?to={}", crate::filters::escaped(to)),
    };
    Redirect::to(&way).into_response()
}

/// Who is not let in and cannot sign in either is told why, on a page.
pub fn closed(app: &App, p: Problem) -> Response {
    let status = StatusCode::from_u16(p.status).unwrap_or(StatusCode::FORBIDDEN);
    trouble(app, status, p.title, &p.detail)
}

/// A page that says why somebody is not in, with the ways in.
pub fn trouble(app: &App, status: StatusCode, title: &str, why: &str) -> Response {
    let page = Page {
        title: title.to_owned(),
        error: why.to_owned(),
        provider: app.doors.provider.clone(),
        tokens: !app.doors.tokens.is_empty(),
        to: "/".to_owned(),
    };
    (status, draw(&page)).into_response()
}

/// The form.
pub async fn form(State(app): State<Arc<App>>, axum::extract::Query(wish): axum::extract::Query<Wish>) -> Response {
    draw(&Page {
        title: "Sign in".to_owned(),
        error: String::new(),
        provider: app.doors.provider.clone(),
        tokens: !app.doors.tokens.is_empty(),
        to: inside(&wish.to).to_owned(),
    })
}

/// Signs in with a token.
pub async fn with_token(State(app): State<Arc<App>>, request: Request) -> Response {
    if let Err(p) = same_site(request.headers(), request.method()) {
        return closed(&app, p);
    }
    let (parts, body) = request.into_parts();
    let (origin, now) = (origin_of(&parts), app.desk.clock.now());
    let former = session_of(&parts.headers, &app.doors);
    let form: Result<Form<Credentials>, FormRejection> = Request::from_parts(parts, body).extract().await;
    let Ok(Form(given)) = form else {
        return trouble(
            &app,
            StatusCode::BAD_REQUEST,
            "Sign in",
            "The form did not arrive whole.",
        );
    };
    let Some(found) = app.doors.token(given.token.trim(), now).cloned() else {
        tracing::warn!(%origin, "somebody tried to sign in with a token that is not known, or over");
        if let Err(p) = app.limits.guess(&origin, now) {
            return closed(&app, p);
        }
        let why = "The configuration knows no such token, or its time is over.";
        return trouble(&app, StatusCode::UNAUTHORIZED, "Sign in", why);
    };
    let newcomer = Newcomer {
        name: found.name().to_owned(),
        who: None,
        subject: None,
        role: found.role(),
        teams: BTreeMap::new(),
        origin,
        former,
    };
    let_in(&app, newcomer, inside(&given.to)).await
}

/// Somebody who has shown who they are.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// What to call them.
    pub name: String,
    /// The person.
    pub who: Option<Who>,
    /// How their provider knows them, whatever becomes of their address.
    pub subject: Option<Subject>,
    /// What they may do everywhere.
    pub role: Role,
    /// What they may do for teams, where that is more.
    pub teams: BTreeMap<String, Role>,
    /// From where they come.
    pub origin: String,
    /// The session that their browser had: it ends where the new one begins.
    pub former: Option<String>,
}

/// A session begins, with a secret that nobody has known before, and the browser is sent on.
pub async fn let_in(app: &App, newcomer: Newcomer, to: &str) -> Response {
    let secret = crate::secret();
    let now = app.desk.clock.now();
    let begun = Session {
        digest: digest_of(&secret),
        name: newcomer.name.clone(),
        who: newcomer.who,
        role: newcomer.role,
        teams: newcomer.teams,
        made_at: now,
        seen_at: now,
        ends_at: now.plus(LASTS_MS),
        origin: newcomer.origin.clone(),
    };
    let deed = Deed {
        at: now,
        who: match begun.who.as_ref().and_then(|w| w.email.as_deref()) {
            Some(e) => format!("{} <{e}>", begun.name),
            None => begun.name.clone(),
        },
        role: begun.role.word().to_owned(),
        door: "console".to_owned(),
        origin: newcomer.origin,
        what: "sign_in".to_owned(),
        about: None,
        private: false,
        detail: serde_json::json!({"by": if begun.who.is_some() { "identity provider" } else { "token" }}),
    };
    let former = newcomer.former;
    let address = begun.who.as_ref().and_then(|w| w.email.clone()).zip(newcomer.subject);
    let strange = Arc::new(AtomicBool::new(false));
    let found = strange.clone();
    let kept = app.desk.write(move |c| {
        if let Some((email, subject)) = address
            && !identity::is_theirs(c, &email, &subject, now)?
        {
            found.store(true, Ordering::SeqCst);
            let what = "sign_in_refused".to_owned();
            let detail = serde_json::json!({"why": "the address is another account's"});
            return audit::write(c, Deed { what, detail, ..deed });
        }
        if let Some(digest) = former {
            session::end(c, &digest)?;
        }
        session::begin(c, &begun)?;
        audit::write(c, deed)
    });
    if let Err(e) = kept.await {
        return closed(app, e.into());
    }
    if strange.load(Ordering::SeqCst) {
        let why = "Your e-mail address belonged to another account of the identity provider, and incidents name it. If it is yours now, ask an administrator to let go of it under Settings, then sign in again.";
        return trouble(app, StatusCode::FORBIDDEN, "Sign in", why);
    }
    let mut response = Redirect::to(inside(to)).into_response();
    set_cookie(
        &mut response,
        SESSION_COOKIE,
        &secret,
        LASTS_MS / 1000,
        app.doors.secure,
    );
    response
}

/// Gives the browser a cookie that no script reads and no other site sends.
pub fn set_cookie(response: &mut Response, name: &str, value: &str, lasts_s: i64, secure: bool) {
    let (name, secure) = (cookie_name(name, secure), if secure { "; Secure" } else { "" });
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={lasts_s}{secure}");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// Signs out: the session is over, whoever else may have its cookie. A visitor only, so that no other site can do it.
pub async fn sign_out(State(app): State<Arc<App>>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let mut response = Redirect::to("/sign-in").into_response();
    if let Ok(Visitor(caller)) = Visitor::from_request_parts(&mut parts, &app).await
        && let Some(digest) = caller.session.clone()
    {
        let deed = crate::witness::deed(&caller, app.desk.clock.now(), "sign_out", None, serde_json::json!({}));
        let ended = app.desk.write(move |c| {
            session::end(c, &digest)?;
            audit::write(c, deed)
        });
        if let Err(e) = ended.await {
            return closed(&app, e.into());
        }
    } else if let Err(p) = same_site(&parts.headers, &parts.method) {
        return closed(&app, p);
    }
    set_cookie(&mut response, SESSION_COOKIE, "", 0, app.doors.secure);
    // What the browser kept of pages goes with the session.
    let clear = HeaderValue::from_static("\"cache\", \"storage\"");
    response.headers_mut().insert("clear-site-data", clear);
    response
}

#[cfg(test)]
mod tests {
    use super::inside;

    #[test]
    fn nobody_is_led_to_another_site() {
        for (to, led) in [
            ("/incidents?q=a", "/incidents?q=a"),
            ("https://evil.example/", "/"),
            ("//evil.example/", "/"),
            ("/\\evil.example", "/"),
            ("\\/evil.example", "/"),
            ("javascript:alert(1)", "/"),
            ("/a\r\nSet-Cookie: x=y", "/"),
            ("/sign-out", "/"),
            ("", "/"),
        ] {
            assert_eq!(inside(to), led, "{to:?}");
        }
    }
}
