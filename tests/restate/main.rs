//! Tasks on a real Restate server, which `.ci/restate` installs:
//! `cargo test --workspace --test restate -- --ignored`, after `cargo test --workspace`.

mod changed;
#[allow(dead_code, reason = "the tests of csv_runner use more of it")]
#[path = "../csv_runner/cli.rs"]
mod cli;
mod client;
mod cluster;
mod crashes;
mod csv_runner;
mod gateway;
#[allow(dead_code, reason = "the tests of csv_runner use more of it")]
#[path = "../csv_runner/server.rs"]
mod http;
mod odd;
mod server;
mod trace;
mod waiting;
mod worker;

use std::time::Duration;

/// What a pause that the tests make is long enough for.
const SOON: Duration = Duration::from_millis(700);
