//! An incident's page: where it stands, what to do now, everything that people can do about it, and its story.

use super::deed::Fields;
use super::{Frame, Visitor, draw, moment, sorry};
use crate::App;
use crate::api::shapes::MomentView;
use crate::caller::Caller;
use crate::problem::Problem;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use imp_core::effect::Capability;
use imp_core::event::Event;
use imp_core::process::{Category, FieldKind, Style, chosen};
use imp_core::rights::{Right, allows};
use imp_core::{Incident, Process, alert, record, review};
use imp_engine::picture::{self, Picture};
use imp_engine::read::{self, Delivery, Filter};
use std::sync::Arc;

/// Facts shown on the page; longer stories go on in the API.
const STORY: usize = 1000;
/// Open incidents offered for a merge.
const OFFERED: usize = 50;

#[derive(Template)]
#[template(path = "incident.html")]
struct Page {
    frame: Frame,
    i: Incident,
    key: String,
    words: String,
    error: String,
    faults: Vec<(String, String)>,
    allowed: Vec<String>,
    category: &'static str,
    status: (String, String),
    since: (String, String),
    steps: Vec<Step>,
    guidance: Vec<String>,
    draft: String,
    moves: Vec<MoveForm>,
    can: Can,
    days: Vec<Day>,
    references: Vec<(String, String)>,
    owed: Vec<Delivery>,
    follow: Vec<FieldForm>,
    opened: (String, String),
    opened_by: String,
    service: Option<(String, String)>,
    team: Option<(String, String)>,
    roles: Vec<RoleLine>,
    severities: Vec<(String, String)>,
    impact: Vec<imp_core::process::Impact>,
    process: Followed,
    times: Vec<Correctable>,
    corrections: Vec<Corrected>,
    people: Vec<String>,
    directory: Vec<(String, String)>,
    /// Who follows it without being in it: by what they are named in a form, and what to call them.
    followers: Vec<(String, String)>,
    /// Whoever looks, where they could follow it and do not.
    follow_me: Option<String>,
    tasks_left: usize,
    kept: Kept,
}

/// What this caller can do about this incident now.
struct Can {
    act: bool,
    /// Something may still be added to it.
    add: bool,
    update: bool,
    publish: bool,
    review: bool,
}

/// What somebody wrote into a form that was refused: it is not lost.
#[derive(Default)]
struct Kept {
    deed: String,
    fields: Fields,
}

impl Kept {
    /// Whether it was this form.
    fn is(&self, deed: &str) -> bool {
        self.deed == deed
    }

    /// What they wrote into a field of it, else what stands there.
    fn or<'a>(&'a self, deed: &str, field: &str, otherwise: &'a str) -> &'a str {
        match self.fields.get(field) {
            Some(text) if self.deed == deed => text,
            _ => otherwise,
        }
    }

    /// What they wrote into a field of the move to a status.
    fn moving(&self, to: &str, field: &str) -> &str {
        match self.fields.get("to").is_some_and(|t| t == to) {
            true => self.or("move", field, ""),
            false => "",
        }
    }
}

/// A time that can be put right: which, what it is now for programs and in words, and whether somebody has put it right
/// before.
struct Correctable {
    word: String,
    at: String,
    words: String,
    before: bool,
}

/// A time that somebody put right.
struct Corrected {
    moment: String,
    is: String,
    was: String,
    by: String,
    why: String,
}

impl Corrected {
    fn of(c: &imp_core::correct::Correction) -> Corrected {
        Corrected {
            moment: c.moment.clone(),
            is: moment(c.is),
            was: c.was.map(moment).unwrap_or_default(),
            by: c.by.label(),
            why: c.why.clone(),
        }
    }
}

/// The process that it follows.
struct Followed {
    version: String,
    overlays: Vec<String>,
    /// The version in force, where it follows another.
    newer: Option<String>,
    /// Where it would stand there, where it has to be said: id and label.
    places: Vec<(String, String)>,
}

impl Followed {
    fn of(i: &Incident, own: &Process, in_force: &Process) -> Followed {
        let behind = imp_core::follow::is_behind(i, in_force) && own.category(&i.status) != Category::Done;
        let places = imp_core::follow::places(i, own, in_force);
        let label = |id: &&str| in_force.status(id).map_or((*id).to_owned(), |s| s.label.clone());
        Followed {
            version: i.process.clone(),
            overlays: i.overlays.clone(),
            newer: behind.then(|| in_force.version.clone()),
            places: match places.as_slice() {
                [one] if *one == i.status => Vec::new(),
                all => all.iter().map(|id| ((*id).to_owned(), label(id))).collect(),
            },
        }
    }
}

