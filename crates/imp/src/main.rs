//! `imp`, the one binary: reads the call, and hands over.

mod audit_log;
mod backup;
mod config;
mod demo;
mod doors;
mod drain;
mod drill;
mod followed;
mod granted;
mod health;
mod history;
mod home;
mod numbers;
mod past;
mod period;
mod picture;
mod pictures;
mod rebuild;
mod reference;
mod reload;
mod rules;
mod script;
mod serve;
mod set_up;
mod shape;
mod shown;
mod sign_in;
mod slack_door;
mod teller;
mod traces;
mod visible;
mod words_of_week;

use clap::{CommandFactory, Parser, Subcommand};
use config::{Config, Faults};
use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Taking in alerts is half a matter of allocating; with glibc's allocator a batch takes a fifth longer.
#[global_allocator]
static HEAP: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Incidents, led from the first alert to the closed review.
#[derive(Debug, Parser)]
#[command(name = "imp", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The whole product on this machine, with stand-ins for all vendors: something to click within a minute
    Demo {
        /// Where IMP listens; the practice workspace takes the next port
        #[arg(long, default_value = "127.0.0.1:7070")]
        listen: SocketAddr,
        /// Where to keep the data; a temporary folder where it is left out
        #[arg(long)]
        data: Option<PathBuf>,
    },
    /// The service
    Serve(ConfigArg),
    /// Asks every configured vendor whether credentials, scopes and names are right
    Check {
        #[command(flatten)]
        config: ConfigArg,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Copies everything that IMP remembers into a file, while it runs
    Backup {
        #[command(flatten)]
        config: ConfigArg,
        /// The file, which must not be there yet; standard output where it is left out
        file: Option<PathBuf>,
    },
    /// Fills an empty store from a backup
    Restore {
        #[command(flatten)]
        config: ConfigArg,
        /// The backup
        file: PathBuf,
    },
    /// Brings the journal back from Jira alone, into an empty store
    Rebuild {
        #[command(flatten)]
        config: ConfigArg,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Only the stand-ins for the vendors
    Practice {
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1:7071")]
        listen: SocketAddr,
        /// An organisation of your own (the format of the built-in one)
        #[arg(long)]
        config: Option<PathBuf>,
        /// Where the application under practice listens: commands, buttons, alerts and webhooks are sent there
        #[arg(long, default_value = "http://127.0.0.1:8080")]
        app: String,
    },
    /// Incidents of a running `imp serve`, for scripts
    Incident {
        #[command(subcommand)]
        command: script::incident::Incident,
        #[command(flatten)]
        common: script::Common,
    },
    /// What a running `imp serve` still owes the vendors
    Deliveries {
        #[command(subcommand)]
        command: script::Deliveries,
        #[command(flatten)]
        common: script::Common,
    },
    /// Brings history in, from a file (CSV or JSON Lines) or from Jira; no vendor hears of it
    Import {
        /// The file, ending in .csv or .jsonl
        #[arg(required_unless_present = "jira", conflicts_with = "jira")]
        file: Option<PathBuf>,
        /// The issues that this JQL finds in the configured Jira, instead of a file
        #[arg(long, value_name = "JQL")]
        jira: Option<String>,
        /// Only says what would happen
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        common: script::Common,
    },
    /// Writes all incidents but private ones as an import reads them
    Export {
        #[command(flatten)]
        config: ConfigArg,
        /// The file, ending in .csv or .jsonl; standard output where it is left out
        file: Option<PathBuf>,
        /// In which form; left out: as the file's ending says, else jsonl
        #[arg(long, value_enum)]
        format: Option<history::export::Format>,
    },
    /// How many incidents there were, and how long things took
    Insights {
        #[command(flatten)]
        asked: numbers::Asked,
        #[command(flatten)]
        common: script::Common,
    },
    /// Who did what, from where
    Audit {
        #[command(subcommand)]
        command: audit_log::Command,
        #[command(flatten)]
        common: script::Common,
    },
    /// Service Shaper: new services from templates, born compliant
    Shape {
        #[command(subcommand)]
        command: shape::Command,
        #[command(flatten)]
        at: shape::Where,
    },
    /// Slack: the app's manifest
    Slack {
        #[command(subcommand)]
        command: set_up::Slack,
    },
    /// Jira: what it must have
    Jira {
        #[command(subcommand)]
        command: set_up::Jira,
    },
    /// Training: scripted practice incidents
    Drill {
        #[command(subcommand)]
        command: drill::Command,
    },
    /// What a shell needs to complete IMP's words
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Whether a running `imp serve` can serve: for a container's health check
    Health(ConfigArg),
    /// The manual page; with a folder, one for each command
    Man {
        /// The folder
        folder: Option<PathBuf>,
    },
    /// An organisation's process
    Process {
        #[command(subcommand)]
        command: rules::Command,
    },
}

#[derive(Debug, clap::Args)]
struct ConfigArg {
    /// The configuration
    #[arg(long, env = "IMP_CONFIG", default_value = "imp.toml")]
    config: PathBuf,
}

/// Why a command ended badly.
#[derive(Debug)]
pub enum Failure {
    /// The words of the call or the configuration are wrong: exit code 2.
    Wrong(String),
    /// It failed: exit code 1.
    Failed(String),
}

impl From<Faults> for Failure {
    fn from(f: Faults) -> Failure {
        Failure::Wrong(f.to_string())
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help that nobody asked for is help all the same.
            if !e.use_stderr() || e.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
                let _ = e.print();
                return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
            }
            return report(Failure::Wrong(in_one_line(&e.render().to_string())));
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(r) => r,
        Err(e) => return report(Failure::Failed(format!("no threads can be started: {e}"))),
    };
    match runtime.block_on(run(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(f) => report(f),
    }
}

/// What is wrong with the words of a call, as one line: without the usage, which `--help` shows.
fn in_one_line(rendered: &str) -> String {
    let told = rendered.split("\nUsage:").next().unwrap_or(rendered);
    let told = told.split("\nFor more information").next().unwrap_or(told);
    let told: Vec<&str> = told.split_whitespace().collect();
    let told = told.join(" ");
    let told = told.strip_prefix("error: ").unwrap_or(&told);
    format!("{told}; the same call with --help says what there is")
}

#[expect(clippy::print_stderr, reason = "errors of a command go to standard error")]
fn report(failure: Failure) -> ExitCode {
    let (code, text) = match failure {
        Failure::Wrong(t) => (2, t),
        Failure::Failed(t) => (1, t),
    };
    for line in text.lines() {
        eprintln!("imp: {line}");
    }
    ExitCode::from(code)
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo { listen, data } => demo::run(listen, data).await,
        Command::Serve(c) => {
            let config = load(&c)?;
            let traces = match &config.traces {
                Some(t) => Some(traces::Traces::to(t)?),
                None => None,
            };
            log_to_stderr_and("info", traces.clone());
            let process = config.process(c.config.parent())?;
            let beside = c.config.parent().map(std::path::Path::to_owned);
            let served = serve::run(config, process, beside, serve::signal()).await;
            if let Some(t) = traces {
                t.end();
            }
            served
        }
        Command::Check { config, json } => {
            let loaded = load(&config)?;
            health::check(&loaded, config.config.parent(), json).await
        }
        Command::Backup { config, file } => backup::write(&load(&config)?, file.as_deref()),
        Command::Restore { config, file } => backup::restore(&load(&config)?, &file),
        Command::Rebuild { config, json } => {
            log_to_stderr("warn");
            let loaded = load(&config)?;
            let process = loaded.process(config.config.parent())?;
            rebuild::run(loaded, process, json).await
        }
        Command::Practice { listen, config, app } => demo::practice(listen, config, app).await,
        Command::Incident { command, common } => {
            script::incident::carry_out(command, common, |file| load_file(file)).await
        }
        Command::Deliveries { command, common } => script::deliveries(command, common, |file| load_file(file)).await,
        Command::Import {
            file,
            jira,
            dry_run,
            common,
        } => {
            let from = match (file, jira) {
                (_, Some(jql)) => history::From::Jira(jql),
                (Some(file), None) => history::From::File(file),
                (None, None) => return Err(Failure::Wrong("name a file, or give --jira JQL".to_owned())),
            };
            history::bring_in(from, dry_run, common, load_file).await
        }
        Command::Export { config, file, format } => {
            let loaded = load(&config)?;
            let process = loaded.process(config.config.parent())?;
            history::export::write(&loaded, &process, file.as_deref(), format)
        }
        Command::Insights { asked, common } => numbers::show(asked, common, load_file).await,
        Command::Audit { command, common } => audit_log::run(command, common, load_file).await,
        Command::Shape { command, at } => shape::run(command, &at, load_file).await,
        Command::Slack { command } => set_up::run(command, load_file),
        Command::Jira { command } => set_up::jira(command, load_file).await,
        Command::Drill { command } => drill::run(command).await,
        Command::Completions { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "imp", &mut out);
            say(String::from_utf8_lossy(&out).trim_end());
            Ok(())
        }
        Command::Health(c) => health::ask(&load(&c)?).await,
        Command::Man { folder } => reference::man(Cli::command(), folder.as_deref()),
        Command::Process { command } => rules::run(command, load_file).await,
    }
}

fn load(c: &ConfigArg) -> Result<Config, Failure> {
    load_file(&c.config)
}

fn load_file(file: &std::path::Path) -> Result<Config, Failure> {
    let env: BTreeMap<String, String> = std::env::vars().filter(|(k, _)| k.starts_with("IMP_")).collect();
    Ok(Config::load(file, &env)?)
}

/// Data goes to standard output. Whoever reads it may have read enough and closed it (`imp … | head`); then there is
/// nobody left to tell.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Logs to standard error; `RUST_LOG` says how much.
pub fn log_to_stderr(default: &str) {
    log_to_stderr_and(default, None);
}

/// Logs to standard error, and keeps traces where they are asked for.
fn log_to_stderr_and(default: &str, traces: Option<traces::Traces>) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let log = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .with_filter(filter);
    let traces = traces.map(|t| t.with_filter(traces::only_spans()));
    let _ = tracing_subscriber::registry().with(log).with(traces).try_init();
}
