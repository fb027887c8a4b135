//! What there is most of, and how lengths are spread.

use super::svg::{Anchor, Ink, Svg};
use super::{LEFT, RIGHT, TOP, WIDTH, edge, ticks};
use imp_core::words;

/// Height of a bar and the space below it.
const BAR: f64 = 25.0;
/// Space for the names, where they are names …
const NAMES: f64 = 168.0;
/// … and where they are sentences.
const SENTENCES: f64 = 292.0;
/// About how wide a letter is.
const LETTER: f64 = 7.0;
/// Space for the sums at the right.
const SUMS: f64 = 56.0;
/// Names below an axis need about so much room.
const NAME_WIDTH: f64 = 64.0;
/// Height of a distribution's bars.
const HEIGHT: f64 = 120.0;

/// A bar that lies.
#[derive(Debug, Clone)]
pub struct Bar {
    /// What it is.
    pub label: String,
    /// What is said behind it.
    pub note: String,
    /// How long it is.
    pub value: usize,
    /// The part of it that matters more.
    pub part: usize,
    /// Which share of all this bar and those above it have together; empty: that is not shown.
    pub sum: String,
    /// Where it leads.
    pub href: Option<String>,
}

/// Bars below each other.
pub fn bars(label: &str, all: &[Bar]) -> String {
    draw_bars(all).page(label)
}

/// The same, to be put into something else.
pub(crate) fn draw_bars(all: &[Bar]) -> Svg {
    let sums = all.iter().any(|b| !b.sum.is_empty());
    let top = if sums { TOP + 8.0 } else { TOP };
    let mut svg = Svg::new(WIDTH, top + BAR * all.len().max(1) as f64 + 4.0);
    let letters = all.iter().map(|b| b.label.chars().count()).max().unwrap_or(0);
    let names = if letters as f64 * LETTER > NAMES * 1.5 {
        SENTENCES
    } else {
        NAMES
    };
    let fit = ((names - 8.0) / LETTER) as usize;
    let notes = all.iter().map(|b| b.note.chars().count()).max().unwrap_or(0) as f64;
    let room = WIDTH - names - (20.0 + LETTER * notes) - if sums { SUMS } else { 0.0 };
    let most = all.iter().map(|b| b.value).max().unwrap_or(0).max(1) as f64;
    svg.line((names, top - 4.0), (names, top + BAR * all.len() as f64), Ink::Grid);
    if sums {
        svg.text((WIDTH - RIGHT, top - 8.0), Anchor::End, Ink::Faint, "together");
    }
    for (i, bar) in all.iter().enumerate() {
        let y = top + BAR * i as f64;
        let long = |v: usize| room * v as f64 / most;
        let name = words::cut(&bar.label, fit);
        svg.mark(bar.href.as_deref(), &format!("{}: {}", bar.label, bar.note), |svg| {
            svg.text((names - 8.0, y + 13.0), Anchor::End, Ink::Words, &name);
            svg.rect((names, y), (long(bar.value), BAR - 7.0), Ink::Bar);
            if bar.part > 0 {
                svg.rect((names, y), (long(bar.part), BAR - 7.0), Ink::Part);
            }
            svg.text(
                (names + long(bar.value) + 6.0, y + 13.0),
                Anchor::Start,
                Ink::Words,
                &bar.note,
            );
        });
        svg.text((WIDTH - RIGHT, y + 13.0), Anchor::End, Ink::Faint, &bar.sum);
    }
    svg
}

/// A place on a distribution with its name.
#[derive(Debug, Clone)]
pub struct Mark {
    /// `median`.
    pub name: String,
    /// Where, in milliseconds.
    pub ms: f64,
}

/// A bar of a distribution: from, until (in milliseconds), how many, where it leads.
pub type Lengths = (i64, i64, usize, String);

/// How lengths are spread; each bar is about twice as long as the one before.
pub fn lengths(label: &str, all: &[Lengths], marks: &[Mark]) -> String {
    let top = TOP + 18.0;
    let mut svg = Svg::new(WIDTH, top + HEIGHT + 22.0);
    let most = all.iter().map(|(_, _, n, _)| *n).max().unwrap_or(0);
    let axis = ticks(most);
    let highest = axis.last().copied().unwrap_or(1);
    for tick in axis {
        let y = top + HEIGHT * (1.0 - tick as f64 / highest as f64);
        svg.line((LEFT, y), (WIDTH - RIGHT, y), Ink::Grid);
        svg.text((LEFT - 6.0, y + 4.0), Anchor::End, Ink::Faint, &tick.to_string());
    }
    let width = (WIDTH - LEFT - RIGHT) / all.len().max(1) as f64;
    let each = ((NAME_WIDTH / width).ceil() as usize).max(1);
    for (i, (from, until, n, href)) in all.iter().enumerate() {
        let (x, h) = (LEFT + width * i as f64, HEIGHT * *n as f64 / highest as f64);
        let title = match until {
            &i64::MAX => format!("{n} took {} or longer", edge(*from)),
            until => format!("{n} took {} to {}", edge(*from), edge(*until)),
        };
        svg.mark(Some(href), &title, |svg| {
            svg.rect((x + 1.0, top + HEIGHT - h), (width - 2.0, h), Ink::Bar);
        });
        if i % each == 0 {
            svg.text(
                (x.max(LEFT + 8.0), top + HEIGHT + 16.0),
                Anchor::Middle,
                Ink::Faint,
                &edge(*from),
            );
        }
    }
    let place = |ms: f64| {
        let within = all
            .iter()
            .position(|(from, until, ..)| *from as f64 <= ms && ms < *until as f64)?;
        let (from, until, ..) = all.get(within)?;
        let share = match *until {
            i64::MAX => 0.5,
            until => (ms - *from as f64) / (until - from) as f64,
        };
        Some(LEFT + width * (within as f64 + share))
    };
    let mut key = LEFT + 2.0;
    for (i, mark) in marks.iter().enumerate() {
        let Some(x) = place(mark.ms) else { continue };
        let solid = i == 0;
        svg.rule((x, top - 4.0), (x, top + HEIGHT), solid);
        svg.rule((key, 4.0), (key, 16.0), solid);
        svg.text((key + 7.0, 14.0), Anchor::Start, Ink::Words, &mark.name);
        key += 30.0 + LETTER * mark.name.chars().count() as f64;
    }
    svg.page(label)
}
