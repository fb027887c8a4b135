//! Hooks and tasks, which are somebody else's programs: what they are given, and what ends them.

use imp_shaper::made::{Program, Task};
use imp_shaper::task;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_secs(1);
/// How long the programs of these tests would go on; one that was ended in time is far from it.
const LONG_SECS: u64 = 40;

fn shell(text: &str) -> Task {
    Task {
        label: "task 1 of 1".into(),
        program: Program::Shell(text.replace("LONG", &LONG_SECS.to_string())),
        folder: String::new(),
        env: Vec::new(),
    }
}

fn refused(task: &Task, folder: &Path) -> String {
    task::run_within(task, folder, SHORT)
        .expect_err("it is ended")
        .to_string()
}

#[test]
fn one_that_never_ends_is_ended_with_all_that_it_began() {
    let folder = tempfile::tempdir().expect("a folder");
    let lock = File::create(folder.path().join("lock")).expect("a file");
    let began = Instant::now();
    for text in [
        "flock lock sleep LONG & sleep LONG",
        // The first has ended, but what it left holds on to its output.
        "flock lock sleep LONG &",
    ] {
        let why = refused(&shell(text), folder.path());
        assert_eq!(why, "task 1 of 1 was ended after 1 seconds", "{text}");
        lock.lock().expect("nobody holds it any more");
        lock.unlock().expect("let go");
    }
    assert!(
        began.elapsed() < Duration::from_secs(LONG_SECS),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn one_that_fails_says_so_in_its_own_last_words_on_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let why = refused(
        &shell("echo one; echo no such >&2; echo engine >&2; exit 3"),
        folder.path(),
    );
    assert_eq!(why, "task 1 of 1 failed (exit status: 3): no such; engine");
}

#[test]
fn its_folder_is_within_the_new_one() {
    let root = tempfile::tempdir().expect("a folder");
    let new = root.path().join("new");
    std::fs::create_dir(&new).expect("a folder");
    std::fs::create_dir(root.path().join("other")).expect("a folder");
    std::os::unix::fs::symlink("../other", new.join("out")).expect("a link");
    for at in ["..", "../other", "out", "nowhere"] {
        let task = Task {
            folder: at.into(),
            ..shell("touch been-here")
        };
        let why = refused(&task, &new);
        assert_eq!(why, format!("task 1 of 1: its folder {at:?} is not there"));
        assert!(!root.path().join("other/been-here").exists());
    }
}
