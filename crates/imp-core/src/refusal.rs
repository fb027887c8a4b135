//! What a person is told when a wish cannot be granted: what is missing, and what is allowed instead.

use serde::Serialize;

/// Why a command was refused. A person can mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// What kind of refusal.
    pub kind: Kind,
    /// One or two sentences: what, where, what to do.
    pub message: String,
    /// Fields that are missing or wrong, with what to say beside each.
    pub fields: Vec<(String, String)>,
    /// Statuses that are allowed from here.
    pub allowed: Vec<Allowed>,
}

/// A move that is possible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Allowed {
    /// The status.
    pub status: String,
    /// The button's words.
    pub label: String,
    /// What it would still need.
    pub requires: Vec<String>,
}

/// Kinds of refusal; each door has its own way to say them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// There is no such incident, or none that the asker may see.
    Unknown,
    /// What was given is not usable.
    Invalid,
    /// It does not fit where the incident stands.
    Conflict,
    /// Somebody else would have to do it.
    Forbidden,
    /// The same key was used for another call.
    KeyReused,
    /// It has changed since the asker looked.
    Changed,
}

impl Refusal {
    /// A refusal without fields.
    pub fn new(kind: Kind, message: impl Into<String>) -> Refusal {
        Refusal {
            kind,
            message: message.into(),
            fields: Vec::new(),
            allowed: Vec::new(),
        }
    }

    /// What was given in one field is not usable.
    pub fn field(field: &str, message: impl Into<String>) -> Refusal {
        let message = message.into();
        Refusal {
            kind: Kind::Invalid,
            fields: vec![(field.to_owned(), message.clone())],
            message,
            allowed: Vec::new(),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}
