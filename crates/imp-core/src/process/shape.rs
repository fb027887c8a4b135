//! What a process file may hold, key by key: the check, the schema for editors and their tests read this one table.

/// What stands behind a key.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Any text.
    Text,
    /// A text that must say something.
    Said,
    /// A whole number from 1.
    Count,
    /// A length of time: `90s`, `10m`, `4h`, `7d`.
    Span,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Labels and what they are to be: keys of anybody's choice.
    Labels,
    /// Several.
    List(&'static Shape),
    /// A table with these keys.
    Table(&'static [Key]),
}

/// A key of a table.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What stands behind it.
    pub shape: Shape,
    /// Whether it may not be left out.
    pub needed: bool,
    /// What it means, shown by editors.
    pub says: &'static str,
}

const fn must(name: &'static str, shape: Shape, says: &'static str) -> Key {
    Key {
        name,
        shape,
        needed: true,
        says,
    }
}

const fn may(name: &'static str, shape: Shape, says: &'static str) -> Key {
    Key {
        name,
        shape,
        needed: false,
        says,
    }
}

const TEXTS: Shape = Shape::List(&Shape::Said);

/// Where an incident stands in the large.
pub const CATEGORIES: &[&str] = &["triage", "active", "after", "done"];
const STYLES: &[&str] = &["plain", "primary", "danger"];
const KINDS: &[&str] = &["text", "long_text", "incident", "choices"];
const INVITEES: &[&str] = &["on_call", "team", "manager", "team_channel", "schedule"];
const TRIGGERS: &[&str] = &[
    "raised",
    "confirmed",
    "channel",
    "ticket",
    "meeting",
    "page",
    "changed",
    "people",
    "moved",
    "update",
    "task",
    "follow_up",
    "review",
    "closed",
    "merged",
];
const STEPS: &[&str] = &[
    "ask",
    "chat.channel",
    "chat.card",
    "chat.topic",
    "chat.members",
    "chat.bookmarks",
    "chat.announcement",
    "chat.questions",
    "chat.notice",
    "chat.update",
    "chat.review",
    "chat.last_word",
    "chat.archive",
    "record.ticket",
    "record.fields",
    "record.status",
    "record.links",
    "record.comment",
    "record.task",
    "record.follow_up",
    "bridge.meeting",
    "page.status",
    "catalogue.event",
];

const TIMING: &[Key] = &[
    must(
        "group_window",
        Shape::Span,
        "Alerts of one service within this time join the same question.",
    ),
    must(
        "answer_within",
        Shape::Span,
        "After this without an answer the next on the path is asked.",
    ),
    must(
        "triage_expires",
        Shape::Span,
        "A question whose alerts have all resolved and that nobody answered is declined after this.",
    ),
    must(
        "archive_after",
        Shape::Span,
        "How long a closed or merged incident's channel stays open.",
    ),
    may(
        "object_within",
        Shape::Span,
        "How long objections to a decision are waited for; 5m where it is left out.",
    ),
];

const CHANNEL: &[Key] = &[must(
    "name",
    Shape::Said,
    "How the channel is named; {date}, {slug} (of the title), {ref} and {service} are filled in.",
)];

const REFERENCE: &[Key] = &[
    must("label", Shape::Said, "What it is."),
    must("url", Shape::Said, "Where it is: https://…"),
];

const STATUS: &[Key] = &[
    must(
        "id",
        Shape::Said,
        "Its name in the API: small letters, digits, _ and -.",
    ),
    must("label", Shape::Said, "What people read."),
    may("emoji", Shape::Text, "Slack's short code: :mag:"),
    must(
        "category",
        Shape::Word(CATEGORIES),
        "triage: asked; active: worked on; after: over for users; done: finished.",
    ),
    must("meaning", Shape::Said, "One sentence, the heading of What to do now."),
    may("guidance", TEXTS, "What to do now, a line each."),
    may("references", Shape::List(&Shape::Table(REFERENCE)), "Where to look."),
    may(
        "record",
        Shape::Said,
        "The name of Jira's status, where it is neither the id nor the label nor the usual one of the category.",
    ),
];

