//! Bad days on demand: what goes wrong with which vendor, and a ledger of every call.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Json, Response};
use futures_util::stream;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::clock;
use crate::wire::Cut;
use crate::world::hold;

/// How many calls the ledger remembers: a few minutes of a busy incident.
pub const LEDGER_CALLS: usize = 1000;
/// A caller that is left hanging is let go after this long, so that a forgotten fault leaks no task for ever.
const HANG_MOST: Duration = Duration::from_secs(600);
/// The largest request body that is looked into for an operation's name; GraphQL documents are far smaller.
const BODY_LIMIT: usize = 4 * 1024 * 1024;
/// The seed of the faults' dice, so that a run can be had again.
const SEED: u64 = 7;

/// A stand-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    /// Slack.
    Slack,
    /// Jira Cloud.
    Jira,
    /// Statuspage.
    Statuspage,
    /// OpsLevel.
    Opslevel,
    /// Zoom.
    Zoom,
    /// GitHub.
    Github,
}

impl Vendor {
    /// All of them, in the order of the control panel.
    pub const ALL: [Vendor; 6] = [
        Vendor::Slack,
        Vendor::Jira,
        Vendor::Statuspage,
        Vendor::Opslevel,
        Vendor::Zoom,
        Vendor::Github,
    ];

    /// `slack`: the first part of its path, and its name in JSON.
    pub fn slug(self) -> &'static str {
        match self {
            Vendor::Slack => "slack",
            Vendor::Jira => "jira",
            Vendor::Statuspage => "statuspage",
            Vendor::Opslevel => "opslevel",
            Vendor::Zoom => "zoom",
            Vendor::Github => "github",
        }
    }

    /// `Slack`.
    pub fn name(self) -> &'static str {
        match self {
            Vendor::Slack => "Slack",
            Vendor::Jira => "Jira",
            Vendor::Statuspage => "Statuspage",
            Vendor::Opslevel => "OpsLevel",
            Vendor::Zoom => "Zoom",
            Vendor::Github => "GitHub",
        }
    }

    /// What an answer of the real one usually takes, in milliseconds.
    pub fn usual_ms(self) -> u64 {
        match self {
            Vendor::Slack => 120,
            Vendor::Jira => 350,
            Vendor::Statuspage => 250,
            Vendor::Opslevel => 200,
            Vendor::Zoom => 400,
            Vendor::Github => 150,
        }
    }

    fn api_prefix(self) -> &'static str {
        match self {
            Vendor::Slack => "/slack/api/",
            Vendor::Jira => "/jira/rest/",
            Vendor::Statuspage => "/statuspage/v1/",
            Vendor::Opslevel => "/opslevel/graphql",
            Vendor::Zoom => "/zoom/v2/",
            Vendor::Github => "/github/api/v3/",
        }
    }

    /// Whose API a path belongs to; `None` for pages and the control panel.
    pub fn of_path(path: &str) -> Option<Vendor> {
        if path == "/zoom/oauth/token" {
            return Some(Vendor::Zoom);
        }
        if path.starts_with("/opslevel/integrations/") {
            return Some(Vendor::Opslevel);
        }
        if path.starts_with("/github/") && path.contains(".git/") {
            return Some(Vendor::Github);
        }
        Vendor::ALL.into_iter().find(|v| path.starts_with(v.api_prefix()))
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Fault {
    /// The answer takes this much longer.
    Latency {
        /// Milliseconds.
        ms: u64,
    },
    /// The connection is closed without an answer and without the work being done.
    Down,
    /// 503, the work is not done.
    Unavailable,
    /// 429, the work is not done.
    RateLimited {
        /// Seconds in the `Retry-After` header.
        retry_after_s: u64,
    },
    /// 500, the work is not done.
    Error,
    /// The work is done and the connection breaks before the answer gets out.
    LoseAnswer,
    /// No answer at all, until the fault is cleared; the work is not done.
    Hang,
    /// 200 and a web page, as a proxy in between answers; the work is not done.
    WebPage,
    /// 200 and `ok: false` with an error of the vendor's own; the work is not done.
    SaysNo,
    /// 302 to a page for signing in; the work is not done.
    Redirect,
    /// The work is done, and the answer ends in the middle.
    HalfAnswer,
    /// The work is done, and the answer never ends.
    EndlessAnswer,
}

impl Fault {
    /// A word or two for people.
    pub fn words(self) -> String {
        match self {
            Fault::Latency { ms } => format!("slow (+{ms} ms)"),
            Fault::Down => "down".to_owned(),
            Fault::Unavailable => "503".to_owned(),
            Fault::RateLimited { .. } => "429".to_owned(),
            Fault::Error => "500".to_owned(),
            Fault::LoseAnswer => "loses answers".to_owned(),
            Fault::Hang => "hangs".to_owned(),
            Fault::WebPage => "answers a web page".to_owned(),
            Fault::SaysNo => "says 200 and ok: false".to_owned(),
            Fault::Redirect => "redirects".to_owned(),
            Fault::HalfAnswer => "answers by half".to_owned(),
            Fault::EndlessAnswer => "answers without end".to_owned(),
        }
    }
}

/// When a fault strikes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Whom.
    pub vendor: Vendor,
    /// Which operation: as the ledger shows it (`chat.postMessage`, `POST issue/{key}/comment`), or its
    /// beginning with a `*` at the end; left out, all.
    #[serde(default)]
    pub op: Option<String>,
    /// What goes wrong.
    pub fault: Fault,
    /// How many more times; left out, until it is cleared.
    #[serde(default)]
    pub times: Option<u32>,
    /// How likely, from 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
}

