//! The filters that copier always loads: Ansible's.

use super::call::{Call, bad};
use super::{json, python};
use crate::{yaml, yaml_out};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fancy_regex::{Regex, RegexBuilder};
use minijinja::value::{Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, Value};
use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};

/// Steps that one regular expression may take back: longer ones never end.
const BACKTRACKS_MAX: usize = 1_000_000;

/// A value of a template as data; what is undefined is nothing.
pub fn data(value: &Value) -> Result<serde_json::Value, Error> {
    serde_json::to_value(value).map_err(|e| bad(e.to_string()))
}

/// Adds them all.
pub fn add(env: &mut Environment<'_>) {
    for (name, nice) in [("to_yaml", false), ("to_nice_yaml", true)] {
        env.add_filter(name, move |v: Value, rest: Rest<ValueOrKwargs>| {
            to_yaml(&v, &rest.into(), nice)
        });
    }
    env.add_filter("from_yaml", |v: Value| match v.as_str() {
        Some(s) => yaml::read(s).map(|d| Value::from_serialize_data(&d)).map_err(bad),
        None => Ok(v),
    });
    env.add_filter("to_json", |v: Value, rest: Rest<ValueOrKwargs>| {
        to_json(&v, &rest.into(), None, false)
    });
    env.add_filter("to_nice_json", |v: Value, rest: Rest<ValueOrKwargs>| {
        to_json(&v, &rest.into(), Some(4), true)
    });
    env.add_filter("from_json", |v: String| {
        serde_json::from_str::<serde_json::Value>(&v)
            .map(|d| Value::from_serialize_data(&d))
            .map_err(|e| bad(e.to_string()))
    });
    env.add_filter("b64encode", |v: Value| STANDARD.encode(v.to_string()));
    env.add_filter("b64decode", |v: String| {
        let bytes = STANDARD.decode(v.trim()).map_err(|e| bad(e.to_string()))?;
        String::from_utf8(bytes).map_err(|e| bad(e.to_string()))
    });
    env.add_filter("hash", |v: Value, rest: Rest<ValueOrKwargs>| {
        hash(&v, &Call::from(rest).text(0, "hashtype", "sha1"))
    });
    for name in ["sha1", "checksum"] {
        env.add_filter(name, |v: Value| hash(&v, "sha1"));
    }
    env.add_filter("md5", |v: Value| hash(&v, "md5"));
    env.add_filter("to_uuid", |v: Value| to_uuid(&v.to_string()));
    env.add_filter("quote", |v: Value| shell_quote(&v.to_string()));
    env.add_filter("bool", |v: Value| match v.as_str() {
        Some(s) => Value::from(["yes", "on", "1", "true"].contains(&s.to_lowercase().as_str())),
        None if v.is_none() || v.kind() == ValueKind::Bool => v,
        None => Value::from(v == Value::from(1)),
    });
    env.add_filter("ternary", |v: Value, rest: Rest<ValueOrKwargs>| {
        let call = Call::from(rest);
        match (v.is_none(), call.value(2, "none_val")) {
            (true, Some(none)) if !none.is_none() => none,
            _ => call
                .value(
                    usize::from(!v.is_true()),
                    if v.is_true() { "true_val" } else { "false_val" },
                )
                .unwrap_or_default(),
        }
    });
    env.add_filter("mandatory", |v: Value, rest: Rest<ValueOrKwargs>| {
        match v.is_undefined() {
            true => Err(bad(Call::from(rest).text(0, "msg", "Mandatory variable not defined."))),
            false => Ok(v),
        }
    });
    env.add_filter("type_debug", |v: Value| type_name(&v));
    paths(env);
    regular(env);
    collections(env);
    env.add_filter("comment", |v: String, rest: Rest<ValueOrKwargs>| {
        comment(&v, &rest.into())
    });
}

