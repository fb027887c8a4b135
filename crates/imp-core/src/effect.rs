//! Orders to the world, by capability and never by vendor. Deeds happen once; mirrors make something look like the
//! incident as it is now, carry no payload and may be repeated; timers come due.

use crate::Ref;
use serde::{Deserialize, Serialize};

/// The key of the mirror that keeps the journal in the ticket. It lags on purpose.
pub const JOURNAL_KEY: &str = "record.journal";

/// What kind of vendor can do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Where people talk (Slack).
    Chat,
    /// The record (Jira).
    Record,
    /// The public status page (Statuspage).
    Page,
    /// The meeting (Zoom).
    Bridge,
    /// The catalogue (OpsLevel).
    Catalogue,
    /// Numbers kept in the catalogue, beside the teams and services that they are about (OpsLevel).
    Numbers,
    /// IMP itself: timers and incidents that tell each other.
    Desk,
}

impl Capability {
    /// All of them.
    pub const ALL: [Capability; 7] = [
        Capability::Chat,
        Capability::Record,
        Capability::Page,
        Capability::Bridge,
        Capability::Catalogue,
        Capability::Numbers,
        Capability::Desk,
    ];

    /// The word under which it is stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Capability::Chat => "chat",
            Capability::Record => "record",
            Capability::Page => "page",
            Capability::Bridge => "bridge",
            Capability::Catalogue => "catalogue",
            Capability::Numbers => "numbers",
            Capability::Desk => "desk",
        }
    }

    /// The vendor that it is had from, as people write its name; the desk's own work needs none.
    pub fn vendor(self) -> &'static str {
        match self {
            Capability::Chat => "Slack",
            Capability::Record => "Jira",
            Capability::Page => "Statuspage",
            Capability::Bridge => "Zoom",
            Capability::Catalogue | Capability::Numbers => "OpsLevel",
            Capability::Desk => "IMP",
        }
    }

    /// The capability that is stored under a word.
    pub fn of(word: &str) -> Option<Capability> {
        Capability::ALL.into_iter().find(|c| c.word() == word)
    }
}

/// A timer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "timer", rename_all = "snake_case")]
pub enum Timer {
    /// Nobody has answered the questions of this level in time.
    Escalate {
        /// The level.
        level: u32,
    },
    /// The catalogue was not known when the incident began: find its service and team, and ask.
    Route,
    /// A maintenance window is over.
    WindowOver {
        /// Number of the fact that said so.
        fact: u64,
    },
    /// The time for objections to a decision is over.
    Decision {
        /// Which.
        n: u32,
    },
    /// Something may be overdue by now. It is looked at again for as long as anything is watched.
    Watch,
    /// All alerts of a triage have been silent for long enough.
    Expire {
        /// Number of the fact after which the silence began.
        fact: u64,
    },
}

/// Where a ticket's link leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkTo {
    /// To IMP's own page.
    Imp,
    /// To the channel.
    Channel,
    /// To the meeting.
    Meeting,
    /// To the public page.
    Page,
}

impl LinkTo {
    /// All of them.
    pub const ALL: [LinkTo; 4] = [LinkTo::Imp, LinkTo::Channel, LinkTo::Meeting, LinkTo::Page];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            LinkTo::Imp => "IMP's page",
            LinkTo::Channel => "the channel",
            LinkTo::Meeting => "the meeting",
            LinkTo::Page => "the status page",
        }
    }

    /// The word under which it is stored.
    pub fn word(self) -> &'static str {
        match self {
            LinkTo::Imp => "imp",
            LinkTo::Channel => "slack",
            LinkTo::Meeting => "zoom",
            LinkTo::Page => "statuspage",
        }
    }
}

/// Whose numbers are meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "alias", rename_all = "snake_case")]
pub enum Owner {
    /// The whole organisation's.
    Everybody,
    /// A team's, by its alias.
    Team(String),
    /// A service's, by its alias.
    Service(String),
}

impl Owner {
    /// As a part of a key: `team.payments`.
    pub fn key(&self) -> String {
        match self {
            Owner::Everybody => "all".into(),
            Owner::Team(alias) => format!("team.{alias}"),
            Owner::Service(alias) => format!("service.{alias}"),
        }
    }

    /// In words: `team payments`.
    pub fn words(&self) -> String {
        match self {
            Owner::Everybody => "everybody".into(),
            Owner::Team(alias) => format!("team {alias}"),
            Owner::Service(alias) => format!("service {alias}"),
        }
    }
}

