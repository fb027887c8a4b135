//! Much is owed: vendors were away while people went on. The urgent is done first, each lane in its order, each piece
//! once, and no more of it is in the hands at a time than hands can hold.

use super::*;
use imp_core::effect::{Rank, What};
use std::sync::atomic::AtomicBool;

both! {
    after_an_outage_the_urgent_comes_first_and_every_lane_keeps_its_order,
    what_is_retried_by_hand_goes_before_what_was_ordered_after_it,
}

/// The most that is under way to one vendor (`runner.rs`).
const IN_FLIGHT: usize = 32;
/// Incidents that were set up when the vendors went away, updates to each since, and incidents declared since.
const OLD: u64 = 4;
const UPDATES: u32 = 6;
const NEW: u64 = 24;
/// The longest pause after a failure, and some.
const PAUSE_MS: i64 = 20_000;

/// A vendor that is away and comes back, and writes down what it did in which order.
#[derive(Default)]
struct Vendor {
    away: AtomicBool,
    done: Mutex<Vec<(u64, What)>>,
    under_way: AtomicU32,
    most: AtomicU32,
}

impl Port for Vendor {
    fn perform(&self, order: Order) -> Boxed<'_, Outcome> {
        Box::pin(async move {
            let n = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(n, Ordering::SeqCst);
            tokio::task::yield_now().await;
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            if self.away.load(Ordering::SeqCst) {
                return Outcome::Later {
                    pause: Pause::BackOff,
                    why: "no connection".into(),
                };
            }
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push((order.incident.reference.0, order.what));
            Outcome::Done(vec![])
        })
    }
}

fn house(can: &[Capability]) -> Arc<House> {
    Arc::new(House {
        process: ArcSwap::from_pointee(Process::built_in()),
        catalogue: ArcSwap::from_pointee(Catalogue::default()),
        directory: ArcSwap::from_pointee(Directory::default()),
        can: can.iter().copied().collect(),
        reads_catalogue: false,
        memory: Default::default(),
        versions: Default::default(),
        subscriptions: Default::default(),
    })
}

struct Outage {
    desk: Desk,
    clock: Arc<HandClock>,
    vendors: BTreeMap<Capability, Arc<Vendor>>,
    runner: Runner,
    _place: Place,
}

impl Outage {
    fn new(on: On) -> Outage {
        let can = [Capability::Chat, Capability::Record, Capability::Bridge];
        let place = Place::new(on);
        let (store, conn) = Store::open(&place.url).expect("a store");
        let clock = Arc::new(HandClock::default());
        let desk = Desk::start(store, conn, house(&can), clock.clone()).expect("a desk");
        let vendors: BTreeMap<_, Arc<Vendor>> = can.into_iter().map(|c| (c, Arc::default())).collect();
        let ports = vendors.iter().map(|(c, v)| (*c, v.clone() as Arc<dyn Port>)).collect();
        Outage {
            runner: Runner::new(desk.clone(), ports),
            desk,
            clock,
            vendors,
            _place: place,
        }
    }

    async fn wish(&self, about: Option<imp_core::Ref>, by: Actor, command: Command) -> imp_core::Ref {
        let envelope = Envelope {
            id: String::new(),
            by,
            role: Role::Admin,
            at: self.clock.now(),
            about,
            command,
        };
        let granted = self.desk.submit(envelope).await.expect("granted");
        granted.incident.expect("an incident").reference
    }

    async fn says(&self, about: Option<imp_core::Ref>, command: Command) -> imp_core::Ref {
        self.wish(about, Actor::Token { name: "test".into() }, command).await
    }

    async fn is_set_up(&self, n: u64) -> imp_core::Ref {
        let r = self.says(None, declare(&format!("Old one {n}"))).await;
        let links = vec![
            Link::Channel {
                id: format!("C{n}"),
                name: format!("inc-{n}"),
                url: String::new(),
            },
            Link::Card { ts: "1.1".into() },
            Link::Ticket {
                key: format!("INC-{n}"),
                id: n.to_string(),
                url: String::new(),
            },
        ];
        let key = "chat.channel".to_owned();
        self.wish(Some(r), Actor::Imp, Command::Learn { key, links }).await
    }

    fn are_away(&self, away: bool) {
        self.vendors.values().for_each(|v| v.away.store(away, Ordering::SeqCst));
    }

    /// Steps until nothing is due any more.
    async fn works(&mut self) {
        loop {
            let progress = self.runner.step().await;
            if self.runner.is_empty() && matches!(progress, Progress::Idle(_)) {
                return;
            }
            self.runner.land().await;
        }
    }

