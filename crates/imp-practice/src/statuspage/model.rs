//! What the stand-in Statuspage remembers: components, incidents and what was said about them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::org::Org;

/// How a component can be, best first.
pub const COMPONENT_STATUSES: [&str; 5] = [
    "operational",
    "under_maintenance",
    "degraded_performance",
    "partial_outage",
    "major_outage",
];
/// The statuses of an incident that happens.
pub const LIVE: [&str; 4] = ["investigating", "identified", "monitoring", "resolved"];
/// The statuses of an incident that was planned.
pub const PLANNED: [&str; 4] = ["scheduled", "in_progress", "verifying", "completed"];
/// The impacts, mildest first.
pub const IMPACTS: [&str; 5] = ["none", "maintenance", "minor", "major", "critical"];

/// A component, or a group of them.
#[derive(Debug, Clone)]
pub struct Component {
    /// Its identifier.
    pub id: String,
    /// `Payments API`.
    pub name: String,
    /// What it is.
    pub description: String,
    /// One of `COMPONENT_STATUSES`.
    pub status: String,
    /// The group's identifier.
    pub group_id: Option<String>,
    /// Whether it is a group.
    pub group: bool,
    /// Its place on the page.
    pub position: usize,
    /// In milliseconds since 1970.
    pub created_ms: i64,
    /// In milliseconds since 1970.
    pub updated_ms: i64,
}

/// Something that was said about an incident.
#[derive(Debug, Clone)]
pub struct Update {
    /// Its identifier.
    pub id: String,
    /// The incident's status then.
    pub status: String,
    /// The words.
    pub body: String,
    /// Components with their status before and after.
    pub affected: Vec<(String, String, String)>,
    /// Whether subscribers were told.
    pub deliver: bool,
    /// In milliseconds since 1970.
    pub created_ms: i64,
    /// In milliseconds since 1970.
    pub updated_ms: i64,
}

/// A post-mortem.
#[derive(Debug, Clone, Default)]
pub struct Postmortem {
    /// What is not published yet.
    pub draft: String,
    /// When that was written, in milliseconds since 1970.
    pub draft_ms: i64,
    /// What is published.
    pub body: Option<String>,
    /// When, in milliseconds since 1970.
    pub published_ms: Option<i64>,
}

/// An incident.
#[derive(Debug, Clone)]
pub struct Incident {
    /// Its identifier.
    pub id: String,
    /// Its title.
    pub name: String,
    /// One of `LIVE` or `PLANNED`.
    pub status: String,
    /// The impact that follows from the components.
    pub impact: String,
    /// The impact that somebody chose.
    pub impact_override: Option<String>,
    /// The components that it is about.
    pub component_ids: Vec<String>,
    /// What the application keeps with it.
    pub metadata: Value,
    /// What was said, oldest first.
    pub updates: Vec<Update>,
    /// The post-mortem.
    pub postmortem: Option<Postmortem>,
    /// When a planned one begins.
    pub scheduled_for: Option<String>,
    /// And ends.
    pub scheduled_until: Option<String>,
    /// In milliseconds since 1970.
    pub created_ms: i64,
    /// In milliseconds since 1970.
    pub updated_ms: i64,
    /// In milliseconds since 1970.
    pub monitoring_ms: Option<i64>,
    /// In milliseconds since 1970.
    pub resolved_ms: Option<i64>,
}

impl Incident {
    /// Whether it is over.
    pub fn over(&self) -> bool {
        self.status == "resolved" || self.status == "completed"
    }

    /// Whether it was planned.
    pub fn planned(&self) -> bool {
        PLANNED.contains(&self.status.as_str())
    }

    /// The impact that is shown.
    pub fn shown_impact(&self) -> &str {
        self.impact_override.as_deref().unwrap_or(&self.impact)
    }
}

