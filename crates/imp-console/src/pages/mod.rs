//! The web console: a page a file, drawn on the server, current without reloading, usable without scripts.

mod assets;
mod audit;
mod catalogue;
mod declare;
mod deed;
mod deliveries;
mod docs;
mod export;
mod incident;
mod incidents;
mod insights;
mod live;
mod overview;
mod picture;
mod practice;
mod process;
mod public;
mod reviews;
mod settings;
mod shaper;
pub mod sign_in;
mod views;

pub use live::Hub;

use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use askama::Template;
use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, extract::Request};
use imp_core::summons::is_unasked;
use imp_core::{At, Incident, Process};
use std::sync::Arc;

/// The largest form that is read.
const FORM_MAX: usize = 64 * 1024;
/// What pages may load: only what we serve ourselves, and no script or style inside the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The pages' routes.
pub fn routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(overview::show))
        .route("/incidents", get(incidents::list))
        .route("/incidents/export", get(export::incidents))
        .route("/incidents/{ref}", get(incident::show))
        .route("/incidents/{ref}/public", get(public::form).post(public::send))
        .route("/incidents/{ref}/pictures/{file}", get(picture::show))
        .route("/incidents/{ref}/{deed}", post(deed::perform).get(deed::back_to_it))
        .route("/deliveries/{id}/retry", post(deliveries::retry))
        .route("/reviews", get(reviews::list))
        .route("/teams", get(catalogue::teams))
        .route("/teams/{alias}", get(catalogue::team))
        .route("/services", get(catalogue::services))
        .route("/services/{alias}", get(catalogue::service))
        .route("/services/{alias}/{deed}", post(catalogue::follow))
        .route("/audit", get(audit::show))
        .route("/sessions/{digest}/end", post(settings::end))
        .route("/practice", get(practice::show))
        .route("/shaper", get(shaper::show))
        .route("/shaper/new/{template}", get(shaper::form).post(shaper::send))
        .route("/shaper/runs/{id}", get(shaper::run))
        .route("/shaper/runs/{id}/{deed}", post(shaper::turn))
        .route("/settings", get(settings::show))
        .route("/sign-in/let-go", post(settings::let_go))
        .route("/break-glass", post(deed::break_glass))
        .route("/declare", get(declare::form).post(declare::declare))
        .route("/deliveries", get(deliveries::list))
        .route("/process", get(process::show))
        .route("/insights", get(insights::show))
        .route("/insights/incidents", get(insights::list::show))
        .route("/insights/people", get(insights::people::show))
        .route("/views", post(views::save))
        .route("/views/{id}", get(views::open))
        .route("/views/{id}/{deed}", post(views::change))
        .route("/docs", get(docs::index))
        .route("/docs/{guide}", get(docs::guide))
        .route("/docs/pictures/{name}", get(docs::picture))
        .route("/docs/{kind}/{id}", get(docs::of_process))
        .route("/sign-in", get(sign_in::form).post(sign_in::with_token))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/live", get(live::stream))
        .route("/assets/{name}", get(assets::get))
        .fallback(lost)
        .method_not_allowed_fallback(astray)
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .layer(from_fn(guard))
        .with_state(app)
}

/// Pages from elsewhere, with the headers that ours have.
pub fn guarded(router: Router) -> Router {
    router.layer(from_fn(guard))
}

