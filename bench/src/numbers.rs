//! Numbers over a generated history: how fast it comes in, how fast pages are, and beside them the same question asked of
//! plain SQL over the same rows in PostgreSQL (`IMP_TEST_POSTGRES`) and in DuckDB (Python's package, where it is there).

use crate::stage::{percentile, rss_mib};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Incidents where `IMP_BENCH_ROWS` says nothing else.
const ROWS: u64 = 100_000;
/// How often each page is asked for.
const ASKED: usize = 25;
/// How long a start or an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Five years from 2021-01-01T00:00:00Z.
const BEGIN: i64 = 1_609_459_200;
const LONG: u64 = 5 * 365 * 86_400;

/// What was measured.
pub struct Measured {
    /// Incidents.
    pub rows: u64,
    /// Incidents brought in a second.
    pub import_per_s: f64,
    /// Bytes of the store for each.
    pub bytes: f64,
    /// Seconds of the first page after a start.
    pub cold: f64,
    /// The 99th percentile of all pages and filters, in seconds.
    pub page: f64,
    /// The median of the numbers by team over all time, in seconds.
    pub by_team: f64,
    /// Memory after all of it, in MiB.
    pub rss: f64,
    /// What plain SQL takes for the same numbers by team: its name and the median in seconds.
    pub peers: Vec<(&'static str, f64)>,
}

/// Chance that comes out the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % n).unwrap_or(0)
    }
}

/// A length that is short for most and long for a few.
fn length(dice: &mut Dice, usual: u64) -> i64 {
    let times = 1 + dice.below(8) * dice.below(8) / 8;
    dice.below(usual) * times + 5
}

/// How many incidents the history has.
pub fn rows() -> u64 {
    let said = std::env::var("IMP_BENCH_ROWS").ok();
    said.and_then(|n| n.parse().ok()).unwrap_or(ROWS)
}

/// A generated history as CSV.
pub fn history(rows: u64) -> String {
    let mut dice = Dice(7);
    let mut out = String::from(
        "key,title,team,service,severity,status,started_at,detected_at,acknowledged_at,mitigated_at,resolved_at\n",
    );
    for n in 0..rows {
        let mut at = BEGIN + dice.below(LONG);
        let mut times = String::new();
        for usual in [1, 120, 200, 2400, 1200] {
            at += length(&mut dice, usual);
            let _ = write!(times, ",{}", imp_core::At(at * 1000).rfc3339());
        }
        let service = dice.below(1000);
        let severity = [1, 2, 2, 3, 3, 3, 4, 4][usize::try_from(dice.below(8)).unwrap_or(0)];
        let _ = writeln!(
            out,
            "K{n},Fault {n},team-{},service-{service},SEV{severity},closed{times}",
            service % 200
        );
    }
    out
}

/// A child that ends with the run.
pub struct Serving(pub Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text(e: impl std::fmt::Display) -> String {
    e.to_string()
}

/// Measures all of it.
pub async fn measure(binary: &str) -> Result<Measured, String> {
    let rows = rows();
    let folder = tempfile::tempdir().map_err(text)?;
    let (file, config, store) = (
        folder.path().join("history.csv"),
        folder.path().join("imp.toml"),
        folder.path().join("imp.db"),
    );
    std::fs::write(&file, history(rows)).map_err(text)?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .map_err(text)?
        .port();
    let settings = format!(
        "[server]\nlisten = \"127.0.0.1:{port}\"\n[store]\nurl = \"sqlite://{}\"\n",
        store.display()
    );
    std::fs::write(&config, settings).map_err(text)?;
    let import_per_s = import(binary, &file, &config, rows)?;
    let bytes = std::fs::metadata(&store).map_err(text)?.len() as f64 / rows as f64;
    let child = Command::new(binary)
        .args(["serve", "--config"])
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(text)?;
    let pid = child.id();
    let _serving = Serving(child);
    let base = format!("http://127.0.0.1:{port}");
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .map_err(text)?;
    until_ready(&http, &base).await?;
    let cold = ask(&http, &format!("{base}/insights?from=2021-01-01&to=2025-12-31")).await?;
    let mut times = Vec::new();
    for page in [
        "insights?from=2025-10-01&to=2025-12-31",
        "insights?from=2025-01-01&to=2025-12-31",
        "insights?from=2021-01-01&to=2025-12-31",
        "insights?from=2021-01-01&to=2025-12-31&team=team-7",
        "insights?from=2021-01-01&to=2025-12-31&severity=SEV1",
        "insights/incidents?from=2021-01-01&to=2025-12-31&weekday=2&hour=5",
    ] {
        for _ in 0..ASKED {
            times.push(ask(&http, &format!("{base}/{page}")).await?);
        }
    }
    let mut by_team = Vec::new();
    for _ in 0..ASKED {
        by_team.push(ask(&http, &format!("{base}/api/v1/insights?by=team")).await?);
    }
    Ok(Measured {
        rows,
        import_per_s,
        bytes,
        cold,
        page: percentile(&mut times, 0.99),
        by_team: percentile(&mut by_team, 0.5),
        rss: rss_mib(pid)?,
        peers: peers(&file),
    })
}

/// Brings a file in; rows a second.
pub fn import(binary: &str, file: &Path, config: &Path, rows: u64) -> Result<f64, String> {
    let begin = Instant::now();
    let said = Command::new(binary)
        .arg("import")
        .arg(file)
        .arg("--config")
        .arg(config)
        .output()
        .map_err(text)?;
    match said.status.success() {
        true => Ok(rows as f64 / begin.elapsed().as_secs_f64()),
        false => Err(String::from_utf8_lossy(&said.stderr).into_owned()),
    }
}

/// Waits until it serves.
pub async fn until_ready(http: &reqwest::Client, base: &str) -> Result<(), String> {
    let begin = Instant::now();
    loop {
        match http.get(format!("{base}/readyz")).send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(_) | Err(_) if begin.elapsed() < PATIENCE => tokio::time::sleep(Duration::from_millis(5)).await,
            Ok(_) | Err(_) => return Err("it does not get ready".to_owned()),
        }
    }
}

async fn ask(http: &reqwest::Client, url: &str) -> Result<f64, String> {
    let begin = Instant::now();
    let answer = http.get(url).send().await.map_err(text)?;
    let status = answer.status();
    let _ = answer.bytes().await.map_err(text)?;
    match status.is_success() {
        true => Ok(begin.elapsed().as_secs_f64()),
        false => Err(format!("{url}: {status}")),
    }
}

/// The same rows and the same question in plain SQL, asked by the Python of the tests' peers where there is one.
fn peers(file: &Path) -> Vec<(&'static str, f64)> {
    let mut out = Vec::new();
    let python = std::env::var("IMP_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    for name in ["PostgreSQL", "DuckDB"] {
        let said = Command::new(&python)
            .args(["-c", include_str!("numbers_peer.py"), name])
            .arg(file)
            .stderr(Stdio::null())
            .output();
        let seconds = said.ok().filter(|s| s.status.success());
        let seconds = seconds.and_then(|s| String::from_utf8_lossy(&s.stdout).trim().parse().ok());
        out.extend(seconds.map(|s| (name, s)));
    }
    out
}
