//! What the workspace remembers: people, channels, messages, views, and how each is written in Slack's JSON.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use crate::org::Org;

/// The workspace.
pub(super) const TEAM: &str = "T0PRACTICE";
/// The application.
pub(super) const APP: &str = "A0IMPAPP01";
/// Its bot, as an integration.
pub(super) const BOT: &str = "B0IMPBOT01";
/// Its bot, as a user.
pub(super) const BOT_USER: &str = "U0IMPBOT01";
/// The handle of the bot user.
pub(super) const BOT_HANDLE: &str = "imp";
/// What the application is called.
pub(super) const APP_NAME: &str = "IMP";
/// The verification token of old, which payloads still carry.
pub(super) const VERIFICATION: &str = "practice-verification";

/// Somebody in the workspace.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub id: String,
    pub handle: String,
    pub name: String,
    pub title: String,
    pub email: String,
    pub tz: String,
    pub bot: bool,
    /// Whether they have left the company: nobody can write to them any more.
    pub gone: bool,
}

/// A topic or a purpose.
#[derive(Debug, Clone, Default)]
pub(super) struct Note {
    pub value: String,
    pub creator: String,
    pub last_set: i64,
}

/// What sort of conversation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// Everybody can see and join it.
    Public,
    /// Only its members know of it.
    Private,
    /// Two people.
    Direct,
    /// Up to nine people.
    Group,
}

/// A conversation.
#[derive(Debug, Clone)]
pub(super) struct Channel {
    pub id: String,
    pub name: String,
    pub previous_names: Vec<String>,
    pub sort: Sort,
    pub created: i64,
    pub creator: String,
    pub archived: bool,
    pub general: bool,
    pub topic: Note,
    pub purpose: Note,
    /// In the order in which they joined.
    pub members: Vec<String>,
    /// In the order of their `ts`.
    pub messages: Vec<Message>,
    pub pins: Vec<Pin>,
    pub bookmarks: Vec<Map<String, Value>>,
    /// Up to where each has read.
    pub read: HashMap<String, String>,
    /// For whom a direct conversation is open in the sidebar.
    pub open_for: BTreeSet<String>,
}

/// A pinned message.
#[derive(Debug, Clone)]
pub(super) struct Pin {
    pub ts: String,
    pub by: String,
    pub at: i64,
}

/// One message.
#[derive(Debug, Clone, Default)]
pub(super) struct Message {
    pub ts: String,
    pub user: String,
    pub subtype: Option<String>,
    pub text: String,
    pub blocks: Vec<Value>,
    pub attachments: Vec<Value>,
    pub files: Vec<String>,
    pub thread_ts: Option<String>,
    pub edited: Option<String>,
    pub metadata: Option<Value>,
    pub reactions: Vec<(String, Vec<String>)>,
    /// `username`, `icon_emoji`, `icon_url` where the poster chose its own.
    pub mask: Map<String, Value>,
    /// Set on messages that only this person sees.
    pub only_for: Option<String>,
    /// Set on a thread's reply that was also sent to the channel.
    pub broadcast: bool,
    pub client_msg_id: Option<String>,
    /// Further fields of system messages (`topic`, `inviter`…).
    pub extra: Map<String, Value>,
}

/// A user group.
#[derive(Debug, Clone)]
pub(super) struct Usergroup {
    pub id: String,
    pub handle: String,
    pub name: String,
    pub description: String,
    pub users: Vec<String>,
    pub created: i64,
    pub updated: i64,
    pub enabled: bool,
}

/// A file.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub id: String,
    pub name: String,
    pub title: String,
    pub alt: String,
    pub user: String,
    pub created: i64,
    pub bytes: bytes::Bytes,
    pub length: i64,
    pub shares: Vec<(String, String)>,
    pub done: bool,
}

/// A modal or a home tab.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub id: String,
    /// As the app wrote it, with the identifiers filled in.
    pub body: Map<String, Value>,
    /// `state.values` as the person last left it.
    pub values: Value,
    pub hash: String,
    pub root: String,
    pub previous: Option<String>,
    pub user: String,
}

