//! `imp shape …`: new services from templates, and what becomes of them.

pub mod hands;
mod prompt;
pub mod publish;
mod show;
pub mod slack;
pub mod worker;

use crate::config::Config;
use crate::{Failure, say};
use clap::{Args, Subcommand};
use imp_engine::clock::{Clock as _, SystemClock};
use imp_shaper::fault::Fault;
use imp_shaper::jinja::World;
use imp_shaper::made::Made;
use imp_shaper::publish::plan::commit_message;
use imp_shaper::publish::{Facts, Plan, Run, plan};
use imp_shaper::question::{self, Ask, Defaults, Given, Nobody};
use imp_shaper::render::{self, Wish};
use imp_shaper::shape::Shape;
use imp_shaper::source::{self, Format, Library};
use imp_shaper::tree::Tree;
use imp_shaper::update::{self, Fate};
use imp_shaper::{git, library};
use serde_json::{Value, json};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

/// What can be done with templates and services.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The templates that can be had by name
    List {
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// What a template asks and makes
    Show {
        /// A name, a folder or a Git address (…@TAG)
        template: String,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Makes a service: its files and first commit, and, where a Git provider is configured, its repository there
    New {
        /// A name, a folder or a Git address (…@TAG)
        template: String,
        /// Where to; the template's own name for it where it is left out
        dir: Option<PathBuf>,
        #[command(flatten)]
        answers: Answers,
        /// Only says what would happen
        #[arg(long)]
        plan: bool,
        /// Only makes the folder and its first commit; no vendor is called
        #[arg(long)]
        no_publish: bool,
        /// A step that is left out, by its name in the plan or the beginning of it (slack, git.protection, imp.alert)
        #[arg(long, value_name = "STEP")]
        without: Vec<String>,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Goes on with publishing a service that was stopped on the way
    Resume {
        /// The service
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Takes back what publishing a service has made at the vendors; its folder stays
    Undo {
        /// The service
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Judges a repository, new or old, by what a service must have
    Check {
        /// The repository
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Merges a newer version of the template into a service
    Update {
        /// The service
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// The template's tag; the newest where it is left out
        #[arg(long)]
        to: Option<String>,
        #[command(flatten)]
        answers: Answers,
        /// Only says what would happen
        #[arg(long)]
        plan: bool,
        /// For programs
        #[arg(long)]
        json: bool,
    },
}

/// Where answers come from.
#[derive(Debug, Args)]
pub struct Answers {
    /// A file of answers: YAML, JSON or TOML
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// One answer; it wins over the file
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Takes the default of whatever has no answer
    #[arg(long)]
    defaults: bool,
    /// Lets the template's own hooks and tasks run, which is its author's code on your machine
    #[arg(long)]
    trust: bool,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        match fault {
            Fault::Wrong(text) => Failure::Wrong(text),
            Fault::Failed(text) => Failure::Failed(text),
        }
    }
}

/// The configuration of the Shaper, where there is a file.
#[derive(Debug, Args)]
pub struct Where {
    /// The configuration
    #[arg(long, env = "IMP_CONFIG", default_value = "imp.toml", global = true)]
    config: PathBuf,
}

/// Does it.
///
/// # Errors
/// What could not be done, and what to do about it.
pub async fn run(command: Command, at: &Where, load: impl Fn(&Path) -> Result<Config, Failure>) -> Result<(), Failure> {
    let named = std::env::var_os("IMP_CONFIG").is_some() || at.config != Path::new("imp.toml");
    let config = match named || at.config.is_file() {
        true => Some(load(&at.config)?),
        false => None,
    };
    let shaper = config.as_ref().and_then(|c| c.shaper.clone()).unwrap_or_default();
    let library = Library {
        places: shaper.templates,
        beside: at.config.parent().unwrap_or(Path::new("")).to_owned(),
    };
    match command {
        Command::List { json } => list(&library, json),
        Command::Show { template, json } => show::run(&template, json, &library),
        Command::New {
            template,
            dir,
            answers,
            plan,
            no_publish,
            without,
            json,
        } => {
            let dir = dir.as_deref();
            // Without a Git provider there is nowhere to publish to.
            let to = config.filter(|_| !no_publish && shaper.git.is_some());
            let call = New {
                template,
                dir,
                answers: &answers,
                plan,
                no_publish,
                without: &without,
                json,
                to: to.as_ref(),
            };
            new(&call, &library).await
        }
        Command::Resume { dir, json } => {
            let config = published(config.as_ref())?;
            match publish::begun(&dir)? {
                Some(mut run) => {
                    run.retry_left();
                    publish::go_on(config, &dir, run, json).await
                }
                None => Err(Failure::Wrong(format!(
                    "{} was not published from here, so there is nothing to go on with",
                    dir.display()
                ))),
            }
        }
        Command::Undo { dir, json } => publish::undo(published(config.as_ref())?, &dir, json).await,
        Command::Check { dir, json } => show::check(&dir, json),
        Command::Update {
            dir,
            to,
            answers,
            plan,
            json,
        } => update(&dir, to.as_deref(), &answers, (plan, json), &library),
    }
}

fn published(config: Option<&Config>) -> Result<&Config, Failure> {
    config.ok_or_else(|| {
        Failure::Wrong("there is no configuration: name the one that it was published with by --config".into())
    })
}

fn world() -> World {
    World::new(SystemClock.now().0, rand_seed())
}

/// Of the system's own chance, since templates make secrets of it.
fn rand_seed() -> [u8; 32] {
    imp_shaper::jinja::seed()
}

fn list(library: &Library, json: bool) -> Result<(), Failure> {
    let all = library::list(library)?;
    if json {
        say(&format!("{:#}", json!({ "items": all })));
        return Ok(());
    }
    let width = all.iter().map(|l| l.name.chars().count()).max().unwrap_or(0);
    for l in &all {
        let version = l.version.as_ref().map(|v| format!(" {v}")).unwrap_or_default();
        say(&format!(
            "{:width$}  {} ({}{version}, {})",
            l.name, l.description, l.format, l.from
        ));
    }
    Ok(())
}

impl Answers {
    fn given(&self) -> Result<Given, Failure> {
        let mut out = Given::default();
        if let Some(file) = &self.answers {
            out.answers = question::read(file)?;
        }
        for pair in &self.set {
            let (key, value) = pair
                .split_once('=')
                .filter(|(k, _)| !k.is_empty())
                .ok_or_else(|| Failure::Wrong(format!("--set {pair:?} is not of the form KEY=VALUE")))?;
            out.answers.insert(key.to_owned(), json!(value));
            out.set.push(key.to_owned());
        }
        Ok(out)
    }

    fn ask(&self) -> Box<dyn Ask> {
        match self.defaults {
            true => Box::new(Defaults),
            false if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() => Box::new(prompt::Terminal),
            false => Box::new(Nobody),
        }
    }
}

struct New<'a> {
    template: String,
    dir: Option<&'a Path>,
    answers: &'a Answers,
    plan: bool,
    no_publish: bool,
    without: &'a [String],
    json: bool,
    /// Where it is published; none: nowhere.
    to: Option<&'a Config>,
}

impl New<'_> {
    /// The run that this very call began before it was stopped, if it did.
    fn begun(&self, dir: &Path) -> Result<Option<Run>, Failure> {
        match self.to.filter(|_| !self.plan) {
            Some(_) => Ok(publish::begun(dir)?),
            None => Ok(None),
        }
    }
}

async fn new(call: &New<'_>, library: &Library) -> Result<(), Failure> {
    if let Some(dir) = call.dir {
        if let (Some(config), Some(run)) = (call.to, call.begun(dir)?) {
            return publish::go_on(config, dir, run, call.json).await;
        }
        check_free(dir)?;
    }
    let mut given = call.answers.given()?;
    if let Some(git) = call.to.and_then(|c| c.shaper.as_ref()?.git.as_ref()) {
        given.known.insert("organisation".into(), json!(git.organisation));
    }
    if let Some(dir) = call.dir {
        given.known.insert("service".into(), json!(called(dir)));
    }
    let mut source = source::open(&call.template, library)?;
    let trust = call.answers.trust;
    let here = call.dir.unwrap_or(Path::new("project"));
    let wish = Wish {
        target: here,
        trust,
        operation: "copy",
    };
    let (made, shape) = render::make(&mut source, &given, call.answers.ask().as_mut(), &wish, &world())?;
    let named = made.name.as_ref().map(PathBuf::from);
    let dir = call.dir.map(Path::to_owned).or(named).ok_or_else(|| {
        Failure::Wrong(format!(
            "the template does not say what the folder is called: imp shape new {} DIR",
            call.template
        ))
    })?;
    if let (Some(config), Some(run)) = (call.to, call.begun(&dir)?) {
        return publish::go_on(config, &dir, run, call.json).await;
    }
    check_free(&dir)?;
    if made.tree.files().next().is_none() {
        return Err(Failure::Failed(format!(
            "{} makes no files with these answers",
            call.template
        )));
    }
    made.tree.check_case()?;
    let name = match (&made.name, source.format) {
        (Some(name), Format::Native) => name.clone(),
        _ => dir
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default(),
    };
    let id = publish::new_id();
    let connected = call.to.map(publish::connected).unwrap_or_default();
    let planned = |tree: &Tree| plan(&Facts::of(&id, &made, &shape, tree, &name), &connected, call.without);
    if call.plan {
        let planned = call.to.map(|_| planned(&made.tree));
        show::plan(
            &show::Planned {
                dir: &dir,
                made: &made,
                record: &shape,
                trust,
                no_publish: call.no_publish,
            },
            planned.as_ref(),
            call.json,
        );
        return Ok(());
    }
    if call.to.is_some() && imp_shaper::publish::plan::slug(&name).is_empty() {
        return Err(Failure::Wrong(format!(
            "{name:?} is no name that a repository can have: name another folder"
        )));
    }
    let work = Work::at(&dir, made.before.is_empty() && made.after.is_empty() || !trust)?;
    let built = build(&work, &made, &shape, trust, call.to.is_some().then_some(&planned));
    let (commit, run) = match built {
        Ok(built) => built,
        Err(e) => {
            work.clean();
            return Err(e.into());
        }
    };
    for line in &made.messages {
        show::note(line.trim_end());
    }
    if let Some(note) = render::left_out(&made, trust) {
        show::note(&note);
    }
    if let (Some(config), Some(run)) = (call.to, run) {
        if let Err(e) = publish::is_free(config, &work.folder, &run).await {
            work.clean();
            return Err(e);
        }
        work.settle()?;
        return publish::go_on(config, &dir, run, call.json).await;
    }
    work.settle()?;
    match call.json {
        true => say(&format!(
            "{:#}",
            json!({ "folder": dir, "commit": commit, "files": made.tree.files().count() + 1 })
        )),
        false => say(&format!(
            "{}: {} files, first commit {}",
            dir.display(),
            made.tree.files().count() + 1,
            &commit[..commit.len().min(10)]
        )),
    }
    Ok(())
}

/// What a service in this folder would be called, which is what its folder is, as far as a name can be that.
fn called(dir: &Path) -> String {
    let whole = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let last = whole.file_name().unwrap_or_default().to_string_lossy();
    imp_shaper::publish::plan::slug(&last)
}

/// Writes the files, commits them, and, where it will be published, writes the run down.
fn build(
    work: &Work,
    made: &Made,
    shape: &Shape,
    trust: bool,
    planned: Option<&dyn Fn(&Tree) -> Plan>,
) -> imp_shaper::fault::Result<(String, Option<Run>)> {
    let folder = &work.folder;
    render::write(made, shape, folder, trust)?;
    let message = commit_message(&shape.template, shape.version.as_deref());
    let commit = git::first_commit(folder, &message)?;
    update::base_is(folder, &commit)?;
    let by = std::env::var("USER").unwrap_or_else(|_| "the command line".into());
    let run = match planned {
        Some(plan) => Some(Run::new(plan(&Tree::read(folder)?), &by, SystemClock.now().0, &commit)),
        None => None,
    };
    if let Some(run) = &run {
        publish::begin(folder, run)?;
    }
    Ok((commit, run))
}

/// Where the files are written before they are where they belong, so that a kill leaves nothing half-made there. A
/// folder that is there already, and hooks that ask where they are, have it done in place.
struct Work {
    folder: PathBuf,
    to: PathBuf,
    existed: bool,
}

impl Work {
    fn at(dir: &Path, may_move: bool) -> Result<Work, Failure> {
        let existed = dir.exists();
        let beside = dir
            .file_name()
            .map(|n| dir.with_file_name(format!(".{}.imp-new", n.to_string_lossy())));
        let folder = beside
            .filter(|_| may_move && !existed)
            .unwrap_or_else(|| dir.to_owned());
        if folder != dir && folder.exists() {
            // What a killed call left.
            std::fs::remove_dir_all(&folder)
                .map_err(|e| Failure::Failed(format!("{} cannot be taken away: {e}", folder.display())))?;
        }
        Ok(Work {
            folder,
            to: dir.to_owned(),
            existed,
        })
    }

    fn settle(&self) -> Result<(), Failure> {
        if self.folder == self.to {
            return Ok(());
        }
        std::fs::rename(&self.folder, &self.to).map_err(|e| {
            self.clean();
            Failure::Failed(format!("{} cannot be made: {e}", self.to.display()))
        })
    }

    fn clean(&self) {
        clean(&self.folder, self.existed);
    }
}

/// A folder that can be made, or an empty one.
fn check_free(dir: &Path) -> Result<(), Failure> {
    let name = dir.display();
    match dir.symlink_metadata() {
        Err(_) => Ok(()),
        Ok(_) if !dir.is_dir() => Err(Failure::Wrong(format!("{name} is there and no folder: name another"))),
        Ok(_) => match std::fs::read_dir(dir).map(|mut inside| inside.next().is_none()) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::Wrong(format!(
                "{name} is not empty: name a new folder, or use `imp shape update` in a service"
            ))),
            Err(e) => Err(Failure::Failed(format!("{name} cannot be read: {e}"))),
        },
    }
}

