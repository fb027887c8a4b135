//! `imp incident …`: what each of its commands says to the REST API.

use super::client::{self, Client};
use super::{Common, client as open, listed, print, told};
use crate::Failure;
use crate::config::Config;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value};
use std::path::PathBuf;

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
    /// Changes what it says of itself; what is left out stays
    Edit {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// What is wrong, in a few words
        #[arg(long)]
        title: Option<String>,
        /// More about it
        #[arg(long)]
        summary: Option<String>,
        /// How bad it is
        #[arg(long)]
        severity: Option<String>,
        /// What is affected
        #[arg(long)]
        service: Option<String>,
        #[command(flatten)]
        once: Once,
    },
    /// Answers the questions about the impact; the severity follows from them
    Impact {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// An answer by its question: `--set users=all`
        #[arg(long = "set", value_name = "QUESTION=ANSWER", required = true)]
        set: Vec<String>,
        #[command(flatten)]
        once: Once,
    },
    /// Tells the public, on the status page
    Publish {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// What users should know
        text: String,
        /// The public title; left out, the incident's
        #[arg(long)]
        title: Option<String>,
        /// An affected component, by its identifier at Statuspage
        #[arg(long = "component", value_name = "ID")]
        components: Vec<String>,
        #[command(flatten)]
        once: Once,
    },
    /// Proposes a decision: without a strong objection it is taken
    Decide {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// What is to be done
        text: String,
        #[command(flatten)]
        once: Once,
    },
    /// Objects to a decision: it waits until somebody takes it
    Object {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// Which decision
        n: u32,
        /// Why not
        why: String,
        #[command(flatten)]
        once: Once,
    },
    /// Takes a decision now, whatever was objected
    Decided {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// Which decision
        n: u32,
        #[command(flatten)]
        once: Once,
    },
    /// Puts a time right that was written down wrongly
    Time {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// Which: started, detected, acknowledged, mitigated, resolved
        moment: String,
        /// When it was: 2026-11-24T09:30:00Z
        at: String,
        /// Why it was wrong
        why: String,
        #[command(flatten)]
        once: Once,
    },
    /// Has it follow the version of the process that is in force
    Process {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// Where it stands there, if its own status is not there
        #[arg(long)]
        status: Option<String>,
        #[command(flatten)]
        once: Once,
    },
    /// Puts the public incident right, where somebody changed it on the status page
    MendPage {
        /// `IMP-42`, or its key in Jira
        reference: String,
        #[command(flatten)]
        once: Once,
    },
    /// Keeps a line on the timeline
    Note {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// What it says
        text: String,
        #[command(flatten)]
        once: Once,
    },
    /// Takes somebody in
    Join {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// Who: an e-mail or a Slack ID
        user: String,
        #[command(flatten)]
        once: Once,
    },
    /// Has somebody told in Slack what is new in it
    Follow {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// Who: an e-mail or a Slack ID
        user: String,
        #[command(flatten)]
        once: Once,
    },
    /// Has somebody told no longer
    Unfollow {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// Who: an e-mail or a Slack ID
        user: String,
        #[command(flatten)]
        once: Once,
    },
    /// Accepts a role that was offered to whom the token is
    Accept {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// Which
        role: String,
        #[command(flatten)]
        once: Once,
    },
    /// Refuses a role that was offered, or takes the offer back
    Refuse {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// Which
        role: String,
        #[command(flatten)]
        once: Once,
    },
    /// A task is done
    Done {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// Its number
        n: u32,
        #[command(flatten)]
        once: Once,
    },
    /// Adds a follow-up
    FollowUp {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// What is to be done
        text: String,
        /// Who sees to it: an e-mail or a Slack ID
        #[arg(long)]
        owner: Option<String>,
        /// By which day: `2026-12-01`
        #[arg(long)]
        due: Option<String>,
        #[command(flatten)]
        once: Once,
    },
    /// A follow-up is done
    FollowUpDone {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// Its number
        n: u32,
        #[command(flatten)]
        once: Once,
    },
    /// Writes the review
    Review {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// All of it
        text: String,
        #[command(flatten)]
        once: Once,
    },
    /// Settles what Jira and the incident do not agree on
    Settle {
        /// `IMP-42`, or its key in Jira
        reference: String,
        /// `follow` Jira, or `keep` what the incident says
        choose: String,
        /// What the way there asks: `--set cause="a deploy"`
        #[arg(long = "set", value_name = "FIELD=VALUE")]
        set: Vec<String>,
        #[command(flatten)]
        once: Once,
    },
    /// Opens a private incident without being in it; everybody in it sees who did, and why
    BreakGlass {
        /// `IMP-42`
        reference: String,
        /// Why
        #[arg(long)]
        why: String,
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

/// A change, as the API takes it.
struct Call {
    method: Method,
    path: String,
    body: Map<String, Value>,
    key: Option<String>,
}

/// The fields of a body that were given.
fn body<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    let given = fields.into_iter().filter_map(|(name, v)| Some((name.to_owned(), v?)));
    given.collect()
}

