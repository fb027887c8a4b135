//! The process: as a picture with the live incidents in it, and in words.

use super::{Frame, Visitor, draw, moment, sorry};
use crate::App;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use imp_core::catalogue::Reference;
use imp_core::process::graph;
use imp_core::process::overlay::Overlay;
use imp_core::{Incident, Process};
use imp_engine::read::{self, Filter};
use imp_engine::{StoreError, process_file};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Incidents that are counted: more are never open at once, and a number beyond says nothing more.
const COUNTED: usize = 1000;

struct Way {
    label: String,
    to: String,
    needs: Vec<String>,
    asks: Vec<String>,
}

struct Place {
    id: String,
    label: String,
    category: &'static str,
    meaning: String,
    guidance: Vec<String>,
    references: Vec<Reference>,
    live: usize,
    ways: Vec<Way>,
}

/// What is wrong with the file as it lies there.
pub(super) struct Broken {
    pub(super) since: (String, String),
    pub(super) faults: Vec<String>,
}

impl Broken {
    /// As the store has it.
    pub(super) async fn now(app: &App) -> Result<Option<Broken>, StoreError> {
        let found = app.desk.store.read(process_file::broken).await?;
        Ok(found.map(|b| Broken {
            since: (b.since.rfc3339(), moment(b.since)),
            faults: b.faults,
        }))
    }
}

/// An overlay.
struct Laid {
    id: String,
    whose: String,
    why: String,
    says: Vec<String>,
    strange: Vec<String>,
}

/// An incident that follows another edition.
struct Behind {
    reference: String,
    title: String,
    version: String,
    status: String,
}

#[derive(Template)]
#[template(path = "process.html")]
struct Page {
    frame: Frame,
    name: String,
    version: String,
    picture: String,
    places: Vec<Place>,
    broken: Option<Broken>,
    overlays: Vec<Laid>,
    behind: Vec<Behind>,
}

/// The page.
pub async fn show(State(app): State<Arc<App>>, Visitor(caller): Visitor) -> Response {
    let filter = Filter {
        categories: ["triage", "active", "after"].map(str::to_owned).to_vec(),
        ..Filter::default()
    };
    let found = app
        .desk
        .store
        .read(move |c| read::incidents(c, &filter, None, COUNTED))
        .await;
    let found = match found {
        Ok(f) => f,
        Err(e) => return sorry(&caller, e.into()),
    };
    let broken = match Broken::now(&app).await {
        Ok(b) => b,
        Err(e) => return sorry(&caller, e.into()),
    };
    let process = app.desk.house.process.load();
    let mut live: BTreeMap<&str, usize> = BTreeMap::new();
    let seen: Vec<&Incident> = found.iter().filter(|i| caller.sees(i)).collect();
    // What follows another edition stands in that one's statuses, which need not be drawn here.
    let (behind, here): (Vec<&Incident>, Vec<&Incident>) =
        seen.into_iter().partition(|i| imp_core::follow::is_behind(i, &process));
    // The picture only counts; the list has titles.
    if let Err(p) = crate::witness::looked(&app, &caller, behind.iter().copied(), "listed").await {
        return sorry(&caller, p);
    }
    for i in here {
        *live.entry(i.status.as_str()).or_default() += 1;
    }
    let behind = behind.iter().map(|i| Behind {
        reference: i.reference.to_string(),
        title: i.title.clone(),
        version: i.process.clone(),
        status: app
            .desk
            .house
            .process_of(i)
            .status(&i.status)
            .map_or(i.status.clone(), |s| s.label.clone()),
    });
    let behind: Vec<Behind> = behind.collect();
    let catalogue = app.desk.house.catalogue.load();
    let overlay = |o: &Overlay| Laid {
        id: o.id.clone(),
        whose: o.whose(),
        why: o.why.clone().unwrap_or_default(),
        says: o.says(&process),
        strange: o.strange(&catalogue).into_iter().map(|(_, why)| why).collect(),
    };
    let count = |id: &str| live.get(id).copied().unwrap_or_default();
    draw(&Page {
        frame: Frame::new(&caller, "process", "all"),
        name: process.name.clone(),
        version: process.version.clone(),
        picture: graph::svg_with(&process, &|id| Some((count(id), list_of(id)))),
        places: places(&process, &count),
        broken,
        overlays: process.overlays.iter().map(overlay).collect(),
        behind,
    })
}

/// The list of the incidents in a status; ids have no character that an address would have to hide.
fn list_of(status: &str) -> String {
    format!("/incidents?status={status}")
}

fn places(process: &Process, count: &dyn Fn(&str) -> usize) -> Vec<Place> {
    let label = |id: &str| process.status(id).map_or(id.to_owned(), |s| s.label.clone());
    let questions = |fields: &[String]| -> Vec<String> {
        let name = |f: &String| process.field(f).map_or(f.clone(), |f| f.label.clone());
        fields.iter().map(name).collect()
    };
    let statuses = process.statuses.iter().map(|s| Place {
        id: s.id.clone(),
        label: s.label.clone(),
        category: s.category.word(),
        meaning: s.meaning.clone(),
        guidance: s.guidance.clone(),
        references: s.references.clone(),
        live: count(&s.id),
        ways: process
            .moves_from(&s.id)
            .map(|m| Way {
                label: m.label.clone(),
                to: label(&m.to),
                needs: questions(&m.requires),
                asks: questions(&m.asks),
            })
            .collect(),
    });
    statuses.collect()
}
