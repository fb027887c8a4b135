//! Compiles the templates in, so that the one binary is all that has to be installed.

use std::fmt::Write as _;
use std::path::Path;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(&root, "", &mut files);
    files.sort();
    let mut out =
        String::from("/// Every file of the templates, by its path.\nstatic BUILT_IN: &[(&str, &[u8])] = &[\n");
    for path in files {
        let full = root.join(&path);
        println!("cargo::rerun-if-changed={}", full.display());
        let _ = writeln!(out, "    ({path:?}, include_bytes!({:?})),", full.display().to_string());
    }
    out.push_str("];\n");
    let to = std::env::var("OUT_DIR").unwrap_or_default();
    if let Err(e) = std::fs::write(Path::new(&to).join("built_in.rs"), out) {
        panic!("the templates cannot be compiled in: {e}");
    }
}

fn collect(root: &Path, below: &str, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(root.join(below)).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        match entry.path().is_dir() {
            true => collect(root, &path, files),
            false => files.push(path),
        }
    }
}
