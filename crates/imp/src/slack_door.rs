//! Slack's door: carries out what somebody means. Slack is answered before any vendor is called; forms and private
//! sentences follow right after, within Slack's three seconds.

use crate::followed;
use crate::serve::Hall;
use crate::visible::{LISTED, sees, visible};
use imp_core::person::{Actor, Door, Who};
use imp_core::refusal::{Kind, Refusal};
use imp_core::{Command, Envelope, Incident, Ref, Role, decide};
use imp_engine::{StoreError, SubmitError};
use imp_vendors::budget::Urgency;
use imp_vendors::secret::Secret;
use imp_vendors::slack::converse::{self, About, Form, Intent};
use imp_vendors::slack::inlet::Inbound;
use imp_vendors::slack::socket::{self, Ack};
use imp_vendors::slack::{forms, mrkdwn, stale};
use serde_json::{Value, json};
use std::sync::Arc;

/// What people read when our own store fails.
const BROKEN: &str =
    "IMP cannot reach its own memory at the moment; nothing was changed. Try again in a minute, or use the console.";

/// What Slack is answered at once: a payload for the acknowledgement, and what is still to be done.
pub struct Answer {
    /// The payload, if there is one.
    pub payload: Option<Value>,
    /// What follows the acknowledgement.
    pub then: Option<Then>,
    /// Nothing was kept and nobody reads an answer: Slack should send it again.
    pub lost: bool,
}

impl Answer {
    /// Nothing.
    pub fn empty() -> Answer {
        Answer {
            payload: None,
            then: None,
            lost: false,
        }
    }

    /// A payload.
    pub fn saying(payload: Value) -> Answer {
        Answer {
            payload: Some(payload),
            ..Answer::empty()
        }
    }

    /// Nothing now, and this afterwards.
    pub fn then(then: Then) -> Answer {
        Answer {
            then: Some(then),
            ..Answer::empty()
        }
    }
}

/// Where somebody's home is; Slack lets no program open it.
const HOME: &str = "Your home is drawn anew: in Slack's sidebar choose *IMP* under *Apps*, then its tab *Home*.";

/// What follows an acknowledgement.
pub enum Then {
    /// Open this modal.
    Open {
        /// For opening it.
        trigger: String,
        /// About which incident.
        incident: Option<Arc<Incident>>,
        /// Which.
        form: Form,
        /// Who pressed.
        user: String,
        /// For a private sentence where it cannot be opened.
        response_url: String,
    },
    /// Show in an open form what has come of an answer.
    Redraw {
        /// The view's identifier.
        view_id: String,
        /// What the view was when the answer was given.
        hash: String,
        /// What it is to be.
        view: Value,
    },
    /// Say this privately.
    Whisper {
        /// Where.
        response_url: String,
        /// What.
        text: String,
    },
    /// Say this in a channel, to one person alone.
    Tell {
        /// Where.
        channel: String,
        /// To whom.
        user: String,
        /// What.
        text: String,
    },
    /// Open this view, which is about no incident.
    View {
        /// For opening it.
        trigger: String,
        /// The view.
        view: Value,
        /// For a private sentence where it cannot be opened.
        response_url: String,
    },
    /// Tell somebody how far a new service is, until it is there.
    Follow {
        /// Whom.
        user: String,
        /// The run.
        run: String,
    },
    /// Draw somebody's home.
    Home {
        /// Whose.
        user: String,
    },
}

/// Keeps a Socket Mode connection open for ever.
pub async fn listen(hall: Arc<Hall>, app_token: Secret) {
    let Some(slack) = hall.slack.clone() else { return };
    socket::listen(slack.client, app_token, move |inbound| {
        let hall = hall.clone();
        Box::pin(async move {
            let answer = receive(&hall, &inbound).await;
            follow_up(&hall, answer.then);
            if answer.lost {
                Ack::Lost
            } else {
                Ack::Kept(answer.payload)
            }
        })
    })
    .await;
}

