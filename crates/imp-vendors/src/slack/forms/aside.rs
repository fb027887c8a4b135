//! Forms for what is said beside the work: an objection to a decision, a time that was wrong.

use super::{Answers, Memo, input, memo, option, select, text_input, view};
use imp_core::{At, Command, Incident, Process, correct, words};
use serde_json::{Value, json};

/// Asks what somebody has against a decision.
pub fn object(i: &Incident, n: u32) -> Value {
    let text = i.decisions.iter().find(|d| d.n == n).map_or("", |d| d.text.as_str());
    let blocks = vec![input(
        "why",
        "What is your strong objection?",
        Some(&format!("To: {}", words::cut(text, 300))),
        false,
        text_input(false, words::TITLE_MAX, ""),
    )];
    let memo = Memo {
        reference: Some(i.reference),
        to: Some(n.to_string()),
        through: None,
    };
    view("decision.object", "Object", "Object", &memo, blocks)
}

/// Puts a time right.
pub fn time(i: &Incident, process: &Process) -> Value {
    let all = correct::correctable(i, process);
    let known = |at: Option<At>| at.map_or("not known yet".to_owned(), |at| at.rfc3339()[..16].replace('T', " "));
    let options: Vec<Value> = all
        .iter()
        .map(|(p, at)| option(p.word(), &format!("{} ({} UTC)", p.word(), known(*at))))
        .collect();
    let last = all.iter().rev().find_map(|(p, at)| Some((p.word(), (*at)?)));
    let mut picker = json!({"type": "datetimepicker"});
    if let Some((_, at)) = last {
        picker["initial_date_time"] = json!(at.0.div_euclid(1000));
    }
    let blocks = vec![
        input(
            "moment",
            "Which time is wrong?",
            None,
            false,
            select(options, last.map(|(word, _)| word), "Choose one"),
        ),
        input("at", "When was it?", Some("In your own time zone."), false, picker),
        input(
            "why",
            "Why was it wrong?",
            Some("It stands on the timeline, with what was there before."),
            false,
            text_input(false, words::TITLE_MAX, ""),
        ),
    ];
    view("incident.time", "Correct a time", "Correct", &memo(i), blocks)
}

/// What these forms ask for. `None` where it is none of them.
pub(super) fn command(callback_id: &str, memo: &Memo, a: &Answers) -> Option<Command> {
    match callback_id {
        "decision.object" => Some(Command::Object {
            n: memo.to.as_deref().and_then(|n| n.parse().ok()).unwrap_or_default(),
            why: a.one("why").to_owned(),
        }),
        "incident.time" => Some(Command::CorrectTime {
            moment: a.one("moment").to_owned(),
            // Slack gives seconds; what is none is refused as a time that has not been.
            to: At(a.one("at").parse::<i64>().map_or(i64::MAX, |s| s.saturating_mul(1000))),
            why: a.one("why").to_owned(),
        }),
        _ => None,
    }
}