/// What a digest looks back on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stretch {
    /// A week.
    Week,
    /// A month.
    Month,
}

impl Stretch {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Stretch::Week => "week",
            Stretch::Month => "month",
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum What {
    /// Deed: ask question `n`.
    Ask {
        /// Which question.
        n: u32,
    },
    /// Deed: open the channel.
    OpenChannel,
    /// Mirror: the card in the channel.
    Card,
    /// Mirror: topic and purpose.
    Topic,
    /// Mirror: who belongs into the channel is there.
    Members,
    /// Mirror: the bookmarks.
    Bookmarks,
    /// Mirror: the announcement.
    Announcement,
    /// Mirror: questions that were asked.
    Questions,
    /// Deed: a line in the channel that the status has changed.
    Notice {
        /// Number of the fact that it tells.
        fact: u64,
        /// From.
        from: String,
        /// To.
        to: String,
        /// Who did it.
        by: crate::Actor,
        /// When; none where it was ordered by a version that did not write it down.
        #[serde(default)]
        at: Option<crate::At>,
    },
    /// Deed: update `n` in the channel.
    PostUpdate {
        /// Which update.
        n: u32,
    },
    /// Deed: the draft of the review in the channel.
    PostReview {
        /// Number of the fact that it follows.
        fact: u64,
    },
    /// Deed: the last word in the channel.
    LastWord {
        /// Number of the fact that it follows.
        fact: u64,
    },
    /// Deed: tell somebody what the role means that they hold now, and how things stand.
    Brief {
        /// Number of the fact by which they hold it.
        fact: u64,
        /// Which.
        role: String,
        /// Who.
        who: crate::Who,
    },
    /// Deed: offer somebody a role, with all that they need to take it over.
    Offer {
        /// Number of the offer.
        n: u32,
        /// Which role.
        role: String,
        /// To whom.
        who: crate::Who,
    },
    /// Deed: say in the channel that somebody has left who still holds something.
    Departure {
        /// Number of the fact.
        fact: u64,
        /// Who.
        who: crate::Who,
        /// The roles.
        roles: Vec<String>,
        /// Numbers of the tasks.
        tasks: Vec<u32>,
    },
    /// Deed: tell somebody who follows it what is new.
    Report {
        /// Number of the fact that it tells.
        fact: u64,
        /// The update; none: the new status.
        update: Option<u32>,
        /// Whom.
        who: crate::Who,
    },
    /// Deed: read a message of the channel that somebody marked.
    ReadMessage {
        /// Its timestamp.
        ts: String,
    },
    /// Deed: keep a copy of the pictures of a message that stands on the timeline.
    KeepPictures {
        /// Its timestamp.
        ts: String,
    },
    /// Deed: remind somebody of what is overdue.
    Remind {
        /// Number of the reminder.
        n: u32,
        /// Which of the process's reminders.
        nudge: String,
        /// Who hears it.
        to: crate::event::Listener,
    },
    /// Deed: say in the channel that a decision is proposed, objected to or taken.
    Decision {
        /// Which.
        n: u32,
        /// What is said of it.
        part: crate::decision::Part,
    },
    /// Deed: archive the channel.
    ArchiveChannel {
        /// Number of the fact that it follows; void where the incident has been re-opened since.
        fact: u64,
    },
    /// Deed: file the ticket.
    FileTicket,
    /// Mirror: the ticket's fields.
    TicketFields,
    /// Mirror: the ticket's status.
    TicketStatus,
    /// Mirror: one of the ticket's links. Each is a mirror of its own, so that none waits for another.
    TicketLink {
        /// Where it leads.
        to: LinkTo,
    },
    /// Mirror: everything that matters of the incident, kept in the ticket, from which a lost disk is brought back.
    TicketJournal,
    /// Deed: update `n` as a comment.
    Comment {
        /// Which update.
        n: u32,
    },
    /// Deed: attach a picture that is kept to the ticket.
    AttachPicture {
        /// Slack's identifier of its file.
        file: String,
    },
    /// Deed: file task `n`.
    FileTask {
        /// Which task.
        n: u32,
    },
    /// Mirror: whether task `n` is done.
    TaskStatus {
        /// Which task.
        n: u32,
    },
    /// Deed: file follow-up `n`.
    FileFollowUp {
        /// Which one.
        n: u32,
    },
    /// Deed: link the ticket of an incident with that of the one it was merged into.
    Duplicate {
        /// The other incident.
        other: Ref,
    },
    /// Deed: open the meeting.
    OpenMeeting,
    /// Deed: public post `n`.
    PublicPost {
        /// Which post.
        n: u32,
    },
    /// Mirror: the public incident's status and components.
    PageStatus,
    /// Deed: tell the catalogue.
    CatalogueEvent {
        /// Number of the fact that it tells.
        fact: u64,
    },
    /// Mirror of the house: the numbers of a team or a service, kept in the catalogue.
    CatalogueNumbers {
        /// Whose.
        of: Owner,
    },
    /// Deed of the house: tell what changed in a week or a month.
    Digest {
        /// Whose numbers, and so who hears them.
        of: Owner,
        /// How long it looks back.
        stretch: Stretch,
        /// Its first day, as people write it.
        from: String,
        /// Its last day.
        to: String,
        /// The channel, by name or identifier.
        channel: String,
    },
    /// Deed of the house: tell whoever is responsible what became of the process's file.
    ProcessFile {
        /// Number of the news.
        n: u64,
        /// What became of it.
        news: crate::process::FileNews,
        /// Who is responsible; where Slack knows none of them, the announcement channel hears it.
        to: Vec<crate::Who>,
    },
    /// Deed: tell another incident that this one was merged into it.
    Absorb {
        /// The other.
        into: Ref,
    },
    /// The public incident goes on with the one into which this was merged.
    HandPage {
        /// The other.
        into: Ref,
    },
    /// A timer.
    Timer(Timer),
}

/// An order, as `react` gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// What is to be done.
    pub what: What,
    /// Milliseconds from now before it may be tried.
    pub after_ms: i64,
}

