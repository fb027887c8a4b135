//! What the stand-in Jira remembers: projects, workflows, fields, issues and what happened to them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::org::Org;

/// A project.
#[derive(Debug, Clone)]
pub struct Project {
    /// `10000`.
    pub id: &'static str,
    /// `INC`.
    pub key: &'static str,
    /// `Incidents`.
    pub name: &'static str,
    /// The names of its issue types.
    pub types: &'static [&'static str],
}

/// The projects there are.
pub const PROJECTS: [Project; 2] = [
    Project {
        id: "10000",
        key: "INC",
        name: "Incidents",
        types: &["Incident", "Task", "Bug", "Sub-task", "Post-mortem"],
    },
    Project {
        id: "10001",
        key: "ENG",
        name: "Engineering",
        types: &["Task", "Bug", "Sub-task"],
    },
];

/// A kind of issue.
#[derive(Debug, Clone)]
pub struct IssueType {
    /// `10100`.
    pub id: &'static str,
    /// `Incident`.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// Whether it hangs below another issue.
    pub subtask: bool,
}

/// The issue types there are.
pub const TYPES: [IssueType; 5] = [
    IssueType {
        id: "10100",
        name: "Incident",
        description: "Something is broken for customers.",
        subtask: false,
    },
    IssueType {
        id: "10101",
        name: "Task",
        description: "A small, distinct piece of work.",
        subtask: false,
    },
    IssueType {
        id: "10102",
        name: "Bug",
        description: "A problem or error.",
        subtask: false,
    },
    IssueType {
        id: "10103",
        name: "Sub-task",
        description: "A piece of a larger task.",
        subtask: true,
    },
    IssueType {
        id: "10104",
        name: "Post-mortem",
        description: "What was learnt from an incident.",
        subtask: false,
    },
];

/// A status.
#[derive(Debug, Clone)]
pub struct Status {
    /// `10010`.
    pub id: &'static str,
    /// `Triage`.
    pub name: &'static str,
    /// How far that is.
    pub category: Category,
    /// The name of the transition that leads to it, which, as in real workflows, is not the status's.
    pub verb: &'static str,
    /// That transition's identifier.
    pub transition: &'static str,
}

/// Jira's three categories of statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// To Do (`new`).
    ToDo,
    /// In Progress (`indeterminate`).
    InProgress,
    /// Done (`done`).
    Done,
}

impl Category {
    /// `In Progress`.
    pub fn name(self) -> &'static str {
        match self {
            Category::ToDo => "To Do",
            Category::InProgress => "In Progress",
            Category::Done => "Done",
        }
    }

    /// `indeterminate`.
    pub fn key(self) -> &'static str {
        match self {
            Category::ToDo => "new",
            Category::InProgress => "indeterminate",
            Category::Done => "done",
        }
    }

    /// Its JSON.
    pub fn json(self, api: &str) -> Value {
        let (id, color) = match self {
            Category::ToDo => (2, "blue-gray"),
            Category::InProgress => (4, "yellow"),
            Category::Done => (3, "green"),
        };
        json!({"self": format!("{api}/statuscategory/{id}"), "id": id, "key": self.key(), "colorName": color, "name": self.name()})
    }
}

const fn status(
    id: &'static str,
    name: &'static str,
    category: Category,
    verb: &'static str,
    transition: &'static str,
) -> Status {
    Status {
        id,
        name,
        category,
        verb,
        transition,
    }
}

/// The statuses there are.
pub const STATUSES: [Status; 12] = [
    status("10000", "To Do", Category::ToDo, "Back to To Do", "11"),
    status("3", "In Progress", Category::InProgress, "Start progress", "21"),
    status("10001", "Done", Category::Done, "Finish", "31"),
    status("10010", "Triage", Category::ToDo, "Start triage", "41"),
    status("10011", "Investigating", Category::InProgress, "Investigate", "51"),
    status("10012", "Identified", Category::InProgress, "Cause identified", "61"),
    status("10013", "Monitoring", Category::InProgress, "Monitor the fix", "71"),
    status("10014", "Resolved", Category::InProgress, "Resolve", "81"),
    status("10015", "Review", Category::InProgress, "Start review", "91"),
    status("10016", "Closed", Category::Done, "Close", "101"),
    status("10017", "Declined", Category::Done, "Decline", "111"),
    status("10018", "Merged", Category::Done, "Merge", "121"),
];