/// Everything that the stand-in remembers.
#[derive(Debug)]
pub struct State {
    /// The page's identifier.
    pub page_id: String,
    /// The page's name.
    pub page_name: String,
    /// The public address of the page.
    pub domain: String,
    /// Where an incident's page is, before its identifier.
    pub pages: String,
    /// Groups first, then components.
    pub components: Vec<Component>,
    /// Oldest first.
    pub incidents: Vec<Incident>,
    /// Templates, as the API shows them.
    pub templates: Vec<Value>,
    /// How many identifiers were given out.
    pub given: u64,
    /// In milliseconds since 1970.
    pub since_ms: i64,
}

/// The identifier of a service's component: the same in each run.
pub fn component_id(alias: &str) -> String {
    short("component", alias)
}

fn short(kind: &str, name: &str) -> String {
    hex::encode(&Sha256::digest(format!("{kind}:{name}"))[..6])
}

impl State {
    /// A page with a group for each brand and a component for each public service.
    pub fn new(org: &Org, base: &str, now: i64) -> State {
        let one = |id: String, name: &str, description: &str, group_id, group| Component {
            id,
            name: name.to_owned(),
            description: description.to_owned(),
            status: "operational".to_owned(),
            group_id,
            group,
            position: 0,
            created_ms: now,
            updated_ms: now,
        };
        let brand = |team: &str| {
            org.teams
                .iter()
                .find(|t| t.alias == team)
                .map_or("Other", |t| t.brand.as_str())
        };
        let public: Vec<_> = org.services.iter().filter(|s| s.public).collect();
        let mut brands: Vec<&str> = vec![];
        for service in &public {
            if !brands.contains(&brand(&service.team)) {
                brands.push(brand(&service.team));
            }
        }
        let groups = brands.iter().map(|b| one(short("group", b), b, "", None, true));
        let parts = brands.iter().flat_map(|b| {
            let of_brand = public.iter().filter(move |s| brand(&s.team) == *b);
            of_brand.map(|s| {
                one(
                    component_id(&s.alias),
                    &s.name,
                    &s.description,
                    Some(short("group", b)),
                    false,
                )
            })
        });
        let mut components: Vec<Component> = groups.chain(parts).collect();
        for (n, component) in components.iter_mut().enumerate() {
            component.position = n + 1;
        }
        let templates = [
            (
                "investigating",
                "Elevated errors",
                "We are looking into elevated errors. More in fifteen minutes.",
            ),
            (
                "identified",
                "Cause found",
                "We have found the cause and are working on a fix.",
            ),
            (
                "resolved",
                "Resolved",
                "Everything works again. We are sorry for the trouble.",
            ),
        ];
        let templates = templates.iter().map(|(status, title, body)| {
            json!({
                "id": short("template", title), "components": [], "name": title, "title": title, "body": body, "group_id": null,
                "update_status": status, "should_tweet": false, "should_send_notifications": true,
            })
        });
        State {
            page_id: org.keys.statuspage_page_id.clone(),
            page_name: org.name.clone(),
            domain: format!("status.{}", org.domain),
            pages: format!("{base}/statuspage/incidents/"),
            components,
            incidents: vec![],
            templates: templates.collect(),
            given: 0,
            since_ms: now,
        }
    }

    /// A new identifier, of twelve characters as Statuspage's are.
    pub fn id(&mut self, kind: &str) -> String {
        self.given += 1;
        short(kind, &self.given.to_string())
    }

    /// An incident by identifier.
    pub fn find(&self, id: &str) -> Option<&Incident> {
        self.incidents.iter().find(|i| i.id == id)
    }

    /// A component by identifier.
    pub fn component(&self, id: &str) -> Option<&Component> {
        self.components.iter().find(|c| c.id == id)
    }

    /// A component's JSON.
    pub fn component_json(&self, c: &Component) -> Value {
        let mut out = json!({
            "id": c.id, "page_id": self.page_id, "group_id": c.group_id, "created_at": time(c.created_ms),
            "updated_at": time(c.updated_ms), "group": c.group, "name": c.name, "description": c.description,
            "position": c.position, "status": if c.group { self.worst(&c.id) } else { c.status.clone() }, "showcase": true,
            "only_show_if_degraded": false, "automation_email": null, "start_date": null,
        });
        if c.group {
            out["components"] = self.members(&c.id).map(|m| json!(m.id)).collect();
        }
        out
    }

