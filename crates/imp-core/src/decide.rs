//! The law: what a command means for an incident, as facts, or why it is refused. Pure.

use crate::audience::Subscriptions;
use crate::catalogue::{Catalogue, Directory};
use crate::command::{Command, Envelope};
use crate::effect::{Capability, Timer};
use crate::event::{Event, Link, ServiceName, TeamName};
use crate::person::Who;
use crate::process::{Category, Nudge, Process, Watch};
use crate::refusal::{Allowed, Kind, Refusal};
use crate::summons::{declined, escalate, invitees, not_asked, summon};
use crate::together::decide_all;
use crate::{
    At, Incident, Ref, audience, correct, decision, edit, follow, public, raise, record, rights, role, timeline, whom,
    words,
};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a decision may look at besides the incident.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The process that it follows, with its overlays; for a new one, the process in force.
    pub process: &'a Process,
    /// The process in force.
    pub in_force: &'a Process,
    /// The catalogue as last seen.
    pub catalogue: &'a Catalogue,
    /// People as last seen.
    pub directory: &'a Directory,
    /// The reference that a new incident gets.
    pub next: Ref,
    /// Who follows which service.
    pub subscriptions: &'a Subscriptions,
    /// The other incident that the command names, if there is one, and the process that it follows, with its overlays.
    pub other: Option<(&'a Incident, &'a Process)>,
    /// What IMP is connected to.
    pub can: &'a BTreeSet<Capability>,
    /// Now.
    pub now: At,
    /// Whether a catalogue will be known soon: it is configured and was never read yet.
    pub catalogue_comes: bool,
}

impl Command {
    /// The other incident that a decision will want to look at.
    pub fn names(&self) -> Option<Ref> {
        match self {
            Command::Move { fields, .. } => fields.get("into").and_then(|r| Ref::parse(r)),
            Command::Together { wishes } => wishes.iter().find_map(Command::names),
            Command::Alert(_)
            | Command::Declare { .. }
            | Command::Edit { .. }
            | Command::Assign { .. }
            | Command::Accept { .. }
            | Command::Refuse { .. }
            | Command::Leave { .. }
            | Command::Subscribe { .. }
            | Command::Unsubscribe { .. }
            | Command::Rate { .. }
            | Command::TakeProcess { .. }
            | Command::CorrectTime { .. }
            | Command::Propose { .. }
            | Command::Object { .. }
            | Command::Decide { .. }
            | Command::PageSeen { .. }
            | Command::MendPage
            | Command::BreakGlass { .. }
            | Command::Post { .. }
            | Command::Publish { .. }
            | Command::AddTask { .. }
            | Command::FinishTask { .. }
            | Command::AddFollowUp { .. }
            | Command::FinishFollowUp { .. }
            | Command::Snooze { .. }
            | Command::Dismiss { .. }
            | Command::DismissHints { .. }
            | Command::WriteReview { .. }
            | Command::Note { .. }
            | Command::Mark { .. }
            | Command::Reword { .. }
            | Command::Unsay { .. }
            | Command::Join { .. }
            | Command::Retry { .. }
            | Command::Skip { .. }
            | Command::Absorb { .. }
            | Command::TakePage { .. }
            | Command::Learn { .. }
            | Command::GiveUp { .. }
            | Command::Nudge { .. }
            | Command::Adopt { .. }
            | Command::Settle { .. }
            | Command::Repeat => None,
        }
    }
}

/// Decides. An empty list is an answer too: it was so already.
///
/// # Errors
/// A refusal that says what is missing and what is allowed.
pub fn decide(incident: Option<&Incident>, envelope: &Envelope, facts: &Facts) -> Result<Vec<Event>, Refusal> {
    let mut events = granted(incident, envelope, facts)?;
    events.extend(audience::for_the_service(incident, &events, &envelope.by, facts));
    Ok(events)
}

