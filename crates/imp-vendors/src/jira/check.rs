//! Whether the account can do what IMP will ask of Jira.

use super::wire::User;
use super::{Jira, NAME};
use crate::check::Finding;
use serde_json::Value;

/// What the account must be allowed, by Jira's key, with what it is for.
const PERMISSIONS: [(&str, &str); 7] = [
    ("BROWSE_PROJECTS", "see issues"),
    ("CREATE_ISSUES", "file tickets"),
    ("EDIT_ISSUES", "change tickets"),
    ("TRANSITION_ISSUES", "move tickets"),
    ("ADD_COMMENTS", "write comments"),
    ("ASSIGN_ISSUES", "assign the commander"),
    ("LINK_ISSUES", "link tickets"),
];
/// What a new ticket is always given.
const GIVEN: [&str; 5] = ["project", "issuetype", "summary", "description", "labels"];

impl Jira {
    /// Credentials, permissions, project, issue type and fields, each with what to do where it is wrong.
    pub async fn check(&self) -> Vec<Finding> {
        let me = self.get("myself").await.and_then(|a| a.json::<User>(NAME));
        let mut out = vec![Finding::of(NAME, "the credentials are right", &me)];
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
                let fields = scheme.fields.as_ref();
                let covered = |id: &str| GIVEN.contains(&id) || self.config.fields.values().any(|f| f == id);
                let needed = fields
                    .into_iter()
                    .flat_map(|f| f.values())
                    .filter(|f| f.required && !f.has_default_value);
                for f in
                    needed.filter(|f| !covered(&f.field_id) && f.field_id != "reporter" && f.field_id != "priority")
                {
                    let advice = format!(
                        "make it optional, give it a default, or fill it by [jira.fields]: what = {:?}",
                        f.field_id
                    );
                    out.push(Finding::wrong(
                        NAME,
                        format!("the field {:?} is required", f.name),
                        advice,
                    ));
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

    async fn check_permissions(&self) -> Vec<Finding> {
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
