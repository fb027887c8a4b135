//! Two writers of one ticket: people in Jira and the incident here, at random, with hints lost, doubled and late. In the
//! end both say the same, nobody wrote more than once for a change, and nothing is left to say.

use crate::stage::Stage;
use imp_core::port::{Heard, RecordSource};
use imp_core::{Actor, Command, Door, Outcome, What, Who};
use imp_vendors::jira::Jira;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// Runs; each is a story of its own.
const SEEDS: u64 = 16;
/// Things that happen in a run.
const STEPS: usize = 24;

/// Chance, the same for the same seed (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap_or(0)
    }
}

struct Story {
    stage: Stage,
    port: Jira,
    key: String,
    dice: Dice,
    /// Looks that were taken and have not been told of yet.
    late: VecDeque<Vec<Heard>>,
    /// Changes that were made, by either side.
    made: usize,
    words: usize,
}

const PRIORITIES: [(&str, &str); 4] = [
    ("Highest", "SEV1"),
    ("High", "SEV2"),
    ("Medium", "SEV3"),
    ("Low", "SEV4"),
];

impl Story {
    async fn begin(seed: u64) -> Story {
        let mut stage = Stage::new().await;
        let port = Jira::new(stage.config("jira"), stage.http.clone(), "https://imp.example");
        port.warm().await.expect("Jira answers");
        stage.does(&port, What::FileTicket).await;
        let key = stage.incident().links.ticket.as_ref().expect("a ticket").key.clone();
        Story {
            stage,
            port,
            key,
            dice: Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            late: VecDeque::new(),
            made: 0,
            words: 0,
        }
    }

    fn email(&mut self) -> String {
        let n = self.dice.below(4);
        self.stage.practice.org.email(&self.stage.practice.org.people[n].handle)
    }

    /// Somebody edits the ticket in Jira; sometimes with the very account that IMP uses.
    async fn theirs(&mut self) {
        self.words += 1;
        let fields = match self.dice.below(3) {
            0 => json!({"summary": format!("Theirs {}", self.words)}),
            1 => json!({"priority": {"name": PRIORITIES[self.dice.below(4)].0}}),
            _ => {
                let handle = self.stage.practice.org.people[self.dice.below(4)].handle.clone();
                json!({"assignee": {"accountId": self.stage.practice.jira().account_of(&handle)}})
            }
        };
        let who = match self.dice.below(4) {
            0 => self.stage.practice.org.keys.jira_email.clone(),
            _ => self.email(),
        };
        let url = format!("{}/jira/rest/api/3/issue/{}", self.stage.practice.base, self.key);
        let token = self.stage.practice.org.keys.jira_api_token.clone();
        let request = self
            .stage
            .http
            .put(&url)
            .basic_auth(who, Some(token))
            .json(&json!({"fields": fields}));
        let status = request.send().await.expect("an answer").status();
        assert!(status.is_success(), "{status}");
        self.made += 1;
    }

    /// Somebody changes the incident here.
    fn ours(&mut self) {
        self.words += 1;
        let edit = |title: Option<String>, severity: Option<String>| Command::Edit {
            title,
            summary: None,
            severity,
            service: None,
        };
        let command = match self.dice.below(3) {
            0 => edit(Some(format!("Ours {}", self.words)), None),
            1 => edit(None, Some(PRIORITIES[self.dice.below(4)].1.to_owned())),
            _ => Command::Assign {
                role: "commander".to_owned(),
                who: Who::email(self.email()),
            },
        };
        let by = Actor::Person {
            who: Who::email("x@meridian.example"),
            door: Door::Rest,
        };
        self.made += usize::from(self.stage.wishes(by, command));
    }

    async fn look(&self) -> Vec<Heard> {
        let (incident, process) = (self.stage.incident(), self.stage.process());
        self.port.look(incident, process).await.expect("Jira answers")
    }

    fn told(&mut self, heard: Vec<Heard>) -> bool {
        let mut any = false;
        for h in heard {
            let by = Actor::Jira { who: h.who };
            let command = Command::Adopt {
                change: h.change,
                seen: h.seen,
            };
            any |= self.stage.wishes(by, command);
        }
        any
    }

    async fn mirror(&mut self) {
        match self.stage.tries(&self.port, &What::TicketFields, 0).await {
            Outcome::Done(links) => {
                for what in links {
                    self.stage.happens(imp_core::Event::Linked { what });
                }
            }
            other => panic!("{other:?}"),
        }
    }

    fn issue(&self) -> Value {
        self.stage.practice.jira().issue(&self.key).expect("it is there")
    }

    /// Changes by IMP's account that the ticket's history has.
    fn history(&self) -> usize {
        self.issue()["changelog"]["histories"].as_array().map_or(0, Vec::len)
    }

    fn both(&self) -> ([String; 3], [String; 3]) {
        let (i, issue) = (self.stage.incident(), self.issue());
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let priority = PRIORITIES.iter().find(|p| p.1 == i.severity).map_or("", |p| p.0);
        let commander = i
            .roles
            .get("commander")
            .and_then(|w| w.email.clone())
            .unwrap_or_default();
        let ours = [i.title.clone(), priority.to_owned(), commander];
        let f = &issue["fields"];
        let theirs = [
            text(&f["summary"]),
            text(&f["priority"]["name"]),
            text(&f["assignee"]["emailAddress"]),
        ];
        (ours, theirs)
    }
}

#[tokio::test]
async fn two_writers_agree_in_the_end_and_nobody_writes_more_than_once_for_a_change() {
    for seed in 1..=SEEDS {
        let mut s = Story::begin(seed).await;
        for _ in 0..STEPS {
            match s.dice.below(8) {
                0 | 1 => s.theirs().await,
                2 | 3 => s.ours(),
                4 => s.mirror().await,
                5 => {
                    let heard = s.look().await;
                    s.late.push_back(heard);
                }
                // A hint comes late, perhaps twice, perhaps after a later one, perhaps never.
                6 => {
                    let n = s.dice.below(s.late.len().max(1));
                    if let Some(heard) = s.late.get(n).cloned() {
                        s.told(heard);
                    }
                    if s.dice.below(2) == 0 {
                        s.late.remove(n);
                    }
                }
                _ => {
                    let heard = s.look().await;
                    s.told(heard);
                }
            }
        }
        // The sweep comes by, once and once more.
        for _ in 0..2 {
            let heard = s.look().await;
            s.told(heard);
            s.mirror().await;
        }
        let (ours, theirs) = s.both();
        assert_eq!(ours, theirs, "seed {seed}");
        let (history, facts) = (s.history(), s.stage.incident().version);
        // Each change of ours is written at most once, and each of theirs may bring a label of ours along.
        assert!(
            history <= 2 * s.made,
            "seed {seed}: {history} changes in Jira for {}",
            s.made
        );
        let heard = s.look().await;
        assert!(!s.told(heard), "seed {seed}: there was something left to say");
        s.mirror().await;
        assert_eq!(
            (s.history(), s.stage.incident().version),
            (history, facts),
            "seed {seed}: an echo"
        );
    }
}