    /// The components of a group.
    pub fn members<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Component> {
        self.components
            .iter()
            .filter(move |c| c.group_id.as_deref() == Some(group))
    }

    /// The worst status in a group.
    pub fn worst(&self, group: &str) -> String {
        let rank = |s: &str| COMPONENT_STATUSES.iter().position(|x| *x == s).unwrap_or(0);
        self.members(group)
            .map(|m| m.status.clone())
            .max_by_key(|s| rank(s))
            .unwrap_or_else(|| "operational".to_owned())
    }

    /// An incident's JSON.
    pub fn incident_json(&self, i: &Incident) -> Value {
        let components = i.component_ids.iter().filter_map(|id| self.component(id));
        let postmortem = i.postmortem.as_ref();
        json!({
            "id": i.id, "page_id": self.page_id, "name": i.name, "status": i.status,
            "impact": i.shown_impact(), "impact_override": i.impact_override, "shortlink": format!("{}{}", self.pages, i.id),
            "created_at": time(i.created_ms), "updated_at": time(i.updated_ms),
            "monitoring_at": i.monitoring_ms.map(time), "resolved_at": i.resolved_ms.map(time),
            "components": components.map(|c| self.component_json(c)).collect::<Vec<_>>(),
            "incident_updates": i.updates.iter().rev().map(|u| self.update_json(i, u)).collect::<Vec<_>>(),
            "incident_impacts": [], "metadata": i.metadata,
            "postmortem_body": postmortem.and_then(|p| p.body.clone()),
            "postmortem_body_last_updated_at": postmortem.and_then(|p| p.published_ms).map(time),
            "postmortem_ignored": false, "postmortem_notified_subscribers": false, "postmortem_notified_twitter": false,
            "postmortem_published_at": postmortem.and_then(|p| p.published_ms).map(time),
            "scheduled_for": i.scheduled_for, "scheduled_until": i.scheduled_until, "scheduled_remind_prior": false,
            "scheduled_reminded_at": null, "scheduled_auto_in_progress": false, "scheduled_auto_completed": false,
            "reminder_intervals": null,
        })
    }

    /// An update's JSON.
    pub fn update_json(&self, i: &Incident, u: &Update) -> Value {
        let affected = u.affected.iter().map(|(id, old, new)| {
            let name = self.component(id).map_or("", |c| c.name.as_str());
            json!({"code": id, "name": name, "old_status": old, "new_status": new})
        });
        json!({
            "id": u.id, "incident_id": i.id, "status": u.status, "body": u.body, "created_at": time(u.created_ms),
            "updated_at": time(u.updated_ms), "display_at": time(u.created_ms), "deliver_notifications": u.deliver,
            "affected_components": affected.collect::<Vec<_>>(), "custom_tweet": null, "tweet_id": null,
            "twitter_updated_at": null, "wants_twitter_update": false,
        })
    }

    /// Sets components' statuses; gives those of the components with what they were before.
    pub fn set_components(&mut self, statuses: &BTreeMap<String, String>, now: i64) -> Vec<(String, String, String)> {
        let mut affected = vec![];
        for component in self.components.iter_mut().filter(|c| !c.group) {
            let Some(status) = statuses.get(&component.id) else {
                continue;
            };
            affected.push((component.id.clone(), component.status.clone(), status.clone()));
            if component.status != *status {
                component.status.clone_from(status);
                component.updated_ms = now;
            }
        }
        affected
    }

