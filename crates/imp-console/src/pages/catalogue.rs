//! Teams and services as the catalogue has them, with what happened to them here.

use super::{Frame, Row, Visitor, draw, moment, sorry};
use crate::App;
use crate::api::catalogue::followed;
use crate::caller::Caller;
use crate::filters::escaped;
use crate::problem::Problem;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use imp_core::catalogue::{Catalogue, Reference, Service, Team};
use imp_core::rights::Right;
use imp_core::{Capability, Incident, Who, words};
use imp_engine::read::{self, Filter};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Open incidents that are counted and shown: more are never open at once.
const OPEN: usize = 500;
/// Past incidents shown; the list has all of them.
const PAST: usize = 20;

/// Another thing of the catalogue, to be opened.
struct Link {
    href: String,
    name: String,
}

struct Line {
    alias: String,
    name: String,
    beside: Option<Link>,
    people: String,
    notes: Vec<String>,
    open: usize,
}

#[derive(Template)]
#[template(path = "services.html")]
struct Services {
    frame: Frame,
    rows: Vec<Line>,
    reads: bool,
    last_known: Option<(String, String)>,
}

#[derive(Template)]
#[template(path = "teams.html")]
struct Teams {
    frame: Frame,
    rows: Vec<Line>,
    reads: bool,
    last_known: Option<(String, String)>,
}

#[derive(Template)]
#[template(path = "service.html")]
struct ServicePage {
    frame: Frame,
    s: Service,
    team: Option<Link>,
    on_call: Vec<String>,
    runbooks: Vec<Reference>,
    links: Vec<Reference>,
    calls: Vec<Link>,
    called_by: Vec<Link>,
    open: Vec<Row>,
    past: Vec<Row>,
    all: String,
    at_catalogue: Option<String>,
    last_known: Option<(String, String)>,
    /// Its own page.
    page: String,
    /// How many people follow it.
    followed: usize,
    /// Whether whoever looks follows it; none where IMP could not tell them of anything.
    follows: Option<bool>,
}

#[derive(Template)]
#[template(path = "team.html")]
struct TeamPage {
    frame: Frame,
    t: Team,
    manager: Option<String>,
    members: Vec<String>,
    services: Vec<Line>,
    open: Vec<Row>,
    past: Vec<Row>,
    all: String,
    last_known: Option<(String, String)>,
}

/// As of when all of it is, where the catalogue does not answer: for machines and for eyes.
fn last_known(catalogue: &Catalogue, app: &App) -> Option<(String, String)> {
    let at = catalogue.last_known(app.desk.clock.now())?;
    Some((at.rfc3339(), moment(at)))
}

fn to_service(catalogue: &Catalogue, alias: &str) -> Link {
    let known = catalogue.service(alias);
    Link {
        href: format!("/services/{}", escaped(known.map_or(alias, |s| &s.alias))),
        name: known.map_or(alias, |s| &s.name).to_owned(),
    }
}

fn to_team(catalogue: &Catalogue, alias: &str) -> Link {
    let known = catalogue.team(alias);
    Link {
        href: format!("/teams/{}", escaped(known.map_or(alias, |t| &t.alias))),
        name: known.map_or(alias, |t| &t.name).to_owned(),
    }
}

/// Only what a browser may open safely becomes a link.
fn safe(links: &[Reference]) -> Vec<Reference> {
    let opens = |l: &&Reference| l.url.starts_with("https://") || l.url.starts_with("http://");
    links.iter().filter(opens).cloned().collect()
}

async fn open_of(app: &App, caller: &Caller) -> Result<Vec<Incident>, Problem> {
    let filter = Filter {
        categories: vec!["triage".into(), "active".into()],
        ..Filter::default()
    };
    let found = app
        .desk
        .store
        .read(move |c| read::incidents(c, &filter, None, OPEN))
        .await?;
    let sees = |i: &Incident| caller.sees(i);
    Ok(found.into_iter().filter(sees).collect())
}

fn count<'a>(open: &'a [Incident], of: impl Fn(&'a Incident) -> Option<&'a str>) -> BTreeMap<&'a str, usize> {
    let mut out = BTreeMap::new();
    for key in open.iter().filter_map(of) {
        *out.entry(key).or_default() += 1;
    }
    out
}

