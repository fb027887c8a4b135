//! What people see in Slack: the card, the question, the announcement and the lines in the channel, from an incident.

use super::mrkdwn::{
    actions, actor, bold, button, context, divider, escape, fields, header, house, italic, link, link_button, moment,
    person, quote, section, told,
};
use super::stale;
use imp_core::catalogue::{Catalogue, Service};
use imp_core::effect::Capability;
use imp_core::event::Target;
use imp_core::hint::Hint;
use imp_core::incident::{Incident, Question};
use imp_core::port::Waiting;
use imp_core::process::{Category, Move, Process, Status, Style};
use imp_core::{Actor, At, alert, words};
use serde_json::Value;
use std::collections::BTreeSet;

/// Open tasks shown on the card; more would push the buttons off a phone's screen.
const TASKS_SHOWN: usize = 5;
/// Links shown in a line.
const LINKS_SHOWN: usize = 6;

/// What a drawing may look at.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The incident.
    pub incident: &'a Incident,
    /// The process that it follows.
    pub process: &'a Process,
    /// The catalogue.
    pub catalogue: &'a Catalogue,
    /// What is still owed and has failed before.
    pub waiting: &'a [Waiting],
    /// What IMP is connected to.
    pub can: &'a BTreeSet<Capability>,
    /// Where the console is, without a slash at the end.
    pub public_url: &'a str,
    /// The version of the process in force, where the incident follows another one.
    pub newer: Option<&'a str>,
    /// Other incidents that may help.
    pub hints: &'a [Hint],
    /// Now.
    pub now: At,
}

/// A message: text for notifications, blocks for eyes.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// What notifications and screen readers say.
    pub text: String,
    /// What is drawn.
    pub blocks: Vec<Value>,
}

impl Message {
    /// The same without anything to press.
    pub fn without_buttons(&self) -> Message {
        let blocks = self.blocks.iter().filter(|b| b["type"] != "actions");
        Message {
            text: self.text.clone(),
            blocks: blocks.cloned().collect(),
        }
    }

    /// The same with words in the place of what could be pressed.
    pub fn closed(&self, words: &str) -> Message {
        let mut m = self.without_buttons();
        m.blocks.push(context(words));
        m
    }
}

impl View<'_> {
    fn status(&self) -> Option<&Status> {
        self.process.status(&self.incident.status)
    }

    fn status_words(&self) -> String {
        self.status().map_or_else(
            || escape(&self.incident.status),
            |s| format!("{} {}", s.emoji, escape(&s.label)).trim().to_owned(),
        )
    }

    fn severity_words(&self) -> String {
        let id = &self.incident.severity;
        self.process.severity(id).map_or_else(
            || escape(id),
            |s| {
                format!("{} {} {}", s.emoji, escape(&s.id), escape(&s.label))
                    .trim()
                    .to_owned()
            },
        )
    }

    fn service(&self) -> Option<&Service> {
        self.incident
            .service
            .as_ref()
            .and_then(|s| self.catalogue.service(&s.alias))
    }

    fn service_words(&self) -> String {
        match (&self.incident.service, self.service()) {
            (None, _) => "not known".to_owned(),
            (Some(name), Some(Service { url: Some(url), .. })) => link(url, &name.name),
            (Some(name), _) if name.known => quote(&name.name, 80),
            (Some(name), _) => format!("{} (not in the catalogue)", quote(&name.name, 80)),
        }
    }

    fn team_words(&self) -> String {
        self.incident
            .team
            .as_ref()
            .map_or_else(|| "not known".to_owned(), |t| quote(&t.name, 80))
    }

    fn page_url(&self) -> String {
        format!("{}/incidents/{}", self.public_url, self.incident.reference)
    }

    pub(super) fn category(&self) -> Category {
        self.process.category(&self.incident.status)
    }

    /// Where to look: runbooks first, then dashboards, then what the alerts carried.
    fn references(&self) -> Vec<String> {
        let mut out: Vec<(String, String)> = Vec::new();
        let mut add = |label: &str, url: &str| {
            if super::mrkdwn::web(url).is_some() && !out.iter().any(|(_, u)| u == url) {
                out.push((label.to_owned(), url.to_owned()));
            }
        };
        if let Some(s) = self.service() {
            s.runbooks.iter().chain(&s.links).for_each(|r| add(&r.label, &r.url));
        }
        for a in &self.incident.alerts {
            a.alert.links.iter().for_each(|r| add(&r.label, &r.url));
        }
        if let Some(s) = self.status() {
            s.references.iter().for_each(|r| add(&r.label, &r.url));
        }
        if let Some(s) = self.process.severity(&self.incident.severity) {
            s.references.iter().for_each(|r| add(&r.label, &r.url));
        }
        out.iter()
            .take(LINKS_SHOWN)
            .map(|(l, u)| link(u, &words::cut(l, 60)))
            .collect()
    }
}

