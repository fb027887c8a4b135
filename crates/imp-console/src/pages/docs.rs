//! The guides: the files under `docs/`, compiled in, drawn as pages and searched; and a page for each status and role,
//! written from the process in force, so that none is ever out of date.

use super::{Frame, Visitor, draw, sorry};
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use imp_core::process::Move;
use imp_core::{Process, words};
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};
use rust_embed::RustEmbed;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, LazyLock};

/// Places that a search shows: more are not read.
const FOUND_MAX: usize = 20;
/// Words around what was found.
const AROUND: usize = 200;
/// The longest search.
const ASKED_MAX: usize = 100;

#[derive(RustEmbed)]
#[folder = "../../docs"]
struct Files;

/// A guide, or a part of one.
struct Entry {
    slug: String,
    title: String,
    about: String,
}

/// A guide as it was written.
struct Guide {
    title: String,
    about: String,
    text: String,
}

/// All guides by their name.
static GUIDES: LazyLock<BTreeMap<String, Guide>> = LazyLock::new(|| {
    let read = |name: std::borrow::Cow<'static, str>| {
        let slug = name.strip_suffix(".md")?.to_owned();
        let text = String::from_utf8(Files::get(&name)?.data.into_owned()).ok()?;
        let title = text
            .lines()
            .find_map(|l| l.strip_prefix("# "))
            .unwrap_or(&slug)
            .to_owned();
        let about = text
            .split("\n\n")
            .find(|p| !p.trim().is_empty() && !p.starts_with(['#', '|', '-']) && !p.starts_with("```"))
            .map(|p| words::cut(&bare(p), AROUND))
            .unwrap_or_default();
        Some((slug, Guide { title, about, text }))
    };
    Files::iter().filter_map(read).collect()
});

/// A place in a guide.
struct Found {
    href: String,
    heading: String,
    guide: String,
    words: String,
}

#[derive(Template)]
#[template(path = "docs.html")]
struct Index {
    frame: Frame,
    asked: String,
    found: Vec<Found>,
    guides: Vec<Entry>,
    process: String,
    statuses: Vec<Entry>,
    roles: Vec<Entry>,
}

#[derive(Template)]
#[template(path = "guide.html")]
struct Page {
    frame: Frame,
    title: String,
    body: String,
    parts: Vec<Entry>,
}

/// What is searched for.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    q: String,
}

/// All guides, and what a search finds in them.
pub async fn index(State(app): State<Arc<App>>, Visitor(caller): Visitor, Query(asked): Query<Asked>) -> Response {
    let process = app.desk.house.process.load();
    let asked = words::cut(asked.q.trim(), ASKED_MAX);
    draw(&Index {
        frame: Frame::new(&caller, "docs", ""),
        found: search(&asked),
        asked,
        guides: GUIDES.iter().map(|(slug, g)| entry(slug, &g.title, &g.about)).collect(),
        process: process.name.clone(),
        statuses: process
            .statuses
            .iter()
            .map(|s| entry(&s.id, &s.label, &s.meaning))
            .collect(),
        roles: process
            .roles
            .iter()
            .map(|r| entry(&r.id, &r.label, &r.instructions))
            .collect(),
    })
}

fn entry(slug: &str, title: &str, about: &str) -> Entry {
    Entry {
        slug: slug.to_owned(),
        title: title.to_owned(),
        about: about.to_owned(),
    }
}

/// One guide.
pub async fn guide(State(_): State<Arc<App>>, Visitor(caller): Visitor, Path(slug): Path<String>) -> Response {
    match GUIDES.get(slug.trim_end_matches(".md")) {
        Some(g) => page(&caller, &g.title, &g.text),
        None => missing(&caller),
    }
}

/// A picture of a guide.
pub async fn picture(State(_): State<Arc<App>>, Visitor(caller): Visitor, Path(name): Path<String>) -> Response {
    let found = Files::get(&format!("pictures/{name}")).filter(|_| name.ends_with(".png"));
    match found {
        Some(file) => ([(header::CONTENT_TYPE, "image/png")], file.data.into_owned()).into_response(),
        None => sorry(&caller, Problem::not_found("There is no such picture.")),
    }
}

/// The page of a status or a role of the process in force.
pub async fn of_process(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Path((kind, id)): Path<(String, String)>,
) -> Response {
    let process = app.desk.house.process.load();
    let text = match kind.as_str() {
        "status" => of_status(&process, &id),
        "role" => of_role(&process, &id),
        _ => None,
    };
    match text {
        Some(text) => page(
            &caller,
            text.lines().next().unwrap_or_default().trim_start_matches("# "),
            &text,
        ),
        None => missing(&caller),
    }
}