/// What is granted of a wish, without what follows for those who follow its service.
pub(crate) fn granted(incident: Option<&Incident>, envelope: &Envelope, facts: &Facts) -> Result<Vec<Event>, Refusal> {
    let command = &envelope.command;
    if envelope.role < rights::least(command) {
        let need = rights::least(command).word();
        let message = format!(
            "That needs the role {need}; {} is {}.",
            envelope.by.label(),
            envelope.role.word()
        );
        return Err(Refusal::new(Kind::Forbidden, message));
    }
    match (command, incident) {
        (Command::Alert(alert), None) => Ok(raise::opened_by_alert(alert, facts)),
        (Command::Alert(alert), Some(i)) => Ok(raise::alert_again(i, alert, facts)),
        (Command::Declare { .. }, _) => declare(envelope, facts),
        (_, None) => Err(unknown(envelope.about)),
        (Command::BreakGlass { why }, Some(i)) => break_glass(i, why, envelope, facts),
        (_, Some(i)) if !rights::may_see(i, &envelope.by, envelope.role) => Err(unknown(Some(i.reference))),
        (_, Some(i)) => of_incident(i, envelope, facts),
    }
}

/// Somebody who may opens a private incident without being in it. Everybody who is in it sees that, and why.
fn break_glass(i: &Incident, why: &str, envelope: &Envelope, facts: &Facts) -> Result<Vec<Event>, Refusal> {
    let why = line("why", why, "why it has to be opened without being invited")?;
    let Some(who) = envelope.by.who().map(|w| facts.directory.complete(w)) else {
        // An administrator's token sees it as it is; it is nobody who could be in it.
        return Ok(Vec::new());
    };
    Ok(match i.private && !i.has_member(&who) {
        true => vec![Event::GlassBroken { who, why }],
        false => Vec::new(),
    })
}

/// The refusal of an incident that is not there, in the same words for one that may not be seen.
pub fn unknown(reference: Option<Ref>) -> Refusal {
    Refusal::new(
        Kind::Unknown,
        match reference {
            Some(r) => format!("There is no incident {r} that you can see."),
            None => "Say which incident: its reference (IMP-42), or do it in its channel.".to_owned(),
        },
    )
}

