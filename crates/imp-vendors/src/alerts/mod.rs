//! What monitoring systems send, read into alerts. A source is one data file in `sources/`: where in its JSON the parts
//! of an alert stand, with examples and the alerts expected of them.

mod reading;
pub mod sender;

pub use sender::Config;

use imp_core::Alert;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// How deep a payload may be nested; real ones are four or five deep.
const DEPTH_MAX: usize = 64;

/// The data files, by the name in the address.
const FILES: [(&str, &str); 10] = [
    ("alertmanager", include_str!("sources/alertmanager.toml")),
    ("cloudevents", include_str!("sources/cloudevents.toml")),
    ("cloudwatch", include_str!("sources/cloudwatch.toml")),
    ("datadog", include_str!("sources/datadog.toml")),
    ("generic", include_str!("sources/generic.toml")),
    ("grafana", include_str!("sources/grafana.toml")),
    ("newrelic", include_str!("sources/newrelic.toml")),
    ("opsgenie", include_str!("sources/opsgenie.toml")),
    ("pagerduty", include_str!("sources/pagerduty.toml")),
    ("sentry", include_str!("sources/sentry.toml")),
];

static SOURCES: LazyLock<BTreeMap<&'static str, Source>> = LazyLock::new(|| {
    let parsed = FILES.iter().filter_map(|(name, text)| match toml::from_str(text) {
        Ok(source) => Some((*name, source)),
        Err(e) => {
            tracing::error!(source = name, "the alert source's file is wrong: {e}");
            None
        }
    });
    parsed.collect()
});

/// How one source is read. A path is names with dots between, from the payload's root; a number is a place in a list.
/// One that begins with `@.` is looked up in each item of the list `each`, those that fire first. One that ends in `#name`
/// looks that name up in pairs: `name:value` texts, lists of two, or maps with `name` or `key` and `value`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What it is, in a sentence.
    pub about: String,
    /// Whether a payload may be a list of what is described here.
    #[serde(default)]
    pub lists: bool,
    /// Path of a text that is itself the payload, as JSON, where the payload comes in an envelope.
    #[serde(default)]
    pub inside: Option<String>,
    /// What must be so for a payload to say anything of an alert; others are taken and tell nothing.
    #[serde(default)]
    pub only: Vec<Only>,
    /// Path of the list of single alerts in a group.
    #[serde(default)]
    pub each: Option<String>,
    /// Paths of a number of further alerts that the list leaves out.
    #[serde(default)]
    pub more: Vec<String>,
    /// What must be there, and of which kind.
    #[serde(default, rename = "field")]
    pub fields: Vec<Field>,
    /// Paths of the group's key; the first that is there.
    #[serde(default)]
    pub key: Vec<String>,
    /// Where there is no key: paths whose values together make one; of paths with `|` between the first that is there.
    #[serde(default)]
    pub fingerprint: Vec<String>,
    /// Paths of the word that says whether it fires.
    #[serde(default)]
    pub state: Vec<String>,
    /// The words that say it does not; `*.resolved` means any that ends so. Without a word it fires.
    #[serde(default)]
    pub resolved: Vec<String>,
    /// Paths of the time at which the source saw this; deliveries may overtake each other.
    #[serde(default)]
    pub told: Vec<String>,
    /// Paths of the title; the first that is there.
    pub title: Vec<String>,
    /// Paths of more text; the first that is there.
    #[serde(default)]
    pub detail: Vec<String>,
    /// Paths of the word for how bad it is; the first that is there.
    #[serde(default)]
    pub severity: Vec<String>,
    /// Paths of names that may be the service's, best first; all that are there.
    #[serde(default)]
    pub service: Vec<String>,
    /// Paths of the time of the beginning; the earliest.
    #[serde(default)]
    pub since: Vec<String>,
    /// Paths of maps of labels; all of them.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Where to look.
    #[serde(default, rename = "link")]
    pub links: Vec<Linked>,
    /// Examples, which a test reads.
    #[serde(default, rename = "example")]
    pub examples: Vec<Example>,
}

/// What a path must say for a payload to be about an alert.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Only {
    /// Which; where it is not there, nothing is asked of it.
    pub path: String,
    /// The words that it may be.
    pub words: Vec<String>,
}

/// What must hold of a path.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Which.
    pub path: String,
    /// Of which kind it is, where it is there.
    pub is: Kind,
    /// Whether it must be there.
    #[serde(default)]
    pub required: bool,
    /// The only words that it may be, where that is so.
    #[serde(default)]
    pub words: Vec<String>,
}

/// Kinds of values in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Text that is not empty.
    Text,
    /// A list.
    List,
    /// A map.
    Map,
    /// A point in time in RFC 3339.
    Time,
}

/// An address in a payload.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linked {
    /// What it is, for people.
    pub label: String,
    /// Its paths; the first that holds an address of the web.
    pub paths: Vec<String>,
}

/// A payload and what is to be read out of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// What it shows.
    pub shows: String,
    /// The payload, as JSON.
    pub payload: String,
    /// The alerts, as JSON.
    pub alerts: String,
}

