//! The numbers of incidents that were lived here: every one is what a calculation of its own makes of their stories, and
//! drills and tests are in none.

use crate::imp::Demo;
use crate::stage::{answer, until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The demo with half a year behind it, and what people do to it now.
struct Lived {
    demo: Demo,
    http: reqwest::Client,
}

impl Lived {
    async fn posts(&self, path: &str, body: Value) -> Value {
        let call = self.http.post(format!("{}/api/v1{path}", self.demo.imp));
        let (code, said) = answer(call.json(&body)).await;
        assert!((200..300).contains(&code), "{path}: {code} {said}");
        said
    }

    async fn asks(&self, path: &str) -> Value {
        answer(self.http.get(format!("{}/api/v1{path}", self.demo.imp))).await.1
    }

    /// Declares an incident and waits for its channel.
    async fn declares(&self, title: &str) -> String {
        let made = self
            .posts("/incidents", json!({"title": title, "service": "payments-api"}))
            .await;
        let r = made["ref"].as_str().expect("a reference").to_owned();
        until("it has a channel", async || {
            let i = self.asks(&format!("/incidents/{r}")).await;
            i["links"]["slack"]["channel_id"].as_str().map(|_| ())
        })
        .await;
        r
    }

    /// What Python makes of the stories.
    async fn worked_out(&self, by: &str) -> Value {
        let python = std::env::var("IMP_TEST_PYTHON")
            .expect("IMP_TEST_PYTHON does not name a program: run `cargo xtask test`, which finds or fetches it");
        let mut call = Command::new(python);
        call.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/lived.py"))
            .args([&self.demo.imp, by]);
        let out = tokio::task::spawn_blocking(move || call.output())
            .await
            .expect("it ends");
        let out = out.expect("python");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice(&out.stdout).expect("JSON")
    }
}

/// How many numbers a row of ours has as they were worked out; each must be exactly that.
fn agree(row: &Value, wanted: &Value) -> usize {
    let mut numbers = 0;
    for (name, wanted) in wanted.as_object().expect("a row") {
        let pairs: Vec<(String, &Value, &Value)> = match wanted.as_object() {
            Some(parts) => parts
                .iter()
                .map(|(m, w)| (format!("{name} {m}"), &row[name][m], w))
                .collect(),
            None => vec![(name.clone(), &row[name], wanted)],
        };
        for (what, found, wanted) in pairs {
            let same = match (found.as_f64(), wanted.as_f64()) {
                (Some(a), Some(b)) => a == b,
                _ => found == wanted,
            };
            assert!(same, "{what}: {found} is not {wanted}");
            numbers += usize::from(wanted.is_number());
        }
    }
    numbers
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_of_what_was_lived_here_is_what_its_stories_say_and_drills_are_in_none() {
    let lived = Lived {
        demo: Demo::start().await,
        http: reqwest::Client::builder().no_proxy().build().expect("a client"),
    };
    // Three that set themselves up: one told to the public and closed again and again, one under way, one just begun.
    let first = lived.declares("Cards are refused").await;
    let at = |r: &str, what: &str| format!("/incidents/{r}/{what}");
    let ada = json!({"role": "commander", "user": "ioana.dumitru@meridian.example"});
    lived.posts(&at(&first, "roles"), ada).await;
    lived
        .posts(
            &at(&first, "updates"),
            json!({"text": "We are looking.", "public": true}),
        )
        .await;
    for to in ["identified", "monitoring", "investigating", "identified", "monitoring"] {
        lived.posts(&at(&first, "transitions"), json!({"to": to})).await;
    }
    let end = json!({"to": "resolved", "cause": "A lost key.", "repair": "A new one.", "resolution": "A new one."});
    let i = lived.asks(&format!("/incidents/{first}")).await;
    let next = i["next"].as_array().expect("moves");
    let needs = next
        .iter()
        .find(|n| n["status"] == "resolved")
        .expect("it can be resolved")["requires"]
        .clone();
    let mut answers = json!({"to": "resolved"});
    for field in needs.as_array().expect("fields") {
        answers[field.as_str().expect("a name")] = end["cause"].clone();
    }
    lived.posts(&at(&first, "transitions"), answers).await;
    lived
        .posts(&at(&first, "review"), json!({"text": "A key was lost, and found."}))
        .await;
    let second = lived.declares("Mail is late").await;
    lived
        .posts(&at(&second, "updates"), json!({"text": "The queue is long."}))
        .await;
    lived
        .posts(&at(&second, "transitions"), json!({"to": "identified"}))
        .await;
    lived.declares("Search is empty").await;

    let mut numbers = 0;
    for by in ["team", "severity", "service,severity"] {
        let (found, wanted) = (
            lived.asks(&format!("/insights?by={by}")).await,
            lived.worked_out(by).await,
        );
        let rows = |v: &Value| v["items"].as_array().expect("rows").clone();
        assert_eq!(rows(&found).len(), rows(&wanted).len(), "by {by}");
        for (row, wanted) in rows(&found).iter().zip(&rows(&wanted)) {
            numbers += agree(row, wanted);
        }
        numbers += agree(&found["total"], &wanted["total"]);
        let n = &found["total"]["n"];
        for (name, count) in n.as_object().expect("counts") {
            assert!(count.as_u64() > Some(0), "{name} rests on something: {n}");
        }
    }
    assert!(numbers > 2_000, "{numbers} numbers were compared");

    // People's time: whoever acted, with nothing counted twice, and less where an act stands for less.
    let people = lived.asks("/insights/people").await;
    let of = |v: &Value, name: &str, what: &str| -> i64 {
        let all = v["items"].as_array().expect("people");
        let one = all
            .iter()
            .find(|p| p["person"] == name)
            .unwrap_or_else(|| panic!("{name}: {v}"));
        one[what].as_i64().expect("a number")
    };
    let mut stories: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut cursor = String::new();
    while let Some(page) = Some(lived.asks(&format!("/incidents?limit=100{cursor}")).await) {
        for i in page["items"].as_array().expect("incidents") {
            let r = i["ref"].as_str().expect("a reference");
            for m in lived.asks(&format!("/incidents/{r}/timeline?limit=100")).await["items"]
                .as_array()
                .expect("a story")
            {
                let at = imp_core::At::parse(m["at"].as_str().expect("a time"))
                    .expect("a time")
                    .0;
                stories
                    .entry(m["by"].as_str().expect("somebody").to_owned())
                    .or_default()
                    .push(at);
            }
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let person = "Tiago Fernandes";
    let mut acts = stories.remove(person).expect("he did something");
    acts.sort_unstable();
    // Between two acts that are less than a quarter of an hour apart no minute is counted twice.
    let counted = |minutes: i64| -> i64 {
        let most = minutes * 60_000;
        let apart = acts.windows(2).map(|w| (w[1] - w[0]).min(most)).sum::<i64>();
        (apart + most) / 1000
    };
    assert_eq!(of(&people, person, "total_s"), counted(15));
    assert!(of(&people, person, "off_hours_s") <= of(&people, person, "total_s"));
    let less = lived.asks("/insights/people?act_minutes=1").await;
    assert_eq!(of(&less, person, "total_s"), counted(1));
    assert_eq!(lived.asks("/insights/people?act_minutes=0").await["status"], 400);
    let (code, page) = answer(lived.http.get(format!("{}/insights/people", lived.demo.imp))).await;
    assert!(
        code == 200 && page.as_str().is_some_and(|p| p.contains(person)),
        "{page}"
    );

    // A drill is asked about, confirmed and ended like any other, and changes nothing but the number of its own.
    let before = lived.asks("/insights").await["total"].clone();
    let alert = json!({"service": "search-api", "name": "Drill", "severity": "warning", "summary": "Nothing is wrong",
        "labels": {"imp_exercise": "drill"}});
    let raised = lived
        .http
        .post(format!("{}/_practice/alerts", lived.demo.practice))
        .json(&alert);
    assert!((200..300).contains(&answer(raised).await.0));
    let drill = until("the drill is there", async || {
        let all = lived.asks("/incidents?status=triage").await;
        all["items"]
            .as_array()?
            .first()
            .map(|i| i["ref"].as_str().unwrap_or_default().to_owned())
    })
    .await;
    lived
        .posts(&at(&drill, "transitions"), json!({"to": "investigating"}))
        .await;
    lived
        .posts(&at(&drill, "updates"), json!({"text": "All is well."}))
        .await;
    let mut after = lived.asks("/insights").await["total"].clone();
    assert_eq!((&before["tests"], &after["tests"]), (&json!(0), &json!(1)));
    after["tests"] = json!(0);
    assert_eq!(after, before);
    let page = answer(lived.http.get(format!("{}/insights", lived.demo.imp))).await.1;
    assert!(
        page.as_str().is_some_and(|p| p.contains(">1 drill or test</a>")),
        "it is said on the page"
    );
    let list = answer(
        lived
            .http
            .get(format!("{}/insights/incidents?class=test", lived.demo.imp)),
    )
    .await
    .1;
    assert!(list.as_str().is_some_and(|p| p.contains(&drill)), "and can be opened");
}