fn page(caller: &Caller, title: &str, text: &str) -> Response {
    let (body, parts) = drawn(text);
    draw(&Page {
        frame: Frame::new(caller, "docs", ""),
        title: title.to_owned(),
        body,
        parts,
    })
}

fn missing(caller: &Caller) -> Response {
    let text = "# There is no such guide\n\nIt may have another name by now. [All guides](/docs) are a click away.";
    let mut response = page(caller, "No such guide", text);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.into_response()
}

// ---- from Markdown

/// A guide as HTML, and its headings. What somebody wrote as HTML stays text; links between the files lead to their pages.
fn drawn(text: &str) -> (String, Vec<Entry>) {
    let mut parts: Vec<Entry> = Vec::new();
    let mut events: Vec<Event> = Vec::new();
    let mut heading: Option<usize> = None;
    let mut said = String::new();
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Start(Tag::Heading { .. }) => {
                heading = Some(events.len());
                said.clear();
                events.push(event);
            }
            Event::End(TagEnd::Heading(level)) => {
                let slug = unlike(words::slug(&said, 60), &parts);
                if let Some(Event::Start(Tag::Heading { id, .. })) = heading.take().and_then(|at| events.get_mut(at)) {
                    *id = Some(CowStr::from(slug.clone()));
                }
                if level == HeadingLevel::H2 {
                    parts.push(entry(&slug, said.trim(), ""));
                }
                events.push(event);
            }
            Event::Text(ref t) | Event::Code(ref t) => {
                if heading.is_some() {
                    said.push_str(t);
                }
                events.push(event);
            }
            Event::Html(t) | Event::InlineHtml(t) => events.push(Event::Text(t)),
            Event::Start(Tag::Link {
                link_type,
                dest_url,
                title,
                id,
            }) => events.push(Event::Start(Tag::Link {
                link_type,
                dest_url: address(&dest_url).into(),
                title,
                id,
            })),
            Event::Start(Tag::Image {
                link_type,
                dest_url,
                title,
                id,
            }) => events.push(Event::Start(Tag::Image {
                link_type,
                dest_url: address(&dest_url).into(),
                title,
                id,
            })),
            other => events.push(other),
        }
    }
    let mut body = String::new();
    html::push_html(&mut body, events.into_iter());
    // A table may be wider than a phone, and is then moved with the keys.
    let body = body
        .replace("<table>", "<table tabindex=\"0\">")
        .replace("<pre>", "<pre tabindex=\"0\">");
    (body, parts)
}

fn unlike(slug: String, parts: &[Entry]) -> String {
    let taken = |s: &str| parts.iter().any(|p| p.slug == s);
    match taken(&slug) {
        true => (2..).map(|n| format!("{slug}-{n}")).find(|s| !taken(s)).unwrap_or(slug),
        false => slug,
    }
}

/// Where a link of a file leads in the console.
fn address(link: &str) -> String {
    if let Some(picture) = link.strip_prefix("pictures/") {
        return format!("/docs/pictures/{picture}");
    }
    let (path, part) = link.split_once('#').map_or((link, None), |(p, h)| (p, Some(h)));
    let file = path.trim_start_matches("docs/").trim_start_matches("./");
    match file.strip_suffix(".md").filter(|slug| GUIDES.contains_key(*slug)) {
        Some(slug) => format!("/docs/{slug}{}", part.map(|p| format!("#{p}")).unwrap_or_default()),
        None => link.to_owned(),
    }
}

/// A paragraph without its marks.
fn bare(text: &str) -> String {
    let mut out = String::new();
    for event in Parser::new(text) {
        match event {
            Event::Text(t) | Event::Code(t) => out.push_str(&t),
            Event::SoftBreak | Event::HardBreak => out.push(' '),
            _ => {}
        }
    }
    out
}

// ---- searching

/// The parts of guides in which all the words occur, those first whose heading has them.
fn search(asked: &str) -> Vec<Found> {
    let wanted: Vec<String> = asked.split_whitespace().map(str::to_lowercase).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut out: Vec<(usize, Found)> = Vec::new();
    for (slug, guide) in GUIDES.iter() {
        for (heading, text) in sections(&guide.text) {
            let (head, low) = (heading.to_lowercase(), text.to_lowercase());
            if !wanted.iter().all(|w| head.contains(w) || low.contains(w)) {
                continue;
            }
            let in_heading = wanted.iter().filter(|w| head.contains(*w)).count();
            let often: usize = wanted.iter().map(|w| low.matches(w.as_str()).count().min(5)).sum();
            let plain = bare(&text);
            out.push((
                in_heading * 100 + often,
                Found {
                    href: format!("/docs/{slug}#{}", words::slug(&heading, 60)),
                    guide: guide.title.clone(),
                    words: around(&plain, &wanted),
                    heading,
                },
            ));
        }
    }
    out.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    out.into_iter().take(FOUND_MAX).map(|(_, f)| f).collect()
}

