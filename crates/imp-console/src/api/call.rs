//! What is the same in every call of the API: who calls, about which incident, with which key, over which version.

use super::shapes::{IncidentView, Page};
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imp_core::{Command, Envelope, Incident, Ref};
use imp_engine::{Given, Receipt, read};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// Things on a page where the caller does not say.
const PAGE: usize = 50;
/// Things on a page at most.
const PAGE_MAX: usize = 200;
/// The longest Idempotency-Key.
const KEY_MAX: usize = 200;
/// Tags of versions that are looked at in one `If-Match`: whoever edits has seen a few.
const TAGS_MAX: usize = 20;

/// What a call is answered.
pub(super) type Answer<T> = Result<T, Problem>;

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    #[param(minimum = 1)]
    pub(super) limit: Option<usize>,
    pub(super) cursor: Option<String>,
}

/// What a query of the address says, as axum reads it.
pub(super) type Asked<T> = Result<Query<T>, QueryRejection>;

pub(super) fn query<T>(q: Asked<T>) -> Answer<T> {
    q.map(|Query(q)| q).map_err(|e| {
        let said = e.body_text();
        let said = said.trim_start_matches("Failed to deserialize query string: ");
        Problem::bad(format!(
            "What stands behind the ? of the address cannot be read: {said}."
        ))
    })
}

pub(super) fn no_cursor() -> Problem {
    Problem::bad("cursor: take it from `next` of the page before, unchanged.")
}

pub(super) fn cursor(text: Option<&str>) -> Answer<Option<u64>> {
    text.filter(|t| !t.is_empty())
        .map(|t| t.parse().map_err(|_| no_cursor()))
        .transpose()
}

/// More than a page holds is a page; fewer than one is a mistake.
pub(super) fn limit(wanted: Option<usize>) -> Answer<usize> {
    match wanted.unwrap_or(PAGE) {
        0 => Err(Problem::bad("limit: at least 1.")),
        n => Ok(n.min(PAGE_MAX)),
    }
}

/// The page of a list that is at hand as a whole; left out, `limit` is all of it.
pub(super) fn page<T>(all: Vec<T>, q: Asked<PageQuery>) -> Answer<Json<Page<T>>> {
    let (q, there) = (query(q)?, all.len());
    let from = cursor(q.cursor.as_deref())?.map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let most = match q.limit {
        None => there,
        some => limit(some)?,
    };
    let to = from.saturating_add(most).min(there);
    Ok(Json(Page {
        items: all.into_iter().skip(from).take(most).collect(),
        next: (from < to && to < there).then(|| to.to_string()),
    }))
}

/// A call about one incident, which the caller may see: to everybody else there is none.
pub struct About {
    app: Arc<App>,
    caller: Caller,
    headers: HeaderMap,
    /// It, as it was found.
    pub(super) i: Incident,
}

impl FromRequestParts<Arc<App>> for About {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Answer<About> {
        let caller = <Caller as FromRequestParts<Arc<App>>>::from_request_parts(parts, app).await?;
        let words = RawPathParams::from_request_parts(parts, app).await;
        let words = words.map_err(|e| Problem::bad(e.body_text()))?;
        let name = words.iter().find_map(|(k, v)| (k == "ref").then_some(v));
        let i = find(app, &caller, name.unwrap_or_default()).await?;
        Ok(About {
            app: app.clone(),
            caller,
            headers: parts.headers.clone(),
            i,
        })
    }
}

impl About {
    /// What it is asked about.
    pub(super) fn app(&self) -> &App {
        &self.app
    }

    /// The incident as the API shows it.
    pub(super) fn view(&self) -> IncidentView {
        IncidentView::of(&self.i, &self.app.desk.house.process_of(&self.i))
    }

    /// Whether the caller may do this with it at all; the desk asks it again.
    pub(super) fn may(&self, what: imp_core::rights::Right) -> Answer<()> {
        self.caller.must_about(&self.i, what)
    }

    /// Changes it; the answer is the incident afterwards.
    pub(super) async fn change(self, command: Command) -> Answer<Response> {
        self.wish(StatusCode::OK, command).await
    }

    /// Adds something to it; the answer is the incident afterwards.
    pub(super) async fn add(self, command: Command) -> Answer<Response> {
        self.wish(StatusCode::CREATED, command).await
    }

    async fn wish(self, code: StatusCode, command: Command) -> Answer<Response> {
        let receipt = wish(&self.app, &self.caller, &self.headers, Some(&self.i), command).await?;
        let i = granted(&receipt)?;
        Ok((
            code,
            tag_of(i),
            Json(IncidentView::of(i, &self.app.desk.house.process_of(i))),
        )
            .into_response())
    }

    /// The incident, unless the caller has it already in this version.
    pub(super) fn shown(self) -> Response {
        let tag = etag(self.i.version);
        let known = text(&self.headers, header::IF_NONE_MATCH.as_str());
        let same = |t: &str| t.trim().trim_start_matches("W/") == tag || t.trim() == "*";
        if known.is_some_and(|k| k.split(',').any(same)) {
            return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
        }
        ([(header::ETAG, tag)], Json(self.view())).into_response()
    }
}

/// The incident of this name, where the caller may see it.
pub(crate) async fn find(app: &App, caller: &Caller, name: &str) -> Answer<Incident> {
    let wanted = name.to_owned();
    let found = app.desk.store.read(move |c| read::find(c, &wanted)).await?;
    let i = found.filter(|i| caller.sees(i)).ok_or_else(|| {
        Problem::not_found(format!(
            "There is no incident {:?} that you can see.",
            imp_core::words::cut(name, 40)
        ))
    })?;
    crate::witness::looked(app, caller, std::iter::once(&i), "opened").await?;
    Ok(i)
}

