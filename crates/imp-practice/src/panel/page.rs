//! The control panel's page: the vendors and their bad days, alerts, the organisation, and what is called.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Own;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};

use super::Panel;
use crate::alerts::{Alert, PRESETS};
use crate::faults::{Fault, Rule, Vendor};
use crate::html::{Html, html, link};
use crate::jira::Workflow;
use crate::pages;

/// Calls that the ledger shows.
const CALLS_SHOWN: usize = 40;
/// Webhooks that are shown.
const WEBHOOKS_SHOWN: usize = 12;
/// What "slow" adds, in milliseconds: enough to be felt, less than most clients' patience.
const SLOW_MS: u64 = 3000;
/// Seconds in the `Retry-After` of the panel's 429.
const RETRY_AFTER_S: u64 = 5;
/// How far behind the search is when the panel says so, in milliseconds.
const LAG_MS: i64 = 15_000;

/// The faults that a click sets.
const CHOICES: [(&str, &str, Fault); 6] = [
    ("down", "Down", Fault::Down),
    ("slow", "Slow", Fault::Latency { ms: SLOW_MS }),
    (
        "429",
        "429",
        Fault::RateLimited {
            retry_after_s: RETRY_AFTER_S,
        },
    ),
    ("500", "500", Fault::Error),
    ("lose", "Lose answers", Fault::LoseAnswer),
    ("hang", "Hang", Fault::Hang),
];

/// The routes.
pub fn routes(panel: &Arc<Panel>) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/_practice/act", post(act))
        .with_state(Arc::clone(panel))
}

async fn show(Own(panel): Own<Arc<Panel>>, headers: HeaderMap) -> Response {
    let world = &panel.world;
    let app = world.app.url();
    let org = &world.org;
    let services: Html = org
        .services
        .iter()
        .map(|s| html!["<option value='" (s.alias) "'>" (s.name) "</option>"])
        .collect();
    let presets: Html = PRESETS
        .iter()
        .map(|(service, name, severity, summary, description)| {
            html![
                "<option value='' data-service='" (service) "' data-name='" (name) "' data-severity='" (severity) "' data-summary='"
                (summary) "' data-description='" (description) "'>" (service) " · " (name) "</option>"
            ]
        })
        .collect();
    let known = match &app {
        Some(url) => html!["<a href='" (link(url)) "'>" (url) "</a>"],
        None => html!["<b class='bad'>not known yet</b>"],
    };
    let body = html![
        "<main class='panel-page'><header class='hero'><div><h1>" (org.name) "</h1><p>" (org.people.len()) " people, " (org.teams.len())
        " teams, " (org.services.len()) " services. None of it is real; the APIs are.</p></div>"
        "<form class='app' data-quiet method='post' action='/_practice/act'><span id='app' data-live>Application: " {known} "</span>"
        "<input name='app' aria-label='Where the application listens' placeholder='http://127.0.0.1:7070'><button>Set</button><span class='told' data-told></span></form></header>"
        "<div class='two'><section><h2>Raise an alert</h2><form class='alert' data-quiet method='post' action='/_practice/act' data-done='Sent.'>"
        "<label>A realistic one <select data-fill><option value=''>Choose…</option>" {presets} "</select></label>"
        "<label>Service <select name='service' required>" {services} "</select></label>"
        "<label>Name <input name='name' value='HighErrorRate' required></label>"
        "<label>Severity <select name='severity'><option>critical</option><option>warning</option><option>info</option></select></label>"
        "<label class='all'>Summary <input name='summary' value='5xx above 12 % for 5 minutes' required></label>"
        "<label class='all'>Description <input name='description'></label>"
        "<div class='all buttons'><button class='primary' name='do' value='raise'>Raise</button><span class='told' data-told></span></div></form></section>"
        "<section><h2>Firing</h2><div id='firing' data-live>" {firing(&panel)} "</div>"
        "<h2>Webhooks sent</h2><div id='webhooks' data-live>" {webhooks(&panel)} "</div></section></div>"
        "<section><h2>Who is on call</h2><div class='teams' id='teams' data-live>" {teams(&panel)} "</div></section>"
        "<section><h2>Vendors</h2><div class='cards' id='vendors' data-live>" {vendors(&panel)} "</div></section>"
        "<section><h2>Calls</h2><div class='scroll' id='calls' data-live>" {calls(&panel)} "</div></section></main>"
    ];
    pages::page(world, &headers, "practice", "Practice workspace", &body)
}

