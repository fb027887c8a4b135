//! Service Shaper: the templates, a form of what one asks with everything that would happen below it, and the runs.

use super::{Frame, Visitor, draw, moment, sorry};
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::shaper::{self, Draft, Turn};
use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use imp_core::rights::{Right, allows};
use imp_engine::birth;
use imp_shaper::check::{self, Requirement};
use imp_shaper::library::Listed;
use imp_shaper::publish::run::State as StepState;
use imp_shaper::publish::{Phase, Plan, Run, Step};
use imp_shaper::question;
use imp_shaper::tree::{Entry, Tree};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Runs on the front page.
const RUNS: usize = 20;
/// The longest file that the page shows whole, in bytes; a longer one is cut.
const SHOWN_MAX: usize = 24 * 1024;
/// Files that the page shows; templates with more are looked at with `imp shape new --plan`.
const FILES_MAX: usize = 300;

struct RunLine {
    id: String,
    service: String,
    template: String,
    phase: String,
    by: String,
    since: String,
    since_words: String,
}

#[derive(Template)]
#[template(path = "shaper.html")]
struct Front {
    frame: Frame,
    templates: Vec<Listed>,
    fault: String,
    may: bool,
    runs: Vec<RunLine>,
    requirements: Vec<Requirement>,
}

/// The templates, and what was made of them.
pub async fn show(State(app): State<Arc<App>>, Visitor(caller): Visitor) -> Response {
    let (templates, fault) = match shaper::templates(app.as_ref()).await {
        Ok(all) => (all, String::new()),
        Err(p) => (Vec::new(), p.detail),
    };
    let runs = match app.desk.store.read(|c| birth::all(c, 0, RUNS)).await {
        Ok(all) => all,
        Err(e) => return sorry(&caller, e.into()),
    };
    let line = |b: birth::Birth| RunLine {
        id: b.id,
        service: b.service,
        template: b.template,
        phase: b.phase,
        by: b.by,
        since: b.begun_at.rfc3339(),
        since_words: moment(b.begun_at),
    };
    draw(&Front {
        may: allows(caller.role, Right::Shape),
        frame: Frame::new(&caller, "shaper", ""),
        templates,
        fault,
        runs: runs.into_iter().map(line).collect(),
        requirements: check::requirements(),
    })
}

/// A choice of a question.
struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

/// A question as the form shows it.
struct Field {
    name: String,
    text: String,
    help: String,
    kind: &'static str,
    value: String,
    /// What holds where nobody says otherwise: an answer that is left as it was follows it when it changes.
    default: String,
    choices: Vec<Choice>,
    secret: bool,
    fault: String,
    list: &'static str,
}

struct Group {
    name: String,
    fields: Vec<Field>,
}

struct FileShown {
    path: String,
    bytes: usize,
    text: Option<String>,
    cut: bool,
}

struct Call {
    step: Step,
    body: String,
}

#[derive(Template)]
#[template(path = "shaper_new.html")]
struct New {
    frame: Frame,
    template: String,
    description: String,
    key: String,
    error: String,
    groups: Vec<Group>,
    teams: Vec<(String, String)>,
    plan: Option<Plan>,
    calls: Vec<Call>,
    files: Vec<FileShown>,
    note: String,
    publishes: bool,
}

type Sent = Result<Form<Vec<(String, String)>>, FormRejection>;

/// The form with the defaults.
pub async fn form(State(app): State<Arc<App>>, Visitor(caller): Visitor, Path(template): Path<String>) -> Response {
    match shaper::draft(app.as_ref(), &caller, &template, Map::new(), Vec::new()).await {
        Ok(mut draft) => {
            // Nobody has said anything yet that could be wrong, and nobody has asked what it makes.
            draft.faults.clear();
            draft.ready = None;
            draft.fault = None;
            page(&app, &caller, draft, &Map::new(), key(&app), None).await
        }
        Err(p) => sorry(&caller, p),
    }
}

fn key(app: &App) -> String {
    format!("{}-{}", app.desk.clock.now().0, &crate::secret()[..12])
}

/// What a form says: the answers, and what is to be done.
fn answers(sent: Vec<(String, String)>) -> (Map<String, Value>, String, String) {
    let mut said: Map<String, Value> = Map::new();
    let (mut wanted, mut key) = (String::new(), String::new());
    let mut defaults: Vec<(String, String)> = Vec::new();
    for (name, value) in sent {
        match (name.strip_prefix("a."), name.strip_prefix("m."), name.as_str()) {
            (Some(q), _, _) => drop(said.insert(q.to_owned(), json!(value.replace("\r\n", "\n")))),
            // Of several choices any may be taken; an empty one says that the question was there.
            (_, Some(q), _) => {
                let all = said.entry(q.to_owned()).or_insert_with(|| json!([]));
                if let (Some(all), false) = (all.as_array_mut(), value.is_empty()) {
                    all.push(json!(value));
                }
            }
            (_, _, other) if other.starts_with("d.") => defaults.push((other[2..].to_owned(), value)),
            (_, _, "do") => wanted = value,
            (_, _, "key") => key = imp_core::words::cut(&value, 60),
            _ => {}
        }
    }
    // What was left as it was is no answer: it follows the default, which may hang on another answer.
    for (name, default) in defaults.into_iter().filter(|(_, d)| !d.is_empty()) {
        if said.get(&name).and_then(Value::as_str) == Some(default.as_str()) {
            said.remove(&name);
        }
    }
    (said, wanted, key)
}

