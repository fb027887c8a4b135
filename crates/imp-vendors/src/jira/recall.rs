//! What Jira remembers of incidents, for a disk that was lost: their journals as they stand in their tickets; and where
//! somebody made nonsense of one, what the ticket's fields, history and comments tell.

use super::journal::{self, HEAD};
use super::look::After;
use super::said::said;
use super::ticket::{LABEL, PROPERTY};
use super::{Jira, NAME, adf, wire};
use crate::http::Fault;
use imp_core::event::{Fact, Link, ServiceName, TeamName};
use imp_core::port::Recalled;
use imp_core::process::Category;
use imp_core::{Actor, At, Door, Event, Incident, Process, Ref, Who, record, words};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Issues in one page of the list.
const PAGE: u32 = 200;
/// Pages of the list: a million issues.
const PAGES_MAX: usize = 5_000;

/// The process that an incident follows; of one that is yet to open, the one in force.
pub type Follows<'a> = dyn Fn(Option<&Incident>) -> Arc<Process> + Sync + 'a;

/// A ticket of ours, as the list has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Whose ticket it is.
    pub reference: Ref,
    /// Its key.
    pub key: String,
    id: String,
    pieces: Vec<Piece>,
}

/// A task's or follow-up's issue.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    task: bool,
    n: u32,
    key: String,
    text: String,
    due: Option<String>,
    done: bool,
    at: At,
}

impl Jira {
    /// All tickets of incidents in the project, oldest incident first, and what is wrong with others of our label.
    ///
    /// # Errors
    /// When Jira cannot be asked.
    pub async fn remembered_tickets(&self) -> Result<(Vec<Listed>, Vec<String>), Fault> {
        let project = &self.config.project;
        let jql = format!("project = \"{project}\" AND labels = \"{LABEL}\" ORDER BY created ASC");
        let fields = ["labels", "created", "summary", "status", "duedate"];
        let (mut after, mut seen) = (After::Nothing, 0);
        let mut tickets: BTreeMap<Ref, Listed> = BTreeMap::new();
        let mut pieces: BTreeMap<Ref, Vec<Piece>> = BTreeMap::new();
        let mut notes = Vec::new();
        for _ in 0..PAGES_MAX {
            let page = self.search_on(&jql, &fields, &[PROPERTY], PAGE, &after).await?;
            let count = page.issues.len();
            seen += count;
            for issue in page.issues {
                match whose(&issue) {
                    Some(Whose::Piece(of, piece)) => pieces.entry(of).or_default().push(piece),
                    Some(Whose::Ticket(reference)) => match tickets.get(&reference) {
                        Some(first) => notes.push(format!(
                            "{} also says that it is {reference}; {} was filed first and is taken",
                            issue.key, first.key
                        )),
                        None => {
                            let (key, id) = (issue.key, issue.id);
                            tickets.insert(
                                reference,
                                Listed {
                                    reference,
                                    key,
                                    id,
                                    pieces: vec![],
                                },
                            );
                        }
                    },
                    None => notes.push(format!(
                        "{} has our label and does not say which incident it is",
                        issue.key
                    )),
                }
            }
            after = match (page.next, self.is_cloud()) {
                (Some(token), _) => After::Token(token),
                (None, false) if count > 0 => After::Count(seen),
                (None, _) => break,
            };
        }
        for (reference, of) in pieces {
            if let Some(t) = tickets.get_mut(&reference) {
                t.pieces = of;
            }
        }
        Ok((tickets.into_values().collect(), notes))
    }

