//! `imp shape new`, beyond this disk: the plan is shown, the run is written down in the service's own `.git`, and
//! whatever stops it, the same call goes on with it.

use super::hands::{Intake, Place, ShaperHands, Vendors};
use super::show::note;
use crate::config::{Config, Shaper};
use crate::{Failure, say};
use imp_shaper::fault::{Fault, Result as Shaped};
use imp_shaper::made::{Held, Outfit, Variable, Webhook};
use imp_shaper::publish::run::{Doing, State, carry_on, look_ahead};
use imp_shaper::publish::{Connected, Journal, Phase, Run, plan::GitPlace};
use imp_vendors::git::Git;
use imp_vendors::git::outfit::Strongbox;
use imp_vendors::http::Http;
use imp_vendors::jira::Jira;
use imp_vendors::opslevel::OpsLevel;
use imp_vendors::slack::client::Client;
use serde_json::json;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a run is written down in a service; Git neither commits nor pushes it.
const RUN: &str = ".git/imp/run.json";

/// What there is to publish to.
pub fn connected(config: &Config) -> Connected {
    let git = config.shaper.as_ref().and_then(|s| s.git.as_ref());
    Connected {
        git: git.map(|g| GitPlace {
            name: g.name().to_owned(),
            organisation: g.organisation.clone(),
            web: g.web(),
            outfit: config.shaper.as_ref().map(outfit).unwrap_or_default(),
        }),
        opslevel: config.opslevel.is_some(),
        slack: config.slack.is_some(),
        jira: config.jira.as_ref().map(|j| j.project.clone()),
        alerts: config.alerts.is_some(),
    }
}

/// What every new repository gets, without the secrets themselves.
fn outfit(shaper: &Shaper) -> Outfit {
    let variables = shaper.variables.iter().map(|v| Variable {
        name: v.name.clone(),
        value: v.value.clone(),
        environment: v.environment.clone(),
    });
    let secrets = shaper.secrets.iter().map(|s| Held {
        name: s.name.clone(),
        environment: s.environment.clone(),
    });
    let webhooks = shaper.webhooks.iter().map(|w| Webhook {
        url: w.url.clone(),
        events: w.events.clone(),
        signed: w.secret.is_some(),
    });
    Outfit {
        environments: shaper.environments.iter().map(|e| e.name.clone()).collect(),
        variables: variables.collect(),
        secrets: secrets.collect(),
        webhooks: webhooks.collect(),
    }
}

fn strongbox(config: &Config) -> Strongbox {
    let of = |s: &Shaper| Strongbox::new(&s.secrets, &s.webhooks);
    config.shaper.as_ref().map(of).unwrap_or_default()
}

/// The clients of all that is configured. `own` is IMP's address for the test alert.
pub fn vendors(config: &Config, http: &Http, own: &str) -> Vendors {
    let url = config.public_url();
    Vendors {
        git: config
            .shaper
            .as_ref()
            .and_then(|s| s.git.clone())
            .map(|g| Arc::new(Git::new(g, http.clone()).holding(strongbox(config)))),
        opslevel: config
            .opslevel
            .clone()
            .map(|c| Arc::new(OpsLevel::new(c, http.clone(), &url))),
        slack: config
            .slack
            .as_ref()
            .map(|c| Arc::new(Client::new(http.clone(), &c.api_url, c.bot_token.clone()))),
        jira: config.jira.clone().map(|c| Arc::new(Jira::new(c, http.clone(), &url))),
        intake: config.alerts.as_ref().map(|a| Intake {
            url: own.to_owned(),
            token: a.token.clone(),
        }),
        http: http.clone(),
    }
}

/// A run's own name: nobody guesses it, and nobody types it.
pub fn new_id() -> String {
    imp_console::secret().chars().take(12).collect()
}

struct FileJournal(PathBuf);

impl Journal for FileJournal {
    fn keep<'a>(&'a self, run: &'a Run) -> Doing<'a, Shaped<()>> {
        Box::pin(async move { keep(&self.0, run) })
    }
}

/// Writes a run down beside the last one and puts it in its place, so that a kill leaves the one or the other.
fn keep(folder: &Path, run: &Run) -> Shaped<()> {
    let path = folder.join(RUN);
    let wrong = |e: std::io::Error| Fault::failed(format!("{} cannot be written: {e}", path.display()));
    let beside = path.with_extension("new");
    let parent = path.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent).map_err(wrong)?;
    let mut file = std::fs::File::create(&beside).map_err(wrong)?;
    file.write_all(format!("{:#}\n", json!(run)).as_bytes())
        .map_err(wrong)?;
    file.sync_all().map_err(wrong)?;
    std::fs::rename(&beside, &path).map_err(wrong)?;
    std::fs::File::open(parent).and_then(|d| d.sync_all()).map_err(wrong)
}

/// Writes a run down in a folder before anything is called.
pub fn begin(folder: &Path, run: &Run) -> Shaped<()> {
    keep(folder, run)
}

