//! Socket Mode: one use of an address, acknowledgements, and envelopes that come again on another connection.

use futures_util::{SinkExt, StreamExt};
use imp_practice::slack::Disconnect;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::stage::{PATIENCE, Stage};

/// One connection of the app.
struct Link(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Link {
    async fn open(s: &Stage) -> Link {
        let url = Link::address(s).await;
        let mut link = Link(connect_async(url).await.expect("the address is good once").0);
        assert_eq!(link.next().await.expect("a greeting")["type"], "hello");
        link
    }

    async fn address(s: &Stage) -> String {
        let answer = s
            .http
            .post(format!("{}/api/apps.connections.open", s.base))
            .bearer_auth(&s.org.keys.slack_app_token);
        let answer: Value = answer.send().await.expect("answered").json().await.expect("JSON");
        answer["url"].as_str().expect("an address").to_owned()
    }

    /// The next envelope; `None` when the connection was closed.
    async fn next(&mut self) -> Option<Value> {
        loop {
            match tokio::time::timeout(PATIENCE, self.0.next())
                .await
                .expect("Slack says something")
            {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    async fn say(&mut self, v: Value) {
        self.0
            .send(Message::text(v.to_string()))
            .await
            .expect("the connection holds");
    }
}

#[tokio::test]
async fn an_address_is_good_once() {
    let s = Stage::new().await;
    let url = Link::address(&s).await;
    assert!(
        url.starts_with("ws://127.0.0.1:") && url.contains("/slack/link?"),
        "{url}"
    );
    connect_async(&url).await.expect("the first time");
    assert!(connect_async(&url).await.is_err(), "the second time");
}

#[tokio::test]
async fn a_command_is_answered_in_its_acknowledgement() {
    let s = Stage::new().await;
    let mut link = Link::open(&s).await;
    let app = async {
        let envelope = link.next().await.expect("the command");
        assert_eq!(
            (&envelope["type"], &envelope["accepts_response_payload"]),
            (&json!("slash_commands"), &json!(true))
        );
        link.say(json!({"envelope_id": envelope["envelope_id"], "payload": {"text": "heard"}}))
            .await;
    };
    let ((), (status, _)) = tokio::join!(app, s.ada("send", json!({"channel": "incidents", "text": "/imp list"})));
    assert_eq!(status, 200);
    assert_eq!(s.seen("incidents").await.last().expect("the answer")["text"], "heard");
}

#[tokio::test]
async fn an_event_that_nobody_took_comes_again_elsewhere() {
    let s = Stage::new().await;
    let mut first = Link::open(&s).await;
    s.ada("home", json!({})).await;
    let lost = first.next().await.expect("the event");
    assert_eq!(
        (&lost["type"], &lost["retry_attempt"]),
        (&json!("events_api"), &json!(0))
    );
    // The connection goes before it has acknowledged.
    let mut second = Link::open(&s).await;
    drop(first);
    let again = second.next().await.expect("the same event");
    assert_eq!(again["payload"]["event_id"], lost["payload"]["event_id"]);
    assert_eq!(
        (&again["retry_attempt"], &again["retry_reason"]),
        (&json!(1), &json!("timeout"))
    );
    assert_ne!(again["envelope_id"], lost["envelope_id"]);
    second
        .say(json!({"envelope_id": again["envelope_id"], "payload": {}}))
        .await;
}

#[tokio::test]
async fn slack_asks_a_connection_to_go() {
    let s = Stage::new().await;
    let mut link = Link::open(&s).await;
    assert_eq!(s.slack.disconnect(Disconnect::Warning), 1);
    assert_eq!(link.next().await.expect("a warning")["reason"], "warning");
    assert!(s.slack.linked());
    assert_eq!(s.slack.disconnect(Disconnect::Refresh), 1);
    assert_eq!(link.next().await.expect("a notice")["reason"], "refresh_requested");
    assert_eq!(link.next().await, None);
    assert!(!s.slack.linked());
    Link::open(&s).await;
}
