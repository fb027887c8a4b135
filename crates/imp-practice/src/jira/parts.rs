//! The stand-in Jira's REST API: what hangs on an issue, such as comments, properties, links, files, watchers.

use std::sync::Arc;

use axum::extract::multipart::MultipartError;
use axum::extract::{Multipart, Path, State as Own};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::api::{Asks, Body, document, touch};
use super::model::{Attachment, LINK_TYPES, Link, RemoteLink};
use super::{Fail, Jira, Who, body};
use crate::clock;
use crate::world::hold;

/// The longest entity property, in characters of JSON, as in Jira.
const PROPERTY_LIMIT: usize = 32_768;
/// The longest key of one, as in Jira.
const PROPERTY_KEY_LIMIT: usize = 255;

/// Adds its routes.
pub fn routes(router: Router<Arc<Jira>>) -> Router<Arc<Jira>> {
    router
        .route("/issue/{key}/comment", get(comments).post(say))
        .route("/issue/{key}/comment/{id}", get(comment).put(say_again).delete(unsay))
        .route("/issue/{key}/properties", get(property_keys))
        .route(
            "/issue/{key}/properties/{name}",
            get(property).put(set_property).delete(remove_property),
        )
        .route(
            "/issue/{key}/remotelink",
            get(remote_links).post(put_remote_link).delete(remove_remote_link),
        )
        .route(
            "/issue/{key}/remotelink/{id}",
            get(remote_link).put(edit_remote_link).delete(remove_remote_link_by_id),
        )
        .route("/issue/{key}/watchers", get(watchers).post(watch).delete(unwatch))
        .route("/issue/{key}/attachments", post(attach))
        .route("/attachment/{id}", get(attachment).delete(detach))
        .route("/attachment/content/{id}", get(download))
        .route("/issueLink", post(link))
        .route("/issueLink/{id}", get(read_link).delete(unlink))
        .route("/issueLinkType", get(link_types))
}

fn not_found(what: &str) -> Fail {
    Fail::new(StatusCode::NOT_FOUND, what)
}

async fn comments(
    who: Who,
    Own(jira): Own<Arc<Jira>>,
    Path(key): Path<String>,
    asks: Asks,
) -> Result<Json<Value>, Fail> {
    let state = hold(&jira.state);
    let issue = state.find(&key).ok_or_else(Fail::no_issue)?;
    let number = |name: &str, usual: usize| asks.get(name).and_then(|n| n.parse().ok()).unwrap_or(usual);
    let (start, most) = (number("startAt", 0), number("maxResults", 5000));
    let pen = jira.pen(who.version);
    let mut all: Vec<_> = issue.comments.iter().collect();
    if asks.get("orderBy").is_some_and(|o| o == "-created") {
        all.reverse();
    }
    let page: Vec<Value> = all
        .into_iter()
        .skip(start)
        .take(most)
        .map(|c| pen.comment(&state, issue, c))
        .collect();
    Ok(Json(
        json!({"startAt": start, "maxResults": most, "total": issue.comments.len(), "comments": page}),
    ))
}

