//! Saved views on the pages that they filter: a row of them, and forms that save, rename and delete without any script.

use super::deed::{Sent, fields};
use super::{Visitor, sorry};
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::views;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use imp_engine::saved_view::SavedView;
use std::sync::Arc;

/// What a page shows of its reader's views.
pub struct Views {
    /// The page.
    pub page: &'static str,
    /// Each by its address and name, and whether it is what the page shows.
    pub all: Vec<(String, String, bool)>,
    /// What the page shows, where it is saved: identifier, name, and the link for others.
    pub here: Option<(String, String, String)>,
    /// The filter that could be saved; empty: nothing is filtered.
    pub query: String,
}

impl Views {
    /// The views of a page, as its reader sees it under an address.
    ///
    /// # Errors
    /// What the store says.
    pub async fn on(app: &App, caller: &Caller, page: &'static str, query: &str) -> Result<Views, Problem> {
        // What cannot be read is a filter that cannot be saved; the page itself says what is wrong with it.
        let query = views::filter(page, query).unwrap_or_default();
        let mut all = views::of(app, caller).await?;
        all.retain(|v| v.page == page);
        let here = all.iter().find(|v| v.query == query);
        Ok(Views {
            page,
            here: here.map(|v| {
                (
                    v.id.clone(),
                    v.name.clone(),
                    format!("{}/views/{}", app.public_url, v.id),
                )
            }),
            all: all
                .iter()
                .map(|v| (views::href(v), v.name.clone(), v.query == query))
                .collect(),
            query,
        })
    }
}

fn to(caller: &Caller, done: Result<SavedView, Problem>, place: impl Fn(&SavedView) -> String) -> Response {
    match done {
        Ok(v) => Redirect::to(&place(&v)).into_response(),
        Err(p) => sorry(caller, p),
    }
}

/// Keeps what is filtered.
pub async fn save(State(app): State<Arc<App>>, Visitor(caller): Visitor, form: Sent) -> Response {
    let f = match fields(form) {
        Ok(f) => f,
        Err(p) => return sorry(&caller, p),
    };
    let get = |k: &str| f.get(k).map(String::as_str).unwrap_or_default();
    let done = views::save(&app, &caller, get("page"), get("name"), get("query")).await;
    to(&caller, done, views::href)
}

/// Leads to what a link means.
pub async fn open(State(app): State<Arc<App>>, Visitor(caller): Visitor, Path(id): Path<String>) -> Response {
    to(&caller, views::find(&app, &id).await, views::href)
}

/// Renames or deletes one.
pub async fn change(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Path((id, deed)): Path<(String, String)>,
    form: Sent,
) -> Response {
    let f = match fields(form) {
        Ok(f) => f,
        Err(p) => return sorry(&caller, p),
    };
    let name = f.get("name").map(String::as_str).unwrap_or_default();
    match deed.as_str() {
        "rename" => to(&caller, views::rename(&app, &caller, &id, name).await, views::href),
        "delete" => to(&caller, views::forget(&app, &caller, &id).await, |v| {
            format!("/{}", v.page)
        }),
        _ => sorry(&caller, Problem::not_found("There is no such form.")),
    }
}
