//! The law under random wishes: it never panics, its table is what happens, and its journal tells everything again.

use imp_core::effect::{Capability, Effect, Timer};
use imp_core::event::Fact;
use imp_core::process::Category;
use imp_core::{
    Actor, Alert, At, Catalogue, Command, Directory, Envelope, Facts, Incident, Process, Ref, Role, Who, decide, react,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

static PROCESS: LazyLock<Process> = LazyLock::new(Process::built_in);

/// An incident as its journal tells it, and the effects that followed.
#[derive(Default)]
struct World {
    incident: Option<Incident>,
    journal: Vec<Fact>,
    deeds: BTreeMap<String, Effect>,
    at: i64,
}

impl World {
    fn submit(&mut self, by: Actor, command: Command) -> Result<usize, imp_core::Refusal> {
        let (catalogue, directory, can) = (Catalogue::default(), Directory::default(), all());
        let facts = Facts {
            process: &PROCESS,
            in_force: &PROCESS,
            catalogue: &catalogue,
            directory: &directory,
            next: Ref(1),
            other: None,
            can: &can,
            now: At(self.at + 1_000),
            subscriptions: &Default::default(),
            catalogue_comes: false,
        };
        self.at += 1_000;
        let envelope = Envelope {
            id: format!("{}", self.at),
            by: by.clone(),
            role: Role::Admin,
            at: At(self.at),
            about: Some(Ref(1)),
            command,
        };
        let events = decide(self.incident.as_ref(), &envelope, &facts)?;
        let n = events.len();
        for event in events {
            let fact = Fact {
                n: self.journal.len() as u64 + 1,
                at: At(self.at),
                by: by.clone(),
                event,
            };
            self.incident = Incident::evolve(self.incident.take(), &fact, &PROCESS);
            if let Some(i) = &self.incident {
                for effect in react(i, &fact, &PROCESS, &can)
                    .into_iter()
                    .filter(|e| !e.what.is_mirror())
                {
                    let key = effect.what.key();
                    if let Some(same) = self.deeds.insert(key.clone(), effect.clone()) {
                        assert_eq!(same.what, effect.what, "one key, two deeds: {key}");
                    }
                }
            }
            self.journal.push(fact);
        }
        Ok(n)
    }
}

fn all() -> BTreeSet<Capability> {
    BTreeSet::from([
        Capability::Chat,
        Capability::Record,
        Capability::Page,
        Capability::Bridge,
        Capability::Catalogue,
    ])
}

fn ada() -> Actor {
    Actor::Person {
        who: Who::slack("U1"),
        door: imp_core::Door::Slack,
    }
}

fn alert(firing: bool, key: u8) -> Command {
    Command::Alert(Box::new(Alert {
        source: "generic".into(),
        key: format!("k{key}"),
        firing,
        title: "It burns".into(),
        detail: None,
        severity: Some("critical".into()),
        service_hints: vec!["payments-api".into()],
        since: None,
        told_at: None,
        count: 1,
        links: vec![],
        labels: vec![],
    }))
}

fn declare() -> Command {
    Command::Declare {
        title: "It burns".into(),
        summary: String::new(),
        severity: None,
        service: None,
        team: None,
        private: false,
        members: vec![],
        impact: Default::default(),
    }
}

/// Words that people type, and words that nobody should.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z ]{0,30}",
        1 => any::<String>(),
        1 => Just("<!channel> *x*".to_owned()),
        1 => Just("IMP-1".to_owned()),
        1 => Just("\u{202e}\u{0}".to_owned()),
        1 => Just("Ж".repeat(5_000)),
    ]
}

/// Somebody, most often one who could be a person.
fn somebody() -> impl Strategy<Value = Who> {
    prop_oneof![3 => Just("U1".to_owned()), 3 => Just("U2".to_owned()), 1 => words()].prop_map(Who::slack)
}

/// A status, most often one that there is.
fn status() -> impl Strategy<Value = String> {
    let there: Vec<String> = PROCESS.statuses.iter().map(|s| s.id.clone()).collect();
    prop_oneof![9 => proptest::sample::select(there), 1 => words()]
}