/// All services.
pub async fn services(State(app): State<Arc<App>>, Visitor(caller): Visitor) -> Response {
    let open = match open_of(&app, &caller).await {
        Ok(o) => o,
        Err(p) => return sorry(&caller, p),
    };
    let open = count(&open, |i| i.service.as_ref().map(|s| s.alias.as_str()));
    let catalogue = app.desk.house.catalogue.load();
    let mut rows: Vec<Line> = catalogue
        .services
        .iter()
        .map(|s| of_service(&catalogue, s, &open, &app))
        .collect();
    rows.sort_by_key(|r| (r.open == 0, words::key(&r.name)));
    draw(&Services {
        frame: Frame::new(&caller, "services", "all"),
        rows,
        reads: app.desk.house.reads_catalogue,
        last_known: last_known(&catalogue, &app),
    })
}

fn of_service(catalogue: &Catalogue, s: &Service, open: &BTreeMap<&str, usize>, app: &App) -> Line {
    let people = app.desk.house.directory.load();
    let on_call = s.on_call.iter().map(|w| people.complete(w).label().to_owned());
    Line {
        alias: escaped(&s.alias),
        name: s.name.clone(),
        beside: s.team.as_deref().map(|t| to_team(catalogue, t)),
        people: on_call.collect::<Vec<_>>().join(", "),
        notes: s.tier.iter().chain(&s.lifecycle).map(|t| t.replace('_', " ")).collect(),
        open: open.get(s.alias.as_str()).copied().unwrap_or_default(),
    }
}

/// All teams.
pub async fn teams(State(app): State<Arc<App>>, Visitor(caller): Visitor) -> Response {
    let open = match open_of(&app, &caller).await {
        Ok(o) => o,
        Err(p) => return sorry(&caller, p),
    };
    let open = count(&open, |i| i.team.as_ref().map(|t| t.alias.as_str()));
    let (catalogue, people) = (app.desk.house.catalogue.load(), app.desk.house.directory.load());
    let line = |t: &Team| Line {
        alias: escaped(&t.alias),
        name: t.name.clone(),
        beside: None,
        people: t
            .manager
            .as_ref()
            .map(|m| people.complete(m).label().to_owned())
            .unwrap_or_default(),
        notes: t.tags.iter().map(|(k, v)| format!("{k}: {v}")).collect(),
        open: open.get(t.alias.as_str()).copied().unwrap_or_default(),
    };
    let mut rows: Vec<Line> = catalogue.teams.iter().map(line).collect();
    rows.sort_by_key(|r| (r.open == 0, words::key(&r.name)));
    draw(&Teams {
        frame: Frame::new(&caller, "teams", "all"),
        rows,
        reads: app.desk.house.reads_catalogue,
        last_known: last_known(&catalogue, &app),
    })
}

/// Rows of what is open, and of what is over.
async fn history(app: &App, caller: &Caller, filter: Filter) -> Result<(Vec<Row>, Vec<Row>), Problem> {
    let open = Filter {
        categories: vec!["triage".into(), "active".into()],
        ..filter.clone()
    };
    let past = Filter {
        categories: vec!["after".into(), "done".into()],
        ..filter
    };
    let read = app.desk.store.read(move |c| {
        Ok((
            read::incidents(c, &open, None, OPEN)?,
            read::incidents(c, &past, None, PAST)?,
        ))
    });
    let (open, past) = read.await?;
    let (house, now) = (&app.desk.house, app.desk.clock.now());
    let rows = async |all: &[Incident]| -> Result<Vec<Row>, Problem> {
        let seen = crate::witness::shown(app, caller, all, "listed").await?;
        Ok(seen
            .into_iter()
            .map(|i| Row::of(i, &house.process_of(i), now))
            .collect())
    };
    Ok((rows(&open).await?, rows(&past).await?))
}

/// Whoever looks, as Slack knows them; none where they may not follow anything, or would not hear of it.
fn listener(app: &App, caller: &Caller) -> Option<Who> {
    let me = app.desk.house.directory.load().complete(caller.actor.who()?);
    let can = caller.must(Right::Tell).is_ok() && app.desk.house.can.contains(&Capability::Chat);
    Some(me).filter(|me| can && me.slack.is_some())
}

