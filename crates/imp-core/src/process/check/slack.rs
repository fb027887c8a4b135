//! What Slack shows of the process has to fit: what is longer would be cut off in the middle of a word.

use super::{Draft, Entry, Look, Word};

/// Characters on a button, and in a line of a menu.
const BUTTON_MAX: usize = 75;
/// Characters in the title of a form.
const TITLE_MAX: usize = 24;
/// Characters of a question in a form, and of the help below it.
const QUESTION_MAX: usize = 2000;
/// Characters in a paragraph of a message.
const PARAGRAPH_MAX: usize = 3000;
/// Lines of a menu, and parts of a form.
const MENU_MAX: usize = 100;

/// What does not fit, in the process and in its overlays.
pub(super) fn limits(look: &mut Look, d: &Draft) {
    let overlays = Entry::all(d.root, "overlay");
    let every = |kind: &str| -> Vec<Entry> {
        let laid = overlays.iter().flat_map(|o| o.inner(kind));
        Entry::all(d.root, kind).into_iter().chain(laid).collect()
    };
    for m in every("move") {
        let Some(label) = m.word("label") else { continue };
        let asks = ["requires", "asks"].iter().any(|k| !m.words(k).is_empty());
        match asks {
            true => fits(look, &label, TITLE_MAX, "it heads a form in Slack, whose title holds"),
            false => fits(look, &label, BUTTON_MAX, "a button in Slack holds"),
        }
    }
    for r in every("role") {
        if let Some(label) = r.word("label") {
            fits(look, &label, TITLE_MAX, "it heads a form in Slack, whose title holds");
        }
    }
    for s in every("status").iter().chain(&every("severity")) {
        if let Some(label) = s.word("label") {
            fits(look, &label, BUTTON_MAX, "a line of a menu in Slack holds");
        }
    }
    for f in every("field").iter().chain(&every("impact")) {
        for w in ["label", "hint"].iter().filter_map(|k| f.word(k)) {
            fits(look, &w, QUESTION_MAX, "a question in Slack's forms holds");
        }
        let choices = f.words("choices");
        for w in &choices {
            fits(look, w, BUTTON_MAX, "a line of a menu in Slack holds");
        }
        many(look, f, choices.len(), "choices, and a menu in Slack holds");
        let answers = f.inner("answer");
        for label in answers.iter().filter_map(|a| a.word("label")) {
            fits(look, &label, BUTTON_MAX, "a line of a menu in Slack holds");
        }
        many(look, f, answers.len(), "answers, and a menu in Slack holds");
    }
    for n in every("nudge") {
        if let Some(text) = n.word("text") {
            fits(look, &text, PARAGRAPH_MAX, "a paragraph in Slack holds");
        }
    }
    let severities = Entry::all(d.root, "severity");
    if let Some(first) = severities.first() {
        many(look, first, severities.len(), "severities, and a menu in Slack holds");
    }
    let questions = Entry::all(d.root, "impact");
    if let Some(first) = questions.first() {
        many(look, first, questions.len(), "questions, and a form in Slack holds");
    }
}

fn fits(look: &mut Look, w: &Word, most: usize, where_to: &str) {
    let long = w.text.chars().count();
    if long > most {
        look.on(
            w,
            format!("{where_to} {most} characters, and this has {long}; shorten it"),
        );
    }
}

fn many(look: &mut Look, e: &Entry, count: usize, what: &str) {
    if count > MENU_MAX {
        look.on(
            &e.place(),
            format!("there are {count} {what} {MENU_MAX}; take some away"),
        );
    }
}
