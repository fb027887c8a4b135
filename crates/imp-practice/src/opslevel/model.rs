//! What the stand-in OpsLevel remembers, and how the catalogue's objects look.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Opslevel;
use crate::org::{Org, Person, Team};
use crate::world::World;

/// The lifecycles: alias and name.
pub const LIFECYCLES: [(&str, &str); 5] = [
    ("pre-alpha", "Pre-alpha"),
    ("alpha", "Alpha"),
    ("beta", "Beta"),
    ("generally_available", "Generally Available"),
    ("end-of-life", "End-of-life"),
];
/// The tiers: alias, name, description.
pub const TIERS: [(&str, &str, &str); 4] = [
    ("tier_1", "Tier 1", "Mission-critical: the business stops without it."),
    ("tier_2", "Tier 2", "Customer-facing: customers notice."),
    ("tier_3", "Tier 3", "Internal: colleagues notice."),
    ("tier_4", "Tier 4", "Other."),
];

/// A tag.
#[derive(Debug, Clone)]
pub struct Tag {
    /// Its number.
    pub number: u64,
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// A tool of a service.
#[derive(Debug, Clone)]
pub struct Tool {
    /// Its number.
    pub number: u64,
    /// `runbooks`.
    pub category: String,
    /// `Runbook`.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// The environment, where that matters.
    pub environment: Option<String>,
}

/// A service.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its number.
    pub number: u64,
    /// Its aliases; the first is the one that people use.
    pub aliases: Vec<String>,
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The owning team's alias.
    pub team: Option<String>,
    /// The place of its tier in `TIERS`.
    pub tier: Option<usize>,
    /// The place of its lifecycle in `LIFECYCLES`.
    pub lifecycle: Option<usize>,
    /// The product that it belongs to.
    pub product: Option<String>,
    /// Its language.
    pub language: Option<String>,
    /// Its framework.
    pub framework: Option<String>,
    /// Aliases of services that it needs.
    pub depends_on: Vec<String>,
    /// What people noted about it.
    pub note: Option<String>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Tools.
    pub tools: Vec<Tool>,
    /// Properties by the alias of their definition; the values are decoded.
    pub properties: BTreeMap<String, Value>,
    /// In milliseconds since 1970.
    pub created_ms: i64,
    /// In milliseconds since 1970.
    pub updated_ms: i64,
}

/// A custom event that came in.
#[derive(Debug, Clone)]
pub struct Event {
    /// In milliseconds since 1970.
    pub at_ms: i64,
    /// What was sent.
    pub payload: Value,
}

/// Everything that the stand-in remembers.
#[derive(Debug)]
pub struct State {
    /// The services.
    pub services: Vec<Service>,
    /// Tags of teams, by alias.
    pub team_tags: BTreeMap<String, Vec<Tag>>,
    /// Properties of teams, by alias and definition.
    pub team_properties: BTreeMap<String, BTreeMap<String, Value>>,
    /// Custom events, oldest first.
    pub events: Vec<Event>,
    /// The last number that was given out.
    pub last: u64,
}

impl State {
    /// The organisation's catalogue.
    pub fn new(world: &World, now: i64) -> State {
        let mut state = State {
            services: vec![],
            team_tags: BTreeMap::new(),
            team_properties: BTreeMap::new(),
            events: vec![],
            last: 1000,
        };
        for team in &world.org.teams {
            let tags = vec![state.tag("country", &team.country), state.tag("brand", &team.brand)];
            state.team_tags.insert(team.alias.clone(), tags);
        }
        for (n, given) in (0_i64..).zip(&world.org.services) {
            let team = world.team(&given.team);
            let mut tags = vec![state.tag("public", if given.public { "true" } else { "false" })];
            if let Some(team) = team {
                tags.push(state.tag("brand", &team.brand));
                tags.push(state.tag("country", &team.country));
            }
            let base = &world.base;
            let link = |kind: &str| format!("{base}/opslevel/{kind}/{}", given.alias);
            let tools = [
                ("runbooks", "Runbook", link("runbooks")),
                ("observability", "Dashboard", link("dashboards")),
                (
                    "code",
                    "Repository",
                    format!("https://github.com/{}/{}", world.org.name.to_lowercase(), given.alias),
                ),
            ];
            let mut kept = vec![];
            for (category, name, url) in tools {
                kept.push(Tool {
                    number: state.next(),
                    category: category.to_owned(),
                    name: name.to_owned(),
                    url,
                    environment: None,
                });
            }
            let number = state.next();
            // Services did not all begin on one day: their ages differ, the same in each run.
            let created_ms = now - (n * 37 + 90) % 1200 * 86_400_000;
            state.services.push(Service {
                number,
                aliases: vec![given.alias.clone()],
                name: given.name.clone(),
                description: given.description.clone(),
                team: Some(given.team.clone()),
                tier: Some(usize::from(given.tier.clamp(1, 4)) - 1),
                lifecycle: Some(3),
                product: team.map(|t| t.brand.clone()),
                language: Some(given.language.clone()),
                framework: None,
                depends_on: given.depends_on.clone(),
                note: None,
                tags,
                tools: kept,
                properties: BTreeMap::new(),
                created_ms,
                updated_ms: created_ms,
            });
        }
        state
    }

