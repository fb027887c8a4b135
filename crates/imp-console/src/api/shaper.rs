//! Service Shaper: templates, plans, and the runs that make new services.

use super::body::Body;
use super::call::{Answer, Asked, PageQuery, cursor, limit, query, wish_id};
use super::shapes::Page;
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::shaper::{self, Turn};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use imp_core::rights::Right;
use imp_engine::birth;
use imp_shaper::publish::{Plan, Run};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use utoipa::ToSchema;

/// A template.
#[derive(Debug, Serialize, ToSchema)]
pub struct TemplateView {
    /// By which it is called.
    pub name: String,
    /// What it makes.
    pub description: String,
    /// `imp`, `cookiecutter` or `copier`.
    pub format: String,
    /// Its version, where it has one.
    pub version: Option<String>,
    /// Where it comes from.
    pub from: String,
}

/// What a template asks.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuestionsView {
    /// The template.
    pub template: String,
    /// Its questions as they come with the defaults, in order: `name`, `text`, `help`, `kind` (`text`, `flag`, `number`,
    /// `one`, `some`, `data`), `choices`, `default`, `secret`, `group`.
    pub questions: Vec<Value>,
}

/// A service that is wished for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShapeBody {
    /// The template's name.
    pub template: String,
    /// Answers by the question's name; the defaults hold for the rest.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub answers: Map<String, Value>,
    /// Steps that are left out, by name or its beginning: `slack`, `imp.alert`.
    #[serde(default)]
    pub without: Vec<String>,
}

/// A file of a plan.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileView {
    /// Its path.
    pub path: String,
    /// Its size in bytes.
    pub bytes: usize,
}

/// A call of a plan.
#[derive(Debug, Serialize, ToSchema)]
pub struct StepView {
    /// Its name.
    pub id: String,
    /// What it does.
    pub title: String,
    /// Who is called: `git`, `opslevel`, `slack`, `jira`, `imp`.
    pub vendor: String,
    /// HTTP's method; `PUSH` for Git.
    pub method: String,
    /// The path, the mutation or the method of the vendor.
    pub path: String,
    /// What it says; `{"$learnt": …}` stands for what an earlier answer tells.
    pub body: Value,
}

/// Everything that would happen.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlanView {
    /// The service.
    pub service: String,
    /// The template.
    pub template: String,
    /// Its version.
    pub version: Option<String>,
    /// Every file.
    pub files: Vec<FileView>,
    /// Every call, in order.
    pub steps: Vec<StepView>,
    /// What is not done, and why.
    pub left_out: Vec<String>,
    /// Requirements that hold.
    pub passed: usize,
    /// Requirements that do not.
    pub failed: Vec<String>,
}

impl From<Plan> for PlanView {
    fn from(p: Plan) -> PlanView {
        let step = |s: imp_shaper::publish::Step| StepView {
            id: s.id,
            title: s.title,
            vendor: serde_json::to_value(s.call.vendor)
                .ok()
                .and_then(|v| v.as_str().map(str::to_owned))
                .unwrap_or_default(),
            method: s.call.method,
            path: s.call.path,
            body: s.call.body,
        };
        PlanView {
            service: p.service,
            template: p.template,
            version: p.version,
            files: p
                .files
                .into_iter()
                .map(|f| FileView {
                    path: f.path,
                    bytes: f.bytes,
                })
                .collect(),
            steps: p.steps.into_iter().map(step).collect(),
            left_out: p.left_out,
            passed: p.passed,
            failed: p.failed,
        }
    }
}

/// How far a step is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProgressView {
    /// Its name.
    pub id: String,
    /// What it does.
    pub title: String,
    /// `waiting`, `trying`, `done`, `left` (a person may do it), `undone`.
    pub state: String,
    /// How often it was tried without success.
    pub tries: u32,
    /// What went wrong last.
    pub why: Option<String>,
}

/// A service being made.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunView {
    /// The run's name.
    pub id: String,
    /// The service.
    pub service: String,
    /// Its template.
    pub template: String,
    /// The template's version.
    pub version: Option<String>,
    /// Who asked for it.
    pub by: String,
    /// `going`, `done`, `failed`, `undoing`, `undone`.
    pub phase: String,
    /// Why it stopped.
    pub why: Option<String>,
    /// When it began (RFC 3339).
    pub begun_at: String,
    /// The first commit.
    pub commit: String,
    /// Its steps, in order.
    pub steps: Vec<ProgressView>,
    /// What a person still has to do.
    pub left: Vec<String>,
    /// The repository's address, once it is there.
    pub repository: Option<String>,
    /// The incident that its test alert opened.
    pub incident: Option<String>,
}

impl From<&Run> for RunView {
    fn from(r: &Run) -> RunView {
        let steps = r.plan.steps.iter().zip(&r.progress).map(|(s, p)| ProgressView {
            id: s.id.clone(),
            title: s.title.clone(),
            state: p.state.word().to_owned(),
            tries: p.tries,
            why: p.why.clone(),
        });
        RunView {
            id: r.plan.id.clone(),
            service: r.plan.service.clone(),
            template: r.plan.template.clone(),
            version: r.plan.version.clone(),
            by: r.by.clone(),
            phase: r.phase.word().to_owned(),
            why: r.why.clone(),
            begun_at: imp_core::At(r.begun_ms).rfc3339(),
            commit: r.commit.clone(),
            steps: steps.collect(),
            left: r.left(),
            repository: r.learnt.get("repository_url").cloned(),
            incident: r.learnt.get("incident").cloned(),
        }
    }
}

