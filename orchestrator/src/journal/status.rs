//! How a run stands, for anybody to ask: [`JournalStatus`].

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::store::{self, FailureKind};
use super::{Journal, JournalError};
use crate::TaskErrorKind;

/// How a run stands, by its journal; see [`Journal::status`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JournalStatus {
    /// The name of its blueprint.
    pub blueprint: String,
    /// The run's own name, which its [idempotency keys](crate::StepContext::idempotency_key) begin with.
    pub run: String,
    /// The [facts](Journal::fact) that it was begun with.
    pub facts: Vec<(String, String)>,
    /// When all of its tasks had come in, if they have.
    pub taken: Option<SystemTime>,
    /// When all of its tasks had ended, if they have.
    pub finished: Option<SystemTime>,
    /// When the journal was last written. If this is in the future, a clock is or was wrong.
    pub written: SystemTime,
    /// The bytes of the write-ahead log that could not be copied into the main file yet, because another program has been
    /// reading the journal in one transaction. While it does, the log grows.
    pub held_bytes: u64,
    /// How many tasks are where, step by step.
    pub steps: Vec<StepCount>,
    /// How many tasks have completed.
    pub completed: u64,
    /// How many tasks have failed.
    pub failed: u64,
    /// The causes of failures, the most frequent first; at most 20.
    pub failures: Vec<FailureCause>,
    /// When delays end next, and how many tasks go on in the second (of the time of day) that this is in; at
    /// most 20 seconds.
    pub wakes: Vec<(SystemTime, u64)>,
}

/// How many tasks are at a step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepCount {
    /// The step's name. After a last delay it is `$end`.
    pub step: String,
    /// Tasks that the step is next for, or that are in it.
    pub ready: u64,
    /// Tasks that the step is next for when their delay is over.
    pub waiting: u64,
    /// Tasks that failed in it.
    pub failed: u64,
}

/// A cause that tasks failed for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailureCause {
    /// The step that they failed in.
    pub step: String,
    /// In which way.
    pub kind: TaskErrorKind,
    /// The step's own error.
    pub message: String,
    /// How many tasks did.
    pub tasks: u64,
}

impl Journal {
    /// How the run stands whose journal is at this path.
    ///
    /// Takes no lock and changes nothing: any process may ask, also while the run is under way. A task
    /// of a door whose input is read again is in the journal from the end of its first step on.
    ///
    /// # Errors
    ///
    /// If there is no journal, or it can't be read.
    pub fn status(path: impl AsRef<Path>) -> Result<JournalStatus, JournalError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
        let status = store::status(path.as_ref(), now)?;
        let steps = status.steps.into_iter().map(|step| StepCount {
            step: step.name,
            ready: step.ready,
            waiting: step.waiting,
            failed: step.failed,
        });
        let failures = status.failures.into_iter().map(|failure| FailureCause {
            step: failure.step,
            kind: match failure.kind {
                FailureKind::Failed => TaskErrorKind::Failed,
                FailureKind::TimedOut => TaskErrorKind::TimedOut,
                FailureKind::Panicked => TaskErrorKind::Panicked,
            },
            message: failure.message,
            tasks: failure.tasks,
        });
        let wakes = status.wakes.into_iter();
        Ok(JournalStatus {
            blueprint: status.identity.blueprint,
            run: status.run,
            facts: status.identity.facts,
            taken: status.marks.taken.map(time),
            finished: status.marks.finished.map(time),
            written: time(status.written),
            held_bytes: status.held_pages.unsigned_abs() * 4_096,
            steps: steps.collect(),
            completed: status.completed,
            failed: status.failed,
            failures: failures.collect(),
            wakes: wakes.map(|(at, tasks)| (time(at), tasks)).collect(),
        })
    }
}

/// A time that is stored so.
pub(super) fn time(millis: i64) -> SystemTime {
    let distance = Duration::from_millis(millis.unsigned_abs());
    let time = if millis < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(UNIX_EPOCH)
}
