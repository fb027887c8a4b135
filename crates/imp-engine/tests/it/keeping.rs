//! What is kept stays kept: migrations, backups, and stores in a bad way.

use super::*;
use crate::place::{On, Place, administer_in, columns};
use imp_engine::backup::{self, BackupError};
use imp_engine::birth::{self, Birth};
use imp_engine::store::{apart, migrations};
use imp_engine::{Conn, Store, audit};
use std::io::Cursor;

both! {
    a_backup_taken_in_the_middle_of_work_goes_on_in_either_store,
    a_damaged_backup_is_refused_before_anything_is_written,
    nothing_is_restored_over_what_is_there,
    a_backup_holds_the_audit_log_and_new_services_but_nobodys_session,
    a_store_of_any_former_version_is_brought_up_to_date,
    a_store_of_a_newer_version_is_left_alone,
}

pub fn copy_of(place: &Place) -> Vec<u8> {
    let mut conn = Store::peek(&place.url).expect("a store");
    let mut out = Vec::new();
    apart(|| backup::write(conn.as_mut(), At(0), &mut out, &mut |_| {})).expect("a copy");
    out
}

pub fn restore(place: &Place, copy: &[u8]) -> Result<u64, BackupError> {
    let (_store, mut conn) = Store::open(&place.url).expect("a store");
    apart(|| backup::restore(conn.as_mut(), &mut Cursor::new(copy), &mut |_| {}))
}

/// The lines of a copy that say what happened and what is true; not what is owed, nor when it was made.
fn facts(copy: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(copy);
    let mut lines = text.lines().skip(1);
    lines
        .by_ref()
        .take_while(|l| !l.starts_with("{\"table\":\"effect\""))
        .map(str::to_owned)
        .collect()
}

async fn a_backup_taken_in_the_middle_of_work_goes_on_in_either_store(on: On) {
    let mut s = Stage::new(on);
    s.answers(
        "record.ticket",
        vec![Outcome::Later {
            pause: Pause::Asked(1),
            why: "no answer".into(),
        }],
    );
    s.declares("key-1", "Payments fail – \u{1f525}").await;
    s.runs().await;
    s.declares("key-2", "Search is slow").await;
    let claimed = s
        .desk
        .claim(vec![(Capability::Record, 8)], vec![])
        .await
        .expect("claimed");
    assert!(!claimed.orders.is_empty(), "something is under way");
    let copy = copy_of(&s.place);
    backup::verify(&mut Cursor::new(&copy)).expect("sound");
    for other in [On::Sqlite, On::Postgres] {
        let place = Arc::new(Place::new(other));
        restore(&place, &copy).expect("restored");
        assert_eq!(facts(&copy), facts(&copy_of(&place)));
        let mut next = Stage::over(place, Arc::new(HandClock::default()));
        next.clock.0.store(60_000, Ordering::SeqCst);
        next.runs().await;
        let calls = next.record.calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert!(
            calls.iter().filter(|(k, _)| k == "record.ticket").count() == 2,
            "both tickets were owed: {calls:?}"
        );
        assert!(
            calls.iter().all(|(k, tried)| k != "record.ticket" || *tried > 0),
            "what may have been done since is looked for: {calls:?}"
        );
        assert_eq!(
            next.declares("key-1", "Payments fail – \u{1f525}").await.reference,
            imp_core::Ref(1)
        );
        assert_eq!(
            next.declares("key-3", "Something new").await.reference,
            imp_core::Ref(3)
        );
    }
}

async fn a_damaged_backup_is_refused_before_anything_is_written(on: On) {
    let mut s = Stage::new(on);
    s.declares("", "Payments fail").await;
    s.runs().await;
    let copy = copy_of(&s.place);
    let place = Place::new(on);
    let mut bad: Vec<Vec<u8>> = [0, 1, copy.len() / 3, copy.len() / 2, copy.len() - 1]
        .map(|n| copy[..n].to_vec())
        .into();
    let last_line = copy[..copy.len() - 1]
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |n| n + 1);
    bad.push(copy[..last_line].to_vec());
    let mut flipped = copy.clone();
    let at = String::from_utf8_lossy(&copy).find("Payments").expect("there");
    flipped[at] = b'p';
    bad.push(flipped);
    bad.push([copy.as_slice(), b"[1]\n"].concat());
    bad.push(b"<html>\n".to_vec());
    for b in &bad {
        let why = backup::verify(&mut Cursor::new(b)).expect_err("refused").to_string();
        assert!(why.contains("nothing was restored"), "{why}");
        assert!(restore(&place, b).is_err(), "not even without having been asked first");
    }
    restore(&place, &copy).expect("the store is still empty");
}

