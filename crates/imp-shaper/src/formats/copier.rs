//! Templates of copier, rendered as it renders them.

use super::copier_answers::{Answers, Asked};
use super::glob::{self, Ignore};
use crate::fault::{Fault, Result};
use crate::jinja::{Engine, World, ansible::FromData as _};
use crate::made::{Made, Place, Program, Task};
use crate::question::{Ask, Given};
use crate::tree::{self, Tree};
use crate::yaml;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// What is left out where a template says nothing else.
const EXCLUDED: [&str; 8] = [
    "copier.yaml",
    "copier.yml",
    "~*",
    "*.py[co]",
    "__pycache__",
    ".git",
    ".DS_Store",
    ".svn",
];
/// The copier that templates find here: what its own settings are compared with.
const VERSION: &str = "9.19.1";
/// Extensions whose tags and filters the engine has.
const KNOWN: [&str; 4] = [
    "jinja2.ext.do",
    "jinja2.ext.loopcontrols",
    "jinja2.ext.with_",
    "jinja2_time.TimeExtension",
];

/// The settings and the questions of a template.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Settings, without their underscore.
    pub settings: Map<String, Value>,
    /// Questions, in order.
    pub questions: Map<String, Value>,
}

/// Where a template's settings stand.
pub fn config_file(folder: &Path) -> Option<PathBuf> {
    ["copier.yml", "copier.yaml"]
        .iter()
        .map(|n| folder.join(n))
        .find(|p| p.is_file())
}

/// Reads them.
pub fn config(folder: &Path) -> Result<Config> {
    let Some(path) = config_file(folder) else {
        return Ok(Config::default());
    };
    let root = folder.to_owned();
    let mut include = |pattern: &str| included(&root, pattern, 0);
    let text = std::fs::read_to_string(&path).map_err(|e| Fault::failed(format!("{}: {e}", path.display())))?;
    let all = yaml::read_all(&text, &mut include).map_err(|e| Fault::failed(format!("{}: {e}", path.display())))?;
    let mut merged: Map<String, Value> = Map::new();
    let mut lists: Map<String, Value> = Map::new();
    for map in flat(all) {
        let Value::Object(map) = map else {
            return Err(Fault::failed(format!("{} must hold a map", path.display())));
        };
        for key in ["_exclude", "_jinja_extensions", "_secret_questions", "_skip_if_exists"] {
            if let Some(Value::Array(more)) = map.get(key) {
                let list = lists.entry(key).or_insert_with(|| json!([]));
                list.as_array_mut()
                    .into_iter()
                    .for_each(|l| l.extend(more.iter().cloned()));
            }
        }
        merged.extend(map);
    }
    merged.extend(lists);
    let mut out = Config::default();
    for (key, value) in merged {
        match key.strip_prefix('_') {
            Some(name) => out.settings.insert(name.to_owned(), value),
            None if value.is_object() => out.questions.insert(key, value),
            None => out.questions.insert(key, json!({ "default": value })),
        };
    }
    Ok(out)
}

fn flat(all: Vec<Value>) -> Vec<Value> {
    let mut out = Vec::new();
    for value in all {
        match value {
            Value::Array(inner) => out.extend(flat(inner)),
            Value::Null => {}
            other => out.push(other),
        }
    }
    out
}

fn included(root: &Path, pattern: &str, depth: usize) -> std::result::Result<Vec<Value>, String> {
    if depth > 8 || pattern.starts_with('/') || pattern.split('/').any(|p| p == "..") {
        return Err(format!(
            "!include {pattern}: only files inside the template can be included"
        ));
    }
    let tree = Tree::read(root).map_err(|e| e.to_string())?;
    let mut out = Vec::new();
    for path in tree
        .files()
        .filter(|p| glob::matches(pattern, p) && p.matches('/').count() == pattern.matches('/').count())
    {
        let text = tree
            .bytes(path)
            .and_then(|b| std::str::from_utf8(b).ok())
            .unwrap_or_default();
        let mut deeper = |p: &str| included(root, p, depth + 1);
        out.extend(flat(
            yaml::read_all(text, &mut deeper).map_err(|e| format!("{path}: {e}"))?,
        ));
    }
    Ok(out)
}

