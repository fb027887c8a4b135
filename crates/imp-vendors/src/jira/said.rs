//! What a field says, as one text: by it what we wrote, what Jira holds and what its history tells are compared. Pure.

use super::adf;
use imp_core::At;
use serde_json::Value;

/// A field's value as text; empty where it is empty. Two values that people would call the same give the same text.
pub(super) fn said(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.as_f64().map_or_else(|| n.to_string(), |f| f.to_string()),
        Value::String(s) => text(s),
        Value::Array(items) => {
            let mut all: Vec<String> = items.iter().map(said).collect();
            all.sort();
            all.join(" ")
        }
        Value::Object(o) if o.get("type").and_then(Value::as_str) == Some("doc") => adf::plain(value),
        Value::Object(o) => ["accountId", "value", "name", "key", "id"]
            .iter()
            .find_map(|k| o.get(*k).filter(|v| !v.is_null()))
            .map(said)
            .unwrap_or_default(),
    }
}

/// Jira gives a moment back in another notation than it took it.
fn text(s: &str) -> String {
    let s = s.trim();
    let colon = |s: &str| {
        let (head, zone) = s.split_at_checked(s.len().checked_sub(5)?)?;
        let sign = zone.starts_with(['+', '-']) && zone[1..].bytes().all(|b| b.is_ascii_digit());
        sign.then(|| format!("{head}{}:{}", &zone[..3], &zone[3..]))
    };
    match s.len() >= 20 && s.as_bytes().get(10) == Some(&b'T') {
        true => At::parse(s)
            .or_else(|| colon(s).and_then(|s| At::parse(&s)))
            .map_or_else(|| s.to_owned(), At::rfc3339),
        false => s.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_we_write_and_what_jira_gives_back_say_the_same() {
        let same = |a: Value, b: Value| assert_eq!(said(&a), said(&b), "{a} and {b}");
        same(json!({"name": "High"}), json!({"self": "x", "id": "2", "name": "High"}));
        same(
            json!({"accountId": "7:a"}),
            json!({"accountId": "7:a", "displayName": "Ana"}),
        );
        same(json!({"value": "SEV1"}), json!({"id": "10400", "value": "SEV1"}));
        same(json!("2026-11-22T10:00:00.000+0000"), json!("2026-11-22T10:00:00Z"));
        same(json!("2026-11-22T12:00:00.000+0200"), json!("2026-11-22T10:00:00.000Z"));
        same(json!(5), json!(5.0));
        same(json!(["b", "a"]), json!(["a", "b"]));
        same(json!(null), json!(""));
        same(adf::document(&[adf::Block::Text("a\n\nb".into())]), json!("a\nb"));
    }
}
