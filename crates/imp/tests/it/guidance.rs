//! What leads people: reminders of what is overdue, what a new role means, and incidents that are worth a look.

use std::path::Path;

use serde_json::json;

use crate::stage::{Mode, Stage, until};

const BUILT_IN: &str = include_str!("../../../../process/built-in.toml");

/// A stage whose process is the built-in one, changed.
pub async fn with_process(change: impl Fn(String) -> String) -> (Stage, tempfile::TempDir) {
    with_process_and(change, |config| config).await
}

/// The same with something changed in the configuration, too.
pub async fn with_process_and(
    change: impl Fn(String) -> String,
    configure: impl FnOnce(String) -> String,
) -> (Stage, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("process.toml");
    std::fs::write(&file, change(BUILT_IN.to_owned())).expect("it is written");
    let stage = Stage::with(Mode::Http, |config| configure(follows(&config, &file))).await;
    (stage, folder)
}

/// The process with another patience before somebody is reminded that nobody is commander.
pub fn alone_for(after: &str, process: String) -> String {
    let usual = "when = \"no_commander\"\nafter = ";
    process.replacen(&format!("{usual}\"5m\""), &format!("{usual}\"{after}\""), 1)
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
        let p = alone_for("1s", p);
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
    let name = s.channel_name_of(&second).await;
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
async fn whoever_declares_is_shown_what_is_open_on_the_service_and_beside_it() {
    let s = Stage::new().await;
    let open = s.declares("Refunds hang").await;
    let lucia = s.slack("lucia.romero");
    let incidents = lucia.channel("incidents").await;
    lucia.says(&incidents, "/imp").await;
    let form = lucia.form("incident.declare").await;
    until("what is open is shown in the form", async || {
        // What happened a moment ago is known a moment later.
        lucia.chooses(&form, "service", "payments-api").await;
        let now = lucia.form("incident.declare").await;
        now.to_string().contains("Is it one of these?").then_some(())
    })
    .await;
    let form = lucia.form("incident.declare").await;
    assert!(
        form.to_string().contains(&format!("Join {open}: Refunds hang")),
        "{form:#}"
    );
    // With the question on the form, it wants an answer; those that were given are still there.
    let (_, said) = lucia.submits(&form, &[("title", "Money does not come back")]).await;
    assert!(!said["errors"]["same"].is_null(), "{said}");
    lucia
        .fills(
            "incident.declare",
            &[("title", "Money does not come back"), ("same", &open)],
        )
        .await;
    until("she is in it", async || {
        let (_, t) = s.get(&format!("/api/v1/incidents/{open}/timeline")).await;
        t.to_string().contains("Lucía Romero joined").then_some(())
    })
    .await;
    assert_eq!(s.incidents().await.len(), 1, "nothing was declared");

    // The API only says so.
    let (code, next) = s
        .post(
            "/api/v1/incidents",
            json!({"title": "Cards are refused", "service": "payments-api"}),
        )
        .await;
    assert_eq!(
        (code, next["hints"][0]["ref"].as_str()),
        (201, Some(open.as_str())),
        "{next}"
    );

    // The console asks, and takes *It's different* for an answer.
    let declare = async |different: &str| {
        let form = [
            ("title", "Cards are slow"),
            ("service", "payments-api"),
            ("different", different),
            ("key", different),
        ];
        let answer = s
            .request(reqwest::Method::POST, "/declare")
            .header("origin", &s.base)
            .form(&form)
            .send()
            .await
            .expect("it answers");
        (answer.status().as_u16(), answer.text().await.unwrap_or_default())
    };
    let (code, page) = declare("").await;
    assert_eq!(code, 409, "{page}");
    assert!(
        page.contains("Refunds hang") && page.contains("It's different"),
        "{page}"
    );
    assert_eq!(declare("true").await.0, 303);
    // A double click is one incident, not a question.
    assert_eq!(declare("true").await.0, 303);
    assert_eq!(s.incidents().await.len(), 3);
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_changes_hands_when_it_is_accepted_and_whoever_leaves_with_one_is_noticed() {
    let s = Stage::new().await;
    let incident = s.declares("Card payments fail").await;
    let (tiago, lucia) = (s.slack("tiago.fernandes"), s.slack("lucia.romero"));
    let name = s.channel_name_of(&incident).await;
    let channel = tiago.channel(&name).await;
    let commander = async || s.incident(&incident).await["roles"]["commander"]["slack_id"].clone();
    tiago.says(&channel, "/imp role commander me").await;
    assert_eq!(commander().await, tiago.id());
    tiago.says(&channel, "/imp task Roll back release 42").await;
    tiago.says(&channel, "/imp role commander @lucia.romero").await;
    let offer = lucia
        .sees(&lucia.channel("IMP").await, "You are offered Commander of")
        .await;
    assert!(
        offer.words.contains("Roll back release 42") && offer.words.contains("has it until you accept"),
        "{}",
        offer.words
    );
    let i = s.incident(&incident).await;
    assert_eq!(i["offers"]["commander"]["slack_id"], lucia.id());
    assert_eq!(i["roles"]["commander"]["slack_id"], tiago.id());

    // Many clicks at once, with a refusal among them: there is one holder, and it is one of the two.
    tokio::join!(
        lucia.clicks("Accept", &offer),
        lucia.clicks("Accept", &offer),
        lucia.clicks("Accept", &offer)
    );
    assert_eq!(commander().await, lucia.id());
    let (_, timeline) = s.get(&format!("/api/v1/incidents/{incident}/timeline")).await;
    let taken = format!("Lucía Romero is Commander now, after {}", "Tiago Fernandes");
    assert_eq!(timeline.to_string().matches(&taken).count(), 1, "{timeline}");

    // By the API it holds at once.
    let (code, i) = s
        .post(
            &format!("/api/v1/incidents/{incident}/roles"),
            json!({"role": "commander", "user": tiago.id()}),
        )
        .await;
    assert_eq!(
        (code, i["roles"]["commander"]["slack_id"].as_str()),
        (200, Some(tiago.id().as_str()))
    );
    tiago.leaves(&channel).await;
    let seen = lucia
        .sees(&channel, "has left this channel and is still Commander")
        .await;
    assert!(seen.buttons().iter().any(|(label, _)| label == "Take command"));
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marked_message_stands_on_the_timeline_and_so_do_its_edits() {
    let s = Stage::new().await;
    let incident = s.declares("Card payments fail").await;
    let tiago = s.slack("tiago.fernandes");
    let name = s.channel_name_of(&incident).await;
    let channel = tiago.channel(&name).await;
    // He is brought in a moment after it has its name.
    s.settle().await;
    let tells = async |words: &str| {
        until(&format!("the timeline says {words:?}"), async || {
            let (_, t) = s.get(&format!("/api/v1/incidents/{incident}/timeline")).await;
            t.to_string().contains(words).then_some(t.to_string())
        })
        .await
    };
    tiago.says(&channel, "The pool has 3 connections").await;
    tiago.says(&channel, "Lunch?").await;
    let pool = tiago.sees(&channel, "The pool has 3 connections").await;
    let lunch = tiago.sees(&channel, "Lunch?").await;
    tiago.marks(&lunch, "pizza").await;
    tiago.marks(&pool, "pushpin").await;
    tells("Tiago Fernandes said: The pool has 3 connections").await;
    tiago.edits(&pool, "The pool has 30 connections").await;
    tells("changed a message that is kept here: The pool has 30 connections").await;
    // What is not kept may be edited without anybody being told.
    tiago.edits(&lunch, "Dinner?").await;
    tiago.deletes(&pool).await;
    let timeline = tells("deleted a message that is kept here").await;
    assert!(
        timeline.contains("The pool has 3 connections"),
        "what was said stays: {timeline}"
    );
    assert!(
        !timeline.contains("Lunch") && !timeline.contains("Dinner"),
        "{timeline}"
    );
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_maintenance_window_asks_nobody_and_once_it_is_taken_away_whoever_is_on_call_is() {
    let window = r#"
[[window]]
id = "upgrade"
reason = "The database is upgraded."
match = { service = "payments-*" }
zone = "Europe/Lisbon"
begins = "2020-01-01T00:00"
ends = "2099-01-01T00:00"

[[route]]
id = "payments"
match = { alertname = "HighErrorRate" }
severity = "SEV1"
"#;
    let (s, folder) = with_process(|p| format!("{p}{window}")).await;
    let incident = crate::lifecycle::raise(&s, &crate::lifecycle::alert("firing")).await;
    let (_, timeline) = s.get(&format!("/api/v1/incidents/{incident}/timeline")).await;
    let timeline = timeline.to_string();
    assert!(
        timeline.contains("maintenance window upgrade: The database is upgraded."),
        "{timeline}"
    );
    assert!(!timeline.contains("whether it is real"), "nobody is asked: {timeline}");
    let i = s.incident(&incident).await;
    assert_eq!(
        (i["status"].as_str(), i["severity"].as_str()),
        (Some("triage"), Some("SEV1"))
    );
    // The same again stays in the same place, and asks nobody either.
    assert_eq!(
        crate::lifecycle::raise(&s, &crate::lifecycle::alert("firing")).await,
        incident
    );

    // Without the window the next alert of the service is asked about.
    std::fs::write(folder.path().join("process.toml"), BUILT_IN).expect("it is written");
    let mut other = crate::lifecycle::alert("firing");
    let tiago = s.slack("tiago.fernandes");
    until("somebody is asked", async || {
        let n = s.incident(&incident).await["version"].to_string();
        other["groupKey"] = json!(format!("another {n}"));
        other["alerts"][0]["fingerprint"] = json!(format!("another {n}"));
        crate::lifecycle::raise(&s, &other).await;
        let (_, t) = s.get(&format!("/api/v1/incidents/{incident}/timeline")).await;
        t.to_string().contains("whether it is real").then_some(())
    })
    .await;
    tiago.sees(&tiago.channel("IMP").await, "5xx above 12 %").await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_home_says_what_waits_for_whoever_looks_and_who_is_on_call_for_their_services() {
    let s = Stage::new().await;
    let incident = s.declares("Card payments fail").await;
    let (tiago, lucia) = (s.slack("tiago.fernandes"), s.slack("lucia.romero"));
    let of_incident = format!("/api/v1/incidents/{incident}");
    let call = async |what: &str, body: serde_json::Value| {
        let (code, said) = s.post(&format!("{of_incident}/{what}"), body).await;
        assert!(code < 300, "{what}: {said}");
    };
    call(
        "follow-ups",
        json!({"text": "Raise the limit of the pool", "owner": tiago.id(), "due": "2027-01-31"}),
    )
    .await;
    let home = tiago.home("On call for your services").await;
    assert!(home.contains("Payments API: "), "{home}");
    assert!(home.contains("Raise the limit of the pool, by 2027-01-31"), "{home}");
    // Whoever is offered a role can answer there.
    call("roles", json!({"role": "commander", "user": lucia.id()})).await;
    let name = s.channel_name_of(&incident).await;
    let channel = lucia.channel(&name).await;
    lucia.says(&channel, "/imp role commander @tiago.fernandes").await;
    until("it is offered", async || {
        (s.incident(&incident).await["offers"]["commander"]["slack_id"] == tiago.id()).then_some(())
    })
    .await;
    tiago.home("You are offered").await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_about_the_impact_say_how_bad_it_is_and_whoever_follows_hears_what_is_new() {
    let questions = r#"
[[impact]]
id = "users"
label = "How many users?"
answer = [
  { id = "most", label = "Most of them", severity = "SEV1" },
  { id = "few", label = "A few", severity = "SEV4" },
]

[[impact]]
id = "data"
label = "Is data at risk?"
answer = [{ id = "yes", label = "Yes", severity = "SEV2" }, { id = "no", label = "No", severity = "SEV4" }]
"#;
    let (s, _folder) = with_process(|p| format!("{p}{questions}")).await;
    let incident = s.declares("Card payments fail").await;
    let (tiago, lucia) = (s.slack("tiago.fernandes"), s.slack("lucia.romero"));
    let announced = lucia.sees("incidents", "Card payments fail").await;
    lucia.clicks("Follow", &announced).await;
    until("she follows it", async || {
        (s.incident(&incident).await["followers"][0]["slack_id"] == lucia.id()).then_some(())
    })
    .await;
    let name = s.channel_name_of(&incident).await;
    let channel = tiago.channel(&name).await;
    tiago.says(&channel, "/imp severity").await;
    tiago
        .fills("incident.severity", &[("impact.users", "few"), ("impact.data", "yes")])
        .await;
    until("the worst answer holds", async || {
        (s.incident(&incident).await["severity"] == "SEV2").then_some(())
    })
    .await;
    let (code, said) = s
        .post(
            &format!("/api/v1/incidents/{incident}/impact"),
            json!({"answers": {"users": "everybody"}}),
        )
        .await;
    assert_eq!(code, 422, "{said}");
    assert!(said.to_string().contains("there are most and few"), "{said}");
    tiago.says(&channel, "/imp update Rolled back").await;
    let told = lucia.sees(&lucia.channel("IMP").await, "Rolled back").await;
    lucia.clicks("Follow no longer", &told).await;
    until("she follows it no longer", async || {
        let i = s.incident(&incident).await;
        i["followers"].as_array().is_some_and(Vec::is_empty).then_some(())
    })
    .await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_process_holds_at_once_for_what_is_new_and_a_broken_one_changes_nothing() {
    let (s, folder) = with_process(|p| p).await;
    let file = folder.path().join("process.toml");
    let incident = s.declares("Card payments fail").await;
    let labels = async |incident: &str| {
        let i = s.incident(incident).await;
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
    assert_eq!(labels(&incident).await, ["Cause identified", "Same as …"]);

    std::fs::write(&file, BUILT_IN.replacen("\"Cause identified\"", "\"We know why\"", 1)).expect("it is written");
    until("the new words are there", async || {
        let new = s.declares_bare("The lift is stuck").await;
        (labels(&new).await == ["We know why", "Same as …"]).then_some(())
    })
    .await;
    assert_eq!(
        labels(&incident).await,
        ["Cause identified", "Same as …"],
        "it goes on as it began"
    );
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
