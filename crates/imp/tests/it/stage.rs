//! The stage: a practice workspace, the real program connected to it, and short words for what people and scripts do.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use imp_practice::org::Org;
use imp_practice::{Options, Practice};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::imp::{Imp, free_port};
use crate::slack::Person;

/// Nothing here takes longer, unless something is broken; the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at something that is awaited.
const POLL: Duration = Duration::from_millis(25);
/// This many looks in a row without a new call count as quiet.
const QUIET_LOOKS: u32 = 4;
/// Lines of the log that are shown where something is still owed.
const LINES: usize = 200;

/// Waits for the thing itself: asks again and again until there is an answer.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// How Slack reaches the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Signed requests.
    Http,
    /// A socket that the program opens.
    Socket,
}

/// Everything that a story needs.
pub struct Stage {
    /// The vendors.
    pub practice: Practice,
    /// The program; none while it is down.
    pub imp: Option<Imp>,
    /// Where it listens.
    pub base: String,
    /// A client that nobody else uses.
    pub http: reqwest::Client,
    folder: TempDir,
}

impl Stage {
    /// A file or a folder beside the configuration.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The usual stage: all vendors, Slack over HTTP.
    pub async fn new() -> Stage {
        Stage::with(Mode::Http, |config| config).await
    }

    /// A stage with something changed in the configuration.
    pub async fn with(mode: Mode, change: impl FnOnce(String) -> String) -> Stage {
        let mut stage = Stage::dark(mode, change).await;
        stage.rise().await;
        stage
    }

    /// A stage on which the program has not been started.
    pub async fn dark(mode: Mode, change: impl FnOnce(String) -> String) -> Stage {
        let listen = format!("127.0.0.1:{}", free_port());
        let base = format!("http://{listen}");
        let options = Options {
            app_url: Some(base.clone()),
            latency: false,
            limits: false,
        };
        let org = Org::built_in();
        let practice = Practice::start(([127, 0, 0, 1], 0).into(), org, options)
            .await
            .expect("a free port");
        let folder = tempfile::tempdir().expect("a folder");
        let store = folder.path().join("imp.db");
        let mut config = format!(
            "{}\n[store]\nurl = \"sqlite://{}\"\n",
            practice.config_toml(&listen),
            store.display()
        );
        if mode == Mode::Socket {
            let signed = format!("signing_secret = \"{}\"", practice.org.keys.slack_signing_secret);
            config = config.replacen(
                &signed,
                &format!("app_token = \"{}\"", practice.org.keys.slack_app_token),
                1,
            );
        }
        std::fs::write(folder.path().join("imp.toml"), change(config)).expect("a configuration");
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a client");
        Stage {
            practice,
            imp: None,
            base,
            http,
            folder,
        }
    }

    /// Starts the program, and waits until it knows the organisation.
    pub async fn rise(&mut self) {
        self.imp = Some(Imp::serve(self.folder.path(), &self.base).await);
        let config = std::fs::read_to_string(self.config()).unwrap_or_default();
        if config.contains("[opslevel]") {
            until("imp knows the catalogue", async || {
                let (_, found) = self.get("/api/v1/services").await;
                found["items"]
                    .as_array()
                    .is_some_and(|all| !all.is_empty())
                    .then_some(())
            })
            .await;
        }
        if config.contains("app_token") {
            until("imp has opened its socket", async || {
                self.practice.slack().linked().then_some(())
            })
            .await;
        }
    }

    /// The program is gone at once, as if the machine had lost power.
    pub fn kill(&mut self) {
        self.imp.take().expect("it runs").kill();
    }

    /// The program is stopped as a service manager does it.
    pub async fn stops(&mut self) {
        self.imp.take().expect("it runs").stop().await;
    }

