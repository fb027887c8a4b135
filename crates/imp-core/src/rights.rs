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

/// The least role that may give a command.
pub fn least(command: &Command) -> Role {
    match command {
        Command::Declare { .. }
        | Command::Move { .. }
        | Command::Edit { .. }
        | Command::Assign { .. }
        | Command::Post { .. }
        | Command::AddTask { .. }
        | Command::FinishTask { .. }
        | Command::AddFollowUp { .. }
        | Command::DismissHints { .. }
        | Command::FinishFollowUp { .. }
        | Command::Snooze { .. }
        | Command::Dismiss { .. }
        | Command::WriteReview { .. }
        | Command::Note { .. }
        | Command::Join { .. }
        | Command::Retry { .. }
        | Command::Skip { .. }
        | Command::Settle { .. }
        | Command::Publish { .. } => Role::Responder,
        // Each is asked again by itself when its turn comes.
        Command::Together { wishes } => wishes.iter().map(least).max().unwrap_or(Role::Responder),
        Command::Alert(_)
        | Command::Absorb { .. }
        | Command::Learn { .. }
        | Command::GiveUp { .. }
        | Command::Nudge { .. }
        | Command::Repeat
        | Command::Adopt { .. } => Role::Admin,
    }
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
