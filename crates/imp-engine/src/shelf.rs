//! The incidents that the desk has at hand: read once, written once a transaction, however many wishes concern them.

use crate::store::{Conn, StoreError};
use imp_core::{Incident, Ref};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// Incidents kept at hand between transactions: those that are worked on in the same minutes, at some ten kilobytes each.
const AT_HAND: usize = 128;

/// An incident and whether its row is behind.
#[derive(Debug, Clone)]
struct Book {
    incident: Arc<Incident>,
    behind: bool,
}

/// See above. What a failed job did to it can be undone, as the store undoes its part.
#[derive(Debug, Default)]
pub struct Shelf(RefCell<Books>);

#[derive(Debug, Default)]
struct Books {
    books: HashMap<u64, Book>,
    /// What stood here before the job that is under way.
    before: Vec<(u64, Option<Book>)>,
}

impl Books {
    fn put(&mut self, r: Ref, book: Book) {
        let before = self.books.insert(r.0, book);
        self.before.push((r.0, before));
    }
}

impl Shelf {
    /// The incident, if it is at hand.
    pub fn get(&self, r: Ref) -> Option<Arc<Incident>> {
        self.0.borrow().books.get(&r.0).map(|b| b.incident.clone())
    }

    /// Puts an incident here as its row has it.
    pub fn read(&self, incident: Arc<Incident>) {
        let r = incident.reference;
        self.0.borrow_mut().put(
            r,
            Book {
                incident,
                behind: false,
            },
        );
    }

    /// Puts an incident here that has changed; its row follows with [`Shelf::catch_up`].
    pub fn changed(&self, incident: Arc<Incident>) {
        let r = incident.reference;
        self.0.borrow_mut().put(r, Book { incident, behind: true });
    }

    /// A job begins: from here on it can be undone.
    pub fn begin(&self) {
        self.0.borrow_mut().before.clear();
    }

    /// The job failed: as it was when it began.
    pub fn undo(&self) {
        let mut inner = self.0.borrow_mut();
        while let Some((r, before)) = inner.before.pop() {
            match before {
                Some(book) => inner.books.insert(r, book),
                None => inner.books.remove(&r),
            };
        }
    }

    /// Writes the rows that are behind.
    ///
    /// # Errors
    /// What the store says.
    pub fn catch_up(
        &self,
        conn: &mut dyn Conn,
        mut save: impl FnMut(&mut dyn Conn, &Incident) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut inner = self.0.borrow_mut();
        let mut behind: Vec<Arc<Incident>> = inner
            .books
            .values()
            .filter(|b| b.behind)
            .map(|b| b.incident.clone())
            .collect();
        behind.sort_by_key(|i| i.reference);
        for incident in behind {
            save(conn, &incident)?;
            let r = incident.reference;
            inner.put(
                r,
                Book {
                    incident,
                    behind: false,
                },
            );
        }
        Ok(())
    }

    /// The transaction is kept. Where somebody else may write too, nothing is at hand any more.
    pub fn kept(&self, sole_writer: bool) {
        let mut inner = self.0.borrow_mut();
        inner.before.clear();
        if !sole_writer || inner.books.len() > AT_HAND {
            inner.books.clear();
        }
    }

    /// The transaction is not kept, or somebody wrote past the desk: nothing that stands here is known to be true.
    pub fn forget(&self) {
        *self.0.borrow_mut() = Books::default();
    }
}
