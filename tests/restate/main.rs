//! Tasks on a real Restate server, which `.ci/restate` installs:
//! `cargo test --workspace --test restate -- --ignored`, after `cargo test --workspace`.

mod bodies;
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
mod silence;
mod trace;
mod waiting;
mod worker;

use std::time::Duration;

/// How long any wait of these tests may take.
const LIMIT: Duration = Duration::from_secs(120);

/// Waits until something holds.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(LIMIT, waiting).await;
    assert!(waited.is_ok(), "waited {LIMIT:?} until {what}");
}

/// What a pause that the tests make is long enough for.
const SOON: Duration = Duration::from_millis(700);
