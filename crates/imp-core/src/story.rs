//! The timeline's words: each fact as a sentence that a person reads. Plain text, no markup of any vendor.

use crate::event::{Event, Fact, Link, Listener};
use crate::summons::target_label;
use crate::{Process, words};

/// One line of the timeline; `None` for facts that are only bookkeeping.
pub fn tell(fact: &Fact, process: &Process) -> Option<String> {
    let by = fact.by.label();
    let label = |id: &str| process.status(id).map_or(id.to_owned(), |s| s.label.clone());
    Some(match &fact.event {
        Event::Opened {
            title,
            severity,
            status,
            ..
        } => match process.category(status) {
            crate::process::Category::Triage => format!(
                "An alert from {by} opened it in {}: {title} ({severity})",
                label(status)
            ),
            _ => format!("{by} declared it, {}: {title} ({severity})", label(status)),
        },
        Event::AlertJoined { alert } => format!("Alert: {}", alert.title),
        Event::AlertFired { .. } => "The alert fires again".into(),
        Event::AlertCleared { .. } => "The alert has resolved".into(),
        Event::Asked {
            whom, because: None, ..
        } => format!("Asked {} whether it is real", target_label(whom)),
        Event::Asked {
            whom,
            because: Some(why),
            ..
        } => format!("Asked {} whether it is real: {why}", target_label(whom)),
        Event::Silenced { window, why, until } => format!(
            "Nobody is asked before {} {} UTC, maintenance window {window}: {why}",
            &until.rfc3339()[..10],
            &until.rfc3339()[11..16]
        ),
        Event::AskingWaits => "Whom to ask is looked up in the catalogue".into(),
        Event::BackFilled { .. } => format!("{by} brought it in from history"),
        Event::Confirmed => format!("{by} confirmed that it is real"),
        Event::Moved { from, to, fields } => {
            let with = fields
                .iter()
                .map(|(k, v)| if k == "into" { format!("into {v}") } else { v.clone() })
                .collect::<Vec<_>>()
                .join("; ");
            let with = if with.is_empty() {
                String::new()
            } else {
                format!(": {with}")
            };
            format!("{by} moved it from {} to {}{with}", label(from), label(to))
        }
        Event::Absorbed { other, title, .. } => format!("{other} was merged into it: {title}"),
        Event::PageTaken { from, .. } => format!("The public incident of {from} is its own now"),
        Event::PageLeft { from, .. } => format!("The public incident of {from} stays as it is: somebody has to end it"),
        Event::Summoned { who } => {
            let names: Vec<String> = who.iter().map(|w| w.label().to_owned()).collect();
            format!("Invited {}", words::list(&names))
        }
        Event::Joined { who } => format!("{} joined", who.label()),
        Event::Retitled { title } => format!("{by} changed the title: {title}"),
        Event::Summarised { summary } => format!("{by} changed the summary: {summary}"),
        Event::SeverityChanged { from, to } => format!("{by} changed the severity from {from} to {to}"),
        Event::ProcessTaken { version, overlays, .. } => match overlays.as_slice() {
            [] => format!("It follows version {version} of the process"),
            some => format!(
                "It follows version {version} of the process, with {}",
                words::list(some)
            ),
        },
        Event::ServiceChanged { service, .. } => format!("{by} set the service: {}", service.name),
        Event::RoleTaken { role, who, before } => {
            let role = process.role(role).map_or(role.as_str(), |r| r.label.as_str());
            match before {
                Some(b) => format!("{} is {role} now, after {}", who.label(), b.label()),
                None => format!("{} is {role} now", who.label()),
            }
        }
        Event::Subscribed { who, service: None } => format!("{} follows it", who.label()),
        Event::Subscribed {
            who,
            service: Some(service),
        } => format!("{} follows {service}, and so follows it", who.label()),
        Event::Unsubscribed { who } => format!("{} follows it no longer", who.label()),
        Event::Rated { answers } => {
            let said = answers.iter().filter_map(|(q, a)| {
                let question = process.impact.iter().find(|x| x.id == *q)?;
                let answer = question.answers.iter().find(|x| x.id == *a)?;
                Some(format!("{} {}", question.label, answer.label))
            });
            format!("{by} rated the impact: {}", said.collect::<Vec<_>>().join("; "))
        }
        Event::GlassBroken { who, why } => format!("{} was not in it and opened it: {why}", who.label()),
        Event::RoleOffered { role, who, .. } => {
            let role = process.role(role).map_or(role.as_str(), |r| r.label.as_str());
            format!("{by} offered {role} to {}", who.label())
        }
        Event::RoleRefused { role, who } => {
            let role = process.role(role).map_or(role.as_str(), |r| r.label.as_str());
            match fact.by.who().is_some_and(|w| w.is(who)) {
                true => format!("{by} did not take {role}"),
                false => format!("{by} took back the offer of {role} to {}", who.label()),
            }
        }
        Event::LeftWithDuties { who, roles, tasks } => {
            let label = |r: &String| process.role(r).map_or(r.clone(), |r| r.label.clone());
            let mut duties: Vec<String> = roles.iter().map(label).collect();
            duties.extend(tasks.iter().map(|n| format!("task {n}")));
            format!("{} left the channel with {}", who.label(), words::list(&duties))
        }
        Event::TimeCorrected { moment, was, is, why } => {
            let clock = |at: &crate::At| at.rfc3339()[..16].replace('T', " ");
            let was = was.as_ref().map_or("not known".to_owned(), clock);
            format!(
                "{by} corrected when it was {moment}: {} UTC (before: {was}). {why}",
                clock(is)
            )
        }
        Event::DecisionProposed { n, text, .. } => format!("{by} proposed decision {n}: {text}"),
        Event::Objected { n, why } => format!("{by} objected to decision {n}: {why}"),
        Event::DecisionTaken { n } if matches!(fact.by, crate::Actor::Imp) => {
            format!("Decision {n} is taken: nobody had a strong objection")
        }
        Event::DecisionTaken { n } => format!("{by} took decision {n}"),
        Event::PageDiffers { differs } => format!(
            "The status page says {}, and would say {}: somebody changed it there",
            differs.shows, differs.wants
        ),
        Event::PageAgrees => "The status page agrees with it again".into(),
        Event::PageMended => format!("{by} had the status page put right"),
        Event::UpdatePosted { text, .. } => format!("{by}: {text}"),
        Event::PagePosted { title, body, .. } => format!("{by} told the public: {title}: {body}"),
        Event::TaskAdded { n, text, assignee } => match assignee {
            Some(w) => format!("Task {n} for {}: {text}", w.label()),
            None => format!("Task {n}: {text}"),
        },
        Event::TaskDone { n } => format!("{by} finished task {n}"),
        Event::FollowUpAdded { text, owner, due, .. } => {
            let owner = owner.as_ref().map(|w| format!(", {}", w.label())).unwrap_or_default();
            let due = due.as_ref().map(|d| format!(", by {d}")).unwrap_or_default();
            format!("Follow-up: {text}{owner}{due}")
        }
        Event::HintsDismissed { .. } => return None,
        Event::FollowUpDone { n } => format!("{by} finished follow-up {n}"),
        Event::Nudged { nudge, to, .. } => {
            let about = process.nudge(nudge).map_or(nudge.as_str(), |n| n.text.as_str());
            match to {
                Listener::Channel => format!("Reminded the channel: {about}"),
                Listener::Person(who) => format!("Reminded {}: {about}", who.label()),
                Listener::Nobody => return None,
            }
        }
        Event::NudgeSnoozed { until, .. } => format!("{by} asked for quiet until {}", &until.rfc3339()[11..16]),
        Event::NudgeDismissed { nudge, why } => {
            let about = process.nudge(nudge).map_or(nudge.as_str(), |n| n.text.as_str());
            format!("{by} said that it is not needed ({about}): {why}")
        }
        Event::ReviewWritten { .. } => format!("{by} wrote the review"),
        Event::Noted {
            text, who: Some(who), ..
        } => format!("{} said: {text}", who.label()),
        Event::Marked { .. } => return None,
        Event::NoteChanged { text, .. } => format!("{by} changed a message that is kept here: {text}"),
        Event::NoteRemoved { .. } => format!("{by} deleted a message that is kept here"),
        Event::Noted { text, .. } => format!("{by} noted: {text}"),
        Event::Linked { what } => match what {
            Link::Channel { name, .. } => format!("The channel #{name} is open"),
            Link::Ticket { key, .. } => format!("The ticket {key} is filed"),
            Link::Meeting { .. } => "The meeting is open".into(),
            Link::Page { .. } => "The status page shows it".into(),
            Link::Task { n, key, .. } => format!("Task {n} is {key} in Jira"),
            Link::FollowUp { n, key, .. } => format!("Follow-up {n} is {key} in Jira"),
            Link::Archived => "The channel is archived".into(),
            Link::Card { .. }
            | Link::Announcement { .. }
            | Link::Question { .. }
            | Link::Members { .. }
            | Link::Said { .. }
            | Link::Pictures { .. }
            | Link::TicketAgreed { .. }
            | Link::TicketStatus { .. } => {
                return None;
            }
        },
        Event::StepFailed { what, why, .. } => format!("Could not {what}: {why}"),
        Event::StepMended { .. } if matches!(fact.by, crate::Actor::Imp) => "A step that had failed is done".into(),
        Event::StepMended { .. } => format!("{by} had a failed step tried again"),
        Event::StepSkipped { why, .. } => format!("{by} decided to do without a step: {why}"),
        Event::TicketMoved { name } => format!("{by} moved the ticket to {name}"),
        Event::TicketLabelled { labels } if labels.is_empty() => format!("{by} took the labels off the ticket"),
        Event::TicketLabelled { labels } => format!("{by} labelled the ticket {}", words::list(labels)),
        Event::Commented {
            text, edited: false, ..
        } => format!("{by} commented: {text}"),
        Event::Commented { text, edited: true, .. } => format!("{by} edited a comment: {text}"),
        Event::CommentRemoved { .. } => format!("{by} deleted a comment"),
        Event::Answered { field, value } => {
            let label = process.field(field).map_or(field.as_str(), |f| f.label.as_str());
            format!("{by} wrote: {label} {value}")
        }
        Event::RoleLeft { role, who } => {
            let role = process.role(role).map_or(role.as_str(), |r| r.label.as_str());
            format!("{} is no longer {role}", who.label())
        }
        Event::ConflictFound { theirs, why, .. } => {
            format!("Jira says {theirs}, and the incident did not follow: {why}")
        }
        Event::ConflictSettled { followed: true } => format!("{by} decided to follow Jira"),
        Event::ConflictSettled { followed: false } => format!("{by} decided that Jira follows the incident"),
        Event::TicketGone { why } => format!("The ticket is gone: {why}"),
    })
}
