//! Whom a triage asks, one after the other, and whom an incident invites by itself. Pure.

use crate::decide::Facts;
use crate::effect::What;
use crate::event::{Event, ServiceName, Target, TeamName};
use crate::person::Who;
use crate::process::{Category, Invitee, Process};
use crate::{At, Incident, metric, words};
use std::collections::BTreeMap;

/// Whom a triage asks, one after the other: the process's path, then the announcement channel, then the default responder.
pub fn path(service: Option<&ServiceName>, team: Option<&TeamName>, facts: &Facts) -> Vec<Target> {
    let alias = team.map(|t| t.alias.as_str());
    let scheduled = || facts.process.scheduled(alias, facts.now);
    let service = service.and_then(|s| facts.catalogue.service(&s.alias));
    let team = team.and_then(|t| facts.catalogue.team(&t.alias));
    let mut out: Vec<Target> = Vec::new();
    let mut add = |t: Target| {
        if !out.contains(&t) {
            out.push(t);
        }
    };
    for step in &facts.process.escalation.path {
        match step {
            // Where the catalogue knows nobody, the first schedule of the process does.
            Invitee::OnCall => match service.map(|s| s.on_call.as_slice()).unwrap_or_default() {
                [] => scheduled()
                    .take(1)
                    .for_each(|w| add(Target::Person(facts.directory.complete(&w)))),
                some => some
                    .iter()
                    .for_each(|w| add(Target::Person(facts.directory.complete(w)))),
            },
            Invitee::Schedule => scheduled().for_each(|w| add(Target::Person(facts.directory.complete(&w)))),
            Invitee::TeamChannel => team
                .and_then(|t| t.channel.clone())
                .into_iter()
                .for_each(|c| add(Target::Channel(c))),
            Invitee::Manager => team
                .and_then(|t| t.manager.as_ref())
                .iter()
                .for_each(|w| add(Target::Person(facts.directory.complete(w)))),
            Invitee::Team => team
                .iter()
                .flat_map(|t| &t.members)
                .for_each(|w| add(Target::Person(facts.directory.complete(w)))),
        }
    }
    add(Target::Announcements);
    if let Some(last) = &facts.process.escalation.default_responder {
        default_responder(last, facts).into_iter().for_each(add);
    }
    out
}

/// Whom a process or a configuration names as the last resort: an e-mail address, a team of the catalogue (its channel,
/// then its manager), else a Slack identifier.
fn default_responder(name: &str, facts: &Facts) -> Vec<Target> {
    let person = |w: &Who| Target::Person(facts.directory.complete(w));
    let name = name.trim();
    if name.contains('@') {
        return vec![person(&Who::email(name))];
    }
    match facts.catalogue.team(name) {
        Some(t) => {
            let channel = t.channel.clone().map(Target::Channel);
            channel.into_iter().chain(t.manager.as_ref().map(person)).collect()
        }
        None => vec![person(&Who::slack(name))],
    }
}

/// The time for an answer is over: the next on the path is asked. Where nobody is left and no question has reached
/// anybody, that is a failure which a person has to see.
pub(crate) fn escalate(i: &Incident, level: u32, facts: &Facts) -> Vec<Event> {
    let Some(last) = i.questions.iter().max_by_key(|q| q.level).filter(|q| q.level == level) else {
        return Vec::new();
    };
    if metric::is_test(i) && last.posted.is_some() {
        let ended = declined(i, "A test: it arrived, and nobody has to answer it.", facts);
        if !ended.is_empty() {
            return ended;
        }
    }
    let whom = target_label(&last.whom);
    let waited = facts.process.timing.answer_within.words();
    let next = ask_next(i, format!("{whom} has not answered for {waited}"), facts);
    if next.is_empty() && nobody_reached(i) {
        let why = format!("no question could be delivered for {waited}, and nobody is left to ask");
        return vec![nobody(last.n, &why, facts)];
    }
    next
}

/// Nobody answers for it: it is a false alarm, where the process has a move for that.
pub(crate) fn declined(i: &Incident, reason: &str, facts: &Facts) -> Vec<Event> {
    let mut moves = facts.process.moves_from(&i.status);
    let out = moves.find(|m| m.requires.iter().any(|f| f == "reason"));
    out.map(|m| Event::Moved {
        from: i.status.clone(),
        to: m.to.clone(),
        fields: BTreeMap::from([("reason".to_owned(), reason.to_owned())]),
    })
    .into_iter()
    .collect()
}

