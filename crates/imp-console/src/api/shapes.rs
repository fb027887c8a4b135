//! The API's shapes: what incidents and the rest look like from outside. Stable; see the contract.

use crate::problem::Next;
use imp_core::event::Fact;
use imp_core::metric::{self, Point};
use imp_core::person::Who;
use imp_core::{Incident, Process, decide, record, story};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The things.
    pub items: Vec<T>,
    /// Give it as `cursor` for the next page; null on the last.
    pub next: Option<String>,
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub struct PersonView {
    /// Slack's identifier.
    pub slack_id: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Name.
    pub name: Option<String>,
}

impl From<&Who> for PersonView {
    fn from(w: &Who) -> PersonView {
        PersonView {
            slack_id: w.slack.clone(),
            email: w.email.clone(),
            name: w.name.clone(),
        }
    }
}

/// The ticket.
#[derive(Debug, Serialize, ToSchema)]
pub struct JiraLink {
    /// `INC-7`.
    pub key: String,
    /// Its address.
    pub url: String,
    /// Jira's name of its status, as far as IMP knows.
    pub status: Option<String>,
    /// The labels that people gave it.
    pub labels: Vec<String>,
    /// Why it is thought to be gone; null while it is there.
    pub gone: Option<String>,
}

/// Jira and the incident say different things; `POST …/conflict` settles it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConflictView {
    /// Jira's name of the ticket's status.
    pub theirs: String,
    /// The incident's status.
    pub ours: String,
    /// Where the incident would go to follow; null where the process knows no way, and only keeping ours is left.
    pub to: Option<String>,
    /// What following still asks: names of fields, which go beside `choose`.
    pub requires: Vec<String>,
    /// Why the incident did not follow by itself.
    pub why: String,
    /// Who moved the ticket.
    pub by: String,
    /// Since when (RFC 3339).
    pub since: String,
}

/// The channel.
#[derive(Debug, Serialize, ToSchema)]
pub struct SlackLink {
    /// Slack's identifier.
    pub channel_id: String,
    /// Its name.
    pub channel_name: String,
    /// Its address.
    pub url: String,
}

/// The meeting.
#[derive(Debug, Serialize, ToSchema)]
pub struct ZoomLink {
    /// The address at which people join.
    pub url: String,
}

/// The public incident.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageLink {
    /// Statuspage's identifier.
    pub id: String,
    /// Its public address.
    pub url: String,
}

/// Where vendors keep it; null where they do not.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinksView {
    /// Jira.
    pub jira: Option<JiraLink>,
    /// Slack.
    pub slack: Option<SlackLink>,
    /// Zoom.
    pub zoom: Option<ZoomLink>,
    /// Statuspage.
    pub statuspage: Option<PageLink>,
}

/// A task.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskView {
    /// Its number within the incident.
    pub n: u32,
    /// What is to be done.
    pub text: String,
    /// By whom.
    pub assignee: Option<PersonView>,
    /// Whether it is done.
    pub done: bool,
    /// Its key in Jira.
    pub jira: Option<String>,
}

/// A follow-up.
#[derive(Debug, Serialize, ToSchema)]
pub struct FollowUpView {
    /// Its number within the incident.
    pub n: u32,
    /// What is to be done.
    pub text: String,
    /// Who sees to it.
    pub owner: Option<PersonView>,
    /// By which day.
    pub due: Option<String>,
    /// Whether it is done.
    pub done: bool,
    /// Its key in Jira.
    pub jira: Option<String>,
}

/// A group of alerts.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertView {
    /// Its source.
    pub source: String,
    /// Its key there.
    pub key: String,
    /// What is wrong.
    pub title: String,
    /// Whether it fires now.
    pub firing: bool,
    /// Since when, as its source says (RFC 3339); null where it does not.
    pub since: Option<String>,
}

/// A step that failed for good.
#[derive(Debug, Serialize, ToSchema)]
pub struct FailedView {
    /// Its key.
    pub key: String,
    /// What was to be done.
    pub what: String,
    /// Why it cannot be.
    pub why: String,
}

