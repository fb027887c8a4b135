//! The world of the simulation: what stands at the vendors, and the hands that put it there. The hands do what the real
//! ones promise: a create that was tried before looks for what it may have made; a mirror is not written again when this
//! replica remembers to have written the same and nobody else has been there.

use imp_core::Incident;
use imp_core::effect::What;
use imp_core::event::Link;
use imp_core::port::Order;
use std::collections::BTreeMap;

/// Something that was made once at a vendor, by its incident and key.
type Mark = (u64, String);

/// What stands at the vendors.
#[derive(Debug, Default)]
pub struct World {
    /// How often each deed was done.
    pub made: BTreeMap<Mark, u32>,
    /// What each mirror shows.
    pub shown: BTreeMap<Mark, String>,
    /// Deeds of each lane in the order in which they were done.
    pub lanes: BTreeMap<(u64, String), Vec<String>>,
    /// Writes in all.
    pub writes: u64,
}

/// What one replica remembers to have written.
#[derive(Debug, Default)]
pub struct Memory(BTreeMap<Mark, String>);

impl World {
    /// Carries an order out, and says what is learnt from it.
    pub fn perform(&mut self, order: &Order, memory: &mut Memory) -> Vec<Link> {
        let mark = (order.incident.reference.0, order.key.clone());
        if order.what.is_mirror() {
            self.mirror(order, memory, mark);
        } else {
            let stands = self.made.get(&mark).copied().unwrap_or(0) > 0;
            if !(order.tried > 0 && stands) {
                self.writes += 1;
                *self.made.entry(mark).or_default() += 1;
                let lane = (order.incident.reference.0, order.what.lane());
                self.lanes.entry(lane).or_default().push(order.key.clone());
                if order.what == What::FileTicket {
                    // A ticket is filed with its fields.
                    let fields = (order.incident.reference.0, What::TicketFields.key());
                    self.shown.insert(fields, drawing(&What::TicketFields, &order.incident));
                }
            }
        }
        learnt(order)
    }

    fn mirror(&mut self, order: &Order, memory: &mut Memory, mark: Mark) {
        let drawn = drawing(&order.what, &order.incident);
        if order.others_wrote {
            let of = mark.0;
            memory.0.retain(|(r, _), _| *r != of);
        }
        if memory.0.get(&mark) != Some(&drawn) {
            self.writes += 1;
            self.shown.insert(mark.clone(), drawn.clone());
            memory.0.insert(mark, drawn);
        }
    }
}

/// What a mirror shows of an incident.
pub fn drawing(what: &What, i: &Incident) -> String {
    let roles = || {
        i.roles
            .iter()
            .map(|(r, w)| format!("{r}={:?}", w.email))
            .collect::<Vec<_>>()
    };
    match what {
        What::Card => format!(
            "{} {} {} {:?} {}",
            i.title,
            i.status,
            i.severity,
            roles(),
            i.updates.len()
        ),
        What::TicketFields => format!("{} {} {:?}", i.title, i.severity, roles()),
        What::TicketStatus => i.status.clone(),
        What::Announcement => format!("{} {} {}", i.title, i.status, i.severity),
        _ => format!("{} {} {}", i.title, i.status, i.severity),
    }
}

/// The mirrors that must show the incident as it is, once nothing is owed.
pub fn watched(i: &Incident) -> Vec<What> {
    let mut out = Vec::new();
    if i.links
        .channel
        .as_ref()
        .is_some_and(|c| c.card.is_some() && !c.archived)
    {
        out.extend([What::Card, What::Topic]);
    }
    if i.links.ticket.is_some() {
        out.extend([What::TicketFields, What::TicketStatus]);
    }
    if i.links.announcement.is_some() {
        out.push(What::Announcement);
    }
    out
}

/// What a hand learns when the work is done.
pub fn learnt(order: &Order) -> Vec<Link> {
    let r = order.incident.reference;
    let name = |what: &str| format!("{what}-{}", r.0);
    match &order.what {
        What::OpenChannel => vec![Link::Channel {
            id: name("C"),
            name: name("inc"),
            url: name("https://slack.example/"),
        }],
        What::Card => vec![Link::Card { ts: name("card") }],
        What::Announcement => vec![Link::Announcement {
            channel: "C-all".into(),
            ts: name("ann"),
        }],
        What::FileTicket => vec![Link::Ticket {
            key: name("INC"),
            id: r.0.to_string(),
            url: name("https://jira.example/"),
        }],
        What::FileTask { n } => vec![Link::Task {
            n: *n,
            key: format!("INC-{}-{n}", r.0),
            url: name("https://jira.example/"),
        }],
        What::OpenMeeting => vec![Link::Meeting {
            id: name("Z"),
            url: name("https://zoom.example/"),
        }],
        What::Ask { n } => vec![Link::Question {
            n: *n,
            channel: name("D"),
            ts: format!("{n}"),
        }],
        _ => Vec::new(),
    }
}

/// The number at the end of a key.
pub fn number(key: &str) -> u64 {
    key.rsplit('.').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}
