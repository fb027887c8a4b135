//! A stand-in for Slack: its web API, its deliveries to the app, Socket Mode, and a client page for the people in it.

mod acts;
mod answer;
mod api;
mod blocks;
mod client;
mod deliver;
mod interact;
mod limits;
mod socket;
mod state;
mod typed;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, header};
use axum::routing::{any, get, post};
use serde_json::Value;
use tokio::sync::broadcast;

use crate::app::App;
use crate::clock;
use crate::org::Org;

pub use blocks::Surface;
pub use deliver::{Failure, sign};
pub use socket::Disconnect;

use limits::Limits;
use socket::Links;
use state::{Out, State};

/// What a page may be behind before it has to load everything again.
const PAGE_QUEUE: usize = 1024;
/// The largest request: a file upload.
const BODY_MAX: usize = 20 * 1024 * 1024;

/// Something for the pages of these people; of everybody, if there is no list.
type ForPage = (Option<Arc<Vec<String>>>, Arc<Value>);

/// The workspace.
pub struct Slack {
    org: Arc<Org>,
    app: Arc<App>,
    state: Mutex<State>,
    limits: Mutex<Limits>,
    limits_on: AtomicBool,
    links: Mutex<Links>,
    /// Milliseconds that this workspace's clock is ahead of the machine's.
    ahead_ms: AtomicI64,
    pages: broadcast::Sender<ForPage>,
    /// The address of the app that has answered the challenge.
    verified: Mutex<Option<String>>,
}

impl Slack {
    /// A workspace with these people in it, for this application.
    pub fn new(org: Arc<Org>, app: Arc<App>) -> Arc<Slack> {
        let state = State::seed(&org, clock::now_ms());
        Arc::new(Slack {
            org,
            app,
            state: Mutex::new(state),
            limits: Mutex::default(),
            limits_on: AtomicBool::new(true),
            links: Mutex::default(),
            ahead_ms: AtomicI64::new(0),
            pages: broadcast::channel(PAGE_QUEUE).0,
            verified: Mutex::default(),
        })
    }

    /// Everything that Slack serves, to be nested under some path: `/slack`.
    pub fn routes(self: &Arc<Slack>) -> Router {
        Router::new()
            .route("/api/{method}", any(api::call))
            .route("/link", get(socket::link))
            .route("/upload/{id}", post(api::files::upload))
            .route("/response/{id}/{secret}", post(answer::response))
            .merge(client::routes())
            .layer(DefaultBodyLimit::max(BODY_MAX))
            .with_state(self.clone())
    }

    /// Whether the limits on calls are kept; they are, unless somebody says otherwise.
    pub fn set_limits(&self, on: bool) {
        self.limits_on.store(on, Ordering::Relaxed);
    }

    /// Somebody leaves the company: they are in no list any more, and nobody can write to them.
    pub fn leaves_the_company(self: &Arc<Slack>, handle: &str) {
        self.act(|s| {
            for u in s.users.iter_mut().filter(|u| u.handle == handle) {
                u.gone = true;
            }
        });
    }

    /// Moves this workspace's clock ahead, so that what expires can be seen to expire.
    pub fn advance(self: &Arc<Slack>, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
        self.act(|_| ());
    }

    /// Says where the app can reach this workspace, for the addresses that it hands out; else its first call tells.
    pub fn set_base(&self, base: &str) {
        base.trim_end_matches('/').clone_into(&mut self.lock().base);
    }

    fn now_ms(&self) -> i64 {
        clock::now_ms() + self.ahead_ms.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the state, and then tells the app and the pages what came of it.
    fn act<T>(self: &Arc<Self>, f: impl FnOnce(&mut State) -> T) -> T {
        let (result, out) = {
            let mut s = self.lock();
            s.now = self.now_ms();
            s.post_due();
            let result = f(&mut s);
            (result, std::mem::take(&mut s.outbox))
        };
        for one in out {
            match one {
                Out::Page(who, what) => {
                    // Nobody may be looking; then there is nobody to tell.
                    let _unseen = self.pages.send((who.map(Arc::new), Arc::new(what)));
                }
                Out::App(event) => self.deliver_event(event),
            }
        }
        result
    }

    /// Learns from a request where this workspace is reached.
    fn note_base(&self, headers: &HeaderMap, path: &str, inner: &str) {
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let Some(host) = text("x-forwarded-host").or_else(|| text(header::HOST.as_str())) else {
            return;
        };
        let scheme = text("x-forwarded-proto").unwrap_or("http");
        let prefix = path.strip_suffix(inner).unwrap_or("").trim_end_matches('/');
        let base = format!("{scheme}://{host}{prefix}");
        let mut s = self.lock();
        if s.base != base {
            s.base = base;
        }
    }
}
