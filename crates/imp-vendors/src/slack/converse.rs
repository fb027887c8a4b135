//! What somebody in Slack means: from what came in to an intent. Pure; the hand in `imp` carries it out.

use super::forms::{self, Answers, Memo};
use super::inlet::{Happened, Inbound};
use imp_core::person::Who;
use imp_core::{Command, Ref};
use std::collections::BTreeMap;

/// Which incident is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// This one.
    Ref(Ref),
    /// The one whose channel this is.
    Channel(String),
}

/// What somebody answers to the question whether it is real.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It is.
    Real,
    /// It is not.
    FalseAlarm,
    /// It is the same as another.
    Same,
}

/// A modal to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Declare an incident.
    Declare {
        /// What is known of the title.
        title: String,
        /// What is known besides.
        summary: String,
    },
    /// Move to a status, if that needs anything; else it is done at once.
    Transition {
        /// To which.
        to: String,
    },
    /// Answer whether it is real, in whatever words the process has for it.
    Answer {
        /// What.
        answer: Answered,
    },
    /// Write an update.
    Update,
    /// Change the severity.
    Severity,
    /// Give a role.
    Role {
        /// Which.
        role: String,
    },
    /// Add a task.
    Task,
    /// Tell the public.
    Statuspage,
    /// Write the review.
    Review,
    /// Do without a failed step.
    Skip {
        /// Its key.
        key: String,
    },
    /// It is the same as another, which is named already.
    Same {
        /// The other.
        into: Ref,
    },
    /// Say why a reminder is not needed.
    Dismiss {
        /// Which of the process's reminders.
        nudge: String,
    },
    /// Object to a decision.
    Object {
        /// Which.
        n: u32,
    },
    /// Put a time right.
    Time,
    /// Follow what Jira says, if that needs anything; else it is done at once.
    Follow,
}

impl Form {
    /// What it will wish for, with a word in the place of answers: so that it can be seen beforehand whether any answer
    /// could be granted. `None` where that hangs on the answers.
    pub fn wish(&self) -> Option<Command> {
        let text = || "…".to_owned();
        match self {
            Form::Update => Some(Command::Post { text: text() }),
            Form::Task => Some(Command::AddTask {
                text: text(),
                assignee: None,
            }),
            Form::Statuspage => Some(Command::Publish {
                title: String::new(),
                body: text(),
                components: Vec::new(),
            }),
            Form::Review => Some(Command::WriteReview { text: text() }),
            Form::Severity => Some(Command::Edit {
                title: None,
                summary: Some(text()),
                severity: None,
                service: None,
            }),
            Form::Declare { .. }
            | Form::Transition { .. }
            | Form::Answer { .. }
            | Form::Role { .. }
            | Form::Skip { .. }
            | Form::Object { .. }
            | Form::Time
            | Form::Same { .. }
            | Form::Dismiss { .. }
            | Form::Follow => None,
        }
    }
}

/// What is said to whoever sent a form, where what came of it is not before their eyes at once.
pub fn noted(command: &Command) -> Option<&'static str> {
    match command {
        Command::AddTask { .. } => Some("The task is noted: it stands on the card."),
        Command::AddFollowUp { .. } => Some("The follow-up is noted: it stands on the card."),
        Command::Publish { .. } => Some("The status page is told now; the card links to it."),
        _ => None,
    }
}

