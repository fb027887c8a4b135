//! A stand-in for Jira Cloud: its REST API in versions 3 and 2, its webhooks, and pages that look like it.

mod adf;
mod api;
mod change;
mod hooks;
mod jql;
mod lists;
mod model;
mod page;
mod parts;
mod render;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{FromRequestParts, rejection::BytesRejection};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};

pub use self::hooks::{hmac_hex, signature};
pub use self::model::Workflow;

use self::change::Errors;
use self::hooks::Hooks;
use self::model::{Change, Comment, Issue, State};
use self::render::{Asked, Pen, Version};
use crate::clock;
use crate::world::{World, hold};

/// The stand-in.
#[derive(Debug)]
pub struct Jira {
    world: Arc<World>,
    state: Mutex<State>,
    hooks: Hooks,
}

/// Why something was refused, in Jira's words.
#[derive(Debug)]
pub struct Fail {
    status: StatusCode,
    messages: Vec<String>,
    errors: Errors,
}

impl Fail {
    fn new(status: StatusCode, message: impl Into<String>) -> Fail {
        Fail {
            status,
            messages: vec![message.into()],
            errors: Errors::new(),
        }
    }

    fn bad(message: impl Into<String>) -> Fail {
        Fail::new(StatusCode::BAD_REQUEST, message)
    }

    /// Something is wrong with one field.
    fn of(field: &str, message: impl Into<String>) -> Fail {
        let mut errors = Errors::new();
        errors.insert(field.into(), message.into());
        errors.into()
    }

    fn no_issue() -> Fail {
        Fail::new(
            StatusCode::NOT_FOUND,
            "Issue does not exist or you do not have permission to see it.",
        )
    }

