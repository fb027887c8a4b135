//! The process as a picture: SVG laid out here, Mermaid and DOT for other tools. What people wrote stays text in all.

use super::{Category, Process, Style};
use std::fmt::Write;

/// The style of the picture, by classes: inside a file of its own, or served beside a page.
pub const CSS: &str = include_str!("graph.css");

const COLUMNS: [(Category, &str); 4] = [
    (Category::Triage, "Asked"),
    (Category::Active, "Worked on"),
    (Category::After, "Over for users"),
    (Category::Done, "Finished"),
];
const MARGIN: f64 = 28.0;
const BOX_WIDTH: f64 = 236.0;
/// How many characters of the two sizes of type fit into a box; a little less than the mean width allows.
const WIDE: usize = 25;
const NARROW: usize = 33;
const ROW_GAP: f64 = 26.0;
const TRACK: f64 = 12.0;
const TOP: f64 = 64.0;
const LINE: f64 = 16.0;
const HEAD: f64 = 34.0;

struct Row {
    mv: usize,
    y: f64,
    label: Vec<String>,
    needs: Vec<String>,
}

struct Card {
    status: usize,
    column: usize,
    y: f64,
    height: f64,
    meaning: Vec<String>,
    rows: Vec<Row>,
}

/// One arrow: out of a row, through the gutters, into the head of a card.
struct Arrow {
    mv: usize,
    from: usize,
    row: f64,
    to: usize,
}

impl Arrow {
    /// Whether it enters from the right: from its own column, or from one further on.
    fn back(&self, cards: &[Card]) -> bool {
        cards[self.to].column <= cards[self.from].column
    }

    fn leaves_left(&self, cards: &[Card]) -> bool {
        cards[self.to].column < cards[self.from].column
    }
}

/// The picture as a file of its own: light and dark, readable by screen readers.
pub fn svg(process: &Process) -> String {
    draw(process, &|_| None, true)
}

/// The picture inside a page that serves [`CSS`]: with the number of live incidents in a status, and where they are.
pub fn svg_with(process: &Process, live: &dyn Fn(&str) -> Option<(usize, String)>) -> String {
    draw(process, live, false)
}

/// In words, a line for each status and move.
pub fn words(process: &Process) -> Vec<String> {
    let label = |id: &str| process.status(id).map_or(id.to_owned(), |s| s.label.clone());
    let mut out = Vec::new();
    for s in &process.statuses {
        let moves: Vec<String> = process
            .moves_from(&s.id)
            .map(|m| format!("“{}” to {}{}", m.label, label(&m.to), what_it_needs(process, m)))
            .collect();
        let ways = if moves.is_empty() {
            "no move leads on".to_owned()
        } else {
            moves.join("; ")
        };
        out.push(format!("{}: {ways}.", s.label));
    }
    out
}

fn what_it_needs(process: &Process, m: &super::Move) -> String {
    let name = |f: &String| process.field(f).map_or(f.clone(), |f| f.label.clone());
    let list = |fields: &[String]| fields.iter().map(name).collect::<Vec<_>>().join(" ");
    match (m.requires.is_empty(), m.asks.is_empty()) {
        (true, true) => String::new(),
        (false, _) => format!(" (needs: {})", list(&m.requires)),
        (true, false) => format!(" (may tell: {})", list(&m.asks)),
    }
}

