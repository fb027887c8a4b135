//! The process on the card: where a newer version is in force, it is said, with what to do.

use super::card::View;
use super::mrkdwn::{context, quote};
use serde_json::Value;

/// Longest version that is shown whole, in characters.
const VERSION_MAX: usize = 40;

/// That a newer version is in force.
pub fn of_card(v: &View) -> Option<Value> {
    let newer = v.newer?;
    Some(context(&format!(
        ":new: Version {} of the process is in force. This incident goes on by {}; `/imp process` moves it.",
        quote(newer, VERSION_MAX),
        quote(&v.incident.process, VERSION_MAX)
    )))
}
