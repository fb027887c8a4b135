//! From the alert to the closed incident, as those live it who use it; the same over HTTP and over Socket Mode.

use serde_json::{Value, json};

use crate::replicas::Database;
use crate::stage::{Mode, Stage, answer};

/// What Alertmanager would send.
pub fn alert(status: &str) -> Value {
    let labels = json!({"alertname": "HighErrorRate", "service": "payments-api", "severity": "critical"});
    json!({
        "version": "4", "groupKey": "{}:{alertname=\"HighErrorRate\"}", "truncatedAlerts": 0, "status": status, "receiver": "imp",
        "groupLabels": {"alertname": "HighErrorRate"}, "commonLabels": labels,
        "commonAnnotations": {"summary": "5xx above 12 %"}, "externalURL": "https://alerts.example",
        "alerts": [{
            "status": status, "labels": labels,
            "annotations": {"summary": "5xx above 12 %", "runbook_url": "https://runbooks.example/payments"},
            "startsAt": "2026-01-02T03:04:05Z", "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://prometheus.example/graph", "fingerprint": "c0ffee",
        }],
    })
}

/// Sends an alert; the incident that it belongs to.
pub async fn raise(s: &Stage, alert: &Value) -> String {
    let token = &s.practice.org.keys.alerts_token;
    let request = s
        .request(reqwest::Method::POST, "/webhooks/alerts/alertmanager")
        .bearer_auth(token);
    let (status, said) = answer(request.json(alert)).await;
    assert_eq!(status, 202, "{said}");
    said["incidents"][0].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_alert_to_closed_over_http() {
    from_alert_to_closed(Mode::Http, |config| config).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_alert_to_closed_on_postgresql() {
    let database = Database::new();
    from_alert_to_closed(Mode::Http, |config| database.instead(config)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_alert_to_closed_over_socket_mode() {
    from_alert_to_closed(Mode::Socket, |config| config).await;
}

async fn from_alert_to_closed(mode: Mode, change: impl FnOnce(String) -> String) {
    let s = Stage::with(mode, change).await;
    let tiago = s.slack("tiago.fernandes");
    let ada = s.slack("ada.lima");

    // An alert comes, and whoever is on call is asked.
    let incident = raise(&s, &alert("firing")).await;
    assert_eq!(s.incident(&incident).await["status"], "triage");
    let question = tiago.sees("IMP", "Is this real?").await;
    for words in ["5xx above 12 %", "Payments API", "SEV2"] {
        assert!(question.words.contains(words), "{words} in {}", question.words);
    }
    assert!(
        s.issues()
            .iter()
            .all(|i| i["fields"]["project"]["key"] != "INC" || !mentions(i, &incident)),
        "nothing is filed yet"
    );

    // It's real: channel, card, ticket, meeting, announcement, all by themselves.
    tiago.clicks("It's real", &question).await;
    s.settle().await;
    let i = s.incident(&incident).await;
    assert_eq!(
        (&i["status"], &i["severity"], &i["team"]),
        (&json!("investigating"), &json!("SEV2"), &json!("payments"))
    );
    let channel = i["links"]["slack"]["channel_name"]
        .as_str()
        .expect("a channel")
        .to_owned();
    assert!(channel.starts_with("inc-"), "{channel}");
    let key = i["links"]["jira"]["key"].as_str().expect("a ticket").to_owned();
    let join = i["links"]["zoom"]["url"].as_str().expect("a meeting").to_owned();
    let card = tiago.card(&channel).await;
    for words in [
        "Investigating",
        "SEV2",
        "Payments API",
        "Nobody is commander",
        "Where to look",
    ] {
        assert!(card.words.contains(words), "{words} in {}", card.words);
    }
    for button in [
        "Cause identified",
        "Take command",
        "Severity",
        "Write an update",
        "Add a task",
        "Status page",
        "Join Zoom",
        &key,
    ] {
        assert!(
            card.buttons().iter().any(|(label, _)| label == button),
            "{button} among {:?}",
            card.buttons()
        );
    }
    let answered = tiago.sees("IMP", "It is real").await;
    assert!(
        answered.ts == question.ts && answered.buttons().is_empty(),
        "the question is answered where it stood"
    );
    ada.sees("incidents", &incident).await;
    let place = ada.opens(&ada.channel(&channel).await).await;
    let members = place["members"].as_array().cloned().unwrap_or_default();
    assert!(
        members.contains(&json!(ada.id())) && members.contains(&json!(tiago.id())),
        "the team is invited: {members:?}"
    );
    let bookmarks: Vec<&str> = place["bookmarks"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|b| b["link"].as_str())
        .collect();
    assert!(bookmarks.contains(&join.as_str()), "{bookmarks:?}");
    let ticket = s.jira(&key).await;
    assert_eq!(ticket["fields"]["summary"], i["title"]);
    assert_eq!(ticket["fields"]["priority"]["name"], "High");
    assert_eq!(ticket["fields"]["status"]["name"], "Investigating");
    assert_eq!(s.practice.zoom().meetings().len(), 1);

    // Who does what, how bad, what to do, what is new.
    ada.clicks("Take command", &card).await;
    ada.fills("incident.role", &[]).await;
    ada.clicks("Severity", &card).await;
    ada.fills("incident.severity", &[("severity", "SEV1")]).await;
    ada.clicks("Add a task", &card).await;
    ada.fills(
        "incident.task",
        &[("text", "Roll back the deploy"), ("assignee", "tiago.fernandes")],
    )
    .await;
    ada.says(&channel, "/imp update Card payments fail; we roll back.")
        .await;
    s.settle().await;
    ada.sees(&channel, "Card payments fail; we roll back.").await;
    let i = s.incident(&incident).await;
    assert_eq!(i["roles"]["commander"]["email"], "ada.lima@meridian.example");
    assert_eq!(i["severity"], "SEV1");
    let ticket = s.jira(&key).await;
    assert_eq!(ticket["fields"]["assignee"]["displayName"], "Ada Lima");
    assert_eq!(ticket["fields"]["priority"]["name"], "Highest");
    assert!(
        ticket["fields"]["comment"].to_string().contains("we roll back"),
        "updates are comments"
    );
    let task = i["tasks"][0]["jira"].as_str().expect("a task's ticket");
    assert_eq!(s.jira(task).await["fields"]["summary"], "Roll back the deploy");
    let card = ada.card(&channel).await;
    for words in ["SEV1", "Roll back the deploy", &ada.id()] {
        assert!(card.words.contains(words), "{words} in {}", card.words);
    }

    // The cause is known; the public is told, and from here on follows by itself.
    ada.clicks("Cause identified", &card).await;
    ada.fills("incident.transition", &[("cause", "The deploy of 14:02.")])
        .await;
    s.settle().await;
    ada.sees(&channel, "The deploy of 14:02.").await;
    let card = ada.card(&channel).await;
    ada.clicks("Status page", &card).await;
    ada.fills(
        "incident.statuspage",
        &[
            ("title", "Card payments fail"),
            ("message", "We know why and repair it."),
        ],
    )
    .await;
    s.settle().await;
    let public = s.public().await;
    assert_eq!(
        (public.len(), &public[0]["name"], &public[0]["status"]),
        (1, &json!("Card payments fail"), &json!("identified"))
    );
    ada.clicks("Repaired, monitor it", &ada.card(&channel).await).await;
    s.settle().await;
    assert_eq!(s.public().await[0]["status"], "monitoring");
    assert_eq!(s.jira(&key).await["fields"]["status"]["name"], "Monitoring");

    // The alert resolves; that decides nothing, but it is said.
    raise(&s, &alert("resolved")).await;
    s.settle().await;
    let card = ada.card(&channel).await;
    assert!(card.words.contains("All its alerts have resolved"), "{}", card.words);
    ada.clicks("Resolve", &card).await;
    let form = ada.form("incident.transition").await;
    let (_, said) = ada.submits(&form, &[]).await;
    assert!(
        said["errors"]["resolution"].is_string(),
        "a resolution is needed: {said}"
    );
    ada.fills("incident.transition", &[("resolution", "A bad deploy; rolled back.")])
        .await;
    s.settle().await;
    assert_eq!(s.public().await[0]["status"], "resolved");

    // What is learnt.
    ada.clicks("Start the review", &ada.card(&channel).await).await;
    s.settle().await;
    let draft = ada.sees(&channel, "The review begins").await;
    ada.clicks("Write the review", &draft).await;
    let answers = [
        ("review", "A canary would have shown it."),
        ("follow_up", "Add a canary"),
        ("owner", "tiago.fernandes"),
        ("due", "2026-12-24"),
    ];
    ada.fills("incident.review", &answers).await;
    s.settle().await;
    let i = s.incident(&incident).await;
    assert_eq!(i["review"], "A canary would have shown it.");
    let follow_up = i["follow_ups"][0]["jira"].as_str().expect("a follow-up's ticket");
    let follow_up = s.jira(follow_up).await;
    assert_eq!(
        (&follow_up["fields"]["summary"], &follow_up["fields"]["duedate"]),
        (&json!("Add a canary"), &json!("2026-12-24"))
    );
    ada.clicks("Close", &ada.card(&channel).await).await;
    let told = [("learned", "Deploy slowly."), ("factors", "Missing alert,Capacity")];
    ada.fills("incident.transition", &told).await;
    s.settle().await;

    // The last word says what was learnt, and when the channel goes.
    let last = ada.sees(&channel, "Deploy slowly.").await;
    ada.sees(&channel, "will be archived in 7 days").await;
    assert!(last.words.contains(&incident), "{}", last.words);
    let i = s.incident(&incident).await;
    assert_eq!((&i["status"], &i["next"]), (&json!("closed"), &json!([])));
    assert_eq!(
        i["fields"]["factors"], "Capacity, Missing alert",
        "in the order of the process"
    );
    for moment in [
        "detected_at",
        "acknowledged_at",
        "identified_at",
        "monitoring_at",
        "resolved_at",
        "closed_at",
    ] {
        assert!(i["timestamps"][moment].is_string(), "{moment} in {}", i["timestamps"]);
    }
    assert_eq!(s.jira(&key).await["fields"]["status"]["statusCategory"]["key"], "done");
    assert!(s.practice.opslevel().events().len() >= 2, "the catalogue was told");
    let card = ada.card(&channel).await;
    assert!(
        card.buttons()
            .iter()
            .all(|(_, action)| !action.starts_with("incident.transition.")),
        "{:?}",
        card.buttons()
    );

    // It happened once.
    let mine = s.issues().into_iter().filter(|i| mentions(i, &incident)).count();
    assert_eq!(
        (
            s.times("conversations.create"),
            mine,
            s.practice.zoom().meetings().len()
        ),
        (1, 1, 1)
    );
    s.finish().await;
}

/// Whether an issue is the incident's own.
pub fn mentions(issue: &Value, incident: &str) -> bool {
    let label = incident.to_lowercase();
    issue["fields"]["labels"]
        .as_array()
        .is_some_and(|all| all.iter().any(|l| *l == json!(label)))
}
