//! Clients that others wrote, unmodified, as judges.

use std::path::Path;
use std::process::Command;

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn the_python_jira_client_works() {
    let python = std::env::var("IMP_TEST_PYTHON").expect(
        "IMP_TEST_PYTHON does not name a Python with the packages of tests/peers/requirements.txt: run `cargo xtask test`, which makes one",
    );
    let stage = Stage::new().await;
    let keys = &stage.practice.org.keys;
    let mut peer = Command::new(python);
    peer.arg("jira_peer.py")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers"))
        .env("JIRA_BASE", format!("{}/jira", stage.practice.base))
        .env("JIRA_EMAIL", &keys.jira_email)
        .env("JIRA_TOKEN", &keys.jira_api_token)
        .env_remove("http_proxy")
        .env_remove("HTTP_PROXY");
    let output = tokio::task::spawn_blocking(move || peer.output())
        .await
        .expect("it ends")
        .expect("Python starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("all is well"),
        "{said}\n{complaints}"
    );
}
