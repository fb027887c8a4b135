//! What can happen in a workspace, whoever does it: each act changes the state and tells the app and the pages.

use serde_json::{Map, Value, json};

use super::state::{BOT_USER, Channel, Message, Note, Out, Pin, Sort, State, TEAM};

/// Slack's code for why an act was refused.
pub(super) type Refused = &'static str;

/// Topics and purposes are at most this long.
const NOTE_MAX: usize = 250;
/// Channel names are at most this long.
const NAME_MAX: usize = 80;
/// A channel holds at most this many pins.
const PINS_MAX: usize = 100;
/// A message bears at most this many different reactions by the same person.
const REACTIONS_MAX: usize = 23;

impl State {
    /// Tells the app, if its bot is in that channel.
    pub fn event(&mut self, channel: &str, event: Value) {
        if self.channel(channel).is_some_and(|c| c.has(BOT_USER)) {
            self.outbox.push(Out::App(event));
        }
    }

    /// Tells the pages of those who can see the channel.
    pub fn show(&mut self, channel: &str, what: Value) {
        let Some(c) = self.channel(channel) else {
            return;
        };
        let who = State::audience(c);
        self.tell(who, what);
    }

    /// Posts; the draft's `ts` is filled in here.
    pub fn post(&mut self, channel: &str, mut m: Message) -> Result<String, Refused> {
        let ts = self.ts();
        let c = self.channel_mut(channel).ok_or("channel_not_found")?;
        if c.archived {
            return Err("is_archived");
        }
        m.ts.clone_from(&ts);
        if let Some(root) = m.thread_ts.clone() {
            // A reply to a reply belongs to the thread of the first message.
            let of = c
                .message(&root)
                .ok_or("thread_not_found")?
                .thread_ts
                .clone()
                .unwrap_or(root);
            if m.only_for.is_none()
                && let Some(first) = c.message_mut(&of)
            {
                first.thread_ts = Some(of.clone());
            }
            m.thread_ts = Some(of);
        }
        if m.broadcast {
            m.subtype = Some("thread_broadcast".to_owned());
        }
        c.read.insert(m.user.clone(), ts.clone());
        if c.direct() {
            c.open_for.extend(c.members.clone());
        }
        c.messages.push(m.clone());
        self.announce(channel, &m);
        Ok(ts)
    }

    fn announce(&mut self, channel: &str, m: &Message) {
        let Some(c) = self.channel(channel) else {
            return;
        };
        let shown = self.message_json(c, m);
        let root = m
            .thread_ts
            .as_deref()
            .filter(|t| *t != m.ts)
            .and_then(|t| c.message(t))
            .map(|r| self.message_json(c, r));
        let kind = c.kind();
        match &m.only_for {
            Some(who) => {
                self.tell(
                    Some(vec![who.clone()]),
                    json!({"type": "message", "channel": channel, "message": shown}),
                );
                return;
            }
            None => self.show(
                channel,
                json!({"type": "message", "channel": channel, "message": shown}),
            ),
        }
        if let Some(root) = root {
            self.show(
                channel,
                json!({"type": "message_changed", "channel": channel, "message": root}),
            );
        }
        let mut event = shown;
        event["channel"] = json!(channel);
        event["event_ts"] = json!(m.ts);
        event["channel_type"] = json!(kind);
        if m.user != BOT_USER && m.text.contains(&format!("<@{BOT_USER}>")) && kind != "im" {
            let mut mention = event.clone();
            mention["type"] = json!("app_mention");
            if let Some(o) = mention.as_object_mut() {
                o.shift_remove("channel_type");
            }
            self.event(channel, mention);
        }
        self.event(channel, event);
    }

    /// A message that Slack itself writes: somebody joined, the topic changed…
    fn remark(&mut self, channel: &str, user: &str, subtype: &str, text: String, extra: Value) {
        let extra = match extra {
            Value::Object(o) => o,
            _ => Map::new(),
        };
        let m = Message {
            user: user.to_owned(),
            subtype: Some(subtype.to_owned()),
            text,
            extra,
            ..Message::default()
        };
        if self.post(channel, m).is_err() {
            tracing::debug!(channel, subtype, "no remark in a channel that cannot be written to");
        }
    }

