//! What Jinja2 itself and cookiecutter have and the engine lacks or does otherwise.

use super::ansible::{data, shell_quote, uuid_text};
use super::call::{Call, bad};
use super::{World, json, python};
use fancy_regex::Regex;
use minijinja::value::{Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, Value};
use rand::RngExt as _;

/// Adds them all.
pub fn add(env: &mut Environment<'_>, world: &World) {
    env.add_filter("jsonify", |v: Value, rest: Rest<ValueOrKwargs>| {
        let indent = Call::from(rest).number(0, "indent", 4)?;
        let style = json::Style {
            indent: usize::try_from(indent).ok().map(|n| n.min(64)),
            sort: true,
            ascii: true,
            separators: None,
        };
        Ok::<_, Error>(json::dumps(&data(&v)?, &style))
    });
    env.add_filter("slugify", |v: Value, rest: Rest<ValueOrKwargs>| {
        slugify(&v.to_string(), &rest.into())
    });
    env.add_filter("wordwrap", |v: String, rest: Rest<ValueOrKwargs>| {
        wordwrap(&v, &rest.into())
    });
    env.add_filter("center", |v: Value, rest: Rest<ValueOrKwargs>| {
        let width = usize::try_from(Call::from(rest).number(0, "width", 80)?).unwrap_or(0);
        python::pad(&v.to_string(), "center", width, ' ')
    });
    env.add_filter("truncate", |v: String, rest: Rest<ValueOrKwargs>| {
        truncate(&v, &rest.into())
    });
    env.add_filter("title", |v: Value| filter_title(&v.to_string()));
    env.add_filter("capitalize", |v: Value| python::capitalise(&v.to_string()));
    env.add_filter("forceescape", |v: Value| escape(&v.to_string()));
    env.add_filter("escape", |v: Value| escape(&v.to_string()));
    env.add_filter("e", |v: Value| escape(&v.to_string()));
    env.add_filter("xmlattr", |v: Value| xmlattr(&v));
    env.add_filter("tojson", |v: Value, rest: Rest<ValueOrKwargs>| {
        let indent = Call::from(rest)
            .value(0, "indent")
            .filter(|i| !i.is_none())
            .map(i64::try_from)
            .transpose()?;
        let style = json::Style {
            indent: indent.and_then(|n| usize::try_from(n).ok()).map(|n| n.min(64)),
            sort: true,
            ascii: true,
            separators: None,
        };
        let text = json::dumps(&data(&v)?, &style);
        let safe = text
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026")
            .replace('\'', "\\u0027");
        Ok::<_, Error>(Value::from_safe_string(safe))
    });
    env.add_filter("pprint", |v: Value| python::repr(&v));
    env.add_filter("string", |v: Value| match v.as_str() {
        Some(_) => v,
        None => Value::from(v.to_string()),
    });
    env.add_filter("shell_quote", |v: Value| shell_quote(&v.to_string()));
    chance(env, world);
    time(env, world);
    env.add_function("__each", |v: Value| match v.as_str() {
        // The engine does not know where a text ends before it is there, and then `loop.last` is not true.
        Some(s) => Value::from(s.chars().map(|c| Value::from(c.to_string())).collect::<Vec<_>>()),
        None => v,
    });
    env.add_function("__own", |v: Value| super::own::own(&v));
    env.add_function("pathjoin", |rest: Rest<ValueOrKwargs>| {
        let call = Call::from(rest);
        let mut out = String::new();
        for part in call
            .by_place()
            .iter()
            .map(ToString::to_string)
            .filter(|p| !p.is_empty())
        {
            if part.starts_with('/') {
                out.clear();
            } else if !out.is_empty() && !out.ends_with('/') {
                out.push('/');
            }
            out.push_str(part.trim_end_matches('/'));
        }
        out
    });
}

