//! Killed at random moments, while vendors are as slow as the real ones and lose answers: nothing is lost, and nothing is
//! done twice. `KILLS`, `BETWEEN` and `SEED` in the environment make it longer and other; what it prints is the result.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use imp_practice::faults::{Fault, Rule, Vendor};
use serde_json::{Value, json};

use crate::guidance::with_process_and;
use crate::lifecycle::mentions;
use crate::outages::set_up_once;
use crate::stage::Stage;

/// How often the program is killed when nothing else is asked for.
const KILLS: u64 = 30;
/// After so many kills in a row it is left alone until nothing is owed, and looked at.
const BETWEEN_LOOKS: u64 = 10;
/// The latest moment of a kill after a wish: set-up takes about a second.
const LATEST_MS: u64 = 1600;
/// How likely it is that the work is done and the answer lost, or that the work is not done.
const LOST: f64 = 0.06;
const REFUSED: f64 = 0.04;

/// Where statuses lead, so that moves never need a form.
const MOVES: [(&str, &str); 3] = [
    ("investigating", "identified"),
    ("identified", "monitoring"),
    ("monitoring", "investigating"),
];

/// SplitMix64: the same seed, the same story.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

/// What was promised about an incident: IMP answered that it is so.
#[derive(Debug, Default)]
pub struct Promised {
    status: String,
    severity: Option<String>,
    updates: Vec<String>,
    tasks: Vec<String>,
}

/// A wish, as a script makes it: it repeats the call with the same key until it hears an answer.
pub struct Wish {
    pub path: String,
    pub body: Value,
    pub key: String,
}

impl Wish {
    async fn tell(&self, s: &Stage) -> Option<(u16, Value)> {
        let call = s
            .request(reqwest::Method::POST, &self.path)
            .header("idempotency-key", &self.key)
            .json(&self.body);
        let sent = call.send().await.ok()?;
        let status = sent.status().as_u16();
        Some((status, sent.json().await.ok()?))
    }
}

pub fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(usual)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments() {
    let (kills, seed) = (number("KILLS", KILLS), number("SEED", 1));
    let between = number("BETWEEN", BETWEEN_LOOKS).max(1);
    // The round that repeats every mirror would heal what a kill had broken, and never lets many open incidents rest.
    let no_round = |config: String| config.replace("[server]\n", "[server]\nround_every_s = 86400\n");
    let (mut s, _folder) = with_process_and(without_reminders, no_round).await;
    let mut dice = Dice(seed);
    let faults = s.practice.faults();
    faults.seed(seed);
    faults.set_latency(true);
    for vendor in [Vendor::Slack, Vendor::Jira, Vendor::Zoom, Vendor::Statuspage] {
        faults.set(Rule::new(vendor, Fault::LoseAnswer).probability(LOST));
        faults.set(Rule::new(vendor, Fault::Unavailable).probability(REFUSED));
    }
    let mut all: BTreeMap<String, Promised> = BTreeMap::new();
    let mut checked: Vec<String> = Vec::new();
    let mut slowest = Duration::ZERO;
    for n in 1..=kills {
        let (about, wish) = next(&mut dice, &all, &checked, n);
        let moment = Duration::from_millis(dice.roll(LATEST_MS));
        // The wish and the kill are under way together; the moment is the input of this test, nothing is awaited by it.
        let (told, ()) = tokio::join!(wish.tell(&s), tokio::time::sleep(moment));
        s.kill();
        s.rise().await;
        let (status, said) = match told {
            Some(t) => t,
            None => wish.tell(&s).await.expect("it answers after the restart"),
        };
        assert!((200..300).contains(&status), "seed {seed}, kill {n}: {status} {said}");
        promise(&mut all, about, &wish, &said);
        if n % between == 0 || n == kills {
            let began = Instant::now();
            s.settle().await;
            slowest = slowest.max(began.elapsed());
            for (incident, promised) in all.iter().filter(|(i, _)| !checked.contains(i)) {
                kept(&s, incident, promised, seed).await;
            }
            // Later kills concern new incidents, so that the look at the end does not grow with the square.
            checked = all.keys().cloned().collect();
        }
    }
    assert!(s.deliveries("failed").await.is_empty(), "seed {seed}");
    let channels = s.slack("ada.lima").channels().await;
    let ours = channels
        .iter()
        .filter(|c| c["name"].as_str().is_some_and(|n| n.starts_with("inc-")))
        .count();
    assert_eq!(ours, all.len(), "seed {seed}: no channel is left over");
    eprintln!(
        "{kills} kills, {between} in a row (seed {seed}): {} incidents, {} updates, {} tasks; 0 lost, 0 doubled; nothing owed any more {slowest:.1?} after a restart at the latest",
        all.len(),
        all.values().map(|p| p.updates.len()).sum::<usize>(),
        all.values().map(|p| p.tasks.len()).sum::<usize>(),
    );
}

