//! What Slack sends to the app over HTTP, and what people see of its answers.

use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::{Heard, Stage, modal, plain};

/// Ada types `/imp`; the trigger that the app got.
async fn trigger(s: &Stage, app: &mut Heard) -> Value {
    let (status, said) = s.ada("send", json!({"channel": "incidents", "text": "/imp"})).await;
    assert_eq!(status, 200, "{said}");
    loop {
        let r = app.next().await;
        if r.what == "commands" {
            return r.payload["trigger_id"].clone();
        }
    }
}

#[tokio::test]
async fn a_trigger_opens_one_modal_within_three_seconds() {
    let s = Stage::new().await;
    let mut app = s.listening_app().await;
    let open = |t: &Value| json!({"trigger_id": t, "view": modal("Declare")});
    let first = trigger(&s, &mut app).await;
    s.ok("views.open", open(&first)).await;
    assert_eq!(s.error("views.open", open(&first)).await, "exchanged_trigger_id");
    let late = trigger(&s, &mut app).await;
    s.slack.advance(Duration::from_secs(3));
    assert_eq!(s.error("views.open", open(&late)).await, "expired_trigger_id");
    assert_eq!(s.error("views.open", open(&json!("1.2.3"))).await, "invalid_trigger_id");
}

#[tokio::test]
async fn modals_stack_three_deep() {
    let s = Stage::new().await;
    let mut app = s.listening_app().await;
    let t = trigger(&s, &mut app).await;
    let mut view = s.ok("views.open", json!({"trigger_id": t, "view": modal("One")})).await["view"]["id"].clone();
    for depth in 2..=4 {
        let action = json!({"action_id": "more", "block_id": "b", "type": "button"});
        s.ada("action", json!({"view": view, "action": action})).await;
        let pressed = app.next().await.payload;
        assert_eq!(
            (&pressed["type"], &pressed["container"]["view_id"]),
            (&json!("block_actions"), &view)
        );
        let push = json!({"trigger_id": pressed["trigger_id"], "view": modal("More")});
        if depth == 4 {
            assert_eq!(s.error("views.push", push).await, "push_limit_reached");
        } else {
            let pushed = s.ok("views.push", push).await["view"].clone();
            assert_eq!(pushed["previous_view_id"], view);
            view = pushed["id"].clone();
        }
    }
}

