//! Incidents: declared, shown, moved, told about.

use super::body::Body;
use super::shapes::{
    AlertView, Choice, DeclareBody, DeclaredView, EditBody, FollowUpBody, GlassBody, HintView, ImpactBody,
    IncidentView, MemberBody, MomentView, MoveBody, Page, RoleBody, RoleView, SettleBody, TaskBody, TaskView, TextBody,
    UpdateBody, UpdateView, who,
};
use crate::App;
use crate::caller::Caller;
use crate::filters::{Asked, understand};
use crate::problem::Problem;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imp_core::{Command, Envelope, Incident, Ref};
use imp_engine::{Given, Receipt, read};
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
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    status: Option<String>,
    severity: Option<String>,
    service: Option<String>,
    team: Option<String>,
    /// Words in the title, a reference, or a ticket's key.
    #[param(max_length = 200)]
    q: Option<String>,
    #[param(minimum = 1)]
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    #[param(minimum = 1)]
    pub(super) limit: Option<usize>,
    pub(super) cursor: Option<String>,
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

/// More than a page holds is a page; fewer than one is a mistake.
pub(super) fn limit(wanted: Option<usize>) -> Answer<usize> {
    match wanted.unwrap_or(PAGE) {
        0 => Err(Problem::bad("limit: at least 1.")),
        n => Ok(n.min(PAGE_MAX)),
    }
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
    let most = limit(q.limit)?;
    let word = |w: Option<String>| w.unwrap_or_default();
    let asked = Asked {
        status: word(q.status),
        severity: word(q.severity),
        service: word(q.service),
        team: word(q.team),
        q: word(q.q),
    };
    let (filter, faults) = understand(&app, &asked).await?;
    if !faults.is_empty() {
        return Err(Problem::bad(faults.join(" ")));
    }
    let found = app
        .desk
        .store
        .read(move |c| read::incidents(c, &filter, before, most))
        .await?;
    let next = (found.len() == most)
        .then(|| found.last().map(|i| i.reference.0.to_string()))
        .flatten();
    let process = app.desk.house.process.load();
    let seen: Vec<&Incident> = found.iter().filter(|i| caller.sees(i)).collect();
    crate::witness::looked(&app, &caller, seen.iter().copied(), "listed").await?;
    Ok(Json(Page {
        items: seen.into_iter().map(|i| IncidentView::of(i, &process)).collect(),
        next,
    }))
}

/// Declares an incident. Its reference is known at once; `hints` names what is open and may be the same.
#[utoipa::path(post, path = "/incidents", request_body = DeclareBody, params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = DeclaredView), (status = 422, body = Problem)))]
pub async fn declare(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Body(b): Body<DeclareBody>,
) -> Answer<(StatusCode, Json<DeclaredView>)> {
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
    let house = &app.desk.house;
    let own = Ref::parse(&i.reference);
    let open = house
        .memory
        .at_the_door(i.service.as_deref(), &i.title, own, &house.catalogue.load());
    let declared = DeclaredView {
        incident: i,
        hints: open.into_iter().map(HintView::from).collect(),
    };
    Ok((StatusCode::CREATED, Json(declared)))
}

/// An incident, by its reference or its Jira key.
#[utoipa::path(get, path = "/incidents/{ref}", params(("ref" = String, Path)), responses((status = 200, body = IncidentView), (status = 404, body = Problem)))]
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    let i = find(&app, &caller, &name).await?;
    let tag = etag(i.version);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    if known.is_some_and(|k| k.split(',').any(|t| t.trim() == tag || t.trim() == "*")) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let view = IncidentView::of(&i, &app.desk.house.process.load());
    Ok(([(header::ETAG, tag)], Json(view)).into_response())
}

fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

