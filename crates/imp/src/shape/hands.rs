//! The Shaper's hands: what a step of a plan means to each vendor, over the vendors' own clients.

use imp_engine::{Clock as _, Desk, SystemClock};
use imp_shaper::git;
use imp_shaper::publish::plan::{label, mark};
use imp_shaper::publish::run::{Doing, Found, Trouble};
use imp_shaper::publish::{Call, Hands, Learnt, Run, Step, Vendor, escape};
use imp_shaper::tree::Tree;
use imp_vendors::budget::Urgency;
use imp_vendors::git::Git;
use imp_vendors::http::{Fault, Http};
use imp_vendors::jira::Jira;
use imp_vendors::opslevel::{Born, OpsLevel};
use imp_vendors::secret::Secret;
use imp_vendors::slack::client::{Client, Trouble as Said};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Pages of Slack's list of channels that are looked through for a name: a thousand each.
const CHANNEL_PAGES: usize = 20;
/// How long the steps up to OpsLevel take at most, usually, in seconds.
const STEPS_S: i64 = 10;
/// Between two looks whether IMP knows the service.
const CATALOGUE_MS: u64 = 10_000;
/// The same where it was asked to read the catalogue now.
const READ_MS: u64 = 2_000;

/// Between two looks for what Jira's search may not show yet.
const LOOK_AGAIN_MS: u64 = 2_000;

/// Where the first commit is.
#[derive(Debug)]
pub enum Place {
    /// In a folder of somebody's.
    Folder(PathBuf),
    /// Nowhere yet: these files are committed again whenever it is needed.
    Files(Tree),
}

/// Where a test alert is sent.
#[derive(Debug, Clone)]
pub struct Intake {
    /// IMP's own address, without a slash at the end.
    pub url: String,
    /// What alert sources send.
    pub token: Secret,
}

/// Everything that is configured.
#[derive(Clone)]
pub struct Vendors {
    /// The Git provider.
    pub git: Option<Arc<Git>>,
    /// OpsLevel.
    pub opslevel: Option<Arc<OpsLevel>>,
    /// Slack.
    pub slack: Option<Arc<Client>>,
    /// Jira.
    pub jira: Option<Arc<Jira>>,
    /// IMP itself.
    pub intake: Option<Intake>,
    /// For IMP itself.
    pub http: Http,
}

/// The hands of one run.
pub struct ShaperHands {
    vendors: Vendors,
    place: Place,
    desk: Option<Desk>,
}

impl ShaperHands {
    /// The same, in the process that knows the catalogue.
    pub fn with_catalogue(self, desk: Desk) -> ShaperHands {
        ShaperHands {
            desk: Some(desk),
            ..self
        }
    }

    /// For a run whose first commit is there.
    pub fn new(vendors: Vendors, place: Place) -> ShaperHands {
        ShaperHands {
            vendors,
            place,
            desk: None,
        }
    }
}

type Answer<T> = Result<T, Trouble>;

fn trouble(fault: Fault) -> Trouble {
    match fault {
        Fault::Wait { after_ms } => Trouble::Later {
            after_ms: u64::try_from(after_ms).ok(),
            why: "our own limit of calls".into(),
        },
        // Only a person can mend these, and one is watching.
        Fault::Later {
            status: Some(300..=399 | 401 | 403),
            why,
            ..
        }
        | Fault::Refused { why, .. } => Trouble::Never(why),
        Fault::Later { after_ms, why, .. } => Trouble::Later {
            after_ms: after_ms.and_then(|ms| u64::try_from(ms).ok()),
            why,
        },
    }
}

fn slack_trouble(said: Said) -> Trouble {
    use imp_core::port::Pause;
    match imp_core::Outcome::from(said) {
        imp_core::Outcome::Wait { after_ms } => trouble(Fault::Wait { after_ms }),
        imp_core::Outcome::Later { pause, why } => {
            let after_ms = match pause {
                Pause::BackOff => None,
                Pause::Asked(ms) => u64::try_from(ms).ok(),
                // The token or its scopes: a person mends them, and makes the service again.
                Pause::Mend(_) => return Trouble::Never(why),
            };
            Trouble::Later { after_ms, why }
        }
        imp_core::Outcome::Never { why } => Trouble::Never(why),
        imp_core::Outcome::Done(_) => Trouble::Never("Slack said nothing".into()),
    }
}

fn off(name: &str) -> Trouble {
    Trouble::Never(format!("{name} is not configured any more"))
}