const MOVE: &[Key] = &[
    must("from", TEXTS, "The statuses in which the button is shown."),
    must("to", Shape::Said, "The status to which it leads."),
    must("label", Shape::Said, "The button's words."),
    may(
        "style",
        Shape::Word(STYLES),
        "How the button looks; plain where it is left out.",
    ),
    may(
        "requires",
        TEXTS,
        "Fields without which it is refused; its form asks for them.",
    ),
    may("asks", TEXTS, "Fields that its form also has, and that may stay empty."),
];

const FIELD: &[Key] = &[
    must(
        "id",
        Shape::Said,
        "Its name in the API: small letters, digits, _ and -.",
    ),
    must("label", Shape::Said, "The question."),
    may("hint", Shape::Said, "Help below it."),
    must(
        "kind",
        Shape::Word(KINDS),
        "text: a line; long_text: several; incident: a menu of the open ones; choices: any of a list.",
    ),
    may("choices", TEXTS, "The list of a field of the kind choices."),
    may(
        "forget_on",
        TEXTS,
        "Statuses on whose entry the old answer no longer holds.",
    ),
];

const SEVERITY: &[Key] = &[
    must("id", Shape::Said, "SEV1."),
    must("label", Shape::Said, "What people read."),
    may("emoji", Shape::Text, "Slack's short code: :red_circle:"),
    must("meaning", Shape::Said, "One sentence by which people choose it."),
    must("priority", Shape::Said, "Jira's priority."),
    may(
        "invite",
        Shape::List(&Shape::Word(INVITEES)),
        "Who comes into the channel by themselves.",
    ),
    may("update_every", Shape::Span, "How often an update is due."),
    may("alerts", TEXTS, "The words in alerts that mean it, in lower case."),
    may("guidance", TEXTS, "What to do now because it is that bad, a line each."),
    may(
        "references",
        Shape::List(&Shape::Table(REFERENCE)),
        "Where to look because it is that bad.",
    ),
];

const IMPACT_ANSWER: &[Key] = &[
    must(
        "id",
        Shape::Said,
        "Its name in the API: small letters, digits, _ and -.",
    ),
    must("label", Shape::Said, "What people read."),
    must("severity", Shape::Said, "How bad it is at least, if that is so."),
];

const IMPACT: &[Key] = &[
    must(
        "id",
        Shape::Said,
        "Its name in the API: small letters, digits, _ and -.",
    ),
    must("label", Shape::Said, "The question."),
    must(
        "answer",
        Shape::List(&Shape::Table(IMPACT_ANSWER)),
        "What can be answered; the worst severity of all answers holds.",
    ),
];

const SEVERITY_DEFAULT: &[Key] = &[
    must(
        "declared",
        Shape::Said,
        "The severity of an incident that a person declares.",
    ),
    must(
        "alert",
        Shape::Said,
        "The severity of an incident that an alert raises.",
    ),
];

const ROLE: &[Key] = &[
    must(
        "id",
        Shape::Said,
        "Its name in the API: small letters, digits, _ and -.",
    ),
    must("label", Shape::Said, "What people read."),
    must("instructions", Shape::Said, "What the holder does."),
    may("guidance", TEXTS, "What the holder does first, a line each."),
    may(
        "references",
        Shape::List(&Shape::Table(REFERENCE)),
        "Where the holder looks.",
    ),
];

const ESCALATION: &[Key] = &[
    must(
        "path",
        Shape::List(&Shape::Word(INVITEES)),
        "Whom an alert asks, one after the other.",
    ),
    may(
        "default_responder",
        Shape::Said,
        "The last resort: an e-mail address, a Slack identifier or a team's alias.",
    ),
];

const WATCHES: &[&str] = &[
    "no_commander",
    "no_update",
    "no_public_post",
    "review_waits",
    "follow_up_late",
    "page_differs",
];
const RUNGS: &[&str] = &["channel", "commander", "communications", "manager", "owner"];

