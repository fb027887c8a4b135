//! What earlier incidents were like, for whoever has one now. A ranking by BM25, kept in memory and filled from the store;
//! to be without it, or behind, is safe. Private incidents never come in.

use crate::desk::Desk;
use crate::read::{self, Filter};
use bm25::{Embedder, EmbedderBuilder, Scorer, Tokenizer};
use imp_core::hint::{Hint, Kind};
use imp_core::process::Category;
use imp_core::{At, Catalogue, Incident, Process, Ref, words};
use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock};
use tokio::sync::broadcast::error::RecvError;

/// Past incidents that are remembered, the latest. A hundred thousand cost some 100 MB.
const PAST_MAX: usize = 100_000;
/// Read at a time when it is filled.
const PAGE: usize = 500;
/// Words that two incidents have in common, as they are named.
const WORDS_SHOWN: usize = 3;
/// Past incidents that are named: more than people read in an incident.
const PAST_SHOWN: usize = 3;
/// Open ones that are named.
const OPEN_SHOWN: usize = 3;
/// Words of an incident that more others than this have say nothing, and would have all of those scored.
const COMMON: usize = 3_000;
/// A past one is named from this part of the incident's terms on that it has too: below it are chance words.
const ALIKE: f32 = 0.25;
/// Usual number of words of an incident, to which lengths are compared.
const LENGTH_USUAL: f32 = 14.0;
/// Words that two causes must have in common, and half of the shorter one's: fewer are chance.
const CAUSE_WORDS: usize = 2;
/// Past ones that are named because their follow-up did not hold.
const RECURS_SHOWN: usize = 1;
/// Characters of what repaired it.
const FIXED_MAX: usize = 160;

/// Words that say nothing of an incident.
const EMPTY_WORDS: [&str; 24] = [
    "the", "and", "for", "are", "not", "was", "has", "have", "with", "from", "that", "this", "its", "but", "our",
    "all", "any", "does", "can", "than", "too", "very", "into", "over",
];

/// Splits what [`terms`] made.
#[derive(Debug, Default, Clone)]
struct Spaces;

impl Tokenizer for Spaces {
    fn tokenize(&self, text: &str) -> Vec<String> {
        text.split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect()
    }
}

/// What is remembered.
pub struct Memory(RwLock<Known>);

struct Known {
    embedder: Embedder<u64, Spaces>,
    scorer: Scorer<u64, u64>,
    past: BTreeMap<u64, Past>,
    open: BTreeMap<u64, Open>,
    /// In how many past incidents a term occurs.
    occurs: HashMap<String, usize>,
}

struct Past {
    title: String,
    service: Option<String>,
    alerts: Vec<String>,
    /// The words of its cause.
    cause: Vec<String>,
    /// The follow-ups that are done.
    done: Vec<String>,
    at: At,
    kind: Kind,
    terms: Vec<String>,
}

struct Open {
    title: String,
    service: Option<String>,
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

impl Default for Memory {
    fn default() -> Memory {
        Memory(RwLock::new(Known {
            embedder: EmbedderBuilder::with_avgdl(LENGTH_USUAL).build(),
            scorer: Scorer::new(),
            past: BTreeMap::new(),
            open: BTreeMap::new(),
            occurs: HashMap::new(),
        }))
    }
}

impl Memory {
    /// Takes note of how an incident is now.
    pub fn learn(&self, i: &Incident, process: &Process) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let r = i.reference.0;
        known.forget(r);
        if i.private || i.merged_into.is_some() {
            return;
        }
        match process.category(&i.status) {
            Category::Triage | Category::Active => {
                let open = Open {
                    title: i.title.clone(),
                    service: alias(i),
                };
                known.open.insert(r, open);
            }
            Category::After | Category::Done if i.confirmed => known.keep(i),
            Category::After | Category::Done => {}
        }
    }

