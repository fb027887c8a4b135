//! Who follows which service: a sheet in the store, at hand in the house.

use crate::audit::{self, Deed};
use crate::desk::{Desk, House, SubmitError, keep_sheet, sheet};
use crate::store::{Conn, StoreError};
use imp_core::audience::Subscriptions;
use imp_core::{Refusal, Who};
use std::sync::{Arc, Mutex, PoisonError};

/// The sheet.
const SHEET: &str = "subscriptions";

impl House {
    /// Takes up who follows which service.
    ///
    /// # Errors
    /// What the store says.
    pub fn know_subscriptions(&self, conn: &mut dyn Conn) -> Result<(), StoreError> {
        let kept: Subscriptions = sheet(conn, SHEET)?.unwrap_or_default();
        if *self.subscriptions.load_full() != kept {
            self.subscriptions.store(Arc::new(kept));
        }
        Ok(())
    }
}

impl Desk {
    /// Somebody follows a service from now on, by its alias. The deed is written down where that is new.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn follow_service(&self, service: &str, who: &Who, deed: Deed) -> Result<(), SubmitError> {
        let (service, who) = (service.to_owned(), who.clone());
        self.change_subscriptions(deed, move |all| all.add(&service, &who))
            .await
    }

    /// Somebody follows a service no longer. The deed is written down where they did.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn unfollow_service(&self, service: &str, who: &Who, deed: Deed) -> Result<(), SubmitError> {
        let (service, who) = (service.to_owned(), who.clone());
        self.change_subscriptions(deed, move |all| {
            all.remove(&service, &who);
            Ok(())
        })
        .await
    }

    async fn change_subscriptions<F>(&self, deed: Deed, change: F) -> Result<(), SubmitError>
    where
        F: FnOnce(&mut Subscriptions) -> Result<(), Refusal> + Send + 'static,
    {
        let (now, house) = (self.clock.now(), self.house.clone());
        let refusal = Arc::new(Mutex::new(None));
        let told = refusal.clone();
        let write = move |conn: &mut dyn Conn| {
            // As the store has it: another replica may have written since.
            let before: Subscriptions = sheet(conn, SHEET)?.unwrap_or_default();
            let mut all = before.clone();
            match change(&mut all) {
                Ok(()) if all == before => {}
                Ok(()) => {
                    keep_sheet(conn, SHEET, now, &all)?;
                    audit::write(conn, deed)?;
                }
                Err(r) => {
                    *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(r);
                    return Ok(before);
                }
            }
            Ok(all)
        };
        let known = move |all| house.subscriptions.store(Arc::new(all));
        self.write_then(write, known).await?;
        let refused = refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
        refused.map_or(Ok(()), |r| Err(SubmitError::Refused(Box::new(r))))
    }
}