/// Why a payload could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// Where in the payload: `$.alerts[0].labels`.
    pub path: String,
    /// What is wrong there, for whoever sends it.
    pub message: String,
    /// Of which kind the fault is.
    pub kind: Fault,
}

/// Kinds of faults in a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No source has this name.
    UnknownSource,
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The text is not JSON.
    NotJson,
    /// It is nested deeper than any real payload.
    TooDeep,
    /// Something is missing or of the wrong kind.
    Shape,
}

/// The names of all sources.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

/// The source with this name.
pub fn source(name: &str) -> Option<&'static Source> {
    SOURCES.get(name)
}

/// Reads what a source has sent.
///
/// # Errors
/// The first fault, with its place.
pub fn read(name: &str, body: &[u8]) -> Result<Vec<Alert>, ReadError> {
    let fault = |kind, message: String| ReadError {
        path: "$".to_owned(),
        message,
        kind,
    };
    let Some(source) = source(name) else {
        let known: Vec<String> = names().map(str::to_owned).collect();
        let message = format!(
            "there is no alert source {name:?}; there are {}",
            imp_core::words::list(&known)
        );
        return Err(fault(Fault::UnknownSource, message));
    };
    let text = std::str::from_utf8(body)
        .map_err(|e| fault(Fault::NotUtf8, format!("the byte at {} is not UTF-8", e.valid_up_to())))?;
    let text = text.trim_start_matches('\u{FEFF}');
    if depth(text) > DEPTH_MAX {
        return Err(fault(Fault::TooDeep, format!("it is nested deeper than {DEPTH_MAX}")));
    }
    let payload: Value =
        serde_json::from_str(text).map_err(|e| fault(Fault::NotJson, format!("it is not JSON: {e}")))?;
    let found: Vec<Option<Alert>> = match payload {
        Value::Array(items) if source.lists => {
            let one = |(n, item): (usize, &Value)| reading::alert(name, source, item, &format!("$[{n}]"));
            items.iter().enumerate().map(one).collect::<Result<_, _>>()?
        }
        one => vec![reading::alert(name, source, &one, "$")?],
    };
    Ok(found.into_iter().flatten().collect())
}

/// How deep brackets are nested outside of strings.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for b in text.bytes() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_of_every_source_is_read_as_it_says() {
        for (name, text) in FILES {
            let source: Source = toml::from_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(!source.examples.is_empty(), "{name} shows no example");
            for e in source.examples {
                let read = read(name, e.payload.as_bytes()).unwrap_or_else(|f| panic!("{name}, {}: {f:?}", e.shows));
                let expected: Vec<Alert> =
                    serde_json::from_str(&e.alerts).unwrap_or_else(|f| panic!("{name}, {}: {f}", e.shows));
                let pretty = serde_json::to_string_pretty(&read).unwrap_or_default();
                assert_eq!(read, expected, "{name}, {}: it is read as\n{pretty}", e.shows);
            }
        }
    }

    #[test]
    fn faults_are_told_with_their_place() {
        let told = |source: &str, body: &[u8]| {
            read(source, body)
                .map_err(|e| (e.kind, e.path, e.message))
                .expect_err("a fault")
        };
        assert_eq!(told("nagios", b"{}").0, Fault::UnknownSource);
        assert_eq!(told("generic", b"\xff").0, Fault::NotUtf8);
        assert_eq!(told("generic", b"{\"title\": ").0, Fault::NotJson);
        assert_eq!(told("generic", "[".repeat(100_000).as_bytes()).0, Fault::TooDeep);
        let shape = |source: &str, body: &str| {
            let (kind, path, message) = told(source, body.as_bytes());
            assert_eq!(kind, Fault::Shape);
            format!("{path}: {message}")
        };
        assert_eq!(shape("generic", "{}"), "$.title: it is missing; it must be text");
        assert_eq!(
            shape("generic", r#"[{"title": "a"}, {"title": 7}]"#),
            "$[1].title: it must be text"
        );
        assert_eq!(
            shape("generic", r#"{"title": "a", "status": "on"}"#),
            "$.status: it must be one of: firing, resolved"
        );
        assert_eq!(
            shape("generic", r#"{"title": "a", "since": "noon"}"#),
            "$.since: it must be a time such as 2026-11-22T10:00:00Z"
        );
        assert_eq!(shape("generic", "7"), "$: it must be a map");
        assert_eq!(
            shape(
                "alertmanager",
                r#"{"status": "firing", "groupKey": "k", "alerts": [{"labels": 3}]}"#
            ),
            "$.alerts[0].labels: it must be a map"
        );
        assert_eq!(
            shape("alertmanager", r#"{"groupKey": "k", "alerts": []}"#),
            "$.status: it is missing; it must be text"
        );
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let whole = source("alertmanager").expect("known").examples[0].payload.clone();
        for end in 0..whole.len() {
            let _ = read("alertmanager", &whole.as_bytes()[..end]);
            let mut broken = whole.clone().into_bytes();
            broken[end] = broken[end].wrapping_mul(31).wrapping_add(7);
            let _ = read("alertmanager", &broken);
            let _ = read("generic", &broken);
        }
    }
}
