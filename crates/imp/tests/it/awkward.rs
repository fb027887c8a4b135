//! What goes wrong where people work: somebody left, a group is empty, two press at once, a reminder is older than the
//! incident.

use serde_json::json;

use crate::guidance::{alone_for, with_process};
use crate::moves::only;
use crate::stage::{Stage, until};

#[tokio::test(flavor = "multi_thread")]
async fn two_people_who_move_it_at_once_move_it_once_and_the_second_is_told() {
    let s = only(&["slack"]).await;
    let incident = s.declares_bare("The lift is stuck").await;
    let path = format!("/api/v1/incidents/{incident}/transitions");
    let to = |to: &str| s.post(&path, json!({"to": to}));
    let answers = tokio::join!(to("identified"), to("identified"), to("identified"));
    let mut codes = [answers.0.0, answers.1.0, answers.2.0];
    codes.sort_unstable();
    assert_eq!(codes, [200, 409, 409], "{answers:?}");
    let late = [&answers.0, &answers.1, &answers.2]
        .into_iter()
        .find(|a| a.0 == 409)
        .expect("one is late");
    assert_eq!(
        late.1["detail"],
        format!("{incident} is Identified already."),
        "{}",
        late.1
    );
    let (_, timeline) = s.get(&format!("/api/v1/incidents/{incident}/timeline")).await;
    assert_eq!(timeline.to_string().matches("\"moved\"").count(), 1, "{timeline}");

    // Where they want different things, each move begins where the one before ended.
    let answers = tokio::join!(to("monitoring"), to("investigating"));
    assert!([answers.0.0, answers.1.0].contains(&200), "{answers:?}");
    let (_, timeline) = s.get(&format!("/api/v1/incidents/{incident}/timeline")).await;
    let moves = timeline.to_string().matches("\"moved\"").count();
    let granted = [answers.0.0, answers.1.0].iter().filter(|c| **c == 200).count();
    assert_eq!(moves, 1 + granted, "{timeline}");
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_of_an_incident_that_is_over_is_answered_and_changes_nothing() {
    let (s, _folder) = with_process(|p| alone_for("1s", p)).await;
    let incident = s.declares("Card payments fail").await;
    let other = s.declares_bare("The lift is stuck").await;
    let tiago = s.slack("tiago.fernandes");
    let channel = tiago.channel(&s.channel_name_of(&incident).await).await;
    let reminder = tiago.sees(&channel, "Nobody is commander yet.").await;
    let path = format!("/api/v1/incidents/{incident}/transitions");
    let (code, said) = s.post(&path, json!({"to": "merged", "into": other})).await;
    assert_eq!(code, 200, "{said}");
    s.settle().await;
    let before = s.incident(&incident).await["version"].clone();
    tiago.clicks("Later", &reminder).await;
    tiago
        .sees(
            &channel,
            &format!("{incident} is over; nobody is reminded of that any more."),
        )
        .await;
    assert_eq!(s.incident(&incident).await["version"], before);
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_left_with_a_role_is_written_to_no_more_and_that_is_nothing_to_mend() {
    let (s, _folder) = with_process(|p| alone_for("7d", p)).await;
    let incident = s.declares("Card payments fail").await;
    let (tiago, ines) = (s.slack("tiago.fernandes"), s.slack("ines.carvalho"));
    let channel = tiago.channel(&s.channel_name_of(&incident).await).await;
    s.settle().await;
    s.practice.slack().leaves_the_company("ines.carvalho");
    // Somebody gives it to her all the same: she is not told, and no step has failed.
    let roles = format!("/api/v1/incidents/{incident}/roles");
    let (code, said) = s.post(&roles, json!({"role": "commander", "user": ines.id()})).await;
    assert_eq!(code, 200, "{said}");
    s.settle().await;
    let i = s.incident(&incident).await;
    assert_eq!(
        (&i["roles"]["commander"]["slack_id"], &i["failed"]),
        (&json!(ines.id()), &json!([])),
        "{i}"
    );
    // Whoever is there takes it over; nobody has to wait for her.
    tiago.says(&channel, "/imp role commander me").await;
    until("it is his", async || {
        (s.incident(&incident).await["roles"]["commander"]["slack_id"] == tiago.id()).then_some(())
    })
    .await;
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_holds_no_role_and_where_nobody_is_to_be_invited_nothing_fails() {
    let s = Stage::new().await;
    let incident = s.declares_bare("The lift is stuck").await;
    let ada = s.slack("ada.lima");
    let channels = ada.channels().await;
    let place = channels.iter().find(|c| c["sort"] == "public").expect("a channel")["name"].clone();
    let place = place.as_str().expect("a name");
    ada.says(place, &format!("/imp {incident} role commander @payments-team"))
        .await;
    ada.sees(place, "IMP knows nobody called “payments-team”").await;
    let i = s.incident(&incident).await;
    assert!(i["roles"]["commander"].is_null(), "{i}");
    s.settle().await;
    assert_eq!(s.incident(&incident).await["failed"], json!([]));
    s.finish().await;
}
