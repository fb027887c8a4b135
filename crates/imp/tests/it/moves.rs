//! The process is one table: what it allows succeeds by every door, what it does not is refused with what is allowed.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use imp_core::Process;
use imp_core::process::Category;
use serde_json::{Value, json};

use crate::lifecycle::{alert, raise};
use crate::stage::{Mode, Stage, answer, until};

/// A stage without vendors but those named.
pub async fn only(kept: &[&str]) -> Stage {
    let mut stage = only_dark(kept).await;
    stage.rise().await;
    stage
}

/// The same, not yet started.
pub async fn only_dark(kept: &[&str]) -> Stage {
    Stage::dark(Mode::Http, |config| {
        let mut table: toml::Table = config.parse().expect("TOML");
        for vendor in ["slack", "jira", "statuspage", "opslevel", "zoom"]
            .iter()
            .filter(|v| !kept.contains(v))
        {
            table.remove(*vendor);
        }
        toml::to_string(&table).expect("TOML")
    })
    .await
}

/// The shortest way from where incidents begin to a status, as moves.
fn way(process: &Process, from: &str, to: &str) -> Option<Vec<String>> {
    let mut ways: BTreeMap<String, Vec<String>> = BTreeMap::from([(from.to_owned(), Vec::new())]);
    let mut next = vec![from.to_owned()];
    while let Some(here) = (!next.is_empty()).then(|| next.remove(0)) {
        for m in process.moves_from(&here) {
            if !ways.contains_key(&m.to) {
                let mut path = ways[&here].clone();
                path.push(m.to.clone());
                ways.insert(m.to.clone(), path);
                next.push(m.to.clone());
            }
        }
    }
    ways.remove(to)
}

/// Moves an incident, with everything that the move may require.
async fn go(s: &Stage, incident: &str, to: &str, into: &str) -> (u16, Value) {
    let body = json!({"to": to, "reason": "r", "cause": "c", "resolution": "x", "learned": "l", "into": into});
    s.post(&format!("/api/v1/incidents/{incident}/transitions"), body).await
}

/// A fresh incident in a status.
async fn standing(s: &Stage, process: &Process, status: &str, n: u32, into: &str) -> String {
    let triage = process.first(Category::Triage).expect("triage").id.clone();
    let mut fresh = alert("firing");
    fresh["groupKey"] = json!(format!("group {n}"));
    fresh["alerts"][0]["fingerprint"] = json!(format!("{n:x}"));
    for labels in ["groupLabels", "commonLabels"] {
        fresh[labels]["service"] = json!(format!("service-{n}"));
    }
    fresh["alerts"][0]["labels"]["service"] = json!(format!("service-{n}"));
    let incident = raise(s, &fresh).await;
    for step in way(process, &triage, status).unwrap_or_else(|| panic!("no way leads to {status}")) {
        let (got, said) = go(s, &incident, &step, into).await;
        assert_eq!(got, 200, "on the way to {status}: {said}");
    }
    incident
}

