//! Who follows an incident without being in it: they hear of updates and of each new status, directly. Pure.

use crate::effect::{Effect, What};
use crate::event::{Event, Fact};
use crate::person::{Actor, Who};
use crate::{Facts, Incident, Refusal, whom};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Followers of one incident at most: each hears each update by a message of its own.
const FOLLOWERS_MAX: usize = 200;

/// Somebody follows it from now on. Whoever does already, does.
pub(crate) fn subscribe(i: &Incident, who: &Who, facts: &Facts) -> Result<Vec<Event>, Refusal> {
    let who = whom::person(who, "user", facts)?;
    if who.slack.is_none() {
        let message = "Say who: somebody whom Slack knows, by identifier or e-mail address.";
        return Err(Refusal::field("user", message));
    }
    if i.private && !i.has_member(&who) {
        let message = format!("{} is private; only who is in it can follow it.", i.reference);
        return Err(Refusal::field("user", message));
    }
    if i.followers.len() >= FOLLOWERS_MAX {
        let message = format!("{FOLLOWERS_MAX} people follow it; use its channel or the announcement instead.");
        return Err(Refusal::field("user", message));
    }
    Ok(match i.followers.iter().any(|f| f.is(&who)) {
        true => Vec::new(),
        false => vec![Event::Subscribed { who, service: None }],
    })
}

/// Who follows which service: they follow each of its incidents from the moment at which it is known to be real.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Subscriptions {
    /// People by the service's alias.
    pub services: BTreeMap<String, Vec<Who>>,
}

impl Subscriptions {
    /// Whoever follows a service.
    pub fn of(&self, service: &str) -> &[Who] {
        self.services.get(service).map_or(&[], Vec::as_slice)
    }

    /// Somebody follows a service from now on.
    ///
    /// # Errors
    /// Where so many do that each would hear of it late.
    pub fn add(&mut self, service: &str, who: &Who) -> Result<(), Refusal> {
        let all = self.services.entry(service.to_owned()).or_default();
        if all.iter().any(|w| w.is(who)) {
            return Ok(());
        }
        if all.len() >= FOLLOWERS_MAX {
            let message = format!("{FOLLOWERS_MAX} people follow {service}; use the announcements instead.");
            return Err(Refusal::field("user", message));
        }
        all.push(who.clone());
        Ok(())
    }

    /// Somebody follows a service no longer.
    pub fn remove(&mut self, service: &str, who: &Who) {
        if let Some(all) = self.services.get_mut(service) {
            all.retain(|w| !w.is(who));
        }
        self.services.retain(|_, all| !all.is_empty());
    }
}

/// Who follows an incident for its service's sake, once these facts are true: it is real now, or its service is another.
/// Nobody follows a private one so.
pub(crate) fn for_the_service(before: Option<&Incident>, events: &[Event], by: &Actor, facts: &Facts) -> Vec<Event> {
    let mut private = before.is_some_and(|i| i.private);
    let mut confirmed = before.is_some_and(|i| i.confirmed);
    let mut service = before.and_then(|i| i.service.as_ref()).map(|s| s.alias.as_str());
    let mut news = false;
    for event in events {
        if let Event::Opened {
            private: p, service: s, ..
        } = event
        {
            private = *p;
            service = s.as_ref().map(|s| s.alias.as_str());
        } else if let Event::ServiceChanged { service: s, .. } = event {
            service = Some(s.alias.as_str());
            news |= confirmed;
        } else if matches!(event, Event::Confirmed) {
            confirmed = true;
            news = true;
        }
    }
    let (true, false, Some(service)) = (news, private, service) else {
        return Vec::new();
    };
    let known = |w: &Who| {
        let follows = before.is_some_and(|i| i.followers.iter().any(|f| f.is(w)));
        follows || by.who().is_some_and(|b| b.is(w))
    };
    let free = FOLLOWERS_MAX.saturating_sub(before.map_or(0, |i| i.followers.len()));
    let new = facts.subscriptions.of(service).iter().filter(|w| !known(w)).take(free);
    new.map(|who| Event::Subscribed {
        who: who.clone(),
        service: Some(service.to_owned()),
    })
    .collect()
}

