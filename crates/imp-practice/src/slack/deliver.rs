//! What Slack sends to the app: signed requests over HTTP, or envelopes to whoever is connected; and how often it tries.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::Slack;
use super::state::{APP, BOT_USER, TEAM, VERIFICATION};
use crate::clock;

/// The app must answer within this time.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Pauses before the second, third and fourth try; Slack waits nothing, a minute, five minutes.
const RETRY_AFTER: [Duration; 3] = [Duration::ZERO, Duration::from_millis(300), Duration::from_millis(1500)];

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// Something happened in the workspace.
    Event,
    /// Somebody pressed, submitted, chose.
    Interaction,
    /// Somebody typed a command.
    Command,
}

impl Errand {
    fn path(self) -> &'static str {
        match self {
            Errand::Event => "/slack/events",
            Errand::Interaction => "/slack/interactions",
            Errand::Command => "/slack/commands",
        }
    }

    /// The type of its envelope in Socket Mode.
    pub fn envelope(self) -> &'static str {
        match self {
            Errand::Event => "events_api",
            Errand::Interaction => "interactive",
            Errand::Command => "slash_commands",
        }
    }
}

/// Why the app was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nobody listens.
    NoApp,
    /// No answer within three seconds.
    Timeout,
    /// The connection broke.
    Connection,
    /// An answer that is no success; true if it forbade to try again.
    Status(u16, bool),
}

impl Failure {
    /// `X-Slack-Retry-Reason`.
    fn reason(self) -> &'static str {
        match self {
            Failure::Timeout => "http_timeout",
            Failure::NoApp | Failure::Connection => "connection_failed",
            Failure::Status(..) => "http_error",
        }
    }

    /// The word that people see.
    pub fn code(self) -> &'static str {
        match self {
            Failure::Timeout => "operation_timeout",
            Failure::NoApp | Failure::Connection | Failure::Status(..) => "dispatch_failed",
        }
    }
}

/// The `v0` signature of a request's body.
pub fn sign(secret: &str, timestamp: i64, body: &[u8]) -> String {
    let mut text = format!("v0:{timestamp}:").into_bytes();
    text.extend_from_slice(body);
    match Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        Ok(mut mac) => {
            mac.update(&text);
            format!("v0={}", hex::encode(mac.finalize().into_bytes()))
        }
        // HMAC takes keys of every length.
        Err(_) => String::new(),
    }
}

/// A form's body out of pairs.
fn form(pairs: &[(String, String)]) -> Vec<u8> {
    let escape = |s: &str| {
        s.bytes().fold(String::with_capacity(s.len()), |mut out, b| {
            match b {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => out.push(char::from(b)),
                b' ' => out.push('+'),
                other => out.push_str(&format!("%{other:02X}")),
            }
            out
        })
    };
    let all: Vec<String> = pairs
        .iter()
        .map(|(k, v)| format!("{}={}", escape(k), escape(v)))
        .collect();
    all.join("&").into_bytes()
}

impl Slack {
    /// Sends one thing once; the app's answer, `Null` if it said nothing more than yes.
    pub(super) async fn send(self: &Arc<Self>, errand: Errand, payload: &Value) -> Result<Value, Failure> {
        match self.linked() {
            true => self
                .send_link(errand, payload, 0, "", None)
                .await
                .map_err(|(why, _)| why),
            false => self.send_http(errand, payload, None).await,
        }
    }

