//! The stand-in GitHub's REST API, as far as a new service needs it.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequestParts, Path, Query, State as Own};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{DESCRIPTION_MOST, Fail, Github, Label, Repository, State, git, is_name};
use crate::world::hold;

pub(super) type Here = Own<Arc<Github>>;
pub(super) type Body = Result<Bytes, BytesRejection>;
pub(super) type Answer = Result<Response, Fail>;
pub(super) type Two = Path<(String, String)>;
pub(super) type Three = Path<(String, String, String)>;

/// A caller with the token and a name.
pub(super) struct Caller;

impl FromRequestParts<Arc<Github>> for Caller {
    type Rejection = Fail;

    async fn from_request_parts(parts: &mut Parts, github: &Arc<Github>) -> Result<Caller, Fail> {
        if !parts.headers.contains_key(header::USER_AGENT) {
            let words =
                "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.";
            return Err(Fail::new(StatusCode::FORBIDDEN, words));
        }
        match github.knows(&parts.headers) {
            true => Ok(Caller),
            false => Err(Fail::new(StatusCode::UNAUTHORIZED, "Bad credentials")),
        }
    }
}

/// The routes, under the path that GitHub Enterprise Server has.
pub fn routes(github: &Arc<Github>) -> Router {
    let v3 = Router::new()
        .route("/user", get(user))
        .route("/orgs/{org}", get(org))
        .route("/orgs/{org}/repos", get(list).post(create))
        .route("/orgs/{org}/teams/{team}", get(team))
        .route(
            "/orgs/{org}/teams/{team}/repos/{owner}/{repo}",
            get(team_repository).put(grant).delete(revoke),
        )
        .route("/repos/{owner}/{repo}", get(read).patch(edit).delete(remove))
        .route("/repos/{owner}/{repo}/topics", get(topics).put(set_topics))
        .route("/repos/{owner}/{repo}/labels", get(labels).post(create_label))
        .route("/repos/{owner}/{repo}/labels/{name}", get(label))
        .route("/repos/{owner}/{repo}/hooks", get(hooks).post(create_hook))
        .merge(super::actions::routes())
        .route("/repos/{owner}/{repo}/branches/{branch}", get(branch))
        .route(
            "/repos/{owner}/{repo}/branches/{branch}/protection",
            put(protect).get(protection).delete(release),
        )
        .route("/repos/{owner}/{repo}/git/ref/{*name}", get(reference))
        .route("/repos/{owner}/{repo}/commits", get(commits))
        .route("/repos/{owner}/{repo}/contents/{*path}", get(contents))
        .route(
            "/rate_limit",
            get(async || Json(json!({"rate": {"limit": 5000, "remaining": 5000}}))),
        )
        .fallback(async || Fail::not_found())
        .with_state(Arc::clone(github));
    Router::new()
        .route("/api/v3/", post(async || Fail::not_found()))
        .nest("/api/v3", v3)
}

pub(super) fn body(bytes: Body) -> Result<Value, Fail> {
    let bytes = bytes.map_err(|_| Fail::new(StatusCode::PAYLOAD_TOO_LARGE, "Payload too large"))?;
    if bytes.is_empty() {
        return Ok(json!({}));
    }
    match serde_json::from_slice::<Value>(&bytes) {
        Ok(v) if v.is_object() => Ok(v),
        _ => Err(Fail::new(StatusCode::BAD_REQUEST, "Problems parsing JSON")),
    }
}

impl Github {
    fn owned(&self, owner: &str) -> Result<(), Fail> {
        match owner.eq_ignore_ascii_case(&self.login()) {
            true => Ok(()),
            false => Err(Fail::not_found()),
        }
    }

    pub(super) fn with<T>(
        &self,
        owner: &str,
        name: &str,
        f: impl FnOnce(&mut Repository) -> Result<T, Fail>,
    ) -> Result<T, Fail> {
        self.owned(owner)?;
        let mut state = hold(&self.state);
        f(found(&mut state, name)?)
    }

