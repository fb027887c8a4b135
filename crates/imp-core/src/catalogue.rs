//! The catalogue (services, teams, on-calls) and the directory of people, as last mirrored in from outside.

use crate::person::Who;
use crate::{At, words};
use serde::{Deserialize, Serialize};

/// A catalogue that was read longer ago is the last that is known: it is read every minute, so three readings failed.
pub const FRESH_MS: i64 = 3 * 60_000;

/// Services and teams as the catalogue had them at `as_of`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalogue {
    /// When it was read.
    pub as_of: Option<At>,
    /// All services.
    pub services: Vec<Service>,
    /// All teams.
    pub teams: Vec<Team>,
}

/// A service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Service {
    /// The catalogue's identifier.
    pub id: String,
    /// The alias that people type: `payments-api`.
    pub alias: String,
    /// Every alias, the first included.
    pub aliases: Vec<String>,
    /// `Payments API`.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Alias of the owning team.
    pub team: Option<String>,
    /// `tier_1` … as the catalogue names it.
    pub tier: Option<String>,
    /// Lifecycle alias.
    pub lifecycle: Option<String>,
    /// Who is on call, first to ask first; by e-mail.
    pub on_call: Vec<Who>,
    /// Runbooks.
    pub runbooks: Vec<Reference>,
    /// Dashboards, documents, everything else worth a look.
    pub links: Vec<Reference>,
    /// Aliases of services that it calls.
    pub depends_on: Vec<String>,
    /// Aliases of services that call it.
    pub dependents: Vec<String>,
    /// Tags, key and value.
    pub tags: Vec<(String, String)>,
    /// Address of its page in the catalogue.
    pub url: Option<String>,
}

/// Something to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// What it is.
    pub label: String,
    /// Where it is.
    pub url: String,
}

/// A team.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Team {
    /// The catalogue's identifier.
    pub id: String,
    /// `payments`.
    pub alias: String,
    /// `Payments`.
    pub name: String,
    /// Members.
    pub members: Vec<Who>,
    /// The manager.
    pub manager: Option<Who>,
    /// Its Slack channel, without `#`.
    pub channel: Option<String>,
    /// Its Slack user group's handle, without `@`.
    pub group: Option<String>,
    /// Tags, key and value (country, brand).
    pub tags: Vec<(String, String)>,
}

impl Team {
    /// What a tag of this key says.
    pub fn tag(&self, key: &str) -> Option<&str> {
        let found = self.tags.iter().find(|(k, _)| k.eq_ignore_ascii_case(key));
        found.map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }
}

impl Catalogue {
    /// Since when the catalogue has not answered, where it does not: what is here, on-call too, is as it was then.
    pub fn last_known(&self, now: At) -> Option<At> {
        self.as_of.filter(|at| now.since(*at) > FRESH_MS)
    }

    /// The service that a hint names: by alias, else by name, in any case and with any of `-_ .` between words.
    pub fn service(&self, hint: &str) -> Option<&Service> {
        let key = words::key(hint);
        if key.is_empty() {
            return None;
        }
        let exact = |s: &&Service| s.alias == hint || s.aliases.iter().any(|a| a == hint);
        let alike = |s: &&Service| {
            words::key(&s.alias) == key || s.aliases.iter().any(|a| words::key(a) == key) || words::key(&s.name) == key
        };
        self.services
            .iter()
            .find(exact)
            .or_else(|| self.services.iter().find(alike))
    }

    /// The team with this alias.
    pub fn team(&self, alias: &str) -> Option<&Team> {
        let key = words::key(alias);
        self.teams
            .iter()
            .find(|t| t.alias == alias || words::key(&t.alias) == key || words::key(&t.name) == key)
    }

    /// Services whose alias or name is most like a word that nothing has: what the person may have meant.
    pub fn nearest_service(&self, hint: &str) -> Option<&Service> {
        let key = words::key(hint);
        self.services
            .iter()
            .map(|s| (strsim::jaro_winkler(&words::key(&s.alias), &key), s))
            .filter(|(score, _)| *score > 0.8)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, s)| s)
    }
}

/// People as Slack knows them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Directory {
    /// Everybody who has not left.
    pub people: Vec<Who>,
}

impl Directory {
    /// All that is known of somebody: the same person with every field filled in that the directory has.
    pub fn complete(&self, who: &Who) -> Who {
        match self.people.iter().find(|p| p.is(who)) {
            Some(p) => Who {
                slack: p.slack.clone().or_else(|| who.slack.clone()),
                email: p.email.clone().or_else(|| who.email.clone()),
                name: p.name.clone().or_else(|| who.name.clone()),
            },
            None => who.clone(),
        }
    }

    /// Everybody who goes by a name: the whole of it, or else one word of it, in whatever case.
    pub fn named(&self, name: &str) -> Vec<&Who> {
        let wanted = name.trim().to_lowercase();
        let by = |fits: &dyn Fn(&str) -> bool| -> Vec<&Who> {
            let named = |p: &&Who| p.name.as_ref().is_some_and(|n| fits(&n.to_lowercase()));
            self.people.iter().filter(named).collect()
        };
        let whole = by(&|n| n == wanted);
        match whole.is_empty() {
            true => by(&|n| n.split_whitespace().any(|w| w == wanted)),
            false => whole,
        }
    }
}
