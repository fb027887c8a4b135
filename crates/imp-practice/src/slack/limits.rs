//! How often each method may be called: Slack's tiers, kept per minute.

use std::collections::{HashMap, VecDeque};

/// Every tier counts over this window.
const WINDOW_MS: i64 = 60_000;
/// Tier 1 promises one a minute; in practice Slack lets a reconnecting app through.
const TIER_1: usize = 10;
/// Tier 2.
const TIER_2: usize = 20;
/// Tier 3.
const TIER_3: usize = 50;
/// Tier 4.
const TIER_4: usize = 100;
/// The special tiers: several hundred a minute.
const SPECIAL: usize = 600;
/// Messages a channel takes at once before one a second holds.
const POST_BURST: usize = 4;
/// One message a second a channel.
const POST_EVERY_MS: i64 = 1000;

/// What was called when.
#[derive(Debug, Default)]
pub(super) struct Limits {
    calls: HashMap<String, VecDeque<i64>>,
    /// Per channel: when its bucket will be empty again.
    posts: HashMap<String, i64>,
}

impl Limits {
    /// Counts a call; seconds to wait, if it is one too many.
    pub fn call(&mut self, method: &str, now: i64) -> Result<(), i64> {
        let calls = self.calls.entry(method.to_owned()).or_default();
        while calls.front().is_some_and(|at| *at <= now - WINDOW_MS) {
            calls.pop_front();
        }
        if calls.len() >= allowed(method) {
            let free = calls.front().map_or(now, |at| at + WINDOW_MS);
            return Err(secs(free - now));
        }
        calls.push_back(now);
        Ok(())
    }

    /// Counts a message into a channel.
    pub fn post(&mut self, channel: &str, now: i64) -> Result<(), i64> {
        let empty_at = self.posts.entry(channel.to_owned()).or_insert(now);
        let start = (*empty_at).max(now);
        let burst = POST_EVERY_MS * POST_BURST as i64;
        if start + POST_EVERY_MS - now > burst {
            return Err(secs(start + POST_EVERY_MS - now - burst));
        }
        *empty_at = start + POST_EVERY_MS;
        Ok(())
    }
}

fn secs(ms: i64) -> i64 {
    (ms + 999).div_euclid(1000).max(1)
}

/// Calls a minute.
fn allowed(method: &str) -> usize {
    match method {
        "auth.test" | "chat.getPermalink" | "chat.postMessage" => SPECIAL,
        "apps.connections.open" => TIER_1,
        "bookmarks.add"
        | "bookmarks.edit"
        | "bookmarks.remove"
        | "conversations.archive"
        | "conversations.close"
        | "conversations.create"
        | "conversations.list"
        | "conversations.rename"
        | "conversations.setPurpose"
        | "conversations.setTopic"
        | "conversations.unarchive"
        | "emoji.list"
        | "pins.add"
        | "pins.list"
        | "pins.remove"
        | "reactions.list"
        | "reactions.remove"
        | "usergroups.create"
        | "usergroups.list"
        | "usergroups.update"
        | "usergroups.users.list"
        | "usergroups.users.update"
        | "users.conversations"
        | "users.list" => TIER_2,
        "api.test"
        | "blocks.validate"
        | "chat.postEphemeral"
        | "conversations.members"
        | "files.completeUploadExternal"
        | "files.getUploadURLExternal"
        | "files.info"
        | "oauth.v2.access"
        | "users.info"
        | "users.profile.get"
        | "views.open"
        | "views.publish"
        | "views.push"
        | "views.update" => TIER_4,
        _ => TIER_3,
    }
}
