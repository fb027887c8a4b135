//! Finds everything that is wrong with a process file in one run: its shape, its names, and paths on which people get stuck.

mod alerts;
mod calendar;
mod field;
mod overlay;
mod slack;

use super::fault::{Fault, Lines};
use super::shape::{self, Key, Shape};
use super::{Category, Faults, Process, play};
use crate::catalogue::Catalogue;
use crate::moment::Span;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// How alike two words must be before one is proposed for the other (Jaro-Winkler): typing errors, not guesses.
const ALIKE: f64 = 0.75;
/// More known names than these are not listed: nobody reads them.
const LISTED_MAX: usize = 24;
/// The placeholders of a channel's name.
const PLACEHOLDERS: [&str; 4] = ["date", "slug", "ref", "service"];
/// The longest name of a channel that leaves room for a number: Slack takes 80 characters.
const CHANNEL_MAX: usize = 74;

/// Reads and checks a process file.
///
/// # Errors
/// All its faults, in the order of its lines. Where it is no TOML, only what is wrong with that.
pub fn check(text: &str) -> Result<Process, Faults> {
    let lines = Lines::of(text);
    let (tree, errors) = DeTable::parse_recoverable(text);
    let mut look = Look {
        lines: &lines,
        faults: Vec::new(),
    };
    for e in errors {
        let message = format!("this is no TOML: {}", e.message().trim().replace('\n', ", "));
        look.say(e.span().unwrap_or(0..0), "", message);
    }
    if look.faults.is_empty() {
        look.table(tree.get_ref(), &(0..0), shape::FILE, "");
        names(&mut look, &Draft::of(tree.get_ref()));
    }
    let mut faults = look.faults;
    if faults.is_empty() {
        match toml::from_str(text) {
            Ok(process) => return Ok(Process::written(process, text)),
            Err(e) => {
                let span = e.span().unwrap_or(0..0);
                faults.push(lines.fault(span, String::new(), e.message().replace('\n', ", ")));
            }
        }
    }
    faults.sort();
    faults.dedup();
    Err(Faults { faults })
}

/// Teams, tiers, countries and services that a sound file names and the catalogue does not have: what holds for them
/// holds for nobody.
pub fn strangers(text: &str, process: &Process, catalogue: &Catalogue) -> Vec<Fault> {
    let lines = Lines::of(text);
    let (tree, _) = DeTable::parse_recoverable(text);
    let mut look = Look {
        lines: &lines,
        faults: Vec::new(),
    };
    for (e, o) in Entry::all(tree.get_ref(), "overlay").iter().zip(&process.overlays) {
        for (key, why) in o.strange(catalogue) {
            if let Some(w) = e.word(key) {
                look.on(&w, format!("it holds for nobody: {why}"));
            }
        }
    }
    let teams: Vec<&str> = catalogue.teams.iter().map(|t| t.alias.as_str()).collect();
    let routed = Entry::all(tree.get_ref(), "route")
        .into_iter()
        .filter_map(|e| e.word("team"));
    let scheduled = Entry::all(tree.get_ref(), "schedule")
        .into_iter()
        .flat_map(|e| e.words("teams"));
    for w in routed.chain(scheduled).filter(|_| !teams.is_empty()) {
        if catalogue.team(w.text).is_none() {
            let near = nearest(w.text, teams.iter().copied());
            look.on(&w, format!("the catalogue has no team {:?}{near}", w.text));
        }
    }
    look.faults.sort();
    look.faults
}

/// The known word that is nearest to a wrong one, as the end of a sentence; what is known, where none is near.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match near(word, &known) {
        Some(k) => format!("; the nearest known is {k:?}"),
        None if known.is_empty() || known.len() > LISTED_MAX => String::new(),
        None => format!("; known are {}", known.join(", ")),
    }
}

fn near<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = word.to_lowercase();
    known
        .iter()
        .map(|k| (strsim::jaro_winkler(&k.to_lowercase(), &lower), *k))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k)
}

struct Look<'a> {
    lines: &'a Lines<'a>,
    faults: Vec<Fault>,
}

