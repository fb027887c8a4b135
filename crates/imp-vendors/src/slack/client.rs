//! Calls to Slack's Web API: form-encoded as Slack's own SDK for Node does it, within the limits of each method.

use crate::budget::{Budget, Limit, Urgency};
use crate::http::{self, Answer, Fault, Http};
use crate::secret::Secret;
use bytes::Bytes;
use imp_core::Outcome;
use imp_core::port::{Limits, Pause};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Slack's tiers: calls a minute for one method (docs "Rate limits", `rate_limit_tiers.json`). One below the published
/// minimum, because our window and Slack's do not begin together.
const TIER_1: Limit = Limit::a_minute(1);
const TIER_2: Limit = Limit {
    calls: 19,
    window: Duration::from_secs(60),
    reserve: 3,
};
const TIER_3: Limit = Limit {
    calls: 49,
    window: Duration::from_secs(60),
    reserve: 8,
};
const TIER_4: Limit = Limit {
    calls: 99,
    window: Duration::from_secs(60),
    reserve: 10,
};
/// Methods with limits of their own ("several hundred a minute").
const SPECIAL: Limit = Limit {
    calls: 300,
    window: Duration::from_secs(60),
    reserve: 30,
};
/// One message a second in a channel.
const CHANNEL: Limit = Limit::a_second(1);

/// A client with a bot's token.
#[derive(Debug)]
pub struct Client {
    http: Http,
    api_url: String,
    token: Secret,
    budget: Budget,
    /// Where a look through the channels was broken off, by what was looked for: since when, and the next page.
    looks: Mutex<HashMap<String, (Instant, String)>>,
    /// Channels by name, where they were seen last.
    places: Mutex<HashMap<String, String>>,
}

/// How long a look that was broken off may go on where it stopped; Slack does not say how long a cursor is good.
const LOOK_FRESH: Duration = Duration::from_secs(600);
/// Looks that are remembered; there are seldom two.
const LOOKS_MAX: usize = 100;

/// How much of a method's window must be free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// A single call.
    Any,
    /// Half of it.
    Half,
}

/// Why a call did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Slack understood and said no: its error code, and what it adds.
    Said {
        /// `channel_not_found`.
        code: String,
        /// What Slack adds to it; for people.
        detail: String,
    },
    /// The call did not come through.
    Fault(Fault),
}

impl From<Fault> for Trouble {
    fn from(f: Fault) -> Trouble {
        Trouble::Fault(f)
    }
}

impl Trouble {
    /// What stops an order that has written something already. To wait for a limit of our own counts as no try, and what
    /// was never tried is not looked for: here it has to be.
    pub fn after_a_write(self) -> Trouble {
        match self {
            Trouble::Fault(Fault::Wait { after_ms }) => Trouble::Fault(Fault::Later {
                status: None,
                after_ms: Some(after_ms),
                why: "the rest waits for IMP's own limit of calls".to_owned(),
                undone: false,
            }),
            other => other,
        }
    }

    /// Slack's error code, if it said one.
    pub fn code(&self) -> &str {
        match self {
            Trouble::Said { code, .. } => code,
            Trouble::Fault(_) => "",
        }
    }
}

/// What Slack says to a token that it does not take.
const TOKEN_REFUSED: [&str; 6] = [
    "invalid_auth",
    "not_authed",
    "token_expired",
    "token_revoked",
    "account_inactive",
    "not_allowed_token_type",
];

impl Trouble {
    /// Why no Socket Mode connection can be opened: another token is asked for there than anywhere else.
    pub fn of_the_app_token(self) -> String {
        let code = self.code();
        if TOKEN_REFUSED.contains(&code) {
            return format!("Slack does not accept the app's token ({code}); renew slack.app_token");
        }
        match Outcome::from(self) {
            Outcome::Later { why, .. } | Outcome::Never { why } => why,
            Outcome::Wait { .. } | Outcome::Done(_) => "our own limit of calls asks to wait".to_owned(),
        }
    }
}

