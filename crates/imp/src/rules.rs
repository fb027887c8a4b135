//! `imp process …`: what is wrong with a process file, its picture, and its schema for editors.

use crate::{Failure, say};
use clap::{Subcommand, ValueEnum};
use imp_core::Process;
use imp_core::process::{Faults, graph, schema};
use serde_json::json;
use std::path::{Path, PathBuf};

/// What can be asked of a process file.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Finds everything that is wrong with a process file, each fault with its line, and plays every path through it
    Check {
        /// The file
        file: PathBuf,
        /// For editors and other programs
        #[arg(long)]
        json: bool,
    },
    /// Draws a process
    Graph {
        /// The file
        file: PathBuf,
        /// As what
        #[arg(long, value_enum, default_value_t = Format::Svg)]
        format: Format,
    },
    /// Prints the JSON Schema of a process file, for editors
    Schema,
}

/// As what a process is drawn.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Format {
    /// A picture, light and dark
    Svg,
    /// For Markdown
    Mermaid,
    /// For Graphviz
    Dot,
}

/// Does it.
///
/// # Errors
/// A file that cannot be read; a process with faults.
pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Check { file, json } => check(&file, json),
        Command::Schema => {
            say(&format!("{:#}", schema::schema()));
            Ok(())
        }
        Command::Graph { file, format } => {
            let (name, process) = read(&file)?;
            let process = process.map_err(|f| faulty(&name, &f))?;
            let picture = match format {
                Format::Svg => graph::svg(&process),
                Format::Mermaid => graph::mermaid(&process),
                Format::Dot => graph::dot(&process),
            };
            say(picture.trim_end());
            Ok(())
        }
    }
}

fn read(file: &Path) -> Result<(String, Result<Process, Faults>), Failure> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|e| Failure::Wrong(format!("{name}: cannot be read: {e}")))?;
    Ok((name, Process::parse(&text)))
}

fn faulty(name: &str, faults: &Faults) -> Failure {
    let lines = faults.faults.iter().map(|f| format!("{name}:{f}"));
    Failure::Failed(lines.collect::<Vec<_>>().join("\n"))
}

fn check(file: &Path, json: bool) -> Result<(), Failure> {
    match read(file)? {
        (name, Ok(p)) if json => {
            let process =
                json!({"name": p.name, "version": p.version, "statuses": p.statuses.len(), "moves": p.moves.len()});
            say(&json!({"file": name, "sound": true, "process": process, "faults": []}).to_string());
            Ok(())
        }
        (name, Ok(p)) => {
            say(&format!(
                "{name}: {} {} is sound: {} statuses, {} moves; every path was played and nobody gets stuck",
                p.name,
                p.version,
                p.statuses.len(),
                p.moves.len()
            ));
            Ok(())
        }
        (name, Err(f)) if json => {
            say(&json!({"file": name, "sound": false, "faults": f.faults}).to_string());
            Err(Failure::Failed(String::new()))
        }
        (name, Err(f)) => Err(faulty(&name, &f)),
    }
}
