//! Zoom: tokens, meetings, the daily limit, and what the application is told when people join and leave.

use imp_practice::jira::hmac_hex;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{Stage, answer};

async fn token(stage: &Stage) -> String {
    let keys = &stage.practice.org.keys;
    let request = stage
        .request(Method::POST, "/zoom/oauth/token")
        .basic_auth(&keys.zoom_client_id, Some(&keys.zoom_client_secret));
    let form = [
        ("grant_type", "account_credentials"),
        ("account_id", keys.zoom_account_id.as_str()),
    ];
    let (status, body) = answer(request.form(&form)).await;
    assert_eq!(status, 200, "{body}");
    body["access_token"].as_str().expect("a token").to_owned()
}

async fn call(stage: &Stage, token: &str, method: Method, path: &str, body: Value) -> (u16, Value) {
    let request = stage.request(method, &format!("/zoom/v2{path}")).bearer_auth(token);
    answer(if body.is_null() { request } else { request.json(&body) }).await
}

#[tokio::test]
async fn a_meeting_is_made_found_changed_and_ended() {
    let stage = Stage::new().await;
    let token = token(&stage).await;
    let wish = json!({"topic": "IMP-42", "type": 2, "agenda": "IMP-42", "settings": {"join_before_host": true}});
    let (status, made) = call(
        &stage,
        &token,
        Method::POST,
        "/users/ada.lima@meridian.example/meetings",
        wish,
    )
    .await;
    assert_eq!(status, 201, "{made}");
    let start = format!("{}/zoom/j/{}?pwd=", stage.practice.base, made["id"]);
    assert!(made["join_url"].as_str().is_some_and(|u| u.starts_with(&start)));
    let (_, listed) = call(
        &stage,
        &token,
        Method::GET,
        "/users/ada.lima@meridian.example/meetings",
        Value::Null,
    )
    .await;
    assert_eq!(listed["meetings"][0]["agenda"], "IMP-42");
    let path = format!("/meetings/{}", made["id"]);
    assert_eq!(
        call(&stage, &token, Method::PATCH, &path, json!({"topic": "New"}))
            .await
            .0,
        204
    );
    assert_eq!(
        call(&stage, &token, Method::GET, &path, Value::Null).await.1["topic"],
        "New"
    );
    assert_eq!(
        call(
            &stage,
            &token,
            Method::PUT,
            &format!("{path}/status"),
            json!({"action": "end"})
        )
        .await
        .0,
        204
    );
    assert_eq!(call(&stage, &token, Method::DELETE, &path, Value::Null).await.0, 204);
    assert_eq!(
        call(&stage, &token, Method::GET, &path, Value::Null).await.1["code"],
        3001
    );
}

#[tokio::test]
async fn a_token_that_is_not_good_is_124() {
    let stage = Stage::new().await;
    let token = token(&stage).await;
    assert_eq!(call(&stage, &token, Method::GET, "/users/me", Value::Null).await.0, 200);
    stage.practice.zoom().expire_tokens();
    let (status, refusal) = call(&stage, &token, Method::GET, "/users/me", Value::Null).await;
    assert_eq!((status, &refusal["code"]), (401, &json!(124)));
}

#[tokio::test]
async fn a_host_makes_a_hundred_meetings_a_day() {
    let stage = Stage::new().await;
    stage.practice.zoom().set_limits(true);
    let token = token(&stage).await;
    let mut last = 0;
    for _ in 0..101 {
        last = call(
            &stage,
            &token,
            Method::POST,
            "/users/me/meetings",
            json!({"topic": "x"}),
        )
        .await
        .0;
    }
    assert_eq!(last, 429);
    let (status, _) = call(
        &stage,
        &token,
        Method::POST,
        "/users/kasia.nowak@meridian.example/meetings",
        json!({"topic": "x"}),
    )
    .await;
    assert_eq!(status, 201);
}

#[tokio::test]
async fn the_application_is_told_who_comes_and_goes() {
    let mut stage = Stage::new().await;
    let token = token(&stage).await;
    let (_, made) = call(
        &stage,
        &token,
        Method::POST,
        "/users/me/meetings",
        json!({"topic": "IMP-42"}),
    )
    .await;
    let page = format!("/zoom/j/{}", made["id"]);
    for act in ["join", "leave"] {
        let request = stage
            .request(Method::POST, &page)
            .header("Cookie", "practice_person=kasia.nowak");
        assert_eq!(answer(request.form(&[("do", act)])).await.0, 303);
    }
    for event in [
        "meeting.started",
        "meeting.participant_joined",
        "meeting.participant_left",
        "meeting.ended",
    ] {
        let told = stage.hears().await;
        assert_eq!(told.body["event"], event);
        let at = told.headers["x-zm-request-timestamp"].to_str().expect("text");
        let wanted = hmac_hex(
            &stage.practice.org.keys.zoom_webhook_secret,
            format!("v0:{at}:{}", told.raw).as_bytes(),
        );
        assert_eq!(
            told.headers["x-zm-signature"].to_str().expect("text"),
            format!("v0={wanted}")
        );
    }
}
