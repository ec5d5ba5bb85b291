//! Threads, all of which the program needs from its start: [`runtime`].

use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::thread;

use anyhow::Context as _;
use tokio::runtime::{Builder, Runtime};

/// The threads beside the runtime's workers: the one that writes to the terminal, the one that reads
/// the tasks, the one that writes the journal, and one for name lookups.
const OTHERS: usize = 4;
/// The variable by which Tokio lets users set the number of workers.
const WORKERS_VARIABLE: &str = "TOKIO_WORKER_THREADS";

/// Starts the runtime.
///
/// # Errors
///
/// Fails if the process may not have as many threads as it needs. Tokio alone does not report that:
/// it panics if no thread can be started, and if some can, work waits for the others forever.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    let workers = workers();
    // Twice as many, since a thread that has ended still counts for an instant.
    let needed = 2 * (workers + OTHERS);
    try_out(needed).with_context(|| {
        format!(
            "this process may not have {needed} threads: raise the limit of processes (ulimit -u, \
             or pids.max of the control group)"
        )
    })?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build();
    runtime.context("the runtime does not start")
}

/// Returns how many workers the runtime is to have.
fn workers() -> usize {
    let asked_for = std::env::var(WORKERS_VARIABLE);
    let workers = asked_for.ok().and_then(|count| count.parse().ok());
    let workers = workers.or_else(|| thread::available_parallelism().ok());
    workers.map_or(1, NonZeroUsize::get)
}

/// Starts this many threads, which exist at the same time, and ends them.
fn try_out(count: usize) -> std::io::Result<()> {
    const STACK: usize = 64 * 1024;
    let mut running = Vec::with_capacity(count);
    for _ in 0..count {
        let (end, ended) = mpsc::channel::<()>();
        let thread = thread::Builder::new().stack_size(STACK).spawn(move || {
            // Nothing is sent: it fails when the other end is dropped.
            let _ = ended.recv();
        })?;
        running.push((end, thread));
    }
    for (end, thread) in running {
        drop(end);
        // It has nothing to panic about.
        let _ = thread.join();
    }
    Ok(())
}
