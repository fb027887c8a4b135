//! The process file changes while IMP runs: who hears of a broken one, and what goes on by the version of before.

use serde_json::{Value, json};

use crate::guidance::with_process_and;
use crate::slack::Person;
use crate::stage::{Stage, answer, until};

const BUILT_IN: &str = include_str!("../../../../process/built-in.toml");

/// A stage whose process belongs to somebody.
async fn owned_by(owner: &str) -> (Stage, tempfile::TempDir) {
    let owned = |config: String| {
        let mut table: toml::Table = config.parse().expect("TOML");
        let section = table.get_mut("organisation").and_then(toml::Value::as_table_mut);
        section
            .expect("a section")
            .insert("process_owners".to_owned(), toml::Value::Array(vec![owner.into()]));
        toml::to_string(&table).expect("TOML")
    };
    with_process_and(|p| p, owned).await
}

async fn page(s: &Stage, path: &str) -> String {
    let (status, text) = answer(s.request(reqwest::Method::GET, path)).await;
    let text = text.as_str().expect("a page").to_owned();
    assert_eq!(status, 200, "{text}");
    text
}

async fn heard(who: &Person<'_>, place: &str, words: &str) -> usize {
    let all = who.messages(&who.channel(place).await).await;
    all.iter().filter(|m| m.words.contains(words)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_responsible_hears_of_a_broken_process_once_and_that_it_is_whole_again() {
    let (s, folder) = owned_by("ada.lima@meridian.example").await;
    let file = folder.path().join("process.toml");
    let writes = |text: &str| std::fs::write(&file, text).expect("it is written");
    let ada = s.slack("ada.lima");
    assert_eq!(s.get("/api/v1/process").await.1["broken"], Value::Null);

    let broken = BUILT_IN.replacen("requires = [\"reason\"]", "requires = [\"raison\"]", 1);
    writes(&broken);
    let told = ada.sees("IMP", "The process file is broken. Version 1 goes on.").await;
    for words in [
        "process.toml:110:13",
        "the nearest known is \"reason\"",
        "/process|all faults",
    ] {
        assert!(told.words.contains(words), "{}", told.words);
    }
    until("the console says so", async || {
        s.get("/api/v1/process").await.1["broken"]["since"]
            .is_string()
            .then_some(())
    })
    .await;
    for path in ["/process", "/settings"] {
        let text = page(&s, path).await;
        assert!(
            text.contains("The process file is broken") && text.contains("process.toml:110:13: move[2].requires[1]"),
            "{text}"
        );
    }

    // Another broken one is news, and so is a whole one.
    writes(&format!("{broken}\nname = 1"));
    ada.sees("IMP", "there is no such key").await;
    writes(&BUILT_IN.replacen("version = \"1\"", "version = \"2\"", 1));
    ada.sees("IMP", "The process file is whole again. Version 2 holds.")
        .await;
    until("the console says nothing more", async || {
        s.get("/api/v1/process").await.1["broken"].is_null().then_some(())
    })
    .await;
    assert!(!page(&s, "/process").await.contains("The process file is broken"));
    s.settle().await;
    assert_eq!(
        (
            heard(&ada, "IMP", "is broken").await,
            heard(&ada, "IMP", "whole again").await
        ),
        (2, 1)
    );
    assert_eq!(heard(&ada, "incidents", "The process file").await, 0);
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_responsible_is_reached_the_announcement_channel_hears_it() {
    let (s, folder) = owned_by("gone@elsewhere.example").await;
    std::fs::write(folder.path().join("process.toml"), "name = \"half").expect("it is written");
    let ada = s.slack("ada.lima");
    ada.sees("incidents", "The process file is broken. Version 1 goes on.")
        .await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_by_the_names_of_earlier_versions_and_the_card_says_that_there_is_a_newer_one() {
    let (s, folder) = owned_by("ada.lima@meridian.example").await;
    let incident = s.declares("Card payments fail").await;
    s.settle().await;
    s.moves(&incident, "identified").await;
    let renamed = BUILT_IN
        .replace("\"identified\"", "\"found\"")
        .replacen("version = \"1\"", "version = \"2\"", 1);
    std::fs::write(folder.path().join("process.toml"), renamed).expect("it is written");
    until("version 2 is in force", async || {
        (s.get("/api/v1/process").await.1["version"] == "2").then_some(())
    })
    .await;
    let (status, all) = s.get("/api/v1/incidents?status=identified").await;
    assert_eq!((status, &all["items"][0]["ref"]), (200, &json!(incident)), "{all}");
    let list = page(&s, "/incidents?status=identified").await;
    assert!(
        list.contains("<option value=\"identified\" selected>Identified (version 1)</option>")
            && list.contains(&incident),
        "{list}"
    );
    let other = page(&s, "/incidents?status=found").await;
    assert!(!other.contains("(version 1)"), "{other}");
    assert_eq!(s.get("/api/v1/incidents?status=lost").await.0, 400);

    // The card says it as soon as it is drawn again, and no longer once the incident has been moved.
    let ada = s.slack("ada.lima");
    let channel = s.channel_of(&incident).await;
    let newer = "Version 2 of the process is in force. This incident goes on by 1";
    let (status, said) = s
        .post(&format!("/api/v1/incidents/{incident}/notes"), json!({"text": "Look"}))
        .await;
    assert!(status < 300, "{said}");
    let (status, said) = s
        .post(
            &format!("/api/v1/incidents/{incident}/tasks"),
            json!({"text": "Roll back"}),
        )
        .await;
    assert_eq!(status, 201, "{said}");
    until("the card says so", async || {
        ada.card(&channel).await.words.contains(newer).then_some(())
    })
    .await;
    let path = format!("/api/v1/incidents/{incident}/process");
    let (status, said) = s.post(&path, json!({"status": "found"})).await;
    assert_eq!(status, 200, "{said}");
    until("the card no longer says so", async || {
        (!ada.card(&channel).await.words.contains(newer)).then_some(())
    })
    .await;
    s.finish().await;
}
