//! Who calls: a token in the header, a session of the console, or this machine where nothing else is configured.

use crate::App;
use crate::problem::Problem;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use imp_core::{Actor, Role};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// The cookie that holds the console's session: the token itself never leaves the form, only its digest's digest.
pub const SESSION_COOKIE: &str = "imp_session";

/// Who may come in.
#[derive(Debug, Clone, Default)]
pub struct Doors {
    /// Tokens; none: whoever reaches the loopback address, as administrator.
    pub tokens: Vec<Token>,
    /// Whether people reach IMP only on this machine: else nobody comes in without a token.
    pub only_here: bool,
}

/// An API token, kept as a digest.
#[derive(Debug, Clone)]
pub struct Token {
    name: String,
    digest: [u8; 32],
    role: Role,
}

impl Token {
    /// A token from the configuration.
    pub fn new(name: &str, secret: &str, role: Role) -> Token {
        Token {
            name: name.to_owned(),
            digest: digest(secret.as_bytes()),
            role,
        }
    }

    /// What the session's cookie holds: it opens the console and nothing can be made of it for the API.
    pub fn session(&self) -> String {
        hex(&digest(&[&self.digest[..], b"console session"].concat()))
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Whoever called, let in.
#[derive(Debug, Clone)]
pub struct Caller {
    /// As whom they act.
    pub actor: Actor,
    /// What they may do.
    pub role: Role,
    /// What tells their idempotency keys from others'.
    pub name: String,
}

/// What who calls without a token is named, where no tokens are configured.
const THIS_MACHINE: &str = "this machine";

impl Caller {
    /// Whether they were let in without a token.
    pub fn is_this_machine(&self) -> bool {
        self.name == THIS_MACHINE
    }
}

impl Doors {
    /// The token whose secret this is.
    pub fn token(&self, secret: &str) -> Option<&Token> {
        let given = digest(secret.as_bytes());
        self.tokens.iter().find(|t| bool::from(t.digest.ct_eq(&given)))
    }

    fn session(&self, cookie: &str) -> Option<&Token> {
        self.tokens
            .iter()
            .find(|t| bool::from(t.session().as_bytes().ct_eq(cookie.as_bytes())))
    }

    fn let_in(&self, headers: &HeaderMap, method: &Method) -> Result<Caller, Problem> {
        let caller = |t: &Token| Caller {
            actor: Actor::Token { name: t.name.clone() },
            role: t.role,
            name: t.name.clone(),
        };
        if let Some(given) = headers.get(header::AUTHORIZATION) {
            let secret = given
                .to_str()
                .ok()
                .and_then(|v| v.strip_prefix("Bearer ").or_else(|| v.strip_prefix("bearer ")));
            return match secret.and_then(|s| self.token(s.trim())) {
                Some(t) => Ok(caller(t)),
                None if self.tokens.is_empty() => self.this_machine(headers, method),
                None => Err(Problem::unauthorised(
                    "This token is not one that the configuration knows.",
                )),
            };
        }
        if self.tokens.is_empty() {
            return self.this_machine(headers, method);
        }
        match cookie(headers, SESSION_COOKIE).and_then(|c| self.session(c)) {
            Some(t) => {
                same_site(headers, method)?;
                Ok(caller(t))
            }
            None => Err(Problem::unauthorised("Send a token: Authorization: Bearer …")),
        }
    }

    /// Nothing is configured and only the loopback address is served; a page from elsewhere may not use that.
    fn this_machine(&self, headers: &HeaderMap, method: &Method) -> Result<Caller, Problem> {
        same_site(headers, method)?;
        let forwarded = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];
        if !self.only_here || forwarded.iter().any(|h| headers.contains_key(*h)) {
            return Err(Problem::forbidden(
                "Others can reach IMP, so console and API need [auth] in the configuration.",
            ));
        }
        let host = headers
            .get(header::HOST)
            .and_then(|h| h.to_str().ok())
            .unwrap_or_default();
        let name = host.rsplit_once(':').map_or(host, |(n, port)| {
            if port.bytes().all(|b| b.is_ascii_digit()) {
                n
            } else {
                host
            }
        });
        if !matches!(name, "127.0.0.1" | "localhost" | "[::1]" | "::1" | "") {
            return Err(Problem::forbidden(
                "Without [auth] in the configuration, only this machine is served.",
            ));
        }
        let name = THIS_MACHINE.to_owned();
        Ok(Caller {
            actor: Actor::Token { name: name.clone() },
            role: Role::Admin,
            name,
        })
    }
}

/// A page of another site may look but not act.
fn same_site(headers: &HeaderMap, method: &Method) -> Result<(), Problem> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let elsewhere = text("sec-fetch-site").is_some_and(|s| !matches!(s, "same-origin" | "none"));
    let host = text("host").unwrap_or_default();
    let origin = text("origin").is_some_and(|o| o.split_once("://").is_none_or(|(_, h)| h != host));
    if elsewhere || origin {
        return Err(Problem::forbidden("This call comes from a page of another site."));
    }
    Ok(())
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    all.flat_map(|v| v.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        app.doors.let_in(&parts.headers, &parts.method)
    }
}

impl OptionalFromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Option<Self>, Problem> {
        Ok(app.doors.let_in(&parts.headers, &parts.method).ok())
    }
}