fn draw(process: &Process, live: &dyn Fn(&str) -> Option<(usize, String)>, alone: bool) -> String {
    let mut cards = cards(process);
    let arrows = arrows(process, &cards);
    let gutters = gutters(&cards, &arrows);
    let above = lanes(&cards, &arrows, true);
    let below = lanes(&cards, &arrows, false);
    let lift = count(above.len()) * TRACK;
    for card in &mut cards {
        card.y += lift;
        for row in &mut card.rows {
            row.y += lift;
        }
    }
    let mut left = [0.0; 5];
    let mut x = MARGIN;
    for (n, at) in left.iter_mut().enumerate() {
        *at = x;
        x += gutter_width(&gutters[n]) + if n < 4 { BOX_WIDTH } else { 0.0 };
    }
    let column = |c: usize| left[c] + gutter_width(&gutters[c]);
    let track = |g: usize, key: (usize, bool)| {
        let n = gutters[g].iter().position(|k| *k == key).unwrap_or_default();
        left[g] + (count(n) + 1.5) * TRACK
    };
    let floor = cards.iter().map(|c| c.y + c.height).fold(0.0, f64::max);
    let lane = |to: usize, top: bool| {
        let (all, y) = if top {
            (&above, TOP - 8.0)
        } else {
            (&below, floor + 18.0)
        };
        y + count(all.iter().position(|k| *k == to).unwrap_or_default()) * TRACK
    };
    let width = x + MARGIN;
    let height = floor + 18.0 + count(below.len()) * TRACK + MARGIN;

    let mut out = String::new();
    let role = if alone { "img" } else { "group" };
    let _ = write!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="imp-process" viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}" role="{role}" aria-labelledby="imp-process-title imp-process-desc"><title id="imp-process-title">{} {}</title><desc id="imp-process-desc">{}</desc>"#,
        escape(&process.name),
        escape(&process.version),
        escape(&words(process).join(" "))
    );
    if alone {
        let _ = write!(out, "<style>{CSS}</style>");
    }
    let _ = write!(
        out,
        r#"<rect class="ground" width="{width:.0}" height="{height:.0}"/><defs>"#
    );
    for style in ["plain", "primary", "danger"] {
        let _ = write!(
            out,
            r#"<marker id="imp-tip-{style}" class="tip {style}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 .5 7.5 4 0 7.5z"/></marker>"#
        );
    }
    out.push_str("</defs>");
    for (n, (_, words)) in COLUMNS.iter().enumerate() {
        let _ = write!(
            out,
            r#"<text class="column" x="{:.0}" y="36">{words}</text>"#,
            column(n)
        );
    }
    let path = |a: &Arrow| {
        let (from, to, back) = (&cards[a.from], &cards[a.to], a.back(&cards));
        let head = to.y + HEAD / 2.0 + if back { 5.0 } else { 0.0 };
        let (exit, out_gutter) = if a.leaves_left(&cards) {
            (column(from.column), from.column)
        } else {
            (column(from.column) + BOX_WIDTH, from.column + 1)
        };
        let (entry, in_gutter) = if back {
            (column(to.column) + BOX_WIDTH + 1.0, to.column + 1)
        } else {
            (column(to.column) - 1.0, to.column)
        };
        let key = (a.to, back);
        let mut points = vec![(exit, a.row), (track(out_gutter, key), a.row)];
        if out_gutter != in_gutter {
            let y = lane(a.to, back);
            points.extend([(track(out_gutter, key), y), (track(in_gutter, key), y)]);
        }
        points.extend([(track(in_gutter, key), head), (entry, head)]);
        rounded(&points)
    };
    // Arrows that arrive as one line lie on one halo, which parts them from those that they cross. Bundles with the
    // usual way in them are drawn last and lie on top.
    let style = |a: &&Arrow| process.moves[a.mv].style;
    let mut bundles: Vec<Vec<&Arrow>> = Vec::new();
    for a in &arrows {
        let same = |b: &Vec<&Arrow>| b.iter().any(|o| (o.to, o.back(&cards)) == (a.to, a.back(&cards)));
        match bundles.iter_mut().find(|b| same(b)) {
            Some(b) => b.push(a),
            None => bundles.push(vec![a]),
        }
    }
    bundles.sort_by_key(|b| b.iter().any(|a| style(a) == Style::Primary));
    for bundle in &mut bundles {
        bundle.sort_by_key(|a| match style(a) {
            Style::Plain => 0,
            Style::Danger => 1,
            Style::Primary => 2,
        });
        for a in bundle.iter() {
            let _ = write!(out, r#"<path class="halo" d="{}"/>"#, path(a));
        }
        for a in bundle.iter() {
            let word = style_word(style(a));
            let _ = write!(
                out,
                r#"<path class="arrow {word}" d="{}" marker-end="url(#imp-tip-{word})"/>"#,
                path(a)
            );
        }
    }
    for card in &cards {
        draw_card(&mut out, process, card, column(card.column), live);
    }
    out.push_str("</svg>");
    out
}

