//! A stand-in for GitHub: repositories of one organisation over REST, Git over HTTP, and pages of what is in them.

mod actions;
mod api;
mod git;
mod page;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, http::HeaderMap, http::header};
use serde_json::{Value, json};

use crate::clock;
use crate::world::{World, hold};

/// The largest push that is taken: a first commit, many times over.
const PUSH_MOST: usize = 64 * 1024 * 1024;
/// The longest name of a repository, as with the real one.
const NAME_MOST: usize = 100;
/// The longest description, as with the real one.
const DESCRIPTION_MOST: usize = 350;

/// A label for issues.
#[derive(Debug, Clone)]
struct Label {
    name: String,
    color: String,
    description: String,
}

/// A repository.
#[derive(Debug, Clone)]
struct Repository {
    number: u64,
    name: String,
    description: String,
    private: bool,
    created_ms: i64,
    labels: Vec<Label>,
    topics: Vec<String>,
    /// Permissions by the slug of the team.
    teams: BTreeMap<String, String>,
    /// What protects which branch.
    protection: BTreeMap<String, Value>,
    hooks: Vec<Value>,
    /// What hooks sign with, by their addresses.
    hook_secrets: BTreeMap<String, String>,
    /// What deploys where: what each asks for, by its name.
    environments: BTreeMap<String, Value>,
    /// Values by their place: the repository's own, or an environment's.
    variables: BTreeMap<Spot, String>,
    /// Opened, by their place.
    secrets: BTreeMap<Spot, String>,
    /// What opens them.
    key: crypto_box::SecretKey,
}

/// Whose a secret or a variable is, an environment's or (none) the repository's, and its name, in upper case.
type Spot = (Option<String>, String);

#[derive(Debug, Default)]
struct State {
    last: u64,
    /// By their names in lower case: GitHub does not tell cases apart.
    repositories: BTreeMap<String, Repository>,
}

/// The stand-in.
#[derive(Debug)]
pub struct Github {
    world: Arc<World>,
    state: Mutex<State>,
    /// Where the bare repositories are; goes with the stand-in.
    folder: tempfile::TempDir,
}

/// Why something was refused, in GitHub's shape.
#[derive(Debug)]
struct Fail {
    status: StatusCode,
    message: String,
    errors: Value,
}

impl Fail {
    fn new(status: StatusCode, message: impl Into<String>) -> Fail {
        Fail {
            status,
            message: message.into(),
            errors: Value::Null,
        }
    }

    fn not_found() -> Fail {
        Fail::new(StatusCode::NOT_FOUND, "Not Found")
    }

    fn invalid(message: &str, error: Value) -> Fail {
        Fail {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            message: message.to_owned(),
            errors: json!([error]),
        }
    }
}

impl IntoResponse for Fail {
    fn into_response(self) -> Response {
        let mut body = json!({
            "message": self.message, "documentation_url": "https://docs.github.com/rest", "status": self.status.as_u16().to_string(),
        });
        if !self.errors.is_null() {
            body["errors"] = self.errors;
        }
        (self.status, Json(body)).into_response()
    }
}

impl Github {
    /// An organisation without repositories.
    ///
    /// # Errors
    /// Where no folder can be had for them.
    pub fn new(world: Arc<World>) -> io::Result<Arc<Github>> {
        let folder = tempfile::Builder::new().prefix("imp-practice-git-").tempdir()?;
        Ok(Arc::new(Github {
            world,
            state: Mutex::default(),
            folder,
        }))
    }

    /// Its routes, below `/github`.
    pub fn routes(self: &Arc<Self>) -> Router {
        api::routes(self)
            .merge(git::routes(self))
            .merge(page::routes(self))
            .layer(DefaultBodyLimit::max(PUSH_MOST))
    }

    /// The organisation's login: its name in lower case.
    pub fn login(&self) -> String {
        login(&self.world.org.name)
    }

