//! One meeting for each incident, found again by its agenda where an answer was lost.

use super::{NAME, Zoom};
use crate::http::{Fault, read};
use imp_core::event::Link;
use imp_core::port::Boxed;
use imp_core::{Incident, Order, Outcome, Port, What, words};
use serde::{Deserialize, Deserializer};
use serde_json::json;

/// Zoom's longest topic, in characters.
const TOPIC_MAX: usize = 200;
/// Meetings asked for at once; Zoom gives at most 300.
const PAGE: u32 = 300;
/// Pages that are looked through: more meetings than a host can open in a month at Zoom's hundred a day.
const PAGES_MAX: usize = 10;
/// What Zoom calls a scheduled meeting. An instant one (1) is in no list before somebody has come, so it could not be
/// found again.
const SCHEDULED: u8 = 2;
/// Minutes that the calendar shows; Zoom ends no meeting for it.
const DURATION_MIN: u32 = 60;

/// What stands in the agenda before the moment at which the incident was opened.
const OPENED: &str = "opened ";

impl Port for Zoom {
    fn perform(&self, order: Order) -> Boxed<'_, Outcome> {
        Box::pin(async move {
            match &order.what {
                What::OpenMeeting => self.open(&order).await.unwrap_or_else(Outcome::from),
                other => crate::not_ours(NAME, other),
            }
        })
    }
}

#[derive(Deserialize)]
struct Meeting {
    #[serde(deserialize_with = "number_or_text")]
    id: String,
    #[serde(default)]
    topic: String,
    #[serde(default)]
    agenda: String,
    #[serde(default)]
    join_url: Option<String>,
}

#[derive(Deserialize)]
struct Meetings {
    #[serde(default)]
    meetings: Vec<Meeting>,
    #[serde(default)]
    next_page_token: String,
}

impl Zoom {
    async fn open(&self, order: &Order) -> Result<Outcome, Fault> {
        let i = &order.incident;
        let deed = format!("{}/{}", i.reference, order.key);
        if let Some((id, url)) = &i.links.meeting {
            return Ok(Outcome::Done(vec![Link::Meeting {
                id: id.clone(),
                url: url.clone(),
            }]));
        }
        if self.doubt.must_look(&deed, order.tried)
            && let Some(found) = self.find(i).await?
        {
            self.doubt.done(&deed);
            return Ok(Outcome::Done(vec![found]));
        }
        let (url, body) = (self.of_host("meetings"), self.meeting(order));
        self.doubt.sending(&deed);
        match self
            .call(|| self.http.post(&url).json(&body))
            .await
            .and_then(|a| a.json::<Meeting>(NAME))
        {
            Ok(meeting) => {
                let Some(link) = link(meeting) else {
                    return Ok(Outcome::Never {
                        why: "Zoom opened a meeting without an address to join".to_owned(),
                    });
                };
                self.doubt.done(&deed);
                Ok(Outcome::Done(vec![link]))
            }
            Err(fault) => {
                self.doubt.failed(&deed, &fault);
                Err(fault)
            }
        }
    }

    /// The meeting as Zoom takes it. A private incident's title stays out of the account's list of meetings.
    fn meeting(&self, order: &Order) -> serde_json::Value {
        let i = &order.incident;
        let topic = if i.private {
            i.reference.to_string()
        } else {
            format!("{} {}", i.reference, i.title)
        };
        let (day, time) = (order.now.rfc3339(), order.now.rfc3339());
        let start = format!(
            "{}T{}Z",
            day.get(..10).unwrap_or_default(),
            time.get(11..19).unwrap_or_default()
        );
        json!({
            "topic": words::cut(&topic, TOPIC_MAX),
            "type": SCHEDULED,
            "start_time": start,
            "duration": DURATION_MIN,
            "timezone": "UTC",
            "agenda": format!("{} {}/incidents/{} {}", i.reference, self.public_url, i.reference, opening(i)),
            "settings": {"join_before_host": true, "jbh_time": 0, "waiting_room": false},
        })
    }

    /// The incident's meeting among the host's.
    async fn find(&self, i: &Incident) -> Result<Option<Link>, Fault> {
        let (url, mark, opening) = (self.of_host("meetings"), i.reference.to_string(), opening(i));
        let mut token = String::new();
        for _ in 0..PAGES_MAX {
            let query = [
                ("type", "scheduled".to_owned()),
                ("page_size", PAGE.to_string()),
                ("next_page_token", token.clone()),
            ];
            let query: Vec<_> = query.into_iter().filter(|(_, v)| !v.is_empty()).collect();
            let page: Meetings = read(|| self.call(|| self.http.get(&url).query(&query)))
                .await?
                .json(NAME)?;
            let found = page
                .meetings
                .into_iter()
                .filter(|m| begins_with(&m.agenda, &mark) || begins_with(&m.topic, &mark))
                // Another IMP with this account, or this one before its store was lost, had the same reference too.
                .filter(|m| !m.agenda.contains(OPENED) || m.agenda.contains(&opening));
            if let Some(link) = found.filter_map(link).next() {
                return Ok(Some(link));
            }
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        Ok(None)
    }
}

fn link(m: Meeting) -> Option<Link> {
    m.join_url
        .filter(|u| !u.is_empty())
        .map(|url| Link::Meeting { id: m.id, url })
}

/// What tells this incident from another one with its reference.
fn opening(i: &Incident) -> String {
    format!("{OPENED}{}", i.opened_at.rfc3339())
}

/// Whether the text begins with the reference and not with a longer one (`IMP-4` is not `IMP-42`).
fn begins_with(text: &str, mark: &str) -> bool {
    text.strip_prefix(mark)
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Zoom writes a meeting's identifier as a number, and in some answers as text.
fn number_or_text<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Number(u64),
        Text(String),
    }
    Ok(match Id::deserialize(d)? {
        Id::Number(n) => n.to_string(),
        Id::Text(t) => t,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_not_taken_for_a_longer_one() {
        assert!(begins_with("IMP-4 Checkout", "IMP-4"));
        assert!(begins_with("IMP-4", "IMP-4"));
        assert!(!begins_with("IMP-42 Checkout", "IMP-4"));
    }
}
