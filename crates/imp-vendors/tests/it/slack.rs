//! Looking through the channels of a large workspace.

use imp_practice::faults::Vendor;
use imp_vendors::http::Http;
use imp_vendors::secret::Secret;
use imp_vendors::slack::client::Client;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// A Slack of five pages, a channel each, that has a problem of its own with the third request. Gives its address, and the
/// cursors with which it was asked.
fn five_pages() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}/", listener.local_addr().expect("an address"));
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut reader = BufReader::new(&stream);
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = n.trim().parse().unwrap_or(0);
                }
                line.clear();
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err() {
                continue;
            }
            let body = String::from_utf8_lossy(&body).into_owned();
            let cursor = body.split('&').find_map(|p| p.strip_prefix("cursor=")).unwrap_or("");
            let page: usize = cursor.parse().unwrap_or(0);
            let count = {
                let mut seen = seen.lock().expect("nobody panicked");
                seen.push(cursor.to_owned());
                seen.len()
            };
            let next = if page < 4 {
                (page + 1).to_string()
            } else {
                String::new()
            };
            let answer = match count {
                3 => r#"{"ok":false,"error":"internal_error"}"#.to_owned(),
                _ => format!(
                    r#"{{"ok":true,"channels":[{{"id":"C{page}","name":"page-{page}"}}],"response_metadata":{{"next_cursor":"{next}"}}}}"#
                ),
            };
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ";
            let _ = write!(stream, "{head}{}\r\n\r\n{answer}", answer.len());
        }
    });
    (address, asked)
}

#[tokio::test]
async fn a_look_through_the_channels_goes_on_where_it_was_broken_off() {
    let (address, asked) = five_pages();
    let client = Client::new(Http::new().expect("a client"), &address, Secret::new("xoxb-x"));
    assert!(client.channel("page-4").await.is_err(), "it is broken off");
    let found = client
        .channel("page-4")
        .await
        .expect("it goes on")
        .expect("it is there");
    assert_eq!(found["id"], "C4");
    let seen = asked.lock().expect("nobody panicked").clone();
    assert_eq!(seen, ["", "1", "2", "2", "3", "4"]);
    // The next look is a new one.
    let found = client.channel("page-0").await.expect("it looks").expect("it is there");
    assert_eq!(found["id"], "C0");
}

#[tokio::test]
async fn a_channel_that_was_seen_is_asked_for_and_not_searched_among_all() {
    let stage = crate::stage::Stage::new().await;
    let config: imp_vendors::slack::Config = stage.config("slack");
    let client = Client::new(stage.http.clone(), &config.api_url, config.bot_token);
    let listed = || stage.calls(Vendor::Slack, "conversations.list");
    let id = client.place("incidents").await.expect("it looks").expect("it is there");
    assert_eq!(listed(), 1);
    let again = client.place("incidents").await.expect("it looks");
    assert_eq!((again, listed()), (Some(id.clone()), 1));
    // Another one was seen under the name once; it is called otherwise now.
    let other = client.place("general").await.expect("it looks").expect("it is there");
    client.was_at("incidents", &other);
    let found = client.place("incidents").await.expect("it looks");
    assert_eq!((found, listed()), (Some(id), 3));
    client.was_at("incidents", "C0GONE");
    assert!(client.place("incidents").await.expect("it looks").is_some());
    assert_eq!(client.place("nowhere-at-all").await.expect("it looks"), None);
}
