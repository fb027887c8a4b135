//! What people do in the workspace that the app hears of: typing, commands, buttons, modals, shortcuts, the home tab.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Slack;
use super::api::{Fault, short_id, views};
use super::deliver::Errand;
use super::state::{APP, BOT_USER, Channel, Message, Out, State, TEAM, Trigger, VERIFICATION};
use super::{answer, typed};

/// A trigger opens a modal within this time.
const TRIGGER_MS: i64 = 3000;
/// The one command that the app has registered.
pub(super) const COMMAND: &str = "/imp";
/// What its completion says.
pub(super) const COMMAND_HINT: &str = "[declare, list, update, severity, role, task, help]";
/// The shortcut on messages and in the menu.
pub(super) const SHORTCUT: &str = "incident.declare";
/// Its title.
pub(super) const SHORTCUT_TITLE: &str = "Declare an incident";

/// Why something that a person did came to nothing: Slack's code.
pub(super) type Trouble = String;

fn trouble(f: Fault) -> Trouble {
    let messages = f
        .more
        .get("response_metadata")
        .and_then(|m| m["messages"].as_array())
        .cloned()
        .unwrap_or_default();
    match messages.first().and_then(Value::as_str) {
        Some(first) => format!("{} ({first})", f.error),
        None => f.error,
    }
}

fn user_json(s: &State, id: &str) -> Value {
    let handle = s.user(id).map_or("", |u| u.handle.as_str());
    json!({"id": id, "username": handle, "name": handle, "team_id": TEAM})
}

fn trigger(s: &mut State, user: &str, view: Option<&str>) -> String {
    let now = s.now;
    // Kept for a while after they expire, to say that they did.
    s.triggers.retain(|_, t| t.until_ms + 600_000 > now);
    let serial = s.id("");
    let id = format!("{now}.{}.{}", serial.trim_start_matches('0'), s.secret());
    let t = Trigger {
        user: user.to_owned(),
        until_ms: now + TRIGGER_MS,
        used: false,
        view: view.map(str::to_owned),
    };
    s.triggers.insert(id.clone(), t);
    id
}

fn seen<'a>(s: &'a State, user: &str, channel: &str) -> Result<&'a Channel, Trouble> {
    s.channel(channel)
        .and_then(|c| s.seen_by(user, &c.id))
        .ok_or_else(|| "channel_not_found".to_owned())
}

impl Slack {
    /// A person sends a message.
    pub(super) fn say(
        self: &Arc<Self>,
        user: &str,
        channel: &str,
        text: &str,
        thread: Option<String>,
        broadcast: bool,
    ) -> Result<Value, Trouble> {
        self.act(|s| {
            let c = seen(s, user, channel)?;
            if !c.has(user) {
                return Err("not_in_channel".to_owned());
            }
            if text.trim().is_empty() {
                return Err("no_text".to_owned());
            }
            let stored = typed::stored(s, text, user, false);
            let block = typed::rich(&short_id(s), &stored);
            let m = Message {
                user: user.to_owned(),
                text: stored,
                blocks: vec![block],
                broadcast: thread.is_some() && broadcast,
                thread_ts: thread,
                client_msg_id: Some(format!("{}-{}", s.secret(), short_id(s))),
                ..Message::default()
            };
            let ts = s.post(channel, m)?;
            Ok(json!({"ts": ts}))
        })
    }

