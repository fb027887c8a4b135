//! OpsLevel: where services, teams and on-calls are known. The catalogue is read from it, and it is told of incidents.

mod birth_port;
pub mod numbers;
mod port;
mod source;
mod wire;

pub use birth_port::Born;

use crate::budget::Budget;
use crate::check::Finding;
use crate::http::{Fault, Http, call};
use crate::secret::Secret;
use imp_core::effect::Owner;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Mutex;

/// What people know it by.
const NAME: &str = "OpsLevel";

/// Asks for a node of each kind that is needed.
const CHECK: &str = include_str!("check.graphql");

/// The section `[opslevel]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address of the GraphQL API.
    #[serde(default = "api_url")]
    pub api_url: String,
    /// An API token.
    pub api_token: Secret,
    /// The whole address of the custom-event integration, which is a secret itself. Given: incidents are sent there.
    #[serde(default)]
    pub custom_event_url: Option<Secret>,
    /// Whether numbers are kept beside teams and services as custom properties.
    #[serde(default)]
    pub numbers: bool,
}

fn api_url() -> String {
    "https://api.opslevel.com/graphql".to_owned()
}

/// OpsLevel.
#[derive(Debug)]
pub struct OpsLevel {
    config: Config,
    http: Http,
    public_url: String,
    budget: Budget,
    /// What was last written of whose numbers.
    kept: Mutex<HashMap<Owner, u64>>,
}

impl OpsLevel {
    /// With its configuration, the shared client and the address at which people reach IMP.
    pub fn new(config: Config, http: Http, public_url: &str) -> OpsLevel {
        OpsLevel {
            config,
            http,
            public_url: public_url.trim_end_matches('/').to_owned(),
            budget: Budget::new(NAME),
            kept: Mutex::default(),
        }
    }

    /// Asks a question of the GraphQL API.
    async fn query<T: DeserializeOwned>(&self, document: &str, variables: Value) -> Result<T, Fault> {
        let request = self
            .http
            .post(&self.config.api_url)
            .bearer_auth(self.config.api_token.expose())
            .header("GraphQL-Visibility", "public")
            .json(&json!({"query": document, "variables": variables}));
        let answer: wire::Answer<T> = call(NAME, request).await?.json(NAME)?;
        match (answer.errors.first(), answer.data) {
            (None, Some(data)) => Ok(data),
            (first, _) => {
                let said = first.map_or("no data", |e| e.message.as_str());
                let why = format!("{NAME} cannot answer: {}", imp_core::words::title(said));
                Err(Fault::Later {
                    status: Some(200),
                    after_ms: None,
                    why,
                    undone: false,
                })
            }
        }
    }

    /// Whether the token is right and services and teams can be read.
    pub async fn check(&self) -> Vec<Finding> {
        let asked = self.query::<Value>(CHECK, json!({})).await;
        let mut out = vec![Finding::of(NAME, "the token may read services and teams", &asked)];
        if let Ok(data) = asked {
            let none = data
                .pointer("/account/services/nodes")
                .and_then(Value::as_array)
                .is_none_or(Vec::is_empty);
            let what = "the account has services";
            out.push(match none {
                true => Finding::wrong(
                    NAME,
                    what,
                    "it has none; add services, or take a token of the right account",
                ),
                false => Finding::well(NAME, what),
            });
        }
        out
    }
}
