//! The subset of JQL that the stand-in understands: read, then asked of an issue.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::adf;
use super::model::{COUNTRIES, FIELDS, Issue, PROJECTS, STATUSES, State, TYPES, priority_name, status_by_id};
use super::render::type_by_id;

/// Queries nest; ones deeper than this are refused before the stack is.
const DEEPEST: usize = 50;

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Clause {
    /// Both.
    And(Box<Clause>, Box<Clause>),
    /// Either.
    Or(Box<Clause>, Box<Clause>),
    /// Not.
    Not(Box<Clause>),
    /// A field compared with values.
    Term {
        /// The field's name, in lower case.
        field: String,
        /// How it is compared.
        op: Op,
        /// With what; nothing for `is empty`.
        values: Vec<String>,
    },
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `=`
    Is,
    /// `!=`
    IsNot,
    /// `in`
    In,
    /// `not in`
    NotIn,
    /// `~`
    Contains,
    /// `!~`
    Lacks,
    /// `<`
    Less,
    /// `<=`
    LessOrIs,
    /// `>`
    More,
    /// `>=`
    MoreOrIs,
    /// `is empty`
    Empty,
    /// `is not empty`
    NotEmpty,
}

/// A query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// What the issues have in common; `None` is all of them.
    pub clause: Option<Clause>,
    /// Fields to order by, each with whether it descends.
    pub order: Vec<(String, bool)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Sign(&'static str),
}

const SIGNS: [&str; 11] = ["!=", "!~", "<=", ">=", "=", "~", "<", ">", "(", ")", ","];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut out = vec![];
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '"' || first == '\'' {
            let mut value = String::new();
            let mut end = None;
            let mut escaped = false;
            for (at, c) in rest.char_indices().skip(1) {
                if escaped {
                    value.push(c);
                    escaped = false;
                } else if c == '\\' {
                    escaped = true;
                } else if c == first {
                    end = Some(at + 1);
                    break;
                } else {
                    value.push(c);
                }
            }
            let end = end.ok_or_else(|| {
                format!("Error in the JQL Query: The quoted string '{value}' has not been completed.")
            })?;
            out.push(Token::Quoted(value));
            rest = &rest[end..];
        } else if let Some(sign) = SIGNS.iter().find(|s| rest.starts_with(**s)) {
            out.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            let end = rest
                .find(|c: char| c.is_whitespace() || "=!~<>(),\"'".contains(c))
                .unwrap_or(rest.len());
            if end == 0 {
                return Err(format!(
                    "Error in the JQL Query: The character '{first}' is a reserved JQL character."
                ));
            }
            out.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(out)
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

impl Reader {
    fn word(&self, word: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Word(w)) if w.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let there = self.word(word);
        self.at += usize::from(there);
        there
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let there = matches!(self.tokens.get(self.at), Some(Token::Sign(s)) if *s == sign);
        self.at += usize::from(there);
        there
    }

    fn wrong<T>(&self, wanted: &str) -> Result<T, String> {
        let got = match self.tokens.get(self.at) {
            None => "the end of the query".to_owned(),
            Some(Token::Word(w) | Token::Quoted(w)) => format!("'{w}'"),
            Some(Token::Sign(s)) => format!("'{s}'"),
        };
        Err(format!("Error in the JQL Query: Expecting {wanted} but got {got}."))
    }

    fn or(&mut self, deep: usize) -> Result<Clause, String> {
        let mut left = self.and(deep)?;
        while self.take_word("or") {
            left = Clause::Or(Box::new(left), Box::new(self.and(deep)?));
        }
        Ok(left)
    }

    fn and(&mut self, deep: usize) -> Result<Clause, String> {
        let mut left = self.one(deep)?;
        while self.take_word("and") {
            left = Clause::And(Box::new(left), Box::new(self.one(deep)?));
        }
        Ok(left)
    }

    fn one(&mut self, deep: usize) -> Result<Clause, String> {
        if deep == 0 {
            return Err("Error in the JQL Query: The query is nested too deeply.".to_owned());
        }
        if self.take_word("not") {
            return Ok(Clause::Not(Box::new(self.one(deep - 1)?)));
        }
        if self.take_sign("(") {
            let inner = self.or(deep - 1)?;
            if !self.take_sign(")") {
                return self.wrong("')'");
            }
            return Ok(inner);
        }
        let field = self.value("a field")?.to_lowercase();
        let op = self.op()?;
        let values = match op {
            Op::Empty | Op::NotEmpty => vec![],
            Op::In | Op::NotIn => self.list()?,
            _ => vec![self.value("a value")?],
        };
        match (op, values.first().map(|v| v.to_lowercase())) {
            (Op::Is, Some(v)) if v == "empty" || v == "null" => Ok(Clause::Term {
                field,
                op: Op::Empty,
                values: vec![],
            }),
            (Op::IsNot, Some(v)) if v == "empty" || v == "null" => Ok(Clause::Term {
                field,
                op: Op::NotEmpty,
                values: vec![],
            }),
            _ => Ok(Clause::Term { field, op, values }),
        }
    }

    fn op(&mut self) -> Result<Op, String> {
        let signs = [
            ("=", Op::Is),
            ("!=", Op::IsNot),
            ("~", Op::Contains),
            ("!~", Op::Lacks),
            ("<=", Op::LessOrIs),
            (">=", Op::MoreOrIs),
            ("<", Op::Less),
            (">", Op::More),
        ];
        if let Some((_, op)) = signs.into_iter().find(|(sign, _)| self.take_sign(sign)) {
            return Ok(op);
        }
        if self.take_word("in") {
            return Ok(Op::In);
        }
        if self.take_word("not") {
            return if self.take_word("in") {
                Ok(Op::NotIn)
            } else {
                self.wrong("'in'")
            };
        }
        if self.take_word("is") {
            let not = self.take_word("not");
            if !self.take_word("empty") && !self.take_word("null") {
                return self.wrong("'EMPTY'");
            }
            return Ok(if not { Op::NotEmpty } else { Op::Empty });
        }
        self.wrong("an operator")
    }

    fn value(&mut self, wanted: &str) -> Result<String, String> {
        let Some(Token::Word(value) | Token::Quoted(value)) = self.tokens.get(self.at).cloned() else {
            return self.wrong(wanted);
        };
        self.at += 1;
        if self.take_sign("(") {
            if !self.take_sign(")") {
                return self.wrong("')'");
            }
            return Ok(format!("{value}()"));
        }
        Ok(value)
    }

    fn list(&mut self) -> Result<Vec<String>, String> {
        if !self.take_sign("(") {
            return self.wrong("'('");
        }
        let mut values = vec![self.value("a value")?];
        while self.take_sign(",") {
            values.push(self.value("a value")?);
        }
        if self.take_sign(")") {
            Ok(values)
        } else {
            self.wrong("')'")
        }
    }
}

