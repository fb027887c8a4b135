//! Our own judges: each reads what is really there and says what is missing.

use super::Requirement;
use crate::tree::{Entry, Tree};
use crate::yaml;
use fancy_regex::Regex;
use serde_json::Value;

type Said = Result<(), String>;

/// Files beyond this size hold data, not keys that somebody typed.
const SEARCHED_MAX: usize = 1 << 20;

/// Judges one requirement.
pub fn judge(r: &Requirement, tree: &Tree) -> Said {
    if r.judge == "no-secrets" {
        return no_secrets(tree);
    }
    let text = text(tree, &r.path)?;
    match r.judge.as_str() {
        "present" => need(text.trim().len() > 40, "it says next to nothing"),
        "codeowners" => codeowners(&text),
        "security" => all(
            &text,
            &[
                (r"(?i)(@|https?://)", "it names no address to report to"),
                (r"(?i)report", "it does not say how to report"),
            ],
        ),
        "readme" => all(
            &text,
            &[
                (r"(?i)\btest", "it does not say how to test"),
                (r"(?i)\brun", "it does not say how to run it"),
                (r"(?i)runbook", "it does not lead to the runbook"),
            ],
        ),
        "docker-pinned" => docker_pinned(&text),
        "docker-user" => docker_user(&text),
        "docker-health" => need(
            instructions(&text)
                .iter()
                .any(|(i, a)| i == "HEALTHCHECK" && a.trim() != "NONE"),
            "there is no HEALTHCHECK",
        ),
        "k8s-probes" => containers(&text, |c| {
            let missing = ["livenessProbe", "readinessProbe", "startupProbe"]
                .into_iter()
                .find(|p| !c[*p].is_object());
            missing.map_or(Ok(()), |p| Err(format!("a container has no {p}")))
        }),
        "k8s-limits" => containers(&text, |c| {
            let missing = [("requests", "cpu"), ("requests", "memory"), ("limits", "memory")].into_iter();
            let mut missing = missing.filter(|(a, b)| c["resources"][*a][*b].is_null());
            missing
                .next()
                .map_or(Ok(()), |(a, b)| Err(format!("a container has no resources.{a}.{b}")))
        }),
        "k8s-security" => k8s_security(&text),
        "k8s-network" => kind(&text, "NetworkPolicy", |d| {
            let types = d["spec"]["policyTypes"].as_array().map_or(0, Vec::len);
            need(types == 2, "it does not hold both Ingress and Egress")
        }),
        "k8s-pdb" => kind(&text, "PodDisruptionBudget", |d| {
            let spec = &d["spec"];
            need(
                !spec["minAvailable"].is_null() || !spec["maxUnavailable"].is_null(),
                "it names neither minAvailable nor maxUnavailable",
            )
        }),
        "k8s-hpa" => kind(&text, "HorizontalPodAutoscaler", |d| {
            let (min, max) = (
                d["spec"]["minReplicas"].as_i64().unwrap_or(0),
                d["spec"]["maxReplicas"].as_i64().unwrap_or(0),
            );
            need(
                min >= 2 && max > min,
                "it does not hold at least two replicas and more under load",
            )
        }),
        "ci-permissions" => ci_permissions(&text),
        "ci-pinned" => ci_pinned(&text),
        "ci-steps" | "gitlab-steps" => all(&text, &STEPS),
        "alerts" => alerts(&text, tree),
        "runbook" => all(
            &text,
            &[
                (r"(?i)## .*", "it has no headings"),
                (r"(?i)(dashboard|grafana)", "it does not lead to the dashboard"),
                (r"(?i)roll(ing)? ?back", "it does not say how to roll back"),
            ],
        ),
        "dashboard" => {
            let board: Value = serde_json::from_str(&text).map_err(|e| format!("it is not JSON: {e}"))?;
            need(
                board["panels"].as_array().is_some_and(|p| p.len() >= 3),
                "it has fewer than three panels",
            )
        }
        "opslevel" => opslevel(&text),
        "backstage" => kind(&text, "Component", |d| {
            need(
                d["spec"]["owner"].is_string() && d["spec"]["lifecycle"].is_string(),
                "owner or lifecycle is missing",
            )
        }),
        "dependabot" => {
            let d = document(&text)?;
            let updates = d["updates"].as_array().map_or(0, Vec::len);
            need(
                updates >= 2,
                "it does not look after both the code's dependencies and the actions",
            )
        }
        "openapi" => {
            let d = document(&text)?;
            need(
                d["openapi"].is_string() && d["paths"].as_object().is_some_and(|p| p.contains_key("/healthz")),
                "it does not describe /healthz",
            )
        }
        "pre-commit" => need(
            document(&text)?["repos"].as_array().is_some_and(|r| !r.is_empty()),
            "it has no hooks",
        ),
        "tf-database" => all(&text, &DATABASE),
        "migrations" => need(
            Regex::new(r"(?i)create\s+table").is_ok_and(|r| r.is_match(text.as_str()).unwrap_or(false)),
            "it makes no table",
        ),
        "tf-iam" => tf_iam(&text),
        "tf-tags" => all(
            &text,
            &[
                (r"default_tags", "the provider has no default_tags"),
                (r"(?i)\bowner\b|\bteam\b", "no tag names the owner"),
                (r"backend\s+.s3.", "the state is not kept in a shared place"),
            ],
        ),
        other => Err(format!("there is no judge {other:?}")),
    }
}

