//! The REST API under `/api/v1`, and its description at `/api/openapi.json`.

mod body;
mod call;
pub mod catalogue;
mod deeds;
mod deliveries;
mod incidents;
pub mod insights;
mod log;
pub mod people;
mod process;
pub mod shaper;
pub mod shapes;
mod views;

pub(crate) use call::find;
pub(crate) use deliveries::{again as retry, visible as visible_deliveries};

use crate::App;
use crate::caller::Caller;
use crate::problem::{Problem, no_method};
use axum::extract::{DefaultBodyLimit, FromRequestParts, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, patch, post};
use axum::{Json, Router};
use std::sync::Arc;
use utoipa::OpenApi as _;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};

/// The largest body that is read: the longest summary, many times over.
const BODY_MAX: usize = 256 * 1024;

/// The API's description.
#[derive(Debug, utoipa::OpenApi)]
#[openapi(
    info(title = "IMP", description = "Incidents from the first alert to the closed review.", license(name = "Apache-2.0")),
    servers((url = "/api/v1")),
    paths(
        incidents::list, incidents::declare, incidents::show, incidents::edit, incidents::transition, incidents::settle, incidents::update, incidents::publish,
        incidents::tasks, incidents::add_task, incidents::finish_task, incidents::assign, incidents::accept_role, incidents::refuse_role, incidents::break_glass, incidents::follow, incidents::unfollow, incidents::rate, incidents::timeline, incidents::follow_ups, incidents::add_follow_up, incidents::finish_follow_up,
        incidents::review, incidents::write_review, incidents::alerts, incidents::updates, incidents::roles, incidents::note, incidents::join,
        deliveries::list, deliveries::retry, deliveries::skip, catalogue::services, catalogue::service, catalogue::follow, catalogue::unfollow, catalogue::teams, catalogue::team,
        log::audit, log::alerts, log::me,
        views::list, views::save, views::show, views::rename, views::forget,
        process::show, process::take, deeds::correct_time, deeds::propose, deeds::object, deeds::decide, deeds::mend_page,
        insights::show, insights::bring_in, people::show,
        shaper::templates, shaper::questions, shaper::plan, shaper::create, shaper::runs, shaper::run, shaper::retry, shaper::undo
    ),
    components(schemas(Problem)),
)]
struct Description;

