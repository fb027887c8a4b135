//! What an alert means: a question to whoever is on call, more of the same, or, in a maintenance window, a line for later.
//! Pure.

use crate::alert::{Alert, AlertState};
use crate::decide::{service_name, team_named, team_of, unknown_service};
use crate::event::{Event, ServiceName, TeamName};
use crate::process::{Category, Process};
use crate::summons::{invitees, path, summon};
use crate::{Facts, Incident, follow, words};

/// Longest name of a service that no catalogue knows, in characters: it stands beside others in a list.
const UNKNOWN_MAX: usize = 80;

pub(crate) fn opened_by_alert(alert: &Alert, facts: &Facts) -> Vec<Event> {
    let Some(triage) = facts.process.first(Category::Triage).filter(|_| alert.firing) else {
        return Vec::new();
    };
    let route = facts.process.route(alert);
    let hints = hints(alert, facts.process);
    let found = hints.iter().find_map(|h| facts.catalogue.service(h));
    let (service, team) = match found {
        Some(s) => (Some(service_name(s)), team_of(s, facts.catalogue)),
        None => (hints.first().map(|h| unknown_service(h)), None),
    };
    let (routed, unknown) = routed_team(alert, facts);
    let team = routed.or(team);
    let overlays = facts
        .process
        .overlays_of(service.as_ref(), team.as_ref(), facts.catalogue);
    let process = &facts.process.with(&overlays);
    let facts = &Facts { process, ..*facts };
    let severity = route.and_then(|r| r.severity.as_deref());
    let severity = severity.unwrap_or_else(|| facts.process.severity_of_alert(alert.severity.as_deref()));
    let mut alert = alert.clone();
    alert.title = words::title(&alert.title);
    if alert.title.is_empty() {
        alert.title = "An alert without a name".to_owned();
    }
    let opened = Event::Opened {
        reference: facts.next,
        title: alert.title.clone(),
        summary: alert.detail.as_deref().map(words::text).unwrap_or_default(),
        severity: severity.to_owned(),
        status: triage.id.clone(),
        service: service.clone(),
        team: team.clone(),
        private: false,
        process: process.version.clone(),
        edition: process.edition.clone(),
        overlays,
    };
    if facts.catalogue_comes {
        return vec![opened, Event::AlertJoined { alert }, Event::AskingWaits];
    }
    let silenced = silence(&alert, facts);
    let first = silenced.unwrap_or_else(|| Event::Asked {
        n: 1,
        level: 0,
        whom: path(service.as_ref(), team.as_ref(), facts).swap_remove(0),
        because: unknown,
    });
    vec![opened, Event::AlertJoined { alert }, first]
}

/// The team that the alert's route names; where the catalogue has none of that name, what to say of it to whoever is asked
/// instead.
fn routed_team(alert: &Alert, facts: &Facts) -> (Option<TeamName>, Option<String>) {
    let Some(route) = facts.process.route(alert) else {
        return (None, None);
    };
    match route.team.as_deref().map(|t| team_named(t, facts)) {
        None => (None, None),
        Some(Ok(team)) => (Some(team), None),
        Some(Err(refusal)) => {
            let why = format!("the route {:?} is of no use here: {}", route.id, refusal.message);
            (None, Some(why.trim_end_matches('.').to_owned()))
        }
    }
}

/// The first question.
fn ask(service: Option<&ServiceName>, team: Option<&TeamName>, facts: &Facts) -> Event {
    Event::Asked {
        n: 1,
        level: 0,
        whom: path(service, team, facts).swap_remove(0),
        because: None,
    }
}

/// Names that may be the service's, the route's first.
pub fn hints<'a>(alert: &'a Alert, process: &'a Process) -> Vec<&'a str> {
    let routed = process.route(alert).and_then(|r| r.service.as_deref());
    routed
        .into_iter()
        .chain(alert.service_hints.iter().map(String::as_str))
        .collect()
}

