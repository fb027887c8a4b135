//! Overlays: what the process of one team, tier or country has besides; it adds and tightens, and never loosens.

use super::{Field, Impact, Invitee, Nudge, OutsideHours, Process, Role, Rung, StepRule, Watch};
use crate::catalogue::{Catalogue, Reference};
use crate::event::{ServiceName, TeamName};
use crate::moment::Span;
use crate::words;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// An overlay.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlay {
    /// `payments`.
    pub id: String,
    /// Why it is there, for whoever meets it.
    #[serde(default)]
    pub why: Option<String>,
    /// For the incidents of this team: its alias.
    #[serde(default)]
    pub team: Option<String>,
    /// For the incidents of services of this tier, as the catalogue names it.
    #[serde(default)]
    pub tier: Option<String>,
    /// For the incidents of teams of this country, as their tag has it.
    #[serde(default)]
    pub country: Option<String>,
    /// Shorter times.
    #[serde(default)]
    pub timing: MoreTiming,
    /// What statuses have besides.
    #[serde(rename = "status", default)]
    pub statuses: Vec<MoreStatus>,
    /// What moves need or ask besides.
    #[serde(rename = "move", default)]
    pub moves: Vec<MoreMove>,
    /// Fields of its own.
    #[serde(rename = "field", default)]
    pub fields: Vec<Field>,
    /// What severities have besides.
    #[serde(rename = "severity", default)]
    pub severities: Vec<MoreSeverity>,
    /// Worse severities for what says nothing.
    #[serde(default)]
    pub severity_default: WorseDefault,
    /// Roles of its own, and what others have besides.
    #[serde(rename = "role", default)]
    pub roles: Vec<MoreRole>,
    /// Whom an alert asks besides.
    #[serde(default)]
    pub escalation: MoreEscalation,
    /// What follows besides.
    #[serde(rename = "step", default)]
    pub steps: Vec<StepRule>,
    /// Reminders of its own, and others that come sooner.
    #[serde(rename = "nudge", default)]
    pub nudges: Vec<MoreNudge>,
    /// Questions about the impact of its own.
    #[serde(default)]
    pub impact: Vec<Impact>,
}

/// Shorter times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MoreTiming {
    /// After this without an answer the next on the path is asked.
    pub answer_within: Option<Span>,
}

/// What a status has besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoreStatus {
    /// Which.
    pub id: String,
    /// What to do now.
    #[serde(default)]
    pub guidance: Vec<String>,
    /// Where to look.
    #[serde(default)]
    pub references: Vec<Reference>,
}

/// What a move needs or asks besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoreMove {
    /// From any of these; from wherever the move begins, where it is left out.
    #[serde(default)]
    pub from: Vec<String>,
    /// To this one.
    pub to: String,
    /// Fields without which it is refused.
    #[serde(default)]
    pub requires: Vec<String>,
    /// Fields that it also takes.
    #[serde(default)]
    pub asks: Vec<String>,
}

/// What a severity has besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoreSeverity {
    /// Which.
    pub id: String,
    /// Who comes into the channel besides.
    #[serde(default)]
    pub invite: Vec<Invitee>,
    /// How often an update is due.
    #[serde(default)]
    pub update_every: Option<Span>,
    /// What to do now.
    #[serde(default)]
    pub guidance: Vec<String>,
    /// Where to look.
    #[serde(default)]
    pub references: Vec<Reference>,
}

/// Worse severities for what says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorseDefault {
    /// One that a person declares.
    pub declared: Option<String>,
    /// One that an alert raises.
    pub alert: Option<String>,
}

/// A role of its own, or what another has besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoreRole {
    /// Which.
    pub id: String,
    /// What people read, of one of its own.
    #[serde(default)]
    pub label: Option<String>,
    /// What the holder does, of one of its own.
    #[serde(default)]
    pub instructions: Option<String>,
    /// What the holder does first.
    #[serde(default)]
    pub guidance: Vec<String>,
    /// Where the holder looks.
    #[serde(default)]
    pub references: Vec<Reference>,
}