/// Carries on after the acknowledgement.
pub fn follow_up(hall: &Arc<Hall>, then: Option<Then>) {
    if let Some(then) = then {
        let hall = hall.clone();
        tokio::spawn(async move { carry_on(&hall, then).await });
    }
}

/// Decides what something means and does what needs no vendor.
pub async fn receive(hall: &Hall, inbound: &Inbound) -> Answer {
    if let Some(answer) = crate::shape::slack::attend(hall, inbound).await {
        return answer;
    }
    let answer = match attend(hall, inbound).await {
        Ok(a) => a,
        Err(SubmitError::Refused(r)) => refused(inbound, &r),
        Err(e) if matches!(inbound, Inbound::Event { .. }) => {
            tracing::error!(error = %e, "an event of Slack's was not kept");
            Answer {
                lost: true,
                ..Answer::empty()
            }
        }
        Err(SubmitError::Busy) => say(inbound, "IMP has very much to do this very second. Try again."),
        Err(SubmitError::Broken(e)) => {
            tracing::error!(error = %e, "the store does not work");
            say(inbound, BROKEN)
        }
    };
    if let Inbound::Other { what, .. } = inbound {
        tracing::info!(what, "something from Slack that IMP does not know");
    }
    answer
}

async fn attend(hall: &Hall, inbound: &Inbound) -> Result<Answer, SubmitError> {
    let nothing = Answer::empty();
    match converse::understand(inbound) {
        Intent::Nothing => Ok(nothing),
        Intent::Say(text) => Ok(say(inbound, &text)),
        Intent::Help { unknown } => Ok(say(inbound, &converse::help(command_word(hall), unknown.as_deref()))),
        Intent::List => Ok(say(inbound, &list(hall, user(inbound)).await?)),
        Intent::Home { user } => Ok(Answer {
            then: Some(Then::Home { user }),
            ..match inbound {
                Inbound::Command { .. } => say(inbound, HOME),
                // Whoever opens it sees it.
                _ => Answer::empty(),
            }
        }),
        Intent::Service { service, follow } => {
            let said = followed::service(hall, user(inbound), &service, follow).await?;
            Ok(say(inbound, &said))
        }
        Intent::Wish {
            about,
            mut commands,
            id,
            done,
        } => {
            for command in &mut commands {
                if let Command::Assign { who, .. } = command
                    && let Err(unclear) = known_by_name(hall, who)
                {
                    return Ok(say(inbound, &unclear));
                }
            }
            let quiet = matches!(inbound, Inbound::Event { .. });
            if quiet && is_us(hall, user(inbound)) {
                return Ok(nothing);
            }
            let before = match about {
                None => None,
                Some(a) => match place(hall, inbound, &a).await? {
                    Some(i) => Some(i),
                    None if quiet => return Ok(nothing),
                    None => return Ok(say(inbound, &not_here(hall, &a))),
                },
            };
            let about = before.as_ref().map(|i| i.reference);
            let given = given(&commands);
            let after = wish(hall, inbound, about, commands, &id).await?;
            let done = match (before, after) {
                (None, Some(i)) => Some(declared(hall, &i)),
                (Some(was), Some(is)) => given
                    .and_then(|(role, who)| role_given(hall, &was, &is, &role, &who))
                    .or(done),
                (_, None) => done,
            };
            Ok(match done {
                Some(text) if !quiet => say(inbound, &text),
                Some(_) | None => nothing,
            })
        }
        Intent::Submit {
            about,
            mut commands,
            id,
        } => {
            let catalogue = hall.desk.house.catalogue.load_full();
            for command in &mut commands {
                if let Command::Declare {
                    service: Some(service), ..
                } = command
                {
                    *service = forms::written(&catalogue, service).map_err(refusal)?;
                }
            }
            let before = match about {
                None => None,
                Some(a) => match place(hall, inbound, &a).await? {
                    Some(i) => Some(i),
                    None => return Err(refusal(Refusal::new(Kind::Unknown, not_here(hall, &a)))),
                },
            };
            let about = before.as_ref().map(|i| i.reference);
            let id = if about.is_none() {
                id
            } else {
                format!("{id}:{}", print(&commands))
            };
            let given = given(&commands);
            let noted = commands.iter().find_map(converse::noted);
            let after = wish(hall, inbound, about, commands, &id).await?;
            // A form closes without a word; what shows itself nowhere at once is said in the channel, privately.
            let text = match (&before, &after) {
                (Some(was), Some(is)) => given.and_then(|(role, who)| role_given(hall, was, is, &role, &who)),
                _ => None,
            };
            let text = text.or_else(|| noted.map(str::to_owned));
            let channel = before.and_then(|i| i.links.channel.as_ref().map(|c| c.id.clone()));
            Ok(match (text, channel) {
                (Some(text), Some(channel)) => Answer::then(Then::Tell {
                    channel,
                    user: user(inbound).to_owned(),
                    text,
                }),
                _ => nothing,
            })
        }
        Intent::Open { about, form } => open(hall, inbound, about, form).await,
        Intent::Look { view_id, hash, answers } => Ok(Answer::then(Then::Redraw {
            view_id,
            hash,
            view: looked(hall, &answers),
        })),
    }
}

