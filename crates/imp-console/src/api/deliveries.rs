//! What is owed to vendors, and what people may do about it.

use super::body::Body;
use super::call::{Answer, Asked, cursor, find, limit, query, wish};
use super::shapes::Page;
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use imp_core::effect::Capability;
use imp_core::rights::Right;
use imp_core::{Command, Incident, Ref};
use imp_engine::Val;
use imp_engine::audit;
use imp_engine::read::{self, Delivery};
use imp_engine::store::Conn;
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
    q: Asked<DeliveryQuery>,
) -> Answer<Json<Page<DeliveryView>>> {
    let q = query(q)?;
    let state = q.state.unwrap_or_else(|| "pending".to_owned());
    if !matches!(state.as_str(), "pending" | "failed" | "done") {
        return Err(Problem::bad("state is pending, failed or done."));
    }
    let before = cursor(q.cursor.as_deref())?.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    let (most, now) = (limit(q.limit)?, app.desk.clock.now());
    let read = app
        .desk
        .store
        .read(move |c| read::deliveries(c, &state, before, now, most));
    let all = read.await?;
    let next = (all.len() == most)
        .then(|| all.last().map(|d| d.id.to_string()))
        .flatten();
    let seen = visible(&app, &caller, all).await?;
    Ok(Json(Page {
        items: seen.into_iter().map(DeliveryView::from).collect(),
        next,
    }))
}

/// Those that a caller may see; what is owed for no incident is everybody's to see.
pub(crate) async fn visible(app: &App, caller: &Caller, all: Vec<Delivery>) -> Answer<Vec<Delivery>> {
    let of = |d: &Delivery| Some(d.reference).filter(|r| *r != Ref::HOUSE);
    crate::witness::theirs(app, caller, all, of, "its deliveries listed").await
}

/// Tries a delivery again now.
#[utoipa::path(post, path = "/deliveries/{id}/retry", params(("id" = i64, Path)),
    responses((status = 202), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer<StatusCode> {
    again(&app, &caller, &id, &headers).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Has a delivery tried again now; whose it is.
pub(crate) async fn again(app: &App, caller: &Caller, id: &str, headers: &HeaderMap) -> Answer<Ref> {
    let owed = named(app, caller, id).await?;
    let key = owed.key.clone();
    match (owed.state.as_str(), &owed.of) {
        ("failed", Some(i)) => drop(wish(app, caller, headers, Some(i), Command::Retry { key }).await?),
        ("failed", None) => {
            let sql = "update effect set state = 'pending', due_at = ?2, held = 0 where id = ?1 and state = 'failed'
                       and not exists (select 1 from effect w where w.ref = effect.ref and w.key = effect.key and w.state = 'pending')";
            by_hand(app, caller, &owed, ("retry", json!({"key": key})), sql).await?;
        }
        ("pending", _) => {
            let sql = "update effect set due_at = ?2 where id = ?1 and state = 'pending' and held = 0";
            by_hand(app, caller, &owed, ("retry", json!({"key": key})), sql).await?;
        }
        ("running", _) => {}
        _ => {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "conflict",
                "It is done",
                "There is nothing to try again.",
            ));
        }
    }
    Ok(owed.of.map_or(Ref::HOUSE, |i| i.reference))
}

/// What a person decides of something that is owed, where no command does; `sql` has its number and now.
async fn by_hand(
    app: &App,
    caller: &Caller,
    owed: &Owed,
    (verb, said): (&'static str, serde_json::Value),
    sql: &'static str,
) -> Answer<()> {
    let (id, now) = (owed.id, app.desk.clock.now());
    let deed = crate::witness::deed(caller, now, verb, owed.of.as_ref(), json!({"said": said}));
    let write = move |c: &mut dyn Conn| {
        // What did not happen, since it went otherwise in between, is not written down either.
        match c.run(sql, &[Val::Int(id), Val::Int(now.0)])? {
            0 => Ok(()),
            _ => audit::write(c, deed),
        }
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
) -> Answer<StatusCode> {
    let owed = named(&app, &caller, &id).await?;
    let (key, why) = (owed.key.clone(), b.why);
    match &owed.of {
        Some(i) => drop(wish(&app, &caller, &headers, Some(i), Command::Skip { key, why }).await?),
        None if owed.state != "failed" => {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "conflict",
                "It has not failed",
                "Only what failed can be done without.",
            ));
        }
        None => {
            let sql = "update effect set state = 'skipped', done_at = ?2 where id = ?1 and state = 'failed'";
            by_hand(&app, &caller, &owed, ("skip", json!({"key": key, "why": why})), sql).await?;
        }
    }
    Ok(StatusCode::ACCEPTED)
}

/// Something that is owed, as a caller named it.
struct Owed {
    id: i64,
    /// The incident that it is of; none: of none, such as a digest.
    of: Option<Incident>,
    key: String,
    state: String,
}

/// What somebody names to do something about it, where they may.
async fn named(app: &App, caller: &Caller, id: &str) -> Answer<Owed> {
    let unknown = || Problem::not_found("There is no such delivery.");
    let id: i64 = id.parse().map_err(|_| unknown())?;
    let found = app.desk.store.read(move |c| read::delivery(c, id)).await?;
    let (reference, key, state) = found.ok_or_else(unknown)?;
    let of = match reference == Ref::HOUSE {
        true => None,
        false => {
            let seen = find(app, caller, &reference.to_string()).await;
            Some(seen.map_err(|p| if p.status == 404 { unknown() } else { p })?)
        }
    };
    match &of {
        Some(i) => caller.must_about(i, Right::Deliver)?,
        None => caller.must(Right::Deliver)?,
    }
    Ok(Owed { id, of, key, state })
}