struct Step {
    id: String,
    label: String,
    place: &'static str,
}

struct RoleLine {
    id: String,
    label: String,
    who: String,
    /// To whom it is offered.
    offered: String,
    /// Whether that is whoever looks.
    mine: bool,
}

struct MoveForm {
    to: String,
    label: String,
    style: &'static str,
    /// What to know before.
    caution: Option<String>,
    fields: Vec<FieldForm>,
}

struct FieldForm {
    id: String,
    label: String,
    hint: String,
    required: bool,
    line: bool,
    options: Option<Vec<(String, String)>>,
    /// Of a list: the name of each box, what may be chosen by it, and whether it was before.
    choices: Vec<(String, String, bool)>,
    value: String,
}

/// The part of the story that happened on one day.
struct Day {
    day: String,
    lines: Vec<Line>,
}

struct Line {
    at: String,
    time: String,
    event: String,
    text: String,
    pictures: Vec<Picture>,
}

/// The page.
pub async fn show(State(app): State<Arc<App>>, Visitor(caller): Visitor, Path(name): Path<String>) -> Response {
    page(&app, &caller, &name, None).await
}

/// The page, with what was wrong about what somebody just tried, and what they wrote.
pub async fn page(app: &App, caller: &Caller, name: &str, tried: Option<(Problem, String, Fields)>) -> Response {
    let i = match crate::api::find(app, caller, name).await {
        Ok(i) => i,
        Err(p) => return sorry(caller, p),
    };
    let r = i.reference;
    let open = Filter {
        categories: vec!["triage".into(), "active".into()],
        ..Filter::default()
    };
    let now = app.desk.clock.now();
    let read = app.desk.store.read(move |c| {
        Ok((
            read::journal(c, r, 0, STORY)?,
            read::incidents(c, &open, None, OFFERED)?,
            read::deliveries_of(c, r, now)?,
            picture::of(c, r)?,
        ))
    });
    let (facts, open, owed, pictures) = match read.await {
        Ok(x) => x,
        Err(e) => return sorry(caller, e.into()),
    };
    let process = app.desk.house.process_of(&i);
    let open: Vec<Incident> = open.into_iter().filter(|o| o.reference != r).collect();
    let others = match crate::witness::shown(app, caller, &open, "offered for a merge").await {
        Ok(o) => o,
        Err(p) => return sorry(caller, p),
    };
    let others: Vec<(String, String)> = others
        .into_iter()
        .map(|o| (o.reference.to_string(), format!("{} {}", o.reference, o.title)))
        .collect();
    let (problem, kept) = match tried {
        Some((p, deed, fields)) => (Some(p), Kept { deed, fields }),
        None => (None, Kept::default()),
    };
    let code = problem.as_ref().map_or(StatusCode::OK, |p| {
        StatusCode::from_u16(p.status).unwrap_or(StatusCode::CONFLICT)
    });
    let mut page = drawn(app, caller, i, &process, &others);
    if let Some(p) = problem {
        page.error = p.detail;
        page.faults = p
            .fields
            .into_iter()
            .filter(|f| f.message != page.error)
            .map(|f| (f.field, f.message))
            .collect();
        page.allowed = p.allowed.into_iter().flatten().map(|n| n.label).collect();
    }
    page.days = story(&facts, &process, &pictures);
    page.owed = owed;
    page.kept = kept;
    (code, draw(&page)).into_response()
}

