//! An incident goes on by the process that it began with, until a person moves it, and over a restart.

use crate::keeping::{copy_of, restore};
use crate::place::{On, Place};
use crate::{Stage, declare};
use imp_core::metric::{self, Point};
use imp_core::port::Recalled;
use imp_core::{Command, Incident, Process, Ref};
use imp_engine::{Conn, SubmitError, read, rebuild, versions};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const BUILT_IN: &str = imp_core::process::BUILT_IN;

/// The built-in process as an organisation has gone on writing it: `identified` is called otherwise, cause and all, and
/// payments have an overlay.
fn second() -> Process {
    let text = BUILT_IN
        .replace("\"identified\"", "\"found\"")
        .replacen("version = \"1\"", "version = \"2\"", 1);
    let overlay = r#"
[[overlay]]
id = "cards"
team = "payments"
[[overlay.field]]
id = "card_data"
label = "Were card data at risk?"
kind = "text"
[[overlay.move]]
from = ["monitoring"]
to = "resolved"
requires = ["card_data"]
"#;
    Process::parse(&format!("{text}{overlay}")).unwrap_or_else(|f| panic!("{f}"))
}

fn to(status: &str) -> Command {
    Command::Move {
        to: status.into(),
        fields: BTreeMap::from([("resolution".to_owned(), "Rolled back".to_owned())]),
    }
}

fn refused<T>(answer: Result<T, SubmitError>) -> imp_core::Refusal {
    match answer {
        Err(SubmitError::Refused(r)) => *r,
        Err(e) => panic!("{e}"),
        Ok(_) => panic!("it was granted"),
    }
}

both! {
    an_incident_goes_on_by_the_process_that_it_began_with,
    what_is_called_the_same_and_means_something_else_is_another_status,
    overlays_hold_from_the_declaration_and_follow_the_service,
    what_is_another_edition_says_something_else,
    a_restored_store_knows_what_its_incidents_follow,
    an_incident_is_merged_into_one_that_is_open_by_its_own_process,
    a_lost_store_is_brought_back_with_the_overlays_of_then,
}

async fn a_restored_store_knows_what_its_incidents_follow(on: On) {
    let s = Stage::new(on);
    s.desk.put_in_force(second()).await.expect("in force");
    s.declares("", "Payments fail").await;
    let copy = copy_of(&s.place);
    let place = Arc::new(Place::new(on));
    restore(&place, &copy).expect("restored");
    // What begins there has the first version in force.
    let s = Stage::over(place, s.clock.clone());
    let first = s.incident(1).await;
    assert_eq!(s.desk.house.process.load().version, "1");
    assert_eq!(s.desk.house.process_of(&first).version, "2");
    s.wish("", Some(1), to("found"))
        .await
        .expect("it goes on by the second");
}

async fn an_incident_goes_on_by_the_process_that_it_began_with(on: On) {
    let s = Stage::new(on);
    s.declares("", "Payments fail").await;
    s.desk.put_in_force(second()).await.expect("in force");
    s.declares("", "Search is slow").await;
    // Each by its own.
    s.wish("", Some(1), to("identified")).await.expect("the first knows it");
    let unknown = refused(s.wish("", Some(2), to("identified")).await);
    assert!(
        unknown.message.contains("There is no status \"identified\""),
        "{unknown}"
    );
    s.wish("", Some(2), to("found")).await.expect("the second knows it");

    // The process ends, and another begins on the same store with the second in force no longer.
    let Stage {
        desk,
        runner,
        record,
        clock,
        place,
    } = s;
    drop((desk, runner, record));
    let s = Stage::over(place, clock);
    s.desk.put_in_force(second()).await.expect("in force");
    let first = s.incident(1).await;
    assert_eq!(s.desk.house.process_of(&first).version, "1");
    assert!(imp_core::follow::is_behind(&first, &s.desk.house.process.load()));
    assert_eq!(s.desk.house.process_of(&s.incident(2).await).version, "2");

    // A person moves it: where its status is not there, they say where it stands.
    let asks = refused(s.wish("", Some(1), Command::TakeProcess { status: None }).await);
    assert!(
        asks.message.contains("has no status \"identified\"") && asks.fields[0].0 == "status",
        "{asks}"
    );
    let elsewhere = Command::TakeProcess {
        status: Some("closed".into()),
    };
    let wrong = refused(s.wish("", Some(1), elsewhere).await);
    assert!(
        wrong
            .message
            .contains("it can stand in investigating, found and monitoring"),
        "{wrong}"
    );
    let taken = Command::TakeProcess {
        status: Some("found".into()),
    };
    s.wish("", Some(1), taken.clone()).await.expect("taken");
    let first = s.incident(1).await;
    assert_eq!((first.process.as_str(), first.status.as_str()), ("2", "found"));
    let again = s.wish("", Some(1), taken).await.expect("it does already");
    assert_eq!(again.version, first.version, "nothing is said twice");
    s.wish("", Some(1), to("monitoring")).await.expect("it goes on");
    s.wish("", Some(1), to("resolved")).await.expect("it goes on");
    s.wish("", Some(1), to("review")).await.expect("it goes on");
    let learned = BTreeMap::from([("learned".to_owned(), "A lot".to_owned())]);
    let close = Command::Move {
        to: "closed".into(),
        fields: learned,
    };
    s.wish("", Some(1), close).await.expect("it ends");
    let over = refused(s.wish("", Some(1), Command::TakeProcess { status: None }).await);
    assert!(over.message.contains("it keeps the version"), "{over}");

    // Row and journal agree, each fact by the process of then.
    for n in [1, 2] {
        let facts = s
            .desk
            .store
            .read(move |c| read::journal(c, Ref(n), 0, 1000))
            .await
            .expect("read");
        let told = Incident::fold(&facts, |i| s.desk.house.process_then(i));
        assert_eq!(told, Some(s.incident(n).await));
    }
}