/// A status by identifier; an identifier that is not known is shown as To Do.
pub fn status_by_id(id: &str) -> &'static Status {
    STATUSES.iter().find(|s| s.id == id).unwrap_or(&STATUSES[0])
}

/// Which statuses issues of the type Incident move through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workflow {
    /// The incident workflow, with a status for each of the contract's, forward and back to Investigating.
    Incident,
    /// To Do, In Progress, Done, from each to each: what most projects have.
    Simple,
}

const INCIDENT_CHAIN: [&str; 8] = [
    "To Do",
    "Triage",
    "Investigating",
    "Identified",
    "Monitoring",
    "Resolved",
    "Review",
    "Closed",
];
const SIMPLE: [&str; 3] = ["To Do", "In Progress", "Done"];

impl Workflow {
    /// The names of its statuses.
    pub fn statuses(self) -> Vec<&'static Status> {
        STATUSES
            .iter()
            .filter(|s| match self {
                Workflow::Incident => INCIDENT_CHAIN.contains(&s.name) || ["Declined", "Merged"].contains(&s.name),
                Workflow::Simple => SIMPLE.contains(&s.name),
            })
            .collect()
    }

    /// Where it lets an issue go from a status.
    pub fn offered(self, from: &str) -> Vec<&'static Status> {
        let leads = |to: &Status| match self {
            Workflow::Simple => SIMPLE.contains(&to.name) && to.name != from,
            Workflow::Incident => {
                let place = |name: &str| INCIDENT_CHAIN.iter().position(|s| *s == name);
                match (place(from), to.name) {
                    (None, _) => to.name == "Investigating" && from == "In Progress",
                    (Some(7), _) => false,
                    (Some(at), "Declined") => at < 3,
                    (Some(_), "Merged") => true,
                    (Some(at), "Investigating") => at != 2,
                    (Some(at), name) => place(name).is_some_and(|to| to > at),
                }
            }
        };
        STATUSES.iter().filter(|s| leads(s)).collect()
    }
}

/// The priorities, most urgent first: identifier and name.
pub const PRIORITIES: [(&str, &str); 5] = [
    ("1", "Highest"),
    ("2", "High"),
    ("3", "Medium"),
    ("4", "Low"),
    ("5", "Lowest"),
];

/// A priority's name.
pub fn priority_name(id: &str) -> &'static str {
    PRIORITIES.iter().find(|p| p.0 == id).map_or("Medium", |p| p.1)
}

/// How a field's value looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One line.
    Text,
    /// An Atlassian document.
    Document,
    /// A priority.
    Priority,
    /// A user.
    User,
    /// Labels.
    Labels,
    /// A date.
    Date,
    /// A date and a time.
    DateTime,
    /// The parent issue.
    Parent,
    /// One of a few values.
    Select,
    /// A number.
    Number,
    /// The project.
    Project,
    /// The issue type.
    IssueType,
    /// A security level: who may see the issue.
    Level,
}

/// A field that can be set.
#[derive(Debug, Clone)]
pub struct Field {
    /// `customfield_10050`.
    pub id: &'static str,
    /// `Service`.
    pub name: &'static str,
    /// How its value looks.
    pub kind: Kind,
}

const fn field(id: &'static str, name: &'static str, kind: Kind) -> Field {
    Field { id, name, kind }
}