const STEPS: [(&str, &str); 6] = [
    (r"(?i)\blint\b", "nothing lints"),
    (r"(?i)\btest\b", "nothing tests"),
    (r"(?i)semgrep|codeql", "nothing looks for weaknesses in the code (SAST)"),
    (r"(?i)sbom|syft", "no list of what is in it (SBOM) is made"),
    (r"(?i)trivy|grype", "the image is not scanned"),
    (r"(?i)cosign", "the image is not signed"),
];

const DATABASE: [(&str, &str); 5] = [
    (r"storage_encrypted\s*=\s*true", "storage_encrypted = true is missing"),
    (
        r"backup_retention_period\s*=\s*([7-9]|[1-9][0-9])",
        "backups are kept for less than seven days",
    ),
    (
        r"publicly_accessible\s*=\s*false",
        "publicly_accessible = false is missing",
    ),
    (r"manage_master_user_password\s*=\s*true", "the password is not managed"),
    (
        r"deletion_protection\s*=\s*(true|var\.)",
        "deletion_protection is missing",
    ),
];

fn need(is: bool, why: &str) -> Said {
    if is { Ok(()) } else { Err(why.to_owned()) }
}

fn text(tree: &Tree, path: &str) -> Result<String, String> {
    let bytes = tree.bytes(path).ok_or_else(|| format!("{path} is missing"))?;
    std::str::from_utf8(bytes)
        .map(str::to_owned)
        .map_err(|_| format!("{path} is not UTF-8"))
}

/// Every pattern must be found outside comments.
fn all(text: &str, wanted: &[(&str, &str)]) -> Said {
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim_start().starts_with("# ")).collect();
    let code = if text.starts_with("# ") && !text.contains("\njobs:") {
        text.to_owned()
    } else {
        lines.join("\n")
    };
    for (pattern, why) in wanted {
        let found = Regex::new(pattern).is_ok_and(|r| r.is_match(code.as_str()).unwrap_or(false));
        need(found, why)?;
    }
    Ok(())
}

fn document(text: &str) -> Result<Value, String> {
    yaml::read(text).map_err(|e| format!("it is not YAML: {e}"))
}

fn kind(text: &str, kind: &str, test: impl Fn(&Value) -> Said) -> Said {
    let mut none = |_: &str| Err("!include is not known here".to_owned());
    let all = yaml::read_all(text, &mut none).map_err(|e| format!("it is not YAML: {e}"))?;
    match all.iter().find(|d| d["kind"] == kind) {
        Some(d) => test(d),
        None => Err(format!("it holds no {kind}")),
    }
}

