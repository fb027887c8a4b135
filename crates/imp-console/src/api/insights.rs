//! Numbers out, and history in.

use super::body::Body;
use super::call::{Answer, Asked, query};
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use axum::Json;
use axum::extract::State;
use imp_core::metric::{METRICS, Summary};
use imp_core::rights::Right;
use imp_engine::SubmitError;
use imp_engine::import::{self, Kept, Told};
use imp_engine::insights::{self, By, Group, Number, Question, Report, Table};
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
    /// `team` (where it is left out), `service`, `severity`, `country`, `brand`, `tier`, `cause`, `month`, `week`, `day`;
    /// several with commas.
    by: Option<String>,
    /// Only incidents of this team, by its alias.
    team: Option<String>,
    /// Only incidents of this service, by its alias.
    service: Option<String>,
    /// Only incidents of services of this tier.
    tier: Option<String>,
    /// Only incidents of teams of this country.
    country: Option<String>,
    /// Only incidents of teams of this brand.
    brand: Option<String>,
    /// Only incidents of this severity.
    severity: Option<String>,
    /// Only incidents with this cause.
    cause: Option<String>,
    /// Only those that were lived through here (`lived`), or brought in (`imported`).
    origin: Option<String>,
}

/// A number for each measurement, in seconds; null where no incident has both ends.
pub type Lengths = BTreeMap<&'static str, Option<f64>>;
/// A count for each measurement.
pub type Counts = BTreeMap<&'static str, usize>;

/// Numbers over a group of incidents. Lengths are in seconds, over the incidents that have both ends; null: none has.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct InsightView {
    /// What the incidents have in common, under the words of `by`: `"team": "payments"`; null where it is not known.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub key: BTreeMap<String, Option<String>>,
    /// How many incidents.
    pub incidents: usize,
    /// How many of them were brought in from elsewhere.
    pub back_filled: usize,
    /// How many of them were opened again after they had been resolved.
    pub reopened: usize,
    /// How many times of theirs somebody put right (`…/times`).
    pub corrected: usize,
    /// False alarms; they are no incidents, and in none of the other numbers.
    pub declined: usize,
    /// Those that were merged into others; they are in none of the other numbers.
    pub merged: usize,
    /// Those of which nobody has said yet whether they are real; they are in none of the other numbers.
    pub triage: usize,
    /// Drills and tests: an alert opened them, and all of their alerts carry the label `imp_exercise`. They are in none
    /// of the other numbers.
    pub tests: usize,
    /// Stretches without an update, over incidents that are over and whose severity asks for updates.
    pub updates_due: usize,
    /// How many of them were longer than the severity allows.
    pub updates_late: usize,
    /// The means.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub mean: Lengths,
    /// What a quarter is at most.
    #[schema(value_type = Object)]
    pub p25: Lengths,
    /// The medians.
    #[schema(value_type = Object)]
    pub p50: Lengths,
    /// What three quarters are at most.
    #[schema(value_type = Object)]
    pub p75: Lengths,
    /// What nine in ten are at most.
    #[schema(value_type = Object)]
    pub p90: Lengths,
    /// How many incidents have both ends.
    #[schema(value_type = Object)]
    pub n: Counts,
    /// How many may still get their second end.
    #[schema(value_type = Object)]
    pub pending: Counts,
    /// How many were left out since their times run backwards.
    #[schema(value_type = Object)]
    pub invalid: Counts,
}

/// How a measurement is worked out.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DefinitionView {
    /// Its name; the unit is seconds.
    pub name: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// The formula: `resolved − detected`.
    pub formula: String,
    /// Goes up when the formula changes.
    pub version: u32,
    /// When exactly the first point is.
    pub from: &'static str,
    /// When exactly the second point is.
    pub to: &'static str,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct InsightsView {
    /// The groups. Private incidents are in none of them.
    pub items: Vec<InsightView>,
    /// Always null: all groups are here.
    pub next: Option<String>,
    /// All groups together, and private incidents in blocks of five; with a filter without them.
    pub total: InsightView,
    /// How each measurement is worked out.
    pub definitions: Vec<DefinitionView>,
}