impl From<What> for Effect {
    fn from(what: What) -> Effect {
        Effect { what, after_ms: 0 }
    }
}

/// What comes first when not everything can be done at once; smaller is sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Somebody waits to be asked or guided.
    Urgent = 0,
    /// The incident's set-up and what people say to each other.
    Normal = 1,
    /// Things that are only nice to look at.
    Cosmetic = 2,
}

impl Rank {
    /// All, the first first.
    pub const ALL: [Rank; 3] = [Rank::Urgent, Rank::Normal, Rank::Cosmetic];
}

impl What {
    /// Which kind of vendor can do it.
    pub fn capability(&self) -> Capability {
        use What::*;
        match self {
            Ask { .. } | OpenChannel | Card | Topic | Members | Bookmarks | Announcement | Questions => {
                Capability::Chat
            }
            Notice { .. }
            | PostUpdate { .. }
            | PostReview { .. }
            | LastWord { .. }
            | ArchiveChannel { .. }
            | Remind { .. }
            | Digest { .. }
            | ProcessFile { .. }
            | Offer { .. }
            | Departure { .. }
            | Decision { .. }
            | ReadMessage { .. }
            | KeepPictures { .. }
            | Report { .. }
            | Brief { .. } => Capability::Chat,
            FileTicket | TicketFields | TicketStatus | TicketLink { .. } | TicketJournal => Capability::Record,
            AttachPicture { .. } => Capability::Record,
            Comment { .. } | FileTask { .. } | TaskStatus { .. } | FileFollowUp { .. } | Duplicate { .. } => {
                Capability::Record
            }
            OpenMeeting => Capability::Bridge,
            PublicPost { .. } | PageStatus => Capability::Page,
            CatalogueEvent { .. } => Capability::Catalogue,
            CatalogueNumbers { .. } => Capability::Numbers,
            Absorb { .. } | HandPage { .. } | Timer(_) => Capability::Desk,
        }
    }

