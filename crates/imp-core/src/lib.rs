//! What is true: incidents, the process, commands, events, effects and the laws between them. Pure: no IO, no clock.

pub mod alert;
pub mod catalogue;
pub mod command;
pub mod decide;
pub mod effect;
pub mod event;
pub mod incident;
pub mod metric;
pub mod moment;
pub mod person;
pub mod port;
pub mod process;
pub mod react;
pub mod record;
pub mod reference;
pub mod refusal;
pub mod rights;
pub mod story;
pub mod summons;
mod together;
pub mod words;

pub use alert::Alert;
pub use catalogue::{Catalogue, Directory};
pub use command::{Command, Envelope};
pub use decide::{Facts, decide};
pub use effect::{Capability, Effect, What};
pub use event::Event;
pub use incident::Incident;
pub use moment::At;
pub use person::{Actor, Door, Who};
pub use port::{Order, Outcome, Port};
pub use process::Process;
pub use react::react;
pub use reference::Ref;
pub use refusal::Refusal;
pub use rights::Role;
