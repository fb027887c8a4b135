//! Reminders with manners: what is overdue, who is told next, and when nobody is told any more. Pure.

use crate::event::{Event, Listener};
use crate::process::hours::working;
use crate::process::{Category, Nudge, OutsideHours, Process, Rung, Watch};
use crate::{At, Catalogue, Directory, Incident};
use serde::{Deserialize, Serialize};

/// A day: the budget of reminders is counted over it.
const DAY_MS: i64 = 86_400_000;

/// What an incident remembers of one of the process's reminders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The beginning of what was overdue when it was told; another beginning is another matter, told from the first rung.
    pub since: At,
    /// How many rungs of its ladder have been told.
    pub rungs: u32,
    /// When the last one was.
    pub at: At,
    /// Until when somebody asked for quiet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<At>,
    /// Why somebody said that it is not needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dismissed: Option<String>,
}

/// Something that is not as the process wants it, and since when it is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overdue<'a> {
    /// The reminder that watches it.
    pub nudge: &'a Nudge,
    /// Since when what it watches is so: the last update, the confirmation, …
    pub since: At,
    /// When it became late, or will.
    pub due: At,
}

/// What is watched of an incident now, late or not yet late, the earliest first.
pub fn watched<'a>(i: &Incident, process: &'a Process) -> Vec<Overdue<'a>> {
    let mut out: Vec<Overdue> = process
        .nudges
        .iter()
        .filter(|n| i.confirmed && i.back_filled.is_none() && !n.ladder.is_empty())
        .filter_map(|nudge| {
            let (since, due) = holds(i, nudge, process)?;
            Some(Overdue { nudge, since, due })
        })
        .collect();
    out.sort_by_key(|o| o.due);
    out
}

/// What is late by now and was not said to be unneeded.
pub fn overdue<'a>(i: &Incident, process: &'a Process, now: At) -> Vec<Overdue<'a>> {
    let unneeded = |o: &Overdue| {
        i.nudges
            .get(&o.nudge.id)
            .is_some_and(|t| t.since == o.since && t.dismissed.is_some())
    };
    watched(i, process)
        .into_iter()
        .filter(|o| o.due <= now && !unneeded(o))
        .collect()
}

/// Since when what a reminder watches is so, and when that is late.
fn holds(i: &Incident, nudge: &Nudge, process: &Process) -> Option<(At, At)> {
    let category = process.category(&i.status);
    let active = category == Category::Active;
    let confirmed = i.moments.get("confirmed").copied().unwrap_or(i.opened_at);
    let after = |since: At| Some((since, since.plus(nudge.after.0)));
    match nudge.when {
        Watch::NoCommander if active && !i.roles.contains_key("commander") => after(confirmed),
        Watch::NoUpdate if active => {
            let every = process.severity(&i.severity)?.update_every?;
            let since = i.updates.last().map_or(confirmed, |u| u.at);
            Some((since, since.plus(every.0).plus(nudge.after.0)))
        }
        Watch::NoPublicPost if active => after(i.public.last()?.at),
        Watch::ReviewWaits if category == Category::After => after(i.status_since),
        Watch::FollowUpLate if category != Category::Triage => {
            let late = i.follow_ups.iter().filter(|f| !f.done).filter_map(|f| f.due.as_deref());
            let day = late.filter_map(|d| At::parse(&format!("{d}T00:00:00Z"))).min()?;
            let over = day.plus(DAY_MS);
            Some((over, over.plus(nudge.after.0)))
        }
        Watch::PageDiffers if category != Category::Triage => after(i.page_differs.as_ref()?.1),
        Watch::NoCommander
        | Watch::NoUpdate
        | Watch::NoPublicPost
        | Watch::ReviewWaits
        | Watch::FollowUpLate
        | Watch::PageDiffers => None,
    }
}

