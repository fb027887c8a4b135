//! The control panel's JSON API, for scripts.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State as Own};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Panel;
use crate::alerts::Alert;
use crate::faults::{Rule, Vendor};

type Here = Own<Arc<Panel>>;

/// The routes.
pub fn routes(panel: &Arc<Panel>) -> Router {
    Router::new()
        .route("/_practice/state", get(state))
        .route("/_practice/calls", get(calls))
        .route("/_practice/webhooks", get(webhooks))
        .route("/_practice/faults", get(faults).post(set_fault).delete(clear_faults))
        .route("/_practice/alerts", get(alerts).post(raise))
        .route("/_practice/alerts/resolve", post(resolve))
        .route("/_practice/on_call", post(on_call))
        .route("/_practice/app", post(app))
        .with_state(Arc::clone(panel))
}

fn wrong(words: String) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": words}))).into_response()
}

async fn state(Own(panel): Here) -> Json<Value> {
    let vendors = Vendor::ALL.map(|v| json!({"vendor": v, "calls_per_minute": panel.faults.calls_per_minute(v)}));
    let on_call = panel
        .world
        .org
        .teams
        .iter()
        .map(|t| (t.alias.clone(), json!(panel.world.on_call(&t.alias).map(|p| &p.handle))));
    Json(json!({
        "app_url": panel.world.app.url(), "vendors": vendors, "faults": panel.faults.rules(), "latency": panel.faults.latency(),
        "on_call": on_call.collect::<serde_json::Map<_, _>>(), "firing": panel.alerts.firing(),
    }))
}

async fn calls(Own(panel): Here, Query(asks): Query<HashMap<String, String>>) -> Json<Value> {
    let after = asks.get("after").and_then(|n| n.parse().ok()).unwrap_or(0);
    Json(json!({"calls": panel.faults.calls(after)}))
}

async fn webhooks(Own(panel): Here) -> Json<Value> {
    Json(json!({"webhooks": panel.world.all_sent()}))
}

async fn faults(Own(panel): Here) -> Json<Value> {
    Json(json!({"faults": panel.faults.rules()}))
}

async fn set_fault(Own(panel): Here, Json(rule): Json<Rule>) -> (StatusCode, Json<Value>) {
    panel.faults.set(rule);
    (StatusCode::CREATED, Json(json!({"faults": panel.faults.rules()})))
}

async fn clear_faults(Own(panel): Here, Query(asks): Query<HashMap<String, String>>) -> Response {
    match asks.get("vendor") {
        None => panel.faults.clear_all(),
        Some(name) => match Vendor::ALL.into_iter().find(|v| v.slug() == name) {
            Some(vendor) => panel.faults.clear(vendor),
            None => return wrong(format!("There is no vendor {name}.")),
        },
    }
    Json(json!({"faults": panel.faults.rules()})).into_response()
}

async fn alerts(Own(panel): Here) -> Json<Value> {
    Json(json!({"firing": panel.alerts.firing()}))
}

async fn raise(Own(panel): Here, Json(alert): Json<Alert>) -> Response {
    match panel.alerts.raise(alert).await {
        Ok(status) => Json(json!({"answer": status, "firing": panel.alerts.firing()})).into_response(),
        Err(words) => wrong(words),
    }
}

/// Which alert is over.
#[derive(Deserialize)]
struct Over {
    fingerprint: String,
}

async fn resolve(Own(panel): Here, Json(over): Json<Over>) -> Response {
    match panel.alerts.resolve(&over.fingerprint).await {
        Ok(status) => Json(json!({"answer": status, "firing": panel.alerts.firing()})).into_response(),
        Err(words) => wrong(words),
    }
}

/// Who is on call from now on.
#[derive(Deserialize)]
struct OnCall {
    team: String,
    person: String,
}

async fn on_call(Own(panel): Here, Json(wish): Json<OnCall>) -> Response {
    match panel.world.set_on_call(&wish.team, &wish.person) {
        true => StatusCode::NO_CONTENT.into_response(),
        false => wrong("There is no such team or person.".to_owned()),
    }
}

/// Where the application listens.
#[derive(Deserialize)]
struct Listens {
    url: String,
}

async fn app(Own(panel): Here, Json(wish): Json<Listens>) -> Response {
    if !wish.url.starts_with("http://") && !wish.url.starts_with("https://") {
        return wrong("The address begins with http:// or https://.".to_owned());
    }
    panel.world.app.set_url(wish.url);
    StatusCode::NO_CONTENT.into_response()
}
