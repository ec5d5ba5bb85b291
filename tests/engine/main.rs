//! The engine over its public API: what tasks, doors and settings promise.
//!
//! Time is tokio's and paused wherever a test waits, and most tests run several workers on one
//! thread, so that a run is the same every time.

mod attack;
mod channel;
mod concurrency;
mod consumer;
mod delays;
mod laws;
mod order;
mod panics;
mod reuse;
mod script;
mod shutdown;
mod threads;
mod window;
