//! What goes in and what comes out: [`Task`] and [`TaskResult`].

use std::fmt;

use crate::TaskError;

/// The label that the user gives a task.
///
/// It comes back on the task's result and in its messages. It need not be unique: the engine goes
/// by the task's ordinal, its place in the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u64);

impl From<u64> for TaskId {
    fn from(id: u64) -> Self {
        Self(id)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One input on its way through a blueprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Task<I> {
    /// The user's label for this task.
    pub id: TaskId,
    /// What the blueprint's first step takes.
    pub input: I,
}

impl<I> Task<I> {
    /// A task from its label and its input.
    ///
    /// ```
    /// let task = orchestrator::Task::new(7, "hello");
    /// assert_eq!(task.id.to_string(), "7");
    /// ```
    pub fn new(id: impl Into<TaskId>, input: I) -> Self {
        Self {
            id: id.into(),
            input,
        }
    }
}

/// How a task ended. Every admitted task has exactly one, unless the run ends with a [`RunError`](crate::RunError).
#[derive(Debug)]
#[non_exhaustive]
pub struct TaskResult<O> {
    /// The label that the task came with.
    pub id: TaskId,
    /// The task's place in its run, from 0, in the order of admission.
    pub ordinal: u64,
    /// What the last step yielded, or the error that ended the task.
    pub outcome: Result<O, TaskError>,
    /// Whether the task had ended when the run was opened: its result is from the journal, and may have
    /// been delivered before. Never so in memory.
    pub replayed: bool,
}

impl<O> TaskResult<O> {
    pub(crate) fn new(id: TaskId, ordinal: u64, outcome: Result<O, TaskError>) -> Self {
        Self {
            id,
            ordinal,
            outcome,
            replayed: false,
        }
    }

    /// Whether the task completed or failed.
    pub fn status(&self) -> TaskStatus {
        match self.outcome {
            Ok(_) => TaskStatus::Completed,
            Err(_) => TaskStatus::Failed,
        }
    }
}

/// The two ways in which a task ends.
///
/// It displays as its name: `Completed`, `Failed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskStatus {
    /// Every step was passed.
    Completed,
    /// A step failed for good, timed out, panicked, or was cancelled; see [`TaskError::kind`].
    Failed,
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Completed => "Completed",
            Self::Failed => "Failed",
        })
    }
}
