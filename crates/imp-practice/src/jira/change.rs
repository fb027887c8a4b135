//! Changing the stand-in Jira: fields checked in Jira's words, transitions, and what the history remembers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::adf;
use super::model::{
    COUNTRIES, Category, Change, FIELDS, Issue, Item, Kind, LEVELS, PRIORITIES, PROJECTS, State, TYPES, priority_name,
    status_by_id,
};
use super::render::{Version, type_by_id};

/// The longest title, as in Jira.
const SUMMARY_LIMIT: usize = 255;
/// The longest label, as in Jira.
const LABEL_LIMIT: usize = 255;
/// The longest text, as in Jira.
const TEXT_LIMIT: usize = 32_767;

/// What is wrong, by field.
pub type Errors = BTreeMap<String, String>;

/// A new issue, not yet in the state; or what is wrong with it.
pub fn create(
    state: &mut State,
    actor: &str,
    fields: &Map<String, Value>,
    version: Version,
    now: i64,
) -> Result<Issue, Errors> {
    let mut errors = Errors::new();
    let given = fields.get("project").unwrap_or(&Value::Null);
    let project = PROJECTS.iter().find(|p| {
        given["key"].as_str().is_some_and(|k| k == p.key) || given["id"].as_str().is_some_and(|id| id == p.id)
    });
    let Some(project) = project else {
        errors.insert("project".to_owned(), "Specify a valid project ID or key".to_owned());
        return Err(errors);
    };
    let given = fields.get("issuetype").unwrap_or(&Value::Null);
    let kind = TYPES.iter().filter(|t| project.types.contains(&t.name)).find(|t| {
        given["id"].as_str().is_some_and(|id| id == t.id)
            || given["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case(t.name))
    });
    let Some(kind) = kind else {
        errors.insert("issuetype".to_owned(), "Specify a valid issue type".to_owned());
        return Err(errors);
    };
    let mut issue = Issue {
        id: 0,
        key: String::new(),
        project: project.key,
        kind: kind.id,
        summary: String::new(),
        description: Value::Null,
        environment: Value::Null,
        priority: "3",
        status: "10000",
        assignee: None,
        reporter: actor.to_owned(),
        creator: actor.to_owned(),
        labels: vec![],
        duedate: None,
        parent: None,
        custom: BTreeMap::new(),
        resolution: None,
        resolved_ms: None,
        created_ms: now,
        updated_ms: now,
        status_ms: now,
        comments: vec![],
        properties: BTreeMap::new(),
        remote_links: vec![],
        attachments: vec![],
        watchers: vec![actor.to_owned()],
        history: vec![],
    };
    for (name, value) in fields.iter().filter(|(n, _)| *n != "project" && *n != "issuetype") {
        if let Err(wrong) = set(state, &mut issue, name, value, version) {
            errors.insert(name.clone(), wrong);
        }
    }
    if issue.summary.is_empty() && !errors.contains_key("summary") {
        errors.insert(
            "summary".to_owned(),
            "You must specify a summary of the issue.".to_owned(),
        );
    }
    if kind.subtask && issue.parent.is_none() && !errors.contains_key("parent") {
        let wrong = "Issue type is a sub-task but parent issue key or id not specified.";
        errors.insert("issuetype".to_owned(), wrong.to_owned());
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    issue.id = state.id();
    let number = state.numbers.entry(project.key).or_insert(0);
    *number += 1;
    issue.key = format!("{}-{number}", project.key);
    Ok(issue)
}

/// Sets some fields and does some operations on others; says what changed.
pub fn edit(
    state: &State,
    issue: &mut Issue,
    fields: &Map<String, Value>,
    update: &Map<String, Value>,
    version: Version,
) -> Result<Vec<Item>, Errors> {
    let mut errors = Errors::new();
    let mut items = vec![];
    for (name, value) in fields {
        match set(state, issue, name, value, version) {
            Ok(changed) => items.extend(changed),
            Err(wrong) => {
                errors.insert(name.clone(), wrong);
            }
        }
    }
    for (name, operations) in update.iter().filter(|(n, _)| *n != "comment") {
        if fields.contains_key(name) {
            let wrong = format!("Field '{name}' cannot appear in both 'fields' and 'update'");
            errors.insert(name.clone(), wrong);
            continue;
        }
        for operation in operations.as_array().into_iter().flatten() {
            match operate(state, issue, name, operation, version) {
                Ok(changed) => items.extend(changed),
                Err(wrong) => {
                    errors.insert(name.clone(), wrong);
                }
            }
        }
    }
    if errors.is_empty() { Ok(items) } else { Err(errors) }
}

fn operate(
    state: &State,
    issue: &mut Issue,
    name: &str,
    operation: &Value,
    version: Version,
) -> Result<Option<Item>, String> {
    let Some((verb, value)) = operation.as_object().and_then(|o| o.iter().next()) else {
        return Err("Operations must be a list of objects with one key".to_owned());
    };
    match (name, verb.as_str()) {
        (_, "set") => set(state, issue, name, value, version),
        (_, "edit") => set(state, issue, name, value, version),
        ("labels", "add" | "remove") => {
            let Some(label) = value.as_str() else {
                return Err("data was not a string".to_owned());
            };
            let mut labels = issue.labels.clone();
            labels.retain(|l| l != label);
            if verb == "add" {
                labels.push(label.to_owned());
            }
            set(state, issue, "labels", &json!(labels), version)
        }
        _ => Err(format!("Field '{name}' does not support operation '{verb}'")),
    }
}

/// Sets one field; says what changed, if anything did.
pub fn set(
    state: &State,
    issue: &mut Issue,
    name: &str,
    value: &Value,
    version: Version,
) -> Result<Option<Item>, String> {
    let unknown = || format!("Field '{name}' cannot be set. It is not on the appropriate screen, or unknown.");
    let field = FIELDS.iter().find(|f| f.id == name).ok_or_else(unknown)?;
    let before = said(state, issue, name);
    match (field.kind, name) {
        (Kind::Text, "summary") => issue.summary = summary(value)?,
        (Kind::Document, "description") => issue.description = document(value, version)?,
        (Kind::Document, _) => issue.environment = document(value, version)?,
        (Kind::Priority, _) => issue.priority = priority(value)?,
        (Kind::User, "assignee") => issue.assignee = account(state, value, "assignee")?,
        (Kind::User, _) => {
            let reporter = account(state, value, "reporter")?;
            issue.reporter = reporter.ok_or_else(|| "Reporter is required.".to_owned())?;
        }
        (Kind::Labels, _) => issue.labels = labels(value)?,
        (Kind::Date, _) => issue.duedate = date(value)?,
        (Kind::Parent, _) => issue.parent = parent(state, value)?,
        (Kind::IssueType, _) => issue.kind = issue_type(issue, value)?,
        (Kind::Project, _) => return Err(unknown()),
        (Kind::Text | Kind::Select | Kind::Level | Kind::DateTime | Kind::Number, _) => {
            match custom(field.kind, value)? {
                Value::Null => {
                    issue.custom.remove(name);
                }
                value => {
                    issue.custom.insert(name.to_owned(), value);
                }
            }
        }
    }
    let after = said(state, issue, name);
    let item = Item {
        field: name.to_owned(),
        from: before.0,
        from_string: before.1,
        to: after.0,
        to_string: after.1,
    };
    Ok((item.from != item.to || item.from_string != item.to_string).then_some(item))
}

/// A field's value for the history: for machines and for people.
fn said(state: &State, issue: &Issue, name: &str) -> (Option<String>, Option<String>) {
    let text = |t: String| (None, Some(t).filter(|t| !t.is_empty()));
    let user = |id: Option<&String>| (id.cloned(), id.map(|id| state.user_name(id).to_owned()));
    match name {
        "summary" => text(issue.summary.clone()),
        "description" => text(adf::to_text(&issue.description)),
        "environment" => text(adf::to_text(&issue.environment)),
        "priority" => (
            Some(issue.priority.to_owned()),
            Some(priority_name(issue.priority).to_owned()),
        ),
        "assignee" => user(issue.assignee.as_ref()),
        "reporter" => user(Some(&issue.reporter)),
        "labels" => text(issue.labels.join(" ")),
        "duedate" => (issue.duedate.clone(), issue.duedate.clone()),
        "parent" => (issue.parent.clone(), issue.parent.clone()),
        "issuetype" => (
            Some(issue.kind.to_owned()),
            Some(type_by_id(issue.kind).name.to_owned()),
        ),
        "security" => match issue
            .custom
            .get("security")
            .and_then(|id| LEVELS.iter().find(|l| id == l.0))
        {
            Some((id, name)) => (Some((*id).to_owned()), Some((*name).to_owned())),
            None => (None, None),
        },
        custom => match issue.custom.get(custom) {
            None => (None, None),
            Some(Value::String(id)) => match COUNTRIES.iter().find(|c| c.0 == id && custom == "customfield_10051") {
                Some((id, value)) => (Some((*id).to_owned()), Some((*value).to_owned())),
                None => text(id.clone()),
            },
            Some(other) => text(other.to_string()),
        },
    }
}

fn summary(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or("Operation value must be a string")?;
    if text.trim().is_empty() {
        return Err("You must specify a summary of the issue.".to_owned());
    }
    if text.chars().count() > SUMMARY_LIMIT {
        return Err("Summary must be less than 255 characters.".to_owned());
    }
    if text.contains(['\n', '\r']) {
        return Err("The summary is invalid because it contains newline characters.".to_owned());
    }
    Ok(text.to_owned())
}

/// A long text: a document in version 3, plain in version 2.
pub fn document(value: &Value, version: Version) -> Result<Value, String> {
    let document = match (version, value) {
        (_, Value::Null) => return Ok(Value::Null),
        (Version::Two, Value::String(text)) => adf::from_text(text),
        (Version::Two, _) => return Err("Operation value must be a string".to_owned()),
        (Version::Three, document) if adf::is_document(document) => document.clone(),
        (Version::Three, _) => {
            return Err("Operation value must be an Atlassian Document (see the Atlassian Document Format)".to_owned());
        }
    };
    if adf::to_text(&document).chars().count() > TEXT_LIMIT {
        return Err("The entered text is too long. It exceeds the allowed limit of 32,767 characters.".to_owned());
    }
    Ok(document)
}

fn priority(value: &Value) -> Result<&'static str, String> {
    let found = PRIORITIES
        .iter()
        .find(|(id, name)| value["id"] == *id || value["name"] == *name);
    found.map(|p| p.0).ok_or_else(|| match value["name"].as_str() {
        Some(name) => format!("Priority name '{name}' is not valid"),
        None => "Specify the Priority (id or name) in the string format".to_owned(),
    })
}

fn account(state: &State, value: &Value, field: &str) -> Result<Option<String>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let id = value["accountId"].as_str().or(value["id"].as_str());
    match id {
        None if value["accountId"].is_null() && value.get("accountId").is_some() => Ok(None),
        Some("-1") => Ok(None),
        Some(id) if state.user(id).is_some() => Ok(Some(id.to_owned())),
        Some(_) if field == "assignee" => Err("Specify a valid value for assignee".to_owned()),
        Some(_) | None => Err(format!("The {field} specified is not a user.")),
    }
}

