//! What the client page talks to: the page itself, its own small JSON API, and the stream that keeps it live.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{OriginalUri, Path, Query, State as Shared};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::Stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::Slack;
use super::api::views;
use super::interact::{COMMAND, COMMAND_HINT, SHORTCUT, SHORTCUT_TITLE, Trouble};
use super::state::{APP_NAME, BOT_USER, Channel, Message, Sort, State, colour};

/// Messages of a channel that the page shows.
const SHOWN: usize = 300;
/// The page runs its own script and nothing else.
const POLICY: &str = "default-src 'self'; img-src 'self' https: http: data:; style-src 'self'; script-src 'self'; \
                      object-src 'none'; base-uri 'none'; form-action 'none'";

/// The page's files.
const ASSETS: &[(&str, &str, &str)] = &[
    ("style.css", "text/css", include_str!("page/style.css")),
    ("main.js", "text/javascript", include_str!("page/main.js")),
    ("dom.js", "text/javascript", include_str!("page/dom.js")),
    ("mrkdwn.js", "text/javascript", include_str!("page/mrkdwn.js")),
    ("kit.js", "text/javascript", include_str!("page/kit.js")),
    ("modal.js", "text/javascript", include_str!("page/modal.js")),
    ("messages.js", "text/javascript", include_str!("page/messages.js")),
    ("composer.js", "text/javascript", include_str!("page/composer.js")),
    ("emoji.js", "text/javascript", include_str!("page/emoji.js")),
];

pub(super) fn routes() -> Router<Arc<Slack>> {
    Router::new()
        .route("/", get(page))
        .route("/archives/{channel}/{message}", get(archive))
        .route("/client/assets/{name}", get(asset))
        .route("/client/avatar/{id}", get(avatar))
        .route("/client/file/{id}", get(file))
        .route("/client/boot", get(boot))
        .route("/client/events", get(events))
        .route("/client/channel/{id}", get(channel))
        .route("/client/thread/{id}/{ts}", get(thread))
        .route("/client/send", post(send))
        .route("/client/action", post(action))
        .route("/client/suggest", post(suggest))
        .route("/client/submit", post(submit))
        .route("/client/close", post(close))
        .route("/client/shortcut", post(shortcut))
        .route("/client/home", post(home))
        .route("/client/do", post(act))
        // A nested router has no route for its own name with a slash at the end.
        .fallback(page)
}

async fn page(OriginalUri(uri): OriginalUri, uri_in: axum::http::Uri) -> Response {
    if !matches!(uri_in.path(), "/" | "") {
        return (StatusCode::NOT_FOUND, "There is nothing here.").into_response();
    }
    if !uri.path().ends_with('/') {
        let query = uri.query().map_or(String::new(), |q| format!("?{q}"));
        return Redirect::temporary(&format!("{}/{query}", uri.path())).into_response();
    }
    let kinds: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (kinds, include_str!("page/index.html")).into_response()
}