async fn nothing_is_restored_over_what_is_there(on: On) {
    let s = Stage::new(on);
    s.declares("", "Payments fail").await;
    let copy = copy_of(&s.place);
    let place = Place::new(on);
    restore(&place, &copy).expect("restored");
    let again = restore(&place, &copy).expect_err("refused").to_string();
    assert!(again.contains("not empty"), "{again}");
}

async fn a_backup_holds_the_audit_log_and_new_services_but_nobodys_session(on: On) {
    let mut s = Stage::new(on);
    s.declares("", "Payments fail – \u{1f525}").await;
    s.runs().await;
    let birth = Birth {
        id: "b1".into(),
        wish: Some("key-1".into()),
        service: "cart".into(),
        template: "rust-service".into(),
        phase: "going".into(),
        by: "ada".into(),
        begun_at: At(1),
        changed_at: At(2),
        run: r#"{"step":3}"#.into(),
    };
    let begun = birth.clone();
    let session = "insert into session (digest, name, role, teams, made_at, seen_at, ends_at, origin)
                   values ('secret-digest', 'Ada', 'admin', '[]', 0, 0, 9, '')";
    let write = move |c: &mut dyn Conn| {
        birth::begin(c, &begun, "the files")?;
        assert!(birth::take(c, "b1", "somebody else", At(2))?, "somebody works on it");
        c.run(session, &[]).map(drop)
    };
    s.desk.write(write).await.expect("written");
    let was = s.desk.store.read(audit::verify).await.expect("read");
    assert!(was.entries > 0 && was.faults.is_empty(), "{was:?}");
    let copy = copy_of(&s.place);
    assert!(!String::from_utf8_lossy(&copy).contains("secret-digest"));
    for other in [On::Sqlite, On::Postgres] {
        let place = Arc::new(Place::new(other));
        restore(&place, &copy).expect("restored");
        let next = Stage::over(place, Arc::new(HandClock::default()));
        let read = |c: &mut dyn Conn| {
            let sessions = c.rows("select 1 from session", &[])?.len();
            Ok((
                audit::verify(c)?,
                birth::waiting(c, At(3))?,
                birth::files(c, "b1")?,
                sessions,
            ))
        };
        let (verdict, waiting, files, sessions) = next.desk.store.read(read).await.expect("read");
        assert_eq!(verdict, was, "the audit log is whole, and ends where it ended");
        assert_eq!(
            waiting.first(),
            Some(&birth),
            "nobody holds it here, so it goes on at once"
        );
        assert_eq!((files.as_deref(), sessions), (Some("the files"), 0));
        // What happens from now on is bound to what was restored.
        next.declares("", "Search is slow").await;
        let verdict = next.desk.store.read(audit::verify).await.expect("read");
        assert_eq!((verdict.entries, verdict.faults), (was.entries + 1, vec![]));
    }
}

/// The version in which titles began to be kept as they are searched; rows that come later say it themselves.
const SOUGHT: usize = 14;

