//! What comes in from outside may be anything: it is refused in words, or kept harmless, and never breaks anything.

use std::time::{SystemTime, UNIX_EPOCH};

use imp_practice::slack::sign;
use reqwest::Method;
use serde_json::{Value, json};

use crate::lifecycle::{alert, raise};
use crate::stage::{Stage, answer};

/// A moment for a signature: now, and so many seconds.
pub fn stamp(offset_secs: i64) -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test plays Slack, whose clock is the machine's"
    )]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("before the end of time") + offset_secs
}

/// Sends something as Slack would, signed with a secret at a moment.
async fn signed(s: &Stage, path: &str, body: Vec<u8>, secret: &str, at: i64) -> (u16, Value) {
    let kind = if path.ends_with("events") {
        "application/json"
    } else {
        "application/x-www-form-urlencoded"
    };
    let request = s.request(Method::POST, path).header("content-type", kind);
    let request = request
        .header("x-slack-request-timestamp", at.to_string())
        .header("x-slack-signature", sign(secret, at, &body));
    answer(request.body(body)).await
}

/// Sends something that is rightly signed.
pub async fn from_slack(s: &Stage, path: &str, body: impl Into<Vec<u8>>) -> (u16, Value) {
    signed(
        s,
        path,
        body.into(),
        &s.practice.org.keys.slack_signing_secret,
        stamp(0),
    )
    .await
}

/// An interaction's form.
pub fn interaction(payload: &Value) -> Vec<u8> {
    let escaped: String = payload.to_string().bytes().map(|b| format!("%{b:02X}")).collect();
    format!("payload={escaped}").into_bytes()
}

