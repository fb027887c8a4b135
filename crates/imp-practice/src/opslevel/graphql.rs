//! The stand-in OpsLevel's GraphQL: documents are checked against the schema, then answered from the catalogue.

use std::sync::LazyLock;

use apollo_compiler::resolvers::{Execution, FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use apollo_compiler::response::JsonMap;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

use super::Opslevel;
use super::model::{LIFECYCLES, TIERS, gid, lifecycle_json, property_json, refer, team_id, tier_json, user_id};
use crate::world::hold;

/// The schema that documents are checked against: a subset of OpsLevel's own.
pub const SDL: &str = include_str!("schema.graphql");
/// The most nodes in a page, as in OpsLevel.
const PAGE_MOST: usize = 100;

static SCHEMA: LazyLock<Valid<Schema>> = LazyLock::new(|| {
    Schema::parse_and_validate(SDL, "schema.graphql").expect("the schema is compiled in, and a test reads it")
});

/// What is wrong with a document; nothing when it is right.
pub fn faults_of(document: &str) -> Vec<String> {
    match ExecutableDocument::parse_and_validate(&SCHEMA, document, "query.graphql") {
        Ok(_) => vec![],
        Err(wrong) => wrong.errors.iter().map(|e| e.to_json().message).collect(),
    }
}

impl Opslevel {
    /// Answers a request: `{"query", "variables", "operationName"}`.
    pub fn graphql(&self, request: &Value) -> Value {
        let refused = |message: String| json!({"errors": [{"message": message}]});
        let text = request["query"].as_str().unwrap_or_default();
        let document = match ExecutableDocument::parse_and_validate(&SCHEMA, text, "query.graphql") {
            Ok(document) => document,
            Err(wrong) => {
                let errors: Vec<_> = wrong.errors.iter().map(|e| e.to_json()).collect();
                return json!({"errors": errors});
            }
        };
        let given = if request["variables"].is_object() {
            request["variables"].clone()
        } else {
            json!({})
        };
        let Ok(variables) = serde_json::from_value::<JsonMap>(given) else {
            return refused("The variables are not an object.".to_owned());
        };
        let operation = match document.operations.get(request["operationName"].as_str()) {
            Ok(operation) => operation,
            Err(wrong) => return json!({"errors": [wrong.to_graphql_error(&document.sources)]}),
        };
        let root = Thing {
            opslevel: self,
            kind: operation.object_type().to_string(),
            value: json!({}),
        };
        let execution = Execution::new(&SCHEMA, &document)
            .operation(operation)
            .raw_variable_values(&variables);
        match execution.execute_sync(&root) {
            Ok(response) => serde_json::to_value(response).unwrap_or(Value::Null),
            Err(wrong) => json!({"errors": [wrong.to_graphql_error(&document.sources)]}),
        }
    }

    /// The object that a reference stands for; anything else is itself.
    fn expand(&self, value: Value) -> Value {
        let (Some(kind), Some(id)) = (value["$"].as_str(), value["id"].as_str()) else {
            return value;
        };
        let state = hold(&self.state);
        let found = match kind {
            "Service" => state.service(id).map(|s| self.service_json(&state, s)),
            "Team" => self.world.team(id).map(|t| self.team_json(&state, t)),
            _ => self.world.person(id).map(|p| self.user_json(p)),
        };
        found.unwrap_or(Value::Null)
    }

    /// A field of the account that depends on its arguments.
    fn account_field(&self, name: &str, args: &Value) -> Value {
        let org = &self.world.org;
        let text = |key: &str| args[key].as_str().filter(|t| !t.is_empty());
        match name {
            "id" => json!(gid("Account", 1)),
            "name" => json!(org.name),
            "tiers" => (0..TIERS.len()).map(tier_json).collect(),
            "lifecycles" => (0..LIFECYCLES.len()).map(lifecycle_json).collect(),
            "service" => {
                let state = hold(&self.state);
                let found = text("id").or(text("alias")).and_then(|name| state.service(name));
                found
                    .and_then(|s| s.aliases.first())
                    .map_or(Value::Null, |alias| refer("Service", alias))
            }
            "services" => {
                let state = hold(&self.state);
                let fits = |wanted: Option<&str>, has: Option<&str>| wanted.is_none_or(|w| has == Some(w));
                let found = state.services.iter().filter(|s| {
                    let searched = text("searchTerm").map(str::to_lowercase);
                    let tag = &args["tag"];
                    fits(text("ownerAlias"), s.team.as_deref())
                        && fits(text("language"), s.language.as_deref())
                        && fits(text("name"), Some(&s.name))
                        && fits(text("tierAlias"), s.tier.and_then(|t| TIERS.get(t)).map(|t| t.0))
                        && fits(
                            text("lifecycleAlias"),
                            s.lifecycle.and_then(|l| LIFECYCLES.get(l)).map(|l| l.0),
                        )
                        && searched.is_none_or(|w| {
                            s.name.to_lowercase().contains(&w) || s.aliases.iter().any(|a| a.contains(&w))
                        })
                        && (tag.is_null()
                            || s.tags.iter().any(|t| {
                                tag["key"].as_str().is_none_or(|k| k == t.key)
                                    && tag["value"].as_str().is_none_or(|v| v == t.value)
                            }))
                });
                found
                    .filter_map(|s| Some(refer("Service", s.aliases.first()?)))
                    .collect()
            }
            "team" => {
                let found = org.teams.iter().find(|t| {
                    text("alias").is_some_and(|a| a == t.alias)
                        || text("id").is_some_and(|id| id == team_id(org, &t.alias))
                });
                found.map_or(Value::Null, |t| refer("Team", &t.alias))
            }
            "teams" => {
                let found = org.teams.iter().filter(|t| {
                    text("name").is_none_or(|n| n == t.name)
                        && text("managerEmail").is_none_or(|m| m == org.email(&t.manager))
                        && text("searchTerm").is_none_or(|w| t.name.to_lowercase().contains(&w.to_lowercase()))
                });
                found.map(|t| refer("Team", &t.alias)).collect()
            }
            "user" => {
                let email = args["input"]["email"].as_str();
                let id = text("id").or(args["input"]["id"].as_str());
                let found = org.people.iter().find(|p| {
                    email.is_some_and(|e| e.eq_ignore_ascii_case(&org.email(&p.handle)))
                        || id.is_some_and(|id| id == user_id(org, &p.handle))
                });
                found.map_or(Value::Null, |p| refer("User", &p.handle))
            }
            "users" => org.people.iter().map(|p| refer("User", &p.handle)).collect(),
            "property" => {
                let owner = args["owner"]["id"]
                    .as_str()
                    .or(args["owner"]["alias"].as_str())
                    .unwrap_or_default();
                let definition = args["definition"]["alias"].as_str().unwrap_or_default();
                let state = hold(&self.state);
                let of_service = state.service(owner).and_then(|s| s.properties.get(definition));
                let of_team = || state.team_properties.get(owner).and_then(|p| p.get(definition));
                of_service
                    .or_else(of_team)
                    .map_or(Value::Null, |v| property_json(definition, v))
            }
            _ => Value::Null,
        }
    }
}

/// An object of the catalogue while it is looked into.
struct Thing<'o> {
    opslevel: &'o Opslevel,
    kind: String,
    value: Value,
}

