//! Walks the repository and says what is out of place, each with its reason.

use std::fs;
use std::path::{Path, PathBuf};

/// The largest file that may be kept: larger ones make every clone slow, for ever.
const FILE_MAX: u64 = 1500 * 1024;
/// Lines of a Rust file: longer ones hide what belongs together.
const LINES_MAX: usize = 900;
/// What the core may depend on: none of it knows a clock, a network, a disk or a runtime.
/// `jiff` is here for its arithmetic of days and zones; the core uses the rules that are compiled in, and never its `now`.
const PURE: [&str; 7] = [
    "deunicode",
    "jiff",
    "serde",
    "serde_json",
    "strsim",
    "thiserror",
    "toml",
];
/// The files that may ask the machine what time it is.
const CLOCKS: [&str; 3] = [
    "crates/imp-engine/src/clock.rs",
    "crates/imp-practice/src/clock.rs",
    "crates/imp/tests/it/doors.rs",
];
/// Folders that are made, not written.
const MADE: [&str; 6] = [".git", "target", "node_modules", "__pycache__", ".venv", "screenshots"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the repository")
}

/// Every file that was written, by its path in the repository.
fn files() -> Vec<String> {
    let root = root();
    let mut folders = vec![root.clone()];
    let mut out = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            match path.is_dir() {
                true if !MADE.contains(&name.as_str()) => folders.push(path),
                true => {}
                false => out.push(path.strip_prefix(&root).expect("inside").display().to_string()),
            }
        }
    }
    out.sort();
    out
}

fn rust() -> Vec<(String, String)> {
    let all = files().into_iter().filter(|f| f.ends_with(".rs"));
    all.map(|f| (f.clone(), fs::read_to_string(root().join(&f)).expect("text")))
        .collect()
}

fn none(faults: Vec<String>, reason: &str) {
    assert!(faults.is_empty(), "{reason}\n{}", faults.join("\n"));
}

/// Names in a section of a `Cargo.toml`.
fn dependencies(path: &str, section: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(path)).expect("a Cargo.toml");
    let table: toml::Table = text.parse().expect("TOML");
    table
        .get(section)
        .and_then(toml::Value::as_table)
        .into_iter()
        .flat_map(toml::Table::keys)
        .cloned()
        .collect()
}

fn crates() -> Vec<String> {
    let all = files()
        .into_iter()
        .filter_map(|f| f.strip_suffix("/Cargo.toml").map(str::to_owned));
    all.filter(|f| f.starts_with("crates/"))
        .map(|f| f.trim_start_matches("crates/").to_owned())
        .collect()
}

#[test]
fn the_core_is_pure() {
    let strangers = dependencies("crates/imp-core/Cargo.toml", "dependencies")
        .into_iter()
        .filter(|d| !PURE.contains(&d.as_str()));
    none(
        strangers.collect(),
        "imp-core decides from what it is given, so that every decision can be tested in microseconds and told again from the journal. These dependencies are not pure:",
    );
}

#[test]
fn rooms_have_no_upward_arrow() {
    let allowed: [(&str, &[&str]); 7] = [
        ("imp-core", &[]),
        ("imp-engine", &["imp-core"]),
        ("imp-vendors", &["imp-core"]),
        ("imp-console", &["imp-core", "imp-engine", "imp-shaper"]),
        ("imp-practice", &[]),
        ("imp-shaper", &[]),
        (
            "imp",
            &[
                "imp-core",
                "imp-engine",
                "imp-vendors",
                "imp-console",
                "imp-practice",
                "imp-shaper",
            ],
        ),
    ];
    let mut faults = Vec::new();
    for (name, may) in allowed {
        for d in dependencies(&format!("crates/{name}/Cargo.toml"), "dependencies") {
            if d.starts_with("imp-") && !may.contains(&d.as_str()) {
                faults.push(format!("{name} → {d}"));
            }
        }
    }
    none(
        faults,
        "Engine and vendors meet only in the binary, through the core's traits; the practice workspace knows none of our types, so that it cannot share our misreadings. These arrows break that:",
    );
}

#[test]
fn vendors_do_not_know_each_other() {
    let vendors = ["slack", "jira", "statuspage", "opslevel", "zoom", "alerts", "git"];
    let mut faults = Vec::new();
    for (file, text) in rust() {
        let Some(own) = vendors
            .iter()
            .find(|v| file.starts_with(&format!("crates/imp-vendors/src/{v}/")))
        else {
            continue;
        };
        for other in vendors.iter().filter(|v| *v != own) {
            let named = text.lines().position(|l| {
                l.contains(&format!("crate::{other}::")) || l.contains(&format!("super::super::{other}::"))
            });
            faults.extend(named.map(|n| format!("{file}:{} names {other}", n + 1)));
        }
    }
    none(
        faults,
        "A vendor can be taken away by deleting its folder and one line of wiring, as long as no other vendor's folder names it:",
    );
}

