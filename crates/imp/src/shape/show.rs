//! What a template asks and makes, and what a plan holds, for people and for programs.

use crate::{Failure, say};
use imp_shaper::check;
use imp_shaper::fault::one_line;
use imp_shaper::formats::copier_answers::shown;
use imp_shaper::made::Made;
use imp_shaper::publish::Plan;
use imp_shaper::question::{Form, Given, Listener};
use imp_shaper::render::{self, Wish};
use imp_shaper::shape::{self, Shape};
use imp_shaper::source::{self, Library};
use imp_shaper::tree::Tree;
use serde_json::{Value, json};
use std::path::Path;

/// A word beside the data, on standard error.
#[expect(clippy::print_stderr, reason = "what is no data goes to standard error")]
pub fn note(text: &str) {
    for line in text.lines() {
        eprintln!("imp: {}", one_line(line));
    }
}

/// Shows a template: its questions as they come with the defaults, and its files.
pub fn run(template: &str, json: bool, library: &Library) -> Result<(), Failure> {
    let mut source = source::open(template, library)?;
    let mut listener = Listener::default();
    let wish = Wish {
        target: Path::new("example"),
        trust: false,
        operation: "copy",
    };
    let made = render::make(&mut source, &Given::default(), &mut listener, &wish, &super::world());
    // A template whose questions have no defaults may refuse an example; its questions are shown all the same.
    let (files, why) = match &made {
        Ok((made, _)) => (made.tree.files().map(str::to_owned).collect::<Vec<_>>(), None),
        Err(e) => (Vec::new(), Some(e.to_string())),
    };
    if listener.asked.is_empty()
        && let Some(why) = &why
    {
        return Err(Failure::Failed(why.clone()));
    }
    if json {
        let questions: Vec<Value> = listener
            .asked
            .iter()
            .map(imp_shaper::question::Question::to_json)
            .collect();
        say(&format!(
            "{:#}",
            json!({
                "template": source.address, "format": source.format.name(), "version": source.version(),
                "questions": questions, "files": files,
            })
        ));
        return Ok(());
    }
    let version = source.version().map(|v| format!(" at {v}")).unwrap_or_default();
    say(&format!("{}{version} ({})", source.address, source.format.name()));
    say("questions:");
    for q in &listener.asked {
        let default = match &q.default {
            Some(_) if q.secret => " [secret]".into(),
            Some(d) => format!(" [{}]", one_line(&shown(d))),
            None => " (no default)".to_owned(),
        };
        say(&format!(
            "  {}{default}  {}",
            q.name,
            if q.text == q.name {
                String::new()
            } else {
                one_line(&q.text)
            }
        ));
        if let Form::One(c) | Form::Some(c) = &q.form {
            let labels: Vec<String> = c.iter().map(|(_, v)| one_line(&shown(v))).collect();
            say(&format!("    one of: {}", labels.join(", ")));
        }
    }
    say("files with the defaults:");
    for f in &files {
        say(&format!("  {f}"));
    }
    if let Some(why) = why {
        note(&format!("the files cannot be shown without answers: {why}"));
    }
    Ok(())
}

/// What a plan is about.
#[derive(Debug)]
pub struct Planned<'a> {
    /// The folder.
    pub dir: &'a Path,
    /// The files.
    pub made: &'a Made,
    /// The record of what made them.
    pub record: &'a Shape,
    /// Whether hooks and tasks run.
    pub trust: bool,
    /// Whether nothing is published because nobody wants it.
    pub no_publish: bool,
}

/// Everything that would happen.
pub fn plan(about: &Planned<'_>, plan: Option<&Plan>, json: bool) {
    let Planned {
        dir,
        made,
        record,
        trust,
        no_publish,
    } = about;
    let tasks: Vec<&str> = made
        .before
        .iter()
        .chain(&made.after)
        .filter(|_| *trust)
        .map(|t| t.label.as_str())
        .collect();
    let nowhere = "no Git provider is configured ([shaper] git in imp.toml)";
    if json {
        let files: Vec<Value> = made
            .tree
            .files()
            .map(|p| json!({ "path": p, "bytes": made.tree.bytes(p).map_or(0, <[u8]>::len) }))
            .chain([json!({ "path": shape::PATH, "bytes": record.text().len() })])
            .collect();
        let left_out = match (plan, no_publish) {
            (Some(p), _) => p.left_out.clone(),
            (None, true) => Vec::new(),
            (None, false) => vec![format!("publishing: {nowhere}")],
        };
        say(&format!(
            "{:#}",
            json!({
                "folder": dir, "template": record.template, "version": record.version, "files": files, "run": tasks,
                "service": plan.map(|p| &p.service), "steps": plan.map_or(&[][..], |p| &p.steps), "left_out": left_out,
                "failed": plan.map_or(&[][..], |p| &p.failed),
            })
        ));
        return;
    }
    say(&format!("plan: {} from {}", dir.display(), record.template));
    for path in made.tree.files() {
        let size = made.tree.bytes(path).map_or(0, <[u8]>::len);
        say(&format!("  write   {path}  ({size} bytes)"));
    }
    say(&format!("  write   {}", shape::PATH));
    for task in tasks {
        say(&format!("  run     {task}"));
    }
    say("  commit  everything, as the first commit on main");
    match plan {
        Some(plan) => {
            for step in &plan.steps {
                say(&format!("  call    {}: {}", step.id, one_line(&step.title)));
                let body = if step.call.body.is_null() {
                    String::new()
                } else {
                    format!(" {}", step.call.body)
                };
                say(&format!("            {} {}{body}", step.call.method, step.call.path));
            }
            for line in &plan.left_out {
                say(&format!("  not     {line}"));
            }
            for line in &plan.failed {
                say(&format!("  lacks   {}", one_line(line)));
            }
        }
        None if !no_publish => say(&format!("  publish nothing: {nowhere}")),
        None => {}
    }
    say("nothing was done");
    if let Some(text) = render::left_out(made, *trust) {
        note(&text);
    }
}

/// Judges a repository, and shows what was found.
pub fn check(dir: &Path, json: bool) -> Result<(), Failure> {
    if !dir.is_dir() {
        return Err(Failure::Wrong(format!("{} is no folder", dir.display())));
    }
    let mut found = check::judge(&Tree::read(dir)?);
    found.extend(check::run_tools(dir));
    if json {
        say(&format!("{:#}", check::report(&found)));
    } else {
        for f in &found {
            let word = match (f.result, f.requirement.level) {
                (check::Result::Passed, _) => "ok     ",
                (check::Result::Failed, check::Level::Must) => "FAILED ",
                (check::Result::Failed, check::Level::Should) => "should ",
                (check::Result::NotRun, _) => "not run",
            };
            let why = if f.because.is_empty() {
                String::new()
            } else {
                format!(": {}", one_line(&f.because))
            };
            say(&format!("{word}  {}  {}{why}", f.requirement.id, f.requirement.path));
        }
    }
    let failed: Vec<&str> = found
        .iter()
        .filter(|f| f.result == check::Result::Failed && f.requirement.level == check::Level::Must)
        .map(|f| f.requirement.id.as_str())
        .collect();
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Failure::Failed(format!(
            "{} does not have what it must: {}",
            dir.display(),
            failed.join(", ")
        ))),
    }
}
