//! What `#[blueprint]` writes, at work.
//!
//! Each file tests one side of it; the paused clock of tokio makes delays and pauses pass at once.

mod bounds;
mod conditional;
mod docs;
mod early_exit;
mod flow;
mod generics;
mod hygiene;
mod names;
mod objects;
mod receivers;
mod retry;
mod size;
mod stored;
mod timeout;
mod visibility;

use orchestrator::{Blueprint, Orchestrator, Task, TaskError};

/// Runs one task through the blueprint.
async fn run<B: Blueprint>(blueprint: B, input: B::Input) -> Result<B::Output, TaskError> {
    let orchestrator = Orchestrator::new(blueprint);
    let mut results = orchestrator
        .execute_tasks([Task::new(1, input)])
        .await
        .unwrap();
    assert_eq!(results.len(), 1);
    results.remove(0).outcome
}
