//! YAML as PyYAML reads it (version 1.1: `yes` is true, `010` is eight), since templates count on it.

use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;

/// How deep a document may nest: deeper ones only exhaust the stack.
const DEPTH_MAX: usize = 64;
/// How many nodes a document may have once its aliases are written out.
const NODES_MAX: usize = 200_000;

/// What a plain scalar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool,
    /// A whole number.
    Int,
    /// A number with a fraction.
    Float,
    /// A day or a moment.
    Moment,
    /// The sign `<<` or `=`.
    Sign,
    /// Anything else.
    Text,
}

/// What a plain scalar is by YAML 1.1.
pub fn kind(s: &str) -> Kind {
    match s {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "yes" | "Yes" | "YES" | "no" | "No" | "NO" | "true" | "True" | "TRUE" | "false" | "False" | "FALSE" | "on"
        | "On" | "ON" | "off" | "Off" | "OFF" => return Kind::Bool,
        "<<" | "=" => return Kind::Sign,
        _ => {}
    }
    match s {
        _ if int(s).is_some() => Kind::Int,
        _ if float(s).is_some() => Kind::Float,
        _ if moment(s) => Kind::Moment,
        _ => Kind::Text,
    }
}

fn int(s: &str) -> Option<i64> {
    let (sign, digits) = match s.as_bytes().first()? {
        b'-' => (-1, &s[1..]),
        b'+' => (1, &s[1..]),
        _ => (1, s),
    };
    let plain = digits.replace('_', "");
    let all = |d: &str, ok: fn(char) -> bool| !d.is_empty() && d.chars().all(|c| ok(c) || c == '_');
    let n = if let Some(b) = digits.strip_prefix("0b").filter(|b| all(b, |c| c == '0' || c == '1')) {
        i64::from_str_radix(&b.replace('_', ""), 2).ok()?
    } else if let Some(h) = digits.strip_prefix("0x").filter(|h| all(h, |c| c.is_ascii_hexdigit())) {
        i64::from_str_radix(&h.replace('_', ""), 16).ok()?
    } else if digits == "0" {
        0
    } else if digits.starts_with('0') && all(&digits[1..], |c| ('0'..='7').contains(&c)) {
        i64::from_str_radix(&plain, 8).ok()?
    } else if digits.starts_with(|c: char| ('1'..='9').contains(&c)) && all(digits, |c| c.is_ascii_digit()) {
        plain.parse().ok()?
    } else if digits.contains(':') && digits.starts_with(|c: char| ('1'..='9').contains(&c)) {
        return sixty(digits).map(|n| sign * n as i64);
    } else {
        return None;
    };
    Some(sign * n)
}

fn sixty(digits: &str) -> Option<f64> {
    let mut parts = digits.split(':');
    let first = parts.next()?.replace('_', "");
    let mut total: f64 = first.parse().ok()?;
    for part in parts {
        let whole = part.split('.').next()?;
        if part.is_empty() || whole.len() > 2 || part.parse::<f64>().ok()? >= 60.0 {
            return None;
        }
        total = total * 60.0 + part.parse::<f64>().ok()?;
    }
    Some(total)
}

fn float(s: &str) -> Option<f64> {
    let body = s.strip_prefix(['-', '+']).unwrap_or(s);
    let sign = if s.starts_with('-') { -1.0 } else { 1.0 };
    match body {
        ".inf" | ".Inf" | ".INF" => return Some(sign * f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" if body == s => return Some(f64::NAN),
        _ => {}
    }
    if !body.contains('.') {
        return None;
    }
    if body.contains(':') {
        let ok = body.chars().all(|c| c.is_ascii_digit() || "_:.".contains(c))
            && body.starts_with(|c: char| c.is_ascii_digit());
        return if ok { sixty(body).map(|n| sign * n) } else { None };
    }
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((m, e)) => (m, Some(e)),
        None => (body, None),
    };
    let signed = |e: &str| e.starts_with(['-', '+']) && e.len() > 1 && e[1..].chars().all(|c| c.is_ascii_digit());
    let (whole, rest) = mantissa.split_once('.')?;
    let digits = |d: &str| d.chars().all(|c| c.is_ascii_digit() || c == '_');
    let fits = digits(whole) && digits(rest) && exponent.is_none_or(signed);
    let starts = whole.starts_with(|c: char| c.is_ascii_digit())
        || (whole.is_empty() && rest.starts_with(|c: char| c.is_ascii_digit()) && body == s);
    match fits && starts {
        true => s.replace('_', "").trim_start_matches('+').parse().ok(),
        false => None,
    }
}

