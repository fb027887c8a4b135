//! Slack's web API: how a call is read, who may make it, which method it is, and how it is answered.

mod chat;
mod conversations;
pub(super) mod files;
mod marks;
mod people;
pub(super) mod views;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Bytes;
use axum::extract::{OriginalUri, Path, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::Slack;
pub(super) use chat::{draft, short_id};

use super::state::{APP, APP_NAME, BOT, BOT_HANDLE, BOT_USER, Channel, State, TEAM};

/// What the bot token may do, as the answer's header says.
const SCOPES: &str = "app_mentions:read,bookmarks:read,bookmarks:write,channels:history,channels:join,channels:manage,\
channels:read,chat:write,chat:write.customize,chat:write.public,commands,emoji:read,files:read,files:write,\
groups:history,groups:read,groups:write,im:history,im:read,im:write,mpim:history,mpim:read,mpim:write,pins:read,\
pins:write,reactions:read,reactions:write,team:read,usergroups:read,usergroups:write,users.profile:read,users:read,\
users:read.email";
/// Methods that read only forms and query strings: a JSON body is not looked at.
const FORM_ONLY: &[&str] = &[
    "bots.info",
    "chat.getPermalink",
    "conversations.history",
    "conversations.info",
    "conversations.list",
    "conversations.members",
    "conversations.replies",
    "emoji.list",
    "files.getUploadURLExternal",
    "files.info",
    "files.list",
    "oauth.v2.access",
    "pins.list",
    "reactions.get",
    "reactions.list",
    "team.info",
    "usergroups.list",
    "usergroups.users.list",
    "users.conversations",
    "users.getPresence",
    "users.info",
    "users.list",
    "users.lookupByEmail",
    "users.profile.get",
];

/// Why a call failed: Slack's code, and what else stands in the answer.
#[derive(Debug)]
pub(super) struct Fault {
    pub error: String,
    pub more: Map<String, Value>,
}

impl From<&'static str> for Fault {
    fn from(error: &'static str) -> Fault {
        Fault {
            error: error.to_owned(),
            more: Map::new(),
        }
    }
}

impl Fault {
    /// A code with messages in `response_metadata`, as Slack explains wrong arguments.
    pub fn explained(error: &str, messages: &[String]) -> Fault {
        let marked: Vec<String> = messages.iter().map(|m| format!("[ERROR] {m}")).collect();
        let mut more = Map::new();
        if error == "invalid_blocks" {
            more.insert("errors".to_owned(), json!(messages));
        }
        more.insert("response_metadata".to_owned(), json!({"messages": marked}));
        Fault {
            error: error.to_owned(),
            more,
        }
    }

    fn missing(field: &str) -> Fault {
        Fault::explained("invalid_arguments", &[format!("missing required field: {field}")])
    }
}

/// What a method answers, beside `ok`.
pub(super) type Answer = Result<Value, Fault>;

/// A call's arguments, whether they came in a form, a query or JSON.
#[derive(Debug, Default)]
pub(super) struct Args(pub Map<String, Value>);

