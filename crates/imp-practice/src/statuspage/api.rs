//! The stand-in Statuspage's API, version 1.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequestParts, Path, Query, RawPathParams, State as Own};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, put};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::model::{Component, IMPACTS, Incident, Postmortem, State, Update, time};
use super::{Fail, Statuspage};
use crate::clock;
use crate::world::hold;

/// Incidents in a page of a list, as with the real one.
const PAGE: usize = 100;

type Body = Result<Bytes, BytesRejection>;
type Asks = Query<HashMap<String, String>>;
type Page = Own<Arc<Statuspage>>;

/// A caller with the right key, asking for the right page.
struct Caller;

impl FromRequestParts<Arc<Statuspage>> for Caller {
    type Rejection = Fail;

    async fn from_request_parts(parts: &mut Parts, page: &Arc<Statuspage>) -> Result<Caller, Fail> {
        let value = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        let key = value.strip_prefix("OAuth ").or_else(|| value.strip_prefix("Bearer "));
        if key != Some(&page.world.org.keys.statuspage_api_key) {
            return Err(Fail::new(StatusCode::UNAUTHORIZED, json!("Could not authenticate")));
        }
        page.within_limit()?;
        let params = RawPathParams::from_request_parts(parts, page)
            .await
            .map_err(|_| Fail::not_found())?;
        let wanted = params
            .iter()
            .find(|(name, _)| *name == "page")
            .map(|(_, value)| value.to_owned());
        match wanted {
            Some(id) if id != page.world.org.keys.statuspage_page_id => Err(Fail::not_found()),
            _ => Ok(Caller),
        }
    }
}

/// The routes.
pub fn routes(page: &Arc<Statuspage>) -> Router {
    let edit_incident = patch(edit).put(edit);
    Router::new()
        .route("/v1/pages", get(pages))
        .route("/v1/pages/{page}", get(one_page))
        .route("/v1/pages/{page}/components", get(components))
        .route(
            "/v1/pages/{page}/components/{id}",
            get(component).patch(edit_component).put(edit_component),
        )
        .route("/v1/pages/{page}/component-groups", get(groups))
        .route("/v1/pages/{page}/component-groups/{id}", get(group))
        .route("/v1/pages/{page}/incident_templates", get(templates))
        .route("/v1/pages/{page}/incidents", get(incidents).post(create))
        .route("/v1/pages/{page}/incidents/unresolved", get(unresolved))
        .route("/v1/pages/{page}/incidents/upcoming", get(upcoming))
        .route("/v1/pages/{page}/incidents/scheduled", get(scheduled))
        .route("/v1/pages/{page}/incidents/active_maintenance", get(active_maintenance))
        .route(
            "/v1/pages/{page}/incidents/{id}",
            edit_incident.get(incident).delete(remove),
        )
        .route(
            "/v1/pages/{page}/incidents/{id}/incident_updates/{update}",
            patch(edit_update).put(edit_update),
        )
        .route(
            "/v1/pages/{page}/incidents/{id}/postmortem",
            get(postmortem).put(draft).delete(drop_postmortem),
        )
        .route("/v1/pages/{page}/incidents/{id}/postmortem/publish", put(publish))
        .route("/v1/pages/{page}/incidents/{id}/postmortem/revert", put(revert))
        .route("/v1/{*rest}", get(async || Fail::not_found()))
        .with_state(Arc::clone(page))
}

fn read(bytes: Body, wrap: &str) -> Result<Map<String, Value>, Fail> {
    let wrong = |words: &str| Fail::new(StatusCode::BAD_REQUEST, json!(words));
    let bytes = bytes.map_err(|_| wrong("The request body could not be read"))?;
    let value: Value =
        serde_json::from_slice(&bytes).map_err(|_| wrong("There was a problem in the JSON you submitted"))?;
    match value.get(wrap) {
        Some(Value::Object(inner)) => Ok(inner.clone()),
        _ => Err(wrong(&format!("param is missing or the value is empty: {wrap}"))),
    }
}

fn page_json(page: &Statuspage) -> Value {
    let state = hold(&page.state);
    json!({
        "id": state.page_id, "name": state.page_name, "domain": state.domain, "subdomain": "meridian",
        "url": format!("{}/statuspage/", page.world.base), "created_at": time(state.since_ms), "updated_at": time(state.since_ms),
        "page_description": "", "headline": "", "branding": "basic", "support_url": null, "hidden_from_search": false,
        "allow_page_subscribers": true, "allow_incident_subscribers": true, "allow_email_subscribers": true,
        "allow_sms_subscribers": true, "allow_rss_atom_feeds": true, "allow_webhook_subscribers": true,
        "time_zone": "Lisbon", "viewers_must_be_team_members": false,
    })
}