    /// What is wrong, in one line.
    pub fn words(&self) -> String {
        let fields = self.errors.iter().map(|(field, wrong)| format!("{field}: {wrong}"));
        self.messages
            .iter()
            .cloned()
            .chain(fields)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

impl From<Errors> for Fail {
    fn from(errors: Errors) -> Fail {
        Fail {
            status: StatusCode::BAD_REQUEST,
            messages: vec![],
            errors,
        }
    }
}

impl IntoResponse for Fail {
    fn into_response(self) -> Response {
        (
            self.status,
            axum::Json(json!({"errorMessages": self.messages, "errors": self.errors})),
        )
            .into_response()
    }
}

/// Who calls, and in which version.
struct Who {
    account: String,
    version: Version,
}

impl FromRequestParts<Arc<Jira>> for Who {
    type Rejection = Fail;

    async fn from_request_parts(parts: &mut Parts, jira: &Arc<Jira>) -> Result<Who, Fail> {
        let version = parts.extensions.get::<Version>().copied().unwrap_or(Version::Three);
        let refused = || {
            Fail::new(
                StatusCode::UNAUTHORIZED,
                "Client must be authenticated to access this resource.",
            )
        };
        let value = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok())
            .ok_or_else(refused)?;
        let account = jira.sign_in(value).ok_or_else(refused)?;
        Ok(Who { account, version })
    }
}

/// Reads a request's body.
fn body(bytes: Result<Bytes, BytesRejection>) -> Result<Value, Fail> {
    let wrong = || Fail::bad("There was an error parsing JSON. Check that your request body is valid.");
    let bytes = bytes.map_err(|_| Fail::new(StatusCode::PAYLOAD_TOO_LARGE, "Request is too large."))?;
    serde_json::from_slice(&bytes).map_err(|_| wrong())
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

impl Jira {
    /// An empty Jira; has to be called where tokio runs.
    pub fn new(world: Arc<World>) -> Arc<Jira> {
        let state = Mutex::new(State::new(&world.org));
        let hooks = Hooks::start(Arc::clone(&world));
        Arc::new(Jira { world, state, hooks })
    }

    /// Its routes, below `/jira`.
    pub fn routes(self: &Arc<Self>) -> Router {
        api::routes(self).merge(page::routes(self))
    }

    /// All issues, as REST version 3 shows them, with all properties and their history.
    pub fn issues(&self) -> Vec<Value> {
        let state = hold(&self.state);
        state.issues.values().map(|i| self.whole(&state, i)).collect()
    }

    /// One issue, by key or identifier.
    pub fn issue(&self, key: &str) -> Option<Value> {
        let state = hold(&self.state);
        state.find(key).map(|i| self.whole(&state, i))
    }

    /// An issue's remote links, as REST shows them.
    pub fn remote_links(&self, key: &str) -> Vec<Value> {
        let state = hold(&self.state);
        let pen = self.pen(Version::Three);
        state
            .find(key)
            .map(|i| i.remote_links.iter().map(|l| pen.remote_link(i, l)).collect())
            .unwrap_or_default()
    }

    /// The statuses, by name, of the issues: `INC-1` and `Triage`.
    pub fn statuses(&self) -> Vec<(String, String)> {
        let state = hold(&self.state);
        state
            .issues
            .values()
            .map(|i| (i.key.clone(), model::status_by_id(i.status).name.to_owned()))
            .collect()
    }

    /// Which statuses incidents move through from now on.
    pub fn set_workflow(&self, workflow: Workflow) {
        hold(&self.state).workflow = workflow;
    }

    /// The workflow of incidents.
    pub fn workflow(&self) -> Workflow {
        hold(&self.state).workflow
    }

    /// How far the search is behind from now on.
    pub fn set_search_lag(&self, ms: i64) {
        hold(&self.state).lag_ms = ms.max(0);
    }

    /// How far the search is behind, in milliseconds.
    pub fn search_lag(&self) -> i64 {
        hold(&self.state).lag_ms
    }

    /// A new issue needs this field from now on; none: only what each needs.
    pub fn require(&self, field: Option<&str>) {
        hold(&self.state).required = field.map(str::to_owned);
    }

    /// Whether webhooks are lost from now on.
    pub fn lose_webhooks(&self, lost: bool) {
        self.hooks.lose(lost);
    }

    /// How many changes and comments there were, by whomever.
    pub fn changes(&self) -> usize {
        self.hooks.told()
    }

    /// A person's account, by handle.
    pub fn account_of(&self, handle: &str) -> Option<String> {
        let state = hold(&self.state);
        state
            .users
            .iter()
            .find(|u| u.handle.as_deref() == Some(handle))
            .map(|u| u.account_id.clone())
    }

    fn whole(&self, state: &State, issue: &Issue) -> Value {
        let asked = Asked {
            properties: vec!["*all".to_owned()],
            changelog: true,
            ..Asked::all()
        };
        self.pen(Version::Three).issue(state, issue, &asked)
    }

    fn pen(&self, version: Version) -> Pen {
        Pen {
            site: format!("{}/jira", self.world.base),
            version,
        }
    }

    /// The account of a caller. People sign in with their own address and the same token.
    fn sign_in(&self, authorization: &str) -> Option<String> {
        let keys = &self.world.org.keys;
        if let Some(token) = authorization.strip_prefix("Bearer ") {
            return (token == keys.jira_api_token).then(|| model::account_id(&keys.jira_email));
        }
        let decoded = STANDARD.decode(authorization.strip_prefix("Basic ")?.trim()).ok()?;
        let (email, token) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        let state = hold(&self.state);
        let user = state.users.iter().find(|u| u.email.eq_ignore_ascii_case(email))?;
        (token == keys.jira_api_token).then(|| user.account_id.clone())
    }

    /// Makes an issue.
    ///
    /// # Errors
    /// What is wrong with it, by field.
    pub(crate) fn create(&self, actor: &str, body: &Value, version: Version) -> Result<(u64, String), Fail> {
        let now = clock::now_ms();
        let mut state = hold(&self.state);
        if let Some(field) = state.required.as_ref().filter(|f| body["fields"][f.as_str()].is_null()) {
            return Err(Fail::from(Errors::from([(
                field.clone(),
                "This field is required.".to_owned(),
            )])));
        }
        let mut issue = change::create(&mut state, actor, &object(&body["fields"]), version, now)?;
        change::edit(&state, &mut issue, &Map::new(), &object(&body["update"]), version)?;
        for property in body["properties"].as_array().into_iter().flatten() {
            let Some(key) = property["key"].as_str() else {
                return Err(Fail::bad("The property key is missing."));
            };
            parts::check_property(key, &property["value"])?;
            issue.properties.insert(key.to_owned(), property["value"].clone());
        }
        let (id, key) = (issue.id, issue.key.clone());
        state.issues.insert(id, issue);
        state.index(id, now);
        self.tell(&state, "jira:issue_created", "issue_created", actor, id, None);
        Ok((id, key))
    }

    /// Changes an issue's fields.
    ///
    /// # Errors
    /// What is wrong, by field.
    pub(crate) fn edit(&self, actor: &str, key: &str, body: &Value, version: Version) -> Result<(), Fail> {
        let now = clock::now_ms();
        let mut state = hold(&self.state);
        let mut issue = state.find(key).cloned().ok_or_else(Fail::no_issue)?;
        let items = change::edit(
            &state,
            &mut issue,
            &object(&body["fields"]),
            &object(&body["update"]),
            version,
        )?;
        let comments = comments_in(&body["update"], version)?;
        let id = issue.id;
        state.issues.insert(id, issue);
        let assigned = items.len() == 1 && items[0].field == "assignee";
        let change = change::remember(&mut state, id, actor, items, now);
        if let Some(change) = change {
            state.index(id, now);
            let kind = if assigned { "issue_assigned" } else { "issue_updated" };
            self.tell(&state, "jira:issue_updated", kind, actor, id, Some(&change));
        }
        for comment in comments {
            self.say(&mut state, actor, id, comment, now);
        }
        Ok(())
    }

    /// Moves an issue by one of the transitions that are offered.
    ///
    /// # Errors
    /// When it is not offered, or a field is wrong.
    pub(crate) fn transition(&self, actor: &str, key: &str, body: &Value, version: Version) -> Result<(), Fail> {
        let now = clock::now_ms();
        let mut state = hold(&self.state);
        let mut issue = state.find(key).cloned().ok_or_else(Fail::no_issue)?;
        let given = &body["transition"]["id"];
        let wanted = given
            .as_str()
            .map(str::to_owned)
            .or_else(|| given.as_u64().map(|n| n.to_string()));
        let Some(wanted) = wanted else {
            return Err(Fail::bad("Transition id must be a string or a number."));
        };
        let Some(to) = state.offered(&issue).into_iter().find(|s| s.transition == wanted) else {
            let wrong = format!(
                "It seems that you have tried to perform a workflow operation (Transition {wanted}) that is not valid for the \
                 current state of this issue ({}). The likely cause is that somebody has changed the issue recently, please \
                 look at the issue history for details.",
                issue.key
            );
            return Err(Fail::bad(wrong));
        };
        let mut fields = object(&body["fields"]);
        let resolution = fields.remove("resolution");
        let resolution = resolution.as_ref().and_then(|r| r["name"].as_str());
        let mut items = change::edit(&state, &mut issue, &fields, &object(&body["update"]), version)?;
        let comments = comments_in(&body["update"], version)?;
        items.extend(change::go(&mut issue, to.id, resolution, now));
        let id = issue.id;
        state.issues.insert(id, issue);
        let change = change::remember(&mut state, id, actor, items, now);
        state.index(id, now);
        self.tell(
            &state,
            "jira:issue_updated",
            "issue_generic",
            actor,
            id,
            change.as_ref(),
        );
        for comment in comments {
            self.say(&mut state, actor, id, comment, now);
        }
        Ok(())
    }

    /// Adds a comment; gives its identifier.
    ///
    /// # Errors
    /// When there is no such issue or the body is no document.
    pub(crate) fn comment(&self, actor: &str, key: &str, body: &Value, version: Version) -> Result<u64, Fail> {
        let mut state = hold(&self.state);
        let id = state.find(key).ok_or_else(Fail::no_issue)?.id;
        let document = comment_body(body, version)?;
        Ok(self.say(&mut state, actor, id, document, clock::now_ms()))
    }

    fn say(&self, state: &mut State, actor: &str, issue: u64, body: Value, now: i64) -> u64 {
        let id = state.id();
        let author = actor.to_owned();
        let comment = Comment {
            id,
            update_author: author.clone(),
            author,
            body,
            created_ms: now,
            updated_ms: now,
        };
        if let Some(issue) = state.issues.get_mut(&issue) {
            issue.comments.push(comment);
            issue.updated_ms = now;
        }
        state.index(issue, now);
        self.tell_comment(state, "comment_created", issue, id);
        id
    }

    /// Sends a webhook about an issue.
    fn tell(&self, state: &State, event: &str, kind: &str, actor: &str, id: u64, change: Option<&Change>) {
        let Some(issue) = state.issues.get(&id) else { return };
        let pen = self.pen(Version::Two);
        let mut body = json!({
            "issue_event_type_name": kind,
            "user": pen.account(state, Some(actor)),
            "issue": pen.issue(state, issue, &Asked { fields: vec!["-comment".to_owned()], ..Asked::default() }),
        });
        if let Some(change) = change {
            let items: Vec<Value> = change.items.iter().map(model::Item::json).collect();
            body["changelog"] = json!({"id": change.id.to_string(), "items": items});
        }
        self.hooks.send(event, body);
    }

    /// Sends a webhook about a comment; as on Cloud, the issue comes with a few of its fields only.
    fn tell_comment(&self, state: &State, event: &str, issue: u64, comment: u64) {
        let Some(issue) = state.issues.get(&issue) else { return };
        let Some(comment) = issue.comments.iter().find(|c| c.id == comment) else {
            return;
        };
        let pen = self.pen(Version::Two);
        let few = ["summary", "issuetype", "project", "assignee", "priority", "status"];
        let asked = Asked {
            fields: few.iter().map(|f| (*f).to_owned()).collect(),
            ..Asked::default()
        };
        let body = json!({
            "comment": pen.comment(state, issue, comment),
            "issue": pen.issue(state, issue, &asked),
            "eventType": "primaryAction",
        });
        self.hooks.send(event, body);
    }
}

/// The comments that an update adds.
fn comments_in(update: &Value, version: Version) -> Result<Vec<Value>, Fail> {
    let added = update["comment"].as_array().into_iter().flatten();
    added
        .map(|operation| comment_body(&operation["add"], version))
        .collect()
}

fn comment_body(body: &Value, version: Version) -> Result<Value, Fail> {
    let wrong = |message: String| Fail::from(Errors::from([("comment".to_owned(), message)]));
    match change::document(&body["body"], version).map_err(wrong)? {
        Value::Null => Err(wrong("Comment body can not be empty!".to_owned())),
        document if adf::to_text(&document).is_empty() && version == Version::Two => {
            Err(wrong("Comment body can not be empty!".to_owned()))
        }
        document => Ok(document),
    }
}
