//! The stand-in Zoom's API: tokens and meetings.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequestParts, Path, Query, State as Own};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::model::{Meeting, time, user_id};
use super::{Fail, Zoom};
use crate::clock;
use crate::org::Person;
use crate::world::hold;

/// How long a token is good, in seconds, as with the real one.
const TOKEN_SECS: i64 = 3600;
/// Creates and updates that a user may have in a day, as with the real one.
const WRITES_A_DAY: u32 = 100;
/// The longest topic, as with the real one.
const TOPIC_LIMIT: usize = 200;
/// The longest agenda, as with the real one.
const AGENDA_LIMIT: usize = 2000;
const SCOPES: &str = "meeting:write:meeting:admin meeting:read:meeting:admin meeting:update:meeting:admin \
                      meeting:update:status:admin meeting:delete:meeting:admin meeting:read:list_meetings:admin \
                      user:read:user:admin user:read:list_users:admin meeting:read:list_past_participants:admin";

type Body = Result<Bytes, BytesRejection>;
type Asks = Query<HashMap<String, String>>;
type Here = Own<Arc<Zoom>>;

/// A caller with a token.
struct Caller;

impl FromRequestParts<Arc<Zoom>> for Caller {
    type Rejection = Fail;

    async fn from_request_parts(parts: &mut Parts, zoom: &Arc<Zoom>) -> Result<Caller, Fail> {
        let value = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        let token = value.strip_prefix("Bearer ").unwrap_or_default();
        match hold(&zoom.state).tokens.get(token) {
            Some(until) if *until > clock::now_ms() => Ok(Caller),
            Some(_) => Err(Fail::new(StatusCode::UNAUTHORIZED, 124, "Access token is expired.")),
            None => Err(Fail::new(StatusCode::UNAUTHORIZED, 124, "Invalid access token.")),
        }
    }
}

/// The routes.
pub fn routes(zoom: &Arc<Zoom>) -> Router {
    Router::new()
        .route("/oauth/token", post(token))
        .route("/v2/users", get(users))
        .route("/v2/users/{user}", get(user))
        .route("/v2/users/{user}/meetings", get(meetings).post(create))
        .route("/v2/meetings/{id}", get(meeting).patch(edit).delete(remove))
        .route("/v2/meetings/{id}/status", put(status))
        .route("/v2/meetings/{id}/recordings", get(recordings))
        .route("/v2/meetings/{id}/meeting_summary", get(recordings))
        .route("/v2/past_meetings/{id}/participants", get(participants))
        .with_state(Arc::clone(zoom))
}

/// Zoom's answer about a meeting that is not there.
pub fn no_meeting(id: u64) -> Fail {
    Fail::new(StatusCode::NOT_FOUND, 3001, format!("Meeting does not exist: {id}."))
}

fn read(bytes: Body) -> Result<Value, Fail> {
    let wrong = || {
        Fail::new(
            StatusCode::BAD_REQUEST,
            300,
            "Request Body should be a valid JSON object.",
        )
    };
    let bytes = bytes.map_err(|_| wrong())?;
    serde_json::from_slice::<Value>(&bytes)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(wrong)
}

/// The pairs of a form.
fn pairs(form: &[u8]) -> Vec<(String, String)> {
    let Ok(mut url) = reqwest::Url::parse("http://form/") else {
        return vec![];
    };
    url.set_query(std::str::from_utf8(form).ok());
    url.query_pairs().into_owned().collect()
}

async fn token(Own(zoom): Here, headers: HeaderMap, Query(asks): Asks, bytes: Body) -> Response {
    let mut given = asks;
    let form = bytes.unwrap_or_default();
    given.extend(pairs(&form));
    let keys = &zoom.world.org.keys;
    let refused = |reason: &str, error: &str| {
        (StatusCode::BAD_REQUEST, Json(json!({"reason": reason, "error": error}))).into_response()
    };
    let basic = headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.strip_prefix("Basic "));
    let pair = basic.and_then(|b| STANDARD.decode(b.trim()).ok()).unwrap_or_default();
    if pair != format!("{}:{}", keys.zoom_client_id, keys.zoom_client_secret).as_bytes() {
        return (
            StatusCode::UNAUTHORIZED,
            Json(json!({"reason": "Invalid client_id or client_secret", "error": "invalid_client"})),
        )
            .into_response();
    }
    if given.get("grant_type").map(String::as_str) != Some("account_credentials") {
        return refused("unsupported grant type", "unsupported_grant_type");
    }
    if given.get("account_id") != Some(&keys.zoom_account_id) {
        return refused("Bad Request", "invalid_request");
    }
    let now = clock::now_ms();
    let mut state = hold(&zoom.state);
    let n = state.next();
    let token = format!("practice-{}", hex::encode(&Sha256::digest(format!("{now}:{n}"))[..16]));
    state.tokens.retain(|_, until| *until > now);
    state.tokens.insert(token.clone(), now + TOKEN_SECS * 1000);
    Json(json!({
        "access_token": token, "token_type": "bearer", "expires_in": TOKEN_SECS, "scope": SCOPES,
        "api_url": format!("{}/zoom", zoom.world.base),
    }))
    .into_response()
}

