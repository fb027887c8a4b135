//! What is seen: the REST API and the web console, over the desk.

pub mod api;
pub mod caller;
pub mod chart;
mod filters;
pub mod limits;
pub mod pages;
pub mod problem;
mod public;
pub mod shaper;
mod views;
mod witness;

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
    /// How much one caller may ask.
    pub limits: limits::Limits,
    /// What changes, as pages that are open hear of it.
    pub live: pages::Hub,
    /// What services are made of.
    pub shaper: Arc<shaper::Workshop>,
    /// What it is connected to, and what each connection says of itself.
    pub setup: Box<dyn Setup>,
}

/// A question to a vendor, and the fault that it found.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Finding {
    /// Whose.
    pub vendor: String,
    /// What was looked at.
    pub what: String,
    /// What is wrong and what to do; none: it is right.
    pub fault: Option<String>,
}

/// What the console shows of the configuration; the binary knows it.
pub trait Setup: Send + Sync {
    /// Each setting that is no secret, by section: name and value.
    fn settings(&self) -> Vec<(String, Vec<(String, String)>)>;

    /// What `imp check` says now.
    fn check(&self) -> imp_core::port::Boxed<'_, Vec<Finding>>;

    /// The status page's components, identifier and name; none where there is no page, or it does not answer soon.
    fn components(&self) -> imp_core::port::Boxed<'_, Vec<(String, String)>>;

    /// The same as they are now; none where nobody can tell.
    fn components_now(&self) -> imp_core::port::Boxed<'_, Option<Vec<(String, String)>>>;

    /// Where the practice workspace is, if IMP is connected to one.
    fn practice(&self) -> Option<String>;

    /// The scripted practice incidents, the easiest first.
    fn drills(&self) -> Vec<DrillView>;
}

/// A scripted practice incident.
#[derive(Debug, Clone)]
pub struct DrillView {
    /// By which it is played.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// What it trains.
    pub about: String,
    /// How hard it is, from 1.
    pub level: u32,
    /// How long it usually takes.
    pub minutes: u32,
}

/// The API's and the console's routes.
pub fn routes(app: Arc<App>) -> Router {
    api::routes(app.clone()).merge(pages::routes(app))
}

/// A secret that nobody can guess: 256 bits from the system, as letters and digits.
pub fn secret() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
