//! How IMP is: `/healthz`, `/readyz`, `/metrics`, and `imp check`, which asks every vendor.

use crate::config::Config;
use crate::serve::Hall;
use crate::{Failure, say};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use imp_engine::read;
use imp_vendors::budget::Urgency;
use imp_vendors::check::Finding;
use imp_vendors::http::Http;
use imp_vendors::{jira::Jira, opslevel::OpsLevel, slack, statuspage::Statuspage, zoom::Zoom};
use std::fmt::Write;
use std::sync::Arc;

/// The routes.
pub fn routes(hall: Arc<Hall>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(hall)
}

async fn ready(State(hall): State<Arc<Hall>>) -> Response {
    match hall.desk.store.read(|c| c.rows("select 1", &[]).map(|_| ())).await {
        Ok(()) => "ready\n".into_response(),
        Err(e) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the store does not work: {e}\n"),
        )
            .into_response(),
    }
}

async fn metrics(State(hall): State<Arc<Hall>>) -> Response {
    let counts = match hall.desk.store.read(read::counts).await {
        Ok(c) => c,
        Err(e) => {
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
    let catalogue = hall.desk.house.catalogue.load();
    let age = catalogue
        .as_of
        .map_or(-1.0, |at| hall.desk.clock.now().since(at) as f64 / 1000.0);
    let _ = writeln!(
        out,
        "# HELP imp_catalogue_age_seconds Age of the catalogue; -1 while it was never read.\n# TYPE imp_catalogue_age_seconds gauge"
    );
    let _ = writeln!(out, "imp_catalogue_age_seconds {age}");
    let _ = writeln!(out, "# HELP imp_up Always 1.\n# TYPE imp_up gauge\nimp_up 1");
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        out,
    )
        .into_response()
}

/// `imp check`.
///
/// # Errors
/// Where anything is not as it should be.
pub async fn check(config: &Config, json: bool) -> Result<(), Failure> {
    let http = Http::new().map_err(Failure::Failed)?;
    let url = config.public_url();
    let mut findings: Vec<Finding> = Vec::new();
    if let Some(c) = &config.slack {
        findings.extend(check_slack(c, http.clone()).await);
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
    if let Some(c) = &config.zoom {
        findings.extend(Zoom::new(c.clone(), http.clone(), &url).check().await);
    }
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

/// Scopes are checked by asking for what needs them and changes nothing.
async fn check_slack(c: &slack::Config, http: Http) -> Vec<Finding> {
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
    out.push(ask("users.list", &[("limit", "1")], "people can be read (users:read)").await);
    out.push(
        match client
            .call(
                "users.lookupByEmail",
                &[("email", "nobody@imp.invalid")],
                Urgency::Urgent,
            )
            .await
        {
            Err(t) if t.code() == "missing_scope" => Finding::wrong(
                NAME,
                "people can be found by e-mail (users:read.email)",
                "add the scope users:read.email and install the app again",
            ),
            _ => Finding::well(NAME, "people can be found by e-mail (users:read.email)"),
        },
    );
    out.push(announce_channel(&client, &c.announce_channel).await);
    if let Some(token) = &c.app_token {
        out.push(match client.socket_url(token).await {
            Ok(_) => Finding::well(NAME, "Socket Mode (connections:write)"),
            Err(t) => Finding::wrong(
                NAME,
                "Socket Mode (connections:write)",
                format!("{}: renew slack.app_token", t.code()),
            ),
        });
    }
    out
}

async fn announce_channel(client: &slack::client::Client, name: &str) -> Finding {
    let what = format!("the announcement channel #{name}");
    let mut cursor = String::new();
    loop {
        let mut args = vec![
            ("limit", "1000"),
            ("types", "public_channel,private_channel"),
            ("exclude_archived", "true"),
        ];
        if !cursor.is_empty() {
            args.push(("cursor", cursor.as_str()));
        }
        let page = match client.call("conversations.list", &args, Urgency::Urgent).await {
            Ok(p) => p,
            Err(t) => {
                return Finding::wrong(
                    "Slack",
                    what,
                    format!("channels cannot be read ({}); add the scope channels:read", t.code()),
                );
            }
        };
        let wanted = name.trim_start_matches('#');
        if page["channels"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|c| c["name"] == wanted || c["id"] == wanted)
        {
            return Finding::well("Slack", what);
        }
        cursor = page["response_metadata"]["next_cursor"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if cursor.is_empty() {
            return Finding::wrong(
                "Slack",
                what,
                "there is no such channel; create it, or set slack.announce_channel",
            );
        }
    }
}
