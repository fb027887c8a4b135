//! What is owed to vendors, and what people may do about it.

use super::body::Body;
use super::incidents::{cursor, find, limit, query, wish};
use super::shapes::Page;
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use imp_core::effect::Capability;
use imp_core::rights::Right;
use imp_core::{Command, Ref};
use imp_engine::audit::{self, Deed};
use imp_engine::read::{self, Delivery};
use imp_engine::store::Conn;
use imp_engine::{StoreError, Val};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Which deliveries, and which page of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    /// `pending` (the default), `failed` or `done`.
    state: Option<String>,
    #[param(minimum = 1)]
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Something owed to a vendor.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// Its number.
    pub id: i64,
    /// The incident that it is of; null: of none, such as a digest.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// What it is.
    pub what: String,
    /// To which vendor: `slack`, `jira`, `statuspage`, `zoom` or `opslevel`.
    pub vendor: String,
    /// `pending`, `failed` or `done`.
    pub state: String,
    /// How often it was tried.
    pub tried: i64,
    /// Why it did not work the last time.
    pub fault: Option<String>,
    /// Since when it is owed (RFC 3339).
    pub since: String,
    /// When it is tried next (RFC 3339).
    pub due: Option<String>,
}

impl From<Delivery> for DeliveryView {
    fn from(d: Delivery) -> DeliveryView {
        DeliveryView {
            id: d.id,
            reference: (d.reference != Ref::HOUSE).then(|| d.reference.to_string()),
            what: d.what,
            vendor: Capability::of(&d.capability).map_or(d.capability, |c| c.vendor().to_lowercase()),
            state: d.state,
            tried: d.tried,
            fault: d.fault,
            since: d.since,
            due: d.due,
        }
    }
}

/// What to say when a step is skipped.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SkipBody {
    /// Why it is not needed.
    pub why: String,
}

/// Deliveries, newest first.
#[utoipa::path(get, path = "/deliveries", params(DeliveryQuery), responses((status = 200, body = Page<DeliveryView>), (status = 400, body = Problem)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    q: Result<Query<DeliveryQuery>, QueryRejection>,
) -> Result<Json<Page<DeliveryView>>, Problem> {
    let q = query(q)?;
    let state = q.state.unwrap_or_else(|| "pending".to_owned());
    if !matches!(state.as_str(), "pending" | "failed" | "done") {
        return Err(Problem::bad("state is pending, failed or done."));
    }
    let before = cursor(q.cursor.as_deref())?.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    let (most, now) = (limit(q.limit)?, app.desk.clock.now());
    let found = app
        .desk
        .store
        .read(move |c| {
            let all = read::deliveries(c, &state, before, now, most)?;
            let next = (all.len() == most)
                .then(|| all.last().map(|d| d.id.to_string()))
                .flatten();
            let mut seen = Vec::new();
            for d in all {
                if may_see(c, d.reference, &caller)? {
                    seen.push(DeliveryView::from(d));
                }
            }
            Ok(Page { items: seen, next })
        })
        .await?;
    Ok(Json(found))
}

/// Whether a caller may see what is owed for an incident; what is owed for none is everybody's to see.
pub(crate) fn may_see(c: &mut dyn Conn, r: Ref, caller: &Caller) -> Result<bool, StoreError> {
    Ok(r == Ref::HOUSE || read::load(c, r)?.is_some_and(|i| caller.sees(&i)))
}

/// Tries a delivery again now.
#[utoipa::path(post, path = "/deliveries/{id}/retry", params(("id" = i64, Path)),
    responses((status = 202), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<axum::http::StatusCode, Problem> {
    again(&app, &caller, &id, &headers).await?;
    Ok(axum::http::StatusCode::ACCEPTED)
}

/// Has a delivery tried again now; whose it is.
pub(crate) async fn again(app: &App, caller: &Caller, id: &str, headers: &HeaderMap) -> Result<Ref, Problem> {
    let (id, reference, key, state) = named(app, caller, id).await?;
    match state.as_str() {
        "failed" if reference == Ref::HOUSE => {
            let sql = "update effect set state = 'pending', due_at = ?2, held = 0 where id = ?1 and state = 'failed'
                       and not exists (select 1 from effect w where w.ref = effect.ref and w.key = effect.key and w.state = 'pending')";
            by_hand(app, caller, id, ("retry", json!({"key": key})), sql).await?;
        }
        "failed" => drop(wish(app, caller, headers, "", Some(reference), Command::Retry { key }).await?),
        "pending" => {
            caller.must(Right::Deliver)?;
            let now = app.desk.clock.now();
            let deed = crate::witness::deed(caller, now, "retry", None, json!({"said": {"key": key}}));
            let deed = Deed {
                about: Some(reference).filter(|r| *r != Ref::HOUSE),
                ..deed
            };
            let sql = "update effect set due_at = ?2 where id = ?1 and state = 'pending' and held = 0";
            app.desk
                .write(move |c| {
                    c.run(sql, &[Val::Int(id), Val::Int(now.0)])?;
                    audit::write(c, deed)
                })
                .await?;
        }
        "running" => {}
        _ => {
            return Err(Problem::new(
                axum::http::StatusCode::CONFLICT,
                "conflict",
                "It is done",
                "There is nothing to try again.",
            ));
        }
    }
    Ok(reference)
}

/// What a person decides of something that is owed for no incident; `sql` has its number and now.
async fn by_hand(
    app: &App,
    caller: &Caller,
    id: i64,
    (verb, said): (&'static str, serde_json::Value),
    sql: &'static str,
) -> Result<(), Problem> {
    caller.must(Right::Deliver)?;
    let now = app.desk.clock.now();
    let deed = crate::witness::deed(caller, now, verb, None, json!({"said": said}));
    let write = move |c: &mut dyn Conn| {
        c.run(sql, &[Val::Int(id), Val::Int(now.0)])?;
        audit::write(c, deed)
    };
    Ok(app.desk.write(write).await?)
}

/// Does without a delivery that failed.
#[utoipa::path(post, path = "/deliveries/{id}/skip", params(("id" = i64, Path)), request_body = SkipBody,
    responses((status = 202), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn skip(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(b): Body<SkipBody>,
) -> Result<axum::http::StatusCode, Problem> {
    let (id, reference, key, _) = named(&app, &caller, &id).await?;
    if reference == Ref::HOUSE {
        let sql = "update effect set state = 'skipped', done_at = ?2 where id = ?1 and state = 'failed'";
        by_hand(&app, &caller, id, ("skip", json!({"key": key, "why": b.why})), sql).await?;
        return Ok(axum::http::StatusCode::ACCEPTED);
    }
    wish(
        &app,
        &caller,
        &headers,
        "",
        Some(reference),
        Command::Skip { key, why: b.why },
    )
    .await?;
    Ok(axum::http::StatusCode::ACCEPTED)
}

async fn named(app: &App, caller: &Caller, id: &str) -> Result<(i64, Ref, String, String), Problem> {
    let unknown = || Problem::not_found("There is no such delivery.");
    let id: i64 = id.parse().map_err(|_| unknown())?;
    let (reference, key, state) = app
        .desk
        .store
        .read(move |c| read::delivery(c, id))
        .await?
        .ok_or_else(unknown)?;
    if reference != Ref::HOUSE {
        find(app, caller, &reference.to_string()).await.map_err(|_| unknown())?;
    }
    Ok((id, reference, key, state))
}
