//! Jira: the record of incidents, on Cloud (REST v3) and in the Data Center (REST v2).

pub mod adf;
pub mod attach;
mod birth_port;
mod check;
pub mod history;
pub mod inlet;
mod journal;
mod look;
mod moves;
mod pieces;
mod port;
mod recall;
mod said;
mod scheme;
pub mod setup;
mod ticket;
mod wire;

pub use port::SEARCH_LAG;
pub use recall::Listed;

use crate::budget::{Budget, Limit, Urgency};
use crate::doubt::Doubt;
use crate::http::{Answer, Fault, Http, call, read};
use crate::secret::Secret;
use adf::Block;
use imp_core::Ref;
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What people know it by.
const NAME: &str = "Jira";
/// Writes to one issue; Jira's own limit is 20 in two seconds, and people and rules write too.
const WRITES: Limit = Limit {
    calls: 16,
    window: Duration::from_secs(2),
    reserve: 0,
};
/// Calls in all; far below what Jira's burst limit was seen to be, and above what any incident needs.
const CALLS: Limit = Limit {
    calls: 50,
    window: Duration::from_secs(1),
    reserve: 10,
};

/// The section `[jira]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address of the site.
    pub base_url: String,
    /// The account's e-mail address. Given: Jira Cloud; left out: a Data Center, where the token alone is enough.
    #[serde(default)]
    pub email: Option<String>,
    /// The account's API token, or the Data Center's personal access token.
    pub api_token: Secret,
    /// Key of the project.
    pub project: String,
    /// Name of the issue type.
    #[serde(default = "issue_type")]
    pub issue_type: String,
    /// The secret that Jira signs webhooks with.
    #[serde(default)]
    pub webhook_secret: Option<Secret>,
    /// What is known of an incident (`ref`, `status`, `severity`, `service`, `team`, `commander`, `url`, `slack`,
    /// `zoom`, `statuspage`, `opened_at`, `resolved_at`) by the identifier of the custom field that shall hold it:
    /// `severity = "customfield_10010"`.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// Name of the security level that tickets of private incidents get.
    #[serde(default)]
    pub private_level: Option<String>,
    /// Seconds between two searches for what people changed and no webhook told of.
    #[serde(default = "sweep_every_s")]
    pub sweep_every_s: u64,
}

fn sweep_every_s() -> u64 {
    5
}

fn issue_type() -> String {
    "Incident".to_owned()
}

/// Jira.
#[derive(Debug)]
pub struct Jira {
    config: Config,
    http: Http,
    public_url: String,
    budget: Budget,
    doubt: Doubt,
    scheme: tokio::sync::Mutex<Option<Arc<scheme::Scheme>>>,
    /// By e-mail address: who Jira does not list but was asked for; none: not known to Jira.
    people: Mutex<HashMap<String, (Instant, Option<String>)>>,
    /// What was last written into each ticket.
    written: Mutex<HashMap<Ref, port::Written>>,
    /// What was written lately into fields, by ticket and field: its echo is no news.
    sent: Mutex<look::Sent>,
    /// Moves that a status offers, by issue type and status.
    offers: Mutex<HashMap<(String, String), Vec<wire::Transition>>>,
    /// The status in which a new issue begins, by issue type.
    begins: Mutex<HashMap<String, wire::Status>>,
    /// Fields that the create screen requires and that nobody fills.
    missing: Mutex<Vec<(String, String)>>,
    /// Our own account, whose changes are no news.
    own: Mutex<Option<wire::User>>,
    /// Whether other replicas write with the same account.
    others_write: AtomicBool,
}

impl Jira {
    /// With its configuration, the shared client and the address at which people reach IMP. Call [`Jira::warm`] soon
    /// and now and then.
    pub fn new(config: Config, http: Http, public_url: &str) -> Jira {
        Jira {
            config,
            http,
            public_url: public_url.trim_end_matches('/').to_owned(),
            budget: Budget::new(NAME),
            doubt: Doubt::new(),
            scheme: tokio::sync::Mutex::new(None),
            people: Mutex::default(),
            written: Mutex::default(),
            sent: Mutex::default(),
            offers: Mutex::default(),
            begins: Mutex::default(),
            missing: Mutex::default(),
            own: Mutex::default(),
            others_write: AtomicBool::new(false),
        }
    }

    /// Other replicas write with the same account: what it did is IMP's own, whoever of them did it.
    pub fn others_write(&self) {
        self.others_write.store(true, Ordering::Relaxed);
    }

    fn is_cloud(&self) -> bool {
        self.config.email.is_some()
    }

    fn base(&self) -> &str {
        self.config.base_url.trim_end_matches('/')
    }

    /// A call to a path below the API's version.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let version = if self.is_cloud() { 3 } else { 2 };
        let url = format!("{}/rest/api/{version}/{path}", self.base());
        let request = match method {
            Method::POST => self.http.post(&url),
            Method::PUT => self.http.put(&url),
            Method::DELETE => self.http.delete(&url),
            _ => self.http.get(&url),
        };
        match &self.config.email {
            Some(email) => request.basic_auth(email, Some(self.config.api_token.expose())),
            None => request.bearer_auth(self.config.api_token.expose()),
        }
    }

    /// Makes a call within the limits.
    async fn call(&self, request: RequestBuilder) -> Result<Answer, Fault> {
        self.take(NAME, CALLS)?;
        let answer = call(NAME, request.header("Accept", "application/json")).await;
        if let Err(Fault::Later {
            status: Some(429),
            after_ms: Some(ms),
            ..
        }) = &answer
        {
            self.budget.pause(NAME, *ms, Instant::now());
        }
        answer
    }

    async fn get(&self, path: &str) -> Result<Answer, Fault> {
        read(|| self.call(self.request(Method::GET, path))).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Answer, Fault> {
        self.call(self.request(Method::POST, path).json(body)).await
    }

    /// A write to an issue that exists.
    async fn write(&self, method: Method, issue: &str, path: &str, body: &Value) -> Result<Answer, Fault> {
        self.take(&format!("issue {issue}"), WRITES)?;
        self.call(self.request(method, &format!("issue/{issue}{path}")).json(body))
            .await
    }

    fn take(&self, key: &str, limit: Limit) -> Result<(), Fault> {
        self.budget
            .take(key, limit, Urgency::Urgent, Instant::now())
            .map_err(|after_ms| Fault::Wait { after_ms })
    }

    /// A text as this Jira takes it.
    fn text(&self, blocks: &[Block]) -> Value {
        match self.is_cloud() {
            true => adf::document(blocks),
            false => json!(adf::wiki(blocks)),
        }
    }

    /// A user as this Jira takes them.
    fn user(&self, id: &str) -> Value {
        match self.is_cloud() {
            true => json!({"accountId": id}),
            false => json!({"name": id}),
        }
    }

    /// The address at which people read an issue.
    fn browse(&self, key: &str) -> String {
        format!("{}/browse/{key}", self.base())
    }
}
