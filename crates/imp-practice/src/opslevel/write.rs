//! The stand-in OpsLevel's mutations. What is wrong with one comes back in its `errors`, as in OpsLevel.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Opslevel;
use super::model::{
    LIFECYCLES, Service, State, TIERS, Tag, Tool, gid, property_json, refer, tags_json, team_id, tool_json,
};
use crate::clock;
use crate::world::hold;

/// What is wrong: the words and the field.
type Wrong = (String, &'static str);

fn wrong<T>(message: impl Into<String>, path: &'static str) -> Result<T, Wrong> {
    Err((message.into(), path))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|t| !t.is_empty()).map(str::to_owned)
}

/// An identifier or alias, from an `IdentifierInput` or from fields of those names.
fn named(value: &Value) -> String {
    text(&value["id"]).or_else(|| text(&value["alias"])).unwrap_or_default()
}

impl Opslevel {
    /// Does a mutation.
    ///
    /// # Errors
    /// When there is none of that name, which the schema does not let happen.
    pub(super) fn mutate(&self, name: &str, args: &Value) -> Result<Value, String> {
        let input = &args["input"];
        let mut state = hold(&self.state);
        let now = clock::now_ms();
        let done = match name {
            "serviceCreate" => self.service_create(&mut state, input, now),
            "serviceUpdate" => self.service_update(&mut state, input, now),
            "serviceDelete" => service_delete(&mut state, input),
            "serviceNoteUpdate" => note_update(&mut state, input, now),
            "serviceDependencyCreate" => dependency_create(&mut state, &args["inputV2"]),
            "tagAssign" => self.tag_assign(&mut state, input),
            "tagCreate" => self.tag_create(&mut state, input),
            "tagDelete" => tag_delete(&mut state, input),
            "toolCreate" => tool_create(&mut state, input),
            "aliasCreate" => alias_create(&mut state, input),
            "propertyUnassign" => self.property_unassign(&mut state, args),
            "propertyAssign" => self.property_assign(&mut state, input, now),
            other => return Err(format!("There is no mutation {other}.")),
        };
        Ok(match done {
            Ok(mut payload) => {
                payload["errors"] = json!([]);
                payload
            }
            Err((message, path)) => json!({"errors": [{"message": message, "path": [path], "title": null}]}),
        })
    }