/// The incident that a wish led to.
pub(super) fn granted(receipt: &Receipt) -> Answer<&Incident> {
    let none = || Problem::not_found("There is no such incident.");
    receipt.incident.as_deref().ok_or_else(none)
}

fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

/// The header that names an incident's version.
pub(super) fn tag_of(i: &Incident) -> [(HeaderName, String); 1] {
    [(header::ETAG, etag(i.version))]
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|v| v.to_str().ok())
}

/// The version that `If-Match` names; none where it is not there, or says that any will do. Of several it is the one that
/// holds, if one of them does. A tag that is none of ours names version 0, which no incident has.
fn if_match(headers: &HeaderMap, now: Option<u64>) -> Answer<Option<u64>> {
    let Some(given) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    let given = given.to_str().unwrap_or_default().trim();
    if given == "*" {
        return Ok(None);
    }
    let quoted = |t: &str| {
        let opaque = t.trim().trim_start_matches("W/").strip_prefix('"')?.strip_suffix('"')?;
        // A weak tag never says that it is the very same.
        let weak = t.trim().starts_with("W/");
        Some(opaque.parse().ok().filter(|_| !weak).unwrap_or(0))
    };
    let tags: Option<Vec<u64>> = given.split(',').take(TAGS_MAX).map(quoted).collect();
    let how = "If-Match: give the ETag of the incident, unchanged, with its quotation marks.";
    let tags = tags.ok_or_else(|| Problem::bad(how))?;
    let holds = tags.iter().find(|t| Some(**t) == now);
    Ok(holds.or(tags.first()).copied())
}

/// The call's own key, if it has one.
pub(super) fn key(headers: &HeaderMap) -> Answer<Option<&str>> {
    let Some(v) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = v.to_str().ok().map(str::trim);
    key.filter(|k| !k.is_empty() && k.len() <= KEY_MAX)
        .map(Some)
        .ok_or_else(|| Problem::bad(format!("Idempotency-Key: 1 to {KEY_MAX} visible ASCII characters.")))
}

/// Whom the key of a call belongs to: nobody's keys are anybody else's.
pub(super) fn wish_id(caller: &Caller, headers: &HeaderMap) -> Answer<Option<String>> {
    Ok(key(headers)?.map(|k| format!("rest:{}:{k}", caller.name)))
}

/// Brings a wish to the desk; `about` is the incident as the caller found it.
pub(super) async fn wish(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    about: Option<&Incident>,
    command: Command,
) -> Answer<Receipt> {
    let role = about.map_or(caller.role, |i| caller.role_for(i));
    let version = if_match(headers, about.map(|i| i.version))?;
    submit(
        app,
        caller,
        headers,
        (about.map(|i| i.reference), role),
        version,
        command,
    )
    .await
}

/// Brings a wish about an incident to the desk that the caller may not see.
pub(super) async fn wish_unseen(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    about: Ref,
    command: Command,
) -> Answer<Receipt> {
    let found = app.desk.incident(about).await?;
    let role = found.map_or(caller.role, |i| caller.role_for(&i));
    submit(app, caller, headers, (Some(about), role), None, command).await
}

async fn submit(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    (about, role): (Option<Ref>, imp_core::Role),
    version: Option<u64>,
    command: Command,
) -> Answer<Receipt> {
    let envelope = Envelope {
        id: wish_id(caller, headers)?.unwrap_or_default(),
        by: caller.actor.clone(),
        role,
        at: app.desk.clock.now(),
        about,
        command,
    };
    let given = Given {
        origin: caller.origin.clone(),
        version,
        words: None,
    };
    Ok(app.desk.submit_given(envelope, given).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(tag: &str) -> HeaderMap {
        let mut out = HeaderMap::new();
        out.insert(header::IF_MATCH, tag.parse().expect("a header"));
        out
    }

    #[test]
    fn of_several_tags_the_one_that_holds_counts() {
        let ask = |tag: &str| if_match(&headers(tag), Some(7)).map_err(|p| p.status);
        assert_eq!(ask("\"7\""), Ok(Some(7)));
        assert_eq!(ask("\"5\", \"7\""), Ok(Some(7)));
        assert_eq!(ask("\"5\", \"6\""), Ok(Some(5)));
        assert_eq!(ask("*"), Ok(None));
        for strange in ["W/\"7\"", "\"abc\"", "\"\"", "\"-1\""] {
            assert_eq!(ask(strange), Ok(Some(0)), "{strange}");
        }
        for wrong in ["7", "\"7", "not a tag", ""] {
            assert_eq!(ask(wrong), Err(400), "{wrong}");
        }
    }

    #[test]
    fn a_list_at_hand_comes_in_pages() {
        let all = |limit, cursor: Option<&str>| {
            let q = PageQuery {
                limit,
                cursor: cursor.map(str::to_owned),
            };
            page(vec![1, 2, 3], Ok(Query(q)))
                .map(|Json(p)| (p.items, p.next))
                .map_err(|p| p.status)
        };
        assert_eq!(all(None, None), Ok((vec![1, 2, 3], None)));
        assert_eq!(all(Some(2), None), Ok((vec![1, 2], Some("2".into()))));
        assert_eq!(all(Some(2), Some("2")), Ok((vec![3], None)));
        assert_eq!(all(Some(2), Some("9")), Ok((vec![], None)));
        assert_eq!(all(Some(0), None), Err(400));
        assert_eq!(all(None, Some("x")), Err(400));
    }
}
