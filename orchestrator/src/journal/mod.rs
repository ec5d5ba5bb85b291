//! Durable runs: a journal, and what goes on after a crash.

mod clock;
mod error;
mod file;
mod horizon;
mod notebook;
mod record;
mod recording;
mod status;
mod store;

pub use error::JournalError;
pub use file::Journal;
pub use status::{FailureCause, JournalStatus, StepCount};
