//! The console and the API: who may come in, what they may do, what they never see, and what is written down of it.

use crate::imp::{command, free_port, imp};
use crate::stage::{Mode, Stage, answer};
use imp_core::Role;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};

/// A secret that is looked for everywhere afterwards.
const CANARY: &str = "canary-5f2e8c";

pub const ROLES: [Role; 5] = [
    Role::Reader,
    Role::Responder,
    Role::Commander,
    Role::Manager,
    Role::Admin,
];

pub fn token_of(role: Role) -> String {
    format!("the-token-of-a-{}", role.word())
}

/// The section with a token for each role, and whatever else belongs into it.
pub fn auth(more: &str) -> String {
    let tokens: Vec<String> = ROLES
        .iter()
        .map(|r| {
            format!(
                "{{ name = \"{0}\", token = \"{1}\", role = \"{0}\" }}",
                r.word(),
                token_of(*r)
            )
        })
        .chain([
            "{ name = \"old\", token = \"the-token-of-last-year\", role = \"admin\", expires = \"2020-01-31\" }"
                .to_owned(),
            "{ name = \"looks\", token = \"the-token-that-looks\", role = \"admin\", scope = \"read\" }".to_owned(),
        ])
        .collect();
    format!("\n[auth]\napi_tokens = [{}]\n{more}\n", tokens.join(", "))
}

/// A stage that serves those with a token only; its own calls are an administrator's.
pub async fn locked(more: &str) -> Stage {
    let mut s = Stage::dark(Mode::Http, |config| config + &auth(more)).await;
    let mut headers = HeaderMap::new();
    let bearer = format!("Bearer {}", token_of(Role::Admin));
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&bearer).expect("a header"));
    s.http = reqwest::Client::builder()
        .default_headers(headers)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client");
    s.rise().await;
    s
}

/// Somebody else's calls.
pub fn stranger() -> reqwest::Client {
    let none = reqwest::redirect::Policy::none();
    reqwest::Client::builder()
        .redirect(none)
        .no_proxy()
        .build()
        .expect("a client")
}

/// The cookie of a session that a token began.
pub async fn session(s: &Stage, token: &str) -> String {
    let url = format!("{}/sign-in", s.base);
    let answer = stranger()
        .post(url)
        .form(&[("token", token)])
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 303);
    let cookie = answer.headers()["set-cookie"].to_str().expect("text").to_owned();
    assert!(
        cookie.contains("HttpOnly; SameSite=Lax") && !cookie.contains(token),
        "{cookie}"
    );
    cookie.split(';').next().expect("a pair").to_owned()
}

/// Runs a program of `tests/browser` to its end.
pub async fn node(script: &str, words: &[&str]) {
    let chromium = std::env::var("IMP_TEST_CHROMIUM")
        .expect("IMP_TEST_CHROMIUM does not name a browser: run `cargo xtask test`, which finds or installs one");
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/browser");
    assert!(
        scripts.join("node_modules/oidc-provider").exists(),
        "tests/browser/node_modules is missing: run `cargo xtask test`, which installs it"
    );
    let mut walk = Command::new("node");
    walk.arg(script)
        .args(words)
        .current_dir(&scripts)
        .env("NO_PROXY", "127.0.0.1")
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
        "{said}\n{complaints}\nPictures are in target/screenshots."
    );
}

/// Where pictures of pages go.
pub fn pictures() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/screenshots");
    folder.display().to_string()
}

