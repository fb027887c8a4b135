//! The methods of Python's texts, lists and maps that templates call.

use super::call::{Call, bad};
use super::own;
use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

/// The longest text that a method may make: a template that multiplies texts must not fill the memory.
pub const TEXT_MAX: usize = 16 << 20;

/// A method that the engine does not know.
pub fn method(state: &mut State, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        return text_method(state, value, text, name, args);
    }
    if value.kind() == ValueKind::Map && ["copy", "pop", "setdefault", "update"].contains(&name) {
        return map_method(value, name, args);
    }
    if matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) && ["index", "copy"].contains(&name) {
        return list_method(value, name, args);
    }
    minijinja_contrib::pycompat::unknown_method_callback(state, value, name, args)
}

fn map_method(value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    let call = Call::new(args);
    match name {
        "copy" => Ok(own::own(value)),
        // Without a variable to change, only the answer can be seen.
        "pop" | "setdefault" => match call.by_place() {
            [key, rest @ ..] => {
                let found = value.get_item(key)?;
                match found.is_undefined() {
                    false => Ok(found),
                    true => rest.first().cloned().ok_or_else(|| bad(format!("no key {key}"))),
                }
            }
            [] => Err(bad(format!("{name} needs a key"))),
        },
        _ => Ok(Value::from(())),
    }
}

fn list_method(value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    if name == "copy" {
        return Ok(own::own(value));
    }
    let wanted = args.first().ok_or_else(|| bad("index needs a value"))?;
    let at = value.try_iter()?.position(|v| &v == wanted);
    at.map(|n| Value::from(n as u64))
        .ok_or_else(|| bad(format!("{wanted} is not in the list")))
}

