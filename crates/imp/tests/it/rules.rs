//! `imp process`: what people and editors are told about a process file.

use crate::imp::imp;
use crate::stage::Stage;
use reqwest::Method;
use serde_json::Value;
use std::path::Path;

const BUILT_IN: &str = include_str!("../../../../process/built-in.toml");

fn ended(words: &[&str]) -> (i32, String, String) {
    let out = imp(words);
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    (out.status.code().unwrap_or(-1), text(&out.stdout), text(&out.stderr))
}

fn file(folder: &Path, text: &str) -> String {
    let path = folder.join("process.toml");
    std::fs::write(&path, text).expect("it is written");
    path.display().to_string()
}

fn written(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../process");
    root.join(name).display().to_string()
}

#[test]
fn a_sound_process_is_said_to_be_sound() {
    for (name, words) in [
        ("built-in.toml", "Built-in 1 is sound: 9 statuses, 10 moves"),
        ("examples/start-up.toml", "Start-up 1 is sound"),
        ("examples/bank.toml", "Regulated bank 1 is sound"),
    ] {
        let (code, out, err) = ended(&["process", "check", &written(name)]);
        assert!(code == 0 && out.contains(words) && err.is_empty(), "{out}{err}");
    }
}

#[test]
fn every_fault_is_named_in_one_run_with_file_line_and_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = BUILT_IN
        .replacen("requires = [\"reason\"]", "requires = [\"raison\"]", 1)
        .replacen("declared = \"SEV3\"", "declared = \"SEV9\"", 1)
        .replacen("from = [\"review\"]", "from = [\"resolved\"]", 1);
    let name = file(folder.path(), &text);
    let (code, out, err) = ended(&["process", "check", &name]);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    let lines: Vec<&str> = err.lines().collect();
    assert_eq!(lines.len(), 3, "{err}");
    for (line, place, words) in [
        (lines[0], "66:6: status[6].id: ", "\"review\" cannot be left"),
        (
            lines[1],
            "110:13: move[2].requires[1]: ",
            "the nearest known is \"reason\"",
        ),
        (lines[2], "255:12: severity_default.declared: ", "\"SEV9\""),
    ] {
        assert!(
            line.starts_with(&format!("imp: {name}:{place}")) && line.contains(words),
            "{line}"
        );
    }

    let (code, out, err) = ended(&["process", "check", "--json", &name]);
    assert_eq!((code, err.as_str()), (1, ""));
    let said: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(said["sound"], false);
    assert_eq!(
        (
            &said["faults"][1]["line"],
            &said["faults"][1]["column"],
            &said["faults"][1]["end_column"]
        ),
        (&110.into(), &13.into(), &21.into())
    );
    assert_eq!(said["faults"][1]["key"], "move[2].requires[1]");

    let (code, _, err) = ended(&["process", "check", "nowhere.toml"]);
    assert!(code == 2 && err.contains("nowhere.toml: cannot be read"), "{err}");
    assert_eq!(ended(&["process", "chekc", &name]).0, 2);
}

#[test]
fn a_process_is_drawn_in_three_formats_and_a_wrong_one_is_not() {
    for (format, begins) in [
        ("svg", "<svg "),
        ("mermaid", "flowchart LR"),
        ("dot", "digraph process {"),
    ] {
        let (code, out, err) = ended(&["process", "graph", "--format", format, &written("examples/bank.toml")]);
        assert!(code == 0 && out.starts_with(begins) && out.contains("Sign"), "{err}");
    }
    let (code, out, _) = ended(&["process", "graph", &written("built-in.toml")]);
    assert!(
        code == 0 && out.contains("prefers-color-scheme") && out.contains("<desc"),
        "{out}"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let name = file(folder.path(), "name = 1");
    let (code, out, err) = ended(&["process", "graph", &name]);
    assert!(code == 1 && out.is_empty() && err.contains(":1:8: name: "), "{err}");
}

#[tokio::test]
async fn the_consoles_process_page_shows_what_stands_where_in_words_and_as_a_picture() {
    let stage = Stage::new().await;
    stage.declares("Cards are refused").await;
    stage.declares("Logins are slow").await;
    let answer = stage.request(Method::GET, "/process").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let page = answer.text().await.expect("a page");
    for words in [
        "aria-current=\"page\">Process</a>",
        "<a href=\"/incidents?status=investigating\">2 now</a>",
        "<title>2 in Investigating</title>",
        "It is real. We do not know the cause yet.",
        "<strong>False alarm</strong> → Declined",
        "Needs: Why is it a false alarm?",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    // The policy of the pages allows neither.
    assert!(!page.contains("<style") && !page.contains(" style="), "{page}");
    let style = stage
        .request(Method::GET, "/assets/process.css")
        .send()
        .await
        .expect("an answer");
    assert_eq!(style.status(), 200);
    stage.finish().await;
}
