//! The `git` command: argument lists, never a shell, no questions, no configuration of somebody else's.

use crate::fault::{Fault, Result, one_line};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long one call may take: a large template over a slow line.
const TIME_MAX: Duration = Duration::from_secs(300);
/// How much is gathered before it is handed to a call: what a pipe holds.
const PIPE: usize = 64 << 10;
/// How often a call is looked at that has closed its output and still runs.
const LOOK_AFTER: Duration = Duration::from_millis(2);

/// A call in a folder; its standard output where it went well.
pub fn run(folder: &Path, args: &[&str]) -> Result<String> {
    run_with(folder, args, &[])
}

/// The same with additional variables.
pub fn run_with(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Result<String> {
    said(args, &call(folder, args, env)?)
}

/// What a call said, or why it did not work.
fn said(args: &[&str], out: &Output) -> Result<String> {
    match out.status.success() {
        true => Ok(String::from_utf8_lossy(&out.stdout).into_owned()),
        false => {
            let why = String::from_utf8_lossy(&out.stderr);
            let what = args
                .iter()
                .find(|a| !a.starts_with('-') && !a.contains('='))
                .unwrap_or(&"");
            Err(Fault::failed(format!("git {what} did not work: {}", one_line(&why))))
        }
    }
}

/// A call, however it ends.
pub fn call(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Result<Output> {
    wait(start(folder, args, env, Stdio::null())?, TIME_MAX, "git")
}

/// Begins a call.
fn start(folder: &Path, args: &[&str], env: &[(&str, &str)], stdin: Stdio) -> Result<Child> {
    let mut command = Command::new("git");
    command
        .args([
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "protocol.ext.allow=never",
            "-c",
            "core.fsmonitor=false",
            "-c",
            "maintenance.auto=false",
        ])
        .args(args)
        .current_dir(folder)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C.UTF-8")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for name in TELLTALES {
        command.env_remove(name);
    }
    command.envs(env.iter().copied());
    command
        .spawn()
        .map_err(|e| Fault::failed(format!("git cannot be started: {e}; install Git 2.28 or newer")))
}

/// Waits for a process, and ends it when its time is over.
pub fn wait(mut child: Child, max: Duration, name: &str) -> Result<Output> {
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (closed, closes) = std::sync::mpsc::channel();
    let read = |pipe: Option<Box<dyn std::io::Read + Send>>| {
        let closed = closed.clone();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut p) = pipe {
                let _ = std::io::Read::read_to_end(&mut p, &mut bytes);
            }
            let _ = closed.send(());
            bytes
        })
    };
    let out = read(out.map(|p| Box::new(p) as _));
    let err = read(err.map(|p| Box::new(p) as _));
    let until = Instant::now() + max;
    // A process that ends closes both, unless it left another behind that holds on to them; until then there is nothing
    // to look at.
    let mut open = 2;
    while open > 0
        && closes
            .recv_timeout(until.saturating_duration_since(Instant::now()))
            .is_ok()
    {
        open -= 1;
    }
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) if open == 0 => break status,
            Ok(None) if open == 0 && Instant::now() < until => std::thread::sleep(LOOK_AFTER),
            Ok(_) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(Fault::failed(format!(
                    "{name} was ended after {} seconds",
                    max.as_secs()
                )));
            }
            Err(e) => return Err(Fault::failed(format!("{name}: {e}"))),
        }
    };
    Ok(Output {
        status,
        stdout: out.join().unwrap_or_default(),
        stderr: err.join().unwrap_or_default(),
    })
}

/// Whether a folder is the root of a repository.
pub fn is_repository(folder: &Path) -> bool {
    folder.join(".git").exists()
}

/// Who commits where nobody else is known.
pub const SHAPER: [(&str, &str); 4] = [
    ("GIT_AUTHOR_NAME", "Service Shaper"),
    ("GIT_AUTHOR_EMAIL", "shaper@imp.invalid"),
    ("GIT_COMMITTER_NAME", "Service Shaper"),
    ("GIT_COMMITTER_EMAIL", "shaper@imp.invalid"),
];
/// Variables that would have Git write down what it sends.
const TELLTALES: [&str; 5] = [
    "GIT_TRACE",
    "GIT_TRACE_CURL",
    "GIT_CURL_VERBOSE",
    "GIT_TRACE_PACKET",
    "GIT_TRACE2",
];

/// Who commits: whoever Git knows here, else the Shaper.
fn identity(folder: &Path) -> Vec<(&'static str, &'static str)> {
    let known = || {
        let said = run(folder, &["config", "--get-regexp", r"^user\.(name|email)$"]).unwrap_or_default();
        let has = |key: &str| {
            said.lines()
                .any(|l| l.strip_prefix(key).is_some_and(|v| !v.trim().is_empty()))
        };
        has("user.name ") && has("user.email ")
    };
    match std::env::var_os("GIT_AUTHOR_NAME").is_some() || known() {
        true => Vec::new(),
        false => SHAPER.to_vec(),
    }
}

/// Commits everything in a folder, which becomes a repository with the branch `main`.
pub fn first_commit(folder: &Path, message: &str) -> Result<String> {
    match is_repository(folder) {
        true => commit(folder, message),
        false => begin(folder).and_then(|()| record(folder, message, &identity(folder))),
    }
}

/// Makes a repository and adds everything: every byte as it is, whatever the reader's system likes at the end of a line.
fn begin(folder: &Path) -> Result<()> {
    run(folder, &["init", "--quiet", "--initial-branch=main", "--template="])?;
    take_in(folder)?;
    run(folder, &["-c", "core.autocrlf=false", "add", "--all", "--force", "."]).map(|_| ())
}