/// The fields that are on the screens.
pub const FIELDS: [Field; 16] = [
    field("summary", "Summary", Kind::Text),
    field("issuetype", "Issue Type", Kind::IssueType),
    field("project", "Project", Kind::Project),
    field("description", "Description", Kind::Document),
    field("environment", "Environment", Kind::Document),
    field("priority", "Priority", Kind::Priority),
    field("assignee", "Assignee", Kind::User),
    field("reporter", "Reporter", Kind::User),
    field("labels", "Labels", Kind::Labels),
    field("security", "Security Level", Kind::Level),
    field("duedate", "Due date", Kind::Date),
    field("parent", "Parent", Kind::Parent),
    field("customfield_10050", "Service", Kind::Text),
    field("customfield_10051", "Country", Kind::Select),
    field("customfield_10052", "Incident start", Kind::DateTime),
    field("customfield_10053", "Customers affected", Kind::Number),
];

/// The security levels of the project: identifier and name.
pub const LEVELS: [(&str, &str); 2] = [("10400", "Incident team"), ("10401", "Security only")];

/// The values of the Country field: identifier and value.
pub const COUNTRIES: [(&str, &str); 8] = [
    ("10201", "PT"),
    ("10202", "PL"),
    ("10203", "RO"),
    ("10204", "UA"),
    ("10205", "BR"),
    ("10206", "ES"),
    ("10207", "ZA"),
    ("10208", "IN"),
];

/// A kind of link between issues: identifier, name, inward, outward.
pub const LINK_TYPES: [(&str, &str, &str, &str); 4] = [
    ("10300", "Blocks", "is blocked by", "blocks"),
    ("10301", "Cloners", "is cloned by", "clones"),
    ("10302", "Duplicate", "is duplicated by", "duplicates"),
    ("10303", "Relates", "relates to", "relates to"),
];

/// Somebody with an account.
#[derive(Debug, Clone)]
pub struct User {
    /// `712020:…`
    pub account_id: String,
    /// `Ada Lima`.
    pub name: String,
    /// The e-mail address.
    pub email: String,
    /// The handle, of a person; `None` for the application's account.
    pub handle: Option<String>,
    /// An IANA time zone.
    pub tz: String,
}

/// Everybody with an account: the application's own first, then the people.
pub fn users(org: &Org) -> Vec<User> {
    let app = User {
        account_id: account_id(&org.keys.jira_email),
        name: "IMP".to_owned(),
        email: org.keys.jira_email.clone(),
        handle: None,
        tz: "Etc/UTC".to_owned(),
    };
    let people = org.people.iter().map(|p| User {
        account_id: account_id(&org.email(&p.handle)),
        name: p.name.clone(),
        email: org.email(&p.handle),
        handle: Some(p.handle.clone()),
        tz: p.tz.clone(),
    });
    std::iter::once(app).chain(people).collect()
}

