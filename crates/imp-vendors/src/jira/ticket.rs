//! What the ticket says: its fields, description, property and remote links, rendered from the incident. Pure.

use super::Jira;
use super::adf::Block;
use super::scheme::Scheme;
use imp_core::catalogue::Reference;
use imp_core::{Incident, Order, words};
use serde_json::{Map, Value, json};

/// Jira's longest summary, in characters.
pub(super) const SUMMARY_MAX: usize = 255;
/// The label of everything that IMP files.
pub(super) const LABEL: &str = "imp";
/// The key of the property that holds the incident's facts.
pub(super) const PROPERTY: &str = "imp";
/// The version of what the property holds.
const PROPERTY_VERSION: u32 = 1;
/// Alerts and references that the description lists.
const LISTED_MAX: usize = 20;
/// Facts of a private incident that the configuration's table may still put into the ticket: which it is, and where those
/// who belong to it read it.
const OPAQUE: [&str; 2] = ["ref", "url"];
/// Longest label, in characters; Jira's own limit is 255.
const LABEL_MAX: usize = 60;

/// People of the ticket by Jira's identifiers, as far as Jira knows them.
#[derive(Debug, Default)]
pub(super) struct People {
    /// Who reported it.
    pub reporter: Option<String>,
    /// Who commands.
    pub commander: Option<String>,
}

/// The ticket's one line.
pub(super) fn summary(title: &str) -> String {
    let title = words::cut(&words::title(title), SUMMARY_MAX);
    if title.is_empty() { "Incident".to_owned() } else { title }
}

/// The labels: what finds the ticket again comes first. Those of a private incident say which it is, and no more.
pub(super) fn labels(i: &Incident) -> Vec<String> {
    let mut out = vec![LABEL.to_owned(), i.reference.label()];
    if !i.private {
        out.push(severity_label(&i.severity));
        out.extend(service_label(i));
    }
    out
}

pub(super) fn severity_label(severity: &str) -> String {
    words::slug(severity, LABEL_MAX)
}

pub(super) fn service_label(i: &Incident) -> Option<String> {
    i.service.as_ref().map(|s| words::slug(&s.alias, LABEL_MAX))
}

/// The property: what a person cannot mistake for theirs, and what an incident can be recognised by for certain. Whoever
/// sees the ticket can read it, so of a private incident it has only what recognises it.
pub(super) fn property(i: &Incident, public_url: &str) -> Value {
    if i.private {
        return json!({
            "ref": i.reference,
            "v": PROPERTY_VERSION,
            "opened": i.opened_at.rfc3339(),
            "url": format!("{public_url}/incidents/{}", i.reference),
            "private": true,
        });
    }
    json!({
        "ref": i.reference,
        "v": PROPERTY_VERSION,
        "opened": i.opened_at.rfc3339(),
        "url": format!("{public_url}/incidents/{}", i.reference),
        "status": i.status,
        "since": i.status_since.rfc3339(),
        "severity": i.severity,
        "service": i.service.as_ref().map(|s| &s.alias),
        "team": i.team.as_ref().map(|t| &t.alias),
        "private": i.private,
    })
}

/// What is wrong where a private incident's ticket cannot be restricted, and what to do about it.
pub(super) fn no_level(name: &str, project: &str) -> String {
    format!(
        "{project} has no security level {name:?} that this account may give: give the project an issue security scheme with that level, put the field Security Level on the create screen, and give the account the permission Set Issue Security"
    )
}

impl Jira {
    /// The fields of a private incident: whoever sees the project reads its tickets, so they say which it is and no more,
    /// neither how bad it is nor who is at work on it.
    fn opaque_fields(&self, i: &Incident, scheme: &Scheme) -> Map<String, Value> {
        let title = format!("Private incident {}", i.reference);
        let mut out = Map::from_iter([("summary".to_owned(), json!(summary(&title)))]);
        let table = self.config.fields.iter();
        for (fact, field) in table.filter(|(fact, field)| OPAQUE.contains(&fact.as_str()) && scheme.has(field)) {
            let text = self.known(i, fact);
            if let Some(value) = text.and_then(|t| scheme.shaped(field, &t, self.is_cloud())) {
                out.insert(field.clone(), value);
            }
        }
        out
    }

