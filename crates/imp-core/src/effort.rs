//! People's time: whatever somebody does for an incident stands for the minutes before it, and no minute of a person counts
//! twice, however many incidents they had in it.

use crate::event::{Event, Fact};
use crate::person::Who;
use crate::process::{Category, Process};
use crate::{At, Ref};
use std::collections::{BTreeMap, BTreeSet};

/// A minute, in milliseconds.
const MINUTE_MS: i64 = 60_000;

/// What people do for an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Activity {
    /// While it is asked about or worked on.
    Responding,
    /// Once it is over for users: the review, follow-ups, the end.
    Learning,
}

/// Something that a person did.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    /// For which incident.
    pub about: Ref,
    /// Who.
    pub who: Who,
    /// When.
    pub at: At,
    /// What it is part of.
    pub activity: Activity,
}

/// What people did for an incident, oldest first, by its facts.
pub fn acts(about: Ref, facts: &[Fact], process: &Process) -> Vec<Act> {
    let mut activity = Activity::Responding;
    let mut out = Vec::new();
    for f in facts {
        if let Some(who) = f.by.who() {
            out.push(Act {
                about,
                who: who.clone(),
                at: f.at,
                activity,
            });
        }
        if let Event::Moved { to, .. } = &f.event {
            activity = match process.category(to) {
                Category::Triage | Category::Active => Activity::Responding,
                Category::After | Category::Done => Activity::Learning,
            };
        }
    }
    out
}

/// A person's time, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effort {
    /// What to call them.
    pub name: String,
    /// For how many incidents.
    pub incidents: usize,
    /// While incidents were worked on.
    pub responding_ms: i64,
    /// After they were over.
    pub learning_ms: i64,
    /// All of it: what was both at once counts once.
    pub total_ms: i64,
    /// How much of it was when they do not work.
    pub off_ms: i64,
    /// How often they were called out of their own time: stretches of responding of which the first act is at a moment at
    /// which they do not work.
    pub called: usize,
}

type Stretch = (i64, i64);

/// Stretches as they are when what overlaps or touches is one.
fn union(mut all: Vec<Stretch>) -> Vec<Stretch> {
    all.sort_unstable();
    let mut out: Vec<Stretch> = Vec::new();
    for (from, until) in all {
        match out.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => out.push((from, until)),
        }
    }
    out
}

fn length(all: &[Stretch]) -> i64 {
    all.iter().map(|(from, until)| until - from).sum()
}

/// The time of each person, those with the most first. Each act stands for the `before_ms` up to it; `works` says whether
/// somebody works at a moment, to the minute.
pub fn efforts(acts: &[Act], before_ms: i64, works: &dyn Fn(&Who, At) -> bool) -> Vec<Effort> {
    let mut out: Vec<Effort> = people(acts).iter().map(|p| effort(p, before_ms, works)).collect();
    out.sort_by(|a, b| b.total_ms.cmp(&a.total_ms).then_with(|| a.name.cmp(&b.name)));
    out
}

/// Somebody, and what they did.
struct Person<'a> {
    who: Who,
    acts: Vec<&'a Act>,
}

/// By what somebody is known, of whatever case: their name only where nothing else is.
fn keys(who: &Who) -> Vec<String> {
    let of = |kind: &str, text: &Option<String>| text.as_ref().map(|t| format!("{kind}:{}", t.to_lowercase()));
    let known: Vec<String> = [of("email", &who.email), of("slack", &who.slack)]
        .into_iter()
        .flatten()
        .collect();
    match known.is_empty() {
        true => vec![format!("name:{}", who.label())],
        false => known,
    }
}

/// Acts by person. One door knows people by their address and another by Slack's identifier: whoever acted once under both
/// is one person, whatever stands at their other acts.
fn people(acts: &[Act]) -> Vec<Person<'_>> {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut all: Vec<Person<'_>> = Vec::new();
    for a in acts {
        let keys = keys(&a.who);
        let theirs: BTreeSet<usize> = keys.iter().filter_map(|k| known.get(k).copied()).collect();
        let n = theirs.first().copied().unwrap_or(all.len());
        if n == all.len() {
            all.push(Person {
                who: Who::default(),
                acts: Vec::new(),
            });
        }
        for other in theirs.into_iter().skip(1) {
            let acts = std::mem::take(&mut all[other].acts);
            all[n].acts.extend(acts);
            known.values_mut().filter(|p| **p == other).for_each(|p| *p = n);
        }
        all[n].acts.push(a);
        known.extend(keys.into_iter().map(|k| (k, n)));
    }
    all.retain(|p| !p.acts.is_empty());
    for p in &mut all {
        let first = |field: fn(&Who) -> &Option<String>| p.acts.iter().find_map(|a| field(&a.who).clone());
        p.who = Who {
            slack: first(|w| &w.slack),
            email: first(|w| &w.email),
            name: first(|w| &w.name),
        };
    }
    all
}

