//! Components of new services, written into Jira's project and looked for there.

use super::adf::Block;
use super::{Jira, NAME};
use crate::http::Fault;
use reqwest::Method;
use serde_json::Value;

/// A component of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it says of itself.
    pub description: String,
}

impl Jira {
    /// The component of this name in a project; Jira does not tell cases apart.
    ///
    /// # Errors
    /// What Jira says.
    pub async fn component(&self, project: &str, name: &str) -> Result<Option<Component>, Fault> {
        let all: Vec<Value> = self.get(&format!("project/{project}/components")).await?.json(NAME)?;
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let found = all
            .iter()
            .find(|c| c["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name)));
        Ok(found.map(|c| Component {
            id: text(&c["id"]),
            name: text(&c["name"]),
            description: text(&c["description"]),
        }))
    }

    /// Whether there is an issue with this key.
    ///
    /// # Errors
    /// What Jira says.
    pub async fn stands(&self, key: &str) -> Result<bool, Fault> {
        match self.get(&format!("issue/{key}?fields=labels")).await {
            Ok(_) => Ok(true),
            Err(Fault::Refused { status: 404, .. }) => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// The key of the issue with this label in a project; the search lags behind by seconds.
    ///
    /// # Errors
    /// What Jira says.
    pub async fn labelled(&self, project: &str, label: &str) -> Result<Option<String>, Fault> {
        let jql = format!("project = \"{project}\" AND labels = \"{label}\"");
        let found = self.search(&jql, &["labels"], &[], 1).await?;
        Ok(found.issues.into_iter().next().map(|i| i.key))
    }

    /// Makes a call that changes something; a description is written as this Jira takes it.
    ///
    /// # Errors
    /// What Jira says.
    pub async fn change(&self, method: &str, path: &str, body: &Value) -> Result<Value, Fault> {
        let kind = match method {
            "DELETE" => Method::DELETE,
            _ => Method::POST,
        };
        let mut body = body.clone();
        if let Some(text) = body["fields"]["description"].as_str().map(str::to_owned) {
            body["fields"]["description"] = self.text(&[Block::Text(text)]);
        }
        let request = self.request(kind, path);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = self.call(request).await?;
        match answer.body.is_empty() {
            true => Ok(Value::Null),
            false => answer.json(NAME),
        }
    }
}
