//! Several replicas on one PostgreSQL: they share the work, each piece is done by one, and any of them may die.
//! `REPLICA_KILLS`, `REPLICA_EVERY_MS`, `REPLICA_BREATH_MS` and `SEED` in the environment make it longer and other; what
//! it prints is the result. Slack takes fifty edits a minute, so a longer run needs a longer breath.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use imp_practice::faults::{Fault, Rule, Vendor};
use reqwest::Method;
use serde_json::{Value, json};

use crate::imp::{Imp, command, free_port};
use crate::kills::{Dice, Promised, Wish, kept, next, number, promise};
use crate::outages::set_up_once;
use crate::stage::{Mode, Stage, answer, until};

/// How often a replica is killed when nothing else is asked for, and after how long each time.
const KILLS: u64 = 6;
const EVERY_MS: u64 = 2_000;
/// The shortest breath that a script takes between two wishes.
const BREATH_MS: u64 = 300;
/// Scripts that call at the same time, each with incidents of its own.
const SCRIPTS: u64 = 2;
/// How likely it is that the work is done and the answer lost.
const LOST: f64 = 0.03;

/// A database of its own in the tests' PostgreSQL; it goes when this does.
pub struct Database {
    name: String,
    /// Its address.
    pub url: String,
}

impl Database {
    /// An empty one.
    pub fn new() -> Database {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("imp_house_{}_{n}", std::process::id());
        administer(format!("create database {name}"));
        let url = admin().replacen("/postgres", &format!("/{name}"), 1);
        Database { name, url }
    }

    /// A configuration with this store.
    pub fn instead(&self, config: String) -> String {
        let start = config.find("url = \"sqlite://").expect("a store");
        let end = start + config[start..].find('\n').expect("a line");
        format!("{}url = \"{}\"{}", &config[..start], self.url, &config[end..])
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        administer(format!("drop database if exists {} with (force)", self.name));
    }
}

fn admin() -> String {
    std::env::var("IMP_TEST_POSTGRES").unwrap_or_else(|_| {
        panic!("IMP_TEST_POSTGRES does not name a server: run `cargo xtask test`, which starts one")
    })
}

/// The client blocks, so it gets a thread of its own.
fn administer(sql: String) {
    let done = std::thread::spawn(move || {
        let mut client = postgres::Client::connect(&admin(), postgres::NoTls).expect("the tests' PostgreSQL");
        client.batch_execute(&sql).expect("done");
    });
    done.join().expect("done");
}

/// One replica: a folder with its configuration, and the program.
struct Replica {
    folder: tempfile::TempDir,
    base: String,
    imp: Option<Imp>,
}

impl Replica {
    /// A replica beside the stage's own, with everything the same but the port.
    async fn beside(s: &Stage) -> Replica {
        let listen = format!("127.0.0.1:{}", free_port());
        let config = std::fs::read_to_string(s.config()).expect("a configuration");
        let theirs = s.base.trim_start_matches("http://");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("imp.toml"), config.replace(theirs, &listen)).expect("a configuration");
        let base = format!("http://{listen}");
        let mut replica = Replica {
            folder,
            base,
            imp: None,
        };
        replica.rise().await;
        replica
    }

    async fn rise(&mut self) {
        self.imp = Some(Imp::serve(self.folder.path(), &self.base).await);
    }

    async fn get(&self, s: &Stage, path: &str) -> (u16, Value) {
        answer(s.http.request(Method::GET, format!("{}{path}", self.base))).await
    }

    async fn post(&self, s: &Stage, path: &str, body: Value) -> (u16, Value) {
        answer(s.http.request(Method::POST, format!("{}{path}", self.base)).json(&body)).await
    }
}

