//! Every port against the practice workspace: performed twice, failed once, and the deed is in the world once.

mod jira;
mod opslevel;
mod slack;
mod stage;
mod statuspage;
mod two_writers;
mod zoom;
