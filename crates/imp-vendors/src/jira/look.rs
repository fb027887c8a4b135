//! A look at a ticket: what people changed there since both sides last agreed. Whatever a webhook says is only a hint to
//! look, so that it does not matter whether it comes, comes twice, or comes late.

use super::port::{OWN_LABELS, label_text};
use super::said::said;
use super::ticket::{self, LABEL};
use super::wire::{self, User};
use super::{Jira, NAME, adf};
use crate::http::{Fault, read};
use imp_core::command::{RecordChange, Seen};
use imp_core::incident::Ticket;
use imp_core::port::{Boxed, Heard, RecordSource};
use imp_core::record;
use imp_core::{Incident, Process, Who, words};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

/// Comments asked for at once where the issue itself does not show all.
const COMMENTS_MAX: usize = 100;
/// Tickets that one search for changes gives at most; more have changed only after an outage, and the next search goes
/// on from there.
const CHANGED_MAX: u32 = 500;
/// What was written is remembered for so many fields; then all of it is forgotten.
const SENT_MAX: usize = 20_000;
/// Values remembered for a field: what is under way, and the echoes that are still to come.
const SENT_EACH: usize = 6;

/// What this process wrote lately into a field of a ticket.
pub(super) type Sent = HashMap<(String, String), Vec<String>>;

impl RecordSource for Jira {
    fn look(&self, incident: Arc<Incident>, process: Arc<Process>) -> Boxed<'_, Result<Vec<Heard>, String>> {
        Box::pin(async move { self.look_at(&incident, &process).await.map_err(|f| f.why()) })
    }

    fn changed(&self, within_ms: i64) -> Boxed<'_, Result<Vec<(String, String)>, String>> {
        Box::pin(async move { self.changed_lately(within_ms).await.map_err(|f| f.why()) })
    }
}

impl Jira {
    /// Remembers that this value is being written, before it is: its echo may come before the answer does.
    pub(super) fn sends(&self, ticket: &str, field: &str, value: &str) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.len() >= SENT_MAX {
            sent.clear();
        }
        let values = sent.entry((ticket.to_owned(), field.to_owned())).or_default();
        values.retain(|v| v != value);
        values.push(value.to_owned());
        if values.len() > SENT_EACH {
            values.remove(0);
        }
    }

    /// Whether this process wrote the value lately.
    pub(super) fn has_sent(&self, ticket: &str, field: &str, value: &str) -> bool {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (ticket.to_owned(), field.to_owned());
        sent.get(&key).is_some_and(|v| v.iter().any(|v| v == value))
    }

    /// Whether all that IMP ever wrote into this incident's ticket was written by this process.
    fn remembers_all(&self, r: imp_core::Ref) -> bool {
        !self.others_write.load(std::sync::atomic::Ordering::Relaxed) && self.remembered(r).filed_here
    }

    async fn look_at(&self, i: &Incident, process: &Process) -> Result<Vec<Heard>, Fault> {
        let Some(ticket) = &i.links.ticket else {
            return Ok(vec![]);
        };
        let scheme = self.scheme().await?;
        let mut fields = vec!["summary", "priority", "assignee", "status", "labels", "comment"];
        fields.extend(self.config.fields.values().map(String::as_str));
        // By its number, which stays the same when it is moved to another project.
        let path = format!("issue/{}?fields={}&expand=changelog", ticket.id, fields.join(","));
        let issue: wire::Whole = match self.get(&path).await {
            Ok(answer) => answer.json(NAME)?,
            Err(Fault::Refused { status: 404 | 410, .. }) => {
                let why = format!(
                    "Jira says that {} is not there, or that IMP's account may not see it",
                    ticket.key
                );
                return Ok(vec![plain(RecordChange::Gone { why }, None)]);
            }
            Err(fault) => return Err(fault),
        };
        if !issue.fields.is_object() || issue.key.is_empty() {
            return Err(Fault::Later {
                status: Some(200),
                after_ms: None,
                why: format!(
                    "{NAME} answered something that is no issue when asked for {}",
                    ticket.key
                ),
                undone: true,
            });
        }
        let mut out = Vec::new();
        if ticket.gone.is_some() || issue.key != ticket.key {
            let url = self.browse(&issue.key);
            let (key, id) = (issue.key.clone(), issue.id.clone());
            out.push(plain(RecordChange::Found { key, id, url }, None));
        }
        let seen = Reading {
            jira: self,
            i,
            ticket,
            issue: &issue,
        };
        out.extend(seen.scalar("summary", |_, text| RecordChange::Summary { text }));
        out.extend(seen.scalar("priority", |_, name| RecordChange::Priority { name }));
        let assignee = |value: &Value, _: String| RecordChange::Assignee {
            who: self.person_of(value),
        };
        out.extend(seen.scalar("assignee", assignee));
        for (fact, field) in &self.config.fields {
            let custom = |value: &Value, text: String| RecordChange::Custom {
                fact: fact.clone(),
                value: match fact.as_str() {
                    "commander" => self.person_of(value).map(|w| w.label().to_owned()).unwrap_or_default(),
                    _ => text,
                },
            };
            out.extend(seen.scalar(field, custom).filter(|_| scheme.has(field)));
        }
        out.extend(seen.status());
        out.extend(seen.labels(process));
        out.extend(seen.comments().await?);
        Ok(out)
    }

    /// A user of the ticket as a person; none for nobody.
    fn person_of(&self, value: &Value) -> Option<Who> {
        let user: User = serde_json::from_value(value.clone()).ok()?;
        (user.account_id.is_some() || user.name.is_some()).then(|| self.who(&user))
    }

    async fn changed_lately(&self, within_ms: i64) -> Result<Vec<(String, String)>, Fault> {
        // In minutes before now, by Jira's own clock: a date would be read in the account's time zone.
        let minutes = within_ms.max(0) / 60_000 + 1;
        let project = &self.config.project;
        let jql = format!(
            "project = \"{project}\" AND labels = \"{LABEL}\" AND updated >= \"-{minutes}m\" ORDER BY updated DESC"
        );
        let found = self.search(&jql, &["updated"], &[], CHANGED_MAX).await?;
        let mark = |i: wire::Issue| (i.key, said(&i.fields["updated"]));
        Ok(found.issues.into_iter().map(mark).collect())
    }

    /// The first page of a search, as this Jira has it.
    pub(super) async fn search(
        &self,
        jql: &str,
        fields: &[&str],
        properties: &[&str],
        most: u32,
    ) -> Result<wire::Found, Fault> {
        self.search_on(jql, fields, properties, most, &After::Nothing).await
    }

    /// A page of a search.
    pub(super) async fn search_on(
        &self,
        jql: &str,
        fields: &[&str],
        properties: &[&str],
        most: u32,
        after: &After,
    ) -> Result<wire::Found, Fault> {
        match self.is_cloud() {
            true => {
                let mut body = json!({"jql": jql, "fields": fields, "maxResults": most});
                if !properties.is_empty() {
                    body["properties"] = json!(properties);
                }
                if let After::Token(token) = after {
                    body["nextPageToken"] = json!(token);
                }
                read(|| self.post("search/jql", &body)).await?.json(NAME)
            }
            false => {
                let (fields, properties, most) = (fields.join(","), properties.join(","), most.to_string());
                let start = match after {
                    After::Count(n) => n.to_string(),
                    After::Nothing | After::Token(_) => "0".to_owned(),
                };
                let query = [
                    ("jql", jql),
                    ("fields", fields.as_str()),
                    ("properties", properties.as_str()),
                    ("maxResults", most.as_str()),
                    ("startAt", start.as_str()),
                ];
                let ask = || self.call(self.request(reqwest::Method::GET, "search").query(&query));
                read(ask).await?.json(NAME)
            }
        }
    }
}