// ---- the card

/// The card: always current, short enough for a phone.
pub fn card(v: &View) -> Message {
    let i = v.incident;
    let mut blocks = vec![header(&i.title), facts(v)];
    if !i.summary.is_empty() {
        blocks.push(told(&quote(&i.summary, 600)));
    }
    if let Some(u) = i.updates.last() {
        // What it says stands in the channel itself; the card stays short.
        blocks.push(context(&format!(
            ":loudspeaker: Update {} by {}, {}",
            u.n,
            actor(&u.by),
            moment(u.at)
        )));
    }
    blocks.extend(now_block(v));
    let look = v.references();
    if !look.is_empty() {
        blocks.push(section(&format!("*Where to look*\n{}", look.join("  ·  "))));
    }
    blocks.extend(super::decision::of_card(v));
    blocks.extend(super::page::of_card(v));
    blocks.extend(super::version::of_card(v));
    blocks.extend(super::hints::of_card(v));
    blocks.extend(tasks_block(i));
    blocks.extend(owed_block(v));
    blocks.push(divider());
    blocks.extend(actions("moves", move_buttons(v)));
    blocks.extend(actions("work", work_buttons(v)));
    blocks.extend(actions("links", links_buttons(v)));
    blocks.push(context(&format!(
        "{} · since {} · {}",
        i.reference,
        moment(i.opened_at),
        link(&v.page_url(), "open in IMP")
    )));
    let text = format!(
        "{} {}: {} ({})",
        i.reference,
        plain_status(v),
        quote(&i.title, 200),
        i.severity
    );
    Message { text, blocks }
}

fn facts(v: &View) -> Value {
    let i = v.incident;
    let mut known = vec![
        format!("*Status*\n{}", v.status_words()),
        format!("*Severity*\n{}", v.severity_words()),
        format!("*Service*\n{}", v.service_words()),
        format!("*Team*\n{}", v.team_words()),
    ];
    for role in v.process.roles.iter().take(4) {
        match i.roles.get(&role.id) {
            Some(who) => {
                let offer = i.offers.get(&role.id);
                let offer = offer.map(|o| format!(", offered to {}", person(&o.to)));
                let held = format!(
                    "*{}*\n{}{}",
                    escape(&role.label),
                    person(who),
                    offer.unwrap_or_default()
                );
                known.push(held);
            }
            None if role.id == "commander" => known.push(format!("*{}*\nnobody yet", escape(&role.label))),
            None => {}
        }
    }
    fields(&known)
}

fn now_block(v: &View) -> Option<Value> {
    let i = v.incident;
    let mut lines: Vec<String> = Vec::new();
    if v.category() == Category::Active && !i.roles.contains_key("commander") {
        lines.push("*Nobody is commander.* Take command, or give it to somebody.".to_owned());
    }
    lines.extend(super::reminder::lines(v));
    if let Some(s) = v.status() {
        lines.extend(s.guidance.iter().map(|g| house(g)));
    }
    if v.category() == Category::Active {
        let severity = v.process.severity(&i.severity);
        lines.extend(severity.into_iter().flat_map(|s| &s.guidance).map(|g| house(g)));
    }
    lines.extend(alert::standing(&i.alerts));
    if let Some(into) = i.merged_into {
        lines.push(format!(
            "It goes on as {}.",
            link(&format!("{}/incidents/{into}", v.public_url), &into.to_string())
        ));
    }
    for other in &i.absorbed {
        lines.push(format!("{other} was merged into it."));
    }
    for (other, url) in &i.pages_left {
        let page = link(url, "public incident");
        lines.push(format!(
            "The {page} of {other} was left as it is: end it on the status page."
        ));
    }
    let heading = v.status().map_or_else(|| "Now".to_owned(), |s| house(&s.meaning));
    if lines.is_empty() {
        return Some(section(&format!("_{heading}_")));
    }
    let bullets = lines.iter().map(|l| format!("•  {l}")).collect::<Vec<_>>().join("\n");
    Some(section(&format!("*What to do now*  _{heading}_\n{bullets}")))
}

