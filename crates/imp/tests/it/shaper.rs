//! New services, published: what the plan says is what is called, once, whatever fails and whenever it is killed.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use imp_practice::faults::{Fault, Rule, Vendor};
use serde_json::{Value, json};

use crate::imp::{command, imp};
use crate::kills::Dice;
use crate::stage::{Mode, Stage, until};

/// Every call that changes something: whose, how the ledger names it, and the step that makes it.
const WRITES: [(Vendor, &str, &str); 19] = [
    (Vendor::Github, "POST orgs/{id}/repos", "git.repository"),
    (Vendor::Github, "POST git-receive-pack", "git.push"),
    (Vendor::Github, "PUT orgs/{id}/teams/{id}/repos/{id}/{id}", "git.team"),
    (
        Vendor::Github,
        "PUT repos/{id}/{id}/branches/{id}/protection",
        "git.protection",
    ),
    (Vendor::Github, "PUT repos/{id}/{id}/topics", "git.topics"),
    (Vendor::Github, "POST repos/{id}/{id}/labels", "git.label"),
    (
        Vendor::Github,
        "PUT repos/{id}/{id}/environments/{id}",
        "git.environment",
    ),
    (
        Vendor::Github,
        "POST repos/{id}/{id}/environments/{id}/variables",
        "git.variable",
    ),
    (Vendor::Github, "PUT repos/{id}/{id}/actions/secrets/{id}", "git.secret"),
    (Vendor::Github, "POST repos/{id}/{id}/hooks", "git.webhook"),
    (Vendor::Opslevel, "serviceCreate", "opslevel.service"),
    (Vendor::Opslevel, "aliasCreate", "opslevel.alias"),
    (Vendor::Opslevel, "tagAssign", "opslevel.tags"),
    (Vendor::Opslevel, "serviceDependencyCreate", "opslevel.dependency"),
    (Vendor::Opslevel, "toolCreate", "opslevel.tool"),
    (Vendor::Slack, "conversations.create", "slack.channel"),
    (Vendor::Slack, "chat.postMessage", "slack.message"),
    (Vendor::Jira, "POST component", "jira.component"),
    (Vendor::Jira, "POST issue", "jira.checklist"),
];

/// What the organisation gives every repository, two of its secrets in the configuration and one in a file.
const OUTFIT: &str = r#"
environments = [{ name = "production" }]
variables = [{ name = "REGISTRY", value = "registry.example.com", environment = "staging" }]
secrets = [
  { name = "REGISTRY_TOKEN", value = "hunter2-of-the-registry" },
  { name = "DEPLOY_KEY", value_file = "FILE", environment = "production" },
]
webhooks = [{ url = "https://hooks.example.com/git", events = ["push", "pull_request"], secret = "hook-that-signs" }]
"#;
/// What must not be anywhere but where it is meant to be.
const NOWHERE: [&str; 3] = ["hunter2-of-the-registry", "deploy-key-of-the-moat", "hook-that-signs"];

/// The usual stage, with more given to every repository than files.
async fn fitted_out() -> Stage {
    let s = Stage::dark(Mode::Http, |c| c).await;
    std::fs::write(s.path("deploy-key"), "deploy-key-of-the-moat\n").expect("a file");
    let outfit = OUTFIT.replace("FILE", &s.path("deploy-key").display().to_string());
    let config = std::fs::read_to_string(s.path("imp.toml")).expect("a configuration");
    let config = config.replacen("[shaper]", &format!("[shaper]{outfit}"), 1);
    std::fs::write(s.path("imp.toml"), config).expect("a configuration");
    s
}