/// A permission to open a modal for somebody.
#[derive(Debug, Clone)]
pub(super) struct Trigger {
    pub user: String,
    pub until_ms: i64,
    pub used: bool,
    /// The modal it came from, if it came from one.
    pub view: Option<String>,
}

/// An address to answer an interaction at.
#[derive(Debug, Clone)]
pub(super) struct Answerable {
    pub channel: String,
    pub user: String,
    /// The message that the interaction came from.
    pub ts: Option<String>,
    pub until_ms: i64,
    pub uses_left: u32,
}

/// A message to be posted later.
#[derive(Debug, Clone)]
pub(super) struct Scheduled {
    pub id: String,
    pub channel: String,
    pub post_at: i64,
    pub created: i64,
    pub message: Message,
}

/// What has to leave the lock: something to tell the app or the pages.
#[derive(Debug, Clone)]
pub(super) enum Out {
    /// An event for the app: the inner event, and the channel's identifier for its context.
    App(Value),
    /// Something for the pages of these people; for everybody, if there is no list.
    Page(Option<Vec<String>>, Value),
}

/// Everything.
#[derive(Debug, Default)]
pub(super) struct State {
    pub name: String,
    pub domain: String,
    /// Milliseconds: what time it is in this step.
    pub now: i64,
    pub users: Vec<User>,
    pub channels: Vec<Channel>,
    pub usergroups: Vec<Usergroup>,
    pub files: Vec<File>,
    pub views: HashMap<String, View>,
    /// Each person's open modals, the top one last.
    pub stacks: HashMap<String, Vec<String>>,
    pub homes: HashMap<String, String>,
    pub triggers: HashMap<String, Trigger>,
    pub answerables: HashMap<String, Answerable>,
    pub scheduled: Vec<Scheduled>,
    pub outbox: Vec<Out>,
    /// Where this workspace's addresses begin.
    pub base: String,
    last_ts: i64,
    serial: u64,
}

impl State {
    /// The workspace as it is on the first morning.
    pub fn seed(org: &Org, now: i64) -> State {
        let mut s = State {
            name: org.name.clone(),
            domain: org.domain.split('.').next().unwrap_or("practice").to_owned(),
            now,
            base: "http://127.0.0.1/slack".to_owned(),
            ..State::default()
        };
        for p in &org.people {
            s.users.push(User {
                gone: false,
                id: org.slack_id(&p.handle).unwrap_or_default(),
                handle: p.handle.clone(),
                name: p.name.clone(),
                title: p.title.clone(),
                email: org.email(&p.handle),
                tz: p.tz.clone(),
                bot: false,
            });
        }
        let everybody: Vec<String> = s.users.iter().map(|u| u.id.clone()).collect();
        let owner = everybody.first().cloned().unwrap_or_else(|| BOT_USER.to_owned());
        s.users.push(User {
            gone: false,
            id: BOT_USER.to_owned(),
            handle: BOT_HANDLE.to_owned(),
            name: APP_NAME.to_owned(),
            title: String::new(),
            email: String::new(),
            tz: "Europe/Lisbon".to_owned(),
            bot: true,
        });
        let mut with_bot = everybody.clone();
        with_bot.push(BOT_USER.to_owned());
        s.seed_channel(
            "general",
            "Company-wide announcements and work-based matters",
            &owner,
            everybody.clone(),
        );
        s.seed_channel(
            "incidents",
            "Every incident is announced here. `/imp` declares one.",
            &owner,
            with_bot,
        );
        s.seed_channel(
            "random",
            "Non-work banter and water cooler conversation",
            &owner,
            everybody,
        );
        if let Some(c) = s.channels.first_mut() {
            c.general = true;
        }
        for t in &org.teams {
            let members: Vec<String> = t.members.iter().filter_map(|h| org.slack_id(h)).collect();
            let manager = org.slack_id(&t.manager).unwrap_or_else(|| owner.clone());
            let mut all = members.clone();
            if !all.contains(&manager) {
                all.push(manager.clone());
            }
            s.seed_channel(&Org::team_channel(t), &format!("The {} team", t.name), &manager, all);
            let id = s.id("S");
            s.usergroups.push(Usergroup {
                id,
                handle: format!("{}-team", t.alias),
                name: format!("{} team", t.name),
                description: format!("Everybody in {}", t.name),
                users: members,
                created: now / 1000,
                updated: now / 1000,
                enabled: true,
            });
        }
        s
    }

