//! What is over says so: messages that offer nothing any more lose their buttons, people are not left behind, and whoever
//! brings an incident to its end is told what is still open.

use serde_json::json;

use crate::slack::Message;
use crate::stage::{Stage, until};

/// The first message of a conversation with these words, once it says those too and has no button any more.
async fn retires(s: &Stage, handle: &str, channel: &str, about: &str, words: &str) -> Message {
    let who = s.slack(handle);
    let channel = match channel {
        "IMP" => who.channel("IMP").await,
        other => other.to_owned(),
    };
    until(&format!("{about:?} says {words:?}"), async || {
        let all = who.messages(&channel).await;
        let found = all.into_iter().find(|m| m.words.contains(about))?;
        (found.words.contains(words) && found.buttons().is_empty()).then_some(found)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_takes_the_people_along_and_leaves_nothing_to_press() {
    let s = Stage::new().await;
    let (search, cards) = (
        s.declares("Search is slow").await,
        s.declares("Card payments fail").await,
    );
    let (lucia, name) = (s.slack("lucia.romero"), s.channel_name_of(&search).await);
    let channel = s.slack("ada.lima").channel(&name).await;
    let path = |what: &str| format!("/api/v1/incidents/{search}/{what}");
    let (code, said) = s
        .post(&path("roles"), json!({"role": "commander", "user": lucia.id()}))
        .await;
    assert_eq!(code, 200, "{said}");
    lucia.sees("IMP", "You are Commander of").await;
    lucia.says(&channel, "/imp decide Restart all replicas").await;
    let asked = lucia.sees(&channel, "proposes: Restart all replicas").await;
    assert!(asked.buttons().iter().any(|(label, _)| label == "I object"));

    lucia.says(&channel, &format!("/imp merge {cards}")).await;
    s.settle().await;
    let goes_on = format!("was merged into {cards} and goes on there.");
    retires(&s, "lucia.romero", "IMP", "You are Commander of", &goes_on).await;
    retires(&s, "lucia.romero", &channel, "proposes: Restart all replicas", &goes_on).await;
    let card = lucia.card(&name).await;
    assert!(!card.words.contains("Restart all replicas"), "{}", card.words);

    let other = s.channel_name_of(&cards).await;
    let names: Vec<String> = lucia.channels().await.iter().map(|c| c["name"].to_string()).collect();
    assert!(names.iter().any(|n| n.contains(&other)), "{other} among {names:?}");
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_is_taken_back_says_so_where_it_was_made() {
    let s = Stage::new().await;
    let incident = s.declares("Card payments fail").await;
    let tiago = s.slack("tiago.fernandes");
    let channel = tiago.channel(&s.channel_name_of(&incident).await).await;
    tiago.says(&channel, "/imp role commander me").await;
    tiago.says(&channel, "/imp role commander @lucia.romero").await;
    s.slack("lucia.romero")
        .sees("IMP", "You are offered Commander of")
        .await;
    tiago.says(&channel, "/imp role commander me").await;
    let told = tiago.whispers(&channel).await;
    let last = told.last().expect("an answer");
    assert!(
        last.contains("is Commander already.") && last.contains("is not asked any more."),
        "{last}"
    );
    let offer = "You are offered Commander of";
    retires(&s, "lucia.romero", "IMP", offer, "This is not offered any more.").await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_ends_it_is_told_what_is_open_and_the_review_begins_with_what_is_known() {
    let s = Stage::new().await;
    let incident = s.declares("Card payments fail").await;
    let path = |what: &str| format!("/api/v1/incidents/{incident}/{what}");
    for (what, body) in [
        ("tasks", json!({"text": "Roll back <b>release</b> 42"})),
        (
            "transitions",
            json!({"to": "identified", "cause": "The deploy of 14:02."}),
        ),
        ("transitions", json!({"to": "monitoring"})),
    ] {
        let (code, said) = s.post(&path(what), body).await;
        assert!((200..300).contains(&code), "{what}: {said}");
    }
    let (ada, name) = (s.slack("ada.lima"), s.channel_name_of(&incident).await);
    s.settle().await;
    let card = ada.card(&name).await;
    ada.clicks("Resolve", &card).await;
    let form = ada.form("incident.transition").await;
    assert!(form["blocks"].to_string().contains("Still open: the task"), "{form}");
    assert_eq!(form["submit"]["text"], "Resolve");
    for (to, more) in [
        ("resolved", json!({"resolution": "It was rolled back."})),
        ("review", json!({})),
    ] {
        let mut body = more;
        body["to"] = json!(to);
        let (code, said) = s.post(&path("transitions"), body).await;
        assert_eq!(code, 200, "{said}");
    }
    let document = s
        .request(reqwest::Method::GET, &path("review"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(document.headers()["content-type"], "text/markdown; charset=utf-8");
    let document = document.text().await.expect("text");
    for words in [
        &format!("# {incident}: Card payments fail"),
        "This is the draft: nobody has written it yet.",
        "The deploy of 14:02.",
        "It was rolled back.",
        "(missing)",
        "Roll back &lt;b&gt;release&lt;/b&gt; 42",
    ] {
        assert!(document.contains(words), "{words:?} in {document}");
    }
    let page = s.request(reqwest::Method::GET, &format!("/incidents/{incident}"));
    let page = page.send().await.expect("an answer").text().await.expect("text");
    let draft = page
        .split("<textarea name=\"text\" rows=\"12\"")
        .nth(1)
        .expect("the review's form");
    assert!(
        draft.contains("The deploy of 14:02.") && draft.contains("(missing)"),
        "{draft}"
    );
    s.finish().await;
}
