//! An incident as it stands now: the fold of its facts, and nothing else.

mod links;

pub use links::{Channel, Conflict, Links, Ticket};

use crate::alert::AlertState;
use crate::correct::Correction;
use crate::decision::{self, Decision};
use crate::event::{Event, Fact, Link, ServiceName, Target, TeamName};
use crate::nudge::Told;
use crate::person::Who;
use crate::process::Category;
use crate::public::Differs;
use crate::{Actor, At, Process, Ref};
use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

/// An incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its reference.
    pub reference: Ref,
    /// How many facts it is the fold of.
    pub version: u64,
    /// Version of the process that it follows.
    pub process: String,
    /// The edition of that version's file; empty: whichever is in force.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub edition: String,
    /// The process's overlays that hold for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlays: Vec<String>,
    /// What is wrong.
    pub title: String,
    /// More about it.
    pub summary: String,
    /// Where it stands.
    pub status: String,
    /// How bad it is.
    pub severity: String,
    /// What is affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// Who owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamName>,
    /// Whether only its members may see it.
    pub private: bool,
    /// Whether it was found to be real (declared by a person, or confirmed).
    pub confirmed: bool,
    /// Who opened it.
    pub opened_by: Actor,
    /// When.
    pub opened_at: At,
    /// When it last changed.
    pub changed_at: At,
    /// When it entered its status.
    pub status_since: At,
    /// Who or what moved it there.
    pub status_by: Actor,
    /// Who holds which role.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, Who>,
    /// Which role is offered to whom; whoever holds it keeps it until they accept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub offers: BTreeMap<String, Offer>,
    /// How many offers there were.
    #[serde(default)]
    pub offered: u32,
    /// Who belongs into the channel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Who>,
    /// Answers that moves were given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Its groups of alerts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<AlertState>,
    /// Until when nobody is asked, because of a maintenance window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced_until: Option<At>,
    /// Questions that were asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
    /// Updates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub updates: Vec<Update>,
    /// Tasks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
    /// Follow-ups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follow_ups: Vec<FollowUp>,
    /// What the public has been told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub public: Vec<PublicPost>,
    /// The review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<String>,
    /// Where it went, if it was merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<Ref>,
    /// What was merged into it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absorbed: Vec<Ref>,
    /// Public incidents of what was merged into it that it could not take over: whose, and the address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pages_left: Vec<(Ref, String)>,
    /// Entry into each status, the latest, and other moments by name (`detected`, `confirmed`, `first_update`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub moments: BTreeMap<String, At>,
    /// How often it was re-opened.
    pub reopened: u32,
    /// How long it stood in each status that it has left, in milliseconds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spent: BTreeMap<String, i64>,
    /// Who follows it without being in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub followers: Vec<Who>,
    /// The answers to the process's questions about the impact, by their ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub impact: BTreeMap<String, String>,
    /// What of the channel is kept on the timeline: a print of the words, by the message's timestamp; none where it is
    /// still to be read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<String, Option<u64>>,
    /// Pictures of such messages of which a copy is kept, by Slack's identifiers of their files.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub pictures: BTreeSet<String>,
    /// Times that were put right, the latest by name: what numbers are made of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub corrected: BTreeMap<String, At>,
    /// All corrections that there were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corrections: Vec<Correction>,
    /// What it had reached by another version of the process.
    #[serde(default, skip_serializing_if = "crate::follow::Reached::is_nothing")]
    pub reached: crate::follow::Reached,
    /// Decisions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
    /// In what the public incident differs, and since when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_differs: Option<(Differs, At)>,
    /// Where vendors keep it.
    #[serde(default, skip_serializing_if = "Links::is_empty")]
    pub links: Links,
    /// Steps that failed for good and that nobody has mended or skipped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedStep>,
    /// What was said of what is overdue, by the process's reminder.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub nudges: BTreeMap<String, Told>,
    /// How many reminders there were.
    #[serde(default)]
    pub nudged: u32,
    /// When the latest of them were: as many as a day's budget looks at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nudged_at: Vec<At>,
    /// Other incidents that somebody said do not help.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unhelpful: BTreeSet<Ref>,
    /// Brought in from another place's history: by what it is known there. Nothing is done about such a one anywhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_filled: Option<String>,
}

