//! The ticket: filed once, then its fields, links and comments kept like the incident.

use super::adf::{self, Block};
use super::inlet::squeezed;
use super::journal::Head;
use super::said::said;
use super::scheme::Scheme;
use super::ticket::{LABEL, PROPERTY, People, labels, no_level, property, severity_label};
use super::{Jira, NAME, wire};
use crate::doubt::NotFound;
use crate::http::Fault;
use imp_core::effect::LinkTo;
use imp_core::event::Link;
use imp_core::incident::{Ticket, Update};
use imp_core::port::{Boxed, Limits};
use imp_core::record::{self, Owner};
use imp_core::{Actor, Incident, Order, Outcome, Port, Ref, What, Who};
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// How long Jira's search may lag behind what was created. It is usually a second or two; there is no promise.
pub const SEARCH_LAG: Duration = Duration::from_secs(6);
/// Issues that a search for one label gives at most: one, and those of another IMP in the same project.
const FOUND_MAX: u32 = 100;
/// Comments that are looked through for one of ours; the newest.
const COMMENTS_MAX: u32 = 100;
/// Tickets of which is remembered what was written.
const WRITTEN_MAX: usize = 2_000;

/// What was last written into a ticket besides its fields; a restart forgets it and writes once more.
#[derive(Debug, Clone, Default)]
pub(super) struct Written {
    property: Value,
    /// By global identifier; none while it is not known which there are.
    links: Option<HashMap<String, Value>>,
    /// The head of the journal.
    pub(super) journal: Option<Head>,
    /// Fields that Jira would not take, with what they were to say: they are not tried again with the same.
    refused: HashMap<String, String>,
    /// Whether this process filed the ticket: then it remembers all that it ever wrote there.
    pub(super) filed_here: bool,
}

impl Port for Jira {
    fn perform(&self, order: Order) -> Boxed<'_, Outcome> {
        Box::pin(async move {
            let done = match &order.what {
                What::FileTicket => self.file(&order).await,
                What::TicketFields => self.fields_mirror(&order).await,
                What::TicketStatus => self.status_mirror(&order).await,
                What::TicketLink { to } => self.link_mirror(&order, *to).await,
                What::TicketJournal => self.journal_mirror(&order).await,
                What::Comment { n } => self.comment(&order, *n).await,
                What::FileTask { n } => self.file_task(&order, *n).await,
                What::TaskStatus { n } => self.task_mirror(&order, *n).await,
                What::FileFollowUp { n } => self.file_follow_up(&order, *n).await,
                What::Duplicate { other } => self.duplicate(&order, *other).await,
                other => return crate::not_ours(NAME, other),
            };
            done.unwrap_or_else(Outcome::from)
        })
    }

    fn limits(&self) -> Option<&dyn Limits> {
        Some(&self.budget)
    }

    fn forget(&self, incident: &Incident) {
        let mut all = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&incident.reference);
    }
}

impl Jira {
    async fn people(&self, order: &Order, scheme: &Scheme) -> People {
        let (i, directory) = (&order.incident, &order.directory);
        let find = |who: Option<Who>| async move {
            match who {
                Some(who) => self.person(&who, directory, scheme).await,
                None => None,
            }
        };
        let (reporter, commander) = tokio::join!(
            find(i.opened_by.who().cloned()),
            find(i.roles.get("commander").cloned())
        );
        People { reporter, commander }
    }

