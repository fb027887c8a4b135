//! What an incident leaves behind: what is still open at its end, the draft of its review, and the review as a document.
//! Pure.

use crate::event::Fact;
use crate::incident::{FollowUp, Incident};
use crate::process::{Category, FieldKind, Move};
use crate::{At, Process, alert, story, words};

/// What whoever merges should know before.
const MERGED_FOR_GOOD: &str =
    "This one ends here and goes on as the other, with its alerts and its people. It cannot be taken back.";
/// What the draft says where only people know.
const MISSING: &str = "(missing)";
/// Characters of a draft: what Slack takes in a form.
const DRAFT_MAX: usize = 2900;
/// Updates that a draft repeats, the last of them.
const UPDATES: usize = 5;
/// Open tasks that are named where an incident is about to end.
const NAMED: usize = 3;

/// When what happened, as a review tells it.
const MOMENTS: [(&str, &str); 6] = [
    ("detected", "began"),
    ("opened", "opened"),
    ("confirmed", "confirmed"),
    ("identified", "cause identified"),
    ("monitoring", "repaired"),
    ("resolved", "resolved"),
];

/// What is still open: each as a phrase. Nobody is held up by it, and nobody should overlook it.
fn undone(i: &Incident) -> Vec<String> {
    let mut out: Vec<String> = alert::firing(&i.alerts).into_iter().collect();
    let open: Vec<&str> = i.tasks.iter().filter(|t| !t.done).map(|t| t.text.as_str()).collect();
    let named = open
        .iter()
        .take(NAMED)
        .map(|t| format!("the task \u{201c}{}\u{201d}", words::cut(t, 80)));
    out.extend(named);
    match open.len().saturating_sub(NAMED) {
        0 => {}
        1 => out.push("1 more task".to_owned()),
        n => out.push(format!("{n} more tasks")),
    }
    out
}

/// What whoever makes a move should know before: that a merge cannot be taken back, or what is still open where the
/// incident is about to end.
pub fn caution(i: &Incident, mv: &Move, process: &Process) -> Option<String> {
    if mv.merges() {
        return Some(MERGED_FOR_GOOD.to_owned());
    }
    let undone = undone(i);
    let ends = matches!(process.category(&mv.to), Category::After | Category::Done);
    (ends && i.confirmed && !undone.is_empty()).then(|| format!("Still open: {}.", words::list(&undone)))
}

/// What the review is, or begins with: the story so far, what repaired it, and what is missing.
pub fn draft(i: &Incident) -> String {
    if let Some(text) = &i.review {
        return text.clone();
    }
    let known = |field: &str, otherwise: &str| words::cut(i.fields.get(field).map_or(otherwise, String::as_str), 500);
    let mut out = vec![
        "What happened".to_owned(),
        words::cut(if i.summary.is_empty() { &i.title } else { &i.summary }, 600),
        String::new(),
        "When (UTC)".to_owned(),
    ];
    let moments = MOMENTS
        .iter()
        .filter_map(|(name, label)| Some((i.moments.get(*name)?, label)));
    out.extend(moments.map(|(at, label)| format!("{}  {label}", minute(*at))));
    out.push(String::new());
    let last = i.updates.len().saturating_sub(UPDATES);
    let updates = i.updates.iter().skip(last);
    out.extend(updates.map(|u| format!("Update {}: {}", u.n, words::cut(&u.text, 150))));
    for (heading, words) in [
        ("What was the cause, as it was known then", known("cause", MISSING)),
        ("What repaired it", known("resolution", MISSING)),
        ("What made it worse, what helped", MISSING.to_owned()),
    ] {
        out.extend([String::new(), heading.to_owned(), words]);
    }
    words::cut(&out.join("\n"), DRAFT_MAX)
}