impl Zoom {
    fn find_user(&self, user: &str) -> Result<&Person, Fail> {
        let people = &self.world.org.people;
        let found = match user {
            "me" => people.first(),
            email if email.contains('@') => self.world.person_by_email(email),
            id => people.iter().find(|p| user_id(&p.handle) == id),
        };
        found.ok_or_else(|| Fail::new(StatusCode::NOT_FOUND, 1001, format!("User does not exist: {user}.")))
    }

    fn user_json(&self, person: &Person) -> Value {
        let (first, last) = person.name.split_once(' ').unwrap_or((&person.name, ""));
        json!({
            "id": user_id(&person.handle), "first_name": first, "last_name": last, "display_name": person.name,
            "email": self.world.org.email(&person.handle), "type": 2, "timezone": person.tz, "verified": 1, "status": "active",
            "account_id": self.world.org.keys.zoom_account_id, "dept": "", "language": "en-US",
        })
    }

    /// A meeting, as the API shows it.
    pub(super) fn meeting_json(&self, m: &Meeting) -> Value {
        let base = &self.world.base;
        json!({
            "uuid": m.uuid, "id": m.id, "host_id": user_id(&m.host), "host_email": self.world.org.email(&m.host), "topic": m.topic,
            "type": m.kind, "status": if m.started_ms.is_some() { "started" } else { "waiting" },
            "start_time": m.start_time.clone().unwrap_or_else(|| time(m.created_ms)), "duration": m.duration, "timezone": "UTC",
            "agenda": m.agenda, "created_at": time(m.created_ms),
            "start_url": format!("{base}/zoom/j/{}?zak=practice", m.id),
            "join_url": format!("{base}/zoom/j/{}?pwd={}", m.id, m.password), "password": m.password,
            "h323_password": m.password, "pstn_password": m.password, "encrypted_password": m.password,
            "settings": m.settings, "tracking_fields": m.tracking_fields, "pre_schedule": false,
        })
    }

    /// Counts a create or an update against its host's day.
    fn count_write(&self, host: &str) -> Result<(), Box<Response>> {
        let now = clock::now_ms();
        let day = time(now)[..10].to_owned();
        let mut state = hold(&self.state);
        if !state.limits {
            return Ok(());
        }
        let used = state.writes.entry((host.to_owned(), day)).or_insert(0);
        *used += 1;
        if *used <= WRITES_A_DAY {
            return Ok(());
        }
        let words = "You have exceeded the daily rate limit of (100) for Meeting Create/Update API requests for the registrant.";
        let mut refusal = Fail::new(StatusCode::TOO_MANY_REQUESTS, 429, words).into_response();
        let midnight = time((now / 86_400_000 + 1) * 86_400_000);
        let headers = refusal.headers_mut();
        headers.insert("X-RateLimit-Type", HeaderValue::from_static("Daily-limit"));
        headers.insert("X-RateLimit-Limit", HeaderValue::from(WRITES_A_DAY));
        headers.insert("X-RateLimit-Remaining", HeaderValue::from(0));
        if let Ok(value) = HeaderValue::from_str(&midnight) {
            headers.insert(header::RETRY_AFTER, value);
        }
        Err(Box::new(refusal))
    }
}

async fn users(_: Caller, Own(zoom): Here, asks: Asks) -> Json<Value> {
    let number = |name: &str, usual: usize| asks.get(name).and_then(|n| n.parse().ok()).unwrap_or(usual);
    let (page, size) = (number("page_number", 1).max(1), number("page_size", 30).clamp(1, 300));
    let people = &zoom.world.org.people;
    let listed: Vec<Value> = people
        .iter()
        .skip((page - 1) * size)
        .take(size)
        .map(|p| zoom.user_json(p))
        .collect();
    let pages = people.len().div_ceil(size);
    Json(json!({
        "page_count": pages, "page_number": page, "page_size": size, "total_records": people.len(), "next_page_token": "",
        "users": listed,
    }))
}