/// A decision.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecisionView {
    /// Its number within the incident.
    pub n: u32,
    /// What is to be done.
    pub text: String,
    /// Who proposed it.
    pub by: String,
    /// Until when objections are waited for (RFC 3339).
    pub until: String,
    /// Strong objections: who, and why.
    pub objections: Vec<ObjectionView>,
    /// Since when it is decided (RFC 3339); null while it is not.
    pub taken_at: Option<String>,
}

/// A strong objection.
#[derive(Debug, Serialize, ToSchema)]
pub struct ObjectionView {
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
}

/// A time that somebody put right.
#[derive(Debug, Serialize, ToSchema)]
pub struct CorrectionView {
    /// Which: `resolved`.
    pub moment: String,
    /// What it was before (RFC 3339).
    pub was: Option<String>,
    /// What it is (RFC 3339).
    pub is: String,
    /// Why.
    pub why: String,
    /// Who put it right.
    pub by: String,
    /// When they did (RFC 3339).
    pub at: String,
}

/// In what the public incident differs.
#[derive(Debug, Serialize, ToSchema)]
pub struct DiffersView {
    /// What it says.
    pub shows: String,
    /// What it would say.
    pub wants: String,
    /// Since when that is known (RFC 3339).
    pub since: String,
}

/// The process that an incident follows.
#[derive(Debug, Serialize, ToSchema)]
pub struct FollowedView {
    /// Its version.
    pub version: String,
    /// A print of what its file says; empty: whichever is in force.
    pub edition: String,
    /// The overlays of its team, tier and country that hold for it.
    pub overlays: Vec<String>,
}

/// An incident.
#[derive(Debug, Serialize, ToSchema)]
pub struct IncidentView {
    /// `IMP-42`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// What is wrong.
    pub title: String,
    /// More about it.
    pub summary: String,
    /// Where it stands.
    pub status: String,
    /// How bad it is.
    pub severity: String,
    /// The service's alias.
    pub service: Option<String>,
    /// The team's alias.
    pub team: Option<String>,
    /// Whether only its members may see it.
    pub private: bool,
    /// Who holds which role.
    pub roles: BTreeMap<String, PersonView>,
    /// Who follows it without being in it.
    pub followers: Vec<PersonView>,
    /// The answers about the impact, by the questions' ids.
    pub impact: BTreeMap<String, String>,
    /// Which role is offered to whom: whoever holds it keeps it until they accept.
    pub offers: BTreeMap<String, PersonView>,
    /// Where vendors keep it.
    pub links: LinksView,
    /// When what happened (RFC 3339): `opened_at`, `<status>_at` for each status that it entered, the latest entry, and
    /// what `insights` are made of: `started_at`, `detected_at`, `acknowledged_at`, `mitigated_at`, `resolved_at`.
    pub timestamps: BTreeMap<String, String>,
    /// What is possible from here.
    pub next: Vec<Next>,
    /// The process that it follows: the one that it began with, unless somebody moved it to another.
    pub process: FollowedView,
    /// Decisions.
    pub decisions: Vec<DecisionView>,
    /// Times that somebody put right, with what was there before; the numbers use what they are now.
    pub corrections: Vec<CorrectionView>,
    /// In what the public incident differs from it, because somebody changed it on the status page; null where it agrees.
    pub statuspage_differs: Option<DiffersView>,
    /// Answers that moves were given.
    pub fields: BTreeMap<String, String>,
    /// Tasks.
    pub tasks: Vec<TaskView>,
    /// Follow-ups.
    pub follow_ups: Vec<FollowUpView>,
    /// Groups of alerts.
    pub alerts: Vec<AlertView>,
    /// Where it went, if it was merged.
    pub merged_into: Option<String>,
    /// What was merged into it.
    pub absorbed: Vec<String>,
    /// Steps that failed for good.
    pub failed: Vec<FailedView>,
    /// What Jira and the incident do not agree on; null where they agree.
    pub conflict: Option<ConflictView>,
    /// The review.
    pub review: Option<String>,
    /// How many facts it is made of; rises with every change.
    pub version: u64,
}

