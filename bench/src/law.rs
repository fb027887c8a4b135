//! What the core takes to decide, a card to be drawn, suggestions to be found among a hundred thousand, and a process file
//! to be checked. In memory and alone: no program is started.

use crate::stage::percentile;
use imp_core::event::{Event, Fact, ServiceName};
use imp_core::{
    Actor, At, Catalogue, Command, Directory, Envelope, Facts, Incident, Process, Ref, Role, decide, react,
};
use imp_engine::memory::Memory;
use imp_vendors::slack::card::{View, card};
use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Instant;

/// Decisions that are timed.
const DECISIONS: usize = 20_000;
/// Cards that are drawn.
const CARDS: usize = 5_000;
/// Past incidents among which suggestions are found.
const PAST: u64 = 100_000;
/// Questions to that memory.
const QUESTIONS: u64 = 500;
/// Times that the file is checked.
const CHECKS: usize = 50;
/// Lines of the file.
const LINES: usize = 500;
/// The moment at which all of it happens.
const NOW: At = At(1_790_000_000_000);

/// Words of which titles are made, so that some are like others.
const WORDS: [&str; 16] = [
    "payments",
    "timeout",
    "database",
    "replica",
    "login",
    "certificate",
    "queue",
    "backlog",
    "latency",
    "search",
    "index",
    "refused",
    "memory",
    "deploy",
    "cache",
    "gateway",
];

/// The figures, in the words of the table: what, reached, must.
pub fn figures() -> Vec<(&'static str, String, &'static str)> {
    let process = Process::built_in();
    vec![
        ("a decision with its effects, p99", micros(decisions(&process)), "50 µs"),
        ("a card drawn, p99", micros(cards(&process)), "200 µs"),
        (
            "suggestions over 100,000 past incidents, p99",
            micros(suggestions(&process)),
            "20 ms",
        ),
        ("a process file of 500 lines checked, p99", micros(checks()), "50 ms"),
    ]
}

/// The 99th percentile, in the unit that fits.
fn micros(mut took: Vec<f64>) -> String {
    let p99 = percentile(&mut took, 0.99) * 1_000_000.0;
    match p99 < 1000.0 {
        true => format!("{p99:.0} µs"),
        false => format!("{:.1} ms", p99 / 1000.0),
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let began = Instant::now();
    black_box(work());
    began.elapsed().as_secs_f64()
}

/// An incident as it is after some work: facts folded one by one.
fn incident(n: u64, process: &Process) -> Incident {
    let word = |k: u64| WORDS[usize::try_from((n.wrapping_mul(31).wrapping_add(k * 7)) % 16).unwrap_or(0)];
    let opened = Event::Opened {
        reference: Ref(n),
        title: format!("{} {} on {} {n}", word(1), word(2), word(3)),
        summary: format!("The {} reports {}", word(4), word(5)),
        severity: "SEV2".into(),
        status: "investigating".into(),
        service: Some(ServiceName {
            alias: format!("service-{}", n % 300),
            name: format!("Service {}", n % 300),
            known: true,
        }),
        team: None,
        private: false,
        process: process.version.clone(),
        edition: String::new(),
        overlays: Vec::new(),
    };
    let update = |k: u32| Event::UpdatePosted {
        n: k,
        text: format!("Update {k}"),
    };
    let task = |k: u32| Event::TaskAdded {
        n: k,
        text: format!("Task {k}"),
        assignee: None,
    };
    let events = [opened, Event::Confirmed]
        .into_iter()
        .chain((1..=5).map(update))
        .chain((1..=5).map(task));
    fold(None, events, process).expect("an opened incident")
}

fn fold(mut i: Option<Incident>, events: impl IntoIterator<Item = Event>, process: &Process) -> Option<Incident> {
    for event in events {
        let fact = Fact {
            n: i.as_ref().map_or(0, |i| i.version) + 1,
            at: NOW,
            by: Actor::Imp,
            event,
        };
        i = Incident::evolve(i, &fact, process);
    }
    i
}

/// A move: decided, folded, and what follows from it.
fn decisions(process: &Process) -> Vec<f64> {
    let can = imp_core::Capability::ALL.into_iter().collect::<BTreeSet<_>>();
    let (catalogue, directory) = (Catalogue::default(), Directory::default());
    let facts = Facts {
        process,
        in_force: process,
        catalogue: &catalogue,
        directory: &directory,
        next: Ref(1),
        other: None,
        can: &can,
        now: NOW,
        subscriptions: &Default::default(),
        catalogue_comes: false,
    };
    let envelope = Envelope {
        id: String::new(),
        by: Actor::Imp,
        role: Role::Admin,
        at: NOW,
        about: Some(Ref(1)),
        command: Command::Move {
            to: "identified".into(),
            fields: Default::default(),
        },
    };
    let begin = incident(1, process);
    let whole = |mut i: Incident| {
        let mut effects = 0;
        for event in decide(Some(&i), &envelope, &facts).unwrap_or_default() {
            let fact = Fact {
                n: i.version + 1,
                at: NOW,
                by: Actor::Imp,
                event,
            };
            let Some(next) = Incident::evolve(Some(i), &fact, process) else {
                return effects;
            };
            effects += react(&next, &fact, process, &can).len();
            i = next;
        }
        effects
    };
    (0..DECISIONS)
        .map(|_| {
            let i = begin.clone();
            timed(|| whole(i))
        })
        .collect()
}

fn cards(process: &Process) -> Vec<f64> {
    let can = imp_core::Capability::ALL.into_iter().collect::<BTreeSet<_>>();
    let (i, catalogue) = (incident(1, process), Catalogue::default());
    let view = View {
        incident: &i,
        process,
        catalogue: &catalogue,
        waiting: &[],
        can: &can,
        public_url: "https://imp.example.com",
        newer: None,
        hints: &[],
        now: NOW,
    };
    (0..CARDS).map(|_| timed(|| card(&view))).collect()
}

fn suggestions(process: &Process) -> Vec<f64> {
    let memory = Memory::default();
    for n in 1..=PAST {
        let over = Event::Moved {
            from: "investigating".into(),
            to: "resolved".into(),
            fields: [("resolution".to_owned(), format!("Restarted {n}"))].into(),
        };
        if let Some(i) = fold(Some(incident(n, process)), [over], process) {
            memory.learn(&i, process);
        }
    }
    let catalogue = Catalogue::default();
    (1..=QUESTIONS)
        .map(|n| {
            let asks = incident(PAST + n, process);
            timed(|| memory.hints(&asks, &catalogue))
        })
        .collect()
}

/// The built-in process with more severities, roles and reminders than anybody has.
fn checks() -> Vec<f64> {
    let mut text = imp_core::process::BUILT_IN.to_owned();
    let mut n = 0;
    while text.lines().count() < LINES {
        n += 1;
        text.push_str(&format!(
            "\n[[role]]\nid = \"role-{n}\"\nlabel = \"Role {n}\"\ninstructions = \"Does it.\"\n"
        ));
    }
    (0..CHECKS).map(|_| timed(|| Process::parse(&text).is_ok())).collect()
}
