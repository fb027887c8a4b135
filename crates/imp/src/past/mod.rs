//! The demo's past: a hundred incidents of the last six months, told from `stories.toml` through the desk's own law, so
//! that lists and pages have something to show. No vendor hears of it.

use crate::Failure;
use arc_swap::ArcSwap;
use imp_core::alert::Alert;
use imp_core::catalogue::{Service, Team};
use imp_core::person::{Door, Who};
use imp_core::{Actor, At, Catalogue, Command, Directory, Envelope, Process, Ref, Role};
use imp_engine::{Clock, House, Store, SystemClock, past};
use imp_practice::org::{self, Org};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// How many incidents; the first that a visitor opens has a round number.
pub const TOLD: usize = 99;
/// How many of them are still open: the latest.
const OPEN: usize = 2;
/// How far back it reaches.
const DAYS: i64 = 182;
/// The latest that is closed began so long ago: its review, up to three days later, lies in the past too.
const QUIET_DAYS: i64 = 4;
/// One in so many was a false alarm.
const DECLINED_EACH: usize = 8;
/// One in so many was the same as the one before.
const MERGED_EACH: usize = 19;
/// The same past for everybody.
const SEED: u64 = 42;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stories {
    places: Vec<String>,
    false_alarms: Vec<String>,
    story: Vec<Story>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    service: String,
    title: String,
    severity: String,
    minutes: i64,
    cause: String,
    repair: String,
    learned: String,
    say: Vec<String>,
    #[serde(default)]
    tasks: Vec<String>,
    #[serde(default)]
    follow_ups: Vec<String>,
}

/// Tells the past to a store in which nothing has happened yet; any other is left as it is.
///
/// # Errors
/// Where the store cannot be had, or the stories break the law.
pub fn tell(url: &str, org: &Org, process: &Process) -> Result<(), Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::Failed(format!("the demo's past cannot be told: {e}"));
    let (_store, mut conn) = Store::open(url).map_err(|e| Failure::Failed(e.to_string()))?;
    let house = House {
        process: ArcSwap::from_pointee(process.clone()),
        versions: Default::default(),
        subscriptions: Default::default(),
        catalogue: ArcSwap::from_pointee(catalogue(org)),
        directory: ArcSwap::from_pointee(Directory::default()),
        can: BTreeSet::new(),
        reads_catalogue: false,
        memory: Default::default(),
    };
    let now = SystemClock.now();
    let stories: Stories = toml::from_str(include_str!("stories.toml")).map_err(|e| failed(&e))?;
    past::live_through(conn.as_mut(), &house, &wishes(&stories, org, now), now).map_err(|e| failed(&e))
}

/// What the catalogue will say once it is read: enough to know who is asked and who owns what.
fn catalogue(org: &Org) -> Catalogue {
    let teams = org.teams.iter().map(|t| Team {
        alias: t.alias.clone(),
        name: t.name.clone(),
        members: t.members.iter().map(|m| who(org, m)).collect(),
        manager: Some(who(org, &t.manager)),
        channel: Some(Org::team_channel(t)),
        ..Team::default()
    });
    let services = org.services.iter().map(|s| Service {
        alias: s.alias.clone(),
        name: s.name.clone(),
        team: Some(s.team.clone()),
        on_call: team(org, &s.team).iter().map(|t| who(org, &t.on_call)).collect(),
        ..Service::default()
    });
    Catalogue {
        as_of: None,
        services: services.collect(),
        teams: teams.collect(),
    }
}

fn team<'a>(org: &'a Org, alias: &str) -> Option<&'a org::Team> {
    org.teams.iter().find(|t| t.alias == alias)
}

fn who(org: &Org, handle: &str) -> Who {
    Who {
        slack: org.slack_id(handle),
        email: Some(org.email(handle)),
        name: org.people.iter().find(|p| p.handle == handle).map(|p| p.name.clone()),
    }
}

/// Chance that comes out the same each time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `least` to `most`, both included.
    fn between(&mut self, least: i64, most: i64) -> i64 {
        least + i64::try_from(self.roll() >> 1).unwrap_or(0) % (most - least + 1)
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let n = usize::try_from(self.roll() >> 33).unwrap_or(0);
        all.get(n % all.len().max(1))
    }
}

