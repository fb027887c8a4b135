//! What is agreed on: which process holds for whom, what was decided, when it really was, and what the public reads.

use serde_json::{Value, json};

use crate::guidance::with_process;
use crate::imp::imp;
use crate::moves::only;
use crate::stage::{Mode, Stage, answer, until};

const BUILT_IN: &str = include_str!("../../../../process/built-in.toml");
const CARDS: &str = r#"
[[overlay]]
id = "cards"
team = "payments"
why = "Card data have rules of their own."

[[overlay.field]]
id = "card_data"
label = "Were card data at risk?"
kind = "text"

[[overlay.move]]
to = "identified"
requires = ["card_data"]
"#;

fn next_of(i: &Value) -> String {
    let next = i["next"].as_array().cloned().unwrap_or_default();
    let first = next.first().cloned().unwrap_or_default();
    format!("{} {}", first["label"].as_str().unwrap_or_default(), first["requires"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_has_its_overlay_and_an_incident_keeps_its_version_until_a_person_moves_it() {
    let (s, folder) = with_process(|p| format!("{p}{CARDS}")).await;
    let file = folder.path().join("process.toml");
    let payments = s.declares("Card payments fail").await;
    let other = s.declares_bare("The lift is stuck").await;
    let (paid, bare) = (s.incident(&payments).await, s.incident(&other).await);
    assert_eq!(paid["process"]["overlays"], json!(["cards"]));
    assert_eq!(next_of(&paid), "Cause identified [\"card_data\"]");
    assert_eq!(next_of(&bare), "Cause identified []");
    let ada = s.slack("ada.lima");
    let (_, text) = answer(s.request(reqwest::Method::GET, "/process")).await;
    let text = text.as_str().expect("a page");
    assert!(
        text.contains("What some have besides")
            && text.contains("To become Identified it also needs: Were card data at risk?"),
        "{text}"
    );

    // The file changes: what is open goes on as it began, what is new begins by it.
    let changed = BUILT_IN.replacen("version = \"1\"", "version = \"2\"", 1).replacen(
        "\"Cause identified\"",
        "\"We know why\"",
        1,
    );
    std::fs::write(&file, &changed).expect("it is written");
    until("version 2 is in force", async || {
        (s.get("/api/v1/process").await.1["version"] == "2").then_some(())
    })
    .await;
    let new = s.declares("Refunds fail").await;
    assert_eq!(next_of(&s.incident(&new).await), "We know why []");
    assert_eq!(
        next_of(&s.incident(&payments).await),
        "Cause identified [\"card_data\"]"
    );
    let (_, page) = answer(s.request(reqwest::Method::GET, &format!("/incidents/{payments}"))).await;
    assert!(
        page.as_str().is_some_and(|p| p.contains("Move it to version 2")),
        "{page}"
    );

    // A person moves it: from the console's button, and from its channel.
    let form = s.request(reqwest::Method::POST, &format!("/incidents/{payments}/process"));
    let sent = form
        .header("origin", &s.base)
        .form(&[("key", "once")])
        .send()
        .await
        .expect("an answer");
    assert!(sent.status().is_redirection(), "{}", sent.status());
    let paid = s.incident(&payments).await;
    assert_eq!(
        (&paid["process"]["version"], next_of(&paid)),
        (&json!("2"), "We know why []".to_owned())
    );
    let channels = ada.channels().await;
    let place = channels.iter().find(|c| c["sort"] == "public").expect("a channel")["name"].clone();
    ada.says(place.as_str().expect("a name"), &format!("/imp {other} process"))
        .await;
    until("it follows version 2", async || {
        (s.incident(&other).await["process"]["version"] == "2").then_some(())
    })
    .await;
    s.finish().await;
}

#[test]
fn the_command_line_shows_and_checks_what_overlays_add() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("process.toml");
    let run = |words: &[&str]| {
        let out = imp(words);
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        (out.status.code(), text(&out.stdout), text(&out.stderr))
    };
    let name = file.display().to_string();
    std::fs::write(&file, format!("{BUILT_IN}{CARDS}")).expect("it is written");
    let (code, out, _) = run(&["process", "show", &name, "--team", "payments"]);
    assert_eq!(code, Some(0));
    assert!(
        out.contains("cards (team payments)")
            && out.contains("To become Identified it also needs: Were card data at risk?"),
        "{out}"
    );
    let (_, out, _) = run(&["process", "show", &name, "--team", "search"]);
    assert!(out.contains("no overlay holds"), "{out}");
    let with = run(&["process", "graph", &name, "--format", "mermaid", "--team", "payments"]);
    let without = run(&["process", "graph", &name, "--format", "mermaid"]);
    assert!(with.1 != without.1 && with.0 == Some(0), "{}", with.1);

    let loose = CARDS.replace("[[overlay.move]]\nto", "[[overlay.move]]\nfrom = [\"triage\"]\nto");
    std::fs::write(&file, format!("{BUILT_IN}{loose}")).expect("it is written");
    let (code, _, err) = run(&["process", "check", &name]);
    assert_eq!(code, Some(1));
    assert!(
        err.contains("overlay[1].move[1].from[1]: it loosens the process"),
        "{err}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overlay_for_a_team_that_nobody_has_is_named_with_its_line() {
    let s = only(&["opslevel"]).await;
    let file = s.path("process.toml");
    std::fs::write(
        &file,
        format!("{BUILT_IN}{}", CARDS.replace("\"payments\"", "\"paymens\"")),
    )
    .expect("it is written");
    let (name, config) = (file.display().to_string(), s.config().display().to_string());
    let run = tokio::task::spawn_blocking(move || imp(&["process", "check", &name, "--config", &config]));
    let out = run.await.expect("it ends");
    let err = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(1), "{err}");
    let line = BUILT_IN.lines().count() + 4;
    assert!(
        err.contains(&format!("process.toml:{line}:")) && err.contains("the nearest known is \"payments\""),
        "{err}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_without_a_strong_objection_is_taken_and_one_with_waits() {
    let (s, _folder) = with_process(|p| p.replacen("archive_after", "object_within = \"1s\"\narchive_after", 1)).await;
    let incident = s.declares("Card payments fail").await;
    s.settle().await;
    let name = s.incident(&incident).await["links"]["slack"]["channel_name"].clone();
    let tiago = s.slack("tiago.fernandes");
    let channel = tiago.channel(name.as_str().expect("a channel")).await;
    tiago.says(&channel, "/imp decide We roll back to 1.4").await;
    tiago.sees(&channel, "Any strong objection?").await;
    tiago.sees(&channel, "Decided:* We roll back to 1.4").await;
    let path = format!("/api/v1/incidents/{incident}/decisions");
    let (code, said) = s
        .post(&format!("{path}/1/objections"), json!({"why": "Too late"}))
        .await;
    assert_eq!(code, 409, "{said}");

    let (code, said) = s.post(&path, json!({"text": "We fail over"})).await;
    assert_eq!(code, 201, "{said}");
    let (code, said) = s
        .post(&format!("{path}/2/objections"), json!({"why": "The replica is behind"}))
        .await;
    assert_eq!(code, 201, "{said}");
    let message = tiago.sees(&channel, "has a strong objection to decision 2").await;
    s.settle().await;
    assert_eq!(
        s.incident(&incident).await["decisions"][1]["taken_at"],
        Value::Null,
        "it waits"
    );
    tiago.clicks("Decide it now", &message).await;
    tiago.sees(&channel, "Decided:* We fail over").await;
    let (_, story) = s.get(&format!("/api/v1/incidents/{incident}/timeline")).await;
    for words in [
        "Decision 1 is taken: nobody had a strong objection",
        "objected to decision 2: The replica is behind",
        "took decision 2",
    ] {
        assert!(story.to_string().contains(words), "{words}: {story}");
    }
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_was_wrong_is_put_right_and_the_numbers_use_it() {
    let s = only(&["slack"]).await;
    let incident = s.declares_bare("The lift is stuck").await;
    let opened = s.incident(&incident).await["timestamps"]["opened_at"].clone();
    let opened = imp_core_time(opened.as_str().expect("a time"));
    let times = format!("/api/v1/incidents/{incident}/times");
    for (body, words) in [
        (
            json!({"moment": "began", "at": "2026-01-01T00:00:00Z", "why": "?"}),
            "There is no time",
        ),
        (
            json!({"moment": "started", "at": "2126-01-01T00:00:00Z", "why": "?"}),
            "in the future",
        ),
        (
            json!({"moment": "started", "at": "2026-01-01T00:00:00Z", "why": " "}),
            "why it was wrong",
        ),
        (
            json!({"moment": "resolved", "at": "2026-01-01T00:00:00Z", "why": "?"}),
            "was never resolved",
        ),
        (
            json!({"moment": "started", "at": "2016-01-01T00:00:00Z", "why": "Typed in a hurry"}),
            "more than 180 days before all that is known of it",
        ),
        (
            json!({"moment": "started", "at": "yesterday", "why": "?"}),
            "with its zone",
        ),
    ] {
        let (code, said) = s.post(&times, body).await;
        assert!(
            (400..500).contains(&code) && said.to_string().contains(words),
            "{words}: {code} {said}"
        );
    }
    let began = opened - 3_600;
    let at = rfc3339(began);
    let (code, said) = s
        .post(
            &times,
            json!({"moment": "started", "at": at, "why": "The graph says so"}),
        )
        .await;
    assert_eq!(code, 200, "{said}");
    assert_eq!(said["corrections"][0]["why"], "The graph says so");
    let (_, numbers) = s.get("/api/v1/insights?by=severity").await;
    let detect = numbers
        .pointer("/items/0/mttd_s")
        .or(numbers.pointer("/rows/0/mttd_s"))
        .and_then(Value::as_f64);
    assert!(detect.is_some_and(|d| (3_599.0..=3_601.0).contains(&d)), "{numbers}");
    assert_eq!(numbers["total"]["corrected"], 1, "{numbers}");
    let (_, page) = answer(s.request(reqwest::Method::GET, "/insights")).await;
    assert!(
        page.to_string().contains("none was opened again; 1 time corrected"),
        "{page}"
    );

    // And in Slack, by a form that knows what is known now.
    s.settle().await;
    let name = s.incident(&incident).await["links"]["slack"]["channel_name"].clone();
    let ada = s.slack("ada.lima");
    let channels = ada.channels().await;
    let place = channels.iter().find(|c| c["sort"] == "public").expect("a channel")["name"].clone();
    ada.says(place.as_str().expect("a name"), &format!("/imp {incident} time"))
        .await;
    let later = (began + 60).to_string();
    ada.fills(
        "incident.time",
        &[("moment", "started"), ("at", &later), ("why", "A minute later")],
    )
    .await;
    let (_, story) = s.get(&format!("/api/v1/incidents/{incident}/timeline")).await;
    assert!(
        story.to_string().contains("corrected when it was started") && story.to_string().contains("A minute later"),
        "{story} {name}"
    );

    // Re-opened, it is no longer resolved.
    for to in ["identified", "monitoring", "resolved", "investigating"] {
        let body = json!({"to": to, "resolution": "Oil", "cause": "Rust"});
        let (code, said) = s.post(&format!("/api/v1/incidents/{incident}/transitions"), body).await;
        assert_eq!(code, 200, "{said}");
        assert_eq!(said["timestamps"]["resolved_at"].is_string(), to == "resolved", "{to}");
    }
    s.finish().await;
}

/// Seconds since 1970.
fn imp_core_time(text: &str) -> i64 {
    imp_core::At::parse(text).expect("a time").0 / 1000
}

fn rfc3339(seconds: i64) -> String {
    imp_core::At(seconds * 1000).rfc3339()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_changed_on_the_page_is_noticed_and_put_right_by_one_press() {
    let s = Stage::with(Mode::Http, |c| {
        c.replacen("[statuspage]\n", "[statuspage]\nlook_every_s = 3\n", 1)
    })
    .await;
    let incident = s.declares("Card payments fail").await;
    let body = json!({"text": "We are looking into it.", "public": true});
    let (code, said) = s.post(&format!("/api/v1/incidents/{incident}/updates"), body).await;
    assert_eq!(code, 201, "{said}");
    s.settle().await;
    let page = s.public().await.remove(0);
    // Somebody ends it on the page, by hand.
    let k = &s.practice.org.keys;
    let url = format!(
        "{}/statuspage/v1/pages/{}/incidents/{}",
        s.practice.base,
        k.statuspage_page_id,
        page["id"].as_str().expect("an id")
    );
    let by_hand = s
        .http
        .patch(url)
        .header("authorization", format!("OAuth {}", k.statuspage_api_key));
    let (code, said) = answer(by_hand.json(&json!({"incident": {"status": "resolved"}}))).await;
    assert_eq!(code, 200, "{said}");
    let differs = until("it is noticed", async || {
        let d = s.incident(&incident).await["statuspage_differs"].clone();
        d.is_object().then_some(d)
    })
    .await;
    assert_eq!(
        (&differs["shows"], &differs["wants"]),
        (&json!("Resolved"), &json!("Investigating"))
    );
    let name = s.incident(&incident).await["links"]["slack"]["channel_name"].clone();
    let tiago = s.slack("tiago.fernandes");
    let channel = tiago.channel(name.as_str().expect("a channel")).await;
    let told = tiago.sees(&channel, "The status page says something else").await;
    tiago.sees(&channel, "The status page says Resolved").await;
    tiago.clicks("Put the page right", &told).await;
    until("the page is right", async || {
        (s.public().await[0]["status"] == "investigating").then_some(())
    })
    .await;
    until("nothing differs", async || {
        s.incident(&incident).await["statuspage_differs"]
            .is_null()
            .then_some(())
    })
    .await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_incidents_ticket_gets_the_security_level_and_is_not_filed_without_it() {
    let with = |level: &'static str| {
        Stage::with(Mode::Http, move |c| {
            c.replacen(
                "issue_type = \"Incident\"",
                &format!("issue_type = \"Incident\"\nprivate_level = \"{level}\""),
                1,
            )
        })
    };
    let s = with("incident team").await;
    let secret = json!({"title": "Marlin walked off with the ledger", "private": true});
    let (code, said) = s.post("/api/v1/incidents", secret.clone()).await;
    assert_eq!(code, 201, "{said}");
    let open = s.declares("Card payments fail").await;
    s.settle().await;
    let level = async |r: &str| {
        let i = s.incident(r).await;
        s.jira(i["links"]["jira"]["key"].as_str().expect("a ticket")).await["fields"]["security"].clone()
    };
    assert_eq!(
        level(said["ref"].as_str().expect("a reference")).await["name"],
        "Incident team"
    );
    assert_eq!(level(&open).await, Value::Null);
    s.finish().await;

    let s = with("Nobody").await;
    let (_, said) = s.post("/api/v1/incidents", secret).await;
    let reference = said["ref"].as_str().expect("a reference").to_owned();
    let failed = until("it is told", async || {
        let f = s.incident(&reference).await["failed"].clone();
        f.as_array().is_some_and(|f| !f.is_empty()).then_some(f)
    })
    .await;
    assert!(
        failed.to_string().contains("no security level") && s.issues().is_empty(),
        "{failed}"
    );
    let config = s.config().display().to_string();
    let run = tokio::task::spawn_blocking(move || imp(&["check", "--config", &config]));
    let out = String::from_utf8_lossy(&run.await.expect("it ends").stdout).into_owned();
    assert!(
        out.contains("has the levels Incident team and Security only; correct jira.private_level"),
        "{out}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_declares_may_say_what_it_does_and_the_severity_follows() {
    let (s, _folder) = with_process(|p| {
        format!(
            "{p}\n[[impact]]\nid = \"users\"\nlabel = \"How many users?\"\nanswer = [{{ id = \"most\", label = \"Most\", severity = \"SEV1\" }}, {{ id = \"few\", label = \"A few\", severity = \"SEV4\" }}]\n"
        )
    })
    .await;
    let body = json!({"title": "Search is slow", "severity": "SEV4", "impact": {"users": "most"}});
    let (code, said) = s.post("/api/v1/incidents", body).await;
    assert_eq!(
        (code, &said["severity"], &said["impact"]["users"]),
        (201, &json!("SEV1"), &json!("most")),
        "{said}"
    );
    let (code, said) = s
        .post("/api/v1/incidents", json!({"title": "X", "impact": {"users": "all"}}))
        .await;
    assert!(
        code == 422 && said.to_string().contains("there are most and few"),
        "{said}"
    );
    let ada = s.slack("ada.lima");
    ada.shortcut().await;
    ada.fills(
        "incident.declare",
        &[("title", "The lift is stuck"), ("impact.users", "few")],
    )
    .await;
    until("it is declared", async || {
        let all = s.incidents().await;
        (all[0]["title"] == "The lift is stuck" && all[0]["severity"] == "SEV4").then_some(())
    })
    .await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_a_service_hears_of_each_of_its_incidents_and_of_no_private_one() {
    let s = only(&["slack", "opslevel"]).await;
    let lucia = s.slack("lucia.romero");
    let channels = lucia.channels().await;
    let place = channels.iter().find(|c| c["sort"] == "public").expect("a channel")["name"].clone();
    let place = place.as_str().expect("a name");
    lucia.says(place, "/imp follow paymnts-api").await;
    lucia.sees(place, "Do you mean payments-api?").await;
    lucia.says(place, "/imp follow payments-api").await;
    lucia.sees(place, "You follow payments-api").await;
    let body = json!({"title": "Who took the money", "service": "payments-api", "private": true});
    let (code, said) = s.post("/api/v1/incidents", body).await;
    assert_eq!(code, 201, "{said}");
    assert_eq!(said["followers"], json!([]));
    let incident = s.declares("Card payments fail").await;
    let own = lucia.channel("IMP").await;
    lucia.sees(&own, "Card payments fail").await;
    let body = json!({"text": "Rolled back"});
    let (code, said) = s.post(&format!("/api/v1/incidents/{incident}/updates"), body).await;
    assert_eq!(code, 201, "{said}");
    lucia.sees(&own, "Rolled back").await;
    s.settle().await;
    let heard = lucia.messages(&own).await;
    assert!(
        heard.iter().all(|m| !m.words.contains("Who took the money")),
        "{heard:?}"
    );
    let path = format!("/api/v1/services/payments-api/followers/{}", lucia.id());
    let (code, said) = answer(s.request(reqwest::Method::DELETE, &path)).await;
    assert_eq!((code, &said["followers"]), (200, &json!([])));
    let next = s.declares("Refunds fail").await;
    assert_eq!(s.incident(&next).await["followers"], json!([]));
    // Who follows which service is in the audit log, once for each change.
    let (_, audit) = s.get("/api/v1/audit?limit=100").await;
    let all = audit["items"].as_array().cloned().unwrap_or_default();
    let of_service = all
        .iter()
        .filter(|e| e["what"].as_str().is_some_and(|w| w.ends_with("follow_service")));
    let deeds: Vec<String> = of_service.map(|e| format!("{} {}", e["what"], e["door"])).collect();
    assert_eq!(
        deeds,
        ["\"unfollow_service\" \"rest\"", "\"follow_service\" \"slack\""],
        "{audit}"
    );
    s.finish().await;
}