pub(crate) fn of_incident(i: &Incident, envelope: &Envelope, facts: &Facts) -> Result<Vec<Event>, Refusal> {
    match &envelope.command {
        Command::Alert(_) | Command::Declare { .. } => Ok(Vec::new()),
        Command::BreakGlass { why } => break_glass(i, why, envelope, facts),
        Command::Move { to, fields } => change_status(i, to, fields, envelope, facts),
        Command::Edit {
            title,
            summary,
            severity,
            service,
        } => edit::edit(
            i,
            [
                title.as_deref(),
                summary.as_deref(),
                severity.as_deref(),
                service.as_deref(),
            ],
            envelope,
            facts,
        ),
        Command::Subscribe { who } => audience::subscribe(i, who, facts),
        Command::Unsubscribe { who } => Ok(audience::unsubscribe(i, who, facts)),
        Command::TakeProcess { status } => follow::take(i, status.as_deref(), facts),
        Command::CorrectTime { moment, to, why } => correct::correct(i, moment, *to, why, envelope, facts),
        Command::Propose { text } => decision::propose(i, text, envelope, facts),
        Command::Object { n, why } => decision::object(i, *n, why, facts),
        Command::Decide { n } => decision::take(i, *n, facts),
        Command::PageSeen { differs } => Ok(public::seen(i, differs.as_ref())),
        Command::MendPage => public::mend(i),
        Command::Rate { answers } => edit::rate(i, answers, envelope, facts),
        Command::Assign { role, who } => role::assign(i, role, who, envelope, facts),
        Command::Accept { role } => role::accept(i, role, envelope, facts),
        Command::Refuse { role } => role::refuse(i, role, envelope, facts),
        Command::Leave { who } => Ok(role::left(i, who, facts)),
        Command::Post { text } => {
            needs_open(i, facts)?;
            Ok(vec![Event::UpdatePosted {
                n: next(i.updates.last().map(|u| u.n)),
                text: body("text", text, "the update")?,
            }])
        }
        Command::Publish {
            title,
            body: text,
            components,
        } => public::publish(i, title, text, components, facts),
        Command::TakePage {
            from,
            id,
            url,
            title,
            body,
            components,
        } => Ok(public::take(i, *from, [id, url, title, body], components)),
        Command::AddTask { text, assignee } => {
            needs_open(i, facts)?;
            Ok(vec![Event::TaskAdded {
                n: next(i.tasks.last().map(|t| t.n)),
                text: line("text", text, "what is to be done")?,
                assignee: assignee
                    .as_ref()
                    .map(|w| whom::person(w, "assignee", facts))
                    .transpose()?,
            }])
        }
        Command::FinishTask { n } => match i.tasks.iter().find(|t| t.n == *n) {
            Some(t) if t.done => Ok(Vec::new()),
            Some(_) => Ok(vec![Event::TaskDone { n: *n }]),
            None => Err(Refusal::field("n", format!("{} has no task {n}.", i.reference))),
        },
        Command::AddFollowUp { text, owner, due } => {
            needs_confirmed(i, facts)?;
            if due
                .as_deref()
                .is_some_and(|d| d.len() != 10 || At::parse(&format!("{d}T00:00:00Z")).is_none())
            {
                return Err(Refusal::field("due", "Write the day as 2026-12-01."));
            }
            Ok(vec![Event::FollowUpAdded {
                n: next(i.follow_ups.last().map(|t| t.n)),
                text: line("text", text, "what is to be done")?,
                owner: owner.as_ref().map(|w| whom::person(w, "owner", facts)).transpose()?,
                due: due.clone(),
            }])
        }
        Command::FinishFollowUp { n } => match i.follow_ups.iter().find(|f| f.n == *n) {
            Some(f) if f.done => Ok(Vec::new()),
            Some(_) => Ok(vec![Event::FollowUpDone { n: *n }]),
            None => Err(Refusal::field("n", format!("{} has no follow-up {n}.", i.reference))),
        },
        Command::DismissHints { others } => {
            let mut new = others.clone();
            new.retain(|o| !i.unhelpful.contains(o));
            Ok(match new.is_empty() {
                true => Vec::new(),
                false => vec![Event::HintsDismissed { others: new }],
            })
        }
        Command::Snooze { nudge } => {
            told(i, nudge, facts)?;
            let until = envelope.at.plus(facts.process.nudging.snooze.0);
            Ok(vec![Event::NudgeSnoozed {
                nudge: nudge.clone(),
                until,
            }])
        }
        Command::Dismiss { nudge, why } => {
            told(i, nudge, facts)?;
            Ok(vec![Event::NudgeDismissed {
                nudge: nudge.clone(),
                why: line("why", why, "why it is not needed")?,
            }])
        }
        Command::WriteReview { text } => {
            needs_confirmed(i, facts)?;
            let text = body("text", text, "the review")?;
            Ok(if i.review.as_ref() == Some(&text) {
                Vec::new()
            } else {
                vec![Event::ReviewWritten { text }]
            })
        }
        Command::Note { text, ts } => timeline::note(i, text, ts.as_deref()),
        Command::Mark { ts, emoji } => Ok(timeline::mark(i, ts, emoji, facts)),
        Command::Reword { ts, text } => Ok(timeline::reword(i, ts, text)),
        Command::Unsay { ts } => Ok(timeline::unsay(i, ts)),
        Command::Join { who } => whom::person(who, "user", facts).map(|who| join(i, &who)),
        Command::Retry { key } => failed(i, key).map(|()| vec![Event::StepMended { key: key.clone() }]),
        Command::Skip { key, why } => {
            failed(i, key)?;
            Ok(vec![Event::StepSkipped {
                key: key.clone(),
                why: line("why", why, "why it is not needed")?,
            }])
        }
        Command::Absorb {
            other,
            title,
            alerts,
            people,
        } => Ok(if i.absorbed.contains(other) {
            Vec::new()
        } else {
            let (other, title, alerts) = (*other, title.clone(), alerts.clone());
            let mut out = vec![Event::Absorbed { other, title, alerts }];
            if !i.private {
                // Into a private one people come by name alone.
                summon(&mut out, i.members.clone(), people.clone());
            }
            out
        }),
        Command::Learn { key, links } => {
            let mended = i
                .failed
                .iter()
                .any(|f| f.key == *key)
                .then(|| Event::StepMended { key: key.clone() });
            Ok(mended
                .into_iter()
                .chain(links.iter().map(|link| timeline::learnt(i, link, facts)))
                .collect())
        }
        Command::GiveUp { key, what, why } => Ok(give_up(i, key, what, why, facts)),
        Command::Nudge { timer } => Ok(nudge(i, timer, envelope, facts)),
        Command::Together { wishes } => decide_all(i, wishes, envelope, facts),
        Command::Adopt { change, seen } => Ok(record::adopt(i, change, seen.as_ref(), envelope, facts)),
        Command::Settle { follow, fields } => record::settle(i, *follow, fields, envelope, facts),
        Command::Repeat => Ok(Vec::new()),
    }
}

