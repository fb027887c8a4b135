//! Sessions of the console, and what comes over them: they end by time, by hand and by a new sign-in; and a form that
//! somebody tampered with is a sentence, never a fault.

use imp_core::Role;
use reqwest::Method;
use serde_json::json;

use crate::console::{auth, locked, session, stranger, token_of};
use crate::stage::{Mode, Stage, answer};

/// A form, its fields, and what is answered.
type Tampered<'a> = (&'a str, Vec<(&'a str, &'a str)>, u16);

/// Where a page leads, and what it shows: status, address, text.
async fn page(s: &Stage, path: &str, cookie: &str) -> (u16, String, String) {
    let call = stranger().get(format!("{}{path}", s.base)).header("cookie", cookie);
    let answer = call.send().await.expect("an answer");
    let to = answer
        .headers()
        .get("location")
        .map(|v| v.to_str().expect("text").to_owned());
    let status = answer.status().as_u16();
    (status, to.unwrap_or_default(), answer.text().await.expect("a body"))
}

/// The sessions that a reader of the settings can end, by their addresses.
async fn sessions(s: &Stage, cookie: &str) -> Vec<String> {
    let (status, _, text) = page(s, "/settings", cookie).await;
    assert_eq!(status, 200);
    let found = text.split("action=\"/sessions/").skip(1);
    found
        .map(|f| format!("/sessions/{}", f.split('"').next().unwrap_or_default()))
        .collect()
}

async fn ends(s: &Stage, address: &str, cookie: &str) -> u16 {
    let call = stranger().post(format!("{}{address}", s.base)).header("cookie", cookie);
    answer(call).await.0
}

