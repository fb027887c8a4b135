//! A body of JSON, read with errors that say where the fault is.

use crate::problem::Problem;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use imp_core::words::cut;
use serde::de::DeserializeOwned;

/// A body that was read.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        in_a_form_that_is_read(request.headers())?;
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|e: BytesRejection| match e.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "too-large",
                    "The body is too large",
                    "Send less.",
                ),
                _ => Problem::bad("The body did not arrive whole."),
            })?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|e| Problem::bad(format!("The body is not UTF-8 after byte {}.", e.valid_up_to())))?;
        let text = if text.trim().is_empty() { "{}" } else { text };
        if !text.trim_start().starts_with('{') {
            return Err(Problem::bad("The body is a JSON object: it begins with {."));
        }
        serde_json::from_str(text)
            .map(Body)
            .map_err(|e| Problem::bad(format!("The body is not what is expected: {e}.")))
    }
}

/// Refuses what is said to be something else than JSON, and what is packed.
fn in_a_form_that_is_read(headers: &HeaderMap) -> Result<(), Problem> {
    let said = |name| headers.get(name).map(|v: &HeaderValue| v.to_str().unwrap_or("?"));
    if let Some(kind) = said(header::CONTENT_TYPE).filter(|k| !may_be_json(k)) {
        let detail = format!(
            "The body is JSON, and Content-Type says {:?}; send application/json.",
            cut(kind, 60)
        );
        return Err(unsupported(&detail));
    }
    match said(header::CONTENT_ENCODING).is_some_and(|e| !e.trim().eq_ignore_ascii_case("identity")) {
        true => Err(unsupported("Content-Encoding: send the body as it is, not packed.")),
        false => Ok(()),
    }
}

fn unsupported(detail: &str) -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported",
        "Not in this form",
        detail,
    )
}

/// Whether a body of this kind is tried as JSON. What programs say who do not care is among them: `curl -d` calls
/// everything a form.
fn may_be_json(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let careless = [
        "",
        "text/plain",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
    ];
    matches!(essence.as_str(), "application/json" | "text/json")
        || essence.ends_with("+json")
        || careless.contains(&essence.as_str())
}

#[cfg(test)]
mod tests {
    use super::may_be_json;

    #[test]
    fn json_by_any_name_is_read_and_what_is_something_else_is_not() {
        for kind in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/merge-patch+json",
            "application/x-www-form-urlencoded",
            "text/plain",
        ] {
            assert!(may_be_json(kind), "{kind}");
        }
        for kind in [
            "application/xml",
            "text/html",
            "multipart/form-data; boundary=x",
            "image/png",
        ] {
            assert!(!may_be_json(kind), "{kind}");
        }
    }
}
