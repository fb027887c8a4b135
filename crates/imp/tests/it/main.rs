//! The house tests: the real program against the practice workspace, over real HTTP, in the words of those who use it.

mod audit;
mod browser;
mod cli;
mod console;
mod doors;
mod guidance;
mod imp;
mod insights;
mod insights_pages;
mod jira;
mod kills;
mod last_resort;
mod lifecycle;
mod missing;
mod monitoring;
mod moves;
mod outages;
mod prometheus;
mod rebuild;
mod replicas;
mod rules;
mod script;
mod slack;
mod stage;
mod tidy;
mod twice;
