//! Templates of cookiecutter, rendered as it renders them.

use crate::binary::is_binary;
use crate::fault::{Fault, Result};
use crate::formats::glob;
use crate::jinja::rewrite::Marks;
use crate::jinja::{Engine, Manner, World, ansible::FromData as _, json};
use crate::made::{Made, Place, Program, Task};
use crate::question::{Ask, Form, Given, Question};
use crate::tree::{self, Tree};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Extensions that need no Python: the engine has what they do.
const KNOWN: [&str; 7] = [
    "cookiecutter.extensions.",
    "jinja2.ext.do",
    "jinja2.ext.loopcontrols",
    "jinja2.ext.with_",
    "jinja2.ext.autoescape",
    "jinja2.ext.debug",
    "jinja2_time.TimeExtension",
];

/// A template's `cookiecutter.json`.
pub fn config(folder: &Path) -> Result<Map<String, Value>> {
    let path = folder.join("cookiecutter.json");
    let text =
        std::fs::read_to_string(&path).map_err(|e| Fault::failed(format!("{} cannot be read: {e}", path.display())))?;
    match serde_json::from_str(&text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Fault::failed(format!("{} must hold a map", path.display()))),
        Err(e) => Err(Fault::failed(format!("{} is not JSON: {e}", path.display()))),
    }
}

/// The files of a template with these answers.
pub fn make(place: &Place, given: &Given, ask: &mut dyn Ask, world: &World) -> Result<Made> {
    let mut root = place.template.clone();
    let mut config = config(&root)?;
    let mut outer = Map::new();
    let mut chosen = Vec::new();
    while config.contains_key("template") || config.contains_key("templates") {
        if chosen.len() > 8 {
            return Err(Fault::failed("the template chooses among templates without end"));
        }
        let (key, value, path) = nested(&config, given, ask)?;
        outer.insert(key.clone(), value);
        chosen.push(key);
        root = within(&place.template, &root.join(path))?;
        config = self::config(&root)?;
    }
    let manner = manner(&config)?;
    let engine = Engine::new(&manner, world)?;
    let known: Vec<String> = config.keys().cloned().chain(chosen).collect();
    given.check(&known)?;
    let choices: Map<String, Value> = config
        .iter()
        .filter(|(k, _)| !k.starts_with('_'))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    for (name, value) in &given.last {
        // What no longer fits is answered by the default again.
        let one = Map::from_iter([(name.clone(), value.clone())]);
        drop(overwrite(&mut config, &one, false));
    }
    overwrite(&mut config, &given.answers, false)?;
    let mut answers = prompt(&engine, &mut config, given, ask)?;
    let mut kept: Map<String, Value> = answers
        .iter()
        .filter(|(k, _)| !k.starts_with('_'))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    kept.extend(outer);
    answers.insert("_template".into(), json!(place.address));
    let parent = place.target.parent().unwrap_or(Path::new(""));
    answers.insert("_output_dir".into(), json!(parent.display().to_string()));
    answers.insert("_repo_dir".into(), json!(root.display().to_string()));
    answers.insert("_checkout".into(), place.tag.as_ref().map_or(Value::Null, |t| json!(t)));
    let copied = patterns(&answers);
    let context = json!({ "cookiecutter": answers, "_cookiecutter": choices });
    let body = project_folder(&root, &manner.marks)?;
    let name = body.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let inner = Manner {
        folders: vec![body.clone(), root.join("templates")],
        ..manner
    };
    let mut job = Job {
        engine: Engine::new(&inner, world)?,
        values: minijinja::Value::from_serialize_data(&context),
        body,
        copied,
        newline: answers
            .get("_new_lines")
            .and_then(Value::as_str)
            .filter(|s| !s.is_empty())
            .map(str::to_owned),
        tree: Tree::default(),
    };
    let name = job.engine.render(&name, &name, &job.values)?;
    if name.trim().is_empty() {
        return Err(Fault::failed(
            "the project's folder has no name: the answer that it is made of is empty",
        ));
    }
    tree::inside(&name)?;
    let hook = |which: &str| hooks(&root, which, &job.engine, &job.values);
    let (before, after) = (hook("pre_gen_project")?, hook("post_gen_project")?);
    job.folder("")?;
    Ok(Made {
        tree: job.tree,
        name: Some(name),
        answers: kept,
        before,
        after,
        ..Made::default()
    })
}