/// What somebody means.
#[derive(Debug, Clone, PartialEq)]
pub enum Intent {
    /// A wish.
    Wish {
        /// About which incident; none for a declaration.
        about: Option<About>,
        /// What.
        commands: Vec<Command>,
        /// The wish's identifier.
        id: String,
        /// Said privately once it is granted.
        done: Option<String>,
    },
    /// A modal is wanted.
    Open {
        /// About which incident; none for a declaration.
        about: Option<About>,
        /// Which.
        form: Form,
    },
    /// A list of the open incidents.
    List,
    /// The words of the command.
    Help {
        /// The word that was not understood.
        unknown: Option<String>,
    },
    /// Follow a service, or follow it no longer.
    Service {
        /// Its alias or name.
        service: String,
        /// Whether it is to be followed.
        follow: bool,
    },
    /// The app's home.
    Home {
        /// Of whom.
        user: String,
    },
    /// A private sentence.
    Say(String),
    /// A submitted modal's wishes; a refusal comes back inside the modal.
    Submit {
        /// About which incident; none for a declaration.
        about: Option<About>,
        /// What.
        commands: Vec<Command>,
        /// The wish's identifier.
        id: String,
    },
    /// An answer in the form that declares an incident has changed: what is open on that service is shown there.
    Look {
        /// The view's identifier.
        view_id: String,
        /// What the view is now.
        hash: String,
        /// The answers so far.
        answers: Answers,
    },
    /// Nothing is to be done.
    Nothing,
}

/// What somebody means by something.
pub fn understand(inbound: &Inbound) -> Intent {
    match inbound {
        Inbound::Challenge(_) => Intent::Nothing,
        Inbound::Command {
            word,
            user,
            channel,
            text,
            trigger,
            ..
        } => command(&Said {
            word,
            user,
            channel,
            text,
            trigger,
        }),
        Inbound::Press {
            user,
            action_id,
            value,
            pressed_at,
            ..
        } => press(user, action_id, value, pressed_at),
        Inbound::Chose {
            callback_id,
            view_id,
            hash,
            answers,
            ..
        } if callback_id == "incident.declare" => Intent::Look {
            view_id: view_id.clone(),
            hash: hash.clone(),
            answers: answers.clone(),
        },
        Inbound::Chose { .. } => Intent::Nothing,
        Inbound::Submitted {
            user,
            callback_id,
            memo,
            answers,
            view_id,
            ..
        } => submitted(user, callback_id, memo, answers, view_id),
        Inbound::Shortcut {
            callback_id, message, ..
        } if callback_id == "incident.declare" => {
            // Slack's markup becomes words first: it is the words that a title is cut from.
            let summary = unslack(message.as_deref().unwrap_or_default());
            let first = summary.lines().find(|l| !l.trim().is_empty()).unwrap_or_default();
            let title = imp_core::words::title(first);
            Intent::Open {
                about: None,
                form: Form::Declare { title, summary },
            }
        }
        Inbound::Shortcut { .. } => {
            Intent::Say("IMP does not know this shortcut; declare with its command instead.".into())
        }
        Inbound::Event { id, what } => happened(id, what),
        Inbound::Other { .. } => Intent::Say(
            "IMP does not know this action. The message may be from an older version; open the incident's card.".into(),
        ),
    }
}

fn wish(about: Option<About>, command: Command, id: String, done: &str) -> Intent {
    Intent::Wish {
        about,
        commands: vec![command],
        id,
        done: Some(done.to_owned()).filter(|d| !d.is_empty()),
    }
}

/// A slash command, as somebody said it.
struct Said<'a> {
    /// The command itself.
    word: &'a str,
    user: &'a str,
    channel: &'a str,
    /// What follows the command.
    text: &'a str,
    trigger: &'a str,
}

fn command(said: &Said) -> Intent {
    let text = said.text.trim();
    let (word, rest) = text
        .split_once(char::is_whitespace)
        .map_or((text, ""), |(w, r)| (w, r.trim()));
    // A reference in front says which incident is meant; else it is the channel's.
    if let Some(r) = Ref::parse(word) {
        return about_words(said, About::Ref(r), rest);
    }
    match word.to_lowercase().as_str() {
        "" => Intent::Open {
            about: None,
            form: Form::Declare {
                title: String::new(),
                summary: String::new(),
            },
        },
        "declare" | "new" if rest.is_empty() => Intent::Open {
            about: None,
            form: Form::Declare {
                title: String::new(),
                summary: String::new(),
            },
        },
        "declare" | "new" => {
            let command = Command::Declare {
                title: unslack(rest),
                summary: String::new(),
                severity: None,
                service: None,
                team: None,
                private: false,
                members: Vec::new(),
                impact: Default::default(),
            };
            wish(None, command, format!("slack:{}", said.trigger), "")
        }
        "list" => Intent::List,
        "help" => Intent::Help { unknown: None },
        "home" => Intent::Home {
            user: said.user.to_owned(),
        },
        _ => about_words(said, About::Channel(said.channel.to_owned()), text),
    }
}

