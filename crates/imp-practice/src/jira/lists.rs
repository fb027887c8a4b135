//! The stand-in Jira's REST API: what there is, such as projects, fields, statuses, people, permissions.

use std::sync::Arc;

use axum::extract::{Path, State as Own};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use super::api::{Asks, Body, names};
use super::model::{Component, FIELDS, Field, PRIORITIES, PROJECTS, Project, STATUSES, TYPES, User};
use super::render::{Pen, time, type_by_id};
use super::{Fail, Jira, Who, body};
use crate::clock;
use crate::world::hold;

/// The permissions that the practice Jira knows; everybody has all of them.
const PERMISSIONS: [(&str, &str); 14] = [
    ("BROWSE_PROJECTS", "Browse Projects"),
    ("CREATE_ISSUES", "Create Issues"),
    ("EDIT_ISSUES", "Edit Issues"),
    ("TRANSITION_ISSUES", "Transition Issues"),
    ("ASSIGN_ISSUES", "Assign Issues"),
    ("ASSIGNABLE_USER", "Assignable User"),
    ("ADD_COMMENTS", "Add Comments"),
    ("EDIT_ALL_COMMENTS", "Edit All Comments"),
    ("LINK_ISSUES", "Link Issues"),
    ("DELETE_ISSUES", "Delete Issues"),
    ("CREATE_ATTACHMENTS", "Create Attachments"),
    ("MODIFY_REPORTER", "Modify Reporter"),
    ("MANAGE_WATCHERS", "Manage Watchers"),
    ("USER_PICKER", "Browse users and groups"),
];
/// The fields that Jira fills in itself: identifier, name, schema type.
const SYSTEM_FIELDS: [(&str, &str, &str); 9] = [
    ("status", "Status", "status"),
    ("resolution", "Resolution", "resolution"),
    ("resolutiondate", "Resolved", "datetime"),
    ("created", "Created", "datetime"),
    ("updated", "Updated", "datetime"),
    ("creator", "Creator", "user"),
    ("comment", "Comment", "comments-page"),
    ("issuelinks", "Linked Issues", "array"),
    ("attachment", "Attachment", "array"),
];

/// Adds its routes.
pub fn routes(router: Router<Arc<Jira>>) -> Router<Arc<Jira>> {
    router
        .route("/myself", get(myself))
        .route("/serverInfo", get(server_info))
        .route("/project", get(projects).post(make_project))
        .route("/project/search", get(project_search))
        .route("/project/{key}", get(project))
        .route("/project/{key}/statuses", get(project_statuses))
        .route("/project/{key}/components", get(components))
        .route("/component", post(create_component))
        .route("/component/{id}", get(component).delete(remove_component))
        .route("/issue/createmeta/{project}/issuetypes", get(create_types))
        .route("/issue/createmeta/{project}/issuetypes/{id}", get(create_fields))
        .route("/issue/{key}/editmeta", get(edit_meta))
        .route("/issue/{key}/changelog", get(changelog))
        .route("/field", get(fields).post(make_field))
        .route("/field/search", get(field_search))
        .route("/priority", get(priorities))
        .route("/priority/search", get(priority_search))
        .route("/status", get(statuses))
        .route("/issuetype", get(issue_types).post(make_type))
        .route("/resolution", get(resolutions))
        .route("/label", get(labels))
        .route("/user", get(user))
        .route("/user/search", get(user_search))
        .route("/user/assignable/search", get(user_search))
        .route("/users/search", get(user_search))
        .route("/mypermissions", get(my_permissions))
        .route("/permissions", get(permissions))
}

fn find_project(key: &str) -> Result<&'static Project, Fail> {
    let found = PROJECTS.iter().find(|p| p.key.eq_ignore_ascii_case(key) || p.id == key);
    found.ok_or_else(|| {
        Fail::new(
            StatusCode::NOT_FOUND,
            format!("No project could be found with key '{key}'."),
        )
    })
}

