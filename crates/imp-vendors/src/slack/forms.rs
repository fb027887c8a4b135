//! The modals: what they ask, and what somebody's answers mean.

mod aside;

pub use aside::{object, time};

use super::mrkdwn::{context, escape, plain, section};
use imp_core::catalogue::Catalogue;
use imp_core::hint::Hint;
use imp_core::person::Who;
use imp_core::process::{Field, FieldKind, Move, Process, chosen};
use imp_core::{Command, Incident, Ref, Refusal, public, record, review, words};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The longest answer that Slack lets a person write.
const INPUT_MAX: usize = 3000;
/// Options in one menu (Slack: 100).
const OPTIONS_MAX: usize = 100;

/// What the names of inputs begin with that ask about the impact.
const IMPACT: &str = "impact.";

/// What a modal remembers between opening and submitting, as JSON in `private_metadata`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memo {
    /// The incident's reference.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Ref>,
    /// The status to which it leads, or the role, or the key of the step that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// A status that it goes through on the way, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
}

impl Memo {
    /// Reads what a view carried.
    pub fn parse(text: &str) -> Memo {
        serde_json::from_str(text).unwrap_or_else(|_| Memo {
            reference: Ref::parse(text),
            ..Memo::default()
        })
    }
}

/// Characters in the title of a form.
const TITLE_MAX: usize = 24;

fn view(callback_id: &str, title: &str, submit: &str, memo: &Memo, blocks: Vec<Value>) -> Value {
    json!({
        "type": "modal",
        "callback_id": callback_id,
        "title": plain(title, TITLE_MAX),
        "submit": plain(submit, 24),
        "close": plain("Cancel", 24),
        "private_metadata": serde_json::to_string(memo).unwrap_or_default(),
        "blocks": blocks,
    })
}

/// An `input` block; its identifier is the field's name, its element's `action_id` is always `value`.
fn input(name: &str, label: &str, hint: Option<&str>, optional: bool, mut element: Value) -> Value {
    element["action_id"] = json!("value");
    let mut b = json!({"type": "input", "block_id": name, "label": plain(label, 2000), "optional": optional, "element": element});
    if let Some(h) = hint {
        b["hint"] = plain(h, 2000);
    }
    b
}

fn text_input(multiline: bool, max: usize, initial: &str) -> Value {
    let mut e = json!({"type": "plain_text_input", "multiline": multiline, "max_length": max.min(INPUT_MAX)});
    if !initial.is_empty() {
        e["initial_value"] = json!(words::cut(initial, max.min(INPUT_MAX)));
    }
    e
}

fn option(value: &str, text: &str) -> Value {
    json!({"text": plain(text, 75), "value": words::cut(value, 150)})
}

fn select(options: Vec<Value>, initial: Option<&str>, placeholder: &str) -> Value {
    let mut e = json!({"type": "static_select", "placeholder": plain(placeholder, 150)});
    if let Some(o) = initial.and_then(|i| options.iter().find(|o| o["value"] == i)) {
        e["initial_option"] = o.clone();
    }
    e["options"] = Value::Array(options.into_iter().take(OPTIONS_MAX).collect());
    e
}

/// A menu of which any may be chosen.
fn several(options: Vec<Value>, is_chosen: impl Fn(&str) -> bool, placeholder: &str) -> Value {
    let options: Vec<Value> = options.into_iter().take(OPTIONS_MAX).collect();
    let initial = options.iter().filter(|o| o["value"].as_str().is_some_and(&is_chosen));
    let initial: Vec<Value> = initial.cloned().collect();
    let mut e = json!({"type": "multi_static_select", "placeholder": plain(placeholder, 150), "options": options});
    if !initial.is_empty() {
        e["initial_options"] = Value::Array(initial);
    }
    e
}

fn severities(process: &Process, initial: &str) -> Value {
    let options = process
        .severities
        .iter()
        .map(|s| option(&s.id, &format!("{} {}: {}", s.id, s.label, s.meaning)))
        .collect();
    select(options, Some(initial), "How bad is it?")
}

/// How a form asks which service.
#[derive(Debug, Clone, PartialEq)]
enum Services {
    /// The catalogue is not known yet: whatever is written is kept.
    Unknown,
    /// All of them, grouped by team.
    Menu(Vec<Value>),
    /// More than Slack's menus hold: a line to write in, which has to name one of them.
    Line,
}

