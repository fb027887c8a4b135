//! The catalogue, read whole: services and teams in pages, and the rest of those whose own lists are longer than one.

use super::wire::{Account, OneService, OneTeam, Page, Services, Tag, Teams};
use super::{OpsLevel, wire};
use crate::http::Fault;
use imp_core::catalogue::{Reference, Service, Team};
use imp_core::port::{Boxed, CatalogueSource};
use imp_core::{Catalogue, Who, words};
use serde_json::json;
use std::collections::HashMap;

/// Items asked for at once; OpsLevel gives at most 100.
const PAGE: u32 = 100;
/// Pages that are read of one list before something must be wrong with the cursors: ten thousand services.
const PAGES_MAX: usize = 100;

const SERVICES: &str = include_str!("services.graphql");
const TEAMS: &str = include_str!("teams.graphql");
const REST_OF_SERVICE: &str = include_str!("rest_of_service.graphql");
const REST_OF_TEAM: &str = include_str!("rest_of_team.graphql");

impl CatalogueSource for OpsLevel {
    fn read(&self) -> Boxed<'_, Result<Catalogue, String>> {
        Box::pin(async move {
            let (services, teams) = tokio::join!(self.services(), self.teams());
            let mut services = services.map_err(|f| f.why())?;
            let teams = teams.map_err(|f| f.why())?;
            invert_dependencies(&mut services);
            Ok(Catalogue {
                as_of: None,
                services,
                teams,
            })
        })
    }
}

impl OpsLevel {
    async fn services(&self) -> Result<Vec<Service>, Fault> {
        let (mut out, mut after) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let page: Account<Services> = self.query(SERVICES, json!({"first": PAGE, "after": after})).await?;
            let page = page.account.services;
            after = page.next();
            for raw in page.items() {
                out.push(self.whole_service(raw).await?);
            }
            if after.is_none() {
                break;
            }
        }
        Ok(out)
    }

    async fn teams(&self) -> Result<Vec<Team>, Fault> {
        let (mut out, mut after) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let page: Account<Teams> = self.query(TEAMS, json!({"first": PAGE, "after": after})).await?;
            let page = page.account.teams;
            after = page.next();
            for raw in page.items() {
                out.push(self.whole_team(raw).await?);
            }
            if after.is_none() {
                break;
            }
        }
        Ok(out)
    }

    /// A service with all of its lists. A list that has ended is asked again from its end and yields nothing.
    async fn whole_service(&self, raw: wire::Service) -> Result<Service, Fault> {
        let mut cursors = json!({"id": raw.id, "first": PAGE});
        let mut more = note_service(&mut cursors, &raw);
        let mut out = service(raw);
        for _ in 0..PAGES_MAX {
            if !more {
                break;
            }
            let rest: Account<OneService> = self.query(REST_OF_SERVICE, cursors.clone()).await?;
            let Some(raw) = rest.account.service else { break };
            more = note_service(&mut cursors, &raw);
            let rest = service(raw);
            out.on_call.extend(rest.on_call);
            out.runbooks.extend(rest.runbooks);
            out.links.extend(rest.links);
            out.tags.extend(rest.tags);
            out.depends_on.extend(rest.depends_on);
        }
        Ok(out)
    }

    /// A team with all of its lists.
    async fn whole_team(&self, raw: wire::Team) -> Result<Team, Fault> {
        let mut cursors = json!({"id": raw.id, "first": PAGE});
        let mut more =
            note(&mut cursors, "members", raw.members.as_ref()) | note(&mut cursors, "tags", raw.tags.as_ref());
        let mut out = team(raw);
        for _ in 0..PAGES_MAX {
            if !more {
                break;
            }
            let rest: Account<OneTeam> = self.query(REST_OF_TEAM, cursors.clone()).await?;
            let Some(raw) = rest.account.team else { break };
            more = note(&mut cursors, "members", raw.members.as_ref()) | note(&mut cursors, "tags", raw.tags.as_ref());
            let rest = team(raw);
            out.members.extend(rest.members);
            out.tags.extend(rest.tags);
        }
        Ok(out)
    }
}

/// Keeps the end of a list's page as the cursor of the next; tells whether there is a next.
fn note<T>(cursors: &mut serde_json::Value, name: &str, page: Option<&Page<T>>) -> bool {
    let Some(page) = page else { return false };
    if let (Some(end), Some(map)) = (&page.page_info.end_cursor, cursors.as_object_mut()) {
        map.insert(name.to_owned(), json!(end));
    }
    page.next().is_some()
}

fn note_service(cursors: &mut serde_json::Value, s: &wire::Service) -> bool {
    note(cursors, "onCalls", s.on_calls.as_ref())
        | note(cursors, "tools", s.tools.as_ref())
        | note(cursors, "documents", s.documents.as_ref())
        | note(cursors, "tags", s.tags.as_ref())
        | note(cursors, "dependencies", s.dependencies.as_ref())
}

