//! A new service of 500 files, beside copying them and committing them with Git.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Folders, and files in each.
const FOLDERS: usize = 25;
const FILES: usize = 20;
/// How often each is done; the fastest of each counts, since whatever else the machine does only adds.
const TIMES: usize = 7;

/// How long the Shaper takes for a cookiecutter template of 500 files with its first commit, and how long `cp -r`,
/// `git init`, `git add` and `git commit` take for the same files, in seconds.
pub fn born(imp: &str) -> Result<(f64, f64), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let (template, inner) = (folder.path().join("template"), "{{cookiecutter.name}}");
    write(
        &template.join("cookiecutter.json"),
        "{\"name\": \"pay\", \"author\": \"Ada\"}",
    )?;
    let body: String = (0..40)
        .map(|n| format!("def f{n}(): return '{{{{ cookiecutter.name }}}}-{n}'\n"))
        .collect();
    for n in 0..FOLDERS * FILES {
        let at = format!("{inner}/d{}/f{}.py", n / FILES, n % FILES);
        let text = format!("# {{{{ cookiecutter.name }}}} by {{{{ cookiecutter.author }}}}, {n}\n{body}");
        write(&template.join(at), &text)?;
    }
    let (mut ours, mut plain) = (f64::MAX, f64::MAX);
    for n in 0..TIMES {
        let (a, b) = (
            folder.path().join(format!("ours{n}")),
            folder.path().join(format!("plain{n}")),
        );
        let mut shaper = Command::new(imp);
        shaper
            .args(["shape", "new"])
            .arg(&template)
            .arg(&a)
            .args(["--defaults", "--no-publish"]);
        ours = ours.min(timed(&mut [&mut shaper])?);
        let mut copy = Command::new("cp");
        copy.arg("-r").arg(template.join(inner)).arg(&b);
        let mut init = git(&b, &["init", "--quiet"]);
        let mut add = git(&b, &["add", "--all"]);
        let mut commit = git(&b, &["commit", "--quiet", "-m", "first"]);
        plain = plain.min(timed(&mut [&mut copy, &mut init, &mut add, &mut commit])?);
    }
    Ok((ours, plain))
}

fn write(at: &Path, text: &str) -> Result<(), String> {
    let folder = at.parent().ok_or("no folder")?;
    std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    std::fs::write(at, text).map_err(|e| e.to_string())
}

fn git(at: &Path, args: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.arg("-C")
        .arg(at)
        .args(["-c", "user.name=Bench", "-c", "user.email=bench@imp.invalid"])
        .args(args);
    git
}

fn timed(calls: &mut [&mut Command]) -> Result<f64, String> {
    let begin = Instant::now();
    for call in calls {
        let done = call
            .stdout(Stdio::null())
            .status()
            .map_err(|e| format!("{call:?}: {e}"))?;
        if !done.success() {
            return Err(format!("{call:?} did not work"));
        }
    }
    Ok(begin.elapsed().as_secs_f64())
}