fn to_yaml(v: &Value, call: &Call, nice: bool) -> Result<String, Error> {
    let flow = call.value(9, "default_flow_style");
    let style = yaml_out::Style {
        indent: usize::try_from(call.number(if nice { 0 } else { 9 }, "indent", if nice { 4 } else { 2 })?)
            .unwrap_or(2),
        sort: call.flag(9, "sort_keys", true),
        flow: !nice && flow.is_none_or(|f| f.is_none()),
        width: usize::try_from(call.number(9, "width", 80)?).unwrap_or(80),
        unicode: call.flag(9, "allow_unicode", true),
    };
    Ok(yaml_out::write(&data(v)?, style))
}

fn to_json(v: &Value, call: &Call, indent: Option<i64>, sort: bool) -> Result<String, Error> {
    let indent = match call.value(if indent.is_some() { 0 } else { 9 }, "indent") {
        Some(v) if v.is_none() => None,
        Some(v) => Some(i64::try_from(v)?),
        None => indent,
    };
    let pair = call.value(9, "separators").and_then(|p| {
        Some((
            p.get_item_by_index(0).ok()?.to_string(),
            p.get_item_by_index(1).ok()?.to_string(),
        ))
    });
    let style = json::Style {
        indent: indent.and_then(|n| usize::try_from(n).ok()).map(|n| n.min(64)),
        sort: call.flag(1, "sort_keys", sort),
        ascii: call.flag(9, "ensure_ascii", true),
        separators: pair,
    };
    Ok(json::dumps(&data(v)?, &style))
}

fn hash(v: &Value, kind: &str) -> Result<Value, Error> {
    let text = v.to_string();
    let bytes = text.as_bytes();
    Ok(Value::from(match kind {
        "sha224" => hex::encode(Sha224::digest(bytes)),
        "sha256" => hex::encode(Sha256::digest(bytes)),
        "sha384" => hex::encode(Sha384::digest(bytes)),
        "sha512" => hex::encode(Sha512::digest(bytes)),
        "sha1" => hex::encode(sha1::Sha1::digest(bytes)),
        "md5" => hex::encode(md5::Md5::digest(bytes)),
        _ => return Ok(Value::from(())),
    }))
}

/// Version 5 of RFC 4122 in Ansible's own namespace.
fn to_uuid(text: &str) -> String {
    const SPACE: [u8; 16] = [
        0x20, 0x85, 0x1c, 0x88, 0xac, 0x15, 0x44, 0x9f, 0x9e, 0xe7, 0x74, 0x82, 0x91, 0x05, 0xda, 0x86,
    ];
    let mut all = SPACE.to_vec();
    all.extend(text.as_bytes());
    let mut bytes: Vec<u8> = sha1::Sha1::digest(&all)[..16].to_vec();
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    uuid_text(&bytes)
}

/// Sixteen bytes as people write them.
pub fn uuid_text(bytes: &[u8]) -> String {
    let h = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..32])
}

/// `shlex.quote`.
pub fn shell_quote(s: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    match !s.is_empty() && s.chars().all(safe) {
        true => s.to_owned(),
        false => format!("'{}'", s.replace('\'', "'\"'\"'")),
    }
}

fn type_name(v: &Value) -> &'static str {
    match v.kind() {
        ValueKind::Bool => "bool",
        ValueKind::Number if v.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::String => "str",
        ValueKind::Bytes => "bytes",
        ValueKind::Seq | ValueKind::Iterable => "list",
        ValueKind::Map => "dict",
        ValueKind::None => "NoneType",
        _ => "Undefined",
    }
}

fn pair(a: &str, b: &str) -> Value {
    Value::from(minijinja::value::Tuple::from(vec![Value::from(a), Value::from(b)]))
}

fn paths(env: &mut Environment<'_>) {
    env.add_filter("basename", |v: String| {
        v.rsplit('/').next().unwrap_or_default().to_owned()
    });
    env.add_filter("dirname", |v: String| match v.rfind('/') {
        Some(0) => "/".to_owned(),
        Some(n) => v[..n].trim_end_matches('/').to_owned(),
        None => String::new(),
    });
    env.add_filter("splitext", |v: String| {
        let name = v.rfind('/').map_or(0, |n| n + 1);
        let lead = v[name..].len() - v[name..].trim_start_matches('.').len();
        match v[name + lead..].rfind('.') {
            Some(n) => pair(&v[..name + lead + n], &v[name + lead + n..]),
            None => pair(&v, ""),
        }
    });
    env.add_filter("win_basename", |v: String| {
        v.rsplit(['/', '\\']).next().unwrap_or_default().to_owned()
    });
}

