//! `imp slack …`: what has to be made at the vendors before IMP can work with them.

use crate::Failure;
use crate::config::Config;
use clap::Subcommand;
use imp_vendors::slack::manifest::{Way, manifest};
use std::path::{Path, PathBuf};

/// What can be asked about Slack.
#[derive(Debug, Subcommand)]
pub enum Slack {
    /// Prints the app's manifest: paste it under *Create an app from a manifest*
    Manifest {
        /// The configuration: with app_token it is for Socket Mode, else for HTTP at public_url. Where there is none yet,
        /// the manifest is for Socket Mode
        #[arg(long, env = "IMP_CONFIG", default_value = "imp.toml")]
        config: PathBuf,
        /// Requests over HTTP at this address, whatever the configuration says
        #[arg(long)]
        url: Option<String>,
    },
}

/// Carries it out.
///
/// # Errors
/// A configuration with faults; an address that Slack could not reach.
pub fn run(command: Slack, load: impl Fn(&Path) -> Result<Config, Failure>) -> Result<(), Failure> {
    let Slack::Manifest { config, url } = command;
    let config = match config.exists() {
        true => Some(load(&config)?),
        false => None,
    };
    let slack = config.as_ref().and_then(|c| c.slack.as_ref());
    let word = slack.map_or("/imp", |s| s.command.as_str());
    let over_http = slack.filter(|s| s.app_token.is_none());
    let base = match (url, over_http.and(config.as_ref())) {
        (Some(url), _) => Some(url),
        (None, Some(c)) => Some(c.public_url()),
        (None, None) => None,
    };
    let base = base.map(|b| b.trim_end_matches('/').to_owned());
    if let Some(b) = base
        .as_ref()
        .filter(|b| !b.starts_with("https://") && !b.starts_with("http://"))
    {
        return Err(Failure::Wrong(format!("{b:?} is no web address; write https://…")));
    }
    let made = manifest(word, &base.as_deref().map_or(Way::Socket, Way::Http));
    crate::say(&format!("{made:#}"));
    Ok(())
}
