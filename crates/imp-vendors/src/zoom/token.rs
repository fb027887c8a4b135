//! Tokens of a server-to-server app: asked for once, used by everybody until shortly before they expire.

use super::{NAME, Zoom};
use crate::http::{Fault, call};
use crate::secret::Secret;
use serde::Deserialize;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long before its end a token is no longer used, so that none expires on its way.
const BEFORE_END: Duration = Duration::from_secs(60);

/// The token in use. Whoever needs one while it is being asked for waits for that one answer.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    current: Mutex<Option<Token>>,
}

#[derive(Debug)]
struct Token {
    text: Secret,
    until: Instant,
}

#[derive(Deserialize)]
struct Granted {
    access_token: Secret,
    #[serde(default)]
    expires_in: u64,
}

impl Zoom {
    /// A token that is valid for a while yet.
    pub(super) async fn token(&self) -> Result<Secret, Fault> {
        let mut current = self.tokens.current.lock().await;
        if let Some(t) = current.as_ref().filter(|t| t.until > Instant::now()) {
            return Ok(t.text.clone());
        }
        let asked = Instant::now();
        let form = [
            ("grant_type", "account_credentials"),
            ("account_id", self.config.account_id.as_str()),
        ];
        let request = self
            .http
            .post(&self.config.oauth_url)
            .basic_auth(&self.config.client_id, Some(self.config.client_secret.expose()))
            .form(&form);
        let granted: Granted = match call(NAME, request).await {
            Ok(answer) => answer.json(NAME)?,
            // Wrong credentials come as 400 too; they can be mended, so it is no final refusal.
            Err(Fault::Refused { status, why, .. }) => {
                let why = format!("{why}; check account_id, client_id and client_secret under [zoom]");
                return Err(Fault::Later {
                    status: Some(status),
                    after_ms: Some(60_000),
                    why,
                    undone: true,
                });
            }
            // Nothing has been done yet, whatever happened to the token.
            Err(Fault::Later {
                status, after_ms, why, ..
            }) => {
                return Err(Fault::Later {
                    status,
                    after_ms,
                    why,
                    undone: true,
                });
            }
            Err(fault @ Fault::Wait { .. }) => return Err(fault),
        };
        let lasts = Duration::from_secs(granted.expires_in).saturating_sub(BEFORE_END);
        *current = Some(Token {
            text: granted.access_token.clone(),
            until: asked + lasts,
        });
        Ok(granted.access_token)
    }

    /// Lets go of a token that was refused, unless somebody has a newer one already.
    pub(super) async fn forget(&self, refused: &Secret) {
        let mut current = self.tokens.current.lock().await;
        if current.as_ref().is_some_and(|t| t.text == *refused) {
            *current = None;
        }
    }
}
