//! The console and the API over 100,000 incidents: how soon a page begins, how soon a search answers, what open pages cost,
//! how soon they hear of a change, and how many calls a second fifty programs get answered.

use crate::numbers::{Serving, history, import, rows, until_ready};
use crate::stage::{percentile, rss_mib};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncRead};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Incidents that are open meanwhile.
const OPEN: usize = 40;
/// How often each page is asked for.
const ASKED: usize = 60;
/// Pages that are open at once.
const LIVE: usize = 1000;
/// Changes that all of them hear of.
const NEWS: usize = 10;
/// Programs that call at once, and for how long.
const CLIENTS: usize = 50;
const CALLING: Duration = Duration::from_secs(10);

/// What was measured.
pub struct Measured {
    /// The page that begins latest, and its 99th percentile in seconds.
    pub page: (String, f64),
    /// The 99th percentile of a search, letter by letter, in seconds.
    pub search: f64,
    /// The heaviest page with what it loads, in KiB, not packed.
    pub weight: (String, f64),
    /// Memory in MiB: before the live pages, and with them.
    pub rss: [f64; 2],
    /// Seconds until all of them have heard of a change, at worst.
    pub heard: f64,
    /// Calls answered a second.
    pub calls: f64,
}

fn text(e: impl std::fmt::Display) -> String {
    e.to_string()
}

/// One connection that is kept.
struct Line {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

impl Line {
    async fn open(at: &str) -> Result<Line, String> {
        let stream = TcpStream::connect(at).await.map_err(text)?;
        stream.set_nodelay(true).map_err(text)?;
        let (reader, writer) = stream.into_split();
        Ok(Line {
            reader: BufReader::new(reader),
            writer,
        })
    }

    async fn send(&mut self, method: &str, path: &str, body: &str) -> Result<(), String> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.writer.write_all(request.as_bytes()).await.map_err(text)
    }

    /// The status and the length of the body, once the head is there.
    async fn head(&mut self) -> Result<(u16, usize), String> {
        let (mut status, mut length, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            self.reader.read_line(&mut line).await.map_err(text)?;
            let l = line.trim_end();
            if let Some(rest) = l.strip_prefix("HTTP/1.1 ") {
                status = rest.get(..3).and_then(|s| s.parse().ok()).unwrap_or(0);
            } else if let Some((name, value)) = l.split_once(':') {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().map_err(text)?;
                }
            } else if l.is_empty() {
                return Ok((status, length));
            }
        }
    }

    /// Asks, and has the whole answer: seconds until it began, status, body.
    async fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<(f64, u16, Vec<u8>), String> {
        let began = Instant::now();
        self.send(method, path, body).await?;
        let (status, length) = self.head().await?;
        let first = began.elapsed().as_secs_f64();
        let mut whole = vec![0; length];
        self.reader.read_exact(&mut whole).await.map_err(text)?;
        match status {
            200..400 => Ok((first, status, whole)),
            _ => Err(format!("{method} {path}: {status} {}", String::from_utf8_lossy(&whole))),
        }
    }
}

/// Measures all of it.
pub async fn measure(binary: &str) -> Result<Measured, String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let (serving, at) = serve(binary, folder.path()).await?;
    let pid = serving.0.id();
    let mut line = Line::open(&at).await?;
    let mut last = String::new();
    for n in 0..OPEN {
        let body = format!("{{\"title\":\"Payments are slow {n}\",\"severity\":\"SEV2\"}}");
        let said = line.ask("POST", "/api/v1/incidents", &body).await?.2;
        let said: serde_json::Value = serde_json::from_slice(&said).map_err(text)?;
        last = said["ref"].as_str().unwrap_or_default().to_owned();
        for t in ["Look at the pool", "Ask the bank"] {
            let path = format!("/api/v1/incidents/{last}/tasks");
            line.ask("POST", &path, &format!("{{\"text\":\"{t}\"}}")).await?;
        }
    }
    let (page, weight) = pages(&mut line, &last).await?;
    let search = search(&mut line).await?;
    let calls = calls(&at).await?;
    let before = rss_mib(pid)?;
    let (heard, with) = live(&at, &last, pid).await?;
    Ok(Measured {
        page,
        search,
        weight,
        rss: [before, with],
        heard,
        calls,
    })
}

