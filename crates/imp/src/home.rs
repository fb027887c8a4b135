//! The app's home in Slack: what waits for whoever looks, what is open, who is on call for their services.

use crate::serve::{Hall, SlackParts};
use crate::visible::visible;
use imp_core::Incident;
use imp_core::person::Who;
use imp_engine::House;
use imp_vendors::budget::Urgency;
use imp_vendors::slack::mrkdwn;
use serde_json::{Value, json};

/// Services that are shown; a home has a hundred blocks at most, and nobody reads more.
const SERVICES_SHOWN: usize = 12;

/// The app's home: what is open, what waits for this person.
pub async fn draw(hall: &Hall, slack: &SlackParts, user: &str) {
    let Ok(open) = visible(hall, user, &["triage", "active", "after"]).await else {
        return;
    };
    let me = hall.desk.house.directory.load().complete(&Who::slack(user));
    let house = &hall.desk.house;
    let mine: Vec<&Incident> = open.iter().filter(|i| i.has_member(&me)).collect();
    let line = |i: &&Incident| {
        let status = house
            .process_of(i)
            .status(&i.status)
            .map_or(i.status.clone(), |s| format!("{} {}", s.emoji, s.label));
        let place = i
            .links
            .channel
            .as_ref()
            .map(|c| format!("<#{}>", c.id))
            .unwrap_or_default();
        mrkdwn::section(&format!(
            "*{}* {}\n{status} · {} {place}",
            i.reference,
            mrkdwn::quote(&i.title, 150),
            mrkdwn::escape(&i.severity)
        ))
    };
    let asked = |i: &&Incident| {
        house.process_of(i).category(&i.status) == imp_core::process::Category::Triage
            && i.questions
                .iter()
                .any(|q| matches!(&q.whom, imp_core::event::Target::Person(w) if w.is(&me)))
    };
    let mut blocks = Vec::new();
    let questions: Vec<_> = open.iter().filter(asked).take(15).map(|i| line(&i)).collect();
    if !questions.is_empty() {
        blocks.push(mrkdwn::header("You are asked whether it is real"));
        blocks.extend(questions);
        blocks.push(mrkdwn::context("Answer under *Messages*, where the question stands."));
    }
    blocks.extend(offers(&open, house, &me));
    blocks.push(mrkdwn::header("Your incidents"));
    if mine.is_empty() {
        blocks.push(mrkdwn::section("You are in no open incident."));
    }
    blocks.extend(mine.iter().take(15).map(line));
    blocks.push(mrkdwn::header("Your follow-ups and tasks"));
    // Follow-ups outlive their incidents.
    let over = visible(hall, user, &["done"]).await.unwrap_or_default();
    let follow_ups = over.iter().flat_map(|i| follow_ups_of(i, &me));
    let owed: Vec<String> = open
        .iter()
        .flat_map(|i| tasks_of(i, &me))
        .chain(follow_ups)
        .take(20)
        .collect();
    blocks.push(mrkdwn::section(&if owed.is_empty() {
        "Nothing waits for you.".to_owned()
    } else {
        owed.join("\n")
    }));
    let on_call = on_call(hall, &me);
    if !on_call.is_empty() {
        blocks.push(mrkdwn::header("On call for your services"));
        blocks.push(mrkdwn::section(&on_call.join("\n")));
        let old = hall.desk.house.catalogue.load().last_known(hall.desk.clock.now());
        blocks.extend(old.map(|at| mrkdwn::context(&mrkdwn::as_it_was(at))));
    }
    let others: Vec<&Incident> = open.iter().filter(|i| !i.has_member(&me) && !asked(i)).collect();
    if !others.is_empty() {
        blocks.push(mrkdwn::header("Other open incidents"));
        blocks.extend(others.iter().take(15).map(line));
    }
    blocks.extend(mrkdwn::actions(
        "home",
        vec![mrkdwn::button(
            "home.declare",
            "Declare an incident",
            "new",
            Some("primary"),
        )],
    ));
    let view = json!({"type": "home", "blocks": blocks}).to_string();
    if let Err(t) = slack
        .client
        .call("views.publish", &[("user_id", user), ("view", &view)], Urgency::Usual)
        .await
    {
        tracing::warn!(code = t.code(), "somebody's home could not be drawn");
    }
}

