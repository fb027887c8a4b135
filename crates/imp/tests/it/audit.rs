//! What comes in from outside: licences, sources and bans as `deny.toml` says. Known vulnerabilities are not looked up
//! here: that needs a network.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml::{Table, Value};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(name: &str) -> Table {
    let text = std::fs::read_to_string(root().join(name)).expect("a file of the repository");
    text.parse().expect("TOML")
}

fn words(v: &Value) -> Vec<String> {
    let all = v.as_array().into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The packages that are built here, with their licences as they state them.
fn licences() -> BTreeMap<String, String> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["tree", "--workspace", "--locked", "--offline", "--prefix", "none"])
        .args(["--edges", "normal,build", "--format", "{p}|{l}"])
        .current_dir(root())
        .output()
        .expect("cargo starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = said.lines().filter_map(|l| l.split_once('|'));
    lines
        // Our own are named with their folder.
        .filter(|(package, _)| !package.contains("(/"))
        .filter_map(|(package, licence)| {
            let name = package.split(' ').next()?;
            Some((name.to_owned(), licence.trim_end_matches(" (*)").to_owned()))
        })
        .collect()
}

/// Whether an expression (SPDX, and the older `MIT/Apache-2.0`) can be met with what is allowed.
fn met(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let (met, rest) = any(&tokens, allowed);
    met && rest.is_empty()
}

fn any<'a>(tokens: &'a [&'a str], allowed: &[String]) -> (bool, &'a [&'a str]) {
    let (mut met, mut rest) = all(tokens, allowed);
    while let Some((&"OR", after)) = rest.split_first() {
        let (other, then) = all(after, allowed);
        (met, rest) = (met || other, then);
    }
    (met, rest)
}

fn all<'a>(tokens: &'a [&'a str], allowed: &[String]) -> (bool, &'a [&'a str]) {
    let (mut met, mut rest) = one(tokens, allowed);
    while let Some((&"AND", after)) = rest.split_first() {
        let (other, then) = one(after, allowed);
        (met, rest) = (met && other, then);
    }
    (met, rest)
}

fn one<'a>(tokens: &'a [&'a str], allowed: &[String]) -> (bool, &'a [&'a str]) {
    match tokens {
        ["(", inner @ ..] => {
            let (met, rest) = any(inner, allowed);
            (met, rest.get(1..).unwrap_or_default())
        }
        [name, "WITH", exception, rest @ ..] => (allowed.contains(&format!("{name} WITH {exception}")), rest),
        [name, rest @ ..] => (allowed.iter().any(|a| a == name), rest),
        [] => (false, tokens),
    }
}

#[test]
fn what_comes_in_may_be_used() {
    let deny = read("deny.toml");
    let allowed = words(&deny["licenses"]["allow"]);
    let clarified: BTreeMap<&str, &str> = deny["licenses"]["clarify"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|c| Some((c.get("crate")?.as_str()?, c.get("expression")?.as_str()?)))
        .collect();
    let all = licences();
    assert!(all.len() > 50, "cargo tells what is built: {all:?}");
    let faults: Vec<String> = all
        .iter()
        .map(|(name, stated)| (name, clarified.get(name.as_str()).map_or(stated.as_str(), |c| c)))
        .filter(|(_, licence)| !met(licence, &allowed))
        .map(|(name, licence)| format!("{name}: {licence:?}"))
        .collect();
    assert!(
        faults.is_empty(),
        "deny.toml does not allow these licences: {faults:#?}"
    );
}

#[test]
fn what_is_banned_does_not_come_in() {
    let deny = read("deny.toml");
    let lock = read("Cargo.lock");
    let mut faults = Vec::new();
    for package in lock["package"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        for ban in deny["bans"]["deny"].as_array().into_iter().flatten() {
            if ban["crate"].as_str() == Some(name) {
                faults.push(format!("{name}: {}", ban["reason"]));
            }
        }
        let source = package.get("source").and_then(Value::as_str).unwrap_or("registry+");
        if !source.starts_with("registry+") {
            faults.push(format!("{name} comes from {source}, not from the registry"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn licences_are_read_as_they_are_written() {
    let allowed = ["MIT", "Apache-2.0", "ISC"].map(str::to_owned);
    for yes in [
        "MIT",
        "MIT/GPL-3.0",
        "GPL-3.0 OR MIT",
        "ISC AND (GPL-3.0 OR MIT)",
        "(MIT OR X) AND ISC",
    ] {
        assert!(met(yes, &allowed), "{yes}");
    }
    for no in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "Apache-2.0 WITH X",
        "ISC AND (GPL-3.0 OR X)",
    ] {
        assert!(!met(no, &allowed), "{no}");
    }
}
