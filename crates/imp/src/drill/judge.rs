//! What was done in a drill, when, and how that compares with what good looks like. Pure.

use super::scenario::{Deed, Scenario};
use imp_core::At;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What has been done, with the first time of each, milliseconds after the beginning.
pub type Done = BTreeMap<Deed, i64>;

/// Words that a reason has at least to help anybody.
const REASON_WORDS: usize = 3;

/// Reads what was done out of an incident and its timeline, as the API shows them. `began` is when the drill did.
pub fn done(incident: &Value, timeline: &[Value], began: At) -> Done {
    let mut out = Done::new();
    for line in timeline {
        let text = |key: &str| line[key].as_str().unwrap_or_default();
        let Some(at) = At::parse(text("at")).filter(|at| at.since(began) >= 0) else {
            continue;
        };
        for deed in deeds(text("event"), text("text"), text("by")) {
            out.entry(deed).or_insert(at.since(began));
        }
    }
    // A reason is an answer to a move, and stands with it.
    let reason = timeline
        .iter()
        .filter_map(|l| l["text"].as_str())
        .find_map(|t| t.split_once("to Declined: "));
    if let (Some((_, reason)), Some(at)) = (reason, out.get(&Deed::Declined).copied())
        && reason.split_whitespace().count() >= REASON_WORDS
    {
        out.insert(Deed::Reason, at);
    }
    if incident["merged_into"].is_string() {
        let at = out.get(&Deed::Answered).copied().unwrap_or_default();
        out.entry(Deed::Merged).or_insert(at);
    }
    out
}

/// What one line of a timeline shows to be done.
fn deeds(event: &str, text: &str, by: &str) -> Vec<Deed> {
    let mut out = match event {
        "confirmed" => vec![Deed::Answered, Deed::Confirmed],
        "moved" if text.contains("to Declined") => vec![Deed::Answered, Deed::Declined],
        "moved" if text.contains("to Merged") => vec![Deed::Answered, Deed::Merged],
        "moved" if text.contains("to Resolved") => vec![Deed::Resolved],
        "moved" if text.contains("to Closed") => vec![Deed::Closed],
        "role_taken" if text.contains("is Commander") => vec![Deed::Commander],
        "role_taken" if text.contains("is Communications") => vec![Deed::Communications],
        "update_posted" => vec![Deed::Update],
        "page_posted" => vec![Deed::Public],
        "severity_changed" => vec![Deed::Severity],
        "task_added" => vec![Deed::Task],
        "absorbed" => vec![Deed::Merged],
        "follow_up_added" => vec![Deed::FollowUp],
        _ => vec![],
    };
    // In the demo whoever uses the console is nobody but this machine.
    let works = matches!(event, "moved" | "update_posted" | "task_added" | "severity_changed");
    if works && by == "this machine" {
        out.push(Deed::Console);
    }
    out
}

/// The debrief: each thing that good people do, whether and when it was done, and why it matters.
pub fn debrief(scenario: &Scenario, done: &Done) -> Value {
    let mut well = 0;
    let points: Vec<Value> = scenario
        .goods
        .iter()
        .map(|g| {
            let at = done.get(&g.what).copied();
            let verdict = match (at, g.within) {
                (Some(at), Some(within)) if at > within.0 => "late",
                (Some(_), _) => "well",
                (None, _) => "missing",
            };
            well += usize::from(verdict == "well");
            json!({
                "says": g.says, "verdict": verdict, "after_s": at.map(|at| at / 1000),
                "within_s": g.within.map(|w| w.0 / 1000), "why": g.why,
            })
        })
        .collect();
    json!({"drill": scenario.title, "well": well, "of": points.len(), "points": points})
}

/// Which drill to play next, by its name: the same one, while less than three quarters of it went well; else the next
/// harder one. None after the hardest, and after one of your own.
pub fn next<'a>(in_order: &[(&'a str, Scenario)], played: &str, debrief: &Value) -> Option<&'a str> {
    let place = in_order.iter().position(|(name, _)| *name == played)?;
    let (well, of) = (debrief["well"].as_u64()?, debrief["of"].as_u64()?);
    let again = well * 4 < of * 3;
    in_order
        .get(if again { place } else { place + 1 })
        .map(|(name, _)| *name)
}

