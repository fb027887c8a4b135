//! `cargo xtask test`: the one command after which the product is known to work.

use crate::run::{Broken, Stages, cargo, must, works};
use crate::{postgres, tools};

/// Prepares the tools, lints, builds, and runs all tests.
///
/// # Errors
/// At the first stage that fails.
pub fn run(filter: &[String]) -> Result<(), Broken> {
    let mut stages = Stages::begin();
    stages.stage("tools: Python, Node, a browser, Prometheus and Alertmanager, PostgreSQL");
    let python = tools::python()?;
    tools::npm("tests/peers")?;
    tools::npm("tests/browser")?;
    tools::npm("tests/words")?;
    let chromium = tools::chromium()?;
    let prometheus = tools::debian("prometheus", "prometheus")?;
    let alertmanager = tools::alertmanager()?;
    let postgres_programs = postgres::programs()?;

    stages.stage("format");
    must(cargo().args(["fmt", "--all", "--check"]))?;

    stages.stage("lints");
    must(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))?;

    stages.stage("build");
    must(cargo().args(["build", "--package", "imp"]))?;

    stages.stage("tests");
    let postgres = postgres::start(&postgres_programs)?;
    let mut tests = cargo();
    match works(cargo().args(["nextest", "--version"])) {
        true => tests.args(["nextest", "run", "--workspace"]),
        false => tests.args(["test", "--workspace", "--"]),
    };
    tests
        .args(filter)
        .env("IMP_TEST_PYTHON", &python)
        .env("IMP_TEST_CHROMIUM", &chromium)
        .env("IMP_TEST_PROMETHEUS", &prometheus)
        .env("IMP_TEST_ALERTMANAGER", &alertmanager)
        .env("IMP_TEST_POSTGRES", &postgres.url);
    must(&mut tests)?;
    stages.end();
    Ok(())
}