    /// The impact that follows from how the components are.
    pub fn impact_of(&self, ids: &[String]) -> &'static str {
        let worst = |wanted: &str| {
            ids.iter()
                .filter_map(|id| self.component(id))
                .any(|c| c.status == wanted)
        };
        match () {
            () if worst("major_outage") => "critical",
            () if worst("partial_outage") => "major",
            () if worst("degraded_performance") => "minor",
            () => "none",
        }
    }

    /// What is wrong with an incident's body, in Statuspage's words.
    pub fn faults(&self, wish: &Map<String, Value>, fresh: bool) -> Vec<String> {
        const KNOWN: [&str; 25] = [
            "name",
            "status",
            "impact_override",
            "scheduled_for",
            "scheduled_until",
            "scheduled_remind_prior",
            "auto_transition_to_maintenance_state",
            "auto_transition_to_operational_state",
            "scheduled_auto_in_progress",
            "scheduled_auto_completed",
            "auto_transition_deliver_notifications_at_start",
            "auto_transition_deliver_notifications_at_end",
            "reminder_intervals",
            "metadata",
            "deliver_notifications",
            "auto_tweet_at_beginning",
            "auto_tweet_on_completion",
            "auto_tweet_on_creation",
            "auto_tweet_one_hour_before",
            "backfill_date",
            "backfilled",
            "body",
            "components",
            "component_ids",
            "scheduled_auto_transition",
        ];
        let mut out = vec![];
        if let Some(key) = wish.keys().find(|k| !KNOWN.contains(&k.as_str())) {
            out.push(format!("found unpermitted parameter: {key}"));
        }
        let text = |key: &str| wish.get(key).and_then(Value::as_str);
        match wish.get("name") {
            None if fresh => out.push("Name can't be blank".to_owned()),
            Some(name) if name.as_str().is_none_or(|n| n.trim().is_empty()) => {
                out.push("Name can't be blank".to_owned())
            }
            _ => {}
        }
        if text("name").is_some_and(|n| n.chars().count() > 255) {
            out.push("Name is too long (maximum is 255 characters)".to_owned());
        }
        if text("body").is_some_and(|b| b.chars().count() > 25_000) {
            out.push("Body is too long (maximum is 25000 characters)".to_owned());
        }
        let listed = |key: &str, allowed: &[&str]| match wish.get(key) {
            None | Some(Value::Null) => true,
            Some(value) => value.as_str().is_some_and(|v| allowed.contains(&v)),
        };
        if !listed("status", &[LIVE, PLANNED].concat()) {
            out.push("Status is not included in the list".to_owned());
        }
        if !listed("impact_override", &IMPACTS) {
            out.push("Impact override is not included in the list".to_owned());
        }
        match wish.get("metadata") {
            None | Some(Value::Null) => {}
            Some(Value::Object(parts)) if parts.values().all(Value::is_object) => {}
            Some(_) => out.push("Metadata top level values must be objects".to_owned()),
        }
        for (id, status) in wish.get("components").and_then(Value::as_object).into_iter().flatten() {
            if self.component(id).is_none_or(|c| c.group) {
                out.push(format!("Component {id} does not exist"));
            }
            if !COMPONENT_STATUSES.contains(&status.as_str().unwrap_or_default()) {
                out.push("Component status is not included in the list".to_owned());
            }
        }
        for id in wish
            .get("component_ids")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            if id.as_str().and_then(|id| self.component(id)).is_none_or(|c| c.group) {
                out.push(format!("Component {} does not exist", id.as_str().unwrap_or_default()));
            }
        }
        out
    }
}

/// How everything is: the indicator and its words, from the components and the open incidents.
pub fn overall(state: &State) -> (&'static str, &'static str) {
    let has = |status: &str| state.components.iter().any(|c| !c.group && c.status == status);
    let impact = |wanted: &str| state.incidents.iter().any(|i| !i.over() && i.shown_impact() == wanted);
    match () {
        () if has("major_outage") || impact("critical") => ("critical", "Major service outage"),
        () if has("partial_outage") || impact("major") => ("major", "Partial service outage"),
        () if has("degraded_performance") || impact("minor") => ("minor", "Degraded performance"),
        () if has("under_maintenance") => ("maintenance", "Service under maintenance"),
        () => ("none", "All systems operational"),
    }
}

/// A moment in Statuspage's notation.
pub fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .unwrap_or_default()
        .strftime("%Y-%m-%dT%H:%M:%S.%3fZ")
        .to_string()
}
