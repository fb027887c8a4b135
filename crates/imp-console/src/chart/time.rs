//! What happens over time: columns in layers, and a line of steps.

use super::svg::{Anchor, Ink, Svg};
use super::{LEFT, RIGHT, TOP, WIDTH, ticks};

/// Height of the part in which columns stand.
const HEIGHT: f64 = 170.0;
/// Space for the words below it.
const BELOW: f64 = 22.0;
/// Names below an axis need about so much room.
const NAME_WIDTH: f64 = 62.0;
/// Height of the line that says what the layers are.
const KEY: f64 = 22.0;

/// A step of time.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name below the axis.
    pub name: String,
    /// How many of each layer, with what they lead to.
    pub layers: Vec<(usize, Option<String>)>,
}

fn frame(svg: &mut Svg, top: f64, most: usize) -> usize {
    let all = ticks(most);
    let highest = all.last().copied().unwrap_or(1);
    for tick in all {
        let y = top + HEIGHT * (1.0 - tick as f64 / highest as f64);
        svg.line((LEFT, y), (WIDTH - RIGHT, y), Ink::Grid);
        svg.text((LEFT - 6.0, y + 4.0), Anchor::End, Ink::Faint, &tick.to_string());
    }
    highest
}

fn names<'a>(svg: &mut Svg, y: f64, names: impl ExactSizeIterator<Item = &'a str>) {
    let width = (WIDTH - LEFT - RIGHT) / names.len().max(1) as f64;
    let each = ((NAME_WIDTH / width).ceil() as usize).max(1);
    for (i, name) in names.enumerate().filter(|(i, _)| i % each == 0) {
        let x = LEFT + width * (i as f64 + 0.5);
        svg.text((x.max(LEFT + 14.0), y), Anchor::Middle, Ink::Faint, name);
    }
}

/// Columns in layers, the first layer at the bottom.
pub fn columns(label: &str, layers: &[String], all: &[Column]) -> String {
    draw_columns(layers, all).page(label)
}

/// The same, to be put into something else.
pub(crate) fn draw_columns(layers: &[String], all: &[Column]) -> Svg {
    let key = if layers.len() > 1 { KEY } else { 0.0 };
    let top = TOP + key;
    let mut svg = Svg::new(WIDTH, top + HEIGHT + BELOW);
    let mut x = LEFT;
    for (n, layer) in layers.iter().enumerate().filter(|_| layers.len() > 1) {
        svg.rect((x, 4.0), (11.0, 11.0), Ink::Kind(n));
        svg.text((x + 16.0, 14.0), Anchor::Start, Ink::Words, layer);
        x += 34.0 + 7.5 * layer.chars().count() as f64;
    }
    let sum = |c: &Column| c.layers.iter().map(|(n, _)| n).sum::<usize>();
    let highest = frame(&mut svg, top, all.iter().map(sum).max().unwrap_or(0));
    let width = (WIDTH - LEFT - RIGHT) / all.len().max(1) as f64;
    for (i, column) in all.iter().enumerate() {
        let gap = (width * 0.18).min(6.0);
        let x = LEFT + width * i as f64 + gap / 2.0;
        let mut y = top + HEIGHT;
        for (n, (count, href)) in column.layers.iter().enumerate().filter(|(_, (count, _))| *count > 0) {
            let h = HEIGHT * *count as f64 / highest as f64;
            y -= h;
            let name = layers.get(n).map_or("", String::as_str);
            let title = format!("{}: {count} {name}", column.name);
            let ink = if layers.len() > 1 { Ink::Kind(n) } else { Ink::Bar };
            // Layers are parted by a hair, so that they can be told apart without colour.
            let hair = if h > 3.0 { 1.0 } else { 0.0 };
            svg.mark(href.as_deref(), title.trim_end(), |svg| {
                svg.rect((x, y + hair), (width - gap, h - hair), ink);
            });
        }
    }
    names(&mut svg, top + HEIGHT + 16.0, all.iter().map(|c| c.name.as_str()));
    svg
}

/// How many there are at the end of each step: name, number, and where that leads.
pub fn steps(label: &str, all: &[(String, usize, String)]) -> String {
    let mut svg = Svg::new(WIDTH, TOP + HEIGHT + BELOW);
    let highest = frame(&mut svg, TOP, all.iter().map(|(_, n, _)| *n).max().unwrap_or(0));
    let width = (WIDTH - LEFT - RIGHT) / all.len().max(1) as f64;
    let mut line = Vec::new();
    for (i, (name, n, href)) in all.iter().enumerate() {
        let (x, h) = (LEFT + width * i as f64, HEIGHT * *n as f64 / highest as f64);
        let y = TOP + HEIGHT - h;
        svg.mark(Some(href), &format!("{name}: {n} open"), |svg| {
            svg.rect((x, y), (width, h), Ink::Heat(1));
        });
        line.extend([(x, y), (x + width, y)]);
    }
    if !line.is_empty() {
        svg.path(&line, Ink::Bar);
    }
    names(
        &mut svg,
        TOP + HEIGHT + 16.0,
        all.iter().map(|(name, _, _)| name.as_str()),
    );
    svg.page(label)
}
