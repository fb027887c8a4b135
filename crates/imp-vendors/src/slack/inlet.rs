//! What Slack sends: signatures checked over the raw bytes, then bytes to [`Inbound`]. Pure.

use super::forms::Answers;
use crate::secret::Secret;
use imp_core::At;
use serde_json::Value;

/// A request older or younger than this is not accepted (Slack's advice: five minutes).
const WINDOW_SECS: i64 = 300;

/// Something that came in.
#[derive(Debug, Clone, PartialEq)]
pub enum Inbound {
    /// Slack wants to know whether the address is ours: answer with the same word.
    Challenge(String),
    /// A slash command.
    Command {
        /// The command itself, as the app is configured at Slack: `/imp`.
        word: String,
        /// Who.
        user: String,
        /// In which channel.
        channel: String,
        /// What follows the command.
        text: String,
        /// For opening a modal.
        trigger: String,
        /// For a private answer.
        response_url: String,
    },
    /// A button or menu.
    Press {
        /// Who.
        user: String,
        /// Which.
        action_id: String,
        /// What it carries.
        value: String,
        /// In which channel, if it stands in a message.
        channel: Option<String>,
        /// For opening a modal.
        trigger: String,
        /// For a private answer.
        response_url: String,
        /// When exactly it was pressed, by Slack's clock: one press has one.
        pressed_at: String,
    },
    /// An answer in a modal that is still open.
    Chose {
        /// Who.
        user: String,
        /// Which modal.
        callback_id: String,
        /// The view's identifier.
        view_id: String,
        /// What the view is now: an update of it that comes too late is not taken.
        hash: String,
        /// The answers so far.
        answers: Answers,
    },
    /// A submitted modal.
    Submitted {
        /// Who.
        user: String,
        /// Which modal.
        callback_id: String,
        /// What it carries.
        memo: String,
        /// The answers.
        answers: Answers,
        /// Identifiers of its input blocks, in order.
        inputs: Vec<String>,
        /// The view's identifier: the same however often it is submitted.
        view_id: String,
    },
    /// A shortcut, on a message or anywhere.
    Shortcut {
        /// Who.
        user: String,
        /// Which.
        callback_id: String,
        /// The message's words, where it was called on one.
        message: Option<String>,
        /// For opening a modal.
        trigger: String,
        /// For a private answer.
        response_url: String,
    },
    /// An event.
    Event {
        /// Slack's identifier of it: the same for every delivery.
        id: String,
        /// What happened.
        what: Happened,
    },
    /// Something that we do not know, or that concerns nobody.
    Other {
        /// What it was, for the log.
        what: String,
        /// For a private answer, where there is an address.
        response_url: Option<String>,
    },
}

/// What happened in Slack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// Somebody opened the app's home.
    HomeOpened {
        /// Who.
        user: String,
    },
    /// Somebody came into a channel.
    Joined {
        /// Who.
        user: String,
        /// Which channel.
        channel: String,
    },
    /// Somebody left a channel, or was taken out of it.
    Left {
        /// Who.
        user: String,
        /// Which channel.
        channel: String,
    },
    /// A message was pinned.
    Pinned {
        /// Who pinned it.
        user: String,
        /// In which channel.
        channel: String,
        /// Its words.
        text: String,
        /// Its timestamp.
        ts: String,
    },
    /// A message was marked with an emoji.
    Marked {
        /// Who marked it.
        user: String,
        /// In which channel.
        channel: String,
        /// The message's timestamp.
        ts: String,
        /// The emoji's short code.
        emoji: String,
    },
    /// Somebody edited their message.
    Edited {
        /// Who.
        user: String,
        /// In which channel.
        channel: String,
        /// Its words now.
        text: String,
        /// Its timestamp.
        ts: String,
    },
    /// A message was deleted.
    Deleted {
        /// Who had written it; Slack does not say who deleted it.
        user: String,
        /// In which channel.
        channel: String,
        /// Its timestamp.
        ts: String,
    },
    /// Anything else: acknowledged and left alone.
    Other(String),
}

/// Why a request is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The signature is not Slack's.
    #[error("the signature is not right")]
    Signature,
    /// It is too old or from the future: perhaps a replay.
    #[error("the timestamp is more than five minutes away")]
    Stale,
    /// It is not what Slack sends.
    #[error("the body is not what Slack sends")]
    Shape,
}