impl Look<'_> {
    fn say(&mut self, span: Range<usize>, key: &str, message: impl Into<String>) {
        self.faults.push(self.lines.fault(span, key.to_owned(), message.into()));
    }

    fn on(&mut self, word: &Word, message: impl Into<String>) {
        self.say(word.span.clone(), &word.key, message);
    }

    fn table(&mut self, table: &DeTable, span: &Range<usize>, keys: &[Key], path: &str) {
        for (name, value) in table {
            let here = join(path, name.get_ref());
            match keys.iter().find(|k| k.name == name.get_ref().as_ref()) {
                Some(key) => self.value(value, key.shape, &here),
                None => {
                    let near = nearest(name.get_ref(), keys.iter().map(|k| k.name));
                    self.say(name.span(), &here, format!("there is no such key{near}"));
                }
            }
        }
        for key in keys.iter().filter(|k| k.needed && !table.contains_key(k.name)) {
            self.say(span.clone(), &join(path, key.name), format!("is missing. {}", key.says));
        }
    }

    fn value(&mut self, value: &Spanned<DeValue>, shape: Shape, path: &str) {
        let (span, inner) = (value.span(), value.get_ref());
        match shape {
            Shape::Text | Shape::Said | Shape::Span | Shape::Word(_) => match inner.as_str() {
                Some(text) => self.text(text, span, shape, path),
                None => self.say(span, path, format!("is {}; a text in quotes belongs here", a(inner))),
            },
            Shape::Count => match inner.as_integer().and_then(|n| n.as_str().parse::<u32>().ok()) {
                Some(1..) => {}
                Some(0) | None => self.say(span, path, "is no whole number from 1; write 8"),
            },
            Shape::Labels => match inner.as_table() {
                Some(table) => table.iter().for_each(|(name, v)| {
                    self.value(v, Shape::Said, &join(path, name.get_ref()));
                }),
                None => self.say(
                    span,
                    path,
                    format!("is {}; a table {{ label = \"value\" }} belongs here", a(inner)),
                ),
            },
            Shape::List(of) => match inner.as_array() {
                Some(items) => {
                    for (n, item) in items.iter().enumerate() {
                        self.value(item, *of, &format!("{path}[{}]", n + 1));
                    }
                }
                None => self.say(span, path, format!("is {}; a list [ … ] belongs here", a(inner))),
            },
            Shape::Table(keys) => match inner.as_table() {
                Some(table) => self.table(table, &span, keys, path),
                None => self.say(span, path, format!("is {}; a table belongs here", a(inner))),
            },
        }
    }

    fn text(&mut self, text: &str, span: Range<usize>, shape: Shape, path: &str) {
        match shape {
            Shape::Said if text.trim().is_empty() => self.say(span, path, "says nothing; write it or remove the key"),
            Shape::Span => {
                if let Err(e) = Span::try_from(text.to_owned()) {
                    self.say(span, path, e);
                }
            }
            Shape::Word(words) if !words.contains(&text) => {
                let near = nearest(text, words.iter().copied());
                self.say(span, path, format!("{text:?} is not known{near}"));
            }
            Shape::Text | Shape::Said | Shape::Word(_) | Shape::Count | Shape::List(_) => {}
            Shape::Labels | Shape::Table(_) => {}
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn a(value: &DeValue) -> String {
    match value.type_str() {
        kind @ ("array" | "integer") => format!("an {kind}"),
        kind => format!("a {kind}"),
    }
}

// ---- what could be read of it

/// A text of the file, with its place.
#[derive(Debug, Clone)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    /// The known name that was probably meant, so that one typing error is not followed by complaints about its effects.
    pub(super) meant: &'a str,
    span: Range<usize>,
    key: String,
}

/// A `[[status]]`, as far as it can be read.
#[derive(Debug, Clone)]
pub(super) struct DraftStatus<'a> {
    pub(super) id: Word<'a>,
    pub(super) category: Option<Category>,
}

/// A `[[move]]`, as far as it can be read.
#[derive(Debug, Clone)]
pub(super) struct DraftMove<'a> {
    pub(super) from: Vec<Word<'a>>,
    pub(super) to: Option<Word<'a>>,
    label: &'a str,
    pub(super) requires: Vec<Word<'a>>,
    asks: Vec<Word<'a>>,
    place: Word<'a>,
}