    fn seed_channel(&mut self, name: &str, purpose: &str, creator: &str, members: Vec<String>) {
        let id = self.id("C");
        let mut c = Channel::new(id, name.to_owned(), Sort::Public, creator, self.now / 1000);
        c.purpose = Note {
            value: purpose.to_owned(),
            creator: creator.to_owned(),
            last_set: c.created,
        };
        c.members = members;
        self.channels.push(c);
    }

    /// A new identifier that begins with this letter.
    pub fn id(&mut self, letter: &str) -> String {
        const DIGITS: &[u8] = b"0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
        self.serial += 1;
        let mut n = self.serial;
        let mut tail = Vec::new();
        while n > 0 {
            tail.push(char::from(DIGITS[(n % DIGITS.len() as u64) as usize]));
            n /= DIGITS.len() as u64;
        }
        format!("{letter}0{:0>8}", tail.iter().rev().collect::<String>())
    }

    /// A short random word, for secrets inside addresses.
    pub fn secret(&self) -> String {
        (0..3).map(|_| format!("{:08x}", rand::random::<u32>())).collect()
    }

    /// A timestamp that no message has yet.
    pub fn ts(&mut self) -> String {
        self.last_ts = (self.now * 1000).max(self.last_ts + 1);
        format!("{}.{:06}", self.last_ts / 1_000_000, self.last_ts % 1_000_000)
    }

    /// The page of these people hears of this.
    pub fn tell(&mut self, who: Option<Vec<String>>, what: Value) {
        self.outbox.push(Out::Page(who, what));
    }

    pub fn user(&self, id: &str) -> Option<&User> {
        self.users.iter().find(|u| u.id == id)
    }

    pub fn by_handle(&self, handle: &str) -> Option<&User> {
        self.users.iter().find(|u| u.handle == handle)
    }

    pub fn channel(&self, id: &str) -> Option<&Channel> {
        self.channels.iter().find(|c| c.id == id)
    }

    pub fn channel_mut(&mut self, id: &str) -> Option<&mut Channel> {
        self.channels.iter_mut().find(|c| c.id == id)
    }

    /// The channel with this name or identifier, if this person may know of it.
    pub fn seen_by(&self, user: &str, named: &str) -> Option<&Channel> {
        let name = named.trim_start_matches('#');
        self.channels
            .iter()
            .find(|c| c.id == named || (!c.direct() && c.name == name))
            .filter(|c| c.sort == Sort::Public || c.has(user))
    }

    /// Who hears of what happens in a channel.
    pub fn audience(c: &Channel) -> Option<Vec<String>> {
        (c.sort != Sort::Public).then(|| c.members.clone())
    }

    pub fn user_json(&self, u: &User) -> Value {
        let mut parts = u.name.splitn(2, ' ');
        let (first, last) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let image = |px: u32| json!(format!("{}/client/avatar/{}?s={px}", self.base, u.id));
        let mut profile = json!({
            "title": u.title, "phone": "", "skype": "", "real_name": u.name, "real_name_normalized": u.name,
            "display_name": u.handle, "display_name_normalized": u.handle, "fields": null,
            "status_text": "", "status_emoji": "", "status_expiration": 0, "avatar_hash": u.id.to_lowercase(),
            "first_name": first, "last_name": last,
            "image_24": image(24), "image_32": image(32), "image_48": image(48), "image_72": image(72),
            "image_192": image(192), "image_512": image(512), "team": TEAM,
        });
        if u.bot {
            profile["api_app_id"] = json!(APP);
            profile["bot_id"] = json!(BOT);
            profile["always_active"] = json!(true);
        } else {
            profile["email"] = json!(u.email);
        }
        let owner = self.users.first().is_some_and(|f| f.id == u.id);
        json!({
            "id": u.id, "team_id": TEAM, "name": u.handle, "deleted": u.gone, "color": colour(&u.id),
            "real_name": u.name, "tz": u.tz, "tz_label": u.tz, "tz_offset": offset_secs(&u.tz, self.now),
            "profile": profile, "is_admin": owner, "is_owner": owner, "is_primary_owner": owner,
            "is_restricted": false, "is_ultra_restricted": false, "is_bot": u.bot, "is_app_user": false,
            "updated": 1_700_000_000, "is_email_confirmed": !u.bot, "who_can_share_contact_card": "EVERYONE",
        })
    }

