//! Slack's own markup, and how text from outside stays text in it.

use imp_core::person::Who;
use imp_core::{At, words};
use serde_json::{Value, json};

/// The longest text of a block (Slack: 3000), less room for an ellipsis.
pub const BLOCK_TEXT: usize = 2900;
/// The longest plain header (Slack: 150).
pub const HEADER_TEXT: usize = 150;

/// Text from outside: nothing in it is markup, a mention or a link.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Text from outside, shortened before it is escaped, so that no entity is cut in two.
pub fn quote(text: &str, max: usize) -> String {
    escape(&words::cut(text, max))
}

/// A person: a mention where Slack knows them, else their name.
pub fn person(who: &Who) -> String {
    match &who.slack {
        Some(id) if is_id(id) => format!("<@{id}>"),
        _ => escape(who.label()),
    }
}

/// Whoever acted, as far as Slack can mention them.
pub fn actor(by: &imp_core::Actor) -> String {
    by.who().map_or_else(|| escape(&by.label()), person)
}

/// A link; only web addresses become one.
pub fn link(url: &str, label: &str) -> String {
    match web(url) {
        Some(url) => format!("<{}|{}>", url.replace('&', "&amp;"), escape(label).replace('|', "¦")),
        None => escape(label),
    }
}

/// The address, where it is one of the web and has nothing in it that ends a link early.
pub fn web(url: &str) -> Option<&str> {
    let fine = (url.starts_with("https://") || url.starts_with("http://")) && url.len() <= 2000;
    (fine && !url.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '|' | '"')))
        .then_some(url)
}

/// A moment in the reader's own time zone.
pub fn moment(at: At) -> String {
    format!(
        "<!date^{}^{{date_short_pretty}} {{time}}|{}>",
        at.0.div_euclid(1000),
        at.rfc3339()
    )
}

/// Whether this can be an identifier of Slack's: so that nothing else gets between `<@` and `>`.
pub fn is_id(id: &str) -> bool {
    (2..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// A `section` with markup.
pub fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": words::cut(text, BLOCK_TEXT)}})
}

/// A `header`.
pub fn header(text: &str) -> Value {
    let text = words::cut(text, HEADER_TEXT);
    let text = if text.is_empty() { "…".to_owned() } else { text };
    json!({"type": "header", "text": {"type": "plain_text", "text": text, "emoji": true}})
}

/// A `context` line.
pub fn context(text: &str) -> Value {
    json!({"type": "context", "elements": [{"type": "mrkdwn", "text": words::cut(text, BLOCK_TEXT)}]})
}

/// A `divider`.
pub fn divider() -> Value {
    json!({"type": "divider"})
}

/// A plain text object.
pub fn plain(text: &str, max: usize) -> Value {
    let text = words::cut(text, max);
    let text = if text.is_empty() { "…".to_owned() } else { text };
    json!({"type": "plain_text", "text": text, "emoji": true})
}

/// A button that carries an incident's reference.
pub fn button(action_id: &str, label: &str, value: &str, style: Option<&str>) -> Value {
    let mut b = json!({"type": "button", "action_id": action_id, "text": plain(label, 75), "value": value});
    if let Some(s) = style {
        b["style"] = json!(s);
    }
    b
}

/// A button that opens an address.
pub fn link_button(action_id: &str, label: &str, url: &str) -> Option<Value> {
    web(url).map(|url| json!({"type": "button", "action_id": action_id, "text": plain(label, 75), "url": url}))
}

/// An `actions` block; none where there is no element.
pub fn actions(block_id: &str, elements: Vec<Value>) -> Option<Value> {
    (!elements.is_empty()).then(|| json!({"type": "actions", "block_id": block_id, "elements": elements}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_stays_text() {
        assert_eq!(
            escape("<!channel> & <@U1> <http://x|y>"),
            "&lt;!channel&gt; &amp; &lt;@U1&gt; &lt;http://x|y&gt;"
        );
        assert_eq!(link("javascript:alert(1)", "click"), "click");
        assert_eq!(
            link("https://x.example/a?b=1&c=2", "a|b>"),
            "<https://x.example/a?b=1&amp;c=2|a¦b&gt;>"
        );
        assert_eq!(person(&Who::slack("!channel")), "!channel");
        assert_eq!(quote(&"&".repeat(10), 4), "&amp;&amp;&amp;…");
    }
}