/// Whom an alert asks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MoreEscalation {
    /// The whole path, with everybody whom the process asks, in its order.
    pub path: Vec<Invitee>,
}

/// A reminder of its own, or another that comes sooner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoreNudge {
    /// Which.
    pub id: String,
    /// What it watches, of one of its own.
    #[serde(default)]
    pub when: Option<Watch>,
    /// How long that may be so before it is late.
    #[serde(default)]
    pub after: Option<Span>,
    /// What people read, of one of its own.
    #[serde(default)]
    pub text: Option<String>,
    /// Who hears it: the whole ladder.
    #[serde(default)]
    pub ladder: Vec<Rung>,
    /// How long before the next on the ladder hears it.
    #[serde(default)]
    pub again: Option<Span>,
    /// What is done with it while nobody works.
    #[serde(default)]
    pub outside_hours: Option<OutsideHours>,
}

impl Overlay {
    /// Whether it holds for incidents of this team, tier and country: everything that it names has to fit.
    pub fn fits(&self, team: Option<&str>, tier: Option<&str>, country: Option<&str>) -> bool {
        let same = |want: &Option<String>, is: Option<&str>| {
            want.as_deref()
                .is_none_or(|w| is.is_some_and(|i| words::key(i) == words::key(w)))
        };
        let named = self.team.is_some() || self.tier.is_some() || self.country.is_some();
        named && same(&self.team, team) && same(&self.tier, tier) && same(&self.country, country)
    }

    /// What it adds and tightens, a sentence each.
    pub fn says(&self, process: &Process) -> Vec<String> {
        let status = |id: &str| process.status(id).map_or(id.to_owned(), |s| s.label.clone());
        let field = |id: &String| {
            let own = self.fields.iter().find(|f| f.id == *id);
            own.or(process.field(id)).map_or(id.clone(), |f| f.label.clone())
        };
        let mut out = Vec::new();
        if let Some(t) = self.timing.answer_within {
            out.push(format!("The next on the path is asked after {}.", t.words()));
        }
        for m in &self.moves {
            let from: Vec<String> = m.from.iter().map(|f| status(f)).collect();
            let from = match from.is_empty() {
                true => String::new(),
                false => format!(" from {}", words::list(&from)),
            };
            for (what, fields) in [("needs", &m.requires), ("may tell", &m.asks)] {
                if !fields.is_empty() {
                    let fields: Vec<String> = fields.iter().map(field).collect();
                    out.push(format!(
                        "To become {}{from} it also {what}: {}",
                        status(&m.to),
                        fields.join(" ")
                    ));
                }
            }
        }
        for s in &self.severities {
            if let Some(every) = s.update_every {
                out.push(format!("{}: an update is due every {}.", s.id, every.words()));
            }
            if !s.invite.is_empty() {
                let who: Vec<String> = s.invite.iter().map(|w| w.words().to_owned()).collect();
                out.push(format!("{} also invites {}.", s.id, words::list(&who)));
            }
            out.extend(s.guidance.iter().map(|g| format!("{}: {g}", s.id)));
        }
        if let Some(s) = &self.severity_default.declared {
            out.push(format!("What a person declares is {s} where they do not say."));
        }
        if let Some(s) = &self.severity_default.alert {
            out.push(format!("What an alert raises is {s} where it does not say."));
        }
        if !self.escalation.path.is_empty() {
            let who: Vec<String> = self.escalation.path.iter().map(|w| w.words().to_owned()).collect();
            out.push(format!("An alert asks {}, one after the other.", words::list(&who)));
        }
        for s in &self.statuses {
            out.extend(s.guidance.iter().map(|g| format!("{}: {g}", status(&s.id))));
        }
        for r in &self.roles {
            if let (Some(label), Some(instructions)) = (&r.label, &r.instructions) {
                out.push(format!("The role {label}: {instructions}"));
            }
            let label = process.role(&r.id).map_or(r.id.as_str(), |r| r.label.as_str());
            out.extend(r.guidance.iter().map(|g| format!("{label}: {g}")));
        }
        for n in &self.nudges {
            let text = n
                .text
                .as_deref()
                .or_else(|| process.nudge(&n.id).map(|n| n.text.as_str()));
            out.push(match n.after {
                Some(after) => format!("Reminds after {}: {}", after.words(), text.unwrap_or(&n.id)),
                None => format!("Reminds others too: {}", text.unwrap_or(&n.id)),
            });
        }
        out.extend(
            self.impact
                .iter()
                .map(|q| format!("Asks about the impact: {}", q.label)),
        );
        if !self.steps.is_empty() {
            out.push("More follows by itself.".to_owned());
        }
        out
    }

