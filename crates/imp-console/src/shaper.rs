//! Service Shaper as the console and the API use it: templates by name, answers tried out, runs begun, retried and taken
//! back. Whoever speaks to the vendors finds the runs in the store.

use crate::App;
use crate::caller::Caller;
use crate::problem::{FieldProblem, Problem};
use axum::http::StatusCode;
use imp_core::At;
use imp_core::rights::Right;
use imp_engine::Desk;
use imp_engine::audit;
use imp_engine::birth::{self, Birth};
use imp_shaper::fault::Fault;
use imp_shaper::jinja::World;
use imp_shaper::library::{self, Listed};
use imp_shaper::made::Made;
use imp_shaper::publish::plan::{commit_message, plan};
use imp_shaper::publish::{Connected, Facts, Phase, Plan, Run};
use imp_shaper::question::{Given, Listener, Question};
use imp_shaper::render::{self, Wish};
use imp_shaper::shape;
use imp_shaper::source::{Format, Library};
use imp_shaper::tree::Tree;
use imp_shaper::{git, jinja};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// For how long the list of templates is believed: places in Git are asked anew after it.
const LISTED_MS: i64 = 60_000;
/// The largest service that is made here; larger ones are made on the command line. They are kept in the store.
const PACKED_MAX: usize = 16 << 20;

/// What there is to make services of, and where to.
#[derive(Debug, Default)]
pub struct Workshop {
    /// Where templates are.
    pub library: Library,
    /// What a service is published to.
    pub connected: Connected,
    /// Answers that are known, such as the organisation.
    pub known: Map<String, Value>,
    /// Woken when there is a run to work on.
    pub work: Arc<Notify>,
    /// The templates as last listed, and when.
    pub listed: Mutex<Option<(At, Vec<Listed>)>>,
}

/// A place from which services are made: the console with its API, and Slack's door.
pub trait Room: Sync {
    /// What there is to make them of.
    fn shop(&self) -> &Workshop;
    /// Where it is written down.
    fn desk(&self) -> &Desk;
}

impl Room for App {
    fn shop(&self) -> &Workshop {
        &self.shaper
    }

    fn desk(&self) -> &Desk {
        &self.desk
    }
}

/// A template with somebody's answers.
#[derive(Debug)]
pub struct Draft {
    /// The template's name.
    pub template: String,
    /// What it asks with these answers.
    pub asked: Vec<Question>,
    /// Why an answer does not fit, by question.
    pub faults: BTreeMap<String, String>,
    /// What is made of the answers, where all of them fit.
    pub ready: Option<Ready>,
    /// Why nothing is, where it is no answer's fault.
    pub fault: Option<String>,
}

/// What would be made.
#[derive(Debug)]
pub struct Ready {
    /// The files.
    pub tree: Tree,
    /// Everything that will happen.
    pub plan: Plan,
    /// What is not run, for want of trust.
    pub note: Option<String>,
}

fn problem(fault: Fault) -> Problem {
    match fault {
        Fault::Wrong(text) => Problem::not_found(text),
        Fault::Failed(text) => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "template",
            "The template does not work",
            text,
        ),
    }
}

async fn blocking<T: Send + 'static>(f: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(f).await {
        Ok(done) => done.map_err(problem),
        Err(e) => {
            tracing::error!(error = %e, "a template could not be made");
            let detail = "The template could not be made; IMP's operators see why in the log.";
            Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "template",
                "The template does not work",
                detail,
            ))
        }
    }
}

/// The templates that can be had by name.
///
/// # Errors
/// Where a place of templates cannot be read.
pub async fn templates(app: &impl Room) -> Result<Vec<Listed>, Problem> {
    let now = app.desk().clock.now();
    let known = app.shop().listed.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((at, all)) = known.filter(|(at, _)| now.since(*at) < LISTED_MS) {
        let _ = at;
        return Ok(all);
    }
    let library = app.shop().library.clone();
    let all = blocking(move || library::list(&library)).await?;
    *app.shop().listed.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, all.clone()));
    Ok(all)
}

