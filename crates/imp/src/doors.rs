//! The doors for other systems: Slack over HTTP, alert sources, Jira's and Zoom's webhooks.

use crate::serve::Hall;
use crate::slack_door;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use imp_console::problem::Problem;
use imp_core::{Actor, Command, Envelope, Role};
use imp_engine::SubmitError;
use imp_vendors::alerts;
use imp_vendors::slack::inlet::{self, Inbound, Refused};
use serde_json::{Value, json};
use std::sync::Arc;

/// The largest body that Slack or a webhook may send; Slack's own are below 1 MiB.
const BODY_MAX: usize = 2 * 1024 * 1024;
/// The largest body of alerts: Alertmanager sends a whole group at once.
const ALERTS_MAX: usize = 8 * 1024 * 1024;

/// The routes.
pub fn routes(hall: Arc<Hall>) -> Router {
    let slack = Router::new()
        .route("/slack/commands", post(commands))
        .route("/slack/interactions", post(interactions))
        .route("/slack/events", post(events))
        .layer(DefaultBodyLimit::max(BODY_MAX));
    let webhooks = Router::new()
        .route("/webhooks/jira", post(jira))
        .route("/webhooks/zoom", post(zoom))
        .layer(DefaultBodyLimit::max(BODY_MAX));
    let alerts = Router::new()
        .route("/webhooks/alerts/{source}", post(take_alerts))
        .layer(DefaultBodyLimit::max(ALERTS_MAX));
    slack.merge(webhooks).merge(alerts).with_state(hall)
}

type Body = Result<Bytes, BytesRejection>;

fn fault(status: StatusCode, detail: impl Into<String>) -> Response {
    Problem::at_the_door(status, detail).into_response()
}

fn unread(e: &BytesRejection) -> Response {
    match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => fault(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body is too large; send it in parts.",
        ),
        _ => fault(StatusCode::BAD_REQUEST, "The body did not arrive whole."),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|v| v.to_str().ok())
}

// ---- Slack

async fn commands(State(hall): State<Arc<Hall>>, headers: HeaderMap, body: Body) -> Response {
    slack(hall, &headers, body, inlet::command).await
}

async fn interactions(State(hall): State<Arc<Hall>>, headers: HeaderMap, body: Body) -> Response {
    slack(hall, &headers, body, inlet::interaction_form).await
}

async fn events(State(hall): State<Arc<Hall>>, headers: HeaderMap, body: Body) -> Response {
    let read = |b: &[u8]| {
        serde_json::from_slice::<Value>(b)
            .map(|v| inlet::event(&v))
            .map_err(|_| Refused::Shape)
    };
    slack(hall, &headers, body, read).await
}

async fn slack(
    hall: Arc<Hall>,
    headers: &HeaderMap,
    body: Body,
    read: impl Fn(&[u8]) -> Result<Inbound, Refused>,
) -> Response {
    let body = match body {
        Ok(b) => b,
        Err(e) => return unread(&e),
    };
    let Some(secret) = hall.config.slack.as_ref().and_then(|s| s.signing_secret.as_ref()) else {
        return fault(
            StatusCode::UNAUTHORIZED,
            "Slack over HTTP is not configured: [slack] has no signing_secret.",
        );
    };
    let (ts, signature) = (
        text(headers, "x-slack-request-timestamp"),
        text(headers, "x-slack-signature"),
    );
    if let Err(e) = inlet::verify(secret, ts, signature, &body, hall.desk.clock.outside()) {
        return fault(StatusCode::UNAUTHORIZED, format!("Not accepted: {e}."));
    }
    let inbound = match read(&body) {
        Ok(i) => i,
        Err(e) => return fault(StatusCode::BAD_REQUEST, format!("Not accepted: {e}.")),
    };
    if let Inbound::Challenge(word) = &inbound {
        return Json(json!({"challenge": word})).into_response();
    }
    let answer = slack_door::receive(&hall, &inbound).await;
    slack_door::follow_up(&hall, answer.then);
    if answer.lost {
        return fault(StatusCode::SERVICE_UNAVAILABLE, "It could not be kept; send it again.");
    }
    match answer.payload {
        Some(p) => Json(p).into_response(),
        None => StatusCode::OK.into_response(),
    }
}

// ---- alerts

async fn take_alerts(
    State(hall): State<Arc<Hall>>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(config) = &hall.config.alerts else {
        return fault(
            StatusCode::UNAUTHORIZED,
            "No alerts are taken: the configuration has no [alerts] token.",
        );
    };
    let body = match body {
        Ok(b) => b,
        Err(e) => return unread(&e),
    };
    if !alerts::sender::is_known(config, &source, &headers, &body) {
        return fault(
            StatusCode::UNAUTHORIZED,
            "Send the token of [alerts]: Authorization: Bearer …",
        );
    }
    if let Some(url) = alerts::sender::subscription(&body) {
        confirm(&hall, url);
    }
    let body = match source.as_str() {
        "cloudevents" => alerts::sender::structured(&headers, &body).map_or(body, Bytes::from),
        _ => body,
    };
    let bytes = body.len();
    let read = match alerts::read(&source, &body) {
        Ok(a) => a,
        Err(e) => return unreadable(&e),
    };
    let by = Actor::Source { name: source };
    let now = hall.desk.clock.now();
    let wishes = read.into_iter().map(|alert| Envelope {
        id: String::new(),
        by: by.clone(),
        role: Role::Admin,
        at: now,
        about: None,
        command: Command::Alert(Box::new(alert)),
    });
    let granted = match hall.desk.report(wishes.collect(), bytes).await {
        Ok(granted) => granted,
        // 503, never 429: Alertmanager does not send again what was answered with a 4xx.
        Err(SubmitError::Busy) => return fault(StatusCode::SERVICE_UNAVAILABLE, "Too much is waiting; send it again."),
        Err(e @ (SubmitError::Broken(_) | SubmitError::Refused(_))) => {
            tracing::error!(error = %e, "an alert could not be kept");
            return fault(
                StatusCode::SERVICE_UNAVAILABLE,
                "The store does not work at the moment; send it again.",
            );
        }
    };
    let (mut refs, mut asked): (Vec<String>, Vec<String>) = Default::default();
    for one in granted {
        match one {
            Ok(r) => {
                if let Some(i) = r.incident {
                    asked.extend(i.questions.last().map(|q| imp_core::summons::target_label(&q.whom)));
                    refs.push(i.reference.to_string());
                }
            }
            Err(refusal) => tracing::warn!(%refusal, "an alert was refused"),
        }
    }
    refs.dedup();
    asked.dedup();
    (StatusCode::ACCEPTED, Json(json!({"incidents": refs, "asked": asked}))).into_response()
}