    /// What may help with an incident: open ones first.
    pub fn hints(&self, i: &Incident, catalogue: &Catalogue) -> Vec<Hint> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut out = alias(i).map_or(Vec::new(), |here| {
            known.open_beside(&here, Some(i.reference), catalogue)
        });
        let back = known.recurs(i);
        let named = |h: &Hint| back.iter().any(|b| b.reference == h.reference);
        let alike: Vec<Hint> = known.alike(i).into_iter().filter(|h| !named(h)).collect();
        out.extend(back);
        out.extend(alike);
        out.retain(|h| !i.unhelpful.contains(&h.reference));
        out
    }

    /// What is open and may be the same as what somebody is about to declare; `except` is what they have just declared.
    pub fn at_the_door(
        &self,
        service: Option<&str>,
        title: &str,
        except: Option<Ref>,
        catalogue: &Catalogue,
    ) -> Vec<Hint> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let here = service.and_then(|s| catalogue.service(s)).map(|s| s.alias.clone());
        let here = here.or_else(|| service.map(str::to_owned));
        let mut out = here.map_or(Vec::new(), |here| known.open_beside(&here, except, catalogue));
        for hint in known.open_in_words(title, except) {
            if out.len() < OPEN_SHOWN && out.iter().all(|h| h.reference != hint.reference) {
                out.push(hint);
            }
        }
        out
    }
}

impl Known {
    fn forget(&mut self, r: u64) {
        self.open.remove(&r);
        if let Some(past) = self.past.remove(&r) {
            self.scorer.remove(&r);
            for term in past.terms {
                if let Some(n) = self.occurs.get_mut(&term) {
                    *n = n.saturating_sub(1);
                }
            }
        }
    }

    fn keep(&mut self, i: &Incident) {
        if self.past.len() >= PAST_MAX {
            let oldest = self.past.keys().next().copied();
            oldest.into_iter().for_each(|r| self.forget(r));
        }
        let mut terms = terms(i, true);
        let text = terms.join(" ");
        self.scorer.upsert(&i.reference.0, self.embedder.embed(&text));
        terms.sort_unstable();
        terms.dedup();
        for term in &terms {
            *self.occurs.entry(term.clone()).or_default() += 1;
        }
        let fixed = ["resolution", "cause", "learned"].iter().find_map(|f| i.fields.get(*f));
        let past = Past {
            title: i.title.clone(),
            service: alias(i),
            alerts: alerts(i),
            cause: cause(i),
            done: i.follow_ups.iter().filter(|f| f.done).map(|f| f.text.clone()).collect(),
            at: i.opened_at,
            kind: Kind::Past {
                fixed: fixed.map(|f| words::cut(&words::title(f), FIXED_MAX)),
                by: i.roles.get("commander").map(|w| w.label().to_owned()),
                at: i.opened_at,
            },
            terms,
        };
        self.past.insert(i.reference.0, past);
    }

    fn open_beside(&self, here: &str, except: Option<Ref>, catalogue: &Catalogue) -> Vec<Hint> {
        let mine = catalogue.service(here);
        let beside = |other: &str| mine.is_some_and(|s| s.depends_on.iter().chain(&s.dependents).any(|d| d == other));
        let mut out: Vec<Hint> = self
            .open
            .iter()
            .rev()
            .filter(|(r, _)| Some(Ref(**r)) != except)
            .filter_map(|(r, o)| {
                let there = o.service.as_deref()?;
                let (kind, why) = match there == here {
                    true => (Kind::SameService, "open now on the same service".to_owned()),
                    false if beside(there) => (
                        Kind::Neighbour,
                        format!("open now on {there}, which is connected with it"),
                    ),
                    false => return None,
                };
                Some(Hint {
                    reference: Ref(*r),
                    title: o.title.clone(),
                    why,
                    kind,
                })
            })
            .collect();
        out.sort_by_key(|h| h.kind != Kind::SameService);
        out.truncate(OPEN_SHOWN);
        out
    }

    /// Open ones in whose title most words of this one are, and two at least: one word in common says little.
    fn open_in_words(&self, title: &str, except: Option<Ref>) -> Vec<Hint> {
        let mut words = significant(title);
        words.sort_unstable();
        words.dedup();
        let shared = |o: &Open| {
            let theirs = significant(&o.title);
            words.iter().filter(|w| theirs.contains(w)).count()
        };
        self.open
            .iter()
            .rev()
            .filter(|(r, _)| Some(Ref(**r)) != except)
            .filter(|(_, o)| {
                let both = shared(o);
                both >= 2 && both * 3 >= words.len() * 2
            })
            .take(OPEN_SHOWN)
            .map(|(r, o)| Hint {
                reference: Ref(*r),
                title: o.title.clone(),
                why: "open now, similar words".to_owned(),
                kind: Kind::SameWords,
            })
            .collect()
    }