// ---- beginning

fn declare(envelope: &Envelope, facts: &Facts) -> Result<Vec<Event>, Refusal> {
    let Command::Declare {
        title,
        summary,
        severity,
        service,
        team,
        private,
        members,
        impact,
    } = &envelope.command
    else {
        return Ok(Vec::new());
    };
    let active = facts
        .process
        .first(Category::Active)
        .map(|s| s.id.clone())
        .unwrap_or_default();
    let title = line("title", title, "in a few words what is wrong")?;
    let service = service
        .as_deref()
        .filter(|s| !s.trim().is_empty())
        .map(|s| service_named(s, facts))
        .transpose()?;
    let team = match team.as_deref().filter(|t| !t.trim().is_empty()) {
        Some(t) => Some(team_named(t, facts)?),
        None => service
            .as_ref()
            .and_then(|s| facts.catalogue.service(&s.alias))
            .and_then(|s| team_of(s, facts.catalogue)),
    };
    let overlays = facts
        .process
        .overlays_of(service.as_ref(), team.as_ref(), facts.catalogue);
    let process = &facts.process.with(&overlays);
    let facts = &Facts { process, ..*facts };
    let impact = edit::answered(impact);
    let severity = match severity.as_deref().filter(|s| !s.trim().is_empty()) {
        _ if !impact.is_empty() => edit::rated(&impact, facts)?,
        Some(s) => severity_named(s, facts)?,
        None => process.severity_default.declared.clone(),
    };
    let mut out = vec![
        Event::Opened {
            reference: facts.next,
            title,
            summary: words::text(summary),
            severity: severity.clone(),
            status: active,
            service: service.clone(),
            team: team.clone(),
            private: *private,
            process: process.version.clone(),
            edition: process.edition.clone(),
            overlays,
        },
        Event::Confirmed,
    ];
    let named = members.iter().map(|w| whom::person(w, "members", facts));
    let mut who: Vec<Who> = named.collect::<Result<_, _>>()?;
    if !*private {
        who.extend(invitees(&severity, service.as_ref(), team.as_ref(), facts));
    }
    if !impact.is_empty() {
        out.push(Event::Rated { answers: impact });
    }
    summon(&mut out, Vec::new(), who);
    Ok(out)
}

// ---- moving on

