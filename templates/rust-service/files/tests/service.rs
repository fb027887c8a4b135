//! What callers may count on.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    answer
}

#[tokio::test]
async fn it_is_up_and_counts_its_requests() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, service::app()).await });
    let health = get(address, "/healthz").await;
    assert!(health.starts_with("HTTP/1.0 200") && health.ends_with("ok"), "{health}");
    let ready = get(address, "/readyz").await;
    assert_eq!(ready.contains(" 200 "), ready.contains("\"ready\":true"), "{ready}");
    let metrics = get(address, "/metrics").await;
    let wanted = "http_requests_total{service=\"{$ service $}\",path=\"/healthz\",code=\"200\"} 1";
    assert!(metrics.contains(wanted), "{metrics}");
}