/// A role that is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Number, from 1.
    pub n: u32,
    /// To whom.
    pub to: Who,
    /// By whom.
    pub by: Actor,
    /// When.
    pub at: At,
}

/// A question whether it is real.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Number, from 1.
    pub n: u32,
    /// How far along the path.
    pub level: u32,
    /// Who was asked.
    pub whom: Target,
    /// When.
    pub at: At,
    /// Why they and not the one before.
    pub because: Option<String>,
    /// Where it stands, once it does: conversation and timestamp.
    pub posted: Option<(String, String)>,
}

/// An update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// Number, from 1.
    pub n: u32,
    /// What it says.
    pub text: String,
    /// Who wrote it.
    pub by: Actor,
    /// When.
    pub at: At,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Number, from 1.
    pub n: u32,
    /// What is to be done.
    pub text: String,
    /// By whom.
    pub assignee: Option<Who>,
    /// Whether it is done.
    pub done: bool,
    /// Key and address in Jira.
    pub ticket: Option<(String, String)>,
}

/// A follow-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUp {
    /// Number, from 1.
    pub n: u32,
    /// What is to be done.
    pub text: String,
    /// Who sees to it.
    pub owner: Option<Who>,
    /// By which day.
    pub due: Option<String>,
    /// Key and address in Jira.
    pub ticket: Option<(String, String)>,
    /// Whether it is done.
    #[serde(default)]
    pub done: bool,
    /// Since when it is owed; not known of those that an earlier version wrote down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<At>,
}

/// Something that the public was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicPost {
    /// Number, from 1.
    pub n: u32,
    /// The public title.
    pub title: String,
    /// What it says.
    pub body: String,
    /// Components affected.
    pub components: Vec<String>,
    /// The status in which the incident stood.
    pub status: String,
    /// When.
    pub at: At,
}

/// A step that failed for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedStep {
    /// Key of the effect.
    pub key: String,
    /// What was to be done.
    pub what: String,
    /// Why it cannot be.
    pub why: String,
    /// When it failed.
    pub at: At,
}

impl Incident {
    /// What stands in the incident's place where something is owed by the house itself ([`Ref::HOUSE`]): an incident of
    /// which nothing is known.
    pub fn house(now: At, process: &Process) -> Option<Incident> {
        let event = Event::Opened {
            reference: Ref::HOUSE,
            title: "IMP itself".to_owned(),
            summary: String::new(),
            severity: process.severities.first().map(|s| s.id.clone()).unwrap_or_default(),
            status: process.statuses.first().map(|s| s.id.clone()).unwrap_or_default(),
            service: None,
            team: None,
            private: false,
            process: process.version.clone(),
            edition: String::new(),
            overlays: Vec::new(),
        };
        let fact = Fact {
            n: 1,
            at: now,
            by: Actor::Imp,
            event,
        };
        Incident::evolve(None, &fact, process)
    }