    /// Changes a message and tells everybody.
    pub fn edit(&mut self, channel: &str, ts: &str, change: impl FnOnce(&mut Message)) -> Result<(), Refused> {
        let at = self.ts();
        let c = self.channel(channel).ok_or("channel_not_found")?;
        let m = c.message(ts).ok_or("message_not_found")?;
        let (before, only_for, kind) = (self.message_json(c, m), m.only_for.clone(), c.kind());
        let c = self.channel_mut(channel).ok_or("channel_not_found")?;
        change(c.message_mut(ts).ok_or("message_not_found")?);
        let c = self.channel(channel).ok_or("channel_not_found")?;
        let after = c
            .message(ts)
            .map(|m| self.message_json(c, m))
            .ok_or("message_not_found")?;
        let page = json!({"type": "message_changed", "channel": channel, "message": after});
        match only_for {
            Some(who) => self.tell(Some(vec![who]), page),
            None => {
                self.show(channel, page);
                self.event(
                    channel,
                    json!({"type": "message", "subtype": "message_changed", "message": after, "previous_message": before,
                           "channel": channel, "hidden": true, "ts": at, "event_ts": at, "channel_type": kind}),
                );
            }
        }
        Ok(())
    }

    /// Takes a message away; one that has replies leaves a stone behind.
    pub fn delete(&mut self, channel: &str, ts: &str) -> Result<(), Refused> {
        let at = self.ts();
        let c = self.channel(channel).ok_or("channel_not_found")?;
        let m = c.message(ts).ok_or("message_not_found")?;
        let (before, only_for, kind) = (self.message_json(c, m), m.only_for.clone(), c.kind());
        let stone = c.replies(ts).next().is_some();
        let root = m.thread_ts.clone().filter(|t| t != ts);
        let c = self.channel_mut(channel).ok_or("channel_not_found")?;
        c.pins.retain(|p| p.ts != ts);
        if stone && let Some(m) = c.message_mut(ts) {
            *m = Message {
                ts: m.ts.clone(),
                user: "USLACKBOT".to_owned(),
                subtype: Some("tombstone".to_owned()),
                text: "This message was deleted.".to_owned(),
                thread_ts: m.thread_ts.clone(),
                ..Message::default()
            };
        } else {
            c.messages.retain(|m| m.ts != ts);
        }
        if let Some(root) = &root
            && c.replies(root).next().is_none()
            && let Some(first) = c.message_mut(root)
        {
            first.thread_ts = None;
        }
        let gone = json!({"type": "message_deleted", "channel": channel, "ts": ts, "thread_ts": root});
        if let Some(who) = only_for {
            self.tell(Some(vec![who]), gone);
            return Ok(());
        }
        let c = self.channel(channel).ok_or("channel_not_found")?;
        let changed = root
            .as_deref()
            .or(stone.then_some(ts))
            .and_then(|t| c.message(t))
            .map(|m| self.message_json(c, m));
        if !stone {
            self.show(channel, gone);
        }
        if let Some(message) = changed {
            self.show(
                channel,
                json!({"type": "message_changed", "channel": channel, "message": message}),
            );
        }
        self.event(
            channel,
            json!({"type": "message", "subtype": "message_deleted", "previous_message": before, "channel": channel,
                   "hidden": true, "deleted_ts": ts, "ts": at, "event_ts": at, "channel_type": kind}),
        );
        Ok(())
    }

    /// Shows a message anew on the pages, after something about it changed that is no edit.
    fn redraw(&mut self, channel: &str, ts: &str) {
        let Some(c) = self.channel(channel) else {
            return;
        };
        let Some(m) = c.message(ts) else { return };
        let message = self.message_json(c, m);
        self.show(
            channel,
            json!({"type": "message_changed", "channel": channel, "message": message}),
        );
    }

