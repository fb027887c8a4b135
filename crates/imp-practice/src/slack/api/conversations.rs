//! `conversations.*`: channels, direct messages, who is in them and what was said there.

use serde_json::{Map, Value, json};

use super::{Answer, Call, Fault, page};
use crate::slack::state::{BOT_USER, Channel, Message, Sort};

/// Objects on one page of a history, unless asked for otherwise; and at most.
const HISTORY: (usize, usize) = (100, 999);
/// People in one invitation.
const INVITE_MAX: usize = 1000;
/// People in one direct conversation, beside the bot.
const OPEN_MAX: usize = 8;

pub(super) fn dispatch(method: &str, c: &mut Call) -> Answer {
    match method {
        "conversations.create" => create(c),
        "conversations.invite" => invite(c),
        "conversations.kick" => kick(c),
        "conversations.join" => join(c),
        "conversations.leave" => leave(c),
        "conversations.open" => open(c),
        "conversations.close" => close(c),
        "conversations.info" => info(c),
        "conversations.list" => list(c),
        "conversations.members" => members(c),
        "conversations.history" => history(c),
        "conversations.replies" => replies(c),
        "conversations.archive" => {
            let id = c.own_channel()?.id.clone();
            c.s.archive(BOT_USER, &id)?;
            Ok(json!({}))
        }
        "conversations.unarchive" => {
            let id = c.channel()?.id.clone();
            c.s.unarchive(BOT_USER, &id)?;
            Ok(json!({}))
        }
        "conversations.rename" => {
            let id = c.own_channel()?.id.clone();
            let name =
                c.a.str("name")
                    .filter(|n| !n.is_empty())
                    .ok_or("invalid_name_required")?;
            c.s.rename(BOT_USER, &id, name.trim_start_matches('#'))?;
            whole(c, &id)
        }
        "conversations.setTopic" => {
            let id = c.channel()?.id.clone();
            let topic = c.a.str("topic").ok_or_else(|| Fault::missing("topic"))?;
            c.s.set_topic(BOT_USER, &id, &topic)?;
            whole(c, &id)
        }
        "conversations.setPurpose" => {
            let id = c.channel()?.id.clone();
            let purpose = c.a.str("purpose").ok_or_else(|| Fault::missing("purpose"))?;
            c.s.set_purpose(BOT_USER, &id, &purpose)?;
            let mut answer = whole(c, &id)?;
            answer["purpose"] = json!(purpose);
            Ok(answer)
        }
        "conversations.mark" => {
            let id = c.own_channel()?.id.clone();
            let ts = c.a.must("ts")?;
            if let Some(ch) = c.s.channel_mut(&id) {
                ch.read.insert(BOT_USER.to_owned(), ts);
            }
            Ok(json!({}))
        }
        _ => Err("unknown_method".into()),
    }
}

fn whole(c: &Call, id: &str) -> Answer {
    let ch = c.s.channel(id).ok_or("channel_not_found")?;
    Ok(json!({"channel": c.s.channel_json(ch, BOT_USER)}))
}

fn create(c: &mut Call) -> Answer {
    let name = c.a.str("name").unwrap_or_default();
    let sort = if c.a.flag("is_private") {
        Sort::Private
    } else {
        Sort::Public
    };
    let id = c.s.create_channel(BOT_USER, name.trim_start_matches('#'), sort)?;
    whole(c, &id)
}

