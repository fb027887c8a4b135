//! Each vendor is away for ten minutes, in a trial in which an hour takes a minute, while people go on: whatever they say
//! is acknowledged at once, and afterwards everything is done once and in order. `OUTAGE_MINUTES` in the environment
//! makes it longer; what it prints is the result.

use std::time::{Duration, Instant};

use imp_practice::faults::{Fault, Rule, Vendor};
use serde_json::{Value, json};

use crate::guidance::with_process_and;
use crate::kills::{number, without_reminders};
use crate::lifecycle::{alert, raise};
use crate::outages::set_up_once;
use crate::stage::Stage;

/// How long a vendor is away when nothing else is asked for, in minutes of the trial.
const MINUTES: u64 = 10;
/// How many times as fast the trial's time passes.
const SPEED: u64 = 60;
/// People do something every so many minutes of the trial, and declare something new with every so many of those: an hour
/// of theirs takes a minute, and Slack takes only fifty edits in it.
const EVERY_MINUTES: u64 = 3;
const NEW_EVERY: u64 = 3;
/// What nobody should ever wait for an answer.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(500);
/// How long it may take until all is caught up: a channel takes one message a second.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(120);

/// What was answered, and in what time.
struct People<'a> {
    stage: &'a Stage,
    took: Vec<Duration>,
}

impl People<'_> {
    async fn say(&mut self, path: &str, body: Value) -> Value {
        let began = Instant::now();
        let (status, said) = self.stage.post(path, body).await;
        self.took.push(began.elapsed());
        assert!((200..300).contains(&status), "{path}: {status} {said}");
        said
    }
}

/// What was promised of an incident, in order.
#[derive(Default)]
struct Told {
    incident: String,
    updates: Vec<String>,
    tasks: Vec<String>,
    status: &'static str,
}

async fn declares(people: &mut People<'_>, n: u64) -> Told {
    let body = json!({"title": format!("Outage story {n}"), "service": "payments-api"});
    let said = people.say("/api/v1/incidents", body).await;
    Told {
        incident: said["ref"].as_str().expect("a reference").to_owned(),
        status: "Investigating",
        ..Told::default()
    }
}

/// An update, a task, another update, and a move, all of which shall be seen everywhere.
async fn goes_on(people: &mut People<'_>, told: &mut Told, n: u64) {
    let path = |what: &str| format!("/api/v1/incidents/{}/{what}", told.incident);
    for turn in ["first", "then"] {
        let text = format!("Minute {n}, {turn}: said once");
        // The public hears of one incident: its page takes one call a second.
        let public = told.incident == "IMP-1" && turn == "first";
        people
            .say(&path("updates"), json!({"text": text, "public": public}))
            .await;
        told.updates.push(text);
    }
    let text = format!("Task of minute {n} is filed once");
    people.say(&path("tasks"), json!({"text": text})).await;
    told.tasks.push(text);
    let (to, shown) = match told.status {
        "Investigating" => ("identified", "Identified"),
        "Identified" => ("monitoring", "Monitoring"),
        _ => ("investigating", "Investigating"),
    };
    people.say(&path("transitions"), json!({"to": to})).await;
    told.status = shown;
}

/// The trial's own time.
async fn now_ms(s: &Stage, told: &Told) -> i64 {
    let (_, all) = s
        .get(&format!("/api/v1/incidents/{}/timeline?limit=200", told.incident))
        .await;
    let moments = all["items"].as_array().into_iter().flatten();
    let moments = moments.filter_map(|m| m["at"].as_str()?.parse::<jiff::Timestamp>().ok());
    moments.max().expect("something happened").as_millisecond()
}

async fn away(vendor: Vendor, fault: Fault) {
    let minutes = number("OUTAGE_MINUTES", MINUTES);
    let (s, _folder) = with_process_and(without_reminders, |config| {
        format!("{config}\n[practice]\nspeed = {SPEED}\n")
    })
    .await;
    let mut people = People {
        stage: &s,
        took: vec![],
    };
    let mut all = vec![declares(&mut people, 0).await];
    s.settle().await;
    goes_on(&mut people, &mut all[0], 0).await;
    s.settle().await;
    let began = now_ms(&s, &all[0]).await;
    people.took.clear();
    s.practice.faults().set(Rule::new(vendor, fault));
    let mut rhythm = tokio::time::interval(Duration::from_millis(EVERY_MINUTES * 60_000 / SPEED));
    let mut n = 0;
    let mut lasted = 0;
    while lasted < minutes * 60_000 {
        rhythm.tick().await;
        n += 1;
        if n % NEW_EVERY == 0 {
            all.push(declares(&mut people, n).await);
        }
        let whose = usize::try_from(n).unwrap_or(0) % all.len();
        goes_on(&mut people, &mut all[whose], n).await;
        lasted = now_ms(&s, &all[whose]).await.abs_diff(began);
    }
    while_it_is_away(&s, vendor).await;
    let slowest = people.took.iter().max().copied().unwrap_or_default();
    s.practice.faults().clear(vendor);
    let back = Instant::now();
    s.settle_within(CAUGHT_UP_WITHIN).await;
    let caught_up = back.elapsed();
    for told in &all {
        once_and_in_order(&s, told).await;
    }
    let (words, incidents) = (people.took.len(), all.len());
    eprintln!(
        "{} away for {} minutes: {words} wishes about {incidents} incidents, the slowest acknowledged in {slowest:.0?}; all done {caught_up:.1?} after it was back",
        vendor.name(),
        lasted / 60_000,
    );
    assert!(slowest < ACKNOWLEDGED_WITHIN, "somebody waited {slowest:?}");
    s.finish().await;
}

