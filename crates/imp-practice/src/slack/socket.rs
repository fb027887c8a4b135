//! Socket Mode: the app's connections, the envelopes sent on them, and the acknowledgements that come back.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::Slack;
use super::deliver::{ANSWER_WITHIN, Errand, Failure};
use super::state::APP;

/// Connections that one app may hold.
const LINKS_MAX: usize = 10;
/// How long Slack says a connection will last, in seconds.
const LASTS_SECS: u32 = 18_060;
/// Slack pings this often; clients give up after thirty seconds of silence.
const PING_EVERY: Duration = Duration::from_secs(10);

/// The app's connections.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Addresses that were handed out and not used yet.
    tickets: HashSet<String>,
    open: Vec<Link>,
    /// Envelopes that wait for their acknowledgement, and on which connection they went.
    waiting: HashMap<String, (u64, oneshot::Sender<Value>)>,
    next: u64,
}

#[derive(Debug)]
struct Link {
    id: u64,
    to: mpsc::UnboundedSender<Send>,
    /// Asked to go: gets nothing new, may still acknowledge.
    leaving: bool,
}

#[derive(Debug)]
enum Send {
    Text(Value),
    Close,
}

/// Why Slack asks a connection to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disconnect {
    /// It will be closed in some seconds.
    Warning,
    /// It is closed now, and the app should come again.
    Refresh,
    /// Socket Mode was turned off.
    Disabled,
}

impl Slack {
    pub(super) fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the app is connected.
    pub fn linked(&self) -> bool {
        self.links().open.iter().any(|l| !l.leaving)
    }

    /// An address to connect to, good once.
    pub(super) fn new_link(&self) -> String {
        let (ticket, base) = {
            let s = self.lock();
            (s.secret(), s.base.clone())
        };
        self.links().tickets.insert(ticket.clone());
        let base = base.replacen("http", "ws", 1);
        format!("{base}/link?ticket={ticket}&app_id={APP}")
    }

    /// Asks every connection of the app to go, as Slack does from time to time; how many there were.
    pub fn disconnect(&self, why: Disconnect) -> usize {
        let reason = match why {
            Disconnect::Warning => "warning",
            Disconnect::Refresh => "refresh_requested",
            Disconnect::Disabled => "link_disabled",
        };
        let mut links = self.links();
        let mut told = 0;
        for link in links.open.iter_mut().filter(|l| !l.leaving) {
            told += 1;
            link.leaving = why != Disconnect::Warning;
            let notice = json!({"type": "disconnect", "reason": reason, "debug_info": {"host": "practice"}});
            let mut gone = link.to.send(Send::Text(notice)).is_err();
            if why != Disconnect::Warning {
                gone |= link.to.send(Send::Close).is_err();
            }
            if gone {
                tracing::debug!(link = link.id, "a connection was gone before it was asked to go");
            }
        }
        told
    }

    /// Breaks every connection without a word, as a network does.
    pub fn cut(&self) {
        for link in &mut self.links().open {
            link.leaving = true;
            if link.to.send(Send::Close).is_err() {
                tracing::debug!(link = link.id, "a connection was gone before it was cut");
            }
        }
    }