/// The process without its reminders: in a long run the many open incidents would never leave the house in peace.
pub fn without_reminders(process: String) -> String {
    let first = process.find("[[nudge]]").expect("reminders, which stand last");
    process[..first].to_owned()
}

/// The next wish, and the incident that it is about.
pub fn next(dice: &mut Dice, all: &BTreeMap<String, Promised>, done: &[String], n: u64) -> (Option<String>, Wish) {
    let open: Vec<(&String, &Promised)> = all.iter().filter(|(i, _)| !done.contains(i)).collect();
    let key = format!("kill-{n}");
    let declare = open.is_empty() || dice.roll(3) == 0;
    if declare {
        let body = json!({"title": format!("Killed at moment {n}"), "service": "payments-api"});
        return (
            None,
            Wish {
                path: "/api/v1/incidents".into(),
                body,
                key,
            },
        );
    }
    let at = usize::try_from(dice.roll(open.len() as u64)).unwrap_or(0);
    let (incident, promised) = open[at];
    let (what, body) = match dice.roll(4) {
        0 => {
            let to = MOVES.iter().find(|(from, _)| *from == promised.status);
            ("transitions", json!({"to": to.expect("a move").1}))
        }
        1 => ("tasks", json!({"text": format!("Task of moment {n} is done once")})),
        _ => ("updates", json!({"text": format!("Update of moment {n} is said once")})),
    };
    let path = format!("/api/v1/incidents/{incident}/{what}");
    (Some(incident.clone()), Wish { path, body, key })
}

pub fn promise(all: &mut BTreeMap<String, Promised>, about: Option<String>, wish: &Wish, said: &Value) {
    let reference = about.unwrap_or_else(|| said["ref"].as_str().expect("a reference").to_owned());
    let promised = all.entry(reference).or_default();
    let text = wish.body["text"].as_str().map(str::to_owned);
    match (wish.path.rsplit('/').next(), text) {
        (Some("updates"), Some(text)) => promised.updates.push(text),
        (Some("tasks"), Some(text)) => promised.tasks.push(text),
        (Some("transitions"), _) => promised.status = wish.body["to"].as_str().unwrap_or_default().into(),
        _ => {
            promised.status = said["status"].as_str().unwrap_or_default().into();
            promised.severity = said["severity"].as_str().map(str::to_owned);
        }
    }
}

/// Everything promised is so, here and at every vendor, and once.
pub async fn kept(s: &Stage, incident: &str, promised: &Promised, seed: u64) {
    let i = s.incident(incident).await;
    assert_eq!(i["status"], promised.status, "seed {seed}: {incident}");
    assert_eq!(i["severity"].as_str(), promised.severity.as_deref(), "seed {seed}");
    set_up_once(s, incident).await;
    let channel = i["links"]["slack"]["channel_id"].as_str().expect("a channel");
    let said = s.slack("ada.lima").messages(channel).await;
    let key = i["links"]["jira"]["key"].as_str().expect("a ticket");
    let ticket = s.practice.jira().issue(key).expect("the ticket stands");
    let comments = ticket["fields"]["comment"].to_string();
    for text in &promised.updates {
        let times = said.iter().filter(|m| m.words.contains(text.as_str())).count();
        assert_eq!(times, 1, "seed {seed}: {incident}: {text:?} in the channel");
        assert_eq!(
            comments.matches(text.as_str()).count(),
            1,
            "seed {seed}: {incident}: {text:?} on {key}"
        );
    }
    let issues = s.issues();
    for text in &promised.tasks {
        let times = issues
            .iter()
            .filter(|i| i["fields"]["summary"] == text.as_str())
            .count();
        assert_eq!(times, 1, "seed {seed}: {incident}: the issue of {text:?}");
    }
    assert!(issues.iter().any(|i| mentions(i, incident)), "seed {seed}");
}
