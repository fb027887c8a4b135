//! Bad days: what a caller sees, what was done all the same, and what the ledger and the control panel say of it.

use imp_practice::alerts::Alert;
use imp_practice::faults::{Fault, Rule, Vendor};
use imp_practice::org::Org;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::stage::{Stage, answer};

fn create(stage: &Stage) -> RequestBuilder {
    let keys = &stage.practice.org.keys;
    let fields = json!({"project": {"key": "INC"}, "issuetype": {"name": "Incident"}, "summary": "x"});
    let request = stage.request(Method::POST, "/jira/rest/api/3/issue");
    request
        .basic_auth(&keys.jira_email, Some(&keys.jira_api_token))
        .json(&json!({"fields": fields}))
}

#[tokio::test]
async fn a_lost_answer_is_work_done() {
    let stage = Stage::new().await;
    stage
        .practice
        .faults()
        .set(Rule::new(Vendor::Jira, Fault::LoseAnswer).on("POST issue").times(1));
    assert!(create(&stage).send().await.is_err());
    assert_eq!(stage.practice.jira().issues().len(), 1);
    assert_eq!(answer(create(&stage)).await.0, 201);
    let calls = stage.practice.faults().calls(0);
    assert_eq!(
        (calls[0].status, calls[0].fault.as_deref(), calls[1].status),
        (0, Some("loses answers"), 201)
    );
}

#[tokio::test]
async fn the_other_faults_do_no_work() {
    let stage = Stage::new().await;
    let faults = stage.practice.faults();
    faults.set(Rule::new(Vendor::Jira, Fault::Down).times(1));
    assert!(create(&stage).send().await.is_err());
    faults.set(
        Rule::new(Vendor::Jira, Fault::RateLimited { retry_after_s: 7 })
            .on("POST issue*")
            .times(1),
    );
    let refused = create(&stage).send().await.expect("an answer");
    assert_eq!(
        (
            refused.status().as_u16(),
            refused.headers()["Retry-After"].to_str().expect("text")
        ),
        (429, "7")
    );
    faults.set(Rule::new(Vendor::Jira, Fault::Error).times(1));
    assert_eq!(answer(create(&stage)).await.0, 500);
    faults.set(Rule::new(Vendor::Statuspage, Fault::Unavailable));
    assert!(stage.practice.jira().issues().is_empty());
    assert_eq!(answer(create(&stage)).await.0, 201);
    assert_eq!(answer(stage.request(Method::GET, "/statuspage/v1/pages")).await.0, 503);
    assert_eq!(
        answer(stage.request(Method::GET, "/statuspage/")).await.0,
        200,
        "the pages are not the API"
    );
}

#[tokio::test]
async fn who_hangs_is_let_go_when_the_fault_is_cleared() {
    let stage = Stage::new().await;
    stage.practice.faults().set(Rule::new(Vendor::Jira, Fault::Hang));
    let waiting = tokio::spawn(create(&stage).send());
    while !waiting.is_finished() {
        stage.practice.faults().clear(Vendor::Jira);
        tokio::task::yield_now().await;
        if stage.practice.faults().calls(0).len() == 1 {
            break;
        }
    }
    let _ = waiting.await.expect("it ends");
}

#[tokio::test]
async fn chance_is_the_same_chance_each_time() {
    let stage = Stage::new().await;
    let faults = stage.practice.faults();
    faults.set(Rule::new(Vendor::Zoom, Fault::Error).probability(0.5));
    let mut runs = vec![];
    for _ in 0..2 {
        faults.seed(11);
        let mut run = vec![];
        for _ in 0..12 {
            run.push(answer(stage.request(Method::GET, "/zoom/v2/users")).await.0);
        }
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&500) && runs[0].contains(&401));
}

