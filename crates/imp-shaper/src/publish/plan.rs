//! What publishing will do, said before it is done. Pure: the same facts are the same plan.

use super::{Call, Step, Vendor, Weight, github, learnt};
use crate::check::{self, Finding};
use crate::formats::copier_answers::shown;
use crate::made::{Made, Outfit};
use crate::shape::{self, Shape};
use crate::tree::Tree;
use crate::yaml;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The longest description: GitHub's is 350 characters, and the mark must fit too.
const DESCRIPTION_MAX: usize = 280;
/// The longest name that every vendor takes for a channel, a repository, a service.
const NAME_MAX: usize = 60;
/// What there is to publish to. What is none is not in the plan, and the plan says so.
#[derive(Debug, Clone, Default)]
pub struct Connected {
    /// The Git provider.
    pub git: Option<GitPlace>,
    /// Whether OpsLevel is configured.
    pub opslevel: bool,
    /// Whether Slack is.
    pub slack: bool,
    /// Jira's project.
    pub jira: Option<String>,
    /// Whether alerts can come in to IMP.
    pub alerts: bool,
}

/// Where repositories are made.
#[derive(Debug, Clone)]
pub struct GitPlace {
    /// `GitHub`.
    pub name: String,
    /// The organisation.
    pub organisation: String,
    /// Where people look at it: `https://github.com`.
    pub web: String,
    /// What every new repository has besides files. Secrets are named whose values are at hand.
    pub outfit: Outfit,
}

/// What is published.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The run's own name, which marks whatever it makes.
    pub id: String,
    /// The service's name, as all vendors can take it.
    pub service: String,
    /// In a sentence.
    pub description: String,
    /// The answers that may be kept.
    pub answers: Map<String, Value>,
    /// The template's address.
    pub template: String,
    /// Its version.
    pub version: Option<String>,
    /// Path and size of every file.
    pub files: Vec<(String, usize)>,
    /// What the judges say of them.
    pub findings: Vec<Finding>,
    /// The first of the service's own alert rules that would wake somebody.
    pub alert: Option<Rule>,
    /// What a person still has to do, since no file can hold it.
    pub errands: Vec<String>,
    /// What the template wants the repository to have besides files.
    pub outfit: Outfit,
}

/// An alert rule of the service's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: Map<String, Value>,
    /// Its annotations.
    pub annotations: Map<String, Value>,
}

/// Everything that will happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The run's name.
    pub id: String,
    /// The service.
    pub service: String,
    /// Its template.
    pub template: String,
    /// Which version of it.
    pub version: Option<String>,
    /// Every file, with its size in bytes.
    pub files: Vec<PlannedFile>,
    /// How many requirements hold.
    pub passed: usize,
    /// Those that do not: what a person must still see to.
    pub failed: Vec<String>,
    /// The first commit's message.
    pub commit: String,
    /// The calls, in order.
    pub steps: Vec<Step>,
    /// What is not done, and why.
    pub left_out: Vec<String>,
}

/// A file that will be written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedFile {
    /// Its path.
    pub path: String,
    /// Its size.
    pub bytes: usize,
}

/// A name that GitHub, OpsLevel, Slack and Jira all take: lower case, digits, hyphens.
pub fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in deunicode::deunicode(text).to_lowercase().chars() {
        match c {
            c if c.is_ascii_alphanumeric() => out.push(c),
            _ if !out.is_empty() && !out.ends_with('-') => out.push('-'),
            _ => {}
        }
        if out.len() >= NAME_MAX {
            break;
        }
    }
    out.trim_matches('-').to_owned()
}

