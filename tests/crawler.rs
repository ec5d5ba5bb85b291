//! Runs the tests that stand in the example `crawler`: here time can be paused, for which the program
//! itself has no use.

#![allow(
    dead_code,
    reason = "the tests call parts of the program, not the whole"
)]

#[path = "../examples/crawler.rs"]
mod crawler;