/// Scripts that a template wants run before it is even read.
pub fn has_pre_prompt(folder: &Path) -> bool {
    scripts(folder, "pre_prompt").is_ok_and(|s| !s.is_empty())
}

/// The scripts of a hook: by the stem of their name, whatever it ends in.
pub fn scripts(folder: &Path, which: &str) -> Result<Vec<PathBuf>> {
    let hooks = folder.join("hooks");
    if !hooks.is_dir() {
        return Ok(Vec::new());
    }
    let named = |n: &String| n.rsplit_once('.').map_or(n.as_str(), |(s, _)| s) == which && !n.ends_with('~');
    Ok(tree::names(&hooks)?
        .into_iter()
        .filter(named)
        .map(|n| hooks.join(n))
        .collect())
}

fn hooks(root: &Path, which: &str, engine: &Engine, values: &minijinja::Value) -> Result<Vec<Task>> {
    let mut out = Vec::new();
    for path in scripts(root, which)? {
        let name = format!("hooks/{}", path.file_name().unwrap_or_default().to_string_lossy());
        let text = std::fs::read_to_string(&path).map_err(|e| Fault::failed(format!("{name}: {e}")))?;
        out.push(Task {
            label: name.clone(),
            program: Program::Script {
                text: engine.render(&name, &text, values)?,
                ending: path
                    .extension()
                    .map(|e| format!(".{}", e.to_string_lossy()))
                    .unwrap_or_default(),
            },
            folder: String::new(),
            env: Vec::new(),
        });
    }
    Ok(out)
}

/// A path that must lie in the template.
fn within(template: &Path, path: &Path) -> Result<PathBuf> {
    let wrong = || Fault::failed(format!("{} is not in the template", path.display()));
    let real = path.canonicalize().map_err(|_| wrong())?;
    match real.starts_with(template.canonicalize().map_err(|_| wrong())?) {
        true => Ok(real),
        false => Err(wrong()),
    }
}

fn nested(config: &Map<String, Value>, given: &Given, ask: &mut dyn Ask) -> Result<(String, Value, String)> {
    let wrong = || Fault::failed("the list of templates in cookiecutter.json cannot be read");
    let answer = |key: &str| given.answers.get(key).or_else(|| given.last.get(key)).cloned();
    if let Some(Value::Object(all)) = config
        .get("templates")
        .filter(|v| !v.as_object().is_some_and(Map::is_empty))
    {
        let label = |id: &String, v: &Value| {
            let title = v.get("title").and_then(Value::as_str).unwrap_or(id);
            let more = v.get("description").and_then(Value::as_str).unwrap_or(id);
            if title == more {
                title.to_owned()
            } else {
                format!("{title} ({more})")
            }
        };
        let choices: Vec<_> = all.iter().map(|(id, v)| (label(id, v), json!(id))).collect();
        let id = match answer("templates").or_else(|| answer("template")) {
            Some(id) => id,
            None => pick(ask, "templates", "Select a template", choices)?,
        };
        let found = id
            .as_str()
            .and_then(|id| all.get(id))
            .and_then(|v| v.get("path"))
            .and_then(Value::as_str);
        let known = || all.keys().cloned().collect::<Vec<_>>().join(", ");
        let path = found.ok_or_else(|| Fault::wrong(format!("there is no template {id}; there are {}", known())))?;
        return Ok(("templates".into(), id, path.to_owned()));
    }
    let all = config.get("template").and_then(Value::as_array).ok_or_else(wrong)?;
    let choices: Vec<_> = all
        .iter()
        .filter_map(|v| v.as_str().map(|s| (s.to_owned(), v.clone())))
        .collect();
    let chosen = match answer("template") {
        Some(a) if !all.contains(&a) => {
            return Err(Fault::wrong(format!(
                "{a} provided for choice variable template, but the choices are {}",
                json!(all)
            )));
        }
        Some(a) => a,
        None => pick(ask, "template", "Select a template", choices)?,
    };
    let text = chosen.as_str().ok_or_else(wrong)?;
    let path = text
        .find('(')
        .zip(text.rfind(')'))
        .filter(|(a, b)| a + 1 < *b)
        .map(|(a, b)| text[a + 1..b].to_owned());
    Ok(("template".into(), chosen.clone(), path.ok_or_else(wrong)?))
}