/// A page of a list, in the shape that most of Jira's lists have.
fn paged(asks: &Asks, name: &str, all: Vec<Value>) -> Value {
    let number = |name: &str, usual: usize| asks.get(name).and_then(|n| n.parse().ok()).unwrap_or(usual);
    let (start, most, total) = (number("startAt", 0), number("maxResults", 50).max(1), all.len());
    let page: Vec<Value> = all.into_iter().skip(start).take(most).collect();
    let mut out = json!({"maxResults": most, "startAt": start, "total": total, "isLast": start + page.len() >= total});
    out[name] = Value::Array(page);
    out
}

async fn myself(who: Who, Own(jira): Own<Arc<Jira>>) -> Json<Value> {
    let state = hold(&jira.state);
    let mut me = jira.pen(who.version).account(&state, Some(&who.account));
    me["groups"] = json!({"size": 1, "items": []});
    me["applicationRoles"] = json!({"size": 1, "items": []});
    Json(me)
}

async fn server_info(Own(jira): Own<Arc<Jira>>) -> Json<Value> {
    let now = time(clock::now_ms());
    Json(json!({
        "baseUrl": format!("{}/jira", jira.world.base), "displayUrl": format!("{}/jira", jira.world.base),
        "version": "1001.0.0-SNAPSHOT", "versionNumbers": [1001, 0, 0], "deploymentType": "Cloud", "buildNumber": 100_300,
        "buildDate": now, "serverTime": now, "scmInfo": "practice", "serverTitle": "Jira", "defaultLocale": {"locale": "en_US"},
    }))
}

async fn projects(who: Who, Own(jira): Own<Arc<Jira>>) -> Json<Value> {
    let pen = jira.pen(who.version);
    Json(PROJECTS.iter().map(|p| pen.project(p)).collect())
}

async fn project_search(who: Who, Own(jira): Own<Arc<Jira>>, asks: Asks) -> Json<Value> {
    let pen = jira.pen(who.version);
    let wanted = asks.get("query").map(|q| q.to_lowercase()).unwrap_or_default();
    let keys = names(asks.get("keys"));
    let fits = |p: &&Project| {
        (p.key.to_lowercase().contains(&wanted) || p.name.to_lowercase().contains(&wanted))
            && (keys.is_empty() || keys.iter().any(|k| k == p.key))
    };
    Json(paged(
        &asks,
        "values",
        PROJECTS.iter().filter(fits).map(|p| pen.project(p)).collect(),
    ))
}

async fn project(who: Who, Own(jira): Own<Arc<Jira>>, Path(key): Path<String>) -> Result<Json<Value>, Fail> {
    if let Some(made) = made_project(&jira, &key) {
        return Ok(Json(made));
    }
    let found = find_project(&key)?;
    let pen = jira.pen(who.version);
    let mut out = pen.project(found);
    let kinds = TYPES.iter().filter(|t| found.types.contains(&t.name));
    out["issueTypes"] = kinds.map(|t| pen.issue_type(t)).collect();
    out["description"] = json!("");
    out["assigneeType"] = json!("UNASSIGNED");
    out["versions"] = json!([]);
    let state = hold(&jira.state);
    let own = state.components.iter().filter(|c| c.project == found.key);
    out["components"] = own.map(|c| component_json(&pen, c)).collect();
    out["lead"] = state.users.get(1).map_or(Value::Null, |u| pen.user(u));
    Ok(Json(out))
}

fn component_json(pen: &Pen, c: &Component) -> Value {
    let id = c.id.to_string();
    json!({
        "self": format!("{}/component/{id}", pen.api()), "id": id, "name": c.name, "description": c.description,
        "project": c.project, "assigneeType": "PROJECT_DEFAULT", "isAssigneeTypeValid": false,
    })
}

async fn components(who: Who, Own(jira): Own<Arc<Jira>>, Path(key): Path<String>) -> Result<Json<Value>, Fail> {
    let found = find_project(&key)?;
    let pen = jira.pen(who.version);
    let state = hold(&jira.state);
    let own = state.components.iter().filter(|c| c.project == found.key);
    Ok(Json(own.map(|c| component_json(&pen, c)).collect()))
}