#[tokio::test]
async fn the_control_panel_sets_faults_and_shows_calls() {
    let stage = Stage::new().await;
    let rule = json!({"vendor": "jira", "fault": {"kind": "error"}, "times": 1});
    assert_eq!(
        answer(stage.request(Method::POST, "/_practice/faults").json(&rule))
            .await
            .0,
        201
    );
    assert_eq!(answer(create(&stage)).await.0, 500);
    let (_, calls) = answer(stage.request(Method::GET, "/_practice/calls?after=0")).await;
    assert_eq!(calls["calls"][0]["op"], "POST issue");
    let click = stage
        .request(Method::POST, "/_practice/act")
        .form(&[("vendor", "slack"), ("fault", "down")]);
    assert_eq!(answer(click).await.0, 303);
    assert_eq!(stage.practice.faults().rules().len(), 1);
    let foreign = stage
        .request(Method::POST, "/_practice/act")
        .header("Sec-Fetch-Site", "cross-site");
    assert_eq!(
        answer(foreign.form(&[("vendor", "slack"), ("fault", "up")])).await.0,
        403
    );
    for path in [
        "/",
        "/jira/",
        "/statuspage/",
        "/opslevel/",
        "/opslevel/teams/ads",
        "/opslevel/runbooks/chat",
        "/opslevel/dashboards/chat",
        "/zoom/",
        "/slack/",
    ] {
        assert_eq!(answer(stage.request(Method::GET, path)).await.0, 200, "{path}");
    }
}

#[tokio::test]
async fn an_alert_is_sent_as_alertmanager_sends_it() {
    let mut stage = Stage::new().await;
    let alert = Alert {
        service: "payments-api".to_owned(),
        name: "HighErrorRate".to_owned(),
        severity: "critical".to_owned(),
        summary: "5xx above 12 %".to_owned(),
        description: String::new(),
        labels: [("purpose".to_owned(), "a look".to_owned())].into(),
    };
    stage.practice.alerts().raise(alert).await.expect("it is taken");
    let told = stage.hears().await;
    assert_eq!(told.path, "/webhooks/alerts/alertmanager");
    assert_eq!(
        told.headers["Authorization"],
        format!("Bearer {}", stage.practice.org.keys.alerts_token).as_str()
    );
    assert_eq!(
        (&told.body["version"], &told.body["status"]),
        (&json!("4"), &json!("firing"))
    );
    assert_eq!(told.body["alerts"][0]["labels"]["country"], "PT");
    assert_eq!(told.body["commonLabels"]["purpose"], "a look");
    let fingerprint = stage.practice.alerts().firing()[0].fingerprint.clone();
    stage
        .practice
        .alerts()
        .resolve(&fingerprint)
        .await
        .expect("it is taken");
    let told = stage.hears().await;
    assert_eq!(
        (&told.body["status"], &told.body["alerts"][0]["fingerprint"]),
        (&json!("resolved"), &json!(fingerprint))
    );
}

#[test]
fn the_organisation_holds_together() {
    let org = Org::built_in();
    let person = |handle: &String| org.people.iter().any(|p| p.handle == *handle);
    assert_eq!((org.people.len(), org.teams.len(), org.services.len()), (60, 12, 40));
    for team in &org.teams {
        assert!(
            team.members.iter().all(person)
                && team.members.contains(&team.on_call)
                && team.members.contains(&team.manager)
        );
    }
    for service in &org.services {
        assert!(org.teams.iter().any(|t| t.alias == service.team), "{}", service.alias);
        for needed in &service.depends_on {
            assert!(
                org.services.iter().any(|s| s.alias == *needed),
                "{} needs {needed}",
                service.alias
            );
        }
    }
}

#[tokio::test]
async fn the_configuration_points_here() {
    let stage = Stage::new().await;
    let text = stage.practice.config_toml("127.0.0.1:7070");
    let table: toml::Table = text.parse().expect("TOML");
    assert_eq!(
        table["jira"]["base_url"].as_str(),
        Some(format!("{}/jira", stage.practice.base).as_str())
    );
    for section in ["server", "slack", "jira", "statuspage", "opslevel", "zoom", "alerts"] {
        assert!(table.contains_key(section), "{section}");
    }
    stage.practice.stop().await;
}