fn regex(pattern: &str, call: &Call, places: (usize, usize)) -> Result<Regex, Error> {
    // Python writes named groups as the engine does; `\Z` is its end of text.
    let pattern = pattern.replace("\\Z", "\\z");
    RegexBuilder::new(&pattern)
        .case_insensitive(call.flag(places.0, "ignorecase", false))
        .multi_line(call.flag(places.1, "multiline", false))
        .backtrack_limit(BACKTRACKS_MAX)
        .build()
        .map_err(|e| bad(format!("{pattern} is no regular expression: {e}")))
}

/// A replacement as Python writes it (`\1`, `\g<name>`) with what was found.
fn expand(replacement: &str, found: &fancy_regex::Captures<'_, str>) -> String {
    let mut out = String::new();
    let mut rest = replacement;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let named = rest.strip_prefix("g<").and_then(|r| r.split_once('>'));
        let digits = rest.chars().take(2).take_while(char::is_ascii_digit).count();
        let group = |n: &str| match n.parse::<usize>() {
            Ok(n) => found.get(n),
            Err(_) => found.name(n),
        };
        match named {
            Some((name, after)) => {
                out.push_str(group(name).map_or("", |m| m.as_str()));
                rest = after;
            }
            None if digits > 0 => {
                out.push_str(group(&rest[..digits]).map_or("", |m| m.as_str()));
                rest = &rest[digits..];
            }
            None => {
                let c = rest.chars().next();
                match c {
                    Some('n') => out.push('\n'),
                    Some('t') => out.push('\t'),
                    Some('r') => out.push('\r'),
                    Some('\\') => out.push('\\'),
                    Some(c) => out.extend(['\\', c]),
                    None => out.push('\\'),
                }
                rest = &rest[c.map_or(0, char::len_utf8)..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// `re.sub`.
pub fn substitute(regex: &Regex, text: &str, replacement: &str) -> Result<String, Error> {
    let mut out = String::new();
    let mut from = 0;
    for found in regex.captures_iter(text) {
        let found = found.map_err(|e| bad(e.to_string()))?;
        if let Some(all) = found.get(0) {
            out.push_str(&text[from..all.start()]);
            out.push_str(&expand(replacement, &found));
            from = all.end();
        }
    }
    out.push_str(&text[from..]);
    Ok(out)
}

fn regular(env: &mut Environment<'_>) {
    env.add_filter("regex_replace", |v: Value, rest: Rest<ValueOrKwargs>| {
        let call = Call::from(rest);
        substitute(
            &regex(&call.text(0, "pattern", ""), &call, (2, 9))?,
            &v.to_string(),
            &call.text(1, "replacement", ""),
        )
    });
    env.add_filter("regex_escape", |v: String| {
        let special = "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}";
        v.chars()
            .flat_map(|c| special.contains(c).then_some('\\').into_iter().chain([c]))
            .collect::<String>()
    });
    env.add_filter(
        "regex_findall",
        |v: Value, rest: Rest<ValueOrKwargs>| -> Result<Value, Error> {
            let call = Call::from(rest);
            let r = regex(&call.text(0, "regex", ""), &call, (2, 1))?;
            let text = v.to_string();
            let mut out = Vec::new();
            for found in r.captures_iter(&text) {
                let found = found.map_err(|e| bad(e.to_string()))?;
                let group = |n: usize| Value::from(found.get(n).map_or("", |m| m.as_str()));
                out.push(match found.len() {
                    1 => group(0),
                    2 => group(1),
                    n => Value::from((1..n).map(group).collect::<Vec<_>>()),
                });
            }
            Ok(Value::from(out))
        },
    );
    env.add_filter(
        "regex_search",
        |v: Value, rest: Rest<ValueOrKwargs>| -> Result<Value, Error> {
            let call = Call::from(rest);
            let r = regex(&call.text(0, "regex", ""), &call, (99, 99))?;
            let text = v.to_string();
            let Some(found) = r.captures(text.as_str()).map_err(|e| bad(e.to_string()))? else {
                return Ok(Value::from(()));
            };
            let wanted: Vec<String> = call.by_place().iter().skip(1).map(ToString::to_string).collect();
            if wanted.is_empty() {
                return Ok(Value::from(found.get(0).map_or("", |m| m.as_str())));
            }
            let groups = wanted.iter().map(|w| Value::from(expand(w, &found)));
            Ok(Value::from(groups.collect::<Vec<_>>()))
        },
    );
}

fn items(v: &Value) -> Result<Vec<Value>, Error> {
    Ok(v.try_iter()?.collect())
}

fn flatten(v: &Value, levels: Option<i64>, out: &mut Vec<Value>) -> Result<(), Error> {
    for item in v.try_iter()? {
        let nothing = item.is_none() || matches!(item.as_str(), Some("None" | "null"));
        match item.kind() {
            _ if nothing => break,
            ValueKind::Seq | ValueKind::Iterable if levels.is_none_or(|n| n >= 1) => {
                flatten(&item, levels.map(|n| n - 1), out)?;
            }
            _ => out.push(item),
        }
    }
    Ok(())
}

fn collections(env: &mut Environment<'_>) {
    env.add_filter("flatten", |v: Value, rest: Rest<ValueOrKwargs>| {
        let call = Call::from(rest);
        let levels = call
            .value(0, "levels")
            .filter(|l| !l.is_none())
            .map(i64::try_from)
            .transpose()?;
        let mut out = Vec::new();
        flatten(&v, levels, &mut out).map(|()| Value::from(out))
    });
    env.add_filter("combine", |v: Value, rest: Rest<ValueOrKwargs>| {
        let call = Call::from(rest);
        let mut all = vec![v];
        all.extend(call.by_place().iter().cloned());
        let mut flat = Vec::new();
        flatten(&Value::from(all), Some(1), &mut flat)?;
        let recursive = call.flag(99, "recursive", false);
        let mut out = serde_json::Map::new();
        for map in &flat {
            merge(&mut out, data(map)?, recursive);
        }
        Ok::<_, Error>(Value::from_serialize_data(&serde_json::Value::Object(out)))
    });
    env.add_filter("dict2items", |v: Value, rest: Rest<ValueOrKwargs>| {
        let call = Call::from(rest);
        let names = (call.text(0, "key_name", "key"), call.text(1, "value_name", "value"));
        let pairs = items(&v)?.into_iter().map(|k| {
            let value = v.get_item(&k).unwrap_or_default();
            Value::from_pairs([(names.0.clone(), k), (names.1.clone(), value)])
        });
        Ok::<_, Error>(Value::from(pairs.collect::<Vec<_>>()))
    });
    env.add_filter("items2dict", |v: Value, rest: Rest<ValueOrKwargs>| {
        let call = Call::from(rest);
        let names = (call.text(0, "key_name", "key"), call.text(1, "value_name", "value"));
        let pairs = items(&v)?
            .into_iter()
            .map(|i| Ok((i.get_attr(&names.0)?, i.get_attr(&names.1)?)));
        Ok::<_, Error>(Value::from_pairs(pairs.collect::<Result<Vec<_>, Error>>()?))
    });
    env.add_filter("extract", |key: Value, container: Value, rest: Rest<ValueOrKwargs>| {
        let mut found = container.get_item(&key)?;
        let more = Call::from(rest).value(0, "morekeys").filter(|m| !m.is_none());
        let keys = match more {
            Some(m) if matches!(m.kind(), ValueKind::Seq) => items(&m)?,
            Some(m) => vec![m],
            None => Vec::new(),
        };
        for k in keys {
            found = found.get_item(&k)?;
        }
        Ok::<_, Error>(found)
    });
    env.add_filter("subelements", |v: Value, rest: Rest<ValueOrKwargs>| {
        let call = Call::from(rest);
        let path = call.value(0, "subelements").unwrap_or_default();
        let path: Vec<String> = match path.as_str() {
            Some(s) => s.split('.').map(str::to_owned).collect(),
            None => items(&path)?.iter().map(ToString::to_string).collect(),
        };
        let skip = call.flag(1, "skip_missing", false);
        let elements = match v.kind() {
            ValueKind::Map => items(&v)?.iter().map(|k| v.get_item(k)).collect::<Result<_, _>>()?,
            _ => items(&v)?,
        };
        let mut out = Vec::new();
        for element in elements {
            let mut values = element.clone();
            for key in &path {
                values = values.get_attr(key)?;
                if values.is_undefined() {
                    match skip {
                        true => values = Value::from(Vec::<Value>::new()),
                        false => return Err(bad(format!("could not find '{key}' key in iterated item"))),
                    }
                    break;
                }
            }
            for value in items(&values)? {
                out.push(Value::from(minijinja::value::Tuple::from(vec![element.clone(), value])));
            }
        }
        Ok(Value::from(out))
    });
}

fn merge(into: &mut serde_json::Map<String, serde_json::Value>, from: serde_json::Value, recursive: bool) {
    let serde_json::Value::Object(from) = from else {
        return;
    };
    for (k, v) in from {
        match (into.get_mut(&k), v) {
            (Some(serde_json::Value::Object(old)), new @ serde_json::Value::Object(_)) if recursive => {
                merge(old, new, true)
            }
            (_, v) => {
                into.insert(k, v);
            }
        }
    }
}

fn comment(text: &str, call: &Call) -> Result<String, Error> {
    let (begin, decoration, end) = match call.text(0, "style", "plain").as_str() {
        "plain" => ("", "# ", ""),
        "erlang" => ("", "% ", ""),
        "c" => ("", "// ", ""),
        "cblock" => ("/*", " * ", "*/"),
        "xml" => ("<!--", " - ", "-->"),
        other => return Err(bad(format!("no style {other} of comments"))),
    };
    let end = if end == "*/" { " */" } else { end };
    let decoration = call.text(99, "decoration", decoration);
    let bare = decoration.trim_end();
    let newline = call.text(99, "newline", "\n");
    let begin = call.text(99, "beginning", begin);
    let prefix = call.text(99, "prefix", bare);
    let postfix = call.text(99, "postfix", bare);
    let end = call.text(99, "end", end);
    let count = |name: &str| {
        call.number(99, name, 1)
            .map(|n| usize::try_from(n).unwrap_or(0).min(1000))
    };
    let mut out = String::new();
    if !begin.is_empty() {
        out.push_str(&format!("{begin}{newline}"));
    }
    if !prefix.is_empty() {
        let line = if prefix == newline {
            newline.clone()
        } else {
            format!("{prefix}{newline}")
        };
        out.push_str(&line.repeat(count("prefix_count")?));
    }
    let body = format!(
        "{decoration}{}",
        text.replace(&newline, &format!("{newline}{decoration}"))
    );
    out.push_str(&body.replace(&format!("{decoration}{newline}"), &format!("{bare}{newline}")));
    out.push_str(&format!("{newline}{postfix}").repeat(count("postfix_count")?));
    if !end.is_empty() {
        out.push_str(&format!("{newline}{end}"));
    }
    if out.len() > python::TEXT_MAX {
        return Err(bad("the comment would be too long"));
    }
    Ok(out)
}

/// Data as a value of a template.
pub trait FromData {
    /// The same, for templates.
    fn from_serialize_data(data: &serde_json::Value) -> Value;
}

impl FromData for Value {
    fn from_serialize_data(data: &serde_json::Value) -> Value {
        Value::from(minijinja::value::Serde(data))
    }
}