async fn say(who: Who, Own(jira): Own<Arc<Jira>>, Path(key): Path<String>, bytes: Body) -> Result<Response, Fail> {
    let wish = body(bytes)?;
    let id = jira.comment(&who.account, &key, &wish, who.version)?;
    let Json(made) = comment(who, Own(jira), Path((key, id.to_string()))).await?;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

async fn comment(
    who: Who,
    Own(jira): Own<Arc<Jira>>,
    Path((key, id)): Path<(String, String)>,
) -> Result<Json<Value>, Fail> {
    let state = hold(&jira.state);
    let issue = state.find(&key).ok_or_else(Fail::no_issue)?;
    let found = issue.comments.iter().find(|c| c.id.to_string() == id);
    let found = found.ok_or_else(|| not_found("Can not find a comment for the id: ."))?;
    Ok(Json(jira.pen(who.version).comment(&state, issue, found)))
}

async fn say_again(
    who: Who,
    Own(jira): Own<Arc<Jira>>,
    Path((key, id)): Path<(String, String)>,
    bytes: Body,
) -> Result<Json<Value>, Fail> {
    let said = document(&body(bytes)?["body"], who.version)?;
    {
        let mut state = hold(&jira.state);
        let now = clock::now_ms();
        let issue = state.find_mut(&key).ok_or_else(Fail::no_issue)?;
        let found = issue.comments.iter_mut().find(|c| c.id.to_string() == id);
        let found = found.ok_or_else(|| not_found("Can not find a comment for the id: ."))?;
        found.body = said;
        found.update_author.clone_from(&who.account);
        found.updated_ms = now;
        let (issue_id, comment_id) = (issue.id, found.id);
        issue.updated_ms = now;
        state.index(issue_id, now);
        jira.tell_comment(&state, "comment_updated", issue_id, comment_id);
    }
    comment(who, Own(jira), Path((key, id))).await
}

async fn unsay(_: Who, Own(jira): Own<Arc<Jira>>, Path((key, id)): Path<(String, String)>) -> Result<StatusCode, Fail> {
    let mut state = hold(&jira.state);
    let issue = state.find(&key).ok_or_else(Fail::no_issue)?;
    let found = issue.comments.iter().find(|c| c.id.to_string() == id);
    let comment_id = found
        .ok_or_else(|| not_found("Can not find a comment for the id: ."))?
        .id;
    let issue_id = issue.id;
    jira.tell_comment(&state, "comment_deleted", issue_id, comment_id);
    if let Some(issue) = state.issues.get_mut(&issue_id) {
        issue.comments.retain(|c| c.id != comment_id);
        issue.updated_ms = clock::now_ms();
    }
    state.index(issue_id, clock::now_ms());
    Ok(StatusCode::NO_CONTENT)
}

/// Whether an entity property may be kept.
pub fn check_property(key: &str, value: &Value) -> Result<(), Fail> {
    if key.is_empty() || key.len() > PROPERTY_KEY_LIMIT {
        return Err(Fail::bad("The property key must be between 1 and 255 characters long."));
    }
    if value.to_string().len() > PROPERTY_LIMIT {
        return Err(Fail::bad(
            "The property value is too long. The maximum length is 32768 characters.",
        ));
    }
    Ok(())
}

async fn property_keys(who: Who, Own(jira): Own<Arc<Jira>>, Path(key): Path<String>) -> Result<Json<Value>, Fail> {
    let state = hold(&jira.state);
    let issue = state.find(&key).ok_or_else(Fail::no_issue)?;
    let api = jira.pen(who.version).api();
    let keys = issue.properties.keys();
    let keys: Vec<Value> = keys
        .map(|k| json!({"key": k, "self": format!("{api}/issue/{}/properties/{k}", issue.key)}))
        .collect();
    Ok(Json(json!({"keys": keys})))
}

async fn property(
    _: Who,
    Own(jira): Own<Arc<Jira>>,
    Path((key, name)): Path<(String, String)>,
) -> Result<Json<Value>, Fail> {
    let state = hold(&jira.state);
    let issue = state.find(&key).ok_or_else(Fail::no_issue)?;
    match issue.properties.get(&name) {
        Some(value) => Ok(Json(json!({"key": name, "value": value}))),
        None => Err(not_found(&format!("The property {name} does not exist."))),
    }
}

async fn set_property(
    _: Who,
    Own(jira): Own<Arc<Jira>>,
    Path((key, name)): Path<(String, String)>,
    bytes: Body,
) -> Result<StatusCode, Fail> {
    let value = body(bytes)?;
    check_property(&name, &value)?;
    let mut fresh = false;
    touch(&jira, &key, |issue| {
        fresh = issue.properties.insert(name, value).is_none()
    })?;
    Ok(if fresh { StatusCode::CREATED } else { StatusCode::OK })
}

async fn remove_property(
    _: Who,
    Own(jira): Own<Arc<Jira>>,
    Path((key, name)): Path<(String, String)>,
) -> Result<StatusCode, Fail> {
    let mut there = false;
    touch(&jira, &key, |issue| there = issue.properties.remove(&name).is_some())?;
    if there {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(not_found(&format!("The property {name} does not exist.")))
    }
}

async fn remote_links(
    who: Who,
    Own(jira): Own<Arc<Jira>>,
    Path(key): Path<String>,
    asks: Asks,
) -> Result<Json<Value>, Fail> {
    let state = hold(&jira.state);
    let issue = state.find(&key).ok_or_else(Fail::no_issue)?;
    let pen = jira.pen(who.version);
    if let Some(global) = asks.get("globalId") {
        let found = issue.remote_links.iter().find(|l| l.global_id.as_ref() == Some(global));
        let found = found.ok_or_else(|| not_found("No remote link with that global id exists."))?;
        return Ok(Json(pen.remote_link(issue, found)));
    }
    Ok(Json(
        issue.remote_links.iter().map(|l| pen.remote_link(issue, l)).collect(),
    ))
}

fn check_remote_link(wish: &Value) -> Result<(), Fail> {
    for part in ["title", "url"] {
        if wish["object"][part].as_str().is_none_or(str::is_empty) {
            let errors = [(part.to_owned(), format!("'{part}' is required."))];
            return Err(Fail::from(super::Errors::from(errors)));
        }
    }
    Ok(())
}

async fn put_remote_link(
    who: Who,
    Own(jira): Own<Arc<Jira>>,
    Path(key): Path<String>,
    bytes: Body,
) -> Result<Response, Fail> {
    let wish = body(bytes)?;
    check_remote_link(&wish)?;
    let api = jira.pen(who.version).api();
    let global = wish["globalId"].as_str().filter(|g| !g.is_empty()).map(str::to_owned);
    let new_id = hold(&jira.state).id();
    let (mut id, mut status) = (new_id, StatusCode::CREATED);
    touch(&jira, &key, |issue| {
        let same = issue
            .remote_links
            .iter_mut()
            .find(|l| global.is_some() && l.global_id == global);
        match same {
            Some(link) => {
                link.body = wish;
                (id, status) = (link.id, StatusCode::OK);
            }
            None => issue.remote_links.push(RemoteLink {
                id: new_id,
                global_id: global,
                body: wish,
            }),
        }
    })?;
    let made = json!({"id": id, "self": format!("{api}/issue/{key}/remotelink/{id}")});
    Ok((status, Json(made)).into_response())
}

async fn remote_link(
    who: Who,
    Own(jira): Own<Arc<Jira>>,
    Path((key, id)): Path<(String, String)>,
) -> Result<Json<Value>, Fail> {
    let state = hold(&jira.state);
    let issue = state.find(&key).ok_or_else(Fail::no_issue)?;
    let found = issue.remote_links.iter().find(|l| l.id.to_string() == id);
    let found = found.ok_or_else(|| not_found("The remote link does not exist."))?;
    Ok(Json(jira.pen(who.version).remote_link(issue, found)))
}

async fn edit_remote_link(
    _: Who,
    Own(jira): Own<Arc<Jira>>,
    Path((key, id)): Path<(String, String)>,
    bytes: Body,
) -> Result<StatusCode, Fail> {
    let wish = body(bytes)?;
    check_remote_link(&wish)?;
    let mut there = false;
    touch(&jira, &key, |issue| {
        if let Some(link) = issue.remote_links.iter_mut().find(|l| l.id.to_string() == id) {
            link.global_id = wish["globalId"].as_str().map(str::to_owned).or(link.global_id.take());
            link.body = wish;
            there = true;
        }
    })?;
    if there {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(not_found("The remote link does not exist."))
    }
}

async fn remove_remote_link(
    _: Who,
    Own(jira): Own<Arc<Jira>>,
    Path(key): Path<String>,
    asks: Asks,
) -> Result<StatusCode, Fail> {
    let Some(global) = asks.get("globalId") else {
        return Err(Fail::bad("The globalId parameter is required."));
    };
    let mut there = false;
    touch(&jira, &key, |issue| {
        let before = issue.remote_links.len();
        issue.remote_links.retain(|l| l.global_id.as_ref() != Some(global));
        there = issue.remote_links.len() < before;
    })?;
    if there {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(not_found("The remote link does not exist."))
    }
}

async fn remove_remote_link_by_id(
    _: Who,
    Own(jira): Own<Arc<Jira>>,
    Path((key, id)): Path<(String, String)>,
) -> Result<StatusCode, Fail> {
    let mut there = false;
    touch(&jira, &key, |issue| {
        let before = issue.remote_links.len();
        issue.remote_links.retain(|l| l.id.to_string() != id);
        there = issue.remote_links.len() < before;
    })?;
    if there {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(not_found("The remote link does not exist."))
    }
}

async fn watchers(who: Who, Own(jira): Own<Arc<Jira>>, Path(key): Path<String>) -> Result<Json<Value>, Fail> {
    let state = hold(&jira.state);
    let issue = state.find(&key).ok_or_else(Fail::no_issue)?;
    let pen = jira.pen(who.version);
    let people: Vec<Value> = issue.watchers.iter().map(|w| pen.account(&state, Some(w))).collect();
    Ok(Json(json!({
        "self": format!("{}/issue/{}/watchers", pen.api(), issue.key), "isWatching": issue.watchers.contains(&who.account),
        "watchCount": people.len(), "watchers": people,
    })))
}

async fn watch(who: Who, Own(jira): Own<Arc<Jira>>, Path(key): Path<String>, bytes: Body) -> Result<StatusCode, Fail> {
    let given = match bytes.as_ref().map(|b| b.is_empty()) {
        Ok(true) => json!(who.account),
        _ => body(bytes)?,
    };
    let account = given.as_str().filter(|a| hold(&jira.state).user(a).is_some());
    let account = account.ok_or_else(|| not_found("The user does not exist."))?.to_owned();
    touch(&jira, &key, |issue| {
        if !issue.watchers.contains(&account) {
            issue.watchers.push(account);
        }
    })?;
    Ok(StatusCode::NO_CONTENT)
}

async fn unwatch(_: Who, Own(jira): Own<Arc<Jira>>, Path(key): Path<String>, asks: Asks) -> Result<StatusCode, Fail> {
    let account = asks.get("accountId").cloned().unwrap_or_default();
    touch(&jira, &key, |issue| issue.watchers.retain(|w| *w != account))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn attach(
    who: Who,
    Own(jira): Own<Arc<Jira>>,
    Path(key): Path<String>,
    headers: HeaderMap,
    mut form: Multipart,
) -> Result<Response, Fail> {
    let passes = headers.get("X-Atlassian-Token").and_then(|v| v.to_str().ok());
    if !matches!(passes, Some("no-check" | "nocheck")) {
        return Ok((StatusCode::FORBIDDEN, "XSRF check failed").into_response());
    }
    let mut files = vec![];
    let broken = |e: MultipartError| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Fail::new(e.status(), "The attachment exceeds the maximum attachment size."),
        _ => Fail::bad("The multipart request could not be read."),
    };
    while let Some(part) = form.next_field().await.map_err(broken)? {
        if part.name() != Some("file") {
            continue;
        }
        let filename = part.file_name().unwrap_or("file").to_owned();
        let mime = part.content_type().unwrap_or("application/octet-stream").to_owned();
        let content = part.bytes().await.map_err(broken)?.to_vec();
        files.push((filename, mime, content));
    }
    let now = clock::now_ms();
    let mut state = hold(&jira.state);
    let mut added = vec![];
    for (filename, mime, content) in files {
        let author = who.account.clone();
        added.push(Attachment {
            id: state.id(),
            filename,
            mime,
            content: Arc::new(content),
            author,
            created_ms: now,
        });
    }
    let issue = state.find_mut(&key).ok_or_else(Fail::no_issue)?;
    issue.attachments.extend(added.iter().cloned());
    issue.updated_ms = now;
    let pen = jira.pen(who.version);
    let out: Vec<Value> = added.iter().map(|a| pen.attachment(&state, a)).collect();
    Ok(Json(out).into_response())
}

fn file(jira: &Jira, id: &str) -> Result<Attachment, Fail> {
    let state = hold(&jira.state);
    let found = state
        .issues
        .values()
        .flat_map(|i| &i.attachments)
        .find(|a| a.id.to_string() == id);
    found
        .cloned()
        .ok_or_else(|| not_found(&format!("The attachment with id '{id}' does not exist")))
}

async fn attachment(who: Who, Own(jira): Own<Arc<Jira>>, Path(id): Path<String>) -> Result<Json<Value>, Fail> {
    let file = file(&jira, &id)?;
    Ok(Json(jira.pen(who.version).attachment(&hold(&jira.state), &file)))
}

async fn download(_: Who, Own(jira): Own<Arc<Jira>>, Path(id): Path<String>) -> Result<Response, Fail> {
    let file = file(&jira, &id)?;
    // What people upload is never shown as a page of this origin.
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment"),
    ];
    Ok((headers, file.content.to_vec()).into_response())
}

