//! Incidents: declared, shown, moved, told about.

use super::body::Body;
use super::call::{About, Answer, Asked, PageQuery, cursor, granted, limit, page, query, tag_of, wish, wish_unseen};
use super::shapes::{
    AlertView, Choice, DeclareBody, DeclaredView, EditBody, FollowUpBody, FollowUpView, GlassBody, HintView,
    ImpactBody, IncidentView, MemberBody, MomentView, MoveBody, Page, PublicBody, RoleBody, RoleView, SettleBody,
    TaskBody, TaskView, TextBody, UpdateBody, UpdateView, who,
};
use crate::App;
use crate::caller::Caller;
use crate::filters::{self, understand};
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imp_core::rights::Right;
use imp_core::{Command, Ref};
use imp_engine::read;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::IntoParams;

/// Facts that the document of a review tells: far more than an incident has, and little enough to hold at once.
const TOLD: usize = 10_000;

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

/// Incidents, newest first.
#[utoipa::path(get, path = "/incidents", params(ListQuery), responses((status = 200, body = Page<IncidentView>), (status = 400, body = Problem)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    q: Asked<ListQuery>,
) -> Answer<Json<Page<IncidentView>>> {
    let q = query(q)?;
    let before = cursor(q.cursor.as_deref())?;
    let most = limit(q.limit)?;
    let word = |w: Option<String>| w.unwrap_or_default();
    let asked = filters::Asked {
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
    let house = &app.desk.house;
    let seen = crate::witness::shown(&app, &caller, &found, "listed").await?;
    Ok(Json(Page {
        items: seen
            .into_iter()
            .map(|i| IncidentView::of(i, &house.process_of(i)))
            .collect(),
        next,
    }))
}

/// Declares an incident. Its reference is known at once; `hints` names what is open and may be the same.
#[utoipa::path(post, path = "/incidents", request_body = DeclareBody, responses((status = 201, body = DeclaredView), (status = 422, body = Problem)))]
pub async fn declare(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Body(b): Body<DeclareBody>,
) -> Answer<Response> {
    let command = Command::Declare {
        title: b.title,
        summary: b.summary.unwrap_or_default(),
        severity: b.severity,
        service: b.service,
        team: b.team,
        private: b.private.unwrap_or(false),
        members: b.members.iter().map(|m| who(m)).collect(),
        impact: b.impact,
    };
    let receipt = wish(&app, &caller, &headers, None, command).await?;
    let i = granted(&receipt)?;
    let house = &app.desk.house;
    let service = i.service.as_ref().map(|s| s.alias.as_str());
    let open = house
        .memory
        .at_the_door(service, &i.title, Some(i.reference), &house.catalogue.load());
    let declared = DeclaredView {
        incident: IncidentView::of(i, &house.process_of(i)),
        hints: open.into_iter().map(HintView::from).collect(),
    };
    let place = [(header::LOCATION, format!("/api/v1/incidents/{}", i.reference))];
    Ok((StatusCode::CREATED, tag_of(i), place, Json(declared)).into_response())
}

/// An incident, by its reference or its Jira key.
#[utoipa::path(get, path = "/incidents/{ref}", params(("ref" = String, Path)), responses((status = 200, body = IncidentView), (status = 404, body = Problem)))]
pub async fn show(about: About) -> Response {
    about.shown()
}

/// Changes what an incident says of itself.
#[utoipa::path(patch, path = "/incidents/{ref}", params(("ref" = String, Path)), request_body = EditBody,
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn edit(about: About, Body(b): Body<EditBody>) -> Answer<Response> {
    let command = Command::Edit {
        title: b.title,
        summary: b.summary,
        severity: b.severity,
        service: b.service,
    };
    about.change(command).await
}

/// Moves an incident to another status.
#[utoipa::path(post, path = "/incidents/{ref}/transitions", params(("ref" = String, Path)), request_body = MoveBody,
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn transition(about: About, Body(b): Body<MoveBody>) -> Answer<Response> {
    let fields = texts(b.fields);
    about.change(Command::Move { to: b.to, fields }).await
}

/// Settles what Jira and the incident do not agree on: the incident follows Jira, or Jira follows the incident.
#[utoipa::path(post, path = "/incidents/{ref}/conflict", params(("ref" = String, Path)), request_body = SettleBody,
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn settle(about: About, Body(b): Body<SettleBody>) -> Answer<Response> {
    let follow = b.choose == Choice::Follow;
    let fields = texts(b.fields);
    about.change(Command::Settle { follow, fields }).await
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

/// The updates, oldest first.
#[utoipa::path(get, path = "/incidents/{ref}/updates", params(("ref" = String, Path), PageQuery), responses((status = 200, body = Page<UpdateView>), (status = 404, body = Problem)))]
pub async fn updates(about: About, q: Asked<PageQuery>) -> Answer<Json<Page<UpdateView>>> {
    page(about.i.updates.iter().map(UpdateView::from).collect(), q)
}

/// Writes an update; with `public`, it also goes to the status page.
#[utoipa::path(post, path = "/incidents/{ref}/updates", params(("ref" = String, Path)), request_body = UpdateBody,
    responses((status = 201, body = IncidentView), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn update(about: About, Body(b): Body<UpdateBody>) -> Answer<Response> {
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
    about.add(Command::of(wishes)).await
}

/// Tells the public on the status page: under which title, and which of its components are affected.
#[utoipa::path(post, path = "/incidents/{ref}/statuspage", params(("ref" = String, Path)), request_body = PublicBody,
    responses((status = 201, body = IncidentView), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn publish(about: About, Body(b): Body<PublicBody>) -> Answer<Response> {
    about.may(Right::Publish)?;
    crate::public::known(about.app(), &about.i, &b.components).await?;
    let command = Command::Publish {
        title: b.title.unwrap_or_default(),
        body: b.text,
        components: b.components,
    };
    about.add(command).await
}

/// The tasks.
#[utoipa::path(get, path = "/incidents/{ref}/tasks", params(("ref" = String, Path), PageQuery), responses((status = 200, body = Page<TaskView>), (status = 404, body = Problem)))]
pub async fn tasks(about: About, q: Asked<PageQuery>) -> Answer<Json<Page<TaskView>>> {
    page(about.view().tasks, q)
}

/// Adds a task.
#[utoipa::path(post, path = "/incidents/{ref}/tasks", params(("ref" = String, Path)), request_body = TaskBody,
    responses((status = 201, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn add_task(about: About, Body(b): Body<TaskBody>) -> Answer<Response> {
    let assignee = b.assignee.as_deref().map(who);
    about.add(Command::AddTask { text: b.text, assignee }).await
}

/// A number in an address.
fn number(what: &str, text: &str) -> Answer<u32> {
    text.parse()
        .map_err(|_| Problem::bad(format!("The {what}'s number is a number.")))
}

/// A task is done.
#[utoipa::path(post, path = "/incidents/{ref}/tasks/{n}/done", params(("ref" = String, Path), ("n" = u32, Path)),
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn finish_task(about: About, Path((_, n)): Path<(String, String)>) -> Answer<Response> {
    let n = number("task", &n)?;
    about.change(Command::FinishTask { n }).await
}

/// Who holds which role.
#[utoipa::path(get, path = "/incidents/{ref}/roles", params(("ref" = String, Path), PageQuery), responses((status = 200, body = Page<RoleView>), (status = 404, body = Problem)))]
pub async fn roles(about: About, q: Asked<PageQuery>) -> Answer<Json<Page<RoleView>>> {
    let process = about.app().desk.house.process_of(&about.i);
    let role = |r: &imp_core::process::Role| RoleView {
        role: r.id.clone(),
        label: r.label.clone(),
        user: about.i.roles.get(&r.id).map(Into::into),
    };
    page(process.roles.iter().map(role).collect(), q)
}

/// Gives somebody a role.
#[utoipa::path(post, path = "/incidents/{ref}/roles", params(("ref" = String, Path)), request_body = RoleBody,
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn assign(about: About, Body(b): Body<RoleBody>) -> Answer<Response> {
    let who = who(&b.user);
    about.change(Command::Assign { role: b.role, who }).await
}

/// Accepts a role that was offered to whoever calls.
#[utoipa::path(post, path = "/incidents/{ref}/roles/{role}/accept", params(("ref" = String, Path), ("role" = String, Path)),
    responses((status = 200, body = IncidentView), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn accept_role(about: About, Path((_, role)): Path<(String, String)>) -> Answer<Response> {
    about.change(Command::Accept { role }).await
}

/// Refuses a role that was offered to whoever calls, or takes back an offer of theirs.
#[utoipa::path(post, path = "/incidents/{ref}/roles/{role}/refuse", params(("ref" = String, Path), ("role" = String, Path)),
    responses((status = 200, body = IncidentView), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn refuse_role(about: About, Path((_, role)): Path<(String, String)>) -> Answer<Response> {
    about.change(Command::Refuse { role }).await
}

/// Takes somebody in.
#[utoipa::path(post, path = "/incidents/{ref}/members", params(("ref" = String, Path)), request_body = MemberBody,
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn join(about: About, Body(b): Body<MemberBody>) -> Answer<Response> {
    about.change(Command::Join { who: who(&b.user) }).await
}

/// Somebody follows it: IMP tells them in Slack, directly, what is new.
#[utoipa::path(post, path = "/incidents/{ref}/followers", params(("ref" = String, Path)), request_body = MemberBody,
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn follow(about: About, Body(b): Body<MemberBody>) -> Answer<Response> {
    about.change(Command::Subscribe { who: who(&b.user) }).await
}

/// Somebody follows it no longer.
#[utoipa::path(delete, path = "/incidents/{ref}/followers/{user}", params(("ref" = String, Path), ("user" = String, Path)),
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn unfollow(about: About, Path((_, user)): Path<(String, String)>) -> Answer<Response> {
    about.change(Command::Unsubscribe { who: who(&user) }).await
}

/// Answers the process's questions about the impact; the severity follows from them.
#[utoipa::path(post, path = "/incidents/{ref}/impact", params(("ref" = String, Path)), request_body = ImpactBody,
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn rate(about: About, Body(b): Body<ImpactBody>) -> Answer<Response> {
    about.change(Command::Rate { answers: b.answers }).await
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
) -> Answer<Response> {
    let missing = || Problem::not_found("There is no such incident; give its reference (IMP-42).");
    let reference = Ref::parse(&name).ok_or_else(missing)?;
    let command = Command::BreakGlass { why: b.why };
    let receipt = wish_unseen(&app, &caller, &headers, reference, command).await?;
    let i = granted(&receipt)?;
    Ok((tag_of(i), Json(IncidentView::of(i, &app.desk.house.process_of(i)))).into_response())
}

/// The follow-ups.
#[utoipa::path(get, path = "/incidents/{ref}/follow-ups", params(("ref" = String, Path), PageQuery), responses((status = 200, body = Page<FollowUpView>), (status = 404, body = Problem)))]
pub async fn follow_ups(about: About, q: Asked<PageQuery>) -> Answer<Json<Page<FollowUpView>>> {
    page(about.view().follow_ups, q)
}

/// Adds a follow-up.
#[utoipa::path(post, path = "/incidents/{ref}/follow-ups", params(("ref" = String, Path)), request_body = FollowUpBody,
    responses((status = 201, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn add_follow_up(about: About, Body(b): Body<FollowUpBody>) -> Answer<Response> {
    let command = Command::AddFollowUp {
        text: b.text,
        owner: b.owner.as_deref().map(who),
        due: b.due,
    };
    about.add(command).await
}

/// A follow-up is done.
#[utoipa::path(post, path = "/incidents/{ref}/follow-ups/{n}/done", params(("ref" = String, Path), ("n" = u32, Path)),
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn finish_follow_up(about: About, Path((_, n)): Path<(String, String)>) -> Answer<Response> {
    let n = number("follow-up", &n)?;
    about.change(Command::FinishFollowUp { n }).await
}

/// The review as a document in Markdown, with what is known, the follow-ups and what happened. Before it is written it is
/// the draft, and says so.
#[utoipa::path(get, path = "/incidents/{ref}/review", params(("ref" = String, Path)),
    responses((status = 200, body = String, content_type = "text/markdown"), (status = 404, body = Problem)))]
pub async fn review(about: About) -> Answer<Response> {
    let (app, r) = (about.app(), about.i.reference);
    let facts = app.desk.store.read(move |c| read::journal(c, r, 0, TOLD)).await?;
    let text = imp_core::review::markdown(&about.i, &facts, &app.desk.house.process_of(&about.i));
    let name = format!("attachment; filename=\"{r}-review.md\"");
    let headers = [
        (header::CONTENT_TYPE, "text/markdown; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, text).into_response())
}

/// Writes the review.
#[utoipa::path(post, path = "/incidents/{ref}/review", params(("ref" = String, Path)), request_body = TextBody,
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn write_review(about: About, Body(b): Body<TextBody>) -> Answer<Response> {
    about.change(Command::WriteReview { text: b.text }).await
}

/// Keeps a line on the timeline.
#[utoipa::path(post, path = "/incidents/{ref}/notes", params(("ref" = String, Path)), request_body = TextBody,
    responses((status = 201, body = IncidentView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn note(about: About, Body(b): Body<TextBody>) -> Answer<Response> {
    about.add(Command::Note { text: b.text, ts: None }).await
}

/// What happened, oldest first.
#[utoipa::path(get, path = "/incidents/{ref}/timeline", params(("ref" = String, Path), PageQuery), responses((status = 200, body = Page<MomentView>), (status = 404, body = Problem)))]
pub async fn timeline(about: About, q: Asked<PageQuery>) -> Answer<Json<Page<MomentView>>> {
    let q = query(q)?;
    let (app, r) = (about.app(), about.i.reference);
    let (after, most) = (cursor(q.cursor.as_deref())?.unwrap_or(0), limit(q.limit)?);
    let facts = app.desk.store.read(move |c| read::journal(c, r, after, most)).await?;
    let next = (facts.len() == most)
        .then(|| facts.last().map(|f| f.n.to_string()))
        .flatten();
    let process = app.desk.house.process_of(&about.i);
    Ok(Json(Page {
        items: facts.iter().filter_map(|f| MomentView::of(f, &process)).collect(),
        next,
    }))
}

/// Its groups of alerts.
#[utoipa::path(get, path = "/incidents/{ref}/alerts", params(("ref" = String, Path), PageQuery), responses((status = 200, body = Page<AlertView>), (status = 404, body = Problem)))]
pub async fn alerts(about: About, q: Asked<PageQuery>) -> Answer<Json<Page<AlertView>>> {
    page(about.view().alerts, q)
}
