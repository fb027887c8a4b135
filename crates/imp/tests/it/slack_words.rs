//! What people say to IMP in Slack, and what they read there in answer.

use serde_json::{Value, json};

use crate::moves::only;
use crate::slack::Person;
use crate::stage::until;

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
    let place = &ada.public_channel().await;
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
async fn the_command_that_draws_the_home_says_where_it_is() {
    let s = only(&["slack"]).await;
    let ada = s.slack("ada.lima");
    let place = &ada.public_channel().await;
    ada.says(place, "/imp home").await;
    let told = until("IMP answers", async || ada.whispers(place).await.pop()).await;
    assert!(told.contains("then its tab *Home*"), "{told}");
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
    let place = &ada.public_channel().await;
    ada.says(place, "/imp list").await;
    let list = ada.sees(place, &seen).await;
    assert!(!list.words.contains("Secret"), "{}", list.words);
    assert!(list.words.contains("The lift is stuck"), "{}", list.words);
}

/// What only one person read in a channel, once it says this.
async fn whispered(who: &Person<'_>, channel: &str, words: &str) {
    until(&format!("somebody reads {words:?}"), async || {
        let all = who.whispers(channel).await;
        all.iter().any(|w| w.contains(words)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_in_the_channel_are_understood_as_people_write_them() {
    let s = only(&["slack", "statuspage"]).await;
    let ada = s.slack("ada.lima");
    let place = &ada.public_channel().await;
    ada.says(place, "/imp declare The lift is stuck").await;
    let said = ada.sees(place, "is declared as SEV").await.words;
    assert!(
        said.contains("until then, ") && said.contains("/incidents/IMP-1"),
        "{said}"
    );
    s.settle().await;
    let incident = "IMP-1";
    let channel = s.channel_of(incident).await;
    ada.says(&channel, &format!("/imp {incident} task call the firm")).await;
    whispered(&ada, &channel, "The task is noted: it stands on the card.").await;

    ada.says(&channel, "/imp role commander nobody at all").await;
    whispered(&ada, &channel, "IMP knows nobody called “nobody at all”").await;
    ada.says(&channel, "/imp role commander tiago fernandes").await;
    until("Tiago commands", async || {
        let i = s.incident(incident).await;
        (i["roles"]["commander"]["name"] == "Tiago Fernandes").then_some(())
    })
    .await;
    ada.says(&channel, "/imp role commander Tiago").await;
    whispered(&ada, &channel, "is Commander already.").await;

    ada.says(&channel, "/imp merge that one").await;
    whispered(&ada, &channel, "Into which incident? `/imp merge IMP-7`.").await;
    ada.says(&channel, "/imp task").await;
    ada.fills("incident.task", &[("text", "Free the people")]).await;
    whispered(&ada, &channel, "The task is noted: it stands on the card.").await;
    s.moves(incident, "identified").await;
    // The name of the status as people read it, whatever its case.
    ada.says(&channel, "/imp move MONITORING").await;
    until("it is monitored", async || {
        (s.incident(incident).await["status"] == "monitoring").then_some(())
    })
    .await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_opens_that_could_only_be_refused() {
    let s = only(&["slack", "statuspage"]).await;
    let ada = s.slack("ada.lima");
    let body = json!({"title": "A quiet matter", "private": true, "members": [ada.id()]});
    let (status, i) = s.post("/api/v1/incidents", body).await;
    assert_eq!(status, 201, "{i}");
    let incident = i["ref"].as_str().expect("a reference").to_owned();
    s.settle().await;
    let channel = s.channel_of(&incident).await;
    ada.says(&channel, "/imp statuspage").await;
    whispered(&ada, &channel, "is private; nothing of it goes to the public.").await;
    ada.says(&channel, "/imp move declined").await;
    whispered(&ada, &channel, "It can go to").await;
    assert!(ada.modal().await.is_none(), "no form is open");
    s.finish().await;
}
