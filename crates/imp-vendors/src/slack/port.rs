//! Orders to Slack, performed: the channel, the card, people, messages. A create looks before it creates again.

mod person;

use super::card::{self, Message, View};
use super::client::{Client, Room, Trouble};
use super::reading::Readings;
use super::{mrkdwn, stale};
use crate::budget::Urgency;
use imp_core::Ref;
use imp_core::effect::{Capability, What};
use imp_core::event::{Link, Target};
use imp_core::incident::Channel;
use imp_core::person::Who;
use imp_core::port::{Boxed, Limits, Order, Outcome, Port};
use imp_core::process::Category;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

/// People invited in one call: Slack takes 1000; smaller, so that one refusal does not hold up a crowd.
const INVITED_AT_ONCE: usize = 100;
/// How many messages back a lost one is looked for; the card and the first lines are always among them.
const LOOK_BACK: &str = "100";
/// How long to wait before believing that a channel that bears our name and nothing else is ours.
const LOOK_AGAIN_MS: i64 = 2_000;
/// What was last written is remembered for so many things; then all of it is forgotten and written once more.
const REMEMBERED: usize = 20_000;

/// Under this it is remembered that a channel was seen to be empty.
const LOST: &str = "lost channel";

async fn rewrite(client: &Client, channel: &str, ts: &str, m: &Message) -> Result<(), Trouble> {
    let blocks = json!(m.blocks).to_string();
    let args = [
        ("channel", channel),
        ("ts", ts),
        ("text", m.text.as_str()),
        ("blocks", blocks.as_str()),
    ];
    client.call("chat.update", &args, Urgency::Usual).await.map(|_| ())
}

/// Hands in Slack.
pub struct Chat {
    client: Arc<Client>,
    announce_channel: String,
    public_url: String,
    can: BTreeSet<Capability>,
    /// What was last written, by thing, so that nothing is written twice that is already so.
    written: Mutex<HashMap<String, u64>>,
    /// Messages with next steps, by incident: where each stands, and what it is about.
    stale: Mutex<HashMap<Ref, Vec<Stale>>>,
    /// Slack identifiers by e-mail address, where the directory does not have them; empty text: Slack does not know it.
    ids: Mutex<HashMap<String, String>>,
    /// What was read to look for messages that may have been posted.
    readings: Readings,
    /// The workspace's address and our own user, once known.
    home: OnceLock<Home>,
}

/// Messages that lose their buttons at once: a fifth of what Slack allows in a minute.
const RETIRED_AT_ONCE: usize = 10;

/// A message whose buttons mean nothing one day.
struct Stale {
    channel: String,
    ts: String,
    what: What,
    m: Message,
}

struct Home {
    url: String,
    bot: String,
}

/// What is remembered where a channel's card is to be looked at.
fn card_look(channel: &str) -> String {
    format!("look at card {channel}")
}

/// How the card stands in its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// As it should, or nobody was asked.
    Well,
    /// Somebody took its pin away.
    Unpinned,
    /// Somebody deleted it.
    Gone,
}

impl Chat {
    /// Hands with this client. `public_url` is where the console is, `can` what IMP is connected to.
    pub fn new(client: Arc<Client>, announce_channel: &str, public_url: &str, can: BTreeSet<Capability>) -> Chat {
        Chat {
            client,
            announce_channel: announce_channel.trim_start_matches('#').to_owned(),
            public_url: public_url.trim_end_matches('/').to_owned(),
            can,
            written: Mutex::default(),
            stale: Mutex::default(),
            ids: Mutex::default(),
            readings: Readings::new(Instant::now()),
            home: OnceLock::new(),
        }
    }

    /// Other replicas post with the same account: what was read serves no second look.
    pub fn others_write(&self) {
        self.readings.others_write();
    }

    /// Asks Slack once who we are, so that links to channels open in the right workspace.
    ///
    /// # Errors
    /// What Slack says.
    pub async fn get_to_know(&self) -> Result<(), Trouble> {
        let me = self.client.call("auth.test", &[], Urgency::Usual).await?;
        let text = |k: &str| me[k].as_str().unwrap_or_default().to_owned();
        let _ = self.home.set(Home {
            url: text("url"),
            bot: text("user_id"),
        });
        Ok(())
    }