    async fn file(&self, order: &Order) -> Result<Outcome, Fault> {
        let i = &order.incident;
        if let Some(t) = &i.links.ticket {
            return Ok(Outcome::Done(vec![Link::Ticket {
                key: t.key.clone(),
                id: t.id.clone(),
                url: t.url.clone(),
            }]));
        }
        let deed = format!("{}/{}", i.reference, order.key);
        let scheme = self.scheme().await?;
        if self.doubt.must_look(&deed, order.tried) {
            match self.look(order, &deed, &i.reference.label()).await? {
                Looked::Found(key, id) => return Ok(self.filed(key, id)),
                Looked::Again(after_ms) => return Ok(Outcome::Wait { after_ms }),
                Looked::Nothing => {}
            }
        }
        let people = self.people(order, &scheme).await;
        let mut fields = self.new_fields(order, &scheme, &people);
        if let Some(name) = self.config.private_level.as_deref().filter(|_| i.private) {
            let Some(level) = scheme.level(name) else {
                // It is learnt anew before the next try; nothing is filed for all to see meanwhile.
                self.forget_scheme().await;
                return Ok(Outcome::Never {
                    why: no_level(name, &self.config.project),
                });
            };
            fields.insert("security".to_owned(), level);
        }
        let property = property(i, &self.public_url);
        let (made, refused) = self
            .create(
                &deed,
                fields.clone(),
                &property,
                &["project", "issuetype", "summary", "security"],
            )
            .await?;
        let mut agreed = self.texts(&self.living_fields(order, &scheme, &people));
        if fields.contains_key("labels") {
            agreed.insert("labels".to_owned(), label_text(i));
        }
        let refused = refused
            .into_iter()
            .filter_map(|f| agreed.remove(&f).map(|text| (f, text)));
        self.remember(i.reference, |w| {
            *w = Written {
                property,
                links: Some(HashMap::new()),
                journal: None,
                refused: refused.collect(),
                filed_here: true,
            }
        });
        let Outcome::Done(mut links) = self.filed(made.key, made.id) else {
            return Ok(Outcome::Done(vec![]));
        };
        links.push(Link::TicketAgreed { fields: agreed });
        Ok(Outcome::Done(links))
    }

    /// What fields say, as texts that can be compared.
    fn texts(&self, fields: &Map<String, Value>) -> BTreeMap<String, String> {
        fields.iter().map(|(k, v)| (k.clone(), said(v))).collect()
    }

    fn filed(&self, key: String, id: String) -> Outcome {
        let url = self.browse(&key);
        Outcome::Done(vec![Link::Ticket { key, id, url }])
    }

    /// Creates an issue. Fields that Jira refuses by name and that are not needed are left out in a second try.
    pub(super) async fn create(
        &self,
        deed: &str,
        fields: Map<String, Value>,
        property: &Value,
        needed: &[&str],
    ) -> Result<(wire::Created, Vec<String>), Fault> {
        let mut fields = fields;
        let mut first = true;
        let mut refused = Vec::new();
        loop {
            let body = json!({"fields": fields, "properties": [{"key": PROPERTY, "value": property}]});
            self.doubt.sending(deed);
            let answer = self
                .post("issue", &body)
                .await
                .and_then(|a| a.json::<wire::Created>(NAME));
            match answer {
                Ok(issue) => {
                    self.doubt.done(deed);
                    return Ok((issue, refused));
                }
                Err(fault) if first && leave_out(&fault, &mut fields, needed, &mut refused) => {
                    self.forget_scheme().await;
                    first = false;
                }
                Err(fault) => {
                    self.doubt.failed(deed, &fault);
                    return Err(fault);
                }
            }
        }
    }

    /// Looks for an issue that an earlier try may have created: by the label that is its own, then exactly.
    pub(super) async fn look(&self, order: &Order, deed: &str, label: &str) -> Result<Looked, Fault> {
        let i = &order.incident;
        let project = &self.config.project;
        let jql = format!("project = \"{project}\" AND labels = \"{label}\" ORDER BY created ASC");
        let found = self
            .search(&jql, &["labels", "created"], &[PROPERTY], FOUND_MAX)
            .await?;
        let opened = i.opened_at.rfc3339();
        let ours = found.issues.into_iter().find(|issue| {
            let labels = issue.fields.get("labels").and_then(Value::as_array);
            let labels: Vec<&str> = labels.into_iter().flatten().filter_map(Value::as_str).collect();
            // Another IMP that wrote into this project may have had the same reference at another time.
            let same_opening = issue
                .properties
                .pointer("/imp/opened")
                .and_then(Value::as_str)
                .is_none_or(|o| o == opened);
            labels.contains(&LABEL) && labels.contains(&label) && same_opening
        });
        Ok(match ours {
            Some(issue) => {
                self.doubt.done(deed);
                Looked::Found(issue.key, issue.id)
            }
            None => match self.doubt.not_found(deed, SEARCH_LAG, Instant::now()) {
                NotFound::LookAgain(ms) => Looked::Again(ms),
                NotFound::Create => Looked::Nothing,
            },
        })
    }