fn pressed(action_id: &str, value: &str) -> Value {
    json!({"type": "block_actions", "user": {"id": "U0P000000A"}, "trigger_id": "1.2.3", "response_url": "",
           "channel": {"id": "C1"}, "actions": [{"action_id": action_id, "value": value, "action_ts": "1.000001"}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn only_slack_itself_is_believed() {
    let s = Stage::new().await;
    let secret = s.practice.org.keys.slack_signing_secret.clone();
    let body = || b"user_id=U1&channel_id=C1&text=list&trigger_id=1".to_vec();
    for (secret, offset, status, who) in [
        (secret.as_str(), 0, 200, "Slack"),
        ("another secret", 0, 401, "somebody else"),
        (&secret, -301, 401, "somebody who repeats what Slack sent"),
        (&secret, 301, 401, "somebody from the future"),
        (&secret, -290, 200, "Slack over a slow line"),
    ] {
        let (got, said) = signed(&s, "/slack/commands", body(), secret, stamp(offset)).await;
        assert_eq!(got, status, "{who}: {said}");
    }
    for path in ["/slack/commands", "/slack/interactions", "/slack/events"] {
        let (got, said) = answer(s.request(Method::POST, path).body(body())).await;
        assert_eq!(got, 401, "{path} without a signature: {said}");
        let odd = s
            .request(Method::POST, path)
            .header("x-slack-request-timestamp", "soon")
            .header("x-slack-signature", "v0=zz");
        assert_eq!(
            answer(odd.body(body())).await.0,
            401,
            "{path} with nonsense for a signature"
        );
    }
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_slack_sends_is_answered() {
    let s = Stage::new().await;
    let incident = s.declares("Something real").await;
    s.settle().await;
    let before = s.incident(&incident).await["version"].clone();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let submitted = |callback: &str, memo: &str| {
        json!({"type": "view_submission", "user": {"id": "U1"}, "trigger_id": "1",
               "view": {"id": "V1", "callback_id": callback, "private_metadata": memo, "blocks": [], "state": {"values": {}}}})
    };
    let table: Vec<(&str, &str, Vec<u8>, u16)> = vec![
        (
            "a button that nobody knows",
            "/slack/interactions",
            interaction(&pressed("unknown.button", &incident)),
            200,
        ),
        (
            "a status that nobody knows",
            "/slack/interactions",
            interaction(&pressed("incident.transition.nowhere", &incident)),
            200,
        ),
        (
            "a status that cannot be reached",
            "/slack/interactions",
            interaction(&pressed("incident.transition.closed", &incident)),
            200,
        ),
        (
            "an incident that nobody knows",
            "/slack/interactions",
            interaction(&pressed("alert.confirm", "IMP-99999")),
            200,
        ),
        (
            "a reference that is none",
            "/slack/interactions",
            interaction(&pressed("alert.confirm", "'; drop table incident; --")),
            200,
        ),
        (
            "a step that nobody knows",
            "/slack/interactions",
            interaction(&pressed("step.retry.nothing", &incident)),
            200,
        ),
        (
            "a form that nobody knows",
            "/slack/interactions",
            interaction(&submitted("nobody.knows", "{}")),
            200,
        ),
        (
            "a form about nothing",
            "/slack/interactions",
            interaction(&submitted("incident.update", "")),
            200,
        ),
        (
            "an interaction of a kind to come",
            "/slack/interactions",
            interaction(&json!({"type": "holo_gesture"})),
            200,
        ),
        (
            "an interaction of nothing",
            "/slack/interactions",
            interaction(&json!({})),
            200,
        ),
        (
            "an interaction that is a list",
            "/slack/interactions",
            interaction(&json!([1, 2])),
            200,
        ),
        ("no payload", "/slack/interactions", b"hello=1".to_vec(), 400),
        (
            "a payload that is no JSON",
            "/slack/interactions",
            b"payload=%7Bnot".to_vec(),
            400,
        ),
        (
            "a payload that is too deep",
            "/slack/interactions",
            format!("payload={deep}").into_bytes(),
            400,
        ),
        (
            "a payload that is no UTF-8",
            "/slack/interactions",
            b"payload=%ff%fe".to_vec(),
            400,
        ),
        ("a command of nobody", "/slack/commands", b"text=list".to_vec(), 400),
        (
            "a command that nobody knows",
            "/slack/commands",
            b"user_id=U1&channel_id=C1&text=frobnicate+%3C%21channel%3E&trigger_id=9".to_vec(),
            200,
        ),
        (
            "a command that is no UTF-8",
            "/slack/commands",
            b"user_id=U1&text=%ff".to_vec(),
            400,
        ),
        ("an event that is no JSON", "/slack/events", b"{".to_vec(), 400),
        (
            "an event that is too deep",
            "/slack/events",
            deep.clone().into_bytes(),
            400,
        ),
        ("an event that is no UTF-8", "/slack/events", b"\"\xff\"".to_vec(), 400),
        (
            "an event that nobody knows",
            "/slack/events",
            json!({"type": "event_callback", "event_id": "Ev1", "event": {"type": "moon_phase"}})
                .to_string()
                .into_bytes(),
            200,
        ),
        ("an event of nothing", "/slack/events", b"{}".to_vec(), 200),
        (
            "an event that is too large",
            "/slack/events",
            vec![b' '; 3 * 1024 * 1024],
            413,
        ),
    ];
    for (what, path, body, status) in table {
        let (got, said) = from_slack(&s, path, body).await;
        assert_eq!(got, status, "{what}: {said}");
        assert!(!said.to_string().contains("<!channel>"), "{what} calls nobody: {said}");
    }
    assert_eq!(s.incident(&incident).await["version"], before, "nothing was changed");
    let (_, challenge) = from_slack(
        &s,
        "/slack/events",
        json!({"type": "url_verification", "challenge": "abc"}).to_string(),
    )
    .await;
    assert_eq!(challenge["challenge"], "abc");
    assert_eq!(s.incidents().await.len(), 1);
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_that_is_not_known_gets_a_private_sentence() {
    let s = Stage::new().await;
    let incident = s.declares("Something real").await;
    s.settle().await;
    let ada = s.slack("ada.lima");
    let channel = s.incident(&incident).await["links"]["slack"]["channel_name"]
        .as_str()
        .expect("a channel")
        .to_owned();
    let mut card = ada.card(&channel).await;
    let stale = json!({"type": "button", "action_id": "incident.transition.closed", "text": {"type": "plain_text", "text": "Stale"}, "value": incident});
    let unknown = json!({"type": "button", "action_id": "unknown.button", "text": {"type": "plain_text", "text": "Unknown"}, "value": incident});
    card.raw["blocks"] = json!([{"type": "actions", "block_id": "b", "elements": [stale, unknown]}]);
    ada.clicks("Stale", &card).await;
    ada.sees(&channel, "from there it cannot become Closed").await;
    ada.clicks("Unknown", &card).await;
    ada.sees(&channel, "IMP does not know this button").await;
    let others = s.slack("tiago.fernandes");
    let seen = others.messages(&others.channel(&channel).await).await;
    assert!(
        seen.iter().all(|m| !m.words.contains("does not know")),
        "only who pressed reads it"
    );
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_an_alert_source_sends_is_answered() {
    let s = Stage::new().await;
    let token = s.practice.org.keys.alerts_token.clone();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let table: Vec<(&str, &str, &str, Vec<u8>, u16)> = vec![
        ("no token", "", "generic", b"{}".to_vec(), 401),
        ("a wrong token", "wrong", "generic", b"{}".to_vec(), 401),
        (
            "a source that nobody knows",
            &token,
            "carrier-pigeon",
            b"{}".to_vec(),
            404,
        ),
        ("no JSON", &token, "alertmanager", b"{\"alerts\":".to_vec(), 400),
        ("no UTF-8", &token, "alertmanager", b"\xff\xfe".to_vec(), 400),
        ("too deep", &token, "alertmanager", deep.into_bytes(), 400),
        ("too large", &token, "alertmanager", vec![b' '; 9 * 1024 * 1024], 413),
        ("nothing", &token, "alertmanager", Vec::new(), 400),
        ("a list of nothing", &token, "generic", b"[]".to_vec(), 202),
        (
            "alerts that are no list",
            &token,
            "alertmanager",
            b"{\"version\":\"4\",\"alerts\":7}".to_vec(),
            400,
        ),
    ];
    for (what, token, source, body, status) in table {
        let request = s
            .request(Method::POST, &format!("/webhooks/alerts/{source}"))
            .bearer_auth(token);
        let (got, said) = answer(request.header("content-type", "application/json").body(body)).await;
        assert_eq!(got, status, "{what}: {said}");
        let kind = said["type"].as_str().unwrap_or_default();
        assert!(got < 400 || kind.starts_with("urn:imp:problem:"), "{what}: {said}");
        assert!(
            got != 400 || said["detail"].as_str().is_some_and(|d| d.contains('$')),
            "{what} says where: {said}"
        );
    }
    assert!(s.incidents().await.is_empty());

    // An alert of a service that nobody knows is asked where all look; one without labels too.
    let mut unknown = alert("firing");
    unknown["groupKey"] = json!("unknown");
    unknown["alerts"][0]["labels"]["service"] = json!("nobody-knows-me");
    unknown["commonLabels"]["service"] = json!("nobody-knows-me");
    let first = raise(&s, &unknown).await;
    let mut bare = alert("firing");
    bare["groupKey"] = json!("bare");
    for labels in ["commonLabels", "groupLabels", "commonAnnotations"] {
        bare[labels] = json!({});
    }
    bare["alerts"][0]["labels"] = json!({});
    bare["alerts"][0]["annotations"] = json!({});
    let second = raise(&s, &bare).await;
    assert_ne!(first, second);
    s.settle().await;
    let ada = s.slack("ada.lima");
    for reference in [&first, &second] {
        assert_eq!(s.incident(reference).await["status"], "triage");
        let question = ada.sees("incidents", reference).await;
        assert!(
            question.buttons().iter().any(|(_, action)| action == "alert.confirm"),
            "{}",
            question.words
        );
    }
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_from_outside_call_nobody_and_break_nothing() {
    // Without the catalogue and meetings there are fewer bookmarks, of which Slack allows only so many a minute.
    let s = crate::moves::only(&["slack", "jira"]).await;
    let long = "Ж".repeat(10_000);
    let titles = [
        "<!channel> <!here> <!everyone> <@U0P000000A> <#C1>",
        "*bold* _it_ ~st~ `code` <https://evil.example|bank> &amp; & < >",
        "<script>alert(1)</script> ' \" ; -- %00 ${jndi:ldap://x} {{7*7}}",
        "bell \u{7} null \u{0} escape \u{1b}[31m end",
        "\u{202e}gnitsrever\u{202c} \u{2066}x\u{2069} \u{feff}",
        "עברית والعربية 日本語 Zażółć gęślą jaźń",
        "👩‍👩‍👧‍👦🏳️‍🌈 🔥",
        &long,
    ];
    let mut declared = Vec::new();
    for title in titles {
        let body = json!({"title": title, "summary": format!("{title}\n{title}")});
        let (status, i) = s.post("/api/v1/incidents", body).await;
        assert_eq!(status, 201, "{i}");
        let reference = i["ref"].as_str().expect("a reference").to_owned();
        for (path, body) in [("updates", json!({"text": title})), ("tasks", json!({"text": title}))] {
            let (status, said) = s.post(&format!("/api/v1/incidents/{reference}/{path}"), body).await;
            assert_eq!(status, 201, "{said}");
        }
        declared.push(reference);
    }
    for nothing in ["", "   ", "\u{202e}\u{7}", "\n\n"] {
        let (status, said) = s.post("/api/v1/incidents", json!({"title": nothing})).await;
        assert_eq!(status, 422, "{nothing:?}: {said}");
    }
    let mut nasty = alert("firing");
    nasty["alerts"][0]["annotations"] = json!({"summary": titles[0], "description": titles[2]});
    nasty["alerts"][0]["labels"]["service"] = json!(titles[0]);
    nasty["commonLabels"]["service"] = json!(titles[0]);
    raise(&s, &nasty).await;
    s.settle().await;
    for reference in &declared {
        let i = s.incident(reference).await;
        let title = i["title"].as_str().expect("a title");
        assert!(
            title.chars().count() <= 200 && !title.chars().any(char::is_control),
            "{title:?}"
        );
        assert!(!title.contains('\u{202e}'), "{title:?}");
        let key = i["links"]["jira"]["key"]
            .as_str()
            .unwrap_or_else(|| panic!("no ticket for {title:?}"));
        assert_eq!(s.jira(key).await["fields"]["summary"], i["title"]);
        let (status, page) = s.get(&format!("/incidents/{reference}")).await;
        assert_eq!(status, 200);
        assert!(
            !page.to_string().contains("<script>alert"),
            "the console shows words as words"
        );
    }
    for handle in ["ada.lima", "tiago.fernandes"] {
        let person = s.slack(handle);
        for channel in person.channels().await {
            for message in person.messages(channel["id"].as_str().expect("an identifier")).await {
                let mut marked = vec![message.raw["text"].as_str().unwrap_or_default().to_owned()];
                mrkdwn(&message.raw["blocks"], &mut marked);
                for text in marked.iter().filter(|_| message.raw["bot_id"].is_string()) {
                    for call in [
                        "<!channel",
                        "<!here",
                        "<!everyone",
                        "<@U0P000000A> <#C1>",
                        "<https://evil.example",
                        "*bold*",
                        "_it_",
                        "~st~",
                        "`code`",
                    ] {
                        assert!(!text.contains(call), "{call} in {text}");
                    }
                }
            }
        }
    }
    s.finish().await;
}

/// Every text in Slack's own markup.
fn mrkdwn(v: &Value, out: &mut Vec<String>) {
    match v {
        Value::Object(o) if o.get("type") == Some(&json!("mrkdwn")) => {
            out.extend(o.get("text").and_then(Value::as_str).map(str::to_owned));
        }
        Value::Object(o) => o.values().for_each(|v| mrkdwn(v, out)),
        Value::Array(a) => a.iter().for_each(|v| mrkdwn(v, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
