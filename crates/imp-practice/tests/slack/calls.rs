//! The web API: tokens, limits, names, pages, messages.

use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::Stage;

#[tokio::test]
async fn tokens_are_asked_for() {
    let s = Stage::new().await;
    let call = |method: &'static str, token: Option<String>| {
        let mut r = s.http.post(format!("{}/api/{method}", s.base));
        if let Some(t) = token {
            r = r.bearer_auth(t);
        }
        async move { r.send().await.expect("answered").json::<Value>().await.expect("JSON")["error"].clone() }
    };
    let (bot, app) = (s.org.keys.slack_bot_token.clone(), s.org.keys.slack_app_token.clone());
    assert_eq!(call("auth.test", None).await, "not_authed");
    assert_eq!(call("auth.test", Some("xoxb-other".into())).await, "invalid_auth");
    assert_eq!(call("auth.test", Some(app)).await, "not_allowed_token_type");
    assert_eq!(
        call("apps.connections.open", Some(bot.clone())).await,
        "not_allowed_token_type"
    );
    assert_eq!(call("no.such.method", Some(bot)).await, "unknown_method");
}

#[tokio::test]
async fn limits_are_kept_and_end() {
    let s = Stage::new().await;
    let channel = s.channel("inc-limits").await;
    s.slack.set_limits(true);
    let post = json!({"channel": channel, "text": "x"});
    let mut posted = 0;
    let refused = loop {
        let answer = s.raw("chat.postMessage", post.clone()).await;
        if answer.status() == 429 {
            break answer;
        }
        posted += 1;
        assert!(posted < 20, "a channel takes one message a second, after a small burst");
    };
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(
        refused.json::<Value>().await.expect("JSON"),
        json!({"ok": false, "error": "ratelimited"})
    );
    s.slack.advance(Duration::from_secs(1));
    assert_eq!(s.raw("chat.postMessage", post).await.status(), 200);
    for _ in 0..20 {
        s.ok("pins.list", json!({"channel": channel})).await;
    }
    let refused = s.raw("pins.list", json!({})).await;
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"]
        .to_str()
        .expect("digits")
        .parse()
        .expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    s.slack.advance(Duration::from_secs(wait));
    s.ok("pins.list", json!({"channel": channel})).await;
}

#[tokio::test]
async fn channels_have_rules() {
    let s = Stage::new().await;
    let create = |name: &str| json!({"name": name});
    assert_eq!(
        s.error("conversations.create", create("")).await,
        "invalid_name_required"
    );
    assert_eq!(
        s.error("conversations.create", create("A b")).await,
        "invalid_name_specials"
    );
    assert_eq!(
        s.error("conversations.create", create("--")).await,
        "invalid_name_punctuation"
    );
    assert_eq!(
        s.error("conversations.create", create(&"x".repeat(81))).await,
        "invalid_name_maxlength"
    );
    let id = s.channel("inc-1").await;
    s.ok("conversations.archive", json!({"channel": id})).await;
    assert_eq!(s.error("conversations.create", create("inc-1")).await, "name_taken");
    for (method, more) in [
        ("chat.postMessage", json!({"text": "x"})),
        ("conversations.setTopic", json!({"topic": "x"})),
        ("conversations.invite", json!({"users": s.id("tiago.fernandes")})),
        ("conversations.rename", json!({"name": "inc-2"})),
    ] {
        let mut args = more;
        args["channel"] = json!(id);
        assert_eq!(s.error(method, args).await, "is_archived", "{method}");
    }
    s.ok("conversations.unarchive", json!({"channel": id})).await;
    let (ada, tiago) = (s.id("ada.lima"), s.id("tiago.fernandes"));
    let both = s
        .call(
            "conversations.invite",
            json!({"channel": id, "users": format!("{ada},{tiago}")}),
        )
        .await;
    assert_eq!(both["error"], "already_in_channel");
    assert_eq!(both["errors"][0]["user"], ada);
    let forced = json!({"channel": id, "users": format!("{ada},{tiago}"), "force": true});
    assert_eq!(
        s.ok("conversations.invite", forced).await["errors"][0]["error"],
        "already_in_channel"
    );
    let members = s.ok("conversations.members", json!({"channel": id})).await["members"].clone();
    assert_eq!(members.as_array().map(Vec::len), Some(3));
    // A private channel is nothing to those outside; the app posts into public ones without joining.
    let general = s.ok("conversations.list", json!({"limit": 1})).await["channels"][0]["id"].clone();
    assert_eq!(
        s.error("conversations.history", json!({"channel": general})).await,
        "not_in_channel"
    );
    s.ok("chat.postMessage", json!({"channel": general, "text": "x"})).await;
}