/// What failed half-way leaves nothing behind.
fn clean(dir: &Path, existed: bool) {
    match existed {
        false => drop(std::fs::remove_dir_all(dir)),
        true => {
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                let path = entry.path();
                match path.is_dir() && !path.is_symlink() {
                    true => drop(std::fs::remove_dir_all(path)),
                    false => drop(std::fs::remove_file(path)),
                }
            }
        }
    }
}

fn update(
    dir: &Path,
    to: Option<&str>,
    answers: &Answers,
    (plan, json): (bool, bool),
    library: &Library,
) -> Result<(), Failure> {
    let given = answers.given()?;
    // What was answered once holds; only what is new in the template is asked.
    let mut ask: Box<dyn Ask> = match answers.set.is_empty() && answers.answers.is_none() && !answers.defaults {
        true if std::io::stdin().is_terminal() => Box::new(prompt::OnlyNew(prompt::Terminal)),
        _ => Box::new(Defaults),
    };
    let worked = update::plan(dir, to, given, ask.as_mut(), answers.trust, library, &world())?;
    let count = |f: Fate| worked.changes.iter().filter(|c| c.fate == f).count();
    let name = |v: &Option<String>| v.clone().unwrap_or_else(|| "unnamed".into());
    let (from, to) = (name(&worked.from), name(&worked.to));
    if !plan {
        update::apply(dir, &worked)?;
    }
    if json {
        let changes: Vec<Value> = worked
            .changes
            .iter()
            .map(|c| json!({ "path": c.path, "fate": c.fate, "why": c.why }))
            .collect();
        say(&format!(
            "{:#}",
            json!({ "from": worked.from, "to": worked.to, "applied": !plan, "changes": changes })
        ));
    } else {
        for c in &worked.changes {
            say(&format!("{:9} {}  ({})", c.fate.name(), c.path, c.why));
        }
        if let Some(note) = &worked.left_out {
            show::note(note);
        }
        let counts = format!(
            "{} clean, {} merged, {} in conflict, {} yours",
            count(Fate::Clean),
            count(Fate::Merged),
            count(Fate::Conflict),
            count(Fate::Yours)
        );
        say(&match (plan, worked.changes.is_empty()) {
            (_, true) => format!("nothing to do: {} is what {to} makes", dir.display()),
            (true, false) => format!("from {from} to {to}: {counts}; nothing was written"),
            (false, false) => format!("from {from} to {to}: {counts}; look at it with git diff, then commit"),
        });
    }
    match (plan, count(Fate::Conflict)) {
        (true, _) | (false, 0) => Ok(()),
        (false, n) => Err(Failure::Failed(format!(
            "{n} file(s) hold conflict markers (<<<<<<<): resolve them, then commit"
        ))),
    }
}
