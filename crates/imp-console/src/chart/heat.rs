//! When things happen: a year of days, and the hours of a week.

use super::svg::{Anchor, Ink, Svg};
use super::{RIGHT, TOP, WIDTH};

/// The days of a week.
pub(crate) const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// Space for the names of days.
const NAMES: f64 = 34.0;
/// The tallest and widest that a cell gets.
const CELL_MAX: f64 = 22.0;

/// How dark a cell is: 0 for none, then in five steps up to the most.
fn level(n: usize, most: usize) -> usize {
    match n {
        0 => 0,
        n => 1 + (4 * (n - 1)) / most.max(2).saturating_sub(1).max(1),
    }
    .min(5)
}

/// A day: its name, how many, where it leads.
pub type Day = (String, usize, String);

/// Days in columns of weeks, beginning with a Monday. `months` names the week in which a month begins.
pub fn calendar(label: &str, days: &[Day], months: &[(usize, String)]) -> String {
    let weeks = days.len().div_ceil(7).max(1);
    let cell = ((WIDTH - NAMES - RIGHT) / weeks as f64).min(CELL_MAX);
    let mut svg = Svg::new(WIDTH, TOP + 14.0 + cell * 7.0 + 6.0);
    let most = days.iter().map(|(_, n, _)| *n).max().unwrap_or(0);
    for (n, name) in DAYS.iter().enumerate().step_by(2) {
        let y = TOP + 10.0 + cell * (n as f64 + 0.5) + 4.0;
        svg.text((NAMES - 6.0, y), Anchor::End, Ink::Faint, name);
    }
    let mut free = 0.0;
    for (week, name) in months {
        let x = NAMES + cell * *week as f64;
        if x >= free {
            svg.text((x, TOP + 2.0), Anchor::Start, Ink::Faint, name);
            free = x + 30.0;
        }
    }
    for (i, (name, n, href)) in days.iter().enumerate() {
        let (x, y) = (NAMES + cell * (i / 7) as f64, TOP + 10.0 + cell * (i % 7) as f64);
        let href = (*n > 0).then_some(href.as_str());
        svg.mark(href, &format!("{name}: {n}"), |svg| {
            let gap = (cell * 0.12).min(2.0);
            svg.rect((x, y), (cell - gap, cell - gap), Ink::Heat(level(*n, most)));
        });
    }
    svg.page(label)
}

/// The hours of a week, each with its number; `href` says where a cell leads.
pub fn clock(label: &str, cells: &[[usize; 24]; 7], href: &dyn Fn(usize, usize) -> String) -> String {
    let (width, height) = ((WIDTH - NAMES - RIGHT) / 24.0, 23.0);
    let mut svg = Svg::new(WIDTH, TOP + 10.0 + height * 7.0 + 6.0);
    let most = cells.iter().flatten().copied().max().unwrap_or(0);
    for hour in (0..24).step_by(3) {
        let x = NAMES + width * f64::from(hour);
        svg.text((x, TOP), Anchor::Start, Ink::Faint, &format!("{hour:02}"));
    }
    for (d, hours) in cells.iter().enumerate() {
        let y = TOP + 8.0 + height * d as f64;
        let name = DAYS.get(d).copied().unwrap_or_default();
        svg.text((NAMES - 6.0, y + 15.0), Anchor::End, Ink::Faint, name);
        for (h, n) in hours.iter().enumerate() {
            let x = NAMES + width * h as f64;
            let to = (*n > 0).then(|| href(d, h));
            let level = level(*n, most);
            svg.mark(
                to.as_deref(),
                &format!("{name} {h:02}:00 to {h:02}:59 UTC: {n}"),
                |svg| {
                    svg.rect((x, y), (width - 1.5, height - 1.5), Ink::Heat(level));
                    if *n > 0 {
                        let ink = if level >= 3 { Ink::Inverse } else { Ink::Words };
                        svg.text((x + (width - 1.5) / 2.0, y + 15.0), Anchor::Middle, ink, &n.to_string());
                    }
                },
            );
        }
    }
    svg.page(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_is_darkest_and_none_is_lightest() {
        assert_eq!((level(0, 9), level(1, 9), level(9, 9)), (0, 1, 5));
        assert_eq!((level(1, 1), level(2, 2)), (1, 5));
        assert!((1..=50).map(|n| level(n, 50)).is_sorted());
    }
}