impl Config {
    /// A setting's list of texts.
    pub fn list(&self, name: &str) -> Option<Vec<String>> {
        let all = self.settings.get(name)?.as_array()?;
        Some(all.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.settings.get(name).and_then(Value::as_str).map(str::to_owned)
    }
}

/// The files of a template with these answers.
pub fn make(place: &Place, given: &Given, ask: &mut dyn Ask, world: &World) -> Result<Made> {
    let root = place
        .template
        .canonicalize()
        .map_err(|e| Fault::failed(format!("{}: {e}", place.template.display())))?;
    let config = config(&root)?;
    let too_new = config
        .text("min_copier_version")
        .filter(|v| crate::version::parse(v) > crate::version::parse(VERSION));
    if let Some(v) = too_new {
        return Err(Fault::failed(format!(
            "the template needs copier {v}; the Shaper does what {VERSION} does"
        )));
    }
    for name in config.list("jinja_extensions").unwrap_or_default() {
        if !KNOWN.contains(&name.as_str()) {
            return Err(Fault::failed(format!(
                "the template needs the Python extension {name:?}, which the Shaper does not run: use copier itself for it, or take the extension out"
            )));
        }
    }
    let vars = config
        .settings
        .get("envops")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let strict = vars.get("undefined").and_then(Value::as_str) == Some("jinja2.StrictUndefined");
    let mut manner = super::manner(&vars, strict);
    manner.folders = vec![root.clone()];
    let engine = Engine::new(&manner, world)?;
    given.check(&config.questions.keys().cloned().collect::<Vec<_>>())?;
    let mut answers = Answers::new(&config, place, given);
    let messages = message(&engine, &config, &answers, place, "before")?;
    Asked {
        engine: &engine,
        config: &config,
        place,
    }
    .all(&mut answers, ask)?;
    let sub = match config.text("subdirectory") {
        Some(s) => engine.render("_subdirectory", &s, &answers.context(place, &[]))?,
        None => String::new(),
    };
    let start = root
        .join(&sub)
        .canonicalize()
        .ok()
        .filter(|p| p.starts_with(&root) && p.is_dir());
    let start = start.ok_or_else(|| Fault::failed(format!("_subdirectory {sub:?} is no folder of the template")))?;
    let file = config
        .text("answers_file")
        .unwrap_or_else(|| ".copier-answers.yml".into());
    let file = engine.render("_answers_file", &file, &answers.context(place, &[]))?;
    answers.file = tree::inside(&file)?;
    let excluded = match config.list("exclude") {
        Some(all) => all,
        None if sub.is_empty() || sub == "." => EXCLUDED.map(str::to_owned).to_vec(),
        None => Vec::new(),
    };
    let mut lines = Vec::new();
    for pattern in &excluded {
        let context = answers.context(place, &[("_copier_operation", json!(place.operation))]);
        lines.extend(
            engine
                .render("_exclude", pattern, &context)?
                .split(['\n', '\r'])
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        );
    }
    let mut job = Job {
        engine: &engine,
        answers: &answers,
        place,
        root: &root,
        start: &start,
        suffix: config.text("templates_suffix").unwrap_or_else(|| ".jinja".into()),
        preserve_links: config
            .settings
            .get("preserve_symlinks")
            .and_then(Value::as_bool)
            .unwrap_or(false),
        excluded: Ignore::new(lines.iter().map(String::as_str)),
        tree: Tree::default(),
        loops: 0,
    };
    job.folder("", 0)?;
    let tree = job.tree;
    let mut all = messages;
    all.extend(message(&engine, &config, &answers, place, "after")?);
    Ok(Made {
        tree,
        name: None,
        answers: answers.kept(),
        secrets: answers.secrets.clone(),
        before: Vec::new(),
        after: tasks(&engine, &config, &answers, place)?,
        messages: all,
        ..Made::default()
    })
}

fn message(engine: &Engine, config: &Config, answers: &Answers, place: &Place, when: &str) -> Result<Vec<String>> {
    let name = format!("message_{when}_{}", place.operation);
    match config.text(&name).filter(|t| !t.is_empty()) {
        Some(text) => Ok(vec![engine.render(&name, &text, &answers.context(place, &[]))?]),
        None => Ok(Vec::new()),
    }
}

/// Files that an update leaves as they are.
pub fn skipped(place: &Place, given: &Given, world: &World) -> Result<Ignore> {
    let config = config(&place.template)?;
    let Some(lines) = config.list("skip_if_exists") else {
        return Ok(Ignore::default());
    };
    let vars = config
        .settings
        .get("envops")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let engine = Engine::new(&super::manner(&vars, false), world)?;
    let answers = Answers::new(&config, place, given);
    let lines: Vec<String> = lines
        .iter()
        .map(|l| engine.render("_skip_if_exists", l, &answers.context(place, &[])))
        .collect::<Result<_>>()?;
    Ok(Ignore::new(lines.iter().map(String::as_str)))
}

fn tasks(engine: &Engine, config: &Config, answers: &Answers, place: &Place) -> Result<Vec<Task>> {
    let all = config
        .settings
        .get("tasks")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let extra = [("_stage", json!("task")), ("_copier_operation", json!(place.operation))];
    let context = answers.context(place, &extra);
    let mut out = Vec::new();
    for (n, task) in all.iter().enumerate() {
        let label = format!("task {} of {}", n + 1, all.len());
        let (command, when, folder) = match task {
            Value::Object(o) => (
                o.get("command").unwrap_or(&Value::Null),
                o.get("when"),
                o.get("working_directory"),
            ),
            other => (other, None, None),
        };
        let render = |t: &str| engine.render(&label, t, &context);
        let wanted = match when {
            None => true,
            Some(Value::Bool(b)) => *b,
            Some(v) => super::copier_answers::truth(&json!(render(v.as_str().unwrap_or_default())?)),
        };
        if !wanted {
            continue;
        }
        let program = match command {
            Value::String(s) => Program::Shell(render(s)?),
            Value::Array(parts) => Program::Arguments(
                parts
                    .iter()
                    .map(|p| render(&super::copier_answers::shown(p)))
                    .collect::<Result<_>>()?,
            ),
            _ => {
                return Err(Fault::failed(format!(
                    "{label} of copier.yml is neither a text nor a list"
                )));
            }
        };
        let folder = render(folder.and_then(Value::as_str).unwrap_or("."))?;
        out.push(Task {
            label,
            program,
            folder: tree::inside(&folder)?,
            env: vec![
                ("STAGE".into(), "task".into()),
                ("COPIER_OPERATION".into(), place.operation.into()),
            ],
        });
    }
    Ok(out)
}

/// How many paths one `yield` may make.
const LOOPS_MAX: usize = 10_000;

struct Job<'a> {
    engine: &'a Engine,
    answers: &'a Answers,
    place: &'a Place,
    root: &'a Path,
    start: &'a Path,
    suffix: String,
    preserve_links: bool,
    excluded: Ignore,
    tree: Tree,
    loops: usize,
}

