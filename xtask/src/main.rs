//! The project's own commands: `cargo xtask test`, which does everything, and `cargo xtask bench`.

mod postgres;
mod run;
mod test;
mod tools;

use run::{Broken, Stages, cargo, root};
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask test [FILTER…]   everything: tools, format, lints, build, all tests (a filter narrows the tests)
cargo xtask bench [PART]     measures a release build and prints ratios; the parts are start, set-up, acknowledge,
                             alerts, grow, remember, law, shape and numbers";

enum Task {
    Test(Vec<String>),
    Bench(Vec<String>),
    Usage,
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let task = match words.next().as_deref() {
        Some("test") => Task::Test(words.collect()),
        Some("bench") => Task::Bench(words.collect()),
        Some(_) | None => Task::Usage,
    };
    let result = match task {
        Task::Test(filter) => test::run(&filter),
        Task::Bench(rest) => bench(&rest),
        Task::Usage => Err(Broken(USAGE.to_owned())),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Broken(why)) => {
            run::complain(&why);
            ExitCode::FAILURE
        }
    }
}

fn bench(rest: &[String]) -> Result<(), Broken> {
    let mut stages = Stages::begin();
    stages.stage("tools: Alertmanager");
    let alertmanager = tools::alertmanager()?;
    stages.stage("building the release");
    run::must(cargo().args(["build", "--release", "--package", "imp", "--package", "bench"]))?;
    stages.stage("measuring");
    let target = run::target();
    run::must(
        std::process::Command::new(target.join("release/bench"))
            .arg(target.join("release/imp"))
            .arg(&alertmanager)
            .args(rest)
            .current_dir(root()),
    )?;
    stages.end();
    Ok(())
}
