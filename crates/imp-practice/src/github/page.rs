//! Pages of the stand-in GitHub: the repositories, and every file in them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State as Own};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;

use super::{Github, Repository, git};
use crate::html::{Html, html};
use crate::pages;
use crate::world::hold;

/// The longest file that a page shows.
const SHOWN_MOST: usize = 512 * 1024;

/// The pages.
pub fn routes(github: &Arc<Github>) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/{org}", get(of_org))
        .route("/{org}/{repo}", get(front))
        .route("/{org}/{repo}/tree/main/{*path}", get(folder))
        .route("/{org}/{repo}/blob/main/{*path}", get(file))
        .with_state(Arc::clone(github))
}

async fn home(Own(github): Own<Arc<Github>>, headers: HeaderMap) -> Response {
    list(&github, &headers)
}

async fn of_org(Own(github): Own<Arc<Github>>, Path(org): Path<String>, headers: HeaderMap) -> Response {
    match org.eq_ignore_ascii_case(&github.login()) {
        true => list(&github, &headers),
        false => pages::nothing(&github.world, &headers, "github", "There is no such organisation."),
    }
}

fn top(github: &Github) -> Html {
    html!["<header class='top'><a class='brand' href='/github/'>GitHub</a><span>" (github.login()) "</span></header>"]
}

fn list(github: &Github, headers: &HeaderMap) -> Response {
    let all: Vec<Repository> = hold(&github.state).repositories.values().cloned().collect();
    let login = github.login();
    let rows = all.iter().map(|r| {
        html!["<li><h2><a href='/github/" (login) "/" (r.name) "'>" (r.name) "</a> <span class='tag'>" (kind(r)) "</span></h2><p>"
            (r.description) "</p><p class='quiet'>" (pages::ago(r.created_ms)) "</p></li>"]
    });
    let rows: Html = rows.collect();
    let empty = match all.is_empty() {
        true => html![
            "<p>No repositories yet. <code>imp shape new</code>, or Service Shaper in IMP's console, makes one.</p>"
        ],
        false => Html::new(),
    };
    let body = html![{top(github)} "<main class='wide'><h1>Repositories</h1>" {empty} "<ul class='repositories' id='list' data-live>" {rows} "</ul></main>"];
    pages::page(&github.world, headers, "github", "Repositories - GitHub", &body)
}

fn kind(r: &Repository) -> &'static str {
    if r.private { "Private" } else { "Public" }
}

/// A repository that is there, and the name that it has on the disk.
fn found(github: &Github, org: &str, repo: &str) -> Option<Repository> {
    let ours = org.eq_ignore_ascii_case(&github.login());
    ours.then(|| hold(&github.state).repositories.get(&repo.to_lowercase()).cloned())?
}

