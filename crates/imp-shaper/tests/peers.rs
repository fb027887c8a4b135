//! The real cookiecutter and copier are the judges: what they write, the Shaper writes, byte for byte.

use imp_shaper::jinja::World;
use imp_shaper::question::{Defaults, Given};
use imp_shaper::render::{self, Wish};
use imp_shaper::source::{self, Library};
use imp_shaper::tree::{Entry, Tree};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn peer(folder: &Path, seeds: &str) -> Vec<Value> {
    let python = std::env::var("IMP_TEST_PYTHON").expect(
        "IMP_TEST_PYTHON does not name a Python with the packages of tests/peers/requirements.txt: run `cargo xtask test`, which makes one",
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/shaper_peer.py");
    let out = Command::new(python)
        .arg(script)
        .arg(folder)
        .arg(seeds)
        .output()
        .expect("the judges start");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    serde_json::from_str(text.lines().last().unwrap_or_default()).expect("a list of cases")
}

fn now_ms() -> i64 {
    let out = Command::new("date").arg("+%s").output().expect("a clock");
    let seconds: i64 = String::from_utf8_lossy(&out.stdout).trim().parse().expect("seconds");
    seconds * 1000
}

#[test]
fn templates_of_cookiecutter_and_copier_come_out_byte_for_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let seeds = std::env::var("SEEDS").unwrap_or_else(|_| "8".into());
    let cases = peer(folder.path(), &seeds);
    assert!(cases.len() >= 2, "no cases");
    let world = World::new(now_ms(), [7; 32]);
    let (mut compared, mut faults) = (0, Vec::new());
    for case in &cases {
        let text = |k: &str| case[k].as_str().unwrap_or_default().to_owned();
        let (template, made) = (text("template"), text("made"));
        let mut source = source::open(&template, &Library::default()).expect("a template");
        let given = Given {
            answers: case["answers"].as_object().cloned().unwrap_or_default(),
            ..Given::default()
        };
        let wish = Wish {
            target: Path::new(&made),
            trust: false,
            operation: "copy",
        };
        let (ours, _) = render::make(&mut source, &given, &mut Defaults, &wish, &world)
            .unwrap_or_else(|e| panic!("{template}: {e}"));
        let real = Tree::read(Path::new(&made)).expect("what the real tool made");
        let paths: std::collections::BTreeSet<&str> = real.iter().chain(ours.tree.iter()).map(|(p, _)| p).collect();
        for path in paths {
            compared += 1;
            if real.get(path) != ours.tree.get(path) {
                let show = |e: Option<&Entry>| match e {
                    Some(Entry::File { bytes, mode }) => format!("{mode:o} {:?}", String::from_utf8_lossy(bytes)),
                    other => format!("{other:?}"),
                };
                faults.push(format!(
                    "{template}: {path}\n  real {}\n  ours {}",
                    show(real.get(path)),
                    show(ours.tree.get(path))
                ));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {compared} differ:\n{}",
        faults.len(),
        faults.join("\n")
    );
}