async fn serve(binary: &str, folder: &Path) -> Result<(Serving, String), String> {
    let (file, config) = (folder.join("history.csv"), folder.join("imp.toml"));
    std::fs::write(&file, history(rows())).map_err(text)?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .map_err(text)?
        .port();
    let at = format!("127.0.0.1:{port}");
    let settings = format!(
        "[server]\nlisten = \"{at}\"\nrequests_per_minute = 100000000\n[store]\nurl = \"sqlite://{}\"\n",
        folder.join("imp.db").display()
    );
    std::fs::write(&config, settings).map_err(text)?;
    import(binary, &file, &config, rows())?;
    let child = Command::new(binary)
        .args(["serve", "--config"])
        .arg(&config)
        .env("RUST_LOG", "error")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(text)?;
    let serving = Serving(child);
    let http = reqwest::Client::builder().no_proxy().build().map_err(text)?;
    until_ready(&http, &format!("http://{at}")).await?;
    Ok((serving, at))
}

async fn pages(line: &mut Line, reference: &str) -> Result<((String, f64), (String, f64)), String> {
    let all = [
        "/".to_owned(),
        "/incidents".to_owned(),
        "/incidents?severity=SEV1&team=team-7".to_owned(),
        "/incidents?status=investigating".to_owned(),
        "/incidents?before=50000".to_owned(),
        format!("/incidents/{reference}"),
        "/incidents/IMP-777".to_owned(),
        "/reviews".to_owned(),
        "/services".to_owned(),
        "/teams".to_owned(),
        "/insights".to_owned(),
        "/process".to_owned(),
        "/deliveries".to_owned(),
        "/audit".to_owned(),
        "/docs".to_owned(),
        "/practice".to_owned(),
        "/shaper".to_owned(),
        "/settings".to_owned(),
        "/declare".to_owned(),
    ];
    let mut loaded = 0;
    for asset in ["console.css", "console.js", "icon.svg", "insights.css"] {
        loaded += line.ask("GET", &format!("/assets/{asset}"), "").await?.2.len();
    }
    let (mut latest, mut heaviest) = ((String::new(), 0.0), (String::new(), 0.0));
    for path in all {
        let (mut took, mut size) = (Vec::new(), 0);
        line.ask("GET", &path, "").await?;
        for _ in 0..ASKED {
            let (first, _, body) = line.ask("GET", &path, "").await?;
            took.push(first);
            size = body.len();
        }
        let (p99, kib) = (percentile(&mut took, 0.99), (size + loaded) as f64 / 1024.0);
        if std::env::var_os("IMP_BENCH_PAGES").is_some() {
            crate::say(&format!("  {path:<40} {:>7.1} ms {kib:>7.0} KiB", p99 * 1000.0));
        }
        if p99 > latest.1 {
            latest = (path.clone(), p99);
        }
        if kib > heaviest.1 {
            heaviest = (path, kib);
        }
    }
    Ok((latest, heaviest))
}

/// Words as they are typed: some that many titles have, some that none has.
async fn search(line: &mut Line) -> Result<f64, String> {
    let mut took = Vec::new();
    for words in ["fault 9999", "payments are slow", "nothing is called so", "IMP-77777"] {
        for n in 1..=words.len() {
            let path = format!("/incidents?q={}", words[..n].replace(' ', "+"));
            took.push(line.ask("GET", &path, "").await?.0);
        }
    }
    Ok(percentile(&mut took, 0.99))
}

