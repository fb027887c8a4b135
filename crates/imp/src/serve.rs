//! The service: wires desk, hands, doors and pages together, listens, and stops gracefully.

use crate::config::Config;
use crate::pictures::Recorder;
use crate::shape::{publish, worker};
use crate::sign_in::Provider;
use crate::teller::{self, Mirrors, Speaker};
use crate::{Failure, doors, health, shown, slack_door};
use arc_swap::ArcSwap;
use imp_console::caller::Doors;
use imp_console::limits::Limits;
use imp_core::effect::Capability;
use imp_core::port::Port;
use imp_core::{Catalogue, Directory, Process};
use imp_engine::desk::sheet;
use imp_engine::read::announced_at;
use imp_engine::store::apart;
use imp_engine::{Clock, Desk, House, Runner, Store, StoreError, SwiftClock, SystemClock, sweep};
use imp_vendors::http::Http;
use imp_vendors::{jira::Jira, opslevel::OpsLevel, slack, statuspage::Statuspage, zoom::Zoom};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How long what is in flight may take to come home once the service is told to stop.
const GRACE: Duration = Duration::from_millis(3_500);

/// How long the journals in the tickets may take to catch up before it stops; out of the five seconds in all.
const JOURNALS: Duration = Duration::from_millis(1_200);

/// Everything that the doors need.
pub struct Hall {
    /// The desk.
    pub desk: Desk,
    /// The configuration.
    pub config: Config,
    /// Slack, if it is configured.
    pub slack: Option<SlackParts>,
    /// Statuspage, if it is configured.
    pub statuspage: Option<Arc<Statuspage>>,
    /// Jira, if it is configured.
    pub jira: Option<Arc<Jira>>,
    /// Incidents whose tickets should be looked at.
    pub hints: tokio::sync::mpsc::Sender<imp_core::Ref>,
    /// The client of all vendors.
    pub http: Http,
    /// What services are made of.
    pub workshop: Arc<imp_console::shaper::Workshop>,
}

/// Slack's parts.
#[derive(Clone)]
pub struct SlackParts {
    /// Calls.
    pub client: Arc<slack::client::Client>,
    /// Hands.
    pub chat: Arc<slack::port::Chat>,
}

/// Serves until told to stop. `beside` is the folder of the configuration, where the process file is looked for again.
///
/// # Errors
/// Where the store or the port cannot be had.
pub async fn run(
    config: Config,
    process: Process,
    beside: Option<std::path::PathBuf>,
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    crate::granted::raise();
    crate::granted::keep_memory_off_the_disk();
    let listener = tokio::net::TcpListener::bind(config.server.listen).await.map_err(|e| {
        Failure::Failed(format!(
            "cannot listen on {}: {e}; choose another address with [server] listen",
            config.server.listen
        ))
    })?;
    let mut service = Service::start(config, process, beside.clone())?;
    let watched = crate::reload::watch(service.hall.config.clone(), beside, service.hall.desk.clone());
    service.tasks.push(tokio::spawn(watched));
    tracing::info!(address = %service.hall.config.server.listen, "IMP listens");
    let router = service.router();
    let (stopping, mut stopped) = tokio::sync::watch::channel(false);
    let serving = tokio::spawn(async move {
        let router = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
        axum::serve(listener, router)
            .with_graceful_shutdown(async move { drop(stopped.wait_for(|s| *s).await) })
            .await
    });
    stop.await;
    tracing::info!("stopping");
    let _ = stopping.send(true);
    imp_engine::rebuild::hurry_journals(&service.hall.desk, JOURNALS).await;
    let store = service.hall.desk.store.clone();
    let _ = tokio::time::timeout(GRACE, service.stop()).await;
    serving.abort();
    if let Err(e) = store.gather() {
        tracing::warn!(error = %e, "the journal's last part stays in the file beside it until the next start");
    }
    Ok(())
}

/// Done when the process is asked to end (Ctrl-C, SIGTERM).
pub async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut term) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = term.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

