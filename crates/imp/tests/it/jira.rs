//! Jira both ways: what people change there arrives here, once, whether a webhook tells of it or not; what cannot be
//! followed is settled by a person; and nothing echoes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::moves::{only, only_dark};
use crate::stage::{Mode, Stage, answer, until};

/// Somebody does something in Jira, under their own name.
async fn does(s: &Stage, handle: &str, method: Method, path: &str, body: Value) -> Value {
    let url = format!("{}/jira/rest/api/2/{path}", s.practice.base);
    let email = s.practice.org.email(handle);
    let request = s
        .http
        .request(method, url)
        .basic_auth(email, Some(&s.practice.org.keys.jira_api_token));
    let (status, said) = answer(request.json(&body)).await;
    assert!((200..300).contains(&status), "{path}: {status} {said}");
    said
}

async fn edits(s: &Stage, handle: &str, key: &str, fields: Value) {
    does(
        s,
        handle,
        Method::PUT,
        &format!("issue/{key}"),
        json!({"fields": fields}),
    )
    .await;
}

/// Somebody moves a ticket to a status.
async fn moves(s: &Stage, handle: &str, key: &str, status: &str) {
    let path = format!("issue/{key}/transitions");
    let offered = does(s, handle, Method::GET, &path, json!({})).await;
    let offered = offered["transitions"].as_array().cloned().unwrap_or_default();
    let id = offered.iter().find(|t| t["to"]["name"] == status);
    let id = id.unwrap_or_else(|| panic!("{status} is not offered: {offered:?}"))["id"].clone();
    does(s, handle, Method::POST, &path, json!({"transition": {"id": id}})).await;
}

/// An incident and its ticket, all set up.
async fn filed(s: &Stage) -> (String, String) {
    let incident = s.declares("Checkout is slow").await;
    let key = until("the ticket is filed and moved", async || {
        let jira = s.incident(&incident).await["links"]["jira"].clone();
        jira["status"]
            .is_string()
            .then(|| jira["key"].as_str().unwrap_or_default().to_owned())
    })
    .await;
    s.settle().await;
    (incident, key)
}

async fn timeline(s: &Stage, incident: &str) -> Vec<String> {
    let (_, all) = s.get(&format!("/api/v1/incidents/{incident}/timeline?limit=200")).await;
    let all = all["items"].as_array().cloned().unwrap_or_default();
    all.iter()
        .map(|m| m["text"].as_str().unwrap_or_default().to_owned())
        .collect()
}

async fn tells(s: &Stage, incident: &str, words: &str) {
    until(&format!("the timeline tells: {words}"), async || {
        timeline(s, incident)
            .await
            .iter()
            .any(|t| t.contains(words))
            .then_some(())
    })
    .await;
}

async fn becomes(s: &Stage, incident: &str, what: &str, wanted: Value) {
    let path = format!("/{}", what.replace('.', "/"));
    until(&format!("{what} becomes {wanted}"), async || {
        let i = s.incident(incident).await;
        (i.pointer(&path) == Some(&wanted)).then_some(())
    })
    .await;
}

/// How often the ticket was changed, by anybody, as its history has it.
async fn changes(s: &Stage, key: &str) -> usize {
    let issue = s.practice.jira().issue(key).expect("it is there");
    issue["changelog"]["histories"].as_array().map_or(0, Vec::len)
}

