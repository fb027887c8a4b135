//! The programs that the tests want beside Rust: found where they are, else fetched into `target/`, else asked for in a
//! sentence.

use crate::run::{Broken, find, heard, must, root, say, target, works};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a fetched folder was made from; while that is unchanged, it is not fetched again.
const STAMP: &str = "made-from";

/// A Python with the packages of `tests/peers/requirements.txt`.
///
/// # Errors
/// When there is no Python, or the packages cannot be had.
pub fn python() -> Result<PathBuf, Broken> {
    let wanted = root().join("tests/peers/requirements.txt");
    let venv = target().join("peers-venv");
    let python = venv.join("bin/python");
    if fresh(&venv, &wanted) && works(Command::new(&python).arg("--version")) {
        return Ok(python);
    }
    if !works(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        let how = "install Python 3 with its venv module (Debian: apt-get install python3 python3-venv)";
        return Err(Broken(format!(
            "The tests run clients that others wrote in Python: {how}."
        )));
    }
    must(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    must(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&wanted),
    )?;
    stamp(&venv, &wanted)?;
    Ok(python)
}

/// The packages of a folder's lock.
///
/// # Errors
/// When there is no Node, or the packages cannot be had.
pub fn npm(folder: &str) -> Result<(), Broken> {
    let folder = root().join(folder);
    let (lock, modules) = (folder.join("package-lock.json"), folder.join("node_modules"));
    if fresh(&modules, &lock) {
        return Ok(());
    }
    if find("npm").is_none() || !works(Command::new("node").arg("--version")) {
        return Err(Broken(
            "The tests run clients that others wrote for Node: install Node 20 or newer with npm.".to_owned(),
        ));
    }
    must(
        Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(&folder),
    )?;
    stamp(&modules, &lock)
}

fn fresh(made: &Path, from: &Path) -> bool {
    let now = fs::read(from).ok();
    now.is_some() && fs::read(made.join(STAMP)).ok() == now
}

fn stamp(made: &Path, from: &Path) -> Result<(), Broken> {
    let failed = |e: std::io::Error| Broken(format!("{} cannot be written: {e}.", made.display()));
    fs::create_dir_all(made).map_err(failed)?;
    fs::copy(from, made.join(STAMP)).map(drop).map_err(failed)
}

/// A browser.
///
/// # Errors
/// When there is none and none can be had.
pub fn chromium() -> Result<PathBuf, Broken> {
    if let Some(given) = std::env::var_os("IMP_CHROMIUM") {
        let given = PathBuf::from(given);
        return match given.is_file() {
            true => Ok(given),
            false => Err(Broken(format!(
                "IMP_CHROMIUM names {}, which is no file.",
                given.display()
            ))),
        };
    }
    const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let there = || NAMES.iter().find_map(|n| find(n));
    if let Some(found) = there() {
        return Ok(found);
    }
    let root = heard(Command::new("id").arg("-u")).is_some_and(|id| id == "0");
    if root && find("apt-get").is_some() {
        say("Chromium is not there; Debian's is installed.");
        let apt = || {
            let mut c = Command::new("apt-get");
            c.args(["-qq", "-y"]).env("DEBIAN_FRONTEND", "noninteractive");
            c
        };
        let _ = must(apt().arg("update"));
        must(apt().args(["install", "--no-install-recommends", "chromium"]))?;
    }
    there().ok_or_else(|| {
        Broken(
            "The pages are tried in a real browser: install Chromium or Chrome, or name one with IMP_CHROMIUM."
                .to_owned(),
        )
    })
}

/// A program that a Debian package holds at `usr/bin/`; the package is unpacked into `target/tools`, nothing is installed.
///
/// # Errors
/// When it is not there and cannot be had.
pub fn debian(program: &str, package: &str) -> Result<PathBuf, Broken> {
    if let Some(found) = find(program) {
        return Ok(found);
    }
    let tools = target().join("tools");
    let unpacked = tools.join("usr/bin").join(program);
    if works(Command::new(&unpacked).arg("--version")) {
        return Ok(unpacked);
    }
    let ask = || {
        Broken(format!(
            "The tests send alerts through the real {program}: put it into the search path (Debian: apt-get install {package})."
        ))
    };
    if find("apt-get").is_none() || find("dpkg-deb").is_none() {
        return Err(ask());
    }
    say(&format!(
        "{program} is not there; Debian's package is unpacked into {}.",
        tools.display()
    ));
    let downloads = tools.join("downloads");
    fs::create_dir_all(&downloads).map_err(|e| Broken(format!("{} cannot be made: {e}.", downloads.display())))?;
    let fetch = || {
        must(
            Command::new("apt-get")
                .args(["-qq", "download", package])
                .current_dir(&downloads),
        )
    };
    if fetch().is_err() {
        // The lists of packages may be missing or old.
        let _ = must(Command::new("apt-get").args(["-qq", "update"]));
        fetch().map_err(|_| ask())?;
    }
    let start = format!("{package}_");
    let found = fs::read_dir(&downloads)
        .into_iter()
        .flatten()
        .flatten()
        .map(|f| f.path());
    let deb = found
        .filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&start)))
        .max()
        .ok_or_else(ask)?;
    must(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&tools))?;
    match works(Command::new(&unpacked).arg("--version")) {
        true => Ok(unpacked),
        false => Err(ask()),
    }
}

/// Alertmanager. Debian's reads its templates from one place of the system, wherever the program itself stands.
///
/// # Errors
/// When it is not there and cannot be had.
pub fn alertmanager() -> Result<PathBuf, Broken> {
    const TEMPLATES: &str = "usr/share/prometheus/alertmanager";
    if let Some(found) = find("alertmanager") {
        return Ok(found);
    }
    let program = debian("prometheus-alertmanager", "prometheus-alertmanager")?;
    let there = Path::new("/").join(TEMPLATES);
    if there.join("default.tmpl").is_file() {
        return Ok(program);
    }
    say(&format!(
        "Alertmanager's templates are copied to {}, where it looks for them.",
        there.display()
    ));
    let copied = fs::create_dir_all(&there).and_then(|()| {
        let from = target().join("tools").join(TEMPLATES);
        ["default.tmpl", "email.tmpl"]
            .iter()
            .try_for_each(|name| fs::copy(from.join(name), there.join(name)).map(drop))
    });
    copied.map(|()| program).map_err(|e| {
        Broken(format!(
            "{} cannot be written ({e}): install Alertmanager (Debian: apt-get install prometheus-alertmanager).",
            there.display()
        ))
    })
}
