//! OpsLevel's answers, as its published schema has them; everything that may be null is optional here.

use serde::Deserialize;

/// What every answer is wrapped in.
#[derive(Debug, Deserialize)]
pub(super) struct Answer<T> {
    pub data: Option<T>,
    #[serde(default)]
    pub errors: Vec<Error>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Error {
    #[serde(default)]
    pub message: String,
}

/// What every question begins with.
#[derive(Debug, Deserialize)]
pub(super) struct Account<T> {
    pub account: T,
}

#[derive(Debug, Deserialize)]
pub(super) struct Services {
    pub services: Page<Service>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Teams {
    pub teams: Page<Team>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OneService {
    pub service: Option<Service>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OneTeam {
    pub team: Option<Team>,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    #[serde(default = "none")]
    pub nodes: Option<Vec<Option<T>>>,
    pub page_info: PageInfo,
}

fn none<T>() -> Option<T> {
    None
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageInfo {
    pub end_cursor: Option<String>,
    #[serde(default)]
    pub has_next_page: bool,
}

impl<T> Page<T> {
    /// Where the next page begins, if there is one.
    pub fn next(&self) -> Option<String> {
        self.page_info
            .end_cursor
            .clone()
            .filter(|_| self.page_info.has_next_page)
    }

    /// Its items.
    pub fn items(self) -> impl Iterator<Item = T> {
        self.nodes.unwrap_or_default().into_iter().flatten()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Service {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub aliases: Vec<String>,
    pub description: Option<String>,
    pub html_url: Option<String>,
    pub owner: Option<Alias>,
    pub tier: Option<Alias>,
    pub lifecycle: Option<Alias>,
    pub on_calls: Option<Page<OnCall>>,
    pub tools: Option<Page<Tool>>,
    pub documents: Option<Page<Document>>,
    pub tags: Option<Page<Tag>>,
    pub dependencies: Option<Page<Dependency>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Alias {
    pub alias: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OnCall {
    pub name: Option<String>,
    pub external_email: Option<String>,
    pub user: Option<User>,
}

#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub email: Option<String>,
    pub name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tool {
    pub category: Option<String>,
    pub category_alias: Option<String>,
    pub display_name: Option<String>,
    pub url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    pub title: Option<String>,
    pub html_url: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tag {
    pub key: String,
    pub value: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Dependency {
    #[serde(default)]
    pub aliases: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Team {
    pub id: String,
    pub name: String,
    pub alias: Option<String>,
    #[serde(default)]
    pub aliases: Vec<String>,
    pub manager: Option<User>,
    pub contacts: Option<Vec<Contact>>,
    pub members: Option<Page<User>>,
    pub tags: Option<Page<Tag>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Contact {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub address: String,
    pub display_name: Option<String>,
}