/// Slack's menus hold a hundred groups of a hundred.
fn services(catalogue: &Catalogue) -> Services {
    if catalogue.services.is_empty() {
        return Services::Unknown;
    }
    let mut groups: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for s in &catalogue.services {
        let team = s
            .team
            .as_deref()
            .and_then(|t| catalogue.team(t))
            .map_or("No team", |t| t.name.as_str());
        groups.entry(team).or_default().push(option(
            &s.alias,
            &format!("{} ({})", words::cut(&s.name, 35), words::cut(&s.alias, 35)),
        ));
    }
    if groups.len() > OPTIONS_MAX || groups.values().any(|g| g.len() > OPTIONS_MAX) {
        return Services::Line;
    }
    let groups = groups
        .into_iter()
        .map(|(team, options)| json!({"label": plain(team, 75), "options": options}));
    Services::Menu(groups.collect())
}

/// The service that was written where there are too many for a menu, by its alias: people write names as well.
///
/// # Errors
/// What to say beside the field, where no service is called that.
pub fn written(catalogue: &Catalogue, service: &str) -> Result<String, Refusal> {
    if services(catalogue) != Services::Line {
        return Ok(service.to_owned());
    }
    if let Some(s) = catalogue.service(service) {
        return Ok(s.alias.clone());
    }
    let near = catalogue.nearest_service(service);
    let near = near.map(|s| format!(" Do you mean {}?", s.alias)).unwrap_or_default();
    let text = format!(
        "No service in the catalogue is called {:?}.{near} Write its name or alias, or leave it empty.",
        words::cut(service, 60)
    );
    Err(Refusal::field("service", text))
}

fn person_select(placeholder: &str, initial: Option<&str>) -> Value {
    let mut e = json!({"type": "users_select", "placeholder": plain(placeholder, 150)});
    if let Some(id) = initial.filter(|id| super::mrkdwn::is_id(id)) {
        e["initial_user"] = json!(id);
    }
    e
}

// ---- the modals

/// Declares an incident. `open` is what may be the same: it is shown, and whoever sees it says whether it is.
pub fn declare(process: &Process, catalogue: &Catalogue, title: &str, summary: &str, open: &[Hint]) -> Value {
    let private = json!({"type": "checkboxes", "options": [
        {"text": plain("Private: only the people in it may see it", 75), "value": "private"}]});
    let ask = |hint: &str, element: Value| input("service", "Which service?", Some(hint), true, element);
    let service = match services(catalogue) {
        Services::Unknown => ask("IMP then knows whom to call.", text_input(false, 80, "")),
        Services::Line => ask(
            "Its name or alias in the catalogue; IMP then knows whom to call.",
            text_input(false, 80, ""),
        ),
        Services::Menu(groups) => {
            let mut e = json!({"type": "static_select", "placeholder": plain("Which service is affected?", 150)});
            e["option_groups"] = Value::Array(groups);
            let mut b = ask("IMP then knows whom to call.", e);
            b["dispatch_action"] = json!(true);
            b
        }
    };
    view(
        "incident.declare",
        "Declare an incident",
        "Declare",
        &Memo::default(),
        [
            input(
                "title",
                "What is wrong?",
                Some("A few words; they name the channel."),
                false,
                text_input(false, words::TITLE_MAX, title),
            ),
            input(
                "severity",
                "How bad is it?",
                None,
                false,
                severities(process, &process.severity_default.declared),
            ),
        ]
        .into_iter()
        .chain(impact(process, &BTreeMap::new()))
        .chain([service])
        .chain(same(open))
        .chain([
            input(
                "summary",
                "What do you know so far?",
                None,
                true,
                text_input(true, words::TEXT_MAX, summary),
            ),
            input("private", "Who may see it?", None, true, private),
        ])
        .collect(),
    )
}

/// The questions about the impact, where the process has any.
fn impact(process: &Process, known: &BTreeMap<String, String>) -> Vec<Value> {
    if process.impact.is_empty() {
        return Vec::new();
    }
    let mut out = vec![section(
        "*Or say what it does,* and IMP says how bad that is. What is answered here counts.",
    )];
    out.extend(process.impact.iter().map(|q| {
        let options = q.answers.iter().map(|a| option(&a.id, &a.label)).collect();
        let element = select(options, known.get(&q.id).map(String::as_str), "Choose");
        input(&format!("{IMPACT}{}", q.id), &q.label, None, true, element)
    }));
    out
}