#[tokio::test]
async fn pages_follow_each_other() {
    let s = Stage::new().await;
    let id = s.channel("inc-pages").await;
    for n in 0..5 {
        s.ok("chat.postMessage", json!({"channel": id, "text": format!("m{n}")}))
            .await;
    }
    let mut cursor = String::new();
    let mut texts = Vec::new();
    loop {
        let page = s
            .ok(
                "conversations.history",
                json!({"channel": id, "limit": 2, "cursor": cursor}),
            )
            .await;
        let messages = page["messages"].as_array().cloned().unwrap_or_default();
        assert!(messages.len() <= 2);
        texts.extend(messages.iter().filter_map(|m| m["text"].as_str().map(str::to_owned)));
        if page["has_more"] == false {
            break;
        }
        page["response_metadata"]["next_cursor"]
            .as_str()
            .unwrap_or("")
            .clone_into(&mut cursor);
    }
    assert_eq!(texts[..5], ["m4", "m3", "m2", "m1", "m0"]);
    assert_eq!(
        s.error("users.list", json!({"cursor": "nonsense"})).await,
        "invalid_cursor"
    );
}

#[tokio::test]
async fn an_update_keeps_the_blocks_it_does_not_mention() {
    let s = Stage::new().await;
    let id = s.channel("inc-update").await;
    let blocks = json!([{"type": "divider"}]);
    let ts = s
        .ok(
            "chat.postMessage",
            json!({"channel": id, "text": "a", "blocks": blocks}),
        )
        .await["ts"]
        .clone();
    s.ok("chat.update", json!({"channel": id, "ts": ts, "text": "b"})).await;
    let now = s.ok("conversations.history", json!({"channel": id})).await["messages"][0].clone();
    assert_eq!(
        (&now["text"], &now["blocks"][0]["type"]),
        (&json!("b"), &json!("divider"))
    );
    s.ok(
        "chat.update",
        json!({"channel": id, "ts": ts, "text": "c", "blocks": []}),
    )
    .await;
    let now = s.ok("conversations.history", json!({"channel": id})).await["messages"][0].clone();
    assert_eq!((&now["text"], now.get("blocks")), (&json!("c"), None));
    let (_, said) = s.ada("send", json!({"channel": id, "text": "mine"})).await;
    assert_eq!(
        s.error("chat.update", json!({"channel": id, "ts": said["ts"], "text": "x"}))
            .await,
        "cant_update_message"
    );
}

#[tokio::test]
async fn readers_take_no_json() {
    let s = Stage::new().await;
    let answer: Value = s
        .raw("users.info", json!({"user": s.id("ada.lima")}))
        .await
        .json()
        .await
        .expect("JSON");
    assert_eq!(answer["error"], "invalid_arguments");
    s.ok("users.info", json!({"user": s.id("ada.lima")})).await;
}

#[tokio::test]
async fn what_was_scheduled_is_posted_in_its_time() {
    let s = Stage::new().await;
    let id = s.channel("inc-later").await;
    assert_eq!(
        s.error(
            "chat.scheduleMessage",
            json!({"channel": id, "text": "x", "post_at": 1})
        )
        .await,
        "time_in_past"
    );
    let soon = imp_practice::clock::now_ms() / 1000 + 60;
    s.ok(
        "chat.scheduleMessage",
        json!({"channel": id, "text": "later", "post_at": soon}),
    )
    .await;
    assert_ne!(s.seen(&id).await.last().expect("it was made")["text"], "later");
    s.slack.advance(Duration::from_secs(61));
    assert_eq!(s.seen(&id).await.last().expect("it was posted")["text"], "later");
}

#[tokio::test]
async fn the_page_is_served_with_its_parts() {
    let s = Stage::new().await;
    for (path, part) in [
        ("/", "client/assets/main.js"),
        ("/client/assets/main.js", "import"),
        ("/client/assets/style.css", "#sidebar"),
    ] {
        let answer = s.http.get(format!("{}{path}", s.base)).send().await.expect("served");
        assert_eq!(answer.status(), 200, "{path}");
        assert!(answer.text().await.expect("text").contains(part), "{path}");
    }
}
