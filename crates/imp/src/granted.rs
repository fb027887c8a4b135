//! What the system grants this process: how many files it may have open, and that nothing of its memory is written to disk.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// No core dumps: they would hold tokens and what is private. Where that cannot be had, it is said.
pub fn keep_memory_off_the_disk() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(e) = setrlimit(Resource::Core, none) {
        tracing::warn!(error = %e, "core dumps cannot be switched off; let whoever starts IMP do it (LimitCORE=0)");
    }
}

/// Raises the limit of open files to what the system grants: every live page and every sender of alerts in a storm holds
/// one, and many systems begin with 1,024. Where it cannot be raised, it stays as it is.
pub fn raise() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(e) = setrlimit(Resource::Nofile, limit) {
            tracing::info!(error = %e, "the number of open files cannot be raised");
        }
    }
}
