//! What a new repository takes at GitHub.

use super::plan::{Facts, GitPlace, call, slug, step};
use super::{Step, Vendor, Weight, escape, secret};
use crate::made::Outfit;
use serde_json::{Value, json};

/// Labels that a new repository gets: name, colour, description.
const LABELS: [(&str, &str, &str); 3] = [
    ("incident-follow-up", "d93f0b", "Agreed in the review of an incident"),
    ("security", "b60205", "A weakness"),
    ("template-update", "0e8a16", "A newer version of the service's template"),
];

/// The steps, in order.
pub fn steps(facts: &Facts, git: &GitPlace, outfit: &Outfit) -> Vec<Step> {
    let (org, name) = (escape(&git.organisation), &facts.service);
    let repo = format!("/repos/{org}/{name}");
    let at = format!("{}/{name}", git.organisation);
    let rest = |method: &str, path: String, body: Value| call(Vendor::Git, method, path, body);
    let create = rest(
        "POST",
        format!("/orgs/{org}/repos"),
        json!({
            "name": name, "description": facts.described(), "private": true, "auto_init": false, "has_issues": true,
            "has_wiki": false, "delete_branch_on_merge": true,
        }),
    );
    let mut out = vec![
        Step {
            undo: Some(rest("DELETE", repo.clone(), Value::Null)),
            ..step(
                "git.repository",
                format!("create the private repository {at} at {}", git.name),
                create,
                Weight::Must,
            )
        },
        step(
            "git.push",
            format!("push the first commit to main of {at}"),
            rest("PUSH", format!("{org}/{name}.git"), json!({ "branch": "main" })),
            Weight::Must,
        ),
    ];
    if let Some(team) = facts.answer(&["team"]).map(|t| slug(&t)).filter(|t| !t.is_empty()) {
        out.push(step(
            "git.team",
            format!("give the team {team} the right to maintain {at}"),
            rest(
                "PUT",
                format!("/orgs/{org}/teams/{team}{repo}"),
                json!({ "permission": "maintain" }),
            ),
            Weight::Should,
        ));
    }
    let protection = json!({
        "required_status_checks": null, "enforce_admins": true, "restrictions": null,
        "required_pull_request_reviews": { "required_approving_review_count": 1, "require_code_owner_reviews": true, "dismiss_stale_reviews": true },
        "required_linear_history": true, "allow_force_pushes": false, "allow_deletions": false, "required_conversation_resolution": true,
    });
    out.push(step(
        "git.protection",
        "protect main: changes by pull request, one review, by the code's owners".to_owned(),
        rest("PUT", format!("{repo}/branches/main/protection"), protection),
        Weight::Should,
    ));
    let topics: Vec<String> = ["language", "framework", "system"]
        .iter()
        .filter_map(|k| facts.answer(&[k]))
        .map(|t| slug(&t))
        .filter(|t| !t.is_empty() && t.len() <= 50)
        .chain(["service-shaper".to_owned()])
        .fold(Vec::new(), |mut all, t| {
            if !all.contains(&t) {
                all.push(t);
            }
            all
        });
    let words = format!("set the topics {}", topics.join(", "));
    out.push(step(
        "git.topics",
        words,
        rest("PUT", format!("{repo}/topics"), json!({ "names": topics })),
        Weight::Should,
    ));
    for (label, color, about) in LABELS {
        let body = json!({ "name": label, "color": color, "description": about });
        let id = format!("git.label.{label}");
        out.push(step(
            &id,
            format!("add the label {label}"),
            rest("POST", format!("{repo}/labels"), body),
            Weight::Should,
        ));
    }
    out.extend(outfit_steps(&repo, outfit));
    out
}

/// Environments first, since values stand in them. All of it goes when the repository does.
fn outfit_steps(repo: &str, outfit: &Outfit) -> Vec<Step> {
    let add = |id: String, title: String, method: &str, path: String, body: Value| {
        step(&id, title, call(Vendor::Git, method, path, body), Weight::Should)
    };
    let mut out = Vec::new();
    for name in outfit.places() {
        // Main is protected by now, and nothing else deploys.
        let body =
            json!({ "deployment_branch_policy": { "protected_branches": true, "custom_branch_policies": false } });
        let title = format!("add the environment {name}, to which only protected branches deploy");
        let path = format!("{repo}/environments/{}", escape(name));
        out.push(add(format!("git.environment.{name}"), title, "PUT", path, body));
    }
    for v in &outfit.variables {
        let path = format!("{}/variables", within(repo, v.environment.as_deref()));
        let body = json!({ "name": v.name, "value": v.value });
        let title = format!("set the variable {}{}", v.name, of(v.environment.as_deref()));
        out.push(add(
            format!("git.variable.{}", spot(v.environment.as_deref(), &v.name)),
            title,
            "POST",
            path,
            body,
        ));
    }
    for s in &outfit.secrets {
        let spot = spot(s.environment.as_deref(), &s.name);
        let path = format!("{}/secrets/{}", within(repo, s.environment.as_deref()), escape(&s.name));
        let title = format!(
            "set the secret {}{}, sealed for the repository alone",
            s.name,
            of(s.environment.as_deref())
        );
        let body = json!({ "encrypted_value": secret(&spot), "key_id": secret("") });
        out.push(add(format!("git.secret.{spot}"), title, "PUT", path, body));
    }
    for (n, hook) in outfit.webhooks.iter().enumerate() {
        let mut config = json!({ "url": hook.url, "content_type": "json", "insecure_ssl": "0" });
        if hook.signed {
            config["secret"] = secret(&hook.url);
        }
        let body = json!({ "name": "web", "active": true, "events": hook.events, "config": config });
        let title = format!("tell {} of {}", hook.url, hook.events.join(", "));
        out.push(add(
            format!("git.webhook.{}", n + 1),
            title,
            "POST",
            format!("{repo}/hooks"),
            body,
        ));
    }
    out
}

fn within(repo: &str, environment: Option<&str>) -> String {
    match environment {
        Some(e) => format!("{repo}/environments/{}", escape(e)),
        None => format!("{repo}/actions"),
    }
}

fn of(environment: Option<&str>) -> String {
    environment
        .map(|e| format!(" of the environment {e}"))
        .unwrap_or_default()
}

/// A value's place, as it is known to whoever holds secrets: `production/NAME`.
fn spot(environment: Option<&str>, name: &str) -> String {
    match environment {
        Some(e) => format!("{e}/{name}"),
        None => name.to_owned(),
    }
}