fn draw_card(out: &mut String, process: &Process, card: &Card, x: f64, live: &dyn Fn(&str) -> Option<(usize, String)>) {
    let status = &process.statuses[card.status];
    let (y, h) = (card.y, card.height);
    let _ = write!(
        out,
        r#"<g class="status {}"><rect class="card" x="{x:.1}" y="{y:.1}" width="{BOX_WIDTH}" height="{h:.1}" rx="10"/><rect class="mark" x="{x:.1}" y="{:.1}" width="4" height="{:.1}" rx="2"/><text class="name" x="{:.1}" y="{:.1}">{}</text>"#,
        status.category.word(),
        y + 8.0,
        HEAD - 12.0,
        x + 14.0,
        y + 23.0,
        escape(&crate::words::cut(&status.label, 24))
    );
    if let Some((n, link)) = live(&status.id).filter(|(n, _)| *n > 0) {
        let _ = write!(
            out,
            r#"<a href="{}"><title>{n} in {}</title><rect class="live" x="{:.1}" y="{:.1}" width="34" height="20" rx="10"/><text class="number" x="{:.1}" y="{:.1}" text-anchor="middle">{n}</text></a>"#,
            escape(&link),
            escape(&status.label),
            x + BOX_WIDTH - 44.0,
            y + 8.0,
            x + BOX_WIDTH - 27.0,
            y + 22.5
        );
    }
    for (n, line) in card.meaning.iter().enumerate() {
        let at = y + HEAD + 10.0 + count(n) * LINE;
        let _ = write!(
            out,
            r#"<text class="small" x="{:.1}" y="{at:.1}">{}</text>"#,
            x + 14.0,
            escape(line)
        );
    }
    for row in &card.rows {
        let top = row.y - 18.0;
        let m = &process.moves[row.mv];
        let tall = count(row.label.len() + row.needs.len()) * LINE + 10.0;
        let _ = write!(
            out,
            r#"<g class="move {}"><rect class="button" x="{:.1}" y="{top:.1}" width="{:.1}" height="{tall:.1}" rx="6"/>"#,
            style_word(m.style),
            x + 8.0,
            BOX_WIDTH - 16.0
        );
        let lines = row
            .label
            .iter()
            .map(|l| ("label", l))
            .chain(row.needs.iter().map(|l| ("small", l)));
        for (n, (class, line)) in lines.enumerate() {
            let at = top + 17.0 + count(n) * LINE;
            let _ = write!(
                out,
                r#"<text class="{class}" x="{:.1}" y="{at:.1}">{}</text>"#,
                x + 16.0,
                escape(line)
            );
        }
        out.push_str("</g>");
    }
    out.push_str("</g>");
}

fn style_word(style: Style) -> &'static str {
    match style {
        Style::Plain => "plain",
        Style::Primary => "primary",
        Style::Danger => "danger",
    }
}

/// A small number of things, as a length.
fn count(n: usize) -> f64 {
    f64::from(u16::try_from(n).unwrap_or(u16::MAX))
}

