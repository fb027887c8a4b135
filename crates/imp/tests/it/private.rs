//! A private incident is for the people in it: on every route, of the API by its own description and of the console by its
//! own code, it is to everybody else like none; and whoever does see it is written down.

use std::collections::BTreeSet;
use std::path::Path;

use imp_core::Role;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::console::{locked, session, stranger, token_of};
use crate::stage::{Stage, answer};

/// Words that stand in the private incident and nowhere else.
const SECRET: &str = "Marlin walked off with the ledger";

/// A private incident with everything that an incident has: its reference and its key in Jira.
async fn secret(s: &Stage) -> (String, String) {
    let body = json!({"title": SECRET, "private": true, "service": "payments-api"});
    let (status, private) = s.post("/api/v1/incidents", body).await;
    assert_eq!(status, 201, "{private}");
    let r = private["ref"].as_str().expect("a reference").to_owned();
    let ada = "ada.lima@meridian.example";
    for (what, body) in [
        ("tasks", json!({"text": SECRET})),
        ("follow-ups", json!({"text": SECRET, "due": "2020-01-01"})),
        ("roles", json!({"role": "commander", "user": ada})),
        ("updates", json!({"text": SECRET})),
    ] {
        let (status, said) = s.post(&format!("/api/v1/incidents/{r}/{what}"), body).await;
        assert!(status < 300, "{what}: {said}");
    }
    s.settle().await;
    let key = s.incident(&r).await["links"]["jira"]["key"]
        .as_str()
        .expect("a ticket")
        .to_owned();
    (r, key)
}

/// The smallest body that a description takes.
fn smallest(api: &Value, schema: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str() {
        let path = name.trim_start_matches('#');
        return smallest(api, api.pointer(path).expect("a schema that is described"));
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match schema["type"].as_str().unwrap_or("object") {
        "string" => json!("x"),
        "integer" => json!(1),
        "boolean" => json!(false),
        "array" => json!([]),
        _ => {
            let wanted = schema["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str);
            let field = |name: &str| (name.to_owned(), smallest(api, &schema["properties"][name]));
            Value::Object(wanted.map(field).collect::<Map<_, _>>())
        }
    }
}

/// A call of the API.
struct Call {
    method: Method,
    path: String,
    body: Value,
}

/// Every call that the API's own description names.
async fn calls(s: &Stage) -> Vec<Call> {
    let (_, api) = s.get("/api/openapi.json").await;
    let mut out = Vec::new();
    for (path, item) in api["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            let Ok(method) = method.to_uppercase().parse() else {
                continue;
            };
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            out.push(Call {
                method,
                path: path.clone(),
                body: if schema.is_null() {
                    Value::Null
                } else {
                    smallest(&api, schema)
                },
            });
        }
    }
    out
}

/// Everything in braces but the incident is named so.
fn filled(path: &str, reference: &str) -> String {
    let word = |part: &str| match part {
        "{ref}" => reference.to_owned(),
        "{n}" => "1".to_owned(),
        "{role}" => "commander".to_owned(),
        "{alias}" => if path.starts_with("/teams") {
            "payments"
        } else {
            "payments-api"
        }
        .to_owned(),
        part if part.starts_with('{') => "none".to_owned(),
        part => part.to_owned(),
    };
    path.split('/').map(word).collect::<Vec<_>>().join("/")
}

/// The console's routes as its code has them: address, and whether it is looked at, and sent to.
fn pages() -> Vec<(String, bool, bool)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../imp-console/src/pages/mod.rs");
    let text = std::fs::read_to_string(file).expect("the console's routes");
    let routes = text.split(".route(").skip(1).map(|r| {
        let end = r.find("\n        .").unwrap_or(r.len());
        let path = r.split('"').nth(1).expect("an address").to_owned();
        (path, r[..end].contains("get("), r[..end].contains("post("))
    });
    routes.collect()
}

