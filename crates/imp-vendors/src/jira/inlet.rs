//! What people change in Jira, as its webhooks tell it.

use super::Jira;
use super::adf;
use super::wire::User;
use imp_core::Who;
use imp_core::command::RecordChange;
use imp_core::words;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use std::sync::PoisonError;

/// One change that a person made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The ticket's key.
    pub key: String,
    /// What changed.
    pub change: RecordChange,
    /// Who changed it, if it says so.
    pub who: Option<Who>,
    /// The same for every delivery of this change.
    pub id: String,
}

/// Why a webhook is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// No secret is configured, so nothing can be believed: 404.
    Off,
    /// The signature is missing or wrong: 401.
    Unsigned,
    /// It cannot be read: 400.
    Unreadable(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    timestamp: i64,
    #[serde(default)]
    webhook_event: String,
    #[serde(default)]
    user: Option<User>,
    #[serde(default)]
    issue: Option<Issue>,
    #[serde(default)]
    changelog: Option<Changelog>,
    #[serde(default)]
    comment: Option<Comment>,
}

#[derive(Deserialize)]
struct Issue {
    key: String,
}

#[derive(Deserialize)]
struct Changelog {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(default)]
    field: String,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    to_string: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Comment {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    author: Option<User>,
}

impl Jira {
    /// Reads a webhook. What our own account has changed is no news and left out.
    ///
    /// # Errors
    /// When it is not Jira who speaks, or it cannot be read.
    pub fn hear(&self, headers: &HeaderMap, body: &[u8]) -> Result<Vec<Heard>, Refused> {
        let secret = self.config.webhook_secret.as_ref().ok_or(Refused::Off)?;
        let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let signature = header("x-hub-signature")
            .and_then(|s| s.strip_prefix("sha256="))
            .ok_or(Refused::Unsigned)?;
        if !secret.signed(&[body], signature) {
            return Err(Refused::Unsigned);
        }
        let body: Body = serde_json::from_slice(body).map_err(|e| Refused::Unreadable(e.to_string()))?;
        let Some(issue) = &body.issue else { return Ok(vec![]) };
        let author = body
            .comment
            .as_ref()
            .and_then(|c| c.author.as_ref())
            .filter(|_| body.changelog.is_none());
        let actor = author.or(body.user.as_ref());
        if actor.is_some_and(|u| self.is_own(u)) {
            return Ok(vec![]);
        }
        let delivery = match (header("x-atlassian-webhook-identifier"), &body.changelog, &body.comment) {
            (_, Some(c), _) if !c.id.is_null() => format!("change:{}", plain_id(&c.id)),
            (_, _, Some(c)) if !c.id.is_null() => format!("comment:{}", plain_id(&c.id)),
            (Some(id), _, _) => id.to_owned(),
            (None, _, _) => format!("{}:{}:{}", body.webhook_event, issue.key, body.timestamp),
        };
        let who = actor.map(|u| self.who(u));
        let heard = |(n, change): (usize, RecordChange)| Heard {
            key: issue.key.clone(),
            change,
            who: who.clone(),
            id: format!("jira:{delivery}:{n}"),
        };
        Ok(self.changes(&body).into_iter().enumerate().map(heard).collect())
    }

    fn changes(&self, body: &Body) -> Vec<RecordChange> {
        let items = body
            .changelog
            .iter()
            .flat_map(|c| &c.items)
            .filter_map(|i| self.change(i));
        let mut out: Vec<RecordChange> = items.collect();
        // An older Jira tells of a comment with the event of the issue.
        let commented =
            matches!(body.webhook_event.as_str(), "comment_created" | "jira:issue_updated") && out.is_empty();
        if let Some(c) = body.comment.as_ref().filter(|_| commented && body.changelog.is_none()) {
            let text = words::text(&adf::plain(&c.body));
            if !text.is_empty() {
                out.push(RecordChange::Comment { text });
            }
        }
        out
    }

    fn change(&self, item: &Item) -> Option<RecordChange> {
        let name = || item.to_string.clone().filter(|t| !t.trim().is_empty());
        match item.field.as_str() {
            "summary" => name().map(|t| RecordChange::Summary { text: words::title(&t) }),
            "priority" => name().map(|name| RecordChange::Priority { name }),
            "status" => name().map(|name| RecordChange::Status { name }),
            "assignee" => {
                let id = item.to.as_ref().filter(|t| !t.is_empty())?;
                Some(RecordChange::Assignee {
                    who: Who {
                        slack: None,
                        email: self.email_of(id),
                        name: name(),
                    },
                })
            }
            _ => None,
        }
    }

    fn who(&self, user: &User) -> Who {
        let id = user.account_id.as_ref().or(user.name.as_ref());
        let email = user
            .email_address
            .clone()
            .or_else(|| id.and_then(|id| self.email_of(id)));
        Who {
            slack: None,
            email,
            name: user.display_name.clone(),
        }
    }

    fn is_own(&self, user: &User) -> bool {
        let address = user
            .email_address
            .as_ref()
            .zip(self.config.email.as_ref())
            .is_some_and(|(a, b)| a.eq_ignore_ascii_case(b));
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        address
            || own
                .as_ref()
                .is_some_and(|me| self.id_of(me).is_some() && self.id_of(me) == self.id_of(user))
    }
}

fn plain_id(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}
