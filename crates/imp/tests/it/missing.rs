//! An integration whose section is missing is off: everything else goes on, and no button needs it.

use serde_json::json;

use crate::stage::{Mode, Stage};

async fn without(section: &str) -> (Stage, String) {
    let s = Stage::with(Mode::Http, |config| {
        let mut table: toml::Table = config.parse().expect("TOML");
        assert!(table.remove(section).is_some(), "{section} was there");
        toml::to_string(&table).expect("TOML")
    })
    .await;
    let (status, i) = s.post("/api/v1/incidents", json!({"title": "Something real"})).await;
    assert_eq!(status, 201, "{i}");
    let incident = i["ref"].as_str().expect("a reference").to_owned();
    s.moves(&incident, "identified").await;
    s.settle().await;
    (s, incident)
}

async fn buttons(s: &Stage, incident: &str) -> Vec<(String, String)> {
    let channel = s.channel_of(incident).await;
    let announced = s.slack("ada.lima").card(&channel).await;
    announced.buttons()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_slack() {
    let (s, incident) = without("slack").await;
    let i = s.incident(&incident).await;
    assert!(
        i["links"]["slack"].is_null() && i["links"]["jira"].is_object() && i["links"]["zoom"].is_object(),
        "{i}"
    );
    assert_eq!(
        s.request(reqwest::Method::POST, "/slack/commands")
            .send()
            .await
            .expect("an answer")
            .status()
            .as_u16(),
        401
    );
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_jira() {
    let (s, incident) = without("jira").await;
    assert!(s.incident(&incident).await["links"]["jira"].is_null());
    assert!(
        buttons(&s, &incident)
            .await
            .iter()
            .all(|(_, action)| action != "incident.jira")
    );
    let (status, _) = s
        .post(
            &format!("/api/v1/incidents/{incident}/tasks"),
            json!({"text": "without a ticket"}),
        )
        .await;
    assert_eq!(status, 201);
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_statuspage() {
    let (s, incident) = without("statuspage").await;
    assert!(
        buttons(&s, &incident)
            .await
            .iter()
            .all(|(_, action)| action != "incident.statuspage")
    );
    let (status, said) = s
        .post(
            &format!("/api/v1/incidents/{incident}/updates"),
            json!({"text": "x", "public": true}),
        )
        .await;
    assert!((400..500).contains(&status), "{status} {said}");
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_zoom() {
    let (s, incident) = without("zoom").await;
    assert!(s.incident(&incident).await["links"]["zoom"].is_null());
    assert!(
        buttons(&s, &incident)
            .await
            .iter()
            .all(|(_, action)| action != "incident.zoom")
    );
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_opslevel() {
    let (s, incident) = without("opslevel").await;
    let moves = buttons(&s, &incident).await;
    assert!(
        moves
            .iter()
            .any(|(_, action)| action == "incident.transition.monitoring"),
        "{moves:?}"
    );
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_alerts() {
    let (s, _) = without("alerts").await;
    let (status, said) = s.post("/webhooks/alerts/generic", json!({"title": "x"})).await;
    assert_eq!(status, 401, "{said}");
    s.finish().await;
}