async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(n, _, _)| *n == name) {
        Some((_, kind, text)) => (
            [(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "no-cache")],
            *text,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A permanent link opens the page at its message.
async fn archive(Path((channel, message)): Path<(String, String)>) -> Response {
    let clean = |s: &str| s.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    let (channel, p) = (clean(&channel), clean(&message));
    let digits = p.trim_start_matches('p');
    let ts = match digits.len().checked_sub(6) {
        Some(n) if digits.is_ascii() => format!("{}.{}", &digits[..n], &digits[n..]),
        _ => String::new(),
    };
    Redirect::temporary(&format!("../../?channel={channel}&ts={ts}")).into_response()
}

async fn avatar(Shared(slack): Shared<Arc<Slack>>, Path(id): Path<String>) -> Response {
    let s = slack.lock();
    let Some(u) = s.user(&id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let initials: String = u
        .name
        .split_whitespace()
        .filter_map(|w| w.chars().next())
        .filter(|c| c.is_alphanumeric())
        .take(2)
        .collect();
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 72 72\"><rect width=\"72\" height=\"72\" rx=\"10\" \
         fill=\"#{}\"/><text x=\"36\" y=\"46\" font-family=\"sans-serif\" font-weight=\"700\" font-size=\"28\" \
         text-anchor=\"middle\" fill=\"#fff\">{initials}</text></svg>",
        colour(&u.id)
    );
    ([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response()
}

async fn file(Shared(slack): Shared<Arc<Slack>>, Path(id): Path<String>) -> Response {
    let s = slack.lock();
    let Some(f) = s.files.iter().find(|f| f.id == id && f.done) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = super::api::files::mime(&f.name);
    // Only pictures that cannot carry a script are shown in place.
    let place = if matches!(kind, "image/png" | "image/jpeg" | "image/gif") {
        "inline"
    } else {
        "attachment"
    };
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, place)];
    (headers, f.bytes.clone()).into_response()
}

/// Who asks.
#[derive(Debug, Deserialize)]
struct As {
    #[serde(rename = "as", default)]
    who: String,
}

impl As {
    /// The person's identifier; the first in the list, if nobody is named.
    fn user(&self, s: &State) -> Option<String> {
        let found = if self.who.is_empty() {
            s.users.first()
        } else {
            s.by_handle(&self.who)
        };
        found.filter(|u| !u.bot).map(|u| u.id.clone())
    }
}

type Said = Result<Json<Value>, (StatusCode, Json<Value>)>;

fn wrong(why: impl Into<String>) -> (StatusCode, Json<Value>) {
    (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"error": why.into()})))
}

fn said(result: Result<Value, Trouble>) -> Said {
    result.map(Json).map_err(wrong)
}

fn channel_card(s: &State, c: &Channel, me: &str) -> Value {
    let read = c.read.get(me).map_or("", String::as_str);
    let counts = |m: &&Message| {
        m.ts.as_str() > read
            && m.user != me
            && m.only_for.is_none()
            && (m.broadcast || m.thread_ts.as_ref().is_none_or(|t| *t == m.ts))
            && !m.subtype.as_deref().is_some_and(|k| k.starts_with("channel_"))
    };
    let unread = if c.has(me) {
        c.messages.iter().filter(counts).count()
    } else {
        0
    };
    let called = format!("<@{me}>");
    let mentions = c
        .messages
        .iter()
        .filter(counts)
        .filter(|m| c.direct() || m.text.contains(&called))
        .count();
    let sort = match c.sort {
        Sort::Public => "public",
        Sort::Private => "private",
        Sort::Direct => "direct",
        Sort::Group => "group",
    };
    let with: Vec<&String> = c.members.iter().filter(|m| *m != me).collect();
    let name = if c.direct() {
        let names: Vec<&str> = with.iter().filter_map(|m| s.user(m)).map(|u| u.name.as_str()).collect();
        names.join(", ")
    } else {
        c.name.clone()
    };
    json!({
        "id": c.id, "name": name, "sort": sort, "topic": c.topic.value, "purpose": c.purpose.value,
        "members": c.members.len(), "member": c.has(me), "archived": c.archived, "unread": unread,
        "mentions": mentions, "with": with, "open": c.open_for.contains(me) || c.sort == Sort::Group,
        "app": c.sort == Sort::Direct && c.has(BOT_USER), "pins": c.pins.len(), "read": read,
    })
}