fn chance(env: &mut Environment<'_>, world: &World) {
    let w = world.clone();
    env.add_function("random_ascii_string", move |rest: Rest<ValueOrKwargs>| {
        let call = Call::from(rest);
        let length = usize::try_from(call.number(0, "length", 0)?).unwrap_or(0);
        if length > python::TEXT_MAX {
            return Err(bad("the text would be too long"));
        }
        let mut corpus: Vec<char> = ('a'..='z').chain('A'..='Z').collect();
        if call.flag(1, "punctuation", false) {
            corpus.extend("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~".chars());
        }
        Ok::<_, Error>(w.chance(|r| {
            (0..length)
                .map(|_| corpus[r.random_range(0..corpus.len())])
                .collect::<String>()
        }))
    });
    let w = world.clone();
    env.add_function("uuid4", move || {
        let mut bytes: [u8; 16] = w.chance(|r| r.random());
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        uuid_text(&bytes)
    });
    for name in ["ans_random", "random"] {
        let w = world.clone();
        env.add_filter(
            name,
            move |v: Value, rest: Rest<ValueOrKwargs>| -> Result<Value, Error> {
                let call = Call::from(rest);
                if v.is_number() {
                    // Ends beyond what the engine counts with are only used for secrets; any large number will do.
                    let end = i64::try_from(v).unwrap_or(i64::MAX);
                    let (start, step) = (call.number(0, "start", 0)?, call.number(1, "step", 1)?.max(1));
                    let steps = end.saturating_sub(start).max(1) / step;
                    return Ok(Value::from(
                        start + step * w.chance(|r| r.random_range(0..steps.max(1))),
                    ));
                }
                let all: Vec<Value> = v.try_iter()?.collect();
                match all.is_empty() {
                    true => Ok(Value::UNDEFINED),
                    false => Ok(all[w.chance(|r| r.random_range(0..all.len()))].clone()),
                }
            },
        );
    }
    let w = world.clone();
    env.add_filter("shuffle", move |v: Value| {
        let mut all: Vec<Value> = v.try_iter()?.collect();
        for n in (1..all.len()).rev() {
            all.swap(n, w.chance(|r| r.random_range(0..=n)));
        }
        Ok::<_, Error>(Value::from(all))
    });
}

fn time(env: &mut Environment<'_>, world: &World) {
    let now_s = world.now_ms.div_euclid(1000);
    let at = move |zone: &str, seconds: i64| -> Result<jiff::Zoned, Error> {
        let zone = match zone.to_lowercase().as_str() {
            "local" => jiff::tz::TimeZone::system(),
            "utc" | "" => jiff::tz::TimeZone::UTC,
            _ => jiff::tz::TimeZone::get(zone).map_err(|_| bad(format!("{zone} is no time zone")))?,
        };
        let stamp = jiff::Timestamp::from_second(seconds).map_err(|e| bad(e.to_string()))?;
        Ok(stamp.to_zoned(zone))
    };
    env.add_function("__now", move |zone: String, rest: Rest<ValueOrKwargs>| {
        let call = Call::from(rest);
        let mut then = at(&zone, now_s)?;
        let sign = if call.text(0, "", "") == "-" { -1.0 } else { 1.0 };
        for part in call.text(1, "", "").split(',').filter(|p| !p.trim().is_empty()) {
            let (unit, n) = part
                .split_once('=')
                .ok_or_else(|| bad(format!("{part} is no shift of time")))?;
            let n: f64 = n
                .trim()
                .parse()
                .map_err(|_| bad(format!("{part} is no shift of time")))?;
            then = shift(&then, unit.trim(), sign * n)?;
        }
        format_time(&then, &call.text(2, "", "%Y-%m-%d"))
    });
    env.add_filter("strftime", move |format: String, rest: Rest<ValueOrKwargs>| {
        let seconds = Call::from(rest).number(0, "second", now_s)?;
        format_time(&at("local", seconds)?, &format)
    });
    env.add_function("now", move || {
        let then = at("utc", now_s)?;
        format_time(&then, "%Y-%m-%d %H:%M:%S+00:00")
    });
}

fn shift(then: &jiff::Zoned, unit: &str, n: f64) -> Result<jiff::Zoned, Error> {
    let wrong = |e: jiff::Error| bad(e.to_string());
    let whole = n as i64;
    let span = jiff::Span::new();
    let span = match unit {
        "years" => span.try_years(whole),
        "quarters" => span.try_months(whole.saturating_mul(3)),
        "months" => span.try_months(whole),
        "weeks" => span.try_seconds((n * 604_800.0) as i64),
        "days" => span.try_days(whole),
        "hours" => span.try_seconds((n * 3600.0) as i64),
        "minutes" => span.try_seconds((n * 60.0) as i64),
        "seconds" => span.try_seconds(whole),
        _ => return Err(bad(format!("{unit} is no unit of time"))),
    };
    then.checked_add(span.map_err(wrong)?).map_err(wrong)
}