/// Whoever looks follows a service, or follows it no longer.
pub async fn follow(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Path((alias, deed)): Path<(String, String)>,
) -> Response {
    let catalogue = app.desk.house.catalogue.load_full();
    let follows = match deed.as_str() {
        "follow" => Some(true),
        "unfollow" => Some(false),
        _ => None,
    };
    let (Some(s), Some(follows)) = (catalogue.service(&alias), follows) else {
        return sorry(&caller, Problem::not_found("There is no such page."));
    };
    let Some(me) = listener(&app, &caller) else {
        let detail = "To follow a service, sign in as somebody whom Slack knows: IMP tells them there.";
        return sorry(&caller, Problem::bad(detail));
    };
    let written = followed(&app, &caller, &format!("{deed}_service"), &s.alias, &me);
    let done = match follows {
        true => app.desk.follow_service(&s.alias, &me, written).await,
        false => app.desk.unfollow_service(&s.alias, &me, written).await,
    };
    match done {
        Ok(()) => Redirect::to(&format!("/services/{}", escaped(&s.alias))).into_response(),
        Err(e) => sorry(&caller, e.into()),
    }
}

/// A service.
pub async fn service(State(app): State<Arc<App>>, Visitor(caller): Visitor, Path(alias): Path<String>) -> Response {
    let catalogue = app.desk.house.catalogue.load_full();
    let Some(s) = catalogue.service(&alias).cloned() else {
        let near = catalogue.nearest_service(&alias);
        let near = near.map(|s| format!(" Perhaps {}?", s.alias)).unwrap_or_default();
        let detail = format!("The catalogue has no service {:?}.{near}", words::cut(&alias, 40));
        return sorry(&caller, Problem::not_found(detail));
    };
    let filter = Filter {
        service: Some(s.alias.clone()),
        ..Filter::default()
    };
    let (open, past) = match history(&app, &caller, filter).await {
        Ok(h) => h,
        Err(p) => return sorry(&caller, p),
    };
    let people = app.desk.house.directory.load();
    let subscriptions = app.desk.house.subscriptions.load();
    let followers = subscriptions.of(&s.alias);
    draw(&ServicePage {
        page: format!("/services/{}", escaped(&s.alias)),
        followed: followers.len(),
        follows: listener(&app, &caller).map(|me| followers.iter().any(|f| f.is(&me))),
        frame: Frame::new(&caller, "services", "all"),
        last_known: last_known(&catalogue, &app),
        team: s.team.as_deref().map(|t| to_team(&catalogue, t)),
        on_call: s
            .on_call
            .iter()
            .map(|w| people.complete(w).label().to_owned())
            .collect(),
        runbooks: safe(&s.runbooks),
        links: safe(&s.links),
        calls: s.depends_on.iter().map(|a| to_service(&catalogue, a)).collect(),
        called_by: s.dependents.iter().map(|a| to_service(&catalogue, a)).collect(),
        all: format!("/incidents?service={}", escaped(&s.alias)),
        at_catalogue: s
            .url
            .clone()
            .filter(|u| u.starts_with("https://") || u.starts_with("http://")),
        open,
        past,
        s,
    })
}

/// A team.
pub async fn team(State(app): State<Arc<App>>, Visitor(caller): Visitor, Path(alias): Path<String>) -> Response {
    let catalogue = app.desk.house.catalogue.load_full();
    let Some(t) = catalogue.team(&alias).cloned() else {
        let detail = format!("The catalogue has no team {:?}.", words::cut(&alias, 40));
        return sorry(&caller, Problem::not_found(detail));
    };
    let filter = Filter {
        team: Some(t.alias.clone()),
        ..Filter::default()
    };
    let (open, past) = match history(&app, &caller, filter).await {
        Ok(h) => h,
        Err(p) => return sorry(&caller, p),
    };
    let seen = match open_of(&app, &caller).await {
        Ok(o) => o,
        Err(p) => return sorry(&caller, p),
    };
    let counts = count(&seen, |i| i.service.as_ref().map(|s| s.alias.as_str()));
    let people = app.desk.house.directory.load();
    let label = |w: &imp_core::Who| people.complete(w).label().to_owned();
    let owned = catalogue
        .services
        .iter()
        .filter(|s| s.team.as_deref() == Some(t.alias.as_str()));
    draw(&TeamPage {
        frame: Frame::new(&caller, "teams", "all"),
        last_known: last_known(&catalogue, &app),
        manager: t.manager.as_ref().map(label),
        members: t.members.iter().map(label).collect(),
        services: owned.map(|s| of_service(&catalogue, s, &counts, &app)).collect(),
        all: format!("/incidents?team={}", escaped(&t.alias)),
        open,
        past,
        t,
    })
}
