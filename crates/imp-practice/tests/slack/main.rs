//! The practice Slack from outside: over HTTP and WebSockets, by hand and by Slack's own clients.

mod calls;
mod kit;
mod peers;
mod sending;
mod socket;
mod stage;
