//! One table says who may do what; every door asks it: REST, the console's forms, the command line, and Slack.

use std::collections::BTreeSet;

use imp_core::Role;
use imp_core::rights::{Right, TABLE, allows};
use reqwest::Method;
use serde_json::{Value, json};

use crate::console::{ROLES, locked, session, stranger, token_of};
use crate::imp::command;
use crate::slack::Person;
use crate::stage::{Stage, answer, until};

/// One right, as it is used through the doors that have it.
struct Use {
    right: Right,
    rest: Option<(Method, String, Value)>,
    form: Option<(String, Vec<(&'static str, &'static str)>)>,
    words: Vec<String>,
}

impl Use {
    fn of(right: Right) -> Use {
        Use {
            right,
            rest: None,
            form: None,
            words: Vec::new(),
        }
    }

    fn looks(self, path: &str) -> Use {
        Use {
            rest: Some((Method::GET, format!("/api/v1{path}"), Value::Null)),
            ..self
        }
    }

    fn posts(self, path: &str, body: Value) -> Use {
        Use {
            rest: Some((Method::POST, format!("/api/v1{path}"), body)),
            ..self
        }
    }

    fn patches(self, path: &str, body: Value) -> Use {
        Use {
            rest: Some((Method::PATCH, format!("/api/v1{path}"), body)),
            ..self
        }
    }

    fn form(self, path: &str, fields: &[(&'static str, &'static str)]) -> Use {
        Use {
            form: Some((path.to_owned(), fields.to_vec())),
            ..self
        }
    }

    fn says(self, words: &[&str]) -> Use {
        Use {
            words: words.iter().map(|w| (*w).to_owned()).collect(),
            ..self
        }
    }
}

const ADA: &str = "ada.lima@meridian.example";

/// Every right by the doors that have it; `r` is an incident, `d` a delivery of it.
fn uses(r: &str, d: &str) -> Vec<Use> {
    let on = |deed: &str| format!("/incidents/{r}/{deed}");
    let of = Use::of;
    vec![
        of(Right::Look)
            .looks(&format!("/incidents/{r}"))
            .says(&["incident", "show", r]),
        of(Right::Look).looks("/deliveries").says(&["deliveries", "list"]),
        // Without a title: whoever may is told what is missing, and no channel is opened for it.
        of(Right::Declare)
            .posts("/incidents", json!({"title": ""}))
            .form("/declare", &[("title", "")])
            .says(&["incident", "declare", ""]),
        of(Right::Move)
            .posts(&on("transitions"), json!({"to": "nowhere"}))
            .form(&on("move"), &[("to", "nowhere")])
            .says(&["incident", "transition", r, "nowhere"]),
        of(Right::Edit)
            .patches(&format!("/incidents/{r}"), json!({"severity": "SEV2"}))
            .form(&on("severity"), &[("severity", "SEV2")])
            .says(&["incident", "edit", r, "--severity", "SEV2"]),
        of(Right::Assign)
            .posts(&on("roles"), json!({"role": "scribe", "user": ADA}))
            .form(&on("role"), &[("role", "scribe"), ("user", ADA)])
            .says(&["incident", "role", r, "scribe", ADA]),
        of(Right::Tell)
            .posts(&on("updates"), json!({"text": "News"}))
            .form(&on("update"), &[("text", "News")])
            .says(&["incident", "update", r, "News"]),
        of(Right::Tell)
            .posts(&on("notes"), json!({"text": "Worth keeping"}))
            .form(&on("note"), &[("text", "Worth keeping")])
            .says(&["incident", "note", r, "Worth keeping"]),
        of(Right::Tell)
            .posts(&on("members"), json!({"user": ADA}))
            .form(&on("join"), &[("user", ADA)])
            .says(&["incident", "join", r, ADA]),
        of(Right::Publish)
            .posts(&on("statuspage"), json!({"text": "News"}))
            .form(&on("public"), &[("text", "News")])
            .says(&["incident", "publish", r, "News"]),
        of(Right::Task)
            .posts(&on("tasks"), json!({"text": "Do it"}))
            .form(&on("task"), &[("text", "Do it")])
            .says(&["incident", "task", r, "Do it"]),
        of(Right::Review)
            .posts(&on("review"), json!({"text": "What we learnt"}))
            .form(&on("review"), &[("text", "What we learnt")])
            .says(&["incident", "review", r, "What we learnt"]),
        of(Right::Deliver)
            .posts(&format!("/deliveries/{d}/retry"), json!({}))
            .form(&format!("/deliveries/{d}/retry"), &[])
            .says(&["deliveries", "retry", d]),
        of(Right::Shape).posts("/shaper/plans", json!({"template": "nothing-is-called-so"})),
        of(Right::BreakGlass)
            .posts(&on("break-glass"), json!({"why": "Nobody in it answers"}))
            .form("/break-glass", &[("incident", "IMP-9999"), ("why", "Nobody answers")])
            .says(&["incident", "break-glass", r, "--why", "Nobody in it answers"]),
        of(Right::Audit).looks("/audit").says(&["audit", "list"]),
        of(Right::Import).posts("/import", json!({"rows": []})),
        of(Right::Sessions).form("/sessions/none/end", &[]),
    ]
}

