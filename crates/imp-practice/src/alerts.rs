//! Alerts as Prometheus' Alertmanager sends them: a person raises one, and it fires until the person resolves it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::clock;
use crate::world::{World, hold};

/// How long the application may take to say that it has the alert.
const ANSWER_MOST: Duration = Duration::from_secs(10);
/// Alerts that fire at once, at most; more than anybody raises by hand.
const FIRING_MOST: usize = 500;

/// What is wrong with a service.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// The service's alias.
    pub service: String,
    /// `HighErrorRate`.
    pub name: String,
    /// `critical`, `warning` or `info`.
    pub severity: String,
    /// One line.
    pub summary: String,
    /// More lines.
    #[serde(default)]
    pub description: String,
    /// Labels besides those that every alert has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// An alert that fires.
#[derive(Debug, Clone, Serialize)]
pub struct Firing {
    /// Tells it from others, and is the same when it is raised again.
    pub fingerprint: String,
    /// What is wrong.
    pub alert: Alert,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
}

/// Alerts that a click raises.
pub const PRESETS: [(&str, &str, &str, &str, &str); 6] = [
    (
        "payments-api",
        "HighErrorRate",
        "critical",
        "5xx above 12 % for 5 minutes",
        "Card payments fail with 502 from the acquirer.",
    ),
    (
        "checkout",
        "LatencyP99",
        "critical",
        "99th percentile above 4 s",
        "Buyers wait on the last step; a third of them leave.",
    ),
    (
        "search-api",
        "SearchTimeouts",
        "warning",
        "Timeouts above 3 % in two zones",
        "Two replicas of the index do not answer.",
    ),
    (
        "login",
        "OtpDeliveryDrop",
        "critical",
        "One-time codes delivered below 60 %",
        "One of four SMS carriers rejects everything.",
    ),
    (
        "chat",
        "MessageBacklog",
        "warning",
        "120 000 messages wait to be delivered",
        "Consumers lag behind since the last deploy.",
    ),
    (
        "ads-ranking",
        "ModelStale",
        "info",
        "Ranking model older than 6 hours",
        "The nightly training did not finish.",
    ),
];

/// The alerts that fire.
#[derive(Debug)]
pub struct Alerts {
    world: Arc<World>,
    firing: Mutex<Vec<Firing>>,
}

impl Alerts {
    /// None fires.
    pub fn new(world: Arc<World>) -> Alerts {
        Alerts {
            world,
            firing: Mutex::default(),
        }
    }

    /// The alerts that fire, oldest first.
    pub fn firing(&self) -> Vec<Firing> {
        hold(&self.firing).clone()
    }

    /// Raises an alert, or sends one again that fires already; gives the application's answer.
    ///
    /// # Errors
    /// When the service is not known, or the application cannot be reached.
    pub async fn raise(&self, alert: Alert) -> Result<u16, String> {
        if self.world.service(&alert.service).is_none() {
            return Err(format!("There is no service {}.", alert.service));
        }
        if alert.name.trim().is_empty() {
            return Err("Give the alert a name.".to_owned());
        }
        let seed = format!("{}:{}", alert.service, alert.name);
        let fingerprint = hex::encode(&Sha256::digest(seed)[..8]);
        let firing = {
            let mut all = hold(&self.firing);
            let full = all.len() >= FIRING_MOST;
            match all.iter_mut().find(|f| f.fingerprint == fingerprint) {
                Some(same) => {
                    same.alert = alert;
                    same.clone()
                }
                None if full => return Err("Too many alerts fire: resolve some first.".to_owned()),
                None => {
                    let fresh = Firing {
                        fingerprint,
                        alert,
                        since_ms: clock::now_ms(),
                    };
                    all.push(fresh.clone());
                    fresh
                }
            }
        };
        self.send(&firing, None).await
    }

    /// Resolves an alert; gives the application's answer.
    ///
    /// # Errors
    /// When it does not fire, or the application cannot be reached.
    pub async fn resolve(&self, fingerprint: &str) -> Result<u16, String> {
        let found = {
            let mut all = hold(&self.firing);
            all.iter()
                .position(|f| f.fingerprint == fingerprint)
                .map(|place| all.remove(place))
        };
        let found = found.ok_or("That alert does not fire any more.")?;
        self.send(&found, Some(clock::now_ms())).await
    }

    async fn send(&self, firing: &Firing, ended_ms: Option<i64>) -> Result<u16, String> {
        let url = self
            .world
            .app
            .url()
            .ok_or("It is not known where the application listens: say so at the top of the control panel.")?;
        let request = self.world.app.http.post(format!("{url}/webhooks/alerts/alertmanager"));
        let request = request
            .bearer_auth(&self.world.org.keys.alerts_token)
            .timeout(ANSWER_MOST);
        let answer = request.json(&self.message(firing, ended_ms)).send().await;
        let status = answer.as_ref().map_or(0, |a| a.status().as_u16());
        self.world.sent("alertmanager", &firing.alert.name, status);
        match answer {
            Ok(answer) if answer.status().is_success() => Ok(status),
            Ok(answer) => Err(format!(
                "The application answered {status}: {}",
                answer.text().await.unwrap_or_default()
            )),
            Err(_) => Err(format!("The application does not answer at {url}.")),
        }
    }

    /// The webhook, version 4.
    pub fn message(&self, firing: &Firing, ended_ms: Option<i64>) -> Value {
        let alert = &firing.alert;
        let base = &self.world.base;
        let team = self
            .world
            .service(&alert.service)
            .and_then(|s| self.world.team(&s.team));
        let mut labels = json!({
            "alertname": alert.name, "service": alert.service, "severity": alert.severity,
            "country": team.map(|t| t.country.as_str()).unwrap_or_default(), "team": team.map(|t| t.alias.as_str()).unwrap_or_default(),
        });
        for (name, value) in &alert.labels {
            labels[name] = json!(value);
        }
        let annotations = json!({
            "summary": alert.summary, "description": alert.description,
            "runbook_url": format!("{base}/opslevel/runbooks/{}", alert.service),
            "dashboard": format!("{base}/opslevel/dashboards/{}", alert.service),
        });
        let status = if ended_ms.is_some() { "resolved" } else { "firing" };
        json!({
            "version": "4",
            "groupKey": format!("{{}}:{{alertname=\"{}\", service=\"{}\"}}", alert.name, alert.service),
            "truncatedAlerts": 0, "status": status, "receiver": "imp",
            "groupLabels": {"alertname": alert.name, "service": alert.service},
            "commonLabels": labels, "commonAnnotations": annotations, "externalURL": base,
            "alerts": [{
                "status": status, "labels": labels, "annotations": annotations, "startsAt": time(firing.since_ms),
                "endsAt": ended_ms.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), time),
                "generatorURL": format!("{base}/opslevel/dashboards/{}", alert.service), "fingerprint": firing.fingerprint,
            }],
        })
    }
}

fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}