type Extra = Vec<(String, minijinja::Value)>;

impl Job<'_> {
    fn folder(&mut self, below: &str, depth: usize) -> Result<()> {
        if depth > 64 {
            return Err(Fault::failed(format!(
                "{below} is nested too deep; look for a link that leads back"
            )));
        }
        for name in tree::names(&self.start.join(below))? {
            let path = if below.is_empty() {
                name
            } else {
                format!("{below}/{name}")
            };
            let at = self.start.join(&path);
            let link = at.symlink_metadata().is_ok_and(|m| m.is_symlink());
            if link && !self.preserve_links && !at.canonicalize().is_ok_and(|p| p.starts_with(self.root)) {
                return Err(Fault::failed(format!(
                    "{path} is a link that leads out of the template (or nowhere): take it out"
                )));
            }
            let folder = at.is_dir() && !(link && self.preserve_links);
            for (to, extra) in self.paths(&path)? {
                if self.excluded.matches(&to) {
                    continue;
                }
                if link && self.preserve_links {
                    let target = std::fs::read_link(&at).map_err(|e| Fault::failed(format!("{path}: {e}")))?;
                    let target = target.to_string_lossy().into_owned();
                    let target = match target
                        .strip_suffix(self.suffix.as_str())
                        .filter(|_| !self.suffix.is_empty())
                    {
                        Some(t) => t.to_owned(),
                        None => target,
                    };
                    self.tree.link(&to, &target)?;
                } else if folder {
                    self.tree.folder(&to)?;
                } else {
                    self.file(&path, &to, &extra)?;
                }
            }
            // What is Git's own is never gone through; everything else is, since each path is judged for itself.
            if folder && !(path == ".git" && self.excluded.matches(&path)) {
                self.folder(&path, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Where a path of the template leads: nowhere, to one path, or to one for each value of a `yield`.
    fn paths(&mut self, path: &str) -> Result<Vec<(String, Extra)>> {
        let template = !self.suffix.is_empty() && path.ends_with(self.suffix.as_str());
        if !self.suffix.is_empty() && self.start.join(format!("{path}{}", self.suffix)).exists() {
            return Ok(Vec::new());
        }
        let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        if let Some(last) = parts.last_mut().filter(|_| template) {
            let end = last.rfind('.').filter(|n| *n > 0).unwrap_or(last.len());
            last.truncate(end);
        }
        let is_template = template || self.suffix.is_empty();
        let mut out = Vec::new();
        self.parts(&parts, Vec::new(), Vec::new(), is_template, &mut out)?;
        Ok(out)
    }

    fn parts(
        &mut self,
        parts: &[String],
        done: Vec<String>,
        extra: Extra,
        template: bool,
        out: &mut Vec<(String, Extra)>,
    ) -> Result<()> {
        let Some((part, rest)) = parts.split_first() else {
            let path = done.join("/");
            if template || !self.root.join(format!("{path}{}", self.suffix)).exists() {
                out.push((path, extra));
            }
            return Ok(());
        };
        let rendered = self.engine.render(part, part, &self.context(&extra))?;
        let Some(yielded) = self.engine.yielded() else {
            return self.part(rendered, rest, done, extra, template, out);
        };
        for value in yielded.values {
            self.loops += 1;
            if self.loops > LOOPS_MAX {
                return Err(Fault::failed(format!("{part} makes more than {LOOPS_MAX} paths")));
            }
            let mut more = extra.clone();
            more.push((yielded.name.clone(), value));
            let rendered = self.engine.render(part, part, &self.context(&more))?;
            self.engine.yielded();
            self.part(rendered, rest, done.clone(), more, template, out)?;
        }
        Ok(())
    }

    fn part(
        &mut self,
        rendered: String,
        rest: &[String],
        mut done: Vec<String>,
        extra: Extra,
        template: bool,
        out: &mut Vec<(String, Extra)>,
    ) -> Result<()> {
        if rendered.is_empty() {
            return Ok(());
        }
        if rendered == self.answers.file {
            out.push((rendered, extra));
            return Ok(());
        }
        done.push(rendered);
        self.parts(rest, done, extra, template, out)
    }

    fn context(&self, extra: &Extra) -> minijinja::Value {
        let base = self.answers.context(self.place, &[]);
        match extra.is_empty() {
            true => base,
            false => minijinja::value::merge_maps([minijinja::Value::from_pairs(extra.iter().cloned()), base]),
        }
    }

    fn file(&mut self, path: &str, to: &str, extra: &Extra) -> Result<()> {
        let (bytes, mode) = super::read_file(&self.start.join(path))?;
        let template = path.ends_with(self.suffix.as_str());
        let bytes = match (template, String::from_utf8(bytes)) {
            (false, Ok(text)) => text.into_bytes(),
            (true, Ok(text)) => {
                let out = self.engine.render(path, &text, &self.context(extra))?.into_bytes();
                match self.engine.yielded() {
                    None => out,
                    Some(_) => {
                        return Err(Fault::failed(format!(
                            "{path} holds a yield tag, which is only for names of files"
                        )));
                    }
                }
            }
            (true, Err(_)) if !self.suffix.is_empty() => {
                return Err(Fault::failed(format!(
                    "{path} is to be rendered and is not UTF-8: take {} off its name",
                    self.suffix
                )));
            }
            (_, Err(e)) => e.into_bytes(),
        };
        self.tree.file(to, bytes, mode)
    }
}

impl Answers {
    /// What every text of the template may name.
    pub fn context(&self, place: &Place, extra: &[(&str, Value)]) -> minijinja::Value {
        let mut all = self.combined();
        let target = place.target.display().to_string();
        let name = place
            .target
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        all.insert("_copier_answers".into(), Value::Object(self.remembered()));
        all.insert(
            "_copier_conf".into(),
            json!({
                "src_path": place.template.display().to_string(), "dst_path": target, "answers_file": self.file,
                "vcs_ref": place.tag, "vcs_ref_hash": place.commit, "data": self.init, "exclude": [],
                "use_prereleases": false, "skip_if_exists": [], "cleanup_on_error": true, "defaults": true,
                "user_defaults": {}, "overwrite": true, "pretend": false, "quiet": false, "conflict": "inline",
                "context_lines": 3, "unsafe": place.trust, "skip_answered": false, "skip_tasks": !place.trust,
                "sep": "/", "os": "linux",
            }),
        );
        all.insert("_folder_name".into(), json!(name));
        all.insert("_copier_python".into(), json!("python3"));
        all.insert("_copier_phase".into(), json!("render"));
        for (k, v) in extra {
            all.insert((*k).to_owned(), v.clone());
        }
        minijinja::Value::from_serialize_data(&Value::Object(all))
    }
}
