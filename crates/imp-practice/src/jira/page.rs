//! Pages that look like Jira: the board, and an issue in which a person can do what people do.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State as Own};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use super::Jira;
use super::adf;
use super::model::{Category, Issue, PRIORITIES, State, Status, account_id, priority_name, status_by_id};
use super::render::{Version, type_by_id};
use crate::html::{Html, html, link};
use crate::pages;
use crate::world::hold;

/// Issues in a column of the board; older ones are found by their key.
const COLUMN_MOST: usize = 30;

/// The routes, below `/jira`.
pub fn routes(jira: &Arc<Jira>) -> Router {
    Router::new()
        .route("/", get(board))
        .route("/browse/{key}", get(show).post(act))
        .with_state(Arc::clone(jira))
}

fn lozenge(status: &Status) -> Html {
    let kind = match status.category {
        Category::ToDo => "todo",
        Category::InProgress => "progress",
        Category::Done => "done",
    };
    html!["<span class='lozenge " (kind) "'>" (status.name) "</span>"]
}

fn priority(id: &str) -> Html {
    html!["<span class='priority p" (id) "'>" (priority_name(id)) "</span>"]
}

fn person(state: &State, account: Option<&str>) -> Html {
    match account.and_then(|a| state.user(a)) {
        Some(user) => pages::badge(user.handle.as_deref().unwrap_or("imp"), &user.name),
        None => html!["<span class='quiet'>Unassigned</span>"],
    }
}

async fn board(Own(jira): Own<Arc<Jira>>, headers: HeaderMap) -> Response {
    let state = hold(&jira.state);
    let statuses = state.workflow.statuses();
    let columns = statuses.iter().map(|status| {
        let here = state
            .issues
            .values()
            .rev()
            .filter(|i| i.project == "INC" && i.status == status.id);
        let count = here.clone().count();
        let cards: Html = here.take(COLUMN_MOST).map(|i| card(&state, i)).collect();
        html![
            "<section class='column'><h2>" (status.name) " <small>" (count) "</small></h2>" {cards} "</section>"
        ]
    });
    let columns: Html = columns.collect();
    let empty = match state.issues.is_empty() {
        true => html!["<p class='quiet'>No issues yet. When an incident is declared, its ticket appears here.</p>"],
        false => Html::new(),
    };
    let body = html![
        {top("INC board")}
        "<main class='wide' id='board' data-live>" {empty} "<div class='board'>" {columns} "</div></main>"
    ];
    pages::page(&jira.world, &headers, "jira", "INC board - Jira", &body)
}

fn top(here: &str) -> Html {
    html![
        "<header class='bar'><a class='brand' href='/jira/'><span class='mark'>◆</span> Jira</a>"
        "<nav><a href='/jira/'>Projects</a> / <a href='/jira/'>Incidents</a> / <b>" (here) "</b></nav></header>"
    ]
}

fn card(state: &State, issue: &Issue) -> Html {
    let face = match issue.assignee.as_deref().and_then(|a| state.user(a)) {
        Some(u) => {
            html!["<img src='/avatars/" (u.handle.as_deref().unwrap_or("imp")) ".svg' alt='" (u.name) "' width='24' height='24'>"]
        }
        None => Html::new(),
    };
    html![
        "<a class='card' href='/jira/browse/" (issue.key) "'><span>" (issue.summary) "</span><span class='foot'>"
        "<span class='kind'>" (type_by_id(issue.kind).name) "</span> <b>" (issue.key) "</b> " {priority(issue.priority)} {face}
        "</span></a>"
    ]
}

