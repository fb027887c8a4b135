//! A practice workspace, an incident in it, and hands that are tried until they are done.

use imp_core::event::{Fact, Link, ServiceName, TeamName};
use imp_core::port::Ledger;
use imp_core::{
    Actor, At, Capability, Catalogue, Command, Door, Envelope, Event, Facts, Incident, Order, Outcome, Port, Process,
    Ref, Role, What, Who, decide,
};
use imp_practice::faults::{Fault, Rule, Vendor};
use imp_practice::org::Org;
use imp_practice::{Options, Practice};
use imp_vendors::http::Http;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// When the incident of every test begins: 2026-11-22T10:00:00Z.
const BEGIN: At = At(1_795_341_600_000);
/// Tries after which something will never be done.
const TRIES_MAX: u32 = 40;

pub struct Stage {
    pub practice: Practice,
    pub http: Http,
    process: Arc<Process>,
    catalogue: Arc<Catalogue>,
    facts: Vec<Fact>,
}

impl Stage {
    /// A workspace and a confirmed incident of the first service.
    pub async fn new() -> Stage {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let practice = Practice::start(any, Org::built_in(), Options::default())
            .await
            .expect("a free port");
        practice.jira().set_search_lag(0);
        let mut stage = Stage {
            practice,
            http: Http::new().expect("a client"),
            process: Arc::new(Process::built_in()),
            catalogue: Arc::default(),
            facts: vec![],
        };
        stage.begins("Checkout is down");
        stage
    }

    /// Begins the incident, anew if there is one.
    pub fn begins(&mut self, title: &str) {
        let service = self
            .practice
            .org
            .services
            .first()
            .map(|s| s.alias.clone())
            .unwrap_or_default();
        self.facts.clear();
        self.happens(Event::Opened {
            reference: Ref(42),
            title: title.to_owned(),
            summary: "Users see an error.\n\nSee https://status.example".to_owned(),
            severity: "SEV2".to_owned(),
            status: "investigating".to_owned(),
            service: Some(ServiceName {
                alias: service.clone(),
                name: service,
                known: true,
            }),
            team: Some(TeamName {
                alias: "payments".to_owned(),
                name: "Payments".to_owned(),
                ..TeamName::default()
            }),
            private: false,
            process: "1".to_owned(),
            edition: String::new(),
            overlays: Vec::new(),
        });
        self.happens(Event::Confirmed);
    }

    /// Begins another incident with the same reference, an hour later, as after a store that was lost.
    pub fn begins_later(&mut self, title: &str) {
        self.begins(title);
        self.facts.iter_mut().for_each(|f| f.at = f.at.plus(3_600_000));
    }

    /// A section of the workspace's own configuration.
    pub fn config<T: DeserializeOwned>(&self, section: &str) -> T {
        let all: toml::Table = toml::from_str(&self.practice.config_toml("127.0.0.1:1")).expect("TOML");
        all.get(section)
            .cloned()
            .and_then(|s| s.try_into().ok())
            .expect("a section as we know it")
    }

    pub fn happens(&mut self, event: Event) {
        let n = self.facts.len() as u64 + 1;
        let who = Who::email(self.practice.org.email(&self.practice.org.people[0].handle));
        let by = Actor::Person { who, door: Door::Slack };
        self.facts.push(Fact {
            n,
            at: BEGIN.plus(n as i64 * 1000),
            by,
            event,
        });
    }

    /// Somebody wishes something; whether anything came of it.
    pub fn wishes(&mut self, by: Actor, command: Command) -> bool {
        let can = Capability::ALL.into_iter().collect();
        let facts = Facts {
            process: &self.process,
            in_force: &self.process,
            catalogue: &self.catalogue,
            directory: &Default::default(),
            next: Ref(42),
            other: None,
            can: &can,
            now: BEGIN.plus(self.facts.len() as i64 * 1000),
            subscriptions: &Default::default(),
            catalogue_comes: false,
        };
        let incident = self.incident();
        let at = BEGIN.plus(self.facts.len() as i64 * 1000);
        let envelope = Envelope {
            id: String::new(),
            by: by.clone(),
            role: Role::Admin,
            at,
            about: Some(incident.reference),
            command,
        };
        let events = decide(Some(&incident), &envelope, &facts).unwrap_or_default();
        let any = !events.is_empty();
        for event in events {
            let n = self.facts.len() as u64 + 1;
            self.facts.push(Fact {
                n,
                at,
                by: by.clone(),
                event,
            });
        }
        any
    }

