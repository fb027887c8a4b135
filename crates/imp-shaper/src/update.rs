//! A newer version of the template, merged three ways with what people wrote since.

use crate::fault::{Fault, Result};
use crate::jinja::World;
use crate::question::{Ask, Defaults, Given};
use crate::render::{self, Wish};
use crate::shape::{self, Shape};
use crate::source::{self, Library, Source};
use crate::tree::{self, Entry, Tree};
use crate::{git, made::Place};
use std::collections::BTreeSet;
use std::path::Path;

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// Only the template changed it: it is taken as it is.
    Clean,
    /// Both changed it, in different places.
    Merged,
    /// Both changed the same lines: markers show both.
    Conflict,
    /// Only people changed it: it stays.
    Yours,
}

impl Fate {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Fate::Clean => "clean",
            Fate::Merged => "merged",
            Fate::Conflict => "conflict",
            Fate::Yours => "yours",
        }
    }
}

/// What an update does to one path.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where.
    pub path: String,
    /// What happens to it.
    pub fate: Fate,
    /// In a few words.
    pub why: &'static str,
    /// What will stand there; nothing where it is taken away.
    pub result: Option<Entry>,
}

/// An update before it is made.
#[derive(Debug)]
pub struct Update {
    /// The version that it was.
    pub from: Option<String>,
    /// The version that it becomes.
    pub to: Option<String>,
    /// Every path that is concerned.
    pub changes: Vec<Change>,
    /// The new record.
    pub shape: Shape,
    /// The new version as the template alone makes it, for the next merge.
    pub pristine: Tree,
    /// What was not done for want of trust.
    pub left_out: Option<String>,
}

/// The name under which the last version as the template made it is kept in the service's repository.
pub const BASE: &str = "refs/imp/base";

/// Works an update out; nothing is written.
pub fn plan(
    folder: &Path,
    to: Option<&str>,
    given: Given,
    ask: &mut dyn Ask,
    trust: bool,
    library: &Library,
    world: &World,
) -> Result<Update> {
    let shape = Shape::read(folder)?;
    if !git::is_repository(folder) {
        return Err(Fault::failed(format!(
            "{} is no Git repository: an update needs one to be taken back",
            folder.display()
        )));
    }
    let open = git::uncommitted(folder)?;
    if !open.is_empty() {
        let shown: Vec<&str> = open.iter().take(3).map(String::as_str).collect();
        return Err(Fault::failed(format!(
            "{} has changes that are not committed ({}{}): commit or stash them first",
            folder.display(),
            shown.join(", "),
            if open.len() > 3 { ", …" } else { "" }
        )));
    }
    let mut new_source = newest(&shape, to, library)?;
    let wish = Wish {
        target: folder,
        trust,
        operation: "update",
    };
    let last = Given {
        last: shape.answers.clone(),
        ..given
    };
    let (made, new_shape) = render::make(&mut new_source, &last, ask, &wish, world)?;
    let left_out = render::left_out(&made, trust);
    let new = render_tree(&made, &new_shape, trust)?;
    let old = base(folder, &shape, trust, library, world)?;
    let mine = Tree::read(folder)?;
    let place = Place {
        template: new_source.folder.clone(),
        target: folder.to_owned(),
        operation: "update",
        ..Place::default()
    };
    let skipped = match new_source.format {
        source::Format::Copier => crate::formats::copier::skipped(
            &place,
            &Given {
                answers: new_shape.answers.clone(),
                ..Given::default()
            },
            world,
        )?,
        source::Format::Cookiecutter | source::Format::Native => crate::formats::glob::Ignore::default(),
    };
    let changes = merge_trees(&old, &mine, &new, &|p| skipped.matches(p))?;
    Ok(Update {
        from: shape.version,
        to: new_shape.version.clone(),
        changes,
        shape: new_shape,
        pristine: new,
        left_out,
    })
}

fn newest(shape: &Shape, to: Option<&str>, library: &Library) -> Result<Source> {
    match to {
        Some(to) => source::open_at(&shape.template, Some(to), library),
        None => {
            let path = Path::new(&shape.template);
            let local = path.is_dir() && git::is_repository(path);
            let tags = if local {
                source::tags(&shape.template)?
            } else {
                Vec::new()
            };
            match crate::version::newest(tags.iter().map(String::as_str)) {
                Some(tag) => source::open_at(&shape.template, Some(tag), library),
                None => source::open(&shape.template, library),
            }
        }
    }
}

/// Renders into a folder of its own, so that hooks that are trusted have run.
fn render_tree(made: &crate::made::Made, shape: &Shape, trust: bool) -> Result<Tree> {
    let kept = tempfile::Builder::new()
        .prefix("imp-update-")
        .tempdir()
        .map_err(|e| Fault::failed(format!("no temporary folder: {e}")))?;
    let to = kept.path().join("new");
    render::write(made, shape, &to, trust)?;
    Tree::read(&to)
}

