//! A lost disk brought back: facts that the record remembers go into an empty store, and with them what was done and
//! what is still owed.

use crate::desk::{Desk, House, keep_sheet, sheet};
use crate::lane::STANDS_BEHIND;
use crate::read;
use crate::store::{Conn, StoreError};
use crate::tx::row;
use imp_core::effect::{JOURNAL_KEY, What};
use imp_core::port::Recalled;
use imp_core::process::Category;
use imp_core::react::{applies, mirrors, react};
use imp_core::{At, Incident, Ref};
use std::collections::BTreeMap;
use std::time::Duration;

/// The sheet that marks a store which is being brought back, so that it can be gone on with.
const SHEET: &str = "rebuild";

/// Whether a store may be brought back into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// Nothing is in it.
    Empty,
    /// Bringing back into it was begun and not ended.
    Begun,
    /// It has a journal of its own.
    Taken,
}

/// What a store is, and marks an empty one as begun.
///
/// # Errors
/// What the store says.
pub async fn begin(desk: &Desk) -> Result<Ground, StoreError> {
    let ground = desk
        .store
        .read(|c| {
            let any = !c.rows("select 1 from journal limit 1", &[])?.is_empty();
            let begun = sheet::<bool>(c, SHEET)? == Some(true);
            Ok(match (any, begun) {
                (_, true) => Ground::Begun,
                (false, false) => Ground::Empty,
                (true, false) => Ground::Taken,
            })
        })
        .await?;
    if ground == Ground::Empty {
        mark(desk, true).await?;
    }
    Ok(ground)
}

/// Marks the store as brought back.
///
/// # Errors
/// What the store says.
pub async fn end(desk: &Desk) -> Result<(), StoreError> {
    mark(desk, false).await
}

async fn mark(desk: &Desk, begun: bool) -> Result<(), StoreError> {
    let now = desk.clock.now();
    let write = desk.write(move |c| keep_sheet(c, SHEET, now, &begun));
    write.await.map_err(|e| StoreError(e.to_string()))
}

/// Whether an incident is there already.
///
/// # Errors
/// What the store says.
pub async fn is_there(desk: &Desk, r: Ref) -> Result<bool, StoreError> {
    desk.store.read(move |c| Ok(read::load(c, r)?.is_some())).await
}

/// Brings an incident back, in one transaction; the incident as it is then.
///
/// # Errors
/// Where its facts make no incident, or what the store says.
pub async fn bring_back(desk: &Desk, recalled: Recalled) -> Result<Incident, StoreError> {
    let house = desk.house.clone();
    let now = desk.clock.now();
    let reference = recalled.reference;
    let Some(incident) =
        Incident::fold(&recalled.facts, |i| house.process_then(i)).filter(|i| i.reference == reference)
    else {
        return Err(StoreError(format!(
            "what the record tells of {reference} makes no incident"
        )));
    };
    let kept = incident.clone();
    let write = move |conn: &mut dyn Conn| {
        for fact in &recalled.facts {
            let text = json(fact)?;
            conn.run(
                "insert into journal (ref, n, at, fact) values (?1, ?2, ?3, ?4)",
                &[reference.0.into(), fact.n.into(), fact.at.0.into(), text.into()],
            )?;
        }
        row::save(conn, &kept, &house.process_of(&kept))?;
        for a in &kept.alerts {
            conn.run(
                "insert into alert_group (source, key, ref, firing, changed_at) values (?1, ?2, ?3, ?4, ?5)
                 on conflict (source, key) do update
                 set ref = excluded.ref, firing = excluded.firing, changed_at = excluded.changed_at",
                &[
                    a.alert.source.as_str().into(),
                    a.alert.key.as_str().into(),
                    reference.0.into(),
                    a.firing.into(),
                    a.changed_at.0.into(),
                ],
            )?;
        }
        for d in debts(&kept, &recalled, &house, now) {
            keep(conn, reference, &d, now)?;
        }
        Ok(())
    };
    desk.write(write).await.map_err(|e| StoreError(e.to_string()))?;
    Ok(incident)
}

/// An effect as it is brought back.
#[derive(Debug, PartialEq)]
struct Debt {
    what: What,
    state: &'static str,
    due: At,
    why: Option<String>,
}

/// What was done and what is owed: told again from the facts.
fn debts(i: &Incident, recalled: &Recalled, house: &House, now: At) -> Vec<Debt> {
    let mut deeds: BTreeMap<String, (usize, What, At)> = BTreeMap::new();
    let mut so_far = None;
    for fact in &recalled.facts {
        let process = house.process_then(so_far.as_ref());
        so_far = Incident::evolve(so_far, fact, &process);
        let Some(then) = &so_far else { continue };
        for e in react(then, fact, &house.process_of(then), &house.can)
            .into_iter()
            .filter(|e| !e.what.is_mirror())
        {
            let place = deeds.len();
            deeds
                .entry(e.what.key())
                .or_insert((place, e.what, fact.at.plus(e.after_ms)));
        }
    }
    let mut in_order: Vec<(usize, What, At)> = deeds.into_values().collect();
    in_order.sort_by_key(|(place, _, _)| *place);
    let failed = |key: &str| i.failed.iter().find(|f| f.key == key).map(|f| f.why.clone());
    let mut out: Vec<Debt> = in_order
        .into_iter()
        .map(|(_, what, due)| {
            let key = what.key();
            let why = failed(&key);
            let done = recalled.done.contains(&key) || is_known_done(i, &what) || !applies(i, &what);
            let state = match (done, &why) {
                (true, _) => "done",
                (false, Some(_)) => "failed",
                // What a ticket alone tells is old news, which nobody is told again.
                (false, None) if !recalled.whole && is_news(&what) => "done",
                (false, None) => "pending",
            };
            Debt { what, state, due, why }
        })
        .collect();
    // Updates that a ticket alone tells were told before; without the card's place nothing of that was seen above.
    let told = i
        .updates
        .iter()
        .flat_map(|u| [What::PostUpdate { n: u.n }, What::Comment { n: u.n }]);
    for what in told.filter(|_| !recalled.whole) {
        if out.iter().all(|d| d.what != what) {
            let (state, due, why) = ("done", now, None);
            out.push(Debt { what, state, due, why });
        }
    }
    if house.process_of(i).category(&i.status) != Category::Done {
        let all = mirrors(i, &house.can).into_iter().map(|e| {
            let why = failed(&e.what.key());
            let state = if why.is_some() { "failed" } else { "pending" };
            Debt {
                what: e.what,
                state,
                due: now,
                why,
            }
        });
        out.extend(all);
    }
    out
}

