//! A lost disk: the journal comes back from Jira alone, the incident goes on, and nothing is done twice.

use reqwest::Method;
use serde_json::{Value, json};

use crate::imp::imp;
use crate::lifecycle::mentions;
use crate::replicas::Database;
use crate::stage::{Mode, Stage, answer, until};

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

/// Where the store is; on PostgreSQL a database, and after a loss another one.
enum Disk {
    File,
    Server(Vec<Database>),
}

impl Disk {
    async fn stage(&self) -> Stage {
        match self {
            Disk::File => Stage::new().await,
            Disk::Server(all) => Stage::with(Mode::Http, |config| all[0].instead(config)).await,
        }
    }

    fn is_lost(&mut self, s: &Stage) {
        match self {
            Disk::File => {
                let folder = s.config().parent().expect("a folder").to_path_buf();
                for name in ["imp.db", "imp.db-wal", "imp.db-shm"] {
                    let file = folder.join(name);
                    if file.exists() {
                        std::fs::remove_file(file).expect("it can be removed");
                    }
                }
            }
            Disk::Server(all) => {
                let next = Database::new();
                let config = std::fs::read_to_string(s.config()).expect("a configuration");
                let last = all.last().expect("a database");
                std::fs::write(s.config(), config.replace(&last.url, &next.url)).expect("a configuration");
                all.push(next);
            }
        }
    }
}

/// Somebody edits by hand what IMP keeps in a ticket.
async fn nonsense(s: &Stage, key: &str) {
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
}

/// What IMP keeps in a ticket, by the property's key.
async fn property(s: &Stage, key: &str, name: &str) -> Value {
    let k = &s.practice.org.keys;
    let url = format!("{}/jira/rest/api/3/issue/{key}/properties/{name}", s.practice.base);
    let request = s.http.get(url).basic_auth(&k.jira_email, Some(&k.jira_api_token));
    answer(request).await.1["value"].clone()
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
    has_lost_nothing(Disk::File).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_has_lost_nothing_that_jira_was_told() {
    has_lost_nothing(Disk::Server(vec![Database::new()])).await;
}

async fn has_lost_nothing(mut disk: Disk) {
    let mut s = disk.stage().await;
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

    disk.is_lost(&s);
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
    is_told_from_the_ticket(Disk::File).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_on_postgresql() {
    is_told_from_the_ticket(Disk::Server(vec![Database::new()])).await;
}

async fn is_told_from_the_ticket(mut disk: Disk) {
    let mut s = disk.stage().await;
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
    nonsense(&s, &key).await;
    disk.is_lost(&s);
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

/// A stage on which nothing tells of a change in Jira but the round.
async fn only_the_round() -> Stage {
    let s = Stage::with(Mode::Http, |c| {
        c.replace("[jira]\n", "[jira]\nsweep_every_s = 3600\n")
            .replace("[server]\n", "[server]\nround_every_s = 2\n")
    })
    .await;
    s.practice.jira().lose_webhooks(true);
    s
}

#[tokio::test(flavor = "multi_thread")]
async fn what_webhooks_and_the_search_lose_the_round_finds() {
    let s = only_the_round().await;
    let incident = s.declares("Checkout is down").await;
    s.settle().await;
    let key = s.incident(&incident).await["links"]["jira"]["key"].clone();
    let url = format!(
        "{}/jira/rest/api/2/issue/{}",
        s.practice.base,
        key.as_str().expect("a ticket")
    );
    let email = s.practice.org.email("ada.lima");
    let request = s
        .http
        .put(url)
        .basic_auth(email, Some(&s.practice.org.keys.jira_api_token));
    let edit = json!({"fields": {"summary": "Checkout is slow", "priority": {"name": "Highest"}}});
    assert_eq!(answer(request.json(&edit)).await.0, 204);
    until("the round has come by", async || {
        let i = s.incident(&incident).await;
        (i["title"] == "Checkout is slow" && i["severity"] == "SEV1").then_some(())
    })
    .await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_broke_by_hand_heals_and_a_lost_disk_comes_back_whole() {
    let mut s = only_the_round().await;
    let incident = s.declares("Checkout is down").await;
    s.settle().await;
    let path = format!("/api/v1/incidents/{incident}/updates");
    let (status, said) = s.post(&path, json!({"text": "We look."})).await;
    assert_eq!(status, 201, "{said}");
    go(&s, &incident, json!({"to": "identified"})).await;
    s.settle().await;
    let links = s.incident(&incident).await["links"].clone();
    let (key, channel) = (text(&links["jira"]["key"]), text(&links["slack"]["channel_id"]));
    let before = (
        s.slack("ada.lima").card(&channel).await.words,
        s.practice.jira().remote_links(&key).len(),
    );

    // In Jira: what IMP keeps in properties, and the links. In Slack: the topic and the card.
    nonsense(&s, &key).await;
    let k = &s.practice.org.keys;
    for link in s.practice.jira().remote_links(&key) {
        let url = format!(
            "{}/jira/rest/api/2/issue/{key}/remotelink/{}",
            s.practice.base, link["id"]
        );
        let request = s.http.delete(url).basic_auth(&k.jira_email, Some(&k.jira_api_token));
        assert_eq!(answer(request).await.0, 204);
    }
    let topic = text(&s.slack("ada.lima").opens(&channel).await["channel"]["topic"]);
    let card = s.slack("ada.lima").card(&channel).await.ts;
    for (method, form) in [
        (
            "conversations.setTopic",
            [("channel", channel.as_str()), ("topic", "cat pictures")],
        ),
        ("chat.delete", [("channel", channel.as_str()), ("ts", card.as_str())]),
    ] {
        let url = format!("{}/slack/api/{method}", s.practice.base);
        let (_, said) = answer(s.http.post(url).bearer_auth(&k.slack_bot_token).form(&form)).await;
        assert_eq!(said["ok"], true, "{method}: {said}");
    }
    until("everything is as it was", async || {
        let place = s.slack("ada.lima").opens(&channel).await;
        let whole = property(&s, &key, "imp.journal").await["v"] == 1
            && property(&s, &key, "imp.journal.0").await["v"] == 1
            && property(&s, &key, "imp").await["ref"] == incident.as_str()
            && s.practice.jira().remote_links(&key).len() == before.1
            && text(&place["channel"]["topic"]) == topic
            && place["pins"].as_array().map_or(0, Vec::len) == 1;
        whole.then_some(())
    })
    .await;
    s.settle().await;
    assert_eq!(s.slack("ada.lima").card(&channel).await.words, before.0);
    let told = story(&s, &incident).await;
    s.kill();
    Disk::File.is_lost(&s);
    let report = rebuilds(&s);
    let line = &report["incidents"][0];
    assert_eq!(
        (&line["from"], &line["notes"]),
        (&json!("journal"), &json!([])),
        "{report:#}"
    );
    s.rise().await;
    assert_eq!(story(&s, &incident).await, told);
    s.finish().await;
}

fn text(v: &Value) -> String {
    v.as_str().unwrap_or_default().to_owned()
}
