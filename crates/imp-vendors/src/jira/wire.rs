//! Jira's answers; what is not needed is not read.

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Created {
    pub id: String,
    pub key: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Found {
    #[serde(default)]
    pub issues: Vec<Issue>,
    /// Where the next page begins, on Cloud.
    #[serde(default, rename = "nextPageToken")]
    pub next: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Issue {
    pub id: String,
    pub key: String,
    #[serde(default)]
    pub fields: Value,
    #[serde(default)]
    pub properties: Value,
}

/// A list of the create metadata. Cloud and Data Center name it differently, and Cloud may name it twice.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TypePage {
    #[serde(default)]
    issue_types: Option<Vec<IssueType>>,
    #[serde(default)]
    create_meta_issue_type: Option<Vec<IssueType>>,
    #[serde(default)]
    values: Option<Vec<IssueType>>,
}

impl TypePage {
    pub fn types(self) -> Vec<IssueType> {
        self.issue_types
            .or(self.create_meta_issue_type)
            .or(self.values)
            .unwrap_or_default()
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct IssueType {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub subtask: bool,
    #[serde(default)]
    pub statuses: Vec<Status>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FieldPage {
    #[serde(default)]
    fields: Option<Vec<Field>>,
    #[serde(default)]
    results: Option<Vec<Field>>,
    #[serde(default)]
    values: Option<Vec<Field>>,
    #[serde(default)]
    pub total: usize,
}

impl FieldPage {
    pub fn fields(self) -> Vec<Field> {
        self.fields.or(self.results).or(self.values).unwrap_or_default()
    }
}

/// A field of the create screen.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Field {
    pub field_id: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub required: bool,
    #[serde(default)]
    pub has_default_value: bool,
    #[serde(default)]
    pub schema: Schema,
    #[serde(default)]
    pub allowed_values: Option<Vec<Value>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Schema {
    #[serde(default, rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub items: Option<String>,
    #[serde(default)]
    pub custom: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    pub name: String,
    #[serde(default)]
    pub status_category: Category,
}

/// `new`, `indeterminate` or `done`, whatever people call them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Category {
    #[serde(default)]
    pub key: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Transitions {
    #[serde(default)]
    pub transitions: Vec<Transition>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Transition {
    pub id: String,
    pub to: Status,
}

/// A user: Cloud knows them by `accountId`, the Data Center by `name`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    #[serde(default)]
    pub account_id: Option<String>,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub email_address: Option<String>,
    #[serde(default)]
    pub display_name: Option<String>,
    #[serde(default)]
    pub active: Option<bool>,
}

/// An issue with its history.
#[derive(Debug, Deserialize)]
pub(super) struct Whole {
    #[serde(default)]
    pub id: String,
    #[serde(default)]
    pub key: String,
    #[serde(default)]
    pub fields: Value,
    #[serde(default)]
    pub properties: Value,
    #[serde(default)]
    pub changelog: Changelog,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Changelog {
    #[serde(default)]
    pub histories: Vec<History>,
}

/// A change: who made it, and which fields it touched.
#[derive(Debug, Deserialize)]
pub(super) struct History {
    #[serde(default)]
    pub id: String,
    #[serde(default)]
    pub author: Option<User>,
    #[serde(default)]
    pub created: String,
    #[serde(default)]
    pub items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    /// The field's identifier; for a custom field its name, with the identifier beside it.
    #[serde(default)]
    pub field: String,
    #[serde(default)]
    pub field_id: Option<String>,
    #[serde(default)]
    pub to: Value,
    #[serde(default)]
    pub to_string: Value,
}

impl Item {
    pub fn is(&self, field: &str) -> bool {
        self.field == field || self.field_id.as_deref() == Some(field)
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Comments {
    #[serde(default)]
    pub comments: Vec<Comment>,
    #[serde(default)]
    pub total: usize,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Comment {
    #[serde(default)]
    pub id: Value,
    #[serde(default)]
    pub author: Option<User>,
    #[serde(default)]
    pub update_author: Option<User>,
    #[serde(default)]
    pub created: String,
    #[serde(default)]
    pub body: Value,
    #[serde(default)]
    pub properties: Vec<Property>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Property {
    pub key: String,
    #[serde(default)]
    pub value: Value,
}

/// A refusal that names fields.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Errors {
    #[serde(default)]
    pub errors: serde_json::Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LinkTypes {
    #[serde(default)]
    pub issue_link_types: Vec<LinkType>,
}

/// A kind of link between issues.
#[derive(Debug, Deserialize)]
pub(super) struct LinkType {
    pub name: String,
}