async fn boot(Shared(slack): Shared<Arc<Slack>>, Query(who): Query<As>) -> Said {
    let s = slack.lock();
    let me = who.user(&s).ok_or_else(|| wrong("no such person"))?;
    let people: Vec<Value> = s
        .users
        .iter()
        .map(|u| json!({"id": u.id, "handle": u.handle, "name": u.name, "title": u.title, "bot": u.bot, "colour": colour(&u.id)}))
        .collect();
    let channels: Vec<Value> = s
        .channels
        .iter()
        .filter(|c| c.sort == Sort::Public || c.has(&me))
        .map(|c| channel_card(&s, c, &me))
        .collect();
    let groups: Vec<Value> = s
        .usergroups
        .iter()
        .map(|g| json!({"id": g.id, "handle": g.handle, "name": g.name}))
        .collect();
    let home = s.homes.get(&me).and_then(|id| s.views.get(id)).map(|v| s.view_json(v));
    Ok(Json(json!({
        "team": s.name, "me": me, "home": home, "people": people, "channels": channels, "groups": groups,
        "app": {"user": BOT_USER, "name": APP_NAME},
        "commands": [{"name": COMMAND, "hint": COMMAND_HINT}],
        "shortcuts": [{"callback_id": SHORTCUT, "title": SHORTCUT_TITLE}],
        "modals": views::stack_json(&s, &me),
    })))
}

async fn channel(Shared(slack): Shared<Arc<Slack>>, Path(id): Path<String>, Query(who): Query<As>) -> Said {
    let s = slack.lock();
    let me = who.user(&s).ok_or_else(|| wrong("no such person"))?;
    let c = s.seen_by(&me, &id).ok_or_else(|| wrong("channel_not_found"))?;
    let all: Vec<&Message> = c
        .messages
        .iter()
        .filter(|m| m.only_for.as_ref().is_none_or(|w| *w == me))
        .filter(|m| m.broadcast || m.thread_ts.as_ref().is_none_or(|t| *t == m.ts))
        .collect();
    let messages: Vec<Value> = all[all.len().saturating_sub(SHOWN)..]
        .iter()
        .map(|m| s.message_json(c, m))
        .collect();
    let pins: Vec<Value> = c
        .pins
        .iter()
        .filter_map(|p| c.message(&p.ts))
        .map(|m| s.message_json(c, m))
        .collect();
    Ok(Json(json!({
        "channel": channel_card(&s, c, &me), "messages": messages, "bookmarks": c.bookmarks, "pins": pins,
        "members": c.members, "created": c.created, "creator": c.creator,
    })))
}

async fn thread(
    Shared(slack): Shared<Arc<Slack>>,
    Path((id, ts)): Path<(String, String)>,
    Query(who): Query<As>,
) -> Said {
    let s = slack.lock();
    let me = who.user(&s).ok_or_else(|| wrong("no such person"))?;
    let c = s.seen_by(&me, &id).ok_or_else(|| wrong("channel_not_found"))?;
    let messages: Vec<Value> = c
        .messages
        .iter()
        .filter(|m| m.ts == ts || m.thread_ts.as_deref() == Some(&ts))
        .filter(|m| m.only_for.as_ref().is_none_or(|w| *w == me))
        .map(|m| s.message_json(c, m))
        .collect();
    Ok(Json(json!({"messages": messages})))
}