    /// A person types a command.
    pub(super) async fn command(self: &Arc<Self>, user: &str, channel: &str, line: &str) -> Result<Value, Trouble> {
        let (name, text) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        if name != COMMAND {
            return Err(format!("`{name}` is not a valid command"));
        }
        let (payload, to) = self.act(|s| {
            let c = seen(s, user, channel)?;
            let (id, shown) = (c.id.clone(), c.payload_name().to_owned());
            let to = answer::address(s, user, &id, None);
            let url = answer::answerable(s, "commands", to.clone());
            let text = typed::stored(s, text.trim(), user, true);
            let handle = s.user(user).map_or("", |u| u.handle.as_str()).to_owned();
            let trigger_id = trigger(s, user, None);
            let payload = json!({
                "token": VERIFICATION, "team_id": TEAM, "team_domain": s.domain, "channel_id": id,
                "channel_name": shown, "user_id": user, "user_name": handle, "command": name, "text": text,
                "api_app_id": APP, "is_enterprise_install": "false", "response_url": url, "trigger_id": trigger_id,
            });
            Ok::<_, Trouble>((payload, to))
        })?;
        match self.send(Errand::Command, &payload).await {
            Ok(Value::Null) => Ok(json!({})),
            Ok(Value::Object(o)) if o.is_empty() => Ok(json!({})),
            Ok(said) => self
                .act(|s| answer::said(s, &to, said))
                .map(|()| json!({}))
                .map_err(trouble),
            Err(why) => Err(format!("{name} failed with the error \"{}\"", why.code())),
        }
    }

    /// A person presses or chooses something in a message.
    pub(super) async fn press_message(
        self: &Arc<Self>,
        user: &str,
        channel: &str,
        ts: &str,
        action: Value,
        values: Value,
    ) -> Result<Value, Trouble> {
        let payload = self.act(|s| {
            let c = seen(s, user, channel)?;
            let m = c.message(ts).ok_or("message_not_found")?;
            if m.only_for.as_deref().is_some_and(|who| who != user) {
                return Err("message_not_found".to_owned());
            }
            let mut shown = s.message_json(c, m);
            if let Some(meta) = &m.metadata {
                shown["metadata"] = meta.clone();
            }
            let (ephemeral, thread) = (m.only_for.is_some(), m.thread_ts.clone());
            let mut container =
                json!({"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": ephemeral});
            if let Some(t) = &thread {
                container["thread_ts"] = json!(t);
            }
            let channel_json = json!({"id": c.id, "name": c.payload_name()});
            let to = answer::address(s, user, channel, Some(ts));
            let url = answer::answerable(s, "actions", to);
            let trigger_id = trigger(s, user, None);
            let mut p = json!({
                "type": "block_actions", "user": user_json(s, user), "api_app_id": APP, "token": VERIFICATION,
                "container": container, "trigger_id": trigger_id, "team": s.team_json(), "enterprise": null,
                "is_enterprise_install": false, "channel": channel_json, "state": {"values": values},
                "response_url": url, "actions": [stamped(s, action)],
            });
            if !ephemeral {
                p["message"] = shown;
            }
            Ok(p)
        })?;
        self.send(Errand::Interaction, &payload)
            .await
            .map(|_| json!({}))
            .map_err(|why| why.code().to_owned())
    }

    /// A person presses or chooses something in a modal or in the home tab.
    pub(super) async fn press_view(
        self: &Arc<Self>,
        user: &str,
        view: &str,
        action: Value,
        values: Value,
    ) -> Result<Value, Trouble> {
        let payload = self.act(|s| {
            let v = s
                .views
                .get_mut(view)
                .filter(|v| v.user == user)
                .ok_or("view_not_found")?;
            merge(&mut v.values, values);
            let (v, kind) = (v.clone(), v.body.get("type").cloned().unwrap_or_default());
            let shown = s.view_json(&v);
            let from = (kind == "modal").then_some(view);
            let trigger_id = trigger(s, user, from);
            Ok::<_, Trouble>(json!({
                "type": "block_actions", "user": user_json(s, user), "api_app_id": APP, "token": VERIFICATION,
                "container": {"type": "view", "view_id": view}, "trigger_id": trigger_id, "team": s.team_json(),
                "enterprise": null, "is_enterprise_install": false, "view": shown, "actions": [stamped(s, action)],
            }))
        })?;
        self.send(Errand::Interaction, &payload)
            .await
            .map(|_| json!({}))
            .map_err(|why| why.code().to_owned())
    }

