//! The example `csv_runner`, run as a child process against real sockets, files and signals.

#![cfg(unix)]

mod certificates;
mod cli;
mod crash;
mod doors;
mod endpoint;
mod ends;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod faults;
mod input;
mod journal;
mod kept;
mod output;
mod proxies;
mod refusals;
mod secrets;
mod server;
mod signals;
mod terminal;
mod throttle;
