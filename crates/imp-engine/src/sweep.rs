//! The sweep: mirrors the catalogue and the people in, again and again, so that decisions need not ask a vendor; finds
//! what people changed in the record and no webhook told of; repeats mirrors, so that what somebody broke by hand heals.

use crate::desk::{Change, Desk, keep_sheet};
use crate::lease;
use crate::read::{self, Filter};
use crate::store::{Conn, StoreError};
use futures_util::{StreamExt, stream};
use imp_core::command::RecordChange;
use imp_core::effect::Timer;
use imp_core::port::{CatalogueSource, DirectorySource, Heard, PageSource, Port, RecordSource};
use imp_core::public::Differs;
use imp_core::{Actor, Command, Envelope, Incident, Ref, Role};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How often the catalogue is read: on-calls change by the hour.
const CATALOGUE_EVERY: Duration = Duration::from_secs(60);
/// How often the people are read.
const DIRECTORY_EVERY: Duration = Duration::from_secs(600);
/// How often old wishes are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3600);
/// How long a wish's identifier is remembered: Slack and Jira send again within hours, scripts within days.
const REMEMBERED_MS: i64 = 14 * 86_400_000;
/// Incidents looked up when the first catalogue comes; their timers look up any others.
const ROUTED_AT_ONCE: usize = 1000;
/// How often it is looked what other replicas have written. One indexed query; it needs no connection of its own that
/// would have to be watched, as notifications do, and after a break it goes on where it was.
const OTHERS_EVERY: Duration = Duration::from_millis(500);
/// Facts of others that are taken note of at once.
const OTHERS_AT_ONCE: i64 = 1000;
/// How soon a reading that failed is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// How far back a search for changes in the record reaches: further than a search may lag behind, and than a vendor is
/// usually down. What was changed earlier is found by the round.
const CHANGED_WITHIN_MS: i64 = 15 * 60_000;
/// How long a round through all open incidents takes unless something else is asked for: each is looked at and its mirrors
/// are repeated once in it.
pub const ROUND: Duration = Duration::from_secs(600);
/// The shortest pause between two incidents of a round, unless the whole round is to be shorter. After a restart each costs
/// two edits in Slack, which takes fifty in a minute, and people's own come first.
const BETWEEN: Duration = Duration::from_secs(6);
/// Open incidents that a round goes through.
const ROUND_MAX: usize = 1_000;
/// Tickets that are looked at at once. After a restart it is every one that changed lately, and what people have just
/// changed is among them; one after the other, a hundred would take most of a minute.
const LOOKS_AT_ONCE: usize = 4;
/// First pause after a look that failed; it doubles.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Longest pause after a look that failed.
const LOOK_AGAIN_MOST: Duration = Duration::from_secs(60);
/// Hints that may wait. Beyond it they are dropped: the search finds what they told of.
pub const HINTS: usize = 1_024;
/// Tickets of which is remembered how they were when they were looked at.
const MARKS_MAX: usize = 10_000;

/// Looks into the record for ever: at once where a hint says so, at what a search finds changed, and at each open
/// incident's ticket once in a round.
pub async fn record(desk: Desk, source: Arc<dyn RecordSource>, mut hints: mpsc::Receiver<Ref>, every: Duration) {
    let mut search = tokio::time::interval(every);
    search.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut marks = Marks::default();
    let mut due: BTreeMap<Ref, Duty> = BTreeMap::new();
    loop {
        let next = due.values().map(|d| d.at).min();
        let wait = async {
            match next {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            hint = hints.recv() => match hint {
                Some(r) => drop(due.entry(r).or_insert_with(Duty::now)),
                None => return,
            },
            _ = search.tick() => {
                for r in changed(&desk, source.as_ref(), &mut marks).await {
                    due.entry(r).or_insert_with(Duty::now);
                }
            }
            () = wait => {}
        }
        let now = Instant::now();
        let ready: Vec<Ref> = due.iter().filter(|(_, d)| d.at <= now).map(|(r, _)| *r).collect();
        let (desk, source) = (&desk, source.as_ref());
        let looks = ready
            .into_iter()
            .map(|r| async move { (r, look(desk, source, r).await) });
        let mut looks = stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE);
        while let Some((r, looked)) = looks.next().await {
            match looked {
                Ok(()) => drop(due.remove(&r)),
                Err(why) => {
                    if let Some(d) = due.get_mut(&r) {
                        d.fail();
                    }
                    tracing::warn!(reference = %r, why, "the ticket cannot be looked at; it will be tried again");
                }
            }
        }
    }
}

