//! What the project is like: its issue types, the fields of the create screen, statuses and people. Read once and kept,
//! so that filing a ticket is one call.

use super::wire::{Field, FieldPage, IssueType, Status, TypePage, User};
use super::{Jira, NAME};
use crate::http::{Fault, read};
use imp_core::{Directory, Who, words};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// Fields asked for at once; create screens have a few dozen.
const FIELDS_PAGE: usize = 50;
/// Pages of fields that are read.
const FIELDS_PAGES_MAX: usize = 10;
/// People asked for at once: Jira gives at most 1000.
const PEOPLE_MAX: u32 = 1000;
/// How long it is believed that Jira does not know somebody.
const STRANGER_FRESH: Duration = Duration::from_secs(600);
/// Strangers that are remembered.
const STRANGERS_MAX: usize = 10_000;

/// The project, as Jira described it.
#[derive(Debug, Default)]
pub(super) struct Scheme {
    /// The incident's issue type; none where Jira would not say.
    pub incident: Option<IssueType>,
    /// The type of a sub-task, if the project has one.
    pub subtask: Option<IssueType>,
    /// The type of a task, if the project has one.
    pub task: Option<IssueType>,
    /// The fields that can be set at creation; none where Jira would not say.
    pub fields: Option<BTreeMap<String, Field>>,
    /// The statuses of each issue type, by its name in lower case.
    statuses: HashMap<String, Vec<Status>>,
    /// Identifier of each user by e-mail address in lower case, as far as Jira shows addresses.
    people: HashMap<String, String>,
}

impl Scheme {
    /// Whether a field can be set at creation, as far as is known.
    pub fn has(&self, field: &str) -> bool {
        self.fields.as_ref().is_none_or(|f| f.contains_key(field))
    }

