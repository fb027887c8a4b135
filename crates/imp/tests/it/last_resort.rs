//! An alert that nobody answers for: the path ends with the default responder, and where there is nobody at all, whoever
//! runs IMP sees it. And a desk that cannot write says so.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::imp::{Ended, command, free_port};
use crate::lifecycle::{alert, raise};
use crate::stage::{Mode, Stage, answer, until};

/// An alert of nobody's service, in an organisation whose announcement channel does not exist.
async fn nobodys(default_responder: Option<&str>) -> (Stage, String) {
    let s = Stage::with(Mode::Http, |config| {
        let mut table: toml::Table = config.parse().expect("TOML");
        table["slack"]["announce_channel"] = "there-is-no-such-channel".into();
        if let Some(name) = default_responder {
            let organisation = toml::Table::from_iter([("default_responder".to_owned(), name.into())]);
            table.insert("organisation".to_owned(), organisation.into());
        }
        toml::to_string(&table).expect("TOML")
    })
    .await;
    let mut nobodys = alert("firing");
    for labels in ["groupLabels", "commonLabels"] {
        nobodys[labels].as_object_mut().expect("labels").remove("service");
    }
    let labels = nobodys["alerts"][0]["labels"].as_object_mut();
    labels.expect("labels").remove("service");
    let incident = raise(&s, &nobodys).await;
    (s, incident)
}

async fn asked_last(name: &str, who: &str) {
    let (s, incident) = nobodys(Some(name)).await;
    let question = s.slack(who).sees("IMP", "Is this real?").await;
    assert!(
        question.words.contains("could not be asked"),
        "it says why: {}",
        question.words
    );
    assert_eq!(s.incident(&incident).await["status"], "triage");
    let (_, metrics) = s.get("/metrics").await;
    assert!(
        metrics.to_string().contains("imp_alerts_nobody_was_asked 0"),
        "{metrics}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_channel_cannot_be_posted_to_the_default_responder_is_asked() {
    asked_last("ada.lima@meridian.example", "ada.lima").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_responder_can_be_a_slack_identifier() {
    let id = imp_practice::org::Org::built_in()
        .slack_id("kasia.nowak")
        .expect("somebody");
    asked_last(&id, "kasia.nowak").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_be_asked_timeline_console_metrics_and_log_say_so() {
    let (s, incident) = nobodys(None).await;
    until("the metrics say that nobody was asked", async || {
        let (_, metrics) = s.get("/metrics").await;
        metrics
            .to_string()
            .contains("imp_alerts_nobody_was_asked 1")
            .then_some(())
    })
    .await;
    let (_, page) = s.get("/").await;
    assert!(page.to_string().contains("Nobody could be asked"), "{page}");
    let (_, timeline) = s.get(&format!("/api/v1/incidents/{incident}/timeline")).await;
    let timeline = timeline.to_string();
    assert!(
        timeline.contains("Could not ask anybody whether it is real"),
        "{timeline}"
    );
    assert!(timeline.contains("default_responder"), "it says what to do: {timeline}");
    until("the log says it", async || {
        let log = s.imp.as_ref()?.log();
        log.contains("an alert waits and nobody could be asked about it")
            .then_some(())
    })
    .await;
    // Somebody who sees it in the console answers, and then all is well.
    let body = json!({"to": "declined", "reason": "Seen in the console"});
    let (status, said) = s.post(&format!("/api/v1/incidents/{incident}/transitions"), body).await;
    assert_eq!(status, 200, "{said}");
    let (_, metrics) = s.get("/metrics").await;
    assert!(
        metrics.to_string().contains("imp_alerts_nobody_was_asked 0"),
        "{metrics}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_that_cannot_write_is_not_ready_and_says_why() {
    /// Blocks of half a KiB that a file may grow to: enough to start, not for long.
    const BLOCKS: u32 = 1024;
    let folder = tempfile::tempdir().expect("a folder");
    let base = format!("127.0.0.1:{}", free_port());
    std::fs::write(
        folder.path().join("imp.toml"),
        format!("[server]\nlisten = \"{base}\"\n"),
    )
    .expect("a configuration");
    let plain = command(&["serve", "--config", "imp.toml"]);
    // A limit of the system on the size of files, as if the disk were full; the signal for it is ignored.
    let script = format!("trap '' XFSZ; ulimit -f {BLOCKS}; exec \"$0\" \"$@\"");
    let mut limited = Command::new("sh");
    limited
        .arg("-c")
        .arg(script)
        .arg(plain.get_program())
        .args(plain.get_args());
    limited
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let _imp = Ended(limited.spawn().expect("imp starts"));
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let ready = async || {
        Some(
            http.get(format!("http://{base}/readyz"))
                .send()
                .await
                .ok()?
                .status()
                .as_u16(),
        )
    };
    until("imp is ready", async || (ready().await? == 200).then_some(())).await;
    let declares = || {
        let body = serde_json::json!({"title": "It fills the disk", "summary": "x".repeat(2000)});
        http.post(format!("http://{base}/api/v1/incidents")).json(&body).send()
    };
    until("the disk is full", async || {
        declares().await.ok()?;
        (ready().await? == 503).then_some(())
    })
    .await;
    let (status, said) = answer(http.get(format!("http://{base}/readyz"))).await;
    assert_eq!(status, 503, "{said}");
    assert!(
        matches!(&said, Value::String(s) if s.starts_with("not ready: nothing can be written: ")),
        "{said}"
    );
    let (alive, _) = answer(http.get(format!("http://{base}/healthz"))).await;
    assert_eq!(alive, 200, "it lives, and can be asked");
}
