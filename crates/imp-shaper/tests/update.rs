//! What becomes of people's own lines when the template moves on.

use imp_shaper::git;
use imp_shaper::jinja::World;
use imp_shaper::question::{Defaults, Given};
use imp_shaper::render::{self, Wish};
use imp_shaper::source::{self, Library};
use imp_shaper::tree::Tree;
use imp_shaper::update::{self, Fate, Update};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn world() -> World {
    World::new(1_700_000_000_000, [3; 32])
}

fn put(at: &Path, text: &str) {
    std::fs::create_dir_all(at.parent().expect("a folder")).expect("a folder");
    std::fs::write(at, text).expect("a file");
}

/// A template with two versions, and a service made of the first.
fn born(root: &Path, first: &[(&str, &str)], second: &[(&str, &str)]) -> PathBuf {
    let (template, service) = (root.join("template"), root.join("service"));
    put(&template.join("copier.yml"), "name: {type: str, default: pay}\n");
    for (tag, files) in [("v1", first), ("v2", second)] {
        for old in std::fs::read_dir(&template).expect("a folder").flatten() {
            let kept = [".git", "copier.yml"].contains(&old.file_name().to_string_lossy().as_ref());
            if !kept {
                std::fs::remove_file(old.path()).expect("a file");
            }
        }
        files.iter().for_each(|(p, t)| put(&template.join(p), t));
        git::first_commit(&template, tag).expect("a commit");
        git::run(&template, &["tag", tag]).expect("a tag");
    }
    let address = format!("{}@v1", template.display());
    let mut source = source::open(&address, &Library::default()).expect("a template");
    let wish = Wish {
        target: &service,
        trust: false,
        operation: "copy",
    };
    let (made, shape) = render::make(&mut source, &Given::default(), &mut Defaults, &wish, &world()).expect("made");
    render::write(&made, &shape, &service, false).expect("written");
    git::first_commit(&service, "born").expect("a commit");
    update::keep_base(&service, &Tree::read(&service).expect("a tree")).expect("a base");
    service
}

fn plan(service: &Path) -> imp_shaper::fault::Result<Update> {
    update::plan(
        service,
        Some("v2"),
        Given::default(),
        &mut Defaults,
        false,
        &Library::default(),
        &world(),
    )
}

fn fate(update: &Update, path: &str) -> Option<Fate> {
    update.changes.iter().find(|c| c.path == path).map(|c| c.fate)
}

#[test]
fn each_file_is_told_before_it_is_touched() {
    let root = tempfile::tempdir().expect("a folder");
    let long = |mid: &str| format!("one\ntwo\nthree\n{mid}\nfive\nsix\nseven\n");
    let service = born(
        root.path(),
        &[
            ("clean", "a\n"),
            ("merged", &long("four")),
            ("clash", "x\n"),
            ("yours", "y\n"),
            ("gone", "z\n"),
            ("deleted", "d\n"),
        ],
        &[
            ("clean", "b\n"),
            ("merged", &long("FOUR")),
            ("clash", "theirs\n"),
            ("yours", "y\n"),
            ("deleted", "D\n"),
            ("new", "n\n"),
        ],
    );
    put(&service.join("merged"), &format!("mine\n{}", long("four")));
    put(&service.join("clash"), "mine\n");
    put(&service.join("yours"), "mine\n");
    std::fs::remove_file(service.join("deleted")).expect("a file");
    put(&service.join("own"), "only mine\n");
    git::commit(&service, "work").expect("a commit");
    let before = Tree::read(&service).expect("a tree");
    let worked = plan(&service).expect("a plan");
    assert_eq!(Tree::read(&service).expect("a tree"), before, "planning writes nothing");
    let told = ["clean", "merged", "clash", "yours", "gone", "deleted", "new", "own"].map(|p| fate(&worked, p));
    let (c, m, x, y) = (
        Some(Fate::Clean),
        Some(Fate::Merged),
        Some(Fate::Conflict),
        Some(Fate::Yours),
    );
    assert_eq!(told, [c, m, x, y, c, y, c, None]);
    update::apply(&service, &worked).expect("applied");
    let read = |p: &str| std::fs::read_to_string(service.join(p)).unwrap_or_default();
    assert_eq!(read("clean"), "b\n");
    assert_eq!(read("merged"), format!("mine\n{}", long("FOUR")));
    assert!(read("clash").contains("<<<<<<< yours\nmine\n") && read("clash").contains("theirs\n>>>>>>> template"));
    assert_eq!(
        (read("yours").as_str(), read("own").as_str(), read("new").as_str()),
        ("mine\n", "only mine\n", "n\n")
    );
    assert!(!service.join("gone").exists() && !service.join("deleted").exists());
    assert!(read(".imp/shape.yml").contains("version: v2"));
    git::commit(&service, "updated").expect("a commit");
    let again = plan(&service).expect("a plan");
    assert!(
        again.changes.iter().all(|c| c.fate == Fate::Yours),
        "a second update changes nothing: {:?}",
        again.changes
    );
}

#[test]
fn what_cannot_be_updated_is_said() {
    let root = tempfile::tempdir().expect("a folder");
    let service = born(root.path(), &[("a", "a\n")], &[("a", "b\n")]);
    put(&service.join("a"), "not committed\n");
    assert!(
        plan(&service)
            .expect_err("refused")
            .to_string()
            .contains("commit or stash")
    );
    git::commit(&service, "work").expect("a commit");
    let gone = update::plan(
        &service,
        Some("v9"),
        Given::default(),
        &mut Defaults,
        false,
        &Library::default(),
        &world(),
    );
    assert!(gone.expect_err("refused").to_string().contains("v1, v2"));
    std::fs::remove_file(service.join(".imp/shape.yml")).expect("a file");
    assert!(plan(&service).expect_err("refused").to_string().contains("shape.yml"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    /// Every line that people added is there afterwards, whatever the template did.
    #[test]
    fn no_line_of_yours_is_lost(
        old in prop::collection::vec("[a-e]{1,3}", 0..12),
        theirs in prop::collection::vec((0..12_usize, prop::bool::ANY), 0..6),
        mine in prop::collection::vec(0..14_usize, 1..6),
        there in prop::bool::ANY,
    ) {
        let text = |lines: &[String]| lines.iter().map(|l| format!("{l}\n")).collect::<String>();
        let mut new = old.clone();
        for (n, (at, add)) in theirs.iter().enumerate() {
            let at = (*at).min(new.len());
            match *add || new.is_empty() || at == new.len() {
                true => new.insert(at, format!("theirs {n}")),
                false => drop(new.remove(at)),
            }
        }
        let mut own = old.clone();
        for (n, at) in mine.iter().enumerate() {
            own.insert((*at).min(own.len()), format!("mine {n}"));
        }
        let tree = |t: &str| {
            let mut tree = Tree::default();
            tree.file("f", t.as_bytes().to_vec(), 0o644).expect("a file");
            tree
        };
        let gone = Tree::default();
        let next = if there { tree(&text(&new)) } else { gone };
        let changes = update::merge_trees(&tree(&text(&old)), &tree(&text(&own)), &next, &|_| false).expect("merged");
        let result = match changes.first() {
            None => text(&own),
            Some(c) => match &c.result {
                Some(imp_shaper::tree::Entry::File { bytes, .. }) => String::from_utf8_lossy(bytes).into_owned(),
                other => panic!("{other:?}"),
            },
        };
        for n in 0..mine.len() {
            prop_assert!(result.contains(&format!("mine {n}\n")), "line {n} is lost:\n{result}");
        }
    }
}
