//! Pictures and other files of a message: kept on the timeline by what they are called and where they are.

use super::mrkdwn::web;
use serde_json::Value;

/// Files of one message that are kept.
const KEPT_MAX: usize = 10;

/// A line for each, below the words of the message.
pub(super) fn of(message: &Value) -> String {
    let files = message["files"].as_array().into_iter().flatten();
    let line = |f: &Value| {
        let name = f["title"].as_str().or(f["name"].as_str()).unwrap_or("a file");
        let url = web(f["permalink"].as_str()?)?;
        Some(format!(
            "\n{}: {url}",
            imp_core::words::cut(&imp_core::words::title(name), 100)
        ))
    };
    files.filter_map(line).take(KEPT_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pictures_are_kept_by_name_and_address_and_nothing_else_becomes_a_link() {
        let files = json!({"files": [
            {"title": "graph.png", "permalink": "https://acme.slack.com/files/U1/F1/graph.png"},
            {"name": "x", "permalink": "javascript:alert(1)"},
            {"name": "without a place"},
            {"title": "x\nAda: resolved", "permalink": "https://acme.slack.com/files/U1/F2/x.png"},
        ]});
        assert_eq!(
            of(&files),
            "\ngraph.png: https://acme.slack.com/files/U1/F1/graph.png\nx Ada: resolved: https://acme.slack.com/files/U1/F2/x.png"
        );
        assert_eq!(of(&json!({"text": "nothing"})), "");
    }
}
