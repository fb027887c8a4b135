//! The REST API under `/api/v1`, and its description at `/api/openapi.json`.

mod body;
mod deliveries;
mod incidents;
pub mod insights;
pub mod shapes;

pub(crate) use incidents::find;

use crate::App;
use crate::problem::Problem;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use shapes::{Page, ServiceView, TeamView};
use std::sync::Arc;
use utoipa::OpenApi;

/// The largest body that is read: the longest summary, many times over.
const BODY_MAX: usize = 256 * 1024;

/// The API's description.
#[derive(Debug, OpenApi)]
#[openapi(
    info(title = "IMP", description = "Incidents from the first alert to the closed review.", license(name = "Apache-2.0")),
    servers((url = "/api/v1")),
    paths(
        incidents::list, incidents::declare, incidents::show, incidents::edit, incidents::transition, incidents::settle, incidents::update,
        incidents::tasks, incidents::add_task, incidents::finish_task, incidents::assign, incidents::timeline, incidents::add_follow_up,
        incidents::write_review, incidents::alerts,
        deliveries::list, deliveries::retry, deliveries::skip, services, teams,
        insights::show, insights::bring_in
    ),
    components(schemas(Problem)),
)]
struct Description;

/// The routes.
pub fn routes(app: Arc<App>) -> Router {
    let v1 = Router::new()
        .route("/incidents", get(incidents::list).post(incidents::declare))
        .route("/incidents/{ref}", patch(incidents::edit).get(incidents::show))
        .route("/incidents/{ref}/transitions", post(incidents::transition))
        .route("/incidents/{ref}/conflict", post(incidents::settle))
        .route("/incidents/{ref}/updates", post(incidents::update))
        .route(
            "/incidents/{ref}/tasks",
            get(incidents::tasks).post(incidents::add_task),
        )
        .route("/incidents/{ref}/tasks/{n}/done", post(incidents::finish_task))
        .route("/incidents/{ref}/roles", post(incidents::assign))
        .route("/incidents/{ref}/follow-ups", post(incidents::add_follow_up))
        .route("/incidents/{ref}/review", post(incidents::write_review))
        .route("/incidents/{ref}/timeline", get(incidents::timeline))
        .route("/incidents/{ref}/events", get(incidents::timeline))
        .route("/incidents/{ref}/alerts", get(incidents::alerts))
        .route("/deliveries", get(deliveries::list))
        .route("/deliveries/{id}/retry", post(deliveries::retry))
        .route("/deliveries/{id}/skip", post(deliveries::skip))
        .route("/insights", get(insights::show))
        .route("/import", post(insights::bring_in))
        .route("/services", get(services))
        .route("/teams", get(teams))
        .fallback(async || Problem::not_found("The API has no such address; GET /api/openapi.json describes it."))
        .method_not_allowed_fallback(async || {
            Problem::new(
                axum::http::StatusCode::METHOD_NOT_ALLOWED,
                "method",
                "Not with this method",
                "GET /api/openapi.json says which methods this address has.",
            )
        })
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(app);
    Router::new()
        .nest("/api/v1", v1)
        .route("/api/openapi.json", get(async || Json(Description::openapi())))
}

/// The services of the catalogue.
#[utoipa::path(get, path = "/services", responses((status = 200, body = Page<ServiceView>)))]
async fn services(
    axum::extract::State(app): axum::extract::State<Arc<App>>,
    _caller: crate::caller::Caller,
) -> Json<Page<ServiceView>> {
    let catalogue = app.desk.house.catalogue.load();
    Json(Page {
        items: catalogue.services.iter().map(ServiceView::from).collect(),
        next: None,
    })
}

/// The teams of the catalogue.
#[utoipa::path(get, path = "/teams", responses((status = 200, body = Page<TeamView>)))]
async fn teams(
    axum::extract::State(app): axum::extract::State<Arc<App>>,
    _caller: crate::caller::Caller,
) -> Json<Page<TeamView>> {
    let catalogue = app.desk.house.catalogue.load();
    Json(Page {
        items: catalogue.teams.iter().map(TeamView::from).collect(),
        next: None,
    })
}
