//! Why an attempt failed: [`StepFailure`].

#[cfg(feature = "restate")]
use std::borrow::Cow;
use std::time::Duration;

use super::marks::{asked_pause, is_permanent, without_marks};
#[cfg(feature = "restate")]
use super::{Inner, OneLine, TaskError};
use crate::TaskErrorKind;

/// Why one attempt of a step failed.
///
/// The code that `#[blueprint]` writes makes these; the engine adds the step's name and the number
/// of attempts and hands the user a [`TaskError`].
///
/// It is one word: every step's outcome has room for one, and few need it.
#[derive(Debug)]
pub struct StepFailure(pub(super) Box<Failure>);

#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: TaskErrorKind,
    pub(super) source: anyhow::Error,
    permanent: bool,
    retry_after: Option<Duration>,
    /// The step and its attempts, where the step was run by another process.
    #[cfg(feature = "restate")]
    pub(super) elsewhere: Option<(Cow<'static, str>, u32)>,
    #[cfg(feature = "restate")]
    is_of_the_run: bool,
}

impl Failure {
    fn new(kind: TaskErrorKind, source: anyhow::Error) -> Self {
        Self {
            kind,
            source,
            permanent: false,
            retry_after: None,
            #[cfg(feature = "restate")]
            elsewhere: None,
            #[cfg(feature = "restate")]
            is_of_the_run: false,
        }
    }
}

impl StepFailure {
    /// The step returned this error.
    pub fn failed(error: impl Into<anyhow::Error>) -> Self {
        let error = error.into();
        let (permanent, retry_after) = (is_permanent(&error), asked_pause(&error));
        let failure = Failure::new(TaskErrorKind::Failed, without_marks(error));
        Self(Box::new(Failure {
            permanent,
            retry_after,
            ..failure
        }))
    }

    /// The attempt took longer than `limit`.
    pub fn timed_out(limit: Duration) -> Self {
        Self::new(
            TaskErrorKind::TimedOut,
            anyhow::anyhow!("timed out after {limit:?}"),
        )
    }

    pub(crate) fn panicked(message: &str) -> Self {
        Self::new(
            TaskErrorKind::Panicked,
            anyhow::anyhow!("panicked: {message}"),
        )
    }

    /// The run can't go on, for this reason.
    pub(crate) fn stopped(reason: &anyhow::Error) -> Self {
        Self::new(
            TaskErrorKind::Cancelled,
            anyhow::anyhow!("stopped: {reason:#}"),
        )
    }

    pub(crate) fn cancelled() -> Self {
        Self::new(TaskErrorKind::Cancelled, anyhow::anyhow!("cancelled"))
    }

    pub(crate) fn new(kind: TaskErrorKind, source: anyhow::Error) -> Self {
        Self(Box::new(Failure::new(kind, source)))
    }

    /// What kind of failure this is.
    #[cfg(feature = "restate")]
    pub(crate) fn kind(&self) -> TaskErrorKind {
        self.0.kind
    }

    /// The step's own error and its causes, as one line.
    #[cfg(feature = "restate")]
    pub(crate) fn cause(&self) -> String {
        OneLine(&self.0.source).to_string()
    }

    /// The task failed elsewhere, and this is its error.
    #[cfg(feature = "restate")]
    pub(crate) fn elsewhere(error: TaskError) -> Self {
        let Inner {
            step,
            attempts,
            mut failure,
        } = *error.0;
        failure.elsewhere = Some((step, attempts));
        Self(Box::new(failure))
    }

    /// No task of the run can be gone on with, for this reason.
    #[cfg(feature = "restate")]
    pub(crate) fn of_the_run(reason: anyhow::Error) -> Self {
        let mut failure = Self::new(TaskErrorKind::Cancelled, reason);
        failure.0.is_of_the_run = true;
        failure
    }

    /// Whether no task of the run can be gone on with.
    #[cfg(feature = "restate")]
    pub(crate) fn is_of_the_run(&self) -> bool {
        self.0.is_of_the_run
    }

    /// Whether a further attempt is of no use: the error was marked by [`permanent`](crate::permanent).
    pub fn is_permanent(&self) -> bool {
        self.0.permanent
    }

    /// The pause that the error asks for, if it was marked by [`retry_after`](crate::retry_after).
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}
