//! `imp process …`: what is wrong with a process file, its picture, and its schema for editors.

use crate::config::Config;
use crate::{Failure, say};
use clap::{Subcommand, ValueEnum};
use imp_core::port::CatalogueSource;
use imp_core::process::{Faults, graph, schema};
use imp_core::{Catalogue, Process};
use imp_vendors::http::Http;
use imp_vendors::opslevel::OpsLevel;
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
        /// A configuration with [opslevel]: the teams, tiers and countries that the file names are looked up there
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Draws a process
    Graph {
        /// The file
        file: PathBuf,
        /// As what
        #[arg(long, value_enum, default_value_t = Format::Svg)]
        format: Format,
        #[command(flatten)]
        for_whom: ForWhom,
    },
    /// Shows what overlays add for a team, tier and country
    Show {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        for_whom: ForWhom,
    },
    /// Prints the JSON Schema of a process file, for editors
    Schema,
}

/// Whose process: with the overlays that hold for them.
#[derive(Debug, clap::Args)]
pub struct ForWhom {
    /// As it holds for incidents of this team
    #[arg(long)]
    team: Option<String>,
    /// As it holds for services of this tier
    #[arg(long)]
    tier: Option<String>,
    /// As it holds for teams of this country
    #[arg(long)]
    country: Option<String>,
}

impl ForWhom {
    /// The overlays that hold.
    fn laid(&self, process: &Process) -> Vec<String> {
        let (team, tier, country) = (self.team.as_deref(), self.tier.as_deref(), self.country.as_deref());
        let fit = process.overlays.iter().filter(|o| o.fits(team, tier, country));
        fit.map(|o| o.id.clone()).collect()
    }
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
pub async fn run(command: Command, load: impl Fn(&Path) -> Result<Config, Failure>) -> Result<(), Failure> {
    match command {
        Command::Check { file, json, config } => {
            let catalogue = match config {
                Some(c) => Some(catalogue(&load(&c)?).await?),
                None => None,
            };
            check(&file, json, catalogue.as_ref())
        }
        Command::Show { file, for_whom } => {
            let (name, process) = read(&file)?;
            show(&process.map_err(|f| faulty(&name, &f))?, &for_whom);
            Ok(())
        }
        Command::Schema => {
            say(&format!("{:#}", schema::schema()));
            Ok(())
        }
        Command::Graph { file, format, for_whom } => {
            let (name, process) = read(&file)?;
            let process = process.map_err(|f| faulty(&name, &f))?;
            let process = process.with(&for_whom.laid(&process)).into_owned();
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

/// What holds for whom, a line each.
fn show(process: &Process, for_whom: &ForWhom) {
    let laid = for_whom.laid(process);
    say(&format!("{} {}", process.name, process.version));
    let all = for_whom.team.is_none() && for_whom.tier.is_none() && for_whom.country.is_none();
    let shown = process.overlays.iter().filter(|o| all || laid.contains(&o.id));
    let mut none = true;
    for o in shown {
        none = false;
        say(&format!("{} ({})", o.id, o.whose()));
        for line in o.says(process) {
            say(&format!("  {line}"));
        }
    }
    if none {
        say("no overlay holds: it is as the file says for all");
    }
}

/// The catalogue of a configuration.
async fn catalogue(config: &Config) -> Result<Catalogue, Failure> {
    let Some(c) = config.opslevel.clone() else {
        let why = "the configuration has no [opslevel], so there is no catalogue to look names up in";
        return Err(Failure::Wrong(why.to_owned()));
    };
    let http = Http::new().map_err(Failure::Failed)?;
    let opslevel = OpsLevel::new(c, http, &config.public_url());
    opslevel
        .read()
        .await
        .map_err(|why| Failure::Failed(format!("the catalogue cannot be read: {why}")))
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

fn check(file: &Path, json: bool, catalogue: Option<&Catalogue>) -> Result<(), Failure> {
    let (name, read) = read(file)?;
    let read = read.and_then(|p| {
        let faults = catalogue.map_or_else(Vec::new, |c| p.strangers(c));
        match faults.is_empty() {
            true => Ok(p),
            false => Err(Faults { faults }),
        }
    });
    match (name, read) {
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