/// The debrief as people read it.
pub fn words(debrief: &Value) -> String {
    let mut out = format!(
        "{}: {} of {} as good people do it\n",
        debrief["drill"].as_str().unwrap_or_default(),
        debrief["well"],
        debrief["of"]
    );
    for p in debrief["points"].as_array().into_iter().flatten() {
        let says = p["says"].as_str().unwrap_or_default();
        let within = p["within_s"]
            .as_i64()
            .map(|s| format!(", aim {}", clock(s)))
            .unwrap_or_default();
        let line = match (p["verdict"].as_str(), p["after_s"].as_i64()) {
            (Some("well"), Some(at)) => format!("  ✓ {says}, after {}{within}\n", clock(at)),
            (Some("late"), Some(at)) => format!("  ~ {says}, but late: after {}{within}\n", clock(at)),
            _ => format!("  ✗ Not seen: {says}{within}\n"),
        };
        out.push_str(&line);
        if p["verdict"] != "well" {
            out.push_str(&format!("      {}\n", p["why"].as_str().unwrap_or_default()));
        }
    }
    if let Some(next) = debrief["next"].as_str() {
        out.push_str(&format!("Next: imp drill run {next}\n"));
    }
    out
}

fn clock(secs: i64) -> String {
    format!("{}:{:02}", secs / 60, secs % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::scenario;

    fn line(at: &str, event: &str, text: &str, by: &str) -> Value {
        json!({"at": at, "event": event, "text": text, "by": by})
    }

    #[test]
    fn times_are_compared_with_aims_and_what_is_missing_says_why_it_matters() {
        let began = At::parse("2026-11-24T10:00:00Z").expect("a time");
        let timeline = [
            line("2026-11-24T09:00:00Z", "update_posted", "Ada: before it began", "Ada"),
            line(
                "2026-11-24T10:01:30Z",
                "confirmed",
                "Ada confirmed that it is real",
                "Ada",
            ),
            line("2026-11-24T10:08:00Z", "role_taken", "Ada is Commander now", "Ada"),
            line(
                "2026-11-24T10:09:00Z",
                "moved",
                "Ada moved it from Monitoring to Resolved: x",
                "this machine",
            ),
        ];
        let done = done(&json!({}), &timeline, began);
        assert_eq!(
            done,
            Done::from([
                (Deed::Answered, 90_000),
                (Deed::Confirmed, 90_000),
                (Deed::Commander, 480_000),
                (Deed::Resolved, 540_000),
                (Deed::Console, 540_000),
            ])
        );
        let scenario = scenario::find("first-steps").expect("it is there");
        let said = words(&debrief(&scenario, &done));
        assert!(said.starts_with("First steps: 2 of 7 as good people do it\n"), "{said}");
        assert!(
            said.contains("  ✓ The alert was answered, after 1:30, aim 5:00\n"),
            "{said}"
        );
        assert!(
            said.contains("  ~ Somebody took command, but late: after 8:00, aim 6:00\n"),
            "{said}"
        );
        assert!(
            said.contains("  ✗ Not seen: The public was told, aim 15:00\n      Customers saw it."),
            "{said}"
        );
    }

    #[test]
    fn the_next_drill_is_the_same_until_it_went_well_and_then_a_harder_one() {
        let all = crate::drill::in_order();
        let went = |well: u64| json!({"well": well, "of": 8});
        let (first, second, last) = (all[0].0, all[1].0, all[all.len() - 1].0);
        assert_eq!(next(&all, first, &went(5)), Some(first));
        assert_eq!(next(&all, first, &went(6)), Some(second));
        assert_eq!(next(&all, last, &went(8)), None);
        assert_eq!(next(&all, "mine.toml", &went(1)), None);
        assert!(all.windows(2).all(|w| w[0].1.level <= w[1].1.level));
        assert!(words(&json!({"points": [], "next": second})).contains(&format!("Next: imp drill run {second}")));
    }

    #[test]
    fn a_reason_that_says_nothing_is_none() {
        let began = At::parse("2026-11-24T10:00:00Z").expect("a time");
        let declined = |why: &str| {
            let text = format!("Ada moved it from Triage to Declined: {why}");
            done(
                &json!({}),
                &[line("2026-11-24T10:01:00Z", "moved", &text, "Ada")],
                began,
            )
        };
        assert!(declined("It trains once a day.").contains_key(&Deed::Reason));
        assert!(!declined("no").contains_key(&Deed::Reason));
    }
}
