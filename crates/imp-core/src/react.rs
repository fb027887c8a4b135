//! What follows a fact by itself, as the process's steps say. Pure.

use crate::decision::Part;
use crate::effect::{Capability, Effect, LinkTo, Owner, Timer, What};
use crate::event::{Event, Fact, Link, Listener};
use crate::process::{Category, Process, Step, Trigger};
use crate::{Actor, At, Incident, Ref, audience, nudge};
use std::collections::BTreeSet;

/// How long a mirror that only others look at may lag behind, so that several changes become one call.
const CALM_MS: i64 = 1_000;

/// How long the journal in the ticket may lag behind what people do, so that a busy incident is one write and not many.
const JOURNAL_CALM_MS: i64 = 2_000;

/// How long it may lag behind what only IMP's own hands report: setting up an incident comes first.
pub const JOURNAL_LAG_MS: i64 = 10_000;

/// How long an alert waits for a catalogue that was never read before it is asked about without one.
const ROUTE_AT_LAST_MS: i64 = 10_000;

/// How long numbers that are kept elsewhere may lag behind, so that setting up an incident is one write.
const NUMBERS_CALM_MS: i64 = 5_000;

/// The effects of one fact on an incident that already includes it, each once.
pub fn react(i: &Incident, fact: &Fact, process: &Process, can: &BTreeSet<Capability>) -> Vec<Effect> {
    let mut out: Vec<Effect> = Vec::new();
    if i.back_filled.is_some() {
        // History from elsewhere: nobody is told, nothing is opened, no timer runs.
        return out;
    }
    let mut add = |e: Effect| {
        let capability = e.what.capability();
        let connected = capability == Capability::Desk || can.contains(&capability);
        if connected && applies(i, &e.what) && !out.iter().any(|o| o.what == e.what) {
            out.push(e);
        }
    };
    for trigger in triggers(i, fact, process) {
        for step in process.steps(trigger) {
            effects_of(step, trigger, i, fact, process)
                .into_iter()
                .for_each(&mut add);
        }
    }
    beyond_the_file(i, fact, process).into_iter().for_each(&mut add);
    audience::reports(i, fact).into_iter().for_each(&mut add);
    numbers(i, fact).into_iter().for_each(&mut add);
    watch(i, fact.at, process).into_iter().for_each(&mut add);
    add(Effect {
        what: What::TicketJournal,
        after_ms: match fact.by {
            Actor::Imp => JOURNAL_LAG_MS,
            Actor::Person { .. } | Actor::Token { .. } | Actor::Source { .. } | Actor::Jira { .. } => JOURNAL_CALM_MS,
        },
    });
    out
}

