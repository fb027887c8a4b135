//! What the guides tell people to type works: every call of the API in them is made against the demo, in their order.

use std::path::{Path, PathBuf};
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

/// The calls with curl in the shell blocks of a guide; a line that goes on after a backslash is one. Those with an `ID` that
/// only an earlier answer tells are for people.
fn calls(text: &str) -> Vec<String> {
    let (mut out, mut shell, mut begun) = (Vec::new(), false, None::<String>);
    for line in text.lines() {
        if let Some(fence) = line.trim().strip_prefix("```") {
            shell = matches!(fence, "sh" | "bash");
            continue;
        }
        if !shell || (begun.is_none() && !line.trim().starts_with("curl ")) {
            continue;
        }
        let so_far = begun.take().unwrap_or_default() + line.trim();
        match so_far.strip_suffix('\\') {
            Some(first) => begun = Some(first.to_owned()),
            None if so_far.contains("/ID") => {}
            None => out.push(so_far),
        }
    }
    out
}

fn guides() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let docs = std::fs::read_dir(root.join("docs")).expect("the guides");
    let mut docs: Vec<PathBuf> = docs.filter_map(|f| Some(f.ok()?.path())).collect();
    docs.retain(|p| p.extension().is_some_and(|e| e == "md"));
    docs.sort();
    std::iter::once(root.join("README.md")).chain(docs).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_the_api_in_the_guides_works_against_the_demo() {
    // The practice workspace takes the next port.
    let listen = format!("127.0.0.1:{}", free_port());
    let demo = command(&["demo", "--listen", &listen])
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn();
    let _demo = Demo(demo.expect("imp starts"));
    let imp = format!("http://{listen}");
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    until("the demo knows its catalogue", async || {
        let answer = http.get(format!("{imp}/api/v1/services")).send().await.ok()?;
        answer.text().await.ok()?.contains("payments-api").then_some(())
    })
    .await;
    let token = imp_practice::org::Org::built_in().keys.alerts_token;
    let mut made = 0;
    for guide in guides() {
        let text = std::fs::read_to_string(&guide).expect("a guide");
        for call in calls(&text) {
            let told = call.replacen(
                "curl ",
                "curl --silent --show-error --noproxy '*' --write-out '\\n%{http_code}' ",
                1,
            );
            let told = told.replace("https://imp.example.com", "$IMP");
            let mut shell = Command::new("sh");
            shell.args(["-c", &told]).env("IMP", &imp).env("TOKEN", &token);
            let out = tokio::task::spawn_blocking(move || shell.output())
                .await
                .expect("it ends")
                .expect("sh starts");
            let said = String::from_utf8_lossy(&out.stdout).into_owned();
            let code = said.lines().last().unwrap_or_default();
            assert!(
                out.status.success() && code.starts_with('2'),
                "{}: {call}\n{said}{}",
                guide.display(),
                String::from_utf8_lossy(&out.stderr)
            );
            made += 1;
        }
    }
    assert!(made > 10, "only {made} calls were found");
}
