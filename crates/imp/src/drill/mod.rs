//! `imp drill`: training. A scripted incident is played in the practice workspace, where people answer it with the real
//! tool; colleagues speak, findings come when they are asked for, a coach helps who is stuck, and at the end there is a
//! debrief. Nothing of it touches a real vendor.

mod judge;
pub mod scenario;

use crate::Failure;
use crate::script::client::Client;
use clap::Subcommand;
use imp_core::metric::EXERCISE;
use imp_core::moment::Span;
use imp_core::{At, words};
use imp_engine::{Clock, SystemClock};
use judge::Done;
use reqwest::Method;
use scenario::{Alert, Scenario};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// How often it is looked what people have done.
const EVERY: Duration = Duration::from_millis(500);
/// How long one call to the practice workspace may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What can be done with drills.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists the drills that come with IMP
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Plays a drill against a running `imp demo`, until its incident is over; Ctrl-C ends it with the debrief
    Run {
        /// The drill's name, or a file that ends in .toml
        drill: String,
        /// Where IMP listens
        #[arg(long, default_value = "http://127.0.0.1:7070")]
        url: String,
        /// Where the practice workspace is; the next port of IMP's where it is left out
        #[arg(long)]
        practice: Option<String>,
        /// The debrief as JSON
        #[arg(long)]
        json: bool,
        /// Times this much faster: for trying a drill out
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..=1000), hide = true)]
        speed: i64,
    },
}

/// Carries it out.
///
/// # Errors
/// There is no such drill; nothing runs there; it is no practice workspace.
pub async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::List { json } => {
            list(json);
            Ok(())
        }
        Command::Run {
            drill,
            url,
            practice,
            json,
            speed,
        } => {
            let scenario = scenario::find(&drill).map_err(Failure::Wrong)?;
            let practice = match practice {
                Some(p) => p,
                None => {
                    beside(&url).ok_or_else(|| Failure::Wrong(format!("{url}: write it as http://127.0.0.1:7070")))?
                }
            };
            let done = play(&scenario, url, practice, speed).await?;
            let mut debrief = judge::debrief(&scenario, &done);
            debrief["next"] = json!(judge::next(&in_order(), &drill, &debrief));
            say(&match json {
                true => debrief.to_string(),
                false => format!("\n{}", judge::words(&debrief)),
            });
            Ok(())
        }
    }
}

fn say(text: &str) {
    crate::say(text.trim_end());
}

#[expect(clippy::print_stderr, reason = "what happens on the way is no data")]
fn tell(text: &str) {
    eprintln!("{text}");
}

fn list(as_json: bool) {
    if as_json {
        let all: Vec<Value> = scenario::all()
            .map(|(name, s)| json!({"name": name, "title": s.title, "about": s.about, "level": s.level, "minutes": s.minutes}))
            .collect();
        return say(&json!({"items": all, "next": null}).to_string());
    }
    for (name, s) in scenario::all() {
        say(&format!(
            "{name:<16} level {}, {} minutes  {}: {}",
            s.level, s.minutes, s.title, s.about
        ));
    }
}

/// The drills, the easiest first.
pub fn in_order() -> Vec<(&'static str, Scenario)> {
    let mut all: Vec<_> = scenario::all().collect();
    all.sort_by_key(|(_, s)| (s.level, s.minutes));
    all
}

/// The practice workspace of a demo: the next port.
fn beside(url: &str) -> Option<String> {
    let mut url = reqwest::Url::parse(url).ok()?;
    let next = url.port_or_known_default()?.checked_add(1)?;
    url.set_port(Some(next)).ok()?;
    Some(url.as_str().trim_end_matches('/').to_owned())
}

/// The practice workspace, as a script reaches it.
struct Stage {
    base: String,
    http: reqwest::Client,
}

impl Stage {
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Failure> {
        let mut call = self.http.request(method, format!("{}{path}", self.base));
        if let Some(b) = &body {
            call = call.json(b);
        }
        let failed = |why: String| {
            Failure::Failed(format!(
                "{}: {why}; start `imp demo` first, or name the practice workspace with --practice",
                self.base
            ))
        };
        let sent = call.send().await.map_err(|e| failed(e.without_url().to_string()))?;
        let status = sent.status();
        let text = sent.text().await.map_err(|e| failed(e.without_url().to_string()))?;
        let said: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        match status.is_success() {
            true => Ok(said),
            false => Err(failed(format!("{path} answered {status}: {}", words::cut(&text, 200)))),
        }
    }