impl Args {
    /// Adds what a form says.
    pub fn form(&mut self, text: &[u8]) {
        let pairs: Vec<(String, String)> = axum::extract::Query::try_from_uri(&query_uri(text))
            .map(|axum::extract::Query(pairs)| pairs)
            .unwrap_or_default();
        for (k, v) in pairs {
            self.0.insert(k, Value::String(v));
        }
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|v| !v.is_null())
    }

    pub fn str(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Value::String(s) => Some(s.clone()),
            other @ (Value::Number(_) | Value::Bool(_)) => Some(other.to_string()),
            _ => None,
        }
    }

    /// Text that must be there and not be empty.
    pub fn must(&self, name: &str) -> Result<String, Fault> {
        self.str(name)
            .filter(|s| !s.is_empty())
            .ok_or_else(|| Fault::missing(name))
    }

    pub fn flag(&self, name: &str) -> bool {
        self.str(name)
            .is_some_and(|s| matches!(s.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on"))
    }

    pub fn whole(&self, name: &str) -> Option<i64> {
        self.str(name)?.parse().ok()
    }

    /// A comma-separated list, or a JSON one.
    pub fn list(&self, name: &str) -> Vec<String> {
        let of = |all: &[Value]| all.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect();
        match self.get(name) {
            Some(Value::Array(all)) => of(all),
            Some(Value::String(s)) if s.trim_start().starts_with('[') => match serde_json::from_str::<Vec<Value>>(s) {
                Ok(all) => of(&all),
                Err(_) => Vec::new(),
            },
            Some(Value::String(s)) => s
                .split(',')
                .map(str::trim)
                .filter(|s| !s.is_empty())
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        }
    }

    /// A JSON argument: inside JSON as it is, inside a form as text; `Err` if the text is no JSON.
    pub fn json(&self, name: &str) -> Result<Option<Value>, ()> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(s)) if s.is_empty() => Ok(None),
            Some(Value::String(s)) => serde_json::from_str(s).map(Some).map_err(drop),
            Some(v) => Ok(Some(v.clone())),
        }
    }
}

fn query_uri(text: &[u8]) -> axum::http::Uri {
    // The form's text is already percent-encoded; what is not allowed in an address is encoded here.
    let mut uri = String::from("/?");
    for b in text {
        match b {
            b'!'..=b'~' if !matches!(b, b'"' | b'<' | b'>' | b'#' | b'`' | b'{' | b'}') => uri.push(char::from(*b)),
            b' ' => uri.push('+'),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri.parse().unwrap_or_default()
}

/// One page of something, by a cursor that says how many came before.
pub(super) fn page<T: Clone>(all: &[T], args: &Args, usual: usize, most: usize) -> Result<(Vec<T>, String), Fault> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let limit = match args.whole("limit") {
        None | Some(0) => usual,
        Some(n) if n < 0 => return Err("invalid_limit".into()),
        Some(n) => usize::try_from(n).unwrap_or(most).min(most),
    };
    let from = match args.str("cursor").filter(|c| !c.is_empty()) {
        None => 0,
        Some(c) => STANDARD
            .decode(c)
            .ok()
            .and_then(|b| String::from_utf8(b).ok())
            .and_then(|s| s.strip_prefix("after:").and_then(|n| n.parse::<usize>().ok()))
            .filter(|n| *n <= all.len())
            .ok_or("invalid_cursor")?,
    };
    let to = (from + limit).min(all.len());
    let next = if to < all.len() {
        STANDARD.encode(format!("after:{to}"))
    } else {
        String::new()
    };
    Ok((all[from..to].to_vec(), next))
}

/// One call's surroundings: the state, locked, and the arguments.
pub(super) struct Call<'a> {
    pub s: &'a mut State,
    pub a: &'a Args,
}

impl Call<'_> {
    /// The channel that the arguments name, if the bot may know of it.
    pub fn channel(&self) -> Result<&Channel, Fault> {
        let named = self.a.must("channel")?;
        self.s
            .channel(&named)
            .and_then(|c| self.s.seen_by(BOT_USER, &c.id))
            .ok_or_else(|| "channel_not_found".into())
    }

    /// Such a channel, in which the bot is.
    pub fn own_channel(&self) -> Result<&Channel, Fault> {
        let c = self.channel()?;
        if c.has(BOT_USER) {
            Ok(c)
        } else {
            Err("not_in_channel".into())
        }
    }
}

