//! Pictures of the timeline, copied from Slack into the store and from there to the ticket: the vendors fetch and attach,
//! the engine keeps, here they meet.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use imp_core::effect::What;
use imp_core::port::{Boxed, Limits, Order, Pause, Port};
use imp_core::{Incident, Outcome, event::Link};
use imp_engine::Desk;
use imp_engine::picture::{self, Picture};
use imp_vendors::jira::{Jira, attach};
use imp_vendors::slack::port::Chat;
use std::fmt::Display;
use std::sync::Arc;

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
    if let Err(e) = desk.write(move |conn| picture::keep(conn, r, &all, now)).await {
        return later(&e);
    }
    // Not more are kept of an incident than there is room for.
    match desk.store.read(move |conn| picture::of(conn, r)).await {
        Ok(kept) => {
            let of_message = kept.into_iter().filter(|p| p.ts == ts);
            let files = of_message.map(|p| p.file).collect();
            Outcome::Done(vec![Link::Pictures { files }])
        }
        Err(e) => later(&e),
    }
}

fn later(why: &impl Display) -> Outcome {
    Outcome::Later {
        pause: Pause::BackOff,
        why: why.to_string(),
    }
}

/// Jira's hands, which also attach pictures that are kept.
pub struct Recorder {
    desk: Desk,
    jira: Arc<Jira>,
}

impl Recorder {
    /// Around Jira's hands.
    pub fn new(desk: Desk, jira: Arc<Jira>) -> Recorder {
        Recorder { desk, jira }
    }

    async fn attach(&self, order: &Order, file: String) -> Outcome {
        let r = order.incident.reference;
        let kept = match self.desk.store.read(move |conn| picture::one(conn, r, &file)).await {
            Ok(kept) => kept,
            Err(e) => return later(&e),
        };
        // A store that was rebuilt from the tickets has none.
        let Some((p, bytes)) = kept.and_then(|p| STANDARD.decode(&p.bytes).ok().map(|bytes| (p, bytes))) else {
            let why = "the picture is no longer kept; where Slack still has it, attach it by hand".to_owned();
            return Outcome::Never { why };
        };
        let (file, name, kind) = (p.file, p.name, p.kind);
        let picture = attach::Picture {
            file,
            name,
            kind,
            bytes,
        };
        self.jira.attach(order, picture).await
    }
}

impl Port for Recorder {
    fn perform(&self, order: Order) -> Boxed<'_, Outcome> {
        match &order.what {
            What::AttachPicture { file } => {
                let file = file.clone();
                Box::pin(async move { self.attach(&order, file).await })
            }
            _ => self.jira.perform(order),
        }
    }

    fn forget(&self, incident: &Incident) {
        self.jira.forget(incident);
    }

    fn limits(&self) -> Option<&dyn Limits> {
        self.jira.limits()
    }
}
