//! Whose an e-mail address is at the identity provider. Addresses are given to somebody else one day, subjects are not: who
//! comes with a known address and another subject is somebody else.

use crate::desk::{keep_sheet, sheet};
use crate::store::{Conn, StoreError};
use imp_core::At;
use serde::{Deserialize, Serialize};

/// A person as their provider knows them for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The provider.
    pub issuer: String,
    /// Its own name for the person, which it never gives to another.
    pub subject: String,
}

/// The sheet of an address.
fn place(email: &str) -> String {
    format!("identity:{email}")
}

/// Whether the address is this person's. The first who comes with it is its owner; with a new provider all begin anew.
///
/// # Errors
/// What the store says.
pub fn is_theirs(conn: &mut dyn Conn, email: &str, who: &Subject, now: At) -> Result<bool, StoreError> {
    let name = place(email);
    match sheet::<Subject>(conn, &name)? {
        Some(known) if known.issuer == who.issuer => Ok(known == *who),
        Some(_) | None => keep_sheet(conn, &name, now, who).map(|()| true),
    }
}

/// Lets go of an address, so that whoever comes with it next is its owner; whether anybody had it.
///
/// # Errors
/// What the store says.
pub fn let_go(conn: &mut dyn Conn, email: &str) -> Result<bool, StoreError> {
    let gone = conn.run("delete from sheet where name = ?1", &[place(email).into()])?;
    Ok(gone > 0)
}
