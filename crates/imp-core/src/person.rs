//! People as incidents know them, and who or what acts.

use serde::{Deserialize, Serialize};

/// A person by whatever is known of them; two are the same when an address or a Slack identifier agrees.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Who {
    /// Slack's identifier: `U0A4M2HB1G1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<String>,
    /// The e-mail address, which other vendors know them by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Who {
    /// Somebody known by their Slack identifier alone.
    pub fn slack(id: impl Into<String>) -> Who {
        Who {
            slack: Some(id.into()),
            ..Who::default()
        }
    }

    /// Somebody known by their e-mail address alone.
    pub fn email(address: impl Into<String>) -> Who {
        Who {
            email: Some(address.into()),
            ..Who::default()
        }
    }

    /// Whether both are the same person.
    pub fn is(&self, other: &Who) -> bool {
        let same = |a: &Option<String>, b: &Option<String>| match (a, b) {
            (Some(a), Some(b)) => Some(a.eq_ignore_ascii_case(b)),
            _ => None,
        };
        same(&self.slack, &other.slack)
            .or_else(|| same(&self.email, &other.email))
            .unwrap_or(false)
    }

    /// What to call them where nothing can be linked: name, else address, else identifier.
    pub fn label(&self) -> &str {
        self.name
            .as_deref()
            .or(self.email.as_deref())
            .or(self.slack.as_deref())
            .unwrap_or("somebody")
    }
}

/// Through which door a wish came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Slack: a command, a button, a form.
    Slack,
    /// The REST API or the command line.
    Rest,
    /// The web console.
    Console,
}

/// Who or what acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// A person, through a door.
    Person {
        /// Who.
        who: Who,
        /// By which door.
        door: Door,
    },
    /// A program with an API token.
    Token {
        /// The token's name in the configuration.
        name: String,
    },
    /// A monitoring system.
    Source {
        /// Its name in the address: `alertmanager`.
        name: String,
    },
    /// Jira, where somebody changed the ticket.
    Jira {
        /// Who changed it there, if it says so.
        who: Option<Who>,
    },
    /// IMP itself: a timer, a hand that reports.
    Imp,
}

impl Actor {
    /// The person behind it, if there is one.
    pub fn who(&self) -> Option<&Who> {
        match self {
            Actor::Person { who, .. } => Some(who),
            Actor::Jira { who } => who.as_ref(),
            Actor::Token { .. } | Actor::Source { .. } | Actor::Imp => None,
        }
    }

    /// What to call it in a sentence.
    pub fn label(&self) -> String {
        match self {
            Actor::Person { who, .. } => who.label().to_owned(),
            Actor::Token { name } => name.clone(),
            Actor::Source { name } => name.clone(),
            Actor::Jira { who } => who
                .as_ref()
                .map_or("Jira".to_owned(), |w| format!("{} in Jira", w.label())),
            Actor::Imp => "IMP".to_owned(),
        }
    }
}
