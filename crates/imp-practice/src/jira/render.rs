//! The stand-in Jira's JSON: issues, users, statuses and the rest, in the words of REST version 3 and 2.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::adf;
use super::model::{
    Attachment, COUNTRIES, Change, Comment, FIELDS, Field, Issue, IssueType, Kind, LEVELS, LINK_TYPES, Link,
    PRIORITIES, PROJECTS, Project, RemoteLink, State, Status, TYPES, User, priority_name, status_by_id,
};

/// Which version of the REST API is spoken: in 3 long texts are documents, in 2 plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `/rest/api/3`.
    Three,
    /// `/rest/api/2`.
    Two,
}

/// What is needed to write an answer.
#[derive(Debug, Clone)]
pub struct Pen {
    /// Jira's address: `http://127.0.0.1:7071/jira`.
    pub site: String,
    /// The version spoken.
    pub version: Version,
}

impl Pen {
    /// The address of the API.
    pub fn api(&self) -> String {
        let version = match self.version {
            Version::Three => 3,
            Version::Two => 2,
        };
        format!("{}/rest/api/{version}", self.site)
    }

    fn rich(&self, document: &Value) -> Value {
        match (self.version, document) {
            (_, Value::Null) => Value::Null,
            (Version::Three, document) => document.clone(),
            (Version::Two, document) => json!(adf::to_text(document)),
        }
    }

    /// A user.
    pub fn user(&self, user: &User) -> Value {
        let base = self.site.trim_end_matches("/jira");
        let face = format!("{base}/avatars/{}.svg", user.handle.as_deref().unwrap_or("imp"));
        json!({
            "self": format!("{}/user?accountId={}", self.api(), user.account_id),
            "accountId": user.account_id,
            "accountType": if user.handle.is_some() { "atlassian" } else { "app" },
            "emailAddress": user.email,
            "avatarUrls": {"48x48": face, "24x24": face, "16x16": face, "32x32": face},
            "displayName": user.name,
            "active": true,
            "timeZone": user.tz,
            "locale": "en_GB",
        })
    }

    /// A user by account; null for nobody.
    pub fn account(&self, state: &State, account_id: Option<&str>) -> Value {
        account_id
            .and_then(|id| state.user(id))
            .map_or(Value::Null, |u| self.user(u))
    }

    /// A status.
    pub fn status(&self, status: &Status) -> Value {
        json!({
            "self": format!("{}/status/{}", self.api(), status.id),
            "description": "",
            "iconUrl": format!("{}/images/icons/statuses/generic.png", self.site),
            "name": status.name,
            "id": status.id,
            "statusCategory": status.category.json(&self.api()),
        })
    }

    /// A priority.
    pub fn priority(&self, id: &str) -> Value {
        let color = match id {
            "1" => "#d04437",
            "2" => "#f15C75",
            "3" => "#f79232",
            "4" => "#707070",
            _ => "#999999",
        };
        json!({
            "self": format!("{}/priority/{id}", self.api()),
            "iconUrl": format!("{}/images/icons/priorities/{}.svg", self.site, priority_name(id).to_lowercase()),
            "name": priority_name(id), "id": id, "statusColor": color, "isDefault": id == "3",
        })
    }

    /// An issue type.
    pub fn issue_type(&self, kind: &IssueType) -> Value {
        json!({
            "self": format!("{}/issuetype/{}", self.api(), kind.id),
            "id": kind.id, "description": kind.description, "iconUrl": format!("{}/images/icons/issuetypes/{}.svg", self.site, kind.id),
            "name": kind.name, "untranslatedName": kind.name, "subtask": kind.subtask, "avatarId": 10300,
            "hierarchyLevel": if kind.subtask { -1 } else { 0 },
        })
    }

    /// A project, briefly.
    pub fn project(&self, project: &Project) -> Value {
        let face = format!("{}/images/project.svg", self.site);
        json!({
            "self": format!("{}/project/{}", self.api(), project.id),
            "id": project.id, "key": project.key, "name": project.name,
            "projectTypeKey": "software", "simplified": false, "style": "classic", "isPrivate": false,
            "avatarUrls": {"48x48": face, "24x24": face, "16x16": face, "32x32": face},
        })
    }

