//! YAML as PyYAML writes it, to the byte: answers files are made of it.

use crate::yaml::{Kind, kind};
use serde_json::Value;

/// Where PyYAML folds a line.
const WIDTH: usize = 80;

/// How it is written.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Columns a level.
    pub indent: usize,
    /// Keys in order.
    pub sort: bool,
    /// Lists and maps of scalars on one line (`default_flow_style=None`).
    pub flow: bool,
    /// Where lines are folded.
    pub width: usize,
    /// Characters beyond ASCII stay as they are.
    pub unicode: bool,
}

impl Default for Style {
    fn default() -> Style {
        Style {
            indent: 2,
            sort: true,
            flow: false,
            width: WIDTH,
            unicode: true,
        }
    }
}

/// A whole document.
pub fn write(value: &Value, style: Style) -> String {
    let indent = if (2..10).contains(&style.indent) {
        style.indent
    } else {
        2
    };
    let mut w = Writer {
        out: String::new(),
        column: 0,
        blank: true,
        indention: true,
        indent: None,
        style: Style { indent, ..style },
        level: 0,
    };
    w.node(value, Place::Root);
    let open = matches!(value, Value::Null | Value::Bool(_) | Value::Number(_))
        || matches!(value, Value::String(s) if w.plain(s, false));
    if w.column > 0 {
        w.line_break();
    }
    if open {
        w.out.push_str("...\n");
    }
    w.out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Item,
    Key,
    Mapped,
}

struct Writer {
    out: String,
    column: usize,
    blank: bool,
    indention: bool,
    indent: Option<usize>,
    style: Style,
    level: usize,
}

/// What a text allows.
struct Looks {
    empty: bool,
    several_lines: bool,
    flow_plain: bool,
    block_plain: bool,
    single: bool,
}

