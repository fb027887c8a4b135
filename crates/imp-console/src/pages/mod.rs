//! The web console's pages.

use crate::App;
use axum::Router;
use std::sync::Arc;

/// The pages' routes.
pub fn routes(app: Arc<App>) -> Router {
    let _ = app;
    Router::new()
}
