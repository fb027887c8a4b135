//! `chat.*`: messages.

use serde_json::{Map, Value, json};

use super::{Answer, Call, Fault, page};
use crate::slack::blocks::{self, Surface};
use crate::slack::state::{BOT_USER, Message, Scheduled, Sort, State};

/// Longer texts are refused.
const TEXT_MAX: usize = 40_000;
/// `markdown_text` is shorter.
const MARKDOWN_MAX: usize = 12_000;
/// Attachments of one message.
const ATTACHMENTS_MAX: usize = 100;
/// A message can be scheduled this far ahead.
const SCHEDULE_MAX_SECS: i64 = 120 * 24 * 3600;

pub(super) fn dispatch(method: &str, c: &mut Call) -> Answer {
    match method {
        "chat.postMessage" => post(c),
        "chat.update" => update(c),
        "chat.delete" => delete(c),
        "chat.postEphemeral" => ephemeral(c),
        "chat.getPermalink" => {
            let ch = c.channel()?;
            let ts = c.a.must("message_ts")?;
            ch.message(&ts)
                .filter(|m| m.only_for.is_none())
                .ok_or("message_not_found")?;
            Ok(json!({"channel": ch.id, "permalink": c.s.permalink(&ch.id, &ts)}))
        }
        "chat.scheduleMessage" => schedule(c),
        "chat.deleteScheduledMessage" => {
            let (channel, id) = (c.channel()?.id.clone(), c.a.must("scheduled_message_id")?);
            let had = c.s.scheduled.len();
            c.s.scheduled.retain(|s| s.id != id || s.channel != channel);
            if c.s.scheduled.len() == had {
                Err("invalid_scheduled_message_id".into())
            } else {
                Ok(json!({}))
            }
        }
        "chat.scheduledMessages.list" => {
            let wanted = c.a.str("channel");
            let all: Vec<Value> =
                c.s.scheduled
                    .iter()
                    .filter(|s| wanted.as_ref().is_none_or(|w| *w == s.channel))
                    .map(|s| {
                        json!({"id": s.id, "channel_id": s.channel, "post_at": s.post_at, "date_created": s.created,
                           "text": s.message.text})
                    })
                    .collect();
            let (some, next) = page(&all, c.a, 100, 1000)?;
            Ok(json!({"scheduled_messages": some, "response_metadata": {"next_cursor": next}}))
        }
        "chat.meMessage" => {
            let id = c.own_channel()?.id.clone();
            let text = c.a.str("text").filter(|t| !t.is_empty()).ok_or("no_text")?;
            let m = Message {
                user: BOT_USER.to_owned(),
                subtype: Some("me_message".to_owned()),
                text,
                ..Message::default()
            };
            let ts = c.s.post(&id, m)?;
            Ok(json!({"channel": id, "ts": ts}))
        }
        "chat.unfurl" => {
            let ch = c.channel()?;
            ch.message(&c.a.must("ts")?).ok_or("cannot_find_message")?;
            match c.a.json("unfurls") {
                Ok(Some(Value::Object(_))) => Ok(json!({})),
                Ok(None) => Err("missing_unfurls".into()),
                _ => Err("cannot_parse_attachment".into()),
            }
        }
        _ => Err("unknown_method".into()),
    }
}

/// `blocks.validate`.
pub(super) fn validate(c: &Call) -> Answer {
    let given = c.a.json("blocks").map_err(|()| Fault::from("invalid_blocks_format"))?;
    let given = given.ok_or_else(|| Fault::missing("blocks"))?;
    let faults = blocks::faults(&given, Surface::Message, "/blocks");
    if faults.is_empty() {
        Ok(json!({}))
    } else {
        Err(Fault::explained("invalid_blocks", &faults))
    }
}

/// Blocks from the arguments, checked and complete; `None` where none were given.
fn read_blocks(s: &mut State, given: Result<Option<Value>, ()>) -> Result<Option<Vec<Value>>, Fault> {
    let Some(given) = given.map_err(|()| Fault::from("invalid_blocks_format"))? else {
        return Ok(None);
    };
    let faults = blocks::faults(&given, Surface::Message, "/blocks");
    if !faults.is_empty() {
        return Err(Fault::explained("invalid_blocks", &faults));
    }
    let Value::Array(mut all) = given else {
        return Err("invalid_blocks_format".into());
    };
    blocks::complete(&mut all, || short_id(s));
    Ok(Some(all))
}