/// Headers that every page has.
async fn guard(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    if response.status() == StatusCode::FORBIDDEN {
        tracing::warn!(%method, path, "a page was refused to somebody who may not");
    }
    // A picture that came from people has a stricter one of its own.
    let policy = response.headers_mut().entry(header::CONTENT_SECURITY_POLICY);
    policy.or_insert(HeaderValue::from_static(POLICY));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A place in the navigation: its name among pages, its address, its words.
struct Place {
    here: &'static str,
    href: &'static str,
    words: &'static str,
}

/// What most people want, in the order in which they want it.
const MAIN: [Place; 7] = [
    place("overview", "/", "Now"),
    place("incidents", "/incidents", "Incidents"),
    place("reviews", "/reviews", "Reviews"),
    place("services", "/services", "Services"),
    place("teams", "/teams", "Teams"),
    place("insights", "/insights", "Insights"),
    place("process", "/process", "Process"),
];

/// What the people who run it want.
const MORE: [Place; 6] = [
    place("deliveries", "/deliveries", "Deliveries"),
    place("audit", "/audit", "Audit"),
    place("docs", "/docs", "Guides"),
    place("practice", "/practice", "Practice"),
    place("shaper", "/shaper", "Shaper"),
    place("settings", "/settings", "Settings"),
];

const fn place(here: &'static str, href: &'static str, words: &'static str) -> Place {
    Place { here, href, words }
}

/// What frames a page.
struct Frame {
    here: &'static str,
    live: String,
    caller: String,
    role: &'static str,
    /// Whether they came in with a token, and hence can go out.
    token: bool,
    main: &'static [Place],
    more: &'static [Place],
}

impl Frame {
    fn new(caller: &Caller, here: &'static str, live: impl Into<String>) -> Frame {
        Frame {
            here,
            live: live.into(),
            caller: caller.name.clone(),
            role: caller.role.word(),
            token: !caller.is_this_machine(),
            main: &MAIN,
            more: &MORE,
        }
    }
}

/// Somebody who looks at pages: who is not let in is shown the way in.
pub struct Visitor(pub Caller);

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        match <Caller as FromRequestParts<Arc<App>>>::from_request_parts(parts, app).await {
            Ok(c) => Ok(Visitor(c)),
            Err(p) if p.status == StatusCode::UNAUTHORIZED.as_u16() => Err(sign_in::to(parts)),
            Err(p) => Err(sign_in::closed(app, p)),
        }
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    title: String,
    detail: String,
}

fn draw(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(e) => {
            tracing::error!(error = %e, "a page could not be drawn");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A problem, as a page.
fn sorry(caller: &Caller, p: Problem) -> Response {
    let status = StatusCode::from_u16(p.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let page = ProblemPage {
        frame: Frame::new(caller, "", ""),
        title: p.title.to_owned(),
        detail: p.detail,
    };
    (status, draw(&page)).into_response()
}

async fn lost(Visitor(caller): Visitor) -> Response {
    sorry(
        &caller,
        Problem::not_found("There is no page here. Perhaps the link was cut short."),
    )
}

async fn astray(Visitor(caller): Visitor) -> Response {
    let detail = "This address belongs to a form of another page; go back to that page.";
    sorry(
        &caller,
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "Nothing to see here", detail),
    )
}

/// A row of a list of incidents.
struct Row {
    reference: String,
    title: String,
    status: String,
    category: &'static str,
    severity: String,
    service: Option<String>,
    team: Option<String>,
    commander: Option<String>,
    private: bool,
    unasked: bool,
    corrected: bool,
    since: String,
    since_words: String,
}

impl Row {
    fn of(i: &Incident, process: &Process, now: At) -> Row {
        Row {
            reference: i.reference.to_string(),
            title: i.title.clone(),
            status: process.status(&i.status).map_or(i.status.clone(), |s| s.label.clone()),
            category: process.category(&i.status).word(),
            severity: i.severity.clone(),
            service: i.service.as_ref().map(|s| s.name.clone()),
            team: i.team.as_ref().map(|t| t.name.clone()),
            commander: i.roles.get("commander").map(|w| w.label().to_owned()),
            private: i.private,
            unasked: is_unasked(i, process, now),
            corrected: !i.corrected.is_empty(),
            since: i.opened_at.rfc3339(),
            since_words: moment(i.opened_at),
        }
    }
}

/// A moment for eyes, in UTC; the script puts it into the reader's own zone.
fn moment(at: At) -> String {
    let text = at.rfc3339();
    format!("{} {} UTC", &text[..10], &text[11..16])
}