/// The routes.
pub fn routes(app: Arc<App>) -> Router {
    let v1 = Router::new()
        .route("/incidents", get(incidents::list).post(incidents::declare))
        .route("/incidents/{ref}", patch(incidents::edit).get(incidents::show))
        .route("/incidents/{ref}/transitions", post(incidents::transition))
        .route("/incidents/{ref}/conflict", post(incidents::settle))
        .route(
            "/incidents/{ref}/updates",
            get(incidents::updates).post(incidents::update),
        )
        .route("/incidents/{ref}/statuspage", post(incidents::publish))
        .route("/incidents/{ref}/notes", post(incidents::note))
        .route("/incidents/{ref}/members", post(incidents::join))
        .route(
            "/incidents/{ref}/tasks",
            get(incidents::tasks).post(incidents::add_task),
        )
        .route("/incidents/{ref}/tasks/{n}/done", post(incidents::finish_task))
        .route("/incidents/{ref}/roles", get(incidents::roles).post(incidents::assign))
        .route("/incidents/{ref}/followers", post(incidents::follow))
        .route(
            "/incidents/{ref}/followers/{user}",
            axum::routing::delete(incidents::unfollow),
        )
        .route("/incidents/{ref}/times", post(deeds::correct_time))
        .route("/incidents/{ref}/decisions", post(deeds::propose))
        .route("/incidents/{ref}/decisions/{n}/objections", post(deeds::object))
        .route("/incidents/{ref}/decisions/{n}/taken", post(deeds::decide))
        .route("/incidents/{ref}/statuspage/mend", post(deeds::mend_page))
        .route("/incidents/{ref}/process", post(process::take))
        .route("/process", get(process::show))
        .route("/incidents/{ref}/impact", post(incidents::rate))
        .route("/incidents/{ref}/break-glass", post(incidents::break_glass))
        .route("/incidents/{ref}/roles/{role}/accept", post(incidents::accept_role))
        .route("/incidents/{ref}/roles/{role}/refuse", post(incidents::refuse_role))
        .route(
            "/incidents/{ref}/follow-ups",
            get(incidents::follow_ups).post(incidents::add_follow_up),
        )
        .route(
            "/incidents/{ref}/follow-ups/{n}/done",
            post(incidents::finish_follow_up),
        )
        .route(
            "/incidents/{ref}/review",
            get(incidents::review).post(incidents::write_review),
        )
        .route("/incidents/{ref}/timeline", get(incidents::timeline))
        .route("/incidents/{ref}/events", get(incidents::timeline))
        .route("/incidents/{ref}/alerts", get(incidents::alerts))
        .route("/deliveries", get(deliveries::list))
        .route("/deliveries/{id}/retry", post(deliveries::retry))
        .route("/deliveries/{id}/skip", post(deliveries::skip))
        .route("/insights", get(insights::show))
        .route("/insights/people", get(people::show))
        .route("/import", post(insights::bring_in))
        .route("/services", get(catalogue::services))
        .route("/services/{alias}", get(catalogue::service))
        .route("/services/{alias}/followers", post(catalogue::follow))
        .route(
            "/services/{alias}/followers/{user}",
            axum::routing::delete(catalogue::unfollow),
        )
        .route("/teams", get(catalogue::teams))
        .route("/teams/{alias}", get(catalogue::team))
        .route("/audit", get(log::audit))
        .route("/alerts", get(log::alerts))
        .route("/me", get(log::me))
        .route("/views", get(views::list).post(views::save))
        .route(
            "/views/{id}",
            get(views::show).patch(views::rename).delete(views::forget),
        )
        .route("/shaper/templates", get(shaper::templates))
        .route("/shaper/templates/{name}", get(shaper::questions))
        .route("/shaper/plans", post(shaper::plan))
        .route("/shaper/runs", get(shaper::runs).post(shaper::create))
        .route("/shaper/runs/{id}", get(shaper::run))
        .route("/shaper/runs/{id}/retry", post(shaper::retry))
        .route("/shaper/runs/{id}/undo", post(shaper::undo))
        .fallback(no_address)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(app.clone(), count))
        .with_state(app);
    Router::new()
        .nest("/api/v1", v1)
        .route("/api/openapi.json", get(async || Json(describe())))
        .route("/api", any(no_address))
        .route("/api/", any(no_address))
        .route("/api/{*rest}", any(no_address))
        .method_not_allowed_fallback(no_method)
}

async fn no_address() -> Problem {
    Problem::not_found("The API has no such address; GET /api/openapi.json describes it.")
}

/// Counts the caller's calls, and says on each answer how many are left.
async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = counted(&app, request, next).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn counted(app: &Arc<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let caller = match <Caller as FromRequestParts<Arc<App>>>::from_request_parts(&mut parts, app).await {
        Ok(c) => c,
        Err(p) => return p.into_response(),
    };
    let standing = app.limits.call(&caller.name, app.desk.clock.now());
    let mut response = match standing.too_many {
        true => Problem::too_many(standing.reset_s).into_response(),
        false if !takes_json(&parts.headers) => Problem::new(
            StatusCode::NOT_ACCEPTABLE,
            "not-acceptable",
            "Not in that form",
            "The API answers application/json, which Accept does not take.",
        )
        .into_response(),
        false => {
            let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
            let response = next.run(Request::from_parts(parts, body)).await;
            if response.status() == StatusCode::FORBIDDEN {
                tracing::warn!(who = %caller.name, %method, path, "a call was refused to somebody who may not");
            }
            response
        }
    };
    for (name, value) in [
        ("ratelimit-limit", HeaderValue::from(standing.limit)),
        ("ratelimit-remaining", HeaderValue::from(standing.left)),
        ("ratelimit-reset", HeaderValue::from(standing.reset_s)),
    ] {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}

/// Whether whoever calls takes JSON, whatever else they would rather have.
fn takes_json(headers: &HeaderMap) -> bool {
    let all: Vec<&str> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .collect();
    let takes = |range: &&str| {
        let mut parts = range.split(';').map(|p| p.trim().to_ascii_lowercase());
        let kind = parts.next().unwrap_or_default();
        let never = parts.any(|p| p.strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0)));
        let json = matches!(kind.as_str(), "*/*" | "application/*" | "application/json") || kind.ends_with("+json");
        json && !never
    };
    all.is_empty() || all.iter().any(takes)
}

