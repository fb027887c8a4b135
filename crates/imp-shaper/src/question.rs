//! What is asked, and who answers: a file, the call's words, the defaults, a person.

use crate::fault::{Fault, Result};
use serde_json::{Map, Value};

/// What an answer looks like.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// One line, or several.
    Text,
    /// Yes or no.
    Flag,
    /// A number.
    Number,
    /// One of these: what it is called, and what it is.
    One(Vec<(String, Value)>),
    /// Any of these.
    Some(Vec<(String, Value)>),
    /// JSON or YAML.
    Data,
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Its name among the answers.
    pub name: String,
    /// What people read.
    pub text: String,
    /// More words on it.
    pub help: String,
    /// What an answer looks like.
    pub form: Form,
    /// The answer where none is given.
    pub default: Option<Value>,
    /// Whether the answer must not be shown or kept.
    pub secret: bool,
    /// The page of a form that it stands on.
    pub group: String,
}

/// Whoever answers what neither the call nor a file has answered.
pub trait Ask {
    /// An answer, or why there is none.
    fn ask(&mut self, question: &Question) -> Result<Value>;
    /// An answer did not fit. Whether another one can be had.
    fn refuse(&mut self, question: &Question, why: &str) -> bool;
}

/// Nobody is asked: the defaults hold.
#[derive(Debug, Clone, Copy)]
pub struct Defaults;

impl Ask for Defaults {
    fn ask(&mut self, question: &Question) -> Result<Value> {
        question
            .default
            .clone()
            .ok_or_else(|| missing(question, "and has no default"))
    }

    fn refuse(&mut self, _: &Question, _: &str) -> bool {
        false
    }
}

/// Nobody is there to be asked, and the defaults were not asked for.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl Ask for Nobody {
    fn ask(&mut self, question: &Question) -> Result<Value> {
        Err(missing(question, "and there is no terminal to ask at"))
    }

    fn refuse(&mut self, _: &Question, _: &str) -> bool {
        false
    }
}

fn missing(question: &Question, why: &str) -> Fault {
    let name = &question.name;
    Fault::wrong(format!(
        "the question {name:?} has no answer {why}: give one with --set {name}=…, in a file with --answers, or take the defaults with --defaults"
    ))
}

/// What is known before anybody is asked.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// From the call: `--set` over `--answers`.
    pub answers: Map<String, Value>,
    /// Names that came from `--set`, which must be questions.
    pub set: Vec<String>,
    /// What is known of whoever asks, such as the organisation: it is the default of questions of these names.
    pub known: Map<String, Value>,
    /// From the last time: where they no longer fit, the default holds.
    pub last: Map<String, Value>,
}

impl Given {
    /// Refuses names that are no question, and names the nearest that is one.
    pub fn check(&self, known: &[String]) -> Result<()> {
        for name in &self.set {
            if known.contains(name) {
                continue;
            }
            let near = known
                .iter()
                .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
            let hint = match near.filter(|n| strsim::jaro_winkler(n, name) > 0.7) {
                Some(n) => format!("did you mean {n}?"),
                None => format!("it asks for {}", known.join(", ")),
            };
            return Err(Fault::wrong(format!(
                "--set {name}=…: the template has no question {name:?}; {hint}"
            )));
        }
        Ok(())
    }
}

/// Answers from a file: YAML, JSON or TOML by its ending.
pub fn read(path: &std::path::Path) -> Result<Map<String, Value>> {
    let wrong = |why: String| Fault::wrong(format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| wrong(format!("it cannot be read: {e}")))?;
    let ending = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
        .to_lowercase();
    let value = match ending.as_str() {
        "toml" => toml::from_str::<Value>(&text).map_err(|e| wrong(e.message().to_owned()))?,
        "json" => serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?,
        _ => crate::yaml::read(&text).map_err(wrong)?,
    };
    match value {
        Value::Object(map) => match (map.len(), map.get("answers")) {
            // A service's own record can be given as it is.
            (_, Some(Value::Object(inner))) if map.contains_key("template") => Ok(inner.clone()),
            _ => Ok(map),
        },
        Value::Null => Ok(Map::new()),
        _ => Err(wrong("it must be a map of answers by name".into())),
    }
}
