//! A practice workspace, an application that writes down what it is told, and short words for calls.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse;
use imp_practice::org::Org;
use imp_practice::{Options, Practice};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How long a webhook may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Something the application was told.
pub struct Told {
    /// Where.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub raw: String,
    /// The body as JSON.
    pub body: Value,
}

/// The workspace and the application.
pub struct Stage {
    /// The workspace.
    pub practice: Practice,
    http: reqwest::Client,
    told: UnboundedReceiver<Told>,
}

impl Stage {
    /// A fresh one, without latency and limits.
    pub async fn new() -> Stage {
        let (teller, told) = unbounded_channel();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        let app = Router::new().fallback(hear).with_state(teller);
        tokio::spawn(async move { axum::serve(listener, app).await });
        let options = Options {
            app_url: Some(url),
            latency: false,
            limits: false,
        };
        let practice = Practice::start(([127, 0, 0, 1], 0).into(), Org::built_in(), options)
            .await
            .expect("it starts");
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        Stage { practice, http, told }
    }

    /// A request to a path of the workspace.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.practice.base))
    }

    /// The next thing that the application is told.
    pub async fn hears(&mut self) -> Told {
        tokio::time::timeout(PATIENCE, self.told.recv())
            .await
            .expect("the application is told in time")
            .expect("it listens")
    }

    /// The next one whose body's field has a value; others are passed over.
    pub async fn hears_that(&mut self, field: &str, value: &str) -> Told {
        loop {
            let told = self.hears().await;
            if told.body[field] == value {
                return told;
            }
        }
    }
}

/// Sends a request; the status and the body as JSON, null when it is none.
pub async fn answer(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn hear(
    State(teller): State<UnboundedSender<Told>>,
    uri: Uri,
    headers: HeaderMap,
    raw: String,
) -> impl IntoResponse {
    let body = serde_json::from_str(&raw).unwrap_or(Value::Null);
    let _ = teller.send(Told {
        path: uri.path().to_owned(),
        headers,
        raw,
        body,
    });
    StatusCode::OK
}
