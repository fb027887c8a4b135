//! The organisation's process, taken over while IMP runs whenever its file changes. A broken one changes nothing, and
//! whoever is responsible is told.

use crate::config::Config;
use imp_core::Who;
use imp_engine::{Desk, SubmitError};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// How often the file is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Watches the file for ever. `beside` is the folder of the configuration.
pub async fn watch(config: Config, beside: Option<PathBuf>, desk: Desk) {
    let Some(path) = &config.organisation.process else {
        return;
    };
    let path = beside.as_ref().map_or_else(|| path.clone(), |dir| dir.join(path));
    let owners = config.process_owners();
    let mut known = stamp(&path).await;
    // It was whole when IMP started, else IMP would not have.
    let mut owed = Some(Found::Whole);
    let mut look = tokio::time::interval(EVERY);
    loop {
        look.tick().await;
        let now = stamp(&path).await;
        if now == known {
            // It rests: what is there now is no file that somebody is still writing.
            if let Some(found) = &owed {
                match found.told(&desk, &owners).await {
                    Ok(()) => owed = None,
                    Err(e) => tracing::warn!(error = %e, "what became of the process's file could not be told yet"),
                }
            }
            continue;
        }
        known = now;
        match config.process(beside.as_deref()) {
            Ok(process) => {
                let (name, version) = (process.name.clone(), process.version.clone());
                match desk.put_in_force(process).await {
                    Ok(()) => {
                        tracing::info!(name, version, "the process has changed and holds now");
                        owed = Some(Found::Whole);
                    }
                    // It is tried again at the next look.
                    Err(e) => {
                        known = None;
                        tracing::warn!(error = %e, "the process has changed and could not be kept yet");
                    }
                }
            }
            Err(faults) => {
                for fault in &faults.0 {
                    tracing::warn!("the process has a fault, and the one of before goes on: {fault}");
                }
                let text = tokio::fs::read_to_string(&path).await.unwrap_or_default();
                owed = Some(Found::Broken(text, faults.0));
            }
        }
    }
}

/// What the last look found.
enum Found {
    Whole,
    /// What it says, and its faults.
    Broken(String, Vec<String>),
}

impl Found {
    async fn told(&self, desk: &Desk, owners: &[Who]) -> Result<(), SubmitError> {
        match self {
            Found::Whole => desk.process_file_is_whole(owners).await,
            Found::Broken(text, faults) => desk.process_file_broke(text, faults, owners).await,
        }
    }
}

/// When the file was changed last, and its length; none while it is not there.
async fn stamp(path: &std::path::Path) -> Option<(SystemTime, u64)> {
    let meta = tokio::fs::metadata(path).await.ok()?;
    Some((meta.modified().ok()?, meta.len()))
}