    /// Past ones on the same service with the same cause whose follow-ups are done: what was done did not hold.
    fn recurs(&self, i: &Incident) -> Vec<Hint> {
        let (Some(here), mine) = (alias(i), cause(i)) else {
            return Vec::new();
        };
        if mine.len() < CAUSE_WORDS {
            return Vec::new();
        }
        let same = |theirs: &[String]| {
            let both = mine.iter().filter(|w| theirs.contains(w)).count();
            both >= CAUSE_WORDS && both * 2 >= mine.len().min(theirs.len())
        };
        let found = self.past.iter().rev().filter(|(r, p)| {
            **r != i.reference.0 && p.service.as_deref() == Some(here.as_str()) && !p.done.is_empty() && same(&p.cause)
        });
        found
            .take(RECURS_SHOWN)
            .filter_map(|(r, p)| {
                Some(Hint {
                    reference: Ref(*r),
                    title: p.title.clone(),
                    why: "same service, same cause".to_owned(),
                    kind: Kind::Recurs {
                        follow_up: words::cut(p.done.last()?, FIXED_MAX),
                        at: p.at,
                    },
                })
            })
            .collect()
    }

    fn alike(&self, i: &Incident) -> Vec<Hint> {
        let query: Vec<String> = terms(i, false)
            .into_iter()
            .filter(|t| self.occurs.get(t).is_some_and(|n| (1..=COMMON).contains(n)))
            .collect();
        if query.is_empty() {
            return Vec::new();
        }
        let asked = self.embedder.embed(&query.join(" "));
        let mut found = self.scorer.matches(&asked);
        found.retain(|f| f.id != i.reference.0);
        let best: f32 = found.first().map_or(0.0, |f| f.score);
        let whole = query.len().max(1) as f32;
        let shared = |r: u64| {
            let past = self.past.get(&r);
            past.map_or(0, |p| query.iter().filter(|t| p.terms.binary_search(t).is_ok()).count())
        };
        found
            .into_iter()
            .take_while(|f| f.score >= best / 2.0)
            .filter(|f| shared(f.id) as f32 / whole >= ALIKE)
            .filter_map(|f| {
                let past = self.past.get(&f.id)?;
                Some(Hint {
                    reference: Ref(f.id),
                    title: past.title.clone(),
                    why: why(i, past, &query)?,
                    kind: past.kind.clone(),
                })
            })
            .take(PAST_SHOWN)
            .collect()
    }
}

/// The words of what an incident was caused by, each once.
fn cause(i: &Incident) -> Vec<String> {
    let text = ["cause", "resolution"].iter().find_map(|f| i.fields.get(*f));
    let mut out = text.map_or(Vec::new(), |t| significant(t));
    out.sort_unstable();
    out.dedup();
    out
}

/// Why a past incident is named; nobody can check a reason that does not say which words. `None` where nothing but one
/// word speaks for it, which says little.
fn why(i: &Incident, past: &Past, query: &[String]) -> Option<String> {
    let same_alert = alerts(i).iter().any(|a| past.alerts.contains(a));
    let same_service = past.service.is_some() && past.service == alias(i);
    let mut both: Vec<&String> = query.iter().filter(|t| !t.contains(':')).collect();
    both.sort_unstable();
    both.dedup();
    both.retain(|t| past.terms.binary_search(t).is_ok());
    let quoted: Vec<String> = both
        .iter()
        .take(WORDS_SHOWN)
        .map(|t| format!("\u{201c}{t}\u{201d}"))
        .collect();
    let said = format!("both say {}", words::list(&quoted));
    match (same_alert, same_service) {
        (true, true) => Some("same alert, same service".to_owned()),
        (true, false) => Some("same alert".to_owned()),
        (false, true) if both.is_empty() => Some("same service".to_owned()),
        (false, true) => Some(format!("same service, {said}")),
        (false, false) => (both.len() >= 2).then_some(said),
    }
}

fn alias(i: &Incident) -> Option<String> {
    i.service.as_ref().map(|s| s.alias.clone())
}

/// What its alerts are called, whatever was in them.
fn alerts(i: &Incident) -> Vec<String> {
    let named = |a: &imp_core::alert::AlertState| {
        let name = a.alert.labels.iter().find(|(n, _)| n == "alertname");
        words::key(name.map_or(a.alert.title.as_str(), |(_, v)| v.as_str()))
    };
    i.alerts.iter().map(named).collect()
}

