//! What `imp check` tells about a vendor.

use crate::http::Fault;
use serde::Serialize;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which vendor: `Jira`.
    pub vendor: String,
    /// What was looked at: `the account may create issues in INC`.
    pub what: String,
    /// What is wrong and what to do about it; none where all is well.
    pub fault: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn well(vendor: &str, what: impl Into<String>) -> Finding {
        Finding {
            vendor: vendor.to_owned(),
            what: what.into(),
            fault: None,
        }
    }

    /// Something is wrong.
    pub fn wrong(vendor: &str, what: impl Into<String>, fault: impl Into<String>) -> Finding {
        Finding {
            vendor: vendor.to_owned(),
            what: what.into(),
            fault: Some(fault.into()),
        }
    }

    /// What a call says about it.
    pub fn of<T>(vendor: &str, what: impl Into<String>, result: &Result<T, Fault>) -> Finding {
        match result {
            Ok(_) => Finding::well(vendor, what),
            Err(fault) => Finding::wrong(vendor, what, fault.why()),
        }
    }
}
