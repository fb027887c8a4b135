//! Posts, each once, and the public incident's status and components as a mirror.

use super::{NAME, Statuspage, wire};
use crate::doubt::NotFound;
use crate::http::Fault;
use imp_core::event::Link;
use imp_core::incident::PublicPost;
use imp_core::port::{Boxed, Limits};
use imp_core::process::Category;
use imp_core::{Incident, Order, Outcome, Port, Process, What, words};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// Statuspage's longest name of an incident, in characters.
const NAME_MAX: usize = 255;
/// Statuspage's longest body of an update, in characters.
const BODY_MAX: usize = 25_000;
/// How long a look at the page is believed where it agrees with us; then the sweep looks again.
const SEEN_FRESH: Duration = Duration::from_secs(60);
/// Public incidents that are remembered.
const SEEN_MAX: usize = 1_000;

/// The public incident as it was last seen.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    at: Instant,
    status: String,
    components: BTreeMap<String, String>,
}

impl Port for Statuspage {
    fn perform(&self, order: Order) -> Boxed<'_, Outcome> {
        Box::pin(async move {
            let done = match &order.what {
                What::PublicPost { n } => self.post(&order, *n).await,
                What::PageStatus => self.mirror(&order).await,
                other => return crate::not_ours(NAME, other),
            };
            done.unwrap_or_else(Outcome::from)
        })
    }

    fn limits(&self) -> Option<&dyn Limits> {
        Some(&self.budget)
    }

    fn forget(&self, incident: &Incident) {
        if let Some((id, _)) = &incident.links.page {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        }
    }
}

impl Statuspage {
    async fn post(&self, order: &Order, n: u32) -> Result<Outcome, Fault> {
        let i = &order.incident;
        let Some(post) = i.public.iter().find(|p| p.n == n) else {
            return Ok(Outcome::Never {
                why: format!("{} has no public post {n}", i.reference),
            });
        };
        match &i.links.page {
            None => self.create(order, post).await,
            Some((id, _)) => self.append(order, post, id).await,
        }
    }

    async fn create(&self, order: &Order, post: &PublicPost) -> Result<Outcome, Fault> {
        let i = &order.incident;
        let deed = format!("{}/{}", i.reference, order.key);
        if self.doubt.must_look(&deed, order.tried) {
            if let Some(found) = self.find(order, post).await? {
                self.doubt.done(&deed);
                return Ok(self.page(found));
            }
            self.found_nothing(&deed);
        }
        let body = json!({"incident": {
            "name": words::cut(if post.title.trim().is_empty() { &i.title } else { &post.title }, NAME_MAX),
            "status": status(&order.process, stands(i, post)),
            "body": words::cut(&post.body, BODY_MAX),
            "component_ids": affected(i),
            "components": components(&order.process, i, stands(i, post)),
            "metadata": {"imp": {"ref": i.reference}},
            "deliver_notifications": true,
        }});
        self.doubt.sending(&deed);
        let sent = self.call(self.http.post(&self.url("/incidents")).json(&body)).await;
        let made = sent
            .and_then(|a| a.json::<wire::Incident>(NAME))
            .inspect_err(|f| self.doubt.failed(&deed, f))?;
        self.doubt.done(&deed);
        Ok(self.page(made))
    }

    async fn append(&self, order: &Order, post: &PublicPost, id: &str) -> Result<Outcome, Fault> {
        let i = &order.incident;
        let deed = format!("{}/{}", i.reference, order.key);
        if self.doubt.must_look(&deed, order.tried) {
            let seen: wire::Incident = self.get(&format!("/incidents/{id}")).await?.json(NAME)?;
            let same = |text: &str| text.trim() == post.body.trim();
            let there = seen
                .incident_updates
                .iter()
                .flatten()
                .filter(|u| u.body.as_deref().is_some_and(same))
                .count();
            self.see(&seen);
            // Two posts may say the same; then there must be two.
            if there >= i.public.iter().filter(|p| p.n <= post.n && same(&p.body)).count() {
                self.doubt.done(&deed);
                return Ok(Outcome::Done(vec![]));
            }
            self.found_nothing(&deed);
        }
        let body = json!({"incident": {
            "status": status(&order.process, stands(i, post)),
            "body": words::cut(&post.body, BODY_MAX),
            "component_ids": affected(i),
            "components": components(&order.process, i, stands(i, post)),
            "deliver_notifications": true,
        }});
        self.doubt.sending(&deed);
        let sent = self
            .call(self.http.patch(&self.url(&format!("/incidents/{id}"))).json(&body))
            .await;
        let made = sent
            .and_then(|a| a.json::<wire::Incident>(NAME))
            .inspect_err(|f| self.doubt.failed(&deed, f))?;
        self.doubt.done(&deed);
        self.see(&made);
        Ok(Outcome::Done(vec![]))
    }

