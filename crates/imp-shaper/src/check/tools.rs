//! Judges that are not ours: real tools, run where they are installed, and said to be not run where they are not.

use super::{Finding, Level, Requirement, Result};
use crate::fault::one_line;
use crate::git;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long one of them may take.
const TIME_MAX: Duration = Duration::from_secs(60);

/// What each looks at: its name, the file that it needs, the words of the call.
const TOOLS: [(&str, &str, &[&str]); 6] = [
    (
        "hadolint",
        "Dockerfile",
        &["--failure-threshold", "error", "Dockerfile"],
    ),
    (
        "promtool",
        "observability/alerts.yaml",
        &["check", "rules", "observability/alerts.yaml"],
    ),
    (
        "zizmor",
        ".github/workflows/ci.yml",
        &[
            "--offline",
            "--min-severity",
            "high",
            "--quiet",
            ".github/workflows/ci.yml",
        ],
    ),
    ("actionlint", ".github/workflows/ci.yml", &[".github/workflows/ci.yml"]),
    ("terraform", "infra/main.tf", &["-chdir=infra", "fmt", "-check"]),
    (
        "kubernetes-validate",
        "deploy/base/deployment.yaml",
        &["--strict", "deploy/base/deployment.yaml"],
    ),
];

/// Runs those whose file is there.
pub fn run(folder: &Path) -> Vec<Finding> {
    let there = TOOLS.iter().filter(|(_, file, _)| folder.join(file).is_file());
    let found = there.map(|(tool, file, words)| {
        let (result, because) = call(folder, tool, words);
        Finding {
            requirement: Requirement {
                id: format!("tool-{tool}"),
                why: "Somebody else's judge agrees".into(),
                level: Level::Must,
                path: (*file).to_owned(),
                when: None,
                judge: (*tool).to_owned(),
            },
            result,
            because,
        }
    });
    found.collect()
}

fn call(folder: &Path, tool: &str, words: &[&str]) -> (Result, String) {
    let started = Command::new(tool)
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = match started {
        Ok(child) => child,
        Err(_) => return (Result::NotRun, format!("{tool} is not installed")),
    };
    match git::wait(child, TIME_MAX, tool) {
        Ok(out) if out.status.success() => (Result::Passed, String::new()),
        Ok(out) => {
            let said = format!(
                "{}\n{}",
                String::from_utf8_lossy(&out.stdout),
                String::from_utf8_lossy(&out.stderr)
            );
            let lines: Vec<&str> = said.lines().filter(|l| !l.trim().is_empty()).take(4).collect();
            (Result::Failed, one_line(&lines.join("\n")))
        }
        Err(e) => (Result::Failed, e.to_string()),
    }
}