/// An identifier as Slack invents them for blocks and actions.
pub(in crate::slack) fn short_id(s: &mut State) -> String {
    s.id("").trim_start_matches('0').to_owned() + &s.secret()[..4]
}

fn read_metadata(given: Result<Option<Value>, ()>) -> Result<Option<Value>, Fault> {
    match given {
        Err(()) => Err("invalid_metadata_format".into()),
        Ok(None) => Ok(None),
        Ok(Some(v)) => {
            let fits = v.get("event_type").is_some_and(Value::is_string)
                && v.get("event_payload").is_some_and(Value::is_object);
            let empty = v.as_object().is_some_and(Map::is_empty);
            if fits || empty {
                Ok(Some(v))
            } else {
                Err("invalid_metadata_format".into())
            }
        }
    }
}

/// A message as these fields say it; the same for the API, for a command's answer and for a `response_url`.
pub(in crate::slack) fn draft(s: &mut State, a: &super::Args) -> Result<Message, Fault> {
    let mut text = a.str("text").unwrap_or_default();
    let mut blocks = read_blocks(s, a.json("blocks"))?.unwrap_or_default();
    let attachments = match a.json("attachments") {
        Ok(None) => Vec::new(),
        Ok(Some(Value::Array(all))) => all,
        _ => return Err("invalid_attachments".into()),
    };
    if attachments.len() > ATTACHMENTS_MAX {
        return Err("too_many_attachments".into());
    }
    if let Some(markdown) = a.str("markdown_text") {
        if !text.is_empty() || !blocks.is_empty() {
            return Err("markdown_text_conflict".into());
        }
        if markdown.chars().count() > MARKDOWN_MAX {
            return Err("msg_too_long".into());
        }
        blocks = vec![json!({"type": "markdown", "block_id": short_id(s), "text": markdown})];
        text = markdown;
    }
    if text.trim().is_empty() && blocks.is_empty() && attachments.is_empty() {
        return Err("no_text".into());
    }
    if text.chars().count() > TEXT_MAX {
        return Err("msg_too_long".into());
    }
    let mut mask = Map::new();
    for k in ["username", "icon_emoji", "icon_url"] {
        if let Some(v) = a.str(k).filter(|v| !v.is_empty()) {
            mask.insert(k.to_owned(), json!(v));
        }
    }
    let mut m = Message {
        user: BOT_USER.to_owned(),
        text,
        blocks,
        attachments,
        ..Message::default()
    };
    if !mask.is_empty() {
        m.subtype = Some("bot_message".to_owned());
        m.mask = mask;
    }
    m.thread_ts = a.str("thread_ts").filter(|t| !t.is_empty());
    m.broadcast = m.thread_ts.is_some() && a.flag("reply_broadcast");
    m.metadata = read_metadata(a.json("metadata"))?.filter(|v| !v.as_object().is_some_and(Map::is_empty));
    Ok(m)
}

/// Where to post: a channel by identifier or name, or a person, whose conversation is opened.
fn target(c: &mut Call) -> Result<String, Fault> {
    let named = c.a.must("channel")?;
    if c.s.user(&named).is_some() {
        if named == BOT_USER {
            return Err("cannot_dm_bot".into());
        }
        return Ok(c.s.open_direct(&[BOT_USER.to_owned(), named])?.0);
    }
    let ch = c.s.seen_by(BOT_USER, &named).ok_or("channel_not_found")?;
    // Public channels take messages from an app that is not in them: chat:write.public.
    if ch.sort != Sort::Public && !ch.has(BOT_USER) {
        return Err("not_in_channel".into());
    }
    Ok(ch.id.clone())
}

fn post(c: &mut Call) -> Answer {
    let id = target(c)?;
    if c.s.channel(&id).is_some_and(|ch| ch.archived) {
        return Err("is_archived".into());
    }
    let m = draft(c.s, c.a)?;
    let ts = c.s.post(&id, m)?;
    Ok(json!({"channel": id, "ts": ts, "message": shown(c, &id, &ts)}))
}

fn shown(c: &Call, channel: &str, ts: &str) -> Value {
    let Some(ch) = c.s.channel(channel) else {
        return Value::Null;
    };
    let Some(m) = ch.message(ts) else {
        return Value::Null;
    };
    let mut v = c.s.message_json(ch, m);
    if let Some(meta) = &m.metadata {
        v["metadata"] = meta.clone();
    }
    v
}

