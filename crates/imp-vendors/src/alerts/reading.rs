//! One payload read as its source's file says. Pure.

use super::{Fault, Field, Kind, ReadError, Source};
use imp_core::catalogue::Reference;
use imp_core::{Alert, At, words};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// Names of a service that are kept; the catalogue is asked for each.
const HINTS_MAX: usize = 10;
/// Addresses that are kept; more than people look at.
const LINKS_MAX: usize = 10;
/// The longest address that is kept; Slack's buttons take 3000.
const URL_MAX: usize = 2000;
/// Labels that are kept.
const LABELS_MAX: usize = 30;
/// Values of one label that are kept where the alerts of a group differ in it.
const VALUES_MAX: usize = 3;
/// Longest name or value of a label, key or hint.
const WORD_MAX: usize = 200;

/// Reads one alert; `at` is where it stands in the payload. None where the payload is about something else.
pub(super) fn alert(name: &str, source: &Source, payload: &Value, at: &str) -> Result<Option<Alert>, ReadError> {
    let shape = |path: String, message: &str| ReadError {
        path,
        message: message.to_owned(),
        kind: Fault::Shape,
    };
    if !payload.is_object() {
        return Err(shape(at.to_owned(), "it must be a map"));
    }
    let about_it = |v: &Value| {
        let says = |o: &super::Only| {
            get(v, &o.path)
                .and_then(|v| text(&v))
                .is_none_or(|w| o.words.iter().any(|one| one.eq_ignore_ascii_case(&w)))
        };
        source.only.iter().all(says)
    };
    // Asked of the envelope and of what is in it: each knows its own part.
    if !about_it(payload) {
        return Ok(None);
    }
    let (opened, at) = unwrapped(source, payload, at)?;
    let (payload, at) = (opened.as_ref().unwrap_or(payload), at.as_str());
    if !about_it(payload) {
        return Ok(None);
    }
    let items: Vec<&Value> = source
        .each
        .as_deref()
        .and_then(|p| plain(payload, p))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .collect();
    for field in &source.fields {
        holds(source, field, payload, &items, at)?;
    }
    let fires = |v: &Value, paths: &[String]| {
        let word = paths
            .iter()
            .find_map(|p| get(v, p.trim_start_matches("@.")).and_then(|v| text(&v)));
        !word.is_some_and(|w| source.resolved.iter().any(|r| means(r, &w)))
    };
    let mut ordered: Vec<&Value> = items.clone();
    ordered.sort_by_key(|i| !fires(i, &source.state));
    let look = Look {
        payload,
        items: &ordered,
    };

    let title = look
        .first(&source.title)
        .map(|t| words::title(&t))
        .filter(|t| !t.is_empty());
    let Some(title) = title else {
        let path = source
            .title
            .first()
            .map_or(at.to_owned(), |p| format!("{at}.{}", p.trim_start_matches("@.")));
        return Err(shape(path, "it is missing; without it the alert has no title"));
    };
    let key = match look.first(&source.key) {
        Some(key) => fitting(key),
        None => hash(
            &source
                .fingerprint
                .iter()
                .map(|p| p.split('|').find_map(|p| look.one(p)).unwrap_or_default())
                .collect::<Vec<_>>()
                .join("\u{1f}"),
        ),
    };
    let left_out = source
        .more
        .iter()
        .find_map(|p| plain(payload, p))
        .and_then(Value::as_u64)
        .unwrap_or(0);
    let count = u64::try_from(items.len())
        .unwrap_or(u64::MAX)
        .max(1)
        .saturating_add(left_out);
    Ok(Some(Alert {
        source: name.to_owned(),
        key,
        firing: fires(payload, &source.state),
        title,
        detail: look
            .first(&source.detail)
            .map(|t| words::text(&t))
            .filter(|t| !t.is_empty()),
        severity: look
            .first(&source.severity)
            .map(|t| words::cut(&words::title(&t), WORD_MAX)),
        service_hints: look.hints(&source.service),
        since: look.all(&source.since).iter().filter_map(|t| moment(t)).min(),
        told_at: look.all(&source.told).iter().filter_map(|t| moment(t)).max(),
        count: u32::try_from(count).unwrap_or(u32::MAX),
        links: links(source, &look),
        labels: labels(source, &look),
    }))
}

