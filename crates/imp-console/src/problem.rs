//! Errors of the API as RFC 9457 problem documents.

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use imp_core::refusal::{Allowed, Kind, Refusal};
use imp_engine::{StoreError, SubmitError};
use serde::Serialize;
use utoipa::ToSchema;

/// A problem document.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem, as a name that programs can tell it by.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: &'static str,
    /// HTTP's status.
    pub status: u16,
    /// What is wrong here and what to do.
    pub detail: String,
    /// Fields that are missing or wrong, with what to say beside each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldProblem>,
    /// Statuses that are allowed from here, where the incident's status is what stands in the way; none: it is finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Vec<Next>>,
    /// Seconds to wait, which the header says.
    #[serde(skip)]
    pub wait_s: Option<u16>,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldProblem {
    /// Its name.
    pub field: String,
    /// What to say beside it.
    pub message: String,
}

/// A move that is possible.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Next {
    /// To which status.
    pub status: String,
    /// The button's words.
    pub label: String,
    /// Fields that it still needs, to be given beside `to`.
    pub requires: Vec<String>,
}

impl From<Allowed> for Next {
    fn from(a: Allowed) -> Next {
        Next {
            status: a.status,
            label: a.label,
            requires: a.requires,
        }
    }
}

impl Problem {
    /// A problem of some kind.
    pub fn new(status: StatusCode, slug: &str, title: &'static str, detail: impl Into<String>) -> Problem {
        Problem {
            kind: format!("urn:imp:problem:{slug}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            fields: Vec::new(),
            allowed: None,
            wait_s: None,
        }
    }

    /// 400.
    pub fn bad(detail: impl Into<String>) -> Problem {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "bad-request",
            "The request cannot be read",
            detail,
        )
    }

    /// 422, about one field.
    pub fn unusable(field: &str, message: String) -> Problem {
        Problem {
            fields: vec![FieldProblem {
                field: field.to_owned(),
                message: message.clone(),
            }],
            ..Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid",
                "What was given is not usable",
                message,
            )
        }
    }

    /// 401.
    pub fn unauthorised(detail: &str) -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorised", "Who are you?", detail)
    }

    /// 403.
    pub fn forbidden(detail: &str) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", detail)
    }

    /// 429.
    pub fn too_many(wait_s: i64) -> Problem {
        Problem {
            wait_s: Some(u16::try_from(wait_s).unwrap_or(u16::MAX)),
            ..Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too-many",
                "Too many calls",
                format!("Wait {wait_s} seconds, then go on."),
            )
        }
    }

    /// What a caller from outside (a vendor, an alert source) is told by status alone: the kinds are those of the API.
    pub fn at_the_door(status: StatusCode, detail: impl Into<String>) -> Problem {
        let (slug, title) = match status.as_u16() {
            401 => ("unauthorised", "Who are you?"),
            404 => ("not-found", "There is no such thing"),
            413 => ("too-large", "That is too much"),
            503 => ("busy", "Not at the moment"),
            _ => ("bad-request", "The request cannot be read"),
        };
        Problem::new(status, slug, title, detail)
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", detail)
    }
}

impl From<Refusal> for Problem {
    fn from(r: Refusal) -> Problem {
        let (status, slug, title) = match r.kind {
            Kind::Unknown => (StatusCode::NOT_FOUND, "not-found", "There is no such thing"),
            Kind::Invalid => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid",
                "What was given is not usable",
            ),
            Kind::Conflict => (
                StatusCode::CONFLICT,
                "conflict",
                "It does not fit where the incident stands",
            ),
            Kind::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "Not allowed"),
            Kind::Changed => (
                StatusCode::PRECONDITION_FAILED,
                "changed",
                "It has changed since you looked",
            ),
            Kind::KeyReused => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "key-reused",
                "The Idempotency-Key was used for another call",
            ),
        };
        Problem {
            fields: r
                .fields
                .into_iter()
                .map(|(field, message)| FieldProblem { field, message })
                .collect(),
            allowed: (r.kind == Kind::Conflict).then(|| r.allowed.into_iter().map(Next::from).collect()),
            ..Problem::new(status, slug, title, r.message)
        }
    }
}

impl From<SubmitError> for Problem {
    fn from(e: SubmitError) -> Problem {
        match e {
            SubmitError::Refused(r) => (*r).into(),
            SubmitError::Busy => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "Too much at once",
                "Too much is waiting; try again in a second.",
            ),
            SubmitError::Broken(e) => e.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(e: StoreError) -> Problem {
        tracing::error!(error = %e, "the store does not work");
        let detail = "IMP's store does not work at the moment; nothing was changed. Its operators see why in the log.";
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store",
            "The store does not work",
            detail,
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(s) = self.wait_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(s));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Where an address has other methods.
pub async fn no_method() -> Problem {
    let detail = "This address has other methods: the header Allow names them.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "Not with this method", detail)
}

/// The layer around everything: an address whose bytes are no text is answered like any other fault of a call.
pub async fn readable(request: Request, next: middleware::Next) -> Response {
    match is_text(request.uri().path()) {
        true => next.run(request).await,
        false => Problem::bad("The address holds bytes that are not UTF-8; write it with percent signs, as UTF-8.")
            .into_response(),
    }
}

/// The layer around everything where the browser reaches IMP over https: never again without it, for a year. Of
/// other hosts below this one IMP knows nothing, so it binds none of them.
pub async fn only_https(request: Request, next: middleware::Next) -> Response {
    let mut response = next.run(request).await;
    let policy = HeaderValue::from_static("max-age=31536000");
    response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, policy);
    response
}

/// Whether a path's bytes, once its percent signs are taken back, are UTF-8.
fn is_text(path: &str) -> bool {
    let (mut bytes, mut rest) = (Vec::with_capacity(path.len()), path.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let hex = after.first_chunk::<2>().filter(|_| *first == b'%');
        let byte = hex.and_then(|h| u8::from_str_radix(std::str::from_utf8(h).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_text;

    #[test]
    fn an_address_is_text_or_refused() {
        for path in ["/incidents/IMP-1", "/services/caf%C3%A9", "/x/100%", "/x/%zz", "/x/%+1"] {
            assert!(is_text(path), "{path}");
        }
        for path in ["/incidents/%ff", "/services/caf%E9", "/%C3"] {
            assert!(!is_text(path), "{path}");
        }
    }
}