async fn show(Own(jira): Own<Arc<Jira>>, Path(key): Path<String>, headers: HeaderMap) -> Response {
    let state = hold(&jira.state);
    let Some(issue) = state.find(&key) else {
        return pages::nothing(
            &jira.world,
            &headers,
            "jira",
            "This issue does not exist, or it has been deleted.",
        );
    };
    let body = html![
        {top(&issue.key)}
        "<main class='issue'><div class='story'>"
        "<div id='title' data-live>" {title(&state, issue)} "</div>"
        "<div id='text' data-live>" {story(&state, issue)} "</div>"
        "<h2>Activity</h2><form class='say' data-quiet data-clear method='post' action='/jira/browse/" (issue.key) "'>"
        "<textarea name='text' rows='2' placeholder='Add a comment…' aria-label='Add a comment' required></textarea>"
        "<button name='do' value='comment'>Comment</button><span class='told' data-told></span></form>"
        "<div id='talk' data-live>" {talk(&state, issue)} "</div></div>"
        "<aside id='details' data-live>" {details(&state, issue)} "</aside></main>"
    ];
    let title = format!("[{}] {} - Jira", issue.key, issue.summary);
    pages::page(&jira.world, &headers, "jira", &title, &body)
}

fn title(state: &State, issue: &Issue) -> Html {
    let status = status_by_id(issue.status);
    let moves = state.offered(issue).into_iter().map(|to| {
        html!["<button name='transition' value='" (to.transition) "'><span>" (to.verb) "</span>" {lozenge(to)} "</button>"]
    });
    let moves: Html = moves.collect();
    html![
        "<form data-quiet method='post' action='/jira/browse/" (issue.key) "'>"
        "<input class='summary' name='summary' value='" (issue.summary) "' maxlength='255' aria-label='Summary' data-submit></form>"
        "<details class='menu'><summary>" {lozenge(status)} "</summary>"
        "<form data-quiet method='post' action='/jira/browse/" (issue.key) "'>" {moves} "</form></details>"
    ]
}

fn story(state: &State, issue: &Issue) -> Html {
    let description = match &issue.description {
        Value::Null => html!["<p class='quiet'>No description.</p>"],
        document => draw(document),
    };
    let links: Html = issue
        .remote_links
        .iter()
        .map(|l| {
            let object = &l.body["object"];
            let words = |key: &str| object[key].as_str().unwrap_or_default().to_owned();
            html![
                "<li><a href='" (link(&words("url"))) "'>" (words("title")) "</a> <span class='quiet'>" (words("summary")) "</span></li>"
            ]
        })
        .collect();
    let links = match issue.remote_links.is_empty() {
        true => Html::new(),
        false => html!["<h2>Web links</h2><ul class='plain'>" {links} "</ul>"],
    };
    let children = state
        .issues
        .values()
        .filter(|i| i.parent.as_deref() == Some(&issue.key));
    let children: Vec<Html> = children.map(|i| row(i, "")).collect();
    let children = match children.is_empty() {
        true => Html::new(),
        false => html!["<h2>Sub-tasks</h2><ul class='plain'>" {children.into_iter().collect::<Html>()} "</ul>"],
    };
    let linked = state.links.iter().filter_map(|l| {
        let (_, _, inward, outward) = super::model::LINK_TYPES.get(l.kind)?;
        match (l.inward == issue.key, l.outward == issue.key) {
            (true, _) => state.find(&l.outward).map(|o| row(o, outward)),
            (_, true) => state.find(&l.inward).map(|o| row(o, inward)),
            _ => None,
        }
    });
    let linked: Vec<Html> = linked.collect();
    let linked = match linked.is_empty() {
        true => Html::new(),
        false => html!["<h2>Linked issues</h2><ul class='plain'>" {linked.into_iter().collect::<Html>()} "</ul>"],
    };
    let files: Html = issue
        .attachments
        .iter()
        .map(|a| html!["<li>" (a.filename) " <span class='quiet'>" (a.content.len()) " bytes</span></li>"])
        .collect();
    let files = match issue.attachments.is_empty() {
        true => Html::new(),
        false => html!["<h2>Attachments</h2><ul class='plain'>" {files} "</ul>"],
    };
    html!["<h2>Description</h2><div class='document'>" {description} "</div>" {children} {linked} {links} {files}]
}

fn row(issue: &Issue, words: &str) -> Html {
    let status = status_by_id(issue.status);
    html![
        "<li><span class='quiet'>" (words) "</span> <a href='/jira/browse/" (issue.key) "'>" (issue.key) "</a> " (issue.summary) " "
        {lozenge(status)} "</li>"
    ]
}