/// How an incident ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Closed,
    /// A false alarm; `answered` tells whether somebody said so before it went silent for too long.
    Declined {
        answered: bool,
    },
    /// The same as the one with this reference.
    Merged(Ref),
    /// Still going on, `after` the cause was found or before.
    Open {
        cause_known: bool,
    },
}

/// All wishes, oldest first.
fn wishes(stories: &Stories, org: &Org, now: At) -> Vec<Envelope> {
    let mut dice = Dice(SEED);
    let mut out = Vec::new();
    let mut before: Option<(usize, At, End)> = None;
    for (n, opened) in openings(&mut dice, now).into_iter().enumerate() {
        let is_last = |k: usize| n + k == TOLD;
        let mut which = deal(n, stories.story.len());
        let mut at = opened;
        let end = match before {
            _ if is_last(1) => End::Open { cause_known: false },
            _ if is_last(OPEN) => End::Open { cause_known: true },
            // What is merged begins while the other goes on.
            Some((same, then, End::Closed)) if n % MERGED_EACH == MERGED_EACH - 1 => {
                which = same;
                at = then.plus(12 * MINUTE);
                End::Merged(reference(n - 1))
            }
            _ if n % DECLINED_EACH == DECLINED_EACH - 1 => End::Declined {
                answered: n % (3 * DECLINED_EACH) != DECLINED_EACH - 1,
            },
            _ => End::Closed,
        };
        if let Some(story) = stories.story.get(which) {
            let teller = Teller {
                stories,
                story,
                org,
                about: reference(n),
                dice: &mut dice,
                out: &mut out,
                at,
                now,
            };
            teller.tell(end);
        }
        before = Some((which, at, end));
    }
    out.sort_by_key(|e: &Envelope| e.at);
    out
}

/// The reference of the incident that is opened as the `n`th.
fn reference(n: usize) -> Ref {
    Ref(n as u64 + 1)
}

/// When each begins: spread over the months, more by day than by night, never two so close that they mix.
fn openings(dice: &mut Dice, now: At) -> Vec<At> {
    let closed = i64::try_from(TOLD - OPEN).unwrap_or(1);
    let step = (DAYS - QUIET_DAYS) * DAY / closed;
    let mut out: Vec<At> = (0..closed)
        .map(|n| now.plus(n * step - DAYS * DAY + dice.between(0, step / 2)))
        .collect();
    out.push(now.plus(-3 * HOUR + dice.between(0, 20) * MINUTE));
    out.push(now.plus(-50 * MINUTE + dice.between(0, 8) * MINUTE));
    out
}

/// Which story is told: neighbours in the file are far apart in time, and each is told before any is told again.
fn deal(n: usize, all: usize) -> usize {
    /// Shares no factor with any likely number of stories, so that it leads through all of them.
    const STEP: usize = 23;
    (n * STEP + n / all.max(1)) % all.max(1)
}

/// One story being told.
struct Teller<'a> {
    stories: &'a Stories,
    story: &'a Story,
    org: &'a Org,
    about: Ref,
    dice: &'a mut Dice,
    out: &'a mut Vec<Envelope>,
    at: At,
    now: At,
}

