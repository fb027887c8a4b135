//! A digest: a picture with sentences, shared once in a channel. Its file's name is the mark by which it is found again.

use super::client::{Client, Trouble};
use crate::budget::Urgency;
use imp_core::Outcome;
use serde_json::{Value, json};

/// How many messages back an earlier try is looked for: a digest is tried again within a day, so this is far.
const LOOK_BACK: &str = "200";

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// The sentences, in Slack's markup.
    pub text: String,
    /// The picture's title.
    pub title: String,
    /// What the picture shows, for whoever does not see it.
    pub alt: String,
    /// The name of the picture's file: the same for every try, and for no other digest.
    pub file: String,
    /// The picture, as PNG.
    pub picture: Vec<u8>,
}

/// Shares a digest in a channel, once: where an earlier try worked and its answer was lost, its file stands there.
pub async fn share(client: &Client, channel: &str, digest: Digest) -> Outcome {
    match shared(client, channel.trim_start_matches('#'), digest).await {
        Ok(outcome) => outcome,
        Err(trouble) => trouble.into(),
    }
}

async fn shared(client: &Client, channel: &str, digest: Digest) -> Result<Outcome, Trouble> {
    let Some(found) = client.channel(channel).await? else {
        let why = format!("Slack has no channel {channel} that the app can see; make it, or invite the app into it");
        return Ok(Outcome::Never { why });
    };
    let id = found["id"].as_str().unwrap_or_default();
    if found["is_member"] != true {
        client
            .call("conversations.join", &[("channel", id)], Urgency::Usual)
            .await?;
    }
    if stands(client, id, &digest.file).await? {
        return Ok(Outcome::Done(vec![]));
    }
    let length = digest.picture.len().to_string();
    let args = [
        ("filename", digest.file.as_str()),
        ("length", length.as_str()),
        ("alt_txt", digest.alt.as_str()),
    ];
    let place = client.call("files.getUploadURLExternal", &args, Urgency::Usual).await?;
    let text = |key: &str| place[key].as_str().unwrap_or_default().to_owned();
    client.upload(&text("upload_url"), digest.picture).await?;
    let files = json!([{"id": text("file_id"), "title": digest.title}]).to_string();
    let args = [
        ("files", files.as_str()),
        ("channel_id", id),
        ("initial_comment", digest.text.as_str()),
    ];
    client
        .call("files.completeUploadExternal", &args, Urgency::Usual)
        .await?;
    Ok(Outcome::Done(vec![]))
}

/// Whether a file of this name was shared in a channel lately.
async fn stands(client: &Client, channel: &str, file: &str) -> Result<bool, Trouble> {
    let args = [("channel", channel), ("limit", LOOK_BACK)];
    let history = client.call("conversations.history", &args, Urgency::Usual).await?;
    let all = history["messages"].as_array().into_iter().flatten();
    let mut files = all.flat_map(|m| m["files"].as_array().into_iter().flatten());
    Ok(files.any(|f: &Value| f["name"] == file))
}
