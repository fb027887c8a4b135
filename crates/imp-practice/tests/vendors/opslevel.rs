//! OpsLevel: the catalogue over GraphQL, what is written into it, custom events, and the schema itself.

use std::path::Path;

use imp_practice::opslevel::faults_of;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{Stage, answer};

async fn ask(stage: &Stage, query: &str, variables: Value) -> Value {
    let request = stage
        .request(Method::POST, "/opslevel/graphql")
        .bearer_auth(&stage.practice.org.keys.opslevel_api_token);
    let (status, body) = answer(request.json(&json!({"query": query, "variables": variables}))).await;
    assert_eq!(status, 200);
    body
}

#[tokio::test]
async fn the_whole_catalogue_is_read_page_by_page() {
    let stage = Stage::new().await;
    let query = "query Services($first: Int!, $after: String) { account { services(first: $first, after: $after) {
        nodes { alias aliases owner { alias } tier { alias } onCalls(first: 5) { nodes { externalEmail } }
        tools(first: 5) { nodes { category url } } dependencies(first: 1) { nodes { aliases } pageInfo { hasNextPage } } }
        pageInfo { endCursor hasNextPage } } } }";
    let (mut seen, mut after) = (vec![], json!(""));
    loop {
        let answer = ask(&stage, query, json!({"first": 15, "after": after})).await;
        assert!(answer["errors"].is_null(), "{answer}");
        let page = &answer["data"]["account"]["services"];
        seen.extend(page["nodes"].as_array().expect("nodes").clone());
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(seen.len(), stage.practice.org.services.len());
    let payments = seen.iter().find(|s| s["alias"] == "payments-api").expect("it is there");
    assert_eq!(payments["aliases"], json!(["payments-api"]));
    assert_eq!(
        payments["onCalls"]["nodes"][0]["externalEmail"],
        "tiago.fernandes@meridian.example"
    );
    assert_eq!(payments["dependencies"]["pageInfo"]["hasNextPage"], true);
    stage.practice.world().set_on_call("payments", "ada.lima");
    let answer = ask(
        &stage,
        "{ account { service(alias: \"payments-api\") { onCalls { nodes { name } } } } }",
        json!({}),
    )
    .await;
    assert_eq!(
        answer["data"]["account"]["service"]["onCalls"]["nodes"][0]["name"],
        "Ada Lima"
    );
}

#[tokio::test]
async fn what_is_written_is_read_again() {
    let stage = Stage::new().await;
    let assign =
        "mutation($input: PropertyInput!) { propertyAssign(input: $input) { property { value } errors { message } } }";
    let input = |value: &str| json!({"input": {"owner": {"alias": "chat"}, "definition": {"alias": "open_incidents"}, "ownerType": "COMPONENT", "value": value}});
    let answer = ask(&stage, assign, input("3")).await;
    assert_eq!(
        answer["data"]["propertyAssign"],
        json!({"property": {"value": "3"}, "errors": []})
    );
    assert_eq!(
        stage.practice.opslevel().property("chat", "open_incidents"),
        Some(json!(3))
    );
    let answer = ask(&stage, assign, input("not json")).await;
    assert!(answer["data"]["propertyAssign"]["errors"][0]["message"].is_string());
    let tag =
        "mutation($input: TagAssignInput!) { tagAssign(input: $input) { tags { key value } errors { message } } }";
    for value in ["true", "false"] {
        ask(
            &stage,
            tag,
            json!({"input": {"alias": "chat", "type": "Service", "tags": [{"key": "incident", "value": value}]}}),
        )
        .await;
    }
    let tags = stage.practice.opslevel().tags("chat");
    assert_eq!(
        tags.iter()
            .filter(|t| t.0 == "incident")
            .map(|t| t.1.as_str())
            .collect::<Vec<_>>(),
        ["false"]
    );
}

#[tokio::test]
async fn what_the_schema_does_not_know_is_refused() {
    let stage = Stage::new().await;
    let answer = ask(&stage, "{ account { services { nodes { colour } } } }", json!({})).await;
    assert!(
        answer["data"].is_null() && answer["errors"].to_string().contains("colour"),
        "{answer}"
    );
    let answer = ask(
        &stage,
        "query($id: ID!) { account { service(id: $id) { name } } }",
        json!({}),
    )
    .await;
    assert!(answer["errors"].is_array(), "{answer}");
    let (status, _) = self::answer(
        stage
            .request(Method::POST, "/opslevel/graphql")
            .json(&json!({"query": "{account{id}}"})),
    )
    .await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn a_custom_event_is_kept_and_shown() {
    let stage = Stage::new().await;
    let event = json!({"service": "chat", "ref": "IMP-42"});
    let path = format!(
        "/opslevel/integrations/custom_event/{}",
        stage.practice.org.keys.opslevel_custom_event_id
    );
    assert_eq!(answer(stage.request(Method::POST, &path).json(&event)).await.0, 202);
    assert_eq!(
        answer(
            stage
                .request(Method::POST, "/opslevel/integrations/custom_event/other")
                .json(&event)
        )
        .await
        .0,
        404
    );
    assert_eq!(stage.practice.opslevel().events(), [event]);
    let page = stage
        .request(Method::GET, "/opslevel/services/chat")
        .send()
        .await
        .expect("a page")
        .text()
        .await
        .expect("text");
    assert!(page.contains("IMP-42"));
}

#[test]
fn the_documents_that_we_send_fit_the_schema() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../imp-vendors/src/opslevel");
    let Ok(files) = std::fs::read_dir(&folder) else { return };
    for file in files
        .flatten()
        .filter(|f| f.path().extension().is_some_and(|e| e == "graphql"))
    {
        let text = std::fs::read_to_string(file.path()).expect("it can be read");
        assert_eq!(faults_of(&text), Vec::<String>::new(), "{}", file.path().display());
    }
}
