//! A body of JSON, read with errors that say where the fault is.

use crate::problem::Problem;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

/// A body that was read.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
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
