//! What is seen: the REST API and the web console, over the desk.

pub mod api;
pub mod caller;
pub mod chart;
pub mod pages;
pub mod problem;

use axum::Router;
use imp_engine::Desk;
use std::sync::Arc;

/// What the console and the API work with.
pub struct App {
    /// Where wishes go.
    pub desk: Desk,
    /// Who may come in.
    pub doors: caller::Doors,
    /// Where people reach the console, without a slash at the end.
    pub public_url: String,
}

/// The API's and the console's routes.
pub fn routes(app: Arc<App>) -> Router {
    api::routes(app.clone()).merge(pages::routes(app))
}
