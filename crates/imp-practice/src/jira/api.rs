//! The stand-in Jira's REST API: its routes, and what is asked of issues and of the search.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State as Own};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Extension, Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};

use super::change::Errors;
use super::jql;
use super::model::{Issue, State};
use super::render::{Asked, Version};
use super::{Fail, Jira, Who, body, change, lists, parts};
use crate::clock;
use crate::world::hold;

/// The largest request: attachments of ten megabytes, as Jira has by default.
const BODY_LIMIT: usize = 10 * 1024 * 1024;
/// The most issues in a page of search results, as in Jira.
const PAGE_MOST: usize = 5000;
/// The issues in a page when nothing is said, as in Jira.
const PAGE_USUAL: usize = 50;
/// The most issues that a search can be asked to see as they are, as in Jira.
const RECONCILE_MOST: usize = 50;
/// The most properties that a search can be asked for, as in Jira.
const PROPERTIES_MOST: usize = 5;

/// The query of a request.
pub type Asks = Query<HashMap<String, String>>;
/// The body of a request, before it is read.
pub type Body = Result<Bytes, BytesRejection>;

/// The routes of both versions.
pub fn routes(jira: &Arc<Jira>) -> Router {
    let one = |version: Version| {
        let mut router = Router::new()
            .route("/issue", post(create))
            .route("/issue/{key}", get(read).put(edit).delete(remove))
            .route("/issue/{key}/assignee", put(assign))
            .route("/issue/{key}/transitions", get(transitions).post(go))
            .route("/search/approximate-count", post(count))
            .route("/search/jql", get(search_get).post(search_post))
            .route("/search", get(gone).post(gone));
        router = parts::routes(router);
        router = lists::routes(router);
        router
            .fallback(async || {
                Fail::new(
                    StatusCode::NOT_FOUND,
                    "null for uri: this path is not part of the practice workspace",
                )
            })
            .layer(DefaultBodyLimit::max(BODY_LIMIT))
            .layer(Extension(version))
            .with_state(Arc::clone(jira))
    };
    Router::new()
        .nest("/rest/api/3", one(Version::Three))
        .nest("/rest/api/2", one(Version::Two))
        .nest("/rest/api/latest", one(Version::Two))
}

/// The names in a comma-separated parameter.
pub fn names(text: Option<&String>) -> Vec<String> {
    let parts = text.map(String::as_str).unwrap_or_default().split(',');
    parts
        .map(str::trim)
        .filter(|p| !p.is_empty())
        .map(str::to_owned)
        .collect()
}