#[test]
fn time_is_handed_in() {
    let calls = ["SystemTime::now(", "Timestamp::now(", "Zoned::now("];
    let found = rust()
        .into_iter()
        .filter(|(f, _)| !CLOCKS.contains(&f.as_str()) && !f.ends_with("it/tidy.rs"));
    let faults = found.flat_map(|(f, text)| {
        let lines: Vec<usize> = text
            .lines()
            .enumerate()
            .filter(|(_, l)| calls.iter().any(|c| l.contains(c)))
            .map(|(n, _)| n + 1)
            .collect();
        lines.into_iter().map(move |n| format!("{f}:{n}"))
    });
    none(
        faults.collect(),
        "Whoever asks the machine for the time cannot be tested at another time. Ask imp_engine::clock::Clock; the clock's own files are the only exception:",
    );
}

#[test]
fn the_architecture_names_every_crate_and_table() {
    let Ok(text) = fs::read_to_string(root().join("ARCHITECTURE.md")) else {
        panic!("ARCHITECTURE.md is missing: whoever comes new reads it first");
    };
    let mut wanted = crates();
    for file in files()
        .into_iter()
        .filter(|f| f.starts_with("crates/imp-engine/migrations/"))
    {
        let sql = fs::read_to_string(root().join(&file)).expect("SQL").to_lowercase();
        wanted.extend(
            sql.lines()
                .filter_map(|l| l.trim().strip_prefix("create table "))
                .map(|l| {
                    let name = l.trim_start_matches("if not exists ");
                    name.split(|c: char| !c.is_alphanumeric() && c != '_')
                        .next()
                        .unwrap_or_default()
                        .to_owned()
                }),
        );
    }
    let missing = wanted
        .into_iter()
        .filter(|w| !text.contains(&format!("`{w}`")) && !text.contains(&format!("{w}/")));
    none(
        missing.collect(),
        "ARCHITECTURE.md is the map: a crate or a table that is not on it is found by nobody. It does not name:",
    );
}

#[test]
fn files_stay_small() {
    let heavy = files()
        .into_iter()
        .filter(|f| fs::metadata(root().join(f)).is_ok_and(|m| m.len() > FILE_MAX));
    none(
        heavy.collect(),
        "Every clone carries every file for ever; these are larger than 1500 KiB:",
    );
    let long = rust()
        .into_iter()
        .filter(|(_, text)| text.lines().count() > LINES_MAX)
        .map(|(f, _)| f);
    none(
        long.collect(),
        "A file is read as a whole; these are longer than 900 lines and hold more than one thing:",
    );
}

#[test]
fn every_rust_file_says_what_it_is() {
    let mute = rust()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(f, _)| f);
    none(
        mute.collect(),
        "The first line of a file says what this room is (`//! …`), so that nobody reads on for nothing. These do not:",
    );
}

#[test]
fn exceptions_have_reasons_and_tests_are_run() {
    let words = [
        concat!("#[al", "low("),
        concat!("#![al", "low("),
        concat!("#[ig", "nore"),
        concat!("unsafe", " {"),
    ];
    let faults = rust().into_iter().flat_map(|(f, text)| {
        let lines: Vec<usize> = text
            .lines()
            .enumerate()
            .filter(|(_, l)| words.iter().any(|w| l.contains(w)))
            .map(|(n, _)| n + 1)
            .collect();
        lines.into_iter().map(move |n| format!("{f}:{n}"))
    });
    none(
        faults.collect(),
        "An exception is written #[expect(…, reason = \"…\")], so that it goes when its reason goes; a test that is not run says nothing:",
    );
}

#[test]
fn nothing_knows_the_machine_it_was_written_on() {
    let paths = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let kinds = [
        ".rs", ".toml", ".md", ".py", ".mjs", ".js", ".json", ".sql", ".html", ".yml", ".yaml",
    ];
    let read = |f: &String| {
        kinds
            .iter()
            .any(|k| f.ends_with(k))
            .then(|| fs::read_to_string(root().join(f)).ok())
            .flatten()
    };
    let faults = files().into_iter().filter_map(|f| {
        let text = read(&f)?;
        paths.iter().any(|p| text.contains(p)).then_some(f)
    });
    none(
        faults.collect(),
        "A path of somebody's machine works nowhere else; these files hold one:",
    );
}

#[test]
fn locks_name_no_registry() {
    let faults = files().into_iter().filter(|f| {
        f.ends_with("package-lock.json") && fs::read_to_string(root().join(f)).is_ok_and(|t| t.contains("\"resolved\""))
    });
    none(
        faults.collect(),
        "A lock that names a registry works only where that is reached. Make it with `npm install --omit-lockfile-registry-resolved`:",
    );
}