    fn service_create(&self, state: &mut State, input: &Value, now: i64) -> Result<Value, Wrong> {
        let name = text(&input["name"]).unwrap_or_default();
        if name.trim().is_empty() {
            return wrong("Name can't be blank", "name");
        }
        let alias: String = name
            .to_lowercase()
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { '_' })
            .collect();
        if state.service(&alias).is_some() {
            return wrong("Name has already been taken", "name");
        }
        let number = state.next();
        let mut service = Service {
            number,
            aliases: vec![alias.clone()],
            name,
            description: String::new(),
            team: None,
            tier: None,
            lifecycle: None,
            product: None,
            language: None,
            framework: None,
            depends_on: vec![],
            note: None,
            tags: vec![],
            tools: vec![],
            properties: BTreeMap::new(),
            created_ms: now,
            updated_ms: now,
        };
        self.put(&mut service, input)?;
        state.services.push(service);
        Ok(json!({"service": refer("Service", &alias)}))
    }

    fn service_update(&self, state: &mut State, input: &Value, now: i64) -> Result<Value, Wrong> {
        let Some(found) = state.service_mut(&named(input)) else {
            return wrong("Service not found", "id");
        };
        let mut changed = found.clone();
        self.put(&mut changed, input)?;
        changed.updated_ms = now;
        let out = refer("Service", changed.aliases.first().map_or("", String::as_str));
        *found = changed;
        Ok(json!({"service": out}))
    }

    /// Puts the fields of an input into a service.
    fn put(&self, service: &mut Service, input: &Value) -> Result<(), Wrong> {
        let set = |kept: &mut Option<String>, key: &str| {
            if !input[key].is_null() {
                *kept = text(&input[key]);
            }
        };
        set(&mut service.product, "product");
        set(&mut service.language, "language");
        set(&mut service.framework, "framework");
        service.name = text(&input["name"]).unwrap_or_else(|| service.name.clone());
        service.description = text(&input["description"]).unwrap_or_else(|| service.description.clone());
        if let Some(alias) = text(&input["tierAlias"]) {
            let Some(place) = TIERS.iter().position(|t| t.0 == alias) else {
                return wrong("Tier not found", "tierAlias");
            };
            service.tier = Some(place);
        }
        if let Some(alias) = text(&input["lifecycleAlias"]) {
            let place = LIFECYCLES.iter().position(|l| l.0 == alias);
            let Some(place) = place else {
                return wrong("Lifecycle not found", "lifecycleAlias");
            };
            service.lifecycle = Some(place);
        }
        let owner = text(&input["ownerAlias"]).unwrap_or_else(|| named(&input["ownerInput"]));
        if !owner.is_empty() {
            let Some(team) = self.team_named(&owner) else {
                return wrong("Team not found", "ownerInput");
            };
            service.team = Some(team);
        }
        Ok(())
    }

    /// The alias of a team, from its alias or identifier.
    fn team_named(&self, name: &str) -> Option<String> {
        let org = &self.world.org;
        org.teams
            .iter()
            .find(|t| t.alias == name || team_id(org, &t.alias) == name)
            .map(|t| t.alias.clone())
    }

    /// The tags of what an input names.
    fn tags_of<'s>(&self, state: &'s mut State, input: &Value) -> Result<&'s mut Vec<Tag>, Wrong> {
        let name = named(input);
        match input["type"].as_str() {
            Some("Team") => match self.team_named(&name) {
                Some(team) => Ok(state.team_tags.entry(team).or_default()),
                None => wrong("Team not found", "id"),
            },
            Some("Service") | None => match state.service_mut(&name) {
                Some(service) => Ok(&mut service.tags),
                None => wrong("Service not found", "id"),
            },
            Some(_) => wrong("Resource not found", "id"),
        }
    }

    fn tag_assign(&self, state: &mut State, input: &Value) -> Result<Value, Wrong> {
        self.tags_of(state, input)?;
        let mut assigned = vec![];
        for given in input["tags"].as_array().into_iter().flatten() {
            let (key, value) = checked_tag(given)?;
            let fresh = state.tag(&key, &value);
            let tags = self.tags_of(state, input)?;
            match tags.iter_mut().find(|t| t.key == key) {
                Some(tag) => {
                    tag.value = value;
                    assigned.push(tag.clone());
                }
                None => {
                    tags.push(fresh.clone());
                    assigned.push(fresh);
                }
            }
        }
        Ok(json!({"tags": tags_json(&assigned)}))
    }

    fn tag_create(&self, state: &mut State, input: &Value) -> Result<Value, Wrong> {
        let (key, value) = checked_tag(input)?;
        let tag = state.tag(&key, &value);
        let tags = self.tags_of(state, input)?;
        if tags.iter().any(|t| t.key == key && t.value == value) {
            return wrong("Tag has already been taken", "key");
        }
        tags.push(tag.clone());
        Ok(json!({"tag": tags_json(&[tag])[0]}))
    }

    fn property_assign(&self, state: &mut State, input: &Value, now: i64) -> Result<Value, Wrong> {
        let definition = named(&input["definition"]);
        if definition.is_empty() {
            return wrong("Property definition not found", "definition");
        }
        let given = input["value"].as_str().unwrap_or_default();
        let Ok(value) = serde_json::from_str::<Value>(given) else {
            return wrong("Value is not a valid JSON string", "value");
        };
        let owner = named(&input["owner"]);
        let out = property_json(&definition, &value);
        match input["ownerType"].as_str() {
            Some("TEAM") => {
                let Some(team) = self.team_named(&owner) else {
                    return wrong("Owner not found", "owner");
                };
                state.team_properties.entry(team).or_default().insert(definition, value);
            }
            _ => {
                let Some(service) = state.service_mut(&owner) else {
                    return wrong("Owner not found", "owner");
                };
                service.properties.insert(definition, value);
                service.updated_ms = now;
            }
        }
        Ok(json!({"property": out}))
    }
}

impl Opslevel {
    fn property_unassign(&self, state: &mut State, args: &Value) -> Result<Value, Wrong> {
        let (owner, definition) = (named(&args["owner"]), named(&args["definition"]));
        let of_service = state.service_mut(&owner).and_then(|s| s.properties.remove(&definition));
        let of_team = self.team_named(&owner).and_then(|team| {
            let kept = state.team_properties.get_mut(&team)?;
            kept.remove(&definition)
        });
        let gone = of_service.or(of_team).is_some();
        match gone {
            true => Ok(json!({})),
            false => wrong("Property not found", "definition"),
        }
    }
}