/// Has Git take in what the files hold, as one pack: `git add`, which makes a file of each object that is not there yet,
/// then finds them, and takes a tenth of the time. What is kept, and how, is still for `git add` alone to say.
fn take_in(folder: &Path) -> Result<()> {
    let args = [
        // As little is waited for on the disk as where each object is a file.
        "-c",
        "core.fsync=-pack,-pack-metadata",
        "-c",
        "fastimport.unpackLimit=1",
        "fast-import",
        "--quiet",
        "--done",
        "--depth=0",
    ];
    let mut git = start(folder, &args, &[], Stdio::piped())?;
    let to = git.stdin.take();
    let out = std::thread::scope(|scope| {
        // Where Git ends early, it is Git that says why, not the pipe that broke.
        scope.spawn(|| to.map(|to| blobs(folder, &mut BufWriter::with_capacity(PIPE, to))));
        wait(git, TIME_MAX, "git")
    })?;
    said(&args, &out).map(|_| ())
}

/// The files of a folder that `git add` would read, as `git fast-import` wants them.
fn blobs(folder: &Path, to: &mut impl Write) -> std::io::Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(&at)?.flatten() {
            let (kind, path) = (entry.file_type()?, entry.path());
            // A repository within is one entry to Git, whatever it holds.
            if kind.is_dir() && entry.file_name() != ".git" && !is_repository(&path) {
                folders.push(path);
            } else if kind.is_file() {
                // What cannot be read is left for `git add` to complain of.
                let Ok(bytes) = std::fs::read(&path) else { continue };
                writeln!(to, "blob\ndata {}", bytes.len())?;
                to.write_all(&bytes)?;
                to.write_all(b"\n")?;
            }
        }
    }
    to.write_all(b"done\n")?;
    to.flush()
}

/// Commits everything; the commit's name. A folder in which nothing changed keeps its last one.
pub fn commit(folder: &Path, message: &str) -> Result<String> {
    run(folder, &["add", "--all", "--force", "."])?;
    let born = run(folder, &["rev-parse", "--verify", "--quiet", "HEAD"]).is_ok();
    let clean = born && call(folder, &["diff", "--cached", "--quiet"], &[])?.status.success();
    match clean {
        true => head(folder),
        false => record(folder, message, &identity(folder)),
    }
}

/// Commits what was added; the commit's name.
fn record(folder: &Path, message: &str, env: &[(&str, &str)]) -> Result<String> {
    let args = [
        "-c",
        "commit.gpgsign=false",
        "commit",
        "--quiet",
        "--no-verify",
        "--allow-empty",
        "-m",
        message,
    ];
    run_with(folder, &args, env)?;
    head(folder)
}

fn head(folder: &Path) -> Result<String> {
    Ok(run(folder, &["rev-parse", "HEAD"])?.trim().to_owned())
}

/// Makes the first commit of files that have no folder yet: the same files at the same moment are the same commit,
/// wherever and however often it is made.
pub fn commit_of(tree: &crate::tree::Tree, folder: &Path, message: &str, at_ms: i64) -> Result<String> {
    tree.write(folder)?;
    begin(folder)?;
    let date = format!("@{} +0000", at_ms / 1000);
    let mut env = SHAPER.to_vec();
    env.extend([
        ("GIT_AUTHOR_DATE", date.as_str()),
        ("GIT_COMMITTER_DATE", date.as_str()),
    ]);
    record(folder, message, &env)
}

/// Pushes a commit to the branch `main` of another repository. What Git needs to be let in stands in `env` alone.
pub fn push(folder: &Path, url: &str, commit: &str, env: &[(String, String)]) -> Result<()> {
    let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let refs = format!("{commit}:refs/heads/main");
    run_with(folder, &["push", "--quiet", "--no-verify", "--", url, &refs], &env).map(|_| ())
}

/// Says where a repository came to be, for whoever works in it. One that has a place keeps it.
pub fn name_origin(folder: &Path, url: &str) -> Result<()> {
    match run(folder, &["remote", "get-url", "origin"]) {
        Ok(_) => Ok(()),
        Err(_) => run(folder, &["remote", "add", "--", "origin", url]).map(|_| ()),
    }
}

/// What is changed and not committed.
pub fn uncommitted(folder: &Path) -> Result<Vec<String>> {
    let text = run(folder, &["status", "--porcelain", "--untracked-files=all"])?;
    Ok(text.lines().map(|l| l.get(3..).unwrap_or(l).to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::{first_commit, run};

    #[test]
    fn a_first_commit_is_what_git_alone_would_make_of_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path();
        std::fs::create_dir_all(at.join("src/deep")).expect("folders");
        for (path, text) in [
            (".gitattributes", "*.txt text\n"),
            ("README.txt", "one\r\ntwo\r\n"),
            ("src/kept.bin", "a\r\nb"),
            ("src/deep/empty", ""),
        ] {
            std::fs::write(at.join(path), text).expect("a file");
        }
        first_commit(at, "born").expect("a commit");
        let said = |args: &[&str]| run(at, args).expect("an answer");
        assert_eq!(said(&["status", "--porcelain"]), "");
        assert_eq!(said(&["show", "HEAD:README.txt"]), "one\ntwo\n");
        assert_eq!(said(&["show", "HEAD:src/kept.bin"]), "a\r\nb");
        // Three folders, the commit, and the one file that its attributes have kept otherwise than it is.
        let kept = said(&["count-objects", "-v"]);
        assert!(kept.contains("count: 5\n") && kept.contains("packs: 1\n"), "{kept}");
    }
}