/// The version that `If-Match` names; none where it is not there, or says that any will do.
fn if_match(headers: &HeaderMap) -> Answer<Option<u64>> {
    let Some(given) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    let text = given.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')?.parse().ok());
    let how = "If-Match: give the ETag of the incident, unchanged, with its quotation marks.";
    version.map(Some).ok_or_else(|| Problem::bad(how))
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
    let mut wishes = Vec::new();
    if b.public == Some(true) {
        wishes.push(Command::Publish {
            title: String::new(),
            body: b.text.clone(),
            components: vec![],
        });
    }
    wishes.push(Command::Post { text: b.text });
    // Both or neither: where the public cannot be told, nothing is written either.
    let i = submit(&app, &caller, &headers, "", Some(i.reference), Command::of(wishes)).await?;
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

/// Accepts a role that was offered to whoever calls.
#[utoipa::path(post, path = "/incidents/{ref}/roles/{role}/accept", params(("ref" = String, Path), ("role" = String, Path)),
    responses((status = 200, body = IncidentView), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn accept_role(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((name, role)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer<Json<IncidentView>> {
    let i = find(&app, &caller, &name).await?;
    let command = Command::Accept { role };
    Ok(Json(
        submit(&app, &caller, &headers, "", Some(i.reference), command).await?,
    ))
}

/// Refuses a role that was offered to whoever calls, or takes back an offer of theirs.
#[utoipa::path(post, path = "/incidents/{ref}/roles/{role}/refuse", params(("ref" = String, Path), ("role" = String, Path)),
    responses((status = 200, body = IncidentView), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn refuse_role(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((name, role)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer<Json<IncidentView>> {
    let i = find(&app, &caller, &name).await?;
    let command = Command::Refuse { role };
    Ok(Json(
        submit(&app, &caller, &headers, "", Some(i.reference), command).await?,
    ))
}

/// Somebody follows it: IMP tells them in Slack, directly, what is new.
#[utoipa::path(post, path = "/incidents/{ref}/followers", params(("ref" = String, Path)), request_body = MemberBody,
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn follow(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(b): Body<MemberBody>,
) -> Answer<Json<IncidentView>> {
    let i = find(&app, &caller, &name).await?;
    let command = Command::Subscribe { who: who(&b.user) };
    Ok(Json(
        submit(&app, &caller, &headers, "", Some(i.reference), command).await?,
    ))
}

/// Somebody follows it no longer.
#[utoipa::path(delete, path = "/incidents/{ref}/followers/{user}", params(("ref" = String, Path), ("user" = String, Path)),
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn unfollow(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((name, user)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer<Json<IncidentView>> {
    let i = find(&app, &caller, &name).await?;
    let command = Command::Unsubscribe { who: who(&user) };
    Ok(Json(
        submit(&app, &caller, &headers, "", Some(i.reference), command).await?,
    ))
}

/// Answers the process's questions about the impact; the severity follows from them.
#[utoipa::path(post, path = "/incidents/{ref}/impact", params(("ref" = String, Path)), request_body = ImpactBody,
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn rate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(b): Body<ImpactBody>,
) -> Answer<Json<IncidentView>> {
    let i = find(&app, &caller, &name).await?;
    let command = Command::Rate { answers: b.answers };
    Ok(Json(
        submit(&app, &caller, &headers, "", Some(i.reference), command).await?,
    ))
}

/// Opens a private incident without being in it: whoever does is in it from now on, and everybody there sees why.
#[utoipa::path(post, path = "/incidents/{ref}/break-glass", params(("ref" = String, Path)), request_body = GlassBody,
    responses((status = 200, body = IncidentView), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn break_glass(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(b): Body<GlassBody>,
) -> Answer<Json<IncidentView>> {
    let missing = || Problem::not_found("There is no such incident; give its reference (IMP-42).");
    let reference = Ref::parse(&name).ok_or_else(missing)?;
    let command = Command::BreakGlass { why: b.why };
    Ok(Json(
        submit(&app, &caller, &headers, "", Some(reference), command).await?,
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

/// The updates, oldest first.
#[utoipa::path(get, path = "/incidents/{ref}/updates", params(("ref" = String, Path)), responses((status = 200, body = Page<UpdateView>), (status = 404, body = Problem)))]
pub async fn updates(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<Json<Page<UpdateView>>> {
    let i = find(&app, &caller, &name).await?;
    Ok(Json(Page {
        items: i.updates.iter().map(UpdateView::from).collect(),
        next: None,
    }))
}

/// Who holds which role.
#[utoipa::path(get, path = "/incidents/{ref}/roles", params(("ref" = String, Path)), responses((status = 200, body = Page<RoleView>), (status = 404, body = Problem)))]
pub async fn roles(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<Json<Page<RoleView>>> {
    let i = find(&app, &caller, &name).await?;
    let process = app.desk.house.process.load();
    let role = |r: &imp_core::process::Role| RoleView {
        role: r.id.clone(),
        label: r.label.clone(),
        user: i.roles.get(&r.id).map(Into::into),
    };
    Ok(Json(Page {
        items: process.roles.iter().map(role).collect(),
        next: None,
    }))
}

/// Keeps a line on the timeline.
#[utoipa::path(post, path = "/incidents/{ref}/notes", params(("ref" = String, Path)), request_body = TextBody,
    responses((status = 201, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn note(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(b): Body<TextBody>,
) -> Answer<(StatusCode, Json<IncidentView>)> {
    let i = find(&app, &caller, &name).await?;
    let command = Command::Note { text: b.text, ts: None };
    Ok((
        StatusCode::CREATED,
        Json(submit(&app, &caller, &headers, "", Some(i.reference), command).await?),
    ))
}

/// Takes somebody in.
#[utoipa::path(post, path = "/incidents/{ref}/members", params(("ref" = String, Path)), request_body = MemberBody,
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn join(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(b): Body<MemberBody>,
) -> Answer<Json<IncidentView>> {
    let i = find(&app, &caller, &name).await?;
    let command = Command::Join { who: who(&b.user) };
    Ok(Json(
        submit(&app, &caller, &headers, "", Some(i.reference), command).await?,
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
    let (after, most, r) = (cursor(q.cursor.as_deref())?.unwrap_or(0), limit(q.limit)?, i.reference);
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
    let i = found.filter(|i| caller.sees(i)).ok_or_else(|| {
        Problem::not_found(format!(
            "There is no incident {:?} that you can see.",
            imp_core::words::cut(name, 40)
        ))
    })?;
    crate::witness::looked(app, caller, std::iter::once(&i), "opened").await?;
    Ok(i)
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

/// The call's own key, if it has one.
pub(super) fn key(headers: &HeaderMap) -> Answer<Option<&str>> {
    let Some(v) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = v.to_str().ok().map(str::trim);
    key.filter(|k| !k.is_empty() && k.len() <= KEY_MAX)
        .map(Some)
        .ok_or_else(|| Problem::bad(format!("Idempotency-Key: 1 to {KEY_MAX} visible ASCII characters.")))
}

pub(super) async fn wish(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    suffix: &str,
    about: Option<Ref>,
    command: Command,
) -> Answer<Receipt> {
    let id = match key(headers)? {
        None => String::new(),
        Some(key) => format!("rest:{}:{key}{suffix}", caller.name),
    };
    let role = match about {
        Some(r) if !caller.teams.is_empty() => {
            let i = app.desk.incident(r).await?;
            i.map_or(caller.role, |i| caller.role_for(&i))
        }
        _ => caller.role,
    };
    let envelope = Envelope {
        id,
        by: caller.actor.clone(),
        role,
        at: app.desk.clock.now(),
        about,
        command,
    };
    let given = Given {
        origin: caller.origin.clone(),
        version: if_match(headers)?,
        words: None,
    };
    Ok(app.desk.submit_given(envelope, given).await?)
}
