//! Decisions in the channel: a proposal that asks for strong objections, what somebody objects, and what is decided.

use super::card::{Message, View};
use super::mrkdwn::{actions, actor, button, context, moment, quote, section, told};
use imp_core::decision::{Decision, Part};
use imp_core::process::Category;
use serde_json::Value;

/// Open decisions that the card shows.
const SHOWN: usize = 3;
/// Characters of a decision where it is told.
const TEXT_MAX: usize = 1000;

/// What is said of a decision in the channel. None where there is nothing to say any more.
pub fn message(v: &View, n: u32, part: Part) -> Option<Message> {
    let d = v.incident.decisions.iter().find(|d| d.n == n)?;
    match part {
        Part::Proposed => Some(proposed(v, d)),
        Part::Objected { k } => {
            let o = d.objections.get(usize::try_from(k).ok()?)?;
            let text = format!(
                ":raised_hand: {} has a strong objection to decision {n}, {}: {}",
                actor(&o.by),
                quote(&d.text, 200),
                quote(&o.why, TEXT_MAX)
            );
            let mut blocks = vec![told(&text)];
            if d.taken.is_none() {
                let words = "It waits until somebody decides. Talk it over; a better proposal is a new decision.";
                blocks.push(context(words));
                blocks.extend(actions(&format!("decision.{n}.{k}"), vec![decide(v, d)]));
            }
            Some(Message { text, blocks })
        }
        Part::Taken => {
            let (_, by) = d.taken.as_ref()?;
            let how = match (by.who(), d.objections.is_empty()) {
                (None, true) => "nobody had a strong objection".to_owned(),
                (Some(_), true) => format!("decided by {}", actor(by)),
                (_, false) => format!("decided by {} after talking it over", actor(by)),
            };
            let text = format!(
                ":ballot_box_with_check: *Decided:* {} ({how})",
                quote(&d.text, TEXT_MAX)
            );
            let blocks = vec![told(&text)];
            Some(Message { text, blocks })
        }
    }
}

fn proposed(v: &View, d: &Decision) -> Message {
    let text = format!(
        ":scales: *Any strong objection?* {} proposes: {}",
        actor(&d.by),
        quote(&d.text, TEXT_MAX)
    );
    let until = format!("Without one it is decided {}.", moment(d.until));
    let mut blocks = vec![told(&text)];
    if d.taken.is_none() {
        blocks.push(context(&until));
        let n = d.n;
        let reference = v.incident.reference.to_string();
        let object = button(&format!("decision.object.{n}"), "I object", &reference, Some("danger"));
        blocks.extend(actions(&format!("decision.{n}"), vec![object, decide(v, d)]));
    }
    Message { text, blocks }
}

fn decide(v: &View, d: &Decision) -> Value {
    let reference = v.incident.reference.to_string();
    button(&format!("decision.take.{}", d.n), "Decide it now", &reference, None)
}

/// Whether one is decided.
pub fn is_taken(v: &View, n: u32) -> bool {
    v.incident.decisions.iter().any(|d| d.n == n && d.taken.is_some())
}

/// Decisions that are still open, on the card, while it goes on.
pub fn of_card(v: &View) -> Option<Value> {
    if v.category() == Category::Done {
        return None;
    }
    let open = v.incident.decisions.iter().filter(|d| d.taken.is_none());
    let line = |d: &Decision| match d.objections.last() {
        None => format!(
            ":scales: *To be decided* {}: {}. Any strong objection?",
            moment(d.until),
            quote(&d.text, 200)
        ),
        Some(o) => format!(
            ":raised_hand: *Not decided:* {}. {} objects: {}",
            quote(&d.text, 200),
            actor(&o.by),
            quote(&o.why, 200)
        ),
    };
    let lines: Vec<String> = open.take(SHOWN).map(line).collect();
    (!lines.is_empty()).then(|| section(&lines.join("\n")))
}

/// What was decided, for whoever takes a role over: the latest first.
pub fn taken(v: &View, most: usize) -> Vec<String> {
    let taken = v.incident.decisions.iter().rev();
    let taken = taken.filter_map(|d| d.taken.as_ref().map(|(at, _)| (d, at)));
    taken
        .take(most)
        .map(|(d, at)| format!("Decided, {}: {}", moment(*at), quote(&d.text, 200)))
        .collect()
}
