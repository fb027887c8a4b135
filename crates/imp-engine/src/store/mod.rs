//! The store: one connection that writes, a few that read, and migrations that bring any former file up to date.

mod conn;
mod sqlite;

pub use conn::{Conn, Row, StoreError, Val};
use sqlite::Sqlite;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;

/// Migrations, oldest first. One that has been released is never edited.
const MIGRATIONS: [&str; 2] = [
    include_str!("../../migrations/0001_begin.sql"),
    include_str!("../../migrations/0002_due_by_rank.sql"),
];

/// Connections that read at the same time: two cores seldom want more.
const READERS: usize = 4;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is not one that we know.
    #[error("store.url {0:?} is not usable: write sqlite://PATH")]
    Address(String),
    /// Another process has it.
    #[error("{0} is in use by another imp process; stop that one, or give this one a store of its own")]
    InUse(String),
    /// It was written by a newer version.
    #[error(
        "{path} was written by a newer version of imp (schema {found}, this one knows {known}); install that version"
    )]
    Newer {
        /// The file.
        path: String,
        /// The schema found in it.
        found: i64,
        /// The newest that this binary knows.
        known: i64,
    },
    /// It cannot be opened or written.
    #[error("cannot open the store {path}: {source}")]
    Broken {
        /// The file.
        path: String,
        /// Why.
        source: StoreError,
    },
}

/// An open store.
#[derive(Debug, Clone)]
pub struct Store {
    path: PathBuf,
    readers: Arc<Mutex<Vec<Sqlite>>>,
    /// Who may read now; the others wait for a connection rather than open one more.
    places: Arc<Semaphore>,
    _lock: Arc<std::fs::File>,
}

impl Store {
    /// Opens `sqlite://PATH`, makes the file where there is none, and migrates it. Gives the store and the one
    /// connection that may write.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(url: &str) -> Result<(Store, Box<dyn Conn>), OpenError> {
        let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
        let Some(path) = path.filter(|p| !p.is_empty()) else {
            return Err(OpenError::Address(redacted(url)));
        };
        let broken = |source: StoreError| OpenError::Broken {
            path: path.to_owned(),
            source,
        };
        let lock = lock(path)?;
        let mut writer = Sqlite::open(path, true).map_err(broken)?;
        migrate(&mut writer, path)?;
        let store = Store {
            path: PathBuf::from(path),
            readers: Arc::new(Mutex::new(Vec::new())),
            places: Arc::new(Semaphore::new(READERS)),
            _lock: Arc::new(lock),
        };
        Ok((store, Box::new(writer)))
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
        let mut conn = Sqlite::open(&self.path.to_string_lossy(), true)?;
        conn.run("pragma wal_checkpoint(truncate)", &[]).map(|_| ())
    }

    /// Reads, here and now.
    ///
    /// # Errors
    /// What the store says.
    pub fn read_now<T>(&self, f: impl FnOnce(&mut dyn Conn) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.readers.lock().ok().and_then(|mut r| r.pop());
        let mut conn = match idle {
            Some(c) => c,
            None => Sqlite::open(&self.path.to_string_lossy(), false)?,
        };
        let out = f(&mut conn);
        if let Ok(mut readers) = self.readers.lock()
            && readers.len() < READERS
        {
            readers.push(conn);
        }
        out
    }
}

fn lock(path: &str) -> Result<std::fs::File, OpenError> {
    let name = format!("{path}.lock");
    let file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name);
    let file = file.map_err(|e| OpenError::Broken {
        path: path.to_owned(),
        source: StoreError(e.to_string()),
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(std::fs::TryLockError::Error(e)) => Err(OpenError::Broken {
            path: path.to_owned(),
            source: StoreError(e.to_string()),
        }),
    }
}

fn migrate(conn: &mut dyn Conn, path: &str) -> Result<(), OpenError> {
    let broken = |source: StoreError| OpenError::Broken {
        path: path.to_owned(),
        source,
    };
    conn.run(
        "create table if not exists schema_version (version bigint not null)",
        &[],
    )
    .map_err(broken)?;
    let rows = conn
        .rows("select coalesce(max(version), 0) from schema_version", &[])
        .map_err(broken)?;
    let found = rows.first().map_or(0, |r| r.int(0));
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    for (n, sql) in MIGRATIONS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        conn.run("begin immediate", &[]).map_err(broken)?;
        let sql = sql.replace("{serial}", conn.serial());
        for statement in sql.split(';').map(str::trim).filter(|s| !s.is_empty()) {
            conn.run(statement, &[]).map_err(broken)?;
        }
        conn.run(
            "insert into schema_version (version) values (?1)",
            &[Val::from(n as i64 + 1)],
        )
        .map_err(broken)?;
        conn.run("commit", &[]).map_err(broken)?;
    }
    Ok(())
}

/// An address without the password that it may hold.
fn redacted(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(a), Some(b)) if b > a => format!("{}…{}", &url[..a + 3], &url[b..]),
        _ => url.to_owned(),
    }
}
