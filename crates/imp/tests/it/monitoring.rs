//! The examples for Prometheus and Grafana: valid to Prometheus' own tool, and about figures that there are.

use crate::stage::Stage;
use reqwest::Method;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples")
}

/// Prometheus' own tool, which lies beside it.
fn promtool() -> PathBuf {
    let prometheus = std::env::var("IMP_TEST_PROMETHEUS")
        .expect("IMP_TEST_PROMETHEUS does not name a program: run `cargo xtask test`, which finds or fetches it");
    let beside = Path::new(&prometheus).with_file_name("promtool");
    match beside.exists() {
        true => beside,
        false => PathBuf::from("promtool"),
    }
}

/// The names of IMP's figures in a text.
fn figures(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|w| w.starts_with("imp_")).map(str::to_owned).collect()
}

#[test]
fn the_rules_hold_what_they_promise() {
    for words in [
        ["check", "rules", "prometheus-rules.yml"],
        ["test", "rules", "prometheus-rules.test.yml"],
    ] {
        let said = Command::new(promtool()).args(words).current_dir(examples()).output();
        let said = said.expect("promtool starts");
        let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
        assert!(said.status.success(), "{words:?}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_and_dashboard_name_figures_that_there_are() {
    let s = Stage::new().await;
    s.declares("So that there is something to count").await;
    s.settle().await;
    let answer = s.request(Method::GET, "/metrics").send().await.expect("an answer");
    let metrics = answer.text().await.expect("text");
    let there = figures(&metrics);
    for file in ["prometheus-rules.yml", "grafana-dashboard.json"] {
        let text = std::fs::read_to_string(examples().join(file)).expect("an example");
        let named = figures(&text);
        let missing: Vec<&String> = named.difference(&there).collect();
        assert!(named.len() > 3 && missing.is_empty(), "{file}: {missing:?}");
    }
    let mut tool = Command::new(promtool())
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    let text = metrics.into_bytes();
    tool.stdin
        .take()
        .expect("an input")
        .write_all(&text)
        .expect("it is read");
    let said = tool.wait_with_output().expect("it ends");
    // 3 stands for advice about names; 1 for figures that cannot be read.
    assert_ne!(said.status.code(), Some(1), "{}", String::from_utf8_lossy(&said.stderr));
    s.finish().await;
}
