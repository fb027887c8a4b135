//! Numbers that are told elsewhere: kept beside teams and services in OpsLevel, and told in Slack week by week.

use crate::imp::command;
use crate::stage::{Mode, Stage, answer, until};
use imp_engine::{Clock as _, SystemClock};
use serde_json::{Value, json};
use std::fmt::Write as _;

const DAY_MS: i64 = 86_400_000;

fn now_ms() -> i64 {
    SystemClock.now().0
}

fn today() -> jiff::Zoned {
    let now = jiff::Timestamp::from_millisecond(now_ms()).expect("a time");
    now.to_zoned(jiff::tz::TimeZone::UTC)
}

/// A time so many days ago, as history writes it.
fn ago(days: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(now_ms() - days * DAY_MS).expect("a time");
    at.to_string()
}

/// Brings rows of history into the store of a stage whose program does not run yet.
async fn brings(s: &Stage, rows: &str) {
    let file = s.config().with_file_name("past.csv");
    std::fs::write(&file, rows).expect("a file");
    let mut c = command(&[
        "import",
        &file.display().to_string(),
        "--config",
        &s.config().display().to_string(),
    ]);
    let out = tokio::task::spawn_blocking(move || c.output())
        .await
        .expect("it ends")
        .expect("imp starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_stand_beside_teams_and_services_in_opslevel_and_follow_what_happens() {
    let on = |config: String| config.replace("[opslevel]\n", "[opslevel]\nnumbers = true\n");
    let mut s = Stage::dark(Mode::Http, on).await;
    let mut rows = String::from("title,service,team,severity,status,detected_at,resolved_at\n");
    let resolved = |days: i64| (now_ms() - days * DAY_MS) + 30 * 60_000;
    for days in [3, 5, 40] {
        let end = jiff::Timestamp::from_millisecond(resolved(days)).expect("a time");
        writeln!(
            rows,
            "Past {days},payments-api,payments,SEV2,closed,{},{end}",
            ago(days)
        )
        .expect("text");
    }
    brings(&s, &rows).await;
    s.rise().await;
    let of_service = |name: &str| s.practice.opslevel().property("payments-api", name);
    let of_team = |name: &str| s.practice.opslevel().team_property("payments", name);
    until("the past stands there", async || {
        (of_service("imp_incidents_30d") == Some(json!(2)) && of_team("imp_resolve_minutes_30d") == Some(json!(30.0)))
            .then_some(())
    })
    .await;
    assert_eq!(of_service("imp_open_incidents"), Some(json!(0)));
    assert_eq!(of_service("imp_last_incident"), Some(json!(ago(3)[..10])));
    assert_eq!(
        of_service("imp_acknowledge_minutes_30d"),
        None,
        "nobody knows when they were acknowledged"
    );
    let page = of_team("imp_numbers").expect("where the incidents are");
    assert_eq!(page, json!(format!("{}/insights?days=30&team=payments", s.base)));
    s.declares("Cards are declined").await;
    until("the new one counts", async || {
        (of_service("imp_incidents_30d") == Some(json!(3)) && of_team("imp_open_incidents") == Some(json!(1)))
            .then_some(())
    })
    .await;
    // What the private are is nobody's business.
    let body = json!({"title": "Somebody was in the building", "service": "payments-api", "private": true});
    s.post("/api/v1/incidents", body).await;
    s.settle().await;
    assert_eq!(of_service("imp_incidents_30d"), Some(json!(3)));
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_word_in_the_configuration_nothing_is_written_to_opslevel() {
    let s = Stage::new().await;
    s.declares("Cards are declined").await;
    s.settle().await;
    assert_eq!(
        s.practice.opslevel().property("payments-api", "imp_incidents_30d"),
        None
    );
    s.finish().await;
}

/// The files that were shared in a channel, oldest first: name, title, and the words beside each.
async fn shared(s: &Stage, channel: &str) -> Vec<(String, String, String)> {
    let token = &s.practice.org.keys.slack_bot_token;
    let api = |method: &str| {
        s.http
            .post(format!("{}/slack/api/{method}", s.practice.base))
            .bearer_auth(token)
    };
    let (_, all) = answer(api("conversations.list").form(&[("limit", "1000")])).await;
    let mut named = all["channels"].as_array().into_iter().flatten();
    let id = named
        .find(|c| c["name"] == channel)
        .and_then(|c| c["id"].as_str())
        .expect("a channel");
    let (_, history) = answer(api("conversations.history").form(&[("channel", id), ("limit", "200")])).await;
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let messages = history["messages"].as_array().into_iter().flatten().rev();
    messages
        .flat_map(|m| {
            let files = m["files"].as_array().cloned().unwrap_or_default();
            files
                .into_iter()
                .map(|f| (text(&f["name"]), text(&f["title"]), text(&m["text"])))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_is_told_once_in_slack_with_a_picture_however_often_the_program_starts() {
    let now = today();
    let weekday = now.strftime("%A").to_string().to_lowercase();
    let digest = format!(
        "\n[digest]\nchannel = \"incidents\"\nteams = true\nmonthly = false\nweekday = \"{weekday}\"\nhour = {}\n",
        now.hour()
    );
    let mut s = Stage::dark(Mode::Http, |config| format!("{config}{digest}")).await;
    // In the middle of the last whole week, and of the one before it.
    let monday = i64::from(now.weekday().to_monday_zero_offset());
    let (last, before) = (monday + 4, monday + 11);
    let mut rows = String::from("title,service,team,severity,status,detected_at,resolved_at\n");
    for (n, days) in [(14, last), (12, before)] {
        for i in 0..n {
            let (from, end) = (ago(days), now_ms() - days * DAY_MS + (20 + i) * 60_000);
            let end = jiff::Timestamp::from_millisecond(end).expect("a time");
            writeln!(rows, "Past {days} {i},search-api,search,SEV2,closed,{from},{end}").expect("text");
        }
    }
    brings(&s, &rows).await;
    s.rise().await;
    let told = until("the week is told", async || {
        let all = shared(&s, "incidents").await;
        (!all.is_empty()).then_some(all)
    })
    .await;
    s.settle().await;
    assert_eq!(told.len(), 1, "{told:#?}");
    let (file, title, words) = &told[0];
    assert!(
        file.starts_with("imp-digest-week-") && file.ends_with("-all.png"),
        "{file}"
    );
    assert_eq!(title, "All teams: incidents by week");
    assert!(
        words.contains("14 incidents, 14 of them SEV2; 12 the week before: no distinguishable change."),
        "{words}"
    );
    assert!(
        words.contains("Half were resolved within 27 min (n = 14); 26 min the week before: no distinguishable change."),
        "{words}"
    );
    assert!(
        words.contains("Nothing was open at the end; most came from search-api (14)."),
        "{words}"
    );
    assert!(words.contains("/insights?from="), "{words}");
    let team = shared(&s, "team-search").await;
    assert_eq!(team.len(), 1, "{team:#?}");
    assert!(
        shared(&s, "team-payments").await.is_empty(),
        "where nothing happened nothing is told"
    );
    s.kill();
    s.rise().await;
    // The second start orders the same again, and finds that it was ordered.
    s.declares("Something new").await;
    s.settle().await;
    assert_eq!(shared(&s, "incidents").await.len(), 1);
    assert_eq!(s.times("files.completeUploadExternal"), 2);
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_that_cannot_be_told_waits_among_the_deliveries_for_a_person() {
    let now = today();
    let weekday = now.strftime("%A").to_string().to_lowercase();
    let digest = format!(
        "\n[digest]\nchannel = \"nowhere\"\nweekday = \"{weekday}\"\nhour = {}\nmonthly = false\n",
        now.hour()
    );
    let s = Stage::with(Mode::Http, |config| format!("{config}{digest}")).await;
    let failed = until("it has failed", async || {
        s.deliveries("failed").await.into_iter().next()
    })
    .await;
    assert_eq!(failed["ref"], Value::Null);
    assert!(
        failed["what"]
            .as_str()
            .is_some_and(|w| w.starts_with("tell everybody of the week up to ")),
        "{failed}"
    );
    assert!(
        failed["fault"]
            .as_str()
            .is_some_and(|f| f.contains("no channel nowhere")),
        "{failed}"
    );
    let id = failed["id"].as_i64().expect("a number");
    let page = s
        .request(reqwest::Method::GET, "/deliveries?state=failed")
        .send()
        .await
        .expect("a page");
    assert!(page.text().await.expect("text").contains("no channel nowhere"));
    let (status, _) = s
        .post(
            &format!("/api/v1/deliveries/{id}/skip"),
            json!({"why": "there is no such channel"}),
        )
        .await;
    assert_eq!(status, 202);
    assert!(s.deliveries("failed").await.is_empty());
    let again = s
        .post(&format!("/api/v1/deliveries/{id}/skip"), json!({"why": "twice"}))
        .await;
    assert_eq!(again.0, 409, "{}", again.1);
    // And it could have been known before.
    let mut check = command(&["check", "--config", &s.config().display().to_string()]);
    let said = tokio::task::spawn_blocking(move || check.output())
        .await
        .expect("it ends")
        .expect("imp starts");
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(
        text.contains("WRONG Slack: the channel of the digest #nowhere: there is no such channel"),
        "{text}"
    );
    assert!(
        text.contains("ok    Slack: the announcement channel #incidents"),
        "{text}"
    );
    s.finish().await;
}