impl ObjectValue for Thing<'_> {
    fn type_name(&self) -> &str {
        &self.kind
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Result<ResolvedValue<'a>, FieldError> {
        let name = info.field_name();
        let args = serde_json::to_value(info.arguments()).unwrap_or(Value::Null);
        let value = match (self.kind.as_str(), name) {
            ("Query", _) => json!({}),
            ("Mutation", _) => self
                .opslevel
                .mutate(name, &args)
                .map_err(|message| FieldError { message })?,
            ("Account", _) => self.opslevel.account_field(name, &args),
            ("Service" | "Team", "property") => {
                let definition = args["definition"]["alias"].as_str().unwrap_or_default();
                let found = self.value["$properties"].get(definition);
                found.map_or(Value::Null, |v| property_json(definition, v))
            }
            _ => self.value[name].clone(),
        };
        let kind = info.field_definition().ty.inner_named_type();
        let leaf = info.schema().get_object(kind).is_none();
        let value = match value {
            Value::Array(all) if kind.ends_with("Connection") => {
                connection(all, &args).map_err(|message| FieldError { message })?
            }
            other => other,
        };
        Ok(self.wrap(value, kind.as_str(), leaf))
    }
}

impl Thing<'_> {
    fn wrap<'a>(&'a self, value: Value, kind: &str, leaf: bool) -> ResolvedValue<'a> {
        let plain = |value: Value| {
            ResolvedValue::leaf(
                serde_json::from_value::<apollo_compiler::response::JsonValue>(value).unwrap_or_default(),
            )
        };
        match value {
            Value::Array(all) if leaf => ResolvedValue::List(Box::new(all.into_iter().map(move |v| Ok(plain(v))))),
            other if leaf => plain(other),
            Value::Array(all) => {
                let kind = kind.to_owned();
                ResolvedValue::List(Box::new(all.into_iter().map(move |v| Ok(self.wrap(v, &kind, false)))))
            }
            other => match self.opslevel.expand(other) {
                Value::Null => ResolvedValue::null(),
                value => ResolvedValue::object(Thing {
                    opslevel: self.opslevel,
                    kind: kind.to_owned(),
                    value,
                }),
            },
        }
    }
}

