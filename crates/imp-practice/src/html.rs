//! Markup in which text from outside cannot become markup: literals are written as they are, values are escaped.

use std::fmt::Display;

/// A piece of markup.
#[derive(Debug, Clone, Default)]
pub struct Html(String);

impl Html {
    /// Nothing yet.
    pub fn new() -> Html {
        Html::default()
    }

    /// Adds markup that is written in the code.
    pub fn raw(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// Adds text, escaped for an element's content or a quoted attribute.
    pub fn text(&mut self, text: impl Display) {
        for c in text.to_string().chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
    }

    /// Adds a piece of markup.
    pub fn put(&mut self, piece: &Html) {
        self.0.push_str(&piece.0);
    }

    /// The whole of it.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl FromIterator<Html> for Html {
    fn from_iter<T: IntoIterator<Item = Html>>(pieces: T) -> Html {
        let mut out = Html::new();
        for piece in pieces {
            out.put(&piece);
        }
        out
    }
}

/// An address that may stand in a link; one of another scheme goes nowhere.
pub fn link(url: &str) -> &str {
    let plain = url.starts_with("https://") || url.starts_with("http://") || url.starts_with("mailto:");
    let local = url.starts_with('/') && !url.starts_with("//");
    if plain || local { url } else { "#" }
}

/// Writes markup: `html!["<b>" (name) "</b>" {piece}]`; values in parentheses are escaped, pieces in braces are markup.
macro_rules! html {
    (@ $out:ident) => {};
    (@ $out:ident $literal:literal $($rest:tt)*) => { $out.raw($literal); html!(@ $out $($rest)*); };
    (@ $out:ident ($text:expr) $($rest:tt)*) => { $out.text(&$text); html!(@ $out $($rest)*); };
    (@ $out:ident {$piece:expr} $($rest:tt)*) => { $out.put(&$piece); html!(@ $out $($rest)*); };
    ($($all:tt)*) => {{
        let mut out = $crate::html::Html::new();
        html!(@ out $($all)*);
        out
    }};
}

pub(crate) use html;
