//! What is followed: the process that an incident follows, and services that people follow.

use crate::serve::Hall;
use imp_core::{Actor, Door, Incident, Process, Role, Who, words};
use imp_engine::SubmitError;
use imp_engine::audit::{self, Deed};
use imp_vendors::slack::mrkdwn;
use std::sync::Arc;

/// The process that an incident follows; where there is none yet, the one in force.
pub fn process(hall: &Hall, incident: Option<&Incident>) -> Arc<Process> {
    let house = &hall.desk.house;
    incident.map_or_else(|| house.process.load_full(), |i| house.process_of(i))
}

/// Somebody follows a service, or follows it no longer; what they are told.
///
/// # Errors
/// See [`SubmitError`].
pub async fn service(hall: &Hall, user: &str, service: &str, follow: bool) -> Result<String, SubmitError> {
    let catalogue = hall.desk.house.catalogue.load_full();
    let Some(s) = catalogue.service(service) else {
        let near = catalogue.nearest_service(service);
        let near = near.map(|s| format!(" Do you mean {}?", mrkdwn::escape(&s.alias)));
        return Ok(format!(
            "The catalogue has no service {}.{}",
            mrkdwn::escape(&format!("{:?}", words::cut(service, 60))),
            near.unwrap_or_default()
        ));
    };
    let who = hall.desk.house.directory.load().complete(&Who::slack(user));
    let name = mrkdwn::escape(&s.alias);
    let by = Actor::Person {
        who: who.clone(),
        door: Door::Slack,
    };
    let deed = |what: &str| Deed {
        at: hall.desk.clock.now(),
        who: audit::name_of(&by),
        role: Role::Responder.word().to_owned(),
        door: "slack".to_owned(),
        origin: "slack".to_owned(),
        what: what.to_owned(),
        about: None,
        private: false,
        detail: serde_json::json!({"said": {"service": s.alias, "who": who.label()}}),
    };
    match follow {
        true => {
            hall.desk.follow_service(&s.alias, &who, deed("follow_service")).await?;
            Ok(format!(
                "You follow {name}: IMP writes to you directly about each of its incidents."
            ))
        }
        false => {
            hall.desk
                .unfollow_service(&s.alias, &who, deed("unfollow_service"))
                .await?;
            Ok(format!("You no longer follow {name}."))
        }
    }
}