/// The old version as the template alone made it: as it was kept, else rendered anew, else the first commit.
fn base(folder: &Path, shape: &Shape, trust: bool, library: &Library, world: &World) -> Result<Tree> {
    if let Ok(commit) = git::run(folder, &["rev-parse", "--verify", "--quiet", BASE]) {
        let kept = export(folder, commit.trim())?;
        let text = kept.bytes(shape::PATH).map(|b| String::from_utf8_lossy(b).into_owned());
        // A base of another version is of another clone's past; then it says nothing about this one.
        if text.is_some_and(|t| t == shape.text()) {
            return Ok(kept);
        }
    }
    let at = shape.commit.as_deref().or(shape.version.as_deref());
    let again = source::open_at(&shape.template, at, library).and_then(|mut source| {
        let given = Given {
            answers: shape.answers.clone(),
            ..Given::default()
        };
        let wish = Wish {
            target: folder,
            trust,
            operation: "update",
        };
        let (made, _) = render::make(&mut source, &given, &mut Defaults, &wish, world)?;
        render_tree(&made, shape, trust)
    });
    match again {
        Ok(tree) => Ok(tree),
        Err(why) => {
            let born = git::run(folder, &["log", "--format=%H", "--diff-filter=A", "--", shape::PATH])?;
            let first = born.lines().last().map(str::to_owned);
            let found = first.map(|c| export(folder, &c)).transpose()?;
            let fits = found.filter(|t| t.bytes(shape::PATH).is_some_and(|b| b == shape.text().as_bytes()));
            fits.ok_or_else(|| {
                Fault::failed(format!(
                    "the version that this service was made of cannot be had any more: {why}"
                ))
            })
        }
    }
}

/// The files of a commit.
fn export(folder: &Path, commit: &str) -> Result<Tree> {
    let kept = tempfile::Builder::new()
        .prefix("imp-base-")
        .tempdir()
        .map_err(|e| Fault::failed(format!("no temporary folder: {e}")))?;
    let (to, index) = (kept.path().join("tree"), kept.path().join("index"));
    std::fs::create_dir_all(&to).map_err(|e| Fault::failed(format!("{}: {e}", to.display())))?;
    let (work, index) = (format!("--work-tree={}", to.display()), index.display().to_string());
    git::run_with(folder, &[&work, "read-tree", commit], &[("GIT_INDEX_FILE", &index)])?;
    git::run_with(
        folder,
        &[&work, "checkout-index", "--all", "--force"],
        &[("GIT_INDEX_FILE", &index)],
    )?;
    Tree::read(&to)
}

/// Says that a commit holds the version just as the template made it, and nothing besides.
pub fn base_is(folder: &Path, commit: &str) -> Result<()> {
    git::run(folder, &["update-ref", BASE, commit]).map(|_| ())
}

/// Keeps a version as the template made it beside the service's own history.
pub fn keep_base(folder: &Path, pristine: &Tree) -> Result<()> {
    let kept = tempfile::Builder::new()
        .prefix("imp-base-")
        .tempdir()
        .map_err(|e| Fault::failed(format!("no temporary folder: {e}")))?;
    let (to, index) = (kept.path().join("tree"), kept.path().join("index"));
    std::fs::create_dir_all(&to).map_err(|e| Fault::failed(format!("{}: {e}", to.display())))?;
    pristine.write(&to)?;
    let (work, index) = (format!("--work-tree={}", to.display()), index.display().to_string());
    let env = [("GIT_INDEX_FILE", index.as_str())];
    git::run_with(
        folder,
        &[&work, "-c", "core.autocrlf=false", "add", "--all", "--force", "."],
        &env,
    )?;
    let tree = git::run_with(folder, &["write-tree"], &env)?;
    let commit = git::run_with(
        folder,
        &[
            "-c",
            "commit.gpgsign=false",
            "commit-tree",
            "-m",
            "As the template made it",
            tree.trim(),
        ],
        &git::SHAPER,
    )?;
    base_is(folder, commit.trim())
}

/// What each path becomes.
pub fn merge_trees(old: &Tree, mine: &Tree, new: &Tree, skip: &dyn Fn(&str) -> bool) -> Result<Vec<Change>> {
    let paths: BTreeSet<&str> = old.files().chain(mine.files()).chain(new.files()).collect();
    let mut out = Vec::new();
    for path in paths {
        let change = |fate, why, result: Option<&Entry>| Change {
            path: path.to_owned(),
            fate,
            why,
            result: result.cloned(),
        };
        let file = |t: &'_ Tree| t.get(path).filter(|e| **e != Entry::Folder).cloned();
        let (o, m, n) = (file(old), file(mine), file(new));
        if path == shape::PATH {
            if n.is_some() && m != n {
                out.push(change(Fate::Clean, "the record of the new version", n.as_ref()));
            }
            continue;
        }
        if m == n || o == n {
            if o != m && o.is_some() && o == n {
                out.push(change(Fate::Yours, "changed by you only", m.as_ref()));
            }
            continue;
        }
        if skip(path) && m.is_some() {
            out.push(change(Fate::Yours, "the template leaves it to you", m.as_ref()));
            continue;
        }
        out.push(match (&o, &m, &n) {
            (_, _, Some(_)) if o == m && o.is_none() => change(Fate::Clean, "new in the template", n.as_ref()),
            (_, _, Some(_)) if o == m => change(Fate::Clean, "changed by the template", n.as_ref()),
            (_, _, None) if o == m => change(Fate::Clean, "gone from the template", None),
            (Some(_), None, Some(_)) => change(Fate::Yours, "taken away by you", None),
            (Some(_), Some(_), None) => change(
                Fate::Yours,
                "gone from the template, changed by you: it stays",
                m.as_ref(),
            ),
            (_, Some(m), Some(n)) => {
                let (fate, why, entry) = merge(o.as_ref(), m, n)?;
                change(fate, why, Some(&entry))
            }
            (_, None, _) | (None, _, None) => continue,
        });
    }
    Ok(out)
}

