//! Statuspage's answers; what is not needed is not read.

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
pub(super) struct Component {
    pub id: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub group: bool,
    #[serde(default)]
    pub group_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Incident {
    pub id: String,
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub shortlink: Option<String>,
    #[serde(default)]
    pub metadata: Value,
    #[serde(default)]
    pub components: Option<Vec<Component>>,
    #[serde(default)]
    pub incident_updates: Option<Vec<Update>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Update {
    #[serde(default)]
    pub body: Option<String>,
}
