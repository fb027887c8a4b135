//! Jira's webhooks. What they tell is only a hint to look at the ticket: they come late, twice, in any order or not at
//! all, and the ticket itself is always right.

use super::Jira;
use super::said::said;
use super::wire::User;
use super::{adf, wire};
use imp_core::{Who, words};
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use std::sync::PoisonError;

/// A ticket that should be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Its key.
    pub key: String,
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
    webhook_event: String,
    #[serde(default)]
    user: Option<User>,
    #[serde(default)]
    issue: Option<Issue>,
    #[serde(default)]
    changelog: Option<Changelog>,
    #[serde(default)]
    comment: Option<wire::Comment>,
}

#[derive(Deserialize)]
struct Issue {
    #[serde(default)]
    id: Value,
    key: String,
}

#[derive(Deserialize)]
struct Changelog {
    #[serde(default)]
    items: Vec<wire::Item>,
}

impl Jira {
    /// Reads a webhook: which ticket to look at, if any. The echo of what this process wrote is no news.
    ///
    /// # Errors
    /// When it is not Jira who speaks, or it cannot be read.
    pub fn hear(&self, headers: &HeaderMap, body: &[u8]) -> Result<Option<Hint>, Refused> {
        let secret = self.config.webhook_secret.as_ref().ok_or(Refused::Off)?;
        let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let signature = header("x-hub-signature")
            .and_then(|s| s.strip_prefix("sha256="))
            .ok_or(Refused::Unsigned)?;
        if !secret.signed(&[body], signature) {
            return Err(Refused::Unsigned);
        }
        let body: Body = serde_json::from_slice(body).map_err(|e| Refused::Unreadable(e.to_string()))?;
        let Some(issue) = &body.issue else { return Ok(None) };
        let echo = self.is_echo(&body, &said(&issue.id));
        Ok((!echo).then(|| Hint { key: issue.key.clone() }))
    }

    /// Whether all that it tells is what this process wrote.
    fn is_echo(&self, body: &Body, issue: &str) -> bool {
        let own = |u: &Option<User>| u.as_ref().is_some_and(|u| self.is_own(u));
        match (&body.changelog, &body.comment) {
            (Some(changelog), _) => {
                let ours = |i: &wire::Item| {
                    let field = i.field_id.as_deref().unwrap_or(&i.field);
                    [&i.to, &i.to_string]
                        .iter()
                        .any(|v| self.has_sent(issue, field, &said(v)))
                        || matches!(field, "labels" | "resolution") && self.has_sent(issue, field, "")
                };
                own(&body.user) && !changelog.items.is_empty() && changelog.items.iter().all(ours)
            }
            (None, Some(c)) => {
                let text = words::text(&adf::plain(&c.body));
                own(&c.author) && self.has_sent(issue, "comment", &squeezed(&text))
            }
            (None, None) => body.webhook_event == "jira:issue_created" && own(&body.user),
        }
    }

    pub(super) fn who(&self, user: &User) -> Who {
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

    /// Whether this is the account that IMP uses; people may share it.
    pub(super) fn is_own(&self, user: &User) -> bool {
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

/// A text by its words alone: webhooks tell it without its paragraphs.
pub(super) fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