/// The form that declares an incident, with what is open beside what has been answered so far.
fn looked(hall: &Hall, answers: &forms::Answers) -> Value {
    let house = &hall.desk.house;
    let (process, catalogue) = (house.process.load(), house.catalogue.load());
    let service = answers.some("service");
    let open = match &service {
        Some(s) => house
            .memory
            .at_the_door(Some(s), answers.one("title"), None, &catalogue),
        None => Vec::new(),
    };
    forms::declare(
        &process,
        &catalogue,
        answers.one("title"),
        answers.one("summary"),
        &open,
    )
}

/// Opens a form, or does at once what needs no answer.
async fn open(hall: &Hall, inbound: &Inbound, about: Option<About>, form: Form) -> Result<Answer, SubmitError> {
    let incident = match &about {
        None => None,
        Some(a) => match place(hall, inbound, a).await? {
            Some(i) => Some(i),
            None => return Ok(say(inbound, &not_here(hall, a))),
        },
    };
    if let (Some(i), Inbound::Press { action_id, .. }) = (&incident, inbound)
        && let Some(why) = stale::not_now(action_id, i, &hall.desk.house.process_of(i))
    {
        return Ok(say(inbound, &why));
    }
    let form = match form {
        Form::Answer { answer } => Form::Transition {
            to: meant(&followed::process(hall, incident.as_deref()), answer),
        },
        Form::Transition { to } => Form::Transition {
            to: followed::process(hall, incident.as_deref()).called(&to),
        },
        other => other,
    };
    if let (Some(i), Some(command)) = (&incident, form.wish())
        && let Some(why) = hopeless(hall, inbound, i, command)
    {
        return Ok(refused(inbound, &why));
    }
    if let (Some(i), Form::Same { into }) = (&incident, &form) {
        let process = hall.desk.house.process_of(i);
        let merges = |m: &&imp_core::process::Move| m.requires.iter().any(|f| f == "into");
        // Where it cannot be merged any more, the law says so in its own words.
        let Some(merge) = process
            .moves_from(&i.status)
            .find(merges)
            .or(process.moves.iter().find(merges))
        else {
            return Ok(say(inbound, "By the process, incidents are not merged."));
        };
        let to = &merge.to;
        let command = Command::Move {
            to: to.clone(),
            fields: [("into".to_owned(), into.to_string())].into(),
        };
        let pressed = match inbound {
            Inbound::Press { pressed_at, .. } => pressed_at.as_str(),
            _ => trigger(inbound),
        };
        let id = format!("slack:press:{}:same.{into}:{}:{pressed}", i.reference, user(inbound));
        wish(hall, inbound, Some(i.reference), vec![command], &id).await?;
        return Ok(Answer::empty());
    }
    if let (Some(i), Form::Follow) = (&incident, &form)
        && imp_core::record::asks_to_follow(i, &hall.desk.house.process_of(i)).is_empty()
    {
        let id = match inbound {
            Inbound::Press { pressed_at, .. } => {
                format!("slack:press:{}:jira.follow:{}:{pressed_at}", i.reference, user(inbound))
            }
            _ => format!("slack:{}", trigger(inbound)),
        };
        let command = Command::Settle {
            follow: true,
            fields: Default::default(),
        };
        wish(hall, inbound, Some(i.reference), vec![command], &id).await?;
        return Ok(Answer::empty());
    }
    if let (Some(i), Form::Transition { to }) = (&incident, &form) {
        let process = hall.desk.house.process_of(i);
        if let Some(answered) = answered(&process, inbound, i) {
            return Ok(say(inbound, &answered));
        }
        let way = process.way(&i.status, to);
        let asks = |m: &&imp_core::process::Move| {
            !process.missing(m, &i.fields).is_empty() || !process.asked(m, &i.fields).is_empty()
        };
        let needs = way.last().is_some_and(asks);
        if !needs {
            let id = match inbound {
                Inbound::Press { pressed_at, .. } => {
                    format!("slack:press:{}:{to}:{}:{pressed_at}", i.reference, user(inbound))
                }
                _ => format!("slack:{}", trigger(inbound)),
            };
            let first = way.first().filter(|_| way.len() > 1).map(|m| m.to.clone());
            let moves = first.into_iter().chain([to.clone()]).map(|to| Command::Move {
                to,
                fields: Default::default(),
            });
            wish(hall, inbound, Some(i.reference), moves.collect(), &id).await?;
            return Ok(Answer::empty());
        }
    }
    let then = Then::Open {
        trigger: trigger(inbound).to_owned(),
        incident,
        form,
        user: user(inbound).to_owned(),
        response_url: response_url(inbound).to_owned(),
    };
    Ok(Answer::then(then))
}