/// Whether the incident itself shows that a deed is done.
fn is_known_done(i: &Incident, what: &What) -> bool {
    let l = &i.links;
    match what {
        What::OpenChannel => l.channel.is_some(),
        What::FileTicket => l.ticket.is_some(),
        What::OpenMeeting => l.meeting.is_some(),
        What::Ask { n } => i.questions.iter().any(|q| q.n == *n && q.posted.is_some()),
        What::FileTask { n } => i.tasks.iter().any(|t| t.n == *n && t.ticket.is_some()),
        What::FileFollowUp { n } => i.follow_ups.iter().any(|t| t.n == *n && t.ticket.is_some()),
        What::ArchiveChannel { .. } => l.channel.as_ref().is_some_and(|c| c.archived),
        // What is still overdue is said again by the next look; what a role means was read when it was taken.
        What::Remind { .. } | What::Brief { .. } => true,
        What::Offer { .. } | What::Departure { .. } | What::Decision { .. } | What::ReadMessage { .. } => true,
        What::Report { .. } => true,
        // What was lost with the store is fetched again only where the journal in the ticket does not tell that it was kept.
        What::KeepPictures { .. } => false,
        // Nothing of the incident shows that they were said.
        What::Notice { .. } | What::PostUpdate { .. } | What::PostReview { .. } | What::LastWord { .. } => false,
        What::Comment { .. } | What::AttachPicture { .. } | What::Duplicate { .. } | What::PublicPost { .. } => false,
        What::CatalogueEvent { .. } | What::Absorb { .. } | What::HandPage { .. } | What::Timer(_) => false,
        // The house's own is ordered when its time comes; a rebuilt incident does not order it.
        What::Digest { .. } | What::CatalogueNumbers { .. } | What::ProcessFile { .. } => false,
        // Mirrors are never done.
        What::Card | What::Topic | What::Members | What::Bookmarks | What::Announcement | What::Questions => false,
        What::TicketFields | What::TicketStatus | What::TicketLink { .. } | What::TaskStatus { .. } => false,
        What::TicketJournal | What::PageStatus => false,
    }
}

/// Whether a deed only says something.
fn is_news(what: &What) -> bool {
    matches!(
        what,
        What::Ask { .. }
            | What::Notice { .. }
            | What::PostUpdate { .. }
            | What::PostReview { .. }
            | What::LastWord { .. }
            | What::Comment { .. }
            | What::PublicPost { .. }
            | What::CatalogueEvent { .. }
    )
}

/// Keeps an effect. What is owed counts as tried, so that it is looked for before it is done again.
fn keep(conn: &mut dyn Conn, r: Ref, d: &Debt, now: At) -> Result<(), StoreError> {
    let done_at = (d.state == "done").then_some(now.0);
    conn.run(
        &format!(
            "insert into effect
             (ref, key, lane, capability, rank, state, due_at, held, made_at, done_at, tried, fault, what, behind)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9, 1, ?10, ?11, {STANDS_BEHIND})"
        ),
        &[
            r.0.into(),
            d.what.key().into(),
            d.what.lane().into(),
            d.what.capability().word().into(),
            (d.what.rank() as i64).into(),
            d.state.into(),
            d.due.0.into(),
            now.0.into(),
            done_at.into(),
            d.why.as_deref().into(),
            json(&d.what)?.into(),
        ],
    )?;
    Ok(())
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError(e.to_string()))
}

/// Has the journals that wait to be kept in their tickets kept now, and waits for that, at most so long: the service is
/// about to stop.
pub async fn hurry_journals(desk: &Desk, most: Duration) {
    let now = desk.clock.now();
    let hurry = desk.write(move |c| {
        c.run(
            "update effect set due_at = ?1 where key = ?2 and state = 'pending' and tried = 0 and due_at > ?1",
            &[now.0.into(), JOURNAL_KEY.into()],
        )
        .map(|_| ())
    });
    let waits = |c: &mut dyn Conn| {
        let sql =
            "select 1 from effect where key = ?1 and (state = 'running' or (state = 'pending' and tried = 0)) limit 1";
        Ok(!c.rows(sql, &[JOURNAL_KEY.into()])?.is_empty())
    };
    let all = async {
        if hurry.await.is_err() {
            return;
        }
        while desk.store.read(waits).await.unwrap_or(false) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // What is not done by then is written after the next start.
    let _ = tokio::time::timeout(most, all).await;
}
