//! Pictures of the timeline, copied from Slack into the store: the vendor fetches, the engine keeps, here they meet.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use imp_core::Outcome;
use imp_core::port::{Order, Pause};
use imp_engine::Desk;
use imp_engine::picture::{self, Picture};
use imp_vendors::slack::port::Chat;

/// Keeps a copy of each picture of a message. What is no picture, or too large for one, stands on the timeline by its
/// address alone.
pub async fn keep(desk: &Desk, chat: &Chat, order: &Order, ts: &str) -> Outcome {
    let Some(channel) = order.incident.links.channel.as_ref() else {
        return Outcome::Done(vec![]);
    };
    let found = match chat.pictures(&channel.id, ts).await {
        Ok(found) => found,
        Err(trouble) => return trouble.into(),
    };
    if found.is_empty() {
        return Outcome::Done(vec![]);
    }
    let (r, now) = (order.incident.reference, desk.clock.now());
    let of = |p: imp_vendors::slack::pictures::Fetched| Picture {
        file: p.id,
        ts: ts.to_owned(),
        name: p.name,
        kind: p.kind.to_owned(),
        bytes: STANDARD.encode(&p.bytes),
    };
    let all: Vec<Picture> = found.into_iter().map(of).collect();
    match desk.write(move |conn| picture::keep(conn, r, &all, now)).await {
        Ok(()) => Outcome::Done(vec![]),
        Err(e) => Outcome::Later {
            pause: Pause::BackOff,
            why: e.to_string(),
        },
    }
}