/// Reads a query.
///
/// # Errors
/// What is wrong with it, in Jira's words.
pub fn read(text: &str) -> Result<Query, String> {
    let mut reader = Reader {
        tokens: tokens(text)?,
        at: 0,
    };
    let mut query = Query::default();
    if !reader.tokens.is_empty() && !reader.word("order") {
        query.clause = Some(reader.or(DEEPEST)?);
    }
    if reader.take_word("order") {
        if !reader.take_word("by") {
            return reader.wrong("'by'");
        }
        loop {
            let field = reader.value("a field")?.to_lowercase();
            let down = reader.take_word("desc");
            if !down {
                reader.take_word("asc");
            }
            query.order.push((field, down));
            if !reader.take_sign(",") {
                break;
            }
        }
    }
    if reader.at < reader.tokens.len() {
        reader.wrong("either 'OR' or 'AND'")
    } else {
        Ok(query)
    }
}

/// Says what a query names that does not exist, in Jira's words.
pub fn faults(query: &Query, state: &State) -> Vec<String> {
    let mut out = vec![];
    if let Some(clause) = &query.clause {
        check(clause, state, &mut out);
    }
    for (field, _) in &query.order {
        if !known(field) {
            out.push(format!("Not able to sort using field '{field}'."));
        }
    }
    out
}

const OTHERS: [&str; 17] = [
    "key",
    "issuekey",
    "id",
    "issue",
    "status",
    "statuscategory",
    "created",
    "updated",
    "text",
    "resolution",
    "type",
    "comment",
    "creator",
    "watcher",
    "resolved",
    "createddate",
    "updateddate",
];

fn known(field: &str) -> bool {
    OTHERS.contains(&field) || custom(field).is_some() || FIELDS.iter().any(|f| f.id == field)
}

/// The identifier of a custom field by its name, identifier or `cf[…]`.
fn custom(field: &str) -> Option<&'static str> {
    let number = field.strip_prefix("cf[").and_then(|f| f.strip_suffix(']'));
    let customs = FIELDS.iter().filter(|f| f.id.starts_with("customfield_"));
    customs
        .into_iter()
        .find(|f| f.name.eq_ignore_ascii_case(field) || f.id == field || number.is_some_and(|n| f.id.ends_with(n)))
        .map(|f| f.id)
}

