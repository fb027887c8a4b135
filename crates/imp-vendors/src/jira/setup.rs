//! What Jira must have before IMP can work with it: what is there, what IMP can create, what only a person can do.

use super::wire::User;
use super::{Jira, NAME};
use crate::http::Fault;
use serde::Serialize;
use serde_json::{Value, json};

/// The name of a project that IMP makes.
const PROJECT_NAME: &str = "Incidents";
/// Jira's kinds of custom fields, as its API calls them.
const KINDS: &str = "com.atlassian.jira.plugin.system.customfieldtypes";

/// What became of something that must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is there.
    There,
    /// It is not there, and would be created.
    WouldCreate,
    /// It was created now.
    Created,
    /// Only a person can do it.
    ByHand,
    /// It could not be created.
    Failed,
}

/// Something that must be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// What.
    pub what: String,
    /// What became of it.
    pub state: State,
    /// Its identifier, or what to do; empty where there is nothing to say.
    pub note: String,
}

/// Whether what is missing is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is only said.
    DryRun,
    /// It is created.
    Create,
}

/// What is wanted of a project.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The statuses of the process: what Jira may call each, and Jira's category that does instead.
    pub statuses: Vec<(String, &'static str)>,
    /// What IMP knows and that shall have a field of its own.
    pub fields: Vec<String>,
}

fn piece(what: impl Into<String>, state: State, note: impl Into<String>) -> Piece {
    Piece {
        what: what.into(),
        state,
        note: note.into(),
    }
}

impl Jira {
    /// Looks at all that is wanted, and creates what is missing and can be created. Asked again, it creates nothing twice.
    ///
    /// # Errors
    /// Where Jira cannot be asked at all.
    pub async fn set_up(&self, wanted: &Wanted, mode: Mode) -> Result<Vec<Piece>, Fault> {
        let me: User = self.get("myself").await?.json(NAME)?;
        let mut out = vec![self.project(&me, mode).await?];
        out.push(self.issue_type(mode).await?);
        for fact in &wanted.fields {
            out.push(self.field(fact, mode).await?);
        }
        let made_now = matches!(out[0].state, State::WouldCreate | State::Failed);
        if made_now {
            let note = "run this again once the project is there";
            out.push(piece(
                "issue types, statuses and permissions of the project",
                State::ByHand,
                note,
            ));
            return Ok(out);
        }
        out.extend(self.of_project(wanted).await?);
        for finding in self.check_permissions().await {
            out.push(match finding.fault {
                None => piece(finding.what, State::There, ""),
                Some(advice) => piece(finding.what, State::ByHand, advice),
            });
        }
        Ok(out)
    }

    async fn project(&self, me: &User, mode: Mode) -> Result<Piece, Fault> {
        let key = &self.config.project;
        let what = format!("the project {key}");
        match self.get(&format!("project/{key}")).await {
            Ok(_) => return Ok(piece(what, State::There, "")),
            Err(fault) if fault.status() == Some(404) => {}
            Err(fault) => return Err(fault),
        }
        let mut body = json!({
            "key": key, "name": PROJECT_NAME, "projectTypeKey": "software", "assigneeType": "UNASSIGNED",
        });
        match self.is_cloud() {
            true => body["leadAccountId"] = json!(me.account_id),
            false => body["lead"] = json!(me.name),
        }
        Ok(self.make(what, "project", &body, mode).await)
    }

    async fn issue_type(&self, mode: Mode) -> Result<Piece, Fault> {
        let name = &self.config.issue_type;
        let what = format!("the issue type {name:?}");
        let all: Vec<Value> = self.get("issuetype").await?.json(NAME)?;
        if all.iter().any(|t| t["name"] == name.as_str()) {
            return Ok(piece(what, State::There, ""));
        }
        let body = json!({"name": name, "description": "An incident, led by IMP", "type": "standard"});
        Ok(self.make(what, "issuetype", &body, mode).await)
    }