fn always() -> f64 {
    1.0
}

impl Rule {
    /// A fault of all a vendor's operations, until it is cleared.
    pub fn new(vendor: Vendor, fault: Fault) -> Rule {
        Rule {
            vendor,
            op: None,
            fault,
            times: None,
            probability: 1.0,
        }
    }

    /// Only of this operation.
    pub fn on(mut self, op: &str) -> Rule {
        self.op = Some(op.to_owned());
        self
    }

    /// Only so many times.
    pub fn times(mut self, times: u32) -> Rule {
        self.times = Some(times);
        self
    }

    /// Only with this probability.
    pub fn probability(mut self, probability: f64) -> Rule {
        self.probability = probability;
        self
    }

    fn fits(&self, vendor: Vendor, op: &str) -> bool {
        let names = match self.op.as_deref() {
            None => true,
            Some(pattern) => match pattern.strip_suffix('*') {
                Some(start) => op.starts_with(start),
                None => op == pattern,
            },
        };
        self.vendor == vendor && names && self.times != Some(0)
    }
}

/// One call, as the ledger holds it.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// Counts up from 1.
    pub seq: u64,
    /// When it came in, in milliseconds since 1970.
    pub at_ms: i64,
    /// Whom it called.
    pub vendor: Vendor,
    /// What it asked for.
    pub op: String,
    /// The answer's status; 0 when there was none.
    pub status: u16,
    /// How long the answer took.
    pub ms: i64,
    /// The fault that struck, if one did.
    pub fault: Option<String>,
}

#[derive(Debug)]
struct State {
    rules: Vec<Rule>,
    calls: VecDeque<Call>,
    seq: u64,
    latency: bool,
    dice: StdRng,
}

/// The faults that are set, and the ledger of calls.
#[derive(Debug)]
pub struct Faults {
    state: Mutex<State>,
    cleared: Notify,
}

impl Faults {
    /// No faults; with or without the vendors' usual latency.
    pub fn new(latency: bool) -> Faults {
        let state = State {
            rules: vec![],
            calls: VecDeque::new(),
            seq: 0,
            latency,
            dice: StdRng::seed_from_u64(SEED),
        };
        Faults {
            state: Mutex::new(state),
            cleared: Notify::new(),
        }
    }

    /// Adds a fault; the first one that fits strikes, and latencies add up.
    pub fn set(&self, rule: Rule) {
        hold(&self.state).rules.push(rule);
    }

    /// Clears the faults of one vendor; those who hang are let go.
    pub fn clear(&self, vendor: Vendor) {
        hold(&self.state).rules.retain(|r| r.vendor != vendor);
        self.cleared.notify_waiters();
    }

    /// Clears all faults.
    pub fn clear_all(&self) {
        hold(&self.state).rules.clear();
        self.cleared.notify_waiters();
    }

    /// The faults that are set.
    pub fn rules(&self) -> Vec<Rule> {
        hold(&self.state).rules.clone()
    }

    /// Starts the dice again from a seed.
    pub fn seed(&self, seed: u64) {
        hold(&self.state).dice = StdRng::seed_from_u64(seed);
    }

    /// Turns the vendors' usual latency on or off.
    pub fn set_latency(&self, on: bool) {
        hold(&self.state).latency = on;
    }

    /// Whether the vendors' usual latency is on.
    pub fn latency(&self) -> bool {
        hold(&self.state).latency
    }

    /// The calls after one, oldest first.
    pub fn calls(&self, after: u64) -> Vec<Call> {
        hold(&self.state)
            .calls
            .iter()
            .filter(|c| c.seq > after)
            .cloned()
            .collect()
    }

    /// How many calls a vendor had in the last minute.
    pub fn calls_per_minute(&self, vendor: Vendor) -> usize {
        let since = clock::now_ms() - 60_000;
        hold(&self.state)
            .calls
            .iter()
            .rev()
            .take_while(|c| c.at_ms >= since)
            .filter(|c| c.vendor == vendor)
            .count()
    }