/// What is open beside it, and whether it is one of those.
fn same(open: &[Hint]) -> Option<Value> {
    if open.is_empty() {
        return None;
    }
    let join = |h: &Hint| option(&h.reference.to_string(), &format!("Join {}: {}", h.reference, h.title));
    let mut options: Vec<Value> = open.iter().map(join).collect();
    options.push(option("different", "It's different: declare a new one"));
    let why = open.iter().map(|h| format!("{} is {}.", h.reference, h.why));
    let why = why.collect::<Vec<_>>().join(" ");
    let element = json!({"type": "radio_buttons", "options": options});
    Some(input("same", "Is it one of these?", Some(&why), false, element))
}

/// Asks what the last move of a way still needs or would like to know. `None` where that is nothing.
pub fn transition(i: &Incident, way: &[&Move], process: &Process, open: &[Incident]) -> Option<Value> {
    let mv = way.last()?;
    let through = way.first().filter(|_| way.len() > 1).map(|m| m.to.clone());
    let missing = process.missing(mv, &i.fields);
    let asked: Vec<&Field> = process.asked(mv, &i.fields);
    if missing.is_empty() && asked.is_empty() {
        return None;
    }
    let mut blocks: Vec<Value> = missing.iter().map(|f| field(f, i, open, false)).collect();
    blocks.extend(asked.into_iter().map(|f| field(f, i, open, true)));
    let callback = match (process.category(&i.status), mv.merges()) {
        (imp_core::process::Category::Triage, true) => "alert.merge",
        (imp_core::process::Category::Triage, false) => "alert.decline",
        (
            imp_core::process::Category::Active
            | imp_core::process::Category::After
            | imp_core::process::Category::Done,
            true | false,
        ) => "incident.transition",
    };
    let memo = Memo {
        reference: Some(i.reference),
        to: Some(mv.to.clone()),
        through,
    };
    // The button at the end says what happens.
    let submit = match mv.merges() {
        true => "Merge",
        false if mv.label.chars().count() <= TITLE_MAX => &mv.label,
        false => "Save",
    };
    let caution = review::caution(i, mv, process);
    blocks.splice(
        0..0,
        caution.map(|text| context(&format!(":warning: {}", escape(&text)))),
    );
    Some(view(callback, &mv.label, submit, &memo, blocks))
}

/// Asks what following Jira still needs, over the whole way there. `None` where that is nothing.
pub fn follow(i: &Incident, process: &Process) -> Option<Value> {
    let asks = record::asks_to_follow(i, process);
    let fields: Vec<&Field> = asks.iter().filter_map(|f| process.field(f)).collect();
    if fields.is_empty() {
        return None;
    }
    let blocks = fields.into_iter().map(|f| field(f, i, &[], false)).collect();
    Some(view("jira.follow", "Follow Jira", "Follow", &memo(i), blocks))
}

fn field(f: &Field, i: &Incident, open: &[Incident], optional: bool) -> Value {
    let known = i.fields.get(&f.id).map_or("", String::as_str);
    let element = match f.kind {
        FieldKind::Text => text_input(false, words::TITLE_MAX, known),
        FieldKind::LongText => text_input(true, words::TEXT_MAX, known),
        FieldKind::Incident => {
            let others = open.iter().filter(|o| o.reference != i.reference);
            let options: Vec<Value> = others
                .map(|o| option(&o.reference.to_string(), &format!("{} {}", o.reference, o.title)))
                .collect();
            if options.is_empty() {
                text_input(false, 20, "")
            } else {
                select(options, None, "Choose an open incident")
            }
        }
        FieldKind::Choices => {
            let options: Vec<Value> = f.choices.iter().map(|c| option(c, c)).collect();
            let before: Vec<&str> = chosen(known).collect();
            several(options, |c| before.contains(&c), "Choose any")
        }
    };
    input(&f.id, &f.label, f.hint.as_deref(), optional, element)
}

/// Writes an update.
pub fn update(i: &Incident) -> Value {
    let hint = "What users see, what we know, what we do next.";
    let blocks = vec![input(
        "text",
        "What is new?",
        Some(hint),
        false,
        text_input(true, words::TEXT_MAX, ""),
    )];
    view("incident.update", "Write an update", "Post", &memo(i), blocks)
}