    async fn send_http(
        self: &Arc<Self>,
        errand: Errand,
        payload: &Value,
        retry: Option<(usize, Failure)>,
    ) -> Result<Value, Failure> {
        let base = self.app.url().ok_or(Failure::NoApp)?;
        let (kind, body) = match errand {
            Errand::Event => ("application/json", payload.to_string().into_bytes()),
            Errand::Interaction => (
                "application/x-www-form-urlencoded",
                form(&[("payload".to_owned(), payload.to_string())]),
            ),
            Errand::Command => {
                let pairs: Vec<(String, String)> = payload
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(k, v)| (k.clone(), v.as_str().map_or_else(|| v.to_string(), str::to_owned)))
                    .collect();
                ("application/x-www-form-urlencoded", form(&pairs))
            }
        };
        // The signature bears the machine's time: the app checks it against its own clock.
        let at = clock::now_ms() / 1000;
        let mut request = self
            .app
            .http
            .post(format!("{base}{}", errand.path()))
            .header("content-type", kind)
            .header("user-agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
            .header("x-slack-request-timestamp", at.to_string())
            .header(
                "x-slack-signature",
                sign(&self.org.keys.slack_signing_secret, at, &body),
            );
        if let Some((num, why)) = retry {
            request = request
                .header("x-slack-retry-num", num.to_string())
                .header("x-slack-retry-reason", why.reason());
        }
        let exchange = async {
            let answer = request.body(body).send().await?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            Ok::<_, reqwest::Error>((status, headers, answer.text().await?))
        };
        let (status, headers, text) = match tokio::time::timeout(ANSWER_WITHIN, exchange).await {
            Err(_) => return Err(Failure::Timeout),
            Ok(Err(why)) => {
                tracing::debug!(%why, path = errand.path(), "the app could not be reached");
                return Err(Failure::Connection);
            }
            Ok(Ok(all)) => all,
        };
        if !status.is_success() {
            let no_retry = headers.get("x-slack-no-retry").is_some_and(|v| v.as_bytes() == b"1");
            return Err(Failure::Status(status.as_u16(), no_retry));
        }
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Sends an event in the background, and again if the app does not take it.
    pub(super) fn deliver_event(self: &Arc<Self>, event: Value) {
        if !self.linked() && self.app.url().is_none() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let slack = self.clone();
        runtime.spawn(async move { slack.try_event(event).await });
    }

    async fn try_event(self: Arc<Self>, event: Value) {
        let payload = self.wrapped(event);
        if !self.linked() && !self.verified().await {
            return;
        }
        let mut last = None;
        let mut link = None;
        for attempt in 0..=RETRY_AFTER.len() {
            if attempt > 0 {
                tokio::time::sleep(RETRY_AFTER[attempt - 1]).await;
            }
            let result = if self.linked() {
                let reason = if last.is_some() { "timeout" } else { "" };
                self.send_link(Errand::Event, &payload, attempt, reason, link)
                    .await
                    .map_err(|(why, on)| {
                        link = on;
                        why
                    })
            } else {
                self.send_http(Errand::Event, &payload, last.map(|why| (attempt, why)))
                    .await
            };
            match result {
                Ok(_) => return,
                Err(why @ Failure::Status(_, true)) => {
                    tracing::debug!(?why, "the app forbade to send the event again");
                    return;
                }
                Err(why) => last = Some(why),
            }
        }
        tracing::debug!(?last, event = %payload["event"]["type"], "the app did not take an event");
    }

    fn wrapped(&self, event: Value) -> Value {
        let (id, now) = {
            let mut s = self.lock();
            (s.id("Ev"), s.now / 1000)
        };
        let channel = event
            .get("channel")
            .and_then(|c| c.as_str().or_else(|| c.get("id")?.as_str()));
        let channel = channel.or_else(|| event["item"]["channel"].as_str()).unwrap_or("");
        let context = format!("1-{}-{TEAM}-{channel}", event["type"].as_str().unwrap_or("event"));
        json!({
            "token": VERIFICATION, "team_id": TEAM, "context_team_id": TEAM, "context_enterprise_id": null,
            "api_app_id": APP, "event": event, "type": "event_callback", "event_id": id, "event_time": now,
            "authorizations": [{"enterprise_id": null, "team_id": TEAM, "user_id": BOT_USER, "is_bot": true,
                                "is_enterprise_install": false}],
            "is_ext_shared_channel": false, "event_context": context,
        })
    }

    /// Whether the app's address has answered the challenge; asks it, if it has not been asked yet.
    async fn verified(self: &Arc<Self>) -> bool {
        let Some(url) = self.app.url() else {
            return false;
        };
        let known = self.verified.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if known.as_ref() == Some(&url) {
            return true;
        }
        match self.verify().await {
            Ok(()) => true,
            Err(why) => {
                tracing::warn!(%url, why, "Slack sends no events: the app's address did not answer the challenge");
                false
            }
        }
    }

    /// Asks the app's address for events to answer a challenge, as Slack does when the address is entered.
    ///
    /// # Errors
    /// What is wrong with the answer, in words.
    pub async fn verify(self: &Arc<Self>) -> Result<(), String> {
        let url = self.app.url().ok_or("the app does not listen")?;
        let challenge = self.lock().secret();
        let asked = json!({"token": VERIFICATION, "challenge": challenge, "type": "url_verification"});
        let answer = self
            .send_http(Errand::Event, &asked, None)
            .await
            .map_err(|why| why.code().to_owned())?;
        let said = answer.as_str().or_else(|| answer["challenge"].as_str()).unwrap_or("");
        if said.trim() != challenge {
            return Err("it did not give the challenge back".to_owned());
        }
        *self.verified.lock().unwrap_or_else(PoisonError::into_inner) = Some(url);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::sign;

    #[test]
    fn signs_as_slack_documents() {
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
                    &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
                    &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
                    &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        assert_eq!(
            sign("8f742231b10e8888abcd99yyyzzz85a5", 1_531_420_618, body.as_bytes()),
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
        );
    }
}