/// Somebody no longer follows it.
pub(crate) fn unsubscribe(i: &Incident, who: &Who, facts: &Facts) -> Vec<Event> {
    let who = facts.directory.complete(who);
    let known = i.followers.iter().find(|f| f.is(&who));
    known
        .map(|f| Event::Unsubscribed { who: f.clone() })
        .into_iter()
        .collect()
}

/// What followers hear of a fact, each by a message of their own.
pub(crate) fn reports(i: &Incident, fact: &Fact) -> Vec<Effect> {
    if let Event::Subscribed { who, service: Some(_) } = &fact.event {
        let (fact, who) = (fact.n, who.clone());
        let what = What::Report {
            fact,
            update: None,
            who,
        };
        return vec![what.into()];
    }
    let update = match &fact.event {
        Event::UpdatePosted { n, .. } => Some(*n),
        Event::Moved { .. } if i.confirmed => None,
        Event::Moved { .. }
        | Event::Opened { .. }
        | Event::AlertJoined { .. }
        | Event::AlertFired { .. }
        | Event::AlertCleared { .. }
        | Event::Asked { .. }
        | Event::Silenced { .. }
        | Event::AskingWaits
        | Event::Confirmed
        | Event::Absorbed { .. }
        | Event::PageTaken { .. }
        | Event::PageLeft { .. }
        | Event::Summoned { .. }
        | Event::Joined { .. }
        | Event::Retitled { .. }
        | Event::Summarised { .. }
        | Event::SeverityChanged { .. }
        | Event::ServiceChanged { .. }
        | Event::ProcessTaken { .. }
        | Event::TimeCorrected { .. }
        | Event::DecisionProposed { .. }
        | Event::Objected { .. }
        | Event::DecisionTaken { .. }
        | Event::PageDiffers { .. }
        | Event::PageAgrees
        | Event::PageMended
        | Event::RoleTaken { .. }
        | Event::RoleOffered { .. }
        | Event::RoleRefused { .. }
        | Event::LeftWithDuties { .. }
        | Event::Subscribed { .. }
        | Event::Unsubscribed { .. }
        | Event::Rated { .. }
        | Event::GlassBroken { .. }
        | Event::PagePosted { .. }
        | Event::TaskAdded { .. }
        | Event::TaskDone { .. }
        | Event::FollowUpAdded { .. }
        | Event::FollowUpDone { .. }
        | Event::Nudged { .. }
        | Event::NudgeSnoozed { .. }
        | Event::NudgeDismissed { .. }
        | Event::HintsDismissed { .. }
        | Event::ReviewWritten { .. }
        | Event::Noted { .. }
        | Event::Marked { .. }
        | Event::NoteChanged { .. }
        | Event::NoteRemoved { .. }
        | Event::Linked { .. }
        | Event::StepFailed { .. }
        | Event::StepMended { .. }
        | Event::StepSkipped { .. }
        | Event::TicketMoved { .. }
        | Event::TicketLabelled { .. }
        | Event::Commented { .. }
        | Event::CommentRemoved { .. }
        | Event::Answered { .. }
        | Event::RoleLeft { .. }
        | Event::ConflictFound { .. }
        | Event::ConflictSettled { .. }
        | Event::BackFilled { .. }
        | Event::TicketGone { .. } => return Vec::new(),
    };
    // Whoever wrote it has read it.
    let author = |w: &Who| fact.by.who().is_some_and(|by| by.is(w));
    let to = i
        .followers
        .iter()
        .filter(|f| !author(f) && (!i.private || i.has_member(f)));
    to.map(|who| {
        What::Report {
            fact: fact.n,
            update,
            who: who.clone(),
        }
        .into()
    })
    .collect()
}
