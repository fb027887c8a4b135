//! Block Kit: what Slack takes and what it refuses, and where it says the fault is.

use serde_json::{Value, json};

use crate::stage::{Stage, modal, plain};

/// Each of these blocks alone in a message, and how its refusal begins; nothing, if it is taken.
fn cases() -> Vec<(Value, &'static str)> {
    let long = |n: usize| "x".repeat(n);
    let md = |t: &str| json!({"type": "mrkdwn", "text": t});
    let button = |n: usize| json!({"type": "button", "action_id": format!("b{n}"), "text": plain("Go")});
    let option = |n: usize| json!({"text": plain("o"), "value": n.to_string()});
    let options = |n: usize| (0..n).map(option).collect::<Vec<_>>();
    let select =
        |n: usize| json!({"type": "static_select", "action_id": "s", "placeholder": plain("p"), "options": options(n)});
    let actions = |e: Value| json!({"type": "actions", "elements": e});
    vec![
        (json!({"type": "section", "text": md(&long(3000))}), ""),
        (
            json!({"type": "section", "text": md(&long(3001))}),
            "must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
        ),
        (
            json!({"type": "section", "text": md("")}),
            "must be more than 0 characters [json-pointer:/blocks/0/text/text]",
        ),
        (
            json!({"type": "section"}),
            "missing required field: text [json-pointer:/blocks/0]",
        ),
        (json!({"type": "section", "fields": vec![md("x"); 10]}), ""),
        (
            json!({"type": "section", "fields": vec![md("x"); 11]}),
            "no more than 10 items allowed [json-pointer:/blocks/0/fields]",
        ),
        (
            json!({"type": "section", "fields": [md(&long(2001))]}),
            "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]",
        ),
        (
            json!({"type": "section", "text": "x"}),
            "must be an object [json-pointer:/blocks/0/text]",
        ),
        (json!({"type": "header", "text": plain(&long(150))}), ""),
        (
            json!({"type": "header", "text": plain(&long(151))}),
            "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
        ),
        (
            json!({"type": "header", "text": md("x")}),
            "must be one of: plain_text [json-pointer:/blocks/0/text/type]",
        ),
        (
            json!({"type": "divider", "colour": "red"}),
            "invalid additional property: colour [json-pointer:/blocks/0]",
        ),
        (
            json!({"type": "ruler"}),
            "unsupported type: ruler [json-pointer:/blocks/0/type]",
        ),
        (
            json!({"text": "x"}),
            "missing required field: type [json-pointer:/blocks/0]",
        ),
        (json!({"type": "context", "elements": vec![md("x"); 10]}), ""),
        (
            json!({"type": "context", "elements": vec![md("x"); 11]}),
            "no more than 10 items allowed",
        ),
        (
            json!({"type": "context", "elements": []}),
            "no fewer than 1 items allowed",
        ),
        (actions((0..25).map(button).collect()), ""),
        (
            actions((0..26).map(button).collect()),
            "no more than 25 items allowed [json-pointer:/blocks/0/elements]",
        ),
        (actions(json!([button(1), button(1)])), "`action_id` b1 already exists"),
        (
            actions(json!([{"type": "button", "text": plain(&long(76))}])),
            "must be less than 76 characters",
        ),
        (
            actions(json!([{"type": "button", "text": plain("x"), "value": long(2001)}])),
            "must be less than 2001 characters",
        ),
        (
            actions(json!([{"type": "button", "text": plain("x"), "style": "blue"}])),
            "must be one of: primary, danger",
        ),
        (actions(json!([select(100)])), ""),
        (
            actions(json!([select(101)])),
            "no more than 100 items allowed [json-pointer:/blocks/0/elements/0/options]",
        ),
        (
            actions(json!([{"type": "overflow", "options": options(6)}])),
            "no more than 5 items allowed",
        ),
        (
            actions(json!([{"type": "checkboxes", "options": options(11)}])),
            "no more than 10 items allowed",
        ),
        (
            actions(json!([{"type": "radio_buttons", "options": options(2), "initial_option": option(7)}])),
            "must exactly match one of the options",
        ),
        (
            actions(json!([{"type": "datepicker", "initial_date": "tomorrow"}])),
            "must match the format 0000-00-00",
        ),
        (
            actions(json!([{"type": "plain_text_input"}])),
            "unsupported type: plain_text_input",
        ),
        (
            json!({"type": "image", "image_url": "https://x.example/a.png"}),
            "missing required field: alt_text",
        ),
        (
            json!({"type": "section", "text": md("x"), "accessory": {"type": "button", "text": plain("x"), "confirm": {"title": plain(&long(101)), "text": md("x")}}}),
            "must be less than 101 characters",
        ),
        (
            json!({"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}]}),
            "",
        ),
        (
            json!({"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "shout"}]}]}),
            "unsupported type: shout",
        ),
        (
            json!({"type": "markdown", "text": long(12_001)}),
            "must be less than 12001 characters",
        ),
        (
            json!({"type": "divider", "block_id": long(256)}),
            "must be less than 256 characters",
        ),
    ]
}

#[tokio::test]
async fn every_limit_is_kept_and_pointed_at() {
    let s = Stage::new().await;
    for (block, why) in cases() {
        let answer = s.call("blocks.validate", json!({"blocks": [block]})).await;
        if why.is_empty() {
            assert_eq!(answer["ok"], true, "{block}: {answer}");
        } else {
            assert_eq!(answer["error"], "invalid_blocks", "{block}: {answer}");
            let first = answer["response_metadata"]["messages"][0].as_str().unwrap_or("");
            assert!(first.starts_with(&format!("[ERROR] {why}")), "{block}: {first}");
            assert!(
                answer["errors"][0].as_str().is_some_and(|e| e.starts_with(why)),
                "{answer}"
            );
        }
    }
}

#[tokio::test]
async fn a_message_is_checked_as_a_whole() {
    let s = Stage::new().await;
    let id = s.channel("inc-kit").await;
    let post = |blocks: Value| json!({"channel": id, "text": "x", "blocks": blocks});
    s.ok("chat.postMessage", post(json!(vec![json!({"type": "divider"}); 50])))
        .await;
    assert_eq!(
        s.error("chat.postMessage", post(json!(vec![json!({"type": "divider"}); 51])))
            .await,
        "invalid_blocks"
    );
    let twice = json!([{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"}]);
    assert_eq!(s.error("chat.postMessage", post(twice)).await, "invalid_blocks");
    assert_eq!(
        s.error("chat.postMessage", post(json!("no json at all"))).await,
        "invalid_blocks_format"
    );
    let done = s
        .ok(
            "chat.postMessage",
            post(json!([{"type": "actions", "elements": [{"type": "button", "text": plain("x")}]}])),
        )
        .await;
    let block = &done["message"]["blocks"][0];
    assert!(
        block["block_id"].is_string() && block["elements"][0]["action_id"].is_string(),
        "{block}"
    );
}

#[tokio::test]
async fn a_view_is_checked() {
    let s = Stage::new().await;
    let publish = |view: Value| json!({"user_id": s.id("ada.lima"), "view": view});
    let wrong = s.call("views.publish", publish(json!({"type": "home"}))).await;
    assert_eq!(wrong["error"], "invalid_arguments");
    assert_eq!(
        wrong["response_metadata"]["messages"][0],
        "[ERROR] missing required field: blocks [json-pointer:/view]"
    );
    let hundred = json!({"type": "home", "blocks": vec![json!({"type": "divider"}); 100]});
    s.ok("views.publish", publish(hundred)).await;
    let more = json!({"type": "home", "blocks": vec![json!({"type": "divider"}); 101]});
    assert_eq!(s.error("views.publish", publish(more)).await, "invalid_arguments");
    let long = s
        .call("views.open", json!({"trigger_id": "x", "view": modal(&"x".repeat(25))}))
        .await;
    assert_eq!(
        long["response_metadata"]["messages"][0],
        "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"
    );
    let mut silent = modal("Declare");
    silent.as_object_mut().expect("an object").shift_remove("submit");
    assert_eq!(
        s.error("views.open", json!({"trigger_id": "x", "view": silent})).await,
        "invalid_arguments"
    );
}