/// What is owed is said with its reason, and only what is owed to the one who is away.
async fn while_it_is_away(s: &Stage, vendor: Vendor) {
    let pending = s.deliveries("pending").await;
    let late: Vec<&Value> = pending.iter().filter(|d| d["fault"].is_string()).collect();
    assert!(!late.is_empty(), "{pending:#?}");
    for d in &late {
        assert_eq!(d["vendor"], vendor.slug(), "{d}");
    }
    assert!(s.deliveries("failed").await.is_empty());
    // The catalogue is the last that is known.
    let (_, services) = s.get("/api/v1/services").await;
    assert!(services["items"].as_array().is_some_and(|all| !all.is_empty()));
    if vendor == Vendor::Opslevel {
        whoever_was_on_call_is_asked(s).await;
    }
}

/// An alert comes: who is on call is known from before, and both the question and the home say so.
async fn whoever_was_on_call_is_asked(s: &Stage) {
    let about_search = alert("firing").to_string().replace("payments-api", "search-api");
    raise(s, &serde_json::from_str(&about_search).expect("an alert")).await;
    let ioana = s.slack("ioana.dumitru");
    let question = ioana.sees("IMP", "Is this real?").await;
    let old = "The catalogue does not answer. Who is on call is as it was known ";
    assert!(question.words.contains(old), "{}", question.words);
    let home = s.slack("tiago.fernandes").home("On call for your services").await;
    assert!(home.contains(old), "{home}");
    ioana.clicks("False alarm", &question).await;
}

async fn once_and_in_order(s: &Stage, told: &Told) {
    set_up_once(s, &told.incident).await;
    let i = s.incident(&told.incident).await;
    let channel = i["links"]["slack"]["channel_id"].as_str().expect("a channel");
    let said = s.slack("ada.lima").messages(channel).await;
    let said = said.iter().map(|m| m.words.clone()).collect();
    in_order(&told.updates, said, "the channel");
    let key = i["links"]["jira"]["key"].as_str().expect("a ticket");
    let ticket = s.jira(key).await;
    assert_eq!(ticket["fields"]["status"]["name"], told.status);
    let comments = ticket["fields"]["comment"]["comments"].as_array().cloned();
    let comments = comments.unwrap_or_default().iter().map(Value::to_string).collect();
    in_order(&told.updates, comments, "the ticket");
    let mut tasks: Vec<(u64, String)> = s
        .issues()
        .iter()
        .filter(|i| told.tasks.iter().any(|t| i["fields"]["summary"] == t.as_str()))
        .map(|i| {
            (
                number_of(i),
                i["fields"]["summary"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect();
    tasks.sort();
    in_order(&told.tasks, tasks.into_iter().map(|(_, t)| t).collect(), "the tasks");
    if told.incident == "IMP-1" {
        let page = s.public().await;
        assert_eq!(page.len(), 1, "one incident for the public");
        let bodies = page[0]["incident_updates"].as_array().cloned().unwrap_or_default();
        // The newest is first there.
        let bodies = bodies.iter().rev().map(|u| u["body"].to_string()).collect();
        let public: Vec<String> = told.updates.iter().filter(|t| t.contains("first")).cloned().collect();
        in_order(&public, bodies, "the public page");
    }
}

fn number_of(issue: &Value) -> u64 {
    let key = issue["key"].as_str().unwrap_or_default();
    key.rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or_default()
}

/// Each text once, one after the other.
fn in_order(texts: &[String], places: Vec<String>, whose: &str) {
    let found = places
        .iter()
        .filter_map(|p| texts.iter().position(|t| p.contains(t.as_str())));
    let found: Vec<usize> = found.collect();
    let wanted: Vec<usize> = (0..texts.len()).collect();
    assert_eq!(found, wanted, "{whose}: {texts:#?} in {places:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_is_away_for_ten_minutes() {
    away(Vendor::Slack, Fault::Down).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jira_is_away_for_ten_minutes() {
    away(Vendor::Jira, Fault::Unavailable).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statuspage_is_away_for_ten_minutes() {
    away(Vendor::Statuspage, Fault::Error).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zoom_is_away_for_ten_minutes() {
    away(Vendor::Zoom, Fault::Down).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opslevel_is_away_for_ten_minutes() {
    away(Vendor::Opslevel, Fault::Down).await;
}
