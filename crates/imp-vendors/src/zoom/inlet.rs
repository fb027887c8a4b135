//! Zoom's webhooks: its question whether we are we, and which meeting has begun or ended.

use super::Config;
use crate::secret::Secret;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

/// Webhooks older or newer than this are refused: somebody may be repeating one that they have overheard.
const WINDOW_SECS: i64 = 300;

/// What a webhook says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Zoom asks us to prove that we know the secret: answer 200 with this JSON.
    Prove(Value),
    /// A meeting has begun.
    Started {
        /// Zoom's number of it.
        meeting: String,
    },
    /// A meeting has ended.
    Ended {
        /// Zoom's number of it.
        meeting: String,
    },
    /// Something else, which needs no more than a 200.
    Nothing,
}

/// Why a webhook is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// No secret is configured, so nothing can be believed: 404.
    Off,
    /// The signature is wrong or too old: 401.
    Unsigned,
    /// It cannot be read: 400.
    Unreadable(String),
}

#[derive(Deserialize)]
struct Body {
    event: String,
    #[serde(default)]
    payload: Value,
}

/// Reads a webhook; `now_secs` is the time in seconds since 1970.
///
/// # Errors
/// When it is not Zoom who speaks, or it cannot be read.
pub fn read(config: &Config, headers: &HeaderMap, body: &[u8], now_secs: i64) -> Result<Heard, Refused> {
    let secret = config.webhook_secret.as_ref().ok_or(Refused::Off)?;
    if !is_signed(secret, headers, body, now_secs) {
        return Err(Refused::Unsigned);
    }
    let Body { event, payload } = serde_json::from_slice(body).map_err(|e| Refused::Unreadable(e.to_string()))?;
    let meeting = || match payload.pointer("/object/id") {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => String::new(),
    };
    Ok(match event.as_str() {
        "endpoint.url_validation" => {
            let plain = payload.get("plainToken").and_then(Value::as_str).unwrap_or_default();
            Heard::Prove(json!({"plainToken": plain, "encryptedToken": secret.hmac(&[plain.as_bytes()])}))
        }
        "meeting.started" => Heard::Started { meeting: meeting() },
        "meeting.ended" => Heard::Ended { meeting: meeting() },
        _ => Heard::Nothing,
    })
}

fn is_signed(secret: &Secret, headers: &HeaderMap, body: &[u8], now_secs: i64) -> bool {
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let (Some(stamp), Some(signature)) = (header("x-zm-request-timestamp"), header("x-zm-signature")) else {
        return false;
    };
    let Ok(secs) = stamp.parse::<i64>() else { return false };
    let Some(signature) = signature.strip_prefix("v0=") else {
        return false;
    };
    now_secs.abs_diff(secs) <= WINDOW_SECS.unsigned_abs()
        && secret.signed(&[b"v0:", stamp.as_bytes(), b":", body], signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        toml::from_str("account_id = 'a'\nclient_id = 'c'\nclient_secret = 's'\nwebhook_secret = 'w'")
            .expect("a configuration")
    }

    fn heard(body: &str, now_secs: i64) -> Result<Heard, Refused> {
        let signature = format!("v0={}", Secret::new("w").hmac(&[b"v0:1000:", body.as_bytes()]));
        let headers = [("x-zm-request-timestamp", "1000"), ("x-zm-signature", &signature)];
        let headers = headers
            .into_iter()
            .map(|(k, v)| (k.parse().expect("a name"), v.parse().expect("a value")))
            .collect();
        read(&config(), &headers, body.as_bytes(), now_secs)
    }

    #[test]
    fn zoom_is_believed_only_with_a_fresh_signature() {
        let body = r#"{"event": "meeting.ended", "payload": {"object": {"id": 123}}}"#;
        assert_eq!(heard(body, 1100), Ok(Heard::Ended { meeting: "123".into() }));
        assert_eq!(heard(body, 1301), Err(Refused::Unsigned));
        assert_eq!(
            read(&config(), &HeaderMap::new(), body.as_bytes(), 1000),
            Err(Refused::Unsigned)
        );
    }

    #[test]
    fn zooms_question_is_answered() {
        let Ok(Heard::Prove(answer)) = heard(
            r#"{"event": "endpoint.url_validation", "payload": {"plainToken": "abc"}}"#,
            1000,
        ) else {
            panic!("it is a question")
        };
        assert_eq!(answer["encryptedToken"], Secret::new("w").hmac(&[b"abc"]));
    }
}