fn effort(Person { who, acts }: &Person<'_>, before_ms: i64, works: &dyn Fn(&Who, At) -> bool) -> Effort {
    let of = |wanted: Option<Activity>| {
        let some = acts.iter().filter(|a| wanted.is_none_or(|w| a.activity == w));
        union(some.map(|a| (a.at.0 - before_ms, a.at.0)).collect())
    };
    let whole = of(None);
    let is_off = |ms: i64| !works(who, At(ms));
    let off = |(from, until): &Stretch| {
        let mut ms = 0;
        let mut at = *from;
        while at < *until {
            let next = (at.div_euclid(MINUTE_MS) + 1) * MINUTE_MS;
            let next = next.min(*until);
            ms += if is_off(at) { next - at } else { 0 };
            at = next;
        }
        ms
    };
    let responding = of(Some(Activity::Responding));
    Effort {
        name: who.label().to_owned(),
        incidents: acts.iter().map(|a| a.about).collect::<BTreeSet<_>>().len(),
        responding_ms: length(&responding),
        learning_ms: length(&of(Some(Activity::Learning))),
        total_ms: length(&whole),
        off_ms: whole.iter().map(off).sum(),
        // By the first act: that the minutes before it lie in their own time says nothing of who called them.
        called: responding.iter().filter(|(from, _)| is_off(from + before_ms)).count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn act(about: u64, who: &str, minute: i64, activity: Activity) -> Act {
        Act {
            about: Ref(about),
            who: Who::email(who),
            at: At(minute * MINUTE_MS),
            activity,
        }
    }

    #[test]
    fn no_minute_of_a_person_counts_twice() {
        use Activity::{Learning, Responding};
        let acts = [
            act(1, "ada@x", 100, Responding),
            act(2, "ada@x", 110, Responding),
            act(2, "ada@x", 112, Learning),
            act(1, "ada@x", 300, Learning),
            // A review that she wrote in the night: nobody called her.
            act(1, "ada@x", 60, Learning),
            act(1, "bea@x", 110, Responding),
            // An alert in the night.
            act(3, "ada@x", 30, Responding),
        ];
        // She works from minute 90 on, and nobody else ever does.
        let works = |who: &Who, at: At| who.email.as_deref() == Some("ada@x") && at.0 >= 90 * MINUTE_MS;
        let all = efforts(&acts, 15 * MINUTE_MS, &works);
        let minutes = |e: &Effort| [e.responding_ms, e.learning_ms, e.total_ms, e.off_ms].map(|ms| ms / MINUTE_MS);
        let (ada, bea) = (&all[0], &all[1]);
        // 85 to 110 and 97 to 112, 45 to 60, 15 to 30, and 285 to 300. When she acted at 100 she was at work.
        assert_eq!((minutes(ada), ada.incidents, ada.called), ([40, 45, 72, 35], 3, 1));
        assert_eq!((minutes(bea), bea.incidents, bea.called), ([15, 0, 15, 15], 1, 1));
        assert_eq!(efforts(&[], 1, &works), []);
    }

    #[test]
    fn whoever_comes_by_two_doors_is_one_person() {
        let by = |who: Who, minute: i64| Act {
            who,
            ..act(1, "", minute, Activity::Responding)
        };
        let both = Who {
            name: Some("Ada".into()),
            ..Who {
                email: Some("ada@x".into()),
                ..Who::slack("U1")
            }
        };
        let acts = [
            by(Who::slack("U1"), 100),
            by(Who::email("Ada@X"), 105),
            by(Who::email("bea@x"), 105),
            by(both, 110),
        ];
        // Slack's identifier is what is known to work at that time.
        let works = |who: &Who, _: At| who.slack.is_some();
        let all = efforts(&acts, 10 * MINUTE_MS, &works);
        let told: Vec<_> = all
            .iter()
            .map(|e| (e.name.as_str(), e.total_ms / MINUTE_MS, e.off_ms / MINUTE_MS))
            .collect();
        assert_eq!(told, [("Ada", 20, 0), ("bea@x", 10, 10)]);
    }
}
