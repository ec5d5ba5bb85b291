//! The example `csv_runner`, run as a child process against real sockets, files and signals.

#![cfg(unix)]

mod cli;
mod doors;
mod endpoint;
mod ends;
mod input;
mod output;
mod secrets;
mod server;
mod signals;
mod terminal;