/// Another incident that is open and may be the same.
#[derive(Debug, Serialize, ToSchema)]
pub struct HintView {
    /// `IMP-42`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// What is wrong there.
    pub title: String,
    /// Why it is named: `open now on the same service`.
    pub why: String,
}

impl From<imp_core::hint::Hint> for HintView {
    fn from(h: imp_core::hint::Hint) -> HintView {
        HintView {
            reference: h.reference.to_string(),
            title: h.title,
            why: h.why,
        }
    }
}

/// An incident that was declared just now.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeclaredView {
    /// It.
    #[serde(flatten)]
    pub incident: IncidentView,
    /// What is open and may be the same; nothing is refused for it.
    pub hints: Vec<HintView>,
}

impl DecisionView {
    fn of(d: &imp_core::decision::Decision) -> DecisionView {
        let objection = |o: &imp_core::decision::Objection| ObjectionView {
            by: o.by.label(),
            why: o.why.clone(),
        };
        DecisionView {
            n: d.n,
            text: d.text.clone(),
            by: d.by.label(),
            until: d.until.rfc3339(),
            objections: d.objections.iter().map(objection).collect(),
            taken_at: d.taken.as_ref().map(|(at, _)| at.rfc3339()),
        }
    }
}

impl CorrectionView {
    fn of(c: &imp_core::correct::Correction) -> CorrectionView {
        CorrectionView {
            moment: c.moment.clone(),
            was: c.was.map(imp_core::At::rfc3339),
            is: c.is.rfc3339(),
            why: c.why.clone(),
            by: c.by.label(),
            at: c.at.rfc3339(),
        }
    }
}