async fn two(database: &Database) -> (Stage, Replica) {
    let s = Stage::with(Mode::Http, |config| database.instead(config)).await;
    let other = Replica::beside(&s).await;
    (s, other)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_replica_wrote_another_writes_over_and_back() {
    let database = Database::new();
    let (s, other) = two(&database).await;
    let incident = s.declares("Payments fail").await;
    s.settle().await;
    set_up_once(&s, &incident).await;
    // To and fro: each replica would find what it wrote last time, and believe that it still stands.
    let path = format!("/api/v1/incidents/{incident}");
    let key = s.incident(&incident).await["links"]["jira"]["key"]
        .as_str()
        .expect("a ticket")
        .to_owned();
    for title in ["One", "Two", "One", "Two", "One"] {
        let call = |base: &str| {
            s.http
                .request(Method::PATCH, format!("{base}{path}"))
                .json(&json!({"title": title}))
        };
        let base = if title == "One" { &s.base } else { &other.base };
        let (status, said) = answer(call(base)).await;
        assert_eq!(status, 200, "{said}");
        s.settle().await;
        assert_eq!(s.jira(&key).await["fields"]["summary"], title);
        let (_, seen) = other.get(&s, &path).await;
        assert_eq!(seen["title"], title, "both say the same");
        let channel = s.channel_of(&incident).await;
        let card = s.slack("ada.lima").messages(&channel).await;
        assert!(card.iter().any(|m| m.words.contains(title)), "the card says {title}");
    }
    set_up_once(&s, &incident).await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_comes_to_both_replicas_is_one() {
    let database = Database::new();
    let (s, other) = two(&database).await;
    let body = json!({"title": "Sent to both", "service": "payments-api"});
    let send = |base: &str| {
        let call = s.http.request(Method::POST, format!("{base}/api/v1/incidents"));
        answer(call.header("idempotency-key", "both").json(&body))
    };
    let ((a, one), (b, two)) = tokio::join!(send(&s.base), send(&other.base));
    assert!((200..300).contains(&a) && (200..300).contains(&b), "{one} {two}");
    assert_eq!(one["ref"], two["ref"]);
    // Wishes of all kinds come to both at once, and none is lost.
    let path = format!(
        "/api/v1/incidents/{}/updates",
        one["ref"].as_str().expect("a reference")
    );
    let texts: Vec<String> = (0..8).map(|n| format!("Update {n} of eight")).collect();
    let posts = texts.iter().enumerate().map(async |(n, text)| {
        let body = json!({"text": text});
        let (status, said) = match n % 2 {
            0 => s.post(&path, body).await,
            _ => other.post(&s, &path, body).await,
        };
        assert!((200..300).contains(&status), "{said}");
    });
    futures_util::future::join_all(posts).await;
    s.settle().await;
    let incident = s.incident(one["ref"].as_str().expect("a reference")).await;
    let channel = incident["links"]["slack"]["channel_id"].as_str().expect("a channel");
    let said = s.slack("ada.lima").messages(channel).await;
    for text in &texts {
        assert_eq!(
            said.iter().filter(|m| m.words.contains(text.as_str())).count(),
            1,
            "{text}"
        );
    }
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_replicas_is_killed_again_and_again_under_load() {
    let (kills, every) = (number("REPLICA_KILLS", KILLS), number("REPLICA_EVERY_MS", EVERY_MS));
    let (seed, breath) = (number("SEED", 1), number("REPLICA_BREATH_MS", BREATH_MS));
    let database = Database::new();
    let (mut s, mut other) = two(&database).await;
    let faults = s.practice.faults();
    faults.seed(seed);
    faults.set_latency(true);
    for vendor in [Vendor::Slack, Vendor::Jira, Vendor::Zoom, Vendor::Statuspage] {
        faults.set(Rule::new(vendor, Fault::LoseAnswer).probability(LOST));
    }
    let bases = [s.base.clone(), other.base.clone()];
    let over = AtomicBool::new(false);
    let http = s.http.clone();
    let script = async |n: u64| {
        let mut dice = Dice(seed.wrapping_mul(1000).wrapping_add(n));
        let mut all: BTreeMap<String, Promised> = BTreeMap::new();
        let mut calls = 0;
        while !over.load(Ordering::SeqCst) {
            calls += 1;
            let (about, wish) = next(&mut dice, &all, &[], n * 1_000_000 + calls);
            let said = tell(&http, &bases, &wish, dice.roll(2)).await;
            promise(&mut all, about, &wish, &said);
            // People and scripts take a breath between two wishes.
            tokio::time::sleep(Duration::from_millis(breath + dice.roll(breath + 100))).await;
        }
        (calls, all)
    };
    let killer = async {
        for n in 0..kills {
            tokio::time::sleep(Duration::from_millis(every)).await;
            match n % 2 {
                0 => {
                    s.kill();
                    s.rise().await;
                }
                _ => {
                    other.imp.take().expect("it runs").kill();
                    other.rise().await;
                }
            }
        }
        over.store(true, Ordering::SeqCst);
    };
    let scripts = futures_util::future::join_all((1..=SCRIPTS).map(&script));
    let (done, ()) = tokio::join!(scripts, killer);
    let began = Instant::now();
    // The incidents of a long run are all announced in one channel, and each replica has half of what Slack takes.
    let run = Duration::from_millis(kills * every);
    s.settle_within(run + Duration::from_secs(120)).await;
    let settled = began.elapsed();
    let (mut calls, mut incidents) = (0, 0);
    for (n, all) in &done {
        calls += n;
        incidents += all.len();
        for (incident, promised) in all {
            kept(&s, incident, promised, seed).await;
        }
    }
    assert!(s.deliveries("failed").await.is_empty(), "seed {seed}");
    let channels = s.slack("ada.lima").channels().await;
    let ours = channels
        .iter()
        .filter(|c| c["name"].as_str().is_some_and(|n| n.starts_with("inc-")))
        .count();
    assert_eq!(ours, incidents, "seed {seed}: no channel is left over");
    eprintln!(
        "{kills} kills, one every {every} ms (seed {seed}): {calls} wishes, {incidents} incidents; 0 lost, 0 doubled; nothing owed any more {settled:.1?} after the last"
    );
}

/// Repeats a call with the same key, at either replica, until it hears an answer.
async fn tell(http: &reqwest::Client, bases: &[String; 2], wish: &Wish, first: u64) -> Value {
    let mut turn = usize::try_from(first).unwrap_or(0);
    until("a replica answers", async || {
        turn += 1;
        let call = http
            .post(format!("{}{}", bases[turn % 2], wish.path))
            .header("idempotency-key", &wish.key)
            .json(&wish.body);
        let sent = call.send().await.ok()?;
        let status = sent.status().as_u16();
        let said: Value = sent.json().await.ok()?;
        if status == 503 {
            return None;
        }
        assert!((200..300).contains(&status), "{status} {said}");
        Some(said)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_the_running_service_moves_it_to_another_store() {
    let database = Database::new();
    let mut s = Stage::new().await;
    let incident = s.declares("Payments fail").await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("imp.backup").display().to_string();
    let config = s.config().display().to_string();
    let run = |words: &[&str]| command(words).output().expect("imp runs");
    // Taken at once, in the middle of the set-up.
    let taken = run(&["backup", "--config", &config, &file]);
    assert!(taken.status.success(), "{taken:?}");
    assert!(
        String::from_utf8_lossy(&taken.stderr).contains("rows, done"),
        "{taken:?}"
    );
    let again = run(&["backup", "--config", &config, &file]);
    assert!(
        String::from_utf8_lossy(&again.stderr).contains("is there already"),
        "{again:?}"
    );
    s.kill();
    let moved = database.instead(std::fs::read_to_string(s.config()).expect("a configuration"));
    std::fs::write(s.config(), moved).expect("a configuration");
    let short = folder.path().join("short").display().to_string();
    let whole = std::fs::read(&file).expect("the backup");
    std::fs::write(&short, &whole[..whole.len() - 10]).expect("a file");
    let refused = run(&["restore", "--config", &config, &short]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("nothing was restored"),
        "{refused:?}"
    );
    let restored = run(&["restore", "--config", &config, &file]);
    assert!(restored.status.success(), "{restored:?}");
    s.rise().await;
    s.settle().await;
    set_up_once(&s, &incident).await;
    let refused = run(&["restore", "--config", &config, &file]);
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("not empty"),
        "{refused:?}"
    );
    s.finish().await;
}