/// One file that both changed.
fn merge(old: Option<&Entry>, mine: &Entry, new: &Entry) -> Result<(Fate, &'static str, Entry)> {
    let text = |e: &Entry| match e {
        Entry::File { bytes, .. } => std::str::from_utf8(bytes)
            .ok()
            .filter(|t| !t.contains('\0'))
            .map(str::to_owned),
        Entry::Folder | Entry::Link(_) => None,
    };
    let (Some(m), Some(n)) = (text(mine), text(new)) else {
        return Ok((Fate::Yours, "not a text, changed by both: yours stays", mine.clone()));
    };
    let o = match old {
        None => String::new(),
        Some(e) => match text(e) {
            Some(t) => t,
            None => return Ok((Fate::Yours, "not a text, changed by both: yours stays", mine.clone())),
        },
    };
    let mode_of = |e: &Entry| match e {
        Entry::File { mode, .. } => Some(mode & 0o111),
        Entry::Folder | Entry::Link(_) => None,
    };
    let Entry::File { mode: my_mode, .. } = mine else {
        return Ok((Fate::Yours, "yours stays", mine.clone()));
    };
    let mode = match (old.and_then(mode_of), mode_of(mine), new) {
        (o, m, Entry::File { mode, .. }) if o == m => *mode,
        _ => *my_mode,
    };
    let (bytes, conflict) = three_way(&o, &m, &n)?;
    let entry = Entry::File { bytes, mode };
    Ok(match conflict {
        false => (Fate::Merged, "changed by both, in different places", entry),
        true => (
            Fate::Conflict,
            "changed by both in the same place: markers show both",
            entry,
        ),
    })
}

/// Merged by Git itself, which people know; whether lines are in conflict.
fn three_way(old: &str, mine: &str, new: &str) -> Result<(Vec<u8>, bool)> {
    let kept = tempfile::Builder::new()
        .prefix("imp-merge-")
        .tempdir()
        .map_err(|e| Fault::failed(format!("no temporary folder: {e}")))?;
    for (name, text) in [("mine", mine), ("old", old), ("new", new)] {
        std::fs::write(kept.path().join(name), text).map_err(|e| Fault::failed(format!("no temporary file: {e}")))?;
    }
    let args = [
        "merge-file",
        "-p",
        "--diff3",
        "-L",
        "yours",
        "-L",
        "before",
        "-L",
        "template",
        "mine",
        "old",
        "new",
    ];
    let out = git::call(kept.path(), &args, &[])?;
    match out.status.code() {
        Some(0) => Ok((out.stdout, false)),
        Some(n) if (1..128).contains(&n) => Ok((out.stdout, true)),
        _ => Err(Fault::failed(format!(
            "git merge-file did not work: {}",
            String::from_utf8_lossy(&out.stderr)
        ))),
    }
}

/// Carries it out: the files are changed and left for you to look at and commit.
pub fn apply(folder: &Path, update: &Update) -> Result<()> {
    for change in update.changes.iter().filter(|c| c.fate != Fate::Yours) {
        match &change.result {
            Some(entry) => tree::write_entry(folder, &change.path, entry)?,
            None => remove(folder, &change.path)?,
        }
    }
    keep_base(folder, &update.pristine)
}

fn remove(folder: &Path, path: &str) -> Result<()> {
    let at = folder.join(path);
    let inside = at
        .parent()
        .and_then(|p| p.canonicalize().ok())
        .zip(folder.canonicalize().ok());
    if inside.is_none_or(|(p, f)| !p.starts_with(f)) {
        return Err(Fault::failed(format!(
            "{} leads out of the folder through a link; it was not taken away",
            at.display()
        )));
    }
    std::fs::remove_file(&at).map_err(|e| Fault::failed(format!("{} cannot be taken away: {e}", at.display())))?;
    let mut above = at.parent();
    while let Some(dir) = above.filter(|d| *d != folder && std::fs::remove_dir(d).is_ok()) {
        above = dir.parent();
    }
    Ok(())
}