/// What a service that no catalogue knows is called, here and in the store.
pub fn unknown_alias(hint: &str) -> String {
    words::cut(&words::title(hint), UNKNOWN_MAX)
}

/// Nobody is asked while the alert falls into a maintenance window.
fn silence(alert: &Alert, facts: &Facts) -> Option<Event> {
    let (window, until) = facts.process.window(alert, facts.now)?;
    Some(Event::Silenced {
        window: window.id.clone(),
        why: window.reason.clone(),
        until,
    })
}

/// The window is over: whoever is still in trouble is asked about, unless another window is open.
pub(crate) fn window_over(i: &Incident, facts: &Facts) -> Vec<Event> {
    let waits = i.silenced_until.is_some_and(|until| until <= facts.now);
    let triage = facts.process.category(&i.status) == Category::Triage;
    if !waits || !triage || !i.questions.is_empty() {
        return Vec::new();
    }
    let mut firing = i.alerts.iter().filter(|a| a.firing).peekable();
    if firing.peek().is_none() {
        return Vec::new();
    }
    // One alert that falls into no window is enough to ask.
    let silences: Option<Vec<Event>> = firing.map(|a| silence(&a.alert, facts)).collect();
    let next = silences.and_then(|all| all.into_iter().next());
    vec![next.unwrap_or_else(|| ask(i.service.as_ref(), i.team.as_ref(), facts))]
}

pub(crate) fn alert_again(i: &Incident, alert: &Alert, facts: &Facts) -> Vec<Event> {
    let mut out = told_again(i, alert);
    let silent = i.questions.is_empty() && i.silenced_until.is_some_and(|until| facts.now < until);
    let triage = facts.process.category(&i.status) == Category::Triage;
    // It stands beside one that falls into a window, and does not itself.
    if silent && triage && alert.firing && !out.is_empty() && facts.process.window(alert, facts.now).is_none() {
        out.push(ask(i.service.as_ref(), i.team.as_ref(), facts));
    }
    out
}

fn told_again(i: &Incident, alert: &Alert) -> Vec<Event> {
    let known = i
        .alerts
        .iter()
        .find(|a| a.alert.source == alert.source && a.alert.key == alert.key);
    let overtaken = |a: &AlertState| a.told_at.zip(alert.told_at).is_some_and(|(known, told)| told < known);
    if known.is_some_and(overtaken) {
        return Vec::new();
    }
    let (source, key, told_at) = (alert.source.clone(), alert.key.clone(), alert.told_at);
    match (known, alert.firing) {
        (None, true) => vec![Event::AlertJoined { alert: alert.clone() }],
        (Some(a), true) if !a.firing => vec![Event::AlertFired { source, key, told_at }],
        (Some(a), false) if a.firing => vec![Event::AlertCleared { source, key, told_at }],
        _ => Vec::new(),
    }
}

