//! Who follows an incident without being in it: they hear of updates and of each new status, directly. Pure.

use crate::effect::{Effect, What};
use crate::event::{Event, Fact};
use crate::person::Who;
use crate::{Facts, Incident, Refusal, whom};

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
        false => vec![Event::Subscribed { who }],
    })
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