    /// Whether this is our own user.
    pub fn is_us(&self, user: &str) -> bool {
        self.home.get().is_some_and(|h| h.bot == user)
    }

    async fn work(&self, order: &Order) -> Result<Outcome, Trouble> {
        let i = &*order.incident;
        let channel = i.links.channel.as_ref();
        match (&order.what, channel) {
            (What::Ask { n }, _) => self.ask(order, *n).await,
            (What::OpenChannel, _) => self.open_channel(order).await,
            (What::Questions, _) => self.questions(order).await,
            (What::Announcement, _) => self.announce(order).await,
            (What::Card, Some(c)) => {
                let done = self.card(order, c).await?;
                self.retire(order);
                Ok(done)
            }
            (What::Topic, Some(c)) => self.topic(order, c).await,
            (What::Members, Some(c)) => self.members(order, c).await,
            (What::Bookmarks, Some(c)) => self.bookmarks(order, c).await,
            (What::Notice { from, to, by, at, .. }, Some(c)) => {
                let m = card::notice(&self.view(order), from, to, by, at.unwrap_or(i.status_since));
                self.post(order, &c.id, m).await
            }
            (What::PostUpdate { n }, Some(c)) => match card::update(&self.view(order), *n) {
                Some(m) => self.post(order, &c.id, m).await,
                None => Ok(Outcome::Done(vec![])),
            },
            (What::PostReview { .. }, Some(c)) => self.post(order, &c.id, card::review(&self.view(order))).await,
            (
                What::Brief { .. }
                | What::Offer { .. }
                | What::Departure { .. }
                | What::Decision { .. }
                | What::Remind { .. }
                | What::ReadMessage { .. }
                | What::ProcessFile { .. }
                | What::Report { .. },
                _,
            ) => self.with_people(order).await,
            (What::LastWord { .. }, Some(c)) => {
                let done = self.post(order, &c.id, card::last_word(&self.view(order))).await?;
                self.retire(order);
                Ok(done)
            }
            (What::ArchiveChannel { .. }, Some(c)) => self.archive(order, c).await,
            (What::Card | What::Topic | What::Members | What::Bookmarks, None) => Ok(Outcome::Done(vec![])),
            (What::Notice { .. } | What::PostUpdate { .. } | What::PostReview { .. }, None) => {
                Ok(Outcome::Done(vec![]))
            }
            (What::LastWord { .. } | What::ArchiveChannel { .. }, None) => Ok(Outcome::Done(vec![])),
            (other, _) => Ok(crate::not_ours("Slack", other)),
        }
    }

    fn view<'a>(&'a self, order: &'a Order) -> View<'a> {
        View {
            incident: &order.incident,
            process: &order.process,
            catalogue: &order.catalogue,
            waiting: &order.waiting,
            can: &self.can,
            public_url: &self.public_url,
            newer: order.newer.as_deref(),
            hints: &order.hints,
            now: order.now,
        }
    }

    // ---- what was written

