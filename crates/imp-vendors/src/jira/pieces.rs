//! Tasks and follow-ups: issues of their own beside the ticket.

use super::adf::Block;
use super::port::{Looked, gone};
use super::ticket::{LABEL, summary};
use super::wire::{Issue, LinkTypes};
use super::{Jira, NAME};
use crate::http::Fault;
use imp_core::event::Link;
use imp_core::{Order, Outcome, Ref, words};
use serde_json::{Map, Value, json};

/// The kind of link between the ticket and what follows from it; every Jira has it.
const RELATES: &str = "Relates";
/// How the name of the kind of link between duplicates begins, whatever the case.
const DUPLICATE: &str = "duplicate";

impl Jira {
    /// Files a task: a sub-task where the project has such a type, else a task that is linked with the ticket.
    pub(super) async fn file_task(&self, order: &Order, n: u32) -> Result<Outcome, Fault> {
        let i = &order.incident;
        let (Some(ticket), Some(task)) = (&i.links.ticket, i.tasks.iter().find(|t| t.n == n)) else {
            return Ok(Outcome::Done(vec![]));
        };
        if task.ticket.is_some() {
            return Ok(Outcome::Done(vec![]));
        }
        let scheme = self.scheme().await?;
        let mut fields = Map::new();
        match (&scheme.subtask, &scheme.task) {
            (Some(t), _) => {
                fields.insert("issuetype".to_owned(), json!({"id": t.id}));
                fields.insert("parent".to_owned(), json!({"key": ticket.key}));
            }
            (None, Some(t)) => drop(fields.insert("issuetype".to_owned(), json!({"id": t.id}))),
            (None, None) => drop(fields.insert("issuetype".to_owned(), json!({"name": "Task"}))),
        }
        if let Some(who) = &task.assignee
            && let Some(id) = self.person(who, &order.directory, &scheme).await
        {
            fields.insert("assignee".to_owned(), self.user(&id));
        }
        let piece = Piece {
            label: own_label(order, "task", n),
            id: own_id(order, n),
            kind: None,
            text: &task.text,
            link: scheme.subtask.is_none(),
        };
        Ok(match self.file_piece(order, fields, &piece).await? {
            Filed::As(key) => Outcome::Done(vec![Link::Task {
                n,
                url: self.browse(&key),
                key,
            }]),
            Filed::Wait(after_ms) => Outcome::Wait { after_ms },
        })
    }

    /// Files a follow-up: a task of its own with owner and date, linked with the ticket.
    pub(super) async fn file_follow_up(&self, order: &Order, n: u32) -> Result<Outcome, Fault> {
        let i = &order.incident;
        let Some(follow_up) = i.follow_ups.iter().find(|f| f.n == n) else {
            return Ok(Outcome::Done(vec![]));
        };
        if follow_up.ticket.is_some() || i.links.ticket.is_none() {
            return Ok(Outcome::Done(vec![]));
        }
        let scheme = self.scheme().await?;
        let mut fields = Map::new();
        let kind = scheme
            .task
            .as_ref()
            .map_or(json!({"name": "Task"}), |t| json!({"id": t.id}));
        fields.insert("issuetype".to_owned(), kind);
        if let Some(due) = &follow_up.due {
            fields.insert("duedate".to_owned(), json!(due));
        }
        if let Some(who) = &follow_up.owner
            && let Some(id) = self.person(who, &order.directory, &scheme).await
        {
            fields.insert("assignee".to_owned(), self.user(&id));
        }
        let piece = Piece {
            label: own_label(order, "follow-up", n),
            id: own_id(order, FOLLOW_UPS + n),
            kind: Some("imp-follow-up"),
            text: &follow_up.text,
            link: true,
        };
        Ok(match self.file_piece(order, fields, &piece).await? {
            Filed::As(key) => Outcome::Done(vec![Link::FollowUp {
                n,
                url: self.browse(&key),
                key,
            }]),
            Filed::Wait(after_ms) => Outcome::Wait { after_ms },
        })
    }

