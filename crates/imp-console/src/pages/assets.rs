//! Styles and scripts, compiled in.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// One asset.
pub async fn get(Path(name): Path<String>) -> Response {
    let (kind, body) = match name.as_str() {
        "console.css" => ("text/css; charset=utf-8", include_str!("../../assets/console.css")),
        "insights.css" => ("text/css; charset=utf-8", include_str!("../../assets/insights.css")),
        "process.css" => ("text/css; charset=utf-8", imp_core::process::graph::CSS),
        "console.js" => (
            "text/javascript; charset=utf-8",
            include_str!("../../assets/console.js"),
        ),
        "docs.css" => ("text/css; charset=utf-8", include_str!("../../assets/docs.css")),
        "icon.svg" => ("image/svg+xml", include_str!("../../assets/icon.svg")),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    (
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")],
        body,
    )
        .into_response()
}
