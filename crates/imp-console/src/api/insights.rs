//! Numbers out, and history in.

use super::body::Body;
use super::incidents::query;
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use imp_core::Role;
use imp_core::metric::Summary;
use imp_engine::SubmitError;
use imp_engine::import::{self, Kept, Told};
use imp_engine::insights::{self, By, Group, Number, Report};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use utoipa::{IntoParams, ToSchema};

/// Rows of history in one call: the desk does nothing else meanwhile.
const ROWS_MAX: usize = 500;

/// Which incidents, and by what they are grouped.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InsightsQuery {
    /// From this day on (`2026-11-22`, UTC), by the time of detection, else of the beginning.
    from: Option<String>,
    /// Up to this day, included.
    to: Option<String>,
    /// `team` (where it is left out), `service`, `severity`, `country`, `brand`, `tier`, `month`; several with commas.
    by: Option<String>,
}

/// A number for each measurement; null where no incident has both ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct LengthsView {
    /// From started to detected, in seconds.
    pub mttd_s: Option<f64>,
    /// From detected to acknowledged, in seconds.
    pub mtta_s: Option<f64>,
    /// From detected to mitigated, in seconds.
    pub mttm_s: Option<f64>,
    /// From detected to resolved, in seconds.
    pub mttr_s: Option<f64>,
}

/// A count for each measurement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct CountsView {
    /// From started to detected.
    pub mttd_s: usize,
    /// From detected to acknowledged.
    pub mtta_s: usize,
    /// From detected to mitigated.
    pub mttm_s: usize,
    /// From detected to resolved.
    pub mttr_s: usize,
}

/// Numbers over a group of incidents. Lengths are in seconds, over the incidents that have both ends; null: none has.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct InsightView {
    /// What the incidents have in common, under the words of `by`: `"team": "payments"`; null where it is not known.
    #[serde(flatten)]
    pub key: BTreeMap<String, Option<String>>,
    /// How many incidents.
    pub incidents: usize,
    /// How many of them were brought in from elsewhere.
    pub back_filled: usize,
    /// False alarms; they are no incidents, and in none of the other numbers.
    pub declined: usize,
    /// Those that were merged into others; they are in none of the other numbers.
    pub merged: usize,
    /// Those of which nobody has said yet whether they are real; they are in none of the other numbers.
    pub triage: usize,
    /// The means.
    #[serde(flatten)]
    pub mean: LengthsView,
    /// The medians.
    pub p50: LengthsView,
    /// What nine in ten are at most.
    pub p90: LengthsView,
    /// How many incidents have both ends.
    pub n: CountsView,
    /// How many were left out since their times run backwards.
    pub invalid: CountsView,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct InsightsView {
    /// The groups. Private incidents are in none of them.
    pub items: Vec<InsightView>,
    /// Always null: all groups are here.
    pub next: Option<String>,
    /// All groups together, and private incidents in blocks of five.
    pub total: InsightView,
}

impl InsightView {
    fn of(group: &Group, by: &[By]) -> InsightView {
        let lengths = |of: fn(&Summary) -> f64| {
            // The order of `METRICS`.
            let [mttd_s, mtta_s, mttm_s, mttr_s] = group.numbers.map(|number| number.summary.as_ref().map(of));
            LengthsView {
                mttd_s,
                mtta_s,
                mttm_s,
                mttr_s,
            }
        };
        let counts = |of: fn(&Number) -> usize| {
            let [mttd_s, mtta_s, mttm_s, mttr_s] = group.numbers.map(|number| of(&number));
            CountsView {
                mttd_s,
                mtta_s,
                mttm_s,
                mttr_s,
            }
        };
        InsightView {
            key: by
                .iter()
                .map(|b| b.word().to_owned())
                .zip(group.key.iter().cloned())
                .collect(),
            incidents: group.incidents,
            back_filled: group.back_filled,
            declined: group.declined,
            merged: group.merged,
            triage: group.triage,
            mean: lengths(|s| s.mean),
            p50: lengths(|s| s.p50),
            p90: lengths(|s| s.p90),
            n: counts(|number| number.summary.map_or(0, |s| s.n)),
            invalid: counts(|number| number.invalid),
        }
    }
}

impl InsightsView {
    /// A report as the API shows it.
    pub fn of(report: &Report, by: &[By]) -> InsightsView {
        InsightsView {
            items: report.groups.iter().map(|g| InsightView::of(g, by)).collect(),
            next: None,
            total: InsightView::of(&report.total, &[]),
        }
    }
}