/// Why a form would be filled in for nothing: whatever is answered, its wish is refused.
fn hopeless(hall: &Hall, inbound: &Inbound, i: &Incident, command: Command) -> Option<Refusal> {
    let asked = envelope(hall, inbound, Some(i.reference), command, "");
    let refusal = hall.desk.refusal(i, &asked)?;
    (refusal.kind != Kind::Invalid).then_some(refusal)
}

/// A question asks whether an alert is real; once that is answered, its buttons mean nothing any more, even where the
/// process has a move of that name.
fn answered(process: &imp_core::Process, inbound: &Inbound, i: &Incident) -> Option<String> {
    let asks = matches!(inbound, Inbound::Press { action_id, .. } if action_id.starts_with("alert."));
    if !asks || process.category(&i.status) == imp_core::process::Category::Triage {
        return None;
    }
    let status = process.label(&i.status);
    let place = i
        .links
        .channel
        .as_ref()
        .map(|c| format!(" It goes on in <#{}>.", c.id))
        .unwrap_or_default();
    Some(format!("{} is {} already.{place}", i.reference, mrkdwn::escape(status)))
}

/// The status to which an answer leads, by what the process's moves out of triage are for.
fn meant(process: &imp_core::Process, answer: converse::Answered) -> String {
    use imp_core::process::Category;
    let triage = process
        .first(Category::Triage)
        .map(|s| s.id.clone())
        .unwrap_or_default();
    let merges = |m: &&imp_core::process::Move| m.requires.iter().any(|f| f == "into");
    let fits = |m: &&imp_core::process::Move| match (answer, process.category(&m.to)) {
        (converse::Answered::Real, Category::Active) => true,
        (converse::Answered::Same, _) => merges(m),
        (converse::Answered::FalseAlarm, Category::Done) => !merges(m),
        _ => false,
    };
    process
        .moves_from(&triage)
        .find(fits)
        .map(|m| m.to.clone())
        .unwrap_or_default()
}

