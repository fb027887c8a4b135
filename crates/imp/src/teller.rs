//! Numbers that are told elsewhere: digests in Slack, and properties of teams and services in OpsLevel. The engine counts,
//! the vendors write; this is where they meet.

use crate::config::Digest as Configured;
use crate::period::{Schedule, due};
use crate::picture;
use crate::words_of_week::{self, Told};
use imp_console::chart::poster;
use imp_core::effect::{Effect, Owner, Stretch, What};
use imp_core::metric::{Class, Metric};
use imp_core::port::{Boxed, Limits, Order, Outcome, Pause, Port};
use imp_core::{At, Catalogue, Ref};
use imp_engine::Desk;
use imp_engine::insights::view::{self, period};
use imp_engine::insights::{self, By, DAY_MS, Filter, Picker, Question, Slice, Table};
use imp_vendors::opslevel::OpsLevel;
use imp_vendors::slack::client::Client;
use imp_vendors::slack::digest::{Digest, share};
use imp_vendors::slack::port::Chat;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How far back the properties in OpsLevel look, in days.
const DAYS: i64 = 30;
/// How often the properties of all teams and services are looked at: a month's window moves on by itself.
const MIRROR_EVERY: Duration = Duration::from_secs(3600);
/// How soon to look again where the catalogue is not known yet, or the store does not work.
const AGAIN: Duration = Duration::from_secs(5);
/// How often it is looked whether a digest is due.
const DIGEST_EVERY: Duration = Duration::from_secs(20);
/// Steps of time that a digest's picture shows.
const STEPS: i64 = 12;

// ---- properties in OpsLevel

/// Hands that keep numbers in OpsLevel.
pub struct Mirrors {
    desk: Desk,
    opslevel: Arc<OpsLevel>,
    public_url: String,
}

impl Mirrors {
    /// Of this desk's numbers.
    pub fn new(desk: Desk, opslevel: Arc<OpsLevel>, public_url: &str) -> Mirrors {
        Mirrors {
            desk,
            opslevel,
            public_url: public_url.trim_end_matches('/').to_owned(),
        }
    }

    async fn keep(&self, of: &Owner, now: At) -> Outcome {
        let (owner, url) = (of.clone(), self.public_url.clone());
        let catalogue = self.desk.house.catalogue.load_full();
        let look = move |table: &Table| properties(table, &owner, &catalogue, now, &url);
        match self.desk.figures.look(&self.desk.store, look).await {
            Ok(values) => self.opslevel.keep_numbers(of, &values).await,
            Err(e) => later(&e.to_string()),
        }
    }
}

impl Port for Mirrors {
    fn perform(&self, order: Order) -> Boxed<'_, Outcome> {
        Box::pin(async move {
            match &order.what {
                What::CatalogueNumbers { of } => self.keep(of, order.now).await,
                other => imp_vendors::not_ours("OpsLevel", other),
            }
        })
    }

    fn forget(&self, incident: &imp_core::Incident) {
        if incident.reference == Ref::HOUSE {
            self.opslevel.forget_numbers();
        }
    }

    fn limits(&self) -> Option<&dyn Limits> {
        self.opslevel.limits()
    }
}

fn later(why: &str) -> Outcome {
    Outcome::Later {
        pause: Pause::BackOff,
        why: why.to_owned(),
    }
}

fn filter_of(owner: &Owner) -> Filter {
    let mut filter = Filter::default();
    match owner {
        Owner::Everybody => {}
        Owner::Team(alias) => filter.team = Some(alias.clone()),
        Owner::Service(alias) => filter.service = Some(alias.clone()),
    }
    filter
}

/// The numbers of a team or a service as OpsLevel shows them; private incidents are in none of them. Days are whole days
/// in UTC, so that the page behind the link shows the same numbers.
fn properties(table: &Table, owner: &Owner, catalogue: &Catalogue, now: At, url: &str) -> Vec<(&'static str, Value)> {
    let tomorrow = At((now.0.div_euclid(DAY_MS) + 1) * DAY_MS);
    let question = Question {
        from: Some(tomorrow.plus(-DAYS * DAY_MS)),
        until: Some(tomorrow),
        filter: filter_of(owner),
        by: Vec::new(),
    };
    let (group, _) = period(table, &question, catalogue);
    let picker = Picker::new(table, &question, catalogue);
    let open = picker.slice(&Slice {
        open_at: Some(now),
        ..Slice::default()
    });
    let real = picker.ever().filter(|r| table.class_of(*r) == Class::Incident);
    let times = real.map(|r| table.at[r as usize]).filter(|at| *at != insights::UNKNOWN);
    let minutes = |name: &str| {
        let number = Metric::named(name).map(|(n, _)| &group.numbers[n]);
        let half = number.and_then(|n| n.summary).map(|s| s.p50);
        half.map_or(Value::Null, |s| json!((s / 6.0).round() / 10.0))
    };
    let day = |at: At| at.rfc3339().chars().take(10).collect::<String>();
    let what = match owner {
        Owner::Everybody => String::new(),
        Owner::Team(alias) => format!("&team={}", crate::script::client::part(alias)),
        Owner::Service(alias) => format!("&service={}", crate::script::client::part(alias)),
    };
    vec![
        ("imp_incidents_30d", json!(group.incidents)),
        ("imp_open_incidents", json!(open.len())),
        ("imp_acknowledge_minutes_30d", minutes("mtta_s")),
        ("imp_resolve_minutes_30d", minutes("mttr_s")),
        ("imp_reopened_30d", json!(group.reopened)),
        (
            "imp_last_incident",
            times.max().map_or(Value::Null, |at| json!(day(At(at)))),
        ),
        ("imp_numbers", json!(format!("{url}/insights?days={DAYS}{what}"))),
    ]
}

