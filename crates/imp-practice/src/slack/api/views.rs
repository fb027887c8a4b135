//! `views.*`: modals and home tabs.

use serde_json::{Map, Value, json};

use super::{Answer, Call, Fault};
use crate::slack::blocks;
use crate::slack::state::{State, View};

/// Modals that may lie on one another.
const STACK_MAX: usize = 3;
/// A view's JSON may be this large.
const VIEW_BYTES: usize = 250_000;

pub(super) fn dispatch(method: &str, c: &mut Call) -> Answer {
    match method {
        "views.open" => open(c),
        "views.push" => push(c),
        "views.update" => update(c),
        "views.publish" => publish(c),
        _ => Err("unknown_method".into()),
    }
}

fn read_view(c: &mut Call, kind: &str) -> Result<Map<String, Value>, Fault> {
    let given = c.a.json("view").map_err(|()| Fault::from("invalid_arguments"))?;
    checked(c.s, given.ok_or_else(|| Fault::missing("view"))?, kind)
}

/// A view as the app wrote it, checked and complete.
pub(in crate::slack) fn checked(s: &mut State, given: Value, kind: &str) -> Result<Map<String, Value>, Fault> {
    let faults = blocks::view_faults(&given);
    if !faults.is_empty() {
        return Err(Fault::explained("invalid_arguments", &faults));
    }
    if given.to_string().len() > VIEW_BYTES {
        return Err("view_too_large".into());
    }
    if given.get("type").and_then(Value::as_str) != Some(kind) {
        let why = format!("must be one of: {kind} [json-pointer:/view/type]");
        return Err(Fault::explained("invalid_arguments", &[why]));
    }
    let Value::Object(mut view) = given else {
        return Err("invalid_arguments".into());
    };
    if let Some(Value::Array(all)) = view.get_mut("blocks") {
        blocks::complete(all, || super::chat::short_id(s));
    }
    Ok(view)
}

/// Uses up a trigger; the person it was for, and the modal it came from.
fn pull(c: &mut Call) -> Result<(String, Option<String>), Fault> {
    let id =
        c.a.str("trigger_id")
            .or_else(|| c.a.str("interactivity_pointer"))
            .filter(|t| !t.is_empty());
    let id = id.ok_or_else(|| Fault::missing("trigger_id"))?;
    let now = c.s.now;
    let t = c.s.triggers.get_mut(&id).ok_or("invalid_trigger_id")?;
    if t.used {
        return Err("exchanged_trigger_id".into());
    }
    if t.until_ms <= now {
        return Err("expired_trigger_id".into());
    }
    t.used = true;
    Ok((t.user.clone(), t.view.clone()))
}

fn external_free(s: &State, view: &Map<String, Value>, own: Option<&str>) -> Result<(), Fault> {
    let Some(id) = view
        .get("external_id")
        .and_then(Value::as_str)
        .filter(|i| !i.is_empty())
    else {
        return Ok(());
    };
    let taken = s
        .views
        .values()
        .any(|v| Some(v.id.as_str()) != own && v.body.get("external_id") == Some(&json!(id)));
    if taken {
        Err("duplicate_external_id".into())
    } else {
        Ok(())
    }
}

fn open(c: &mut Call) -> Answer {
    let view = read_view(c, "modal")?;
    external_free(c.s, &view, None)?;
    let (user, _) = pull(c)?;
    for old in c.s.stacks.remove(&user).unwrap_or_default() {
        c.s.views.remove(&old);
    }
    let id = put_on(c.s, &user, view)?;
    Ok(json!({"view": view_of(c.s, &id)}))
}

fn push(c: &mut Call) -> Answer {
    let view = read_view(c, "modal")?;
    external_free(c.s, &view, None)?;
    let (user, from) = pull(c)?;
    if from.is_none() {
        return Err("no_open_view".into());
    }
    let id = put_on(c.s, &user, view)?;
    Ok(json!({"view": view_of(c.s, &id)}))
}

fn view_of(s: &State, id: &str) -> Value {
    s.views.get(id).map_or(Value::Null, |v| s.view_json(v))
}

/// Puts a modal on top of somebody's others.
pub(in crate::slack) fn put_on(s: &mut State, user: &str, body: Map<String, Value>) -> Result<String, Fault> {
    let stack = s.stacks.get(user).cloned().unwrap_or_default();
    if stack.len() >= STACK_MAX {
        return Err("push_limit_reached".into());
    }
    let id = s.id("V");
    let hash = hash(s);
    let root = stack.first().cloned().unwrap_or_else(|| id.clone());
    let values = state_at_first(&body);
    let previous = stack.last().cloned();
    s.views.insert(
        id.clone(),
        View {
            id: id.clone(),
            body,
            values,
            hash,
            root,
            previous,
            user: user.to_owned(),
        },
    );
    s.stacks.entry(user.to_owned()).or_default().push(id.clone());
    show_stack(s, user);
    Ok(id)
}

fn hash(s: &mut State) -> String {
    let secs = s.now / 1000;
    format!("{secs}.{}", &s.secret()[..8])
}

/// Replaces what a view shows; what was typed stays where the same input is still there.
pub(in crate::slack) fn replace(s: &mut State, id: &str, body: Map<String, Value>) {
    let hash = hash(s);
    let mut values = state_at_first(&body);
    let Some(v) = s.views.get_mut(id) else { return };
    if let (Some(new), Some(old)) = (values.as_object_mut(), v.values.as_object()) {
        for (block, elements) in new.iter_mut() {
            let Some(elements) = elements.as_object_mut() else {
                continue;
            };
            for (action, value) in elements.iter_mut() {
                if let Some(kept) = old
                    .get(block)
                    .and_then(|b| b.get(action))
                    .filter(|k| k["type"] == value["type"])
                {
                    *value = kept.clone();
                }
            }
        }
    }
    v.body = body;
    v.values = values;
    v.hash = hash;
    let user = v.user.clone();
    if s.homes.get(&user).map(String::as_str) == Some(id) {
        s.tell(Some(vec![user]), json!({"type": "home"}));
    } else {
        show_stack(s, &user);
    }
}

