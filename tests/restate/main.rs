//! Tasks on a real Restate server, which `.ci/restate` installs:
//! `cargo test -p orchestrator-tests --test restate -- --ignored`.

mod changed;
mod client;
mod crashes;
mod server;
mod trace;
mod worker;

use std::time::Duration;

/// What a pause that the tests make is long enough for.
const SOON: Duration = Duration::from_millis(300);