impl DraftMove<'_> {
    pub(super) fn leaves(&self, id: &str) -> bool {
        self.from.iter().any(|f| f.meant == id)
    }

    pub(super) fn leads_to(&self, id: &str) -> bool {
        self.to.as_ref().is_some_and(|t| t.meant == id)
    }
}

struct Entry<'a> {
    table: &'a DeTable<'a>,
    path: String,
    span: Range<usize>,
}

impl<'a> Entry<'a> {
    fn all(root: &'a DeTable<'a>, name: &str) -> Vec<Entry<'a>> {
        let items = root.get(name).and_then(|v| v.get_ref().as_array());
        let items = items.into_iter().flat_map(|a| a.iter().enumerate());
        items
            .filter_map(|(n, v)| {
                Some(Entry {
                    table: v.get_ref().as_table()?,
                    path: format!("{name}[{}]", n + 1),
                    span: v.span(),
                })
            })
            .collect()
    }

    /// The tables in a list of this entry.
    fn inner(&self, name: &str) -> Vec<Entry<'a>> {
        let mut out = Entry::all(self.table, name);
        out.iter_mut().for_each(|e| e.path = join(&self.path, &e.path));
        out
    }

    /// A table in this entry.
    fn one_of(&self, name: &str) -> Option<Entry<'a>> {
        let mut out = Entry::one(self.table, name)?;
        out.path = join(&self.path, &out.path);
        Some(out)
    }

    fn one(root: &'a DeTable<'a>, name: &str) -> Option<Entry<'a>> {
        let v = root.get(name)?;
        Some(Entry {
            table: v.get_ref().as_table()?,
            path: name.to_owned(),
            span: v.span(),
        })
    }

    fn word(&self, key: &str) -> Option<Word<'a>> {
        let v = self.table.get(key)?;
        Some(Word {
            text: v.get_ref().as_str()?,
            meant: v.get_ref().as_str()?,
            span: v.span(),
            key: join(&self.path, key),
        })
    }

    fn words(&self, key: &str) -> Vec<Word<'a>> {
        let list = self.table.get(key).and_then(|v| v.get_ref().as_array());
        let items = list.into_iter().flat_map(|a| a.iter().enumerate());
        items
            .filter_map(|(n, v)| {
                Some(Word {
                    text: v.get_ref().as_str()?,
                    meant: v.get_ref().as_str()?,
                    span: v.span(),
                    key: format!("{}[{}]", join(&self.path, key), n + 1),
                })
            })
            .collect()
    }

    /// The entry itself, for what no key of it can be blamed for.
    fn place(&self) -> Word<'a> {
        Word {
            text: "",
            meant: "",
            span: self.span.clone(),
            key: self.path.clone(),
        }
    }
}

/// A process file, as far as it can be read.
pub(super) struct Draft<'a> {
    pub(super) statuses: Vec<DraftStatus<'a>>,
    pub(super) moves: Vec<DraftMove<'a>>,
    /// The kind of each field.
    pub(super) kinds: BTreeMap<&'a str, &'a str>,
    root: &'a DeTable<'a>,
}

impl<'a> Draft<'a> {
    fn of(root: &'a DeTable<'a>) -> Draft<'a> {
        let category = |w: &str| match w {
            "triage" => Some(Category::Triage),
            "active" => Some(Category::Active),
            "after" => Some(Category::After),
            "done" => Some(Category::Done),
            _ => None,
        };
        let statuses = Entry::all(root, "status").into_iter().filter_map(|e| {
            Some(DraftStatus {
                id: e.word("id")?,
                category: e.word("category").and_then(|w| category(w.text)),
            })
        });
        let statuses: Vec<DraftStatus> = statuses.collect();
        let fields = Entry::all(root, "field").into_iter();
        let kinds: BTreeMap<&str, &str> = fields
            .filter_map(|e| Some((e.word("id")?.text, e.word("kind").map_or("", |w| w.text))))
            .collect();
        let known: Vec<&str> = statuses.iter().map(|s| s.id.text).collect();
        let asked: Vec<&str> = kinds.keys().copied().collect();
        let meant = |known: &[&'a str], w: Word<'a>| Word {
            meant: if known.contains(&w.text) {
                w.text
            } else {
                near(w.text, known).unwrap_or(w.text)
            },
            ..w
        };
        let moves = Entry::all(root, "move").into_iter().map(|e| DraftMove {
            from: e.words("from").into_iter().map(|w| meant(&known, w)).collect(),
            to: e.word("to").map(|w| meant(&known, w)),
            label: e.word("label").map_or("", |w| w.text),
            requires: e.words("requires").into_iter().map(|w| meant(&asked, w)).collect(),
            asks: e.words("asks"),
            place: e.place(),
        });
        Draft {
            moves: moves.collect(),
            statuses,
            kinds,
            root,
        }
    }

