//! `/imp new-service`: a template is chosen, its questions are asked in a form, and a message follows the steps.

use crate::serve::{Hall, SlackParts};
use crate::slack_door::{Answer, Then};
use imp_console::caller::Caller;
use imp_console::problem::Problem;
use imp_console::shaper::{self, Draft, Room, Workshop};
use imp_core::person::{Actor, Door, Who};
use imp_core::{Role, words};
use imp_engine::Desk;
use imp_shaper::publish::run::State;
use imp_shaper::publish::{Phase, Run};
use imp_shaper::question::{Form, Question};
use imp_vendors::budget::Urgency;
use imp_vendors::slack::inlet::Inbound;
use imp_vendors::slack::mrkdwn::escape;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The word of the command.
const WORD: &str = "new-service";
/// The form in which a template is chosen.
const CHOOSE: &str = "shape.template";
/// The form with its questions.
const ANSWER: &str = "shape.answers";
/// Questions of one form: Slack allows a hundred blocks, and nobody answers more.
const QUESTIONS_MAX: usize = 90;
/// Choices that a menu of Slack's holds.
const CHOICES_MAX: usize = 100;
/// Between two looks how far it is: Slack's tier allows fifty updates a minute.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// For how long a message follows: a run that takes longer is looked at in the console.
const LOOKS_MAX: u32 = 150;

impl Room for Hall {
    fn shop(&self) -> &Workshop {
        &self.workshop
    }

    fn desk(&self) -> &Desk {
        &self.desk
    }
}

/// What is to be done, where it is about a new service.
pub async fn attend(hall: &Hall, inbound: &Inbound) -> Option<Answer> {
    match inbound {
        Inbound::Command {
            text,
            trigger,
            response_url,
            ..
        } if text.split_whitespace().next() == Some(WORD) => {
            let private = |text: &str| Answer::saying(json!({ "response_type": "ephemeral", "text": text }));
            if hall.workshop.connected.git.is_none() {
                return Some(private(
                    "There is nowhere to make a repository: IMP's operators name a Git provider with `[shaper] git`.",
                ));
            }
            Some(match shaper::templates(hall).await {
                Err(p) => private(&escape(&p.detail)),
                Ok(all) => Answer::then(Then::View {
                    trigger: trigger.clone(),
                    view: choose(&all),
                    response_url: response_url.clone(),
                }),
            })
        }
        Inbound::Submitted {
            user,
            callback_id,
            answers,
            ..
        } if callback_id == CHOOSE => {
            let template = answers
                .0
                .get("template")
                .and_then(|v| v.first())
                .cloned()
                .unwrap_or_default();
            let draft = shaper::draft(hall, &caller(hall, user), &template, Map::new(), Vec::new()).await;
            Some(match draft {
                Ok(d) => Answer::saying(json!({ "response_action": "update", "view": ask(&d) })),
                Err(p) => wrong([("template".to_owned(), p.detail)]),
            })
        }
        Inbound::Submitted {
            user,
            callback_id,
            memo,
            answers,
            inputs,
            view_id,
        } if callback_id == ANSWER => {
            let first = inputs.first().cloned().unwrap_or_default();
            Some(match make(hall, user, memo, &answers.0, inputs, view_id).await {
                Ok(run) => Answer::then(Then::Follow {
                    user: user.clone(),
                    run,
                }),
                Err(p) if p.fields.is_empty() => wrong([(first, p.detail)]),
                Err(p) => {
                    // What is wrong with a question that is not in the form is said beside the first.
                    let place = |f: &str| {
                        if inputs.iter().any(|i| i == f) {
                            f.to_owned()
                        } else {
                            first.clone()
                        }
                    };
                    wrong(p.fields.iter().map(|f| (place(&f.field), f.message.clone())))
                }
            })
        }
        Inbound::Challenge(_)
        | Inbound::Command { .. }
        | Inbound::Press { .. }
        | Inbound::Chose { .. }
        | Inbound::Submitted { .. }
        | Inbound::Shortcut { .. }
        | Inbound::Event { .. }
        | Inbound::Other { .. } => None,
    }
}

