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
        /// Answers to the process's questions about the impact, by their ids; given, they say how bad it is.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        impact: BTreeMap<String, String>,
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
    /// Accept a role that was offered.
    Accept {
        /// Which.
        role: String,
    },
    /// Refuse a role that was offered, or take the offer back.
    Refuse {
        /// Which.
        role: String,
    },
    /// Somebody has left the channel.
    Leave {
        /// Who.
        who: Who,
    },
    /// Follow it without being in it.
    Subscribe {
        /// Who.
        who: Who,
    },
    /// Follow it no longer.
    Unsubscribe {
        /// Who.
        who: Who,
    },
    /// Answer the process's questions about the impact; they say how bad it is.
    Rate {
        /// The answer to each question, by their ids.
        answers: BTreeMap<String, String>,
    },
    /// Open a private incident that one is not in.
    BreakGlass {
        /// Why.
        why: String,
    },
    /// Follow the version of the process that is in force, instead of the one that it began with.
    TakeProcess {
        /// Where it stands there, in case that its own status is not there.
        status: Option<String>,
    },
    /// Put a time right that numbers are made of.
    CorrectTime {
        /// Which: `started`, `detected`, `acknowledged`, `mitigated`, `resolved`.
        moment: String,
        /// What it was in truth.
        to: At,
        /// Why it was wrong.
        why: String,
    },
    /// Propose a decision: without a strong objection it is taken.
    Propose {
        /// What is to be done.
        text: String,
    },
    /// Object to a decision.
    Object {
        /// Which one.
        n: u32,
        /// Why.
        why: String,
    },
    /// Take a decision now.
    Decide {
        /// Which one.
        n: u32,
    },
    /// The public incident was looked at.
    PageSeen {
        /// In what it differs from the incident; none where both say the same.
        differs: Option<crate::public::Differs>,
    },
    /// Make the public incident say what the incident does.
    MendPage,
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
    /// A follow-up is done.
    FinishFollowUp {
        /// Which one.
        n: u32,
    },
    /// Ask for quiet about something that is overdue, for as long as the process says.
    Snooze {
        /// Which of the process's reminders.
        nudge: String,
    },
    /// Say that what a reminder asks for is not needed this time.
    Dismiss {
        /// Which of the process's reminders.
        nudge: String,
        /// Why.
        why: String,
    },
    /// Say that other incidents, which were named as worth a look, do not help.
    DismissHints {
        /// They.
        others: Vec<Ref>,
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
    /// Somebody marked a message with an emoji.
    Mark {
        /// The message's timestamp in Slack.
        ts: String,
        /// The emoji's short code, without colons.
        emoji: String,
    },
    /// A message of the channel was edited.
    Reword {
        /// Its timestamp in Slack.
        ts: String,
        /// What it says now.
        text: String,
    },
    /// A message of the channel was deleted.
    Unsay {
        /// Its timestamp in Slack.
        ts: String,
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
        /// Who was in it.
        people: Vec<Who>,
    },
    /// The public incident of another that was merged into this one is this one's from now on.
    TakePage {
        /// The other.
        from: Ref,
        /// Its identifier on the page.
        id: String,
        /// Its address.
        url: String,
        /// Its public title.
        title: String,
        /// What the public was last told.
        body: String,
        /// All components that were named.
        components: Vec<String>,
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
        /// What was read of which field; none where the change is told apart in another way.
        seen: Option<Seen>,
    },
    /// Settle a conflict between the ticket and the incident.
    Settle {
        /// Whether the incident follows Jira; else Jira follows the incident.
        follow: bool,
        /// Answers to what the way there asks.
        fields: BTreeMap<String, String>,
    },
    /// Make everything that others show of it look like it once more, in case that somebody broke it by hand.
    Repeat,
}

/// What was read of a field of the ticket. A change is taken over only while the field is still agreed on as it was
/// before the reading; else it is read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The field's identifier in Jira.
    pub field: String,
    /// What both sides had agreed on when it was read.
    pub base: Option<String>,
    /// What it is in Jira now.
    pub value: String,
}

/// What somebody changed in the ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum RecordChange {
    /// Nobody changed it: Jira filled it in, or it is what we wrote. It is only taken down.
    Baseline,
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
        /// Who it is now; none: nobody.
        who: Option<Who>,
    },
    /// The status.
    Status {
        /// Jira's name of it.
        name: String,
        /// Jira's category of it: `new`, `indeterminate` or `done`.
        category: String,
    },
    /// The labels that are not IMP's.
    Labels {
        /// All of them.
        labels: Vec<String>,
    },
    /// A comment was written or edited.
    Comment {
        /// Jira's number of it.
        id: String,
        /// What it says.
        text: String,
    },
    /// A comment was deleted.
    CommentRemoved {
        /// Jira's number of it.
        id: String,
    },
    /// A configured custom field.
    Custom {
        /// What it stands for, by the name in `[jira.fields]`.
        fact: String,
        /// What it is now.
        value: String,
    },
    /// A task was finished over there.
    TaskDone {
        /// Which one.
        n: u32,
    },
    /// The ticket is gone, or may no longer be seen.
    Gone {
        /// Why.
        why: String,
    },
    /// The ticket is where it is: under this key, perhaps a new one.
    Found {
        /// Its key.
        key: String,
        /// Jira's number of it.
        id: String,
        /// Its address.
        url: String,
    },
}