fn labels(value: &Value) -> Result<Vec<String>, String> {
    let list = match value {
        Value::Null => return Ok(vec![]),
        other => other.as_array().ok_or("Operation value must be an array")?,
    };
    let mut labels: Vec<String> = vec![];
    for label in list {
        let label = label.as_str().ok_or("Operation value must be a string")?;
        if label.is_empty() || label.contains(char::is_whitespace) {
            return Err(format!("The label '{label}' contains spaces which is invalid."));
        }
        if label.chars().count() > LABEL_LIMIT {
            return Err(format!(
                "The label '{label}' exceeds the maximum length of 255 characters."
            ));
        }
        if !labels.iter().any(|l| l == label) {
            labels.push(label.to_owned());
        }
    }
    Ok(labels)
}

fn date(value: &Value) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        other => match other.as_str().filter(|d| d.parse::<Date>().is_ok()) {
            Some(date) => Ok(Some(date.to_owned())),
            None => Err("Operation value must be a string in the format 'yyyy-MM-dd'".to_owned()),
        },
    }
}

fn parent(state: &State, value: &Value) -> Result<Option<String>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let name = value["key"]
        .as_str()
        .or(value["id"].as_str())
        .ok_or("data was not an object")?;
    match state.find(name) {
        Some(issue) => Ok(Some(issue.key.clone())),
        None => Err("Could not find issue by id or key.".to_owned()),
    }
}