    /// What it names that the catalogue does not have, by the key: for those it holds for nobody. Before the catalogue was
    /// ever read, nothing is strange.
    pub fn strange(&self, catalogue: &Catalogue) -> Vec<(&'static str, String)> {
        let mut out = Vec::new();
        if let Some(t) = self.team.as_deref().filter(|_| !catalogue.teams.is_empty())
            && catalogue.team(t).is_none()
        {
            let known: Vec<&str> = catalogue.teams.iter().map(|t| t.alias.as_str()).collect();
            out.push(("team", unknown("team", t, &known)));
        }
        if let Some(t) = self.tier.as_deref().filter(|_| !catalogue.services.is_empty()) {
            let known: Vec<&str> = catalogue.services.iter().filter_map(|s| s.tier.as_deref()).collect();
            if known.iter().all(|k| words::key(k) != words::key(t)) {
                out.push(("tier", unknown("service of the tier", t, &known)));
            }
        }
        if let Some(c) = self.country.as_deref().filter(|_| !catalogue.teams.is_empty()) {
            let known: Vec<&str> = catalogue.teams.iter().filter_map(|t| t.tag("country")).collect();
            if known.iter().all(|k| words::key(k) != words::key(c)) {
                out.push(("country", unknown("team of the country", c, &known)));
            }
        }
        out
    }

    /// For whom it holds, in words: `team payments, country PT`.
    pub fn whose(&self) -> String {
        let named = [("team", &self.team), ("tier", &self.tier), ("country", &self.country)];
        let named = named.iter().filter_map(|(k, v)| Some(format!("{k} {}", v.as_deref()?)));
        named.collect::<Vec<_>>().join(", ")
    }
}

impl Process {
    /// Which overlays hold for incidents of this service and team, in the order of the file.
    pub fn overlays_of(
        &self,
        service: Option<&ServiceName>,
        team: Option<&TeamName>,
        catalogue: &Catalogue,
    ) -> Vec<String> {
        if self.overlays.is_empty() {
            return Vec::new();
        }
        let tier = service.and_then(|s| catalogue.service(&s.alias)?.tier.as_deref());
        let alias = team.map(|t| t.alias.as_str());
        let country = team.and_then(|t| t.country.as_deref());
        let fit = self.overlays.iter().filter(|o| o.fits(alias, tier, country));
        fit.map(|o| o.id.clone()).collect()
    }