/// When the next reminder is due, and which; none where nothing is watched or every ladder has been climbed.
pub fn next<'a>(i: &Incident, process: &'a Process) -> Option<(At, Overdue<'a>)> {
    let manners = &process.nudging;
    let last = i.nudges.values().map(|t| t.at).max();
    let earliest = last.map(|at| at.plus(manners.apart.0));
    // With the day's budget spent, the oldest of the day has to be a day old first.
    let budget = usize::try_from(manners.per_day).unwrap_or(usize::MAX);
    let spent = i.nudged_at.len().checked_sub(budget).and_then(|n| i.nudged_at.get(n));
    let free = spent.map(|at| at.plus(DAY_MS));
    watched(i, process)
        .into_iter()
        .filter_map(|o| {
            let due = match i.nudges.get(&o.nudge.id).filter(|t| t.since == o.since) {
                None => o.due,
                Some(t) if t.dismissed.is_some() => return None,
                Some(t) if usize::try_from(t.rungs).unwrap_or(usize::MAX) >= o.nudge.ladder.len() => return None,
                Some(t) => t.at.plus(o.nudge.again.0).max(t.snoozed_until.unwrap_or(t.at)),
            };
            let due = due.max(earliest.unwrap_or(due)).max(free.unwrap_or(due));
            let due = match o.nudge.outside_hours {
                OutsideHours::Tell => due,
                OutsideHours::Wait => {
                    let country = i.team.as_ref().and_then(|t| t.country.as_deref());
                    working(&process.hours, country, due)
                }
            };
            Some((due, o))
        })
        .min_by_key(|(due, _)| *due)
}

/// The facts of a look at what is overdue: one reminder, to one rung, or nothing.
pub(crate) fn look(
    i: &Incident,
    now: At,
    process: &Process,
    catalogue: &Catalogue,
    directory: &Directory,
) -> Vec<Event> {
    let Some((_, o)) = next(i, process).filter(|(due, _)| *due <= now) else {
        return Vec::new();
    };
    let told = i.nudges.get(&o.nudge.id).filter(|t| t.since == o.since);
    let first = told.map_or(0, |t| t.rungs);
    let rungs = o.nudge.ladder.iter().zip(0_u32..).filter(|(_, n)| *n >= first);
    let found = rungs
        .filter_map(|(rung, n)| Some((n, reached(i, *rung, catalogue, directory)?)))
        .next();
    // With nobody on any rung that is left, the ladder is at its end.
    let end = u32::try_from(o.nudge.ladder.len())
        .unwrap_or(u32::MAX)
        .saturating_sub(1);
    let (rung, to) = found.unwrap_or((end, Listener::Nobody));
    vec![Event::Nudged {
        n: i.nudged + 1,
        nudge: o.nudge.id.clone(),
        since: o.since,
        rung,
        to,
    }]
}