/// Which page of a search.
#[derive(Clone)]
pub(super) enum After {
    /// The first.
    Nothing,
    /// The one after this token, on Cloud.
    Token(String),
    /// The one after so many, in the Data Center.
    Count(usize),
}

fn plain(change: RecordChange, who: Option<Who>) -> Heard {
    Heard {
        change,
        seen: None,
        who,
    }
}

/// A ticket as it is now, beside the incident as it was when it was read.
struct Reading<'a> {
    jira: &'a Jira,
    i: &'a Incident,
    ticket: &'a Ticket,
    issue: &'a wire::Whole,
}

/// Who changed a field last.
enum Last<'a> {
    /// Nobody ever: it is what it was filed with, or what Jira filled in.
    Nobody,
    /// We did, in this process.
    Us,
    /// Our account did, and it may be a person who shares it.
    OurAccount,
    /// Somebody else.
    Person(Option<&'a User>),
}

impl Reading<'_> {
    fn last(&self, field: &str, value: &str) -> Last<'_> {
        let of_field = |h: &&wire::History| h.items.iter().any(|item| item.is(field));
        let newest = self.issue.changelog.histories.iter().filter(of_field);
        let Some(newest) = newest.max_by_key(|h| h.id.parse::<u64>().unwrap_or_default()) else {
            return Last::Nobody;
        };
        match &newest.author {
            Some(user) if !self.jira.is_own(user) => Last::Person(Some(user)),
            None => Last::Person(None),
            Some(_) if self.jira.has_sent(&self.ticket.id, field, value) => Last::Us,
            // What another replica wrote, or this one before it was started again, is not remembered here. To take it for
            // a person's who shares the account would undo what people have done since.
            Some(_) if !self.jira.remembers_all(self.i.reference) => Last::Us,
            Some(_) => Last::OurAccount,
        }
    }

    /// A field with one value: what it is now, where that is not what both sides agreed on.
    fn scalar(&self, field: &str, change: impl FnOnce(&Value, String) -> RecordChange) -> Option<Heard> {
        let value = self.issue.fields.get(field)?;
        let text = said(value);
        let base = self.ticket.agreed.get(field).cloned();
        if base.as_ref() == Some(&text) {
            return None;
        }
        let (change, who) = match (self.last(field, &text), &base) {
            (Last::Nobody | Last::Us, _) | (Last::OurAccount, None) => (RecordChange::Baseline, None),
            (Last::OurAccount, Some(_)) => (change(value, text.clone()), None),
            (Last::Person(user), _) => (change(value, text.clone()), user.map(|u| self.jira.who(u))),
        };
        let seen = Seen {
            field: field.to_owned(),
            base,
            value: text,
        };
        Some(Heard {
            change,
            seen: Some(seen),
            who,
        })
    }

    fn status(&self) -> Option<Heard> {
        let status: wire::Status = serde_json::from_value(self.issue.fields.get("status")?.clone()).ok()?;
        let name = status.name;
        if self.ticket.status.as_ref() == Some(&name) {
            return None;
        }
        let who = match self.last("status", &name) {
            // It begins where all do, or it is where we are moving it to.
            Last::Nobody | Last::Us => return None,
            Last::OurAccount if self.ticket.status.is_none() => return None,
            Last::OurAccount => None,
            Last::Person(user) => user.map(|u| self.jira.who(u)),
        };
        let category = status.status_category.key;
        Some(plain(RecordChange::Status { name, category }, who))
    }

    /// Ours that are missing are put back; the others are people's.
    fn labels(&self, process: &Process) -> Vec<Heard> {
        let Some(all) = self.issue.fields.get("labels").and_then(Value::as_array) else {
            return vec![];
        };
        let all: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
        let ours = ticket::labels(self.i);
        let agreed = self.ticket.agreed.get("labels");
        // What we wrote before and what severities are called is ours too, even while it is being changed.
        let may_be_ours = |l: &str| {
            ours.iter().any(|o| o == l)
                || agreed.is_some_and(|a| a.split(' ').any(|o| o == l))
                || process.severities.iter().any(|s| ticket::severity_label(&s.id) == l)
        };
        let mut theirs: Vec<String> = all
            .iter()
            .filter(|l| !may_be_ours(l))
            .map(|l| (*l).to_owned())
            .collect();
        theirs.sort();
        let (by_person, who) = match self.last("labels", OWN_LABELS) {
            Last::Person(user) => (true, user.map(|u| self.jira.who(u))),
            Last::Nobody | Last::Us | Last::OurAccount => (false, None),
        };
        let mut out = Vec::new();
        if theirs != self.ticket.labels {
            out.push(plain(RecordChange::Labels { labels: theirs }, who.clone()));
        }
        let mut there: Vec<&str> = all.into_iter().filter(|l| may_be_ours(l)).collect();
        there.sort_unstable();
        let there = there.join(" ");
        // What we wrote and is still to be agreed on is no news, unless somebody took away what came after it.
        let undone_since = by_person && there != label_text(self.i);
        let echo = self.jira.has_sent(&self.ticket.id, "labels", &there) && !undone_since;
        if let Some(base) = agreed.filter(|a| **a != there)
            && !echo
        {
            let seen = Seen {
                field: "labels".to_owned(),
                base: Some(base.clone()),
                value: there,
            };
            let change = RecordChange::Custom {
                fact: "labels".to_owned(),
                value: String::new(),
            };
            out.push(Heard {
                change,
                seen: Some(seen),
                who,
            });
        }
        out
    }

    async fn comments(&self) -> Result<Vec<Heard>, Fault> {
        let page = self.issue.fields.get("comment").cloned().unwrap_or_default();
        let mut page: wire::Comments = serde_json::from_value(page).unwrap_or_default();
        if page.total > page.comments.len() {
            let path = format!(
                "issue/{}/comment?orderBy=-created&maxResults={COMMENTS_MAX}",
                self.ticket.id
            );
            page = self.jira.get(&path).await?.json(NAME)?;
            page.comments.reverse();
        }
        let whole = page.total <= page.comments.len();
        let mut out = Vec::new();
        for c in &page.comments {
            let text = words::text(&adf::plain(&c.body));
            let id = said(&c.id);
            let known = self.ticket.comments.get(&id);
            let own = c.author.as_ref().is_some_and(|u| self.jira.is_own(u));
            if text.is_empty()
                || known == Some(&record::print(&text))
                || (own && known.is_none() && self.is_update(&text))
            {
                continue;
            }
            let editor = c.update_author.as_ref().filter(|_| known.is_some());
            let who = editor.or(c.author.as_ref()).map(|u| self.jira.who(u));
            out.push(plain(RecordChange::Comment { id, text }, who));
        }
        let there: Vec<String> = page.comments.iter().map(|c| said(&c.id)).collect();
        let removed = self.ticket.comments.keys().filter(|id| whole && !there.contains(id));
        out.extend(removed.map(|id| plain(RecordChange::CommentRemoved { id: id.clone() }, None)));
        Ok(out)
    }

    /// Whether a comment is one that we wrote: an update below its author's line.
    fn is_update(&self, text: &str) -> bool {
        let squeeze = |t: &str| t.split_whitespace().collect::<Vec<_>>().join(" ");
        let rest = text.split_once('\n').map(|(_, rest)| squeeze(&rest.replace("- ", "")));
        let is = |u: &imp_core::incident::Update| rest.as_deref() == Some(squeeze(&u.text.replace("- ", "")).as_str());
        self.i.updates.iter().any(is)
    }
}
