//! Signing in at an identity provider: OpenID Connect, the code flow with PKCE. What the provider says is believed only
//! where its signature, its addressee, its time and our own nonce say that it is meant for this very sign-in.

use crate::config::Auth;
use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imp_console::App;
use imp_console::caller::{cookie, cookie_name, origin_of, session_of};
use imp_console::pages::sign_in::{Newcomer, Wish, inside, let_in, set_cookie, trouble};
use imp_core::{At, Role, Who};
use imp_engine::identity::Subject;
use imp_vendors::http::{self, Http};
use imp_vendors::secret::Secret;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use subtle::ConstantTimeEq;

/// What faults call it.
const NAME: &str = "the identity provider";
/// The cookie of a sign-in that is under way.
const COOKIE: &str = "imp_sign_in";
/// How long somebody may take at the provider: with a second factor and a lost telephone.
const LASTS_MS: i64 = 10 * 60_000;
/// How long the provider may take for an answer: somebody waits before a page.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long what the provider says of itself is believed.
const DISCOVERY_MS: i64 = 10 * 60_000;
/// How soon its keys are read again where one is not known: it may just have changed them.
const KEYS_AGAIN_MS: i64 = 2_000;
/// How far the provider's clock and ours may be apart.
const SKEW_MS: i64 = 60_000;
/// Signatures that are believed. Those by a shared secret, and none at all, are not among them.
const SIGNED_BY: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// What members of a group may do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupRole {
    /// The group, as the provider calls it.
    pub group: String,
    /// What its members may do.
    pub role: Role,
    /// For which team alone, by alias; left out: everywhere.
    pub team: Option<String>,
}

/// The identity provider, as it is configured and as it says of itself.
pub struct Provider {
    issuer: String,
    client_id: String,
    client_secret: Option<Secret>,
    scopes: String,
    groups_claim: String,
    roles: Vec<GroupRole>,
    default_role: Role,
    back: String,
    http: Http,
    /// Signs the cookie; all replicas have the same one where there is a client secret.
    seal: Secret,
    known: Mutex<Option<(At, Arc<Discovered>)>>,
    keys: Mutex<Option<(At, Arc<JwkSet>)>>,
}

#[derive(Debug, Deserialize)]
struct Discovered {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

/// Why somebody is not let in: the status, and what the page says.
#[derive(Debug, PartialEq, Eq)]
pub struct Why(StatusCode, String);

fn down(e: &http::Fault) -> Why {
    let words = format!(
        "The identity provider does not work at the moment: {}. Try again in a minute; an API token opens the console meanwhile.",
        e.why()
    );
    Why(StatusCode::SERVICE_UNAVAILABLE, words)
}

fn refused(words: impl Into<String>) -> Why {
    Why(StatusCode::FORBIDDEN, words.into())
}

fn broken(words: impl Into<String>) -> Why {
    Why(StatusCode::BAD_GATEWAY, words.into())
}

impl Provider {
    /// The provider of a configuration; none where none is configured.
    pub fn of(auth: &Auth, public_url: &str, http: Http) -> Option<Provider> {
        let (issuer, client_id) = (auth.issuer.clone()?, auth.client_id.clone()?);
        let seal = match &auth.client_secret {
            Some(s) => s.hmac(&[b"imp sign-in"]),
            None => imp_console::secret(),
        };
        Some(Provider {
            issuer: issuer.trim_end_matches('/').to_owned(),
            client_id,
            client_secret: auth.client_secret.clone(),
            scopes: auth.scopes.clone(),
            groups_claim: auth.groups_claim.clone(),
            roles: auth.roles.clone(),
            default_role: auth.default_role,
            back: format!("{public_url}/sign-in/callback"),
            http,
            seal: Secret::new(seal),
            known: Mutex::default(),
            keys: Mutex::default(),
        })
    }

    /// What the button calls it: its host.
    pub fn name(issuer: &str) -> String {
        let host = issuer.split("://").nth(1).unwrap_or(issuer);
        host.split('/').next().unwrap_or(host).to_owned()
    }

