//! How IMP is: `/healthz`, `/readyz`, `/metrics`, and `imp check`, which asks every vendor.

use crate::config::Config;
use crate::serve::Hall;
use crate::{Failure, say};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use imp_core::port::CatalogueSource;
use imp_core::process::Category;
use imp_core::summons::is_unasked;
use imp_core::{Incident, Ref};
use imp_engine::{StoreError, read};
use imp_vendors::budget::Urgency;
use imp_vendors::check::Finding;
use imp_vendors::http::Http;
use imp_vendors::{jira::Jira, opslevel::OpsLevel, slack, statuspage::Statuspage, zoom::Zoom};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The routes.
pub fn routes(hall: Arc<Hall>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready).with_state((hall.clone(), Arc::default())))
        .route("/metrics", get(metrics))
        .with_state(hall)
}

/// Asks a running `imp serve` of this configuration whether it can serve.
///
/// # Errors
/// What it answers, or that it does not.
pub async fn ask(config: &Config) -> Result<(), Failure> {
    /// Longer than `/readyz` takes to say no.
    const PATIENCE: Duration = Duration::from_secs(4);
    let mut at = config.server.listen;
    if at.ip().is_unspecified() {
        at.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let url = format!("http://{at}/readyz");
    let failed = |why: &dyn std::fmt::Display| Failure::Failed(format!("{url}: {why}"));
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
    let answer = client.map_err(|e| failed(&e))?.get(&url).send().await;
    let answer = answer.map_err(|e| match e.is_connect() {
        true => failed(&"nobody listens there; is `imp serve` running with this configuration?"),
        false => failed(&"no answer in time"),
    })?;
    let status = answer.status();
    let said = answer.text().await.unwrap_or_default();
    match status.is_success() {
        true => {
            say(said.trim());
            Ok(())
        }
        false => Err(failed(&said.trim())),
    }
}

/// How long the desk may take before it counts as stuck: a probe waits a few seconds, a healthy desk milliseconds.
const READY_WITHIN: Duration = Duration::from_secs(2);
/// How long an answer is good for: however many ask, the disk is asked once in this time.
const READY_FOR: Duration = Duration::from_secs(1);

/// What was last found out about writing, and when; whoever asks while it is being found out waits for that answer.
#[derive(Default)]
struct Known(tokio::sync::Mutex<Option<(Instant, Result<(), String>)>>);

/// Ready is who can write: a small note goes through the desk, to disk and back.
async fn ready(State((hall, known)): State<(Arc<Hall>, Arc<Known>)>) -> Response {
    let mut last = known.0.lock().await;
    let fresh = last.as_ref().filter(|(at, _)| at.elapsed() < READY_FOR);
    let found = match fresh {
        Some((_, found)) => found.clone(),
        None => {
            let found = can_write(&hall).await;
            *last = Some((Instant::now(), found.clone()));
            found
        }
    };
    match found {
        Ok(()) => "ready\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response(),
    }
}

async fn can_write(hall: &Hall) -> Result<(), String> {
    match tokio::time::timeout(READY_WITHIN, hall.desk.probe()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(e)) => Err(format!("nothing can be written: {e}")),
        Err(_) => Err(format!(
            "nothing could be written for {} seconds",
            READY_WITHIN.as_secs()
        )),
    }
}

/// Alerts that nobody could be asked about.
async fn unasked(hall: &Hall) -> Result<Vec<Incident>, StoreError> {
    /// More than anybody would look at; the number in the metrics then stands for "very many".
    const MOST: usize = 1000;
    let filter = read::Filter {
        categories: vec![Category::Triage.word().to_owned()],
        ..read::Filter::default()
    };
    let (house, now) = (&hall.desk.house, hall.desk.clock.now());
    let waiting = hall.desk.store.read(move |c| read::incidents(c, &filter, None, MOST));
    Ok(waiting
        .await?
        .into_iter()
        .filter(|i| is_unasked(i, &house.process_of(i), now))
        .collect())
}

/// Says in the log, once for each, that an alert waits and nobody could be asked about it.
pub async fn watch_unasked(hall: Arc<Hall>) {
    /// Soon enough for whoever watches the log, seldom enough to cost nothing.
    const EVERY: Duration = Duration::from_secs(5);
    let mut told: BTreeSet<Ref> = BTreeSet::new();
    loop {
        tokio::time::sleep(EVERY).await;
        // Where the store cannot be read, that is told elsewhere.
        let now: Vec<Incident> = unasked(&hall).await.unwrap_or_default();
        for i in now.iter().filter(|i| !told.contains(&i.reference)) {
            let why = i.failed.first().map_or("no question was delivered", |f| f.why.as_str());
            tracing::error!(reference = %i.reference, title = i.title, why, "an alert waits and nobody could be asked about it");
        }
        told = now.iter().map(|i| i.reference).collect();
    }
}