fn issue_type(issue: &Issue, value: &Value) -> Result<&'static str, String> {
    let here = PROJECTS
        .iter()
        .find(|p| p.key == issue.project)
        .map_or(&[][..], |p| p.types);
    let found = TYPES
        .iter()
        .find(|t| here.contains(&t.name) && (value["id"] == t.id || value["name"] == t.name));
    found
        .map(|t| t.id)
        .ok_or_else(|| "The issue type selected is invalid.".to_owned())
}

fn custom(kind: Kind, value: &Value) -> Result<Value, String> {
    match (kind, value) {
        (_, Value::Null) => Ok(Value::Null),
        (Kind::Text, Value::String(text)) if text.chars().count() <= SUMMARY_LIMIT => Ok(value.clone()),
        (Kind::Text, Value::String(_)) => {
            Err("The entered text is too long. It exceeds the allowed limit of 255 characters.".to_owned())
        }
        (Kind::Text, _) => Err("Operation value must be a string".to_owned()),
        (Kind::Number, Value::Number(_)) => Ok(value.clone()),
        (Kind::Number, _) => Err("Operation value must be a number".to_owned()),
        (Kind::DateTime, Value::String(text)) if is_time(text) => Ok(value.clone()),
        (Kind::DateTime, _) => {
            Err("Operation value must be a string in the format \"yyyy-MM-dd'T'HH:mm:ss.SSSZ\"".to_owned())
        }
        (Kind::Level, value) => {
            let found = LEVELS
                .iter()
                .find(|(id, name)| value["id"] == *id || value["name"] == *name);
            found
                .map(|l| json!(l.0))
                .ok_or_else(|| "The security level is not valid for this project.".to_owned())
        }
        (_, value) => {
            let found = COUNTRIES
                .iter()
                .find(|(id, name)| value["id"] == *id || value["value"] == *name);
            found.map(|c| json!(c.0)).ok_or_else(|| match value["value"].as_str() {
                Some(name) => format!("Option value '{name}' is not valid"),
                None => "Specify a valid 'id' or 'name' for Country".to_owned(),
            })
        }
    }
}

