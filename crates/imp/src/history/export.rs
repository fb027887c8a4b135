//! `imp export`: every incident but private ones as a row that `imp import` reads, in the order of the references.

use crate::Failure;
use crate::config::Config;
use clap::ValueEnum;
use imp_core::metric::{self, Point};
use imp_core::{Incident, Process};
use imp_engine::import::{self, Told};
use imp_engine::store::apart;
use imp_engine::{Store, StoreError};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// An object of JSON a line.
    Jsonl,
    /// A table with commas.
    Csv,
}

/// Writes all of it. Whoever serves the store goes on meanwhile.
///
/// # Errors
/// Where the store cannot be read or the file not be written.
pub fn write(config: &Config, process: &Process, file: Option<&Path>, format: Option<Format>) -> Result<(), Failure> {
    let ending = file
        .and_then(Path::extension)
        .map(|e| e.to_string_lossy().to_lowercase());
    let format = match (format, ending.as_deref()) {
        (Some(f), _) => f,
        (None, Some("csv")) => Format::Csv,
        (None, Some("jsonl" | "ndjson" | "json") | None) => Format::Jsonl,
        (None, Some(_)) => {
            return Err(Failure::Wrong(
                "the file's name ends in .csv or .jsonl, or --format says what it shall be".to_owned(),
            ));
        }
    };
    let Some(file) = file else {
        return all(config, process, format, &mut BufWriter::new(io::stdout())).map(drop);
    };
    if file.exists() {
        let name = file.display();
        return Err(Failure::Failed(format!("{name} is there already; name another file")));
    }
    // It gets its name when it is whole, so that half of one is never taken for all.
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let failed = |e: io::Error| Failure::Failed(format!("{} cannot be written: {e}", file.display()));
    let mut out = BufWriter::new(File::create(&part).map_err(failed)?);
    let written = all(config, process, format, &mut out).and_then(|n| {
        out.get_ref()
            .sync_all()
            .and_then(|()| std::fs::rename(&part, file))
            .map_err(failed)?;
        Ok(n)
    });
    match written {
        Ok(n) => {
            let _ = writeln!(io::stderr(), "imp: {n} incidents written");
            Ok(())
        }
        Err(e) => {
            // The disk may be full: what is there is of no use.
            let _ = std::fs::remove_file(&part);
            Err(e)
        }
    }
}

fn all(config: &Config, process: &Process, format: Format, out: &mut (impl Write + Send)) -> Result<u64, Failure> {
    let mut conn = Store::peek(&config.store.url).map_err(|e| Failure::Failed(e.to_string()))?;
    let mut n = 0;
    let written = apart(|| {
        let lost = |e: io::Error| StoreError(format!("the rows cannot be written: {e}"));
        if format == Format::Csv {
            writeln!(out, "{}", Told::COLUMNS.join(",")).map_err(lost)?;
        }
        conn.each(
            "select state from incident where private = 0 order by ref",
            &[],
            &mut |row| {
                let i: Incident = serde_json::from_str(row.text(0)).map_err(|e| StoreError(e.to_string()))?;
                let told = told(&i, process);
                n += 1;
                match format {
                    Format::Jsonl => {
                        let line = serde_json::to_string(&told).map_err(|e| StoreError(e.to_string()))?;
                        writeln!(out, "{line}").map_err(lost)
                    }
                    Format::Csv => {
                        let fields = Told::COLUMNS.map(|c| quoted(told.get(c).unwrap_or_default()));
                        writeln!(out, "{}", fields.join(",")).map_err(lost)
                    }
                }
            },
        )?;
        out.flush().map_err(lost)
    });
    written.map_err(|e| Failure::Failed(e.to_string()))?;
    Ok(n)
}

/// A field as RFC 4180 has it.
fn quoted(text: &str) -> String {
    let plain = !text.contains([',', '"', '\n', '\r', ';']) && text.trim() == text;
    match plain {
        true => text.to_owned(),
        false => format!("\"{}\"", text.replace('"', "\"\"")),
    }
}

/// An incident as a row.
fn told(i: &Incident, process: &Process) -> Told {
    let at = |point| metric::point(i, process, point).map(|at| at.rfc3339());
    Told {
        title: Some(i.title.clone()),
        reference: Some(i.reference.to_string()),
        severity: Some(i.severity.clone()),
        status: Some(i.status.clone()),
        service: i.service.as_ref().map(|s| s.alias.clone()),
        team: i.team.as_ref().map(|t| t.alias.clone()),
        summary: Some(i.summary.clone()).filter(|s| !s.is_empty()),
        started_at: at(Point::Started),
        detected_at: at(Point::Detected),
        acknowledged_at: at(Point::Acknowledged),
        mitigated_at: at(Point::Mitigated),
        resolved_at: at(Point::Resolved),
        closed_at: at(Point::Closed),
        key: import::source_key(i),
    }
}