fn containers(text: &str, test: impl Fn(&Value) -> Said) -> Said {
    kind(text, "Deployment", |d| {
        let list = d["spec"]["template"]["spec"]["containers"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        need(!list.is_empty(), "it has no containers")?;
        list.iter().try_for_each(&test)
    })
}

fn k8s_security(text: &str) -> Said {
    kind(text, "Deployment", |d| {
        let pod = &d["spec"]["template"]["spec"];
        need(
            pod["securityContext"]["runAsNonRoot"] == true,
            "the pod may run as root (runAsNonRoot)",
        )?;
        need(
            pod["automountServiceAccountToken"] == false,
            "the pod gets a token of the cluster (automountServiceAccountToken)",
        )
    })?;
    containers(text, |c| {
        let s = &c["securityContext"];
        need(
            s["allowPrivilegeEscalation"] == false,
            "allowPrivilegeEscalation is not false",
        )?;
        need(
            s["readOnlyRootFilesystem"] == true,
            "readOnlyRootFilesystem is not true",
        )?;
        let drops = s["capabilities"]["drop"]
            .as_array()
            .is_some_and(|d| d.iter().any(|c| c == "ALL"));
        need(drops, "capabilities are not dropped")
    })
}

fn codeowners(text: &str) -> Said {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .collect();
    for line in &lines {
        let owners: Vec<&str> = line.split_whitespace().skip(1).collect();
        let named = !owners.is_empty() && owners.iter().all(|o| o.starts_with('@') || o.contains('@'));
        need(named, &format!("{line:?} names no owner"))?;
    }
    need(
        lines.iter().any(|l| l.starts_with("* ")),
        "nobody owns everything (a line with *)",
    )
}

/// The instructions of a Dockerfile, with lines that go on joined.
fn instructions(text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut line = String::new();
    for raw in text.lines().filter(|l| !l.trim_start().starts_with('#')) {
        match raw.trim_end().strip_suffix('\\') {
            Some(part) => line.push_str(part),
            None => {
                line.push_str(raw);
                if let Some((word, rest)) = line.trim().split_once(char::is_whitespace) {
                    out.push((word.to_uppercase(), rest.trim().to_owned()));
                }
                line.clear();
            }
        }
    }
    out
}

fn docker_pinned(text: &str) -> Said {
    let all = instructions(text);
    let mut stages: Vec<String> = Vec::new();
    let mut seen = false;
    for (_, rest) in all.iter().filter(|(i, _)| i == "FROM") {
        let words: Vec<&str> = rest.split_whitespace().filter(|w| !w.starts_with("--")).collect();
        let image = words.first().copied().unwrap_or_default();
        seen = true;
        let tag = image.rsplit_once(':').map_or("", |(_, t)| t);
        let exact = image.contains("@sha256:") || (tag.contains('.') && tag.chars().any(|c| c.is_ascii_digit()));
        let own = stages.iter().any(|s| s == image) || image == "scratch";
        need(own || exact, &format!("{image} is not pinned to a version or digest"))?;
        if let [.., as_, name] = words.as_slice()
            && as_.eq_ignore_ascii_case("as")
        {
            stages.push((*name).to_owned());
        }
    }
    need(seen, "it has no FROM")
}

fn docker_user(text: &str) -> Said {
    let all = instructions(text);
    let last = all.iter().rposition(|(i, _)| i == "FROM").unwrap_or(0);
    let user = all[last.min(all.len())..]
        .iter()
        .rev()
        .find(|(i, _)| i == "USER")
        .map(|(_, u)| u.as_str());
    match user.map(|u| u.split(':').next().unwrap_or(u)) {
        None => Err("the last stage has no USER, so it runs as root".into()),
        Some("root" | "0") => Err("it runs as root".into()),
        Some(_) => Ok(()),
    }
}

fn ci_permissions(text: &str) -> Said {
    let d = document(text)?;
    let top = &d["permissions"];
    let few = |v: &Value| {
        v.as_object()
            .is_some_and(|p| p.values().all(|v| v == "read" || v == "none"))
    };
    need(few(top), "permissions at the top are missing or more than read")?;
    let jobs = d["jobs"].as_object().cloned().unwrap_or_default();
    let wide = jobs.iter().find(|(_, j)| j["permissions"] == "write-all");
    wide.map_or(Ok(()), |(n, _)| Err(format!("the job {n} may write everything")))
}

fn ci_pinned(text: &str) -> Said {
    let d = document(text)?;
    let jobs = d["jobs"].as_object().cloned().unwrap_or_default();
    need(!jobs.is_empty(), "it has no jobs")?;
    for (name, job) in &jobs {
        let steps = job["steps"].as_array().cloned().unwrap_or_default();
        for used in steps.iter().chain([job]).filter_map(|s| s["uses"].as_str()) {
            let exact = used.starts_with("./")
                || used
                    .rsplit_once('@')
                    .is_some_and(|(_, v)| v.len() == 40 && v.bytes().all(|b| b.is_ascii_hexdigit()));
            need(
                exact,
                &format!("the job {name} uses {used}, which is not pinned to a commit"),
            )?;
        }
    }
    Ok(())
}

fn alerts(text: &str, tree: &Tree) -> Said {
    let d = document(text)?;
    let groups = d["groups"].as_array().cloned().unwrap_or_default();
    let rules: Vec<Value> = groups
        .iter()
        .flat_map(|g| g["rules"].as_array().cloned().unwrap_or_default())
        .collect();
    let alerts: Vec<&Value> = rules.iter().filter(|r| r["alert"].is_string()).collect();
    need(alerts.len() >= 2, "there are fewer than two alerts")?;
    for alert in &alerts {
        let name = alert["alert"].as_str().unwrap_or_default();
        for label in ["service", "team", "severity"] {
            need(
                alert["labels"][label].is_string(),
                &format!("{name} has no label {label}, so the wrong people would be asked"),
            )?;
        }
        let book = alert["annotations"]["runbook_url"].as_str();
        need(book.is_some(), &format!("{name} has no runbook_url"))?;
        let file = book.and_then(|b| b.find("docs/").map(|n| b[n..].split('#').next().unwrap_or_default()));
        if let Some(file) = file {
            need(
                tree.get(file).is_some(),
                &format!("{name} leads to {file}, which is not there"),
            )?;
        }
    }
    let burns = alerts
        .iter()
        .filter(|a| {
            a["expr"]
                .as_str()
                .is_some_and(|e| e.contains("burn") || e.contains("ratio"))
        })
        .count();
    need(burns >= 2, "no two alerts watch how fast the error budget burns")
}

fn opslevel(text: &str) -> Said {
    let d = document(text)?;
    need(d["version"] == 1, "version: 1 is missing")?;
    for key in ["name", "owner", "tier", "lifecycle"] {
        let is = d["service"][key].as_str().is_some_and(|v| !v.is_empty());
        need(is, &format!("service.{key} is missing"))?;
    }
    Ok(())
}

fn tf_iam(text: &str) -> Said {
    let bad = [
        (r#"actions\s*=\s*\[\s*"\*""#, "a policy allows every action"),
        (r#"resources\s*=\s*\[\s*"\*""#, "a policy holds for every resource"),
        (r#"":?\*:\*""#, "a policy allows everything"),
    ];
    for (pattern, why) in bad {
        let found = Regex::new(pattern).is_ok_and(|r| r.is_match(text).unwrap_or(true));
        need(!found, why)?;
    }
    need(
        text.contains("aws_iam_role") || text.contains("aws_iam_policy_document"),
        "it holds no role",
    )
}

fn no_secrets(tree: &Tree) -> Said {
    const KEYS: [(&str, &str); 7] = [
        (r"-----BEGIN (RSA |EC |OPENSSH |DSA |)PRIVATE KEY", "a private key"),
        (r"\bAKIA[0-9A-Z]{16}\b", "a key of AWS"),
        (r"\bgh[pousr]_[A-Za-z0-9]{36}", "a token of GitHub"),
        (r"\bglpat-[A-Za-z0-9_-]{20}", "a token of GitLab"),
        (r"\bxox[abpr]-[0-9A-Za-z-]{20,}", "a token of Slack"),
        (r"\bsk_live_[0-9A-Za-z]{20,}", "a key of Stripe"),
        (
            r#"(?i)\b(password|secret|api_key|token)\s*[:=]\s*["'](?!\$|\{|<|example|change|your)[A-Za-z0-9+/=_-]{16,}["']"#,
            "what looks like a password",
        ),
    ];
    let known: Vec<(Regex, &str)> = KEYS
        .iter()
        .filter_map(|(p, w)| Regex::new(p).ok().map(|r| (r, *w)))
        .collect();
    for (path, entry) in tree.iter() {
        let Entry::File { bytes, .. } = entry else {
            continue;
        };
        let skipped = ["target/", "node_modules/", ".venv/", "vendor/"]
            .iter()
            .any(|s| path.contains(s));
        let Some(text) = std::str::from_utf8(bytes)
            .ok()
            .filter(|_| bytes.len() < SEARCHED_MAX && !skipped)
        else {
            continue;
        };
        for (n, line) in text.lines().enumerate().filter(|(_, l)| l.len() < 2000) {
            if let Some((_, what)) = known.iter().find(|(r, _)| r.is_match(line).unwrap_or(false)) {
                return Err(format!("{path}, line {}: {what}", n + 1));
            }
        }
    }
    Ok(())
}
