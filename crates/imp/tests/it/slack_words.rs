//! What people say to IMP in Slack, and what they read there in answer.

use serde_json::{Value, json};

use crate::moves::only;

/// What a form proposes for a field.
fn proposed<'a>(form: &'a Value, field: &str) -> &'a str {
    let blocks = form["blocks"].as_array().into_iter().flatten();
    blocks
        .filter(|b| b["block_id"] == field)
        .find_map(|b| b["element"]["initial_value"].as_str())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shortcut_declares_with_the_words_of_the_message_and_none_of_slacks_markup() {
    let s = only(&["slack"]).await;
    let ada = s.slack("ada.lima");
    let channels = ada.channels().await;
    let open = channels
        .iter()
        .find(|c| c["sort"] == "public")
        .expect("a public channel");
    let place = open["name"].as_str().expect("a name");
    ada.says(
        place,
        "Search & find is down, see https://grafana.example/d/1?a=1&b=2 @here\nsince noon, a < b",
    )
    .await;
    let message = ada.sees(place, "is down").await;
    assert!(
        message.raw["text"]
            .as_str()
            .is_some_and(|t| t.contains("&amp;") && t.contains("<!here>"))
    );

    ada.shortcut_on(&message).await;
    let form = ada.form("incident.declare").await;
    let title = "Search & find is down, see https://grafana.example/d/1?a=1&b=2 @here";
    assert_eq!(proposed(&form, "title"), title);
    assert_eq!(proposed(&form, "summary"), format!("{title}\nsince noon, a < b"));
    ada.fills("incident.declare", &[]).await;
    s.settle().await;
    let all = s.incidents().await;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0]["title"], title);

    ada.shortcut().await;
    let form = ada.form("incident.declare").await;
    assert_eq!((proposed(&form, "title"), proposed(&form, "summary")), ("", ""));
    ada.fills("incident.declare", &[("title", "The lift is stuck")]).await;
    s.settle().await;
    assert_eq!(s.incidents().await[0]["title"], "The lift is stuck");
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_may_not_see_hides_nothing_from_the_list() {
    let s = only(&["slack"]).await;
    let seen = s.declares_bare("The lift is stuck").await;
    for n in 0..51 {
        let body = json!({"title": format!("Secret {n}"), "private": true});
        let (status, said) = s.post("/api/v1/incidents", body).await;
        assert_eq!(status, 201, "{said}");
    }
    let ada = s.slack("ada.lima");
    let channels = ada.channels().await;
    let open = channels
        .iter()
        .find(|c| c["sort"] == "public")
        .expect("a public channel");
    let place = open["name"].as_str().expect("a name");
    ada.says(place, "/imp list").await;
    let list = ada.sees(place, &seen).await;
    assert!(!list.words.contains("Secret"), "{}", list.words);
    assert!(list.words.contains("The lift is stuck"), "{}", list.words);
}