    fn category(&self, id: &str) -> Option<Category> {
        self.statuses.iter().find(|s| s.id.text == id)?.category
    }

    fn merges(m: &DraftMove) -> bool {
        m.requires.iter().any(|f| f.meant == "into")
    }
}

// ---- the names in it, and what they lead to

fn names(look: &mut Look, d: &Draft) {
    unique(look, d);
    for m in &d.moves {
        moves(look, d, m);
    }
    doubles(look, d);
    field::fields(look, d);
    severities(look, d);
    nudges(look, d);
    calendar::hours(look, d);
    alerts::alerts(look, d);
    alerts::impact(look, d);
    emoji(look, d);
    channel(look, d);
    escalation(look, d);
    references(look, d);
    triage(look, d);
    stuck(look, d);
    overlay::overlays(look, d);
    slack::limits(look, d);
}

fn references(look: &mut Look, d: &Draft) {
    let kinds = ["status", "severity", "role"];
    let overlays = Entry::all(d.root, "overlay");
    let laid = overlays.iter().flat_map(|o| kinds.iter().flat_map(|k| o.inner(k)));
    for e in kinds.iter().flat_map(|k| Entry::all(d.root, k)).chain(laid) {
        let references = e.table.get("references").and_then(|v| v.get_ref().as_array());
        for (n, r) in references.into_iter().flat_map(|a| a.iter().enumerate()) {
            let url = r.get_ref().as_table().and_then(|t| t.get("url"));
            if let Some((v, url)) = url.and_then(|v| Some((v, v.get_ref().as_str()?)))
                && !url.starts_with("https://")
                && !url.starts_with("http://")
            {
                let key = format!("{}.references[{}].url", e.path, n + 1);
                look.say(v.span(), &key, "is no address; begin it with https://");
            }
        }
    }
}

fn unique(look: &mut Look, d: &Draft) {
    for (kind, plain) in [
        ("status", true),
        ("field", true),
        ("severity", false),
        ("role", true),
        ("nudge", true),
        ("impact", true),
        ("route", true),
        ("window", true),
        ("schedule", true),
        ("overlay", true),
    ] {
        let mut seen: BTreeMap<String, (usize, String)> = BTreeMap::new();
        for e in Entry::all(d.root, kind) {
            let Some(id) = e.word("id") else { continue };
            let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
            let sound = |c: char| small(c) || (!plain && c.is_ascii_uppercase());
            if !id.text.is_empty() && !id.text.chars().all(sound) {
                let letters = if plain { "small letters" } else { "letters" };
                look.on(
                    &id,
                    format!(
                        "{:?} is no id: it may have {letters}, digits, _ and -; what people read is its label",
                        id.text
                    ),
                );
            }
            // A severity answers to its id and to its label, so neither may be another's.
            let mut own = vec![id.clone()];
            if kind == "severity" {
                own.extend(e.word("label").filter(|l| !l.text.eq_ignore_ascii_case(id.text)));
            }
            for word in own {
                let line = look.lines.fault(word.span.clone(), String::new(), String::new()).line;
                match seen.get(&word.text.to_lowercase()) {
                    Some((first, key)) => {
                        let message = format!(
                            "{:?} is already the name of {key} in line {first}; rename or remove one",
                            word.text
                        );
                        look.on(&word, message);
                    }
                    None => drop(seen.insert(word.text.to_lowercase(), (line, e.path.clone()))),
                }
            }
        }
    }
}

