//! What people do beside the work, over REST: decisions, times put right, the public page put right.

use super::body::Body;
use super::call::{About, Answer};
use super::shapes::IncidentView;
use crate::problem::Problem;
use axum::extract::Path;
use axum::response::Response;
use imp_core::{At, Command};
use serde::Deserialize;
use utoipa::ToSchema;

/// Puts a time right.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeBody {
    /// Which: `started`, `detected`, `acknowledged`, `mitigated` or `resolved`.
    pub moment: String,
    /// When it was in truth (RFC 3339).
    pub at: String,
    /// Why it was wrong.
    pub why: String,
}

/// Proposes a decision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionBody {
    /// What is to be done.
    pub text: String,
}

/// Objects to a decision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectionBody {
    /// Why not.
    pub why: String,
}

/// Puts a time right that numbers are made of. Who, why and what was there before stand on the timeline.
#[utoipa::path(post, path = "/incidents/{ref}/times", params(("ref" = String, Path)), request_body = TimeBody,
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn correct_time(about: About, Body(b): Body<TimeBody>) -> Answer<Response> {
    let to = At::parse(b.at.trim())
        .ok_or_else(|| Problem::bad("at: give a moment with its zone, such as 2026-11-24T09:30:00Z."))?;
    let command = Command::CorrectTime {
        moment: b.moment,
        to,
        why: b.why,
    };
    about.change(command).await
}

/// Proposes a decision. Where nobody has a strong objection within the process's time, it is taken.
#[utoipa::path(post, path = "/incidents/{ref}/decisions", params(("ref" = String, Path)), request_body = DecisionBody,
    responses((status = 201, body = IncidentView), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn propose(about: About, Body(b): Body<DecisionBody>) -> Answer<Response> {
    about.add(Command::Propose { text: b.text }).await
}

/// Objects to a decision: it waits until somebody decides.
#[utoipa::path(post, path = "/incidents/{ref}/decisions/{n}/objections", params(("ref" = String, Path), ("n" = u32, Path)), request_body = ObjectionBody,
    responses((status = 201, body = IncidentView), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn object(about: About, Path((_, n)): Path<(String, u32)>, Body(b): Body<ObjectionBody>) -> Answer<Response> {
    about.add(Command::Object { n, why: b.why }).await
}

/// Takes a decision now, whatever was objected.
#[utoipa::path(post, path = "/incidents/{ref}/decisions/{n}/taken", params(("ref" = String, Path), ("n" = u32, Path)),
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn decide(about: About, Path((_, n)): Path<(String, u32)>) -> Answer<Response> {
    about.change(Command::Decide { n }).await
}

/// Puts the public incident right, where somebody changed it on the status page.
#[utoipa::path(post, path = "/incidents/{ref}/statuspage/mend", params(("ref" = String, Path)),
    responses((status = 200, body = IncidentView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn mend_page(about: About) -> Answer<Response> {
    about.change(Command::MendPage).await
}