async fn create_component(who: Who, Own(jira): Own<Arc<Jira>>, bytes: Body) -> Result<Response, Fail> {
    let wish = body(bytes)?;
    let text = |k: &str| wish[k].as_str().unwrap_or_default().trim().to_owned();
    let found = find_project(&text("project"))?;
    if text("name").is_empty() {
        return Err(Fail::bad("The component name specified is invalid."));
    }
    let mut state = hold(&jira.state);
    let taken = |c: &Component| c.project == found.key && c.name.eq_ignore_ascii_case(&text("name"));
    if state.components.iter().any(taken) {
        return Err(Fail::bad(format!(
            "A component with the name {} already exists in this project.",
            text("name")
        )));
    }
    state.last_id += 1;
    let made = Component {
        id: state.last_id,
        project: found.key,
        name: text("name"),
        description: text("description"),
    };
    let out = component_json(&jira.pen(who.version), &made);
    state.components.push(made);
    Ok((StatusCode::CREATED, Json(out)).into_response())
}

async fn component(who: Who, Own(jira): Own<Arc<Jira>>, Path(id): Path<u64>) -> Result<Json<Value>, Fail> {
    let state = hold(&jira.state);
    let found = state.components.iter().find(|c| c.id == id);
    let found = found.ok_or_else(|| Fail::new(StatusCode::NOT_FOUND, "The component with this id does not exist."))?;
    Ok(Json(component_json(&jira.pen(who.version), found)))
}

async fn remove_component(_: Who, Own(jira): Own<Arc<Jira>>, Path(id): Path<u64>) -> Result<StatusCode, Fail> {
    let mut state = hold(&jira.state);
    let before = state.components.len();
    state.components.retain(|c| c.id != id);
    match state.components.len() < before {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Fail::new(
            StatusCode::NOT_FOUND,
            "The component with this id does not exist.",
        )),
    }
}

async fn project_statuses(who: Who, Own(jira): Own<Arc<Jira>>, Path(key): Path<String>) -> Result<Json<Value>, Fail> {
    if made_project(&jira, &key).is_some() {
        return Ok(Json(json!([])));
    }
    let found = find_project(&key)?;
    let pen = jira.pen(who.version);
    let state = hold(&jira.state);
    let kinds = TYPES.iter().filter(|t| found.types.contains(&t.name));
    let out = kinds.map(|t| {
        let statuses: Vec<Value> = state.workflow_of(t.id).statuses().into_iter().map(|s| pen.status(s)).collect();
        json!({"self": format!("{}/issuetype/{}", pen.api(), t.id), "id": t.id, "name": t.name, "subtask": t.subtask, "statuses": statuses})
    });
    Ok(Json(out.collect()))
}

async fn create_types(
    who: Who,
    Own(jira): Own<Arc<Jira>>,
    Path(key): Path<String>,
    asks: Asks,
) -> Result<Json<Value>, Fail> {
    let found = find_project(&key)?;
    let pen = jira.pen(who.version);
    let kinds = TYPES.iter().filter(|t| found.types.contains(&t.name));
    let mut out = paged(&asks, "issueTypes", kinds.map(|t| pen.issue_type(t)).collect());
    // The older clients read them under the name that most lists have.
    out["values"] = out["issueTypes"].clone();
    Ok(Json(out))
}

async fn create_fields(
    who: Who,
    Own(jira): Own<Arc<Jira>>,
    Path((key, id)): Path<(String, String)>,
    asks: Asks,
) -> Result<Json<Value>, Fail> {
    let found = find_project(&key)?;
    let kind = TYPES.iter().find(|t| t.id == id && found.types.contains(&t.name));
    let kind = kind.ok_or_else(|| Fail::new(StatusCode::NOT_FOUND, format!("No issue type found with id '{id}'.")))?;
    let pen = jira.pen(who.version);
    let required = hold(&jira.state).required.clone();
    let meta = |f: &Field| {
        let mut meta = pen.meta(f, found, kind);
        if required.as_deref() == Some(f.id) {
            meta["required"] = json!(true);
        }
        meta
    };
    let mut out = paged(&asks, "fields", FIELDS.iter().map(meta).collect());
    out["results"] = out["fields"].clone();
    out["values"] = out["fields"].clone();
    Ok(Json(out))
}

