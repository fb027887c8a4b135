//! More than IMP can take.

use crate::lifecycle::alert;
use crate::stage::{Stage, answer};
use reqwest::Method;
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What waits before callers are told to come back, and some more.
const POSTS: usize = 4096 + 300;
/// Distinct alerts among them.
const GROUPS: usize = 40;

fn key(n: usize) -> String {
    format!("{{}}:{{alertname=\"Storm\", n=\"{n}\"}}")
}

fn of_group(n: usize) -> Value {
    let mut a = alert("firing");
    a["groupKey"] = json!(key(n));
    a["alerts"][0]["fingerprint"] = json!(format!("{n:016x}"));
    a["alerts"][0]["labels"]["alertname"] = json!(format!("Storm{n}"));
    a
}

/// Alertmanager sends again what was answered with a 5xx, and never what was answered with a 4xx, a 429 among them.
#[tokio::test(flavor = "multi_thread")]
async fn under_overload_senders_are_told_to_come_back_and_lose_nothing_by_it() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("as many connections as the system grants");
    let s = Stage::new().await;
    let token = &s.practice.org.keys.alerts_token;
    let post = |n: usize| {
        s.request(Method::POST, "/webhooks/alerts/alertmanager")
            .bearer_auth(token)
            .json(&of_group(n % GROUPS))
    };

    // Another program holds the store, so that everything waits.
    let store = rusqlite::Connection::open(s.path("imp.db")).expect("the store");
    store.execute_batch("begin immediate").expect("held");
    let mut waiting = tokio::task::JoinSet::new();
    for n in 0..POSTS {
        let request = post(n);
        waiting.spawn(async move { (n, answer(request).await) });
    }
    let mut turned_away = Vec::new();
    let mut groups = BTreeSet::new();
    while let Some(one) = waiting.join_next().await {
        let (n, (status, said)) = one.expect("an answer");
        match status {
            202 => {
                groups.insert(n % GROUPS);
            }
            503 => {
                turned_away.push((n, said));
                // Nothing else holds it up: from here on IMP catches up.
                if !store.is_autocommit() {
                    store.execute_batch("commit").expect("let go");
                }
            }
            other => panic!("{other} {said}"),
        }
    }
    let full = |said: &Value| said.to_string().contains("Too much is waiting; send it again.");
    assert!(
        turned_away.iter().any(|(_, said)| full(said)),
        "{:?}",
        turned_away.first()
    );
    for (n, _) in turned_away {
        let (status, said) = answer(post(n)).await;
        assert_eq!(status, 202, "{said}");
        groups.insert(n % GROUPS);
    }
    assert_eq!(groups.len(), GROUPS);

    let all = s.incidents().await;
    let alerts = all.iter().flat_map(|i| i["alerts"].as_array().into_iter().flatten());
    let mut kept: Vec<&str> = alerts.filter_map(|a| a["key"].as_str()).collect();
    kept.sort_unstable();
    let sent: BTreeSet<String> = (0..GROUPS).map(key).collect();
    assert_eq!(kept, sent.iter().collect::<Vec<_>>(), "each is there, once");
    s.finish().await;
}
