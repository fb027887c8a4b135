//! The process: statuses, moves, fields, severities, roles and steps, parsed once into something that cannot be wrong.

pub mod alerts;
mod check;
mod fault;
pub mod graph;
pub mod hours;
pub mod overlay;
mod play;
pub mod schema;
pub mod shape;
#[cfg(test)]
mod tests;

pub use fault::{Fault, Faults, FileNews};

use crate::At;
use crate::catalogue::Reference;
use crate::moment::Span;
use crate::words;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The text of the built-in process.
pub const BUILT_IN: &str = include_str!("../../../process/built-in.toml");

/// An organisation's process. Made by [`Process::parse`] alone, so every name in it is known.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// What people call it.
    pub name: String,
    /// Its version; an incident remembers the one it began with.
    pub version: String,
    /// Lengths of time.
    pub timing: Timing,
    /// How the incident's channel is named.
    pub channel: ChannelName,
    /// Where an incident can stand, in order.
    #[serde(rename = "status")]
    pub statuses: Vec<Status>,
    /// How it gets from one status to another, in the order of the buttons.
    #[serde(rename = "move")]
    pub moves: Vec<Move>,
    /// What a move may ask.
    #[serde(rename = "field", default)]
    pub fields: Vec<Field>,
    /// How bad it can be, worst first.
    #[serde(rename = "severity")]
    pub severities: Vec<Severity>,
    /// The severity of an incident that says nothing of it.
    pub severity_default: SeverityDefault,
    /// Who does what.
    #[serde(rename = "role", default)]
    pub roles: Vec<Role>,
    /// Whom an alert asks.
    pub escalation: Escalation,
    /// What follows an event by itself.
    #[serde(rename = "step", default)]
    pub steps: Vec<StepRule>,
    /// Reminders of what is overdue.
    #[serde(rename = "nudge", default)]
    pub nudges: Vec<Nudge>,
    /// How reminders behave.
    #[serde(default)]
    pub nudging: Nudging,
    /// Questions about the impact, from whose answers the severity follows.
    #[serde(default)]
    pub impact: Vec<Impact>,
    /// Whose alerts are, and how bad; the first that takes one holds.
    #[serde(rename = "route", default)]
    pub routes: Vec<alerts::Route>,
    /// Times in which nobody is asked.
    #[serde(rename = "window", default)]
    pub windows: Vec<alerts::Window>,
    /// Who is on call where the catalogue knows nobody.
    #[serde(rename = "schedule", default)]
    pub schedules: Vec<alerts::Schedule>,
    /// What of the channel is kept.
    #[serde(default)]
    pub timeline: Timeline,
    /// When people work, by country.
    #[serde(default)]
    pub hours: Vec<hours::Hours>,
    /// What the process of one team, tier or country has besides.
    #[serde(rename = "overlay", default)]
    pub overlays: Vec<overlay::Overlay>,
    /// A print of what the file says: two files that say the same are one edition. Empty where it came from no file.
    #[serde(skip)]
    pub edition: String,
    /// The file.
    #[serde(skip)]
    pub source: Arc<str>,
    /// The overlays that are laid on it.
    #[serde(skip)]
    pub laid: Vec<String>,
    /// The process without them.
    #[serde(skip)]
    base: Option<Arc<Process>>,
}

/// What of the channel is kept on the timeline, besides what is pinned.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeline {
    /// Short codes, without colons: a message that anybody marks with one of them is kept.
    #[serde(default)]
    pub emoji: Vec<String>,
}

/// What a reminder watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watch {
    /// Nobody is commander while it is worked on; since it was confirmed.
    NoCommander,
    /// No update was written for longer than the severity's `update_every`.
    NoUpdate,
    /// The public has been told, and has heard nothing more since.
    NoPublicPost,
    /// It is over for users and stays where it is; since it came there.
    ReviewWaits,
    /// A follow-up's day is over and it is not done.
    FollowUpLate,
    /// The public incident says something else than the incident, since that was seen.
    PageDiffers,
}

