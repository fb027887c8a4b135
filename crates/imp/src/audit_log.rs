//! `imp audit …`: who did what, and whether anybody changed what stands there.

use crate::config::Config;
use crate::script::print::Column;
use crate::script::{self, Common};
use crate::{Failure, say};
use clap::Subcommand;
use imp_engine::store::apart;
use imp_engine::{Store, audit};
use std::path::Path;

/// What can be asked of the audit log.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Looks at every entry: whether one was changed or taken out. Reads the store itself, while `imp serve` may run
    Verify {
        /// The last entry's hash as it was noted before: says whether that entry is still there
        #[arg(long, value_name = "HASH")]
        expect: Option<String>,
    },
    /// The entries, newest first, of a running `imp serve`
    List {
        /// Only what is about this incident
        #[arg(long, value_name = "REF")]
        about: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
}

const COLUMNS: &[Column] = &[
    ("NO.", "n"),
    ("WHEN", "at"),
    ("WHO", "who"),
    ("DOOR", "door"),
    ("FROM", "from"),
    ("WHAT", "what"),
    ("INCIDENT", "ref"),
];

/// Carries it out.
///
/// # Errors
/// Where the log cannot be read, or something is wrong with it.
pub async fn run(
    command: Command,
    common: Common,
    load: impl Fn(&Path) -> Result<Config, Failure>,
) -> Result<(), Failure> {
    match command {
        Command::Verify { expect } => verify(&load(&common.config)?, expect.as_deref(), common.json),
        Command::List { about, limit } => {
            let api = script::client(&common, |file| load(file))?;
            let all = api.list("/api/v1/audit", &[("ref", about)], limit).await?;
            script::listed(&common, &all, COLUMNS, "Nobody has changed anything yet.");
            Ok(())
        }
    }
}

fn verify(config: &Config, expect: Option<&str>, json: bool) -> Result<(), Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::Failed(e.to_string());
    let mut conn = Store::peek(&config.store.url).map_err(|e| failed(&e))?;
    let (mut verdict, there) = apart(|| {
        let verdict = audit::verify(conn.as_mut())?;
        let there = expect.map(|h| audit::holds(conn.as_mut(), h)).transpose()?;
        Ok::<_, imp_engine::StoreError>((verdict, there))
    })
    .map_err(|e| failed(&e))?;
    if there == Some(false) {
        verdict.faults.push("the entry with the expected hash is not there: the end of the log was cut off, or all of it was written anew".to_owned());
    }
    if json {
        say(&serde_json::to_string(&verdict).unwrap_or_default());
    } else if verdict.faults.is_empty() {
        say(&format!(
            "{} entries, none changed, none missing. The last one's hash is {}",
            verdict.entries, verdict.last
        ));
    }
    match verdict.faults.is_empty() {
        true => Ok(()),
        false => Err(Failure::Failed(format!(
            "the audit log is not as it was written: {}",
            verdict.faults.join("; ")
        ))),
    }
}