    /// All that one ticket remembers, each fact judged by the process that the incident follows then.
    ///
    /// # Errors
    /// When Jira cannot be asked.
    pub async fn recall(&self, listed: &Listed, follows: &Follows<'_>) -> Result<Recalled, Fault> {
        let path = format!("issue/{}?fields=*all&properties=*all&expand=changelog", listed.id);
        let issue: wire::Whole = self.get(&path).await?.json(NAME)?;
        let links: Vec<Value> = self.get(&format!("issue/{}/remotelink", listed.id)).await?.json(NAME)?;
        let properties = issue.properties.as_object().cloned().unwrap_or_default();
        let in_force = follows(None);
        let told = Told {
            jira: self,
            listed,
            issue: &issue,
            links: &links,
            property: properties.get(PROPERTY).cloned().unwrap_or_default(),
            process: &in_force,
        };
        let back = journal::read_back(listed.reference, &properties);
        let opens = matches!(back.facts.first().map(|f| &f.event), Some(Event::Opened { reference, .. }) if *reference == listed.reference);
        let mut out = Recalled {
            reference: listed.reference,
            ticket: listed.key.clone(),
            facts: back.facts,
            done: back.done.into_iter().collect(),
            whole: opens,
            notes: back.fault.into_iter().collect(),
        };
        if told.is_private() {
            out.notes = vec!["it is private, and a private incident's journal is not kept in Jira".to_owned()];
        }
        if !opens {
            out.facts = told.facts();
            out.done = BTreeSet::new();
            out.notes
                .push("it is told from the ticket's fields, history and comments".to_owned());
        }
        if let Some(i) = Incident::fold(&out.facts, follows) {
            let process = &*follows(Some(&i));
            Told { process, ..told }.catch_up(&i, &mut out.facts);
        }
        if properties.get(PROPERTY).is_none_or(|p| p.get("ref").is_none()) {
            out.notes.push(format!(
                "its property {PROPERTY} makes no sense; it was recognised by its label"
            ));
        }
        if !properties.contains_key(HEAD) && opens {
            out.notes.push("its journal has no head".to_owned());
        }
        Ok(out)
    }
}

enum Whose {
    Ticket(Ref),
    Piece(Ref, Piece),
}

/// Whether it is an incident's ticket, or one of its tasks or follow-ups.
pub(super) fn is_ours(issue: &wire::Issue) -> bool {
    whose(issue).is_some()
}

/// Whose issue this is. The labels say it; where they do not, the property does.
fn whose(issue: &wire::Issue) -> Option<Whose> {
    let labels = issue.fields.get("labels").and_then(Value::as_array);
    let labels: Vec<&str> = labels.into_iter().flatten().filter_map(Value::as_str).collect();
    if let Some((of, task, n)) = labels.iter().find_map(|l| piece_of(l)) {
        let text = |k: &str| said(issue.fields.get(k).unwrap_or(&Value::Null));
        let category = issue
            .fields
            .pointer("/status/statusCategory/key")
            .and_then(Value::as_str);
        let piece = Piece {
            task,
            n,
            key: issue.key.clone(),
            text: text("summary"),
            due: Some(text("duedate")).filter(|d| !d.is_empty()),
            done: category == Some("done"),
            at: At::parse(&text("created")).unwrap_or_default(),
        };
        return Some(Whose::Piece(of, piece));
    }
    let by_label = labels.iter().find_map(|l| Ref::parse(l).filter(|r| r.label() == **l));
    let by_property = || {
        issue
            .properties
            .pointer("/imp/ref")
            .and_then(Value::as_str)
            .and_then(Ref::parse)
    };
    by_label.or_else(by_property).map(Whose::Ticket)
}

/// `imp42-task-1` and `imp42-follow-up-1`.
fn piece_of(label: &str) -> Option<(Ref, bool, u32)> {
    let (of, rest) = label.strip_prefix("imp")?.split_once('-')?;
    let of = of.parse().ok().map(Ref)?;
    let (task, n) = match rest.strip_prefix("task-") {
        Some(n) => (true, n),
        None => (false, rest.strip_prefix("follow-up-")?),
    };
    Some((of, task, n.parse().ok()?))
}

/// What a ticket tells by itself.
struct Told<'a> {
    jira: &'a Jira,
    listed: &'a Listed,
    issue: &'a wire::Whole,
    links: &'a [Value],
    property: Value,
    process: &'a Process,
}