    /// The process with these overlays and no others. Names that it does not have are passed over.
    pub fn with(&self, overlays: &[String]) -> Cow<'_, Process> {
        if overlays == self.laid.as_slice() {
            return Cow::Borrowed(self);
        }
        let base = self.base.as_deref().unwrap_or(self);
        let mut out = base.clone();
        for o in base.overlays.iter().filter(|o| overlays.contains(&o.id)) {
            out.lay(o);
        }
        if !out.laid.is_empty() {
            out.base = Some(self.base.clone().unwrap_or_else(|| Arc::new(self.clone())));
        }
        Cow::Owned(out)
    }

    fn lay(&mut self, o: &Overlay) {
        self.laid.push(o.id.clone());
        sooner(&mut self.timing.answer_within, o.timing.answer_within);
        for f in &o.fields {
            if self.field(&f.id).is_none() {
                self.fields.push(f.clone());
            }
        }
        for more in &o.statuses {
            for s in self.statuses.iter_mut().filter(|s| s.id == more.id) {
                add(&mut s.guidance, &more.guidance);
                add(&mut s.references, &more.references);
            }
        }
        o.moves.iter().for_each(|more| self.lay_move(more));
        for more in &o.severities {
            for s in self.severities.iter_mut().filter(|s| s.id == more.id) {
                add(&mut s.invite, &more.invite);
                add(&mut s.guidance, &more.guidance);
                add(&mut s.references, &more.references);
                s.update_every = match (s.update_every, more.update_every) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
        }
        self.severity_default.declared = self.worse(&self.severity_default.declared, &o.severity_default.declared);
        self.severity_default.alert = self.worse(&self.severity_default.alert, &o.severity_default.alert);
        o.roles.iter().for_each(|more| self.lay_role(more));
        if !o.escalation.path.is_empty() {
            let mut path = o.escalation.path.clone();
            add(&mut path, &self.escalation.path);
            self.escalation.path = path;
        }
        self.steps.extend(o.steps.iter().cloned());
        o.nudges.iter().for_each(|more| self.lay_nudge(more));
        for q in &o.impact {
            if self.impact.iter().all(|known| known.id != q.id) {
                self.impact.push(q.clone());
            }
        }
    }

    /// A move may begin in several statuses, of which only some are meant: it becomes two.
    fn lay_move(&mut self, more: &MoreMove) {
        let mut out = Vec::with_capacity(self.moves.len() + 1);
        for m in std::mem::take(&mut self.moves) {
            let meant = |f: &String| more.from.is_empty() || more.from.contains(f);
            if m.to != more.to || !m.from.iter().any(meant) {
                out.push(m);
                continue;
            }
            let (here, rest): (Vec<String>, Vec<String>) = m.from.iter().cloned().partition(meant);
            let mut stricter = m.clone();
            stricter.from = here;
            add(&mut stricter.requires, &more.requires);
            add(&mut stricter.asks, &more.asks);
            let needed = stricter.requires.clone();
            stricter.asks.retain(|f| !needed.contains(f));
            out.push(stricter);
            if !rest.is_empty() {
                out.push(super::Move { from: rest, ..m });
            }
        }
        self.moves = out;
    }

    fn lay_role(&mut self, more: &MoreRole) {
        if let Some(r) = self.roles.iter_mut().find(|r| r.id == more.id) {
            add(&mut r.guidance, &more.guidance);
            add(&mut r.references, &more.references);
        } else if let (Some(label), Some(instructions)) = (&more.label, &more.instructions) {
            self.roles.push(Role {
                id: more.id.clone(),
                label: label.clone(),
                instructions: instructions.clone(),
                guidance: more.guidance.clone(),
                references: more.references.clone(),
            });
        }
    }

    fn lay_nudge(&mut self, more: &MoreNudge) {
        if let Some(n) = self.nudges.iter_mut().find(|n| n.id == more.id) {
            sooner(&mut n.after, more.after);
            sooner(&mut n.again, more.again);
            if !more.ladder.is_empty() {
                let mut ladder = more.ladder.clone();
                add(&mut ladder, &n.ladder);
                n.ladder = ladder;
            }
            if more.outside_hours == Some(OutsideHours::Tell) {
                n.outside_hours = OutsideHours::Tell;
            }
        } else if let (Some(when), Some(after), Some(text), Some(again)) =
            (more.when, more.after, &more.text, more.again)
        {
            self.nudges.push(Nudge {
                id: more.id.clone(),
                when,
                after,
                text: text.clone(),
                ladder: more.ladder.clone(),
                again,
                outside_hours: more.outside_hours.unwrap_or_default(),
            });
        }
    }

    /// The worse of two severities: the one that stands first in the file.
    fn worse(&self, one: &str, other: &Option<String>) -> String {
        let place = |id: &str| self.severities.iter().position(|s| s.id == id);
        match other.as_deref() {
            Some(o) if place(o) < place(one) && place(o).is_some() => o.to_owned(),
            Some(_) | None => one.to_owned(),
        }
    }
}

fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    let mut known: Vec<&str> = known.to_vec();
    known.sort_unstable();
    known.dedup();
    format!(
        "the catalogue has no {what} {word:?}{}",
        super::check::nearest(word, known)
    )
}

