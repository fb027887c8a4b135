//! The golden paths: what they make has what a service must have, builds, passes its own tests and answers.

use imp_shaper::check::{self, Result};
use imp_shaper::jinja::World;
use imp_shaper::question::{Defaults, Given};
use imp_shaper::render::{self, Wish};
use imp_shaper::source::{self, Library};
use imp_shaper::tree::{Entry, Tree};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PATHS: [&str; 3] = ["rust-service", "python-service", "typescript-service"];

fn made(template: &str, database: &str) -> Tree {
    let mut source = source::open(template, &Library::default()).expect("a template");
    let mut given = Given::default();
    given.answers.insert("database".into(), json!(database));
    let wish = Wish {
        target: Path::new("example"),
        trust: false,
        operation: "copy",
    };
    let world = World::new(0, [1; 32]);
    render::make(&mut source, &given, &mut Defaults, &wish, &world)
        .expect("made")
        .0
        .tree
}

fn failed(tree: &Tree) -> Vec<String> {
    let found = check::judge(tree).into_iter().filter(|f| f.result == Result::Failed);
    found.map(|f| format!("{}: {}", f.requirement.id, f.because)).collect()
}

#[test]
fn every_golden_path_has_what_a_service_must_have() {
    for template in PATHS {
        for database in ["none", "postgresql"] {
            let tree = made(template, database);
            assert_eq!(failed(&tree), Vec::<String>::new(), "{template} with {database}");
            for (path, entry) in tree.iter() {
                let Entry::File { bytes, .. } = entry else { continue };
                let text = String::from_utf8_lossy(bytes);
                assert!(
                    !text.contains("{$") && !text.contains("{% "),
                    "{path} was not rendered to its end"
                );
            }
            let receipt: serde_json::Value =
                serde_json::from_slice(tree.bytes(check::RECEIPT).expect("a receipt")).expect("JSON");
            assert_eq!(receipt["passed"], true);
            assert_eq!(tree.get("migrations/0001_init.sql").is_some(), database == "postgresql");
        }
    }
}

/// What is weakened, how, and which requirement must say so.
const MUTATIONS: [(&str, &str, &str, &str); 30] = [
    ("CODEOWNERS", "*   ", "/x  ", "ownership"),
    ("SECURITY.md", "@", " at ", "security-contact"),
    ("LICENSE", "", "", "licence"),
    ("README.md", "runbook", "", "readme"),
    ("Dockerfile", "USER 10001:10001", "USER 0:0", "container-non-root"),
    ("Dockerfile", "USER 10001:10001", "USER root", "container-non-root"),
    ("Dockerfile", "USER 10001:10001\n", "", "container-non-root"),
    ("Dockerfile", "HEALTHCHECK", "# HEALTHCHECK", "container-health"),
    (
        "deploy/base/deployment.yaml",
        "livenessProbe",
        "someProbe",
        "kubernetes-probes",
    ),
    (
        "deploy/base/deployment.yaml",
        "memory: 256Mi",
        "cpu: 1",
        "kubernetes-limits",
    ),
    (
        "deploy/base/deployment.yaml",
        "runAsNonRoot: true",
        "runAsNonRoot: false",
        "kubernetes-security",
    ),
    (
        "deploy/base/deployment.yaml",
        "readOnlyRootFilesystem: true",
        "readOnlyRootFilesystem: false",
        "kubernetes-security",
    ),
    ("deploy/base/networkpolicy.yaml", ", \"Egress\"", "", "network-policy"),
    ("deploy/base/pdb.yaml", "maxUnavailable: 1", "x: 1", "disruption-budget"),
    (
        "deploy/base/hpa.yaml",
        "minReplicas: 2",
        "minReplicas: 1",
        "autoscaling",
    ),
    (
        ".github/workflows/ci.yml",
        "contents: read\n\nconcurrency",
        "contents: write\n\nconcurrency",
        "ci-permissions",
    ),
    (
        ".github/workflows/ci.yml",
        "@11bd71901bbe5b1630ceea73d27597364c9af683",
        "@v4",
        "ci-pinned",
    ),
    (".github/workflows/ci.yml", "cosign", "cos", "ci-supply-chain"),
    (".github/workflows/ci.yml", "trivy", "tri", "ci-supply-chain"),
    (".gitlab-ci.yml", "semgrep", "sem", "ci-gitlab"),
    ("observability/alerts.yaml", "          team: platform\n", "", "alerts"),
    ("observability/alerts.yaml", "runbook_url", "runbook", "alerts"),
    ("docs/runbook.md", "Roll back", "Wait", "runbook"),
    ("observability/dashboard.json", "\"panels\"", "\"pains\"", "dashboard"),
    ("opslevel.yml", "owner:", "owned:", "catalogue"),
    (".github/dependabot.yml", "updates:", "later:", "dependency-updates"),
    ("api/openapi.yaml", "/healthz", "/health", "api-contract"),
    (
        "infra/database.tf",
        "storage_encrypted                   = true",
        "storage_encrypted = false",
        "database-safe",
    ),
    ("infra/iam.tf", "[\"secretsmanager:GetSecretValue\"]", "[\"*\"]", "iam"),
    ("infra/main.tf", "owner ", "who ", "infrastructure-tags"),
];

