//! The schema of a process file for editors (JSON Schema 2020-12), made of the same table that the check reads.

use super::shape::{FILE, Key, Shape};
use serde_json::{Map, Value, json};

/// The schema.
pub fn schema() -> Value {
    let mut whole = table(FILE);
    if let Some(whole) = whole.as_object_mut() {
        whole.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        whole.insert("title".into(), "The process of IMP".into());
    }
    whole
}

fn table(keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|k| (k.name.to_owned(), property(k))).collect();
    let needed: Vec<&str> = keys.iter().filter(|k| k.needed).map(|k| k.name).collect();
    json!({"type": "object", "properties": properties, "required": needed, "additionalProperties": false})
}

fn property(key: &Key) -> Value {
    let mut out = of(key.shape);
    if let Some(o) = out.as_object_mut() {
        o.insert("description".into(), key.says.into());
    }
    out
}

fn of(shape: Shape) -> Value {
    match shape {
        Shape::Count => json!({"type": "integer", "minimum": 1}),
        Shape::Text => json!({"type": "string"}),
        Shape::Said => json!({"type": "string", "pattern": "\\S"}),
        Shape::Span => json!({"type": "string", "pattern": "^\\s*[0-9]+[smhd]\\s*$"}),
        Shape::Word(words) => json!({"type": "string", "enum": words}),
        Shape::Labels => json!({"type": "object", "additionalProperties": {"type": "string", "pattern": "\\S"}}),
        Shape::List(of_what) => json!({"type": "array", "items": of(*of_what)}),
        Shape::Table(keys) => table(keys),
    }
}
