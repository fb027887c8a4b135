//! The command line: what it prints where, and with which code it ends.

use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;

use crate::imp::{command, free_port, imp};
use crate::stage::{Mode, Stage};

fn ended(words: &[&str]) -> (i32, String, String) {
    let out = imp(words);
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    (out.status.code().unwrap_or(-1), text(&out.stdout), text(&out.stderr))
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut f = tempfile::NamedTempFile::new().expect("a file");
    f.write_all(text.as_bytes()).expect("it is written");
    f
}

#[test]
fn it_says_its_version_and_its_words() {
    let (code, out, err) = ended(&["--version"]);
    assert_eq!(
        (code, out.trim(), err.as_str()),
        (0, concat!("imp ", env!("CARGO_PKG_VERSION")), "")
    );
    let (code, out, _) = ended(&["help"]);
    assert!(code == 0 && out.contains("demo") && out.contains("serve"), "{out}");
    let (code, out, err) = ended(&["srve"]);
    assert!(code == 2 && out.is_empty() && err.contains("serve"), "{err}");
    assert_eq!(ended(&[]).0, 2);
}

#[test]
fn wrong_words_are_one_line_that_says_which() {
    for (words, says) in [
        (vec!["srve"], "serve"),
        (vec!["incident", "export", "--formt", "csv"], "--formt"),
        (vec!["incident", "transition"], "<REFERENCE>"),
        (vec!["import", "there-is-no-such-file.csv"], "there-is-no-such-file.csv"),
        (vec!["import"], "<FILE"),
    ] {
        let (code, out, err) = ended(&words);
        assert!(
            code == 2 && out.is_empty() && err.lines().count() == 1 && err.starts_with("imp: ") && err.contains(says),
            "{words:?}: {code} {out} {err}"
        );
    }
}

#[test]
fn a_bad_configuration_is_refused_with_a_line_for_each_fault() {
    let config = file("[server]\nlistn = \"127.0.0.1:1\"\n[slack]\nbot_tokn = \"x\"\n[slak]\n");
    let (code, out, err) = ended(&["serve", "--config", &config.path().display().to_string()]);
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    assert_eq!(err.lines().count(), 3, "{err}");
    for nearest in ["listen", "bot_token", "slack"] {
        assert!(err.contains(nearest), "{nearest} in {err}");
    }
    for (text, hint) in [
        ("[server]\nlisten = \"0.0.0.0:8080\"\n", "[auth]"),
        ("[server]\nlisten = \"nowhere\"\n", "listen"),
        ("[slack]\nbot_token = \"xoxb-1\"\n", "signing_secret"),
        ("[server\n", "TOML"),
        ("[store]\nurl = \"mysql://x\"\n", "sqlite://"),
        ("[organisation]\nprocess = \"missing.toml\"\n", "missing.toml"),
        ("[alerts]\ntoken_file = \"missing-secret\"\n", "missing-secret"),
    ] {
        let config = file(text);
        let (code, _, err) = ended(&["serve", "--config", &config.path().display().to_string()]);
        assert!(
            code == 2 && err.lines().count() == 1 && err.contains(hint),
            "{text}: {code} {err}"
        );
    }
    let (code, _, err) = ended(&["serve", "--config", "there-is-no-such-file.toml"]);
    assert!(
        code == 2 && err.lines().count() == 1 && err.contains("--config"),
        "{err}"
    );
}

#[test]
fn a_port_or_a_store_that_cannot_be_had_is_a_failure() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("it listens");
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("imp.db").display().to_string();
    let config = file(&format!(
        "[server]\nlisten = \"{address}\"\n[store]\nurl = \"sqlite://{store}\"\n"
    ));
    let (code, _, err) = ended(&["serve", "--config", &config.path().display().to_string()]);
    assert!(code == 1 && err.contains(&address.to_string()), "{code} {err}");
    let store = folder.path().join("no/such/folder/imp.db").display().to_string();
    let config = file(&format!(
        "[server]\nlisten = \"127.0.0.1:{}\"\n[store]\nurl = \"sqlite://{store}\"\n",
        free_port()
    ));
    let (code, _, err) = ended(&["serve", "--config", &config.path().display().to_string()]);
    assert!(code == 1 && err.contains("imp.db"), "{code} {err}");
}

#[test]
fn processes_are_checked() {
    let built_in = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../process/built-in.toml");
    let (code, out, err) = ended(&["process", "check", &built_in.display().to_string()]);
    assert!(code == 0 && out.contains("sound"), "{out} {err}");
    let text = std::fs::read_to_string(built_in).expect("the built-in process");
    let broken = file(&text.replacen("to = \"identified\"", "to = \"nowhere\"", 1));
    let (code, _, err) = ended(&["process", "check", &broken.path().display().to_string()]);
    assert!(code == 1 && err.contains("nowhere"), "{code} {err}");
    assert_eq!(ended(&["process", "check", "there-is-no-such-file.toml"]).0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_asks_every_vendor() {
    let s = Stage::dark(Mode::Http, |config| config).await;
    let config = s.config().display().to_string();
    let check = async |config: &str, json: bool| {
        let mut c = command(&["check", "--config", config]);
        c.args(json.then_some("--json"));
        let out = tokio::task::spawn_blocking(move || c.output())
            .await
            .expect("it ends")
            .expect("imp starts");
        (
            out.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&out.stdout).into_owned(),
        )
    };
    let (code, out) = check(&config, false).await;
    assert_eq!(code, 0, "{out}");
    for vendor in ["Slack", "Jira", "Statuspage", "OpsLevel", "Zoom"] {
        assert!(out.contains(vendor), "{vendor} in {out}");
    }
    let (_, out) = check(&config, true).await;
    let found: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert!(found.as_array().is_some_and(|all| all.len() >= 5), "{found}");
    let text = std::fs::read_to_string(&config).expect("the configuration");
    let keys = &s.practice.org.keys;
    for key in [
        &keys.slack_bot_token,
        &keys.jira_api_token,
        &keys.statuspage_api_key,
        &keys.opslevel_api_token,
        &keys.zoom_client_secret,
    ] {
        let wrong = file(&text.replace(key.as_str(), "not-the-right-one"));
        let (code, out) = check(&wrong.path().display().to_string(), false).await;
        assert!(code == 1 && out.contains("WRONG"), "with a wrong {key}: {code} {out}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_gracefully_when_told_to() {
    let s = Stage::new().await;
    let pid = s.imp.as_ref().expect("it runs").pid().to_string();
    s.declares("Under way").await;
    let told = command(&["--version"])
        .status()
        .and_then(|_| std::process::Command::new("kill").args(["-TERM", &pid]).status());
    assert!(told.expect("kill").success());
    crate::stage::until("imp says that it stops", async || {
        let log = s.imp.as_ref().map(crate::imp::Imp::log).unwrap_or_default();
        log.contains("stopping").then_some(())
    })
    .await;
}
