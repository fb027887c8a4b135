//! The real cookiecutter and copier are the judges: what they write, the Shaper writes, byte for byte.

use imp_shaper::jinja::World;
use imp_shaper::question::{Defaults, Given};
use imp_shaper::render::{self, Wish};
use imp_shaper::source::{self, Library};
use imp_shaper::tree::{Entry, Tree};
use imp_shaper::update::{self, Fate};
use imp_shaper::{git, shape};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn peer(script: &str, folder: &Path, seeds: &str) -> Vec<Value> {
    let python = std::env::var("IMP_TEST_PYTHON").expect(
        "IMP_TEST_PYTHON does not name a Python with the packages of tests/peers/requirements.txt: run `cargo xtask test`, which makes one",
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/peers")
        .join(script);
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
    let cases = peer("shaper_peer.py", folder.path(), &seeds);
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

/// Every word of every file.
fn all_words(tree: &Tree) -> String {
    let texts = tree.files().filter_map(|p| tree.bytes(p));
    texts
        .map(|b| String::from_utf8_lossy(b).into_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The service of a history, made by the Shaper, as people left it.
fn as_people_left_it(template: &str, left: &Path, at: &Path, world: &World) {
    let mut source = source::open(&format!("{template}@v1"), &Library::default()).expect("a template");
    let wish = Wish {
        target: at,
        trust: false,
        operation: "copy",
    };
    let (made, record) = render::make(&mut source, &Given::default(), &mut Defaults, &wish, world).expect("made");
    render::write(&made, &record, at, false).expect("written");
    let first = git::first_commit(at, "born").expect("a commit");
    update::base_is(at, &first).expect("a base");
    let theirs = Tree::read(left).expect("what people left");
    for (path, entry) in Tree::read(at).expect("the service").iter() {
        if *entry != Entry::Folder && path != shape::PATH && theirs.get(path).is_none() {
            std::fs::remove_file(at.join(path)).expect("a file");
        }
    }
    theirs.write(at).expect("written");
    git::commit(at, "work").expect("a commit");
}

/// The same histories, updated by copier and by the Shaper: no line of anybody's is lost, and no more files are left in
/// conflict than by copier. `HISTORIES` says how many.
#[test]
fn an_update_loses_no_line_and_leaves_no_more_conflicts_than_copier() {
    let folder = tempfile::tempdir().expect("a folder");
    let histories = std::env::var("HISTORIES").unwrap_or_else(|_| "8".into());
    let cases = peer("histories_peer.py", folder.path(), &histories);
    let world = World::new(now_ms(), [7; 32]);
    let (mut conflicts, mut lost) = ((0, 0), (0, 0));
    for (n, case) in cases.iter().enumerate() {
        let text = |k: &str| case[k].as_str().unwrap_or_default();
        let at = folder.path().join(format!("shaper{n}"));
        as_people_left_it(text("template"), Path::new(text("left")), &at, &world);
        let (given, library) = (Given::default(), Library::default());
        let update = update::plan(&at, Some("v2"), given, &mut Defaults, false, &library, &world).expect("a plan");
        update::apply(&at, &update).expect("applied");
        let after = all_words(&Tree::read(&at).expect("the service"));
        let mine = case["written"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let gone: Vec<&str> = mine.filter(|line| !after.contains(line)).collect();
        assert!(gone.is_empty(), "history {n} lost {gone:?}");
        let ours = update.changes.iter().filter(|c| c.fate == Fate::Conflict).count();
        let count = |k: &str| {
            case[k]
                .as_u64()
                .and_then(|n| usize::try_from(n).ok())
                .expect("a number")
        };
        conflicts = (conflicts.0 + ours, conflicts.1 + count("conflicts"));
        lost = (lost.0 + gone.len(), lost.1 + count("lost"));
    }
    eprintln!(
        "{} histories: files in conflict {} (copier {}), lines lost {} (copier {})",
        cases.len(),
        conflicts.0,
        conflicts.1,
        lost.0,
        lost.1
    );
    assert!(!cases.is_empty() && conflicts.0 <= conflicts.1, "{conflicts:?}");
}