    /// The fields that follow the incident for as long as it lives.
    pub(super) fn living_fields(&self, order: &Order, scheme: &Scheme, people: &People) -> Map<String, Value> {
        let i = &order.incident;
        if i.private {
            return self.opaque_fields(i, scheme);
        }
        let agreed = i.links.ticket.as_ref();
        let mut out = Map::new();
        out.insert("summary".to_owned(), json!(summary(&i.title)));
        let priority = order
            .process
            .severity(&i.severity)
            .map(|s| s.priority.as_str())
            .unwrap_or_default();
        if let Some(p) = scheme.named("priority", &[priority]).filter(|_| !priority.is_empty()) {
            out.insert("priority".to_owned(), p);
        }
        match (&people.commander, i.roles.contains_key("commander")) {
            _ if !scheme.has("assignee") => {}
            (Some(id), _) => drop(out.insert("assignee".to_owned(), self.user(id))),
            // Whom Jira does not know it cannot be given to; the ticket keeps whom it has.
            (None, true) => {}
            // Somebody gave the command back.
            (None, false) if agreed.is_some_and(|t| t.agreed.get("assignee").is_some_and(|a| !a.is_empty())) => {
                out.insert("assignee".to_owned(), Value::Null);
            }
            (None, false) => {}
        }
        for (fact, field) in &self.config.fields {
            let value = match (fact.as_str(), &people.commander) {
                ("commander", Some(id)) => Some(self.user(id)),
                ("commander", None) => None,
                _ => self
                    .known(i, fact)
                    .and_then(|text| scheme.shaped(field, &text, self.is_cloud())),
            };
            if let Some(value) = value.filter(|_| scheme.has(field)) {
                out.insert(field.clone(), value);
            }
        }
        out
    }

    /// What is known of the incident by the names that the configuration's table uses.
    fn known(&self, i: &Incident, fact: &str) -> Option<String> {
        match fact {
            "ref" => Some(i.reference.to_string()),
            "status" => Some(i.status.clone()),
            "severity" => Some(i.severity.clone()),
            "service" => i.service.as_ref().map(|s| s.alias.clone()),
            "team" => i.team.as_ref().map(|t| t.alias.clone()),
            "url" => Some(format!("{}/incidents/{}", self.public_url, i.reference)),
            "slack" => i.links.channel.as_ref().map(|c| c.url.clone()),
            "zoom" => i.links.meeting.as_ref().map(|m| m.1.clone()),
            "statuspage" => i.links.page.as_ref().map(|p| p.1.clone()),
            "opened_at" => Some(i.opened_at.rfc3339()),
            moment => i
                .corrected
                .get(moment.strip_suffix("_at").unwrap_or(moment))
                .or_else(|| i.moments.get(moment.strip_suffix("_at").unwrap_or(moment)))
                .map(|at| at.rfc3339())
                // Or an answer that a move was given.
                .or_else(|| i.fields.get(moment).cloned()),
        }
    }

    /// All that a new ticket is filed with.
    pub(super) fn new_fields(&self, order: &Order, scheme: &Scheme, people: &People) -> Map<String, Value> {
        let i = &order.incident;
        let mut out = self.living_fields(order, scheme, people);
        out.insert("project".to_owned(), json!({"key": self.config.project}));
        out.insert(
            "issuetype".to_owned(),
            match &scheme.incident {
                Some(t) => json!({"id": t.id}),
                None => json!({"name": self.config.issue_type}),
            },
        );
        if scheme.has("description") {
            out.insert("description".to_owned(), self.text(&self.description(order)));
        }
        if scheme.has("labels") {
            out.insert("labels".to_owned(), json!(labels(i)));
        }
        if i.private {
            return out;
        }
        if let Some(id) = people.reporter.as_ref().filter(|_| scheme.has("reporter")) {
            out.insert("reporter".to_owned(), self.user(id));
        }
        let parts: Vec<&str> = [
            i.service.as_ref().map(|s| s.alias.as_str()),
            i.service.as_ref().map(|s| s.name.as_str()),
            i.team.as_ref().map(|t| t.alias.as_str()),
        ]
        .into_iter()
        .flatten()
        .collect();
        // Only a component whose existence is known: a wrong one would cost the whole ticket.
        let known = scheme
            .fields
            .as_ref()
            .is_some_and(|f| f.get("components").is_some_and(|c| c.allowed_values.is_some()));
        if let Some(component) = scheme.named("components", &parts).filter(|_| known) {
            out.insert("components".to_owned(), json!([component]));
        }
        out
    }