impl From<Trouble> for Outcome {
    fn from(t: Trouble) -> Outcome {
        match t {
            Trouble::Fault(f) => f.into(),
            Trouble::Said { code, detail } => match code.as_str() {
                "internal_error"
                | "fatal_error"
                | "service_unavailable"
                | "request_timeout"
                | "team_added_to_org"
                | "hash_conflict" => Outcome::Later {
                    pause: Pause::BackOff,
                    why: format!("Slack had a problem of its own ({code})"),
                },
                code if TOKEN_REFUSED.contains(&code) => Outcome::Later {
                    pause: Pause::Mend(CREDENTIALS_AGAIN_MS),
                    why: format!("Slack does not accept the bot's token ({code}); renew slack.bot_token"),
                },
                "missing_scope" => Outcome::Later {
                    pause: Pause::Mend(CREDENTIALS_AGAIN_MS),
                    why: format!("the Slack app lacks a scope ({detail}); add it and install the app again"),
                },
                _ => Outcome::Never {
                    why: format!("Slack refused ({code}){detail}"),
                },
            },
        }
    }
}

/// The header in which Slack lists a token's scopes.
const SCOPES: &str = "x-oauth-scopes";

/// After a refusal of the credentials, which only a person can mend.
const CREDENTIALS_AGAIN_MS: i64 = 60_000;

impl Client {
    /// A client for a base address (with its slash at the end) and a token.
    pub fn new(http: Http, api_url: &str, token: Secret) -> Client {
        let slash = if api_url.ends_with('/') { "" } else { "/" };
        Client {
            http,
            api_url: format!("{api_url}{slash}"),
            token,
            budget: Budget::new("Slack"),
            looks: Mutex::default(),
            places: Mutex::default(),
        }
    }

    /// Calls a method; the whole answer where it is `ok`.
    ///
    /// # Errors
    /// [`Trouble`], without any token in its words.
    pub async fn call(&self, method: &str, args: &[(&str, &str)], urgency: Urgency) -> Result<Value, Trouble> {
        let ask = || self.send(method, args, urgency);
        let answer = match only_reads(method) {
            true => http::read(ask).await,
            false => ask().await,
        };
        let answer = match answer {
            Ok(a) => a,
            Err(fault) => {
                if let Fault::Later {
                    status: Some(429),
                    after_ms: Some(ms),
                    ..
                } = &fault
                {
                    self.pause(method, args, *ms);
                }
                return Err(fault.into());
            }
        };
        let patience = answer.patience_ms();
        let body: Value = answer.json("Slack")?;
        if body["ok"] == true {
            return Ok(body);
        }
        let code = body["error"].as_str().unwrap_or("no_error_code").to_owned();
        if code == "ratelimited" || code == "rate_limited" {
            let ms = patience.unwrap_or(1000);
            self.pause(method, args, ms);
            let why = "Slack asks for patience".to_owned();
            return Err(Fault::Later {
                status: Some(429),
                after_ms: Some(ms),
                why,
                undone: true,
            }
            .into());
        }
        Err(Trouble::Said {
            detail: detail(&body),
            code,
        })
    }

    async fn send(&self, method: &str, args: &[(&str, &str)], urgency: Urgency) -> Result<Answer, Fault> {
        self.take(method, args, urgency)?;
        let request = self
            .http
            .post(&format!("{}{method}", self.api_url))
            .bearer_auth(self.token.expose())
            .form(args);
        http::call("Slack", request).await
    }

    /// The scopes that the token has, as Slack says with every answer; none where it does not say.
    ///
    /// # Errors
    /// Where Slack cannot be asked.
    pub async fn scopes(&self) -> Result<Option<Vec<String>>, Trouble> {
        let request = self.http.post(&format!("{}auth.test", self.api_url));
        let answer = http::call("Slack", request.bearer_auth(self.token.expose())).await?;
        let said = answer.headers.get(SCOPES).and_then(|v| v.to_str().ok());
        Ok(said.map(|s| s.split(',').map(|scope| scope.trim().to_owned()).collect()))
    }

    /// Slack's limits, as they are kept here.
    pub fn limits(&self) -> &dyn Limits {
        &self.budget
    }

    /// Whether a call that is only nice to have may be made now.
    pub fn has_room(&self, method: &str, room: Room) -> bool {
        let full = tier(method);
        let limit = match room {
            Room::Any => full,
            Room::Half => Limit {
                reserve: full.calls / 2,
                ..full
            },
        };
        self.budget.room(method, limit, Urgency::Usual, Instant::now())
    }

    fn take(&self, method: &str, args: &[(&str, &str)], urgency: Urgency) -> Result<(), Fault> {
        let now = Instant::now();
        let wait = |after_ms| Fault::Wait { after_ms };
        if method == "chat.postMessage" {
            self.budget
                .take(&format!("channel {}", channel_of(args)), CHANNEL, urgency, now)
                .map_err(wait)?;
        }
        self.budget.take(method, tier(method), urgency, now).map_err(wait)
    }

