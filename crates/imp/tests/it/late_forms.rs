//! A form stays open on somebody's screen while the world goes on, and Slack may send it twice: it has one effect, and a
//! refusal is said inside it.

use serde_json::{Value, json};

use crate::doors::{from_slack, interaction};
use crate::slack::Person;
use crate::stage::Stage;

/// A form as Slack sends it when somebody submits it.
fn submitted(who: &Person<'_>, form: &Value, answers: &[(&str, Value)]) -> Vec<u8> {
    let mut values = json!({});
    for (name, answer) in answers {
        let blocks = form["blocks"].as_array().into_iter().flatten();
        let element = blocks
            .filter(|b| b["block_id"] == *name)
            .map(|b| b["element"]["action_id"].as_str().unwrap_or_default().to_owned())
            .next()
            .unwrap_or_else(|| panic!("the form has no {name}: {form:#}"));
        values[*name] = json!({ element: answer });
    }
    let mut view = form.clone();
    view["state"] = json!({"values": values});
    interaction(&json!({"type": "view_submission", "user": {"id": who.id()}, "trigger_id": "9.9.9", "view": view}))
}

fn text(answer: &str) -> Value {
    json!({"type": "plain_text_input", "value": answer})
}

/// The forms of an incident that is being looked into, each with its answers, all open at the same time.
async fn open_forms(s: &Stage, who: &Person<'_>, incident: &str) -> Vec<(&'static str, Vec<u8>)> {
    s.settle().await;
    let i = s.incident(incident).await;
    let channel = i["links"]["slack"]["channel_id"]
        .as_str()
        .expect("a channel")
        .to_owned();
    let on = who.card(&channel).await;
    let mut out = Vec::new();
    for (button, callback, answers) in [
        (
            "incident.transition.identified",
            "incident.transition",
            vec![("cause", text("The deploy of ten."))],
        ),
        (
            "incident.update",
            "incident.update",
            vec![("text", text("Said in a form."))],
        ),
        ("incident.task", "incident.task", vec![("text", text("Roll back"))]),
        (
            "incident.role.commander",
            "incident.role",
            vec![("user", json!({"type": "users_select", "selected_user": who.id()}))],
        ),
    ] {
        who.clicks(button, &on).await;
        let form = who.form(callback).await;
        out.push((callback, submitted(who, &form, &answers)));
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_sent_twice_has_one_effect() {
    let s = Stage::new().await;
    let incident = s.declares("Card payments fail").await;
    let ada = s.slack("ada.lima");
    for (callback, body) in open_forms(&s, &ada, &incident).await {
        let path = "/slack/interactions";
        let (a, b) = tokio::join!(from_slack(&s, path, body.clone()), from_slack(&s, path, body.clone()));
        let c = from_slack(&s, path, body).await;
        for (status, said) in [a, b, c] {
            assert!(status == 200 && said["errors"].is_null(), "{callback}: {status} {said}");
        }
    }
    s.settle().await;
    let i = s.incident(&incident).await;
    assert_eq!(
        (&i["status"], &i["roles"]["commander"]["email"]),
        (&json!("identified"), &json!("ada.lima@meridian.example"))
    );
    assert_eq!(i["tasks"].as_array().map(Vec::len), Some(1), "{}", i["tasks"]);
    let (_, told) = s.get(&format!("/api/v1/incidents/{incident}/timeline?limit=200")).await;
    let kinds: Vec<&str> = told["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|m| m["event"].as_str())
        .collect();
    for (kind, n) in [("moved", 1), ("update_posted", 1), ("task_added", 1), ("role_taken", 1)] {
        assert_eq!(
            kinds.iter().filter(|k| **k == kind).count(),
            n,
            "{kind} among {kinds:?}"
        );
    }
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_sent_after_the_incident_moved_on_says_so_inside_the_form() {
    let s = Stage::new().await;
    let incident = s.declares("Card payments fail").await;
    let ada = s.slack("ada.lima");
    let forms = open_forms(&s, &ada, &incident).await;
    let target = s.declares_bare("Merge into me").await;
    let (status, said) = s
        .post(
            &format!("/api/v1/incidents/{incident}/transitions"),
            json!({"to": "merged", "into": target}),
        )
        .await;
    assert_eq!(status, 200, "{said}");
    s.settle().await;
    let before = s.incident(&incident).await;
    for (callback, body) in forms {
        let (status, said) = from_slack(&s, "/slack/interactions", body).await;
        assert_eq!(
            (status, &said["response_action"]),
            (200, &json!("errors")),
            "{callback}: {said}"
        );
        assert!(
            said["errors"].to_string().contains(&incident),
            "{callback}: it says why: {said}"
        );
    }
    s.settle().await;
    assert_eq!(s.incident(&incident).await, before, "nothing has changed");
    s.finish().await;
}