fn pick(ask: &mut dyn Ask, name: &str, text: &str, choices: Vec<(String, Value)>) -> Result<Value> {
    let default = choices.first().map(|(_, v)| v.clone());
    ask.ask(&Question {
        name: name.to_owned(),
        text: text.to_owned(),
        help: String::new(),
        form: Form::One(choices),
        default,
        secret: false,
        group: String::new(),
    })
}

fn manner(config: &Map<String, Value>) -> Result<Manner> {
    for name in config
        .get("_extensions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let name = name.as_str().unwrap_or_default();
        if !KNOWN.iter().any(|k| name.starts_with(k)) {
            return Err(Fault::failed(format!(
                "the template needs the Python extension {name:?}, which the Shaper does not run: use cookiecutter itself for it, or take the extension out"
            )));
        }
    }
    let vars = config
        .get("_jinja2_env_vars")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    Ok(super::manner(&vars, true))
}

fn patterns(answers: &Map<String, Value>) -> Vec<String> {
    let all = answers.get("_copy_without_render").and_then(Value::as_array);
    all.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// The folder whose name holds the delimiters.
fn project_folder(root: &Path, marks: &Marks) -> Result<PathBuf> {
    let fits =
        |n: &String| n.contains("cookiecutter") && n.contains(&marks.variable.0) && n.contains(&marks.variable.1);
    let found = tree::names(root)?.into_iter().find(fits);
    match found {
        Some(name) => within(root, &root.join(name)),
        None => Err(Fault::failed(format!(
            "{} has no folder to render: one whose name holds {}cookiecutter.…{}",
            root.display(),
            marks.variable.0,
            marks.variable.1
        ))),
    }
}

/// Puts answers over the template's own values, as cookiecutter does.
fn overwrite(config: &mut Map<String, Value>, answers: &Map<String, Value>, deep: bool) -> Result<()> {
    for (name, answer) in answers {
        let Some(old) = config.get_mut(name) else {
            if deep {
                config.insert(name.clone(), answer.clone());
            }
            continue;
        };
        match (old, answer) {
            (Value::Array(choices), Value::Array(wanted)) if !deep => {
                if !wanted.iter().all(|w| choices.contains(w)) {
                    return Err(Fault::wrong(format!(
                        "{name}: {} provided for multi-choice variable, but valid choices are {}",
                        answer,
                        json!(choices)
                    )));
                }
                *choices = wanted.clone();
            }
            (Value::Array(choices), one) if !deep => match choices.iter().position(|c| c == one) {
                Some(at) => {
                    let chosen = choices.remove(at);
                    choices.insert(0, chosen);
                }
                None => {
                    return Err(Fault::wrong(format!(
                        "{name}: {answer} provided for choice variable, but the choices are {}",
                        json!(choices)
                    )));
                }
            },
            (Value::Object(inner), Value::Object(more)) => overwrite(inner, more, true)?,
            (old @ Value::Bool(_), Value::String(text)) => {
                *old = Value::Bool(
                    yes_no(text).ok_or_else(|| Fault::wrong(format!("{name}: {text:?} is neither yes nor no")))?,
                );
            }
            (old, _) => *old = answer.clone(),
        }
    }
    Ok(())
}

fn yes_no(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Some(true),
        "0" | "false" | "f" | "no" | "n" | "off" => Some(false),
        _ => None,
    }
}