/// A guide's headings, each with the text below it.
fn sections(text: &str) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.starts_with("```");
        let heading = line.trim_start_matches('#');
        if !fenced && line.starts_with('#') && heading.starts_with(' ') {
            out.push((bare(heading.trim()), String::new()));
        } else if let Some((_, below)) = out.last_mut() {
            below.push_str(line);
            below.push('\n');
        }
    }
    out
}

/// The text around the first of the words.
fn around(text: &str, wanted: &[String]) -> String {
    let low = text.to_lowercase();
    let at = wanted.iter().filter_map(|w| low.find(w.as_str())).min().unwrap_or(0);
    // Lower case may be longer than the text; then the beginning will do.
    let from = text.get(..at).map_or(0, |t| t.chars().count().saturating_sub(60));
    let cut: String = text.chars().skip(from).take(AROUND).collect();
    let front = if from > 0 { "… " } else { "" };
    format!("{front}{}", cut.trim())
}

// ---- from the process

/// What a status means, what to do in it, and where it leads.
fn of_status(process: &Process, id: &str) -> Option<String> {
    let s = process.status(id)?;
    let mut out = format!("# {}\n\n{}\n", plain(&s.label), plain(&s.meaning));
    list(&mut out, "What to do", s.guidance.iter().map(|g| plain(g)));
    list(
        &mut out,
        "Where to look",
        s.references
            .iter()
            .map(|r| format!("[{}](<{}>)", plain(&r.label), r.url)),
    );
    let leads = |m: &Move| {
        let to = process.status(&m.to).map_or(m.to.as_str(), |s| s.label.as_str());
        let asks: Vec<String> = m
            .requires
            .iter()
            .filter_map(|f| process.field(f))
            .map(|f| format!("“{}”", plain(&f.label)))
            .collect();
        let needs = match asks.is_empty() {
            true => String::new(),
            false => format!(" It asks {}.", asks.join(" and ")),
        };
        format!(
            "**{}** leads to [{}](/docs/status/{}).{needs}",
            plain(&m.label),
            plain(to),
            m.to
        )
    };
    list(&mut out, "What you can do next", process.moves_from(&s.id).map(leads));
    let from = process.moves.iter().filter(|m| m.to == s.id);
    let comes = from
        .flat_map(|m| m.from.iter().map(move |f| (f, &m.label)))
        .map(|(f, label)| {
            let name = process.status(f).map_or(f.as_str(), |s| s.label.as_str());
            format!("[{}](/docs/status/{f}) by **{}**", plain(name), plain(label))
        });
    list(&mut out, "How an incident comes here", comes);
    Some(out)
}

/// What somebody with a role does.
fn of_role(process: &Process, id: &str) -> Option<String> {
    let r = process.role(id)?;
    let mut out = format!("# {}\n\n{}\n", plain(&r.label), plain(&r.instructions));
    list(&mut out, "What you do first", r.guidance.iter().map(|g| plain(g)));
    let look = r
        .references
        .iter()
        .map(|l| format!("[{}](<{}>)", plain(&l.label), l.url));
    list(&mut out, "Where to look", look);
    let how = [
        format!(
            "On the card in the incident's channel: the button **{}**.",
            plain(&r.label)
        ),
        format!(
            "In the channel: `/imp role {} @name`, or `/imp role {} me`.",
            r.id, r.id
        ),
        "IMP tells whoever takes the role how things stand: status, what is known, open tasks, what is due next."
            .to_owned(),
        "Taken for oneself it holds at once. Given to somebody else while one has it, it is offered: whoever has it keeps it until the other accepts. There is never more than one."
            .to_owned(),
    ];
    list(&mut out, "How to take it, and to hand it over", how.into_iter());
    let heard = process.nudges.iter().filter(|n| {
        n.ladder
            .iter()
            .any(|rung| serde_json::to_value(rung).is_ok_and(|v| v.as_str() == Some(r.id.as_str())))
    });
    list(&mut out, "What you are reminded of", heard.map(|n| plain(&n.text)));
    Some(out)
}

fn list(out: &mut String, heading: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    if !lines.is_empty() {
        let _ = write!(out, "\n## {heading}\n\n");
        lines.iter().for_each(|l| {
            let _ = writeln!(out, "- {l}");
        });
    }
}