async fn wish(
    hall: &Hall,
    inbound: &Inbound,
    about: Option<Ref>,
    commands: Vec<Command>,
    id: &str,
) -> Result<Option<Arc<Incident>>, SubmitError> {
    let envelope = envelope(hall, inbound, about, Command::of(commands), id);
    Ok(hall.desk.submit(envelope).await?.incident)
}

fn envelope(hall: &Hall, inbound: &Inbound, about: Option<Ref>, command: Command, id: &str) -> Envelope {
    let who = hall.desk.house.directory.load().complete(&Who::slack(user(inbound)));
    // Who comes into a channel was let in by Slack; IMP only takes note of it.
    let seen = matches!(
        (inbound, &command),
        (Inbound::Event { .. }, Command::Join { .. } | Command::Leave { .. })
    );
    let (by, role) = if seen {
        (Actor::Imp, Role::Admin)
    } else {
        let door = Door::Slack;
        (Actor::Person { who, door }, Role::Responder)
    };
    Envelope {
        id: id.to_owned(),
        by,
        role,
        at: hall.desk.clock.now(),
        about,
        command,
    }
}

/// The incident that is meant, where this person may see it.
async fn place(hall: &Hall, inbound: &Inbound, about: &About) -> Result<Option<Arc<Incident>>, StoreError> {
    let found = match about {
        About::Ref(r) => hall.desk.incident(*r).await?,
        About::Channel(id) => hall.desk.incident_of_channel(id).await?,
    };
    Ok(found.filter(|i| sees(hall, i, user(inbound)) || matches!(inbound, Inbound::Event { .. })))
}

// ---- sentences

fn say(inbound: &Inbound, text: &str) -> Answer {
    match inbound {
        Inbound::Command { .. } => Answer::saying(json!({"response_type": "ephemeral", "text": text})),
        Inbound::Submitted { inputs, .. } => match inputs.first() {
            Some(first) => Answer::saying(json!({"response_action": "errors", "errors": {first: text}})),
            // A form that asks nothing has no field beside which it could stand.
            None => Answer::saying(json!({"response_action": "update", "view": forms::sentence(text)})),
        },
        Inbound::Press { response_url, .. } | Inbound::Shortcut { response_url, .. } if !response_url.is_empty() => {
            whisper(response_url, text)
        }
        Inbound::Other {
            response_url: Some(url),
            ..
        } => whisper(url, text),
        Inbound::Press { .. } | Inbound::Shortcut { .. } | Inbound::Other { .. } => Answer::empty(),
        Inbound::Challenge(_) | Inbound::Event { .. } | Inbound::Chose { .. } => Answer::empty(),
    }
}

fn whisper(response_url: &str, text: &str) -> Answer {
    Answer::then(Then::Whisper {
        response_url: response_url.to_owned(),
        text: text.to_owned(),
    })
}

fn refused(inbound: &Inbound, refusal: &Refusal) -> Answer {
    if refusal.kind == Kind::KeyReused {
        // The law speaks of the key that a program sends; here people sent one form twice.
        let again = Refusal::new(
            Kind::KeyReused,
            "This form was sent already. Open it anew for something else.",
        );
        return match inbound {
            Inbound::Submitted { inputs, .. } if !inputs.is_empty() => {
                let errors = forms::errors(inputs, &again);
                Answer::saying(json!({"response_action": "errors", "errors": errors}))
            }
            _ => say(inbound, &again.message),
        };
    }
    if let Inbound::Submitted { inputs, .. } = inbound
        && !inputs.is_empty()
    {
        let errors = forms::errors(inputs, refusal);
        return Answer::saying(json!({"response_action": "errors", "errors": errors}));
    }
    say(inbound, &mrkdwn::escape(&refusal.message))
}

