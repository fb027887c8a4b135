//! Charts, drawn once as SVG: for pages, where a style sheet may colour them anew, and for files and pictures, which stand
//! alone. Pure. Colours differ in lightness, so that they hold in print and for whoever sees colours otherwise.

mod bars;
mod heat;
mod poster;
mod svg;
mod time;

pub use bars::{Bar, Lengths, Mark, bars, lengths};
pub use heat::{Day, calendar, clock};
pub use poster::{Poster, PosterGroup, poster};
pub use svg::{Ink, Svg, escape};
pub use time::{Column, columns, steps};

/// How wide a chart is, in its own units: two fit beside each other on a laptop, one on a phone.
pub const WIDTH: f64 = 560.0;
/// Space below a chart's upper edge.
pub(crate) const TOP: f64 = 14.0;
/// Space for numbers on the left.
pub(crate) const LEFT: f64 = 36.0;
/// Space on the right.
pub(crate) const RIGHT: f64 = 12.0;

/// Values for an axis from 0 to at least `most`: a few, and round ones.
pub(crate) fn ticks(most: usize) -> Vec<usize> {
    let most = most.max(1);
    let rough = most.div_ceil(4).max(1);
    let power = 10_usize.pow(rough.ilog10());
    let step = [1, 2, 5, 10].into_iter().map(|n| n * power).find(|s| *s >= rough);
    let step = step.unwrap_or(rough);
    (0..=most.div_ceil(step)).map(|n| n * step).collect()
}

/// A length of time in few words: `42 s`, `12 min`, `3 h 20 min`, `2 d 4 h`.
pub fn length(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as i64;
    let two = |a: i64, a_unit: &str, b: i64, b_unit: &str| match b {
        0 => format!("{a} {a_unit}"),
        b => format!("{a} {a_unit} {b} {b_unit}"),
    };
    match s {
        s if s < 60 => format!("{s} s"),
        s if s < 600 => two(s / 60, "min", s % 60, "s"),
        s if s < 3600 => format!("{} min", (s + 30) / 60),
        s if s < 86_400 => two((s + 30) / 3600, "h", (s + 30) % 3600 / 60, "min"),
        s => two((s + 1800) / 86_400, "d", (s + 1800) % 86_400 / 3600, "h"),
    }
}

/// A length of time as an edge on an axis: `5 min`, `1 h`.
pub(crate) fn edge(ms: i64) -> String {
    length(ms as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_few_and_round_numbers() {
        assert_eq!(ticks(0), [0, 1]);
        assert_eq!(ticks(7), [0, 2, 4, 6, 8]);
        assert_eq!(ticks(100), [0, 50, 100]);
        assert_eq!(ticks(101), [0, 50, 100, 150]);
        for most in 1..3000 {
            let all = ticks(most);
            assert!(all.len() <= 6 && all[all.len() - 1] >= most, "{most}: {all:?}");
        }
    }

    #[test]
    fn lengths_are_said_in_few_words() {
        let said: Vec<String> = [0.4, 61.0, 599.6, 3599.0, 12_000.0, 86_399.0, 190_000.0]
            .map(length)
            .into();
        assert_eq!(
            said,
            ["0 s", "1 min 1 s", "10 min", "60 min", "3 h 20 min", "24 h", "2 d 5 h"]
        );
    }

    #[test]
    fn what_people_wrote_is_no_markup_in_a_chart() {
        let nasty = "<script>alert(\"&\")</script>\u{0}";
        let bar = Bar {
            label: nasty.to_owned(),
            note: nasty.to_owned(),
            value: 3,
            part: 1,
            sum: nasty.to_owned(),
            href: Some("/x?a=\"<".to_owned()),
        };
        let drawn = bars(nasty, &[bar]);
        assert!(
            !drawn.contains("<script") && !drawn.contains('\u{0}') && !drawn.contains("\"<"),
            "{drawn}"
        );
        assert!(
            !drawn.contains("style="),
            "a page's policy forbids styles in attributes"
        );
    }
}