fn one(key: &str, value: impl Into<String>) -> Learnt {
    Learnt::from([(key.to_owned(), value.into())])
}

fn there(yes: bool) -> Found {
    match yes {
        true => Found::Ours(Learnt::new()),
        false => Found::Absent,
    }
}

impl Hands for ShaperHands {
    fn look<'a>(&'a self, step: &'a Step, run: &'a Run) -> Doing<'a, Answer<Found>> {
        Box::pin(async move {
            match step.call.vendor {
                Vendor::Git => self.look_at_git(step, run).await,
                Vendor::Opslevel => self.look_at_opslevel(step, run).await,
                Vendor::Slack => self.look_at_slack(step, run).await,
                Vendor::Jira => self.look_at_jira(step, run).await,
                Vendor::Imp => self.look_at_imp(run).await,
            }
        })
    }

    fn act<'a>(&'a self, call: &'a Call, run: &'a Run) -> Doing<'a, Answer<Learnt>> {
        Box::pin(async move {
            match call.vendor {
                Vendor::Git if call.method == "PUSH" => self.push(run).await,
                Vendor::Git => {
                    let git = self.vendors.git.as_ref().ok_or_else(|| off("the Git provider"))?;
                    let said = git.write(&call.method, &call.path, &call.body).await.map_err(trouble)?;
                    Ok(repository_learnt(&said))
                }
                Vendor::Opslevel => {
                    let opslevel = self.vendors.opslevel.as_ref().ok_or_else(|| off("OpsLevel"))?;
                    let said = opslevel.mutate(&call.path, &call.body).await.map_err(trouble)?;
                    let mut learnt = Learnt::new();
                    for (key, at) in [("opslevel_id", "id"), ("opslevel_url", "htmlUrl")] {
                        if let Some(text) = said["service"][at].as_str() {
                            learnt.insert(key.into(), text.into());
                        }
                    }
                    Ok(learnt)
                }
                Vendor::Slack => {
                    let said = self.slack(&call.path, &call.body).await?;
                    Ok(said["channel"]["id"]
                        .as_str()
                        .map(|id| one("slack_channel", id))
                        .unwrap_or_default())
                }
                Vendor::Jira => {
                    let jira = self.vendors.jira.as_ref().ok_or_else(|| off("Jira"))?;
                    let said = jira
                        .change(&call.method, &call.path, &call.body)
                        .await
                        .map_err(trouble)?;
                    let (name, at) = match call.path.as_str() {
                        "issue" => ("jira_checklist", "key"),
                        _ => ("jira_component", "id"),
                    };
                    Ok(said[at].as_str().map(|id| one(name, id)).unwrap_or_default())
                }
                Vendor::Imp => self.alert(call).await,
            }
        })
    }

    fn rest(&self, ms: u64) -> Doing<'_, ()> {
        Box::pin(tokio::time::sleep(Duration::from_millis(ms)))
    }

    fn now_ms(&self) -> i64 {
        SystemClock.now().0
    }
}

fn repository_learnt(said: &Value) -> Learnt {
    let mut learnt = Learnt::new();
    for (key, at) in [("repository_url", "html_url"), ("clone_url", "clone_url")] {
        if let Some(text) = said[at].as_str() {
            learnt.insert(key.into(), text.into());
        }
    }
    learnt
}

