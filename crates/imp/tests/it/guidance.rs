//! What leads people: reminders of what is overdue, what a new role means, and incidents that are worth a look.

use std::path::Path;

use serde_json::json;

use crate::stage::{Mode, Stage, until};

const BUILT_IN: &str = include_str!("../../../../process/built-in.toml");

/// A stage whose process is the built-in one, changed.
async fn with_process(change: impl Fn(String) -> String) -> (Stage, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("process.toml");
    std::fs::write(&file, change(BUILT_IN.to_owned())).expect("it is written");
    let stage = Stage::with(Mode::Http, |config| follows(&config, &file)).await;
    (stage, folder)
}

fn follows(config: &str, file: &Path) -> String {
    let mut table: toml::Table = config.parse().expect("TOML");
    let organisation = table
        .entry("organisation")
        .or_insert_with(|| toml::Value::Table(toml::Table::new()));
    let process = toml::Value::from(file.display().to_string());
    organisation
        .as_table_mut()
        .expect("a section")
        .insert("process".to_owned(), process);
    toml::to_string(&table).expect("TOML")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_late_is_reminded_and_can_mend_it_from_the_reminder() {
    let (s, _folder) = with_process(|p| {
        let p = p.replacen(
            "when = \"no_commander\"\nafter = \"5m\"",
            "when = \"no_commander\"\nafter = \"1s\"",
            1,
        );
        p.replacen("apart = \"10m\"", "apart = \"1s\"", 1)
            .replacen("again = \"15m\"", "again = \"1s\"", 1)
    })
    .await;
    let incident = s.declares("Card payments fail").await;
    let tiago = s.slack("tiago.fernandes");
    let (_, i) = until("the channel is open", async || {
        let i = s.incident(&incident).await;
        i["links"]["slack"]["channel_name"]
            .as_str()
            .map(|c| (c.to_owned(), i.clone()))
    })
    .await;
    let channel = tiago
        .channel(i["links"]["slack"]["channel_name"].as_str().unwrap_or_default())
        .await;
    let reminder = tiago.sees(&channel, "Nobody is commander yet.").await;
    let labels: Vec<String> = reminder.buttons().into_iter().map(|(label, _)| label).collect();
    assert_eq!(labels, ["Take command", "Later", "Not needed"]);

    // The second rung is the manager, who hears it directly.
    let timeline = until("the manager is reminded", async || {
        let (_, t) = s.get(&format!("/api/v1/incidents/{incident}/timeline")).await;
        let text = t.to_string();
        (text.matches("Reminded").count() == 2).then_some(text)
    })
    .await;
    assert!(
        timeline.contains("Reminded the channel: Nobody is commander yet."),
        "{timeline}"
    );

    tiago.clicks("Take command", &reminder).await;
    tiago.fills("incident.role", &[]).await;
    // What the role means, and how things stand, comes directly.
    let brief = tiago.sees(&tiago.channel("IMP").await, "You are Commander of").await;
    assert!(
        brief.words.contains(&incident) && brief.words.contains("Keep the status true"),
        "{}",
        brief.words
    );
    assert!(
        brief.words.contains("The public has been told nothing."),
        "{}",
        brief.words
    );
    // A reminder that is no longer true can be answered all the same, and changes nothing.
    tiago.clicks("Later", &reminder).await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_beside_it_and_what_helped_the_last_time_stands_on_the_card() {
    let s = Stage::new().await;
    let past = s.declares("Timeouts of card payments").await;
    for (to, field) in [("identified", ""), ("monitoring", ""), ("resolved", "resolution")] {
        let (code, said) = s
            .post(
                &format!("/api/v1/incidents/{past}/transitions"),
                json!({"to": to, field: "The connection pool was too small."}),
            )
            .await;
        assert_eq!(code, 200, "{said}");
    }
    let first = s.declares("Refunds hang").await;
    let second = s.declares("Card payments run into timeouts").await;
    let tiago = s.slack("tiago.fernandes");
    let name = until("the channel is open", async || {
        let i = s.incident(&second).await;
        i["links"]["slack"]["channel_name"].as_str().map(str::to_owned)
    })
    .await;
    let channel = tiago.channel(&name).await;
    let card = until("the card names them", async || {
        let card = tiago.card(&channel).await;
        card.words.contains("Worth a look").then_some(card)
    })
    .await;
    assert!(
        card.words.contains("Refunds hang") && card.words.contains("open now on the same service"),
        "{}",
        card.words
    );
    assert!(
        card.words.contains("The connection pool was too small."),
        "{}",
        card.words
    );

    tiago.clicks(&format!("Same as {first}"), &card).await;
    until("it is merged", async || {
        (s.incident(&second).await["status"] == "merged").then_some(())
    })
    .await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_process_holds_at_once_and_a_broken_one_changes_nothing() {
    let (s, folder) = with_process(|p| p).await;
    let file = folder.path().join("process.toml");
    let incident = s.declares("Card payments fail").await;
    let labels = async || {
        let i = s.incident(&incident).await;
        let next = i["next"].as_array().cloned().unwrap_or_default();
        next.iter()
            .map(|m| m["label"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    std::fs::write(&file, "name = \"half").expect("it is written");
    until("the log names the fault", async || {
        let log = s.imp.as_ref().expect("it runs").log();
        log.contains("process.toml:1").then_some(())
    })
    .await;
    assert_eq!(labels().await, ["Cause identified", "Same as …"]);

    std::fs::write(&file, BUILT_IN.replacen("\"Cause identified\"", "\"We know why\"", 1)).expect("it is written");
    until("the new words are there", async || {
        (labels().await == ["We know why", "Same as …"]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_is_played_with_the_real_tool_and_ends_with_a_debrief() {
    let s = Stage::new().await;
    let words = [
        "drill",
        "run",
        "false-alarm",
        "--json",
        "--url",
        &s.base,
        "--practice",
        &s.practice.base,
    ];
    let drill = crate::imp::command(&words)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("imp starts");
    let joao = s.slack("joao.ribeiro");
    let question = joao.sees(&joao.channel("IMP").await, "The model is 26 hours old").await;
    joao.clicks("False alarm", &question).await;
    joao.fills(
        "alert.decline",
        &[("reason", "It is trained once a day; two hours are nothing.")],
    )
    .await;
    let ended = tokio::task::spawn_blocking(move || drill.wait_with_output())
        .await
        .expect("it ends")
        .expect("it was running");
    assert!(ended.status.success());
    let debrief: serde_json::Value = serde_json::from_slice(&ended.stdout).expect("JSON");
    assert_eq!((&debrief["well"], &debrief["of"]), (&json!(2), &json!(2)), "{debrief}");
    s.finish().await;
}