/// Shows what the answers make, or makes it.
pub async fn send(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Path(template): Path<String>,
    sent: Sent,
) -> Response {
    let (form, wanted, key) = match sent {
        Ok(Form(all)) => answers(all),
        Err(e) => return sorry(&caller, Problem::bad(e.body_text())),
    };
    if let Err(p) = caller.must(Right::Shape) {
        return sorry(&caller, p);
    }
    let mut draft = match shaper::draft(app.as_ref(), &caller, &template, form.clone(), Vec::new()).await {
        Ok(d) => d,
        Err(p) => return sorry(&caller, p),
    };
    if wanted == "create"
        && let Some(ready) = draft.ready.take()
    {
        let wish = Some(key.clone()).filter(|k| !k.is_empty());
        let wish = wish.map(|k| format!("console:{}:{k}", caller.name));
        return match shaper::begin(app.as_ref(), &caller, ready, wish).await {
            Ok(b) => Redirect::to(&format!("/shaper/runs/{}", b.id)).into_response(),
            Err(p) => page(&app, &caller, draft, &form, key, Some(p)).await,
        };
    }
    page(&app, &caller, draft, &form, key, None).await
}

async fn page(
    app: &App,
    caller: &Caller,
    draft: Draft,
    form: &Map<String, Value>,
    key: String,
    tried: Option<Problem>,
) -> Response {
    let wrong = tried.is_some() || draft.fault.is_some() || !draft.faults.is_empty();
    let code = match (&tried, wrong) {
        (Some(p), _) => StatusCode::from_u16(p.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY),
        (None, true) => StatusCode::UNPROCESSABLE_ENTITY,
        (None, false) => StatusCode::OK,
    };
    let error = match (tried, &draft.fault, draft.faults.is_empty()) {
        (Some(p), _, _) => p.detail,
        (None, Some(fault), _) => fault.clone(),
        (None, None, false) => "Some answers do not fit; what is wrong stands beside each.".to_owned(),
        (None, None, true) => String::new(),
    };
    let all = shaper::templates(app).await.unwrap_or_default();
    let description = all
        .into_iter()
        .find(|t| t.name == draft.template)
        .map(|t| t.description);
    let catalogue = app.desk.house.catalogue.load();
    let (plan, files, note) = match draft.ready {
        Some(r) => (Some(r.plan), shown(&r.tree), r.note.unwrap_or_default()),
        None => (None, Vec::new(), String::new()),
    };
    let calls = plan.iter().flat_map(|p| p.steps.clone()).map(|step| Call {
        body: match step.call.body.is_null() {
            true => String::new(),
            false => format!("{:#}", step.call.body),
        },
        step,
    });
    let page = New {
        frame: Frame::new(caller, "shaper", ""),
        groups: groups(&draft.asked, &draft.faults, form),
        template: draft.template,
        description: description.unwrap_or_default(),
        key,
        error,
        teams: catalogue
            .teams
            .iter()
            .map(|t| (t.alias.clone(), t.name.clone()))
            .collect(),
        calls: calls.collect(),
        plan,
        files,
        note,
        publishes: app.shaper.connected.git.is_some(),
    };
    (code, draw(&page)).into_response()
}

/// The questions by group, in the order in which they are asked.
fn groups(
    asked: &[question::Question],
    faults: &std::collections::BTreeMap<String, String>,
    form: &Map<String, Value>,
) -> Vec<Group> {
    let mut out: Vec<Group> = Vec::new();
    for q in asked {
        let field = field(q, faults.get(&q.name), form.get(&q.name));
        match out.iter_mut().find(|g| g.name == q.group) {
            Some(g) => g.fields.push(field),
            None => out.push(Group {
                name: q.group.clone(),
                fields: vec![field],
            }),
        }
    }
    out
}