async fn metrics(State(hall): State<Arc<Hall>>) -> Response {
    let read = async { Ok((hall.desk.store.read(read::counts).await?, unasked(&hall).await?.len())) };
    let (counts, unasked) = match read.await {
        Ok(c) => c,
        Err(e) => {
            let e: StoreError = e;
            return (
                StatusCode::SERVICE_UNAVAILABLE,
                format!("the store does not work: {e}\n"),
            )
                .into_response();
        }
    };
    let mut out = String::new();
    for (name, label, help) in [
        ("incidents", "category", "Incidents, by where they stand."),
        ("deliveries", "state", "What is or was owed to vendors, by state."),
    ] {
        let _ = writeln!(out, "# HELP imp_{name} {help}\n# TYPE imp_{name} gauge");
        for (_, value, n) in counts.iter().filter(|(kind, _, _)| kind == name) {
            let _ = writeln!(out, "imp_{name}{{{label}=\"{value}\"}} {n}");
        }
    }
    let _ = writeln!(
        out,
        "# HELP imp_alerts_nobody_was_asked Alerts that wait for an answer and that nobody could be asked about.\n# TYPE imp_alerts_nobody_was_asked gauge\nimp_alerts_nobody_was_asked {unasked}"
    );
    let catalogue = hall.desk.house.catalogue.load();
    let age = catalogue
        .as_of
        .map_or(-1.0, |at| hall.desk.clock.now().since(at) as f64 / 1000.0);
    let _ = writeln!(
        out,
        "# HELP imp_catalogue_age_seconds Age of the catalogue; -1 while it was never read.\n# TYPE imp_catalogue_age_seconds gauge"
    );
    let _ = writeln!(out, "imp_catalogue_age_seconds {age}");
    if let Some(jira) = &hall.jira {
        let _ = writeln!(
            out,
            "# HELP imp_jira_required_fields_unfilled Fields that Jira requires of a new ticket and that IMP does not fill.\n# TYPE imp_jira_required_fields_unfilled gauge"
        );
        let _ = writeln!(out, "imp_jira_required_fields_unfilled {}", jira.missing().len());
    }
    let _ = writeln!(out, "# HELP imp_up Always 1.\n# TYPE imp_up gauge\nimp_up 1");
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        out,
    )
        .into_response()
}

/// What every configured vendor says of what is configured.
///
/// # Errors
/// Where no call can be made at all.
pub async fn findings(config: &Config) -> Result<Vec<Finding>, Failure> {
    let http = Http::new().map_err(Failure::Failed)?;
    let url = config.public_url();
    let mut findings: Vec<Finding> = Vec::new();
    if let Some(c) = &config.slack {
        findings.extend(check_slack(c, config.digest.as_ref(), http.clone()).await);
    }
    if let Some(c) = &config.jira {
        findings.extend(Jira::new(c.clone(), http.clone(), &url).check().await);
    }
    if let Some(c) = &config.statuspage {
        findings.extend(Statuspage::new(c.clone(), http.clone()).check().await);
    }
    if let Some(c) = &config.opslevel {
        findings.extend(OpsLevel::new(c.clone(), http.clone(), &url).check().await);
    }
    if let Some(c) = config.shaper.as_ref().and_then(|s| s.git.clone()) {
        findings.extend(imp_vendors::git::Git::new(c, http.clone()).check().await);
    }
    if let Some(c) = &config.zoom {
        findings.extend(Zoom::new(c.clone(), http.clone(), &url).check().await);
    }
    Ok(findings)
}

/// `imp check`.
///
/// # Errors
/// Where anything is not as it should be.
pub async fn check(config: &Config, beside: Option<&std::path::Path>, json: bool) -> Result<(), Failure> {
    let mut findings = findings(config).await?;
    findings.extend(check_process(config, beside).await?);
    let wrong = findings.iter().filter(|f| f.fault.is_some()).count();
    if json {
        say(&serde_json::to_string_pretty(&findings).unwrap_or_default());
    } else {
        for f in &findings {
            match &f.fault {
                None => say(&format!("ok    {}: {}", f.vendor, f.what)),
                Some(fault) => say(&format!("WRONG {}: {}: {fault}", f.vendor, f.what)),
            }
        }
        if findings.is_empty() {
            say("nothing is configured but IMP itself; imp.default.toml shows every setting");
        }
    }
    match wrong {
        0 => Ok(()),
        n => Err(Failure::Failed(format!(
            "{n} of {} findings are wrong; what to do stands beside each",
            findings.len()
        ))),
    }
}