fn service(raw: wire::Service) -> Service {
    let mut runbooks: Vec<Reference> = Vec::new();
    let mut links: Vec<Reference> = Vec::new();
    let mut keep = |label: Option<String>, url: Option<String>, runbook: bool| {
        let Some(url) = url.filter(|u| u.starts_with("https://") || u.starts_with("http://")) else {
            return;
        };
        let label = words::title(&label.unwrap_or_default());
        let label = if label.is_empty() { url.clone() } else { label };
        if runbooks.iter().chain(&links).any(|l| l.url == url) {
            return;
        }
        let list = if runbook || words::key(&label).contains("runbook") {
            &mut runbooks
        } else {
            &mut links
        };
        list.push(Reference { label, url });
    };
    for t in raw.tools.into_iter().flat_map(Page::items) {
        let runbook = [&t.category, &t.category_alias]
            .into_iter()
            .flatten()
            .any(|c| c == "runbooks" || c == "runbook");
        keep(t.display_name, t.url, runbook);
    }
    for d in raw.documents.into_iter().flat_map(Page::items) {
        keep(d.title, d.html_url, false);
    }
    let alias = raw
        .aliases
        .first()
        .cloned()
        .unwrap_or_else(|| words::slug(&raw.name, 60));
    Service {
        id: raw.id,
        alias,
        aliases: raw.aliases,
        name: raw.name,
        description: raw.description.map(|d| words::text(&d)).unwrap_or_default(),
        team: raw.owner.and_then(|o| o.alias),
        tier: raw.tier.and_then(|t| t.alias),
        lifecycle: raw.lifecycle.and_then(|l| l.alias),
        on_call: on_calls(raw.on_calls),
        runbooks,
        links,
        depends_on: raw
            .dependencies
            .into_iter()
            .flat_map(Page::items)
            .filter_map(|d| d.aliases.into_iter().next())
            .collect(),
        dependents: Vec::new(),
        tags: tags(raw.tags),
        url: raw.html_url,
    }
}

/// Who is on call, by the address that the on-call tool knows them by.
fn on_calls(page: Option<Page<wire::OnCall>>) -> Vec<Who> {
    let mut out: Vec<Who> = Vec::new();
    for raw in page.into_iter().flat_map(Page::items) {
        let (user_email, user_name) = raw.user.map_or((None, None), |u| (u.email, u.name));
        let email = raw.external_email.filter(|e| !e.is_empty()).or(user_email);
        let who = Who {
            slack: None,
            email,
            name: raw.name.or(user_name),
        };
        if who.email.is_some() && !out.iter().any(|w| w.is(&who)) {
            out.push(who);
        }
    }
    out
}

fn tags(page: Option<Page<Tag>>) -> Vec<(String, String)> {
    page.into_iter()
        .flat_map(Page::items)
        .map(|t| (t.key, t.value))
        .collect()
}

fn person(user: wire::User) -> Option<Who> {
    let email = user.email.filter(|e| !e.is_empty())?;
    Some(Who {
        slack: None,
        email: Some(email),
        name: user.name,
    })
}

fn team(raw: wire::Team) -> Team {
    let contact = |kind: &str| {
        let of_kind = raw.contacts.iter().flatten().filter(|c| c.kind == kind);
        // An address may be the channel's web address; then its name to show is the channel.
        let name = |c: &wire::Contact| match c.address.contains("://") {
            true => c.display_name.clone().unwrap_or_default(),
            false => c.address.clone(),
        };
        let mut names = of_kind.map(|c| name(c).trim().trim_start_matches(['#', '@']).to_owned());
        names.find(|n| !n.is_empty() && !n.contains(char::is_whitespace))
    };
    let (channel, group) = (contact("slack"), contact("slack_handle"));
    let alias = raw
        .alias
        .or_else(|| raw.aliases.into_iter().next())
        .unwrap_or_else(|| words::slug(&raw.name, 60));
    Team {
        id: raw.id,
        alias,
        name: raw.name,
        members: raw
            .members
            .into_iter()
            .flat_map(Page::items)
            .filter_map(person)
            .collect(),
        manager: raw.manager.and_then(person),
        channel,
        group,
        tags: tags(raw.tags),
    }
}

/// Fills in who calls whom from the other side.
fn invert_dependencies(services: &mut [Service]) {
    let mut callers: HashMap<String, Vec<String>> = HashMap::new();
    for s in services.iter() {
        for d in &s.depends_on {
            callers.entry(d.clone()).or_default().push(s.alias.clone());
        }
    }
    for s in services.iter_mut() {
        s.dependents = callers.remove(&s.alias).unwrap_or_default();
    }
}
