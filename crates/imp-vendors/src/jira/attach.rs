//! Pictures of the timeline, attached to the ticket: whoever reads the record years later sees what people saw.

use super::port::gone;
use super::wire::Issue;
use super::{Jira, NAME, WRITES};
use crate::http::Fault;
use imp_core::incident::Ticket;
use imp_core::{Order, Outcome, words};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

/// Letters of what people call a picture that its file's name keeps.
const NAME_MAX: usize = 60;

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Slack's identifier of its file.
    pub file: String,
    /// What people call it.
    pub name: String,
    /// Its kind: `image/png`.
    pub kind: String,
    /// The picture.
    pub bytes: Vec<u8>,
}

impl Picture {
    /// The name of the attachment, by which it is found again: `imp-F0A4M2-graph.png`.
    fn file_name(&self) -> String {
        let ending = match self.kind.as_str() {
            "image/jpeg" => "jpg",
            other => other.rsplit('/').next().unwrap_or_default(),
        };
        let stem = self.name.rsplit_once('.').map_or(self.name.as_str(), |(stem, _)| stem);
        format!("imp-{}-{}.{ending}", self.file, words::slug(stem, NAME_MAX))
    }
}

impl Jira {
    /// Attaches a picture to the incident's ticket, once. A larger one than this Jira takes is left out.
    pub async fn attach(&self, order: &Order, picture: Picture) -> Outcome {
        let i = &order.incident;
        // As with comments, what is private stays out of it.
        let Some(ticket) = i.links.ticket.as_ref().filter(|_| !i.private) else {
            return Outcome::Done(vec![]);
        };
        let deed = format!("{}/{}", i.reference, order.key);
        match self.attach_to(ticket, &deed, order.tried, picture).await {
            Ok(()) => Outcome::Done(vec![]),
            Err(fault) => gone(fault, ticket).into(),
        }
    }

    async fn attach_to(&self, ticket: &Ticket, deed: &str, tried: u32, picture: Picture) -> Result<(), Fault> {
        let name = picture.file_name();
        if self.doubt.must_look(deed, tried) && self.has_attachment(ticket, &name).await? {
            self.doubt.done(deed);
            return Ok(());
        }
        self.take(&format!("issue {}", ticket.key), WRITES)?;
        let part = Part::bytes(picture.bytes).file_name(name);
        let part = part.mime_str(&picture.kind).map_err(|e| Fault::Refused {
            status: 415,
            why: format!("the picture's kind cannot be told: {e}"),
            body: bytes::Bytes::new(),
        })?;
        // Without the header Jira takes it for something that a web page made a browser send.
        let request = self
            .request(Method::POST, &format!("issue/{}/attachments", ticket.key))
            .header("X-Atlassian-Token", "no-check")
            .multipart(Form::new().part("file", part));
        self.doubt.sending(deed);
        match self.call(request).await {
            Ok(_) => {}
            Err(Fault::Refused { status: 413, .. }) => {
                tracing::info!(
                    ticket = ticket.key,
                    "a picture is larger than {NAME} takes; it is kept here alone"
                );
            }
            Err(fault) => {
                self.doubt.failed(deed, &fault);
                return Err(fault);
            }
        }
        self.doubt.done(deed);
        Ok(())
    }

    /// Whether the ticket has an attachment of this name. The issue itself shows what was just written.
    async fn has_attachment(&self, ticket: &Ticket, name: &str) -> Result<bool, Fault> {
        let path = format!("issue/{}?fields=attachment", ticket.key);
        let issue: Issue = self.get(&path).await?.json(NAME)?;
        let all = issue.fields.get("attachment").and_then(Value::as_array);
        let named = |a: &Value| a.get("filename").and_then(Value::as_str) == Some(name);
        Ok(all.into_iter().flatten().any(named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attachment_is_found_again_by_a_name_in_which_nothing_can_hide() {
        let name = |name: &str, kind: &str| {
            let (file, bytes) = ("F0A4M2".to_owned(), vec![]);
            let (name, kind) = (name.to_owned(), kind.to_owned());
            Picture {
                file,
                name,
                kind,
                bytes,
            }
            .file_name()
        };
        assert_eq!(name("graph.png", "image/png"), "imp-F0A4M2-graph.png");
        assert_eq!(
            name("Größe der Schlange", "image/jpeg"),
            "imp-F0A4M2-grosse-der-schlange.jpg"
        );
        assert_eq!(name("../../x\"\r\nA: b.exe", "image/webp"), "imp-F0A4M2-x-a-b.webp");
    }
}
