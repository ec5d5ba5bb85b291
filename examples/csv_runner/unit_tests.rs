//! Runs the unit tests that stand in the example's modules: cargo builds an example either to be
//! tested or to be run, and the integration tests run it.

#![allow(
    dead_code,
    reason = "the tests call parts of the program, not the whole"
)]

#[path = "main.rs"]
mod csv_runner;