fn status_known(look: &mut Look, d: &Draft, w: &Word) {
    if !d.statuses.iter().any(|s| s.id.text == w.text) {
        let near = nearest(w.text, d.statuses.iter().map(|s| s.id.text));
        look.on(w, format!("there is no status {:?}{near}", w.text));
    }
}

fn moves(look: &mut Look, d: &Draft, m: &DraftMove) {
    for w in m.from.iter().chain(&m.to) {
        status_known(look, d, w);
    }
    if m.from.is_empty() {
        look.on(
            &m.place,
            format!("the move {:?} starts nowhere; name statuses in from", m.label),
        );
    }
    if let Some(to) = &m.to
        && let Some(same) = m.from.iter().find(|f| f.text == to.text)
    {
        look.on(
            same,
            format!(
                "the move {:?} leads from {:?} to itself; remove it from `from`",
                m.label, to.text
            ),
        );
    }
    for (words, why) in [(&m.requires, "needs"), (&m.asks, "asks")] {
        for w in words {
            if !d.kinds.contains_key(w.text) {
                let near = nearest(w.text, d.kinds.keys().copied());
                look.on(
                    w,
                    format!(
                        "the move {:?} {why} the field {:?}, which nothing asks: there is no [[field]] of that id{near}",
                        m.label, w.text
                    ),
                );
            }
        }
    }
    for w in &m.asks {
        if m.requires.iter().any(|r| r.text == w.text) {
            look.on(w, format!("{:?} is in requires already; remove it here", w.text));
        }
    }
    if let (true, Some(to)) = (Draft::merges(m), &m.to)
        && d.category(to.text).is_some_and(|c| c != Category::Done)
    {
        look.on(
            to,
            format!(
                "the move {:?} merges (it needs the field into), so it must lead to a status of the category done",
                m.label
            ),
        );
    }
}

/// Of two moves between the same statuses only the first would ever be made.
fn doubles(look: &mut Look, d: &Draft) {
    let mut seen: BTreeMap<(&str, &str), (&str, usize)> = BTreeMap::new();
    for m in &d.moves {
        let Some(to) = &m.to else { continue };
        for from in &m.from {
            let line = look.lines.fault(from.span.clone(), String::new(), String::new()).line;
            match seen.get(&(from.text, to.text)) {
                Some((label, first)) => look.on(
                    from,
                    format!(
                        "{label:?} in line {first} leads from {:?} to {:?} already, so {:?} would never be made; remove one",
                        from.text, to.text, m.label
                    ),
                ),
                None => drop(seen.insert((from.text, to.text), (m.label, line))),
            }
        }
    }
}

fn severities(look: &mut Look, d: &Draft) {
    let all = Entry::all(d.root, "severity");
    let ids: Vec<&str> = all.iter().filter_map(|e| Some(e.word("id")?.text)).collect();
    let mut words: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for e in &all {
        let id = e.word("id").map_or("", |w| w.text);
        for w in e.words("alerts") {
            let line = look.lines.fault(w.span.clone(), String::new(), String::new()).line;
            if w.text != w.text.to_lowercase() {
                look.on(
                    &w,
                    format!(
                        "alerts are compared in lower case, so this never fits; write {:?}",
                        w.text.to_lowercase()
                    ),
                );
            }
            match words.get(w.text) {
                Some((other, first)) => look.on(
                    &w,
                    format!(
                        "the word {:?} means {other} since line {first}, so it can never mean {id}; remove one",
                        w.text
                    ),
                ),
                None => drop(words.insert(w.text, (id, line))),
            }
        }
    }
    if all.is_empty() && d.root.contains_key("severity") {
        look.say(
            0..0,
            "severity",
            "there is no severity; write at least one [[severity]]",
        );
    }
    if let Some(default) = Entry::one(d.root, "severity_default") {
        for w in ["declared", "alert"].iter().filter_map(|k| default.word(k)) {
            if !ids.contains(&w.text) {
                let near = nearest(w.text, ids.iter().copied());
                look.on(&w, format!("there is no severity {:?}{near}", w.text));
            }
        }
    }
}