    /// A field for what IMP knows: the one that the configuration names, else one that is called as IMP would call it.
    async fn field(&self, fact: &str, mode: Mode) -> Result<Piece, Fault> {
        let all: Vec<Value> = self.get("field").await?.json(NAME)?;
        let name = format!("IMP {}", fact.replace('_', " "));
        if let Some(id) = self.config.fields.get(fact) {
            let what = format!("the field {id} for {fact}");
            return Ok(match all.iter().any(|f| f["id"] == id.as_str()) {
                true => piece(what, State::There, ""),
                false => piece(
                    what,
                    State::ByHand,
                    "no field has this identifier; correct it under [jira] fields",
                ),
            });
        }
        let what = format!("the field {name:?} for {fact}");
        if let Some(id) = all
            .iter()
            .find(|f| f["name"] == name.as_str())
            .and_then(|f| f["id"].as_str())
        {
            return Ok(piece(what, State::There, id));
        }
        let (kind, searcher) = match fact {
            "url" | "slack" | "zoom" | "statuspage" => ("url", "exacttextsearcher"),
            moment if moment.ends_with("_at") => ("datetime", "datetimerange"),
            _ => ("textfield", "textsearcher"),
        };
        let body = json!({
            "name": name, "description": format!("What IMP knows of an incident: {fact}"),
            "type": format!("{KINDS}:{kind}"), "searcherKey": format!("{KINDS}:{searcher}"),
        });
        Ok(self.make(what, "field", &body, mode).await)
    }

    /// What the project itself lacks: types and statuses stand in its schemes, which a person changes.
    async fn of_project(&self, wanted: &Wanted) -> Result<Vec<Piece>, Fault> {
        let (key, kind) = (&self.config.project, &self.config.issue_type);
        let all: Vec<Value> = self.get(&format!("project/{key}/statuses")).await?.json(NAME)?;
        let mut out = Vec::new();
        let ours = all.iter().find(|t| t["name"] == kind.as_str());
        out.push(match ours {
            Some(_) => piece(format!("{kind:?} in {key}"), State::There, ""),
            None => piece(
                format!("{kind:?} in {key}"),
                State::ByHand,
                "add it in the project's settings under Issue types (or to its issue type scheme)",
            ),
        });
        let others = [
            ("a sub-task type for tasks", all.iter().any(|t| t["subtask"] == true)),
            (
                "the type \"Task\" for follow-ups",
                all.iter().any(|t| t["name"] == "Task"),
            ),
        ];
        for (needed, there) in others {
            let what = format!("{needed} in {key}");
            let advice = "add one in the project's settings under Issue types";
            out.push(match there {
                true => piece(what, State::There, ""),
                false => piece(what, State::ByHand, advice),
            });
        }
        let names: Vec<&str> = ours
            .and_then(|t| t["statuses"].as_array())
            .into_iter()
            .flatten()
            .filter_map(|s| s["name"].as_str())
            .collect();
        for (label, category) in wanted.statuses.iter().filter(|_| ours.is_some()) {
            let what = format!("the status {label:?} in the workflow of {kind:?}");
            out.push(match names.iter().any(|n| n.eq_ignore_ascii_case(label)) {
                true => piece(what, State::There, ""),
                false => piece(
                    what,
                    State::ByHand,
                    format!("add it to the workflow, or leave it: IMP then uses a status of the category {category}"),
                ),
            });
        }
        Ok(out)
    }

    async fn make(&self, what: String, path: &str, body: &Value, mode: Mode) -> Piece {
        if mode == Mode::DryRun {
            return piece(what, State::WouldCreate, "");
        }
        let made = match self.post(path, body).await {
            Ok(answer) => answer.json::<Value>(NAME),
            Err(fault) => Err(fault),
        };
        match made {
            // A project's identifier is a number, a field's a word.
            Ok(made) => piece(what, State::Created, made["id"].as_str().unwrap_or_default()),
            Err(fault) => piece(what, State::Failed, fault.why()),
        }
    }
}
