//! Who calls: a token in the header, a session of the console, or this machine where nothing else is configured.

use crate::App;
use crate::problem::Problem;
use axum::extract::{ConnectInfo, FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use imp_core::{Actor, At, Door, Incident, Role, Who, rights};
use imp_engine::session::Session;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// The cookie that holds the console's session.
pub const SESSION_COOKIE: &str = "imp_session";

/// A cookie's whole name. Over https it is bound to this very host: no other, and no page over http, can set it.
pub fn cookie_name(name: &str, secure: bool) -> String {
    format!("{}{name}", if secure { "__Host-" } else { "" })
}

/// The digest of the session that a browser says to have.
pub fn session_of(headers: &HeaderMap, doors: &Doors) -> Option<String> {
    cookie(headers, &cookie_name(SESSION_COOKIE, doors.secure)).map(digest_of)
}

/// Who may come in.
#[derive(Debug, Clone, Default)]
pub struct Doors {
    /// Tokens of programs.
    pub tokens: Vec<Token>,
    /// Whether people sign in at an identity provider; its name, as the button says it.
    pub provider: Option<String>,
    /// Whether people reach IMP only on this machine: else nobody comes in without a token or a session.
    pub only_here: bool,
    /// Whether the browser reaches it over https, so that cookies must never go over anything else.
    pub secure: bool,
}

/// An API token, kept as a digest.
#[derive(Debug, Clone)]
pub struct Token {
    name: String,
    digest: [u8; 32],
    role: Role,
    expires: Option<At>,
    reads_only: bool,
}

impl Token {
    /// A token from the configuration.
    pub fn new(name: &str, secret: &str, role: Role) -> Token {
        Token {
            name: name.to_owned(),
            digest: digest(secret.as_bytes()),
            role,
            expires: None,
            reads_only: false,
        }
    }

    /// The token, good until then.
    #[must_use]
    pub fn until(self, expires: At) -> Token {
        Token {
            expires: Some(expires),
            ..self
        }
    }

    /// The token, good for looking only, whatever its role may see.
    #[must_use]
    pub fn reading(self) -> Token {
        Token {
            reads_only: true,
            ..self
        }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it may do.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether its time is over.
    pub fn is_over(&self, now: At) -> bool {
        self.expires.is_some_and(|at| now >= at)
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// What is kept of a session's secret.
pub fn digest_of(secret: &str) -> String {
    digest(secret.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

/// Whoever called, let in.
#[derive(Debug, Clone)]
pub struct Caller {
    /// As whom they act.
    pub actor: Actor,
    /// What they may do everywhere.
    pub role: Role,
    /// What they may do for teams, by alias, where that is more.
    pub teams: BTreeMap<String, Role>,
    /// What tells their idempotency keys from others'.
    pub name: String,
    /// From where they call, for the audit log.
    pub origin: String,
    /// The digest of their session, if they have one.
    pub session: Option<String>,
}

/// What who calls without a token is named, where no tokens are configured.
const THIS_MACHINE: &str = "this machine";

impl Caller {
    /// Whether they were let in without a token.
    pub fn is_this_machine(&self) -> bool {
        self.name == THIS_MACHINE
    }

    /// What they may do about an incident: a role that they have for its team counts too.
    pub fn role_for(&self, incident: &Incident) -> Role {
        let team = incident.team.as_ref().and_then(|t| self.teams.get(&t.alias));
        team.copied().unwrap_or(self.role).max(self.role)
    }

    /// Whether they may see an incident.
    pub fn sees(&self, incident: &Incident) -> bool {
        rights::may_see(incident, &self.actor, self.role)
    }

    /// A refusal, where they may not do something that is no command.
    ///
    /// # Errors
    /// That refusal.
    pub fn must(&self, what: rights::Right) -> Result<(), Problem> {
        self.must_as(self.role, what)
    }

    /// The same about an incident: a role that they have for its team counts too.
    ///
    /// # Errors
    /// That refusal.
    pub fn must_about(&self, incident: &Incident, what: rights::Right) -> Result<(), Problem> {
        self.must_as(self.role_for(incident), what)
    }

    fn must_as(&self, role: Role, what: rights::Right) -> Result<(), Problem> {
        match rights::allows(role, what) {
            true => Ok(()),
            false => Err(Problem::forbidden(&format!(
                "{} needs the role {}; {} is {}.",
                what.words(),
                what.least().word(),
                self.name,
                role.word()
            ))),
        }
    }
}

impl Doors {
    /// Whether nothing is configured, so that only this machine is served.
    pub fn is_open(&self) -> bool {
        self.tokens.is_empty() && self.provider.is_none()
    }

    /// The token whose secret this is.
    pub fn token(&self, secret: &str, now: At) -> Option<&Token> {
        let given = digest(secret.as_bytes());
        // All are compared, so that the time says nothing of which one it was.
        let mut found = None;
        for t in &self.tokens {
            if bool::from(t.digest.ct_eq(&given)) {
                found = Some(t);
            }
        }
        found.filter(|t| !t.is_over(now))
    }

    /// Nothing is configured and only the loopback address is served; a page from elsewhere may not use that.
    fn this_machine(&self, headers: &HeaderMap, method: &Method, origin: String) -> Result<Caller, Problem> {
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
            teams: BTreeMap::new(),
            name,
            origin,
            session: None,
        })
    }
}

fn by_token(t: &Token, method: &Method, origin: String) -> Result<Caller, Problem> {
    if t.reads_only && !looks(method) {
        return Err(Problem::forbidden("This token is for reading: its scope is read."));
    }
    Ok(Caller {
        actor: Actor::Token { name: t.name.clone() },
        role: t.role,
        teams: BTreeMap::new(),
        name: t.name.clone(),
        origin,
        session: None,
    })
}

fn by_session(s: Session, app: &App, origin: String) -> Caller {
    let actor = match &s.who {
        Some(who) => Actor::Person {
            // The same person as in Slack, by the address that both know.
            who: app.desk.house.directory.load().complete(who),
            door: Door::Console,
        },
        None => Actor::Token { name: s.name.clone() },
    };
    Caller {
        name: owner_of(&s),
        actor,
        role: s.role,
        teams: s.teams,
        origin: format!("console {origin}"),
        session: Some(s.digest),
    }
}

/// Whose a session is: the name by which their calls, keys and views are told from others'.
pub fn owner_of(s: &Session) -> String {
    match &s.who {
        Some(Who { email: Some(e), .. }) => e.clone(),
        _ => s.name.clone(),
    }
}

fn looks(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// A page of another site may look but not act.
///
/// # Errors
/// Where the call comes from one.
pub fn same_site(headers: &HeaderMap, method: &Method) -> Result<(), Problem> {
    if looks(method) {
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

/// A cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    all.flat_map(|v| v.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// From where a call comes: the neighbour's address, and for whom it says to speak, where that is an address. What
/// others claim is only ever written down, never believed.
pub fn origin_of(parts: &Parts) -> String {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or_else(|| "unknown".to_owned(), |ConnectInfo(a)| a.ip().to_string());
    let said = parts.headers.get("x-forwarded-for").and_then(|v| v.to_str().ok());
    let first = said.and_then(|s| s.split(',').next()?.trim().parse::<IpAddr>().ok());
    match first {
        Some(a) => format!("{a} by {peer}"),
        None => peer,
    }
}

async fn let_in(parts: &Parts, app: &App) -> Result<Caller, Problem> {
    let (headers, method, doors) = (&parts.headers, &parts.method, &app.doors);
    let (origin, now) = (origin_of(parts), app.desk.clock.now());
    if let Some(given) = headers.get(header::AUTHORIZATION) {
        let secret = given
            .to_str()
            .ok()
            .and_then(|v| v.strip_prefix("Bearer ").or_else(|| v.strip_prefix("bearer ")));
        return match secret.and_then(|s| doors.token(s.trim(), now)) {
            Some(t) => by_token(t, method, origin),
            None if doors.is_open() => doors.this_machine(headers, method, origin),
            None => {
                tracing::warn!(%origin, "a token that is not known, or over, was tried at the API");
                app.limits.guess(&origin, now)?;
                Err(Problem::unauthorised(
                    "This token is not one that the configuration knows, or its time is over.",
                ))
            }
        };
    }
    if doors.is_open() {
        return doors.this_machine(headers, method, origin);
    }
    let Some(digest) = session_of(headers, doors) else {
        return Err(Problem::unauthorised("Send a token: Authorization: Bearer …"));
    };
    let wanted = digest.clone();
    let found = app
        .desk
        .store
        .read(move |c| imp_engine::session::find(c, &wanted))
        .await?;
    let Some(s) = found.filter(|s| !s.is_over(now)).filter(|s| still_good(s, doors, now)) else {
        return Err(Problem::unauthorised("Your session is over; sign in again."));
    };
    same_site(headers, method)?;
    if s.is_worth_noting(now) {
        let noted = app
            .desk
            .write(move |c| imp_engine::session::seen(c, &digest, now))
            .await;
        if let Err(e) = noted {
            tracing::warn!(error = %e, "it could not be noted that somebody is there");
        }
    }
    Ok(by_session(s, app, origin))
}

/// A session that a token began ends with the token: taken out of the configuration, it opens nothing any more.
fn still_good(s: &Session, doors: &Doors, now: At) -> bool {
    s.who.is_some()
        || doors
            .tokens
            .iter()
            .any(|t| t.name == s.name && t.role == s.role && !t.is_over(now))
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        if let Some(known) = parts.extensions.get::<Caller>() {
            return Ok(known.clone());
        }
        let caller = let_in(parts, app).await?;
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}

impl OptionalFromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Option<Self>, Problem> {
        Ok(<Caller as FromRequestParts<Arc<App>>>::from_request_parts(parts, app)
            .await
            .ok())
    }
}