async fn edit_meta(who: Who, Own(jira): Own<Arc<Jira>>, Path(key): Path<String>) -> Result<Json<Value>, Fail> {
    let state = hold(&jira.state);
    let issue = state.find(&key).ok_or_else(Fail::no_issue)?;
    let (pen, project, kind) = (
        jira.pen(who.version),
        find_project(issue.project)?,
        type_by_id(issue.kind),
    );
    let editable = FIELDS.iter().filter(|f| f.id != "project");
    let fields: Map<String, Value> = editable
        .map(|f| (f.id.to_owned(), pen.meta(f, project, kind)))
        .collect();
    Ok(Json(json!({"fields": fields})))
}

async fn changelog(
    who: Who,
    Own(jira): Own<Arc<Jira>>,
    Path(key): Path<String>,
    asks: Asks,
) -> Result<Json<Value>, Fail> {
    let state = hold(&jira.state);
    let issue = state.find(&key).ok_or_else(Fail::no_issue)?;
    let pen = jira.pen(who.version);
    Ok(Json(paged(
        &asks,
        "values",
        issue.history.iter().map(|c| pen.change(&state, c)).collect(),
    )))
}

fn all_fields(who: &Who, jira: &Jira) -> Vec<Value> {
    let pen = jira.pen(who.version);
    let system = SYSTEM_FIELDS.iter().map(|(id, name, kind)| {
        json!({
            "id": id, "key": id, "name": name, "custom": false, "orderable": false, "navigable": true, "searchable": true,
            "clauseNames": [id], "schema": {"type": kind, "system": id},
        })
    });
    let made = hold(&jira.state).made.fields.clone();
    FIELDS
        .iter()
        .map(|f: &Field| pen.field(f))
        .chain(system)
        .chain(made)
        .collect()
}

async fn fields(who: Who, Own(jira): Own<Arc<Jira>>) -> Json<Value> {
    Json(all_fields(&who, &jira).into())
}

async fn field_search(who: Who, Own(jira): Own<Arc<Jira>>, asks: Asks) -> Json<Value> {
    let wanted = asks.get("query").map(|q| q.to_lowercase()).unwrap_or_default();
    let mut all = all_fields(&who, &jira);
    all.retain(|f| f["name"].as_str().is_some_and(|n| n.to_lowercase().contains(&wanted)));
    Json(paged(&asks, "values", all))
}

async fn priorities(who: Who, Own(jira): Own<Arc<Jira>>) -> Json<Value> {
    let pen = jira.pen(who.version);
    Json(PRIORITIES.iter().map(|p| pen.priority(p.0)).collect())
}

async fn priority_search(who: Who, Own(jira): Own<Arc<Jira>>, asks: Asks) -> Json<Value> {
    let pen = jira.pen(who.version);
    Json(paged(
        &asks,
        "values",
        PRIORITIES.iter().map(|p| pen.priority(p.0)).collect(),
    ))
}

async fn statuses(who: Who, Own(jira): Own<Arc<Jira>>) -> Json<Value> {
    let pen = jira.pen(who.version);
    Json(STATUSES.iter().map(|s| pen.status(s)).collect())
}

async fn issue_types(who: Who, Own(jira): Own<Arc<Jira>>) -> Json<Value> {
    let pen = jira.pen(who.version);
    let made = hold(&jira.state).made.types.clone();
    Json(TYPES.iter().map(|t| pen.issue_type(t)).chain(made).collect())
}

fn made_project(jira: &Jira, key: &str) -> Option<Value> {
    let state = hold(&jira.state);
    let found = state.made.projects.iter().find(|p| p["key"] == key || p["id"] == key);
    found.cloned()
}

