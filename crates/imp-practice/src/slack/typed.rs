//! What a person types, turned into what Slack stores: escaped, with mentions, channels and links marked.

use serde_json::{Value, json};

use super::state::State;

/// Characters that end a mention or a link.
fn word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// The stored text of what was typed. Commands carry names beside identifiers, messages do not.
pub(super) fn stored(s: &State, typed: &str, viewer: &str, named: bool) -> String {
    let mut out = String::with_capacity(typed.len());
    let mut rest = typed;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let at_start = !word(before);
        let found = match c {
            '@' if at_start => mention(s, &rest[1..], named).map(|(mark, n)| (mark, n + 1)),
            '#' if at_start => channel(s, &rest[1..], viewer, named).map(|(mark, n)| (mark, n + 1)),
            'h' if at_start => link(rest),
            _ => None,
        };
        let used = match found {
            Some((mark, used)) => {
                out.push_str(&mark);
                used
            }
            None => {
                push_escaped(&mut out, c);
                c.len_utf8()
            }
        };
        before = rest[..used].chars().last().unwrap_or(' ');
        rest = &rest[used..];
    }
    out
}

fn push_escaped(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        c => out.push(c),
    }
}

/// The name at the start of this text; a full stop at its end belongs to the sentence.
fn name_at(rest: &str) -> &str {
    let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
    rest[..end].trim_end_matches('.')
}

fn mention(s: &State, rest: &str, named: bool) -> Option<(String, usize)> {
    let name = name_at(rest);
    let lower = name.to_lowercase();
    let mark = match lower.as_str() {
        "" => return None,
        "here" | "channel" | "everyone" => format!("<!{lower}>"),
        _ => match (
            s.by_handle(&lower),
            s.usergroups.iter().find(|g| g.enabled && g.handle == lower),
        ) {
            (Some(u), _) if named => format!("<@{}|{}>", u.id, u.handle),
            (Some(u), _) => format!("<@{}>", u.id),
            (None, Some(g)) if named => format!("<!subteam^{}|@{}>", g.id, g.handle),
            (None, Some(g)) => format!("<!subteam^{}>", g.id),
            (None, None) => return None,
        },
    };
    Some((mark, name.len()))
}

fn channel(s: &State, rest: &str, viewer: &str, named: bool) -> Option<(String, usize)> {
    let name = name_at(rest);
    let c = s.seen_by(viewer, name).filter(|c| !c.direct() && c.name == name)?;
    Some((format!("<#{}|{}>", c.id, if named { &c.name } else { "" }), name.len()))
}

fn link(rest: &str) -> Option<(String, usize)> {
    if !rest.starts_with("http://") && !rest.starts_with("https://") {
        return None;
    }
    let end = rest
        .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '|'))
        .unwrap_or(rest.len());
    let address = rest[..end].trim_end_matches(['.', ',', ')', '!', '?', ';', ':', '*', '_', '~', '`']);
    (address.len() > "https://".len()).then(|| (format!("<{}>", address.replace('&', "&amp;")), address.len()))
}

/// The `rich_text` block that Slack's own client sends with a message.
pub(super) fn rich(block_id: &str, stored: &str) -> Value {
    let mut leaves: Vec<Value> = Vec::new();
    let mut rest = stored;
    while let Some(open) = rest.find('<') {
        let Some(close) = rest[open..].find('>').map(|n| open + n) else {
            break;
        };
        push_text(&mut leaves, &rest[..open]);
        leaves.push(leaf(&rest[open + 1..close]));
        rest = &rest[close + 1..];
    }
    push_text(&mut leaves, rest);
    json!({"type": "rich_text", "block_id": block_id, "elements": [{"type": "rich_text_section", "elements": leaves}]})
}

fn push_text(leaves: &mut Vec<Value>, text: &str) {
    if !text.is_empty() {
        leaves.push(json!({"type": "text", "text": plain(text)}));
    }
}

/// Slack's three escapes undone.
fn plain(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn leaf(inside: &str) -> Value {
    let id = inside.split('|').next().unwrap_or(inside);
    match id.get(..1) {
        Some("@") => json!({"type": "user", "user_id": &id[1..]}),
        Some("#") => json!({"type": "channel", "channel_id": &id[1..]}),
        Some("!") => match id[1..].strip_prefix("subteam^") {
            Some(group) => json!({"type": "usergroup", "usergroup_id": group}),
            None => json!({"type": "broadcast", "range": &id[1..]}),
        },
        _ => json!({"type": "link", "url": plain(id)}),
    }
}

#[cfg(test)]
mod tests {
    use super::{rich, stored};
    use crate::org::Org;
    use crate::slack::state::State;

    #[test]
    fn marks_what_it_knows_and_escapes_the_rest() {
        let s = State::seed(&Org::built_in(), 0);
        let ada = s
            .by_handle("ada.lima")
            .expect("Ada is in the built-in organisation")
            .id
            .clone();
        let general = s.seen_by(&ada, "general").expect("everybody sees it").id.clone();
        assert_eq!(stored(&s, "hi @ada.lima.", &ada, false), format!("hi <@{ada}>."));
        assert_eq!(stored(&s, "@ada.lima", &ada, true), format!("<@{ada}|ada.lima>"));
        assert_eq!(
            stored(&s, "see #general", &ada, true),
            format!("see <#{general}|general>")
        );
        assert_eq!(
            stored(&s, "a <b> & me@ada.lima", &ada, false),
            "a &lt;b&gt; &amp; me@ada.lima"
        );
        assert_eq!(
            stored(&s, "https://a.example/x?a=1&b=2.", &ada, false),
            "<https://a.example/x?a=1&amp;b=2>."
        );
        assert_eq!(
            stored(&s, "@here naïve 🙂 @nobody", &ada, false),
            "<!here> naïve 🙂 @nobody"
        );
    }

    #[test]
    fn draws_marks_as_leaves() {
        let block = rich("b", "x &amp; <@U1> <https://a.example?x=1&amp;y=2>");
        let leaves = &block["elements"][0]["elements"];
        assert_eq!(leaves[0]["text"], "x & ");
        assert_eq!(leaves[1]["user_id"], "U1");
        assert_eq!(leaves[3]["url"], "https://a.example?x=1&y=2");
    }
}
