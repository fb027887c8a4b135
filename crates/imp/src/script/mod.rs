//! The REST API from the command line: what all of its commands share, and `imp deliveries …`.

pub mod client;
pub mod incident;
pub mod print;

use crate::config::Config;
use crate::{Failure, say};
use clap::{Args, Subcommand};
use client::Client;
use print::{Column, table};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Entries asked for at a time.
const PAGE: usize = 100;

/// What every command of a script takes.
#[derive(Debug, Args)]
pub struct Common {
    /// The configuration: it says where `imp serve` listens, and holds its tokens
    #[arg(long, env = "IMP_CONFIG", default_value = "imp.toml", global = true)]
    pub config: PathBuf,
    /// Where `imp serve` is reached, if not where the configuration says
    #[arg(long, env = "IMP_API_URL", global = true)]
    pub url: Option<String>,
    /// The token to use; left out, the configuration's token with the highest role
    #[arg(long, env = "IMP_API_TOKEN", hide_env_values = true, global = true)]
    token: Option<String>,
    /// For programs: what the API answered, as JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// What IMP owes the vendors.
#[derive(Debug, Subcommand)]
pub enum Deliveries {
    /// What is owed to whom, since when, and why not yet
    List {
        /// `pending`, `failed` or `done`
        #[arg(long, default_value = "pending")]
        state: String,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Tries one again now
    Retry {
        /// Its number, as `list` shows it
        id: u64,
    },
    /// Does without one that failed
    Skip {
        /// Its number, as `list` shows it
        id: u64,
        /// Why it is not needed
        #[arg(long)]
        why: String,
    },
}

/// A client for the installation that these words mean.
///
/// # Errors
/// Where the configuration is wrong.
pub fn client(common: &Common, load: impl Fn(&PathBuf) -> Result<Config, Failure>) -> Result<Client, Failure> {
    match (&common.url, &common.token) {
        // With both there is nothing to look up, so that a script needs no configuration.
        (Some(url), Some(token)) => Client::new(url.clone(), Some(token.clone())),
        (url, token) => {
            let config = load(&common.config)?;
            let url = url.clone().unwrap_or_else(|| client::address(&config));
            Client::new(url, token.clone().or_else(|| client::best_token(&config)))
        }
    }
}

/// Carries out `imp deliveries …`.
pub async fn deliveries(
    command: Deliveries,
    common: Common,
    load: impl Fn(&PathBuf) -> Result<Config, Failure>,
) -> Result<(), Failure> {
    let api = client(&common, load)?;
    match command {
        Deliveries::List { state, limit } => {
            let nothing = match state.as_str() {
                "failed" => "Nothing has failed.",
                "done" => "Nothing was delivered yet.",
                _ => "Nothing is owed.",
            };
            let all = api.list("/api/v1/deliveries", &[("state", Some(state))], limit).await?;
            listed(&common, &all, print::DELIVERIES, nothing);
            Ok(())
        }
        Deliveries::Retry { id } => {
            let path = format!("/api/v1/deliveries/{id}/retry");
            api.post(&path, Map::new(), None).await?;
            told(
                &common,
                &json!({"id": id}),
                &format!("Delivery {id} is tried again now."),
            )
        }
        Deliveries::Skip { id, why } => {
            let path = format!("/api/v1/deliveries/{id}/skip");
            api.post(&path, Map::from_iter([("why".to_owned(), why.into())]), None)
                .await?;
            told(&common, &json!({"id": id}), &format!("Delivery {id} is skipped."))
        }
    }
}

/// One thing: as JSON, or in words.
fn told(common: &Common, value: &Value, words: &str) -> Result<(), Failure> {
    say(&if common.json {
        value.to_string()
    } else {
        words.to_owned()
    });
    Ok(())
}

/// Several things: as JSON, or as a table.
pub fn listed(common: &Common, all: &[Value], columns: &[Column], nothing: &str) {
    match (common.json, all.is_empty()) {
        (true, _) => say(&Value::Array(all.to_vec()).to_string()),
        (false, true) => say(nothing),
        (false, false) => say(&table(all, columns)),
    }
}