    /// Its key within the incident: a deed with the same key is the same deed, a waiting mirror with the same key is
    /// the same mirror.
    pub fn key(&self) -> String {
        use What::*;
        match self {
            Ask { n } => format!("chat.ask.{n}"),
            OpenChannel => "chat.channel".into(),
            Card => "chat.card".into(),
            Topic => "chat.topic".into(),
            Members => "chat.members".into(),
            Bookmarks => "chat.bookmarks".into(),
            Announcement => "chat.announcement".into(),
            Questions => "chat.questions".into(),
            Notice { fact, .. } => format!("chat.notice.{fact}"),
            PostUpdate { n } => format!("chat.update.{n}"),
            PostReview { fact } => format!("chat.review.{fact}"),
            LastWord { fact } => format!("chat.last_word.{fact}"),
            Brief { fact, .. } => format!("chat.brief.{fact}"),
            Offer { n, .. } => format!("chat.offer.{n}"),
            Report { fact, who, .. } => format!("chat.report.{fact}.{}", who.slack.as_deref().unwrap_or_default()),
            ReadMessage { ts } => format!("chat.read.{ts}"),
            KeepPictures { ts } => format!("chat.pictures.{ts}"),
            Departure { fact, .. } => format!("chat.departure.{fact}"),
            Decision { n, part } => format!("chat.decision.{n}.{}", part.key()),
            Remind { n, .. } => format!("chat.remind.{n}"),
            ArchiveChannel { fact } => format!("chat.archive.{fact}"),
            FileTicket => "record.ticket".into(),
            TicketFields => "record.fields".into(),
            TicketStatus => "record.status".into(),
            TicketJournal => JOURNAL_KEY.into(),
            TicketLink { to } => format!("record.link.{}", to.word()),
            Comment { n } => format!("record.comment.{n}"),
            AttachPicture { file } => format!("record.picture.{file}"),
            FileTask { n } => format!("record.task.{n}"),
            TaskStatus { n } => format!("record.task_status.{n}"),
            FileFollowUp { n } => format!("record.follow_up.{n}"),
            Duplicate { other } => format!("record.duplicate.{other}"),
            OpenMeeting => "bridge.meeting".into(),
            PublicPost { n } => format!("page.post.{n}"),
            PageStatus => "page.status".into(),
            CatalogueEvent { fact } => format!("catalogue.event.{fact}"),
            CatalogueNumbers { of } => format!("numbers.{}", of.key()),
            Digest { of, stretch, to, .. } => format!("chat.digest.{}.{to}.{}", stretch.word(), of.key()),
            ProcessFile { n, .. } => format!("chat.process_file.{n}"),
            Absorb { into } => format!("desk.absorb.{into}"),
            HandPage { into } => format!("desk.page.{into}"),
            Timer(self::Timer::Escalate { level }) => format!("desk.escalate.{level}"),
            Timer(self::Timer::Route) => "desk.route".into(),
            Timer(self::Timer::WindowOver { fact }) => format!("desk.window.{fact}"),
            Timer(self::Timer::Watch) => "desk.watch".into(),
            Timer(self::Timer::Decision { n }) => format!("desk.decision.{n}"),
            Timer(self::Timer::Expire { fact }) => format!("desk.expire.{fact}"),
        }
    }

    /// Whether it belongs to no incident but to the house itself; see [`Ref::HOUSE`].
    pub fn is_of_house(&self) -> bool {
        matches!(
            self,
            What::CatalogueNumbers { .. } | What::Digest { .. } | What::ProcessFile { .. }
        )
    }

    /// Whether it is repeated whenever needed (a mirror) rather than done once (a deed).
    pub fn is_mirror(&self) -> bool {
        use What::*;
        match self {
            // A look at what is overdue carries nothing and may be put off or brought forward.
            Timer(self::Timer::Watch) => true,
            Card | Topic | Members | Bookmarks | Announcement | Questions => true,
            TicketFields | TicketStatus | TicketLink { .. } | TaskStatus { .. } | PageStatus | TicketJournal => true,
            CatalogueNumbers { .. } => true,
            Ask { .. } | OpenChannel | Notice { .. } | PostUpdate { .. } | PostReview { .. } | LastWord { .. } => false,
            Remind { .. }
            | Offer { .. }
            | Departure { .. }
            | Decision { .. }
            | ReadMessage { .. }
            | KeepPictures { .. }
            | Report { .. }
            | Brief { .. }
            | Digest { .. }
            | ProcessFile { .. }
            | ArchiveChannel { .. }
            | FileTicket
            | Comment { .. }
            | FileTask { .. }
            | AttachPicture { .. }
            | FileFollowUp { .. } => false,
            OpenMeeting | PublicPost { .. } | CatalogueEvent { .. } | Duplicate { .. } => false,
            Absorb { .. } | HandPage { .. } => false,
            Timer(_) => false,
        }
    }

    /// What must not overtake each other: within one incident, effects of one lane are done one at a time, in order.
    pub fn lane(&self) -> String {
        use What::*;
        match self {
            Notice { .. } | PostUpdate { .. } | PostReview { .. } | LastWord { .. } | Remind { .. } | Brief { .. } => {
                "chat.posts".into()
            }
            Offer { .. } | Departure { .. } | Decision { .. } => "chat.posts".into(),
            Comment { .. } => "record.comments".into(),
            FileTask { .. } => "record.tasks".into(),
            PublicPost { .. } | PageStatus => "page".into(),
            ProcessFile { .. } => "chat.process_file".into(),
            other => other.key(),
        }
    }

