//! Two tabs with the same incident open: what one of them saved is not lost by what the other sends after it.

use crate::console::{locked, session, stranger, token_of};
use crate::stage::{Stage, answer};
use imp_core::Role;
use serde_json::Value;

/// What stands in a form of the page: the value of a hidden field or of an input, by name, behind `action`.
fn field(page: &str, action: &str, name: &str) -> String {
    let form = page.split(&format!("/{action}\"")).nth(1).unwrap_or_default();
    let form = form.split("</form>").next().unwrap_or_default();
    let input = form.split(&format!("name=\"{name}\"")).nth(1).unwrap_or_default();
    let input = input.split('>').next().unwrap_or_default();
    let value = input.split("value=\"").nth(1).unwrap_or_default();
    value.split('"').next().unwrap_or_default().to_owned()
}

async fn page(s: &Stage, r: &str, cookie: &str) -> String {
    let call = stranger()
        .get(format!("{}/incidents/{r}", s.base))
        .header("cookie", cookie);
    let (code, text) = answer(call).await;
    assert_eq!(code, 200);
    text.as_str().unwrap_or_default().to_owned()
}

async fn sends(s: &Stage, r: &str, cookie: &str, deed: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let call = stranger()
        .post(format!("{}/incidents/{r}/{deed}", s.base))
        .header("cookie", cookie);
    let (code, text) = answer(call.form(fields)).await;
    (code, text.as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_tabs_is_told_what_the_first_has_changed_and_keeps_its_own_words() {
    let s = locked("").await;
    let r = s.declares("Checkout is slow").await;
    s.settle().await;
    let cookie = session(&s, &token_of(Role::Responder)).await;
    // Both tabs show the same.
    let seen = page(&s, &r, &cookie).await;
    let words = field(&seen, "edit", "words");
    assert!(!words.is_empty(), "the form knows what it was drawn from");
    let edit = async |title: &str| {
        let fields = [
            ("title", title),
            ("summary", "As one sees it"),
            ("words", words.as_str()),
        ];
        sends(&s, &r, &cookie, "edit", &fields).await
    };
    assert_eq!(edit("Checkout answers after 9 s").await.0, 303);
    let (code, text) = edit("Checkout is broken").await;
    assert_eq!(code, 412, "{text}");
    assert!(text.contains("Checkout is broken"), "what was typed is still there");
    assert_eq!(s.incident(&r).await["title"], "Checkout answers after 9 s");
    // Once they have looked again, it is theirs to say.
    let again = field(&page(&s, &r, &cookie).await, "edit", "words");
    let fields = [
        ("title", "Checkout is broken"),
        ("summary", "As one sees it"),
        ("words", &again),
    ];
    assert_eq!(sends(&s, &r, &cookie, "edit", &fields).await.0, 303);
    // The same button in both tabs moves it once.
    s.moves(&r, "identified").await;
    let seen = page(&s, &r, &cookie).await;
    let (to, key) = (field(&seen, "move", "to"), field(&seen, "move", "key"));
    assert!(!key.is_empty(), "a button's key");
    for tab in 0..2 {
        let fields = [("to", to.as_str()), ("key", &key)];
        assert_eq!(sends(&s, &r, &cookie, "move", &fields).await.0, 303, "tab {tab}");
    }
    let is = s.incident(&r).await;
    assert_eq!(is["status"], to.as_str());
    let (_, story) = s.get(&format!("/api/v1/incidents/{r}/timeline?limit=100")).await;
    let moves = story["items"].as_array().expect("a story").iter();
    let there = |m: &&Value| m["event"] == "moved" && m["text"].as_str().is_some_and(|t| t.ends_with("to Monitoring"));
    assert_eq!(moves.filter(there).count(), 1, "{story}");
    s.finish().await;
}
