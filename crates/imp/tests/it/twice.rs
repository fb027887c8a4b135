//! People click twice, Slack delivers twice, scripts call twice: it happens once.

use serde_json::{Value, json};

use crate::doors::{from_slack, interaction};
use crate::lifecycle::{alert, mentions, raise};
use crate::stage::{Stage, answer};

#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_is_one() {
    let s = Stage::new().await;
    let incident = raise(&s, &alert("firing")).await;
    let tiago = s.slack("tiago.fernandes");
    let question = tiago.sees("IMP", "Is this real?").await;
    let clicks = (0..6).map(|_| tiago.tries("It's real", &question));
    let mut under_way = Vec::new();
    for click in clicks {
        under_way.push(click);
    }
    let [a, b, c, d, e, f]: [_; 6] = under_way.try_into().ok().expect("six clicks");
    let all = tokio::join!(a, b, c, d, e, f);
    for (status, said) in [all.0, all.1, all.2, all.3, all.4, all.5] {
        assert_eq!(status, 200, "{said}");
    }
    s.settle().await;
    let told = s.get(&format!("/api/v1/incidents/{incident}/timeline")).await.1;
    assert_eq!(told.to_string().matches("\"moved\"").count(), 1, "{told:#}");
    tiago.sees("IMP", "is Investigating already").await;

    // The question still hangs in somebody's window when the incident has moved on: its buttons change nothing.
    let (moved, _) = s
        .post(
            &format!("/api/v1/incidents/{incident}/transitions"),
            json!({"to": "identified"}),
        )
        .await;
    assert_eq!(moved, 200);
    for label in ["It's real", "False alarm", "Same as …"] {
        tiago.clicks(label, &question).await;
    }
    tiago.sees("IMP", "is Identified already").await;
    s.settle().await;
    assert_eq!(s.incident(&incident).await["status"], "identified");
    let tickets = s.issues().into_iter().filter(|i| mentions(i, &incident)).count();
    assert_eq!(
        (
            s.times("conversations.create"),
            tickets,
            s.practice.zoom().meetings().len()
        ),
        (1, 1, 1)
    );
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_or_a_command_that_comes_twice_declares_once() {
    let s = Stage::new().await;
    let values = json!({"title": {"value": {"type": "plain_text_input", "value": "Declared in a form"}}});
    let form = interaction(&json!({
        "type": "view_submission", "user": {"id": s.slack("ada.lima").id()}, "trigger_id": "7.7.7",
        "view": {"id": "V0TWICE", "callback_id": "incident.declare", "private_metadata": "", "blocks": [
            {"type": "input", "block_id": "title", "element": {"type": "plain_text_input", "action_id": "value"}}],
            "state": {"values": values}}}));
    let command = b"user_id=U1&channel_id=C1&text=declare+Declared+by+command&trigger_id=8.8.8".to_vec();
    for _ in 0..3 {
        assert_eq!(from_slack(&s, "/slack/interactions", form.clone()).await.0, 200);
        assert_eq!(from_slack(&s, "/slack/commands", command.clone()).await.0, 200);
    }
    s.settle().await;
    let mut titles: Vec<Value> = s.incidents().await.iter().map(|i| i["title"].clone()).collect();
    titles.sort_by_key(Value::to_string);
    assert_eq!(titles, [json!("Declared by command"), json!("Declared in a form")]);
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_twice_is_one() {
    let s = Stage::new().await;
    let incident = s.declares("Something real").await;
    s.settle().await;
    let channel = s.incident(&incident).await["links"]["slack"]["channel_id"].clone();
    let item = json!({"type": "message", "message": {"text": "the index was dropped", "ts": "1.000002"}});
    let event = json!({"type": "event_callback", "event_id": "Ev0TWICE",
        "event": {"type": "pin_added", "user": s.slack("ada.lima").id(), "channel_id": channel, "item": item}});
    for _ in 0..3 {
        assert_eq!(from_slack(&s, "/slack/events", event.to_string()).await.0, 200);
    }
    s.settle().await;
    let told = s
        .get(&format!("/api/v1/incidents/{incident}/timeline"))
        .await
        .1
        .to_string();
    assert_eq!(told.matches("the index was dropped").count(), 1, "{told}");
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_the_same_key_is_one() {
    let s = Stage::new().await;
    let call = async |path: &str, key: &str, body: Value| {
        answer(
            s.request(reqwest::Method::POST, path)
                .header("idempotency-key", key)
                .json(&body),
        )
        .await
    };
    let declare = json!({"title": "Declared by a script"});
    let (first, i) = call("/api/v1/incidents", "key-1", declare.clone()).await;
    let (again, same) = call("/api/v1/incidents", "key-1", declare.clone()).await;
    assert_eq!((first, again, &same["ref"]), (201, 201, &i["ref"]), "{same}");
    let (other, said) = call("/api/v1/incidents", "key-1", json!({"title": "Another wish"})).await;
    assert_eq!(other, 422, "{said}");
    let path = format!("/api/v1/incidents/{}/updates", i["ref"].as_str().expect("a reference"));
    for _ in 0..3 {
        assert_eq!(call(&path, "key-2", json!({"text": "Said once."})).await.0, 201);
    }
    let (moved, _) = call(
        &path.replace("updates", "transitions"),
        "key-3",
        json!({"to": "identified"}),
    )
    .await;
    let (again, said) = call(
        &path.replace("updates", "transitions"),
        "key-3",
        json!({"to": "identified"}),
    )
    .await;
    assert_eq!((moved, again), (200, 200), "{said}");
    s.settle().await;
    assert_eq!(s.incidents().await.len(), 1);
    let told = s.get(&path.replace("updates", "timeline")).await.1.to_string();
    assert_eq!(told.matches("Said once.").count(), 1, "{told}");
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_comes_again_asks_nobody_again() {
    let s = Stage::new().await;
    let first = raise(&s, &alert("firing")).await;
    for _ in 0..5 {
        assert_eq!(raise(&s, &alert("firing")).await, first);
    }
    s.settle().await;
    let tiago = s.slack("tiago.fernandes");
    let asked = tiago.messages(&tiago.channel("IMP").await).await;
    assert_eq!(asked.iter().filter(|m| m.words.contains("Is this real?")).count(), 1);

    // After it was declined, the same alert is new again.
    let question = tiago.sees("IMP", "Is this real?").await;
    tiago.clicks("False alarm", &question).await;
    tiago
        .fills("alert.decline", &[("reason", "A test of the pager.")])
        .await;
    s.settle().await;
    assert_eq!(s.incident(&first).await["status"], "declined");
    assert_ne!(raise(&s, &alert("firing")).await, first);
    s.finish().await;
}