    fn unchanged(&self, thing: &str, print: u64) -> bool {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).get(thing) == Some(&print)
    }

    fn remember(&self, thing: String, print: u64) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.len() >= REMEMBERED {
            written.clear();
        }
        written.insert(thing, print);
    }

    /// Another replica may have written: what was written from here says nothing any more. That a channel was seen to be
    /// empty and what is to be looked at is no writing, and stays.
    fn nothing_is_known(&self, order: &Order) {
        let reference = order.incident.reference.to_string();
        let channel = order.incident.links.channel.as_ref().map(|c| c.id.as_str());
        let theirs = |thing: &str| thing.split(' ').any(|w| w == reference || Some(w) == channel);
        self.written
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|thing, _| thing.starts_with(LOST) || thing.starts_with("look at ") || !theirs(thing));
    }

    // ---- messages

    async fn send(&self, order: &Order, channel: &str, m: &Message, urgency: Urgency) -> Result<Value, Trouble> {
        let blocks = json!(m.blocks).to_string();
        let metadata = json!({"event_type": "imp_message", "event_payload": {"ref": order.incident.reference.to_string(), "key": order.key}});
        let metadata = metadata.to_string();
        let args = [
            ("channel", channel),
            ("text", m.text.as_str()),
            ("blocks", blocks.as_str()),
            ("metadata", metadata.as_str()),
            ("unfurl_links", "false"),
            ("unfurl_media", "false"),
        ];
        let _sending = self.readings.sending(channel);
        self.client.call("chat.postMessage", &args, urgency).await
    }

    async fn rewrite(&self, channel: &str, ts: &str, m: &Message) -> Result<(), Trouble> {
        rewrite(&self.client, channel, ts, m).await
    }

    /// The message of this order in a channel, where an earlier try may have left it.
    async fn look_for(&self, order: &Order, channel: &str) -> Result<Option<String>, Trouble> {
        let args = [
            ("channel", channel),
            ("limit", LOOK_BACK),
            ("include_all_metadata", "true"),
        ];
        let read = self.client.call("conversations.history", &args, Urgency::Urgent);
        let mark = (order.incident.reference.to_string(), order.key.clone());
        self.readings.find(channel, &mark, Instant::now(), read).await
    }

    /// Posts once.
    async fn post(&self, order: &Order, channel: &str, m: Message) -> Result<Outcome, Trouble> {
        if order.tried > 0 && self.look_for(order, channel).await?.is_some() {
            return Ok(Outcome::Done(vec![]));
        }
        let sent = self.send(order, channel, &m, Urgency::Usual).await?;
        let (channel, ts) = place(&sent);
        if m.without_buttons() != m {
            let mut stale = self.stale.lock().unwrap_or_else(PoisonError::into_inner);
            if stale.len() >= REMEMBERED {
                stale.clear();
            }
            let of_incident = stale.entry(order.incident.reference).or_default();
            let what = order.what.clone();
            of_incident.push(Stale { channel, ts, what, m });
        }
        Ok(Outcome::Done(vec![]))
    }

    /// Takes the buttons off messages that offer nothing any more: the incident is over, the role is not offered any
    /// longer, it is decided. It is only for the eyes: who presses one all the same is told in private. So it waits for
    /// nobody and nobody for it, leaves room for what is worked on, and a restart forgets it. What is too much at once waits
    /// for the next time that the card is drawn.
    fn retire(&self, order: &Order) {
        let view = self.view(order);
        let mut stale = self.stale.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(all) = stale.remove(&order.incident.reference) else {
            return;
        };
        let (mut kept, mut left) = (Vec::new(), RETIRED_AT_ONCE);
        for s in all {
            let words = match stale::over(&view, &s.what) {
                Some(words) if left > 0 && self.client.has_room("chat.update", Room::Half) => words,
                Some(_) | None => {
                    kept.push(s);
                    continue;
                }
            };
            left -= 1;
            let (client, m) = (self.client.clone(), s.m.closed(&words));
            tokio::spawn(async move {
                if let Err(t) = rewrite(&client, &s.channel, &s.ts, &m).await {
                    tracing::debug!(code = t.code(), "old buttons stay where they are");
                }
            });
        }
        if !kept.is_empty() {
            stale.insert(order.incident.reference, kept);
        }
    }

    // ---- the question

    async fn ask(&self, order: &Order, n: u32) -> Result<Outcome, Trouble> {
        let i = &*order.incident;
        let Some(q) = i.questions.iter().find(|q| q.n == n) else {
            return Ok(Outcome::Done(vec![]));
        };
        let channel = match &q.whom {
            Target::Person(who) => match self.id_of(who, order).await? {
                Some(id) => id,
                None => {
                    return Ok(Outcome::Never {
                        why: format!("Slack knows nobody called {}", who.label()),
                    });
                }
            },
            Target::Channel(name) => name.trim_start_matches('#').to_owned(),
            Target::Announcements => self.announce_channel.clone(),
        };
        if order.tried > 0
            && let Some((channel, ts)) = self.asked_before(order, q, &channel).await?
        {
            return Ok(Outcome::Done(vec![Link::Question { n, channel, ts }]));
        }
        let m = card::question(&self.view(order), q);
        let sent = self.send(order, &channel, &m, Urgency::Urgent).await?;
        let (channel, ts) = place(&sent);
        self.remember(format!("question {} {n}", i.reference), print(&m));
        Ok(Outcome::Done(vec![Link::Question { n, channel, ts }]))
    }

    async fn asked_before(
        &self,
        order: &Order,
        q: &imp_core::incident::Question,
        channel: &str,
    ) -> Result<Option<(String, String)>, Trouble> {
        let id = match &q.whom {
            Target::Person(_) => {
                let opened = self
                    .client
                    .call("conversations.open", &[("users", channel)], Urgency::Urgent)
                    .await?;
                opened["channel"]["id"].as_str().unwrap_or_default().to_owned()
            }
            Target::Channel(_) | Target::Announcements => match self.client.place(channel).await? {
                Some(id) => id,
                None => return Ok(None),
            },
        };
        let found = match self.look_for(order, &id).await {
            // A channel that we are not in can be read after joining it.
            Err(t) if t.code() == "not_in_channel" => {
                self.client
                    .call("conversations.join", &[("channel", &id)], Urgency::Urgent)
                    .await?;
                self.look_for(order, &id).await?
            }
            other => other?,
        };
        Ok(found.map(|ts| (id, ts)))
    }

    async fn questions(&self, order: &Order) -> Result<Outcome, Trouble> {
        let i = &*order.incident;
        for q in &i.questions {
            let Some((channel, ts)) = &q.posted else { continue };
            let m = card::question(&self.view(order), q);
            let thing = format!("question {} {}", i.reference, q.n);
            if self.unchanged(&thing, print(&m)) {
                continue;
            }
            match self.rewrite(channel, ts, &m).await {
                // Somebody deleted it, or its channel is gone: there is nothing left to keep true.
                Err(t)
                    if matches!(
                        t.code(),
                        "message_not_found" | "channel_not_found" | "is_archived" | "cant_update_message"
                    ) => {}
                other => other?,
            }
            self.remember(thing, print(&m));
        }
        Ok(Outcome::Done(vec![]))
    }

    // ---- the channel

    async fn open_channel(&self, order: &Order) -> Result<Outcome, Trouble> {
        let i = &*order.incident;
        let service = i.service.as_ref().map(|s| imp_core::words::slug(&s.alias, 30));
        let reference = i.reference.to_string();
        let name = order
            .process
            .channel_name(i.opened_at, &i.title, &reference, service.as_deref());
        let private = if i.private { "true" } else { "false" };
        let create = async |name: &str| {
            self.client
                .call(
                    "conversations.create",
                    &[("name", name), ("is_private", private)],
                    Urgency::Urgent,
                )
                .await
        };
        let made = match create(&name).await {
            Err(t) if t.code() == "name_taken" && order.tried > 0 => match self.lost_channel(order, &name).await? {
                Lost::Ours(channel) => return Ok(self.opened(&channel)),
                Lost::Unsure => {
                    return Ok(Outcome::Wait {
                        after_ms: LOOK_AGAIN_MS,
                    });
                }
                Lost::NotOurs => create(&own_name(&name, i.reference)).await,
            },
            Err(t) if t.code() == "name_taken" => create(&own_name(&name, i.reference)).await,
            other => other,
        };
        match made {
            Ok(answer) => Ok(self.opened(&answer["channel"])),
            // A name that nobody but this incident has: an earlier try made it and its answer was lost.
            Err(t) if t.code() == "name_taken" => match self.client.channel(&own_name(&name, i.reference)).await? {
                Some(channel) if self.may_be_ours(&channel, i) => Ok(self.opened(&channel)),
                Some(_) | None => Ok(Outcome::Never {
                    why: format!(
                        "the channel names {name} and {} are taken",
                        own_name(&name, i.reference)
                    ),
                }),
            },
            Err(t) => Err(t),
        }
    }

    /// Whether a channel can be the one that an earlier try opened for this incident.
    fn may_be_ours(&self, channel: &Value, i: &imp_core::Incident) -> bool {
        let by_us = self.home.get().is_none_or(|h| channel["creator"] == h.bot.as_str());
        let purpose = channel["purpose"]["value"].as_str().unwrap_or_default();
        let reference = i.reference.to_string();
        let named = purpose.is_empty() || purpose.split([':', ' ']).next() == Some(reference.as_str());
        by_us && named && (channel["is_private"] == true) == i.private
    }

    fn opened(&self, channel: &Value) -> Outcome {
        let id = channel["id"].as_str().unwrap_or_default().to_owned();
        let name = channel["name"].as_str().unwrap_or_default().to_owned();
        let url = match self.home.get() {
            Some(h) if !h.url.is_empty() => format!("{}/archives/{id}", h.url.trim_end_matches('/')),
            _ => format!("https://slack.com/app_redirect?channel={id}"),
        };
        Outcome::Done(vec![Link::Channel { id, name, url }])
    }

    /// Whether the channel that has our name is one that an earlier try of ours made.
    async fn lost_channel(&self, order: &Order, name: &str) -> Result<Lost, Trouble> {
        let Some(channel) = self.client.channel(name).await? else {
            return Ok(Lost::NotOurs);
        };
        let reference = order.incident.reference.to_string();
        let purpose = channel["purpose"]["value"].as_str().unwrap_or_default();
        if purpose.split([':', ' ']).next() == Some(reference.as_str()) {
            return Ok(Lost::Ours(channel));
        }
        let bot = self.home.get().map(|h| h.bot.as_str());
        let by_us = bot.is_none_or(|b| channel["creator"] == b);
        if !purpose.is_empty() || !by_us {
            return Ok(Lost::NotOurs);
        }
        // Empty and made by us: either the lost one, or one that another incident opened this very moment and that gets
        // its purpose and card right after. Look twice, some time apart.
        let id = channel["id"].as_str().unwrap_or_default();
        let history = self
            .client
            .call(
                "conversations.history",
                &[("channel", id), ("limit", "10"), ("include_all_metadata", "true")],
                Urgency::Urgent,
            )
            .await?;
        let foreign = history["messages"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|m| m["metadata"].is_object());
        if foreign {
            return Ok(Lost::NotOurs);
        }
        let thing = format!("{LOST} {reference}");
        if self.unchanged(&thing, 1) {
            return Ok(Lost::Ours(channel));
        }
        self.remember(thing, 1);
        Ok(Lost::Unsure)
    }

    async fn card(&self, order: &Order, c: &Channel) -> Result<Outcome, Trouble> {
        let m = card::card(&self.view(order));
        let thing = format!("card {}", order.incident.reference);
        if let Some(ts) = &c.card {
            let stands = self.stands(&c.id, ts).await?;
            if stands == Stands::Unpinned {
                self.pin(&c.id, ts).await?;
            }
            if stands != Stands::Gone && self.unchanged(&thing, print(&m)) {
                self.was_looked_at(&c.id);
                return Ok(Outcome::Done(vec![]));
            }
            match self.rewrite(&c.id, ts, &m).await {
                Ok(()) => {
                    self.remember(thing, print(&m));
                    self.was_looked_at(&c.id);
                    return Ok(Outcome::Done(vec![]));
                }
                // Somebody deleted the card: it is written anew below.
                Err(t) if t.code() == "message_not_found" => {}
                Err(t) if t.code() == "is_archived" => return Ok(Outcome::Done(vec![])),
                Err(t) => return Err(t),
            }
        }
        let found = if order.tried > 0 {
            self.look_for(order, &c.id).await?
        } else {
            None
        };
        let ts = match found {
            Some(ts) => ts,
            None => place(&self.send(order, &c.id, &m, Urgency::Urgent).await?).1,
        };
        self.remember(thing, print(&m));
        self.pin(&c.id, &ts).await.map_err(Trouble::after_a_write)?;
        self.was_looked_at(&c.id);
        Ok(Outcome::Done(vec![Link::Card { ts }]))
    }

    /// How the card stands, asked only where it is to be looked at. Without a look it is taken to be pinned: its place
    /// is written down after that.
    async fn stands(&self, channel: &str, ts: &str) -> Result<Stands, Trouble> {
        if !self.unchanged(&card_look(channel), 1) {
            return Ok(Stands::Well);
        }
        let args = [
            ("channel", channel),
            ("latest", ts),
            ("oldest", ts),
            ("inclusive", "true"),
            ("limit", "1"),
        ];
        let history = self.client.call("conversations.history", &args, Urgency::Usual).await?;
        let found = history["messages"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|m| m["ts"] == ts);
        Ok(match found {
            None => Stands::Gone,
            Some(m)
                if m["pinned_to"]
                    .as_array()
                    .is_some_and(|to| to.iter().any(|c| c == channel)) =>
            {
                Stands::Well
            }
            Some(_) => Stands::Unpinned,
        })
    }

    /// Takes down topic and purpose as they are in Slack, where they are to be looked at.
    async fn read_topic(&self, c: &Channel) -> Result<(), Trouble> {
        let look = format!("look at topic {}", c.id);
        if !self.unchanged(&look, 1) {
            return Ok(());
        }
        let info = self
            .client
            .call("conversations.info", &[("channel", &c.id)], Urgency::Usual)
            .await?;
        self.written
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&look);
        for name in ["topic", "purpose"] {
            let text = info["channel"][name]["value"].as_str().unwrap_or_default();
            let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            let seen = (format!("seen {name} {}", c.id), print_of(&text));
            // As it was at the last look, in Slack's own spelling of what we wrote.
            if !self.unchanged(&seen.0, seen.1) {
                self.remember(format!("{name} {}", c.id), seen.1);
                self.remember(seen.0, seen.1);
            }
        }
        Ok(())
    }

    /// The card is as it should be: the look that was due is done.
    fn was_looked_at(&self, channel: &str) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.remove(&card_look(channel));
    }

    /// Pins the card. What Slack refuses does without a pin; a call that did not come through is made again.
    async fn pin(&self, channel: &str, ts: &str) -> Result<(), Trouble> {
        let args = [("channel", channel), ("timestamp", ts)];
        match self.client.call("pins.add", &args, Urgency::Urgent).await {
            Err(Trouble::Said { code, .. }) if code != "already_pinned" => {
                tracing::warn!(code, "the card is not pinned");
                Ok(())
            }
            Ok(_) | Err(Trouble::Said { .. }) => Ok(()),
            Err(fault @ Trouble::Fault(_)) => Err(fault),
        }
    }

    async fn topic(&self, order: &Order, c: &Channel) -> Result<Outcome, Trouble> {
        let view = self.view(order);
        self.read_topic(c).await?;
        let set = async |method: &'static str, name: &'static str, text: String| -> Result<(), Trouble> {
            let thing = format!("{name} {}", c.id);
            let print = print_of(&text);
            if !self.unchanged(&thing, print) {
                self.client
                    .call(method, &[("channel", &c.id), (name, &text)], Urgency::Usual)
                    .await?;
                self.remember(thing, print);
            }
            Ok(())
        };
        let topic = set("conversations.setTopic", "topic", card::topic(&view));
        let purpose = set("conversations.setPurpose", "purpose", card::purpose(&view));
        let (a, b) = tokio::join!(topic, purpose);
        a.and(b).map(|()| Outcome::Done(vec![]))
    }

    async fn members(&self, order: &Order, c: &Channel) -> Result<Outcome, Trouble> {
        let i = &*order.incident;
        let mut wanted: Vec<String> = Vec::new();
        for who in i.members.iter().chain(i.roles.values()) {
            if let Some(id) = self.id_of(who, order).await?
                && !c.invited.contains(&id)
                && !wanted.contains(&id)
                && self.home.get().is_none_or(|h| h.bot != id)
            {
                wanted.push(id);
            }
        }
        for crowd in wanted.chunks(INVITED_AT_ONCE) {
            let users = crowd.join(",");
            let args = [("channel", c.id.as_str()), ("users", users.as_str()), ("force", "true")];
            match self.client.call("conversations.invite", &args, Urgency::Urgent).await {
                // They are there already, have left the company, or may not be invited: asking again changes nothing.
                Err(t)
                    if matches!(
                        t.code(),
                        "already_in_channel"
                            | "cant_invite_self"
                            | "user_not_found"
                            | "cant_invite"
                            | "user_is_restricted"
                            | "user_is_ultra_restricted"
                    ) =>
                {
                    tracing::info!(code = t.code(), reference = %i.reference, "some people were not invited");
                }
                other => drop(other?),
            }
        }
        if wanted.is_empty() {
            return Ok(Outcome::Done(vec![]));
        }
        Ok(Outcome::Done(vec![Link::Members { slack: wanted }]))
    }

    async fn bookmarks(&self, order: &Order, c: &Channel) -> Result<Outcome, Trouble> {
        let wanted = card::bookmarks(&self.view(order));
        let thing = |url: &str| format!("bookmark {} {url}", c.id);
        let mut missing: Vec<_> = wanted
            .into_iter()
            .filter(|(_, url)| !self.unchanged(&thing(url), 1))
            .collect();
        let fresh = order.incident.links.ticket.is_none() && order.incident.links.meeting.is_none();
        if missing.is_empty() {
            return Ok(Outcome::Done(vec![]));
        }
        if order.tried > 0 || order.others_wrote || (!fresh && !self.unchanged(&format!("bookmarks {}", c.id), 1)) {
            let there = self
                .client
                .call("bookmarks.list", &[("channel_id", &c.id)], Urgency::Usual)
                .await?;
            let has = |url: &str| {
                there["bookmarks"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .any(|b| b["link"] == url)
            };
            missing.retain(|(_, url)| {
                let there = has(url);
                if there {
                    self.remember(thing(url), 1);
                }
                !there
            });
        }
        self.remember(format!("bookmarks {}", c.id), 1);
        let add = async |(title, url): &(String, String)| -> Result<(), Trouble> {
            let args = [
                ("channel_id", c.id.as_str()),
                ("title", title.as_str()),
                ("type", "link"),
                ("link", url.as_str()),
            ];
            self.client.call("bookmarks.add", &args, Urgency::Usual).await?;
            self.remember(thing(url), 1);
            Ok(())
        };
        // The card has all of these links too. When many incidents open at once, later bookmarks are left to the next
        // change of this one rather than queued behind everybody's first.
        let first = missing
            .iter()
            .take(1)
            .filter(|_| self.client.has_room("bookmarks.add", Room::Any));
        let others = missing
            .iter()
            .skip(1)
            .filter(|_| self.client.has_room("bookmarks.add", Room::Half));
        let now: Vec<_> = first.chain(others).map(add).collect();
        let added = futures_util::future::join_all(now).await;
        added.into_iter().collect::<Result<Vec<()>, Trouble>>()?;
        Ok(Outcome::Done(vec![]))
    }

    async fn archive(&self, order: &Order, c: &Channel) -> Result<Outcome, Trouble> {
        if order.process.category(&order.incident.status) != Category::Done {
            return Ok(Outcome::Done(vec![]));
        }
        match self
            .client
            .call("conversations.archive", &[("channel", &c.id)], Urgency::Usual)
            .await
        {
            Err(t) if !matches!(t.code(), "already_archived" | "channel_not_found") => Err(t),
            _ => Ok(Outcome::Done(vec![Link::Archived])),
        }
    }

    // ---- the announcement

    async fn announce(&self, order: &Order) -> Result<Outcome, Trouble> {
        let m = card::announcement(&self.view(order));
        let thing = format!("announcement {}", order.incident.reference);
        if let Some((channel, ts)) = &order.incident.links.announcement {
            if self.unchanged(&thing, print(&m)) {
                return Ok(Outcome::Done(vec![]));
            }
            match self.rewrite(channel, ts, &m).await {
                Err(t) if matches!(t.code(), "message_not_found" | "is_archived" | "channel_not_found") => {}
                other => other?,
            }
            self.remember(thing, print(&m));
            return Ok(Outcome::Done(vec![]));
        }
        if order.tried > 0
            && let Some(channel) = self.client.place(&self.announce_channel).await?
            && let Some(ts) = self.look_for(order, &channel).await?
        {
            return Ok(Outcome::Done(vec![Link::Announcement { channel, ts }]));
        }
        let sent = self.send(order, &self.announce_channel, &m, Urgency::Usual).await?;
        let (channel, ts) = place(&sent);
        self.client.was_at(&self.announce_channel, &channel);
        self.remember(thing, print(&m));
        Ok(Outcome::Done(vec![Link::Announcement { channel, ts }]))
    }

    /// Posts once where incidents are announced.
    async fn announce_once(&self, order: &Order, m: Message) -> Result<Outcome, Trouble> {
        if order.tried > 0
            && let Some(id) = self.client.place(&self.announce_channel).await?
            && self.look_for(order, &id).await?.is_some()
        {
            return Ok(Outcome::Done(vec![]));
        }
        self.send(order, &self.announce_channel, &m, Urgency::Usual).await?;
        Ok(Outcome::Done(vec![]))
    }

    // ---- people

    async fn id_of(&self, who: &Who, order: &Order) -> Result<Option<String>, Trouble> {
        let known = order.directory.complete(who);
        if let Some(id) = known.slack {
            return Ok(Some(id).filter(|id| mrkdwn::is_id(id)));
        }
        let Some(email) = known.email else { return Ok(None) };
        let seen = self
            .ids
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&email)
            .cloned();
        if let Some(id) = seen {
            return Ok(Some(id).filter(|id| !id.is_empty()));
        }
        let id = match self
            .client
            .call("users.lookupByEmail", &[("email", &email)], Urgency::Urgent)
            .await
        {
            Ok(answer) => answer["user"]["id"].as_str().unwrap_or_default().to_owned(),
            Err(t) if t.code() == "users_not_found" => String::new(),
            Err(t) => return Err(t),
        };
        self.ids
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(email, id.clone());
        Ok(Some(id).filter(|id| !id.is_empty()))
    }
}