    /// The process.
    pub fn process(&self) -> Arc<Process> {
        self.process.clone()
    }

    pub fn moves(&mut self, to: &str) {
        let from = self.incident().status.clone();
        self.happens(Event::Moved {
            from,
            to: to.to_owned(),
            fields: Default::default(),
        });
    }

    pub fn incident(&self) -> Arc<Incident> {
        Arc::new(Incident::fold(&self.facts, |_| self.process.clone()).expect("an incident"))
    }

    /// The vendor loses its next answer to this operation, after doing what it was asked.
    pub fn loses_an_answer(&self, vendor: Vendor, op: &str) {
        self.practice
            .faults()
            .set(Rule::new(vendor, Fault::LoseAnswer).on(op).times(1));
    }

    /// Somebody edits a ticket in Jira.
    pub async fn person_edits(&self, key: &str, fields: &Value) {
        let who = self.practice.org.email(&self.practice.org.people[1].handle);
        let request = self
            .http
            .put(&format!("{}/jira/rest/api/3/issue/{key}", self.practice.base))
            .basic_auth(who, Some(self.practice.org.keys.jira_api_token.clone()))
            .json(&json!({"fields": fields}));
        let status = request.send().await.expect("an answer").status();
        assert!(status.is_success(), "{status}");
    }

    /// How often an operation was called.
    pub fn calls(&self, vendor: Vendor, op: &str) -> usize {
        self.practice
            .faults()
            .calls(0)
            .iter()
            .filter(|c| c.vendor == vendor && c.op == op)
            .count()
    }

    /// How many calls there were since a number, and the number now.
    pub fn calls_since(&self, seq: u64) -> (Vec<String>, u64) {
        let calls = self.practice.faults().calls(seq);
        let last = calls.last().map_or(seq, |c| c.seq);
        (calls.into_iter().map(|c| c.op).collect(), last)
    }

    /// An order, as the runner gives it.
    pub fn order(&self, what: &What, tried: u32) -> Order {
        Order {
            newer: None,
            key: what.key(),
            what: what.clone(),
            tried,
            others_wrote: false,
            other_ticket: None,
            hints: std::sync::Arc::default(),
            ledger: Some(Arc::new(Ledger {
                facts: self.facts.clone(),
                done: vec!["record.ticket".to_owned()],
            })),
            incident: self.incident(),
            process: self.process.clone(),
            catalogue: self.catalogue.clone(),
            directory: Arc::default(),
            waiting: Arc::default(),
            now: BEGIN,
        }
    }

    /// Tries until it is done or never will be, as the runner does; what is learnt is not taken down.
    pub async fn tries(&self, port: &dyn Port, what: &What, mut tried: u32) -> Outcome {
        for _ in 0..TRIES_MAX {
            match port.perform(self.order(what, tried)).await {
                Outcome::Wait { after_ms } => tokio::time::sleep(Duration::from_millis(after_ms.unsigned_abs())).await,
                Outcome::Later { .. } => tried += 1,
                settled @ (Outcome::Done(_) | Outcome::Never { .. }) => return settled,
            }
        }
        panic!("{} was never settled", what.key());
    }

    /// Does it as the runner would if it crashed after the vendor had answered: done, forgotten, done again. What is
    /// learnt is taken down.
    pub async fn does(&mut self, port: &dyn Port, what: What) -> Vec<Link> {
        let first = self.tries(port, &what, 0).await;
        let again = self.tries(port, &what, 1).await;
        let (Outcome::Done(first), Outcome::Done(again)) = (&first, &again) else {
            panic!("{}: {first:?}, then {again:?}", what.key());
        };
        assert!(
            again.iter().all(|l| first.contains(l)),
            "{}: {first:?}, then {again:?}",
            what.key()
        );
        for what in first.clone() {
            self.happens(Event::Linked { what });
        }
        first.clone()
    }
}
