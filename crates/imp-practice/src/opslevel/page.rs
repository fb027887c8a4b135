//! Pages that look like OpsLevel: the services, one of them, a team; and the runbooks and dashboards they point at.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State as Own};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use serde_json::Value;

use super::Opslevel;
use super::model::{Event, LIFECYCLES, Service, State, TIERS};
use crate::clock;
use crate::html::{Html, html, link};
use crate::pages;
use crate::world::hold;

/// Custom events that a service's page shows.
const EVENTS_SHOWN: usize = 20;

/// The routes, below `/opslevel`.
pub fn routes(opslevel: &Arc<Opslevel>) -> Router {
    Router::new()
        .route("/", get(list))
        .route("/services/{alias}", get(service))
        .route("/teams/{alias}", get(team))
        .route("/runbooks/{alias}", get(runbook))
        .route("/dashboards/{alias}", get(dashboard))
        .with_state(Arc::clone(opslevel))
}

fn top(here: &str) -> Html {
    html![
        "<header class='bar'><a class='brand' href='/opslevel/'><span class='mark'>▲</span> OpsLevel</a>"
        "<nav><a href='/opslevel/'>Services</a> / <b>" (here) "</b></nav></header>"
    ]
}

fn tier(service: &Service) -> Html {
    match service.tier.and_then(|t| TIERS.get(t)) {
        Some((alias, name, _)) => html!["<span class='tier " (alias) "'>" (name) "</span>"],
        None => html!["<span class='quiet'>No tier</span>"],
    }
}

fn alias(service: &Service) -> &str {
    service.aliases.first().map_or("", String::as_str)
}

impl Opslevel {
    fn team_link(&self, alias: Option<&String>) -> Html {
        match alias.and_then(|a| self.world.team(a)) {
            Some(team) => html!["<a href='/opslevel/teams/" (team.alias) "'>" (team.name) "</a>"],
            None => html!["<span class='quiet'>No owner</span>"],
        }
    }

    fn on_call(&self, team: Option<&String>) -> Html {
        match team.and_then(|t| self.world.on_call(t)) {
            Some(person) => pages::badge(&person.handle, &person.name),
            None => html!["<span class='quiet'>Nobody</span>"],
        }
    }
}

fn services_table(opslevel: &Opslevel, services: &[&Service]) -> Html {
    let rows: Html = services
        .iter()
        .map(|s| {
            let lifecycle = s.lifecycle.and_then(|l| LIFECYCLES.get(l)).map_or("", |l| l.1);
            html![
                "<tr><td><a href='/opslevel/services/" (alias(s)) "'><b>" (s.name) "</b></a><div class='quiet'>" (s.description)
                "</div></td><td>" {tier(s)} "</td><td>" {opslevel.team_link(s.team.as_ref())} "</td><td>"
                {opslevel.on_call(s.team.as_ref())} "</td><td class='extra'>" (lifecycle) "</td><td class='extra'>"
                (s.language.as_deref().unwrap_or("")) "</td></tr>"
            ]
        })
        .collect();
    html![
        "<div class='scroll'><table><thead><tr><th>Service</th><th>Tier</th><th>Owner</th><th>On call</th><th class='extra'>Lifecycle</th>"
        "<th class='extra'>Language</th></tr></thead><tbody>" {rows} "</tbody></table></div>"
    ]
}

async fn list(Own(opslevel): Own<Arc<Opslevel>>, headers: HeaderMap) -> Response {
    let state = hold(&opslevel.state);
    let mut services: Vec<&Service> = state.services.iter().collect();
    services.sort_by_key(|s| (s.tier, s.name.clone()));
    let body = html![
        {top("All")}
        "<main class='wide' id='services' data-live><h1>Services <small>" (services.len()) "</small></h1>"
        {services_table(&opslevel, &services)} "</main>"
    ];
    pages::page(&opslevel.world, &headers, "opslevel", "Services - OpsLevel", &body)
}