fn is_time(text: &str) -> bool {
    text.parse::<Timestamp>().is_ok() || Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).is_ok()
}

/// Moves an issue to a status; says what changed.
pub fn go(issue: &mut Issue, to: &'static str, resolution: Option<&str>, now: i64) -> Vec<Item> {
    let (was, is) = (status_by_id(issue.status), status_by_id(to));
    let mut items = vec![Item {
        field: "status".to_owned(),
        from: Some(was.id.to_owned()),
        from_string: Some(was.name.to_owned()),
        to: Some(is.id.to_owned()),
        to_string: Some(is.name.to_owned()),
    }];
    issue.status = is.id;
    issue.status_ms = now;
    let before = issue.resolution.clone();
    let done = is.category == Category::Done;
    issue.resolution = done.then(|| resolution.unwrap_or("Done").to_owned());
    issue.resolved_ms = done.then_some(now);
    if before != issue.resolution {
        items.push(Item {
            field: "resolution".to_owned(),
            from: before.as_ref().map(|_| "10000".to_owned()),
            from_string: before,
            to: issue.resolution.as_ref().map(|_| "10000".to_owned()),
            to_string: issue.resolution.clone(),
        });
    }
    items
}

/// Writes a change into the issue's history.
pub fn remember(state: &mut State, issue_id: u64, actor: &str, items: Vec<Item>, now: i64) -> Option<Change> {
    if items.is_empty() {
        return None;
    }
    let change = Change {
        id: state.id(),
        author: actor.to_owned(),
        at_ms: now,
        items,
    };
    let issue = state.issues.get_mut(&issue_id)?;
    issue.updated_ms = now;
    issue.history.push(change.clone());
    Some(change)
}
