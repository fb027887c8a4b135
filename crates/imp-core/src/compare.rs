//! Whether two periods differ: a change with the interval in which it lies, and the word for it where it may be chance.

/// Below so many on either side nothing is said about a difference.
pub const LEAST: usize = 10;
/// Groups with fewer than so many incidents are not put in an order by their medians.
pub const RANKED: usize = 10;
/// The quantile of the normal distribution that leaves a fortieth on each side: intervals hold in 95 of 100 cases.
const Z: f64 = 1.959_963_984_540_054;

/// A change against the period before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// What it was.
    pub was: f64,
    /// What it is.
    pub is: f64,
    /// The least that the difference may be (of a count: of the ratio of the rates).
    pub low: f64,
    /// The most.
    pub high: f64,
}

/// What can be said of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It went up, and that is hardly chance.
    More,
    /// It went down, and that is hardly chance.
    Less,
    /// It may be chance.
    Same,
}

impl Change {
    /// What can be said where `even` would mean that nothing changed: 0 for a difference, 1 for a ratio.
    pub fn verdict(&self, even: f64) -> Verdict {
        match (self.low > even, self.high < even) {
            (true, _) => Verdict::More,
            (false, true) => Verdict::Less,
            (false, false) => Verdict::Same,
        }
    }
}

/// How a number of events changed, as the ratio of their rates: of all events of both periods the share of the later one,
/// with Wilson's interval. `None` where there are too few.
pub fn counts(was: usize, was_ms: i64, is: usize, is_ms: i64) -> Option<Change> {
    let n = was + is;
    if n < LEAST || was_ms <= 0 || is_ms <= 0 {
        return None;
    }
    let (n, p) = (n as f64, is as f64 / n as f64);
    let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let ratio = |share: f64| match share {
        s if s >= 1.0 => f64::INFINITY,
        s => s.max(0.0) / (1.0 - s) * was_ms as f64 / is_ms as f64,
    };
    Some(Change {
        was: was as f64,
        is: is as f64,
        low: ratio(middle - half),
        high: ratio(middle + half),
    })
}

/// How a median changed, in seconds: the difference with the interval of Price and Bonett, which needs no assumption
/// about how lengths are spread. Both are sorted, in milliseconds. `None` where there are too few of either.
pub fn medians(was: &[i64], is: &[i64]) -> Option<Change> {
    if was.len() < LEAST || is.len() < LEAST {
        return None;
    }
    let (before, after) = (median(was), median(is));
    let half = Z * (variance(was) + variance(is)).sqrt();
    Some(Change {
        was: before,
        is: after,
        low: after - before - half,
        high: after - before + half,
    })
}

fn median(sorted: &[i64]) -> f64 {
    let n = sorted.len();
    let at = |i: usize| sorted.get(i).copied().unwrap_or(0) as f64 / 1000.0;
    (at((n - 1) / 2) + at(n / 2)) / 2.0
}

/// The variance of a median, from two of the values around it.
fn variance(sorted: &[i64]) -> f64 {
    let n = sorted.len();
    let c = (((n + 1) as f64 / 2.0 - (n as f64).sqrt()).round() as usize).clamp(1, n);
    let (low, high) = (sorted.get(c - 1), sorted.get(n - c));
    let width = (high.copied().unwrap_or(0) - low.copied().unwrap_or(0)) as f64 / 1000.0;
    let z = quantile(1.0 - below(n, c));
    (width / (2.0 * z)).powi(2)
}

/// The chance that of `n` tosses of a coin fewer than `c` show heads, `c` being at most half of them. By the weights of
/// half of them and fewer as far as they count, which of a million tosses are some thousands.
fn below(n: usize, c: usize) -> f64 {
    let (mut weight, mut all, mut fewer) = (1.0, 0.0, 0.0);
    for heads in (0..=n / 2).rev() {
        all += weight;
        fewer += if heads < c { weight } else { 0.0 };
        weight *= heads as f64 / (n + 1 - heads) as f64;
        if weight < 1e-20 {
            break;
        }
    }
    // As many show more; what lies in the middle is not there twice.
    let middle = if n.is_multiple_of(2) { 1.0 } else { 0.0 };
    fewer / (2.0 * all - middle)
}

/// The quantile of the normal distribution, by bisection: it is asked for twice a number.
fn quantile(p: f64) -> f64 {
    let (mut low, mut high) = (0.0, 8.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        match normal(middle) < p {
            true => low = middle,
            false => high = middle,
        }
    }
    (low + high) / 2.0
}

/// The normal distribution's share below `x`, for `x` from 0 to 8: the series around 0 (Marsaglia).
fn normal(x: f64) -> f64 {
    let (mut sum, mut term, mut n) = (x, x, 1.0);
    while term > sum * 1e-17 && n < 500.0 {
        n += 2.0;
        term *= x * x / n;
        sum += term;
    }
    0.5 + sum * (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_may_be_chance_is_called_the_same() {
        let month = 30 * 86_400_000;
        let verdict = |was, is| counts(was, month, is, month).map(|c| c.verdict(1.0));
        assert_eq!(verdict(20, 24), Some(Verdict::Same));
        assert_eq!(verdict(20, 60), Some(Verdict::More));
        assert_eq!(verdict(60, 20), Some(Verdict::Less));
        assert_eq!(verdict(2, 4), None);
        // Twice as many in twice the time is no change.
        assert_eq!(
            counts(50, month, 100, 2 * month).map(|c| c.verdict(1.0)),
            Some(Verdict::Same)
        );
        assert!(counts(0, month, 40, month).is_some_and(|c| c.high.is_infinite() || c.high > 100.0));
    }

    #[test]
    fn medians_differ_where_hardly_any_lengths_overlap() {
        let around = |middle: i64| (0..40).map(|n| (middle + n * 10) * 1000).collect::<Vec<i64>>();
        let change = medians(&around(600), &around(1200)).expect("enough");
        assert_eq!((change.verdict(0.0), change.is - change.was), (Verdict::More, 600.0));
        let change = medians(&around(600), &around(650)).expect("enough");
        assert_eq!(change.verdict(0.0), Verdict::Same);
        assert_eq!(medians(&around(600)[..9], &around(600)), None);
    }

    #[test]
    fn the_normal_distribution_is_the_known_one() {
        assert!((quantile(0.975) - Z).abs() < 1e-9, "{}", quantile(0.975));
        assert!((below(10, 3) - 56.0 / 1024.0).abs() < 1e-12);
        assert!((below(11, 4) - 232.0 / 2048.0).abs() < 1e-12);
        assert!((below(1_000_001, 500_001) - 0.5).abs() < 1e-12);
        // Of many tosses the share is that of the normal distribution.
        assert!((below(1_000_000, 499_001) - (1.0 - normal(1.999))).abs() < 1e-6);
    }
}