/// Whether a custom event is about a service: its alias stands somewhere in it.
fn about(event: &Event, alias: &str) -> bool {
    fn says(value: &Value, alias: &str) -> bool {
        match value {
            Value::String(text) => text == alias,
            Value::Array(all) => all.iter().any(|v| says(v, alias)),
            Value::Object(all) => all.values().any(|v| says(v, alias)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
    says(&event.payload, alias)
}

fn service_links(state: &State, aliases: &[String]) -> Html {
    let links: Vec<Html> = aliases
        .iter()
        .filter_map(|a| state.service(a))
        .map(|s| html!["<a class='chip' href='/opslevel/services/" (alias(s)) "'>" (s.name) "</a> "])
        .collect();
    if links.is_empty() {
        html!["<span class='quiet'>None</span>"]
    } else {
        links.into_iter().collect()
    }
}

async fn service(Own(opslevel): Own<Arc<Opslevel>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let state = hold(&opslevel.state);
    let Some(s) = state.service(&name) else {
        return pages::nothing(
            &opslevel.world,
            &headers,
            "opslevel",
            "There is no such service in the catalogue.",
        );
    };
    let own = alias(s);
    let dependents: Vec<String> = state
        .services
        .iter()
        .filter(|o| o.depends_on.iter().any(|d| d == own))
        .map(|o| alias(o).to_owned())
        .collect();
    let tools: Html =
        s.tools.iter().map(|t| html!["<li><a href='" (link(&t.url)) "'>" (t.name) "</a> <span class='quiet'>" (t.category) "</span></li>"]).collect();
    let tags: Html = s
        .tags
        .iter()
        .map(|t| html!["<span class='chip'>" (t.key) ": " (t.value) "</span> "])
        .collect();
    let properties: Html = s
        .properties
        .iter()
        .map(|(k, v)| html!["<dt>" (k) "</dt><dd>" (v) "</dd>"])
        .collect();
    let properties = match s.properties.is_empty() {
        true => html!["<p class='quiet'>No properties yet.</p>"],
        false => html!["<dl>" {properties} "</dl>"],
    };
    let events: Vec<Html> = state
        .events
        .iter()
        .rev()
        .filter(|e| about(e, own))
        .take(EVENTS_SHOWN)
        .map(|e| {
            let shown = serde_json::to_string_pretty(&e.payload).unwrap_or_default();
            html!["<details><summary>" (pages::moment(e.at_ms)) "</summary><pre>" (shown) "</pre></details>"]
        })
        .collect();
    let events = match events.is_empty() {
        true => html!["<p class='quiet'>No custom events have come in for this service.</p>"],
        false => events.into_iter().collect(),
    };
    let lifecycle = s.lifecycle.and_then(|l| LIFECYCLES.get(l)).map_or("", |l| l.1);
    let body = html![
        {top(&s.name)}
        "<main class='wide' id='service' data-live><h1>" (s.name) " " {tier(s)} "</h1><p>" (s.description) "</p><div class='boxes'>"
        "<section><h2>Ownership</h2><dl><dt>Owner</dt><dd>" {opslevel.team_link(s.team.as_ref())} "</dd><dt>On call</dt><dd>"
        {opslevel.on_call(s.team.as_ref())} "</dd><dt>Lifecycle</dt><dd>" (lifecycle) "</dd><dt>Language</dt><dd>"
        (s.language.as_deref().unwrap_or("")) "</dd><dt>Aliases</dt><dd><code>" (s.aliases.join(", ")) "</code></dd></dl></section>"
        "<section><h2>Tools</h2><ul class='plain'>" {tools} "</ul></section>"
        "<section><h2>Depends on</h2>" {service_links(&state, &s.depends_on)} "<h2>Needed by</h2>" {service_links(&state, &dependents)} "</section>"
        "<section><h2>Properties</h2>" {properties} "<h2>Tags</h2><p>" {tags} "</p></section>"
        "<section class='all'><h2>Custom events</h2>" {events} "</section></div></main>"
    ];
    pages::page(
        &opslevel.world,
        &headers,
        "opslevel",
        &format!("{} - OpsLevel", s.name),
        &body,
    )
}

async fn team(Own(opslevel): Own<Arc<Opslevel>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let state = hold(&opslevel.state);
    let world = &opslevel.world;
    let Some(t) = world.team(&name) else {
        return pages::nothing(world, &headers, "opslevel", "There is no such team in the catalogue.");
    };
    let members: Html = t
        .members
        .iter()
        .filter_map(|m| world.person(m))
        .map(|p| html!["<li>" {pages::badge(&p.handle, &p.name)} " <span class='quiet'>" (p.title) "</span></li>"])
        .collect();
    let services: Vec<&Service> = state
        .services
        .iter()
        .filter(|s| s.team.as_ref() == Some(&t.alias))
        .collect();
    let body = html![
        {top(&t.name)}
        "<main class='wide' id='team' data-live><h1>" (t.name) "</h1><p class='quiet'>" (t.brand) " · " (t.country) "</p><div class='boxes'>"
        "<section><h2>On call</h2>" {opslevel.on_call(Some(&t.alias))} "</section><section><h2>Contacts</h2><p>#"
        (crate::org::Org::team_channel(t)) "<br>" (t.alias) "@" (world.org.domain) "</p></section><section><h2>Members</h2><ul class='plain'>"
        {members} "</ul></section></div><h2>Services</h2>" {services_table(&opslevel, &services)} "</main>"
    ];
    pages::page(world, &headers, "opslevel", &format!("{} - OpsLevel", t.name), &body)
}

async fn runbook(Own(opslevel): Own<Arc<Opslevel>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let state = hold(&opslevel.state);
    let Some(s) = state.service(&name) else {
        return pages::nothing(&opslevel.world, &headers, "opslevel", "There is no such runbook.");
    };
    let body = html![
        {top(&s.name)}
        "<main class='narrow'><h1>Runbook: " (s.name) "</h1><p>" (s.description) "</p><ol class='steps'>"
        "<li><b>See how bad it is.</b> Open the <a href='/opslevel/dashboards/" (alias(s)) "'>dashboard</a>: are errors or latency up, in one "
        "country or in all?</li><li><b>Was something deployed?</b> If the last deploy is younger than an hour, roll it back first and look for the "
        "cause after.</li><li><b>Look at what it needs.</b> " {service_links(&state, &s.depends_on)} "</li>"
        "<li><b>Shed load.</b> The feature flag <code>" (alias(s)) ".degraded</code> turns off what is not essential.</li>"
        "<li><b>Tell people.</b> An update every fifteen minutes, also when nothing has changed.</li></ol></main>"
    ];
    pages::page(
        &opslevel.world,
        &headers,
        "opslevel",
        &format!("Runbook: {}", s.name),
        &body,
    )
}

/// A line over an hour that is the same for everybody who looks in the same minute.
fn line(seed: &str, low: f64, high: f64) -> (String, f64) {
    let minute = clock::now_ms() / 60_000;
    let seed = seed.bytes().fold(17_i64, |h, b| (h * 31 + i64::from(b)) % 10_007);
    let value = |m: i64| {
        let noise = ((m * 7919 + seed * 104_729) % 1000) as f64 / 1000.0;
        let wave = ((m + seed) as f64 / 9.0).sin() / 2.0 + 0.5;
        low + (high - low) * (0.6 * wave + 0.4 * noise.abs())
    };
    let points: Vec<String> = (0..60_i64)
        .map(|n| {
            let height = (value(minute - 59 + n) - low) / (high - low);
            format!("{:.1},{:.1}", n as f64 * 600.0 / 59.0, 110.0 - height * 100.0)
        })
        .collect();
    (points.join(" "), value(minute))
}

async fn dashboard(Own(opslevel): Own<Arc<Opslevel>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let state = hold(&opslevel.state);
    let Some(s) = state.service(&name) else {
        return pages::nothing(&opslevel.world, &headers, "opslevel", "There is no such dashboard.");
    };
    let charts = [
        ("Requests a second", 800.0, 1400.0, ""),
        ("Errors", 0.05, 0.6, " %"),
        ("Latency, 99th percentile", 90.0, 240.0, " ms"),
    ];
    let charts: Html = charts
        .iter()
        .map(|(label, low, high, unit)| {
            let (points, last) = line(&format!("{}{label}", alias(s)), *low, *high);
            html![
                "<section><h2>" (label) "</h2><p class='figure'>" (format!("{last:.*}", usize::from(*high < 10.0) * 2)) (unit)
                "</p><svg viewBox='0 0 600 120' role='img' aria-label='" (label) " in the last hour'><polyline points='" (points) "'/></svg></section>"
            ]
        })
        .collect();
    let body = html![
        {top(&s.name)}
        "<main class='wide' id='dashboard' data-live><h1>Dashboard: " (s.name) "</h1><p class='quiet'>The last hour. Invented numbers.</p>"
        "<div class='boxes charts'>" {charts} "</div><p><a href='/opslevel/services/" (alias(s)) "'>Service</a> · <a href='/opslevel/runbooks/"
        (alias(s)) "'>Runbook</a></p></main>"
    ];
    pages::page(
        &opslevel.world,
        &headers,
        "opslevel",
        &format!("Dashboard: {}", s.name),
        &body,
    )
}
