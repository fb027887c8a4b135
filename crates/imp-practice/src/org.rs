//! The organisation that lives in the practice workspace: people, teams, services, and the keys to its vendors.

use serde::{Deserialize, Serialize};

/// A whole organisation, as data. The built-in one is `org.toml` beside this file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Org {
    /// What people call it: `Meridian`.
    pub name: String,
    /// The mail domain of its people, also the Slack workspace's domain: `meridian.example`.
    pub domain: String,
    /// What its applications sign in with.
    pub keys: Keys,
    /// Everybody.
    pub people: Vec<Person>,
    /// The teams.
    pub teams: Vec<Team>,
    /// The services in the catalogue.
    pub services: Vec<Service>,
}

/// Credentials that the practice vendors accept; nothing here is a secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Slack's bot token.
    pub slack_bot_token: String,
    /// Slack's app-level token (Socket Mode).
    pub slack_app_token: String,
    /// Slack's signing secret.
    pub slack_signing_secret: String,
    /// The e-mail address of the application's Jira account.
    pub jira_email: String,
    /// Its API token.
    pub jira_api_token: String,
    /// The secret that Jira signs its webhooks with.
    pub jira_webhook_secret: String,
    /// Statuspage's API key.
    pub statuspage_api_key: String,
    /// The status page's identifier.
    pub statuspage_page_id: String,
    /// OpsLevel's API token.
    pub opslevel_api_token: String,
    /// The last part of the address of OpsLevel's custom-event integration.
    pub opslevel_custom_event_id: String,
    /// Zoom's account.
    pub zoom_account_id: String,
    /// Zoom's client.
    pub zoom_client_id: String,
    /// And its secret.
    pub zoom_client_secret: String,
    /// The secret that Zoom signs its webhooks with.
    pub zoom_webhook_secret: String,
    /// The token of GitHub.
    #[serde(default = "github_token")]
    pub github_token: String,
    /// The bearer token of the alert sources.
    pub alerts_token: String,
}

/// An organisation's file that was written before there was a stand-in for GitHub has none.
fn github_token() -> String {
    "practice-github-token".to_owned()
}

/// One person.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The part of the e-mail address before the `@`, also the Slack handle: `ada.lima`.
    pub handle: String,
    /// `Ada Lima`.
    pub name: String,
    /// `Senior engineer`.
    pub title: String,
    /// An IANA time zone.
    pub tz: String,
    /// ISO 3166 country.
    pub country: String,
}

/// One team.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// `payments`.
    pub alias: String,
    /// `Payments`.
    pub name: String,
    /// Handles of its members.
    pub members: Vec<String>,
    /// The manager's handle.
    pub manager: String,
    /// The handle of who is on call now.
    pub on_call: String,
    /// ISO 3166 country.
    pub country: String,
    /// The brand it works for.
    pub brand: String,
}

/// One service of the catalogue.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// `payments-api`.
    pub alias: String,
    /// `Payments API`.
    pub name: String,
    /// What it does, in a sentence.
    pub description: String,
    /// The owning team's alias.
    pub team: String,
    /// 1 (most important) to 4.
    pub tier: u8,
    /// Its language.
    pub language: String,
    /// Aliases of the services it calls.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Whether the public status page has a component for it.
    #[serde(default)]
    pub public: bool,
}

impl Org {
    /// The built-in organisation.
    ///
    /// # Panics
    /// Never in a build whose tests passed: the text is compiled in and a test parses it.
    pub fn built_in() -> Org {
        toml::from_str(include_str!("org.toml")).expect("org.toml is checked by a test")
    }

    /// A person's e-mail address.
    pub fn email(&self, handle: &str) -> String {
        format!("{handle}@{}", self.domain)
    }

    /// A person's Slack identifier: stable, made from their place in the list.
    pub fn slack_id(&self, handle: &str) -> Option<String> {
        self.people
            .iter()
            .position(|p| p.handle == handle)
            .map(|n| format!("U0{:0>9}", format!("P{n:03}")))
    }

    /// The name of a team's Slack channel.
    pub fn team_channel(team: &Team) -> String {
        format!("team-{}", team.alias)
    }
}