    /// How soon it matters.
    pub fn rank(&self) -> Rank {
        use What::*;
        match self {
            Ask { .. } | OpenChannel | Timer(_) | Absorb { .. } | HandPage { .. } | Members => Rank::Urgent,
            Card | FileTicket | OpenMeeting | PublicPost { .. } | PageStatus | Announcement | Questions => Rank::Normal,
            Notice { .. }
            | PostUpdate { .. }
            | PostReview { .. }
            | LastWord { .. }
            | Comment { .. }
            | Remind { .. }
            | Offer { .. }
            | Departure { .. }
            | Decision { .. }
            | Brief { .. } => Rank::Normal,
            TicketFields
            | TicketStatus
            | TicketLink { .. }
            | FileTask { .. }
            | TaskStatus { .. }
            | FileFollowUp { .. }
            | Duplicate { .. } => Rank::Normal,
            ReadMessage { .. } | ProcessFile { .. } => Rank::Normal,
            // Whoever works on it comes first.
            Report { .. } | KeepPictures { .. } | AttachPicture { .. } => Rank::Cosmetic,
            Topic | Bookmarks | ArchiveChannel { .. } | CatalogueEvent { .. } | TicketJournal => Rank::Cosmetic,
            CatalogueNumbers { .. } | Digest { .. } => Rank::Cosmetic,
        }
    }

    /// What it is, for people: `open the Slack channel`.
    pub fn words(&self) -> String {
        use What::*;
        match self {
            Ask { .. } => "ask whether it is real".into(),
            OpenChannel => "open the Slack channel".into(),
            Card => "keep the card true".into(),
            Topic => "set the channel's topic".into(),
            Members => "invite people".into(),
            Bookmarks => "set the channel's bookmarks".into(),
            Announcement => "announce it".into(),
            Questions => "keep the question true".into(),
            Notice { .. } => "say in the channel that the status changed".into(),
            PostUpdate { n } => format!("post update {n} in the channel"),
            PostReview { .. } => "post the draft of the review".into(),
            LastWord { .. } => "post the last word".into(),
            Brief { who, .. } => format!("tell {} what the role means", who.label()),
            Offer { who, .. } => format!("offer {} the role", who.label()),
            Report { who, .. } => format!("tell {} what is new", who.label()),
            ReadMessage { .. } => "read a message that was marked".into(),
            KeepPictures { .. } => "keep the pictures of a message".into(),
            Departure { who, .. } => format!("say that {} has left", who.label()),
            Decision { n, .. } => format!("tell the channel of decision {n}"),
            Remind { .. } => "remind of what is overdue".into(),
            ArchiveChannel { .. } => "archive the channel".into(),
            FileTicket => "file the Jira ticket".into(),
            TicketFields => "keep the ticket's fields true".into(),
            TicketStatus => "move the Jira ticket".into(),
            TicketJournal => "keep the journal in the ticket".into(),
            TicketLink { to } => format!("link the ticket with {}", to.name()),
            Comment { n } => format!("write update {n} into the ticket"),
            AttachPicture { .. } => "attach a picture to the ticket".into(),
            FileTask { n } => format!("file task {n} in Jira"),
            TaskStatus { n } => format!("move task {n} in Jira"),
            FileFollowUp { n } => format!("file follow-up {n} in Jira"),
            Duplicate { other } => format!("link the ticket as a duplicate with that of {other}"),
            OpenMeeting => "open the Zoom meeting".into(),
            PublicPost { n } => format!("publish post {n} on the status page"),
            PageStatus => "keep the status page true".into(),
            CatalogueEvent { .. } => "tell the catalogue".into(),
            CatalogueNumbers { of } => format!("keep the numbers of {} in the catalogue", of.words()),
            Digest { of, stretch, to, .. } => format!("tell {} of the {} up to {to}", of.words(), stretch.word()),
            ProcessFile { news, .. } => format!("say that the process's file is {}", news.word()),
            Absorb { into } => format!("tell {into}"),
            HandPage { into } => format!("hand the public incident on to {into}"),
            Timer(self::Timer::Escalate { .. }) => "ask the next person if nobody answers".into(),
            Timer(self::Timer::Route) => "ask somebody even if the catalogue stays unknown".into(),
            Timer(self::Timer::WindowOver { .. }) => "ask once the maintenance window is over".into(),
            Timer(self::Timer::Decision { .. }) => "take the decision if nobody objects".into(),
            Timer(self::Timer::Watch) => "look whether something is overdue".into(),
            Timer(self::Timer::Expire { .. }) => "decline it if it stays silent".into(),
        }
    }
}