fn check(clause: &Clause, state: &State, out: &mut Vec<String>) {
    match clause {
        Clause::And(a, b) | Clause::Or(a, b) => {
            check(a, state, out);
            check(b, state, out);
        }
        Clause::Not(a) => check(a, state, out),
        Clause::Term { field, op, values } => {
            if !known(field) {
                out.push(format!(
                    "Field '{field}' does not exist or you do not have permission to view it."
                ));
                return;
            }
            let bad = |v: &String| !values_known(field, v, state);
            for value in values
                .iter()
                .filter(|v| !matches!(op, Op::Contains | Op::Lacks) && bad(v))
            {
                let keyed = matches!(field.as_str(), "key" | "issuekey" | "issue" | "id");
                out.push(match keyed {
                    true => format!("An issue with key '{value}' does not exist for field '{field}'."),
                    false => format!("The value '{value}' does not exist for the field '{field}'."),
                });
            }
        }
    }
}

fn values_known(field: &str, value: &str, state: &State) -> bool {
    let is = |name: &str| name.eq_ignore_ascii_case(value);
    match field {
        "project" => PROJECTS.iter().any(|p| is(p.key) || is(p.name) || is(p.id)),
        "issuetype" | "type" => TYPES.iter().any(|t| is(t.name) || is(t.id)),
        "status" => STATUSES.iter().any(|s| is(s.name) || is(s.id)),
        "statuscategory" => STATUSES.iter().any(|s| is(s.category.name()) || is(s.category.key())),
        "key" | "issuekey" | "issue" | "id" => state.find(value).is_some(),
        "created" | "updated" | "createddate" | "updateddate" | "resolved" => moment(value, 0).is_some(),
        _ => true,
    }
}

/// Whether an issue fits.
pub fn fits(clause: &Clause, issue: &Issue, state: &State, actor: &str, now: i64) -> bool {
    match clause {
        Clause::And(a, b) => fits(a, issue, state, actor, now) && fits(b, issue, state, actor, now),
        Clause::Or(a, b) => fits(a, issue, state, actor, now) || fits(b, issue, state, actor, now),
        Clause::Not(a) => !fits(a, issue, state, actor, now),
        Clause::Term { field, op, values } => term(field, *op, values, issue, state, actor, now),
    }
}

fn term(field: &str, op: Op, values: &[String], issue: &Issue, state: &State, actor: &str, now: i64) -> bool {
    if let "created" | "createddate" | "updated" | "updateddate" | "resolved" = field {
        let at = match field {
            "resolved" => issue.resolved_ms,
            f if f.starts_with("created") => Some(issue.created_ms),
            _ => Some(issue.updated_ms),
        };
        return match (op, at, values.first().and_then(|v| moment(v, now))) {
            (Op::Empty, at, _) => at.is_none(),
            (Op::NotEmpty, at, _) => at.is_some(),
            (Op::Less, Some(at), Some(than)) => at < than,
            (Op::LessOrIs, Some(at), Some(than)) => at <= than,
            (Op::More, Some(at), Some(than)) => at > than,
            (Op::MoreOrIs, Some(at), Some(than)) => at >= than,
            (Op::Is, Some(at), Some(than)) => at == than,
            _ => false,
        };
    }
    let has = attributes(field, issue, state);
    let is = |wanted: &String| {
        let wanted = if wanted.eq_ignore_ascii_case("currentUser()") {
            actor
        } else {
            wanted
        };
        has.iter().any(|h| h.eq_ignore_ascii_case(wanted))
    };
    let number = |text: &String| text.parse::<f64>().ok();
    let numbers = || Some((has.first().and_then(number)?, values.first().and_then(number)?));
    match op {
        Op::Is | Op::In => values.iter().any(is),
        // As in Jira, an issue whose field is empty does not fit a negation.
        Op::IsNot | Op::NotIn => !has.is_empty() && !values.iter().any(is),
        Op::Contains => values.iter().any(|v| has.iter().any(|h| says(h, v))),
        Op::Lacks => !has.is_empty() && !values.iter().any(|v| has.iter().any(|h| says(h, v))),
        Op::Empty => has.is_empty(),
        Op::NotEmpty => !has.is_empty(),
        Op::Less => numbers().is_some_and(|(a, b)| a < b),
        Op::LessOrIs => numbers().is_some_and(|(a, b)| a <= b),
        Op::More => numbers().is_some_and(|(a, b)| a > b),
        Op::MoreOrIs => numbers().is_some_and(|(a, b)| a >= b),
    }
}