    fn api(&self) -> String {
        format!("{}/github/api/v3", self.world.base)
    }

    fn json(&self, r: &Repository) -> Value {
        let (login, base) = (self.login(), &self.world.base);
        let full = format!("{login}/{}", r.name);
        let at = Timestamp::from_millisecond(r.created_ms)
            .unwrap_or_default()
            .to_string();
        json!({
            "id": r.number, "node_id": format!("R_{}", r.number), "name": r.name, "full_name": full, "private": r.private,
            "visibility": if r.private { "private" } else { "public" },
            "owner": {"login": login, "id": 1, "type": "Organization"},
            "description": if r.description.is_empty() { Value::Null } else { json!(r.description) },
            "html_url": format!("{base}/github/{full}"), "url": format!("{}/repos/{full}", self.api()),
            "clone_url": format!("{base}/github/{full}.git"), "default_branch": "main", "topics": r.topics,
            "created_at": at, "archived": false, "disabled": false, "fork": false, "has_issues": true,
        })
    }
}

fn found<'s>(state: &'s mut State, name: &str) -> Result<&'s mut Repository, Fail> {
    state
        .repositories
        .get_mut(&name.to_lowercase())
        .ok_or_else(Fail::not_found)
}

async fn user(_: Caller) -> Response {
    let headers = [("x-oauth-scopes", "admin:org, delete_repo, repo")];
    (headers, Json(json!({"login": "imp-shaper", "type": "User"}))).into_response()
}

async fn org(_: Caller, Own(github): Here, Path(org): Path<String>) -> Answer {
    github.owned(&org)?;
    Ok(Json(json!({"login": github.login(), "id": 1, "name": github.world.org.name})).into_response())
}

async fn list(_: Caller, Own(github): Here, Path(org): Path<String>) -> Answer {
    github.owned(&org)?;
    let state = hold(&github.state);
    let all: Vec<Value> = state.repositories.values().map(|r| github.json(r)).collect();
    Ok(Json(all).into_response())
}

