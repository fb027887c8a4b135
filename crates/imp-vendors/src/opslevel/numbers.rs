//! Numbers kept beside teams and services as OpsLevel's custom properties, for its dashboards, checks and scorecards.

use super::{NAME, OpsLevel};
use crate::budget::{Limit, Urgency};
use crate::http::Fault;
use imp_core::effect::Owner;
use imp_core::{Outcome, words};
use serde_json::{Map, Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::PoisonError;
use std::time::Instant;

/// OpsLevel publishes no limit; at this pace two thousand services take under seven minutes and nobody is hindered.
const PACE: Limit = Limit::a_second(5);
/// Where a definition is missing a person has to make it: then nobody should have to press anything.
const DEFINITION_AGAIN_MS: i64 = 10 * 60_000;

/// A property: its alias in OpsLevel, what it is, and its schema there.
pub const PROPERTIES: [(&str, &str, &str); 7] = [
    (
        "imp_incidents_30d",
        "Incidents in the last 30 days",
        r#"{"type": "number"}"#,
    ),
    (
        "imp_open_incidents",
        "Incidents that are open now",
        r#"{"type": "number"}"#,
    ),
    (
        "imp_acknowledge_minutes_30d",
        "Half were acknowledged within so many minutes (30 days)",
        r#"{"type": "number"}"#,
    ),
    (
        "imp_resolve_minutes_30d",
        "Half were resolved within so many minutes (30 days)",
        r#"{"type": "number"}"#,
    ),
    (
        "imp_reopened_30d",
        "Opened again after they had been resolved (30 days)",
        r#"{"type": "number"}"#,
    ),
    ("imp_last_incident", "Day of the last incident", r#"{"type": "string"}"#),
    (
        "imp_numbers",
        "Where the incidents behind these numbers are",
        r#"{"type": "string"}"#,
    ),
];

impl OpsLevel {
    /// Makes the properties of a team or a service what they are now: a value each, or null where there is none. What
    /// stands there already, as far as this process wrote it, is not written again.
    pub async fn keep_numbers(&self, owner: &Owner, values: &[(&str, Value)]) -> Outcome {
        let print = print(values);
        if self.stand(owner, print) {
            return Outcome::Done(vec![]);
        }
        if let Err(after_ms) = self.budget.take("numbers", PACE, Urgency::Usual, Instant::now()) {
            return Outcome::Wait { after_ms };
        }
        let (document, variables) = mutation(owner, values);
        let answer: Map<String, Value> = match self.query(&document, variables).await {
            Ok(answer) => answer,
            Err(fault) => return fault.into(),
        };
        // What was never there cannot be taken away, and that is no fault.
        let assigned = answer.iter().filter(|(name, _)| name.starts_with("set"));
        let first = assigned
            .flat_map(|(_, payload)| payload["errors"].as_array().into_iter().flatten())
            .find_map(|e| e["message"].as_str());
        match first {
            None => {
                let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.insert(owner.clone(), print);
                Outcome::Done(vec![])
            }
            Some(said) => refused(owner, said).into(),
        }
    }

    /// Whether this process wrote the same last; where not, what it wrote says nothing from now on.
    fn stand(&self, owner: &Owner, print: u64) -> bool {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let same = kept.get(owner) == Some(&print);
        if !same {
            kept.remove(owner);
        }
        same
    }

    /// Forgets what was written: somebody else may have written since.
    pub fn forget_numbers(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// What OpsLevel says of an assignment. A team or service that is gone is no failure for ever: the catalogue will say so.
fn refused(owner: &Owner, said: &str) -> Fault {
    Fault::Later {
        status: Some(200),
        after_ms: Some(DEFINITION_AGAIN_MS),
        why: format!(
            "{NAME} does not take the numbers of {}: {}; docs/opslevel.md says which property definitions must exist",
            owner.words(),
            words::title(said)
        ),
        undone: false,
    }
}

fn print(values: &[(&str, Value)]) -> u64 {
    let mut h = DefaultHasher::new();
    for (name, value) in values {
        (name, value.to_string()).hash(&mut h);
    }
    h.finish()
}

/// One call for all properties of an owner. Names and values go as variables: nothing of them is read as GraphQL.
fn mutation(owner: &Owner, values: &[(&str, Value)]) -> (String, Value) {
    let (kind, alias) = match owner {
        Owner::Team(alias) => ("TEAM", alias.as_str()),
        Owner::Service(alias) => ("COMPONENT", alias.as_str()),
        Owner::Everybody => ("COMPONENT", ""),
    };
    let (mut head, mut body, mut variables) = (Vec::new(), Vec::new(), Map::new());
    for (n, (name, value)) in values.iter().enumerate() {
        if value.is_null() {
            head.push(format!("$o{n}: IdentifierInput!, $d{n}: IdentifierInput!"));
            body.push(format!(
                "gone{n}: propertyUnassign(owner: $o{n}, definition: $d{n}) {{ errors {{ message }} }}"
            ));
            variables.insert(format!("o{n}"), json!({"alias": alias}));
            variables.insert(format!("d{n}"), json!({"alias": name}));
        } else {
            head.push(format!("$i{n}: PropertyInput!"));
            body.push(format!(
                "set{n}: propertyAssign(input: $i{n}) {{ errors {{ message }} }}"
            ));
            let input = json!({
                "owner": {"alias": alias}, "ownerType": kind, "definition": {"alias": name}, "value": value.to_string(),
            });
            variables.insert(format!("i{n}"), input);
        }
    }
    let document = format!("mutation({}) {{ {} }}", head.join(", "), body.join(" "));
    (document, Value::Object(variables))
}
