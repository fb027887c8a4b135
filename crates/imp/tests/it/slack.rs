//! Somebody at their Slack: sees messages, presses buttons, fills in forms, types commands. All of it goes through what
//! the practice workspace's own client uses.

use serde_json::{Map, Value, json};

use crate::stage::{Stage, answer, until};

/// Somebody.
pub struct Person<'a> {
    stage: &'a Stage,
    handle: &'a str,
}

/// A message as somebody sees it.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where.
    pub channel: String,
    /// Its timestamp.
    pub ts: String,
    /// Every word of it.
    pub words: String,
    /// All of it.
    pub raw: Value,
}

impl Message {
    fn read(channel: &str, raw: &Value) -> Message {
        let mut words = String::new();
        collect(&raw["text"], &mut words);
        collect(&raw["blocks"], &mut words);
        Message {
            channel: channel.to_owned(),
            ts: raw["ts"].as_str().unwrap_or_default().to_owned(),
            words,
            raw: raw.clone(),
        }
    }

    /// The buttons: label and `action_id`.
    pub fn buttons(&self) -> Vec<(String, String)> {
        let all = self.elements();
        all.iter()
            .map(|e| (text(&e["text"]["text"]), text(&e["action_id"])))
            .collect()
    }

    fn elements(&self) -> Vec<Value> {
        let mut out = Vec::new();
        for block in self.raw["blocks"].as_array().into_iter().flatten() {
            for e in block["elements"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|e| e["type"] == "button")
            {
                let mut e = e.clone();
                e["block_id"] = block["block_id"].clone();
                out.push(e);
            }
        }
        out
    }

    /// What pressing a button sends.
    pub fn press(&self, label: &str) -> Value {
        let found = self
            .elements()
            .into_iter()
            .find(|e| e["text"]["text"] == label || e["action_id"] == label);
        found.unwrap_or_else(|| panic!("no button {label:?} among {:?} of {}", self.buttons(), self.words))
    }
}

fn text(v: &Value) -> String {
    v.as_str().unwrap_or_default().to_owned()
}

