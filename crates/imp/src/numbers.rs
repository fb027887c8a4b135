//! `imp insights`: the numbers, from the store itself, beside whoever writes, or from an `imp serve` elsewhere.

use crate::config::Config;
use crate::script::{self, Common, client::part};
use crate::{Failure, say};
use clap::{Args, ValueEnum};
use imp_console::api::insights::InsightsView;
use imp_core::Catalogue;
use imp_core::metric::METRICS;
use imp_engine::desk::sheet;
use imp_engine::insights::{self, Question};
use imp_engine::store::apart;
use imp_engine::{Store, StoreError};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// As the API answers.
    Json,
    /// For spreadsheets.
    Csv,
    /// To come.
    Svg,
    /// To come.
    Png,
}

/// What is asked.
#[derive(Debug, Args)]
pub struct Asked {
    /// From this day on: 2026-11-01
    #[arg(long)]
    from: Option<String>,
    /// Up to this day, included
    #[arg(long)]
    to: Option<String>,
    /// team, service, severity, country, brand, tier or month; several with commas
    #[arg(long, default_value = "team")]
    by: String,
    /// In which form
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Shows the numbers.
///
/// # Errors
/// Where the question is wrong, or nobody can answer it.
pub async fn show(
    asked: Asked,
    common: Common,
    load: impl Fn(&Path) -> Result<Config, Failure>,
) -> Result<(), Failure> {
    let format = if common.json { Format::Json } else { asked.format };
    if matches!(format, Format::Svg | Format::Png) {
        return Err(Failure::Wrong(
            "--format svg and --format png are to come; table, json and csv are there".to_owned(),
        ));
    }
    let question =
        Question::read(asked.from.as_deref(), asked.to.as_deref(), Some(&asked.by)).map_err(Failure::Wrong)?;
    let answer = if common.url.is_some() {
        let api = script::client(&common, |file: &PathBuf| load(file))?;
        let given = [("from", &asked.from), ("to", &asked.to)];
        let mut path = format!("/api/v1/insights?by={}", part(&asked.by));
        for (name, value) in given {
            if let Some(v) = value {
                path.push_str(&format!("&{name}={}", part(v)));
            }
        }
        api.get(&path).await?
    } else {
        here(&load(&common.config)?, &question)?
    };
    let keys: Vec<&str> = question.by.iter().map(|b| b.word()).collect();
    say(&match format {
        Format::Json => answer.to_string(),
        Format::Csv => csv(&answer, &keys),
        Format::Table | Format::Svg | Format::Png => table(&answer, &keys),
    });
    Ok(())
}

fn here(config: &Config, question: &Question) -> Result<Value, Failure> {
    let mut conn = Store::peek(&config.store.url).map_err(|e| Failure::Failed(e.to_string()))?;
    let report = apart(|| {
        let catalogue = sheet::<Catalogue>(conn.as_mut(), "catalogue")?.unwrap_or_default();
        insights::answer(conn.as_mut(), question, &catalogue)
    });
    let report = report.map_err(|e: StoreError| Failure::Failed(format!("the store does not work: {e}")))?;
    serde_json::to_value(InsightsView::of(&report, &question.by)).map_err(|e| Failure::Failed(e.to_string()))
}

/// The numbers of a row that are counts.
const COUNTS: [&str; 5] = ["incidents", "back_filled", "declined", "merged", "triage"];

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

fn csv(answer: &Value, keys: &[&str]) -> String {
    let quoted = |text: String| match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    };
    let mut head: Vec<String> = keys.iter().chain(&COUNTS).map(|k| (*k).to_owned()).collect();
    for m in METRICS {
        head.extend(["", "_p50", "_p90", "_n", "_invalid"].map(|end| format!("{}{end}", m.name)));
    }
    let mut lines = vec![head.join(",")];
    for row in answer["items"].as_array().into_iter().flatten() {
        let mut line: Vec<String> = keys.iter().chain(&COUNTS).map(|k| quoted(plain(&row[*k]))).collect();
        for m in METRICS {
            line.push(plain(&row[m.name]));
            line.extend(["p50", "p90", "n", "invalid"].map(|part| plain(&row[part][m.name])));
        }
        lines.push(line.join(","));
    }
    lines.join("\n")
}

fn table(answer: &Value, keys: &[&str]) -> String {
    let mut lines: Vec<Vec<String>> = Vec::new();
    let mut head: Vec<String> = keys.iter().map(|k| k.to_uppercase()).collect();
    head.push("INCIDENTS".to_owned());
    for m in METRICS {
        let name = m.name.trim_end_matches("_s").to_uppercase();
        head.extend([name, "P50".to_owned(), "P90".to_owned(), "N".to_owned()]);
    }
    lines.push(head);
    let row = |row: &Value, named: Vec<String>| {
        let mut line = named;
        line.push(plain(&row["incidents"]));
        for m in METRICS {
            line.extend([
                length(&row[m.name]),
                length(&row["p50"][m.name]),
                length(&row["p90"][m.name]),
            ]);
            line.push(plain(&row["n"][m.name]));
        }
        line
    };
    for item in answer["items"].as_array().into_iter().flatten() {
        let named = keys.iter().map(|k| match plain(&item[*k]) {
            name if name.is_empty() => "–".to_owned(),
            // A terminal obeys control characters.
            name => name.chars().filter(|c| !c.is_control()).collect(),
        });
        lines.push(row(item, named.collect()));
    }
    let named = keys
        .iter()
        .enumerate()
        .map(|(n, _)| if n == 0 { "all" } else { "" }.to_owned());
    lines.push(row(&answer["total"], named.collect()));
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|n| lines.iter().map(|l| l[n].chars().count()).max().unwrap_or(0))
        .collect();
    let draw = |line: &Vec<String>| {
        let cells = line
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(n, (text, width))| match n < keys.len() {
                true => format!("{text:width$}"),
                false => format!("{text:>width$}"),
            });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(draw).collect::<Vec<_>>().join("\n")
}

/// A length as people say it: `45 s`, `12.5 min`, `3.2 h`.
fn length(seconds: &Value) -> String {
    match seconds.as_f64() {
        None => "–".to_owned(),
        Some(s) if s < 120.0 => format!("{s:.0} s"),
        Some(s) if s < 7200.0 => format!("{:.1} min", s / 60.0),
        Some(s) => format!("{:.1} h", s / 3600.0),
    }
}