    fn draw(&self, vendor: Vendor, op: &str) -> (u64, Option<Fault>) {
        let mut state = hold(&self.state);
        let state = &mut *state;
        let mut wait = if state.latency { vendor.usual_ms() } else { 0 };
        let mut struck = None;
        for rule in &mut state.rules {
            let delays = matches!(rule.fault, Fault::Latency { .. });
            if !rule.fits(vendor, op) || (struck.is_some() && !delays) {
                continue;
            }
            if rule.probability < 1.0 && state.dice.random::<f64>() >= rule.probability {
                continue;
            }
            rule.times = rule.times.map(|n| n.saturating_sub(1));
            match rule.fault {
                Fault::Latency { ms } => wait += ms,
                other => struck = Some(other),
            }
        }
        state.rules.retain(|r| r.times != Some(0));
        (wait, struck)
    }

    fn note(&self, vendor: Vendor, op: String, status: u16, began_ms: i64, fault: Option<Fault>) {
        let mut state = hold(&self.state);
        state.seq += 1;
        let fault = fault.map(Fault::words);
        let ms = clock::now_ms() - began_ms;
        let call = Call {
            seq: state.seq,
            at_ms: began_ms,
            vendor,
            op,
            status,
            ms,
            fault,
        };
        if state.calls.len() == LEDGER_CALLS {
            state.calls.pop_front();
        }
        state.calls.push_back(call);
    }

    /// Waits until the faults are cleared, but not for ever.
    async fn hang(&self) {
        let _ = tokio::time::timeout(HANG_MOST, self.cleared.notified()).await;
    }
}

/// The layer around everything: draws a fault for a vendor's call, and writes the call down.
pub async fn layer(faults: Arc<Faults>, cut: Option<ConnectInfo<Cut>>, request: Request, next: Next) -> Response {
    let Some(vendor) = Vendor::of_path(request.uri().path()) else {
        return next.run(request).await;
    };
    let began = clock::now_ms();
    let (op, request) = match operation(vendor, request).await {
        Ok(pair) => pair,
        Err(refusal) => return refusal,
    };
    let (wait, fault) = faults.draw(vendor, &op);
    if wait > 0 {
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    let cut = || {
        if let Some(ConnectInfo(cut)) = &cut {
            cut.cut();
        }
        (0, StatusCode::SERVICE_UNAVAILABLE.into_response())
    };
    let (status, response) = match fault {
        None | Some(Fault::Latency { .. }) => {
            let response = next.run(request).await;
            (response.status().as_u16(), response)
        }
        Some(Fault::Down) => cut(),
        Some(Fault::Unavailable) => (503, failure(StatusCode::SERVICE_UNAVAILABLE)),
        Some(Fault::Error) => (500, failure(StatusCode::INTERNAL_SERVER_ERROR)),
        Some(Fault::RateLimited { retry_after_s }) => {
            let mut response = failure(StatusCode::TOO_MANY_REQUESTS);
            response.headers_mut().insert(header::RETRY_AFTER, retry_after_s.into());
            (429, response)
        }
        Some(Fault::LoseAnswer) => {
            next.run(request).await;
            cut()
        }
        Some(Fault::Hang) => {
            faults.hang().await;
            cut()
        }
        Some(Fault::WebPage) => (
            200,
            Html("<!doctype html><title>Proxy</title><p>Please sign in.").into_response(),
        ),
        Some(Fault::SaysNo) => (
            200,
            Json(serde_json::json!({"ok": false, "error": "internal_error"})).into_response(),
        ),
        Some(Fault::Redirect) => (
            302,
            (StatusCode::FOUND, [(header::LOCATION, "/sign-in")]).into_response(),
        ),
        Some(Fault::HalfAnswer) => half(next.run(request).await).await,
        Some(Fault::EndlessAnswer) => {
            next.run(request).await;
            let spaces = stream::repeat(Ok::<_, Infallible>(Bytes::from_static(&[b' '; 64 * 1024])));
            (200, Response::new(Body::from_stream(spaces)))
        }
    };
    faults.note(vendor, op, status, began, fault);
    response
}

/// The first half of an answer's body.
async fn half(response: Response) -> (u16, Response) {
    let (parts, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    let mut answer = Response::new(Body::from(whole.slice(..whole.len() / 2)));
    *answer.status_mut() = parts.status;
    if let Some(kind) = parts.headers.get(header::CONTENT_TYPE) {
        answer.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
    }
    (parts.status.as_u16(), answer)
}

fn failure(status: StatusCode) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "text/plain")],
        status.canonical_reason().unwrap_or_default(),
    )
        .into_response()
}

