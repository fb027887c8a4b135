//! What happens inside the desk's transaction: load, decide, evolve, react, keep. No IO but the connection.

pub mod row;

use crate::desk::{Change, Claims, House, Receipt, Slots};
use crate::lane;
use crate::lease::{self, Lease, Me};
use crate::read;
use crate::shelf::Shelf;
use crate::store::{Conn, Row, StoreError};
use imp_core::alert::Alert;
use imp_core::effect::{Capability, Effect, Rank, Timer, What};
use imp_core::event::{Event, Fact};
use imp_core::port::{Order, Outcome, Pause, Waiting};
use imp_core::process::Category;
use imp_core::react::mirrors;
use imp_core::refusal::Kind;
use imp_core::{Actor, At, Command, Envelope, Facts, Incident, Ref, Refusal, Role, decide, react};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// First pause after a failure, in milliseconds; it doubles with each further one.
const BACKOFF_FIRST_MS: i64 = 500;
/// Longest pause after a failure: a vendor that is back is noticed within this.
const BACKOFF_MOST_MS: i64 = 15_000;
/// Retries before a card says that a step is being retried: one hiccup is not news.
pub const NEWS_AFTER: i64 = 2;

/// What a transaction sees besides the store.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// What the house knows.
    pub house: &'a House,
    /// Now.
    pub now: At,
    /// The incidents at hand.
    pub shelf: &'a Shelf,
    /// Which replica this is.
    pub me: &'a Me,
}

/// A wish that was granted.
pub struct Granted {
    /// The answer.
    pub receipt: Receipt,
    /// What changed.
    pub changes: Vec<Change>,
    /// Whether there is something to perform.
    pub effects: bool,
    /// Whether an incident began with it.
    pub opened: bool,
}

/// Why a wish about an incident would be refused as things stand. Nothing is written.
pub fn refusal(house: &House, incident: &Incident, envelope: &Envelope) -> Option<Refusal> {
    let (in_force, catalogue, directory) = (house.process.load(), house.catalogue.load(), house.directory.load());
    let process = house.process_of(incident);
    let facts = Facts {
        process: &process,
        in_force: &in_force,
        catalogue: &catalogue,
        directory: &directory,
        next: Ref(0),
        subscriptions: &house.subscriptions.load(),
        other: None,
        can: &house.can,
        now: envelope.at,
        catalogue_comes: house.reads_catalogue && catalogue.as_of.is_none(),
    };
    decide(Some(incident), envelope, &facts).err()
}