/// Who stands on a rung; none where there is nobody on it.
fn reached(i: &Incident, rung: Rung, catalogue: &Catalogue, directory: &Directory) -> Option<Listener> {
    let who = match rung {
        Rung::Channel => {
            return i
                .links
                .channel
                .as_ref()
                .filter(|c| !c.archived)
                .map(|_| Listener::Channel);
        }
        Rung::Commander => i.roles.get("commander")?.clone(),
        Rung::Communications => i.roles.get("communications")?.clone(),
        Rung::Manager => i
            .team
            .as_ref()
            .and_then(|t| catalogue.team(&t.alias))?
            .manager
            .clone()?,
        Rung::Owner => i.follow_ups.iter().filter(|f| !f.done).find_map(|f| f.owner.clone())?,
    };
    let who = directory.complete(&who);
    // A reminder of a private incident would tell a stranger that there is one.
    (!i.private || i.has_member(&who)).then_some(Listener::Person(who))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Team;
    use crate::event::{Fact, Link};
    use crate::person::Who;
    use crate::{Actor, Command, Door, Envelope, Facts, Ref, Role, decide, effect::Timer};
    use std::collections::BTreeSet;

    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;

    /// Days of one incident with nothing but a clock: reminders come due by themselves.
    struct Days {
        process: Process,
        catalogue: Catalogue,
        incident: Option<Incident>,
        facts: Vec<Fact>,
        now: At,
    }

    impl Days {
        fn begin(severity: &str) -> Days {
            let team = Team {
                alias: "payments".into(),
                name: "Payments".into(),
                manager: Some(Who::slack("UMANAGER")),
                ..Team::default()
            };
            let mut days = Days {
                process: Process::built_in(),
                catalogue: Catalogue {
                    teams: vec![team],
                    ..Catalogue::default()
                },
                incident: None,
                facts: Vec::new(),
                now: At(1_795_000_000_000),
            };
            days.does(Command::Declare {
                title: "It burns".into(),
                summary: String::new(),
                severity: Some(severity.into()),
                service: None,
                team: Some("payments".into()),
                private: false,
                members: vec![],
                impact: Default::default(),
            });
            let channel = Link::Channel {
                id: "C1".into(),
                name: "inc".into(),
                url: "https://x.example".into(),
            };
            days.does(Command::Learn {
                key: "chat.channel".into(),
                links: vec![channel],
            });
            days
        }

        fn does(&mut self, command: Command) {
            let by = Actor::Person {
                who: Who::slack("UADA"),
                door: Door::Slack,
            };
            self.submit(by, command);
        }

        fn submit(&mut self, by: Actor, command: Command) {
            let (directory, can) = (Directory::default(), BTreeSet::new());
            let facts = Facts {
                process: &self.process,
                in_force: &self.process,
                catalogue: &self.catalogue,
                directory: &directory,
                next: Ref(1),
                other: None,
                can: &can,
                now: self.now,
                subscriptions: &Default::default(),
                catalogue_comes: false,
            };
            let envelope = Envelope {
                id: String::new(),
                by: by.clone(),
                role: Role::Admin,
                at: self.now,
                about: Some(Ref(1)),
                command,
            };
            let events = decide(self.incident.as_ref(), &envelope, &facts).expect("granted");
            for event in events {
                let n = self.facts.len() as u64 + 1;
                let fact = Fact {
                    n,
                    at: self.now,
                    by: by.clone(),
                    event,
                };
                self.incident = Incident::evolve(self.incident.take(), &fact, &self.process);
                self.facts.push(fact);
            }
        }

        fn incident(&self) -> &Incident {
            self.incident.as_ref().expect("it was declared")
        }

        /// Lets the time pass; what comes due is looked at.
        fn pass(&mut self, ms: i64) {
            let end = self.now.plus(ms);
            while let Some((due, _)) = next(self.incident(), &self.process).filter(|(due, _)| *due <= end) {
                self.now = due.max(self.now);
                let before = self.facts.len();
                self.submit(Actor::Imp, Command::Nudge { timer: Timer::Watch });
                assert!(
                    self.facts.len() > before,
                    "a look at its time that tells nothing would be repeated for ever"
                );
            }
            self.now = end;
        }

        /// The reminders so far: minutes since the beginning, which, and to whom.
        fn heard(&self) -> Vec<String> {
            let begin = self.facts[0].at;
            let told = |f: &Fact| match &f.event {
                Event::Nudged { nudge, to, .. } => {
                    let to = match to {
                        Listener::Channel => "the channel",
                        Listener::Person(w) => w.slack.as_deref().unwrap_or("?"),
                        Listener::Nobody => "nobody",
                    };
                    Some(format!("{} min: {nudge} to {to}", f.at.since(begin) / MINUTE))
                }
                _ => None,
            };
            self.facts.iter().filter_map(told).collect()
        }
    }

    #[test]
    fn a_silent_incident_is_told_up_the_ladder_and_then_left_in_peace() {
        let mut days = Days::begin("SEV1");
        days.pass(13 * 24 * HOUR);
        assert_eq!(
            days.heard(),
            [
                "5 min: commander to the channel",
                "20 min: commander to UMANAGER",
                "30 min: update to the channel",
                "50 min: update to UMANAGER",
            ]
        );
    }

    #[test]
    fn who_writes_updates_and_has_a_commander_hears_nothing() {
        let mut days = Days::begin("SEV1");
        days.does(Command::Assign {
            role: "commander".into(),
            who: Who::slack("UADA"),
        });
        for _ in 0..100 {
            days.pass(29 * MINUTE);
            days.does(Command::Post {
                text: "We are on it.".into(),
            });
        }
        assert!(days.heard().is_empty(), "{:?}", days.heard());
    }

    #[test]
    fn each_silence_is_another_matter_and_the_days_budget_holds() {
        let mut days = Days::begin("SEV1");
        for _ in 0..40 {
            days.pass(45 * MINUTE);
            days.does(Command::Post {
                text: "Still on it.".into(),
            });
        }
        let day = 24 * HOUR;
        let at = |f: &Fact| matches!(f.event, Event::Nudged { .. }).then_some(f.at);
        let times: Vec<At> = days.facts.iter().filter_map(at).collect();
        assert!(times.len() >= 8, "{:?}", days.heard());
        for (n, t) in times.iter().enumerate() {
            let within = times.iter().skip(n).take_while(|o| o.since(*t) < day).count();
            assert!(within <= 8, "{within} within a day: {:?}", days.heard());
            if let Some(next) = times.get(n + 1) {
                assert!(next.since(*t) >= 10 * MINUTE, "two close together: {:?}", days.heard());
            }
        }
    }

    #[test]
    fn a_private_incident_is_told_to_nobody_outside() {
        let mut days = Days::begin("SEV1");
        let i = days.incident.as_mut().expect("it is there");
        i.private = true;
        i.members.retain(|w| w.slack.as_deref() != Some("UMANAGER"));
        days.pass(24 * HOUR);
        let heard = days.heard();
        assert!(heard.iter().all(|h| !h.contains("UMANAGER")), "{heard:?}");
    }

    #[test]
    fn later_and_not_needed_are_heeded() {
        let mut days = Days::begin("SEV3");
        days.pass(6 * MINUTE);
        days.does(Command::Snooze {
            nudge: "commander".into(),
        });
        days.pass(29 * MINUTE);
        assert_eq!(days.heard(), ["5 min: commander to the channel"]);
        days.pass(5 * MINUTE);
        assert_eq!(
            days.heard().last().map(String::as_str),
            Some("36 min: commander to UMANAGER")
        );
        days.does(Command::Dismiss {
            nudge: "commander".into(),
            why: "two people, one desk".into(),
        });
        days.pass(7 * 24 * HOUR);
        assert_eq!(days.heard().len(), 2);
        assert!(overdue(days.incident(), &days.process, days.now).is_empty());
    }

    #[test]
    fn a_late_follow_up_is_told_to_its_owner_even_after_the_incident_is_closed() {
        let mut days = Days::begin("SEV4");
        days.does(Command::Assign {
            role: "commander".into(),
            who: Who::slack("UADA"),
        });
        days.does(Command::AddFollowUp {
            text: "Add a canary".into(),
            owner: Some(Who::slack("UBEN")),
            due: Some(days.now.plus(3 * 24 * HOUR).rfc3339().chars().take(10).collect()),
        });
        for (to, field) in [
            ("identified", None),
            ("monitoring", None),
            ("resolved", Some("resolution")),
            ("review", None),
            ("closed", Some("learned")),
        ] {
            days.does(Command::Move {
                to: to.into(),
                fields: field.map(|f| (f.to_owned(), "x".to_owned())).into_iter().collect(),
            });
        }
        days.pass(10 * 24 * HOUR);
        let heard = days.heard();
        assert_eq!(heard.len(), 2, "{heard:?}");
        assert!(
            heard[0].ends_with("follow-up to UBEN") && heard[1].ends_with("follow-up to UMANAGER"),
            "{heard:?}"
        );
        days.does(Command::FinishFollowUp { n: 1 });
        assert!(watched(days.incident(), &days.process).is_empty());
    }
}
