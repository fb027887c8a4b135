//! The audit log, all groups of alerts, and who the caller is.

use super::call::{Answer, Asked, PageQuery, cursor, limit, query};
use super::shapes::Page;
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::witness::visible;
use axum::Json;
use axum::extract::State;
use imp_core::incident::Incident;
use imp_engine::audit::Entry;
use imp_engine::read::{self, Filter};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Which entries, and which page of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only what is about this incident.
    #[serde(rename = "ref")]
    reference: Option<String>,
    #[param(minimum = 1)]
    limit: Option<usize>,
    cursor: Option<String>,
}

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryView {
    /// Its number, from 1, without a gap.
    pub n: u64,
    /// When (RFC 3339).
    pub at: String,
    /// Who.
    pub who: String,
    /// As what.
    pub role: String,
    /// By which door: `slack`, `console`, `rest`, `jira`.
    pub door: String,
    /// From where.
    pub from: String,
    /// What: `move`, `look`, `sign_in` …
    pub what: String,
    /// About which incident.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// What was said, and what it was before and after.
    pub detail: serde_json::Value,
    /// What binds it to the entry before.
    pub hash: String,
}

impl From<Entry> for EntryView {
    fn from(e: Entry) -> EntryView {
        EntryView {
            n: e.n,
            at: e.at.rfc3339(),
            who: e.who,
            role: e.role,
            door: e.door,
            from: e.origin,
            what: e.what,
            reference: e.about.map(|r| r.to_string()),
            detail: serde_json::from_str(&e.detail).unwrap_or_default(),
            hash: e.hash,
        }
    }
}

/// The audit log, newest first. It needs the role manager.
#[utoipa::path(get, path = "/audit", params(AuditQuery), responses((status = 200, body = Page<EntryView>), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub async fn audit(State(app): State<Arc<App>>, caller: Caller, q: Asked<AuditQuery>) -> Answer<Json<Page<EntryView>>> {
    let q = query(q)?;
    let (before, most) = (cursor(q.cursor.as_deref())?, limit(q.limit)?);
    let about = match q.reference.as_deref() {
        Some(name) => Some(super::find(&app, &caller, name).await?.reference),
        None => None,
    };
    let (entries, next) = visible(&app, &caller, about, before, most).await?;
    Ok(Json(Page {
        items: entries.into_iter().map(EntryView::from).collect(),
        next: next.map(|n| n.to_string()),
    }))
}

/// A group of alerts, with its incident.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupView {
    /// Whose it is.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Its source.
    pub source: String,
    /// Its key there.
    pub key: String,
    /// What is wrong.
    pub title: String,
    /// Whether it fires now.
    pub firing: bool,
    /// When it last changed (RFC 3339).
    pub changed_at: String,
}

fn groups(i: &Incident) -> impl Iterator<Item = GroupView> {
    i.alerts.iter().map(|a| GroupView {
        reference: i.reference.to_string(),
        source: a.alert.source.clone(),
        key: a.alert.key.clone(),
        title: a.alert.title.clone(),
        firing: a.firing,
        changed_at: a.changed_at.rfc3339(),
    })
}

/// Groups of alerts, those of the newest incidents first. A page is one of incidents: it holds the groups of so many.
#[utoipa::path(get, path = "/alerts", params(PageQuery), responses((status = 200, body = Page<GroupView>), (status = 400, body = Problem)))]
pub async fn alerts(State(app): State<Arc<App>>, caller: Caller, q: Asked<PageQuery>) -> Answer<Json<Page<GroupView>>> {
    let q = query(q)?;
    let (before, most) = (cursor(q.cursor.as_deref())?, limit(q.limit)?);
    let read = app
        .desk
        .store
        .read(move |c| read::incidents(c, &Filter::default(), before, most));
    let found = read.await?;
    let next = found
        .last()
        .filter(|_| found.len() == most)
        .map(|i| i.reference.0.to_string());
    let firing: Vec<Incident> = found.into_iter().filter(|i| !i.alerts.is_empty()).collect();
    let seen = crate::witness::shown(&app, &caller, &firing, "its alerts listed").await?;
    Ok(Json(Page {
        items: seen.into_iter().flat_map(groups).collect(),
        next,
    }))
}

/// The caller.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeView {
    /// What to call them.
    pub name: String,
    /// What they may do everywhere.
    pub role: String,
    /// What they may do for teams, by alias, where that is more.
    pub teams: BTreeMap<String, String>,
}

/// Who the caller is, and what they may do.
#[utoipa::path(get, path = "/me", responses((status = 200, body = MeView)))]
pub async fn me(caller: Caller) -> Json<MeView> {
    Json(MeView {
        name: caller.name,
        role: caller.role.word().to_owned(),
        teams: caller
            .teams
            .into_iter()
            .map(|(t, r)| (t, r.word().to_owned()))
            .collect(),
    })
}
