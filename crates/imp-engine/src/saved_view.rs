//! Filters that people keep under a name of their own.

use crate::store::{Conn, Row, StoreError};
use imp_core::At;

/// A filter with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedView {
    /// By which it is found; nobody guesses it.
    pub id: String,
    /// Whose it is.
    pub owner: String,
    /// The page that it filters: `incidents` or `insights`.
    pub page: String,
    /// What its owner calls it; one name is one view of a page.
    pub name: String,
    /// The filter, as the page's address says it.
    pub query: String,
    /// When it was first kept.
    pub made_at: At,
}

const COLUMNS: &str = "id, owner, page, name, query, made_at";

fn read(row: &Row) -> SavedView {
    SavedView {
        id: row.text(0).to_owned(),
        owner: row.text(1).to_owned(),
        page: row.text(2).to_owned(),
        name: row.text(3).to_owned(),
        query: row.text(4).to_owned(),
        made_at: At(row.int(5)),
    }
}

/// Keeps a view; one of the same name gets the new filter and stays what it is otherwise. A new one is kept only where its
/// owner has fewer than `most`, counted in the transaction that writes it; whether it was kept.
///
/// # Errors
/// What the store says.
pub fn keep(conn: &mut dyn Conn, v: &SavedView, most: usize) -> Result<bool, StoreError> {
    let kept = of(conn, &v.owner)?;
    if kept.len() >= most && !kept.iter().any(|k| k.page == v.page && k.name == v.name) {
        return Ok(false);
    }
    conn.run(
        "insert into saved_view (id, owner, page, name, query, made_at) values (?1, ?2, ?3, ?4, ?5, ?6)
         on conflict (owner, page, name) do update set query = excluded.query",
        &[
            v.id.as_str().into(),
            v.owner.as_str().into(),
            v.page.as_str().into(),
            v.name.as_str().into(),
            v.query.as_str().into(),
            v.made_at.0.into(),
        ],
    )?;
    Ok(true)
}

/// Gives a view another name, unless its owner calls a view of the page so; whether it did.
///
/// # Errors
/// What the store says.
pub fn rename(conn: &mut dyn Conn, id: &str, name: &str) -> Result<bool, StoreError> {
    let changed = conn.run(
        "update saved_view set name = ?2 where id = ?1 and not exists (select 1 from saved_view o
         where o.owner = saved_view.owner and o.page = saved_view.page and o.name = ?2)",
        &[id.into(), name.into()],
    )?;
    Ok(changed > 0)
}

/// Forgets a view.
///
/// # Errors
/// What the store says.
pub fn forget(conn: &mut dyn Conn, id: &str) -> Result<(), StoreError> {
    conn.run("delete from saved_view where id = ?1", &[id.into()])?;
    Ok(())
}

/// The view with this identifier.
///
/// # Errors
/// What the store says.
pub fn find(conn: &mut dyn Conn, id: &str) -> Result<Option<SavedView>, StoreError> {
    let sql = format!("select {COLUMNS} from saved_view where id = ?1");
    Ok(conn.rows(&sql, &[id.into()])?.first().map(read))
}

/// Somebody's views, by page and name.
///
/// # Errors
/// What the store says.
pub fn of(conn: &mut dyn Conn, owner: &str) -> Result<Vec<SavedView>, StoreError> {
    let sql = format!("select {COLUMNS} from saved_view where owner = ?1 order by page, name");
    Ok(conn.rows(&sql, &[owner.into()])?.iter().map(read).collect())
}