/// What a field's value may be called.
fn attributes(field: &str, issue: &Issue, state: &State) -> Vec<String> {
    let own = |parts: &[&str]| parts.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
    let user = |id: Option<&String>| match id.and_then(|id| state.user(id)) {
        Some(user) => own(&[&user.account_id, &user.name, &user.email]),
        None => vec![],
    };
    let status = status_by_id(issue.status);
    let comments = || issue.comments.iter().map(|c| adf::to_text(&c.body));
    match field {
        "project" => match PROJECTS.iter().find(|p| p.key == issue.project) {
            Some(p) => own(&[p.key, p.name, p.id]),
            None => vec![],
        },
        "issuetype" | "type" => own(&[issue.kind, type_by_id(issue.kind).name]),
        "status" => own(&[status.id, status.name]),
        "statuscategory" => own(&[status.category.name(), status.category.key()]),
        "labels" => issue.labels.clone(),
        "key" | "issuekey" | "issue" | "id" => vec![issue.key.clone(), issue.id.to_string()],
        "assignee" => user(issue.assignee.as_ref()),
        "reporter" => user(Some(&issue.reporter)),
        "creator" => user(Some(&issue.creator)),
        "watcher" => issue.watchers.clone(),
        "priority" => own(&[issue.priority, priority_name(issue.priority)]),
        "summary" => vec![issue.summary.clone()],
        "description" => Some(adf::to_text(&issue.description))
            .filter(|t| !t.is_empty())
            .into_iter()
            .collect(),
        "environment" => Some(adf::to_text(&issue.environment))
            .filter(|t| !t.is_empty())
            .into_iter()
            .collect(),
        "comment" => comments().collect(),
        "text" => {
            let mut all = vec![issue.summary.clone(), adf::to_text(&issue.description)];
            all.extend(comments());
            vec![all.join("\n")]
        }
        "parent" => issue.parent.iter().cloned().collect(),
        "duedate" => issue.duedate.iter().cloned().collect(),
        "resolution" => issue.resolution.iter().cloned().collect(),
        other => match custom(other).and_then(|id| issue.custom.get(id)) {
            None => vec![],
            Some(value) => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let named = COUNTRIES
                    .iter()
                    .find(|c| c.0 == text && custom(other) == Some("customfield_10051"));
                named.map(|c| c.1.to_owned()).into_iter().chain([text]).collect()
            }
        },
    }
}

/// Whether a text has all words that are looked for, each as a word's beginning where it ends in `*`; a phrase in
/// quotes inside the value has to occur as it is.
fn says(text: &str, wanted: &str) -> bool {
    let text = text.to_lowercase();
    let wanted = wanted.to_lowercase();
    if let Some(phrase) = wanted.strip_prefix('"').and_then(|w| w.strip_suffix('"')) {
        return text.contains(phrase);
    }
    let split = |t: &str| -> Vec<String> {
        t.split(|c: char| !c.is_alphanumeric() && c != '*')
            .filter(|w| !w.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let words = split(&text);
    split(&wanted).iter().all(|w| match w.strip_suffix('*') {
        Some(start) => words.iter().any(|x| x.starts_with(start)),
        None => words.contains(w),
    })
}

/// A moment in JQL's notations: `2026-01-31`, `2026-01-31 12:00`, `-7d`, `now()`, milliseconds.
fn moment(text: &str, now: i64) -> Option<i64> {
    if text.eq_ignore_ascii_case("now()") {
        return Some(now);
    }
    if let Ok(ms) = text.parse::<i64>()
        && ms > 10_000_000
    {
        return Some(ms);
    }
    let unit = text.chars().last()?;
    let length = match unit {
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        'w' => 7 * 86_400_000,
        _ => 0,
    };
    if length > 0 {
        return text[..text.len() - 1]
            .parse::<i64>()
            .ok()
            .map(|n| now.saturating_add(n.saturating_mul(length)));
    }
    let text = text.replace('/', "-");
    let (date, time) = text.split_once(' ').unwrap_or((&text, "00:00"));
    let date: Date = date.parse().ok()?;
    let (hour, minute) = time.split_once(':')?;
    let at = date.at(hour.parse().ok()?, minute.parse().ok()?, 0, 0);
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// Orders issues; without a wish, newest first.
pub fn sort(issues: &mut [Issue], order: &[(String, bool)], state: &State) {
    issues.sort_by(|a, b| {
        for (field, down) in order {
            let by = match field.as_str() {
                "created" | "createddate" => a.created_ms.cmp(&b.created_ms),
                "updated" | "updateddate" => a.updated_ms.cmp(&b.updated_ms),
                "key" | "issuekey" | "id" | "issue" => (a.project, a.id).cmp(&(b.project, b.id)),
                "priority" => b.priority.cmp(a.priority),
                other => attributes(other, a, state).cmp(&attributes(other, b, state)),
            };
            let by = if *down { by.reverse() } else { by };
            if by.is_ne() {
                return by;
            }
        }
        b.id.cmp(&a.id)
    });
}
