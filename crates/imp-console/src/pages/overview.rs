//! What is happening now: what waits for an answer, what is worked on, what is late, what is to be reviewed.

use super::reviews::{self, Due};
use super::{Frame, Row, Visitor, draw, sorry};
use crate::App;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use imp_core::Ref;
use imp_engine::read::{self, Filter};
use std::sync::Arc;

/// Incidents looked at: more are never open at once, and nobody could work on them.
const MOST: usize = 200;
/// Late things shown; the reviews' page has all of them.
const LATE: usize = 10;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    waiting: Vec<Row>,
    open: Vec<Row>,
    after: Vec<Row>,
    mine: Vec<Due>,
    late: Vec<Due>,
    late_in_all: usize,
    failed: usize,
}

/// The page.
pub async fn show(State(app): State<Arc<App>>, Visitor(caller): Visitor) -> Response {
    let filter = Filter {
        categories: ["triage", "active", "after"].map(str::to_owned).to_vec(),
        ..Filter::default()
    };
    let now = app.desk.clock.now();
    let found = app.desk.store.read(move |c| {
        let open = read::incidents(c, &filter, None, MOST)?;
        let failed = read::deliveries(c, "failed", None, now, MOST)?;
        Ok((open, reviews::with_follow_ups(c)?, failed))
    });
    let (found, followed, failed) = match found.await {
        Ok(f) => f,
        Err(e) => return sorry(&caller, e.into()),
    };
    let house = &app.desk.house;
    let shown = async |all| crate::witness::shown(&app, &caller, all, "listed").await;
    let (seen, followed) = match (shown(&found).await, shown(&followed).await) {
        (Ok(seen), Ok(followed)) => (seen, followed),
        (Err(p), _) | (_, Err(p)) => return sorry(&caller, p),
    };
    let rows = |category: &str| {
        let some = seen
            .iter()
            .filter(|i| house.process_of(i).category(&i.status).word() == category);
        let mut rows: Vec<Row> = some.map(|i| Row::of(i, &house.process_of(i), now)).collect();
        rows.sort_by(|a, b| a.severity.cmp(&b.severity).then(b.since.cmp(&a.since)));
        rows
    };
    let due = reviews::due(followed.iter().copied(), now);
    let mine = reviews::of_mine(&seen, &due, caller.actor.who(), house);
    let mut late: Vec<Due> = due.into_iter().filter(|d| d.late).collect();
    let late_in_all = late.len();
    late.truncate(LATE);
    // What has failed of a private incident is counted for those who may see it only.
    let mut failures = 0;
    for d in &failed {
        let i = app.desk.incident(d.reference).await.ok().flatten();
        failures += usize::from(d.reference == Ref::HOUSE || i.is_some_and(|i| caller.sees(&i)));
    }
    draw(&Overview {
        frame: Frame::new(&caller, "overview", "all"),
        waiting: rows("triage"),
        open: rows("active"),
        after: rows("after"),
        mine,
        late,
        late_in_all,
        failed: failures,
    })
}