async fn create(_: Caller, Own(github): Here, Path(org): Path<String>, bytes: Body) -> Answer {
    github.owned(&org)?;
    let wish = body(bytes)?;
    let name = wish["name"].as_str().unwrap_or_default();
    let words = "Repository creation failed.";
    let wrong = |message: &str| {
        Fail::invalid(
            words,
            json!({"resource": "Repository", "code": "custom", "field": "name", "message": message}),
        )
    };
    if !is_name(name) {
        return Err(wrong("name can only contain letters, digits, '-', '_' and '.'"));
    }
    let description = wish["description"].as_str().unwrap_or_default();
    if description.chars().count() > DESCRIPTION_MOST {
        let message = "description cannot be more than 350 characters";
        return Err(Fail::invalid(
            words,
            json!({"resource": "Repository", "code": "custom", "field": "description", "message": message}),
        ));
    }
    if hold(&github.state).repositories.contains_key(&name.to_lowercase()) {
        return Err(wrong("name already exists on this account"));
    }
    github
        .make(name, description, wish["private"].as_bool().unwrap_or(false))
        .map_err(|e| Fail::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?;
    let mut state = hold(&github.state);
    let made = github.json(found(&mut state, name)?);
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

async fn read(_: Caller, Own(github): Here, Path((owner, repo)): Two) -> Answer {
    github.with(&owner, &repo, |r| Ok(Json(github.json(r)).into_response()))
}

async fn edit(_: Caller, Own(github): Here, Path((owner, repo)): Two, bytes: Body) -> Answer {
    let wish = body(bytes)?;
    github.with(&owner, &repo, |r| {
        if let Some(d) = wish["description"].as_str() {
            r.description = d.to_owned();
        }
        Ok(Json(github.json(r)).into_response())
    })
}

async fn remove(_: Caller, Own(github): Here, Path((owner, repo)): Two) -> Answer {
    github.owned(&owner)?;
    let name = {
        let mut state = hold(&github.state);
        found(&mut state, &repo)?;
        state.repositories.remove(&repo.to_lowercase()).map(|r| r.name)
    };
    if let Some(name) = name {
        let _ = std::fs::remove_dir_all(github.bare(&name));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn topics(_: Caller, Own(github): Here, Path((owner, repo)): Two) -> Answer {
    github.with(&owner, &repo, |r| Ok(Json(json!({"names": r.topics})).into_response()))
}

async fn set_topics(_: Caller, Own(github): Here, Path((owner, repo)): Two, bytes: Body) -> Answer {
    let wish = body(bytes)?;
    let names: Vec<String> = wish["names"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|n| n.as_str().map(str::to_owned))
        .collect();
    let fits = |t: &String| {
        !t.is_empty()
            && t.len() <= 50
            && t.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if !names.iter().all(fits) || names.len() > 20 {
        let words = "Topics must start with a lowercase letter or number, consist of 50 characters or less, and can include hyphens.";
        return Err(Fail::new(StatusCode::UNPROCESSABLE_ENTITY, words));
    }
    github.with(&owner, &repo, |r| {
        r.topics = names;
        Ok(Json(json!({"names": r.topics})).into_response())
    })
}

fn label_json(l: &Label) -> Value {
    json!({"name": l.name, "color": l.color, "description": l.description, "default": false})
}

async fn labels(_: Caller, Own(github): Here, Path((owner, repo)): Two) -> Answer {
    github.with(&owner, &repo, |r| {
        Ok(Json(r.labels.iter().map(label_json).collect::<Vec<_>>()).into_response())
    })
}

async fn label(_: Caller, Own(github): Here, Path((owner, repo, name)): Three) -> Answer {
    github.with(&owner, &repo, |r| {
        let l = r
            .labels
            .iter()
            .find(|l| l.name.eq_ignore_ascii_case(&name))
            .ok_or_else(Fail::not_found)?;
        Ok(Json(label_json(l)).into_response())
    })
}

async fn create_label(_: Caller, Own(github): Here, Path((owner, repo)): Two, bytes: Body) -> Answer {
    let wish = body(bytes)?;
    let text = |k: &str| wish[k].as_str().unwrap_or_default().to_owned();
    let label = Label {
        name: text("name"),
        color: text("color"),
        description: text("description"),
    };
    let wrong = |field: &str, code: &str| {
        Fail::invalid(
            "Validation Failed",
            json!({"resource": "Label", "code": code, "field": field}),
        )
    };
    if label.name.is_empty() {
        return Err(wrong("name", "missing_field"));
    }
    if label.color.len() != 6 || !label.color.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(wrong("color", "invalid"));
    }
    github.with(&owner, &repo, |r| {
        if r.labels.iter().any(|l| l.name.eq_ignore_ascii_case(&label.name)) {
            return Err(wrong("name", "already_exists"));
        }
        r.labels.push(label.clone());
        Ok((StatusCode::CREATED, Json(label_json(&label))).into_response())
    })
}

async fn hooks(_: Caller, Own(github): Here, Path((owner, repo)): Two) -> Answer {
    github.with(&owner, &repo, |r| Ok(Json(r.hooks.clone()).into_response()))
}

async fn create_hook(_: Caller, Own(github): Here, Path((owner, repo)): Two, bytes: Body) -> Answer {
    let wish = body(bytes)?;
    let wrong = |message: &str| {
        Fail::invalid(
            "Validation Failed",
            json!({"resource": "Hook", "code": "custom", "message": message}),
        )
    };
    let Some(url) = wish["config"]["url"].as_str().filter(|u| u.starts_with("http")) else {
        return Err(wrong("url is missing"));
    };
    if !matches!(wish["name"].as_str(), None | Some("web")) {
        return Err(wrong("The \"name\" of a hook is \"web\""));
    }
    if wish["events"].as_array().is_some_and(Vec::is_empty) {
        return Err(wrong("Events is empty"));
    }
    github.with(&owner, &repo, |r| {
        if r.hooks.iter().any(|h| h["config"]["url"] == url) {
            return Err(wrong("Hook already exists on this repository"));
        }
        let mut hook = wish.clone();
        hook["id"] = json!(r.hooks.len() + 1);
        if let Some(secret) = wish["config"]["secret"].as_str() {
            r.hook_secrets.insert(url.to_owned(), secret.to_owned());
            hook["config"]["secret"] = json!("********");
        }
        r.hooks.push(hook.clone());
        Ok((StatusCode::CREATED, Json(hook)).into_response())
    })
}

async fn team(_: Caller, Own(github): Here, Path((org, team)): Two) -> Answer {
    github.owned(&org)?;
    let team = github.world.team(&team).ok_or_else(Fail::not_found)?;
    Ok(Json(json!({"slug": team.alias, "name": team.name})).into_response())
}

async fn team_repository(
    _: Caller,
    Own(github): Here,
    Path((org, team, owner, repo)): Path<(String, String, String, String)>,
) -> Answer {
    github.owned(&org)?;
    github.with(&owner, &repo, |r| match r.teams.contains_key(&team) {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(Fail::not_found()),
    })
}

async fn grant(
    _: Caller,
    Own(github): Here,
    Path((org, team, owner, repo)): Path<(String, String, String, String)>,
    bytes: Body,
) -> Answer {
    github.owned(&org)?;
    let wish = body(bytes)?;
    let known = github.world.team(&team).ok_or_else(Fail::not_found)?.alias.clone();
    github.with(&owner, &repo, |r| {
        r.teams
            .insert(known, wish["permission"].as_str().unwrap_or("push").to_owned());
        Ok(StatusCode::NO_CONTENT.into_response())
    })
}

async fn revoke(
    _: Caller,
    Own(github): Here,
    Path((_, team, owner, repo)): Path<(String, String, String, String)>,
) -> Answer {
    github.with(&owner, &repo, |r| {
        r.teams.remove(&team);
        Ok(StatusCode::NO_CONTENT.into_response())
    })
}

impl Github {
    fn commit(&self, name: &str, what: &str) -> Option<String> {
        let out = git::ask(
            &self.bare(name),
            &["rev-parse", "--verify", "--quiet", "--end-of-options", what],
        )?;
        Some(String::from_utf8_lossy(&out).trim().to_owned())
    }
}

async fn branch(_: Caller, Own(github): Here, Path((owner, repo, branch)): Three) -> Answer {
    let protected = github.with(&owner, &repo, |r| Ok(r.protection.contains_key(&branch)))?;
    let sha = github
        .commit(&repo, &format!("refs/heads/{branch}"))
        .ok_or_else(|| Fail::new(StatusCode::NOT_FOUND, "Branch not found"))?;
    Ok(Json(json!({"name": branch, "commit": {"sha": sha}, "protected": protected})).into_response())
}

async fn reference(_: Caller, Own(github): Here, Path((owner, repo, name)): Three) -> Answer {
    github.with(&owner, &repo, |_| Ok(()))?;
    let empty = git::ask(&github.bare(&repo), &["for-each-ref", "--count=1"])
        .unwrap_or_default()
        .is_empty();
    if empty {
        return Err(Fail::new(StatusCode::CONFLICT, "Git Repository is empty."));
    }
    let full = format!("refs/{name}");
    let sha = github.commit(&repo, &full).ok_or_else(Fail::not_found)?;
    Ok(Json(json!({"ref": full, "object": {"type": "commit", "sha": sha}})).into_response())
}

async fn protect(_: Caller, Own(github): Here, Path((owner, repo, branch)): Three, bytes: Body) -> Answer {
    let wish = body(bytes)?;
    let needed = [
        "required_status_checks",
        "enforce_admins",
        "required_pull_request_reviews",
        "restrictions",
    ];
    let missing: Vec<&str> = needed.into_iter().filter(|k| wish.get(k).is_none()).collect();
    if !missing.is_empty() {
        let words = format!("Invalid request.\n\n{} weren't supplied.", missing.join(", "));
        return Err(Fail::new(StatusCode::UNPROCESSABLE_ENTITY, words));
    }
    github.with(&owner, &repo, |_| Ok(()))?;
    if github.commit(&repo, &format!("refs/heads/{branch}")).is_none() {
        return Err(Fail::new(StatusCode::NOT_FOUND, "Branch not found"));
    }
    if branch == "main" {
        git::protect(&github.bare(&repo)).map_err(|e| Fail::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?;
    }
    github.with(&owner, &repo, |r| {
        r.protection.insert(branch, wish.clone());
        Ok(Json(protection_json(&wish)).into_response())
    })
}

/// As GitHub answers: switches are objects there.
fn protection_json(wish: &Value) -> Value {
    let mut out = json!({"url": ""});
    for (key, value) in wish.as_object().into_iter().flatten() {
        match value {
            Value::Bool(b) => out[key] = json!({"enabled": b}),
            Value::Null => {}
            other => out[key] = other.clone(),
        }
    }
    out
}

async fn protection(_: Caller, Own(github): Here, Path((owner, repo, branch)): Three) -> Answer {
    github.with(&owner, &repo, |r| match r.protection.get(&branch) {
        Some(p) => Ok(Json(protection_json(p)).into_response()),
        None => Err(Fail::new(StatusCode::NOT_FOUND, "Branch not protected")),
    })
}

async fn release(_: Caller, Own(github): Here, Path((owner, repo, branch)): Three) -> Answer {
    git::release(&github.bare(&repo.to_lowercase()));
    github.with(&owner, &repo, |r| match r.protection.remove(&branch) {
        Some(_) => Ok(StatusCode::NO_CONTENT.into_response()),
        None => Err(Fail::new(StatusCode::NOT_FOUND, "Branch not protected")),
    })
}

async fn commits(
    _: Caller,
    Own(github): Here,
    Path((owner, repo)): Two,
    asks: Query<HashMap<String, String>>,
) -> Answer {
    github.with(&owner, &repo, |_| Ok(()))?;
    let most = asks
        .get("per_page")
        .and_then(|n| n.parse::<u32>().ok())
        .unwrap_or(30)
        .clamp(1, 100);
    let count = format!("--max-count={most}");
    let out = git::ask(
        &github.bare(&repo),
        &["log", &count, "--format=%H%x09%an%x09%s", "main"],
    )
    .ok_or_else(|| Fail::new(StatusCode::CONFLICT, "Git Repository is empty."))?;
    let text = String::from_utf8_lossy(&out).into_owned();
    let all = text.lines().filter_map(|l| {
        let mut parts = l.splitn(3, '\t');
        let (sha, author, message) = (parts.next()?, parts.next()?, parts.next()?);
        Some(json!({"sha": sha, "commit": {"message": message, "author": {"name": author}}}))
    });
    Ok(Json(all.collect::<Vec<_>>()).into_response())
}

async fn contents(_: Caller, Own(github): Here, Path((owner, repo, path)): Three) -> Answer {
    github.with(&owner, &repo, |_| Ok(()))?;
    let bytes = git::blob(&github.bare(&repo), &path).ok_or_else(Fail::not_found)?;
    let name = path.rsplit('/').next().unwrap_or_default();
    Ok(Json(json!({
        "type": "file", "name": name, "path": path, "size": bytes.len(), "encoding": "base64", "content": STANDARD.encode(&bytes),
    }))
    .into_response())
}
