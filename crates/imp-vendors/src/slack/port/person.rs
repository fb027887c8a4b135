//! What is said to single people, and read of what they said: briefs, offers, reminders, messages that were marked. A part
//! of the port.

use super::Chat;
use crate::budget::Urgency;
use crate::slack::card::Message;
use crate::slack::client::Trouble;
use crate::slack::{brief, card, converse, decision, process_file, reminder};
use imp_core::effect::What;
use imp_core::event::{Link, Listener};
use imp_core::person::Who;
use imp_core::port::{Order, Outcome};
use serde_json::Value;

impl Chat {
    pub(super) async fn with_people(&self, order: &Order) -> Result<Outcome, Trouble> {
        let view = self.view(order);
        let channel = order.incident.links.channel.as_ref();
        match &order.what {
            What::Brief { role, who, .. } => match brief::message(&view, role, who) {
                Some(m) => self.tell(order, who, m).await,
                None => Ok(Outcome::Done(vec![])),
            },
            What::Offer { n, role, who } => match brief::offer(&view, *n, role, who) {
                Some(m) => self.tell(order, who, m).await,
                None => Ok(Outcome::Done(vec![])),
            },
            What::Departure { who, roles, tasks, .. } => match (channel, brief::departure(&view, who, roles, tasks)) {
                (Some(c), Some(m)) => self.post(order, &c.id, m).await,
                (None, _) | (_, None) => Ok(Outcome::Done(vec![])),
            },
            What::Decision { n, part } => match (channel, decision::message(&view, *n, *part)) {
                (Some(c), Some(m)) => self.post(order, &c.id, m).await,
                (None, _) | (_, None) => Ok(Outcome::Done(vec![])),
            },
            What::Remind { nudge, to, .. } => self.remind(order, nudge, to).await,
            What::Report { update, who, .. } => match card::report(&view, *update) {
                Some(m) => self.tell(order, who, m).await,
                None => Ok(Outcome::Done(vec![])),
            },
            What::ReadMessage { ts } => match channel {
                Some(c) => self.read(&c.id, ts).await,
                None => Ok(Outcome::Done(vec![])),
            },
            What::ProcessFile { news, to, .. } => {
                self.responsible(order, to, process_file::message(news, &self.public_url))
                    .await
            }
            other => Ok(crate::not_ours("Slack", other)),
        }
    }

    /// Tells whoever is responsible, each directly; where Slack knows none of them, the announcement channel.
    async fn responsible(&self, order: &Order, to: &[Who], m: Message) -> Result<Outcome, Trouble> {
        let mut reached = false;
        for who in to {
            if let Some(place) = self.place_of(order, who).await? {
                self.post(order, &place, m.clone()).await?;
                reached = true;
            }
        }
        match reached {
            true => Ok(Outcome::Done(vec![])),
            false => self.announce_once(order, m).await,
        }
    }

    /// Reads a message that somebody marked, in the channel or in a thread.
    async fn read(&self, channel: &str, ts: &str) -> Result<Outcome, Trouble> {
        let found = self.message(channel, ts).await?;
        let (text, user) = found.map(|m| said(&m)).unwrap_or_default();
        Ok(Outcome::Done(vec![Link::Said {
            ts: ts.to_owned(),
            text: converse::unslack(&text),
            user,
        }]))
    }

    /// A message of a channel or of a thread in it; none where it is gone by now.
    pub(in crate::slack) async fn message(&self, channel: &str, ts: &str) -> Result<Option<Value>, Trouble> {
        let args = [
            ("channel", channel),
            ("latest", ts),
            ("oldest", ts),
            ("inclusive", "true"),
            ("limit", "1"),
        ];
        let page = self.client.call("conversations.history", &args, Urgency::Usual).await?;
        if let Some(m) = with(&page, ts) {
            return Ok(Some(m));
        }
        let args = [("channel", channel), ("ts", ts), ("limit", "100")];
        match self.client.call("conversations.replies", &args, Urgency::Usual).await {
            Ok(page) => Ok(with(&page, ts)),
            Err(t) if t.code() == "thread_not_found" || t.code() == "message_not_found" => Ok(None),
            Err(t) => Err(t),
        }
    }

    /// The calls.
    pub(in crate::slack) fn client(&self) -> &crate::slack::client::Client {
        &self.client
    }

    /// Reminds a person or the channel. Who has left, or a channel that is gone, is no failure that anybody has to mend:
    /// the next on the ladder hears it.
    async fn remind(&self, order: &Order, nudge: &str, to: &Listener) -> Result<Outcome, Trouble> {
        let Some(m) = reminder::message(&self.view(order), nudge, to) else {
            return Ok(Outcome::Done(vec![]));
        };
        match to {
            Listener::Channel => match &order.incident.links.channel {
                Some(c) => self.post(order, &c.id, m).await,
                None => Ok(Outcome::Done(vec![])),
            },
            Listener::Person(who) => self.tell(order, who, m).await,
            Listener::Nobody => Ok(Outcome::Done(vec![])),
        }
    }

    /// Tells one person, directly. Who has left hears nothing, and that is no failure which anybody has to mend.
    pub(super) async fn tell(&self, order: &Order, who: &Who, m: Message) -> Result<Outcome, Trouble> {
        match self.place_of(order, who).await? {
            Some(place) => self.post(order, &place, m).await,
            None => Ok(Outcome::Done(vec![])),
        }
    }

    /// The conversation with somebody; none with who has left, or whom Slack does not know.
    async fn place_of(&self, order: &Order, who: &Who) -> Result<Option<String>, Trouble> {
        let Some(id) = self.id_of(who, order).await? else {
            return Ok(None);
        };
        let opened = self
            .client
            .call("conversations.open", &[("users", &id)], Urgency::Usual)
            .await;
        let opened = match opened {
            Err(t) if matches!(t.code(), "user_disabled" | "user_not_found") => return Ok(None),
            other => other?,
        };
        Ok(Some(opened["channel"]["id"].as_str().unwrap_or_default().to_owned()))
    }
}

fn with(page: &Value, ts: &str) -> Option<Value> {
    let all = page["messages"].as_array().into_iter().flatten();
    all.into_iter().find(|m| m["ts"] == ts).cloned()
}

/// What a message says, and who said it.
fn said(m: &Value) -> (String, Option<String>) {
    let user = m["user"].as_str().filter(|_| m["bot_id"].is_null());
    let mut text = m["text"].as_str().unwrap_or_default().to_owned();
    text.push_str(&crate::slack::pictures::of(m));
    (text, user.map(str::to_owned))
}
