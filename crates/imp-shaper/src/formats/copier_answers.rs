//! The questions of copier's templates: what is asked, what an answer becomes, what is kept.

use super::copier::Config;
use crate::fault::{Fault, Result};
use crate::jinja::Engine;
use crate::jinja::json;
use crate::jinja::python::text_repr;
use crate::made::Place;
use crate::question::{Ask, Form, Given, Question};
use crate::yaml;
use serde_json::{Map, Value, json};

/// Stands for the default that a template takes back; no template can hold it.
const UNSET: &str = "\u{F8FE}";

/// Answers from everywhere, and which of them counts.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    user: Map<String, Value>,
    /// From the call.
    pub init: Map<String, Value>,
    metadata: Map<String, Value>,
    last: Map<String, Value>,
    hidden: Vec<String>,
    questions: Vec<String>,
    /// Names whose answers are not kept.
    pub secrets: Vec<String>,
    /// Where the answers are kept.
    pub file: String,
}

impl Answers {
    /// Before anything is asked.
    pub fn new(config: &Config, place: &Place, given: &Given) -> Answers {
        let mut metadata = Map::new();
        metadata.insert("_src_path".into(), json!(place.address));
        if let Some(d) = &place.described {
            metadata.insert("_commit".into(), json!(d));
        }
        let mut secrets = config.list("secret_questions").unwrap_or_default();
        let marked = config
            .questions
            .iter()
            .filter(|(_, q)| q.get("secret").is_some_and(truth));
        secrets.extend(marked.map(|(k, _)| k.clone()));
        Answers {
            init: given.answers.clone(),
            metadata,
            last: given.last.clone(),
            questions: config.questions.keys().cloned().collect(),
            secrets,
            ..Answers::default()
        }
    }

    /// By priority.
    pub fn combined(&self) -> Map<String, Value> {
        let mut all = self.last.clone();
        for more in [&self.metadata, &self.init, &self.user] {
            all.extend(more.clone());
        }
        all
    }

    /// What the answers file holds.
    pub fn remembered(&self) -> Map<String, Value> {
        let mut out = Map::new();
        for key in ["_commit", "_src_path"] {
            if let Some(v) = self.metadata.get(key) {
                out.insert(key.to_owned(), v.clone());
            }
        }
        out.extend(self.kept());
        out
    }

    /// The answers that may be kept.
    pub fn kept(&self) -> Map<String, Value> {
        let all = self.combined().into_iter();
        all.filter(|(k, _)| self.questions.contains(k) && !self.hidden.contains(k) && !self.secrets.contains(k))
            .collect()
    }
}

/// Whether copier takes a value for true.
pub fn truth(value: &Value) -> bool {
    match value {
        Value::Bool(b) => *b,
        Value::Null => false,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::Array(a) => !a.is_empty(),
        Value::Object(o) => !o.is_empty(),
        Value::String(s) => {
            let lower = s.trim().to_lowercase();
            match lower.replace('_', "").parse::<f64>() {
                Ok(n) => n != 0.0,
                Err(_) => !matches!(
                    lower.as_str(),
                    "" | "n" | "no" | "f" | "false" | "off" | "~" | "null" | "none"
                ),
            }
        }
    }
}

/// A value as Python's `str` shows it.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(b) => if *b { "True" } else { "False" }.into(),
        Value::Number(n) if n.is_f64() => json::float(n.as_f64().unwrap_or_default()),
        Value::Number(n) => n.to_string(),
        Value::String(s) => s.clone(),
        Value::Array(_) | Value::Object(_) => repr(value),
    }
}

fn repr(value: &Value) -> String {
    match value {
        Value::String(s) => text_repr(s),
        Value::Array(a) => format!("[{}]", a.iter().map(repr).collect::<Vec<_>>().join(", ")),
        Value::Object(o) => {
            let pairs = o.iter().map(|(k, v)| format!("{}: {}", text_repr(k), repr(v)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => shown(value),
    }
}

/// A choice: what it is called, what it is, and why it cannot be taken.
struct Choice {
    name: String,
    value: Value,
    disabled: String,
}

/// Asks all questions of a template.
pub struct Asked<'a> {
    /// Renders what the questions say.
    pub engine: &'a Engine,
    /// The questions.
    pub config: &'a Config,
    /// Where and of what.
    pub place: &'a Place,
}

impl Asked<'_> {
    /// In order; answers that were given are checked.
    pub fn all(&self, answers: &mut Answers, ask: &mut dyn Ask) -> Result<()> {
        for (name, details) in &self.config.questions {
            if ["now", "make_secret"].contains(&name.as_str()) {
                return Err(Fault::failed(format!(
                    "copier.yml: {name:?} cannot be the name of a question"
                )));
            }
            let mut one = One {
                asked: self,
                name,
                details,
                answers,
            };
            one.run(ask)?;
        }
        Ok(())
    }
}

struct One<'a> {
    asked: &'a Asked<'a>,
    name: &'a str,
    details: &'a Value,
    answers: &'a mut Answers,
}