async fn detach(_: Who, Own(jira): Own<Arc<Jira>>, Path(id): Path<String>) -> Result<StatusCode, Fail> {
    let file = file(&jira, &id)?;
    for issue in hold(&jira.state).issues.values_mut() {
        issue.attachments.retain(|a| a.id != file.id);
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn link(who: Who, Own(jira): Own<Arc<Jira>>, bytes: Body) -> Result<StatusCode, Fail> {
    let wish = body(bytes)?;
    let kind = LINK_TYPES
        .iter()
        .position(|t| wish["type"]["name"] == t.1 || wish["type"]["id"] == t.0);
    let name = wish["type"]["name"].as_str().unwrap_or_default();
    let kind = kind.ok_or_else(|| not_found(&format!("No issue link type with name '{name}' found.")))?;
    let id = {
        let mut state = hold(&jira.state);
        let one = |side: &str| {
            let given = wish[side]["key"]
                .as_str()
                .or(wish[side]["id"].as_str())
                .unwrap_or_default();
            state.find(given).map(|i| i.key.clone()).ok_or_else(Fail::no_issue)
        };
        let (inward, outward) = (one("inwardIssue")?, one("outwardIssue")?);
        let same = state
            .links
            .iter()
            .any(|l| l.kind == kind && l.inward == inward && l.outward == outward);
        let outward_id = state.find(&outward).map(|i| i.id);
        if !same {
            let id = state.id();
            state.links.push(Link {
                id,
                kind,
                inward,
                outward,
            });
        }
        outward_id
    };
    if let (Some(id), false) = (id, wish["comment"]["body"].is_null()) {
        jira.comment(&who.account, &id.to_string(), &wish["comment"], who.version)?;
    }
    Ok(StatusCode::CREATED)
}

async fn read_link(who: Who, Own(jira): Own<Arc<Jira>>, Path(id): Path<String>) -> Result<Json<Value>, Fail> {
    let state = hold(&jira.state);
    let found = state.links.iter().find(|l| l.id.to_string() == id);
    let found = found.ok_or_else(|| not_found("No issue link with that id exists."))?;
    let pen = jira.pen(who.version);
    Ok(Json(json!({
        "id": id, "type": pen.link_type(found.kind), "inwardIssue": {"key": found.inward}, "outwardIssue": {"key": found.outward},
    })))
}

async fn unlink(_: Who, Own(jira): Own<Arc<Jira>>, Path(id): Path<String>) -> StatusCode {
    hold(&jira.state).links.retain(|l| l.id.to_string() != id);
    StatusCode::NO_CONTENT
}

async fn link_types(who: Who, Own(jira): Own<Arc<Jira>>) -> Json<Value> {
    let pen = jira.pen(who.version);
    Json(json!({"issueLinkTypes": (0..LINK_TYPES.len()).map(|n| pen.link_type(n)).collect::<Vec<_>>()}))
}
