//! Incidents: declared, shown, moved, told about.

use super::body::Body;
use super::shapes::{
    AlertView, Choice, DeclareBody, EditBody, FollowUpBody, IncidentView, MomentView, MoveBody, Page, RoleBody,
    SettleBody, TaskBody, TaskView, TextBody, UpdateBody, who,
};
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use imp_core::{Command, Envelope, Incident, Ref, rights};
use imp_engine::{Receipt, read};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::IntoParams;

/// Things on a page where the caller does not say.
const PAGE: usize = 50;
/// Things on a page at most.
const PAGE_MAX: usize = 200;
/// The longest Idempotency-Key.
const KEY_MAX: usize = 200;

type Answer<T> = Result<T, Problem>;

/// Which incidents, and which page of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    status: Option<String>,
    severity: Option<String>,
    service: Option<String>,
    team: Option<String>,
    /// Words in the title, a reference, or a ticket's key.
    q: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    limit: Option<usize>,
    cursor: Option<String>,
}

pub(super) fn cursor(text: Option<&str>) -> Answer<Option<u64>> {
    text.filter(|t| !t.is_empty())
        .map(|t| {
            t.parse()
                .map_err(|_| Problem::bad("cursor: take it from `next` of the page before, unchanged."))
        })
        .transpose()
}

pub(super) fn query<T>(q: Result<Query<T>, QueryRejection>) -> Answer<T> {
    q.map(|Query(q)| q).map_err(|e| Problem::bad(e.body_text()))
}

pub(super) fn limit(wanted: Option<usize>) -> usize {
    wanted.unwrap_or(PAGE).clamp(1, PAGE_MAX)
}

/// Incidents, newest first.
#[utoipa::path(get, path = "/incidents", params(ListQuery), responses((status = 200, body = Page<IncidentView>), (status = 400, body = Problem)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    q: Result<Query<ListQuery>, QueryRejection>,
) -> Answer<Json<Page<IncidentView>>> {
    let q = query(q)?;
    let before = cursor(q.cursor.as_deref())?;
    let most = limit(q.limit);
    let filter = read::Filter {
        status: q.status,
        categories: vec![],
        severity: q.severity,
        service: q.service,
        team: q.team,
        words: q.q,
    };
    let found = app
        .desk
        .store
        .read(move |c| read::incidents(c, &filter, before, most))
        .await?;
    let next = (found.len() == most)
        .then(|| found.last().map(|i| i.reference.0.to_string()))
        .flatten();
    let process = app.desk.house.process.load();
    let seen = found.iter().filter(|i| rights::may_see(i, &caller.actor, caller.role));
    Ok(Json(Page {
        items: seen.map(|i| IncidentView::of(i, &process)).collect(),
        next,
    }))
}

/// Declares an incident. Its reference is known at once.
#[utoipa::path(post, path = "/incidents", request_body = DeclareBody, params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = IncidentView), (status = 422, body = Problem)))]
pub async fn declare(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Body(b): Body<DeclareBody>,
) -> Answer<(StatusCode, Json<IncidentView>)> {
    let command = Command::Declare {
        title: b.title,
        summary: b.summary.unwrap_or_default(),
        severity: b.severity,
        service: b.service,
        team: b.team,
        private: b.private.unwrap_or(false),
        members: b.members.iter().map(|m| who(m)).collect(),
    };
    let i = submit(&app, &caller, &headers, "", None, command).await?;
    Ok((StatusCode::CREATED, Json(i)))
}

/// An incident, by its reference or its Jira key.
#[utoipa::path(get, path = "/incidents/{ref}", params(("ref" = String, Path)), responses((status = 200, body = IncidentView), (status = 404, body = Problem)))]
pub async fn show(State(app): State<Arc<App>>, caller: Caller, Path(name): Path<String>) -> Answer<Json<IncidentView>> {
    let i = find(&app, &caller, &name).await?;
    Ok(Json(IncidentView::of(&i, &app.desk.house.process.load())))
}

/// Changes what an incident says of itself.
#[utoipa::path(patch, path = "/incidents/{ref}", params(("ref" = String, Path)), request_body = EditBody,
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn edit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(b): Body<EditBody>,
) -> Answer<Json<IncidentView>> {
    let i = find(&app, &caller, &name).await?;
    let command = Command::Edit {
        title: b.title,
        summary: b.summary,
        severity: b.severity,
        service: b.service,
    };
    Ok(Json(
        submit(&app, &caller, &headers, "", Some(i.reference), command).await?,
    ))
}