    /// A person submits the modal on top; `errors` in the answer are to be shown beside the inputs.
    pub(super) async fn submit(self: &Arc<Self>, user: &str, view: &str, values: Value) -> Result<Value, Trouble> {
        let payload = self.act(|s| {
            let v = s
                .views
                .get_mut(view)
                .filter(|v| v.user == user)
                .ok_or("view_not_found")?;
            merge(&mut v.values, values);
            let v = v.clone();
            let errors = missing(&v.body, &v.values);
            if !errors.is_empty() {
                return Ok(Err(errors));
            }
            let mut shown = s.view_json(&v);
            shown["state"] = json!({"values": inputs(&v.body, &v.values)});
            let trigger_id = trigger(s, user, Some(view));
            Ok::<_, Trouble>(Ok(json!({
                "type": "view_submission", "team": s.team_json(), "user": user_json(s, user), "api_app_id": APP,
                "token": VERIFICATION, "trigger_id": trigger_id, "view": shown, "response_urls": [],
                "is_enterprise_install": false, "enterprise": null,
            })))
        })?;
        let payload = match payload {
            Ok(p) => p,
            Err(errors) => return Ok(json!({"errors": errors})),
        };
        match self.send(Errand::Interaction, &payload).await {
            Ok(said) => self.act(|s| submitted(s, user, view, said)),
            Err(why) => Err(why.code().to_owned()),
        }
    }

    /// A person closes a modal, or all of them.
    pub(super) async fn close_view(self: &Arc<Self>, user: &str, view: &str, all: bool) -> Result<Value, Trouble> {
        let notices = self.act(|s| {
            let stack = s.stacks.get(user).cloned().unwrap_or_default();
            let from = if all {
                0
            } else {
                stack.iter().position(|v| v == view).unwrap_or(stack.len())
            };
            let gone: Vec<String> = stack[from..].to_vec();
            let mut notices = Vec::new();
            for id in gone.iter().rev() {
                let Some(v) = s.views.remove(id) else { continue };
                if v.body.get("notify_on_close") == Some(&json!(true)) {
                    notices.push(json!({
                        "type": "view_closed", "team": s.team_json(), "user": user_json(s, user), "api_app_id": APP,
                        "token": VERIFICATION, "view": s.view_json(&v), "is_cleared": all,
                        "is_enterprise_install": false, "enterprise": null,
                    }));
                }
            }
            if let Some(stack) = s.stacks.get_mut(user) {
                stack.truncate(from);
            }
            views::show_stack(s, user);
            notices
        });
        for notice in notices {
            self.send(Errand::Interaction, &notice)
                .await
                .map_err(|why| why.code().to_owned())?;
        }
        Ok(json!({}))
    }

    /// A person chooses the shortcut, on a message or from the menu.
    pub(super) async fn shortcut(
        self: &Arc<Self>,
        user: &str,
        callback_id: &str,
        on: Option<(&str, &str)>,
    ) -> Result<Value, Trouble> {
        let payload = self.act(|s| {
            let mut p = json!({
                "type": "shortcut", "token": VERIFICATION, "action_ts": s.ts(), "team": s.team_json(),
                "user": user_json(s, user), "is_enterprise_install": false, "enterprise": null,
                "callback_id": callback_id, "trigger_id": trigger(s, user, None),
            });
            if let Some((channel, ts)) = on {
                let c = seen(s, user, channel)?;
                let m = c
                    .message(ts)
                    .filter(|m| m.only_for.is_none())
                    .ok_or("message_not_found")?;
                let (message, named) = (s.message_json(c, m), json!({"id": c.id, "name": c.payload_name()}));
                let to = answer::address(s, user, channel, Some(ts));
                let url = answer::answerable(s, "app", to);
                p["type"] = json!("message_action");
                p["channel"] = named;
                p["message_ts"] = json!(ts);
                p["message"] = message;
                p["response_url"] = json!(url);
            }
            Ok::<_, Trouble>(p)
        })?;
        self.send(Errand::Interaction, &payload)
            .await
            .map(|_| json!({}))
            .map_err(|why| why.code().to_owned())
    }

