//! What a service must have, who judges it, and the receipt.

mod judges;
mod tools;

use crate::tree::Tree;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use tools::run as run_tools;

/// The table of requirements.
const TABLE: &str = include_str!("../../requirements.toml");
/// The receipt in a service.
pub const RECEIPT: &str = "compliance.json";

/// Something that a service must have.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// By which it is named.
    pub id: String,
    /// What for.
    pub why: String,
    /// Whether its failure fails the check.
    pub level: Level,
    /// What is looked at.
    pub path: String,
    /// It holds only where this file is.
    #[serde(default, skip_serializing)]
    pub when: Option<String>,
    /// Who decides.
    pub judge: String,
}

/// How much it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Its failure fails the check.
    Must,
    /// Its failure is told.
    Should,
}

/// What a judge says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Result {
    /// It is so.
    Passed,
    /// It is not so.
    Failed,
    /// The judge is not installed, so nobody knows.
    NotRun,
}

/// A requirement and what was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What was asked for.
    #[serde(flatten)]
    pub requirement: Requirement,
    /// What the judge says.
    pub result: Result,
    /// Why; empty where it passed.
    pub because: String,
}

/// All requirements, in order.
pub fn requirements() -> Vec<Requirement> {
    #[derive(Deserialize)]
    struct Table {
        requirement: Vec<Requirement>,
    }
    match toml::from_str::<Table>(TABLE) {
        Ok(table) => table.requirement,
        // The table is compiled in, and a test reads it.
        Err(e) => unreachable!("requirements.toml: {e}"),
    }
}

/// What a person still has to do for a service of these files, since no file can hold it.
pub fn errands(tree: &Tree) -> Vec<String> {
    #[derive(Deserialize)]
    struct Errand {
        what: String,
        when: String,
    }
    #[derive(Deserialize)]
    struct Table {
        errand: Vec<Errand>,
    }
    let all = match toml::from_str::<Table>(TABLE) {
        Ok(table) => table.errand,
        // The table is compiled in, and a test reads it.
        Err(e) => unreachable!("requirements.toml: {e}"),
    };
    let due = all.into_iter().filter(|e| tree.get(&e.when).is_some());
    due.map(|e| e.what).collect()
}

/// Judges files by our own judges.
pub fn judge(tree: &Tree) -> Vec<Finding> {
    let all = requirements().into_iter();
    let wanted = all.filter(|r| r.when.as_ref().is_none_or(|w| tree.get(w).is_some()));
    let judged = wanted.map(|requirement| {
        let (result, because) = match judges::judge(&requirement, tree) {
            Ok(()) => (Result::Passed, String::new()),
            Err(why) => (Result::Failed, why),
        };
        Finding {
            requirement,
            result,
            because,
        }
    });
    judged.collect()
}

/// Whether a requirement that must hold does not.
pub fn fails(findings: &[Finding]) -> bool {
    findings
        .iter()
        .any(|f| f.result == Result::Failed && f.requirement.level == Level::Must)
}

/// The findings for programs.
pub fn report(findings: &[Finding]) -> Value {
    let count = |r: Result| findings.iter().filter(|f| f.result == r).count();
    json!({
        "passed": !fails(findings),
        "counts": { "passed": count(Result::Passed), "failed": count(Result::Failed), "not_run": count(Result::NotRun) },
        "requirements": findings,
    })
}

/// The receipt that a service is born with.
pub fn receipt(findings: &[Finding], template: &str, version: Option<&str>) -> String {
    let mut all = report(findings);
    all["template"] = json!({ "name": template, "version": version });
    all["again"] = json!("imp shape check");
    format!("{all:#}\n")
}

#[cfg(test)]
mod tests {
    use super::{judges, requirements};
    use crate::tree::Tree;

    #[test]
    fn every_requirement_has_its_own_name_and_a_judge_that_is_not_content_with_nothing() {
        let all = requirements();
        let mut ids: Vec<&str> = all.iter().map(|r| r.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all.len());
        for r in &all {
            let said = judges::judge(r, &Tree::default());
            assert!(r.id == "secrets" || said.is_err(), "{} passes without its file", r.id);
            assert_ne!(said, Err(format!("there is no judge {:?}", r.judge)));
        }
    }
}
