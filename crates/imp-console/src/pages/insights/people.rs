//! Whose time went into incidents: one table, drawn from the journal when somebody asks.

use super::address::{Words, day};
use crate::App;
use crate::api::people;
use crate::chart::length;
use crate::pages::{Frame, Visitor, draw, sorry};
use crate::problem::Problem;
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use std::sync::Arc;

struct Person {
    name: String,
    incidents: usize,
    times: [String; 4],
    called: usize,
}

#[derive(Template)]
#[template(path = "insights_people.html")]
struct Page {
    frame: Frame,
    from: String,
    to: String,
    back: String,
    /// What the form keeps of the address beside what it asks for.
    kept: Vec<(&'static str, String)>,
    minutes: u32,
    people: Vec<Person>,
    incidents: usize,
    left_out: usize,
    has_hours: bool,
}

/// How acts become time.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Minutes {
    act_minutes: String,
}

/// The page.
pub async fn show(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    words: Result<Query<Words>, QueryRejection>,
    minutes: Result<Query<Minutes>, QueryRejection>,
) -> Response {
    let words = words.map(|Query(w)| w).unwrap_or_default();
    let given = minutes.map(|Query(m)| m.act_minutes).unwrap_or_default();
    let given = match given.trim() {
        "" => None,
        // What is no number is none that is allowed.
        text => Some(text.parse().unwrap_or(0)),
    };
    let read = words
        .read(app.desk.clock.now())
        .and_then(|a| Ok((a, people::minutes(given)?)));
    let (asked, minutes) = match read {
        Ok(x) => x,
        Err(why) => return sorry(&caller, Problem::bad(why)),
    };
    let found = match people::of(&app, asked.question.clone(), minutes).await {
        Ok(f) => f,
        Err(p) => return sorry(&caller, p),
    };
    let (from, until) = asked.range();
    let seconds = |ms: i64| length(ms as f64 / 1000.0);
    let filters = asked.question.filter.texts();
    let kept = filters.into_iter().filter_map(|(k, v)| Some((k, v.clone()?)));
    draw(&Page {
        frame: Frame::new(&caller, "insights", ""),
        from: day(from),
        to: day(until.plus(-1)),
        back: asked.address("/insights", &[]),
        kept: kept.collect(),
        minutes,
        people: found
            .efforts
            .iter()
            .map(|e| Person {
                name: e.name.clone(),
                incidents: e.incidents,
                times: [e.responding_ms, e.learning_ms, e.total_ms, e.off_ms].map(seconds),
                called: e.called,
            })
            .collect(),
        incidents: found.incidents,
        left_out: found.left_out,
        has_hours: !app.desk.house.process.load().hours.is_empty(),
    })
}
