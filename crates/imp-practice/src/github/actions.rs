//! What workflows are given: environments, variables, and secrets sealed with the repository's key.

use std::sync::Arc;

use axum::extract::{Path, State as Own};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::api::{Answer, Body, Caller, Here, Three, Two, body};
use super::{Fail, Github, Repository, Spot};

/// The largest value of a secret or a variable, as with the real one.
const VALUE_MOST: usize = 48 * 1024;
/// The name of the one key that each repository has.
const KEY_ID: &str = "568250167242549743";

type Four = Path<(String, String, String, String)>;

/// The routes.
pub fn routes() -> Router<Arc<Github>> {
    Router::new()
        .route(
            "/repos/{owner}/{repo}/environments/{name}",
            get(environment).put(make_environment),
        )
        .route("/repos/{owner}/{repo}/actions/secrets/public-key", get(key))
        .route(
            "/repos/{owner}/{repo}/environments/{name}/secrets/public-key",
            get(key_of_environment),
        )
        .route(
            "/repos/{owner}/{repo}/actions/secrets/{name}",
            get(secret).put(put_secret),
        )
        .route(
            "/repos/{owner}/{repo}/environments/{environment}/secrets/{name}",
            get(secret_of_environment).put(put_secret_of_environment),
        )
        .route("/repos/{owner}/{repo}/actions/variables", post(make_variable))
        .route("/repos/{owner}/{repo}/actions/variables/{name}", get(variable))
        .route(
            "/repos/{owner}/{repo}/environments/{environment}/variables",
            post(make_variable_of_environment),
        )
        .route(
            "/repos/{owner}/{repo}/environments/{environment}/variables/{name}",
            get(variable_of_environment),
        )
}

fn wrong(words: &str) -> Fail {
    Fail::new(StatusCode::UNPROCESSABLE_ENTITY, words)
}

/// Where it is kept, if it can be there.
fn spot(r: &Repository, environment: Option<&str>, name: &str) -> Result<Spot, Fail> {
    if let Some(e) = environment
        && !r.environments.contains_key(e)
    {
        return Err(Fail::not_found());
    }
    let fits = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let begins = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !fits || !begins || name.to_uppercase().starts_with("GITHUB_") {
        let words = "Name can only contain alphanumeric characters ([a-z], [A-Z], [0-9]) or underscores (_). Spaces are not \
                     allowed, and it may not start with GITHUB_ or a number.";
        return Err(wrong(words));
    }
    Ok((environment.map(str::to_owned), name.to_uppercase()))
}

async fn environment(_: Caller, Own(github): Here, Path((owner, repo, name)): Three) -> Answer {
    github.with(&owner, &repo, |r| match r.environments.get(&name) {
        Some(wish) => Ok(
            Json(json!({"name": name, "deployment_branch_policy": wish["deployment_branch_policy"]})).into_response(),
        ),
        None => Err(Fail::not_found()),
    })
}

async fn make_environment(_: Caller, Own(github): Here, Path((owner, repo, name)): Three, bytes: Body) -> Answer {
    let wish = body(bytes)?;
    let policy = &wish["deployment_branch_policy"];
    if !policy.is_null() && policy["protected_branches"].as_bool() == policy["custom_branch_policies"].as_bool() {
        return Err(wrong(
            "protected_branches and custom_branch_policies cannot have the same value",
        ));
    }
    github.with(&owner, &repo, |r| {
        r.environments.insert(name.clone(), wish.clone());
        Ok(Json(json!({"name": name, "deployment_branch_policy": wish["deployment_branch_policy"]})).into_response())
    })
}

fn key_json(r: &Repository) -> Value {
    json!({"key_id": KEY_ID, "key": STANDARD.encode(r.key.public_key().as_bytes())})
}

async fn key(_: Caller, Own(github): Here, Path((owner, repo)): Two) -> Answer {
    github.with(&owner, &repo, |r| Ok(Json(key_json(r)).into_response()))
}

async fn key_of_environment(_: Caller, Own(github): Here, Path((owner, repo, name)): Three) -> Answer {
    github.with(&owner, &repo, |r| match r.environments.contains_key(&name) {
        true => Ok(Json(key_json(r)).into_response()),
        false => Err(Fail::not_found()),
    })
}

