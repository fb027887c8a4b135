//! `imp insights`: the numbers, from the store itself, beside whoever writes, or from an `imp serve` elsewhere.

use crate::Failure;
use crate::config::Config;
use crate::picture;
use crate::script::{self, Common, client::part};
use clap::{Args, ValueEnum};
use imp_console::api::insights::InsightsView;
use imp_console::chart::{Poster, PosterGroup, poster};
use imp_core::Catalogue;
use imp_core::metric::METRICS;
use imp_engine::desk::sheet;
use imp_engine::insights::{self, By, Question};
use imp_engine::store::apart;
use imp_engine::{Store, StoreError};
use serde_json::Value;
use std::io::{IsTerminal as _, Write as _};
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
    /// A picture.
    Svg,
    /// The same, in pixels.
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
    /// team, service, severity, country, brand, tier, cause, month, week or day; several with commas
    #[arg(long, default_value = "team")]
    by: String,
    /// Only incidents with this: team=payments, severity=SEV1; service, country, brand, tier, cause, origin. May be repeated
    #[arg(long = "only", value_name = "WHAT=VALUE")]
    only: Vec<String>,
    /// In which form
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Into this file instead of standard output
    #[arg(long)]
    output: Option<PathBuf>,
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
    if format == Format::Png && asked.output.is_none() && std::io::stdout().is_terminal() {
        return Err(Failure::Wrong(
            "a picture in pixels is no text: write --output FILE, or send it somewhere with > FILE".to_owned(),
        ));
    }
    let mut question =
        Question::read(asked.from.as_deref(), asked.to.as_deref(), Some(&asked.by)).map_err(Failure::Wrong)?;
    for only in &asked.only {
        let Some((what, value)) = only.split_once('=').map(|(w, v)| (w.trim(), v.trim())) else {
            return Err(Failure::Wrong(format!(
                "--only is WHAT=VALUE, such as team=payments, not {only:?}"
            )));
        };
        question.filter.set(what, value).map_err(Failure::Wrong)?;
    }
    let answer = if common.url.is_some() {
        let api = script::client(&common, |file: &PathBuf| load(file))?;
        let only = asked.only.iter().filter_map(|o| o.split_once('='));
        let given = [("from", &asked.from), ("to", &asked.to)];
        let given = given.into_iter().filter_map(|(n, v)| Some((n, v.as_deref()?)));
        let mut path = format!("/api/v1/insights?by={}", part(&asked.by));
        for (name, value) in given.chain(only) {
            path.push_str(&format!("&{}={}", part(name.trim()), part(value.trim())));
        }
        api.get(&path).await?
    } else {
        here(&load(&common.config)?, &question)?
    };
    let keys: Vec<&str> = question.by.iter().map(|b| b.word()).collect();
    let out: Vec<u8> = match format {
        Format::Json => answer.to_string().into(),
        Format::Csv => csv(&answer, &keys).into(),
        Format::Table => table(&answer, &keys).into(),
        Format::Svg => poster(&drawing(&answer, &question, &asked)).into(),
        Format::Png => picture::png(&poster(&drawing(&answer, &question, &asked))).map_err(Failure::Failed)?,
    };
    deliver(&out, format, asked.output.as_deref())
}

/// To the file, or to standard output: text with a line's end, a picture as it is.
fn deliver(out: &[u8], format: Format, file: Option<&Path>) -> Result<(), Failure> {
    let end: &[u8] = if format == Format::Png { b"" } else { b"\n" };
    let written = match file {
        Some(file) => std::fs::write(file, [out, end].concat()).map_err(|e| format!("{}: {e}", file.display())),
        None => {
            let mut stdout = std::io::stdout().lock();
            let done = stdout
                .write_all(out)
                .and_then(|()| stdout.write_all(end))
                .and_then(|()| stdout.flush());
            done.map_err(|e| format!("standard output: {e}"))
        }
    };
    written.map_err(|e| Failure::Failed(format!("cannot be written: {e}")))
}

/// What a picture of the answer shows.
fn drawing(answer: &Value, question: &Question, asked: &Asked) -> Poster {
    let resolve = &METRICS[3];
    let name = |row: &Value| {
        let words = question.by.iter().map(|by| match row[by.word()].as_str() {
            Some(word) => word.to_owned(),
            None => format!("no {}", by.word()),
        });
        words.collect::<Vec<_>>().join(" · ")
    };
    let group = |row: &Value| {
        let at = |part: &str| row[part][resolve.name].as_f64();
        PosterGroup {
            label: name(row),
            incidents: count(&row["incidents"]),
            spread: at("p25")
                .zip(at("p50"))
                .zip(at("p75").zip(at("p90")))
                .map(|((p25, p50), (p75, p90))| [p25, p50, p75, p90]),
            n: count(&row["n"][resolve.name]),
        }
    };
    let by: Vec<&str> = question.by.iter().map(|b| b.word()).collect();
    let range = match (&asked.from, &asked.to) {
        (None, None) => "of all time".to_owned(),
        (Some(from), None) => format!("from {from}"),
        (None, Some(to)) => format!("up to {to}"),
        (Some(from), Some(to)) => format!("from {from} to {to}"),
    };
    let only = match asked.only.is_empty() {
        true => String::new(),
        false => format!(", only {}", asked.only.join(", ")),
    };
    Poster {
        title: format!("Incidents by {}", by.join(" and ")),
        note: format!(
            "{} incidents {range}{only}, by the day of detection in UTC.",
            count(&answer["total"]["incidents"])
        ),
        // The font that comes along has no minus.
        lengths: format!("{} ({})", resolve.label, resolve.formula().replace('−', "–")),
        is_time: matches!(question.by.as_slice(), [By::Month | By::Week | By::Day]),
        groups: answer["items"].as_array().into_iter().flatten().map(group).collect(),
    }
}

fn count(value: &Value) -> usize {
    value.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
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

/// Measurements that a table has: more are wider than a screen. The other forms have all.
const FIRST: usize = 4;
/// The numbers of a row that are counts.
const COUNTS: [&str; 10] = [
    "incidents",
    "back_filled",
    "reopened",
    "corrected",
    "declined",
    "merged",
    "triage",
    "tests",
    "updates_due",
    "updates_late",
];

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
        head.extend(
            ["", "_p25", "_p50", "_p75", "_p90", "_n", "_pending", "_invalid"].map(|end| format!("{}{end}", m.name)),
        );
    }
    let mut lines = vec![head.join(",")];
    for row in answer["items"].as_array().into_iter().flatten() {
        let mut line: Vec<String> = keys.iter().chain(&COUNTS).map(|k| quoted(plain(&row[*k]))).collect();
        for m in METRICS {
            line.push(plain(&row[m.name]));
            line.extend(["p25", "p50", "p75", "p90", "n", "pending", "invalid"].map(|part| plain(&row[part][m.name])));
        }
        lines.push(line.join(","));
    }
    lines.join("\n")
}

fn table(answer: &Value, keys: &[&str]) -> String {
    let mut lines: Vec<Vec<String>> = Vec::new();
    let mut head: Vec<String> = keys.iter().map(|k| k.to_uppercase()).collect();
    head.push("INCIDENTS".to_owned());
    for m in &METRICS[..FIRST] {
        let name = m.name.trim_end_matches("_s").to_uppercase();
        head.extend([name, "P50".to_owned(), "P90".to_owned(), "N".to_owned()]);
    }
    lines.push(head);
    let row = |row: &Value, named: Vec<String>| {
        let mut line = named;
        line.push(plain(&row["incidents"]));
        for m in &METRICS[..FIRST] {
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
