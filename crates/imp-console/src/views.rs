//! Saved views: the filter of a page under a name. They are their owner's; whoever has the link sees the same filter.

use crate::App;
use crate::caller::Caller;
use crate::filters::escaped;
use crate::problem::Problem;
use axum::extract::Query;
use axum::http::{StatusCode, Uri};
use imp_core::words;
use imp_engine::audit;
use imp_engine::saved_view::{self, SavedView};
use serde_json::json;

/// Views that somebody keeps at most: a list that one still reads.
const MOST: usize = 50;
/// The longest name: what fits a button.
pub const NAME_MAX: usize = 60;
/// The longest filter.
const QUERY_MAX: usize = 2000;

/// Pages that have views, and what their addresses filter by.
const PAGES: [(&str, &[&str]); 2] = [
    ("incidents", &["q", "status", "severity", "service", "team"]),
    (
        "insights",
        &[
            "days", "from", "to", "team", "service", "tier", "country", "brand", "severity", "cause", "origin",
            "compare",
        ],
    ),
];

/// What of a page's address is its filter: the words that filter, each once, always in the same order. So two addresses
/// that show the same are the same text.
///
/// # Errors
/// Where there is no such page, or the text is no query of an address.
pub fn filter(page: &str, query: &str) -> Result<String, Problem> {
    let Some((_, known)) = PAGES.iter().find(|(p, _)| *p == page) else {
        let pages = PAGES.map(|(p, _)| p).join(" and ");
        return Err(Problem::unusable("page", format!("Views are kept of {pages}.")));
    };
    let text = query.trim_start_matches('?');
    let unread = || {
        Problem::unusable(
            "query",
            "This is not what stands behind the ? of an address.".to_owned(),
        )
    };
    if text.len() > QUERY_MAX {
        return Err(Problem::unusable(
            "query",
            format!("A filter has at most {QUERY_MAX} characters."),
        ));
    }
    let uri: Uri = format!("/?{text}").parse().map_err(|_| unread())?;
    let Query(given) = Query::<Vec<(String, String)>>::try_from_uri(&uri).map_err(|_| unread())?;
    let value = |name: &str| {
        let found = given.iter().find(|(k, v)| k == name && !v.trim().is_empty());
        found.map(|(_, v)| format!("{name}={}", escaped(v.trim())))
    };
    Ok(known
        .iter()
        .filter_map(|name| value(name))
        .collect::<Vec<_>>()
        .join("&"))
}

/// Where a view leads.
pub fn href(v: &SavedView) -> String {
    format!("/{}?{}", v.page, v.query)
}

fn name_of(text: &str) -> Result<String, Problem> {
    let name = words::clean(&text.replace(['\n', '\r', '\t'], " ")).trim().to_owned();
    match name.chars().count() {
        0 => Err(Problem::unusable("name", "Say what you call it.".to_owned())),
        n if n > NAME_MAX => Err(Problem::unusable(
            "name",
            format!("A name has at most {NAME_MAX} characters."),
        )),
        _ => Ok(name),
    }
}

/// Keeps the filter of a page under a name; under a name that is there already it replaces that one's filter.
///
/// # Errors
/// What is wrong with what was given, or what the store says.
pub async fn save(app: &App, caller: &Caller, page: &str, name: &str, query: &str) -> Result<SavedView, Problem> {
    let query = filter(page, query)?;
    if query.is_empty() {
        return Err(Problem::unusable(
            "query",
            "Nothing is filtered; choose something first.".to_owned(),
        ));
    }
    let view = SavedView {
        id: crate::secret()[..16].to_owned(),
        owner: caller.name.clone(),
        page: page.to_owned(),
        name: name_of(name)?,
        query,
        made_at: app.desk.clock.now(),
    };
    let said = json!({"page": view.page, "name": view.name, "query": view.query});
    let deed = crate::witness::deed(caller, view.made_at, "save_view", None, json!({"said": said}));
    let kept = view.clone();
    let write = app.desk.write(move |c| {
        // What did not happen is not written down either.
        match saved_view::keep(c, &kept, MOST)? {
            true => audit::write(c, deed),
            false => Ok(()),
        }
    });
    write.await?;
    let now = of(app, caller).await?;
    let found = now.iter().find(|v| v.page == view.page && v.name == view.name);
    match found {
        Some(v) => Ok(v.clone()),
        None if now.len() >= MOST => Err(Problem::unusable(
            "name",
            format!("You keep {MOST} views; delete one first."),
        )),
        None => Err(gone()),
    }
}