fn wrong(errors: impl IntoIterator<Item = (String, String)>) -> Answer {
    let errors: Map<String, Value> = errors
        .into_iter()
        .map(|(field, why)| (field, json!(words::cut(&why, 2000))))
        .collect();
    Answer::saying(json!({ "response_action": "errors", "errors": errors }))
}

/// Everybody in the workspace acts as a responder, here as elsewhere.
fn caller(hall: &Hall, user: &str) -> Caller {
    let who = hall.desk.house.directory.load().complete(&Who::slack(user));
    Caller {
        name: who.label().to_owned(),
        actor: Actor::Person { who, door: Door::Slack },
        role: Role::Responder,
        teams: Default::default(),
        origin: "slack".to_owned(),
        session: None,
    }
}

async fn make(
    hall: &Hall,
    user: &str,
    template: &str,
    said: &std::collections::BTreeMap<String, Vec<String>>,
    inputs: &[String],
    view_id: &str,
) -> Result<String, Problem> {
    let caller = caller(hall, user);
    let plain = shaper::draft(hall, &caller, template, Map::new(), Vec::new()).await?;
    let mut form = Map::new();
    for q in plain.asked.iter().filter(|q| inputs.contains(&q.name)) {
        let given = said.get(&q.name).cloned().unwrap_or_default();
        let value = match (&q.form, given.first()) {
            (Form::Some(_), _) => json!(given),
            (_, Some(one)) => json!(one),
            (_, None) => json!(""),
        };
        // What was left as it was follows the default, which may hang on another answer.
        if q.default.as_ref().map(word) != Some(word(&value)) {
            form.insert(q.name.clone(), value);
        }
    }
    let draft = shaper::draft(hall, &caller, template, form, Vec::new()).await?;
    let wish = Some(format!("slack:view:{view_id}"));
    Ok(shaper::begin(hall, &caller, draft.ready()?, wish).await?.id)
}

