//! What the guides tell people to type works: every call of the API in them is made against the demo, in their order.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::imp::Demo;

/// The calls with curl in the shell blocks of a guide; a line that goes on after a backslash is one. Those with an `ID` that
/// only an earlier answer tells are for people.
fn calls(text: &str) -> Vec<String> {
    let (mut out, mut shell, mut begun) = (Vec::new(), false, None::<String>);
    for line in text.lines() {
        if let Some(fence) = line.trim().strip_prefix("```") {
            shell = matches!(fence, "sh" | "bash");
            continue;
        }
        if !shell || (begun.is_none() && !line.trim().starts_with("curl ")) {
            continue;
        }
        let so_far = begun.take().unwrap_or_default() + line.trim();
        match so_far.strip_suffix('\\') {
            Some(first) => begun = Some(first.to_owned()),
            None if so_far.contains("/ID") => {}
            None => out.push(so_far),
        }
    }
    out
}

fn guides() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let docs = std::fs::read_dir(root.join("docs")).expect("the guides");
    let mut docs: Vec<PathBuf> = docs.filter_map(|f| Some(f.ok()?.path())).collect();
    docs.retain(|p| p.extension().is_some_and(|e| e == "md"));
    docs.sort();
    std::iter::once(root.join("README.md")).chain(docs).collect()
}

/// How words are written, and whether sentences are plain: `tests/words/check.mjs` reads guides, drills, process and pages.
#[test]
fn the_words_are_spelt_right_and_plain() {
    let words = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/words");
    assert!(
        words.join("node_modules/cspell").exists(),
        "tests/words/node_modules is missing: run `cargo xtask test`, which installs it"
    );
    let read = Command::new("node").arg("check.mjs").current_dir(words).output();
    let read = read.expect("Node starts");
    let (found, complaints) = (
        String::from_utf8_lossy(&read.stdout),
        String::from_utf8_lossy(&read.stderr),
    );
    assert!(
        read.status.success(),
        "{found}\n{complaints}\nA right word that is not known goes into tests/words/dictionary.txt."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_the_api_in_the_guides_works_against_the_demo() {
    let demo = Demo::start().await;
    let token = imp_practice::org::Org::built_in().keys.alerts_token;
    let mut made = 0;
    for guide in guides() {
        let text = std::fs::read_to_string(&guide).expect("a guide");
        for call in calls(&text) {
            let told = call.replacen(
                "curl ",
                "curl --silent --show-error --noproxy '*' --write-out '\\n%{http_code}' ",
                1,
            );
            let told = told.replace("https://imp.example.com", "$IMP");
            let mut shell = Command::new("sh");
            shell.args(["-c", &told]).env("IMP", &demo.imp).env("TOKEN", &token);
            let out = tokio::task::spawn_blocking(move || shell.output())
                .await
                .expect("it ends")
                .expect("sh starts");
            let said = String::from_utf8_lossy(&out.stdout).into_owned();
            let code = said.lines().last().unwrap_or_default();
            assert!(
                out.status.success() && code.starts_with('2'),
                "{}: {call}\n{said}{}",
                guide.display(),
                String::from_utf8_lossy(&out.stderr)
            );
            made += 1;
        }
    }
    assert!(made > 10, "only {made} calls were found");
}

/// The requirements of levels 1 and 2 of OWASP's ASVS 5.0.0: a section, and which of its points.
const ASVS: &str = "1.1:1-2 1.2:1-9 1.3:1-11 1.4:1-3 1.5:1-2 2.1:1-3 2.2:1-3 2.3:1-4 2.4:1-1 3.2:1-2 3.3:1-4 3.4:1-6 3.5:1-5 \
    3.7:1-2 4.1:1-3 4.2:1-1 4.3:1-2 4.4:1-4 5.1:1-1 5.2:1-3 5.3:1-2 5.4:1-3 6.1:1-3 6.2:1-12 6.3:1-4 6.4:1-4 6.5:1-5 6.6:1-3 \
    6.8:1-4 7.1:1-3 7.2:1-4 7.3:1-2 7.4:1-5 7.5:1-2 7.6:1-2 8.1:1-2 8.2:1-3 8.3:1-1 8.4:1-1 9.1:1-3 9.2:1-4 10.1:1-2 10.2:1-2 \
    10.3:1-4 10.4:1-11 10.5:1-5 10.6:1-2 10.7:1-3 11.1:1-2 11.2:1-3 11.3:1-3 11.4:1-4 11.5:1-1 11.6:1-1 12.1:1-3 12.2:1-2 \
    12.3:1-4 13.1:1-1 13.2:1-5 13.3:1-2 13.4:1-5 14.1:1-2 14.2:1-4 14.3:1-3 15.1:1-3 15.2:1-3 15.3:1-7 16.1:1-1 16.2:1-5 \
    16.3:1-4 16.4:1-3 16.5:1-3 17.1:1-1 17.2:1-4 17.3:1-2";

/// A section, `6.2`, and a point of it.
fn point(text: &str) -> Option<(String, u32)> {
    let (section, n) = text.trim().strip_prefix('V')?.rsplit_once('.')?;
    Some((section.to_owned(), n.parse().ok()?))
}

#[test]
fn every_point_of_asvs_level_two_is_gone_through_and_the_files_it_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("docs/asvs.md")).expect("the guide");
    let mut named = Vec::new();
    for row in text.lines().filter_map(|l| l.strip_prefix("| V")) {
        let cell = row.split(" |").next().unwrap_or_default();
        for part in format!("V{cell}").split(", ") {
            let (from, to) = part.split_once(" to ").unwrap_or((part, part));
            let (Some((section, from)), Some((_, to))) = (point(from), point(to)) else {
                panic!("{part:?} is no point");
            };
            named.extend((from..=to).map(|n| (section.clone(), n)));
        }
    }
    let mut wanted = Vec::new();
    for entry in ASVS.split_whitespace() {
        let (section, points) = entry.split_once(':').expect("a section");
        let (from, to) = points.split_once('-').expect("points");
        let (from, to): (u32, u32) = (from.parse().expect("a number"), to.parse().expect("a number"));
        wanted.extend((from..=to).map(|n| (section.to_owned(), n)));
    }
    assert_eq!(
        named, wanted,
        "the guide has every point of levels 1 and 2 once, in the standard's order"
    );
    let files = std::process::Command::new("git")
        .args(["ls-files"])
        .current_dir(&root)
        .output();
    let files = String::from_utf8(files.expect("git").stdout).expect("text");
    let spans = text.split('`').skip(1).step_by(2);
    for name in spans.filter(|s| s.ends_with(".rs") || s.ends_with(".mjs") || s.ends_with(".toml")) {
        let there = files.lines().any(|f| f == name || f.ends_with(&format!("/{name}")));
        assert!(there, "{name} is named, and is not there");
    }
}