    pub(super) fn remember(&self, reference: Ref, change: impl FnOnce(&mut Written)) {
        let mut all = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= WRITTEN_MAX && !all.contains_key(&reference) {
            all.clear();
        }
        change(all.entry(reference).or_default());
    }

    pub(super) fn remembered(&self, reference: Ref) -> Written {
        self.written
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&reference)
            .cloned()
            .unwrap_or_default()
    }

    /// Writes the fields that are not what both sides agreed on last. What people changed over there is taken over by
    /// [`super::look`], so that nothing of theirs is overwritten that was heard of.
    async fn fields_mirror(&self, order: &Order) -> Result<Outcome, Fault> {
        let i = &order.incident;
        let Some(ticket) = &i.links.ticket else {
            return Ok(Outcome::Done(vec![]));
        };
        let scheme = self.scheme().await?;
        let people = self.people(order, &scheme).await;
        let before = self.remembered(i.reference);
        let insists = |field: &str| {
            let fact = self
                .config
                .fields
                .iter()
                .find(|(_, id)| *id == field)
                .map(|(fact, _)| fact.as_str());
            let ours = field == "labels" || fact.is_some_and(|f| record::owner_of(f, &order.process) == Owner::Imp);
            ours && ticket.repairs.get(field).is_some_and(|n| *n > record::REPAIRS_MAX)
        };
        let differs = |field: &str, text: &String| {
            ticket.agreed.get(field) != Some(text) && before.refused.get(field) != Some(text) && !insists(field)
        };
        let wanted = self.living_fields(order, &scheme, &people);
        let texts = self.texts(&wanted);
        let mut fields: Map<String, Value> = wanted
            .into_iter()
            .filter(|(k, _)| texts.get(k).is_some_and(|t| differs(k, t)))
            .collect();
        let mut agreed: BTreeMap<String, String> = texts.into_iter().filter(|(k, _)| fields.contains_key(k)).collect();
        let labels = label_text(i);
        if scheme.has("labels") && differs("labels", &labels) {
            fields.insert("labels".to_owned(), label_changes(order, ticket));
            agreed.insert("labels".to_owned(), labels);
        }
        let property = property(i, &self.public_url);
        let property_differs = self.property_differs(order, ticket, &property).await?;
        if fields.is_empty() && !property_differs {
            self.remember(i.reference, |w| w.property = property);
            return Ok(Outcome::Done(vec![]));
        }
        for (field, text) in &agreed {
            self.sends(&ticket.id, field, text);
        }
        if agreed.contains_key("labels") {
            self.sends(&ticket.id, "labels", OWN_LABELS);
        }
        let property_write = async {
            match property_differs {
                false => Ok(()),
                true => self
                    .write(Method::PUT, &ticket.key, &format!("/properties/{PROPERTY}"), &property)
                    .await
                    .map(|_| ()),
            }
        };
        let (fields_sent, property_sent) = tokio::join!(self.edit(&ticket.key, fields), property_write);
        let refused = fields_sent.map_err(|f| gone(f, ticket))?;
        property_sent.map_err(|f| gone(f, ticket))?;
        // What Jira would not take is not tried again with the same, and is nothing that both agree on.
        let refused: Vec<(String, String)> = refused
            .into_iter()
            .filter_map(|f| agreed.remove(&f).map(|text| (f, text)))
            .collect();
        self.remember(i.reference, |w| {
            w.property = property;
            w.refused.extend(refused);
        });
        let learnt = Link::TicketAgreed { fields: agreed };
        let nothing = matches!(&learnt, Link::TicketAgreed { fields } if fields.is_empty());
        Ok(Outcome::Done(if nothing { vec![] } else { vec![learnt] }))
    }

    /// Edits an issue. Fields that Jira refuses by name are left out in a second try; gives their names.
    async fn edit(&self, key: &str, mut fields: Map<String, Value>) -> Result<Vec<String>, Fault> {
        let mut first = true;
        let mut refused = Vec::new();
        while !fields.is_empty() {
            let mut body = json!({});
            let mut set = fields.clone();
            if let Some(changes) = set.remove("labels") {
                body["update"] = json!({"labels": changes});
            }
            if !set.is_empty() {
                body["fields"] = Value::Object(set);
            }
            match self.write(Method::PUT, key, "", &body).await {
                Ok(_) => break,
                Err(fault) if first && leave_out(&fault, &mut fields, &[], &mut refused) => first = false,
                Err(fault) => return Err(fault),
            }
        }
        Ok(refused)
    }

    /// Writes the links that are new or changed, all at once.
    async fn link_mirror(&self, order: &Order, to: LinkTo) -> Result<Outcome, Fault> {
        let i = &order.incident;
        let Some(ticket) = &i.links.ticket else {
            return Ok(Outcome::Done(vec![]));
        };
        let wanted = self
            .remote_links(i)
            .into_iter()
            .find(|(id, _)| id.rsplit(':').next() == Some(to.word()));
        let Some((id, body)) = wanted else {
            return Ok(Outcome::Done(vec![]));
        };
        let known = match self.remembered(i.reference).links {
            Some(known) => known,
            None => self.read_links(i, ticket).await?,
        };
        if known.get(&id).is_none_or(|there| !covers(there, &body)) {
            let sent = self.write(Method::POST, &ticket.key, "/remotelink", &body).await;
            sent.map_err(|f| gone(f, ticket))?;
            self.remember(i.reference, |w| drop(w.links.get_or_insert(known).insert(id, body)));
        }
        Ok(Outcome::Done(vec![]))
    }

    /// The links that the ticket has, as Jira tells them.
    async fn read_links(&self, i: &Incident, ticket: &Ticket) -> Result<HashMap<String, Value>, Fault> {
        let path = format!("issue/{}/remotelink", ticket.key);
        let all: Vec<Value> = self.get(&path).await.map_err(|f| gone(f, ticket))?.json(NAME)?;
        let id = |l: &Value| l.get("globalId").and_then(Value::as_str).map(str::to_owned);
        let there: HashMap<String, Value> = all.into_iter().filter_map(|l| Some((id(&l)?, l))).collect();
        self.remember(i.reference, |w| w.links = Some(there.clone()));
        Ok(there)
    }

    /// The property as it is to be, unless it is known to be so or turns out to be.
    async fn property_differs(&self, order: &Order, ticket: &Ticket, property: &Value) -> Result<bool, Fault> {
        let before = self.remembered(order.incident.reference).property;
        if !before.is_null() {
            return Ok(before != *property);
        }
        match self.get(&format!("issue/{}/properties/{PROPERTY}", ticket.key)).await {
            Ok(answer) => Ok(answer.json::<wire::Property>(NAME)?.value != *property),
            Err(Fault::Refused { status: 404, .. }) => Ok(true),
            Err(fault) => Err(fault),
        }
    }

    async fn comment(&self, order: &Order, n: u32) -> Result<Outcome, Fault> {
        let i = &order.incident;
        let (Some(ticket), Some(update)) = (&i.links.ticket, i.updates.iter().find(|u| u.n == n)) else {
            return Ok(Outcome::Done(vec![]));
        };
        // What was written in Jira stands there already; what is private stays out of it.
        if i.private || matches!(update.by, Actor::Jira { .. }) {
            return Ok(Outcome::Done(vec![]));
        }
        let deed = format!("{}/{}", i.reference, order.key);
        let author = update
            .by
            .who()
            .map_or(update.by.label(), |w| order.directory.complete(w).label().to_owned());
        let text = self.text(&comment_blocks(update, &author));
        let mark = json!({"ref": i.reference, "n": n});
        if self.doubt.must_look(&deed, order.tried) {
            let path = format!(
                "issue/{}/comment?orderBy=-created&maxResults={COMMENTS_MAX}&expand=properties",
                ticket.key
            );
            let page: wire::Comments = self.get(&path).await.map_err(|f| gone(f, ticket))?.json(NAME)?;
            let ours = |c: &wire::Comment| {
                let marked = c.properties.iter().any(|p| p.key == PROPERTY && p.value == mark);
                marked || (c.properties.is_empty() && adf::plain(&c.body) == adf::plain(&text))
            };
            if page.comments.iter().any(ours) {
                self.doubt.done(&deed);
                return Ok(Outcome::Done(vec![]));
            }
        }
        self.sends(&ticket.id, "comment", &squeezed(&adf::plain(&text)));
        let body = json!({"body": text, "properties": [{"key": PROPERTY, "value": mark}]});
        self.doubt.sending(&deed);
        let sent = self.write(Method::POST, &ticket.key, "/comment", &body).await;
        sent.inspect_err(|f| self.doubt.failed(&deed, f))
            .map_err(|f| gone(f, ticket))?;
        self.doubt.done(&deed);
        Ok(Outcome::Done(vec![]))
    }
}

