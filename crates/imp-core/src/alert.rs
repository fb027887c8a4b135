//! An alert as every source's reading yields it, and what an incident remembers of it.

use crate::At;
use crate::catalogue::Reference;
use serde::{Deserialize, Serialize};

/// One group of alerts from one source, as it just came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The source's name in the address: `alertmanager`.
    pub source: String,
    /// The source's own key of the group, else its fingerprint: what makes it the same again.
    pub key: String,
    /// `false` once it has resolved.
    pub firing: bool,
    /// What is wrong, in a line.
    pub title: String,
    /// More about it.
    pub detail: Option<String>,
    /// The source's own word for how bad it is.
    pub severity: Option<String>,
    /// Names that may be the service's, best first.
    pub service_hints: Vec<String>,
    /// Since when.
    pub since: Option<At>,
    /// When the source saw it so, where it says; a delivery that was overtaken is older than what is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<At>,
    /// How many alerts the group holds.
    pub count: u32,
    /// Where to look: runbook, dashboard, the source itself.
    pub links: Vec<Reference>,
    /// Its labels, for people to read.
    pub labels: Vec<(String, String)>,
}

/// What an incident remembers of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertState {
    /// The group as it first came in.
    pub alert: Alert,
    /// Whether it fires now.
    pub firing: bool,
    /// When it last changed between the two.
    pub changed_at: At,
    /// When the source saw it as it is now, where it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<At>,
}

/// How many of them still fire, as a phrase; none where none does.
pub fn firing(all: &[AlertState]) -> Option<String> {
    match all.iter().filter(|a| a.firing).count() {
        0 => None,
        1 => Some("1 alert still fires".to_owned()),
        n => Some(format!("{n} alerts still fire")),
    }
}

/// How they stand, as a sentence; none where there are none.
pub fn standing(all: &[AlertState]) -> Option<String> {
    match firing(all) {
        _ if all.is_empty() => None,
        None => Some("All its alerts have resolved.".to_owned()),
        Some(phrase) => Some(format!("{phrase}.")),
    }
}
