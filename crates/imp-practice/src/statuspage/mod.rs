//! A stand-in for Statuspage: its API, and the public page that customers look at.

mod api;
mod model;
mod page;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

pub use self::model::{component_id, overall};

use self::model::State;
use crate::clock;
use crate::world::{World, hold};

/// Requests that one key may make in a window, as with the real one.
const LIMIT_REQUESTS: usize = 60;
/// The window, in milliseconds.
const LIMIT_WINDOW_MS: i64 = 60_000;

/// The stand-in.
#[derive(Debug)]
pub struct Statuspage {
    world: Arc<World>,
    state: Mutex<State>,
    limit: Mutex<Limit>,
}

#[derive(Debug)]
struct Limit {
    on: bool,
    status: StatusCode,
    calls: VecDeque<i64>,
}

/// Why something was refused.
#[derive(Debug)]
pub struct Fail {
    status: StatusCode,
    error: Value,
}

impl Fail {
    fn new(status: StatusCode, error: Value) -> Fail {
        Fail { status, error }
    }

    fn invalid(wrong: Vec<String>) -> Fail {
        Fail::new(StatusCode::UNPROCESSABLE_ENTITY, json!(wrong))
    }

    fn not_found() -> Fail {
        Fail::new(StatusCode::NOT_FOUND, json!("Record not found"))
    }
}

impl IntoResponse for Fail {
    fn into_response(self) -> Response {
        (self.status, axum::Json(json!({"error": self.error}))).into_response()
    }
}

impl Statuspage {
    /// A page with a component for each public service, all of them well.
    pub fn new(world: Arc<World>, limits: bool) -> Arc<Statuspage> {
        let state = State::new(&world.org, &world.base, clock::now_ms());
        let limit = Limit {
            on: limits,
            status: StatusCode::TOO_MANY_REQUESTS,
            calls: VecDeque::new(),
        };
        Arc::new(Statuspage {
            world,
            state: Mutex::new(state),
            limit: Mutex::new(limit),
        })
    }

    /// Its routes, below `/statuspage`.
    pub fn routes(self: &Arc<Self>) -> Router {
        api::routes(self).merge(page::routes(self))
    }

    /// Keeps the limit of one request a second, or not.
    pub fn set_limits(&self, on: bool) {
        hold(&self.limit).on = on;
    }

    /// Whether the limit is kept.
    pub fn limits(&self) -> bool {
        hold(&self.limit).on
    }

    /// Answers 420 rather than 429 when the limit is passed: the real one does either.
    pub fn set_limit_is_420(&self, is_420: bool) {
        let status = if is_420 { StatusCode::from_u16(420).ok() } else { None };
        hold(&self.limit).status = status.unwrap_or(StatusCode::TOO_MANY_REQUESTS);
    }

    /// All incidents, newest first, as the API shows them.
    pub fn incidents(&self) -> Vec<Value> {
        let state = hold(&self.state);
        state.incidents.iter().rev().map(|i| state.incident_json(i)).collect()
    }

    /// All components, as the API shows them; groups come first.
    pub fn components(&self) -> Vec<Value> {
        let state = hold(&self.state);
        state.components.iter().map(|c| state.component_json(c)).collect()
    }

    fn within_limit(&self) -> Result<(), Fail> {
        let now = clock::now_ms();
        let mut limit = hold(&self.limit);
        if !limit.on {
            return Ok(());
        }
        while limit.calls.front().is_some_and(|at| *at <= now - LIMIT_WINDOW_MS) {
            limit.calls.pop_front();
        }
        if limit.calls.len() >= LIMIT_REQUESTS {
            return Err(Fail::new(limit.status, json!("Too Many Requests")));
        }
        limit.calls.push_back(now);
        Ok(())
    }
}