    /// A menu asks the app for its options.
    pub(super) async fn suggest(
        self: &Arc<Self>,
        user: &str,
        container: Value,
        action: &Value,
        value: &str,
    ) -> Result<Value, Trouble> {
        let payload = self.act(|s| {
            let mut p = json!({
                "type": "block_suggestion", "user": user_json(s, user), "api_app_id": APP, "token": VERIFICATION,
                "action_id": action["action_id"], "block_id": action["block_id"], "value": value,
                "container": container, "team": s.team_json(), "enterprise": null, "is_enterprise_install": false,
            });
            if let Some(v) = container["view_id"].as_str().and_then(|id| s.views.get(id)) {
                p["view"] = s.view_json(v);
            }
            p
        });
        self.send(Errand::Interaction, &payload)
            .await
            .map_err(|why| why.code().to_owned())
    }

    /// A person looks at the app's own page.
    pub(super) fn open_home(self: &Arc<Self>, user: &str, tab: &str) -> Result<Value, Trouble> {
        self.act(|s| {
            let (channel, _) = s.open_direct(&[user.to_owned(), BOT_USER.to_owned()])?;
            let at = s.ts();
            let view = s.homes.get(user).and_then(|id| s.views.get(id)).map(|v| s.view_json(v));
            let mut event =
                json!({"type": "app_home_opened", "user": user, "channel": channel, "tab": tab, "event_ts": at});
            if let Some(view) = view.clone().filter(|_| tab == "home") {
                event["view"] = view;
            }
            s.outbox.push(Out::App(event));
            Ok(json!({"channel": channel, "view": view}))
        })
    }
}

/// An action with the time at which it happened.
fn stamped(s: &mut State, mut action: Value) -> Value {
    let at = s.ts();
    if let Some(o) = action.as_object_mut() {
        o.insert("action_ts".to_owned(), json!(at));
    }
    action
}

/// Takes what the page says is in the inputs, for those that the view has.
fn merge(values: &mut Value, from: Value) {
    let Value::Object(from) = from else { return };
    if !values.is_object() {
        *values = json!({});
    }
    for (block, elements) in from {
        let Value::Object(elements) = elements else {
            continue;
        };
        for (action, value) in elements {
            values[block.as_str()][action.as_str()] = value;
        }
    }
}

/// `state.values` of a submission: the inputs, and what stands in actions and accessories.
fn inputs(body: &Map<String, Value>, values: &Value) -> Value {
    let mut out = Map::new();
    for block in body.get("blocks").and_then(Value::as_array).into_iter().flatten() {
        let Some(id) = block.get("block_id").and_then(Value::as_str) else {
            continue;
        };
        if let Some(v) = values.get(id) {
            out.insert(id.to_owned(), v.clone());
        }
    }
    Value::Object(out)
}