async fn user(_: Caller, Own(zoom): Here, Path(user): Path<String>) -> Result<Json<Value>, Fail> {
    Ok(Json(zoom.user_json(zoom.find_user(&user)?)))
}

async fn meetings(_: Caller, Own(zoom): Here, Path(user): Path<String>, asks: Asks) -> Result<Json<Value>, Fail> {
    let host = &zoom.find_user(&user)?.handle;
    let kind = asks.get("type").map_or("scheduled", String::as_str);
    let state = hold(&zoom.state);
    let fits = |m: &&Meeting| {
        let listed = match kind {
            "live" => m.started_ms.is_some(),
            "previous_meetings" => m.ended_ms.is_some(),
            // As with the real one, an instant meeting that is over is not listed.
            _ => m.ended_ms.is_none(),
        };
        m.host == *host && listed
    };
    let number = |name: &str, usual: usize| asks.get(name).and_then(|n| n.parse().ok()).unwrap_or(usual);
    let size = number("page_size", 30).clamp(1, 300);
    let skip = number("next_page_token", (number("page_number", 1).max(1) - 1) * size);
    let all: Vec<&Meeting> = state.meetings.values().rev().filter(fits).collect();
    let page: Vec<Value> = all
        .iter()
        .skip(skip)
        .take(size)
        .map(|m| {
            let mut out = zoom.meeting_json(m);
            if let Some(out) = out.as_object_mut() {
                out.retain(|key, _| {
                    ![
                        "settings",
                        "start_url",
                        "password",
                        "encrypted_password",
                        "tracking_fields",
                    ]
                    .contains(&key.as_str())
                });
            }
            out
        })
        .collect();
    let next = if skip + page.len() < all.len() {
        (skip + page.len()).to_string()
    } else {
        String::new()
    };
    Ok(Json(json!({
        "page_count": all.len().div_ceil(size), "page_size": size, "total_records": all.len(), "next_page_token": next,
        "meetings": page,
    })))
}

/// Puts a wish into a meeting.
fn write(meeting: &mut Meeting, wish: &Value) -> Result<(), Fail> {
    let wrong = |field: &str, words: &str| {
        let message = format!("Validation Failed. {field}: {words}");
        Fail::new(StatusCode::BAD_REQUEST, 300, message)
    };
    if let Some(topic) = wish["topic"].as_str() {
        if topic.chars().count() > TOPIC_LIMIT {
            return Err(wrong("topic", "Topic should be less than 200 characters."));
        }
        meeting.topic = topic.to_owned();
    }
    if let Some(agenda) = wish["agenda"].as_str() {
        if agenda.chars().count() > AGENDA_LIMIT {
            return Err(wrong("agenda", "Agenda should be less than 2000 characters."));
        }
        meeting.agenda = agenda.to_owned();
    }
    match &wish["type"] {
        Value::Null => {}
        kind => match kind.as_u64() {
            Some(kind @ (1 | 2 | 3 | 8 | 10)) => meeting.kind = kind,
            _ => return Err(wrong("type", "Invalid field.")),
        },
    }
    if let Some(minutes) = wish["duration"].as_u64() {
        meeting.duration = minutes;
    }
    if let Some(at) = wish["start_time"].as_str() {
        meeting.start_time = Some(at.to_owned());
    }
    if let Some(password) = wish["password"].as_str() {
        if password.is_empty() || password.len() > 10 {
            return Err(wrong("password", "Password should be at most 10 characters."));
        }
        meeting.password = password.to_owned();
    }
    if let (Some(kept), Some(new)) = (meeting.settings.as_object_mut(), wish["settings"].as_object()) {
        kept.extend(new.clone());
    }
    if wish["tracking_fields"].is_array() {
        meeting.tracking_fields = wish["tracking_fields"].clone();
    }
    Ok(())
}