/// Grants or refuses a wish.
pub fn submit(conn: &mut dyn Conn, seen: &Seen, envelope: &Envelope) -> Result<Result<Granted, Refusal>, StoreError> {
    let print = print_of(envelope);
    if !envelope.id.is_empty()
        && let Some(row) = conn
            .rows(
                "select ref, print from envelope where id = ?1",
                &[envelope.id.as_str().into()],
            )?
            .first()
    {
        return repeated(conn, seen, row, &print);
    }
    let (about, current) = locate(conn, seen, envelope)?;
    let in_force = seen.house.process.load_full();
    let process = seen.house.process_then(current.as_deref());
    let catalogue = seen.house.catalogue.load();
    let directory = seen.house.directory.load();
    let subscriptions = seen.house.subscriptions.load();
    let other = match envelope.command.names() {
        Some(r) => at_hand(conn, seen, r)?,
        None => None,
    };
    let other_follows = other.as_ref().map(|o| seen.house.process_of(o));
    let opens = current.is_none() && matches!(envelope.command, Command::Alert(_) | Command::Declare { .. });
    let next = if opens { next_ref(conn)? } else { Ref(0) };
    let facts = Facts {
        process: &process,
        in_force: &in_force,
        catalogue: &catalogue,
        directory: &directory,
        next,
        subscriptions: &subscriptions,
        other: other.as_deref().zip(other_follows.as_deref()),
        can: &seen.house.can,
        now: envelope.at,
        catalogue_comes: seen.house.reads_catalogue && catalogue.as_of.is_none(),
    };
    // An alert's incident was found here; what else a wish is about, it says itself.
    let asked = match (about, &envelope.command) {
        (None, _) | (Some(_), Command::Alert(_)) => Cow::Borrowed(envelope),
        (Some(_), _) if about == envelope.about => Cow::Borrowed(envelope),
        (Some(_), _) => Cow::Owned(Envelope {
            about,
            ..envelope.clone()
        }),
    };
    let events = match decide(current.as_deref(), &asked, &facts) {
        Ok(events) => events,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let reference = current
        .as_ref()
        .map(|i| i.reference)
        .or_else(|| (!events.is_empty() && opens).then_some(next));
    if let (Command::Alert(alert), Some(r)) = (&envelope.command, reference) {
        keep_group(conn, alert, r, seen.now, &events)?;
    }
    let changed = !events.is_empty();
    let opened = changed && current.is_none();
    let (incident, effects) = append(conn, seen, current, &envelope.by, envelope.at, events)?;
    after_by_hand(conn, seen, &envelope.command, reference)?;
    if let (Command::Repeat, Some(i)) = (&envelope.command, &incident) {
        for e in mirrors(i, &seen.house.can) {
            order(conn, seen, i.reference, &e)?;
        }
    }
    if !envelope.id.is_empty() {
        conn.run(
            "insert into envelope (id, at, ref, print) values (?1, ?2, ?3, ?4)",
            &[
                envelope.id.as_str().into(),
                envelope.at.0.into(),
                reference.map(|r| r.0).into(),
                print.into(),
            ],
        )?;
    }
    let changes = match (&incident, changed) {
        (Some(i), true) => vec![Change {
            reference: i.reference,
            version: i.version,
        }],
        _ => Vec::new(),
    };
    let receipt = Receipt {
        incident,
        changed,
        repeated: false,
    };
    Ok(Ok(Granted {
        receipt,
        changes,
        effects,
        opened,
    }))
}

fn repeated(conn: &mut dyn Conn, seen: &Seen, row: &Row, print: &str) -> Result<Result<Granted, Refusal>, StoreError> {
    if row.text(1) != print {
        let message = "This Idempotency-Key was used for a different call; take a new one.";
        return Ok(Err(Refusal::new(Kind::KeyReused, message)));
    }
    let incident = match row.maybe_int(0) {
        Some(r) => at_hand(conn, seen, Ref(r.unsigned_abs()))?,
        None => None,
    };
    let receipt = Receipt {
        incident,
        changed: false,
        repeated: true,
    };
    Ok(Ok(Granted {
        receipt,
        changes: Vec::new(),
        effects: false,
        opened: false,
    }))
}

/// What makes two wishes with one identifier the same wish.
fn print_of(envelope: &Envelope) -> String {
    if envelope.id.is_empty() {
        return String::new();
    }
    let text = serde_json::to_string(&(&envelope.about, &envelope.command)).unwrap_or_default();
    // FNV-1a: this tells an honest caller's mistake, it defends against nobody.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

// ---- finding what a wish is about

/// The incident that a wish is about, and the incident as it is.
fn locate(
    conn: &mut dyn Conn,
    seen: &Seen,
    envelope: &Envelope,
) -> Result<(Option<Ref>, Option<Arc<Incident>>), StoreError> {
    match (&envelope.command, envelope.about) {
        (Command::Alert(alert), _) => {
            let i = home_of(conn, seen, alert)?;
            Ok((i.as_ref().map(|i| i.reference), i))
        }
        (Command::Declare { .. }, _) | (_, None) => Ok((None, None)),
        (_, Some(r)) => Ok((Some(r), at_hand(conn, seen, r)?)),
    }
}

/// Where an alert belongs: to the incident of its group, else to a fresh triage of its service, else nowhere yet.
fn home_of(conn: &mut dyn Conn, seen: &Seen, alert: &Alert) -> Result<Option<Arc<Incident>>, StoreError> {
    let process = seen.house.process.load();
    let rows = conn.rows(
        "select ref, firing from alert_group where source = ?1 and key = ?2",
        &[alert.source.as_str().into(), alert.key.as_str().into()],
    )?;
    if let Some(row) = rows.first()
        && let Some(i) = at_hand(conn, seen, Ref(row.int(0).unsigned_abs()))?
    {
        let anew = alert.firing && row.int(1) == 0;
        match seen.house.process_of(&i).category(&i.status) {
            Category::Triage | Category::Active => return Ok(Some(i)),
            Category::After if !anew => return Ok(Some(i)),
            Category::Done if !alert.firing => return merged_home(conn, seen, i),
            Category::After | Category::Done => {}
        }
    }
    if !alert.firing {
        return Ok(None);
    }
    let catalogue = seen.house.catalogue.load();
    let hints = imp_core::raise::hints(alert, &process);
    let service = hints.iter().find_map(|h| catalogue.service(h)).map(|s| s.alias.clone());
    let Some(service) = service.or_else(|| hints.first().map(|h| imp_core::raise::unknown_alias(h))) else {
        return Ok(None);
    };
    catch_up(conn, seen.house, seen.shelf)?;
    let rows = conn.rows(
        "select ref from incident where category = 'triage' and service = ?1 and opened_at >= ?2
         and not exists (select 1 from measure m where m.ref = incident.ref and m.back_filled is not null)
         order by ref desc limit 1",
        &[service.into(), (seen.now.0 - process.timing.group_window.0).into()],
    )?;
    rows.first()
        .map_or(Ok(None), |r| at_hand(conn, seen, Ref(r.int(0).unsigned_abs())))
}

/// Where a merged incident went on, however often it was merged.
fn merged_home(conn: &mut dyn Conn, seen: &Seen, mut i: Arc<Incident>) -> Result<Option<Arc<Incident>>, StoreError> {
    /// More merges in a row than anybody would make.
    const HOPS: usize = 8;
    for _ in 0..HOPS {
        match i
            .merged_into
            .map(|into| at_hand(conn, seen, into))
            .transpose()?
            .flatten()
        {
            Some(next) => i = next,
            None => break,
        }
    }
    Ok(Some(i))
}

fn keep_group(conn: &mut dyn Conn, alert: &Alert, r: Ref, now: At, events: &[Event]) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    conn.run(
        "insert into alert_group (source, key, ref, firing, changed_at) values (?1, ?2, ?3, ?4, ?5)
         on conflict (source, key) do update
         set ref = excluded.ref, firing = excluded.firing, changed_at = excluded.changed_at",
        &[
            alert.source.as_str().into(),
            alert.key.as_str().into(),
            r.0.into(),
            alert.firing.into(),
            now.0.into(),
        ],
    )?;
    Ok(())
}

/// The incident as it is, also in the middle of a transaction.
pub fn at_hand(conn: &mut dyn Conn, seen: &Seen, r: Ref) -> Result<Option<Arc<Incident>>, StoreError> {
    if let Some(i) = seen.shelf.get(r) {
        return Ok(Some(i));
    }
    let read = load(conn, r)?.map(Arc::new);
    if let Some(i) = &read {
        seen.house.know(conn, i)?;
        seen.shelf.read(i.clone());
    }
    Ok(read)
}

/// Writes the rows of the incidents that have changed.
pub fn catch_up(conn: &mut dyn Conn, house: &House, shelf: &Shelf) -> Result<(), StoreError> {
    shelf.catch_up(conn, |conn, i| row::save(conn, i, &house.process_of(i)))
}

/// The incident as its row has it.
pub fn load(conn: &mut dyn Conn, r: Ref) -> Result<Option<Incident>, StoreError> {
    let rows = conn.rows("select state from incident where ref = ?1", &[r.0.into()])?;
    match rows.first() {
        None => Ok(None),
        Some(row) => serde_json::from_str(row.text(0))
            .map(Some)
            .map_err(|e| StoreError(format!("the row of {r} cannot be read: {e}"))),
    }
}

pub fn next_ref(conn: &mut dyn Conn) -> Result<Ref, StoreError> {
    let rows = conn.rows("select coalesce(max(ref), 0) + 1 from incident", &[])?;
    Ok(Ref(rows.first().map_or(1, |r| r.int(0).unsigned_abs())))
}

// ---- keeping

/// Appends facts, folds them into the row, and keeps the effects that follow.
fn append(
    conn: &mut dyn Conn,
    seen: &Seen,
    mut incident: Option<Arc<Incident>>,
    by: &Actor,
    at: At,
    events: Vec<Event>,
) -> Result<(Option<Arc<Incident>>, bool), StoreError> {
    if events.is_empty() {
        return Ok((incident, false));
    }
    let mut effects: Vec<Effect> = Vec::new();
    let opened = incident.is_none();
    for event in events {
        let n = incident.as_ref().map_or(0, |i| i.version) + 1;
        let fact = Fact {
            n,
            at,
            by: by.clone(),
            event,
        };
        let process = seen.house.process_then(incident.as_deref());
        let before = incident.map(Arc::unwrap_or_clone);
        let now = Incident::evolve(before, &fact, &process)
            .ok_or_else(|| StoreError("a fact of an incident that was never opened".into()))?;
        conn.run(
            "insert into journal (ref, n, at, fact) values (?1, ?2, ?3, ?4)",
            &[now.reference.0.into(), n.into(), at.0.into(), json(&fact)?.into()],
        )?;
        effects.extend(react(&now, &fact, &seen.house.process_of(&now), &seen.house.can));
        incident = Some(Arc::new(now));
    }
    let Some(i) = incident else { return Ok((None, false)) };
    if opened {
        // Its number is taken from the table, so it has to stand there before the next one opens.
        row::save(conn, &i, &seen.house.process_of(&i))?;
        seen.shelf.read(i.clone());
    } else {
        seen.shelf.changed(i.clone());
    }
    let any = !effects.is_empty();
    for e in effects {
        let whose = if e.what.is_of_house() { Ref::HOUSE } else { i.reference };
        order(conn, seen, whose, &e)?;
    }
    Ok((Some(i), any))
}

/// Orders something of the house itself, as often as one likes: a deed that was ever ordered is not ordered again.
///
/// # Errors
/// What the store says.
pub fn order_of_house(conn: &mut dyn Conn, seen: &Seen, effects: &[Effect]) -> Result<(), StoreError> {
    effects.iter().try_for_each(|e| order(conn, seen, Ref::HOUSE, e))
}

/// Keeps an effect: a mirror that waits already is the same mirror, a deed that was ever ordered is the same deed.
fn order(conn: &mut dyn Conn, seen: &Seen, r: Ref, e: &Effect) -> Result<(), StoreError> {
    let key = e.what.key();
    let same = if e.what.is_mirror() {
        "select 1 from effect where ref = ?1 and key = ?2 and state = 'pending'"
    } else {
        "select 1 from effect where ref = ?1 and key = ?2"
    };
    if !conn.rows(same, &[r.0.into(), key.as_str().into()])?.is_empty() {
        if e.what.is_mirror() {
            // It waits to be calm, and may be wanted sooner now. What a vendor or a fault holds back stays held.
            conn.run(
                "update effect set due_at = ?3 where ref = ?1 and key = ?2 and state = 'pending' and due_at > ?3 and tried = 0 and held = 0",
                &[r.0.into(), key.as_str().into(), seen.now.plus(e.after_ms).0.into()],
            )?;
        }
        return Ok(());
    }
    conn.run(
        &format!(
            "insert into effect (ref, key, lane, capability, rank, state, due_at, held, made_at, tried, what, behind)
             values (?1, ?2, ?3, ?4, ?5, 'pending', ?6, 0, ?7, 0, ?8, {})",
            lane::STANDS_BEHIND
        ),
        &[
            r.0.into(),
            key.into(),
            e.what.lane().into(),
            e.what.capability().word().into(),
            (e.what.rank() as i64).into(),
            seen.now.plus(e.after_ms).0.into(),
            seen.now.0.into(),
            json(&e.what)?.into(),
        ],
    )?;
    Ok(())
}

/// A person who retries or skips a step means its effect.
fn after_by_hand(conn: &mut dyn Conn, seen: &Seen, command: &Command, r: Option<Ref>) -> Result<(), StoreError> {
    let Some(r) = r else { return Ok(()) };
    match command {
        Command::Retry { key } => conn.run(
            "update effect set state = 'pending', due_at = ?3, held = 0 where ref = ?1 and key = ?2 and state = 'failed'
             and not exists (select 1 from effect w where w.ref = ?1 and w.key = ?2 and w.state = 'pending')",
            &[r.0.into(), key.as_str().into(), seen.now.0.into()],
        )?,
        Command::Skip { key, .. } => conn.run(
            "update effect set state = 'skipped', done_at = ?3 where ref = ?1 and key = ?2 and state = 'failed'",
            &[r.0.into(), key.as_str().into(), seen.now.0.into()],
        )?,
        Command::Alert(_) | Command::Declare { .. } | Command::Move { .. } | Command::Edit { .. } | Command::Assign { .. } | Command::Accept { .. } | Command::Refuse { .. } | Command::Leave { .. } | Command::Subscribe { .. } | Command::Unsubscribe { .. } | Command::Rate { .. } | Command::TakeProcess { .. } | Command::CorrectTime { .. } | Command::Propose { .. } | Command::Object { .. } | Command::Decide { .. } | Command::PageSeen { .. } | Command::MendPage | Command::BreakGlass { .. } | Command::Post { .. } | Command::Publish { .. } | Command::AddTask { .. } | Command::FinishTask { .. } | Command::AddFollowUp { .. } | Command::FinishFollowUp { .. } | Command::Snooze { .. } | Command::Dismiss { .. } | Command::DismissHints { .. } | Command::WriteReview { .. } | Command::Note { .. } | Command::Mark { .. } | Command::Reword { .. } | Command::Unsay { .. } | Command::Join { .. } | Command::Absorb { .. } | Command::TakePage { .. } | Command::Learn { .. } | Command::GiveUp { .. } | Command::Nudge { .. } | Command::Together { .. } | Command::Adopt { .. } | Command::Settle { .. } | Command::Repeat => 0,
    };
    if let Command::Retry { key } = command {
        lane::come_back(conn, r, key)?;
    }
    Ok(())
}

// ---- performing

const EFFECT: &str = "e.id, e.ref, e.key, e.what, e.tried, e.fence, e.lane";

/// Takes effects whose time has come, lane by lane; timers are carried out here and now. Leases of what is under way are
/// put off, and what a replica that is gone has left behind is taken up.
pub fn claim(
    conn: &mut dyn Conn,
    seen: &Seen,
    slots: &Slots,
    under_way: &[Lease],
) -> Result<(Claims, Vec<Change>), StoreError> {
    let mut changes = Vec::new();
    let until = lease::tend(conn, seen, under_way)?;
    let mut hands: BTreeMap<(u64, Capability), bool> = BTreeMap::new();
    for row in due(conn, seen, Capability::Desk, 64)? {
        changes.extend(carry_out(conn, seen, &row)?);
    }
    let mut claims = Claims {
        replicas: seen.me.replicas(),
        ..Claims::default()
    };
    let mut known: BTreeMap<u64, (Arc<Incident>, Arc<Vec<Waiting>>)> = BTreeMap::new();
    for (capability, free) in slots {
        for row in due(conn, seen, *capability, *free)? {
            let (id, r, key) = (row.int(0), Ref(row.int(1).unsigned_abs()), row.text(2).to_owned());
            let about = match r {
                Ref::HOUSE => Ok(Incident::house(seen.now, &seen.house.process.load()).map(Arc::new)),
                r => at_hand(conn, seen, r),
            };
            let (Ok(what), Ok(Some(incident))) = (serde_json::from_str::<What>(row.text(3)), about) else {
                tracing::error!(id, key, "an effect that cannot be read was set aside");
                conn.run(
                    "update effect set state = 'failed', fault = 'cannot be read' where id = ?1",
                    &[id.into()],
                )?;
                lane::move_up(conn, r, row.text(6))?;
                continue;
            };
            let fence = row.int(5) + 1;
            conn.run(
                "update effect set state = 'running', tried = tried + 1, holder = ?2, lease_until = ?3, fence = ?4 where id = ?1",
                &[id.into(), seen.me.name.as_str().into(), until.0.into(), fence.into()],
            )?;
            let others_wrote = match hands.get(&(r.0, *capability)) {
                Some(known) => *known,
                None => {
                    let others = lease::others_wrote(conn, seen, r, *capability)?;
                    hands.insert((r.0, *capability), others);
                    others
                }
            };
            let lease = Lease {
                id,
                fence,
                reference: r,
                what: what.clone(),
            };
            let (incident, waiting) = match known.get(&r.0) {
                Some(k) => k.clone(),
                None => {
                    let k = (incident, Arc::new(read::waiting(conn, r)?));
                    known.insert(r.0, k.clone());
                    k
                }
            };
            let mut other_ticket = None;
            if let What::Duplicate { other } = &what {
                other_ticket = load(conn, *other)?.and_then(|o| o.links.ticket).map(|t| t.key);
            }
            let ledger = match what == What::TicketJournal {
                true => Some(Arc::new(read::ledger(conn, r)?)),
                false => None,
            };
            claims.orders.push((
                lease,
                Order {
                    key,
                    other_ticket,
                    hints: Arc::default(),
                    ledger,
                    tried: seen.me.tried(r, u32::try_from(row.int(4)).unwrap_or(u32::MAX)),
                    others_wrote,
                    newer: newer(seen.house, &incident, &what),
                    process: seen.house.process_of(&incident),
                    what,
                    incident,
                    catalogue: seen.house.catalogue.load_full(),
                    directory: seen.house.directory.load_full(),
                    waiting,
                    now: seen.now,
                },
            ));
        }
    }
    claims.next_due = next_due(conn, seen.now)?;
    Ok((claims, changes))
}

/// The version in force, where the card has to say that there is another.
fn newer(house: &House, i: &Incident, what: &What) -> Option<String> {
    let in_force = house.process.load();
    let says = *what == What::Card && imp_core::follow::is_behind(i, &in_force);
    says.then(|| imp_core::follow::newer(i, &house.process_of(i), &in_force))
        .flatten()
}

/// When the last fact was kept, by the clock of then.
pub fn last_moment(conn: &mut dyn Conn) -> Option<At> {
    let rows = conn
        .rows("select at from journal order by seq desc limit 1", &[])
        .ok()?;
    rows.first().map(|r| At(r.int(0)))
}

/// When the machine's clock was set back, what waits for its time would wait that much longer: it is set back too. Other
/// replicas have clocks of their own, so that this is for the one process that has a store to itself.
pub fn clock_went_back(conn: &mut dyn Conn, by_ms: i64) -> Result<(), StoreError> {
    /// Less than this is not worth writing: clocks are always being trimmed.
    const WORTH_MS: i64 = 1000;
    if by_ms < WORTH_MS || !conn.sole_writer() {
        return Ok(());
    }
    tracing::warn!(
        by_ms,
        "the machine's clock was set back; what waits for its time is set back with it"
    );
    conn.run(
        "update effect set due_at = due_at - ?1 where state = 'pending'",
        &[by_ms.into()],
    )
    .map(|_| ())
}

/// What is due of a capability, the urgent first. Rank by rank, so that the index hands out exactly what is taken: it
/// costs the same however much waits, for its time or for its turn.
fn due(conn: &mut dyn Conn, seen: &Seen, capability: Capability, most: usize) -> Result<Vec<Row>, StoreError> {
    let mut found = Vec::new();
    for rank in Rank::ALL {
        let left = most.saturating_sub(found.len());
        if left == 0 {
            break;
        }
        found.extend(conn.rows(
            &format!(
                "select {EFFECT} from effect e where e.state = 'pending' and e.behind = 0
                 and e.capability = ?2 and e.rank = ?4 and e.due_at <= ?1 order by e.due_at, e.id limit ?3"
            ),
            &[
                seen.now.0.into(),
                capability.word().into(),
                (left as i64).into(),
                (rank as i64).into(),
            ],
        )?);
    }
    Ok(found)
}

/// When the next of what waits for its time is due. What stands behind another has no time of its own.
fn next_due(conn: &mut dyn Conn, now: At) -> Result<Option<At>, StoreError> {
    let mut next: Option<At> = None;
    for capability in Capability::ALL {
        for rank in Rank::ALL {
            let rows = conn.rows(
                "select due_at from effect where state = 'pending' and behind = 0
                 and capability = ?1 and rank = ?2 and due_at > ?3 order by due_at limit 1",
                &[capability.word().into(), (rank as i64).into(), now.0.into()],
            )?;
            let found = rows.first().map(|r| At(r.int(0)));
            next = [next, found].into_iter().flatten().min();
        }
    }
    Ok(next)
}

/// A timer that has come due, or a word from one incident to another.
fn carry_out(conn: &mut dyn Conn, seen: &Seen, row: &Row) -> Result<Vec<Change>, StoreError> {
    let (id, r) = (row.int(0), Ref(row.int(1).unsigned_abs()));
    conn.run(
        "update effect set state = 'done', done_at = ?2 where id = ?1",
        &[id.into(), seen.now.0.into()],
    )?;
    lane::move_up(conn, r, row.text(6))?;
    let command = match serde_json::from_str::<What>(row.text(3)) {
        Ok(What::Timer(timer)) => Some((r, Command::Nudge { timer })),
        Ok(What::Absorb { into }) => at_hand(conn, seen, r)?.map(|i| {
            let alerts = i
                .alerts
                .iter()
                .map(|a| Alert {
                    firing: a.firing,
                    ..a.alert.clone()
                })
                .collect();
            (
                into,
                Command::Absorb {
                    other: i.reference,
                    title: i.title.clone(),
                    alerts,
                    people: i.members.clone(),
                },
            )
        }),
        Ok(What::HandPage { into }) => at_hand(conn, seen, r)?.and_then(|i| imp_core::public::hand_on(&i, into)),
        Ok(_) | Err(_) => None,
    };
    let Some((about, command)) = command else {
        return Ok(Vec::new());
    };
    let watches = matches!(command, Command::Nudge { timer: Timer::Watch });
    let changes = own(conn, seen, about, command)?;
    // Where nothing was overdue yet, nothing has happened from which the next look would follow.
    if watches
        && changes.is_empty()
        && let Some(i) = at_hand(conn, seen, r)?
        && let Some(next) = imp_core::react::watch(&i, seen.now, &seen.house.process_of(&i))
    {
        order(conn, seen, r, &next)?;
    }
    Ok(changes)
}

/// A wish of IMP's own; a refusal of one is our mistake and is logged.
fn own(conn: &mut dyn Conn, seen: &Seen, about: Ref, command: Command) -> Result<Vec<Change>, StoreError> {
    let envelope = Envelope {
        id: String::new(),
        by: Actor::Imp,
        role: Role::Admin,
        at: seen.now,
        about: Some(about),
        command,
    };
    match submit(conn, seen, &envelope)? {
        Ok(granted) => Ok(granted.changes),
        Err(refusal) => {
            tracing::warn!(%about, %refusal, "a wish of our own was refused");
            Ok(Vec::new())
        }
    }
}

/// Keeps how an effect went, and what was learnt from it. Where the lease was lost meanwhile, somebody else sees to the
/// effect, and nothing is kept.
pub fn settle(conn: &mut dyn Conn, seen: &Seen, lease: &Lease, outcome: &Outcome) -> Result<Vec<Change>, StoreError> {
    let id = lease.id;
    let rows = conn.rows(
        "select ref, key, what, failures, fault, capability, lane from effect where id = ?1 and state = 'running' and holder = ?2 and fence = ?3",
        &[id.into(), seen.me.name.as_str().into(), lease.fence.into()],
    )?;
    let Some(row) = rows.first() else {
        too_late(conn, seen, lease)?;
        return Ok(Vec::new());
    };
    let (r, key, failures) = (Ref(row.int(0).unsigned_abs()), row.text(1).to_owned(), row.int(3));
    let faulted = row.maybe(4).is_some();
    let what: Option<What> = serde_json::from_str(row.text(2)).ok();
    let mirror = what.as_ref().is_some_and(What::is_mirror);
    match outcome {
        Outcome::Done(links) => {
            if mirror {
                conn.run("delete from effect where id = ?1", &[id.into()])?;
            } else {
                conn.run(
                    "update effect set state = 'done', done_at = ?2, fault = null where id = ?1",
                    &[id.into(), seen.now.0.into()],
                )?;
            }
            lane::move_up(conn, r, row.text(6))?;
            if faulted {
                // The vendor is back: what waited only for that need not wait longer.
                conn.run(
                    "update effect set due_at = ?1 where state = 'pending' and held = 0 and fault is not null and due_at > ?1 and capability = ?2",
                    &[seen.now.0.into(), row.text(5).into()],
                )?;
                news(conn, seen, r, what.as_ref())?;
            }
            conn.run(
                "delete from effect where ref = ?1 and key = ?2 and state = 'failed'",
                &[r.0.into(), key.as_str().into()],
            )?;
            let stood_as_failed = at_hand(conn, seen, r)?.is_some_and(|i| i.failed.iter().any(|f| f.key == key));
            if links.is_empty() && !stood_as_failed {
                return Ok(Vec::new());
            }
            own(
                conn,
                seen,
                r,
                Command::Learn {
                    key,
                    links: links.clone(),
                },
            )
        }
        Outcome::Wait { after_ms } => {
            back_to_waiting(conn, id, r, &key, seen.now.plus((*after_ms).max(1)), true)?;
            conn.run("update effect set tried = tried - 1 where id = ?1", &[id.into()])?;
            Ok(Vec::new())
        }
        Outcome::Later { pause, why } => {
            // Only failures lengthen the pause: a try that our own end cut short says nothing about the vendor.
            let failures = failures + 1;
            let (pause_ms, held) = match *pause {
                Pause::BackOff => (backoff(failures, id), false),
                Pause::Mend(ms) => (ms, false),
                Pause::Asked(ms) => (ms, true),
            };
            back_to_waiting(conn, id, r, &key, seen.now.plus(pause_ms), held)?;
            conn.run(
                "update effect set fault = ?2, fault_at = ?3, failures = ?4 where id = ?1",
                &[id.into(), why.as_str().into(), seen.now.0.into(), failures.into()],
            )?;
            if failures == NEWS_AFTER {
                news(conn, seen, r, what.as_ref())?;
            }
            tracing::warn!(reference = %r, key, failures, why, "will be tried again");
            Ok(Vec::new())
        }
        Outcome::Never { why } => {
            tracing::warn!(reference = %r, key, why, "cannot be done");
            conn.run(
                "delete from effect where ref = ?1 and key = ?2 and state = 'failed' and id <> ?3",
                &[r.0.into(), key.as_str().into(), id.into()],
            )?;
            conn.run(
                "update effect set state = 'failed', fault = ?2, fault_at = ?3 where id = ?1",
                &[id.into(), why.as_str().into(), seen.now.0.into()],
            )?;
            lane::move_up(conn, r, row.text(6))?;
            if r == Ref::HOUSE {
                // No card shows it; it stands among the deliveries.
                return Ok(Vec::new());
            }
            let words = what.map(|w| w.words()).unwrap_or_default();
            let changes = own(
                conn,
                seen,
                r,
                Command::GiveUp {
                    key: key.clone(),
                    what: words,
                    why: why.clone(),
                },
            )?;
            let shown = at_hand(conn, seen, r)?.is_some_and(|i| i.failed.iter().any(|f| f.key == key));
            if !shown {
                // The process found another way; there is nothing for a person to mend.
                conn.run(
                    "update effect set state = 'skipped', done_at = ?2 where id = ?1",
                    &[id.into(), seen.now.0.into()],
                )?;
            }
            Ok(changes)
        }
    }
}

/// An effect came home after its lease was lost. Whoever has it now has written what is true now; a mirror that this
/// replica wrote late may lie over it, so it is written once more, by whoever takes it.
fn too_late(conn: &mut dyn Conn, seen: &Seen, lease: &Lease) -> Result<(), StoreError> {
    tracing::warn!(reference = %lease.reference, what = lease.what.key(), "came home after its lease was lost");
    if !lease.what.is_mirror() {
        return Ok(());
    }
    lease::nobody_knows(conn, lease.reference, lease.what.capability())?;
    order(conn, seen, lease.reference, &Effect::from(lease.what.clone()))
}

/// Puts an effect back. A mirror that was ordered again meanwhile takes its place; what holds this one holds that one.
fn back_to_waiting(conn: &mut dyn Conn, id: i64, r: Ref, key: &str, due: At, held: bool) -> Result<(), StoreError> {
    conn.run(
        "delete from effect where ref = ?1 and key = ?2 and state = 'pending' and id <> ?3",
        &[r.0.into(), key.into(), id.into()],
    )?;
    conn.run(
        "update effect set state = 'pending', due_at = ?2, held = ?3 where id = ?1",
        &[id.into(), due.0.into(), held.into()],
    )?;
    Ok(())
}

/// The card says that a step is being retried, or works again.
fn news(conn: &mut dyn Conn, seen: &Seen, r: Ref, what: Option<&What>) -> Result<(), StoreError> {
    let card = What::Card;
    let stands = at_hand(conn, seen, r)?.is_some_and(|i| i.links.channel.as_ref().is_some_and(|c| !c.archived));
    if stands && seen.house.can.contains(&card.capability()) && what != Some(&card) {
        order(conn, seen, r, &Effect::from(card))?;
    }
    Ok(())
}

/// The pause before the next try: doubling, capped, and spread by a quarter so that many do not come back at once.
fn backoff(failures: i64, id: i64) -> i64 {
    let doubled = BACKOFF_FIRST_MS << (failures - 1).clamp(0, 10);
    let pause = doubled.min(BACKOFF_MOST_MS);
    let spread = (id.wrapping_mul(2_654_435_761) ^ failures.wrapping_mul(40_503)).rem_euclid(512);
    pause * (768 + spread) / 1024
}

pub fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError(e.to_string()))
}
