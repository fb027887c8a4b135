//! Who may do what: one table that Slack, the console, REST and the command line ask.

use crate::{Actor, Command, Incident};
use serde::{Deserialize, Serialize};

/// What somebody may do; each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Reader,
    /// Declares, answers, moves, updates.
    Responder,
    /// As a responder; what only commanders may do comes with teams' own rules.
    Commander,
    /// As a commander.
    Manager,
    /// Everything.
    Admin,
}

impl Role {
    /// The role with this name.
    pub fn parse(name: &str) -> Option<Role> {
        Some(match name {
            "reader" => Role::Reader,
            "responder" => Role::Responder,
            "commander" => Role::Commander,
            "manager" => Role::Manager,
            "admin" => Role::Admin,
            _ => return None,
        })
    }

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Responder => "responder",
            Role::Commander => "commander",
            Role::Manager => "manager",
            Role::Admin => "admin",
        }
    }
}

/// Something that somebody may or may not do: a row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Right {
    /// Looks at incidents, services, teams, the process, numbers and deliveries.
    Look,
    /// Declares an incident.
    Declare,
    /// Moves one, and settles what Jira says otherwise.
    Move,
    /// Changes what one says of itself.
    Edit,
    /// Gives a role.
    Assign,
    /// Writes updates and notes, takes people in.
    Tell,
    /// Tells the public.
    Publish,
    /// Adds and finishes tasks.
    Task,
    /// Writes the review and its follow-ups.
    Review,
    /// Has a delivery tried again, or does without it.
    Deliver,
    /// Looks at the audit log.
    Audit,
    /// Makes a service, and takes one back.
    Shape,
    /// Brings history in.
    Import,
    /// Sees who is signed in, and ends their sessions.
    Sessions,
    /// What only IMP's own hands and sources do.
    Machine,
}

/// The table: who may do what. Slack, the console, REST and the command line read it; nothing else says it.
pub const TABLE: [(Right, Role, &str); 15] = [
    (Right::Look, Role::Reader, "Looking"),
    (Right::Declare, Role::Responder, "Declaring an incident"),
    (Right::Move, Role::Responder, "Moving an incident"),
    (Right::Edit, Role::Responder, "Changing an incident"),
    (Right::Assign, Role::Responder, "Giving a role"),
    (Right::Tell, Role::Responder, "Writing an update"),
    (Right::Publish, Role::Responder, "Telling the public"),
    (Right::Task, Role::Responder, "Adding or finishing a task"),
    (Right::Review, Role::Responder, "Writing the review"),
    (
        Right::Deliver,
        Role::Responder,
        "Trying a delivery again, or doing without it",
    ),
    (Right::Shape, Role::Responder, "Making a service"),
    (Right::Audit, Role::Manager, "Looking at the audit log"),
    (Right::Import, Role::Manager, "Bringing history in"),
    (Right::Sessions, Role::Admin, "Seeing and ending sessions"),
    (Right::Machine, Role::Admin, "Doing what machines do"),
];

impl Right {
    fn row(self) -> &'static (Right, Role, &'static str) {
        // A test says that every right has its row; the first is the least that anybody needs.
        TABLE
            .iter()
            .find(|(r, _, _)| *r == self)
            .unwrap_or(&TABLE[TABLE.len() - 1])
    }

    /// The least role that has it.
    pub fn least(self) -> Role {
        self.row().1
    }

    /// What it is, at the beginning of a sentence.
    pub fn words(self) -> &'static str {
        self.row().2
    }
}

/// Whether a role has a right.
pub fn allows(role: Role, right: Right) -> bool {
    role >= right.least()
}

/// The right that a command needs; one of several wishes needs the rarest of theirs.
pub fn right(command: &Command) -> Right {
    match command {
        Command::Declare { .. } => Right::Declare,
        Command::Move { .. } | Command::Settle { .. } => Right::Move,
        Command::Edit { .. } => Right::Edit,
        Command::Assign { .. } | Command::Accept { .. } | Command::Refuse { .. } => Right::Assign,
        Command::Post { .. } | Command::Note { .. } | Command::Join { .. } => Right::Tell,
        Command::Mark { .. } | Command::Reword { .. } | Command::Unsay { .. } => Right::Tell,
        Command::Leave { .. } => Right::Machine,
        Command::Snooze { .. } | Command::Dismiss { .. } | Command::DismissHints { .. } => Right::Tell,
        Command::Publish { .. } => Right::Publish,
        Command::AddTask { .. } | Command::FinishTask { .. } => Right::Task,
        Command::AddFollowUp { .. } | Command::FinishFollowUp { .. } | Command::WriteReview { .. } => Right::Review,
        Command::Retry { .. } | Command::Skip { .. } => Right::Deliver,
        // Each is asked again by itself when its turn comes.
        Command::Together { wishes } => wishes
            .iter()
            .map(right)
            .max_by_key(|r| r.least())
            .unwrap_or(Right::Tell),
        Command::Alert(_)
        | Command::Absorb { .. }
        | Command::Learn { .. }
        | Command::GiveUp { .. }
        | Command::Nudge { .. }
        | Command::Repeat
        | Command::Adopt { .. } => Right::Machine,
    }
}

/// The least role that may give a command.
pub fn least(command: &Command) -> Role {
    right(command).least()
}

/// Whether somebody may see an incident. A private one is for its members, for IMP's own hands, and for a token of an
/// administrator.
pub fn may_see(incident: &Incident, by: &Actor, role: Role) -> bool {
    if !incident.private {
        return true;
    }
    match by {
        Actor::Imp | Actor::Source { .. } | Actor::Jira { .. } => true,
        Actor::Token { .. } => role == Role::Admin,
        Actor::Person { who, .. } => incident.has_member(who),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_right_has_one_row() {
        for (n, (right, _, words)) in TABLE.iter().enumerate() {
            assert_eq!(TABLE.iter().position(|(r, _, _)| r == right), Some(n), "{right:?}");
            assert!(!words.is_empty());
        }
        // Rows that the list of all rights below does not name would be found by the compiler in `right`.
        assert_eq!(Right::Machine as usize + 1, TABLE.len());
    }
}