impl ShaperHands {
    async fn look_at_git(&self, step: &Step, run: &Run) -> Answer<Found> {
        let git = self.vendors.git.as_ref().ok_or_else(|| off("the Git provider"))?;
        let get = async |path: &str| git.get(path).await.map_err(trouble);
        let call = &step.call;
        match step.id.as_str() {
            "git.repository" => {
                let path = step.undo.as_ref().map_or("", |u| u.path.as_str());
                let found = git.repository(path).await.map_err(trouble)?;
                Ok(match found {
                    None => Found::Absent,
                    Some(r)
                        if r.description
                            .as_deref()
                            .is_some_and(|d| d.contains(&mark(&run.plan.id))) =>
                    {
                        let known = json!({ "html_url": r.html_url, "clone_url": r.clone_url });
                        Found::Ours(repository_learnt(&known))
                    }
                    Some(r) => Found::Others(format!("{} is somebody else's", r.html_url)),
                })
            }
            "git.push" => {
                let repo = call.path.trim_end_matches(".git");
                let found = get(&format!("/repos/{repo}/branches/main")).await?;
                Ok(match found.as_ref().and_then(|b| b["commit"]["sha"].as_str()) {
                    None => Found::Absent,
                    Some(sha) if sha == run.commit => Found::Ours(Learnt::new()),
                    Some(sha) => Found::Others(format!("main holds the commit {sha}, which is not this run's")),
                })
            }
            "git.topics" => {
                let found = get(&call.path).await?;
                Ok(there(found.is_some_and(|t| t["names"] == call.body["names"])))
            }
            id if id.starts_with("git.variable.") => {
                let name = call.body["name"].as_str().unwrap_or_default();
                Ok(match get(&format!("{}/{}", call.path, escape(name))).await? {
                    None => Found::Absent,
                    Some(v) if v["value"] == call.body["value"] => Found::Ours(Learnt::new()),
                    Some(_) => Found::Others(format!("the variable {name} holds something else")),
                })
            }
            id if id.starts_with("git.webhook.") => {
                let found = get(&format!("{}?per_page=100", call.path)).await?.unwrap_or_default();
                let url = &call.body["config"]["url"];
                Ok(there(
                    found
                        .as_array()
                        .into_iter()
                        .flatten()
                        .any(|h| h["config"]["url"] == *url),
                ))
            }
            id if id.starts_with("git.label.") => {
                let name = call.body["name"].as_str().unwrap_or_default();
                Ok(there(get(&format!("{}/{}", call.path, escape(name))).await?.is_some()))
            }
            _ => Ok(there(get(&call.path).await?.is_some())),
        }
    }

    async fn push(&self, run: &Run) -> Answer<Learnt> {
        let git = self.vendors.git.as_ref().ok_or_else(|| off("the Git provider"))?;
        let url = run.learnt.get("clone_url").cloned().unwrap_or_default();
        if !git.is_trusted(&url) {
            return Err(Trouble::Never(format!(
                "the repository's address {url:?} is not at {}: the token is not sent there",
                git.config().web()
            )));
        }
        let env = git.environment();
        let commit = run.commit.clone();
        let later = |e: imp_shaper::fault::Fault| Trouble::Later {
            after_ms: None,
            why: e.to_string(),
        };
        let pushed = match &self.place {
            Place::Folder(folder) => {
                let folder = folder.clone();
                let push =
                    move || git::push(&folder, &url, &commit, &env).and_then(|()| git::name_origin(&folder, &url));
                tokio::task::spawn_blocking(push).await
            }
            Place::Files(tree) => {
                let (tree, message, at) = (tree.clone(), run.plan.commit.clone(), run.begun_ms);
                let push = move || {
                    let folder = tempfile::tempdir()
                        .map_err(|e| imp_shaper::fault::Fault::failed(format!("no temporary folder: {e}")))?;
                    let made = git::commit_of(&tree, folder.path(), &message, at)?;
                    git::push(folder.path(), &url, &made, &env)
                };
                tokio::task::spawn_blocking(push).await
            }
        };
        match pushed {
            Ok(Ok(())) => Ok(Learnt::new()),
            Ok(Err(e)) => Err(later(e)),
            Err(e) => Err(Trouble::Never(e.to_string())),
        }
    }

    async fn look_at_opslevel(&self, step: &Step, run: &Run) -> Answer<Found> {
        let opslevel = self.vendors.opslevel.as_ref().ok_or_else(|| off("OpsLevel"))?;
        let name = &run.plan.service;
        let by = async |alias: &str| opslevel.service_by_alias(alias).await.map_err(trouble);
        // OpsLevel makes the first alias of the name itself, with underscores.
        let theirs = name.replace('-', "_");
        let body = &step.call.body;
        let of_run = |s: &Born| s.description.contains(&mark(&run.plan.id));
        match step.id.as_str() {
            "opslevel.service" => {
                for alias in [name.as_str(), theirs.as_str()] {
                    match by(alias).await? {
                        Some(s) if of_run(&s) => {
                            let mut learnt = one("opslevel_id", s.id);
                            learnt.extend(s.url.map(|u| ("opslevel_url".to_owned(), u)));
                            return Ok(Found::Ours(learnt));
                        }
                        Some(s) => {
                            let at = s.url.unwrap_or_else(|| alias.to_owned());
                            return Ok(Found::Others(format!(
                                "OpsLevel has a service of this name already ({at})"
                            )));
                        }
                        None => {}
                    }
                }
                Ok(Found::Absent)
            }
            "opslevel.alias" => Ok(match by(name).await? {
                None => Found::Absent,
                Some(s) if of_run(&s) => Found::Ours(Learnt::new()),
                Some(_) => Found::Others(format!("the alias {name} is another service's")),
            }),
            _ => {
                let Some(s) = by(&theirs).await?.filter(of_run) else {
                    return Ok(Found::Absent);
                };
                let needed = body["dependencyKey"]["destinationIdentifier"]["alias"].as_str();
                if let Some(alias) = needed {
                    return Ok(there(s.needs.iter().any(|n| n == alias)));
                }
                let url = body["url"].as_str();
                let tags = body["tags"].as_array().into_iter().flatten();
                let mut tagged = tags.map(|t| (t["key"].as_str(), t["value"].as_str()));
                Ok(there(match url {
                    Some(url) => s.tools.iter().any(|t| t == url),
                    None => tagged.all(|(k, v)| {
                        s.tags
                            .iter()
                            .any(|(key, value)| Some(key.as_str()) == k && Some(value.as_str()) == v)
                    }),
                }))
            }
        }
    }