/// A value with the answers so far.
fn render(engine: &Engine, name: &str, raw: &Value, answers: &Map<String, Value>) -> Result<Value> {
    Ok(match raw {
        Value::Null | Value::Bool(_) => raw.clone(),
        Value::Object(map) => {
            let mut out = Map::new();
            for (k, v) in map {
                let key = render(engine, name, &json!(k), answers)?;
                out.insert(
                    key.as_str().unwrap_or_default().to_owned(),
                    render(engine, name, v, answers)?,
                );
            }
            Value::Object(out)
        }
        Value::Array(all) => Value::Array(
            all.iter()
                .map(|v| render(engine, name, v, answers))
                .collect::<Result<_>>()?,
        ),
        Value::Number(_) | Value::String(_) => {
            let text = match raw {
                Value::String(s) => s.clone(),
                Value::Number(n) if n.is_f64() => json::float(n.as_f64().unwrap_or_default()),
                _ => raw.to_string(),
            };
            let context = minijinja::Value::from_serialize_data(&json!({ "cookiecutter": answers }));
            Value::String(engine.render(&format!("cookiecutter.json, {name}"), &text, &context)?)
        }
    })
}

fn prompt(
    engine: &Engine,
    config: &mut Map<String, Value>,
    given: &Given,
    ask: &mut dyn Ask,
) -> Result<Map<String, Value>> {
    let mut answers = Map::new();
    let labels = config.shift_remove("__prompts__").unwrap_or(Value::Null);
    for (key, raw) in config.iter() {
        let value = match raw {
            _ if key.starts_with('_') && !key.starts_with("__") => raw.clone(),
            _ if key.starts_with("__") => render(engine, key, raw, &answers)?,
            // Maps may refer to everything else, so they come last; their place is kept.
            Value::Object(_) => continue,
            Value::Array(_) => {
                let Value::Array(choices) = render(engine, key, raw, &answers)? else {
                    continue;
                };
                let first = choices
                    .first()
                    .cloned()
                    .ok_or_else(|| Fault::failed(format!("{key}: the list of choices is empty")))?;
                match given.answers.contains_key(key) {
                    true => first,
                    false => asked(
                        ask,
                        key,
                        &labels,
                        Form::One(
                            choices
                                .iter()
                                .map(|c| (choice_label(&labels, key, c), c.clone()))
                                .collect(),
                        ),
                        first,
                    )?,
                }
            }
            Value::Bool(b) if given.answers.contains_key(key) => json!(b),
            Value::Bool(b) => asked(ask, key, &labels, Form::Flag, json!(b))?,
            Value::Null | Value::Number(_) | Value::String(_) => {
                let default = render(engine, key, raw, &answers)?;
                match given.answers.contains_key(key) {
                    true => default,
                    false => asked(ask, key, &labels, Form::Text, default)?,
                }
            }
        };
        answers.insert(key.clone(), value);
    }
    for (key, raw) in config.iter() {
        if !raw.is_object() || (key.starts_with('_') && !key.starts_with("__")) {
            continue;
        }
        let value = render(engine, key, raw, &answers)?;
        let value = match key.starts_with("__") || given.answers.contains_key(key) {
            true => value,
            false => asked(ask, key, &labels, Form::Data, value)?,
        };
        answers.insert(key.clone(), value);
    }
    Ok(answers)
}

fn choice_label(labels: &Value, key: &str, choice: &Value) -> String {
    let plain = choice.as_str().map_or_else(|| choice.to_string(), str::to_owned);
    labels
        .get(key)
        .and_then(|l| l.get(&plain))
        .and_then(Value::as_str)
        .map_or(plain.clone(), str::to_owned)
}

fn asked(ask: &mut dyn Ask, key: &str, labels: &Value, form: Form, default: Value) -> Result<Value> {
    let label = match labels.get(key) {
        Some(Value::String(s)) => s.clone(),
        Some(Value::Object(o)) => o.get("__prompt__").and_then(Value::as_str).unwrap_or(key).to_owned(),
        _ => key.to_owned(),
    };
    let question = Question {
        name: key.to_owned(),
        text: label,
        help: String::new(),
        form,
        default: Some(default),
        secret: false,
        group: String::new(),
    };
    ask.ask(&question)
}

struct Job {
    engine: Engine,
    values: minijinja::Value,
    body: PathBuf,
    copied: Vec<String>,
    newline: Option<String>,
    tree: Tree,
}