fn triggers(i: &Incident, fact: &Fact, process: &Process) -> Vec<Trigger> {
    use Trigger::*;
    match &fact.event {
        Event::Silenced { .. } => vec![Changed],
        Event::Marked { .. } | Event::NoteChanged { .. } | Event::NoteRemoved { .. } => vec![],
        Event::Opened { .. } | Event::Noted { .. } | Event::AskingWaits | Event::BackFilled { .. } => vec![],
        Event::AlertJoined { .. } | Event::AlertFired { .. } | Event::AlertCleared { .. } => vec![Changed],
        Event::Asked { .. } => vec![Raised, Changed],
        Event::Confirmed => vec![Confirmed],
        Event::Moved { to, fields, .. } => {
            let mut out = vec![Changed];
            if i.confirmed {
                out.push(Moved);
            }
            match process.category(to) {
                Category::Done if fields.contains_key("into") => out.push(Merged),
                Category::Done if i.confirmed => out.push(Closed),
                Category::After
                    if process
                        .moves_from(to)
                        .any(|m| process.category(&m.to) == Category::Done) =>
                {
                    out.push(Review)
                }
                Category::Triage | Category::Active | Category::After | Category::Done => {}
            }
            out
        }
        Event::PageTaken { .. } => vec![Page, Changed],
        Event::PageLeft { .. } => vec![Changed],
        Event::Summoned { .. } | Event::Joined { .. } => vec![People],
        Event::RoleTaken { .. } | Event::RoleLeft { .. } => vec![People, Changed],
        Event::RoleOffered { .. } | Event::RoleRefused { .. } => vec![Changed],
        Event::LeftWithDuties { .. } => vec![],
        Event::GlassBroken { .. } => vec![People, Changed],
        Event::Subscribed { .. } | Event::Unsubscribed { .. } | Event::Rated { .. } => vec![],
        Event::Retitled { .. } | Event::Summarised { .. } | Event::SeverityChanged { .. } => vec![Changed],
        Event::ServiceChanged { .. }
        | Event::ProcessTaken { .. }
        | Event::TimeCorrected { .. }
        | Event::PageMended
        | Event::Absorbed { .. }
        | Event::PagePosted { .. }
        | Event::ReviewWritten { .. }
        | Event::FollowUpDone { .. }
        | Event::HintsDismissed { .. }
        | Event::Nudged { .. }
        | Event::NudgeSnoozed { .. }
        | Event::NudgeDismissed { .. }
        | Event::Answered { .. } => vec![Changed],
        Event::UpdatePosted { .. } => vec![Update],
        Event::TaskAdded { .. } | Event::TaskDone { .. } => vec![Task],
        Event::FollowUpAdded { .. } => vec![FollowUp],
        // These are told on the card alone: nothing of the incident itself has changed.
        Event::StepFailed { .. } | Event::StepMended { .. } | Event::StepSkipped { .. } => vec![],
        Event::TicketMoved { .. } | Event::TicketLabelled { .. } | Event::TicketGone { .. } => vec![],
        Event::Commented { .. } | Event::CommentRemoved { .. } => vec![],
        Event::ConflictFound { .. } | Event::ConflictSettled { .. } => vec![],
        Event::DecisionProposed { .. } | Event::Objected { .. } | Event::DecisionTaken { .. } => vec![],
        Event::PageDiffers { .. } | Event::PageAgrees => vec![],
        Event::Linked { what } => match what {
            Link::Channel { .. } => vec![Channel],
            Link::Ticket { .. } => vec![Ticket],
            Link::Meeting { .. } => vec![Meeting],
            Link::Page { .. } => vec![Page],
            Link::Task { .. } | Link::FollowUp { .. } | Link::Card { .. } | Link::Announcement { .. } => vec![],
            Link::Said { .. } | Link::Pictures { .. } => vec![],
            Link::Question { .. } | Link::Members { .. } | Link::Archived => vec![],
            Link::TicketStatus { .. } | Link::TicketAgreed { .. } => vec![],
        },
    }
}

fn effects_of(step: Step, trigger: Trigger, i: &Incident, fact: &Fact, process: &Process) -> Vec<Effect> {
    let n = fact.n;
    let calm = if matches!(trigger, Trigger::Changed | Trigger::Update) {
        CALM_MS
    } else {
        0
    };
    let later = |what: What| vec![Effect { what, after_ms: calm }];
    let now = |what: What| vec![Effect::from(what)];
    match step {
        Step::Ask => {
            let Event::Asked { n, level, .. } = &fact.event else {
                return vec![];
            };
            let escalation = Effect {
                what: What::Timer(Timer::Escalate { level: *level }),
                after_ms: process.timing.answer_within.0,
            };
            vec![What::Ask { n: *n }.into(), escalation]
        }
        Step::Channel => now(What::OpenChannel),
        Step::Card => now(What::Card),
        Step::Topic => later(What::Topic),
        Step::Members => now(What::Members),
        Step::Bookmarks => now(What::Bookmarks),
        Step::Announcement => later(What::Announcement),
        Step::Questions => now(What::Questions),
        Step::Notice => {
            let Event::Moved { from, to, .. } = &fact.event else {
                return vec![];
            };
            now(What::Notice {
                fact: n,
                from: from.clone(),
                to: to.clone(),
                by: fact.by.clone(),
                at: Some(fact.at),
            })
        }
        Step::Update => posted(&fact.event, |n| What::PostUpdate { n }),
        Step::Review => now(What::PostReview { fact: n }),
        Step::LastWord => now(What::LastWord { fact: n }),
        Step::Archive => vec![Effect {
            what: What::ArchiveChannel { fact: n },
            after_ms: process.timing.archive_after.0,
        }],
        Step::Ticket => now(What::FileTicket),
        Step::Fields => now(What::TicketFields),
        Step::RecordStatus => now(What::TicketStatus),
        Step::Links => LinkTo::ALL
            .into_iter()
            .map(|to| What::TicketLink { to }.into())
            .collect(),
        Step::Comment => posted(&fact.event, |n| What::Comment { n }),
        Step::Task => {
            let file = i
                .tasks
                .iter()
                .filter(|t| t.ticket.is_none())
                .map(|t| What::FileTask { n: t.n }.into());
            let done = i
                .tasks
                .iter()
                .filter(|t| t.done && t.ticket.is_some())
                .map(|t| What::TaskStatus { n: t.n }.into());
            file.chain(done).collect()
        }
        Step::FollowUp => i
            .follow_ups
            .iter()
            .filter(|t| t.ticket.is_none())
            .map(|t| What::FileFollowUp { n: t.n }.into())
            .collect(),
        Step::Meeting => now(What::OpenMeeting),
        Step::PageStatus => now(What::PageStatus),
        Step::CatalogueEvent => now(What::CatalogueEvent { fact: n }),
    }
}

