//! A file of history, row by row: JSON Lines or CSV, whatever its size.

use imp_engine::import::Told;
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// The longest row that is believed: the longest summary, many times over.
const ROW_MAX: usize = 128 * 1024;

/// A row: the line on which it begins, and what it says or what is wrong with it.
pub type Row = (u64, Result<Told, String>);

/// A file that is being read.
pub struct Rows {
    from: Box<dyn BufRead + Send>,
    line: u64,
    form: Form,
    /// Columns of the file that mean nothing to IMP.
    pub unknown: Vec<String>,
}

enum Form {
    Json,
    Csv { separator: u8, columns: Vec<String> },
}

impl Rows {
    /// Opens a file; its ending says what it is.
    ///
    /// # Errors
    /// Where the ending is another, the file cannot be read, or its first line names no title.
    pub fn open(path: &Path) -> Result<Rows, String> {
        let name = path.display();
        let ending = path
            .extension()
            .map(|e| e.to_string_lossy().to_lowercase())
            .unwrap_or_default();
        let csv = match ending.as_str() {
            "csv" => true,
            "jsonl" | "ndjson" | "json" => false,
            _ => {
                return Err(format!(
                    "{name}: the file's name has to end in .csv or .jsonl, so that it is known what it is"
                ));
            }
        };
        let file = File::open(path).map_err(|e| format!("{name}: cannot be read: {e}"))?;
        Rows::new(Box::new(BufReader::new(file)), csv).map_err(|e| format!("{name}: {e}"))
    }

    fn new(from: Box<dyn BufRead + Send>, csv: bool) -> Result<Rows, String> {
        let mut rows = Rows {
            from,
            line: 0,
            form: Form::Json,
            unknown: Vec::new(),
        };
        if !csv {
            return Ok(rows);
        }
        let head = rows.bytes().map_err(|e| e.to_string())?.ok_or("the file is empty")??;
        let head = text(&head);
        let count = |c: char| head.chars().filter(|h| *h == c).count();
        let separator = if count(';') > count(',') { b';' } else { b',' };
        let columns = match fields(&head, separator) {
            Some(f) => f.iter().map(|c| c.trim().to_lowercase()).collect::<Vec<_>>(),
            None => return Err("line 1: a quotation mark is not closed".to_owned()),
        };
        if !columns.iter().any(|c| c == "title") {
            return Err(format!(
                "line 1 names the columns, and title has to be one of them; there are {}",
                Told::COLUMNS.join(", ")
            ));
        }
        rows.unknown = columns
            .iter()
            .filter(|c| !Told::COLUMNS.contains(&c.as_str()))
            .cloned()
            .collect();
        rows.form = Form::Csv { separator, columns };
        Ok(rows)
    }

    /// The next line, without its end; `None` at the end of the file. One that is too long is read over.
    fn bytes(&mut self) -> io::Result<Option<Result<Vec<u8>, String>>> {
        let mut out = Vec::new();
        let mut read = Read::take(&mut self.from, ROW_MAX as u64).read_until(b'\n', &mut out)?;
        if read == 0 {
            return Ok(None);
        }
        self.line += 1;
        if self.line == 1 && out.starts_with(b"\xef\xbb\xbf") {
            out.drain(..3);
        }
        if out.last() != Some(&b'\n') && read == ROW_MAX {
            let mut rest = Vec::new();
            while rest.last() != Some(&b'\n') && read > 0 {
                rest.clear();
                read = Read::take(&mut self.from, ROW_MAX as u64).read_until(b'\n', &mut rest)?;
            }
            return Ok(Some(Err(format!("the row is longer than {} KiB", ROW_MAX / 1024))));
        }
        while matches!(out.last(), Some(b'\n' | b'\r')) {
            out.pop();
        }
        Ok(Some(Ok(out)))
    }

    /// The next row.
    ///
    /// # Errors
    /// Where the file cannot be read on.
    pub fn row(&mut self) -> io::Result<Option<Row>> {
        loop {
            let Some(bytes) = self.bytes()? else { return Ok(None) };
            let line = self.line;
            let bytes = match bytes {
                Ok(b) if b.iter().all(u8::is_ascii_whitespace) => continue,
                Ok(b) => b,
                Err(why) => return Ok(Some((line, Err(why)))),
            };
            let told = match &self.form {
                Form::Json => json(&bytes),
                Form::Csv { .. } => self.csv(bytes)?,
            };
            return Ok(Some((line, told)));
        }
    }