fn line_end(c: char) -> bool {
    matches!(c, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn white(c: char) -> bool {
    matches!(c, '\0' | ' ' | '\t' | '\r') || line_end(c)
}

fn looks(text: &str, unicode: bool) -> Looks {
    let s: Vec<char> = text.chars().collect();
    if s.is_empty() {
        return Looks {
            empty: true,
            several_lines: false,
            flow_plain: false,
            block_plain: true,
            single: true,
        };
    }
    let (mut block, mut flow) = (false, false);
    let (mut breaks, mut special) = (false, false);
    let (mut edge, mut break_space, mut space_break) = (false, false, false);
    if text.starts_with("---") || text.starts_with("...") {
        (block, flow) = (true, true);
    }
    let mut before_white = true;
    let (mut previous_space, mut previous_break) = (false, false);
    for (n, c) in s.iter().copied().enumerate() {
        let after_white = s.get(n + 1).is_none_or(|c| white(*c));
        if n == 0 {
            if "#,[]{}&*!|>'\"%@`".contains(c) || (c == '-' && after_white) {
                (block, flow) = (true, true);
            }
            if "?:".contains(c) {
                flow = true;
                block |= after_white;
            }
        } else {
            flow |= ",?[]{}".contains(c) || c == ':';
            block |= c == ':' && after_white;
            if c == '#' && before_white {
                (block, flow) = (true, true);
            }
        }
        breaks |= line_end(c);
        if !(c == '\n' || (' '..='~').contains(&c)) {
            let letter = c == '\u{85}'
                || ('\u{a0}'..='\u{d7ff}').contains(&c)
                || ('\u{e000}'..='\u{fffd}').contains(&c)
                || c >= '\u{10000}';
            special |= !(letter && c != '\u{feff}' && unicode);
        }
        let last = n + 1 == s.len();
        if c == ' ' {
            edge |= n == 0 || last;
            break_space |= previous_break;
            (previous_space, previous_break) = (true, false);
        } else if line_end(c) {
            edge |= n == 0 || last;
            space_break |= previous_space;
            (previous_space, previous_break) = (false, true);
        } else {
            (previous_space, previous_break) = (false, false);
        }
        before_white = white(c);
    }
    let hard = space_break || special;
    Looks {
        empty: false,
        several_lines: breaks,
        flow_plain: !(edge || break_space || hard || breaks || flow),
        block_plain: !(edge || break_space || hard || breaks || block),
        single: !(break_space || hard),
    }
}

/// A number as Python writes it into YAML.
pub fn number(n: &serde_json::Number) -> String {
    match n.as_f64().filter(|_| n.is_f64()) {
        Some(f) => {
            let text = super::jinja::json::float(f);
            match text.contains('.') || !text.contains('e') {
                true => text,
                false => text.replacen('e', ".0e", 1),
            }
        }
        None => n.to_string(),
    }
}

impl Writer {
    fn node(&mut self, value: &Value, place: Place) {
        match value {
            Value::Null => self.scalar("null", true, place),
            Value::Bool(b) => self.scalar(if *b { "true" } else { "false" }, true, place),
            Value::Number(n) => self.scalar(&number(n), true, place),
            Value::String(s) => self.scalar(s, false, place),
            Value::Array(a) if a.is_empty() || self.level > 0 || self.flat(value) => self.flow_sequence(a),
            Value::Array(a) => self.sequence(a, place),
            Value::Object(o) if o.is_empty() || self.level > 0 || self.flat(value) => self.flow_mapping(o),
            Value::Object(o) => self.mapping(o),
        }
    }

    fn flat(&self, value: &Value) -> bool {
        let simple = |v: &Value| !(v.is_array() || v.is_object());
        self.style.flow
            && match value {
                Value::Array(a) => a.iter().all(simple),
                Value::Object(o) => o.values().all(simple),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
            }
    }

    fn keys<'v>(&self, o: &'v serde_json::Map<String, Value>) -> Vec<(&'v String, &'v Value)> {
        let mut all: Vec<_> = o.iter().collect();
        if self.style.sort {
            all.sort_by_key(|(k, _)| *k);
        }
        all
    }

    fn deeper(&mut self, flow: bool, indentless: bool) -> Option<usize> {
        let before = self.indent;
        self.indent = match self.indent {
            None => Some(if flow { self.style.indent } else { 0 }),
            Some(n) if indentless => Some(n),
            Some(n) => Some(n + self.style.indent),
        };
        before
    }

    fn sequence(&mut self, items: &[Value], place: Place) {
        let indentless = place == Place::Mapped && !self.indention;
        let before = self.deeper(false, indentless);
        for item in items {
            self.write_indent();
            self.indicator("-", true, true);
            self.node(item, Place::Item);
        }
        self.indent = before;
    }

    fn mapping(&mut self, o: &serde_json::Map<String, Value>) {
        let before = self.deeper(false, false);
        for (key, value) in self.keys(o) {
            self.write_indent();
            match key.chars().count() < 128 && !key.contains('\n') {
                true => {
                    self.key(key);
                    self.indicator_tight(":");
                }
                false => {
                    self.indicator("?", true, true);
                    self.scalar(key, false, Place::Mapped);
                    self.write_indent();
                    self.indicator(":", true, true);
                }
            }
            self.node(value, Place::Mapped);
        }
        self.indent = before;
    }

    fn flow_sequence(&mut self, items: &[Value]) {
        self.indicator("[", true, false);
        self.blank = true;
        let before = self.deeper(true, false);
        self.level += 1;
        for (n, item) in items.iter().enumerate() {
            if n > 0 {
                self.indicator_tight(",");
            }
            if self.column > self.style.width {
                self.write_indent();
            }
            self.node(item, Place::Item);
        }
        self.level -= 1;
        self.indent = before;
        self.indicator_tight("]");
    }

    fn flow_mapping(&mut self, o: &serde_json::Map<String, Value>) {
        self.indicator("{", true, false);
        self.blank = true;
        let before = self.deeper(true, false);
        self.level += 1;
        for (n, (key, value)) in self.keys(o).into_iter().enumerate() {
            if n > 0 {
                self.indicator_tight(",");
            }
            if self.column > self.style.width {
                self.write_indent();
            }
            self.key(key);
            self.indicator_tight(":");
            self.node(value, Place::Mapped);
        }
        self.level -= 1;
        self.indent = before;
        self.indicator_tight("}");
    }

    fn key(&mut self, key: &str) {
        self.scalar(key, false, Place::Key);
    }

    fn plain(&self, s: &str, key: bool) -> bool {
        let l = looks(s, self.style.unicode);
        let fits = if self.level > 0 { l.flow_plain } else { l.block_plain };
        !(key && (l.empty || l.several_lines)) && fits && kind(s) == Kind::Text
    }

    fn scalar(&mut self, s: &str, native: bool, place: Place) {
        let before = self.deeper(true, false);
        let key = place == Place::Key;
        let split = !key;
        let l = looks(s, self.style.unicode);
        if native || self.plain(s, key) {
            self.write_plain(s, split);
        } else if l.single && !(key && l.several_lines) {
            self.write_single(s, split);
        } else {
            self.write_double(s, split);
        }
        self.indent = before;
    }

    fn push(&mut self, text: &str) {
        self.column += text.chars().count();
        self.out.push_str(text);
    }

    fn indicator(&mut self, sign: &str, need_space: bool, indention: bool) {
        if need_space && !self.blank {
            self.push(" ");
        }
        self.push(sign);
        self.blank = false;
        self.indention = self.indention && indention;
    }

    fn indicator_tight(&mut self, sign: &str) {
        self.push(sign);
        self.blank = false;
        self.indention = false;
    }

    fn line_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
        self.blank = true;
        self.indention = true;
    }

    fn write_indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.blank) {
            self.line_break();
        }
        if self.column < indent {
            self.blank = true;
            let pad = " ".repeat(indent - self.column);
            self.push(&pad);
        }
    }

    fn write_plain(&mut self, text: &str, split: bool) {
        if text.is_empty() {
            return;
        }
        if !self.blank {
            self.push(" ");
        }
        self.blank = false;
        self.indention = false;
        let s: Vec<char> = text.chars().collect();
        let (mut spaces, mut start) = (false, 0);
        for end in 0..=s.len() {
            let c = s.get(end).copied();
            let piece = || s[start..end].iter().collect::<String>();
            if spaces {
                if c != Some(' ') {
                    if start + 1 == end && self.column > self.style.width && split {
                        self.write_indent();
                        self.blank = false;
                        self.indention = false;
                    } else {
                        let p = piece();
                        self.push(&p);
                    }
                    start = end;
                }
            } else if c.is_none_or(|c| c == ' ') {
                let p = piece();
                self.push(&p);
                start = end;
            }
            spaces = c == Some(' ');
        }
    }

    fn write_single(&mut self, text: &str, split: bool) {
        self.indicator("'", true, false);
        let s: Vec<char> = text.chars().collect();
        let (mut spaces, mut breaks, mut start) = (false, false, 0);
        for end in 0..=s.len() {
            let c = s.get(end).copied();
            let piece: String = if start <= end {
                s[start..end].iter().collect()
            } else {
                String::new()
            };
            if spaces {
                if c != Some(' ') {
                    if start + 1 == end && self.column > self.style.width && split && start != 0 && end != s.len() {
                        self.write_indent();
                    } else {
                        self.push(&piece);
                    }
                    start = end;
                }
            } else if breaks {
                if !c.is_some_and(line_end) {
                    if s[start] == '\n' {
                        self.line_break();
                    }
                    for _ in start..end {
                        self.line_break();
                    }
                    self.write_indent();
                    start = end;
                }
            } else if c.is_none_or(|c| c == ' ' || line_end(c) || c == '\'') && start < end {
                self.push(&piece);
                start = end;
            }
            if c == Some('\'') {
                self.push("''");
                start = end + 1;
            }
            if let Some(c) = c {
                spaces = c == ' ';
                breaks = line_end(c);
            }
        }
        self.indicator_tight("'");
    }

    fn write_double(&mut self, text: &str, split: bool) {
        self.indicator("\"", true, false);
        let s: Vec<char> = text.chars().collect();
        let mut start = 0;
        for end in 0..=s.len() {
            let c = s.get(end).copied();
            let escaped = c.is_none_or(|c| self.escapes(c));
            if escaped {
                if start < end {
                    let piece: String = s[start..end].iter().collect();
                    self.push(&piece);
                    start = end;
                }
                if let Some(c) = c {
                    let e = escape(c);
                    self.push(&e);
                    start = end + 1;
                }
            }
            let fold = end > 0 && end + 1 < s.len() && (c == Some(' ') || start >= end);
            if fold && self.column + end.saturating_sub(start) > self.style.width && split {
                let piece: String = if start < end {
                    s[start..end].iter().collect()
                } else {
                    String::new()
                };
                if start < end {
                    start = end;
                }
                self.push(&format!("{piece}\\"));
                self.write_indent();
                self.blank = false;
                self.indention = false;
                if s.get(start) == Some(&' ') {
                    self.push("\\");
                }
            }
        }
        self.indicator_tight("\"");
    }

    fn escapes(&self, c: char) -> bool {
        let letter = ('\u{a0}'..='\u{d7ff}').contains(&c) || ('\u{e000}'..='\u{fffd}').contains(&c);
        "\"\\\u{85}\u{2028}\u{2029}\u{feff}".contains(c)
            || !((' '..='~').contains(&c) || (self.style.unicode && letter))
    }
}

fn escape(c: char) -> String {
    let short = match c {
        '\0' => "0",
        '\u{7}' => "a",
        '\u{8}' => "b",
        '\t' => "t",
        '\n' => "n",
        '\u{b}' => "v",
        '\u{c}' => "f",
        '\r' => "r",
        '\u{1b}' => "e",
        '"' => "\"",
        '\\' => "\\",
        '\u{85}' => "N",
        '\u{a0}' => "_",
        '\u{2028}' => "L",
        '\u{2029}' => "P",
        _ => "",
    };
    match c as u32 {
        _ if !short.is_empty() => format!("\\{short}"),
        n if n <= 0xff => format!("\\x{n:02X}"),
        n if n <= 0xffff => format!("\\u{n:04X}"),
        n => format!("\\U{n:08X}"),
    }
}