    /// A comment.
    pub fn comment(&self, state: &State, issue: &Issue, comment: &Comment) -> Value {
        json!({
            "self": format!("{}/issue/{}/comment/{}", self.api(), issue.id, comment.id),
            "id": comment.id.to_string(),
            "author": self.account(state, Some(&comment.author)),
            "body": self.rich(&comment.body),
            "updateAuthor": self.account(state, Some(&comment.update_author)),
            "created": time(comment.created_ms),
            "updated": time(comment.updated_ms),
            "jsdPublic": true,
        })
    }

    /// A remote link.
    pub fn remote_link(&self, issue: &Issue, link: &RemoteLink) -> Value {
        let mut out = json!({
            "id": link.id,
            "self": format!("{}/issue/{}/remotelink/{}", self.api(), issue.key, link.id),
        });
        if let Some(id) = &link.global_id {
            out["globalId"] = json!(id);
        }
        for key in ["application", "relationship", "object"] {
            if !link.body[key].is_null() {
                out[key] = link.body[key].clone();
            }
        }
        out
    }

    /// A file.
    pub fn attachment(&self, state: &State, file: &Attachment) -> Value {
        json!({
            "self": format!("{}/attachment/{}", self.api(), file.id),
            "id": file.id.to_string(), "filename": file.filename, "mimeType": file.mime, "size": file.content.len(),
            "author": self.account(state, Some(&file.author)), "created": time(file.created_ms),
            "content": format!("{}/attachment/content/{}", self.api(), file.id),
        })
    }

    /// A change.
    pub fn change(&self, state: &State, change: &Change) -> Value {
        json!({
            "id": change.id.to_string(), "author": self.account(state, Some(&change.author)), "created": time(change.at_ms),
            "items": change.items.iter().map(super::model::Item::json).collect::<Vec<_>>(),
        })
    }

    /// An issue in a few words, as it is shown inside another.
    fn brief(&self, issue: &Issue) -> Value {
        json!({
            "id": issue.id.to_string(), "key": issue.key, "self": format!("{}/issue/{}", self.api(), issue.id),
            "fields": {
                "summary": issue.summary,
                "status": self.status(status_by_id(issue.status)),
                "priority": self.priority(issue.priority),
                "issuetype": self.issue_type(type_by_id(issue.kind)),
            },
        })
    }

    /// A link between issues, as one of the two sees it.
    fn link(&self, state: &State, issue: &Issue, link: &Link) -> Value {
        let (other, side) = if link.inward == issue.key {
            (&link.outward, "outwardIssue")
        } else {
            (&link.inward, "inwardIssue")
        };
        let mut out = json!({
            "id": link.id.to_string(), "self": format!("{}/issueLink/{}", self.api(), link.id), "type": self.link_type(link.kind),
        });
        out[side] = state.find(other).map_or(Value::Null, |i| self.brief(i));
        out
    }

    /// A kind of link.
    pub fn link_type(&self, place: usize) -> Value {
        let (id, name, inward, outward) = LINK_TYPES[place.min(LINK_TYPES.len() - 1)];
        json!({"id": id, "name": name, "inward": inward, "outward": outward, "self": format!("{}/issueLinkType/{id}", self.api())})
    }

