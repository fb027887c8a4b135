//! What the console's settings page shows: the configuration without its secrets, and what `imp check` says.

use crate::config::{ApiToken, Config};
use crate::health;
use imp_console::caller::Token;
use imp_console::{DrillView, Finding, Setup};
use imp_core::At;
use imp_core::port::Boxed;
use imp_vendors::statuspage::Statuspage;
use std::sync::Arc;
use std::time::Duration;

/// A token as the doors know it.
pub fn token(t: &ApiToken) -> Token {
    let token = Token::new(&t.name, t.token.expose(), t.role);
    let token = match t.expires.as_deref().and_then(moment) {
        Some(at) => token.until(at),
        None => token,
    };
    match t.scope.as_deref() {
        Some("read") => token.reading(),
        _ => token,
    }
}

/// A moment as people write it: a whole one, or a day, which ends it.
pub fn moment(text: &str) -> Option<At> {
    match text.len() {
        10 => At::parse(&format!("{text}T23:59:59Z")),
        _ => At::parse(text),
    }
}

/// The status page's components. The list is kept for some minutes; where Statuspage does not answer now, whoever fills in
/// a form goes without.
pub async fn parts(page: Option<&Statuspage>) -> Vec<(String, String)> {
    /// Slack drops a form after three seconds, and nobody waits gladly for a page.
    const PATIENCE: Duration = Duration::from_millis(1500);
    let Some(page) = page else { return Vec::new() };
    let all = tokio::time::timeout(PATIENCE, page.components()).await;
    all.ok().and_then(Result::ok).unwrap_or_default()
}

/// The configuration, as it may be shown.
pub struct Shown {
    config: Config,
    statuspage: Option<Arc<Statuspage>>,
}

impl Shown {
    /// Of a configuration, and the status page that it names.
    pub fn of(config: &Config, statuspage: Option<Arc<Statuspage>>) -> Shown {
        Shown {
            config: config.clone(),
            statuspage,
        }
    }
}

fn given(there: bool) -> String {
    if there { "given, not shown" } else { "left out" }.to_owned()
}

impl Setup for Shown {
    fn settings(&self) -> Vec<(String, Vec<(String, String)>)> {
        let c = &self.config;
        let mut out = Vec::new();
        let mut section = |name: &str, rows: Vec<(&str, String)>| {
            out.push((
                name.to_owned(),
                rows.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
            ));
        };
        let named = |v: &Option<String>| v.clone().unwrap_or_else(|| "left out".to_owned());
        section(
            "server",
            vec![
                ("listen", c.server.listen.to_string()),
                ("public_url", c.public_url()),
                ("requests_per_minute", c.server.requests_per_minute.to_string()),
            ],
        );
        let kind = c.store.url.split("://").next().unwrap_or_default().to_owned();
        section("store", vec![("kind", kind)]);
        let process = c.organisation.process.as_ref().map(|p| p.display().to_string());
        section(
            "organisation",
            vec![
                ("process", process.unwrap_or_else(|| "the built-in one".to_owned())),
                ("default_responder", named(&c.organisation.default_responder)),
                (
                    "process_owners",
                    match c.organisation.process_owners.as_slice() {
                        [] => "left out".to_owned(),
                        all => all.join(", "),
                    },
                ),
                ("timezone", c.organisation.timezone.clone()),
            ],
        );
        if let Some(s) = &c.slack {
            section(
                "slack",
                vec![
                    ("api_url", s.api_url.clone()),
                    ("bot_token", given(true)),
                    ("signing_secret", given(s.signing_secret.is_some())),
                    ("app_token", given(s.app_token.is_some())),
                    ("announce_channel", s.announce_channel.clone()),
                ],
            );
        }
        if let Some(j) = &c.jira {
            section(
                "jira",
                vec![
                    ("base_url", j.base_url.clone()),
                    ("project", j.project.clone()),
                    ("issue_type", j.issue_type.clone()),
                    ("api_token", given(true)),
                    ("webhook_secret", given(j.webhook_secret.is_some())),
                ],
            );
        }
        if let Some(s) = &c.statuspage {
            let rows = vec![("page_id", s.page_id.clone()), ("api_key", given(true))];
            section("statuspage", rows);
        }
        if let Some(o) = &c.opslevel {
            let rows = vec![
                ("api_url", o.api_url.clone()),
                ("api_token", given(true)),
                ("custom_event_url", given(o.custom_event_url.is_some())),
                ("numbers", o.numbers.to_string()),
            ];
            section("opslevel", rows);
        }
        if let Some(z) = &c.zoom {
            let rows = vec![("api_url", z.api_url.clone()), ("client_secret", given(true))];
            section("zoom", rows);
        }
        if let Some(d) = &c.digest {
            let teams = if d.teams { "each in its own channel" } else { "none" };
            let rows = vec![
                ("channel", named(&d.channel)),
                ("teams", teams.to_owned()),
                ("weekday", d.weekday.clone()),
                ("hour", d.hour.to_string()),
            ];
            section("digest", rows);
        }
        section("alerts", vec![("token", given(c.alerts.is_some()))]);
        if let Some(s) = &c.shaper {
            let mut rows = vec![("templates", s.templates.join(", "))];
            if let Some(g) = &s.git {
                rows.extend([
                    ("git.api_url", g.api_url.clone()),
                    ("git.organisation", g.organisation.clone()),
                    ("git.token", given(true)),
                ]);
            }
            section("shaper", rows);
        }
        let tokens = c.auth.iter().flat_map(|a| &a.api_tokens);
        let names: Vec<String> = tokens.map(|t| format!("{} ({})", t.name, t.role.word())).collect();
        let names = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        let issuer = named(&c.auth.as_ref().and_then(|a| a.issuer.clone()));
        section("auth", vec![("issuer", issuer), ("api_tokens", names)]);
        out
    }

    fn check(&self) -> Boxed<'_, Vec<Finding>> {
        Box::pin(async {
            let found = health::findings(&self.config).await.unwrap_or_default();
            let shown = found.into_iter().map(|f| Finding {
                vendor: f.vendor,
                what: f.what,
                fault: f.fault,
            });
            shown.collect()
        })
    }

    fn components(&self) -> Boxed<'_, Vec<(String, String)>> {
        Box::pin(async { parts(self.statuspage.as_deref()).await })
    }

    fn components_now(&self) -> Boxed<'_, Option<Vec<(String, String)>>> {
        /// A second that is another's, and a call.
        const PATIENCE: Duration = Duration::from_secs(3);
        Box::pin(async {
            let page = self.statuspage.as_deref()?;
            let all = tokio::time::timeout(PATIENCE, page.components_now()).await;
            all.ok()?.ok()
        })
    }

    fn drills(&self) -> Vec<DrillView> {
        let view = |(name, s): (&str, crate::drill::scenario::Scenario)| DrillView {
            name: name.to_owned(),
            title: s.title,
            about: s.about,
            level: s.level,
            minutes: s.minutes,
        };
        crate::drill::in_order().into_iter().map(view).collect()
    }

    fn practice(&self) -> Option<String> {
        let api = &self.config.slack.as_ref()?.api_url;
        let base = api.trim_end_matches('/').strip_suffix("/slack/api")?;
        // Slack itself has no such path, and nobody else's console may send people to another machine.
        base.starts_with("http://127.0.0.1:").then(|| base.to_owned())
    }
}