/// Whether something says all that it should say.
fn covers(there: &Value, wanted: &Value) -> bool {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => {
            wanted.iter().all(|(k, w)| there.get(k).is_some_and(|t| covers(t, w)))
        }
        (there, wanted) => there == wanted,
    }
}

/// What a look for an issue has found.
pub(super) enum Looked {
    /// Key and number.
    Found(String, String),
    /// The search may lag behind: look again after so many milliseconds.
    Again(i64),
    /// It does not exist.
    Nothing,
}

/// Takes out the fields that a refusal names, if all of them can be done without.
fn leave_out(fault: &Fault, fields: &mut Map<String, Value>, needed: &[&str], refused: &mut Vec<String>) -> bool {
    let Fault::Refused { status: 400, body, .. } = fault else {
        return false;
    };
    let named = serde_json::from_slice::<wire::Errors>(body).unwrap_or_default().errors;
    let removable = |k: &String| fields.contains_key(k) && !needed.contains(&k.as_str());
    if named.is_empty() || !named.keys().all(removable) {
        return false;
    }
    for (name, why) in &named {
        tracing::info!(
            field = name,
            "Jira would not take a field, so the ticket goes without it: {why}"
        );
        fields.remove(name);
        refused.push(name.clone());
    }
    true
}

/// Stands for labels of ours whatever they are, among what was written lately: no labels make this text, not even none.
pub(super) const OWN_LABELS: &str = " ";