async fn a_store_of_any_former_version_is_brought_up_to_date(on: On) {
    // Rows as version 1 wrote them: an incident, its facts, and what was owed.
    let sample = {
        let s = Stage::new(On::Sqlite);
        s.declares("key-1", "Zahlungen ÜBER PayPal scheitern").await;
        String::from_utf8(copy_of(&s.place)).expect("text")
    };
    for version in 1..=migrations().len() {
        let place = Arc::new(Place::new(on));
        let mut script: Vec<String> = vec!["create table schema_version (version bigint not null)".into()];
        for (n, sql) in migrations().iter().take(version).enumerate() {
            script.extend(
                sql.replace("{serial}", place.serial())
                    .split(';')
                    .map(|s| s.trim().to_owned()),
            );
            script.push(format!("insert into schema_version (version) values ({})", n + 1));
        }
        let later: &[&str] = if version < 2 { &["failures"] } else { &[] };
        // Nothing had been measured then, and no edition of the process was kept.
        let rows = columns(&sample, later).into_iter();
        let newer = [
            "insert into measure ",
            "insert into audit ",
            "insert into process_version ",
        ];
        script.extend(rows.filter(|r| !newer.iter().any(|n| r.starts_with(n))));
        script.push("delete from sheet where name = 'measure'".into());
        if on == On::Postgres {
            script.push("select setval(pg_get_serial_sequence('effect', 'id'), 100)".into());
            script.push("select setval(pg_get_serial_sequence('journal', 'seq'), 100)".into());
        }
        administer_in(&place, script.into_iter().filter(|s| !s.is_empty()).collect());
        let mut s = Stage::over(place, Arc::new(HandClock::default()));
        // Before anything is written to it again.
        if version < SOUGHT {
            let filter = read::Filter {
                words: Some("über paypal".into()),
                ..read::Filter::default()
            };
            let found = s.desk.store.read(move |c| read::incidents(c, &filter, None, 5)).await;
            assert_eq!(
                found.expect("a list").len(),
                1,
                "version {version}: what was there is found"
            );
        }
        s.clock.0.store(60_000, Ordering::SeqCst);
        s.runs().await;
        assert!(
            s.incident(1).await.links.ticket.is_some(),
            "version {version}: what was owed is done"
        );
        let measured = s.desk.store.read(|c| c.rows("select ref from measure", &[])).await;
        assert_eq!(
            measured.expect("rows").len(),
            1,
            "version {version}: what was there is counted"
        );
        assert_eq!(
            s.declares("key-1", "Zahlungen ÜBER PayPal scheitern").await.reference,
            imp_core::Ref(1)
        );
        assert_eq!(s.declares("key-2", "Another").await.reference, imp_core::Ref(2));
    }
}

async fn a_store_of_a_newer_version_is_left_alone(on: On) {
    let s = Stage::new(on);
    let place = s.place.clone();
    drop(s);
    administer_in(&place, vec!["insert into schema_version (version) values (99)".into()]);
    for why in [
        Store::open(&place.url).err().map(|e| e.to_string()),
        Store::peek(&place.url).err().map(|e| e.to_string()),
    ] {
        let why = why.expect("refused");
        assert!(why.contains("newer version of imp (schema 99"), "{why}");
    }
}

