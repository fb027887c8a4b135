//! `imp jira setup`: what Jira lacks is said, then created, once; what only a person can do is said with what to do.

use crate::imp::command;
use crate::stage::{Mode, Stage};
use serde_json::Value;

async fn sets_up(s: &Stage, words: &[&str]) -> (i32, String, String) {
    let mut c = command(&["jira", "setup"]);
    c.args(words).args(["--config", &s.config().display().to_string()]);
    let out = tokio::task::spawn_blocking(move || c.output())
        .await
        .expect("it ends")
        .expect("imp starts");
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    (out.status.code().unwrap_or(-1), text(&out.stdout), text(&out.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_jira_lacks_is_said_then_created_once_and_the_rest_is_for_a_person() {
    let elsewhere = |config: String| {
        config
            .replace("project = \"INC\"", "project = \"OUT\"")
            .replace("issue_type = \"Incident\"", "issue_type = \"Outage\"")
    };
    let s = Stage::dark(Mode::Http, elsewhere).await;
    let asked = ["--fields", "ref,url,resolved_at"];
    let (code, said, _) = sets_up(&s, &[&["--dry-run"][..], &asked].concat()).await;
    assert_eq!(code, 0, "{said}");
    for what in [
        "the project OUT",
        "the issue type \"Outage\"",
        "the field \"IMP ref\"",
        "the field \"IMP resolved at\"",
    ] {
        assert!(said.contains(&format!("would create  {what}")), "{what} in {said}");
    }
    assert!(said.contains("run this again once the project is there"), "{said}");
    let (_, again, _) = sets_up(&s, &[&["--dry-run"][..], &asked].concat()).await;
    assert_eq!(again, said, "a dry run creates nothing");

    let (code, said, err) = sets_up(&s, &asked).await;
    assert_eq!((code, err.as_str()), (0, ""), "{said}");
    assert!(
        said.contains("created       the project OUT") && said.contains("created       the issue type \"Outage\""),
        "{said}"
    );
    assert!(
        said.contains("by hand       \"Outage\" in OUT: add it in the project's settings"),
        "{said}"
    );
    assert!(
        said.contains("there         the account may file tickets in OUT"),
        "{said}"
    );
    let line = said.lines().last().expect("a line for the configuration").to_owned();
    assert!(
        line.starts_with("fields = { ref = \"customfield_") && line.contains("resolved_at = \"customfield_"),
        "{line}"
    );

    let (code, said, _) = sets_up(&s, &asked).await;
    assert!(
        code == 0 && !said.contains("created"),
        "a second time creates nothing: {said}"
    );
    assert_eq!(said.lines().last(), Some(line.as_str()));

    // With the line in the configuration the fields are looked for by their identifiers.
    let config = std::fs::read_to_string(s.config()).expect("a configuration");
    std::fs::write(
        s.config(),
        config.replace("issue_type = \"Outage\"", &format!("issue_type = \"Outage\"\n{line}")),
    )
    .expect("written");
    let (code, said, _) = sets_up(&s, &["--json"]).await;
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let pieces = said["pieces"].as_array().expect("pieces");
    let fields = pieces.iter().filter(|p| {
        p["what"]
            .as_str()
            .is_some_and(|w| w.starts_with("the field customfield_"))
    });
    assert_eq!(
        (code, fields.filter(|p| p["state"] == "there").count()),
        (0, 3),
        "{said:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jira_that_has_all_of_it_is_left_alone_and_bad_words_are_refused() {
    let s = Stage::dark(Mode::Http, |config| config).await;
    let (code, said, _) = sets_up(&s, &[]).await;
    assert!(code == 0 && said.contains("there         the project INC"), "{said}");
    assert!(!said.contains("created") && !said.contains("FAILED"), "{said}");
    assert!(
        said.contains("the status \"Investigating\" in the workflow of \"Incident\""),
        "{said}"
    );
    let (code, _, err) = sets_up(&s, &["--fields", "ref,a b"]).await;
    assert!(code == 2 && err.contains("\"a b\""), "{err}");
    let config = std::fs::read_to_string(s.config()).expect("a configuration");
    std::fs::write(s.config(), config.replace("api_token = ", "api_token = \"wrong\" # ")).expect("written");
    let (code, _, err) = sets_up(&s, &[]).await;
    assert!(
        code == 1 && err.contains("401") && err.lines().count() == 1,
        "{code} {err}"
    );
}
