//! From a source and answers to files: the one way in for every kind of template.

use crate::fault::{Fault, Result};
use crate::formats::{cookiecutter, copier};
use crate::jinja::World;
use crate::made::{Made, Place, Program, Task};
use crate::question::{Ask, Given};
use crate::shape::{self, Shape};
use crate::source::{Format, Source};
use crate::{task, tree::Tree};
use std::path::Path;

/// What making needs to know besides the template and the answers.
#[derive(Debug, Clone)]
pub struct Wish<'a> {
    /// The folder that is made, whose name some templates use.
    pub target: &'a Path,
    /// Whether hooks and tasks run.
    pub trust: bool,
    /// `copy` or `update`.
    pub operation: &'static str,
}

/// The files of a template, and the record of what made them.
pub fn make(
    source: &mut Source,
    given: &Given,
    ask: &mut dyn Ask,
    wish: &Wish<'_>,
    world: &World,
) -> Result<(Made, Shape)> {
    if source.format == Format::Cookiecutter && wish.trust && cookiecutter::has_pre_prompt(&source.folder) {
        source.copy()?;
        for script in cookiecutter::scripts(&source.folder, "pre_prompt")? {
            let name = script.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&script).map_err(|e| Fault::failed(format!("hooks/{name}: {e}")))?;
            let ending = script
                .extension()
                .map(|e| format!(".{}", e.to_string_lossy()))
                .unwrap_or_default();
            let hook = Task {
                label: format!("hooks/{name}"),
                program: Program::Script { text, ending },
                folder: String::new(),
                env: Vec::new(),
            };
            task::run(&hook, &source.folder)?;
        }
    }
    let place = Place {
        template: source.folder.clone(),
        address: source.address.clone(),
        tag: source.tag.clone(),
        described: source.described.clone(),
        commit: source.commit.clone(),
        target: std::path::absolute(wish.target).unwrap_or_else(|_| wish.target.to_owned()),
        trust: wish.trust,
        operation: wish.operation,
    };
    let made = match source.format {
        Format::Cookiecutter => cookiecutter::make(&place, given, ask, world)?,
        Format::Copier => copier::make(&place, given, ask, world)?,
        Format::Native => crate::native::make(&place, given, ask, world)?,
    };
    let shape = Shape {
        template: source.address.clone(),
        format: source.format.name().into(),
        version: source.version(),
        commit: source.commit.clone(),
        answers: made.answers.clone(),
    };
    Ok((made, shape))
}

/// Writes what was made into a folder, with its record; hooks and tasks run where they are trusted.
pub fn write(made: &Made, shape: &Shape, folder: &Path, trust: bool) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| Fault::failed(format!("{} cannot be made: {e}", folder.display())))?;
    if trust {
        for hook in &made.before {
            task::run(hook, folder)?;
        }
    }
    made.tree.write(folder)?;
    if trust {
        for hook in &made.after {
            task::run(hook, folder)?;
        }
    }
    let mut record = Tree::default();
    record.file(shape::PATH, shape.text().into_bytes(), 0o644)?;
    record.write(folder)
}

/// What was not done for want of trust, as a sentence.
pub fn left_out(made: &Made, trust: bool) -> Option<String> {
    let all: Vec<&str> = made
        .before
        .iter()
        .chain(&made.after)
        .map(|t| t.label.as_str())
        .collect();
    match trust || all.is_empty() {
        true => None,
        false => Some(format!(
            "not run, since the template is not trusted: {} (--trust runs them)",
            all.join(", ")
        )),
    }
}