/// Checks Slack's signature (v0) over the raw body.
///
/// # Errors
/// [`Refused::Stale`] or [`Refused::Signature`].
pub fn verify(
    secret: &Secret,
    timestamp: Option<&str>,
    signature: Option<&str>,
    body: &[u8],
    now: At,
) -> Result<(), Refused> {
    let (Some(timestamp), Some(signature)) = (timestamp, signature) else {
        return Err(Refused::Signature);
    };
    let sent: i64 = timestamp.parse().map_err(|_| Refused::Signature)?;
    if (now.0.div_euclid(1000)).abs_diff(sent) > WINDOW_SECS.unsigned_abs() {
        return Err(Refused::Stale);
    }
    let given = signature.strip_prefix("v0=").ok_or(Refused::Signature)?;
    let right = secret.signed(&[b"v0:", timestamp.as_bytes(), b":", body], given);
    if right { Ok(()) } else { Err(Refused::Signature) }
}

/// Reads a slash command's form.
///
/// # Errors
/// [`Refused::Shape`].
pub fn command(body: &[u8]) -> Result<Inbound, Refused> {
    let form = form(body)?;
    let get = |k: &str| {
        form.iter()
            .find(|(n, _)| n == k)
            .map_or("", |(_, v)| v.as_str())
            .to_owned()
    };
    if get("user_id").is_empty() {
        return Err(Refused::Shape);
    }
    Ok(Inbound::Command {
        word: get("command"),
        user: get("user_id"),
        channel: get("channel_id"),
        text: get("text"),
        trigger: get("trigger_id"),
        response_url: get("response_url"),
    })
}

/// Reads an interaction's form.
///
/// # Errors
/// [`Refused::Shape`].
pub fn interaction_form(body: &[u8]) -> Result<Inbound, Refused> {
    let form = form(body)?;
    let payload = form.iter().find(|(n, _)| n == "payload").ok_or(Refused::Shape)?;
    let value: Value = serde_json::from_str(&payload.1).map_err(|_| Refused::Shape)?;
    Ok(interaction(&value))
}

/// Reads a slash command as Socket Mode carries it.
pub fn command_json(p: &Value) -> Inbound {
    Inbound::Command {
        word: text(&p["command"]),
        user: text(&p["user_id"]),
        channel: text(&p["channel_id"]),
        text: text(&p["text"]),
        trigger: text(&p["trigger_id"]),
        response_url: text(&p["response_url"]),
    }
}

/// Reads an interaction.
pub fn interaction(p: &Value) -> Inbound {
    let user = text(&p["user"]["id"]);
    let trigger = text(&p["trigger_id"]);
    let response_url = text(&p["response_url"]);
    match p["type"].as_str().unwrap_or_default() {
        "block_actions" if p["view"]["type"] == "modal" => Inbound::Chose {
            user,
            callback_id: text(&p["view"]["callback_id"]),
            view_id: text(&p["view"]["id"]),
            hash: text(&p["view"]["hash"]),
            answers: Answers::read(p["view"]["state"]["values"].as_object()),
        },
        "block_actions" => {
            let a = &p["actions"][0];
            let value = a["value"]
                .as_str()
                .or_else(|| a["selected_option"]["value"].as_str())
                .unwrap_or_default()
                .to_owned();
            Inbound::Press {
                user,
                action_id: text(&a["action_id"]),
                value,
                channel: p["channel"]["id"].as_str().map(str::to_owned),
                trigger,
                response_url,
                pressed_at: text(&a["action_ts"]),
            }
        }
        "view_submission" => Inbound::Submitted {
            user,
            callback_id: text(&p["view"]["callback_id"]),
            memo: text(&p["view"]["private_metadata"]),
            answers: Answers::read(p["view"]["state"]["values"].as_object()),
            inputs: inputs(&p["view"]["blocks"]),
            view_id: text(&p["view"]["id"]),
        },
        "shortcut" | "message_action" => Inbound::Shortcut {
            user,
            callback_id: text(&p["callback_id"]),
            message: p["message"]["text"].as_str().map(str::to_owned),
            trigger,
            response_url,
        },
        other => Inbound::Other {
            what: imp_core::words::cut(other, 60),
            response_url: Some(response_url).filter(|r| !r.is_empty()),
        },
    }
}