impl InsightsQuery {
    fn question(&self) -> Result<Question, String> {
        let mut out = Question::read(self.from.as_deref(), self.to.as_deref(), self.by.as_deref())?;
        let given = [
            ("team", &self.team),
            ("service", &self.service),
            ("tier", &self.tier),
            ("country", &self.country),
            ("brand", &self.brand),
            ("severity", &self.severity),
            ("cause", &self.cause),
            ("origin", &self.origin),
        ];
        for (name, value) in given {
            out.filter.set(name, value.as_deref().unwrap_or_default().trim())?;
        }
        Ok(out)
    }
}

impl InsightView {
    fn of(group: &Group, by: &[By]) -> InsightView {
        let lengths = |of: fn(&Summary) -> f64| {
            let one = |number: &Number| number.summary.as_ref().map(of);
            METRICS
                .iter()
                .map(|m| m.name)
                .zip(group.numbers.iter().map(one))
                .collect()
        };
        let counts = |of: fn(&Number) -> usize| {
            METRICS
                .iter()
                .map(|m| m.name)
                .zip(group.numbers.iter().map(of))
                .collect()
        };
        InsightView {
            key: by
                .iter()
                .map(|b| b.word().to_owned())
                .zip(group.key.iter().cloned())
                .collect(),
            incidents: group.incidents,
            back_filled: group.back_filled,
            reopened: group.reopened,
            corrected: group.corrected,
            declined: group.declined,
            merged: group.merged,
            triage: group.triage,
            tests: group.tests,
            updates_due: group.updates_due,
            updates_late: group.updates_late,
            mean: lengths(|s| s.mean),
            p25: lengths(|s| s.p25),
            p50: lengths(|s| s.p50),
            p75: lengths(|s| s.p75),
            p90: lengths(|s| s.p90),
            n: counts(|number| number.summary.map_or(0, |s| s.n)),
            pending: counts(|number| number.pending),
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
            definitions: METRICS
                .iter()
                .map(|m| DefinitionView {
                    name: m.name,
                    label: m.label,
                    formula: m.formula(),
                    version: m.version,
                    from: m.from.meaning(),
                    to: m.to.meaning(),
                })
                .collect(),
        }
    }
}

/// How many incidents there were, and how long things took.
#[utoipa::path(get, path = "/insights", params(InsightsQuery), responses((status = 200, body = InsightsView), (status = 400, body = Problem)))]
pub async fn show(State(app): State<Arc<App>>, _caller: Caller, q: Asked<InsightsQuery>) -> Answer<Json<InsightsView>> {
    let q = query(q)?;
    let question = q.question().map_err(Problem::bad)?;
    let by = question.by.clone();
    let catalogue = app.desk.house.catalogue.load_full();
    let look = move |table: &Table| insights::report(table, &question, &catalogue);
    let report = app.desk.figures.look(&app.desk.store, look).await?;
    Ok(Json(InsightsView::of(&report, &by)))
}

/// History to bring in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportBody {
    /// The incidents, at most 500: `title`, `ref`, `severity`, `status`, `service`, `team`, `summary`, `started_at`,
    /// `detected_at`, `acknowledged_at`, `mitigated_at`, `resolved_at`, `closed_at`, `key`.
    #[schema(value_type = Vec<Object>)]
    #[serde(deserialize_with = "objects")]
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
) -> Answer<Json<ImportView>> {
    caller.must(Right::Import)?;
    if b.rows.len() > ROWS_MAX {
        return Err(Problem::bad(format!("rows: at most {ROWS_MAX} in one call.")));
    }
    if i64::try_from(b.above).is_err() {
        return Err(Problem::bad("above: no reference is as high as that."));
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
        let deed = crate::witness::deed(&caller, now, "import", None, serde_json::Value::Null);
        let out = Arc::new(Mutex::new(Vec::new()));
        let answer = out.clone();
        let written = app.desk.write(move |conn| {
            let kept = import::keep(conn, &house, &by, now, &pasts, above)?;
            import::witness(conn, deed, &kept)?;
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

/// Rows by name: a list of values without names would be taken for one too.
fn objects<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Told>, D::Error> {
    use serde::de::Error as _;
    let rows = Vec::<serde_json::Map<String, serde_json::Value>>::deserialize(from)?;
    let one = |row| serde_json::from_value(serde_json::Value::Object(row)).map_err(D::Error::custom);
    rows.into_iter().map(one).collect()
}
