//! Zoom: the meeting in which people work on an incident.

pub mod inlet;
mod port;
mod token;

use crate::check::Finding;
use crate::doubt::Doubt;
use crate::http::{Answer, Fault, Http, call};
use crate::secret::Secret;
use reqwest::RequestBuilder;
use serde::Deserialize;

/// What people know it by.
const NAME: &str = "Zoom";

/// The section `[zoom]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Base of the API.
    #[serde(default = "api_url")]
    pub api_url: String,
    /// Where tokens are had.
    #[serde(default = "oauth_url")]
    pub oauth_url: String,
    /// The account of the server-to-server app.
    pub account_id: String,
    /// The app's identifier.
    pub client_id: String,
    /// The app's secret.
    pub client_secret: Secret,
    /// The secret that Zoom signs webhooks with.
    #[serde(default)]
    pub webhook_secret: Option<Secret>,
    /// The e-mail address of the user whose meetings these are; `me` is the owner of the app.
    #[serde(default = "host")]
    pub host: String,
}

fn api_url() -> String {
    "https://api.zoom.us/v2".to_owned()
}

fn oauth_url() -> String {
    "https://zoom.us/oauth/token".to_owned()
}

fn host() -> String {
    "me".to_owned()
}

/// Zoom.
#[derive(Debug)]
pub struct Zoom {
    config: Config,
    http: Http,
    public_url: String,
    tokens: token::Tokens,
    doubt: Doubt,
}

impl Zoom {
    /// With its configuration, the shared client and the address at which people reach IMP.
    pub fn new(config: Config, http: Http, public_url: &str) -> Zoom {
        let public_url = public_url.trim_end_matches('/').to_owned();
        Zoom {
            config,
            http,
            public_url,
            tokens: token::Tokens::default(),
            doubt: Doubt::new(),
        }
    }

    /// The address of something below the host.
    fn of_host(&self, path: &str) -> String {
        format!(
            "{}/users/{}/{path}",
            self.config.api_url.trim_end_matches('/'),
            self.config.host
        )
    }

    /// Makes a call with a token; a token that is refused is asked for anew, once.
    async fn call(&self, request: impl Fn() -> RequestBuilder) -> Result<Answer, Fault> {
        let token = self.token().await?;
        match call(NAME, request().bearer_auth(token.expose())).await {
            Err(fault) if fault.status() == Some(401) => {
                self.forget(&token).await;
                let token = self.token().await?;
                call(NAME, request().bearer_auth(token.expose())).await
            }
            answer => answer,
        }
    }

    /// Whether the app's credentials are right and the host's meetings can be seen.
    pub async fn check(&self) -> Vec<Finding> {
        let token = self.token().await;
        let mut out = vec![Finding::of(NAME, "the app's credentials are right", &token)];
        if token.is_ok() {
            let url = self.of_host("meetings");
            let seen = self.call(|| self.http.get(&url).query(&[("page_size", "1")])).await;
            // Zoom's word for the app's owner.
            let whose = match self.config.host.as_str() {
                "me" => "the app's owner",
                host => host,
            };
            out.push(Finding::of(NAME, format!("the meetings of {whose} can be seen"), &seen));
        }
        out
    }
}