fn tasks_block(i: &Incident) -> Option<Value> {
    let open: Vec<_> = i.tasks.iter().filter(|t| !t.done).collect();
    if open.is_empty() {
        return None;
    }
    let line = |t: &&imp_core::incident::Task| {
        let who = t
            .assignee
            .as_ref()
            .map(|w| format!(" ({})", person(w)))
            .unwrap_or_default();
        let text = match &t.ticket {
            Some((key, url)) => format!("{} {}", link(url, key), quote(&t.text, 150)),
            None => quote(&t.text, 150),
        };
        format!("•  {text}{who}")
    };
    let mut lines: Vec<String> = open.iter().take(TASKS_SHOWN).map(line).collect();
    if open.len() > TASKS_SHOWN {
        lines.push(format!("… and {} more", open.len() - TASKS_SHOWN));
    }
    Some(section(&format!("*Open tasks*\n{}", lines.join("\n"))))
}

/// What failed for good, with buttons; what is being retried, since when and why.
fn owed_block(v: &View) -> Vec<Value> {
    let i = v.incident;
    let mut out = Vec::new();
    for f in i.failed.iter().take(3) {
        out.push(section(&format!(
            ":warning: Could not {}: {}",
            escape(&f.what),
            quote(&f.why, 300)
        )));
        let buttons = vec![
            button(
                &format!("step.retry.{}", f.key),
                "Retry",
                &i.reference.to_string(),
                None,
            ),
            button(&format!("step.skip.{}", f.key), "Skip", &i.reference.to_string(), None),
        ];
        out.extend(actions(&format!("failed.{}", f.key), buttons));
    }
    let lines: Vec<String> = v
        .waiting
        .iter()
        .take(5)
        .map(|w| {
            format!(
                ":hourglass_flowing_sand: Still trying to {}, since {}: {}",
                escape(&w.words),
                moment(w.since),
                quote(&w.why, 200)
            )
        })
        .collect();
    if !lines.is_empty() {
        out.push(context(&lines.join("\n")));
    }
    out.extend(conflict(v));
    out
}

/// What the ticket and the incident do not agree on, with the buttons that settle it; and whether the ticket is gone.
fn conflict(v: &View) -> Vec<Value> {
    let Some(ticket) = &v.incident.links.ticket else {
        return Vec::new();
    };
    if let Some(why) = &ticket.gone {
        let words = format!(
            ":warning: The ticket {} is gone: {}. The incident goes on without it.",
            escape(&ticket.key),
            quote(why, 300)
        );
        return vec![section(&words)];
    }
    let Some(c) = &ticket.conflict else {
        return Vec::new();
    };
    let words = format!(
        ":warning: Jira says {}, the incident is *{}*. {}",
        bold(&c.theirs),
        plain_status(v),
        quote(&c.why, 300)
    );
    let reference = v.incident.reference.to_string();
    let follow =
        c.to.as_ref()
            .map(|_| button("jira.follow", "Follow Jira", &reference, None));
    let keep = button("jira.keep", "Keep ours", &reference, None);
    let mut out = vec![section(&words)];
    out.extend(actions("conflict", follow.into_iter().chain([keep]).collect()));
    out
}

/// The moves from where it stands; and once it is over for users, the whole way to the end in one.
fn move_buttons(v: &View) -> Vec<Value> {
    let i = v.incident;
    let all = v.process.moves_from(&i.status);
    usual_first(all)
        .map(|m| move_button(v, m))
        .chain(way_buttons(v, &i.status))
        .collect()
}