impl Facts {
    /// Of what a template made.
    pub fn of(id: &str, made: &Made, record: &Shape, tree: &Tree, name: &str) -> Facts {
        let answers = made.answers.clone();
        let words = [
            "description",
            "project_short_description",
            "project_description",
            "summary",
        ];
        let said = words.iter().find_map(|k| answers.get(*k).and_then(Value::as_str));
        let description = match said.map(str::trim).filter(|d| !d.is_empty()) {
            Some(d) => d.to_owned(),
            None => format!("Made from {}", record.template),
        };
        let mut files: Vec<(String, usize)> = tree
            .files()
            .map(|p| (p.to_owned(), tree.bytes(p).map_or(0, <[u8]>::len)))
            .collect();
        if tree.get(shape::PATH).is_none() {
            files.push((shape::PATH.to_owned(), record.text().len()));
        }
        Facts {
            id: id.to_owned(),
            service: slug(name),
            description: crate::fault::one_line(&description),
            template: record.template.clone(),
            version: record.version.clone(),
            files,
            findings: check::judge(tree),
            alert: first_alert(tree),
            errands: check::errands(tree),
            outfit: made.outfit.clone(),
            answers,
        }
    }

    pub(super) fn answer(&self, names: &[&str]) -> Option<String> {
        let found = names.iter().find_map(|n| self.answers.get(*n).filter(|v| !v.is_null()));
        found.map(shown).filter(|t| !t.trim().is_empty())
    }

    /// The aliases of the services that it needs: a list, or a text with commas.
    fn needs(&self) -> Vec<String> {
        let texts: Vec<String> = match self.answers.get("depends_on") {
            Some(Value::Array(all)) => all.iter().map(shown).collect(),
            Some(Value::String(text)) => text.split(',').map(str::to_owned).collect(),
            _ => vec![],
        };
        let mut out: Vec<String> = Vec::new();
        for alias in texts
            .iter()
            .map(|t| t.trim())
            .filter(|t| !t.is_empty() && *t != self.service)
        {
            if !out.iter().any(|o| o == alias) {
                out.push(alias.to_owned());
            }
        }
        out
    }

    /// What is said of the service wherever it is made, with the mark by which it is found again.
    pub fn described(&self) -> String {
        let short: String = self.description.chars().take(DESCRIPTION_MAX).collect();
        format!("{short} {}", mark(&self.id))
    }
}

/// The mark of a run, in the description of whatever it makes.
pub fn mark(id: &str) -> String {
    format!("[imp:{id}]")
}

/// The first alert rule of a service that wakes somebody, else the first of all.
fn first_alert(tree: &Tree) -> Option<Rule> {
    let files = tree
        .files()
        .filter(|p| p.ends_with("alerts.yaml") || p.ends_with("alerts.yml"));
    let rules = files
        .filter_map(|p| std::str::from_utf8(tree.bytes(p)?).ok())
        .flat_map(|text| {
            let value = yaml::read(text).unwrap_or_default();
            let groups = value["groups"].as_array().cloned().unwrap_or_default();
            groups
                .into_iter()
                .flat_map(|g| g["rules"].as_array().cloned().unwrap_or_default())
        });
    let named = rules.filter_map(|r| {
        let map = |k: &str| r[k].as_object().cloned().unwrap_or_default();
        Some(Rule {
            name: r["alert"].as_str()?.to_owned(),
            labels: map("labels"),
            annotations: map("annotations"),
        })
    });
    let all: Vec<Rule> = named.collect();
    let wakes = |r: &&Rule| {
        matches!(
            r.labels.get("severity").and_then(Value::as_str),
            Some("critical" | "page")
        )
    };
    all.iter().find(wakes).or(all.first()).cloned()
}