#[tokio::test]
async fn a_submission_is_answered_in_every_way() {
    let s = Stage::new().await;
    let mut app = s.listening_app().await;
    let t = trigger(&s, &mut app).await;
    let view = s
        .ok("views.open", json!({"trigger_id": t, "view": modal("Declare")}))
        .await["view"]["id"]
        .clone();
    let submit =
        |text: Value| json!({"view": view, "values": {"title": {"v": {"type": "plain_text_input", "value": text}}}});
    let stack = async || {
        let url = format!("{}/client/boot?as=ada.lima", s.base);
        let boot: Value = s
            .http
            .get(url)
            .send()
            .await
            .expect("served")
            .json()
            .await
            .expect("JSON");
        boot["modals"].as_array().map_or(0, Vec::len)
    };
    // Slack's own client asks for what is required before the app hears of anything.
    let (_, said) = s.ada("submit", submit(Value::Null)).await;
    assert_eq!(said["errors"]["title"], "Please complete this required field.");

    app.will_answer(
        200,
        r#"{"response_action": "errors", "errors": {"title": "Too short."}}"#,
    );
    let (_, said) = s.ada("submit", submit(json!("ab"))).await;
    assert_eq!(said["errors"]["title"], "Too short.");
    let sent = app.next().await.payload;
    assert_eq!(sent["view"]["state"]["values"]["title"]["v"]["value"], "ab");
    assert_eq!(
        (&sent["view"]["private_metadata"], &sent["user"]["id"]),
        (&json!("IMP-1"), &json!(s.id("ada.lima")))
    );

    app.will_answer(200, r#"{"response_action": "errors", "errors": {"nothing": "?"}}"#);
    assert_eq!(s.ada("submit", submit(json!("ab"))).await.0, 422);
    app.will_answer(500, "");
    assert_eq!(s.ada("submit", submit(json!("ab"))).await.1["error"], "dispatch_failed");
    app.will_answer(
        200,
        &json!({"response_action": "push", "view": modal("More")}).to_string(),
    );
    s.ada("submit", submit(json!("ab"))).await;
    assert_eq!(stack().await, 2);
    app.will_answer(
        200,
        &json!({"response_action": "update", "view": modal("Other")}).to_string(),
    );
    s.ada("submit", submit(json!("ab"))).await;
    assert_eq!(stack().await, 2);
    app.will_answer(200, r#"{"response_action": "clear"}"#);
    assert_eq!(s.ada("submit", submit(json!("ab"))).await, (200, json!({})));
    assert_eq!(stack().await, 0);
}

#[tokio::test]
async fn a_command_is_answered_and_its_address_serves_five_times() {
    let s = Stage::new().await;
    let mut app = s.listening_app().await;
    app.will_answer(200, "plain words");
    s.ada(
        "send",
        json!({"channel": "incidents", "text": "/imp role commander @tiago.fernandes"}),
    )
    .await;
    let sent = app.next().await;
    assert_eq!(sent.what, "commands");
    assert_eq!(
        sent.payload["text"],
        format!("role commander <@{}|tiago.fernandes>", s.id("tiago.fernandes"))
    );
    let seen = s.seen("incidents").await;
    let last = seen.last().expect("the answer");
    assert_eq!(
        (&last["text"], &last["is_ephemeral"]),
        (&json!("plain words"), &json!(true))
    );

    let url = sent.payload["response_url"].as_str().expect("an address").to_owned();
    for n in 0..5 {
        let body = json!({"text": format!("answer {n}"), "response_type": "in_channel"});
        let answer = s.http.post(&url).json(&body).send().await.expect("it answers");
        assert_eq!(
            (answer.status().as_u16(), answer.text().await.expect("text").as_str()),
            (200, "ok")
        );
    }
    let answer = s
        .http
        .post(&url)
        .json(&json!({"text": "x"}))
        .send()
        .await
        .expect("it answers");
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.json::<Value>().await.expect("JSON")["error"], "used_url");
    assert_eq!(s.seen("incidents").await.last().expect("answers")["text"], "answer 4");

    app.will_answer(500, "");
    let (status, said) = s.ada("send", json!({"channel": "incidents", "text": "/imp"})).await;
    assert_eq!(
        (status, &said["error"]),
        (422, &json!("/imp failed with the error \"dispatch_failed\""))
    );
}

#[tokio::test]
async fn an_address_replaces_and_deletes_and_expires() {
    let s = Stage::new().await;
    let mut app = s.listening_app().await;
    let id = s.channel("inc-answer").await;
    let blocks = json!([{"type": "actions", "elements": [{"type": "button", "action_id": "a", "text": plain("Go")}]}]);
    let ts = s
        .ok(
            "chat.postMessage",
            json!({"channel": id, "text": "card", "blocks": blocks}),
        )
        .await["ts"]
        .clone();
    s.ada(
        "action",
        json!({"channel": id, "ts": ts, "action": {"action_id": "a", "type": "button"}}),
    )
    .await;
    let pressed = loop {
        let r = app.next().await;
        if r.what == "interactions" {
            break r.payload;
        }
    };
    assert_eq!(
        (&pressed["message"]["ts"], &pressed["container"]["is_ephemeral"]),
        (&ts, &json!(false))
    );
    let url = pressed["response_url"].as_str().expect("an address").to_owned();
    let answer = async |body: Value| {
        s.http
            .post(&url)
            .json(&body)
            .send()
            .await
            .expect("it answers")
            .status()
            .as_u16()
    };
    assert_eq!(answer(json!({"text": "done", "replace_original": true})).await, 200);
    assert_eq!(s.seen(&id).await.last().expect("the card")["text"], "done");
    assert_eq!(answer(json!({"delete_original": true})).await, 200);
    assert!(s.seen(&id).await.iter().all(|m| m["ts"] != ts));
    s.slack.advance(Duration::from_secs(30 * 60));
    assert_eq!(answer(json!({"text": "late"})).await, 404);
}

#[tokio::test]
async fn events_are_sent_again_until_they_are_taken() {
    let s = Stage::new().await;
    let mut app = s.listening_app().await;
    app.will_answer(500, "");
    app.will_answer(500, "");
    // A direct message: one event only, so that its tries come one after another.
    s.ada("home", json!({"tab": "messages"})).await;
    let mut tries = Vec::new();
    for _ in 0..3 {
        tries.push(app.next().await);
    }
    let header = |n: usize, name: &str| {
        tries[n]
            .headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or("")
            .to_owned()
    };
    assert_eq!(header(0, "x-slack-retry-num"), "");
    assert_eq!(
        (header(1, "x-slack-retry-num"), header(1, "x-slack-retry-reason")),
        ("1".into(), "http_error".into())
    );
    assert_eq!(header(2, "x-slack-retry-num"), "2");
    assert!(
        tries
            .iter()
            .all(|t| t.payload["event_id"] == tries[0].payload["event_id"])
    );
}

#[tokio::test]
async fn the_app_hears_what_happens_where_it_is() {
    let s = Stage::new().await;
    let mut app = s.listening_app().await;
    let id = s.channel("inc-events").await;
    assert_eq!(app.event("channel_created").await["event"]["channel"]["id"], id);
    let joined = app.event("member_joined_channel").await;
    assert_eq!(joined["event"]["channel"], id);
    let bot = s.ok("auth.test", json!({})).await["user_id"].clone();
    let (_, said) = s.ada("send", json!({"channel": id, "text": "@imp help <b>"})).await;
    let mention = app.event("app_mention").await["event"].clone();
    assert_eq!(
        (&mention["text"], &mention["user"]),
        (
            &json!(format!("<@{}> help &lt;b&gt;", bot.as_str().unwrap_or(""))),
            &json!(s.id("ada.lima"))
        )
    );
    let ts = said["ts"].clone();
    s.ada("do", json!({"what": "react", "channel": id, "ts": ts, "name": "eyes"}))
        .await;
    let reaction = app.event("reaction_added").await["event"].clone();
    assert_eq!((&reaction["reaction"], &reaction["item"]["ts"]), (&json!("eyes"), &ts));
    s.ada("do", json!({"what": "pin", "channel": id, "ts": ts})).await;
    assert_eq!(app.event("pin_added").await["event"]["channel_id"], id);
    s.ada("do", json!({"what": "edit", "channel": id, "ts": ts, "name": "edited"}))
        .await;
    loop {
        let e = app.event("message").await["event"].clone();
        if e["subtype"] == "message_changed" {
            assert_eq!((&e["message"]["text"], &e["hidden"]), (&json!("edited"), &json!(true)));
            break;
        }
    }
    s.ada("do", json!({"what": "leave", "channel": id})).await;
    assert_eq!(
        app.event("member_left_channel").await["event"]["user"],
        s.id("ada.lima")
    );
    s.ok("conversations.archive", json!({"channel": id})).await;
    assert_eq!(app.event("channel_archive").await["event"]["channel"], id);
    // And it does not hear of channels in which it is not: the next thing it hears is the page's.
    s.ada("send", json!({"channel": "random", "text": "between us"})).await;
    s.ada("home", json!({})).await;
    let mut rest = Vec::new();
    loop {
        let r = app.next().await;
        rest.push(r.payload["event"]["text"].clone());
        if r.payload["event"]["type"] == "app_home_opened" {
            break;
        }
    }
    assert!(!rest.contains(&json!("between us")), "{rest:?}");
}

#[tokio::test]
async fn nobody_at_home_is_said_to_the_person() {
    let s = Stage::new().await;
    let (status, said) = s
        .ada("send", json!({"channel": "incidents", "text": "/imp list"}))
        .await;
    assert_eq!(
        (status, &said["error"]),
        (422, &json!("/imp failed with the error \"dispatch_failed\""))
    );
    let (_, said) = s.ada("send", json!({"channel": "incidents", "text": "/other"})).await;
    assert_eq!(said["error"], "`/other` is not a valid command");
}