async fn everything_arrives(s: &Stage) {
    let (incident, key) = filed(s).await;
    let before = changes(s, &key).await;
    edits(s, "ada.lima", &key, json!({"summary": "Checkout is down"})).await;
    becomes(s, &incident, "title", json!("Checkout is down")).await;
    edits(s, "ada.lima", &key, json!({"priority": {"name": "Highest"}})).await;
    becomes(s, &incident, "severity", json!("SEV1")).await;
    let ada = s.practice.jira().account_of("ada.lima").expect("an account");
    edits(s, "tiago.fernandes", &key, json!({"assignee": {"accountId": ada}})).await;
    becomes(
        s,
        &incident,
        "roles.commander.email",
        json!("ada.lima@meridian.example"),
    )
    .await;
    moves(s, "ada.lima", &key, "Identified").await;
    becomes(s, &incident, "status", json!("identified")).await;
    let labels = s.jira(&key).await["fields"]["labels"].clone();
    let mut with = labels.as_array().cloned().unwrap_or_default();
    with.push(json!("black-friday"));
    edits(s, "ada.lima", &key, json!({"labels": with})).await;
    becomes(s, &incident, "links.jira.labels", json!(["black-friday"])).await;
    let path = format!("issue/{key}/comment");
    let made = does(
        s,
        "ada.lima",
        Method::POST,
        &path,
        json!({"body": "The pool is exhausted."}),
    )
    .await;
    tells(s, &incident, "Ada Lima in Jira commented: The pool is exhausted.").await;
    let one = format!("{path}/{}", made["id"].as_str().unwrap_or_default());
    does(
        s,
        "ada.lima",
        Method::PUT,
        &one,
        json!({"body": "The pool was exhausted."}),
    )
    .await;
    tells(
        s,
        &incident,
        "Ada Lima in Jira edited a comment: The pool was exhausted.",
    )
    .await;
    let url = format!("{}/jira/rest/api/2/{one}", s.practice.base);
    let k = &s.practice.org.keys;
    let (status, _) = answer(s.http.delete(url).basic_auth(&k.jira_email, Some(&k.jira_api_token))).await;
    assert_eq!(status, 204);
    tells(s, &incident, "deleted a comment").await;
    edits(s, "ada.lima", &key, json!({"assignee": null})).await;
    becomes(s, &incident, "roles", json!({})).await;
    s.settle().await;
    // Six changes by people, and one of ours: the label of the severity, which is ours to keep.
    assert_eq!(
        changes(s, &key).await - before,
        7,
        "{}",
        s.practice.jira().issue(&key).expect("it is there")["changelog"]
    );
    let labels = s.jira(&key).await["fields"]["labels"].to_string();
    for label in ["black-friday", "sev1", &incident.to_lowercase()] {
        assert!(labels.contains(label), "{label} in {labels}");
    }
    let told = timeline(s, &incident).await;
    for once in [
        "changed the title",
        "from SEV3 to SEV1",
        "from Investigating to Identified",
        "The pool is exhausted",
        "is Commander now",
    ] {
        let n = told.iter().filter(|t| t.contains(once)).count();
        assert_eq!(n, 1, "{once}: {told:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_change_in_jira_arrives_by_webhook_once_and_without_an_echo() {
    // The search comes by so late that only webhooks can have told.
    let s = Stage::with(Mode::Http, |c| c.replace("[jira]\n", "[jira]\nsweep_every_s = 3600\n")).await;
    everything_arrives(&s).await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_webhooks_lose_the_search_finds() {
    let s = Stage::with(Mode::Http, |c| c.replace("[jira]\n", "[jira]\nsweep_every_s = 1\n")).await;
    s.practice.jira().lose_webhooks(true);
    everything_arrives(&s).await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_the_incident_cannot_follow_is_settled_by_a_person() {
    let s = Stage::new().await;
    let ada = s.slack("ada.lima");
    let (incident, key) = filed(&s).await;
    let channel = s.incident(&incident).await["links"]["slack"]["channel_name"]
        .as_str()
        .expect("a channel")
        .to_owned();

    // Jira goes ahead; resolving asks how it was resolved, so people are asked.
    moves(&s, "tiago.fernandes", &key, "Resolved").await;
    becomes(&s, &incident, "conflict.theirs", json!("Resolved")).await;
    assert_eq!(
        s.incident(&incident).await["conflict"]["requires"],
        json!(["resolution"])
    );
    s.settle().await;
    let card = ada.card(&channel).await;
    assert!(
        card.words
            .contains("Jira says *Resolved*, the incident is *Investigating*"),
        "{}",
        card.words
    );
    let (_, page) = s.get(&format!("/incidents/{incident}")).await;
    assert!(
        page.as_str()
            .is_some_and(|p| p.contains("Follow Jira") && p.contains("Keep ours")),
        "{page}"
    );

    // Ours is kept: Jira comes back.
    ada.clicks("Keep ours", &card).await;
    becomes(&s, &incident, "conflict", Value::Null).await;
    s.settle().await;
    assert_eq!(s.jira(&key).await["fields"]["status"]["name"], "Investigating");
    assert!(!ada.card(&channel).await.words.contains("Jira says"));

    // And again; this time Jira is followed, with the answer that the way asks for.
    moves(&s, "tiago.fernandes", &key, "Resolved").await;
    becomes(&s, &incident, "conflict.theirs", json!("Resolved")).await;
    s.settle().await;
    ada.clicks("Follow Jira", &ada.card(&channel).await).await;
    ada.fills("jira.follow", &[("resolution", "Rolled back.")]).await;
    becomes(&s, &incident, "status", json!("resolved")).await;
    becomes(&s, &incident, "conflict", Value::Null).await;
    s.settle().await;
    assert_eq!(s.jira(&key).await["fields"]["status"]["name"], "Resolved");

    // What asks nothing is one click, and over REST one call.
    moves(&s, "tiago.fernandes", &key, "Closed").await;
    becomes(&s, &incident, "conflict.to", json!("closed")).await;
    let path = format!("/api/v1/incidents/{incident}/conflict");
    let (status, said) = s.post(&path, json!({"choose": "follow"})).await;
    assert_eq!(
        (status, &said["fields"][0]["field"]),
        (409, &json!("learned")),
        "{said}"
    );
    let (status, said) = s
        .post(&path, json!({"choose": "follow", "learned": "Deploy slowly."}))
        .await;
    assert_eq!((status, &said["status"]), (200, &json!("closed")), "{said}");
    let (status, said) = s.post(&path, json!({"choose": "keep"})).await;
    assert_eq!(status, 409, "{said}");
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jira_says_done_while_the_incident_is_being_worked_on() {
    let mut s = only_dark(&["jira"]).await;
    s.practice.jira().set_workflow(imp_practice::jira::Workflow::Simple);
    s.rise().await;
    let (incident, key) = filed(&s).await;
    moves(&s, "ada.lima", &key, "Done").await;
    becomes(&s, &incident, "conflict.theirs", json!("Done")).await;
    let conflict = s.incident(&incident).await["conflict"].clone();
    assert_eq!(
        (&conflict["to"], &conflict["requires"]),
        (&json!("closed"), &json!(["resolution", "learned"]))
    );
    // The incident goes on; Jira is not fought over meanwhile.
    let (status, said) = s
        .post(
            &format!("/api/v1/incidents/{incident}/transitions"),
            json!({"to": "identified"}),
        )
        .await;
    assert_eq!(status, 200, "{said}");
    s.settle().await;
    assert_eq!(s.jira(&key).await["fields"]["status"]["name"], "Done");
    let (status, _) = s
        .post(
            &format!("/api/v1/incidents/{incident}/conflict"),
            json!({"choose": "keep"}),
        )
        .await;
    assert_eq!(status, 200);
    s.settle().await;
    assert_eq!(s.jira(&key).await["fields"]["status"]["name"], "In Progress");
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_is_gone_is_said_and_not_tried_for_ever() {
    let s = only(&["jira", "slack"]).await;
    let (incident, key) = filed(&s).await;
    let k = &s.practice.org.keys;
    let url = format!("{}/jira/rest/api/3/issue/{key}", s.practice.base);
    let (status, said) = answer(
        s.http
            .delete(url)
            .basic_auth(s.practice.org.email("ada.lima"), Some(&k.jira_api_token)),
    )
    .await;
    assert_eq!(status, 204, "{said}");
    until("it is said to be gone", async || {
        s.incident(&incident).await["links"]["jira"]["gone"]
            .is_string()
            .then_some(())
    })
    .await;
    let (status, said) = s
        .post(
            &format!("/api/v1/incidents/{incident}/updates"),
            json!({"text": "Still at it."}),
        )
        .await;
    assert_eq!(status, 201, "{said}");
    let (status, _) = s
        .post(
            &format!("/api/v1/incidents/{incident}/transitions"),
            json!({"to": "identified"}),
        )
        .await;
    assert_eq!(status, 200);
    let channel = s.incident(&incident).await["links"]["slack"]["channel_name"]
        .as_str()
        .expect("a channel")
        .to_owned();
    s.settle().await;
    let card = s.slack("ada.lima").card(&channel).await;
    assert!(
        card.words.contains(&format!("The ticket {key} is gone")),
        "{}",
        card.words
    );
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_of_an_issue_that_nobody_knows_changes_nothing() {
    let s = only(&["jira"]).await;
    let body = json!({"webhookEvent": "jira:issue_updated", "issue": {"id": "1", "key": "INC-999"}, "changelog": {"id": "1", "items": []}});
    for (body, wanted) in [
        (body.to_string(), 200),
        ("{\"issue\": {".to_owned(), 400),
        ("<html>".to_owned(), 400),
    ] {
        let signed = imp_practice::jira::signature(&s.practice.org.keys.jira_webhook_secret, body.as_bytes());
        let request = s
            .request(Method::POST, "/webhooks/jira")
            .header("X-Hub-Signature", signed)
            .body(body.clone());
        assert_eq!(answer(request).await.0, wanted, "{body}");
    }
    let unsigned = s.request(Method::POST, "/webhooks/jira").body("{}");
    assert_eq!(answer(unsigned).await.0, 401);
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ticket_of_a_merged_incident_is_a_duplicate() {
    let s = only(&["jira"]).await;
    let (original, original_key) = filed(&s).await;
    let (duplicate, key) = filed(&s).await;
    let path = format!("/api/v1/incidents/{duplicate}/transitions");
    let (status, said) = s.post(&path, json!({"to": "merged", "into": original})).await;
    assert_eq!(status, 200, "{said}");
    s.settle().await;
    let links = s.jira(&key).await["fields"]["issuelinks"].clone();
    let of = |l: &Value| {
        (
            l["type"]["name"].clone(),
            l["type"]["outward"].clone(),
            l["outwardIssue"]["key"].clone(),
        )
    };
    let links: Vec<_> = links.as_array().into_iter().flatten().map(of).collect();
    assert_eq!(links, [(json!("Duplicate"), json!("duplicates"), json!(original_key))]);
    s.finish().await;
}