/// A small template of our own, so that tests are quick.
fn template(folder: &Path) -> PathBuf {
    let at = folder.join("tiny");
    std::fs::create_dir_all(at.join("files/docs")).expect("a folder");
    let manifest = r#"description = "A tiny service"
version = "1.0.0"
[[question]]
name = "service"
default = "tiny-service"
[[question]]
name = "team"
default = "payments"
[[question]]
name = "depends_on"
default = "payments-api, search-api"
[[question]]
name = "password"
default = "swordfish-in-the-moat"
secret = true
"#;
    std::fs::write(at.join("template.toml"), manifest).expect("a file");
    std::fs::write(at.join("files/README.md"), "# {$ service $}\n").expect("a file");
    std::fs::write(at.join("files/docs/runbook.md"), "Wake {$ team $}.\n").expect("a file");
    at
}

/// What the repository was given besides files, as the practice GitHub holds it once it has opened what was sealed.
fn is_fitted_out(s: &Stage, name: &str) {
    let r = s.practice.github().look(name).expect("a repository");
    let environments: Vec<&String> = r["environments"].as_object().expect("a table").keys().collect();
    assert_eq!(environments, ["production", "staging"]);
    assert_eq!(r["variables"], json!({ "staging/REGISTRY": "registry.example.com" }));
    let secrets =
        json!({ "REGISTRY_TOKEN": "hunter2-of-the-registry", "production/DEPLOY_KEY": "deploy-key-of-the-moat" });
    assert_eq!(r["secrets"], secrets);
    assert_eq!(r["hooks"].as_array().map(Vec::len), Some(1));
    assert_eq!(r["hooks"][0]["events"], json!(["push", "pull_request"]));
    assert_eq!(
        r["hook_secrets"],
        json!({ "https://hooks.example.com/git": "hook-that-signs" })
    );
}

fn words(s: &Stage, rest: &[&str]) -> Vec<String> {
    let config = s.path("imp.toml").display().to_string();
    let mut all = vec!["shape".to_owned(), "--config".to_owned(), config];
    all.extend(rest.iter().map(|w| (*w).to_owned()));
    all
}

fn shape(s: &Stage, rest: &[&str]) -> Output {
    let all = words(s, rest);
    imp(&all.iter().map(String::as_str).collect::<Vec<_>>())
}

fn said(out: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    )
}

fn new<'a>(template: &'a str, dir: &'a str, service: &'a str) -> Vec<&'a str> {
    vec![
        "new",
        template,
        dir,
        "--defaults",
        "--without",
        "imp.alert",
        "--set",
        service,
    ]
}

/// Everything of a service at every vendor, once.
fn complete(s: &Stage, name: &str) {
    let repository = s.practice.github().look(name).expect("a repository");
    assert_eq!(repository["private"], true);
    assert_eq!(repository["teams"], json!({ "payments": "maintain" }));
    assert_eq!(repository["protection"]["main"]["enforce_admins"], true);
    let labels: Vec<&str> = repository["labels"]
        .as_array()
        .expect("labels")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(
        labels,
        [
            "bug",
            "enhancement",
            "incident-follow-up",
            "security",
            "template-update"
        ]
    );
    let readme = s.practice.github().file(name, "README.md").expect("a pushed file");
    assert_eq!(String::from_utf8_lossy(&readme), format!("# {name}\n"));
    assert_eq!(
        s.practice.github().file(name, "docs/runbook.md").as_deref(),
        Some(&b"Wake payments.\n"[..])
    );
    assert_eq!(s.practice.opslevel().needs(name), ["payments-api", "search-api"]);
    assert!(
        s.practice
            .opslevel()
            .tags(name)
            .contains(&("made-by".to_owned(), "service-shaper".to_owned()))
    );
}