fn vendors(panel: &Panel) -> Html {
    let rules = panel.faults.rules();
    let cards = Vendor::ALL.into_iter().map(|vendor| {
        let own: Vec<&Rule> = rules.iter().filter(|r| r.vendor == vendor).collect();
        let words: Vec<String> = own
            .iter()
            .map(|r| match &r.op {
                Some(op) => format!("{} on {op}", r.fault.words()),
                None => r.fault.words(),
            })
            .collect();
        let (state, words) = if words.is_empty() { ("up", "up".to_owned()) } else { ("ill", words.join(", ")) };
        let buttons = CHOICES.iter().map(|(value, label, fault)| {
            let on = own.iter().any(|r| r.op.is_none() && r.fault == *fault);
            let pressed = if on { "true" } else { "false" };
            html!["<button name='fault' value='" (value) "' aria-pressed='" (pressed) "'>" (label) "</button>"]
        });
        let buttons: Html = buttons.collect();
        html![
            "<article class='vendor " (state) "'><header><h3><a href='/" (vendor.slug()) "/'>" (vendor.name()) "</a></h3><span class='light'>"
            (words) "</span></header><p class='rate'><b>" (panel.faults.calls_per_minute(vendor)) "</b> calls in the last minute</p>"
            "<form data-quiet method='post' action='/_practice/act'><input type='hidden' name='vendor' value='" (vendor.slug()) "'>"
            "<button name='fault' value='up' class='up'>Up</button>" {buttons} "</form>" {more(panel, vendor)} "</article>"
        ]
    });
    cards.collect()
}

/// What only some vendors have.
fn more(panel: &Panel, vendor: Vendor) -> Html {
    let toggle = |value: &'static str, label: &'static str, on: bool| {
        let pressed = if on { "true" } else { "false" };
        html!["<button name='toggle' value='" (value) "' aria-pressed='" (pressed) "'>" (label) "</button>"]
    };
    let inner = match vendor {
        Vendor::Jira => html![
            {toggle("simple", "Simple workflow", panel.jira.workflow() == Workflow::Simple)}
            {toggle("lag", "Search 15 s behind", panel.jira.search_lag() > 0)}
        ],
        Vendor::Zoom => toggle("expire", "Expire tokens", false),
        Vendor::Slack => toggle("latency", "Usual latency of all", panel.faults.latency()),
        Vendor::Statuspage => toggle("limit", "One request a second", panel.statuspage.limits()),
        Vendor::Opslevel | Vendor::Github => return Html::new(),
    };
    html!["<form class='more' data-quiet method='post' action='/_practice/act'>" {inner} "</form>"]
}

fn firing(panel: &Panel) -> Html {
    let rows: Vec<Html> = panel
        .alerts
        .firing()
        .into_iter()
        .map(|f| {
            html![
                "<li><span class='sev " (f.alert.severity) "'>" (f.alert.severity) "</span><span><b>" (f.alert.name) "</b> " (f.alert.service)
                "<small>" (f.alert.summary) " · " (pages::ago(f.since_ms)) "</small></span>"
                "<form data-quiet method='post' action='/_practice/act'><button name='resolve' value='" (f.fingerprint) "'>Resolve</button></form></li>"
            ]
        })
        .collect();
    if rows.is_empty() {
        return html!["<p class='quiet'>Nothing fires.</p>"];
    }
    html!["<ul class='firing'>" {rows.into_iter().collect::<Html>()} "</ul>"]
}

fn webhooks(panel: &Panel) -> Html {
    let rows: Vec<Html> = panel
        .world
        .all_sent()
        .into_iter()
        .rev()
        .take(WEBHOOKS_SHOWN)
        .map(|s| {
            let class = if (200..300).contains(&s.status) { "good" } else { "bad" };
            html![
                "<tr><td class='quiet'>" (pages::ago(s.at_ms)) "</td><td>" (s.from) "</td><td>" (s.event) "</td><td class='" (class) "'>"
                {status(s.status)} "</td></tr>"
            ]
        })
        .collect();
    if rows.is_empty() {
        return html!["<p class='quiet'>None yet.</p>"];
    }
    html!["<table class='ledger'><tbody>" {rows.into_iter().collect::<Html>()} "</tbody></table>"]
}

fn status(status: u16) -> Html {
    if status == 0 {
        html!["no answer"]
    } else {
        html![(status)]
    }
}

