//! The few shapes that charts are made of.

use std::fmt::Write as _;

/// What a shape is, and hence how it is coloured: a class for style sheets and a colour for whoever has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// The n-th of a few kinds, the gravest first.
    Kind(usize),
    /// What is counted.
    Bar,
    /// A part of it that matters more.
    Part,
    /// How much there is in a cell, from 0 to 5.
    Heat(usize),
    /// A mark over bars.
    Mark,
    /// Lines behind everything.
    Grid,
    /// Words.
    Words,
    /// Words that matter less.
    Faint,
    /// Words on a dark cell.
    Inverse,
    /// What everything stands on.
    Paper,
}

impl Ink {
    fn class(self) -> String {
        match self {
            Ink::Kind(n) => format!("k{}", n.min(4)),
            Ink::Bar => "bar".to_owned(),
            Ink::Part => "part".to_owned(),
            Ink::Heat(n) => format!("h{}", n.min(5)),
            Ink::Mark => "mark".to_owned(),
            Ink::Grid => "grid".to_owned(),
            Ink::Words => "words".to_owned(),
            Ink::Faint => "faint".to_owned(),
            Ink::Inverse => "inverse".to_owned(),
            Ink::Paper => "paper".to_owned(),
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Ink::Kind(n) => ["#7a1712", "#d4561b", "#f3ae4b", "#c9d6e2", "#8a8f98"][n.min(4)],
            Ink::Bar => "#3b75b5",
            Ink::Part => "#12365c",
            Ink::Heat(n) => ["#f0f1f3", "#cfe0f0", "#9cc3e4", "#5a98cf", "#2667a6", "#0c3765"][n.min(5)],
            Ink::Mark => "#b8400b",
            Ink::Grid => "#dcd8cf",
            Ink::Words => "#1c1b19",
            Ink::Faint => "#5f5b53",
            Ink::Inverse | Ink::Paper => "#ffffff",
        }
    }
}

/// Text as it may stand in SVG and HTML, inside and in attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML knows no other control characters.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Where a text is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// At its beginning.
    Start,
    /// In the middle.
    Middle,
    /// At its end.
    End,
}

/// A drawing.
#[derive(Debug)]
pub struct Svg {
    width: f64,
    height: f64,
    body: String,
}

/// A number as short as it may be.
fn n(v: f64) -> String {
    let text = format!("{v:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

impl Svg {
    /// An empty one.
    pub fn new(width: f64, height: f64) -> Svg {
        Svg {
            width,
            height,
            body: String::new(),
        }
    }

    fn push(&mut self, args: std::fmt::Arguments<'_>) {
        // Writing into a text does not fail.
        let _ = self.body.write_fmt(args);
    }

    /// A box.
    pub fn rect(&mut self, (x, y): (f64, f64), (w, h): (f64, f64), ink: Ink) {
        let (class, colour) = (ink.class(), ink.colour());
        let (x, y, w, h) = (n(x), n(y), n(w.max(0.0)), n(h.max(0.0)));
        self.push(format_args!(
            r#"<rect x="{x}" y="{y}" width="{w}" height="{h}" class="{class}" fill="{colour}"/>"#
        ));
    }

    /// A line.
    pub fn line(&mut self, (x, y): (f64, f64), (to_x, to_y): (f64, f64), ink: Ink) {
        let (class, colour) = (ink.class(), ink.colour());
        let (x, y, to_x, to_y) = (n(x), n(y), n(to_x), n(to_y));
        self.push(format_args!(
            r#"<line x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}" class="{class}" stroke="{colour}"/>"#
        ));
    }

    /// A line over bars, solid or in dashes.
    pub fn rule(&mut self, (x, y): (f64, f64), (to_x, to_y): (f64, f64), solid: bool) {
        let colour = Ink::Mark.colour();
        let (x, y, to_x, to_y) = (n(x), n(y), n(to_x), n(to_y));
        let dashes = if solid { "" } else { r#" stroke-dasharray="4 3""# };
        self.push(format_args!(
            r#"<line x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}" class="mark" stroke="{colour}" stroke-width="2"{dashes}/>"#
        ));
    }

    /// A line through several points.
    pub fn path(&mut self, points: &[(f64, f64)], ink: Ink) {
        let (class, colour) = (ink.class(), ink.colour());
        let d: Vec<String> = points.iter().map(|(x, y)| format!("{} {}", n(*x), n(*y))).collect();
        let d = d.join("L");
        self.push(format_args!(
            r#"<path d="M{d}" class="{class}" fill="none" stroke="{colour}" stroke-width="2"/>"#
        ));
    }

    /// Words.
    pub fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, ink: Ink, text: &str) {
        let (class, colour) = (ink.class(), ink.colour());
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (x, y, text) = (n(x), n(y), escape(text));
        self.push(format_args!(
            r#"<text x="{x}" y="{y}" text-anchor="{anchor}" class="{class}" fill="{colour}">{text}</text>"#
        ));
    }

    /// Words in a larger hand.
    pub fn heading(&mut self, (x, y): (f64, f64), text: &str) {
        let (colour, x, y, text) = (Ink::Words.colour(), n(x), n(y), escape(text));
        self.push(format_args!(
            r#"<text x="{x}" y="{y}" class="words" fill="{colour}" font-size="16" font-weight="bold">{text}</text>"#
        ));
    }

    /// Draws something that says more when it is pointed at, and perhaps leads somewhere. Keyboards and screen readers
    /// have the table behind the chart instead.
    pub fn mark(&mut self, href: Option<&str>, title: &str, draw: impl FnOnce(&mut Svg)) {
        let title = escape(title);
        match href {
            Some(href) => {
                let href = escape(href);
                self.push(format_args!(r#"<a href="{href}" tabindex="-1"><title>{title}</title>"#));
                draw(self);
                self.body.push_str("</a>");
            }
            None => {
                self.push(format_args!("<g><title>{title}</title>"));
                draw(self);
                self.body.push_str("</g>");
            }
        }
    }

    /// Puts another drawing into this one.
    pub fn place(&mut self, (x, y): (f64, f64), other: &Svg) {
        let (x, y, body) = (n(x), n(y), &other.body);
        self.body
            .push_str(&format!(r#"<g transform="translate({x} {y})">{body}</g>"#));
    }

    /// How high it is.
    pub fn height(&self) -> f64 {
        self.height
    }

    /// The whole, for a page.
    pub fn page(&self, label: &str) -> String {
        self.whole(label, "")
    }

    /// The whole, to stand alone: with something to stand on.
    pub fn alone(&self, label: &str) -> String {
        let (w, h, colour) = (n(self.width), n(self.height), Ink::Paper.colour());
        self.whole(label, &format!(r#"<rect width="{w}" height="{h}" fill="{colour}"/>"#))
    }

    fn whole(&self, label: &str, under: &str) -> String {
        let (w, h, label, body) = (n(self.width), n(self.height), escape(label), &self.body);
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="group" aria-label="{label}" class="chart" font-family="Noto Sans, system-ui, sans-serif" font-size="12">{under}{body}</svg>"#
        )
    }
}