    /// A channel as this user sees it.
    pub fn channel_json(&self, c: &Channel, viewer: &str) -> Value {
        if c.sort == Sort::Direct {
            let other = c.members.iter().find(|m| *m != viewer).map_or(viewer, String::as_str);
            return json!({
                "id": c.id, "created": c.created, "is_archived": c.archived, "is_im": true, "is_org_shared": false,
                "context_team_id": TEAM, "updated": c.created * 1000, "user": other, "is_user_deleted": false,
                "priority": 0, "is_open": c.open_for.contains(viewer),
            });
        }
        let note = |n: &Note| json!({"value": n.value, "creator": n.creator, "last_set": n.last_set});
        let private = c.sort != Sort::Public;
        json!({
            "id": c.id, "name": c.name, "is_channel": !private, "is_group": c.sort == Sort::Private, "is_im": false,
            "is_mpim": c.sort == Sort::Group, "is_private": private, "created": c.created,
            "is_archived": c.archived, "is_general": c.general, "unlinked": 0, "name_normalized": c.name,
            "is_shared": false, "is_org_shared": false, "is_pending_ext_shared": false, "pending_shared": [],
            "context_team_id": TEAM, "updated": c.created * 1000, "parent_conversation": null, "creator": c.creator,
            "is_ext_shared": false, "shared_team_ids": [TEAM], "pending_connected_team_ids": [],
            "is_member": c.has(viewer), "topic": note(&c.topic), "purpose": note(&c.purpose),
            "previous_names": c.previous_names, "num_members": c.members.len(),
        })
    }

    /// A message as the web API gives it back.
    pub fn message_json(&self, c: &Channel, m: &Message) -> Value {
        let mut o = Map::new();
        if let Some(subtype) = &m.subtype {
            o.insert("subtype".into(), json!(subtype));
        }
        let bot = m.user == BOT_USER;
        if !(bot && m.subtype.as_deref() == Some("bot_message")) {
            o.insert("user".into(), json!(m.user));
        }
        o.insert("type".into(), json!("message"));
        o.insert("ts".into(), json!(m.ts));
        if let Some(id) = &m.client_msg_id {
            o.insert("client_msg_id".into(), json!(id));
        }
        if bot
            && !m
                .subtype
                .as_deref()
                .is_some_and(|s| s.starts_with("channel_") || s == "tombstone")
        {
            o.insert("bot_id".into(), json!(BOT));
            o.insert("app_id".into(), json!(APP));
        }
        o.insert("text".into(), json!(m.text));
        o.insert("team".into(), json!(TEAM));
        if bot && m.subtype.is_none() {
            o.insert("bot_profile".into(), self.bot_profile());
        }
        o.extend(m.mask.clone());
        o.extend(m.extra.clone());
        if let Some(at) = &m.edited {
            o.insert("edited".into(), json!({"user": m.user, "ts": at}));
        }
        if let Some(t) = &m.thread_ts {
            o.insert("thread_ts".into(), json!(t));
            if let Some(parent) = c.message(t) {
                if *t != m.ts {
                    o.insert("parent_user_id".into(), json!(parent.user));
                } else {
                    let replies: Vec<&Message> = c.replies(t).collect();
                    let mut who: Vec<&str> = Vec::new();
                    for r in &replies {
                        if !who.contains(&r.user.as_str()) {
                            who.push(&r.user);
                        }
                    }
                    o.insert("reply_count".into(), json!(replies.len()));
                    o.insert("reply_users_count".into(), json!(who.len()));
                    if let Some(last) = replies.last() {
                        o.insert("latest_reply".into(), json!(last.ts));
                    }
                    o.insert("reply_users".into(), json!(who.iter().take(5).collect::<Vec<_>>()));
                    o.insert("is_locked".into(), json!(false));
                    o.insert("subscribed".into(), json!(false));
                }
            }
            if m.broadcast
                && let Some(root) = c.message(t)
            {
                o.insert(
                    "root".into(),
                    json!({"ts": root.ts, "user": root.user, "text": root.text, "type": "message"}),
                );
            }
        }
        if !m.blocks.is_empty() {
            o.insert("blocks".into(), json!(m.blocks));
        }
        if !m.attachments.is_empty() {
            o.insert("attachments".into(), json!(m.attachments));
        }
        if !m.files.is_empty() {
            let files: Vec<Value> = self
                .files
                .iter()
                .filter(|f| m.files.contains(&f.id))
                .map(|f| self.file_json(f))
                .collect();
            o.insert("files".into(), json!(files));
            o.insert("upload".into(), json!(false));
        }
        if !m.reactions.is_empty() {
            o.insert("reactions".into(), reactions_json(m));
        }
        if let Some(pin) = c.pins.iter().find(|p| p.ts == m.ts) {
            o.insert("pinned_to".into(), json!([c.id]));
            o.insert(
                "pinned_info".into(),
                json!({"channel": c.id, "pinned_by": pin.by, "pinned_ts": pin.at}),
            );
        }
        if m.only_for.is_some() {
            o.insert("is_ephemeral".into(), json!(true));
        }
        Value::Object(o)
    }