impl IncidentView {
    /// An incident as the API shows it.
    pub fn of(i: &Incident, process: &Process) -> IncidentView {
        let l = &i.links;
        let jira = |t: &Option<(String, String)>| t.as_ref().map(|(k, _)| k.clone());
        let mut timestamps: BTreeMap<String, String> = i
            .moments
            .iter()
            .map(|(k, at)| (format!("{k}_at"), at.rfc3339()))
            .collect();
        if let Some(at) = i.moments.get("confirmed") {
            timestamps.insert("acknowledged_at".to_owned(), at.rfc3339());
        }
        // The times that the contract's numbers are made of, by the names that they have there.
        for p in [
            Point::Started,
            Point::Detected,
            Point::Acknowledged,
            Point::Mitigated,
            Point::Resolved,
        ] {
            // What is true no longer since it was re-opened is not shown as if it were.
            let name = format!("{}_at", p.word());
            match metric::point(i, process, p) {
                Some(at) => timestamps.insert(name, at.rfc3339()),
                None => timestamps.remove(&name),
            };
        }
        IncidentView {
            reference: i.reference.to_string(),
            title: i.title.clone(),
            summary: i.summary.clone(),
            status: i.status.clone(),
            severity: i.severity.clone(),
            service: i.service.as_ref().map(|s| s.alias.clone()),
            team: i.team.as_ref().map(|t| t.alias.clone()),
            private: i.private,
            roles: i.roles.iter().map(|(k, w)| (k.clone(), w.into())).collect(),
            followers: i.followers.iter().map(Into::into).collect(),
            impact: i.impact.clone(),
            offers: i.offers.iter().map(|(k, o)| (k.clone(), (&o.to).into())).collect(),
            links: LinksView {
                jira: l.ticket.as_ref().map(|t| JiraLink {
                    key: t.key.clone(),
                    url: t.url.clone(),
                    status: t.status.clone(),
                    labels: t.labels.clone(),
                    gone: t.gone.clone(),
                }),
                slack: l.channel.as_ref().map(|c| SlackLink {
                    channel_id: c.id.clone(),
                    channel_name: c.name.clone(),
                    url: c.url.clone(),
                }),
                zoom: l.meeting.as_ref().map(|(_, url)| ZoomLink { url: url.clone() }),
                statuspage: l.page.as_ref().map(|(id, url)| PageLink {
                    id: id.clone(),
                    url: url.clone(),
                }),
            },
            timestamps,
            next: decide::allowed(i, process).into_iter().map(Next::from).collect(),
            process: FollowedView {
                version: i.process.clone(),
                edition: i.edition.clone(),
                overlays: i.overlays.clone(),
            },
            decisions: i.decisions.iter().map(DecisionView::of).collect(),
            corrections: i.corrections.iter().map(CorrectionView::of).collect(),
            statuspage_differs: i.page_differs.as_ref().map(|(d, since)| DiffersView {
                shows: d.shows.clone(),
                wants: d.wants.clone(),
                since: since.rfc3339(),
            }),
            fields: i.fields.clone(),
            tasks: i
                .tasks
                .iter()
                .map(|t| TaskView {
                    n: t.n,
                    text: t.text.clone(),
                    assignee: t.assignee.as_ref().map(Into::into),
                    done: t.done,
                    jira: jira(&t.ticket),
                })
                .collect(),
            follow_ups: i
                .follow_ups
                .iter()
                .map(|f| FollowUpView {
                    n: f.n,
                    text: f.text.clone(),
                    owner: f.owner.as_ref().map(Into::into),
                    due: f.due.clone(),
                    done: f.done,
                    jira: jira(&f.ticket),
                })
                .collect(),
            alerts: i
                .alerts
                .iter()
                .map(|a| AlertView {
                    source: a.alert.source.clone(),
                    key: a.alert.key.clone(),
                    title: a.alert.title.clone(),
                    firing: a.firing,
                    since: a.alert.since.map(imp_core::At::rfc3339),
                })
                .collect(),
            merged_into: i.merged_into.map(|r| r.to_string()),
            absorbed: i.absorbed.iter().map(ToString::to_string).collect(),
            failed: i
                .failed
                .iter()
                .map(|f| FailedView {
                    key: f.key.clone(),
                    what: f.what.clone(),
                    why: f.why.clone(),
                })
                .collect(),
            conflict: l
                .ticket
                .as_ref()
                .and_then(|t| t.conflict.as_ref())
                .map(|c| ConflictView {
                    theirs: c.theirs.clone(),
                    ours: i.status.clone(),
                    to: c.to.clone(),
                    requires: record::asks_to_follow(i, process),
                    why: c.why.clone(),
                    by: c.by.label(),
                    since: c.at.rfc3339(),
                }),
            review: i.review.clone(),
            version: i.version,
        }
    }
}

/// One line of the timeline.
#[derive(Debug, Serialize, ToSchema)]
pub struct MomentView {
    /// Its number within the incident.
    pub n: u64,
    /// When (RFC 3339).
    pub at: String,
    /// Who or what did it.
    pub by: String,
    /// The kind of fact: `moved`, `update_posted` …
    pub event: String,
    /// The sentence that people read.
    pub text: String,
}

impl MomentView {
    /// A fact as the timeline shows it; `None` for what is only bookkeeping.
    pub fn of(f: &Fact, process: &Process) -> Option<MomentView> {
        let event = serde_json::to_value(&f.event).ok()?;
        Some(MomentView {
            n: f.n,
            at: f.at.rfc3339(),
            by: f.by.label(),
            event: event["event"].as_str().unwrap_or_default().to_owned(),
            text: story::tell(f, process)?,
        })
    }
}

/// An update.
#[derive(Debug, Serialize, ToSchema)]
pub struct UpdateView {
    /// Its number within the incident.
    pub n: u32,
    /// When (RFC 3339).
    pub at: String,
    /// Who wrote it.
    pub by: String,
    /// What it says.
    pub text: String,
}

