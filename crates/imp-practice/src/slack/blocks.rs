//! Block Kit as Slack takes it: which blocks may stand where, what each must have, and how long each may be.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

/// Where blocks are to be shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Surface {
    /// A message in a conversation.
    #[default]
    Message,
    /// A modal.
    Modal,
    /// An app's home tab.
    Home,
}

/// Blocks in one message.
const MESSAGE_BLOCKS: usize = 50;
/// Blocks in one modal or home tab.
const VIEW_BLOCKS: usize = 100;
/// Tables in one message.
const MESSAGE_TABLES: usize = 1;
/// Characters of all the markdown blocks of one message together.
const MARKDOWN_TOTAL: usize = 12_000;
/// A text object.
const TEXT: usize = 3000;
/// Identifiers: `block_id`, `action_id`, `callback_id`, `external_id`.
const ID: usize = 255;
/// Addresses.
const URL: usize = 3000;

type Fields<'a> = &'a [(&'a str, Need)];

/// Whether a field must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Must,
    May,
}
use Need::{May, Must};

/// Everything that is wrong with these blocks, each with a pointer to where; nothing, if Slack would take them.
pub fn faults(blocks: &Value, surface: Surface, at: &str) -> Vec<String> {
    let mut c = Check {
        surface,
        ..Check::default()
    };
    c.blocks(blocks, at);
    c.faults
}

/// Everything that is wrong with this view.
pub fn view_faults(view: &Value) -> Vec<String> {
    let mut c = Check::default();
    c.view(view, "/view");
    c.faults
}

/// Gives a `block_id` to every block and an `action_id` to every element that has none.
pub fn complete(blocks: &mut [Value], mut next: impl FnMut() -> String) {
    for block in blocks {
        let Some(o) = block.as_object_mut() else {
            continue;
        };
        if o.get("block_id").and_then(Value::as_str).is_none_or(str::is_empty) {
            o.insert("block_id".to_owned(), json!(next()));
        }
        let kind = o.get("type").and_then(Value::as_str).unwrap_or("").to_owned();
        for slot in ["accessory", "element"] {
            if let Some(e) = o.get_mut(slot) {
                complete_element(e, &mut next);
            }
        }
        if matches!(kind.as_str(), "actions" | "context_actions")
            && let Some(Value::Array(all)) = o.get_mut("elements")
        {
            all.iter_mut().for_each(|e| complete_element(e, &mut next));
        }
    }
}

fn complete_element(e: &mut Value, next: &mut impl FnMut() -> String) {
    let Some(o) = e.as_object_mut() else { return };
    if o.get("type").and_then(Value::as_str) == Some("image") {
        return;
    }
    if o.get("action_id").and_then(Value::as_str).is_none_or(str::is_empty) {
        o.insert("action_id".to_owned(), json!(next()));
    }
}

#[derive(Default)]
struct Check {
    surface: Surface,
    faults: Vec<String>,
    block_ids: HashSet<String>,
    action_ids: HashSet<String>,
    markdown: usize,
    tables: usize,
    focused: bool,
}

impl Check {
    fn fault(&mut self, at: &str, why: impl Into<String>) {
        self.faults.push(format!("{} [json-pointer:{at}]", why.into()));
    }

    /// An object with these fields and no other; its `type` has been looked at before.
    fn object<'a>(&mut self, v: &'a Value, at: &str, fields: Fields) -> Option<&'a Map<String, Value>> {
        let Value::Object(o) = v else {
            self.fault(at, "must be an object");
            return None;
        };
        for (name, need) in fields {
            if *need == Must && o.get(*name).is_none_or(Value::is_null) {
                self.fault(at, format!("missing required field: {name}"));
            }
        }
        for name in o.keys() {
            if name != "type" && !fields.iter().any(|(f, _)| f == name) {
                self.fault(at, format!("invalid additional property: {name}"));
            }
        }
        Some(o)
    }

    fn string(&mut self, o: &Map<String, Value>, name: &str, at: &str, min: usize, max: usize) {
        let Some(v) = o.get(name).filter(|v| !v.is_null()) else {
            return;
        };
        let at = format!("{at}/{name}");
        match v.as_str() {
            None => self.fault(&at, "must be a string"),
            Some(s) => self.length(s, &at, min, max),
        }
    }

    fn length(&mut self, s: &str, at: &str, min: usize, max: usize) {
        let n = s.chars().count();
        if n < min {
            self.fault(at, format!("must be more than {} characters", min - 1));
        }
        if n > max {
            self.fault(at, format!("must be less than {} characters", max + 1));
        }
    }

    fn flag(&mut self, o: &Map<String, Value>, name: &str, at: &str) {
        if o.get(name).is_some_and(|v| !v.is_boolean() && !v.is_null()) {
            self.fault(&format!("{at}/{name}"), "must be a boolean");
        }
    }

    fn whole(&mut self, o: &Map<String, Value>, name: &str, at: &str, min: i64, max: i64) {
        let Some(v) = o.get(name).filter(|v| !v.is_null()) else {
            return;
        };
        let at = format!("{at}/{name}");
        match v.as_i64() {
            None => self.fault(&at, "must be an integer"),
            Some(n) if n < min => self.fault(&at, format!("must be greater than or equal to {min}")),
            Some(n) if n > max => self.fault(&at, format!("must be less than or equal to {max}")),
            Some(_) => {}
        }
    }

    fn one_of(&mut self, o: &Map<String, Value>, name: &str, at: &str, allowed: &[&str]) {
        let Some(v) = o.get(name).filter(|v| !v.is_null()) else {
            return;
        };
        if !v.as_str().is_some_and(|s| allowed.contains(&s)) {
            self.fault(
                &format!("{at}/{name}"),
                format!("must be one of: {}", allowed.join(", ")),
            );
        }
    }

    fn list<'a>(&mut self, o: &'a Map<String, Value>, name: &str, at: &str, min: usize, max: usize) -> &'a [Value] {
        let Some(v) = o.get(name).filter(|v| !v.is_null()) else {
            return &[];
        };
        let at = format!("{at}/{name}");
        let Value::Array(all) = v else {
            self.fault(&at, "must be an array");
            return &[];
        };
        if all.len() < min {
            self.fault(&at, format!("no fewer than {min} items allowed"));
        }
        if all.len() > max {
            self.fault(&at, format!("no more than {max} items allowed"));
        }
        all
    }

    fn pattern(&mut self, o: &Map<String, Value>, name: &str, at: &str, shape: &str) {
        let Some(v) = o.get(name).filter(|v| !v.is_null()) else {
            return;
        };
        let fits = v.as_str().is_some_and(|s| {
            s.len() == shape.len()
                && s.chars()
                    .zip(shape.chars())
                    .all(|(c, p)| if p == '0' { c.is_ascii_digit() } else { c == p })
        });
        if !fits {
            self.fault(&format!("{at}/{name}"), format!("must match the format {shape}"));
        }
    }

    // ---- composition objects

    fn text(&mut self, o: &Map<String, Value>, name: &str, at: &str, plain_only: bool, max: usize) {
        if let Some(v) = o.get(name).filter(|v| !v.is_null()) {
            self.text_object(v, &format!("{at}/{name}"), plain_only, max);
        }
    }

    fn text_object(&mut self, v: &Value, at: &str, plain_only: bool, max: usize) {
        let kind = v.get("type").and_then(Value::as_str).unwrap_or("");
        let fields: Fields = match kind {
            "plain_text" => &[("text", Must), ("emoji", May)],
            "mrkdwn" if !plain_only => &[("text", Must), ("verbatim", May)],
            _ if !v.is_object() => return self.fault(at, "must be an object"),
            "" => return self.fault(at, "missing required field: type"),
            "mrkdwn" => return self.fault(&format!("{at}/type"), "must be one of: plain_text"),
            _ => return self.fault(&format!("{at}/type"), "must be one of: plain_text, mrkdwn"),
        };
        let Some(o) = self.object(v, at, fields) else {
            return;
        };
        self.string(o, "text", at, 1, max);
        self.flag(o, "emoji", at);
        self.flag(o, "verbatim", at);
    }

    fn confirm(&mut self, o: &Map<String, Value>, at: &str) {
        let Some(v) = o.get("confirm").filter(|v| !v.is_null()) else {
            return;
        };
        let at = format!("{at}/confirm");
        let fields = [
            ("title", Must),
            ("text", Must),
            ("confirm", May),
            ("deny", May),
            ("style", May),
        ];
        let Some(o) = self.object(v, &at, &fields) else {
            return;
        };
        self.text(o, "title", &at, true, 100);
        self.text(o, "text", &at, false, 300);
        self.text(o, "confirm", &at, true, 30);
        self.text(o, "deny", &at, true, 30);
        self.one_of(o, "style", &at, &["primary", "danger"]);
    }

    /// Options; answers their values, for checking what is chosen at first.
    fn options(&mut self, o: &Map<String, Value>, name: &str, at: &str, max: usize, plain: bool, url: bool) {
        let all = self.list(o, name, at, 1, max);
        let mut seen = HashSet::new();
        for (n, v) in all.iter().enumerate() {
            let at = format!("{at}/{name}/{n}");
            self.option(v, &at, plain, url);
            if let Some(value) = v.get("value").and_then(Value::as_str)
                && !seen.insert(value)
            {
                self.fault(&at, format!("duplicate option value: {value}"));
            }
        }
    }

    fn option(&mut self, v: &Value, at: &str, plain: bool, url: bool) {
        let mut fields = vec![("text", Must), ("value", Must), ("description", May)];
        if url {
            fields.push(("url", May));
        }
        let Some(o) = self.object(v, at, &fields) else {
            return;
        };
        self.text(o, "text", at, plain, 75);
        self.string(o, "value", at, 0, 150);
        self.text(o, "description", at, plain, 75);
        self.string(o, "url", at, 1, URL);
    }

    /// What is chosen at first must be exactly one of the options.
    fn initial(&mut self, o: &Map<String, Value>, at: &str) {
        let options: Vec<&Value> = match (o.get("options"), o.get("option_groups")) {
            (Some(Value::Array(all)), _) => all.iter().collect(),
            (_, Some(Value::Array(groups))) => groups
                .iter()
                .filter_map(|g| g.get("options")?.as_array())
                .flatten()
                .collect(),
            _ => return,
        };
        let one = o
            .get("initial_option")
            .into_iter()
            .filter(|v| !v.is_null())
            .map(|v| ("initial_option", v));
        let many = o.get("initial_options").and_then(Value::as_array);
        let many = many.into_iter().flatten().map(|v| ("initial_options", v));
        for (name, v) in one.chain(many) {
            if !options
                .iter()
                .any(|have| have.get("value") == v.get("value") && have.get("text") == v.get("text"))
            {
                self.fault(&format!("{at}/{name}"), "must exactly match one of the options");
            }
        }
        if o.get("initial_options")
            .and_then(Value::as_array)
            .is_some_and(Vec::is_empty)
        {
            self.fault(&format!("{at}/initial_options"), "no fewer than 1 items allowed");
        }
    }

    // ---- elements

    fn image_element(&mut self, v: &Value, at: &str) {
        let fields = [
            ("image_url", May),
            ("slack_file", May),
            ("alt_text", Must),
            ("type", Must),
        ];
        let Some(o) = self.object(v, at, &fields) else {
            return;
        };
        if o.get("image_url").is_none() && o.get("slack_file").is_none() {
            self.fault(at, "missing required field: image_url");
        }
        self.string(o, "image_url", at, 1, URL);
        self.string(o, "alt_text", at, 1, 2000);
    }

    fn element(&mut self, v: &Value, at: &str, place: Place) {
        let kind = v.get("type").and_then(Value::as_str).unwrap_or("");
        if !v.is_object() {
            return self.fault(at, "must be an object");
        }
        if kind.is_empty() {
            return self.fault(at, "missing required field: type");
        }
        if !place.takes(kind) {
            return self.fault(&format!("{at}/type"), format!("unsupported type: {kind}"));
        }
        if kind == "image" {
            return self.image_element(v, at);
        }
        let own: Fields = match kind {
            "button" => &[
                ("text", Must),
                ("url", May),
                ("value", May),
                ("style", May),
                ("accessibility_label", May),
            ],
            "workflow_button" => &[
                ("text", Must),
                ("workflow", Must),
                ("style", May),
                ("accessibility_label", May),
            ],
            "checkboxes" => &[("options", Must), ("initial_options", May)],
            "radio_buttons" => &[("options", Must), ("initial_option", May)],
            "overflow" => &[("options", Must)],
            "datepicker" => &[("initial_date", May), ("placeholder", May)],
            "timepicker" => &[("initial_time", May), ("placeholder", May), ("timezone", May)],
            "datetimepicker" => &[("initial_date_time", May)],
            "plain_text_input" => &[
                ("initial_value", May),
                ("multiline", May),
                ("min_length", May),
                ("max_length", May),
                ("dispatch_action_config", May),
                ("placeholder", May),
            ],
            "number_input" => &[
                ("is_decimal_allowed", Must),
                ("initial_value", May),
                ("min_value", May),
                ("max_value", May),
                ("dispatch_action_config", May),
                ("placeholder", May),
            ],
            "email_text_input" | "url_text_input" | "rich_text_input" => &[
                ("initial_value", May),
                ("dispatch_action_config", May),
                ("placeholder", May),
            ],
            "file_input" => &[("filetypes", May), ("max_files", May)],
            "static_select" => &[
                ("options", May),
                ("option_groups", May),
                ("initial_option", May),
                ("placeholder", May),
            ],
            "multi_static_select" => &[
                ("options", May),
                ("option_groups", May),
                ("initial_options", May),
                ("max_selected_items", May),
                ("placeholder", May),
            ],
            "external_select" => &[("initial_option", May), ("min_query_length", May), ("placeholder", May)],
            "multi_external_select" => &[
                ("initial_options", May),
                ("min_query_length", May),
                ("max_selected_items", May),
                ("placeholder", May),
            ],
            "users_select" => &[("initial_user", May), ("placeholder", May)],
            "multi_users_select" => &[
                ("initial_users", May),
                ("max_selected_items", May),
                ("placeholder", May),
            ],
            "conversations_select" => &[
                ("initial_conversation", May),
                ("default_to_current_conversation", May),
                ("response_url_enabled", May),
                ("filter", May),
                ("placeholder", May),
            ],
            "multi_conversations_select" => &[
                ("initial_conversations", May),
                ("default_to_current_conversation", May),
                ("filter", May),
                ("max_selected_items", May),
                ("placeholder", May),
            ],
            "channels_select" => &[
                ("initial_channel", May),
                ("response_url_enabled", May),
                ("placeholder", May),
            ],
            "multi_channels_select" => &[
                ("initial_channels", May),
                ("max_selected_items", May),
                ("placeholder", May),
            ],
            other => {
                return self.fault(&format!("{at}/type"), format!("unsupported type: {other}"));
            }
        };
        let mut fields = own.to_vec();
        fields.push(("action_id", May));
        if !matches!(
            kind,
            "plain_text_input" | "number_input" | "email_text_input" | "url_text_input" | "file_input"
        ) {
            fields.push(("confirm", May));
        }
        if !matches!(kind, "button" | "overflow" | "workflow_button" | "file_input") {
            fields.push(("focus_on_load", May));
        }
        let Some(o) = self.object(v, at, &fields) else {
            return;
        };
        self.string(o, "action_id", at, 1, ID);
        if let Some(id) = o.get("action_id").and_then(Value::as_str)
            && !place.own_scope()
            && !self.action_ids.insert(id.to_owned())
        {
            self.fault(&format!("{at}/action_id"), format!("`action_id` {id} already exists"));
        }
        self.confirm(o, at);
        self.flag(o, "focus_on_load", at);
        if o.get("focus_on_load") == Some(&Value::Bool(true)) && std::mem::replace(&mut self.focused, true) {
            self.fault(
                &format!("{at}/focus_on_load"),
                "only one element may be focused on load",
            );
        }
        self.text(o, "placeholder", at, true, 150);
        self.values_of(kind, o, at);
    }

    fn values_of(&mut self, kind: &str, o: &Map<String, Value>, at: &str) {
        match kind {
            "button" | "workflow_button" => {
                self.text(o, "text", at, true, 75);
                self.string(o, "url", at, 1, URL);
                self.string(o, "value", at, 1, 2000);
                self.one_of(o, "style", at, &["primary", "danger"]);
                self.string(o, "accessibility_label", at, 1, 75);
            }
            "checkboxes" | "radio_buttons" => {
                self.options(o, "options", at, 10, false, false);
                self.initial(o, at);
            }
            "overflow" => self.options(o, "options", at, 5, true, true),
            "datepicker" => self.pattern(o, "initial_date", at, "0000-00-00"),
            "timepicker" => self.pattern(o, "initial_time", at, "00:00"),
            "datetimepicker" => self.whole(o, "initial_date_time", at, 1_000_000_000, 9_999_999_999),
            "plain_text_input" => {
                self.string(o, "initial_value", at, 0, 3000);
                self.flag(o, "multiline", at);
                self.whole(o, "min_length", at, 0, 3000);
                self.whole(o, "max_length", at, 1, 3000);
            }
            "number_input" => {
                self.flag(o, "is_decimal_allowed", at);
                for name in ["initial_value", "min_value", "max_value"] {
                    self.string(o, name, at, 1, 64);
                }
            }
            "email_text_input" | "url_text_input" => self.string(o, "initial_value", at, 1, TEXT),
            "file_input" => self.whole(o, "max_files", at, 1, 10),
            "static_select" | "multi_static_select" => {
                match (o.contains_key("options"), o.contains_key("option_groups")) {
                    (false, false) => self.fault(at, "missing required field: options"),
                    (true, true) => self.fault(at, "only one of options and option_groups is allowed"),
                    _ => {}
                }
                self.options(o, "options", at, 100, true, false);
                for (n, g) in self.list(o, "option_groups", at, 1, 100).iter().enumerate() {
                    let at = format!("{at}/option_groups/{n}");
                    let Some(g) = self.object(g, &at, &[("label", Must), ("options", Must)]) else {
                        continue;
                    };
                    self.text(g, "label", &at, true, 75);
                    self.options(g, "options", &at, 100, true, false);
                }
                self.whole(o, "max_selected_items", at, 1, 100);
                self.initial(o, at);
            }
            "external_select" | "multi_external_select" => {
                self.whole(o, "min_query_length", at, 0, 100);
                self.whole(o, "max_selected_items", at, 1, 100);
            }
            _ => {
                for name in ["initial_user", "initial_conversation", "initial_channel"] {
                    self.string(o, name, at, 1, ID);
                }
                for name in ["initial_users", "initial_conversations", "initial_channels"] {
                    self.list(o, name, at, 1, 100);
                }
                self.whole(o, "max_selected_items", at, 1, 100);
            }
        }
    }

    // ---- blocks

    fn blocks(&mut self, v: &Value, at: &str) {
        let Value::Array(all) = v else {
            return self.fault(at, "must be an array");
        };
        let max = if self.surface == Surface::Message {
            MESSAGE_BLOCKS
        } else {
            VIEW_BLOCKS
        };
        if all.len() > max {
            self.fault(at, format!("no more than {max} items allowed"));
        }
        for (n, block) in all.iter().enumerate() {
            self.block(block, &format!("{at}/{n}"));
        }
        if self.markdown > MARKDOWN_TOTAL {
            self.fault(
                at,
                format!(
                    "markdown blocks must have less than {} characters together",
                    MARKDOWN_TOTAL + 1
                ),
            );
        }
        if self.tables > MESSAGE_TABLES {
            self.fault(at, "only one table is allowed");
        }
    }

    fn block(&mut self, v: &Value, at: &str) {
        if !v.is_object() {
            return self.fault(at, "must be an object");
        }
        let Some(kind) = v.get("type").and_then(Value::as_str) else {
            return self.fault(at, "missing required field: type");
        };
        let fields: Fields = match (kind, self.surface) {
            ("section", _) => &[("text", May), ("fields", May), ("accessory", May), ("expand", May)],
            ("header", _) => &[("text", Must), ("level", May)],
            ("divider", _) => &[],
            ("context", _) => &[("elements", Must)],
            ("actions", _) => &[("elements", Must)],
            ("image", _) => &[
                ("alt_text", Must),
                ("image_url", May),
                ("slack_file", May),
                ("title", May),
            ],
            ("input", _) => &[
                ("label", Must),
                ("element", Must),
                ("hint", May),
                ("optional", May),
                ("dispatch_action", May),
            ],
            ("rich_text", _) => &[("elements", Must)],
            ("video", _) => &[
                ("alt_text", Must),
                ("title", Must),
                ("thumbnail_url", Must),
                ("video_url", Must),
                ("author_name", May),
                ("description", May),
                ("provider_icon_url", May),
                ("provider_name", May),
                ("title_url", May),
            ],
            ("markdown", Surface::Message) => &[("text", Must)],
            ("table", Surface::Message | Surface::Home) => &[("rows", Must), ("column_settings", May)],
            ("file", Surface::Message) => &[("external_id", Must), ("source", Must)],
            ("context_actions", Surface::Message) => &[("elements", Must)],
            _ => return self.fault(&format!("{at}/type"), format!("unsupported type: {kind}")),
        };
        let mut all = fields.to_vec();
        all.push(("block_id", May));
        let Some(o) = self.object(v, at, &all) else {
            return;
        };
        self.string(o, "block_id", at, 0, ID);
        if let Some(id) = o.get("block_id").and_then(Value::as_str).filter(|id| !id.is_empty())
            && !self.block_ids.insert(id.to_owned())
        {
            self.fault(&format!("{at}/block_id"), format!("`block_id` {id} already exists"));
        }
        match kind {
            "section" => self.section(o, at),
            "header" => self.text(o, "text", at, true, 150),
            "context" => {
                for (n, e) in self.list(o, "elements", at, 1, 10).iter().enumerate() {
                    let at = format!("{at}/elements/{n}");
                    if e.get("type").and_then(Value::as_str) == Some("image") {
                        self.image_element(e, &at);
                    } else {
                        self.text_object(e, &at, false, TEXT);
                    }
                }
            }
            "actions" => {
                for (n, e) in self.list(o, "elements", at, 1, 25).iter().enumerate() {
                    self.element(e, &format!("{at}/elements/{n}"), Place::Actions);
                }
            }
            "image" => {
                if o.get("image_url").is_none() && o.get("slack_file").is_none() {
                    self.fault(at, "missing required field: image_url");
                }
                self.string(o, "image_url", at, 1, URL);
                self.string(o, "alt_text", at, 1, 2000);
                self.text(o, "title", at, true, 2000);
            }
            "input" => {
                self.text(o, "label", at, true, 2000);
                self.text(o, "hint", at, true, 2000);
                self.flag(o, "optional", at);
                self.flag(o, "dispatch_action", at);
                if let Some(e) = o.get("element") {
                    self.element(e, &format!("{at}/element"), Place::Input);
                }
            }
            "rich_text" => self.rich_text(o, at),
            "video" => {
                self.text(o, "title", at, true, 200);
                self.text(o, "description", at, true, 200);
                self.string(o, "alt_text", at, 1, 2000);
                self.string(o, "author_name", at, 1, 50);
                self.string(o, "provider_name", at, 1, 50);
                self.string(o, "video_url", at, 1, URL);
                self.string(o, "thumbnail_url", at, 1, URL);
            }
            "markdown" => {
                self.string(o, "text", at, 1, MARKDOWN_TOTAL);
                self.markdown += o.get("text").and_then(Value::as_str).map_or(0, |s| s.chars().count());
            }
            "table" => {
                self.tables += 1;
                for (n, row) in self.list(o, "rows", at, 1, 100).iter().enumerate() {
                    match row.as_array() {
                        None => self.fault(&format!("{at}/rows/{n}"), "must be an array"),
                        Some(cells) if cells.len() > 20 => {
                            self.fault(&format!("{at}/rows/{n}"), "no more than 20 items allowed");
                        }
                        Some(_) => {}
                    }
                }
                self.list(o, "column_settings", at, 0, 20);
            }
            _ => {}
        }
    }

    fn section(&mut self, o: &Map<String, Value>, at: &str) {
        if o.get("text").is_none_or(Value::is_null) && o.get("fields").is_none_or(Value::is_null) {
            self.fault(at, "missing required field: text");
        }
        self.text(o, "text", at, false, TEXT);
        self.flag(o, "expand", at);
        for (n, f) in self.list(o, "fields", at, 1, 10).iter().enumerate() {
            self.text_object(f, &format!("{at}/fields/{n}"), false, 2000);
        }
        if let Some(e) = o.get("accessory").filter(|e| !e.is_null()) {
            self.element(e, &format!("{at}/accessory"), Place::Accessory);
        }
    }

    fn rich_text(&mut self, o: &Map<String, Value>, at: &str) {
        for (n, part) in self.list(o, "elements", at, 0, 3000).iter().enumerate() {
            let at = format!("{at}/elements/{n}");
            match part.get("type").and_then(Value::as_str).unwrap_or("") {
                kind @ ("rich_text_section" | "rich_text_quote" | "rich_text_preformatted") => {
                    let Some(o) = self.object(part, &at, &[("elements", Must), ("border", May), ("language", May)])
                    else {
                        continue;
                    };
                    for (n, leaf) in self.list(o, "elements", &at, 0, 3000).iter().enumerate() {
                        self.leaf(leaf, &format!("{at}/elements/{n}"), kind);
                    }
                }
                "rich_text_list" => {
                    let fields = [
                        ("style", Must),
                        ("elements", Must),
                        ("indent", May),
                        ("offset", May),
                        ("border", May),
                    ];
                    let Some(o) = self.object(part, &at, &fields) else {
                        continue;
                    };
                    self.one_of(o, "style", &at, &["bullet", "ordered"]);
                    self.whole(o, "indent", &at, 0, 8);
                    for (n, item) in self.list(o, "elements", &at, 0, 3000).iter().enumerate() {
                        let at = format!("{at}/elements/{n}");
                        if item.get("type").and_then(Value::as_str) != Some("rich_text_section") {
                            self.fault(&format!("{at}/type"), "must be one of: rich_text_section");
                            continue;
                        }
                        for (n, leaf) in item
                            .get("elements")
                            .and_then(Value::as_array)
                            .into_iter()
                            .flatten()
                            .enumerate()
                        {
                            self.leaf(leaf, &format!("{at}/elements/{n}"), "rich_text_section");
                        }
                    }
                }
                "" => self.fault(&at, "missing required field: type"),
                other => self.fault(&format!("{at}/type"), format!("unsupported type: {other}")),
            }
        }
    }

    fn leaf(&mut self, v: &Value, at: &str, inside: &str) {
        let kind = v.get("type").and_then(Value::as_str).unwrap_or("");
        let fields: Fields = match kind {
            "text" => &[("text", Must), ("style", May)],
            "link" => &[("url", Must), ("text", May), ("unsafe", May), ("style", May)],
            "emoji" => &[
                ("name", Must),
                ("unicode", May),
                ("skin_tone", May),
                ("url", May),
                ("display_team_id", May),
            ],
            "user" => &[("user_id", Must), ("style", May)],
            "usergroup" => &[("usergroup_id", Must), ("style", May)],
            "channel" => &[("channel_id", Must), ("style", May)],
            "team" => &[("team_id", Must), ("style", May)],
            "broadcast" => &[("range", Must), ("style", May)],
            "color" => &[("value", Must), ("style", May)],
            "date" => &[
                ("timestamp", Must),
                ("format", Must),
                ("url", May),
                ("fallback", May),
                ("style", May),
            ],
            "" => return self.fault(at, "missing required field: type"),
            other => {
                return self.fault(&format!("{at}/type"), format!("unsupported type: {other}"));
            }
        };
        if inside == "rich_text_preformatted" && !matches!(kind, "text" | "link") {
            self.fault(&format!("{at}/type"), "must be one of: text, link");
        }
        let Some(o) = self.object(v, at, fields) else {
            return;
        };
        if kind == "text" {
            self.string(o, "text", at, 1, MARKDOWN_TOTAL);
        }
    }

    // ---- views

    fn view(&mut self, v: &Value, at: &str) {
        let shared = [
            ("blocks", Must),
            ("private_metadata", May),
            ("callback_id", May),
            ("external_id", May),
        ];
        let mut fields = shared.to_vec();
        self.surface = match v.get("type").and_then(Value::as_str) {
            Some("modal") => {
                fields.extend([
                    ("title", Must),
                    ("submit", May),
                    ("close", May),
                    ("clear_on_close", May),
                    ("notify_on_close", May),
                    ("submit_disabled", May),
                ]);
                Surface::Modal
            }
            Some("home") => Surface::Home,
            Some(_) => return self.fault(&format!("{at}/type"), "must be one of: modal, home"),
            None if v.is_object() => return self.fault(at, "missing required field: type"),
            None => return self.fault(at, "must be an object"),
        };
        let Some(o) = self.object(v, at, &fields) else {
            return;
        };
        self.text(o, "title", at, true, 24);
        self.text(o, "submit", at, true, 24);
        self.text(o, "close", at, true, 24);
        self.string(o, "private_metadata", at, 0, 3000);
        self.string(o, "callback_id", at, 0, ID);
        self.string(o, "external_id", at, 0, ID);
        for name in ["clear_on_close", "notify_on_close", "submit_disabled"] {
            self.flag(o, name, at);
        }
        if let Some(blocks) = o.get("blocks") {
            self.blocks(blocks, &format!("{at}/blocks"));
            let inputs = blocks
                .as_array()
                .into_iter()
                .flatten()
                .any(|b| b.get("type") == Some(&json!("input")));
            if inputs && self.surface == Surface::Modal && o.get("submit").is_none_or(Value::is_null) {
                self.fault(at, "missing required field: submit (a modal with inputs must have it)");
            }
        }
    }
}

/// Where an element stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Accessory,
    Actions,
    Input,
}

impl Place {
    fn takes(self, kind: &str) -> bool {
        match kind {
            "image" => self == Place::Accessory,
            "button" | "overflow" | "workflow_button" => self != Place::Input,
            "plain_text_input" | "number_input" | "email_text_input" | "url_text_input" | "file_input" => {
                self == Place::Input
            }
            "rich_text_input" | "datetimepicker" => self != Place::Accessory,
            _ => true,
        }
    }

    /// Inputs stand alone in their block, so their `action_id` need only be unique there.
    fn own_scope(self) -> bool {
        self == Place::Input
    }
}
