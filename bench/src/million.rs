//! A journal of a million facts: how long the start takes with it, and whether a new incident costs more than in an
//! empty store.

use crate::stage::{Stage, percentile, rss_mib};
use arc_swap::ArcSwap;
use imp_core::{Actor, At, Catalogue, Command, Directory, Envelope, Process, Ref, Role};
use imp_engine::{Clock, House, Store, SystemClock, past};
use std::path::Path;
use std::time::Instant;

/// Incidents of the past, and facts that each is made of, about.
const INCIDENTS: u64 = 50_000;
/// Updates of each; with opening, confirmation, moves and the end it has twenty facts.
const UPDATES: u64 = 13;
/// Between two incidents of the past.
const APART_MS: i64 = 240_000;
/// Incidents declared one after the other to take the time.
const DECLARED: usize = 300;

/// What was measured of an empty store and of one with the past.
pub struct Measured {
    /// Seconds until ready, with the past: the first time, when every incident is measured, and then.
    pub ready: [f64; 2],
    /// Median seconds of declaring an incident: in the empty store, and in the full one.
    pub declare: [f64; 2],
    /// Memory at the end, in MiB: the same two.
    pub rss: [f64; 2],
}

fn wishes(now: At) -> Vec<Envelope> {
    let by = Actor::Token { name: "past".into() };
    let begin = now.0 - i64::try_from(INCIDENTS).unwrap_or(0) * APART_MS;
    let mut out = Vec::new();
    for n in 1..=INCIDENTS {
        let opened = begin + i64::try_from(n - 1).unwrap_or(0) * APART_MS;
        let mut at = opened;
        let mut wish = |about: Option<Ref>, command: Command| {
            at += 1000;
            out.push(Envelope {
                id: String::new(),
                by: by.clone(),
                role: Role::Admin,
                at: At(at),
                about,
                command,
            });
        };
        wish(
            None,
            Command::Declare {
                title: format!("Incident {n} of the past"),
                summary: String::new(),
                severity: None,
                service: None,
                team: None,
                private: false,
                members: vec![],
                impact: Default::default(),
            },
        );
        for u in 0..UPDATES {
            let text = format!("Update {u}: we look into it and tell more soon.");
            wish(Some(Ref(n)), Command::Post { text });
        }
        for to in ["identified", "monitoring", "resolved", "review", "closed"] {
            let fields = ["resolution", "cause", "learned"].map(|f| (f.to_owned(), "known".to_owned()));
            wish(
                Some(Ref(n)),
                Command::Move {
                    to: to.into(),
                    fields: fields.into(),
                },
            );
        }
    }
    out
}

/// Writes the past into a store; how many facts it has.
pub fn past(url: &str) -> Result<u64, String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let (_store, mut conn) = Store::open(url).map_err(|e| text(&e))?;
    let house = House {
        process: ArcSwap::from_pointee(Process::built_in()),
        versions: Default::default(),
        subscriptions: Default::default(),
        catalogue: ArcSwap::from_pointee(Catalogue::default()),
        directory: ArcSwap::from_pointee(Directory::default()),
        can: [].into(),
        reads_catalogue: false,
        memory: Default::default(),
    };
    let now = SystemClock.now();
    past::live_through(conn.as_mut(), &house, &wishes(now), now).map_err(|e| text(&e))?;
    let rows = conn.rows("select count(*) from journal", &[]).map_err(|e| text(&e))?;
    Ok(rows.first().map_or(0, |r| r.int(0).unsigned_abs()))
}

/// Starts IMP over an empty folder and over one with the past, and declares incidents in turns, so that whatever else the
/// machine does meets both alike.
pub async fn measure(binary: &str, empty: &Path, full: &Path) -> Result<Measured, String> {
    let first = Stage::over(binary, false, full).await?.ready;
    let stages = [
        Stage::over(binary, false, empty).await?,
        Stage::over(binary, false, full).await?,
    ];
    let mut took = [Vec::new(), Vec::new()];
    for stage in &stages {
        stage.settle().await?;
    }
    for n in 0..DECLARED {
        for (stage, took) in stages.iter().zip(&mut took) {
            let began = Instant::now();
            stage.declare(&format!("Now {n}"), "payments-api").await?;
            took.push(began.elapsed().as_secs_f64());
        }
    }
    let [in_empty, in_full] = &mut took;
    Ok(Measured {
        ready: [first, stages[1].ready],
        declare: [percentile(in_empty, 0.5), percentile(in_full, 0.5)],
        rss: [rss_mib(stages[0].pid)?, rss_mib(stages[1].pid)?],
    })
}