/// Who hears a reminder, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// The incident's channel.
    Channel,
    /// The commander, directly.
    Commander,
    /// Who has the role `communications`, directly.
    Communications,
    /// The owning team's manager, directly.
    Manager,
    /// The owner of the follow-up that is late, directly.
    Owner,
}

/// A reminder of something overdue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nudge {
    /// `update`.
    pub id: String,
    /// What it watches.
    pub when: Watch,
    /// How long that may be so before it is late.
    pub after: Span,
    /// What people read.
    pub text: String,
    /// Who hears it, one after the other; after the last nobody does.
    pub ladder: Vec<Rung>,
    /// How long before the next on the ladder hears it.
    pub again: Span,
    /// What is done with it while nobody works.
    #[serde(default)]
    pub outside_hours: OutsideHours,
}

/// What is done with a reminder that comes due while nobody works in the owning team's country.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutsideHours {
    /// It waits until somebody does.
    #[default]
    Wait,
    /// It is told all the same: what it is about cannot wait.
    Tell,
}

/// How reminders behave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Nudging {
    /// The least time between two reminders of one incident.
    pub apart: Span,
    /// How many reminders an incident may have in a day.
    pub per_day: u32,
    /// How long *Snooze* keeps one quiet.
    pub snooze: Span,
}

impl Default for Nudging {
    fn default() -> Nudging {
        Nudging {
            apart: Span(10 * 60_000),
            per_day: 8,
            snooze: Span(30 * 60_000),
        }
    }
}

/// Lengths of time of the process.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// Alert groups of one service within this time join the same triage.
    pub group_window: Span,
    /// After this without an answer the next on the path is asked.
    pub answer_within: Span,
    /// A triage whose alerts have all resolved and that nobody answered is declined after this.
    pub triage_expires: Span,
    /// How long the channel of a closed incident stays open.
    pub archive_after: Span,
    /// How long objections to a decision are waited for.
    #[serde(default = "object_within")]
    pub object_within: Span,
}

fn object_within() -> Span {
    Span(5 * 60_000)
}

/// How the incident's channel is named.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelName {
    /// `{date}` (yyyymmdd), `{slug}` (of the title), `{ref}` and `{service}` are filled in.
    pub name: String,
}

/// Where an incident stands in the large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Asked, not confirmed.
    Triage,
    /// Being worked on.
    Active,
    /// Over for users; the learning goes on.
    After,
    /// Finished.
    Done,
}

impl Category {
    /// Whether an incident in it is open: something that others can be merged into.
    pub fn is_open(self) -> bool {
        matches!(self, Category::Triage | Category::Active)
    }

    /// The word under which it is stored: `triage`, `active`, `after`, `done`.
    pub fn word(self) -> &'static str {
        match self {
            Category::Triage => "triage",
            Category::Active => "active",
            Category::After => "after",
            Category::Done => "done",
        }
    }
}

/// One status.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// `investigating`.
    pub id: String,
    /// `Investigating`.
    pub label: String,
    /// Slack's short code of its emoji.
    #[serde(default)]
    pub emoji: String,
    /// Where it stands in the large.
    pub category: Category,
    /// One sentence.
    pub meaning: String,
    /// What to do now.
    #[serde(default)]
    pub guidance: Vec<String>,
    /// Where to look.
    #[serde(default)]
    pub references: Vec<Reference>,
    /// The name of Jira's status, where it is neither the same word nor the usual one of the category.
    #[serde(default)]
    pub record: Option<String>,
}

/// How a button looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// As any other.
    #[default]
    Plain,
    /// The usual next step.
    Primary,
    /// Think first.
    Danger,
}

/// One way from statuses to a status.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// From any of these.
    pub from: Vec<String>,
    /// To this one.
    pub to: String,
    /// The button's words.
    pub label: String,
    /// How the button looks.
    #[serde(default)]
    pub style: Style,
    /// Fields without which it is refused.
    #[serde(default)]
    pub requires: Vec<String>,
    /// Fields that it also takes where somebody gives them.
    #[serde(default)]
    pub asks: Vec<String>,
}

impl Move {
    /// Whether it makes the incident one with another, which it asks for.
    pub fn merges(&self) -> bool {
        self.requires.iter().any(|f| f == "into")
    }
}

