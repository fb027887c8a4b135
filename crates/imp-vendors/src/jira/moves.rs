//! The ticket's status: moved along the workflow that Jira offers, never forced.

use super::port::gone;
use super::scheme::Scheme;
use super::wire::{Errors, Issue, Status, Transition, Transitions};
use super::{Jira, NAME};
use crate::http::Fault;
use imp_core::event::Link;
use imp_core::process::Category;
use imp_core::{Order, Outcome, Process, words};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::{Arc, PoisonError};

/// Moves in one go: a step in between and the step that is wanted.
const STEPS_MAX: usize = 2;

/// Where an issue should stand.
struct Goal {
    /// A status of one of these names, if the workflow has one; the best first.
    names: Vec<String>,
    /// Else any of this category.
    category: &'static str,
}

impl Goal {
    fn of(process: &Process, status: &str) -> Goal {
        let category = match process.category(status) {
            Category::Triage => "new",
            Category::Active | Category::After => "indeterminate",
            Category::Done => "done",
        };
        let known = process.status(status);
        let names = known
            .and_then(|s| s.record.clone())
            .into_iter()
            .chain([status.to_owned()])
            .chain(known.map(|s| s.label.clone()));
        Goal {
            names: names.collect(),
            category,
        }
    }

    fn done() -> Goal {
        Goal {
            names: vec![],
            category: "done",
        }
    }

    /// The workflow's status of that name.
    fn named<'a>(&self, statuses: impl Iterator<Item = &'a Status> + Clone) -> Option<&'a Status> {
        self.names
            .iter()
            .find_map(|n| statuses.clone().find(|s| words::key(&s.name) == words::key(n)))
    }

    /// What to call it in a sentence.
    fn label(&self, scheme: &Scheme, issue_type: &str) -> String {
        match (self.named(scheme.statuses(issue_type).iter()), self.category) {
            (Some(s), _) => s.name.clone(),
            (None, "new") => "a status of the category To Do".to_owned(),
            (None, "done") => "a status of the category Done".to_owned(),
            (None, _) => "a status of the category In Progress".to_owned(),
        }
    }
}

/// An issue whose status is to be moved.
struct Piece<'a> {
    key: &'a str,
    /// Jira's number of it.
    id: &'a str,
    /// Name of its type.
    kind: String,
}