fn drawn(app: &App, caller: &Caller, i: Incident, process: &Process, others: &[(String, String)]) -> Page {
    let (catalogue, people) = (app.desk.house.catalogue.load(), app.desk.house.directory.load());
    let status = process.status(&i.status);
    let category = process.category(&i.status);
    let service = i.service.as_ref().map(|s| (s.alias.clone(), s.name.clone()));
    let team = i.team.as_ref().map(|t| (t.alias.clone(), t.name.clone()));
    let role = |r: &imp_core::process::Role| {
        let offer = i.offers.get(&r.id);
        RoleLine {
            id: r.id.clone(),
            label: r.label.clone(),
            who: i.roles.get(&r.id).map(|w| w.label().to_owned()).unwrap_or_default(),
            offered: offer.map(|o| o.to.label().to_owned()).unwrap_or_default(),
            mine: offer.is_some_and(|o| caller.actor.who().is_some_and(|me| o.to.is(me))),
        }
    };
    let may = |right| allows(caller.role_for(&i), right);
    Page {
        frame: Frame::new(caller, "incidents", i.reference.to_string()),
        key: format!("{}-{}", i.reference, i.version),
        words: imp_engine::audit::print_of_words(&i),
        error: String::new(),
        faults: Vec::new(),
        allowed: Vec::new(),
        category: category.word(),
        status: status.map_or((i.status.clone(), String::new()), |s| {
            (s.label.clone(), s.meaning.clone())
        }),
        since: (i.status_since.rfc3339(), moment(i.status_since)),
        steps: steps(&i, process),
        guidance: guidance(&i, process),
        draft: review::draft(&i),
        moves: match may(Right::Move) {
            true => moves(&i, process, others),
            false => Vec::new(),
        },
        can: Can {
            act: may(Right::Edit) && i.back_filled.is_none(),
            add: may(Right::Edit) && i.confirmed && category != Category::Done && i.back_filled.is_none(),
            update: may(Right::Tell) && i.confirmed && matches!(category, Category::Active | Category::After),
            publish: may(Right::Publish)
                && i.confirmed
                && matches!(category, Category::Active | Category::After)
                && app.desk.house.can.contains(&Capability::Page),
            review: may(Right::Review) && i.confirmed && category != Category::Triage,
        },
        days: Vec::new(),
        references: references(&i, process, &catalogue),
        owed: Vec::new(),
        follow: record::asks_to_follow(&i, process)
            .iter()
            .filter_map(|f| process.field(f))
            .map(|f| asked(f, true, others, &i))
            .collect(),
        opened: (i.opened_at.rfc3339(), moment(i.opened_at)),
        opened_by: i.opened_by.label(),
        service: service.map(|(a, n)| (format!("/services/{}", crate::filters::escaped(&a)), n)),
        team: team.map(|(a, n)| (format!("/teams/{}", crate::filters::escaped(&a)), n)),
        roles: process.roles.iter().map(role).collect(),
        severities: process
            .severities
            .iter()
            .map(|s| (s.id.clone(), s.meaning.clone()))
            .collect(),
        impact: process.impact.clone(),
        times: times(&i, process),
        corrections: i.corrections.iter().map(Corrected::of).collect(),
        process: Followed::of(&i, process, &app.desk.house.process.load()),
        people: i.members.iter().map(|m| m.label().to_owned()).collect(),
        directory: near(&i, &catalogue, &people),
        followers: i.followers.iter().map(|w| (address(w), w.label().to_owned())).collect(),
        follow_me: caller
            .actor
            .who()
            .filter(|me| category != Category::Done && !i.has_member(me) && !i.followers.iter().any(|f| f.is(me)))
            .filter(|_| may(Right::Tell) && app.desk.house.can.contains(&Capability::Chat))
            .map(address)
            .filter(|a| !a.is_empty()),
        tasks_left: i.tasks.iter().filter(|t| !t.done).count(),
        kept: Kept::default(),
        i,
    }
}

fn times(i: &Incident, process: &Process) -> Vec<Correctable> {
    let all = imp_core::correct::correctable(i, process).into_iter();
    all.map(|(p, at)| Correctable {
        word: p.word().to_owned(),
        at: at.map(imp_core::At::rfc3339).unwrap_or_default(),
        words: at.map(moment).unwrap_or_default(),
        before: i.corrected.contains_key(p.word()),
    })
    .collect()
}

/// People to choose from: those in it, those on call, those of the team. Anybody else is named by their address.
fn near(i: &Incident, catalogue: &imp_core::Catalogue, people: &imp_core::Directory) -> Vec<(String, String)> {
    let service = i.service.as_ref().and_then(|s| catalogue.service(&s.alias));
    let team = i.team.as_ref().and_then(|t| catalogue.team(&t.alias));
    let all = i
        .members
        .iter()
        .chain(service.into_iter().flat_map(|s| &s.on_call))
        .chain(team.into_iter().flat_map(|t| &t.members));
    let mut out: Vec<(String, String)> = Vec::new();
    for who in all.map(|w| people.complete(w)) {
        let Some(id) = who.email.clone().or_else(|| who.slack.clone()) else {
            continue;
        };
        if out.iter().all(|(known, _)| *known != id) {
            out.push((id, who.label().to_owned()));
        }
    }
    out
}

/// By what a form names somebody.
fn address(who: &imp_core::Who) -> String {
    who.email.clone().or_else(|| who.slack.clone()).unwrap_or_default()
}