/// Changes the severity.
pub fn severity(i: &Incident, process: &Process) -> Value {
    let blocks = vec![input(
        "severity",
        "How bad is it now?",
        None,
        false,
        severities(process, &i.severity),
    )];
    let mut blocks: Vec<Value> = blocks;
    blocks.extend(impact(process, &i.impact));
    view("incident.severity", "Severity", "Save", &memo(i), blocks)
}

/// Gives somebody a role.
pub fn role(i: &Incident, process: &Process, role: &str, presser: &str) -> Value {
    let options = process.roles.iter().map(|r| option(&r.id, &r.label)).collect();
    let mut blocks: Vec<Value> = process
        .role(role)
        .map(|r| section(&super::mrkdwn::house(&r.instructions)))
        .into_iter()
        .collect();
    blocks.push(input(
        "role",
        "Which role?",
        None,
        false,
        select(options, Some(role), "Choose a role"),
    ));
    blocks.push(input(
        "user",
        "Who?",
        None,
        false,
        person_select("Choose somebody", Some(presser)),
    ));
    // Taking command is pressed in a hurry: the form says what its button said.
    let (title, submit) = match process.role(role) {
        Some(r) if r.id == "commander" && !i.roles.contains_key(&r.id) => ("Take command".to_owned(), "Take command"),
        Some(r) if "Who is ?".len() + r.label.chars().count() > TITLE_MAX => (r.label.clone(), "Give"),
        Some(r) => (format!("Who is {}?", r.label), "Give"),
        None => ("Give a role".to_owned(), "Give"),
    };
    view(
        "incident.role",
        &title,
        submit,
        &Memo {
            reference: Some(i.reference),
            to: Some(role.to_owned()),
            through: None,
        },
        blocks,
    )
}

/// Adds a task.
pub fn task(i: &Incident) -> Value {
    let blocks = vec![
        input(
            "text",
            "What is to be done?",
            None,
            false,
            text_input(false, words::TITLE_MAX, ""),
        ),
        input(
            "assignee",
            "By whom?",
            None,
            true,
            person_select("Choose somebody", None),
        ),
    ];
    view("incident.task", "Add a task", "Add", &memo(i), blocks)
}

/// Tells the public. `components` are identifier and name.
pub fn statuspage(i: &Incident, process: &Process, components: &[(String, String)]) -> Value {
    let proposal = public::propose(i, process, components);
    let mut blocks = vec![section(
        "*This becomes public as soon as you press Publish.* Say what users see, not what is broken inside.",
    )];
    blocks.push(input(
        "title",
        "Public title",
        None,
        false,
        text_input(false, 150, &proposal.title),
    ));
    blocks.push(input(
        "message",
        "Message",
        None,
        false,
        text_input(true, words::TEXT_MAX, proposal.text),
    ));
    if !components.is_empty() {
        let options: Vec<Value> = components
            .iter()
            .take(OPTIONS_MAX)
            .map(|(id, name)| option(id, name))
            .collect();
        let is_chosen = |c: &str| proposal.components.iter().any(|id| id == c);
        let e = several(options, is_chosen, "Which parts?");
        blocks.push(input("components", "Affected components", None, true, e));
    }
    view("incident.statuspage", "Status page", "Publish", &memo(i), blocks)
}

/// Writes the review, and a follow-up with it.
pub fn review(i: &Incident, draft: &str) -> Value {
    let blocks = vec![
        input(
            "review",
            "The review",
            Some("How it came about, not who."),
            false,
            text_input(true, words::TEXT_MAX, draft),
        ),
        input(
            "follow_up",
            "A follow-up",
            Some("What would have prevented it, or made it shorter?"),
            true,
            text_input(false, words::TITLE_MAX, ""),
        ),
        input(
            "owner",
            "Who sees to it?",
            None,
            true,
            person_select("Choose somebody", None),
        ),
        input(
            "due",
            "By when?",
            None,
            true,
            json!({"type": "datepicker", "placeholder": plain("Choose a day", 150)}),
        ),
    ];
    view("incident.review", "Review", "Save", &memo(i), blocks)
}

/// Asks why a failed step is not needed.
pub fn skip(i: &Incident, key: &str) -> Value {
    let blocks = vec![input(
        "why",
        "Why is it not needed?",
        None,
        false,
        text_input(false, words::TITLE_MAX, ""),
    )];
    view(
        "step.skip",
        "Skip a step",
        "Skip",
        &Memo {
            reference: Some(i.reference),
            to: Some(key.to_owned()),
            through: None,
        },
        blocks,
    )
}