fn tell_secret(r: &Repository, environment: Option<&str>, name: &str) -> Answer {
    let spot = spot(r, environment, name)?;
    match r.secrets.contains_key(&spot) {
        true => Ok(Json(
            json!({"name": spot.1, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}),
        )
        .into_response()),
        false => Err(Fail::not_found()),
    }
}

/// Opens what was sealed; what cannot be opened is refused.
fn keep_secret(r: &mut Repository, environment: Option<&str>, name: &str, wish: &Value) -> Answer {
    let spot = spot(r, environment, name)?;
    if wish["key_id"] != KEY_ID {
        return Err(wrong("Bad request - key_id is not this repository's"));
    }
    let sealed = STANDARD
        .decode(wish["encrypted_value"].as_str().unwrap_or_default())
        .unwrap_or_default();
    let opened = r
        .key
        .unseal(&sealed)
        .map_err(|_| wrong("Bad request - improperly encrypted secret"))?;
    let text = String::from_utf8(opened).map_err(|_| wrong("Bad request - improperly encrypted secret"))?;
    if text.len() > VALUE_MOST {
        return Err(wrong("Value is too large"));
    }
    Ok(match r.secrets.insert(spot, text) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => (StatusCode::CREATED, Json(json!({}))).into_response(),
    })
}

async fn secret(_: Caller, Own(github): Here, Path((owner, repo, name)): Three) -> Answer {
    github.with(&owner, &repo, |r| tell_secret(r, None, &name))
}

async fn secret_of_environment(_: Caller, Own(github): Here, Path((owner, repo, at, name)): Four) -> Answer {
    github.with(&owner, &repo, |r| tell_secret(r, Some(&at), &name))
}

async fn put_secret(_: Caller, Own(github): Here, Path((owner, repo, name)): Three, bytes: Body) -> Answer {
    let wish = body(bytes)?;
    github.with(&owner, &repo, |r| keep_secret(r, None, &name, &wish))
}

async fn put_secret_of_environment(
    _: Caller,
    Own(github): Here,
    Path((owner, repo, at, name)): Four,
    bytes: Body,
) -> Answer {
    let wish = body(bytes)?;
    github.with(&owner, &repo, |r| keep_secret(r, Some(&at), &name, &wish))
}

fn tell_variable(r: &Repository, environment: Option<&str>, name: &str) -> Answer {
    let spot = spot(r, environment, name)?;
    match r.variables.get(&spot) {
        Some(value) => Ok(Json(json!({"name": spot.1, "value": value})).into_response()),
        None => Err(Fail::not_found()),
    }
}

fn keep_variable(r: &mut Repository, environment: Option<&str>, wish: &Value) -> Answer {
    let spot = spot(r, environment, wish["name"].as_str().unwrap_or_default())?;
    let value = wish["value"]
        .as_str()
        .ok_or_else(|| wrong("Invalid request.\n\n\"value\" wasn't supplied."))?;
    if value.len() > VALUE_MOST {
        return Err(wrong("Value is too large"));
    }
    if r.variables.contains_key(&spot) {
        return Err(Fail::new(
            StatusCode::CONFLICT,
            "Already exists - Variable already exists",
        ));
    }
    r.variables.insert(spot, value.to_owned());
    Ok((StatusCode::CREATED, Json(json!({}))).into_response())
}

async fn variable(_: Caller, Own(github): Here, Path((owner, repo, name)): Three) -> Answer {
    github.with(&owner, &repo, |r| tell_variable(r, None, &name))
}

async fn variable_of_environment(_: Caller, Own(github): Here, Path((owner, repo, at, name)): Four) -> Answer {
    github.with(&owner, &repo, |r| tell_variable(r, Some(&at), &name))
}

async fn make_variable(_: Caller, Own(github): Here, Path((owner, repo)): Two, bytes: Body) -> Answer {
    let wish = body(bytes)?;
    github.with(&owner, &repo, |r| keep_variable(r, None, &wish))
}

async fn make_variable_of_environment(
    _: Caller,
    Own(github): Here,
    Path((owner, repo, at)): Three,
    bytes: Body,
) -> Answer {
    let wish = body(bytes)?;
    github.with(&owner, &repo, |r| keep_variable(r, Some(&at), &wish))
}
