//! The kinds of templates: each reads its own files and answers with the same thing.

pub mod cookiecutter;
pub mod copier;
pub mod copier_answers;
pub mod glob;

use crate::fault::{Fault, Result};
use crate::jinja::Manner;
use crate::jinja::rewrite::Marks;
use serde_json::{Map, Value};
use std::path::Path;

/// The largest file of a template.
const FILE_MAX: u64 = 64 << 20;

/// A file of a template with its permissions.
pub fn read_file(path: &Path) -> Result<(Vec<u8>, u32)> {
    let wrong = |e: std::io::Error| Fault::failed(format!("{} cannot be read: {e}", path.display()));
    let meta = std::fs::metadata(path).map_err(wrong)?;
    if !meta.is_file() {
        return Err(Fault::failed(format!(
            "{} is neither a file nor a folder: take it out of the template",
            path.display()
        )));
    }
    if meta.len() > FILE_MAX {
        return Err(Fault::failed(format!(
            "{} is larger than {} MiB: take it out of the template",
            path.display(),
            FILE_MAX >> 20
        )));
    }
    Ok((std::fs::read(path).map_err(wrong)?, crate::tree::mode(&meta)))
}

/// The options of Jinja2's environment that a template sets.
pub fn manner(vars: &Map<String, Value>, strict: bool) -> Manner {
    let text = |k: &str| vars.get(k).and_then(Value::as_str).map(str::to_owned);
    let flag = |k: &str, d: bool| vars.get(k).and_then(Value::as_bool).unwrap_or(d);
    let plain = Marks::default();
    let or = |k: &str, d: &str| text(k).unwrap_or_else(|| d.to_owned());
    Manner {
        marks: Marks {
            block: (
                or("block_start_string", &plain.block.0),
                or("block_end_string", &plain.block.1),
            ),
            variable: (
                or("variable_start_string", &plain.variable.0),
                or("variable_end_string", &plain.variable.1),
            ),
            comment: (
                or("comment_start_string", &plain.comment.0),
                or("comment_end_string", &plain.comment.1),
            ),
        },
        trim_blocks: flag("trim_blocks", false),
        lstrip_blocks: flag("lstrip_blocks", false),
        keep_trailing_newline: flag("keep_trailing_newline", true),
        line_statement: text("line_statement_prefix"),
        line_comment: text("line_comment_prefix"),
        strict,
        folders: Vec::new(),
    }
}