/// A look that is owed.
struct Duty {
    at: Instant,
    pause: Duration,
}

impl Duty {
    fn now() -> Duty {
        Duty {
            at: Instant::now(),
            pause: LOOK_AGAIN,
        }
    }

    fn fail(&mut self) {
        self.at = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(LOOK_AGAIN_MOST);
    }
}

/// How tickets were when a search last showed them.
#[derive(Default)]
struct Marks {
    shown: HashMap<String, String>,
    looked: HashMap<String, String>,
}

/// Incidents whose tickets have changed and rest again: what changes this very moment is most often what we write.
async fn changed(desk: &Desk, source: &dyn RecordSource, marks: &mut Marks) -> Vec<Ref> {
    let any = desk.store.read(read::any_ticket).await.unwrap_or(false);
    if !any {
        return Vec::new();
    }
    let found = match source.changed(CHANGED_WITHIN_MS).await {
        Ok(found) => found,
        Err(why) => {
            tracing::warn!(why, "changes in the record cannot be searched for");
            return Vec::new();
        }
    };
    if marks.looked.len() > MARKS_MAX {
        *marks = Marks::default();
    }
    let mut out = Vec::new();
    for (key, mark) in found {
        let rests = marks.shown.insert(key.clone(), mark.clone()).as_ref() == Some(&mark);
        if !rests || marks.looked.get(&key) == Some(&mark) {
            continue;
        }
        marks.looked.insert(key.clone(), mark);
        if let Ok(Some(i)) = desk.store.read(move |c| read::of_ticket(c, &key)).await {
            out.push(i.reference);
        }
    }
    out
}

/// Looks at an incident's ticket and takes over what people changed there.
async fn look(desk: &Desk, source: &dyn RecordSource, r: Ref) -> Result<(), String> {
    let found = desk
        .store
        .read(move |c| read::load(c, r))
        .await
        .map_err(|e| e.to_string())?;
    let Some(i) = found.filter(|i| i.links.ticket.is_some()) else {
        return Ok(());
    };
    let process = desk.house.process_of(&i);
    for heard in source.look(Arc::new(i), process).await? {
        take_over(desk, r, heard).await?;
    }
    Ok(())
}

async fn take_over(desk: &Desk, r: Ref, heard: Heard) -> Result<(), String> {
    // Nobody did what only turned out.
    let nobody = matches!(heard.change, RecordChange::Baseline | RecordChange::Gone { .. });
    let by = match nobody {
        true => Actor::Imp,
        false => Actor::Jira {
            who: heard.who.map(|w| desk.house.directory.load().complete(&w)),
        },
    };
    let envelope = Envelope {
        id: String::new(),
        by,
        role: Role::Admin,
        at: desk.clock.now(),
        about: Some(r),
        command: Command::Adopt {
            change: heard.change,
            seen: heard.seen,
        },
    };
    match desk.submit(envelope).await {
        Ok(_) => Ok(()),
        Err(crate::SubmitError::Refused(refusal)) => {
            tracing::info!(reference = %r, %refusal, "a change in the record was not taken over");
            Ok(())
        }
        Err(e) => Err(e.to_string()),
    }
}

/// Goes round through the open incidents for ever: repeats every mirror of each, and has its ticket looked at. What is
/// as it should be costs a look and no write.
pub async fn round(desk: Desk, ports: Vec<Arc<dyn Port>>, hints: mpsc::Sender<Ref>, every: Duration) {
    loop {
        let open = open_incidents(&desk).await;
        let pause = (every / u32::try_from(open.len().max(1)).unwrap_or(u32::MAX)).max(BETWEEN.min(every));
        if open.is_empty() {
            tokio::time::sleep(every).await;
        }
        for i in open {
            tokio::time::sleep(pause).await;
            repeat(&desk, &ports, &i).await;
            // Where too many wait, the next round comes by again.
            let _ = hints.try_send(i.reference);
        }
    }
}

async fn open_incidents(desk: &Desk) -> Vec<Incident> {
    let filter = Filter {
        categories: vec!["triage".into(), "active".into(), "after".into()],
        ..Filter::default()
    };
    let read = desk.store.read(move |c| read::incidents(c, &filter, None, ROUND_MAX));
    read.await.unwrap_or_default()
}

