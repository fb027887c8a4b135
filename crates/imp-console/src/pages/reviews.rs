//! What incidents left to be done: reviews to be written, and follow-ups with owners and days, the late ones first.

use super::{Frame, Row, Visitor, draw, sorry};
use crate::App;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use imp_core::person::Who;
use imp_core::process::Category;
use imp_core::{At, Incident};
use imp_engine::read::{self, Filter};
use imp_engine::{Conn, House, StoreError};
use std::sync::Arc;

/// Incidents that are looked at for reviews and follow-ups, the newest; what is older has been given up in earnest.
const LOOKED_AT: usize = 2000;

/// Something that somebody is to do.
#[derive(Debug, Clone)]
pub struct Due {
    /// Of which incident.
    pub reference: String,
    /// Where it is seen.
    pub href: String,
    /// What.
    pub text: String,
    /// By whom.
    pub owner: String,
    /// The owner, to be compared.
    pub who: Option<Who>,
    /// By which day; empty where none was said.
    pub when: String,
    /// Whether the day is over.
    pub late: bool,
    /// Key and address in Jira.
    pub ticket: Option<(String, String)>,
}

#[derive(Template)]
#[template(path = "reviews.html")]
struct Page {
    frame: Frame,
    late: Vec<Due>,
    due: Vec<Due>,
    reviews: Vec<Row>,
    written: Vec<Row>,
}

/// Incidents with follow-ups that are not done.
///
/// # Errors
/// What the store says.
pub fn with_follow_ups(conn: &mut dyn Conn) -> Result<Vec<Incident>, StoreError> {
    let mut found = read::owing(conn, LOOKED_AT)?;
    found.retain(|i| i.follow_ups.iter().any(|f| !f.done));
    Ok(found)
}

/// The follow-ups, the earliest first, those without a day last.
pub fn due<'a>(incidents: impl Iterator<Item = &'a Incident>, now: At) -> Vec<Due> {
    let today = now.rfc3339()[..10].to_owned();
    let mut out: Vec<Due> = incidents
        .flat_map(|i| {
            let today = today.clone();
            i.follow_ups.iter().filter(|f| !f.done).map(move |f| Due {
                reference: i.reference.to_string(),
                href: format!("/incidents/{}#follow-up-{}", i.reference, f.n),
                text: f.text.clone(),
                owner: f.owner.as_ref().map(|w| w.label().to_owned()).unwrap_or_default(),
                who: f.owner.clone(),
                when: f.due.clone().unwrap_or_default(),
                late: f.due.as_ref().is_some_and(|d| *d < today),
                ticket: f.ticket.clone(),
            })
        })
        .collect();
    out.sort_by_key(|d| (d.when.is_empty(), d.when.clone()));
    out
}

/// What one person is to do: tasks of open incidents, incidents that they command and that are to be reviewed, follow-ups.
pub fn of_mine(open: &[&Incident], due: &[Due], me: Option<&Who>, house: &House) -> Vec<Due> {
    let Some(me) = me else { return Vec::new() };
    let line = |i: &Incident, text: String| Due {
        reference: i.reference.to_string(),
        href: format!("/incidents/{}", i.reference),
        text,
        owner: me.label().to_owned(),
        who: Some(me.clone()),
        when: String::new(),
        late: false,
        ticket: None,
    };
    let mut out = Vec::new();
    for i in open {
        let mine = |w: &Option<Who>| w.as_ref().is_some_and(|w| w.is(me));
        let tasks = i.tasks.iter().filter(|t| !t.done && mine(&t.assignee));
        out.extend(tasks.map(|t| line(i, t.text.clone())));
        let commands = i.roles.get("commander").is_some_and(|w| w.is(me));
        if commands && house.process_of(i).category(&i.status) == Category::After {
            out.push(line(i, format!("Review and close: {}", i.title)));
        }
    }
    out.extend(due.iter().filter(|d| d.who.as_ref().is_some_and(|w| w.is(me))).cloned());
    out
}

/// The page.
pub async fn list(State(app): State<Arc<App>>, Visitor(caller): Visitor) -> Response {
    let after = Filter {
        categories: vec![Category::After.word().to_owned()],
        ..Filter::default()
    };
    let found = app
        .desk
        .store
        .read(move |c| Ok((read::incidents(c, &after, None, LOOKED_AT)?, with_follow_ups(c)?)));
    let (after, followed) = match found.await {
        Ok(f) => f,
        Err(e) => return sorry(&caller, e.into()),
    };
    let (house, now) = (&app.desk.house, app.desk.clock.now());
    let shown = async |all| crate::witness::shown(&app, &caller, all, "listed").await;
    let (after, followed) = match (shown(&after).await, shown(&followed).await) {
        (Ok(after), Ok(followed)) => (after, followed),
        (Err(p), _) | (_, Err(p)) => return sorry(&caller, p),
    };
    let (late, due) = due(followed.iter().copied(), now).into_iter().partition(|d| d.late);
    let (written, mut open): (Vec<&Incident>, Vec<&Incident>) = after.iter().copied().partition(|i| i.review.is_some());
    // Whoever waits longest comes first.
    open.reverse();
    let row = |i: &&Incident| Row::of(i, &house.process_of(i), now);
    draw(&Page {
        frame: Frame::new(&caller, "reviews", "all"),
        late,
        due,
        reviews: open.iter().map(row).collect(),
        written: written.iter().map(row).collect(),
    })
}
