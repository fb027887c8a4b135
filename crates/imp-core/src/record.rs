//! The ticket in Jira and the incident: who owns which field, what of the ticket is adopted, and what is a conflict
//! that a person settles. Pure.

use crate::command::{Command, Envelope, RecordChange, Seen};
use crate::decide::{self, Facts};
use crate::event::{Event, Fact, Link};
use crate::person::Who;
use crate::process::{Category, Move, Process};
use crate::refusal::{Kind, Refusal};
use crate::{Incident, words};
use std::collections::{BTreeMap, BTreeSet};

/// How often IMP puts a field right that it owns; after that somebody or something over there insists, and it is left.
pub const REPAIRS_MAX: u32 = 3;
/// Comments of a ticket that are followed; later ones are still noted, but their edits are not.
const COMMENTS_MAX: usize = 1_000;

/// Who owns a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Both sides may change it, and the last change is the truth. Where both changed it at the same time, Jira's wins:
    /// whoever wrote there cannot see what happens here.
    Last,
    /// IMP: a change over there is put right, and after the third time left alone.
    Imp,
    /// Jira: IMP takes note and never writes it.
    Jira,
    /// Both, but where the process does not allow what Jira says, a person decides: *Follow Jira* or *Keep ours*.
    Asked,
}

/// One line of the table of owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The field in Jira.
    pub theirs: &'static str,
    /// What it is in the incident.
    pub ours: &'static str,
    /// Who owns it.
    pub owner: Owner,
    /// What that means.
    pub words: &'static str,
}

/// Per field, who owns it. `docs/jira.md` shows this very table; a test compares them.
pub const OWNERS: [Rule; 10] = [
    rule("summary", "title", Owner::Last, "the last change wins"),
    rule(
        "priority",
        "severity",
        Owner::Last,
        "the last change wins; a priority that no severity has is put back",
    ),
    rule(
        "assignee",
        "commander",
        Owner::Last,
        "the last change wins; nobody there is nobody here",
    ),
    rule(
        "status",
        "status",
        Owner::Asked,
        "followed where the process has the move and it needs no answer; else people are asked",
    ),
    rule("labels of IMP", "reference, severity, service", Owner::Imp, "put back"),
    rule(
        "other labels",
        "labels of the ticket",
        Owner::Jira,
        "shown, never written",
    ),
    rule(
        "comments of people",
        "timeline",
        Owner::Jira,
        "noted, with their edits and deletions",
    ),
    rule(
        "comments of IMP",
        "updates",
        Owner::Imp,
        "written once; edits over there stay over there",
    ),
    rule(
        "custom fields for `severity`, `service`, `commander` and the process's answers",
        "the same",
        Owner::Last,
        "the last change wins; what IMP does not know is put back",
    ),
    rule(
        "other custom fields of `[jira.fields]`",
        "what they name",
        Owner::Imp,
        "put back",
    ),
];

const fn rule(theirs: &'static str, ours: &'static str, owner: Owner, words: &'static str) -> Rule {
    Rule {
        theirs,
        ours,
        owner,
        words,
    }
}

impl Owner {
    /// What the table calls it.
    pub fn words(self) -> &'static str {
        match self {
            Owner::Last => "both",
            Owner::Imp => "IMP",
            Owner::Jira => "Jira",
            Owner::Asked => "both, or a person decides",
        }
    }
}

impl Rule {
    /// Its line in the guide.
    pub fn line(&self) -> String {
        format!(
            "| {} | {} | {} | {} |",
            self.theirs,
            self.ours,
            self.owner.words(),
            self.words
        )
    }
}

/// Who owns a configured custom field, by what it stands for.
pub fn owner_of(fact: &str, process: &Process) -> Owner {
    match fact {
        "severity" | "service" | "commander" => Owner::Last,
        other if process.field(other).is_some() => Owner::Last,
        _ => Owner::Imp,
    }
}

/// A text's fingerprint (FNV-1a), by which an edited comment is told from one that is known.
pub fn print(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Which of Jira's three categories a status belongs into.
pub fn category_of(process: &Process, status: &str) -> &'static str {
    match process.category(status) {
        Category::Triage => "new",
        Category::Active | Category::After => "indeterminate",
        Category::Done => "done",
    }
}

