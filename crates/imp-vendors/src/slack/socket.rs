//! Socket Mode: the same envelopes over a connection that we open. Each is acknowledged with its answer; a connection
//! that Slack wants to refresh is replaced at once; what is being answered then is still answered on the old one.

use super::client::Client;
use super::inlet::{self, Inbound};
use crate::secret::Secret;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

/// First pause after a connection that failed; it doubles up to the last.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
/// Longest pause between connections.
const PAUSE_MOST: Duration = Duration::from_secs(15);
/// A connection that lived for so long was a good one; the next is opened at once.
const SETTLED: Duration = Duration::from_millis(500);
/// Silence after which a connection counts as dead: Slack pings every few seconds.
const SILENCE: Duration = Duration::from_secs(60);

/// How an envelope is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Ack {
    /// It is kept; with a payload, if there is one.
    Kept(Option<Value>),
    /// It could not be kept: not acknowledged, so that Slack sends it again.
    Lost,
}

/// What answers an envelope.
pub type Answer = std::pin::Pin<Box<dyn Future<Output = Ack> + Send>>;

/// Keeps a connection open for ever, handing each envelope to `answer`.
pub async fn listen<F>(client: Arc<Client>, app_token: Secret, answer: F)
where
    F: Fn(Inbound) -> Answer + Send + Sync + Clone + 'static,
{
    let mut pause = PAUSE_FIRST;
    loop {
        match connect(&client, &app_token).await {
            Ok(stream) => {
                let began = std::time::Instant::now();
                serve(stream, answer.clone()).await;
                if began.elapsed() >= SETTLED {
                    pause = PAUSE_FIRST;
                } else {
                    // It ended at once: the next is opened a little later, and later again.
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MOST);
                }
            }
            Err(why) => {
                tracing::warn!(why, "no Socket Mode connection; trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MOST);
            }
        }
    }
}

type Stream = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn connect(client: &Client, app_token: &Secret) -> Result<Stream, String> {
    let url = client
        .socket_url(app_token)
        .await
        .map_err(super::client::Trouble::of_the_app_token)?;
    let (stream, _) = tokio_tungstenite::connect_async(url).await.map_err(|e| e.to_string())?;
    Ok(stream)
}

/// Serves one connection until it ends or Slack asks for a new one. What is being answered when Slack asks to leave is
/// still answered on the old connection.
async fn serve<F>(stream: Stream, answer: F)
where
    F: Fn(Inbound) -> Answer + Send + Sync + Clone + 'static,
{
    let (mut out, mut inn) = stream.split();
    let (acks, mut to_send) = tokio::sync::mpsc::channel::<Message>(256);
    let writer = tokio::spawn(async move {
        while let Some(m) = to_send.recv().await {
            if out.send(m).await.is_err() {
                break;
            }
        }
    });
    loop {
        let Ok(Some(Ok(message))) = tokio::time::timeout(SILENCE, inn.next()).await else {
            break;
        };
        let text = match message {
            Message::Text(t) => t,
            Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_) => continue,
            Message::Close(_) => break,
        };
        let Ok(envelope) = serde_json::from_str::<Value>(&text) else {
            tracing::warn!("Slack sent something over the socket that is not JSON");
            continue;
        };
        if envelope["type"] == "disconnect" {
            // `warning` announces a disconnect that follows; the others mean: now.
            if envelope["reason"] == "warning" {
                continue;
            }
            break;
        }
        let Some(id) = envelope["envelope_id"].as_str().map(str::to_owned) else {
            continue;
        };
        let inbound = read(&envelope);
        let wants_payload = envelope["accepts_response_payload"] == true;
        let (acks, answer) = (acks.clone(), answer.clone());
        tokio::spawn(async move {
            let Ack::Kept(payload) = answer(inbound).await else {
                return;
            };
            let mut ack = json!({"envelope_id": id});
            if let Some(p) = payload.filter(|_| wants_payload) {
                ack["payload"] = p;
            }
            let _ = acks.send(Message::text(ack.to_string())).await;
        });
    }
    // The writer ends by itself once the last answer is sent.
    drop(acks);
    drop(writer);
    drop(inn);
}

fn read(envelope: &Value) -> Inbound {
    let p = &envelope["payload"];
    match envelope["type"].as_str().unwrap_or_default() {
        "slash_commands" => inlet::command_json(p),
        "interactive" => inlet::interaction(p),
        "events_api" => inlet::event(p),
        other => Inbound::Other {
            what: imp_core::words::cut(other, 60),
            response_url: None,
        },
    }
}