    /// Adds a reaction.
    pub fn react(&mut self, actor: &str, channel: &str, ts: &str, name: &str) -> Result<(), Refused> {
        let at = self.ts();
        let name = name.trim_matches(':');
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || "_-+':".contains(c)) {
            return Err("invalid_name");
        }
        let c = self.channel_mut(channel).ok_or("channel_not_found")?;
        if c.archived {
            return Err("is_archived");
        }
        let m = c
            .message_mut(ts)
            .filter(|m| m.only_for.is_none())
            .ok_or("message_not_found")?;
        if m.reactions
            .iter()
            .filter(|(_, by)| by.iter().any(|u| u == actor))
            .count()
            >= REACTIONS_MAX
        {
            return Err("too_many_reactions");
        }
        match m.reactions.iter_mut().find(|(n, _)| n == name) {
            Some((_, by)) if by.iter().any(|u| u == actor) => return Err("already_reacted"),
            Some((_, by)) => by.push(actor.to_owned()),
            None => m.reactions.push((name.to_owned(), vec![actor.to_owned()])),
        }
        let item_user = m.user.clone();
        self.redraw(channel, ts);
        self.event(
            channel,
            json!({"type": "reaction_added", "user": actor, "reaction": name, "item_user": item_user,
                   "item": {"type": "message", "channel": channel, "ts": ts}, "event_ts": at}),
        );
        Ok(())
    }

    /// Takes a reaction back.
    pub fn unreact(&mut self, actor: &str, channel: &str, ts: &str, name: &str) -> Result<(), Refused> {
        let at = self.ts();
        let name = name.trim_matches(':');
        let c = self.channel_mut(channel).ok_or("channel_not_found")?;
        let m = c
            .message_mut(ts)
            .filter(|m| m.only_for.is_none())
            .ok_or("message_not_found")?;
        let found = m
            .reactions
            .iter_mut()
            .find(|(n, by)| n == name && by.iter().any(|u| u == actor));
        found.ok_or("no_reaction")?.1.retain(|u| u != actor);
        m.reactions.retain(|(_, by)| !by.is_empty());
        let item_user = m.user.clone();
        self.redraw(channel, ts);
        self.event(
            channel,
            json!({"type": "reaction_removed", "user": actor, "reaction": name, "item_user": item_user,
                   "item": {"type": "message", "channel": channel, "ts": ts}, "event_ts": at}),
        );
        Ok(())
    }

    /// Pins a message.
    pub fn pin(&mut self, actor: &str, channel: &str, ts: &str) -> Result<(), Refused> {
        let (at, now) = (self.ts(), self.now / 1000);
        let c = self.channel_mut(channel).ok_or("channel_not_found")?;
        if c.archived {
            return Err("is_archived");
        }
        c.message(ts)
            .filter(|m| m.only_for.is_none())
            .ok_or("message_not_found")?;
        if c.pins.iter().any(|p| p.ts == ts) {
            return Err("already_pinned");
        }
        if c.pins.len() >= PINS_MAX {
            return Err("too_many_pins");
        }
        c.pins.push(Pin {
            ts: ts.to_owned(),
            by: actor.to_owned(),
            at: now,
        });
        let item = self.pin_json(channel, ts);
        let count = self.channel(channel).map_or(0, |c| c.pins.len());
        self.redraw(channel, ts);
        self.show(channel, json!({"type": "channel_changed", "channel": channel}));
        self.event(
            channel,
            json!({"type": "pin_added", "user": actor, "channel_id": channel, "item": item, "item_user": actor,
                   "pin_count": count, "pinned_info": {"channel": channel, "pinned_by": actor, "pinned_ts": now}, "event_ts": at}),
        );
        Ok(())
    }

    /// Unpins a message.
    pub fn unpin(&mut self, actor: &str, channel: &str, ts: &str) -> Result<(), Refused> {
        let at = self.ts();
        let item = self.pin_json(channel, ts);
        let c = self.channel_mut(channel).ok_or("channel_not_found")?;
        c.message(ts).ok_or("message_not_found")?;
        let had = c.pins.len();
        c.pins.retain(|p| p.ts != ts);
        if c.pins.len() == had {
            return Err("no_pin");
        }
        let left = c.pins.len();
        self.redraw(channel, ts);
        self.show(channel, json!({"type": "channel_changed", "channel": channel}));
        self.event(
            channel,
            json!({"type": "pin_removed", "user": actor, "channel_id": channel, "item": item, "pin_count": left,
                   "has_pins": left > 0, "event_ts": at}),
        );
        Ok(())
    }

    /// One item of `pins.list`.
    pub fn pin_json(&self, channel: &str, ts: &str) -> Value {
        let Some(c) = self.channel(channel) else {
            return Value::Null;
        };
        let Some(m) = c.message(ts) else {
            return Value::Null;
        };
        let pin = c.pins.iter().find(|p| p.ts == ts);
        let mut message = self.message_json(c, m);
        message["permalink"] = json!(self.permalink(&c.id, ts));
        json!({"type": "message", "created": pin.map_or(self.now / 1000, |p| p.at),
               "created_by": pin.map_or(BOT_USER, |p| p.by.as_str()), "channel": channel, "message": message})
    }

    /// The address of a message.
    pub fn permalink(&self, channel: &str, ts: &str) -> String {
        format!("{}/archives/{channel}/p{}", self.base, ts.replace('.', ""))
    }

    /// Makes a channel, with its maker in it.
    pub fn create_channel(&mut self, actor: &str, name: &str, sort: Sort) -> Result<String, Refused> {
        self.check_name(name)?;
        let id = self.id("C");
        let mut c = Channel::new(id.clone(), name.to_owned(), sort, actor, self.now / 1000);
        c.members.push(actor.to_owned());
        self.channels.push(c);
        let who = (sort == Sort::Private).then(|| vec![actor.to_owned()]);
        self.tell(who, json!({"type": "channels"}));
        if sort == Sort::Public {
            let at = self.ts();
            let event = json!({"type": "channel_created", "event_ts": at, "channel": {
                "id": id, "is_channel": true, "name": name, "name_normalized": name, "created": self.now / 1000,
                "creator": actor, "is_shared": false, "is_org_shared": false, "context_team_id": TEAM}});
            self.outbox.push(Out::App(event));
        }
        self.remark(
            &id,
            actor,
            "channel_join",
            format!("<@{actor}> has joined the channel"),
            Value::Null,
        );
        if actor == BOT_USER {
            self.joined(&id, actor, None);
        }
        Ok(id)
    }

    fn check_name(&self, name: &str) -> Result<(), Refused> {
        if name.is_empty() {
            return Err("invalid_name_required");
        }
        if name.chars().count() > NAME_MAX {
            return Err("invalid_name_maxlength");
        }
        if name
            .chars()
            .any(|c| c.is_uppercase() || c.is_whitespace() || !(c.is_alphanumeric() || c == '-' || c == '_'))
        {
            return Err("invalid_name_specials");
        }
        if !name.chars().any(char::is_alphanumeric) {
            return Err("invalid_name_punctuation");
        }
        // An archived channel keeps its name.
        if self.channels.iter().any(|c| !c.direct() && c.name == name) {
            return Err("name_taken");
        }
        Ok(())
    }

    /// Gives a channel another name.
    pub fn rename(&mut self, actor: &str, channel: &str, name: &str) -> Result<(), Refused> {
        let at = self.ts();
        let c = self.channel(channel).ok_or("channel_not_found")?;
        if c.archived {
            return Err("is_archived");
        }
        let (old, created) = (c.name.clone(), c.created);
        if old == name {
            return Ok(());
        }
        self.check_name(name)?;
        let c = self.channel_mut(channel).ok_or("channel_not_found")?;
        c.previous_names.insert(0, old.clone());
        name.clone_into(&mut c.name);
        self.show(channel, json!({"type": "channels"}));
        self.event(
            channel,
            json!({"type": "channel_rename", "event_ts": at, "channel": {"id": channel, "is_channel": true, "name": name,
                   "name_normalized": name, "created": created}}),
        );
        let text = format!("<@{actor}> has renamed the channel from \"{old}\" to \"{name}\"");
        self.remark(
            channel,
            actor,
            "channel_name",
            text,
            json!({"old_name": old, "name": name}),
        );
        Ok(())
    }

    /// Sets the topic.
    pub fn set_topic(&mut self, actor: &str, channel: &str, value: &str) -> Result<(), Refused> {
        let note = self.note(actor, channel, value)?;
        let c = self.channel_mut(channel).ok_or("channel_not_found")?;
        if c.topic.value == value {
            return Ok(());
        }
        c.topic = note;
        self.show(channel, json!({"type": "channel_changed", "channel": channel}));
        let text = match value {
            "" => "cleared the channel topic".to_owned(),
            _ => format!("set the channel topic: {value}"),
        };
        self.remark(channel, actor, "channel_topic", text, json!({"topic": value}));
        Ok(())
    }

    /// Sets the purpose, which the pages call the description.
    pub fn set_purpose(&mut self, actor: &str, channel: &str, value: &str) -> Result<(), Refused> {
        let note = self.note(actor, channel, value)?;
        let c = self.channel_mut(channel).ok_or("channel_not_found")?;
        if c.purpose.value == value {
            return Ok(());
        }
        c.purpose = note;
        self.show(channel, json!({"type": "channel_changed", "channel": channel}));
        let text = match value {
            "" => "cleared the channel description".to_owned(),
            _ => format!("set the channel description: {value}"),
        };
        self.remark(channel, actor, "channel_purpose", text, json!({"purpose": value}));
        Ok(())
    }

    fn note(&self, actor: &str, channel: &str, value: &str) -> Result<Note, Refused> {
        let c = self.channel(channel).ok_or("channel_not_found")?;
        if !c.has(actor) {
            return Err("not_in_channel");
        }
        if c.archived {
            return Err("is_archived");
        }
        if c.direct() {
            return Err("method_not_supported_for_channel_type");
        }
        if value.chars().count() > NOTE_MAX {
            return Err("too_long");
        }
        Ok(Note {
            value: value.to_owned(),
            creator: actor.to_owned(),
            last_set: self.now / 1000,
        })
    }

    /// Somebody comes in, alone or invited.
    pub fn join(&mut self, channel: &str, who: &str, inviter: Option<&str>) -> Result<(), Refused> {
        let c = self.channel_mut(channel).ok_or("channel_not_found")?;
        if c.archived {
            return Err("is_archived");
        }
        if c.has(who) {
            return Err("already_in_channel");
        }
        c.members.push(who.to_owned());
        let extra = inviter.map_or(Value::Null, |i| json!({"inviter": i}));
        self.remark(
            channel,
            who,
            "channel_join",
            format!("<@{who}> has joined the channel"),
            extra,
        );
        self.joined(channel, who, inviter);
        self.show(channel, json!({"type": "channel_changed", "channel": channel}));
        self.tell(Some(vec![who.to_owned()]), json!({"type": "channels"}));
        Ok(())
    }

    fn joined(&mut self, channel: &str, who: &str, inviter: Option<&str>) {
        let at = self.ts();
        let Some(c) = self.channel(channel) else {
            return;
        };
        let letter = if c.sort == Sort::Public { "C" } else { "G" };
        let mut event = json!({"type": "member_joined_channel", "user": who, "channel": channel,
                               "channel_type": letter, "team": TEAM, "event_ts": at});
        if let Some(i) = inviter {
            event["inviter"] = json!(i);
        }
        self.event(channel, event);
    }

    /// Somebody goes, by themselves or sent away.
    pub fn part(&mut self, channel: &str, who: &str) -> Result<(), Refused> {
        let at = self.ts();
        let c = self.channel(channel).ok_or("channel_not_found")?;
        if c.archived {
            return Err("is_archived");
        }
        if !c.has(who) {
            return Err("not_in_channel");
        }
        let letter = if c.sort == Sort::Public { "C" } else { "G" };
        // The bot hears of it even when it is the bot that goes.
        self.event(
            channel,
            json!({"type": "member_left_channel", "user": who, "channel": channel, "channel_type": letter,
                   "team": TEAM, "event_ts": at}),
        );
        self.remark(
            channel,
            who,
            "channel_leave",
            format!("<@{who}> has left the channel"),
            Value::Null,
        );
        self.show(channel, json!({"type": "channel_changed", "channel": channel}));
        if let Some(c) = self.channel_mut(channel) {
            c.members.retain(|m| m != who);
        }
        self.tell(Some(vec![who.to_owned()]), json!({"type": "channels"}));
        Ok(())
    }

    /// Closes a channel for good; its members and its words stay.
    pub fn archive(&mut self, actor: &str, channel: &str) -> Result<(), Refused> {
        let at = self.ts();
        let c = self.channel(channel).ok_or("channel_not_found")?;
        if c.direct() {
            return Err("method_not_supported_for_channel_type");
        }
        if c.archived {
            return Err("already_archived");
        }
        if c.general {
            return Err("cant_archive_general");
        }
        let text = format!("<@{actor}> archived the channel");
        self.remark(channel, actor, "channel_archive", text, json!({"members": c.members}));
        if let Some(c) = self.channel_mut(channel) {
            c.archived = true;
        }
        self.event(
            channel,
            json!({"type": "channel_archive", "channel": channel, "user": actor, "event_ts": at}),
        );
        self.show(channel, json!({"type": "channels"}));
        Ok(())
    }

    /// Opens an archived channel again.
    pub fn unarchive(&mut self, actor: &str, channel: &str) -> Result<(), Refused> {
        let at = self.ts();
        let c = self.channel_mut(channel).ok_or("channel_not_found")?;
        if !c.archived {
            return Err("not_archived");
        }
        c.archived = false;
        if !c.has(actor) {
            c.members.push(actor.to_owned());
        }
        let text = format!("<@{actor}> un-archived the channel");
        self.remark(channel, actor, "channel_unarchive", text, Value::Null);
        self.event(
            channel,
            json!({"type": "channel_unarchive", "channel": channel, "user": actor, "event_ts": at}),
        );
        self.show(channel, json!({"type": "channels"}));
        Ok(())
    }

    /// The conversation of exactly these people, new or old; and whether it was open for the first of them.
    pub fn open_direct(&mut self, people: &[String]) -> Result<(String, bool), Refused> {
        let actor = people.first().ok_or("users_list_not_supplied")?;
        for p in people {
            let user = self.user(p).ok_or("user_not_found")?;
            if user.gone {
                return Err("user_disabled");
            }
        }
        let (actor, sort) = (actor.clone(), if people.len() > 2 { Sort::Group } else { Sort::Direct });
        let same = |c: &Channel| c.sort == sort && c.members.len() == people.len() && people.iter().all(|p| c.has(p));
        if let Some(c) = self.channels.iter_mut().find(|c| same(c)) {
            let was = !c.open_for.insert(actor.clone());
            let id = c.id.clone();
            if !was {
                self.tell(Some(vec![actor]), json!({"type": "channels"}));
            }
            return Ok((id, was));
        }
        let (id, name) = match sort {
            Sort::Group => {
                let handles: Vec<&str> = people
                    .iter()
                    .filter_map(|p| self.user(p))
                    .map(|u| u.handle.as_str())
                    .collect();
                let name = format!("mpdm-{}-1", handles.join("--"));
                (self.id("C"), name)
            }
            Sort::Public | Sort::Private | Sort::Direct => (self.id("D"), String::new()),
        };
        let mut c = Channel::new(id.clone(), name, sort, &actor, self.now / 1000);
        c.members = people.to_vec();
        c.open_for.insert(actor);
        let who = c.members.clone();
        self.channels.push(c);
        self.tell(Some(who), json!({"type": "channels"}));
        Ok((id, false))
    }

    /// Posts what was scheduled for before now.
    pub fn post_due(&mut self) {
        let now = self.now / 1000;
        let (due, later) = std::mem::take(&mut self.scheduled)
            .into_iter()
            .partition(|s| s.post_at <= now);
        self.scheduled = later;
        let due: Vec<super::state::Scheduled> = due;
        for s in due {
            if let Err(why) = self.post(&s.channel, s.message) {
                tracing::debug!(why, id = s.id, "a scheduled message could not be posted");
            }
        }
    }
}