/// What is in the envelope, and where it stands; none where it comes without one.
fn unwrapped(source: &Source, payload: &Value, at: &str) -> Result<(Option<Value>, String), ReadError> {
    let inner = source
        .inside
        .as_deref()
        .and_then(|p| Some((p, plain(payload, p)?.as_str()?)));
    let Some((path, inner)) = inner else {
        return Ok((None, at.to_owned()));
    };
    let at = format!("{at}.{path}");
    match serde_json::from_str(inner) {
        Ok(opened @ Value::Object(_)) => Ok((Some(opened), at)),
        Ok(_) | Err(_) => Err(ReadError {
            path: at,
            message: "it must be a map as JSON".to_owned(),
            kind: Fault::Shape,
        }),
    }
}

/// Whether a word is the one that a file names; a name that begins with `*` is an ending.
fn means(named: &str, word: &str) -> bool {
    let word = word.to_lowercase();
    match named.strip_prefix('*') {
        Some(end) => word.ends_with(&end.to_lowercase()),
        None => word == named.to_lowercase(),
    }
}

/// A moment as sources write it: RFC 3339, also without the colon in its zone, or seconds, milliseconds or
/// nanoseconds since 1970, told apart by their length: as seconds, more than ten digits were beyond the year 2286.
fn moment(text: &str) -> Option<At> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let at = if digits && !text.is_empty() {
        let n: i64 = text.parse().ok()?;
        match text.len() {
            ..=10 => At(n.checked_mul(1_000)?),
            11..=16 => At(n),
            17.. => At(n / 1_000_000),
        }
    } else {
        At::parse(text).or_else(|| {
            let zone = text.len().checked_sub(2)?;
            let sign = text.len().checked_sub(5)?;
            let plain = matches!(text.get(sign..=sign)?, "+" | "-");
            plain
                .then(|| {
                    format!(
                        "{}:{}",
                        text.get(..zone).unwrap_or_default(),
                        text.get(zone..).unwrap_or_default()
                    )
                })
                .and_then(|t| At::parse(&t))
        })?
    };
    (at.0 > 0).then_some(at)
}

/// Whether what a file demands of a path is so.
fn holds(source: &Source, field: &Field, payload: &Value, items: &[&Value], at: &str) -> Result<(), ReadError> {
    match field.path.strip_prefix("@.") {
        None => kind(field, plain(payload, &field.path), &format!("{at}.{}", field.path)),
        Some(path) => {
            let each = source.each.as_deref().unwrap_or_default();
            let one = |(n, item): (usize, &&Value)| kind(field, plain(item, path), &format!("{at}.{each}[{n}].{path}"));
            items.iter().enumerate().try_for_each(one)
        }
    }
}

fn kind(field: &Field, value: Option<&Value>, path: &str) -> Result<(), ReadError> {
    let must = match (field.is, field.words.as_slice()) {
        (Kind::Text, []) => "it must be text".to_owned(),
        (Kind::Text, words) => format!("it must be one of: {}", words.join(", ")),
        (Kind::List, _) => "it must be a list".to_owned(),
        (Kind::Map, _) => "it must be a map".to_owned(),
        (Kind::Time, _) => "it must be a time such as 2026-11-22T10:00:00Z".to_owned(),
    };
    let message = match value {
        None | Some(Value::Null) if !field.required => return Ok(()),
        None | Some(Value::Null) => format!(
            "it is missing; {}",
            if field.words.is_empty() {
                &must
            } else {
                "it must be text"
            }
        ),
        Some(v) => {
            let fits = match field.is {
                Kind::Text => v.as_str().is_some_and(|s| {
                    !s.trim().is_empty()
                        && (field.words.is_empty() || field.words.iter().any(|w| w.eq_ignore_ascii_case(s)))
                }),
                Kind::List => v.is_array(),
                Kind::Map => v.is_object(),
                Kind::Time => v.as_str().is_some_and(|s| At::parse(s).is_some()),
            };
            if fits {
                return Ok(());
            }
            must
        }
    };
    Err(ReadError {
        path: path.to_owned(),
        message,
        kind: Fault::Shape,
    })
}

/// A payload and the single alerts in it, those that fire first.
struct Look<'a> {
    payload: &'a Value,
    items: &'a [&'a Value],
}

