//! `imp incident …` and `imp deliveries …`: the REST API from the command line.

pub mod client;
pub mod print;

use crate::config::Config;
use crate::{Failure, say};
use clap::{Args, Subcommand};
use client::Client;
use print::{Column, table};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Entries asked for at a time.
const PAGE: usize = 100;

/// What every command of a script takes.
#[derive(Debug, Args)]
pub struct Common {
    /// The configuration: it says where `imp serve` listens, and holds its tokens
    #[arg(long, env = "IMP_CONFIG", default_value = "imp.toml", global = true)]
    pub config: PathBuf,
    /// Where `imp serve` is reached, if not where the configuration says
    #[arg(long, env = "IMP_API_URL", global = true)]
    pub url: Option<String>,
    /// The token to use; left out, the configuration's token with the highest role
    #[arg(long, env = "IMP_API_TOKEN", hide_env_values = true, global = true)]
    token: Option<String>,
    /// For programs: what the API answered, as JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// Incidents.
#[derive(Debug, Subcommand)]
pub enum Incident {
    /// The incidents, newest first
    List {
        /// With this status
        #[arg(long)]
        status: Option<String>,
        /// With this severity
        #[arg(long)]
        severity: Option<String>,
        /// Of this service
        #[arg(long)]
        service: Option<String>,
        /// Of this team
        #[arg(long)]
        team: Option<String>,
        /// With these words in the title
        #[arg(long)]
        search: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// One incident: where it stands and what can be done next
    Show {
        /// `IMP-42`, or its key in Jira
        reference: String,
    },
    /// What happened, in order
    Timeline {
        /// `IMP-42`, or its key in Jira
        reference: String,
    },
    /// Begins an incident
    Declare {
        /// What is wrong, in a few words
        title: String,
        /// How bad it is; the process has a default
        #[arg(long)]
        severity: Option<String>,
        /// What is affected
        #[arg(long)]
        service: Option<String>,
        /// Who owns it, where it is not the service's team
        #[arg(long)]
        team: Option<String>,
        /// More about it
        #[arg(long)]
        summary: Option<String>,
        /// Only its members may see it
        #[arg(long)]
        private: bool,
        #[command(flatten)]
        once: Once,
    },
    /// Writes an update
    Update {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// What it says
        text: String,
        /// Also tells the public, on the status page
        #[arg(long)]
        public: bool,
        #[command(flatten)]
        once: Once,
    },
    /// Moves it to another status
    Transition {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// To which: `imp incident show` lists what is possible
        to: String,
        /// What the move asks: `--set resolution="rolled back"`
        #[arg(long = "set", value_name = "FIELD=VALUE")]
        set: Vec<String>,
        #[command(flatten)]
        once: Once,
    },
    /// Gives somebody a role
    Role {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// Which: `commander`
        role: String,
        /// Who: an e-mail or a Slack ID
        user: String,
        #[command(flatten)]
        once: Once,
    },
    /// Adds a task
    Task {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// What is to be done
        text: String,
        /// By whom: an e-mail or a Slack ID
        #[arg(long)]
        assignee: Option<String>,
        #[command(flatten)]
        once: Once,
    },
    /// All incidents with their timelines, one JSON document a line, oldest first
    Export {
        /// The file to write; standard output where it is left out
        file: Option<PathBuf>,
    },
}

/// What makes a call that is repeated the same call.
#[derive(Debug, Args)]
pub struct Once {
    /// A name for this very call: repeated with it, it is done once
    #[arg(long)]
    key: Option<String>,
}

/// What IMP owes the vendors.
#[derive(Debug, Subcommand)]
pub enum Deliveries {
    /// What is owed to whom, since when, and why not yet
    List {
        /// `pending`, `failed` or `done`
        #[arg(long, default_value = "pending")]
        state: String,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Tries one again now
    Retry {
        /// Its number, as `list` shows it
        id: u64,
    },
    /// Does without one that failed
    Skip {
        /// Its number, as `list` shows it
        id: u64,
        /// Why it is not needed
        #[arg(long)]
        why: String,
    },
}

/// A client for the installation that these words mean.
///
/// # Errors
/// Where the configuration is wrong.
pub fn client(common: &Common, load: impl Fn(&PathBuf) -> Result<Config, Failure>) -> Result<Client, Failure> {
    match (&common.url, &common.token) {
        // With both there is nothing to look up, so that a script needs no configuration.
        (Some(url), Some(token)) => Client::new(url.clone(), Some(token.clone())),
        (url, token) => {
            let config = load(&common.config)?;
            let url = url.clone().unwrap_or_else(|| client::address(&config));
            Client::new(url, token.clone().or_else(|| client::best_token(&config)))
        }
    }
}

fn set<T: Into<Value>>(body: &mut Map<String, Value>, name: &str, value: Option<T>) {
    if let Some(v) = value {
        body.insert(name.to_owned(), v.into());
    }
}

/// Carries out `imp incident …`.
pub async fn incident(
    command: Incident,
    common: Common,
    load: impl Fn(&PathBuf) -> Result<Config, Failure>,
) -> Result<(), Failure> {
    let api = client(&common, load)?;
    let at = |reference: &str, rest: &str| format!("/api/v1/incidents/{}{rest}", client::part(reference));
    let changed = |i: &Value| told(&common, i, &print::line(i));
    match command {
        Incident::List {
            status,
            severity,
            service,
            team,
            search,
            limit,
        } => {
            let wanted = [
                ("status", status),
                ("severity", severity),
                ("service", service),
                ("team", team),
                ("q", search),
            ];
            let all = api.list("/api/v1/incidents", &wanted, limit).await?;
            listed(&common, &all, print::INCIDENTS, "No incident.");
            Ok(())
        }
        Incident::Show { reference } => {
            let i = api.get(&at(&reference, "")).await?;
            told(&common, &i, &print::incident(&i))
        }
        Incident::Timeline { reference } => {
            let all = api.list(&at(&reference, "/timeline"), &[], usize::MAX).await?;
            listed(&common, &all, print::MOMENTS, "Nothing has happened yet.");
            Ok(())
        }
        Incident::Declare {
            title,
            severity,
            service,
            team,
            summary,
            private,
            once,
        } => {
            let mut body = Map::from_iter([("title".to_owned(), Value::from(title))]);
            set(&mut body, "severity", severity);
            set(&mut body, "service", service);
            set(&mut body, "team", team);
            set(&mut body, "summary", summary);
            set(&mut body, "private", private.then_some(true));
            changed(&api.post("/api/v1/incidents", body, once.key).await?)
        }
        Incident::Update {
            reference,
            text,
            public,
            once,
        } => {
            let mut body = Map::from_iter([("text".to_owned(), Value::from(text))]);
            set(&mut body, "public", public.then_some(true));
            changed(&api.post(&at(&reference, "/updates"), body, once.key).await?)
        }
        Incident::Transition {
            reference,
            to,
            set: given,
            once,
        } => {
            let mut body = Map::from_iter([("to".to_owned(), Value::from(to))]);
            for one in given {
                let Some((field, value)) = one.split_once('=') else {
                    return Err(Failure::Wrong(format!("--set {one}: write it as FIELD=VALUE")));
                };
                body.insert(field.to_owned(), value.into());
            }
            changed(&api.post(&at(&reference, "/transitions"), body, once.key).await?)
        }
        Incident::Role {
            reference,
            role,
            user,
            once,
        } => {
            let body = Map::from_iter([("role".to_owned(), role.into()), ("user".to_owned(), user.into())]);
            changed(&api.post(&at(&reference, "/roles"), body, once.key).await?)
        }
        Incident::Task {
            reference,
            text,
            assignee,
            once,
        } => {
            let mut body = Map::from_iter([("text".to_owned(), Value::from(text))]);
            set(&mut body, "assignee", assignee);
            changed(&api.post(&at(&reference, "/tasks"), body, once.key).await?)
        }
        Incident::Export { file } => export(&api, file).await,
    }
}

/// Carries out `imp deliveries …`.
pub async fn deliveries(
    command: Deliveries,
    common: Common,
    load: impl Fn(&PathBuf) -> Result<Config, Failure>,
) -> Result<(), Failure> {
    let api = client(&common, load)?;
    match command {
        Deliveries::List { state, limit } => {
            let nothing = match state.as_str() {
                "failed" => "Nothing has failed.",
                "done" => "Nothing was delivered yet.",
                _ => "Nothing is owed.",
            };
            let all = api.list("/api/v1/deliveries", &[("state", Some(state))], limit).await?;
            listed(&common, &all, print::DELIVERIES, nothing);
            Ok(())
        }
        Deliveries::Retry { id } => {
            let path = format!("/api/v1/deliveries/{id}/retry");
            api.post(&path, Map::new(), None).await?;
            told(
                &common,
                &json!({"id": id}),
                &format!("Delivery {id} is tried again now."),
            )
        }
        Deliveries::Skip { id, why } => {
            let path = format!("/api/v1/deliveries/{id}/skip");
            api.post(&path, Map::from_iter([("why".to_owned(), why.into())]), None)
                .await?;
            told(&common, &json!({"id": id}), &format!("Delivery {id} is skipped."))
        }
    }
}

/// One thing: as JSON, or in words.
fn told(common: &Common, value: &Value, words: &str) -> Result<(), Failure> {
    say(&if common.json {
        value.to_string()
    } else {
        words.to_owned()
    });
    Ok(())
}

/// Several things: as JSON, or as a table.
pub fn listed(common: &Common, all: &[Value], columns: &[Column], nothing: &str) {
    match (common.json, all.is_empty()) {
        (true, _) => say(&Value::Array(all.to_vec()).to_string()),
        (false, true) => say(nothing),
        (false, false) => say(&table(all, columns)),
    }
}

async fn export(api: &Client, file: Option<PathBuf>) -> Result<(), Failure> {
    use std::io::Write;
    let name = file.as_ref().map(|f| f.display().to_string());
    let wrong = |e: std::io::Error| Failure::Failed(format!("{}: {e}", name.as_deref().unwrap_or("standard output")));
    let mut out: Box<dyn Write> = match &file {
        Some(f) => Box::new(std::io::BufWriter::new(std::fs::File::create(f).map_err(wrong)?)),
        None => Box::new(std::io::BufWriter::new(std::io::stdout())),
    };
    // Newest first is what the API gives; references alone are small enough to be turned round.
    let all = api.list("/api/v1/incidents", &[], usize::MAX).await?;
    for mut i in all.into_iter().rev() {
        let path = format!("/api/v1/incidents/{}/timeline", i["ref"].as_str().unwrap_or_default());
        i["timeline"] = Value::Array(api.list(&path, &[], usize::MAX).await?);
        writeln!(out, "{i}").map_err(wrong)?;
    }
    out.flush().map_err(wrong)
}