    /// The statuses of an issue type; empty where Jira would not say.
    pub fn statuses(&self, issue_type: &str) -> &[Status] {
        self.statuses.get(&issue_type.to_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// A value by its name among those that a field allows. A field whose values are not told takes any.
    pub fn named(&self, field: &str, names: &[&str]) -> Option<Value> {
        let meta = self.fields.as_ref().and_then(|f| f.get(field));
        if self.fields.is_some() && meta.is_none() {
            return None;
        }
        let Some(allowed) = meta.and_then(|m| m.allowed_values.as_ref()) else {
            return names.first().map(|n| json!({"name": n}));
        };
        let name = |v: &Value| v.get("name").and_then(Value::as_str).map(str::to_owned);
        let is = |n: &String| names.iter().any(|w| words::key(w) == words::key(n));
        allowed.iter().filter_map(name).find(is).map(|n| json!({"name": n}))
    }

    /// The security level of this name; none where the project has none for this account. A project that does not tell its
    /// levels takes the name.
    pub fn level(&self, name: &str) -> Option<Value> {
        let Some(fields) = &self.fields else {
            return Some(json!({"name": name}));
        };
        let levels = fields.get("security")?.allowed_values.as_ref();
        let Some(levels) = levels else {
            return Some(json!({"name": name}));
        };
        let is = |l: &&Value| l["name"].as_str().is_some_and(|n| words::key(n) == words::key(name));
        levels.iter().find(is).map(|l| json!({"id": l["id"]}))
    }

    /// The names of the security levels that this account may give.
    pub fn levels(&self) -> Vec<String> {
        let field = self.fields.as_ref().and_then(|f| f.get("security"));
        let all = field.and_then(|f| f.allowed_values.as_ref()).into_iter().flatten();
        all.filter_map(|l| l["name"].as_str().map(str::to_owned)).collect()
    }

    /// A text in the shape that a custom field takes; none where the field is not there or allows no such value.
    pub fn shaped(&self, field: &str, text: &str, cloud: bool) -> Option<Value> {
        let Some(meta) = self.fields.as_ref().and_then(|f| f.get(field)) else {
            return self.fields.is_none().then(|| json!(text));
        };
        let allowed = |by: &str| {
            let values = meta.allowed_values.as_ref()?;
            let value = |v: &Value| v.get(by).and_then(Value::as_str).map(str::to_owned);
            values
                .iter()
                .filter_map(value)
                .find(|v| words::key(v) == words::key(text))
                .map(|v| json!({by: v}))
        };
        let textarea = meta.schema.custom.as_deref().is_some_and(|c| c.ends_with(":textarea"));
        match (meta.schema.kind.as_str(), meta.schema.items.as_deref()) {
            ("string", _) if textarea && cloud => {
                Some(super::adf::document(&[super::adf::Block::Text(text.to_owned())]))
            }
            ("option", _) => allowed("value"),
            ("array", Some("option")) => allowed("value").map(|v| json!([v])),
            ("array", Some("string")) => Some(json!([words::slug(text, 100)])),
            ("number", _) => text.parse::<f64>().ok().map(|n| json!(n)),
            ("date", _) => text.get(..10).map(|d| json!(d)),
            ("datetime", _) => Some(json!(text.replace('Z', "+0000"))),
            ("priority" | "component" | "version" | "group", _) => allowed("name"),
            _ => Some(json!(text)),
        }
    }
}

impl Jira {
    /// Reads the project anew. Called at the start and now and then, so that nobody who files a ticket waits for it.
    ///
    /// # Errors
    /// When Jira cannot be asked; what was known before stays.
    pub async fn warm(&self) -> Result<(), Fault> {
        let own = async {
            if let Ok(me) = self.get("myself").await.and_then(|a| a.json::<User>(NAME)) {
                *self.own.lock().unwrap_or_else(PoisonError::into_inner) = Some(me);
            }
        };
        let (scheme, ()) = tokio::join!(self.read_scheme(), own);
        let scheme = scheme?;
        self.look_over(&scheme);
        *self.scheme.lock().await = Some(Arc::new(scheme));
        Ok(())
    }

    /// The project as it is known, read now if it never was.
    pub(super) async fn scheme(&self) -> Result<Arc<Scheme>, Fault> {
        let mut cached = self.scheme.lock().await;
        if let Some(scheme) = cached.as_ref() {
            return Ok(Arc::clone(scheme));
        }
        let scheme = Arc::new(self.read_scheme().await?);
        *cached = Some(Arc::clone(&scheme));
        Ok(scheme)
    }

    /// Forgets the project, because it turned out to be another than was known.
    pub(super) async fn forget_scheme(&self) {
        *self.scheme.lock().await = None;
    }

    async fn read_scheme(&self) -> Result<Scheme, Fault> {
        let project = &self.config.project;
        let (types_path, statuses_path) = (
            format!("issue/createmeta/{project}/issuetypes"),
            format!("project/{project}/statuses"),
        );
        let people_path = format!("user/assignable/search?project={project}&maxResults={PEOPLE_MAX}");
        let (types, statuses, people) =
            tokio::join!(self.get(&types_path), self.get(&statuses_path), self.get(&people_path));
        // Without an answer nothing can be filed; a refusal (an old Data Center, a missing permission) only means to go
        // on with less knowledge.
        let types = match types.and_then(|a| a.json::<TypePage>(NAME)) {
            Ok(page) => page.types(),
            Err(Fault::Refused { .. }) => vec![],
            Err(Fault::Later { status: Some(403), .. }) => vec![],
            Err(Fault::Later {
                status, after_ms, why, ..
            }) => {
                return Err(Fault::Later {
                    status,
                    after_ms,
                    why,
                    undone: true,
                });
            }
            Err(fault @ Fault::Wait { .. }) => return Err(fault),
        };
        let statuses: Vec<IssueType> = statuses.and_then(|a| a.json(NAME)).unwrap_or_default();
        let people: Vec<User> = people.and_then(|a| a.json(NAME)).unwrap_or_default();
        let incident = types
            .iter()
            .find(|t| t.name.eq_ignore_ascii_case(&self.config.issue_type))
            .cloned();
        let fields = match &incident {
            Some(t) => self
                .fields(&t.id)
                .await
                .inspect_err(|f| tracing::warn!("Jira's create screen: {}", f.why()))
                .ok(),
            None => None,
        };
        if !types.is_empty() && incident.is_none() {
            let names: Vec<String> = types.iter().map(|t| t.name.clone()).collect();
            let (name, names) = (&self.config.issue_type, words::list(&names));
            let why = format!(
                "{NAME}'s project {project} has no issue type {name:?}; it has {names}; mend issue_type under [jira]"
            );
            return Err(Fault::Refused {
                status: 404,
                why,
                body: bytes::Bytes::new(),
            });
        }
        let by_name = |n: &str| {
            types
                .iter()
                .find(|t| !t.subtask && t.name.eq_ignore_ascii_case(n))
                .cloned()
        };
        Ok(Scheme {
            subtask: types.iter().find(|t| t.subtask).cloned(),
            task: by_name("Task")
                .or_else(|| by_name("Story"))
                .or_else(|| incident.clone()),
            statuses: statuses
                .into_iter()
                .map(|t| (t.name.to_lowercase(), t.statuses))
                .collect(),
            people: people
                .into_iter()
                .filter(|u| u.active != Some(false))
                .filter_map(|u| listed(u, self.is_cloud()))
                .collect(),
            incident,
            fields,
        })
    }

    async fn fields(&self, issue_type: &str) -> Result<BTreeMap<String, Field>, Fault> {
        let mut out = BTreeMap::new();
        for page in 0..FIELDS_PAGES_MAX {
            let (project, from) = (&self.config.project, page * FIELDS_PAGE);
            let path =
                format!("issue/createmeta/{project}/issuetypes/{issue_type}?startAt={from}&maxResults={FIELDS_PAGE}");
            let got: FieldPage = self.get(&path).await?.json(NAME)?;
            let total = got.total;
            let fields = got.fields();
            let count = fields.len();
            out.extend(fields.into_iter().map(|f| (f.field_id.clone(), f)));
            if count == 0 || from + count >= total {
                break;
            }
        }
        Ok(out)
    }

    /// Jira's identifier of somebody, if Jira knows their address. Failing to find out is not worth a retry.
    pub(super) async fn person(&self, who: &Who, directory: &Directory, scheme: &Scheme) -> Option<String> {
        let email = directory.complete(who).email?.to_lowercase();
        if let Some(id) = scheme.people.get(&email) {
            return Some(id.clone());
        }
        let known = self
            .people
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&email)
            .cloned();
        if let Some((at, id)) = known
            && (id.is_some() || at.elapsed() < STRANGER_FRESH)
        {
            return id;
        }
        let parameter = if self.is_cloud() { "query" } else { "username" };
        let query = [(parameter, email.as_str())];
        let ask = || self.call(self.request(reqwest::Method::GET, "user/search").query(&query));
        let found: Vec<User> = match read(ask).await.and_then(|a| a.json(NAME)) {
            Ok(found) => found,
            Err(fault) => {
                tracing::info!("Jira could not be asked for a person: {}", fault.why());
                return None;
            }
        };
        let found: Vec<User> = found.into_iter().filter(|u| u.active != Some(false)).collect();
        let same = |u: &&User| u.email_address.as_ref().is_some_and(|e| e.eq_ignore_ascii_case(&email));
        // Where addresses are hidden, the one that is found by the address is the one.
        let only = found.first().filter(|u| found.len() == 1 && u.email_address.is_none());
        let id = found.iter().find(same).or(only).and_then(|u| self.id_of(u));
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        if people.len() >= STRANGERS_MAX {
            people.clear();
        }
        people.insert(email, (Instant::now(), id.clone()));
        id
    }

    /// The identifier by which this Jira knows a user.
    pub(super) fn id_of(&self, user: &User) -> Option<String> {
        if self.is_cloud() {
            user.account_id.clone()
        } else {
            user.name.clone()
        }
    }

    /// The e-mail address of a user whom the project lists.
    pub(super) fn email_of(&self, id: &str) -> Option<String> {
        let scheme = self.scheme.try_lock().ok()?.clone()?;
        scheme
            .people
            .iter()
            .find(|(_, known)| *known == id)
            .map(|(email, _)| email.clone())
    }
}

fn listed(user: User, cloud: bool) -> Option<(String, String)> {
    let id = if cloud { user.account_id } else { user.name };
    Some((user.email_address?.to_lowercase(), id?))
}