impl Jira {
    pub(super) async fn status_mirror(&self, order: &Order) -> Result<Outcome, Fault> {
        let i = &order.incident;
        let Some(ticket) = &i.links.ticket else {
            return Ok(Outcome::Done(vec![]));
        };
        // Somebody has to say first who is right.
        if ticket.conflict.is_some() {
            return Ok(Outcome::Done(vec![]));
        }
        let scheme = self.scheme().await?;
        let goal = Goal::of(&order.process, &i.status);
        let piece = Piece {
            key: &ticket.key,
            id: &ticket.id,
            kind: self.config.issue_type.clone(),
        };
        let learnt = ticket
            .status
            .as_deref()
            .and_then(|name| status_of(&scheme, &piece.kind, name));
        let begins = self
            .begins
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&piece.kind)
            .cloned();
        // A move whose answer was lost may have been made: then nobody knows where the ticket stands but Jira.
        let deed = format!("{}/{}", i.reference, order.key);
        let in_doubt = self.doubt.must_look(&deed, order.tried);
        // A fresh ticket stands where all fresh ones do; what is not so turns out at the move and is read then.
        let at = learnt
            .or(begins.filter(|_| ticket.status.is_none()))
            .filter(|_| !in_doubt);
        self.doubt.sending(&deed);
        let moved = self.bring(&scheme, &piece, at, &goal, ticket.status.is_none()).await;
        match &moved {
            Ok(_) => self.doubt.done(&deed),
            Err(fault) => self.doubt.failed(&deed, fault),
        }
        let moved = moved.map_err(|f| gone(f, ticket))?;
        Ok(match moved {
            Moved::To(name) if ticket.status.as_ref() == Some(&name) => Outcome::Done(vec![]),
            Moved::To(name) => Outcome::Done(vec![Link::TicketStatus { name }]),
            Moved::No(why) => Outcome::Never { why },
        })
    }

    pub(super) async fn task_mirror(&self, order: &Order, n: u32) -> Result<Outcome, Fault> {
        let task = order.incident.tasks.iter().find(|t| t.n == n && t.done);
        let Some((key, _)) = task.and_then(|t| t.ticket.as_ref()) else {
            return Ok(Outcome::Done(vec![]));
        };
        let scheme = self.scheme().await?;
        let kind = scheme
            .subtask
            .as_ref()
            .or(scheme.task.as_ref())
            .map_or("Task".to_owned(), |t| t.name.clone());
        match self
            .bring(&scheme, &Piece { key, id: key, kind }, None, &Goal::done(), false)
            .await?
        {
            Moved::To(_) => Ok(Outcome::Done(vec![])),
            Moved::No(why) => Ok(Outcome::Never { why }),
        }
    }

    /// Brings an issue to where it should stand. With a status and moves that are known it is one call; what turns out
    /// not to be so is read again, once.
    async fn bring(
        &self,
        scheme: &Arc<Scheme>,
        piece: &Piece<'_>,
        at: Option<Status>,
        goal: &Goal,
        fresh: bool,
    ) -> Result<Moved, Fault> {
        let known = at.and_then(|s| self.offered(piece, &s).map(|offers| (s, offers)));
        let was_known = known.is_some();
        let (mut at, mut offers) = match known {
            Some(known) => known,
            None => self.read(piece, fresh).await?,
        };
        let mut reread = !was_known;
        let mut steps = 0;
        loop {
            if fits(&at, goal, scheme, &piece.kind) {
                return Ok(Moved::To(at.name));
            }
            let next = self.next(&offers, goal, scheme, piece, steps).cloned();
            let sent = match &next {
                Some(t) => self.transit(piece, t).await,
                None if !reread => {
                    reread = true;
                    (at, offers) = self.read(piece, false).await?;
                    continue;
                }
                None => return Ok(Moved::No(self.no_way(&at, &offers, goal, scheme, piece))),
            };
            match (sent, next) {
                (Ok(()), Some(t)) => {
                    steps += 1;
                    at = t.to;
                    if fits(&at, goal, scheme, &piece.kind) {
                        return Ok(Moved::To(at.name));
                    }
                    offers = match self.offered(piece, &at) {
                        Some(offers) => offers,
                        None => {
                            let (now, offers) = self.read(piece, false).await?;
                            at = now;
                            offers
                        }
                    };
                }
                // The issue stood elsewhere, or the workflow was changed.
                (Err(fault), _) if !reread && matches!(fault.status(), Some(400 | 404 | 409)) => {
                    reread = true;
                    self.forget_offers(piece);
                    (at, offers) = self.read(piece, false).await?;
                }
                (Err(fault), _) => return Err(fault),
                (Ok(()), None) => return Ok(Moved::To(at.name)),
            }
        }
    }

    /// Where the issue stands and what it is offered, from Jira itself.
    async fn read(&self, piece: &Piece<'_>, fresh: bool) -> Result<(Status, Vec<Transition>), Fault> {
        let (issue, transitions) = (
            format!("issue/{}?fields=status", piece.key),
            format!("issue/{}/transitions", piece.key),
        );
        let (issue, transitions) = tokio::join!(self.get(&issue), self.get(&transitions));
        let issue: Issue = issue?.json(NAME)?;
        let offers = transitions?.json::<Transitions>(NAME)?.transitions;
        let status = issue.fields.get("status").cloned().unwrap_or(Value::Null);
        let status: Status = serde_json::from_value(status).map_err(|e| {
            let why = format!("{NAME} did not say where {} stands: {e}", piece.key);
            Fault::Later {
                status: Some(200),
                after_ms: None,
                why,
                undone: true,
            }
        })?;
        if fresh {
            self.begins
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(piece.kind.clone(), status.clone());
        }
        let key = (piece.kind.to_lowercase(), status.name.to_lowercase());
        self.offers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, offers.clone());
        Ok((status, offers))
    }

    fn offered(&self, piece: &Piece<'_>, at: &Status) -> Option<Vec<Transition>> {
        let key = (piece.kind.to_lowercase(), at.name.to_lowercase());
        self.offers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned()
    }

    fn forget_offers(&self, piece: &Piece<'_>) {
        let kind = piece.kind.to_lowercase();
        self.offers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|(k, _), _| *k != kind);
        self.begins
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&piece.kind);
    }

    /// The move to make: there, else to a step from which it is known to go on, else (from the beginning to the end)
    /// to work in progress.
    fn next<'a>(
        &self,
        offers: &'a [Transition],
        goal: &Goal,
        scheme: &Scheme,
        piece: &Piece<'_>,
        steps: usize,
    ) -> Option<&'a Transition> {
        let direct = |list: &'a [Transition]| {
            let by_name = goal
                .named(scheme.statuses(&piece.kind).iter())
                .or_else(|| goal.named(list.iter().map(|t| &t.to)));
            match by_name {
                Some(s) => list.iter().find(|t| words::key(&t.to.name) == words::key(&s.name)),
                None => list.iter().find(|t| t.to.status_category.key == goal.category),
            }
        };
        if let Some(t) = direct(offers) {
            return Some(t);
        }
        if steps + 1 >= STEPS_MAX {
            return None;
        }
        let leads_on = |t: &&Transition| {
            let beyond = self.offered(piece, &t.to).unwrap_or_default();
            beyond.iter().any(|b| fits(&b.to, goal, scheme, &piece.kind))
        };
        let unknown_in_progress = |t: &&Transition| {
            t.to.status_category.key == "indeterminate"
                && self.offered(piece, &t.to).is_none()
                && goal.category != "new"
        };
        offers
            .iter()
            .find(leads_on)
            .or_else(|| offers.iter().find(unknown_in_progress))
    }

    async fn transit(&self, piece: &Piece<'_>, t: &Transition) -> Result<(), Fault> {
        self.sends(piece.id, "status", &t.to.name);
        self.sends(piece.id, "resolution", "");
        let body = json!({"transition": {"id": t.id}});
        match self.write(Method::POST, piece.key, "/transitions", &body).await {
            // Many workflows ask for a resolution at the end.
            Err(Fault::Refused {
                status: 400,
                body: said,
                ..
            }) if asks_resolution(&said) => {
                let body = json!({"transition": {"id": t.id}, "fields": {"resolution": {"name": "Done"}}});
                self.write(Method::POST, piece.key, "/transitions", &body)
                    .await
                    .map(|_| ())
            }
            sent => sent.map(|_| ()),
        }
    }

    fn no_way(&self, at: &Status, offers: &[Transition], goal: &Goal, scheme: &Scheme, piece: &Piece<'_>) -> String {
        let offered: Vec<String> = offers.iter().map(|t| t.to.name.clone()).collect();
        let offered = if offered.is_empty() {
            "none".to_owned()
        } else {
            words::list(&offered)
        };
        let to = goal.label(scheme, &piece.kind);
        format!(
            "Jira's workflow offers no move from {} to {to} for {}; it offers {offered}. Move it by hand, or add the move",
            at.name, piece.key
        )
    }
}

enum Moved {
    /// It stands in this status now.
    To(String),
    /// It cannot be moved.
    No(String),
}

/// A status of the workflow by its name.
fn status_of(scheme: &Scheme, kind: &str, name: &str) -> Option<Status> {
    scheme
        .statuses(kind)
        .iter()
        .find(|s| s.name.eq_ignore_ascii_case(name))
        .cloned()
}

/// Whether a status is where it should stand.
fn fits(at: &Status, goal: &Goal, scheme: &Scheme, kind: &str) -> bool {
    match goal.named(scheme.statuses(kind).iter()) {
        Some(s) => words::key(&s.name) == words::key(&at.name),
        None => {
            goal.names.iter().any(|n| words::key(n) == words::key(&at.name)) || at.status_category.key == goal.category
        }
    }
}

fn asks_resolution(said: &[u8]) -> bool {
    serde_json::from_slice::<Errors>(said)
        .unwrap_or_default()
        .errors
        .contains_key("resolution")
}
