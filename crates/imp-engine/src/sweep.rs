//! The sweep: mirrors the catalogue and the people in, again and again, so that decisions need not ask a vendor.

use crate::desk::{Desk, keep_sheet};
use imp_core::port::{CatalogueSource, DirectorySource};
use std::sync::Arc;
use std::time::Duration;

/// How often the catalogue is read: on-calls change by the hour.
const CATALOGUE_EVERY: Duration = Duration::from_secs(60);
/// How often the people are read.
const DIRECTORY_EVERY: Duration = Duration::from_secs(600);
/// How soon a reading that failed is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Keeps the catalogue fresh, for ever. A reading that fails leaves the last one in force.
pub async fn catalogue(desk: Desk, source: Arc<dyn CatalogueSource>) {
    loop {
        let rest = match source.read().await {
            Ok(mut catalogue) => {
                let now = desk.clock.now();
                catalogue.as_of = Some(now);
                let catalogue = Arc::new(catalogue);
                desk.house.catalogue.store(catalogue.clone());
                let kept = desk.write(move |conn| keep_sheet(conn, "catalogue", now, &*catalogue)).await;
                if let Err(e) = kept {
                    tracing::warn!(error = %e, "the catalogue could not be kept for the next start");
                }
                CATALOGUE_EVERY
            }
            Err(why) => {
                tracing::warn!(why, "the catalogue cannot be read; the last one stays in force");
                AGAIN
            }
        };
        tokio::time::sleep(rest).await;
    }
}

/// Keeps the directory of people fresh, for ever.
pub async fn directory(desk: Desk, source: Arc<dyn DirectorySource>) {
    loop {
        let rest = match source.read().await {
            Ok(directory) => {
                let now = desk.clock.now();
                let directory = Arc::new(directory);
                desk.house.directory.store(directory.clone());
                if let Err(e) = desk.write(move |conn| keep_sheet(conn, "directory", now, &*directory)).await {
                    tracing::warn!(error = %e, "the directory could not be kept for the next start");
                }
                DIRECTORY_EVERY
            }
            Err(why) => {
                tracing::warn!(why, "the people cannot be read; those known stay");
                AGAIN
            }
        };
        tokio::time::sleep(rest).await;
    }
}
