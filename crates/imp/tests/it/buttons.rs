//! Each pair of status and button: what the card shows works when it is pressed; what it does not show any more is
//! acknowledged, changes nothing, and whoever pressed it is told privately why.

use imp_core::Process;
use serde_json::{Value, json};

use crate::lifecycle::{alert, raise};
use crate::slack::{Message, Person};
use crate::stage::{Stage, until};

/// What people write into whatever form comes.
const ANSWERS: [(&str, &str); 7] = [
    ("severity", "SEV2"),
    ("title", "Card payments fail"),
    ("message", "We know why and repair it."),
    ("cause", "The deploy of ten."),
    ("resolution", "Rolled back."),
    ("learned", "Deploy slowly."),
    ("reason", "A test of the pager."),
];

/// Everything in the contract that a button of an incident can be called, but for those that only open an address.
fn known(process: &Process) -> Vec<String> {
    let plain = [
        "alert.confirm",
        "alert.decline",
        "alert.merge",
        "incident.update",
        "incident.severity",
        "incident.task",
        "incident.statuspage",
        "incident.review",
    ];
    let moves = process.statuses.iter().map(|s| format!("incident.transition.{}", s.id));
    let roles = process.roles.iter().map(|r| format!("incident.role.{}", r.id));
    plain.map(str::to_owned).into_iter().chain(moves).chain(roles).collect()
}

fn shown(on: &Message) -> Vec<String> {
    let mut all: Vec<String> = on.buttons().into_iter().map(|(_, action)| action).collect();
    all.dedup();
    all
}

/// Answers whatever form is open; `into` is the incident that is the same.
async fn answers(who: &Person<'_>, form: &Value, into: &str, nth: usize) {
    let (text, review) = (
        format!("Written in form {nth}."),
        format!("A canary would have shown it ({nth})."),
    );
    let fields: Vec<&str> = form["blocks"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|b| b["type"] == "input")
        .filter_map(|b| b["block_id"].as_str())
        .collect();
    let table = ANSWERS
        .into_iter()
        .chain([("into", into), ("text", text.as_str()), ("review", review.as_str())]);
    let given: Vec<(&str, &str)> = table.filter(|(name, _)| fields.contains(name)).collect();
    let (status, said) = who.submits(form, &given).await;
    assert!(status == 200 && said["errors"].is_null(), "{form:#}: {status} {said}");
}

/// Presses what is shown and answers what it asks, until the story has one more line.
async fn press(s: &Stage, who: &Person<'_>, incident: &str, action: &str, on: &Message, into: &str) {
    let before = told(s, incident).await;
    who.clicks(action, on).await;
    until(&format!("{action} of {incident} does something"), async || {
        if let Some(form) = who.modal().await {
            answers(who, &form, into, before.len()).await;
        }
        (told(s, incident).await != before).then_some(())
    })
    .await;
    assert!(who.modal().await.is_none(), "{action}: the form is closed");
}

/// What people have done with it, as its timeline tells.
async fn told(s: &Stage, incident: &str) -> Vec<String> {
    let (_, all) = s.get(&format!("/api/v1/incidents/{incident}/timeline?limit=200")).await;
    let items = all["items"].as_array().cloned().unwrap_or_default();
    let lines = items.iter().filter(|m| m["by"].to_string().contains("Ada Lima"));
    lines.map(|m| m["text"].to_string()).collect()
}

/// Presses everything that a message does not show: nothing changes, and it is said why.
async fn press_what_is_not_shown(s: &Stage, process: &Process, who: &Person<'_>, incident: &str, on: &Message) {
    let before = s.incident(incident).await;
    // The question has other words for its moves.
    let next = before["next"].as_array().into_iter().flatten();
    let moves: Vec<String> = next
        .filter_map(|m| m["status"].as_str().map(|to| format!("incident.transition.{to}")))
        .collect();
    for action in known(process)
        .iter()
        .filter(|a| !shown(on).contains(a) && !moves.contains(a))
    {
        let heard = who.whispers(&on.channel).await.len();
        let (status, said) = who.tries_old(action, incident, on).await;
        assert_eq!(status, 200, "{action} while {}: {said}", before["status"]);
        let sentence = until(
            &format!(
                "it is said privately why {action} does nothing while {}",
                before["status"]
            ),
            async || who.whispers(&on.channel).await.get(heard).cloned(),
        )
        .await;
        assert!(
            sentence.contains(incident),
            "{action} while {}: {sentence}",
            before["status"]
        );
        assert!(
            who.modal().await.is_none(),
            "{action} while {} opens no form",
            before["status"]
        );
    }
    let (status, said) = who.tries_old("incident.zoom", incident, on).await;
    assert_eq!(status, 200, "an address is opened by the browser: {said}");
    let after = s.incident(incident).await;
    for what in [
        "status",
        "severity",
        "title",
        "roles",
        "tasks",
        "review",
        "follow_ups",
        "next",
        "links",
    ] {
        assert_eq!(
            after[what], before[what],
            "{what} has not changed while {}",
            before["status"]
        );
    }
}

/// The card once it shows where the incident stands, and its meeting.
async fn card(s: &Stage, who: &Person<'_>, incident: &str) -> Message {
    until(&format!("the card of {incident} is up to date"), async || {
        let i = s.incident(incident).await;
        let channel = i["links"]["slack"]["channel_id"].as_str()?;
        let card = who.card(channel).await;
        let wanted = i["next"].as_array().into_iter().flatten();
        let mut wanted = wanted.filter_map(|m| m["status"].as_str().map(|to| format!("incident.transition.{to}")));
        let status = imp_core::Process::built_in();
        let label = &status.status(i["status"].as_str()?)?.label;
        let all = shown(&card);
        (card.words.contains(label.as_str()) && wanted.all(|w| all.contains(&w))).then_some(card)
    })
    .await
}

