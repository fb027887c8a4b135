//! The control panel: what one opens first, and its JSON API.

mod api;
mod page;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::alerts::Alerts;
use crate::faults::Faults;
use crate::jira::Jira;
use crate::statuspage::Statuspage;
use crate::world::World;
use crate::zoom::Zoom;

/// What the panel shows and moves.
#[derive(Debug)]
pub struct Panel {
    /// What the stand-ins share.
    pub world: Arc<World>,
    /// Faults and the ledger of calls.
    pub faults: Arc<Faults>,
    /// The alerts that fire.
    pub alerts: Arc<Alerts>,
    /// The stand-in for Jira.
    pub jira: Arc<Jira>,
    /// The stand-in for Statuspage.
    pub statuspage: Arc<Statuspage>,
    /// The stand-in for Zoom.
    pub zoom: Arc<Zoom>,
}

/// The routes.
pub fn routes(panel: Panel) -> Router {
    let panel = Arc::new(panel);
    Router::new().merge(page::routes(&panel)).merge(api::routes(&panel))
}

/// Refuses what a page of another site makes a browser send.
pub async fn guard(request: Request, next: Next) -> Response {
    let from = request.headers().get("Sec-Fetch-Site").and_then(|v| v.to_str().ok());
    let foreign = matches!(from, Some("cross-site" | "same-site"));
    if foreign && request.method() != Method::GET {
        return (StatusCode::FORBIDDEN, "Another site may not do this.").into_response();
    }
    next.run(request).await
}