/// Every word that stands under a key `text`, wherever it is.
fn collect(v: &Value, out: &mut String) {
    match v {
        Value::String(s) => {
            out.push_str(s);
            out.push('\n');
        }
        Value::Array(a) => a.iter().for_each(|e| collect(e, out)),
        Value::Object(o) => {
            for key in ["text", "fields", "elements"] {
                if let Some(inner) = o.get(key) {
                    collect(inner, out);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl<'a> Person<'a> {
    /// Somebody of the built-in organisation.
    pub fn new(stage: &'a Stage, handle: &'a str) -> Person<'a> {
        Person { stage, handle }
    }

    /// Their identifier.
    pub fn id(&self) -> String {
        self.stage
            .practice
            .org
            .slack_id(self.handle)
            .expect("somebody of the organisation")
    }

    async fn look(&self, path: &str) -> Value {
        let url = format!("{}/slack/client/{path}?as={}", self.stage.practice.base, self.handle);
        answer(self.stage.http.get(url)).await.1
    }

    async fn act(&self, path: &str, mut body: Value) -> (u16, Value) {
        body["as"] = json!(self.handle);
        let url = format!("{}/slack/client/{path}", self.stage.practice.base);
        answer(self.stage.http.post(url).json(&body)).await
    }

    /// The channels in their sidebar.
    pub async fn channels(&self) -> Vec<Value> {
        self.look("boot").await["channels"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// The name of a channel that everybody may read.
    pub async fn public_channel(&self) -> String {
        let all = self.channels().await;
        let open = all.iter().find(|c| c["sort"] == "public").expect("a public channel");
        text(&open["name"])
    }

    /// The identifier of a channel by its name; `IMP` is the app's own messages.
    pub async fn channel(&self, name: &str) -> String {
        until(&format!("{} sees the channel {name}", self.handle), async || {
            let all = self.channels().await;
            let found = all.iter().find(|c| {
                if name == "IMP" {
                    c["app"] == true
                } else {
                    c["name"] == name || c["id"] == name
                }
            });
            found.map(|c| text(&c["id"]))
        })
        .await
    }

    /// What a channel shows: messages, pins, bookmarks, members, topic.
    pub async fn opens(&self, channel: &str) -> Value {
        self.look(&format!("channel/{channel}")).await
    }

    /// Messages of a channel, oldest first.
    pub async fn messages(&self, channel: &str) -> Vec<Message> {
        let seen = self.opens(channel).await;
        seen["messages"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|m| Message::read(channel, m))
            .collect()
    }

    /// Waits for a message that has these words.
    pub async fn sees(&self, channel: &str, words: &str) -> Message {
        let id = self.channel(channel).await;
        let mut last = Vec::new();
        let what = format!("{} sees {words:?} in {channel}", self.handle);
        let found = tokio::time::timeout(
            std::time::Duration::from_secs(30),
            until(&what, async || {
                last = self.messages(&id).await;
                last.iter().rev().find(|m| m.words.contains(words)).cloned()
            }),
        )
        .await;
        found.unwrap_or_else(|_| {
            let seen: Vec<&str> = last.iter().map(|m| m.words.as_str()).collect();
            panic!("{what}: there is only {seen:#?}")
        })
    }

    /// The card: the first pinned message.
    pub async fn card(&self, channel: &str) -> Message {
        let id = self.channel(channel).await;
        until(&format!("the card is pinned in {channel}"), async || {
            let seen = self.opens(&id).await;
            seen["pins"]
                .as_array()
                .and_then(|p| p.first())
                .map(|m| Message::read(&id, m))
        })
        .await
    }

    /// Presses a button, by its label or its `action_id`.
    pub async fn clicks(&self, label: &str, on: &Message) {
        let (status, said) = self.tries(label, on).await;
        assert_eq!(status, 200, "{} pressed {label}: {said}", self.handle);
    }

    /// Presses a button; the workspace's answer.
    pub async fn tries(&self, label: &str, on: &Message) -> (u16, Value) {
        self.act(
            "action",
            json!({"channel": on.channel, "ts": on.ts, "action": on.press(label)}),
        )
        .await
    }

    /// Presses a button that the message does not have any more: somebody else's screen still shows it.
    pub async fn tries_old(&self, action_id: &str, reference: &str, on: &Message) -> (u16, Value) {
        let action = json!({"type": "button", "action_id": action_id, "block_id": "old", "value": reference,
            "text": {"type": "plain_text", "text": "An old button"}});
        self.act("action", json!({"channel": on.channel, "ts": on.ts, "action": action}))
            .await
    }

    /// What only they see in a channel.
    pub async fn whispers(&self, channel: &str) -> Vec<String> {
        let all = self.messages(channel).await.into_iter();
        all.filter(|m| m.raw["is_ephemeral"] == true).map(|m| m.words).collect()
    }

    /// The modal on top, if one is open.
    pub async fn modal(&self) -> Option<Value> {
        self.look("boot").await["modals"].as_array()?.last().cloned()
    }

    /// Types a message or a command.
    pub async fn says(&self, channel: &str, text: &str) {
        let id = self.channel(channel).await;
        let (status, said) = self.act("send", json!({"channel": id, "text": text})).await;
        assert_eq!(status, 200, "{} typed {text}: {said}", self.handle);
    }

    /// Opens the app's home, and waits until it says this; all of its words.
    pub async fn home(&self, words: &str) -> String {
        let (status, said) = self.act("home", json!({"tab": "home"})).await;
        assert_eq!(status, 200, "{} opened the home: {said}", self.handle);
        until(&format!("{}'s home says {words:?}", self.handle), async || {
            let boot = self.look("boot").await;
            let mut all = String::new();
            collect(&boot["home"]["blocks"], &mut all);
            all.contains(words).then_some(all)
        })
        .await
    }

    /// Leaves a channel.
    pub async fn leaves(&self, channel: &str) {
        self.does(json!({"what": "leave", "channel": self.channel(channel).await}))
            .await;
    }

    /// Marks a message with an emoji.
    pub async fn marks(&self, on: &Message, emoji: &str) {
        self.does(json!({"what": "react", "channel": on.channel, "ts": on.ts, "name": emoji}))
            .await;
    }

    /// Says something else in a message of theirs.
    pub async fn edits(&self, on: &Message, text: &str) {
        self.does(json!({"what": "edit", "channel": on.channel, "ts": on.ts, "name": text}))
            .await;
    }

    /// Deletes a message of theirs.
    pub async fn deletes(&self, on: &Message) {
        self.does(json!({"what": "delete", "channel": on.channel, "ts": on.ts}))
            .await;
    }

    async fn does(&self, deed: Value) {
        let (status, said) = self.act("do", deed.clone()).await;
        assert_eq!(status, 200, "{} did {deed}: {said}", self.handle);
    }

    /// Chooses the shortcut on a message.
    pub async fn shortcut_on(&self, on: &Message) {
        let what = json!({"callback_id": "incident.declare", "channel": on.channel, "ts": on.ts});
        let (status, said) = self.act("shortcut", what).await;
        assert_eq!(status, 200, "{} chose the shortcut on a message: {said}", self.handle);
    }

    /// Chooses the shortcut in the menu.
    pub async fn shortcut(&self) {
        let (status, said) = self.act("shortcut", json!({"callback_id": "incident.declare"})).await;
        assert_eq!(status, 200, "{} chose the shortcut: {said}", self.handle);
    }

    /// Waits for a modal.
    pub async fn form(&self, callback_id: &str) -> Value {
        until(&format!("{} sees the form {callback_id}", self.handle), async || {
            let boot = self.look("boot").await;
            let top = boot["modals"].as_array().and_then(|all| all.last()).cloned()?;
            (top["callback_id"] == callback_id).then_some(top)
        })
        .await
    }

    /// Fills in a modal and submits it; it must be accepted.
    pub async fn fills(&self, callback_id: &str, answers: &[(&str, &str)]) {
        let form = self.form(callback_id).await;
        let (status, said) = self.submits(&form, answers).await;
        assert!(
            status == 200 && said["errors"].is_null(),
            "{} filled {callback_id}: {status} {said}",
            self.handle
        );
    }

    /// Chooses something in an open modal, which the program hears of before it is submitted.
    pub async fn chooses(&self, form: &Value, field: &str, wanted: &str) {
        let block = form["blocks"].as_array().into_iter().flatten();
        let element = block
            .filter(|b| b["block_id"] == field && b["dispatch_action"] == true)
            .map(|b| b["element"].clone())
            .next()
            .unwrap_or_else(|| panic!("the form does not tell of {field}: {form:#}"));
        let answer = self.answer_to(&element, Some(wanted));
        let mut action = json!({"block_id": field, "action_id": element["action_id"]});
        for (key, value) in answer.as_object().into_iter().flatten() {
            action[key] = value.clone();
        }
        let values = json!({field: {text(&element["action_id"]): answer}});
        let (status, said) = self
            .act(
                "action",
                json!({"view": form["id"], "action": action, "values": values}),
            )
            .await;
        assert_eq!(status, 200, "{} chose {wanted}: {said}", self.handle);
    }

    /// Submits a modal; what the workspace says.
    pub async fn submits(&self, form: &Value, answers: &[(&str, &str)]) -> (u16, Value) {
        let mut values = Map::new();
        for block in form["blocks"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|b| b["type"] == "input")
        {
            let name = text(&block["block_id"]);
            let given = answers.iter().find(|(n, _)| *n == name).map(|(_, a)| *a);
            let value = self.answer_to(&block["element"], given);
            values.insert(name, json!({ text(&block["element"]["action_id"]): value }));
        }
        for (name, _) in answers {
            assert!(values.contains_key(*name), "the form has no {name}: {form:#}");
        }
        self.act("submit", json!({"view": form["id"], "values": values})).await
    }

    fn answer_to(&self, element: &Value, given: Option<&str>) -> Value {
        let kind = text(&element["type"]);
        let choose = |wanted: &str| {
            let groups = element["option_groups"]
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(|g| g["options"].as_array().into_iter().flatten());
            let mut all = element["options"].as_array().into_iter().flatten().chain(groups);
            let found = all.find(|o| o["value"] == wanted || o["text"]["text"] == wanted);
            found
                .cloned()
                .unwrap_or_else(|| panic!("no option {wanted:?} in {element:#}"))
        };
        let mut out = json!({"type": kind});
        let (key, value) = match kind.as_str() {
            "static_select" | "radio_buttons" => (
                "selected_option",
                given.map_or(element["initial_option"].clone(), choose),
            ),
            "multi_static_select" | "checkboxes" => {
                let initial = element["initial_options"].clone();
                let value = given.map_or(initial, |g| g.split(',').map(choose).collect());
                ("selected_options", if value.is_null() { json!([]) } else { value })
            }
            "users_select" => {
                let id = |h: &str| json!(self.stage.practice.org.slack_id(h).expect("somebody"));
                ("selected_user", given.map_or(element["initial_user"].clone(), id))
            }
            "datepicker" => (
                "selected_date",
                given.map_or(element["initial_date"].clone(), |d| json!(d)),
            ),
            "datetimepicker" => (
                "selected_date_time",
                given.map_or(element["initial_date_time"].clone(), |s| {
                    json!(s.parse::<i64>().expect("seconds since 1970"))
                }),
            ),
            _ => ("value", given.map_or(element["initial_value"].clone(), |t| json!(t))),
        };
        out[key] = value;
        out
    }
}
