//! The stand-ins for Jira, Statuspage, OpsLevel and Zoom, driven over HTTP as an application drives the real ones.

mod faults;
mod jira;
mod opslevel;
mod peers;
mod statuspage;
mod zoom;

mod stage;
