//! Jira's webhooks: what happened over there, told to the application, signed and repeated as the real one does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::clock;
use crate::world::World;

/// The waits before the repeats of a webhook that was not taken. The real one takes up to half an hour; practice is
/// shorter.
const WAITS: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(4),
    Duration::from_secs(15),
    Duration::from_secs(60),
    Duration::from_secs(240),
];
/// How long an answer may take, as with the real one.
const ANSWER_MOST: Duration = Duration::from_secs(20);

/// A webhook to be sent.
#[derive(Debug)]
struct Hook {
    event: String,
    body: String,
    identifier: String,
}

/// Sends webhooks, in the order in which they happened.
#[derive(Debug)]
pub struct Hooks {
    queue: UnboundedSender<Hook>,
    lost: AtomicBool,
    told: AtomicUsize,
}

impl Hooks {
    /// Starts sending to wherever the application listens.
    pub fn start(world: Arc<World>) -> Hooks {
        let (queue, hooks) = unbounded_channel();
        tokio::spawn(send_all(world, hooks));
        Hooks {
            queue,
            lost: AtomicBool::new(false),
            told: AtomicUsize::new(0),
        }
    }

    /// Whether webhooks are lost from now on.
    pub fn lose(&self, lost: bool) {
        self.lost.store(lost, Ordering::Relaxed);
    }

    /// How many things have happened that webhooks tell of, lost ones included.
    pub fn told(&self) -> usize {
        self.told.load(Ordering::Relaxed)
    }

    /// Sends one.
    pub fn send(&self, event: &str, mut body: Value) {
        self.told.fetch_add(1, Ordering::Relaxed);
        if self.lost.load(Ordering::Relaxed) {
            return;
        }
        let now = clock::now_ms();
        body["timestamp"] = json!(now);
        body["webhookEvent"] = json!(event);
        let body = body.to_string();
        let identifier = hex::encode(&Sha256::digest(format!("{now}{body}"))[..16]);
        // Nobody listens any more only when the workspace has stopped.
        let _ = self.queue.send(Hook {
            event: event.to_owned(),
            body,
            identifier,
        });
    }
}

async fn send_all(world: Arc<World>, mut hooks: UnboundedReceiver<Hook>) {
    while let Some(hook) = hooks.recv().await {
        if world.app.url().is_none() {
            continue;
        }
        if !send(&world, &hook, 0).await {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                for (n, wait) in WAITS.iter().enumerate() {
                    tokio::time::sleep(*wait).await;
                    if send(&world, &hook, n + 1).await {
                        return;
                    }
                }
            });
        }
    }
}

/// Sends once; false when it is to be repeated.
async fn send(world: &World, hook: &Hook, retry: usize) -> bool {
    let Some(url) = world.app.url() else { return true };
    let mut request = world
        .app
        .http
        .post(format!("{url}/webhooks/jira"))
        .timeout(ANSWER_MOST)
        .header("Content-Type", "application/json; charset=UTF-8")
        .header("User-Agent", "Atlassian HTTP Client (practice)")
        .header("X-Atlassian-Webhook-Identifier", &hook.identifier)
        .header(
            "X-Hub-Signature",
            signature(&world.org.keys.jira_webhook_secret, hook.body.as_bytes()),
        );
    if retry > 0 {
        request = request.header("X-Atlassian-Webhook-Retry", retry.to_string());
    }
    let status = match request.body(hook.body.clone()).send().await {
        Ok(answer) => answer.status().as_u16(),
        Err(_) => 0,
    };
    world.sent("jira", &hook.event, status);
    !matches!(status, 0 | 408 | 409 | 425 | 429 | 500..)
}

/// The value of `X-Hub-Signature`.
pub fn signature(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", hmac_hex(secret, body))
}

/// HMAC-SHA256 in hexadecimal.
pub fn hmac_hex(secret: &str, body: &[u8]) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}