/// The process's status of this name, by its name in Jira, its identifier or its label.
pub fn status_named<'a>(process: &'a Process, name: &str) -> Option<&'a crate::process::Status> {
    let key = words::key(name);
    let by = |f: &dyn Fn(&crate::process::Status) -> Option<String>| {
        process
            .statuses
            .iter()
            .find(|s| f(s).is_some_and(|n| words::key(&n) == key))
    };
    by(&|s| s.record.clone())
        .or_else(|| by(&|s| Some(s.id.clone())))
        .or_else(|| by(&|s| Some(s.label.clone())))
}

/// Whether the incident, standing in a status, agrees with what Jira says.
pub fn agrees(process: &Process, status: &str, name: &str, category: &str) -> bool {
    match status_named(process, name) {
        Some(s) => s.id == status,
        None => category == category_of(process, status),
    }
}

/// The shortest way from one status to another that no merge is part of; empty where there is none.
pub fn route<'a>(process: &'a Process, from: &str, to: &str) -> Vec<&'a Move> {
    let mut ways: BTreeMap<String, Vec<&Move>> = BTreeMap::from([(from.to_owned(), Vec::new())]);
    let mut next = vec![from.to_owned()];
    while let Some(here) = (!next.is_empty()).then(|| next.remove(0)) {
        let so_far = ways.get(&here).cloned().unwrap_or_default();
        for m in &process.moves {
            if !m.from.contains(&here) || m.merges() || ways.contains_key(&m.to) {
                continue;
            }
            let mut way = so_far.clone();
            way.push(m);
            if m.to == to {
                return way;
            }
            ways.insert(m.to.clone(), way);
            next.push(m.to.clone());
        }
    }
    Vec::new()
}

/// Where the incident would go to follow a status of Jira's; none where the process knows no way.
pub fn follows_to(process: &Process, from: &str, name: &str, category: &str) -> Option<String> {
    if let Some(s) = status_named(process, name) {
        return (!route(process, from, &s.id).is_empty()).then(|| s.id.clone());
    }
    let ends = process
        .statuses
        .iter()
        .filter(|s| category_of(process, &s.id) == category);
    let ways = ends.map(|s| (route(process, from, &s.id).len(), &s.id));
    ways.filter(|(n, _)| *n > 0)
        .min_by_key(|(n, _)| *n)
        .map(|(_, id)| id.clone())
}

/// What following Jira still asks, over the whole way.
pub fn asks_to_follow(i: &Incident, process: &Process) -> Vec<String> {
    let conflict = i.links.ticket.as_ref().and_then(|t| t.conflict.as_ref());
    let to = conflict.and_then(|c| c.to.as_deref());
    let mut out: Vec<String> = Vec::new();
    for m in to.map(|to| route(process, &i.status, to)).unwrap_or_default() {
        for f in process.missing(m, &i.fields) {
            if !out.contains(&f.id) {
                out.push(f.id.clone());
            }
        }
    }
    out
}

/// What somebody changed in the ticket, as facts. What is known already is none.
pub fn adopt(
    i: &Incident,
    change: &RecordChange,
    seen: Option<&Seen>,
    envelope: &Envelope,
    facts: &Facts,
) -> Vec<Event> {
    let Some(ticket) = &i.links.ticket else {
        return Vec::new();
    };
    // What was read while the field was written is old; the next look sees it as it is.
    if seen.is_some_and(|s| ticket.agreed.get(&s.field) != s.base.as_ref()) {
        return Vec::new();
    }
    let process = facts.process;
    let mut out = match change {
        RecordChange::Baseline => Vec::new(),
        RecordChange::Summary { text } => {
            let title = words::title(text);
            // A private incident's ticket has a summary of its own, which says nothing.
            if i.private || title.is_empty() || title == i.title {
                Vec::new()
            } else {
                vec![Event::Retitled { title }]
            }
        }
        RecordChange::Priority { name } => severity_of_priority(i, name, process),
        RecordChange::Assignee { who } => assignee(i, who.as_ref(), facts),
        RecordChange::Status { name, category } => status(i, name, category, envelope, facts),
        RecordChange::Labels { labels } if *labels != ticket.labels => {
            vec![Event::TicketLabelled { labels: labels.clone() }]
        }
        RecordChange::Labels { .. } => Vec::new(),
        RecordChange::Comment { id, text } => comment(i, id, text),
        RecordChange::CommentRemoved { id } if ticket.comments.contains_key(id) => {
            vec![Event::CommentRemoved { id: id.clone() }]
        }
        RecordChange::CommentRemoved { .. } => Vec::new(),
        RecordChange::Custom { fact, value } => custom(i, fact, value, envelope, facts),
        RecordChange::TaskDone { n } => {
            let open = i.tasks.iter().any(|t| t.n == *n && !t.done);
            open.then_some(Event::TaskDone { n: *n }).into_iter().collect()
        }
        RecordChange::Gone { why } if ticket.gone.is_none() => vec![Event::TicketGone { why: why.clone() }],
        RecordChange::Gone { .. } => Vec::new(),
        RecordChange::Found { key, id, url } if ticket.gone.is_some() || ticket.key != *key => {
            let what = Link::Ticket {
                key: key.clone(),
                id: id.clone(),
                url: url.clone(),
            };
            vec![Event::Linked { what }]
        }
        RecordChange::Found { .. } => Vec::new(),
    };
    if let Some(s) = seen {
        let fields = BTreeMap::from([(s.field.clone(), s.value.clone())]);
        out.push(Event::Linked {
            what: Link::TicketAgreed { fields },
        });
    }
    out
}

