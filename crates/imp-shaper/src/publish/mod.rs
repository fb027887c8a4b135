//! Publishing a new service: a plan that says every call before any is made, and a run that makes exactly those.

mod github;
pub mod plan;
pub mod run;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub use plan::{Connected, Facts, Plan, plan};
pub use run::{Hands, Journal, Phase, Run};

/// Who is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    /// The Git provider: over REST, and Git itself for the push.
    Git,
    /// OpsLevel: mutations.
    Opslevel,
    /// Slack: methods.
    Slack,
    /// Jira: over REST, below the API's version.
    Jira,
    /// IMP itself: an alert comes in.
    Imp,
}

impl Vendor {
    /// What people know it by.
    pub fn name(self) -> &'static str {
        match self {
            Vendor::Git => "the Git provider",
            Vendor::Opslevel => "OpsLevel",
            Vendor::Slack => "Slack",
            Vendor::Jira => "Jira",
            Vendor::Imp => "IMP",
        }
    }
}

/// One call, with what it will say. What only an earlier answer can tell stands in it as `{"$learnt": NAME}`, and in
/// the path as `{NAME}`; a secret as `{"$secret": PLACE}`; a text of somebody else's is neither, since texts are strings and paths are percent-encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Whom.
    pub vendor: Vendor,
    /// HTTP's method; `PUSH` for Git's own protocol, `POST` for GraphQL and Slack.
    pub method: String,
    /// A path, a mutation's name, or a method's.
    pub path: String,
    /// What it says.
    pub body: Value,
}

/// What answers have told: identifiers and addresses by name. Never a secret.
pub type Learnt = BTreeMap<String, String>;

impl Call {
    /// With what was learnt in its places; none where something is not known yet.
    pub fn filled(&self, learnt: &Learnt) -> Option<Call> {
        let mut path = self.path.clone();
        while let Some((start, rest)) = path.split_once('{') {
            let (name, end) = rest.split_once('}')?;
            path = format!("{start}{}{end}", learnt.get(name)?);
        }
        let body = fill(&self.body, learnt)?;
        Some(Call {
            path,
            body,
            ..self.clone()
        })
    }
}

/// A place that an earlier answer fills.
pub fn learnt(name: &str) -> Value {
    json!({ "$learnt": name })
}

/// A place that only whoever makes the call can fill: a secret, by where it belongs. It is in no plan and no journal.
pub fn secret(spot: &str) -> Value {
    json!({ "$secret": spot })
}

fn fill(value: &Value, learnt: &Learnt) -> Option<Value> {
    match value {
        Value::Object(map) => match map.get("$learnt").and_then(Value::as_str) {
            Some(name) => learnt.get(name).map(|v| json!(v)),
            None => {
                let filled = map.iter().map(|(k, v)| Some((k.clone(), fill(v, learnt)?)));
                filled.collect::<Option<serde_json::Map<_, _>>>().map(Value::Object)
            }
        },
        Value::Array(all) => all.iter().map(|v| fill(v, learnt)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value.clone()),
    }
}

/// What happens when a vendor refuses a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// The run stops there, and can be resumed or undone.
    Must,
    /// It is told, as something that a person still has to do, and the run goes on.
    Should,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its name: `git.repository`.
    pub id: String,
    /// What it does, in a sentence for people.
    pub title: String,
    /// The call.
    pub call: Call,
    /// The call that takes it back; none where it goes with something else.
    pub undo: Option<Call>,
    /// How much hangs on it.
    pub weight: Weight,
}

/// A name as it stands in a path.
pub fn escape(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    text.bytes()
        .map(|b| {
            if plain(b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learnt_fills_its_places_and_no_text_of_an_answer_can() {
        let call = Call {
            vendor: Vendor::Slack,
            method: "POST".into(),
            path: format!("x/{{id}}/{}", escape("{id}/é")),
            body: json!({ "channel": learnt("channel"), "text": "{channel} and {\"$learnt\": \"channel\"}" }),
        };
        assert_eq!(call.filled(&Learnt::new()), None);
        let known = Learnt::from([("channel".into(), "C1".into()), ("id".into(), "7".into())]);
        let filled = call.filled(&known).expect("everything is known");
        assert_eq!(filled.path, "x/7/%7Bid%7D%2F%C3%A9");
        assert_eq!(
            filled.body,
            json!({ "channel": "C1", "text": "{channel} and {\"$learnt\": \"channel\"}" })
        );
    }
}