impl<'a> Look<'a> {
    fn values(&self, path: &str) -> Vec<Cow<'a, Value>> {
        match path.strip_prefix("@.") {
            Some(path) => self.items.iter().filter_map(|i| get(i, path)).collect(),
            None => get(self.payload, path).into_iter().collect(),
        }
    }

    fn one(&self, path: &str) -> Option<String> {
        self.values(path).iter().find_map(|v| text(v))
    }

    fn first(&self, paths: &[String]) -> Option<String> {
        paths.iter().find_map(|p| self.one(p))
    }

    fn all(&self, paths: &[String]) -> Vec<String> {
        paths
            .iter()
            .flat_map(|p| self.values(p))
            .filter_map(|v| text(&v))
            .collect()
    }

    /// What the first that fires says comes first, in the order of the paths; then the next, and so on.
    fn hints(&self, paths: &[String]) -> Vec<String> {
        let of_group = paths
            .iter()
            .filter(|p| !p.starts_with("@."))
            .filter_map(|p| get(self.payload, p));
        let of_items = self.items.iter().flat_map(|i| {
            paths
                .iter()
                .filter_map(|p| p.strip_prefix("@."))
                .filter_map(|p| get(i, p))
        });
        let mut out: Vec<String> = Vec::new();
        for hint in of_items
            .chain(of_group)
            .filter_map(|v| text(&v))
            .map(|t| words::cut(&words::title(&t), WORD_MAX))
        {
            if out.len() < HINTS_MAX && !out.contains(&hint) {
                out.push(hint);
            }
        }
        out
    }
}

fn links(source: &Source, look: &Look<'_>) -> Vec<Reference> {
    let mut out: Vec<Reference> = Vec::new();
    for linked in &source.links {
        let Some(url) = look.all(&linked.paths).into_iter().find(|u| is_web(u)) else {
            continue;
        };
        if out.len() < LINKS_MAX && !out.iter().any(|l| l.url == url) {
            out.push(Reference {
                label: linked.label.clone(),
                url,
            });
        }
    }
    out
}

fn labels(source: &Source, look: &Look<'_>) -> Vec<(String, String)> {
    let mut out: Vec<(String, Vec<String>)> = Vec::new();
    for map in source.labels.iter().flat_map(|p| look.values(p)) {
        for (name, value) in pairs(&map) {
            let Some(value) = text(&value).map(|v| words::cut(&words::title(&v), WORD_MAX)) else {
                continue;
            };
            let name = words::cut(&words::title(&name), WORD_MAX);
            match out.iter().position(|(n, _)| *n == name).and_then(|n| out.get_mut(n)) {
                Some((_, values)) if values.contains(&value) => {}
                Some((_, values)) => values.push(value),
                None => out.push((name, vec![value])),
            }
        }
    }
    out.truncate(LABELS_MAX);
    let joined = |values: Vec<String>| match values.len() > VALUES_MAX {
        true => format!("{}, …", values.get(..VALUES_MAX).unwrap_or_default().join(", ")),
        false => values.join(", "),
    };
    out.into_iter().map(|(name, values)| (name, joined(values))).collect()
}

/// Whether it is an address that a person can open, and no script.
fn is_web(url: &str) -> bool {
    let scheme = url.starts_with("https://") || url.starts_with("http://");
    scheme && url.len() <= URL_MAX && !url.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// A key that fits into the store whole; a longer one is kept as its hash, so that two long ones stay two.
fn fitting(key: String) -> String {
    match key.chars().count() > WORD_MAX {
        true => hash(&key),
        false => key,
    }
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes())).chars().take(32).collect()
}

/// The value at a path; `#name` at its end looks a name up in pairs.
fn get<'a>(value: &'a Value, path: &str) -> Option<Cow<'a, Value>> {
    match path.split_once('#') {
        None => plain(value, path).map(Cow::Borrowed),
        Some((path, name)) => pairs(plain(value, path)?)
            .into_iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| Cow::Owned(v)),
    }
}

/// The value at a path of names and numbers.
fn plain<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |v, name| match v {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        Value::Object(map) => map.get(name),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

/// Names with values, in whichever form sources write them.
fn pairs(value: &Value) -> Vec<(String, Value)> {
    let split = |t: &str| {
        let (name, value) = t.trim().split_once([':', '='])?;
        Some((name.trim().to_owned(), Value::from(value.trim())))
    };
    match value {
        Value::Object(map) => map.iter().map(|(n, v)| (n.clone(), v.clone())).collect(),
        Value::String(one) => one.split(',').filter_map(split).collect(),
        Value::Array(items) => items
            .iter()
            .filter_map(|item| match item {
                Value::String(one) => split(one),
                Value::Array(two) => Some((text(two.first()?)?, two.get(1)?.clone())),
                Value::Object(map) => {
                    let name = map.get("name").or_else(|| map.get("key"))?;
                    Some((text(name)?, map.get("value")?.clone()))
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => None,
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// A value as text, where it is a plain one and not empty.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(s) if !s.trim().is_empty() => Some(s.trim().to_owned()),
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