    /// The public incident that carries this reference, among those where it must stand.
    async fn find(&self, order: &Order, post: &PublicPost) -> Result<Option<wire::Incident>, Fault> {
        let path = match status(&order.process, stands(&order.incident, post)) {
            "resolved" => "/incidents",
            _ => "/incidents/unresolved",
        };
        let all: Vec<wire::Incident> = self.get(path).await?.json(NAME)?;
        let mark = order.incident.reference.to_string();
        Ok(all
            .into_iter()
            .find(|i| i.metadata.pointer("/imp/ref").and_then(Value::as_str) == Some(&mark)))
    }

    /// Statuspage's lists do not lag, so one look is enough; the create may come a second later, in the next try.
    fn found_nothing(&self, deed: &str) {
        match self.doubt.not_found(deed, Duration::ZERO, Instant::now()) {
            NotFound::Create | NotFound::LookAgain(_) => {}
        }
    }

    fn page(&self, made: wire::Incident) -> Outcome {
        self.see(&made);
        let url = made.shortlink.unwrap_or_default();
        Outcome::Done(vec![Link::Page { id: made.id, url }])
    }

    pub(super) fn see(&self, incident: &wire::Incident) {
        let components = incident
            .components
            .iter()
            .flatten()
            .map(|c| (c.id.clone(), c.status.clone()))
            .collect();
        let seen = Seen {
            at: Instant::now(),
            status: incident.status.clone(),
            components,
        };
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= SEEN_MAX {
            all.clear();
        }
        all.insert(incident.id.clone(), seen);
    }

    fn last_seen(&self, id: &str) -> Option<Seen> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    /// Makes status and components those of the incident. What was seen less than a minute ago is not asked again, so
    /// that reading and writing, which must lie a second apart, can be two tries.
    async fn mirror(&self, order: &Order) -> Result<Outcome, Fault> {
        let i = &order.incident;
        let Some((id, _)) = &i.links.page else {
            return Ok(Outcome::Done(vec![]));
        };
        let path = format!("/incidents/{id}");
        let wanted = (
            status(&order.process, &i.status),
            components(&order.process, i, &i.status),
        );
        let agrees = |s: &Seen| {
            s.status == wanted.0
                && wanted
                    .1
                    .iter()
                    .all(|(c, want)| s.components.get(c).is_none_or(|is| is == want))
        };
        let known = self.last_seen(id).filter(|s| !agrees(s) || s.at.elapsed() < SEEN_FRESH);
        let known = match known {
            Some(seen) => Some(seen),
            None => {
                let seen: wire::Incident = self.get(&path).await?.json(NAME)?;
                self.see(&seen);
                self.last_seen(id)
            }
        };
        if known.is_some_and(|s| agrees(&s)) {
            return Ok(Outcome::Done(vec![]));
        }
        let mut change = json!({"status": wanted.0, "deliver_notifications": false});
        if !wanted.1.is_empty() {
            change["component_ids"] = json!(affected(i));
            change["components"] = json!(wanted.1);
        }
        let request = self.http.patch(&self.url(&path)).json(&json!({"incident": change}));
        let made: wire::Incident = self.call(request).await?.json(NAME)?;
        self.see(&made);
        Ok(Outcome::Done(vec![]))
    }
}

/// The status that a post tells the public: that of the incident, but of one that was merged where it stood when the post
/// was written, because nothing is over with a merge.
fn stands<'a>(i: &'a Incident, post: &'a PublicPost) -> &'a str {
    match i.merged_into {
        Some(_) => &post.status,
        None => &i.status,
    }
}

/// Statuspage's word for a status: the same where it has the word, else by category.
pub(super) fn status(process: &Process, id: &str) -> &'static str {
    match (id, process.category(id)) {
        ("identified", _) => "identified",
        ("monitoring", _) => "monitoring",
        (_, Category::Triage | Category::Active) => "investigating",
        (_, Category::After | Category::Done) => "resolved",
    }
}

/// All components that any post has named.
fn affected(i: &Incident) -> Vec<&String> {
    let mut out: Vec<&String> = Vec::new();
    for c in i.public.iter().flat_map(|p| &p.components) {
        if !out.contains(&c) {
            out.push(c);
        }
    }
    out
}

/// How each affected component is: by severity's rank in the process while it goes on, well afterwards.
pub(super) fn components(process: &Process, i: &Incident, stands: &str) -> BTreeMap<String, &'static str> {
    let rank = process.severities.iter().position(|s| s.id == i.severity);
    let how = match (process.category(stands), rank) {
        (Category::After | Category::Done, _) => "operational",
        (Category::Triage | Category::Active, Some(0)) => "major_outage",
        (Category::Triage | Category::Active, Some(1)) => "partial_outage",
        (Category::Triage | Category::Active, _) => "degraded_performance",
    };
    affected(i).into_iter().map(|c| (c.clone(), how)).collect()
}