    fn pause(&self, method: &str, args: &[(&str, &str)], ms: i64) {
        let now = Instant::now();
        if method == "chat.postMessage" {
            self.budget.pause(&format!("channel {}", channel_of(args)), ms, now);
        } else {
            self.budget.pause(method, ms, now);
        }
    }

    /// Sends a private sentence to whoever did something, by the address that came with it. Such an address is good for
    /// half an hour and five uses.
    pub async fn whisper(&self, response_url: &str, text: &str) {
        if super::mrkdwn::web(response_url).is_none() || text.is_empty() {
            return;
        }
        let body = serde_json::json!({"response_type": "ephemeral", "replace_original": false, "text": text});
        if let Err(fault) = http::call("Slack", self.http.post(response_url).json(&body)).await {
            tracing::warn!(why = fault.why(), "a private answer did not reach its person");
        }
    }

    /// Takes down that a channel was seen under this name.
    pub fn was_at(&self, name: &str, id: &str) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= LOOKS_MAX {
            places.clear();
        }
        places.insert(name.to_owned(), id.to_owned());
    }

    /// The identifier of the channel with this name, if the app can see one. Where one was seen under the name, that one is
    /// asked: the list of all channels takes far fewer calls a minute than a look at one.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn place(&self, name: &str) -> Result<Option<String>, Trouble> {
        let known = self
            .places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned();
        if let Some(id) = known {
            match self
                .call("conversations.info", &[("channel", &id)], Urgency::Urgent)
                .await
            {
                Ok(a) if is_called(&a["channel"], name) && a["channel"]["is_archived"] != true => return Ok(Some(id)),
                // It has another name now, or is gone: whichever has the name is looked for.
                Ok(_) | Err(Trouble::Said { .. }) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        let found = self.channel(name).await?;
        let id = found.and_then(|c| c["id"].as_str().map(str::to_owned));
        if let Some(id) = &id {
            self.was_at(name, id);
        }
        Ok(id)
    }

    /// A channel by its name or identifier, if the app can see one. A look that a limit breaks off goes on from there when
    /// it is tried again: in a large workspace it would else never come to its end.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn channel(&self, name: &str) -> Result<Option<Value>, Trouble> {
        let mut cursor = self.broken_off(name).unwrap_or_default();
        loop {
            let mut args = vec![
                ("limit", "1000"),
                ("types", "public_channel,private_channel"),
                ("exclude_archived", "true"),
            ];
            if !cursor.is_empty() {
                args.push(("cursor", cursor.as_str()));
            }
            let page = match self.call("conversations.list", &args, Urgency::Urgent).await {
                Ok(page) => page,
                // The place is not known any more.
                Err(t) if t.code() == "invalid_cursor" && !cursor.is_empty() => {
                    cursor.clear();
                    continue;
                }
                Err(t) => {
                    self.break_off(name, cursor);
                    return Err(t);
                }
            };
            let found = page["channels"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|c| is_called(c, name));
            if let Some(c) = found {
                return Ok(Some(c.clone()));
            }
            cursor = page["response_metadata"]["next_cursor"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            if cursor.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Where a look for this stopped, once.
    fn broken_off(&self, name: &str) -> Option<String> {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, cursor) = looks.remove(name)?;
        (since.elapsed() < LOOK_FRESH).then_some(cursor)
    }

    fn break_off(&self, name: &str, cursor: String) {
        if cursor.is_empty() {
            return;
        }
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.len() >= LOOKS_MAX {
            looks.clear();
        }
        looks.insert(name.to_owned(), (Instant::now(), cursor));
    }

    /// Brings a file's bytes to the address that Slack gave for them. That address is the permission: no token goes along.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn upload(&self, url: &str, bytes: Vec<u8>) -> Result<(), Trouble> {
        http::call("Slack", self.http.post(url).body(bytes)).await?;
        Ok(())
    }

    /// A file that Slack has; none where it is elsewhere, gone, or not for us. The token goes to Slack alone.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn download(&self, url: &str) -> Result<Option<Bytes>, Trouble> {
        if !is_slacks(url, &self.api_url) {
            tracing::warn!("a file that is not at Slack's is not fetched");
            return Ok(None);
        }
        let request = self.http.get(url).bearer_auth(self.token.expose());
        match http::call("Slack", request).await {
            Ok(answer) => Ok(Some(answer.body)),
            // A redirect leads to where people sign in: the app lacks the scope.
            Err(Fault::Later {
                status: Some(300..=399 | 401 | 403),
                ..
            }) => Ok(None),
            Err(Fault::Refused { .. }) => Ok(None),
            Err(fault) => Err(fault.into()),
        }
    }

    /// The address of a new Socket Mode connection, asked for with the app-level token.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn socket_url(&self, app_token: &Secret) -> Result<String, Trouble> {
        let request = self
            .http
            .post(&format!("{}apps.connections.open", self.api_url))
            .bearer_auth(app_token.expose());
        let body: Value = http::call("Slack", request).await?.json("Slack")?;
        match body["url"].as_str() {
            Some(url) if body["ok"] == true => Ok(url.to_owned()),
            _ => Err(Trouble::Said {
                code: body["error"].as_str().unwrap_or("no_error_code").to_owned(),
                detail: detail(&body),
            }),
        }
    }
}

