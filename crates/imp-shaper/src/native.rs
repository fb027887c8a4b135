//! Templates of our own: a manifest, files, and parts that templates share.
//!
//! `{$ … $}` stands for an answer, so that nothing clashes with `${{ }}`, `{{ }}` and `${ }` in what is made.

use crate::fault::{Fault, Result};
use crate::formats::{copier_answers::truth, glob, read_file};
use crate::jinja::rewrite::Marks;
use crate::jinja::{Engine, Manner, World, ansible::FromData as _};
use crate::made::{Held, Made, Outfit, Place, Variable};
use crate::question::{Ask, Form, Given, Question};
use crate::tree::{self, Tree};
use crate::{binary, check};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::path::Path;

/// `template.toml`, and `part.toml` of a part.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Manifest {
    /// What it makes, in a sentence.
    pub description: String,
    /// Its version.
    pub version: String,
    /// Folders in `parts` beside the template, whose files and questions come first.
    pub parts: Vec<String>,
    /// What is asked.
    pub question: Vec<Asked>,
    /// What holds for some of the files.
    pub file: Vec<Rule>,
    /// What its repository deploys to.
    pub environment: Vec<Wanted>,
    /// What the repository's workflows may read.
    pub variable: Vec<Wanted>,
    /// What they may use and nobody reads; the values are in IMP's configuration.
    pub secret: Vec<Wanted>,
    /// What the template wants to say when it is done.
    pub message: String,
}

/// An environment, a variable or a secret of a manifest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    name: String,
    /// A variable's value, with answers in it.
    value: Option<String>,
    /// The environment that it is for.
    environment: Option<String>,
    /// Wanted only where this holds.
    when: Option<String>,
}

/// A question of a manifest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    name: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    help: String,
    #[serde(default)]
    kind: Kind,
    default: Option<Value>,
    #[serde(default)]
    choices: Vec<Value>,
    /// What an answer must look like.
    pattern: Option<String>,
    /// Asked only where this holds.
    when: Option<String>,
    #[serde(default)]
    secret: bool,
    #[serde(default)]
    group: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Text,
    Flag,
    Number,
    One,
    Some,
}

/// What holds for the files that a pattern names.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    path: String,
    /// They are made only where this holds.
    when: Option<String>,
    /// They are copied as they are.
    #[serde(default)]
    raw: bool,
}

fn manifest(path: &Path) -> Result<Manifest> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| Fault::failed(format!("{name} cannot be read: {e}")))?;
    toml::from_str(&text).map_err(|e: toml::de::Error| {
        let line = e
            .span()
            .map_or(0, |s| text[..s.start.min(text.len())].matches('\n').count() + 1);
        Fault::failed(format!("{name}, line {line}: {}", e.message()))
    })
}

fn engine(world: &World) -> Result<Engine> {
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let manner = Manner {
        marks: Marks {
            block: pair("{%", "%}"),
            variable: pair("{$", "$}"),
            comment: pair("{#-", "-#}"),
        },
        trim_blocks: true,
        lstrip_blocks: true,
        ..Manner::default()
    };
    Engine::new(&manner, world)
}

