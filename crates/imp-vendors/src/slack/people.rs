//! The people, read from Slack again and again.

use super::client::Client;
use crate::budget::Urgency;
use imp_core::catalogue::Directory;
use imp_core::person::Who;
use imp_core::port::{Boxed, DirectorySource};
use serde_json::Value;
use std::sync::Arc;

/// People in one page (Slack recommends no more than 200 and allows 1000; a large workspace would need too many pages).
const PAGE: &str = "500";
/// Pages at most: a hundred thousand people.
const PAGES: usize = 200;

/// Reads everybody who has not left.
#[derive(Debug)]
pub struct People {
    client: Arc<Client>,
}

impl People {
    /// With this client.
    pub fn new(client: Arc<Client>) -> People {
        People { client }
    }

    async fn all(&self) -> Result<Directory, String> {
        let mut people = Vec::new();
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let mut args = vec![("limit", PAGE)];
            if !cursor.is_empty() {
                args.push(("cursor", cursor.as_str()));
            }
            let page = self
                .client
                .call("users.list", &args, Urgency::Usual)
                .await
                .map_err(|t| match t.into() {
                    imp_core::Outcome::Later { why, .. } | imp_core::Outcome::Never { why } => why,
                    imp_core::Outcome::Wait { .. } | imp_core::Outcome::Done(_) => {
                        "our own limit of calls asks to wait".to_owned()
                    }
                })?;
            people.extend(page["members"].as_array().into_iter().flatten().filter_map(person));
            cursor = page["response_metadata"]["next_cursor"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            if cursor.is_empty() {
                return Ok(Directory { people });
            }
        }
        Err(format!("Slack has more than {PAGES} pages of people"))
    }
}

fn person(m: &Value) -> Option<Who> {
    if m["deleted"] == true || m["is_bot"] == true || m["id"] == "USLACKBOT" {
        return None;
    }
    let text = |v: &Value| v.as_str().filter(|s| !s.is_empty()).map(str::to_owned);
    Some(Who {
        slack: text(&m["id"]),
        email: text(&m["profile"]["email"]),
        name: text(&m["profile"]["real_name"])
            .or_else(|| text(&m["real_name"]))
            .or_else(|| text(&m["name"])),
    })
}

impl DirectorySource for People {
    fn read(&self) -> Boxed<'_, Result<Directory, String>> {
        Box::pin(self.all())
    }
}