/// What kind of answer a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// A line.
    Text,
    /// Several lines.
    LongText,
    /// Another incident's reference.
    Incident,
    /// Any of a list.
    Choices,
}

/// Something that a move asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// `resolution`.
    pub id: String,
    /// The question.
    pub label: String,
    /// Help below it.
    #[serde(default)]
    pub hint: Option<String>,
    /// What kind of answer it takes.
    pub kind: FieldKind,
    /// The list, where any of one may be chosen. An answer names them with commas between: `A change, Capacity`.
    #[serde(default)]
    pub choices: Vec<String>,
    /// Statuses on whose entry the old answer no longer holds.
    #[serde(default)]
    pub forget_on: Vec<String>,
}

impl Field {
    /// An answer as it is kept: cleaned, and of a list each choice as the process writes it, in its order, once.
    ///
    /// # Errors
    /// What is none of the list, and what is in it.
    pub fn answer(&self, given: &str) -> Result<String, String> {
        match self.kind {
            FieldKind::LongText => Ok(words::text(given)),
            FieldKind::Text | FieldKind::Incident => Ok(words::title(given)),
            FieldKind::Choices => {
                let given: Vec<&str> = chosen(given).collect();
                let same = |choice: &String, g: &str| words::folded(choice) == words::folded(g);
                if let Some(unknown) = given.iter().find(|g| !self.choices.iter().any(|c| same(c, g))) {
                    let unknown = words::cut(unknown, 40);
                    return Err(format!("{unknown:?} is none of {}.", words::list(&self.choices)));
                }
                let picked = self.choices.iter().filter(|c| given.iter().any(|g| same(c, g)));
                Ok(picked.map(String::as_str).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// The choices that an answer names.
pub fn chosen(answer: &str) -> impl Iterator<Item = &str> {
    answer.split(',').map(str::trim).filter(|c| !c.is_empty())
}

/// Whom a severity invites, and whom an alert asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Invitee {
    /// Who is on call for the service.
    OnCall,
    /// The members of the owning team.
    Team,
    /// The owning team's manager.
    Manager,
    /// The owning team's channel (asked, not invited).
    TeamChannel,
    /// Who is on call by each of the process's schedules, one after the other.
    Schedule,
}

impl Invitee {
    /// Who that is, in words.
    pub fn words(self) -> &'static str {
        match self {
            Invitee::OnCall => "who is on call",
            Invitee::Team => "the team",
            Invitee::Manager => "the team's manager",
            Invitee::TeamChannel => "the team's channel",
            Invitee::Schedule => "the schedules",
        }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Severity {
    /// `SEV1`.
    pub id: String,
    /// `Critical`.
    pub label: String,
    /// Slack's short code of its emoji.
    #[serde(default)]
    pub emoji: String,
    /// One sentence.
    pub meaning: String,
    /// Jira's priority.
    pub priority: String,
    /// Who comes into the channel by themselves.
    #[serde(default)]
    pub invite: Vec<Invitee>,
    /// How often an update is due.
    #[serde(default)]
    pub update_every: Option<Span>,
    /// Words for it in alerts.
    #[serde(default)]
    pub alerts: Vec<String>,
    /// What to do now because it is that bad.
    #[serde(default)]
    pub guidance: Vec<String>,
    /// Where to look because it is that bad.
    #[serde(default)]
    pub references: Vec<Reference>,
}

/// A question about the impact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Impact {
    /// `users`.
    pub id: String,
    /// The question.
    pub label: String,
    /// What can be answered.
    #[serde(rename = "answer")]
    pub answers: Vec<ImpactAnswer>,
}

/// An answer to a question about the impact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImpactAnswer {
    /// `most`.
    pub id: String,
    /// What people read.
    pub label: String,
    /// How bad it is at least, if that is so.
    pub severity: String,
}

/// The severity of an incident that says nothing of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeverityDefault {
    /// One that a person declares.
    pub declared: String,
    /// One that an alert raises.
    pub alert: String,
}

/// A role.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// `commander`.
    pub id: String,
    /// `Commander`.
    pub label: String,
    /// What the holder does.
    pub instructions: String,
    /// What the holder does first, a line each.
    #[serde(default)]
    pub guidance: Vec<String>,
    /// Where the holder looks.
    #[serde(default)]
    pub references: Vec<Reference>,
}

/// Whom an alert asks, one after the other.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// The path. Where nobody can be found, the announcement channel is asked.
    pub path: Vec<Invitee>,
    /// The last resort, after the announcement channel: an e-mail address, a Slack identifier, or a team's alias.
    #[serde(default)]
    pub default_responder: Option<String>,
}

