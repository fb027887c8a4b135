//! A stand-in for Zoom: tokens, meetings, webhooks, and a page in which a person joins and leaves.

mod api;
mod model;
mod page;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use self::model::{Meeting, State};
use crate::clock;
use crate::jira::hmac_hex;
use crate::world::{World, hold};

/// The stand-in.
#[derive(Debug)]
pub struct Zoom {
    world: Arc<World>,
    state: Mutex<State>,
    queue: UnboundedSender<(&'static str, String)>,
}

/// Why something was refused, in Zoom's shape.
#[derive(Debug)]
pub struct Fail {
    status: StatusCode,
    code: u32,
    message: String,
}

impl Fail {
    fn new(status: StatusCode, code: u32, message: impl Into<String>) -> Fail {
        Fail {
            status,
            code,
            message: message.into(),
        }
    }
}

impl IntoResponse for Fail {
    fn into_response(self) -> Response {
        (
            self.status,
            axum::Json(json!({"code": self.code, "message": self.message})),
        )
            .into_response()
    }
}

impl Zoom {
    /// A Zoom without meetings; has to be called where tokio runs.
    pub fn new(world: Arc<World>, limits: bool) -> Arc<Zoom> {
        let (queue, mut events) = unbounded_channel::<(&'static str, String)>();
        let teller = Arc::clone(&world);
        tokio::spawn(async move {
            while let Some((event, body)) = events.recv().await {
                tell(&teller, event, body).await;
            }
        });
        Arc::new(Zoom {
            state: Mutex::new(State::new(limits)),
            world,
            queue,
        })
    }

    /// Its routes, below `/zoom`.
    pub fn routes(self: &Arc<Self>) -> Router {
        api::routes(self).merge(page::routes(self))
    }

    /// All meetings, as the API shows them, each with who is in it.
    pub fn meetings(&self) -> Vec<Value> {
        let state = hold(&self.state);
        let one = |m: &Meeting| {
            let mut out = self.meeting_json(m);
            out["participants"] = json!(m.inside.iter().map(|p| p.name.clone()).collect::<Vec<_>>());
            out
        };
        state.meetings.values().map(one).collect()
    }

    /// Keeps the limit of a hundred creates a day for each user, or not.
    pub fn set_limits(&self, on: bool) {
        hold(&self.state).limits = on;
    }

    /// Makes every token invalid, as when an hour has passed.
    pub fn expire_tokens(&self) {
        hold(&self.state).tokens.clear();
    }

    /// Sends what Zoom sends when a webhook's address is entered; true when the application answered rightly.
    ///
    /// # Errors
    /// When the application cannot be reached.
    pub async fn validate_url(&self) -> reqwest::Result<bool> {
        let plain = hex::encode(clock::now_ms().to_be_bytes());
        let body =
            json!({"event": "endpoint.url_validation", "event_ts": clock::now_ms(), "payload": {"plainToken": plain}});
        let Some(request) = request(&self.world, body.to_string()) else {
            return Ok(false);
        };
        let answer: Value = request.send().await?.json().await?;
        let wanted = hmac_hex(&self.world.org.keys.zoom_webhook_secret, plain.as_bytes());
        Ok(answer["plainToken"] == plain && answer["encryptedToken"] == wanted)
    }

    /// Somebody enters a meeting; the first one starts it.
    ///
    /// # Errors
    /// When there is no such meeting, or it is over.
    pub fn join(&self, id: u64, handle: &str) -> Result<(), Fail> {
        let now = clock::now_ms();
        let mut state = hold(&self.state);
        let meeting = state.meetings.get_mut(&id).filter(|m| m.ended_ms.is_none());
        let meeting = meeting.ok_or_else(|| api::no_meeting(id))?;
        let Some(person) = self.world.person(handle) else {
            return Err(Fail::new(
                StatusCode::NOT_FOUND,
                1001,
                format!("User does not exist: {handle}."),
            ));
        };
        if meeting.inside.iter().any(|p| p.handle == handle) {
            return Ok(());
        }
        if meeting.started_ms.is_none() {
            meeting.started_ms = Some(now);
            self.send("meeting.started", meeting, None);
        }
        let entry = model::Participant {
            handle: handle.to_owned(),
            name: person.name.clone(),
            email: self.world.org.email(handle),
            joined_ms: now,
            left_ms: None,
        };
        meeting.inside.push(entry.clone());
        self.send("meeting.participant_joined", meeting, Some(&entry));
        Ok(())
    }

    /// Somebody leaves; the last one ends the meeting.
    pub fn leave(&self, id: u64, handle: &str) {
        let now = clock::now_ms();
        let mut state = hold(&self.state);
        let Some(meeting) = state.meetings.get_mut(&id) else {
            return;
        };
        let Some(place) = meeting.inside.iter().position(|p| p.handle == handle) else {
            return;
        };
        let mut entry = meeting.inside.remove(place);
        entry.left_ms = Some(now);
        meeting.past.push(entry.clone());
        self.send("meeting.participant_left", meeting, Some(&entry));
        if meeting.inside.is_empty() {
            self.end(meeting);
        }
    }

    /// Ends a meeting for all.
    fn end(&self, meeting: &mut Meeting) {
        let now = clock::now_ms();
        for mut entry in std::mem::take(&mut meeting.inside) {
            entry.left_ms = Some(now);
            meeting.past.push(entry.clone());
            self.send("meeting.participant_left", meeting, Some(&entry));
        }
        // A recurring meeting can be entered again; one that is not is over.
        if meeting.started_ms.take().is_some() {
            meeting.ended_ms = (meeting.kind != 3 && meeting.kind != 8).then_some(now);
            meeting.last_ended_ms = Some(now);
            self.send("meeting.ended", meeting, None);
        }
    }

    /// Sends a webhook about a meeting.
    fn send(&self, event: &'static str, meeting: &Meeting, person: Option<&model::Participant>) {
        let mut object = json!({
            "id": meeting.id.to_string(), "uuid": meeting.uuid, "host_id": model::user_id(&meeting.host), "topic": meeting.topic,
            "type": meeting.kind, "start_time": model::time(meeting.started_ms.unwrap_or(meeting.created_ms)),
            "timezone": "UTC", "duration": meeting.duration,
        });
        if event == "meeting.ended" {
            object["end_time"] = json!(model::time(clock::now_ms()));
        }
        if let Some(person) = person {
            let (key, at) = match person.left_ms {
                None => ("join_time", person.joined_ms),
                Some(left) => ("leave_time", left),
            };
            object["participant"] = json!({
                "user_id": model::user_id(&person.handle), "user_name": person.name, "id": model::user_id(&person.handle),
                "participant_uuid": model::user_id(&person.handle), "email": person.email, key: model::time(at),
            });
        }
        let body = json!({
            "event": event, "event_ts": clock::now_ms(),
            "payload": {"account_id": self.world.org.keys.zoom_account_id, "object": object},
        });
        // Nobody listens any more only when the workspace has stopped.
        let _ = self.queue.send((event, body.to_string()));
    }
}

/// A signed request to the application; `None` as long as it is not known where that listens.
fn request(world: &World, body: String) -> Option<reqwest::RequestBuilder> {
    let url = world.app.url()?;
    let at = (clock::now_ms() / 1000).to_string();
    let signed = hmac_hex(
        &world.org.keys.zoom_webhook_secret,
        format!("v0:{at}:{body}").as_bytes(),
    );
    let request = world
        .app
        .http
        .post(format!("{url}/webhooks/zoom"))
        .header("Content-Type", "application/json");
    Some(
        request
            .header("x-zm-request-timestamp", at)
            .header("x-zm-signature", format!("v0={signed}"))
            .body(body),
    )
}

async fn tell(world: &World, event: &'static str, body: String) {
    let Some(request) = request(world, body) else { return };
    let status = request.send().await.map_or(0, |a| a.status().as_u16());
    world.sent("zoom", event, status);
}