/// Blank as Python's `strip` without arguments sees it.
fn blank(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

fn text_method(state: &mut State, value: &Value, s: &str, name: &str, args: &[Value]) -> Result<Value, Error> {
    let call = Call::new(args);
    let first = call.text(0, "", "");
    Ok(match name {
        "upper" => Value::from(s.to_uppercase()),
        "lower" => Value::from(s.to_lowercase()),
        "casefold" => Value::from(s.to_lowercase().replace('ß', "ss")),
        "swapcase" => Value::from(s.chars().map(swap).collect::<String>()),
        "capitalize" => Value::from(capitalise(s)),
        "title" => Value::from(title(s)),
        "strip" | "lstrip" | "rstrip" => Value::from(strip(s, name, call.value(0, "chars"))),
        "removeprefix" => Value::from(s.strip_prefix(first.as_str()).unwrap_or(s)),
        "removesuffix" => Value::from(s.strip_suffix(first.as_str()).unwrap_or(s)),
        "replace" => Value::from(replace(
            s,
            &first,
            &call.text(1, "new", ""),
            call.number(2, "count", -1)?,
        )?),
        "split" | "rsplit" => Value::from(split(s, name, call.value(0, "sep"), call.number(1, "maxsplit", -1)?)?),
        "splitlines" => Value::from(splitlines(s, call.flag(0, "keepends", false))),
        "partition" => Value::from(match s.split_once(first.as_str()) {
            Some((a, b)) => three(a, &first, b),
            None => three(s, "", ""),
        }),
        "rpartition" => Value::from(match s.rsplit_once(first.as_str()) {
            Some((a, b)) => three(a, &first, b),
            None => three("", "", s),
        }),
        "startswith" | "endswith" => Value::from(starts(s, name, call.value(0, "prefix"))?),
        "find" | "rfind" | "index" | "rindex" => position(s, name, &first)?,
        "count" => Value::from(s.matches(first.as_str()).count() as u64),
        "zfill" | "ljust" | "rjust" | "center" => {
            let width = usize::try_from(call.number(0, "width", 0)?).unwrap_or(0);
            Value::from(pad(
                s,
                name,
                width,
                call.text(1, "fillchar", " ").chars().next().unwrap_or(' '),
            )?)
        }
        "expandtabs" => Value::from(expand(
            s,
            usize::try_from(call.number(0, "tabsize", 8)?).unwrap_or(8).min(256),
        )),
        "join" => Value::from(join(s, call.value(0, "iterable"))?),
        "isidentifier" => Value::from(identifier(s)),
        "isdecimal" => Value::from(!s.is_empty() && s.chars().all(|c| c.is_ascii_digit())),
        "istitle" => Value::from(s.chars().any(char::is_alphabetic) && title(s) == s),
        "isprintable" => Value::from(s.chars().all(|c| !c.is_control())),
        "encode" => Value::from_bytes(s.as_bytes().to_vec()),
        "format_map" => return minijinja_contrib::pycompat::unknown_method_callback(state, value, "format", args),
        _ => return minijinja_contrib::pycompat::unknown_method_callback(state, value, name, args),
    })
}

fn three(a: &str, b: &str, c: &str) -> Tuple {
    Tuple::from(vec![Value::from(a), Value::from(b), Value::from(c)])
}

fn swap(c: char) -> String {
    match c.is_uppercase() {
        true => c.to_lowercase().collect(),
        false => c.to_uppercase().collect(),
    }
}

/// `str.capitalize`.
pub fn capitalise(s: &str) -> String {
    let mut chars = s.chars();
    match chars.next() {
        Some(c) => c.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect(),
        None => String::new(),
    }
}

/// `str.title`: whatever follows something that is no letter is the start of a word.
pub fn title(s: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for c in s.chars() {
        match inside {
            true => out.extend(c.to_lowercase()),
            false => out.extend(c.to_uppercase()),
        }
        inside = c.is_alphabetic();
    }
    out
}

fn strip(s: &str, name: &str, chars: Option<Value>) -> String {
    let set: Option<Vec<char>> = chars.filter(|v| !v.is_none()).map(|v| v.to_string().chars().collect());
    let drop = |c: char| set.as_ref().map_or_else(|| blank(c), |set| set.contains(&c));
    let s = if name == "rstrip" {
        s
    } else {
        s.trim_start_matches(drop)
    };
    (if name == "lstrip" { s } else { s.trim_end_matches(drop) }).to_owned()
}

fn replace(s: &str, old: &str, new: &str, count: i64) -> Result<String, Error> {
    let times = s.matches(old).count();
    if s.len().saturating_add(times.saturating_mul(new.len())) > TEXT_MAX {
        return Err(bad("the text would be too long"));
    }
    Ok(match usize::try_from(count) {
        Ok(n) => s.replacen(old, new, n),
        Err(_) => s.replace(old, new),
    })
}

fn split(s: &str, name: &str, sep: Option<Value>, max: i64) -> Result<Vec<String>, Error> {
    let max = usize::try_from(max).unwrap_or(usize::MAX - 1);
    let sep = sep.filter(|v| !v.is_none()).map(|v| v.to_string());
    let own = |i: Vec<&str>| i.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let Some(sep) = sep else {
        return Ok(match name {
            "split" => words(s, max),
            _ => {
                let back: String = s.chars().rev().collect();
                let mut all: Vec<String> = words(&back, max).iter().map(|w| w.chars().rev().collect()).collect();
                all.reverse();
                all
            }
        });
    };
    if sep.is_empty() {
        return Err(bad("empty separator"));
    }
    Ok(match name {
        "split" => own(s.splitn(max + 1, sep.as_str()).collect()),
        _ => {
            let mut all = own(s.rsplitn(max + 1, sep.as_str()).collect());
            all.reverse();
            all
        }
    })
}

fn words(s: &str, max: usize) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = s.trim_start_matches(blank);
    while !rest.is_empty() {
        if out.len() == max {
            out.push(rest.trim_end_matches(blank).to_owned());
            break;
        }
        let end = rest.find(blank).unwrap_or(rest.len());
        out.push(rest[..end].to_owned());
        rest = rest[end..].trim_start_matches(blank);
    }
    out
}

/// `str.splitlines`.
pub fn splitlines(s: &str, keep: bool) -> Vec<String> {
    let ends = [
        '\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}',
    ];
    let mut out = Vec::new();
    let mut rest = s;
    while !rest.is_empty() {
        let (line, end) = match rest.find(ends) {
            Some(at) if rest[at..].starts_with("\r\n") => (at, at + 2),
            Some(at) => (at, at + rest[at..].chars().next().map_or(1, char::len_utf8)),
            None => (rest.len(), rest.len()),
        };
        out.push(rest[..if keep { end } else { line }].to_owned());
        rest = &rest[end..];
    }
    out
}