/// Asks why a reminder is not needed.
pub fn dismiss(i: &Incident, process: &Process, nudge: &str) -> Value {
    let says = process.nudge(nudge).map(|n| section(&super::mrkdwn::house(&n.text)));
    let why = input(
        "why",
        "Why is it not needed?",
        None,
        false,
        text_input(false, words::TITLE_MAX, ""),
    );
    view(
        "nudge.dismiss",
        "Not needed",
        "Save",
        &Memo {
            reference: Some(i.reference),
            to: Some(nudge.to_owned()),
            through: None,
        },
        says.into_iter().chain([why]).collect(),
    )
}

fn memo(i: &Incident) -> Memo {
    Memo {
        reference: Some(i.reference),
        ..Memo::default()
    }
}

/// A sentence where a form stood.
pub fn sentence(text: &str) -> Value {
    json!({
        "type": "modal",
        "title": plain("IMP", 24),
        "close": plain("Close", 24),
        "blocks": [section(text)],
    })
}

// ---- what answers mean

/// Somebody's answers: by the name of the field, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers(pub BTreeMap<String, Vec<String>>);

impl Answers {
    /// Reads `view.state.values`, whatever kind of element each is.
    pub fn read(values: Option<&Map<String, Value>>) -> Answers {
        let mut out = BTreeMap::new();
        for (block, actions) in values.into_iter().flatten() {
            for element in actions.as_object().into_iter().flat_map(|a| a.values()) {
                out.insert(block.clone(), element_values(element));
            }
        }
        Answers(out)
    }

    /// The answer to a field; empty where there is none.
    pub fn one(&self, name: &str) -> &str {
        self.0.get(name).and_then(|v| v.first()).map_or("", String::as_str)
    }

    /// The answer to a field, where there is one.
    pub fn some(&self, name: &str) -> Option<String> {
        Some(self.one(name).to_owned()).filter(|s| !s.trim().is_empty())
    }

    /// All answers, as a move takes them: of a list, what was chosen with commas between.
    fn fields(&self) -> BTreeMap<String, String> {
        let given = self.0.iter().filter(|(_, v)| !v.is_empty());
        given.map(|(k, v)| (k.clone(), v.join(", "))).collect()
    }

    fn who(&self, name: &str) -> Option<Who> {
        self.some(name).map(Who::slack)
    }
}

fn element_values(e: &Value) -> Vec<String> {
    let text = |v: &Value| v.as_str().map(str::to_owned);
    let list = |v: &Value, key: Option<&str>| -> Vec<String> {
        let items = v.as_array().into_iter().flatten();
        items
            .filter_map(|i| key.map_or_else(|| text(i), |k| text(&i[k])))
            .collect()
    };
    for key in [
        "value",
        "selected_user",
        "selected_date",
        "selected_channel",
        "selected_conversation",
        "selected_time",
    ] {
        if let Some(s) = text(&e[key]) {
            return vec![s];
        }
    }
    if let Some(s) = e["selected_date_time"].as_i64() {
        return vec![s.to_string()];
    }
    if let Some(s) = text(&e["selected_option"]["value"]) {
        return vec![s];
    }
    if e["selected_options"].is_array() {
        return list(&e["selected_options"], Some("value"));
    }
    list(&e["selected_users"], None)
}

