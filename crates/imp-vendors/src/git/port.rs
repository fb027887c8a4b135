//! Calls to the Git provider's API.

use super::{Git, Repository};
use crate::http::{Answer, Fault, send};
use serde_json::Value;

/// The version of the API that is spoken.
const VERSION: &str = "2022-11-28";

impl Git {
    /// Asks for something; none where it is not there.
    ///
    /// # Errors
    /// What the provider says.
    pub async fn get(&self, path: &str) -> Result<Option<Value>, Fault> {
        let answer = self.ask("GET", path, &Value::Null).await?;
        match answer.status {
            404 => Ok(None),
            // An empty repository has no branches.
            409 if path.contains("/branches/") || path.contains("/git/") => Ok(None),
            204 => Ok(Some(Value::Null)),
            _ => Ok(Some(self.well(answer)?)),
        }
    }

    /// A repository; none where it is not there, or moved away.
    ///
    /// # Errors
    /// What the provider says.
    pub async fn repository(&self, path: &str) -> Result<Option<Repository>, Fault> {
        let Some(value) = self.get(path).await? else {
            return Ok(None);
        };
        let name = self.config.name();
        serde_json::from_value(value).map(Some).map_err(|e| Fault::Later {
            status: Some(200),
            after_ms: None,
            why: format!("{name}'s answer cannot be read: {e}"),
            undone: false,
        })
    }

    /// Makes a call that changes something; the secrets that it names are filled in here and nowhere before.
    ///
    /// # Errors
    /// What the provider says.
    pub async fn write(&self, method: &str, path: &str, body: &Value) -> Result<Value, Fault> {
        let body = self.filled(path, body).await?;
        let answer = self.ask(method, path, &body).await?;
        let name = self.config.name();
        match answer.status {
            // It says that it will; until it can be seen, it has not.
            202 => Err(Fault::Later {
                status: Some(202),
                after_ms: None,
                why: format!("{name} has accepted it and not done it yet"),
                undone: false,
            }),
            404 if method == "DELETE" => Ok(Value::Null),
            404 => Err(Fault::Refused {
                status: 404,
                why: format!("{name} knows no {path}, or the token may not change it"),
                body: answer.body,
            }),
            201 | 204 if answer.body.is_empty() => Ok(Value::Null),
            _ => self.well(answer),
        }
    }

    fn well(&self, answer: Answer) -> Result<Value, Fault> {
        let name = self.config.name();
        let spent = answer.headers.get("x-ratelimit-remaining").is_some_and(|v| v == "0");
        if answer.status == 403 && (spent || answer.patience_ms().is_some()) {
            return Err(Fault::Later {
                status: Some(429),
                after_ms: answer.patience_ms(),
                why: format!("{name} asks for patience (its limit of calls is spent)"),
                undone: true,
            });
        }
        answer.checked(name)?.json(name)
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Answer, Fault> {
        let url = format!("{}{path}", self.config.api_url.trim_end_matches('/'));
        let request = match method {
            "POST" => self.http.post(&url),
            "PUT" => self.http.put(&url),
            "PATCH" => self.http.patch(&url),
            "DELETE" => self.http.delete(&url),
            _ => self.http.get(&url),
        };
        let request = request
            .bearer_auth(self.config.token.expose())
            .header("Accept", "application/vnd.github+json")
            .header("X-GitHub-Api-Version", VERSION);
        let request = match body {
            Value::Null => request,
            body => request.json(body),
        };
        send(self.config.name(), request).await
    }
}
