//! `imp backup` and `imp restore`: everything that the store remembers, into a file and out of one.

use crate::Failure;
use crate::config::Config;
use imp_engine::store::apart;
use imp_engine::{Clock, Store, SystemClock, backup};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Copies the store, while `imp serve` may be running, into a file that is not there yet, or to standard output.
///
/// # Errors
/// Where the store cannot be read or the file not be written.
pub fn write(config: &Config, file: Option<&Path>) -> Result<(), Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::Failed(format!("the backup failed: {e}"));
    let mut conn = Store::peek(&config.store.url).map_err(|e| Failure::Failed(e.to_string()))?;
    let now = SystemClock.now();
    let Some(file) = file else {
        if io::stdout().is_terminal() {
            return Err(Failure::Wrong(
                "name a file for the backup, or send the output somewhere: imp backup --config imp.toml FILE".into(),
            ));
        }
        let rows = apart(|| backup::write(conn.as_mut(), now, &mut BufWriter::new(io::stdout()), &mut said));
        return rows.map(done).map_err(|e| failed(&e));
    };
    let name = file.display();
    if file.exists() {
        return Err(Failure::Failed(format!("{name} is there already; name another file")));
    }
    // It gets its name when it is whole, so that half of one is never taken for a backup.
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let made =
        File::create(&part).map_err(|e| Failure::Failed(format!("{} cannot be written: {e}", part.display())))?;
    let mut out = BufWriter::new(made);
    let rows = apart(|| backup::write(conn.as_mut(), now, &mut out, &mut said));
    let kept = rows.map_err(|e| failed(&e)).and_then(|rows| {
        let on_disk = out.get_ref().sync_all().and_then(|()| std::fs::rename(&part, file));
        on_disk.map(|()| rows).map_err(|e| failed(&e))
    });
    if kept.is_err() {
        // The disk may be full: what is there is of no use.
        let _ = std::fs::remove_file(&part);
    }
    kept.map(done)
}

/// Fills an empty store from a file.
///
/// # Errors
/// Where the file is not a whole backup, or the store is in use or not empty. Then nothing was written.
pub fn restore(config: &Config, file: &Path) -> Result<(), Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::Failed(format!("{}: {e}", file.display()));
    let open = || File::open(file).map(BufReader::new).map_err(|e| failed(&e));
    // Read to its end before anything is written.
    backup::verify(&mut open()?).map_err(|e| failed(&e))?;
    let (_store, mut conn) = Store::open(&config.store.url).map_err(|e| Failure::Failed(e.to_string()))?;
    let mut from = open()?;
    let rows = apart(|| backup::restore(conn.as_mut(), &mut from, &mut said));
    rows.map(done).map_err(|e| failed(&e))
}

fn said(rows: u64) {
    tell(&format!("imp: {rows} rows …"));
}

fn done(rows: u64) {
    tell(&format!("imp: {rows} rows, done"));
}

fn tell(text: &str) {
    // Progress is for whoever looks; nobody has to.
    let _ = writeln!(io::stderr(), "{text}");
}