fn service_delete(state: &mut State, input: &Value) -> Result<Value, Wrong> {
    let name = named(input);
    let Some(alias) = state.service(&name).and_then(|s| s.aliases.first().cloned()) else {
        return wrong("Service not found", "id");
    };
    let number = state.service(&alias).map_or(0, |s| s.number);
    state.services.retain(|s| s.number != number);
    Ok(json!({"deletedServiceAlias": alias, "deletedServiceId": gid("Service", number)}))
}

fn checked_tag(given: &Value) -> Result<(String, String), Wrong> {
    let key = text(&given["key"]).unwrap_or_default();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-./:".contains(c);
    if !key.starts_with(|c: char| c.is_ascii_lowercase()) || !key.chars().all(fits) {
        let words =
            "must start with a letter and be only lowercase alphanumerics, underscores, hyphens, periods, and slashes.";
        return wrong(format!("Key {words}"), "key");
    }
    let Some(value) = text(&given["value"]) else {
        return wrong("Value can't be blank", "value");
    };
    Ok((key, value))
}

fn note_update(state: &mut State, input: &Value, now: i64) -> Result<Value, Wrong> {
    let Some(service) = state.service_mut(&named(&input["service"])) else {
        return wrong("Service not found", "service");
    };
    service.note = text(&input["note"]);
    service.updated_ms = now;
    Ok(json!({"service": refer("Service", service.aliases.first().map_or("", String::as_str))}))
}

fn dependency_create(state: &mut State, input: &Value) -> Result<Value, Wrong> {
    let key = &input["dependencyKey"];
    let one = |id: &str, identifier: &str| text(&key[id]).unwrap_or_else(|| named(&key[identifier]));
    let (from, to) = (
        one("source", "sourceIdentifier"),
        one("destination", "destinationIdentifier"),
    );
    let Some(to) = state.service(&to).and_then(|s| s.aliases.first().cloned()) else {
        return wrong("Destination service not found", "destinationIdentifier");
    };
    let number = state.next();
    let Some(service) = state.service_mut(&from) else {
        return wrong("Source service not found", "sourceIdentifier");
    };
    if !service.depends_on.contains(&to) {
        service.depends_on.push(to.clone());
    }
    let from = service.aliases.first().cloned().unwrap_or_default();
    Ok(json!({"serviceDependency": {
        "id": gid("ServiceDependency", number), "notes": input["notes"], "sourceService": refer("Service", &from),
        "destinationService": refer("Service", &to),
    }}))
}

fn tag_delete(state: &mut State, input: &Value) -> Result<Value, Wrong> {
    let id = text(&input["id"]).unwrap_or_default();
    let lists = state
        .services
        .iter_mut()
        .map(|s| &mut s.tags)
        .chain(state.team_tags.values_mut());
    let mut gone = false;
    for tags in lists {
        let before = tags.len();
        tags.retain(|t| gid("Tag", t.number) != id);
        gone = gone || tags.len() < before;
    }
    if gone {
        Ok(json!({"deletedTagId": id}))
    } else {
        wrong("Tag not found", "id")
    }
}

fn tool_create(state: &mut State, input: &Value) -> Result<Value, Wrong> {
    let number = state.next();
    let name = text(&input["serviceId"])
        .or_else(|| text(&input["serviceAlias"]))
        .unwrap_or_default();
    let Some(service) = state.service_mut(&name) else {
        return wrong("Service not found", "serviceId");
    };
    let Some(url) = text(&input["url"]).filter(|u| u.starts_with("http://") || u.starts_with("https://")) else {
        return wrong("Url is not a valid URL", "url");
    };
    let tool = Tool {
        number,
        category: text(&input["category"]).unwrap_or_default(),
        name: text(&input["displayName"]).unwrap_or_default(),
        url,
        environment: text(&input["environment"]),
    };
    let out = tool_json(service.aliases.first().map_or("", String::as_str), &tool);
    service.tools.push(tool);
    Ok(json!({"tool": out}))
}

fn alias_create(state: &mut State, input: &Value) -> Result<Value, Wrong> {
    let (alias, owner) = (
        text(&input["alias"]).unwrap_or_default(),
        text(&input["ownerId"]).unwrap_or_default(),
    );
    if state.service(&alias).is_some() {
        return wrong("Alias has already been taken", "alias");
    }
    let Some(service) = state.service_mut(&owner) else {
        return wrong("Owner not found", "ownerId");
    };
    service.aliases.push(alias);
    Ok(json!({"aliases": service.aliases, "ownerId": owner}))
}