/// The tickets with what people still have to do for a service.
async fn checklists(s: &Stage, name: &str) -> Vec<Value> {
    let keys = &s.practice.org.keys;
    let wish = json!({ "jql": "project = INC AND labels = \"service-shaper\"", "fields": ["summary", "description"], "maxResults": 100 });
    let call = s.http.post(format!("{}/jira/rest/api/3/search/jql", s.practice.base));
    let call = call
        .basic_auth(&keys.jira_email, Some(&keys.jira_api_token))
        .json(&wish);
    let found: Value = call.send().await.expect("Jira answers").json().await.expect("JSON");
    let all = found["issues"].as_array().cloned().unwrap_or_default();
    let begins = format!("{name}: ");
    let is_its = |i: &Value| i["fields"]["summary"].as_str().is_some_and(|t| t.starts_with(&begins));
    all.into_iter().filter(is_its).collect()
}

async fn made(s: &Stage, name: &str) -> (usize, usize) {
    let channels = s.slack("ada.lima").channels().await;
    let channels = channels.iter().filter(|c| c["name"] == format!("svc-{name}")).count();
    let base = &s.practice.base;
    let keys = &s.practice.org.keys;
    let all: Value = s
        .http
        .get(format!("{base}/jira/rest/api/3/project/INC/components"))
        .basic_auth(&keys.jira_email, Some(&keys.jira_api_token))
        .send()
        .await
        .expect("Jira answers")
        .json()
        .await
        .expect("JSON");
    let components = all
        .as_array()
        .expect("a list")
        .iter()
        .filter(|c| c["name"] == name)
        .count();
    (channels, components)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_published_once_and_the_token_and_secrets_are_nowhere() {
    let s = Stage::dark(Mode::Http, |c| c).await;
    let template = template(&s.path("")).display().to_string();
    let dir = s.path("billing").display().to_string();
    let call = new(&template, &dir, "service=billing");
    let first = shape(&s, &call);
    assert!(first.status.success(), "{}", said(&first));
    complete(&s, "billing");
    assert_eq!(made(&s, "billing").await, (1, 1));
    let checklist = checklists(&s, "billing").await;
    assert_eq!(checklist.len(), 1);
    assert!(
        checklist[0]
            .to_string()
            .contains("Go through docs/runbook.md with the team"),
        "{checklist:?}"
    );
    let calls = s.practice.faults().calls(0).len();
    let again = shape(&s, &call);
    assert!(again.status.success(), "{}", said(&again));
    assert_eq!(s.practice.faults().calls(0).len(), calls, "what is done is done");
    let held = std::process::Command::new("grep")
        .args([
            "-rIl",
            "-e",
            &s.practice.org.keys.github_token,
            "-e",
            "swordfish-in-the-moat",
            &dir,
        ])
        .output()
        .expect("grep");
    assert_eq!(
        String::from_utf8_lossy(&held.stdout),
        "",
        "a token or a secret is on the disk"
    );
    assert!(!said(&first).contains(&s.practice.org.keys.github_token));
    // The task is known, whatever a search shows by now.
    s.practice.jira().set_search_lag(60_000);
    let undone = shape(&s, &["undo", &dir]);
    assert!(undone.status.success(), "{}", said(&undone));
    assert!(s.practice.github().names().is_empty());
    assert!(s.practice.opslevel().tags("billing").is_empty());
    assert_eq!(made(&s, "billing").await.1, 0);
    let key = checklist[0]["key"].as_str().expect("a key");
    assert!(s.practice.jira().issue(key).is_none(), "{}", said(&undone));
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_reach_the_repository_sealed_and_are_in_no_plan_no_journal_and_no_log() {
    let s = fitted_out().await;
    let template = template(&s.path(""));
    let wants = r#"[[environment]]
name = "canary"
[[variable]]
name = "SERVICE"
value = "{$ service $}"
environment = "canary"
[[secret]]
name = "registry_token"
[[secret]]
name = "SIGNING_KEY"
"#;
    let manifest = std::fs::read_to_string(template.join("template.toml")).expect("a manifest");
    let write = |text: &str| std::fs::write(template.join("template.toml"), text).expect("a manifest");
    let shown = template.display().to_string();
    let dir = s.path("billing").display().to_string();
    let call = new(&shown, &dir, "service=billing");
    write(&format!(
        "{manifest}{}",
        wants.replace("{$ service $}", "{$ password $}")
    ));
    let leaky = shape(&s, &[&call[..], &["--plan"]].concat());
    assert_eq!(leaky.status.code(), Some(1));
    assert!(said(&leaky).contains("`password` is undefined"), "{}", said(&leaky));
    write(&format!("{manifest}{wants}"));
    let plan = shape(&s, &[&call[..], &["--plan"]].concat());
    let plan_said = said(&plan);
    for line in [
        "set the secret REGISTRY_TOKEN, sealed for the repository alone",
        "set the secret DEPLOY_KEY of the environment production, sealed for the repository alone",
        "set the variable REGISTRY of the environment staging",
        "add the environment canary",
        "the secret SIGNING_KEY: its value is not in [shaper] secrets of imp.toml",
        "tell https://hooks.example.com/git of push, pull_request",
    ] {
        assert!(plan_said.contains(line), "{line}: {plan_said}");
    }
    let made = shape(&s, &[&call[..], &["--json"]].concat());
    assert!(made.status.success(), "{}", said(&made));
    let journal = std::fs::read_to_string(s.path("billing/.git/imp/run.json")).expect("a journal");
    for secret in NOWHERE.into_iter().chain(["swordfish"]) {
        assert!(
            !plan_said.contains(secret) && !said(&made).contains(secret) && !journal.contains(secret),
            "{secret}"
        );
    }
    let r = s.practice.github().look("billing").expect("a repository");
    assert_eq!(r["secrets"]["REGISTRY_TOKEN"], "hunter2-of-the-registry");
    assert_eq!(r["secrets"]["production/DEPLOY_KEY"], "deploy-key-of-the-moat");
    assert_eq!(r["variables"]["canary/SERVICE"], "billing");
    let undone = shape(&s, &["undo", &dir]);
    assert!(undone.status.success(), "{}", said(&undone));
    assert!(s.practice.github().look("billing").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_somebody_elses_is_refused_and_nothing_is_left_anywhere() {
    let s = Stage::dark(Mode::Http, |c| c).await;
    s.practice
        .github()
        .seed("billing", "Old billing")
        .expect("a repository");
    let template = template(&s.path("")).display().to_string();
    let dir = s.path("billing").display().to_string();
    let out = shape(&s, &new(&template, &dir, "service=billing"));
    assert_eq!(out.status.code(), Some(1));
    assert!(
        said(&out).contains("the name is taken") && said(&out).contains("Nothing was made"),
        "{}",
        said(&out)
    );
    assert!(!Path::new(&dir).exists());
    let writes = s
        .practice
        .faults()
        .calls(0)
        .into_iter()
        .filter(|c| WRITES.iter().any(|w| c.op == w.1));
    assert_eq!(writes.count(), 0, "nothing was called that changes anything");
    assert_eq!(
        s.practice.github().look("billing").expect("still there")["description"],
        "Old billing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_may_be_lost_and_every_vendor_may_fail_once() {
    let s = fitted_out().await;
    let template = template(&s.path("")).display().to_string();
    for (n, fault) in [Fault::LoseAnswer, Fault::Unavailable].into_iter().enumerate() {
        for (vendor, op, _) in WRITES {
            s.practice.faults().set(Rule::new(vendor, fault).on(op).times(1));
        }
        let name = format!("lossy-{n}");
        let dir = s.path(&name).display().to_string();
        s.practice.jira().set_search_lag(4_000);
        let before = s.practice.faults().calls(0).last().map_or(0, |c| c.seq);
        let out = shape(&s, &new(&template, &dir, &format!("service={name}")));
        assert!(out.status.success(), "{}", said(&out));
        assert!(s.practice.faults().rules().is_empty(), "every fault has struck");
        complete(&s, &name);
        is_fitted_out(&s, &name);
        assert_eq!(made(&s, &name).await, (1, 1), "{fault:?}");
        // The first was filed although nobody heard of it; the second never was, and was asked for again.
        let filed = s.practice.faults().calls(before);
        assert_eq!(
            filed.iter().filter(|c| c.op == "POST issue").count(),
            n + 1,
            "{fault:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_any_call_it_goes_on_to_the_same_end() {
    let s = fitted_out().await;
    let template = template(&s.path("")).display().to_string();
    for (n, (vendor, op, step)) in WRITES.into_iter().enumerate() {
        let name = format!("killed-{n}");
        let dir = s.path(&name);
        let service = format!("service={name}");
        let shown = dir.display().to_string();
        let call = new(&template, &shown, &service);
        s.practice.faults().set(Rule::new(vendor, Fault::Hang).on(op));
        let all = words(&s, &call);
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let mut child = command(&all)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("imp starts");
        until("the step is under way", async || {
            let text = std::fs::read_to_string(dir.join(".git/imp/run.json")).ok()?;
            let run: Value = serde_json::from_str(&text).ok()?;
            let steps = run["plan"]["steps"].as_array()?;
            let at = steps
                .iter()
                .position(|s| s["id"].as_str().is_some_and(|id| id.starts_with(step)))?;
            (run["progress"][at]["state"] == "trying").then_some(())
        })
        .await;
        child.kill().expect("it is killed");
        child.wait().expect("it ends");
        s.practice.faults().clear_all();
        let out = shape(&s, &call);
        assert!(out.status.success(), "{op}: {}", said(&out));
        complete(&s, &name);
        is_fitted_out(&s, &name);
        assert_eq!(made(&s, &name).await, (1, 1), "{op}");
        assert_eq!(checklists(&s, &name).await.len(), 1, "{op}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_plan_says_is_what_is_called() {
    let s = fitted_out().await;
    let mut dice = Dice(11);
    for n in 0..4 {
        let pick =
            |dice: &mut Dice, of: &[&str]| of[usize::try_from(dice.roll(of.len() as u64)).expect("small")].to_owned();
        let service = format!("service=random-{n}");
        let team = format!("team={}", pick(&mut dice, &["payments", "search", "checkout"]));
        let tier = format!("tier={}", pick(&mut dice, &["tier_1", "tier_2", "tier_3", "tier_4"]));
        let database = format!("database={}", pick(&mut dice, &["none", "postgresql"]));
        let without = pick(&mut dice, &["slack", "git.label", "opslevel.tool", "imp.alert"]);
        let template = pick(&mut dice, &["rust-service", "python-service", "typescript-service"]);
        let dir = s.path(&format!("random-{n}")).display().to_string();
        let mut call = vec![
            "new",
            &template,
            &dir,
            "--defaults",
            "--without",
            "imp.alert",
            "--without",
            &without,
            "--json",
        ];
        let needs = format!(
            "depends_on={}",
            pick(&mut dice, &["", "payments-api", "search-api,payments-api"])
        );
        for set in [&service, &team, &tier, &database, &needs] {
            call.extend(["--set", set]);
        }
        let plan = shape(&s, &[&call[..], &["--plan"]].concat());
        assert!(plan.status.success(), "{}", said(&plan));
        assert!(!Path::new(&dir).exists());
        let plan: Value = serde_json::from_slice(&plan.stdout).expect("JSON");
        let planned: Vec<String> = plan["steps"]
            .as_array()
            .expect("steps")
            .iter()
            .map(ledger_name)
            .collect();
        let before = s.practice.faults().calls(0).last().map_or(0, |c| c.seq);
        let out = shape(&s, &call);
        assert!(out.status.success(), "{}", said(&out));
        let changes = |op: &str| {
            let reads = [
                "ServiceByAlias",
                "conversations.list",
                "conversations.info",
                "conversations.history",
                "auth.test",
                "POST search/jql",
            ];
            !op.starts_with("GET ") && !reads.contains(&op)
        };
        let called: Vec<String> = s
            .practice
            .faults()
            .calls(before)
            .into_iter()
            .map(|c| c.op)
            .filter(|o| changes(o))
            .collect();
        assert_eq!(called, planned, "{call:?}");
        let files = plan["files"].as_array().expect("files");
        for file in files {
            let path = file["path"].as_str().expect("a path");
            let pushed = s.practice.github().file(&format!("random-{n}"), path);
            assert_eq!(pushed.map(|b| b.len() as u64), file["bytes"].as_u64(), "{path}");
        }
    }
}

/// A planned call as the practice workspace's ledger names it.
fn ledger_name(step: &Value) -> String {
    let call = &step["call"];
    let (method, path) = (
        call["method"].as_str().expect("a method"),
        call["path"].as_str().expect("a path"),
    );
    match call["vendor"].as_str().expect("a vendor") {
        "git" if method == "PUSH" => "POST git-receive-pack".to_owned(),
        "git" => {
            let known = [
                "orgs",
                "repos",
                "teams",
                "branches",
                "protection",
                "topics",
                "labels",
                "hooks",
                "actions",
                "environments",
                "secrets",
                "variables",
            ];
            let parts = path
                .trim_start_matches('/')
                .split('/')
                .map(|p| if known.contains(&p) { p } else { "{id}" });
            format!("{method} {}", parts.collect::<Vec<_>>().join("/"))
        }
        "jira" => format!("{method} {path}"),
        _ => path.to_owned(),
    }
}

async fn run_to_its_end(s: &Stage, id: &str) -> Value {
    until("the run has come to its end", async || {
        let (_, run) = s.get(&format!("/api/v1/shaper/runs/{id}")).await;
        (run["phase"] != "going" && run["phase"] != "undoing").then_some(run)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_made_through_the_api_is_killed_with_imp_and_goes_on_with_it() {
    let mut s = Stage::new().await;
    let wish = json!({ "template": "python-service", "answers": { "service": "ledger", "team": "payments" } });
    let plan = s
        .http
        .post(format!("{}/api/v1/shaper/plans", s.base))
        .json(&wish)
        .send()
        .await
        .expect("an answer");
    let plan: Value = plan.json().await.expect("JSON");
    assert!(
        plan["steps"].as_array().expect("steps").len() > 10 && plan["failed"] == json!([]),
        "{plan}"
    );
    let bad = json!({ "template": "python-service", "answers": { "team": "No Team", "colour": "red" } });
    let bad = s
        .http
        .post(format!("{}/api/v1/shaper/runs", s.base))
        .json(&bad)
        .send()
        .await
        .expect("an answer");
    assert_eq!(bad.status(), 422);
    let bad: Value = bad.json().await.expect("JSON");
    let fields: Vec<&str> = bad["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .filter_map(|f| f["field"].as_str())
        .collect();
    assert_eq!(fields, ["colour", "team"]);
    s.practice
        .faults()
        .set(Rule::new(Vendor::Opslevel, Fault::Hang).on("serviceCreate"));
    let call = || {
        s.http
            .post(format!("{}/api/v1/shaper/runs", s.base))
            .header("idempotency-key", "one")
            .json(&wish)
    };
    let first = call().send().await.expect("an answer");
    assert_eq!(first.status(), 202);
    let first: Value = first.json().await.expect("JSON");
    let again: Value = call().send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(first["id"], again["id"], "the same call is one wish");
    let id = first["id"].as_str().expect("a name").to_owned();
    until("OpsLevel is called", async || {
        let (_, run) = s.get(&format!("/api/v1/shaper/runs/{id}")).await;
        let steps = run["steps"].as_array()?;
        steps
            .iter()
            .any(|p| p["id"] == "opslevel.service" && p["state"] == "trying")
            .then_some(())
    })
    .await;
    s.kill();
    s.practice.faults().clear_all();
    s.rise().await;
    let run = run_to_its_end(&s, &id).await;
    assert_eq!(
        (&run["phase"], &run["why"], &run["left"]),
        (&json!("done"), &Value::Null, &json!([])),
        "{run}"
    );
    let creates = s
        .practice
        .faults()
        .calls(0)
        .into_iter()
        .filter(|c| c.op == "POST orgs/{id}/repos")
        .count();
    assert_eq!(creates, 1);
    assert!(s.practice.github().file("ledger", ".imp/shape.yml").is_some());
    assert_eq!(made(&s, "ledger").await, (1, 1));
    let incident = run["incident"].as_str().expect("its test alert is a triage").to_owned();
    let (_, told) = s.get(&format!("/api/v1/incidents/{incident}")).await;
    assert_eq!(
        (&told["service"], &told["team"], &told["status"]),
        (&json!("ledger"), &json!("payments"), &json!("triage"))
    );
    let (_, log) = s.get("/api/v1/audit").await;
    assert!(
        log["items"]
            .as_array()
            .expect("entries")
            .iter()
            .any(|e| e["what"] == "shape" && e["detail"]["run"] == id.as_str())
    );
    let undone = s
        .http
        .post(format!("{}/api/v1/shaper/runs/{id}/undo", s.base))
        .send()
        .await
        .expect("an answer");
    assert_eq!(undone.status(), 202);
    assert_eq!(run_to_its_end(&s, &id).await["phase"], "undone");
    assert!(s.practice.github().names().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_is_told_on_the_page_and_can_be_had_once_it_is_free() {
    let s = Stage::new().await;
    s.practice.github().seed("fees", "Somebody's").expect("a repository");
    let page = format!("{}/shaper/new/rust-service", s.base);
    let form = [("a.service", "fees"), ("a.team", "payments"), ("key", "k")];
    let shown = s
        .http
        .post(&page)
        .form(&[&form[..], &[("do", "look")]].concat())
        .send()
        .await
        .expect("a page");
    assert_eq!(shown.status(), 200);
    let shown = shown.text().await.expect("text");
    assert!(
        shown.contains("create the private repository meridian/fees at GitHub")
            && shown.contains("observability/alerts.yaml")
    );
    let made = s
        .http
        .post(&page)
        .form(&[&form[..], &[("do", "create")]].concat())
        .send()
        .await
        .expect("an answer");
    assert_eq!(made.status(), 303);
    let at = made.headers()["location"].to_str().expect("text").to_owned();
    let id = at.rsplit('/').next().expect("a name").to_owned();
    let run = run_to_its_end(&s, &id).await;
    assert_eq!(run["phase"], "failed");
    assert!(run["why"].as_str().expect("why").contains("the name is taken"), "{run}");
    assert!(
        run["steps"]
            .as_array()
            .expect("steps")
            .iter()
            .all(|p| p["state"] == "waiting"),
        "nothing was made"
    );
    let text = s
        .http
        .get(format!("{}{at}", s.base))
        .send()
        .await
        .expect("a page")
        .text()
        .await
        .expect("text");
    assert!(text.contains("the name is taken") && text.contains("Try again"));
    let key = &s.practice.org.keys.github_token;
    let gone = format!("{}/github/api/v3/repos/meridian/fees", s.practice.base);
    s.http
        .delete(gone)
        .bearer_auth(key)
        .header("user-agent", "test")
        .send()
        .await
        .expect("an answer");
    let again = s
        .http
        .post(format!("{}{at}/retry", s.base))
        .send()
        .await
        .expect("an answer");
    assert_eq!(again.status(), 303);
    assert_eq!(run_to_its_end(&s, &id).await["phase"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_made_from_slack_and_a_message_follows_it() {
    let s = Stage::new().await;
    let ada = s.slack("ada.lima");
    ada.says("general", "/imp new-service").await;
    ada.fills("shape.template", &[("template", "python-service")]).await;
    let form = ada.form("shape.answers").await;
    let (_, said) = ada
        .submits(&form, &[("service", "Not A Name"), ("team", "payments")])
        .await;
    assert!(said.to_string().contains("does not fit"), "{said}");
    let form = ada.form("shape.answers").await;
    ada.submits(&form, &[("service", "from-slack"), ("team", "payments")])
        .await;
    ada.sees("IMP", "*from-slack* is there").await;
    assert!(s.practice.github().file("from-slack", "CODEOWNERS").is_some());
    assert_eq!(made(&s, "from-slack").await, (1, 1));
}

/// What `imp shape new` says in an empty folder, where nothing is configured.
fn alone(at: &Path, rest: &[&str]) -> Output {
    let mut call = command(&[&["shape", "new"], rest].concat());
    call.current_dir(at).env("SWORDFISH", "in-the-moat");
    call.output().expect("imp runs")
}

#[test]
fn a_service_is_called_what_its_folder_is_unless_it_was_answered() {
    let root = tempfile::tempdir().expect("a folder");
    let tiny = template(root.path()).display().to_string();
    let readme = |dir: &str| std::fs::read_to_string(root.path().join(dir).join("README.md")).expect("a file");
    let made = |rest: &[&str]| {
        let out = alone(root.path(), &[&[tiny.as_str()], rest, &["--defaults"]].concat());
        assert!(out.status.success(), "{}", said(&out));
    };
    made(&["billing"]);
    assert_eq!(readme("billing"), "# billing\n");
    made(&["Über Pay_2/"]);
    assert_eq!(readme("Über Pay_2"), "# uber-pay-2\n");
    made(&["ledger", "--set", "service=books"]);
    assert_eq!(readme("ledger"), "# books\n");
    made(&[]);
    assert_eq!(readme("tiny-service"), "# tiny-service\n");
    // No name can be made of this one that the golden paths take.
    let out = alone(root.path(), &["rust-service", "42", "--defaults"]);
    assert!(out.status.success(), "{}", said(&out));
    assert!(readme("42").starts_with("# example-service\n"), "{}", readme("42"));
}

#[test]
fn a_templates_own_programs_run_only_where_they_are_trusted_and_see_nothing_of_ours() {
    let root = tempfile::tempdir().expect("a folder");
    let write = |at: &str, text: &str| {
        let path = root.path().join(at);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(path, text).expect("a file");
    };
    let tells = "echo ran \"$SWORDFISH\" > told";
    write("cookie/cookiecutter.json", r#"{"name": "made"}"#);
    write("cookie/{{cookiecutter.name}}/README.md", "# {{cookiecutter.name}}\n");
    write("cookie/hooks/post_gen_project.sh", &format!("#!/bin/sh\n{tells}\n"));
    write("copy/copier.yml", &format!("_tasks:\n  - '{tells}'\n"));
    write("copy/README.md", "# made\n");
    for (template, named) in [("cookie", "post_gen_project"), ("copy", "task 1")] {
        let at = |dir: &str| root.path().join(dir).join("told");
        let (without, with) = (format!("{template}-without"), format!("{template}-with"));
        let from = root.path().join(template).display().to_string();
        let out = alone(root.path(), &[&from, &without, "--defaults"]);
        assert!(out.status.success(), "{}", said(&out));
        assert!(String::from_utf8_lossy(&out.stderr).contains(named), "{}", said(&out));
        assert!(root.path().join(&without).join("README.md").exists());
        assert!(!at(&without).exists(), "{template}: it was not trusted");
        let out = alone(root.path(), &[&from, &with, "--defaults", "--trust"]);
        assert!(out.status.success(), "{}", said(&out));
        assert_eq!(
            std::fs::read_to_string(at(&with)).expect("it ran"),
            "ran \n",
            "{template}"
        );
    }
}
