//! A PostgreSQL of the tests' own: found or fetched, started in a folder that goes with it, on a port that nobody uses.

use crate::run::{Broken, find, heard, must, say, target, works};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Debian's folder of servers, one folder a version.
const SERVERS: &str = "usr/lib/postgresql";
/// `nobody`: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;
/// Each test has its own connections, and each program that it starts.
const CONNECTIONS: u32 = 300;

/// The programs of a server: found in the search path or where Debian keeps them, else Debian's packages are unpacked
/// into `target/tools`; nothing is installed.
///
/// # Errors
/// When they are not there and cannot be had.
pub fn programs() -> Result<PathBuf, Broken> {
    if let Some(folder) = find("initdb").and_then(|p| p.parent().map(Path::to_owned)) {
        return Ok(folder);
    }
    let tools = target().join("tools");
    for root in [Path::new("/"), &tools] {
        if let Some(found) = newest(&root.join(SERVERS)) {
            return Ok(found);
        }
    }
    fetch(&tools)?;
    newest(&tools.join(SERVERS)).ok_or_else(ask)
}

fn ask() -> Broken {
    Broken(
        "The tests run on PostgreSQL as well as on SQLite: put initdb and postgres into the search path (Debian: apt-get install postgresql)."
            .to_owned(),
    )
}

/// The programs of the newest version in a folder, where they run.
fn newest(servers: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(servers).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = versions.map(|v| v.path().join("bin")).collect();
    all.sort();
    all.into_iter()
        .rev()
        .find(|bin| works(program(bin, "postgres").arg("--version")))
}

fn fetch(tools: &Path) -> Result<(), Broken> {
    if find("apt-get").is_none() || find("dpkg-deb").is_none() {
        return Err(ask());
    }
    let package = || {
        let said = heard(Command::new("apt-cache").args(["depends", "postgresql"]))?;
        let names = said.lines().filter_map(|l| l.trim().strip_prefix("Depends: "));
        names.map(str::to_owned).find(|n| n.starts_with("postgresql-"))
    };
    let package = match package() {
        Some(p) => p,
        None => {
            // The lists of packages may be missing or old.
            let _ = must(Command::new("apt-get").args(["-qq", "update"]));
            package().ok_or_else(ask)?
        }
    };
    say(&format!(
        "PostgreSQL is not there; Debian's packages are unpacked into {}.",
        tools.display()
    ));
    let downloads = tools.join("downloads/postgresql");
    fs::create_dir_all(downloads.join("partial"))
        .map_err(|e| Broken(format!("{} cannot be made: {e}.", downloads.display())))?;
    // What it needs beside itself and is not on this machine comes with it.
    let download = || {
        let mut c = Command::new("apt-get");
        c.args([
            "-qq",
            "-y",
            "--no-install-recommends",
            "--download-only",
            "-o",
            "Debug::NoLocking=1",
            "-o",
        ])
        .arg(format!("Dir::Cache::archives={}", downloads.display()))
        .args(["install", &package])
        .env("DEBIAN_FRONTEND", "noninteractive");
        must(&mut c)
    };
    if download().is_err() {
        let _ = must(Command::new("apt-get").args(["-qq", "update"]));
        download().map_err(|_| ask())?;
    }
    for deb in fs::read_dir(&downloads).into_iter().flatten().flatten() {
        if deb.path().extension().is_some_and(|e| e == "deb") {
            must(Command::new("dpkg-deb").arg("-x").arg(deb.path()).arg(tools))?;
        }
    }
    Ok(())
}

/// Debian's folder for the libraries of this kind of machine.
fn libraries() -> String {
    format!("lib/{}-linux-gnu", std::env::consts::ARCH)
}

/// A program of a server, with the libraries that were fetched with it.
fn program(bin: &Path, name: &str) -> Command {
    let mut c = Command::new(bin.join(name));
    if bin.starts_with(target()) {
        c.env("LD_LIBRARY_PATH", target().join("tools/usr").join(libraries()));
    }
    c.current_dir("/").stdin(Stdio::null());
    c
}

/// A server that runs; it ends with this.
pub struct Server {
    child: std::process::Child,
    folder: PathBuf,
    /// Its address, with the right to make databases.
    pub url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It keeps nothing that anybody wants, so it need not end tidily.
        let _ = works(Command::new("kill").args(["-QUIT", &self.child.id().to_string()]));
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Makes a server and starts it.
///
/// # Errors
/// When it cannot be made or does not start.
pub fn start(bin: &Path) -> Result<Server, Broken> {
    let folder = std::env::temp_dir().join(format!("imp-postgres-{}", std::process::id()));
    let failed = |e: std::io::Error| Broken(format!("PostgreSQL cannot be started in {}: {e}.", folder.display()));
    fs::create_dir_all(&folder).map_err(failed)?;
    let root = heard(Command::new("id").arg("-u")).is_some_and(|id| id == "0");
    if root {
        chown(&folder, Some(NOBODY), Some(NOBODY)).map_err(failed)?;
    }
    // Nobody may not be let into the folder where we build, so what was fetched is copied out of it.
    let copied = folder.join("usr");
    let (bin, beside) = match bin.strip_prefix(target().join("tools/usr")) {
        Ok(inside) => {
            for part in ["lib/postgresql", "share/postgresql", &libraries()] {
                let from = target().join("tools/usr").join(part);
                let to = copied.join(part);
                fs::create_dir_all(to.parent().unwrap_or(&copied)).map_err(failed)?;
                must(Command::new("cp").arg("-r").arg(from).arg(to))?;
            }
            (copied.join(inside), Some(copied.join(libraries())))
        }
        Err(_) => (bin.to_owned(), None),
    };
    let program = |name: &str| {
        let mut c = program(&bin, name);
        if let Some(l) = &beside {
            c.env("LD_LIBRARY_PATH", l);
        }
        c
    };
    let as_nobody = |mut c: Command| {
        if root {
            c.uid(NOBODY).gid(NOBODY);
        }
        c
    };
    let data = folder.join("data");
    let mut init = as_nobody(program("initdb"));
    init.args([
        "--username=imp",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
        "--pgdata",
    ])
    .arg(&data)
    .stdout(Stdio::null());
    must(&mut init)?;
    let port = TcpListener::bind(("127.0.0.1", 0))
        .and_then(|l| l.local_addr())
        .map_err(failed)?
        .port();
    let log = fs::File::create(folder.join("log")).map_err(failed)?;
    let mut serve = as_nobody(program("postgres"));
    serve
        .arg("-D")
        .arg(&data)
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k"])
        .arg(&folder)
        .args(["-c", &format!("max_connections={CONNECTIONS}"), "-c", "fsync=off"])
        .stdout(Stdio::null())
        .stderr(log);
    let child = serve.spawn().map_err(failed)?;
    let server = Server {
        child,
        url: format!("postgres://imp@127.0.0.1:{port}/postgres"),
        folder,
    };
    // It says so itself; pg_isready is not everywhere where the server is.
    let log = server.folder.join("log");
    for _ in 0..300 {
        let said = fs::read_to_string(&log).unwrap_or_default();
        if said.contains("ready to accept connections") {
            return Ok(server);
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let said = fs::read_to_string(&log).unwrap_or_default();
    Err(Broken(format!("PostgreSQL does not start: {said}")))
}
