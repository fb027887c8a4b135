//! What is wrong with a process file: a sentence, and where in the file it is.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
    /// The line on which it ends.
    pub end_line: usize,
    /// The character after the last, from 1.
    pub end_column: usize,
    /// The key: `move[2].to`; empty where the file as a whole is meant. Entries are counted from 1.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.message)
    }
}

/// Every fault of a file, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Faults {
    /// The faults.
    pub faults: Vec<Fault>,
}

/// What became of the process's file while IMP runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "news", rename_all = "snake_case")]
pub enum FileNews {
    /// It is broken, and the version of before goes on.
    Broken {
        /// Every fault, with file and line.
        faults: Vec<String>,
        /// The version that goes on.
        version: String,
    },
    /// It was broken and is whole again.
    Whole {
        /// The version that holds now.
        version: String,
    },
}

impl FileNews {
    /// How the file is now, in a word.
    pub fn word(&self) -> &'static str {
        match self {
            FileNews::Broken { .. } => "broken",
            FileNews::Whole { .. } => "whole again",
        }
    }
}

/// Turns places in the text into lines and characters.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Lines<'a> {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Lines {
            text,
            starts: std::iter::once(0).chain(ends).collect(),
        }
    }

    fn place(&self, at: usize) -> (usize, usize) {
        let at = at.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let before = self.text.get(self.starts[line - 1]..at).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    pub(super) fn fault(&self, span: Range<usize>, key: String, message: String) -> Fault {
        let ((line, column), (end_line, end_column)) = (self.place(span.start), self.place(span.end));
        Fault {
            line,
            column,
            end_line,
            end_column,
            key,
            message,
        }
    }
}