async fn what_is_called_the_same_and_means_something_else_is_another_status(on: On) {
    // What was monitored before is called resolved there, and what was resolved is called fixed.
    let text = BUILT_IN
        .replace("\"resolved\"", "\"fixed\"")
        .replace("\"monitoring\"", "\"resolved\"")
        .replacen("version = \"1\"", "version = \"2\"", 1);
    let renamed = Process::parse(&text).unwrap_or_else(|f| panic!("{f}"));
    let s = Stage::new(on);
    let point = |i: &Incident, p| metric::point(i, &s.desk.house.process_of(i), p).map(|at| at.since(i.opened_at));
    let minute = 60_000;
    s.declares("", "Payments fail").await;
    for (to_be, minutes) in [("identified", 1), ("monitoring", 1), ("resolved", 8)] {
        s.clock.0.fetch_add(minutes * minute, Ordering::SeqCst);
        s.wish("", Some(1), to(to_be)).await.expect("it goes on");
    }
    s.desk.put_in_force(renamed).await.expect("in force");
    s.clock.0.fetch_add(60 * minute, Ordering::SeqCst);
    let i = s
        .wish("", Some(1), Command::TakeProcess { status: None })
        .await
        .expect("taken");
    // It is over for users there too, it was not re-opened, and it took as long as it took.
    assert_eq!((i.status.as_str(), i.reopened), ("fixed", 0));
    let times = |i: &Incident| (point(i, Point::Mitigated), point(i, Point::Resolved));
    assert_eq!(times(&i), (Some(2 * minute), Some(10 * minute)));
    // Who goes back to work has not repaired it; then the next repair counts.
    s.clock.0.fetch_add(minute, Ordering::SeqCst);
    let i = s.wish("", Some(1), to("investigating")).await.expect("re-opened");
    assert_eq!((i.reopened, times(&i)), (1, (None, None)));
    for to_be in ["identified", "resolved", "fixed", "review"] {
        s.clock.0.fetch_add(minute, Ordering::SeqCst);
        s.wish("", Some(1), to(to_be)).await.expect("it goes on");
    }
    let i = s.incident(1).await;
    assert_eq!(point(&i, Point::Resolved), Some(74 * minute));
    let facts = s
        .desk
        .store
        .read(move |c| read::journal(c, Ref(1), 0, 1000))
        .await
        .expect("read");
    let told = Incident::fold(&facts, |i| s.desk.house.process_then(i));
    assert_eq!(told, Some(i), "row and journal agree");
}

async fn overlays_hold_from_the_declaration_and_follow_the_service(on: On) {
    let s = Stage::new(on);
    s.desk.put_in_force(second()).await.expect("in force");
    let mine = |title: &str, team: Option<&str>| match declare(title) {
        Command::Declare {
            title,
            summary,
            severity,
            service,
            private,
            members,
            impact,
            ..
        } => Command::Declare {
            title,
            summary,
            severity,
            service,
            team: team.map(str::to_owned),
            private,
            members,
            impact,
        },
        other => other,
    };
    let paid = s
        .wish("", None, mine("Cards fail", Some("payments")))
        .await
        .expect("declared");
    let other = s.wish("", None, mine("Ads fail", None)).await.expect("declared");
    assert_eq!(
        (paid.overlays.as_slice(), other.overlays.len()),
        (["cards".to_owned()].as_slice(), 0)
    );
    for n in [1, 2] {
        s.wish("", Some(n), to("found")).await.expect("moved");
        s.wish("", Some(n), to("monitoring")).await.expect("moved");
    }
    let needs = refused(s.wish("", Some(1), to("resolved")).await);
    assert_eq!(
        needs.fields,
        [("card_data".to_owned(), "Needed: Were card data at risk?".to_owned())]
    );
    s.wish("", Some(2), to("resolved"))
        .await
        .expect("nothing more is needed there");
    // The service turns out to be another, whose team has no overlay.
    let edit = Command::Edit {
        title: None,
        summary: None,
        severity: None,
        service: Some("search".into()),
    };
    let edited = s.wish("", Some(1), edit).await.expect("edited");
    assert_eq!((edited.team.as_ref(), edited.overlays.len()), (None, 0));
    s.wish("", Some(1), to("resolved"))
        .await
        .expect("nothing more is needed now");
}

