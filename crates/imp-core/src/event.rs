//! Facts: what has happened to an incident, in the past tense, never edited. The journal is a list of them.

use crate::alert::Alert;
use crate::person::Who;
use crate::{At, Ref};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The service of an incident, as the catalogue had it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceName {
    /// Alias in the catalogue; the word that was given where the catalogue has no such service.
    pub alias: String,
    /// What people call it.
    pub name: String,
    /// Whether the catalogue has it.
    pub known: bool,
}

/// The team of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TeamName {
    /// Alias in the catalogue.
    pub alias: String,
    /// What people call it.
    pub name: String,
    /// Its country, as its tag in the catalogue has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

/// Where a question goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// To a person, directly.
    Person(Who),
    /// To a channel, by its name.
    Channel(String),
    /// To the channel where incidents are announced.
    Announcements,
}

/// Who hears a reminder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listener {
    /// Everybody in the incident's channel.
    Channel,
    /// One person, directly.
    Person(Who),
    /// Nobody: there was no one left to tell.
    Nobody,
}

/// What a hand has learnt from a vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "link", rename_all = "snake_case")]
pub enum Link {
    /// The channel is open.
    Channel {
        /// Slack's identifier.
        id: String,
        /// Its name.
        name: String,
        /// Its address.
        url: String,
    },
    /// The card stands in the channel.
    Card {
        /// The message's timestamp, which is its identifier.
        ts: String,
    },
    /// The announcement stands.
    Announcement {
        /// In which channel.
        channel: String,
        /// The message's timestamp.
        ts: String,
    },
    /// A question has been asked.
    Question {
        /// Which one.
        n: u32,
        /// In which conversation.
        channel: String,
        /// The message's timestamp.
        ts: String,
    },
    /// A message that somebody marked has been read.
    Said {
        /// Its timestamp.
        ts: String,
        /// What it says; empty where it is gone.
        text: String,
        /// Slack's identifier of who said it.
        user: Option<String>,
    },
    /// Pictures of a message that stands on the timeline are kept.
    Pictures {
        /// Slack's identifiers of their files.
        files: Vec<String>,
    },
    /// People have been brought into the channel.
    Members {
        /// Their Slack identifiers.
        slack: Vec<String>,
    },
    /// The channel is archived.
    Archived,
    /// The ticket exists.
    Ticket {
        /// `INC-7`.
        key: String,
        /// Jira's number of it.
        id: String,
        /// The address at which people read it.
        url: String,
    },
    /// The ticket stands in this status now.
    TicketStatus {
        /// Jira's name of it.
        name: String,
    },
    /// These fields of the ticket are as they should be: written by us, or taken over from there.
    TicketAgreed {
        /// What they are, by the field's identifier.
        fields: BTreeMap<String, String>,
    },
    /// A task has been filed below the ticket.
    Task {
        /// Which one.
        n: u32,
        /// Its key.
        key: String,
        /// Its address.
        url: String,
    },
    /// A follow-up has been filed.
    FollowUp {
        /// Which one.
        n: u32,
        /// Its key.
        key: String,
        /// Its address.
        url: String,
    },
    /// The meeting is open.
    Meeting {
        /// Zoom's number of it.
        id: String,
        /// The address at which people join.
        url: String,
    },
    /// The public incident exists.
    Page {
        /// Statuspage's identifier.
        id: String,
        /// Its public address.
        url: String,
    },
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The incident began to exist.
    Opened {
        /// Its reference.
        reference: Ref,
        /// What is wrong.
        title: String,
        /// More about it.
        summary: String,
        /// How bad.
        severity: String,
        /// The status in which it begins.
        status: String,
        /// What is affected.
        service: Option<ServiceName>,
        /// Who owns it.
        team: Option<TeamName>,
        /// Whether only its members may see it.
        private: bool,
        /// Version of the process that it follows.
        process: String,
        /// The edition of that version's file.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        edition: String,
        /// The overlays that hold for it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        overlays: Vec<String>,
    },
    /// It follows this process from now on: a person moved it to another version, or other overlays hold.
    ProcessTaken {
        /// Its version.
        version: String,
        /// The edition of that version's file.
        edition: String,
        /// The overlays that hold.
        overlays: Vec<String>,
        /// The status in which it stands there, where that is another: the next move goes to it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
        /// What was reached by the version of before, which it stays: when it was mitigated, and resolved.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        before: BTreeMap<String, At>,
    },
    /// A group of alerts belongs to it.
    AlertJoined {
        /// The group.
        alert: Alert,
    },
    /// A group that had resolved fires again.
    AlertFired {
        /// Its source.
        source: String,
        /// Its key.
        key: String,
        /// When the source saw it, where it says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        told_at: Option<At>,
    },
    /// A group has resolved.
    AlertCleared {
        /// Its source.
        source: String,
        /// Its key.
        key: String,
        /// When the source saw it, where it says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        told_at: Option<At>,
    },
    /// Somebody is asked whether it is real.
    Asked {
        /// Number of the question, from 1.
        n: u32,
        /// How far along the path: 0 is first.
        level: u32,
        /// Who is asked.
        whom: Target,
        /// Why they and not the one before: no answer, or nobody to be found.
        because: Option<String>,
    },
    /// Nobody is asked while a maintenance window is open.
    Silenced {
        /// Which window of the process.
        window: String,
        /// Why it is there.
        why: String,
        /// Until when.
        until: At,
    },
    /// Nobody is asked yet: the catalogue, which knows whom to ask, is still being read.
    AskingWaits,
    /// It was found to be real.
    Confirmed,
    /// The status changed.
    Moved {
        /// From.
        from: String,
        /// To.
        to: String,
        /// Answers that were given with it.
        fields: BTreeMap<String, String>,
    },
    /// Another incident was merged into this one.
    Absorbed {
        /// The other.
        other: Ref,
        /// Its title.
        title: String,
        /// Its alerts, which are now this one's.
        alerts: Vec<Alert>,
    },
    /// The public incident of one that was merged into this one is this one's now.
    PageTaken {
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
    /// The public incident of one that was merged into this one stays as it is, because this one cannot take it over: a
    /// person sees to it.
    PageLeft {
        /// The other.
        from: Ref,
        /// The public incident's address.
        url: String,
    },
    /// People belong into it by themselves.
    Summoned {
        /// Who.
        who: Vec<Who>,
    },
    /// Somebody joined, or was seen in the channel.
    Joined {
        /// Who.
        who: Who,
    },
    /// The title changed.
    Retitled {
        /// What it is now.
        title: String,
    },
    /// The summary changed.
    Summarised {
        /// What it is now.
        summary: String,
    },
    /// The severity changed.
    SeverityChanged {
        /// What it was.
        from: String,
        /// What it is now.
        to: String,
    },
    /// The service, and with it the team, changed.
    ServiceChanged {
        /// What is affected.
        service: ServiceName,
        /// Who owns it.
        team: Option<TeamName>,
    },
    /// Somebody holds a role now.
    RoleTaken {
        /// Which.
        role: String,
        /// Who.
        who: Who,
        /// Who held it before.
        before: Option<Who>,
    },
    /// A role that somebody holds is offered to somebody else, who has to accept it first.
    RoleOffered {
        /// Number of the offer, from 1.
        n: u32,
        /// Which.
        role: String,
        /// To whom.
        who: Who,
    },
    /// An offer was refused or taken back; whoever held the role still does.
    RoleRefused {
        /// Which.
        role: String,
        /// To whom it was offered.
        who: Who,
    },
    /// Somebody left the channel and still holds roles, or tasks that are not done.
    LeftWithDuties {
        /// Who.
        who: Who,
        /// The roles.
        roles: Vec<String>,
        /// Numbers of the tasks.
        tasks: Vec<u32>,
    },
    /// Somebody follows it.
    Subscribed {
        /// Who.
        who: Who,
        /// The service for whose sake they do, by its alias; none where they asked for this very incident.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<String>,
    },
    /// Somebody follows it no longer.
    Unsubscribed {
        /// Who.
        who: Who,
    },
    /// Questions about the impact were answered.
    Rated {
        /// The answer to each question, by their ids.
        answers: BTreeMap<String, String>,
    },
    /// Somebody who was not in a private incident opened it, and is in it from now on.
    GlassBroken {
        /// Who.
        who: Who,
        /// Why.
        why: String,
    },
    /// A time was put right.
    TimeCorrected {
        /// Which.
        moment: String,
        /// What it was before.
        was: Option<At>,
        /// What it is.
        is: At,
        /// Why.
        why: String,
    },
    /// A decision was proposed.
    DecisionProposed {
        /// Number, from 1.
        n: u32,
        /// What is to be done.
        text: String,
        /// Until when objections are waited for.
        until: At,
    },
    /// Somebody objects to a decision.
    Objected {
        /// To which.
        n: u32,
        /// Why.
        why: String,
    },
    /// A decision is taken.
    DecisionTaken {
        /// Which.
        n: u32,
    },
    /// The public incident says something else than the incident: somebody changed it over there.
    PageDiffers {
        /// In what.
        differs: crate::public::Differs,
    },
    /// The public incident says what the incident does again.
    PageAgrees,
    /// Somebody has the public incident put right.
    PageMended,
    /// An update was written.
    UpdatePosted {
        /// Number, from 1.
        n: u32,
        /// What it says.
        text: String,
    },
    /// Somebody decided to tell the public.
    PagePosted {
        /// Number, from 1; the first opens the public incident.
        n: u32,
        /// The public title.
        title: String,
        /// What it says.
        body: String,
        /// Identifiers of the components affected.
        components: Vec<String>,
    },
    /// A task was added.
    TaskAdded {
        /// Number, from 1.
        n: u32,
        /// What is to be done.
        text: String,
        /// By whom.
        assignee: Option<Who>,
    },
    /// A task is done.
    TaskDone {
        /// Which one.
        n: u32,
    },
    /// A follow-up was added.
    FollowUpAdded {
        /// Number, from 1.
        n: u32,
        /// What is to be done.
        text: String,
        /// Who sees to it.
        owner: Option<Who>,
        /// By which day: `2026-12-01`.
        due: Option<String>,
    },
    /// A follow-up is done.
    FollowUpDone {
        /// Which one.
        n: u32,
    },
    /// Something is overdue, and somebody is reminded.
    Nudged {
        /// Number of the reminder, from 1.
        n: u32,
        /// Which of the process's reminders.
        nudge: String,
        /// Since when it watches what is overdue.
        since: At,
        /// The rung of its ladder, from 0.
        rung: u32,
        /// Who hears it.
        to: Listener,
    },
    /// Somebody asked for quiet about what is overdue.
    NudgeSnoozed {
        /// Which of the process's reminders.
        nudge: String,
        /// Until when.
        until: At,
    },
    /// Somebody said that it is not needed this time.
    NudgeDismissed {
        /// Which of the process's reminders.
        nudge: String,
        /// Why.
        why: String,
    },
    /// Somebody said that other incidents, which were named as worth a look, do not help.
    HintsDismissed {
        /// They.
        others: Vec<Ref>,
    },
    /// The review was written or changed.
    ReviewWritten {
        /// All of it.
        text: String,
    },
    /// Something worth keeping was said in the channel.
    Noted {
        /// What.
        text: String,
        /// The message's timestamp in Slack, where it came from there.
        ts: Option<String>,
        /// Who said it, where that is somebody else than who kept it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        who: Option<Who>,
    },
    /// Somebody marked a message with an agreed emoji: it is to be kept, as soon as it has been read.
    Marked {
        /// The message's timestamp in Slack.
        ts: String,
    },
    /// Something that is kept was said otherwise afterwards; what it said before stays in the story.
    NoteChanged {
        /// The message's timestamp in Slack.
        ts: String,
        /// What it says now.
        text: String,
    },
    /// Something that is kept was deleted in the channel; what it said stays in the story.
    NoteRemoved {
        /// The message's timestamp in Slack.
        ts: String,
    },
    /// A hand has learnt something.
    Linked {
        /// What.
        what: Link,
    },
    /// A vendor refused for good, or there is nothing that a hand can do about it.
    StepFailed {
        /// Key of the effect.
        key: String,
        /// What was to be done, in words.
        what: String,
        /// Why it cannot be.
        why: String,
    },
    /// A step that had failed is tried again, or has been done.
    StepMended {
        /// Key of the effect.
        key: String,
    },
    /// Somebody decided to do without a step.
    StepSkipped {
        /// Key of the effect.
        key: String,
        /// Why.
        why: String,
    },
    /// The ticket was moved by somebody in Jira.
    TicketMoved {
        /// Jira's name of the status.
        name: String,
    },
    /// Somebody put labels on the ticket, or took some away.
    TicketLabelled {
        /// All that are not IMP's.
        labels: Vec<String>,
    },
    /// Somebody wrote a comment into the ticket, or edited theirs.
    Commented {
        /// Jira's number of it.
        id: String,
        /// What it says.
        text: String,
        /// Whether it was there before.
        edited: bool,
    },
    /// Somebody deleted a comment of theirs.
    CommentRemoved {
        /// Jira's number of it.
        id: String,
    },
    /// An answer that a move had been given was changed.
    Answered {
        /// The process's field.
        field: String,
        /// What it says now; empty: nothing any more.
        value: String,
    },
    /// Nobody holds a role any more.
    RoleLeft {
        /// Which.
        role: String,
        /// Who held it.
        who: Who,
    },
    /// Jira and the incident say different things, and a person has to decide.
    ConflictFound {
        /// Jira's name of the ticket's status.
        theirs: String,
        /// Jira's category of it.
        category: String,
        /// Where the incident would go to follow; none where the process knows no way.
        to: Option<String>,
        /// Why it did not follow by itself.
        why: String,
    },
    /// Somebody decided, or both agree again.
    ConflictSettled {
        /// Whether the incident followed Jira; else Jira follows the incident.
        followed: bool,
    },
    /// It was brought in from another place's history, where it had been lived through.
    BackFilled {
        /// By what it is known there: brought in again, it is the same one.
        key: String,
        /// The times that came with it: `started`, `detected`, `acknowledged`, `mitigated`, `resolved`, `closed`.
        moments: BTreeMap<String, At>,
    },
    /// The ticket is gone: deleted, or out of our sight.
    TicketGone {
        /// Why we think so.
        why: String,
    },
}

/// A fact with its place in the journal: which number of the incident's, when, by whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// Number within the incident, from 1.
    pub n: u64,
    /// When.
    pub at: At,
    /// By whom.
    pub by: crate::Actor,
    /// What.
    pub event: Event,
}