fn format_time(then: &jiff::Zoned, format: &str) -> Result<String, Error> {
    jiff::fmt::strtime::format(format, then).map_err(|e| bad(format!("{format} is no format of a time: {e}")))
}

/// Jinja2's own: words begin after white space and after `-([{<`.
fn filter_title(s: &str) -> String {
    let mut out = String::new();
    let mut start = true;
    for c in s.chars() {
        match start {
            true => out.extend(c.to_uppercase()),
            false => out.extend(c.to_lowercase()),
        }
        start = c.is_whitespace() || "-([{<".contains(c);
    }
    out
}

fn escape(s: &str) -> Value {
    let text = s.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    Value::from_safe_string(text.replace('"', "&#34;").replace('\'', "&#39;"))
}

fn xmlattr(v: &Value) -> Result<Value, Error> {
    if v.kind() != ValueKind::Map {
        return Err(bad("xmlattr needs a map"));
    }
    let mut out = String::new();
    for key in v.try_iter()? {
        let value = v.get_item(&key)?;
        if !value.is_none() && !value.is_undefined() {
            out.push_str(&format!(" {key}=\"{}\"", escape(&value.to_string())));
        }
    }
    Ok(Value::from_safe_string(out))
}

fn truncate(s: &str, call: &Call) -> Result<String, Error> {
    let length = usize::try_from(call.number(0, "length", 255)?).unwrap_or(0);
    let end = call.text(2, "end", "...");
    let leeway = usize::try_from(call.number(3, "leeway", 5)?).unwrap_or(0);
    let count = s.chars().count();
    if count <= length.saturating_add(leeway) {
        return Ok(s.to_owned());
    }
    let kept: String = s.chars().take(length.saturating_sub(end.chars().count())).collect();
    let kept = match call.flag(1, "killwords", false) {
        true => kept.as_str(),
        false => kept.rsplit_once(' ').map_or(kept.as_str(), |(a, _)| a),
    };
    Ok(format!("{kept}{end}"))
}

/// `textwrap.wrap` as Jinja2 calls it: each line for itself, tabs and blanks kept.
fn wordwrap(s: &str, call: &Call) -> Result<String, Error> {
    let width = usize::try_from(call.number(0, "width", 79)?).unwrap_or(1).max(1);
    let long = call.flag(1, "break_long_words", true);
    let hyphens = call.flag(3, "break_on_hyphens", true);
    let string = call.text(2, "wrapstring", "\n");
    let mut lines = Vec::new();
    for line in python::splitlines(s, false) {
        let wrapped = wrap(&chunks(&line, hyphens), width, long);
        lines.push(wrapped.join(&string));
    }
    Ok(lines.join(&string))
}

fn chunks(line: &str, hyphens: bool) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let chars: Vec<char> = line.chars().collect();
    let white = |c: char| "\t\n\u{b}\u{c}\r ".contains(c);
    let mut piece = String::new();
    for (n, c) in chars.iter().copied().enumerate() {
        if piece.chars().last().is_some_and(|l| white(l) != white(c)) {
            out.push(std::mem::take(&mut piece));
        }
        piece.push(c);
        let letter = |at: usize| chars.get(at).is_some_and(|c| c.is_alphabetic() || *c == '_');
        if hyphens && c == '-' && n >= 2 && letter(n - 1) && letter(n - 2) && letter(n + 1) && letter(n + 2) {
            out.push(std::mem::take(&mut piece));
        }
    }
    out.push(piece);
    out.retain(|p| !p.is_empty());
    out
}