async fn repeat(desk: &Desk, ports: &[Arc<dyn Port>], i: &Incident) {
    for p in ports {
        p.forget(i);
    }
    if desk.store.is_shared() {
        // Whichever replica performs them shall have forgotten, too.
        let r = i.reference;
        if let Err(e) = desk.write(move |conn| lease::forget(conn, r)).await {
            tracing::warn!(reference = %r, error = %e, "its mirrors are repeated from memory");
        }
    }
    let envelope = Envelope {
        id: String::new(),
        by: Actor::Imp,
        role: Role::Admin,
        at: desk.clock.now(),
        about: Some(i.reference),
        command: Command::Repeat,
    };
    if let Err(e) = desk.submit(envelope).await {
        tracing::warn!(reference = %i.reference, error = %e, "its mirrors could not be repeated");
    }
}

/// Looks at the public incidents for ever, for what somebody changed there. What was seen twice is told: within a minute, at
/// three looks in it.
pub async fn page(desk: Desk, source: Arc<dyn PageSource>, every: Duration) {
    let mut before: BTreeMap<Ref, Differs> = BTreeMap::new();
    loop {
        tokio::time::sleep(every).await;
        match look_at_page(&desk, source.as_ref(), &before).await {
            Ok(now) => before = now,
            Err(why) => tracing::warn!(why, "the status page could not be looked at"),
        }
    }
}

/// One look. What differs is told once it was seen twice in a row, as it was `before`: what IMP itself is writing just now
/// differs for a moment, too.
///
/// # Errors
/// What the page or the store says.
pub async fn look_at_page(
    desk: &Desk,
    source: &dyn PageSource,
    before: &BTreeMap<Ref, Differs>,
) -> Result<BTreeMap<Ref, Differs>, String> {
    let broken = |e: StoreError| e.to_string();
    let filter = Filter {
        categories: vec!["triage".into(), "active".into(), "after".into()],
        ..Filter::default()
    };
    let open = desk.store.read(move |c| read::incidents(c, &filter, None, ROUND_MAX));
    let open = open.await.map_err(broken)?;
    let shown = open
        .into_iter()
        .filter(|i| i.links.page.is_some() && i.merged_into.is_none())
        .map(|i| {
            let process = desk.house.process_of(&i);
            (Arc::new(i), process)
        });
    let shown: Vec<(Arc<Incident>, Arc<imp_core::Process>)> = shown.collect();
    let versions: BTreeMap<Ref, u64> = shown.iter().map(|(i, _)| (i.reference, i.version)).collect();
    let seen = source.look(shown).await?;
    let owed = desk.store.read(|c| read::owes_page(c)).await.map_err(broken)?;
    let mut now = BTreeMap::new();
    for (r, differs) in seen {
        let found = desk.incident(r).await.map_err(broken)?;
        // Somebody was at work meanwhile: what was seen may be old.
        let Some(i) = found.filter(|i| versions.get(&r) == Some(&i.version) && !owed.contains(&r)) else {
            continue;
        };
        if let Some(d) = &differs {
            now.insert(r, d.clone());
        }
        let sure = differs.is_none() || before.get(&r) == differs.as_ref();
        let known = i.page_differs.as_ref().map(|(d, _)| d);
        if sure && known != differs.as_ref() {
            let envelope = Envelope {
                id: String::new(),
                by: Actor::Imp,
                role: Role::Admin,
                at: desk.clock.now(),
                about: Some(r),
                command: Command::PageSeen { differs },
            };
            // Those behind it are told of nevertheless; this one is at the next look.
            if let Err(e) = desk.submit(envelope).await {
                tracing::warn!(incident = %r, error = %e, "what the status page shows was not noted");
            }
        }
    }
    Ok(now)
}

