//! Text as Jira keeps it: Atlassian's document format on Cloud, wiki text in the Data Center. What people wrote stays
//! text; only lists and web addresses in it are recognised.

use imp_core::catalogue::Reference;
use imp_core::words;
use serde_json::{Value, json};

/// The longest text that is sent; Jira's own limit for a description or comment is 32767 characters.
const TEXT_MAX: usize = 30_000;
/// How deep a document is read; real ones nest tables and panels a handful deep.
const DEPTH_MAX: usize = 32;

/// A part of a text that IMP writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading.
    Heading(String),
    /// A line that stands out: who wrote what follows.
    Strong(String),
    /// What somebody wrote.
    Text(String),
    /// Label and value, one below the other.
    Facts(Vec<(String, String)>),
    /// Where to look.
    Links(Vec<Reference>),
}

/// As a document of Jira Cloud.
pub fn document(blocks: &[Block]) -> Value {
    let mut content: Vec<Value> = blocks.iter().flat_map(block).collect();
    if content.is_empty() {
        content.push(json!({"type": "paragraph", "content": []}));
    }
    json!({"type": "doc", "version": 1, "content": content})
}

/// As wiki text of the Data Center.
pub fn wiki(blocks: &[Block]) -> String {
    let plain = |t: &str| escaped(&words::cut(&words::clean(t), TEXT_MAX));
    let one = |b: &Block| match b {
        Block::Heading(t) => format!("h3. {}", plain(t)),
        Block::Strong(t) => format!("*{}*", plain(t)),
        Block::Text(t) => plain(t),
        Block::Facts(facts) => facts
            .iter()
            .map(|(k, v)| format!("- {}: {}", plain(k), plain(v)))
            .collect::<Vec<_>>()
            .join("\n"),
        Block::Links(links) => links
            .iter()
            .map(|l| format!("- {}: {}", plain(&l.label), l.url))
            .collect::<Vec<_>>()
            .join("\n"),
    };
    blocks
        .iter()
        .map(one)
        .filter(|t| !t.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// Characters that begin markup in Jira's wiki text, whatever they stand beside.
const MARKUP: [char; 12] = ['!', '*', '_', '-', '+', '^', '~', '?', '|', '#', '{', '['];
/// A backslash of somebody's own: two of them are a line break, so none can hide another.
const BACKSLASH: &str = "&#92;";
/// What makes a line a heading or a quotation where it begins with it.
const LINES: [&str; 7] = ["h1.", "h2.", "h3.", "h4.", "h5.", "h6.", "bq."];

/// What somebody wrote, as wiki text that shows it as it is. Lists that begin with `- ` and web addresses stay what they
/// are, as in the document of Jira Cloud.
fn escaped(t: &str) -> String {
    t.lines().map(escaped_line).collect::<Vec<_>>().join("\n")
}

fn escaped_line(line: &str) -> String {
    let text = line.trim_start();
    let mut out = line.strip_suffix(text).unwrap_or_default().to_owned();
    let rest = match bullet(text) {
        Some(rest) => {
            out.push_str("- ");
            rest
        }
        None if LINES.iter().any(|l| text.starts_with(l)) => {
            out.push('\\');
            text
        }
        None => text,
    };
    for piece in rest.split_inclusive(char::is_whitespace) {
        match is_address(piece.trim_end()) {
            true => out.push_str(piece),
            false => piece.chars().for_each(|c| match c {
                '\\' => out.push_str(BACKSLASH),
                c if MARKUP.contains(&c) => out.extend(['\\', c]),
                c => out.push(c),
            }),
        }
    }
    out
}

/// Whether a word is a web address and has nothing in it that could end the address and begin markup.
fn is_address(word: &str) -> bool {
    let rest = word.strip_prefix("https://").or_else(|| word.strip_prefix("http://"));
    let bracket = |c: char| {
        matches!(
            c,
            '\\' | '!' | '*' | '^' | '|' | '{' | '}' | '[' | ']' | '<' | '>' | '"'
        )
    };
    rest.is_some_and(|r| !r.is_empty() && !r.contains(bracket))
}

/// Wiki text as it reads: a backslash before markup is not seen.
fn unescaped(t: &str) -> String {
    let mut out = String::with_capacity(t.len());
    let mut rest = t.chars().peekable();
    let mut begins = true;
    while let Some(c) = rest.next() {
        let follows = rest.peek().copied();
        let hides = c == '\\' && follows.is_some_and(|f| MARKUP.contains(&f) || (begins && matches!(f, 'h' | 'b')));
        let shown = if hides { rest.next().unwrap_or(c) } else { c };
        begins = shown == '\n' || (begins && shown.is_whitespace());
        out.push(shown);
    }
    out.replace(BACKSLASH, "\\")
}

fn block(b: &Block) -> Vec<Value> {
    match b {
        Block::Heading(t) if !t.trim().is_empty() => {
            vec![json!({"type": "heading", "attrs": {"level": 3}, "content": [text(t, &[])]})]
        }
        Block::Strong(t) if !t.trim().is_empty() => {
            vec![json!({"type": "paragraph", "content": [text(t, &[json!({"type": "strong"})])]})]
        }
        Block::Heading(_) | Block::Strong(_) => vec![],
        Block::Text(t) => paragraphs(t),
        Block::Facts(facts) => bullets(
            facts
                .iter()
                .filter(|(k, v)| !k.is_empty() && !v.is_empty())
                .map(|(k, v)| {
                    let mut line = vec![text(&format!("{k}: "), &[json!({"type": "strong"})])];
                    line.extend(inline(v));
                    line
                }),
        ),
        Block::Links(links) => bullets(links.iter().filter(|l| !l.url.is_empty()).map(|l| {
            let label = if l.label.trim().is_empty() { &l.url } else { &l.label };
            vec![link(label, &l.url)]
        })),
    }
}

/// What somebody wrote: paragraphs between empty lines, lists where every line of one begins like a list's.
fn paragraphs(t: &str) -> Vec<Value> {
    let clean = words::cut(words::clean(t).trim(), TEXT_MAX);
    let mut out = Vec::new();
    for part in clean
        .split("\n\n")
        .map(|p| p.trim_matches('\n'))
        .filter(|p| !p.trim().is_empty())
    {
        let lines: Vec<&str> = part.lines().collect();
        if let Some(items) = lines.iter().map(|l| bullet(l)).collect::<Option<Vec<_>>>() {
            out.extend(bullets(items.into_iter().map(inline)));
        } else if let Some(items) = lines.iter().map(|l| numbered(l)).collect::<Option<Vec<_>>>() {
            let items: Vec<Value> = items.into_iter().map(|i| item(inline(i))).collect();
            out.push(json!({"type": "orderedList", "content": items}));
        } else {
            let mut content = Vec::new();
            for (n, line) in lines.iter().enumerate() {
                if n > 0 {
                    content.push(json!({"type": "hardBreak"}));
                }
                content.extend(inline(line));
            }
            out.push(json!({"type": "paragraph", "content": content}));
        }
    }
    out
}

fn bullet(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = line
        .strip_prefix("- ")
        .or_else(|| line.strip_prefix("* "))
        .or_else(|| line.strip_prefix("• "));
    rest.map(str::trim).filter(|r| !r.is_empty())
}

fn numbered(line: &str) -> Option<&str> {
    let rest = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
    let begins = rest.len() < line.trim_start().len();
    rest.strip_prefix(". ")
        .or_else(|| rest.strip_prefix(") "))
        .map(str::trim)
        .filter(|r| begins && !r.is_empty())
}

fn bullets(items: impl Iterator<Item = Vec<Value>>) -> Vec<Value> {
    let items: Vec<Value> = items.filter(|i| !i.is_empty()).map(item).collect();
    if items.is_empty() {
        vec![]
    } else {
        vec![json!({"type": "bulletList", "content": items})]
    }
}

fn item(content: Vec<Value>) -> Value {
    json!({"type": "listItem", "content": [{"type": "paragraph", "content": content}]})
}

/// A line with its web addresses as links.
fn inline(line: &str) -> Vec<Value> {
    let mut out = Vec::new();
    let mut rest = line;
    while let Some(at) = [rest.find("https://"), rest.find("http://")]
        .into_iter()
        .flatten()
        .min()
    {
        let (before, from) = rest.split_at(at);
        let end = from
            .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '|'))
            .unwrap_or(from.len());
        let url = from
            .get(..end)
            .unwrap_or(from)
            .trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '\'']);
        if !before.is_empty() {
            out.push(text(before, &[]));
        }
        match url.ends_with("//") {
            true => out.push(text(url, &[])),
            false => out.push(link(url, url)),
        }
        rest = from.get(url.len()..).unwrap_or_default();
    }
    if !rest.is_empty() {
        out.push(text(rest, &[]));
    }
    out
}

