//! Runs that are kept in a file, and go on from there.

#[allow(dead_code)]
mod store;