fn timer() -> impl Strategy<Value = Timer> {
    prop_oneof![
        (0_u32..5).prop_map(|level| Timer::Escalate { level }),
        Just(Timer::Route),
        (0_u64..20).prop_map(|fact| Timer::Expire { fact }),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let fields = proptest::collection::btree_map(
        proptest::sample::select(vec!["reason", "cause", "resolution", "learned", "into"]),
        words(),
        0..5,
    )
    .prop_map(|m| {
        m.into_iter()
            .map(|(k, v)| (k.to_owned(), v))
            .collect::<BTreeMap<String, String>>()
    });
    prop_oneof![
        6 => (status(), fields).prop_map(|(to, fields)| Command::Move { to, fields }),
        1 => (any::<bool>(), 0_u8..3).prop_map(|(f, k)| alert(f, k)),
        1 => (words(), words()).prop_map(|(t, s)| Command::Edit { title: Some(t), summary: None, severity: Some(s), service: None }),
        1 => (words(), somebody()).prop_map(|(role, who)| Command::Assign { role, who }),
        1 => somebody().prop_map(|who| Command::Assign { role: "commander".into(), who }),
        2 => words().prop_map(|text| Command::Post { text }),
        1 => (words(), words()).prop_map(|(title, body)| Command::Publish { title, body, components: vec![] }),
        1 => words().prop_map(|text| Command::AddTask { text, assignee: None }),
        1 => (0_u32..4).prop_map(|n| Command::FinishTask { n }),
        1 => (words(), words()).prop_map(|(text, due)| Command::AddFollowUp { text, owner: None, due: Some(due) }),
        1 => words().prop_map(|text| Command::WriteReview { text }),
        1 => words().prop_map(|text| Command::Note { text, ts: None }),
        1 => somebody().prop_map(|who| Command::Join { who }),
        1 => words().prop_map(|key| Command::Retry { key }),
        1 => (words(), words()).prop_map(|(key, why)| Command::Skip { key, why }),
        1 => (words(), words()).prop_map(|(key, why)| Command::GiveUp { key, what: "do something".into(), why }),
        1 => timer().prop_map(|timer| Command::Nudge { timer }),
        1 => Just(declare()),
    ]
}

proptest! {
    #[test]
    fn no_wish_makes_it_panic_and_the_journal_tells_the_incident_again(raised in any::<bool>(), wishes in proptest::collection::vec(command(), 0..40)) {
        let mut w = World::default();
        let begun = w.submit(ada(), if raised { alert(true, 0) } else { declare() });
        prop_assert!(begun.is_ok_and(|n| n > 0));
        for wish in wishes {
            let (before, known) = (w.journal.len(), w.incident.clone());
            if let Err(refusal) = w.submit(ada(), wish) {
                prop_assert!(!refusal.message.is_empty());
                prop_assert_eq!(w.journal.len(), before);
                prop_assert_eq!(&w.incident, &known);
            }
        }
        let told = Incident::fold(&w.journal, |_| &*PROCESS);
        prop_assert_eq!(told, w.incident);
    }

    #[test]
    fn what_is_allowed_succeeds_and_everything_else_is_refused_in_the_same_words(raised in any::<bool>(), wishes in proptest::collection::vec(command(), 0..25)) {
        let mut w = World::default();
        let begun = w.submit(ada(), if raised { alert(true, 0) } else { declare() });
        prop_assert!(begun.is_ok());
        for wish in wishes {
            let _ = w.submit(ada(), wish);
        }
        let Some(i) = w.incident.clone() else { return Ok(()) };
        let allowed = decide::allowed(&i, &PROCESS);
        for to in PROCESS.statuses.iter().map(|s| s.id.as_str()) {
            let (mut slack, mut rest) = (copy(&w), copy(&w));
            let fields: BTreeMap<String, String> = PROCESS.fields.iter().map(|f| (f.id.clone(), answer(f))).collect();
            let wish = Command::Move { to: to.to_owned(), fields };
            let by_slack = slack.submit(ada(), wish.clone());
            let by_rest = rest.submit(Actor::Token { name: "ci".into() }, wish);
            match (allowed.iter().find(|a| a.status == to), by_slack, by_rest) {
                // Merging wants another incident, and there is only one here.
                (Some(_), Err(a), Err(b)) if to == "merged" => {
                    prop_assert!(a.fields.iter().any(|(f, _)| f == "into"));
                    prop_assert_eq!(a, b);
                }
                (Some(_), by_slack, by_rest) => prop_assert!(by_slack.is_ok_and(|n| n > 0) && by_rest.is_ok(), "{} to {to}", i.status),
                (None, Err(a), Err(b)) => {
                    prop_assert_eq!(&a, &b);
                    prop_assert_eq!(&a.allowed, &allowed);
                }
                (None, by_slack, _) => prop_assert!(false, "{} became {to}, which no button offers: {by_slack:?}", i.status),
            }
        }
    }

    #[test]
    fn a_finished_incident_stays_finished(wishes in proptest::collection::vec(command(), 0..30)) {
        let mut w = World::default();
        prop_assert!(w.submit(ada(), alert(true, 0)).is_ok());
        let reason = BTreeMap::from([("reason".to_owned(), "A test.".to_owned())]);
        let declined = w.submit(ada(), Command::Move { to: "declined".into(), fields: reason });
        prop_assert!(declined.is_ok());
        for wish in wishes {
            let _ = w.submit(ada(), wish);
        }
        let i = w.incident.expect("it is there");
        prop_assert_eq!(PROCESS.category(&i.status), Category::Done);
    }
}

/// Something that a field takes.
fn answer(field: &imp_core::process::Field) -> String {
    field.choices.first().map_or("said", String::as_str).to_owned()
}

fn copy(w: &World) -> World {
    World {
        incident: w.incident.clone(),
        journal: w.journal.clone(),
        deeds: w.deeds.clone(),
        at: w.at,
    }
}