fn text(t: &str, marks: &[Value]) -> Value {
    match marks {
        [] => json!({"type": "text", "text": t}),
        marks => json!({"type": "text", "text": t, "marks": marks}),
    }
}

fn link(label: &str, url: &str) -> Value {
    text(label, &[json!({"type": "link", "attrs": {"href": url}})])
}

/// The text of a document, or of whatever else Jira keeps a text in (the Data Center: wiki text).
pub fn plain(document: &Value) -> String {
    let mut out = String::new();
    gather(document, &mut out, 0);
    if document.is_string() {
        out = unescaped(&out);
    }
    out.lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
        .trim()
        .to_owned()
}

fn gather(node: &Value, out: &mut String, depth: usize) {
    if depth > DEPTH_MAX {
        return;
    }
    if let Some(t) = node.as_str() {
        out.push_str(t);
        return;
    }
    let attr = |name: &str| {
        node.pointer(&format!("/attrs/{name}"))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let kind = node.get("type").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "text" => out.push_str(node.get("text").and_then(Value::as_str).unwrap_or_default()),
        "hardBreak" => out.push('\n'),
        "mention" | "status" | "date" => out.push_str(if attr("text").is_empty() {
            attr("timestamp")
        } else {
            attr("text")
        }),
        "emoji" => out.push_str(if attr("text").is_empty() {
            attr("shortName")
        } else {
            attr("text")
        }),
        "inlineCard" | "blockCard" | "embedCard" => out.push_str(attr("url")),
        "listItem" | "taskItem" => out.push_str("- "),
        _ => {}
    }
    for child in node.get("content").and_then(Value::as_array).into_iter().flatten() {
        gather(child, out, depth + 1);
    }
    if matches!(
        kind,
        "paragraph" | "heading" | "codeBlock" | "rule" | "tableRow" | "blockCard"
    ) && !out.ends_with('\n')
    {
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn what_people_write_stays_text() {
        let text = "h1. *Bold* [x|http://a.example/b?c=d&e=f] {code}\nsee https://x.example.\n\n- one\n- two\n\n1. first\n2. second\n\n\n";
        let doc = document(&[Block::Strong("Ana".into()), Block::Text(text.into())]);
        let short: Vec<String> = doc["content"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|b| b.to_string())
            .collect();
        expect![[r#"
            {"type":"paragraph","content":[{"type":"text","text":"Ana","marks":[{"type":"strong"}]}]}
            {"type":"paragraph","content":[{"type":"text","text":"h1. *Bold* [x|"},{"type":"text","text":"http://a.example/b?c=d&e=f","marks":[{"type":"link","attrs":{"href":"http://a.example/b?c=d&e=f"}}]},{"type":"text","text":"] {code}"},{"type":"hardBreak"},{"type":"text","text":"see "},{"type":"text","text":"https://x.example","marks":[{"type":"link","attrs":{"href":"https://x.example"}}]},{"type":"text","text":"."}]}
            {"type":"bulletList","content":[{"type":"listItem","content":[{"type":"paragraph","content":[{"type":"text","text":"one"}]}]},{"type":"listItem","content":[{"type":"paragraph","content":[{"type":"text","text":"two"}]}]}]}
            {"type":"orderedList","content":[{"type":"listItem","content":[{"type":"paragraph","content":[{"type":"text","text":"first"}]}]},{"type":"listItem","content":[{"type":"paragraph","content":[{"type":"text","text":"second"}]}]}]}"#]]
        .assert_eq(&short.join("\n"));
        assert_eq!(
            plain(&doc),
            "Ana\nh1. *Bold* [x|http://a.example/b?c=d&e=f] {code}\nsee https://x.example.\n- one\n- two\n- first\n- second"
        );
    }

    #[test]
    fn no_text_node_is_ever_empty() {
        for t in [
            "",
            "\n",
            "http://",
            "https://a\n\n \n\n-  ",
            "- \n- a",
            "\u{0}",
            "1. ",
            "a\n\n\n\nb",
        ] {
            let doc = document(&[
                Block::Text(t.into()),
                Block::Heading(String::new()),
                Block::Facts(vec![("a".into(), String::new())]),
            ]);
            assert!(!doc.to_string().contains(r#""text":"""#), "{t:?}: {doc}");
        }
    }

    #[test]
    fn the_data_center_gets_no_macros() {
        for (given, wanted) in [
            ("{html}x{html} [a|b]", r"\{html}x\{html} \[a\|b]"),
            ("!http://evil.example/x.png!", r"\!http://evil.example/x.png\!"),
            (
                "*b* _i_ -s- +u+ ^p^ ~q~ ??c??",
                r"\*b\* \_i\_ \-s\- \+u\+ \^p\^ \~q\~ \?\?c\?\?",
            ),
            ("|| a || b ||", r"\|\| a \|\| b \|\|"),
            (
                "h1. Big\n  bq. said\n# one\n----",
                "\\h1. Big\n  \\bq. said\n\\# one\n\\-\\-\\-\\-",
            ),
            (r"[~ada] C:\_x a\\b", r"\[\~ada] C:&#92;\_x a&#92;&#92;b"),
            // Lists and addresses are what they are.
            (
                "- a-b\nsee https://x.example/a_b-c?d#e .",
                "- a\\-b\nsee https://x.example/a_b-c?d#e .",
            ),
        ] {
            let made = wiki(&[Block::Text(given.into())]);
            assert_eq!(made, wanted);
            assert_eq!(plain(&json!(made)), given, "it reads as it was written");
        }
    }
}
