//! The sweep: mirrors the catalogue and the people in, again and again, so that decisions need not ask a vendor.

use crate::desk::{Desk, keep_sheet};
use crate::read::{self, Filter};
use crate::store::Conn;
use imp_core::effect::Timer;
use imp_core::port::{CatalogueSource, DirectorySource};
use imp_core::{Actor, Command, Envelope, Role};
use std::sync::Arc;
use std::time::Duration;

/// How often the catalogue is read: on-calls change by the hour.
const CATALOGUE_EVERY: Duration = Duration::from_secs(60);
/// How often the people are read.
const DIRECTORY_EVERY: Duration = Duration::from_secs(600);
/// How often old wishes are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3600);
/// How long a wish's identifier is remembered: Slack and Jira send again within hours, scripts within days.
const REMEMBERED_MS: i64 = 14 * 86_400_000;
/// Incidents looked up when the first catalogue comes; their timers look up any others.
const ROUTED_AT_ONCE: usize = 1000;
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
                let first = desk.house.catalogue.swap(catalogue.clone()).as_of.is_none();
                if first {
                    route_what_waited(&desk).await;
                }
                let kept = desk
                    .write(move |conn| keep_sheet(conn, "catalogue", now, &*catalogue))
                    .await;
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

/// The first catalogue is there: whatever began without one is looked up now.
async fn route_what_waited(desk: &Desk) {
    let filter = Filter {
        categories: vec!["triage".into(), "active".into()],
        ..Filter::default()
    };
    let open = desk
        .store
        .read(move |c| read::incidents(c, &filter, None, ROUTED_AT_ONCE))
        .await
        .unwrap_or_default();
    for i in open
        .iter()
        .filter(|i| i.questions.is_empty() || i.service.as_ref().is_some_and(|s| !s.known))
    {
        let envelope = Envelope {
            id: String::new(),
            by: Actor::Imp,
            role: Role::Admin,
            at: desk.clock.now(),
            about: Some(i.reference),
            command: Command::Nudge { timer: Timer::Route },
        };
        if let Err(e) = desk.submit(envelope).await {
            tracing::warn!(reference = %i.reference, error = %e, "could not be looked up in the catalogue yet");
        }
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
                if let Err(e) = desk
                    .write(move |conn| keep_sheet(conn, "directory", now, &*directory))
                    .await
                {
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

/// Forgets the identifiers of wishes that nobody will send again, for ever.
pub async fn forget_old_wishes(desk: Desk) {
    loop {
        let before = desk.clock.now().plus(-REMEMBERED_MS);
        let forget = move |conn: &mut dyn Conn| {
            conn.run("delete from envelope where at < ?1", &[before.0.into()])
                .map(|_| ())
        };
        if let Err(e) = desk.write(forget).await {
            tracing::warn!(error = %e, "old wishes could not be forgotten");
        }
        tokio::time::sleep(FORGET_EVERY).await;
    }
}
