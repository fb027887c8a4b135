//! Running programs, and saying what is being done and how long it took.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Why it did not work: a sentence that says what to do.
#[derive(Debug)]
pub struct Broken(pub String);

/// The repository's folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Where cargo builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Cargo, in the repository.
pub fn cargo() -> Command {
    let mut c = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    c.current_dir(root());
    c
}

fn words(c: &Command) -> String {
    let all = std::iter::once(c.get_program()).chain(c.get_args());
    all.map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs a program that must succeed; what it says is shown.
///
/// # Errors
/// When it cannot be started or fails.
pub fn must(c: &mut Command) -> Result<(), Broken> {
    let said = words(c);
    match c.status() {
        Ok(s) if s.success() => Ok(()),
        Ok(s) => Err(Broken(format!("`{said}` failed ({s})."))),
        Err(e) => Err(Broken(format!("`{said}` cannot be started: {e}."))),
    }
}

/// Whether a program runs well; what it says is not shown.
pub fn works(c: &mut Command) -> bool {
    c.stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// What a program says, where it succeeds.
pub fn heard(c: &mut Command) -> Option<String> {
    let out = c.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    out.status
        .success()
        .then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// A program of the search path.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|p| p.is_file())
}

/// Headings with the time that each stage took.
pub struct Stages {
    began: Instant,
    current: Option<(String, Instant)>,
}

impl Stages {
    /// The clock starts.
    pub fn begin() -> Stages {
        Stages {
            began: Instant::now(),
            current: None,
        }
    }

    /// The next stage.
    pub fn stage(&mut self, name: &str) {
        self.done();
        say(&format!("\n==> {name}"));
        self.current = Some((name.to_owned(), Instant::now()));
    }

    fn done(&mut self) {
        if let Some((name, since)) = self.current.take() {
            say(&format!("    {name}: {} s", since.elapsed().as_secs()));
        }
    }

    /// The last stage is over.
    pub fn end(mut self) {
        self.done();
        let all = self.began.elapsed().as_secs();
        say(&format!("\nAll is well, after {} min {} s.", all / 60, all % 60));
    }
}

/// Says something to whoever runs it.
#[expect(clippy::print_stdout, reason = "a command talks to whoever runs it")]
pub fn say(text: &str) {
    println!("{text}");
}

/// Says what went wrong.
#[expect(clippy::print_stderr, reason = "errors of a command go to standard error")]
pub fn complain(text: &str) {
    eprintln!("\nxtask: {text}");
}
