//! The engine over its public API: what tasks, doors and settings promise.
//!
//! Time is tokio's and paused wherever a test waits, and most tests run several workers on one
//! thread, so that a run is the same every time.

mod channel;
mod closure;
mod concurrency;
mod consumer;
mod contained;
mod delays;
mod errors;
mod fairness;
mod gate_laws;
mod gate_threads;
mod handed_over;
mod laws;
mod limits;
mod order;
mod panics;
mod permits;
mod places;
mod rates;
mod reuse;
mod runtimes;
mod script;
mod shutdown;
mod threads;
mod window;