/// What has happened, as steps name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// An alert opened a triage, or the question goes one further.
    Raised,
    /// It is real: confirmed, or declared by a person.
    Confirmed,
    /// The channel exists.
    Channel,
    /// The ticket exists.
    Ticket,
    /// The meeting exists.
    Meeting,
    /// The public incident exists.
    Page,
    /// Something that people see has changed.
    Changed,
    /// Who is in it has changed.
    People,
    /// The status has changed, after confirmation.
    Moved,
    /// An update was written.
    Update,
    /// A task was added or done.
    Task,
    /// A follow-up was added.
    FollowUp,
    /// The review has started.
    Review,
    /// The incident was closed.
    Closed,
    /// The incident was merged into another.
    Merged,
}

/// What IMP can do by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Step {
    /// Ask who is on call.
    #[serde(rename = "ask")]
    Ask,
    /// Open the channel.
    #[serde(rename = "chat.channel")]
    Channel,
    /// Keep the card true.
    #[serde(rename = "chat.card")]
    Card,
    /// Keep topic and purpose true.
    #[serde(rename = "chat.topic")]
    Topic,
    /// Invite who belongs there.
    #[serde(rename = "chat.members")]
    Members,
    /// Keep the bookmarks true.
    #[serde(rename = "chat.bookmarks")]
    Bookmarks,
    /// Keep the announcement true.
    #[serde(rename = "chat.announcement")]
    Announcement,
    /// Keep the questions to the on-calls true.
    #[serde(rename = "chat.questions")]
    Questions,
    /// Say in the channel that the status has changed.
    #[serde(rename = "chat.notice")]
    Notice,
    /// Post the update in the channel.
    #[serde(rename = "chat.update")]
    Update,
    /// Post the draft of the review.
    #[serde(rename = "chat.review")]
    Review,
    /// Post the last word.
    #[serde(rename = "chat.last_word")]
    LastWord,
    /// Archive the channel when its time has come.
    #[serde(rename = "chat.archive")]
    Archive,
    /// File the ticket.
    #[serde(rename = "record.ticket")]
    Ticket,
    /// Keep the ticket's fields true.
    #[serde(rename = "record.fields")]
    Fields,
    /// Keep the ticket's status true.
    #[serde(rename = "record.status")]
    RecordStatus,
    /// Keep the ticket's links true.
    #[serde(rename = "record.links")]
    Links,
    /// Write the update as a comment.
    #[serde(rename = "record.comment")]
    Comment,
    /// File the task below the ticket.
    #[serde(rename = "record.task")]
    Task,
    /// File the follow-up.
    #[serde(rename = "record.follow_up")]
    FollowUp,
    /// Open the meeting.
    #[serde(rename = "bridge.meeting")]
    Meeting,
    /// Keep the public incident's status true.
    #[serde(rename = "page.status")]
    PageStatus,
    /// Tell the catalogue.
    #[serde(rename = "catalogue.event")]
    CatalogueEvent,
}

/// When this, do these.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRule {
    /// When.
    pub on: Trigger,
    /// Do these.
    #[serde(rename = "do")]
    pub steps: Vec<Step>,
}

impl Process {
    /// Reads a process file.
    ///
    /// # Errors
    /// Every fault that it has, with its line: syntax, an unknown name, a status in which people get stuck.
    pub fn parse(text: &str) -> Result<Process, Faults> {
        check::check(text)
    }

    /// What of the file names teams, tiers or countries that the catalogue does not have.
    pub fn strangers(&self, catalogue: &crate::Catalogue) -> Vec<Fault> {
        check::strangers(&self.source, self, catalogue)
    }

