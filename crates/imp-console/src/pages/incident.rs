//! An incident's page: where it stands, what to do now, and its story.

use super::{Frame, Visitor, draw, moment, sorry};
use crate::App;
use crate::api::shapes::MomentView;
use crate::caller::Caller;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use imp_core::process::{Category, FieldKind, Style};
use imp_core::{Incident, Process, record, rights};
use imp_engine::read::{self, Filter};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Facts shown on the page; longer stories go on in the API.
const STORY: usize = 500;
/// Open incidents offered for a merge.
const OFFERED: usize = 50;

#[derive(Template)]
#[template(path = "incident.html")]
struct Page {
    frame: Frame,
    i: Incident,
    key: String,
    error: String,
    category: &'static str,
    status: (String, String),
    steps: Vec<(String, &'static str)>,
    guidance: Vec<String>,
    moves: Vec<MoveForm>,
    can_update: bool,
    timeline: Vec<Line>,
    references: Vec<(String, String)>,
    waiting: Vec<String>,
    follow: Vec<FieldForm>,
    opened: (String, String),
    opened_by: String,
    roles: Vec<(String, String)>,
    people: Vec<String>,
}

struct MoveForm {
    to: String,
    label: String,
    style: &'static str,
    fields: Vec<FieldForm>,
}

struct FieldForm {
    id: String,
    label: String,
    options: Vec<(String, String)>,
}

struct Line {
    at: String,
    time: String,
    event: String,
    text: String,
}

/// The page.
pub async fn show(State(app): State<Arc<App>>, Visitor(caller): Visitor, Path(name): Path<String>) -> Response {
    page(&app, &caller, &name, String::new()).await
}

/// The page, with what was wrong about what somebody just tried.
pub async fn page(app: &App, caller: &Caller, name: &str, error: String) -> Response {
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
        let pending = read::deliveries(c, "pending", None, now, STORY)?;
        Ok((
            read::journal(c, r, 0, STORY)?,
            read::incidents(c, &open, None, OFFERED)?,
            pending,
        ))
    });
    let (facts, open, pending) = match read.await {
        Ok(x) => x,
        Err(e) => return sorry(caller, e.into()),
    };
    let process = app.desk.house.process.load_full();
    let catalogue = app.desk.house.catalogue.load();
    let status = process.status(&i.status);
    let category = process.category(&i.status);
    let others = open
        .iter()
        .filter(|o| o.reference != r && rights::may_see(o, &caller.actor, caller.role));
    let others: Vec<(String, String)> = others
        .map(|o| (o.reference.to_string(), format!("{} {}", o.reference, o.title)))
        .collect();
    let service = i.service.as_ref().and_then(|s| catalogue.service(&s.alias));
    let look = service
        .into_iter()
        .flat_map(|s| s.runbooks.iter().chain(&s.links))
        .chain(i.alerts.iter().flat_map(|a| &a.alert.links));
    let mut references: Vec<(String, String)> = Vec::new();
    for l in look.filter(|l| l.url.starts_with("https://") || l.url.starts_with("http://")) {
        if references.iter().all(|(_, u)| *u != l.url) {
            references.push((l.label.clone(), l.url.clone()));
        }
    }
    let code = if error.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::CONFLICT
    };
    let page = Page {
        frame: Frame::new(caller, "incidents", r.to_string()),
        key: format!("{r}-{}", i.version),
        error,
        category: category.word(),
        status: status.map_or((i.status.clone(), String::new()), |s| {
            (s.label.clone(), s.meaning.clone())
        }),
        steps: steps(&i, &process),
        guidance: status.map(|s| s.guidance.clone()).unwrap_or_default(),
        moves: moves(&i, &process, &others),
        can_update: i.confirmed && matches!(category, Category::Active | Category::After),
        timeline: facts.iter().rev().filter_map(|f| line(f, &process)).collect(),
        references,
        // The same step may be owed for two facts; people read it once.
        waiting: pending
            .iter()
            .filter(|d| d.reference == r)
            .map(|d| d.what.clone())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        follow: record::asks_to_follow(&i, &process)
            .iter()
            .filter_map(|f| process.field(f))
            .map(|f| FieldForm {
                id: f.id.clone(),
                label: f.label.clone(),
                options: Vec::new(),
            })
            .collect(),
        opened: (i.opened_at.rfc3339(), moment(i.opened_at)),
        opened_by: i.opened_by.label(),
        roles: process
            .roles
            .iter()
            .filter_map(|role| Some((role.label.clone(), i.roles.get(&role.id)?.label().to_owned())))
            .collect(),
        people: i.members.iter().map(|m| m.label().to_owned()).collect(),
        i,
    };
    (code, draw(&page)).into_response()
}

fn line(f: &imp_core::event::Fact, process: &Process) -> Option<Line> {
    let m = MomentView::of(f, process)?;
    Some(Line {
        time: moment(f.at),
        at: m.at,
        event: m.event,
        text: m.text,
    })
}

/// The way through the process: what it went through, where it is, what is to come on the usual way.
fn steps(i: &Incident, process: &Process) -> Vec<(String, &'static str)> {
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
        .map(|(n, s)| {
            let place = match at {
                Some(here) if here == n => "here",
                Some(here) if n < here && i.moments.contains_key(&s.id) => "past",
                _ => "next-one",
            };
            (s.label.clone(), place)
        })
        .collect()
}

fn moves(i: &Incident, process: &Process, others: &[(String, String)]) -> Vec<MoveForm> {
    let form = |m: &imp_core::process::Move| MoveForm {
        to: m.to.clone(),
        label: m.label.clone(),
        style: match m.style {
            Style::Plain => "",
            Style::Primary => "primary",
            Style::Danger => "danger",
        },
        fields: process
            .missing(m, &i.fields)
            .into_iter()
            .map(|f| FieldForm {
                id: f.id.clone(),
                label: f.label.clone(),
                options: if f.kind == FieldKind::Incident {
                    others.to_vec()
                } else {
                    Vec::new()
                },
            })
            .collect(),
    };
    process.moves_from(&i.status).map(form).collect()
}
