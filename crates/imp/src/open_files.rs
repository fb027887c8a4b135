//! How many files and connections this process may have open.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises it to what the system grants: every live page and every sender of alerts in a storm holds one, and many systems
/// begin with 1,024. Where it cannot be raised, it stays as it is.
pub fn raise() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(e) = setrlimit(Resource::Nofile, limit) {
            tracing::info!(error = %e, "the number of open files cannot be raised");
        }
    }
}
