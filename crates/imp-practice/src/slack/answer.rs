//! What the app says in answer: to a command directly, and to a `response_url` up to five times.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{OriginalUri, Path, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};

use super::Slack;
use super::api::{Args, Fault, draft};
use super::state::{Answerable, State};

/// An address takes this many answers.
const USES: u32 = 5;
/// And lives this long.
const LIVES_MS: i64 = 30 * 60 * 1000;

/// A new address to answer at.
pub(super) fn answerable(s: &mut State, kind: &str, of: Answerable) -> String {
    let now = s.now;
    s.answerables.retain(|_, a| a.until_ms > now);
    let key = format!("{kind}-{}", s.id(""));
    let secret = s.secret();
    s.answerables.insert(format!("{key}/{secret}"), of);
    format!("{}/response/{key}/{secret}", s.base)
}

/// An address for what this person did here.
pub(super) fn address(s: &State, user: &str, channel: &str, ts: Option<&str>) -> Answerable {
    Answerable {
        channel: channel.to_owned(),
        user: user.to_owned(),
        ts: ts.map(str::to_owned),
        until_ms: s.now + LIVES_MS,
        uses_left: USES,
    }
}

/// Posts what the app answered. A plain text is as good as an object.
pub(super) fn said(s: &mut State, to: &Answerable, what: Value) -> Result<(), Fault> {
    let body = match what {
        Value::Object(o) => o,
        Value::String(text) => {
            let mut o = Map::new();
            o.insert("text".to_owned(), json!(text));
            o
        }
        _ => return Err("invalid_payload".into()),
    };
    let a = Args(body);
    let kind = a.str("response_type").unwrap_or_else(|| "ephemeral".to_owned());
    if a.flag("delete_original") {
        if let Some(ts) = &to.ts {
            match s.delete(&to.channel, ts) {
                Ok(()) | Err("message_not_found") => {}
                Err(why) => return Err(why.into()),
            }
        }
        if a.get("text").is_none() && a.get("blocks").is_none() {
            return Ok(());
        }
    }
    let mut m = draft(s, &a)?;
    let original = to
        .ts
        .as_ref()
        .filter(|ts| s.channel(&to.channel).is_some_and(|c| c.message(ts).is_some()));
    if let (true, Some(ts)) = (a.flag("replace_original"), original) {
        let ts = ts.clone();
        let at = s.ts();
        return s
            .edit(&to.channel, &ts, |old| {
                old.text = m.text;
                old.blocks = m.blocks;
                old.attachments = m.attachments;
                if old.only_for.is_none() {
                    old.edited = Some(at);
                }
            })
            .map_err(Fault::from);
    }
    match kind.as_str() {
        "in_channel" => {}
        "ephemeral" => {
            m.only_for = Some(to.user.clone());
            m.broadcast = false;
        }
        _ => return Err("invalid_response_type".into()),
    }
    s.post(&to.channel, m)?;
    Ok(())
}

/// `POST /response/{id}/{secret}`.
pub(super) async fn response(
    Shared(slack): Shared<Arc<Slack>>,
    Path((id, secret)): Path<(String, String)>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(header::HeaderName, &'static str); 1], String) {
    slack.note_base(&headers, uri.path(), &format!("/response/{id}/{secret}"));
    let key = format!("{id}/{secret}");
    let given = serde_json::from_slice::<Value>(&body).ok().or_else(|| {
        // Old clients send a form with the JSON as its payload.
        let mut a = Args::default();
        a.form(&body);
        a.json("payload").ok().flatten()
    });
    let result = slack.act(|s| {
        let now = s.now;
        let to = s
            .answerables
            .get_mut(&key)
            .filter(|a| a.until_ms > now)
            .ok_or("expired_url")?;
        if to.uses_left == 0 {
            return Err(Fault::from("used_url"));
        }
        to.uses_left -= 1;
        let to = to.clone();
        said(s, &to, given.ok_or("invalid_payload")?)
    });
    let (status, kind, text) = match result {
        Ok(()) => (StatusCode::OK, "text/html", "ok".to_owned()),
        Err(f) => {
            let status = match f.error.as_str() {
                "expired_url" | "used_url" => StatusCode::NOT_FOUND,
                "no_text" => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::BAD_REQUEST,
            };
            let mut o = json!({"ok": false, "error": f.error});
            if let Some(o) = o.as_object_mut() {
                o.extend(f.more);
            }
            (status, "application/json", o.to_string())
        }
    };
    (status, [(header::CONTENT_TYPE, kind)], text)
}
