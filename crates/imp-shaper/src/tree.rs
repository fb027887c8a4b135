//! Files before they are files: what a template makes, checked so that nothing leaves the folder it is made for.

use crate::fault::{Fault, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// How many files one template may make.
pub const FILES_MAX: usize = 20_000;
/// How much they may hold together: a service's first commit is far below it.
pub const BYTES_MAX: u64 = 256 << 20;
/// How long a name may be on the file systems in use.
const NAME_MAX: usize = 255;
/// Names that Windows keeps for devices: a repository with one cannot be cloned there.
const RESERVED: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2",
    "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A folder, which may be empty.
    Folder,
    /// A file with its permissions.
    File {
        /// What it holds.
        bytes: Vec<u8>,
        /// Permission bits.
        mode: u32,
    },
    /// A symbolic link within the tree.
    Link(String),
}

/// Paths and what stands there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    entries: BTreeMap<String, Entry>,
    bytes: u64,
}

/// A path of a template as a path within its folder, or why it is none.
pub fn inside(path: &str) -> Result<String> {
    let refuse = |why: &str| Err(Fault::failed(format!("the template makes the path {path:?}, {why}")));
    if path.starts_with('/') || path.starts_with('\\') || path.get(1..3) == Some(":\\") {
        return refuse("which is absolute: a template may only write into its own folder");
    }
    let mut parts = Vec::new();
    for part in path.split('/').filter(|p| !p.is_empty() && *p != ".") {
        if part == ".." {
            return refuse("which leaves the folder: a template may only write into its own folder");
        }
        if part.len() > NAME_MAX {
            return refuse("which is longer than file systems allow: shorten the answer it is made of");
        }
        if part.chars().any(char::is_control) {
            return refuse("which holds a control character: mend the answer it is made of");
        }
        let stem = part.split('.').next().unwrap_or_default().trim_end().to_lowercase();
        if RESERVED.contains(&stem.as_str()) {
            return refuse("a name that Windows keeps for a device: name it otherwise");
        }
        parts.push(part);
    }
    if parts.first().is_some_and(|p| p.eq_ignore_ascii_case(".git")) {
        return refuse("which is Git's own: take it out of the template");
    }
    Ok(parts.join("/"))
}

impl Tree {
    /// Puts a folder there.
    pub fn folder(&mut self, path: &str) -> Result<()> {
        let path = inside(path)?;
        self.parents(&path)?;
        if !path.is_empty() && !self.entries.contains_key(&path) {
            self.put(path, Entry::Folder)?;
        }
        Ok(())
    }

    /// Puts a file there; what stood there before is gone.
    pub fn file(&mut self, path: &str, bytes: Vec<u8>, mode: u32) -> Result<()> {
        let path = inside(path)?;
        if path.is_empty() || self.entries.get(&path) == Some(&Entry::Folder) {
            return Err(Fault::failed(format!(
                "the template makes a file where a folder stands: {path:?}"
            )));
        }
        self.parents(&path)?;
        self.bytes += bytes.len() as u64;
        if self.bytes > BYTES_MAX {
            return Err(Fault::failed(format!(
                "the template makes more than {} MiB",
                BYTES_MAX >> 20
            )));
        }
        self.put(
            path,
            Entry::File {
                bytes,
                mode: mode & 0o777,
            },
        )
    }

    /// Puts a symbolic link there, which must stay inside.
    pub fn link(&mut self, path: &str, target: &str) -> Result<()> {
        let path = inside(path)?;
        let from = path.rsplit_once('/').map_or("", |(f, _)| f);
        let mut depth = i64::try_from(from.split('/').filter(|p| !p.is_empty()).count()).unwrap_or(0);
        let leaves = target.starts_with('/') || {
            let mut left = false;
            for part in target.split('/') {
                depth += match part {
                    ".." => -1,
                    "" | "." => 0,
                    _ => 1,
                };
                left |= depth < 0;
            }
            left
        };
        if leaves {
            return Err(Fault::failed(format!(
                "the link {path:?} leads out of the folder, to {target:?}"
            )));
        }
        self.parents(&path)?;
        self.put(path, Entry::Link(target.to_owned()))
    }

    fn put(&mut self, path: String, entry: Entry) -> Result<()> {
        if self.entries.len() >= FILES_MAX {
            return Err(Fault::failed(format!("the template makes more than {FILES_MAX} files")));
        }
        self.entries.insert(path, entry);
        Ok(())
    }