/// Says everything that publishing will do. Steps whose names begin with one of `without` are left out.
pub fn plan(facts: &Facts, to: &Connected, without: &[String]) -> Plan {
    let mut steps = Vec::new();
    let mut left_out = Vec::new();
    let mut off = |name: &str, why: &str| left_out.push(format!("{name}: {why}"));
    match &to.git {
        Some(git) => {
            let (outfit, missing) = outfit(&facts.outfit, &git.outfit);
            steps.extend(github::steps(facts, git, &outfit));
            for name in missing {
                off(
                    &format!("the secret {name}"),
                    "its value is not in [shaper] secrets of imp.toml",
                );
            }
        }
        None => off(
            "the repository",
            "no Git provider is configured ([shaper] git in imp.toml)",
        ),
    }
    match to.opslevel {
        true => steps.extend(opslevel_steps(facts, to.git.as_ref())),
        false => off("OpsLevel", "it is not configured ([opslevel])"),
    }
    match to.slack {
        true => steps.extend(slack_steps(facts, to.git.as_ref())),
        false => off("Slack", "it is not configured ([slack])"),
    }
    match &to.jira {
        Some(project) => {
            steps.push(jira_step(facts, project));
            steps.extend(checklist_step(facts, project));
        }
        None => off("Jira", "it is not configured ([jira])"),
    }
    match (&facts.alert, to.alerts) {
        (Some(rule), true) => steps.push(alert_step(facts, rule)),
        (None, true) => off("the test alert", "the service has no alert rules"),
        (_, false) => off("the test alert", "no alerts come in ([alerts])"),
    }
    let unwanted = |id: &str| {
        without
            .iter()
            .any(|w| id == w || id.strip_prefix(w.as_str()).is_some_and(|r| r.starts_with('.')))
    };
    for step in steps.iter().filter(|s| unwanted(&s.id)) {
        left_out.push(format!("{}: left out as you asked", step.title));
    }
    steps.retain(|s| !unwanted(&s.id));
    let count = |r: check::Result| facts.findings.iter().filter(move |f| f.result == r);
    Plan {
        id: facts.id.clone(),
        service: facts.service.clone(),
        template: facts.template.clone(),
        version: facts.version.clone(),
        files: facts
            .files
            .iter()
            .map(|(path, bytes)| PlannedFile {
                path: path.clone(),
                bytes: *bytes,
            })
            .collect(),
        passed: count(check::Result::Passed).count(),
        failed: count(check::Result::Failed)
            .map(|f| format!("{} ({}): {}", f.requirement.id, f.requirement.path, f.because))
            .collect(),
        commit: commit_message(&facts.template, facts.version.as_deref()),
        steps,
        left_out,
    }
}

/// What the template wants and what every repository gets, the organisation's word first; and secrets that the template
/// wants and nobody has.
fn outfit(wanted: &Outfit, standing: &Outfit) -> (Outfit, Vec<String>) {
    let mut out = standing.clone();
    for e in wanted
        .environments
        .iter()
        .filter(|e| !standing.environments.contains(e))
    {
        out.environments.push(e.clone());
    }
    for v in &wanted.variables {
        let known = |o: &&crate::made::Variable| o.name.eq_ignore_ascii_case(&v.name) && o.environment == v.environment;
        if !standing.variables.iter().any(|o| known(&o)) {
            out.variables.push(v.clone());
        }
    }
    let has = |s: &&crate::made::Held| {
        let fits = |o: &crate::made::Held| {
            o.name.eq_ignore_ascii_case(&s.name) && (o.environment.is_none() || o.environment == s.environment)
        };
        standing.secrets.iter().any(fits)
    };
    let missing = wanted.secrets.iter().filter(|s| !has(s)).map(|s| s.name.clone());
    (out, missing.collect())
}

/// What the first commit says.
pub fn commit_message(template: &str, version: Option<&str>) -> String {
    let version = version.map(|v| format!(" at {v}")).unwrap_or_default();
    format!("Made by Service Shaper from {template}{version}")
}

pub(super) fn call(vendor: Vendor, method: &str, path: impl Into<String>, body: Value) -> Call {
    Call {
        vendor,
        method: method.to_owned(),
        path: path.into(),
        body,
    }
}

pub(super) fn step(id: &str, title: String, call: Call, weight: Weight) -> Step {
    Step {
        id: id.to_owned(),
        title,
        call,
        undo: None,
        weight,
    }
}