/// The channel's name must render for every incident.
/// Reminders that nobody would ever hear, or that watch for something that cannot be late.
fn nudges(look: &mut Look, d: &Draft) {
    let due = Entry::all(d.root, "severity")
        .iter()
        .any(|s| s.word("update_every").is_some());
    let role = |id: &str| {
        Entry::all(d.root, "role")
            .iter()
            .any(|r| r.word("id").is_some_and(|w| w.text == id))
    };
    for n in Entry::all(d.root, "nudge") {
        let Some(when) = n.word("when") else { continue };
        let ladder = n.words("ladder");
        if ladder.is_empty() {
            look.on(&n.place(), "nobody hears it: its ladder is empty");
        }
        if when.text == "no_update" && !due {
            look.on(
                &when,
                "no severity says update_every, so no update is ever late; add it to one",
            );
        }
        if when.text == "no_commander" && !role("commander") {
            look.on(
                &when,
                "there is no role commander, so this would be late for ever; add the role or remove the reminder",
            );
        }
        for rung in ladder {
            if matches!(rung.text, "commander" | "communications") && !role(rung.text) {
                look.on(&rung, format!("there is no role {:?} who could hear it", rung.text));
            }
        }
    }
}

fn emoji(look: &mut Look, d: &Draft) {
    let Some(e) = Entry::one(d.root, "timeline") else {
        return;
    };
    for w in e.words("emoji") {
        let sound = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '+');
        if !w.text.is_empty() && !w.text.chars().all(sound) {
            let bare = w.text.trim_matches(':');
            look.on(
                &w,
                format!("{:?} is no short code; write it without colons: {bare:?}", w.text),
            );
        }
    }
}

fn channel(look: &mut Look, d: &Draft) {
    let Some(name) = Entry::one(d.root, "channel").and_then(|e| e.word("name")) else {
        return;
    };
    let mut rest = name.text;
    let (mut fixed, mut filled) = (0, false);
    while let Some(at) = rest.find(['{', '}']) {
        fixed += rest[..at].chars().count();
        let (brace, after) = (&rest[at..=at], &rest[at + 1..]);
        let end = after
            .find(['{', '}'])
            .filter(|e| brace == "{" && after[*e..].starts_with('}'));
        let Some(end) = end else {
            look.on(
                &name,
                format!("the template does not render: there is a {brace} without its counterpart; write {{date}}, {{slug}}, {{ref}} or {{service}}"),
            );
            return;
        };
        let word = &after[..end];
        if !PLACEHOLDERS.contains(&word) {
            let near = nearest(word, PLACEHOLDERS);
            look.on(
                &name,
                format!("the template does not render: there is nothing to put in place of {{{word}}}{near}"),
            );
        }
        filled = true;
        rest = &after[end + 1..];
    }
    fixed += rest.chars().count();
    if !filled {
        look.on(
            &name,
            "every incident's channel would have the same name; use {ref}, or {date} and {slug}",
        );
    } else if fixed >= CHANNEL_MAX {
        look.on(
            &name,
            format!("its fixed part has {fixed} characters, and a name ends after {CHANNEL_MAX}; nothing of the incident would be left in it"),
        );
    }
}

/// An alert must reach a person.
fn escalation(look: &mut Look, d: &Draft) {
    if let Some(e) = Entry::one(d.root, "escalation") {
        let path = e.words("path");
        if path.is_empty() && e.table.get("path").is_some_and(|p| p.get_ref().is_array()) {
            look.on(
                &e.place(),
                "the path is empty, so the escalation ends before it begins; name at least \"on_call\"",
            );
        }
        for (n, w) in path.iter().enumerate() {
            if path[..n].iter().any(|o| o.text == w.text) {
                look.on(
                    w,
                    format!("{:?} was asked before; nobody is asked twice, so remove it", w.text),
                );
            }
        }
    }
    let mut asks = false;
    for e in Entry::all(d.root, "step") {
        let on = e.word("on").map_or("", |w| w.text);
        let steps = e.words("do");
        for (n, w) in steps.iter().enumerate() {
            asks |= on == "raised" && w.text == "ask";
            if steps[..n].iter().any(|o| o.text == w.text) {
                look.on(w, format!("{:?} is in this list already; remove it", w.text));
            }
            if w.text == "ask" && on != "raised" {
                look.on(w, "\"ask\" has nobody to ask here; it belongs to on = \"raised\"");
            }
        }
    }
    if !asks {
        let place = Entry::one(d.root, "escalation").map_or(0..0, |e| e.span);
        look.say(
            place,
            "escalation",
            "an alert would ask nobody: there is no [[step]] with on = \"raised\" and do = [\"ask\"]",
        );
    }
}

