//! A lost disk: the journal comes back from Jira alone, the incident goes on, and nothing is done twice.

use reqwest::Method;
use serde_json::{Value, json};

use crate::imp::imp;
use crate::lifecycle::mentions;
use crate::stage::{Stage, answer, until};

async fn story(s: &Stage, incident: &str) -> Vec<(String, String)> {
    let (_, all) = s.get(&format!("/api/v1/incidents/{incident}/timeline?limit=200")).await;
    let line = |m: &Value| {
        let text = |k: &str| m[k].as_str().unwrap_or_default().to_owned();
        (text("at"), text("text"))
    };
    all["items"].as_array().into_iter().flatten().map(line).collect()
}

async fn go(s: &Stage, incident: &str, body: Value) {
    let (status, said) = s.post(&format!("/api/v1/incidents/{incident}/transitions"), body).await;
    assert_eq!(status, 200, "{said}");
}

/// What the vendors have of it: channels made, messages in its channel, tickets, comments, meetings.
async fn counts(s: &Stage, incident: &str, key: &str) -> (usize, usize, usize, usize, usize) {
    let comments = s.jira(key).await["fields"]["comment"]["total"]
        .as_u64()
        .unwrap_or_default();
    let tickets = s.issues().iter().filter(|i| mentions(i, incident)).count();
    (
        s.times("conversations.create"),
        s.times("chat.postMessage"),
        tickets,
        usize::try_from(comments).unwrap_or_default(),
        s.practice.zoom().meetings().len(),
    )
}

fn lose_the_disk(s: &Stage) {
    let folder = s.config().parent().expect("a folder").to_path_buf();
    for name in ["imp.db", "imp.db-wal", "imp.db-shm"] {
        let file = folder.join(name);
        if file.exists() {
            std::fs::remove_file(file).expect("it can be removed");
        }
    }
}

/// `imp rebuild --json`.
fn rebuilds(s: &Stage) -> Value {
    let config = s.config().display().to_string();
    let out = imp(&["rebuild", "--config", &config, "--json"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{text}{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_disk_has_lost_nothing_that_jira_was_told() {
    let mut s = Stage::new().await;
    let incident = s.declares("Checkout is down").await;
    s.settle().await;
    let key = s.incident(&incident).await["links"]["jira"]["key"]
        .as_str()
        .expect("a ticket")
        .to_owned();
    for (path, body) in [
        (
            "roles",
            json!({"role": "commander", "user": "ada.lima@meridian.example"}),
        ),
        ("updates", json!({"text": "Payments fail since ten."})),
        (
            "tasks",
            json!({"text": "Roll back", "assignee": "tiago.fernandes@meridian.example"}),
        ),
    ] {
        let (status, said) = s.post(&format!("/api/v1/incidents/{incident}/{path}"), body).await;
        assert!((200..300).contains(&status), "{said}");
    }
    go(
        &s,
        &incident,
        json!({"to": "identified", "cause": "The deploy of ten."}),
    )
    .await;
    s.settle().await;
    let (before, told, done) = (
        s.incident(&incident).await,
        story(&s, &incident).await,
        counts(&s, &incident, &key).await,
    );

    // While it has a store, nothing is brought back into it.
    s.kill();
    let config = s.config().display().to_string();
    let out = imp(&["rebuild", "--config", &config]);
    assert_eq!(out.status.code(), Some(1), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(String::from_utf8_lossy(&out.stderr).contains("journal of its own"));

    lose_the_disk(&s);
    let report = rebuilds(&s);
    let line = &report["incidents"][0];
    assert_eq!(
        (&line["ref"], &line["from"], &line["notes"]),
        (&json!(incident), &json!("journal"), &json!([])),
        "{report:#}"
    );
    s.rise().await;
    s.settle().await;
    assert_eq!(story(&s, &incident).await, told, "the timeline is what it was");
    let mut after = s.incident(&incident).await;
    after["version"] = before["version"].clone();
    assert_eq!(after, before);
    assert_eq!(counts(&s, &incident, &key).await, done, "nothing was done twice");

    // And it goes on to its end.
    go(&s, &incident, json!({"to": "monitoring"})).await;
    go(&s, &incident, json!({"to": "resolved", "resolution": "Rolled back."})).await;
    go(&s, &incident, json!({"to": "review"})).await;
    go(&s, &incident, json!({"to": "closed", "learned": "Deploy slowly."})).await;
    s.settle().await;
    assert_eq!(s.jira(&key).await["fields"]["status"]["name"], "Closed");
    let (channels, _, tickets, comments, meetings) = counts(&s, &incident, &key).await;
    assert_eq!((channels, tickets, comments, meetings), (1, 1, 1, 1));
    assert_ne!(
        s.declares("Another").await,
        incident,
        "its reference is not given again"
    );
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_somebody_edited_into_nonsense_is_told_from_the_ticket() {
    let mut s = Stage::new().await;
    let incident = s.declares("Checkout is down").await;
    s.settle().await;
    let key = s.incident(&incident).await["links"]["jira"]["key"]
        .as_str()
        .expect("a ticket")
        .to_owned();
    let (status, _) = s
        .post(
            &format!("/api/v1/incidents/{incident}/updates"),
            json!({"text": "We look."}),
        )
        .await;
    assert_eq!(status, 201);
    go(&s, &incident, json!({"to": "identified"})).await;
    s.settle().await;
    let done = counts(&s, &incident, &key).await;
    s.kill();
    let k = &s.practice.org.keys;
    for name in ["imp.journal", "imp.journal.0", "imp"] {
        let url = format!("{}/jira/rest/api/3/issue/{key}/properties/{name}", s.practice.base);
        let request = s
            .http
            .request(Method::PUT, url)
            .basic_auth(&k.jira_email, Some(&k.jira_api_token));
        let (status, said) = answer(request.json(&json!("nonsense"))).await;
        assert_eq!(status, 200, "{said}");
    }
    lose_the_disk(&s);
    let report = rebuilds(&s);
    let line = &report["incidents"][0];
    assert_eq!(
        (&line["ref"], &line["from"], &line["status"]),
        (&json!(incident), &json!("ticket"), &json!("identified")),
        "{report:#}"
    );
    assert!(line["notes"].to_string().contains("makes no sense"), "{line}");
    s.rise().await;
    s.settle().await;
    let i = s.incident(&incident).await;
    assert_eq!(
        (&i["title"], &i["status"], &i["severity"]),
        (&json!("Checkout is down"), &json!("identified"), &json!("SEV3"))
    );
    assert!(
        i["links"]["slack"]["channel_id"].is_string() && i["links"]["zoom"]["url"].is_string(),
        "{i:#}"
    );
    assert!(story(&s, &incident).await.iter().any(|(_, t)| t.contains("We look.")));
    assert_eq!(counts(&s, &incident, &key).await, done, "nothing was done twice");
    go(&s, &incident, json!({"to": "monitoring"})).await;
    until("Jira follows", async || {
        (s.jira(&key).await["fields"]["status"]["name"] == "Monitoring").then_some(())
    })
    .await;
    s.finish().await;
}
