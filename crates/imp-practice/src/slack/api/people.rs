//! `users.*` and `usergroups.*`.

use serde_json::{Value, json};

use super::{Answer, Call, conversations, page};
use crate::slack::state::{BOT_USER, User, Usergroup};

pub(super) fn dispatch(method: &str, c: &mut Call) -> Answer {
    match method {
        "users.list" => {
            let all: Vec<&User> = c.s.users.iter().collect();
            // Without a limit Slack tries to send everybody.
            let (some, next) = page(&all, c.a, 1000, 1000)?;
            let members: Vec<Value> = some.iter().map(|u| c.s.user_json(u)).collect();
            Ok(json!({"members": members, "cache_ts": c.s.now / 1000, "response_metadata": {"next_cursor": next}}))
        }
        "users.info" => Ok(json!({"user": c.s.user_json(user(c)?)})),
        "users.lookupByEmail" => {
            let email = c.a.must("email")?;
            let found =
                c.s.users
                    .iter()
                    .find(|u| !u.bot && u.email.eq_ignore_ascii_case(&email));
            Ok(json!({"user": c.s.user_json(found.ok_or("users_not_found")?)}))
        }
        "users.getPresence" => {
            user(c)?;
            Ok(json!({"presence": "active"}))
        }
        "users.profile.get" => {
            let u = match c.a.str("user") {
                Some(_) => user(c)?,
                None => c.s.user(BOT_USER).ok_or("user_not_found")?,
            };
            Ok(json!({"profile": c.s.user_json(u)["profile"]}))
        }
        "users.conversations" => {
            let who =
                c.a.str("user")
                    .filter(|u| !u.is_empty())
                    .unwrap_or_else(|| BOT_USER.to_owned());
            c.s.user(&who).ok_or("user_not_found")?;
            let all = conversations::of_types(c, c.s.channels.iter().filter(|ch| ch.has(&who)))?;
            let (some, next) = page(&all, c.a, 100, 1000)?;
            let channels: Vec<Value> = some.iter().map(|ch| c.s.channel_json(ch, BOT_USER)).collect();
            Ok(json!({"channels": channels, "response_metadata": {"next_cursor": next}}))
        }
        "usergroups.list" => {
            let (users, disabled) = (c.a.flag("include_users"), c.a.flag("include_disabled"));
            let groups: Vec<Value> =
                c.s.usergroups
                    .iter()
                    .filter(|g| g.enabled || disabled)
                    .map(|g| c.s.usergroup_json(g, users))
                    .collect();
            Ok(json!({"usergroups": groups}))
        }
        "usergroups.create" => create(c),
        "usergroups.update" => update(c),
        "usergroups.users.list" => Ok(json!({"users": group(c)?.users})),
        "usergroups.users.update" => {
            let id = group(c)?.id.clone();
            let users = c.a.list("users");
            if users.is_empty() {
                return Err("no_users_provided".into());
            }
            if users.iter().any(|u| c.s.user(u).is_none()) {
                return Err("invalid_users".into());
            }
            changed(c, &id, |g| g.users = users)
        }
        _ => Err("unknown_method".into()),
    }
}

fn user<'a>(c: &'a Call) -> Result<&'a User, super::Fault> {
    let id = c.a.must("user")?;
    c.s.user(&id).ok_or_else(|| "user_not_found".into())
}

fn group<'a>(c: &'a Call) -> Result<&'a Usergroup, super::Fault> {
    let id = c.a.must("usergroup")?;
    c.s.usergroups
        .iter()
        .find(|g| g.id == id)
        .ok_or_else(|| "no_such_subteam".into())
}

fn create(c: &mut Call) -> Answer {
    let name = c.a.must("name")?;
    let handle =
        c.a.str("handle")
            .filter(|h| !h.is_empty())
            .unwrap_or_else(|| name.to_lowercase().replace(' ', "-"));
    if c.s.usergroups.iter().any(|g| g.name == name) {
        return Err("name_already_exists".into());
    }
    if c.s.usergroups.iter().any(|g| g.handle == handle) || c.s.by_handle(&handle).is_some() {
        return Err("handle_already_exists".into());
    }
    let at = c.s.now / 1000;
    let g = Usergroup {
        id: c.s.id("S"),
        handle,
        name,
        description: c.a.str("description").unwrap_or_default(),
        users: Vec::new(),
        created: at,
        updated: at,
        enabled: true,
    };
    let answer = json!({"usergroup": c.s.usergroup_json(&g, true)});
    c.s.usergroups.push(g);
    Ok(answer)
}

fn update(c: &mut Call) -> Answer {
    let id = group(c)?.id.clone();
    let (name, handle, description) = (c.a.str("name"), c.a.str("handle"), c.a.str("description"));
    let other = |g: &&Usergroup| g.id != id;
    if c.s
        .usergroups
        .iter()
        .filter(other)
        .any(|g| Some(&g.name) == name.as_ref())
    {
        return Err("name_already_exists".into());
    }
    if c.s
        .usergroups
        .iter()
        .filter(other)
        .any(|g| Some(&g.handle) == handle.as_ref())
    {
        return Err("handle_already_exists".into());
    }
    changed(c, &id, |g| {
        if let Some(name) = name {
            g.name = name;
        }
        if let Some(handle) = handle {
            g.handle = handle;
        }
        if let Some(description) = description {
            g.description = description;
        }
    })
}

fn changed(c: &mut Call, id: &str, change: impl FnOnce(&mut Usergroup)) -> Answer {
    let at = c.s.now / 1000;
    let g =
        c.s.usergroups
            .iter_mut()
            .find(|g| g.id == id)
            .ok_or("no_such_subteam")?;
    change(g);
    g.updated = at;
    let g = g.clone();
    Ok(json!({"usergroup": c.s.usergroup_json(&g, true)}))
}