fn opslevel_steps(facts: &Facts, git: Option<&GitPlace>) -> Vec<Step> {
    let name = &facts.service;
    let mutation = |m: &str, input: Value| call(Vendor::Opslevel, "POST", m, input);
    let mut input = json!({ "name": name, "description": facts.described(), "lifecycleAlias": "pre-alpha" });
    let mut said = String::new();
    if let Some(team) = facts.answer(&["team", "owner"]) {
        said = format!(", owned by {team}");
        input["ownerInput"] = json!({ "alias": team });
    }
    if let Some(tier) = facts.answer(&["tier"]) {
        said.push_str(&format!(", {tier}"));
        input["tierAlias"] = json!(tier);
    }
    for key in ["language", "framework"] {
        if let Some(value) = facts.answer(&[key]) {
            input[key] = json!(value);
        }
    }
    if let Some(system) = facts.answer(&["system"]) {
        input["product"] = json!(system);
    }
    let id = learnt("opslevel_id");
    let mut out = vec![
        Step {
            undo: Some(mutation("serviceDelete", json!({ "id": id }))),
            ..step(
                "opslevel.service",
                format!("create the service {name} in OpsLevel{said}"),
                mutation("serviceCreate", input),
                Weight::Must,
            )
        },
        step(
            "opslevel.alias",
            format!("let alerts find it under the alias {name}"),
            mutation("aliasCreate", json!({ "alias": name, "ownerId": id })),
            Weight::Should,
        ),
    ];
    let mut tags = vec![json!({ "key": "made-by", "value": "service-shaper" })];
    tags.push(json!({ "key": "template", "value": facts.template }));
    if let Some(v) = &facts.version {
        tags.push(json!({ "key": "template-version", "value": v }));
    }
    out.push(step(
        "opslevel.tags",
        "tag it with its template and version".to_owned(),
        mutation("tagAssign", json!({ "id": id, "type": "Service", "tags": tags })),
        Weight::Should,
    ));
    for alias in facts.needs() {
        let key = json!({ "sourceIdentifier": { "id": id }, "destinationIdentifier": { "alias": alias } });
        out.push(step(
            &format!("opslevel.dependency.{alias}"),
            format!("say in OpsLevel that it depends on {alias}"),
            mutation("serviceDependencyCreate", json!({ "dependencyKey": key })),
            Weight::Should,
        ));
    }
    if let Some(git) = git {
        let repo = format!("{}/{}/{name}", git.web, git.organisation);
        let mut tools = vec![("repository", "code", "Repository", repo.clone())];
        for (path, _) in facts.files.iter().filter(|(p, _)| p == "docs/runbook.md") {
            tools.push(("runbook", "runbooks", "Runbook", format!("{repo}/blob/main/{path}")));
        }
        for (key, category, label, url) in tools {
            let input = json!({ "serviceId": id, "category": category, "displayName": label, "url": url });
            let words = format!("link its {key} in OpsLevel: {url}");
            out.push(step(
                &format!("opslevel.tool.{key}"),
                words,
                mutation("toolCreate", input),
                Weight::Should,
            ));
        }
    }
    out
}

fn slack_steps(facts: &Facts, git: Option<&GitPlace>) -> Vec<Step> {
    let channel = format!("svc-{}", facts.service);
    let method = |m: &str, body: Value| call(Vendor::Slack, "POST", m, body);
    let id = learnt("slack_channel");
    let mut text = format!(
        "*{}* is born. {}",
        facts.service,
        facts
            .description
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    );
    if let Some(g) = git {
        text.push_str(&format!(
            "\n<{}/{}/{}|Repository>",
            g.web, g.organisation, facts.service
        ));
    }
    if let Some(team) = facts.answer(&["team", "owner"]).map(|t| slug(&t)) {
        text.push_str(&format!(" · owned by {team}"));
    }
    vec![
        Step {
            undo: Some(method("conversations.archive", json!({ "channel": id }))),
            ..step(
                "slack.channel",
                format!("open the channel #{channel}"),
                method("conversations.create", json!({ "name": channel })),
                Weight::Should,
            )
        },
        step(
            "slack.purpose",
            "say in the channel's purpose what it is for".to_owned(),
            method(
                "conversations.setPurpose",
                json!({ "channel": id, "purpose": facts.described() }),
            ),
            Weight::Should,
        ),
        step(
            "slack.message",
            "say in the channel where the service is".to_owned(),
            method(
                "chat.postMessage",
                json!({ "channel": id, "text": text, "unfurl_links": "false",
                    "metadata": json!({ "event_type": "imp_shape", "event_payload": { "run": facts.id } }).to_string() }),
            ),
            Weight::Should,
        ),
    ]
}