    /// The names of its repositories.
    pub fn names(&self) -> BTreeSet<String> {
        hold(&self.state)
            .repositories
            .values()
            .map(|r| r.name.clone())
            .collect()
    }

    /// What a repository's file holds on its main branch.
    pub fn file(&self, name: &str, path: &str) -> Option<Vec<u8>> {
        let name = hold(&self.state).repositories.get(&name.to_lowercase())?.name.clone();
        git::blob(&self.bare(&name), path)
    }

    /// What a repository says of itself, its labels, teams, protection, and its secrets as they were before they were
    /// sealed, as JSON.
    pub fn look(&self, name: &str) -> Option<Value> {
        let state = hold(&self.state);
        let r = state.repositories.get(&name.to_lowercase())?;
        let labels: Vec<&str> = r.labels.iter().map(|l| l.name.as_str()).collect();
        Some(json!({
            "name": r.name, "description": r.description, "private": r.private, "labels": labels, "topics": r.topics,
            "teams": r.teams, "protection": r.protection, "environments": r.environments, "variables": shown(&r.variables),
            "secrets": shown(&r.secrets), "hooks": r.hooks, "hook_secrets": r.hook_secrets,
        }))
    }

    /// A repository that somebody else made.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn seed(&self, name: &str, description: &str) -> io::Result<()> {
        self.make(name, description, true)
    }

    fn make(&self, name: &str, description: &str, private: bool) -> io::Result<()> {
        git::init(&self.bare(name))?;
        let mut state = hold(&self.state);
        state.last += 1;
        let repository = Repository {
            number: state.last,
            name: name.to_owned(),
            description: description.to_owned(),
            private,
            created_ms: clock::now_ms(),
            labels: ["bug", "enhancement"]
                .map(|n| Label {
                    name: n.to_owned(),
                    color: "ededed".to_owned(),
                    description: String::new(),
                })
                .to_vec(),
            topics: vec![],
            teams: BTreeMap::new(),
            protection: BTreeMap::new(),
            hooks: vec![],
            hook_secrets: BTreeMap::new(),
            environments: BTreeMap::new(),
            variables: BTreeMap::new(),
            secrets: BTreeMap::new(),
            key: crypto_box::SecretKey::from(rand::random::<[u8; 32]>()),
        };
        state.repositories.insert(name.to_lowercase(), repository);
        Ok(())
    }

    /// Where a repository is on the disk. Only for names that were checked.
    fn bare(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{}.git", name.to_lowercase()))
    }

    /// Whether a call brings the token, as a bearer token or as Git's password.
    fn knows(&self, headers: &HeaderMap) -> bool {
        use base64::Engine as _;
        let token = &self.world.org.keys.github_token;
        let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let Some((kind, word)) = given.and_then(|g| g.split_once(' ')) else {
            return false;
        };
        match kind.to_lowercase().as_str() {
            "bearer" | "token" => word.trim() == token,
            "basic" => base64::engine::general_purpose::STANDARD
                .decode(word.trim())
                .ok()
                .and_then(|b| String::from_utf8(b).ok())
                .and_then(|pair| pair.split_once(':').map(|(_, p)| p == token))
                .unwrap_or(false),
            _ => false,
        }
    }
}

/// Values by `NAME`, an environment's by `environment/NAME`.
fn shown(all: &BTreeMap<Spot, String>) -> Value {
    let named = all.iter().map(|((environment, name), value)| {
        let at = environment.as_ref().map(|e| format!("{e}/")).unwrap_or_default();
        (format!("{at}{name}"), json!(value))
    });
    Value::Object(named.collect())
}

/// The login of an organisation of this name.
pub fn login(name: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    name.to_lowercase().chars().map(fits).collect()
}

/// Whether GitHub takes this for a repository's name.
fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=NAME_MOST).contains(&name.len()) && name.chars().all(fits) && !name.starts_with('.') && !name.ends_with(".git")
}
