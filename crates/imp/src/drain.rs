//! Reads what a caller is still sending after its body was refused as too large: one that is cut off in the middle of
//! it sees a broken connection instead of the answer.

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::{Stream, StreamExt, stream};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What is read and thrown away at most: more than anybody sends by mistake.
const DRAIN_MAX: usize = 64 * 1024 * 1024;
/// And for how long: a caller that dawdles is cut off after all.
const DRAIN_FOR: Duration = Duration::from_secs(10);

/// The layer around everything.
pub async fn layer(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    // The doors read from it; what they leave is read here.
    let shared = Arc::new(Mutex::new(body.into_data_stream()));
    let theirs = shared.clone();
    let mut rest = stream::poll_fn(move |cx| {
        let mut body = shared.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body).poll_next(cx)
    });
    let body = Body::from_stream(stream::poll_fn(move |cx| {
        let mut body = theirs.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body).poll_next(cx)
    }));
    let response = next.run(Request::from_parts(parts, body)).await;
    if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let mut thrown_away = 0;
        let read = async {
            while let Some(Ok(bytes)) = rest.next().await {
                thrown_away += bytes.len();
                if thrown_away > DRAIN_MAX {
                    break;
                }
            }
        };
        // Whoever is not done by then is cut off.
        let _ = tokio::time::timeout(DRAIN_FOR, read).await;
    }
    response
}