pub(crate) fn change_status(
    i: &Incident,
    to: &str,
    given: &BTreeMap<String, String>,
    envelope: &Envelope,
    facts: &Facts,
) -> Result<Vec<Event>, Refusal> {
    let process = facts.process;
    let label = |id: &str| process.status(id).map_or(id.to_owned(), |s| s.label.clone());
    let Some(target) = process.status(to) else {
        let message = format!(
            "There is no status {:?}. From {} it can go to {}.",
            words::cut(to, 40),
            label(&i.status),
            possible(i, process)
        );
        return Err(with_allowed(Refusal::new(Kind::Conflict, message), i, process));
    };
    if target.id == i.status {
        let message = format!("{} is {} already.", i.reference, target.label);
        return Err(with_allowed(Refusal::new(Kind::Conflict, message), i, process));
    }
    let Some(mv) = process.find_move(&i.status, &target.id) else {
        let message = format!(
            "{} is {}; from there it cannot become {}. It can go to {}.",
            i.reference,
            label(&i.status),
            target.label,
            possible(i, process)
        );
        return Err(with_allowed(Refusal::new(Kind::Conflict, message), i, process));
    };
    let mut fields = BTreeMap::new();
    for name in mv.requires.iter().chain(&mv.asks) {
        if let (Some(value), Some(field)) = (given.get(name), process.field(name)) {
            let value = field.answer(value).map_err(|why| {
                let mut refusal = Refusal::new(Kind::Invalid, format!("{}: {why}", field.label));
                refusal.fields = vec![(name.clone(), why)];
                refusal
            })?;
            if !value.is_empty() {
                fields.insert(name.clone(), value);
            }
        }
    }
    let mut known = i.fields.clone();
    known.extend(fields.clone());
    let missing = process.missing(mv, &known);
    if !missing.is_empty() {
        let names: Vec<String> = missing.iter().map(|f| f.id.clone()).collect();
        let message = format!(
            "To become {}, {} still needs {}.",
            target.label,
            i.reference,
            words::list(&names)
        );
        let mut refusal = with_allowed(Refusal::new(Kind::Conflict, message), i, process);
        refusal.fields = missing
            .iter()
            .map(|f| (f.id.clone(), format!("Needed: {}", f.label)))
            .collect();
        return Err(refusal);
    }
    if let Some(into) = fields.get("into").filter(|_| mv.merges()) {
        let other = mergeable(i, into, envelope, facts)?;
        fields.insert("into".to_owned(), other.reference.to_string());
    }
    let mut out = vec![Event::Moved {
        from: i.status.clone(),
        to: target.id.clone(),
        fields,
    }];
    if !i.confirmed && target.category == Category::Active {
        out.push(Event::Confirmed);
        let mut here = i.members.clone();
        here.extend(envelope.by.who().cloned());
        let who = invitees(&i.severity, i.service.as_ref(), i.team.as_ref(), facts);
        summon(&mut out, here, who);
    }
    Ok(out)
}

fn mergeable<'a>(i: &Incident, into: &str, envelope: &Envelope, facts: &Facts<'a>) -> Result<&'a Incident, Refusal> {
    let refuse = |message: String| Refusal {
        kind: Kind::Conflict,
        ..Refusal::field("into", message)
    };
    let Some(reference) = Ref::parse(into) else {
        return Err(refuse(format!(
            "{:?} is not a reference such as IMP-42.",
            words::cut(into, 40)
        )));
    };
    if reference == i.reference {
        return Err(refuse(format!("{reference} cannot be merged into itself.")));
    }
    let seen = facts
        .other
        .filter(|(o, _)| o.reference == reference && rights::may_see(o, &envelope.by, envelope.role));
    let Some((other, its)) = seen else {
        return Err(refuse(format!("There is no incident {reference} that you can see.")));
    };
    if i.private && !other.private {
        return Err(refuse(format!(
            "{} is private and {reference} is not; what is in it would be seen by others.",
            i.reference
        )));
    }
    if !its.category(&other.status).is_open() {
        return Err(refuse(format!(
            "{reference} is {}; choose one that is open.",
            its.status(&other.status).map_or(&other.status, |s| &s.label)
        )));
    }
    Ok(other)
}

/// Which moves are possible, as refusals and REST show them.
pub fn allowed(i: &Incident, process: &Process) -> Vec<Allowed> {
    process
        .moves_from(&i.status)
        .map(|m| Allowed {
            status: m.to.clone(),
            label: m.label.clone(),
            requires: process
                .missing(m, &i.fields)
                .into_iter()
                .map(|f| f.id.clone())
                .collect(),
        })
        .collect()
}

pub(crate) fn with_allowed(mut refusal: Refusal, i: &Incident, process: &Process) -> Refusal {
    refusal.allowed = allowed(i, process);
    refusal
}

