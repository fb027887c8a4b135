//! Incidents carried away: as a table for spreadsheets, or as the API shows them.

use super::incidents::Wanted;
use super::{Visitor, sorry};
use crate::App;
use crate::api::shapes::IncidentView;
use crate::filters::understand;
use crate::problem::Problem;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use imp_engine::read;
use std::sync::Arc;

/// Rows of an export at most: what a spreadsheet still opens. The API has no such end.
const MOST: usize = 20_000;

const COLUMNS: [&str; 13] = [
    "ref",
    "title",
    "status",
    "severity",
    "service",
    "team",
    "summary",
    "started_at",
    "detected_at",
    "acknowledged_at",
    "mitigated_at",
    "resolved_at",
    "closed_at",
];

/// A cell of a CSV file. A spreadsheet takes a text that begins like a formula for one, so such a text begins with an
/// apostrophe.
pub fn cell(text: &str) -> String {
    let formula = text.trim_start().starts_with(['=', '+', '-', '@']) || text.starts_with(['\t', '\r', '\n']);
    let text = match formula {
        true => format!("'{text}"),
        false => text.to_owned(),
    };
    match text.contains([',', '"', '\n', '\r', ';', '\t']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

fn row(i: &IncidentView) -> String {
    let value = |column: &str| -> String {
        match column {
            "ref" => i.reference.clone(),
            "title" => i.title.clone(),
            "status" => i.status.clone(),
            "severity" => i.severity.clone(),
            "service" => i.service.clone().unwrap_or_default(),
            "team" => i.team.clone().unwrap_or_default(),
            "summary" => i.summary.clone(),
            moment => i.timestamps.get(moment).cloned().unwrap_or_default(),
        }
    };
    let cells: Vec<String> = COLUMNS.iter().map(|c| cell(&value(c))).collect();
    cells.join(",")
}

/// What is filtered, as a file.
pub async fn incidents(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let w = match wanted {
        Ok(Query(w)) => w,
        Err(e) => return sorry(&caller, Problem::bad(e.body_text())),
    };
    let (filter, faults) = match understand(&app, &w.asked()).await {
        Ok(f) => f,
        Err(e) => return sorry(&caller, e.into()),
    };
    if !faults.is_empty() {
        return sorry(&caller, Problem::bad(faults.join(" ")));
    }
    let found = match app
        .desk
        .store
        .read(move |c| read::incidents(c, &filter, None, MOST))
        .await
    {
        Ok(f) => f,
        Err(e) => return sorry(&caller, e.into()),
    };
    let house = &app.desk.house;
    let seen = match crate::witness::shown(&app, &caller, &found, "exported").await {
        Ok(s) => s,
        Err(p) => return sorry(&caller, p),
    };
    let views: Vec<IncidentView> = seen
        .into_iter()
        .map(|i| IncidentView::of(i, &house.process_of(i)))
        .collect();
    let (kind, name, body) = match w.format.as_str() {
        "" | "csv" => {
            let lines = std::iter::once(COLUMNS.join(",")).chain(views.iter().map(row));
            let body = lines.map(|l| l + "\r\n").collect::<String>();
            ("text/csv; charset=utf-8", "incidents.csv", body)
        }
        "json" => {
            let body = serde_json::to_string_pretty(&views).unwrap_or_default();
            ("application/json", "incidents.json", body)
        }
        _ => return sorry(&caller, Problem::bad("format is csv or json.")),
    };
    let disposition = format!("attachment; filename=\"{name}\"");
    (
        [
            (header::CONTENT_TYPE, kind.to_owned()),
            (header::CONTENT_DISPOSITION, disposition),
        ],
        body,
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, safe) in [
            ("plain", "plain"),
            ("=1+1", "'=1+1"),
            (" =cmd|' /C calc'!A0", "' =cmd|' /C calc'!A0"),
            ("+49 30, Berlin", "\"'+49 30, Berlin\""),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "\"'\t=1\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("two\nlines", "\"two\nlines\""),
        ] {
            assert_eq!(cell(text), safe);
        }
    }
}