fn provider(port: u16) -> String {
    format!(
        "issuer = \"http://127.0.0.1:{port}\"\nclient_id = \"imp\"\nclient_secret = \"the-clients-secret\"\n\
         default_role = \"reader\"\nroles = [{{ group = \"platform\", role = \"admin\" }}]"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_is_used_by_people_who_sign_in_at_a_real_provider() {
    let port = free_port();
    let s = locked(&provider(port)).await;
    let issuer = format!("http://127.0.0.1:{port}");
    node("console.mjs", &[&s.base, &issuer, &pictures()]).await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_lies_signs_nobody_in() {
    let port = free_port();
    let s = locked(&provider(port)).await;
    node("sign_in.mjs", &[&s.base, &format!("http://127.0.0.1:{port}")]).await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_says_who_did_what_and_whoever_changes_it_is_found_out() {
    let mut s = locked("").await;
    let r = s.declares("Something real").await;
    let (status, _) = answer(
        s.request(Method::PATCH, &format!("/api/v1/incidents/{r}"))
            .json(&json!({"severity": "SEV1"})),
    )
    .await;
    assert_eq!(status, 200);
    let (_, log) = s.get(&format!("/api/v1/audit?ref={r}")).await;
    let edit = &log["items"][0];
    assert_eq!(
        (&edit["what"], &edit["who"], &edit["door"], &edit["from"]),
        (&json!("edit"), &json!("admin"), &json!("rest"), &json!("127.0.0.1"))
    );
    assert_eq!(edit["detail"]["before"]["severity"], "SEV3", "{edit}");
    assert_eq!(edit["detail"]["after"]["severity"], "SEV1", "{edit}");
    s.settle().await;
    let config = s.config().display().to_string();
    let verify = || imp(&["audit", "verify", "--config", &config, "--json"]);
    let said: Value = serde_json::from_slice(&verify().stdout).expect("JSON");
    assert_eq!(said["faults"], json!([]), "{said}");
    let last = said["last"].as_str().expect("a hash").to_owned();
    s.kill();
    let store = format!("sqlite://{}", s.config().with_file_name("imp.db").display());
    let tamper = |sql: &str| {
        let (_, mut conn) = imp_engine::Store::open(&store).expect("the store");
        conn.run(sql, &[]).expect("it is written");
    };
    tamper("update audit set who = 'somebody else' where n = 1");
    let said = verify();
    assert_eq!(said.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&said.stderr).contains("entry 1 was changed"),
        "{said:?}"
    );
    tamper("update audit set who = 'admin' where n = 1");
    assert!(verify().status.success());
    tamper("delete from audit where n = 1");
    assert!(String::from_utf8_lossy(&verify().stderr).contains("entry 1 is missing"));
    tamper("delete from audit");
    let said = imp(&["audit", "verify", "--config", &config, "--expect", &last]);
    assert!(
        String::from_utf8_lossy(&said.stderr).contains("the end of the log was cut off"),
        "{said:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn history_that_is_brought_in_is_in_the_audit_log_once() {
    let s = locked("").await;
    let rows = json!({"rows": [{"title": "Long ago", "key": "a"}, {"title": "And then", "key": "b"}]});
    for new in [true, false] {
        let (status, said) = s.post("/api/v1/import", rows.clone()).await;
        assert_eq!((status, &said["items"][0]["new"]), (200, &json!(new)), "{said}");
    }
    let (_, log) = s.get("/api/v1/audit").await;
    let entries = log["items"].as_array().expect("entries").iter();
    let found: Vec<&Value> = entries.filter(|e| e["what"] == "import").collect();
    assert_eq!(found.len(), 1, "{log}");
    assert_eq!(found[0]["detail"]["said"], json!({"rows": 2, "new": 2}));
    assert_eq!(found[0]["who"], "admin");
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_write_at_once_do_not_overwrite_each_other() {
    let s = locked("").await;
    let r = s.declares("Something real").await;
    let url = format!("/api/v1/incidents/{r}");
    s.settle().await;
    let seen = s.request(Method::GET, &url).send().await.expect("an answer");
    let tag = seen.headers()["etag"].to_str().expect("text").to_owned();
    let again = s.request(Method::GET, &url).header("if-none-match", &tag);
    assert_eq!(answer(again).await.0, 304);
    let edit = |tag: &str, title: &str| {
        let call = s.request(Method::PATCH, &url).header("if-match", tag.to_owned());
        answer(
            call.header("idempotency-key", title.to_owned())
                .json(&json!({"title": title})),
        )
    };
    assert_eq!(edit(&tag, "The first").await.0, 200);
    assert_eq!(
        edit(&tag, "The first").await.0,
        200,
        "the same call again is the same wish"
    );
    let (status, said) = edit(&tag, "The second").await;
    assert_eq!(
        (status, &said["type"]),
        (412, &json!("urn:imp:problem:changed")),
        "{said}"
    );
    assert_eq!(edit("not a tag", "The third").await.0, 400);
    assert_eq!(s.incident(&r).await["title"], "The first");
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_much_is_told_when_to_go_on() {
    let mut s = Stage::dark(Mode::Http, |c| {
        c.replacen("[server]", "[server]\nrequests_per_minute = 5", 1)
    })
    .await;
    s.imp = Some(crate::imp::Imp::serve(s.config().parent().expect("a folder"), &s.base).await);
    let mut last = None;
    // Two windows of a minute hold at most ten.
    for _ in 0..11 {
        last = Some(s.request(Method::GET, "/api/v1/me").send().await.expect("an answer"));
    }
    let last = last.expect("an answer");
    assert_eq!(last.status(), 429);
    for header in [
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "retry-after",
    ] {
        assert!(last.headers().contains_key(header), "{header}");
    }
    assert_eq!(last.headers()["content-type"], "application/problem+json");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_a_page_an_answer_the_log_or_a_backup() {
    let secret = |key: &str| format!("{key} = \"{CANARY}-{key}-0123456789\"");
    let mut s = Stage::dark(Mode::Http, |c| {
        let tokens = format!("api_tokens = [{{ name = \"ops\", token = \"{CANARY}-token\", role = \"admin\" }}]");
        let provider = format!(
            "issuer = \"http://127.0.0.1:1\"\nclient_id = \"imp\"\n{}",
            secret("client_secret")
        );
        let c = c.split("[alerts]").next().unwrap_or_default().to_owned();
        format!("{c}\n[alerts]\n{}\n[auth]\n{tokens}\n{provider}\n", secret("token"))
            + "\n[store]\nurl = \"sqlite://imp.db\"\n"
    })
    .await;
    s.imp = Some(crate::imp::Imp::serve(s.config().parent().expect("a folder"), &s.base).await);
    let other = stranger();
    let cookie = session(&s, &format!("{CANARY}-token")).await;
    let mut seen = String::new();
    for path in [
        "/",
        "/settings?check=now",
        "/audit",
        "/sign-in/start",
        "/nowhere",
        "/metrics",
        "/readyz",
        "/api/openapi.json",
    ] {
        let call = other.get(format!("{}{path}", s.base)).header("cookie", &cookie);
        seen.push_str(&answer(call).await.1.to_string());
    }
    let wrong = other
        .get(format!("{}/api/v1/me", s.base))
        .bearer_auth(format!("{CANARY}-wrong"));
    seen.push_str(&answer(wrong).await.1.to_string());
    let config = s.config().display().to_string();
    let backup = command(&["backup", "--config", &config])
        .current_dir(s.config().parent().expect("a folder"))
        .stdout(Stdio::piped())
        .output()
        .expect("imp starts");
    assert!(backup.status.success(), "{}", String::from_utf8_lossy(&backup.stderr));
    seen.push_str(&String::from_utf8_lossy(&backup.stdout));
    seen.push_str(&s.imp.as_ref().map(crate::imp::Imp::log).unwrap_or_default());
    let cookie = cookie.split('=').nth(1).expect("a value");
    for secret in [CANARY, cookie] {
        let at = seen
            .find(secret)
            .map(|at| seen[..at].chars().rev().take(80).collect::<String>());
        let at = at.map(|t| t.chars().rev().collect::<String>());
        assert_eq!(at, None, "a secret got out, after these words");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_is_what_its_description_says() {
    let python = std::env::var("IMP_TEST_PYTHON")
        .expect("IMP_TEST_PYTHON does not name a Python: run `cargo xtask test`, which makes one");
    let mut s = Stage::dark(Mode::Http, |c| {
        let server = c.split("\n[slack]").next().unwrap_or_default();
        format!("{server}\n[store]\nurl = \"sqlite://imp.db\"\n{}", auth(""))
    })
    .await;
    let folder = s.config().parent().expect("a folder").to_owned();
    s.imp = Some(crate::imp::Imp::serve(&folder, &s.base).await);
    let token = format!("Authorization: Bearer {}", token_of(Role::Admin));
    let mut judge = Command::new(Path::new(&python).with_file_name("schemathesis"));
    judge
        .arg("run")
        .arg(format!("{}/api/openapi.json", s.base))
        .args([
            "--url",
            &format!("{}/api/v1", s.base),
            "-H",
            &token,
            "-n",
            "8",
            "--seed",
            "42",
        ])
        // Whether a text that is allowed is also sensible (a status that there is) no description can say.
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--exclude-checks",
            "positive_data_acceptance",
        ])
        .arg("--no-color")
        .current_dir(&folder)
        .env("NO_PROXY", "127.0.0.1");
    let output = tokio::task::spawn_blocking(move || judge.output())
        .await
        .expect("it ends")
        .expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let log = s.imp.as_ref().map(crate::imp::Imp::log).unwrap_or_default();
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn a_reader_who_has_read_enough_breaks_nothing() {
    let mut child = command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("imp starts");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && said.is_empty(), "{}: {said}", ended.status);
}