/// The run that began in a folder, if one did.
pub fn begun(folder: &Path) -> Shaped<Option<Run>> {
    let path = folder.join(RUN);
    match std::fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text)
            .map(Some)
            .map_err(|e| Fault::failed(format!("{} cannot be read: {e}", path.display()))),
        Err(e)
            if matches!(
                e.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(e) => Err(Fault::failed(format!("{} cannot be read: {e}", path.display()))),
    }
}

fn hands(config: &Config, folder: &Path) -> Result<ShaperHands, Failure> {
    let http = Http::new().map_err(Failure::Failed)?;
    let place = Place::Folder(std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()));
    Ok(ShaperHands::new(vendors(config, &http, &config.public_url()), place))
}

/// Looks whether the names are free; where one is not, nothing was made anywhere.
pub async fn is_free(config: &Config, folder: &Path, run: &Run) -> Result<(), Failure> {
    Ok(look_ahead(run, &hands(config, folder)?).await?)
}

/// Goes on with a run until it is done or a person is needed.
pub async fn go_on(config: &Config, folder: &Path, mut run: Run, json: bool) -> Result<(), Failure> {
    if run.phase == Phase::Undone {
        return Err(Failure::Failed(format!(
            "{} was taken back; make it anew in another folder",
            run.plan.service
        )));
    }
    run.resume();
    work(config, folder, &mut run).await?;
    finish(folder, &run, json)
}

/// Takes back what a run made.
pub async fn undo(config: &Config, folder: &Path, json: bool) -> Result<(), Failure> {
    let Some(mut run) = begun(folder)? else {
        return Err(Failure::Wrong(format!(
            "{} was not published from here: there is no {RUN} in it",
            folder.display()
        )));
    };
    run.undo();
    work(config, folder, &mut run).await?;
    finish(folder, &run, json)
}

async fn work(config: &Config, folder: &Path, run: &mut Run) -> Result<(), Failure> {
    let hands = hands(config, folder)?;
    let journal = FileJournal(folder.to_owned());
    let mut before: Vec<State> = run.progress.iter().map(|p| p.state).collect();
    let mut told = |run: &Run| {
        for (n, p) in run
            .progress
            .iter()
            .enumerate()
            .filter(|(n, p)| before.get(*n) != Some(&p.state))
        {
            let title = &run.plan.steps[n].title;
            match p.state {
                State::Done => note(&format!("done    {title}")),
                State::Undone => note(&format!("undone  {title}")),
                State::Left => note(&format!("left    {title}: {}", p.why.as_deref().unwrap_or_default())),
                State::Waiting | State::Trying => {}
            }
        }
        for p in run.progress.iter().filter(|p| p.state == State::Trying && p.tries > 0) {
            note(&format!("again   {}", p.why.as_deref().unwrap_or_default()));
        }
        before = run.progress.iter().map(|p| p.state).collect();
    };
    Ok(carry_on(run, &hands, &journal, &mut told).await?)
}

/// How it ended.
pub fn finish(folder: &Path, run: &Run, json: bool) -> Result<(), Failure> {
    if json {
        say(&format!("{:#}", summary(run)));
    }
    let at = folder.display();
    match run.phase {
        Phase::Done if json => Ok(()),
        Phase::Done => {
            let get = |k: &str| run.learnt.get(k).cloned();
            let place = get("repository_url").map(|u| format!(", {u}")).unwrap_or_default();
            say(&format!(
                "{at}: published{place}, first commit {}",
                &run.commit[..run.commit.len().min(10)]
            ));
            if let Some(r) = get("incident") {
                let whom = get("asked")
                    .map(|w| format!("; {w} is asked whether it is real"))
                    .unwrap_or_default();
                say(&format!("its test alert is {r}{whom}"));
            }
            for line in run.left() {
                say(&format!("still to do: {line}"));
            }
            Ok(())
        }
        Phase::Undone => {
            if !json {
                say(&format!("{at}: taken back at every vendor; the folder is still there"));
                for line in run.left() {
                    say(&format!("still to take back by hand: {line}"));
                }
            }
            Ok(())
        }
        Phase::Failed | Phase::Going | Phase::Undoing => Err(Failure::Failed(format!(
            "{}; `imp shape resume {at}` goes on from there, `imp shape undo {at}` takes back what was made",
            run.why.as_deref().unwrap_or("it has not come to its end")
        ))),
    }
}

/// A run for programs.
pub fn summary(run: &Run) -> serde_json::Value {
    let steps = run.plan.steps.iter().zip(&run.progress);
    let steps: Vec<_> = steps
        .map(|(s, p)| json!({ "id": s.id, "title": s.title, "state": p.state, "why": p.why }))
        .collect();
    json!({ "id": run.plan.id, "service": run.plan.service, "phase": run.phase, "why": run.why, "commit": run.commit,
        "steps": steps, "learnt": run.learnt, "left": run.left() })
}