    /// All fields of an issue.
    pub fn fields(&self, state: &State, issue: &Issue) -> Map<String, Value> {
        let status = status_by_id(issue.status);
        let project = PROJECTS.iter().find(|p| p.key == issue.project).unwrap_or(&PROJECTS[0]);
        let comments: Vec<Value> = issue.comments.iter().map(|c| self.comment(state, issue, c)).collect();
        let total = comments.len();
        let children = state
            .issues
            .values()
            .filter(|i| i.parent.as_deref() == Some(&issue.key));
        let links = state
            .links
            .iter()
            .filter(|l| l.inward == issue.key || l.outward == issue.key);
        let resolution = issue.resolution.as_ref().map(|name| {
            json!({"self": format!("{}/resolution/10000", self.api()), "id": "10000", "name": name, "description": ""})
        });
        let value = json!({
            "summary": issue.summary,
            "issuetype": self.issue_type(type_by_id(issue.kind)),
            "project": self.project(project),
            "description": self.rich(&issue.description),
            "environment": self.rich(&issue.environment),
            "priority": self.priority(issue.priority),
            "status": self.status(status),
            "statusCategory": status.category.json(&self.api()),
            "assignee": self.account(state, issue.assignee.as_deref()),
            "reporter": self.account(state, Some(&issue.reporter)),
            "creator": self.account(state, Some(&issue.creator)),
            "labels": issue.labels,
            "duedate": issue.duedate,
            "created": time(issue.created_ms),
            "updated": time(issue.updated_ms),
            "statuscategorychangedate": time(issue.status_ms),
            "resolution": resolution,
            "resolutiondate": issue.resolved_ms.map(time),
            "comment": {
                "comments": comments, "self": format!("{}/issue/{}/comment", self.api(), issue.id),
                "maxResults": total, "total": total, "startAt": 0,
            },
            "subtasks": children.map(|i| self.brief(i)).collect::<Vec<_>>(),
            "issuelinks": links.map(|l| self.link(state, issue, l)).collect::<Vec<_>>(),
            "attachment": issue.attachments.iter().map(|a| self.attachment(state, a)).collect::<Vec<_>>(),
            "watches": {
                "self": format!("{}/issue/{}/watchers", self.api(), issue.key),
                "watchCount": issue.watchers.len(), "isWatching": false,
            },
            "votes": {"self": format!("{}/issue/{}/votes", self.api(), issue.key), "votes": 0, "hasVoted": false},
            "security": issue.custom.get("security").map(|id| self.level(id.as_str().unwrap_or_default())),
            "components": [], "fixVersions": [], "versions": [],
        });
        let Value::Object(mut fields) = value else {
            return Map::new();
        };
        if let Some(parent) = issue.parent.as_ref().and_then(|key| state.find(key)) {
            fields.insert("parent".to_owned(), self.brief(parent));
        }
        for field in FIELDS.iter().filter(|f| f.id.starts_with("customfield_")) {
            let value = match (field.kind, issue.custom.get(field.id)) {
                (_, None) => Value::Null,
                (Kind::Select, Some(value)) => self.country(value.as_str().unwrap_or_default()),
                (_, Some(value)) => value.clone(),
            };
            fields.insert(field.id.to_owned(), value);
        }
        fields
    }

    fn level(&self, id: &str) -> Value {
        LEVELS.iter().find(|l| l.0 == id).map_or(
            Value::Null,
            |(id, name)| json!({"self": format!("{}/securitylevel/{id}", self.api()), "id": id, "name": name, "description": ""}),
        )
    }

    fn country(&self, id: &str) -> Value {
        COUNTRIES.iter().find(|c| c.0 == id).map_or(
            Value::Null,
            |(id, value)| json!({"self": format!("{}/customFieldOption/{id}", self.api()), "value": value, "id": id}),
        )
    }

    /// An issue with the fields and properties that were asked for.
    pub fn issue(&self, state: &State, issue: &Issue, asked: &Asked) -> Value {
        let mut out = json!({
            "expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
            "id": issue.id.to_string(), "self": format!("{}/issue/{}", self.api(), issue.id), "key": issue.key,
        });
        let fields = asked.pick(self.fields(state, issue));
        if asked.any() {
            out["fields"] = Value::Object(fields);
        }
        if !asked.properties.is_empty() {
            let wanted = issue
                .properties
                .iter()
                .filter(|(k, _)| asked.properties.iter().any(|p| p == *k || p == "*all"));
            out["properties"] = Value::Object(wanted.map(|(k, v)| (k.clone(), v.clone())).collect());
        }
        if asked.changelog {
            let histories: Vec<Value> = issue.history.iter().rev().map(|c| self.change(state, c)).collect();
            let total = histories.len();
            out["changelog"] = json!({"startAt": 0, "maxResults": total, "total": total, "histories": histories});
        }
        out
    }

    /// A field in the list of all fields.
    pub fn field(&self, field: &Field) -> Value {
        json!({
            "id": field.id, "key": field.id, "name": field.name, "custom": field.id.starts_with("customfield_"),
            "orderable": true, "navigable": true, "searchable": true,
            "clauseNames": [field.name.to_lowercase(), field.id], "schema": schema(field),
        })
    }