/// Reads what the Events API sends.
pub fn event(p: &Value) -> Inbound {
    match p["type"].as_str().unwrap_or_default() {
        "url_verification" => Inbound::Challenge(text(&p["challenge"])),
        "event_callback" => {
            let e = &p["event"];
            let (user, kind) = (text(&e["user"]), e["type"].as_str().unwrap_or_default());
            let what = match kind {
                "app_home_opened" => Happened::HomeOpened { user },
                "member_joined_channel" => Happened::Joined {
                    user,
                    channel: text(&e["channel"]),
                },
                "member_left_channel" => Happened::Left {
                    user,
                    channel: text(&e["channel"]),
                },
                "pin_added" => Happened::Pinned {
                    user,
                    channel: text(&e["channel_id"]),
                    text: text(&e["item"]["message"]["text"]) + &super::pictures::of(&e["item"]["message"]),
                    ts: text(&e["item"]["message"]["ts"]),
                },
                "reaction_added" if e["item"]["type"] == "message" => Happened::Marked {
                    user,
                    channel: text(&e["item"]["channel"]),
                    ts: text(&e["item"]["ts"]),
                    emoji: text(&e["reaction"]),
                },
                "message" => message(e),
                other => Happened::Other(imp_core::words::cut(other, 60)),
            };
            Inbound::Event {
                id: text(&p["event_id"]),
                what,
            }
        }
        other => Inbound::Other {
            what: imp_core::words::cut(other, 60),
            response_url: None,
        },
    }
}

/// Of messages only edits and deletions concern us, and only those of people: programs rewrite theirs all the time.
fn message(e: &Value) -> Happened {
    let of_person = |m: &Value| m["bot_id"].is_null() && m["user"].is_string();
    match e["subtype"].as_str() {
        Some("message_changed") if of_person(&e["message"]) => Happened::Edited {
            user: text(&e["message"]["user"]),
            channel: text(&e["channel"]),
            text: text(&e["message"]["text"]),
            ts: text(&e["message"]["ts"]),
        },
        Some("message_deleted") if of_person(&e["previous_message"]) => Happened::Deleted {
            user: text(&e["previous_message"]["user"]),
            channel: text(&e["channel"]),
            ts: text(&e["deleted_ts"]),
        },
        Some(_) | None => Happened::Other("message".to_owned()),
    }
}

fn inputs(blocks: &Value) -> Vec<String> {
    let all = blocks.as_array().into_iter().flatten();
    all.filter(|b| b["type"] == "input")
        .filter_map(|b| b["block_id"].as_str().map(str::to_owned))
        .collect()
}

fn text(v: &Value) -> String {
    v.as_str().unwrap_or_default().to_owned()
}

/// `a=b&c=d`, percent-decoded; not UTF-8 is a fault of shape.
fn form(body: &[u8]) -> Result<Vec<(String, String)>, Refused> {
    let decode = |part: &[u8]| -> Result<String, Refused> {
        let mut out = Vec::with_capacity(part.len());
        let mut i = 0;
        while let Some(&b) = part.get(i) {
            match b {
                b'+' => out.push(b' '),
                b'%' => {
                    let hex = part.get(i + 1..i + 3).and_then(|h| std::str::from_utf8(h).ok());
                    let byte = hex.and_then(|h| u8::from_str_radix(h, 16).ok()).ok_or(Refused::Shape)?;
                    out.push(byte);
                    i += 2;
                }
                other => out.push(other),
            }
            i += 1;
        }
        String::from_utf8(out).map_err(|_| Refused::Shape)
    };
    body.split(|b| *b == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let cut = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
            Ok((decode(&pair[..cut])?, decode(pair.get(cut + 1..).unwrap_or_default())?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    fn secret() -> Secret {
        Secret::new(SECRET)
    }

    const BODY: &[u8] = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    #[test]
    fn slacks_own_example_of_a_signature_is_accepted_and_no_other() {
        let (ts, at) = (Some("1531420618"), At(1_531_420_618_000));
        assert_eq!(verify(&secret(), ts, Some(SIGNATURE), BODY, at), Ok(()));
        assert_eq!(
            verify(&secret(), ts, Some(SIGNATURE), b"other", at),
            Err(Refused::Signature)
        );
        assert_eq!(
            verify(&secret(), ts, Some(SIGNATURE), BODY, at.plus(301_000)),
            Err(Refused::Stale)
        );
        assert_eq!(verify(&secret(), None, None, BODY, at), Err(Refused::Signature));
        assert_eq!(
            verify(&secret(), Some("soon"), Some("v0=zz"), BODY, at),
            Err(Refused::Signature)
        );
    }

    #[test]
    fn forms_are_decoded_or_refused() {
        assert!(matches!(command(BODY), Ok(Inbound::Command { user, .. }) if user == "U2CERLKJA"));
        assert_eq!(command(b"user_id=U1&text=%ff"), Err(Refused::Shape));
        assert_eq!(command(b"user_id=U1&text=%e"), Err(Refused::Shape));
        assert_eq!(command(b""), Err(Refused::Shape));
        assert_eq!(interaction_form(b"payload={"), Err(Refused::Shape));
    }
}
