//! Runs a template's hooks and tasks, which is done only with trust: with nothing of ours in their environment, in the
//! new folder, for a limited time, and without a network where the machine lets us take it away.

use crate::fault::{Fault, Result, one_line};
use crate::git;
use crate::made::{Program, Task};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// How long one of them may take: installing what a project needs is not a hook's work.
const TIME_MAX: Duration = Duration::from_secs(60);

/// Runs one in a folder.
pub fn run(task: &Task, folder: &Path) -> Result<()> {
    run_within(task, folder, TIME_MAX)
}

/// Runs one in a folder, and ends it and all that it began when its time is over.
pub fn run_within(task: &Task, folder: &Path, max: Duration) -> Result<()> {
    let home = tempfile::Builder::new()
        .prefix("imp-task-")
        .tempdir()
        .map_err(|e| Fault::failed(format!("no temporary folder: {e}")))?;
    let words = words(task, home.path())?;
    let at = folder.join(&task.folder);
    let inside = at
        .canonicalize()
        .ok()
        .zip(folder.canonicalize().ok())
        .is_some_and(|(a, f)| a.starts_with(f));
    if !inside {
        return Err(Fault::failed(format!(
            "{}: its folder {:?} is not there",
            task.label, task.folder
        )));
    }
    let mut all: Vec<String> = Vec::new();
    if alone() {
        all.extend(["unshare", "--user", "--map-current-user", "--net", "--"].map(str::to_owned));
    }
    all.extend(words);
    let mut command = Command::new(&all[0]);
    command
        .args(&all[1..])
        .current_dir(&at)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for name in ["PATH", "LANG", "LC_ALL", "TERM"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("HOME", home.path()).env("TMPDIR", home.path());
    command.envs(task.env.iter().map(|(k, v)| (k, v)));
    own_group(&mut command);
    let child = command
        .spawn()
        .map_err(|e| Fault::failed(format!("{} cannot be started: {e}", task.label)))?;
    let id = child.id();
    let out = git::wait(child, max, &task.label);
    // Whatever it left running would go on behind our back.
    end_group(id);
    let out = out?;
    match out.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&out.stderr);
            let said = if said.trim().is_empty() {
                String::from_utf8_lossy(&out.stdout)
            } else {
                said
            };
            let last: Vec<&str> = said.lines().rev().take(3).collect();
            let said: Vec<&str> = last.into_iter().rev().collect();
            Err(Fault::failed(format!(
                "{} failed ({}): {}",
                task.label,
                out.status,
                one_line(&said.join("\n"))
            )))
        }
    }
}

fn words(task: &Task, home: &Path) -> Result<Vec<String>> {
    match &task.program {
        Program::Shell(text) => Ok(["/bin/sh", "-c", text].map(str::to_owned).to_vec()),
        Program::Arguments(all) if all.is_empty() => Err(Fault::failed(format!("{} is empty", task.label))),
        Program::Arguments(all) => Ok(all.clone()),
        Program::Script { text, ending } => {
            let path = home.join(format!("script{ending}"));
            crate::tree::write_entry(
                home,
                &format!("script{ending}"),
                &crate::tree::Entry::File {
                    bytes: text.clone().into_bytes(),
                    mode: 0o700,
                },
            )?;
            let path = path.display().to_string();
            Ok(if ending == ".py" {
                vec!["python3".into(), path]
            } else {
                vec![path]
            })
        }
    }
}

/// Whether a process can be had that has no network.
fn alone() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| {
        let tried = Command::new("unshare")
            .args(["--user", "--map-current-user", "--net", "--", "true"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|s| s.success())
    })
}

#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
}

#[cfg(not(unix))]
fn own_group(_: &mut Command) {}

fn end_group(id: u32) {
    let _ = Command::new("kill")
        .args(["-KILL", "--", &format!("-{id}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}
