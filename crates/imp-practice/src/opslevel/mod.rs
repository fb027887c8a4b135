//! A stand-in for OpsLevel: its GraphQL API, custom events, and pages of the catalogue.

mod graphql;
mod model;
mod page;
mod write;

use std::sync::{Arc, Mutex};

use axum::extract::{Path, State as Own, rejection::BytesRejection};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};

pub use self::graphql::{SDL, faults_of};

use self::model::{Event, State};
use crate::clock;
use crate::world::{World, hold};

/// How many custom events are remembered.
const EVENTS_MOST: usize = 1000;

/// The stand-in.
#[derive(Debug)]
pub struct Opslevel {
    world: Arc<World>,
    state: Mutex<State>,
}

impl Opslevel {
    /// A catalogue of the organisation's services and teams.
    pub fn new(world: Arc<World>) -> Arc<Opslevel> {
        let state = Mutex::new(State::new(&world, clock::now_ms()));
        Arc::new(Opslevel { world, state })
    }

    /// Its routes, below `/opslevel`.
    pub fn routes(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/graphql", post(answer))
            .route("/integrations/custom_event/{id}", post(custom_event))
            .with_state(Arc::clone(self))
            .merge(page::routes(self))
    }

    /// The custom events that came in, oldest first.
    pub fn events(&self) -> Vec<Value> {
        hold(&self.state).events.iter().map(|e| e.payload.clone()).collect()
    }

    /// A property of a service, by the alias of its definition.
    pub fn property(&self, service: &str, definition: &str) -> Option<Value> {
        hold(&self.state).service(service)?.properties.get(definition).cloned()
    }

    /// A property of a team, by the alias of its definition.
    pub fn team_property(&self, team: &str, definition: &str) -> Option<Value> {
        let state = hold(&self.state);
        state.team_properties.get(team)?.get(definition).cloned()
    }

    /// The aliases of the services that a service depends on.
    pub fn needs(&self, service: &str) -> Vec<String> {
        let state = hold(&self.state);
        state.service(service).map(|s| s.depends_on.clone()).unwrap_or_default()
    }

    /// A service's tags: key and value.
    pub fn tags(&self, service: &str) -> Vec<(String, String)> {
        let state = hold(&self.state);
        let tags = state.service(service).map(|s| s.tags.clone()).unwrap_or_default();
        tags.into_iter().map(|t| (t.key, t.value)).collect()
    }
}

type Body = Result<Bytes, BytesRejection>;

async fn answer(Own(opslevel): Own<Arc<Opslevel>>, headers: HeaderMap, bytes: Body) -> Response {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.strip_prefix("Bearer "));
    if given != Some(&opslevel.world.org.keys.opslevel_api_token) {
        let refusal = json!({"errors": [{"message": "Unauthorized: the API token is missing or not valid."}]});
        return (StatusCode::UNAUTHORIZED, Json(refusal)).into_response();
    }
    let request: Option<Value> = bytes.ok().and_then(|b| serde_json::from_slice(&b).ok());
    let Some(request) = request else {
        let refusal = json!({"errors": [{"message": "The request is not JSON."}]});
        return (StatusCode::BAD_REQUEST, Json(refusal)).into_response();
    };
    Json(opslevel.graphql(&request)).into_response()
}

async fn custom_event(Own(opslevel): Own<Arc<Opslevel>>, Path(id): Path<String>, bytes: Body) -> Response {
    if id != opslevel.world.org.keys.opslevel_custom_event_id {
        return (
            StatusCode::NOT_FOUND,
            Json(json!({"errors": ["Integration not found"]})),
        )
            .into_response();
    }
    let payload: Option<Value> = bytes.ok().and_then(|b| serde_json::from_slice(&b).ok());
    let Some(payload) = payload else {
        return (
            StatusCode::BAD_REQUEST,
            Json(json!({"errors": ["The payload is not JSON"]})),
        )
            .into_response();
    };
    let mut state = hold(&opslevel.state);
    if state.events.len() == EVENTS_MOST {
        state.events.remove(0);
    }
    state.events.push(Event {
        at_ms: clock::now_ms(),
        payload,
    });
    (StatusCode::ACCEPTED, Json(json!({"result": "ok"}))).into_response()
}
