//! Jira: tickets, the workflow, the search, links, and what the application is told.

use imp_practice::jira::{Workflow, signature};
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{Stage, answer};

async fn call(stage: &Stage, method: Method, path: &str, body: Value) -> (u16, Value) {
    let keys = &stage.practice.org.keys;
    let mut request = stage.request(method, &format!("/jira/rest/api/3{path}"));
    request = request.basic_auth(&keys.jira_email, Some(&keys.jira_api_token));
    answer(if body.is_null() { request } else { request.json(&body) }).await
}

fn text(words: &str) -> Value {
    json!({"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"type": "text", "text": words}]}]})
}

async fn incident(stage: &Stage, summary: &str) -> String {
    let fields = json!({
        "project": {"key": "INC"}, "issuetype": {"name": "Incident"}, "summary": summary, "description": text("It is broken."),
        "labels": ["imp-42"], "priority": {"name": "Highest"}, "customfield_10051": {"value": "PT"},
    });
    let body = json!({"fields": fields, "properties": [{"key": "imp", "value": {"ref": "IMP-42"}}]});
    let (status, made) = call(stage, Method::POST, "/issue", body).await;
    assert_eq!(status, 201, "{made}");
    made["key"].as_str().expect("a key").to_owned()
}

#[tokio::test]
async fn a_ticket_is_made_found_and_read() {
    let stage = Stage::new().await;
    let key = incident(&stage, "Payments fail").await;
    let (_, issue) = call(
        &stage,
        Method::GET,
        &format!("/issue/{key}?properties=imp"),
        Value::Null,
    )
    .await;
    assert_eq!(issue["fields"]["priority"]["name"], "Highest");
    assert_eq!(issue["fields"]["customfield_10051"]["value"], "PT");
    assert_eq!(issue["properties"]["imp"]["ref"], "IMP-42");
    let wish = json!({"jql": "project = INC AND labels = imp-42 AND statusCategory != Done", "fields": ["summary"]});
    let (_, found) = call(&stage, Method::POST, "/search/jql", wish).await;
    assert_eq!(found["issues"][0]["key"], json!(key));
    assert_eq!(found["issues"][0]["fields"], json!({"summary": "Payments fail"}));
    assert_eq!(found["isLast"], true);
}

#[tokio::test]
async fn what_is_wrong_with_a_ticket_is_said_by_field() {
    let stage = Stage::new().await;
    let fields =
        json!({"project": {"key": "INC"}, "issuetype": {"name": "Incident"}, "description": "plain", "colour": 1});
    let (status, refusal) = call(&stage, Method::POST, "/issue", json!({"fields": fields})).await;
    assert_eq!(status, 400);
    assert_eq!(refusal["errors"]["summary"], "You must specify a summary of the issue.");
    assert!(
        refusal["errors"]["colour"]
            .as_str()
            .is_some_and(|w| w.contains("cannot be set"))
    );
    assert!(
        refusal["errors"]["description"]
            .as_str()
            .is_some_and(|w| w.contains("Atlassian Document"))
    );
    let (status, _) = answer(stage.request(Method::GET, "/jira/rest/api/3/myself")).await;
    assert_eq!(status, 401);
    let (status, _) = call(&stage, Method::GET, "/issue/INC-99", Value::Null).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn the_workflow_offers_what_it_offers() {
    let stage = Stage::new().await;
    let key = incident(&stage, "Search is slow").await;
    let path = format!("/issue/{key}/transitions");
    let (_, offered) = call(&stage, Method::GET, &path, Value::Null).await;
    let id_of = |offered: &Value, name: &str| {
        let all = offered["transitions"].as_array().cloned().unwrap_or_default();
        all.iter().find(|t| t["to"]["name"] == name).map(|t| t["id"].clone())
    };
    let investigate = id_of(&offered, "Investigating").expect("it is offered");
    let (status, _) = call(&stage, Method::POST, &path, json!({"transition": {"id": investigate}})).await;
    assert_eq!(status, 204);
    let (status, _) = call(&stage, Method::POST, &path, json!({"transition": {"id": "11"}})).await;
    assert_eq!(status, 400, "there is no way back to To Do");
    let (_, offered) = call(&stage, Method::GET, &path, Value::Null).await;
    let close = id_of(&offered, "Closed").expect("it is offered");
    call(&stage, Method::POST, &path, json!({"transition": {"id": close}})).await;
    let issue = stage.practice.jira().issue(&key).expect("it is there");
    assert_eq!(issue["fields"]["status"]["statusCategory"]["key"], "done");
    assert_eq!(issue["fields"]["resolution"]["name"], "Done");

    stage.practice.jira().set_workflow(Workflow::Simple);
    let (_, kinds) = call(&stage, Method::GET, "/project/INC/statuses", Value::Null).await;
    let names: Vec<_> = kinds[0]["statuses"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|s| s["name"].clone())
        .collect();
    assert_eq!(names, ["To Do", "In Progress", "Done"]);
}

#[tokio::test]
async fn a_repeated_remote_link_or_property_is_the_same_one() {
    let stage = Stage::new().await;
    let key = incident(&stage, "Login fails").await;
    let link = |title: &str| json!({"globalId": "imp:1", "object": {"url": "https://imp.example/1", "title": title}});
    let path = format!("/issue/{key}/remotelink");
    let (first, made) = call(&stage, Method::POST, &path, link("one")).await;
    let (second, again) = call(&stage, Method::POST, &path, link("two")).await;
    assert_eq!((first, second), (201, 200));
    assert_eq!(made["id"], again["id"]);
    assert_eq!(stage.practice.jira().remote_links(&key)[0]["object"]["title"], "two");
    let path = format!("/issue/{key}/properties/imp.state");
    assert_eq!(call(&stage, Method::PUT, &path, json!({"a": 1})).await.0, 201);
    assert_eq!(call(&stage, Method::PUT, &path, json!({"a": 2})).await.0, 200);
    assert_eq!(call(&stage, Method::PUT, &path, json!("x".repeat(40_000))).await.0, 400);
}

#[tokio::test]
async fn the_search_may_be_behind_but_not_for_what_is_named() {
    let stage = Stage::new().await;
    stage.practice.jira().set_search_lag(3_600_000);
    let key = incident(&stage, "Chat is late").await;
    let wish = json!({"jql": "labels = imp-42"});
    let (_, found) = call(&stage, Method::POST, "/search/jql", wish).await;
    assert_eq!(found["issues"], json!([]));
    let issue = stage.practice.jira().issue(&key).expect("it is there");
    let id: u64 = issue["id"].as_str().and_then(|i| i.parse().ok()).expect("a number");
    let (_, found) = call(
        &stage,
        Method::POST,
        "/search/jql",
        json!({"jql": "labels = imp-42", "reconcileIssues": [id]}),
    )
    .await;
    assert_eq!(found["issues"][0]["id"], json!(id.to_string()));
}

#[tokio::test]
async fn queries_are_read_as_jira_reads_them() {
    let stage = Stage::new().await;
    incident(&stage, "Payments fail in Porto").await;
    incident(&stage, "Search is slow").await;
    for (jql, count) in [
        ("project = INC", 2),
        ("project = inc and (summary ~ \"porto\" or summary ~ slow)", 2),
        ("project = INC AND NOT summary ~ porto", 1),
        ("key in (INC-1, INC-2) AND created >= -7d", 2),
        ("created < -7d", 0),
        ("assignee is EMPTY AND priority = Highest ORDER BY created DESC", 2),
        ("assignee != currentUser()", 0),
        ("text ~ \"brok*\"", 2),
        ("Country = PT AND status in (\"To Do\", Triage)", 2),
    ] {
        let (status, answer) = call(&stage, Method::POST, "/search/approximate-count", json!({"jql": jql})).await;
        assert_eq!((status, &answer["count"]), (200, &json!(count)), "{jql}: {answer}");
    }
    for jql in [
        "",
        "order by created",
        "colour = red",
        "project = NOPE",
        "project =",
        "summary ~ (",
        "key = INC-77",
    ] {
        let (status, _) = call(&stage, Method::POST, "/search/jql", json!({"jql": jql})).await;
        assert_eq!(status, 400, "{jql}");
    }
    let page = json!({"jql": "project = INC ORDER BY key", "maxResults": 1});
    let (_, first) = call(&stage, Method::POST, "/search/jql", page).await;
    let page = json!({"jql": "project = INC ORDER BY key", "maxResults": 1, "nextPageToken": first["nextPageToken"]});
    let (_, second) = call(&stage, Method::POST, "/search/jql", page).await;
    assert_eq!(
        (first["isLast"].clone(), second["isLast"].clone()),
        (json!(false), json!(true))
    );
    assert_ne!(first["issues"][0]["id"], second["issues"][0]["id"]);
}

#[tokio::test]
async fn the_application_is_told_and_can_check_who_tells() {
    let mut stage = Stage::new().await;
    let key = incident(&stage, "Images are gone").await;
    let told = stage.hears_that("webhookEvent", "jira:issue_created").await;
    assert_eq!(told.path, "/webhooks/jira");
    assert_eq!(told.body["issue"]["key"], json!(key));
    let wanted = signature(&stage.practice.org.keys.jira_webhook_secret, told.raw.as_bytes());
    assert_eq!(told.headers["X-Hub-Signature"], wanted.as_str());
    call(
        &stage,
        Method::PUT,
        &format!("/issue/{key}"),
        json!({"fields": {"summary": "Images are back"}}),
    )
    .await;
    let told = stage.hears_that("webhookEvent", "jira:issue_updated").await;
    assert_eq!(told.body["changelog"]["items"][0]["toString"], "Images are back");
    call(
        &stage,
        Method::POST,
        &format!("/issue/{key}/comment"),
        json!({"body": text("Found it.")}),
    )
    .await;
    let told = stage.hears_that("webhookEvent", "comment_created").await;
    assert_eq!(told.body["comment"]["body"], "Found it.");
}

#[tokio::test]
async fn a_person_does_on_the_page_what_people_do() {
    let mut stage = Stage::new().await;
    let key = incident(&stage, "<script>alert(1)</script>").await;
    let page = stage
        .request(Method::GET, &format!("/jira/browse/{key}"))
        .send()
        .await
        .expect("a page");
    let markup = page.text().await.expect("text");
    assert!(markup.contains("&lt;script&gt;alert(1)") && !markup.contains("<script>alert"));
    for form in [
        vec![("text", "I look at it.")],
        vec![("transition", "51")],
        vec![("summary", "Payments fail")],
    ] {
        let request = stage
            .request(Method::POST, &format!("/jira/browse/{key}"))
            .header("Cookie", "practice_person=kasia.nowak");
        assert_eq!(answer(request.form(&form)).await.0, 303);
    }
    let told = stage.hears_that("webhookEvent", "comment_created").await;
    assert_eq!(told.body["comment"]["author"]["displayName"], "Katarzyna Nowak");
    let issue = stage.practice.jira().issue(&key).expect("it is there");
    assert_eq!(issue["fields"]["status"]["name"], "Investigating");
    assert_eq!(issue["fields"]["summary"], "Payments fail");
}
