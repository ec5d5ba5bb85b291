//! Durable runs: what goes on after a crash, and what is refused.
//!
//! A crash is played by dropping the run where it stands: what is on disk is what a killed process would
//! have left. (That SIGKILL leaves no more and no less is tested with `csv_runner`.) Time is paused, so
//! commits are inline.

mod broken;
mod delays;
mod finished;
mod model;
mod refused;
mod resumed;
mod sent;
mod shutdown;
mod status;
mod threads;
mod trace;
mod unique;

use orchestrator::{Durable, Journal, Orchestrator, RunError, Task, TaskResult, TaskResults};
use tempfile::TempDir;

/// A directory with room for one journal.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("run.db")
    }

    /// The journal, as soon as the run before has let go of it.
    async fn open(&self) -> Journal {
        loop {
            match Journal::open(self.path()) {
                Err(error) if error.is_locked() => tokio::task::yield_now().await,
                journal => return journal.unwrap(),
            }
        }
    }

    /// The same for a paused clock.
    async fn journal(&self) -> Journal {
        self.open().await.inline()
    }

    async fn orchestrator<B: Durable>(&self, blueprint: B) -> Orchestrator<B> {
        let journal = self.journal().await;
        Orchestrator::new(blueprint).journal(journal).unwrap()
    }
}

/// Tasks with these inputs, their ids from 100.
fn tasks<I>(inputs: impl IntoIterator<Item = I>) -> Vec<Task<I>> {
    let ids = 100..;
    ids.zip(inputs)
        .map(|(id, input)| Task::new(id, input))
        .collect()
}

/// Returns the results of a run that cannot continue, and the error that it ends with.
async fn until_error<O>(results: &mut TaskResults<O>) -> (Vec<TaskResult<O>>, RunError) {
    let mut all = Vec::new();
    loop {
        match results.recv().await {
            Ok(Some(result)) => all.push(result),
            Ok(None) => panic!("the run ends without an error after {} results", all.len()),
            Err(error) => return (all, error),
        }
    }
}

/// What a result says, in a line.
fn line<O: std::fmt::Debug>(result: &TaskResult<O>) -> String {
    let replayed = if result.replayed { " (replayed)" } else { "" };
    match &result.outcome {
        Ok(output) => format!("{} {output:?}{replayed}", result.id),
        Err(error) => format!("{} {:?} {error}{replayed}", result.id, error.kind()),
    }
}