/// Keeps the catalogue fresh, for ever. A reading that fails leaves the last one in force.
pub async fn catalogue(desk: Desk, source: Arc<dyn CatalogueSource>) {
    let mut told = Vec::new();
    loop {
        let rest = match source.read().await {
            Ok(mut catalogue) => {
                let now = desk.clock.now();
                catalogue.as_of = Some(now);
                let catalogue = Arc::new(catalogue);
                let first = desk.house.catalogue.swap(catalogue.clone()).as_of.is_none();
                let strangers = desk.house.process.load().strangers(&catalogue);
                if strangers != told {
                    for fault in &strangers {
                        tracing::warn!("the process names somebody whom the catalogue does not have: {fault}");
                    }
                    told = strangers;
                }
                if first {
                    route_what_waited(&desk).await;
                }
                let kept = desk
                    .write(move |conn| keep_sheet(conn, "catalogue", now, &*catalogue))
                    .await;
                if let Err(e) = kept {
                    tracing::warn!(error = %e, "the catalogue could not be kept for the next start");
                }
                CATALOGUE_EVERY
            }
            Err(why) => {
                tracing::warn!(why, "the catalogue cannot be read; the last one stays in force");
                AGAIN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(desk.clock.takes(rest)) => {}
            () = desk.catalogue_wanted.notified() => {}
        }
    }
}

/// Takes note of what other replicas write, for ever: wakes the runner, and tells whoever listens to changes. As replicas
/// write one after the other, the journal's numbers are in the order of the commits, and none is passed over.
pub async fn others(desk: Desk) {
    let mut seen: Option<i64> = None;
    loop {
        let after = seen;
        let house = desk.house.clone();
        let read = move |conn: &mut dyn Conn| {
            // A replica may have begun incidents by a process that has not come here yet.
            house.know_all(conn)?;
            house.know_subscriptions(conn)?;
            news(conn, after)
        };
        let news = desk.store.read(read).await;
        // While the store is away the desk says so, again and again.
        if let Ok((last, changes)) = news {
            seen = Some(last);
            if !changes.is_empty() {
                desk.others_changed(changes);
            }
        }
        tokio::time::sleep(OTHERS_EVERY).await;
    }
}

fn news(conn: &mut dyn Conn, after: Option<i64>) -> Result<(i64, Vec<Change>), StoreError> {
    let Some(after) = after else {
        let last = conn.rows("select coalesce(max(seq), 0) from journal", &[])?;
        return Ok((last.first().map_or(0, |r| r.int(0)), Vec::new()));
    };
    let rows = conn.rows(
        "select seq, ref, n from journal where seq > ?1 order by seq limit ?2",
        &[after.into(), OTHERS_AT_ONCE.into()],
    )?;
    let last = rows.last().map_or(after, |r| r.int(0));
    let changes = rows.iter().map(|r| Change {
        reference: Ref(r.int(1).unsigned_abs()),
        version: r.int(2).unsigned_abs(),
    });
    Ok((last, changes.collect()))
}

/// The first catalogue is there: whatever began without one is looked up now.
async fn route_what_waited(desk: &Desk) {
    let filter = Filter {
        categories: vec!["triage".into(), "active".into()],
        ..Filter::default()
    };
    let open = desk
        .store
        .read(move |c| read::incidents(c, &filter, None, ROUTED_AT_ONCE))
        .await
        .unwrap_or_default();
    for i in open
        .iter()
        .filter(|i| i.questions.is_empty() || i.service.as_ref().is_some_and(|s| !s.known))
    {
        let envelope = Envelope {
            id: String::new(),
            by: Actor::Imp,
            role: Role::Admin,
            at: desk.clock.now(),
            about: Some(i.reference),
            command: Command::Nudge { timer: Timer::Route },
        };
        if let Err(e) = desk.submit(envelope).await {
            tracing::warn!(reference = %i.reference, error = %e, "could not be looked up in the catalogue yet");
        }
    }
}

/// Keeps the directory of people fresh, for ever.
pub async fn directory(desk: Desk, source: Arc<dyn DirectorySource>) {
    loop {
        let rest = match source.read().await {
            Ok(directory) => {
                let now = desk.clock.now();
                let directory = Arc::new(directory);
                desk.house.directory.store(directory.clone());
                if let Err(e) = desk
                    .write(move |conn| keep_sheet(conn, "directory", now, &*directory))
                    .await
                {
                    tracing::warn!(error = %e, "the directory could not be kept for the next start");
                }
                DIRECTORY_EVERY
            }
            Err(why) => {
                tracing::warn!(why, "the people cannot be read; those known stay");
                AGAIN
            }
        };
        tokio::time::sleep(desk.clock.takes(rest)).await;
    }
}

/// Forgets the identifiers of wishes that nobody will send again, for ever.
pub async fn forget_old_wishes(desk: Desk) {
    loop {
        let before = desk.clock.now().plus(-REMEMBERED_MS);
        let forget = move |conn: &mut dyn Conn| {
            conn.run("delete from envelope where at < ?1", &[before.0.into()])
                .map(|_| ())
        };
        if let Err(e) = desk.write(forget).await {
            tracing::warn!(error = %e, "old wishes could not be forgotten");
        }
        tokio::time::sleep(FORGET_EVERY).await;
    }
}