fn field(q: &question::Question, fault: Option<&String>, said: Option<&Value>) -> Field {
    let word = |v: &Value| match v {
        Value::String(s) => s.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let now = said.or(q.default.as_ref());
    let choices = |all: &[(String, Value)]| {
        let chosen = |v: &Value| match now {
            Some(Value::Array(some)) => some.iter().any(|s| word(s) == word(v)),
            Some(one) => word(one) == word(v),
            None => false,
        };
        let all = all.iter().map(|(label, v)| Choice {
            value: word(v),
            label: label.clone(),
            chosen: chosen(v),
        });
        all.collect()
    };
    let yes = matches!(now.map(word).as_deref(), Some("true" | "yes" | "y" | "1" | "True"));
    let flag = || {
        [("yes", true), ("no", false)].map(|(label, v)| Choice {
            value: v.to_string(),
            label: label.to_owned(),
            chosen: v == yes,
        })
    };
    let (kind, choices) = match &q.form {
        question::Form::Text => ("text", Vec::new()),
        question::Form::Number => ("number", Vec::new()),
        question::Form::Data => ("data", Vec::new()),
        question::Form::Flag => ("one", Vec::from(flag())),
        question::Form::One(all) => ("one", choices(all)),
        question::Form::Some(all) => ("some", choices(all)),
    };
    Field {
        name: q.name.clone(),
        text: q.text.clone(),
        help: q.help.clone(),
        kind,
        value: now.map(word).unwrap_or_default(),
        default: q.default.as_ref().map(word).unwrap_or_default(),
        choices,
        secret: q.secret,
        fault: fault.cloned().unwrap_or_default(),
        list: match q.name.as_str() {
            "team" | "owner" => "teams",
            _ => "",
        },
    }
}

fn shown(tree: &Tree) -> Vec<FileShown> {
    let all = tree.files().take(FILES_MAX).map(|path| {
        let bytes = tree.bytes(path).unwrap_or_default();
        let text = match tree.get(path) {
            Some(Entry::Link(to)) => Some(format!("a link to {to}")),
            _ => std::str::from_utf8(bytes)
                .ok()
                .map(|t| t.chars().take(SHOWN_MAX).collect::<String>()),
        };
        FileShown {
            path: path.to_owned(),
            bytes: bytes.len(),
            cut: text.as_ref().is_some_and(|t| t.len() < bytes.len()),
            text,
        }
    });
    all.collect()
}

struct Progress {
    title: String,
    state: &'static str,
    words: &'static str,
    why: String,
}

#[derive(Template)]
#[template(path = "shaper_run.html")]
struct Watch {
    frame: Frame,
    run: Run,
    phase: &'static str,
    open: bool,
    steps: Vec<Progress>,
    done: usize,
    commit: String,
    repository: String,
    catalogue: String,
    incident: String,
    asked: String,
    since: String,
    since_words: String,
    may: bool,
    left: bool,
    error: String,
}

/// How far a run is.
pub async fn run(State(app): State<Arc<App>>, Visitor(caller): Visitor, Path(id): Path<String>) -> Response {
    match shaper::find(app.as_ref(), &id).await {
        Ok((_, run)) => watch(&caller, run, None),
        Err(p) => sorry(&caller, p),
    }
}

fn watch(caller: &Caller, run: Run, tried: Option<Problem>) -> Response {
    let at = imp_core::At(run.begun_ms);
    let get = |k: &str| run.learnt.get(k).cloned().unwrap_or_default();
    let steps = run.plan.steps.iter().zip(&run.progress).map(|(s, p)| Progress {
        title: s.title.clone(),
        state: p.state.word(),
        words: match p.state {
            StepState::Waiting => "to come",
            StepState::Trying if p.tries > 0 => "trying again",
            StepState::Trying => "under way",
            StepState::Done => "done",
            StepState::Left => "for you to do",
            StepState::Undone => "taken back",
        },
        why: p.why.clone().unwrap_or_default(),
    });
    let code = tried.as_ref().map_or(StatusCode::OK, |p| {
        StatusCode::from_u16(p.status).unwrap_or(StatusCode::CONFLICT)
    });
    let page = Watch {
        frame: Frame::new(caller, "shaper", ""),
        phase: match run.phase {
            Phase::Going => "It is being made.",
            Phase::Done => "It is there.",
            Phase::Failed => "It stopped on the way.",
            Phase::Undoing => "It is being taken back.",
            Phase::Undone => "It was taken back.",
        },
        open: run.phase.is_open(),
        commit: run.commit.chars().take(10).collect(),
        done: run.progress.iter().filter(|p| p.state == StepState::Done).count(),
        steps: steps.collect(),
        repository: get("repository_url"),
        catalogue: get("opslevel_url"),
        incident: get("incident"),
        asked: get("asked"),
        since: at.rfc3339(),
        since_words: moment(at),
        may: allows(caller.role, Right::Shape),
        left: !run.left().is_empty() || run.phase == Phase::Failed,
        error: tried.map(|p| p.detail).unwrap_or_default(),
        run,
    };
    // Without scripts, too, the page follows: it is loaded again while there is something to see.
    let mut response = (code, draw(&page)).into_response();
    if page.open {
        response
            .headers_mut()
            .insert("refresh", axum::http::HeaderValue::from_static("2"));
    }
    response
}

/// Has a run go on, or has it taken back.
pub async fn turn(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Path((id, deed)): Path<(String, String)>,
) -> Response {
    let way = match deed.as_str() {
        "retry" => Turn::Retry,
        "undo" => Turn::Undo,
        _ => return sorry(&caller, Problem::not_found("There is no such button.")),
    };
    match shaper::turn(app.as_ref(), &caller, &id, way).await {
        Ok(_) => Redirect::to(&format!("/shaper/runs/{id}")).into_response(),
        Err(p) => match shaper::find(app.as_ref(), &id).await {
            Ok((_, run)) => watch(&caller, run, Some(p)),
            Err(p) => sorry(&caller, p),
        },
    }
}