fn about_words(said: &Said, about: About, text: &str) -> Intent {
    let (c, user) = (said.word, said.user);
    let (word, rest) = text
        .split_once(char::is_whitespace)
        .map_or((text, ""), |(w, r)| (w, r.trim()));
    let id = format!("slack:{}", said.trigger);
    let open = |form: Form| Intent::Open {
        about: Some(about.clone()),
        form,
    };
    let wish = |command: Command, done: &str| wish(Some(about.clone()), command, id.clone(), done);
    match (word.to_lowercase().as_str(), rest) {
        ("update", "") => open(Form::Update),
        ("update", text) => {
            // In the incident's own channel the update itself is the answer.
            let done = match &about {
                About::Ref(r) => format!("{r} has your update."),
                About::Channel(_) => String::new(),
            };
            wish(Command::Post { text: unslack(text) }, &done)
        }
        ("severity" | "sev", "") => open(Form::Severity),
        ("severity" | "sev", s) => {
            let command = Command::Edit {
                title: None,
                summary: None,
                severity: Some(s.to_owned()),
                service: None,
            };
            wish(command, "The severity is changed.")
        }
        ("follow" | "subscribe", "") => wish(
            Command::Subscribe { who: Who::slack(user) },
            "You follow it: IMP writes to you directly when something is new.",
        ),
        ("unfollow" | "unsubscribe", "") => wish(
            Command::Unsubscribe { who: Who::slack(user) },
            "You no longer follow it.",
        ),
        ("follow" | "subscribe", service) => Intent::Service {
            service: unslack(service),
            follow: true,
        },
        ("unfollow" | "unsubscribe", service) => Intent::Service {
            service: unslack(service),
            follow: false,
        },
        ("title", t) if !t.is_empty() => wish(
            Command::Edit {
                title: Some(unslack(t)),
                summary: None,
                severity: None,
                service: None,
            },
            "The title is changed.",
        ),
        ("summary", t) if !t.is_empty() => wish(
            Command::Edit {
                title: None,
                summary: Some(unslack(t)),
                severity: None,
                service: None,
            },
            "The summary is changed.",
        ),
        ("service", s) if !s.is_empty() => wish(
            Command::Edit {
                title: None,
                summary: None,
                severity: None,
                service: Some(unslack(s)),
            },
            "The service is changed.",
        ),
        ("process", status) => wish(
            Command::TakeProcess {
                status: Some(status.to_owned()).filter(|s| !s.is_empty()),
            },
            "It follows the process that is in force.",
        ),
        ("role", "") => open(Form::Role {
            role: "commander".into(),
        }),
        ("role", rest) => {
            let (role, whom) = rest
                .split_once(char::is_whitespace)
                .map_or((rest, ""), |(r, w)| (r, w.trim()));
            if whom.is_empty() {
                return open(Form::Role { role: role.to_owned() });
            }
            let command = Command::Assign {
                role: role.to_owned(),
                who: whom_of(whom, user),
            };
            wish(command, "")
        }
        ("task", "") => open(Form::Task),
        ("task", text) => wish(
            Command::AddTask {
                text: unslack(text),
                assignee: None,
            },
            "The task is noted: it stands on the card.",
        ),
        ("done", n) => match n.trim_start_matches('#').parse() {
            Ok(n) => wish(Command::FinishTask { n }, &format!("Task {n} is done. Well done.")),
            Err(_) => Intent::Say(format!("Which task? `{c} done 2`.")),
        },
        ("statuspage" | "status-page" | "public", _) => open(Form::Statuspage),
        ("review", _) => open(Form::Review),
        ("follow-up" | "followup", "") => open(Form::Review),
        ("follow-up" | "followup", text) if done_number(text).is_some() => wish(
            Command::FinishFollowUp {
                n: done_number(text).unwrap_or_default(),
            },
            "Well done.",
        ),
        ("follow-up" | "followup", text) => wish(
            Command::AddFollowUp {
                text: unslack(text),
                owner: None,
                due: None,
            },
            "The follow-up is noted.",
        ),
        ("decide", text) if !text.is_empty() => wish(Command::Propose { text: unslack(text) }, ""),
        ("time" | "times", _) => open(Form::Time),
        ("note", text) if !text.is_empty() => wish(
            Command::Note {
                text: unslack(text),
                ts: None,
            },
            "It is on the timeline.",
        ),
        ("merge", into) if !into.is_empty() => match Ref::parse(into) {
            Some(into) => open(Form::Same { into }),
            None => Intent::Say(format!("Into which incident? `{c} merge IMP-7`.")),
        },
        ("move" | "status" | "to", to) if !to.is_empty() => open(Form::Transition { to: to.to_owned() }),
        (word, _) => match lacks(word) {
            Some(what) => Intent::Say(format!(
                "Something is missing after `{word}`, for example `{c} {word} {what}`."
            )),
            None => Intent::Help {
                unknown: Some(imp_core::words::cut(word, 40)).filter(|w| !w.is_empty()),
            },
        },
    }
}