    /// A number that was not given out before.
    pub fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// A new tag.
    pub fn tag(&mut self, key: &str, value: &str) -> Tag {
        Tag {
            number: self.next(),
            key: key.to_owned(),
            value: value.to_owned(),
        }
    }

    /// A service by alias or identifier.
    pub fn service(&self, alias_or_id: &str) -> Option<&Service> {
        self.services
            .iter()
            .find(|s| s.aliases.iter().any(|a| a == alias_or_id) || gid("Service", s.number) == alias_or_id)
    }

    /// The same, to change it.
    pub fn service_mut(&mut self, alias_or_id: &str) -> Option<&mut Service> {
        let number = self.service(alias_or_id)?.number;
        self.services.iter_mut().find(|s| s.number == number)
    }
}

/// An identifier, opaque as OpsLevel's are.
pub fn gid(kind: &str, number: u64) -> String {
    STANDARD_NO_PAD.encode(format!("gid://opslevel/{kind}/{number}"))
}

/// A team's identifier.
pub fn team_id(org: &Org, alias: &str) -> String {
    gid(
        "Team",
        org.teams
            .iter()
            .position(|t| t.alias == alias)
            .map_or(0, |n| n as u64 + 1),
    )
}

/// A person's identifier.
pub fn user_id(org: &Org, handle: &str) -> String {
    gid(
        "User",
        org.people
            .iter()
            .position(|p| p.handle == handle)
            .map_or(0, |n| n as u64 + 1),
    )
}

/// A moment in OpsLevel's notation.
pub fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .unwrap_or_default()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// A value that stands for an object, which is made when it is looked into.
pub fn refer(kind: &str, id: &str) -> Value {
    json!({"$": kind, "id": id})
}

fn tag_json(tag: &Tag) -> Value {
    json!({"id": gid("Tag", tag.number), "key": tag.key, "value": tag.value, "locked": false})
}

/// The tags as the API shows them.
pub fn tags_json(tags: &[Tag]) -> Value {
    tags.iter().map(tag_json).collect()
}

/// A tool as the API shows it.
pub fn tool_json(service: &str, tool: &Tool) -> Value {
    let display = tool.category.replace('_', " ");
    json!({
        "id": gid("Tool", tool.number), "category": tool.category, "categoryAlias": tool.category, "displayCategory": display,
        "displayName": tool.name, "environment": tool.environment, "url": tool.url, "locked": false, "plainId": tool.number,
        "service": refer("Service", service),
    })
}

/// A property as the API shows it; its value is JSON in a string.
pub fn property_json(definition: &str, value: &Value) -> Value {
    json!({
        "definition": {"id": gid("PropertyDefinition", definition.len() as u64), "aliases": [definition], "name": definition, "description": ""},
        "locked": false, "validationErrors": [], "value": value.to_string(),
    })
}

/// A tier as the API shows it.
pub fn tier_json(place: usize) -> Value {
    TIERS.get(place).map_or(Value::Null, |(alias, name, description)| {
        json!({"alias": alias, "name": name, "description": description, "index": place + 1, "id": gid("Tier", place as u64 + 1)})
    })
}

/// A lifecycle as the API shows it.
pub fn lifecycle_json(place: usize) -> Value {
    LIFECYCLES.get(place).map_or(Value::Null, |(alias, name)| {
        json!({"alias": alias, "name": name, "description": "", "index": place + 1, "id": gid("Lifecycle", place as u64 + 1)})
    })
}

impl Opslevel {
    /// A service with all its fields; other objects in it are references.
    pub(super) fn service_json(&self, state: &State, s: &Service) -> Value {
        let alias = s.aliases.first().map_or("", String::as_str);
        let dependents = state
            .services
            .iter()
            .filter(|o| o.depends_on.iter().any(|d| s.aliases.contains(d)));
        let on_call = s
            .team
            .as_ref()
            .and_then(|t| self.world.on_call(t))
            .map(|p| self.on_call_json(p));
        let known = s.depends_on.iter().filter(|d| state.service(d).is_some());
        json!({
            "id": gid("Service", s.number), "name": s.name, "alias": alias, "aliases": s.aliases, "managedAliases": s.aliases,
            "description": s.description, "product": s.product, "language": s.language, "framework": s.framework,
            "href": format!("/services/{alias}"), "htmlUrl": format!("{}/opslevel/services/{alias}", self.world.base),
            "owner": s.team.as_ref().map(|t| refer("Team", t)),
            "tier": s.tier.map(tier_json), "lifecycle": s.lifecycle.map(lifecycle_json),
            "tags": tags_json(&s.tags), "tools": s.tools.iter().map(|t| tool_json(alias, t)).collect::<Vec<_>>(),
            "onCalls": on_call.into_iter().collect::<Vec<_>>(),
            "dependencies": known.map(|d| refer("Service", d)).collect::<Vec<_>>(),
            "dependents": dependents.filter_map(|d| Some(refer("Service", d.aliases.first()?))).collect::<Vec<_>>(),
            "documents": [], "repos": [], "defaultServiceRepository": null, "levelIndex": 2,
            "maturityReport": {"overallLevel": {"id": gid("Level", 3), "alias": "silver", "name": "Silver", "index": 2, "description": ""}},
            "note": s.note, "rawNote": s.note, "locked": false,
            "timestamps": {"createdAt": time(s.created_ms), "updatedAt": time(s.updated_ms)},
            "lastDeploy": self.deploy_json(s), "$properties": s.properties,
        })
    }

