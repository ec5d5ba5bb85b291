//! Outgrow one machine: tasks are run by workers anywhere, on a [Restate](https://restate.dev) server.
mod address;
mod client;
mod error;
mod ingress;
mod registration;
mod server;
mod service;
mod worker;

pub use self::client::{Client, ClientState, Submitted};
pub use self::error::RestateError;
pub use self::worker::Worker;

/// The one handler of each service.
const HANDLER: &str = "run";

/// The code of a failure of the blueprint's own, whose message is all of it as JSON.
const FAILED: u16 = 422;

/// The code for a task that somebody cancelled.
const CANCELLED: u16 = 409;

/// Under what a service tells the fingerprint of its steps, and their names.
const PIPELINE: &str = "orchestrator.pipeline";
const STEPS: &str = "orchestrator.steps";