fn talk(state: &State, issue: &Issue) -> Html {
    let comments: Html = issue
        .comments
        .iter()
        .rev()
        .map(|c| {
            let edited = if c.updated_ms > c.created_ms { " · edited" } else { "" };
            html![
                "<article class='comment'><header>" {person(state, Some(&c.author))} " <time>" (pages::ago(c.created_ms)) (edited)
                "</time></header><div class='document'>" {draw(&c.body)} "</div></article>"
            ]
        })
        .collect();
    let history: Html = issue
        .history
        .iter()
        .rev()
        .map(|change| {
            let items: Html = change
                .items
                .iter()
                .map(|i| {
                    let shown = |v: &Option<String>| {
                        let text = v.clone().unwrap_or_else(|| "none".to_owned());
                        if text.chars().count() > 80 { text.chars().take(80).chain(['…']).collect() } else { text }
                    };
                    html!["<li><b>" (i.field) "</b> " (shown(&i.from_string)) " → " (shown(&i.to_string)) "</li>"]
                })
                .collect();
            html![
                "<article class='change'><header>" {person(state, Some(&change.author))} " <time>" (pages::ago(change.at_ms))
                "</time></header><ul class='plain'>" {items} "</ul></article>"
            ]
        })
        .collect();
    let history = match issue.history.is_empty() {
        true => Html::new(),
        false => html!["<h2>History</h2>" {history}],
    };
    html![{comments} {history}]
}

fn option(value: &str, words: &str, chosen: bool) -> Html {
    let mark = if chosen { html![" selected"] } else { Html::new() };
    html!["<option value='" (value) "'" {mark} ">" (words) "</option>"]
}

fn details(state: &State, issue: &Issue) -> Html {
    let priorities: Html = PRIORITIES
        .iter()
        .map(|(id, name)| option(id, name, *id == issue.priority))
        .collect();
    let people = state
        .users
        .iter()
        .map(|u| option(&u.account_id, &u.name, issue.assignee.as_ref() == Some(&u.account_id)));
    let people: Html = std::iter::once(option("-1", "Unassigned", issue.assignee.is_none()))
        .chain(people)
        .collect();
    let form = |label: &'static str, field: Html| {
        html![
            "<dt>" (label) "</dt><dd><form data-quiet method='post' action='/jira/browse/" (issue.key) "'>" {field} "</form></dd>"
        ]
    };
    let customs: Html = super::model::FIELDS
        .iter()
        .filter_map(|f| {
            let value = issue.custom.get(f.id)?;
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let named = super::model::COUNTRIES
                .iter()
                .find(|c| c.0 == text)
                .map(|c| c.1.to_owned());
            Some(html!["<dt>" (f.name) "</dt><dd>" (named.unwrap_or(text)) "</dd>"])
        })
        .collect();
    let resolution = issue.resolution.as_deref().unwrap_or("Unresolved");
    html![
        "<h2>Details</h2><dl>"
        {form("Assignee", html!["<select name='assignee' aria-label='Assignee' data-submit>" {people} "</select>"])}
        "<dt>Reporter</dt><dd>" {person(state, Some(&issue.reporter))} "</dd>"
        {form("Priority", html!["<select name='priority' aria-label='Priority' data-submit>" {priorities} "</select>"])}
        {form("Labels", html!["<input name='labels' aria-label='Labels' value='" (issue.labels.join(" ")) "' placeholder='None' data-submit>"])}
        "<dt>Type</dt><dd>" (type_by_id(issue.kind).name) "</dd><dt>Resolution</dt><dd>" (resolution) "</dd>" {customs}
        "</dl><p class='quiet dates'>Created " (pages::moment(issue.created_ms)) "<br>Updated " (pages::ago(issue.updated_ms)) "</p>"
    ]
}

