//! `imp slack …`, `imp jira …`: what has to be made at the vendors before IMP can work with them.

use crate::Failure;
use crate::config::Config;
use clap::Subcommand;
use imp_core::process::Category;
use imp_vendors::http::Http;
use imp_vendors::jira::Jira as Record;
use imp_vendors::jira::setup::{Mode, Piece, State, Wanted};
use imp_vendors::slack::manifest::{Way, manifest};
use std::path::{Path, PathBuf};

/// What can be asked about Slack.
#[derive(Debug, Subcommand)]
pub enum Slack {
    /// Prints the app's manifest: paste it under *Create an app from a manifest*
    Manifest {
        /// The configuration: with app_token it is for Socket Mode, else for HTTP at public_url. Where there is none yet,
        /// the manifest is for Socket Mode
        #[arg(long, env = "IMP_CONFIG", default_value = "imp.toml")]
        config: PathBuf,
        /// Requests over HTTP at this address, whatever the configuration says
        #[arg(long)]
        url: Option<String>,
    },
}

/// Carries it out.
///
/// # Errors
/// A configuration with faults; an address that Slack could not reach.
pub fn run(command: Slack, load: impl Fn(&Path) -> Result<Config, Failure>) -> Result<(), Failure> {
    let Slack::Manifest { config, url } = command;
    let config = match config.exists() {
        true => Some(load(&config)?),
        false => None,
    };
    let slack = config.as_ref().and_then(|c| c.slack.as_ref());
    let word = slack.map_or("/imp", |s| s.command.as_str());
    let over_http = slack.filter(|s| s.app_token.is_none());
    let base = match (url, over_http.and(config.as_ref())) {
        (Some(url), _) => Some(url),
        (None, Some(c)) => Some(c.public_url()),
        (None, None) => None,
    };
    let base = base.map(|b| b.trim_end_matches('/').to_owned());
    if let Some(b) = base
        .as_ref()
        .filter(|b| !b.starts_with("https://") && !b.starts_with("http://"))
    {
        return Err(Failure::Wrong(format!("{b:?} is no web address; write https://…")));
    }
    let made = manifest(word, &base.as_deref().map_or(Way::Socket, Way::Http));
    crate::say(&format!("{made:#}"));
    Ok(())
}

/// What can be asked about Jira.
#[derive(Debug, Subcommand)]
pub enum Jira {
    /// Looks at what IMP needs in Jira, and creates what is missing: project, issue type, custom fields. What only a
    /// person can do it says. Asked again, it creates nothing twice
    Setup {
        /// The configuration: its section [jira] names site, account, project and issue type
        #[arg(long, env = "IMP_CONFIG", default_value = "imp.toml")]
        config: PathBuf,
        /// Only says what would be created
        #[arg(long)]
        dry_run: bool,
        /// What shall have a custom field of its own, with commas between: ref, severity, service, team, url, resolved_at, …
        #[arg(long, value_delimiter = ',', value_name = "FIELDS")]
        fields: Vec<String>,
        /// For programs
        #[arg(long)]
        json: bool,
    },
}

/// Carries it out.
///
/// # Errors
/// No `[jira]`; Jira cannot be asked; something could not be created.
pub async fn jira(command: Jira, load: impl Fn(&Path) -> Result<Config, Failure>) -> Result<(), Failure> {
    let Jira::Setup {
        config: file,
        dry_run,
        fields,
        json,
    } = command;
    let config = load(&file)?;
    let Some(section) = config.jira.clone() else {
        return Err(Failure::Wrong(format!(
            "{}: there is no [jira]; write base_url, email, api_token and project there",
            file.display()
        )));
    };
    let process = config.process(file.parent())?;
    let category = |c: Category| match c {
        Category::Triage => "To Do",
        Category::Active | Category::After => "In Progress",
        Category::Done => "Done",
    };
    // What the configuration names already is looked at, too.
    let mut wanted: Vec<String> = section.fields.keys().cloned().collect();
    for fact in fields.iter().map(|f| f.trim().to_owned()).filter(|f| !f.is_empty()) {
        let plain = fact
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !plain {
            return Err(Failure::Wrong(format!(
                "--fields: {fact:?} is no name of a fact; write ref, severity, service, team, commander, url, opened_at, …"
            )));
        }
        if !wanted.contains(&fact) {
            wanted.push(fact);
        }
    }
    let statuses = process.statuses.iter().map(|s| (s.label.clone(), category(s.category)));
    let asked = Wanted {
        statuses: statuses.collect(),
        fields: wanted.clone(),
    };
    let http = Http::new().map_err(Failure::Failed)?;
    let known = section.fields.clone();
    let record = Record::new(section, http, &config.public_url());
    let mode = if dry_run { Mode::DryRun } else { Mode::Create };
    let pieces = record
        .set_up(&asked, mode)
        .await
        .map_err(|f| Failure::Failed(f.why()))?;
    // Fields come third, in the order in which they were asked for.
    let fresh: Vec<(&String, &Piece)> = wanted
        .iter()
        .zip(pieces.iter().skip(2))
        .filter(|(fact, p)| !known.contains_key(*fact) && p.note.starts_with("customfield_"))
        .collect();
    let line = (!fresh.is_empty()).then(|| {
        let old = known.iter().map(|(fact, id)| format!("{fact} = {id:?}"));
        let new = fresh.iter().map(|(fact, p)| format!("{fact} = {:?}", p.note));
        format!("fields = {{ {} }}", old.chain(new).collect::<Vec<_>>().join(", "))
    });
    crate::say(&match json {
        true => serde_json::json!({"pieces": pieces, "configuration": line}).to_string(),
        false => told(&pieces, line.as_deref()),
    });
    let failed = pieces.iter().filter(|p| p.state == State::Failed).count();
    match failed {
        0 => Ok(()),
        n => Err(Failure::Failed(format!(
            "{n} of {} could not be created: give the account the permission to administer Jira, or create them by hand",
            pieces.len()
        ))),
    }
}

fn told(pieces: &[Piece], line: Option<&str>) -> String {
    let word = |s: State| match s {
        State::There => "there",
        State::WouldCreate => "would create",
        State::Created => "created",
        State::ByHand => "by hand",
        State::Failed => "FAILED",
    };
    let mut out: Vec<String> = pieces
        .iter()
        .map(|p| match p.note.as_str() {
            "" => format!("{:<13} {}", word(p.state), p.what),
            note => format!("{:<13} {}: {note}", word(p.state), p.what),
        })
        .collect();
    if let Some(line) = line {
        out.push(String::new());
        out.push("Put the new fields on the create and edit screens of the project, and this under [jira]:".to_owned());
        out.push(line.to_owned());
    }
    out.join("\n")
}
