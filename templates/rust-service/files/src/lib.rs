//! The HTTP surface: what is here is what `api/openapi.yaml` promises.

{% if database == 'postgresql' %}
pub mod database;
{% endif %}
mod figures;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use figures::Figures;
use serde_json::json;
use std::sync::Arc;

/// What the service is called wherever it is seen.
pub const SERVICE: &str = "{$ service $}";

/// The routes, with figures of their own.
pub fn app() -> Router {
    let figures = Arc::new(Figures::default());
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route_layer(middleware::from_fn_with_state(figures.clone(), measure))
        .with_state(figures)
}

/// Counts every answer by the route's own path, so that callers cannot make new series.
async fn measure(State(figures): State<Arc<Figures>>, request: Request, next: Next) -> Response {
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unknown".to_owned(), |p| p.as_str().to_owned());
    let span = tracing::info_span!("request", path = path.as_str(), code = tracing::field::Empty);
    let response = tracing::Instrument::instrument(next.run(request), span.clone()).await;
    span.record("code", response.status().as_u16());
    figures.count(&path, response.status().as_u16());
    response
}

{% if database == 'postgresql' %}
async fn readyz() -> Response {
    match database::ready().await {
        Ok(()) => Json(json!({ "ready": true })).into_response(),
        Err(because) => {
            let body = Json(json!({ "ready": false, "because": because }));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}
{% else %}
async fn readyz() -> Response {
    (StatusCode::OK, Json(json!({ "ready": true }))).into_response()
}
{% endif %}

async fn metrics(State(figures): State<Arc<Figures>>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, figures.text()).into_response()
}