/// What was found under a name that an earlier try wanted.
enum Lost {
    /// The channel that it made.
    Ours(Value),
    /// Perhaps; look again.
    Unsure,
    /// Somebody else's.
    NotOurs,
}

/// A name that no other incident can have.
fn own_name(name: &str, reference: imp_core::Ref) -> String {
    format!("{name}-{}", reference.0)
}

fn place(sent: &Value) -> (String, String) {
    (
        sent["channel"].as_str().unwrap_or_default().to_owned(),
        sent["ts"].as_str().unwrap_or_default().to_owned(),
    )
}

fn print_of(text: &str) -> u64 {
    let mut h = DefaultHasher::new();
    text.hash(&mut h);
    h.finish()
}

fn print(m: &Message) -> u64 {
    let mut h = DefaultHasher::new();
    m.text.hash(&mut h);
    for b in &m.blocks {
        b.to_string().hash(&mut h);
    }
    h.finish()
}

impl Port for Chat {
    fn perform(&self, order: Order) -> Boxed<'_, Outcome> {
        Box::pin(async move {
            if order.others_wrote {
                self.nothing_is_known(&order);
            }
            self.work(&order).await.unwrap_or_else(Outcome::from)
        })
    }

    fn limits(&self) -> Option<&dyn Limits> {
        Some(self.client.limits())
    }

    fn forget(&self, incident: &imp_core::Incident) {
        let Some(c) = &incident.links.channel else { return };
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let bookmarks = [format!("bookmarks {}", c.id), format!("bookmark {} ", c.id)];
        written.retain(|thing, _| *thing != bookmarks[0] && !thing.starts_with(&bookmarks[1]));
        // Topic and card are looked at before they are written: to set a topic again is a message in the channel.
        for what in ["topic", "card"] {
            written.insert(format!("look at {what} {}", c.id), 1);
        }
    }
}