/// The organisation's own process: whether it is sound, and whether the catalogue has whom it names.
async fn check_process(config: &Config, beside: Option<&std::path::Path>) -> Result<Vec<Finding>, Failure> {
    const NAME: &str = "Process";
    if config.organisation.process.is_none() {
        return Ok(Vec::new());
    }
    let process = match config.process(beside) {
        Ok(p) => p,
        Err(faults) => {
            let wrong = |f: &String| Finding::wrong(NAME, "the process file", f.clone());
            return Ok(faults.0.iter().map(wrong).collect());
        }
    };
    let mut out = vec![Finding::well(NAME, "the process file is sound")];
    if let Some(c) = &config.opslevel {
        let opslevel = OpsLevel::new(c.clone(), Http::new().map_err(Failure::Failed)?, &config.public_url());
        // Where the catalogue does not answer, that stands among OpsLevel's own findings.
        if let Ok(catalogue) = opslevel.read().await {
            let what = "the catalogue has whom the process names";
            let strangers = process.strangers(&catalogue);
            out.extend(strangers.iter().map(|f| Finding::wrong(NAME, what, f.to_string())));
            if strangers.is_empty() {
                out.push(Finding::well(NAME, what));
            }
        }
    }
    Ok(out)
}

/// The token, its scopes, the announcement channel and Socket Mode; nothing is changed.
async fn check_slack(c: &slack::Config, digest: Option<&crate::config::Digest>, http: Http) -> Vec<Finding> {
    const NAME: &str = "Slack";
    let client = slack::client::Client::new(http, &c.api_url, c.bot_token.clone());
    let ask = async |method: &str, args: &[(&str, &str)], what: &str| {
        let fault = client
            .call(method, args, Urgency::Urgent)
            .await
            .err()
            .map(|t| match imp_core::Outcome::from(t) {
                imp_core::Outcome::Later { why, .. } | imp_core::Outcome::Never { why } => why,
                imp_core::Outcome::Wait { .. } | imp_core::Outcome::Done(_) => {
                    "too many calls at once; ask again in a minute".to_owned()
                }
            });
        Finding {
            vendor: NAME.into(),
            what: what.into(),
            fault,
        }
    };
    let mut out = vec![ask("auth.test", &[], "the bot's token").await];
    if out[0].fault.is_some() {
        return out;
    }
    out.extend(match client.scopes().await {
        Ok(Some(granted)) => slack::scopes::findings(&granted),
        Ok(None) => vec![Finding::well(
            NAME,
            "scopes: Slack did not list them, so they were not compared",
        )],
        Err(_) => vec![Finding::wrong(NAME, "scopes", "Slack did not answer; ask again")],
    });
    out.push(ask("users.list", &[("limit", "1")], "people can be read").await);
    let announcements = "the announcement channel";
    out.push(has_channel(&client, announcements, &c.announce_channel, "slack.announce_channel").await);
    if let Some(channel) = digest.and_then(|d| d.channel.as_deref()) {
        out.push(has_channel(&client, "the channel of the digest", channel, "digest.channel").await);
    }
    if let Some(token) = &c.app_token {
        out.push(match client.socket_url(token).await {
            Ok(_) => Finding::well(NAME, "Socket Mode (connections:write)"),
            Err(t) => Finding::wrong(NAME, "Socket Mode (connections:write)", t.of_the_app_token()),
        });
    }
    out
}

/// Whether there is a channel; `key` is the setting that names it.
async fn has_channel(client: &slack::client::Client, what: &str, name: &str, key: &str) -> Finding {
    let name = name.trim_start_matches('#');
    let what = format!("{what} #{name}");
    match client.channel(name).await {
        Ok(Some(_)) => Finding::well("Slack", what),
        Ok(None) => {
            let advice = format!("there is no such channel that the app can see; create it, or set {key}");
            Finding::wrong("Slack", what, advice)
        }
        Err(t) => {
            let advice = format!("channels cannot be read ({}); add the scope channels:read", t.code());
            Finding::wrong("Slack", what, advice)
        }
    }
}
