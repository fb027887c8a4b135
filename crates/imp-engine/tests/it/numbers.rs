//! What the numbers are made of stays true: beside every change, after an upgrade, and without telling on private ones.

use super::*;
use crate::place::On;
use imp_engine::import::{self, Kept, Told};
use imp_engine::insights::{self, Figures, Question, Report, leaf};
use imp_engine::{Conn, StoreError};

/// 2027-01-15T08:00:00Z: after everything that is told of.
const NOW: i64 = 1_800_000_000_000;

both! {
    what_was_brought_in_is_counted_once_and_owed_to_nobody,
    private_incidents_show_in_totals_in_blocks_of_five_alone,
    rows_that_were_measured_by_other_rules_are_measured_anew,
    rows_in_blocks_say_what_rows_say,
}

async fn asks(s: &Stage, from: Option<&str>, by: &str) -> Report {
    let question = Question::read(from, None, Some(by)).expect("a question");
    let read = move |c: &mut dyn Conn| insights::answer(c, &question, &Catalogue::default());
    s.desk.store.read(read).await.expect("an answer")
}

async fn brings_in(s: &Stage, told: Vec<Told>) -> Vec<Kept> {
    let house = s.desk.house.clone();
    let out = Arc::new(Mutex::new(Vec::new()));
    let kept = out.clone();
    let write = move |conn: &mut dyn Conn| -> Result<(), StoreError> {
        let process = house.process.load_full();
        let read = |t: &Told| import::understand(t, &process, &Catalogue::default()).expect("a row");
        let pasts: Vec<import::Past> = told.iter().map(read).collect();
        let by = Actor::Token { name: "test".into() };
        *kept.lock().unwrap_or_else(PoisonError::into_inner) = import::keep(conn, &house, &by, At(0), &pasts, 0)?;
        Ok(())
    };
    s.desk.write(write).await.expect("brought in");
    out.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn told(key: &str, detected: &str, resolved: &str) -> Told {
    Told {
        title: Some(format!("Fault {key}")),
        key: Some(key.into()),
        team: Some("payments".into()),
        detected_at: Some(detected.into()),
        resolved_at: Some(resolved.into()),
        ..Told::default()
    }
}

async fn what_was_brought_in_is_counted_once_and_owed_to_nobody(on: On) {
    let mut s = Stage::new(on);
    s.clock.0.store(NOW, Ordering::SeqCst);
    let rows = vec![
        told("a", "2025-01-01T00:00:00Z", "2025-01-01T00:10:00Z"),
        told("b", "2025-01-02T00:00:00Z", "2025-01-02T00:30:00Z"),
        told("c", "2025-01-03T00:00:00Z", "2025-01-02T00:00:00Z"),
        told("a", "2025-01-01T00:00:00Z", "2025-01-01T00:10:00Z"),
    ];
    let kept = brings_in(&s, rows.clone()).await;
    assert_eq!(kept[3], Kept::There(imp_core::Ref(1)), "twice in one file: {kept:?}");
    assert!(brings_in(&s, rows).await.iter().all(|k| matches!(k, Kept::There(_))));
    s.declares("", "Lived here").await;
    s.runs().await;
    let report = asks(&s, None, "team").await;
    let payments = &report.groups[0];
    assert_eq!(
        (payments.key.as_slice(), payments.incidents),
        (&[Some("payments".into())][..], 3)
    );
    let resolve = payments.numbers[3];
    assert_eq!(
        (resolve.summary.map(|s| (s.n, s.mean)), resolve.invalid),
        (Some((2, 1200.0)), 1)
    );
    assert_eq!((report.total.incidents, report.total.back_filled), (4, 3));
    let reopen = Command::Move {
        to: "investigating".into(),
        fields: BTreeMap::new(),
    };
    s.wish("", Some(1), reopen).await.expect("re-opened");
    s.runs().await;
    assert_eq!(
        s.calls("record.ticket"),
        1,
        "only the one that was lived here has a ticket"
    );
    let report = asks(&s, None, "team").await;
    assert_eq!(
        report.groups[0].numbers[3].summary.map(|s| s.n),
        Some(1),
        "it is not resolved any more"
    );
    assert_eq!(asks(&s, Some("2025-01-02"), "month").await.groups[0].incidents, 2);
}

async fn private_incidents_show_in_totals_in_blocks_of_five_alone(on: On) {
    let s = Stage::new(on);
    let private = |title: &str| Command::Declare {
        title: title.into(),
        summary: String::new(),
        severity: None,
        service: None,
        team: None,
        private: true,
        members: vec![],
        impact: Default::default(),
    };
    let close = |to: &str| Command::Move {
        to: to.into(),
        fields: BTreeMap::from([("resolution".to_owned(), "rolled back".to_owned())]),
    };
    for n in 1..=6 {
        s.wish("", None, private("Secret")).await.expect("declared");
        let report = asks(&s, None, "severity").await;
        assert_eq!(
            (report.groups.len(), report.total.incidents),
            (0, 0),
            "{n} private ones at work"
        );
    }
    for n in 1..=5 {
        assert_eq!(asks(&s, None, "severity").await.total.incidents, 0);
        for to in ["identified", "monitoring", "resolved"] {
            s.wish("", Some(n), close(to)).await.expect("moved");
        }
    }
    let report = asks(&s, None, "severity").await;
    assert_eq!((report.groups.len(), report.total.incidents), (0, 5));
}

async fn rows_that_were_measured_by_other_rules_are_measured_anew(on: On) {
    let s = Stage::new(on);
    s.declares("", "Payments fail").await;
    brings_in(&s, vec![told("a", "2025-01-01T00:00:00Z", "2025-01-01T00:10:00Z")]).await;
    let before = asks(&s, None, "team").await;
    let spoil = |conn: &mut dyn Conn| -> Result<(), StoreError> {
        conn.run("delete from measure", &[])?;
        conn.run("delete from sheet where name = 'measure'", &[]).map(drop)
    };
    s.desk.write(spoil).await.expect("as an older version left it");
    let (place, clock) = (s.place.clone(), s.clock.clone());
    drop(s);
    let s = Stage::over(place, clock);
    assert_eq!(asks(&s, None, "team").await, before);
}

/// What a process that has just started would say.
async fn says_after_a_start(s: &Stage) -> Report {
    let question = Question::read(None, None, Some("severity,month")).expect("a question");
    let look = move |table: &insights::Table| insights::report(table, &question, &Catalogue::default());
    Figures::default().look(&s.desk.store, look).await.expect("an answer")
}

async fn changes(s: &Stage, sql: &'static str) {
    let change = move |conn: &mut dyn Conn| conn.run(sql, &[]).map(drop);
    s.desk.write(change).await.expect("changed");
}

async fn rows_in_blocks_say_what_rows_say(on: On) {
    let s = Stage::new(on);
    s.clock.0.store(NOW, Ordering::SeqCst);
    s.declares("", "Payments fail").await;
    let mut rows = vec![
        told("a", "2025-01-01T00:00:00Z", "2025-01-01T00:10:00Z"),
        told("b", "2025-02-03T00:00:00Z", "2025-02-02T00:00:00Z"),
    ];
    rows.extend((0..9).map(|n| Told {
        reference: Some(format!("IMP-{}", 20_000 * n + 7)),
        ..told(
            &format!("far {n}"),
            "2025-01-01T00:00:00Z",
            &format!("2025-01-01T00:{}0:00Z", n % 6),
        )
    }));
    brings_in(&s, rows).await;
    let plain = asks(&s, None, "severity,month").await;
    assert_eq!(says_after_a_start(&s).await, plain);

    let pack = |loose: i64| leaf::pack_beside(&s.desk, loose);
    let blocks = async || {
        let count = |c: &mut dyn Conn| Ok(c.rows("select count(*) from leaf", &[])?[0].int(0));
        s.desk.store.read(count).await.expect("a number")
    };
    pack(leaf::LOOSE_MAX).await.expect("looked at");
    assert_eq!(blocks().await, 0, "few rows are loose, and are left so");
    pack(0).await.expect("packed");
    assert!(blocks().await > 0);
    assert_eq!(says_after_a_start(&s).await, plain);

    // It is the blocks that are read: a row that was changed past the desk is not seen.
    changes(&s, "update measure set severity = 'SEV9' where ref = 1").await;
    assert_eq!(says_after_a_start(&s).await, plain);
    changes(
        &s,
        "update measure set severity = (select severity from incident where ref = 1) where ref = 1",
    )
    .await;

    // What comes later is read beside them, and packed with what did not change.
    let on = Command::Move {
        to: "identified".into(),
        fields: BTreeMap::new(),
    };
    s.wish("", Some(1), on).await.expect("moved");
    brings_in(&s, vec![told("c", "2025-03-01T00:00:00Z", "2025-03-01T01:00:00Z")]).await;
    let later = asks(&s, None, "severity,month").await;
    assert_ne!(later, plain);
    assert_eq!(says_after_a_start(&s).await, later);
    pack(0).await.expect("packed");
    assert_eq!(says_after_a_start(&s).await, later);

    // What another replica packed later stays, and what was packed in one transaction is the same.
    changes(&s, "update leaf set stamp = stamp + 1000 where block = 0").await;
    let body = "select body, stamp from leaf order by block";
    let bodies = async || {
        s.desk
            .store
            .read(move |c: &mut dyn Conn| c.rows(body, &[]))
            .await
            .expect("blocks")
    };
    let before = bodies().await;
    changes(
        &s,
        "update measure set cause = 'x', stamp = (select max(stamp) + 1 from measure) where ref = 1",
    )
    .await;
    pack(0).await.expect("packed");
    assert_eq!(bodies().await[1], before[1], "the newer block stays");
    changes(&s, "update leaf set stamp = 0").await;
    pack(0).await.expect("packed anew");
    let beside = bodies().await;
    assert_ne!(beside[1].text(0), before[1].text(0));
    changes(&s, "delete from leaf").await;
    let at_once = |conn: &mut dyn Conn| leaf::pack(conn, 0);
    s.desk.write(at_once).await.expect("packed");
    assert_eq!(bodies().await, beside);
    let later = says_after_a_start(&s).await;

    // A block that cannot be read, or was written in another way, is as good as none.
    changes(&s, "update leaf set body = 'AAAA' where block = 0").await;
    assert_eq!(says_after_a_start(&s).await, later);
    changes(&s, "update leaf set body = '0' where block = -1").await;
    assert_eq!(says_after_a_start(&s).await, later);
    pack(0).await.expect("packed anew");
    assert_eq!(says_after_a_start(&s).await, later);
}