/// Has the numbers of every team and service looked at, for ever: what left the last thirty days is no incident's news.
pub async fn look_at_all(desk: Desk) {
    loop {
        let catalogue = desk.house.catalogue.load_full();
        let teams = catalogue.teams.iter().map(|t| Owner::Team(t.alias.clone()));
        let services = catalogue.services.iter().map(|s| Owner::Service(s.alias.clone()));
        let all = teams.chain(services).map(|of| What::CatalogueNumbers { of }.into());
        let all: Vec<Effect> = all.collect();
        let ordered = !all.is_empty() && desk.order(all).await.is_ok();
        tokio::time::sleep(if ordered { MIRROR_EVERY } else { AGAIN }).await;
    }
}

// ---- digests in Slack

/// Slack's hands, which also tell digests.
pub struct Speaker {
    desk: Desk,
    chat: Arc<Chat>,
    client: Arc<Client>,
    public_url: String,
}

impl Speaker {
    /// Around Slack's hands.
    pub fn new(desk: Desk, chat: Arc<Chat>, client: Arc<Client>, public_url: &str) -> Speaker {
        Speaker {
            desk,
            chat,
            client,
            public_url: public_url.trim_end_matches('/').to_owned(),
        }
    }

    async fn digest(&self, order: &Order) -> Outcome {
        let What::Digest {
            of,
            stretch,
            from,
            to,
            channel,
        } = &order.what
        else {
            return imp_vendors::not_ours("Slack", &order.what);
        };
        let begin = At::parse(&format!("{from}T00:00:00Z"));
        let end = At::parse(&format!("{to}T00:00:00Z"));
        let (Some(from), Some(until)) = (begin, end.map(|at| at.plus(DAY_MS))) else {
            return Outcome::Never {
                why: "its days cannot be read".to_owned(),
            };
        };
        let asked = Period {
            of: of.clone(),
            stretch: *stretch,
            from,
            until,
        };
        let (catalogue, now, url) = (order.catalogue.clone(), order.now, self.public_url.clone());
        let look = move |table: &Table| told(table, &asked, &catalogue, now, &url);
        let told = match self.desk.figures.look(&self.desk.store, look).await {
            // A team in which nothing happened in two periods is told nothing.
            Ok(None) => return Outcome::Done(vec![]),
            Ok(Some(told)) => told,
            Err(e) => return later(&e.to_string()),
        };
        let picture = match picture::png(&told.picture) {
            Ok(picture) => picture,
            Err(why) => return Outcome::Never { why },
        };
        let digest = Digest {
            text: told.text,
            title: told.title,
            alt: told.alt,
            file: format!("imp-{}.png", order.key.trim_start_matches("chat.").replace('.', "-")),
            picture,
        };
        share(&self.client, channel, digest).await
    }
}

impl Port for Speaker {
    fn perform(&self, order: Order) -> Boxed<'_, Outcome> {
        match &order.what {
            What::Digest { .. } => Box::pin(async move { self.digest(&order).await }),
            What::KeepPictures { ts } => {
                let ts = ts.clone();
                Box::pin(async move { crate::pictures::keep(&self.desk, &self.chat, &order, &ts).await })
            }
            What::Ask { .. }
            | What::OpenChannel
            | What::Card
            | What::Topic
            | What::Members
            | What::Bookmarks
            | What::Announcement
            | What::Questions
            | What::Notice { .. }
            | What::PostUpdate { .. }
            | What::PostReview { .. }
            | What::LastWord { .. }
            | What::Brief { .. }
            | What::Offer { .. }
            | What::Departure { .. }
            | What::Decision { .. }
            | What::Report { .. }
            | What::ReadMessage { .. }
            | What::ProcessFile { .. }
            | What::Remind { .. }
            | What::ArchiveChannel { .. }
            | What::FileTicket
            | What::TicketFields
            | What::TicketStatus
            | What::TicketLink { .. }
            | What::TicketJournal
            | What::Comment { .. }
            | What::AttachPicture { .. }
            | What::FileTask { .. }
            | What::TaskStatus { .. }
            | What::FileFollowUp { .. }
            | What::Duplicate { .. }
            | What::OpenMeeting
            | What::PublicPost { .. }
            | What::PageStatus
            | What::CatalogueEvent { .. }
            | What::CatalogueNumbers { .. }
            | What::Absorb { .. }
            | What::HandPage { .. }
            | What::Timer(_) => self.chat.perform(order),
        }
    }

    fn forget(&self, incident: &imp_core::Incident) {
        self.chat.forget(incident);
    }

    fn limits(&self) -> Option<&dyn Limits> {
        self.chat.limits()
    }
}