fn cards(process: &Process) -> Vec<Card> {
    let mut bottom = [TOP; 4];
    let mut out = Vec::new();
    for (status, s) in process.statuses.iter().enumerate() {
        let column = COLUMNS.iter().position(|(c, _)| *c == s.category).unwrap_or_default();
        let y = bottom[column];
        let meaning = wrap(&s.meaning, NARROW, 3);
        let mut at = y + HEAD + count(meaning.len()) * LINE + 8.0;
        let mut rows = Vec::new();
        for (mv, m) in process.moves.iter().enumerate().filter(|(_, m)| m.from.contains(&s.id)) {
            let label = wrap(&m.label, WIDE, 2);
            let needs = what_it_needs(process, m);
            let needs = wrap(
                needs.trim().trim_start_matches('(').trim_end_matches(')'),
                NARROW - 2,
                2,
            );
            let tall = count(label.len() + needs.len()) * LINE + 10.0;
            rows.push(Row {
                mv,
                y: at + 18.0,
                label,
                needs,
            });
            at += tall + 6.0;
        }
        let height = at - y + if rows.is_empty() { 2.0 } else { 4.0 };
        bottom[column] = y + height + ROW_GAP;
        out.push(Card {
            status,
            column,
            y,
            height,
            meaning,
            rows,
        });
    }
    out
}

fn arrows(process: &Process, cards: &[Card]) -> Vec<Arrow> {
    let mut out = Vec::new();
    for (from, card) in cards.iter().enumerate() {
        for row in &card.rows {
            let to = &process.moves[row.mv].to;
            if let Some(to) = cards.iter().position(|c| process.statuses[c.status].id == *to) {
                out.push(Arrow {
                    mv: row.mv,
                    from,
                    row: row.y - 5.0,
                    to,
                });
            }
        }
    }
    out
}

/// The tracks of the five gutters. Arrows to the same card from the same side share one: they arrive as one line.
fn gutters(cards: &[Card], arrows: &[Arrow]) -> [Vec<(usize, bool)>; 5] {
    let mut out: [Vec<(usize, bool)>; 5] = Default::default();
    for a in arrows {
        let back = a.back(cards);
        let leaves = cards[a.from].column + usize::from(!a.leaves_left(cards));
        let enters = cards[a.to].column + usize::from(back);
        for g in [leaves, enters] {
            if !out[g].contains(&(a.to, back)) {
                out[g].push((a.to, back));
            }
        }
    }
    for (g, tracks) in out.iter_mut().enumerate() {
        // Into the left column's cards nearest to it; then what passes by; then into the right column's cards.
        tracks.sort_by_key(|(to, back)| match (back, cards[*to].column) {
            (true, c) if c + 1 == g => (0, *to),
            (_, c) if c != g => (1, *to),
            _ => (2, usize::MAX - to),
        });
    }
    out
}

/// The lanes above or below all cards, on which arrows pass whole columns.
fn lanes(cards: &[Card], arrows: &[Arrow], back: bool) -> Vec<usize> {
    let mut out: Vec<usize> = Vec::new();
    for a in arrows.iter().filter(|a| a.back(cards) == back) {
        let leaves = cards[a.from].column + usize::from(!a.leaves_left(cards));
        let enters = cards[a.to].column + usize::from(back);
        if leaves != enters && !out.contains(&a.to) {
            out.push(a.to);
        }
    }
    out
}

fn gutter_width(tracks: &[(usize, bool)]) -> f64 {
    (count(tracks.len()) + 2.0) * TRACK
}

/// A line along these points with round corners.
fn rounded(points: &[(f64, f64)]) -> String {
    let mut out = String::new();
    let mut all: Vec<(f64, f64)> = Vec::new();
    for p in points {
        if all.last().is_none_or(|l| (l.0 - p.0).abs() + (l.1 - p.1).abs() > 0.5) {
            all.push(*p);
        }
    }
    for (n, p) in all.iter().enumerate() {
        let (Some(before), Some(after)) = (n.checked_sub(1).and_then(|b| all.get(b)), all.get(n + 1)) else {
            let _ = write!(out, "{}{:.1} {:.1}", if n == 0 { "M" } else { "L" }, p.0, p.1);
            continue;
        };
        let toward = |q: &(f64, f64)| {
            let length = (q.0 - p.0).hypot(q.1 - p.1);
            let step = (length / 2.0).min(6.0) / length;
            (p.0 + (q.0 - p.0) * step, p.1 + (q.1 - p.1) * step)
        };
        let (a, b) = (toward(before), toward(after));
        let _ = write!(
            out,
            "L{:.1} {:.1}Q{:.1} {:.1} {:.1} {:.1}",
            a.0, a.1, p.0, p.1, b.0, b.1
        );
    }
    out
}

