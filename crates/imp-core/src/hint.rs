//! What is worth a look: incidents that are open on the same service or beside it, and past ones that were like this.

use crate::{At, Ref};
use serde::{Deserialize, Serialize};

/// Another incident that may help, and why it is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// Which.
    pub reference: Ref,
    /// What was wrong.
    pub title: String,
    /// Why it is named, for people: `same service, same alert`.
    pub why: String,
    /// What kind of help it is.
    pub kind: Kind,
}

/// What kind of help another incident is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// It is open now, on the same service: perhaps the same.
    SameService,
    /// It is open now, on a service beside this one: perhaps the cause, or a consequence.
    Neighbour,
    /// It is open now, and its title has the same words: perhaps the same.
    SameWords,
    /// It is over, it had the same cause on the same service, and what was to keep it from coming back is done: that did
    /// not hold.
    Recurs {
        /// The follow-up that was closed.
        follow_up: String,
        /// When it was opened.
        at: At,
    },
    /// It is over.
    Past {
        /// What repaired it, where that was written down.
        fixed: Option<String>,
        /// Who led it.
        by: Option<String>,
        /// When it was opened.
        at: At,
    },
}

impl Kind {
    /// Whether whoever declares an incident has to say first that theirs is another one.
    pub fn stops_at_the_door(&self) -> bool {
        match self {
            Kind::SameService | Kind::Neighbour => true,
            Kind::SameWords | Kind::Recurs { .. } | Kind::Past { .. } => false,
        }
    }
}
