//! JSON as Python writes it.

use serde_json::Value;

/// How it is written.
#[derive(Debug, Clone)]
pub struct Style {
    /// Columns a level; on one line without.
    pub indent: Option<usize>,
    /// Keys in order.
    pub sort: bool,
    /// Everything beyond ASCII as an escape.
    pub ascii: bool,
    /// Between items, and between key and value; Python's where they are left out.
    pub separators: Option<(String, String)>,
}

/// A value as text.
pub fn dumps(value: &Value, style: &Style) -> String {
    let (item, key) = style.separators.clone().unwrap_or_else(|| {
        let item = if style.indent.is_some() { "," } else { ", " };
        (item.into(), ": ".into())
    });
    let mut out = String::new();
    write(value, style, (&item, &key), 0, &mut out);
    out
}

fn write(value: &Value, style: &Style, signs: (&str, &str), level: usize, out: &mut String) {
    let line = |out: &mut String, level: usize| {
        if let Some(n) = style.indent {
            out.push('\n');
            out.push_str(&" ".repeat(n * level));
        }
    };
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => out.push_str(&match n.as_f64().filter(|_| n.is_f64()) {
            Some(f) => float(f),
            None => n.to_string(),
        }),
        Value::String(s) => text(s, style.ascii, out),
        Value::Array(a) if a.is_empty() => out.push_str("[]"),
        Value::Object(o) if o.is_empty() => out.push_str("{}"),
        Value::Array(a) => {
            out.push('[');
            for (n, v) in a.iter().enumerate() {
                if n > 0 {
                    out.push_str(signs.0);
                }
                line(out, level + 1);
                write(v, style, signs, level + 1, out);
            }
            line(out, level);
            out.push(']');
        }
        Value::Object(o) => {
            let mut all: Vec<_> = o.iter().collect();
            if style.sort {
                all.sort_by_key(|(k, _)| *k);
            }
            out.push('{');
            for (n, (k, v)) in all.into_iter().enumerate() {
                if n > 0 {
                    out.push_str(signs.0);
                }
                line(out, level + 1);
                text(k, style.ascii, out);
                out.push_str(signs.1);
                write(v, style, signs, level + 1, out);
            }
            line(out, level);
            out.push('}');
        }
    }
}

fn text(s: &str, ascii: bool, out: &mut String) {
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || (ascii && (c as u32) > 0x7e) => {
                let mut units = [0; 2];
                c.encode_utf16(&mut units)
                    .iter()
                    .for_each(|u| out.push_str(&format!("\\u{u:04x}")));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A number with a fraction as Python shows it.
pub fn float(f: f64) -> String {
    if f.is_nan() {
        return "NaN".into();
    }
    if f.is_infinite() {
        return if f > 0.0 { "Infinity".into() } else { "-Infinity".into() };
    }
    let size = f.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{f:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(d) => ('-', d),
            None => ('+', exponent),
        };
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    let text = f.to_string();
    if text.contains('.') { text } else { format!("{text}.0") }
}
