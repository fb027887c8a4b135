//! Slack's own markup, and how text from outside stays text in it.

use imp_core::person::Who;
use imp_core::{At, words};
use serde_json::{Value, json};

/// The longest text of a block (Slack: 3000), less room for an ellipsis.
pub const BLOCK_TEXT: usize = 2900;
/// The longest text of a field (Slack: 2000).
const FIELD_TEXT: usize = 1900;
/// Elements in one `actions` block (Slack: 25).
const ACTIONS_MAX: usize = 25;
/// The longest plain header (Slack: 150).
pub const HEADER_TEXT: usize = 150;

/// What Slack reads as markup, and the sign that looks like it and is none.
const MARKERS: [(char, char); 4] = [('*', '∗'), ('_', 'ˍ'), ('~', '∼'), ('`', 'ˋ')];

/// Text from outside: nothing in it is markup, a mention or a link.
pub fn escape(text: &str) -> String {
    house(&still(text))
}

/// Text of the house itself, from its process or from this program: it may be bold, but calls nobody and links nowhere.
pub fn house(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Text from outside, set in bold: it cannot end that by itself.
pub fn bold(text: &str) -> String {
    format!("*{}*", escape(&lone(text, '*')))
}

/// Text from outside, set in italics: it cannot end that by itself.
pub fn italic(text: &str) -> String {
    format!("_{}_", escape(&lone(text, '_')))
}

/// Where a pair of markers would format what is between them, signs that look the same stand instead. Slack sees a
/// pair in one line, where no letter is before the first or after the second and no gap is inside; `payments_api` and
/// `2 * 3` stay as they are.
fn still(text: &str) -> String {
    if !text.contains(MARKERS.map(|(m, _)| m)) {
        return text.to_owned();
    }
    let lines = text.split('\n').map(|line| {
        let mut all: Vec<char> = line.chars().collect();
        for (marker, sign) in MARKERS {
            let mut from = 0;
            while let Some(first) = (from..all.len()).find(|n| opens(&all, *n, marker)) {
                let Some(last) = (first + 2..all.len()).find(|n| closes(&all, *n, marker)) else {
                    break;
                };
                all[first] = sign;
                all[last] = sign;
                from = first + 1;
            }
        }
        all.into_iter().collect::<String>()
    });
    lines.collect::<Vec<String>>().join("\n")
}

/// The same for one marker at the edge of a word that has no second: beside one of ours it would make a pair.
fn lone(text: &str, marker: char) -> String {
    let sign = MARKERS.iter().find(|(m, _)| *m == marker).map_or(marker, |(_, s)| *s);
    let mut all: Vec<char> = text.chars().collect();
    for n in 0..all.len() {
        if opens(&all, n, marker) || closes(&all, n, marker) {
            all[n] = sign;
        }
    }
    all.into_iter().collect()
}

fn opens(all: &[char], n: usize, marker: char) -> bool {
    let before = n.checked_sub(1).and_then(|b| all.get(b));
    all.get(n) == Some(&marker)
        && before.is_none_or(|c| !letter(*c))
        && all.get(n + 1).is_some_and(|c| !c.is_whitespace())
}

fn closes(all: &[char], n: usize, marker: char) -> bool {
    let before = n.checked_sub(1).and_then(|b| all.get(b));
    all.get(n) == Some(&marker)
        && before.is_some_and(|c| !c.is_whitespace())
        && all.get(n + 1).is_none_or(|c| !letter(*c))
}

/// The signs that stand for markers count as such, though Unicode has some of them as letters.
fn letter(c: char) -> bool {
    c.is_alphanumeric() && MARKERS.iter().all(|(_, sign)| *sign != c)
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

/// Beside people on call, where the catalogue has not answered since `at`.
pub fn as_it_was(at: At) -> String {
    format!(
        ":warning: The catalogue does not answer. Who is on call is as it was known {}.",
        moment(at)
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

/// A `section` with text from outside: Slack makes no link of an address that it finds there.
pub fn told(text: &str) -> Value {
    let mut b = section(text);
    b["text"]["verbatim"] = json!(true);
    b
}

/// The fields of a section, a name and what is known of it; names come from outside as well.
pub fn fields(texts: &[String]) -> Value {
    let all = texts
        .iter()
        .map(|t| json!({"type": "mrkdwn", "text": words::cut(t, FIELD_TEXT), "verbatim": true}));
    json!({"type": "section", "fields": all.collect::<Vec<_>>()})
}

/// A `header`.
pub fn header(text: &str) -> Value {
    let text = words::cut(text, HEADER_TEXT);
    let text = if text.is_empty() { "…".to_owned() } else { text };
    json!({"type": "header", "text": {"type": "plain_text", "text": text, "emoji": true}})
}

/// A `context` line; where titles and reasons stand in it, no address becomes a link by itself.
pub fn context(text: &str) -> Value {
    json!({"type": "context", "elements": [
        {"type": "mrkdwn", "text": words::cut(text, BLOCK_TEXT), "verbatim": true}]})
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

/// `actions` blocks, as many as it takes; none where there is no element.
pub fn actions(block_id: &str, elements: Vec<Value>) -> Vec<Value> {
    let rows = elements.chunks(ACTIONS_MAX).enumerate();
    rows.map(|(n, row)| {
        let id = if n == 0 {
            block_id.to_owned()
        } else {
            format!("{block_id}.{n}")
        };
        json!({"type": "actions", "block_id": id, "elements": row})
    })
    .collect()
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

    #[test]
    fn text_from_outside_is_never_formatted_and_ordinary_text_stays_as_it_is() {
        assert_eq!(escape("*bold* _it_ ~st~ `code`"), "∗bold∗ ˍitˍ ∼st∼ ˋcodeˋ");
        assert_eq!(
            escape("(*bold*), **twice** and ```all```"),
            "(∗bold∗), ∗∗twice∗∗ and ˋˋˋallˋˋˋ"
        );
        for ordinary in [
            "payments_api and search_v2_read",
            "2 * 3 * 4, 2*3*4",
            "~5 minutes",
            "_a line\nb_ another",
            "a* b *c",
            "cost_of_* and `",
        ] {
            assert_eq!(escape(ordinary), ordinary);
        }
        assert_eq!(bold("a* b"), "*a∗ b*");
        assert_eq!(bold("2 * 3_x"), "*2 * 3_x*");
        assert_eq!(italic("so_ and"), "_soˍ and_");
        assert_eq!(house("*Now:* a < b"), "*Now:* a &lt; b");
    }

    #[test]
    fn a_row_of_buttons_is_never_longer_than_slack_takes() {
        let row = |n: usize| actions("moves", vec![button("a", "b", "c", None); n]);
        assert_eq!(row(0), Vec::<Value>::new());
        let sizes: Vec<_> = row(60)
            .iter()
            .map(|b| b["elements"].as_array().map_or(0, Vec::len))
            .collect();
        assert_eq!(sizes, [25, 25, 10]);
        assert_eq!(row(60)[1]["block_id"], "moves.1");
    }
}