/// Shows somebody's page which modals are open.
pub(in crate::slack) fn show_stack(s: &mut State, user: &str) {
    let stack = stack_json(s, user);
    s.tell(Some(vec![user.to_owned()]), json!({"type": "modals", "stack": stack}));
}

/// Somebody's open modals, the top one last.
pub(in crate::slack) fn stack_json(s: &State, user: &str) -> Vec<Value> {
    s.stacks
        .get(user)
        .into_iter()
        .flatten()
        .filter_map(|id| s.views.get(id))
        .map(|v| s.view_json(v))
        .collect()
}

fn update(c: &mut Call) -> Answer {
    let found = match (c.a.str("view_id"), c.a.str("external_id")) {
        (Some(id), _) if !id.is_empty() => c.s.views.get(&id),
        (_, Some(ext)) if !ext.is_empty() => {
            c.s.views
                .values()
                .find(|v| v.body.get("external_id") == Some(&json!(ext)))
        }
        _ => return Err(Fault::missing("view_id")),
    };
    let v = found.ok_or("not_found")?;
    let (id, hash, kind) = (
        v.id.clone(),
        v.hash.clone(),
        v.body.get("type").and_then(Value::as_str).unwrap_or("modal").to_owned(),
    );
    if c.a.str("hash").is_some_and(|h| !h.is_empty() && h != hash) {
        return Err("hash_conflict".into());
    }
    let view = read_view(c, &kind)?;
    external_free(c.s, &view, Some(&id))?;
    replace(c.s, &id, view);
    Ok(json!({"view": view_of(c.s, &id)}))
}

fn publish(c: &mut Call) -> Answer {
    let user = c.a.must("user_id")?;
    c.s.user(&user).filter(|u| !u.bot).ok_or("user_not_found")?;
    let view = read_view(c, "home")?;
    let old =
        c.s.homes
            .get(&user)
            .and_then(|id| c.s.views.get(id))
            .map(|v| (v.id.clone(), v.hash.clone()));
    if let Some(given) = c.a.str("hash").filter(|h| !h.is_empty())
        && old.as_ref().is_none_or(|(_, hash)| *hash != given)
    {
        return Err("hash_conflict".into());
    }
    let id = match old {
        Some((id, _)) => id,
        None => {
            let id = c.s.id("V");
            let hash = hash(c.s);
            let empty = View {
                id: id.clone(),
                body: Map::new(),
                values: json!({}),
                hash,
                root: id.clone(),
                previous: None,
                user: user.clone(),
            };
            c.s.views.insert(id.clone(), empty);
            c.s.homes.insert(user, id.clone());
            id
        }
    };
    replace(c.s, &id, view);
    Ok(json!({"view": view_of(c.s, &id)}))
}

/// `state.values` before anybody has touched anything: what the app chose at first.
pub(in crate::slack) fn state_at_first(body: &Map<String, Value>) -> Value {
    let mut values = Map::new();
    for block in body.get("blocks").and_then(Value::as_array).into_iter().flatten() {
        let Some(id) = block.get("block_id").and_then(Value::as_str) else {
            continue;
        };
        let slots = [block.get("element"), block.get("accessory")].into_iter().flatten();
        let many = block.get("elements").and_then(Value::as_array).into_iter().flatten();
        let mut of_block = Map::new();
        for e in slots.chain(many) {
            let Some(action) = e.get("action_id").and_then(Value::as_str) else {
                continue;
            };
            if let Some(v) = value_at_first(e) {
                of_block.insert(action.to_owned(), v);
            }
        }
        if !of_block.is_empty() {
            values.insert(id.to_owned(), Value::Object(of_block));
        }
    }
    Value::Object(values)
}

fn value_at_first(e: &Value) -> Option<Value> {
    let kind = e.get("type").and_then(Value::as_str)?;
    let (name, initial, empty) = match kind {
        "plain_text_input" | "number_input" | "email_text_input" | "url_text_input" => {
            ("value", "initial_value", Value::Null)
        }
        "rich_text_input" => ("rich_text_value", "initial_value", Value::Null),
        "static_select" | "external_select" | "radio_buttons" => ("selected_option", "initial_option", Value::Null),
        "multi_static_select" | "multi_external_select" | "checkboxes" => {
            ("selected_options", "initial_options", json!([]))
        }
        "users_select" => ("selected_user", "initial_user", Value::Null),
        "multi_users_select" => ("selected_users", "initial_users", json!([])),
        "conversations_select" => ("selected_conversation", "initial_conversation", Value::Null),
        "multi_conversations_select" => ("selected_conversations", "initial_conversations", json!([])),
        "channels_select" => ("selected_channel", "initial_channel", Value::Null),
        "multi_channels_select" => ("selected_channels", "initial_channels", json!([])),
        "datepicker" => ("selected_date", "initial_date", Value::Null),
        "timepicker" => ("selected_time", "initial_time", Value::Null),
        "datetimepicker" => ("selected_date_time", "initial_date_time", Value::Null),
        "file_input" => ("files", "", json!([])),
        _ => return None,
    };
    let mut o = Map::new();
    o.insert("type".to_owned(), json!(kind));
    o.insert(name.to_owned(), e.get(initial).cloned().unwrap_or(empty));
    Some(Value::Object(o))
}
