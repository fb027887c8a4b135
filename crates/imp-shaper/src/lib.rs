//! Service Shaper: from a template and some answers to a new service, planned first and applied step by step.

pub mod binary;
pub mod check;
pub mod fault;
pub mod formats;
pub mod git;
pub mod jinja;
pub mod library;
pub mod made;
pub mod native;
pub mod publish;
pub mod question;
pub mod render;
pub mod shape;
pub mod source;
pub mod task;
pub mod tree;
pub mod update;
pub mod version;
pub mod yaml;
pub mod yaml_out;
