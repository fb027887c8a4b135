//! Versions in the order of Python's PEP 440, by which copier chooses among a template's tags.

use std::cmp::Ordering;

/// A version that can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    numbers: Vec<u64>,
    /// `a`, `b` or `rc`, and which.
    before: Option<(u8, u64)>,
    after: Option<u64>,
    dev: Option<u64>,
}

/// A tag as a version, or nothing.
pub fn parse(tag: &str) -> Option<Version> {
    let text = tag.trim().to_lowercase();
    let text = text.strip_prefix('v').unwrap_or(&text);
    let text = text.split('+').next().unwrap_or(text);
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (release, rest) = text.split_at(end);
    let numbers: Option<Vec<u64>> = release
        .trim_end_matches('.')
        .split('.')
        .map(|n| n.parse().ok())
        .collect();
    let mut numbers = numbers?;
    while numbers.len() > 1 && numbers.last() == Some(&0) {
        numbers.pop();
    }
    let mut out = Version {
        numbers,
        before: None,
        after: None,
        dev: None,
    };
    let mut rest = rest.trim_start_matches(['.', '-', '_']);
    while !rest.is_empty() {
        let words = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(words);
        let tail = tail.trim_start_matches(['.', '-', '_']);
        let digits = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let n: u64 = if digits == 0 { 0 } else { tail[..digits].parse().ok()? };
        match word {
            "a" | "alpha" => out.before = Some((0, n)),
            "b" | "beta" => out.before = Some((1, n)),
            "rc" | "c" | "pre" | "preview" => out.before = Some((2, n)),
            "post" | "rev" | "r" => out.after = Some(n),
            "" if digits > 0 => out.after = Some(n),
            "dev" => out.dev = Some(n),
            _ => return None,
        }
        rest = tail[digits..].trim_start_matches(['.', '-', '_']);
    }
    Some(out)
}

impl Version {
    /// Not yet released.
    pub fn is_prerelease(&self) -> bool {
        self.before.is_some() || self.dev.is_some()
    }

    /// What is compared after the numbers: a development version is before everything else of its release.
    fn rank(&self) -> (u8, u8, u64, u64, u64) {
        let dev = self.dev.map_or(u64::MAX, |n| n);
        match (self.before, self.after) {
            (None, None) if self.dev.is_some() => (0, 0, 0, 0, dev),
            (Some((kind, n)), _) => (1, kind, n, 0, dev),
            (None, None) => (2, 0, 0, 0, dev),
            (None, Some(n)) => (3, 0, n, 0, dev),
        }
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Version) -> Ordering {
        self.numbers
            .cmp(&other.numbers)
            .then_with(|| self.rank().cmp(&other.rank()))
    }
}

/// The newest released of some tags.
pub fn newest<'t>(tags: impl Iterator<Item = &'t str>) -> Option<&'t str> {
    let known = tags.filter_map(|t| parse(t).map(|v| (v, t)));
    known
        .filter(|(v, _)| !v.is_prerelease())
        .max_by(|a, b| a.0.cmp(&b.0))
        .map(|(_, t)| t)
}

#[cfg(test)]
mod tests {
    use super::{newest, parse};

    #[test]
    fn versions_are_in_pythons_order() {
        let rising = [
            "1.0.dev1",
            "1.0a1",
            "1.0b2",
            "1.0rc1",
            "v1.0",
            "1.0.post1",
            "1.1",
            "1.10",
            "2",
        ];
        for pair in rising.windows(2) {
            assert!(parse(pair[0]) < parse(pair[1]), "{pair:?}");
        }
        assert_eq!(parse("v1.0.0"), parse("1"));
        assert_eq!(parse("release-1"), None);
        assert_eq!(newest(["v0.9", "v1.0rc1", "nightly"].into_iter()), Some("v0.9"));
    }
}
