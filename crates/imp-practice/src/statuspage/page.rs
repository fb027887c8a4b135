//! The public status page: how everything is, what is happening, what happened.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State as Own};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;

use super::Statuspage;
use super::model::{Component, Incident, State, overall};
use crate::clock;
use crate::html::{Html, html};
use crate::pages;
use crate::world::hold;

/// Days in the history.
const DAYS: i64 = 14;
const DAY_MS: i64 = 86_400_000;

/// The routes, below `/statuspage`.
pub fn routes(page: &Arc<Statuspage>) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/incidents/{id}", get(incident))
        .with_state(Arc::clone(page))
}

fn words(status: &str) -> String {
    let mut out = status.replace('_', " ");
    if let Some(first) = out.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    out
}

fn top(state: &State) -> Html {
    html![
        "<header class='bar'><a class='brand' href='/statuspage/'>" (state.page_name) "</a>"
        "<span class='subscribe'>" (state.domain) "</span></header>"
    ]
}

async fn show(Own(page): Own<Arc<Statuspage>>, headers: HeaderMap) -> Response {
    let state = hold(&page.state);
    let (indicator, sentence) = overall(&state);
    let open: Html = state
        .incidents
        .iter()
        .rev()
        .filter(|i| !i.over())
        .map(current)
        .collect();
    let groups: Html = state
        .components
        .iter()
        .filter(|c| c.group)
        .map(|g| group(&state, g))
        .collect();
    let banner = match state.incidents.iter().any(|i| !i.over()) {
        true => open,
        false => html!["<div class='banner " (indicator) "'>" (sentence) "</div>"],
    };
    let today = clock::now_ms() / DAY_MS;
    let days: Html = (0..DAYS)
        .map(|back| {
            let day = today - back;
            let of_day: Vec<Html> = state
                .incidents
                .iter()
                .rev()
                .filter(|i| i.created_ms / DAY_MS == day && i.over())
                .map(past)
                .collect();
            let entries = match of_day.is_empty() {
                true => html!["<p class='quiet'>No incidents reported" (if back == 0 { " today" } else { "" }) ".</p>"],
                false => of_day.into_iter().collect(),
            };
            html!["<section class='day'><h3>" (pages::day(day * DAY_MS)) "</h3>" {entries} "</section>"]
        })
        .collect();
    let body = html![
        {top(&state)}
        "<main class='status'><div id='now' data-live>" {banner} "</div>"
        "<div id='components' class='groups' data-live>" {groups} "</div>"
        "<h2>Past incidents</h2><div id='past' data-live>" {days} "</div></main>"
    ];
    pages::page(
        &page.world,
        &headers,
        "statuspage",
        &format!("{} status", state.page_name),
        &body,
    )
}

fn group(state: &State, group: &Component) -> Html {
    let rows: Html = state
        .members(&group.id)
        .map(|c| {
            html![
                "<li title='" (c.description) "'><span>" (c.name) "</span><span class='state " (c.status) "'>" (words(&c.status)) "</span></li>"
            ]
        })
        .collect();
    let worst = state.worst(&group.id);
    html![
        "<section class='group'><h2><span>" (group.name) "</span><span class='state " (worst) "'>" (words(&worst)) "</span></h2><ul>"
        {rows} "</ul></section>"
    ]
}

fn updates(incident: &Incident) -> Html {
    incident
        .updates
        .iter()
        .rev()
        .map(|u| {
            html![
                "<div class='update'><p><b>" (words(&u.status)) "</b>" (if u.body.is_empty() { "" } else { " - " }) (u.body) "</p><time>" (pages::moment(u.created_ms))
                "</time></div>"
            ]
        })
        .collect()
}

fn current(incident: &Incident) -> Html {
    html![
        "<section class='current " (incident.shown_impact()) "'><h2><a href='/statuspage/incidents/" (incident.id) "'>" (incident.name)
        "</a></h2>" {updates(incident)} "</section>"
    ]
}

fn past(incident: &Incident) -> Html {
    html![
        "<article><h4><a class='" (incident.shown_impact()) "' href='/statuspage/incidents/" (incident.id) "'>" (incident.name)
        "</a></h4>" {updates(incident)} "</article>"
    ]
}

async fn incident(Own(page): Own<Arc<Statuspage>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let state = hold(&page.state);
    let Some(found) = state.find(&id) else {
        return pages::nothing(&page.world, &headers, "statuspage", "There is no such incident.");
    };
    let names = found
        .component_ids
        .iter()
        .filter_map(|id| state.component(id))
        .map(|c| c.name.clone());
    let names = names.collect::<Vec<_>>().join(", ");
    let affected = if names.is_empty() {
        Html::new()
    } else {
        html!["<p class='quiet'>This incident affected: " (names) ".</p>"]
    };
    let postmortem = match found.postmortem.as_ref().and_then(|p| p.body.as_ref()) {
        Some(text) => html!["<section class='day'><h3>Postmortem</h3><pre class='text'>" (text) "</pre></section>"],
        None => Html::new(),
    };
    let body = html![
        {top(&state)}
        "<main class='status'><div id='one' data-live><h1 class='" (found.shown_impact()) "'>" (found.name) "</h1>"
        "<p class='quiet'>Incident report for " (state.page_name) "</p>" {postmortem} {updates(found)} {affected} "</div>"
        "<p><a href='/statuspage/'>← Current status</a></p></main>"
    ];
    pages::page(&page.world, &headers, "statuspage", &found.name, &body)
}