fn update(c: &mut Call) -> Answer {
    let ch = c.channel()?;
    let (id, ts) = (ch.id.clone(), c.a.must("ts")?);
    if ch.archived {
        return Err("is_archived".into());
    }
    let old = ch
        .message(&ts)
        .filter(|m| m.only_for.is_none())
        .ok_or("message_not_found")?;
    if old.user != BOT_USER
        || old
            .subtype
            .as_deref()
            .is_some_and(|s| !matches!(s, "bot_message" | "thread_broadcast" | "me_message"))
    {
        return Err("cant_update_message".into());
    }
    let (old_text, had_blocks, had_attachments) =
        (old.text.clone(), !old.blocks.is_empty(), !old.attachments.is_empty());
    let text = c.a.str("text");
    let attachments = match c.a.json("attachments") {
        Ok(None) => None,
        Ok(Some(Value::Array(all))) => Some(all),
        _ => return Err("invalid_attachments".into()),
    };
    let metadata = read_metadata(c.a.json("metadata"))?;
    let mut blocks = read_blocks(c.s, c.a.json("blocks"))?;
    if let Some(markdown) = c.a.str("markdown_text") {
        blocks = Some(vec![
            json!({"type": "markdown", "block_id": short_id(c.s), "text": markdown}),
        ]);
    }
    if text.is_none() && blocks.is_none() && attachments.is_none() && metadata.is_none() {
        return Err("no_text".into());
    }
    let empty = text.as_deref().unwrap_or(&old_text).trim().is_empty()
        && blocks.as_ref().map_or(!had_blocks, Vec::is_empty)
        && attachments.as_ref().map_or(!had_attachments, Vec::is_empty);
    if empty {
        return Err("no_text".into());
    }
    if text.as_deref().is_some_and(|t| t.chars().count() > TEXT_MAX) {
        return Err("msg_too_long".into());
    }
    let at = c.s.ts();
    c.s.edit(&id, &ts, |m| {
        if let Some(t) = text {
            m.text = t;
        }
        if let Some(b) = blocks {
            m.blocks = b;
        }
        if let Some(a) = attachments {
            m.attachments = a;
        }
        if let Some(meta) = metadata {
            m.metadata = Some(meta).filter(|v| !v.as_object().is_some_and(Map::is_empty));
        }
        m.edited = Some(at);
    })?;
    let message = shown(c, &id, &ts);
    Ok(json!({"channel": id, "ts": ts, "text": message["text"], "message": message}))
}

fn delete(c: &mut Call) -> Answer {
    let ch = c.channel()?;
    let (id, ts) = (ch.id.clone(), c.a.must("ts")?);
    let m = ch
        .message(&ts)
        .filter(|m| m.only_for.is_none())
        .ok_or("message_not_found")?;
    if m.user != BOT_USER {
        return Err("cant_delete_message".into());
    }
    c.s.delete(&id, &ts)?;
    Ok(json!({"channel": id, "ts": ts}))
}

fn ephemeral(c: &mut Call) -> Answer {
    let ch = c.own_channel()?;
    let id = ch.id.clone();
    if ch.archived {
        return Err("is_archived".into());
    }
    let user = c.a.must("user")?;
    c.s.user(&user).ok_or("user_not_found")?;
    if !ch.has(&user) {
        return Err("user_not_in_channel".into());
    }
    let mut m = draft(c.s, c.a)?;
    m.only_for = Some(user);
    m.broadcast = false;
    m.metadata = None;
    let ts = c.s.post(&id, m)?;
    Ok(json!({"message_ts": ts}))
}

fn schedule(c: &mut Call) -> Answer {
    let id = target(c)?;
    let post_at = c.a.whole("post_at").ok_or("invalid_time")?;
    let now = c.s.now / 1000;
    if post_at <= now {
        return Err("time_in_past".into());
    }
    if post_at > now + SCHEDULE_MAX_SECS {
        return Err("time_too_far".into());
    }
    let message = draft(c.s, c.a)?;
    let scheduled = c.s.id("Q");
    let shown = json!({"text": message.text, "type": "delayed_message", "user": BOT_USER, "blocks": message.blocks});
    c.s.scheduled.push(Scheduled {
        id: scheduled.clone(),
        channel: id.clone(),
        post_at,
        created: now,
        message,
    });
    Ok(json!({"channel": id, "scheduled_message_id": scheduled, "post_at": post_at, "message": shown}))
}
