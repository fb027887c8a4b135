//! What the stand-ins share: the organisation, who is on call now, where the application and the workspace itself are.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::app::App;
use crate::clock;
use crate::org::{Org, Person, Service, Team};

/// The common ground of the stand-ins.
#[derive(Debug)]
pub struct World {
    /// The organisation.
    pub org: Arc<Org>,
    /// The application under practice.
    pub app: Arc<App>,
    /// The workspace's own public address, without a slash at the end.
    pub base: String,
    on_call: Mutex<HashMap<String, String>>,
    sent: Mutex<VecDeque<Sent>>,
}

/// A webhook that a stand-in sent to the application.
#[derive(Debug, Clone, Serialize)]
pub struct Sent {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who sent it: `jira`.
    pub from: &'static str,
    /// What it was about: `comment_created`.
    pub event: String,
    /// The application's answer; 0 when there was none.
    pub status: u16,
}

/// How many sent webhooks are remembered: enough to look at.
const SENT_MOST: usize = 200;

impl World {
    /// A world in which those are on call whom the organisation's file says.
    pub fn new(org: Arc<Org>, app: Arc<App>, base: String) -> World {
        let on_call = org.teams.iter().map(|t| (t.alias.clone(), t.on_call.clone())).collect();
        World {
            org,
            app,
            base,
            on_call: Mutex::new(on_call),
            sent: Mutex::default(),
        }
    }

    /// Who is on call for a team.
    pub fn on_call(&self, team: &str) -> Option<&Person> {
        let handle = hold(&self.on_call).get(team).cloned()?;
        self.person(&handle)
    }

    /// Puts somebody on call; false when there is no such team or person.
    pub fn set_on_call(&self, team: &str, handle: &str) -> bool {
        let known = self.team(team).is_some() && self.person(handle).is_some();
        if known {
            hold(&self.on_call).insert(team.to_owned(), handle.to_owned());
        }
        known
    }

    /// Remembers a webhook that was sent.
    pub fn sent(&self, from: &'static str, event: &str, status: u16) {
        let mut sent = hold(&self.sent);
        if sent.len() == SENT_MOST {
            sent.pop_front();
        }
        sent.push_back(Sent {
            at_ms: clock::now_ms(),
            from,
            event: event.to_owned(),
            status,
        });
    }

    /// The webhooks that were sent, oldest first.
    pub fn all_sent(&self) -> Vec<Sent> {
        hold(&self.sent).iter().cloned().collect()
    }

    /// A person by handle.
    pub fn person(&self, handle: &str) -> Option<&Person> {
        self.org.people.iter().find(|p| p.handle == handle)
    }

    /// A person by e-mail address.
    pub fn person_by_email(&self, email: &str) -> Option<&Person> {
        let (handle, domain) = email.split_once('@')?;
        if domain.eq_ignore_ascii_case(&self.org.domain) {
            self.person(&handle.to_lowercase())
        } else {
            None
        }
    }

    /// A team by alias.
    pub fn team(&self, alias: &str) -> Option<&Team> {
        self.org.teams.iter().find(|t| t.alias == alias)
    }

    /// A service by alias.
    pub fn service(&self, alias: &str) -> Option<&Service> {
        self.org.services.iter().find(|s| s.alias == alias)
    }
}

/// Takes a lock; what a panicking thread left behind is still good enough for practice.
pub fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