    async fn discovered(&self, now: At) -> Result<Arc<Discovered>, Why> {
        let kept = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, known)) = kept.filter(|(at, _)| now.since(*at) < DISCOVERY_MS) {
            return Ok(known);
        }
        let url = format!("{}/.well-known/openid-configuration", self.issuer);
        let answer = http::call(NAME, self.http.get(&url).timeout(PATIENCE))
            .await
            .map_err(|e| down(&e))?;
        let found: Discovered = answer.json(NAME).map_err(|e| down(&e))?;
        if found.issuer.trim_end_matches('/') != self.issuer {
            return Err(broken(format!(
                "The identity provider calls itself {:?}, the configuration calls it {:?}: [auth] issuer must be exactly the first.",
                imp_core::words::cut(&found.issuer, 200),
                self.issuer
            )));
        }
        // An https provider must not send anybody's code over plain http.
        let scheme = self.issuer.split("://").next().unwrap_or("https");
        let all = [&found.authorization_endpoint, &found.token_endpoint, &found.jwks_uri];
        let plain = |u: &str| scheme == "https" && !u.starts_with("https://") || !u.starts_with("http");
        if let Some(bad) = all.into_iter().chain(&found.userinfo_endpoint).find(|u| plain(u)) {
            let bad = imp_core::words::cut(bad, 200);
            return Err(broken(format!(
                "The identity provider names the address {bad:?}, which is not safe."
            )));
        }
        let found = Arc::new(found);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, found.clone()));
        Ok(found)
    }

    /// The provider's keys; read anew where the wanted one is not among them, since providers change them.
    async fn keys(&self, d: &Discovered, kid: Option<&str>, now: At) -> Result<Arc<JwkSet>, Why> {
        let kept = self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, keys)) = kept {
            let there = kid.is_none_or(|k| keys.find(k).is_some());
            let age = now.since(at);
            if there && age < DISCOVERY_MS || !there && age < KEYS_AGAIN_MS {
                return Ok(keys);
            }
        }
        let answer = http::call(NAME, self.http.get(&d.jwks_uri).timeout(PATIENCE))
            .await
            .map_err(|e| down(&e))?;
        let keys: JwkSet = answer.json(NAME).map_err(|e| down(&e))?;
        let keys = Arc::new(keys);
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, keys.clone()));
        Ok(keys)
    }

    fn sealed(&self, p: &Pending) -> String {
        let to = URL_SAFE_NO_PAD.encode(&p.to);
        let open = format!("{}.{}.{}.{}.{to}", p.state, p.nonce, p.verifier, p.until.0);
        let mark = self.seal.hmac(&[open.as_bytes()]);
        format!("{open}.{mark}")
    }

    fn unsealed(&self, cookie: &str, now: At) -> Option<Pending> {
        let (open, mark) = cookie.rsplit_once('.')?;
        let right = self.seal.hmac(&[open.as_bytes()]);
        if !bool::from(right.as_bytes().ct_eq(mark.as_bytes())) {
            return None;
        }
        let parts: Vec<&str> = open.split('.').collect();
        let [state, nonce, verifier, until, to] = parts[..] else {
            return None;
        };
        let to = String::from_utf8(URL_SAFE_NO_PAD.decode(to).ok()?).ok()?;
        let pending = Pending {
            state: state.to_owned(),
            nonce: nonce.to_owned(),
            verifier: verifier.to_owned(),
            until: At(until.parse().ok()?),
            to,
        };
        (now < pending.until).then_some(pending)
    }

    /// Gives the code for tokens, and reads from them who it is.
    async fn newcomer(&self, code: &str, p: &Pending, now: At) -> Result<Newcomer, Why> {
        let d = self.discovered(now).await?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.back),
            ("code_verifier", &p.verifier),
        ];
        let mut request = self.http.post(&d.token_endpoint);
        let methods = &d.token_endpoint_auth_methods_supported;
        let basic = methods.is_empty() || methods.iter().any(|m| m == "client_secret_basic");
        match &self.client_secret {
            // RFC 6749 wants both parts escaped as a form's are.
            Some(s) if basic => request = request.basic_auth(escaped(&self.client_id), Some(escaped(s.expose()))),
            Some(s) => form.extend([("client_id", self.client_id.as_str()), ("client_secret", s.expose())]),
            None => form.push(("client_id", &self.client_id)),
        }
        let answer = http::send(NAME, request.form(&form).timeout(PATIENCE))
            .await
            .map_err(|e| down(&e))?;
        if answer.status == 400 || answer.status == 401 {
            let said: Value = answer.json(NAME).unwrap_or_default();
            return Err(match said["error"].as_str() {
                Some("invalid_client") => broken(
                    "The identity provider does not accept IMP: [auth] client_id and client_secret do not belong together.",
                ),
                _ => refused(
                    "The identity provider did not accept this sign-in: it was used already, or it is too old. Begin again.",
                ),
            });
        }
        let answer = answer.checked(NAME).map_err(|e| down(&e))?;
        let tokens: Tokens = answer.json(NAME).map_err(|e| down(&e))?;
        let claims = self.claims(&d, &tokens.id_token, &p.nonce, now).await?;
        let claims = self.completed(&d, claims, &tokens.access_token).await?;
        let newcomer = self.person(&claims)?;
        tracing::info!(
            role = newcomer.role.word(),
            "somebody signed in at the identity provider"
        );
        Ok(newcomer)
    }

    /// What the ID token says, once everything that makes it believable has been looked at.
    async fn claims(&self, d: &Discovered, token: &str, nonce: &str, now: At) -> Result<Value, Why> {
        let unsigned = || refused("What the identity provider sent is not signed by it. Nobody was signed in.");
        let header = jsonwebtoken::decode_header(token).map_err(|_| unsigned())?;
        if !SIGNED_BY.contains(&header.alg) {
            return Err(unsigned());
        }
        let keys = self.keys(d, header.kid.as_deref(), now).await?;
        let fits = keys.keys.iter().filter(|k| match &header.kid {
            Some(kid) => k.common.key_id.as_ref() == Some(kid),
            None => true,
        });
        let mut v = Validation::new(header.alg);
        // Time, addressee and sender are looked at below, with words for each; and by our own clock.
        v.validate_exp = false;
        v.validate_aud = false;
        v.required_spec_claims.clear();
        let read = |k| jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(k).ok()?, &v).ok();
        let claims = fits.into_iter().find_map(read).ok_or_else(unsigned)?.claims;
        believable(&claims, &self.issuer, &self.client_id, nonce, now)?;
        Ok(claims)
    }

    /// Many providers tell the address only at another door.
    async fn completed(&self, d: &Discovered, mut claims: Value, access: &str) -> Result<Value, Why> {
        let whole = claims["email"].is_string() && claims.get(self.groups_claim.as_str()).is_some();
        let Some(url) = d.userinfo_endpoint.as_ref().filter(|_| !whole && !access.is_empty()) else {
            return Ok(claims);
        };
        let answer = http::call(NAME, self.http.get(url).bearer_auth(access).timeout(PATIENCE))
            .await
            .map_err(|e| down(&e))?;
        let more: Value = answer.json(NAME).map_err(|e| down(&e))?;
        if more["sub"] != claims["sub"] {
            return Err(refused(
                "The identity provider told of two different people. Nobody was signed in.",
            ));
        }
        if let (Some(claims), Some(more)) = (claims.as_object_mut(), more.as_object()) {
            for (k, v) in more {
                claims.entry(k.clone()).or_insert_with(|| v.clone());
            }
        }
        Ok(claims)
    }

    /// The person, and what their groups let them do.
    fn person(&self, claims: &Value) -> Result<Newcomer, Why> {
        let Some(email) = claims["email"].as_str().map(str::trim).filter(|e| e.contains('@')) else {
            return Err(refused(
                "The identity provider does not say your e-mail address, and by that IMP knows people. Ask whoever runs it to let IMP have the claim email.",
            ));
        };
        if !matches!(&claims["email_verified"], Value::Bool(true)) && claims["email_verified"] != "true" {
            return Err(refused(
                "The identity provider has not verified your e-mail address, so IMP cannot believe that it is yours. Verify it there, then sign in again.",
            ));
        }
        let groups: Vec<&str> = match &claims[self.groups_claim.as_str()] {
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            Value::String(one) => one.split([' ', ',']).filter(|g| !g.is_empty()).collect(),
            _ => Vec::new(),
        };
        let (mut role, mut teams) = (self.default_role, BTreeMap::new());
        for rule in self.roles.iter().filter(|r| groups.contains(&r.group.as_str())) {
            match &rule.team {
                None => role = role.max(rule.role),
                Some(team) => {
                    let has = teams.entry(team.clone()).or_insert(rule.role);
                    *has = rule.role.max(*has);
                }
            }
        }
        let name = claims["name"]
            .as_str()
            .or(claims["preferred_username"].as_str())
            .unwrap_or(email);
        let name = imp_core::words::cut(&imp_core::words::title(name), 100);
        Ok(Newcomer {
            who: Some(Who {
                slack: None,
                email: Some(imp_core::words::title(email).to_lowercase()),
                name: Some(name.clone()),
            }),
            subject: claims["sub"].as_str().map(|s| Subject {
                issuer: self.issuer.clone(),
                subject: s.to_owned(),
            }),
            name,
            role,
            teams,
            origin: String::new(),
            former: None,
        })
    }
}

