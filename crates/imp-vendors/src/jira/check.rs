//! Whether the account can do what IMP will ask of Jira.

use super::scheme::Scheme;
use super::ticket::no_level;
use super::wire::User;
use super::{Jira, NAME};
use crate::check::Finding;
use serde_json::Value;
use std::sync::PoisonError;

/// What the account must be allowed, by Jira's key, with what it is for.
const PERMISSIONS: [(&str, &str); 8] = [
    ("BROWSE_PROJECTS", "see issues"),
    ("CREATE_ISSUES", "file tickets"),
    ("EDIT_ISSUES", "change tickets"),
    ("TRANSITION_ISSUES", "move tickets"),
    ("ADD_COMMENTS", "write comments"),
    ("CREATE_ATTACHMENTS", "attach pictures"),
    ("ASSIGN_ISSUES", "assign the commander"),
    ("LINK_ISSUES", "link tickets"),
];
/// What a new ticket is always given.
const GIVEN: [&str; 5] = ["project", "issuetype", "summary", "description", "labels"];

impl Jira {
    /// Credentials, permissions, project, issue type and fields, each with what to do where it is wrong.
    pub async fn check(&self) -> Vec<Finding> {
        let me = self.get("myself").await.and_then(|a| a.json::<User>(NAME));
        let mut out = vec![Finding::of(NAME, "the credentials", &me)];
        if me.is_err() {
            return out;
        }
        out.extend(self.check_permissions().await);
        let scheme = self.read_scheme_for_check().await;
        let (project, kind) = (&self.config.project, &self.config.issue_type);
        let what = format!("the project {project} has the issue type {kind:?}");
        match scheme {
            Err(fault) => out.push(Finding::wrong(NAME, what, fault.why())),
            Ok(scheme) if scheme.incident.is_none() => {
                out.push(Finding::wrong(
                    NAME,
                    what,
                    format!("Jira would not say which issue types {project} has; is the key right?"),
                ));
            }
            Ok(scheme) => {
                out.push(Finding::well(NAME, what));
                for (name, id) in self.unfilled(&scheme) {
                    let advice =
                        format!("make it optional, give it a default, or fill it by [jira.fields]: what = {id:?}");
                    out.push(Finding::wrong(NAME, format!("the field {name:?} is required"), advice));
                }
                if let Some(name) = &self.config.private_level {
                    let what = format!("tickets of private incidents can have the security level {name:?}");
                    let levels = scheme.levels();
                    out.push(match (scheme.level(name), levels.is_empty()) {
                        (Some(_), _) => Finding::well(NAME, what),
                        (None, true) => Finding::wrong(NAME, what, no_level(name, project)),
                        (None, false) => {
                            let there = imp_core::words::list(&levels);
                            Finding::wrong(
                                NAME,
                                what,
                                format!("{project} has the levels {there}; correct jira.private_level"),
                            )
                        }
                    });
                }
                for (fact, id) in &self.config.fields {
                    let what = format!("the field {id} (for {fact}) can be set");
                    out.push(match scheme.has(id) {
                        true => Finding::well(NAME, what),
                        false => Finding::wrong(
                            NAME,
                            what,
                            format!("put it on the create screen of {kind}, or take it out of [jira.fields]"),
                        ),
                    });
                }
            }
        }
        out
    }

    /// Fields that the create screen requires and that IMP does not fill: name and identifier.
    pub(super) fn unfilled(&self, scheme: &Scheme) -> Vec<(String, String)> {
        let filled = |id: &str| {
            GIVEN.contains(&id) || matches!(id, "reporter" | "priority") || self.config.fields.values().any(|f| f == id)
        };
        let fields = scheme.fields.iter().flat_map(|f| f.values());
        let needed = fields.filter(|f| f.required && !f.has_default_value && !filled(&f.field_id));
        needed.map(|f| (f.name.clone(), f.field_id.clone())).collect()
    }

    /// Fields that the create screen requires and that IMP does not fill, as they were when the project was last read:
    /// a ticket would be refused for them.
    pub fn missing(&self) -> Vec<(String, String)> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says at once, before an incident needs it, that the create screen requires what IMP does not fill.
    pub(super) fn look_over(&self, scheme: &Scheme) {
        let now = self.unfilled(scheme);
        let mut known = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, id) in now.iter().filter(|f| !known.contains(f)) {
            let project = &self.config.project;
            tracing::warn!(
                project,
                field = id,
                "Jira's create screen requires {name:?}, which IMP does not fill: no ticket can be filed; make it optional, give it a default, or fill it by [jira.fields]"
            );
        }
        *known = now;
    }

    pub(super) async fn check_permissions(&self) -> Vec<Finding> {
        let keys: Vec<&str> = PERMISSIONS.iter().map(|p| p.0).collect();
        let path = format!(
            "mypermissions?projectKey={}&permissions={}",
            self.config.project,
            keys.join(",")
        );
        let answer = match self.get(&path).await.and_then(|a| a.json::<Value>(NAME)) {
            Ok(answer) => answer,
            Err(fault) => {
                let what = format!("the project {} can be seen", self.config.project);
                return vec![Finding::wrong(
                    NAME,
                    what,
                    format!("{}; check the project's key under [jira]", fault.why()),
                )];
            }
        };
        let may = |key: &str| {
            answer
                .pointer(&format!("/permissions/{key}/havePermission"))
                .and_then(Value::as_bool)
                == Some(true)
        };
        let finding = |(key, why): &(&str, &str)| {
            let what = format!("the account may {why} in {}", self.config.project);
            match may(key) {
                true => Finding::well(NAME, what),
                false => Finding::wrong(
                    NAME,
                    what,
                    format!("give it the permission {key} in the project's permission scheme"),
                ),
            }
        };
        PERMISSIONS.iter().map(finding).collect()
    }

    async fn read_scheme_for_check(&self) -> Result<std::sync::Arc<super::scheme::Scheme>, crate::http::Fault> {
        self.forget_scheme().await;
        self.scheme().await
    }
}
