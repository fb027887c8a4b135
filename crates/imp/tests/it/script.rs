//! The command line over a running program: what a script would do.

use crate::imp::command;
use crate::stage::{Mode, Stage};
use imp_practice::faults::{Fault, Rule, Vendor};
use serde_json::Value;

struct Said {
    code: i32,
    out: String,
    err: String,
}

async fn imp(s: &Stage, words: &[&str]) -> Said {
    let mut c = command(words);
    c.args(["--config", &s.config().display().to_string()]);
    let out = tokio::task::spawn_blocking(move || c.output()).await.expect("it ends");
    let out = out.expect("imp starts");
    Said {
        code: out.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&out.stdout).into_owned(),
        err: String::from_utf8_lossy(&out.stderr).into_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_lives_an_incident_through() {
    let s = Stage::new().await;
    let declare = [
        "incident",
        "declare",
        "Cards are refused",
        "--service",
        "payments-api",
        "--severity",
        "SEV2",
    ];
    let twice = [&declare[..], &["--key", "deploy-17", "--json"]].concat();
    let first: Value = serde_json::from_str(&imp(&s, &twice).await.out).expect("JSON");
    let again: Value = serde_json::from_str(&imp(&s, &twice).await.out).expect("JSON");
    assert_eq!(first["ref"], again["ref"], "the same key, the same incident");
    let incident = first["ref"].as_str().expect("a reference");

    let said = imp(&s, &["incident", "update", incident, "We roll back."]).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    for to in ["identified", "monitoring"] {
        let said = imp(&s, &["incident", "transition", incident, to]).await;
        assert!(said.code == 0 && said.out.contains(to), "{} {}", said.out, said.err);
    }
    let refused = imp(&s, &["incident", "transition", incident, "resolved"]).await;
    assert!(
        refused.code == 1 && refused.out.is_empty() && refused.err.contains("--set resolution=…"),
        "it says what is missing and how to say it: {}",
        refused.err
    );
    let said = imp(
        &s,
        &[
            "incident",
            "transition",
            incident,
            "resolved",
            "--set",
            "resolution=rolled back",
        ],
    )
    .await;
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    s.settle().await;
    let shown = imp(&s, &["incident", "show", incident]).await.out;
    for part in [
        "SEV2 resolved: Cards are refused",
        "Jira: http",
        "Slack: http",
        "Next: review",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let listed = imp(&s, &["incident", "list", "--service", "payments-api"]).await.out;
    assert!(listed.starts_with("REF") && listed.contains(incident), "{listed}");
    let told = imp(&s, &["incident", "timeline", incident]).await.out;
    assert!(told.contains("We roll back."), "{told}");
    let exported = imp(&s, &["incident", "export"]).await.out;
    let lines: Vec<Value> = exported
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0]["timeline"].as_array().is_some_and(|t| t.len() > 4),
        "{}",
        lines[0]
    );
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_sees_what_is_owed_and_has_it_tried_again() {
    let s = Stage::new().await;
    assert_eq!(imp(&s, &["deliveries", "list"]).await.out.trim(), "Nothing is owed.");
    s.practice.faults().set(Rule::new(Vendor::Zoom, Fault::Down));
    s.declares("No meeting yet").await;
    let owed = crate::stage::until("the meeting is owed, and it is said why", async || {
        let all: Value = serde_json::from_str(&imp(&s, &["deliveries", "list", "--json"]).await.out).ok()?;
        let found = all
            .as_array()?
            .iter()
            .find(|d| d["vendor"] == "zoom" && d["fault"].is_string())?;
        Some(found.clone())
    })
    .await;
    s.practice.faults().clear(Vendor::Zoom);
    let id = owed["id"].to_string();
    let said = imp(&s, &["deliveries", "retry", &id]).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    s.settle().await;
    assert_eq!(s.practice.zoom().meetings().len(), 1);
    let unknown = imp(&s, &["deliveries", "skip", "424242", "--why", "not needed"]).await;
    assert!(
        unknown.code == 1 && unknown.err.contains("no such delivery"),
        "{}",
        unknown.err
    );
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_without_a_server_is_told_where_to_look() {
    let s = Stage::dark(Mode::Http, |config| config).await;
    let said = imp(&s, &["incident", "list"]).await;
    assert!(
        said.code == 1 && said.err.contains("is `imp serve` running there?"),
        "{}",
        said.err
    );
    let said = imp(
        &s,
        &["incident", "transition", "IMP-1", "resolved", "--set", "resolution"],
    )
    .await;
    assert!(said.code == 2 && said.err.contains("FIELD=VALUE"), "{}", said.err);
    let said = crate::imp::imp(&["completions", "bash"]);
    assert!(String::from_utf8_lossy(&said.stdout).contains("deliveries"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_goes_to_somebody_whom_slack_knows() {
    let s = Stage::new().await;
    let incident = s.declares("Who leads?").await;
    let refused = imp(
        &s,
        &["incident", "role", &incident, "commander", "nobody@nowhere.example"],
    )
    .await;
    assert!(
        refused.code == 1
            && refused
                .err
                .contains("Nobody in Slack has the address nobody@nowhere.example."),
        "{}",
        refused.err
    );
    assert!(s.incident(&incident).await["roles"]["commander"].is_null());
    s.finish().await;
}