/// The words of a text that say something.
fn significant(text: &str) -> Vec<String> {
    let plain = deunicode::deunicode(text).to_lowercase();
    plain
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| w.len() > 2 && w.len() < 40 && !EMPTY_WORDS.contains(w))
        .map(|w| w.strip_suffix('s').filter(|w| w.len() > 3).unwrap_or(w).to_owned())
        .collect()
}

/// The terms of an incident; of a past one also what it was found to be.
fn terms(i: &Incident, past: bool) -> Vec<String> {
    let mut text = format!("{} {}", i.title, i.summary);
    if past {
        for field in ["cause", "resolution"] {
            text.extend(i.fields.get(field).map(|f| format!(" {f}")));
        }
    }
    let mut out = significant(&text);
    // The service and the alert say more than any word.
    out.extend(
        alias(i)
            .into_iter()
            .flat_map(|s| [format!("service:{s}"), format!("service:{s}")]),
    );
    out.extend(
        alerts(i)
            .into_iter()
            .flat_map(|a| [format!("alert:{a}"), format!("alert:{a}")]),
    );
    out
}

/// Fills the memory from the store, the latest first, and then takes note of every change.
pub async fn keep(desk: Desk) {
    let mut changes = desk.changes();
    let mut before: Option<u64> = None;
    let mut read_so_far = 0;
    while read_so_far < PAST_MAX {
        let page = desk
            .store
            .read(move |c| read::incidents(c, &Filter::default(), before, PAGE))
            .await;
        let Ok(page) = page else { break };
        page.iter()
            .for_each(|i| desk.house.memory.learn(i, &desk.house.process_of(i)));
        read_so_far += page.len();
        match page.last() {
            Some(last) if page.len() == PAGE => before = Some(last.reference.0),
            Some(_) | None => break,
        }
    }
    loop {
        match changes.recv().await {
            Ok(change) => {
                if let Ok(Some(i)) = desk.incident(change.reference).await {
                    desk.house.memory.learn(&i, &desk.house.process_of(&i));
                }
            }
            // What was missed is known again at its next change.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imp_core::catalogue::Service;
    use imp_core::event::{Event, Fact, ServiceName};
    use imp_core::{Actor, At};

    /// An incident that was declared, and, where it is over, what repaired it.
    fn incident(n: u64, title: &str, service: &str, repaired: Option<&str>) -> Incident {
        let process = Process::built_in();
        let opened = Event::Opened {
            reference: Ref(n),
            title: title.into(),
            summary: String::new(),
            severity: "SEV2".into(),
            status: "investigating".into(),
            service: Some(ServiceName {
                alias: service.into(),
                name: service.into(),
                known: true,
            }),
            team: None,
            private: false,
            process: "1".into(),
            edition: String::new(),
            overlays: Vec::new(),
        };
        let over = repaired.map(|text| Event::Moved {
            from: "investigating".into(),
            to: "resolved".into(),
            fields: [("resolution".to_owned(), text.to_owned())].into(),
        });
        let events = [Some(opened), Some(Event::Confirmed), over];
        let facts: Vec<Fact> = events
            .into_iter()
            .flatten()
            .zip(1..)
            .map(|(event, n)| Fact {
                n,
                at: At(1_795_000_000_000),
                by: Actor::Imp,
                event,
            })
            .collect();
        Incident::fold(&facts, |_| &process).expect("it was opened")
    }

    /// What is named for an incident: reference and reason.
    fn named(memory: &Memory, i: &Incident, catalogue: &Catalogue) -> Vec<String> {
        let hints = memory.hints(i, catalogue);
        hints.iter().map(|h| format!("{}: {}", h.reference, h.why)).collect()
    }

    #[test]
    fn a_cause_that_is_back_after_its_follow_up_was_closed_names_the_follow_up() {
        let (memory, process) = (Memory::default(), Process::built_in());
        let follow_up = |text: &str, done| imp_core::incident::FollowUp {
            n: 1,
            text: text.into(),
            owner: None,
            due: None,
            ticket: None,
            done,
            added: None,
        };
        let cause = "The connection pool to the ledger was too small";
        let mut before = incident(1, "Card payments time out", "payments", Some(cause));
        before.follow_ups.push(follow_up("Raise the pool's size", true));
        let mut open = incident(2, "Refunds hang", "payments", Some(cause));
        open.follow_ups.push(follow_up("Watch the pool", false));
        let mut elsewhere = incident(3, "Search is slow", "search", Some(cause));
        elsewhere.follow_ups.push(follow_up("Raise it there", true));
        for i in [&before, &open, &elsewhere] {
            memory.learn(i, &process);
        }
        let mut now = incident(9, "Nobody can pay", "payments", None);
        let recurs = |now: &Incident| -> Vec<(u64, Kind)> {
            let hints = memory.hints(now, &Catalogue::default());
            let back = hints.into_iter().filter(|h| matches!(h.kind, Kind::Recurs { .. }));
            back.map(|h| (h.reference.0, h.kind)).collect()
        };
        assert_eq!(recurs(&now), [], "its cause is not known yet");
        now.fields
            .insert("cause".into(), "Connection pool exhausted: too small again".into());
        let found = recurs(&now);
        let is_it = |k: &Kind| matches!(k, Kind::Recurs { follow_up, .. } if follow_up == "Raise the pool's size");
        assert!(found.len() == 1 && found[0].0 == 1 && is_it(&found[0].1), "{found:?}");
        now.fields.insert("cause".into(), "A certificate ran out".into());
        assert_eq!(recurs(&now), []);
    }

    #[test]
    fn what_helped_the_last_time_is_named_and_chance_words_are_not() {
        let (memory, process) = (Memory::default(), Process::built_in());
        for i in [
            incident(
                1,
                "Card payments time out",
                "payments",
                Some("The connection pool was too small."),
            ),
            incident(2, "Search is slow", "search", Some("A shard was rebuilt.")),
            incident(3, "Login page is slow", "login", Some("Cache restarted.")),
            incident(
                4,
                "Payments of cards fail with timeouts",
                "payments",
                Some("Rolled back the deploy."),
            ),
        ] {
            memory.learn(&i, &process);
        }
        let now = incident(9, "Timeouts of card payments", "payments", None);
        let hints = memory.hints(&now, &Catalogue::default());
        let first: Vec<u64> = hints.iter().map(|h| h.reference.0).collect();
        assert!(
            first.contains(&1) && first.contains(&4) && !first.contains(&2) && !first.contains(&3),
            "{hints:?}"
        );
        assert!(
            hints
                .iter()
                .all(|h| h.why.starts_with("same service, both say \u{201c}card\u{201d}")),
            "{hints:?}"
        );
        let Kind::Past { fixed: Some(fixed), .. } = &hints[0].kind else {
            panic!("{hints:?}")
        };
        assert!(fixed.contains("pool") || fixed.contains("Rolled back"));

        let mut quiet = now.clone();
        quiet.unhelpful = first.iter().map(|r| Ref(*r)).collect();
        assert!(memory.hints(&quiet, &Catalogue::default()).is_empty());
    }

    #[test]
    fn what_is_open_on_the_service_or_beside_it_is_named_first_and_only_while_it_is_open() {
        let (memory, process) = (Memory::default(), Process::built_in());
        let checkout = Service {
            alias: "checkout".into(),
            depends_on: vec!["payments".into()],
            ..Service::default()
        };
        let catalogue = Catalogue {
            services: vec![checkout],
            ..Catalogue::default()
        };
        memory.learn(&incident(1, "Cards fail", "payments", None), &process);
        memory.learn(&incident(2, "Baskets vanish", "checkout", None), &process);
        memory.learn(&incident(3, "Chat is down", "chat", None), &process);
        let now = incident(9, "Nobody can pay", "checkout", None);
        assert_eq!(
            named(&memory, &now, &catalogue),
            [
                "IMP-2: open now on the same service",
                "IMP-1: open now on payments, which is connected with it"
            ]
        );
        memory.learn(&incident(2, "Baskets vanish", "checkout", Some("Restarted.")), &process);
        let after = named(&memory, &now, &catalogue);
        assert!(!after.iter().any(|n| n.starts_with("IMP-2: open")), "{after:?}");
    }

    #[test]
    fn a_private_one_is_never_named() {
        let (memory, process) = (Memory::default(), Process::built_in());
        let mut secret = incident(1, "Cards fail", "payments", None);
        memory.learn(&secret, &process);
        secret.private = true;
        memory.learn(&secret, &process);
        let now = incident(9, "Cards fail", "payments", None);
        assert!(memory.hints(&now, &Catalogue::default()).is_empty());
    }
}