/// The commands that a submitted modal asks for, in order. `None` where the modal is not one of ours.
pub fn commands(callback_id: &str, memo: &Memo, a: &Answers) -> Option<Vec<Command>> {
    if let Some(command) = aside::command(callback_id, memo, a) {
        return Some(vec![command]);
    }
    Some(match callback_id {
        "incident.declare" => vec![Command::Declare {
            title: a.one("title").to_owned(),
            summary: a.one("summary").to_owned(),
            severity: a.some("severity"),
            service: a.some("service"),
            team: None,
            private: a.0.get("private").is_some_and(|v| v.iter().any(|x| x == "private")),
            members: Vec::new(),
            impact: impact_of(a),
        }],
        "incident.transition" | "alert.decline" | "alert.merge" => {
            let to = memo.to.clone().unwrap_or_default();
            let through = memo.through.iter().map(|t| Command::Move {
                to: t.clone(),
                fields: BTreeMap::new(),
            });
            through.chain([Command::Move { to, fields: a.fields() }]).collect()
        }
        "jira.follow" => vec![Command::Settle {
            follow: true,
            fields: a.fields(),
        }],
        "incident.update" => vec![Command::Post {
            text: a.one("text").to_owned(),
        }],
        "incident.severity" if a.0.keys().any(|k| k.starts_with(IMPACT) && a.some(k).is_some()) => {
            vec![Command::Rate { answers: impact_of(a) }]
        }
        "incident.severity" => {
            vec![Command::Edit {
                title: None,
                summary: None,
                severity: a.some("severity"),
                service: None,
            }]
        }
        "incident.role" => vec![Command::Assign {
            role: a.some("role").or_else(|| memo.to.clone()).unwrap_or_default(),
            who: a.who("user").unwrap_or_default(),
        }],
        "incident.task" => vec![Command::AddTask {
            text: a.one("text").to_owned(),
            assignee: a.who("assignee"),
        }],
        "incident.statuspage" => vec![Command::Publish {
            title: a.one("title").to_owned(),
            body: a.one("message").to_owned(),
            components: a.0.get("components").cloned().unwrap_or_default(),
        }],
        "incident.review" => {
            let mut out = vec![Command::WriteReview {
                text: a.one("review").to_owned(),
            }];
            if let Some(text) = a.some("follow_up") {
                out.push(Command::AddFollowUp {
                    text,
                    owner: a.who("owner"),
                    due: a.some("due"),
                });
            }
            out
        }
        "nudge.dismiss" => vec![Command::Dismiss {
            nudge: memo.to.clone().unwrap_or_default(),
            why: a.one("why").to_owned(),
        }],
        "step.skip" => vec![Command::Skip {
            key: memo.to.clone().unwrap_or_default(),
            why: a.one("why").to_owned(),
        }],
        _ => return None,
    })
}

/// The answers about the impact that a form brought.
fn impact_of(a: &Answers) -> BTreeMap<String, String> {
    let answer = |k: &String| Some((k.strip_prefix(IMPACT)?.to_owned(), a.some(k)?));
    a.0.keys().filter_map(answer).collect()
}

/// Which input of a modal a refusal belongs beside: the one with the field's name, else the first. `inputs` are the
/// identifiers of the view's input blocks, in order.
pub fn errors(inputs: &[String], refusal: &imp_core::Refusal) -> Map<String, Value> {
    let rename = |field: &str| match field {
        "body" if inputs.iter().any(|i| i == "message") => "message".to_owned(),
        "text" if inputs.iter().any(|i| i == "review") => "review".to_owned(),
        other if inputs.contains(&format!("{IMPACT}{other}")) => format!("{IMPACT}{other}"),
        other => other.to_owned(),
    };
    let mut out = Map::new();
    for (field, message) in &refusal.fields {
        let block = rename(field);
        if inputs.contains(&block) {
            out.insert(block, json!(words::cut(message, 2000)));
        }
    }
    if let (true, Some(first)) = (out.is_empty(), inputs.first()) {
        out.insert(first.clone(), json!(words::cut(&refusal.message, 2000)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use imp_core::catalogue::Service;

    fn catalogue(services: usize) -> Catalogue {
        let one = |n: usize| Service {
            alias: format!("service-{n}"),
            name: format!("Service {n}"),
            ..Service::default()
        };
        Catalogue {
            services: (0..services).map(one).collect(),
            ..Catalogue::default()
        }
    }

    fn asked(catalogue: &Catalogue) -> Value {
        let form = declare(&Process::built_in(), catalogue, "", "", &[]);
        let mut blocks = form["blocks"].as_array().into_iter().flatten();
        blocks
            .find(|b| b["block_id"] == "service")
            .map(|b| b["element"].clone())
            .expect("it asks for the service")
    }

    #[test]
    fn every_service_can_be_named_however_many_there_are() {
        let menu = asked(&catalogue(100));
        assert_eq!(menu["option_groups"][0]["options"].as_array().map(Vec::len), Some(100));
        let many = catalogue(101);
        assert_eq!(asked(&many)["type"], "plain_text_input");
        assert_eq!(written(&many, "service 100"), Ok("service-100".to_owned()));
        let refusal = written(&many, "servise-100").expect_err("there is none");
        assert_eq!(refusal.fields.first().map(|(f, _)| f.as_str()), Some("service"));
        assert!(
            refusal.message.contains("Do you mean service-100?"),
            "{}",
            refusal.message
        );
        // Where everything fits into the menu, or nothing is known yet, whatever comes is taken as it is.
        assert_eq!(written(&catalogue(0), "anything"), Ok("anything".to_owned()));
    }
}
