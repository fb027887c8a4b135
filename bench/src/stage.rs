//! A served `imp` beside a practice workspace, and the few things that are done to it.

use imp_practice::faults::Rule;
use imp_practice::org::Org;
use imp_practice::{Options, Practice};
use imp_vendors::secret::Secret;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How often to look whether something has come about.
const LOOK: Duration = Duration::from_millis(2);
/// How long anything may take before the run is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is measured.
pub struct Stage {
    /// The vendors.
    pub practice: Practice,
    /// The process.
    pub pid: u32,
    /// Seconds from its start until it was ready.
    pub ready: f64,
    url: String,
    http: reqwest::Client,
    child: Child,
    _folder: Option<tempfile::TempDir>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Stage {
    /// Starts both, with an empty store.
    pub async fn start(binary: &str, latency: bool) -> Result<Stage, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let mut stage = Stage::over(binary, latency, folder.path()).await?;
        stage._folder = Some(folder);
        Ok(stage)
    }

    /// Starts both, with the store `imp.db` in a folder.
    pub async fn over(binary: &str, latency: bool, folder: &Path) -> Result<Stage, String> {
        Stage::begin(binary, latency, folder, vec![]).await
    }

    /// The same while vendors behave like this, from the beginning on.
    pub async fn among(binary: &str, folder: &Path, faults: Vec<Rule>) -> Result<Stage, String> {
        Stage::begin(binary, false, folder, faults).await
    }

    async fn begin(binary: &str, latency: bool, folder: &Path, faults: Vec<Rule>) -> Result<Stage, String> {
        let text = |e: &dyn std::fmt::Display| e.to_string();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .map_err(|e| text(&e))?
            .port();
        let listen = format!("127.0.0.1:{port}");
        let options = Options {
            app_url: Some(format!("http://{listen}")),
            latency,
            limits: false,
        };
        let practice = Practice::start(([127, 0, 0, 1], 0).into(), Org::built_in(), options)
            .await
            .map_err(|e| text(&e))?;
        faults.into_iter().for_each(|rule| practice.faults().set(rule));
        let config = format!(
            "{}\n[store]\nurl = \"sqlite://{}/imp.db\"\n",
            practice.config_toml(&listen),
            folder.display()
        );
        let path = folder.join("imp.toml");
        std::fs::write(&path, config).map_err(|e| text(&e))?;
        let began = Instant::now();
        let child = Command::new(binary)
            .args(["serve", "--config"])
            .arg(&path)
            .env("RUST_LOG", "error")
            .stderr(Stdio::null())
            .spawn();
        let child = child.map_err(|e| format!("{binary} does not start: {e}"))?;
        let mut stage = Stage {
            practice,
            pid: child.id(),
            ready: 0.0,
            url: format!("http://{listen}"),
            http: reqwest::Client::new(),
            child,
            _folder: None,
        };
        stage
            .until("it is ready", async |s: &Stage| {
                s.http
                    .get(format!("{}/readyz", s.url))
                    .send()
                    .await
                    .is_ok_and(|r| r.status().is_success())
            })
            .await?;
        stage.ready = began.elapsed().as_secs_f64();
        Ok(stage)
    }

    async fn until(&self, what: &str, is_so: impl AsyncFn(&Stage) -> bool) -> Result<(), String> {
        let began = Instant::now();
        while !is_so(self).await {
            if began.elapsed() > PATIENCE {
                return Err(format!("waited {PATIENCE:?} until {what}"));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Milliseconds since 1970, by the clock of the practice workspace's ledger.
    pub fn now_ms(&self) -> f64 {
        imp_practice::clock::now_ms() as f64
    }

    /// The whole address of one of its paths.
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Declares an incident; its reference.
    pub async fn declare(&self, title: &str, service: &str) -> Result<String, String> {
        let body = json!({"title": title, "severity": "SEV2", "service": service});
        let answer = self
            .http
            .post(format!("{}/api/v1/incidents", self.url))
            .json(&body)
            .send()
            .await
            .map_err(|e| e.to_string())?;
        let body: Value = answer.json().await.map_err(|e| e.to_string())?;
        body["ref"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| format!("not declared: {body}"))
    }

    /// How much is owed (at most a page of it is counted).
    pub async fn owed(&self) -> Result<usize, String> {
        let mut cursor = String::new();
        let mut n = 0;
        loop {
            let url = format!("{}/api/v1/deliveries?state=pending&limit=200&cursor={cursor}", self.url);
            let page: Value = self
                .http
                .get(url)
                .send()
                .await
                .map_err(|e| e.to_string())?
                .json()
                .await
                .map_err(|e| e.to_string())?;
            n += page["items"].as_array().map_or(0, Vec::len);
            match page["next"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => return Ok(n),
            }
        }
    }

    /// Waits until nothing is owed and the catalogue is known.
    pub async fn settle(&self) -> Result<(), String> {
        self.until("nothing is owed", async |s: &Stage| {
            let services = s.http.get(format!("{}/api/v1/services", s.url)).send().await;
            let known = match services {
                Ok(r) => r
                    .json::<Value>()
                    .await
                    .is_ok_and(|v| v["items"].as_array().is_some_and(|a| !a.is_empty())),
                Err(_) => false,
            };
            known && s.owed().await == Ok(0)
        })
        .await
    }

    /// Waits until an incident has its channel.
    pub async fn has_channel(&self, reference: &str) -> Result<(), String> {
        self.until("there is a channel", async |s: &Stage| {
            let url = format!("{}/api/v1/incidents/{reference}", s.url);
            match s.http.get(url).send().await {
                Ok(r) => r
                    .json::<Value>()
                    .await
                    .is_ok_and(|v| v["links"]["slack"]["channel_id"].is_string()),
                Err(_) => false,
            }
        })
        .await
    }

    /// Types a command as somebody in Slack; seconds until it was acknowledged.
    pub async fn command(&self, reference: &str, words: &str) -> Result<f64, String> {
        let body = format!(
            "user_id=U000000001&channel_id=C000000001&command=%2Fimp&text={reference}+{}&trigger_id={}",
            words.replace(' ', "+"),
            words.replace(' ', ".")
        );
        let stamp = (self.now_ms() / 1000.0) as i64;
        let secret = Secret::new(self.practice.org.keys.slack_signing_secret.as_str());
        let signature = secret.hmac(&[format!("v0:{stamp}:").as_bytes(), body.as_bytes()]);
        let began = Instant::now();
        let answer = self
            .http
            .post(format!("{}/slack/commands", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-slack-request-timestamp", stamp.to_string())
            .header("x-slack-signature", format!("v0={signature}"))
            .body(body)
            .send()
            .await
            .map_err(|e| e.to_string())?;
        let took = began.elapsed().as_secs_f64();
        let (status, said) = (answer.status(), answer.text().await.map_err(|e| e.to_string())?);
        let expected = if words.starts_with("help") {
            "ephemeral"
        } else {
            "has your update"
        };
        if status.is_success() && said.contains(expected) {
            Ok(took)
        } else {
            Err(format!("{status}: {said}"))
        }
    }
}

/// Memory that a process holds.
pub fn rss_mib(pid: u32) -> Result<f64, String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).map_err(|e| e.to_string())?;
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS in /proc")?;
    let kib: f64 = line
        .trim()
        .trim_end_matches(" kB")
        .trim()
        .parse()
        .map_err(|_| "VmRSS is no number".to_owned())?;
    Ok(kib / 1024.0)
}

/// The value below which this share of the values lies.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values
        .get(((last as f64) * share).round() as usize)
        .copied()
        .unwrap_or(f64::NAN)
}