/// Our labels as one text.
pub(super) fn label_text(i: &Incident) -> String {
    let mut all = labels(i);
    all.sort();
    all.join(" ")
}

/// Adds our labels as they are now, and takes away those that they were. People's stay.
fn label_changes(order: &Order, ticket: &Ticket) -> Value {
    let wanted = labels(&order.incident);
    let mut old: Vec<String> = order.process.severities.iter().map(|s| severity_label(&s.id)).collect();
    let agreed = ticket.agreed.get("labels").map(String::as_str).unwrap_or_default();
    old.extend(agreed.split(' ').filter(|l| !l.is_empty()).map(str::to_owned));
    old.sort();
    old.dedup();
    let remove = old.iter().filter(|l| !wanted.contains(l)).map(|l| json!({"remove": l}));
    let add = wanted.iter().map(|l| json!({"add": l}));
    remove.chain(add).collect()
}

fn comment_blocks(update: &Update, author: &str) -> Vec<Block> {
    vec![
        Block::Strong(format!("{author}, update {}", update.n)),
        Block::Text(update.text.clone()),
    ]
}

/// A 404 about a ticket, said so that a person knows what to do.
pub(super) fn gone(fault: Fault, ticket: &Ticket) -> Fault {
    match fault {
        Fault::Refused { status: 404, body, .. } => {
            let why = format!(
                "the ticket {} is gone, or IMP's account may no longer see it",
                ticket.key
            );
            Fault::Refused { status: 404, why, body }
        }
        other => other,
    }
}
