//! A picture that stands alone: how many incidents each group has, and how long they took.

use super::bars::{Bar, draw_bars};
use super::svg::{Anchor, Ink, Svg};
use super::time::{Column, draw_columns};
use super::{RIGHT, WIDTH, length};
use imp_core::words;

/// Groups that a picture shows; more make it too long to look at.
const GROUPS: usize = 30;
/// Space around.
const MARGIN: f64 = 20.0;
/// Height of a row of the lower part.
const ROW: f64 = 25.0;
/// Space for the names in it.
const NAMES: f64 = 168.0;
/// Space for the numbers behind.
const NOTES: f64 = 118.0;

/// A group of incidents.
#[derive(Debug, Clone, PartialEq)]
pub struct PosterGroup {
    /// Its name.
    pub label: String,
    /// How many.
    pub incidents: usize,
    /// A quarter, half, three quarters and nine tenths take at most so long, in seconds; none: known of no incident.
    pub spread: Option<[f64; 4]>,
    /// On how many that rests.
    pub n: usize,
}

/// What a picture shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Poster {
    /// What it is about.
    pub title: String,
    /// Which incidents.
    pub note: String,
    /// What the lengths are: `time to resolve (resolved − detected)`.
    pub lengths: String,
    /// Whether the groups are steps of time.
    pub is_time: bool,
    /// The groups.
    pub groups: Vec<PosterGroup>,
}

/// Draws it.
pub fn poster(p: &Poster) -> String {
    let mut groups = p.groups.clone();
    if !p.is_time {
        groups.sort_by_key(|g| std::cmp::Reverse(g.incidents));
    }
    let left_out = groups.len().saturating_sub(GROUPS);
    let shown = match p.is_time {
        // The latest are what one looks for.
        true => groups.split_off(left_out),
        false => groups.into_iter().take(GROUPS).collect(),
    };
    let counts = match p.is_time {
        true => {
            let column = |g: &PosterGroup| Column {
                name: g.label.clone(),
                layers: vec![(g.incidents, None)],
            };
            draw_columns(&[String::new()], &shown.iter().map(column).collect::<Vec<_>>())
        }
        false => {
            let bar = |g: &PosterGroup| Bar {
                label: g.label.clone(),
                note: g.incidents.to_string(),
                value: g.incidents,
                part: 0,
                sum: String::new(),
                href: None,
            };
            draw_bars(&shown.iter().map(bar).collect::<Vec<_>>())
        }
    };
    let spreads = spreads(&shown);
    let begin = 72.0;
    let second = begin + counts.height() + 28.0;
    let mut svg = Svg::new(WIDTH + 2.0 * MARGIN, second + 14.0 + spreads.height() + MARGIN);
    svg.heading((MARGIN, 30.0), &p.title);
    let more = match left_out {
        0 => String::new(),
        n => format!(" {n} more groups are not shown."),
    };
    svg.text((MARGIN, 50.0), Anchor::Start, Ink::Faint, &format!("{}{more}", p.note));
    svg.place((MARGIN, begin), &counts);
    svg.text(
        (MARGIN, second),
        Anchor::Start,
        Ink::Words,
        &format!(
            "{}: half lie in the box, the line is the median, nine in ten",
            p.lengths
        ),
    );
    svg.text(
        (MARGIN, second + 15.0),
        Anchor::Start,
        Ink::Words,
        "lie before the dot; (n) is on how many that rests",
    );
    svg.place((MARGIN, second + 22.0), &spreads);
    svg.alone(&p.title)
}

fn spreads(all: &[PosterGroup]) -> Svg {
    let mut svg = Svg::new(WIDTH, 10.0 + ROW * all.len().max(1) as f64);
    let most = all.iter().filter_map(|g| g.spread).map(|s| s[3]).fold(1.0, f64::max);
    let room = WIDTH - NAMES - NOTES;
    let x = |s: f64| NAMES + room * s / most;
    svg.line((NAMES, 2.0), (NAMES, 6.0 + ROW * all.len() as f64), Ink::Grid);
    for (i, g) in all.iter().enumerate() {
        let y = 8.0 + ROW * i as f64;
        svg.text(
            (NAMES - 8.0, y + 13.0),
            Anchor::End,
            Ink::Words,
            &words::cut(&g.label, 22),
        );
        match g.spread {
            Some([p25, p50, p75, p90]) => {
                svg.line((x(p75), y + 9.0), (x(p90), y + 9.0), Ink::Bar);
                svg.rect((x(p25), y), ((x(p75) - x(p25)).max(2.0), ROW - 7.0), Ink::Heat(2));
                svg.rect((x(p50) - 1.5, y), (3.0, ROW - 7.0), Ink::Part);
                svg.rect((x(p90) - 2.5, y + 6.5), (5.0, 5.0), Ink::Bar);
                let note = format!("{} ({})", length(p50), g.n);
                svg.text((WIDTH - RIGHT, y + 13.0), Anchor::End, Ink::Words, &note);
            }
            None => svg.text(
                (NAMES + 6.0, y + 13.0),
                Anchor::Start,
                Ink::Faint,
                "known of no incident",
            ),
        }
    }
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_shows_the_largest_groups_and_says_how_many_it_leaves_out() {
        let group = |n: usize| PosterGroup {
            label: format!("<team {n}>"),
            incidents: n,
            spread: (n > 3).then_some([60.0, 120.0, 600.0, 3600.0]),
            n,
        };
        let mut p = Poster {
            title: "By team".into(),
            note: "All.".into(),
            lengths: "time to resolve".into(),
            is_time: false,
            groups: (0..40).map(group).collect(),
        };
        let drawn = poster(&p);
        assert!(
            drawn.contains("10 more groups") && drawn.contains("&lt;team 39&gt;") && !drawn.contains("&lt;team 9&gt;")
        );
        p.is_time = true;
        assert!(poster(&p).contains("10 more groups"));
        p.groups.clear();
        assert!(poster(&p).starts_with("<svg"));
    }
}