    /// Reads a process file that was sound when it was kept: what later versions of IMP find wrong with it does not count.
    ///
    /// # Errors
    /// Where it is no process at all.
    pub fn kept(text: &str) -> Result<Process, String> {
        toml::from_str(text)
            .map(|p| Process::written(p, text))
            .map_err(|e| e.message().to_owned())
    }

    /// The process with what is known of its file.
    fn written(process: Process, text: &str) -> Process {
        // Spaces, comments and the order of keys say nothing.
        let says: serde_json::Value = toml::from_str(text).unwrap_or_default();
        Process {
            edition: format!("{:016x}", crate::record::print(&says.to_string())),
            source: text.into(),
            ..process
        }
    }

    /// The built-in process.
    ///
    /// # Panics
    /// Never in a build whose tests passed: the text is compiled in and a test parses it.
    pub fn built_in() -> Process {
        match Process::parse(BUILT_IN) {
            Ok(p) => p,
            Err(f) => panic!("the built-in process is wrong: {f}"),
        }
    }

    /// The first status of a category.
    pub fn first(&self, category: Category) -> Option<&Status> {
        self.statuses.iter().find(|s| s.category == category)
    }

    /// The status with this name, in any case.
    pub fn status(&self, id: &str) -> Option<&Status> {
        self.statuses.iter().find(|s| s.id.eq_ignore_ascii_case(id.trim()))
    }

    /// What people read of a status: its label, or its name where the process no longer knows it.
    pub fn label<'a>(&'a self, status: &'a str) -> &'a str {
        self.status(status).map_or(status, |s| s.label.as_str())
    }

    /// The name of the status that people call so, by its name or by its label; what nobody knows stays as it is.
    pub fn called(&self, words: &str) -> String {
        let label = |s: &&Status| s.label.to_lowercase() == words.trim().to_lowercase();
        self.status(words)
            .or_else(|| self.statuses.iter().find(label))
            .map_or_else(|| words.to_owned(), |s| s.id.clone())
    }

    /// In which category a status stands; one that the process no longer knows counts as active.
    pub fn category(&self, id: &str) -> Category {
        self.status(id).map_or(Category::Active, |s| s.category)
    }

    /// The severity with this name, in any case, with or without the prefix (`1`, `sev1`, `SEV1`, `critical`).
    pub fn severity(&self, id: &str) -> Option<&Severity> {
        let t = id.trim();
        self.severities.iter().find(|s| {
            let digits = s.id.trim_start_matches(|c: char| !c.is_ascii_digit());
            s.id.eq_ignore_ascii_case(t) || s.label.eq_ignore_ascii_case(t) || (!digits.is_empty() && digits == t)
        })
    }

    /// The severity that follows from answers about the impact: the worst that any of them means.
    ///
    /// # Errors
    /// The name of the question, and what is wrong with its answer.
    pub fn rated(&self, answers: &BTreeMap<String, String>) -> Result<String, (String, String)> {
        let ids = |all: &mut dyn Iterator<Item = &String>| crate::words::list(&all.cloned().collect::<Vec<_>>());
        let mut worst: Option<usize> = None;
        for (question, answer) in answers {
            let Some(q) = self.impact.iter().find(|q| q.id == *question) else {
                let known = match self.impact.is_empty() {
                    true => "the process asks nothing about the impact".to_owned(),
                    false => format!("there are {}", ids(&mut self.impact.iter().map(|q| &q.id))),
                };
                let cut = crate::words::cut(question, 40);
                return Err((question.clone(), format!("There is no question {cut:?}; {known}.")));
            };
            let Some(a) = q.answers.iter().find(|a| a.id == *answer) else {
                let known = ids(&mut q.answers.iter().map(|a| &a.id));
                let cut = crate::words::cut(answer, 40);
                return Err((
                    question.clone(),
                    format!("There is no answer {cut:?}; there are {known}."),
                ));
            };
            let place = self.severities.iter().position(|s| s.id == a.severity);
            worst = match (worst, place) {
                (Some(w), Some(p)) => Some(w.min(p)),
                (w, p) => w.or(p),
            };
        }
        let found = worst.and_then(|n| self.severities.get(n));
        found.map(|s| s.id.clone()).ok_or_else(|| {
            let first = self.impact.first().map_or("answers", |q| q.id.as_str());
            (first.to_owned(), "Answer at least one question.".to_owned())
        })
    }

