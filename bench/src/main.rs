//! Measures a release build against the practice workspace in one run, and prints what it reached beside what it must.

mod backlog;
mod console;
mod law;
mod million;
mod numbers;
mod shape;
mod stage;
mod storm;

use imp_practice::faults::{Fault, Rule, Vendor};
use stage::{Stage, percentile, rss_mib};
use std::time::{Duration, Instant};

/// Incidents set up one after the other, with vendors that take their usual time.
const SET_UPS: usize = 12;
/// Incidents whose effects wait while Slack is being acknowledged; each owes more than five.
const WAITING: usize = 100;
/// Clicks at once, and how often.
const CLICKS: usize = 50;
const ROUNDS: usize = 6;
/// Incidents after which memory is read.
const MANY: usize = 1000;
/// Between two set-ups: Slack takes one message a second in a channel, and every announcement goes to the same one.
const APART: Duration = Duration::from_millis(1200);
/// How many of them are declared at the same time.
const AT_ONCE: usize = 16;

#[tokio::main]
async fn main() -> Result<(), String> {
    let binary = std::env::args()
        .nth(1)
        .ok_or("bench PATH-OF-IMP [PATH-OF-ALERTMANAGER [PART]]")?;
    say("what                                                      reached        must");
    let alertmanager = std::env::args().nth(2);
    let only = std::env::args().nth(3);
    let wanted = |part: &str| only.as_deref().is_none_or(|o| o == part);
    if wanted("start") {
        start_and_rest(&binary).await?;
    }
    if wanted("set-up") {
        set_up(&binary).await?;
    }
    if wanted("acknowledge") {
        acknowledge(&binary).await?;
    }
    if wanted("alerts") {
        alerts(&binary, alertmanager.as_deref().filter(|a| !a.is_empty())).await?;
    }
    if wanted("grow") {
        grow(&binary).await?;
    }
    if wanted("remember") {
        remember(&binary).await?;
    }
    if wanted("backlog") {
        backlog(&binary).await?;
    }
    if wanted("law") {
        for (what, reached, must) in law::figures() {
            row(what, &reached, must);
        }
    }
    if wanted("shape") {
        let (ours, plain) = shape::born(&binary)?;
        let reached = format!("{:.2} x", ours / plain);
        row("a service of 500 files, to cp -r and git", &reached, "1.50 x");
        row(
            "  in milliseconds",
            &format!("{:.0} {:.0}", ours * 1000.0, plain * 1000.0),
            "",
        );
    }
    if wanted("numbers") {
        count(&binary).await?;
    }
    if wanted("console") {
        look(&binary).await?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

fn row(what: &str, reached: &str, must: &str) {
    say(&format!("{what:<56}  {reached:>12}   {must}"));
}

async fn start_and_rest(binary: &str) -> Result<(), String> {
    let mut ready = Vec::new();
    for _ in 0..5 {
        let stage = Stage::start(binary, false).await?;
        ready.push(stage.ready);
        if ready.len() == 5 {
            stage.settle().await?;
            row(
                "ready after start (median of 5)",
                &format!("{:.0} ms", percentile(&mut ready, 0.5) * 1000.0),
                "300 ms",
            );
            row(
                "resident when idle",
                &format!("{:.1} MiB", rss_mib(stage.pid)?),
                "40 MiB",
            );
        }
    }
    Ok(())
}

async fn set_up(binary: &str) -> Result<(), String> {
    let stage = Stage::start(binary, true).await?;
    stage.settle().await?;
    let (mut guided, mut all) = (Vec::new(), Vec::new());
    for n in 0..=SET_UPS {
        tokio::time::sleep(APART).await;
        let seen = stage.practice.faults().calls(0).last().map_or(0, |c| c.seq);
        let began = stage.now_ms();
        stage.declare(&format!("Timed incident {n}"), "payments-api").await?;
        stage.settle().await?;
        let calls = stage.practice.faults().calls(seen);
        let ours = calls
            .iter()
            .filter(|c| c.vendor != Vendor::Opslevel && !matches!(c.op.as_str(), "users.list" | "auth.test"));
        let ends: Vec<(f64, &str)> = ours
            .map(|c| ((c.at_ms as f64 + c.ms as f64 - began) / 1000.0, c.op.as_str()))
            .collect();
        let first = ends
            .iter()
            .filter(|(_, op)| *op == "chat.postMessage")
            .map(|(t, _)| *t)
            .fold(f64::INFINITY, f64::min);
        let last = ends.iter().map(|(t, _)| *t).fold(0.0, f64::max);
        // The first warms up connections and what is known of Jira.
        if n > 0 {
            guided.push(first);
            all.push(last);
        }
    }
    let secs = |v: Vendor| v.usual_ms() as f64 / 1000.0;
    let two_calls = 2.0 * secs(Vendor::Slack);
    // The meeting, then its link on the ticket; or the ticket, then its status.
    let critical = (secs(Vendor::Zoom) + secs(Vendor::Jira))
        .max(2.0 * secs(Vendor::Jira))
        .max(3.0 * secs(Vendor::Slack));
    let (guided, all) = (percentile(&mut guided, 0.5), percentile(&mut all, 0.5));
    row(
        "declared → guided in the channel (two Slack calls)",
        &format!("{:.2} x", guided / two_calls),
        "1.15 x",
    );
    row(
        "declared → all set up (critical path)",
        &format!("{:.2} x", all / critical),
        "1.30 x",
    );
    row("  in seconds: guided, all", &format!("{guided:.3} {all:.3}"), "");
    Ok(())
}

async fn acknowledge(binary: &str) -> Result<(), String> {
    let stage = Stage::start(binary, false).await?;
    for round in 0..2 {
        let waiting = if round == 0 {
            0
        } else {
            for v in [Vendor::Slack, Vendor::Jira, Vendor::Zoom] {
                stage.practice.faults().set(Rule::new(v, Fault::Hang));
            }
            for n in 0..WAITING {
                stage.declare(&format!("Waits {n}"), "payments-api").await?;
            }
            stage.owed().await?
        };
        let p99 = async |what: &str| {
            let mut took = Vec::new();
            for r in 0..ROUNDS {
                let reference = stage.declare(&format!("Clicked {round}.{r}"), "payments-api").await?;
                if round == 0 {
                    stage.has_channel(&reference).await?;
                }
                let words: Vec<String> = (0..CLICKS).map(|n| format!("{what} round {round}.{r}.{n}")).collect();
                let clicks = words.iter().map(|w| stage.command(&reference, w));
                for t in futures_util::future::join_all(clicks).await {
                    took.push(t?);
                }
            }
            Ok::<f64, String>(percentile(&mut took, 0.99) * 1000.0)
        };
        let (bare, kept) = (p99("help").await?, p99("update").await?);
        row(
            &format!("acknowledging {CLICKS} at once, {waiting} deliveries waiting (p99)"),
            &format!("{kept:.1} ms"),
            "20 ms",
        );
        row(
            "  the same when there is nothing to keep (a call for help)",
            &format!("{bare:.1} ms"),
            "",
        );
    }
    Ok(())
}

async fn alerts(binary: &str, alertmanager: Option<&str>) -> Result<(), String> {
    let stage = Stage::start(binary, false).await?;
    stage.settle().await?;
    let ours = storm::Target::imp(&stage);
    let first = ours.storm(storm::GROUPS, 1).await?;
    row("alerts of new groups kept, a second", &format!("{first:.0}"), "");
    let single = ours.storm(storm::POSTS, 1).await?;
    let batches = ours.storm(storm::POSTS / 5, storm::BATCH).await?;
    row("posts of one alert, a second", &format!("{single:.0}"), "");
    let size = storm::BATCH as f64;
    row(
        "alerts in batches of 64, a second",
        &format!("{:.0}", batches * size),
        "",
    );
    match alertmanager {
        None => say("  Alertmanager is not here to compare with: name its binary as second word"),
        Some(its) => {
            let its = storm::Alertmanager::start(its).await?;
            let theirs = its.target.storm(storm::POSTS, 1).await?;
            row(
                "  Alertmanager, posts of one; ours to theirs",
                &format!("{theirs:.0} {:.2} x", single / theirs),
                "0.50 x",
            );
            let theirs = its.target.storm(storm::POSTS / 5, storm::BATCH).await?;
            row(
                "  Alertmanager, alerts in batches; ours to theirs",
                &format!("{:.0} {:.2} x", theirs * size, batches / theirs),
                "1.00 x",
            );
        }
    }
    let p99 = storm::people_during(&stage, ours.storm(storm::POSTS, 1)).await?;
    row(
        "acknowledging Slack during a storm of 5000 posts (p99)",
        &format!("{:.1} ms", p99 * 1000.0),
        "100 ms",
    );
    Ok(())
}

async fn grow(binary: &str) -> Result<(), String> {
    let stage = Stage::start(binary, false).await?;
    stage.settle().await?;
    let began = Instant::now();
    let all: Vec<usize> = (0..MANY).collect();
    for some in all.chunks(AT_ONCE) {
        let titles: Vec<String> = some.iter().map(|n| format!("Incident {n}")).collect();
        let wishes = titles.iter().map(|title| stage.declare(title, "payments-api"));
        for done in futures_util::future::join_all(wishes).await {
            done?;
        }
    }
    let per_second = MANY as f64 / began.elapsed().as_secs_f64();
    // Setting all of them up is paced by the vendors' limits; what is asked is what IMP holds meanwhile.
    tokio::time::sleep(Duration::from_secs(3)).await;
    row(
        &format!("resident after {MANY} incidents"),
        &format!("{:.1} MiB", rss_mib(stage.pid)?),
        "80 MiB",
    );
    row("  declared a second while it lasted", &format!("{per_second:.0}"), "");
    Ok(())
}

async fn remember(binary: &str) -> Result<(), String> {
    let folder = || tempfile::tempdir().map_err(|e| e.to_string());
    let (empty, full) = (folder()?, folder()?);
    let facts = million::past(&format!("sqlite://{}/imp.db", full.path().display()))?;
    let m = million::measure(binary, empty.path(), full.path()).await?;
    row(
        &format!("ready after start with {facts} facts"),
        &format!("{:.0} ms", m.ready[1] * 1000.0),
        "2000 ms",
    );
    row(
        "  the same when every incident is measured anew",
        &format!("{:.0} ms", m.ready[0] * 1000.0),
        "",
    );
    let [in_empty, in_full] = m.declare;
    row(
        "declaring with them, to an empty store (median)",
        &format!("{:.2} x", in_full / in_empty),
        "1.20 x",
    );
    row(
        "  resident: empty, with them",
        &format!("{:.1} {:.1} MiB", m.rss[0], m.rss[1]),
        "",
    );
    Ok(())
}

async fn backlog(binary: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let m = backlog::measure(binary, folder.path()).await?;
    let waiting = m.waiting;
    row(
        &format!("ready after start with {waiting} deliveries waiting"),
        &format!("{:.0} ms", m.ready * 1000.0),
        "2000 ms",
    );
    row(
        "  answering people meanwhile, vendors down (p99)",
        &format!("{:.1} ms", m.answered * 1000.0),
        "100 ms",
    );
    row("  resident", &format!("{:.1} MiB", m.rss), "120 MiB");
    row(
        "  done a second once vendors answer at once",
        &format!("{:.0}", m.drained_per_s),
        "",
    );
    let order = if m.in_order { "kept" } else { "BROKEN" };
    row("  the urgent first", order, "kept");
    Ok(())
}

async fn count(binary: &str) -> Result<(), String> {
    let m = numbers::measure(binary).await?;
    let of = m.rows;
    row(
        &format!("history brought in, of {of}"),
        &format!("{:.0} a second", m.import_per_s),
        "20,000",
    );
    row(
        "the store, for each incident",
        &format!("{:.0} bytes", m.bytes),
        "stated",
    );
    row(
        "the first page of numbers after a start",
        &format!("{:.0} ms", m.cold * 1000.0),
        "1,000 ms",
    );
    row(
        "any page of numbers, p99",
        &format!("{:.0} ms", m.page * 1000.0),
        "100 ms",
    );
    row(
        "numbers by team over all time, median",
        &format!("{:.0} ms", m.by_team * 1000.0),
        "100 ms",
    );
    row("resident after it", &format!("{:.0} MiB", m.rss), "stated");
    for (name, seconds) in &m.peers {
        let ratio = m.by_team / seconds;
        row(
            &format!("the same numbers to plain SQL in {name}"),
            &format!("{ratio:.2} x"),
            "1 x",
        );
    }
    Ok(())
}

async fn look(binary: &str) -> Result<(), String> {
    let m = console::measure(binary).await?;
    row(
        &format!("first byte of the slowest page, {} (p99)", m.page.0),
        &format!("{:.1} ms", m.page.1 * 1000.0),
        "30 ms",
    );
    row(
        "searching as one types (p99)",
        &format!("{:.1} ms", m.search * 1000.0),
        "30 ms",
    );
    row(
        &format!("the heaviest page with all it loads, {}", m.weight.0),
        &format!("{:.0} KiB", m.weight.1),
        "150 KiB",
    );
    row(
        "resident: before, with 1,000 live pages",
        &format!("{:.0} {:.0} MiB", m.rss[0], m.rss[1]),
        "100 MiB",
    );
    row(
        "until all 1,000 have heard of a change, at worst",
        &format!("{:.0} ms", m.heard * 1000.0),
        "200 ms",
    );
    row(
        "calls of the API a second, 50 programs, one in ten writes",
        &format!("{:.0}", m.calls),
        "3,000",
    );
    Ok(())
}