impl Job {
    fn copy_only(&self, path: &str) -> bool {
        self.copied.iter().any(|p| glob::matches(p, path))
    }

    fn rendered(&self, path: &str) -> Result<String> {
        self.engine.render(path, path, &self.values)
    }

    /// One folder in cookiecutter's order: what is only copied, then folders, then files, then what is below.
    fn folder(&mut self, below: &str) -> Result<()> {
        let at = self.body.join(below);
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        for name in tree::names(&at)? {
            let path = if below.is_empty() {
                name
            } else {
                format!("{below}/{name}")
            };
            let full = within(&self.body, &self.body.join(&path)).map_err(|_| {
                Fault::failed(format!(
                    "{path} is a link that leads out of the template (or nowhere): take it out"
                ))
            })?;
            match full.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
        let (copied, rendered): (Vec<_>, Vec<_>) = folders.into_iter().partition(|p| self.copy_only(p));
        for path in copied {
            let to = self.rendered(&path)?;
            self.tree.remove(to.trim_end_matches('/'));
            self.copy_folder(&path, &to, 0)?;
        }
        for path in &rendered {
            let to = tree::inside(&self.rendered(path)?)?;
            if to.is_empty() || self.tree.get(&to).is_some() {
                return Err(Fault::failed(format!("{path} renders to {to:?}, which exists already")));
            }
            self.tree.folder(&to)?;
        }
        for path in files {
            self.file(&path)?;
        }
        for path in rendered {
            // A link to a folder is made as a folder, and what is in it is left: so does cookiecutter.
            let link = self.body.join(&path).symlink_metadata().is_ok_and(|m| m.is_symlink());
            if !link {
                self.folder(&path)?;
            }
        }
        Ok(())
    }

    fn copy_folder(&mut self, from: &str, to: &str, depth: usize) -> Result<()> {
        if depth > 64 {
            return Err(Fault::failed(format!(
                "{from} is nested too deep; look for a link that leads back"
            )));
        }
        self.tree.folder(to)?;
        for name in tree::names(&self.body.join(from))? {
            let (path, out) = (format!("{from}/{name}"), format!("{to}/{name}"));
            match within(&self.body, &self.body.join(&path))?.is_dir() {
                true => self.copy_folder(&path, &out, depth + 1)?,
                false => {
                    let (bytes, mode) = super::read_file(&self.body.join(&path))?;
                    self.tree.file(&out, bytes, mode)?;
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &str) -> Result<()> {
        let (bytes, mode) = super::read_file(&self.body.join(path))?;
        let raw = self.rendered(path)?;
        let to = tree::inside(&raw)?;
        if self.copy_only(path) {
            return self.tree.file(&to, bytes, mode);
        }
        // An empty name is how templates leave a file out.
        if to.is_empty() || raw.ends_with('/') || self.tree.get(&to) == Some(&tree::Entry::Folder) {
            return Ok(());
        }
        if is_binary(path, &bytes) {
            return self.tree.file(&to, bytes, mode);
        }
        let text = String::from_utf8(bytes).map_err(|_| {
            Fault::failed(format!(
                "{path} is neither UTF-8 nor known as binary: add it to _copy_without_render"
            ))
        })?;
        let out = self.engine.render(path, &text, &self.values)?;
        let newline = self.newline.clone().unwrap_or_else(|| first_newline(&text).to_owned());
        let out = if newline == "\n" {
            out
        } else {
            out.replace('\n', &newline)
        };
        self.tree.file(&to, out.into_bytes(), mode)
    }
}

/// How much of a file Python reads at once, and so knows the line ends of.
const CHUNK: usize = 8192;

/// The line end that Python names first of those it saw.
fn first_newline(text: &str) -> &'static str {
    let head = &text.as_bytes()[..text.len().min(CHUNK)];
    let pairs = head.windows(2).filter(|w| w == b"\r\n").count();
    let ends = |b: u8| head.iter().filter(|c| **c == b).count();
    match (ends(b'\r') > pairs, ends(b'\n') > pairs, pairs > 0) {
        (true, _, _) => "\r",
        (false, false, true) => "\r\n",
        (false, true, _) | (false, false, false) => "\n",
    }
}