/// A text of a body, which must be there.
fn must(body: &Value, name: &'static str, what: &str) -> Result<String, Fail> {
    match body[name].as_str().map(str::trim).filter(|t| !t.is_empty()) {
        Some(text) => Ok(text.to_owned()),
        None => Err(Fail::of(name, format!("{what} must be specified"))),
    }
}

async fn make_project(
    who: Who,
    Own(jira): Own<Arc<Jira>>,
    Json(body): Json<Value>,
) -> Result<(StatusCode, Json<Value>), Fail> {
    let (key, name) = (
        must(&body, "key", "A project key")?,
        must(&body, "name", "A project name")?,
    );
    let fits = key.len() <= 10
        && key.starts_with(|c: char| c.is_ascii_uppercase())
        && key
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if !fits {
        return Err(Fail::of(
            "projectKey",
            "Project keys must start with an uppercase letter, followed by one or more uppercase alphanumeric characters.",
        ));
    }
    if find_project(&key).is_ok() || made_project(&jira, &key).is_some() {
        return Err(Fail::of(
            "projectKey",
            format!("Project '{name}' uses this project key."),
        ));
    }
    let known = ["software", "service_desk", "business"];
    if !body["projectTypeKey"].as_str().is_some_and(|k| known.contains(&k)) {
        return Err(Fail::of("projectTypeKey", "You must specify a valid project type"));
    }
    if body["leadAccountId"].as_str().or(body["lead"].as_str()).is_none() {
        return Err(Fail::of("projectLead", "You must specify a valid project lead."));
    }
    let mut state = hold(&jira.state);
    state.last_id += 1;
    let id = state.last_id;
    let url = format!("{}/project/{id}", jira.pen(who.version).api());
    state.made.projects.push(json!({
        "self": url, "id": id.to_string(), "key": key, "name": name, "projectTypeKey": body["projectTypeKey"],
        "simplified": false, "style": "classic", "isPrivate": false, "issueTypes": [],
    }));
    Ok((StatusCode::CREATED, Json(json!({"self": url, "id": id, "key": key}))))
}

async fn make_type(
    who: Who,
    Own(jira): Own<Arc<Jira>>,
    Json(body): Json<Value>,
) -> Result<(StatusCode, Json<Value>), Fail> {
    let name = must(&body, "name", "The issue type name")?;
    let pen = jira.pen(who.version);
    let mut state = hold(&jira.state);
    let taken = TYPES.iter().any(|t| t.name == name) || state.made.types.iter().any(|t| t["name"] == name.as_str());
    if taken {
        return Err(Fail::of("name", "An issue type with this name already exists."));
    }
    state.last_id += 1;
    let id = state.last_id.to_string();
    let made = json!({
        "self": format!("{}/issuetype/{id}", pen.api()), "id": id, "name": name, "untranslatedName": name,
        "description": body["description"].as_str().unwrap_or_default(), "subtask": body["type"] == "subtask",
        "avatarId": 10300, "hierarchyLevel": if body["type"] == "subtask" { -1 } else { 0 },
    });
    state.made.types.push(made.clone());
    Ok((StatusCode::CREATED, Json(made)))
}

async fn make_field(
    _: Who,
    Own(jira): Own<Arc<Jira>>,
    Json(body): Json<Value>,
) -> Result<(StatusCode, Json<Value>), Fail> {
    let (name, kind) = (
        must(&body, "name", "The field name")?,
        must(&body, "type", "The field type")?,
    );
    let Some((_, short)) = kind.split_once("com.atlassian.jira.plugin.system.customfieldtypes:") else {
        return Err(Fail::of("type", format!("There is no custom field type {kind}.")));
    };
    let schema = match short {
        "datetime" => "datetime",
        "float" => "number",
        _ => "string",
    };
    let mut state = hold(&jira.state);
    state.last_id += 1;
    let number = state.last_id;
    let id = format!("customfield_{number}");
    let made = json!({
        "id": id, "key": id, "name": name, "custom": true, "orderable": true, "navigable": true, "searchable": true,
        "clauseNames": [format!("cf[{number}]"), name], "schema": {"type": schema, "custom": kind, "customId": number},
    });
    state.made.fields.push(made.clone());
    Ok((StatusCode::CREATED, Json(made)))
}