async fn go(s: &Stage, incident: &str, moves: &[&str], into: &str) {
    for to in moves {
        let body = json!({"to": to, "cause": "c", "resolution": "x", "learned": "l", "into": into});
        let (status, said) = s.post(&format!("/api/v1/incidents/{incident}/transitions"), body).await;
        assert_eq!(status, 200, "{said}");
    }
}

/// Every pair of a status and a status to which its card has a button; the question has tests of its own.
fn pairs(process: &Process) -> Vec<(String, String)> {
    let confirmed = process.statuses.iter().filter(|f| f.id != "triage");
    let moves = confirmed.flat_map(|f| process.moves_from(&f.id).map(|m| (f.id.clone(), m.to.clone())));
    moves.chain([("resolved".to_owned(), "closed".to_owned())]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_button_that_a_card_shows_works_and_every_other_says_why_not() {
    let process = Process::built_in();
    let s = Stage::new().await;
    let ada = s.slack("ada.lima");
    let target = s.declares("Merge into me").await;
    let line = ["investigating", "identified", "monitoring", "resolved", "review"];
    let mut all = Vec::new();
    for (here, to) in pairs(&process) {
        let incident = s.declares(&format!("{to} while {here}")).await;
        let at = line.iter().position(|l| *l == here).expect("a status of the line");
        go(&s, &incident, &line[1..=at], "").await;
        all.push((incident, here, to));
    }
    s.settle().await;
    let (mut seen, mut ended) = (Vec::new(), Vec::new());
    for (incident, here, to) in all {
        let on = card(&s, &ada, &incident).await;
        if !seen.contains(&here) {
            press_what_is_not_shown(&s, &process, &ada, &incident, &on).await;
            for action in shown(&on) {
                if matches!(action.as_str(), "incident.jira" | "incident.zoom" | "incident.page") {
                    ada.clicks(&action, &on).await;
                } else if action.starts_with("incident.") && !action.starts_with("incident.transition.") {
                    set_apart(&s, &incident, &action).await;
                    press(&s, &ada, &incident, &action, &on, "").await;
                }
            }
            seen.push(here.clone());
        }
        let moves = shown(&on).into_iter().filter(|a| a.starts_with("incident.transition."));
        let mut offered: Vec<String> = moves.collect();
        let mut table: Vec<String> = pairs(&process)
            .into_iter()
            .filter(|(from, _)| *from == here)
            .map(|(_, to)| format!("incident.transition.{to}"))
            .collect();
        offered.sort();
        table.sort();
        assert_eq!(
            offered, table,
            "the card of {here} has the buttons of the table, and no other"
        );
        press(&s, &ada, &incident, &format!("incident.transition.{to}"), &on, &target).await;
        assert_eq!(s.incident(&incident).await["status"], json!(to), "from {here}");
        if matches!(to.as_str(), "closed" | "merged") && !ended.iter().any(|(_, e)| *e == to) {
            ended.push((incident, to));
        }
    }
    for (incident, _) in ended {
        let on = card(&s, &ada, &incident).await;
        press_what_is_not_shown(&s, &process, &ada, &incident, &on).await;
    }
    // What follows at the vendors is other stories' matter, and takes them a second for each line.
    assert_eq!(s.deliveries("failed").await, Vec::<Value>::new());
    let log = s.imp.as_ref().map(crate::imp::Imp::log).unwrap_or_default();
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
}

/// Makes sure that what a button does is seen: what was so already would be no change.
async fn set_apart(s: &Stage, incident: &str, action: &str) {
    if action == "incident.severity" {
        let path = format!("/api/v1/incidents/{incident}");
        let request = s
            .request(reqwest::Method::PATCH, &path)
            .json(&json!({"severity": "SEV4"}));
        assert_eq!(crate::stage::answer(request).await.0, 200);
    }
    if let Some(role) = action.strip_prefix("incident.role.") {
        let body = json!({"role": role, "user": "tiago.fernandes@meridian.example"});
        let (status, said) = s.post(&format!("/api/v1/incidents/{incident}/roles"), body).await;
        assert!((200..300).contains(&status), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_button_of_a_question_works_and_every_other_says_why_not() {
    let process = Process::built_in();
    let s = Stage::new().await;
    let tiago = s.slack("tiago.fernandes");
    let target = s.declares_bare("Merge into me").await;
    for (n, (button, to)) in [
        ("alert.confirm", "investigating"),
        ("alert.decline", "declined"),
        ("alert.merge", "merged"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut fresh = alert("firing");
        fresh["groupKey"] = json!(format!("group {n}"));
        fresh["alerts"][0]["fingerprint"] = json!(format!("{n:x}"));
        let incident = raise(&s, &fresh).await;
        let question = tiago.sees("IMP", &incident).await;
        if n == 0 {
            s.settle().await;
            press_what_is_not_shown(&s, &process, &tiago, &incident, &question).await;
        }
        tiago.clicks(button, &question).await;
        until(&format!("{button} moves it to {to}"), async || {
            if let Some(form) = tiago.modal().await {
                answers(&tiago, &form, &target, n).await;
            }
            (s.incident(&incident).await["status"] == to).then_some(())
        })
        .await;
        s.settle().await;
        let answered = tiago.sees("IMP", &incident).await;
        if to == "declined" {
            press_what_is_not_shown(&s, &process, &tiago, &incident, &answered).await;
        }
        // What it was asked about is over, so that the next one is a question of its own.
        if to == "investigating" {
            go(&s, &incident, &["merged"], &target).await;
        }
    }
    s.finish().await;
}
