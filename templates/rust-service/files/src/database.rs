//! PostgreSQL: whether it answers, and its shape.

use std::time::Duration;
use tokio_postgres::{Client, NoTls};

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

async fn connect() -> Result<Client, String> {
    let url = std::env::var("DATABASE_URL").map_err(|_| "DATABASE_URL is not set".to_owned())?;
    // The reason may name hosts and users, which is nobody's business outside.
    let (client, connection) =
        tokio_postgres::connect(&url, NoTls).await.map_err(|_| "the database does not answer".to_owned())?;
    tokio::spawn(connection);
    Ok(client)
}

/// Whether the database can be used.
///
/// # Errors
/// Why it cannot.
pub async fn ready() -> Result<(), String> {
    let asked = async {
        let client = connect().await?;
        client.simple_query("select 1").await.map_err(|_| "the database does not answer".to_owned())
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(answer) => answer.map(|_| ()),
        Err(_) => Err("the database does not answer in time".into()),
    }
}

/// Runs each file of migrations/ once, in order.
///
/// # Errors
/// What went wrong, and with which file.
pub async fn migrate() -> Result<(), String> {
    let mut client = connect().await?;
    let begin = "select pg_advisory_lock(8113); create table if not exists schema_version (name text primary key, at timestamptz default now())";
    client.batch_execute(begin).await.map_err(|e| e.to_string())?;
    let mut files: Vec<_> = std::fs::read_dir("migrations")
        .map_err(|e| format!("migrations: {e}"))?
        .flatten()
        .map(|e| e.path())
        .collect();
    files.sort();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "sql")) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let wrong = |e: tokio_postgres::Error| format!("{name}: {e}");
        let sql = std::fs::read_to_string(file).map_err(|e| format!("{name}: {e}"))?;
        let change = client.transaction().await.map_err(wrong)?;
        let seen = "select 1 from schema_version where name = $1";
        if change.query_opt(seen, &[&name]).await.map_err(wrong)?.is_some() {
            continue;
        }
        change.batch_execute(&sql).await.map_err(wrong)?;
        let keep = "insert into schema_version (name) values ($1)";
        change.execute(keep, &[&name]).await.map_err(wrong)?;
        change.commit().await.map_err(wrong)?;
    }
    Ok(())
}
