//! Issues that people filed before there was IMP, as a search finds them: history to bring in. Only reads.

use super::look::After;
use super::said::said;
use super::ticket::PROPERTY;
use super::{Jira, recall, wire};
use crate::http::Fault;
use imp_core::Process;
use imp_core::process::Category;
use serde_json::Value;

/// Issues in one page.
const PAGE: u32 = 100;

/// An issue as history tells of it: columns, under the names that a file has, and what they say.
pub type Columns = Vec<(&'static str, String)>;

/// Where a search stands.
#[derive(Clone)]
pub struct Search {
    jql: String,
    after: Option<After>,
    seen: usize,
}

/// An issue that was found.
pub struct Found {
    /// Its key, for people.
    pub key: String,
    /// What it says; none where it is one of IMP's own.
    pub columns: Option<Columns>,
}

impl Search {
    /// A search by JQL, as people write it.
    pub fn new(jql: &str) -> Search {
        Search {
            jql: jql.to_owned(),
            after: Some(After::Nothing),
            seen: 0,
        }
    }

    /// Whether everything was found.
    pub fn is_over(&self) -> bool {
        self.after.is_none()
    }
}

impl Jira {
    /// The next issues of a search; none where it is at its end.
    ///
    /// # Errors
    /// When Jira cannot be asked, or does not understand the search.
    pub async fn more(&self, search: &mut Search, process: &Process) -> Result<Vec<Found>, Fault> {
        let Some(after) = search.after.take() else {
            return Ok(Vec::new());
        };
        let own: Vec<&str> = ["severity", "service", "team"]
            .iter()
            .filter_map(|n| self.config.fields.get(*n).map(String::as_str))
            .collect();
        let mut fields = vec![
            "summary",
            "description",
            "status",
            "priority",
            "created",
            "resolutiondate",
            "labels",
            "components",
        ];
        fields.extend(own);
        let page = self.search_on(&search.jql, &fields, &[PROPERTY], PAGE, &after).await?;
        let count = page.issues.len();
        search.seen += count;
        search.after = match page.next {
            Some(token) => Some(After::Token(token)),
            None if !self.is_cloud() && count > 0 => Some(After::Count(search.seen)),
            None => None,
        };
        let found = page.issues.into_iter().map(|issue| Found {
            columns: (!recall::is_ours(&issue)).then(|| self.columns(&issue, process)),
            key: issue.key,
        });
        Ok(found.collect())
    }

    fn columns(&self, issue: &wire::Issue, process: &Process) -> Columns {
        let field = |name: &str| issue.fields.get(name).map(said).unwrap_or_default();
        let own = |name: &str| self.config.fields.get(name).map(|f| field(f)).unwrap_or_default();
        let severity = match process.severity(&own("severity")) {
            Some(s) => s.id.clone(),
            None => {
                let priority = field("priority");
                let by = process
                    .severities
                    .iter()
                    .find(|s| s.priority.eq_ignore_ascii_case(&priority));
                by.map(|s| s.id.clone()).unwrap_or_default()
            }
        };
        let component = || {
            let first = issue
                .fields
                .get("components")
                .and_then(Value::as_array)
                .and_then(|c| c.first());
            first.map(said).unwrap_or_default()
        };
        let service = Some(own("service")).filter(|s| !s.is_empty()).unwrap_or_else(component);
        let category = issue
            .fields
            .pointer("/status/statusCategory/key")
            .and_then(Value::as_str);
        let status = field("status");
        let named = process
            .statuses
            .iter()
            .find(|s| s.id.eq_ignore_ascii_case(&status) || s.label.eq_ignore_ascii_case(&status));
        let is_done = named.map_or(category == Some("done"), |s| s.category == Category::Done);
        let status = match (named, is_done) {
            (Some(s), _) => s.id.clone(),
            // The import knows the process's usual end.
            (None, true) => String::new(),
            (None, false) => process
                .first(Category::Active)
                .map(|s| s.id.clone())
                .unwrap_or_default(),
        };
        let resolved = field("resolutiondate");
        let closed = if is_done { resolved.clone() } else { String::new() };
        vec![
            ("title", field("summary")),
            ("severity", severity),
            ("status", status),
            ("service", service),
            ("team", own("team")),
            ("summary", field("description")),
            ("detected_at", field("created")),
            ("resolved_at", resolved),
            ("closed_at", closed),
            ("key", format!("jira:{}:{}", self.base(), issue.id)),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
    }
}