/// `done 2`: the number of what is done.
fn done_number(text: &str) -> Option<u32> {
    let (word, n) = text.split_once(char::is_whitespace)?;
    word.eq_ignore_ascii_case("done")
        .then(|| n.trim().trim_start_matches('#').parse().ok())
        .flatten()
}

/// What a word that says nothing by itself may be followed by.
fn lacks(word: &str) -> Option<&'static str> {
    match word {
        "title" => Some("Search is slow"),
        "summary" => Some("Two of three replicas do not answer"),
        "service" => Some("search-api"),
        "note" => Some("Restarted replica 2"),
        "decide" => Some("We roll back to 1.4"),
        "merge" => Some("IMP-7"),
        "move" | "status" | "to" => Some("resolved"),
        _ => None,
    }
}

fn press(user: &str, action_id: &str, value: &str, pressed_at: &str) -> Intent {
    let Some(reference) = Ref::parse(value) else {
        let known = [
            "incident.",
            "alert.",
            "step.",
            "jira.",
            "nudge.",
            "follow_up.",
            "hint.",
            "role.",
            "decision.",
        ]
        .iter()
        .any(|p| action_id.starts_with(p));
        // Link buttons open their address in the browser and carry no reference.
        if matches!(action_id, "incident.zoom" | "incident.jira" | "incident.page") {
            return Intent::Nothing;
        }
        return match (known, action_id) {
            (_, "home.declare") => Intent::Open {
                about: None,
                form: Form::Declare {
                    title: String::new(),
                    summary: String::new(),
                },
            },
            (true, _) => Intent::Say("This button belongs to no incident that IMP knows.".into()),
            (false, _) => Intent::Say(
                "IMP does not know this button. The message may be from an older version; open the incident's card."
                    .into(),
            ),
        };
    };
    let about = About::Ref(reference);
    let open = |form: Form| Intent::Open {
        about: Some(about.clone()),
        form,
    };
    let id = format!("slack:press:{reference}:{action_id}:{user}:{pressed_at}");
    match action_id {
        "alert.confirm" => open(Form::Answer { answer: Answered::Real }),
        "alert.decline" => open(Form::Answer {
            answer: Answered::FalseAlarm,
        }),
        "alert.merge" => open(Form::Answer { answer: Answered::Same }),
        "incident.update" => open(Form::Update),
        "incident.severity" => open(Form::Severity),
        "incident.follow" => {
            let done = format!("You follow {reference}: IMP tells you what is new in your conversation with it.");
            let command = Command::Subscribe { who: Who::slack(user) };
            wish(Some(about.clone()), command, id, &done)
        }
        "incident.unfollow" => {
            let command = Command::Unsubscribe { who: Who::slack(user) };
            wish(
                Some(about.clone()),
                command,
                id,
                &format!("You no longer follow {reference}."),
            )
        }
        "incident.task" => open(Form::Task),
        "incident.time" => open(Form::Time),
        "incident.page.mend" => wish(
            Some(about.clone()),
            Command::MendPage,
            id,
            "The status page is being put right.",
        ),
        "incident.statuspage" => open(Form::Statuspage),
        "incident.review" => open(Form::Review),
        "jira.follow" => open(Form::Follow),
        "jira.keep" => {
            let command = Command::Settle {
                follow: false,
                fields: BTreeMap::new(),
            };
            wish(Some(about.clone()), command, id, "Jira follows the incident.")
        }
        "incident.zoom" | "incident.jira" | "incident.page" => Intent::Nothing,
        other => {
            if let Some(to) = other.strip_prefix("incident.transition.") {
                return open(Form::Transition { to: to.to_owned() });
            }
            if let Some(role) = other.strip_prefix("incident.role.") {
                return open(Form::Role { role: role.to_owned() });
            }
            if let Some(n) = other.strip_prefix("decision.object.").and_then(|n| n.parse().ok()) {
                return open(Form::Object { n });
            }
            if let Some(n) = other.strip_prefix("decision.take.").and_then(|n| n.parse().ok()) {
                return wish(Some(about.clone()), Command::Decide { n }, id, "");
            }
            if let Some(role) = other.strip_prefix("role.accept.") {
                let command = Command::Accept { role: role.to_owned() };
                return wish(Some(about.clone()), command, id, "It is yours now.");
            }
            if let Some(role) = other.strip_prefix("role.refuse.") {
                let command = Command::Refuse { role: role.to_owned() };
                return wish(Some(about.clone()), command, id, "Whoever has it keeps it.");
            }
            if let Some(key) = other.strip_prefix("step.retry.") {
                return wish(
                    Some(about.clone()),
                    Command::Retry { key: key.to_owned() },
                    id,
                    "It is being tried again.",
                );
            }
            if let Some(into) = other.strip_prefix("hint.same.").and_then(Ref::parse) {
                return open(Form::Same { into });
            }
            if let Some(there) = other.strip_prefix("hint.join.").and_then(Ref::parse) {
                let command = Command::Join { who: Who::slack(user) };
                return wish(
                    Some(About::Ref(there)),
                    command,
                    id,
                    &format!("You are in {there} now."),
                );
            }
            if let Some(others) = other.strip_prefix("hint.dismiss.") {
                let others = others.split('.').filter_map(Ref::parse).collect();
                return wish(Some(about.clone()), Command::DismissHints { others }, id, "");
            }
            if let Some(nudge) = other.strip_prefix("nudge.snooze.") {
                let command = Command::Snooze {
                    nudge: nudge.to_owned(),
                };
                return wish(
                    Some(about.clone()),
                    command,
                    id,
                    "IMP keeps quiet about it for a while.",
                );
            }
            if let Some(nudge) = other.strip_prefix("nudge.dismiss.") {
                return open(Form::Dismiss {
                    nudge: nudge.to_owned(),
                });
            }
            if let Some(n) = other.strip_prefix("follow_up.done.").and_then(|n| n.parse().ok()) {
                return wish(Some(about.clone()), Command::FinishFollowUp { n }, id, "Well done.");
            }
            if let Some(key) = other.strip_prefix("step.skip.") {
                return open(Form::Skip { key: key.to_owned() });
            }
            Intent::Say(
                "IMP does not know this button. The message may be from an older version; open the incident's card."
                    .into(),
            )
        }
    }
}