async fn front(
    Own(github): Own<Arc<Github>>,
    Path((org, repo)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    match found(&github, &org, &repo) {
        Some(r) => tree(&github, &r, "", &headers),
        None => nothing(&github, &headers),
    }
}

async fn folder(
    Own(github): Own<Arc<Github>>,
    Path((org, repo, path)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    match found(&github, &org, &repo) {
        Some(r) => tree(&github, &r, &path, &headers),
        None => nothing(&github, &headers),
    }
}

fn nothing(github: &Github, headers: &HeaderMap) -> Response {
    pages::nothing(
        &github.world,
        headers,
        "github",
        "There is no such repository, or no such file in it.",
    )
}

/// The path from the repository down, each part a link.
fn trail(github: &Github, r: &Repository, path: &str) -> Html {
    let login = github.login();
    let mut out = html!["<a href='/github/" (login) "/" (r.name) "'>" (r.name) "</a>"];
    let mut so_far = String::new();
    for part in path.split('/').filter(|p| !p.is_empty()) {
        so_far = if so_far.is_empty() {
            part.to_owned()
        } else {
            format!("{so_far}/{part}")
        };
        out.put(&html![" / <a href='/github/" (login) "/" (r.name) "/tree/main/" (so_far) "'>" (part) "</a>"]);
    }
    out
}

fn tree(github: &Github, r: &Repository, path: &str, headers: &HeaderMap) -> Response {
    let bare = github.bare(&r.name);
    if !path.is_empty() && git::blob(&bare, path).is_some() {
        return blob(github, r, path, headers);
    }
    let what = format!("main:{path}");
    let Some(out) = git::ask(&bare, &["ls-tree", "-z", &what]) else {
        return match path {
            "" => front_page(github, r, html!["<p>This repository is empty.</p>"], headers),
            _ => nothing(github, headers),
        };
    };
    let text = String::from_utf8_lossy(&out).into_owned();
    let mut entries: Vec<(bool, &str)> = text
        .split('\0')
        .filter_map(|l| l.split_once('\t'))
        .map(|(meta, name)| (!meta.contains(" tree "), name))
        .collect();
    entries.sort_unstable();
    let login = github.login();
    let rows = entries.iter().map(|(is_file, name)| {
        let at = if path.is_empty() { (*name).to_owned() } else { format!("{path}/{name}") };
        let (word, sign) = if *is_file { ("blob", "📄") } else { ("tree", "📁") };
        html!["<tr><td>" (sign) " <a href='/github/" (login) "/" (r.name) "/" (word) "/main/" (at) "'>" (name) "</a></td></tr>"]
    });
    let rows: Html = rows.collect();
    let body = html!["<p class='trail'>" {trail(github, r, path)} "</p><table class='files'><tbody>" {rows} "</tbody></table>"];
    front_page(github, r, body, headers)
}

fn front_page(github: &Github, r: &Repository, body: Html, headers: &HeaderMap) -> Response {
    let list = |name: &str, items: Vec<String>| {
        let none = items.is_empty();
        let items: Html = items.iter().map(|i| html!["<li>" (i) "</li>"]).collect();
        if none {
            return Html::new();
        }
        html!["<h2>" (name) "</h2><ul>" {items} "</ul>"]
    };
    let bare = github.bare(&r.name);
    let log = git::ask(&bare, &["log", "--max-count=5", "--format=%h %s", "main"]).unwrap_or_default();
    let log = String::from_utf8_lossy(&log).lines().map(str::to_owned).collect();
    let side = html![
        {list("Topics", r.topics.clone())}
        {list("Teams", r.teams.iter().map(|(t, p)| format!("{t}: {p}")).collect())}
        {list("Protected branches", r.protection.keys().cloned().collect())}
        {list("Labels", r.labels.iter().map(|l| l.name.clone()).collect())}
        {list("Commits", log)}
    ];
    let page = html![
        {top(github)} "<main class='wide'><h1>" (github.login()) " / " (r.name) " <span class='tag'>" (kind(r)) "</span></h1><p>"
        (r.description) "</p><div class='columns'><div>" {body} "</div><aside>" {side} "</aside></div></main>"
    ];
    pages::page(&github.world, headers, "github", &format!("{} - GitHub", r.name), &page)
}

async fn file(
    Own(github): Own<Arc<Github>>,
    Path((org, repo, path)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    match found(&github, &org, &repo) {
        Some(r) => blob(&github, &r, &path, &headers),
        None => nothing(&github, &headers),
    }
}

fn blob(github: &Github, r: &Repository, path: &str, headers: &HeaderMap) -> Response {
    let Some(bytes) = git::blob(&github.bare(&r.name), path) else {
        return nothing(github, headers);
    };
    let shown = match std::str::from_utf8(&bytes) {
        Ok(text) if bytes.len() <= SHOWN_MOST => html!["<pre class='source'>" (text) "</pre>"],
        _ => html!["<p>" (bytes.len()) " bytes that are no text to read here.</p>"],
    };
    let body =
        html![{top(github)} "<main class='wide'><p class='trail'>" {trail(github, r, path)} "</p>" {shown} "</main>"];
    pages::page(&github.world, headers, "github", &format!("{path} - GitHub"), &body)
}