/// What to do now: because of how things are, because of where it stands, and while it is worked on because of how bad
/// it is.
fn guidance(i: &Incident, process: &Process) -> Vec<String> {
    let status = process.status(&i.status).into_iter().flat_map(|s| &s.guidance);
    let active = process.category(&i.status) == Category::Active;
    let severity = process.severity(&i.severity).filter(|_| active);
    let severity = severity.into_iter().flat_map(|s| &s.guidance);
    let alone = active && !i.roles.contains_key("commander");
    let alone = alone.then(|| "Nobody is commander: take command, or give it to somebody.".to_owned());
    let firing = alert::standing(&i.alerts).filter(|_| active);
    alone
        .into_iter()
        .chain(status.chain(severity).cloned())
        .chain(firing)
        .collect()
}

/// Runbooks, dashboards and what alerts point at; each address once, and only what a browser opens safely.
fn references(i: &Incident, process: &Process, catalogue: &imp_core::Catalogue) -> Vec<(String, String)> {
    let service = i.service.as_ref().and_then(|s| catalogue.service(&s.alias));
    let look = service
        .into_iter()
        .flat_map(|s| s.runbooks.iter().chain(&s.links))
        .chain(i.alerts.iter().flat_map(|a| &a.alert.links))
        .chain(process.status(&i.status).into_iter().flat_map(|s| &s.references))
        .chain(process.severity(&i.severity).into_iter().flat_map(|s| &s.references));
    let mut out: Vec<(String, String)> = Vec::new();
    for l in look.filter(|l| l.url.starts_with("https://") || l.url.starts_with("http://")) {
        if out.iter().all(|(_, u)| *u != l.url) {
            out.push((l.label.clone(), l.url.clone()));
        }
    }
    out
}

/// What happened, the latest day first.
fn story(facts: &[imp_core::event::Fact], process: &Process, pictures: &[Picture]) -> Vec<Day> {
    let mut out: Vec<Day> = Vec::new();
    for f in facts.iter().rev() {
        let Some(m) = MomentView::of(f, process) else { continue };
        let day = m.at[..10].to_owned();
        let line = Line {
            time: format!("{} UTC", &m.at[11..16]),
            at: m.at,
            event: m.event,
            pictures: match &f.event {
                Event::Noted { ts: Some(ts), .. } => pictures.iter().filter(|p| p.ts == *ts).cloned().collect(),
                _ => Vec::new(),
            },
            text: m.text,
        };
        match out.last_mut() {
            Some(d) if d.day == day => d.lines.push(line),
            _ => out.push(Day { day, lines: vec![line] }),
        }
    }
    out
}

/// The way through the process: what it went through, where it is, what is to come on the usual way.
fn steps(i: &Incident, process: &Process) -> Vec<Step> {
    let at = process.statuses.iter().position(|s| s.id == i.status);
    let usual = process.statuses.iter().enumerate().filter(|(_, s)| {
        let side_way = s.category == Category::Done
            && s.id != i.status
            && process
                .moves
                .iter()
                .all(|m| m.to != s.id || m.from.iter().any(|f| process.category(f) == Category::Triage));
        !(side_way || s.category == Category::Triage && i.alerts.is_empty())
    });
    usual
        .map(|(n, s)| Step {
            id: s.id.clone(),
            label: s.label.clone(),
            place: match at {
                Some(here) if here == n => "here",
                Some(here) if n < here && i.moments.contains_key(&s.id) => "past",
                _ => "next-one",
            },
        })
        .collect()
}

fn asked(f: &imp_core::process::Field, required: bool, others: &[(String, String)], i: &Incident) -> FieldForm {
    let known = i.fields.get(&f.id).map_or("", String::as_str);
    let before: Vec<&str> = chosen(known).collect();
    FieldForm {
        id: f.id.clone(),
        label: f.label.clone(),
        hint: f.hint.clone().unwrap_or_default(),
        required,
        line: f.kind == FieldKind::Text,
        options: (f.kind == FieldKind::Incident).then(|| others.to_vec()),
        choices: f
            .choices
            .iter()
            .map(|c| (format!("{}.{c}", f.id), c.clone(), before.contains(&c.as_str())))
            .collect(),
        value: known.to_owned(),
    }
}

fn moves(i: &Incident, process: &Process, others: &[(String, String)]) -> Vec<MoveForm> {
    let form = |m: &imp_core::process::Move| {
        let needs = process
            .missing(m, &i.fields)
            .into_iter()
            .map(|f| asked(f, true, others, i));
        let takes = m
            .asks
            .iter()
            .filter_map(|f| process.field(f))
            .map(|f| asked(f, false, others, i));
        MoveForm {
            to: m.to.clone(),
            label: m.label.clone(),
            style: match m.style {
                Style::Plain => "",
                Style::Primary => "primary",
                Style::Danger => "danger",
            },
            caution: review::caution(i, m, process),
            fields: needs.chain(takes).collect(),
        }
    };
    process.moves_from(&i.status).map(form).collect()
}
