//! What a template makes of some answers, before anything is written.

use crate::tree::Tree;
use serde_json::{Map, Value};

/// What is run, only where the template is trusted.
#[derive(Debug, Clone, PartialEq)]
pub enum Program {
    /// Words for a shell.
    Shell(String),
    /// A program and its arguments.
    Arguments(Vec<String>),
    /// A script with its ending, which says who runs it.
    Script {
        /// What it holds.
        text: String,
        /// `.py`, `.sh` or nothing.
        ending: String,
    },
}

/// A hook or a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// What people call it.
    pub label: String,
    /// What is run.
    pub program: Program,
    /// The folder within the new one.
    pub folder: String,
    /// Variables that it is given.
    pub env: Vec<(String, String)>,
}

/// The result.
#[derive(Debug, Clone, Default)]
pub struct Made {
    /// The files.
    pub tree: Tree,
    /// What the folder is called where nobody says otherwise.
    pub name: Option<String>,
    /// The answers that may be kept.
    pub answers: Map<String, Value>,
    /// Names of the questions whose answers are not kept.
    pub secrets: Vec<String>,
    /// Run in the empty folder before the files are there.
    pub before: Vec<Task>,
    /// Run after they are.
    pub after: Vec<Task>,
    /// What the template wants to say.
    pub messages: Vec<String>,
}

/// Where it is made and of what.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The template's folder.
    pub template: std::path::PathBuf,
    /// Its address as it was given.
    pub address: String,
    /// The tag that was asked for.
    pub tag: Option<String>,
    /// What Git calls its state (`v1.2.0`, or the commit).
    pub described: Option<String>,
    /// The commit.
    pub commit: Option<String>,
    /// The folder that is made.
    pub target: std::path::PathBuf,
    /// Whether its hooks and tasks may run.
    pub trust: bool,
    /// `copy` or `update`.
    pub operation: &'static str,
}
