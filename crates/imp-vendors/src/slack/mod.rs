//! Slack: where people talk. Requests come in through `inlet`, `converse` says what they mean, `port` performs orders.

pub mod brief;
pub mod card;
pub mod client;
pub mod converse;
pub mod decision;
pub mod digest;
pub mod forms;
pub mod hints;
pub mod inlet;
pub mod manifest;
pub mod mrkdwn;
mod page;
pub mod people;
pub mod pictures;
pub mod port;
mod process_file;
mod reading;
pub mod reminder;
pub mod scopes;
pub mod socket;
pub mod stale;
mod version;

use crate::secret::Secret;
use serde::Deserialize;

/// The section `[slack]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Base of the Web API, with its slash at the end.
    #[serde(default = "api_url")]
    pub api_url: String,
    /// The bot's token (`xoxb-…`).
    pub bot_token: Secret,
    /// The secret that Slack signs requests over HTTP with.
    #[serde(default)]
    pub signing_secret: Option<Secret>,
    /// The app-level token (`xapp-…`); where it is given, Socket Mode is used.
    #[serde(default)]
    pub app_token: Option<Secret>,
    /// The slash command.
    #[serde(default = "command")]
    pub command: String,
    /// Where incidents are announced: a channel's name or identifier.
    #[serde(default = "announce_channel")]
    pub announce_channel: String,
}

fn api_url() -> String {
    "https://slack.com/api/".to_owned()
}

fn command() -> String {
    "/imp".to_owned()
}

fn announce_channel() -> String {
    "incidents".to_owned()
}