    async fn raise(&self, a: &Alert) -> Result<(), Failure> {
        let body = json!({"service": a.service, "name": a.name, "severity": a.severity, "summary": a.summary, "description": a.description, "labels": {(EXERCISE): "drill"}});
        self.ask(Method::POST, "/_practice/alerts", Some(body)).await.map(drop)
    }

    async fn firing(&self) -> Result<Vec<Value>, Failure> {
        let state = self.ask(Method::GET, "/_practice/alerts", None).await?;
        Ok(state["firing"].as_array().cloned().unwrap_or_default())
    }

    /// Somebody says something in a channel that they may have to join first. While Slack is down nobody hears it.
    async fn speak(&self, who: &str, channel: &str, text: &str) {
        let joins = json!({"as": who, "what": "join", "channel": channel});
        let _ = self.ask(Method::POST, "/slack/client/do", Some(joins)).await;
        let says = json!({"as": who, "channel": channel, "text": text});
        if self.ask(Method::POST, "/slack/client/send", Some(says)).await.is_err() {
            tell(&format!("{who} wanted to say in the channel: {text}"));
        }
    }

    /// What people have said in a channel: timestamp, who, and the words in small letters.
    async fn heard(&self, who: &str, channel: &str) -> Vec<(String, String)> {
        let seen = self
            .ask(Method::GET, &format!("/slack/client/channel/{channel}?as={who}"), None)
            .await
            .unwrap_or(Value::Null);
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        seen["messages"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|m| m["bot_id"].is_null() && m["subtype"].is_null())
            .map(|m| (text(&m["ts"]), text(&m["text"]).to_lowercase()))
            .collect()
    }
}

/// Where a drill has got to.
struct Play<'a> {
    scenario: &'a Scenario,
    stage: Stage,
    imp: Client,
    began: At,
    speed: i64,
    /// What has been said, raised or broken already, by its place in the scenario.
    past: BTreeSet<String>,
    /// Messages that were listened to.
    listened: BTreeSet<String>,
    incident: Option<String>,
    channel: Option<(String, At)>,
    done: Done,
}

/// Plays until the incident is over, somebody presses Ctrl-C, or twice the usual time has passed.
async fn play(scenario: &Scenario, url: String, practice: String, speed: i64) -> Result<Done, Failure> {
    let http = reqwest::Client::builder()
        .timeout(LIMIT)
        .build()
        .map_err(|e| Failure::Failed(e.to_string()))?;
    let stage = Stage { base: practice, http };
    let mut play = Play {
        scenario,
        imp: Client::new(url, None)?,
        began: SystemClock.now(),
        speed,
        past: BTreeSet::new(),
        listened: BTreeSet::new(),
        incident: None,
        channel: None,
        done: Done::new(),
        stage,
    };
    play.stage.raise(&scenario.alert).await?;
    tell(&format!(
        "{}\n{}\n\nThe alert {} on {} has been raised. Open {}/slack/ and be whoever is on call.",
        scenario.title, scenario.about, scenario.alert.name, scenario.alert.service, play.stage.base
    ));
    let mut look = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            _ = look.tick() => {}
            _ = tokio::signal::ctrl_c() => break,
        }
        if play.step().await? {
            break;
        }
    }
    play.clean_up().await;
    Ok(play.done)
}