    /// A field in the metadata for creating or editing.
    pub fn meta(&self, field: &Field, project: &Project, kind: &IssueType) -> Value {
        let required =
            matches!(field.id, "summary" | "issuetype" | "project") || (field.id == "parent" && kind.subtask);
        let mut out = json!({
            "required": required, "schema": schema(field), "name": field.name, "key": field.id, "fieldId": field.id,
            "hasDefaultValue": matches!(field.id, "priority" | "reporter"), "operations": ["set"],
        });
        match field.kind {
            Kind::Labels => out["operations"] = json!(["add", "set", "remove"]),
            Kind::Priority => out["allowedValues"] = PRIORITIES.iter().map(|p| self.priority(p.0)).collect(),
            Kind::Select => out["allowedValues"] = COUNTRIES.iter().map(|c| self.country(c.0)).collect(),
            Kind::Level => out["allowedValues"] = LEVELS.iter().map(|l| self.level(l.0)).collect(),
            Kind::Project => out["allowedValues"] = json!([self.project(project)]),
            Kind::IssueType => out["allowedValues"] = json!([self.issue_type(kind)]),
            Kind::User => {
                out["autoCompleteUrl"] = json!(format!(
                    "{}/user/assignable/search?project={}&query=",
                    self.api(),
                    project.key
                ));
            }
            Kind::Text | Kind::Document | Kind::Date | Kind::DateTime | Kind::Parent | Kind::Number => {}
        }
        out
    }
}

/// The schema of a field's values.
fn schema(field: &Field) -> Value {
    let custom = field
        .id
        .strip_prefix("customfield_")
        .and_then(|n| n.parse::<u64>().ok());
    let (kind, plugin) = match field.kind {
        Kind::Text | Kind::Document => ("string", "textfield"),
        Kind::Priority => ("priority", ""),
        Kind::User => ("user", "userpicker"),
        Kind::Labels => ("array", "labels"),
        Kind::Date => ("date", "datepicker"),
        Kind::DateTime => ("datetime", "datetime"),
        Kind::Parent => ("issuelink", ""),
        Kind::Select => ("option", "select"),
        Kind::Level => ("securitylevel", ""),
        Kind::Number => ("number", "float"),
        Kind::Project => ("project", ""),
        Kind::IssueType => ("issuetype", ""),
    };
    let mut out = match custom {
        Some(id) => {
            json!({"type": kind, "custom": format!("com.atlassian.jira.plugin.system.customfieldtypes:{plugin}"), "customId": id})
        }
        None => json!({"type": kind, "system": field.id}),
    };
    if field.kind == Kind::Labels {
        out["items"] = json!("string");
    }
    out
}

/// An issue type by identifier.
pub fn type_by_id(id: &str) -> &'static IssueType {
    TYPES.iter().find(|t| t.id == id).unwrap_or(&TYPES[0])
}

/// Which fields and properties an answer is to hold.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Field names, `*all`, `*navigable`, or `-name` for one that is not wanted.
    pub fields: Vec<String>,
    /// Keys of entity properties.
    pub properties: Vec<String>,
    /// Whether the history is wanted.
    pub changelog: bool,
}

impl Asked {
    /// Everything.
    pub fn all() -> Asked {
        Asked {
            fields: vec!["*all".to_owned()],
            ..Asked::default()
        }
    }

    fn any(&self) -> bool {
        self.fields.iter().any(|f| f != "id" && f != "key")
    }

    fn pick(&self, fields: Map<String, Value>) -> Map<String, Value> {
        let named = |name: &str| {
            self.fields
                .iter()
                .any(|f| f == name || FIELDS.iter().any(|d| d.id == name && d.name.eq_ignore_ascii_case(f)))
        };
        let all = self.fields.iter().any(|f| f == "*all" || f == "*navigable")
            || (!self.fields.is_empty() && self.fields.iter().all(|f| f.starts_with('-')));
        fields
            .into_iter()
            .filter(|(name, _)| (all || named(name)) && !self.fields.iter().any(|f| f.strip_prefix('-') == Some(name)))
            .collect()
    }
}

/// A moment in Jira's notation: `2026-01-31T12:00:00.000+0000`.
pub fn time(ms: i64) -> String {
    let at = Timestamp::from_millisecond(ms).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}