    /// A row of CSV, which goes on over several lines where a quoted field does.
    fn csv(&mut self, mut bytes: Vec<u8>) -> io::Result<Result<Told, String>> {
        loop {
            let Form::Csv { separator, columns } = &self.form else {
                return Ok(Err("this is no table".to_owned()));
            };
            if let Some(found) = fields(&text(&bytes), *separator) {
                if found.len() != columns.len() {
                    return Ok(Err(format!(
                        "{} fields, where the first line names {}",
                        found.len(),
                        columns.len()
                    )));
                }
                let mut told = Told::default();
                for (column, value) in columns.iter().zip(found).filter(|(_, value)| !value.trim().is_empty()) {
                    told.set(column, value);
                }
                return Ok(Ok(told));
            }
            match self.bytes()? {
                Some(Ok(more)) if bytes.len() + more.len() < ROW_MAX => {
                    bytes.push(b'\n');
                    bytes.extend(more);
                }
                None => return Ok(Err("the file ends inside a quoted field".to_owned())),
                Some(_) => return Ok(Err("a quotation mark is not closed".to_owned())),
            }
        }
    }
}

/// UTF-8, or else Latin-1, in which every byte is the character with its number.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(t) => t.to_owned(),
        Err(_) => bytes.iter().map(|b| char::from(*b)).collect(),
    }
}

fn json(bytes: &[u8]) -> Result<Told, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|e| format!("this is no JSON object: {e}"))?;
    let Value::Object(fields) = value else {
        return Err("this is no JSON object".to_owned());
    };
    let mut told = Told::default();
    for (column, value) in fields {
        match value {
            Value::String(s) => told.set(&column, s),
            Value::Number(n) => told.set(&column, n.to_string()),
            Value::Null => {}
            Value::Bool(_) | Value::Array(_) | Value::Object(_) if !Told::COLUMNS.contains(&column.as_str()) => {}
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => return Err(format!("{column}: this is no text")),
        }
    }
    Ok(told)
}

/// The fields of a row of CSV (RFC 4180); `None` where a quoted one is still open.
fn fields(text: &str, separator: u8) -> Option<Vec<String>> {
    let separator = char::from(separator);
    let mut out = Vec::new();
    let mut field = String::new();
    let mut chars = text.chars().peekable();
    let mut quoted = false;
    let mut at_start = true;
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if at_start => quoted = true,
            c if c == separator && !quoted => {
                out.push(std::mem::take(&mut field));
                at_start = true;
                continue;
            }
            c => field.push(c),
        }
        at_start = false;
    }
    out.push(field);
    (!quoted).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8], csv: bool) -> Vec<Row> {
        let mut rows = Rows::new(Box::new(io::Cursor::new(text.to_vec())), csv).expect("a table");
        std::iter::from_fn(|| rows.row().expect("readable")).collect()
    }

    #[test]
    fn a_table_from_an_old_spreadsheet_is_read_in_latin_1_with_semicolons() {
        let rows = all(
            b"Title;Team;summary\r\nCaf\xe9 zu;essen;\"a;\"\"b\"\"\r\nc\"\r\n\r\nkurz;x\r\n",
            true,
        );
        let told = rows[0].1.as_ref().expect("a row");
        assert_eq!(told.title.as_deref(), Some("Café zu"));
        assert_eq!(told.summary.as_deref(), Some("a;\"b\"\nc"));
        assert_eq!((rows[1].0, rows[1].1.is_err()), (5, true), "{rows:?}");
        assert_eq!(rows.len(), 2);
    }

    #[test]
    fn a_file_that_was_cut_off_loses_its_last_row_only() {
        let rows = all(b"title,summary\nA,b\nC,\"d", true);
        assert!(rows[0].1.is_ok() && rows[1].1.is_err() && rows.len() == 2, "{rows:?}");
        let rows = all(b"{\"title\": \"A\", \"key\": 7, \"other\": []}\n{\"title\": \"B", false);
        assert_eq!(
            rows[0].1.as_ref().ok().and_then(|t| t.key.clone()).as_deref(),
            Some("7")
        );
        assert!(rows[1].1.is_err() && rows[1].0 == 2, "{rows:?}");
    }

    #[test]
    fn a_row_that_never_ends_does_not_fill_the_memory() {
        let mut long = b"{\"title\": \"A\"}\n{\"title\": \"".to_vec();
        long.extend(vec![b'x'; 3 * ROW_MAX]);
        long.extend(b"\"}\n{\"title\": \"C\"}\n");
        let rows = all(&long, false);
        assert!(
            rows.len() == 3 && rows[1].1.is_err() && rows[2].1.is_ok(),
            "{}",
            rows.len()
        );
        assert_eq!(rows[2].0, 3);
    }
}