#[tokio::test(flavor = "multi_thread")]
async fn every_move_of_the_table_succeeds_and_every_other_is_refused_with_what_is_allowed() {
    let s = only(&[]).await;
    let process = Process::built_in();
    let target = s.declares_bare("Merge into me").await;
    let mut n = 0;
    for status in &process.statuses {
        n += 1;
        let here = standing(&s, &process, &status.id, n, &target).await;
        let next = s.incident(&here).await["next"].clone();
        let allowed: Vec<&str> = next
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|m| m["status"].as_str())
            .collect();
        let table: Vec<&str> = process.moves_from(&status.id).map(|m| m.to.as_str()).collect();
        assert_eq!(allowed, table, "from {}", status.id);
        for to in process.statuses.iter().map(|s| s.id.as_str()).chain(["nowhere", ""]) {
            if allowed.contains(&to) {
                let requires = next
                    .as_array()
                    .into_iter()
                    .flatten()
                    .find(|m| m["status"] == to)
                    .map(|m| m["requires"].clone());
                if requires
                    .as_ref()
                    .is_some_and(|r| r.as_array().is_some_and(|r| !r.is_empty()))
                {
                    let (got, said) = s
                        .post(&format!("/api/v1/incidents/{here}/transitions"), json!({"to": to}))
                        .await;
                    let missing: Vec<Value> = said["fields"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .map(|f| f["field"].clone())
                        .collect();
                    assert_eq!(
                        (got, Some(json!(missing))),
                        (409, requires),
                        "{} to {to} without its fields: {said}",
                        status.id
                    );
                }
                n += 1;
                let other = standing(&s, &process, &status.id, n, &target).await;
                let (got, said) = go(&s, &other, to, &target).await;
                assert_eq!(
                    (got, said["status"].as_str()),
                    (200, Some(to)),
                    "{} to {to}: {said}",
                    status.id
                );
            } else {
                let (got, said) = go(&s, &here, to, &target).await;
                assert_eq!((got, &said["allowed"]), (409, &next), "{} to {to}: {said}", status.id);
            }
        }
        assert_eq!(
            s.incident(&here).await["status"],
            json!(status.id),
            "refusals change nothing"
        );
    }
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cards_buttons_are_the_moves() {
    let process = Process::built_in();
    let s = only(&["slack"]).await;
    let incident = s.declares_bare("Followed through all its statuses").await;
    let ada = s.slack("ada.lima");
    s.settle().await;
    let channel = s.channel_of(&incident).await;
    let walk = [
        "identified",
        "investigating",
        "identified",
        "monitoring",
        "resolved",
        "review",
        "closed",
    ];
    for to in std::iter::once("").chain(walk) {
        if !to.is_empty() {
            let (got, said) = go(&s, &incident, to, "").await;
            assert_eq!(got, 200, "{to}: {said}");
            s.settle().await;
        }
        let next = s.incident(&incident).await["next"].clone();
        let allowed: Vec<(String, String)> = next
            .as_array()
            .into_iter()
            .flatten()
            .map(|m| {
                (
                    m["label"].as_str().unwrap_or_default().to_owned(),
                    m["status"].as_str().unwrap_or_default().to_owned(),
                )
            })
            .collect();
        let card = ada.card(&channel).await;
        let buttons = card
            .buttons()
            .into_iter()
            .filter_map(|(label, action)| Some((label, action.strip_prefix("incident.transition.")?.to_owned())));
        let buttons: Vec<(String, String)> = buttons.collect();
        let (moves, ways) = buttons.split_at(allowed.len().min(buttons.len()));
        // The same moves; the card has the usual one first.
        let sorted = |moves: &[(String, String)]| moves.iter().cloned().collect::<BTreeSet<_>>();
        assert_eq!(sorted(moves), sorted(&allowed), "after {to:?}: {}", card.words);
        for (label, end) in ways {
            let here = if to.is_empty() { "investigating" } else { to };
            assert!(
                process.way(here, end).len() > 1,
                "{label} leads over several moves to {end}"
            );
        }
    }
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_list_any_may_be_chosen_and_nothing_else() {
    let s = only(&[]).await;
    let incident = s.declares("Something real").await;
    for to in ["identified", "monitoring", "resolved", "review"] {
        assert_eq!(go(&s, &incident, to, "").await.0, 200);
    }
    let path = format!("/api/v1/incidents/{incident}/transitions");
    let body = json!({"to": "closed", "learned": "l", "factors": "capacity, the <b>moon</b>"});
    let (status, said) = s.post(&path, body).await;
    let why = said["fields"][0]["message"].as_str().unwrap_or_default();
    assert_eq!(status, 422, "{said}");
    assert!(
        why.starts_with("\"the <b>moon</b>\" is none of A change of ours, Capacity,"),
        "{said}"
    );
    assert_eq!(s.incident(&incident).await["status"], "review");

    // The console has a box for each.
    let page = s.request(reqwest::Method::GET, &format!("/incidents/{incident}"));
    let page = page.send().await.expect("an answer").text().await.expect("a page");
    assert!(
        page.contains(r#"<input type="checkbox" name="factors.Capacity" value="on">Capacity"#),
        "{page}"
    );
    let form = [
        ("to", "closed"),
        ("learned", "Deploy slowly."),
        ("factors.Supplier", "on"),
        ("factors.Capacity", "on"),
    ];
    let deed = s.request(reqwest::Method::POST, &format!("/incidents/{incident}/move"));
    let (status, said) = answer(deed.form(&form)).await;
    assert!((200..400).contains(&status), "{status} {said}");
    assert_eq!(s.incident(&incident).await["fields"]["factors"], "Capacity, Supplier");
    let document = s.request(reqwest::Method::GET, &format!("/api/v1/incidents/{incident}/review"));
    let document = document.send().await.expect("an answer").text().await.expect("text");
    assert!(
        document.contains("| What contributed to it? | Capacity, Supplier |"),
        "{document}"
    );
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_moves_of_one_form_are_made_together_or_not_at_all_and_old_buttons_go() {
    let s = Stage::new().await;
    let incident = s.declares("Something real").await;
    for to in ["identified", "monitoring", "resolved"] {
        assert_eq!(go(&s, &incident, to, "").await.0, 200);
        s.settle().await;
    }
    let channel = s.channel_of(&incident).await;
    let ada = s.slack("ada.lima");
    let with_buttons = async || {
        let all = ada.messages(&channel).await.into_iter();
        let told = all.filter(|m| m.words.contains("moved it to") && !m.buttons().is_empty());
        told.map(|m| m.words).collect::<Vec<_>>()
    };
    assert!(!with_buttons().await.is_empty(), "each line offers the next steps");

    ada.clicks("Start the review and close", &ada.card(&channel).await)
        .await;
    let form = ada.form("incident.transition").await;
    let (_, said) = ada.submits(&form, &[("learned", "   ")]).await;
    assert!(!said["errors"].is_null(), "it is refused: {said}");
    assert_eq!(
        s.incident(&incident).await["status"],
        "resolved",
        "the first move is not made either"
    );
    ada.fills("incident.transition", &[("learned", "Deploy slowly.")]).await;
    s.settle().await;
    assert_eq!(s.incident(&incident).await["status"], "closed");
    until("no line has buttons any more", async || {
        with_buttons().await.is_empty().then_some(())
    })
    .await;
    s.finish().await;
}
