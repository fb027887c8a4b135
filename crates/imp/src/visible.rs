//! Which incidents somebody in Slack may see; that they were shown private ones is written down.

use crate::serve::Hall;
use imp_core::{Actor, Door, Incident, Role, Who, rights};
use imp_engine::{StoreError, audit, read};
use serde_json::json;

/// Incidents shown in a list or a menu.
pub const LISTED: usize = 50;

/// Whether somebody may see an incident.
pub fn sees(hall: &Hall, i: &Incident, user: &str) -> bool {
    let who = hall.desk.house.directory.load().complete(&Who::slack(user));
    rights::may_see(i, &Actor::Person { who, door: Door::Slack }, Role::Responder)
}

/// The newest incidents that somebody may see: a list's length and more where there are more.
pub async fn visible(hall: &Hall, user: &str, categories: &[&str]) -> Result<Vec<Incident>, StoreError> {
    let filter = read::Filter {
        categories: categories.iter().map(|c| (*c).to_owned()).collect(),
        ..read::Filter::default()
    };
    // What others may not see is left out here, so it is read on until enough is left.
    let (mut out, mut before): (Vec<Incident>, Option<u64>) = (Vec::new(), None);
    loop {
        let filter = filter.clone();
        let page = hall
            .desk
            .store
            .read(move |c| read::incidents(c, &filter, before, LISTED))
            .await?;
        let full = page.len() == LISTED;
        before = page.last().map(|i| i.reference.0);
        out.extend(page.into_iter().filter(|i| sees(hall, i, user)));
        if !full || out.len() > LISTED {
            break;
        }
    }
    witness(hall, user, &out).await?;
    Ok(out)
}

/// Writes down that somebody was shown private incidents. Without the entry there is no look.
async fn witness(hall: &Hall, user: &str, shown: &[Incident]) -> Result<(), StoreError> {
    let who = hall.desk.house.directory.load().complete(&Who::slack(user));
    let (by, now) = (Actor::Person { who, door: Door::Slack }, hall.desk.clock.now());
    let deed = |i: &Incident| audit::Deed {
        at: now,
        who: audit::name_of(&by),
        role: Role::Responder.word().to_owned(),
        door: "slack".to_owned(),
        origin: "slack".to_owned(),
        what: "look".to_owned(),
        about: Some(i.reference),
        private: true,
        detail: json!({"how": "listed"}),
    };
    let deeds: Vec<audit::Deed> = shown.iter().filter(|i| i.private).map(deed).collect();
    if deeds.is_empty() {
        return Ok(());
    }
    let write = hall
        .desk
        .write(move |c| deeds.into_iter().try_for_each(|d| audit::write(c, d)));
    write.await.map_err(|e| StoreError(e.to_string()))
}
