//! The organisation's process, taken over while IMP runs whenever its file changes. A broken one changes nothing.

use crate::config::Config;
use imp_engine::Desk;
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
    let mut known = stamp(&path).await;
    let mut look = tokio::time::interval(EVERY);
    loop {
        look.tick().await;
        let now = stamp(&path).await;
        if now == known {
            continue;
        }
        known = now;
        // Reading is quick and rare; the file may be half written, and then the next look finds it changed again.
        match config.process(beside.as_deref()) {
            Ok(process) => {
                let (name, version) = (process.name.clone(), process.version.clone());
                match desk.put_in_force(process).await {
                    Ok(()) => tracing::info!(name, version, "the process has changed and holds now"),
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
            }
        }
    }
}

/// When the file was changed last, and its length; none while it is not there.
async fn stamp(path: &std::path::Path) -> Option<(SystemTime, u64)> {
    let meta = tokio::fs::metadata(path).await.ok()?;
    Some((meta.modified().ok()?, meta.len()))
}