#[test]
fn whatever_is_weakened_the_right_requirement_says_so() {
    let tree = made("python-service", "postgresql");
    for (path, old, new, wanted) in MUTATIONS {
        let mut weak = tree.clone();
        let text = String::from_utf8_lossy(tree.bytes(path).expect(path)).into_owned();
        assert!(text.contains(old), "{path} does not hold {old:?}");
        let changed = if old.is_empty() {
            String::new()
        } else {
            text.replace(old, new)
        };
        weak.file(path, changed.into_bytes(), 0o644).expect("a file");
        let said = failed(&weak);
        assert!(
            said.iter().any(|f| f.starts_with(&format!("{wanted}:"))),
            "{path} with {new:?} for {old:?}: {said:?}"
        );
        assert!(said.len() == 1, "{path}: one weakness, several complaints: {said:?}");
    }
}

#[test]
fn a_missing_file_is_told_by_the_requirement_that_needs_it() {
    let tree = made("rust-service", "postgresql");
    for r in check::requirements().iter().filter(|r| r.path != "**") {
        let mut weak = tree.clone();
        weak.remove(&r.path);
        let named = check::judge(&weak)
            .iter()
            .any(|f| f.requirement.id == r.id && f.result == Result::Failed);
        let gone = r.when.as_deref() == Some(r.path.as_str());
        assert!(named || gone, "{} is gone and {} says nothing", r.path, r.id);
    }
    let mut leak = tree.clone();
    let key = format!("AKIA{}", "ABCDEFGH12345678");
    leak.file("notes.txt", key.into_bytes(), 0o644).expect("a file");
    assert!(failed(&leak)[0].starts_with("secrets: notes.txt, line 1"));
    let mut floating = tree;
    floating
        .file(
            "Dockerfile",
            b"FROM rust:latest\nUSER 1\nHEALTHCHECK CMD x\n".to_vec(),
            0o644,
        )
        .expect("a file");
    assert!(failed(&floating)[0].starts_with("container-pinned:"));
}

/// Kept between runs, so that only the first one compiles what the services are built on.
fn workshop(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden").join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn sh(folder: &Path, program: &str, words: &[&str], env: &[(&str, &str)]) {
    let out = Command::new(program)
        .args(words)
        .current_dir(folder)
        .envs(env.iter().copied())
        .output()
        .expect("it starts");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(
        out.status.success(),
        "{program} {words:?} in {}:\n{said}",
        folder.display()
    );
}

/// Starts a service, and asks whether it is well until it answers.
fn answers(folder: &Path, program: &str, words: &[&str]) {
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a port")
        .port();
    let mut child = Command::new(program)
        .args(words)
        .current_dir(folder)
        .env("PORT", port.to_string())
        .env("HOST", "127.0.0.1")
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut answer = String::new();
    for _ in 0..3000 {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            stream
                .write_all(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
                .expect("it reads");
            let _ = stream.read_to_string(&mut answer);
            break;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
    assert!(answer.contains(" 200 ") && answer.ends_with("ok"), "{answer:?}");
}

#[test]
fn the_python_path_passes_its_tests_and_answers() {
    let folder = workshop("python");
    made("python-service", "none").write(&folder).expect("written");
    if !folder.join(".venv/bin/pytest").exists() {
        sh(&folder, "make", &["-s", "tools"], &[]);
    }
    sh(&folder, "make", &["-s", "lint", "test"], &[]);
    answers(&folder, ".venv/bin/python", &["-m", "app"]);
}

#[test]
fn the_typescript_path_passes_its_tests_and_answers() {
    let folder = workshop("typescript");
    made("typescript-service", "none").write(&folder).expect("written");
    if !folder.join("node_modules/fastify").exists() {
        sh(&folder, "make", &["-s", "tools"], &[]);
    }
    sh(&folder, "make", &["-s", "lint", "test"], &[]);
    answers(&folder, "node", &["dist/src/main.js"]);
}

#[test]
fn the_rust_path_passes_its_tests_and_answers() {
    let folder = workshop("rust");
    made("rust-service", "none").write(&folder).expect("written");
    let target = folder.join("target").display().to_string();
    let env = [
        ("CARGO_TARGET_DIR", target.as_str()),
        ("CARGO_PROFILE_DEV_DEBUG", "0"),
        ("CARGO_PROFILE_TEST_DEBUG", "0"),
    ];
    sh(&folder, "cargo", &["fmt", "--check"], &env);
    sh(&folder, "cargo", &["test", "--quiet"], &env);
    sh(&folder, "cargo", &["build", "--quiet"], &env);
    answers(&folder, &format!("{target}/debug/example-service"), &[]);
}