    pub fn bot_profile(&self) -> Value {
        json!({
            "id": BOT, "app_id": APP, "user_id": BOT_USER, "name": APP_NAME, "deleted": false,
            "updated": 1_700_000_000, "team_id": TEAM,
            "icons": {"image_36": format!("{}/client/avatar/{BOT_USER}", self.base),
                      "image_48": format!("{}/client/avatar/{BOT_USER}", self.base),
                      "image_72": format!("{}/client/avatar/{BOT_USER}", self.base)},
        })
    }

    pub fn file_json(&self, f: &File) -> Value {
        let mime = super::api::files::mime(&f.name);
        let kind = f.name.rsplit_once('.').map_or("binary", |(_, e)| e);
        let link = format!("{}/client/file/{}", self.base, f.id);
        let mut public = Map::new();
        let mut private = Map::new();
        for (channel, ts) in &f.shares {
            let to = if self.channel(channel).is_some_and(|c| c.sort == Sort::Public) {
                &mut public
            } else {
                &mut private
            };
            to.insert(channel.clone(), json!([{"ts": ts, "team_id": TEAM, "reply_count": 0}]));
        }
        let (of_public, of_private): (Vec<_>, Vec<_>) =
            (public.keys().cloned().collect(), private.keys().cloned().collect());
        json!({
            "id": f.id, "created": f.created, "timestamp": f.created, "name": f.name, "title": f.title,
            "mimetype": mime, "filetype": kind, "pretty_type": kind.to_uppercase(), "user": f.user, "user_team": TEAM,
            "editable": false, "size": f.bytes.len(), "mode": "hosted", "is_external": false, "external_type": "",
            "is_public": !of_public.is_empty(), "public_url_shared": false, "display_as_bot": false, "username": "",
            "url_private": link, "url_private_download": link, "permalink": link, "comments_count": 0,
            "is_starred": false, "shares": {"public": public, "private": private}, "channels": of_public, "groups": of_private,
            "ims": [], "has_rich_preview": false, "file_access": "visible", "alt_txt": f.alt,
        })
    }

    /// A view as the web API and the payloads give it.
    pub fn view_json(&self, v: &View) -> Value {
        let body = |k: &str| v.body.get(k).cloned().unwrap_or(Value::Null);
        let flag = |k: &str| v.body.get(k).cloned().unwrap_or(json!(false));
        json!({
            "id": v.id, "team_id": TEAM, "type": body("type"), "blocks": body("blocks"),
            "private_metadata": v.body.get("private_metadata").cloned().unwrap_or(json!("")),
            "callback_id": v.body.get("callback_id").cloned().unwrap_or(json!("")),
            "state": {"values": v.values}, "hash": v.hash, "title": body("title"),
            "clear_on_close": flag("clear_on_close"), "notify_on_close": flag("notify_on_close"),
            "close": body("close"), "submit": body("submit"), "submit_disabled": flag("submit_disabled"),
            "previous_view_id": v.previous, "root_view_id": v.root, "app_id": APP,
            "external_id": v.body.get("external_id").cloned().unwrap_or(json!("")), "app_installed_team_id": TEAM, "bot_id": BOT,
        })
    }