async fn is_in(s: &Stage, cookie: &str) -> bool {
    let (status, to, _) = page(s, "/incidents", cookie).await;
    assert!(status == 200 || to.starts_with("/sign-in"), "{status} {to}");
    status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_over_after_its_time_and_where_nobody_was_there() {
    let mut s = locked("").await;
    for sql in ["update session set ends_at = 1", "update session set seen_at = 1"] {
        let cookie = session(&s, &token_of(Role::Admin)).await;
        assert!(is_in(&s, &cookie).await);
        s.kill();
        let store = format!("sqlite://{}", s.config().with_file_name("imp.db").display());
        {
            let (_, mut conn) = imp_engine::Store::open(&store).expect("the store");
            conn.run(sql, &[]).expect("it is written");
        }
        s.rise().await;
        assert!(!is_in(&s, &cookie).await, "{sql}");
        let call = stranger()
            .get(format!("{}/api/v1/me", s.base))
            .header("cookie", &cookie);
        let (status, said) = answer(call).await;
        assert_eq!(
            (status, &said["detail"]),
            (401, &json!("Your session is over; sign in again."))
        );
    }
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_ends_their_own_sessions_and_an_administrator_anybodys() {
    let s = locked("").await;
    let reader = token_of(Role::Reader);
    let (here, lost) = (session(&s, &reader).await, session(&s, &reader).await);
    let admin = session(&s, &token_of(Role::Admin)).await;
    let own = sessions(&s, &here).await;
    assert_eq!(own.len(), 2, "a reader sees two of three");
    assert_eq!(sessions(&s, &admin).await.len(), 3);
    let admins: Vec<String> = sessions(&s, &admin)
        .await
        .into_iter()
        .filter(|a| !own.contains(a))
        .collect();
    assert_eq!(
        ends(&s, &admins[0], &here).await,
        403,
        "somebody else's is not theirs to end"
    );
    assert_eq!(ends(&s, "/sessions/none/end", &here).await, 403);
    // The page names one's own first or second; both orders are tried until the lost one is out.
    for address in &own {
        if is_in(&s, &lost).await && is_in(&s, &here).await {
            assert_eq!(ends(&s, address, &here).await, 303);
        }
    }
    assert!(!is_in(&s, &lost).await || !is_in(&s, &here).await);
    let back = session(&s, &reader).await;
    for address in sessions(&s, &admin).await.iter().filter(|a| !admins.contains(a)) {
        assert_eq!(ends(&s, address, &admin).await, 303);
    }
    for cookie in [&here, &lost, &back] {
        assert!(!is_in(&s, cookie).await);
    }
    assert!(is_in(&s, &admin).await);
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_let_go_is_out_though_nothing_is_known_of_the_address_any_more() {
    let mut s = locked("").await;
    let (ada, bo) = (
        session(&s, &token_of(Role::Reader)).await,
        session(&s, &token_of(Role::Responder)).await,
    );
    s.kill();
    {
        // They came from the provider, and the sheet that says whose the address is was lost.
        let store = format!("sqlite://{}", s.config().with_file_name("imp.db").display());
        let (_, mut conn) = imp_engine::Store::open(&store).expect("the store");
        for (role, who) in [
            ("reader", r#"{"email":"Ada@example.com"}"#),
            ("responder", r#"{"email":"bo@example.com"}"#),
        ] {
            conn.run(
                "update session set who = ?2 where role = ?1",
                &[role.into(), who.into()],
            )
            .expect("it is written");
        }
    }
    s.rise().await;
    assert!(is_in(&s, &ada).await && is_in(&s, &bo).await);
    let admin = session(&s, &token_of(Role::Admin)).await;
    let lets_go = async |email: &str| {
        let call = stranger()
            .post(format!("{}/sign-in/let-go", s.base))
            .header("cookie", &admin);
        answer(call.form(&[("email", email)])).await.0
    };
    assert_eq!(lets_go("nobody@example.com").await, 404);
    assert_eq!(lets_go("ada@example.com").await, 303);
    assert!(!is_in(&s, &ada).await, "who is let go is out");
    assert!(is_in(&s, &bo).await, "and nobody else");
    s.finish().await;
}

// Elsewhere no file tells the limits of another process.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_leaves_no_memory_on_the_disk() {
    let s = Stage::new().await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", s.imp.as_ref().expect("it runs").pid()))
        .expect("the limits of a process");
    let core = limits.lines().find(|l| l.starts_with("Max core file size"));
    let core: Vec<&str> = core.expect("a limit").split_whitespace().skip(4).take(2).collect();
    assert_eq!(core, ["0", "0"], "{limits}");
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_again_in_the_same_browser_leaves_no_session_behind() {
    let s = locked("").await;
    let first = session(&s, &token_of(Role::Reader)).await;
    let call = stranger().post(format!("{}/sign-in", s.base)).header("cookie", &first);
    let again = call
        .form(&[("token", token_of(Role::Manager))])
        .send()
        .await
        .expect("an answer");
    let second = again.headers()["set-cookie"].to_str().expect("text");
    let second = second.split(';').next().expect("a pair");
    assert_ne!(first, second);
    assert!(!is_in(&s, &first).await && is_in(&s, second).await);
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_https_cookies_are_of_this_host_and_browsers_stay_with_it() {
    let mut s = Stage::dark(Mode::Http, |c| {
        let base = c
            .split("public_url = \"")
            .nth(1)
            .and_then(|r| r.split('"').next())
            .map(str::to_owned);
        let server = c.split("\n[slack]").next().unwrap_or_default().to_owned();
        let server = match base {
            Some(base) => server.replace(&base, "https://imp.example.com"),
            None => server.replacen("[server]", "[server]\npublic_url = \"https://imp.example.com\"", 1),
        };
        format!("{server}\n[store]\nurl = \"sqlite://imp.db\"\n{}", auth(""))
    })
    .await;
    let folder = s.config().parent().expect("a folder").to_owned();
    s.imp = Some(crate::imp::Imp::serve(&folder, &s.base).await);
    let form = [("token", token_of(Role::Admin))];
    let call = stranger().post(format!("{}/sign-in", s.base)).form(&form);
    let signed = call.send().await.expect("an answer");
    let cookie = signed.headers()["set-cookie"].to_str().expect("text").to_owned();
    assert!(
        cookie.starts_with("__Host-imp_session=") && cookie.ends_with("; Secure"),
        "{cookie}"
    );
    let pair = cookie.split(';').next().expect("a pair");
    assert!(is_in(&s, pair).await);
    assert!(
        !is_in(&s, pair.trim_start_matches("__Host-")).await,
        "the name without the prefix opens nothing"
    );
    for path in ["/incidents", "/api/v1/me", "/healthz", "/assets/console.css"] {
        let answer = stranger()
            .get(format!("{}{path}", s.base))
            .header("cookie", pair)
            .send()
            .await;
        let answer = answer.expect("an answer");
        let policy = answer.headers().get("strict-transport-security").expect(path);
        assert_eq!(policy, "max-age=31536000", "{path}: it binds this host and no other");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_was_tampered_with_is_a_sentence_and_changes_nothing() {
    let s = locked("").await;
    let r = s.declares("Something real").await;
    let other = s.declares("Something else").await;
    s.settle().await;
    let cookie = session(&s, &token_of(Role::Admin)).await;
    let before = (s.incident(&r).await["version"].clone(), s.incidents().await.len());
    let long = "x".repeat(100_000);
    let forms: [Tampered; 16] = [
        ("move", vec![("to", "closed")], 409),
        ("move", vec![("to", "nowhere")], 409),
        ("move", vec![], 409),
        ("move", vec![("to", "merged"), ("into", &r)], 422),
        ("move", vec![("to", "merged"), ("into", "IMP-9999")], 422),
        ("severity", vec![("severity", "SEV9")], 422),
        (
            "role",
            vec![("role", "king"), ("user", "ada.lima@meridian.example")],
            422,
        ),
        ("role", vec![("role", "commander"), ("user", "<!channel>")], 422),
        ("done", vec![("n", "99")], 422),
        ("done", vec![("n", "-1")], 400),
        ("update", vec![("text", "")], 422),
        ("update", vec![("text", &long)], 413),
        ("retry", vec![("step", "no such step")], 422),
        ("edit", vec![("title", "Mine"), ("words", "not what it said")], 412),
        ("follow-up", vec![("text", "x"), ("due", "2026-02-31")], 422),
        ("delete", vec![("sure", "yes")], 404),
    ];
    for (deed, fields, expected) in forms {
        let call = stranger()
            .post(format!("{}/incidents/{r}/{deed}", s.base))
            .header("cookie", &cookie);
        let (status, said) = answer(call.form(&fields)).await;
        let shown: String = said.to_string().chars().take(200).collect();
        // Whether it does not fit or is not usable is the process's to say.
        let same = |s: u16| if s == 409 { 422 } else { s };
        assert_eq!(same(status), same(expected), "{deed}: {shown}");
    }
    // The same key for another wish, and another's key.
    let send = async |r: &str, text: &str| {
        let call = stranger()
            .post(format!("{}/incidents/{r}/note", s.base))
            .header("cookie", &cookie);
        answer(call.form(&[("text", text), ("key", "the same key")])).await.0
    };
    assert_eq!(send(&r, "Once").await, 303);
    assert_eq!(send(&r, "Once").await, 303, "a double click");
    assert_eq!(send(&r, "Twice").await, 422);
    assert_eq!(send(&other, "Once").await, 422);
    let after = (s.incident(&r).await["version"].clone(), s.incidents().await.len());
    assert_eq!(after.0.as_u64(), before.0.as_u64().map(|v| v + 1), "the one note");
    assert_eq!(after.1, before.1);
    // No form at all.
    for (kind, body) in [
        ("application/json", "{\"text\":\"x\"}"),
        ("text/plain", "text=x"),
        ("multipart/form-data; boundary=x", "--x--"),
    ] {
        let url = format!("{}/incidents/{r}/update", s.base);
        let call = stranger()
            .request(Method::POST, url)
            .header("cookie", &cookie)
            .header("content-type", kind);
        let (status, _) = answer(call.body(body)).await;
        assert!((400..500).contains(&status), "{kind}: {status}");
    }
    s.finish().await;
}