fn severity_of_priority(i: &Incident, name: &str, process: &Process) -> Vec<Event> {
    let same = |s: &crate::process::Severity| s.priority.eq_ignore_ascii_case(name);
    if process.severity(&i.severity).is_some_and(same) {
        return Vec::new();
    }
    match process.severities.iter().find(|s| same(s)) {
        Some(s) => vec![Event::SeverityChanged {
            from: i.severity.clone(),
            to: s.id.clone(),
        }],
        None => Vec::new(),
    }
}

fn assignee(i: &Incident, who: Option<&Who>, facts: &Facts) -> Vec<Event> {
    let role = "commander";
    if facts.process.role(role).is_none() {
        return Vec::new();
    }
    let before = i.roles.get(role).cloned();
    match who.map(|w| facts.directory.complete(w)) {
        None => before
            .map(|who| Event::RoleLeft {
                role: role.to_owned(),
                who,
            })
            .into_iter()
            .collect(),
        Some(who) if before.as_ref().is_some_and(|b| b.is(&who)) => Vec::new(),
        Some(who) => vec![Event::RoleTaken {
            role: role.to_owned(),
            who,
            before,
        }],
    }
}

fn status(i: &Incident, name: &str, category: &str, envelope: &Envelope, facts: &Facts) -> Vec<Event> {
    let process = facts.process;
    let ticket = i.links.ticket.as_ref();
    if ticket.and_then(|t| t.status.as_deref()) == Some(name) {
        return Vec::new();
    }
    let mut out = vec![Event::TicketMoved { name: name.to_owned() }];
    if agrees(process, &i.status, name, category) {
        return out;
    }
    let wanted = status_named(process, name);
    let why = match wanted.map(|s| decide::change_status(i, &s.id, &BTreeMap::new(), envelope, facts)) {
        Some(Ok(moved)) => {
            out.extend(moved);
            return out;
        }
        Some(Err(refusal)) => refusal.message,
        None => format!("The process has no status {:?}.", words::cut(name, 60)),
    };
    out.push(Event::ConflictFound {
        theirs: name.to_owned(),
        category: category.to_owned(),
        to: follows_to(process, &i.status, name, category),
        why,
    });
    out
}

fn comment(i: &Incident, id: &str, text: &str) -> Vec<Event> {
    let text = words::text(text);
    let Some(ticket) = i.links.ticket.as_ref().filter(|_| !text.is_empty()) else {
        return Vec::new();
    };
    match ticket.comments.get(id) {
        Some(known) if *known == print(&text) => Vec::new(),
        None if ticket.comments.len() >= COMMENTS_MAX => Vec::new(),
        known => vec![Event::Commented {
            id: id.to_owned(),
            edited: known.is_some(),
            text,
        }],
    }
}

