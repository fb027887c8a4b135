//! The real Prometheus and the real Alertmanager send what they send.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::imp::free_port;
use crate::stage::{Stage, until};

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Killing fails where it has ended already, and then all is as it should be.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(variable: &str, folder: &Path, words: &[String]) -> Running {
    let program = std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} does not name a program: run `cargo xtask test`, which finds or fetches it")
    });
    let log = File::create(folder.join(format!("{variable}.log"))).expect("a log");
    let child = Command::new(&program)
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn();
    Running(child.unwrap_or_else(|why| panic!("{program} cannot be started ({why})")))
}

/// A rule that fires, or one that never does.
fn rule(fires: bool) -> String {
    let expr = if fires { "vector(1)" } else { "vector(1) > 2" };
    format!(
        "groups:\n- name: test\n  interval: 1s\n  rules:\n  - alert: HighErrorRate\n    expr: {expr}\n    labels: {{service: payments-api, severity: critical}}\n    \
         annotations: {{summary: '5xx above 12 %', runbook_url: 'https://runbooks.example/payments'}}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_of_prometheus_becomes_a_question_and_its_end_is_said() {
    let s = Stage::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).expect("it is written");
    let (prometheus, alertmanager) = (free_port(), free_port());
    write("rules.yml", rule(true));
    write(
        "prometheus.yml",
        format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yml]\n\
             alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]}}]}}\n"
        ),
    );
    write(
        "alertmanager.yml",
        format!(
            "route: {{receiver: imp, group_by: [alertname, service], group_wait: 0s, group_interval: 1s, repeat_interval: 1m}}\n\
             receivers:\n- name: imp\n  webhook_configs:\n  - url: {}/webhooks/alerts/alertmanager\n    send_resolved: true\n    \
             http_config: {{authorization: {{credentials: {}}}}}\n",
            s.base, s.practice.org.keys.alerts_token
        ),
    );
    let _alertmanager = start(
        "IMP_TEST_ALERTMANAGER",
        folder.path(),
        &[
            "--config.file=alertmanager.yml".into(),
            "--storage.path=alerts".into(),
            format!("--web.listen-address=127.0.0.1:{alertmanager}"),
            "--cluster.listen-address=".into(),
        ],
    );
    let _prometheus = start(
        "IMP_TEST_PROMETHEUS",
        folder.path(),
        &[
            "--config.file=prometheus.yml".into(),
            "--storage.tsdb.path=series".into(),
            "--web.enable-lifecycle".into(),
            "--rules.alert.resend-delay=1s".into(),
            format!("--web.listen-address=127.0.0.1:{prometheus}"),
        ],
    );
    let said = || {
        ["IMP_TEST_ALERTMANAGER", "IMP_TEST_PROMETHEUS"]
            .map(|v| std::fs::read_to_string(folder.path().join(format!("{v}.log"))).unwrap_or_default())
            .join("\n")
    };
    let arrives = until("the alert arrives", async || s.incidents().await.first().cloned());
    let incident = tokio::time::timeout(std::time::Duration::from_secs(40), arrives)
        .await
        .unwrap_or_else(|_| panic!("no alert arrives:\n{}", said()));
    assert_eq!(
        (&incident["status"], &incident["service"], &incident["severity"]),
        (&"triage".into(), &"payments-api".into(), &"SEV2".into())
    );
    let tiago = s.slack("tiago.fernandes");
    let question = tiago.sees("IMP", "5xx above 12 %").await;
    assert!(question.words.contains("Where to look"), "{}", question.words);

    write("rules.yml", rule(false));
    let reload = s
        .http
        .post(format!("http://127.0.0.1:{prometheus}/-/reload"))
        .send()
        .await
        .expect("an answer");
    assert!(reload.status().is_success());
    tiago.sees("IMP", "The alert has resolved by itself").await;
    assert_eq!(s.incidents().await.len(), 1);
    s.finish().await;
}
