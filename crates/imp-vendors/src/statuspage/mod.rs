//! Statuspage: what the public is told.

mod look;
mod port;
mod wire;

use crate::budget::{Budget, Limit, Urgency};
use crate::check::Finding;
use crate::doubt::Doubt;
use crate::http::{Answer, Fault, Http, call, read};
use crate::secret::Secret;
use reqwest::RequestBuilder;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

/// What people know it by.
const NAME: &str = "Statuspage";
/// Statuspage takes one request a second from a key.
const LIMIT: Limit = Limit::a_second(1);
/// How long the list of components is good for; it changes a few times a year.
const COMPONENTS_FRESH: Duration = Duration::from_secs(300);
/// Components asked for at once; Statuspage gives at most 100.
const PAGE: usize = 100;
/// Pages that are read; more components than anybody could choose from.
const PAGES_MAX: usize = 10;

/// The section `[statuspage]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Base of the API.
    #[serde(default = "api_url")]
    pub api_url: String,
    /// The API key.
    pub api_key: Secret,
    /// Which page.
    pub page_id: String,
    /// Seconds between two looks for what people changed there.
    #[serde(default = "look_every_s")]
    pub look_every_s: u64,
}

fn look_every_s() -> u64 {
    20
}

fn api_url() -> String {
    "https://api.statuspage.io/v1".to_owned()
}

/// Identifier and name of each component.
pub type Components = Vec<(String, String)>;

/// Statuspage.
#[derive(Debug)]
pub struct Statuspage {
    config: Config,
    http: Http,
    budget: Budget,
    doubt: Doubt,
    components: tokio::sync::Mutex<Option<(Instant, Components)>>,
    seen: Mutex<HashMap<String, port::Seen>>,
    /// Which of those that are looked at one by one had their turn last.
    turn: AtomicUsize,
}

/// How often a check asks: the page answers one request a second, and the service that runs beside the check may have
/// had this second's.
const CHECK_TRIES: u32 = 3;
/// How long a check waits between two, at least and at most.
const CHECK_WAIT_LEAST_MS: i64 = 1_200;
const CHECK_WAIT_MOST_MS: i64 = 5_000;

impl Statuspage {
    /// With its configuration and the shared client.
    pub fn new(config: Config, http: Http) -> Statuspage {
        Statuspage {
            config,
            http,
            budget: Budget::new(NAME),
            doubt: Doubt::new(),
            components: tokio::sync::Mutex::new(None),
            seen: Mutex::new(HashMap::new()),
            turn: AtomicUsize::new(0),
        }
    }

    fn url(&self, path: &str) -> String {
        format!(
            "{}/pages/{}{path}",
            self.config.api_url.trim_end_matches('/'),
            self.config.page_id
        )
    }

    /// Makes a call, if a second has passed since the last.
    async fn call(&self, request: RequestBuilder) -> Result<Answer, Fault> {
        let taken = self.budget.take(NAME, LIMIT, Urgency::Usual, Instant::now());
        taken.map_err(|after_ms| Fault::Wait { after_ms })?;
        let authorised = request.header("Authorization", format!("OAuth {}", self.config.api_key.expose()));
        let answer = call(NAME, authorised).await;
        if let Err(Fault::Later {
            status: Some(420 | 429),
            after_ms: Some(ms),
            ..
        }) = &answer
        {
            self.budget.pause(NAME, *ms, Instant::now());
        }
        answer
    }

    /// Reads what is at a path below the page.
    async fn get(&self, path: &str) -> Result<Answer, Fault> {
        read(|| self.call(self.http.get(&self.url(path)))).await
    }

    /// The page's components, identifier and name, as they were at most a few minutes ago.
    ///
    /// # Errors
    /// When they were never read and cannot be read now.
    pub async fn components(&self) -> Result<Components, Fault> {
        let mut cached = self.components.lock().await;
        if let Some((at, list)) = cached.as_ref()
            && at.elapsed() < COMPONENTS_FRESH
        {
            return Ok(list.clone());
        }
        match (self.read_components().await, cached.as_ref()) {
            (Ok(list), _) => {
                *cached = Some((Instant::now(), list.clone()));
                Ok(list)
            }
            (Err(_), Some((_, old))) => Ok(old.clone()),
            (Err(fault), None) => Err(fault),
        }
    }

    async fn read_components(&self) -> Result<Components, Fault> {
        let mut all: Vec<wire::Component> = Vec::new();
        for page in 1..=PAGES_MAX {
            let path = format!("/components?page={page}&per_page={PAGE}");
            // Whoever has the first page waits for the others: from the beginning they would never come to the end.
            let some: Vec<wire::Component> = match page {
                1 => self.get(&path).await?.json(NAME)?,
                _ => self.patiently(&path).await?,
            };
            let last = some.len() < PAGE;
            all.extend(some);
            if last {
                break;
            }
        }
        Ok(named(&all))
    }

    /// Whether the key is right and the page is there.
    pub async fn check(&self) -> Vec<Finding> {
        let mut page = self.call(self.http.get(&self.url(""))).await;
        for _ in 1..CHECK_TRIES {
            let after_ms = match &page {
                Err(Fault::Wait { after_ms }) => *after_ms,
                Err(Fault::Later {
                    status: Some(420 | 429),
                    after_ms,
                    ..
                }) => after_ms.unwrap_or_default(),
                _ => break,
            };
            let wait = after_ms.clamp(CHECK_WAIT_LEAST_MS, CHECK_WAIT_MOST_MS);
            tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())).await;
            page = self.call(self.http.get(&self.url(""))).await;
        }
        vec![Finding::of(
            NAME,
            format!("the key may read the page {}", self.config.page_id),
            &page,
        )]
    }
}

/// Components that can be chosen, by name; where two share a name, with the name of their group.
fn named(all: &[wire::Component]) -> Components {
    let group = |id: &Option<String>| all.iter().find(|g| Some(&g.id) == id.as_ref()).map(|g| g.name.as_str());
    let single: Vec<&wire::Component> = all.iter().filter(|c| !c.group).collect();
    let name = |c: &wire::Component| match group(&c.group_id) {
        Some(g) if single.iter().filter(|o| o.name == c.name).count() > 1 => format!("{} ({g})", c.name),
        Some(_) | None => c.name.clone(),
    };
    single.iter().map(|c| (c.id.clone(), name(c))).collect()
}