/// How many incidents there were, and how long things took.
#[utoipa::path(get, path = "/insights", params(InsightsQuery), responses((status = 200, body = InsightsView), (status = 400, body = Problem)))]
pub async fn show(
    State(app): State<Arc<App>>,
    _caller: Caller,
    q: Result<Query<InsightsQuery>, QueryRejection>,
) -> Result<Json<InsightsView>, Problem> {
    let q = query(q)?;
    let question =
        insights::Question::read(q.from.as_deref(), q.to.as_deref(), q.by.as_deref()).map_err(Problem::bad)?;
    let by = question.by.clone();
    let catalogue = app.desk.house.catalogue.load_full();
    let report = app
        .desk
        .store
        .read(move |c| insights::answer(c, &question, &catalogue))
        .await?;
    Ok(Json(InsightsView::of(&report, &by)))
}

/// History to bring in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportBody {
    /// The incidents, at most 500: `title`, `ref`, `severity`, `status`, `service`, `team`, `summary`, `started_at`,
    /// `detected_at`, `acknowledged_at`, `mitigated_at`, `resolved_at`, `closed_at`, `key`.
    #[schema(value_type = Vec<Object>)]
    pub rows: Vec<Told>,
    /// Only says what would happen.
    #[serde(default)]
    pub dry_run: bool,
    /// References that IMP chooses are above this one.
    #[serde(default)]
    pub above: u64,
}

/// What became of a row; one of `ref` and `error` is given, but for a new row of a dry run, which has neither.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportedView {
    /// Its incident.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// Whether it is new; else it was there before, and stays as it is.
    pub new: bool,
    /// What is wrong with it.
    pub error: Option<String>,
    /// What makes it the same row again.
    pub identity: Option<String>,
}

/// What became of the rows, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportView {
    /// One for each row.
    pub items: Vec<ImportedView>,
}

/// Brings history in. No vendor hears of it, and a row that is there already changes nothing. Asks for a manager's role.
#[utoipa::path(post, path = "/import", request_body = ImportBody,
    responses((status = 200, body = ImportView), (status = 400, body = Problem), (status = 403, body = Problem)))]
pub async fn bring_in(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(b): Body<ImportBody>,
) -> Result<Json<ImportView>, Problem> {
    if caller.role < Role::Manager {
        return Err(Problem::forbidden(
            "History is brought in by a manager or an administrator.",
        ));
    }
    if b.rows.len() > ROWS_MAX {
        return Err(Problem::bad(format!("rows: at most {ROWS_MAX} in one call.")));
    }
    let house = app.desk.house.clone();
    let (process, catalogue) = (house.process.load_full(), house.catalogue.load_full());
    let read: Vec<Result<import::Past, String>> = b
        .rows
        .iter()
        .map(|told| import::understand(told, &process, &catalogue))
        .collect();
    let pasts: Vec<import::Past> = read.iter().flatten().cloned().collect();
    let kept: Vec<Option<Kept>> = if b.dry_run {
        let look = move |c: &mut dyn imp_engine::Conn| {
            let one = |p: &import::Past| Ok(import::find(c, &p.identity)?.map(Kept::There));
            pasts.iter().map(one).collect()
        };
        app.desk.store.read(look).await?
    } else {
        let (by, now, above) = (caller.actor.clone(), app.desk.clock.now(), b.above);
        let out = Arc::new(Mutex::new(Vec::new()));
        let answer = out.clone();
        let written = app.desk.write(move |conn| {
            let kept = import::keep(conn, &house, &by, now, &pasts, above)?;
            *answer.lock().unwrap_or_else(PoisonError::into_inner) = kept;
            Ok(())
        });
        written.await.map_err(|e: SubmitError| Problem::from(e))?;
        let kept = std::mem::take(&mut *out.lock().unwrap_or_else(PoisonError::into_inner));
        kept.into_iter().map(Some).collect()
    };
    let mut kept = kept.into_iter();
    let items = read.into_iter().map(|row| match row {
        Err(why) => ImportedView {
            reference: None,
            new: false,
            error: Some(why),
            identity: None,
        },
        Ok(past) => {
            let (reference, new) = match kept.next().flatten() {
                Some(Kept::There(r)) => (Some(r), false),
                Some(Kept::New(r)) => (Some(r), true),
                None => (None, true),
            };
            ImportedView {
                reference: reference.map(|r| r.to_string()),
                new,
                error: None,
                identity: Some(past.identity),
            }
        }
    });
    Ok(Json(ImportView { items: items.collect() }))
}
