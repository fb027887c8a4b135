//! Service Shaper: the templates that are built in, and how a service is made of one.

use super::{Frame, Visitor, draw};
use askama::Template;
use axum::response::Response;
use imp_shaper::check::{self, Requirement};
use imp_shaper::library::{self, Listed};
use imp_shaper::source::Library;

#[derive(Template)]
#[template(path = "shaper.html")]
struct Page {
    frame: Frame,
    templates: Vec<Listed>,
    requirements: Vec<Requirement>,
}

/// The page.
pub async fn show(Visitor(caller): Visitor) -> Response {
    draw(&Page {
        frame: Frame::new(&caller, "shaper", ""),
        // What is compiled in can always be listed; there is nothing else in an empty library.
        templates: library::list(&Library::default()).unwrap_or_default(),
        requirements: check::requirements(),
    })
}
