//! The store: one connection that writes, a few that read, and migrations that bring any former store up to date.

mod address;
mod conn;
mod migrate;
mod postgres;
mod sqlite;

use address::{Address, shown};
pub use conn::{Conn, Row, StoreError, Val, insert, known};
pub use migrate::{KNOWN as SCHEMA, all as migrations};
use postgres::{Purpose, Server};
use sqlite::Sqlite;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;

/// Connections that read at the same time: two cores seldom want more.
const READERS: usize = 4;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is not one that we know.
    #[error("store.url {url:?} is not usable: {why}")]
    Address {
        /// As it was given, without a password.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Another process has it.
    #[error("{0} is in use by another imp process; stop that one, or give this one a store of its own")]
    InUse(String),
    /// It was written by a newer version.
    #[error(
        "{path} was written by a newer version of imp (schema {found}, this one knows {known}); install that version"
    )]
    Newer {
        /// The file or the server.
        path: String,
        /// The schema found in it.
        found: i64,
        /// The newest that this binary knows.
        known: i64,
    },
    /// It was written by an older version, and is only to be read.
    #[error(
        "{path} was written by an older version of imp (schema {found}, this one knows {known}); start `imp serve` once, which brings it up to date"
    )]
    Older {
        /// The file or the server.
        path: String,
        /// The schema found in it.
        found: i64,
        /// The newest that this binary knows.
        known: i64,
    },
    /// It cannot be opened or written.
    #[error("cannot open the store {path}: {source}")]
    Broken {
        /// The file or the server.
        path: String,
        /// Why.
        source: StoreError,
    },
}

/// An open store.
#[derive(Debug, Clone)]
pub struct Store {
    place: Place,
    readers: Arc<Mutex<Vec<Box<dyn Conn>>>>,
    /// Who may read now; the others wait for a connection rather than open one more.
    places: Arc<Semaphore>,
}

#[derive(Debug, Clone)]
enum Place {
    File { path: PathBuf, _lock: Arc<std::fs::File> },
    Server(Arc<Server>),
}

impl std::fmt::Debug for dyn Conn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Conn")
    }
}