/// Lines of at most so many characters, at most so many of them; what is left over becomes an ellipsis.
fn wrap(text: &str, wide: usize, most: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in crate::words::title(text).split_whitespace() {
        let word = crate::words::cut(word, wide);
        match out.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= wide => {
                line.push(' ');
                line.push_str(&word);
            }
            Some(_) | None => out.push(word),
        }
    }
    if out.len() > most {
        let rest = out.split_off(most - 1).join(" ");
        out.push(crate::words::cut(&rest, wide));
    }
    out
}

/// Text inside XML; what XML cannot hold at all is dropped.
fn escape(text: &str) -> String {
    crate::words::clean(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// For Mermaid: a flow chart with a group for each category.
pub fn mermaid(process: &Process) -> String {
    let text = |t: &str| {
        let mut out = String::new();
        for c in crate::words::title(t).chars() {
            // Everything that Mermaid or its Markdown could read as syntax goes in by its number.
            if c.is_alphanumeric() || matches!(c, ' ' | '.' | ',' | '?' | '…') {
                out.push(c);
            } else {
                let _ = write!(out, "#{};", u32::from(c));
            }
        }
        out
    };
    let mut out = String::from("flowchart LR\n");
    for (n, (category, words)) in COLUMNS.iter().enumerate() {
        let _ = writeln!(out, "  subgraph c{n}[\"{words}\"]");
        for (i, s) in process
            .statuses
            .iter()
            .enumerate()
            .filter(|(_, s)| s.category == *category)
        {
            let _ = writeln!(out, "    s{i}[\"{}\"]", text(&s.label));
        }
        out.push_str("  end\n");
    }
    for (from, to, m) in edges(process) {
        let words = text(&format!("{}{}", m.label, what_it_needs(process, m)));
        let arrow = if m.style == Style::Primary { "==>" } else { "-->" };
        let _ = writeln!(out, "  s{from} {arrow}|\"{words}\"| s{to}");
    }
    out
}

/// For Graphviz.
pub fn dot(process: &Process) -> String {
    let text = |t: &str| {
        let t = crate::words::title(t);
        t.replace('\\', "\\\\").replace('"', "\\\"").replace('&', "&amp;")
    };
    let mut out = String::from(
        "digraph process {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n",
    );
    for (n, (category, words)) in COLUMNS.iter().enumerate() {
        let _ = writeln!(out, "  subgraph cluster_{n} {{\n    label=\"{words}\";");
        for (i, s) in process
            .statuses
            .iter()
            .enumerate()
            .filter(|(_, s)| s.category == *category)
        {
            let _ = writeln!(out, "    s{i} [label=\"{}\"];", text(&s.label));
        }
        out.push_str("  }\n");
    }
    for (from, to, m) in edges(process) {
        let words = text(&format!("{}{}", m.label, what_it_needs(process, m)));
        let bold = if m.style == Style::Primary { ", style=bold" } else { "" };
        let _ = writeln!(out, "  s{from} -> s{to} [label=\"{words}\"{bold}];");
    }
    out.push_str("}\n");
    out
}

fn edges(process: &Process) -> impl Iterator<Item = (usize, usize, &super::Move)> {
    let at = |id: &str| process.statuses.iter().position(|s| s.id == id);
    process
        .moves
        .iter()
        .flat_map(move |m| m.from.iter().filter_map(move |f| Some((at(f)?, at(&m.to)?, m))))
}