    /// The configuration's file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("imp.toml")
    }

    // ---- the API

    /// A request to the program.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Looks something up.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path)).await
    }

    /// Sends something.
    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.request(Method::POST, path).json(&body)).await
    }

    /// Declares an incident; its reference.
    pub async fn declares(&self, title: &str) -> String {
        let (status, i) = self
            .post("/api/v1/incidents", json!({"title": title, "service": "payments-api"}))
            .await;
        assert_eq!(status, 201, "{i}");
        i["ref"].as_str().expect("a reference").to_owned()
    }

    /// Declares an incident of no service; its reference.
    pub async fn declares_bare(&self, title: &str) -> String {
        let (status, i) = self.post("/api/v1/incidents", json!({"title": title})).await;
        assert_eq!(status, 201, "{i}");
        i["ref"].as_str().expect("a reference").to_owned()
    }

    /// An incident as the API shows it.
    pub async fn incident(&self, reference: &str) -> Value {
        let (status, i) = self.get(&format!("/api/v1/incidents/{reference}")).await;
        assert_eq!(status, 200, "{i}");
        i
    }

    /// The name of an incident's channel, once it is open.
    pub async fn channel_name_of(&self, reference: &str) -> String {
        until("the channel is open", async || {
            let i = self.incident(reference).await;
            i["links"]["slack"]["channel_name"].as_str().map(str::to_owned)
        })
        .await
    }

    /// The identifier of an incident's channel, which is there.
    pub async fn channel_of(&self, reference: &str) -> String {
        let i = self.incident(reference).await;
        i["links"]["slack"]["channel_id"]
            .as_str()
            .expect("a channel")
            .to_owned()
    }

    /// Moves an incident on.
    pub async fn moves(&self, reference: &str, to: &str) {
        let path = format!("/api/v1/incidents/{reference}/transitions");
        let (status, said) = self.post(&path, json!({"to": to})).await;
        assert_eq!(status, 200, "{said}");
    }

    /// All incidents, newest first.
    pub async fn incidents(&self) -> Vec<Value> {
        let (_, all) = self.get("/api/v1/incidents").await;
        all["items"].as_array().cloned().unwrap_or_default()
    }

    /// What is owed to vendors, in a state.
    pub async fn deliveries(&self, state: &str) -> Vec<Value> {
        let (status, all) = self.get(&format!("/api/v1/deliveries?state={state}")).await;
        assert_eq!(status, 200, "{all}");
        all["items"].as_array().cloned().unwrap_or_default()
    }

    // ---- the vendors

    /// Somebody at their Slack.
    pub fn slack<'a>(&'a self, handle: &'a str) -> Person<'a> {
        Person::new(self, handle)
    }

    /// An issue as Jira shows it.
    pub async fn jira(&self, key: &str) -> Value {
        let k = &self.practice.org.keys;
        let url = format!("{}/jira/rest/api/2/issue/{key}", self.practice.base);
        let (status, issue) = answer(self.http.get(url).basic_auth(&k.jira_email, Some(&k.jira_api_token))).await;
        assert_eq!(status, 200, "{issue}");
        issue
    }

    /// The issues of the project, whatever their type.
    pub fn issues(&self) -> Vec<Value> {
        self.practice.jira().issues()
    }

    /// The incidents on the public status page.
    pub async fn public(&self) -> Vec<Value> {
        let k = &self.practice.org.keys;
        let url = format!(
            "{}/statuspage/v1/pages/{}/incidents",
            self.practice.base, k.statuspage_page_id
        );
        let (status, all) = answer(
            self.http
                .get(url)
                .header("authorization", format!("OAuth {}", k.statuspage_api_key)),
        )
        .await;
        assert_eq!(status, 200, "{all}");
        all.as_array().cloned().unwrap_or_default()
    }

    /// How often a vendor did something, by the ledger's name for it.
    pub fn times(&self, op: &str) -> usize {
        self.practice
            .faults()
            .calls(0)
            .iter()
            .filter(|c| c.op == op && (200..300).contains(&c.status))
            .count()
    }

    // ---- waiting

    /// Waits until nothing is owed to anybody and no vendor is being called.
    pub async fn settle(&self) {
        self.settle_within(PATIENCE).await;
    }

    /// The same, where more is owed than usual: vendors take one message a second in a channel.
    pub async fn settle_within(&self, patience: Duration) {
        let (mut looks, mut last) = (0, u64::MAX);
        let began = Instant::now();
        while looks < QUIET_LOOKS {
            let pending = self.deliveries("pending").await;
            let seq = self.practice.faults().calls(0).last().map_or(0, |c| c.seq);
            looks = if pending.is_empty() && seq == last {
                looks + 1
            } else {
                0
            };
            last = seq;
            assert!(
                began.elapsed() < patience,
                "still owed after {patience:?}: {pending:#?}\n{}",
                self.last_words(LINES)
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// The end of what the program has written into its log.
    fn last_words(&self, lines: usize) -> String {
        let log = self.imp.as_ref().map(Imp::log).unwrap_or_default();
        let all: Vec<&str> = log.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// The end of a story: nothing is owed, nothing has failed, and nothing went wrong inside.
    pub async fn finish(self) {
        self.settle().await;
        let failed = self.deliveries("failed").await;
        assert!(failed.is_empty(), "failed: {failed:#?}");
        let log = self.imp.as_ref().map(Imp::log).unwrap_or_default();
        let wrong: Vec<&str> = log
            .lines()
            .filter(|l| l.contains("ERROR") || l.contains("panicked"))
            .collect();
        assert!(wrong.is_empty(), "the log says: {wrong:#?}");
    }
}

/// Sends a request; the status and the body as JSON, else as text.
pub async fn answer(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
