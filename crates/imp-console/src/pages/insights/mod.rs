//! The numbers: how many, how long, when, where, and how sure one can be. Each number leads to its incidents.

mod address;
mod figures;
pub mod list;
pub mod people;
mod said;

use crate::App;
use crate::pages::views::Views;
use crate::pages::{Frame, Visitor, draw, sorry};
use crate::problem::Problem;
use address::{Asked, RANGES, Words, day};
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::Uri;
use axum::response::Response;
use figures::{Chart, TeamRow};
use imp_core::metric::{Metric, Point};
use imp_core::{At, Catalogue, Process};
use imp_engine::insights::view::{self, View};
use imp_engine::insights::{Group, Picker};
use said::{Measure, Tile};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Causes that the filter offers.
const CAUSES: usize = 30;

/// One of a filter's choices: value, words, whether it is chosen.
type Choice = (String, String, bool);

struct Select {
    name: &'static str,
    label: &'static str,
    choices: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "insights.html")]
struct Page {
    frame: Frame,
    title: String,
    from: String,
    to: String,
    ranges: Vec<(String, &'static str, bool)>,
    selects: Vec<Select>,
    filtered: bool,
    compare: bool,
    every: String,
    before: Option<(String, String)>,
    tiles: Vec<Tile>,
    charts: Vec<Chart>,
    teams: Vec<TeamRow>,
    few: Vec<TeamRow>,
    measures: Vec<Measure>,
    points: Vec<(&'static str, &'static str)>,
    private: usize,
    imported: (usize, String),
    tests: (usize, String),
    people: String,
    export: Vec<(&'static str, String)>,
    views: Views,
}

/// The period before: from, until, its numbers, its sorted lengths.
type Before = (At, At, Group, Vec<Vec<i64>>);

/// The page.
pub async fn show(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    uri: Uri,
    words: Result<Query<Words>, QueryRejection>,
) -> Response {
    let now = app.desk.clock.now();
    let words = words.map(|Query(w)| w).unwrap_or_default();
    let asked = match words.read(now) {
        Ok(a) => a,
        Err(why) => return sorry(&caller, Problem::bad(why)),
    };
    let catalogue = app.desk.house.catalogue.load_full();
    let (question, compare, known) = (asked.question.clone(), asked.compare, catalogue.clone());
    let look = move |table: &imp_engine::insights::Table| {
        let view = view::view(table, &question, &known, now);
        let before = view::before(table, &question).filter(|_| compare).map(|q| {
            let (group, lengths) = view::period(table, &q, &known);
            (q.from.unwrap_or_default(), q.until.unwrap_or_default(), group, lengths)
        });
        (view, before, Picker::new(table, &question, &known).private().len())
    };
    let looked = app.desk.figures.look(&app.desk.store, look).await;
    let (view, before, private) = match looked {
        Ok(x) => x,
        Err(e) => return sorry(&caller, e.into()),
    };
    let views = match Views::on(&app, &caller, "insights", uri.query().unwrap_or_default()).await {
        Ok(v) => v,
        Err(p) => return sorry(&caller, p),
    };
    let process = app.desk.house.process.load();
    draw(&page(
        (Frame::new(&caller, "insights", ""), views),
        &asked,
        &view,
        before.as_ref(),
        private,
        &process,
        &catalogue,
    ))
}

fn page(
    (frame, views): (Frame, Views),
    asked: &Asked,
    view: &View,
    before: Option<&Before>,
    private: usize,
    process: &Process,
    catalogue: &Catalogue,
) -> Page {
    let (from, until) = asked.range();
    let list = |more: &[(&str, String)]| asked.address("/insights/incidents", more);
    let (teams, few) = figures::teams(asked, view, catalogue);
    Page {
        title: title(asked, catalogue),
        from: day(from),
        to: day(until.plus(-1)),
        ranges: RANGES
            .iter()
            .map(|(days, name)| (asked.preset(*days), *name, asked.days == Some(*days)))
            .collect(),
        selects: selects(asked, view, process, catalogue),
        filtered: !asked.question.filter.is_empty(),
        compare: asked.compare,
        every: asked
            .preset(asked.days.unwrap_or(90))
            .split("&")
            .next()
            .unwrap_or_default()
            .to_owned(),
        before: before.map(|(f, u, ..)| (day(*f), day(u.plus(-1)))),
        tiles: said::tiles(asked, view, before),
        charts: figures::charts(asked, view, process, catalogue),
        teams,
        few,
        measures: said::measures(asked, view),
        points: Point::ALL.iter().map(|p| (p.word(), p.meaning())).collect(),
        private,
        people: asked.address("/insights/people", &[]),
        tests: (view.group.tests, list(&[("class", "test".to_owned())])),
        imported: (view.group.back_filled, list(&[("origin", "imported".to_owned())])),
        export: ["team", "service", "severity", "month"]
            .into_iter()
            .map(|by| (by, asked.address("/api/v1/insights", &[("by", by.to_owned())])))
            .collect(),
        frame,
        views,
    }
}

fn title(asked: &Asked, catalogue: &Catalogue) -> String {
    let filter = &asked.question.filter;
    match (&filter.service, &filter.team) {
        (Some(s), _) => catalogue.service(s).map_or(s.clone(), |s| s.name.clone()),
        (None, Some(t)) => catalogue.team(t).map_or(t.clone(), |t| t.name.clone()),
        (None, None) => "Insights".to_owned(),
    }
}

fn selects(asked: &Asked, view: &View, process: &Process, catalogue: &Catalogue) -> Vec<Select> {
    let tags = |name: &str| -> Vec<(String, String)> {
        let all = catalogue.teams.iter().flat_map(|t| &t.tags).filter(|(k, _)| k == name);
        let all: BTreeSet<&String> = all.map(|(_, v)| v).collect();
        all.into_iter().map(|v| (v.clone(), v.clone())).collect()
    };
    let sorted = |mut all: Vec<(String, String)>| {
        all.sort_by_key(|(_, name)| name.to_lowercase());
        all
    };
    let tiers: BTreeSet<&String> = catalogue.services.iter().filter_map(|s| s.tier.as_ref()).collect();
    let causes = view.causes.iter().filter_map(|c| c.name.clone()).take(CAUSES);
    let offered = |name: &str| match name {
        "team" => sorted(
            catalogue
                .teams
                .iter()
                .map(|t| (t.alias.clone(), t.name.clone()))
                .collect(),
        ),
        "service" => sorted(
            catalogue
                .services
                .iter()
                .map(|s| (s.alias.clone(), s.name.clone()))
                .collect(),
        ),
        "tier" => tiers.iter().map(|t| ((*t).clone(), (*t).clone())).collect(),
        "country" | "brand" => tags(name),
        "severity" => process
            .severities
            .iter()
            .map(|s| (s.id.clone(), s.id.clone()))
            .collect(),
        _ => causes
            .clone()
            .map(|c| (c.clone(), imp_core::words::cut(&c, 48)))
            .collect(),
    };
    let labels = ["Team", "Service", "Tier", "Country", "Brand", "Severity", "Cause"];
    let filter = asked.question.filter.texts().into_iter().zip(labels);
    filter
        .map(|((name, chosen), label)| {
            let mut all = offered(name);
            if let Some(c) = chosen.as_ref().filter(|c| all.iter().all(|(v, _)| v != *c)) {
                all.push((c.clone(), c.clone()));
            }
            let choice = |(value, words): (String, String)| {
                let is = chosen.as_ref() == Some(&value);
                (value, words, is)
            };
            Select {
                name,
                label,
                choices: all.into_iter().map(choice).collect(),
            }
        })
        .filter(|s: &Select| !s.choices.is_empty())
        .collect()
}

/// The measurement of this name, by its place.
fn metric(name: &str) -> usize {
    Metric::named(name).map_or(0, |(n, _)| n)
}
