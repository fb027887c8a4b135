//! Git over HTTP: `git http-backend` does the work on bare repositories.

use std::io::{self, Write as _};
use std::path::Path as Folder;
use std::process::{Command, Stdio};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State as Own};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;

use super::Github;
use crate::world::hold;

/// Refuses what GitHub refuses on a protected branch.
const GUARD: &str = "#!/bin/sh\nwhile read -r old new ref; do\n  if [ \"$ref\" = \"refs/heads/main\" ]; then\n    echo \"error: GH006: Protected branch update failed for $ref.\" >&2\n    exit 1\n  fi\ndone\n";

/// The routes of Git's smart protocol.
pub fn routes(github: &Arc<Github>) -> Router {
    Router::new()
        .route("/{org}/{repo}/info/refs", get(serve))
        .route("/{org}/{repo}/git-upload-pack", post(serve))
        .route("/{org}/{repo}/git-receive-pack", post(serve))
        .with_state(Arc::clone(github))
}

fn command(folder: &Folder) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env_remove("GIT_DIR")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// A call on a bare repository; its output where it went well.
pub fn ask(bare: &Folder, args: &[&str]) -> Option<Vec<u8>> {
    let out = command(bare).args(args).output().ok()?;
    out.status.success().then_some(out.stdout)
}

/// A file on the main branch.
pub fn blob(bare: &Folder, path: &str) -> Option<Vec<u8>> {
    ask(bare, &["cat-file", "blob", &format!("main:{path}")])
}

/// Makes an empty repository that can be pushed to.
pub fn init(bare: &Folder) -> io::Result<()> {
    std::fs::create_dir_all(bare)?;
    let made = command(bare)
        .args(["init", "--quiet", "--bare", "--initial-branch=main", "--template=", "."])
        .status()?;
    let set = command(bare).args(["config", "http.receivepack", "true"]).status()?;
    match made.success() && set.success() {
        true => Ok(()),
        false => Err(io::Error::other("git init did not work")),
    }
}

/// Nobody pushes to the main branch any more.
pub fn protect(bare: &Folder) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let hooks = bare.join("hooks");
    std::fs::create_dir_all(&hooks)?;
    let at = hooks.join("pre-receive");
    std::fs::write(&at, GUARD)?;
    std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o755))
}

/// The main branch is open again.
pub fn release(bare: &Folder) {
    let _ = std::fs::remove_file(bare.join("hooks/pre-receive"));
}

async fn serve(
    Own(github): Own<Arc<Github>>,
    Path((org, repo)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    method: Method,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !github.knows(&headers) {
        return (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, "Basic realm=\"GitHub\"")],
            "Invalid username or token.",
        )
            .into_response();
    }
    let name = repo.trim_end_matches(".git").to_lowercase();
    let there = hold(&github.state).repositories.contains_key(&name);
    if !org.eq_ignore_ascii_case(&github.login()) || !there {
        return (StatusCode::NOT_FOUND, "Repository not found.").into_response();
    }
    let text = |n: HeaderName| {
        headers
            .get(n)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    let path = match last {
        "refs" => format!("/{name}.git/info/refs"),
        other => format!("/{name}.git/{other}"),
    };
    let root = github.folder.path().to_owned();
    let (kind, encoding) = (text(header::CONTENT_TYPE), text(header::CONTENT_ENCODING));
    let protocol = text(HeaderName::from_static("git-protocol"));
    let run = move || {
        let mut call = command(&root);
        call.arg("http-backend")
            .env("GIT_PROJECT_ROOT", &root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("PATH_INFO", path)
            .env("REQUEST_METHOD", method.as_str())
            .env("QUERY_STRING", query.unwrap_or_default())
            .env("CONTENT_TYPE", kind)
            .env("CONTENT_LENGTH", body.len().to_string())
            .env("HTTP_CONTENT_ENCODING", encoding)
            .env("GIT_PROTOCOL", protocol)
            .env("REMOTE_USER", "practice")
            .stdin(Stdio::piped());
        let mut child = call.spawn()?;
        let input = child.stdin.take();
        let feeding = std::thread::spawn(move || {
            // Git may have read enough and closed its end.
            input.map(|mut pipe| pipe.write_all(&body))
        });
        let out = child.wait_with_output();
        let _ = feeding.join();
        out
    };
    match tokio::task::spawn_blocking(run).await {
        Ok(Ok(out)) => answer(&out.stdout),
        Ok(Err(_)) | Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "git http-backend did not run").into_response(),
    }
}

/// What a CGI program said, as an answer.
fn answer(out: &[u8]) -> Response {
    let Some(end) = out.windows(4).position(|w| w == b"\r\n\r\n") else {
        return (StatusCode::INTERNAL_SERVER_ERROR, "git http-backend said nothing").into_response();
    };
    let mut response = out[end + 4..].to_vec().into_response();
    for line in String::from_utf8_lossy(&out[..end]).lines() {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().and_then(|c| c.parse::<u16>().ok());
            *response.status_mut() = code
                .and_then(|c| StatusCode::from_u16(c).ok())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        } else if let (Ok(n), Ok(v)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(n, v);
        }
    }
    response
}