/// What a digest looks back on.
struct Period {
    of: Owner,
    stretch: Stretch,
    from: At,
    until: At,
}

impl Period {
    /// Where the period begins that lies so many before this one.
    fn back(&self, n: i64) -> At {
        match self.stretch {
            Stretch::Week => self.from.plus(-n * 7 * DAY_MS),
            Stretch::Month => {
                let (y, m, _) = self.from.date();
                let months = y * 12 + (m - 1) - n;
                At::of_date(months.div_euclid(12), months.rem_euclid(12) + 1, 1)
            }
        }
    }
}

fn told(table: &Table, asked: &Period, catalogue: &Catalogue, now: At, url: &str) -> Option<Told> {
    let question = |from: At, until: At, by: Vec<By>| Question {
        from: Some(from),
        until: Some(until),
        filter: filter_of(&asked.of),
        by,
    };
    let this = question(asked.from, asked.until, Vec::new());
    let last = question(asked.back(1), asked.from, Vec::new());
    let seen = view::view(table, &this, catalogue, now);
    let (before, lengths) = period(table, &last, catalogue);
    let known = table.at.iter().copied().filter(|at| *at != insights::UNKNOWN).min();
    let quiet = seen.group.incidents + seen.group.declined + before.incidents == 0;
    if quiet && asked.of != Owner::Everybody {
        return None;
    }
    let by = match asked.stretch {
        Stretch::Week => By::Week,
        Stretch::Month => By::Month,
    };
    let steps = insights::report(
        table,
        &question(asked.back(STEPS - 1), asked.until, vec![by]),
        catalogue,
    );
    let open = Picker::new(table, &this, catalogue).slice(&Slice {
        open_at: Some(asked.until),
        ..Slice::default()
    });
    let name = match &asked.of {
        Owner::Everybody => None,
        Owner::Team(alias) => Some(catalogue.team(alias).map_or(alias.clone(), |t| t.name.clone())),
        Owner::Service(alias) => Some(alias.clone()),
    };
    let facts = words_of_week::Facts {
        name,
        alias: match &asked.of {
            Owner::Team(alias) => Some(alias.clone()),
            Owner::Everybody | Owner::Service(_) => None,
        },
        stretch: asked.stretch,
        from: asked.from,
        until: asked.until,
        seen: &seen,
        before: known
            .is_some_and(|k| k < asked.from.0)
            .then_some((&before, lengths.as_slice())),
        before_from: asked.back(1),
        steps: &steps,
        first_step: asked.back(STEPS - 1),
        open: open.len(),
        url,
    };
    let (text, title, alt, drawing) = words_of_week::say(&facts);
    Some(Told {
        text,
        title,
        alt,
        picture: poster(&drawing),
    })
}

/// Orders the digests that are due, for ever. Each is a deed whose key names its period and its readers: however many
/// replicas order it, however often they start, it is ordered once.
pub async fn order_digests(desk: Desk, configured: Configured, schedule: Schedule) {
    let mut ordered: Vec<String> = Vec::new();
    loop {
        let catalogue = desk.house.catalogue.load_full();
        let known = !desk.house.reads_catalogue || catalogue.as_of.is_some();
        let all: Vec<Effect> = match known {
            true => due(&schedule, desk.clock.now())
                .into_iter()
                .flat_map(|period| readers(&configured, &catalogue, &period))
                .filter(|what| !ordered.contains(&what.key()))
                .map(Effect::from)
                .collect(),
            false => Vec::new(),
        };
        let keys: Vec<String> = all.iter().map(|e| e.what.key()).collect();
        if !all.is_empty() && desk.order(all).await.is_ok() {
            // Only the latest can come up again.
            if ordered.len() > 4 * keys.len() {
                ordered.clear();
            }
            ordered.extend(keys);
        }
        tokio::time::sleep(if known { DIGEST_EVERY } else { AGAIN }).await;
    }
}

fn readers(c: &Configured, catalogue: &Catalogue, period: &crate::period::Period) -> Vec<What> {
    let digest = |of: Owner, channel: &str| What::Digest {
        of,
        stretch: period.stretch,
        from: period.from.to_string(),
        to: period.to.to_string(),
        channel: channel.to_owned(),
    };
    let everybody = c.channel.iter().map(|channel| digest(Owner::Everybody, channel));
    let teams = catalogue.teams.iter().filter(|_| c.teams).filter_map(|team| {
        let channel = team.channel.as_deref()?;
        Some(digest(Owner::Team(team.alias.clone()), channel))
    });
    everybody.chain(teams).collect()
}