/// `POST /api/{method}`.
pub(super) async fn call(
    Shared(slack): Shared<Arc<Slack>>,
    Path(method): Path<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    slack.note_base(&headers, uri.path(), &format!("/api/{method}"));
    let mut args = Args::default();
    args.form(uri.query().unwrap_or("").as_bytes());
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("");
    let mut broken = None;
    if kind.starts_with("application/json") {
        match serde_json::from_slice::<Value>(&body) {
            Ok(Value::Object(o)) if !FORM_ONLY.contains(&method.as_str()) => args.0.extend(o),
            Ok(Value::Object(_)) => {}
            Ok(_) => broken = Some("json_not_object"),
            Err(_) if body.is_empty() => {}
            Err(_) => broken = Some("invalid_json"),
        }
    } else if kind.starts_with("multipart/form-data") {
        files::multipart_args(&headers, body, &mut args).await;
    } else {
        args.form(&body);
    }
    let bearer = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let token = bearer
        .and_then(|v| v.strip_prefix("Bearer "))
        .map(str::to_owned)
        .or_else(|| args.str("token"));
    let answer = match broken {
        Some(why) => Err(why.into()),
        None => slack.call(&method, token.as_deref(), &args),
    };
    respond(answer)
}

fn respond(answer: Answer) -> Response {
    let mut out = Map::new();
    let mut wait = None;
    match answer {
        Ok(v) => {
            out.insert("ok".to_owned(), json!(true));
            if let Value::Object(o) = v {
                out.extend(o);
            }
        }
        Err(f) => {
            out.insert("ok".to_owned(), json!(false));
            out.insert("error".to_owned(), json!(f.error));
            out.extend(f.more);
            if f.error == "ratelimited" {
                wait = out.shift_remove("retry_after").and_then(|v| v.as_i64());
            }
        }
    }
    let mut r = axum::Json(Value::Object(out)).into_response();
    r.headers_mut()
        .insert("x-oauth-scopes", HeaderValue::from_static(SCOPES));
    if let Some(secs) = wait {
        *r.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        r.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
    }
    r
}

fn too_many(secs: i64) -> Fault {
    let mut f = Fault::from("ratelimited");
    f.more.insert("retry_after".to_owned(), json!(secs));
    f
}

impl Slack {
    /// Makes one call of the web API, as if it had come over HTTP.
    fn call(self: &Arc<Self>, method: &str, token: Option<&str>, args: &Args) -> Answer {
        if !known(method) {
            let mut f = Fault::from("unknown_method");
            f.more.insert("req_method".to_owned(), json!(method));
            return Err(f);
        }
        if !matches!(method, "api.test" | "oauth.v2.access") {
            let token = token.filter(|t| !t.is_empty()).ok_or("not_authed")?;
            let (bot, app) = (&self.org.keys.slack_bot_token, &self.org.keys.slack_app_token);
            let wants = if method == "apps.connections.open" { app } else { bot };
            if token != wants {
                return Err(if token == bot || token == app {
                    "not_allowed_token_type"
                } else {
                    "invalid_auth"
                }
                .into());
            }
        }
        if self.limits_on.load(Ordering::Relaxed) {
            let now = self.now_ms();
            let mut limits = self.limits();
            limits.call(method, now).map_err(too_many)?;
            if method == "chat.postMessage" {
                limits
                    .post(&args.str("channel").unwrap_or_default(), now)
                    .map_err(too_many)?;
            }
        }
        if method == "apps.connections.open" {
            return Ok(json!({"url": self.new_link()}));
        }
        if method == "oauth.v2.access" {
            return self.oauth(args);
        }
        self.act(|s| dispatch(method, &mut Call { s, a: args }))
    }

    fn oauth(&self, args: &Args) -> Answer {
        args.str("code").filter(|c| !c.is_empty()).ok_or("invalid_code")?;
        let s = self.lock();
        Ok(json!({
            "access_token": self.org.keys.slack_bot_token, "token_type": "bot", "scope": SCOPES,
            "bot_user_id": BOT_USER, "app_id": APP, "team": {"name": s.name, "id": TEAM}, "enterprise": null,
            "authed_user": {"id": s.users.first().map(|u| u.id.clone())}, "is_enterprise_install": false,
        }))
    }
}