/// Moves an incident to another status.
#[utoipa::path(post, path = "/incidents/{ref}/transitions", params(("ref" = String, Path)), request_body = MoveBody,
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn transition(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(b): Body<MoveBody>,
) -> Answer<Json<IncidentView>> {
    let i = find(&app, &caller, &name).await?;
    let fields = texts(b.fields);
    Ok(Json(
        submit(
            &app,
            &caller,
            &headers,
            "",
            Some(i.reference),
            Command::Move { to: b.to, fields },
        )
        .await?,
    ))
}

/// Settles what Jira and the incident do not agree on: the incident follows Jira, or Jira follows the incident.
#[utoipa::path(post, path = "/incidents/{ref}/conflict", params(("ref" = String, Path)), request_body = SettleBody,
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn settle(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(b): Body<SettleBody>,
) -> Answer<Json<IncidentView>> {
    let i = find(&app, &caller, &name).await?;
    let command = Command::Settle {
        follow: b.choose == Choice::Follow,
        fields: texts(b.fields),
    };
    Ok(Json(
        submit(&app, &caller, &headers, "", Some(i.reference), command).await?,
    ))
}

/// Answers as text, whatever JSON they came as.
fn texts(fields: BTreeMap<String, serde_json::Value>) -> BTreeMap<String, String> {
    let text = |v: serde_json::Value| match v {
        serde_json::Value::String(s) => s,
        serde_json::Value::Null => String::new(),
        other => other.to_string(),
    };
    fields.into_iter().map(|(k, v)| (k, text(v))).collect()
}