#[test]
fn of_replicas_that_start_at_once_one_migrates_and_the_others_wait() {
    let place = Place::new(On::Postgres);
    let opened: Vec<_> = std::thread::scope(|s| {
        let all: Vec<_> = (0..6).map(|_| s.spawn(|| Store::open(&place.url))).collect();
        all.into_iter().map(|t| t.join().expect("no panic")).collect()
    });
    for o in &opened {
        assert!(o.is_ok(), "{:?}", o.as_ref().err());
    }
    let versions = opened[0].as_ref().map(|(store, _)| {
        apart(|| store.read_now(|c| c.rows("select version from schema_version order by version", &[])))
    });
    let versions: Vec<i64> = versions
        .expect("open")
        .expect("read")
        .iter()
        .map(|r| r.int(0))
        .collect();
    assert_eq!(versions, (1..=imp_engine::store::SCHEMA).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_full_disk_is_said_and_heals_and_what_was_acknowledged_is_there() {
    let place = Arc::new(Place::new(On::Sqlite));
    let s = Stage::over(place, Arc::new(HandClock::default()));
    let limit = |n: i64| move |c: &mut dyn Conn| c.rows(&format!("pragma max_page_count = {n}"), &[]).map(drop);
    let pages = s
        .desk
        .store
        .read(|c| c.rows("pragma page_count", &[]))
        .await
        .expect("read")[0]
        .int(0);
    s.desk.write(limit(pages + 12)).await.expect("limited");
    let mut acknowledged = 0;
    let why = loop {
        match s.wish("", None, declare("Payments fail")).await {
            Ok(_) => acknowledged += 1,
            Err(SubmitError::Broken(why)) => break why.to_string(),
            Err(other) => panic!("{other}"),
        }
        assert!(acknowledged < 10_000, "the disk is never full");
    };
    assert!(
        why.contains("disk is full") && why.contains("goes on by itself"),
        "{why}"
    );
    let there = |s: &Stage| {
        let store = s.desk.store.clone();
        async move {
            store
                .read(|c| c.rows("select count(*) from incident", &[]))
                .await
                .expect("read")[0]
                .int(0)
        }
    };
    assert_eq!(there(&s).await, acknowledged);
    s.desk.write(limit(1_000_000)).await.expect("there is room again");
    s.declares("", "Payments fail").await;
    assert_eq!(there(&s).await, acknowledged + 1);
}

#[tokio::test]
async fn a_damaged_file_is_named_with_what_to_do_and_is_not_touched() {
    let mut s = Stage::new(On::Sqlite);
    for n in 0..20 {
        s.declares("", &format!("Payments fail {n}")).await;
    }
    s.runs().await;
    s.desk.store.gather().expect("one file");
    let place = s.place.clone();
    drop(s);
    let path = place.url.trim_start_matches("sqlite://").to_owned();
    let mut bytes = std::fs::read(&path).expect("the file");
    // Everything but the first page: what the tables are is still there, what is in them is not.
    bytes[4096..].fill(0xa5);
    std::fs::write(&path, &bytes).expect("damaged");
    // The desk's thread lets go of the file a moment after its last handle.
    let why = loop {
        let why = Store::open(&place.url).err().map(|e| e.to_string()).unwrap_or_default();
        if !why.contains("in use") {
            break why;
        }
        tokio::time::sleep(POLL).await;
    };
    for words in [path.as_str(), "damaged", "imp restore", "imp rebuild"] {
        assert!(why.contains(words), "{words}: {why}");
    }
    assert_eq!(
        std::fs::read(&path).expect("the file"),
        bytes,
        "nothing was written into it"
    );
}

#[tokio::test]
async fn when_postgresql_breaks_every_connection_nothing_acknowledged_is_lost_and_it_heals() {
    let s = Stage::new(On::Postgres);
    let name = s.place.database().expect("a database");
    let mut acknowledged: Vec<u64> = Vec::new();
    for n in 0..40 {
        if n % 10 == 5 {
            place::administer(format!(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
            ));
        }
        if let Ok(i) = s.wish(&format!("key-{n}"), None, declare("Payments fail")).await {
            acknowledged.push(i.reference.0);
        }
    }
    assert!(
        acknowledged.len() >= 36,
        "a break costs at most the wish that it meets: {}",
        acknowledged.len()
    );
    for r in &acknowledged {
        assert_eq!(s.incident(*r).await.reference.0, *r);
    }
    // Away for a while: nobody is let in.
    place::administer(format!("alter database {name} allow_connections false"));
    place::administer(format!(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
    ));
    let why = s
        .wish("away", None, declare("Payments fail"))
        .await
        .err()
        .map(|e| e.to_string())
        .unwrap_or_default();
    assert!(why.contains("PostgreSQL"), "{why}");
    place::administer(format!("alter database {name} allow_connections true"));
    let began = std::time::Instant::now();
    while s.wish("away", None, declare("Payments fail")).await.is_err() {
        assert!(began.elapsed() < TAKEN_UP, "it does not heal");
        tokio::time::sleep(POLL).await;
    }
}

#[tokio::test]
async fn a_settlement_after_the_lease_was_lost_changes_nothing_and_a_mirror_is_written_once_more() {
    let a = Stage::new(On::Postgres);
    let mut b = Stage::over(a.place.clone(), a.clock.clone());
    a.declares("", "Payments fail").await;
    let claimed = a
        .desk
        .claim(vec![(Capability::Record, 1)], vec![])
        .await
        .expect("claimed");
    let (ticket, order) = claimed.orders.into_iter().next().expect("the ticket");
    assert_eq!((order.key.as_str(), order.others_wrote), ("record.ticket", false));
    // While its lease is put off, nobody takes it, however long it takes.
    assert_eq!(b.runs().await, 0);
    // It freezes: nobody puts the lease off any more, and the other takes it up.
    let began = std::time::Instant::now();
    while b.calls("record.ticket") == 0 {
        assert!(began.elapsed() < TAKEN_UP, "nobody takes it up");
        b.runs().await;
        tokio::time::sleep(POLL).await;
    }
    b.runs().await;
    let settled = b.incident(1).await;
    assert_eq!(settled.links.ticket.as_ref().map(|t| t.key.as_str()), Some("INC-1"));
    // It thaws.
    let stale = Link::Ticket {
        key: "INC-666".into(),
        id: "666".into(),
        url: String::new(),
    };
    a.desk.settle(ticket, Outcome::Done(vec![stale])).await.expect("heard");
    assert_eq!(b.incident(1).await, settled, "nothing changed");
    // The same with a mirror: whatever the late one wrote is written over.
    a.wish(
        "",
        Some(1),
        Command::Move {
            to: "identified".into(),
            fields: BTreeMap::new(),
        },
    )
    .await
    .expect("moved");
    let mut mirrors = a
        .desk
        .claim(vec![(Capability::Record, 8)], vec![])
        .await
        .expect("claimed")
        .orders;
    mirrors.retain(|(lease, _)| lease.what.is_mirror());
    let (late, order) = mirrors.into_iter().next().expect("a mirror");
    assert!(order.others_wrote, "the other has written since");
    let before = b.calls(&order.key);
    let began = std::time::Instant::now();
    while b.calls(&order.key) == before {
        assert!(began.elapsed() < TAKEN_UP, "nobody takes it up");
        b.runs().await;
        tokio::time::sleep(POLL).await;
    }
    b.runs().await;
    let before = b.calls(&order.key);
    a.desk.settle(late, Outcome::Done(vec![])).await.expect("heard");
    b.runs().await;
    assert_eq!(b.calls(&order.key), before + 1);
}

#[tokio::test]
async fn a_replica_that_stops_gives_back_what_it_could_not_finish() {
    let a = Stage::new(On::Postgres);
    let b = Stage::over(a.place.clone(), a.clock.clone());
    a.declares("", "Payments fail").await;
    let claimed = a
        .desk
        .claim(vec![(Capability::Record, 1)], vec![])
        .await
        .expect("claimed");
    let leases = claimed.orders.into_iter().map(|(lease, _)| lease).collect();
    a.desk.give_back(leases).await.expect("given back");
    let taken = b
        .desk
        .claim(vec![(Capability::Record, 1)], vec![])
        .await
        .expect("claimed");
    let (_, order) = taken.orders.first().expect("at once");
    assert_eq!(
        (order.key.as_str(), order.tried),
        ("record.ticket", 1),
        "it looks before it creates"
    );
}

#[tokio::test]
async fn what_was_spent_of_a_vendors_limits_counts_for_whoever_starts_after() {
    let spent = |s: &Stage| s.record.spent.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let called = Spent {
        key: "conversations.create".into(),
        ages: vec![900, 400],
        lasts: 60_000,
        patience: 30_000,
    };
    for on in [On::Sqlite, On::Postgres] {
        let mut before = Stage::new(on);
        before
            .record
            .spent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(called.clone());
        before.runs().await;
        before.clock.0.fetch_add(5_000, Ordering::SeqCst);
        let (place, clock) = (before.place.clone(), before.clock.clone());
        drop(before);
        let after = Stage::over(place, clock);
        let wanted = Spent {
            ages: vec![5_900, 5_400],
            ..called.clone()
        };
        assert_eq!(spent(&after), [wanted], "{on:?}");
    }
}

#[tokio::test]
async fn the_vendors_limits_are_shared_among_the_replicas_that_are_there() {
    let mut a = Stage::new(On::Postgres);
    let told = |s: &Stage| s.record.shared_by.load(Ordering::SeqCst);
    a.runs().await;
    assert_eq!(told(&a), 0, "it is alone, and has all of them");
    let mut others: Vec<Stage> = (0..2).map(|_| Stage::over(a.place.clone(), a.clock.clone())).collect();
    others[0].runs().await;
    assert_eq!(
        told(&others[0]),
        3,
        "whoever comes counts who is there before it does anything"
    );
    // Who was there before counts again within seconds, also those who go without a word.
    for wanted in [3, 2, 1] {
        let began = std::time::Instant::now();
        while told(&a) != wanted {
            assert!(began.elapsed() < TAKEN_UP, "{} instead of {wanted}", told(&a));
            a.runs().await;
            tokio::time::sleep(POLL).await;
        }
        others.pop();
    }
}
