//! Atlassian documents: what is one, what it says as plain text, and one made of plain text.

use serde_json::{Value, json};

/// The nodes that a document may hold.
const NODES: [&str; 41] = [
    "paragraph",
    "heading",
    "bulletList",
    "orderedList",
    "listItem",
    "taskList",
    "taskItem",
    "blockTaskItem",
    "decisionList",
    "decisionItem",
    "codeBlock",
    "blockquote",
    "panel",
    "rule",
    "table",
    "tableRow",
    "tableHeader",
    "tableCell",
    "expand",
    "nestedExpand",
    "mediaSingle",
    "mediaGroup",
    "mediaInline",
    "media",
    "caption",
    "text",
    "hardBreak",
    "mention",
    "emoji",
    "inlineCard",
    "blockCard",
    "embedCard",
    "status",
    "date",
    "placeholder",
    "extension",
    "bodiedExtension",
    "inlineExtension",
    "layoutSection",
    "layoutColumn",
    "multiBodiedExtension",
];
/// The nodes that stand on their own.
const BLOCKS: [&str; 22] = [
    "paragraph",
    "heading",
    "bulletList",
    "orderedList",
    "taskList",
    "decisionList",
    "codeBlock",
    "blockquote",
    "panel",
    "rule",
    "table",
    "expand",
    "mediaSingle",
    "mediaGroup",
    "blockCard",
    "embedCard",
    "extension",
    "bodiedExtension",
    "layoutSection",
    "multiBodiedExtension",
    "nestedExpand",
    "blockTaskItem",
];
/// The nodes that stand in a line.
const INLINES: [&str; 11] = [
    "text",
    "hardBreak",
    "mention",
    "emoji",
    "inlineCard",
    "status",
    "date",
    "placeholder",
    "inlineExtension",
    "mediaInline",
    "caption",
];
/// The marks that a text may carry.
const MARKS: [&str; 11] = [
    "strong",
    "em",
    "code",
    "strike",
    "underline",
    "link",
    "subsup",
    "textColor",
    "backgroundColor",
    "annotation",
    "border",
];
/// Documents nest; ones deeper than this are refused before the stack is.
const DEEPEST: usize = 40;

/// Whether a value is an Atlassian document.
pub fn is_document(value: &Value) -> bool {
    let only_known = value
        .as_object()
        .is_some_and(|o| o.keys().all(|k| ["type", "version", "content"].contains(&k.as_str())));
    only_known
        && value["type"] == "doc"
        && value["version"] == 1
        && value["content"].as_array().is_some_and(|nodes| {
            nodes
                .iter()
                .all(|n| BLOCKS.contains(&n["type"].as_str().unwrap_or_default()) && is_node(n, DEEPEST))
        })
}

fn is_node(node: &Value, deep: usize) -> bool {
    let Some(kind) = node["type"].as_str() else {
        return false;
    };
    if deep == 0 || !NODES.contains(&kind) {
        return false;
    }
    let attrs = &node["attrs"];
    let own = match kind {
        "text" => node["text"].as_str().is_some_and(|t| !t.is_empty()),
        "heading" => attrs["level"].as_u64().is_some_and(|l| (1..=6).contains(&l)),
        "panel" => ["info", "note", "tip", "warning", "error", "success", "custom"]
            .contains(&attrs["panelType"].as_str().unwrap_or_default()),
        "mention" => attrs["id"].is_string(),
        "emoji" => attrs["shortName"].is_string(),
        "status" => attrs["text"].is_string() && attrs["color"].is_string(),
        "date" => attrs["timestamp"].is_string(),
        "inlineCard" | "blockCard" => attrs["url"].is_string() || attrs["data"].is_object(),
        "bulletList" | "orderedList" | "table" | "tableRow" | "listItem" => {
            node["content"].as_array().is_some_and(|c| !c.is_empty())
        }
        "taskItem" => attrs["localId"].is_string() && attrs["state"].is_string(),
        _ => true,
    };
    let marks = match &node["marks"] {
        Value::Null => true,
        Value::Array(marks) => marks.iter().all(|m| {
            let kind = m["type"].as_str().unwrap_or_default();
            MARKS.contains(&kind) && (kind != "link" || m["attrs"]["href"].is_string())
        }),
        _ => false,
    };
    let children = match &node["content"] {
        Value::Null => true,
        Value::Array(children) => children.iter().all(|c| fits(kind, c) && is_node(c, deep - 1)),
        _ => false,
    };
    own && marks && children
}

/// Whether a node may stand in another.
fn fits(parent: &str, child: &Value) -> bool {
    let child = child["type"].as_str().unwrap_or_default();
    match parent {
        "paragraph" | "heading" | "taskItem" | "decisionItem" => INLINES.contains(&child),
        "codeBlock" => child == "text",
        "bulletList" | "orderedList" => child == "listItem",
        "taskList" => ["taskItem", "taskList", "blockTaskItem"].contains(&child),
        "decisionList" => child == "decisionItem",
        "table" => child == "tableRow",
        "tableRow" => ["tableHeader", "tableCell"].contains(&child),
        "listItem" | "blockquote" | "panel" | "expand" | "tableCell" | "tableHeader" => BLOCKS.contains(&child),
        "text" | "hardBreak" | "rule" | "mention" | "emoji" | "status" | "date" | "inlineCard" | "blockCard" => false,
        _ => true,
    }
}

/// A document as plain text, a line for each block.
pub fn to_text(value: &Value) -> String {
    let mut out = String::new();
    write_text(value, &mut out);
    out.trim_end().to_owned()
}

fn write_text(node: &Value, out: &mut String) {
    let attrs = &node["attrs"];
    match node["type"].as_str().unwrap_or_default() {
        "text" => out.push_str(node["text"].as_str().unwrap_or_default()),
        "hardBreak" => out.push('\n'),
        "rule" => out.push_str("----\n"),
        "listItem" => {
            out.push_str("* ");
            children_text(node, out);
        }
        "mention" | "emoji" | "status" => {
            out.push_str(
                attrs["text"]
                    .as_str()
                    .or(attrs["shortName"].as_str())
                    .unwrap_or_default(),
            );
        }
        "inlineCard" => out.push_str(attrs["url"].as_str().unwrap_or_default()),
        "paragraph" | "heading" | "codeBlock" | "taskItem" | "decisionItem" | "blockCard" => {
            out.push_str(attrs["url"].as_str().unwrap_or_default());
            children_text(node, out);
            out.push('\n');
        }
        _ => children_text(node, out),
    }
}

fn children_text(node: &Value, out: &mut String) {
    for child in node["content"].as_array().into_iter().flatten() {
        write_text(child, out);
    }
}

/// Plain text as a document, a paragraph for each line.
pub fn from_text(text: &str) -> Value {
    let paragraphs = text.lines().map(|line| match line.is_empty() {
        true => json!({"type": "paragraph"}),
        false => json!({"type": "paragraph", "content": [{"type": "text", "text": line}]}),
    });
    json!({"type": "doc", "version": 1, "content": paragraphs.collect::<Vec<_>>()})
}
