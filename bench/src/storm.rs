//! A storm of alerts: how many a second are kept on disk, beside Alertmanager, which keeps them in memory; and whether
//! people at their Slack notice.

use crate::stage::{Stage, percentile};
use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Posts of a storm, and the groups that they belong to.
pub const POSTS: usize = 5000;
/// See above.
pub const GROUPS: usize = 200;
/// Alerts of a batch.
pub const BATCH: usize = 64;
/// Connections that send.
const SENDERS: usize = 32;

/// Where alerts go, and how they are written there.
pub struct Target {
    url: String,
    token: Option<String>,
    alertmanager: bool,
    http: reqwest::Client,
}

impl Target {
    /// IMP's own door.
    pub fn imp(stage: &Stage) -> Target {
        Target {
            url: stage.address("/webhooks/alerts/generic"),
            token: Some(stage.practice.org.keys.alerts_token.clone()),
            alertmanager: false,
            http: reqwest::Client::new(),
        }
    }

    fn body(&self, n: usize, size: usize) -> Value {
        let one = |k: usize| {
            let group = (n * size + k) % GROUPS;
            let labels = json!({"alertname": format!("Storm{group}"), "service": "payments-api", "severity": "critical", "instance": format!("node-{group}")});
            if self.alertmanager {
                json!({"labels": labels, "annotations": {"summary": "it storms"}, "generatorURL": "http://prometheus.example/graph"})
            } else {
                json!({"key": format!("storm-{group}"), "title": "it storms", "status": "firing", "severity": "critical", "service": "payments-api", "labels": labels, "url": "http://prometheus.example/graph"})
            }
        };
        (0..size).map(one).collect()
    }

    /// Sends so many posts of so many alerts each; posts a second.
    pub async fn storm(&self, posts: usize, size: usize) -> Result<f64, String> {
        let bodies: Vec<String> = (0..posts.min(GROUPS)).map(|n| self.body(n, size).to_string()).collect();
        let began = Instant::now();
        let senders = (0..SENDERS).map(|s| {
            let bodies = &bodies;
            async move {
                for n in (s..posts).step_by(SENDERS) {
                    let mut call = self.http.post(&self.url).header("content-type", "application/json");
                    if let Some(token) = &self.token {
                        call = call.bearer_auth(token);
                    }
                    let answer = call.body(bodies[n % bodies.len()].clone()).send().await;
                    let answer = answer.map_err(|e| e.to_string())?;
                    if !answer.status().is_success() {
                        return Err(format!(
                            "{}: {}",
                            answer.status(),
                            answer.text().await.unwrap_or_default()
                        ));
                    }
                    answer.bytes().await.map_err(|e| e.to_string())?;
                }
                Ok::<(), String>(())
            }
        });
        for done in futures_util::future::join_all(senders).await {
            done?;
        }
        Ok(posts as f64 / began.elapsed().as_secs_f64())
    }
}

/// A real Alertmanager.
pub struct Alertmanager {
    child: Child,
    /// Where its alerts go.
    pub target: Target,
    _folder: tempfile::TempDir,
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Alertmanager {
    /// Starts one; none where it is not installed.
    pub async fn start(binary: &str) -> Result<Alertmanager, String> {
        let text = |e: &dyn std::fmt::Display| e.to_string();
        let folder = tempfile::tempdir().map_err(|e| text(&e))?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .map_err(|e| text(&e))?
            .port();
        let config = folder.path().join("alertmanager.yml");
        std::fs::write(&config, "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n").map_err(|e| text(&e))?;
        let child = Command::new(binary)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .arg("--log.level=error")
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|e| format!("{binary} does not start: {e}"))?;
        let target = Target {
            url: format!("http://127.0.0.1:{port}/api/v2/alerts"),
            token: None,
            alertmanager: true,
            http: reqwest::Client::new(),
        };
        let began = Instant::now();
        while target.http.get(&target.url).send().await.is_err() {
            if began.elapsed() > Duration::from_secs(20) {
                return Err("Alertmanager did not become ready".into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Alertmanager {
            child,
            target,
            _folder: folder,
        })
    }
}

/// Commands typed in Slack while a storm goes on: their p99 in seconds.
pub async fn people_during(stage: &Stage, storm: impl Future<Output = Result<f64, String>>) -> Result<f64, String> {
    let reference = stage.declare("In the storm", "payments-api").await?;
    tokio::pin!(storm);
    let mut took = Vec::new();
    for n in 0.. {
        let words = format!("update in the storm {n}");
        tokio::select! {
            done = &mut storm => {
                done?;
                break;
            }
            one = stage.command(&reference, &words) => took.push(one?),
        }
    }
    Ok(percentile(&mut took, 0.99))
}
