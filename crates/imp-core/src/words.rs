//! Text that comes from outside, made safe to keep; and small pieces of writing that several rooms share.

/// Longest title that is kept, in characters. Jira's summary holds 255 and the ticket shows the reference beside it.
pub const TITLE_MAX: usize = 200;
/// Longest body (summary, update, reason) that is kept, in characters: Slack's longest text block.
pub const TEXT_MAX: usize = 3000;

/// One line: control characters and characters that reorder text are dropped, white space is folded, the rest is cut
/// at `TITLE_MAX` with an ellipsis. Empty where there is nothing that anybody could see.
pub fn title(text: &str) -> String {
    let folded = clean(text).split_whitespace().collect::<Vec<_>>().join(" ");
    cut(&seen(folded), TITLE_MAX)
}

/// Several lines: as [`title`], but line breaks stay and `TEXT_MAX` is the limit.
pub fn text(text: &str) -> String {
    cut(seen(clean(text)).trim(), TEXT_MAX)
}

/// The text, where at least one of its characters can be seen; else nothing.
fn seen(text: String) -> String {
    match text.chars().all(is_invisible) {
        true => String::new(),
        false => text,
    }
}

/// White space, and what Unicode lets programs ignore or draws as nothing (joiners, fillers, variation selectors, tags).
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
                | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
                | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
                | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}'
        )
}

/// Without control characters (but line breaks and tabs) and without the invisible characters that reorder text.
pub fn clean(text: &str) -> String {
    text.replace("\r\n", "\n")
        .chars()
        .filter(|c| matches!(c, '\n' | '\t') || !c.is_control())
        .filter(
            |c| !matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' | '\u{FEFF}'),
        )
        .collect()
}

/// At most `max` characters, the last an ellipsis where something was cut.
pub fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(max.saturating_sub(1)).collect();
    out.truncate(out.trim_end().len());
    out.push('…');
    out
}

/// What two spellings of one name have in common: letters and digits in lower case.
pub fn key(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// A text as it is searched: small and capital letters are the same, in every script, as `ß` and `SS` or the two small
/// sigmas are.
pub fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'ß' => out.push_str("ss"),
            'ς' => out.push('σ'),
            // What a small letter makes of the dot of a Turkish capital I.
            '\u{307}' => {}
            c => out.push(c),
        }
    }
    out
}

/// A name for a channel or an address: lower-case ASCII letters and digits with single hyphens, at most `max` long.
pub fn slug(text: &str, max: usize) -> String {
    let mut out = String::new();
    for c in deunicode::deunicode(text).chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.truncate(max);
    let out = out.trim_end_matches('-');
    if out.is_empty() {
        "incident".to_owned()
    } else {
        out.to_owned()
    }
}

/// `a`, `a and b`, `a, b and c`.
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [init @ .., last] => format!("{} and {last}", init.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_become_one_safe_line() {
        assert_eq!(title("  a\tb\r\n\u{0}c\u{202E}  "), "a b c");
        assert_eq!(title(&"é".repeat(10_000)).chars().count(), TITLE_MAX);
    }

    #[test]
    fn what_nobody_can_see_is_no_title() {
        for nothing in [
            "\u{200B}",
            " \u{2060}\u{AD} ",
            "\u{3164}",
            "\u{2800}\u{FE0F}",
            "\u{E0041}",
        ] {
            assert_eq!(
                (title(nothing), super::text(nothing)),
                (String::new(), String::new()),
                "{nothing:?}"
            );
        }
        // What joins characters that can be seen stays.
        assert_eq!(title("👩\u{200D}🚒 on it"), "👩\u{200D}🚒 on it");
    }

    #[test]
    fn capital_and_small_letters_are_searched_as_one() {
        for (one, other) in [
            ("ÜBERWEISUNG", "überweisung"),
            ("Straße", "STRASSE"),
            ("ΟΔΟΣ", "οδος"),
            ("ПЛАТЕЖИ", "платежи"),
            ("İstanbul", "istanbul"),
        ] {
            assert_eq!(folded(one), folded(other), "{one}");
        }
        assert_ne!(folded("Überweisung"), folded("Uberweisung"));
    }

    #[test]
    fn slugs_fit_slack() {
        assert_eq!(slug("Płatności: nie działają!", 40), "platnosci-nie-dzialaja");
        assert_eq!(slug("🔥🔥", 40), "fire-fire");
        assert_eq!(slug("***", 40), "incident");
        assert_eq!(slug("a very long title", 6), "a-very");
    }
}
