//! Calls to a running `imp serve`.

use super::PAGE;
use crate::Failure;
use crate::config::Config;
use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value};
use std::net::IpAddr;
use std::time::Duration;

/// Nothing in the API takes longer, unless the machine is in trouble.
const LIMIT: Duration = Duration::from_secs(30);

/// The API of one installation.
pub struct Client {
    url: String,
    token: Option<String>,
    http: reqwest::Client,
}

/// Where `imp serve` listens, as this machine reaches it.
pub fn address(config: &Config) -> String {
    let mut at = config.server.listen;
    if at.ip().is_unspecified() {
        at.set_ip(match at.ip() {
            IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
            IpAddr::V6(_) => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        });
    }
    format!("http://{at}")
}

/// The configuration's token with the highest role.
pub fn best_token(config: &Config) -> Option<String> {
    let tokens = config.auth.as_ref()?.api_tokens.iter();
    tokens.max_by_key(|t| t.role).map(|t| t.token.expose().to_owned())
}

/// A word of a path, whatever it holds.
pub fn part(word: &str) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    word.as_bytes()
        .iter()
        .map(|b| {
            if plain(b) {
                char::from(*b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

impl Client {
    /// A client for this address.
    ///
    /// # Errors
    /// Where no client can be made.
    pub fn new(url: String, token: Option<String>) -> Result<Client, Failure> {
        let http = reqwest::Client::builder()
            .timeout(LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| Failure::Failed(e.to_string()))?;
        Ok(Client {
            url: url.trim_end_matches('/').to_owned(),
            token,
            http,
        })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let call = self.http.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(t) => call.bearer_auth(t),
            None => call,
        }
    }

    async fn answer(&self, call: RequestBuilder) -> Result<Value, Failure> {
        let sent = call.send().await.map_err(|e| {
            let why = if e.is_timeout() {
                "does not answer"
            } else {
                "cannot be reached"
            };
            Failure::Failed(format!(
                "{} {why}: is `imp serve` running there? Else name its address with --url",
                self.url
            ))
        })?;
        let status = sent.status();
        let text = sent.text().await.map_err(|e| Failure::Failed(e.to_string()))?;
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(body);
        }
        let fallback = format!("{} answered {status}", self.url);
        let mut said = body["detail"].as_str().unwrap_or(&fallback).to_owned();
        // One line: what each field lacks where that is not said already, and what is possible instead.
        for f in body["fields"].as_array().into_iter().flatten() {
            let (field, message) = (&f["field"], f["message"].as_str().unwrap_or_default());
            if !said.contains(message) {
                said.push_str(&format!(" {}: {message}", field.as_str().unwrap_or_default()));
            }
        }
        let allowed: Vec<String> = body["allowed"].as_array().into_iter().flatten().map(possible).collect();
        if !allowed.is_empty() {
            said.push_str(&format!(" Possible: {}", allowed.join("; ")));
        }
        Err(Failure::Failed(said))
    }

    /// Looks something up.
    ///
    /// # Errors
    /// What the API says.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.answer(self.request(Method::GET, path)).await
    }

    /// Sends something; with a key it is done once however often it is sent.
    ///
    /// # Errors
    /// What the API says.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Map<String, Value>,
        key: Option<String>,
    ) -> Result<Value, Failure> {
        let mut call = self.request(method, path);
        if !body.is_empty() {
            call = call.json(&body);
        }
        if let Some(key) = key {
            call = call.header("idempotency-key", key);
        }
        self.answer(call).await
    }

    /// The same with the method that most changes have.
    ///
    /// # Errors
    /// What the API says.
    pub async fn post(&self, path: &str, body: Map<String, Value>, key: Option<String>) -> Result<Value, Failure> {
        self.send(Method::POST, path, body, key).await
    }

    /// The entries of a list, page by page, at most so many.
    ///
    /// # Errors
    /// What the API says.
    pub async fn list(
        &self,
        path: &str,
        wanted: &[(&str, Option<String>)],
        most: usize,
    ) -> Result<Vec<Value>, Failure> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        while all.len() < most {
            let limit = PAGE.min(most - all.len()).to_string();
            let mut query: Vec<(&str, &str)> = vec![("limit", &limit)];
            query.extend(wanted.iter().filter_map(|(k, v)| Some((*k, v.as_deref()?))));
            query.extend(cursor.as_deref().map(|c| ("cursor", c)));
            let page = self.answer(self.request(Method::GET, path).query(&query)).await?;
            all.extend(page["items"].as_array().cloned().unwrap_or_default());
            match page["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        Ok(all)
    }
}

/// A move that the API says is possible, with what it needs.
fn possible(allowed: &Value) -> String {
    let needs = allowed["requires"].as_array().into_iter().flatten();
    let needs: String = needs
        .filter_map(Value::as_str)
        .map(|n| format!(" --set {n}=…"))
        .collect();
    format!("{}{needs}", allowed["status"].as_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn a_move_that_is_possible_says_what_it_needs() {
        let merged = json!({"status": "merged", "requires": ["into"]});
        assert_eq!(super::possible(&merged), "merged --set into=…");
        assert_eq!(
            super::possible(&json!({"status": "monitoring", "requires": []})),
            "monitoring"
        );
    }

    #[test]
    fn a_word_stays_one_part_of_a_path() {
        assert_eq!(super::part("IMP-42"), "IMP-42");
        assert_eq!(super::part("../x?y=1#ü"), "..%2Fx%3Fy%3D1%23%C3%BC");
    }
}
