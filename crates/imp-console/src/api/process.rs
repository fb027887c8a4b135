//! The process over REST: which is in force, which are kept, and moving an incident to the one in force.

use super::body::Body;
use super::call::{About, Answer};
use super::shapes::IncidentView;
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use imp_core::Command;
use imp_engine::{process_file, versions};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The process in force.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProcessView {
    /// What people call it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// A print of what its file says; incidents that began with it have the same.
    pub edition: String,
    /// Its overlays, and for whom each holds.
    pub overlays: Vec<OverlayView>,
    /// What is wrong with the file as it lies there, where it is not in force because of that.
    pub broken: Option<BrokenView>,
    /// Every edition that is kept, the latest first: open incidents go on by the one that they began with.
    pub editions: Vec<EditionView>,
}

/// An overlay.
#[derive(Debug, Serialize, ToSchema)]
pub struct OverlayView {
    /// Its name.
    pub id: String,
    /// For whom it holds: `team payments, country PT`.
    pub whose: String,
    /// Why it is there.
    pub why: Option<String>,
    /// What is wrong with it: a team, tier or country that the catalogue does not have.
    pub strange: Vec<String>,
}

/// A process file that is broken; the one of before goes on.
#[derive(Debug, Serialize, ToSchema)]
pub struct BrokenView {
    /// Since when (RFC 3339).
    pub since: String,
    /// Every fault, with file, line and character.
    pub faults: Vec<String>,
}

/// An edition that is kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct EditionView {
    /// Its print.
    pub edition: String,
    /// What people call the process.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Since when it is known (RFC 3339).
    pub kept_at: String,
}

/// Moves an incident to the process in force.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeProcessBody {
    /// Where it stands there; needed only where the process in force does not have its status.
    #[serde(default)]
    pub status: Option<String>,
}

/// The process in force, and the editions that are kept.
#[utoipa::path(get, path = "/process", responses((status = 200, body = ProcessView)))]
pub async fn show(State(app): State<Arc<App>>, _caller: Caller) -> Answer<Json<ProcessView>> {
    let (process, catalogue) = (app.desk.house.process.load_full(), app.desk.house.catalogue.load());
    let look = |conn: &mut dyn imp_engine::Conn| Ok((versions::list(conn)?, process_file::broken(conn)?));
    let (kept, broken) = app.desk.store.read(look).await?;
    let overlay = |o: &imp_core::process::overlay::Overlay| OverlayView {
        id: o.id.clone(),
        whose: o.whose(),
        why: o.why.clone(),
        strange: o.strange(&catalogue).into_iter().map(|(_, why)| why).collect(),
    };
    Ok(Json(ProcessView {
        name: process.name.clone(),
        version: process.version.clone(),
        edition: process.edition.clone(),
        overlays: process.overlays.iter().map(overlay).collect(),
        broken: broken.map(|b| BrokenView {
            since: b.since.rfc3339(),
            faults: b.faults,
        }),
        editions: kept
            .into_iter()
            .map(|e| EditionView {
                edition: e.edition,
                name: e.name,
                version: e.version,
                kept_at: e.kept_at.rfc3339(),
            })
            .collect(),
    }))
}

/// Moves an incident to the version of the process that is in force, from the one that it began with.
#[utoipa::path(post, path = "/incidents/{ref}/process", params(("ref" = String, Path)), request_body = TakeProcessBody,
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn take(about: About, Body(b): Body<TakeProcessBody>) -> Answer<Response> {
    about.change(Command::TakeProcess { status: b.status }).await
}
