//! Says in the engine's words what Jinja2 says otherwise: tags of extensions, Python's string literals, `%` on a text.
//!
//! It works on tokens. What stands in a raw block, a comment or a string is never taken for a tag.

/// How a template marks what is not text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// Where a statement begins and ends.
    pub block: (String, String),
    /// Where an expression begins and ends.
    pub variable: (String, String),
    /// Where a comment begins and ends.
    pub comment: (String, String),
}

impl Default for Marks {
    fn default() -> Marks {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        Marks {
            block: pair("{%", "%}"),
            variable: pair("{{", "}}"),
            comment: pair("{#", "#}"),
        }
    }
}

/// A piece of an expression; white space is kept, so that lines stay where they are.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    Space(String),
    Text(String),
    Word(String),
    Sign(String),
}

/// Rewrites a whole template; line breaks become `\n`, as Jinja2 does.
pub fn rewrite(source: &str, marks: &Marks) -> String {
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let mut changes = Vec::new();
    let mut at = 0;
    let mutable = mutated(&source);
    while let Some((start, kind)) = next_mark(&source, at, marks) {
        let (open, close) = match kind {
            Kind::Comment => &marks.comment,
            Kind::Block => &marks.block,
            Kind::Variable => &marks.variable,
        };
        let inner = start + open.len();
        if kind == Kind::Comment {
            at = find(&source, inner, close).map_or(source.len(), |e| e + close.len());
            continue;
        }
        if kind == Kind::Block && is_tag(&source[inner..], "raw", close) {
            at = end_of_raw(&source, inner, marks);
            continue;
        }
        let Some((tokens, end)) = tokens(&source, inner, close) else {
            break;
        };
        let body = match kind {
            Kind::Block => block(&tokens, &mutable),
            Kind::Variable | Kind::Comment => expression(&tokens),
        };
        changes.push((inner, end, body, kind == Kind::Block));
        at = end + close.len();
    }
    apply(&source, changes, marks)
}

fn apply(source: &str, changes: Vec<(usize, usize, String, bool)>, marks: &Marks) -> String {
    let mut out = String::with_capacity(source.len() + 64);
    let mut from = 0;
    for (start, end, body, block) in changes {
        out.push_str(&source[from..start]);
        match body.split_once(SECOND) {
            // One tag of theirs is a pair of ours; white space is controlled before the first and after the second.
            Some((first, second)) if block => {
                let (close, open) = (&marks.block.1, &marks.block.0);
                out.push_str(&format!("{first} {close}{open} {second}"));
            }
            _ => out.push_str(&body),
        }
        from = end;
    }
    out.push_str(&source[from..]);
    out
}

/// Stands between two tags that one tag becomes; no template can hold it.
const SECOND: char = '\u{F8FF}';

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Comment,
    Block,
    Variable,
}

fn find(source: &str, from: usize, what: &str) -> Option<usize> {
    source[from..].find(what).map(|n| from + n)
}

/// The next mark; where two begin at the same place, the longer one counts.
fn next_mark(source: &str, from: usize, marks: &Marks) -> Option<(usize, Kind)> {
    let all = [
        (&marks.comment.0, Kind::Comment),
        (&marks.block.0, Kind::Block),
        (&marks.variable.0, Kind::Variable),
    ];
    let found = all
        .into_iter()
        .filter_map(|(m, k)| find(source, from, m).map(|at| (at, std::cmp::Reverse(m.len()), k)));
    found.min_by_key(|(at, len, _)| (*at, *len)).map(|(at, _, k)| (at, k))
}

fn is_tag(rest: &str, name: &str, close: &str) -> bool {
    let rest = rest.trim_start_matches(['-', '+']).trim_start();
    let Some(rest) = rest.strip_prefix(name) else {
        return false;
    };
    rest.trim_start().trim_start_matches(['-', '+']).starts_with(close)
}

fn end_of_raw(source: &str, from: usize, marks: &Marks) -> usize {
    let mut at = from;
    while let Some(open) = find(source, at, &marks.block.0) {
        let inner = open + marks.block.0.len();
        if is_tag(&source[inner..], "endraw", &marks.block.1) {
            return find(source, inner, &marks.block.1).map_or(source.len(), |e| e + marks.block.1.len());
        }
        at = inner;
    }
    source.len()
}

