//! What goes to the public by the API and the console's form: it names components that the page has, or nothing is said.

use crate::console::{locked, session, stranger, token_of};
use crate::stage::{Stage, answer};
use imp_core::Role;
use serde_json::{Value, json};

/// Components of the practice page, by their identifiers.
async fn components(s: &Stage) -> Vec<String> {
    let k = &s.practice.org.keys;
    let url = format!(
        "{}/statuspage/v1/pages/{}/components",
        s.practice.base, k.statuspage_page_id
    );
    let call = stranger()
        .get(url)
        .header("authorization", format!("OAuth {}", k.statuspage_api_key));
    let (code, all) = answer(call).await;
    assert_eq!(code, 200, "{all}");
    let all = all.as_array().expect("components").clone();
    let parts = all.iter().filter(|c| c["group"] != true);
    parts.map(|c| c["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_the_page_does_not_have_is_refused_before_anything_is_published() {
    let s = locked("").await;
    let r = s.declares("Card payments fail").await;
    let at = format!("/api/v1/incidents/{r}/statuspage");
    let there = components(&s).await;
    let told = format!("/api/v1/incidents/{r}/timeline");
    let body = |components: Value| json!({"text": "We are looking into it.", "components": components});
    for strange in [json!(["nope"]), json!([there[0], "nope"]), json!([""])] {
        let (code, said) = s.post(&at, body(strange.clone())).await;
        assert_eq!(
            (code, &said["fields"][0]["field"]),
            (422, &json!("components")),
            "{strange}: {said}"
        );
        assert!(said["detail"].as_str().is_some_and(|d| d.contains(&there[0])), "{said}");
    }
    // The same by the form, on which it was tampered with; and nobody learns components who may not publish.
    let form = async |role: Role, fields: &[(&str, &str)]| {
        let cookie = session(&s, &token_of(role)).await;
        let call = stranger()
            .post(format!("{}/incidents/{r}/public", s.base))
            .header("cookie", cookie);
        answer(call.form(fields)).await
    };
    let fields = [("text", "We are looking into it."), ("component.nope", "on")];
    let (code, page) = form(Role::Responder, &fields).await;
    assert_eq!(code, 422, "{page}");
    let page = page.as_str().unwrap_or_default().to_owned();
    assert!(
        page.contains("has no component") && page.contains("We are looking into it."),
        "{page}"
    );
    assert_eq!(form(Role::Reader, &fields).await.0, 403);
    s.settle().await;
    assert_eq!(s.public().await.len(), 0, "nothing is published");
    let (_, story) = s.get(&told).await;
    assert!(!story.to_string().contains("We are looking into it."), "{story}");
    let (code, said) = s.post(&at, body(json!([there[0]]))).await;
    assert_eq!(code, 201, "{said}");
    s.settle().await;
    let page = s.public().await.remove(0);
    assert_eq!(page["components"][0]["id"], json!(there[0]), "{page}");
    s.finish().await;
}