impl From<&imp_core::incident::Update> for UpdateView {
    fn from(u: &imp_core::incident::Update) -> UpdateView {
        UpdateView {
            n: u.n,
            at: u.at.rfc3339(),
            by: u.by.label(),
            text: u.text.clone(),
        }
    }
}

/// A role and who holds it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoleView {
    /// `commander`.
    pub role: String,
    /// What people call it.
    pub label: String,
    /// Who holds it; null: nobody.
    pub user: Option<PersonView>,
}

/// Takes somebody in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberBody {
    /// Who: a Slack identifier or an e-mail address.
    pub user: String,
}

// ---- what comes in

/// Declares an incident.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclareBody {
    /// What is wrong.
    pub title: String,
    /// How bad.
    pub severity: Option<String>,
    /// What is affected: an alias or name.
    pub service: Option<String>,
    /// Who owns it, where it is not the service's team.
    pub team: Option<String>,
    /// More about it.
    pub summary: Option<String>,
    /// Whether only its members may see it.
    pub private: Option<bool>,
    /// Who else should be in it: Slack identifiers or e-mail addresses.
    #[serde(default)]
    pub members: Vec<String>,
    /// Answers to the process's questions about the impact, by their ids; given, they say how bad it is.
    #[serde(default)]
    pub impact: BTreeMap<String, String>,
}

/// Changes an incident; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditBody {
    /// What is wrong.
    pub title: Option<String>,
    /// More about it.
    pub summary: Option<String>,
    /// How bad.
    pub severity: Option<String>,
    /// What is affected.
    pub service: Option<String>,
}

/// Moves an incident; the move's fields stand beside `to`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct MoveBody {
    /// To which status.
    pub to: String,
    /// What the move requires, by field name.
    #[serde(flatten)]
    pub fields: BTreeMap<String, serde_json::Value>,
}

/// Settles what Jira and the incident do not agree on; what following asks stands beside `choose`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SettleBody {
    /// Who is right.
    pub choose: Choice,
    /// What the way there requires, by field name.
    #[serde(flatten)]
    pub fields: BTreeMap<String, serde_json::Value>,
}

/// Who is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Jira: the incident follows.
    Follow,
    /// The incident: Jira follows.
    Keep,
}

/// Writes an update.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateBody {
    /// What it says.
    pub text: String,
    /// Whether it also goes to the status page.
    pub public: Option<bool>,
}

/// Tells the public.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublicBody {
    /// What users should know.
    pub text: String,
    /// The public title; left out, the incident's.
    pub title: Option<String>,
    /// Which components of the page are affected, by their identifiers there.
    #[serde(default)]
    pub components: Vec<String>,
}

/// Adds a task.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskBody {
    /// What is to be done.
    pub text: String,
    /// By whom: a Slack identifier or an e-mail address.
    pub assignee: Option<String>,
}

/// Gives a role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleBody {
    /// Which.
    pub role: String,
    /// To whom: a Slack identifier or an e-mail address.
    pub user: String,
}

/// Answers the process's questions about the impact.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImpactBody {
    /// The answer to each question, by their ids; those that are left out count for nothing.
    pub answers: BTreeMap<String, String>,
}

/// Opens a private incident without being in it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GlassBody {
    /// Why; everybody who is in it reads it.
    #[schema(max_length = 3000)]
    pub why: String,
}

/// Adds a follow-up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowUpBody {
    /// What is to be done.
    pub text: String,
    /// Who sees to it: a Slack identifier or an e-mail address.
    pub owner: Option<String>,
    /// By which day: `2026-12-01`.
    pub due: Option<String>,
}

/// Writes a text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextBody {
    /// All of it.
    pub text: String,
}

/// A person by a Slack identifier or an e-mail address.
pub fn who(text: &str) -> Who {
    let t = text.trim();
    if t.contains('@') && !t.starts_with('@') {
        Who::email(t)
    } else {
        Who::slack(t.trim_start_matches('@'))
    }
}