async fn events(
    Shared(slack): Shared<Arc<Slack>>,
    Query(who): Query<As>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, (StatusCode, Json<Value>)> {
    let me = who.user(&slack.lock()).ok_or_else(|| wrong("no such person"))?;
    let first = Event::default().data(json!({"type": "hello"}).to_string());
    let rx = slack.pages.subscribe();
    let stream = futures_util::stream::unfold((rx, me, Some(first)), |(mut rx, me, first)| async move {
        if let Some(first) = first {
            return Some((Ok(first), (rx, me, None)));
        }
        loop {
            let what = match rx.recv().await {
                Ok((Some(who), _)) if !who.contains(&me) => continue,
                Ok((_, what)) => what.to_string(),
                Err(broadcast::error::RecvError::Lagged(_)) => json!({"type": "resync"}).to_string(),
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            return Some((Ok(Event::default().data(what)), (rx, me, None)));
        }
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// A message or a command.
#[derive(Debug, Deserialize)]
struct Send {
    #[serde(flatten)]
    who: As,
    channel: String,
    text: String,
    #[serde(default)]
    thread_ts: Option<String>,
    #[serde(default)]
    broadcast: bool,
}

fn named(slack: &Slack, who: &As, channel: &str) -> Result<(String, String), (StatusCode, Json<Value>)> {
    let s = slack.lock();
    let me = who.user(&s).ok_or_else(|| wrong("no such person"))?;
    let id = s
        .seen_by(&me, channel)
        .ok_or_else(|| wrong("channel_not_found"))?
        .id
        .clone();
    Ok((me, id))
}

async fn send(Shared(slack): Shared<Arc<Slack>>, Json(q): Json<Send>) -> Said {
    let (me, channel) = named(&slack, &q.who, &q.channel)?;
    if q.text.starts_with('/') {
        return said(slack.command(&me, &channel, q.text.trim()).await);
    }
    said(slack.say(&me, &channel, &q.text, q.thread_ts, q.broadcast))
}

/// Something pressed or chosen.
#[derive(Debug, Deserialize)]
struct Action {
    #[serde(flatten)]
    who: As,
    /// `{"channel", "ts"}` or `{"view"}`.
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    ts: Option<String>,
    #[serde(default)]
    view: Option<String>,
    action: Value,
    #[serde(default)]
    values: Value,
    #[serde(default)]
    query: String,
}

async fn action(Shared(slack): Shared<Arc<Slack>>, Json(q): Json<Action>) -> Said {
    let me = q.who.user(&slack.lock()).ok_or_else(|| wrong("no such person"))?;
    match (&q.view, &q.channel, &q.ts) {
        (Some(view), _, _) => said(slack.press_view(&me, view, q.action, q.values).await),
        (None, Some(channel), Some(ts)) => {
            let (me, channel) = named(&slack, &q.who, channel)?;
            said(slack.press_message(&me, &channel, ts, q.action, q.values).await)
        }
        _ => Err(wrong("an action is in a message or in a view")),
    }
}

async fn suggest(Shared(slack): Shared<Arc<Slack>>, Json(q): Json<Action>) -> Said {
    let me = q.who.user(&slack.lock()).ok_or_else(|| wrong("no such person"))?;
    let container = match (&q.view, &q.channel, &q.ts) {
        (Some(view), _, _) => json!({"type": "view", "view_id": view}),
        (None, Some(channel), Some(ts)) => {
            json!({"type": "message", "channel_id": channel, "message_ts": ts})
        }
        _ => return Err(wrong("an action is in a message or in a view")),
    };
    said(slack.suggest(&me, container, &q.action, &q.query).await)
}

/// Something done to a modal, or to the home tab.
#[derive(Debug, Deserialize)]
struct OfView {
    #[serde(flatten)]
    who: As,
    #[serde(default)]
    view: String,
    #[serde(default)]
    values: Value,
    #[serde(default)]
    all: bool,
    #[serde(default)]
    tab: String,
}

async fn submit(Shared(slack): Shared<Arc<Slack>>, Json(q): Json<OfView>) -> Said {
    let me = q.who.user(&slack.lock()).ok_or_else(|| wrong("no such person"))?;
    said(slack.submit(&me, &q.view, q.values).await)
}

async fn close(Shared(slack): Shared<Arc<Slack>>, Json(q): Json<OfView>) -> Said {
    let me = q.who.user(&slack.lock()).ok_or_else(|| wrong("no such person"))?;
    said(slack.close_view(&me, &q.view, q.all).await)
}

async fn home(Shared(slack): Shared<Arc<Slack>>, Json(q): Json<OfView>) -> Said {
    let me = q.who.user(&slack.lock()).ok_or_else(|| wrong("no such person"))?;
    said(slack.open_home(&me, if q.tab.is_empty() { "home" } else { &q.tab }))
}

/// A shortcut.
#[derive(Debug, Deserialize)]
struct Shortcut {
    #[serde(flatten)]
    who: As,
    callback_id: String,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    ts: Option<String>,
}

async fn shortcut(Shared(slack): Shared<Arc<Slack>>, Json(q): Json<Shortcut>) -> Said {
    let me = q.who.user(&slack.lock()).ok_or_else(|| wrong("no such person"))?;
    match (&q.channel, &q.ts) {
        (Some(channel), Some(ts)) => {
            let (me, channel) = named(&slack, &q.who, channel)?;
            said(slack.shortcut(&me, &q.callback_id, Some((&channel, ts))).await)
        }
        _ => said(slack.shortcut(&me, &q.callback_id, None).await),
    }
}

/// Something that only the workspace is concerned with.
#[derive(Debug, Deserialize)]
struct Act {
    #[serde(flatten)]
    who: As,
    what: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    ts: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    users: Vec<String>,
    #[serde(default)]
    private: bool,
}

async fn act(Shared(slack): Shared<Arc<Slack>>, Json(q): Json<Act>) -> Said {
    let me = q.who.user(&slack.lock()).ok_or_else(|| wrong("no such person"))?;
    let result = slack.act(|s| {
        let channel = s.seen_by(&me, &q.channel).map(|c| c.id.clone()).unwrap_or_default();
        match q.what.as_str() {
            "read" => {
                if let Some(c) = s.channel_mut(&channel) {
                    let ts = if q.ts.is_empty() {
                        c.messages.last().map(|m| m.ts.clone())
                    } else {
                        Some(q.ts.clone())
                    };
                    if let Some(ts) = ts {
                        c.read.insert(me.clone(), ts);
                    }
                }
            }
            "react" => {
                let mine = s
                    .channel(&channel)
                    .and_then(|c| c.message(&q.ts))
                    .is_some_and(|m| m.reactions.iter().any(|(n, by)| *n == q.name && by.contains(&me)));
                if mine {
                    s.unreact(&me, &channel, &q.ts, &q.name)?
                } else {
                    s.react(&me, &channel, &q.ts, &q.name)?
                }
            }
            "pin" => s.pin(&me, &channel, &q.ts)?,
            "unpin" => s.unpin(&me, &channel, &q.ts)?,
            "delete" => {
                let m = s
                    .channel(&channel)
                    .and_then(|c| c.message(&q.ts))
                    .ok_or("message_not_found")?;
                // Anybody may put away what only they see; else only one's own words.
                if m.user != me && m.only_for.as_ref() != Some(&me) {
                    return Err("cant_delete_message".to_owned());
                }
                s.delete(&channel, &q.ts)?;
            }
            "edit" => {
                let m = s
                    .channel(&channel)
                    .and_then(|c| c.message(&q.ts))
                    .ok_or("message_not_found")?;
                if m.user != me || m.subtype.as_deref().is_some_and(|k| k != "thread_broadcast") {
                    return Err("cant_update_message".to_owned());
                }
                let text = super::typed::stored(s, &q.name, &me, false);
                let (at, id) = (s.ts(), super::api::short_id(s));
                s.edit(&channel, &q.ts, |m| {
                    m.blocks = vec![super::typed::rich(&id, &text)];
                    m.text = text;
                    m.edited = Some(at);
                })?;
            }
            "join" => s.join(&channel, &me, None)?,
            "leave" => s.part(&channel, &me)?,
            "invite" => {
                for u in &q.users {
                    s.user(u).ok_or("user_not_found")?;
                    s.join(&channel, u, Some(&me))?;
                }
            }
            "topic" => s.set_topic(&me, &channel, &q.name)?,
            "create" => {
                let sort = if q.private { Sort::Private } else { Sort::Public };
                return Ok(json!({"channel": s.create_channel(&me, &q.name, sort)?}));
            }
            "archive" => s.archive(&me, &channel)?,
            "unarchive" => s.unarchive(&me, &channel)?,
            "open" => {
                let mut all = vec![me.clone()];
                all.extend(q.users.iter().filter(|u| **u != me).cloned());
                return Ok(json!({"channel": s.open_direct(&all)?.0}));
            }
            other => return Err(format!("nobody can {other}")),
        }
        Ok(json!({}))
    });
    said(result)
}