/// Whether an address is Slack's own: at the host of the API (a proxy, the practice workspace), or at one of slack.com's.
fn is_slacks(url: &str, api_url: &str) -> bool {
    let (Ok(url), Ok(api)) = (reqwest::Url::parse(url), reqwest::Url::parse(api_url)) else {
        return false;
    };
    let same = url.origin() == api.origin();
    let theirs = url.scheme() == "https" && url.host_str().is_some_and(|h| h.ends_with(".slack.com"));
    (same || theirs) && url.username().is_empty() && url.password().is_none()
}

fn channel_of<'a>(args: &[(&str, &'a str)]) -> &'a str {
    args.iter().find(|(k, _)| *k == "channel").map_or("", |(_, v)| v)
}

fn detail(body: &Value) -> String {
    let mut out = Vec::new();
    for key in ["needed", "errors"] {
        match &body[key] {
            Value::String(s) => out.push(s.clone()),
            Value::Array(items) => out.extend(
                items
                    .iter()
                    .take(3)
                    .map(|i| i.as_str().map_or_else(|| i.to_string(), str::to_owned)),
            ),
            _ => {}
        }
    }
    if out.is_empty()
        && let Some(messages) = body["response_metadata"]["messages"].as_array()
    {
        out.extend(messages.iter().take(3).filter_map(|m| m.as_str().map(str::to_owned)));
    }
    if out.is_empty() {
        String::new()
    } else {
        format!(": {}", imp_core::words::cut(&out.join("; "), 300))
    }
}

/// Whether a method changes nothing, as the last part of its name tells.
fn only_reads(method: &str) -> bool {
    let verb = method.rsplit('.').next();
    verb.is_some_and(|v| ["history", "replies", "info", "list", "members", "test", "lookupByEmail"].contains(&v))
}

/// Whether this is the channel of a name, or of an identifier.
fn is_called(channel: &Value, name: &str) -> bool {
    channel["name"] == name || channel["id"] == name
}

fn tier(method: &str) -> Limit {
    match method {
        "apps.connections.open" => TIER_1,
        "conversations.create"
        | "conversations.setTopic"
        | "conversations.setPurpose"
        | "conversations.rename"
        | "conversations.archive"
        | "conversations.list"
        | "pins.add"
        | "pins.remove"
        | "bookmarks.add"
        | "bookmarks.edit"
        | "bookmarks.remove"
        | "users.list"
        | "usergroups.list"
        | "usergroups.users.list"
        | "reactions.remove" => TIER_2,
        "chat.postEphemeral"
        | "conversations.members"
        | "users.info"
        | "views.open"
        | "views.push"
        | "views.update"
        | "views.publish"
        | "files.getUploadURLExternal"
        | "files.completeUploadExternal" => TIER_4,
        "chat.postMessage" | "auth.test" | "chat.getPermalink" => SPECIAL,
        _ => TIER_3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imp_core::Outcome;

    #[test]
    fn to_wait_after_a_write_counts_as_a_try() {
        let wait = || Trouble::Fault(Fault::Wait { after_ms: 700 });
        assert!(matches!(Outcome::from(wait()), Outcome::Wait { after_ms: 700 }));
        assert!(matches!(Outcome::from(wait().after_a_write()), Outcome::Later { .. }));
    }
}
