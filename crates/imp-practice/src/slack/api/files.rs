//! `files.*`: uploading in three steps, and what is known of a file.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Path, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::{Answer, Args, Call, page};
use crate::slack::Slack;
use crate::slack::state::{BOT_USER, File, Message};

pub(super) fn dispatch(method: &str, c: &mut Call) -> Answer {
    match method {
        "files.getUploadURLExternal" => {
            let name = c.a.must("filename")?;
            let length = c.a.whole("length").filter(|n| *n > 0).ok_or("invalid_arguments")?;
            let (id, created) = (c.s.id("F"), c.s.now / 1000);
            c.s.files.push(File {
                id: id.clone(),
                title: name.clone(),
                name,
                alt: c.a.str("alt_txt").unwrap_or_default(),
                user: BOT_USER.to_owned(),
                created,
                bytes: bytes::Bytes::new(),
                length,
                shares: Vec::new(),
                done: false,
            });
            Ok(json!({"upload_url": format!("{}/upload/{id}", c.s.base), "file_id": id}))
        }
        "files.completeUploadExternal" => complete(c),
        "files.info" => {
            let id = c.a.must("file")?;
            let f =
                c.s.files
                    .iter()
                    .find(|f| f.id == id && f.done)
                    .ok_or("file_not_found")?;
            Ok(json!({"file": c.s.file_json(f), "comments": [], "response_metadata": {"next_cursor": ""}}))
        }
        "files.list" => {
            let channel = c.a.str("channel").filter(|s| !s.is_empty());
            let all: Vec<&File> =
                c.s.files
                    .iter()
                    .filter(|f| {
                        f.done
                            && channel
                                .as_ref()
                                .is_none_or(|ch| f.shares.iter().any(|(to, _)| to == ch))
                    })
                    .collect();
            let (some, _) = page(&all, c.a, 100, 1000)?;
            let files: Vec<Value> = some.iter().map(|f| c.s.file_json(f)).collect();
            Ok(json!({"files": files, "paging": {"count": 100, "total": all.len(), "page": 1, "pages": 1}}))
        }
        "files.delete" => {
            let id = c.a.must("file")?;
            let had = c.s.files.len();
            c.s.files.retain(|f| f.id != id);
            if c.s.files.len() == had {
                Err("file_not_found".into())
            } else {
                Ok(json!({}))
            }
        }
        _ => Err("unknown_method".into()),
    }
}

fn complete(c: &mut Call) -> Answer {
    let Ok(Some(Value::Array(given))) = c.a.json("files") else {
        return Err("invalid_arguments".into());
    };
    let mut ids = Vec::new();
    for one in &given {
        let id = one.get("id").and_then(Value::as_str).ok_or("invalid_arguments")?;
        let f = c.s.files.iter_mut().find(|f| f.id == id).ok_or("file_not_found")?;
        if f.bytes.is_empty() {
            return Err("file_not_found".into());
        }
        if let Some(title) = one.get("title").and_then(Value::as_str) {
            title.clone_into(&mut f.title);
        }
        ids.push(id.to_owned());
    }
    let mut to: Vec<String> = c.a.list("channels");
    to.extend(c.a.str("channel_id").filter(|s| !s.is_empty()));
    for channel in &to {
        let ch =
            c.s.channel(channel)
                .filter(|ch| ch.has(BOT_USER))
                .ok_or("channel_not_found")?;
        if ch.archived {
            return Err("is_archived".into());
        }
    }
    for f in c.s.files.iter_mut().filter(|f| ids.contains(&f.id)) {
        f.done = true;
    }
    for channel in to {
        let m = Message {
            user: BOT_USER.to_owned(),
            text: c.a.str("initial_comment").unwrap_or_default(),
            subtype: Some("file_share".to_owned()),
            files: ids.clone(),
            thread_ts: c.a.str("thread_ts").filter(|t| !t.is_empty()),
            ..Message::default()
        };
        let ts = c.s.post(&channel, m)?;
        for f in c.s.files.iter_mut().filter(|f| ids.contains(&f.id)) {
            f.shares.push((channel.clone(), ts.clone()));
        }
    }
    let files: Vec<Value> =
        c.s.files
            .iter()
            .filter(|f| ids.contains(&f.id))
            .map(|f| c.s.file_json(f))
            .collect();
    Ok(json!({"files": files}))
}

/// `POST /upload/{id}`: the file's bytes, raw or as the first part of a multipart form.
pub(in crate::slack) async fn upload(
    Shared(slack): Shared<Arc<Slack>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let multipart = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|k| k.starts_with("multipart/form-data"));
    let bytes = if multipart {
        first_part(&headers, body).await
    } else {
        Some(body)
    };
    let Some(bytes) = bytes else {
        return (StatusCode::BAD_REQUEST, "no file".to_owned());
    };
    slack.act(|s| match s.files.iter_mut().find(|f| f.id == id && !f.done) {
        None => (StatusCode::NOT_FOUND, "no such upload".to_owned()),
        Some(f) if i64::try_from(bytes.len()).ok() != Some(f.length) => {
            (StatusCode::BAD_REQUEST, format!("expected {} bytes", f.length))
        }
        Some(f) => {
            let said = format!("OK - {}", bytes.len());
            f.bytes = bytes;
            (StatusCode::OK, said)
        }
    })
}

async fn parts(headers: &HeaderMap, body: Bytes) -> Option<Multipart> {
    let mut request = axum::http::Request::new(axum::body::Body::from(body));
    *request.headers_mut() = headers.clone();
    Multipart::from_request(request, &()).await.ok()
}

async fn first_part(headers: &HeaderMap, body: Bytes) -> Option<Bytes> {
    parts(headers, body).await?.next_field().await.ok()??.bytes().await.ok()
}

/// Reads a call's arguments out of a multipart form.
pub(super) async fn multipart_args(headers: &HeaderMap, body: Bytes, args: &mut Args) {
    let Some(mut parts) = parts(headers, body).await else {
        return;
    };
    while let Ok(Some(field)) = parts.next_field().await {
        let Some(name) = field.name().map(str::to_owned) else {
            continue;
        };
        if let Ok(text) = field.text().await {
            args.0.insert(name, Value::String(text));
        }
    }
}

/// A file's type, by the end of its name.
pub(in crate::slack) fn mime(name: &str) -> &'static str {
    match name
        .rsplit_once('.')
        .map_or("", |(_, e)| e)
        .to_ascii_lowercase()
        .as_str()
    {
        "txt" | "log" | "md" => "text/plain",
        "json" => "application/json",
        "csv" => "text/csv",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "pdf" => "application/pdf",
        _ => "application/octet-stream",
    }
}
