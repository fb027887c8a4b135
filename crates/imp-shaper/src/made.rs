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

/// What a repository has besides files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outfit {
    /// What it deploys to: `production`.
    pub environments: Vec<String>,
    /// What its workflows may read.
    pub variables: Vec<Variable>,
    /// What they may use and nobody reads.
    pub secrets: Vec<Held>,
    /// Who is told what happens in it.
    pub webhooks: Vec<Webhook>,
}

/// A value that is no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name: `REGISTRY`.
    pub name: String,
    /// What it holds.
    pub value: String,
    /// The environment that it is for; all of the repository where there is none.
    pub environment: Option<String>,
}

/// A secret, by its name alone: its value is with whoever makes the calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its name: `REGISTRY_TOKEN`.
    pub name: String,
    /// The environment that it is for; all of the repository where there is none.
    pub environment: Option<String>,
}

/// An address that is told what happens in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where it is told.
    pub url: String,
    /// Of what, in the provider's words.
    pub events: Vec<String>,
    /// Whether it is signed.
    pub signed: bool,
}

impl Outfit {
    /// All environments, those too that only a value names, each once.
    pub fn places(&self) -> Vec<&str> {
        let named = self.environments.iter().map(String::as_str);
        let of_variables = self.variables.iter().filter_map(|v| v.environment.as_deref());
        let of_secrets = self.secrets.iter().filter_map(|s| s.environment.as_deref());
        let mut out: Vec<&str> = Vec::new();
        for place in named.chain(of_variables).chain(of_secrets) {
            if !out.contains(&place) {
                out.push(place);
            }
        }
        out
    }
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
    /// What its repository is to have besides files.
    pub outfit: Outfit,
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
