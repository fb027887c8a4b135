//! A safe place to practise: where it is, and what to do there first.

use super::{Frame, Visitor, draw};
use crate::{App, DrillView};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "practice.html")]
struct Page {
    frame: Frame,
    workspace: Option<String>,
    drills: Vec<DrillView>,
}

/// The page.
pub async fn show(State(app): State<Arc<App>>, Visitor(caller): Visitor) -> Response {
    draw(&Page {
        frame: Frame::new(&caller, "practice", ""),
        workspace: app.setup.practice(),
        drills: app.setup.drills(),
    })
}