fn word(v: &Value) -> String {
    match v {
        Value::String(s) => s.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn plain(text: &str, max: usize) -> Value {
    let text = if text.trim().is_empty() { "–" } else { text };
    json!({ "type": "plain_text", "text": words::cut(text, max) })
}

fn option(value: &str, label: &str) -> Value {
    json!({ "text": plain(label, 75), "value": words::cut(value, 150) })
}

fn modal(callback: &str, submit: &str, memo: &str, blocks: Vec<Value>) -> Value {
    json!({ "type": "modal", "callback_id": callback, "title": plain("New service", 24), "submit": plain(submit, 24),
        "close": plain("Cancel", 24), "private_metadata": memo, "blocks": blocks })
}

fn choose(all: &[imp_shaper::library::Listed]) -> Value {
    let options = all.iter().take(CHOICES_MAX).map(|t| {
        let label = match t.description.is_empty() {
            true => t.name.clone(),
            false => format!("{}: {}", t.name, t.description),
        };
        option(&t.name, &label)
    });
    let menu = json!({ "type": "static_select", "action_id": "value", "options": options.collect::<Vec<_>>() });
    let blocks = vec![
        json!({ "type": "input", "block_id": "template", "label": plain("From which template?", 2000), "element": menu }),
    ];
    modal(CHOOSE, "Next", "", blocks)
}

/// The form of a template's questions.
fn ask(draft: &Draft) -> Value {
    let blocks = draft.asked.iter().take(QUESTIONS_MAX).map(block);
    // A secret cannot be hidden in a form of Slack's, so it is not asked there.
    let blocks = draft
        .asked
        .iter()
        .zip(blocks)
        .filter(|(q, _)| !q.secret)
        .map(|(_, b)| b);
    modal(ANSWER, "Make it", &draft.template, blocks.collect())
}

fn block(q: &Question) -> Value {
    let default = q.default.as_ref().map(word).unwrap_or_default();
    let menu = |all: Vec<(String, String)>, several: bool| {
        let options: Vec<Value> = all.iter().take(CHOICES_MAX).map(|(v, l)| option(v, l)).collect();
        let kind = if several {
            "multi_static_select"
        } else {
            "static_select"
        };
        let mut menu = json!({ "type": kind, "action_id": "value", "options": options });
        if !several && let Some(o) = options.iter().find(|o| o["value"] == default.as_str()) {
            menu["initial_option"] = o.clone();
        }
        menu
    };
    let choices = |all: &[(String, Value)]| all.iter().map(|(l, v)| (word(v), l.clone())).collect();
    let element = match &q.form {
        Form::One(all) => menu(choices(all), false),
        Form::Some(all) => menu(choices(all), true),
        Form::Flag => menu(
            vec![("true".into(), "yes".into()), ("false".into(), "no".into())],
            false,
        ),
        Form::Text | Form::Number | Form::Data => {
            let mut text = json!({ "type": "plain_text_input", "action_id": "value", "max_length": 3000,
                "multiline": matches!(q.form, Form::Data) });
            if !default.is_empty() {
                text["initial_value"] = json!(words::cut(&default, 3000));
            }
            text
        }
    };
    let mut block = json!({ "type": "input", "block_id": q.name, "label": plain(&q.text, 2000), "element": element,
        "optional": matches!(q.form, Form::Some(_)) || q.default.as_ref().is_some_and(|d| d == "") });
    if !q.help.is_empty() {
        block["hint"] = plain(&q.help, 2000);
    }
    block
}

/// Tells somebody how far a run is, in one message that is kept current.
pub async fn follow(hall: &Hall, slack: &SlackParts, user: &str, id: &str) {
    let call = async |method: &str, args: &[(&str, &str)]| slack.client.call(method, args, Urgency::Urgent).await;
    let opened = call("conversations.open", &[("users", user)]).await;
    let channel = opened.ok().and_then(|o| o["channel"]["id"].as_str().map(str::to_owned));
    let Some(channel) = channel else {
        return tracing::warn!(run = id, "whoever makes a service could not be told how far it is");
    };
    let (mut shown, mut ts) = (String::new(), String::new());
    for _ in 0..LOOKS_MAX {
        let Ok((_, run)) = shaper::find(hall, id).await else {
            return;
        };
        let text = told(&run, &hall.config.public_url());
        if text != shown {
            let sent = match ts.as_str() {
                "" => call("chat.postMessage", &[("channel", &channel), ("text", &text)]).await,
                ts => call("chat.update", &[("channel", &channel), ("ts", ts), ("text", &text)]).await,
            };
            if let Ok(sent) = sent {
                ts = sent["ts"].as_str().unwrap_or(&ts).to_owned();
                shown = text;
            }
        }
        if !run.phase.is_open() {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn told(run: &Run, public_url: &str) -> String {
    let count = |s: State| run.progress.iter().filter(|p| p.state == s).count();
    let all = run.progress.len();
    let head = match run.phase {
        Phase::Going => format!("is being made: {} of {all} steps are done", count(State::Done)),
        Phase::Done => "is there".to_owned(),
        Phase::Failed => format!("stopped on the way: {}", escape(run.why.as_deref().unwrap_or_default())),
        Phase::Undoing => "is being taken back".to_owned(),
        Phase::Undone => "was taken back".to_owned(),
    };
    let mut out = format!(
        "*{}* {head}. <{public_url}/shaper/runs/{}|Every step>",
        escape(&run.plan.service),
        run.plan.id
    );
    if let Some(url) = run.learnt.get("repository_url") {
        out.push_str(&format!(" · <{url}|Repository>"));
    }
    if let Some(r) = run.learnt.get("incident") {
        let asked = run.learnt.get("asked").map(|a| format!(", {} was asked", escape(a)));
        out.push_str(&format!(
            "\nIts test alert is <{public_url}/incidents/{r}|{r}>{}.",
            asked.unwrap_or_default()
        ));
    }
    for line in run.left() {
        out.push_str(&format!("\n• still to do: {}", escape(&line)));
    }
    out
}
