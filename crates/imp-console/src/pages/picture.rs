//! A picture of the timeline, for whoever may see the incident. It came from people: it is shown as a picture and nothing
//! else, whatever it is.

use super::{Visitor, sorry};
use crate::App;
use crate::problem::Problem;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use imp_engine::picture;
use std::sync::Arc;

/// The kinds that are served; the store holds no others.
const KINDS: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// What a picture may do if it is opened by itself: nothing.
pub(super) const POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// The picture.
pub async fn show(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Path((name, file)): Path<(String, String)>,
) -> Response {
    let i = match crate::api::find(&app, &caller, &name).await {
        Ok(i) => i,
        Err(p) => return sorry(&caller, p),
    };
    let r = i.reference;
    let found = match app.desk.store.read(move |c| picture::one(c, r, &file)).await {
        Ok(found) => found,
        Err(e) => return sorry(&caller, e.into()),
    };
    let kind = |k: &str| KINDS.into_iter().find(|known| *known == k);
    let Some((kind, bytes)) = found.and_then(|p| Some((kind(&p.kind)?, STANDARD.decode(&p.bytes).ok()?))) else {
        return sorry(&caller, Problem::not_found("There is no such picture."));
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CONTENT_DISPOSITION, "inline"),
    ];
    (headers, bytes).into_response()
}