/// What is done about an update, where the fact is one.
fn posted(event: &Event, what: impl FnOnce(u32) -> What) -> Vec<Effect> {
    let Event::UpdatePosted { n, .. } = event else {
        return vec![];
    };
    vec![what(*n).into()]
}

/// What follows from the nature of things rather than from the organisation's wishes: timers, what waited for a
/// channel or a ticket, what a person asked for by hand.
fn beyond_the_file(i: &Incident, fact: &Fact, process: &Process) -> Vec<Effect> {
    match &fact.event {
        Event::AlertCleared { .. } if !i.any_firing() && process.category(&i.status) == Category::Triage => {
            let timer = Timer::Expire { fact: fact.n };
            vec![Effect {
                what: What::Timer(timer),
                after_ms: process.timing.triage_expires.0,
            }]
        }
        Event::Silenced { until, .. } => vec![Effect {
            what: What::Timer(Timer::WindowOver { fact: fact.n }),
            after_ms: until.since(fact.at).max(0),
        }],
        Event::AskingWaits => vec![Effect {
            what: What::Timer(Timer::Route),
            after_ms: ROUTE_AT_LAST_MS,
        }],
        Event::Moved { fields, .. } => match fields.get("into").and_then(|r| Ref::parse(r)) {
            Some(into) => vec![
                What::Absorb { into }.into(),
                What::Duplicate { other: into }.into(),
                What::HandPage { into }.into(),
            ],
            None => vec![],
        },
        // What was to be told to the public when it was merged was still under way.
        Event::Linked {
            what: Link::Page { .. },
        } => i
            .merged_into
            .map(|into| What::HandPage { into }.into())
            .into_iter()
            .collect(),
        // It was taken over from the ticket, or has to be put right there.
        Event::Linked {
            what: Link::TicketAgreed { .. },
        } if matches!(fact.by, Actor::Jira { .. }) => vec![What::TicketFields.into()],
        Event::RoleTaken { role, who, .. } if who.slack.is_some() => vec![
            What::Brief {
                fact: fact.n,
                role: role.clone(),
                who: who.clone(),
            }
            .into(),
        ],
        Event::Marked { ts } => vec![What::ReadMessage { ts: ts.clone() }.into()],
        // A file stands in the words by its address.
        Event::Noted { ts: Some(ts), text, .. } if text.contains("://") => {
            vec![What::KeepPictures { ts: ts.clone() }.into()]
        }
        Event::Linked {
            what: Link::Pictures { files },
        } => files.iter().map(|f| attach(f)).collect(),
        Event::RoleOffered { n, role, who } => vec![
            What::Offer {
                n: *n,
                role: role.clone(),
                who: who.clone(),
            }
            .into(),
        ],
        Event::LeftWithDuties { who, roles, tasks } => vec![
            What::Departure {
                fact: fact.n,
                who: who.clone(),
                roles: roles.clone(),
                tasks: tasks.clone(),
            }
            .into(),
        ],
        Event::Nudged { n, nudge, to, .. } if *to != Listener::Nobody => vec![
            What::Remind {
                n: *n,
                nudge: nudge.clone(),
                to: to.clone(),
            }
            .into(),
        ],
        Event::PagePosted { n, .. } => vec![What::PublicPost { n: *n }.into()],
        Event::Linked {
            what: Link::Card { .. },
        } => {
            // Whoever answered the alert did so before there was a channel to say it in.
            let asked = process
                .first(Category::Triage)
                .filter(|t| !i.questions.is_empty() && t.id != i.status);
            let notice = asked.map(|t| What::Notice {
                fact: fact.n,
                from: t.id.clone(),
                to: i.status.clone(),
                by: i.status_by.clone(),
                at: Some(i.status_since),
            });
            let updates = i.updates.iter().map(|u| What::PostUpdate { n: u.n });
            notice.into_iter().chain(updates).map(Effect::from).collect()
        }
        Event::Linked {
            what: Link::Ticket { .. },
        } => {
            let comments = i.updates.iter().map(|u| What::Comment { n: u.n });
            let tasks = i.tasks.iter().map(|t| What::FileTask { n: t.n });
            let follow_ups = i.follow_ups.iter().map(|t| What::FileFollowUp { n: t.n });
            let merged = i.merged_into.into_iter().chain(i.absorbed.iter().copied());
            let duplicates = merged.map(|other| What::Duplicate { other });
            let all = comments.chain(tasks).chain(follow_ups).chain(duplicates);
            all.map(Effect::from)
                .chain(i.pictures.iter().map(|f| attach(f)))
                .collect()
        }
        Event::Linked {
            what: Link::Task { n, .. },
        } if i.tasks.iter().any(|t| t.n == *n && t.done) => {
            vec![What::TaskStatus { n: *n }.into(), What::Card.into()]
        }
        Event::Linked {
            what: Link::Task { .. } | Link::FollowUp { .. },
        } => vec![What::Card.into()],
        Event::Linked {
            what: Link::Question { .. },
        } if process.category(&i.status) != Category::Triage => {
            vec![What::Questions.into()]
        }
        Event::StepFailed { key, .. } if *key == What::OpenChannel.key() => vec![What::Announcement.into()],
        Event::StepFailed { key, .. } | Event::StepMended { key } if *key == What::Card.key() => vec![],
        Event::StepFailed { .. } | Event::StepMended { .. } | Event::StepSkipped { .. } => vec![What::Card.into()],
        Event::TicketMoved { .. } | Event::TicketGone { .. } | Event::ConflictFound { .. } => vec![What::Card.into()],
        Event::ConflictSettled { followed: true } => vec![What::Card.into()],
        Event::ConflictSettled { followed: false } => vec![What::TicketStatus.into(), What::Card.into()],
        Event::DecisionProposed { n, until, .. } => vec![
            What::Decision {
                n: *n,
                part: Part::Proposed,
            }
            .into(),
            Effect {
                what: What::Timer(Timer::Decision { n: *n }),
                after_ms: until.since(fact.at).max(0),
            },
            What::Card.into(),
        ],
        Event::Objected { n, .. } => {
            let objections = i.decisions.iter().filter(|d| d.n == *n).map(|d| d.objections.len());
            let k = objections.max().unwrap_or(1).saturating_sub(1);
            let k = u32::try_from(k).unwrap_or(u32::MAX);
            let part = Part::Objected { k };
            vec![What::Decision { n: *n, part }.into(), What::Card.into()]
        }
        Event::DecisionTaken { n } => {
            let part = Part::Taken;
            vec![What::Decision { n: *n, part }.into(), What::Card.into()]
        }
        Event::PageDiffers { .. } | Event::PageAgrees => vec![What::Card.into()],
        Event::PageMended => vec![What::PageStatus.into(), What::Card.into()],
        Event::Opened { .. }
        | Event::AlertJoined { .. }
        | Event::AlertFired { .. }
        | Event::AlertCleared { .. }
        | Event::Asked { .. }
        | Event::TimeCorrected { .. }
        | Event::Confirmed
        | Event::Absorbed { .. }
        | Event::PageTaken { .. }
        | Event::PageLeft { .. }
        | Event::Summoned { .. }
        | Event::Joined { .. }
        | Event::Retitled { .. }
        | Event::Summarised { .. }
        | Event::SeverityChanged { .. }
        | Event::ServiceChanged { .. }
        | Event::ProcessTaken { .. }
        | Event::RoleTaken { .. }
        | Event::RoleRefused { .. }
        | Event::Subscribed { .. }
        | Event::Unsubscribed { .. }
        | Event::Rated { .. }
        | Event::GlassBroken { .. }
        | Event::UpdatePosted { .. }
        | Event::TaskAdded { .. }
        | Event::TaskDone { .. }
        | Event::FollowUpAdded { .. }
        | Event::FollowUpDone { .. }
        | Event::Nudged { .. }
        | Event::NudgeSnoozed { .. }
        | Event::NudgeDismissed { .. }
        | Event::HintsDismissed { .. }
        | Event::ReviewWritten { .. }
        | Event::Noted { .. }
        | Event::NoteChanged { .. }
        | Event::NoteRemoved { .. }
        | Event::Linked { .. }
        | Event::TicketLabelled { .. }
        | Event::Commented { .. }
        | Event::CommentRemoved { .. }
        | Event::Answered { .. }
        | Event::RoleLeft { .. }
        | Event::BackFilled { .. } => vec![],
    }
}