fn invite(c: &mut Call) -> Answer {
    let ch = c.channel()?;
    let id = ch.id.clone();
    if !ch.has(BOT_USER) {
        return Err("not_in_channel".into());
    }
    if ch.archived {
        return Err("is_archived".into());
    }
    if ch.direct() {
        return Err("method_not_supported_for_channel_type".into());
    }
    let users = c.a.list("users");
    if users.is_empty() {
        return Err("no_user".into());
    }
    if users.len() > INVITE_MAX {
        return Err("too_many_users".into());
    }
    let wrong: Vec<(String, &'static str)> = users
        .iter()
        .filter_map(|u| {
            let why = match c.s.user(u) {
                _ if u == BOT_USER => "cant_invite_self",
                None => "user_not_found",
                Some(_) if ch.has(u) => "already_in_channel",
                Some(_) => return None,
            };
            Some((u.clone(), why))
        })
        .collect();
    let errors: Vec<Value> = wrong
        .iter()
        .map(|(u, e)| json!({"user": u, "ok": false, "error": e}))
        .collect();
    let right: Vec<&String> = users.iter().filter(|u| !wrong.iter().any(|(w, _)| w == *u)).collect();
    if let Some((_, why)) = wrong.first()
        && (!c.a.flag("force") || right.is_empty())
    {
        let mut f = Fault::from(*why);
        if users.len() > 1 {
            f.more.insert("errors".to_owned(), json!(errors));
        }
        return Err(f);
    }
    for u in right {
        match c.s.join(&id, u, Some(BOT_USER)) {
            // The same person twice in one list.
            Ok(()) | Err("already_in_channel") => {}
            Err(why) => return Err(why.into()),
        }
    }
    let mut answer = whole(c, &id)?;
    if !errors.is_empty() {
        answer["errors"] = json!(errors);
    }
    Ok(answer)
}

fn kick(c: &mut Call) -> Answer {
    let ch = c.own_channel()?;
    let user = c.a.must("user")?;
    if user == BOT_USER {
        return Err("cant_kick_self".into());
    }
    c.s.user(&user).ok_or("user_not_found")?;
    if ch.general {
        return Err("cant_kick_from_general".into());
    }
    let id = ch.id.clone();
    c.s.part(&id, &user)?;
    Ok(json!({"errors": {}}))
}

fn join(c: &mut Call) -> Answer {
    let ch = c.channel()?;
    if ch.sort != Sort::Public {
        return Err("method_not_supported_for_channel_type".into());
    }
    let id = ch.id.clone();
    match c.s.join(&id, BOT_USER, None) {
        Ok(()) => whole(c, &id),
        Err("already_in_channel") => {
            let mut answer = whole(c, &id)?;
            answer["warning"] = json!("already_in_channel");
            answer["response_metadata"] = json!({"warnings": ["already_in_channel"]});
            Ok(answer)
        }
        Err(why) => Err(why.into()),
    }
}

fn leave(c: &mut Call) -> Answer {
    let ch = c.channel()?;
    if ch.direct() {
        return Err("method_not_supported_for_channel_type".into());
    }
    if ch.general {
        return Err("cant_leave_general".into());
    }
    if !ch.has(BOT_USER) {
        return Ok(json!({"not_in_channel": true}));
    }
    let id = ch.id.clone();
    c.s.part(&id, BOT_USER)?;
    Ok(json!({}))
}

fn open(c: &mut Call) -> Answer {
    let id = match c.a.str("channel").filter(|s| !s.is_empty()) {
        Some(id) => {
            c.s.channel(&id)
                .filter(|ch| ch.direct() && ch.has(BOT_USER))
                .ok_or("channel_not_found")?
                .id
                .clone()
        }
        None => {
            let users = c.a.list("users");
            if users.is_empty() {
                return Err("users_list_not_supplied".into());
            }
            if users.len() > OPEN_MAX {
                return Err("too_many_users".into());
            }
            if users == [BOT_USER] {
                return Err("cannot_dm_bot".into());
            }
            let mut all = vec![BOT_USER.to_owned()];
            for u in users {
                if !all.contains(&u) {
                    all.push(u);
                }
            }
            let (id, was) = c.s.open_direct(&all)?;
            if was {
                let mut answer = opened(c, &id)?;
                answer["no_op"] = json!(true);
                answer["already_open"] = json!(true);
                return Ok(answer);
            }
            id
        }
    };
    opened(c, &id)
}

fn opened(c: &Call, id: &str) -> Answer {
    if c.a.flag("return_im") {
        whole(c, id)
    } else {
        Ok(json!({"channel": {"id": id}}))
    }
}

fn close(c: &mut Call) -> Answer {
    let ch = c.channel()?;
    if !ch.direct() {
        return Err("method_not_supported_for_channel_type".into());
    }
    let id = ch.id.clone();
    let was = c.s.channel_mut(&id).is_some_and(|ch| ch.open_for.remove(BOT_USER));
    Ok(if was {
        json!({})
    } else {
        json!({"no_op": true, "already_closed": true})
    })
}

fn info(c: &Call) -> Answer {
    let ch = c.channel()?;
    let mut v = c.s.channel_json(ch, BOT_USER);
    if let Some(o) = v.as_object_mut() {
        if !c.a.flag("include_num_members") {
            o.shift_remove("num_members");
        }
        if c.a.flag("include_locale") {
            o.insert("locale".to_owned(), json!("en-GB"));
        }
        if ch.has(BOT_USER) {
            let read = ch.read.get(BOT_USER).map_or("0000000000.000000", String::as_str);
            o.insert("last_read".to_owned(), json!(read));
        }
    }
    Ok(json!({"channel": v}))
}

/// The conversations of these sorts that the bot may know of.
pub(super) fn of_types<'a>(c: &'a Call, all: impl Iterator<Item = &'a Channel>) -> Result<Vec<&'a Channel>, Fault> {
    let types = match c.a.list("types") {
        none if none.is_empty() => vec!["public_channel".to_owned()],
        some => some,
    };
    if types
        .iter()
        .any(|t| !matches!(t.as_str(), "public_channel" | "private_channel" | "im" | "mpim"))
    {
        return Err("invalid_types".into());
    }
    let bare = c.a.flag("exclude_archived");
    Ok(all
        .filter(|ch| {
            let name = match ch.sort {
                Sort::Public => "public_channel",
                Sort::Private => "private_channel",
                Sort::Direct => "im",
                Sort::Group => "mpim",
            };
            types.iter().any(|t| t == name) && !(bare && ch.archived) && (ch.sort == Sort::Public || ch.has(BOT_USER))
        })
        .collect())
}

fn list(c: &Call) -> Answer {
    let all = of_types(c, c.s.channels.iter())?;
    let (some, next) = page(&all, c.a, 100, 1000)?;
    let channels: Vec<Value> = some.iter().map(|ch| c.s.channel_json(ch, BOT_USER)).collect();
    Ok(json!({"channels": channels, "response_metadata": {"next_cursor": next}}))
}

fn members(c: &Call) -> Answer {
    let (some, next) = page(&c.channel()?.members, c.a, 100, 1000)?;
    Ok(json!({"members": some, "response_metadata": {"next_cursor": next}}))
}

fn between(m: &Message, a: &super::Args) -> bool {
    let inclusive = a.flag("inclusive");
    let after = |edge: &str| m.ts.as_str() > edge || (inclusive && m.ts == edge);
    let before = |edge: &str| m.ts.as_str() < edge || (inclusive && m.ts == edge);
    a.str("oldest").is_none_or(|t| t == "0" || t.is_empty() || after(&t))
        && a.str("latest").is_none_or(|t| t.is_empty() || t == "now" || before(&t))
}

fn with_metadata(c: &Call, ch: &Channel, m: &Message) -> Value {
    let mut v = c.s.message_json(ch, m);
    if let (Some(meta), Some(o)) = (&m.metadata, v.as_object_mut()) {
        let shown = if c.a.flag("include_all_metadata") {
            meta.clone()
        } else {
            json!({"event_type": meta["event_type"]})
        };
        o.insert("metadata".to_owned(), shown);
    }
    v
}

fn history(c: &Call) -> Answer {
    let ch = c.own_channel()?;
    let all: Vec<&Message> = ch
        .messages
        .iter()
        .rev()
        .filter(|m| m.only_for.is_none() && (m.broadcast || m.thread_ts.as_ref().is_none_or(|t| *t == m.ts)))
        .filter(|m| between(m, c.a))
        .collect();
    let (some, next) = page(&all, c.a, HISTORY.0, HISTORY.1)?;
    let messages: Vec<Value> = some.iter().map(|m| with_metadata(c, ch, m)).collect();
    let mut answer = json!({
        "messages": messages, "has_more": !next.is_empty(), "pin_count": ch.pins.len(),
        "channel_actions_ts": null, "channel_actions_count": 0,
    });
    if let Some(latest) = c.a.str("latest").filter(|t| !t.is_empty()) {
        answer["latest"] = json!(latest);
    }
    follow(&mut answer, next);
    Ok(answer)
}

fn replies(c: &Call) -> Answer {
    let ch = c.own_channel()?;
    let ts = c.a.must("ts")?;
    let first = ch
        .message(&ts)
        .filter(|m| m.only_for.is_none())
        .ok_or("thread_not_found")?;
    let root = first.thread_ts.clone().unwrap_or(ts);
    let first = ch.message(&root).ok_or("thread_not_found")?;
    let replies: Vec<&Message> = ch.replies(&root).filter(|m| between(m, c.a)).collect();
    let (some, next) = page(&replies, c.a, HISTORY.0, HISTORY.1)?;
    let messages: Vec<Value> = std::iter::once(first)
        .chain(some.iter().copied())
        .map(|m| with_metadata(c, ch, m))
        .collect();
    let mut answer = json!({"messages": messages, "has_more": !next.is_empty()});
    follow(&mut answer, next);
    Ok(answer)
}

fn follow(answer: &mut Value, next: String) {
    if !next.is_empty() {
        let mut o = Map::new();
        o.insert("next_cursor".to_owned(), json!(next));
        answer["response_metadata"] = Value::Object(o);
    }
}