/// Draws an Atlassian document.
fn draw(node: &Value) -> Html {
    let children = || {
        node["content"]
            .as_array()
            .into_iter()
            .flatten()
            .map(draw)
            .collect::<Html>()
    };
    let attrs = &node["attrs"];
    let attr = |key: &str| attrs[key].as_str().unwrap_or_default();
    match node["type"].as_str().unwrap_or_default() {
        "text" => {
            let text = html![(node["text"].as_str().unwrap_or_default())];
            node["marks"]
                .as_array()
                .into_iter()
                .flatten()
                .fold(text, |inner, mark| match mark["type"].as_str() {
                    Some("strong") => html!["<strong>" {inner} "</strong>"],
                    Some("em") => html!["<em>" {inner} "</em>"],
                    Some("code") => html!["<code>" {inner} "</code>"],
                    Some("strike") => html!["<s>" {inner} "</s>"],
                    Some("underline") => html!["<u>" {inner} "</u>"],
                    Some("link") => {
                        let to = mark["attrs"]["href"].as_str().unwrap_or_default();
                        html!["<a href='" (link(to)) "'>" {inner} "</a>"]
                    }
                    _ => inner,
                })
        }
        "paragraph" => html!["<p>" {children()} "</p>"],
        "heading" => html!["<h3>" {children()} "</h3>"],
        "bulletList" | "taskList" | "decisionList" => html!["<ul>" {children()} "</ul>"],
        "orderedList" => html!["<ol>" {children()} "</ol>"],
        "listItem" | "decisionItem" => html!["<li>" {children()} "</li>"],
        "taskItem" => {
            let mark = if attr("state") == "DONE" { "☑ " } else { "☐ " };
            html!["<li>" (mark) {children()} "</li>"]
        }
        "codeBlock" => html!["<pre><code>" {children()} "</code></pre>"],
        "blockquote" => html!["<blockquote>" {children()} "</blockquote>"],
        "panel" => html!["<div class='panel'>" {children()} "</div>"],
        "rule" => html!["<hr>"],
        "hardBreak" => html!["<br>"],
        "mention" | "emoji" => {
            html!["<span class='mention'>" (attrs["text"].as_str().unwrap_or(attr("shortName"))) "</span>"]
        }
        "status" => html!["<span class='lozenge todo'>" (attr("text")) "</span>"],
        "inlineCard" | "blockCard" => html!["<a href='" (link(attr("url"))) "'>" (attr("url")) "</a>"],
        "table" => html!["<table>" {children()} "</table>"],
        "tableRow" => html!["<tr>" {children()} "</tr>"],
        "tableHeader" => html!["<th>" {children()} "</th>"],
        "tableCell" => html!["<td>" {children()} "</td>"],
        "expand" | "nestedExpand" => html!["<details><summary>" (attr("title")) "</summary>" {children()} "</details>"],
        _ => children(),
    }
}

/// What a person does on an issue's page.
async fn act(Own(jira): Own<Arc<Jira>>, Path(key): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let form = pages::form(&body);
    let me = account_id(&jira.world.org.email(&pages::who(&jira.world, &headers).handle));
    let fields = |fields: Value| jira.edit(&me, &key, &json!({"fields": fields}), Version::Three);
    let done = match () {
        () if form.contains_key("transition") => {
            let wish = json!({"transition": {"id": form["transition"]}});
            jira.transition(&me, &key, &wish, Version::Three)
        }
        () if form.contains_key("summary") => fields(json!({"summary": form["summary"]})),
        () if form.contains_key("priority") => fields(json!({"priority": {"id": form["priority"]}})),
        () if form.contains_key("assignee") => fields(json!({"assignee": {"accountId": form["assignee"]}})),
        () if form.contains_key("labels") => {
            let labels: Vec<&str> = form["labels"].split_whitespace().collect();
            fields(json!({"labels": labels}))
        }
        () => {
            let text = form.get("text").map(|t| t.trim()).unwrap_or_default();
            let wish = json!({"body": adf::from_text(text)});
            if text.is_empty() {
                return pages::wrong("Write something first.".to_owned());
            }
            jira.comment(&me, &key, &wish, Version::Three).map(|_| ())
        }
    };
    match done {
        Ok(()) => pages::back(&format!("/jira/browse/{key}")),
        Err(fail) => pages::wrong(fail.words()),
    }
}