fn starts(s: &str, name: &str, what: Option<Value>) -> Result<bool, Error> {
    let what = what.ok_or_else(|| Error::from(ErrorKind::MissingArgument))?;
    let one = |p: &str| {
        if name == "startswith" {
            s.starts_with(p)
        } else {
            s.ends_with(p)
        }
    };
    match what.as_str() {
        Some(p) => Ok(one(p)),
        None => Ok(what.try_iter()?.any(|v| one(&v.to_string()))),
    }
}

fn position(s: &str, name: &str, what: &str) -> Result<Value, Error> {
    let at = if name.starts_with('r') {
        s.rfind(what)
    } else {
        s.find(what)
    };
    match at {
        Some(n) => Ok(Value::from(s[..n].chars().count() as u64)),
        None if name.ends_with("find") => Ok(Value::from(-1)),
        None => Err(bad("substring not found")),
    }
}

/// `str.zfill`, `ljust`, `rjust` and `center`.
pub fn pad(s: &str, name: &str, width: usize, fill: char) -> Result<String, Error> {
    if width > TEXT_MAX {
        return Err(bad("the text would be too long"));
    }
    let missing = width.saturating_sub(s.chars().count());
    let of = |n: usize, c: char| c.to_string().repeat(n);
    Ok(match name {
        "zfill" => match s.chars().next().filter(|c| ['+', '-'].contains(c)) {
            Some(sign) => format!("{sign}{}{}", of(missing, '0'), &s[1..]),
            None => format!("{}{s}", of(missing, '0')),
        },
        "ljust" => format!("{s}{}", of(missing, fill)),
        "rjust" => format!("{}{s}", of(missing, fill)),
        _ => {
            // Python puts the odd one to the left exactly where the width is odd too.
            let left = missing / 2 + (missing & width & 1);
            format!("{}{s}{}", of(left, fill), of(missing - left, fill))
        }
    })
}

fn expand(s: &str, size: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for c in s.chars() {
        match c {
            '\t' if size == 0 => {}
            '\t' => {
                let n = size - column % size;
                out.push_str(&" ".repeat(n));
                column += n;
            }
            '\n' | '\r' => {
                out.push(c);
                column = 0;
            }
            c => {
                out.push(c);
                column += 1;
            }
        }
    }
    out
}

fn join(s: &str, items: Option<Value>) -> Result<String, Error> {
    let items = items.ok_or_else(|| Error::from(ErrorKind::MissingArgument))?;
    let mut out = String::new();
    for (n, item) in items.try_iter()?.enumerate() {
        if n > 0 {
            out.push_str(s);
        }
        out.push_str(
            item.as_str()
                .ok_or_else(|| bad(format!("sequence item {n}: expected str instance")))?,
        );
        if out.len() > TEXT_MAX {
            return Err(bad("the text would be too long"));
        }
    }
    Ok(out)
}

fn identifier(s: &str) -> bool {
    let mut chars = s.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_') && chars.all(|c| c.is_alphanumeric() || c == '_')
}

/// How Python shows a value inside another one.
pub fn repr(value: &Value) -> String {
    match value.as_str() {
        Some(s) => text_repr(s),
        None if value.kind() == ValueKind::Seq => {
            let items: Vec<String> = value
                .try_iter()
                .map(|i| i.map(|v| repr(&v)).collect())
                .unwrap_or_default();
            match value.downcast_object_ref::<Tuple>().is_some() || value.is_tuple() {
                true if items.len() == 1 => format!("({},)", items[0]),
                true => format!("({})", items.join(", ")),
                false => format!("[{}]", items.join(", ")),
            }
        }
        None if value.kind() == ValueKind::Map => {
            let pairs = value.try_iter().map(|keys| {
                keys.map(|k| format!("{}: {}", repr(&k), repr(&value.get_item(&k).unwrap_or_default())))
                    .collect::<Vec<_>>()
            });
            format!("{{{}}}", pairs.unwrap_or_default().join(", "))
        }
        None => value.to_string(),
    }
}

/// `repr` of a text.
pub fn text_repr(s: &str) -> String {
    let quote = if s.contains('\'') && !s.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::from(quote);
    for c in s.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\x{:02x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}