fn calls(panel: &Panel) -> Html {
    let calls = panel.faults.calls(0);
    let rows: Vec<Html> = calls
        .iter()
        .rev()
        .take(CALLS_SHOWN)
        .map(|c| {
            let class = if (200..400).contains(&c.status) { "good" } else { "bad" };
            let fault = c.fault.as_deref().unwrap_or_default();
            html![
                "<tr><td class='quiet'>" (pages::ago(c.at_ms)) "</td><td>" (c.vendor.name()) "</td><td><code>" (c.op) "</code></td><td class='"
                (class) "'>" {status(c.status)} "</td><td class='number'>" (c.ms) " ms</td><td class='quiet'>" (fault) "</td></tr>"
            ]
        })
        .collect();
    if rows.is_empty() {
        return html!["<p class='quiet'>Nobody has called yet.</p>"];
    }
    html![
        "<table class='ledger'><thead><tr><th>When</th><th>Vendor</th><th>What</th><th>Status</th><th class='number'>Took</th><th>Fault</th></tr></thead><tbody>"
        {rows.into_iter().collect::<Html>()} "</tbody></table>"
    ]
}

fn teams(panel: &Panel) -> Html {
    let world = &panel.world;
    let cards = world.org.teams.iter().map(|t| {
        let now = world.on_call(&t.alias).map_or("", |p| p.handle.as_str());
        let people = t.members.iter().filter_map(|m| world.person(m)).map(|p| {
            let chosen = if p.handle == now { html![" selected"] } else { Html::new() };
            html!["<option value='" (p.handle) "'" {chosen} ">" (p.name) "</option>"]
        });
        let people: Html = people.collect();
        let services = world.org.services.iter().filter(|s| s.team == t.alias).count();
        html![
            "<article><header><a href='/opslevel/teams/" (t.alias) "'><b>" (t.name) "</b></a><small>" (t.brand) " · " (t.country) " · " (services)
            " services</small></header><form data-quiet method='post' action='/_practice/act'><img src='/avatars/" (now)
            ".svg' alt='' width='24' height='24'><input type='hidden' name='team' value='" (t.alias) "'><select name='person' aria-label='On call for "
            (t.name) "' data-submit>" {people} "</select></form></article>"
        ]
    });
    cards.collect()
}

/// What a click on the panel does.
async fn act(Own(panel): Own<Arc<Panel>>, body: Bytes) -> Response {
    let form = pages::form(&body);
    let done = match () {
        () if form.contains_key("fault") => fault(&panel, &form),
        () if form.contains_key("toggle") => toggle(&panel, &form["toggle"]),
        () if form.contains_key("resolve") => panel.alerts.resolve(&form["resolve"]).await.map(|_| ()),
        () if form.contains_key("person") => {
            let team = form.get("team").map(String::as_str).unwrap_or_default();
            let set = panel.world.set_on_call(team, &form["person"]);
            if set {
                Ok(())
            } else {
                Err("There is no such team or person.".to_owned())
            }
        }
        () if form.contains_key("app") => match form["app"].as_str() {
            url if url.starts_with("http://") || url.starts_with("https://") => {
                panel.world.app.set_url(url.to_owned());
                Ok(())
            }
            _ => Err("The address begins with http:// or https://.".to_owned()),
        },
        () if form.contains_key("service") => {
            let text = |key: &str| form.get(key).cloned().unwrap_or_default();
            let alert = Alert {
                service: text("service"),
                name: text("name"),
                severity: text("severity"),
                summary: text("summary"),
                description: text("description"),
                labels: Default::default(),
            };
            panel.alerts.raise(alert).await.map(|_| ())
        }
        () => Err("Nothing was asked for.".to_owned()),
    };
    match done {
        Ok(()) => pages::back("/"),
        Err(words) => pages::wrong(words),
    }
}

fn fault(panel: &Panel, form: &HashMap<String, String>) -> Result<(), String> {
    let name = form.get("vendor").map(String::as_str).unwrap_or_default();
    let vendor = Vendor::ALL
        .into_iter()
        .find(|v| v.slug() == name)
        .ok_or("There is no such vendor.")?;
    let chosen = &form["fault"];
    panel.faults.clear(vendor);
    if chosen == "up" {
        return Ok(());
    }
    let choice = CHOICES
        .iter()
        .find(|(value, ..)| value == chosen)
        .ok_or("There is no such fault.")?;
    panel.faults.set(Rule::new(vendor, choice.2));
    Ok(())
}

fn toggle(panel: &Panel, what: &str) -> Result<(), String> {
    match what {
        "simple" => panel.jira.set_workflow(match panel.jira.workflow() {
            Workflow::Incident => Workflow::Simple,
            Workflow::Simple => Workflow::Incident,
        }),
        "lag" => panel
            .jira
            .set_search_lag(if panel.jira.search_lag() > 0 { 0 } else { LAG_MS }),
        "expire" => panel.zoom.expire_tokens(),
        "limit" => panel.statuspage.set_limits(!panel.statuspage.limits()),
        "latency" => panel.faults.set_latency(!panel.faults.latency()),
        _ => return Err("There is no such switch.".to_owned()),
    }
    Ok(())
}
