//! New services written into OpsLevel, and looked for there.

use super::{NAME, OpsLevel};
use crate::http::Fault;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

const ONE: &str = "query ServiceByAlias($alias: String) { account { service(alias: $alias) { id aliases description \
                   htmlUrl tags(first: 100) { nodes { key value } } tools(first: 100) { nodes { url } } \
                   dependencies(first: 100) { nodes { aliases } } } } }";

/// A service as OpsLevel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Born {
    /// Its identifier.
    pub id: String,
    /// Its aliases.
    pub aliases: Vec<String>,
    /// What it says of itself.
    pub description: String,
    /// Where people look at it.
    pub url: Option<String>,
    /// Keys and values of its tags.
    pub tags: Vec<(String, String)>,
    /// Addresses of its tools.
    pub tools: Vec<String>,
    /// Aliases of the services that it depends on.
    pub needs: Vec<String>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    message: String,
}

impl OpsLevel {
    /// The service with this alias.
    ///
    /// # Errors
    /// What OpsLevel says.
    pub async fn service_by_alias(&self, alias: &str) -> Result<Option<Born>, Fault> {
        let data: Value = self.query(ONE, json!({ "alias": alias })).await?;
        let s = &data["account"]["service"];
        let Some(id) = s["id"].as_str() else {
            return Ok(None);
        };
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let nodes = |v: &Value| v["nodes"].as_array().cloned().unwrap_or_default();
        Ok(Some(Born {
            id: id.to_owned(),
            aliases: s["aliases"].as_array().into_iter().flatten().map(text).collect(),
            description: text(&s["description"]),
            url: s["htmlUrl"].as_str().map(str::to_owned),
            tags: nodes(&s["tags"])
                .iter()
                .map(|t| (text(&t["key"]), text(&t["value"])))
                .collect(),
            tools: nodes(&s["tools"]).iter().map(|t| text(&t["url"])).collect(),
            needs: nodes(&s["dependencies"])
                .iter()
                .flat_map(|d| d["aliases"].as_array().cloned().unwrap_or_default())
                .map(|a| text(&a))
                .collect(),
        }))
    }

    /// Carries out a mutation of those that a new service needs; its payload.
    ///
    /// # Errors
    /// What OpsLevel says.
    pub async fn mutate(&self, name: &str, input: &Value) -> Result<Value, Fault> {
        let (kind, payload) = match name {
            "serviceCreate" => ("ServiceCreateInput", "service { id aliases htmlUrl }"),
            "serviceDelete" => ("ServiceDeleteInput", "deletedServiceId"),
            "aliasCreate" => ("AliasCreateInput", "aliases"),
            "tagAssign" => ("TagAssignInput", "tags { id }"),
            "serviceDependencyCreate" => ("ServiceDependencyCreateInput", "serviceDependency { id }"),
            "toolCreate" => ("ToolCreateInput", "tool { id }"),
            other => {
                return Err(Fault::Refused {
                    status: 0,
                    why: format!("IMP knows no mutation {other} of {NAME}; this is a fault in IMP"),
                    body: Bytes::new(),
                });
            }
        };
        let argument = match name {
            "serviceDependencyCreate" => "inputV2",
            _ => "input",
        };
        let document = format!(
            "mutation {name}($input: {kind}!) {{ {name}({argument}: $input) {{ {payload} errors {{ message path }} }} }}"
        );
        let data: Value = self.query(&document, json!({ "input": input })).await?;
        let payload = data[name].clone();
        let said: Vec<Said> = serde_json::from_value(payload["errors"].clone()).unwrap_or_default();
        match said.is_empty() {
            true => Ok(payload),
            false => {
                let words: Vec<String> = said.iter().map(|s| imp_core::words::title(&s.message)).collect();
                Err(Fault::Refused {
                    status: 200,
                    why: format!("{NAME} refused: {}", words.join("; ")),
                    body: Bytes::new(),
                })
            }
        }
    }
}