async fn create(who: Who, Own(jira): Own<Arc<Jira>>, bytes: Body) -> Result<Response, Fail> {
    let (id, key) = jira.create(&who.account, &body(bytes)?, who.version)?;
    let made = json!({"id": id.to_string(), "key": key, "self": format!("{}/issue/{id}", jira.pen(who.version).api())});
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

async fn read(who: Who, Own(jira): Own<Arc<Jira>>, Path(key): Path<String>, asks: Asks) -> Result<Json<Value>, Fail> {
    let state = hold(&jira.state);
    let issue = state.find(&key).ok_or_else(Fail::no_issue)?;
    let mut asked = Asked {
        fields: names(asks.get("fields")),
        properties: names(asks.get("properties")),
        changelog: asks.get("expand").is_some_and(|e| e.contains("changelog")),
    };
    if asked.fields.is_empty() {
        asked.fields.push("*all".to_owned());
    }
    Ok(Json(jira.pen(who.version).issue(&state, issue, &asked)))
}

async fn edit(
    who: Who,
    Own(jira): Own<Arc<Jira>>,
    Path(key): Path<String>,
    asks: Asks,
    bytes: Body,
) -> Result<Response, Fail> {
    jira.edit(&who.account, &key, &body(bytes)?, who.version)?;
    if asks.get("returnIssue").is_some_and(|v| v == "true") {
        let state = hold(&jira.state);
        let issue = state.find(&key).ok_or_else(Fail::no_issue)?;
        return Ok(Json(jira.pen(who.version).issue(&state, issue, &Asked::all())).into_response());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn assign(who: Who, Own(jira): Own<Arc<Jira>>, Path(key): Path<String>, bytes: Body) -> Result<StatusCode, Fail> {
    let wish = json!({"fields": {"assignee": body(bytes)?}});
    jira.edit(&who.account, &key, &wish, who.version)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(who: Who, Own(jira): Own<Arc<Jira>>, Path(key): Path<String>, asks: Asks) -> Result<StatusCode, Fail> {
    let mut state = hold(&jira.state);
    let issue = state.find(&key).cloned().ok_or_else(Fail::no_issue)?;
    let children: Vec<u64> = state
        .issues
        .values()
        .filter(|i| i.parent.as_deref() == Some(&issue.key))
        .map(|i| i.id)
        .collect();
    if !children.is_empty() && asks.get("deleteSubtasks").is_none_or(|v| v != "true") {
        let wrong = format!(
            "The issue '{}' has subtasks.  You must specify the 'deleteSubtasks' parameter to delete this issue and all its \
             subtasks.",
            issue.key
        );
        return Err(Fail::bad(wrong));
    }
    for id in children.into_iter().chain([issue.id]) {
        jira.tell(&state, "jira:issue_deleted", "issue_deleted", &who.account, id, None);
        if let Some(gone) = state.issues.remove(&id) {
            state.links.retain(|l| l.inward != gone.key && l.outward != gone.key);
        }
        state.index(id, clock::now_ms());
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn transitions(who: Who, Own(jira): Own<Arc<Jira>>, Path(key): Path<String>) -> Result<Json<Value>, Fail> {
    let state = hold(&jira.state);
    let issue = state.find(&key).ok_or_else(Fail::no_issue)?;
    let pen = jira.pen(who.version);
    let offered: Vec<Value> = state
        .offered(issue)
        .into_iter()
        .map(|to| {
            json!({
                "id": to.transition, "name": to.verb, "to": pen.status(to), "hasScreen": false, "isGlobal": false,
                "isInitial": false, "isAvailable": true, "isConditional": false, "isLooped": false, "fields": {},
            })
        })
        .collect();
    Ok(Json(json!({"expand": "transitions", "transitions": offered})))
}

async fn go(who: Who, Own(jira): Own<Arc<Jira>>, Path(key): Path<String>, bytes: Body) -> Result<StatusCode, Fail> {
    jira.transition(&who.account, &key, &body(bytes)?, who.version)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn gone(_: Who) -> Fail {
    let words = "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline \
                 is available at https://developer.atlassian.com/changelog/#CHANGE-2046";
    Fail::new(StatusCode::GONE, words)
}

/// What a search is asked.
#[derive(Debug, Default)]
struct Search {
    jql: String,
    most: usize,
    after: usize,
    asked: Asked,
    fresh: Vec<u64>,
}

async fn search_get(who: Who, Own(jira): Own<Arc<Jira>>, asks: Asks) -> Result<Json<Value>, Fail> {
    let numbers = names(asks.get("reconcileIssues"));
    let search = Search {
        jql: asks.get("jql").cloned().unwrap_or_default(),
        most: asks
            .get("maxResults")
            .and_then(|n| n.parse().ok())
            .unwrap_or(PAGE_USUAL),
        after: after(asks.get("nextPageToken").map(String::as_str))?,
        asked: Asked {
            fields: names(asks.get("fields")),
            properties: names(asks.get("properties")),
            changelog: asks.get("expand").is_some_and(|e| e.contains("changelog")),
        },
        fresh: numbers.iter().filter_map(|n| n.parse().ok()).collect(),
    };
    search_answer(&who, &jira, search)
}

async fn search_post(who: Who, Own(jira): Own<Arc<Jira>>, bytes: Body) -> Result<Json<Value>, Fail> {
    const KNOWN: [&str; 9] = [
        "jql",
        "maxResults",
        "nextPageToken",
        "fields",
        "properties",
        "expand",
        "reconcileIssues",
        "fieldsByKeys",
        "failFast",
    ];
    let wish = body(bytes)?;
    let unknown = wish
        .as_object()
        .and_then(|o| o.keys().find(|k| !KNOWN.contains(&k.as_str())));
    if let Some(key) = unknown {
        return Err(Fail::bad(format!(
            "Invalid request payload. Unrecognized field \"{key}\""
        )));
    }
    let list = |key: &str| -> Vec<String> {
        wish[key]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect()
    };
    let search = Search {
        jql: wish["jql"].as_str().unwrap_or_default().to_owned(),
        most: wish["maxResults"]
            .as_u64()
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(PAGE_USUAL),
        after: after(wish["nextPageToken"].as_str())?,
        asked: Asked {
            fields: list("fields"),
            properties: list("properties"),
            changelog: wish["expand"].as_str().is_some_and(|e| e.contains("changelog")),
        },
        fresh: wish["reconcileIssues"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_u64)
            .collect(),
    };
    search_answer(&who, &jira, search)
}

/// Where the next page begins; the token is opaque to callers.
fn after(token: Option<&str>) -> Result<usize, Fail> {
    match token {
        None => Ok(0),
        Some(token) => {
            let number = token.strip_prefix("page-").and_then(|n| n.parse().ok());
            number.ok_or_else(|| Fail::bad("The provided next page token is invalid or expired."))
        }
    }
}

fn search_answer(who: &Who, jira: &Jira, search: Search) -> Result<Json<Value>, Fail> {
    if search.fresh.len() > RECONCILE_MOST {
        return Err(Fail::bad(
            "The reconcileIssues parameter has too many issues: at most 50.",
        ));
    }
    if search.asked.properties.len() > PROPERTIES_MOST {
        return Err(Fail::bad(
            "The maximum number of issue property keys that can be specified is 5.",
        ));
    }
    let mut state = hold(&jira.state);
    let found = find(&mut state, &search.jql, &search.fresh, &who.account)?;
    let pen = jira.pen(who.version);
    let most = search.most.clamp(1, PAGE_MOST);
    let page = found.iter().skip(search.after).take(most);
    let issues: Vec<Value> = page.map(|i| pen.issue(&state, i, &search.asked)).collect();
    let next = search.after + issues.len();
    let last = next >= found.len();
    let mut out = json!({"issues": issues, "isLast": last});
    if !last {
        out["nextPageToken"] = json!(format!("page-{next}"));
    }
    Ok(Json(out))
}

/// The issues that fit a query, in its order.
fn find(state: &mut State, text: &str, fresh: &[u64], actor: &str) -> Result<Vec<Issue>, Fail> {
    let query = jql::read(text).map_err(Fail::bad)?;
    let faults = jql::faults(&query, state);
    if !faults.is_empty() {
        return Err(Fail {
            status: StatusCode::BAD_REQUEST,
            messages: faults,
            errors: Errors::new(),
        });
    }
    let Some(clause) = &query.clause else {
        let wrong = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.";
        return Err(Fail::bad(wrong));
    };
    let now = clock::now_ms();
    let mut found = state.searchable(now, fresh);
    found.retain(|i| jql::fits(clause, i, state, actor, now));
    jql::sort(&mut found, &query.order, state);
    Ok(found)
}

async fn count(who: Who, Own(jira): Own<Arc<Jira>>, bytes: Body) -> Result<Json<Value>, Fail> {
    let wish = body(bytes)?;
    let mut state = hold(&jira.state);
    let found = find(&mut state, wish["jql"].as_str().unwrap_or_default(), &[], &who.account)?;
    Ok(Json(json!({"count": found.len()})))
}

/// Changes an issue where only a part of it changes and its history does not tell of it.
pub fn touch(jira: &Jira, key: &str, act: impl FnOnce(&mut Issue)) -> Result<(), Fail> {
    let mut state = hold(&jira.state);
    let issue = state.find_mut(key).ok_or_else(Fail::no_issue)?;
    act(issue);
    let id = issue.id;
    state.index(id, clock::now_ms());
    Ok(())
}

/// Reads a comment's or another text's body.
pub fn document(value: &Value, version: Version) -> Result<Value, Fail> {
    change::document(value, version).map_err(|wrong| Fail::from(Errors::from([("comment".to_owned(), wrong)])))
}