fn refusal(r: Refusal) -> SubmitError {
    SubmitError::Refused(Box::new(r))
}

fn not_here(hall: &Hall, about: &About) -> String {
    match about {
        About::Ref(r) => decide::unknown(Some(*r)).message,
        About::Channel(_) => {
            let c = command_word(hall);
            format!(
                "This is no incident's channel. Do it there, or put the reference in front: `{c} IMP-42 update …`. `{c} list` shows the open ones."
            )
        }
    }
}

/// The role that is given, and to whom.
fn given(commands: &[Command]) -> Option<(String, Who)> {
    commands.iter().find_map(|c| match c {
        Command::Assign { role, who } => Some((role.clone(), who.clone())),
        _ => None,
    })
}

/// What the card does not show at once to whoever gave a role: that it is only offered, or was held already.
fn role_given(hall: &Hall, was: &Incident, is: &Incident, role: &str, who: &Who) -> Option<String> {
    let process = hall.desk.house.process_of(is);
    let role = process.role(role)?;
    let label = mrkdwn::escape(&role.label);
    let holder = was.roles.get(&role.id);
    let who = hall.desk.house.directory.load().complete(who);
    match (is.offers.get(&role.id), holder) {
        (Some(offer), _) => Some(format!(
            "{} is asked to take {label}; until they accept, {} has it.",
            mrkdwn::person(&offer.to),
            is.roles.get(&role.id).map_or("nobody".to_owned(), mrkdwn::person)
        )),
        (None, Some(holder)) if holder.is(&who) => {
            let off = was.offers.get(&role.id).map(|o| mrkdwn::person(&o.to));
            let off = off.map(|to| format!(" {to} is not asked any more."));
            let holder = mrkdwn::person(holder);
            Some(format!("{holder} is {label} already.{}", off.unwrap_or_default()))
        }
        (None, _) => None,
    }
}

/// Puts the person in the place of a name.
fn known_by_name(hall: &Hall, who: &mut Who) -> Result<(), String> {
    let (None, None, Some(name)) = (&who.slack, &who.email, &who.name) else {
        return Ok(());
    };
    let directory = hall.desk.house.directory.load();
    let name = mrkdwn::quote(name, 80);
    match directory.named(who.name.as_deref().unwrap_or_default())[..] {
        [one] => {
            *who = one.clone();
            Ok(())
        }
        [] => Err(format!(
            "IMP knows nobody called “{name}”. Mention the person with `@`."
        )),
        ref several => Err(format!(
            "{} people are called “{name}”. Mention the one you mean with `@`.",
            several.len()
        )),
    }
}

fn declared(hall: &Hall, i: &Incident) -> String {
    let house = &hall.desk.house;
    let service = i.service.as_ref().map(|s| s.alias.as_str());
    let open = house
        .memory
        .at_the_door(service, &i.title, Some(i.reference), &house.catalogue.load());
    let same = open.first().map(|h| {
        format!(
            "\n:link: {} {} is {}. If it is the same: `{} {} merge {}`.",
            h.reference,
            mrkdwn::quote(&h.title, 100),
            mrkdwn::escape(&h.why),
            command_word(hall),
            i.reference,
            h.reference
        )
    });
    let page = format!("{}/incidents/{}", hall.config.public_url(), i.reference);
    format!(
        "{} is declared as {}: {}. Its channel opens by itself, and you are invited; until then, {}.{}",
        i.reference,
        mrkdwn::escape(&i.severity),
        mrkdwn::quote(&i.title, 200),
        mrkdwn::link(&page, "its page"),
        same.unwrap_or_default()
    )
}

