//! The incidents behind a number.

use super::address::Words;
use crate::App;
use crate::pages::{Frame, Row, Visitor, draw, sorry};
use crate::problem::Problem;
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use imp_core::metric::Class;
use imp_core::{Ref, rights};
use imp_engine::insights::Picker;
use imp_engine::read;
use std::sync::Arc;

/// Incidents on a page.
const PAGE: usize = 100;

#[derive(Template)]
#[template(path = "insights_list.html")]
struct Page {
    frame: Frame,
    what: &'static str,
    n: usize,
    words: Vec<String>,
    rows: Vec<Row>,
    shown: (usize, usize),
    next: Option<String>,
    back: String,
}

/// Which part of the list.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Place {
    skip: String,
}

/// The page.
pub async fn show(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    words: Result<Query<Words>, QueryRejection>,
    place: Result<Query<Place>, QueryRejection>,
    address: axum::extract::OriginalUri,
) -> Response {
    let now = app.desk.clock.now();
    let words = words.map(|Query(w)| w).unwrap_or_default();
    let asked = match words.read(now) {
        Ok(a) => a,
        Err(why) => return sorry(&caller, Problem::bad(why)),
    };
    let skip: usize = place.ok().and_then(|Query(p)| p.skip.parse().ok()).unwrap_or(0);
    let (question, slice) = (asked.question.clone(), asked.slice.clone());
    let catalogue = app.desk.house.catalogue.load_full();
    let look = move |table: &imp_engine::insights::Table| {
        let mut rows = Picker::new(table, &question, &catalogue).slice(&slice);
        rows.sort_unstable_by_key(|r| std::cmp::Reverse((table.at[*r as usize], table.refs[*r as usize])));
        let some = rows.iter().skip(skip).take(PAGE);
        let some = some
            .map(|r| Ref(table.refs[*r as usize].unsigned_abs()))
            .collect::<Vec<_>>();
        (rows.len(), some)
    };
    let looked = app.desk.figures.look(&app.desk.store, look).await;
    let (n, refs) = match looked {
        Ok(x) => x,
        Err(e) => return sorry(&caller, e.into()),
    };
    let load = move |c: &mut dyn imp_engine::Conn| -> Result<Vec<_>, imp_engine::StoreError> {
        let one = |r: &Ref| read::load(c, *r);
        refs.iter().map(one).filter_map(Result::transpose).collect()
    };
    let found = match app.desk.store.read(load).await {
        Ok(f) => f,
        Err(e) => return sorry(&caller, e.into()),
    };
    let house = &app.desk.house;
    let seen = found.iter().filter(|i| rights::may_see(i, &caller.actor, caller.role));
    let rows: Vec<Row> = seen.map(|i| Row::of(i, &house.process_of(i), now)).collect();
    let bare = address.0.path_and_query().map_or("", |p| p.as_str());
    let bare = bare.split("&skip=").next().unwrap_or_default();
    draw(&Page {
        frame: Frame::new(&caller, "insights", ""),
        what: match slice_class(&asked.slice) {
            Class::Incident if n == 1 => "incident",
            Class::Incident => "incidents",
            Class::Triage => "alerts that nobody has answered",
            Class::Declined => "false alarms",
            Class::Merged => "duplicates",
            Class::Test => "drills and tests",
        },
        n,
        words: asked.words(),
        shown: (skip.min(n) + usize::from(n > skip), (skip + rows.len()).min(n)),
        rows,
        next: (skip + PAGE < n).then(|| format!("{bare}&skip={}", skip + PAGE)),
        back: asked.address("/insights", &[]),
    })
}

fn slice_class(slice: &imp_engine::insights::Slice) -> Class {
    slice.class.unwrap_or(Class::Incident)
}
