//! Templates by name: those that are compiled in, and those of the configured places.

use crate::fault::{Fault, Result};
use crate::source::{self, Format, Library, Source};
use crate::tree::{self, Tree};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

include!(concat!(env!("OUT_DIR"), "/built_in.rs"));

/// What a list shows of a template.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Listed {
    /// By which it is called.
    pub name: String,
    /// What it makes.
    pub description: String,
    /// The kind.
    pub format: String,
    /// Its version.
    pub version: Option<String>,
    /// Where it comes from.
    pub from: String,
}

/// The files of what is compiled in, by template.
fn built_in() -> BTreeMap<&'static str, Vec<(&'static str, &'static [u8])>> {
    let mut out: BTreeMap<&str, Vec<(&str, &[u8])>> = BTreeMap::new();
    for (path, bytes) in BUILT_IN {
        if let Some((name, rest)) = path.split_once('/') {
            out.entry(name).or_default().push((rest, bytes));
        }
    }
    out
}

/// All templates that can be had by name.
pub fn list(library: &Library) -> Result<Vec<Listed>> {
    let mut out = Vec::new();
    for (name, files) in built_in() {
        let manifest = files
            .iter()
            .find(|(p, _)| *p == "template.toml")
            .and_then(|(_, b)| std::str::from_utf8(b).ok());
        let table: Option<toml::Table> = manifest.and_then(|t| t.parse().ok());
        let Some(table) = table else {
            continue;
        };
        let text = |k: &str| table.get(k).and_then(toml::Value::as_str).map(str::to_owned);
        out.push(Listed {
            name: name.to_owned(),
            description: text("description").unwrap_or_default(),
            format: Format::Native.name().into(),
            version: text("version"),
            from: "built in".into(),
        });
    }
    for place in &library.places {
        let (folder, _kept) = fetch(place, library)?;
        for (name, path) in below(&folder)? {
            let format = Format::of(&path).map_or("", Format::name);
            out.push(Listed {
                name,
                description: description(&path),
                format: format.into(),
                version: None,
                from: place.clone(),
            });
        }
    }
    Ok(out)
}

fn description(path: &Path) -> String {
    let text = std::fs::read_to_string(path.join("template.toml")).unwrap_or_default();
    let table: toml::Table = text.parse().unwrap_or_default();
    table
        .get("description")
        .and_then(toml::Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// The templates in a place: itself, or the folders in it.
fn below(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let own = folder
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    if Format::of(folder).is_some() {
        return Ok(vec![(own, folder.to_owned())]);
    }
    let all = tree::names(folder)?.into_iter().map(|n| (n.clone(), folder.join(n)));
    Ok(all.filter(|(_, p)| p.is_dir() && Format::of(p).is_some()).collect())
}

fn fetch(place: &str, library: &Library) -> Result<(PathBuf, Option<tempfile::TempDir>)> {
    let local = library.beside.join(place);
    if local.is_dir() {
        return Ok((local, None));
    }
    if !place.contains("://") && !place.contains('@') {
        return Err(Fault::wrong(format!(
            "[shaper] templates: {} is no folder",
            local.display()
        )));
    }
    let (url, tag) = source::split(place);
    let kept = tempfile::Builder::new()
        .prefix("imp-templates-")
        .tempdir()
        .map_err(|e| Fault::failed(format!("no temporary folder: {e}")))?;
    let to = kept.path().join("library").display().to_string();
    crate::git::run(kept.path(), &["clone", "--quiet", "--", url, &to])?;
    if let Some(tag) = tag {
        crate::git::run(
            Path::new(&to),
            &["checkout", "--quiet", "--detach", "--end-of-options", tag],
        )?;
    }
    Ok((PathBuf::from(to), Some(kept)))
}

/// A template by its name; with a tag, at that tag of the place's repository.
pub fn find(name: &str, tag: Option<&str>, library: &Library) -> Result<Source> {
    for place in &library.places {
        let at = match tag {
            Some(t) => format!("{place}@{t}"),
            None => place.clone(),
        };
        let local = library.beside.join(place).is_dir();
        let (folder, kept) = match (local, tag) {
            (true, Some(t)) => {
                let (path, url) = (
                    library.beside.join(place),
                    library.beside.join(place).display().to_string(),
                );
                if !crate::git::is_repository(&path) {
                    continue;
                }
                fetch(&format!("file://{url}@{t}"), library)?
            }
            _ => fetch(&at, library)?,
        };
        if let Some((_, path)) = below(&folder)?.into_iter().find(|(n, _)| n == name) {
            let mut source = source::finish(path, name, tag.map(str::to_owned), kept)?;
            source.described = tag.map(str::to_owned);
            return Ok(source);
        }
    }
    let all = built_in();
    let Some(files) = all.get(name).filter(|f| f.iter().any(|(p, _)| *p == "template.toml")) else {
        let names: Vec<String> = list(library)?.into_iter().map(|l| l.name).collect();
        let near = names
            .iter()
            .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
        let hint = match near.filter(|n| strsim::jaro_winkler(n, name) > 0.7) {
            Some(n) => format!("did you mean {n}?"),
            None => "`imp shape list` shows those that there are".into(),
        };
        return Err(Fault::wrong(format!(
            "there is no template {name:?}, no such folder and no Git address; {hint}"
        )));
    };
    let kept = tempfile::Builder::new()
        .prefix("imp-template-")
        .tempdir()
        .map_err(|e| Fault::failed(format!("no temporary folder: {e}")))?;
    let root = kept.path().join("templates");
    let mut tree = Tree::default();
    let shared = all
        .get("parts")
        .into_iter()
        .flatten()
        .map(|(p, b)| (format!("parts/{p}"), *b));
    for (path, bytes) in files.iter().map(|(p, b)| (format!("{name}/{p}"), *b)).chain(shared) {
        let script = bytes.starts_with(b"#!");
        tree.file(&path, bytes.to_vec(), if script { 0o755 } else { 0o644 })?;
    }
    std::fs::create_dir_all(&root).map_err(|e| Fault::failed(format!("{}: {e}", root.display())))?;
    tree.write(&root)?;
    let mut source = source::finish(root.join(name), name, None, Some(kept))?;
    let manifest = std::fs::read_to_string(source.folder.join("template.toml")).unwrap_or_default();
    let version = manifest
        .parse::<toml::Table>()
        .ok()
        .and_then(|t| t.get("version").and_then(toml::Value::as_str).map(str::to_owned));
    if let (Some(tag), Some(version)) = (tag, &version)
        && tag.trim_start_matches('v') != version
    {
        return Err(Fault::wrong(format!(
            "the built-in template {name} is at {version}; there is no {tag:?} in this version of imp"
        )));
    }
    source.described = version;
    Ok(source)
}