/// What follows when the effect `key` is given up, if it was a question: the next is asked at once, or it is said that
/// there is nobody. `None` where it was something else, or somebody was asked all the same.
pub(crate) fn not_asked(i: &Incident, key: &str, why: &str, facts: &Facts) -> Option<Vec<Event>> {
    let n = key.strip_prefix("chat.ask.").and_then(|n| n.parse::<u32>().ok())?;
    let q = i.questions.iter().find(|q| q.n == n)?;
    let level = i.questions.iter().map(|q| q.level).max().unwrap_or(0);
    if facts.process.category(&i.status) != Category::Triage || q.level != level {
        return None;
    }
    let failed = format!("{} could not be asked: {why}", target_label(&q.whom));
    let next = ask_next(i, failed.clone(), facts);
    if !next.is_empty() {
        return Some(next);
    }
    // Said once is enough, however often it is tried again.
    let told = i.failed.iter().any(|f| f.key == key);
    nobody_reached(i).then(|| match told {
        true => Vec::new(),
        false => vec![nobody(n, &failed, facts)],
    })
}

fn nobody(n: u32, why: &str, facts: &Facts) -> Event {
    let advice = match facts.process.escalation.default_responder {
        Some(_) => "",
        None => ". Name a default_responder under [organisation]",
    };
    Event::StepFailed {
        key: What::Ask { n }.key(),
        what: "ask anybody whether it is real".to_owned(),
        why: words::cut(&format!("{why}{advice}"), 500),
    }
}

fn nobody_reached(i: &Incident) -> bool {
    i.questions.iter().all(|q| q.posted.is_none())
}

/// Whether an alert waits for an answer and nobody has been reached who could give it: all that could be asked have
/// failed, or the time for an answer is over without any question delivered.
pub fn is_unasked(i: &Incident, process: &Process, now: At) -> bool {
    let all_failed = || {
        let last = i.questions.last().map(|q| What::Ask { n: q.n }.key());
        last.is_some_and(|key| i.failed.iter().any(|f| f.key == key))
    };
    process.category(&i.status) == Category::Triage
        && i.silenced_until
            .is_none_or(|until| until.plus(process.timing.answer_within.0) <= now || !i.questions.is_empty())
        && nobody_reached(i)
        && (all_failed() || now.since(i.opened_at) >= process.timing.answer_within.0)
}

fn ask_next(i: &Incident, because: String, facts: &Facts) -> Vec<Event> {
    let asked: Vec<&Target> = i.questions.iter().map(|q| &q.whom).collect();
    let already = |t: &Target| {
        asked.iter().any(|a| match (a, t) {
            (Target::Person(a), Target::Person(b)) => a.is(b),
            (a, b) => *a == b,
        })
    };
    let whom = path(i.service.as_ref(), i.team.as_ref(), facts)
        .into_iter()
        .find(|t| !already(t));
    let level = i.questions.iter().map(|q| q.level + 1).max().unwrap_or(0);
    whom.map(|whom| Event::Asked {
        n: i.questions.last().map_or(1, |q| q.n + 1),
        level,
        whom,
        because: Some(because),
    })
    .into_iter()
    .collect()
}

/// What to call somebody who is asked.
pub fn target_label(target: &Target) -> String {
    match target {
        Target::Person(w) => w.label().to_owned(),
        Target::Channel(c) => format!("#{c}"),
        Target::Announcements => "the announcement channel".to_owned(),
    }
}

pub(crate) fn invitees(
    severity: &str,
    service: Option<&ServiceName>,
    team: Option<&TeamName>,
    facts: &Facts,
) -> Vec<Who> {
    let scheduled = facts.process.scheduled(team.map(|t| t.alias.as_str()), facts.now);
    let scheduled: Vec<Who> = scheduled.collect();
    let service = service.and_then(|s| facts.catalogue.service(&s.alias));
    let team = team.and_then(|t| facts.catalogue.team(&t.alias));
    let mut out = Vec::new();
    for invitee in facts
        .process
        .severity(severity)
        .map(|s| s.invite.as_slice())
        .unwrap_or_default()
    {
        match invitee {
            Invitee::OnCall => match service.map(|s| s.on_call.as_slice()).unwrap_or_default() {
                [] => out.extend(scheduled.first().cloned()),
                some => out.extend(some.iter().cloned()),
            },
            Invitee::Schedule => out.extend(scheduled.iter().cloned()),
            Invitee::Team => out.extend(team.iter().flat_map(|t| &t.members).cloned()),
            Invitee::Manager => out.extend(team.iter().filter_map(|t| t.manager.clone())),
            Invitee::TeamChannel => {}
        }
    }
    out.iter().map(|w| facts.directory.complete(w)).collect()
}

pub(crate) fn summon(out: &mut Vec<Event>, mut here: Vec<Who>, who: Vec<Who>) {
    let mut new: Vec<Who> = Vec::new();
    for w in who {
        if !here.iter().any(|h| h.is(&w)) {
            here.push(w.clone());
            new.push(w);
        }
    }
    if !new.is_empty() {
        out.push(Event::Summoned { who: new });
    }
}