/// A delivery of an incident that is done.
async fn delivered(s: &Stage, r: &str) -> String {
    let done = s.deliveries("done").await;
    let found = done.iter().find(|d| d["ref"] == r).expect("something was delivered");
    found["id"].to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_asks_the_same_table() {
    let s = locked("").await;
    let r = s.declares("Something real").await;
    s.settle().await;
    let d = delivered(&s, &r).await;
    let other = stranger();
    let mut walked = BTreeSet::new();
    for role in ROLES {
        let (cookie, name) = (session(&s, &token_of(role)).await, role.word());
        for u in uses(&r, &d) {
            walked.insert(u.right.words());
            let may = allows(role, u.right);
            if let Some((method, path, body)) = u.rest {
                let call = other
                    .request(method, format!("{}{path}", s.base))
                    .bearer_auth(token_of(role));
                let (status, said) = answer(if body.is_null() { call } else { call.json(&body) }).await;
                assert_eq!(status != 403, may, "{name} by REST {path}: {status} {said}");
                assert!(status < 500, "{said}");
            }
            if let Some((path, fields)) = u.form {
                let call = other
                    .post(format!("{}{path}", s.base))
                    .header("cookie", &cookie)
                    .form(&fields);
                let (status, said) = answer(call).await;
                assert_eq!(status != 403, may, "{name} by the console {path}: {status} {said}");
                assert!(status < 500, "{said}");
            }
            if !u.words.is_empty() {
                let mut call = command(&u.words.iter().map(String::as_str).collect::<Vec<_>>());
                call.args(["--url", &s.base]).env("IMP_API_TOKEN", token_of(role));
                let said = tokio::task::spawn_blocking(move || call.output())
                    .await
                    .expect("it ends");
                let said = String::from_utf8_lossy(&said.expect("imp starts").stderr).into_owned();
                let refused = said.contains("needs the role");
                assert_eq!(!refused, may, "{name} by the command line {:?}: {said}", u.words);
            }
        }
    }
    // A right that is new in the table is walked here too, or it is one that no person has.
    let all = TABLE.iter().filter(|(r, _, _)| *r != Right::Machine);
    assert_eq!(walked, all.map(|(_, _, words)| *words).collect());
    s.finish().await;
}

/// A right, words that use it, and what is true of the incident then.
type Typed = (Right, &'static str, fn(&Value) -> bool);

/// Whether Slack told somebody that their role is too small.
async fn refused(who: &Person<'_>, channel: &str) -> bool {
    who.whispers(channel).await.iter().any(|w| w.contains("needs the role"))
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_asks_the_same_table_for_everybody_in_it() {
    let s = locked("").await;
    let ada = s.slack("ada.lima");
    let may = |right| allows(Role::Responder, right);
    let r = s.declares("Something real").await;
    s.settle().await;
    let channel = s.incident(&r).await["links"]["slack"]["channel_name"]
        .as_str()
        .expect("a channel")
        .to_owned();
    let id = ada.channel(&channel).await;
    // What is typed, and what is true of the incident once it was done.
    let typed: [Typed; 6] = [
        (Right::Edit, "severity SEV1", |i| i["severity"] == "SEV1"),
        (Right::Assign, "role scribe me", |i| i["roles"]["scribe"].is_object()),
        (Right::Task, "task Look at the pool", |i| {
            i["tasks"][0]["text"] == "Look at the pool"
        }),
        (Right::Review, "follow-up Add a canary", |i| {
            i["follow_ups"][0]["text"] == "Add a canary"
        }),
        (Right::Move, "move identified", |i| i["status"] == "identified"),
        (Right::Tell, "update Said in Slack", |i| i["version"].as_u64() > Some(0)),
    ];
    let mut walked = BTreeSet::new();
    for (right, words, done) in typed {
        walked.insert(right.words());
        let was = s.incident(&r).await["version"].clone();
        ada.says(&channel, &format!("/imp {words}")).await;
        let did = until(&format!("{words} is done or refused"), async || {
            // What asks for more opens a form.
            if let Some(form) = ada.modal().await {
                ada.submits(&form, &[]).await;
            }
            let is = s.incident(&r).await;
            let there = is["version"] != was && done(&is);
            (there || refused(&ada, &id).await).then_some(there)
        })
        .await;
        assert_eq!(did, may(right), "{words}");
    }
    // Telling the public has a form of its own; declaring and looking are about no incident.
    walked.insert(Right::Publish.words());
    ada.says(&channel, "/imp statuspage").await;
    ada.fills(
        "incident.statuspage",
        &[("title", "We look into it"), ("message", "Payments may fail.")],
    )
    .await;
    s.settle().await;
    assert_eq!(!s.public().await.is_empty(), may(Right::Publish));
    walked.insert(Right::Declare.words());
    ada.says(&channel, "/imp declare Declared in Slack").await;
    let declared = until("it is declared, or refused", async || {
        let all = s.incidents().await;
        let there = all.iter().any(|i| i["title"] == "Declared in Slack");
        (there || refused(&ada, &id).await).then_some(there)
    })
    .await;
    assert_eq!(declared, may(Right::Declare));
    walked.insert(Right::Look.words());
    let heard = ada.whispers(&id).await.len();
    ada.says(&channel, "/imp list").await;
    let said = until("the list", async || ada.whispers(&id).await.get(heard).cloned()).await;
    assert_eq!(said.contains(&r), may(Right::Look), "{said}");
    // Deliveries and new services have tests of their own (`outages`, `shaper`). For the rest Slack has no door, so what
    // responders may not do nobody does there.
    let elsewhere = [Right::Deliver, Right::Shape].map(Right::words);
    for (right, _, words) in TABLE.iter().filter(|(r, _, _)| *r != Right::Machine) {
        let known = walked.contains(words) || elsewhere.contains(words);
        assert!(known || !may(*right), "{words} has no test in Slack");
    }
    s.settle().await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_what_its_time_and_its_scope_say() {
    let s = locked("").await;
    for (token, method, status) in [
        ("the-token-of-last-year", Method::GET, 401),
        ("a-guess", Method::GET, 401),
        ("the-token-that-looks", Method::GET, 200),
        ("the-token-that-looks", Method::POST, 403),
    ] {
        let call = stranger()
            .request(method, format!("{}/api/v1/incidents", s.base))
            .bearer_auth(token);
        assert_eq!(answer(call.json(&json!({"title": "x"}))).await.0, status, "{token}");
    }
    s.finish().await;
}