/// The description, with what holds for every call: who may call, how calls are repeated, and the ways to be refused.
fn describe() -> OpenApi {
    let mut api = Description::openapi();
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    api.components
        .get_or_insert_default()
        .add_security_scheme("token", bearer);
    api.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    let refused = [
        ("400", "The request cannot be read."),
        ("401", "Nobody that IMP knows calls."),
        ("403", "The caller may not do that."),
        ("406", "Accept does not take JSON."),
        ("412", "It has changed since the version that If-Match names."),
        ("413", "The body is too large."),
        ("415", "The body is something else than JSON."),
        ("429", "Too many calls; Retry-After says when to go on."),
        ("503", "IMP cannot write at the moment; try again."),
    ];
    for item in api.paths.paths.values_mut() {
        let looks = item.get.as_mut().into_iter().map(|o| (o, true));
        let acts = [&mut item.post, &mut item.patch, &mut item.delete]
            .into_iter()
            .filter_map(|o| o.as_mut())
            .map(|o| (o, false));
        for (operation, looks) in looks.chain(acts) {
            for (status, words) in refused {
                let known = operation.responses.responses.contains_key(status);
                let told = known || looks && matches!(status, "412" | "413" | "415");
                if !told {
                    let schema = Ref::from_schema_name("Problem");
                    let content = ContentBuilder::new().schema(Some(schema)).build();
                    let response = ResponseBuilder::new()
                        .description(words)
                        .content("application/problem+json", content)
                        .build();
                    operation
                        .responses
                        .responses
                        .insert(status.to_owned(), RefOr::T(response));
                }
            }
            for (status, response) in &mut operation.responses.responses {
                if let RefOr::T(r) = response
                    && status.starts_with(['4', '5'])
                    && let Some(content) = r.content.shift_remove("application/json")
                {
                    r.content.insert("application/problem+json".to_owned(), content);
                }
            }
            if !looks {
                for (name, words) in [
                    (
                        "Idempotency-Key",
                        "The same key and the same call are one wish, however often it is sent.",
                    ),
                    (
                        "If-Match",
                        "The ETag that the incident had when you looked; it is refused where it has changed.",
                    ),
                ] {
                    let there = operation
                        .parameters
                        .iter()
                        .flatten()
                        .any(|p| matches!(p, RefOr::T(p) if p.name == name));
                    if !there {
                        let text = ObjectBuilder::new().schema_type(Type::String).build();
                        let p = ParameterBuilder::new()
                            .name(name)
                            .parameter_in(ParameterIn::Header)
                            .description(Some(words))
                            .schema(Some(text))
                            .build();
                        operation.parameters.get_or_insert_default().push(RefOr::T(p));
                    }
                }
            }
        }
    }
    api
}

#[cfg(test)]
mod tests {
    use super::takes_json;
    use axum::http::{HeaderMap, HeaderValue, header};

    #[test]
    fn whoever_takes_json_among_others_is_answered() {
        let takes = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            takes_json(&headers)
        };
        assert!(takes_json(&HeaderMap::new()));
        for yes in [
            "",
            "*/*",
            "text/html, */*;q=0.1",
            "application/*",
            "application/problem+json",
            "Application/JSON; q=0.5",
        ] {
            assert!(takes(yes), "{yes}");
        }
        for no in [
            "text/html",
            "application/xml",
            "application/json;q=0",
            "text/csv, */*; q=0.0",
        ] {
            assert!(!takes(no), "{no}");
        }
    }
}
