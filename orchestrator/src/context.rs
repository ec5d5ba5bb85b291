//! What a step may know of the task it works on: [`StepContext`].

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::{StepInfo, TaskId};

/// What a step may know of the task it works on.
///
/// A step that wants it takes `cx: &StepContext` as its last argument.
#[derive(Clone, Debug)]
pub struct StepContext {
    run: Arc<RunContext>,
    task: TaskId,
    ordinal: u64,
    position: usize,
    attempt: u32,
}

/// What is the same for all tasks of a run.
#[derive(Debug)]
pub(crate) struct RunContext {
    pub(crate) id: Arc<str>,
    pub(crate) steps: &'static [StepInfo],
    pub(crate) cancelled: CancellationToken,
}

impl StepContext {
    pub(crate) fn new(run: Arc<RunContext>, task: TaskId, ordinal: u64, attempt: u32) -> Self {
        Self {
            run,
            task,
            ordinal,
            position: 0,
            attempt,
        }
    }

    /// The user's label for the task.
    pub fn task_id(&self) -> TaskId {
        self.task
    }

    /// The task's place in its run, from 0, in the order of admission.
    pub fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// The step's own name.
    pub fn step(&self) -> &'static str {
        self.run.steps[self.position].name()
    }

    /// Which attempt at this step this is, from 1: the failures so far and one.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// A key that names this step of this task in this run, and stays the same across attempts.
    ///
    /// Send it along with a request (`Idempotency-Key`) so that the other side can tell a repeated
    /// request from a new one. It reads `run/ordinal/step`.
    pub fn idempotency_key(&self) -> String {
        format!("{}/{}/{}", self.run.id, self.ordinal, self.step())
    }

    /// Cancelled when the run is being shut down; the step then has the grace time to finish.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.run.cancelled
    }

    /// The context of the step that the task has now come to.
    pub(crate) fn enter(&mut self, position: usize, attempt: u32) {
        self.position = position;
        self.attempt = attempt;
    }
}
