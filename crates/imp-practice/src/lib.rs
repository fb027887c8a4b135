//! The practice workspace: stand-ins for the vendors that speak their published HTTP, and pages to look at and click.

pub mod alerts;
pub mod app;
pub mod clock;
pub mod faults;
pub mod github;
mod html;
pub mod jira;
pub mod opslevel;
pub mod org;
mod pages;
mod panel;
pub mod slack;
pub mod statuspage;
mod wire;
pub mod world;
pub mod zoom;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{self, Next};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::alerts::Alerts;
use crate::app::App;
use crate::faults::Faults;
use crate::github::Github;
use crate::jira::Jira;
use crate::opslevel::Opslevel;
use crate::org::Org;
use crate::panel::Panel;
use crate::slack::Slack;
use crate::statuspage::Statuspage;
use crate::wire::{Cut, Wires};
use crate::world::World;
use crate::zoom::Zoom;

/// How the workspace behaves.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where the application under practice listens, if that is known already.
    pub app_url: Option<String>,
    /// Whether answers take as long as the real vendors' usually do.
    pub latency: bool,
    /// Whether the vendors' rate limits are kept.
    pub limits: bool,
}

/// A running practice workspace.
pub struct Practice {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The same as an address to open: `http://127.0.0.1:7071`.
    pub base: String,
    /// Who lives in it.
    pub org: Arc<Org>,
    app: Arc<App>,
    faults: Arc<Faults>,
    world: Arc<World>,
    jira: Arc<Jira>,
    alerts: Arc<Alerts>,
    github: Arc<Github>,
    opslevel: Arc<Opslevel>,
    slack: Arc<Slack>,
    statuspage: Arc<Statuspage>,
    zoom: Arc<Zoom>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<io::Result<()>>,
}

impl Practice {
    /// Starts listening.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(listen: SocketAddr, org: Org, options: Options) -> io::Result<Practice> {
        let listener = TcpListener::bind(listen).await?;
        let addr = listener.local_addr()?;
        let base = match addr.ip().is_unspecified() {
            true => format!("http://{}", SocketAddr::from((Ipv4Addr::LOCALHOST, addr.port()))),
            false => format!("http://{addr}"),
        };
        let org = Arc::new(org);
        let app = Arc::new(App::new());
        if let Some(url) = options.app_url {
            app.set_url(url);
        }
        let faults = Arc::new(Faults::new(options.latency));
        let world = Arc::new(World::new(Arc::clone(&org), Arc::clone(&app), base.clone()));

        let layered = Arc::clone(&faults);
        let jira = Jira::new(Arc::clone(&world));
        let slack = Slack::new(Arc::clone(&org), Arc::clone(&app));
        slack.set_limits(options.limits);
        slack.set_base(&format!("{base}/slack"));
        let opslevel = Opslevel::new(Arc::clone(&world));
        let statuspage = Statuspage::new(Arc::clone(&world), options.limits);
        let github = Github::new(Arc::clone(&world))?;
        let zoom = Zoom::new(Arc::clone(&world), options.limits);
        let alerts = Arc::new(Alerts::new(Arc::clone(&world)));
        let panel = Panel {
            world: Arc::clone(&world),
            faults: Arc::clone(&faults),
            alerts: Arc::clone(&alerts),
            jira: Arc::clone(&jira),
            statuspage: Arc::clone(&statuspage),
            zoom: Arc::clone(&zoom),
        };
        let vendors = Router::new()
            .nest_service("/slack", slack.routes())
            .nest("/jira/", jira.routes())
            .nest("/statuspage/", statuspage.routes())
            .nest("/opslevel/", opslevel.routes())
            .nest("/zoom/", zoom.routes())
            .nest("/github/", github.routes());
        let pages = panel::routes(panel).merge(pages::routes(&world));
        let routes = vendors
            .merge(pages)
            .layer(middleware::from_fn(panel::guard))
            .layer(middleware::from_fn(
                move |cut: Option<axum::Extension<ConnectInfo<Cut>>>, request: Request, next: Next| {
                    faults::layer(Arc::clone(&layered), cut.map(|c| c.0), request, next)
                },
            ));
        let (stop, stopped) = oneshot::channel::<()>();
        let service = routes.into_make_service_with_connect_info::<Cut>();
        let all = Cut::default();
        let wires = Wires::new(listener, all.clone());
        let serving = tokio::spawn(async move {
            let server = axum::serve(wires, service);
            let result = tokio::select! {
                result = async { server.await } => result,
                _ = stopped => Ok(()),
            };
            all.cut();
            result
        });
        Ok(Practice {
            addr,
            base,
            org,
            app,
            faults,
            world,
            jira,
            alerts,
            github,
            opslevel,
            slack,
            statuspage,
            zoom,
            stop,
            serving,
        })
    }

    /// Says where the application under practice listens.
    pub fn set_app_url(&self, url: String) {
        self.app.set_url(url);
    }

    /// The faults, and the ledger of calls.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Who is on call, and the rest that the stand-ins share.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The stand-in for Jira.
    pub fn jira(&self) -> &Jira {
        &self.jira
    }

    /// The alerts that fire.
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// The stand-in for GitHub.
    pub fn github(&self) -> &Github {
        &self.github
    }

    /// The stand-in for OpsLevel.
    pub fn opslevel(&self) -> &Opslevel {
        &self.opslevel
    }

    /// The stand-in for Slack.
    pub fn slack(&self) -> &Arc<Slack> {
        &self.slack
    }

    /// The stand-in for Statuspage.
    pub fn statuspage(&self) -> &Statuspage {
        &self.statuspage
    }

    /// The stand-in for Zoom.
    pub fn zoom(&self) -> &Zoom {
        &self.zoom
    }

    /// Stops listening; calls that are under way are cut off.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.serving.await;
    }

    /// An `imp.toml` for an application that listens at `imp_listen` and works against this workspace.
    pub fn config_toml(&self, imp_listen: &str) -> String {
        let base = &self.base;
        let k = &self.org.keys;
        format!(
            r#"[server]
listen = "{imp_listen}"
public_url = "http://{imp_listen}"

[slack]
api_url = "{base}/slack/api/"
bot_token = "{}"
signing_secret = "{}"
command = "/imp"
announce_channel = "incidents"

[jira]
base_url = "{base}/jira"
email = "{}"
api_token = "{}"
project = "INC"
issue_type = "Incident"
webhook_secret = "{}"

[statuspage]
api_url = "{base}/statuspage/v1"
api_key = "{}"
page_id = "{}"

[opslevel]
api_url = "{base}/opslevel/graphql"
api_token = "{}"
custom_event_url = "{base}/opslevel/integrations/custom_event/{}"

[zoom]
api_url = "{base}/zoom/v2"
oauth_url = "{base}/zoom/oauth/token"
account_id = "{}"
client_id = "{}"
client_secret = "{}"
webhook_secret = "{}"

[alerts]
token = "{}"

[shaper]
git = {{ provider = "github", api_url = "{base}/github/api/v3", token = "{}", organisation = "{}" }}
"#,
            k.slack_bot_token,
            k.slack_signing_secret,
            k.jira_email,
            k.jira_api_token,
            k.jira_webhook_secret,
            k.statuspage_api_key,
            k.statuspage_page_id,
            k.opslevel_api_token,
            k.opslevel_custom_event_id,
            k.zoom_account_id,
            k.zoom_client_id,
            k.zoom_client_secret,
            k.zoom_webhook_secret,
            k.alerts_token,
            k.github_token,
            self.github.login(),
        )
    }
}