/// Tries answers out: nothing is written but in a folder that goes away.
///
/// # Errors
/// Where there is no such template.
pub async fn draft(
    app: &impl Room,
    caller: &Caller,
    template: &str,
    form: Map<String, Value>,
    without: Vec<String>,
) -> Result<Draft, Problem> {
    // By name alone: a path or an address would let whoever calls read this machine.
    if !templates(app).await?.iter().any(|t| t.name == template) {
        return Err(Problem::not_found(format!(
            "There is no template {template:?}; GET /api/v1/shaper/templates lists those that there are."
        )));
    }
    let (library, name) = (app.shop().library.clone(), template.to_owned());
    let (connected, mut known) = (app.shop().connected.clone(), app.shop().known.clone());
    if let Some(team) = team_of(app, caller) {
        known.insert("team".into(), json!(team));
    }
    let world = World::new(app.desk().clock.now().0, jinja::seed());
    let id: String = crate::secret().chars().take(12).collect();
    blocking(move || {
        let mut source = library::find(&name, None, &library)?;
        let mut listener = Listener {
            form,
            ..Listener::default()
        };
        let given = Given {
            known,
            ..Given::default()
        };
        let wish = Wish {
            target: Path::new("service"),
            trust: false,
            operation: "copy",
        };
        let made = render::make(&mut source, &given, &mut listener, &wish, &world);
        let mut out = Draft {
            template: name,
            asked: listener.asked,
            faults: listener.faults,
            ready: None,
            fault: None,
        };
        if out.asked.is_empty()
            && let Err(e) = &made
        {
            return Err(e.clone());
        }
        match made {
            Ok((made, record)) if out.faults.is_empty() => {
                match ready(&id, source.format, &made, &record, &connected, &without) {
                    Ok(r) => out.ready = Some(r),
                    Err(e) => out.fault = Some(e.to_string()),
                }
            }
            Ok(_) => {}
            Err(e) => out.fault = Some(e.to_string()),
        }
        Ok(out)
    })
    .await
}

fn ready(
    id: &str,
    format: Format,
    made: &Made,
    record: &shape::Shape,
    to: &Connected,
    without: &[String],
) -> Result<Ready, Fault> {
    let mut tree = made.tree.clone();
    tree.check_case()?;
    tree.file(shape::PATH, record.text().into_bytes(), 0o644)?;
    let answer = |k: &str| made.answers.get(k).and_then(Value::as_str).map(str::to_owned);
    let name = match format {
        Format::Native => answer("service").or(made.name.clone()),
        Format::Cookiecutter | Format::Copier => made
            .name
            .clone()
            .or_else(|| answer("project_slug"))
            .or_else(|| answer("project_name")),
    };
    let facts = Facts::of(id, made, record, &tree, name.as_deref().unwrap_or_default());
    if facts.service.is_empty() {
        return Err(Fault::failed(
            "the template does not say what the service is called: it needs the question service or project_name",
        ));
    }
    Ok(Ready {
        plan: plan(&facts, to, without),
        tree,
        note: render::left_out(made, false),
    })
}

/// The team that the caller is in, where they are in one alone.
fn team_of(app: &impl Room, caller: &Caller) -> Option<String> {
    let email = caller.actor.who()?.email.as_ref()?;
    let catalogue = app.desk().house.catalogue.load();
    let mut own = catalogue
        .teams
        .iter()
        .filter(|t| t.members.iter().any(|m| m.email.as_ref() == Some(email)));
    let first = own.next()?;
    own.next().is_none().then(|| first.alias.clone())
}

impl Draft {
    /// What would be made, or a problem that names each answer that does not fit.
    ///
    /// # Errors
    /// That problem.
    pub fn ready(self) -> Result<Ready, Problem> {
        if let Some(ready) = self.ready {
            return Ok(ready);
        }
        let detail = self
            .fault
            .unwrap_or_else(|| "Some answers do not fit; fields says which.".into());
        let fields = self
            .faults
            .into_iter()
            .map(|(field, message)| FieldProblem { field, message });
        Err(Problem {
            fields: fields.collect(),
            ..Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid",
                "What was given is not usable",
                detail,
            )
        })
    }
}

