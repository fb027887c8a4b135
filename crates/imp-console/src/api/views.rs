//! Saved views of the caller.

use super::body::Body;
use super::call::{Answer, Asked, PageQuery, page};
use super::shapes::Page;
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::views;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use imp_engine::saved_view::SavedView;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A filter under a name.
#[derive(Debug, Serialize, ToSchema)]
pub struct ViewView {
    /// Its identifier.
    pub id: String,
    /// The page that it filters: `incidents` or `insights`.
    pub page: String,
    /// What its owner calls it.
    pub name: String,
    /// The filter, as an address says it: `status=investigating&team=payments`.
    pub query: String,
    /// The link by which others see the same.
    pub url: String,
    /// When it was first kept (RFC 3339).
    pub made_at: String,
}

/// A filter to be kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveBody {
    /// The page: `incidents` or `insights`.
    pub page: String,
    /// What to call it.
    pub name: String,
    /// The filter, as the page's address says it.
    pub query: String,
}

/// Another name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenameBody {
    /// What to call it.
    pub name: String,
}

fn shown(app: &App, v: SavedView) -> ViewView {
    ViewView {
        url: format!("{}/views/{}", app.public_url, v.id),
        id: v.id,
        page: v.page,
        name: v.name,
        query: v.query,
        made_at: v.made_at.rfc3339(),
    }
}

/// The caller's saved views, by page and name.
#[utoipa::path(get, path = "/views", params(PageQuery), responses((status = 200, body = Page<ViewView>)))]
pub async fn list(State(app): State<Arc<App>>, caller: Caller, q: Asked<PageQuery>) -> Answer<Json<Page<ViewView>>> {
    let all = views::of(&app, &caller).await?;
    page(all.into_iter().map(|v| shown(&app, v)).collect(), q)
}

/// Keeps a filter under a name; under a name that is there already it replaces that one's filter.
#[utoipa::path(post, path = "/views", request_body = SaveBody, responses((status = 201, body = ViewView), (status = 422, body = Problem)))]
pub async fn save(State(app): State<Arc<App>>, caller: Caller, Body(b): Body<SaveBody>) -> Answer<Response> {
    let kept = views::save(&app, &caller, &b.page, &b.name, &b.query).await?;
    let place = [(header::LOCATION, format!("/api/v1/views/{}", kept.id))];
    Ok((StatusCode::CREATED, place, Json(shown(&app, kept))).into_response())
}

/// A saved view, whoever saved it: its identifier is its link.
#[utoipa::path(get, path = "/views/{id}", params(("id" = String, Path)), responses((status = 200, body = ViewView), (status = 404, body = Problem)))]
pub async fn show(State(app): State<Arc<App>>, _: Caller, Path(id): Path<String>) -> Answer<Json<ViewView>> {
    let found = views::find(&app, &id).await?;
    Ok(Json(shown(&app, found)))
}

/// Gives a view of the caller's another name.
#[utoipa::path(patch, path = "/views/{id}", params(("id" = String, Path)), request_body = RenameBody,
    responses((status = 200, body = ViewView), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn rename(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(b): Body<RenameBody>,
) -> Answer<Json<ViewView>> {
    let renamed = views::rename(&app, &caller, &id, &b.name).await?;
    Ok(Json(shown(&app, renamed)))
}

/// Forgets a view of the caller's.
#[utoipa::path(delete, path = "/views/{id}", params(("id" = String, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub async fn forget(State(app): State<Arc<App>>, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    views::forget(&app, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
