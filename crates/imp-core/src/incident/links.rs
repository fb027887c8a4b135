//! Where vendors keep an incident.

use crate::{Actor, At};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where vendors keep an incident.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Links {
    /// The channel.
    pub channel: Option<Channel>,
    /// Channel and timestamp of the announcement.
    pub announcement: Option<(String, String)>,
    /// The ticket.
    pub ticket: Option<Ticket>,
    /// The meeting: identifier and address.
    pub meeting: Option<(String, String)>,
    /// The public incident: identifier and address.
    pub page: Option<(String, String)>,
}

impl Links {
    /// Whether no vendor keeps it.
    pub fn is_empty(&self) -> bool {
        *self == Links::default()
    }
}

/// The incident's channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Slack's identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its address.
    pub url: String,
    /// Timestamp of the card.
    pub card: Option<String>,
    /// Slack identifiers of those whom IMP brought in.
    pub invited: Vec<String>,
    /// Whether it is archived.
    pub archived: bool,
}

/// The ticket.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ticket {
    /// `INC-7`.
    pub key: String,
    /// Jira's number of it.
    pub id: String,
    /// Its address.
    pub url: String,
    /// Jira's name of the status in which it stands, as far as we know.
    pub status: Option<String>,
    /// What both sides agreed on last, by the field's identifier in Jira; what differs from it was changed since.
    #[serde(default)]
    pub agreed: BTreeMap<String, String>,
    /// How often a field of ours was put right after somebody changed it over there.
    #[serde(default)]
    pub repairs: BTreeMap<String, u32>,
    /// The labels that people gave it.
    #[serde(default)]
    pub labels: Vec<String>,
    /// People's comments, with a fingerprint of what each says.
    #[serde(default)]
    pub comments: BTreeMap<String, u64>,
    /// What the two sides do not agree on.
    #[serde(default)]
    pub conflict: Option<Conflict>,
    /// Why it is thought to be gone.
    #[serde(default)]
    pub gone: Option<String>,
}

/// Jira's status and the incident's do not go together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// Jira's name of the ticket's status.
    pub theirs: String,
    /// Jira's category of it.
    pub category: String,
    /// Where the incident would go to follow.
    pub to: Option<String>,
    /// Why it did not follow by itself.
    pub why: String,
    /// Who moved the ticket.
    pub by: Actor,
    /// Since when.
    pub at: At,
}
