//! Where a template comes from: a name in the library, a folder, a Git address with or without `@TAG`.

use crate::fault::{Fault, Result};
use crate::formats::copier;
use crate::{git, library, tree, version};
use std::path::{Path, PathBuf};

/// The kinds of templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `template.toml`: our own.
    Native,
    /// `cookiecutter.json`.
    Cookiecutter,
    /// `copier.yml`.
    Copier,
}

impl Format {
    /// What the record calls it.
    pub fn name(self) -> &'static str {
        match self {
            Format::Native => "imp",
            Format::Cookiecutter => "cookiecutter",
            Format::Copier => "copier",
        }
    }

    /// Which one a folder holds.
    pub fn of(folder: &Path) -> Option<Format> {
        match () {
            () if folder.join("template.toml").is_file() => Some(Format::Native),
            () if copier::config_file(folder).is_some() => Some(Format::Copier),
            () if folder.join("cookiecutter.json").is_file() => Some(Format::Cookiecutter),
            () => None,
        }
    }
}

/// A template at hand.
#[derive(Debug)]
pub struct Source {
    /// Its files.
    pub folder: PathBuf,
    /// Its address without the tag, as it was given.
    pub address: String,
    /// The tag that it is at.
    pub tag: Option<String>,
    /// What Git calls its state.
    pub described: Option<String>,
    /// The commit.
    pub commit: Option<String>,
    /// The kind.
    pub format: Format,
    /// Taken away when it is dropped.
    kept: Option<tempfile::TempDir>,
}

/// Where templates are looked for by name.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// Folders and Git addresses, as the configuration lists them.
    pub places: Vec<String>,
    /// What relative folders are beside.
    pub beside: PathBuf,
}

/// What an address says: the place and the tag.
pub fn split(text: &str) -> (&str, Option<&str>) {
    let from = text.rfind(['/', ':']).map_or(0, |n| n + 1);
    match text[from..].rfind('@').filter(|n| from + n > 0) {
        Some(n) if from + n + 1 < text.len() => (&text[..from + n], Some(&text[from + n + 1..])),
        _ => (text, None),
    }
}

fn remote(text: &str) -> Option<String> {
    if let Some(rest) = text.strip_prefix("gh:") {
        return Some(format!("https://github.com/{}.git", rest.trim_end_matches(".git")));
    }
    if let Some(rest) = text.strip_prefix("gl:") {
        return Some(format!("https://gitlab.com/{}.git", rest.trim_end_matches(".git")));
    }
    let text = text.strip_prefix("git+").unwrap_or(text);
    let schemes = ["https://", "http://", "ssh://", "git://", "file://"];
    let known = schemes.iter().any(|s| text.starts_with(s)) || (text.contains('@') && text.contains(':'));
    (known && !text.starts_with('-')).then(|| text.to_owned())
}

/// Opens a template.
pub fn open(text: &str, library: &Library) -> Result<Source> {
    if text.trim().is_empty() {
        return Err(Fault::wrong("no template is named: see `imp shape list`"));
    }
    if Path::new(text).is_dir() {
        return folder(text, None);
    }
    let (place, tag) = split(text);
    if Path::new(place).is_dir() {
        return folder(place, tag);
    }
    if let Some(url) = remote(place) {
        return clone(place, &url, tag);
    }
    library::find(place, tag, library)
}

/// A template at one of its tags or commits, as a service's record names it.
pub fn open_at(address: &str, at: Option<&str>, library: &Library) -> Result<Source> {
    match at {
        Some(at) => open(&format!("{address}@{at}"), library),
        None => open(address, library),
    }
}

fn folder(place: &str, tag: Option<&str>) -> Result<Source> {
    let path = Path::new(place);
    let copier = copier::config_file(path).is_some() || (Format::of(path).is_none() && git::is_repository(path));
    if !git::is_repository(path) {
        return match tag {
            None => finish(path.to_owned(), place, None, None),
            Some(t) => Err(Fault::wrong(format!(
                "{place} is no Git repository, so it has no tag {t:?}"
            ))),
        };
    }
    let url = path
        .canonicalize()
        .map_err(|e| Fault::failed(format!("{place}: {e}")))?;
    let url = url.display().to_string();
    if tag.is_some() {
        return clone(place, &url, tag);
    }
    // Copier takes the newest tag of a folder too; a folder without tags is taken as it stands.
    if copier && version::newest(tags(&url)?.iter().map(String::as_str)).is_some() {
        return clone(place, &url, None);
    }
    let mut source = finish(path.to_owned(), place, None, None)?;
    source.describe();
    Ok(source)
}

/// The tags of a repository.
pub fn tags(url: &str) -> Result<Vec<String>> {
    let text = git::run(Path::new("."), &["ls-remote", "--tags", "--refs", "--", url])?;
    let names = text.lines().filter_map(|l| l.split_once("refs/tags/"));
    Ok(names.map(|(_, t)| t.to_owned()).collect())
}

