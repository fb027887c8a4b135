//! What the workspace's pages share: their frame, who is looking, their forms, their faces and files.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html as Page, IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::clock;
use crate::faults::Vendor;
use crate::html::{Html, html};
use crate::org::Person;
use crate::world::World;

/// Nothing from elsewhere, and no scripts in the markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The cookie that says who is looking.
const WHO_COOKIE: &str = "practice_person";

/// Files of the pages, and faces.
pub fn routes(world: &Arc<World>) -> Router {
    Router::new()
        .route(
            "/_practice/practice.css",
            get(async || file("text/css", include_str!("panel/practice.css"))),
        )
        .route(
            "/_practice/vendors.css",
            get(async || file("text/css", include_str!("panel/vendors.css"))),
        )
        .route(
            "/_practice/live.js",
            get(async || file("text/javascript", include_str!("panel/live.js"))),
        )
        .route("/avatars/{name}", get(face))
        .route("/{vendor}", get(whole))
        .with_state(Arc::clone(world))
}

/// `/jira` is `/jira/`.
async fn whole(Path(vendor): Path<String>) -> Response {
    match Vendor::ALL.into_iter().find(|v| v.slug() == vendor) {
        Some(vendor) => back(&format!("/{}/", vendor.slug())),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn file(kind: &'static str, text: &'static str) -> Response {
    (
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")],
        text,
    )
        .into_response()
}

/// A page in its frame; `look` is the vendor whose it looks like.
pub fn page(world: &World, headers: &HeaderMap, look: &'static str, title: &str, body: &Html) -> Response {
    let me = who(world, headers);
    let people = world.org.people.iter().map(|p| {
        let chosen = if p.handle == me.handle {
            html![" selected"]
        } else {
            Html::new()
        };
        html!["<option value='" (p.handle) "'" {chosen} ">" (p.name) "</option>"]
    });
    let people: Html = people.collect();
    let markup = html![
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<title>" (title) "</title><link rel='icon' href='data:,'>"
        "<link rel='stylesheet' href='/_practice/practice.css'><link rel='stylesheet' href='/_practice/vendors.css'>"
        "<script src='/_practice/live.js' defer></script></head><body class='" (look) "'>"
        "<div class='strip'><a href='/'><span class='dot'></span>Practice workspace</a>"
        "<label>You are <select data-who aria-label='Who you are'>" {people} "</select></label></div>"
        {body}
        "</body></html>"
    ];
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Page(markup.into_string())).into_response()
}

/// A page that says that there is nothing here.
pub fn nothing(world: &World, headers: &HeaderMap, look: &'static str, what: &str) -> Response {
    let body = html!["<main class='narrow'><h1>Not here</h1><p>" (what) "</p><p><a href='/'>To the control panel</a></p></main>"];
    let mut response = page(world, headers, look, "Not here", &body);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// Who is looking: the person chosen in the strip, else the first.
pub fn who<'w>(world: &'w World, headers: &HeaderMap) -> &'w Person {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    let chosen = cookies
        .flat_map(|c| c.split(';'))
        .filter_map(|c| c.trim().split_once('='));
    let handle = chosen
        .filter(|(name, _)| *name == WHO_COOKIE)
        .map(|(_, value)| value)
        .next();
    handle.and_then(|h| world.person(h)).unwrap_or(&world.org.people[0])
}

/// The pairs of a form.
pub fn form(body: &[u8]) -> HashMap<String, String> {
    let Ok(mut url) = reqwest::Url::parse("http://form/") else {
        return HashMap::new();
    };
    url.set_query(std::str::from_utf8(body).ok());
    url.query_pairs().into_owned().collect()
}

/// Back to a page after its form was taken.
pub fn back(to: &str) -> Response {
    let to = crate::html::link(to).to_owned();
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

/// What was wrong with a form.
pub fn wrong(words: String) -> Response {
    (StatusCode::BAD_REQUEST, words).into_response()
}

/// How long ago something was: `3 min ago`.
pub fn ago(ms: i64) -> String {
    match (clock::now_ms() - ms) / 1000 {
        ..5 => "just now".to_owned(),
        s @ 5..60 => format!("{s} s ago"),
        s @ 60..3600 => format!("{} min ago", s / 60),
        s @ 3600..86_400 => format!("{} h ago", s / 3600),
        _ => day(ms),
    }
}

/// A day: `Nov 22, 2026`.
pub fn day(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .unwrap_or_default()
        .to_zoned(TimeZone::UTC)
        .strftime("%b %-d, %Y")
        .to_string()
}

/// A moment: `Nov 22, 18:07 UTC`.
pub fn moment(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .unwrap_or_default()
        .to_zoned(TimeZone::UTC)
        .strftime("%b %-d, %H:%M UTC")
        .to_string()
}

/// A person's face beside their name.
pub fn badge(handle: &str, name: &str) -> Html {
    html!["<span class='person'><img src='/avatars/" (handle) ".svg' alt='' width='24' height='24'>" (name) "</span>"]
}

/// A person's initials on a colour of their own.
async fn face(State(world): State<Arc<World>>, Path(name): Path<String>) -> Response {
    let handle = name.trim_end_matches(".svg");
    let person = world.person(handle).map_or("IMP", |p| p.name.as_str());
    let letters: String = match person {
        "IMP" => "I".to_owned(),
        name => name
            .split(' ')
            .filter_map(|w| w.chars().next())
            .filter(|c| c.is_uppercase())
            .take(2)
            .collect(),
    };
    let hue = handle.bytes().fold(7_u32, |h, b| (h * 31 + u32::from(b)) % 360);
    let markup = html![
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 48 48'><rect width='48' height='48' rx='24' fill='hsl(" (hue)
        ",45%,45%)'/><text x='24' y='31' font-family='system-ui,sans-serif' font-size='19' font-weight='600' fill='#fff' \
         text-anchor='middle'>" (letters) "</text></svg>"
    ];
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, "max-age=86400"),
    ];
    (headers, markup.into_string()).into_response()
}