impl One<'_> {
    fn run(&mut self, ask: &mut dyn Ask) -> Result<()> {
        let name = self.name.to_owned();
        let secret = self.answers.secrets.contains(&name);
        if let Some(last) = self.answers.last.get(&name).cloned() {
            let fits = self.parse(&last).and_then(|v| self.validate(&v));
            if fits.is_err() {
                self.answers.last.shift_remove(&name);
            }
        }
        let when = self.when()?;
        if !when {
            self.answers.hidden.push(name.clone());
            self.answers.last.shift_remove(&name);
            if self.default(when, secret)?.is_none() {
                return Ok(());
            }
        }
        if let Some(given) = self.answers.init.get(&name).cloned() {
            let value = self.parse(&given)?;
            self.validate(&value)?;
            self.answers.user.insert(name, value);
            return Ok(());
        }
        let default = self.default(when, secret)?;
        if !when {
            self.answers.user.extend(default.map(|d| (name, d)));
            return Ok(());
        }
        let question = self.question(default.clone(), secret)?;
        loop {
            let answer = ask.ask(&question)?;
            let parsed = match Some(&answer) == default.as_ref() {
                true => Ok(answer),
                false => self.parse(&answer).and_then(|v| self.validate(&v).map(|()| v)),
            };
            match parsed {
                Ok(value) => {
                    self.answers.user.insert(name, value);
                    return Ok(());
                }
                Err(e) if ask.refuse(&question, &e.to_string()) => {}
                Err(e) => return Err(e),
            }
        }
    }

    fn wrong(&self, why: impl std::fmt::Display) -> Fault {
        Fault::wrong(format!("{}: {why}", self.name))
    }

    fn render(&self, value: &Value, extra: &[(&str, Value)]) -> Result<Value> {
        Ok(match value {
            Value::String(s) => {
                let context = self.answers.context(self.asked.place, extra);
                Value::String(
                    self.asked
                        .engine
                        .render(&format!("copier.yml, {}", self.name), s, &context)?,
                )
            }
            Value::Array(all) => Value::Array(all.iter().map(|v| self.render(v, extra)).collect::<Result<_>>()?),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.clone(),
        })
    }

    fn detail(&self, key: &str) -> Option<&Value> {
        self.details.get(key)
    }

    fn when(&self) -> Result<bool> {
        match self.detail("when") {
            Some(v) => Ok(truth(&self.render(v, &[])?)),
            None => Ok(true),
        }
    }

    fn kind(&self) -> Result<String> {
        let kind = match self.detail("type").and_then(Value::as_str).filter(|t| !t.is_empty()) {
            Some(t) => shown(&self.render(&json!(t), &[])?),
            None => match self.detail("default") {
                Some(Value::Bool(_)) => "bool",
                Some(Value::Number(n)) if n.is_f64() => "float",
                Some(Value::Number(_)) => "int",
                Some(Value::String(_)) => "str",
                _ => "yaml",
            }
            .into(),
        };
        match ["bool", "float", "int", "json", "str", "yaml", "path"].contains(&kind.as_str()) {
            true => Ok(kind),
            false => Err(Fault::failed(format!(
                "copier.yml, {}: there is no type {kind:?}",
                self.name
            ))),
        }
    }

    fn multiselect(&self) -> bool {
        self.detail("multiselect").is_some_and(truth)
    }

    fn default(&self, when: bool, secret: bool) -> Result<Option<Value>> {
        let found = match self.answers.last.get(self.name) {
            Some(v) => v.clone(),
            None => match self.detail("default") {
                None => return Ok(None),
                Some(d) => self.render(d, &[("UNSET", json!(UNSET))])?,
            },
        };
        if found.as_str().is_some_and(|s| s.contains(UNSET)) {
            return Ok(None);
        }
        let value = self.parse(&found)?;
        if when && !secret {
            self.validate(&value)?;
        }
        Ok(Some(value))
    }

    fn cast(&self, value: &Value) -> Result<Value> {
        let kind = self.kind()?;
        let no = || self.wrong(format!("{} is no {kind}", shown(value)));
        if value.is_null() && kind != "json" && kind != "yaml" {
            return Err(no());
        }
        Ok(match (kind.as_str(), value) {
            ("bool", v) => json!(truth(v)),
            ("int", Value::Number(n)) => match n.as_i64() {
                Some(_) => value.clone(),
                None => json!(n.as_f64().ok_or_else(no)?.trunc() as i64),
            },
            ("int", Value::Bool(b)) => json!(i64::from(*b)),
            ("int", Value::String(s)) => json!(s.trim().replace('_', "").parse::<i64>().map_err(|_| no())?),
            ("float", Value::Number(n)) => json!(n.as_f64().ok_or_else(no)?),
            ("float", Value::Bool(b)) => json!(f64::from(u8::from(*b))),
            ("float", Value::String(s)) => json!(s.trim().replace('_', "").parse::<f64>().map_err(|_| no())?),
            ("str", Value::String(_) | Value::Number(_) | Value::Bool(_)) => json!(shown(value)),
            ("path", v) => json!(shown(v)),
            ("json", Value::String(s)) => serde_json::from_str(s).map_err(|e| self.wrong(e))?,
            ("yaml", Value::String(s)) => yaml::read(s).map_err(|e| self.wrong(e))?,
            ("json" | "yaml", v) => v.clone(),
            _ => return Err(no()),
        })
    }

    fn choices(&self) -> Result<Vec<Choice>> {
        let raw = match self.detail("choices") {
            None => return Ok(Vec::new()),
            Some(v @ Value::String(_)) => {
                let text = shown(&self.render(v, &[])?);
                yaml::read(&text).map_err(|e| self.wrong(e))?
            }
            Some(v) => v.clone(),
        };
        let pairs: Vec<(Value, Value, bool)> = match raw {
            Value::Object(o) => o.into_iter().map(|(k, v)| (json!(k), v, true)).collect(),
            Value::Array(all) => all
                .into_iter()
                .map(|c| match c {
                    Value::Array(pair) if pair.len() == 2 => (pair[0].clone(), pair[1].clone(), true),
                    one => (one.clone(), one, false),
                })
                .collect(),
            Value::Null => Vec::new(),
            _ => return Err(self.wrong("its choices are neither a list nor a map")),
        };
        let mut out = Vec::new();
        for (name, value, paired) in pairs {
            let extended = value.as_object().filter(|_| paired);
            let disabled = match extended.and_then(|o| o.get("validator")) {
                Some(v) => shown(&self.render(v, &[])?),
                None => String::new(),
            };
            let value = match extended {
                Some(o) => o
                    .get("value")
                    .cloned()
                    .ok_or_else(|| self.wrong("a choice has no value"))?,
                None => value,
            };
            out.push(Choice {
                name: shown(&self.render(&name, &[])?),
                value: self.render(&value, &[])?,
                disabled,
            });
        }
        Ok(out)
    }

    fn parse(&self, answer: &Value) -> Result<Value> {
        let choices = self.choices()?;
        if !self.multiselect() {
            return self.parse_one(answer, &choices);
        }
        let items: Vec<Value> = match answer {
            Value::String(s) => yaml::raw_items(s)
                .map_err(|e| self.wrong(e))?
                .into_iter()
                .map(Value::from)
                .collect(),
            Value::Array(a) => a.clone(),
            _ => return Err(self.wrong(format!("{} is no list", shown(answer)))),
        };
        let parsed: Vec<Value> = items
            .iter()
            .map(|i| self.parse_one(i, &choices))
            .collect::<Result<_>>()?;
        let mut out = Vec::new();
        for choice in &choices {
            let value = self.cast(&choice.value)?;
            if parsed.contains(&value) {
                out.push(value);
            }
        }
        Ok(Value::Array(out))
    }

    fn parse_one(&self, answer: &Value, choices: &[Choice]) -> Result<Value> {
        let value = self.cast(answer)?;
        if choices.is_empty() {
            return Ok(value);
        }
        let mut valid = Vec::new();
        for choice in choices {
            let known = self.cast(&choice.value)?;
            if known == value {
                return match choice.disabled.is_empty() {
                    true => Ok(value),
                    false => Err(self.wrong(format!("this choice cannot be taken: {}", choice.disabled))),
                };
            }
            if choice.disabled.is_empty() {
                valid.push(repr(&known));
            }
        }
        Err(self.wrong(format!("{} is not in [{}]", repr(&value), valid.join(", "))))
    }

    fn validate(&self, value: &Value) -> Result<()> {
        let Some(validator) = self.detail("validator") else {
            return Ok(());
        };
        let said = shown(&self.render(validator, &[(self.name, value.clone())])?);
        match said.trim() {
            "" => Ok(()),
            why => Err(self.wrong(why)),
        }
    }

    fn question(&self, default: Option<Value>, secret: bool) -> Result<Question> {
        let help = match self.detail("help") {
            Some(h) => shown(&self.render(h, &[])?),
            None => String::new(),
        };
        let choices = self.choices()?;
        let named: Vec<_> = choices
            .iter()
            .filter(|c| c.disabled.is_empty())
            .map(|c| (c.name.clone(), c.value.clone()))
            .collect();
        let form = match self.kind()?.as_str() {
            _ if !choices.is_empty() && self.multiselect() => Form::Some(named),
            _ if !choices.is_empty() => Form::One(named),
            "bool" => Form::Flag,
            "int" | "float" => Form::Number,
            "json" | "yaml" => Form::Data,
            _ => Form::Text,
        };
        Ok(Question {
            name: self.name.to_owned(),
            text: if help.is_empty() { self.name.to_owned() } else { help },
            help: String::new(),
            form,
            default,
            secret,
            group: String::new(),
        })
    }
}