fn sooner(now: &mut Span, other: Option<Span>) {
    *now = other.map_or(*now, |o| o.min(*now));
}

/// Adds what is not there yet.
fn add<T: PartialEq + Clone>(to: &mut Vec<T>, more: &[T]) {
    for m in more {
        if !to.contains(m) {
            to.push(m.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MORE: &str = r#"
[[overlay]]
id = "payments"
team = "payments"
why = "PCI DSS"

[overlay.timing]
answer_within = "2m"

[overlay.severity_default]
declared = "SEV2"

[overlay.escalation]
path = ["on_call", "schedule", "team_channel", "manager"]

[[overlay.field]]
id = "cards"
label = "Were card data at risk?"
kind = "text"

[[overlay.move]]
from = ["monitoring"]
to = "resolved"
requires = ["cards"]

[[overlay.move]]
from = ["monitoring"]
to = "investigating"
asks = ["cards"]

[[overlay.severity]]
id = "SEV1"
update_every = "15m"
invite = ["manager", "schedule"]
guidance = ["Call the acquirer."]

[[overlay.role]]
id = "dpo"
label = "Data protection"
instructions = "You decide whether the authority is told."

[[overlay.role]]
id = "commander"
guidance = ["Freeze deployments."]

[[overlay.nudge]]
id = "review"
after = "1d"
ladder = ["commander", "channel", "commander", "manager"]

[[overlay]]
id = "romania"
country = "RO"
tier = "tier_1"

[[overlay.status]]
id = "resolved"
guidance = ["Tell ANPC."]
"#;

    fn process() -> Process {
        Process::parse(&format!("{}{MORE}", super::super::BUILT_IN)).unwrap_or_else(|f| panic!("{f}"))
    }

    #[test]
    fn an_overlay_holds_where_all_that_it_names_fits() {
        let p = process();
        let fit = |team, tier, country| {
            let fit = p.overlays.iter().filter(|o| o.fits(team, tier, country));
            fit.map(|o| o.id.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(fit(Some("Payments"), None, None), ["payments"]);
        assert_eq!(
            fit(Some("payments"), Some("tier_1"), Some("ro")),
            ["payments", "romania"]
        );
        assert!(fit(Some("search"), Some("tier_2"), Some("RO")).is_empty());
        assert!(fit(None, None, None).is_empty());
    }

    #[test]
    fn what_an_overlay_says_is_added_and_what_others_have_stays() {
        let p = process();
        let laid = p.with(&["payments".into()]);
        assert_eq!(laid.timing.answer_within, Span(120_000));
        assert_eq!(laid.severity_default.declared, "SEV2");
        assert_eq!(laid.severity_default.alert, "SEV3");
        let needs = |p: &Process, from, to| p.find_move(from, to).map(|m| m.requires.clone()).unwrap_or_default();
        assert_eq!(needs(&laid, "monitoring", "resolved"), ["resolution", "cards"]);
        assert_eq!(
            laid.find_move("monitoring", "investigating").map(|m| m.asks.len()),
            Some(1)
        );
        // The same move from elsewhere is as it was.
        assert_eq!(
            laid.find_move("identified", "investigating").map(|m| m.asks.len()),
            Some(0)
        );
        let worst = laid.severity("SEV1").expect("it is there");
        assert_eq!(worst.update_every, Some(Span(900_000)));
        assert_eq!(worst.invite.len(), 4);
        assert!(laid.role("dpo").is_some());
        assert_eq!(laid.role("commander").map(|r| r.guidance.len()), Some(1));
        assert_eq!(laid.escalation.path.len(), 4);
        // Nothing of it is the others'.
        assert_eq!(needs(&p, "monitoring", "resolved"), ["resolution"]);
        assert!(p.role("dpo").is_none());
        // From one overlay to another one comes by the process itself, not by what was laid on it.
        let other = laid.with(&["romania".into()]);
        assert!(other.role("dpo").is_none());
        assert_eq!(other.status("resolved").map(|s| s.guidance.len()), Some(3));
        assert_eq!(other.with(&[]).laid, Vec::<String>::new());
    }
}
