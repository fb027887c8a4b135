//! The demo in a real browser: `tests/browser/demo.mjs` walks through its pages as its users do.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::imp::{command, free_port};
use crate::stage::until;

/// The demo, for as long as the test runs.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        // Killing fails where it has ended already, and then all is as it should be.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_can_be_clicked_through_from_the_alert_to_the_closed_incident() {
    let chromium = std::env::var("IMP_TEST_CHROMIUM")
        .expect("IMP_TEST_CHROMIUM does not name a browser: run `cargo xtask test`, which finds or installs one");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let scripts = root.join("tests/browser");
    assert!(
        scripts.join("node_modules/playwright-core").exists(),
        "tests/browser/node_modules is missing: run `cargo xtask test`, which installs it"
    );
    // The practice workspace takes the next port.
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let demo = command(&["demo", "--listen", &listen])
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn();
    let _demo = Demo(demo.expect("imp starts"));
    let imp = format!("http://{listen}");
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    until("the demo knows its catalogue", async || {
        let answer = http.get(format!("{imp}/api/v1/services")).send().await.ok()?;
        let text = answer.text().await.ok()?;
        text.contains("payments-api").then_some(())
    })
    .await;
    let mut walk = Command::new("node");
    walk.arg("demo.mjs")
        .args([&imp, &format!("http://127.0.0.1:{}", port + 1)])
        .arg(root.join("target/screenshots"))
        .current_dir(scripts)
        .env("CHROMIUM", chromium);
    let output = tokio::task::spawn_blocking(move || walk.output())
        .await
        .expect("it ends")
        .expect("Node starts");
    let (said, complaints) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "{said}\n{complaints}\nThe pictures are in target/screenshots."
    );
}