    async fn slack(&self, method: &str, args: &Value) -> Answer<Value> {
        let client = self.vendors.slack.as_ref().ok_or_else(|| off("Slack"))?;
        let args: Vec<(&str, &str)> = args
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(k, v)| Some((k.as_str(), v.as_str()?)))
            .collect();
        client.call(method, &args, Urgency::Urgent).await.map_err(slack_trouble)
    }

    async fn look_at_slack(&self, step: &Step, run: &Run) -> Answer<Found> {
        let own = mark(&run.plan.id);
        let channel = run.learnt.get("slack_channel").cloned().unwrap_or_default();
        match step.id.as_str() {
            "slack.channel" => {
                let name = step.call.body["name"].as_str().unwrap_or_default();
                let Some(found) = self.channel(name).await? else {
                    return Ok(Found::Absent);
                };
                let purpose = found["purpose"]["value"].as_str().unwrap_or_default();
                let id = found["id"].as_str().unwrap_or_default();
                let ours = purpose.contains(&own) || purpose.is_empty() && self.is_ours(&found).await?;
                Ok(match ours && found["is_archived"] != true {
                    true => Found::Ours(one("slack_channel", id)),
                    false => Found::Others(format!("there is a channel #{name} already")),
                })
            }
            "slack.purpose" => {
                let said = self.slack("conversations.info", &json!({ "channel": channel })).await?;
                let purpose = said["channel"]["purpose"]["value"].as_str().unwrap_or_default();
                Ok(there(purpose.contains(&own)))
            }
            _ => {
                let args = json!({ "channel": channel, "limit": "100", "include_all_metadata": "true" });
                let said = self.slack("conversations.history", &args).await?;
                let all = said["messages"].as_array().into_iter().flatten();
                let is_it = |m: &Value| m["metadata"]["event_payload"]["run"] == json!(run.plan.id);
                Ok(there(all.into_iter().any(is_it)))
            }
        }
    }

    /// The channel of a name, archived or not.
    async fn channel(&self, name: &str) -> Answer<Option<Value>> {
        let mut cursor = String::new();
        for _ in 0..CHANNEL_PAGES {
            let args =
                json!({ "limit": "1000", "types": "public_channel", "exclude_archived": "false", "cursor": cursor });
            let said = self.slack("conversations.list", &args).await?;
            let all = said["channels"].as_array().cloned().unwrap_or_default();
            if let Some(found) = all.into_iter().find(|c| c["name"] == name) {
                return Ok(Some(found));
            }
            cursor = said["response_metadata"]["next_cursor"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            if cursor.is_empty() {
                break;
            }
        }
        Ok(None)
    }

    /// Whether the app itself made a channel: it may have been killed before it could say what for.
    async fn is_ours(&self, channel: &Value) -> Answer<bool> {
        let me = self.slack("auth.test", &json!({})).await?;
        Ok(channel["creator"].is_string() && channel["creator"] == me["user_id"])
    }

    async fn look_at_jira(&self, step: &Step, run: &Run) -> Answer<Found> {
        let jira = self.vendors.jira.as_ref().ok_or_else(|| off("Jira"))?;
        if step.id == "jira.checklist" {
            return self.look_for_checklist(jira, step, run).await;
        }
        let text = |k: &str| step.call.body[k].as_str().unwrap_or_default();
        let (project, name) = (text("project"), text("name"));
        Ok(match jira.component(project, name).await.map_err(trouble)? {
            None => Found::Absent,
            Some(c) if c.description.contains(&mark(&run.plan.id)) => Found::Ours(one("jira_component", c.id)),
            Some(_) => Found::Others(format!("the project {project} has a component {name} already")),
        })
    }

    /// The task whose key is known is read; else it is searched for. Jira's search lags behind: after a call that may have
    /// worked, it is asked until it must have caught up.
    async fn look_for_checklist(&self, jira: &Jira, step: &Step, run: &Run) -> Answer<Found> {
        if let Some(key) = run.learnt.get("jira_checklist") {
            return Ok(match jira.stands(key).await.map_err(trouble)? {
                true => Found::Ours(Learnt::new()),
                false => Found::Absent,
            });
        }
        let project = step.call.body["fields"]["project"]["key"].as_str().unwrap_or_default();
        if let Some(key) = jira.labelled(project, &label(&run.plan.id)).await.map_err(trouble)? {
            return Ok(Found::Ours(one("jira_checklist", key)));
        }
        let at = run.plan.steps.iter().position(|s| s.id == step.id);
        let lag = u64::try_from(imp_vendors::jira::SEARCH_LAG.as_millis()).unwrap_or(u64::MAX);
        match at.and_then(|n| run.progress[n].in_doubt_for(lag, self.now_ms())) {
            Some(ms) => Err(Trouble::Later {
                after_ms: Some(ms.min(LOOK_AGAIN_MS)),
                why: "waiting until Jira's search shows what was filed a moment ago".into(),
            }),
            None => Ok(Found::Absent),
        }
    }

    /// The same alert of the same group asks nobody twice, so there is nothing to be found; but IMP must have read the
    /// new service in the catalogue first, or it does not know whom to ask.
    async fn look_at_imp(&self, run: &Run) -> Answer<Found> {
        let (Some(intake), true) = (&self.vendors.intake, run.learnt.contains_key("opslevel_id")) else {
            return Ok(Found::Absent);
        };
        let knows = match &self.desk {
            Some(desk) => {
                let knows = desk.house.catalogue.load().service(&run.plan.service).is_some();
                if !knows {
                    desk.catalogue_wanted.notify_one();
                }
                knows
            }
            None => {
                let request = self.vendors.http.get(&format!("{}/metrics", intake.url));
                let Ok(answer) = imp_vendors::http::call("IMP", request).await else {
                    // Whether it is there at all is said where the alert is sent.
                    return Ok(Found::Absent);
                };
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                let age = text.lines().find_map(|l| l.strip_prefix("imp_catalogue_age_seconds "));
                let age = age.and_then(|a| a.trim().parse::<i64>().ok()).unwrap_or(-1);
                let since = SystemClock.now().0 / 1000 - run.begun_ms / 1000;
                // The service is in OpsLevel since some moment after the run began.
                age >= 0 && age + STEPS_S < since
            }
        };
        match knows {
            true => Ok(Found::Absent),
            false => Err(Trouble::Later {
                after_ms: Some(if self.desk.is_some() { READ_MS } else { CATALOGUE_MS }),
                why: "waiting until IMP has read the new service in the catalogue, which it does once a minute".into(),
            }),
        }
    }

    async fn alert(&self, call: &Call) -> Answer<Learnt> {
        let intake = self
            .vendors
            .intake
            .as_ref()
            .ok_or_else(|| off("the intake of alerts"))?;
        let request = self.vendors.http.post(&format!("{}{}", intake.url, call.path));
        let request = request.bearer_auth(intake.token.expose()).json(&call.body);
        let answer = match imp_vendors::http::call("IMP", request).await {
            Ok(a) => a,
            Err(
                f @ Fault::Later {
                    undone: true,
                    status: None,
                    ..
                },
            ) => {
                let why = format!("{}: start `imp serve`, then run this again", f.why());
                return Err(Trouble::Never(why));
            }
            Err(f) => return Err(trouble(f)),
        };
        let said: Value = answer.json("IMP").map_err(trouble)?;
        let mut learnt = Learnt::new();
        for (key, at) in [("incident", "incidents"), ("asked", "asked")] {
            if let Some(first) = said[at][0].as_str() {
                learnt.insert(key.into(), first.into());
            }
        }
        Ok(learnt)
    }
}