    /// Sends an envelope and waits for its acknowledgement; on another connection than `not_on`, if there is one.
    pub(super) async fn send_link(
        &self,
        errand: Errand,
        payload: &Value,
        attempt: usize,
        reason: &str,
        not_on: Option<u64>,
    ) -> Result<Value, (Failure, Option<u64>)> {
        let id = {
            let s = self.lock();
            format!("{}-{}", s.secret(), s.secret())
        };
        let accepts = match errand {
            Errand::Event => false,
            Errand::Command => true,
            Errand::Interaction => {
                matches!(payload["type"].as_str(), Some("view_submission" | "block_suggestion"))
            }
        };
        let mut envelope = json!({"envelope_id": id, "payload": payload, "type": errand.envelope(),
                                  "accepts_response_payload": accepts});
        if errand == Errand::Event {
            envelope["retry_attempt"] = json!(attempt);
            envelope["retry_reason"] = json!(reason);
        }
        let (tx, rx) = oneshot::channel();
        let on = {
            let mut links = self.links();
            links.next += 1;
            let turn = links.next;
            let live: Vec<&Link> = links.open.iter().filter(|l| !l.leaving).collect();
            let others: Vec<&&Link> = live.iter().filter(|l| Some(l.id) != not_on).collect();
            let pick = if others.is_empty() {
                live.first().copied()
            } else {
                others.get(turn as usize % others.len()).map(|l| **l)
            };
            let link = pick.ok_or((Failure::NoApp, None))?;
            let on = link.id;
            link.to
                .send(Send::Text(envelope))
                .map_err(|_| (Failure::Connection, Some(on)))?;
            links.waiting.insert(id.clone(), (on, tx));
            on
        };
        match tokio::time::timeout(ANSWER_WITHIN, rx).await {
            Ok(Ok(answer)) if accepts => Ok(answer),
            Ok(Ok(_)) => Ok(Value::Null),
            Ok(Err(_)) => Err((Failure::Connection, Some(on))),
            Err(_) => {
                self.links().waiting.remove(&id);
                Err((Failure::Timeout, Some(on)))
            }
        }
    }
}

/// `GET /link`: where the app connects.
pub(super) async fn link(
    Shared(slack): Shared<Arc<Slack>>,
    Query(query): Query<HashMap<String, String>>,
    up: WebSocketUpgrade,
) -> Response {
    let ticket = query.get("ticket").map_or("", String::as_str);
    if !slack.links().tickets.remove(ticket) {
        return (
            StatusCode::BAD_REQUEST,
            "this address was used before, or never handed out",
        )
            .into_response();
    }
    up.on_upgrade(move |ws| serve(slack, ws))
}

async fn serve(slack: Arc<Slack>, mut ws: WebSocket) {
    let (to, mut from) = mpsc::unbounded_channel();
    let hello = |n: usize| {
        json!({"type": "hello", "num_connections": n, "connection_info": {"app_id": APP},
               "debug_info": {"host": "practice", "build_number": 1, "approximate_connection_time": LASTS_SECS}})
    };
    let place = {
        let mut links = slack.links();
        let n = links.open.iter().filter(|l| !l.leaving).count();
        if n >= LINKS_MAX {
            None
        } else {
            links.next += 1;
            Some((links.next, n + 1))
        }
    };
    let Some((id, n)) = place else {
        let full = json!({"type": "disconnect", "reason": "too_many_websockets", "debug_info": {"host": "practice"}});
        let _gone = ws.send(Message::Text(full.to_string().into())).await;
        return;
    };
    if ws.send(Message::Text(hello(n).to_string().into())).await.is_err() {
        return;
    }
    slack.links().open.push(Link { id, to, leaving: false });
    let mut ping = tokio::time::interval(PING_EVERY);
    ping.tick().await;
    loop {
        tokio::select! {
            out = from.recv() => {
                let sent = match out {
                    Some(Send::Text(v)) => ws.send(Message::Text(v.to_string().into())).await,
                    Some(Send::Close) => {
                        let _gone = ws.send(Message::Close(None)).await;
                        break;
                    }
                    None => break,
                };
                if sent.is_err() {
                    break;
                }
            }
            come = ws.recv() => match come {
                Some(Ok(Message::Text(text))) => slack.acknowledged(&text),
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
            _ = ping.tick() => {
                if ws.send(Message::Ping("Ping from practice".into())).await.is_err() {
                    break;
                }
            }
        }
    }
    let mut links = slack.links();
    links.open.retain(|l| l.id != id);
    // Whoever waits on this connection hears at once that it is gone.
    links.waiting.retain(|_, (on, _)| *on != id);
}

impl Slack {
    fn acknowledged(&self, text: &str) {
        let Ok(v) = serde_json::from_str::<Value>(text) else {
            return;
        };
        let Some(id) = v["envelope_id"].as_str() else {
            return;
        };
        let Some((_, tx)) = self.links().waiting.remove(id) else {
            return;
        };
        let payload = match &v["payload"] {
            Value::Object(o) if o.is_empty() => Value::Null,
            other => other.clone(),
        };
        if tx.send(payload).is_err() {
            tracing::debug!(id, "an acknowledgement came too late");
        }
    }
}