/// A running service, without its listener.
pub struct Service {
    /// What the doors need.
    pub hall: Arc<Hall>,
    runner_stop: tokio::sync::watch::Sender<bool>,
    runner: tokio::task::JoinHandle<()>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Service {
    /// Starts desk, runner and sweeps. Templates are beside the folder of the configuration.
    ///
    /// # Errors
    /// Where the store cannot be had.
    pub fn start(config: Config, process: Process, beside: Option<std::path::PathBuf>) -> Result<Service, Failure> {
        let failed = |e: &dyn std::fmt::Display| Failure::Failed(e.to_string());
        let http = Http::new().map_err(|e| failed(&e))?;
        let (store, mut conn) = Store::open(&config.store.url).map_err(|e| failed(&e))?;
        let kept = apart(|| {
            let conn = conn.as_mut();
            Ok((
                sheet(conn, "catalogue")?,
                sheet(conn, "directory")?,
                announced_at(conn)?,
            ))
        });
        let (catalogue, directory, announced_at): (Option<Catalogue>, Option<Directory>, _) =
            kept.map_err(|e: StoreError| failed(&e))?;
        let (catalogue, directory) = (catalogue.unwrap_or_default(), directory.unwrap_or_default());
        let can = capabilities(&config);
        let house = Arc::new(House {
            process: ArcSwap::from_pointee(process),
            versions: Default::default(),
            subscriptions: Default::default(),
            catalogue: ArcSwap::from_pointee(catalogue),
            directory: ArcSwap::from_pointee(directory),
            can: can.clone(),
            reads_catalogue: config.opslevel.is_some(),
            memory: Default::default(),
        });
        let desk = Desk::start(store, conn, house, clock(config.practice.speed)).map_err(|e| failed(&e))?;
        let public_url = config.public_url();
        let mut ports: BTreeMap<Capability, Arc<dyn Port>> = BTreeMap::new();
        let mut tasks = vec![tokio::spawn(sweep::forget_old_wishes(desk.clone()))];
        tasks.push(tokio::spawn(imp_engine::memory::keep(desk.clone())));
        tasks.push(tokio::spawn(imp_engine::insights::leaf::keep(desk.clone())));
        if desk.store.is_shared() {
            tasks.push(tokio::spawn(sweep::others(desk.clone())));
        }
        let slack = config.slack.as_ref().map(|c| {
            let client = Arc::new(slack::client::Client::new(
                http.clone(),
                &c.api_url,
                c.bot_token.clone(),
            ));
            if let Some(place) = &announced_at {
                client.was_at(c.announce_channel.trim_start_matches('#'), place);
            }
            let chat = Arc::new(slack::port::Chat::new(
                client.clone(),
                &c.announce_channel,
                &public_url,
                can,
            ));
            if desk.store.is_shared() {
                chat.others_write();
            }
            SlackParts { client, chat }
        });
        if let Some(s) = &slack {
            let speaker = Speaker::new(desk.clone(), s.chat.clone(), s.client.clone(), &public_url);
            ports.insert(Capability::Chat, Arc::new(speaker));
            let people = Arc::new(slack::people::People::new(s.client.clone()));
            tasks.push(tokio::spawn(sweep::directory(desk.clone(), people)));
            tasks.push(tokio::spawn(get_to_know(s.chat.clone())));
        }
        let jira = config
            .jira
            .clone()
            .map(|c| Arc::new(Jira::new(c, http.clone(), &public_url)));
        let statuspage = config
            .statuspage
            .clone()
            .map(|c| Arc::new(Statuspage::new(c, http.clone())));
        if let Some(j) = jira.as_ref().filter(|_| desk.store.is_shared()) {
            j.others_write();
        }
        let (hints, hinted) = tokio::sync::mpsc::channel(sweep::HINTS);
        if let Some(j) = &jira {
            let recorder = Recorder::new(desk.clone(), j.clone());
            ports.insert(Capability::Record, Arc::new(recorder));
            tasks.push(tokio::spawn(keep_warm(j.clone())));
            let every = Duration::from_secs(config.jira.as_ref().map_or(1, |c| c.sweep_every_s.max(1)));
            tasks.push(tokio::spawn(sweep::record(desk.clone(), j.clone(), hinted, every)));
        }
        if let Some(s) = &statuspage {
            ports.insert(Capability::Page, s.clone());
            let every = Duration::from_secs(config.statuspage.as_ref().map_or(20, |c| c.look_every_s.max(1)));
            tasks.push(tokio::spawn(sweep::page(desk.clone(), s.clone(), every)));
        }
        if let Some(c) = config.zoom.clone() {
            ports.insert(Capability::Bridge, Arc::new(Zoom::new(c, http.clone(), &public_url)));
        }
        if let Some(c) = config.opslevel.clone() {
            let opslevel = Arc::new(OpsLevel::new(c, http.clone(), &public_url));
            tasks.push(tokio::spawn(sweep::catalogue(desk.clone(), opslevel.clone())));
            if desk.house.can.contains(&Capability::Numbers) {
                let mirrors = Mirrors::new(desk.clone(), opslevel.clone(), &public_url);
                ports.insert(Capability::Numbers, Arc::new(mirrors));
                tasks.push(tokio::spawn(teller::look_at_all(desk.clone())));
            }
            ports.insert(Capability::Catalogue, opslevel);
        }
        if let Some(d) = config.digest.clone()
            && let Ok(schedule) = d.schedule(&config.organisation.timezone)
        {
            tasks.push(tokio::spawn(teller::order_digests(desk.clone(), d, schedule)));
        }
        let hands = ports.values().cloned().collect();
        let every = Duration::from_secs(config.server.round_every_s.max(1));
        tasks.push(tokio::spawn(sweep::round(desk.clone(), hands, hints.clone(), every)));
        let (runner_stop, mut told) = tokio::sync::watch::channel(false);
        let runner = Runner::new(desk.clone(), ports);
        let runner = tokio::spawn(runner.run(async move { drop(told.wait_for(|s| *s).await) }, GRACE));
        let workshop = Arc::new(workshop(&config, beside));
        let hall = Arc::new(Hall {
            desk,
            config,
            slack,
            statuspage,
            jira,
            hints,
            http,
            workshop,
        });
        let vendors = publish::vendors(&hall.config, &hall.http, &own_address(&hall.config));
        tasks.push(tokio::spawn(worker::work(
            hall.desk.clone(),
            vendors,
            hall.workshop.work.clone(),
        )));
        if let Some(token) = hall.config.slack.as_ref().and_then(|s| s.app_token.clone()) {
            tasks.push(tokio::spawn(slack_door::listen(hall.clone(), token)));
        }
        tasks.push(tokio::spawn(health::watch_unasked(hall.clone())));
        Ok(Service {
            hall,
            runner_stop,
            runner,
            tasks,
        })
    }

    /// All routes.
    pub fn router(&self) -> axum::Router {
        let config = &self.hall.config;
        let public_url = config.public_url();
        let provider = config
            .auth
            .as_ref()
            .and_then(|a| Provider::of(a, &public_url, self.hall.http.clone()));
        let app = Arc::new(imp_console::App {
            desk: self.hall.desk.clone(),
            doors: Doors {
                tokens: config
                    .auth
                    .iter()
                    .flat_map(|a| &a.api_tokens)
                    .map(shown::token)
                    .collect(),
                provider: provider
                    .is_some()
                    .then(|| {
                        config
                            .auth
                            .as_ref()
                            .and_then(|a| a.issuer.as_deref())
                            .map(Provider::name)
                    })
                    .flatten(),
                only_here: config.only_here(),
                secure: public_url.starts_with("https://"),
            },
            limits: Limits::new(config.server.requests_per_minute),
            live: imp_console::pages::Hub::on(&self.hall.desk),
            shaper: self.hall.workshop.clone(),
            setup: Box::new(shown::Shown::of(config, self.hall.statuspage.clone())),
            public_url,
        });
        let mut routes = imp_console::routes(app.clone());
        if let Some(p) = provider {
            routes = routes.merge(crate::sign_in::routes(app, p));
        }
        let machines = doors::routes(self.hall.clone()).merge(health::routes(self.hall.clone()));
        let routes = routes.merge(machines.method_not_allowed_fallback(imp_console::problem::no_method));
        let routes = match self.hall.config.public_url().starts_with("https://") {
            true => routes.layer(axum::middleware::from_fn(imp_console::problem::only_https)),
            false => routes,
        };
        routes
            .layer(axum::middleware::from_fn(imp_console::problem::readable))
            .layer(axum::middleware::from_fn(crate::drain::layer))
    }

    /// Stops taking up effects and waits for those in flight.
    pub async fn stop(self) {
        let _ = self.runner_stop.send(true);
        let _ = self.runner.await;
        for t in self.tasks {
            t.abort();
        }
    }
}

/// The machine's clock, or one that runs faster.
fn clock(speed: u32) -> Arc<dyn Clock> {
    match speed {
        0 | 1 => Arc::new(SystemClock),
        faster => Arc::new(SwiftClock::from_now(faster)),
    }
}

/// What the console makes services of.
fn workshop(config: &Config, beside: Option<std::path::PathBuf>) -> imp_console::shaper::Workshop {
    let shaper = config.shaper.clone().unwrap_or_default();
    let known = shaper
        .git
        .iter()
        .map(|g| ("organisation".to_owned(), serde_json::json!(g.organisation)));
    imp_console::shaper::Workshop {
        known: known.collect(),
        library: imp_shaper::source::Library {
            places: shaper.templates,
            beside: beside.unwrap_or_default(),
        },
        connected: publish::connected(config),
        ..Default::default()
    }
}

/// Where this process reaches itself.
fn own_address(config: &Config) -> String {
    let listen = config.server.listen;
    match (listen.ip().is_unspecified(), listen.ip().is_ipv6()) {
        (true, false) => format!("http://127.0.0.1:{}", listen.port()),
        (true, true) => format!("http://[::1]:{}", listen.port()),
        (false, _) => format!("http://{listen}"),
    }
}

pub(crate) fn capabilities(c: &Config) -> BTreeSet<Capability> {
    let all = [
        (Capability::Chat, c.slack.is_some()),
        (Capability::Record, c.jira.is_some()),
        (Capability::Page, c.statuspage.is_some()),
        (Capability::Bridge, c.zoom.is_some()),
        // The catalogue is always read where it is configured; it is told only where there is an address for it.
        (
            Capability::Catalogue,
            c.opslevel.as_ref().is_some_and(|o| o.custom_event_url.is_some()),
        ),
        (Capability::Numbers, c.opslevel.as_ref().is_some_and(|o| o.numbers)),
    ];
    all.into_iter().filter(|(_, there)| *there).map(|(c, _)| c).collect()
}

/// Keeps what is known of Jira's project fresh, so that nobody who files a ticket waits for it.
async fn keep_warm(jira: Arc<Jira>) {
    /// Projects change by the week.
    const EVERY: Duration = Duration::from_secs(600);
    /// How soon to ask again where Jira did not answer.
    const AGAIN: Duration = Duration::from_secs(10);
    loop {
        let rest = if jira.warm().await.is_ok() { EVERY } else { AGAIN };
        tokio::time::sleep(rest).await;
    }
}

async fn get_to_know(chat: Arc<slack::port::Chat>) {
    /// How soon to ask again where Slack did not answer.
    const AGAIN: Duration = Duration::from_secs(10);
    while chat.get_to_know().await.is_err() {
        tokio::time::sleep(AGAIN).await;
    }
}
