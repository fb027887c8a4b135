//! Why the Shaper could not do what it was asked: one sentence each that says what, where and what to do.

/// Why it was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The call or an answer is wrong; whoever asked can mend it.
    #[error("{0}")]
    Wrong(String),
    /// The template, the folder or a vendor is at fault.
    #[error("{0}")]
    Failed(String),
}

impl Fault {
    /// Whoever asked can mend it.
    pub fn wrong(text: impl Into<String>) -> Fault {
        Fault::Wrong(one_line(&text.into()))
    }

    /// The template, the folder or a vendor is at fault.
    pub fn failed(text: impl Into<String>) -> Fault {
        Fault::Failed(one_line(&text.into()))
    }
}

/// A text of somebody else's as part of one line: no line break and no control character comes through.
pub fn one_line(text: &str) -> String {
    let flat: Vec<&str> = text
        .split(['\n', '\r'])
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    flat.join("; ").chars().filter(|c| !c.is_control()).collect()
}

/// What went well, or why not.
pub type Result<T> = std::result::Result<T, Fault>;