/// The usual next step stands first; else as the process has them.
fn usual_first<'a>(all: impl Iterator<Item = &'a Move>) -> impl Iterator<Item = &'a Move> {
    let (usual, others): (Vec<&Move>, Vec<&Move>) = all.partition(|m| m.style == Style::Primary);
    usual.into_iter().chain(others)
}

fn move_button(v: &View, m: &Move) -> Value {
    let style = match m.style {
        Style::Plain => None,
        Style::Primary => Some("primary"),
        Style::Danger => Some("danger"),
    };
    button(
        &format!("incident.transition.{}", m.to),
        &m.label,
        &v.incident.reference.to_string(),
        style,
    )
}

fn way_buttons(v: &View, status: &str) -> Vec<Value> {
    if v.process.category(status) != Category::After {
        return Vec::new();
    }
    let reference = v.incident.reference.to_string();
    let ends = v.process.statuses.iter().filter(|s| s.category == Category::Done);
    ends.filter_map(|end| match v.process.way(status, &end.id).as_slice() {
        [first, second] if !second.merges() => {
            let label = format!("{} and {}", first.label, second.label.to_lowercase());
            Some(button(
                &format!("incident.transition.{}", end.id),
                &label,
                &reference,
                None,
            ))
        }
        _ => None,
    })
    .collect()
}

fn work_buttons(v: &View) -> Vec<Value> {
    let i = v.incident;
    let reference = i.reference.to_string();
    let mut out = Vec::new();
    let category = v.category();
    if stale::belongs("incident.update", category) {
        out.push(button("incident.update", "Write an update", &reference, None));
    }
    if category == Category::Active {
        out.push(button("incident.severity", "Severity", &reference, None));
        for role in &v.process.roles {
            let label = match i.roles.get(&role.id) {
                None if role.id == "commander" => "Take command".to_owned(),
                _ => role.label.clone(),
            };
            let style = (role.id == "commander" && !i.roles.contains_key(&role.id)).then_some("primary");
            out.push(button(&format!("incident.role.{}", role.id), &label, &reference, style));
        }
        out.push(button("incident.task", "Add a task", &reference, None));
    }
    if v.can.contains(&Capability::Page) && !i.private && category == Category::Active {
        let label = if i.links.page.is_some() {
            "Update the status page"
        } else {
            "Status page"
        };
        out.push(button("incident.statuspage", label, &reference, None));
    }
    if stale::belongs("incident.review", category) {
        out.push(button("incident.review", "Write the review", &reference, None));
    }
    out
}

fn links_buttons(v: &View) -> Vec<Value> {
    let l = &v.incident.links;
    let jira = l
        .ticket
        .as_ref()
        .and_then(|t| link_button("incident.jira", &t.key, &t.url));
    let goes_on = v.category() != Category::Done;
    let zoom = l
        .meeting
        .as_ref()
        .filter(|_| goes_on)
        .and_then(|(_, url)| link_button("incident.zoom", "Join Zoom", url));
    let page = l
        .page
        .as_ref()
        .and_then(|(_, url)| link_button("incident.page", "Public page", url));
    [jira, zoom, page].into_iter().flatten().collect()
}

fn plain_status(v: &View) -> String {
    v.status()
        .map_or_else(|| escape(&v.incident.status), |s| escape(&s.label))
}

/// The channel's topic (at most 250 characters).
pub fn topic(v: &View) -> String {
    let i = v.incident;
    let commander = i
        .roles
        .get("commander")
        .map_or_else(|| "no commander yet".to_owned(), |w| format!("commander {}", w.label()));
    let ticket = i
        .links
        .ticket
        .as_ref()
        .map(|t| format!(" · {}", t.key))
        .unwrap_or_default();
    let status = v
        .status()
        .map_or(i.status.clone(), |s| format!("{} {}", s.emoji, s.label));
    words::cut(
        &escape(&format!(
            "{status} · {} · {commander} · {}{ticket}",
            i.severity, i.reference
        )),
        250,
    )
}

