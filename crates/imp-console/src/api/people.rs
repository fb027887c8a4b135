//! Whose time went into incidents.

use super::call::{Answer, Asked, query};
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use imp_core::effort::Effort;
use imp_engine::insights::{Question, Table, people};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// For how many minutes before it an act stands, where nothing else is said.
pub const MINUTES: u32 = 15;
/// The most: half a working day.
pub const MINUTES_MAX: u32 = 240;

/// Of which incidents, and how acts become time.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PeopleQuery {
    /// From this day on (`2026-11-22`, UTC), by the time of detection.
    from: Option<String>,
    /// Up to this day, included.
    to: Option<String>,
    /// Only incidents of this team, by its alias.
    team: Option<String>,
    /// Only incidents of this service, by its alias.
    service: Option<String>,
    /// Only incidents of teams of this country.
    country: Option<String>,
    /// Only incidents of this severity.
    severity: Option<String>,
    /// For how many minutes before it an act stands; 15 where it is left out.
    #[param(minimum = 1, maximum = 240)]
    act_minutes: Option<u32>,
}

impl PeopleQuery {
    fn question(&self) -> Result<Question, String> {
        let mut out = Question::read(self.from.as_deref(), self.to.as_deref(), None)?;
        let given = [
            ("team", &self.team),
            ("service", &self.service),
            ("country", &self.country),
            ("severity", &self.severity),
        ];
        for (name, value) in given {
            out.filter.set(name, value.as_deref().unwrap_or_default().trim())?;
        }
        Ok(out)
    }
}

/// A person's time, in seconds.
#[derive(Debug, Serialize, ToSchema)]
pub struct EffortView {
    /// The person.
    pub person: String,
    /// In how many incidents they did something.
    pub incidents: usize,
    /// While incidents were asked about or worked on.
    pub responding_s: i64,
    /// After incidents were over: reviews, follow-ups.
    pub learning_s: i64,
    /// All of it. What was for two incidents, or both kinds, at once counts once.
    pub total_s: i64,
    /// How much of it was when they do not work.
    pub off_hours_s: i64,
    /// How often they were called out of their own time.
    pub called: usize,
}

/// Everybody's time.
#[derive(Debug, Serialize, ToSchema)]
pub struct PeopleView {
    /// Those with the most first.
    pub items: Vec<EffortView>,
    /// Always null: all people are here.
    pub next: Option<String>,
    /// From how many incidents.
    pub incidents: usize,
    /// How many older ones are left out: at most the 500 newest are read.
    pub left_out: usize,
    /// For how many minutes before it an act stands.
    pub act_minutes: u32,
}

impl From<&Effort> for EffortView {
    fn from(e: &Effort) -> EffortView {
        EffortView {
            person: e.name.clone(),
            incidents: e.incidents,
            responding_s: e.responding_ms / 1000,
            learning_s: e.learning_ms / 1000,
            total_s: e.total_ms / 1000,
            off_hours_s: e.off_ms / 1000,
            called: e.called,
        }
    }
}

/// How long an act stands for.
///
/// # Errors
/// What may be said instead.
pub fn minutes(given: Option<u32>) -> Result<u32, String> {
    let m = given.unwrap_or(MINUTES);
    let fits = (1..=MINUTES_MAX).contains(&m);
    fits.then_some(m)
        .ok_or(format!("act_minutes is a number from 1 to {MINUTES_MAX}."))
}

/// Everybody's time in what a question is about.
///
/// # Errors
/// What the store says.
pub async fn of(app: &App, question: Question, minutes: u32) -> Result<people::People, Problem> {
    let house = &app.desk.house;
    let (catalogue, process) = (house.catalogue.load_full(), house.process.load_full());
    let known = catalogue.clone();
    let look = move |table: &Table| people::chosen(table, &question, &known);
    let (refs, left_out) = app.desk.figures.look(&app.desk.store, look).await?;
    let incidents = refs.len();
    let judge = house.clone();
    let read = move |c: &mut dyn imp_engine::Conn| {
        let acts = people::acts(c, &refs, &judge)?;
        Ok(people::efforts(
            &acts,
            i64::from(minutes) * 60_000,
            &process,
            &catalogue,
        ))
    };
    Ok(people::People {
        efforts: app.desk.store.read(read).await?,
        incidents,
        left_out,
    })
}

/// Whose time went into incidents, by what people did in them: each act stands for the minutes before it.
#[utoipa::path(get, path = "/insights/people", params(PeopleQuery), responses((status = 200, body = PeopleView), (status = 400, body = Problem)))]
pub async fn show(State(app): State<Arc<App>>, _caller: Caller, q: Asked<PeopleQuery>) -> Answer<Json<PeopleView>> {
    let q = query(q)?;
    let minutes = minutes(q.act_minutes).map_err(Problem::bad)?;
    let question = q.question().map_err(Problem::bad)?;
    let found = of(&app, question, minutes).await?;
    Ok(Json(PeopleView {
        items: found.efforts.iter().map(Into::into).collect(),
        next: None,
        incidents: found.incidents,
        left_out: found.left_out,
        act_minutes: minutes,
    }))
}
