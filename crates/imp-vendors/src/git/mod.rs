//! The Git provider: where the repositories of new services are made.

pub mod outfit;
mod port;

use crate::check::Finding;
use crate::http::Http;
use crate::secret::Secret;
use base64::Engine as _;
use serde::Deserialize;

/// Which provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// GitHub, or GitHub Enterprise Server.
    Github,
}

/// `git` in the section `[shaper]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which provider.
    pub provider: Provider,
    /// Address of its API.
    #[serde(default = "api_url")]
    pub api_url: String,
    /// A token that may make repositories in the organisation.
    pub token: Secret,
    /// The organisation.
    pub organisation: String,
}

fn api_url() -> String {
    "https://api.github.com".to_owned()
}

/// The Git provider.
#[derive(Debug)]
pub struct Git {
    config: Config,
    http: Http,
    strongbox: outfit::Strongbox,
}

/// A repository, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Repository {
    /// What it says of itself.
    #[serde(default)]
    pub description: Option<String>,
    /// Where people look at it.
    pub html_url: String,
    /// Where Git finds it.
    pub clone_url: String,
}

impl Config {
    /// What people know it by.
    pub fn name(&self) -> &'static str {
        match self.provider {
            Provider::Github => "GitHub",
        }
    }

    /// Where people look at repositories: `https://github.com`, or the address of the Enterprise Server.
    pub fn web(&self) -> String {
        let api = self.api_url.trim_end_matches('/');
        match api {
            "https://api.github.com" => "https://github.com".to_owned(),
            other => other.trim_end_matches("/api/v3").to_owned(),
        }
    }

    /// What is wrong with it, if anything.
    pub fn fault(&self) -> Option<String> {
        let url = &self.api_url;
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Some(format!("api_url = {url:?} is no web address; write https://…"));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.organisation.is_empty() || !self.organisation.chars().all(fits) {
            return Some(format!(
                "organisation = {:?} is no name of an organisation at {}",
                self.organisation,
                self.name()
            ));
        }
        None
    }
}

impl Git {
    /// With its configuration and the shared client.
    pub fn new(config: Config, http: Http) -> Git {
        Git {
            config,
            http,
            strongbox: outfit::Strongbox::default(),
        }
    }

    /// With the secrets that its calls are filled with.
    pub fn holding(self, strongbox: outfit::Strongbox) -> Git {
        Git { strongbox, ..self }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the `git` command is to be told, in its environment, so that the token is in no argument, no address and no
    /// file. Followed redirects would take it to other hosts; helpers would write it down.
    pub fn environment(&self) -> Vec<(String, String)> {
        let pair = format!("x-access-token:{}", self.config.token.expose());
        let basic = base64::engine::general_purpose::STANDARD.encode(pair);
        let settings = [
            ("http.extraHeader", format!("Authorization: Basic {basic}")),
            ("http.followRedirects", "false".to_owned()),
            ("credential.helper", String::new()),
        ];
        let mut out = vec![("GIT_CONFIG_COUNT".to_owned(), settings.len().to_string())];
        for (n, (key, value)) in settings.into_iter().enumerate() {
            out.push((format!("GIT_CONFIG_KEY_{n}"), key.to_owned()));
            out.push((format!("GIT_CONFIG_VALUE_{n}"), value));
        }
        out
    }

    /// Whether the address of a repository may be sent the token: it must be where the API is, or not be listened in on.
    pub fn is_trusted(&self, clone_url: &str) -> bool {
        clone_url.starts_with(&format!("{}/", self.config.web()))
    }

    /// Whether the token is right and the organisation is there.
    pub async fn check(&self) -> Vec<Finding> {
        let name = self.config.name();
        let asked = self.get("/user").await;
        let mut out = vec![Finding::of(name, "the token", &asked)];
        if asked.is_ok() {
            let what = format!("the organisation {}", self.config.organisation);
            let found = self.get(&format!("/orgs/{}", self.config.organisation)).await;
            out.push(match found {
                Ok(Some(_)) => Finding::well(name, &what),
                Ok(None) => Finding::wrong(name, &what, "it is not there, or the token may not see it"),
                Err(e) => Finding::wrong(name, &what, e.why()),
            });
        }
        out
    }
}