const NUDGE: &[Key] = &[
    must("id", Shape::Said, "Its name: small letters, digits, _ and -."),
    must(
        "when",
        Shape::Word(WATCHES),
        "What it watches; no_update counts from the severity's update_every.",
    ),
    must("after", Shape::Span, "How long that may be so before it is late."),
    must("text", Shape::Said, "What people read."),
    must(
        "ladder",
        Shape::List(&Shape::Word(RUNGS)),
        "Who hears it, one after the other; after the last nobody does.",
    ),
    must("again", Shape::Span, "How long before the next on the ladder hears it."),
    may(
        "outside_hours",
        Shape::Word(OUTSIDE_HOURS),
        "wait (where it is left out): outside of the team's working hours it waits until somebody works; tell: it does not.",
    ),
];

const OUTSIDE_HOURS: &[&str] = &["wait", "tell"];
const DAYS: &[&str] = &["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

const HOURS: &[Key] = &[
    may(
        "country",
        Shape::Said,
        "As the teams' tag country has it; left out: all countries that have no hours of their own.",
    ),
    must("zone", Shape::Said, "The time zone: Europe/Lisbon."),
    must("days", Shape::List(&Shape::Word(DAYS)), "On which days people work."),
    must("from", Shape::Said, "From when: 09:00."),
    must("to", Shape::Said, "Until when: 18:00."),
    may(
        "holidays",
        TEXTS,
        "Days on which nobody works: 2026-12-24, or 12-25 for every year.",
    ),
];

const TIMELINE: &[Key] = &[may(
    "emoji",
    TEXTS,
    "Short codes of emoji, without colons: a message that is marked with one of them is kept on the timeline.",
)];

const ROUTE: &[Key] = &[
    must("id", Shape::Said, "Its name: small letters, digits, _ and -."),
    may(
        "match",
        Shape::Labels,
        "Which alerts: each of these labels has this value; * is any letters, | is or; source, severity, service and title are what IMP read. Left out: all.",
    ),
    may(
        "service",
        Shape::Said,
        "The service: an alias or name of the catalogue.",
    ),
    may("team", Shape::Said, "The team, whosever the service is."),
    may("severity", Shape::Said, "How bad it is."),
    may(
        "window",
        Shape::Said,
        "The maintenance window into which it falls while that is open.",
    ),
];

const WINDOW: &[Key] = &[
    must("id", Shape::Said, "Its name: small letters, digits, _ and -."),
    must("reason", Shape::Said, "Why, for whoever reads the timeline."),
    may(
        "match",
        Shape::Labels,
        "Which alerts, besides those that a route sends here.",
    ),
    must("zone", Shape::Said, "The time zone: Europe/Lisbon."),
    may("begins", Shape::Said, "Once, from this moment there: 2026-12-01T02:00."),
    may("ends", Shape::Said, "Once, until this moment there."),
    may("days", Shape::List(&Shape::Word(DAYS)), "Every week, on these days."),
    may("from", Shape::Said, "Every week, from this time: 02:00."),
    may(
        "to",
        Shape::Said,
        "Every week, until this time; where it is earlier than from, on the next day.",
    ),
];

const SCHEDULE: &[Key] = &[
    must("id", Shape::Said, "Its name: small letters, digits, _ and -."),
    may(
        "teams",
        TEXTS,
        "Aliases of the teams for which it holds; left out: all.",
    ),
    must("zone", Shape::Said, "The time zone: Europe/Lisbon."),
    must(
        "people",
        TEXTS,
        "E-mail addresses or Slack identifiers, in the order of their turns.",
    ),
    must(
        "begins",
        Shape::Said,
        "When the first one's first turn begins there: 2026-11-02T09:00.",
    ),
    must("turn_days", Shape::Count, "How many days a turn lasts."),
];

const NUDGING: &[Key] = &[
    may(
        "apart",
        Shape::Span,
        "The least time between two reminders of one incident; 10m where it is left out.",
    ),
    may(
        "per_day",
        Shape::Count,
        "How many reminders an incident may have in a day; 8 where it is left out.",
    ),
    may(
        "snooze",
        Shape::Span,
        "How long Snooze keeps one quiet; 30m where it is left out.",
    ),
];

const MORE_TIMING: &[Key] = &[may(
    "answer_within",
    Shape::Span,
    "After this without an answer the next on the path is asked; not longer than the process's.",
)];

const MORE_STATUS: &[Key] = &[
    must("id", Shape::Said, "Which of the process's statuses."),
    may("guidance", TEXTS, "What to do now besides, a line each."),
    may(
        "references",
        Shape::List(&Shape::Table(REFERENCE)),
        "Where to look besides.",
    ),
];

const MORE_MOVE: &[Key] = &[
    may(
        "from",
        TEXTS,
        "From which statuses; left out: from all from which it leads.",
    ),
    must("to", Shape::Said, "The status to which the move leads."),
    may(
        "requires",
        TEXTS,
        "Fields without which it is refused, besides the process's.",
    ),
    may(
        "asks",
        TEXTS,
        "Fields that its form has besides, and that may stay empty.",
    ),
];

const MORE_SEVERITY: &[Key] = &[
    must("id", Shape::Said, "Which of the process's severities."),
    may(
        "invite",
        Shape::List(&Shape::Word(INVITEES)),
        "Who comes into the channel besides.",
    ),
    may(
        "update_every",
        Shape::Span,
        "How often an update is due; not more rarely than the process says.",
    ),
    may("guidance", TEXTS, "What to do now besides, a line each."),
    may(
        "references",
        Shape::List(&Shape::Table(REFERENCE)),
        "Where to look besides.",
    ),
];

const WORSE_DEFAULT: &[Key] = &[
    may(
        "declared",
        Shape::Said,
        "The severity of an incident that a person declares; as bad as the process's or worse.",
    ),
    may(
        "alert",
        Shape::Said,
        "The severity of an incident that an alert raises; as bad as the process's or worse.",
    ),
];

const MORE_ROLE: &[Key] = &[
    must("id", Shape::Said, "One of the process's roles, or one of its own."),
    may("label", Shape::Said, "What people read; for a role of its own."),
    may(
        "instructions",
        Shape::Said,
        "What the holder does; for a role of its own.",
    ),
    may("guidance", TEXTS, "What the holder does first, a line each."),
    may(
        "references",
        Shape::List(&Shape::Table(REFERENCE)),
        "Where the holder looks.",
    ),
];

const MORE_ESCALATION: &[Key] = &[must(
    "path",
    Shape::List(&Shape::Word(INVITEES)),
    "Whom an alert asks: everybody of the process's path in its order, and others between or after them.",
)];

const MORE_NUDGE: &[Key] = &[
    must("id", Shape::Said, "One of the process's reminders, or one of its own."),
    may("when", Shape::Word(WATCHES), "What it watches; for one of its own."),
    may(
        "after",
        Shape::Span,
        "How long that may be so before it is late; not longer than the process's.",
    ),
    may("text", Shape::Said, "What people read; for one of its own."),
    may(
        "ladder",
        Shape::List(&Shape::Word(RUNGS)),
        "Who hears it: everybody of the process's ladder in its order, and others.",
    ),
    may("again", Shape::Span, "How long before the next on the ladder hears it."),
    may(
        "outside_hours",
        Shape::Word(OUTSIDE_HOURS),
        "tell: it does not wait for working hours.",
    ),
];

const OVERLAY: &[Key] = &[
    must("id", Shape::Said, "Its name: small letters, digits, _ and -."),
    may("why", Shape::Said, "Why it is there, for whoever meets it."),
    may(
        "team",
        Shape::Said,
        "For this team's incidents: its alias in the catalogue.",
    ),
    may(
        "tier",
        Shape::Said,
        "For incidents of services of this tier, as the catalogue names it.",
    ),
    may(
        "country",
        Shape::Said,
        "For incidents of teams of this country, as their tag country has it.",
    ),
    may("timing", Shape::Table(MORE_TIMING), "Shorter times."),
    may(
        "status",
        Shape::List(&Shape::Table(MORE_STATUS)),
        "What statuses have besides.",
    ),
    may(
        "move",
        Shape::List(&Shape::Table(MORE_MOVE)),
        "What moves need or ask besides.",
    ),
    may("field", Shape::List(&Shape::Table(FIELD)), "Fields of its own."),
    may(
        "severity",
        Shape::List(&Shape::Table(MORE_SEVERITY)),
        "What severities have besides.",
    ),
    may(
        "severity_default",
        Shape::Table(WORSE_DEFAULT),
        "Worse severities for what says nothing.",
    ),
    may(
        "role",
        Shape::List(&Shape::Table(MORE_ROLE)),
        "Roles of its own, and what the process's have besides.",
    ),
    may(
        "escalation",
        Shape::Table(MORE_ESCALATION),
        "Whom an alert asks besides.",
    ),
    may(
        "step",
        Shape::List(&Shape::Table(STEP)),
        "What follows by itself besides.",
    ),
    may(
        "nudge",
        Shape::List(&Shape::Table(MORE_NUDGE)),
        "Reminders of its own, and the process's that come sooner.",
    ),
    may(
        "impact",
        Shape::List(&Shape::Table(IMPACT)),
        "Questions about the impact of its own.",
    ),
];

const STEP: &[Key] = &[
    must("on", Shape::Word(TRIGGERS), "When this has happened …"),
    must("do", Shape::List(&Shape::Word(STEPS)), "… do these."),
];

/// The whole file.
pub const FILE: &[Key] = &[
    must("name", Shape::Said, "What people call the process."),
    must(
        "version",
        Shape::Said,
        "Its version; an incident remembers the one it began with.",
    ),
    must("timing", Shape::Table(TIMING), "Lengths of time."),
    must("channel", Shape::Table(CHANNEL), "The incident's channel."),
    must(
        "status",
        Shape::List(&Shape::Table(STATUS)),
        "Where an incident can stand, in order.",
    ),
    must(
        "move",
        Shape::List(&Shape::Table(MOVE)),
        "How it gets from one status to another, in the order of the buttons.",
    ),
    may("field", Shape::List(&Shape::Table(FIELD)), "What a move may ask."),
    must(
        "severity",
        Shape::List(&Shape::Table(SEVERITY)),
        "How bad it can be, worst first.",
    ),
    must(
        "severity_default",
        Shape::Table(SEVERITY_DEFAULT),
        "The severity of what says nothing.",
    ),
    may("role", Shape::List(&Shape::Table(ROLE)), "Who does what."),
    must("escalation", Shape::Table(ESCALATION), "Whom an alert asks."),
    may(
        "step",
        Shape::List(&Shape::Table(STEP)),
        "What follows an event by itself.",
    ),
    may(
        "nudge",
        Shape::List(&Shape::Table(NUDGE)),
        "Reminders of what is overdue.",
    ),
    may("nudging", Shape::Table(NUDGING), "How reminders behave."),
    may(
        "impact",
        Shape::List(&Shape::Table(IMPACT)),
        "Questions about the impact, from whose answers the severity follows.",
    ),
    may(
        "route",
        Shape::List(&Shape::Table(ROUTE)),
        "Whose alerts are, and how bad; the first that takes one holds.",
    ),
    may(
        "window",
        Shape::List(&Shape::Table(WINDOW)),
        "Times in which alerts are written down and nobody is asked.",
    ),
    may(
        "schedule",
        Shape::List(&Shape::Table(SCHEDULE)),
        "Who is on call where the catalogue knows nobody.",
    ),
    may(
        "timeline",
        Shape::Table(TIMELINE),
        "What of the channel is kept, besides what is pinned.",
    ),
    may(
        "hours",
        Shape::List(&Shape::Table(HOURS)),
        "When people work, by country; reminders wait for it, alerts never do.",
    ),
    may(
        "overlay",
        Shape::List(&Shape::Table(OVERLAY)),
        "What the process of one team, tier or country has besides; it adds and tightens.",
    ),
];
