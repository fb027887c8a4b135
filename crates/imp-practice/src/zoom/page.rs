//! Zoom's pages: the meetings, and a meeting in which a person joins and leaves.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State as Own};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;

use super::Zoom;
use super::model::Meeting;
use crate::html::{Html, html};
use crate::pages;
use crate::world::hold;

/// The routes, below `/zoom`.
pub fn routes(zoom: &Arc<Zoom>) -> Router {
    Router::new()
        .route("/", get(list))
        .route("/j/{id}", get(show).post(act))
        .with_state(Arc::clone(zoom))
}

fn top() -> Html {
    html!["<header class='bar'><a class='brand' href='/zoom/'>zoom</a><nav>Meetings</nav></header>"]
}

fn state_of(meeting: &Meeting) -> &'static str {
    match (meeting.ended_ms, meeting.started_ms) {
        (Some(_), _) => "Ended",
        (None, Some(_)) => "Live",
        (None, None) => "Not started",
    }
}

async fn list(Own(zoom): Own<Arc<Zoom>>, headers: HeaderMap) -> Response {
    let state = hold(&zoom.state);
    let rows: Vec<Html> = state
        .meetings
        .values()
        .rev()
        .map(|m| {
            html![
                "<tr><td><a href='/zoom/j/" (m.id) "?pwd=" (m.password) "'><b>" (m.topic) "</b></a><div class='quiet'>" (m.agenda)
                "</div></td><td>" (state_of(m)) "</td><td>" (m.inside.len()) " inside</td><td>" (pages::ago(m.created_ms)) "</td></tr>"
            ]
        })
        .collect();
    let rows = match rows.is_empty() {
        true => html!["<tr><td class='quiet'>No meetings yet. An incident's call appears here.</td></tr>"],
        false => rows.into_iter().collect(),
    };
    let body = html![
        {top()} "<main class='wide' id='meetings' data-live><h1>Meetings</h1><div class='scroll'><table><tbody>" {rows} "</tbody></table></div></main>"
    ];
    pages::page(&zoom.world, &headers, "zoom", "Meetings - Zoom", &body)
}

async fn show(Own(zoom): Own<Arc<Zoom>>, Path(id): Path<u64>, headers: HeaderMap) -> Response {
    let state = hold(&zoom.state);
    let Some(meeting) = state.meetings.get(&id) else {
        return pages::nothing(&zoom.world, &headers, "zoom", "This meeting link is invalid.");
    };
    let me = pages::who(&zoom.world, &headers);
    let inside = meeting.inside.iter().any(|p| p.handle == me.handle);
    let tiles: Html = meeting
        .inside
        .iter()
        .map(|p| {
            let since = pages::ago(p.joined_ms);
            html![
                "<figure class='tile'><img src='/avatars/" (p.handle) ".svg' alt='' width='96' height='96'><figcaption>" (p.name)
                "<small>joined " (since) "</small></figcaption></figure>"
            ]
        })
        .collect();
    let tiles = match (meeting.inside.is_empty(), meeting.ended_ms) {
        (_, Some(_)) => html!["<p class='empty'>This meeting has ended.</p>"],
        (true, None) => html!["<p class='empty'>Nobody is here yet.</p>"],
        (false, None) => tiles,
    };
    let buttons = match (meeting.ended_ms.is_some(), inside) {
        (true, _) => Html::new(),
        (false, true) => html![
            "<button class='leave' name='do' value='leave'>Leave</button><button name='do' value='end'>End for all</button>"
        ],
        (false, false) => html!["<button class='join' name='do' value='join'>Join as " (me.name) "</button>"],
    };
    let body = html![
        {top()}
        "<main class='call' id='call' data-live><header><h1>" (meeting.topic) "</h1><p>" (meeting.agenda) "</p><p class='quiet'>Meeting ID "
        (meeting.id) " · " (state_of(meeting)) "</p></header><div class='tiles'>" {tiles} "</div>"
        "<form class='controls' data-quiet method='post' action='/zoom/j/" (meeting.id) "'>" {buttons} "</form></main>"
    ];
    pages::page(
        &zoom.world,
        &headers,
        "zoom",
        &format!("{} - Zoom", meeting.topic),
        &body,
    )
}

async fn act(Own(zoom): Own<Arc<Zoom>>, Path(id): Path<u64>, headers: HeaderMap, body: Bytes) -> Response {
    let form = pages::form(&body);
    let me = pages::who(&zoom.world, &headers);
    match form.get("do").map(String::as_str) {
        Some("join") => {
            if let Err(fail) = zoom.join(id, &me.handle) {
                return pages::wrong(fail.message);
            }
        }
        Some("leave") => zoom.leave(id, &me.handle),
        Some("end") => {
            if let Some(meeting) = hold(&zoom.state).meetings.get_mut(&id) {
                zoom.end(meeting);
            }
        }
        _ => return pages::wrong("Join, leave or end.".to_owned()),
    }
    pages::back(&format!("/zoom/j/{id}"))
}