/// The templates that can be had by name.
#[utoipa::path(get, path = "/shaper/templates", responses((status = 200, body = Page<TemplateView>), (status = 422, body = Problem)))]
pub async fn templates(State(app): State<Arc<App>>, _: Caller) -> Answer<Json<Page<TemplateView>>> {
    let all = shaper::templates(app.as_ref())
        .await?
        .into_iter()
        .map(|t| TemplateView {
            name: t.name,
            description: t.description,
            format: t.format,
            version: t.version,
            from: t.from,
        });
    Ok(Json(Page {
        items: all.collect(),
        next: None,
    }))
}

/// What a template asks.
#[utoipa::path(get, path = "/shaper/templates/{name}", params(("name" = String, Path)),
    responses((status = 200, body = QuestionsView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn questions(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer<Json<QuestionsView>> {
    let draft = shaper::draft(app.as_ref(), &caller, &name, Map::new(), Vec::new()).await?;
    Ok(Json(QuestionsView {
        template: draft.template,
        questions: draft
            .asked
            .iter()
            .map(imp_shaper::question::Question::to_json)
            .collect(),
    }))
}

async fn tried(app: &App, caller: &Caller, body: ShapeBody) -> Result<shaper::Ready, Problem> {
    let names: Vec<String> = body.answers.keys().cloned().collect();
    let mut draft = shaper::draft(app, caller, &body.template, body.answers, body.without).await?;
    for name in names.iter().filter(|n| draft.asked.iter().all(|q| q.name != **n)) {
        draft.ready = None;
        draft.faults.insert(
            name.clone(),
            "the template does not ask this, or not with these answers".into(),
        );
    }
    draft.ready()
}

/// Everything that making a service would do. Nothing is done.
#[utoipa::path(post, path = "/shaper/plans", request_body = ShapeBody,
    responses((status = 200, body = PlanView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn plan(State(app): State<Arc<App>>, caller: Caller, Body(body): Body<ShapeBody>) -> Answer<Json<PlanView>> {
    caller.must(Right::Shape)?;
    Ok(Json(tried(app.as_ref(), &caller, body).await?.plan.into()))
}

/// Makes a service. The answer is the run; ask for it again to see how far it is.
#[utoipa::path(post, path = "/shaper/runs", request_body = ShapeBody,
    responses((status = 202, body = RunView), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<ShapeBody>,
) -> Answer<(StatusCode, Json<RunView>)> {
    caller.must(Right::Shape)?;
    let wish = wish_id(&caller, &headers)?;
    let ready = tried(app.as_ref(), &caller, body).await?;
    let wanted = (ready.plan.service.clone(), ready.plan.template.clone());
    let b = shaper::begin(app.as_ref(), &caller, ready, wish).await?;
    if (b.service.clone(), b.template.clone()) != wanted {
        let detail = "This Idempotency-Key was used for another service.";
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "key-reused",
            "The Idempotency-Key was used for another call",
            detail,
        ));
    }
    Ok((StatusCode::ACCEPTED, Json(RunView::from(&shaper::read(&b)?))))
}

/// Services that were made, the newest first.
#[utoipa::path(get, path = "/shaper/runs", params(PageQuery), responses((status = 200, body = Page<RunView>), (status = 400, body = Problem)))]
pub async fn runs(State(app): State<Arc<App>>, _: Caller, q: Asked<PageQuery>) -> Answer<Json<Page<RunView>>> {
    let q = query(q)?;
    let (skip, most) = (cursor(q.cursor.as_deref())?.unwrap_or(0), limit(q.limit)?);
    let skip = skip.min(u64::from(u32::MAX));
    let found = app.desk.store.read(move |c| birth::all(c, skip, most)).await?;
    let next = (found.len() == most).then(|| (skip + most as u64).to_string());
    let items = found
        .iter()
        .filter_map(|b| shaper::read(b).ok())
        .map(|r| RunView::from(&r));
    Ok(Json(Page {
        items: items.collect(),
        next,
    }))
}

/// A run: how far it is.
#[utoipa::path(get, path = "/shaper/runs/{id}", params(("id" = String, Path)), responses((status = 200, body = RunView), (status = 404, body = Problem)))]
pub async fn run(State(app): State<Arc<App>>, _: Caller, Path(id): Path<String>) -> Answer<Json<RunView>> {
    Ok(Json(RunView::from(&shaper::find(app.as_ref(), &id).await?.1)))
}

/// Tries again what stopped, and what a vendor refused.
#[utoipa::path(post, path = "/shaper/runs/{id}/retry", params(("id" = String, Path)),
    responses((status = 202, body = RunView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<(StatusCode, Json<RunView>)> {
    let run = shaper::turn(app.as_ref(), &caller, &id, Turn::Retry).await?;
    Ok((StatusCode::ACCEPTED, Json(RunView::from(&run))))
}

/// Takes back what a run has made.
#[utoipa::path(post, path = "/shaper/runs/{id}/undo", params(("id" = String, Path)),
    responses((status = 202, body = RunView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn undo(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<(StatusCode, Json<RunView>)> {
    let run = shaper::turn(app.as_ref(), &caller, &id, Turn::Undo).await?;
    Ok((StatusCode::ACCEPTED, Json(RunView::from(&run))))
}
