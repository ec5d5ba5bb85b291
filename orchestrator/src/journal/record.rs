//! Conversions between the store's records and the engine's view of a task.

use anyhow::Context as _;

use super::horizon::is_long;
use super::store::{FailureKind, Record, Stage, Timeline};
use crate::engine::{Known, Recalled, Wake, contained};
use crate::{Durable, StepFailure, TaskError, TaskErrorKind, TaskId};

/// A stored task as the engine knows it.
///
/// # Errors
///
/// If the program can't read what an earlier one wrote.
pub(super) fn recalled<B: Durable>(
    record: Record,
    timeline: &Timeline,
) -> anyhow::Result<Recalled<B>> {
    let id = TaskId(record.id);
    Ok(Recalled {
        id,
        ordinal: record.ordinal,
        known: known(id, record.stage, timeline)?,
    })
}

/// How far a task has come that is stored so.
fn known<B: Durable>(id: TaskId, stage: Stage, timeline: &Timeline) -> anyhow::Result<Known<B>> {
    Ok(match stage {
        Stage::Next {
            step,
            attempt,
            json,
            wake,
        } => {
            let value = contained(|| B::decode(&step, &json)).with_context(|| {
                format!("task {id} waits for `{step}` in the journal with a value that this program can't read: run the program that wrote it, or give new fields a `#[serde(default)]`")
            })?;
            Known::Waits {
                state: value,
                attempt,
                wake: wake.map(|wake| Wake {
                    due: timeline.due(&wake),
                    is_far: is_long(wake.full),
                }),
            }
        }
        Stage::Completed { json } => {
            let output = contained(|| B::decode_output(&json)).with_context(|| {
                format!("task {id} has an output in the journal that this program can't read: run the program that wrote it, or give new fields a `#[serde(default)]`")
            })?;
            Known::Ended(Ok(output))
        }
        Stage::Failed {
            step,
            attempts,
            kind,
            message,
        } => {
            let failure = StepFailure::new(of_kind(kind), anyhow::Error::msg(message));
            Known::Ended(Err(TaskError::new(step, attempts, failure)))
        }
    })
}

/// How a task ended that is stored so.
pub(super) fn outcome<B: Durable>(
    id: TaskId,
    end: Stage,
    timeline: &Timeline,
) -> anyhow::Result<Result<B::Output, TaskError>> {
    match known::<B>(id, end, timeline)? {
        Known::Ended(outcome) => Ok(outcome),
        Known::Waits { .. } => anyhow::bail!("task {id} has not ended"),
    }
}

/// Whether it is of a task that failed.
pub(super) fn has_failed(record: &Record) -> bool {
    matches!(record.stage, Stage::Failed { .. })
}

/// The record of a task's end.
pub(super) fn ended<B: Durable>(outcome: &Result<B::Output, TaskError>) -> anyhow::Result<Stage> {
    Ok(match outcome {
        Ok(output) => Stage::Completed {
            json: contained(|| B::encode_output(output))?,
        },
        Err(error) => Stage::Failed {
            step: error.step().to_owned().into(),
            attempts: error.attempts(),
            kind: kind_of(error.kind()),
            message: error.cause(),
        },
    })
}

fn of_kind(kind: FailureKind) -> TaskErrorKind {
    match kind {
        FailureKind::Failed => TaskErrorKind::Failed,
        FailureKind::TimedOut => TaskErrorKind::TimedOut,
        FailureKind::Panicked => TaskErrorKind::Panicked,
    }
}

fn kind_of(kind: TaskErrorKind) -> FailureKind {
    match kind {
        TaskErrorKind::TimedOut => FailureKind::TimedOut,
        TaskErrorKind::Panicked => FailureKind::Panicked,
        // A task that was cancelled or refused is not stored as ended.
        TaskErrorKind::Failed | TaskErrorKind::Cancelled | TaskErrorKind::Refused => {
            FailureKind::Failed
        }
    }
}