/// An account's identifier: opaque, as Atlassian's are, and the same in each run.
pub fn account_id(email: &str) -> String {
    let hex = hex::encode(Sha256::digest(email.as_bytes()));
    format!(
        "712020:{}-{}-4{}-9{}-{}",
        &hex[0..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}

/// A comment.
#[derive(Debug, Clone)]
pub struct Comment {
    /// Its identifier.
    pub id: u64,
    /// Who wrote it.
    pub author: String,
    /// Who wrote it last.
    pub update_author: String,
    /// An Atlassian document.
    pub body: Value,
    /// In milliseconds since 1970.
    pub created_ms: i64,
    /// In milliseconds since 1970.
    pub updated_ms: i64,
}

/// A link to somewhere else.
#[derive(Debug, Clone)]
pub struct RemoteLink {
    /// Its identifier.
    pub id: u64,
    /// The caller's own identifier, which a repeated call finds it by.
    pub global_id: Option<String>,
    /// The rest, as it was given.
    pub body: Value,
}

/// A file.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// Its identifier.
    pub id: u64,
    /// Its name.
    pub filename: String,
    /// Its media type.
    pub mime: String,
    /// What is in it.
    pub content: Arc<Vec<u8>>,
    /// Who added it.
    pub author: String,
    /// In milliseconds since 1970.
    pub created_ms: i64,
}

/// One field's change.
#[derive(Debug, Clone)]
pub struct Item {
    /// The field's identifier.
    pub field: String,
    /// The value before, for machines.
    pub from: Option<String>,
    /// The value before, for people.
    pub from_string: Option<String>,
    /// The value after, for machines.
    pub to: Option<String>,
    /// The value after, for people.
    pub to_string: Option<String>,
}

impl Item {
    /// Its JSON.
    pub fn json(&self) -> Value {
        let kind = if self.field.starts_with("customfield_") {
            "custom"
        } else {
            "jira"
        };
        let name = FIELDS
            .iter()
            .find(|f| f.id == self.field && kind == "custom")
            .map_or(self.field.as_str(), |f| f.name);
        json!({
            "field": name, "fieldtype": kind, "fieldId": self.field,
            "from": self.from, "fromString": self.from_string, "to": self.to, "toString": self.to_string,
        })
    }
}

/// What one person changed at once.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its identifier.
    pub id: u64,
    /// Who.
    pub author: String,
    /// In milliseconds since 1970.
    pub at_ms: i64,
    /// What.
    pub items: Vec<Item>,
}

/// An issue.
#[derive(Debug, Clone)]
pub struct Issue {
    /// `10042`.
    pub id: u64,
    /// `INC-42`.
    pub key: String,
    /// The project's key.
    pub project: &'static str,
    /// The issue type's identifier.
    pub kind: &'static str,
    /// The title.
    pub summary: String,
    /// An Atlassian document, or null.
    pub description: Value,
    /// An Atlassian document, or null.
    pub environment: Value,
    /// The priority's identifier.
    pub priority: &'static str,
    /// The status's identifier.
    pub status: &'static str,
    /// An account.
    pub assignee: Option<String>,
    /// An account.
    pub reporter: String,
    /// An account.
    pub creator: String,
    /// Labels.
    pub labels: Vec<String>,
    /// `2026-01-31`.
    pub duedate: Option<String>,
    /// The parent's key.
    pub parent: Option<String>,
    /// The values of the custom fields.
    pub custom: BTreeMap<String, Value>,
    /// The resolution's name.
    pub resolution: Option<String>,
    /// In milliseconds since 1970.
    pub resolved_ms: Option<i64>,
    /// In milliseconds since 1970.
    pub created_ms: i64,
    /// In milliseconds since 1970.
    pub updated_ms: i64,
    /// In milliseconds since 1970.
    pub status_ms: i64,
    /// What was said.
    pub comments: Vec<Comment>,
    /// Entity properties.
    pub properties: BTreeMap<String, Value>,
    /// Links to elsewhere.
    pub remote_links: Vec<RemoteLink>,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// Accounts.
    pub watchers: Vec<String>,
    /// What changed.
    pub history: Vec<Change>,
}

/// A link between two issues.
#[derive(Debug, Clone)]
pub struct Link {
    /// Its identifier.
    pub id: u64,
    /// The place of its type in `LINK_TYPES`.
    pub kind: usize,
    /// The key of the issue that the inward words are said of.
    pub inward: String,
    /// The key of the issue that the outward words are said of.
    pub outward: String,
}

/// What was made over the API, as it shows it.
#[derive(Debug, Clone, Default)]
pub struct Made {
    /// Projects.
    pub projects: Vec<serde_json::Value>,
    /// Issue types.
    pub types: Vec<serde_json::Value>,
    /// Fields.
    pub fields: Vec<serde_json::Value>,
}