/// The review as a document in Markdown: what is known of the incident, the review, the follow-ups and what happened.
/// What people wrote stays text: nothing of it becomes markup, a link or a picture.
pub fn markdown(i: &Incident, facts: &[Fact], process: &Process) -> String {
    let mut out = vec![format!("# {}: {}", i.reference, plain(&i.title)), String::new()];
    out.extend(["| | |".to_owned(), "| --- | --- |".to_owned()]);
    out.extend(
        known(i, process)
            .into_iter()
            .map(|(k, v)| format!("| {k} | {} |", plain(&v))),
    );
    out.extend([String::new(), "## Review".to_owned(), String::new()]);
    if i.review.is_none() {
        out.extend([
            "This is the draft: nobody has written it yet.".to_owned(),
            String::new(),
        ]);
    }
    out.extend(draft(i).lines().map(paragraph));
    out.extend([String::new(), "## Follow-ups".to_owned(), String::new()]);
    match i.follow_ups.is_empty() {
        true => out.push("None.".to_owned()),
        false => out.extend(i.follow_ups.iter().map(follow_up)),
    }
    out.extend([String::new(), "## What happened (UTC)".to_owned(), String::new()]);
    let told = facts.iter().filter_map(|f| Some((f.at, story::tell(f, process)?)));
    out.extend(told.map(|(at, text)| format!("- {}  {}", minute(at), plain(&text))));
    out.push(String::new());
    out.join("\n")
}

fn known<'a>(i: &Incident, process: &'a Process) -> Vec<(&'a str, String)> {
    let severity = process
        .severity(&i.severity)
        .map_or(i.severity.clone(), |s| format!("{} {}", s.id, s.label));
    let mut out = vec![("Status", process.label(&i.status).to_owned()), ("Severity", severity)];
    out.extend(i.service.as_ref().map(|s| ("Service", s.name.clone())));
    out.extend(i.team.as_ref().map(|t| ("Team", t.name.clone())));
    let chosen = process.fields.iter().filter(|f| f.kind == FieldKind::Choices);
    out.extend(chosen.filter_map(|f| Some((f.label.as_str(), i.fields.get(&f.id)?.clone()))));
    out.extend(i.roles.get("commander").map(|w| ("Commander", w.label().to_owned())));
    out.extend(i.links.ticket.as_ref().map(|t| ("Ticket", t.key.clone())));
    let moments = MOMENTS
        .iter()
        .filter_map(|(name, label)| Some((i.moments.get(*name)?, *label)));
    out.extend(moments.map(|(at, label)| (label, minute(*at))));
    out
}

fn follow_up(f: &FollowUp) -> String {
    let done = if f.done { "x" } else { " " };
    let mut about: Vec<String> = f.owner.as_ref().map(|w| w.label().to_owned()).into_iter().collect();
    about.extend(f.due.as_ref().map(|d| format!("by {d}")));
    about.extend(f.ticket.as_ref().map(|(key, _)| key.clone()));
    let about = match about.is_empty() {
        true => String::new(),
        false => format!(" ({})", plain(&about.join(", "))),
    };
    format!("- [{done}] {}{about}", plain(&f.text))
}

/// `2026-11-25 03:08`.
fn minute(at: At) -> String {
    at.rfc3339().replace('T', " ").chars().take(16).collect()
}

/// A line of somebody's text as a line of its own; an empty one parts two paragraphs.
fn paragraph(line: &str) -> String {
    match line.trim().is_empty() {
        true => String::new(),
        false => format!("{}  ", plain(line)),
    }
}

/// Somebody's words on one line, with everything taken apart that Markdown or a page in HTML would read as its own.
fn plain(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // A number and a point at the beginning are a list; an address becomes a link wherever it stands.
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let mut out = String::with_capacity(line.len() + 8);
    for (at, c) in line.char_indices() {
        let begins =
            (at == 0 && matches!(c, '-' | '+' | '=')) || (digits > 0 && at == digits && matches!(c, '.' | ')'));
        let rest = &line[at..];
        match c {
            ':' if rest.starts_with("://") => out.push_str("&#58;"),
            'w' | 'W' if rest.get(..4).is_some_and(|w| w.eq_ignore_ascii_case("www.")) => {
                out.push_str("&#119;");
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '!' | '~' | '#' | '$' | '@' => out.extend(['\\', c]),
            c if begins => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_is_no_markup_of_the_document() {
        assert_eq!(
            plain("# <img src=x>\n![a](http://x) | *b* `c`"),
            "\\# &lt;img src=x&gt; \\!\\[a\\](http&#58;//x) \\| \\*b\\* \\`c\\`"
        );
        assert_eq!(plain("- [x] done"), "\\- \\[x\\] done");
        assert_eq!(
            plain("1. www.evil.example, ada@evil.example"),
            "1\\. &#119;ww.evil.example, ada\\@evil.example"
        );
        assert_eq!(paragraph("   "), "");
    }
}
