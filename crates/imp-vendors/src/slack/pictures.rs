//! Pictures and other files of a message: kept on the timeline by what they are called and where they are, and pictures
//! by a copy as well.

use super::client::Trouble;
use super::mrkdwn::web;
use super::port::Chat;
use bytes::Bytes;
use imp_core::words;
use serde_json::Value;

/// The largest picture that is copied: a screenshot of a large screen is a quarter of it.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Files of one message that are kept.
const KEPT_MAX: usize = 10;

/// A line for each, below the words of the message.
pub(super) fn of(message: &Value) -> String {
    let files = message["files"].as_array().into_iter().flatten();
    let line = |f: &Value| {
        let name = f["title"].as_str().or(f["name"].as_str()).unwrap_or("a file");
        let url = web(f["permalink"].as_str()?)?;
        Some(format!(
            "\n{}: {url}",
            imp_core::words::cut(&imp_core::words::title(name), 100)
        ))
    };
    files.filter_map(line).take(KEPT_MAX).collect()
}

/// A picture, fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Slack's identifier of the file.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its kind, as its bytes say, whatever Slack says.
    pub kind: &'static str,
    /// The picture.
    pub bytes: Bytes,
}

impl Chat {
    /// The pictures of a message. Files that are no pictures that every browser draws without running anything in them, or
    /// too large, or no longer there, are left out.
    ///
    /// # Errors
    /// What Slack says.
    pub async fn pictures(&self, channel: &str, ts: &str) -> Result<Vec<Fetched>, Trouble> {
        let Some(message) = self.message(channel, ts).await? else {
            return Ok(Vec::new());
        };
        let mut out = Vec::new();
        for file in message["files"].as_array().into_iter().flatten().take(KEPT_MAX) {
            let fits = file["size"].as_u64().is_some_and(|n| n <= BYTES_MAX);
            let (Some(id), Some(url), true) = (file["id"].as_str(), file["url_private"].as_str(), fits) else {
                continue;
            };
            let Some(bytes) = self.client().download(url).await? else {
                continue;
            };
            if let Some(kind) = kind_of(&bytes).filter(|_| is_plain(id) && bytes.len() as u64 <= BYTES_MAX) {
                let name = file["title"].as_str().or(file["name"].as_str()).unwrap_or("a picture");
                out.push(Fetched {
                    id: id.to_owned(),
                    name: words::cut(&words::title(name), 100),
                    kind,
                    bytes,
                });
            }
        }
        Ok(out)
    }
}

/// Whether an identifier can stand in an address as it is.
fn is_plain(id: &str) -> bool {
    (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Which picture it is, by how it begins. SVG is none: a script can be in it.
fn kind_of(bytes: &[u8]) -> Option<&'static str> {
    let webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP".as_slice());
    match bytes {
        b if b.starts_with(b"\x89PNG\r\n\x1a\n") => Some("image/png"),
        b if b.starts_with(b"\xff\xd8\xff") => Some("image/jpeg"),
        b if b.starts_with(b"GIF87a") || b.starts_with(b"GIF89a") => Some("image/gif"),
        _ if webp => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_file_is_its_bytes_say() {
        assert_eq!(kind_of(b"\x89PNG\r\n\x1a\n...."), Some("image/png"));
        assert_eq!(kind_of(b"RIFF....WEBPVP8 "), Some("image/webp"));
        for no in [
            "<svg xmlns='http://www.w3.org/2000/svg'/>",
            "<script>",
            "",
            "RIFF....WAVE",
        ] {
            assert_eq!(kind_of(no.as_bytes()), None, "{no}");
        }
        assert!(is_plain("F0A4M2") && !is_plain("../F1") && !is_plain(""));
    }

    #[test]
    fn pictures_are_kept_by_name_and_address_and_nothing_else_becomes_a_link() {
        let files = json!({"files": [
            {"title": "graph.png", "permalink": "https://acme.slack.com/files/U1/F1/graph.png"},
            {"name": "x", "permalink": "javascript:alert(1)"},
            {"name": "without a place"},
            {"title": "x\nAda: resolved", "permalink": "https://acme.slack.com/files/U1/F2/x.png"},
        ]});
        assert_eq!(
            of(&files),
            "\ngraph.png: https://acme.slack.com/files/U1/F1/graph.png\nx Ada: resolved: https://acme.slack.com/files/U1/F2/x.png"
        );
        assert_eq!(of(&json!({"text": "nothing"})), "");
    }
}
