//! Slack's own clients, unmodified, as judges.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::stage::Stage;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers")
}

fn python() -> String {
    std::env::var("IMP_TEST_PYTHON")
        .expect("IMP_TEST_PYTHON does not name a Python with the packages of tests/peers/requirements.txt: run `cargo xtask test`, which makes one")
}

/// Runs a peer to its end; it may say where it listens, and is told when the workspace knows.
async fn run(program: String, script: &str) {
    let stage = Stage::new().await;
    let keys = &stage.org.keys;
    let mut child = Command::new(&program)
        .arg(script)
        .current_dir(folder())
        .env("SLACK_BASE", &stage.base)
        .env("SLACK_BOT_TOKEN", &keys.slack_bot_token)
        .env("SLACK_APP_TOKEN", &keys.slack_app_token)
        .env("SLACK_SIGNING_SECRET", &keys.slack_signing_secret)
        .env("NODE_PATH", folder().join("node_modules"))
        .env_remove("http_proxy")
        .env_remove("HTTP_PROXY")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|why| panic!("{program} cannot be started ({why}): run `cargo xtask test`, which prepares it"));
    let (app, name) = (stage.app.clone(), script.to_owned());
    tokio::task::spawn_blocking(move || {
        let mut errors = child.stderr.take().expect("it was asked for");
        let complaints = std::thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).map(|_| text).unwrap_or_default()
        });
        let mut to = child.stdin.take().expect("it was asked for");
        let mut said = String::new();
        for line in BufReader::new(child.stdout.take().expect("it was asked for")).lines() {
            let line = line.expect("text");
            if let Some(url) = line.strip_prefix("listening ") {
                app.set_url(url.to_owned());
                to.write_all(b"told\n").expect("it reads");
            }
            said.push_str(&line);
            said.push('\n');
        }
        let status = child.wait().expect("it ends");
        let complaints = complaints.join().unwrap_or_default();
        assert!(
            status.success() && said.contains("all is well"),
            "{name}: {status}\n{said}\n{complaints}"
        );
    })
    .await
    .expect("the peer was heard to its end");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_works() {
    run(python(), "slack_sdk_peer.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_framework_works() {
    run(python(), "slack_bolt_peer.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_client_works() {
    assert!(
        folder().join("node_modules/@slack/web-api").exists(),
        "tests/peers/node_modules is missing: run `cargo xtask test`, which installs it"
    );
    run("node".to_owned(), "slack_web_api_peer.mjs").await;
}