/// The channel's purpose (at most 250 characters); it carries the reference, by which the channel is found again.
pub fn purpose(v: &View) -> String {
    let page = v.page_url();
    words::cut(
        &escape(&format!(
            "{}: {} {page}",
            v.incident.reference,
            words::cut(&v.incident.title, 120)
        )),
        250,
    )
}

/// The bookmarks that the channel should have: title and address.
pub fn bookmarks(v: &View) -> Vec<(String, String)> {
    let l = &v.incident.links;
    let mut out = Vec::new();
    if let Some(t) = &l.ticket {
        out.push((format!("Jira {}", t.key), t.url.clone()));
    }
    if let Some((_, url)) = &l.meeting {
        out.push(("Zoom".to_owned(), url.clone()));
    }
    if let Some((_, url)) = &l.page {
        out.push(("Status page".to_owned(), url.clone()));
    }
    if let Some(r) = v.service().and_then(|s| s.runbooks.first()) {
        out.push(("Runbook".to_owned(), r.url.clone()));
    }
    out.retain(|(_, url)| super::mrkdwn::web(url).is_some());
    out
}

// ---- the question

/// The question to whoever is on call: what, where, how bad, since when, and two buttons. Once it is answered, the
/// answer stands where the buttons were.
pub fn question(v: &View, q: &Question) -> Message {
    let i = v.incident;
    let reference = i.reference.to_string();
    let open = v.category() == Category::Triage;
    let since = i.moments.get("detected").copied().unwrap_or(i.opened_at);
    let mut blocks = vec![header(&i.title)];
    blocks.push(fields(&[
        format!("*Service*\n{}", v.service_words()),
        format!("*Severity*\n{}", v.severity_words()),
        format!("*Since*\n{}", moment(since)),
        format!("*Team*\n{}", v.team_words()),
    ]));
    if !i.summary.is_empty() && i.summary != i.title {
        blocks.push(told(&quote(&i.summary, 800)));
    }
    if i.alerts.len() > 1 {
        let titles: Vec<String> = i
            .alerts
            .iter()
            .take(5)
            .map(|a| format!("•  {}", quote(&a.alert.title, 150)))
            .collect();
        blocks.push(told(&format!("*{} alerts*\n{}", i.alerts.len(), titles.join("\n"))));
    }
    let look = v.references();
    if !look.is_empty() {
        blocks.push(section(&format!("*Where to look*\n{}", look.join("  ·  "))));
    }
    if open {
        blocks.extend(super::hints::of_question(v));
        let resolved = !i.alerts.is_empty() && !i.any_firing();
        blocks.push(section(match resolved {
            true => ":large_green_circle: *The alert has resolved by itself.* Was it real all the same?",
            false => "*Is this real?* If so, a channel opens and the team is called in.",
        }));
        blocks.extend(actions(
            "question",
            vec![
                button("alert.confirm", "It's real", &reference, Some("primary")),
                button("alert.decline", "False alarm", &reference, None),
                button("alert.merge", "Same as …", &reference, None),
            ],
        ));
    } else {
        blocks.push(section(&answer(v)));
    }
    let asked: Vec<String> = i
        .questions
        .iter()
        .filter(|o| o.n != q.n)
        .map(|o| format!("{} {}", target(&o.whom), moment(o.at)))
        .collect();
    let also = if asked.is_empty() {
        String::new()
    } else {
        format!(" · also asked: {}", asked.join(", "))
    };
    let why = q
        .because
        .as_ref()
        .map(|b| format!(" · asked because {}", quote(b, 200)))
        .unwrap_or_default();
    blocks.push(context(&format!(
        "{} · {}{why}{also}",
        i.reference,
        link(&v.page_url(), "open in IMP")
    )));
    let text = match open {
        true => format!(
            "Is this real? {} on {} ({})",
            quote(&i.title, 200),
            plain_service(i),
            i.severity
        ),
        false => format!("{}: {} is {}", i.reference, quote(&i.title, 200), plain_status(v)),
    };
    Message { text, blocks }
}

fn plain_service(i: &Incident) -> String {
    i.service
        .as_ref()
        .map_or_else(|| "an unknown service".to_owned(), |s| quote(&s.name, 80))
}