/// What Slack's client itself says of the inputs, before the app is asked.
fn missing(body: &Map<String, Value>, values: &Value) -> Map<String, Value> {
    let mut errors = Map::new();
    for block in body.get("blocks").and_then(Value::as_array).into_iter().flatten() {
        if block.get("type") != Some(&json!("input")) {
            continue;
        }
        let (Some(id), Some(element)) = (block.get("block_id").and_then(Value::as_str), block.get("element")) else {
            continue;
        };
        let action = element.get("action_id").and_then(Value::as_str).unwrap_or("");
        let value = values.get(id).and_then(|b| b.get(action)).and_then(Value::as_object);
        let given = value
            .and_then(|o| o.iter().find(|(k, _)| *k != "type").map(|(_, v)| v))
            .unwrap_or(&Value::Null);
        let empty = match given {
            Value::Null => true,
            Value::String(s) => s.trim().is_empty(),
            Value::Array(a) => a.is_empty(),
            _ => false,
        };
        if empty {
            if block.get("optional") != Some(&json!(true)) {
                errors.insert(id.to_owned(), json!("Please complete this required field."));
            }
            continue;
        }
        let kind = element.get("type").and_then(Value::as_str).unwrap_or("");
        let text = given.as_str().unwrap_or("");
        let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        let bound = |k: &str| element.get(k).and_then(Value::as_i64);
        let number = |k: &str| {
            element
                .get(k)
                .and_then(Value::as_str)
                .and_then(|s| s.parse::<f64>().ok())
        };
        let why = match kind {
            "plain_text_input" if bound("min_length").is_some_and(|n| length < n) => Some(format!(
                "Must be at least {} characters long.",
                bound("min_length").unwrap_or(0)
            )),
            "plain_text_input" if length > bound("max_length").unwrap_or(3000) => Some(format!(
                "Must be at most {} characters long.",
                bound("max_length").unwrap_or(3000)
            )),
            "email_text_input" if !text.contains('@') => Some("Please enter a valid email address.".to_owned()),
            "url_text_input" if !text.contains("://") => Some("Please enter a valid URL.".to_owned()),
            "number_input" => match text.trim().parse::<f64>() {
                Err(_) => Some("Please enter a number.".to_owned()),
                Ok(n) if number("min_value").is_some_and(|min| n < min) => {
                    Some(format!("Must be at least {}.", number("min_value").unwrap_or(0.0)))
                }
                Ok(n) if number("max_value").is_some_and(|max| n > max) => {
                    Some(format!("Must be at most {}.", number("max_value").unwrap_or(0.0)))
                }
                Ok(_) => None,
            },
            _ => None,
        };
        if let Some(why) = why {
            errors.insert(id.to_owned(), json!(why));
        }
    }
    errors
}

/// Does what the app answered to a submission.
fn submitted(s: &mut State, user: &str, view: &str, said: Value) -> Result<Value, Trouble> {
    let action = said.get("response_action").and_then(Value::as_str).unwrap_or("");
    match action {
        "errors" => {
            let errors = said
                .get("errors")
                .and_then(Value::as_object)
                .filter(|e| !e.is_empty())
                .ok_or("invalid_response")?;
            let blocks: Vec<&str> = s
                .views
                .get(view)
                .and_then(|v| v.body.get("blocks")?.as_array())
                .into_iter()
                .flatten()
                .filter(|b| b.get("type") == Some(&json!("input")))
                .filter_map(|b| b.get("block_id")?.as_str())
                .collect();
            // Slack shows nothing sensible for errors of blocks that are no inputs; here that is said.
            match errors.keys().find(|k| !blocks.contains(&k.as_str())) {
                Some(stranger) => Err(format!(
                    "invalid_response: errors names the block {stranger}, which is no input"
                )),
                None => Ok(json!({"errors": errors})),
            }
        }
        "update" => {
            let body = views::checked(s, said["view"].clone(), "modal").map_err(trouble)?;
            views::replace(s, view, body);
            Ok(json!({}))
        }
        "push" => {
            let body = views::checked(s, said["view"].clone(), "modal").map_err(trouble)?;
            views::put_on(s, user, body).map_err(trouble)?;
            Ok(json!({}))
        }
        "" | "clear" => {
            let clear = action == "clear"
                || s.views
                    .get(view)
                    .is_some_and(|v| v.body.get("clear_on_close") == Some(&json!(true)));
            let stack = s.stacks.get(user).cloned().unwrap_or_default();
            let keep = if clear {
                0
            } else {
                stack.iter().position(|v| v == view).unwrap_or(stack.len())
            };
            for id in &stack[keep..] {
                s.views.remove(id);
            }
            if let Some(stack) = s.stacks.get_mut(user) {
                stack.truncate(keep);
            }
            views::show_stack(s, user);
            Ok(json!({}))
        }
        other => Err(format!("invalid_response: unknown response_action {other}")),
    }
}