async fn list(hall: &Hall, user: &str) -> Result<String, StoreError> {
    let open = visible(hall, user, &["triage", "active", "after"]).await?;
    if open.is_empty() {
        return Ok("No incident is open. That is how it should be.".into());
    }
    let house = &hall.desk.house;
    let line = |i: &Incident| {
        let process = house.process_of(i);
        let status = process.label(&i.status);
        let place = i
            .links
            .channel
            .as_ref()
            .map(|c| format!(" <#{}>", c.id))
            .unwrap_or_default();
        format!(
            "•  *{}* {} · {} · {}{place}",
            i.reference,
            mrkdwn::quote(&i.title, 100),
            mrkdwn::escape(status),
            mrkdwn::escape(&i.severity)
        )
    };
    let mut lines: Vec<String> = open.iter().take(LISTED).map(line).collect();
    if open.len() > LISTED {
        let all = format!("{}/incidents", hall.config.public_url());
        lines.push(format!("There are more: {}.", mrkdwn::link(&all, "all of them")));
    }
    Ok(lines.join("\n"))
}

// ---- after the acknowledgement

async fn carry_on(hall: &Hall, then: Then) {
    let Some(slack) = &hall.slack else { return };
    match then {
        Then::Whisper { response_url, text } => slack.client.whisper(&response_url, &text).await,
        Then::Tell { channel, user, text } => {
            let args = [("channel", channel.as_str()), ("user", &user), ("text", &text)];
            if let Err(t) = slack.client.call("chat.postEphemeral", &args, Urgency::Urgent).await {
                // What was wished for is done and stands on the card; only the word about it is missing.
                tracing::info!(code = t.code(), "a word to one person in a channel was not said");
            }
        }
        Then::Home { user } => crate::home::draw(hall, slack, &user).await,
        Then::Follow { user, run } => crate::shape::slack::follow(hall, slack, &user, &run).await,
        Then::View {
            trigger,
            view,
            response_url,
        } => {
            let args = [("trigger_id", trigger.as_str()), ("view", &view.to_string())];
            if let Err(t) = slack.client.call("views.open", &args, Urgency::Urgent).await {
                tracing::warn!(code = t.code(), "a form could not be opened");
                let text = "Slack did not let IMP open the form in time. Say it again.";
                slack.client.whisper(&response_url, text).await;
            }
        }
        Then::Redraw { view_id, hash, view } => {
            let view = view.to_string();
            let args = [("view_id", view_id.as_str()), ("hash", &hash), ("view", &view)];
            if let Err(t) = slack.client.call("views.update", &args, Urgency::Urgent).await {
                // The form stays as it was, and can be sent as it is.
                tracing::warn!(code = t.code(), "what is open could not be shown in a form");
            }
        }
        Then::Open {
            trigger,
            incident,
            form,
            user,
            response_url,
        } => {
            let view = match draw(hall, incident.as_deref(), &form, &user).await {
                Ok(Some(v)) => v,
                Ok(None) => return,
                Err(text) => return slack.client.whisper(&response_url, &text).await,
            };
            let args = [("trigger_id", trigger.as_str()), ("view", &view.to_string())];
            if let Err(t) = slack.client.call("views.open", &args, Urgency::Urgent).await {
                tracing::warn!(code = t.code(), ?form, "a form could not be opened");
                let text = "Slack did not let IMP open the form in time. Press the button again.";
                slack.client.whisper(&response_url, text).await;
            }
        }
    }
}

