//! Figures in Prometheus' text format.

use crate::SERVICE;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

/// How many requests were answered, by path and code.
#[derive(Debug, Default)]
pub struct Figures(Mutex<BTreeMap<(String, u16), u64>>);

impl Figures {
    /// One more.
    pub fn count(&self, path: &str, code: u16) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *all.entry((path.to_owned(), code)).or_default() += 1;
    }

    /// All of them.
    pub fn text(&self) -> String {
        let mut out = String::from("# TYPE http_requests_total counter\n");
        for ((path, code), n) in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = writeln!(
                out,
                "http_requests_total{{service=\"{SERVICE}\",path=\"{path}\",code=\"{code}\"}} {n}"
            );
        }
        out
    }
}