/// A sign-in that is under way: what came back must belong to what was sent away, in the same browser.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pending {
    state: String,
    nonce: String,
    verifier: String,
    until: At,
    to: String,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    #[serde(default)]
    access_token: String,
}

/// Whether an ID token whose signature is right is meant for us, now, and for this sign-in.
fn believable(claims: &Value, issuer: &str, client_id: &str, nonce: &str, now: At) -> Result<(), Why> {
    let text = |k: &str| claims[k].as_str().unwrap_or_default();
    if text("iss").trim_end_matches('/') != issuer {
        return Err(refused(
            "What came was signed for another identity provider. Nobody was signed in.",
        ));
    }
    let (meant, others) = match &claims["aud"] {
        Value::String(s) => (s == client_id, false),
        Value::Array(all) => (all.iter().any(|a| a == client_id), all.len() > 1),
        _ => (false, false),
    };
    let for_us = claims["azp"].as_str().is_none_or(|azp| azp == client_id);
    if !meant || !for_us || others && claims["azp"].is_null() {
        return Err(refused(
            "What came is meant for another application than IMP: its audience is not [auth] client_id. Nobody was signed in.",
        ));
    }
    let moment = |k: &str| claims[k].as_f64().map(|s| At((s * 1000.0) as i64));
    let apart = |at: At| {
        let minutes = (now.since(at).abs() + 30_000) / 60_000;
        format!(
            "The clocks of the identity provider and of IMP are {minutes} minutes apart, or the sign-in took that long. Begin again; if it happens again, whoever runs them has to set the clocks."
        )
    };
    match moment("exp") {
        Some(at) if now.since(at) < SKEW_MS => {}
        Some(at) => return Err(refused(apart(at))),
        None => {
            return Err(refused(
                "What came does not say until when it holds. Nobody was signed in.",
            ));
        }
    }
    for k in ["iat", "nbf"] {
        if let Some(at) = moment(k).filter(|at| at.since(now) > SKEW_MS) {
            return Err(refused(apart(at)));
        }
    }
    if !bool::from(text("nonce").as_bytes().ct_eq(nonce.as_bytes())) {
        return Err(refused(
            "What came belongs to another sign-in than this browser's. Begin again.",
        ));
    }
    match text("sub").is_empty() {
        true => Err(refused("What came does not say who it is about. Nobody was signed in.")),
        false => Ok(()),
    }
}

fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    let one = |b: u8| match plain(b) {
        true => char::from(b).to_string(),
        false => format!("%{b:02X}"),
    };
    text.bytes().map(one).collect()
}

/// What the two routes need.
struct Door {
    app: Arc<App>,
    provider: Provider,
}

/// The routes: away to the provider, and back.
pub fn routes(app: Arc<App>, provider: Provider) -> Router {
    let door = Arc::new(Door { app, provider });
    let router = Router::new()
        .route("/sign-in/start", get(start))
        .route("/sign-in/callback", get(back))
        .with_state(door);
    imp_console::pages::guarded(router)
}

fn said(door: &Door, why: Why) -> Response {
    tracing::warn!(why = %why.1, "a sign-in at the identity provider did not succeed");
    let mut response = trouble(&door.app, why.0, "You are not signed in", &why.1);
    set_cookie(&mut response, COOKIE, "", 0, door.app.doors.secure);
    response
}

async fn start(State(door): State<Arc<Door>>, Query(wish): Query<Wish>) -> Response {
    let (p, now) = (&door.provider, door.app.desk.clock.now());
    let d = match p.discovered(now).await {
        Ok(d) => d,
        Err(why) => return said(&door, why),
    };
    let pending = Pending {
        state: imp_console::secret(),
        nonce: imp_console::secret(),
        verifier: imp_console::secret(),
        until: now.plus(LASTS_MS),
        to: inside(&wish.to).to_owned(),
    };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(pending.verifier.as_bytes()));
    let query = [
        ("response_type", "code"),
        ("client_id", &p.client_id),
        ("redirect_uri", &p.back),
        ("scope", &p.scopes),
        ("state", &pending.state),
        ("nonce", &pending.nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let query: Vec<String> = query.iter().map(|(k, v)| format!("{k}={}", escaped(v))).collect();
    let joint = if d.authorization_endpoint.contains('?') {
        '&'
    } else {
        '?'
    };
    let mut response = Redirect::to(&format!("{}{joint}{}", d.authorization_endpoint, query.join("&"))).into_response();
    set_cookie(
        &mut response,
        COOKIE,
        &p.sealed(&pending),
        LASTS_MS / 1000,
        door.app.doors.secure,
    );
    response
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    code: String,
    state: String,
    error: String,
    error_description: String,
    iss: Option<String>,
}

fn pending(door: &Door, headers: &HeaderMap, answer: &Answer, now: At) -> Result<Pending, Why> {
    let name = cookie_name(COOKIE, door.app.doors.secure);
    let found = cookie(headers, &name).and_then(|c| door.provider.unsealed(c, now));
    let again = "This sign-in was not begun in this browser, or it took longer than ten minutes. Begin again.";
    let p = found.ok_or_else(|| refused(again))?;
    if !bool::from(p.state.as_bytes().ct_eq(answer.state.as_bytes())) {
        return Err(refused(again));
    }
    if answer
        .iss
        .as_ref()
        .is_some_and(|i| i.trim_end_matches('/') != door.provider.issuer)
    {
        return Err(refused(
            "Another identity provider answered than was asked. Nobody was signed in.",
        ));
    }
    if !answer.error.is_empty() {
        let said = imp_core::words::cut(&imp_core::words::title(&answer.error_description), 200);
        let said = if said.is_empty() {
            imp_core::words::cut(&answer.error, 60)
        } else {
            said
        };
        return Err(refused(format!("The identity provider says: {said}")));
    }
    Ok(p)
}

async fn back(State(door): State<Arc<Door>>, Query(answer): Query<Answer>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let now = door.app.desk.clock.now();
    let p = match pending(&door, &parts.headers, &answer, now) {
        Ok(p) => p,
        Err(why) => return said(&door, why),
    };
    match door
        .provider
        .newcomer(&answer.code, &p, door.app.desk.clock.outside())
        .await
    {
        Ok(who) => {
            let newcomer = Newcomer {
                origin: origin_of(&parts),
                former: session_of(&parts.headers, &door.app.doors),
                ..who
            };
            let mut response = let_in(&door.app, newcomer, &p.to).await;
            set_cookie(&mut response, COOKIE, "", 0, door.app.doors.secure);
            response
        }
        Err(why) => said(&door, why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: At = At(1_800_000_000_000);

    fn claims() -> Value {
        json!({"iss": "https://login.example", "aud": "imp", "sub": "1", "nonce": "n",
               "iat": 1_800_000_000, "exp": 1_800_000_300})
    }

    fn verdict(change: impl FnOnce(&mut Value)) -> Result<(), Why> {
        let mut c = claims();
        change(&mut c);
        believable(&c, "https://login.example", "imp", "n", NOW)
    }

    #[test]
    fn only_what_is_meant_for_this_sign_in_is_believed() {
        assert_eq!(verdict(|_| {}), Ok(()));
        assert_eq!(verdict(|c| c["aud"] = json!(["imp"])), Ok(()));
        assert_eq!(
            verdict(|c| c["exp"] = json!(1_799_999_970)),
            Ok(()),
            "half a minute is no fault of anybody's"
        );
        let wrong: [(&str, Value); 11] = [
            ("iss", json!("https://evil.example")),
            ("aud", json!("other")),
            ("aud", json!(["imp", "other"])),
            ("aud", json!(null)),
            ("azp", json!("other")),
            ("exp", json!(1_799_999_700)),
            ("exp", json!(null)),
            ("iat", json!(1_800_000_300)),
            ("nbf", json!(1_800_000_300)),
            ("nonce", json!("m")),
            ("sub", json!("")),
        ];
        for (claim, value) in wrong {
            let shown = value.to_string();
            assert!(verdict(|c| c[claim] = value).is_err(), "{claim} = {shown}");
        }
        let Err(Why(_, words)) = verdict(|c| c["exp"] = json!(1_799_999_700)) else {
            panic!()
        };
        assert!(words.contains("5 minutes apart"), "{words}");
    }

    fn provider() -> Provider {
        let auth: Auth = toml::from_str(
            "issuer = \"https://login.example/\"\nclient_id = \"imp\"\nclient_secret = \"a-secret\"\n\
             roles = [{ group = \"sre\", role = \"commander\" }, { group = \"pay\", role = \"manager\", team = \"payments\" }]",
        )
        .expect("a section");
        Provider::of(&auth, "https://imp.example", Http::new().expect("a client")).expect("a provider")
    }

    #[test]
    fn groups_are_roles_and_only_a_verified_address_is_somebody() {
        let p = provider();
        let ada =
            json!({"email": "Ada@Example.com", "email_verified": true, "name": "Ada\nL", "groups": ["pay", "sre"]});
        let n = p.person(&ada).expect("somebody");
        assert_eq!((n.role, n.name.as_str()), (Role::Commander, "Ada L"));
        assert_eq!(n.teams.get("payments"), Some(&Role::Manager));
        assert_eq!(n.who.and_then(|w| w.email).as_deref(), Some("ada@example.com"));
        for wrong in [
            json!({"email": "a@example.com"}),
            json!({"email": "a@example.com", "email_verified": false}),
            json!({"email_verified": true}),
            json!({"email": "nobody", "email_verified": true}),
        ] {
            assert!(p.person(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_cookie_that_was_made_elsewhere_or_is_old_opens_nothing() {
        let p = provider();
        let pending = Pending {
            state: "s".into(),
            nonce: "n".into(),
            verifier: "v".into(),
            until: NOW.plus(1),
            to: "/incidents?q=ü.ö".into(),
        };
        let sealed = p.sealed(&pending);
        assert_eq!(p.unsealed(&sealed, NOW), Some(pending));
        assert_eq!(p.unsealed(&sealed, NOW.plus(1)), None);
        assert_eq!(p.unsealed(&sealed.replacen('s', "t", 1), NOW), None);
        assert_eq!(p.unsealed("", NOW), None);
    }
}
