//! What is remembered and retried: the store, the desk where facts come in, the runner that has effects performed.

pub mod audit;
pub mod backup;
pub mod birth;
pub mod clock;
pub mod desk;
pub mod identity;
pub mod import;
mod inbox;
pub mod insights;
mod lane;
mod lease;
pub mod measure;
pub mod memory;
pub mod past;
pub mod picture;
pub mod process_file;
pub mod read;
pub mod rebuild;
pub mod runner;
pub mod saved_view;
pub mod session;
mod shelf;
mod sought;
mod spent;
pub mod store;
mod subscription;
pub mod sweep;
mod tx;
pub mod versions;

pub use clock::{Clock, SwiftClock, SystemClock};
pub use desk::{Change, Desk, Given, House, Receipt, SubmitError};
pub use lease::Lease;
pub use runner::{Progress, Runner};
pub use store::{Conn, OpenError, Row, Store, StoreError, Val};
