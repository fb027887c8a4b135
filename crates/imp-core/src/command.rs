//! Wishes: what people, alerts, timers and hands ask for, in the imperative.

use crate::alert::Alert;
use crate::effect::Timer;
use crate::event::Link;
use crate::person::{Actor, Who};
use crate::{At, Ref, Role};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A wish with who, when, about what, and the identifier that makes a repeated delivery the same wish.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// The same for every delivery of one wish.
    pub id: String,
    /// Who or what asks.
    pub by: Actor,
    /// What they may do.
    pub role: Role,
    /// When it came in.
    pub at: At,
    /// Which incident it is about; none for a declaration, and for an alert until its incident is found.
    pub about: Option<Ref>,
    /// What is asked.
    pub command: Command,
}

/// A wish.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Take note of an alert.
    Alert(Box<Alert>),
    /// Begin an incident.
    Declare {
        /// What is wrong.
        title: String,
        /// More about it.
        summary: String,
        /// How bad; the process's default where it is not said.
        severity: Option<String>,
        /// What is affected: an alias or name.
        service: Option<String>,
        /// Who owns it, where it is not the service's team.
        team: Option<String>,
        /// Whether only its members may see it.
        private: bool,
        /// Who else should be in it.
        members: Vec<Who>,
    },
    /// Move it to another status.
    Move {
        /// To which.
        to: String,
        /// Answers to what the move asks.
        fields: BTreeMap<String, String>,
    },
    /// Change what it says of itself; what is left out stays.
    Edit {
        /// What is wrong.
        title: Option<String>,
        /// More about it.
        summary: Option<String>,
        /// How bad.
        severity: Option<String>,
        /// What is affected.
        service: Option<String>,
    },
    /// Give somebody a role.
    Assign {
        /// Which.
        role: String,
        /// Who.
        who: Who,
    },
    /// Write an update for those who work on it.
    Post {
        /// What it says.
        text: String,
    },
    /// Tell the public.
    Publish {
        /// The public title; the incident's where it is empty.
        title: String,
        /// What it says.
        body: String,
        /// Identifiers of the components affected.
        components: Vec<String>,
    },
    /// Add a task.
    AddTask {
        /// What is to be done.
        text: String,
        /// By whom.
        assignee: Option<Who>,
    },
    /// A task is done.
    FinishTask {
        /// Which one.
        n: u32,
    },
    /// Add a follow-up.
    AddFollowUp {
        /// What is to be done.
        text: String,
        /// Who sees to it.
        owner: Option<Who>,
        /// By which day: `2026-12-01`.
        due: Option<String>,
    },
    /// Write the review.
    WriteReview {
        /// All of it.
        text: String,
    },
    /// Keep something that was said.
    Note {
        /// What.
        text: String,
        /// The message's timestamp in Slack.
        ts: Option<String>,
    },
    /// Take somebody in.
    Join {
        /// Who.
        who: Who,
    },
    /// Try a failed step again.
    Retry {
        /// Key of the effect.
        key: String,
    },
    /// Do without a failed step.
    Skip {
        /// Key of the effect.
        key: String,
        /// Why.
        why: String,
    },
    /// Another incident was merged into this one.
    Absorb {
        /// The other.
        other: Ref,
        /// Its title.
        title: String,
        /// Its alerts.
        alerts: Vec<Alert>,
    },
    /// A hand has learnt something.
    Learn {
        /// Key of the effect.
        key: String,
        /// What.
        links: Vec<Link>,
    },
    /// A hand cannot do it.
    GiveUp {
        /// Key of the effect.
        key: String,
        /// What was to be done, in words.
        what: String,
        /// Why it cannot be.
        why: String,
    },
    /// A timer has come due.
    Nudge {
        /// Which.
        timer: Timer,
    },
    /// Several wishes about one incident, in order: all of them or none.
    Together {
        /// They.
        wishes: Vec<Command>,
    },
    /// Somebody changed the ticket in Jira.
    Adopt {
        /// What they changed.
        change: RecordChange,
    },
}

/// What somebody changed in the ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum RecordChange {
    /// The summary.
    Summary {
        /// What it is now.
        text: String,
    },
    /// The priority.
    Priority {
        /// Jira's name of it.
        name: String,
    },
    /// The assignee.
    Assignee {
        /// Who it is now.
        who: Who,
    },
    /// The status.
    Status {
        /// Jira's name of it.
        name: String,
    },
    /// A comment was written.
    Comment {
        /// What it says.
        text: String,
    },
}