/// Gives a view of theirs another name.
///
/// # Errors
/// Where it is not theirs, another is called so, or what the store says.
pub async fn rename(app: &App, caller: &Caller, id: &str, name: &str) -> Result<SavedView, Problem> {
    let (view, name) = (own(app, caller, id).await?, name_of(name)?);
    let said = json!({"page": view.page, "name": name, "was": view.name});
    let deed = crate::witness::deed(caller, app.desk.clock.now(), "rename_view", None, json!({"said": said}));
    let (id, wanted) = (view.id.clone(), name.clone());
    let write = app.desk.write(move |c| {
        // What did not happen is not written down either.
        match saved_view::rename(c, &id, &wanted)? {
            true => audit::write(c, deed),
            false => Ok(()),
        }
    });
    write.await?;
    let is = own(app, caller, &view.id).await?;
    match is.name == name {
        true => Ok(is),
        false => Err(Problem::new(
            StatusCode::CONFLICT,
            "conflict",
            "The name is taken",
            format!("Another view of yours is called {name:?}."),
        )),
    }
}

/// Forgets a view of theirs; what it was.
///
/// # Errors
/// Where it is not theirs, or what the store says.
pub async fn forget(app: &App, caller: &Caller, id: &str) -> Result<SavedView, Problem> {
    let view = own(app, caller, id).await?;
    let said = json!({"page": view.page, "name": view.name});
    let deed = crate::witness::deed(caller, app.desk.clock.now(), "delete_view", None, json!({"said": said}));
    let id = view.id.clone();
    let write = app.desk.write(move |c| {
        saved_view::forget(c, &id)?;
        audit::write(c, deed)
    });
    write.await?;
    Ok(view)
}

/// The caller's views, by page and name.
///
/// # Errors
/// What the store says.
pub async fn of(app: &App, caller: &Caller) -> Result<Vec<SavedView>, Problem> {
    let owner = caller.name.clone();
    Ok(app.desk.store.read(move |c| saved_view::of(c, &owner)).await?)
}

/// The view that a link names, whoever saved it.
///
/// # Errors
/// Where there is none, or what the store says.
pub async fn find(app: &App, id: &str) -> Result<SavedView, Problem> {
    let id = id.to_owned();
    let found = app.desk.store.read(move |c| saved_view::find(c, &id)).await?;
    found.ok_or_else(gone)
}

/// To others than its owner a view is there by its link only, and nothing to change.
async fn own(app: &App, caller: &Caller, id: &str) -> Result<SavedView, Problem> {
    let found = find(app, id).await?;
    (found.owner == caller.name).then_some(found).ok_or_else(gone)
}

fn gone() -> Problem {
    Problem::not_found("There is no such view among yours; perhaps it was deleted.")
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn addresses_that_show_the_same_are_the_same_filter() {
        let is = |page: &str, query: &str| filter(page, query).map_err(|p| p.status);
        assert_eq!(
            is("incidents", "?team=pay%20ments&status=open&before=7&q="),
            Ok("status=open&team=pay%20ments".into())
        );
        assert_eq!(is("incidents", "q=a+b%26c&q=second"), Ok("q=a%20b%26c".into()));
        assert_eq!(
            is("insights", "severity=SEV1&days=30&x=1"),
            Ok("days=30&severity=SEV1".into())
        );
        assert_eq!(is("incidents", ""), Ok(String::new()));
        assert_eq!(is("audit", "q=x"), Err(422));
        assert_eq!(is("incidents", "q=a b\r\nLocation: x"), Err(422));
        assert_eq!(is("incidents", &"x".repeat(3000)), Err(422));
    }
}
