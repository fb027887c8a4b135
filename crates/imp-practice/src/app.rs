//! Where the application under practice listens, for the vendors that call it.

use std::sync::{PoisonError, RwLock};

/// The application under practice, seen from the vendors' side.
#[derive(Debug, Default)]
pub struct App {
    url: RwLock<Option<String>>,
    /// The client that the vendors call it with.
    pub http: reqwest::Client,
}

impl App {
    /// An application that does not listen yet.
    pub fn new() -> App {
        App::default()
    }

    /// Says where it listens: `http://127.0.0.1:8080`, with or without a slash at the end.
    pub fn set_url(&self, url: String) {
        let url = url.trim_end_matches('/').to_owned();
        *self.url.write().unwrap_or_else(PoisonError::into_inner) = Some(url);
    }

    /// Where it listens, if it does; without a slash at the end.
    pub fn url(&self) -> Option<String> {
        self.url.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
