//! What every new repository gets besides files, as the configuration says it, and the secrets that calls are filled with.

use super::Git;
use crate::http::Fault;
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use crypto_box::aead::OsRng;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The largest value that GitHub takes, in bytes.
const VALUE_MAX: usize = 48 * 1024;

/// An element of `environments`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// What is deployed to: `production`.
    pub name: String,
}

/// An element of `variables`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Its name: `REGISTRY`.
    pub name: String,
    /// What it holds.
    pub value: String,
    /// The environment that it is for; the whole repository where there is none.
    #[serde(default)]
    pub environment: Option<String>,
}

/// An element of `secrets`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// Its name: `REGISTRY_TOKEN`.
    pub name: String,
    /// What it holds.
    pub value: Secret,
    /// The environment that it is for; the whole repository where there is none.
    #[serde(default)]
    pub environment: Option<String>,
}

/// An element of `webhooks`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where it is told.
    pub url: String,
    /// Of what, in the provider's words; pushes where nothing is said.
    #[serde(default = "events")]
    pub events: Vec<String>,
    /// What it is signed with.
    #[serde(default)]
    pub secret: Option<Secret>,
}

fn events() -> Vec<String> {
    vec!["push".to_owned()]
}

/// Secrets by where they belong: `NAME`, `production/NAME`, or the address of a webhook.
#[derive(Debug, Clone, Default)]
pub struct Strongbox(BTreeMap<String, Secret>);

impl Strongbox {
    /// Of everything that is configured.
    pub fn new(secrets: &[Held], webhooks: &[Webhook]) -> Strongbox {
        let named = secrets.iter().map(|s| (spot(s), s.value.clone()));
        let signed = webhooks.iter().filter_map(|w| Some((w.url.clone(), w.secret.clone()?)));
        Strongbox(named.chain(signed).collect())
    }
}

fn spot(held: &Held) -> String {
    match &held.environment {
        Some(e) => format!("{e}/{}", held.name),
        None => held.name.clone(),
    }
}

/// What is wrong with these, each with the key that it stands under.
pub fn faults(
    environments: &[Environment],
    variables: &[Variable],
    secrets: &[Held],
    webhooks: &[Webhook],
) -> Vec<String> {
    let named = environments.iter().map(|e| &e.name);
    let of_variables = variables.iter().filter_map(|v| v.environment.as_ref());
    let of_secrets = secrets.iter().filter_map(|s| s.environment.as_ref());
    let places = named.chain(of_variables).chain(of_secrets).filter(|e| !is_place(e));
    let mut out: Vec<String> = places
        .map(|e| format!("environments: {e:?} is no name of an environment; write letters, digits, hyphens"))
        .collect();
    let names = variables.iter().map(|v| ("variables", &v.name));
    let names = names.chain(secrets.iter().map(|s| ("secrets", &s.name)));
    for (key, name) in names.filter(|(_, name)| !is_name(name)) {
        let words = "write letters, digits and underscores, no digit first, and not GITHUB_ at the beginning";
        out.push(format!("{key}: {name:?} is no name of one; {words}"));
    }
    let sizes = variables.iter().map(|v| ("variables", &v.name, v.value.len()));
    let sizes = sizes.chain(secrets.iter().map(|s| ("secrets", &s.name, s.value.expose().len())));
    for (key, name, _) in sizes.filter(|(_, _, bytes)| *bytes > VALUE_MAX) {
        out.push(format!(
            "{key}: {name} is larger than 48 KiB, and no provider takes that"
        ));
    }
    for hook in webhooks {
        let url = &hook.url;
        if !(url.starts_with("https://")
            || url.starts_with("http://127.0.0.1:")
            || url.starts_with("http://localhost:"))
        {
            out.push(format!(
                "webhooks: {url:?} is no address that can be told anything safely; write https://…"
            ));
        }
        if hook.events.is_empty() {
            out.push(format!(
                "webhooks: {url:?} is told of nothing; leave events out, or name some"
            ));
        }
    }
    out
}

fn is_place(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=100).contains(&name.len()) && name.chars().all(fits)
}

fn is_name(name: &str) -> bool {
    let begins = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    begins && name.chars().all(fits) && !name.to_ascii_uppercase().starts_with("GITHUB_")
}

fn refused(why: String) -> Fault {
    Fault::Refused {
        status: 0,
        why,
        body: Bytes::new(),
    }
}

impl Git {
    /// What a call says, its secrets in their places: sealed with the key of where they go, or, what a webhook is signed
    /// with, as it is.
    pub(super) async fn filled(&self, path: &str, body: &Value) -> Result<Value, Fault> {
        if let Some(spot) = body["encrypted_value"]["$secret"].as_str() {
            let secret = self.held(spot)?;
            let at = path.rsplit_once('/').map_or(path, |(before, _)| before);
            let key = self.get(&format!("{at}/public-key")).await?.unwrap_or_default();
            let sealed = seal(key["key"].as_str().unwrap_or_default(), secret)
                .ok_or_else(|| refused(format!("{} gave no key to seal a secret with", self.config.name())))?;
            return Ok(json!({ "encrypted_value": sealed, "key_id": key["key_id"] }));
        }
        self.with_secrets(body)
    }

    fn with_secrets(&self, body: &Value) -> Result<Value, Fault> {
        match body {
            Value::Object(map) => match map.get("$secret").and_then(Value::as_str) {
                Some(spot) => Ok(json!(self.held(spot)?.expose())),
                None => {
                    let filled = map.iter().map(|(k, v)| Ok((k.clone(), self.with_secrets(v)?)));
                    filled
                        .collect::<Result<serde_json::Map<_, _>, Fault>>()
                        .map(Value::Object)
                }
            },
            other => Ok(other.clone()),
        }
    }

    fn held(&self, spot: &str) -> Result<&Secret, Fault> {
        let known = self.strongbox.0.get(spot);
        known.ok_or_else(|| refused(format!("the secret {spot} is not in [shaper] of imp.toml any more")))
    }
}

/// A sealed box, as libsodium makes them, that only the key's owner opens.
fn seal(key: &str, secret: &Secret) -> Option<String> {
    let key: [u8; 32] = STANDARD.decode(key).ok()?.try_into().ok()?;
    let sealed = crypto_box::PublicKey::from(key).seal(&mut OsRng, secret.expose().as_bytes());
    Some(STANDARD.encode(sealed.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_of_the_key_opens_what_was_sealed() {
        let key = crypto_box::SecretKey::generate(&mut OsRng);
        let shown = STANDARD.encode(key.public_key().as_bytes());
        let sealed = seal(&shown, &Secret::new("swordfish")).expect("sealed");
        let bytes = STANDARD.decode(&sealed).expect("base64");
        assert_eq!(key.unseal(&bytes).expect("opened"), b"swordfish");
        assert!(crypto_box::SecretKey::generate(&mut OsRng).unseal(&bytes).is_err());
        assert_eq!(seal("no key", &Secret::new("swordfish")), None);
    }

    #[test]
    fn what_no_provider_takes_is_said_at_once() {
        let variable = |name: &str| Variable {
            name: name.into(),
            value: String::new(),
            environment: Some("a/b".into()),
        };
        let hook = Webhook {
            url: "ftp://x".into(),
            events: vec![],
            secret: None,
        };
        let said = faults(&[], &[variable("GITHUB_X"), variable("GOOD")], &[], &[hook]);
        let about: Vec<&str> = said.iter().filter_map(|f| f.split_once(':')).map(|(k, _)| k).collect();
        assert_eq!(
            about,
            ["environments", "environments", "variables", "webhooks", "webhooks"],
            "{said:?}"
        );
    }
}
