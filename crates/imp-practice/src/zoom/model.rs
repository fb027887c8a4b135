//! What the stand-in Zoom remembers: tokens and meetings.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use serde_json::Value;

/// Somebody in a meeting.
#[derive(Debug, Clone)]
pub struct Participant {
    /// The person's handle.
    pub handle: String,
    /// The person's name.
    pub name: String,
    /// The person's address.
    pub email: String,
    /// In milliseconds since 1970.
    pub joined_ms: i64,
    /// In milliseconds since 1970; `None` while in the meeting.
    pub left_ms: Option<i64>,
}

/// A meeting.
#[derive(Debug, Clone)]
pub struct Meeting {
    /// Eleven digits.
    pub id: u64,
    /// Base64, as Zoom's are.
    pub uuid: String,
    /// The host's handle.
    pub host: String,
    /// The title.
    pub topic: String,
    /// What it is about; where applications keep their own reference.
    pub agenda: String,
    /// 1 instant, 2 scheduled, 3 recurring without a time, 8 recurring with one, 10 screen share.
    pub kind: u64,
    /// In minutes.
    pub duration: u64,
    /// When it is to begin, as it was given.
    pub start_time: Option<String>,
    /// The password.
    pub password: String,
    /// The settings, as they were given.
    pub settings: Value,
    /// Tracking fields, as they were given.
    pub tracking_fields: Value,
    /// In milliseconds since 1970.
    pub created_ms: i64,
    /// In milliseconds since 1970; `None` while nobody is in it.
    pub started_ms: Option<i64>,
    /// In milliseconds since 1970; `None` as long as it can be entered.
    pub ended_ms: Option<i64>,
    /// When it last ended, in milliseconds since 1970.
    pub last_ended_ms: Option<i64>,
    /// Who is in it.
    pub inside: Vec<Participant>,
    /// Who was.
    pub past: Vec<Participant>,
}

/// Everything that the stand-in remembers.
#[derive(Debug)]
pub struct State {
    /// Tokens with the moment until which they are good, in milliseconds since 1970.
    pub tokens: HashMap<String, i64>,
    /// The meetings, by identifier.
    pub meetings: BTreeMap<u64, Meeting>,
    /// Creates and updates, by user and day.
    pub writes: HashMap<(String, String), u32>,
    /// How many identifiers were given out.
    pub given: u64,
    /// Whether the daily limit is kept.
    pub limits: bool,
}

impl State {
    /// Nothing yet.
    pub fn new(limits: bool) -> State {
        State {
            tokens: HashMap::new(),
            meetings: BTreeMap::new(),
            writes: HashMap::new(),
            given: 0,
            limits,
        }
    }

    /// A number that was not given out before.
    pub fn next(&mut self) -> u64 {
        self.given += 1;
        self.given
    }
}

/// The identifier of a person, of twenty-two characters as Zoom's are.
pub fn user_id(handle: &str) -> String {
    hex::encode(&Sha256::digest(format!("zoom:{handle}"))[..11])
}

/// A moment in Zoom's notation.
pub fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .unwrap_or_default()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}
