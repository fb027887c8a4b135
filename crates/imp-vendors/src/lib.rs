//! What speaks to others: a folder for each vendor, which turns orders into their HTTP and their HTTP into envelopes.

pub mod alerts;
pub mod budget;
pub mod check;
pub mod doubt;
pub mod git;
pub mod http;
pub mod jira;
pub mod opslevel;
pub mod secret;
pub mod slack;
pub mod statuspage;
pub mod zoom;

use imp_core::{Outcome, What};

/// The answer to an order that belongs to another capability: a fault in the wiring, shown and not retried.
pub fn not_ours(vendor: &str, what: &What) -> Outcome {
    Outcome::Never {
        why: format!("{vendor} cannot {}; this is a fault in IMP", what.words()),
    }
}
