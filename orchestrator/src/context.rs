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
    position: u32,
    attempt: u32,
}

/// What is the same for all tasks of a run.
#[derive(Debug)]
pub(crate) struct RunContext {
    pub(crate) id: Arc<str>,
    pub(crate) steps: &'static [StepInfo],
    pub(crate) cancelled: CancellationToken,
    /// For a step that finds that no task of the run can be gone on with. None elsewhere than in this
    /// engine's runs.
    #[cfg(feature = "restate")]
    pub(crate) breaker: Option<crate::engine::Breaker>,
}

impl StepContext {
    #[inline]
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
    #[inline]
    pub fn task_id(&self) -> TaskId {
        self.task
    }

    /// The task's place in its run, from 0, in the order of admission.
    #[inline]
    pub fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// The step's own name.
    pub fn step(&self) -> &'static str {
        self.run.steps[self.position as usize].name()
    }

    /// Which attempt at this step this is, from 1: the failures so far and one.
    #[inline]
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

    /// A token that is cancelled when the run is being shut down; the step then has the grace time
    /// to finish. To cancel the token ends nothing but what was given it.
    pub fn cancellation(&self) -> CancellationToken {
        self.run.cancelled.child_token()
    }

    /// The run's name, which idempotency keys begin with.
    #[cfg(feature = "restate")]
    pub(crate) fn run_id(&self) -> &str {
        &self.run.id
    }

    /// The run can't go on.
    #[cfg(feature = "restate")]
    pub(crate) fn break_down(&self, error: anyhow::Error) {
        if let Some(breaker) = &self.run.breaker {
            breaker.break_down(error);
        }
    }

    #[inline]
    pub(crate) fn into_run(self) -> Arc<RunContext> {
        self.run
    }

    #[inline]
    pub(crate) fn position(&self) -> u32 {
        self.position
    }

    /// The task stands at this step now.
    #[inline]
    pub(crate) fn enter(&mut self, position: usize) {
        // A blueprint of more steps than that could not be compiled.
        self.position = u32::try_from(position).unwrap_or(u32::MAX);
    }

    /// The task comes to a further step, with no attempt at it so far.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.attempt = 1;
    }
}