/// The files of a template with these answers.
pub fn make(place: &Place, given: &Given, ask: &mut dyn Ask, world: &World) -> Result<Made> {
    let own = manifest(&place.template.join("template.toml"))?;
    let mut all = Vec::new();
    for part in &own.parts {
        let beside = place.template.parent().unwrap_or(Path::new("")).join("parts");
        let folder = beside.join(tree::inside(part)?);
        if !folder.join("part.toml").is_file() {
            return Err(Fault::failed(format!(
                "template.toml names the part {part:?}, and {} is not there",
                folder.display()
            )));
        }
        all.push((manifest(&folder.join("part.toml"))?, folder));
    }
    all.push((own.clone(), place.template.clone()));
    let engine = engine(world)?;
    let questions: Vec<&Asked> = all.iter().flat_map(|(m, _)| &m.question).collect();
    given.check(&questions.iter().map(|q| q.name.clone()).collect::<Vec<_>>())?;
    let mut answers = Map::new();
    let mut kept = Map::new();
    let mut secrets = Vec::new();
    for question in &questions {
        let value = answer(&engine, question, &answers, given, ask)?;
        if question.secret {
            secrets.push(question.name.clone());
        } else if let Some(v) = &value {
            kept.insert(question.name.clone(), v.clone());
        }
        answers.insert(question.name.clone(), value.unwrap_or(Value::Null));
    }
    let version = Some(own.version.clone()).filter(|v| !v.is_empty());
    answers.insert("template_version".into(), json!(version));
    let values = minijinja::Value::from_serialize_data(&Value::Object(answers.clone()));
    let mut tree = Tree::default();
    for (manifest, folder) in &all {
        let job = Job {
            engine: &engine,
            values: &values,
            answers: &answers,
            rules: &manifest.file,
        };
        job.files(&folder.join("files"), &mut tree)?;
    }
    let receipt = check::receipt(&check::judge(&tree), &place.address, version.as_deref());
    tree.file(check::RECEIPT, receipt.into_bytes(), 0o644)?;
    let outfit = outfit(&engine, all.iter().map(|(m, _)| m), &kept)?;
    let message = engine.render("message", &own.message, &values)?;
    Ok(Made {
        tree,
        name: answers.get("service").and_then(Value::as_str).map(str::to_owned),
        answers: kept,
        secrets,
        outfit,
        messages: Some(message).filter(|m| !m.is_empty()).into_iter().collect(),
        ..Made::default()
    })
}

/// What the repository is to have besides files. Answers to secret questions are not to be had here: a variable is read by
/// everybody.
fn outfit<'a>(engine: &Engine, all: impl Iterator<Item = &'a Manifest>, kept: &Map<String, Value>) -> Result<Outfit> {
    let values = minijinja::Value::from_serialize_data(&Value::Object(kept.clone()));
    let mut out = Outfit::default();
    for manifest in all {
        let wanted = |w: &Wanted| holds(engine, w.when.as_deref(), kept);
        for w in &manifest.environment {
            if wanted(w)? {
                out.environments.push(named(w)?.to_owned());
            }
        }
        for w in &manifest.variable {
            let value = w
                .value
                .as_deref()
                .ok_or_else(|| Fault::failed(format!("template.toml: the variable {:?} has no value", w.name)))?;
            if wanted(w)? {
                out.variables.push(Variable {
                    name: named(w)?.to_owned(),
                    value: engine.render(&w.name, value, &values)?,
                    environment: w.environment.clone(),
                });
            }
        }
        for w in &manifest.secret {
            if w.value.is_some() {
                let words = "a template holds no secrets; its value belongs into [shaper] secrets of imp.toml";
                return Err(Fault::failed(format!(
                    "template.toml: the secret {:?}: {words}",
                    w.name
                )));
            }
            if wanted(w)? {
                out.secrets.push(Held {
                    name: named(w)?.to_owned(),
                    environment: w.environment.clone(),
                });
            }
        }
    }
    Ok(out)
}

fn named(w: &Wanted) -> Result<&str> {
    match w.name.trim().is_empty() {
        false => Ok(&w.name),
        true => Err(Fault::failed(
            "template.toml: an environment, a variable or a secret has no name",
        )),
    }
}

fn holds(engine: &Engine, when: Option<&str>, answers: &Map<String, Value>) -> Result<bool> {
    let Some(when) = when else {
        return Ok(true);
    };
    let values = minijinja::Value::from_serialize_data(&Value::Object(answers.clone()));
    Ok(engine.render(when, &format!("{{% if {when} %}}yes{{% endif %}}"), &values)? == "yes")
}