/// The three buttons of a question, and the end of one that nobody answered, are found by what the moves are for.
fn triage(look: &mut Look, d: &Draft) {
    for (category, what) in [
        (Category::Triage, "an alert begins in it"),
        (Category::Active, "a declared incident begins in it"),
        (Category::Done, "otherwise nothing is ever finished"),
    ] {
        if d.statuses.iter().all(|s| s.category != Some(category)) {
            let word = category.word();
            look.say(
                0..0,
                "status",
                format!("there is no status of the category {word:?}; {what}"),
            );
        }
    }
    let Some(first) = d.statuses.iter().find(|s| s.category == Some(Category::Triage)) else {
        return;
    };
    let out = || {
        d.moves
            .iter()
            .filter(|m| m.from.iter().any(|f| f.meant == first.id.text))
    };
    let leads = |m: &DraftMove, c| m.to.as_ref().and_then(|t| d.category(t.meant)) == Some(c);
    let wanted = [
        (
            out().any(|m| leads(m, Category::Active)),
            "It's real",
            "a move to a status of the category active",
        ),
        (
            out().any(|m| leads(m, Category::Done) && !Draft::merges(m)),
            "False alarm",
            "a move to a status of the category done",
        ),
        (
            out().any(Draft::merges),
            "Same as …",
            "a move that needs the field into, to a status of the category done",
        ),
    ];
    for (there, button, needed) in wanted {
        if !there {
            look.on(
                &first.id,
                format!(
                    "the button {button:?} of a question would lead nowhere; add {needed}, from {:?}",
                    first.id.text
                ),
            );
        }
    }
    let expires = out().any(|m| m.requires.iter().any(|f| f.meant == "reason") && leads(m, Category::Done));
    if !expires {
        look.on(
            &first.id,
            format!(
                "a question that nobody answers would stay for ever; add a move from {:?} to a status of the category done that needs the field reason",
                first.id.text
            ),
        );
    }
}

/// Plays every path.
fn stuck(look: &mut Look, d: &Draft) {
    let played = play::play(d);
    for s in &d.statuses {
        let id = s.id.text;
        let out: Vec<&DraftMove> = d.moves.iter().filter(|m| m.leaves(id)).collect();
        if !played.reached.contains(id) {
            let why = if d.moves.iter().any(|m| m.leads_to(id)) {
                "the statuses that lead to it cannot be reached themselves; add a move to one of them"
            } else {
                "add a move to it, or remove it"
            };
            look.on(&s.id, format!("the status {id:?} cannot be reached; {why}"));
        }
        let sound = s.category.is_none_or(|c| c == Category::Done) || played.ends.contains(id);
        // Who leads to a trap is not the trap.
        if sound || !play::is_the_trap(d, &played, id) {
            continue;
        }
        let others = played
            .stuck(d)
            .filter(|o| *o != id && !play::is_the_trap(d, &played, o));
        let others: Vec<String> = others.map(str::to_owned).collect();
        let with = match others.as_slice() {
            [] => String::new(),
            some => format!("; nobody in {} ever finishes either", crate::words::list(some)),
        };
        let message = if out.is_empty() {
            format!("the status {id:?} cannot be left; add a move from it{with}")
        } else if out.iter().all(|m| Draft::merges(m)) {
            format!(
                "the status {id:?} can only be left by merging, and there need not be another incident; add another move from it{with}"
            )
        } else {
            let mut to: Vec<String> = out
                .iter()
                .filter_map(|m| Some(m.to.as_ref()?.meant.to_owned()))
                .collect();
            to.sort_unstable();
            to.dedup();
            format!(
                "who is in {id:?} gets stuck: it leads to {}, and so to no status of the category done with answers that a person can always give{with}",
                crate::words::list(&to)
            )
        };
        look.on(&s.id, message);
    }
}