/// Roles that are offered to this person, with the answers.
fn offers(open: &[Incident], house: &House, me: &Who) -> Vec<Value> {
    let mine = open.iter().flat_map(|i| {
        let to_me = i.offers.iter().filter(|(_, o)| o.to.is(me));
        to_me.filter_map(move |(role, _)| Some((i, house.process_of(i).role(role)?.clone())))
    });
    let mut out = Vec::new();
    for (i, role) in mine.take(5) {
        let reference = i.reference.to_string();
        out.push(mrkdwn::section(&format!(
            "*{}* of *{reference}* {}",
            mrkdwn::escape(&role.label),
            mrkdwn::quote(&i.title, 150)
        )));
        let buttons = vec![
            mrkdwn::button(
                &format!("role.accept.{}", role.id),
                "Accept",
                &reference,
                Some("primary"),
            ),
            mrkdwn::button(&format!("role.refuse.{}", role.id), "Not now", &reference, None),
        ];
        out.extend(mrkdwn::actions(&format!("offer.{reference}.{}", role.id), buttons));
    }
    if !out.is_empty() {
        out.insert(0, mrkdwn::header("You are offered"));
    }
    out
}

/// Who is on call for the services of this person's teams: as the catalogue says, else as the process's schedules do.
fn on_call(hall: &Hall, me: &Who) -> Vec<String> {
    let house = &hall.desk.house;
    let (catalogue, directory, process) = (house.catalogue.load(), house.directory.load(), house.process.load());
    let now = hall.desk.clock.now();
    let mine = |t: &&imp_core::catalogue::Team| t.members.iter().chain(&t.manager).any(|w| w.is(me));
    let teams: Vec<&imp_core::catalogue::Team> = catalogue.teams.iter().filter(mine).collect();
    let line = |t: &&imp_core::catalogue::Team, s: &imp_core::catalogue::Service| {
        let mut who: Vec<Who> = s.on_call.iter().take(2).cloned().collect();
        if who.is_empty() {
            who.extend(process.scheduled(Some(&t.alias), now).take(1));
        }
        let names: Vec<String> = who.iter().map(|w| mrkdwn::person(&directory.complete(w))).collect();
        let names = match names.is_empty() {
            true => "nobody".to_owned(),
            false => names.join(", then "),
        };
        format!("•  {}: {names}", mrkdwn::quote(&s.name, 80))
    };
    teams
        .iter()
        .flat_map(|t| {
            let theirs = catalogue
                .services
                .iter()
                .filter(|s| s.team.as_deref() == Some(t.alias.as_str()));
            theirs.map(|s| line(t, s)).collect::<Vec<_>>()
        })
        .take(SERVICES_SHOWN)
        .collect()
}

fn tasks_of(i: &Incident, me: &Who) -> Vec<String> {
    let tasks = i
        .tasks
        .iter()
        .filter(|t| !t.done && t.assignee.as_ref().is_some_and(|a| a.is(me)));
    let tasks = tasks.map(|t| format!("•  {}: {}", i.reference, mrkdwn::quote(&t.text, 150)));
    tasks.chain(follow_ups_of(i, me)).collect()
}

fn follow_ups_of(i: &Incident, me: &Who) -> Vec<String> {
    let mine = i
        .follow_ups
        .iter()
        .filter(|f| !f.done && f.owner.as_ref().is_some_and(|o| o.is(me)));
    let due = |f: &imp_core::incident::FollowUp| {
        f.due
            .as_ref()
            .map_or(String::new(), |d| format!(", by {}", mrkdwn::escape(d)))
    };
    mine.map(|f| format!("•  {}: {}{}", i.reference, mrkdwn::quote(&f.text, 150), due(f)))
        .collect()
}
