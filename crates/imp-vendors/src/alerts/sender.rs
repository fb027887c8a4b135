//! Who sends alerts: the bearer token, or the source's own signature where it has one. Pure.

use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The section `[alerts]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The bearer token that every alert source sends.
    pub token: Secret,
    /// What a source signs with, by its name in the address; the token where it is left out.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
}

/// Sources that sign: `[alerts.secrets]` knows these names alone.
pub const SIGNERS: [&str; 2] = ["pagerduty", "sentry"];

/// Whether a request is from somebody who may send alerts: with the token as a bearer's, with the token as the password
/// of the basic scheme (SNS can do no other), or signed as the source signs.
pub fn is_known(config: &Config, source: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let given = text("authorization").and_then(token);
    if given.is_some_and(|g| same(&config.token, g.trim())) {
        return true;
    }
    let secret = config.secrets.get(source).unwrap_or(&config.token);
    match source {
        // https://developer.pagerduty.com, webhooks of version 3: several while secrets are exchanged, any may fit.
        "pagerduty" => text("x-pagerduty-signature").is_some_and(|all| {
            all.split(',')
                .filter_map(|one| one.trim().strip_prefix("v1="))
                .any(|one| secret.signed(&[body], one))
        }),
        // Sentry's integration platform: HMAC of the body with the client's secret.
        "sentry" => text("sentry-hook-signature").is_some_and(|one| secret.signed(&[body], one.trim())),
        _ => false,
    }
}

fn token(authorization: &str) -> Option<String> {
    let (scheme, rest) = authorization.split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(rest.to_owned()),
        "basic" => {
            let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
            pair.split_once(':').map(|(_, password)| password.to_owned())
        }
        _ => None,
    }
}

/// Compared by their HMACs, so that neither length nor place of a difference can be timed.
fn same(token: &Secret, given: &str) -> bool {
    token.signed(&[token.expose().as_bytes()], &token.hmac(&[given.as_bytes()]))
}

/// The address at which SNS wants to hear that it may send, where a body asks for that. Only Amazon's own is taken: the
/// body comes from outside, and no other address is called because of it.
pub fn subscription(body: &[u8]) -> Option<Url> {
    let payload: Value = serde_json::from_slice(body).ok()?;
    if payload.get("Type")?.as_str()? != "SubscriptionConfirmation" {
        return None;
    }
    let url = Url::parse(payload.get("SubscribeURL")?.as_str()?).ok()?;
    let plain =
        url.scheme() == "https" && url.port().is_none() && url.username().is_empty() && url.password().is_none();
    let host = url.host_str()?;
    let region = host
        .strip_suffix(".amazonaws.com.cn")
        .or_else(|| host.strip_suffix(".amazonaws.com"))?
        .strip_prefix("sns.")?;
    let is_region = !region.is_empty() && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (plain && is_region).then_some(url)
}

/// A CloudEvent in binary form, its attributes in headers, as the structured one; none where it is none.
/// <https://github.com/cloudevents/spec>, HTTP protocol binding.
pub fn structured(headers: &HeaderMap, body: &[u8]) -> Option<Vec<u8>> {
    headers.get("ce-specversion")?;
    let attributes = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("ce-")?;
        Some((name.to_owned(), Value::from(value.to_str().ok()?)))
    });
    let mut event: serde_json::Map<String, Value> = attributes.collect();
    let data = match body.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(body).ok()?,
    };
    event.insert("data".to_owned(), data);
    serde_json::to_vec(&json!(event)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        toml::from_str("token = 't'\nsecrets = { pagerduty = 'pd-secret', sentry = 'client-secret' }")
            .expect("a section")
    }

    fn known(source: &str, header: &'static str, value: &str, body: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header, value.parse().expect("a header"));
        is_known(&config(), source, &headers, body.as_bytes())
    }

    #[test]
    fn the_token_opens_as_a_bearer_and_as_a_password() {
        assert!(known("datadog", "authorization", "Bearer t", ""));
        assert!(known(
            "cloudwatch",
            "authorization",
            &format!("Basic {}", STANDARD.encode("imp:t")),
            ""
        ));
        for wrong in ["Bearer", "Bearer x", "Bearer ", "Basic t", "Basic !", "t"] {
            assert!(!known("datadog", "authorization", wrong, ""), "{wrong}");
        }
        let basic = format!("Basic {}", STANDARD.encode("t:x"));
        assert!(!known("datadog", "authorization", &basic, ""));
    }

    /// The vectors are computed by the vendors' published rule with another implementation of HMAC.
    #[test]
    fn a_sources_own_signature_opens_for_that_source_alone() {
        let body = r#"{"event":{"id":"01","event_type":"incident.triggered"}}"#;
        let two = "v1=5b0065b24a9f4e5e56723d6c08cd5289192a93b84866bd92fd07ceb395d36489,v1=7f0bba8706ef6d18b71140ba988586b9fd67c7356eadd44d139b833642dc4750";
        assert!(known("pagerduty", "x-pagerduty-signature", two, body));
        assert!(!known("pagerduty", "x-pagerduty-signature", two, "{}"));
        assert!(!known("generic", "x-pagerduty-signature", two, body));
        let body = r#"{"action":"triggered","installation":{"uuid":"u"},"data":{},"actor":{"type":"application","id":"sentry","name":"Sentry"}}"#;
        let one = "8d49820f6b7bb6d51181cbb97d7844371ad124ed2c9b84e5ba62105729fb8850";
        assert!(known("sentry", "sentry-hook-signature", one, body));
        assert!(!known("sentry", "sentry-hook-signature", &one.replace('8', "9"), body));
    }

    #[test]
    fn only_amazon_is_told_that_it_may_send() {
        let asks = |url: &str| {
            let body = json!({"Type": "SubscriptionConfirmation", "SubscribeURL": url}).to_string();
            subscription(body.as_bytes()).is_some()
        };
        assert!(asks(
            "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336"
        ));
        for wrong in [
            "http://sns.eu-west-1.amazonaws.com/",
            "https://sns.eu-west-1.amazonaws.com.evil.example/",
            "https://evil.example/?sns.eu-west-1.amazonaws.com",
            "https://sns.eu-west-1.amazonaws.com:8443/",
            "https://sns.eu-west-1.amazonaws.com@127.0.0.1/",
            "https://sns.x.y.amazonaws.com/",
            "file:///etc/passwd",
            "nothing",
        ] {
            assert!(!asks(wrong), "{wrong}");
        }
        assert!(subscription(b"{\"Type\": \"Notification\"}").is_none());
    }

    #[test]
    fn a_binary_cloud_event_becomes_a_structured_one() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("ce-specversion", "1.0"),
            ("ce-id", "7"),
            ("ce-source", "/probes"),
            ("ce-type", "probe.failed"),
        ] {
            headers.insert(name, value.parse().expect("a header"));
        }
        let body = structured(&headers, br#"{"title": "Slow"}"#).expect("an event");
        let alerts = crate::alerts::read("cloudevents", &body).expect("it is read");
        assert_eq!(alerts.len(), 1);
        assert_eq!(alerts[0].title, "Slow");
        assert!(structured(&HeaderMap::new(), b"{}").is_none());
    }
}