fn custom(i: &Incident, fact: &str, value: &str, envelope: &Envelope, facts: &Facts) -> Vec<Event> {
    let process = facts.process;
    let edit = |severity: Option<&str>, service: Option<&str>| {
        let command = Command::Edit {
            title: None,
            summary: None,
            severity: severity.map(str::to_owned),
            service: service.map(str::to_owned),
        };
        decide::of_incident(
            i,
            &Envelope {
                command,
                ..envelope.clone()
            },
            facts,
        )
    };
    let value = value.trim();
    let taken = match fact {
        "severity" if !value.is_empty() => edit(Some(value), None),
        "service" if !value.is_empty() => edit(None, Some(value)),
        "commander" => {
            let who = Some(value).filter(|v| !v.is_empty()).map(|v| match v.contains('@') {
                true => Who::email(v),
                false => Who {
                    name: Some(v.to_owned()),
                    ..Who::default()
                },
            });
            Ok(assignee(i, who.as_ref(), facts))
        }
        other if process.field(other).is_some() => {
            let now = words::text(value);
            let same = i.fields.get(other).map_or("", String::as_str) == now;
            Ok(if same {
                Vec::new()
            } else {
                vec![Event::Answered {
                    field: other.to_owned(),
                    value: now,
                }]
            })
        }
        // Ours: it is put right, and nothing of it is news.
        _ => Ok(Vec::new()),
    };
    taken.unwrap_or_else(|refusal| {
        let text = format!(
            "{} set {fact} to {:?} in the ticket; it is put back. {}",
            envelope.by.label(),
            words::cut(value, 80),
            refusal.message
        );
        vec![Event::Noted {
            text,
            ts: None,
            who: None,
        }]
    })
}

/// Somebody settles a conflict between the ticket and the incident.
///
/// # Errors
/// Where there is none, the process knows no way, or the way asks for answers that were not given.
pub fn settle(
    i: &Incident,
    follow: bool,
    given: &BTreeMap<String, String>,
    envelope: &Envelope,
    facts: &Facts,
) -> Result<Vec<Event>, Refusal> {
    let conflict = i.links.ticket.as_ref().and_then(|t| t.conflict.as_ref());
    let Some(conflict) = conflict else {
        let message = format!(
            "{} and its ticket agree; there is nothing to settle any more.",
            i.reference
        );
        return Err(Refusal::new(Kind::Conflict, message));
    };
    if !follow {
        return Ok(vec![Event::ConflictSettled { followed: false }]);
    }
    let process = facts.process;
    let way = conflict
        .to
        .as_deref()
        .map(|to| route(process, &i.status, to))
        .unwrap_or_default();
    if way.is_empty() {
        let label = process.label(&i.status);
        let message = format!(
            "From {label} the process knows no way to what Jira calls {}; keep ours, or move the incident by its own steps.",
            conflict.theirs
        );
        return Err(Refusal::new(Kind::Conflict, message));
    }
    let mut known = i.fields.clone();
    known.extend(given.clone());
    let mut seen = BTreeSet::new();
    let missing: Vec<_> = way
        .iter()
        .flat_map(|m| process.missing(m, &known))
        .filter(|f| seen.insert(f.id.clone()))
        .collect();
    if !missing.is_empty() {
        let names: Vec<String> = missing.iter().map(|f| f.id.clone()).collect();
        let message = format!(
            "To follow Jira to {}, {} still needs {}.",
            conflict.theirs,
            i.reference,
            words::list(&names)
        );
        let mut refusal = Refusal::new(Kind::Conflict, message);
        refusal.fields = missing
            .iter()
            .map(|f| (f.id.clone(), format!("Needed: {}", f.label)))
            .collect();
        return Err(refusal);
    }
    let mut now = i.clone();
    let mut out = vec![Event::ConflictSettled { followed: true }];
    for m in way {
        for event in decide::change_status(&now, &m.to, given, envelope, facts)? {
            let fact = Fact {
                n: now.version + 1,
                at: envelope.at,
                by: envelope.by.clone(),
                event: event.clone(),
            };
            out.push(event);
            match Incident::evolve(Some(now.clone()), &fact, process) {
                Some(next) => now = next,
                None => return Err(decide::unknown(Some(i.reference))),
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_shows_the_table_of_owners() {
        let guide = include_str!("../../../docs/jira.md");
        for rule in OWNERS {
            assert!(
                guide.contains(&rule.line()),
                "docs/jira.md lacks this line of the table:\n{}",
                rule.line()
            );
        }
    }

    #[test]
    fn a_way_to_the_end_is_found_and_leads_through_no_merge() {
        let p = Process::built_in();
        let way = |from: &str, to: &str| route(&p, from, to).iter().map(|m| m.to.clone()).collect::<Vec<_>>();
        assert_eq!(way("monitoring", "closed"), ["resolved", "review", "closed"]);
        assert_eq!(way("triage", "declined"), ["declined"]);
        assert!(way("investigating", "merged").is_empty() && way("closed", "investigating").is_empty());
        assert_eq!(follows_to(&p, "monitoring", "Done", "done").as_deref(), Some("closed"));
        assert_eq!(follows_to(&p, "triage", "Done", "done").as_deref(), Some("declined"));
        assert_eq!(follows_to(&p, "closed", "To Do", "new"), None);
    }
}