fn answer(
    engine: &Engine,
    q: &Asked,
    answers: &Map<String, Value>,
    given: &Given,
    ask: &mut dyn Ask,
) -> Result<Option<Value>> {
    let values = minijinja::Value::from_serialize_data(&Value::Object(answers.clone()));
    let known = given.known.get(&q.name).and_then(|v| fit(q, v).ok());
    let default = match &q.default {
        _ if known.is_some() => known,
        Some(Value::String(s)) => Some(json!(engine.render(&q.name, s, &values)?)),
        other => other.clone(),
    };
    if !holds(engine, q.when.as_deref(), answers)? {
        return Ok(default);
    }
    if let Some(v) = given.answers.get(&q.name) {
        return fit(q, v).map(Some);
    }
    if let Some(v) = given.last.get(&q.name).and_then(|v| fit(q, v).ok()) {
        return Ok(Some(v));
    }
    let named: Vec<(String, Value)> = q
        .choices
        .iter()
        .map(|c| (crate::formats::copier_answers::shown(c), c.clone()))
        .collect();
    let question = Question {
        name: q.name.clone(),
        text: if q.text.is_empty() {
            q.name.clone()
        } else {
            q.text.clone()
        },
        help: q.help.clone(),
        form: match q.kind {
            Kind::Text => Form::Text,
            Kind::Flag => Form::Flag,
            Kind::Number => Form::Number,
            Kind::One => Form::One(named),
            Kind::Some => Form::Some(named),
        },
        default,
        secret: q.secret,
        group: q.group.clone(),
    };
    loop {
        let said = ask.ask(&question)?;
        match fit(q, &said) {
            Ok(v) => return Ok(Some(v)),
            Err(e) if ask.refuse(&question, &e.to_string()) => {}
            Err(e) => return Err(e),
        }
    }
}

/// An answer as the question wants it, or why it is none.
fn fit(q: &Asked, value: &Value) -> Result<Value> {
    let wrong = |why: String| Fault::wrong(format!("{}: {why}", q.name));
    let text = crate::formats::copier_answers::shown(value);
    let known = |v: &Value| {
        q.choices
            .iter()
            .find(|c| *c == v || crate::formats::copier_answers::shown(c) == crate::formats::copier_answers::shown(v))
            .cloned()
    };
    let list = || {
        q.choices
            .iter()
            .map(crate::formats::copier_answers::shown)
            .collect::<Vec<_>>()
            .join(", ")
    };
    match q.kind {
        Kind::Flag => Ok(json!(truth(value))),
        Kind::Number => text
            .trim()
            .parse::<i64>()
            .map(|n| json!(n))
            .map_err(|_| wrong(format!("{text:?} is no whole number"))),
        Kind::One => known(value).ok_or_else(|| wrong(format!("{text:?} is none of {}", list()))),
        Kind::Some => {
            let all = match value {
                Value::Array(a) => a.clone(),
                _ => text
                    .split(',')
                    .map(str::trim)
                    .filter(|t| !t.is_empty())
                    .map(|t| json!(t))
                    .collect(),
            };
            let fits = all
                .iter()
                .map(|v| known(v).ok_or_else(|| wrong(format!("{v} is none of {}", list()))));
            fits.collect::<Result<Vec<_>>>().map(Value::Array)
        }
        Kind::Text => {
            if text.chars().any(|c| c.is_control()) {
                return Err(wrong("an answer is one line without control characters".into()));
            }
            if let Some(p) = &q.pattern {
                let regex =
                    fancy_regex::Regex::new(p).map_err(|e| Fault::failed(format!("template.toml, {}: {e}", q.name)))?;
                if !regex.is_match(text.as_str()).unwrap_or(false) {
                    return Err(wrong(format!(
                        "{text:?} does not fit {p}{}",
                        if q.help.is_empty() {
                            String::new()
                        } else {
                            format!(": {}", q.help)
                        }
                    )));
                }
            }
            Ok(json!(text))
        }
    }
}

struct Job<'a> {
    engine: &'a Engine,
    values: &'a minijinja::Value,
    answers: &'a Map<String, Value>,
    rules: &'a [Rule],
}

impl Job<'_> {
    fn files(&self, folder: &Path, tree: &mut Tree) -> Result<()> {
        if !folder.is_dir() {
            return Ok(());
        }
        let all = Tree::read(folder)?;
        for path in all.files() {
            let mut raw = false;
            let mut wanted = true;
            for rule in self.rules.iter().filter(|r| glob::matches(&r.path, path)) {
                raw |= rule.raw;
                wanted &= holds(self.engine, rule.when.as_deref(), self.answers)?;
            }
            if !wanted {
                continue;
            }
            let to = self.engine.render(path, path, self.values)?;
            let (bytes, mode) = read_file(&folder.join(path))?;
            if raw || binary::is_binary(path, &bytes) {
                tree.file(&to, bytes, mode)?;
                continue;
            }
            let text = String::from_utf8(bytes).map_err(|_| Fault::failed(format!("{path} is not UTF-8")))?;
            tree.file(&to, self.engine.render(path, &text, self.values)?.into_bytes(), mode)?;
        }
        Ok(())
    }
}