/// The catalogue is known now, or nobody waits for it any longer: the service is looked up, and whoever it names is
/// asked or invited.
pub(crate) fn route(i: &Incident, facts: &Facts) -> Vec<Event> {
    let mut out = Vec::new();
    let (mut service, mut team) = (i.service.clone(), i.team.clone());
    let mut relaid = None;
    if service.as_ref().is_none_or(|s| !s.known) {
        let known = i
            .service
            .iter()
            .map(|s| s.alias.as_str())
            .chain(i.alerts.iter().flat_map(|a| hints(&a.alert, facts.process)));
        if let Some(s) = known.into_iter().find_map(|h| facts.catalogue.service(h)) {
            team = team_of(s, facts.catalogue);
            service = Some(service_name(s));
            out.push(Event::ServiceChanged {
                service: service_name(s),
                team: team.clone(),
            });
            relaid = follow::relaid(i, service.as_ref(), team.as_ref(), facts);
        }
    }
    let laid = match &relaid {
        Some(Event::ProcessTaken { overlays, .. }) => facts.process.with(overlays),
        Some(_) | None => std::borrow::Cow::Borrowed(facts.process),
    };
    let facts = &Facts {
        process: &laid,
        ..*facts
    };
    out.extend(relaid);
    if i.confirmed && !i.private && !out.is_empty() {
        summon(
            &mut out,
            i.members.clone(),
            invitees(&i.severity, service.as_ref(), team.as_ref(), facts),
        );
    }
    let silent = i.silenced_until.is_some_and(|until| facts.now < until);
    if facts.process.category(&i.status) == Category::Triage && i.questions.is_empty() && !silent {
        let silences: Option<Vec<Event>> = i.alerts.iter().map(|a| silence(&a.alert, facts)).collect();
        let next = silences.and_then(|all| all.into_iter().next());
        out.push(next.unwrap_or_else(|| ask(service.as_ref(), team.as_ref(), facts)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Service, Team};
    use crate::effect::Timer;
    use crate::event::{Fact, Target};
    use crate::{Actor, At, Catalogue, Command, Directory, Envelope, Ref, Role, decide};
    use std::collections::BTreeSet;

    /// One alert after the other, and the incident that comes of them.
    struct Tower {
        process: Process,
        catalogue: Catalogue,
        incident: Option<Incident>,
    }

    const MORE: &str = r#"
[[route]]
id = "batch"
match = { job = "batch-*" }
service = "ledger"
team = "platform"
severity = "SEV1"
window = "nights"

[[window]]
id = "nights"
reason = "Batches run"
zone = "Europe/Lisbon"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
from = "22:00"
to = "06:00"

[[schedule]]
id = "first"
teams = ["platform"]
zone = "Europe/Lisbon"
people = ["first@acme.com"]
begins = "2026-01-01T00:00"
turn_days = 7

[[schedule]]
id = "second"
zone = "Europe/Lisbon"
people = ["second@acme.com"]
begins = "2026-01-01T00:00"
turn_days = 7
"#;

    impl Tower {
        fn built() -> Tower {
            let text =
                crate::process::BUILT_IN.replacen("path = [\"on_call\", ", "path = [\"on_call\", \"schedule\", ", 1);
            let service = Service {
                alias: "ledger".into(),
                name: "Ledger".into(),
                ..Service::default()
            };
            let team = Team {
                alias: "platform".into(),
                name: "Platform".into(),
                ..Team::default()
            };
            Tower {
                process: Process::parse(&format!("{text}{MORE}")).unwrap_or_else(|f| panic!("{f}")),
                catalogue: Catalogue {
                    as_of: Some(At(0)),
                    services: vec![service],
                    teams: vec![team],
                },
                incident: None,
            }
        }

        fn happens(&mut self, at: &str, command: Command) -> Vec<Event> {
            let at = At::parse(at).expect("a moment");
            let (directory, can) = (Directory::default(), BTreeSet::new());
            let facts = Facts {
                process: &self.process,
                in_force: &self.process,
                catalogue: &self.catalogue,
                directory: &directory,
                next: Ref(1),
                other: None,
                can: &can,
                now: at,
                subscriptions: &Default::default(),
                catalogue_comes: false,
            };
            let envelope = Envelope {
                id: String::new(),
                by: Actor::Imp,
                role: Role::Admin,
                at,
                about: Some(Ref(1)),
                command,
            };
            let events = decide(self.incident.as_ref(), &envelope, &facts).expect("it is granted");
            for event in &events {
                let n = self.incident.as_ref().map_or(0, |i| i.version) + 1;
                let fact = Fact {
                    n,
                    at,
                    by: Actor::Imp,
                    event: event.clone(),
                };
                self.incident = Incident::evolve(self.incident.take(), &fact, &self.process);
            }
            events
        }

        fn now(&self) -> &Incident {
            self.incident.as_ref().expect("it was opened")
        }
    }

    fn alert(key: &str, job: &str, firing: bool) -> Command {
        Command::Alert(Box::new(Alert {
            source: "generic".into(),
            key: key.into(),
            firing,
            title: "It fails".into(),
            detail: None,
            severity: None,
            service_hints: vec!["nobody-knows".into()],
            since: None,
            told_at: None,
            count: 1,
            links: Vec::new(),
            labels: vec![("job".into(), job.into())],
        }))
    }

    fn asked(i: &Incident) -> Vec<String> {
        let label = |t: &Target| crate::summons::target_label(t);
        i.questions.iter().map(|q| label(&q.whom)).collect()
    }

    #[test]
    fn a_route_says_whose_an_alert_is_and_the_schedules_who_is_asked_one_after_the_other() {
        let mut t = Tower::built();
        t.happens("2026-11-24T12:00:00Z", alert("k", "batch-7", true));
        let i = t.now();
        assert_eq!(i.service.as_ref().map(|s| s.alias.as_str()), Some("ledger"));
        assert_eq!(i.team.as_ref().map(|s| s.alias.as_str()), Some("platform"));
        assert_eq!(i.severity, "SEV1");
        for level in 0..2 {
            let timer = Timer::Escalate { level };
            t.happens("2026-11-24T12:30:00Z", Command::Nudge { timer });
        }
        assert_eq!(
            asked(t.now()),
            ["first@acme.com", "second@acme.com", "the announcement channel"]
        );
    }

    #[test]
    fn a_route_to_a_team_that_nobody_has_is_said_with_the_question() {
        let mut t = Tower::built();
        t.catalogue.teams[0].alias = "plattform".into();
        t.catalogue.teams[0].name = "Plattform".into();
        t.happens("2026-11-24T12:00:00Z", alert("k", "batch-7", true));
        let because = t.now().questions[0].because.clone().unwrap_or_default();
        assert!(
            because.contains("\"batch\"") && because.contains("\"platform\""),
            "{because}"
        );
    }

    #[test]
    fn in_a_window_an_alert_is_written_down_and_asked_about_when_it_still_fires_after_it() {
        let mut t = Tower::built();
        let events = t.happens("2026-11-24T23:00:00Z", alert("k", "batch-7", true));
        assert!(matches!(events.last(), Some(Event::Silenced { .. })), "{events:?}");
        let over = || Command::Nudge {
            timer: Timer::WindowOver { fact: 3 },
        };
        // Neither the catalogue's coming nor a timer of too early asks anybody.
        let route = Command::Nudge { timer: Timer::Route };
        t.happens("2026-11-24T23:10:00Z", route);
        t.happens("2026-11-24T23:20:00Z", over());
        assert_eq!(asked(t.now()), Vec::<String>::new());
        assert!(!crate::summons::is_unasked(
            t.now(),
            &t.process,
            At::parse("2026-11-25T02:00:00Z").expect("a moment")
        ));
        t.happens("2026-11-25T06:00:00Z", over());
        assert_eq!(asked(t.now()), ["first@acme.com"]);
    }

    #[test]
    fn what_falls_into_no_window_is_asked_about_even_beside_what_does() {
        let mut t = Tower::built();
        t.happens("2026-11-24T23:00:00Z", alert("k", "batch-7", true));
        t.happens("2026-11-24T23:05:00Z", alert("other", "api", true));
        assert_eq!(asked(t.now()).len(), 1);
        // What has resolved by the end of its window is asked about by nobody.
        let mut t = Tower::built();
        t.happens("2026-11-24T23:00:00Z", alert("k", "batch-7", true));
        t.happens("2026-11-24T23:30:00Z", alert("k", "batch-7", false));
        let timer = Timer::WindowOver { fact: 3 };
        t.happens("2026-11-25T06:00:00Z", Command::Nudge { timer });
        assert_eq!(asked(t.now()), Vec::<String>::new());
    }
}
