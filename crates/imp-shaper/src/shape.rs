//! `.imp/shape.yml`: which template a service was made of, at which version, with which answers. No secrets.

use crate::fault::{Fault, Result};
use crate::{yaml, yaml_out};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Where it stands in a service.
pub const PATH: &str = ".imp/shape.yml";
/// What it begins with.
const HEAD: &str =
    "# Written by Service Shaper; `imp shape update` reads it. Change answers with `imp shape update --set`.\n";

/// The record.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// The template's address.
    pub template: String,
    /// Its kind.
    pub format: String,
    /// Its version, where it has one.
    pub version: Option<String>,
    /// Its commit, where it has one.
    pub commit: Option<String>,
    /// The answers that may be kept.
    pub answers: Map<String, Value>,
}

impl Shape {
    /// As the file holds it.
    pub fn text(&self) -> String {
        let mut map = Map::new();
        map.insert("template".into(), json!(self.template));
        map.insert("format".into(), json!(self.format));
        if let Some(v) = &self.version {
            map.insert("version".into(), json!(v));
        }
        if let Some(c) = &self.commit {
            map.insert("commit".into(), json!(c));
        }
        map.insert("answers".into(), Value::Object(self.answers.clone()));
        let style = yaml_out::Style {
            sort: false,
            ..yaml_out::Style::default()
        };
        format!("{HEAD}{}", yaml_out::write(&Value::Object(map), style))
    }

    /// Reads a service's.
    pub fn read(folder: &Path) -> Result<Shape> {
        let path = folder.join(PATH);
        let text = std::fs::read_to_string(&path).map_err(|e| {
            Fault::failed(format!(
                "{} cannot be read ({e}): only what `imp shape new` made can be updated; a deleted record comes back with `git checkout HEAD~ -- {PATH}`",
                path.display()
            ))
        })?;
        Shape::parse(&text).map_err(|why| Fault::failed(format!("{}: {why}", path.display())))
    }

    fn parse(text: &str) -> std::result::Result<Shape, String> {
        let Value::Object(map) = yaml::read(text)? else {
            return Err("it holds no map".into());
        };
        let word = |k: &str| map.get(k).map(crate::formats::copier_answers::shown);
        Ok(Shape {
            template: word("template").ok_or("it names no template")?,
            format: word("format").unwrap_or_default(),
            version: word("version"),
            commit: word("commit"),
            answers: map
                .get("answers")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default(),
        })
    }
}