fn known(method: &str) -> bool {
    const METHODS: &[&str] = &[
        "api.test",
        "auth.test",
        "team.info",
        "bots.info",
        "apps.connections.open",
        "oauth.v2.access",
        "emoji.list",
        "blocks.validate",
        "conversations.create",
        "conversations.invite",
        "conversations.kick",
        "conversations.join",
        "conversations.leave",
        "conversations.open",
        "conversations.close",
        "conversations.info",
        "conversations.list",
        "conversations.members",
        "conversations.history",
        "conversations.replies",
        "conversations.archive",
        "conversations.unarchive",
        "conversations.rename",
        "conversations.setTopic",
        "conversations.setPurpose",
        "conversations.mark",
        "users.conversations",
        "users.list",
        "users.info",
        "users.lookupByEmail",
        "users.getPresence",
        "users.profile.get",
        "chat.postMessage",
        "chat.update",
        "chat.delete",
        "chat.postEphemeral",
        "chat.getPermalink",
        "chat.scheduleMessage",
        "chat.deleteScheduledMessage",
        "chat.scheduledMessages.list",
        "chat.meMessage",
        "chat.unfurl",
        "pins.add",
        "pins.list",
        "pins.remove",
        "bookmarks.add",
        "bookmarks.edit",
        "bookmarks.list",
        "bookmarks.remove",
        "reactions.add",
        "reactions.get",
        "reactions.remove",
        "reactions.list",
        "views.open",
        "views.push",
        "views.update",
        "views.publish",
        "usergroups.list",
        "usergroups.create",
        "usergroups.update",
        "usergroups.users.list",
        "usergroups.users.update",
        "files.getUploadURLExternal",
        "files.completeUploadExternal",
        "files.info",
        "files.list",
        "files.delete",
    ];
    METHODS.contains(&method)
}

fn dispatch(method: &str, c: &mut Call) -> Answer {
    match method {
        "api.test" => api_test(c),
        "auth.test" => Ok(json!({
            "url": format!("{}/", c.s.base), "team": c.s.name, "user": BOT_HANDLE, "team_id": TEAM,
            "user_id": BOT_USER, "bot_id": BOT, "is_enterprise_install": false, "app_id": APP, "app_name": APP_NAME,
        })),
        "team.info" => Ok(json!({"team": {
            "id": TEAM, "name": c.s.name, "url": format!("{}/", c.s.base), "domain": c.s.domain, "email_domain": "",
            "icon": {"image_default": true}, "avatar_base_url": format!("{}/client/avatar/", c.s.base), "is_verified": false,
        }})),
        "bots.info" => match c.a.str("bot") {
            Some(id) if id != BOT => Err("bot_not_found".into()),
            _ => {
                let mut bot = c.s.bot_profile();
                if let Some(o) = bot.as_object_mut() {
                    o.shift_remove("team_id");
                }
                Ok(json!({"bot": bot}))
            }
        },
        "emoji.list" => Ok(json!({"emoji": {}, "cache_ts": c.s.ts()})),
        "blocks.validate" => chat::validate(c),
        m if m.starts_with("conversations.") => conversations::dispatch(m, c),
        m if m.starts_with("chat.") => chat::dispatch(m, c),
        m if m.starts_with("users.") || m.starts_with("usergroups.") => people::dispatch(m, c),
        m if m.starts_with("views.") => views::dispatch(m, c),
        m if m.starts_with("files.") => files::dispatch(m, c),
        m => marks::dispatch(m, c),
    }
}

fn api_test(c: &Call) -> Answer {
    let args: Map<String, Value> =
        c.a.0
            .iter()
            .filter(|(k, _)| *k != "token")
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
    match c.a.str("error") {
        Some(error) => {
            let mut f = Fault::from("");
            f.error = error;
            f.more.insert("args".to_owned(), Value::Object(args));
            Err(f)
        }
        None => Ok(json!({"args": args})),
    }
}