/// The name of what a request asks for, stable whatever identifiers are in it.
async fn operation(vendor: Vendor, request: Request) -> Result<(String, Request), Response> {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    match vendor {
        Vendor::Slack => Ok((path.trim_start_matches("/slack/api/").to_owned(), request)),
        Vendor::Opslevel if path == "/opslevel/graphql" => {
            let (parts, body) = request.into_parts();
            let bytes = match axum::body::to_bytes(body, BODY_LIMIT).await {
                Ok(bytes) => bytes,
                Err(_) => return Err(StatusCode::PAYLOAD_TOO_LARGE.into_response()),
            };
            Ok((graphql_name(&bytes), Request::from_parts(parts, Body::from(bytes))))
        }
        Vendor::Opslevel => Ok((format!("{method} custom_event"), request)),
        Vendor::Jira => {
            let rest = path
                .trim_start_matches("/jira/rest/api/3/")
                .trim_start_matches("/jira/rest/api/2/");
            Ok((format!("{method} {}", plain(rest, &JIRA_WORDS)), request))
        }
        Vendor::Statuspage => Ok((
            format!(
                "{method} {}",
                plain(path.trim_start_matches("/statuspage/v1/"), &STATUSPAGE_WORDS)
            ),
            request,
        )),
        Vendor::Zoom => {
            let rest = path.trim_start_matches("/zoom/v2/").trim_start_matches("/zoom/");
            Ok((format!("{method} {}", plain(rest, &ZOOM_WORDS)), request))
        }
        Vendor::Github => match path.strip_prefix("/github/api/v3/") {
            Some(rest) => Ok((format!("{method} {}", plain(rest, &GITHUB_WORDS)), request)),
            // `git-receive-pack` is a push.
            None => Ok((
                format!("{method} {}", path.rsplit('/').next().unwrap_or_default()),
                request,
            )),
        },
    }
}

/// The words of Jira's paths; everything else in one is an identifier.
const JIRA_WORDS: [&str; 45] = [
    "issue",
    "comment",
    "transitions",
    "properties",
    "remotelink",
    "attachments",
    "watchers",
    "issueLink",
    "issueLinkType",
    "search",
    "jql",
    "approximate-count",
    "field",
    "priority",
    "status",
    "user",
    "assignable",
    "mypermissions",
    "permissions",
    "myself",
    "serverInfo",
    "project",
    "statuses",
    "createmeta",
    "issuetypes",
    "issuetype",
    "label",
    "attachment",
    "content",
    "bulk",
    "assignee",
    "editmeta",
    "changelog",
    "worklog",
    "votes",
    "resolution",
    "component",
    "components",
    "versions",
    "role",
    "picker",
    "myfilters",
    "configuration",
    "latest",
    "statuscategory",
];
/// The words of Statuspage's paths.
const STATUSPAGE_WORDS: [&str; 16] = [
    "pages",
    "components",
    "component-groups",
    "incidents",
    "unresolved",
    "upcoming",
    "scheduled",
    "active_maintenance",
    "incident_updates",
    "incident_templates",
    "postmortem",
    "publish",
    "revert",
    "subscribers",
    "metrics",
    "uptime",
];
/// The words of Zoom's paths.
const ZOOM_WORDS: [&str; 13] = [
    "users",
    "me",
    "meetings",
    "status",
    "recordings",
    "past_meetings",
    "participants",
    "meeting_summary",
    "oauth",
    "token",
    "invitation",
    "registrants",
    "settings",
];

/// The words of GitHub's paths.
const GITHUB_WORDS: [&str; 20] = [
    "actions",
    "environments",
    "secrets",
    "variables",
    "public-key",
    "orgs",
    "repos",
    "teams",
    "branches",
    "protection",
    "topics",
    "labels",
    "hooks",
    "commits",
    "contents",
    "git",
    "ref",
    "heads",
    "user",
    "rate_limit",
];

fn plain(path: &str, words: &[&str]) -> String {
    let named = path
        .split('/')
        .map(|part| if words.contains(&part) { part } else { "{id}" });
    named.collect::<Vec<_>>().join("/")
}

/// The first word inside the braces.
fn first_field(text: &str) -> String {
    let inside = text.split_once('{').map_or("", |(_, rest)| rest);
    let mut words = inside
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|w| !w.is_empty());
    words.next().unwrap_or("empty").to_owned()
}

/// The operation's name in a GraphQL request, else its first field.
fn graphql_name(body: &Bytes) -> String {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else {
        return "unreadable".to_owned();
    };
    if let Some(name) = value["operationName"].as_str() {
        return name.to_owned();
    }
    let text = value["query"].as_str().unwrap_or_default();
    let mut words = text
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|w| !w.is_empty());
    let first = words.next();
    let second = words.next();
    let keyword = matches!(first, Some("query" | "mutation"));
    let header = text.split('{').next().unwrap_or_default();
    match (keyword, second) {
        (true, Some(name)) if header.split('(').next().is_some_and(|h| h.contains(name)) => name.to_owned(),
        _ => first_field(text),
    }
}
