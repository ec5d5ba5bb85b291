//! What all contestants have in common; the packages beside this one include it by its path.

use std::path::Path;
use std::time::Duration;

pub const PAYLOAD: &str = "abcdefghijklmnopqrstuvwxyz";

pub struct Measured {
    pub tasks: u32,
    pub elapsed: Duration,
    /// As read back while the contestant ran.
    pub durability: String,
}

/// Runs one contestant in a new directory, and prints a line.
pub fn measure(name: &str, run: impl AsyncFnOnce(&Path) -> Measured) {
    // Beside the caller, for a temporary directory is often in memory.
    let directory = tempfile::tempdir_in(".").expect("a directory");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let measured = runtime.block_on(run(directory.path()));
    // Closes what the contestant has left open, so that its log is back in its database.
    drop(runtime);
    let bytes: u64 = std::fs::read_dir(directory.path())
        .expect("the directory")
        .map(|entry| {
            entry
                .and_then(|file| file.metadata())
                .map_or(0, |file| file.len())
        })
        .sum();
    println!(
        "{name:<13} {:>8} tasks in {:>5.1} s  {:>8.0} tasks/s  {:>6} bytes a task  {}",
        measured.tasks,
        measured.elapsed.as_secs_f64(),
        f64::from(measured.tasks) / measured.elapsed.as_secs_f64(),
        bytes / u64::from(measured.tasks),
        measured.durability,
    );
}