fn clone(place: &str, url: &str, tag: Option<&str>) -> Result<Source> {
    let kept = tempfile::Builder::new()
        .prefix("imp-template-")
        .tempdir()
        .map_err(|e| Fault::failed(format!("no temporary folder: {e}")))?;
    let to = kept.path().join(name_of(place));
    let to_text = to.display().to_string();
    git::run(
        kept.path(),
        &[
            "clone",
            "--quiet",
            "--no-checkout",
            "--no-hardlinks",
            "--",
            url,
            &to_text,
        ],
    )?;
    let listed = git::run(&to, &["tag", "--list"])?;
    let tags: Vec<&str> = listed.lines().collect();
    let wanted = match tag {
        Some(t) => Some(t.to_owned()),
        None => version::newest(tags.iter().copied()).map(str::to_owned),
    };
    let target = match &wanted {
        None => "HEAD".to_owned(),
        Some(w) => {
            let candidates = [format!("refs/tags/{w}"), format!("refs/remotes/origin/{w}"), w.clone()];
            let exists = |c: &&String| {
                !c.starts_with('-')
                    && git::run(
                        &to,
                        &[
                            "rev-parse",
                            "--verify",
                            "--quiet",
                            "--end-of-options",
                            &format!("{c}^{{commit}}"),
                        ],
                    )
                    .is_ok()
            };
            let found = candidates.iter().find(exists).cloned();
            found.ok_or_else(|| {
                let known = if tags.is_empty() {
                    "it has no tags".into()
                } else {
                    format!("it has {}", tags.join(", "))
                };
                Fault::wrong(format!("the template {place} has no tag {w:?}; {known}"))
            })?
        }
    };
    git::run(&to, &["checkout", "--quiet", "--detach", &target])?;
    let tag = wanted.filter(|w| tags.contains(&w.as_str()));
    let mut source = finish(to, place, tag, Some(kept))?;
    source.describe();
    Ok(source)
}

fn name_of(place: &str) -> String {
    let last = place
        .trim_end_matches('/')
        .rsplit(['/', ':'])
        .next()
        .unwrap_or("template");
    let name: String = last
        .trim_end_matches(".git")
        .chars()
        .filter(|c| c.is_alphanumeric() || "-_.".contains(*c))
        .collect();
    if name.trim_matches('.').is_empty() {
        "template".into()
    } else {
        name
    }
}

/// Checks that a folder holds a template.
pub fn finish(folder: PathBuf, address: &str, tag: Option<String>, kept: Option<tempfile::TempDir>) -> Result<Source> {
    let format = Format::of(&folder).ok_or_else(|| {
        Fault::wrong(format!(
            "{address} is no template: it has neither template.toml nor cookiecutter.json nor copier.yml"
        ))
    })?;
    weigh(&folder)?;
    Ok(Source {
        folder,
        address: address.to_owned(),
        tag,
        described: None,
        commit: None,
        format,
        kept,
    })
}

impl Source {
    fn describe(&mut self) {
        let said = |args: &[&str]| git::run(&self.folder, args).ok().map(|t| t.trim().to_owned());
        self.described = said(&["describe", "--tags", "--always"]);
        self.commit = said(&["rev-parse", "HEAD"]);
    }

    /// Keeps a copy of the template that may be changed, such as its hooks do.
    pub fn copy(&mut self) -> Result<()> {
        let kept = tempfile::Builder::new()
            .prefix("imp-template-")
            .tempdir()
            .map_err(|e| Fault::failed(format!("no temporary folder: {e}")))?;
        let to = kept.path().join(name_of(&self.address));
        std::fs::create_dir_all(&to).map_err(|e| Fault::failed(format!("{}: {e}", to.display())))?;
        tree::Tree::read(&self.folder)?.write(&to)?;
        self.folder = to;
        self.kept = Some(kept);
        Ok(())
    }

    /// What the record calls this version: the tag, else the commit, else nothing.
    pub fn version(&self) -> Option<String> {
        self.tag.clone().or_else(|| self.described.clone())
    }
}

/// A template's size, before anything of it is read.
fn weigh(folder: &Path) -> Result<()> {
    let (mut files, mut bytes) = (0_usize, 0_u64);
    let mut folders = vec![(folder.to_owned(), 0_usize)];
    while let Some((at, depth)) = folders.pop() {
        let read = std::fs::read_dir(&at).map_err(|e| Fault::failed(format!("{}: {e}", at.display())))?;
        for entry in read.flatten() {
            let Ok(meta) = entry.metadata() else {
                continue;
            };
            if meta.is_dir() && !(depth == 0 && entry.file_name() == ".git") {
                folders.push((entry.path(), depth + 1));
            } else if meta.is_file() {
                files += 1;
                bytes += meta.len();
            }
            if files > tree::FILES_MAX || bytes > tree::BYTES_MAX || depth > 64 {
                return Err(Fault::failed(format!(
                    "{} is larger than a template may be ({} files, {} MiB): is it the right folder?",
                    folder.display(),
                    tree::FILES_MAX,
                    tree::BYTES_MAX >> 20
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_tag_stands_after_the_last_sign() {
        for (text, place, tag) in [
            ("rust-service", "rust-service", None),
            ("rust-service@v1", "rust-service", Some("v1")),
            ("git@example.com:acme/t.git", "git@example.com:acme/t.git", None),
            (
                "git@example.com:acme/t.git@v1.2",
                "git@example.com:acme/t.git",
                Some("v1.2"),
            ),
            ("https://me@example.com/t.git", "https://me@example.com/t.git", None),
            ("./t@v1", "./t", Some("v1")),
        ] {
            assert_eq!(split(text), (place, tag), "{text}");
        }
    }
}