async fn what_is_another_edition_says_something_else(on: On) {
    let s = Stage::new(on);
    let spaced = format!("# A comment more.\n\n{BUILT_IN}");
    let same = Process::parse(&spaced).unwrap_or_else(|f| panic!("{f}"));
    s.desk.put_in_force(same).await.expect("in force");
    s.desk.put_in_force(second()).await.expect("in force");
    s.desk.put_in_force(second()).await.expect("in force");
    let kept = s.desk.store.read(versions::list).await.expect("read");
    let mut versions: Vec<&str> = kept.iter().map(|e| e.version.as_str()).collect();
    versions.sort_unstable();
    assert_eq!(versions, ["1", "2"], "a comment is no edition, and none is kept twice");
}

fn merge(into: &str) -> Command {
    Command::Move {
        to: "merged".into(),
        fields: BTreeMap::from([("into".to_owned(), into.to_owned())]),
    }
}

async fn an_incident_is_merged_into_one_that_is_open_by_its_own_process(on: On) {
    let s = Stage::new(on);
    s.declares("", "Payments fail").await;
    s.declares("", "Cards fail").await;
    for status in ["identified", "monitoring", "resolved"] {
        s.wish("", Some(1), to(status)).await.expect("moved");
    }
    // In what is in force now, `resolved` is called otherwise, and is nothing that it knows.
    let renamed = BUILT_IN
        .replace("\"resolved\"", "\"settled\"")
        .replace("label = \"Resolved\"", "label = \"Settled\"")
        .replacen("version = \"1\"", "version = \"2\"", 1);
    let renamed = Process::parse(&renamed).unwrap_or_else(|f| panic!("{f}"));
    s.desk.put_in_force(renamed).await.expect("in force");
    s.declares("", "Refunds fail").await;
    let over = refused(s.wish("", Some(3), merge("IMP-1")).await);
    assert!(
        over.message.contains("IMP-1 is Resolved; choose one that is open"),
        "{over}"
    );
    s.wish("", Some(3), merge("IMP-2")).await.expect("it is open");
}

/// The built-in process with an overlay in which one team asks for a paper that is forgotten on the way to `monitoring`, and
/// writes an update every minute.
fn with_papers() -> Process {
    let overlay = r#"
[[overlay]]
id = "cards"
team = "payments"
[[overlay.field]]
id = "paper"
label = "Which paper?"
kind = "text"
forget_on = ["monitoring"]
[[overlay.move]]
from = ["investigating"]
to = "identified"
requires = ["paper"]
"#;
    Process::parse(&format!("{BUILT_IN}{overlay}")).unwrap_or_else(|f| panic!("{f}"))
}

async fn a_lost_store_is_brought_back_with_the_overlays_of_then(on: On) {
    let s = Stage::new(on);
    s.desk.put_in_force(with_papers()).await.expect("in force");
    let Command::Declare { title, summary, .. } = declare("Cards fail") else {
        panic!("it declares")
    };
    let paid = Command::Declare {
        title,
        summary,
        severity: None,
        service: None,
        team: Some("payments".into()),
        private: false,
        members: vec![],
        impact: BTreeMap::new(),
    };
    s.wish("", None, paid).await.expect("declared");
    let found = Command::Move {
        to: "identified".into(),
        fields: BTreeMap::from([("paper".to_owned(), "The blue one".to_owned())]),
    };
    s.wish("", Some(1), found).await.expect("moved");
    s.wish("", Some(1), to("monitoring")).await.expect("moved");
    let was = s.incident(1).await;
    assert_eq!(was.overlays, ["cards"]);
    assert!(!was.fields.contains_key("paper"), "it is forgotten");
    let journal = |c: &mut dyn Conn| read::journal(c, Ref(1), 0, 1000);
    let facts = s.desk.store.read(journal).await.expect("read");

    let lost = Stage::new(on);
    lost.desk.put_in_force(with_papers()).await.expect("in force");
    let recalled = Recalled {
        reference: Ref(1),
        ticket: "INC-1".into(),
        facts,
        done: BTreeSet::new(),
        whole: true,
        notes: vec![],
    };
    let back = rebuild::bring_back(&lost.desk, recalled).await.expect("brought back");
    assert_eq!(back, was);
    assert_eq!(lost.incident(1).await, was);
}