async fn pages(_: Caller, Own(page): Page) -> Json<Value> {
    Json(json!([page_json(&page)]))
}

async fn one_page(_: Caller, Own(page): Page) -> Json<Value> {
    Json(page_json(&page))
}

async fn components(_: Caller, Own(page): Page) -> Json<Value> {
    let state = hold(&page.state);
    Json(state.components.iter().map(|c| state.component_json(c)).collect())
}

async fn component(_: Caller, Own(page): Page, Path((_, id)): Path<(String, String)>) -> Result<Json<Value>, Fail> {
    let state = hold(&page.state);
    let found = state.component(&id).ok_or_else(Fail::not_found)?;
    Ok(Json(state.component_json(found)))
}

async fn edit_component(
    _: Caller,
    Own(page): Page,
    Path((_, id)): Path<(String, String)>,
    bytes: Body,
) -> Result<Json<Value>, Fail> {
    let wish = read(bytes, "component")?;
    let now = clock::now_ms();
    let mut state = hold(&page.state);
    if state.component(&id).is_none_or(|c| c.group) {
        return Err(Fail::not_found());
    }
    if let Some(status) = wish.get("status") {
        let status = status.as_str().unwrap_or_default();
        if !super::model::COMPONENT_STATUSES.contains(&status) {
            return Err(Fail::invalid(vec!["Status is not included in the list".to_owned()]));
        }
        state.set_components(&BTreeMap::from([(id.clone(), status.to_owned())]), now);
    }
    if let Some(component) = state.components.iter_mut().find(|c| c.id == id) {
        let text = |key: &str| wish.get(key).and_then(Value::as_str).map(str::to_owned);
        component.name = text("name").unwrap_or_else(|| component.name.clone());
        component.description = text("description").unwrap_or_else(|| component.description.clone());
    }
    let found = state.component(&id).ok_or_else(Fail::not_found)?;
    Ok(Json(state.component_json(found)))
}

fn group_json(state: &State, group: &Component) -> Value {
    json!({
        "id": group.id, "page_id": state.page_id, "name": group.name, "description": group.description,
        "components": state.members(&group.id).map(|m| m.id.clone()).collect::<Vec<_>>(), "position": group.position,
        "created_at": time(group.created_ms), "updated_at": time(group.updated_ms),
    })
}

async fn groups(_: Caller, Own(page): Page) -> Json<Value> {
    let state = hold(&page.state);
    Json(
        state
            .components
            .iter()
            .filter(|c| c.group)
            .map(|g| group_json(&state, g))
            .collect(),
    )
}

async fn group(_: Caller, Own(page): Page, Path((_, id)): Path<(String, String)>) -> Result<Json<Value>, Fail> {
    let state = hold(&page.state);
    let found = state.component(&id).filter(|c| c.group).ok_or_else(Fail::not_found)?;
    Ok(Json(group_json(&state, found)))
}

async fn templates(_: Caller, Own(page): Page) -> Json<Value> {
    Json(hold(&page.state).templates.clone().into())
}

fn list(page: &Statuspage, asks: &Asks, fits: impl Fn(&Incident) -> bool) -> Json<Value> {
    let state = hold(&page.state);
    let number = |name: &str, usual: usize| asks.get(name).and_then(|n| n.parse().ok()).unwrap_or(usual);
    let most = number("limit", number("per_page", PAGE)).clamp(1, PAGE);
    let skip = number("page", 1).saturating_sub(1) * most;
    let wanted = asks.get("q").map(|q| q.to_lowercase()).unwrap_or_default();
    let says = |i: &Incident| {
        i.name.to_lowercase().contains(&wanted) || i.updates.iter().any(|u| u.body.to_lowercase().contains(&wanted))
    };
    let found = state.incidents.iter().rev().filter(|i| fits(i) && says(i));
    Json(found.skip(skip).take(most).map(|i| state.incident_json(i)).collect())
}

async fn incidents(_: Caller, Own(page): Page, asks: Asks) -> Json<Value> {
    list(&page, &asks, |_| true)
}

async fn unresolved(_: Caller, Own(page): Page, asks: Asks) -> Json<Value> {
    list(&page, &asks, |i| !i.over() && !i.planned())
}

async fn upcoming(_: Caller, Own(page): Page, asks: Asks) -> Json<Value> {
    list(&page, &asks, |i| i.status == "scheduled")
}

async fn scheduled(_: Caller, Own(page): Page, asks: Asks) -> Json<Value> {
    list(&page, &asks, |i| i.planned() && !i.over())
}

async fn active_maintenance(_: Caller, Own(page): Page, asks: Asks) -> Json<Value> {
    list(&page, &asks, |i| i.status == "in_progress" || i.status == "verifying")
}