    /// The severity that an alert's own word for it means.
    pub fn severity_of_alert(&self, word: Option<&str>) -> &str {
        let word = word.unwrap_or_default().to_lowercase();
        self.severities
            .iter()
            .find(|s| s.alerts.contains(&word))
            .map_or(self.severity_default.alert.as_str(), |s| s.id.as_str())
    }

    /// The role with this name, in any case.
    pub fn role(&self, id: &str) -> Option<&Role> {
        let t = id.trim();
        self.roles
            .iter()
            .find(|r| r.id.eq_ignore_ascii_case(t) || r.label.eq_ignore_ascii_case(t))
    }

    /// The reminder with this name.
    pub fn nudge(&self, id: &str) -> Option<&Nudge> {
        self.nudges.iter().find(|n| n.id == id)
    }

    /// The field with this name.
    pub fn field(&self, id: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.id == id)
    }

    /// The moves that lead out of a status, in the order of the file.
    pub fn moves_from<'a>(&'a self, status: &'a str) -> impl Iterator<Item = &'a Move> {
        self.moves.iter().filter(move |m| m.from.iter().any(|f| f == status))
    }

    /// The move from one status to another.
    pub fn find_move(&self, from: &str, to: &str) -> Option<&Move> {
        self.moves
            .iter()
            .find(|m| m.to == to && m.from.iter().any(|f| f == from))
    }

    /// The way from one status to another: the move itself, or, once users are well again, two moves to an end of which
    /// the first asks nothing. Empty where there is neither.
    pub fn way(&self, from: &str, to: &str) -> Vec<&Move> {
        if let Some(direct) = self.find_move(from, to) {
            return vec![direct];
        }
        // Before users are well again, every step is a decision of its own; and nothing is opened again on the way.
        if self.category(from) != Category::After || self.category(to) != Category::Done {
            return Vec::new();
        }
        let free = self.moves.iter().filter(|m| {
            let stays = self.category(&m.to) == Category::After;
            stays && m.requires.is_empty() && m.from.iter().any(|f| f == from)
        });
        let two = free
            .filter_map(|first| Some(vec![first, self.find_move(&first.to, to)?]))
            .next();
        two.unwrap_or_default()
    }

    /// What follows a trigger, each once.
    pub fn steps(&self, trigger: Trigger) -> impl Iterator<Item = Step> + '_ {
        self.steps
            .iter()
            .filter(move |r| r.on == trigger)
            .flat_map(|r| r.steps.iter().copied())
    }

    /// A channel's name, in Slack's alphabet, at most 74 characters so that a suffix fits into 80.
    pub fn channel_name(&self, at: At, title: &str, reference: &str, service: Option<&str>) -> String {
        let slug = crate::words::slug(title, 40);
        let name = self
            .channel
            .name
            .replace("{date}", &at.day())
            .replace("{slug}", &slug)
            .replace("{ref}", &reference.to_lowercase())
            .replace("{service}", service.unwrap_or("incident"));
        let mut name: String = name
            .to_lowercase()
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        name.truncate(74);
        name
    }

    /// Which fields a move would like to know besides, given what is known.
    pub fn asked<'a>(&'a self, mv: &'a Move, known: &BTreeMap<String, String>) -> Vec<&'a Field> {
        mv.asks
            .iter()
            .filter(|f| !known.contains_key(f.as_str()))
            .filter_map(|f| self.field(f))
            .collect()
    }

    /// Which fields a move still needs, given what is known.
    pub fn missing<'a>(&'a self, mv: &'a Move, known: &BTreeMap<String, String>) -> Vec<&'a Field> {
        mv.requires
            .iter()
            .filter(|f| known.get(f.as_str()).is_none_or(|v| v.trim().is_empty()))
            .filter_map(|f| self.field(f))
            .collect()
    }
}
