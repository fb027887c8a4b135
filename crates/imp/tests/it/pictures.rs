//! Pictures on the timeline: a copy of each is kept, shown to whoever may see the incident, as a picture and nothing else,
//! and attached to the ticket.

use imp_practice::faults::{Fault, Rule, Vendor};
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{Stage, answer, until};

/// The smallest picture there is: one pixel.
const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82";

/// A file in a channel, as Slack's own upload puts it there; its identifier.
async fn shares(s: &Stage, channel: &str, name: &str, words: &str, bytes: &[u8]) -> String {
    let call = async |method: &str, args: &[(&str, &str)]| -> Value {
        let request = s.http.post(format!("{}/slack/api/{method}", s.practice.base));
        let token = &s.practice.org.keys.slack_bot_token;
        answer(request.bearer_auth(token).form(args)).await.1
    };
    let length = bytes.len().to_string();
    let place = call("files.getUploadURLExternal", &[("filename", name), ("length", &length)]).await;
    let url = place["upload_url"].as_str().expect("an address");
    let sent = s.http.post(url).body(bytes.to_vec()).send().await.expect("an answer");
    assert!(sent.status().is_success());
    let id = place["file_id"].as_str().expect("an identifier").to_owned();
    let files = json!([{"id": id, "title": name}]).to_string();
    let args = [
        ("files", files.as_str()),
        ("channel_id", channel),
        ("initial_comment", words),
    ];
    let done = call("files.completeUploadExternal", &args).await;
    assert_eq!(done["ok"], true, "{done}");
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_somebody_marks_is_kept_and_served_as_a_picture_and_nothing_else() {
    let s = Stage::new().await;
    let incident = s.declares("Card payments fail").await;
    s.settle().await;
    let tiago = s.slack("tiago.fernandes");
    let channel = s.channel_of(&incident).await;
    let pixel = shares(&s, &channel, "graph.png", "The pool is empty", PIXEL).await;
    let script = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    // It is called a picture, and is none.
    let drawn = shares(&s, &channel, "drawing.png", "Who drew this", script).await;
    for words in ["The pool is empty", "Who drew this"] {
        let message = tiago.sees(&channel, words).await;
        tiago.marks(&message, "pushpin").await;
    }
    let page = until("the story shows the picture", async || {
        let (_, text) = answer(s.request(Method::GET, &format!("/incidents/{incident}"))).await;
        let text = text.as_str()?.to_owned();
        text.contains(&format!("/incidents/{incident}/pictures/{pixel}"))
            .then_some(text)
    })
    .await;
    s.settle().await;
    assert!(page.contains("alt=\"graph.png\""), "{page}");
    let (_, page) = answer(s.request(Method::GET, &format!("/incidents/{incident}"))).await;
    assert!(!page.to_string().contains(&format!("pictures/{drawn}")), "{page}");

    let path = |file: &str| format!("/incidents/{incident}/pictures/{file}");
    let shown = s.request(Method::GET, &path(&pixel)).send().await.expect("an answer");
    assert_eq!(shown.status(), 200);
    let header = |name: &str| shown.headers()[name].to_str().expect("text").to_owned();
    assert_eq!(header("content-type"), "image/png");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(
        header("content-security-policy"),
        "default-src 'none'; sandbox; frame-ancestors 'none'"
    );
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(shown.bytes().await.expect("a body"), PIXEL);
    for file in [drawn.as_str(), "none", "..%2F..%2Fetc"] {
        let (code, _) = answer(s.request(Method::GET, &path(file))).await;
        assert_eq!(code, 404, "{file}");
    }
    s.finish().await;
}

/// A picture that somebody posts in the channel and marks; its identifier.
async fn marked(s: &Stage, channel: &str, name: &str, words: &str) -> String {
    let file = shares(s, channel, name, words, PIXEL).await;
    let tiago = s.slack("tiago.fernandes");
    let message = tiago.sees(channel, words).await;
    tiago.marks(&message, "pushpin").await;
    file
}

/// The names of the files that a ticket has.
fn attached(s: &Stage, key: &str) -> Vec<String> {
    let issue = s.practice.jira().issue(key).expect("a ticket");
    let all = issue["fields"]["attachment"].as_array().expect("attachments").clone();
    for file in &all {
        assert_eq!(file["mimeType"], "image/png");
        assert_eq!(file["size"], PIXEL.len());
    }
    let name = |f: &Value| f["filename"].as_str().expect("a name").to_owned();
    all.iter().map(name).collect()
}

/// The channel, once there is one.
async fn opened(s: &Stage, incident: &str) -> String {
    s.channel_name_of(incident).await;
    s.channel_of(incident).await
}

async fn ticket_of(s: &Stage, incident: &str) -> String {
    until("there is a ticket", async || {
        let known = s.incident(incident).await;
        Some(known["links"]["jira"]["key"].as_str()?.to_owned())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_is_kept_stands_on_the_ticket_once_whatever_happens_to_the_answer() {
    const ATTACH: &str = "POST issue/{id}/attachments";
    let mut s = Stage::new().await;
    // The first is kept while there is no ticket yet.
    let down = Rule::new(Vendor::Jira, Fault::Unavailable).on("POST issue");
    s.practice.faults().set(down);
    let incident = s.declares("Card payments fail").await;
    let channel = opened(&s, &incident).await;
    let early = marked(&s, &channel, "early.png", "It began so").await;
    until("the story shows it", async || {
        let (_, text) = answer(s.request(Method::GET, &format!("/incidents/{incident}"))).await;
        text.as_str()?.contains(&format!("pictures/{early}")).then_some(())
    })
    .await;
    s.practice.faults().clear(Vendor::Jira);
    s.settle().await;
    let key = ticket_of(&s, &incident).await;
    let mut names = vec![format!("imp-{early}-early.png")];
    assert_eq!(attached(&s, &key), names);

    // The answer is lost.
    let lost = Rule::new(Vendor::Jira, Fault::LoseAnswer).on(ATTACH).times(1);
    s.practice.faults().set(lost);
    let lost = marked(&s, &channel, "lost.png", "Its answer is lost").await;
    names.push(format!("imp-{lost}-lost.png"));
    until("it stands there", async || (attached(&s, &key) == names).then_some(())).await;
    s.settle().await;
    assert_eq!(attached(&s, &key), names);

    // The machine loses its power before the answer is there.
    let endless = Rule::new(Vendor::Jira, Fault::EndlessAnswer).on(ATTACH);
    s.practice.faults().set(endless);
    let cut = marked(&s, &channel, "Größe.png", "Its answer never ends").await;
    names.push(format!("imp-{cut}-grosse.png"));
    until("it stands there", async || (attached(&s, &key) == names).then_some(())).await;
    s.kill();
    s.practice.faults().clear(Vendor::Jira);
    s.rise().await;
    s.settle().await;
    assert_eq!(attached(&s, &key), names);
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_incidents_picture_stays_off_its_ticket() {
    let s = Stage::new().await;
    let tiago = s.slack("tiago.fernandes");
    let secret = json!({"title": "The ledger is gone", "private": true, "members": [tiago.id()]});
    let (status, said) = s.post("/api/v1/incidents", secret).await;
    assert_eq!(status, 201, "{said}");
    let incident = said["ref"].as_str().expect("a reference").to_owned();
    let channel = opened(&s, &incident).await;
    let file = marked(&s, &channel, "ledger.png", "Look at this").await;
    s.settle().await;
    let path = format!("/incidents/{incident}/pictures/{file}");
    until("it is kept", async || {
        let kept = s.request(Method::GET, &path).send().await.expect("an answer");
        kept.status().is_success().then_some(())
    })
    .await;
    s.settle().await;
    let key = ticket_of(&s, &incident).await;
    assert!(attached(&s, &key).is_empty());
    s.finish().await;
}