/// Everything that the stand-in remembers.
#[derive(Debug)]
pub struct State {
    /// The accounts.
    pub users: Vec<User>,
    /// The issues, by identifier.
    pub issues: BTreeMap<u64, Issue>,
    /// Links between them.
    pub links: Vec<Link>,
    /// Keys that were used, by project.
    pub numbers: BTreeMap<&'static str, u64>,
    /// The last identifier that was given out, of anything.
    pub last_id: u64,
    /// The components of projects.
    pub components: Vec<Component>,
    /// The workflow of incidents.
    pub workflow: Workflow,
    /// A field that a new issue needs, besides those that each needs.
    pub required: Option<String>,
    /// Projects, issue types and fields that were made over the API, as it shows them. Issues cannot be filed with them.
    pub made: Made,
    /// How far the search index is behind, in milliseconds.
    pub lag_ms: i64,
    /// What the search index knows, when it is behind.
    pub indexed: BTreeMap<u64, Option<Issue>>,
    /// What it will learn, and when.
    pub pending: VecDeque<(i64, u64, Option<Issue>)>,
}

/// A part of a project.
#[derive(Debug, Clone)]
pub struct Component {
    /// Its identifier.
    pub id: u64,
    /// The project's key.
    pub project: &'static str,
    /// Its name, unique in the project.
    pub name: String,
    /// What it is.
    pub description: String,
}

impl State {
    /// An empty Jira with the organisation's people.
    pub fn new(org: &Org) -> State {
        State {
            users: users(org),
            issues: BTreeMap::new(),
            links: vec![],
            numbers: BTreeMap::new(),
            last_id: 10_400,
            components: vec![],
            workflow: Workflow::Incident,
            required: None,
            made: Made::default(),
            lag_ms: 0,
            indexed: BTreeMap::new(),
            pending: VecDeque::new(),
        }
    }

    /// A new identifier.
    pub fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// An issue by key or identifier.
    pub fn find(&self, key_or_id: &str) -> Option<&Issue> {
        match key_or_id.parse::<u64>() {
            Ok(id) => self.issues.get(&id),
            Err(_) => self.issues.values().find(|i| i.key.eq_ignore_ascii_case(key_or_id)),
        }
    }

    /// The same, to change it.
    pub fn find_mut(&mut self, key_or_id: &str) -> Option<&mut Issue> {
        let id = self.find(key_or_id)?.id;
        self.issues.get_mut(&id)
    }

    /// A user by account.
    pub fn user(&self, account_id: &str) -> Option<&User> {
        self.users.iter().find(|u| u.account_id == account_id)
    }

    /// A user's name.
    pub fn user_name(&self, account_id: &str) -> &str {
        self.user(account_id).map_or("Former user", |u| &u.name)
    }

    /// The workflow of an issue type.
    pub fn workflow_of(&self, kind: &str) -> Workflow {
        if kind == TYPES[0].id {
            self.workflow
        } else {
            Workflow::Simple
        }
    }

    /// Where an issue may go from where it is.
    pub fn offered(&self, issue: &Issue) -> Vec<&'static Status> {
        self.workflow_of(issue.kind).offered(status_by_id(issue.status).name)
    }

    /// Tells the search index, which may be behind, of an issue as it is now.
    pub fn index(&mut self, id: u64, now_ms: i64) {
        if self.lag_ms > 0 {
            let issue = self.issues.get(&id).cloned();
            self.pending.push_back((now_ms + self.lag_ms, id, issue));
        } else {
            self.indexed.insert(id, self.issues.get(&id).cloned());
        }
    }

    /// What the search index knows now; the issues in `fresh` as they really are.
    pub fn searchable(&mut self, now_ms: i64, fresh: &[u64]) -> Vec<Issue> {
        while self.pending.front().is_some_and(|(due, ..)| *due <= now_ms) {
            if let Some((_, id, issue)) = self.pending.pop_front() {
                self.indexed.insert(id, issue);
            }
        }
        let known = self
            .indexed
            .iter()
            .filter(|(id, _)| !fresh.contains(id))
            .filter_map(|(_, i)| i.clone());
        let reconciled = fresh.iter().filter_map(|id| self.issues.get(id).cloned());
        known.chain(reconciled).collect()
    }
}
