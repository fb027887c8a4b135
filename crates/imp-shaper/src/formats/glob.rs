//! Patterns of names: Python's `fnmatch`, and the lines of a `.gitignore`.

/// Python's `fnmatch`: `*` goes over `/` too.
pub fn matches(pattern: &str, text: &str) -> bool {
    let p: Vec<char> = pattern.chars().collect();
    let t: Vec<char> = text.chars().collect();
    wild(&p, &t)
}

fn wild(p: &[char], t: &[char]) -> bool {
    let (mut pi, mut ti) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while ti < t.len() {
        let step = match p.get(pi) {
            Some('*') => {
                star = Some((pi, ti));
                pi += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => match set(&p[pi..], t[ti]) {
                Some((true, len)) => Some(len),
                Some((false, _)) => None,
                None => (t[ti] == '[').then_some(1),
            },
            Some(c) => (*c == t[ti]).then_some(1),
            None => None,
        };
        match (step, star) {
            (Some(len), _) => {
                pi += len;
                ti += 1;
            }
            (None, Some((sp, st))) => {
                pi = sp + 1;
                ti = st + 1;
                star = Some((sp, st + 1));
            }
            (None, None) => return false,
        }
    }
    p[pi..].iter().all(|c| *c == '*')
}

/// Whether a character is in `[…]`, and how long that is; none where it is not closed.
fn set(p: &[char], c: char) -> Option<(bool, usize)> {
    let negated = p.get(1).is_some_and(|c| *c == '!' || *c == '^');
    let start = 1 + usize::from(negated);
    let end = (start + 1..p.len()).find(|n| p[*n] == ']')?;
    let inner = &p[start..end];
    let mut found = false;
    let mut n = 0;
    while n < inner.len() {
        match (inner.get(n + 1), inner.get(n + 2)) {
            (Some('-'), Some(last)) => {
                found |= inner[n] <= c && c <= *last;
                n += 3;
            }
            _ => {
                found |= inner[n] == c;
                n += 1;
            }
        }
    }
    Some((found != negated, end + 1))
}

/// Lines of a `.gitignore`; the last that fits decides.
#[derive(Debug, Clone, Default)]
pub struct Ignore(Vec<Rule>);

#[derive(Debug, Clone)]
struct Rule {
    parts: Vec<String>,
    keep: bool,
    folder: bool,
}

impl Ignore {
    /// Reads them.
    pub fn new<'l>(lines: impl IntoIterator<Item = &'l str>) -> Ignore {
        Ignore(lines.into_iter().filter_map(rule).collect())
    }

    /// Whether a path is left out, itself or because of a folder above it.
    pub fn matches(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        let last = self.0.iter().rev().find(|r| r.fits(&parts));
        last.is_some_and(|r| !r.keep)
    }
}

fn rule(line: &str) -> Option<Rule> {
    let line = line.trim_end_matches(['\n', '\r']);
    let trimmed = line.trim_end();
    let line = if trimmed.ends_with('\\') { line } else { trimmed };
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (keep, line) = match line.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let line = line
        .strip_prefix('\\')
        .filter(|l| l.starts_with(['#', '!']))
        .unwrap_or(line);
    let folder = line.ends_with('/');
    let body = line.trim_end_matches('/');
    let anchored = body.contains('/');
    let body = body.trim_start_matches('/');
    if body.is_empty() {
        return None;
    }
    let mut parts: Vec<String> = body.split('/').map(str::to_owned).collect();
    if !anchored {
        parts.insert(0, "**".into());
    }
    Some(Rule { parts, keep, folder })
}

impl Rule {
    fn fits(&self, path: &[&str]) -> bool {
        // A path is left out with the folder that the rule names; a rule for folders only never names the last part.
        let most = if self.folder {
            path.len().saturating_sub(1)
        } else {
            path.len()
        };
        (1..=most).any(|n| parts_match(&self.parts, &path[..n]))
    }
}

fn parts_match(pattern: &[String], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((first, rest)) if first == "**" => match rest.is_empty() {
            true => !path.is_empty(),
            false => (0..=path.len()).any(|n| parts_match(rest, &path[n..])),
        },
        Some((first, rest)) => match path.split_first() {
            Some((part, more)) => matches(first, part) && parts_match(rest, more),
            None => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Ignore, matches};

    #[test]
    fn names_match_as_in_python() {
        assert!(matches("*.html", "a/b.html") && matches("a[0-9]?", "a1x") && !matches("a[!0-9]", "a1"));
        assert!(matches("[x", "[x") && !matches("", "a"));
    }

    #[test]
    fn the_last_fitting_line_decides() {
        let rules = Ignore::new(["*.pyc", "build/", "/docs/*.md", "!docs/keep.md", "a/**/z"]);
        for out in ["x.pyc", "a/x.pyc", "build/x", "docs/a.md", "a/z", "a/b/c/z"] {
            assert!(rules.matches(out), "{out}");
        }
        for kept in ["build", "docs/keep.md", "x/docs/a.md", "a.md"] {
            assert!(!rules.matches(kept), "{kept}");
        }
    }
}