fn some(text: impl Into<Value>) -> Option<Value> {
    Some(text.into())
}

fn maybe(text: Option<String>) -> Option<Value> {
    text.map(Value::from)
}

fn pairs(given: Vec<String>, form: &str) -> Result<Map<String, Value>, Failure> {
    let one = |pair: String| match pair.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), Value::from(value))),
        None => Err(Failure::Wrong(format!("--set {pair}: write it as {form}"))),
    };
    given.into_iter().map(one).collect()
}

/// What a command that changes something sends; none for those that only look.
fn call(command: Incident) -> Result<Option<Call>, Failure> {
    let post = |reference: &str, rest: &str, body: Map<String, Value>, once: Once| Call {
        method: Method::POST,
        path: at(reference, rest),
        body,
        key: once.key,
    };
    Ok(Some(match command {
        Incident::List { .. } | Incident::Show { .. } | Incident::Timeline { .. } | Incident::Export { .. } => {
            return Ok(None);
        }
        Incident::Declare {
            title,
            severity,
            service,
            team,
            summary,
            private,
            once,
        } => Call {
            method: Method::POST,
            path: "/api/v1/incidents".to_owned(),
            body: body([
                ("title", some(title)),
                ("severity", maybe(severity)),
                ("service", maybe(service)),
                ("team", maybe(team)),
                ("summary", maybe(summary)),
                ("private", private.then_some(true.into())),
            ]),
            key: once.key,
        },
        Incident::Edit {
            reference,
            title,
            summary,
            severity,
            service,
            once,
        } => Call {
            method: Method::PATCH,
            ..post(
                &reference,
                "",
                body([
                    ("title", maybe(title)),
                    ("summary", maybe(summary)),
                    ("severity", maybe(severity)),
                    ("service", maybe(service)),
                ]),
                once,
            )
        },
        Incident::Update {
            reference,
            text,
            public,
            once,
        } => {
            let body = body([("text", some(text)), ("public", public.then_some(true.into()))]);
            post(&reference, "/updates", body, once)
        }
        Incident::Publish {
            reference,
            text,
            title,
            components,
            once,
        } => {
            let body = body([
                ("text", some(text)),
                ("title", maybe(title)),
                ("components", some(components)),
            ]);
            post(&reference, "/statuspage", body, once)
        }
        Incident::Transition {
            reference,
            to,
            set,
            once,
        } => {
            let mut body = pairs(set, "FIELD=VALUE")?;
            body.insert("to".to_owned(), to.into());
            post(&reference, "/transitions", body, once)
        }
        Incident::Settle {
            reference,
            choose,
            set,
            once,
        } => {
            let mut body = pairs(set, "FIELD=VALUE")?;
            body.insert("choose".to_owned(), choose.into());
            post(&reference, "/conflict", body, once)
        }
        Incident::Impact { reference, set, once } => {
            let answers = Value::Object(pairs(set, "QUESTION=ANSWER")?);
            post(&reference, "/impact", body([("answers", Some(answers))]), once)
        }
        Incident::Role {
            reference,
            role,
            user,
            once,
        } => post(
            &reference,
            "/roles",
            body([("role", some(role)), ("user", some(user))]),
            once,
        ),
        Incident::Accept { reference, role, once } => post(
            &reference,
            &format!("/roles/{}/accept", client::part(&role)),
            Map::new(),
            once,
        ),
        Incident::Refuse { reference, role, once } => post(
            &reference,
            &format!("/roles/{}/refuse", client::part(&role)),
            Map::new(),
            once,
        ),
        Incident::Task {
            reference,
            text,
            assignee,
            once,
        } => {
            let body = body([("text", some(text)), ("assignee", maybe(assignee))]);
            post(&reference, "/tasks", body, once)
        }
        Incident::Done { reference, n, once } => post(&reference, &format!("/tasks/{n}/done"), Map::new(), once),
        Incident::FollowUp {
            reference,
            text,
            owner,
            due,
            once,
        } => {
            let body = body([("text", some(text)), ("owner", maybe(owner)), ("due", maybe(due))]);
            post(&reference, "/follow-ups", body, once)
        }
        Incident::FollowUpDone { reference, n, once } => {
            post(&reference, &format!("/follow-ups/{n}/done"), Map::new(), once)
        }
        Incident::Review { reference, text, once } => post(&reference, "/review", body([("text", some(text))]), once),
        Incident::Decide { reference, text, once } => {
            post(&reference, "/decisions", body([("text", some(text))]), once)
        }
        Incident::Object {
            reference,
            n,
            why,
            once,
        } => post(
            &reference,
            &format!("/decisions/{n}/objections"),
            body([("why", some(why))]),
            once,
        ),
        Incident::Decided { reference, n, once } => {
            post(&reference, &format!("/decisions/{n}/taken"), Map::new(), once)
        }
        Incident::Time {
            reference,
            moment,
            at,
            why,
            once,
        } => {
            let body = body([("moment", some(moment)), ("at", some(at)), ("why", some(why))]);
            post(&reference, "/times", body, once)
        }
        Incident::Process {
            reference,
            status,
            once,
        } => post(&reference, "/process", body([("status", maybe(status))]), once),
        Incident::MendPage { reference, once } => post(&reference, "/statuspage/mend", Map::new(), once),
        Incident::Note { reference, text, once } => post(&reference, "/notes", body([("text", some(text))]), once),
        Incident::Join { reference, user, once } => post(&reference, "/members", body([("user", some(user))]), once),
        Incident::Follow { reference, user, once } => {
            post(&reference, "/followers", body([("user", some(user))]), once)
        }
        Incident::Unfollow { reference, user, once } => Call {
            method: Method::DELETE,
            ..post(
                &reference,
                &format!("/followers/{}", client::part(&user)),
                Map::new(),
                once,
            )
        },
        Incident::BreakGlass { reference, why, once } => {
            post(&reference, "/break-glass", body([("why", some(why))]), once)
        }
    }))
}

fn at(reference: &str, rest: &str) -> String {
    format!("/api/v1/incidents/{}{rest}", client::part(reference))
}

/// Carries out `imp incident …`.
///
/// # Errors
/// Where the words are wrong, or what the API says.
pub async fn carry_out(
    command: Incident,
    common: Common,
    load: impl Fn(&PathBuf) -> Result<Config, Failure>,
) -> Result<(), Failure> {
    let api = open(&common, load)?;
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
        Incident::Export { file } => export(&api, file).await,
        change => match call(change)? {
            None => Ok(()),
            Some(c) => {
                let i = api.send(c.method, &c.path, c.body, c.key).await?;
                told(&common, &i, &print::line(&i))
            }
        },
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