/// The numbers that a fact may have changed, of the incident's service and of its team. Private incidents are in none.
fn numbers(i: &Incident, fact: &Fact) -> Vec<Effect> {
    let counts = matches!(
        fact.event,
        Event::Opened { .. }
            | Event::Confirmed
            | Event::Moved { .. }
            | Event::SeverityChanged { .. }
            | Event::ServiceChanged { .. }
            | Event::TimeCorrected { .. }
    );
    if i.private || !counts {
        return Vec::new();
    }
    let service = i.service.as_ref().filter(|s| s.known);
    let service = service.map(|s| Owner::Service(s.alias.clone()));
    let team = i.team.as_ref().map(|t| Owner::Team(t.alias.clone()));
    let effect = |of| Effect {
        what: What::CatalogueNumbers { of },
        after_ms: NUMBERS_CALM_MS,
    };
    service.into_iter().chain(team).map(effect).collect()
}

fn attach(file: &str) -> Effect {
    What::AttachPicture { file: file.to_owned() }.into()
}

/// The next look at what is overdue, as of now; none where nothing is watched.
pub fn watch(i: &Incident, now: At, process: &Process) -> Option<Effect> {
    let (due, _) = nudge::next(i, process)?;
    Some(Effect {
        what: What::Timer(Timer::Watch),
        after_ms: due.since(now).max(0),
    })
}