    fn done(&self, by: Capability) -> Vec<(u64, What)> {
        let done = &self.vendors[&by].done;
        done.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn waiting(&self) -> i64 {
        let sql = "select count(*) from effect where state = 'pending' and capability <> 'desk'";
        self.desk.store.read(|c| c.rows(sql, &[])).await.expect("read")[0].int(0)
    }
}

async fn after_an_outage_the_urgent_comes_first_and_every_lane_keeps_its_order(on: On) {
    let mut s = Outage::new(on);
    s.are_away(true);
    let mut old = Vec::new();
    for n in 0..OLD {
        old.push(s.is_set_up(n).await);
    }
    for u in 0..UPDATES {
        for r in &old {
            let text = format!("Update {u}");
            s.says(Some(*r), Command::Post { text }).await;
        }
        s.works().await;
        s.clock.0.fetch_add(PAUSE_MS, Ordering::SeqCst);
    }
    for n in 0..NEW {
        s.says(None, declare(&format!("New one {n}"))).await;
    }
    let owed = s.waiting().await;
    assert!(owed > 150, "much waits: {owed}");
    assert!(s.vendors.values().all(|v| v.done.lock().is_ok_and(|d| d.is_empty())));
    s.clock.0.fetch_add(PAUSE_MS, Ordering::SeqCst);
    s.are_away(false);
    // Whatever is held back by a pause or by calm has its time now.
    for _ in 0..4 {
        s.works().await;
        s.clock.0.fetch_add(PAUSE_MS, Ordering::SeqCst);
    }
    assert_eq!(s.waiting().await, 0, "nothing is owed any more");
    for (capability, vendor) in &s.vendors {
        let most = vendor.most.load(Ordering::SeqCst) as usize;
        assert!(most <= IN_FLIGHT, "{capability:?}: {most} at a time");
        let ranks: Vec<Rank> = s.done(*capability).iter().map(|(_, w)| w.rank()).collect();
        let last_urgent = ranks.iter().rposition(|r| *r == Rank::Urgent).unwrap_or(0);
        let first_cosmetic = ranks.iter().position(|r| *r == Rank::Cosmetic).unwrap_or(ranks.len());
        assert!(last_urgent < first_cosmetic, "{capability:?}: {ranks:?}");
    }
    for r in &old {
        let posts: Vec<u32> = s
            .done(Capability::Chat)
            .iter()
            .filter_map(|(of, w)| post(*of, w, *r))
            .collect();
        let comments: Vec<u32> = s
            .done(Capability::Record)
            .iter()
            .filter_map(|(of, w)| post(*of, w, *r))
            .collect();
        let wanted: Vec<u32> = (1..=UPDATES).collect();
        assert_eq!((posts, comments), (wanted.clone(), wanted), "{r}");
    }
}

fn post(of: u64, what: &What, whose: imp_core::Ref) -> Option<u32> {
    match what {
        What::PostUpdate { n } | What::Comment { n } if of == whose.0 => Some(*n),
        _ => None,
    }
}

async fn what_is_retried_by_hand_goes_before_what_was_ordered_after_it(on: On) {
    let mut s = Outage::new(on);
    let r = s.is_set_up(1).await;
    s.works().await;
    let says = async |s: &Outage, text: &str| {
        let text = text.to_owned();
        s.says(Some(r), Command::Post { text }).await;
    };
    says(&s, "first").await;
    // It fails for good, and then the vendor goes away before the others are said.
    let claimed = s
        .desk
        .claim(vec![(Capability::Chat, 9)], vec![])
        .await
        .expect("claimed");
    let mut retried = None;
    for (lease, order) in claimed.orders {
        let outcome = match order.what {
            What::PostUpdate { .. } => {
                retried = Some(order.key);
                no()
            }
            _ => Outcome::Done(vec![]),
        };
        s.desk.settle(lease, outcome).await.expect("settled");
    }
    s.are_away(true);
    says(&s, "second").await;
    says(&s, "third").await;
    s.works().await;
    let key = retried.expect("the first update was claimed");
    s.says(Some(r), Command::Retry { key }).await;
    s.are_away(false);
    for _ in 0..4 {
        s.clock.0.fetch_add(PAUSE_MS, Ordering::SeqCst);
        s.works().await;
    }
    let posts: Vec<u32> = s
        .done(Capability::Chat)
        .iter()
        .filter_map(|(of, w)| post(*of, w, r))
        .collect();
    assert_eq!((posts, s.waiting().await), (vec![1, 2, 3], 0));
}
