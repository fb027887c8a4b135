//! A practice Slack on a port of its own, and an app that it can talk to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use imp_practice::app::App;
use imp_practice::org::Org;
use imp_practice::slack::{Slack, sign};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Nothing here takes longer, unless something is broken.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The workspace, and what is needed to talk to it.
pub struct Stage {
    pub slack: Arc<Slack>,
    pub app: Arc<App>,
    pub org: Arc<Org>,
    pub base: String,
    pub http: reqwest::Client,
}

impl Stage {
    /// A fresh workspace, without limits.
    pub async fn new() -> Stage {
        let org = Arc::new(Org::built_in());
        let app = Arc::new(App::new());
        let slack = Slack::new(Arc::clone(&org), Arc::clone(&app));
        slack.set_limits(false);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let base = format!("http://{}/slack", listener.local_addr().expect("it listens"));
        let router = Router::new().nest_service("/slack", slack.routes());
        tokio::spawn(async move { axum::serve(listener, router).await });
        slack.set_base(&base);
        Stage {
            slack,
            app,
            org,
            base,
            http: reqwest::Client::new(),
        }
    }

    /// Calls a method with JSON; the whole answer.
    pub async fn raw(&self, method: &str, args: Value) -> reqwest::Response {
        self.http
            .post(format!("{}/api/{method}", self.base))
            .bearer_auth(&self.org.keys.slack_bot_token)
            .json(&args)
            .send()
            .await
            .expect("the workspace answers")
    }

    /// Calls a method, with arguments as the methods that take no JSON want them too.
    pub async fn call(&self, method: &str, args: Value) -> Value {
        let pairs: Vec<(String, String)> = args
            .as_object()
            .into_iter()
            .flatten()
            .map(|(k, v)| (k.clone(), v.as_str().map_or_else(|| v.to_string(), str::to_owned)))
            .collect();
        let answer = self
            .http
            .post(format!("{}/api/{method}", self.base))
            .bearer_auth(&self.org.keys.slack_bot_token)
            .form(&pairs)
            .send()
            .await
            .expect("the workspace answers");
        answer.json().await.expect("JSON")
    }

    /// Calls a method that must succeed.
    pub async fn ok(&self, method: &str, args: Value) -> Value {
        let answer = self.call(method, args).await;
        assert_eq!(answer["ok"], true, "{method}: {answer}");
        answer
    }

    /// The code with which a method refuses.
    pub async fn error(&self, method: &str, args: Value) -> String {
        let answer = self.call(method, args).await;
        assert_eq!(answer["ok"], false, "{method} should have refused: {answer}");
        answer["error"].as_str().unwrap_or("").to_owned()
    }

    /// A new channel with Ada in it.
    pub async fn channel(&self, name: &str) -> String {
        let id = self.ok("conversations.create", json!({"name": name})).await["channel"]["id"].clone();
        let id = id.as_str().expect("an identifier").to_owned();
        self.ok(
            "conversations.invite",
            json!({"channel": id, "users": self.id("ada.lima")}),
        )
        .await;
        id
    }

    pub fn id(&self, handle: &str) -> String {
        self.org
            .slack_id(handle)
            .expect("somebody of the built-in organisation")
    }

    /// Ada does something on the client page; the status and the answer.
    pub async fn ada(&self, what: &str, mut body: Value) -> (u16, Value) {
        body["as"] = json!("ada.lima");
        let answer = self
            .http
            .post(format!("{}/client/{what}", self.base))
            .json(&body)
            .send()
            .await;
        let answer = answer.expect("the page is served");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// What Ada sees in a channel.
    pub async fn seen(&self, channel: &str) -> Vec<Value> {
        let url = format!("{}/client/channel/{channel}?as=ada.lima", self.base);
        let answer: Value = self
            .http
            .get(url)
            .send()
            .await
            .expect("served")
            .json()
            .await
            .expect("JSON");
        answer["messages"].as_array().cloned().unwrap_or_default()
    }

    /// An app that listens, and that has answered the challenge.
    pub async fn listening_app(&self) -> Heard {
        let (tx, rx) = mpsc::unbounded_channel();
        let answers: Answers = Arc::default();
        let door = Door {
            secret: self.org.keys.slack_signing_secret.clone(),
            tx,
            answers: Arc::clone(&answers),
        };
        let router = Router::new()
            .route("/slack/{what}", axum::routing::post(hear))
            .with_state(door);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        self.app
            .set_url(format!("http://{}", listener.local_addr().expect("it listens")));
        tokio::spawn(async move { axum::serve(listener, router).await });
        self.slack.verify().await.expect("the app gives the challenge back");
        Heard { rx, answers }
    }
}

type Answers = Arc<Mutex<VecDeque<(u16, String)>>>;

#[derive(Clone)]
struct Door {
    secret: String,
    tx: mpsc::UnboundedSender<Request>,
    answers: Answers,
}

/// Something that Slack sent.
#[derive(Debug)]
pub struct Request {
    pub what: String,
    pub headers: HeaderMap,
    pub payload: Value,
}

/// What the app hears, and what it will answer.
pub struct Heard {
    rx: mpsc::UnboundedReceiver<Request>,
    answers: Answers,
}

impl Heard {
    /// The next answers, in order; a plain 200 after them.
    pub fn will_answer(&self, status: u16, body: &str) {
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back((status, body.to_owned()));
    }

    /// The next request.
    pub async fn next(&mut self) -> Request {
        tokio::time::timeout(PATIENCE, self.rx.recv())
            .await
            .expect("Slack sends something")
            .expect("the app listens")
    }

    /// The next event of this type, whatever comes before it.
    pub async fn event(&mut self, kind: &str) -> Value {
        loop {
            let r = self.next().await;
            if r.what == "events" && r.payload["event"]["type"] == kind {
                return r.payload;
            }
        }
    }
}

async fn hear(
    State(door): State<Door>,
    Path(what): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("");
    let at: i64 = text("x-slack-request-timestamp").parse().expect("a timestamp");
    assert_eq!(
        text("x-slack-signature"),
        sign(&door.secret, at, &body),
        "the signature fits"
    );
    let payload: Value = match what.as_str() {
        "events" => serde_json::from_slice(&body).expect("events are JSON"),
        _ => {
            let uri = format!("/?{}", String::from_utf8_lossy(&body)).parse().expect("a form");
            let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri)
                .expect("a form")
                .0;
            match pairs.iter().find(|(k, _)| k == "payload") {
                Some((_, json)) => serde_json::from_str(json).expect("the payload is JSON"),
                None => pairs.into_iter().map(|(k, v)| (k, Value::String(v))).collect(),
            }
        }
    };
    if payload["type"] == "url_verification" {
        return (StatusCode::OK, json!({"challenge": payload["challenge"]}).to_string());
    }
    let unheard = door.tx.send(Request { what, headers, payload });
    assert!(unheard.is_ok(), "the test listens");
    let next = door.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let (status, body) = next.unwrap_or((200, String::new()));
    (StatusCode::from_u16(status).expect("a status"), body)
}

/// A text object.
pub fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text})
}

/// A modal with one input.
pub fn modal(title: &str) -> Value {
    json!({"type": "modal", "callback_id": "incident.declare", "private_metadata": "IMP-1", "title": plain(title),
           "submit": plain("Go"), "blocks": [{"type": "input", "block_id": "title", "label": plain("Title"),
           "element": {"type": "plain_text_input", "action_id": "v"}}]})
}