    fn deploy_json(&self, s: &Service) -> Value {
        let alias = s.aliases.first().map_or("", String::as_str);
        let author = s
            .team
            .as_ref()
            .and_then(|t| self.world.team(t))
            .and_then(|t| t.members.first())
            .cloned()
            .unwrap_or_default();
        let org = &self.world.org;
        json!({
            "id": gid("Deploy", s.number), "deployedAt": time(s.updated_ms), "deployerEmail": org.email(&author),
            "deployerName": self.world.person(&author).map(|p| p.name.clone()), "description": format!("Deploy of {alias}"),
            "environment": "production", "deployUrl": null, "deployNumber": (s.number % 900 + 100).to_string(), "status": "success",
            "author": author, "commitSha": null, "commitMessage": null, "serviceAlias": alias,
        })
    }

    fn on_call_json(&self, person: &Person) -> Value {
        let org = &self.world.org;
        json!({
            "id": user_id(org, &person.handle).replace("User", "OnCall"), "name": person.name,
            "externalEmail": org.email(&person.handle), "gravatarHref": null, "userHref": null,
            "user": refer("User", &person.handle),
        })
    }

    /// A team with all its fields.
    pub(super) fn team_json(&self, state: &State, t: &Team) -> Value {
        let org = &self.world.org;
        let contact = |n: u64, kind: &str, name: &str, address: String, href: Option<String>| {
            json!({
                "id": gid("Contact", n), "type": kind, "displayName": name, "displayType": kind, "address": address,
                "targetHref": href, "sharedAddress": false, "isDefault": n == 1, "externalId": null, "team": refer("Team", &t.alias),
            })
        };
        let channel = format!("#{}", Org::team_channel(t));
        let email = format!("{}@{}", t.alias, org.domain);
        let services = state.services.iter().filter(|s| s.team.as_ref() == Some(&t.alias));
        let memberships = t.members.iter().map(|m| {
            let role = if *m == t.manager { "manager" } else { "contributor" };
            json!({"team": refer("Team", &t.alias), "user": refer("User", m), "role": role})
        });
        json!({
            "id": team_id(org, &t.alias), "name": t.name, "alias": t.alias, "aliases": [t.alias], "managedAliases": [t.alias],
            "contacts": [
                contact(1, "slack", "Slack", channel, Some(format!("{}/slack/", self.world.base))),
                contact(2, "email", "E-mail", email, None),
            ],
            "href": format!("/teams/{}", t.alias), "htmlUrl": format!("{}/opslevel/teams/{}", self.world.base, t.alias),
            "manager": refer("User", &t.manager),
            "members": t.members.iter().map(|m| refer("User", m)).collect::<Vec<_>>(),
            "memberships": memberships.collect::<Vec<_>>(),
            "responsibilities": null, "rawResponsibilities": null, "parentTeam": null,
            "services": services.filter_map(|s| Some(refer("Service", s.aliases.first()?))).collect::<Vec<_>>(),
            "tags": state.team_tags.get(&t.alias).map(|tags| tags_json(tags)).unwrap_or_else(|| json!([])),
            "$properties": state.team_properties.get(&t.alias).cloned().unwrap_or_default(),
        })
    }

    /// A person with all their fields.
    pub(super) fn user_json(&self, p: &Person) -> Value {
        let org = &self.world.org;
        let teams = org.teams.iter().filter(|t| t.members.contains(&p.handle));
        json!({
            "id": user_id(org, &p.handle), "name": p.name, "email": org.email(&p.handle), "active": true, "pending": false,
            "deactivated": false, "avatar": format!("{}/avatars/{}.svg", self.world.base, p.handle), "contacts": [],
            "href": format!("/users/{}", p.handle), "htmlUrl": format!("{}/opslevel/", self.world.base), "role": "user",
            "teams": teams.map(|t| refer("Team", &t.alias)).collect::<Vec<_>>(),
        })
    }
}