fn target(t: &Target) -> String {
    match t {
        Target::Person(w) => person(w),
        Target::Channel(c) => format!("#{}", escape(c)),
        Target::Announcements => "the announcement channel".to_owned(),
    }
}

fn answer(v: &View) -> String {
    let i = v.incident;
    let reason = i
        .fields
        .get("reason")
        .map(|r| format!(" {}", italic(&words::cut(r, 300))))
        .unwrap_or_default();
    let place = i
        .links
        .channel
        .as_ref()
        .map(|c| format!(" Join <#{}>.", c.id))
        .unwrap_or_default();
    match (i.merged_into, i.confirmed) {
        (Some(into), _) => format!(
            ":arrow_upper_right: It goes on as {}.",
            link(&format!("{}/incidents/{into}", v.public_url), &into.to_string())
        ),
        (None, true) if v.category() == Category::Done => format!("{}. It was real.", v.status_words()),
        (None, true) => format!("{}. It is real.{place}", v.status_words()),
        (None, false) => format!("{}.{reason}", v.status_words()),
    }
}

// ---- the announcement and the lines in the channel

/// The announcement, where others look.
pub fn announcement(v: &View) -> Message {
    let i = v.incident;
    let mut lines = vec![format!(
        "{}  {}  ·  {}",
        bold(&i.title),
        v.status_words(),
        v.severity_words()
    )];
    let mut more = vec![i.reference.to_string(), format!("service {}", v.service_words())];
    more.extend(i.links.channel.as_ref().map(|c| format!("<#{}>", c.id)));
    more.extend(i.links.ticket.as_ref().map(|t| link(&t.url, &t.key)));
    more.extend(i.links.page.as_ref().map(|(_, url)| link(url, "public page")));
    more.extend(i.roles.get("commander").map(|w| format!("commander {}", person(w))));
    more.extend(i.merged_into.map(|r| format!("goes on as {r}")));
    lines.push(more.join("  ·  "));
    if let Some(u) = i.updates.last() {
        lines.push(format!(
            ">{}\n_Update {}, {}_",
            quote(&u.text, 300).replace('\n', "\n>"),
            u.n,
            moment(u.at)
        ));
    }
    let text = format!(
        "{} {}: {} ({})",
        i.reference,
        plain_status(v),
        quote(&i.title, 200),
        i.severity
    );
    let mut blocks = vec![told(&lines.join("\n"))];
    if matches!(v.category(), Category::Active | Category::After) {
        let follow = button("incident.follow", "Follow", &i.reference.to_string(), None);
        blocks.extend(actions("follow", vec![follow]));
    }
    Message { text, blocks }
}

/// What is new, for somebody who follows it: an update, or the new status.
pub fn report(v: &View, n: Option<u32>) -> Option<Message> {
    let i = v.incident;
    let title = format!(
        "*{}* {}",
        link(&v.page_url(), &i.reference.to_string()),
        quote(&i.title, 150)
    );
    let (text, body, at) = match n {
        Some(n) => {
            let u = i.updates.iter().find(|u| u.n == n)?;
            let text = format!("{}: {}", i.reference, quote(&u.text, 300));
            (
                text,
                format!(">{}", quote(&u.text, BODY_SHOWN).replace('\n', "\n>")),
                u.at,
            )
        }
        None => {
            let text = format!("{} is {} now", i.reference, plain_status(v));
            (text, format!("It is {} now.", v.status_words()), i.status_since)
        }
    };
    let mut blocks = vec![section(&format!("{title}\n{body}"))];
    blocks.push(context(&format!(
        "{} · {} · {}",
        moment(at),
        v.status_words(),
        v.severity_words()
    )));
    let stop = button("incident.unfollow", "Follow no longer", &i.reference.to_string(), None);
    blocks.extend(actions("follow", vec![stop]));
    Some(Message { text, blocks })
}

