//! Saved views: kept, renamed, shared by a link and deleted, by forms without any script and by the API.

use imp_core::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::console::{locked, session, stranger, token_of};
use crate::stage::{Stage, answer};

/// A form of the console: status, and where it leads.
async fn sends(s: &Stage, path: &str, cookie: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let call = stranger().post(format!("{}{path}", s.base)).header("cookie", cookie);
    let answer = call.form(fields).send().await.expect("an answer");
    let to = answer
        .headers()
        .get("location")
        .map(|v| v.to_str().expect("text").to_owned());
    (answer.status().as_u16(), to.unwrap_or_default())
}

async fn shows(s: &Stage, path: &str, cookie: &str) -> String {
    let call = stranger().get(format!("{}{path}", s.base)).header("cookie", cookie);
    let (status, text) = answer(call).await;
    assert_eq!(status, 200, "{path}");
    text.as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_is_kept_renamed_shared_and_deleted() {
    let s = locked("").await;
    let reader = session(&s, &token_of(Role::Reader)).await;
    let other = session(&s, &token_of(Role::Manager)).await;
    let filter = "/incidents?status=investigating&team=payments";
    assert!(shows(&s, filter, &reader).await.contains("Save this view"));
    let fields = [
        ("page", "incidents"),
        ("name", "Ours <b>now</b>"),
        ("query", "team=payments&status=investigating&before=7"),
    ];
    assert_eq!(sends(&s, "/views", &reader, &fields).await, (303, filter.to_owned()));
    let page = shows(&s, "/incidents", &reader).await;
    assert!(
        page.contains("Ours &#60;b&#62;now&#60;/b&#62;") && !page.contains("<b>now"),
        "escaped"
    );
    assert!(
        !shows(&s, "/incidents", &other).await.contains("Ours"),
        "it is its owner's"
    );
    assert!(
        !shows(&s, "/insights", &reader).await.contains("Ours"),
        "it is that page's"
    );
    let page = shows(&s, filter, &reader).await;
    let id = page
        .split("action=\"/views/")
        .nth(1)
        .and_then(|p| p.split('/').next())
        .expect("its forms")
        .to_owned();
    assert!(page.contains(&format!("{}/views/{id}", s.base)), "the link for others");
    // The link, as somebody else opens it, and as somebody who is not signed in.
    let call = stranger()
        .get(format!("{}/views/{id}", s.base))
        .header("cookie", &other)
        .send()
        .await;
    assert_eq!(call.expect("an answer").headers()["location"], filter);
    let call = stranger()
        .get(format!("{}/views/{id}", s.base))
        .send()
        .await
        .expect("an answer");
    assert!(
        call.headers()["location"]
            .to_str()
            .expect("text")
            .starts_with("/sign-in")
    );
    // Others can neither rename nor delete it.
    for deed in ["rename", "delete"] {
        let (status, _) = sends(&s, &format!("/views/{id}/{deed}"), &other, &[("name", "Mine")]).await;
        assert_eq!(status, 404, "{deed}");
    }
    let renamed = sends(&s, &format!("/views/{id}/rename"), &reader, &[("name", "Ours")]).await;
    assert_eq!(renamed, (303, filter.to_owned()));
    for name in ["", " \t\n", &"x".repeat(61)] {
        assert_eq!(
            sends(&s, &format!("/views/{id}/rename"), &reader, &[("name", name)])
                .await
                .0,
            422,
            "{name:?}"
        );
    }
    assert_eq!(
        sends(&s, &format!("/views/{id}/delete"), &reader, &[]).await,
        (303, "/incidents".into())
    );
    assert!(!shows(&s, filter, &reader).await.contains(">Ours<"));
    let (_, log) = s.get("/api/v1/audit").await;
    for what in ["save_view", "rename_view", "delete_view"] {
        let found = log["items"]
            .as_array()
            .expect("entries")
            .iter()
            .any(|e| e["what"] == what && e["who"] == "reader");
        assert!(found, "{what}: {log}");
    }
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_has_the_same_views_and_a_name_is_one_view_of_a_page() {
    let s = locked("").await;
    let save = async |page: &str, name: &str, query: &str| {
        s.post("/api/v1/views", json!({"page": page, "name": name, "query": query}))
            .await
    };
    let (status, first) = save("insights", "Gravest", "severity=SEV1&days=30").await;
    assert_eq!(
        (status, &first["query"]),
        (201, &json!("days=30&severity=SEV1")),
        "{first}"
    );
    let (status, again) = save("insights", "Gravest", "severity=SEV1&days=7").await;
    assert_eq!(
        (status, &again["id"], &again["query"]),
        (201, &first["id"], &json!("days=7&severity=SEV1"))
    );
    let (_, same) = save("incidents", "Gravest", "severity=SEV1").await;
    let (_, all) = s.get("/api/v1/views").await;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(2), "{all}");
    let path = format!("/api/v1/views/{}", same["id"].as_str().expect("an id"));
    let (_, taken) = save("incidents", "Other", "severity=SEV2").await;
    let rename = answer(s.request(Method::PATCH, &path).json(&json!({"name": "Other"}))).await;
    assert_eq!(rename.0, 409, "{} {taken}", rename.1);
    let (_, log) = s.get("/api/v1/audit").await;
    let entries = log["items"].as_array().expect("entries");
    assert!(entries.iter().all(|e| e["what"] != "rename_view"), "{log}");
    assert_eq!(
        answer(s.request(Method::DELETE, &path)).await,
        (204, Value::String(String::new()))
    );
    assert_eq!(s.get(&path).await.0, 404);
    for (page, name, query) in [
        ("audit", "A", "q=x"),
        ("incidents", "", "q=x"),
        ("incidents", "A", ""),
        ("incidents", "A", "x=1"),
    ] {
        assert_eq!(save(page, name, query).await.0, 422, "{page} {name} {query}");
    }
    for n in 0..48 {
        assert_eq!(save("incidents", &format!("View {n}"), "q=x").await.0, 201, "{n}");
    }
    let (status, said) = save("incidents", "One more", "q=x").await;
    assert_eq!((status, &said["fields"][0]["field"]), (422, &json!("name")), "{said}");
    assert_eq!(
        save("incidents", "View 3", "q=y").await.0,
        201,
        "what is there can still be changed"
    );
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_views_are_the_most_however_many_tabs_save_at_once() {
    let s = locked("").await;
    let save = |n: usize| {
        let body = json!({"page": "incidents", "name": format!("View {n}"), "query": "q=x"});
        answer(s.request(Method::POST, "/api/v1/views").json(&body))
    };
    let codes: Vec<u16> = futures_util::future::join_all((0..70).map(save))
        .await
        .into_iter()
        .map(|(code, _)| code)
        .collect();
    let kept = codes.iter().filter(|c| **c == 201).count();
    let refused = codes.iter().filter(|c| **c == 422).count();
    assert_eq!((kept, refused), (50, 20), "{codes:?}");
    let (_, all) = s.get("/api/v1/views?limit=100").await;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(50), "{all}");
    let (_, log) = s.get("/api/v1/audit?limit=100").await;
    let entries = log["items"].as_array().expect("entries");
    let told = entries.iter().filter(|e| e["what"] == "save_view").count();
    assert_eq!(told, 50, "what was not kept is not written down either");
    s.finish().await;
}