    pub fn usergroup_json(&self, g: &Usergroup, with_users: bool) -> Value {
        let mut o = json!({
            "id": g.id, "team_id": TEAM, "is_usergroup": true, "is_subteam": true, "name": g.name,
            "description": g.description, "handle": g.handle, "is_external": false, "date_create": g.created,
            "date_update": g.updated, "date_delete": if g.enabled { 0 } else { g.updated }, "auto_type": null,
            "auto_provision": false, "enterprise_subteam_id": "", "created_by": BOT_USER, "updated_by": BOT_USER,
            "deleted_by": null, "prefs": {"channels": [], "groups": []}, "user_count": g.users.len(), "channel_count": 0,
        });
        if with_users {
            o["users"] = json!(g.users);
        }
        o
    }

    /// `team` as interactive payloads carry it.
    pub fn team_json(&self) -> Value {
        json!({"id": TEAM, "domain": self.domain})
    }
}

impl Channel {
    pub fn new(id: String, name: String, sort: Sort, creator: &str, created: i64) -> Channel {
        Channel {
            id,
            name,
            previous_names: Vec::new(),
            sort,
            created,
            creator: creator.to_owned(),
            archived: false,
            general: false,
            topic: Note::default(),
            purpose: Note::default(),
            members: Vec::new(),
            messages: Vec::new(),
            pins: Vec::new(),
            bookmarks: Vec::new(),
            read: HashMap::new(),
            open_for: BTreeSet::new(),
        }
    }

    /// Whether it is a conversation of named people.
    pub fn direct(&self) -> bool {
        matches!(self.sort, Sort::Direct | Sort::Group)
    }

    pub fn has(&self, user: &str) -> bool {
        self.members.iter().any(|m| m == user)
    }

    pub fn message(&self, ts: &str) -> Option<&Message> {
        self.messages.iter().rev().find(|m| m.ts == ts)
    }

    pub fn message_mut(&mut self, ts: &str) -> Option<&mut Message> {
        self.messages.iter_mut().rev().find(|m| m.ts == ts)
    }

    /// A thread's replies, without its first message.
    pub fn replies<'a>(&'a self, ts: &'a str) -> impl Iterator<Item = &'a Message> {
        self.messages
            .iter()
            .filter(move |m| m.ts != ts && m.thread_ts.as_deref() == Some(ts) && m.only_for.is_none())
    }

    /// `channel_type` in message events.
    pub fn kind(&self) -> &'static str {
        match self.sort {
            Sort::Public => "channel",
            Sort::Private => "group",
            Sort::Direct => "im",
            Sort::Group => "mpim",
        }
    }

    /// What payloads call it: private ones are not named.
    pub fn payload_name(&self) -> &str {
        match self.sort {
            Sort::Public => &self.name,
            Sort::Private | Sort::Group => "privategroup",
            Sort::Direct => "directmessage",
        }
    }
}

/// `reactions` of a message.
pub(super) fn reactions_json(m: &Message) -> Value {
    m.reactions
        .iter()
        .map(|(name, users)| json!({"name": name, "users": users, "count": users.len()}))
        .collect()
}

/// A colour for somebody's avatar, always the same.
pub(super) fn colour(id: &str) -> &'static str {
    const COLOURS: [&str; 10] = [
        "9f69e7", "4bbe2e", "e7392d", "3c989f", "674b1b", "e96699", "e0a729", "684b6c", "2b6836", "235e9f",
    ];
    let sum = id
        .bytes()
        .fold(7usize, |a, b| a.wrapping_mul(31).wrapping_add(usize::from(b)));
    COLOURS[sum % COLOURS.len()]
}

/// How far a zone is from Greenwich now, in seconds.
fn offset_secs(tz: &str, now_ms: i64) -> i32 {
    let zone = jiff::tz::TimeZone::get(tz);
    match (zone, jiff::Timestamp::from_millisecond(now_ms)) {
        (Ok(zone), Ok(at)) => zone.to_offset(at).seconds(),
        _ => 0,
    }
}