async fn incident(_: Caller, Own(page): Page, Path((_, id)): Path<(String, String)>) -> Result<Json<Value>, Fail> {
    let state = hold(&page.state);
    let found = state.find(&id).ok_or_else(Fail::not_found)?;
    Ok(Json(state.incident_json(found)))
}

async fn create(_: Caller, Own(page): Page, bytes: Body) -> Result<Response, Fail> {
    let wish = read(bytes, "incident")?;
    let now = clock::now_ms();
    let mut state = hold(&page.state);
    let faults = state.faults(&wish, true);
    if !faults.is_empty() {
        return Err(Fail::invalid(faults));
    }
    let planned = wish.get("scheduled_for").is_some_and(Value::is_string);
    let first = if planned { "scheduled" } else { "investigating" };
    let mut incident = Incident {
        id: state.id("incident"),
        name: String::new(),
        status: first.to_owned(),
        impact: if planned { "maintenance" } else { "none" }.to_owned(),
        impact_override: None,
        component_ids: vec![],
        metadata: json!({}),
        updates: vec![],
        postmortem: None,
        scheduled_for: None,
        scheduled_until: None,
        created_ms: now,
        updated_ms: now,
        monitoring_ms: None,
        resolved_ms: None,
    };
    let body = wish.get("body").and_then(Value::as_str).unwrap_or_default().to_owned();
    write(&mut state, &mut incident, &wish, Some(body), now);
    let out = state.incident_json(&incident);
    state.incidents.push(incident);
    Ok((StatusCode::CREATED, Json(out)).into_response())
}

async fn edit(
    _: Caller,
    Own(page): Page,
    Path((_, id)): Path<(String, String)>,
    bytes: Body,
) -> Result<Json<Value>, Fail> {
    let wish = read(bytes, "incident")?;
    let now = clock::now_ms();
    let mut state = hold(&page.state);
    let mut incident = state.find(&id).cloned().ok_or_else(Fail::not_found)?;
    let faults = state.faults(&wish, false);
    if !faults.is_empty() {
        return Err(Fail::invalid(faults));
    }
    let body = wish
        .get("body")
        .and_then(Value::as_str)
        .filter(|b| !b.trim().is_empty())
        .map(str::to_owned);
    write(&mut state, &mut incident, &wish, body, now);
    let out = state.incident_json(&incident);
    if let Some(kept) = state.incidents.iter_mut().find(|i| i.id == id) {
        *kept = incident;
    }
    Ok(Json(out))
}

/// Puts a wish into an incident; each time something is said or its status changes, an update is added.
fn write(state: &mut State, incident: &mut Incident, wish: &Map<String, Value>, body: Option<String>, now: i64) {
    let text = |key: &str| wish.get(key).and_then(Value::as_str).map(str::to_owned);
    incident.name = text("name").unwrap_or_else(|| incident.name.clone());
    let before = incident.status.clone();
    incident.status = text("status").unwrap_or_else(|| before.clone());
    let moved = before != incident.status;
    if let Some(given) = wish.get("impact_override") {
        incident.impact_override = given.as_str().map(str::to_owned);
    }
    if let Some(given) = wish.get("metadata").filter(|m| m.is_object()) {
        incident.metadata = given.clone();
    }
    incident.scheduled_for = text("scheduled_for").or(incident.scheduled_for.take());
    incident.scheduled_until = text("scheduled_until").or(incident.scheduled_until.take());
    if let Some(ids) = wish.get("component_ids").and_then(Value::as_array) {
        incident.component_ids = ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
    }
    let statuses: BTreeMap<String, String> = wish
        .get("components")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(id, s)| Some((id.clone(), s.as_str()?.to_owned())))
        .collect();
    for id in statuses.keys().filter(|_| !wish.contains_key("component_ids")) {
        if !incident.component_ids.contains(id) {
            incident.component_ids.push(id.clone());
        }
    }
    let affected = state.set_components(&statuses, now);
    let rank = |impact: &str| IMPACTS.iter().position(|i| *i == impact).unwrap_or(0);
    let follows = state.impact_of(&incident.component_ids);
    if rank(follows) > rank(&incident.impact) {
        incident.impact = follows.to_owned();
    }
    match incident.status.as_str() {
        "monitoring" => incident.monitoring_ms = incident.monitoring_ms.or(Some(now)),
        "resolved" | "completed" => incident.resolved_ms = incident.resolved_ms.or(Some(now)),
        _ => incident.resolved_ms = None,
    }
    // A change of status is told even where nothing is said with it.
    if let Some(body) = body.or_else(|| moved.then(String::new)) {
        let deliver = wish
            .get("deliver_notifications")
            .and_then(Value::as_bool)
            .unwrap_or(true);
        let (id, status) = (state.id("update"), incident.status.clone());
        incident.updates.push(Update {
            id,
            status,
            body,
            affected,
            deliver,
            created_ms: now,
            updated_ms: now,
        });
    }
    incident.updated_ms = now;
}