    fn parents(&mut self, path: &str) -> Result<()> {
        let ends: Vec<usize> = path.match_indices('/').map(|(n, _)| n).collect();
        for end in ends {
            match self.entries.get(&path[..end]) {
                Some(Entry::Folder) => {}
                Some(_) => return Err(Fault::failed(format!("the template makes {path:?} inside a file"))),
                None => self.put(path[..end].to_owned(), Entry::Folder)?,
            }
        }
        Ok(())
    }

    /// What stands at a path.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// The bytes of a file.
    pub fn bytes(&self, path: &str) -> Option<&[u8]> {
        match self.entries.get(path) {
            Some(Entry::File { bytes, .. }) => Some(bytes),
            Some(Entry::Folder | Entry::Link(_)) | None => None,
        }
    }

    /// Takes something away.
    pub fn remove(&mut self, path: &str) {
        let below = format!("{path}/");
        self.entries.retain(|p, _| p != path && !p.starts_with(&below));
    }

    /// Everything, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(p, e)| (p.as_str(), e))
    }

    /// All of it as text, to be kept.
    pub fn pack(&self) -> String {
        use base64::Engine as _;
        let pack = |entry: &Entry| match entry {
            Entry::Folder => serde_json::json!({ "folder": true }),
            Entry::Link(to) => serde_json::json!({ "link": to }),
            Entry::File { bytes, mode } => {
                serde_json::json!({ "mode": mode, "bytes": base64::engine::general_purpose::STANDARD.encode(bytes) })
            }
        };
        let all = self.iter().map(|(path, entry)| (path.to_owned(), pack(entry)));
        serde_json::Value::Object(all.collect()).to_string()
    }

    /// What was kept, checked as if a template had made it.
    pub fn unpack(text: &str) -> Result<Tree> {
        use base64::Engine as _;
        let wrong = |e: &dyn std::fmt::Display| Fault::failed(format!("the files that were kept cannot be read: {e}"));
        let all: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).map_err(|e| wrong(&e))?;
        let mut tree = Tree::default();
        for (path, entry) in &all {
            match (entry["link"].as_str(), entry["bytes"].as_str()) {
                (Some(to), _) => tree.link(path, to)?,
                (None, Some(bytes)) => {
                    let bytes = base64::engine::general_purpose::STANDARD
                        .decode(bytes)
                        .map_err(|e| wrong(&e))?;
                    let mode = entry["mode"]
                        .as_u64()
                        .and_then(|m| u32::try_from(m).ok())
                        .unwrap_or(0o644);
                    tree.file(path, bytes, mode)?;
                }
                (None, None) => tree.folder(path)?,
            }
        }
        Ok(tree)
    }

    /// The paths of its files and links.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.iter().filter(|(_, e)| **e != Entry::Folder).map(|(p, _)| p)
    }

    /// Whether two names differ by case only, which file systems of macOS and Windows do not tell apart.
    pub fn check_case(&self) -> Result<()> {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for path in self.entries.keys() {
            if let Some(other) = seen.insert(path.to_lowercase(), path) {
                return Err(Fault::failed(format!(
                    "the template makes {other:?} and {path:?}, which differ by case only: macOS and Windows cannot hold both"
                )));
            }
        }
        Ok(())
    }

    /// Writes everything into a folder, which must not lead elsewhere on the way.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let mut writer = Writer::new(folder);
        for (path, entry) in &self.entries {
            writer.write(path, entry)?;
        }
        Ok(())
    }

    /// What a folder holds, without Git's own.
    pub fn read(folder: &Path) -> Result<Tree> {
        let mut tree = Tree::default();
        tree.read_below(folder, "")?;
        Ok(tree)
    }

    fn read_below(&mut self, folder: &Path, below: &str) -> Result<()> {
        for name in names(&folder.join(below))? {
            if below.is_empty() && name == ".git" {
                continue;
            }
            let path = if below.is_empty() {
                name
            } else {
                format!("{below}/{name}")
            };
            let at = folder.join(&path);
            let meta = at.symlink_metadata().map_err(|e| unreadable(&at, &e))?;
            if meta.is_symlink() {
                let target = std::fs::read_link(&at).map_err(|e| unreadable(&at, &e))?;
                self.put(path, Entry::Link(target.to_string_lossy().into_owned()))?;
            } else if meta.is_dir() {
                self.put(path.clone(), Entry::Folder)?;
                self.read_below(folder, &path)?;
            } else if meta.is_file() {
                self.bytes += meta.len();
                if self.bytes > BYTES_MAX {
                    return Err(Fault::failed(format!(
                        "{} holds more than {} MiB",
                        folder.display(),
                        BYTES_MAX >> 20
                    )));
                }
                let bytes = std::fs::read(&at).map_err(|e| unreadable(&at, &e))?;
                let mode = mode(&meta);
                self.put(path, Entry::File { bytes, mode })?;
            }
        }
        Ok(())
    }
}