fn jira_step(facts: &Facts, project: &str) -> Step {
    let rest = |method: &str, path: &str, body: Value| call(Vendor::Jira, method, path, body);
    let body = json!({ "name": facts.service, "description": facts.described(), "project": project });
    Step {
        undo: Some(rest("DELETE", "component/{jira_component}", Value::Null)),
        ..step(
            "jira.component",
            format!("add the component {} to the project {project}", facts.service),
            rest("POST", "component", body),
            Weight::Should,
        )
    }
}

/// The label by which a run's checklist is found again.
pub fn label(id: &str) -> String {
    format!("imp-shape-{id}")
}

/// What no file can hold, and what the judges miss, in a ticket: people tick it off there.
fn checklist_step(facts: &Facts, project: &str) -> Option<Step> {
    let failed = facts.findings.iter().filter(|f| f.result == check::Result::Failed);
    let missed = failed.map(|f| format!("{} ({}): {}", f.requirement.why, f.requirement.path, f.because));
    let lines: Vec<String> = facts
        .errands
        .iter()
        .cloned()
        .chain(missed)
        .map(|l| format!("- {l}"))
        .collect();
    if lines.is_empty() {
        return None;
    }
    let rest = |method: &str, path: &str, body: Value| call(Vendor::Jira, method, path, body);
    let body = json!({ "fields": {
        "project": { "key": project }, "issuetype": { "name": "Task" }, "labels": ["service-shaper", label(&facts.id)],
        "summary": format!("{}: what people still have to do for the new service", facts.service),
        "description": lines.join("\n"),
    } });
    Some(Step {
        undo: Some(rest("DELETE", "issue/{jira_checklist}", Value::Null)),
        ..step(
            "jira.checklist",
            format!(
                "file a task in {project} with what people still have to do ({} points)",
                lines.len()
            ),
            rest("POST", "issue", body),
            Weight::Should,
        )
    })
}

/// An alert as Alertmanager would send it when the service's own rule fires.
fn alert_step(facts: &Facts, rule: &Rule) -> Step {
    let mut labels = rule.labels.clone();
    labels.insert("alertname".into(), json!(rule.name));
    labels.insert("service".into(), json!(facts.service));
    labels.insert("test".into(), json!(facts.id));
    // What IMP knows it by: it is kept apart in every number.
    labels.insert("imp_exercise".into(), json!("test"));
    let mut annotations = rule.annotations.clone();
    let summary = format!(
        "TEST of the new service {}: nothing is wrong, this alert only shows that it arrives",
        facts.service
    );
    annotations.insert("summary".into(), json!(summary));
    let key = format!(
        "{{}}:{{alertname=\"{}\", service=\"{}\", test=\"{}\"}}",
        rule.name, facts.service, facts.id
    );
    let body = json!({
        "version": "4", "groupKey": key, "truncatedAlerts": 0, "status": "firing", "receiver": "imp", "externalURL": "",
        "groupLabels": { "alertname": rule.name, "service": facts.service }, "commonLabels": labels, "commonAnnotations": annotations,
        "alerts": [{ "status": "firing", "labels": labels, "annotations": annotations, "fingerprint": facts.id,
            "startsAt": super::learnt("begun"), "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "" }],
    });
    let whom = rule
        .labels
        .get("team")
        .and_then(Value::as_str)
        .map(|t| format!(", which asks whoever is on call for {t}"));
    step(
        "imp.alert",
        format!(
            "fire the service's own alert {} as a test{}",
            rule.name,
            whom.unwrap_or_default()
        ),
        call(Vendor::Imp, "POST", "/webhooks/alerts/alertmanager", body),
        Weight::Should,
    )
}