impl Teller<'_> {
    fn tell(mut self, end: End) {
        let place = self.dice.of(&self.stories.places).cloned().unwrap_or_default();
        let told = |text: &str| text.replace("{place}", &place);
        let title = told(&self.story.title);
        let minutes = (self.story.minutes * self.dice.between(70, 135) / 100).max(15);
        let began = self.at;
        let first = self.somebody();
        let alerted = self.dice.between(0, 2) > 0 && !matches!(end, End::Merged(_));
        if alerted || matches!(end, End::Declined { .. }) {
            self.alert(&title, true);
        } else {
            self.wish(
                &first,
                Command::Declare {
                    title: title.clone(),
                    summary: String::new(),
                    severity: Some(self.story.severity.clone()),
                    service: Some(self.story.service.clone()),
                    team: None,
                    private: false,
                    members: Vec::new(),
                    impact: Default::default(),
                },
            );
        }
        match end {
            End::Declined { answered } => return self.decline(answered, &title),
            End::Merged(into) => {
                self.later(3, 6);
                return self.go(&first, "merged", &[("into", into.to_string())]);
            }
            End::Closed | End::Open { .. } => {}
        }
        if alerted {
            self.later(1, 8);
            self.go(&first, "investigating", &[]);
        }
        self.later(1, 4);
        let role = Command::Assign {
            role: "commander".to_owned(),
            who: who(self.org, &first),
        };
        self.wish(&first, role);
        if self.dice.between(0, 3) == 0 {
            self.worse(&first);
        }
        let says: Vec<String> = self.story.say.iter().map(|s| told(s)).collect();
        let tasks = self.story.tasks.clone();
        // Three parts: looking for the cause, repairing, watching.
        self.say(&first, says.first());
        for text in &tasks {
            let helper = self.somebody();
            self.later(1, 3);
            let assignee = Some(who(self.org, &helper));
            let text = text.clone();
            self.wish(&first, Command::AddTask { text, assignee });
        }
        if end == (End::Open { cause_known: false }) {
            return;
        }
        self.reach(began, minutes * 45 / 100);
        self.go(&first, "identified", &[("cause", told(&self.story.cause))]);
        self.say(&first, says.get(1));
        if matches!(end, End::Open { .. }) {
            return;
        }
        self.reach(began, minutes * 75 / 100);
        for n in 1..=tasks.len() {
            self.wish(&first, Command::FinishTask { n: n as u32 });
        }
        self.go(&first, "monitoring", &[]);
        self.say(&first, says.get(2));
        if alerted {
            self.later(1, 5);
            self.alert(&title, false);
        }
        self.reach(began, minutes);
        self.go(&first, "resolved", &[("resolution", told(&self.story.repair))]);
        self.review(&first);
    }

    /// The review, one to three days later, in the hours of work.
    fn review(&mut self, first: &str) {
        self.later(20 * 60, 60 * 60);
        self.go(first, "review", &[]);
        let text = format!(
            "What happened\n{}\n\nWhat repaired it\n{}\n\nWhat we have learnt\n{}",
            self.story.cause, self.story.repair, self.story.learned
        );
        self.later(10, 40);
        self.wish(first, Command::WriteReview { text });
        for text in self.story.follow_ups.clone() {
            let owner = self.somebody();
            let due = self.at.plus(self.dice.between(10, 40) * DAY).rfc3339();
            let command = Command::AddFollowUp {
                text,
                owner: Some(who(self.org, &owner)),
                due: due.get(..10).map(str::to_owned),
            };
            self.later(1, 4);
            self.wish(first, command);
        }
        self.later(5, 30);
        self.go(first, "closed", &[("learned", self.story.learned.clone())]);
        self.finish_follow_ups(first);
    }

    /// Most of what was promised is kept, in the weeks after; one in nine is not, and is late by now.
    fn finish_follow_ups(&mut self, first: &str) {
        /// Of so many one is not done.
        const LEFT_EACH: u64 = 9;
        for n in 1..=u32::try_from(self.story.follow_ups.len()).unwrap_or(0) {
            self.at = self.at.plus(self.dice.between(2, 6) * DAY);
            if !(self.about.0 + u64::from(n)).is_multiple_of(LEFT_EACH) && self.at < self.now {
                self.wish(first, Command::FinishFollowUp { n });
            }
        }
    }

    fn decline(&mut self, answered: bool, title: &str) {
        if answered {
            self.later(2, 12);
            let why = self.dice.of(&self.stories.false_alarms).cloned().unwrap_or_default();
            let who = self.somebody();
            self.go(&who, "declined", &[("reason", why)]);
        } else {
            self.later(2, 4);
            self.alert(title, false);
        }
    }

    /// It is worse than it looked at first, or not as bad.
    fn worse(&mut self, first: &str) {
        let to = match self.story.severity.as_str() {
            "SEV1" | "SEV3" => "SEV2",
            "SEV2" => "SEV1",
            _ => "SEV3",
        };
        self.later(2, 6);
        let command = Command::Edit {
            title: None,
            summary: None,
            severity: Some(to.to_owned()),
            service: None,
        };
        self.wish(first, command);
    }

    fn say(&mut self, first: &str, text: Option<&String>) {
        if let Some(text) = text {
            self.later(1, 4);
            let text = text.clone();
            self.wish(first, Command::Post { text });
        }
    }

    fn go(&mut self, first: &str, to: &str, fields: &[(&str, String)]) {
        let fields = fields.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
        let command = Command::Move {
            to: to.to_owned(),
            fields: fields.collect::<BTreeMap<_, _>>(),
        };
        self.wish(first, command);
    }

    fn alert(&mut self, title: &str, firing: bool) {
        let source = "alertmanager".to_owned();
        let severity = match self.story.severity.as_str() {
            "SEV1" => "page",
            "SEV2" => "critical",
            "SEV3" => "warning",
            _ => "info",
        };
        let alert = Alert {
            key: format!("past/{}", self.about),
            source: source.clone(),
            firing,
            title: title.to_owned(),
            detail: None,
            severity: Some(severity.to_owned()),
            service_hints: vec![self.story.service.clone()],
            since: Some(self.at.plus(-self.dice.between(1, 6) * MINUTE)),
            told_at: None,
            count: 1,
            links: Vec::new(),
            labels: vec![("service".to_owned(), self.story.service.clone())],
        };
        self.out.push(Envelope {
            id: String::new(),
            by: Actor::Source { name: source },
            role: Role::Admin,
            at: self.at,
            about: None,
            command: Command::Alert(Box::new(alert)),
        });
    }

    fn wish(&mut self, handle: &str, command: Command) {
        let about = (!matches!(command, Command::Declare { .. })).then_some(self.about);
        self.out.push(Envelope {
            id: String::new(),
            by: Actor::Person {
                who: who(self.org, handle),
                door: Door::Slack,
            },
            role: Role::Responder,
            at: self.at,
            about,
            command,
        });
    }

    /// Somebody of the team that owns the service.
    fn somebody(&mut self) -> String {
        let owner = self.org.services.iter().find(|s| s.alias == self.story.service);
        let members = owner
            .and_then(|s| team(self.org, &s.team))
            .map(|t| t.members.as_slice());
        self.dice.of(members.unwrap_or_default()).cloned().unwrap_or_default()
    }

    /// Some minutes pass.
    fn later(&mut self, least: i64, most: i64) {
        self.at = self.at.plus(self.dice.between(least * 60, most * 60) * 1000);
    }

    /// Time passes until so many minutes after the beginning, if that is not past already.
    fn reach(&mut self, began: At, minutes: i64) {
        self.later(1, 2);
        self.at = self.at.max(began.plus(minutes * MINUTE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imp_core::process::Category;
    use imp_engine::read::{self, Filter};

    #[test]
    fn the_demo_has_a_past_of_half_a_year_with_two_incidents_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("imp.db").display());
        let (org, process) = (Org::built_in(), Process::built_in());
        tell(&url, &org, &process).expect("the stories keep the law");
        tell(&url, &org, &process).expect("a second time changes nothing");
        let (_store, mut conn) = Store::open(&url).expect("the store");
        let all = read::incidents(conn.as_mut(), &Filter::default(), None, 500).expect("rows");
        assert_eq!(all.len(), TOLD);
        let now = SystemClock.now();
        let stand = |c: Category| all.iter().filter(|i| process.category(&i.status) == c).count();
        assert_eq!(
            (stand(Category::Active), stand(Category::Triage), stand(Category::After)),
            (OPEN, 0, 0)
        );
        let ended = |s: &str| all.iter().filter(|i| i.status == s).count();
        assert!(ended("closed") >= 70 && ended("declined") >= 9 && ended("merged") >= 3);
        let declined_by_nobody = all
            .iter()
            .filter(|i| i.status == "declined" && i.status_by == Actor::Imp);
        assert!(
            declined_by_nobody.count() >= 3,
            "some went silent before anybody answered"
        );
        assert!(
            all.iter()
                .all(|i| i.changed_at <= now && now.since(i.opened_at) <= DAYS * DAY)
        );
        assert!(all.iter().any(|i| now.since(i.opened_at) > (DAYS - 4) * DAY));
        let teams: BTreeSet<_> = all.iter().filter_map(|i| i.team.as_ref().map(|t| &t.alias)).collect();
        assert_eq!(teams.len(), org.teams.len(), "every team has been through something");
        let owed = conn
            .rows(
                "select key from effect where state <> 'done' and key <> 'desk.watch'",
                &[],
            )
            .expect("rows");
        assert!(owed.is_empty(), "nothing is owed to anybody: {}", owed.len());
    }
}