    /// Everything that is known, for whoever reads only the ticket.
    fn description(&self, order: &Order) -> Vec<Block> {
        let i = &order.incident;
        // Whoever sees the project reads its tickets: what is private stays in IMP and in the private channel.
        if i.private {
            let url = format!("{}/incidents/{}", self.public_url, i.reference);
            let words = "This incident is private. Those who belong to it read it here:".to_owned();
            return vec![Block::Text(words), Block::Text(url)];
        }
        let status = order
            .process
            .status(&i.status)
            .map_or(i.status.clone(), |s| s.label.clone());
        let severity = order.process.severity(&i.severity);
        let severity = severity.map_or(i.severity.clone(), |s| format!("{} ({}): {}", s.id, s.label, s.meaning));
        let name = |n: &str, alias: &str| {
            if n == alias || n.is_empty() {
                alias.to_owned()
            } else {
                format!("{n} ({alias})")
            }
        };
        let mut facts = vec![
            ("Reference".to_owned(), i.reference.to_string()),
            ("Status when filed".to_owned(), status),
            ("Severity".to_owned(), severity),
        ];
        facts.extend(
            i.service
                .as_ref()
                .map(|s| ("Service".to_owned(), name(&s.name, &s.alias))),
        );
        facts.extend(i.team.as_ref().map(|t| ("Team".to_owned(), name(&t.name, &t.alias))));
        facts.push((
            "Opened".to_owned(),
            format!("{} by {}", i.opened_at.rfc3339(), i.opened_by.label()),
        ));
        let mut out = vec![Block::Text(i.summary.clone()), Block::Facts(facts)];
        let mut links = vec![Reference {
            label: "In IMP".to_owned(),
            url: format!("{}/incidents/{}", self.public_url, i.reference),
        }];
        links.extend(i.links.channel.as_ref().map(|c| Reference {
            label: format!("Slack: #{}", c.name),
            url: c.url.clone(),
        }));
        if let Some(s) = i.service.as_ref().and_then(|s| order.catalogue.service(&s.alias)) {
            links.extend(s.runbooks.iter().cloned());
            links.extend(s.links.iter().cloned());
        }
        for a in i.alerts.iter().take(LISTED_MAX) {
            out.push(Block::Heading(format!("Alert: {}", a.alert.title)));
            out.extend(a.alert.detail.clone().map(Block::Text));
            let mut facts = vec![("Source".to_owned(), a.alert.source.clone())];
            facts.extend(a.alert.severity.clone().map(|s| ("Its severity".to_owned(), s)));
            facts.extend(a.alert.since.map(|at| ("Since".to_owned(), at.rfc3339())));
            facts.extend(a.alert.labels.iter().cloned());
            out.push(Block::Facts(facts));
            links.extend(a.alert.links.iter().cloned());
        }
        let mut seen = Vec::new();
        links.retain(|l| {
            !l.url.is_empty() && !seen.contains(&l.url) && {
                seen.push(l.url.clone());
                true
            }
        });
        links.truncate(LISTED_MAX);
        out.push(Block::Heading("Where to look".to_owned()));
        out.push(Block::Links(links));
        out
    }

    /// The remote links that the ticket should have, by the last part of their global identifier. The channel's name has
    /// the title in it, and the meeting's address lets everybody in: of a private incident there is only the link to IMP.
    pub(super) fn remote_links(&self, i: &Incident) -> Vec<(String, Value)> {
        let link = |what: &str, application: &str, title: String, url: &str| {
            let id = format!("imp:{}:{what}", i.reference);
            let body = json!({
                "globalId": id,
                "application": {"name": application},
                "relationship": "incident response",
                "object": {"url": url, "title": words::cut(&title, SUMMARY_MAX)},
            });
            (id, body)
        };
        let mut out = vec![link(
            "imp",
            "IMP",
            i.reference.to_string(),
            &format!("{}/incidents/{}", self.public_url, i.reference),
        )];
        if i.private {
            return out;
        }
        if let Some(c) = i.links.channel.as_ref().filter(|c| !c.url.is_empty()) {
            out.push(link("slack", "Slack", format!("#{}", c.name), &c.url));
        }
        if let Some((_, url)) = i.links.meeting.as_ref().filter(|m| !m.1.is_empty()) {
            out.push(link("zoom", "Zoom", "Meeting".to_owned(), url));
        }
        if let Some((_, url)) = i.links.page.as_ref().filter(|p| !p.1.is_empty()) {
            out.push(link("statuspage", "Statuspage", "Public incident".to_owned(), url));
        }
        out
    }
}