/// The tokens up to the closing mark, and where it stands; none where it is missing.
fn tokens(source: &str, from: usize, close: &str) -> Option<(Vec<Token>, usize)> {
    let mut out = Vec::new();
    let mut at = from;
    let mut open = 0_usize;
    while at < source.len() {
        let rest = &source[at..];
        let c = rest.chars().next()?;
        if open == 0 && rest.starts_with(close) {
            return Some((out, at));
        }
        let len = match c {
            '\'' | '"' => text_len(rest)?,
            c if c.is_whitespace() => rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len()),
            c if word(c) => rest.find(|c: char| !word(c)).unwrap_or(rest.len()),
            _ => c.len_utf8(),
        };
        match c {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            _ => {}
        }
        let piece = rest[..len].to_owned();
        out.push(match c {
            '\'' | '"' => Token::Text(piece),
            c if c.is_whitespace() => Token::Space(piece),
            c if word(c) => Token::Word(piece),
            _ => Token::Sign(piece),
        });
        at += len;
    }
    None
}

fn word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn text_len(rest: &str) -> Option<usize> {
    let quote = rest.chars().next()?;
    let mut escaped = false;
    for (n, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(n + 1),
            _ => {}
        }
    }
    None
}

/// What a literal of Python's means.
pub fn unescape(literal: &str) -> String {
    let inner = &literal[1..literal.len() - 1];
    let mut out = String::new();
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some(e) = chars.next() else {
            out.push('\\');
            break;
        };
        let digits = match e {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        match e {
            '\n' => {}
            '\\' | '\'' | '"' => out.push(e),
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'a' => out.push('\u{7}'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'v' => out.push('\u{b}'),
            '0'..='7' => {
                let mut n = e.to_digit(8).unwrap_or_default();
                for _ in 0..2 {
                    let Some(d) = chars.peek().and_then(|c| c.to_digit(8)) else {
                        break;
                    };
                    n = n * 8 + d;
                    chars.next();
                }
                out.extend(char::from_u32(n));
            }
            'x' | 'u' | 'U' => {
                let hex: String = chars.clone().take(digits).collect();
                match u32::from_str_radix(&hex, 16)
                    .ok()
                    .filter(|_| hex.chars().count() == digits)
                    .and_then(char::from_u32)
                {
                    Some(c) => {
                        out.push(c);
                        (0..digits).for_each(|_| {
                            chars.next();
                        });
                    }
                    None => out.extend(['\\', e]),
                }
            }
            other => out.extend(['\\', other]),
        }
    }
    out
}

/// A literal that the engine reads as this text.
pub fn literal(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn solid(tokens: &[Token], from: usize) -> Option<usize> {
    (from..tokens.len()).find(|n| !matches!(tokens[*n], Token::Space(_)))
}

fn is(tokens: &[Token], at: Option<usize>, sign: &str) -> bool {
    at.is_some_and(|n| matches!(&tokens[n], Token::Sign(s) | Token::Word(s) if s == sign))
}

/// Literals joined and read as Python reads them, and `"…" % x` as the filter that does the same.
fn expression(tokens: &[Token]) -> String {
    let mut out = String::new();
    let mut n = 0;
    while n < tokens.len() {
        match &tokens[n] {
            Token::Space(s) | Token::Word(s) | Token::Sign(s) => {
                out.push_str(s);
                n += 1;
            }
            Token::Text(first) => {
                let mut text = unescape(first);
                let mut plain = !first.contains('\\');
                n += 1;
                while let Some(m) = solid(tokens, n) {
                    let Token::Text(more) = &tokens[m] else {
                        break;
                    };
                    text.push_str(&unescape(more));
                    plain = false;
                    n = m + 1;
                }
                match plain {
                    true => out.push_str(first),
                    false => out.push_str(&literal(&text)),
                }
                let percent = solid(tokens, n).filter(|m| is(tokens, Some(*m), "%"));
                if let Some(p) = percent
                    && let Some(start) = solid(tokens, p + 1)
                    && !matches!(&tokens[start], Token::Sign(s) if s == "}" || s == "-" || s == "%")
                {
                    let end = operand(tokens, start);
                    let argument = expression(&tokens[start..end]);
                    let inner = argument.trim();
                    let tuple =
                        matches!(&tokens[start], Token::Sign(s) if s == "(") && closes_at(tokens, start) + 1 == end;
                    out.push_str(&match tuple {
                        true => format!("|format{inner}"),
                        false => format!("|format({inner})"),
                    });
                    n = end;
                }
            }
        }
    }
    out
}

/// Where the bracket that opens at `start` closes.
fn closes_at(tokens: &[Token], start: usize) -> usize {
    let mut open = 0_usize;
    for (n, token) in tokens.iter().enumerate().skip(start) {
        if let Token::Sign(s) = token {
            match s.as_str() {
                "(" | "[" | "{" => open += 1,
                ")" | "]" | "}" => open = open.saturating_sub(1),
                _ => {}
            }
            if open == 0 {
                return n;
            }
        }
    }
    tokens.len().saturating_sub(1)
}

/// Where one operand with its attributes, calls and indices ends.
fn operand(tokens: &[Token], start: usize) -> usize {
    let mut n = match &tokens[start] {
        Token::Sign(s) if s == "(" || s == "[" || s == "{" => closes_at(tokens, start) + 1,
        _ => start + 1,
    };
    while n < tokens.len() {
        match &tokens[n] {
            Token::Sign(s) if s == "." => n += 2,
            Token::Sign(s) if s == "(" || s == "[" => n = closes_at(tokens, n) + 1,
            _ => break,
        }
    }
    n.min(tokens.len())
}

fn block(tokens: &[Token], mutable: &[String]) -> String {
    let control = tokens
        .first()
        .filter(|t| matches!(t, Token::Sign(s) if s == "-" || s == "+"));
    let lead = match control {
        Some(Token::Sign(s)) => s.clone(),
        _ => String::new(),
    };
    let body = &tokens[usize::from(control.is_some())..];
    let trail = match body.last() {
        Some(Token::Sign(s)) if s == "-" || s == "+" => s.clone(),
        _ => String::new(),
    };
    let body = &body[..body.len() - usize::from(!trail.is_empty())];
    let Some(first) = solid(body, 0) else {
        return format!("{lead}{}{trail}", expression(body));
    };
    let Token::Word(tag) = &body[first] else {
        return format!("{lead}{}{trail}", expression(body));
    };
    let rest = &body[first + 1..];
    match tag.as_str() {
        "now" => format!("{lead} call __now({}){SECOND}endcall {trail}", now(rest)),
        "yield" => format!("{lead} call __yield({}) {trail}", yielded(rest)),
        "endyield" => format!("{lead} endcall {trail}"),
        "include" | "import" | "from" => format!("{lead}{} {trail}", expression(without_context(body))),
        "for" => format!("{lead} for{} {trail}", each(rest)),
        "set" => format!("{lead} set{} {trail}", assignment(rest, mutable)),
        _ => format!("{lead}{}{trail}", expression(body)),
    }
}

/// `'utc', '%Y'` as it is; `'utc' + 'days=1', '%Y'` with its operator as an argument of its own.
fn now(rest: &[Token]) -> String {
    let mut open = 0_usize;
    let mut parts = String::new();
    let mut shifted = false;
    let mut done = false;
    for token in rest {
        match token {
            Token::Sign(s) if ["(", "[", "{"].contains(&s.as_str()) => open += 1,
            Token::Sign(s) if [")", "]", "}"].contains(&s.as_str()) => open = open.saturating_sub(1),
            Token::Sign(s) if open == 0 && !shifted && !done && (s == "+" || s == "-") => {
                parts.push_str(&format!(", \"{s}\", "));
                shifted = true;
                continue;
            }
            Token::Sign(s) if open == 0 && s == "," && !done => {
                done = true;
                parts.push_str(if shifted { ", " } else { ", none, none, " });
                continue;
            }
            Token::Space(_) | Token::Text(_) | Token::Word(_) | Token::Sign(_) => {}
        }
        parts.push_str(&expression(std::slice::from_ref(token)));
    }
    parts.trim().to_owned()
}

/// `x from xs` as the name and what it goes through.
fn yielded(rest: &[Token]) -> String {
    let name = solid(rest, 0);
    let from = name
        .and_then(|n| solid(rest, n + 1))
        .filter(|n| is(rest, Some(*n), "from"));
    match (name, from) {
        (Some(n), Some(f)) => match &rest[n] {
            Token::Word(w) => format!("{}, {}", literal(w), expression(&rest[f + 1..])),
            Token::Space(_) | Token::Text(_) | Token::Sign(_) => expression(rest),
        },
        _ => expression(rest),
    }
}

fn without_context(body: &[Token]) -> &[Token] {
    let words: Vec<usize> = (0..body.len())
        .filter(|n| !matches!(body[*n], Token::Space(_)))
        .collect();
    match words.as_slice() {
        [.., with, context]
            if is(body, Some(*context), "context")
                && (is(body, Some(*with), "with") || is(body, Some(*with), "without")) =>
        {
            &body[..*with]
        }
        _ => body,
    }
}

/// What changes a list or a map in place, as Python's do.
const CHANGES: [&str; 11] = [
    ".append(",
    ".extend(",
    ".insert(",
    ".remove(",
    ".pop(",
    ".sort(",
    ".reverse(",
    ".clear(",
    ".update(",
    ".setdefault(",
    ".popitem(",
];

/// Names whose lists and maps are changed in place somewhere in the template.
fn mutated(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    for change in CHANGES {
        for (at, _) in source.match_indices(change) {
            let before = &source[..at];
            let start = before
                .rfind(|c: char| !word(c))
                .map_or(0, |n| n + before[n..].chars().next().map_or(1, char::len_utf8));
            let name = &before[start..];
            if !name.is_empty() && !names.iter().any(|n| n == name) {
                names.push(name.to_owned());
            }
        }
    }
    names
}

/// `x in xs if …`, with what it goes through handed to a function that makes characters of a text.
fn each(rest: &[Token]) -> String {
    let word_at = |from: usize, words: &[&str]| {
        let mut open = 0_i32;
        (from..rest.len()).find(|n| {
            match &rest[*n] {
                Token::Sign(s) if ["(", "[", "{"].contains(&s.as_str()) => open += 1,
                Token::Sign(s) if [")", "]", "}"].contains(&s.as_str()) => open -= 1,
                Token::Sign(_) | Token::Space(_) | Token::Text(_) | Token::Word(_) => {}
            }
            open == 0 && matches!(&rest[*n], Token::Word(w) if words.contains(&w.as_str()))
        })
    };
    let Some(start) = word_at(0, &["in"]) else {
        return expression(rest);
    };
    let end = word_at(start + 1, &["if", "recursive"]).unwrap_or(rest.len());
    let inner = expression(&rest[start + 1..end]);
    format!(
        "{} __each({}) {}",
        expression(&rest[..=start]),
        inner.trim(),
        expression(&rest[end..])
    )
}

/// `name = value`, with a value that can be changed where the template changes it.
fn assignment(rest: &[Token], mutable: &[String]) -> String {
    let plain = || expression(rest);
    let Some(name) = solid(rest, 0) else {
        return plain();
    };
    let Some(equals) = solid(rest, name + 1).filter(|n| is(rest, Some(*n), "=")) else {
        return plain();
    };
    match &rest[name] {
        Token::Word(w) if mutable.contains(w) => format!(" {w} = __own({})", expression(&rest[equals + 1..]).trim()),
        Token::Word(_) | Token::Space(_) | Token::Text(_) | Token::Sign(_) => plain(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Marks, rewrite};

    fn check(from: &str, to: &str) {
        assert_eq!(rewrite(from, &Marks::default()), to);
    }

    #[test]
    fn tags_of_extensions_become_calls() {
        check(
            "a{%- now 'utc', '%Y' -%}b",
            "a{%- call __now('utc', none, none,  '%Y') %}{% endcall -%}b",
        );
        check(
            "{% now 'utc' + 'days=1' %}",
            "{% call __now('utc' , \"+\",  'days=1') %}{% endcall %}",
        );
        check(
            "{% yield x from xs %}{{ x }}{% endyield %}",
            "{% call __yield(\"x\",  xs ) %}{{ x }}{% endcall %}",
        );
    }

    #[test]
    fn raw_text_and_comments_stay_as_they_are() {
        for same in [
            "{% raw %}{% now 'utc' %}{% endraw %}",
            "{%- raw -%}{{ '\\d' }}{%- endraw -%}",
            "{# {% now 'utc' %} #}",
            "{{ \"{% now 'utc' %}\" }}",
        ] {
            check(same, same);
        }
    }

    #[test]
    fn texts_are_read_as_python_reads_them() {
        check(
            r"{{ x|regex_replace('\d+', '') }}",
            r#"{{ x|regex_replace("\\d+", '') }}"#,
        );
        check("{{ 'a' 'b' }}", "{{ \"ab\" }}");
        check("{{ '%s-%s' % (a, b.c) }}", "{{ '%s-%s'|format(a, b.c) }}");
        check("{{ '%02d' % n[0].x ~ y }}", "{{ '%02d'|format(n[0].x) ~ y }}");
    }
}