/// Words of the process as text: no mark of Markdown in them means anything.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in words::title(text).chars() {
        if c.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guide_has_a_title_and_its_links_lead_somewhere() {
        assert!(GUIDES.len() >= 6, "the guides are not compiled in");
        for (slug, guide) in GUIDES.iter() {
            assert!(guide.text.starts_with("# "), "docs/{slug}.md begins with its title");
            let parts: BTreeMap<&str, Vec<String>> = GUIDES
                .iter()
                .map(|(s, g)| {
                    (
                        s.as_str(),
                        sections(&g.text).iter().map(|(h, _)| words::slug(h, 60)).collect(),
                    )
                })
                .collect();
            for event in Parser::new(&guide.text) {
                let Event::Start(Tag::Link { dest_url, .. }) = event else {
                    continue;
                };
                let link = address(&dest_url);
                let process = Process::built_in();
                if let Some(id) = link.strip_prefix("/docs/role/") {
                    assert!(process.role(id).is_some(), "docs/{slug}.md: {dest_url} is no role");
                } else if let Some(id) = link.strip_prefix("/docs/status/") {
                    assert!(process.status(id).is_some(), "docs/{slug}.md: {dest_url} is no status");
                } else if let Some(inside) = link.strip_prefix("/docs/") {
                    let (to, part) = inside.split_once('#').map_or((inside, None), |(t, p)| (t, Some(p)));
                    let known = parts.get(to);
                    assert!(known.is_some(), "docs/{slug}.md: {dest_url} leads nowhere");
                    let there = part.is_none_or(|p| known.is_some_and(|k| k.iter().any(|s| s == p)));
                    assert!(there, "docs/{slug}.md: {dest_url} names a part that is not there");
                } else {
                    assert!(
                        !link.ends_with(".md") || link.starts_with("../"),
                        "docs/{slug}.md: {dest_url} is no guide"
                    );
                }
            }
        }
    }

    /// What a guide shows is there, is a picture, and says what is on it; what is there is shown.
    #[test]
    fn every_picture_is_shown_and_every_picture_that_is_shown_is_there() {
        let mut shown: Vec<String> = Vec::new();
        for (slug, guide) in GUIDES.iter() {
            let mut events = Parser::new(&guide.text);
            while let Some(event) = events.next() {
                let Event::Start(Tag::Image { dest_url, .. }) = event else {
                    continue;
                };
                let file = Files::get(&dest_url).unwrap_or_else(|| panic!("docs/{slug}.md: {dest_url} is not there"));
                assert!(
                    file.data.starts_with(b"\x89PNG") && file.data.len() > 10_000,
                    "docs/{dest_url}"
                );
                let says = matches!(events.next(), Some(Event::Text(t)) if t.len() > 10);
                assert!(
                    says,
                    "docs/{slug}.md: {dest_url} has no words for whoever does not see it"
                );
                shown.push(dest_url.to_string());
            }
        }
        for name in Files::iter().filter(|n| n.starts_with("pictures/")) {
            assert!(shown.iter().any(|s| *s == name), "no guide shows docs/{name}");
        }
    }

    #[test]
    fn a_search_finds_the_part_that_is_about_it() {
        let found = search("nudge snooze");
        assert!(
            found.first().is_some_and(|f| f.href.starts_with("/docs/process#")),
            "nothing about reminders"
        );
        assert!(search("zzzz-nothing").is_empty() && search("  ").is_empty());
    }

    #[test]
    fn what_is_written_in_guides_and_processes_never_becomes_markup() {
        let (body, _) = drawn("# A\n\n<script>alert(1)</script> and <b onclick=x>b</b>\n\n[x](javascript:alert(1))");
        assert!(!body.contains("<script") && !body.contains("<b "), "{body}");
        let mut process = Process::built_in();
        process.statuses[0].meaning = "<img src=x> [a](javascript:b) `c` **d**".to_owned();
        let (body, _) = drawn(&of_status(&process, "triage").expect("a status"));
        assert!(body.contains("&lt;img src=x&gt; [a](javascript:b) `c` **d**"), "{body}");
    }

    #[test]
    fn each_status_and_role_has_a_page_whose_links_lead_to_others() {
        let process = Process::built_in();
        for s in &process.statuses {
            let text = of_status(&process, &s.id).expect("a page");
            for to in text.split("(/docs/status/").skip(1).filter_map(|t| t.split(')').next()) {
                assert!(process.status(to).is_some(), "{to}");
            }
        }
        assert!(of_role(&process, "commander").is_some_and(|t| t.contains("The next update is due")));
        assert!(of_role(&process, "nobody").is_none() && of_status(&process, "nowhere").is_none());
    }
}