impl Play<'_> {
    /// Time in the drill, in milliseconds.
    fn time(&self) -> i64 {
        SystemClock.now().since(self.began).saturating_mul(self.speed)
    }

    /// Whether something is due that has not been done yet.
    fn due(&mut self, what: &str, n: usize, since: i64, after: Span) -> bool {
        since >= after.0 && self.past.insert(format!("{what} {n}"))
    }

    /// Looks at what people have done, and lets happen what is due. Says whether it is over.
    async fn step(&mut self) -> Result<bool, Failure> {
        let scenario = self.scenario;
        let time = self.time();
        for (n, later) in scenario.later.iter().enumerate() {
            if self.due("alert", n, time, later.after) {
                self.stage.raise(&later.alert).await?;
                tell(&format!(
                    "Another alert: {} on {}",
                    later.alert.name, later.alert.service
                ));
            }
        }
        for (n, f) in scenario.faults.iter().enumerate() {
            if self.due("fault", n, time, f.after) {
                self.fault(&f.vendor, &f.fault).await?;
            }
        }
        let over = self.look().await?;
        if let Some((channel, open)) = self.channel.clone() {
            let since = SystemClock.now().since(open).saturating_mul(self.speed);
            for (n, m) in scenario.messages.iter().enumerate() {
                if self.due("message", n, since, m.after) {
                    self.stage.speak(&m.from, &channel, &m.text).await;
                }
            }
            self.listen(&channel).await?;
        }
        for (n, h) in scenario.hints.iter().enumerate() {
            if time >= h.after.0 && !self.done.contains_key(&h.unless) && self.past.insert(format!("hint {n}")) {
                tell(&format!("Coach: {}", h.text));
            }
        }
        Ok(over || time >= i64::from(scenario.minutes) * 2 * 60_000)
    }

    /// Reads the incident and its timeline. IMP may be slow while a vendor is down; then the next look will do.
    async fn look(&mut self) -> Result<bool, Failure> {
        if self.incident.is_none() {
            let query = format!(
                "/api/v1/incidents?service={}",
                crate::script::client::part(&self.scenario.alert.service)
            );
            let all = self.imp.get(&query).await?;
            let ours = all["items"].as_array().into_iter().flatten().find(|i| {
                let opened = i["timestamps"]["opened_at"].as_str().and_then(At::parse);
                opened.is_some_and(|at| at.plus(1000) >= self.began)
            });
            self.incident = ours.and_then(|i| i["ref"].as_str()).map(str::to_owned);
        }
        let Some(reference) = self.incident.clone() else {
            return Ok(false);
        };
        let incident = self.imp.get(&format!("/api/v1/incidents/{reference}")).await?;
        let timeline = self
            .imp
            .get(&format!("/api/v1/incidents/{reference}/timeline?limit=500"))
            .await?;
        let lines = timeline["items"].as_array().cloned().unwrap_or_default();
        self.done = judge::done(&incident, &lines, self.began);
        self.done
            .values_mut()
            .for_each(|ms| *ms = ms.saturating_mul(self.speed));
        if self.channel.is_none()
            && let Some(id) = incident["links"]["slack"]["channel_id"].as_str()
        {
            self.channel = Some((id.to_owned(), SystemClock.now()));
        }
        let status = incident["status"].as_str().unwrap_or_default();
        Ok(matches!(status, "closed" | "declined" | "merged"))
    }

    /// Colleagues answer who asks for what they know.
    async fn listen(&mut self, channel: &str) -> Result<(), Failure> {
        let scenario = self.scenario;
        let Some(ear) = scenario.findings.first().map(|f| f.from.clone()) else {
            return Ok(());
        };
        let told: Vec<&str> = scenario.messages.iter().map(|m| m.text.as_str()).collect();
        for (ts, text) in self.stage.heard(&ear, channel).await {
            let own = told.iter().any(|t| t.to_lowercase() == text)
                || scenario.findings.iter().any(|f| f.text.to_lowercase() == text);
            if own || !self.listened.insert(ts) {
                continue;
            }
            for (n, f) in scenario.findings.iter().enumerate() {
                let asked = f.asked.iter().any(|w| text.contains(&w.to_lowercase()));
                if asked && self.past.insert(format!("finding {n}")) {
                    self.stage.speak(&f.from, channel, &f.text).await;
                    if f.clears {
                        self.clear().await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn fault(&self, vendor: &str, fault: &str) -> Result<(), Failure> {
        match fault {
            "up" => {
                let path = format!("/_practice/faults?vendor={vendor}");
                self.stage.ask(Method::DELETE, &path, None).await?;
                tell(&format!("{vendor} answers again."));
            }
            other => {
                let rule = json!({"vendor": vendor, "fault": {"kind": other}});
                self.stage.ask(Method::POST, "/_practice/faults", Some(rule)).await?;
                tell(&format!("{vendor} no longer answers."));
            }
        }
        Ok(())
    }

    /// The fault is repaired: the drill's alerts resolve.
    async fn clear(&self) -> Result<(), Failure> {
        let ours =
            |a: &Alert, f: &Value| f["alert"]["service"] == a.service.as_str() && f["alert"]["name"] == a.name.as_str();
        for f in self.stage.firing().await? {
            let all = self
                .scenario
                .later
                .iter()
                .map(|l| &l.alert)
                .chain([&self.scenario.alert]);
            if all.into_iter().any(|a| ours(a, &f)) {
                let body = json!({"fingerprint": f["fingerprint"]});
                self.stage
                    .ask(Method::POST, "/_practice/alerts/resolve", Some(body))
                    .await?;
            }
        }
        Ok(())
    }

    /// Nothing of a drill goes on after it.
    async fn clean_up(&self) {
        if !self.scenario.faults.is_empty() {
            let _ = self.stage.ask(Method::DELETE, "/_practice/faults", None).await;
        }
        let _ = self.clear().await;
    }
}