fn wrap(chunks: &[String], width: usize, long: bool) -> Vec<String> {
    let mut rest: Vec<String> = chunks.iter().rev().cloned().collect();
    let mut lines: Vec<String> = Vec::new();
    let len = |s: &str| s.chars().count();
    while !rest.is_empty() {
        let mut line: Vec<String> = Vec::new();
        let mut used = 0;
        if !lines.is_empty() && rest.last().is_some_and(|c| c.trim().is_empty()) {
            rest.pop();
        }
        while let Some(chunk) = rest.last() {
            if used + len(chunk) > width {
                break;
            }
            used += len(chunk);
            line.extend(rest.pop());
        }
        if let Some(chunk) = rest.last().cloned().filter(|c| len(c) > width) {
            let room = width.saturating_sub(used).max(1);
            if long {
                line.push(chunk.chars().take(room).collect());
                rest.pop();
                rest.push(chunk.chars().skip(room).collect());
            } else if line.is_empty() {
                line.extend(rest.pop());
            }
        }
        if line.last().is_some_and(|c| c.trim().is_empty()) {
            line.pop();
        }
        if !line.is_empty() {
            lines.push(line.concat());
        }
    }
    lines
}

fn pattern(text: &str) -> Result<Regex, Error> {
    Regex::new(text).map_err(|e| bad(format!("{text} is no regular expression: {e}")))
}

/// python-slugify's default pipeline.
fn slugify(s: &str, call: &Call) -> Result<String, Error> {
    let pairs: Vec<(String, String)> = match call.value(11, "replacements") {
        Some(v) => v
            .try_iter()?
            .map(|p| Ok::<_, Error>((p.get_item_by_index(0)?.to_string(), p.get_item_by_index(1)?.to_string())))
            .collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    let replaced = |text: String| pairs.iter().fold(text, |t, (a, b)| t.replace(a, b));
    let unicode = call.flag(12, "allow_unicode", false);
    let mut text = replaced(s.to_owned());
    text = super::ansible::substitute(&pattern("[']+")?, &text, "-")?;
    if !unicode {
        text = deunicode::deunicode(&text);
    }
    if call.flag(0, "entities", true) {
        for (name, sign) in [
            ("&amp;", "&"),
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&quot;", "\""),
            ("&nbsp;", " "),
        ] {
            text = text.replace(name, sign);
        }
    }
    if call.flag(10, "lowercase", true) {
        text = text.to_lowercase();
    }
    text = text.replace('\'', "");
    text = super::ansible::substitute(&pattern(r"(?<=\d),(?=\d)")?, &text, "")?;
    let own = call.text(9, "regex_pattern", "");
    let strange = match (own.is_empty(), unicode) {
        (false, _) => own,
        (true, true) => r"[\W_]+".into(),
        (true, false) => "[^-a-zA-Z0-9]+".into(),
    };
    text = super::ansible::substitute(&pattern(&strange)?, &text, "-")?;
    text = super::ansible::substitute(&pattern("-{2,}")?, &text, "-")?
        .trim_matches('-')
        .to_owned();
    if let Some(stop) = call.value(8, "stopwords") {
        let stop: Vec<String> = stop.try_iter()?.map(|w| w.to_string().to_lowercase()).collect();
        let kept: Vec<&str> = text
            .split('-')
            .filter(|w| !stop.iter().any(|s| s == &w.to_lowercase()))
            .collect();
        text = kept.join("-");
    }
    text = replaced(text);
    let max = usize::try_from(call.number(3, "max_length", 0)?).unwrap_or(0);
    if max > 0 {
        text = shorten(
            &text,
            max,
            call.flag(4, "word_boundary", false),
            call.flag(6, "save_order", false),
        );
    }
    Ok(text.replace('-', &call.text(5, "separator", "-")))
}

fn shorten(text: &str, max: usize, words: bool, order: bool) -> String {
    let text = text.trim_matches('-');
    if text.chars().count() < max {
        return text.to_owned();
    }
    let cut = |n: usize| text.chars().take(n).collect::<String>().trim_matches('-').to_owned();
    if !words {
        return cut(max);
    }
    let mut out = String::new();
    for word in text.split('-').filter(|w| !w.is_empty()) {
        let next = out.chars().count() + word.chars().count();
        if next >= max {
            // The library keeps a last word that fits exactly, and goes on looking for shorter ones unless order counts.
            if next == max {
                out.push_str(word);
                break;
            }
            if order {
                break;
            }
            continue;
        }
        out.push_str(word);
        out.push('-');
    }
    let out = if out.is_empty() {
        text.chars().take(max).collect()
    } else {
        out
    };
    out.trim_matches('-').to_owned()
}
