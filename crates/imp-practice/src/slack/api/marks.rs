//! `pins.*`, `bookmarks.*` and `reactions.*`: what is put on messages and channels.

use serde_json::{Map, Value, json};

use super::{Answer, Call, page};
use crate::slack::state::{BOT_USER, Message, TEAM, reactions_json};

/// Bookmarks of one channel.
const BOOKMARKS_MAX: usize = 100;

pub(super) fn dispatch(method: &str, c: &mut Call) -> Answer {
    match method {
        "pins.add" => {
            let (id, ts) = (
                c.own_channel()?.id.clone(),
                c.a.str("timestamp")
                    .filter(|t| !t.is_empty())
                    .ok_or("no_item_specified")?,
            );
            c.s.pin(BOT_USER, &id, &ts)?;
            Ok(json!({}))
        }
        "pins.remove" => {
            let (id, ts) = (
                c.own_channel()?.id.clone(),
                c.a.str("timestamp")
                    .filter(|t| !t.is_empty())
                    .ok_or("no_item_specified")?,
            );
            c.s.unpin(BOT_USER, &id, &ts)?;
            Ok(json!({}))
        }
        "pins.list" => {
            let ch = c.own_channel()?;
            let items: Vec<Value> = ch.pins.iter().rev().map(|p| c.s.pin_json(&ch.id, &p.ts)).collect();
            Ok(json!({"items": items}))
        }
        "reactions.add" | "reactions.remove" => {
            let id = c.own_channel()?.id.clone();
            let name = c.a.str("name").filter(|n| !n.is_empty()).ok_or("invalid_name")?;
            let ts =
                c.a.str("timestamp")
                    .filter(|t| !t.is_empty())
                    .ok_or("no_item_specified")?;
            if method == "reactions.add" {
                c.s.react(BOT_USER, &id, &ts, &name)?;
            } else {
                c.s.unreact(BOT_USER, &id, &ts, &name)?;
            }
            Ok(json!({}))
        }
        "reactions.get" => {
            let ch = c.own_channel()?;
            let ts = c.a.must("timestamp")?;
            let m = ch
                .message(&ts)
                .filter(|m| m.only_for.is_none())
                .ok_or("message_not_found")?;
            let mut message = c.s.message_json(ch, m);
            message["reactions"] = reactions_json(m);
            message["permalink"] = json!(c.s.permalink(&ch.id, &ts));
            Ok(json!({"type": "message", "channel": ch.id, "message": message}))
        }
        "reactions.list" => {
            let who = c.a.str("user").unwrap_or_else(|| BOT_USER.to_owned());
            let reacted = |m: &&Message| m.reactions.iter().any(|(_, by)| by.contains(&who));
            let items: Vec<Value> =
                c.s.channels
                    .iter()
                    .filter(|ch| ch.has(BOT_USER))
                    .flat_map(|ch| ch.messages.iter().filter(reacted).map(move |m| (ch, m)))
                    .map(|(ch, m)| json!({"type": "message", "channel": ch.id, "message": c.s.message_json(ch, m)}))
                    .collect();
            let (some, next) = page(&items, c.a, 100, 1000)?;
            Ok(json!({"items": some, "response_metadata": {"next_cursor": next}}))
        }
        "bookmarks.add" => add(c),
        "bookmarks.edit" => edit(c),
        "bookmarks.remove" => {
            let (id, bookmark) = (bookmarked(c)?, c.a.must("bookmark_id")?);
            let ch = c.s.channel_mut(&id).ok_or("channel_not_found")?;
            let had = ch.bookmarks.len();
            ch.bookmarks.retain(|b| b.get("id") != Some(&json!(bookmark)));
            if ch.bookmarks.len() == had {
                return Err("not_found".into());
            }
            c.s.show(&id, json!({"type": "channel_changed", "channel": id}));
            Ok(json!({}))
        }
        "bookmarks.list" => {
            let id = bookmarked(c)?;
            Ok(json!({"bookmarks": c.s.channel(&id).map(|ch| &ch.bookmarks)}))
        }
        _ => Err("unknown_method".into()),
    }
}

/// The channel of a bookmark call, whose argument has another name than everywhere else.
fn bookmarked(c: &Call) -> Result<String, super::Fault> {
    let id = c.a.must("channel_id")?;
    let ch =
        c.s.channel(&id)
            .and_then(|ch| c.s.seen_by(BOT_USER, &ch.id))
            .ok_or("channel_not_found")?;
    if ch.has(BOT_USER) {
        Ok(id)
    } else {
        Err("not_in_channel".into())
    }
}

fn link(given: &str) -> Result<(), super::Fault> {
    let fits = given.split_once(':').is_some_and(|(scheme, rest)| {
        !rest.is_empty() && matches!(scheme, "http" | "https" | "mailto" | "tel" | "slack")
    });
    if fits { Ok(()) } else { Err("invalid_link".into()) }
}

fn add(c: &mut Call) -> Answer {
    let id = bookmarked(c)?;
    let title = c.a.must("title")?;
    if c.a.must("type")? != "link" {
        return Err("invalid_bookmark_type".into());
    }
    let address = c.a.must("link")?;
    link(&address)?;
    let (bookmark, now) = (c.s.id("Bk"), c.s.now / 1000);
    let ch = c.s.channel_mut(&id).ok_or("channel_not_found")?;
    if ch.archived {
        return Err("is_archived".into());
    }
    if ch.bookmarks.len() >= BOOKMARKS_MAX {
        return Err("too_many_bookmarks".into());
    }
    let mut b = Map::new();
    for (k, v) in [
        ("id", json!(bookmark)),
        ("channel_id", json!(id)),
        ("title", json!(title)),
        ("link", json!(address)),
        ("emoji", json!(c.a.str("emoji"))),
        ("icon_url", Value::Null),
        ("entity_id", json!(c.a.str("entity_id"))),
        ("type", json!("link")),
        ("date_created", json!(now)),
        ("date_updated", json!(0)),
        ("rank", json!(format!("{:04}", ch.bookmarks.len()))),
        ("last_updated_by_user_id", json!(BOT_USER)),
        ("last_updated_by_team_id", json!(TEAM)),
        ("shortcut_id", Value::Null),
        ("app_id", Value::Null),
        ("app_action_id", Value::Null),
    ] {
        b.insert(k.to_owned(), v);
    }
    ch.bookmarks.push(b.clone());
    c.s.show(&id, json!({"type": "channel_changed", "channel": id}));
    Ok(json!({"bookmark": b}))
}

fn edit(c: &mut Call) -> Answer {
    let (id, bookmark, now) = (bookmarked(c)?, c.a.must("bookmark_id")?, c.s.now / 1000);
    if let Some(address) = c.a.str("link") {
        link(&address)?;
    }
    let given: Vec<(&str, String)> = ["title", "link", "emoji"]
        .into_iter()
        .filter_map(|k| Some((k, c.a.str(k)?)))
        .collect();
    let ch = c.s.channel_mut(&id).ok_or("channel_not_found")?;
    let b = ch
        .bookmarks
        .iter_mut()
        .find(|b| b.get("id") == Some(&json!(bookmark)))
        .ok_or("not_found")?;
    for (k, v) in given {
        b.insert(k.to_owned(), json!(v));
    }
    b.insert("date_updated".to_owned(), json!(now));
    let b = b.clone();
    c.s.show(&id, json!({"type": "channel_changed", "channel": id}));
    Ok(json!({"bookmark": b}))
}
