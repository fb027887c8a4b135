//! Works on the runs that the console and the API have begun, each by one replica at a time.

use super::hands::{Place, ShaperHands, Vendors};
use imp_engine::birth::{self, Birth};
use imp_engine::{Desk, StoreError};
use imp_shaper::fault::{Fault, Result as Shaped};
use imp_shaper::publish::run::{Doing, carry_on, look_ahead};
use imp_shaper::publish::{Journal, Phase, Run};
use imp_shaper::tree::Tree;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How often it is looked for runs that somebody else has begun or let go.
const LOOK_EVERY: Duration = Duration::from_secs(5);

struct StoreJournal {
    desk: Desk,
    holder: String,
}

impl Journal for StoreJournal {
    fn keep<'a>(&'a self, run: &'a Run) -> Doing<'a, Shaped<()>> {
        Box::pin(async move {
            let (id, holder, phase) = (run.plan.id.clone(), self.holder.clone(), run.phase.word());
            let (text, now) = (json!(run).to_string(), self.desk.clock.now());
            let kept = self
                .desk
                .write(move |c| match birth::keep(c, &id, &holder, phase, &text, now)? {
                    true => Ok(()),
                    false => Err(StoreError("another replica works on it by now".into())),
                });
            kept.await.map_err(|e| Fault::failed(e.to_string()))
        })
    }
}

/// Works, for ever.
pub async fn work(desk: Desk, vendors: Vendors, told: Arc<Notify>) {
    if !desk.store.is_shared()
        && let Err(e) = desk.write(birth::let_go).await
    {
        tracing::warn!(error = %e, "runs of the Shaper that were under way wait a minute and a half");
    }
    loop {
        let now = desk.clock.now();
        match desk.store.read(move |c| birth::waiting(c, now)).await {
            Ok(all) => {
                for b in all {
                    tokio::spawn(one(desk.clone(), vendors.clone(), b));
                }
            }
            Err(e) => tracing::warn!(error = %e, "it cannot be seen whether a service is to be made"),
        }
        tokio::select! {
            () = told.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

async fn one(desk: Desk, vendors: Vendors, b: Birth) {
    let (id, holder) = (b.id.clone(), imp_console::secret());
    match take(&desk, &id, &holder).await {
        Ok(true) => {}
        Ok(false) => return,
        Err(e) => return tracing::warn!(run = id, error = %e, "a service could not be taken up"),
    }
    let journal = StoreJournal {
        desk: desk.clone(),
        holder,
    };
    if let Err(e) = go(&desk, vendors, &id, &journal).await {
        tracing::warn!(run = id, error = %e, "a service is left where it stands; it is taken up again");
    }
}

async fn take(desk: &Desk, id: &str, holder: &str) -> Result<bool, StoreError> {
    let (id, holder, now) = (id.to_owned(), holder.to_owned(), desk.clock.now());
    let (answer, taken) = tokio::sync::oneshot::channel();
    let wrote = desk.write(move |c| {
        let _ = answer.send(birth::take(c, &id, &holder, now)?);
        Ok(())
    });
    wrote.await.map_err(|e| StoreError(e.to_string()))?;
    Ok(taken.await.unwrap_or(false))
}

async fn go(desk: &Desk, vendors: Vendors, id: &str, journal: &StoreJournal) -> Shaped<()> {
    let failed = |e: &dyn std::fmt::Display| Fault::failed(e.to_string());
    let wanted = id.to_owned();
    let read = desk
        .store
        .read(move |c| Ok((birth::find(c, &wanted)?, birth::files(c, &wanted)?)));
    let (Some(b), Some(files)) = read.await.map_err(|e| failed(&e))? else {
        return Err(Fault::failed("it is gone"));
    };
    let mut run: Run = serde_json::from_str(&b.run).map_err(|e| failed(&e))?;
    let hands = ShaperHands::new(vendors, Place::Files(Tree::unpack(&files)?)).with_catalogue(desk.clone());
    if run.phase == Phase::Going
        && !run.has_begun()
        && let Err(e) = look_ahead(&run, &hands).await
    {
        run.phase = Phase::Failed;
        run.why = Some(e.to_string());
        return journal.keep(&run).await;
    }
    carry_on(&mut run, &hands, journal, &mut |_| {}).await
}
