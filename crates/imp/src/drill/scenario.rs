//! A drill as it is written: what happens, what colleagues know, and what good looks like.

use imp_core::moment::Span;
use serde::Deserialize;

/// A drill.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What people call it.
    pub title: String,
    /// What it is about, and what it trains.
    pub about: String,
    /// How hard it is, from 1.
    pub level: u32,
    /// How long it usually takes; after twice as long it ends by itself.
    pub minutes: u32,
    /// The alert with which it begins.
    pub alert: Alert,
    /// Alerts that come later.
    #[serde(default, rename = "alert_later")]
    pub later: Vec<Later>,
    /// What colleagues say by themselves.
    #[serde(default, rename = "message")]
    pub messages: Vec<Message>,
    /// What colleagues know when they are asked.
    #[serde(default, rename = "finding")]
    pub findings: Vec<Finding>,
    /// Vendors that fail on the way.
    #[serde(default, rename = "fault")]
    pub faults: Vec<Fault>,
    /// What the coach says to whoever is stuck.
    #[serde(default, rename = "hint")]
    pub hints: Vec<Hint>,
    /// What good looks like.
    #[serde(rename = "good")]
    pub goods: Vec<Good>,
}

/// An alert.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// The service's alias in the practice catalogue.
    pub service: String,
    /// `HighErrorRate`.
    pub name: String,
    /// `critical`, `warning` or `info`.
    pub severity: String,
    /// One line.
    pub summary: String,
    /// More lines.
    #[serde(default)]
    pub description: String,
}

/// An alert that comes later.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Later {
    /// How long after the beginning.
    pub after: Span,
    /// The alert.
    pub alert: Alert,
}

/// What a colleague says by themselves, in the incident's channel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// How long after the channel opened.
    pub after: Span,
    /// Who, by their handle in the practice workspace.
    pub from: String,
    /// What.
    pub text: String,
}

/// What a colleague knows, and says when somebody asks for it in the channel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Any of these words asks for it.
    pub asked: Vec<String>,
    /// Who knows it.
    pub from: String,
    /// What.
    pub text: String,
    /// Whether it repairs the fault: then the alerts resolve.
    #[serde(default)]
    pub clears: bool,
}

/// A vendor that fails, or is well again.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// How long after the beginning.
    pub after: Span,
    /// Which, as the practice workspace calls it: `slack`, `jira`, `statuspage`, `zoom`, `opslevel`.
    pub vendor: String,
    /// `down`, `error`, `lose_answer`, `hang`, or `up` again.
    pub fault: String,
}

/// What the coach says to whoever is stuck.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hint {
    /// How long after the beginning.
    pub after: Span,
    /// Not where this has been done by then.
    pub unless: Deed,
    /// What.
    pub text: String,
}

/// Something that good people do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Good {
    /// What.
    pub what: Deed,
    /// In which time after the beginning; left out: at all.
    #[serde(default)]
    pub within: Option<Span>,
    /// In words, as done.
    pub says: String,
    /// Why it matters.
    pub why: String,
}

/// What can be seen to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// The question was answered, in whatever way.
    Answered,
    /// It was found to be real.
    Confirmed,
    /// It was declined.
    Declined,
    /// It was declined with a reason of some words.
    Reason,
    /// Somebody is commander.
    Commander,
    /// Somebody speaks to the outside.
    Communications,
    /// An update was written.
    Update,
    /// The public was told.
    Public,
    /// The severity was changed.
    Severity,
    /// A task was given.
    Task,
    /// Another incident was merged into it.
    Merged,
    /// Somebody worked in the console.
    Console,
    /// Users are well again.
    Resolved,
    /// A follow-up was written.
    FollowUp,
    /// It was closed.
    Closed,
}

/// The drills that are compiled in: name and text.
const WRITTEN: [(&str, &str); 6] = [
    ("false-alarm", include_str!("../../../../drills/false-alarm.toml")),
    ("first-steps", include_str!("../../../../drills/first-steps.toml")),
    ("silent-partner", include_str!("../../../../drills/silent-partner.toml")),
    ("slow-burn", include_str!("../../../../drills/slow-burn.toml")),
    ("three-teams", include_str!("../../../../drills/three-teams.toml")),
    ("slack-is-down", include_str!("../../../../drills/slack-is-down.toml")),
];

/// All drills that come with IMP, the easiest first.
pub fn all() -> impl Iterator<Item = (&'static str, Scenario)> {
    WRITTEN
        .iter()
        .filter_map(|(name, text)| Some((*name, read(text).ok()?)))
}

/// The drill with this name, or in this file.
///
/// # Errors
/// In words: there is none, or what is wrong with the file.
pub fn find(name: &str) -> Result<Scenario, String> {
    if let Some((_, text)) = WRITTEN.iter().find(|(n, _)| *n == name) {
        return read(text);
    }
    if !name.ends_with(".toml") {
        let known: Vec<&str> = WRITTEN.iter().map(|(n, _)| *n).collect();
        return Err(format!(
            "there is no drill {name:?}; there are {}, and files that end in .toml",
            known.join(", ")
        ));
    }
    let text = std::fs::read_to_string(name).map_err(|e| format!("{name}: cannot be read: {e}"))?;
    read(&text).map_err(|e| format!("{name}: {e}"))
}

fn read(text: &str) -> Result<Scenario, String> {
    toml::from_str(text).map_err(|e| e.to_string().trim().replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use imp_practice::org::Org;

    #[test]
    fn every_drill_can_be_played_with_the_people_and_services_of_the_practice_workspace() {
        let org = Org::built_in();
        assert_eq!(all().count(), WRITTEN.len());
        for (name, text) in WRITTEN {
            let s = read(text).unwrap_or_else(|e| panic!("{name}: {e}"));
            let people = s
                .messages
                .iter()
                .map(|m| &m.from)
                .chain(s.findings.iter().map(|f| &f.from));
            for handle in people {
                assert!(org.slack_id(handle).is_some(), "{name}: nobody is called {handle}");
            }
            for alert in s.later.iter().map(|l| &l.alert).chain([&s.alert]) {
                let known = org.services.iter().any(|o| o.alias == alert.service);
                assert!(known, "{name}: no service is called {}", alert.service);
            }
            assert!(!s.goods.is_empty() && s.level >= 1, "{name}");
            let time = i64::from(s.minutes) * 60_000;
            assert!(
                s.hints.iter().all(|h| h.after.0 <= time),
                "{name}: a hint comes after the end"
            );
        }
    }

    #[test]
    fn a_drill_that_is_not_there_is_said_with_those_that_are() {
        assert!(find("frist-steps").is_err_and(|e| e.contains("first-steps")));
        assert!(find("/nowhere/x.toml").is_err_and(|e| e.contains("cannot be read")));
        assert!(read("title = 7").is_err());
    }
}