/// A page of a list, in the shape of a connection.
fn connection(all: Vec<Value>, args: &Value) -> Result<Value, String> {
    let place = |key: &str| match args[key].as_str().filter(|c| !c.is_empty()) {
        None => Ok(None),
        Some(cursor) => {
            let number = STANDARD_NO_PAD
                .decode(cursor)
                .ok()
                .and_then(|b| String::from_utf8(b).ok()?.parse::<usize>().ok());
            number.map(Some).ok_or_else(|| format!("Invalid cursor: {cursor}"))
        }
    };
    let count = |key: &str| match args[key].as_i64() {
        None => Ok(None),
        Some(n) => usize::try_from(n)
            .map(|n| Some(n.min(PAGE_MOST)))
            .map_err(|_| format!("`{key}` must not be negative")),
    };
    let total = all.len();
    let from = place("after")?.unwrap_or(0).min(total);
    let until = place("before")?
        .map_or(total, |b| b.saturating_sub(1))
        .clamp(from, total);
    let (from, until) = match (count("first")?, count("last")?) {
        (Some(first), _) => (from, until.min(from + first)),
        (None, Some(last)) => (until.saturating_sub(last).max(from), until),
        (None, None) => (from, until.min(from + PAGE_MOST)),
    };
    let cursor = |n: usize| STANDARD_NO_PAD.encode(n.to_string());
    let nodes: Vec<Value> = all.into_iter().skip(from).take(until - from).collect();
    let edges = (from + 1..)
        .zip(&nodes)
        .map(|(n, node)| json!({"cursor": cursor(n), "node": node, "id": gid("Edge", n as u64), "locked": false}));
    let edges: Vec<Value> = edges.collect();
    Ok(json!({
        "totalCount": total, "filteredCount": total, "edges": edges,
        "pageInfo": {
            "hasNextPage": until < total, "hasPreviousPage": from > 0,
            "startCursor": (from < until).then(|| cursor(from + 1)), "endCursor": (from < until).then(|| cursor(until)),
        },
        "nodes": nodes,
    }))
}
