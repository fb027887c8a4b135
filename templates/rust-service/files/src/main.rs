//! Starts it, asks a running one whether it is well, or brings the database's shape up to date.

mod telemetry;

use std::process::ExitCode;

fn main() -> ExitCode {
    let port = std::env::var("PORT").unwrap_or_else(|_| "8080".into());
    let word = std::env::args().nth(1).unwrap_or_default();
    // The exporter blocks while it sends, so it is made before the runtime is.
    let tracing = telemetry::start();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(e) => return failed(&e.to_string()),
    };
    let done = match word.as_str() {
        "" => runtime.block_on(serve(&port)),
        "health" => runtime.block_on(health(&port)),
{% if database == 'postgresql' %}
        "migrate" => runtime.block_on(service::database::migrate()),
{% endif %}
        other => Err(format!("unknown word {other:?}")),
    };
    drop(tracing);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => failed(&why),
    }
}

fn failed(why: &str) -> ExitCode {
    eprintln!("{}: {why}", service::SERVICE);
    ExitCode::FAILURE
}

async fn serve(port: &str) -> Result<(), String> {
    let host = std::env::var("HOST").unwrap_or_else(|_| "0.0.0.0".into());
    let listener = tokio::net::TcpListener::bind(format!("{host}:{port}"))
        .await
        .map_err(|e| format!("{host}:{port}: {e}"))?;
    tracing::info!(service = service::SERVICE, port, "listening");
    axum::serve(listener, service::app()).with_graceful_shutdown(stopped()).await.map_err(|e| e.to_string())
}

/// Ctrl-C, or the orchestrator's wish.
async fn stopped() {
    let mut term = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(term) => term,
        Err(_) => return,
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// What the image's health check asks: nothing else has to be in the image for it.
async fn health(port: &str) -> Result<(), String> {
    let address = format!("127.0.0.1:{port}");
    let connect = tokio::net::TcpStream::connect(&address);
    let stream = tokio::time::timeout(std::time::Duration::from_secs(2), connect)
        .await
        .map_err(|_| "no answer within two seconds".to_owned())?
        .map_err(|e| e.to_string())?;
    stream.writable().await.map_err(|e| e.to_string())?;
    let request = b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n";
    stream.try_write(request).map_err(|e| e.to_string())?;
    stream.readable().await.map_err(|e| e.to_string())?;
    let mut answer = [0; 64];
    let n = stream.try_read(&mut answer).map_err(|e| e.to_string())?;
    match answer[..n].windows(5).any(|w| w == b" 200 ") {
        true => Ok(()),
        false => Err("it does not answer with 200".into()),
    }
}