async fn create(_: Caller, Own(zoom): Here, Path(user): Path<String>, bytes: Body) -> Result<Response, Fail> {
    let host = zoom.find_user(&user)?.handle.clone();
    let wish = read(bytes)?;
    if let Err(refusal) = zoom.count_write(&host) {
        return Ok(*refusal);
    }
    let now = clock::now_ms();
    let mut state = hold(&zoom.state);
    let n = state.next();
    let digest = Sha256::digest(format!("meeting:{n}:{now}"));
    let mut meeting = Meeting {
        id: 80_000_000_000 + n * 7_919,
        uuid: STANDARD.encode(&digest[..16]),
        host,
        topic: "Zoom Meeting".to_owned(),
        agenda: String::new(),
        kind: 2,
        duration: 60,
        start_time: None,
        password: hex::encode(&digest[16..19]),
        settings: json!({
            "host_video": false, "participant_video": false, "join_before_host": false, "mute_upon_entry": false,
            "waiting_room": true, "auto_recording": "none", "audio": "both", "approval_type": 2,
        }),
        tracking_fields: json!([]),
        created_ms: now,
        started_ms: None,
        ended_ms: None,
        last_ended_ms: None,
        inside: vec![],
        past: vec![],
    };
    write(&mut meeting, &wish)?;
    let out = zoom.meeting_json(&meeting);
    state.meetings.insert(meeting.id, meeting);
    Ok((StatusCode::CREATED, Json(out)).into_response())
}

async fn meeting(_: Caller, Own(zoom): Here, Path(id): Path<u64>) -> Result<Json<Value>, Fail> {
    let state = hold(&zoom.state);
    let found = state
        .meetings
        .get(&id)
        .filter(|m| m.ended_ms.is_none())
        .ok_or_else(|| no_meeting(id))?;
    Ok(Json(zoom.meeting_json(found)))
}

async fn edit(_: Caller, Own(zoom): Here, Path(id): Path<u64>, bytes: Body) -> Result<Response, Fail> {
    let wish = read(bytes)?;
    let host = hold(&zoom.state)
        .meetings
        .get(&id)
        .map(|m| m.host.clone())
        .ok_or_else(|| no_meeting(id))?;
    if let Err(refusal) = zoom.count_write(&host) {
        return Ok(*refusal);
    }
    let mut state = hold(&zoom.state);
    let found = state.meetings.get_mut(&id).ok_or_else(|| no_meeting(id))?;
    let mut changed = found.clone();
    write(&mut changed, &wish)?;
    *found = changed;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn remove(_: Caller, Own(zoom): Here, Path(id): Path<u64>) -> Result<StatusCode, Fail> {
    let mut state = hold(&zoom.state);
    state
        .meetings
        .remove(&id)
        .map(|_| StatusCode::NO_CONTENT)
        .ok_or_else(|| no_meeting(id))
}

async fn status(_: Caller, Own(zoom): Here, Path(id): Path<u64>, bytes: Body) -> Result<StatusCode, Fail> {
    let wish = read(bytes)?;
    let mut state = hold(&zoom.state);
    let found = state.meetings.get_mut(&id).ok_or_else(|| no_meeting(id))?;
    match wish["action"].as_str() {
        Some("end") => {
            zoom.end(found);
            Ok(StatusCode::NO_CONTENT)
        }
        Some("recover") => {
            found.ended_ms = None;
            Ok(StatusCode::NO_CONTENT)
        }
        _ => Err(Fail::new(
            StatusCode::BAD_REQUEST,
            300,
            "Validation Failed. action: Invalid field.",
        )),
    }
}

async fn recordings(_: Caller, Own(zoom): Here, Path(id): Path<u64>) -> Fail {
    match hold(&zoom.state).meetings.contains_key(&id) {
        true => Fail::new(StatusCode::NOT_FOUND, 3301, "There is no recording for this meeting."),
        false => no_meeting(id),
    }
}

async fn participants(_: Caller, Own(zoom): Here, Path(id): Path<u64>) -> Result<Json<Value>, Fail> {
    let state = hold(&zoom.state);
    let found = state
        .meetings
        .get(&id)
        .filter(|m| m.last_ended_ms.is_some())
        .ok_or_else(|| no_meeting(id))?;
    let people = found.past.iter().map(|p| {
        let left = p.left_ms.unwrap_or(p.joined_ms);
        json!({
            "id": user_id(&p.handle), "name": p.name, "user_id": user_id(&p.handle), "user_email": p.email,
            "join_time": time(p.joined_ms), "leave_time": time(left), "duration": (left - p.joined_ms) / 1000, "status": "in_meeting",
        })
    });
    let people: Vec<Value> = people.collect();
    Ok(Json(
        json!({"page_count": 1, "page_size": 30, "total_records": people.len(), "next_page_token": "", "participants": people}),
    ))
}
