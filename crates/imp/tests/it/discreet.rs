//! What IMP does not tell: a private incident's ticket says which it is and no more, and the public is not told that
//! something is over because it was merged.

use serde_json::{Value, json};

use crate::lifecycle::{alert, raise};
use crate::moves::only;
use crate::stage::{Mode, Stage};

async fn goes(s: &Stage, incident: &str, body: Value) {
    let (status, said) = s.post(&format!("/api/v1/incidents/{incident}/transitions"), body).await;
    assert_eq!(status, 200, "{said}");
}

/// From where it is worked on to where it is over.
async fn is_over(s: &Stage, incident: &str, statuses: &[&str]) {
    for to in statuses {
        let body = json!({"to": to, "cause": "An unlocked drawer", "resolution": "A lock on it"});
        goes(s, incident, body).await;
    }
}

async fn publishes(s: &Stage, incident: &str, text: &str) {
    let body = json!({"text": text, "public": true});
    let (status, said) = s.post(&format!("/api/v1/incidents/{incident}/updates"), body).await;
    assert_eq!(status, 201, "{said}");
}

/// Statuses on the page by what was last said there, once nothing is owed.
async fn page(s: &Stage) -> Vec<Value> {
    s.settle().await;
    s.public().await.iter().map(|p| p["status"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_private_incident_jira_says_nothing_but_which_it_is() {
    let s = Stage::with(Mode::Http, |config| {
        let fields = "issue_type = \"Incident\"\nfields = { cause = \"customfield_10050\" }";
        config.replacen("issue_type = \"Incident\"", fields, 1)
    })
    .await;
    let body = json!({"title": "Marlin walked off with the ledger", "summary": "Nobody else knows.",
        "severity": "SEV1", "service": "payments-api", "private": true});
    let (status, said) = s.post("/api/v1/incidents", body).await;
    assert_eq!(status, 201, "{said}");
    let incident = said["ref"].as_str().expect("a reference").to_owned();
    s.settle().await;
    let commander = json!({"role": "commander", "user": "ada.lima@meridian.example"});
    let (status, said) = s.post(&format!("/api/v1/incidents/{incident}/roles"), commander).await;
    assert_eq!(status, 200, "{said}");
    is_over(&s, &incident, &["identified", "monitoring", "resolved"]).await;
    s.settle().await;
    let links = s.incident(&incident).await["links"].clone();
    let key = links["jira"]["key"].as_str().expect("a ticket");
    let channel = links["slack"]["channel_name"]
        .as_str()
        .expect("a channel")
        .to_lowercase();
    let zoom = links["zoom"]["url"].as_str().expect("a meeting").to_lowercase();
    let there = s.practice.jira().remote_links(key);
    let all = format!("{}{}", json!(s.practice.jira().issues()), json!(there)).to_lowercase();
    let ada = s
        .practice
        .jira()
        .account_of("ada.lima")
        .expect("an account")
        .to_lowercase();
    for secret in [
        "marlin",
        "nobody else",
        "ledger",
        "payments",
        "sev1",
        "drawer",
        "a lock",
        &channel,
        &zoom,
        "pwd=",
        &ada,
    ] {
        assert!(!all.contains(secret), "{secret} stands in Jira: {all}");
    }
    assert!(
        all.contains(&format!("private incident {}", incident.to_lowercase())),
        "{all}"
    );
    assert_eq!(there.len(), 1, "the link to IMP: {there:?}");
    assert_eq!(there[0]["object"]["title"], json!(incident));
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_does_not_tell_the_public_that_it_is_over() {
    let s = only(&["statuspage"]).await;
    let (one, other) = (
        s.declares_bare("Cards fail").await,
        s.declares_bare("Checkout is down").await,
    );
    publishes(&s, &one, "Some payments fail.").await;
    assert_eq!(page(&s).await, ["investigating"]);
    goes(&s, &one, json!({"to": "merged", "into": other})).await;
    assert_eq!(page(&s).await, ["investigating"], "the merge is no news to the public");
    // The other has it now, and what is said goes on there.
    let (was, is) = (s.incident(&one).await, s.incident(&other).await);
    assert_eq!(is["links"]["statuspage"]["id"], was["links"]["statuspage"]["id"]);
    is_over(&s, &other, &["identified"]).await;
    assert_eq!(page(&s).await, ["identified"]);
    publishes(&s, &other, "A certificate ran out.").await;
    assert_eq!(page(&s).await, ["identified"], "it is the same public incident");
    is_over(&s, &other, &["monitoring", "resolved"]).await;
    assert_eq!(page(&s).await, ["resolved"]);
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_both_are_public_the_card_says_that_one_is_left() {
    let s = only(&["statuspage", "slack"]).await;
    let (one, other) = (
        s.declares_bare("Cards fail").await,
        s.declares_bare("Checkout is down").await,
    );
    publishes(&s, &one, "Some payments fail.").await;
    publishes(&s, &other, "Nobody can pay.").await;
    s.settle().await;
    goes(&s, &one, json!({"to": "merged", "into": other})).await;
    is_over(&s, &other, &["identified", "monitoring", "resolved"]).await;
    let mut both = page(&s).await;
    both.sort_by_key(Value::to_string);
    assert_eq!(both, ["investigating", "resolved"]);
    let channel = s.incident(&other).await["links"]["slack"]["channel_name"]
        .as_str()
        .expect("a channel")
        .to_owned();
    let card = s.slack("ada.lima").card(&channel).await;
    assert!(
        card.words.contains(&format!("of {one} was left as it is")),
        "{}",
        card.words
    );
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_of_a_service_that_nobody_knows_are_one_incident_however_it_is_written() {
    let s = only(&[]).await;
    let long = format!("  Ledger \t export {}", "x".repeat(100));
    let mut seen: Vec<String> = Vec::new();
    for n in 0..2 {
        let mut fresh = alert("firing");
        fresh["groupKey"] = json!(format!("group {n}"));
        fresh["alerts"][0]["fingerprint"] = json!(format!("{n:x}"));
        for labels in ["groupLabels", "commonLabels"] {
            fresh[labels]["service"] = json!(long);
        }
        fresh["alerts"][0]["labels"]["service"] = json!(long);
        seen.push(raise(&s, &fresh).await);
    }
    assert_eq!(seen[0], seen[1], "the second joins the first");
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_never_be_a_person_gets_no_role_and_says_so_beside_the_field() {
    let s = only(&[]).await;
    let incident = s.declares_bare("Cards fail").await;
    let at = |what: &str| format!("/api/v1/incidents/{incident}/{what}");
    for no in ["!channel", "C0123456789", "somebody", "a@b", "<@U1>"] {
        for (what, field, body) in [
            ("roles", "user", json!({"role": "commander", "user": no})),
            ("members", "user", json!({"user": no})),
            ("followers", "user", json!({"user": no})),
            ("tasks", "assignee", json!({"text": "Roll back", "assignee": no})),
            ("follow-ups", "owner", json!({"text": "Write it down", "owner": no})),
        ] {
            let (status, said) = s.post(&at(what), body).await;
            assert_eq!(
                (status, &said["fields"][0]["field"]),
                (422, &json!(field)),
                "{what} {no}: {said}"
            );
        }
    }
    for yes in ["U0A4M2HB1G1", "ada.lima@meridian.example"] {
        let (status, said) = s.post(&at("roles"), json!({"role": "commander", "user": yes})).await;
        assert_eq!(status, 200, "{yes}: {said}");
    }
    s.finish().await;
}