    async fn file_piece(
        &self,
        order: &Order,
        mut fields: Map<String, Value>,
        piece: &Piece<'_>,
    ) -> Result<Filed, Fault> {
        let i = &order.incident;
        let deed = format!("{}/{}", i.reference, order.key);
        let found = match self.doubt.must_look(&deed, order.tried) {
            true => match self.look(order, &deed, &piece.label).await? {
                Looked::Found(key, _) => Some(key),
                Looked::Again(ms) => return Ok(Filed::Wait(ms)),
                Looked::Nothing => None,
            },
            false => None,
        };
        let key = match found {
            Some(key) => key,
            None => {
                let mut labels = vec![LABEL.to_owned(), piece.label.clone()];
                labels.extend(piece.kind.map(str::to_owned));
                let origin = format!("From {}, {}/incidents/{}", i.reference, self.public_url, i.reference);
                fields.insert("project".to_owned(), json!({"key": self.config.project}));
                fields.insert("summary".to_owned(), json!(summary(piece.text)));
                fields.insert("labels".to_owned(), json!(labels));
                fields.insert(
                    "description".to_owned(),
                    self.text(&[Block::Text(piece.text.to_owned()), Block::Text(origin)]),
                );
                let property = json!({"ref": piece.id, "incident": i.reference.0, "opened": i.opened_at.rfc3339(), "piece": piece.label});
                let (made, _) = self
                    .create(
                        &deed,
                        fields,
                        &property,
                        &["project", "issuetype", "summary", "parent", "labels"],
                    )
                    .await?;
                made.key
            }
        };
        if piece.link {
            self.relate(order, &key).await;
        }
        Ok(Filed::As(key))
    }

    /// Links an issue with the ticket. Jira merges a link that is there already. A link is worth a try and no more: the
    /// label finds the issue as well.
    async fn relate(&self, order: &Order, key: &str) {
        let Some(ticket) = &order.incident.links.ticket else {
            return;
        };
        let body = json!({"type": {"name": RELATES}, "inwardIssue": {"key": ticket.key}, "outwardIssue": {"key": key}});
        if let Err(fault) = self.post("issueLink", &body).await {
            tracing::info!("{key} could not be linked with {}: {}", ticket.key, fault.why());
        }
    }
}

impl Jira {
    /// Links the tickets of an incident and of the one it was merged into, unless they are linked already.
    pub(super) async fn duplicate(&self, order: &Order, other: Ref) -> Result<Outcome, Fault> {
        let i = &order.incident;
        let (Some(ticket), Some(theirs)) = (&i.links.ticket, &order.other_ticket) else {
            // The other has no ticket yet; when it gets one, it sees to the link.
            return Ok(Outcome::Done(vec![]));
        };
        let (duplicate, original) = match i.merged_into == Some(other) {
            true => (&ticket.key, theirs),
            false => (theirs, &ticket.key),
        };
        let path = format!("issue/{duplicate}?fields=issuelinks");
        let issue: Issue = self.get(&path).await.map_err(|f| gone(f, ticket))?.json(NAME)?;
        let links = issue.fields.get("issuelinks").and_then(Value::as_array);
        let there = |l: &Value| {
            let kind = l.pointer("/type/name").and_then(Value::as_str).unwrap_or_default();
            let to = l.pointer("/outwardIssue/key").and_then(Value::as_str);
            words::key(kind).starts_with(DUPLICATE) && to == Some(original)
        };
        if links.into_iter().flatten().any(there) {
            return Ok(Outcome::Done(vec![]));
        }
        let types: LinkTypes = self.get("issueLinkType").await?.json(NAME)?;
        let named = |n: &str| {
            types
                .issue_link_types
                .iter()
                .find(|t| words::key(&t.name).starts_with(n))
        };
        let Some(kind) = named(DUPLICATE).or_else(|| named(&words::key(RELATES))) else {
            let why =
                format!("{NAME} has no kind of link called Duplicate; an administrator can add it under Issue linking");
            return Ok(Outcome::Never { why });
        };
        // Jira reads it from the inward to the outward issue: the one duplicates the other.
        let body = json!({
            "type": {"name": kind.name}, "inwardIssue": {"key": duplicate}, "outwardIssue": {"key": original},
        });
        self.post("issueLink", &body).await?;
        Ok(Outcome::Done(vec![]))
    }
}

/// The label by which one piece is found again. The incident's own label is its ticket's alone: whoever searches for it
/// finds one issue.
fn own_label(order: &Order, kind: &str, n: u32) -> String {
    format!("imp{}-{kind}-{n}", order.incident.reference.0)
}

/// The number of the first follow-up among an incident's pieces; tasks come before.
const FOLLOW_UPS: u32 = 500_000;
/// Numbers that an incident's pieces have for themselves.
const PIECES: u64 = 1_000_000;

/// A reference of the piece's own, of the incident's form and never that of any incident: the incident's number and six
/// digits. Every issue that IMP files can so be told from every other by its property alone.
fn own_id(order: &Order, n: u32) -> Ref {
    Ref(order.incident.reference.0 * PIECES + u64::from(n))
}

/// What is to be filed.
struct Piece<'a> {
    /// The label that is its own.
    label: String,
    /// The reference that is its own.
    id: Ref,
    /// The label of all of its kind.
    kind: Option<&'static str>,
    /// What is to be done.
    text: &'a str,
    /// Whether it needs a link to the ticket.
    link: bool,
}

enum Filed {
    /// Under this key.
    As(String),
    /// Jira's search may lag behind: again after so many milliseconds.
    Wait(i64),
}
