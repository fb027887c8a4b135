//! Statuspage: incidents and their updates, components, post-mortems, the limit, the public page.

use imp_practice::statuspage::component_id;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{Stage, answer};

async fn call(stage: &Stage, method: Method, path: &str, body: Value) -> (u16, Value) {
    let keys = &stage.practice.org.keys;
    let request = stage.request(
        method,
        &format!("/statuspage/v1/pages/{}{path}", keys.statuspage_page_id),
    );
    let request = request.header("Authorization", format!("OAuth {}", keys.statuspage_api_key));
    answer(if body.is_null() { request } else { request.json(&body) }).await
}

async fn incident(stage: &Stage) -> Value {
    let wish = json!({
        "name": "Payments fail", "status": "investigating", "body": "We are looking.",
        "components": {component_id("payments-api"): "major_outage"}, "metadata": {"imp": {"ref": "IMP-42"}},
    });
    let (status, made) = call(stage, Method::POST, "/incidents", json!({"incident": wish})).await;
    assert_eq!(status, 201, "{made}");
    made
}

#[tokio::test]
async fn each_body_is_an_update_and_nothing_else_is() {
    let stage = Stage::new().await;
    let made = incident(&stage).await;
    assert_eq!(made["impact"], "critical");
    let path = format!("/incidents/{}", made["id"].as_str().expect("an id"));
    call(
        &stage,
        Method::PATCH,
        &path,
        json!({"incident": {"impact_override": "minor"}}),
    )
    .await;
    call(
        &stage,
        Method::PATCH,
        &path,
        json!({"incident": {"status": "identified", "body": "Found."}}),
    )
    .await;
    call(
        &stage,
        Method::PATCH,
        &path,
        json!({"incident": {"status": "identified", "body": "Found."}}),
    )
    .await;
    let (_, now) = call(&stage, Method::GET, &path, Value::Null).await;
    assert_eq!(now["incident_updates"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        (&now["impact"], &now["status"]),
        (&json!("minor"), &json!("identified"))
    );
    let (_, open) = call(&stage, Method::GET, "/incidents/unresolved", Value::Null).await;
    assert_eq!(open[0]["metadata"]["imp"]["ref"], "IMP-42");
    call(
        &stage,
        Method::PATCH,
        &path,
        json!({"incident": {"status": "resolved", "body": "Done."}}),
    )
    .await;
    let (_, open) = call(&stage, Method::GET, "/incidents/unresolved", Value::Null).await;
    assert_eq!(open, json!([]));
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let stage = Stage::new().await;
    for wrong in [
        json!({"name": ""}),
        json!({"name": "x", "status": "on fire"}),
        json!({"name": "x", "metadata": {"a": "b"}}),
        json!({"name": "x", "components": {"nope": "operational"}}),
    ] {
        let (status, refusal) = call(&stage, Method::POST, "/incidents", json!({"incident": wrong})).await;
        assert_eq!(status, 422, "{wrong}");
        assert!(refusal["error"].is_array(), "{refusal}");
    }
    let (status, _) = answer(stage.request(Method::GET, "/statuspage/v1/pages")).await;
    assert_eq!(status, 401);
    assert!(stage.practice.statuspage().incidents().is_empty());
}

#[tokio::test]
async fn a_post_mortem_is_drafted_and_published() {
    let stage = Stage::new().await;
    let made = incident(&stage).await;
    let path = format!("/incidents/{}/postmortem", made["id"].as_str().expect("an id"));
    assert_eq!(call(&stage, Method::GET, &path, Value::Null).await.0, 404);
    let (status, _) = call(
        &stage,
        Method::PUT,
        &path,
        json!({"postmortem": {"body_draft": "What we learnt."}}),
    )
    .await;
    assert_eq!(status, 200);
    let (_, published) = call(
        &stage,
        Method::PUT,
        &format!("{path}/publish"),
        json!({"postmortem": {}}),
    )
    .await;
    assert_eq!(published["body"], "What we learnt.");
    assert_eq!(call(&stage, Method::DELETE, &path, Value::Null).await.0, 204);
}

#[tokio::test]
async fn the_limit_is_a_request_a_second() {
    let stage = Stage::new().await;
    stage.practice.statuspage().set_limits(true);
    let mut last = 200;
    for _ in 0..61 {
        last = call(&stage, Method::GET, "/incident_templates", Value::Null).await.0;
    }
    assert_eq!(last, 429);
    stage.practice.statuspage().set_limit_is_420(true);
    assert_eq!(
        call(&stage, Method::GET, "/incident_templates", Value::Null).await.0,
        420
    );
}

#[tokio::test]
async fn customers_see_it() {
    let stage = Stage::new().await;
    let read = async || {
        stage
            .request(Method::GET, "/statuspage/")
            .send()
            .await
            .expect("a page")
            .text()
            .await
            .expect("text")
    };
    assert!(read().await.contains("All systems operational"));
    incident(&stage).await;
    let markup = read().await;
    assert!(markup.contains("Payments fail") && markup.contains("Major outage") && markup.contains("We are looking."));
}