fn moment(s: &str) -> bool {
    let b = s.as_bytes();
    let digits = |r: std::ops::Range<usize>| b.get(r).is_some_and(|d| d.iter().all(u8::is_ascii_digit));
    if b.len() == 10 {
        return digits(0..4) && b[4] == b'-' && digits(5..7) && b[7] == b'-' && digits(8..10);
    }
    let Some((day, time)) = s.split_once(['T', 't', ' ']) else {
        return false;
    };
    let time = time.trim_start();
    day.len() >= 8
        && day.chars().all(|c| c.is_ascii_digit() || c == '-')
        && day.matches('-').count() == 2
        && day.find('-') == Some(4)
        && time.matches(':').count() >= 2
        && time.starts_with(|c: char| c.is_ascii_digit())
        && time.chars().all(|c| c.is_ascii_digit() || ":.+-Z ".contains(c))
}

fn scalar(s: &str) -> Value {
    match kind(s) {
        Kind::Null => Value::Null,
        Kind::Bool => Value::Bool(["yes", "true", "on"].contains(&s.to_lowercase().as_str())),
        Kind::Int => int(s).map_or(Value::Null, Value::from),
        Kind::Float => float(s)
            .and_then(Number::from_f64)
            .map_or_else(|| Value::from(s), Value::Number),
        Kind::Moment | Kind::Sign | Kind::Text => Value::from(s),
    }
}

/// Called for a node with the tag `!include`: the documents of the files that it names.
pub type Include<'a> = &'a mut dyn FnMut(&str) -> Result<Vec<Value>, String>;

/// One document; nothing where there is none.
pub fn read(text: &str) -> Result<Value, String> {
    let mut refuse = |_: &str| Err("!include is not allowed here".to_owned());
    let mut all = read_all(text, &mut refuse)?;
    match all.len() {
        0 => Ok(Value::Null),
        1 => Ok(all.remove(0)),
        n => Err(format!("{n} documents where one is expected")),
    }
}

/// Every document.
pub fn read_all(text: &str, include: Include<'_>) -> Result<Vec<Value>, String> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: BTreeMap::new(),
        include,
        nodes: 0,
    };
    let mut out = Vec::new();
    loop {
        match reader.next()? {
            Event::StreamEnd => return Ok(out),
            Event::StreamStart | Event::DocumentEnd => {}
            Event::DocumentStart(..) => {
                let event = reader.next()?;
                if matches!(event, Event::DocumentEnd) {
                    out.push(Value::Null);
                    continue;
                }
                let node = reader.node(event, 0)?;
                out.push(node);
            }
            _ => {}
        }
    }
}

struct Reader<'a, 'i> {
    parser: Parser<'i, granit_parser::StrInput<'i>>,
    anchors: BTreeMap<usize, Value>,
    include: Include<'a>,
    nodes: usize,
}