/// Writes one entry.
pub fn write_entry(folder: &Path, path: &str, entry: &Entry) -> Result<()> {
    Writer::new(folder).write(path, entry)
}

/// Writes entries into a folder, and nowhere else.
struct Writer<'a> {
    folder: &'a Path,
    /// Folders below it that lead nowhere else, as seen since the last link was made.
    safe: BTreeSet<PathBuf>,
}

impl Writer<'_> {
    fn new(folder: &Path) -> Writer<'_> {
        Writer {
            folder,
            safe: BTreeSet::new(),
        }
    }

    fn write(&mut self, path: &str, entry: &Entry) -> Result<()> {
        let at = self.folder.join(path);
        let wrong = |e: std::io::Error| Fault::failed(format!("{} cannot be written: {e}", at.display()));
        let parent = at.parent().unwrap_or(self.folder);
        if !self.safe.contains(parent) {
            std::fs::create_dir_all(parent).map_err(wrong)?;
            let real = parent.canonicalize().map_err(wrong)?;
            if !real.starts_with(self.folder.canonicalize().map_err(wrong)?) {
                return Err(Fault::failed(format!(
                    "{} leads out of the folder through a link; nothing was written there",
                    at.display()
                )));
            }
            self.safe.insert(parent.to_owned());
        }
        if at.symlink_metadata().is_ok_and(|m| m.is_symlink()) {
            std::fs::remove_file(&at).map_err(wrong)?;
        }
        match entry {
            Entry::Folder => std::fs::create_dir_all(&at).map_err(wrong),
            Entry::File { bytes, mode } => {
                std::fs::write(&at, bytes).map_err(wrong)?;
                set_mode(&at, *mode).map_err(wrong)
            }
            Entry::Link(target) => {
                self.safe.clear();
                make_link(target, &at).map_err(wrong)
            }
        }
    }
}

/// The names in a folder, in order.
pub fn names(folder: &Path) -> Result<Vec<String>> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| unreadable(folder, &e))? {
        let entry = entry.map_err(|e| unreadable(folder, &e))?;
        let name = entry.file_name().into_string();
        out.push(name.map_err(|n| Fault::failed(format!("{}: the name {n:?} is not UTF-8", folder.display())))?);
    }
    out.sort();
    Ok(out)
}

fn unreadable(path: &Path, e: &std::io::Error) -> Fault {
    Fault::failed(format!("{} cannot be read: {e}", path.display()))
}

#[cfg(unix)]
fn make_link(target: &str, at: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, at)
}

#[cfg(not(unix))]
fn make_link(target: &str, at: &Path) -> std::io::Result<()> {
    std::fs::write(at, target)
}

/// The permission bits of a file.
#[cfg(unix)]
pub fn mode(meta: &std::fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    meta.permissions().mode() & 0o777
}

/// The permission bits of a file.
#[cfg(not(unix))]
pub fn mode(_: &std::fs::Metadata) -> u32 {
    0o644
}

#[cfg(unix)]
fn set_mode(at: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(at, std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Tree, inside};

    #[test]
    fn no_path_leaves_the_folder() {
        for bad in [
            "../x",
            "/etc/passwd",
            "a/../../x",
            ".git/hooks/pre-commit",
            ".GIT/config",
            "a/\u{7}b",
            "src/aux.rs",
        ] {
            assert!(inside(bad).is_err(), "{bad}");
        }
        assert_eq!(inside("./a//b/").expect("a path"), "a/b");
    }

    #[test]
    fn no_link_leaves_it_either() {
        let mut tree = Tree::default();
        assert!(tree.link("a/b", "../../x").is_err());
        assert!(tree.link("a/b", "/etc").is_err());
        assert!(tree.link("a/b", "../x").is_ok());
    }

    #[test]
    fn names_that_differ_by_case_are_told() {
        let mut tree = Tree::default();
        tree.file("README.md", Vec::new(), 0o644).expect("a file");
        tree.file("readme.md", Vec::new(), 0o644).expect("a file");
        assert!(
            tree.check_case()
                .expect_err("a clash")
                .to_string()
                .contains("README.md")
        );
    }
}