    /// The fold of a journal, each fact by the process that the incident follows then (`None`: it is not opened yet);
    /// `None` where it does not begin with an opening.
    pub fn fold<'a, P: Borrow<Process>>(
        facts: impl IntoIterator<Item = &'a Fact>,
        follows: impl Fn(Option<&Incident>) -> P,
    ) -> Option<Incident> {
        let mut out = None;
        for f in facts {
            let process = follows(out.as_ref());
            out = Some(Incident::evolve(out, f, process.borrow())?);
        }
        out
    }

    /// The incident after one more fact; `None` where an incident that does not exist has any fact but its opening.
    pub fn evolve(incident: Option<Incident>, fact: &Fact, process: &Process) -> Option<Incident> {
        let mut i = match (incident, &fact.event) {
            (
                None,
                Event::Opened {
                    reference,
                    title,
                    summary,
                    severity,
                    status,
                    service,
                    team,
                    private,
                    process,
                    edition,
                    overlays,
                },
            ) => Incident {
                reference: *reference,
                version: 0,
                process: process.clone(),
                edition: edition.clone(),
                overlays: overlays.clone(),
                title: title.clone(),
                summary: summary.clone(),
                status: status.clone(),
                severity: severity.clone(),
                service: service.clone(),
                team: team.clone(),
                private: *private,
                confirmed: false,
                opened_by: fact.by.clone(),
                opened_at: fact.at,
                changed_at: fact.at,
                status_since: fact.at,
                status_by: fact.by.clone(),
                roles: BTreeMap::new(),
                offers: BTreeMap::new(),
                offered: 0,
                members: Vec::new(),
                fields: BTreeMap::new(),
                alerts: Vec::new(),
                silenced_until: None,
                questions: Vec::new(),
                updates: Vec::new(),
                tasks: Vec::new(),
                follow_ups: Vec::new(),
                public: Vec::new(),
                review: None,
                merged_into: None,
                absorbed: Vec::new(),
                pages_left: Vec::new(),
                moments: BTreeMap::from([("opened".to_owned(), fact.at), (status.clone(), fact.at)]),
                reopened: 0,
                spent: BTreeMap::new(),
                followers: Vec::new(),
                impact: BTreeMap::new(),
                kept: BTreeMap::new(),
                corrected: BTreeMap::new(),
                corrections: Vec::new(),
                reached: Default::default(),
                decisions: Vec::new(),
                page_differs: None,
                links: Links::default(),
                failed: Vec::new(),
                pictures: BTreeSet::new(),
                unhelpful: BTreeSet::new(),
                nudges: BTreeMap::new(),
                nudged: 0,
                nudged_at: Vec::new(),
                back_filled: None,
            },
            (Some(i), _) => i,
            (None, _) => return None,
        };
        i.version += 1;
        i.changed_at = fact.at;
        i.apply(fact, process);
        Some(i)
    }

    fn apply(&mut self, fact: &Fact, process: &Process) {
        match &fact.event {
            Event::Opened { .. } => {
                if let Some(who) = fact.by.who() {
                    self.add_member(who);
                }
            }
            Event::ProcessTaken {
                version,
                edition,
                overlays,
                to,
                before,
            } => {
                crate::follow::taken(self, to.as_ref(), before);
                self.process.clone_from(version);
                self.edition.clone_from(edition);
                self.overlays.clone_from(overlays);
            }
            Event::AlertJoined { alert } => {
                let since = alert.since.unwrap_or(fact.at).min(fact.at);
                let detected = self.moments.entry("detected".to_owned()).or_insert(since);
                *detected = (*detected).min(since);
                let state = AlertState {
                    firing: alert.firing,
                    alert: alert.clone(),
                    changed_at: fact.at,
                    told_at: alert.told_at,
                };
                match self
                    .alerts
                    .iter_mut()
                    .find(|a| a.alert.source == alert.source && a.alert.key == alert.key)
                {
                    Some(a) => *a = state,
                    None => self.alerts.push(state),
                }
            }
            Event::AlertFired { source, key, told_at } => self.set_firing(source, key, true, fact.at, *told_at),
            Event::AlertCleared { source, key, told_at } => self.set_firing(source, key, false, fact.at, *told_at),
            Event::Silenced { until, .. } => self.silenced_until = Some(*until),
            Event::Asked {
                n,
                level,
                whom,
                because,
            } => self.questions.push(Question {
                n: *n,
                level: *level,
                whom: whom.clone(),
                at: fact.at,
                because: because.clone(),
                posted: None,
            }),
            Event::Confirmed => {
                self.confirmed = true;
                self.moments.insert("confirmed".to_owned(), fact.at);
                if let Some(who) = fact.by.who() {
                    self.add_member(who);
                }
            }
            Event::Moved { from, to, fields } => {
                let back = (Category::After, Category::Active) == (process.category(from), process.category(to));
                if !crate::follow::arrives(self, to, process) && back {
                    self.reopened += 1;
                    // It was not over, whenever that was thought to have been.
                    self.corrected.retain(|m, _| m != "resolved" && m != "mitigated");
                }
                for f in process.fields.iter().filter(|f| f.forget_on.contains(to)) {
                    self.fields.remove(&f.id);
                }
                self.fields.extend(fields.iter().map(|(k, v)| (k.clone(), v.clone())));
                self.merged_into = fields.get("into").and_then(|r| Ref::parse(r)).or(self.merged_into);
                *self.spent.entry(from.clone()).or_default() += fact.at.since(self.status_since).max(0);
                self.status.clone_from(to);
                self.status_since = fact.at;
                self.status_by = fact.by.clone();
                self.moments.insert(to.clone(), fact.at);
                if let Some(t) = &mut self.links.ticket
                    && t.conflict
                        .as_ref()
                        .is_some_and(|c| crate::record::agrees(process, to, &c.theirs, &c.category))
                {
                    t.conflict = None;
                }
            }
            Event::Absorbed { other, alerts, .. } => {
                self.absorbed.push(*other);
                for alert in alerts {
                    let same = |a: &AlertState| a.alert.source == alert.source && a.alert.key == alert.key;
                    if !self.alerts.iter().any(same) {
                        self.alerts.push(AlertState {
                            alert: alert.clone(),
                            firing: alert.firing,
                            changed_at: fact.at,
                            told_at: alert.told_at,
                        });
                    }
                }
            }
            Event::PageTaken {
                id,
                url,
                title,
                body,
                components,
                ..
            } => {
                self.links.page = Some((id.clone(), url.clone()));
                self.moments.entry("first_public".to_owned()).or_insert(fact.at);
                self.public.push(PublicPost {
                    n: self.public.last().map_or(1, |p| p.n + 1),
                    title: title.clone(),
                    body: body.clone(),
                    components: components.clone(),
                    status: self.status.clone(),
                    at: fact.at,
                });
            }
            Event::PageLeft { from, url } => self.pages_left.push((*from, url.clone())),
            Event::Summoned { who } => who.iter().for_each(|w| self.add_member(w)),
            Event::Joined { who } => self.add_member(who),
            Event::Retitled { title } => self.title.clone_from(title),
            Event::Summarised { summary } => self.summary.clone_from(summary),
            Event::SeverityChanged { to, .. } => self.severity.clone_from(to),
            Event::ServiceChanged { service, team } => {
                self.service = Some(service.clone());
                self.team.clone_from(team);
            }
            Event::RoleTaken { role, who, .. } => {
                if role == "commander" {
                    self.moments.entry("command_taken".to_owned()).or_insert(fact.at);
                }
                self.roles.insert(role.clone(), who.clone());
                self.offers.remove(role);
                self.add_member(who);
            }
            Event::RoleOffered { n, role, who } => {
                self.offered = *n;
                let offer = Offer {
                    n: *n,
                    to: who.clone(),
                    by: fact.by.clone(),
                    at: fact.at,
                };
                self.offers.insert(role.clone(), offer);
            }
            Event::RoleRefused { role, .. } => drop(self.offers.remove(role)),
            Event::LeftWithDuties { .. } => {}
            Event::Subscribed { who, .. } => self.followers.push(who.clone()),
            Event::Unsubscribed { who } => self.followers.retain(|f| !f.is(who)),
            Event::Rated { answers } => self.impact.clone_from(answers),
            Event::GlassBroken { who, .. } => self.add_member(who),
            Event::TimeCorrected { moment, was, is, why } => {
                self.corrected.insert(moment.clone(), *is);
                self.corrections
                    .push(Correction::of(moment, (*was, *is), why, &fact.by, fact.at));
            }
            Event::DecisionProposed { n, text, until } => {
                self.decisions
                    .push(Decision::proposed(*n, text, &fact.by, fact.at, *until));
            }
            Event::Objected { n, why } => decision::objected(&mut self.decisions, *n, why, &fact.by, fact.at),
            Event::DecisionTaken { n } => decision::taken(&mut self.decisions, *n, &fact.by, fact.at),
            Event::PageDiffers { differs } => {
                let since = self.page_differs.as_ref().map_or(fact.at, |(_, since)| *since);
                self.page_differs = Some((differs.clone(), since));
            }
            Event::PageAgrees | Event::PageMended => self.page_differs = None,
            Event::UpdatePosted { n, text } => {
                self.moments.entry("first_update".to_owned()).or_insert(fact.at);
                self.updates.push(Update {
                    n: *n,
                    text: text.clone(),
                    by: fact.by.clone(),
                    at: fact.at,
                });
            }
            Event::PagePosted {
                n,
                title,
                body,
                components,
            } => {
                self.moments.entry("first_public".to_owned()).or_insert(fact.at);
                self.public.push(PublicPost {
                    n: *n,
                    title: title.clone(),
                    body: body.clone(),
                    components: components.clone(),
                    status: self.status.clone(),
                    at: fact.at,
                });
            }
            Event::TaskAdded { n, text, assignee } => self.tasks.push(Task {
                n: *n,
                text: text.clone(),
                assignee: assignee.clone(),
                done: false,
                ticket: None,
            }),
            Event::TaskDone { n } => self.tasks.iter_mut().filter(|t| t.n == *n).for_each(|t| t.done = true),
            Event::FollowUpAdded { n, text, owner, due } => self.follow_ups.push(FollowUp {
                n: *n,
                text: text.clone(),
                owner: owner.clone(),
                due: due.clone(),
                ticket: None,
                done: false,
                added: Some(fact.at),
            }),
            Event::ReviewWritten { text } => {
                self.moments.entry("review_written".to_owned()).or_insert(fact.at);
                self.review = Some(text.clone());
            }
            Event::FollowUpDone { n } => self
                .follow_ups
                .iter_mut()
                .filter(|f| f.n == *n)
                .for_each(|f| f.done = true),
            Event::Nudged {
                n, nudge, since, rung, ..
            } => {
                let told = Told {
                    since: *since,
                    rungs: rung + 1,
                    at: fact.at,
                    snoozed_until: None,
                    dismissed: None,
                };
                self.nudges.insert(nudge.clone(), told);
                self.nudged = *n;
                self.nudged_at.push(fact.at);
                let most = usize::try_from(process.nudging.per_day).unwrap_or(usize::MAX);
                let old = self.nudged_at.len().saturating_sub(most);
                self.nudged_at.drain(..old);
            }
            Event::HintsDismissed { others } => self.unhelpful.extend(others),
            Event::NudgeSnoozed { nudge, until } => {
                if let Some(t) = self.nudges.get_mut(nudge) {
                    t.snoozed_until = Some(*until);
                }
            }
            Event::NudgeDismissed { nudge, why } => {
                if let Some(t) = self.nudges.get_mut(nudge) {
                    t.dismissed = Some(why.clone());
                }
            }
            Event::Noted { ts: None, .. } | Event::AskingWaits => {}
            Event::Noted { ts: Some(ts), text, .. } | Event::NoteChanged { ts, text } => {
                self.kept.insert(ts.clone(), Some(crate::record::print(text)));
            }
            Event::Marked { ts } => drop(self.kept.entry(ts.clone()).or_insert(None)),
            Event::NoteRemoved { ts } => drop(self.kept.remove(ts)),
            Event::Linked { what } => {
                if let Link::Channel { .. } = what {
                    self.moments.entry("channel_opened".to_owned()).or_insert(fact.at);
                }
                self.link(what);
                if let (Link::TicketAgreed { fields }, Actor::Jira { .. }) = (what, &fact.by) {
                    self.of_ticket(|t| {
                        fields
                            .keys()
                            .for_each(|f| *t.repairs.entry(f.clone()).or_default() += 1)
                    });
                }
            }
            Event::StepFailed { key, what, why } => {
                self.failed.retain(|f| f.key != *key);
                self.failed.push(FailedStep {
                    key: key.clone(),
                    what: what.clone(),
                    why: why.clone(),
                    at: fact.at,
                });
            }
            Event::StepMended { key } | Event::StepSkipped { key, .. } => self.failed.retain(|f| f.key != *key),
            Event::RoleLeft { role, .. } => {
                self.roles.remove(role);
                self.offers.remove(role);
            }
            Event::Answered { field, value } => {
                match value.is_empty() {
                    true => self.fields.remove(field),
                    false => self.fields.insert(field.clone(), value.clone()),
                };
            }
            Event::TicketMoved { name } => self.of_ticket(|t| {
                t.status = Some(name.clone());
                t.conflict = None;
            }),
            Event::TicketLabelled { labels } => self.of_ticket(|t| t.labels.clone_from(labels)),
            Event::Commented { id, text, .. } => {
                self.of_ticket(|t| t.comments.extend([(id.clone(), crate::record::print(text))]));
            }
            Event::CommentRemoved { id } => self.of_ticket(|t| t.comments.retain(|known, _| known != id)),
            Event::ConflictFound {
                theirs,
                category,
                to,
                why,
            } => self.of_ticket(|t| {
                t.conflict = Some(Conflict {
                    theirs: theirs.clone(),
                    category: category.clone(),
                    to: to.clone(),
                    why: why.clone(),
                    by: fact.by.clone(),
                    at: fact.at,
                });
            }),
            Event::ConflictSettled { .. } => self.of_ticket(|t| t.conflict = None),
            Event::BackFilled { key, moments } => {
                self.back_filled = Some(key.clone());
                // It was not lived through here: only the times that came with it are known.
                self.spent.clear();
                self.moments.retain(|name, _| name == "opened");
                self.moments.extend(moments.iter().map(|(k, v)| (k.clone(), *v)));
            }
            Event::TicketGone { why } => self.of_ticket(|t| t.gone = Some(why.clone())),
        }
    }

    fn of_ticket(&mut self, change: impl FnOnce(&mut Ticket)) {
        if let Some(t) = &mut self.links.ticket {
            change(t);
        }
    }

    fn set_firing(&mut self, source: &str, key: &str, firing: bool, at: At, told_at: Option<At>) {
        for a in self
            .alerts
            .iter_mut()
            .filter(|a| a.alert.source == source && a.alert.key == key)
        {
            a.firing = firing;
            a.changed_at = at;
            a.told_at = told_at.or(a.told_at);
        }
    }

    fn add_member(&mut self, who: &Who) {
        if !self.members.iter().any(|m| m.is(who)) {
            self.members.push(who.clone());
        }
    }

    fn link(&mut self, what: &Link) {
        match what {
            Link::Channel { id, name, url } => {
                self.links.channel = Some(Channel {
                    id: id.clone(),
                    name: name.clone(),
                    url: url.clone(),
                    card: None,
                    invited: Vec::new(),
                    archived: false,
                });
            }
            Link::Card { ts } => {
                if let Some(c) = &mut self.links.channel {
                    c.card = Some(ts.clone());
                }
            }
            Link::Members { slack } => {
                if let Some(c) = &mut self.links.channel {
                    c.invited.extend(
                        slack
                            .iter()
                            .filter(|s| !c.invited.contains(s))
                            .cloned()
                            .collect::<Vec<_>>(),
                    );
                }
            }
            Link::Archived => {
                if let Some(c) = &mut self.links.channel {
                    c.archived = true;
                }
            }
            Link::Announcement { channel, ts } => self.links.announcement = Some((channel.clone(), ts.clone())),
            // What was read of a message becomes a note; where it was gone already, there is nothing to keep.
            Link::Said { ts, .. } => drop(self.kept.remove(ts)),
            Link::Pictures { files } => self.pictures.extend(files.iter().cloned()),
            Link::Question { n, channel, ts } => {
                for q in self.questions.iter_mut().filter(|q| q.n == *n) {
                    q.posted = Some((channel.clone(), ts.clone()));
                }
            }
            Link::Ticket { key, id, url } => match &mut self.links.ticket {
                // The same issue under another key, or found again.
                Some(t) if t.id == *id => {
                    t.key.clone_from(key);
                    t.url.clone_from(url);
                    t.gone = None;
                }
                Some(_) | None => {
                    self.links.ticket = Some(Ticket {
                        key: key.clone(),
                        id: id.clone(),
                        url: url.clone(),
                        ..Ticket::default()
                    });
                }
            },
            Link::TicketAgreed { fields } => {
                if let Some(t) = &mut self.links.ticket {
                    t.agreed.extend(fields.iter().map(|(k, v)| (k.clone(), v.clone())));
                }
            }
            Link::TicketStatus { name } => {
                if let Some(t) = &mut self.links.ticket {
                    t.status = Some(name.clone());
                }
            }
            Link::Task { n, key, url } => {
                for t in self.tasks.iter_mut().filter(|t| t.n == *n) {
                    t.ticket = Some((key.clone(), url.clone()));
                }
            }
            Link::FollowUp { n, key, url } => {
                for t in self.follow_ups.iter_mut().filter(|t| t.n == *n) {
                    t.ticket = Some((key.clone(), url.clone()));
                }
            }
            Link::Meeting { id, url } => self.links.meeting = Some((id.clone(), url.clone())),
            Link::Page { id, url } => self.links.page = Some((id.clone(), url.clone())),
        }
    }

    /// Whether any of its alerts still fires.
    pub fn any_firing(&self) -> bool {
        self.alerts.iter().any(|a| a.firing)
    }

    /// Whether this person belongs to it: what decides who may see a private one.
    pub fn has_member(&self, who: &Who) -> bool {
        self.members.iter().chain(self.roles.values()).any(|m| m.is(who))
    }
}