fn submitted(user: &str, callback_id: &str, memo: &str, answers: &Answers, view_id: &str) -> Intent {
    let memo = Memo::parse(memo);
    // Who finds theirs among those that are open joins it; nothing is declared.
    if let Some(there) = Ref::parse(answers.one("same")).filter(|_| callback_id == "incident.declare") {
        return Intent::Submit {
            about: Some(About::Ref(there)),
            commands: vec![Command::Join { who: Who::slack(user) }],
            id: format!("slack:view:{view_id}"),
        };
    }
    let Some(commands) = forms::commands(callback_id, &memo, answers) else {
        return Intent::Say("IMP does not know this form.".into());
    };
    let about = memo.reference.map(About::Ref);
    if about.is_none() && callback_id != "incident.declare" {
        return Intent::Say("This form belongs to no incident.".into());
    }
    Intent::Submit {
        about,
        commands,
        id: format!("slack:view:{view_id}"),
    }
}

fn happened(id: &str, what: &Happened) -> Intent {
    let id = format!("slack:event:{id}");
    match what {
        Happened::HomeOpened { user } => Intent::Home { user: user.clone() },
        Happened::Joined { user, channel } => wish(
            Some(About::Channel(channel.clone())),
            Command::Join { who: Who::slack(user) },
            id,
            "",
        ),
        Happened::Left { user, channel } => wish(
            Some(About::Channel(channel.clone())),
            Command::Leave { who: Who::slack(user) },
            id,
            "",
        ),
        Happened::Pinned { channel, text, ts, .. } if !text.trim().is_empty() => {
            let command = Command::Note {
                text: unslack(text),
                ts: Some(ts.clone()),
            };
            wish(Some(About::Channel(channel.clone())), command, id, "")
        }
        Happened::Marked { channel, ts, emoji, .. } => {
            let command = Command::Mark {
                ts: ts.clone(),
                emoji: emoji.clone(),
            };
            wish(Some(About::Channel(channel.clone())), command, id, "")
        }
        Happened::Edited { channel, text, ts, .. } => {
            let command = Command::Reword {
                ts: ts.clone(),
                text: unslack(text),
            };
            wish(Some(About::Channel(channel.clone())), command, id, "")
        }
        Happened::Deleted { channel, ts, .. } => {
            let command = Command::Unsay { ts: ts.clone() };
            wish(Some(About::Channel(channel.clone())), command, id, "")
        }
        Happened::Pinned { .. } | Happened::Other(_) => Intent::Nothing,
    }
}