/// Each of the fifty does what programs do: looks at one, at a list, at a story; now and then it writes.
async fn calls(at: &str) -> Result<f64, String> {
    let (began, past) = (Instant::now(), rows());
    let mut all = Vec::new();
    for c in 0..CLIENTS {
        let at = at.to_owned();
        all.push(tokio::spawn(async move {
            let mut line = Line::open(&at).await?;
            let own = line
                .ask("POST", "/api/v1/incidents", &format!("{{\"title\":\"Of client {c}\"}}"))
                .await?
                .2;
            let own: serde_json::Value = serde_json::from_slice(&own).map_err(text)?;
            let own = own["ref"].as_str().unwrap_or_default().to_owned();
            let mut n = 0_u64;
            while began.elapsed() < CALLING {
                let one = format!("/api/v1/incidents/IMP-{}", 1 + (n * 7919 + c as u64 * 104_729) % past);
                let (method, path, body) = match n % 20 {
                    0..=9 => ("GET", one, String::new()),
                    10..=12 => ("GET", "/api/v1/incidents?limit=10".to_owned(), String::new()),
                    13..=14 => (
                        "GET",
                        format!("/api/v1/incidents/{own}/timeline?limit=20"),
                        String::new(),
                    ),
                    15 => ("GET", "/api/v1/deliveries".to_owned(), String::new()),
                    16 => ("GET", "/api/v1/me".to_owned(), String::new()),
                    17 => (
                        "GET",
                        "/api/v1/incidents?status=investigating&limit=5".to_owned(),
                        String::new(),
                    ),
                    18 => (
                        "POST",
                        format!("/api/v1/incidents/{own}/notes"),
                        format!("{{\"text\":\"Note {n}\"}}"),
                    ),
                    _ => (
                        "PATCH",
                        format!("/api/v1/incidents/{own}"),
                        format!("{{\"summary\":\"Seen {n}\"}}"),
                    ),
                };
                line.ask(method, &path, &body).await?;
                n += 1;
            }
            Ok::<u64, String>(n)
        }));
    }
    let mut sum = 0;
    for one in all {
        sum += one.await.map_err(text)??;
    }
    Ok(sum as f64 / began.elapsed().as_secs_f64())
}

/// Many open pages; how soon all have heard of a change at worst, and what memory holds then.
async fn live(at: &str, reference: &str, pid: u32) -> Result<(f64, f64), String> {
    let (told, mut hears) = tokio::sync::mpsc::channel(LIVE);
    let mut open = Vec::new();
    for _ in 0..LIVE {
        let mut line = Line::open(at).await?;
        line.send("GET", "/live", "").await?;
        let (status, _) = line.head().await?;
        if status != 200 {
            return Err(format!("/live: {status}"));
        }
        let (told, wanted) = (told.clone(), format!("data: {reference}"));
        open.push(tokio::spawn(async move {
            let Line { mut reader, writer } = line;
            // The connection stays open as long as its writer does.
            let _open = writer;
            while heard(&mut reader, &wanted).await {
                if told.send(Instant::now()).await.is_err() {
                    return;
                }
            }
        }));
    }
    let (mut line, mut worst) = (Line::open(at).await?, 0.0_f64);
    for n in 0..NEWS {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        let path = format!("/api/v1/incidents/{reference}/notes");
        line.ask("POST", &path, &format!("{{\"text\":\"News {n}\"}}")).await?;
        let mut last = began;
        for _ in 0..LIVE {
            last = hears.recv().await.ok_or("the pages went away")?;
        }
        worst = worst.max((last - began).as_secs_f64());
    }
    let with = rss_mib(pid)?;
    open.iter().for_each(tokio::task::JoinHandle::abort);
    Ok((worst, with))
}

/// Waits for a line; false where the stream has ended.
async fn heard(reader: &mut BufReader<impl AsyncRead + Unpin>, wanted: &str) -> bool {
    let mut line = String::new();
    loop {
        line.clear();
        match reader.read_line(&mut line).await {
            Ok(n) if n > 0 => {
                if line.trim_end() == wanted {
                    return true;
                }
            }
            Ok(_) | Err(_) => return false,
        }
    }
}