fn possible(i: &Incident, process: &Process) -> String {
    let label = |id: &str| process.status(id).map_or(id.to_owned(), |s| s.label.clone());
    let all: Vec<String> = process.moves_from(&i.status).map(|m| label(&m.to)).collect();
    if all.is_empty() {
        "nothing: it is finished".to_owned()
    } else {
        words::list(&all)
    }
}

fn needs_confirmed(i: &Incident, facts: &Facts) -> Result<(), Refusal> {
    if i.confirmed {
        return Ok(());
    }
    let message = match facts.process.category(&i.status) {
        Category::Triage => format!("{} is not confirmed yet: say first whether it is real.", i.reference),
        Category::Active | Category::After | Category::Done => format!("{} was never confirmed.", i.reference),
    };
    Err(with_allowed(Refusal::new(Kind::Conflict, message), i, facts.process))
}

/// Confirmed, and not finished: something can still be written into it.
pub(crate) fn needs_open(i: &Incident, facts: &Facts) -> Result<(), Refusal> {
    needs_confirmed(i, facts)?;
    if facts.process.category(&i.status) != Category::Done {
        return Ok(());
    }
    let message = match i.merged_into {
        Some(into) => format!("{} was merged; it goes on as {into}.", i.reference),
        None => format!(
            "{} is finished; nothing more is written into it. Declare a new one if it is back.",
            i.reference
        ),
    };
    Err(with_allowed(Refusal::new(Kind::Conflict, message), i, facts.process))
}

// ---- who is in it

fn join(i: &Incident, who: &Who) -> Vec<Event> {
    let mut out = Vec::new();
    if !i.has_member(who) {
        out.push(Event::Joined { who: who.clone() });
    }
    if let (Some(c), Some(id)) = (&i.links.channel, &who.slack)
        && !c.invited.contains(id)
    {
        out.push(Event::Linked {
            what: Link::Members {
                slack: vec![id.clone()],
            },
        });
    }
    out
}

/// A reminder that was given and is still about what is overdue.
fn told(i: &Incident, nudge: &str, facts: &Facts) -> Result<(), Refusal> {
    let of_after = |n: &Nudge| n.id == nudge && n.when == Watch::FollowUpLate;
    if facts.process.category(&i.status) == Category::Done && !facts.process.nudges.iter().any(of_after) {
        let message = format!("{} is over; nobody is reminded of that any more.", i.reference);
        return Err(Refusal::new(Kind::Conflict, message));
    }
    match i.nudges.get(nudge) {
        Some(t) if t.dismissed.is_none() => Ok(()),
        Some(_) | None => Err(Refusal::new(
            Kind::Conflict,
            format!("{} has no open reminder {:?}.", i.reference, words::cut(nudge, 40)),
        )),
    }
}

fn failed(i: &Incident, key: &str) -> Result<(), Refusal> {
    if i.failed.iter().any(|f| f.key == key) {
        return Ok(());
    }
    Err(Refusal::new(
        Kind::Conflict,
        format!("{} has no failed step {:?}.", i.reference, words::cut(key, 80)),
    ))
}

// ---- what hands and timers report

fn give_up(i: &Incident, key: &str, what: &str, why: &str, facts: &Facts) -> Vec<Event> {
    if let Some(facts) = not_asked(i, key, why, facts) {
        return facts;
    }
    let why = words::cut(why, 500);
    // It was tried again and failed as before: that is no news.
    if i.failed.iter().any(|f| f.key == key && f.why == why) {
        return Vec::new();
    }
    vec![Event::StepFailed {
        key: key.to_owned(),
        what: what.to_owned(),
        why,
    }]
}