async fn draw(hall: &Hall, incident: Option<&Incident>, form: &Form, user: &str) -> Result<Option<Value>, String> {
    let process = followed::process(hall, incident);
    let catalogue = hall.desk.house.catalogue.load_full();
    let Some(i) = incident else {
        return Ok(match form {
            Form::Declare { title, summary } => Some(forms::declare(&process, &catalogue, title, summary, &[])),
            Form::Transition { .. }
            | Form::Answer { .. }
            | Form::Update
            | Form::Severity
            | Form::Role { .. }
            | Form::Task => None,
            Form::Statuspage | Form::Review | Form::Skip { .. } | Form::Dismiss { .. } => None,
            Form::Same { .. } | Form::Follow | Form::Object { .. } | Form::Time => None,
        });
    };
    Ok(match form {
        Form::Declare { title, summary } => Some(forms::declare(&process, &catalogue, title, summary, &[])),
        Form::Transition { to } => {
            let open = visible(hall, user, &["triage", "active"])
                .await
                .map_err(|_| BROKEN.to_owned())?;
            forms::transition(i, &process.way(&i.status, to), &process, &open)
        }
        Form::Answer { .. } => None,
        Form::Update => Some(forms::update(i)),
        Form::Severity => Some(forms::severity(i, &process)),
        Form::Role { role } => Some(forms::role(i, &process, role, user)),
        Form::Task => Some(forms::task(i)),
        Form::Statuspage => match &hall.statuspage {
            None => return Err("No status page is connected.".into()),
            Some(s) => Some(forms::statuspage(i, &process, &crate::shown::parts(Some(s)).await)),
        },
        Form::Review => Some(forms::review(i, &imp_core::review::draft(i))),
        Form::Skip { key } => Some(forms::skip(i, key)),
        Form::Same { .. } => None,
        Form::Dismiss { nudge } => Some(forms::dismiss(i, &process, nudge)),
        Form::Object { n } => Some(forms::object(i, *n)),
        Form::Time => Some(forms::time(i, &process)),
        Form::Follow => forms::follow(i, &process),
    })
}

// ---- small readings

fn command_word(hall: &Hall) -> &str {
    hall.config.slack.as_ref().map_or("/imp", |s| s.command.as_str())
}

/// Whether it was our own user who did it: we know of that already.
fn is_us(hall: &Hall, user: &str) -> bool {
    hall.slack.as_ref().is_some_and(|s| s.chat.is_us(user))
}

/// One form may be sent again with other answers after a refusal; the same answers are the same wish.
fn print(commands: &[Command]) -> String {
    let text = serde_json::to_string(commands).unwrap_or_default();
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

fn user(inbound: &Inbound) -> &str {
    match inbound {
        Inbound::Command { user, .. }
        | Inbound::Press { user, .. }
        | Inbound::Chose { user, .. }
        | Inbound::Submitted { user, .. }
        | Inbound::Shortcut { user, .. } => user,
        Inbound::Event { what, .. } => match what {
            imp_vendors::slack::inlet::Happened::Pinned { user, .. }
            | imp_vendors::slack::inlet::Happened::Joined { user, .. }
            | imp_vendors::slack::inlet::Happened::Left { user, .. }
            | imp_vendors::slack::inlet::Happened::Marked { user, .. }
            | imp_vendors::slack::inlet::Happened::Edited { user, .. }
            | imp_vendors::slack::inlet::Happened::Deleted { user, .. }
            | imp_vendors::slack::inlet::Happened::HomeOpened { user } => user,
            imp_vendors::slack::inlet::Happened::Other(_) => "",
        },
        Inbound::Challenge(_) | Inbound::Other { .. } => "",
    }
}

fn trigger(inbound: &Inbound) -> &str {
    match inbound {
        Inbound::Command { trigger, .. } | Inbound::Press { trigger, .. } | Inbound::Shortcut { trigger, .. } => {
            trigger
        }
        Inbound::Submitted { .. } | Inbound::Chose { .. } => "",
        Inbound::Event { .. } | Inbound::Challenge(_) | Inbound::Other { .. } => "",
    }
}

fn response_url(inbound: &Inbound) -> &str {
    match inbound {
        Inbound::Command { response_url, .. }
        | Inbound::Press { response_url, .. }
        | Inbound::Shortcut { response_url, .. } => response_url,
        Inbound::Other { response_url, .. } => response_url.as_deref().unwrap_or_default(),
        Inbound::Submitted { .. } | Inbound::Chose { .. } | Inbound::Event { .. } | Inbound::Challenge(_) => "",
    }
}