/// Writes an update; with `public`, it also goes to the status page.
#[utoipa::path(post, path = "/incidents/{ref}/updates", params(("ref" = String, Path)), request_body = UpdateBody,
    responses((status = 201, body = IncidentView), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn update(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(b): Body<UpdateBody>,
) -> Answer<(StatusCode, Json<IncidentView>)> {
    let i = find(&app, &caller, &name).await?;
    if b.public == Some(true) {
        // The public first: where that is refused, nothing is half done.
        let command = Command::Publish {
            title: String::new(),
            body: b.text.clone(),
            components: vec![],
        };
        submit(&app, &caller, &headers, ":public", Some(i.reference), command).await?;
    }
    let i = submit(
        &app,
        &caller,
        &headers,
        "",
        Some(i.reference),
        Command::Post { text: b.text },
    )
    .await?;
    Ok((StatusCode::CREATED, Json(i)))
}

/// The tasks.
#[utoipa::path(get, path = "/incidents/{ref}/tasks", params(("ref" = String, Path)), responses((status = 200, body = Page<TaskView>), (status = 404, body = Problem)))]
pub async fn tasks(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<Json<Page<TaskView>>> {
    let i = find(&app, &caller, &name).await?;
    Ok(Json(Page {
        items: IncidentView::of(&i, &app.desk.house.process.load()).tasks,
        next: None,
    }))
}

/// Adds a task.
#[utoipa::path(post, path = "/incidents/{ref}/tasks", params(("ref" = String, Path)), request_body = TaskBody,
    responses((status = 201, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn add_task(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(b): Body<TaskBody>,
) -> Answer<(StatusCode, Json<IncidentView>)> {
    let i = find(&app, &caller, &name).await?;
    let command = Command::AddTask {
        text: b.text,
        assignee: b.assignee.as_deref().map(who),
    };
    Ok((
        StatusCode::CREATED,
        Json(submit(&app, &caller, &headers, "", Some(i.reference), command).await?),
    ))
}

/// A task is done.
#[utoipa::path(post, path = "/incidents/{ref}/tasks/{n}/done", params(("ref" = String, Path), ("n" = u32, Path)),
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn finish_task(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((name, n)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer<Json<IncidentView>> {
    let i = find(&app, &caller, &name).await?;
    let n = n.parse().map_err(|_| Problem::bad("The task's number is a number."))?;
    Ok(Json(
        submit(
            &app,
            &caller,
            &headers,
            "",
            Some(i.reference),
            Command::FinishTask { n },
        )
        .await?,
    ))
}

/// Gives somebody a role.
#[utoipa::path(post, path = "/incidents/{ref}/roles", params(("ref" = String, Path)), request_body = RoleBody,
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn assign(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(b): Body<RoleBody>,
) -> Answer<Json<IncidentView>> {
    let i = find(&app, &caller, &name).await?;
    let command = Command::Assign {
        role: b.role,
        who: who(&b.user),
    };
    Ok(Json(
        submit(&app, &caller, &headers, "", Some(i.reference), command).await?,
    ))
}

/// Adds a follow-up.
#[utoipa::path(post, path = "/incidents/{ref}/follow-ups", params(("ref" = String, Path)), request_body = FollowUpBody,
    responses((status = 201, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn add_follow_up(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(b): Body<FollowUpBody>,
) -> Answer<(StatusCode, Json<IncidentView>)> {
    let i = find(&app, &caller, &name).await?;
    let command = Command::AddFollowUp {
        text: b.text,
        owner: b.owner.as_deref().map(who),
        due: b.due,
    };
    Ok((
        StatusCode::CREATED,
        Json(submit(&app, &caller, &headers, "", Some(i.reference), command).await?),
    ))
}

/// Writes the review.
#[utoipa::path(post, path = "/incidents/{ref}/review", params(("ref" = String, Path)), request_body = TextBody,
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn write_review(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(b): Body<TextBody>,
) -> Answer<Json<IncidentView>> {
    let i = find(&app, &caller, &name).await?;
    Ok(Json(
        submit(
            &app,
            &caller,
            &headers,
            "",
            Some(i.reference),
            Command::WriteReview { text: b.text },
        )
        .await?,
    ))
}

/// What happened, oldest first.
#[utoipa::path(get, path = "/incidents/{ref}/timeline", params(("ref" = String, Path), PageQuery), responses((status = 200, body = Page<MomentView>), (status = 404, body = Problem)))]
pub async fn timeline(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    q: Result<Query<PageQuery>, QueryRejection>,
) -> Answer<Json<Page<MomentView>>> {
    let q = query(q)?;
    let i = find(&app, &caller, &name).await?;
    let (after, most, r) = (cursor(q.cursor.as_deref())?.unwrap_or(0), limit(q.limit), i.reference);
    let facts = app.desk.store.read(move |c| read::journal(c, r, after, most)).await?;
    let next = (facts.len() == most)
        .then(|| facts.last().map(|f| f.n.to_string()))
        .flatten();
    let process = app.desk.house.process.load();
    Ok(Json(Page {
        items: facts.iter().filter_map(|f| MomentView::of(f, &process)).collect(),
        next,
    }))
}

/// Its groups of alerts.
#[utoipa::path(get, path = "/incidents/{ref}/alerts", params(("ref" = String, Path)), responses((status = 200, body = Page<AlertView>), (status = 404, body = Problem)))]
pub async fn alerts(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<Json<Page<AlertView>>> {
    let i = find(&app, &caller, &name).await?;
    Ok(Json(Page {
        items: IncidentView::of(&i, &app.desk.house.process.load()).alerts,
        next: None,
    }))
}

/// The incident of this name, where the caller may see it.
pub(crate) async fn find(app: &App, caller: &Caller, name: &str) -> Answer<Incident> {
    let wanted = name.to_owned();
    let found = app.desk.store.read(move |c| read::find(c, &wanted)).await?;
    found
        .filter(|i| rights::may_see(i, &caller.actor, caller.role))
        .ok_or_else(|| {
            Problem::not_found(format!(
                "There is no incident {:?} that you can see.",
                imp_core::words::cut(name, 40)
            ))
        })
}

async fn submit(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    suffix: &str,
    about: Option<Ref>,
    command: Command,
) -> Answer<IncidentView> {
    let receipt = wish(app, caller, headers, suffix, about, command).await?;
    let i = receipt
        .incident
        .ok_or_else(|| Problem::not_found("There is no such incident."))?;
    Ok(IncidentView::of(&i, &app.desk.house.process.load()))
}

pub(super) async fn wish(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    suffix: &str,
    about: Option<Ref>,
    command: Command,
) -> Answer<Receipt> {
    let id = match headers.get("idempotency-key") {
        None => String::new(),
        Some(v) => {
            let key = v
                .to_str()
                .ok()
                .map(str::trim)
                .filter(|k| !k.is_empty() && k.len() <= KEY_MAX);
            let key =
                key.ok_or_else(|| Problem::bad(format!("Idempotency-Key: 1 to {KEY_MAX} visible ASCII characters.")))?;
            format!("rest:{}:{key}{suffix}", caller.name)
        }
    };
    let envelope = Envelope {
        id,
        by: caller.actor.clone(),
        role: caller.role,
        at: app.desk.clock.now(),
        about,
        command,
    };
    Ok(app.desk.submit(envelope).await?)
}