impl<'i> Reader<'_, 'i> {
    fn next(&mut self) -> Result<Event<'i>, String> {
        match self.parser.next() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(e)) => Err(e.to_string()),
            None => Ok(Event::StreamEnd),
        }
    }

    fn node(&mut self, event: Event<'i>, depth: usize) -> Result<Value, String> {
        self.nodes += 1;
        if depth > DEPTH_MAX || self.nodes > NODES_MAX {
            return Err("the document is nested too deep or too large".into());
        }
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.map(|t| format!("{}{}", t.handle(), t.suffix()));
                let value = match tag.as_deref() {
                    None if style == ScalarStyle::Plain => scalar(&text),
                    None => Value::from(text.into_owned()),
                    Some("!include") => Value::Array((self.include)(&text)?),
                    Some(t) if t.ends_with(":str") || t == "!" => Value::from(text.into_owned()),
                    Some(t)
                        if t.ends_with(":int")
                            || t.ends_with(":float")
                            || t.ends_with(":bool")
                            || t.ends_with(":null") =>
                    {
                        scalar(&text)
                    }
                    Some(t) => return Err(format!("could not determine a constructor for the tag '{t}'")),
                };
                (anchor, value)
            }
            Event::SequenceStart(_, anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => break,
                        event => items.push(self.node(event, depth + 1)?),
                    }
                }
                (anchor, Value::Array(items))
            }
            Event::MappingStart(_, anchor, _) => (anchor, self.mapping(depth)?),
            Event::Alias(id) => {
                let found = self.anchors.get(&id).cloned().ok_or("an alias to nothing")?;
                self.nodes += size(&found);
                return Ok(found);
            }
            other => return Err(format!("unexpected {other:?}")),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, String> {
        let mut map = Map::new();
        let mut merged = Vec::new();
        loop {
            let event = self.next()?;
            let plain = matches!(&event, Event::Scalar(t, ScalarStyle::Plain, _, None) if t == "<<");
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key = self.node(event, depth + 1)?;
            let event = self.next()?;
            let value = self.node(event, depth + 1)?;
            match (plain, value) {
                (true, Value::Object(m)) => merged.push(m),
                (true, Value::Array(all)) => merged.extend(all.into_iter().filter_map(|v| v.as_object().cloned())),
                (_, value) => {
                    map.insert(key_text(&key), value);
                }
            }
        }
        for from in merged {
            for (k, v) in from {
                map.entry(k).or_insert(v);
            }
        }
        Ok(Value::Object(map))
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Array(a) => 1 + a.iter().map(size).sum::<usize>(),
        Value::Object(o) => 1 + o.values().map(size).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

fn key_text(key: &Value) -> String {
    match key {
        Value::String(s) => s.clone(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Null => "None".into(),
        Value::Number(n) => n.to_string(),
        Value::Array(_) | Value::Object(_) => key.to_string(),
    }
}

/// The items of a list as they were written, quotes taken off: what a question with several answers reads.
pub fn raw_items(text: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("not a YAML list: {text:?}");
    let mut depth = 0_usize;
    let mut items = Vec::new();
    let mut start = 0;
    let chars: Vec<char> = text.chars().collect();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|e| e.to_string())?;
        let (from, to) = (span.start.index(), span.end.index());
        match event {
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if depth == 0 && matches!(event, Event::MappingStart(..)) {
                    return Err(wrong());
                }
                if depth == 1 {
                    start = from;
                }
                depth += 1;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                depth = depth.saturating_sub(1);
                if depth == 1 {
                    items.push(
                        chars[start..to.min(chars.len())]
                            .iter()
                            .collect::<String>()
                            .trim()
                            .to_owned(),
                    );
                }
            }
            Event::Scalar(..) if depth == 0 => return Err(wrong()),
            Event::Scalar(_, style, ..) if depth == 1 => {
                let raw: String = chars[from..to.min(chars.len())].iter().collect();
                let raw = raw.trim();
                let quoted = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted) && raw.len() > 1;
                items.push(if quoted {
                    raw[1..raw.len() - 1].to_owned()
                } else {
                    raw.to_owned()
                });
            }
            _ => {}
        }
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::{raw_items, read};
    use serde_json::json;

    #[test]
    fn scalars_are_what_pyyaml_makes_of_them() {
        let text =
            "a: yes\nb: 010\nc: 0o10\nd: 1_000\ne: 1.5\nf: 1e3\ng: ~\nh: '1'\ni: 2024-01-01\nj: 1:30\nk: .5\nl: 08\n";
        let wanted = json!({"a": true, "b": 8, "c": "0o10", "d": 1000, "e": 1.5, "f": "1e3", "g": null, "h": "1",
            "i": "2024-01-01", "j": 90, "k": 0.5, "l": "08"});
        assert_eq!(read(text).expect("YAML"), wanted);
    }

    #[test]
    fn a_bomb_of_aliases_is_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for n in 1..12 {
            let row = vec![format!("*a{}", n - 1); 9].join(", ");
            text.push_str(&format!("a{n}: &a{n} [{row}]\n"));
        }
        assert!(read(&text).is_err());
    }

    #[test]
    fn items_stay_as_they_were_written() {
        assert_eq!(raw_items("[1, 'two', {a: b}]").expect("a list"), ["1", "two", "{a: b}"]);
        assert!(raw_items("a: b").is_err());
    }
}
