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

impl Question {
    /// For programs. The default of a secret is one.
    pub fn to_json(&self) -> Value {
        let (kind, choices) = match &self.form {
            Form::Text => ("text", None),
            Form::Flag => ("flag", None),
            Form::Number => ("number", None),
            Form::Data => ("data", None),
            Form::One(c) => ("one", Some(c)),
            Form::Some(c) => ("some", Some(c)),
        };
        let choices = choices.map(|c| {
            let all = c.iter().map(|(l, v)| serde_json::json!({ "label": l, "value": v }));
            all.collect::<Vec<_>>()
        });
        let default = if self.secret { None } else { self.default.clone() };
        serde_json::json!({ "name": self.name, "text": self.text, "help": self.help, "kind": kind, "choices": choices,
            "default": default, "secret": self.secret, "group": self.group })
    }
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

/// Listens to everything that is asked, and answers from a form where it says something, else with the defaults. What
/// does not fit is remembered, and the default stands in for it, so that all the other questions are still heard.
#[derive(Debug, Clone, Default)]
pub struct Listener {
    /// What the form says.
    pub form: Map<String, Value>,
    /// What was asked, in order.
    pub asked: Vec<Question>,
    /// Why an answer does not fit, by the question's name.
    pub faults: std::collections::BTreeMap<String, String>,
}

impl Ask for Listener {
    fn ask(&mut self, question: &Question) -> Result<Value> {
        if self.asked.iter().all(|q| q.name != question.name) {
            self.asked.push(question.clone());
        }
        if let Some(said) = self
            .form
            .get(&question.name)
            .filter(|_| !self.faults.contains_key(&question.name))
        {
            return Ok(said.clone());
        }
        let first = match &question.form {
            Form::One(c) => c.first().map(|(_, v)| v.clone()),
            Form::Some(_) => Some(Value::Array(Vec::new())),
            Form::Flag => Some(Value::Bool(false)),
            Form::Number => Some(Value::from(1)),
            Form::Text => Some(Value::from("example")),
            Form::Data => Some(Value::Null),
        };
        if question.default.is_none() && !self.faults.contains_key(&question.name) {
            self.faults.insert(question.name.clone(), "an answer is needed".into());
        }
        Ok(question.default.clone().or(first).unwrap_or(Value::Null))
    }

    fn refuse(&mut self, question: &Question, why: &str) -> bool {
        let again = !self.faults.contains_key(&question.name);
        self.faults
            .entry(question.name.clone())
            .or_insert_with(|| why.to_owned());
        again
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
