//! Bad days: the machine loses power, vendors are down or lose their answers. Everything is done in the end, and once.

use imp_practice::faults::{Fault, Rule, Vendor};
use serde_json::json;
use std::collections::BTreeSet;

use crate::lifecycle::{alert, mentions, raise};
use crate::stage::{Mode, Stage, until};

/// One channel, one ticket, one meeting, one announcement, and the incident knows them.
pub async fn set_up_once(s: &Stage, incident: &str) {
    let i = s.incident(incident).await;
    for vendor in ["slack", "jira", "zoom"] {
        assert!(
            i["links"][vendor].is_object(),
            "{incident} has no {vendor}: {}",
            i["links"]
        );
    }
    let title = i["title"].as_str().expect("a title");
    let issues = s.issues().into_iter().filter(|i| mentions(i, incident)).count();
    assert_eq!(issues, 1, "tickets of {incident}");
    let meetings = s.practice.zoom().meetings();
    let meetings = meetings
        .iter()
        .filter(|m| {
            m.to_string().contains(&format!("{incident}\""))
                || m.to_string().contains(&format!("{incident} "))
                || m.to_string().contains(&format!("{incident}:"))
        })
        .count();
    assert_eq!(
        meetings,
        1,
        "meetings of {incident}: {:#?}",
        s.practice.zoom().meetings()
    );
    let ada = s.slack("ada.lima");
    let all = ada.channels().await;
    let mine: Vec<_> = all
        .iter()
        .filter(|c| {
            c["purpose"]
                .as_str()
                .is_some_and(|p| p.starts_with(&format!("{incident}:")))
        })
        .collect();
    assert_eq!(mine.len(), 1, "channels of {incident}: {mine:#?}");
    let announced = ada.messages(&ada.channel("incidents").await).await;
    let announced = announced
        .iter()
        .filter(|m| m.words.contains(incident) && m.words.contains(title))
        .count();
    assert_eq!(announced, 1, "announcements of {incident}");
    let place = ada.opens(mine[0]["id"].as_str().expect("an identifier")).await;
    assert_eq!(place["pins"].as_array().map_or(0, Vec::len), 1, "one card is pinned");
    let cards = place["messages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|m| m.to_string().contains("What to do now"))
        .count();
    assert_eq!(cards, 1, "cards of {incident}");
}

#[tokio::test(flavor = "multi_thread")]
async fn power_fails_right_after_an_answer() {
    let mut s = Stage::new().await;
    let incident = raise(&s, &alert("firing")).await;
    let tiago = s.slack("tiago.fernandes");
    let question = tiago.sees("IMP", "Is this real?").await;
    tiago.clicks("It's real", &question).await;
    s.kill();
    s.rise().await;
    s.settle().await;
    assert_eq!(s.incident(&incident).await["status"], "investigating");
    set_up_once(&s, &incident).await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn power_fails_in_the_middle_of_everything() {
    let mut s = Stage::new().await;
    let mut all = Vec::new();
    for calls in [1, 3, 6, 10, 15] {
        let before = s.practice.faults().calls(0).last().map_or(0, |c| c.seq);
        all.push(s.declares(&format!("Power fails after {calls} calls")).await);
        until("the vendors are called", async || {
            (s.practice.faults().calls(before).len() >= calls).then_some(())
        })
        .await;
        s.kill();
        s.rise().await;
    }
    s.settle().await;
    for incident in &all {
        set_up_once(&s, incident).await;
    }
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vendors_do_the_work_and_lose_their_answers() {
    let s = Stage::new().await;
    for (vendor, op) in [
        (Vendor::Slack, "conversations.create"),
        (Vendor::Slack, "chat.postMessage"),
        (Vendor::Slack, "pins.add"),
        (Vendor::Jira, "POST issue"),
        (Vendor::Zoom, "POST users/me/meetings"),
        (Vendor::Zoom, "POST users/{id}/meetings"),
    ] {
        s.practice
            .faults()
            .set(Rule::new(vendor, Fault::LoseAnswer).on(op).times(2));
    }
    let incident = s.declares("Answers are lost").await;
    s.settle().await;
    set_up_once(&s, &incident).await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_asks_for_patience_is_not_called_sooner_by_the_next_run() {
    const RETRY_AFTER_S: u64 = 3;
    let mut s = Stage::new().await;
    let impatient = Fault::RateLimited {
        retry_after_s: RETRY_AFTER_S,
    };
    let rule = Rule::new(Vendor::Slack, impatient).on("conversations.create").times(1);
    s.practice.faults().set(rule);
    let opened = |seq: u64| {
        let calls = s.practice.faults().calls(seq);
        calls.into_iter().find(|c| c.op == "conversations.create")
    };
    let first = s.declares("Slack asks for patience").await;
    let refused = until("Slack asks for patience", async || opened(0)).await;
    assert_eq!(refused.status, 429);
    s.stops().await;
    s.rise().await;
    let second = s.declares("It came after the restart").await;
    s.settle().await;
    let calls = s.practice.faults().calls(refused.seq);
    let next = calls
        .iter()
        .find(|c| c.op == "conversations.create")
        .expect("a channel");
    let waited = next.at_ms - refused.at_ms;
    assert!(
        waited >= 1000 * i64::try_from(RETRY_AFTER_S).expect("few"),
        "{waited} ms"
    );
    for incident in [&first, &second] {
        set_up_once(&s, incident).await;
    }
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_make_no_sense_cost_nothing() {
    let s = Stage::new().await;
    for fault in [Fault::WebPage, Fault::HalfAnswer, Fault::EndlessAnswer, Fault::SaysNo] {
        for (vendor, op) in [
            (Vendor::Slack, "conversations.create"),
            (Vendor::Slack, "chat.postMessage"),
            (Vendor::Jira, "POST issue"),
            (Vendor::Zoom, "POST users/me/meetings"),
        ] {
            s.practice.faults().set(Rule::new(vendor, fault).on(op).times(1));
        }
        s.practice
            .faults()
            .set(Rule::new(Vendor::Slack, Fault::Unavailable).on("pins.add").times(1));
        let incident = s.declares(&format!("A vendor {}", fault.words())).await;
        s.settle().await;
        set_up_once(&s, &incident).await;
        assert!(s.deliveries("failed").await.is_empty(), "{fault:?}");
    }
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_redirects_is_named_with_what_to_do_and_waited_for() {
    let s = Stage::new().await;
    s.practice.faults().set(Rule::new(Vendor::Zoom, Fault::Redirect));
    let incident = s.declares("The address is not the real one").await;
    let owed = until("it is said what is owed, and why", async || {
        let pending = s.deliveries("pending").await;
        pending
            .into_iter()
            .find(|d| d["vendor"] == "zoom" && d["fault"].is_string())
    })
    .await;
    let why = owed["fault"].as_str().expect("a reason");
    assert!(
        why.contains("a redirect; give its real address in the configuration"),
        "{why}"
    );
    s.practice.faults().clear(Vendor::Zoom);
    let (status, said) = s
        .post(&format!("/api/v1/deliveries/{}/retry", owed["id"]), json!({}))
        .await;
    assert_eq!(status, 202, "{said}");
    s.settle().await;
    set_up_once(&s, &incident).await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_jira_is_down_the_incident_goes_on() {
    without(Vendor::Jira, "jira").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_slack_is_down_the_incident_goes_on() {
    without(Vendor::Slack, "slack").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_zoom_is_down_the_incident_goes_on() {
    without(Vendor::Zoom, "zoom").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_slack_is_told_late_tells_of_its_own_time_and_offers_only_what_can_be_done_now() {
    let s = Stage::new().await;
    let incident = s.declares("Slack takes no messages").await;
    s.settle().await;
    let channel = s.channel_of(&incident).await;
    s.practice
        .faults()
        .set(Rule::new(Vendor::Slack, Fault::Unavailable).on("chat.postMessage"));
    for to in ["identified", "monitoring", "investigating"] {
        s.moves(&incident, to).await;
    }
    s.practice.faults().clear(Vendor::Slack);
    s.settle().await;
    let place = s.slack("ada.lima").opens(&channel).await;
    let told: Vec<String> = place["messages"]
        .as_array()
        .into_iter()
        .flatten()
        .map(ToString::to_string)
        .filter(|m| m.contains("moved it to"))
        .collect();
    assert_eq!(told.len(), 3, "{told:#?}");
    let times: BTreeSet<&str> = told.iter().filter_map(|m| moment(m)).collect();
    assert_eq!(times.len(), 3, "each has its own: {times:?}");
    let offers: Vec<bool> = told.iter().map(|m| m.contains("incident.transition.")).collect();
    assert_eq!(offers, [false, false, true], "{told:#?}");
    s.finish().await;
}

/// The moment that a line tells, as those read it whose Slack draws no times.
fn moment(m: &str) -> Option<&str> {
    m.split_once("{time}|")?.1.split('>').next()
}

/// A vendor is down from before until after; everything else goes on, and it catches up.
async fn without(vendor: Vendor, link: &str) {
    let s = Stage::new().await;
    s.practice.faults().set(Rule::new(vendor, Fault::Down));
    let incident = s.declares("A vendor is down").await;
    let (status, i) = s
        .post(
            &format!("/api/v1/incidents/{incident}/transitions"),
            json!({"to": "identified"}),
        )
        .await;
    assert_eq!(status, 200, "{i}");
    s.post(
        &format!("/api/v1/incidents/{incident}/updates"),
        json!({"text": "We know."}),
    )
    .await;
    let others: Vec<&str> = ["slack", "jira", "zoom"].into_iter().filter(|l| *l != link).collect();
    until("the others have done theirs", async || {
        let links = s.incident(&incident).await["links"].clone();
        others.iter().all(|l| links[l].is_object()).then_some(())
    })
    .await;
    let owed = until("it is said what is owed, and why", async || {
        let pending = s.deliveries("pending").await;
        pending.into_iter().find(|d| d["fault"].is_string())
    })
    .await;
    assert!(owed["tried"].as_i64().is_some_and(|n| n > 0), "{owed}");
    assert!(s.incident(&incident).await["links"][link].is_null());
    s.practice.faults().clear(vendor);
    s.settle().await;
    set_up_once(&s, &incident).await;
    if vendor == Vendor::Jira {
        let key = s.incident(&incident).await["links"]["jira"]["key"]
            .as_str()
            .expect("a ticket")
            .to_owned();
        let ticket = s.jira(&key).await;
        assert_eq!(ticket["fields"]["status"]["name"], "Identified");
        assert!(ticket["fields"]["comment"].to_string().contains("We know."));
    }
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_while_every_vendor_is_down() {
    let mut s = Stage::dark(Mode::Http, |config| config).await;
    for vendor in Vendor::ALL.into_iter().filter(|v| *v != Vendor::Opslevel) {
        s.practice.faults().set(Rule::new(vendor, Fault::Down));
    }
    s.rise().await;
    let incident = s.declares("Everything is down").await;
    s.practice.faults().clear_all();
    s.settle().await;
    set_up_once(&s, &incident).await;
    s.finish().await;
}