/// The forms of an incident's page as the console's code has them.
fn forms() -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../imp-console/src/pages/deed.rs");
    let text = std::fs::read_to_string(file).expect("the console's forms");
    let arm = |l: &str| Some(l.trim().strip_prefix('"')?.split_once("\" => ")?.0.to_owned());
    text.lines()
        .filter_map(arm)
        .filter(|w| w.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_incident_is_like_none_to_everybody_else_on_every_route() {
    let s = locked("").await;
    let (r, key) = secret(&s).await;
    let (other, manager) = (stranger(), token_of(Role::Manager));
    let cookie = session(&s, &manager).await;
    let calls = calls(&s).await;
    let about = calls.iter().filter(|c| c.path.contains("{ref}"));
    assert!(about.clone().count() >= 25, "the description is read");
    for call in about {
        for (name, unknown) in [(r.as_str(), "IMP-9999"), (key.as_str(), "INC-9999")] {
            let ask = async |name: &str| {
                let url = format!("{}/api/v1{}", s.base, filled(&call.path, name));
                let sent = other.request(call.method.clone(), url).bearer_auth(&manager);
                let (status, said) = answer(if call.body.is_null() {
                    sent
                } else {
                    sent.json(&call.body)
                })
                .await;
                (status, said.to_string().replace(name, "…"))
            };
            let (here, there) = (ask(name).await, ask(unknown).await);
            assert_eq!(here, there, "{} {}", call.method, call.path);
            let told = if call.path.ends_with("break-glass") && name == r {
                403
            } else {
                404
            };
            assert_eq!(here.0, told, "{} {}: {}", call.method, call.path, here.1);
        }
    }
    // What is owed for it, by its number.
    let done = s.deliveries("done").await;
    let delivery = done
        .iter()
        .find(|d| d["ref"] == r.as_str())
        .expect("its channel, at least")["id"]
        .to_string();
    for call in calls.iter().filter(|c| c.path.starts_with("/deliveries/")) {
        let ask = async |id: &str| {
            let url = format!("{}/api/v1{}", s.base, call.path.replace("{id}", id));
            answer(other.post(url).bearer_auth(&manager).json(&json!({"why": "x"}))).await
        };
        assert_eq!(ask(&delivery).await, ask("999999").await, "{}", call.path);
    }
    // Lists and pages say nothing of it.
    for call in calls
        .iter()
        .filter(|c| c.method == Method::GET && !c.path.contains("{ref}"))
    {
        let url = format!("{}/api/v1{}", s.base, filled(&call.path, ""));
        let said = answer(other.get(url).bearer_auth(&manager)).await.1.to_string();
        says_nothing(&said, &r, &call.path);
    }
    for (path, looked_at, _) in pages().iter().filter(|(p, ..)| !p.contains("{ref}") && p != "/live") {
        if *looked_at {
            let url = format!("{}{}", s.base, filled(path, ""));
            let said = answer(other.get(url).header("cookie", &cookie)).await.1.to_string();
            says_nothing(&said, &r, path);
        }
    }
    for address in [
        "/incidents?q=marlin",
        "/incidents/export?format=json",
        "/deliveries?state=done",
        "/insights/incidents",
    ] {
        let call = other.get(format!("{}{address}", s.base)).header("cookie", &cookie);
        says_nothing(&answer(call).await.1.to_string(), &r, address);
    }
    // Its own addresses in the console are those of none.
    let mut addresses: Vec<(Method, String)> = Vec::new();
    for (path, looked_at, sent_to) in pages().into_iter().filter(|(p, ..)| p.contains("{ref}")) {
        let whole = match path.contains("{deed}") {
            true => forms().iter().map(|f| path.replace("{deed}", f)).collect(),
            false => vec![path],
        };
        for w in whole {
            addresses.extend(looked_at.then(|| (Method::GET, w.clone())));
            addresses.extend(sent_to.then(|| (Method::POST, w.clone())));
        }
    }
    assert!(addresses.len() >= 18, "{addresses:?}");
    for (method, path) in addresses {
        let ask = async |name: &str| {
            let url = format!("{}{}", s.base, path.replace("{ref}", name));
            let call = other.request(method.clone(), url).header("cookie", &cookie);
            let fields = [("text", "x"), ("n", "1"), ("to", "resolved"), ("user", "a@b.example")];
            let (status, said) = answer(if method == Method::POST {
                call.form(&fields)
            } else {
                call
            })
            .await;
            (status, said.to_string().replace(name, "…"))
        };
        let here = ask(&r).await;
        assert_eq!(here.0, 404, "{method} {path}");
        assert_eq!(here, ask("IMP-9999").await, "{method} {path}");
        assert_eq!(ask(&key).await, ask("INC-9999").await, "{method} {path}");
    }
    s.finish().await;
}

fn says_nothing(said: &str, r: &str, path: &str) {
    let named = said.contains("Marlin") || said.contains(&format!("{r}\"")) || said.contains(&format!("{r}<"));
    assert!(!named, "{path} tells of {r}");
}

/// How often it is written down that somebody looked, and how.
fn looks(s: &Stage) -> (usize, BTreeSet<String>) {
    let url = format!("sqlite://{}", s.config().with_file_name("imp.db").display());
    let mut conn = imp_engine::Store::peek(&url).expect("the store");
    let rows = conn
        .rows("select detail from audit where what = 'look' and private = 1", &[])
        .expect("the log");
    (rows.len(), rows.iter().map(|row| row.text(0).to_owned()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_did_in_a_private_incident_is_in_nobodys_time() {
    let s = locked("").await;
    let cookie = session(&s, &token_of(Role::Admin)).await;
    let time = async || {
        let (status, api) = s.get("/api/v1/insights/people").await;
        assert_eq!(status, 200, "{api}");
        let call = stranger()
            .get(format!("{}/insights/people", s.base))
            .header("cookie", &cookie);
        let (status, page) = answer(call).await;
        assert_eq!(status, 200, "{page}");
        (api["incidents"].clone(), api["items"].clone(), page.to_string())
    };
    let ada = s.slack("ada.lima");
    let tells = async |r: &str| {
        let channel = s.channel_name_of(r).await;
        ada.says(&channel, "/imp update We have a look.").await;
        s.settle().await;
        let told = s.get(&format!("/api/v1/incidents/{r}/timeline")).await.1.to_string();
        assert!(told.contains("We have a look."), "{told}");
    };
    let (r, _) = secret(&s).await;
    tells(&r).await;
    let (incidents, items, page) = time().await;
    assert_eq!(
        (&incidents, &items),
        (&json!(0), &json!([])),
        "not even an administrator's numbers have it"
    );
    assert!(
        page.contains("Nobody did anything") && !page.contains("Ada Lima"),
        "{page}"
    );
    // The same in the open counts: it was the privacy that hid it.
    let open = s.declares("Card payments fail").await;
    let body = json!({"role": "commander", "user": "ada.lima@meridian.example"});
    assert!(s.post(&format!("/api/v1/incidents/{open}/roles"), body).await.0 < 300);
    s.settle().await;
    tells(&open).await;
    let (incidents, items, page) = time().await;
    assert_eq!((&incidents, &items[0]["incidents"]), (&json!(1), &json!(1)), "{items}");
    assert!(page.contains("Ada Lima"), "{page}");
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sees_something_private_is_written_down_by_whichever_door_they_came() {
    let s = locked("").await;
    let (r, _) = secret(&s).await;
    let other = stranger();
    let admin = token_of(Role::Admin);
    let cookie = session(&s, &admin).await;
    let mut seen = 0;
    let mut look = async |path: String| {
        let before = looks(&s).0;
        let call = other.get(format!("{}{path}", s.base));
        let call = match path.starts_with("/api") {
            true => call.bearer_auth(&admin),
            false => call.header("cookie", &cookie),
        };
        let (status, said) = answer(call).await;
        assert!(status < 500, "{path}: {said}");
        if said.to_string().contains("Marlin") {
            seen += 1;
            assert!(looks(&s).0 > before, "{path} shows it, and nobody wrote that down");
        }
    };
    for call in calls(&s).await.iter().filter(|c| c.method == Method::GET) {
        look(format!("/api/v1{}", filled(&call.path, &r))).await;
    }
    for (path, ..) in pages().iter().filter(|(p, looked_at, _)| *looked_at && p != "/live") {
        look(filled(path, &r)).await;
    }
    look("/incidents/export?format=json".to_owned()).await;
    assert!(seen >= 12, "only {seen} places show it to an administrator's token");
    let (_, how) = looks(&s);
    for word in ["opened", "listed", "exported", "its audit log read"] {
        assert!(how.iter().any(|h| h.contains(word)), "{word} is not among {how:?}");
    }
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_page_hears_of_a_private_incident_only_where_its_reader_is_in_it() {
    let s = locked("").await;
    let (r, _) = secret(&s).await;
    let public = s.declares("Everybody may know").await;
    let listen = async |role| {
        let cookie = session(&s, &token_of(role)).await;
        let call = stranger().get(format!("{}/live", s.base)).header("cookie", cookie);
        call.send().await.expect("a stream")
    };
    let (mut stranger, mut admin) = (listen(Role::Manager).await, listen(Role::Admin).await);
    for name in [&r, &public] {
        let (status, said) = s
            .post(&format!("/api/v1/incidents/{name}/notes"), json!({"text": "News"}))
            .await;
        assert_eq!(status, 201, "{said}");
    }
    for (stream, hears, not) in [(&mut stranger, &public, Some(&r)), (&mut admin, &r, None)] {
        let mut heard = String::new();
        while !heard.contains(&format!("data: {hears}\n")) {
            let more = stream.chunk().await.expect("it goes on").expect("it goes on");
            heard.push_str(&String::from_utf8_lossy(&more));
        }
        assert!(not.is_none_or(|not| !heard.contains(not.as_str())), "{heard}");
    }
    assert!(looks(&s).1.iter().any(|h| h.contains("followed live")));
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_in_slack_that_has_something_private_is_written_down() {
    let s = locked("").await;
    let (r, _) = secret(&s).await;
    let ada = s.slack("ada.lima");
    let channel = s.incident(&r).await["links"]["slack"]["channel_name"]
        .as_str()
        .expect("a channel")
        .to_owned();
    ada.says(&channel, "/imp list").await;
    ada.sees(&channel, &r).await;
    let url = format!("sqlite://{}", s.config().with_file_name("imp.db").display());
    let mut conn = imp_engine::Store::peek(&url).expect("the store");
    let sql = "select who from audit where what = 'look' and door = 'slack' and private = 1";
    let rows = conn.rows(sql, &[]).expect("the log");
    assert!(rows.iter().any(|row| row.text(0).contains("Ada Lima")), "{rows:?}");
    s.finish().await;
}