impl Store {
    /// Opens `sqlite://PATH` (the file is made where there is none) or `postgres://…`, and migrates it. Gives the store
    /// and the one connection of this process that may write.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(url: &str) -> Result<(Store, Box<dyn Conn>), OpenError> {
        apart(|| Store::open_here(url))
    }

    fn open_here(url: &str) -> Result<(Store, Box<dyn Conn>), OpenError> {
        let (place, mut writer): (Place, Box<dyn Conn>) = match parse(url)? {
            Parsed::File(path) => {
                let lock = Arc::new(lock(&path)?);
                let writer = Sqlite::open(&path, true).map_err(|e| broken(&path, e))?;
                let path = PathBuf::from(path);
                (Place::File { path, _lock: lock }, Box::new(writer))
            }
            Parsed::Server(address) => {
                let server = Arc::new(Server::new(*address));
                let writer = server.connect(Purpose::Write).map_err(|e| broken(server.shown(), e))?;
                (Place::Server(server), Box::new(writer))
            }
        };
        let store = Store {
            place,
            readers: Arc::default(),
            places: Arc::new(Semaphore::new(READERS)),
        };
        migrate::run(writer.as_mut(), &store.shown())?;
        Ok((store, writer))
    }

    /// A connection that reads everything there is, however long it takes, beside whoever writes.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn peek(url: &str) -> Result<Box<dyn Conn>, OpenError> {
        apart(|| Store::peek_here(url))
    }

    fn peek_here(url: &str) -> Result<Box<dyn Conn>, OpenError> {
        let (mut conn, name): (Box<dyn Conn>, String) = match parse(url)? {
            Parsed::File(path) => (
                Box::new(Sqlite::open(&path, false).map_err(|e| broken(&path, e))?),
                path,
            ),
            Parsed::Server(address) => {
                let server = Arc::new(Server::new(*address));
                let conn = server.connect(Purpose::Copy).map_err(|e| broken(server.shown(), e))?;
                (Box::new(conn), server.shown().to_owned())
            }
        };
        migrate::is_current(conn.as_mut(), &name)?;
        Ok(conn)
    }

    /// Whether an address can be read; nothing is opened.
    ///
    /// # Errors
    /// [`OpenError::Address`].
    pub fn understands(url: &str) -> Result<(), OpenError> {
        parse(url).map(drop)
    }

    /// Where it is, for people: without a password.
    pub fn shown(&self) -> String {
        match &self.place {
            Place::File { path, .. } => path.to_string_lossy().into_owned(),
            Place::Server(server) => server.shown().to_owned(),
        }
    }

    /// Whether several replicas may share it.
    pub fn is_shared(&self) -> bool {
        match self.place {
            Place::File { .. } => false,
            Place::Server(_) => true,
        }
    }

    /// Reads, on a thread that may block.
    ///
    /// # Errors
    /// What the store says.
    pub async fn read<T, F>(&self, f: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Conn) -> Result<T, StoreError> + Send + 'static,
    {
        let place = self.places.clone().acquire_owned().await;
        let place = place.map_err(|e| StoreError(e.to_string()))?;
        let store = self.clone();
        tokio::task::spawn_blocking(move || {
            let _place = place;
            store.read_now(f)
        })
        .await
        .unwrap_or_else(|e| Err(StoreError(format!("a reader ended early: {e}"))))
    }

    /// Brings everything that was written into the one file, so that a copy of it is whole.
    ///
    /// # Errors
    /// What the store says.
    pub fn gather(&self) -> Result<(), StoreError> {
        match &self.place {
            Place::File { path, .. } => {
                let mut conn = Sqlite::open(&path.to_string_lossy(), true)?;
                conn.run("pragma wal_checkpoint(truncate)", &[]).map(|_| ())
            }
            Place::Server(_) => Ok(()),
        }
    }

    /// Reads, here and now.
    ///
    /// # Errors
    /// What the store says.
    pub fn read_now<T>(&self, f: impl FnOnce(&mut dyn Conn) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.readers.lock().ok().and_then(|mut r| r.pop());
        let mut conn: Box<dyn Conn> = match (idle, &self.place) {
            (Some(c), _) => c,
            (None, Place::File { path, .. }) => Box::new(Sqlite::open(&path.to_string_lossy(), false)?),
            (None, Place::Server(server)) => Box::new(server.connect(Purpose::Read)?),
        };
        let out = f(conn.as_mut());
        if let Ok(mut readers) = self.readers.lock()
            && readers.len() < READERS
        {
            readers.push(conn);
        }
        out
    }
}

/// Does something on a thread of its own, and waits for it: a connection blocks whoever uses it, and PostgreSQL's client
/// does not let a thread be blocked that runs other tasks.
pub fn apart<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|s| match s.spawn(f).join() {
        Ok(out) => out,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

enum Parsed {
    File(String),
    Server(Box<Address>),
}

fn parse(url: &str) -> Result<Parsed, OpenError> {
    let wrong = |why: String| OpenError::Address { url: shown(url), why };
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Address::parse(url).map(|a| Parsed::Server(Box::new(a))).map_err(wrong);
    }
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
    match path.filter(|p| !p.is_empty()) {
        Some(p) => Ok(Parsed::File(p.to_owned())),
        None => Err(wrong("write sqlite://PATH or postgres://user@host/db".to_owned())),
    }
}

fn broken(path: &str, source: StoreError) -> OpenError {
    OpenError::Broken {
        path: path.to_owned(),
        source,
    }
}

fn lock(path: &str) -> Result<std::fs::File, OpenError> {
    let name = format!("{path}.lock");
    let file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name);
    let file = file.map_err(|e| broken(path, StoreError(e.to_string())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(std::fs::TryLockError::Error(e)) => Err(broken(path, StoreError(e.to_string()))),
    }
}