impl Told<'_> {
    fn field(&self, name: &str) -> String {
        self.issue.fields.get(name).map(said).unwrap_or_default()
    }

    fn at(&self, text: &str) -> At {
        At::parse(&said(&Value::String(text.to_owned()))).unwrap_or_default()
    }

    fn is_private(&self) -> bool {
        self.property.get("private") == Some(&Value::Bool(true))
    }

    fn kept(&self, name: &str) -> Option<&str> {
        self.property
            .get(name)
            .and_then(Value::as_str)
            .filter(|t| !t.is_empty())
    }

    fn by(&self, user: Option<&wire::User>) -> Actor {
        match user.filter(|u| !self.jira.is_own(u)) {
            Some(u) => Actor::Jira {
                who: Some(self.jira.who(u)),
            },
            None => Actor::Imp,
        }
    }

    fn severity(&self) -> String {
        let kept = self.kept("severity").and_then(|s| self.process.severity(s));
        let priority = self.field("priority");
        let by_priority = || {
            self.process
                .severities
                .iter()
                .find(|s| s.priority.eq_ignore_ascii_case(&priority))
        };
        let found = kept.or_else(by_priority);
        found.map_or_else(|| self.process.severity_default.declared.clone(), |s| s.id.clone())
    }

    /// Where it stands: by the property, else by the ticket's status.
    fn status(&self, from: &str) -> Option<String> {
        if let Some(s) = self.kept("status").and_then(|s| self.process.status(s)) {
            return Some(s.id.clone());
        }
        let name = self.field("status");
        let category = self
            .issue
            .fields
            .pointer("/status/statusCategory/key")
            .and_then(Value::as_str);
        match record::agrees(self.process, from, &name, category.unwrap_or_default()) {
            true => None,
            false => record::follows_to(self.process, from, &name, category.unwrap_or_default()),
        }
    }

    /// Facts as far as the ticket tells them.
    fn facts(&self) -> Vec<Fact> {
        let opened = self.kept("opened").and_then(At::parse);
        let opened = opened.unwrap_or_else(|| self.at(&self.field("created")));
        let begins = self
            .process
            .first(Category::Active)
            .map(|s| s.id.clone())
            .unwrap_or_default();
        let reporter = self.issue.fields.get("reporter").cloned().unwrap_or_default();
        let reporter: Option<wire::User> = serde_json::from_value(reporter).ok();
        let name = |kind: &str| self.kept(kind).map(str::to_owned);
        let event = Event::Opened {
            reference: self.listed.reference,
            title: words::title(&self.field("summary")),
            summary: String::new(),
            severity: self.severity(),
            status: begins.clone(),
            service: name("service").map(|alias| ServiceName {
                name: alias.clone(),
                alias,
                known: true,
            }),
            team: name("team").map(|alias| TeamName {
                name: alias.clone(),
                alias,
                ..TeamName::default()
            }),
            private: self.is_private(),
            process: self.process.version.clone(),
            edition: String::new(),
            overlays: Vec::new(),
        };
        let mut all = vec![
            (opened, self.by(reporter.as_ref()), event),
            (opened, Actor::Imp, Event::Confirmed),
        ];
        let created = self.at(&self.field("created")).max(opened);
        let mut linked = |what: Link| all.push((created, Actor::Imp, Event::Linked { what }));
        linked(Link::Ticket {
            key: self.listed.key.clone(),
            id: self.listed.id.clone(),
            url: self.jira.browse(&self.listed.key),
        });
        self.places().into_iter().for_each(&mut linked);
        self.pieces(&mut all);
        self.history(&begins, &mut all);
        self.comments(&mut all);
        all.sort_by_key(|(at, _, _)| *at);
        let numbered = all.into_iter().zip(1..);
        numbered.map(|((at, by, event), n)| Fact { n, at, by, event }).collect()
    }

    /// Channel and meeting, by the ticket's links.
    fn places(&self) -> Vec<Link> {
        let text = |l: &Value, path: &str| l.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let last = |url: &str| url.rsplit(['/', '=']).next().unwrap_or_default().to_owned();
        let link = |l: &Value| {
            let (global, url) = (text(l, "/globalId"), text(l, "/object/url"));
            match global.strip_prefix(&format!("imp:{}:", self.listed.reference))? {
                "slack" => Some(Link::Channel {
                    id: last(&url),
                    name: text(l, "/object/title").trim_start_matches('#').to_owned(),
                    url,
                }),
                "zoom" => Some(Link::Meeting {
                    id: last(url.split('?').next().unwrap_or_default()),
                    url,
                }),
                _ => None,
            }
        };
        self.links.iter().filter_map(link).collect()
    }

    fn pieces(&self, all: &mut Vec<(At, Actor, Event)>) {
        for p in &self.listed.pieces {
            let (n, key, url) = (p.n, p.key.clone(), self.jira.browse(&p.key));
            let (event, what) = match p.task {
                true => (
                    Event::TaskAdded {
                        n,
                        text: p.text.clone(),
                        assignee: None,
                    },
                    Link::Task { n, key, url },
                ),
                false => (
                    Event::FollowUpAdded {
                        n,
                        text: p.text.clone(),
                        owner: None,
                        due: p.due.clone(),
                    },
                    Link::FollowUp { n, key, url },
                ),
            };
            all.push((p.at, Actor::Imp, event));
            all.push((p.at, Actor::Imp, Event::Linked { what }));
            if p.task && p.done {
                all.push((p.at, Actor::Imp, Event::TaskDone { n }));
            }
        }
    }

    /// Moves and commanders, by the ticket's history.
    fn history(&self, begins: &str, all: &mut Vec<(At, Actor, Event)>) {
        let mut histories: Vec<&wire::History> = self.issue.changelog.histories.iter().collect();
        histories.sort_by_key(|h| self.at(&h.created));
        let mut here = begins.to_owned();
        for h in histories {
            let (at, by) = (self.at(&h.created), self.by(h.author.as_ref()));
            for item in &h.items {
                let to = said(&item.to_string);
                if item.is("status") {
                    if let Some(s) = record::status_named(self.process, &to).filter(|s| s.id != here) {
                        let from = std::mem::replace(&mut here, s.id.clone());
                        all.push((
                            at,
                            by.clone(),
                            Event::Moved {
                                from,
                                to: s.id.clone(),
                                fields: BTreeMap::new(),
                            },
                        ));
                    }
                    all.push((at, by.clone(), Event::TicketMoved { name: to }));
                } else if item.is("assignee") && !to.is_empty() {
                    let who = Who {
                        slack: None,
                        email: self.jira.email_of(&said(&item.to)),
                        name: Some(to),
                    };
                    all.push((
                        at,
                        by.clone(),
                        Event::RoleTaken {
                            role: "commander".to_owned(),
                            who,
                            before: None,
                        },
                    ));
                }
            }
        }
    }

    fn comments(&self, all: &mut Vec<(At, Actor, Event)>) {
        let page = self.issue.fields.get("comment").cloned().unwrap_or_default();
        let page: wire::Comments = serde_json::from_value(page).unwrap_or_default();
        for c in page.comments {
            let (at, text) = (self.at(&c.created), words::text(&adf::plain(&c.body)));
            let own = c.author.as_ref().is_some_and(|u| self.jira.is_own(u));
            match update_of(&text).filter(|_| own) {
                Some((author, n, said)) => {
                    let who = Who {
                        name: Some(author),
                        ..Who::default()
                    };
                    all.push((
                        at,
                        Actor::Person { who, door: Door::Slack },
                        Event::UpdatePosted { n, text: said },
                    ));
                }
                None if text.is_empty() => {}
                None => {
                    let event = Event::Commented {
                        id: said(&c.id),
                        text,
                        edited: false,
                    };
                    all.push((at, self.by(c.author.as_ref()), event));
                }
            }
        }
    }

    /// What the ticket says and the facts do not yet: its status and how bad it is.
    fn catch_up(&self, i: &Incident, facts: &mut Vec<Fact>) {
        let since = self.kept("since").and_then(At::parse);
        // The journal may be newer than what the property says.
        if since.is_some_and(|at| at < i.status_since) {
            return;
        }
        let at = facts.last().map(|f| f.at).unwrap_or_default();
        let at = at.max(since.unwrap_or_else(|| self.at(&self.field("updated"))));
        let mut add = |event: Event| {
            let n = facts.len() as u64 + 1;
            facts.push(Fact {
                n,
                at,
                by: Actor::Imp,
                event,
            });
        };
        if let Some(to) = self.status(&i.status).filter(|to| *to != i.status) {
            add(Event::Moved {
                from: i.status.clone(),
                to,
                fields: BTreeMap::new(),
            });
        }
        if let Some(s) = self
            .kept("severity")
            .and_then(|s| self.process.severity(s))
            .filter(|s| s.id != i.severity)
        {
            add(Event::SeverityChanged {
                from: i.severity.clone(),
                to: s.id.clone(),
            });
        }
    }
}

/// Author, number and words of an update, from the comment that it became.
fn update_of(text: &str) -> Option<(String, u32, String)> {
    let (first, rest) = text.split_once('\n')?;
    // The Data Center keeps the stars that make the line stand out.
    let (author, n) = first.trim_matches('*').rsplit_once(", update ")?;
    Some((author.to_owned(), n.trim().parse().ok()?, rest.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_and_updates_are_told_by_what_we_wrote() {
        assert_eq!(piece_of("imp42-task-1"), Some((Ref(42), true, 1)));
        assert_eq!(piece_of("imp42-follow-up-12"), Some((Ref(42), false, 12)));
        assert_eq!(piece_of("imp-42"), None);
        assert_eq!(
            update_of("Ana, update 3\nWe roll back.\n\nSoon."),
            Some(("Ana".into(), 3, "We roll back.\n\nSoon.".into()))
        );
        assert_eq!(
            update_of("*Ana, update 3*\n\nWe roll back."),
            Some(("Ana".into(), 3, "We roll back.".into()))
        );
        assert_eq!(update_of("Ana says\nupdate 3"), None);
    }
}
