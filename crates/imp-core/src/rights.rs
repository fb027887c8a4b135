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
    /// Opens a private incident that they are not in, and says why.
    BreakGlass,
    /// What only IMP's own hands and sources do.
    Machine,
}

/// The table: who may do what. Slack, the console, REST and the command line read it; nothing else says it.
pub const TABLE: [(Right, Role, &str); 16] = [
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
    (
        Right::BreakGlass,
        Role::Admin,
        "Opening a private incident without being in it, with a reason",
    ),
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
        Command::Edit { .. } | Command::TakeProcess { .. } | Command::CorrectTime { .. } => Right::Edit,
        Command::Propose { .. } | Command::Object { .. } | Command::Decide { .. } => Right::Tell,
        Command::Assign { .. } | Command::Accept { .. } | Command::Refuse { .. } => Right::Assign,
        Command::Post { .. } | Command::Note { .. } | Command::Join { .. } => Right::Tell,
        Command::Mark { .. } | Command::Reword { .. } | Command::Unsay { .. } => Right::Tell,
        Command::Leave { .. } => Right::Machine,
        Command::Subscribe { .. } | Command::Unsubscribe { .. } => Right::Tell,
        Command::Rate { .. } => Right::Edit,
        Command::BreakGlass { .. } => Right::BreakGlass,
        Command::Snooze { .. } | Command::Dismiss { .. } | Command::DismissHints { .. } => Right::Tell,
        Command::Publish { .. } | Command::MendPage => Right::Publish,
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
        | Command::TakePage { .. }
        | Command::Learn { .. }
        | Command::GiveUp { .. }
        | Command::Nudge { .. }
        | Command::Repeat
        | Command::PageSeen { .. }
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

    #[test]
    fn glass_is_broken_by_an_administrator_with_a_reason_and_everybody_in_it_sees_that() {
        use crate::event::{Event, Fact};
        use crate::{At, Catalogue, Directory, Door, Envelope, Facts, Process, Ref, Who, decide};
        let process = Process::built_in();
        let (catalogue, directory, can) = (Catalogue::default(), Directory::default(), Default::default());
        let facts = Facts {
            process: &process,
            in_force: &process,
            catalogue: &catalogue,
            directory: &directory,
            next: Ref(1),
            other: None,
            can: &can,
            now: At(1),
            subscriptions: &Default::default(),
            catalogue_comes: false,
        };
        let person = |id: &str| Actor::Person {
            who: Who::slack(id),
            door: Door::Console,
        };
        let wish = |by: Actor, role: Role, command: Command| Envelope {
            id: String::new(),
            by,
            role,
            at: At(1),
            about: Some(Ref(1)),
            command,
        };
        let fold = |i: Option<Incident>, by: Actor, events: Vec<Event>| {
            events.into_iter().fold(i, |i, event| {
                let n = i.as_ref().map_or(0, |i| i.version) + 1;
                let fact = Fact {
                    n,
                    at: At(1),
                    by: by.clone(),
                    event,
                };
                Incident::evolve(i, &fact, &process)
            })
        };
        let declare = Command::Declare {
            title: "A laptop is gone".into(),
            summary: String::new(),
            severity: None,
            service: None,
            team: None,
            private: true,
            members: Vec::new(),
            impact: Default::default(),
        };
        let events = decide(None, &wish(person("U1"), Role::Responder, declare), &facts).expect("declared");
        let i = fold(None, person("U1"), events).expect("an incident");
        let glass = |why: &str| Command::BreakGlass { why: why.into() };
        let tries = |role: Role, why: &str| decide(Some(&i), &wish(person("U2"), role, glass(why)), &facts);
        assert!(tries(Role::Manager, "I want to know").is_err());
        assert!(tries(Role::Admin, " ").is_err_and(|r| r.fields.iter().any(|(f, _)| f == "why")));
        assert!(!may_see(&i, &person("U2"), Role::Admin));
        let events = tries(Role::Admin, "Nobody in it answers").expect("granted");
        let told = crate::story::tell(
            &Fact {
                n: 9,
                at: At(1),
                by: person("U2"),
                event: events[0].clone(),
            },
            &process,
        );
        assert_eq!(
            told.as_deref(),
            Some("U2 was not in it and opened it: Nobody in it answers")
        );
        let i = fold(Some(i), person("U2"), events).expect("an incident");
        assert!(may_see(&i, &person("U2"), Role::Reader));
    }
}