async fn resolutions(who: Who, Own(jira): Own<Arc<Jira>>) -> Json<Value> {
    let api = jira.pen(who.version).api();
    Json(json!([{"self": format!("{api}/resolution/10000"), "id": "10000", "name": "Done", "description": ""}]))
}

async fn labels(_: Who, Own(jira): Own<Arc<Jira>>, asks: Asks) -> Json<Value> {
    let state = hold(&jira.state);
    let mut all: Vec<String> = state.issues.values().flat_map(|i| i.labels.clone()).collect();
    all.sort();
    all.dedup();
    Json(paged(&asks, "values", all.into_iter().map(Value::String).collect()))
}

async fn user(who: Who, Own(jira): Own<Arc<Jira>>, asks: Asks) -> Result<Json<Value>, Fail> {
    let state = hold(&jira.state);
    let found = asks.get("accountId").and_then(|id| state.user(id));
    let found = found.ok_or_else(|| {
        Fail::new(
            StatusCode::NOT_FOUND,
            "Specified user does not exist or you do not have required permissions",
        )
    })?;
    Ok(Json(jira.pen(who.version).user(found)))
}

async fn user_search(who: Who, Own(jira): Own<Arc<Jira>>, asks: Asks) -> Json<Value> {
    let state = hold(&jira.state);
    let wanted = asks
        .get("query")
        .or(asks.get("username"))
        .map(|q| q.to_lowercase())
        .unwrap_or_default();
    let account = asks.get("accountId");
    let fits = |u: &&User| match account {
        Some(id) => u.account_id == *id,
        None => {
            let words = u.name.to_lowercase();
            u.email.to_lowercase().starts_with(&wanted)
                || words.split(' ').any(|w| w.starts_with(&wanted))
                || words.starts_with(&wanted)
        }
    };
    let number = |name: &str, usual: usize| asks.get(name).and_then(|n| n.parse().ok()).unwrap_or(usual);
    let (start, most) = (number("startAt", 0), number("maxResults", 50));
    let pen = jira.pen(who.version);
    Json(
        state
            .users
            .iter()
            .filter(fits)
            .skip(start)
            .take(most)
            .map(|u| pen.user(u))
            .collect(),
    )
}

fn permission_list(wanted: &[String], had: bool) -> Value {
    let fits = |p: &&(&str, &str)| wanted.is_empty() || wanted.iter().any(|w| w == p.0);
    let mut out = Map::new();
    for (n, (key, name)) in PERMISSIONS.iter().enumerate().filter(|(_, p)| fits(p)) {
        let mut one = json!({"key": key, "name": name, "type": "PROJECT", "description": ""});
        if had {
            one["id"] = json!((n + 10).to_string());
            one["havePermission"] = json!(true);
        }
        out.insert((*key).to_owned(), one);
    }
    json!({"permissions": out})
}

async fn my_permissions(_: Who, Own(jira): Own<Arc<Jira>>, asks: Asks) -> Result<Json<Value>, Fail> {
    let wanted = names(asks.get("permissions"));
    if wanted.is_empty() {
        return Err(Fail::bad("The 'permissions' query parameter is required."));
    }
    let unknown: Vec<_> = wanted
        .iter()
        .filter(|w| !PERMISSIONS.iter().any(|p| p.0 == *w))
        .cloned()
        .collect();
    if !unknown.is_empty() {
        return Err(Fail::bad(format!("Unrecognized permission(s): {}", unknown.join(", "))));
    }
    if let Some(key) = asks.get("projectKey").filter(|k| made_project(&jira, k).is_none()) {
        find_project(key)?;
    }
    Ok(Json(permission_list(&wanted, true)))
}

async fn permissions(_: Who) -> Json<Value> {
    Json(permission_list(&[], false))
}