/// Whoever is named: by a mention, as `me`, by an e-mail address, or else by name, which the directory has to know.
fn whom_of(text: &str, me: &str) -> Who {
    if text == "me" {
        return Who::slack(me);
    }
    mention(text).unwrap_or_else(|| {
        let plain = unslack(text);
        let plain = plain
            .trim()
            .trim_start_matches("mailto:")
            .trim_start_matches('@')
            .trim();
        match plain.contains('@') {
            true => Who::email(plain),
            false => Who {
                name: Some(plain.to_owned()),
                ..Who::default()
            },
        }
    })
}

/// `<@U123|ada>` as a person.
fn mention(text: &str) -> Option<Who> {
    let inner = text.strip_prefix("<@")?.split_once('>')?.0;
    let id = inner.split('|').next().unwrap_or_default();
    super::mrkdwn::is_id(id).then(|| Who::slack(id))
}

/// What a person typed, from what Slack made of it: mentions and links as they were read, entities as characters.
pub fn unslack(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        out.push_str(&rest[..start]);
        let Some(end) = rest[start..].find('>') else {
            rest = &rest[start..];
            break;
        };
        let inner = &rest[start + 1..start + end];
        let (what, label) = inner.split_once('|').map_or((inner, None), |(w, l)| (w, Some(l)));
        match (what.chars().next(), label) {
            (Some('@'), Some(l)) => out.push_str(&format!("@{l}")),
            (Some('#'), Some(l)) => out.push_str(&format!("#{l}")),
            (Some('!'), Some(l)) if what.starts_with("!subteam^") => out.push_str(l),
            (Some('!'), _) => out.push_str(&format!(
                "@{}",
                what.trim_start_matches('!').split('^').next().unwrap_or_default()
            )),
            (_, Some(l)) if !l.is_empty() && !what.contains(l) => out.push_str(&format!("{l} ({what})")),
            _ => out.push_str(what),
        }
        rest = &rest[start + end + 1..];
    }
    out.push_str(rest);
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// The command's words, for a person.
pub fn help(command: &str, unknown: Option<&str>) -> String {
    let first = unknown
        .map(|w| format!("IMP does not know `{}`. ", super::mrkdwn::escape(&w.replace('`', "'"))))
        .unwrap_or_default();
    let c = command;
    format!(
        "{first}Here is what it knows:\n\
         •  `{c}` declare an incident with a form; `{c} declare TITLE` (or `new`) at once\n\
         •  `{c} list` the open incidents · `{c} home` draws the app's home anew · `{c} help` this\n\
         •  `{c} new-service` makes a service from a template\n\
         In an incident's channel, or with its reference in front (`{c} IMP-42 update …`):\n\
         •  `{c} update TEXT` · `{c} severity SEV2` · `{c} role commander @name` (or `me`, a name, an address)\n\
         •  `{c} decide TEXT` · `{c} time` · `{c} process`\n\
         •  `{c} task TEXT` · `{c} done 1` · `{c} note TEXT` · `{c} title TEXT` · `{c} summary TEXT` · `{c} service NAME`\n\
         •  `{c} move resolved` · `{c} merge IMP-7` · `{c} follow` (or `{c} follow payments-api`, a service) · `{c} unfollow` · `{c} statuspage` · `{c} review` · `{c} follow-up TEXT` · `{c} follow-up done 1`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(text: &str) -> Intent {
        command(&Said {
            word: "/emea-imp",
            user: "U1",
            channel: "C1",
            text,
            trigger: "t1",
        })
    }

    fn given_to(text: &str) -> Who {
        match says(text) {
            Intent::Wish { commands, .. } => match &commands[..] {
                [Command::Assign { who, .. }] => who.clone(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn people_are_named_by_mention_address_or_name() {
        assert_eq!(given_to("role commander <@U7|ana>"), Who::slack("U7"));
        assert_eq!(given_to("role commander me"), Who::slack("U1"));
        let mail = "role commander <mailto:ana@acme.example|ana@acme.example>";
        assert_eq!(given_to(mail).email.as_deref(), Some("ana@acme.example"));
        assert_eq!(given_to("role commander @Ana Costa").name.as_deref(), Some("Ana Costa"));
    }

    #[test]
    fn what_slack_made_of_words_becomes_words_again() {
        assert_eq!(
            unslack("ask <@U1|ada> in <#C1|ops> at <https://x.example/a|x.example/a> &amp; &lt;b&gt;"),
            "ask @ada in #ops at https://x.example/a & <b>"
        );
        assert_eq!(unslack("<!channel> <!date^1^x|y> 1 < 2"), "@channel @date 1 < 2");
        assert_eq!(unslack("a < b"), "a < b");
    }

    #[test]
    fn a_reference_in_front_says_which_incident_is_meant() {
        let got = says("imp-7 update it works");
        let Intent::Wish { about, commands, .. } = got else {
            panic!("{got:?}")
        };
        assert_eq!(
            (about, commands),
            (
                Some(About::Ref(Ref(7))),
                vec![Command::Post {
                    text: "it works".into()
                }]
            )
        );
    }

    #[test]
    fn an_unknown_word_gets_help() {
        assert_eq!(
            says("frobnicate now"),
            Intent::Help {
                unknown: Some("frobnicate".into())
            }
        );
        assert_eq!(
            says("title"),
            Intent::Say("Something is missing after `title`, for example `/emea-imp title Search is slow`.".into())
        );
        assert!(matches!(
            press("U1", "incident.transition.closed", "nonsense", "1"),
            Intent::Say(_)
        ));
        assert!(matches!(press("U1", "unknown.button", "IMP-1", "1"), Intent::Say(_)));
    }
}