/// The line that says that the status has changed.
pub fn notice(v: &View, from: &str, to: &str, by: &Actor, at: At) -> Message {
    let name = |id: &str| {
        v.process
            .status(id)
            .map_or_else(|| escape(id), |s| format!("{} {}", s.emoji, escape(&s.label)))
    };
    let said: Vec<String> = v
        .process
        .find_move(from, to)
        .into_iter()
        .flat_map(|m| m.requires.iter().chain(&m.asks))
        .filter_map(|f| v.incident.fields.get(f))
        .map(|t| format!("\n>{}", quote(t, 1000).replace('\n', "\n>")))
        .collect();
    let text = format!("{} moved it to {}", actor(by), name(to));
    let mut blocks = vec![
        section(&format!("{text}{}", said.join(""))),
        context(&format!("from {} · {}", name(from), moment(at))),
    ];
    // What comes late, after Slack was away, tells of then; what can be done now stands at the last of the lines.
    if v.incident.status == to {
        blocks.extend(actions("next", next_buttons(v, to)));
    }
    Message { blocks, text }
}

/// The next steps from a status, where people read last.
fn next_buttons(v: &View, status: &str) -> Vec<Value> {
    let forward = v.process.moves_from(status).filter(|m| !m.merges());
    usual_first(forward)
        .map(|m| move_button(v, m))
        .chain(way_buttons(v, status))
        .collect()
}

/// An update, as it stands in the channel.
pub fn update(v: &View, n: u32) -> Option<Message> {
    let u = v.incident.updates.iter().find(|u| u.n == n)?;
    let text = format!("Update {n}: {}", quote(&u.text, 1000));
    let blocks = vec![
        section(&format!(":loudspeaker: *Update {n}*\n{}", quote(&u.text, BODY_SHOWN))),
        context(&format!("{} · {} · {}", actor(&u.by), moment(u.at), v.status_words())),
    ];
    Some(Message { text, blocks })
}

/// Text of an update in one block: Slack's 3000 less what escaping may add.
const BODY_SHOWN: usize = 2400;

/// The draft of the review in the channel.
pub fn review(v: &View) -> Message {
    let reference = v.incident.reference.to_string();
    let mut blocks = vec![section(
        ":memo: *The review begins.* Here is a draft from the timeline; mend what is wrong, add what is missing.",
    )];
    blocks.push(section(&quote(&imp_core::review::draft(v.incident), BODY_SHOWN)));
    blocks.extend(actions(
        "review",
        vec![button(
            "incident.review",
            "Write the review",
            &reference,
            Some("primary"),
        )],
    ));
    Message {
        text: format!("The review of {reference} begins"),
        blocks,
    }
}

/// The last word in the channel.
pub fn last_word(v: &View) -> Message {
    let i = v.incident;
    let when = v.process.timing.archive_after.words();
    let archive = format!("This channel will be archived in {when}.");
    if let Some(into) = i.merged_into {
        let text = format!(
            ":arrow_upper_right: This goes on as {}. {archive}",
            link(&format!("{}/incidents/{into}", v.public_url), &into.to_string())
        );
        return Message {
            blocks: vec![section(&text)],
            text,
        };
    }
    let learned = i
        .fields
        .get("learned")
        .map_or_else(|| "Nothing was written down.".to_owned(), |t| quote(t, 2000));
    let mut blocks = vec![section(&format!(
        ":lock: *{} is closed.* What we have learnt:\n>{}",
        i.reference,
        learned.replace('\n', "\n>")
    ))];
    if !i.follow_ups.is_empty() {
        let line = |f: &imp_core::incident::FollowUp| {
            let key = f
                .ticket
                .as_ref()
                .map(|(k, u)| format!("{} ", link(u, k)))
                .unwrap_or_default();
            let owner = f.owner.as_ref().map(|w| format!(", {}", person(w))).unwrap_or_default();
            let due = f
                .due
                .as_ref()
                .map(|d| format!(", by {}", escape(d)))
                .unwrap_or_default();
            format!("•  {key}{}{owner}{due}", quote(&f.text, 150))
        };
        let lines: Vec<String> = i.follow_ups.iter().take(10).map(line).collect();
        blocks.push(section(&format!("*Follow-ups*\n{}", lines.join("\n"))));
    }
    blocks.push(context(&archive));
    Message {
        text: format!("{} is closed. {archive}", i.reference),
        blocks,
    }
}