async fn remove(_: Caller, Own(page): Page, Path((_, id)): Path<(String, String)>) -> Result<Json<Value>, Fail> {
    let mut state = hold(&page.state);
    let out = state
        .find(&id)
        .map(|i| state.incident_json(i))
        .ok_or_else(Fail::not_found)?;
    state.incidents.retain(|i| i.id != id);
    Ok(Json(out))
}

async fn edit_update(
    _: Caller,
    Own(page): Page,
    Path((_, id, update)): Path<(String, String, String)>,
    bytes: Body,
) -> Result<Json<Value>, Fail> {
    let wish = read(bytes, "incident_update")?;
    let mut state = hold(&page.state);
    let incident = state
        .incidents
        .iter_mut()
        .find(|i| i.id == id)
        .ok_or_else(Fail::not_found)?;
    let found = incident
        .updates
        .iter_mut()
        .find(|u| u.id == update)
        .ok_or_else(Fail::not_found)?;
    if let Some(body) = wish.get("body").and_then(Value::as_str) {
        found.body = body.to_owned();
    }
    found.updated_ms = clock::now_ms();
    let incident = state.find(&id).ok_or_else(Fail::not_found)?;
    let found = incident
        .updates
        .iter()
        .find(|u| u.id == update)
        .ok_or_else(Fail::not_found)?;
    Ok(Json(state.update_json(incident, found)))
}

fn postmortem_json(p: &Postmortem) -> Value {
    json!({
        "preview_key": "preview", "body": p.body, "body_updated_at": p.published_ms.map(time), "body_draft": p.draft,
        "body_draft_updated_at": time(p.draft_ms), "published_at": p.published_ms.map(time), "notify_subscribers": false,
        "notify_twitter": false, "custom_tweet": null, "created_at": time(p.draft_ms), "updated_at": time(p.draft_ms),
    })
}

/// Changes a post-mortem and shows it.
fn with_postmortem(
    page: &Statuspage,
    id: &str,
    act: impl FnOnce(&mut Option<Postmortem>) -> Result<(), Fail>,
) -> Result<Json<Value>, Fail> {
    let mut state = hold(&page.state);
    let incident = state
        .incidents
        .iter_mut()
        .find(|i| i.id == id)
        .ok_or_else(Fail::not_found)?;
    act(&mut incident.postmortem)?;
    incident
        .postmortem
        .as_ref()
        .map(|p| Json(postmortem_json(p)))
        .ok_or_else(Fail::not_found)
}

async fn postmortem(_: Caller, Own(page): Page, Path((_, id)): Path<(String, String)>) -> Result<Json<Value>, Fail> {
    with_postmortem(&page, &id, |_| Ok(()))
}

async fn draft(
    _: Caller,
    Own(page): Page,
    Path((_, id)): Path<(String, String)>,
    bytes: Body,
) -> Result<Json<Value>, Fail> {
    let wish = read(bytes, "postmortem")?;
    let text = wish.get("body_draft").and_then(Value::as_str).map(str::to_owned);
    let text = text.ok_or_else(|| Fail::new(StatusCode::BAD_REQUEST, json!("body_draft is missing")))?;
    with_postmortem(&page, &id, |kept| {
        let kept = kept.get_or_insert_default();
        kept.draft = text;
        kept.draft_ms = clock::now_ms();
        Ok(())
    })
}

async fn publish(_: Caller, Own(page): Page, Path((_, id)): Path<(String, String)>) -> Result<Json<Value>, Fail> {
    with_postmortem(&page, &id, |kept| {
        let kept = kept.as_mut().ok_or_else(Fail::not_found)?;
        kept.body = Some(kept.draft.clone());
        kept.published_ms = Some(clock::now_ms());
        Ok(())
    })
}

async fn revert(_: Caller, Own(page): Page, Path((_, id)): Path<(String, String)>) -> Result<Json<Value>, Fail> {
    with_postmortem(&page, &id, |kept| {
        let kept = kept.as_mut().ok_or_else(Fail::not_found)?;
        kept.body = None;
        kept.published_ms = None;
        Ok(())
    })
}

async fn drop_postmortem(
    _: Caller,
    Own(page): Page,
    Path((_, id)): Path<(String, String)>,
) -> Result<StatusCode, Fail> {
    let mut state = hold(&page.state);
    let incident = state
        .incidents
        .iter_mut()
        .find(|i| i.id == id)
        .ok_or_else(Fail::not_found)?;
    incident
        .postmortem
        .take()
        .map(|_| StatusCode::NO_CONTENT)
        .ok_or_else(Fail::not_found)
}