fn nudge(i: &Incident, timer: &Timer, envelope: &Envelope, facts: &Facts) -> Vec<Event> {
    if *timer == Timer::Route {
        return raise::route(i, facts);
    }
    if let Timer::WindowOver { .. } = timer {
        return raise::window_over(i, facts);
    }
    if let Timer::Decision { n } = timer {
        return decision::over(i, *n, facts);
    }
    if *timer == Timer::Watch {
        return crate::nudge::look(i, envelope.at, facts.process, facts.catalogue, facts.directory);
    }
    if facts.process.category(&i.status) != Category::Triage {
        return Vec::new();
    }
    match timer {
        Timer::Escalate { level } => escalate(i, *level, facts),
        Timer::Route | Timer::Watch | Timer::Decision { .. } | Timer::WindowOver { .. } => Vec::new(),
        Timer::Expire { .. } => {
            let quiet_since = i.alerts.iter().map(|a| a.changed_at).max().unwrap_or(i.opened_at);
            let long_enough = envelope.at.since(quiet_since) >= facts.process.timing.triage_expires.0;
            let waited = facts.process.timing.triage_expires.words();
            let reason = format!("Nobody answered, and all its alerts have been resolved for {waited}.");
            match !i.any_firing() && long_enough {
                true => declined(i, &reason, facts),
                false => Vec::new(),
            }
        }
    }
}

// ---- names

pub(crate) fn service_name(s: &crate::catalogue::Service) -> ServiceName {
    ServiceName {
        alias: s.alias.clone(),
        name: s.name.clone(),
        known: true,
    }
}

pub(crate) fn unknown_service(hint: &str) -> ServiceName {
    let name = raise::unknown_alias(hint);
    ServiceName {
        alias: name.clone(),
        name,
        known: false,
    }
}

pub(crate) fn team_of(s: &crate::catalogue::Service, catalogue: &Catalogue) -> Option<TeamName> {
    let alias = s.team.as_deref()?;
    let team = catalogue.team(alias);
    Some(TeamName {
        alias: alias.to_owned(),
        name: team.map_or(alias, |t| t.name.as_str()).to_owned(),
        country: team.and_then(|t| t.tag("country")).map(str::to_owned),
    })
}

/// The service that a person named. While the catalogue has never been read, any word is taken.
pub(crate) fn service_named(word: &str, facts: &Facts) -> Result<ServiceName, Refusal> {
    if let Some(s) = facts.catalogue.service(word) {
        return Ok(service_name(s));
    }
    if facts.catalogue.services.is_empty() {
        return Ok(unknown_service(word));
    }
    let nearest = facts
        .catalogue
        .nearest_service(word)
        .map(|s| format!(" Did you mean {}?", s.alias))
        .unwrap_or_default();
    Err(Refusal::field(
        "service",
        format!("The catalogue has no service {:?}.{nearest}", words::cut(word, 80)),
    ))
}

pub(crate) fn team_named(word: &str, facts: &Facts) -> Result<TeamName, Refusal> {
    if let Some(t) = facts.catalogue.team(word) {
        return Ok(TeamName {
            alias: t.alias.clone(),
            name: t.name.clone(),
            country: t.tag("country").map(str::to_owned),
        });
    }
    if facts.catalogue.teams.is_empty() {
        let name = words::cut(&words::title(word), 80);
        return Ok(TeamName {
            alias: name.clone(),
            name,
            country: None,
        });
    }
    Err(Refusal::field(
        "team",
        format!("The catalogue has no team {:?}.", words::cut(word, 80)),
    ))
}

pub(crate) fn severity_named(word: &str, facts: &Facts) -> Result<String, Refusal> {
    facts.process.severity(word).map(|s| s.id.clone()).ok_or_else(|| {
        let all: Vec<String> = facts.process.severities.iter().map(|s| s.id.clone()).collect();
        Refusal::field(
            "severity",
            format!(
                "There is no severity {:?}; there are {}.",
                words::cut(word, 40),
                words::list(&all)
            ),
        )
    })
}

pub(crate) fn line(field: &str, text: &str, what: &str) -> Result<String, Refusal> {
    let text = words::title(text);
    if text.is_empty() {
        Err(Refusal::field(field, format!("Say {what}.")))
    } else {
        Ok(text)
    }
}

pub(crate) fn body(field: &str, text: &str, what: &str) -> Result<String, Refusal> {
    let text = words::text(text);
    if text.is_empty() {
        Err(Refusal::field(field, format!("Write {what}; it is empty.")))
    } else {
        Ok(text)
    }
}

pub(crate) fn next(last: Option<u32>) -> u32 {
    last.unwrap_or(0) + 1
}
