//! What happens when time passes: an unanswered question goes on along its path, and a closed incident's channel goes.

use serde_json::{Value, json};

use crate::guidance::with_process;
use crate::lifecycle::{alert, raise};
use crate::stage::{Stage, until};

/// A new service's test alert shows that the question arrives; nobody is woken for more.
#[tokio::test(flavor = "multi_thread")]
async fn a_test_alert_asks_one_person_and_ends_by_itself() {
    let (s, _folder) = with_process(|p| p.replacen("answer_within = \"5m\"", "answer_within = \"2s\"", 1)).await;
    let mut test = alert("firing");
    test["alerts"][0]["labels"]["imp_exercise"] = json!("test");
    let incident = raise(&s, &test).await;
    until("it has ended", async || {
        (s.incident(&incident).await["status"] == "declined").then_some(())
    })
    .await;
    s.settle().await;
    let (_, all) = s.get(&format!("/api/v1/incidents/{incident}/timeline?limit=200")).await;
    let told = all.to_string();
    assert_eq!(told.matches("has not answered").count(), 0, "{told}");
    assert!(told.contains("it arrived, and nobody has to answer it"), "{told}");
    let tiago = s.slack("tiago.fernandes");
    let asked = tiago.sees("IMP", "nobody has to answer it").await;
    assert!(!asked.words.contains("also asked"), "{}", asked.words);
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_is_passed_over_and_everybody_asked_is_told_so() {
    let (s, _folder) = with_process(|p| p.replacen("answer_within = \"5m\"", "answer_within = \"2s\"", 1)).await;
    let incident = raise(&s, &alert("firing")).await;
    let asked = async || {
        let (_, all) = s.get(&format!("/api/v1/incidents/{incident}/timeline?limit=200")).await;
        let items = all["items"].as_array().cloned().unwrap_or_default();
        let lines = items.iter().filter_map(|m| m["text"].as_str().map(str::to_owned));
        lines
            .filter(|l| l.contains("asked whether it is real") || l.contains("Asked "))
            .collect::<Vec<_>>()
    };
    // The one on call, then the team's channel, then the manager: as the process says.
    let process = imp_core::Process::built_in();
    let path = process.escalation.path.len();
    let all = until("the whole path is asked", async || {
        let all = asked().await;
        (all.len() >= path).then_some(all)
    })
    .await;
    assert_eq!(all.len(), path, "nobody is asked twice: {all:#?}");
    s.settle().await;

    let tiago = s.slack("tiago.fernandes");
    let team = s
        .practice
        .org
        .teams
        .iter()
        .find(|t| t.alias == "payments")
        .expect("a team");
    let channel = imp_practice::org::Org::team_channel(team);
    let first = tiago.sees("IMP", "also asked").await;
    assert!(
        first.words.contains(&format!("#{channel}")),
        "whom else: {}",
        first.words
    );
    let second = tiago.sees(&channel, "Is this real?").await;
    assert!(
        second.words.contains("has not answered for 2 seconds"),
        "why: {}",
        second.words
    );
    assert!(
        second.words.contains(&tiago.id()),
        "who was asked before: {}",
        second.words
    );
    assert_eq!(
        s.incident(&incident).await["status"],
        "triage",
        "time alone decides nothing"
    );

    // Whoever answers, everybody who was asked sees it, and the path ends there.
    tiago.clicks("It's real", &second).await;
    s.settle().await;
    for place in ["IMP", channel.as_str()] {
        let answered = tiago.sees(place, "It is real").await;
        assert!(answered.words.contains("Join <#"), "{place}: {}", answered.words);
        assert!(!answered.words.contains("Is this real?"), "{place}: {}", answered.words);
    }
    assert_eq!(asked().await.len(), path, "nobody is asked after the answer");
    s.finish().await;
}

async fn go(s: &Stage, incident: &str, body: Value) {
    let (status, said) = s.post(&format!("/api/v1/incidents/{incident}/transitions"), body).await;
    assert_eq!(status, 200, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_channel_of_a_closed_incident_is_archived_when_its_time_is_over() {
    let (s, _folder) = with_process(|p| p.replacen("archive_after = \"7d\"", "archive_after = \"3s\"", 1)).await;
    let incident = s.declares("Card payments fail").await;
    let other = s.declares("This one goes on").await;
    s.settle().await;
    let channel = async |r: &str| s.incident(r).await["links"]["slack"]["channel_id"].clone();
    let (mine, theirs) = (channel(&incident).await, channel(&other).await);
    for body in [
        json!({"to": "identified"}),
        json!({"to": "monitoring"}),
        json!({"to": "resolved", "resolution": "Rolled back."}),
        json!({"to": "review"}),
    ] {
        go(&s, &incident, body).await;
    }
    s.settle().await;
    assert_eq!(s.times("conversations.archive"), 0, "it is not over yet");
    go(&s, &incident, json!({"to": "closed", "learned": "Deploy slowly."})).await;
    let ada = s.slack("ada.lima");
    until("the channel is archived", async || {
        (s.times("conversations.archive") > 0).then_some(())
    })
    .await;
    s.settle().await;
    assert_eq!(s.times("conversations.archive"), 1);
    let seen = ada.opens(mine.as_str().expect("a channel")).await;
    assert_eq!(seen["channel"]["archived"], true, "{}", seen["channel"]);
    let words: String = ada
        .messages(mine.as_str().unwrap_or_default())
        .await
        .into_iter()
        .map(|m| m.words)
        .collect();
    assert!(
        words.contains("Deploy slowly.") && words.contains("will be archived in 3 seconds"),
        "{words}"
    );
    let seen = ada.opens(theirs.as_str().expect("a channel")).await;
    assert_ne!(seen["channel"]["archived"], true, "{}", seen["channel"]);
    let (_, told) = s.get(&format!("/api/v1/incidents/{incident}/timeline?limit=200")).await;
    assert!(told.to_string().contains("The channel is archived"), "{told}");
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_opened_again_is_open_everywhere_and_ends_everywhere_again() {
    let s = Stage::new().await;
    let incident = s.declares("Card payments fail").await;
    s.settle().await;
    let i = s.incident(&incident).await;
    let key = i["links"]["jira"]["key"].as_str().expect("a ticket").to_owned();
    let channel = i["links"]["slack"]["channel_id"]
        .as_str()
        .expect("a channel")
        .to_owned();
    let ada = s.slack("ada.lima");
    ada.clicks("Status page", &ada.card(&channel).await).await;
    ada.fills(
        "incident.statuspage",
        &[("title", "Card payments fail"), ("message", "We look.")],
    )
    .await;
    go(
        &s,
        &incident,
        json!({"to": "identified", "cause": "The deploy of ten."}),
    )
    .await;
    let everywhere = async |label: &str, jira: &str, page: &str| {
        s.settle().await;
        let seen = ada.opens(&channel).await;
        let topic = seen["channel"]["topic"].to_string();
        assert!(topic.contains(label), "the topic says {label}: {topic}");
        let announced = ada.sees("incidents", &incident).await;
        assert!(
            announced.words.contains(label),
            "the announcement says {label}: {}",
            announced.words
        );
        assert!(ada.card(&channel).await.words.contains(label));
        assert_eq!(s.jira(&key).await["fields"]["status"]["name"], jira);
        assert_eq!(s.public().await[0]["status"], page);
    };
    let mut resolved = Vec::new();
    for round in 1..=2 {
        go(&s, &incident, json!({"to": "monitoring"})).await;
        go(
            &s,
            &incident,
            json!({"to": "resolved", "resolution": format!("Rolled back, {round}.")}),
        )
        .await;
        everywhere("Resolved", "Resolved", "resolved").await;
        resolved.push(s.incident(&incident).await["timestamps"]["resolved_at"].clone());
        if round == 1 {
            ada.clicks("Re-open", &ada.card(&channel).await).await;
            everywhere("Investigating", "Investigating", "investigating").await;
            go(&s, &incident, json!({"to": "identified", "cause": "The other deploy."})).await;
            everywhere("Identified", "Identified", "identified").await;
        }
    }
    assert!(resolved.iter().all(Value::is_string), "{resolved:?}");
    assert_ne!(
        resolved[0], resolved[1],
        "it was resolved when it was resolved in the end"
    );
    assert_eq!(s.public().await.len(), 1, "one public incident, whatever happens to it");
    s.finish().await;
}