/// Every mirror of an incident: what is repeated now and then, in case that somebody broke by hand what it shows. What the
/// public reads is not among them: where somebody changed that, a person is told and decides (`PageSource`).
pub fn mirrors(i: &Incident, can: &BTreeSet<Capability>) -> Vec<Effect> {
    let fixed = [
        What::Card,
        What::Topic,
        What::Members,
        What::Bookmarks,
        What::Announcement,
        What::Questions,
        What::TicketFields,
        What::TicketStatus,
        What::TicketJournal,
    ];
    let links = LinkTo::ALL.into_iter().map(|to| What::TicketLink { to });
    let done = i.tasks.iter().filter(|t| t.done && t.ticket.is_some());
    let tasks = done.map(|t| What::TaskStatus { n: t.n });
    let all = fixed.into_iter().chain(links).chain(tasks);
    all.filter(|w| can.contains(&w.capability()) && applies(i, w))
        .map(Effect::from)
        .collect()
}

/// Whether there is anything yet on which the effect could act.
pub fn applies(i: &Incident, what: &What) -> bool {
    let channel = i.links.channel.as_ref().filter(|c| !c.archived);
    let card = channel.is_some_and(|c| c.card.is_some());
    let ticket = i.links.ticket.as_ref().is_some_and(|t| t.gone.is_none());
    match what {
        What::Card | What::Topic | What::Members | What::Bookmarks | What::ArchiveChannel { .. } => channel.is_some(),
        What::Notice { .. } | What::PostUpdate { .. } | What::PostReview { .. } | What::LastWord { .. } => card,
        What::Remind {
            to: Listener::Channel, ..
        } => card,
        What::Remind { .. } | What::Brief { .. } | What::Offer { .. } | What::Report { .. } => true,
        What::Departure { .. } | What::Decision { .. } => card,
        What::ReadMessage { .. } | What::KeepPictures { .. } => channel.is_some(),
        What::OpenChannel => i.links.channel.is_none(),
        What::Announcement => i.confirmed && !i.private,
        What::Questions => !i.questions.is_empty(),
        // Tickets are seen by the whole project, so what a private incident's people write does not go there.
        What::Comment { .. } | What::AttachPicture { .. } => ticket && !i.private,
        What::FileTask { .. } | What::FileFollowUp { .. } => ticket && !i.private,
        What::TicketFields | What::TicketStatus => ticket,
        // Whoever sees the project could read it there.
        What::TicketJournal => ticket && !i.private,
        What::TicketLink { to } => {
            ticket
                && match to {
                    LinkTo::Imp => true,
                    // The title is in the channel's name, and the meeting's address lets everybody in.
                    LinkTo::Channel | LinkTo::Meeting | LinkTo::Page if i.private => false,
                    LinkTo::Channel => i.links.channel.is_some(),
                    LinkTo::Meeting => i.links.meeting.is_some(),
                    LinkTo::Page => i.links.page.is_some(),
                }
        }
        What::TaskStatus { .. } | What::Duplicate { .. } => ticket,
        What::FileTicket => i.links.ticket.is_none(),
        What::OpenMeeting => i.links.meeting.is_none(),
        // What was merged goes on elsewhere: the public is not told that it is over.
        What::PageStatus => i.links.page.is_some() && i.merged_into.is_none(),
        What::HandPage { .. } => i.links.page.is_some(),
        What::CatalogueEvent { .. } | What::CatalogueNumbers { .. } => !i.private,
        What::Digest { .. } | What::ProcessFile { .. } => true,
        What::Ask { .. } | What::PublicPost { .. } | What::Absorb { .. } | What::Timer(_) => true,
    }
}
