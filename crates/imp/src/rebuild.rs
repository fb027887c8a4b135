//! `imp rebuild`: an empty store gets back what Jira remembers, and a report says what it does not.

use crate::config::Config;
use crate::{Failure, say, serve};
use arc_swap::ArcSwap;
use imp_core::{Catalogue, Directory, Incident, Process};
use imp_engine::rebuild::{self, Ground};
use imp_engine::{Desk, House, Store, SystemClock};
use imp_vendors::http::{Fault, Http};
use imp_vendors::jira::Jira;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// How often a reading is tried before the whole is given up; it can be gone on with later.
const TRIES: u32 = 6;
/// The pause after the first failure; it doubles.
const PAUSE: Duration = Duration::from_millis(500);

/// What became of one incident.
#[derive(Debug, Serialize)]
struct Line {
    #[serde(rename = "ref")]
    reference: String,
    ticket: String,
    /// `journal`, `ticket` (its fields, history and comments), `there` (brought back before), or `lost`.
    from: &'static str,
    status: Option<String>,
    facts: usize,
    notes: Vec<String>,
}

/// The report.
#[derive(Debug, Serialize)]
struct Report {
    incidents: Vec<Line>,
    /// What concerns no single incident.
    notes: Vec<String>,
}

/// Brings everything back.
///
/// # Errors
/// Where there is no Jira, it does not answer, or the store has a journal of its own.
pub async fn run(config: Config, process: Process, json: bool) -> Result<(), Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::Failed(e.to_string());
    let Some(jira) = config.jira.clone() else {
        return Err(Failure::Wrong(
            "there is no [jira] in the configuration to bring anything back from".into(),
        ));
    };
    let http = Http::new().map_err(|e| failed(&e))?;
    let jira = Jira::new(jira, http, &config.public_url());
    let (store, conn) = Store::open(&config.store.url).map_err(|e| failed(&e))?;
    let house = Arc::new(House {
        process: ArcSwap::from_pointee(process),
        versions: Default::default(),
        subscriptions: Default::default(),
        catalogue: ArcSwap::from_pointee(Catalogue::default()),
        directory: ArcSwap::from_pointee(Directory::default()),
        can: serve::capabilities(&config),
        reads_catalogue: false,
        memory: Default::default(),
    });
    let desk = Desk::start(store.clone(), conn, house, Arc::new(SystemClock)).map_err(|e| failed(&e))?;
    if rebuild::begin(&desk).await.map_err(|e| failed(&e))? == Ground::Taken {
        let why = "the store has a journal of its own, and nothing was changed; give store.url an empty place, or move the old file away";
        return Err(Failure::Failed(why.into()));
    }
    patiently(|| jira.warm()).await?;
    let (tickets, notes) = patiently(|| jira.remembered_tickets()).await?;
    let mut report = Report {
        incidents: Vec::new(),
        notes,
    };
    for listed in &tickets {
        let line = one(&desk, &jira, listed).await?;
        if !json {
            say(&words(&line));
        }
        report.incidents.push(line);
    }
    rebuild::end(&desk).await.map_err(|e| failed(&e))?;
    report.notes.push("Incidents that had no ticket yet (alerts that nobody had confirmed) are not in Jira, and are not brought back.".into());
    drop(desk);
    if let Err(e) = store.gather() {
        tracing::warn!(error = %e, "the journal's last part stays in the file beside it until the next start");
    }
    if json {
        say(&serde_json::to_string_pretty(&report).unwrap_or_default());
        return Ok(());
    }
    report.notes.iter().for_each(|n| say(n));
    let count = |from: &str| report.incidents.iter().filter(|l| l.from == from).count();
    say(&format!(
        "{} incidents: {} from their journals, {} from what their tickets tell, {} were there already, {} lost",
        report.incidents.len(),
        count("journal"),
        count("ticket"),
        count("there"),
        count("lost")
    ));
    Ok(())
}

async fn one(desk: &Desk, jira: &Jira, listed: &imp_vendors::jira::Listed) -> Result<Line, Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::Failed(e.to_string());
    let mut line = Line {
        reference: listed.reference.to_string(),
        ticket: listed.key.clone(),
        from: "there",
        status: None,
        facts: 0,
        notes: Vec::new(),
    };
    if rebuild::is_there(desk, listed.reference)
        .await
        .map_err(|e| failed(&e))?
    {
        return Ok(line);
    }
    let follows = |i: Option<&Incident>| desk.house.process_then(i);
    let recalled = match patiently(|| jira.recall(listed, &follows)).await {
        Ok(recalled) => recalled,
        // It was deleted since the list was made.
        Err(Failure::Wrong(why)) => {
            line.from = "lost";
            line.notes.push(why);
            return Ok(line);
        }
        Err(other) => return Err(other),
    };
    line.from = if recalled.whole { "journal" } else { "ticket" };
    line.facts = recalled.facts.len();
    line.notes.clone_from(&recalled.notes);
    match rebuild::bring_back(desk, recalled).await {
        Ok(i) => line.status = Some(i.status),
        Err(e) => {
            line.from = "lost";
            line.notes.push(e.to_string());
        }
    }
    Ok(line)
}

fn words(l: &Line) -> String {
    let how = match l.from {
        "journal" => format!("{} facts, {}", l.facts, l.status.as_deref().unwrap_or_default()),
        "ticket" => format!(
            "{} facts from the ticket, {}",
            l.facts,
            l.status.as_deref().unwrap_or_default()
        ),
        "there" => "is there already".to_owned(),
        _ => "LOST".to_owned(),
    };
    let notes: String = l.notes.iter().map(|n| format!("\n    {n}")).collect();
    format!("{} {}: {how}{notes}", l.reference, l.ticket)
}

/// Asks Jira, again where it fails. What it refuses is said to be wrong; what it cannot do now ends the whole.
pub async fn patiently<T, F: Future<Output = Result<T, Fault>>>(ask: impl Fn() -> F) -> Result<T, Failure> {
    let mut pause = PAUSE;
    let mut tries = 0;
    loop {
        tries += 1;
        let wait = match ask().await {
            Ok(done) => return Ok(done),
            Err(Fault::Refused { why, .. }) => return Err(Failure::Wrong(why)),
            Err(Fault::Wait { after_ms }) => {
                tries -= 1;
                Duration::from_millis(after_ms.unsigned_abs())
            }
            Err(fault) if tries >= TRIES => {
                let why = format!("{}; run it again, and it goes on where it stopped", fault.why());
                return Err(Failure::Failed(why));
            }
            Err(Fault::Later { after_ms, .. }) => after_ms.map_or(pause, |ms| Duration::from_millis(ms.unsigned_abs())),
        };
        tokio::time::sleep(wait).await;
        pause *= 2;
    }
}