/// Begins a run. The same call with the same key begins it once.
///
/// # Errors
/// Where the caller may not, nothing is configured, or the store does not work.
pub async fn begin(app: &impl Room, caller: &Caller, ready: Ready, wish: Option<String>) -> Result<Birth, Problem> {
    caller.must(Right::Shape)?;
    if app.shop().connected.git.is_none() {
        let detail = "No Git provider is configured: [shaper] git in imp.toml says where repositories are made.";
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "not-configured",
            "There is nowhere to publish to",
            detail,
        ));
    }
    if let Some(known) = of_wish(app, wish.as_deref()).await? {
        return Ok(known);
    }
    let now = app.desk().clock.now();
    let by = audit::name_of(&caller.actor);
    let (plan, tree) = (ready.plan, ready.tree);
    let (run, files) = blocking(move || {
        let folder = tempfile::tempdir().map_err(|e| Fault::failed(format!("no temporary folder: {e}")))?;
        let message = commit_message(&plan.template, plan.version.as_deref());
        let commit = git::commit_of(&tree, folder.path(), &message, now.0)?;
        let files = tree.pack();
        if files.len() > PACKED_MAX {
            return Err(Fault::failed(
                "the service is larger than 12 MiB: make it with `imp shape new`",
            ));
        }
        Ok((Run::new(plan, &by, now.0, &commit), files))
    })
    .await?;
    let b = Birth {
        id: run.plan.id.clone(),
        wish: wish.clone(),
        service: run.plan.service.clone(),
        template: run.plan.template.clone(),
        phase: run.phase.word().to_owned(),
        by: run.by.clone(),
        begun_at: now,
        changed_at: now,
        run: json!(run).to_string(),
    };
    let detail = json!({ "service": b.service, "template": b.template, "version": run.plan.version, "run": b.id });
    let deed = crate::witness::deed(caller, now, "shape", None, detail);
    let kept = b.clone();
    app.desk()
        .write(move |c| {
            birth::begin(c, &kept, &files)?;
            match birth::find(c, &kept.id)? {
                Some(_) => audit::write(c, deed),
                // The same call came in twice at once; the other one was first.
                None => Ok(()),
            }
        })
        .await?;
    app.shop().work.notify_one();
    let id = b.id.clone();
    match app.desk().store.read(move |c| birth::find(c, &id)).await? {
        Some(b) => Ok(b),
        None => of_wish(app, wish.as_deref())
            .await?
            .ok_or_else(|| Problem::not_found("There is no such run.")),
    }
}

async fn of_wish(app: &impl Room, wish: Option<&str>) -> Result<Option<Birth>, Problem> {
    let Some(wish) = wish.map(str::to_owned) else {
        return Ok(None);
    };
    Ok(app.desk().store.read(move |c| birth::of_wish(c, &wish)).await?)
}

/// A run by its name.
///
/// # Errors
/// Where there is none.
pub async fn find(app: &impl Room, id: &str) -> Result<(Birth, Run), Problem> {
    let wanted = id.to_owned();
    let found = app.desk().store.read(move |c| birth::find(c, &wanted)).await?;
    let b = found.ok_or_else(|| Problem::not_found(format!("There is no run {:?}.", imp_core::words::cut(id, 40))))?;
    let run = read(&b)?;
    Ok((b, run))
}

/// What a row holds.
///
/// # Errors
/// Where it was written by a version that this one does not understand.
pub fn read(b: &Birth) -> Result<Run, Problem> {
    serde_json::from_str(&b.run).map_err(|e| {
        tracing::error!(run = b.id, error = %e, "a run of the Shaper cannot be read");
        Problem::new(
            StatusCode::CONFLICT,
            "unreadable",
            "This run cannot be read",
            "Another version of IMP wrote it.",
        )
    })
}

/// Which way a run is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// On, with what was refused tried again.
    Retry,
    /// Back.
    Undo,
}

/// Has a run go on, or has it taken back.
///
/// # Errors
/// Where the caller may not, or somebody is at work on it.
pub async fn turn(app: &impl Room, caller: &Caller, id: &str, way: Turn) -> Result<Run, Problem> {
    caller.must(Right::Shape)?;
    let (was, mut run) = find(app, id).await?;
    let conflict = |detail: &str| {
        Problem::new(
            StatusCode::CONFLICT,
            "conflict",
            "It does not fit where the run stands",
            detail,
        )
    };
    match (way, run.phase) {
        (_, Phase::Going | Phase::Undoing) => return Err(conflict("It is being worked on; wait until it stops.")),
        (_, Phase::Undone) => return Err(conflict("It was taken back already.")),
        (Turn::Retry, Phase::Done) if run.left().is_empty() => {
            return Err(conflict("Everything is done; there is nothing to try again."));
        }
        (Turn::Retry, Phase::Done | Phase::Failed) => run.retry_left(),
        (Turn::Undo, Phase::Done | Phase::Failed) => run.undo(),
    }
    let now = app.desk().clock.now();
    let what = match way {
        Turn::Retry => "shape_retry",
        Turn::Undo => "shape_undo",
    };
    let deed = crate::witness::deed(
        caller,
        now,
        what,
        None,
        json!({ "service": was.service, "run": was.id }),
    );
    let (phase, text) = (run.phase.word(), json!(run).to_string());
    let id = was.id.clone();
    app.desk()
        .write(move |c| match birth::turn(c, &was, phase, &text, now)? {
            true => audit::write(c, deed),
            false => Ok(()),
        })
        .await?;
    app.shop().work.notify_one();
    Ok(find(app, &id).await?.1)
}