/// Tells SNS that it may send, after the answer; SNS asks again where this is lost.
fn confirm(hall: &Arc<Hall>, url: reqwest::Url) {
    let host = url.host_str().unwrap_or_default().to_owned();
    let http = hall.http.clone();
    tokio::spawn(async move {
        match imp_vendors::http::call("SNS", http.get(url.as_str())).await {
            Ok(_) => tracing::info!(%host, "SNS may send alarms"),
            Err(e) => tracing::warn!(%host, why = e.why(), "SNS could not be told that it may send"),
        }
    });
}

fn unreadable(e: &alerts::ReadError) -> Response {
    let status = match e.kind {
        alerts::Fault::UnknownSource => StatusCode::NOT_FOUND,
        alerts::Fault::NotUtf8 | alerts::Fault::NotJson | alerts::Fault::TooDeep | alerts::Fault::Shape => {
            StatusCode::BAD_REQUEST
        }
    };
    match e.kind {
        // That is a fault of the address, not of the payload.
        alerts::Fault::UnknownSource => fault(status, e.message.clone()),
        alerts::Fault::NotUtf8 | alerts::Fault::NotJson | alerts::Fault::TooDeep | alerts::Fault::Shape => {
            fault(status, format!("{}: {}", e.path, e.message))
        }
    }
}

// ---- Jira and Zoom

async fn jira(State(hall): State<Arc<Hall>>, headers: HeaderMap, body: Body) -> Response {
    let body = match body {
        Ok(b) => b,
        Err(e) => return unread(&e),
    };
    let Some(jira) = &hall.jira else {
        return fault(StatusCode::NOT_FOUND, "Jira is not configured.");
    };
    let hint = match jira.hear(&headers, &body) {
        Ok(h) => h,
        Err(imp_vendors::jira::inlet::Refused::Unsigned) => {
            return fault(StatusCode::UNAUTHORIZED, "The signature is not right.");
        }
        Err(imp_vendors::jira::inlet::Refused::Off) => {
            return fault(StatusCode::NOT_FOUND, "[jira] has no webhook_secret.");
        }
        Err(imp_vendors::jira::inlet::Refused::Unreadable(why)) => return fault(StatusCode::BAD_REQUEST, why),
    };
    let Some(key) = hint.map(|h| h.key) else {
        return StatusCode::OK.into_response();
    };
    match hall
        .desk
        .store
        .read(move |c| imp_engine::read::of_ticket(c, &key))
        .await
    {
        // Where too many wait to be looked at, the search for changes finds this one.
        Ok(Some(i)) => {
            if hall.hints.try_send(i.reference).is_err() {
                tracing::info!(reference = %i.reference, "too many tickets wait to be looked at; the search will find it");
            }
            StatusCode::OK.into_response()
        }
        Ok(None) => StatusCode::OK.into_response(),
        Err(e) => {
            tracing::error!(error = %e, "a change in Jira could not be looked up");
            fault(
                StatusCode::SERVICE_UNAVAILABLE,
                "The store does not work at the moment; send it again.",
            )
        }
    }
}

async fn zoom(State(hall): State<Arc<Hall>>, headers: HeaderMap, body: Body) -> Response {
    let body = match body {
        Ok(b) => b,
        Err(e) => return unread(&e),
    };
    let Some(config) = &hall.config.zoom else {
        return fault(StatusCode::NOT_FOUND, "Zoom is not configured.");
    };
    let now = hall.desk.clock.outside().0.div_euclid(1000);
    match imp_vendors::zoom::inlet::read(config, &headers, &body, now) {
        Ok(imp_vendors::zoom::inlet::Heard::Prove(proof)) => Json(proof).into_response(),
        Ok(heard) => {
            tracing::debug!(?heard, "heard from Zoom");
            StatusCode::OK.into_response()
        }
        Err(imp_vendors::zoom::inlet::Refused::Off) => fault(StatusCode::NOT_FOUND, "[zoom] has no webhook_secret."),
        Err(imp_vendors::zoom::inlet::Refused::Unsigned) => {
            fault(StatusCode::UNAUTHORIZED, "The signature is not right.")
        }
        Err(imp_vendors::zoom::inlet::Refused::Unreadable(why)) => fault(StatusCode::BAD_REQUEST, why),
    }
}
