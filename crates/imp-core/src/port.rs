//! The doors through which hands reach the world; implemented in the vendor folders, called by the runner.

use crate::catalogue::{Catalogue, Directory};
use crate::command::{RecordChange, Seen};
use crate::effect::What;
use crate::event::{Fact, Link};
use crate::hint::Hint;
use crate::person::Who;
use crate::public::Differs;
use crate::{At, Incident, Process, Ref};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A future that can be sent between threads.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The target of the spans that a trace is made of. Nobody listens to it unless traces are kept, so that they cost nothing
/// otherwise; whoever makes one puts nothing into it that people wrote, and no address.
pub const SPANS: &str = "imp::span";

/// One effect, to be performed now.
#[derive(Debug, Clone)]
pub struct Order {
    /// The effect's key within the incident.
    pub key: String,
    /// What is to be done.
    pub what: What,
    /// How often it was tried before. More than 0 means that an earlier try may have worked and its answer been lost:
    /// a create looks before it creates.
    pub tried: u32,
    /// Whether another replica may have written for this incident at this vendor since this one did: then what this one
    /// remembers to have written there says nothing.
    pub others_wrote: bool,
    /// The incident as it is now.
    pub incident: Arc<Incident>,
    /// The process that it follows.
    pub process: Arc<Process>,
    /// The version in force, where that is another and whoever works on it would notice.
    pub newer: Option<String>,
    /// The catalogue as last seen.
    pub catalogue: Arc<Catalogue>,
    /// People as last seen.
    pub directory: Arc<Directory>,
    /// Effects of this incident that are not done yet and have been tried: key, words, last fault, since when.
    pub waiting: Arc<Vec<Waiting>>,
    /// Key of the other incident's ticket, where the effect is about another incident that has one.
    pub other_ticket: Option<String>,
    /// Other incidents that may help whoever looks at this one.
    pub hints: Arc<Vec<Hint>>,
    /// All that is known of it, where the effect is to keep that.
    pub ledger: Option<Arc<Ledger>>,
    /// Now.
    pub now: At,
}

/// All that is known of an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    /// Its facts, oldest first.
    pub facts: Vec<Fact>,
    /// The keys of its deeds that are done, oldest first.
    pub done: Vec<String>,
}

/// An incident as the record remembers it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recalled {
    /// Its reference.
    pub reference: Ref,
    /// Its ticket's key.
    pub ticket: String,
    /// Its facts, oldest first; they begin with its opening.
    pub facts: Vec<Fact>,
    /// Deeds that are known to be done.
    pub done: BTreeSet<String>,
    /// Whether the facts are its journal's. Else they are what the ticket itself tells.
    pub whole: bool,
    /// What could not be brought back, and why: sentences for people.
    pub notes: Vec<String>,
}

/// Something of an incident that is still owed and has failed at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Key of the effect.
    pub key: String,
    /// What it is.
    pub words: String,
    /// Why it has not worked yet.
    pub why: String,
    /// Since when it is owed.
    pub since: At,
}

/// How long to wait after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// As long as the runner's back-off says.
    BackOff,
    /// So many milliseconds: somebody has to mend something first, and may say sooner that it is mended.
    Mend(i64),
    /// At least so many milliseconds, because the vendor asked for them; nothing hastens it.
    Asked(i64),
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done; here is what was learnt.
    Done(Vec<Link>),
    /// Not now: a limit of our own making asks for patience. Does not count as a try.
    Wait {
        /// Milliseconds until it may be tried.
        after_ms: i64,
    },
    /// It failed and may work later.
    Later {
        /// How long to wait before it is tried again.
        pause: Pause,
        /// Why.
        why: String,
    },
    /// It cannot work as it stands; a person has to see it.
    Never {
        /// Why, and what to do.
        why: String,
    },
}

impl Outcome {
    /// Its word, without what it learnt or why.
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Done(_) => "done",
            Outcome::Wait { .. } => "wait",
            Outcome::Later { .. } => "later",
            Outcome::Never { .. } => "never",
        }
    }
}

/// Hands for one capability.
pub trait Port: Send + Sync {
    /// Performs an order. Called again with the same key until it is done or never will be.
    fn perform(&self, order: Order) -> Boxed<'_, Outcome>;

    /// Forgets what was last written of an incident, so that its mirrors look at what is there the next time.
    /// Hands without mirrors have nothing to forget.
    fn forget(&self, _incident: &Incident) {}

    /// The vendor's limits, where these hands keep any.
    fn limits(&self) -> Option<&dyn Limits> {
        None
    }
}

/// What a vendor lets us call, which holds for all replicas together and does not begin anew with a restart.
pub trait Limits: Send + Sync {
    /// Whose limits they are, as people call the vendor. Hands with the same name keep the same limits.
    fn vendor(&self) -> &'static str;

    /// Keeps a part of them from now on: so many replicas call, this one included.
    fn share(&self, replicas: u32);

    /// Up to now calls were made that this process knows nothing of: by an earlier run that was cut off in the middle of
    /// work, or by another replica. What is called for the first time from now on waits as if it had just been called.
    fn resumes(&self);

    /// A number that grows with whatever is spent here, so that it can be told whether anything was.
    fn count(&self) -> u64;

    /// What was spent here and still counts for longer than a restart takes.
    fn spent(&self) -> Vec<Spent>;

    /// What was spent elsewhere, as it was written down so many milliseconds ago, counts here too.
    fn knows(&self, spent: &[Spent], ago_ms: u64);
}

/// Calls that count against one limit of a vendor, seen from when this was written down. All in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Which limit: a method, or whatever else the vendor counts by.
    pub key: String,
    /// How long ago each call was, the oldest first.
    pub ages: Vec<u64>,
    /// How long a call counts.
    pub lasts: u64,
    /// How much longer the vendor wants to be left in peace.
    pub patience: u64,
}

/// Where the catalogue is read from.
pub trait CatalogueSource: Send + Sync {
    /// Reads all of it.
    fn read(&self) -> Boxed<'_, Result<Catalogue, String>>;
}

/// Where the people are read from.
pub trait DirectorySource: Send + Sync {
    /// Reads all of them.
    fn read(&self) -> Boxed<'_, Result<Directory, String>>;
}

/// What a look at the public incidents found: in what each differs from its incident; none where it agrees.
pub type Shown = Vec<(Ref, Option<Differs>)>;

/// The public page, as it is looked at for what people changed there.
pub trait PageSource: Send + Sync {
    /// Looks at the public incidents of these.
    fn look(&self, incidents: Vec<(Arc<Incident>, Arc<Process>)>) -> Boxed<'_, Result<Shown, String>>;
}

/// Something that somebody changed in a ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// What.
    pub change: RecordChange,
    /// What was read of which field.
    pub seen: Option<Seen>,
    /// Who changed it, where the record says so.
    pub who: Option<Who>,
}

/// The record, as it is looked at for what people changed there.
pub trait RecordSource: Send + Sync {
    /// Looks at an incident's ticket.
    fn look(&self, incident: Arc<Incident>, process: Arc<Process>) -> Boxed<'_, Result<Vec<Heard>, String>>;

    /// Which tickets have changed within so many milliseconds: key, and a mark that changes whenever the ticket does.
    fn changed(&self, within_ms: i64) -> Boxed<'_, Result<Vec<(String, String)>, String>>;
}
